//! `device_drift`: a device, host, region or runtime that the identity never uses, or posture or
//! assurance that fell in the middle of a session.
//!
//! **Catches** a session or token that goes on elsewhere, and a device that lost its protection (T1550,
//! T1539). By itself a finding at most. It marks the session as changed, which `context_change` answers
//! when something sensitive follows; a machine's privileged session is asked at once, and a person's
//! privileged session ends when its device stops being compliant, or is said not to be where nothing was known of it for
//! minutes: many who manage devices speak only of those that are not.
//!
//! **Model.** Good–Turing over days of use for each trait (`profile/habits.rs`), the most surprised of
//! them, 4 bits more in mid-session; a client's id or fingerprint that changes in mid-session is a change
//! however little is known, unless the identity has shown three of them. Posture or assurance that falls
//! counts as 8 bits. **Evidence:** what changed, before and after, with the numbers. **Configuration:**
//! mode only.
//!
//! **Blind spots:** sources that state no device; hosts that come and go, which surprise nobody.

use std::borrow::Cow;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{Event, IdentityKind};
use serde_json::json;

use super::changes::{self, LEAST_CHANGE_BITS, MOVED_BITS};
use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::names::Name;
use crate::profile::habits::{Strange, Trait};
use crate::session::{Changed, Session};
use crate::setting::NON_COMPLIANT;
use crate::signal::{Alone, Demand, Signal, evidence};
use crate::units::Bits;

/// What it weighs when posture or assurance falls in mid-session.
const FELL_BITS: f64 = 8.0;

/// What is known of a device at login is told within this time.
const SILENT_MS: i64 = 60_000;

/// Who has used so many clients may change them in mid-session.
const MANY_CLIENTS: u32 = 3;

const TECHNIQUE: &[&str] = &["T1550", "T1539"];

/// The traits of a device, and what they are called. A user agent says something only where nothing
/// better does.
const DEVICE_TRAITS: [(Trait, &str); 6] = [
    (Trait::Device, "device"),
    (Trait::Fingerprint, "TLS fingerprint"),
    (Trait::Agent, "user agent"),
    (Trait::Host, "host"),
    (Trait::Region, "region"),
    (Trait::Runtime, "runtime"),
];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if !moment.succeeded() {
        return None;
    }
    let before = subject.session.setting;
    let mut new: Vec<(&'static str, Strange, bool)> = Vec::new();
    for (what, name) in DEVICE_TRAITS {
        let key = moment.setting.get(what);
        let same = key == 0 || key == before.get(what);
        let better = what == Trait::Agent
            && (moment.setting.get(Trait::Device) != 0 || moment.setting.get(Trait::Fingerprint) != 0);
        // Runners and pods come and go.
        let fleeting = what == Trait::Host
            && matches!(moment.kind, IdentityKind::Workload | IdentityKind::ApiKey);
        let habits = &subject.profile.habits;
        if same || better || fleeting || moment.setting.is_known(what, habits, moment.time()) {
            continue;
        }
        let strange = habits.strange(what);
        if strange.days > 0 {
            new.push((name, strange, !moment.entered.begins && before.get(what) != 0));
        }
    }
    let posture = !moment.entered.begins && posture_falls(moment, subject);
    let assurance = !moment.entered.begins && moment.setting.assurance_fell(&before);
    if new.is_empty() && !posture && !assurance {
        return None;
    }
    let moved: Vec<&(&str, Strange, bool)> = new
        .iter()
        .filter(|(name, strange, moved)| {
            *moved && (strange.bits.0 >= LEAST_CHANGE_BITS || is_pinned(name, strange))
        })
        .collect();
    let mut what: Vec<&'static str> = moved.iter().map(|(name, ..)| *name).collect();
    what.extend(posture.then_some("posture"));
    what.extend(assurance.then_some("assurance"));
    let most = |strange: &(&str, Strange, bool)| {
        strange.1.bits.0 + if strange.2 { MOVED_BITS } else { 0.0 }
    };
    let fell = if posture || assurance { FELL_BITS } else { 0.0 };
    let bits = Bits(new.iter().map(most).fold(fell, f64::max)).clamped();
    let change = !what.is_empty();
    let demand = change.then(|| demand(moment.kind, subject.session, posture)).flatten();
    if change {
        let changed = Changed {
            what: what.iter().copied().map(Cow::Borrowed).collect(),
            bits,
            time: moment.time(),
            before: subject.session.described,
            after: moment.described,
            event_id: EventId::new(&moment.event.id),
            setting: moment.setting,
        };
        changes::mark(subject.session, changed);
    }
    if !change && !moment.may_count(bits) {
        return None;
    }
    let (before, after) = (
        subject.session.described.map(|name| moment.names.text(name)),
        moment.names.text(moment.described),
    );
    if !change {
        what.extend(new.iter().map(|(name, ..)| *name));
    }
    let told = what.join(", ");
    let summary = match before.filter(|_| change) {
        Some(before) => format!("{told} changed in mid-session: {before} before, now {after}"),
        None => format!("{told} never used before: {after}"),
    };
    let numbers: Vec<_> = new
        .iter()
        .map(|(name, strange, moved)| {
            json!({
                "what": name, "days_of_use": strange.days, "distinct": strange.distinct,
                "used_on_one_day_only": strange.once, "bits": strange.bits.rounded(), "in_mid_session": moved,
            })
        })
        .collect();
    Some(Signal {
        detector: DetectorId::DeviceDrift,
        bits,
        alone: Alone::Finding,
        demand,
        is_notable: change,
        technique: TECHNIQUE,
        summary,
        evidence: evidence(json!({
            "before": before, "after": after, "new": numbers,
            "posture_fell": posture, "assurance_fell": assurance,
            "formula": "chance = (used_on_one_day_only + 1/2) / (days_of_use + 1); 4 bits more in mid-session; \
                        posture or assurance that falls: 8 bits",
            "silent_if": match posture || assurance {
                true => "posture and assurance had stayed as they were".to_owned(),
                false => format!("{told} had been used on an earlier day"),
            },
        })),
        other_events: Vec::new(),
    })
}

/// The device of a session is compliant no more, as its manager says.
pub(crate) fn posture_fell(
    session: &mut Session,
    kind: IdentityKind,
    described: Name,
    event: &Event<'_>,
) -> Signal {
    let bits = Bits(FELL_BITS);
    let changed = Changed {
        what: vec!["posture".into()],
        bits,
        time: event.time,
        before: session.described,
        after: described,
        event_id: EventId::new(&event.id),
        setting: session.setting,
    };
    changes::mark(session, changed);
    let signal = Signal {
        detector: DetectorId::DeviceDrift,
        bits,
        alone: Alone::Finding,
        demand: demand(kind, session, true),
        is_notable: true,
        technique: TECHNIQUE,
        summary: "the device of the session is compliant no more, its manager says".to_owned(),
        evidence: evidence(json!({
            "device": event.device.id, "posture_fell": true, "told_by": event.action.name,
            "formula": "posture that falls: 8 bits",
            "silent_if": "posture had stayed as it was",
        })),
        other_events: Vec::new(),
    };
    signal.resting_on([event.id.to_string()])
}

/// A session stays with the client that holds it, however little is known of the identity; unless that has
/// shown many.
fn is_pinned(name: &str, strange: &Strange) -> bool {
    matches!(name, "device" | "TLS fingerprint") && strange.distinct < MANY_CLIENTS
}

/// Whether the device is not compliant any more, or for all that was known: of a session that went on for minutes
/// without a word, what was last said of any device of the identity.
fn posture_falls(moment: &Moment<'_>, subject: &Subject<'_>) -> bool {
    let (before, profile) = (&subject.session.setting, subject.profile);
    if before.posture() != 0 {
        return moment.setting.posture_fell(before);
    }
    moment.setting.posture() == NON_COMPLIANT
        && profile.posture != NON_COMPLIANT
        && profile.earlier_days(moment.time()) > 0
        && moment.time().since(subject.session.started()) >= SILENT_MS
}

/// What a change in a privileged session asks for at once.
fn demand(kind: IdentityKind, session: &Session, posture: bool) -> Option<Demand> {
    if !session.privileged {
        return None;
    }
    match kind {
        IdentityKind::Human if posture => Some(Demand::of(Action::RevokeSession)),
        IdentityKind::Human | IdentityKind::AiAgent => None,
        _ => Some(Demand::of(Action::StepUp)),
    }
}
