//! The line over a real Apache Kafka, exactly once: how much it carries and how soon it answers.

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use plumbline_replay_data::{Options, Simulation};
use plumbline_schemas::event::Event;
use plumbline_schemas::log_key;
use plumbline_schemas::time::EventTime;
use plumbline_tests::cluster::Read;
use plumbline_tests::{Line, Running};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::PARTITIONS;

/// Nothing is measured before this: groups form, profiles are made, and the broker's code is compiled.
const WARM_UP: Duration = Duration::from_secs(20);
/// One in so many events is the second half of an impossible travel.
const EVENTS_PER_VICTIM: usize = 500;
const LEAST_SLEEP: Duration = Duration::from_millis(1);
/// The last answers may take so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the events are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Into a raw topic: normalised, then judged.
    Raw,
    /// Into the log: judged.
    Log,
}

/// What came of one run at a fixed rate.
pub(crate) struct Answered {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu: Duration,
    pub(crate) asked: u64,
    pub(crate) latency: Histogram<u64>,
    /// The parts of it: until the record is in the log, until its command is on its way, until that is read.
    pub(crate) parts: [Histogram<u64>; 3],
}

/// Key and value of a record; of the second event of a victim, whose it is.
pub(crate) struct Record {
    key: String,
    value: Vec<u8>,
    pub(crate) victim: Option<String>,
}

impl Record {
    pub(crate) fn of(event: &Event<'_>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            key: log_key(event.tenant(), &event.identity.id),
            value: serde_json::to_vec(event)?,
            victim: None,
        })
    }

    /// One half of the impossible travel of this victim.
    pub(crate) fn of_victim(nth: usize, far: bool, time: EventTime) -> Self {
        Self {
            key: log_key("acme", &victim(nth)),
            value: travel(nth, far, time),
            victim: far.then(|| victim(nth)),
        }
    }
}

/// Events of a simulated organisation, with victims among them.
fn records(count: usize) -> Result<Vec<Record>, Box<dyn Error>> {
    let options = Options {
        identities: 4_000,
        days: 30,
        attacks: false,
        ..Options::default()
    };
    let mut records = Vec::with_capacity(count + count / EVENTS_PER_VICTIM * 2);
    for (at, arrival) in Simulation::new(&options)?.take(count).enumerate() {
        let event = &arrival.event;
        records.push(Record::of(event)?);
        // The first half is some hundred events ahead of the second, as a session that goes on is.
        let (nth, within) = (at / EVENTS_PER_VICTIM, at % EVENTS_PER_VICTIM);
        if within == 50 || within == 250 {
            records.push(Record::of_victim(nth, within == 250, event.time));
        }
    }
    Ok(records)
}

fn victim(nth: usize) -> String {
    format!("victim-{nth}")
}

fn travel(nth: usize, far: bool, time: EventTime) -> Vec<u8> {
    let (lat, lon, city) = match far {
        false => (59.91, 10.75, "Oslo"),
        true => (-12.05, -77.04, "Lima"),
    };
    let event = json!({
        "id": format!("victim-{nth}-{far}"), "time": time, "kind": "api", "source": "bench",
        "tenant": "acme", "identity": { "id": victim(nth), "kind": "human" },
        "session": { "id": format!("victim-{nth}") },
        "network": { "lat": lat, "lon": lon, "accuracy_km": 20, "city": city },
        "action": { "name": "GET /mail", "class": "read" },
    });
    event.to_string().into_bytes()
}

/// Writes so many events a second for so long, and measures from the moment at which the second half
/// of a travel is handed to the producer to the one at which its command is read, committed.
pub(crate) fn answer(
    line: Line,
    entrance: Entrance,
    rate: usize,
    duration: Duration,
) -> Result<Answered, Box<dyn Error>> {
    let records = records(rate * (WARM_UP + duration).as_secs() as usize)?;
    let line = line.source("native").created();
    let topic = match entrance {
        Entrance::Raw => line.topic("raw-native"),
        Entrance::Log => line.topic("events"),
    };
    let service = line.start_service(&[]);
    line.await_members(1);
    let answers = Answers::read(line.bootstrap(), &line.topic("control"))?;
    let producer = producer(line.bootstrap())?;
    let mut sent = HashMap::new();
    let begun = Instant::now();
    let mut from: Option<(Instant, Duration, u64)> = None;
    for (at, record) in records.iter().enumerate() {
        let due = begun + Duration::from_secs_f64(at as f64 / rate as f64);
        while Instant::now() < due {
            producer.poll(Duration::ZERO);
            // A machine that is woken for every record has less left for what is measured.
            let wait = due.saturating_duration_since(Instant::now());
            thread::sleep(wait.max(LEAST_SLEEP));
        }
        if from.is_none() && begun.elapsed() >= WARM_UP {
            from = Some((Instant::now(), cpu_time(&service)?, at as u64));
        }
        if let (Some(victim), Some(_)) = (&record.victim, &from) {
            sent.insert(victim.clone(), now_micros());
        }
        send(&producer, &topic, record)?;
    }
    let (since, cpu_before, events_before) = from.ok_or("the run was shorter than its warm-up")?;
    let seconds = since.elapsed().as_secs_f64();
    let cpu = cpu_time(&service)?.saturating_sub(cpu_before);
    let seen = answers.finish(&sent)?;
    service.terminate();
    service.wait(PATIENCE).well();
    let mut latency = Histogram::<u64>::new(3)?;
    let mut parts = [(); 3].map(|()| latency.clone());
    let logged = stamps_of(line.reader.read(&line.topic("events")));
    // The first command is the answer, the last event the question.
    let commanded = stamps_of(line.reader.read(&line.topic("control")).into_iter().rev());
    for (victim, sent) in &sent {
        let Some(read) = seen.get(victim) else {
            continue;
        };
        latency.record(read.saturating_sub(*sent))?;
        let key = log_key("acme", victim);
        if let (Some(logged), Some(commanded)) = (logged.get(&key), commanded.get(&key)) {
            let spans = [(*sent, *logged), (*logged, *commanded), (*commanded, *read)];
            for (part, (from, to)) in parts.iter_mut().zip(spans) {
                part.record(to.saturating_sub(from))?;
            }
        }
    }
    Ok(Answered {
        events: records.len() as u64 - events_before,
        seconds,
        cpu,
        asked: sent.len() as u64,
        latency,
        parts,
    })
}

/// When the last of these records of each key was given to its producer.
fn stamps_of(records: impl IntoIterator<Item = Read>) -> HashMap<String, u64> {
    let stamp = |millis: i64| u64::try_from(millis).unwrap_or_default() * 1000;
    let records = records.into_iter();
    records
        .map(|record| (record.key, stamp(record.millis)))
        .collect()
}

/// The time of day, as records are stamped with it, in microseconds.
pub(crate) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// Lets the service work off a log that is there already. Events, wall and CPU time.
pub(crate) fn drain(events: usize) -> Result<(usize, Duration, Duration), Box<dyn Error>> {
    let records = records(events)?;
    let line = Line::new("bench", PARTITIONS).created();
    let producer = producer(line.bootstrap())?;
    for record in &records {
        send(&producer, &line.topic("events"), record)?;
    }
    producer.flush(PATIENCE)?;
    let mut service = line.start_service(&["--until-end"]);
    let (begun, mut cpu) = (Instant::now(), Duration::ZERO);
    while service.is_running() {
        cpu = cpu_time(&service).unwrap_or(cpu);
        thread::sleep(Duration::from_millis(20));
    }
    let wall = begun.elapsed();
    service.wait(PATIENCE).well();
    Ok((records.len(), wall, cpu))
}

pub(crate) fn producer(bootstrap: &str) -> Result<BaseProducer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("compression.type", "lz4")
        .create()
}

pub(crate) fn send(
    producer: &BaseProducer,
    topic: &str,
    record: &Record,
) -> Result<(), KafkaError> {
    let mut base = BaseRecord::to(topic)
        .key(record.key.as_str())
        .payload(record.value.as_slice());
    while let Err((error, refused)) = producer.send(base) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
            return Err(error);
        }
        producer.poll(Duration::from_millis(1));
        base = refused;
    }
    Ok(())
}

/// User and system time of the service so far.
fn cpu_time(service: &Running) -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", service.id()))?;
    // The name of the program, in brackets, may hold blanks; what follows does not.
    let (_, fields) = stat.rsplit_once(')').ok_or("no process")?;
    let ticks = |nth: usize| -> Result<u64, Box<dyn Error>> {
        Ok(fields
            .split_whitespace()
            .nth(nth)
            .ok_or("no time")?
            .parse()?)
    };
    // Linux counts in hundredths of a second, whatever its kernel ticks at.
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// Microseconds since 1970.
pub(crate) type Seen = HashMap<String, u64>;

/// Reads the control topic as a bot does, and notes when each identity was first commanded.
pub(crate) struct Answers {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Answers {
    pub(crate) fn read(bootstrap: &str, topic: &str) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "plumbline-bench")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        let mut list = TopicPartitionList::new();
        for partition in metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions())
        {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let (seen, stop) = (
            Arc::new(Mutex::new(Seen::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (noted, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(5)) else {
                    continue;
                };
                let now = now_micros();
                let command: Value = serde_json::from_slice(message.payload().unwrap_or_default())
                    .unwrap_or_default();
                if let Some(identity) = command["target"]["identity"].as_str() {
                    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    noted.entry(identity.to_owned()).or_insert(now);
                }
            }
        });
        Ok(Self { seen, stop, thread })
    }

    /// Waits for the answers that are still out.
    pub(crate) fn finish(self, expected: &Seen) -> Result<Seen, Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        let all_there = || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            expected.keys().all(|victim| seen.contains_key(victim))
        };
        while !all_there() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| "the reader of the control topic has failed")?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut seen))
    }
}
