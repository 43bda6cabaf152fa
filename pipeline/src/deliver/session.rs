//! The thread of one recipient: reads the control topic, hands on what there is to do, and commits what is
//! settled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plumbline_schemas::time::EventTime;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

use super::outbox::{Outbox, undeliverable};
use super::team::Post;
use super::window::{ASIDE, Job, Place, Turn, wait_after};
use super::{Answer, Count, Told, Work, now};
use crate::config::TopicsConfig;
use crate::kafka::{Clients, ConnectError, Failure, GroupConsumer, IDLE_POLL, Origin, retry_after};

/// More unsettled commands than this are not read: a recipient that is away fills no memory.
const MOST_HELD: usize = 1000;
/// Requests at a time, about different identities.
const MOST_SENDING: usize = 8;
/// How long answers are waited for before the topic is looked at again.
const ANSWER_PATIENCE: Duration = Duration::from_millis(20);
/// Records read in one go.
const RECORDS_PER_ROUND: u32 = 64;
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// What the thread of a recipient is given.
pub(crate) struct Deliverer<'t, W> {
    pub(super) clients: &'t Clients,
    pub(super) topics: &'t TopicsConfig,
    pub(super) post: &'t Post<W>,
    pub(super) stop: &'t AtomicBool,
}

/// Why a session ended before its time.
pub(crate) enum SessionError {
    /// A new session goes on from what is committed.
    Broken(String),
    /// No new session will do better.
    Hopeless(ConnectError),
}

impl From<KafkaError> for SessionError {
    fn from(error: KafkaError) -> Self {
        match Failure::of(&error) {
            Failure::Forbidden => {
                Self::Hopeless(ConnectError::about("a topic of the commands", error))
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

impl<W: Work> Deliverer<'_, W> {
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
                    let (kind, name) = self.post.work.name();
                    tracing::warn!(
                        kind,
                        name,
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

/// One membership in the recipient's consumer group.
pub(crate) struct Session<'s, W: Work> {
    pub(super) with: &'s Deliverer<'s, W>,
    pub(super) consumer: GroupConsumer,
    outbox: Outbox<'s>,
    /// Requests on their way. They only get on while answers are waited for.
    runtime: Runtime,
    pub(super) sending: JoinSet<(Turn<W::Job>, Answer)>,
    /// Whether the last request came to nothing: then one at a time is enough.
    is_away: bool,
    /// Whether no more is read for the moment.
    pub(super) is_full: bool,
    /// What is known to be committed.
    pub(super) committed: BTreeMap<i32, i64>,
    /// Up to where a partition is only read again.
    pub(super) history: BTreeMap<i32, i64>,
    looked: Instant,
}

impl<'s, W: Work> Session<'s, W> {
    fn start(with: &'s Deliverer<'s, W>) -> Result<Self, SessionError> {
        let clients = with.clients;
        let consumer = clients
            .consumer(&with.post.group)
            .map_err(ConnectError::from)?;
        consumer.client().subscribe(&[&*with.topics.control])?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| SessionError::Broken(error.to_string()))?;
        let outbox = match with.post.rehearses {
            true => Outbox::shut(with.stop),
            false => Outbox::new(clients, with.stop)?,
        };
        Ok(Self {
            with,
            consumer,
            outbox,
            runtime,
            sending: JoinSet::new(),
            is_away: false,
            is_full: false,
            committed: BTreeMap::new(),
            history: BTreeMap::new(),
            looked: Instant::now(),
        })
    }

    fn run(mut self) -> Result<(), SessionError> {
        let ended = self.work().and_then(|()| self.leave());
        let work = &self.with.post.work;
        work.counters().set_joined(false);
        // What is on its way is broken off. Who asked for a verification asks again.
        for partition in self.committed.keys().chain(&[ASIDE]) {
            work.window().disown(*partition);
        }
        self.consumer.close();
        self.outbox.close();
        ended
    }

    pub(super) fn recipient(&self) -> &'s W {
        &self.with.post.work
    }

    /// Where its tokens and what it says of commands go.
    pub(crate) fn outbox(&self) -> &Outbox<'s> {
        &self.outbox
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
        let unsettled = self.recipient().window().len();
        self.recipient().counters().set_pending(unsettled);
        Ok(())
    }

    /// Stops reading while too much is held, and goes on when half of that is settled.
    fn hold_back(&mut self) -> Result<(), SessionError> {
        let held = self.recipient().window().len();
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
        let work = self.recipient();
        let place = (message.partition(), message.offset());
        let record = message.payload().unwrap_or_default();
        if self.history.get(&place.0).is_some_and(|end| place.1 < *end) {
            work.recall(record);
            return Ok(());
        }
        let written = message.timestamp().to_millis();
        let published = written.map_or_else(now, EventTime::from_millis);
        let told = match work.read(record, published) {
            Ok(told) => told,
            Err(reject) => {
                let (kind, name) = work.name();
                tracing::warn!(kind, name, %reject, "no command can be read");
                let key = message.key().unwrap_or_default();
                let topic = &self.with.topics.deadletter;
                let recipient = (work.header(), name);
                let origin = self.origin(place);
                self.outbox
                    .dead_letter(topic, recipient, key, record, &reject, origin)?;
                self.deliver_records()?;
                work.counters().add(Count::DeadLetters);
                Told {
                    job: None,
                    withdrawn: None,
                }
            }
        };
        let is_told = told.job.is_some();
        let mut window = work.window();
        if let Some(id) = told.withdrawn {
            window.withdraw(&id);
        }
        window.read(place, told.job);
        drop(window);
        if is_told {
            work.arrived();
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

    /// Hands on what has its turn.
    fn deliver(&mut self) -> Result<(), SessionError> {
        let turns = self.recipient().window().turns(Instant::now());
        let turns = self.in_time(turns);
        self.recipient().hand_on(self, turns)
    }

    /// Those that have not expired. The others are settled: with a dead letter where they were tried.
    fn in_time(&self, turns: Vec<Turn<W::Job>>) -> Vec<Turn<W::Job>> {
        let (now, work) = (now(), self.recipient());
        let mut in_time = Vec::with_capacity(turns.len());
        for turn in turns {
            if turn.job.expires_at() > now {
                in_time.push(turn);
                continue;
            }
            work.counters().add(Count::Expired);
            match turn.tries.failed {
                0 => work.window().settle(turn.place),
                tries => {
                    let reason = format!("expired after {tries} tries");
                    work.window().give_up(turn.place, reason);
                }
            }
        }
        in_time
    }

    /// Makes a request for each of them, as far as there is room.
    pub(crate) fn request<F>(
        &mut self,
        turns: Vec<Turn<W::Job>>,
        mut request: impl FnMut(&W::Job) -> Result<F, SessionError>,
    ) -> Result<(), SessionError>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let most = if self.is_away { 1 } else { MOST_SENDING };
        let room = most.saturating_sub(self.sending.len());
        for turn in turns.into_iter().take(room) {
            let answer = request(&turn.job)?;
            self.recipient().window().sending(turn.place);
            let sent = async move { (turn, answer.await) };
            self.sending.spawn_on(sent, self.runtime.handle());
        }
        Ok(())
    }

    /// Takes note of the answers that have come.
    pub(crate) fn take_answers(&mut self) -> Result<(), SessionError> {
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
        let mut done = Vec::new();
        for answer in answers {
            // A request that has failed by a defect would keep its turn for ever.
            let (turn, answer) = answer.map_err(|error| SessionError::Broken(error.to_string()))?;
            if answer == Answer::Accepted {
                self.recipient().done(&turn.job, &self.outbox)?;
                done.push(turn.place);
            }
            self.answered(&turn, answer);
        }
        self.settle(&done)
    }

    /// These are done, once what was said of them has arrived.
    pub(crate) fn settle(&self, done: &[Place]) -> Result<(), SessionError> {
        if !done.is_empty() {
            self.deliver_records()?;
            let mut window = self.recipient().window();
            done.iter().for_each(|place| window.settle(*place));
        }
        Ok(())
    }

    fn answered(&mut self, turn: &Turn<W::Job>, answer: Answer) {
        let work = self.recipient();
        let ((kind, name), id) = (work.name(), turn.job.id());
        let was_away = std::mem::replace(&mut self.is_away, matches!(answer, Answer::Later(..)));
        match answer {
            Answer::Accepted => {
                if was_away {
                    tracing::info!(kind, name, "commands are taken again");
                }
            }
            Answer::Refused(reason) => {
                work.counters().add(Count::Failures);
                work.window().give_up(turn.place, reason);
            }
            Answer::Later(reason, after) => {
                work.counters().add(Count::Failures);
                let now = Instant::now();
                let since = turn.tries.since.unwrap_or(now);
                if now.duration_since(since) >= self.with.post.give_up_after {
                    let tries = turn.tries.failed.saturating_add(1);
                    let reason = format!("{reason}, {tries} tries");
                    return work.window().give_up(turn.place, reason);
                }
                if was_away {
                    tracing::debug!(kind, name, id, reason, "not taken yet");
                } else {
                    tracing::warn!(kind, name, id, reason, "not taken: it is tried again");
                }
                let wait = wait_after(turn.tries.failed).max(after.unwrap_or_default());
                // That it has expired is to be known as soon as it has.
                let wait = wait.min(time_left(&*turn.job));
                work.window().failed(turn.place, now, now + wait);
            }
        }
    }

    /// Writes the dead letters that are owed. Only then is their command settled.
    pub(super) fn bury(&self) -> Result<(), SessionError> {
        let work = self.recipient();
        let owed = work.window().given_up();
        if owed.is_empty() {
            return Ok(());
        }
        let (kind, name) = work.name();
        for (place, job, reason) in &owed {
            tracing::warn!(kind, name, id = job.id(), reason, "it is given up");
            // Who asked for a verification asks again.
            if place.0 != ASIDE {
                let reject = undeliverable(kind, name, reason);
                let (topic, key) = (&self.with.topics.deadletter, job.subject().as_bytes());
                let (recipient, origin) = ((work.header(), name), self.origin(*place));
                self.outbox
                    .dead_letter(topic, recipient, key, job.record(), &reject, origin)?;
                work.gave_up(job, &self.outbox)?;
                work.counters().add(Count::DeadLetters);
            }
        }
        self.deliver_records()?;
        let mut window = work.window();
        owed.iter().for_each(|(place, ..)| window.settle(*place));
        Ok(())
    }

    /// What is too large for its topic is lost, and all that can be done is to say so.
    fn deliver_records(&self) -> Result<(), SessionError> {
        let (kind, name) = self.recipient().name();
        for refused in self.outbox.deliver()? {
            let bytes = refused.payload().map_or(0, <[u8]>::len);
            tracing::error!(
                kind,
                name,
                topic = refused.topic(),
                bytes,
                "a record is larger than its topic takes; raise max.message.bytes of the topic"
            );
        }
        Ok(())
    }
}

/// Until it expires. Nothing, once it has.
pub(crate) fn time_left(job: &impl Job) -> Duration {
    let left = job.expires_at().since(now());
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}
