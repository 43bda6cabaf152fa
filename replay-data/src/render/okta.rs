//! People in the System Log.

use plumbline_schemas::event::{Event, IdentityKind, Outcome, Posture};

use super::{Opening, open, some};
use crate::catalogue::apps::{OktaAct, Target};
use crate::catalogue::names::{okta_id, uuid};
use crate::clock::DAY;
use crate::draft::{Draft, End, FOREIGN, LAPTOP, PHONE};
use crate::profile::{Person, Profile, Role};
use crate::random::hash;

pub(super) fn event(
    who: &Profile,
    draft: &Draft,
    what: &'static OktaAct,
    object: u32,
) -> Event<'static> {
    let opening = Opening {
        id: uuid(draft.nonce),
        time: draft.time,
        kind: what.kind,
        source: "okta",
        identity: who.id(),
        identity_kind: IdentityKind::Human,
        action: what.name,
        class: what.class,
        end: draft.end,
    };
    let mut event = open(who, opening);
    let setting = draft.setting;
    if setting.session != 0 {
        event.session.id = some(okta_id("102", setting.session));
    }
    if what.factor.is_some() && draft.end == End::Success {
        event.session.mfa = Some(true);
        event.session.assurance = some("aal2");
    }
    event.credential.kind = what.credential.into();
    let device = hash([who.seed, who.index.into(), setting.device.into(), 91]);
    event.device.id = Some(match setting.device {
        // Not enrolled: all that there is is the hash of a cookie.
        FOREIGN => format!("{device:016x}{:016x}", hash([device])).into(),
        _ => okta_id("guo", device).into(),
    });
    // Phones are people's own: registered, not managed.
    event.device.posture = (setting.device == LAPTOP)
        .then_some(Posture::Compliant)
        .into();
    if let Role::Person(person) = &who.role {
        event.device.user_agent = some(user_agent(person, setting.device, draft.time));
    }
    event.action.resource = match what.target {
        Target::Nothing => None,
        Target::App => some(okta_id("0oa", object.into())),
        Target::Policy => some(okta_id("00p", object.into())),
        Target::Group => some(okta_id("00g", object.into())),
    };
    debug_assert!(event.action.outcome.known() != Some(Outcome::Challenged));
    event
}

/// The browser: a new version every four weeks, installed within two.
pub(super) fn user_agent(person: &Person, device: u8, time: i64) -> String {
    // Version 145 came out on 2026-02-03, day 20487.
    let version = 145 + (time.div_euclid(DAY) - 20_487 - person.updates_late).div_euclid(28);
    let chrome = |system: &str, mobile: &str| {
        format!(
            "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/{version}.0.0.0 {mobile}Safari/537.36"
        )
    };
    match (device, person.system) {
        (PHONE, 0..=5) => "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) \
             AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.2 Mobile/15E148 Safari/604.1"
            .to_owned(),
        (PHONE, _) => chrome("Linux; Android 10; K", "Mobile "),
        (LAPTOP, 0..=4) => chrome("Macintosh; Intel Mac OS X 10_15_7", ""),
        (LAPTOP, 5..=8) => chrome("Windows NT 10.0; Win64; x64", ""),
        (LAPTOP, _) => chrome("X11; Linux x86_64", ""),
        _ => "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
    }
}
