//! Planted attacks: one file per kind, listed once in [`ATTACKS`].
//!
//! An attack takes over what an identity already has (a live session, a key, a task) and acts in
//! the last three days, so that there is a time before it. Victims are chosen among the first
//! identities of an organisation, so more identities bring more attacks and change none.
//!
//! To add a kind: a file with a `plan` of the same shape, a line in [`ATTACKS`], a paragraph in
//! `replay-data/README.md`. A `plan` writes its drafts with the scene's pen and returns the story in
//! one sentence, or nothing where the victim had no suitable moment; then another is tried.

mod call_volume;
mod endpoint_sequence;
mod impossible_travel;
pub(crate) mod rows;
mod scope_drift;

use plumbline_schemas::command::Action;
use rand::RngExt as _;

use crate::behave::{self, Bout, Pen};
use crate::clock::{DAY, MINUTE, SECOND};
use crate::draft::Draft;
use crate::places::PLACES;
use crate::profile::{Profile, place_index};
use crate::random::{Purpose, exponential, hash, hash_text, pick, rng};
use crate::world::World;

/// A kind of attack.
struct Attack {
    /// Name in the labels: that of the detector that is to find it.
    name: &'static str,
    /// Whom a variant suits.
    suits: fn(&Profile, u32) -> bool,
    plan: fn(&mut Scene<'_>) -> Option<String>,
}

/// Every kind.
const ATTACKS: &[Attack] = &[
    Attack {
        name: "impossible_travel",
        suits: impossible_travel::suits,
        plan: impossible_travel::plan,
    },
    Attack {
        name: "scope_drift",
        suits: scope_drift::suits,
        plan: scope_drift::plan,
    },
    Attack {
        name: "endpoint_sequence",
        suits: endpoint_sequence::suits,
        plan: endpoint_sequence::plan,
    },
    Attack {
        name: "call_volume",
        suits: call_volume::suits,
        plan: call_volume::plan,
    },
];

/// Victims of the first round of every variant are among so many first identities; of each later
/// round among as many more.
const POOL: u32 = 60;
/// Variants of each kind; a plan takes its number modulo what it has.
const VARIANTS: u32 = 3;
/// Attacks happen in this many last days.
const LAST_DAYS: i64 = 3;
/// One attack for so many identities, beyond the first dozen.
const IDENTITIES_PER_ATTACK: u32 = 100;
/// However large the organisation.
const MOST_ATTACKS: u32 = 2_000;

/// An attack that was planted.
pub(crate) struct Planted {
    pub name: &'static str,
    pub victim: u32,
    pub story: String,
    /// What a row of the catalogue adds; none for the attacks of the sample.
    pub row: Option<RowLabel>,
}

/// What the label of a row's story says beyond the others.
pub(crate) struct RowLabel {
    pub variant: &'static str,
    /// Nothing of it is hostile.
    pub is_twin: bool,
    pub accepts: &'static [Action],
    /// Who is to be commanded, where it is not who is first seen.
    pub target: Option<String>,
}

/// What an attack is planned with.
struct Scene<'a> {
    world: &'a World,
    who: &'a Profile,
    /// What the victim does in the days of the attack.
    bouts: &'a [Bout],
    variant: u32,
    pen: Pen<'a>,
}

impl Scene<'_> {
    /// A moment of the victim: a bout that fits.
    fn moment(&mut self, fits: impl Fn(&Bout) -> bool) -> Option<Bout> {
        let fitting: Vec<Bout> = self.bouts.iter().copied().filter(fits).collect();
        (!fitting.is_empty()).then(|| pick(&mut self.pen.rng, &fitting))
    }

    /// A time that passes between two calls of a script.
    fn pause(&mut self, seconds: f64) -> i64 {
        200 + exponential(&mut self.pen.rng, seconds * SECOND as f64) as i64
    }

    /// A city more than so many kilometres from a place.
    fn far_from(&mut self, place: u8, km: f64) -> Option<u8> {
        const HIDEOUTS: &[&str] = &[
            "Lagos",
            "Lima",
            "Tokyo",
            "Singapore",
            "Sydney",
            "São Paulo",
            "Mexico City",
            "Mumbai",
        ];
        let far: Vec<u8> = HIDEOUTS
            .iter()
            .map(|city| place_index(city))
            .filter(|other| self.world.distance_km(place.into(), (*other).into()) > km)
            .collect();
        (!far.is_empty()).then(|| pick(&mut self.pen.rng, &far))
    }

    /// Takes the setting of a moment over, from its own host or from a foreign one.
    fn take_over(&mut self, bout: &Bout, from_elsewhere: bool) -> &'static str {
        self.pen.setting = bout.setting;
        if from_elsewhere {
            let place = place_index(pick(
                &mut self.pen.rng,
                &["Amsterdam", "Zurich", "Warsaw", "Lagos"],
            ));
            self.pen.setting.place = place;
            self.pen.setting.host = self.pen.rng.random_range(8..14);
            self.pen.setting.device = crate::draft::FOREIGN;
        }
        city(self.pen.setting.place)
    }

    /// How many times the usual an attacker does, where everybody does more.
    fn amount(&mut self, from: u32, to: u32) -> u32 {
        let scale = self.world.scale.clamp(1.0, 20.0);
        (f64::from(self.pen.rng.random_range(from..to)) * scale) as u32
    }
}

fn city(place: u8) -> &'static str {
    PLACES[usize::from(place)].city.unwrap_or("an unknown city")
}

/// Whether a bout leaves time for the attack to end before the simulated days do.
fn has_room(world: &World, bout: &Bout, minutes: i64) -> bool {
    bout.start + minutes * MINUTE < world.to
}

/// Plans every attack: what was planted, and its drafts in order of time.
pub(crate) fn plan(world: &World) -> (Vec<Planted>, Vec<Draft>) {
    let (mut planted, mut drafts) = (Vec::new(), Vec::new());
    if !world.options.attacks {
        return (planted, drafts);
    }
    let count = world.options.identities;
    let least = if count < 40 {
        ATTACKS.len() as u32
    } else {
        ATTACKS.len() as u32 * VARIANTS
    };
    let wanted = (count / IDENTITIES_PER_ATTACK).clamp(least, MOST_ATTACKS);
    let mut taken = std::collections::HashSet::new();
    for number in 0..wanted {
        let attack = &ATTACKS[number as usize % ATTACKS.len()];
        let round = number / ATTACKS.len() as u32;
        let variant = round % VARIANTS;
        let pool = (POOL * (1 + round / VARIANTS)).min(count);
        // By name and round, so that a new kind changes nothing of what the others draw.
        let owner = hash([hash_text(attack.name), round.into()]);
        let mut rng = rng(world.seed(), owner, Purpose::Attack, 0);
        let first = rng.random_range(0..pool);
        let candidates = (0..pool).map(|step| (first + step) % pool);
        for victim in candidates {
            let who = &world.profiles[victim as usize];
            if taken.contains(&victim) || !(attack.suits)(who, variant) {
                continue;
            }
            let id = planted.len() as u32 + 1;
            if let Some(story) = attempt(world, attack, who, (owner, variant, id), &mut drafts) {
                taken.insert(victim);
                planted.push(Planted {
                    name: attack.name,
                    victim,
                    story,
                    row: None,
                });
                break;
            }
        }
    }
    drafts.sort_by_key(|draft: &Draft| (draft.time, draft.identity, draft.nonce));
    (planted, drafts)
}

fn attempt(
    world: &World,
    attack: &Attack,
    who: &Profile,
    (owner, variant, id): (u64, u32, u32),
    drafts: &mut Vec<Draft>,
) -> Option<String> {
    let mut bouts = Vec::new();
    let from = (world.to - LAST_DAYS * DAY).max(world.from);
    behave::bouts(world, who, from, world.to, &mut bouts);
    bouts.retain(|bout| has_room(world, bout, 120));
    let rng = rng(world.seed(), owner, Purpose::Attack, 1);
    let begin = drafts.len();
    let setting = bouts.first()?.setting;
    let pen = Pen {
        who: who.index,
        attack: id,
        rng,
        setting,
        out: drafts,
    };
    let mut scene = Scene {
        world,
        who,
        bouts: &bouts,
        variant,
        pen,
    };
    let story = (attack.plan)(&mut scene);
    if story.is_none() {
        drafts.truncate(begin);
    }
    story
}
