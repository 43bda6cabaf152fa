//! What Plumbline reaches on this machine: `make bench`.
//!
//! Everything is measured in one run and told with its ratios: machines differ and are busy, and what
//! is measured side by side is slowed alike.

mod decode;
mod engine;
mod failover;
mod kafka;
mod log;
mod restore;
mod soak;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use plumbline_replay_data::Options;
use plumbline_tests::{Brokers, Line};

use engine::Measured;
use failover::End;
use kafka::{Answered, Entrance};

/// Of the log.
const PARTITIONS: u32 = 4;
/// Who is killed is missed after this.
const SESSION_TIMEOUT: Duration = Duration::from_secs(3);

/// Measures the parser, the engine, its state, and the line over a real Apache Kafka.
#[derive(Debug, Parser)]
struct Bench {
    /// Only these parts; otherwise all but the soak.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Events per second for the latencies.
    #[arg(long, default_value_t = 10_000)]
    rate: usize,
    /// Seconds for which latencies are measured.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Minutes of the soak.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Where the soak is drawn.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// How many identities are restored or taken over.
    #[arg(long, default_value_t = 200_000)]
    identities: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Parser and engine, in memory.
    Engine,
    /// From raw records to events.
    Decode,
    /// Bytes per identity after two weeks.
    State,
    /// Over Kafka.
    Kafka,
    /// From the state that a killed process has left, on Kafka.
    Restore,
    /// From the end of one process to the answers of another that has stood by.
    Failover,
    /// Over three brokers that each keep every record.
    Cluster,
    /// Half an hour of work, and the memory that it takes.
    Soak,
}

fn main() -> Result<(), Box<dyn Error>> {
    let bench = Bench::parse();
    machine();
    let all = Part::value_variants().iter();
    let mut parts: Vec<Part> = all.copied().filter(|part| *part != Part::Soak).collect();
    if !bench.only.is_empty() {
        parts.clone_from(&bench.only);
    }
    for part in parts {
        match part {
            Part::Engine => engines()?,
            Part::Decode => decoded()?,
            Part::State => state()?,
            Part::Kafka => line(&bench)?,
            Part::Restore => restored(&restore::restore(bench.identities)?),
            Part::Failover => taken_over(bench.identities)?,
            Part::Cluster => cluster(&bench)?,
            Part::Soak => soaked(&bench)?,
        }
    }
    Ok(())
}

fn machine() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let name = model.map_or("an unknown processor", |(_, name)| name.trim());
    println!("{cores} cores of {name}\n");
}

/// A population in which everybody has done about so much, so that sizes compare.
fn population(identities: u32, days: u32, rate: Option<f64>) -> Options {
    Options {
        identities,
        days,
        rate,
        attacks: false,
        ..Options::default()
    }
}

fn engines() -> Result<(), Box<dyn Error>> {
    println!("native NDJSON in memory, one thread, all detectors; thousand events/s");
    println!(
        "{:>10} {:>10} {:>6} {:>9} {:>11} {:>8} {:>7} {:>9}",
        "identities", "events", "bytes", "sonic-rs", "serde_json", "engine", "ratio", "B/ident."
    );
    for identities in [10_000, 100_000, 1_000_000] {
        // Small populations are over in a moment: several of them are as good as a large one.
        let mut measured = Measured::default();
        for seed in 1..=u64::from((200_000 / identities).max(1)) {
            let options = population(identities, 1, Some(16.0));
            measured.add(engine::measure(&Options { seed, ..options })?.0);
        }
        row(&measured);
    }
    println!("ratio: engine, parsing included, over parsing alone with the chosen reader\n");
    Ok(())
}

fn row(measured: &Measured) {
    let thousand = |rate: f64| rate / 1000.0;
    println!(
        "{:>10} {:>10} {:>6} {:>9.0} {:>11.0} {:>8.0} {:>7.2} {:>9}",
        measured.identities,
        measured.events,
        measured.bytes / measured.events.max(1),
        thousand(measured.rate(measured.sonic)),
        thousand(measured.rate(measured.serde)),
        thousand(measured.rate(measured.engine)),
        measured.ratio(),
        measured.state_bytes / measured.identities.max(1),
    );
}

fn decoded() -> Result<(), Box<dyn Error>> {
    println!("from raw records to enriched events, one thread; thousand records/s");
    println!(
        "{:>10} {:>6} {:>8} {:>7}",
        "format", "bytes", "records", "MB/s"
    );
    for one in decode::decode()? {
        let seconds = one.took.as_secs_f64();
        println!(
            "{:>10} {:>6} {:>8.0} {:>7.0}",
            one.format,
            one.bytes / one.records,
            one.records as f64 / seconds / 1e3,
            one.bytes as f64 / seconds / 1e6,
        );
    }
    println!();
    Ok(())
}

fn state() -> Result<(), Box<dyn Error>> {
    println!("state after two weeks of natural activity, 10 000 identities");
    let (measured, engine) = engine::measure(&population(10_000, 14, None))?;
    let identities = engine.identity_bytes();
    let size = |parts: Vec<(&'static str, usize)>| {
        (parts.iter().map(|(_, bytes)| bytes).sum::<usize>(), parts)
    };
    let mut sizes: Vec<_> = identities.map(size).collect();
    sizes.sort_unstable();
    let at = |share: f64| sizes[((sizes.len() - 1) as f64 * share) as usize].0;
    println!(
        "bytes per identity: median {}, 90 of 100 below {}, largest {}, mean with all tables {}\n",
        at(0.5),
        at(0.9),
        at(1.0),
        measured.state_bytes / measured.identities.max(1)
    );
    // Of one identity alone little could be said: the mean of those around the median.
    let typical = &sizes[sizes.len() * 2 / 5..sizes.len() * 3 / 5];
    println!("of which, on average of the middle fifth:");
    for (at, (name, _)) in typical[0].1.iter().enumerate() {
        let sum: usize = typical.iter().map(|(_, parts)| parts[at].1).sum();
        println!("{name:>10} {:>5}", sum / typical.len());
    }
    println!();
    Ok(())
}

fn line(bench: &Bench) -> Result<(), Box<dyn Error>> {
    println!("Apache Kafka on the same machine, exactly once, one worker");
    let (events, wall, cpu) = kafka::drain(300_000)?;
    println!(
        "log to findings and commands, working off a backlog of {events}: {:.0} events/s, {:.0} events per \
         CPU-second of plumbline",
        events as f64 / wall.as_secs_f64(),
        events as f64 / cpu.as_secs_f64()
    );
    let duration = Duration::from_secs(bench.seconds);
    for (entrance, name) in [
        (Entrance::Log, "event in the log to command"),
        (Entrance::Raw, "raw record to command, both stages"),
    ] {
        let line = Line::new("bench", PARTITIONS);
        answered(name, &kafka::answer(line, entrance, bench.rate, duration)?);
    }
    Ok(())
}

fn cluster(bench: &Bench) -> Result<(), Box<dyn Error>> {
    let brokers = Brokers::start(3)?;
    println!(
        "three brokers on the same machine, three replicas, two of them in sync, exactly once, one worker"
    );
    let line = Line::among(&brokers.bootstrap(), "bench", PARTITIONS).replicated(3);
    let duration = Duration::from_secs(bench.seconds);
    let run = kafka::answer(line, Entrance::Log, bench.rate, duration)?;
    answered("event in the log to command", &run);
    Ok(())
}

fn answered(name: &str, run: &Answered) {
    let ms = |quantile: f64| run.latency.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{name} at {:.0} events/s: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms; {} of {} \
         answered; {:.0} events per CPU-second of plumbline",
        run.events as f64 / run.seconds,
        ms(0.5),
        ms(0.99),
        ms(0.999),
        run.latency.max() as f64 / 1000.0,
        run.latency.len(),
        run.asked,
        run.events as f64 / run.cpu.as_secs_f64(),
    );
    for (part, name) in run
        .parts
        .iter()
        .zip(["to the log", "to the command", "to its reader"])
    {
        let ms = |quantile: f64| part.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "  {name}: p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
}

fn soaked(bench: &Bench) -> Result<(), Box<dyn Error>> {
    let samples = soak::soak(bench.rate, Duration::from_secs(bench.minutes * 60))?;
    let title = format!(
        "{} events/s, 4 000 identities, {PARTITIONS} partitions, one worker",
        bench.rate
    );
    println!(
        "{title}\n{:>8} {:>14} {:>11} {:>8}",
        "minutes", "resident MiB", "state MiB", "lag"
    );
    for sample in samples.iter().step_by(12) {
        println!(
            "{:>8.0} {:>14.0} {:>11.1} {:>8.0}",
            sample.at.as_secs_f64() / 60.0,
            sample.resident,
            sample.state,
            sample.lag
        );
    }
    if let Some(to) = &bench.plot {
        soak::draw(&samples, &title, to)?;
    }
    Ok(())
}

fn taken_over(identities: u32) -> Result<(), Box<dyn Error>> {
    for (end, how) in [(End::Told, "SIGTERM"), (End::Killed, "SIGKILL")] {
        let run = failover::take_over(identities, SESSION_TIMEOUT, end)?;
        println!(
            "one of two processes with {} identities ends by {how}, the other stands by, session.timeout.ms {}: the \
             longest wait of an answer was {:.1} s (before that {:.1} s); {} of {} answered",
            run.identities,
            SESSION_TIMEOUT.as_millis(),
            run.after.as_secs_f64(),
            run.before.as_secs_f64(),
            run.answered,
            run.asked,
        );
    }
    Ok(())
}

fn restored(run: &restore::Restored) {
    println!(
        "state of {} identities ({} events, {:.0} MB in the topic): read by the next process {:.1} s after it was \
         started",
        run.identities,
        run.events,
        run.bytes as f64 / 1e6,
        run.took.as_secs_f64()
    );
}
