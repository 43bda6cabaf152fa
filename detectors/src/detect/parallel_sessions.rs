//! `parallel_sessions`: more sessions at once than a person has ever held, from different networks.
//!
//! **Catches** a stolen password or cookie that is used beside its owner (T1078, T1539). The newest session
//! is asked.
//!
//! **Model.** A record: sessions in use within half an hour, not logged out nor expired, against the most
//! there ever were; three at least, two networks at least. One more than ever must come from a network
//! that is new, two more from anywhere. **Evidence:** how many, the most before, networks.
//! **Configuration:** mode only. **Blind spots:** a thief who waits until the owner rests.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::IdentityKind;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::profile::habits::Trait;
use crate::signal::{Demand, Signal};

/// So many sessions at once are nobody's oddity.
const LEAST_SESSIONS: usize = 3;
/// Days of history before there is a record to break.
const LEAST_DAYS: u16 = 3;

/// So many more than ever are odd from a usual device in a usual network too.
const MORE_AT_HOME: usize = 4;

const TECHNIQUE: &[&str] = &["T1078", "T1539"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let applies = moment.kind == IdentityKind::Human
        && moment.entered.begins
        && moment.succeeded()
        && moment.event.session.id.is_some();
    let now = moment.time();
    if !applies || subject.profile.earlier_days(now) < LEAST_DAYS {
        return None;
    }
    let live: Vec<u32> = subject
        .others
        .iter()
        .filter(|session| session.id.is_some() && session.is_live(now))
        .map(|session| session.setting.get(Trait::Network))
        .collect();
    let (count, most) = (live.len() + 1, usize::from(subject.profile.most_parallel));
    if count < LEAST_SESSIONS || count <= most {
        return None;
    }
    let own = moment.setting.get(Trait::Network);
    let mut networks: Vec<u32> = live.into_iter().chain([own]).filter(|key| *key != 0).collect();
    networks.sort_unstable();
    networks.dedup();
    let habits = &subject.profile.habits;
    let is_new = own != 0 && !habits.is_known(Trait::Network, own, now);
    // One more application on the laptop of every day.
    let is_own = |what| {
        let key = moment.setting.get(what);
        key != 0 && habits.is_known(what, key, now) && habits.days(what, key, now) > 0
    };
    let is_usual = is_own(Trait::Network) && [Trait::Device, Trait::Fingerprint].into_iter().any(is_own);
    let more = if is_usual { MORE_AT_HOME } else { 2 };
    if networks.len() < 2 || (!is_new && count < most + more) {
        return None;
    }
    let evidence = json!({
        "sessions_in_use": count, "most_before": most, "networks": networks.len(),
        "newest": moment.names.text(moment.described), "newest_network_is_new": is_new,
        "silent_if": format!("there had been {most} at once before, or all were on one network"),
    });
    Some(Signal::rule(
        DetectorId::ParallelSessions,
        Demand::of(Action::StepUp),
        TECHNIQUE,
        format!("{count} sessions at once from {} networks, {most} were the most before", networks.len()),
        evidence,
    ))
}
