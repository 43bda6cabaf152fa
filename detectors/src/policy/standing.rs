//! Which commands stand: a weaker one never follows a stronger one for the same target while that one
//! stands, and the same one is not given twice.

use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::acknowledge::Awaited;
use crate::memory::{push_exact, thin_bytes};
use crate::risk::DetectorSet;
use crate::state::codec::stored;
use crate::state::detectors::set;

/// A command that has been given and has not ended.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) id: u64,
    pub(crate) action: Action,
    pub(crate) mode: Mode,
    pub(crate) given: EventTime,
    pub(crate) expires: EventTime,
    /// What it is about; 0 where it is not about any.
    pub(crate) session: u32,
    pub(crate) credential: u32,
    pub(crate) resource: u32,
    /// Whether it only asks for good order: what happens under it is no less usual for that.
    pub(crate) is_hygiene: bool,
    /// Key of the session whose event led to it.
    pub(crate) began_in: u32,
    /// The detectors behind it.
    pub(crate) detectors: DetectorSet,
    /// Risk of the identity when it was given, bits.
    pub(crate) bits: f32,
    /// The command itself, while a bot is to acknowledge it.
    pub(crate) awaited: Option<Box<Awaited>>,
}
stored!(Standing { id, action, mode, given, expires, session, credential, resource, is_hygiene, began_in, detectors: via set, bits, awaited });

impl Standing {
    /// Whether it already answers for an event of this session with this credential.
    pub(crate) fn covers(&self, session: u32, credential: u32) -> bool {
        if self.resource != 0 {
            return false;
        }
        let about_session = self.session != 0 && self.session == session;
        let about_credential = self.credential != 0 && self.credential == credential;
        about_session || about_credential || (self.session == 0 && self.credential == 0)
    }
}

/// So many commands of one identity are remembered.
const MOST_STANDING: usize = 256;

/// The standing commands of one identity.
#[derive(Debug, Default)]
pub(crate) struct StandingCommands(ThinVec<Standing>);
stored!(StandingCommands(..));

impl StandingCommands {
    /// The strongest that stands for this session or credential at this time. One that is enforced
    /// goes before one that is only observed.
    pub(crate) fn strongest(
        &self,
        session: u32,
        credential: u32,
        now: EventTime,
    ) -> Option<&Standing> {
        self.0
            .iter()
            .filter(|standing| standing.expires > now && standing.covers(session, credential))
            .max_by_key(|standing| (standing.mode == Mode::Enforce, standing.action.strength()))
    }

    /// The strongest that stands for this one object: it alone, or something that stops everything.
    pub(crate) fn strongest_for_resource(
        &self,
        (session, credential, resource): (u32, u32, u32),
        now: EventTime,
    ) -> Option<&Standing> {
        let covers = |standing: &&Standing| {
            standing.resource == resource
                || (standing.action >= Action::Pause && standing.covers(session, credential))
        };
        let standing = self.0.iter().filter(|standing| standing.expires > now);
        standing
            .filter(covers)
            .max_by_key(|standing| (standing.mode == Mode::Enforce, standing.action.strength()))
    }

    /// Whether a command about just this session, credential and object is enforced.
    pub(crate) fn has_enforced(&self, target: (u32, u32, u32), now: EventTime) -> bool {
        let mut enforced = self.0.iter().filter(|it| it.mode == Mode::Enforce);
        enforced.any(|it| (it.session, it.credential, it.resource) == target && it.expires > now)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Standing> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Standing> {
        self.0.iter_mut()
    }

    /// Waits for a bot to acknowledge the command with this number.
    pub(crate) fn wait_for(&mut self, number: u64, awaited: Awaited) {
        if let Some(standing) = self.0.iter_mut().find(|standing| standing.id == number) {
            standing.awaited = Some(Box::new(awaited));
        }
    }

    /// Takes a new command in; the one for the same target that it replaces is returned.
    pub(crate) fn give(&mut self, standing: Standing) -> Option<Standing> {
        self.0.retain(|other| other.expires > standing.given);
        let same = |other: &Standing| {
            other.session == standing.session
                && other.credential == standing.credential
                && other.resource == standing.resource
        };
        let replaced = self.0.iter().position(same).map(|at| self.0.remove(at));
        // Who has a session for every call would have a command for each: the one that ends first is asked anew.
        if self.0.len() >= MOST_STANDING {
            let all = self.0.iter().enumerate();
            let ending =
                all.min_by_key(|(_, other)| (other.action.strength(), other.expires, other.id));
            ending.map(|(at, _)| at).map(|at| self.0.remove(at));
        }
        push_exact(&mut self.0, standing);
        replaced
    }

    /// Ends the commands of which this is true, and gives them.
    pub(crate) fn end(&mut self, ends: impl Fn(&Standing) -> bool) -> Vec<Standing> {
        let mut ended = Vec::new();
        let mut at = 0;
        while let Some(standing) = self.0.get(at) {
            match ends(standing) {
                true => ended.push(self.0.remove(at)),
                false => at += 1,
            }
        }
        ended
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let awaited = self
            .0
            .iter()
            .filter_map(|standing| standing.awaited.as_ref());
        thin_bytes(&self.0) + awaited.map(|awaited| awaited.bytes()).sum::<usize>()
    }
}
