//! When and with what somebody is in a story already: no two stories of one identity meet, for each is
//! to be judged by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::tale::ms;
use crate::clock::HOUR;

/// Time between two stories of one identity, at least.
const APART: i64 = HOUR;
/// What is told so long after what came before stands by itself, e.g. in another week.
const PAUSE: i64 = 12 * HOUR;

/// What the stories so far have taken.
#[derive(Default)]
pub(super) struct Engaged {
    /// First and last moment of each stretch of a story, by identity.
    stretches: BTreeMap<String, Vec<(i64, i64)>>,
    /// Sessions and tasks in which something is told.
    held: BTreeSet<String>,
}

impl Engaged {
    /// Whether a story keeps clear of those before it.
    pub(super) fn is_clear_of(&self, told: &[Told]) -> bool {
        let wanted = stretches(told);
        let meets = |(from, to): &(i64, i64)| {
            wanted
                .iter()
                .any(|(start, end)| start - APART < *to && end + APART > *from)
        };
        let is_busy = |who: &str| {
            self.stretches
                .get(who)
                .is_some_and(|taken| taken.iter().any(meets))
        };
        !told.iter().any(|it| is_busy(&it.event.identity.id))
            && !held(told).any(|id| self.held.contains(id))
    }

    /// Notes a story that is planted.
    pub(super) fn note(&mut self, told: &[Told]) {
        let taken = stretches(told);
        let players: BTreeSet<&str> = told.iter().map(|it| &*it.event.identity.id).collect();
        for who in players {
            let of_player = self.stretches.entry(who.to_owned()).or_default();
            of_player.extend(&taken);
        }
        self.held.extend(held(told).map(str::to_owned));
    }
}

/// The stretches of a story, all its players taken together.
fn stretches(told: &[Told]) -> Vec<(i64, i64)> {
    let mut times: Vec<i64> = told.iter().map(|it| ms(&it.event)).collect();
    times.sort_unstable();
    times
        .chunk_by(|before, after| after - before < PAUSE)
        .filter_map(|stretch| Some((*stretch.first()?, *stretch.last()?)))
        .collect()
}

fn held(told: &[Told]) -> impl Iterator<Item = &str> {
    told.iter()
        .flat_map(|it| [&it.event.session.id, &it.event.task.id])
        .filter_map(|id| id.as_deref())
}
