//! All that is kept of one identity.

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use crate::facts::Facts;
use crate::memory::warm;
use crate::names::{Name, Names};
use crate::policy::standing::StandingCommands;
use crate::profile::Profile;
use crate::risk::IdentityLedger;
use crate::seen::SeenIds;
use crate::session::Sessions;
use crate::state;
use crate::state::codec::{Damaged, Reader, Writer, stored};

/// The state of one identity.
#[derive(Debug)]
pub(crate) struct Identity {
    /// `tenant/id`.
    pub(crate) key: Box<str>,
    pub(crate) tenant_bytes: u32,
    pub(crate) kind: IdentityKind,
    pub(crate) seen: SeenIds,
    pub(crate) profile: Profile,
    pub(crate) sessions: Sessions,
    pub(crate) ledger: IdentityLedger,
    pub(crate) standing: StandingCommands,
    pub(crate) facts: Facts,
    mark: Mark,
}

stored!(Identity {
    key, tenant_bytes, kind, seen, profile, sessions, ledger, standing, facts, mark: via unmarked,
});

/// Marks are of this process.
mod unmarked {
    use super::{Damaged, Mark, Reader, Writer};

    pub(super) fn put(_: &Mark, _: &mut Writer<'_>) {}

    pub(super) fn take(_: &mut Reader<'_, '_>) -> Result<Mark, Damaged> {
        Ok(Mark::Saved)
    }
}

/// The identities of one engine. Each keeps its number for as long as it is known.
///
/// In chunks: one long vector would be copied whole now and then, a pause of half a second at a
/// million identities, and would stand half empty afterwards.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    chunks: Vec<Vec<Identity>>,
    /// Numbers of those that were forgotten.
    vacant: Vec<u32>,
    saving: Saving,
}

/// What of the identities is still to be written down.
#[derive(Debug, Default)]
struct Saving {
    /// Changed since the last checkpoint began.
    changed: Vec<u32>,
    /// As the checkpoint that is under way is to have them.
    waiting: Vec<u32>,
    /// Of those, the ones that could not wait any longer.
    written: Vec<(Box<str>, Vec<u8>)>,
}

/// Whether an identity is to be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    Saved,
    Changed,
    /// As it is now, before it changes.
    Waiting,
}

const CHUNK: usize = 1024;
/// What of an identity is counted apart.
const PARTS: usize = 12;
/// So many are looked at to know about how large all are.
const SAMPLE: usize = 1024;

impl Identities {
    pub(crate) fn push(&mut self, identity: Identity) -> usize {
        let at = self.place(identity);
        self.mark(at);
        at
    }

    fn place(&mut self, identity: Identity) -> usize {
        if let Some(at) = self.vacant.pop() {
            *self.slot(at as usize) = identity;
            return at as usize;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let at = self.slots();
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(identity);
        }
        at
    }

    /// To change it. What is to be written down as it was is written down before.
    pub(crate) fn change(&mut self, at: usize, names: &Names) -> &mut Identity {
        let identity = &mut self.chunks[at / CHUNK][at % CHUNK];
        if identity.mark != Mark::Changed {
            if identity.mark == Mark::Waiting {
                self.saving.written.push(written(identity, names));
            }
            identity.mark = Mark::Changed;
            self.saving.changed.push(at as u32);
        }
        identity
    }

    fn mark(&mut self, at: usize) {
        self.slot(at).mark = Mark::Changed;
        self.saving.changed.push(at as u32);
    }

    fn slot(&mut self, at: usize) -> &mut Identity {
        &mut self.chunks[at / CHUNK][at % CHUNK]
    }

    fn slots(&self) -> usize {
        self.chunks
            .last()
            .map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Forgets one, and gives its key.
    pub(crate) fn forget(&mut self, at: usize, names: &Names) -> Box<str> {
        let vacant = Identity::new(
            "",
            "",
            IdentityKind::Human,
            EventTime::default(),
            EventTime::default(),
        );
        let identity = self.change(at, names);
        let mark = identity.mark;
        let forgotten = std::mem::replace(
            identity,
            Identity {
                mark,
                key: Box::default(),
                ..vacant
            },
        );
        self.vacant.push(at as u32);
        forgotten.key
    }

    /// What has changed by now is what a checkpoint is to have.
    pub(crate) fn freeze(&mut self) {
        debug_assert!(self.saving.waiting.is_empty(), "one checkpoint at a time");
        self.saving.waiting = std::mem::take(&mut self.saving.changed);
        for at in std::mem::take(&mut self.saving.waiting) {
            let identity = self.slot(at as usize);
            // A number that was given anew is listed twice.
            if identity.mark != Mark::Changed {
                continue;
            }
            if identity.key.is_empty() {
                identity.mark = Mark::Saved;
            } else {
                identity.mark = Mark::Waiting;
                self.saving.waiting.push(at);
            }
        }
    }

    /// Writes down so many of those that wait. None are left when fewer come.
    pub(crate) fn write(&mut self, most: usize, names: &Names) -> Vec<(Box<str>, Vec<u8>)> {
        let mut entries = std::mem::take(&mut self.saving.written);
        while entries.len() < most
            && let Some(at) = self.saving.waiting.pop()
        {
            let identity = self.slot(at as usize);
            // One that has changed since was written before it did.
            if identity.mark == Mark::Waiting {
                identity.mark = Mark::Saved;
                entries.push(written(identity, names));
            }
        }
        entries
    }

    /// Whether anything waits to be written.
    pub(crate) fn is_written(&self) -> bool {
        self.saving.waiting.is_empty() && self.saving.written.is_empty()
    }

    /// None is written down yet, or all are.
    pub(crate) fn mark_all(&mut self, is_saved: bool) {
        self.saving = Saving::default();
        for at in 0..self.slots() {
            match is_saved {
                true => self.slot(at).mark = Mark::Saved,
                false => self.mark(at),
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots() - self.vacant.len()
    }

    /// All of them, with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &Identity)> {
        let all = self.chunks.iter().flatten().enumerate();
        all.filter(|(_, identity)| !identity.key.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.numbered().map(|(_, identity)| identity)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.fixed_bytes() + self.iter().map(Identity::heap_bytes).sum::<usize>()
    }

    /// The same, by one in so many that not much more than a thousand are looked at.
    pub(crate) fn bytes_about(&self) -> usize {
        let step = self.slots().div_ceil(SAMPLE).max(1);
        let sample = (0..self.slots()).step_by(step).map(|at| &self[at]);
        let known = sample.filter(|identity| !identity.key.is_empty());
        let sizes = known.map(Identity::heap_bytes);
        let (count, bytes) = sizes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        self.fixed_bytes() + bytes * self.len() / usize::max(count, 1)
    }

    /// Without the lists of what is to be written down, which depend on when that was done last.
    fn fixed_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Vec<Identity>>()
            + self.vacant.capacity() * size_of::<u32>()
            + self.slots() * size_of::<Identity>()
    }
}

/// An identity as an entry of state.
fn written(identity: &Identity, names: &Names) -> (Box<str>, Vec<u8>) {
    (identity.key.clone(), state::write(identity, names))
}

impl std::ops::Index<usize> for Identities {
    type Output = Identity;
    fn index(&self, at: usize) -> &Identity {
        &self.chunks[at / CHUNK][at % CHUNK]
    }
}

impl Identity {
    pub(crate) fn new(
        tenant: &str,
        id: &str,
        kind: IdentityKind,
        time: EventTime,
        clock: EventTime,
    ) -> Self {
        Self {
            key: plumbline_schemas::log_key(tenant, id).into(),
            tenant_bytes: tenant.len() as u32,
            kind,
            seen: SeenIds::new(clock),
            profile: Profile::new(kind, time),
            sessions: Sessions::default(),
            ledger: IdentityLedger::default(),
            standing: StandingCommands::default(),
            facts: Facts::default(),
            mark: Mark::Saved,
        }
    }

    /// `tenant/id`.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.key[..self.tenant_bytes as usize]
    }

    pub(crate) fn id(&self) -> &str {
        &self.key[self.tenant_bytes as usize + 1..]
    }

    /// Whether it is the identity with this key, and its tenant ends at a slash.
    pub(crate) fn is_named(&self, key: &str) -> bool {
        let slash = self.key.as_bytes().get(self.tenant_bytes as usize);
        *self.key == *key && slash == Some(&b'/')
    }

    pub(crate) fn is(&self, tenant: &str, id: &str) -> bool {
        let at = self.tenant_bytes as usize;
        at == tenant.len()
            && self.key.len() == at + 1 + id.len()
            && self.key.as_bytes()[..at] == *tenant.as_bytes()
            && self.key.as_bytes()[at + 1..] == *id.as_bytes()
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.profile.each_name(mark);
        self.sessions.each_name(mark);
        self.facts.each_name(mark);
    }

    /// Asks for all that is soon going to be looked at.
    pub(crate) fn warm(&self) -> u32 {
        let credentials = warm(&self.facts.credentials, |credential| credential.key);
        self.seen.warm() ^ self.profile.warm() ^ self.sessions.warm() ^ credentials
    }

    /// Bytes held beyond the struct itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.parts().iter().map(|(_, bytes)| bytes).sum()
    }

    /// The same, part by part.
    pub(crate) fn parts(&self) -> [(&'static str, usize); PARTS] {
        let profile = &self.profile;
        [
            ("key", self.key.len()),
            ("event ids", self.seen.bytes()),
            ("places", profile.places.heap_bytes()),
            ("endpoints", profile.scope.heap_bytes()),
            ("order", profile.sequence.heap_bytes()),
            (
                "volume",
                profile.volume.heap_bytes() + profile.peaks.heap_bytes(),
            ),
            ("habits", profile.habits.heap_bytes()),
            ("data", profile.data.heap_bytes()),
            ("schedule", profile.schedule.heap_bytes()),
            ("sessions", self.sessions.heap_bytes()),
            (
                "risk",
                self.ledger.heap_bytes() + self.standing.heap_bytes(),
            ),
            ("facts", self.facts.heap_bytes()),
        ]
    }
}
