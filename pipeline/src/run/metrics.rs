//! What a service shows of itself: numbers for Prometheus, and whether it does its work.
//!
//! Counted where things happen, without a lock on the way of an ordinary event. What is published is
//! counted when it has been decided; exactly once is a matter of the topics, not of these numbers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plumbline_detectors::engine::Output;
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::drift::Drift;
use plumbline_schemas::finding::Severity;
use plumbline_schemas::reject::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Tally;
use super::counters::Counters;

/// A service that has not looked after its threads for so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    detector: String,
    severity: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    action: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeadLetterLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DriftLabels {
    source: String,
    format: &'static str,
    field: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: &'static str,
}

/// What is counted by kind, and how long things took; of all threads together.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    findings: Family<FindingLabels, Counter>,
    commands: Family<CommandLabels, Counter>,
    dead_letters: Family<DeadLetterLabels, Counter>,
    drift: Family<DriftLabels, Counter>,
    checkpoints: Histogram,
    state_written: Counter,
    commits: Histogram,
    normalised: Histogram,
    judged: Histogram,
    answers: Histogram,
    archived: Family<TableLabels, Counter>,
    archive_failures: Counter,
}

impl Default for Kinds {
    fn default() -> Self {
        // 1 ms to 33 s.
        let buckets = || (0..16).map(|power| 0.001 * f64::from(1 << power));
        let kinds = Self {
            findings: Family::default(),
            commands: Family::default(),
            dead_letters: Family::default(),
            drift: Family::default(),
            checkpoints: Histogram::new(buckets()),
            state_written: Counter::default(),
            commits: Histogram::new(buckets()),
            normalised: Histogram::new(buckets()),
            judged: Histogram::new(buckets()),
            answers: Histogram::new(buckets()),
            archived: Family::default(),
            archive_failures: Counter::default(),
        };
        kinds.begin_at_zero();
        kinds
    }
}

impl Kinds {
    /// To Prometheus a series that begins at one has not increased: what alerts ask for begins at zero.
    fn begin_at_zero(&self) {
        for action in Action::ALL {
            for mode in Mode::ALL {
                let (action, mode) = (action.as_str(), mode.as_str());
                drop(self.commands.get_or_create(&CommandLabels { action, mode }));
            }
        }
        for reason in Reason::ALL {
            let reason = reason.as_str();
            drop(
                self.dead_letters
                    .get_or_create(&DeadLetterLabels { reason }),
            );
        }
        let breaker = FindingLabels {
            detector: "breaker".to_owned(),
            severity: Severity::Critical.as_str(),
        };
        drop(self.findings.get_or_create(&breaker));
    }

    /// So many rows of this table are in files of the archive that have a name.
    pub(super) fn archived(&self, table: &'static str, rows: u64) {
        self.archived
            .get_or_create(&TableLabels { table })
            .inc_by(rows);
    }

    /// The archive could not be written, and is tried again.
    pub(super) fn archive_failed(&self) {
        self.archive_failures.inc();
    }
}

impl Counters {
    /// The engine has said this, and it is going to be published.
    pub(crate) fn decided(&self, output: &Output) {
        match output {
            Output::Finding(finding) => {
                self.finding();
                let labels = FindingLabels {
                    detector: finding.detector.clone(),
                    severity: finding.severity.as_str(),
                };
                self.kinds.findings.get_or_create(&labels).inc();
            }
            Output::Command(command) => {
                self.command();
                let labels = CommandLabels {
                    action: command.action.as_str(),
                    mode: command.mode.as_str(),
                };
                self.kinds.commands.get_or_create(&labels).inc();
            }
            Output::Context(_) => {}
        }
    }

    /// A record, or part of one, goes to the dead letter.
    pub(crate) fn refused(&self, reason: Reason) {
        self.dead_letter();
        let labels = DeadLetterLabels {
            reason: reason.as_str(),
        };
        self.kinds.dead_letters.get_or_create(&labels).inc();
    }

    /// A record of this topic is not what its format expects.
    pub(crate) fn drifted(&self, topic: &str, drift: &Drift) {
        let labels = DriftLabels {
            source: topic.to_owned(),
            format: drift.format,
            field: drift.field.clone(),
            kind: drift.kind.as_str(),
        };
        self.kinds.drift.get_or_create(&labels).inc();
    }

    /// A transaction is committed; that took so long.
    pub(crate) fn committed(&self, took: Duration) {
        self.kinds.commits.observe(took.as_secs_f64());
    }

    /// The last raw record of a round is on its way to the log, so many milliseconds after it came.
    pub(crate) fn normalised_after(&self, millis: i64) {
        self.kinds.normalised.observe(seconds(millis));
    }

    /// The last record of a partition in a batch is committed, so many milliseconds after it came into the log.
    pub(crate) fn judged(&self, millis: i64) {
        self.kinds.judged.observe(seconds(millis));
    }

    /// A command is committed, so many milliseconds after the record that led to it came into the log.
    pub(crate) fn answered(&self, millis: i64) {
        self.kinds.answers.observe(seconds(millis));
    }

    /// A checkpoint is committed: so long after it began, with so many bytes.
    pub(crate) fn checkpointed(&self, took: Duration, bytes: u64) {
        self.checkpoint();
        self.kinds.checkpoints.observe(took.as_secs_f64());
        self.kinds.state_written.inc_by(bytes);
    }

    /// What the thread is at.
    pub(crate) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clocks of brokers and of this machine may differ: nothing takes less than no time.
fn seconds(millis: i64) -> f64 {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).as_secs_f64()
}

/// What a thread is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether the group has given it its share, be it nothing.
    pub(crate) joined: bool,
    pub(crate) partitions: usize,
    pub(crate) identities: usize,
    /// About what the engines of its partitions hold.
    pub(crate) state_bytes: usize,
    /// Partitions whose state it is reading.
    pub(crate) reading_state: usize,
    /// Partitions of others whose state it has read to the end, and follows.
    pub(crate) standing_by: usize,
    /// Records that it has yet to read again before it goes on where the group had come.
    pub(crate) to_restore: i64,
    /// Whether its last commit has failed.
    pub(crate) failing: bool,
}

impl Standing {
    /// What keeps it from its work.
    fn waits_for(&self) -> Option<String> {
        match self {
            Self { failing: true, .. } => Some("Kafka to take its commit".to_owned()),
            Self { joined: false, .. } => Some("its share of the partitions".to_owned()),
            Self {
                reading_state: 1.., ..
            } => Some(format!(
                "its state: it is being read, of {} partitions",
                self.reading_state
            )),
            Self {
                to_restore: 1.., ..
            } => Some(format!(
                "its state: {} records to read again",
                self.to_restore
            )),
            _ => None,
        }
    }
}

/// What the one who looks after the threads has seen last.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    looked: Option<Instant>,
    stopping: bool,
    /// Records of the log that are yet to be worked off, once it was asked; none while the brokers do not answer.
    lag: Option<Option<i64>>,
}

impl Tally {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.shared
            .watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The threads have been looked after.
    pub(super) fn looked(&self) {
        self.watch().looked = Some(Instant::now());
    }

    /// Nothing more is taken on.
    pub(super) fn stopping(&self) {
        self.watch().stopping = true;
    }

    pub(super) fn set_lag(&self, lag: Option<i64>) {
        self.watch().lag = Some(lag);
    }

    /// Whether the process is to be left alone; if not, why. A broker that is away is no reason to end it.
    pub(crate) fn is_alive(&self) -> Result<(), String> {
        let watch = self.watch();
        match watch.looked {
            Some(at) if !watch.stopping && at.elapsed() > HANGS_AFTER => Err(format!(
                "nobody has looked after the threads for {} s",
                at.elapsed().as_secs()
            )),
            _ => Ok(()),
        }
    }

    /// Whether it does its work; if not, what it waits for, a line for each thread.
    pub(crate) fn is_ready(&self) -> Result<(), String> {
        let watch = self.watch();
        let (stopping, lag) = (watch.stopping, watch.lag);
        drop(watch);
        if stopping {
            return Err("it is stopping\n".to_owned());
        }
        if lag == Some(None) {
            return Err("the brokers do not answer\n".to_owned());
        }
        let threads = self.threads();
        let waiting = threads.iter().filter_map(|thread| {
            let reason = thread.standing().waits_for()?;
            Some(format!("{} waits for {reason}\n", thread.name))
        });
        let waiting: String = waiting.collect();
        match (threads.is_empty(), waiting.is_empty()) {
            (true, _) => Err("it is starting\n".to_owned()),
            (false, true) => Ok(()),
            (false, false) => Err(waiting),
        }
    }

    /// All numbers, in the text format of OpenMetrics.
    pub(crate) fn metrics(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("plumbline");
        let kinds = &self.shared.kinds;
        registry.register(
            "findings",
            "Findings, by detector and severity",
            kinds.findings.clone(),
        );
        registry.register(
            "commands",
            "Commands, by action and whether they are enforced",
            kinds.commands.clone(),
        );
        registry.register(
            "dead_letters",
            "Records that could not be read, by reason",
            kinds.dead_letters.clone(),
        );
        registry.register(
            "drift",
            "Records that are not what their format expects, by source, format, field and what is wrong there",
            kinds.drift.clone(),
        );
        registry.register_with_unit(
            "commit_duration",
            "How long a transaction of a worker took",
            Unit::Seconds,
            kinds.commits.clone(),
        );
        registry.register_with_unit(
            "normalise_latency",
            "From the timestamp of a raw record to its events being on their way to the log, of the last of each round",
            Unit::Seconds,
            kinds.normalised.clone(),
        );
        registry.register_with_unit(
            "detect_latency",
            "From the timestamp of a record of the log to the commit of what it led to, of the last of each batch",
            Unit::Seconds,
            kinds.judged.clone(),
        );
        registry.register_with_unit(
            "command_latency",
            "From the timestamp of a record of the log to the commit of the command that it led to",
            Unit::Seconds,
            kinds.answers.clone(),
        );
        registry.register_with_unit(
            "checkpoint",
            "From the beginning of a checkpoint of a partition to its commit",
            Unit::Seconds,
            kinds.checkpoints.clone(),
        );
        registry.register_with_unit(
            "state_written",
            "State written in checkpoints",
            Unit::Bytes,
            kinds.state_written.clone(),
        );
        registry.register(
            "archived",
            "Rows in files of the archive, by table",
            kinds.archived.clone(),
        );
        registry.register(
            "archive_failures",
            "Attempts to archive that came to nothing, and were or will be made again",
            kinds.archive_failures.clone(),
        );
        registry.register_collector(Box::new(self.clone()));
        let mut encoded = String::new();
        text::encode(&mut encoded, &registry)?;
        Ok(encoded)
    }
}

impl Collector for Tally {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in self.counts().described() {
            show(&mut encoder, name, help, &ConstCounter::new(value))?;
        }
        let standings: Vec<Standing> = self
            .threads()
            .iter()
            .map(|thread| thread.standing().clone())
            .collect();
        let sum = |of: fn(&Standing) -> i64| standings.iter().map(of).sum();
        let gauges: [(&str, &str, i64); 7] = [
            (
                "restoring_partitions",
                "Partitions whose state is being read.",
                sum(|standing| standing.reading_state as i64),
            ),
            (
                "standby_partitions",
                "Partitions of other processes whose state this one has read and follows.",
                sum(|standing| standing.standing_by as i64),
            ),
            (
                "partitions",
                "Partitions that this process works on.",
                sum(|standing| standing.partitions as i64),
            ),
            (
                "identities",
                "Identities whose profiles this process holds.",
                sum(|standing| standing.identities as i64),
            ),
            (
                "state_bytes",
                "About what the engines of this process hold in memory.",
                sum(|standing| standing.state_bytes as i64),
            ),
            (
                "restore_remaining_records",
                "Records of the log to be read again before work goes on.",
                sum(|standing| standing.to_restore),
            ),
            (
                "ready",
                "Whether /readyz says so.",
                i64::from(self.is_ready().is_ok()),
            ),
        ];
        let lag = self.watch().lag.flatten();
        let lag = lag.map(|lag| {
            let help = "Records of the log's partitions of this process that are not committed; absent \
                        while the brokers do not answer.";
            ("log_lag_records", help, lag)
        });
        for (name, help, value) in gauges.into_iter().chain(lag) {
            show(&mut encoder, name, help, &ConstGauge::new(value))?;
        }
        Ok(())
    }
}

fn show(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// What the threads of a service count together.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(super) threads: Mutex<Vec<Arc<Counters>>>,
    pub(super) kinds: Kinds,
    watch: Mutex<Watch>,
}

#[cfg(test)]
mod tests {
    use plumbline_schemas::drift::DriftKind;

    use super::*;

    #[test]
    fn readiness_names_who_waits_for_what() {
        let tally = Tally::default();
        assert_eq!(tally.is_ready(), Err("it is starting\n".to_owned()));
        let (one, two) = (
            tally.new_counters("detect-0"),
            tally.new_counters("detect-1"),
        );
        one.standing().joined = true;
        *two.standing() = Standing {
            joined: true,
            to_restore: 12,
            ..Standing::default()
        };
        let waiting = "detect-1 waits for its state: 12 records to read again\n";
        assert_eq!(tally.is_ready(), Err(waiting.to_owned()));
        two.standing().to_restore = 0;
        assert_eq!(tally.is_ready(), Ok(()));
        one.standing().failing = true;
        let waiting = "detect-0 waits for Kafka to take its commit\n";
        assert_eq!(tally.is_ready(), Err(waiting.to_owned()));
        assert_eq!(tally.is_alive(), Ok(()));
        tally.stopping();
        assert_eq!(tally.is_ready(), Err("it is stopping\n".to_owned()));
    }

    /// Something of every metric.
    fn one_of_each() -> String {
        let tally = Tally::default();
        let counters = tally.new_counters("detect-0");
        counters.event();
        counters.refused(Reason::NotJson);
        let drift = Drift {
            format: "okta",
            field: "outcome.result".to_owned(),
            kind: DriftKind::Unknown,
        };
        counters.drifted("okta-system-log", &drift);
        counters.committed(Duration::from_millis(12));
        counters.answered(45);
        counters.normalised_after(3);
        counters.judged(20);
        let labels = FindingLabels {
            detector: "impossible_travel".to_owned(),
            severity: "high",
        };
        counters.kinds.findings.get_or_create(&labels).inc();
        let labels = CommandLabels {
            action: "step_up",
            mode: "enforce",
        };
        counters.kinds.commands.get_or_create(&labels).inc();
        counters.kinds.archived("events", 5);
        counters.kinds.archive_failed();
        tally.set_lag(Some(7));
        tally.metrics().expect("encoded")
    }

    #[test]
    fn metrics_are_named_and_labelled() {
        // Series of one metric come in no order.
        let text = one_of_each();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn dashboard_and_alerts_ask_for_what_there_is() {
        let there_is = one_of_each()
            + &crate::signals::tests::metrics()
            + &crate::bot::tests::metrics()
            + &crate::receive::tests::metrics();
        let (dashboard, alerts) = (
            include_str!("../../observe/dashboard.json"),
            include_str!("../../observe/alerts.yml"),
        );
        serde_json::from_str::<serde_json::Value>(dashboard).expect("JSON");
        for text in [dashboard, alerts] {
            let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            let asked: Vec<&str> = text
                .match_indices("plumbline_")
                .map(|(at, _)| &text[at..])
                .map(|rest| &rest[..rest.find(|letter| !is_of_name(letter)).unwrap_or(0)])
                .collect();
            assert!(asked.len() > 8, "{asked:?}");
            for name in asked {
                let mut lines = there_is.lines().filter(|line| !line.starts_with('#'));
                let is_there = lines.any(|line| {
                    line.strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with(['{', ' ']))
                });
                assert!(is_there, "there is no {name}");
            }
        }
    }
}
