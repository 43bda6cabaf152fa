//! Makes the event of a draft: one file per source, all alike.
//!
//! An event holds what its source's raw record would tell a reader, so both ways in agree; beside
//! that it holds what only a producer of native events knows: groups, the place of the address,
//! regions, the ground truth.

mod agent;
mod cloudtrail;
mod kong;
mod okta;

pub(crate) use kong::fake_key;

use std::borrow::Cow;

use plumbline_schemas::event::{
    Action, ActionClass, Anonymizer, Event, EventKind, Identity, IdentityKind, Network, Outcome,
};
use plumbline_schemas::known::Text;
use plumbline_schemas::time::EventTime;

use crate::draft::{Act, Draft, End, Setting};
use crate::places::{Access, PLACES};
use crate::profile::Profile;
use crate::world::{TENANT, World};

/// The event of a draft.
pub(crate) fn event(world: &World, who: &Profile, draft: &Draft) -> Event<'static> {
    let mut event = match draft.act {
        Act::Okta { what, object } => okta::event(who, draft, what, object),
        Act::Aws {
            call,
            object,
            account,
        } => cloudtrail::event(world, who, draft, call, object, account),
        Act::Http {
            route,
            object,
            tenant,
            status,
        } => kong::event(who, draft, route, (object, tenant, status)),
        Act::Tool { tool, object } => agent::event(world, who, draft, tool, object),
    };
    event.network = network(draft.setting);
    event
}

/// What every source begins with.
struct Opening {
    id: String,
    time: i64,
    kind: EventKind,
    source: &'static str,
    identity: String,
    identity_kind: IdentityKind,
    action: &'static str,
    class: ActionClass,
    end: End,
}

fn open(who: &Profile, opening: Opening) -> Event<'static> {
    let outcome = match opening.end {
        End::Success => Outcome::Success,
        End::Failure => Outcome::Failure,
        End::Denied => Outcome::Denied,
    };
    Event {
        id: opening.id.into(),
        time: EventTime::from_millis(opening.time),
        kind: opening.kind,
        source: Some(opening.source.into()),
        tenant: Some(TENANT.into()),
        identity: Identity {
            id: opening.identity.into(),
            kind: opening.identity_kind.into(),
            groups: vec![who.group().into()],
        },
        session: Default::default(),
        credential: Default::default(),
        network: Default::default(),
        device: Default::default(),
        workload: Default::default(),
        action: Action {
            name: opening.action.into(),
            class: opening.class.into(),
            outcome: outcome.into(),
            resource: None,
            environment: None,
            scopes: Vec::new(),
            target_tenant: None,
            bytes_out: None,
            records: None,
            status: None,
        },
        task: Default::default(),
        delegation: Vec::new(),
        feedback: Default::default(),
        labels: Default::default(),
    }
}

/// Hosts with this bit are on IPv6.
pub(crate) const IPV6_HOST: u16 = 0x8000;

/// What a lookup of the address gives.
fn network(setting: Setting) -> Network<'static> {
    let place = &PLACES[usize::from(setting.place)];
    let ip = match setting.host & IPV6_HOST {
        0 => place.address(setting.host.into()).to_string(),
        _ => place.address_v6(setting.host & !IPV6_HOST).to_string(),
    };
    let anonymizer = match place.access {
        Access::CommercialVpn => Some(Anonymizer::Vpn),
        Access::Tor => Some(Anonymizer::Tor),
        Access::Cloud => Some(Anonymizer::Hosting),
        Access::Fixed | Access::Mobile | Access::CorporateVpn => None,
    };
    Network {
        ip: Some(ip.into()),
        lat: Some(place.lat),
        lon: Some(place.lon),
        accuracy_km: place.radius_km.map(f64::from),
        country: Some(place.country.into()),
        city: place.city.map(Cow::Borrowed),
        asn: Some(place.asn.into()),
        as_org: Some(place.as_org.into()),
        anonymizer: anonymizer.into(),
    }
}

fn some(text: impl Into<Text<'static>>) -> Option<Text<'static>> {
    Some(text.into())
}
