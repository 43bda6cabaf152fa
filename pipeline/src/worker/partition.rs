//! One partition of the log: its engine, how far it has come, and what it has yet to publish.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_detectors::config::Config as EngineConfig;
use plumbline_detectors::engine::{Disposition, Engine, Output};
use plumbline_detectors::state::Entry;
use plumbline_schemas::drift::{self, Drift};
use plumbline_schemas::formats::read_event;
use plumbline_schemas::reject::Reject;
use plumbline_schemas::time::EventTime;

use super::batch::{Batch, Batches};
use super::outgoing::{Audience, Destination, Outgoing};
use crate::kafka::{Origin, dead_letter, headers, too_far_ahead};
use crate::run::Counters;

/// A record of the log, borrowed from the consumer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
    pub(super) broker_millis: Option<i64>,
    pub(super) origin: Origin<'a>,
}

/// What applying a record added to the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) bytes: usize,
    pub(super) command: bool,
}

impl Added {
    fn of(outputs: &[Outgoing]) -> Self {
        let is_command = |outgoing: &Outgoing| outgoing.destination == Destination::Control;
        Self {
            bytes: outputs.iter().map(Outgoing::bytes).sum(),
            command: outputs.iter().any(is_command),
        }
    }
}

/// A partition that this worker owns.
///
/// Its state is a function of the log up to `next`. A new owner takes the state of the last checkpoint, and
/// applies what of the log is below the committed offset with the outputs suppressed: they have been published.
#[derive(Debug)]
pub(super) struct Partition {
    engine: Engine,
    next: i64,
    live_from: i64,
    restoring: Option<Restoring>,
    batches: Batches,
    audience: Audience,
    /// The clock as the last record left it, and when that was.
    clock: Option<(EventTime, Instant)>,
    /// When it was last told that time goes on.
    ticked: Option<Instant>,
    /// Keys of entries that are of no state any more.
    stale: Vec<String>,
    saved: Saved,
}

/// What a partition begins with.
pub(super) struct Known {
    pub(super) engine: Engine,
    /// Of how much of the log it is the state.
    pub(super) position: i64,
    /// Keys of entries that were there and are not used.
    pub(super) stale: Vec<String>,
    /// How many partitions the log has.
    pub(super) partitions: i32,
}

impl Known {
    /// Nothing is known: the log is read from its beginning.
    pub(super) fn nothing(config: Arc<EngineConfig>, partitions: i32, stale: Vec<String>) -> Self {
        let mut engine = Engine::of_partition(config, partitions.unsigned_abs());
        engine.keep_account();
        let position = 0;
        Self {
            engine,
            position,
            stale,
            partitions,
        }
    }
}

/// The last checkpoint: its position, and when it began.
#[derive(Debug)]
struct Saved {
    position: i64,
    at: Instant,
}

/// A partition without a record for so long is quiet.
const QUIET_AFTER: Duration = Duration::from_secs(30);
/// A tick that has not arrived after so long is sent again.
const TICK_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Restoring {
    since: Instant,
    records: u64,
}

impl Partition {
    /// A partition with the state of its log up to a position, of which the group has committed everything
    /// below this offset.
    pub(super) fn new(known: Known, committed: Option<i64>, ocsf: bool) -> Self {
        let Known {
            engine,
            position,
            stale,
            partitions,
        } = known;
        let live_from = committed.unwrap_or(0);
        Self {
            clock: engine.clock().map(|clock| (clock, Instant::now())),
            engine,
            next: position,
            live_from,
            restoring: (live_from > position).then(|| Restoring {
                since: Instant::now(),
                records: 0,
            }),
            batches: Batches::from(live_from),
            audience: Audience { partitions, ocsf },
            ticked: None,
            stale,
            saved: Saved {
                position,
                at: Instant::now(),
            },
        }
    }

    /// Whether a checkpoint is due: it is live, and there is more to write down than there was.
    pub(super) fn wants_checkpoint(&self, every: Duration, now: Instant) -> bool {
        let is_live = self.next >= self.live_from && self.restoring.is_none();
        let is_new = self.next > self.saved.position || !self.stale.is_empty();
        is_live && is_new && now.saturating_duration_since(self.saved.at) >= every
    }

    /// When the last checkpoint began.
    pub(super) fn saved_at(&self) -> Instant {
        self.saved.at
    }

    /// Begins a checkpoint: of which position of the log, and its first entries.
    pub(super) fn begin_checkpoint(&mut self, now: Instant) -> (i64, Vec<Entry>) {
        self.saved.at = now;
        let gone = self.stale.iter().map(|key| Entry {
            key: key.clone(),
            value: None,
        });
        let mut entries: Vec<_> = gone.collect();
        entries.extend(self.engine.begin_checkpoint(self.next));
        (self.next, entries)
    }

    /// Further entries of it, if there are any.
    pub(super) fn write_checkpoint(&mut self, most: usize) -> Option<Vec<Entry>> {
        self.engine.write_checkpoint(most)
    }

    /// Whether all that a checkpoint of this position rests on is committed.
    pub(super) fn is_committed(&self, position: i64) -> bool {
        self.batches.is_committed(position)
    }

    /// The checkpoint of this position is committed.
    pub(super) fn checkpointed(&mut self, position: i64) {
        self.saved.position = position;
        self.stale = Vec::new();
    }

    /// The checkpoint came to nothing: the next one has all in it.
    pub(super) fn lose_checkpoint(&mut self) {
        self.engine.account_for_all();
    }

    /// Lets time go on where a timer waits for it: by a record of the log, like everything that the engine
    /// knows. Time goes on at the pace of the wall since the last record here. How far other partitions have
    /// come says nothing: one that is days ahead would make all that is yet to come here late. What has only
    /// stalled for a moment on its way is not quiet: its next record may be what a timer waits for.
    pub(super) fn tick(&mut self, partition: i32, at: Instant) -> bool {
        let Some((clock, since)) = self.clock else {
            return false;
        };
        let quiet = at.saturating_duration_since(since);
        if quiet < QUIET_AFTER {
            return false;
        }
        let now = clock.plus_millis(i64::try_from(quiet.as_millis()).unwrap_or(0));
        let is_live = self.next >= self.live_from;
        let is_due = self.engine.next_timer().is_some_and(|due| due <= now);
        let is_sent = self
            .ticked
            .is_some_and(|sent| at.saturating_duration_since(sent) < TICK_AGAIN);
        if !is_live || !is_due || is_sent {
            return false;
        }
        self.ticked = Some(at);
        let tick = Outgoing::tick(partition, now);
        self.batches.open.outputs.push(tick);
        true
    }

    /// Applies the next record. `None` if it was applied before or is only re-read to restore state.
    pub(super) fn apply(
        &mut self,
        record: &Record<'_>,
        scratch: &mut Vec<Output>,
        counters: &Counters,
    ) -> Option<Added> {
        let offset = record.origin.offset;
        if offset < self.next {
            return None;
        }
        self.next = offset + 1;
        scratch.clear();
        let is_live = offset >= self.live_from;
        let refused = self.judge(record, scratch, |drift| {
            if is_live {
                counters.drifted(record.origin.topic, &drift);
            }
        });
        if let Some(clock) = self.engine.clock()
            && self.clock.is_none_or(|(before, _)| clock > before)
        {
            self.clock = Some((clock, Instant::now()));
            self.ticked = None;
        }
        if offset < self.live_from {
            if let Some(restoring) = &mut self.restoring {
                restoring.records += 1;
            }
            counters.restored();
            return None;
        }
        self.restored(record.origin.partition);
        let batch = &mut self.batches.open;
        batch.came = record.broker_millis;
        if refused != Ok(Disposition::Told) {
            counters.event();
        }
        let first = batch.outputs.len();
        match refused {
            Ok(Disposition::Applied | Disposition::Told) => {}
            Ok(Disposition::Duplicate) => counters.duplicate(),
            Ok(Disposition::Late) => counters.late(),
            Err(reject) => {
                counters.refused(reject.reason);
                batch.outputs.push(refuse(record, &reject));
            }
        }
        let (own, audience) = (record.origin.partition, self.audience);
        let outgoing = scratch.iter().inspect(|output| counters.decided(output));
        batch
            .outputs
            .extend(outgoing.flat_map(|output| Outgoing::of(output, own, audience)));
        let added = Added::of(&batch.outputs[first..]);
        if added.command {
            batch.answers.extend(record.broker_millis);
        }
        Some(added)
    }

    fn judge(
        &mut self,
        record: &Record<'_>,
        outputs: &mut Vec<Output>,
        mut drifted: impl FnMut(Drift),
    ) -> Result<Disposition, Reject> {
        // Whoever speaks the schema may write to the log: a secret must not reach what is published.
        let event = read_event(record.value)
            .inspect_err(|reject| drift::of_refusal(reject, &mut drifted))?;
        drift::of_event(&event, drifted);
        match too_far_ahead(event.time, record.broker_millis) {
            Some(reject) => Err(reject),
            None => Ok(self.engine.apply(&event, outputs)),
        }
    }

    /// The log up to where the group has committed has been re-read.
    fn restored(&mut self, partition: i32) {
        if let Some(restoring) = self.restoring.take() {
            tracing::info!(
                partition,
                records = restoring.records,
                identities = self.engine.identities(),
                millis = restoring.since.elapsed().as_millis() as u64,
                "state restored from the log"
            );
        }
    }

    /// The consumer has come this far, past what is no record.
    pub(super) fn advance(&mut self, partition: i32, position: i64) {
        self.next = self.next.max(position);
        if self.next >= self.live_from {
            self.restored(partition);
        }
    }

    /// Whether there is more to commit than what is on its way.
    pub(super) fn has_more(&self) -> bool {
        self.batches.has_more(self.next)
    }

    /// What is to be committed now, if there is anything to.
    pub(super) fn close_batch(&mut self) -> Option<&Arc<Batch>> {
        self.batches.close(self.next)
    }

    /// What was to be committed last, and is not known to be.
    pub(super) fn closed_batch(&self) -> Option<&Arc<Batch>> {
        self.batches.closed()
    }

    /// It is committed.
    pub(super) fn set_committed(&mut self) -> Option<Arc<Batch>> {
        self.batches.set_committed()
    }

    /// How far the restoring has come: the next offset, and the one from which on it is live.
    pub(super) fn restoring(&self) -> Option<(i64, i64)> {
        self.restoring.as_ref().map(|_| (self.next, self.live_from))
    }

    /// How many identities there are.
    pub(super) fn identities(&self) -> usize {
        self.engine.identities()
    }

    /// About how many bytes of state there are.
    pub(super) fn bytes_about(&self) -> usize {
        self.engine.state_bytes_about()
    }

    /// How many identities and bytes of state there are.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.engine.identities(), self.engine.state_bytes())
    }
}

fn refuse(record: &Record<'_>, reject: &Reject) -> Outgoing {
    let (value, pairs) = dead_letter(record.value, reject, 1, record.origin);
    Outgoing {
        destination: Destination::DeadLetter,
        key: record.key.unwrap_or_default().to_vec(),
        value: Some(value.into_owned()),
        headers: Some(headers(&pairs)),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_schemas::time::EventTime;

    use super::*;

    const GOOD: &[u8] = br#"{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"api",
        "identity":{"id":"svc"},"action":{"name":"GET /"}}"#;

    fn record(value: &[u8], offset: i64) -> Record<'_> {
        Record {
            key: Some(b"default/svc"),
            value,
            broker_millis: EventTime::parse("2026-11-20T10:16:00Z").map(EventTime::as_millis),
            origin: Origin {
                topic: "plumbline.events",
                partition: 0,
                offset,
            },
        }
    }

    fn partition(committed: Option<i64>) -> Partition {
        let nothing = Known::nothing(Arc::default(), 1, Vec::new());
        Partition::new(nothing, committed, false)
    }

    fn commit(partition: &mut Partition) -> Arc<Batch> {
        partition.close_batch();
        partition.set_committed().expect("something to commit")
    }

    #[test]
    fn what_was_committed_is_re_read_without_outputs_and_never_committed_again() {
        let (mut partition, counters) = (partition(Some(2)), Counters::default());
        for offset in 0..2 {
            let added = partition.apply(&record(b"{", offset), &mut Vec::new(), &counters);
            assert_eq!(added, None);
            assert!(partition.close_batch().is_none());
        }
        assert_eq!(partition.restoring(), Some((2, 2)));
        let added = partition.apply(&record(b"{", 2), &mut Vec::new(), &counters);
        assert!(added.is_some_and(|added| added.bytes > 0));
        assert_eq!(partition.restoring(), None);
        let batch = partition.close_batch().expect("a dead letter");
        assert_eq!((batch.next, batch.outputs.len()), (3, 1));
    }

    #[test]
    fn a_record_is_applied_once_however_often_it_is_read() {
        let (mut partition, counters) = (partition(None), Counters::default());
        let first = partition.apply(&record(GOOD, 7), &mut Vec::new(), &counters);
        assert!(first.is_some());
        let again = partition.apply(&record(GOOD, 7), &mut Vec::new(), &counters);
        assert_eq!(again, None);
        assert_eq!(counters.snapshot().events, 1);
    }

    #[test]
    fn outputs_stay_until_they_are_committed() {
        let (mut partition, counters) = (partition(None), Counters::default());
        partition.apply(&record(b"no", 0), &mut Vec::new(), &counters);
        for _ in 0..2 {
            let batch = partition.close_batch().expect("a dead letter");
            assert_eq!(batch.outputs.len(), 1);
        }
        assert!(partition.set_committed().is_some());
        assert!(partition.close_batch().is_none());
    }

    #[test]
    fn markers_of_transactions_are_committed_past() {
        let mut partition = partition(Some(4));
        partition.advance(0, 3);
        assert!(!partition.has_more());
        partition.advance(0, 6);
        assert_eq!(partition.close_batch().map(|batch| batch.next), Some(6));
        assert_eq!(partition.restoring(), None);
    }

    #[test]
    fn a_quiet_partition_lets_time_go_on_once_where_a_timer_is_due() {
        let lent = |until: &str| {
            let event = serde_json::json!({
                "id": "e1", "time": "2026-11-20T10:15:30Z", "kind": "api", "identity": {"id": "ann"},
                "session": {"id": "s", "jit_until": until}, "action": {"name": "access.granted"},
            });
            let mut partition = partition(None);
            let text = event.to_string();
            partition.apply(
                &record(text.as_bytes(), 0),
                &mut Vec::new(),
                &Counters::default(),
            );
            commit(&mut partition);
            partition
        };
        let quiet = |seconds: u64| Instant::now() + Duration::from_secs(seconds);
        let mut later = lent("2026-11-20T11:00:00Z");
        assert!(!later.tick(0, quiet(60)));
        assert!(!later.has_more());
        let mut now = lent("2026-11-20T10:15:31Z");
        assert!(
            !now.tick(0, quiet(20)),
            "only stalled: its next record may be on its way"
        );
        assert!(now.tick(0, quiet(31)));
        assert!(!now.tick(0, quiet(32)), "it is on its way");
        assert!(now.tick(0, quiet(60)), "it was lost");
        let batch = commit(&mut now);
        assert_eq!(batch.next, 1);
        let tick = batch.outputs[0].value.clone().expect("a tick");
        let mut outputs = Vec::new();
        now.apply(&record(&tick, 1), &mut outputs, &Counters::default());
        assert!(
            matches!(outputs.last(), Some(Output::Command(_))),
            "{outputs:?}"
        );
        assert!(!now.tick(0, quiet(90)), "nothing waits any more");
    }

    #[test]
    fn a_raw_secret_in_the_log_does_not_reach_what_is_published() {
        let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
        let event = |minute: i64, (lat, lon): (f64, f64)| {
            serde_json::json!({
                "id": format!("e{minute}"), "time": format!("2026-11-20T10:0{minute}:00Z"),
                "kind": "api", "identity": {"id": "ann"}, "session": {"id": "s"},
                "credential": {"id": secret, "kind": "access_token"},
                "network": {"lat": lat, "lon": lon, "accuracy_km": 10},
                "action": {"name": format!("GET /?access_token={secret}"), "class": "read"},
            })
            .to_string()
        };
        let (mut partition, counters) = (partition(None), Counters::default());
        for (offset, place) in [(0, (59.9, 10.7)), (1, (-12.0, -77.0))] {
            let event = event(offset, place);
            partition.apply(
                &record(event.as_bytes(), offset),
                &mut Vec::new(),
                &counters,
            );
        }
        for outgoing in &commit(&mut partition).outputs {
            let value = outgoing.value.as_deref().expect("a record");
            let value = String::from_utf8_lossy(value);
            assert!(!value.contains(secret), "{value}");
            assert!(value.contains("sha256:"), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_is_far_ahead_goes_to_the_dead_letter() {
        let (mut partition, counters) = (partition(None), Counters::default());
        let ahead = String::from_utf8_lossy(GOOD).replace("2026", "2027");
        for (offset, value) in [b"\xff".as_slice(), b"", ahead.as_bytes(), GOOD]
            .into_iter()
            .enumerate()
        {
            let record = record(value, i64::try_from(offset).expect("small"));
            partition.apply(&record, &mut Vec::new(), &counters);
        }
        let letters = &commit(&mut partition).outputs;
        assert_eq!(letters.len(), 3);
        assert!(
            letters
                .iter()
                .all(|letter| letter.destination == Destination::DeadLetter)
        );
        assert_eq!(letters[2].value.as_deref(), Some(ahead.as_bytes()));
        assert_eq!(letters[2].key, b"default/svc");
    }
}
