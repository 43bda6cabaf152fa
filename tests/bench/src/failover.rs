//! How long an answer waits when who judges goes away, and somebody has stood by.

use std::error::Error;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plumbline_replay_data::Simulation;
use plumbline_schemas::time::EventTime;
use plumbline_tests::{Ended, Line, Running, Window};
use rdkafka::producer::Producer;

use crate::kafka::{Answers, Record, Seen, now_micros, producer, send};
use crate::{PARTITIONS, population};

const LIMIT: Duration = Duration::from_secs(900);
/// Somebody travels impossibly so often.
const EVERY: Duration = Duration::from_millis(20);
/// People travel for so long before the end,
const CALM: Duration = Duration::from_secs(5);
/// and for so long from it on.
const AFTER: Duration = Duration::from_secs(15);

/// How the process goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGTERM.
    Told,
    /// SIGKILL.
    Killed,
}

/// What it took.
pub(crate) struct TakenOver {
    pub(crate) identities: u32,
    pub(crate) asked: usize,
    pub(crate) answered: usize,
    /// The longest wait of any answer before the end, and after it.
    pub(crate) before: Duration,
    pub(crate) after: Duration,
}

/// Two processes share so many identities, and one of them goes away while people travel impossibly.
pub(crate) fn take_over(
    identities: u32,
    session_timeout: Duration,
    end: End,
) -> Result<TakenOver, Box<dyn Error>> {
    let timeout = session_timeout.as_millis().to_string();
    let line = Line::new("bench-failover", PARTITIONS)
        .property("session.timeout.ms", &timeout)
        .created();
    let producer = producer(line.bootstrap())?;
    let topic = line.topic("events");
    let mut last = EventTime::from_millis(0);
    for arrival in Simulation::new(&population(identities, 1, Some(4.0)))? {
        send(&producer, &topic, &Record::of(&arrival.event)?)?;
        last = arrival.event.time;
    }
    producer.flush(LIMIT)?;
    let first = line.start_service(&[]);
    let _ = line.await_state(LIMIT);
    let window = Window::new();
    let other = line.start_with(
        &[
            "run",
            "--config",
            "plumbline.toml",
            "--standby",
            "--listen",
            &window.port(),
        ],
        &[("PLUMBLINE_INSTANCE", "other")],
    );
    line.await_members(2);
    window.await_standby(PARTITIONS);

    let answers = Answers::read(line.bootstrap(), &line.topic("control"))?;
    let mut leaving = Some(first);
    let (mut sent, mut gone_at) = (Seen::new(), u64::MAX);
    let mut going = None;
    let begun = Instant::now();
    for nth in 0.. {
        let at = begun.elapsed();
        if at >= CALM
            && let Some(process) = leaving.take()
        {
            gone_at = now_micros();
            going = go(process, end);
        }
        if at >= CALM + AFTER {
            break;
        }
        let time = last.plus_millis(i64::try_from(at.as_millis())?);
        for far in [false, true] {
            let record = Record::of_victim(nth, far, time.plus_millis(i64::from(far) * 60_000));
            send(&producer, &topic, &record)?;
            if let Some(victim) = record.victim {
                sent.insert(victim, now_micros());
            }
        }
        producer.poll(Duration::ZERO);
        thread::sleep(EVERY);
    }
    producer.flush(LIMIT)?;
    let seen = answers.finish(&sent)?;
    if let Some(going) = going {
        going.join().map_err(|_| "the process did not end well")?;
    }
    other.terminate();
    other.wait(LIMIT).well();
    Ok(outcome(identities, &sent, &seen, gone_at))
}

/// Its end is not waited for here: what others do meanwhile is what is measured.
fn go(process: Running, end: End) -> Option<JoinHandle<Ended>> {
    match end {
        End::Killed => {
            process.kill();
            None
        }
        End::Told => {
            process.terminate();
            Some(thread::spawn(move || process.wait(LIMIT).well()))
        }
    }
}

fn outcome(identities: u32, sent: &Seen, seen: &Seen, gone_at: u64) -> TakenOver {
    let waits = |is_after: bool| {
        let asked = sent
            .iter()
            .filter(move |(_, at)| (**at >= gone_at) == is_after);
        let wait = |(victim, at): (&String, &u64)| Some(seen.get(victim)?.saturating_sub(*at));
        Duration::from_micros(asked.filter_map(wait).max().unwrap_or_default())
    };
    TakenOver {
        identities,
        asked: sent.len(),
        answered: sent
            .keys()
            .filter(|victim| seen.contains_key(*victim))
            .count(),
        before: waits(false),
        after: waits(true),
    }
}
