//! The thread of one receiver: reads the control topic, hands on what it has to be told, and commits
//! what is settled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plumbline_schemas::time::EventTime;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

use super::keys::Keys;
use super::outbox::{Outbox, holds, undeliverable};
use super::push::{Answer, Pusher};
use super::receiver::{Receiver, Status, Told, now};
use super::window::{ASIDE, Place, Signal, Turn, wait_after};
use crate::config::TopicsConfig;
use crate::kafka::{
    Clients, ConnectError, Failure, GroupConsumer, IDLE_POLL, Origin, Rebalance, START_TIMEOUT,
    retry_after,
};

/// More unsettled commands than this are not read: a receiver that is away fills no memory.
const MOST_HELD: usize = 1000;
/// Requests at a time, about different identities.
const MOST_SENDING: usize = 8;
/// How long answers are waited for before the topic is looked at again.
const ANSWER_PATIENCE: Duration = Duration::from_millis(20);
/// Records read in one go.
const RECORDS_PER_ROUND: u32 = 64;
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// What the thread of a receiver is given.
pub(super) struct Deliverer<'t> {
    pub(super) clients: &'t Clients,
    pub(super) topics: &'t TopicsConfig,
    pub(super) receiver: &'t Receiver,
    pub(super) keys: &'t Keys,
    /// Where its delivery is by push.
    pub(super) pusher: Option<Pusher>,
    pub(super) give_up_after: Duration,
    /// How long a request may take, and so how long one is waited for at the end.
    pub(super) timeout: Duration,
    pub(super) stop: &'t AtomicBool,
}

/// Why a session ended before its time.
enum SessionError {
    /// A new session goes on from what is committed.
    Broken(String),
    /// No new session will do better.
    Hopeless(ConnectError),
}

impl From<KafkaError> for SessionError {
    fn from(error: KafkaError) -> Self {
        match Failure::of(&error) {
            Failure::Forbidden => {
                Self::Hopeless(ConnectError::about("a topic of the signals", error))
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<ConnectError> for SessionError {
    fn from(error: ConnectError) -> Self {
        Self::Hopeless(error)
    }
}

impl Deliverer<'_> {
    /// Works until it is told to stop. Whatever Kafka does meanwhile is waited out.
    pub(super) fn run(&self) -> Result<(), ConnectError> {
        let mut failures = 0;
        while !self.is_stopping() {
            let started = Instant::now();
            match Session::start(self).and_then(Session::run) {
                Ok(()) => return Ok(()),
                Err(SessionError::Hopeless(error)) => return Err(error),
                Err(SessionError::Broken(reason)) => {
                    if started.elapsed() > Duration::from_secs(60) {
                        failures = 0;
                    }
                    let deadline = Instant::now() + retry_after(failures);
                    failures += 1;
                    let receiver = self.receiver.name();
                    tracing::warn!(
                        receiver,
                        reason,
                        "delivery starts again from what is committed"
                    );
                    while !self.is_stopping() && Instant::now() < deadline {
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            }
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// One membership in the receiver's consumer group.
struct Session<'s> {
    with: &'s Deliverer<'s>,
    consumer: GroupConsumer,
    outbox: Outbox<'s>,
    /// Requests on their way. They only get on while answers are waited for.
    runtime: Runtime,
    sending: JoinSet<(Turn, Answer)>,
    /// Whether the last request came to nothing: then one at a time is enough.
    is_away: bool,
    /// Whether no more is read for the moment.
    is_full: bool,
    /// What is known to be committed.
    committed: BTreeMap<i32, i64>,
    looked: Instant,
}

impl<'s> Session<'s> {
    fn start(with: &'s Deliverer<'s>) -> Result<Self, SessionError> {
        let clients = with.clients;
        let group = clients.signals_group(with.receiver.name());
        let consumer = clients.consumer(&group).map_err(ConnectError::from)?;
        consumer.client().subscribe(&[&*with.topics.control])?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| SessionError::Broken(error.to_string()))?;
        Ok(Self {
            with,
            consumer,
            outbox: Outbox::new(clients, with.stop)?,
            runtime,
            sending: JoinSet::new(),
            is_away: false,
            is_full: false,
            committed: BTreeMap::new(),
            looked: Instant::now(),
        })
    }

    fn run(mut self) -> Result<(), SessionError> {
        let ended = self.work().and_then(|()| self.leave());
        let receiver = self.with.receiver;
        receiver.counters.set_joined(false);
        // What is on its way is broken off. Who asked for a verification asks again.
        for partition in self.committed.keys().chain(&[ASIDE]) {
            receiver.window().disown(*partition);
        }
        self.consumer.close();
        self.outbox.close();
        ended
    }

    fn work(&mut self) -> Result<(), SessionError> {
        while !self.with.is_stopping() {
            self.read()?;
            self.answer_rebalances()?;
            self.deliver()?;
            self.bury()?;
            if self.looked.elapsed() >= COMMIT_INTERVAL {
                self.looked = Instant::now();
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Reads what there is. Waits for a record where there is nothing else to do.
    fn read(&mut self) -> Result<(), SessionError> {
        self.hold_back()?;
        for round in 0..RECORDS_PER_ROUND {
            let idle = round == 0 && self.sending.is_empty();
            let patience = if idle { IDLE_POLL } else { Duration::ZERO };
            match self.consumer.poll(patience) {
                None => break,
                Some(Ok(message)) => self.take(&message)?,
                Some(Err(error)) => {
                    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
                    if fatal || Failure::of(&error) == Failure::Forbidden {
                        return Err(error.into());
                    }
                    // Anything else is reported, and librdkafka goes on by itself.
                }
            }
        }
        let unsettled = self.with.receiver.window().len();
        self.with.receiver.counters.set_pending(unsettled);
        Ok(())
    }

    /// Stops reading while too much is held, and goes on when half of that is settled.
    fn hold_back(&mut self) -> Result<(), SessionError> {
        let held = self.with.receiver.window().len();
        let client = self.consumer.client();
        match self.is_full {
            false if held >= MOST_HELD => client.pause(&client.assignment()?)?,
            true if held <= MOST_HELD / 2 => client.resume(&client.assignment()?)?,
            _ => return Ok(()),
        }
        self.is_full = !self.is_full;
        Ok(())
    }

    fn take(&self, message: &BorrowedMessage<'_>) -> Result<(), SessionError> {
        let receiver = self.with.receiver;
        let place = (message.partition(), message.offset());
        let record = message.payload().unwrap_or_default();
        let written = message.timestamp().to_millis();
        let published = written.map_or_else(now, EventTime::from_millis);
        let told = match receiver.told_of(record, published) {
            Ok(told) => told,
            Err(reject) => {
                tracing::warn!(receiver = receiver.name(), %reject, "no command can be read");
                let key = message.key().unwrap_or_default();
                let (topic, name) = (&self.with.topics.deadletter, receiver.name());
                let origin = self.origin(place);
                self.outbox
                    .dead_letter(topic, name, key, record, &reject, origin)?;
                self.deliver_dead_letters()?;
                receiver.counters.dead_letter();
                Told::default()
            }
        };
        let is_told = told.signal.is_some();
        let mut window = receiver.window();
        if let Some(jti) = told.withdrawn {
            window.withdraw(&jti);
        }
        window.read(place, told.signal);
        drop(window);
        if is_told {
            receiver.arrived.notify_waiters();
        }
        Ok(())
    }

    fn origin(&self, (partition, offset): Place) -> Origin<'s> {
        Origin {
            topic: &self.with.topics.control,
            partition,
            offset,
        }
    }

    /// Sends what has its turn, and takes note of the answers.
    fn deliver(&mut self) -> Result<(), SessionError> {
        let turns = self.with.receiver.window().turns(Instant::now());
        let turns = self.in_time(turns);
        let status = self.with.receiver.status();
        let flows = status == Status::Enabled;
        if status == Status::Disabled {
            let mut window = self.with.receiver.window();
            turns.iter().for_each(|turn| window.settle(turn.place));
        }
        match (&self.with.pusher, &self.with.receiver.config.topic) {
            (Some(pusher), _) => {
                if flows {
                    let pusher = pusher.clone();
                    self.push(&pusher, turns)?;
                }
                self.take_answers()
            }
            (None, Some(topic)) if flows => self.write(topic, turns),
            // It polls.
            (None, None) if flows => {
                self.give_up_unacknowledged(&turns);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Those that have not expired. The others are settled: with a dead letter where they were tried.
    fn in_time(&self, turns: Vec<Turn>) -> Vec<Turn> {
        let (now, receiver) = (now(), self.with.receiver);
        let mut in_time = Vec::with_capacity(turns.len());
        for turn in turns {
            if turn.signal.expires_at > now {
                in_time.push(turn);
                continue;
            }
            receiver.counters.expired();
            match turn.tries.failed {
                0 => receiver.window().settle(turn.place),
                tries => {
                    let reason = format!("expired after {tries} tries");
                    receiver.window().give_up(turn.place, reason);
                }
            }
        }
        in_time
    }

    /// Who fetches a token again and again and never says that he has it keeps all others about the same
    /// identity from himself.
    fn give_up_unacknowledged(&self, turns: &[Turn]) {
        let receiver = self.with.receiver;
        for turn in turns {
            let since = turn.tries.since;
            if since.is_some_and(|since| since.elapsed() >= self.with.give_up_after) {
                let times = turn.tries.failed;
                let reason = format!("not acknowledged, handed out {times} times");
                receiver.window().give_up(turn.place, reason);
            }
        }
    }

    fn push(&mut self, pusher: &Pusher, turns: Vec<Turn>) -> Result<(), SessionError> {
        let most = if self.is_away { 1 } else { MOST_SENDING };
        let room = most.saturating_sub(self.sending.len());
        for turn in turns.into_iter().take(room) {
            let token = self.sign(&turn)?;
            self.with.receiver.window().sending(turn.place);
            let pushed = pusher.clone().push(token, time_left(&turn.signal));
            let sent = async move { (turn, pushed.await) };
            self.sending.spawn_on(sent, self.runtime.handle());
        }
        Ok(())
    }

    fn sign(&self, turn: &Turn) -> Result<String, SessionError> {
        let signed = self.with.keys.sign(&turn.signal.claims);
        signed.map_err(|error| SessionError::Broken(error.to_string()))
    }

    fn take_answers(&mut self) -> Result<(), SessionError> {
        let mut answers = Vec::new();
        let sending = &mut self.sending;
        if sending.is_empty() {
            return Ok(());
        }
        self.runtime.block_on(async {
            let first = tokio::time::timeout(ANSWER_PATIENCE, sending.join_next()).await;
            answers.extend(first.ok().flatten());
            while let Some(next) = sending.try_join_next() {
                answers.push(next);
            }
        });
        for answer in answers {
            // A request that has failed by a defect would keep its turn for ever.
            let (turn, answer) = answer.map_err(|error| SessionError::Broken(error.to_string()))?;
            self.answered(&turn, answer);
        }
        Ok(())
    }

    fn answered(&mut self, turn: &Turn, answer: Answer) {
        let receiver = self.with.receiver;
        let (name, jti) = (receiver.name(), &*turn.signal.claims.jti);
        let was_away = std::mem::replace(&mut self.is_away, matches!(answer, Answer::Later(..)));
        match answer {
            Answer::Accepted => {
                if was_away {
                    tracing::info!(receiver = name, "the receiver takes tokens again");
                }
                receiver.counters.sent();
                receiver.window().settle(turn.place);
            }
            Answer::Refused(reason) => {
                receiver.counters.failure();
                receiver.window().give_up(turn.place, reason);
            }
            Answer::Later(reason, after) => {
                receiver.counters.failure();
                let now = Instant::now();
                let since = turn.tries.since.unwrap_or(now);
                if now.duration_since(since) >= self.with.give_up_after {
                    let tries = turn.tries.failed.saturating_add(1);
                    let reason = format!("{reason}, {tries} tries");
                    return receiver.window().give_up(turn.place, reason);
                }
                if was_away {
                    tracing::debug!(receiver = name, jti, reason, "not taken yet");
                } else {
                    tracing::warn!(
                        receiver = name,
                        jti,
                        reason,
                        "the receiver does not take a token: it is tried again"
                    );
                }
                let wait = wait_after(turn.tries.failed).max(after.unwrap_or_default());
                // That it has expired is to be known as soon as it has.
                let wait = wait.min(time_left(&turn.signal));
                receiver.window().failed(turn.place, now, now + wait);
            }
        }
    }

    /// Delivers to a topic: all that have their turn at once.
    fn write(&self, topic: &str, turns: Vec<Turn>) -> Result<(), SessionError> {
        let mut sent = Vec::with_capacity(turns.len());
        for turn in turns {
            let token = self.sign(&turn)?;
            let signal = &turn.signal;
            self.outbox
                .token(topic, &signal.subject, &signal.claims, &token)?;
            sent.push((turn, token));
        }
        if sent.is_empty() {
            return Ok(());
        }
        let refused = self.outbox.deliver()?;
        let receiver = self.with.receiver;
        for (turn, token) in sent {
            if refused.iter().any(|message| holds(message, &token)) {
                receiver.counters.failure();
                let reason = "the token is larger than its topic takes".to_owned();
                receiver.window().give_up(turn.place, reason);
            } else {
                receiver.counters.sent();
                receiver.window().settle(turn.place);
            }
        }
        Ok(())
    }

    /// Writes the dead letters that are owed. Only then is their command settled.
    fn bury(&self) -> Result<(), SessionError> {
        let receiver = self.with.receiver;
        let owed = receiver.window().given_up();
        if owed.is_empty() {
            return Ok(());
        }
        let name = receiver.name();
        for (place, signal, reason) in &owed {
            let jti = &*signal.claims.jti;
            tracing::warn!(receiver = name, jti, reason, "a token is given up");
            // Who asked for a verification asks again.
            if place.0 != ASIDE {
                let reject = undeliverable(name, reason);
                let (topic, key) = (&self.with.topics.deadletter, signal.subject.as_bytes());
                let origin = self.origin(*place);
                self.outbox
                    .dead_letter(topic, name, key, &signal.record, &reject, origin)?;
                receiver.counters.dead_letter();
            }
        }
        self.deliver_dead_letters()?;
        let mut window = receiver.window();
        owed.iter().for_each(|(place, ..)| window.settle(*place));
        Ok(())
    }

    /// What is too large for its topic is lost, and all that can be done is to say so.
    fn deliver_dead_letters(&self) -> Result<(), SessionError> {
        for refused in self.outbox.deliver()? {
            tracing::error!(
                receiver = self.with.receiver.name(),
                bytes = refused.payload().map_or(0, <[u8]>::len),
                "a dead letter is larger than its topic takes; raise max.message.bytes of the topic"
            );
        }
        Ok(())
    }

    /// Commits what is settled, and whether the stream flows.
    fn commit(&mut self) -> Result<(), SessionError> {
        let receiver = self.with.receiver;
        let mut offsets: BTreeMap<i32, i64> = receiver.window().committable().into_iter().collect();
        let is_new = |partition: &i32, at: i64| {
            let known = self.committed.get(partition);
            // Backwards as well: the topic may have been created anew.
            known.is_some_and(|known| *known != at)
        };
        offsets.retain(|partition, at| is_new(partition, *at));
        let changed = receiver.changed_status();
        if changed.is_some() {
            // Every partition keeps it: nobody knows which of them the next owner looks at.
            for (partition, at) in &self.committed {
                offsets.entry(*partition).or_insert(*at);
            }
        }
        if offsets.is_empty() {
            // What failed before is somebody else's by now.
            receiver.counters.set_failing(false);
            return Ok(());
        }
        let status = changed.unwrap_or_else(|| receiver.status());
        let list = self.list(&offsets, status)?;
        match self.consumer.client().commit(&list, CommitMode::Sync) {
            Ok(()) => {
                receiver.counters.set_failing(false);
                receiver.status_kept(status);
                self.committed.append(&mut offsets);
            }
            // The next commit covers these as well; if there is none, some tokens are sent again.
            Err(error) => {
                receiver.counters.set_failing(true);
                tracing::debug!(%error, "offsets are not committed yet");
            }
        }
        Ok(())
    }

    fn list(
        &self,
        offsets: &BTreeMap<i32, i64>,
        status: Status,
    ) -> Result<TopicPartitionList, SessionError> {
        let topic = &self.with.topics.control;
        let mut list = TopicPartitionList::new();
        for (partition, at) in offsets {
            let mut element = list.add_partition(topic, *partition);
            element.set_offset(Offset::Offset(*at))?;
            element.set_metadata(status.as_str());
        }
        Ok(list)
    }

    fn answer_rebalances(&mut self) -> Result<(), SessionError> {
        while let Some(rebalance) = self.consumer.next_rebalance() {
            match rebalance {
                Rebalance::Assigned(partitions) => {
                    self.own(&partitions)?;
                    self.consumer.assign(&partitions)?;
                    self.with.receiver.counters.set_joined(true);
                }
                Rebalance::Revoked { partitions, lost } => {
                    if !lost {
                        self.drain()?;
                    }
                    self.disown(&partitions);
                    self.consumer.unassign(&partitions)?;
                }
            }
            // What is assigned anew is not paused: all begin alike.
            if std::mem::take(&mut self.is_full) {
                let client = self.consumer.client();
                client.resume(&client.assignment()?)?;
            }
        }
        Ok(())
    }

    /// Learns how far the group has come, and whether the stream flowed then.
    fn own(&mut self, partitions: &TopicPartitionList) -> Result<(), SessionError> {
        self.disown(partitions);
        if partitions.count() == 0 {
            return Ok(());
        }
        let client = self.consumer.client();
        let committed = client.committed_offsets(partitions.clone(), START_TIMEOUT)?;
        for element in committed.elements() {
            // Where nothing is committed, reading begins at the oldest record there is.
            let at = match element.offset() {
                Offset::Offset(at) => at,
                _ => 0,
            };
            self.committed.insert(element.partition(), at);
            self.with.receiver.window().own(element.partition());
            if let Some(status) = Status::parse(element.metadata()) {
                self.with.receiver.recall_status(status);
            }
        }
        Ok(())
    }

    fn disown(&mut self, partitions: &TopicPartitionList) {
        for element in partitions.elements() {
            self.committed.remove(&element.partition());
            self.with.receiver.window().disown(element.partition());
        }
    }

    /// Waits for the answers to what is on its way, and commits.
    fn drain(&mut self) -> Result<(), SessionError> {
        let deadline = Instant::now() + self.with.timeout;
        while !self.sending.is_empty() && Instant::now() < deadline {
            self.take_answers()?;
        }
        self.bury()?;
        self.commit()
    }

    fn leave(&mut self) -> Result<(), SessionError> {
        self.drain()?;
        // The group waits for every answer, also of who leaves: to what it is still being given.
        self.answer_rebalances()?;
        self.consumer.client().unsubscribe();
        let deadline = Instant::now() + self.with.timeout;
        while self.consumer.client().assignment()?.count() > 0 && Instant::now() < deadline {
            let _ = self.consumer.poll(IDLE_POLL);
            self.answer_rebalances()?;
        }
        Ok(())
    }
}

/// Until it expires. Nothing, once it has.
fn time_left(signal: &Signal) -> Duration {
    let left = signal.expires_at.since(now());
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}
