//! Whether memory stays as it is while a service works for long.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use plumbline_replay_data::{Options, Simulation};
use plumbline_tests::{Line, Running, Window};
use rdkafka::producer::Producer;

use crate::PARTITIONS;
use crate::kafka::{Record, producer, send};

const LIMIT: Duration = Duration::from_secs(600);
const LEAST_SLEEP: Duration = Duration::from_millis(1);
/// How often is looked.
const EVERY: Duration = Duration::from_secs(10);
/// Of the drawing.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 56.0;

/// What was seen at one moment.
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Resident memory of the process, in MiB.
    pub(crate) resident: f64,
    /// What the service says of its state, in MiB.
    pub(crate) state: f64,
    /// Records of the log that are not judged yet.
    pub(crate) lag: f64,
}

/// Lets a service judge so many events a second for so long. The identities are the same all the time, and
/// what is known of them is soon as much as it ever will be.
pub(crate) fn soak(rate: usize, duration: Duration) -> Result<Vec<Sample>, Box<dyn Error>> {
    let options = Options {
        identities: 4_000,
        days: 3_650,
        attacks: false,
        ..Options::default()
    };
    let line = Line::new("bench-soak", PARTITIONS).created();
    let topic = line.topic("events");
    let producer = producer(line.bootstrap())?;
    let window = Window::new();
    let service = line.start_service(&["--listen", &window.port()]);
    line.await_members(1);
    let mut samples = Vec::new();
    let begun = Instant::now();
    for (at, arrival) in Simulation::new(&options)?.enumerate() {
        let due = begun + Duration::from_secs_f64(at as f64 / rate as f64);
        while Instant::now() < due {
            producer.poll(Duration::ZERO);
            let wait = due.saturating_duration_since(Instant::now());
            thread::sleep(wait.max(LEAST_SLEEP));
        }
        if begun.elapsed() >= EVERY * samples.len() as u32 {
            samples.push(sample(&service, &window, begun.elapsed())?);
        }
        if begun.elapsed() >= duration {
            break;
        }
        send(&producer, &topic, &Record::of(&arrival.event)?)?;
    }
    producer.flush(LIMIT)?;
    service.terminate();
    service.wait(LIMIT).well();
    Ok(samples)
}

fn sample(service: &Running, window: &Window, at: Duration) -> Result<Sample, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", service.id()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kib: f64 = kib.ok_or("no resident memory")?.trim().parse()?;
    Ok(Sample {
        at,
        resident: kib / 1024.0,
        state: window.sum("plumbline_state_bytes") / f64::from(1 << 20),
        // The sum of nothing is −0.
        lag: window.sum("plumbline_log_lag_records").max(0.0),
    })
}

/// Draws resident memory and state over time.
pub(crate) fn draw(samples: &[Sample], title: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    let minutes = |sample: &Sample| sample.at.as_secs_f64() / 60.0;
    let longest = samples.iter().map(minutes).fold(1.0, f64::max);
    let most = samples.iter().map(|it| it.resident).fold(1.0, f64::max);
    let top = (most / 100.0).ceil() * 100.0;
    let x = |minutes: f64| MARGIN + minutes / longest * (WIDTH - 2.0 * MARGIN);
    let y = |mib: f64| HEIGHT - MARGIN - mib / top * (HEIGHT - 2.0 * MARGIN);
    let line = |value: &dyn Fn(&Sample) -> f64, colour: &str| {
        let points: Vec<String> = samples
            .iter()
            .map(|it| format!("{:.1},{:.1}", x(minutes(it)), y(value(it))))
            .collect();
        let points = points.join(" ");
        format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>\n"
        )
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{MARGIN}\" y=\"20\">{title}</text>\n"
    );
    for step in 0..=4 {
        let (mib, at) = (top * f64::from(step) / 4.0, longest * f64::from(step) / 4.0);
        writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"4\" y=\"{:.1}\">{mib:.0} MiB</text><text x=\"{:.1}\" y=\"{:.1}\">{at:.0} min</text>",
            WIDTH - MARGIN,
            y(mib),
            y(mib),
            y(mib) + 4.0,
            x(at) - 12.0,
            HEIGHT - MARGIN + 18.0,
        )?;
    }
    svg.push_str(&line(&|it| it.resident, "#1f5fbf"));
    svg.push_str(&line(&|it| it.state, "#bf5f1f"));
    writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"{:.1}\" fill=\"#1f5fbf\">resident memory</text>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#bf5f1f\">state, as the service counts it</text>\n</svg>",
        HEIGHT - 8.0,
        MARGIN + 130.0,
        HEIGHT - 8.0,
    )?;
    Ok(fs::write(to, svg)?)
}
