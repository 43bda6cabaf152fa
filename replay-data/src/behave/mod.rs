//! What everybody does: one file per sort of identity, all alike.
//!
//! `bouts` says when an identity is busy in a span of time: cheap, and the same for whatever spans it
//! is asked. `perform` turns one bout into drafts of events, with a generator that belongs to that
//! bout alone. A bout has minutes rather than hours, so little waits in memory at any moment.
//!
//! To add a behaviour: a file with these two functions, a variant of [`Role`], a line in each of the
//! two functions below.

mod agent;
mod client;
mod cron;
mod native;
pub(crate) mod person;
mod travel;
mod worker;

pub(crate) use client::{own_object, own_tenant, success};

use crate::draft::{Act, Draft, End, Setting};
use crate::profile::{Profile, Role};
use crate::random::{Purpose, Rng, rng};
use crate::world::World;

/// A stretch of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bout {
    pub start: i64,
    /// Tells it apart from the identity's other bouts.
    pub number: i64,
    pub length: i64,
    /// About how many things are done.
    pub work: u32,
    pub begins_session: bool,
    pub ends_session: bool,
    /// Work that is not of every day: an incident, a batch.
    pub special: bool,
    pub setting: Setting,
}

/// The bouts that start from `from` to before `to`.
pub(crate) fn bouts(world: &World, who: &Profile, from: i64, to: i64, out: &mut Vec<Bout>) {
    match &who.role {
        Role::Person(person) => person::bouts(world, who, person, from, to, out),
        Role::Cron(cron) => cron::bouts(world, who, cron, from, to, out),
        Role::Worker(worker) => worker::bouts(world, who, worker, from, to, out),
        Role::Deployer => worker::deployments(world, who, from, to, out),
        Role::Client(client) => client::bouts(world, who, client, from, to, out),
        Role::Agent(agent) => agent::bouts(world, who, agent, from, to, out),
        Role::Native(native) => native::bouts(world, who, native, from, to, out),
    }
}

/// What is done in a bout.
pub(crate) fn perform(world: &World, who: &Profile, bout: &Bout, out: &mut Vec<Draft>) {
    let rng = rng(world.seed(), who.index.into(), Purpose::Bout, bout.number);
    let mut pen = Pen {
        who: who.index,
        attack: 0,
        rng,
        setting: bout.setting,
        out,
    };
    match &who.role {
        Role::Person(person) => person::perform(world, who, person, bout, &mut pen),
        Role::Cron(cron) => cron::perform(world, who, cron, bout, &mut pen),
        Role::Worker(worker) => worker::perform(world, who, worker.job, bout, &mut pen),
        Role::Deployer => worker::deploy(world, who, bout, &mut pen),
        Role::Client(client) => client::perform(world, who, client, bout, &mut pen),
        Role::Agent(agent) => agent::perform(world, who, agent, bout, &mut pen),
        Role::Native(native) => native::perform(world, who, native, bout, &mut pen),
    }
}

fn retain_from(out: &mut Vec<Bout>, begin: usize, keep: impl Fn(&Bout) -> bool) {
    let mut kept = begin;
    for index in begin..out.len() {
        if keep(&out[index]) {
            out.swap(kept, index);
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// Writes drafts of one identity in one setting.
pub(crate) struct Pen<'a> {
    pub who: u32,
    pub attack: u32,
    pub rng: Rng,
    pub setting: Setting,
    pub out: &'a mut Vec<Draft>,
}

impl Pen<'_> {
    /// Something that succeeded.
    pub(crate) fn write(&mut self, time: i64, act: Act) {
        self.write_as(time, act, 0, End::Success);
    }

    /// Something with bytes out and an end.
    pub(crate) fn write_as(&mut self, time: i64, act: Act, bytes: u32, end: End) {
        use rand::RngExt as _;
        let nonce = self.rng.random();
        self.out.push(Draft {
            time,
            arrival: time,
            nonce,
            identity: self.who,
            attack: self.attack,
            setting: self.setting,
            act,
            bytes,
            end,
        });
    }
}
