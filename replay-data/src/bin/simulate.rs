//! Writes the logs of a simulated organisation, and what was planted into them.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use plumbline_replay_data::emit::{Emitter, Output};
use plumbline_replay_data::{DEFAULT_START, Options, OptionsError, Simulation};
use plumbline_schemas::time::EventTime;
use thiserror::Error;

/// Write the logs of a simulated organisation: people, service accounts, workloads, API keys and AI
/// agents, with attacks planted into a few of them.
///
/// The same options always write the same bytes. DIR receives one file for each source and
/// labels.ndjson, one line for each planted attack.
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
struct Arguments {
    /// Every random draw comes from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many identities; more of them change nothing of what the others do
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    identities: u32,
    /// How many days; the attacks are in the last three
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// First day, in UTC
    #[arg(long, default_value = "2026-03-02", value_name = "YYYY-MM-DD", value_parser = start)]
    start: EventTime,
    /// Mean events of an identity and day [default: about 50, as its kind does]
    #[arg(long, value_name = "EVENTS", value_parser = rate)]
    rate: Option<f64>,
    /// native: everything as Plumbline's events. raw: each source in its own format and file.
    /// okta, cloudtrail, kong: that source only
    #[arg(long, value_enum, default_value_t = Format::Native)]
    format: Format,
    /// Whether attacks are planted
    #[arg(long, value_enum, default_value_t = Switch::On)]
    attacks: Switch,
    /// Plant every row of the catalogue, with benign twins, into an organisation half of whose
    /// identities write native events
    #[arg(long)]
    rows: bool,
    /// Directory to write to, or - for standard output, without labels and for one format only
    #[arg(long, value_name = "DIR|-")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Native,
    Raw,
    Okta,
    #[value(name = "cloudtrail")]
    CloudTrail,
    Kong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn start(text: &str) -> Result<EventTime, String> {
    EventTime::parse(&format!("{text}T00:00:00Z"))
        .ok_or_else(|| format!("expected a day, e.g. {}", &DEFAULT_START.to_string()[..10]))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| *rate > 0.0 && *rate <= 100_000.0);
    rate.ok_or_else(|| "expected a number over 0 and up to 100000".to_owned())
}

#[derive(Debug, Error)]
enum Failure {
    #[error("--format raw writes several files: give a directory to --out, or one format")]
    RawToStdout,
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("standard output: {0}")]
    Stdout(io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = run(&arguments);
    let (code, failure) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        // Whoever reads our output has read enough.
        Err(Failure::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Err(failure @ (Failure::RawToStdout | Failure::Options(_))) => (2, failure),
        Err(failure) => (1, failure),
    };
    // Standard error may be closed; then nobody is there to be told.
    let _ = writeln!(io::stderr(), "error: {failure}");
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = Options {
        seed: arguments.seed,
        identities: arguments.identities,
        days: arguments.days,
        start: arguments.start,
        rate: arguments.rate,
        attacks: arguments.attacks == Switch::On,
        catalogue: arguments.rows,
    };
    let to_stdout = arguments.out.as_os_str() == "-";
    if to_stdout && arguments.format == Format::Raw {
        return Err(Failure::RawToStdout);
    }
    let mut simulation = Simulation::new(&options)?;
    let mut sinks = open_sinks(arguments, to_stdout)?;
    let mut progress = Progress::new();
    for arrival in simulation.by_ref() {
        let output = Output::of(&arrival.event);
        let sink = match arguments.format {
            Format::Native => sinks.first_mut(),
            _ => sinks.iter_mut().find(|sink| sink.output == output),
        };
        if let Some(sink) = sink {
            sink.push(&arrival.event)?;
        }
        progress.count(arrival.event.time);
    }
    for sink in &mut sinks {
        sink.finish()?;
    }
    if !to_stdout {
        write_labels(&arguments.out, &simulation)?;
    }
    progress.finish();
    Ok(())
}

/// One file or standard output, and what is written to it.
struct Sink {
    output: Output,
    emitter: Emitter,
    name: PathBuf,
    writer: Box<dyn Write>,
}

fn open_sinks(arguments: &Arguments, to_stdout: bool) -> Result<Vec<Sink>, Failure> {
    let outputs: &[(Output, &str)] = match arguments.format {
        Format::Native => &[(Output::Native, "native.ndjson")],
        Format::Raw => &[
            (Output::Okta, "okta-system-log.ndjson"),
            (Output::CloudTrail, "cloudtrail.ndjson"),
            (Output::Kong, "kong.ndjson"),
            (Output::Native, "agents.ndjson"),
        ],
        Format::Okta => &[(Output::Okta, "okta-system-log.ndjson")],
        Format::CloudTrail => &[(Output::CloudTrail, "cloudtrail.ndjson")],
        Format::Kong => &[(Output::Kong, "kong.ndjson")],
    };
    if !to_stdout {
        std::fs::create_dir_all(&arguments.out).map_err(at(&arguments.out))?;
    }
    let sink = |&(output, file): &(Output, &str)| {
        let (name, writer): (PathBuf, Box<dyn Write>) = if to_stdout {
            (
                "-".into(),
                Box::new(BufWriter::with_capacity(1 << 18, io::stdout())),
            )
        } else {
            let name = arguments.out.join(file);
            let created = File::create(&name).map_err(at(&name))?;
            (name, Box::new(BufWriter::with_capacity(1 << 18, created)))
        };
        Ok(Sink {
            output,
            emitter: Emitter::new(output),
            name,
            writer,
        })
    };
    outputs.iter().map(sink).collect()
}

impl Sink {
    fn push(&mut self, event: &plumbline_schemas::event::Event<'_>) -> Result<(), Failure> {
        let (writer, name) = (&mut self.writer, &self.name);
        let written = self.emitter.push(event, |line| write_line(writer, line));
        written.map_err(|error| failed(name, error))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let (writer, name) = (&mut self.writer, &self.name);
        let written = self.emitter.finish(|line| write_line(writer, line));
        written
            .and_then(|()| writer.flush())
            .map_err(|error| failed(name, error))
    }
}

fn write_line(writer: &mut dyn Write, line: &str) -> io::Result<()> {
    writer.write_all(line.as_bytes())?;
    writer.write_all(b"\n")
}

fn failed(name: &Path, error: io::Error) -> Failure {
    if name.as_os_str() == "-" {
        return Failure::Stdout(error);
    }
    Failure::File {
        path: name.to_owned(),
        error,
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |error| Failure::File { path, error }
}

fn write_labels(directory: &Path, simulation: &Simulation) -> Result<(), Failure> {
    let path = directory.join("labels.ndjson");
    let mut lines = String::new();
    for label in simulation.labels() {
        let line = serde_json::to_string(&label)
            .map_err(io::Error::from)
            .map_err(at(&path))?;
        lines.push_str(&line);
        lines.push('\n');
    }
    std::fs::write(&path, lines).map_err(at(&path))
}

/// Says on a terminal how far long work is, and at the end what was done.
struct Progress {
    events: u64,
    began: Instant,
    said: Instant,
    is_terminal: bool,
}

impl Progress {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            events: 0,
            began: now,
            said: now,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    fn count(&mut self, time: EventTime) {
        self.events += 1;
        let is_due =
            self.events.is_multiple_of(20_000) && self.said.elapsed() > Duration::from_millis(500);
        if self.is_terminal && is_due {
            self.said = Instant::now();
            self.say(&format!(
                "\r{} events, at {}",
                self.events,
                &time.to_string()[..16]
            ));
        }
    }

    fn finish(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = self.events as f64 / seconds.max(1e-9);
        let lead = if self.is_terminal { "\r" } else { "" };
        let Self { events, .. } = self;
        self.say(&format!(
            "{lead}{events} events in {seconds:.1} s, {rate:.0} per second\n"
        ));
    }

    fn say(&self, text: &str) {
        // Progress is a courtesy: no reason to fail.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
