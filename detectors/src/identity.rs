//! All that is kept of one identity.

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use crate::facts::Facts;
use crate::memory::warm;
use crate::names::Name;
use crate::policy::standing::StandingCommands;
use crate::profile::Profile;
use crate::risk::IdentityLedger;
use crate::seen::SeenIds;
use crate::session::Sessions;

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
}

/// The identities of one engine, by the order of their first event.
///
/// In chunks: one long vector would be copied whole now and then, a pause of half a second at a
/// million identities, and would stand half empty afterwards.
#[derive(Debug, Default)]
pub(crate) struct Identities(Vec<Vec<Identity>>);

const CHUNK: usize = 1024;

impl Identities {
    pub(crate) fn push(&mut self, identity: Identity) -> usize {
        if self.0.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.0.push(Vec::with_capacity(CHUNK));
        }
        let at = self.len();
        if let Some(chunk) = self.0.last_mut() {
            chunk.push(identity);
        }
        at
    }

    pub(crate) fn len(&self) -> usize {
        self.0
            .last()
            .map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.0.iter().flatten()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Vec<Identity>>()
            + self.len() * size_of::<Identity>()
            + self.iter().map(Identity::heap_bytes).sum::<usize>()
    }
}

impl std::ops::Index<usize> for Identities {
    type Output = Identity;
    fn index(&self, at: usize) -> &Identity {
        &self.0[at / CHUNK][at % CHUNK]
    }
}

impl std::ops::IndexMut<usize> for Identities {
    fn index_mut(&mut self, at: usize) -> &mut Identity {
        &mut self.0[at / CHUNK][at % CHUNK]
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
        self.key.len()
            + self.seen.bytes()
            + self.profile.heap_bytes()
            + self.sessions.heap_bytes()
            + self.ledger.heap_bytes()
            + self.standing.heap_bytes()
            + self.facts.heap_bytes()
    }
}
