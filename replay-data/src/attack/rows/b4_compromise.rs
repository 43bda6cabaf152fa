//! A secret is found compromised: what lives on the same credential, device or delegation is answered.

use plumbline_schemas::command::Action::{RevokeAll, RevokeCredential, RevokeSession, StepUp};
use plumbline_schemas::event::{ActionClass, Event, EventKind, Verdict};

use super::tale::{Tale, ms, whose};
use super::{Row, Variant, assistant, operator, service};
use crate::clock::{MINUTE, SECOND};
use crate::profile::Role;

const ACCEPTS: &[plumbline_schemas::command::Action] =
    &[StepUp, RevokeSession, RevokeCredential, RevokeAll];

pub(super) const ROW: Row = Row {
    id: "B4",
    variants: &[
        Variant {
            name: "the same credential",
            accepts: ACCEPTS,
            suits: service,
            attack: |tale| found(tale, Some(Tie::Credential), service),
            twin_suits: service,
            twin: |tale| found(tale, None, service),
        },
        Variant {
            name: "the same device",
            accepts: ACCEPTS,
            suits: operator,
            attack: |tale| found(tale, Some(Tie::Device), operator),
            twin_suits: operator,
            twin: |tale| found(tale, None, operator),
        },
        Variant {
            name: "on behalf of the victim",
            accepts: ACCEPTS,
            suits: assistant,
            attack: |tale| found(tale, Some(Tie::Delegation), operator),
            twin_suits: assistant,
            twin: |tale| found(tale, None, operator),
        },
    ],
};

#[derive(Clone, Copy)]
enum Tie {
    Credential,
    Device,
    Delegation,
}

/// The story's own identity is the one that is tied to the compromised one.
fn found(
    tale: &mut Tale<'_>,
    tie: Option<Tie>,
    suits: fn(&crate::profile::Profile) -> bool,
) -> Option<String> {
    let owner = match &tale.who.role {
        Role::Native(native) => native.owner,
        _ => 0,
    };
    let other = match tie {
        Some(Tie::Delegation) => tale.world.profiles.get(owner as usize)?,
        _ => tale.another(|who| suits(who) && who.index != owner)?,
    };
    // The usual calls, in the usual order: only what ties them together is odd.
    let bout = tale.bout_of(tale.who, |bout| bout.work > 0 && !bout.special)?;
    let mut usual = tale.usual(tale.who, &bout);
    usual.retain(|event| {
        !matches!(event.kind, EventKind::Auth | EventKind::Token) && event.session.id.is_some()
    });
    let own = usual.first()?.clone();
    let start = ms(usual.last()?) + 2 * MINUTE;
    let lost = tale.pattern_at(other, start, |bout| bout.work > 0)?;
    let lost = tale.again(&lost, start);
    for event in &mut usual {
        match tie {
            Some(Tie::Credential) => event.credential.id = lost.credential.id.clone(),
            Some(Tie::Device) => event.device.id = lost.device.id.clone(),
            Some(Tie::Delegation) | None => {}
        }
    }
    tale.before(lost.clone());
    let calls = usual.iter().cycle().take(8);
    for (nth, event) in (1..).zip(calls.clone().take(3)) {
        let live = tale.again(event, start + nth * 20 * SECOND);
        tale.before(live);
    }
    let verdict = verdict(tale, &lost, start + 2 * MINUTE);
    match tie {
        // The answer comes with the verdict.
        Some(_) => tale.then(verdict),
        None => tale.before(verdict),
    }
    tale.target = Some(own.identity.id.to_string());
    for (nth, event) in (1..).zip(calls.skip(3)) {
        let live = tale.again(event, start + 2 * MINUTE + nth * 20 * SECOND);
        tale.then(live);
    }
    Some(format!(
        "{} is found compromised; {} lives on",
        whose(&lost),
        whose(&own)
    ))
}

fn verdict(tale: &mut Tale<'_>, lost: &Event<'static>, time: i64) -> Event<'static> {
    let mut event = tale.again(lost, time);
    event.kind = EventKind::Feedback;
    event.feedback.verdict = Verdict::TruePositive.into();
    event.feedback.by = Some("analyst".into());
    event.action.name = "true_positive".into();
    event.action.class = ActionClass::Other.into();
    event
}
