//! The rows of the catalogue, each in its variants, each variant with a benign twin: one file per
//! row, all alike, listed once in [`ROWS`].
//!
//! A story is told in native events, which alone carry what these rows are about. It is made from the
//! victim's ordinary events, so whatever the story does not change is as ever. Attacks are in the
//! last six days, twins in the six before them; a twin's events bear no label. Stories of one identity
//! are apart in time and share neither session nor task; none uses what was over by then.

mod a1_environment;
mod a2_unapproved_tool;
mod a3_service_moves;
mod a5_context_change;
mod a6_replayed_token;
mod a7_anonymiser;
mod b1_separation;
mod b2_old_credential;
mod b3_contention;
mod b4_compromise;
mod b5_after_revocation;
mod b6_parallel_sessions;
mod b7_new_privilege;
mod c1_agent_to_vault;
mod c2_across_tenants;
mod c3_delegated_secret;
mod c4_off_schedule;
mod c5_raises_privilege;
mod c6_changes_tactics;
mod d1_old_authentication;
mod d2_bound_token_moves;
mod d3_sudden_excess;
mod d4_lent_access;
mod d5_outside_task;
mod d6_failed_bursts;
mod e1_old_verdict;
mod e2_privileged_session_changes;
mod e3_agent_reaches_up;
mod e4_long_console;
mod e5_credential_age;
mod engaged;
mod tale;

use std::collections::{BTreeMap, BTreeSet};

use plumbline_schemas::command::Action;
use plumbline_schemas::event::Event;
use rand::RngExt as _;

use super::{Planted, RowLabel};
use crate::clock::{DAY, HOUR};
use crate::native::{Habit, Office};
use crate::profile::{Profile, Role};
use crate::random::{Purpose, hash, hash_text, rng};
use crate::world::World;
use engaged::Engaged;
use tale::Tale;

/// A row of the catalogue.
struct Row {
    /// E.g. `A1`.
    id: &'static str,
    variants: &'static [Variant],
}

/// One way in which a row's story goes.
struct Variant {
    name: &'static str,
    /// Commands that answer it.
    accepts: &'static [Action],
    /// Whom it suits.
    suits: fn(&Profile) -> bool,
    attack: Telling,
    /// Whom the twin suits.
    twin_suits: fn(&Profile) -> bool,
    twin: Telling,
}

/// Tells a story and returns it in one sentence; nothing where the victim had no suitable moment.
type Telling = fn(&mut Tale<'_>) -> Option<String>;

const ROWS: &[&Row] = &[
    &a1_environment::ROW,
    &a2_unapproved_tool::ROW,
    &a3_service_moves::ROW,
    &a5_context_change::ROW,
    &a6_replayed_token::ROW,
    &a7_anonymiser::ROW,
    &b1_separation::ROW,
    &b2_old_credential::ROW,
    &b3_contention::ROW,
    &b4_compromise::ROW,
    &b5_after_revocation::ROW,
    &b6_parallel_sessions::ROW,
    &b7_new_privilege::ROW,
    &c1_agent_to_vault::ROW,
    &c2_across_tenants::ROW,
    &c3_delegated_secret::ROW,
    &c4_off_schedule::ROW,
    &c5_raises_privilege::ROW,
    &c6_changes_tactics::ROW,
    &d1_old_authentication::ROW,
    &d2_bound_token_moves::ROW,
    &d3_sudden_excess::ROW,
    &d4_lent_access::ROW,
    &d5_outside_task::ROW,
    &d6_failed_bursts::ROW,
    &e1_old_verdict::ROW,
    &e2_privileged_session_changes::ROW,
    &e3_agent_reaches_up::ROW,
    &e4_long_console::ROW,
    &e5_credential_age::ROW,
];

/// Id and variant of everything that is planted.
#[cfg(test)]
pub(crate) fn variants() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter()
        .flat_map(|row| row.variants.iter().map(|it| (row.id, it.name)))
}

/// Days of the attacks, and as many before them for the twins.
const WINDOW: i64 = 6 * DAY;
/// Each variant is planted once for so many identities.
const IDENTITIES_PER_COPY: u32 = 500;
/// How many may lack a suitable moment before a variant is given up.
const TRIES: usize = 60;
/// How many moments are tried with each of them.
const MOMENTS: i64 = 12;
/// One identity plays the twin in so many stories at most.
const TWINS_OF_ONE: u32 = 6;

/// An event of a story.
pub(crate) struct Told {
    /// When it reaches the log, milliseconds.
    pub arrival: i64,
    /// Number of what it belongs to; 0 for what only leads up to it.
    pub plant: u32,
    pub event: Event<'static>,
}

/// What the rows do to the log.
#[derive(Default)]
pub(crate) struct Plot {
    /// Events in order of arrival.
    pub told: Vec<Told>,
    /// Stretches of ordinary work that do not happen, by identity and number.
    pub cancelled: BTreeSet<(u32, i64)>,
}

/// Plans every row after the attacks that are planted already.
pub(crate) fn plan(world: &World, planted: &mut Vec<Planted>) -> Plot {
    let mut casting = Casting {
        world,
        victims: planted.iter().map(|it| it.victim).collect(),
        twins: BTreeMap::new(),
        engaged: Engaged::default(),
        planted,
        plot: Plot::default(),
    };
    let copies = (world.options.identities / IDENTITIES_PER_COPY).max(1);
    for is_twin in [false, true] {
        if !is_twin && !world.options.attacks {
            continue;
        }
        for row in ROWS {
            for variant in row.variants {
                for copy in 0..copies {
                    casting.plant(row, variant, copy, is_twin);
                }
            }
        }
    }
    let mut plot = casting.plot;
    plot.told
        .sort_by(|a, b| (a.arrival, &a.event.id).cmp(&(b.arrival, &b.event.id)));
    plot
}

struct Casting<'a> {
    world: &'a World,
    victims: BTreeSet<u32>,
    /// How many twins an identity plays.
    twins: BTreeMap<u32, u32>,
    engaged: Engaged,
    planted: &'a mut Vec<Planted>,
    plot: Plot,
}

impl Casting<'_> {
    fn plant(&mut self, row: &'static Row, variant: &'static Variant, copy: u32, is_twin: bool) {
        let words = format!("{} {} {copy} {is_twin}", row.id, variant.name);
        let owner = hash_text(&words);
        let count = self.world.options.identities;
        let first = rng(self.world.seed(), owner, Purpose::Attack, 0).random_range(0..count);
        let suits = if is_twin {
            variant.twin_suits
        } else {
            variant.suits
        };
        let world = self.world;
        let candidates = (0..count)
            .map(|step| &world.profiles[((first + step) % count) as usize])
            .filter(|who| suits(who))
            .take(TRIES);
        for who in candidates {
            let plays = self.twins.get(&who.index).copied().unwrap_or(0);
            if self.victims.contains(&who.index) || is_twin && plays >= TWINS_OF_ONE {
                continue;
            }
            let mut moments = 0..MOMENTS;
            let Some((planted, plot)) =
                moments.find_map(|nth| self.attempt(row, variant, who, (owner, nth), is_twin))
            else {
                continue;
            };
            self.engaged.note(&plot.told);
            if is_twin {
                *self.twins.entry(who.index).or_default() += 1;
            } else {
                self.victims.insert(who.index);
            }
            self.planted.push(planted);
            self.plot.told.extend(plot.told);
            self.plot.cancelled.extend(plot.cancelled);
            return;
        }
    }

    fn attempt(
        &self,
        row: &'static Row,
        variant: &'static Variant,
        who: &Profile,
        (owner, moment): (u64, i64),
        is_twin: bool,
    ) -> Option<(Planted, Plot)> {
        let world = self.world;
        let end = world.to - 5 * HOUR - if is_twin { WINDOW } else { 0 };
        let who_and_what = hash([owner, who.index.into()]);
        let mut tale = Tale {
            world,
            who,
            rng: rng(world.seed(), who_and_what, Purpose::Attack, 2 + moment),
            window: ((end - WINDOW).max(world.from), end),
            plant: self.planted.len() as u32 + 1,
            told: Vec::new(),
            players: BTreeSet::new(),
            target: None,
            cancelled: Vec::new(),
            open_tasks: Vec::new(),
        };
        let tell = if is_twin {
            variant.twin
        } else {
            variant.attack
        };
        let story = tell(&mut tale)?;
        tale.close();
        let is_within = |told: &Told| {
            let time = told.event.time.as_millis();
            time >= world.from && told.arrival < world.to
        };
        let is_possible = !tale.told.is_empty() && tale.told.iter().all(is_within);
        if !is_possible
            || !self.engaged.is_clear_of(&tale.told)
            || tale.uses_what_is_over()
            || tale.is_approved_by_chance()
        {
            return None;
        }
        let planted = Planted {
            name: row.id,
            victim: who.index,
            story,
            row: Some(RowLabel {
                variant: variant.name,
                is_twin,
                accepts: variant.accepts,
                target: tale.target,
            }),
        };
        let plot = Plot {
            told: tale.told,
            cancelled: tale.cancelled.into_iter().collect(),
        };
        Some((planted, plot))
    }
}

fn has_office(who: &Profile, office: Office) -> bool {
    matches!(&who.role, Role::Native(native) if native.office == office)
}

fn operator(who: &Profile) -> bool {
    // Who is always behind an anonymiser or moves by satellite is for the rows about those.
    let is_plain = matches!(&who.role, Role::Native(native)
        if !matches!(native.habit, Habit::CommercialVpn | Habit::Satellite));
    has_office(who, Office::Operator) && is_plain
}

fn on_commercial_vpn(who: &Profile) -> bool {
    matches!(&who.role, Role::Native(native)
        if native.habit == Habit::CommercialVpn && native.office.is_human())
}

fn finance(who: &Profile) -> bool {
    has_office(who, Office::Finance)
}

fn on_call(who: &Profile) -> bool {
    has_office(who, Office::OnCall)
}

fn service(who: &Profile) -> bool {
    has_office(who, Office::Service)
}

fn scheduled(who: &Profile) -> bool {
    has_office(who, Office::Scheduled)
}

fn pipeline(who: &Profile) -> bool {
    has_office(who, Office::Pipeline)
}

fn deployer(who: &Profile) -> bool {
    has_office(who, Office::Deployer)
}

fn assistant(who: &Profile) -> bool {
    has_office(who, Office::Assistant)
}

fn agent(who: &Profile) -> bool {
    // Those of the triage are needed for the rows that only suit them.
    matches!(who.role, Role::Agent(_)) && !triage_agent(who) && !vault_agent(who)
}

fn triage_agent(who: &Profile) -> bool {
    matches!(&who.role, Role::Agent(agent) if agent.objective.agent == "ticket-triage")
}

fn vault_agent(who: &Profile) -> bool {
    matches!(&who.role, Role::Agent(agent) if agent.objective.agent == "secret-audit")
}
