//! Makes the event of a draft: one file per source, all alike.
//!
//! An event holds what its source's raw record would tell a reader, so both ways in agree; beside
//! that it holds what only a producer of native events knows: groups, the place of the address,
//! regions, the ground truth.

mod agent;
mod cloudtrail;
mod kong;
mod native;
mod okta;

pub(crate) use kong::fake_key;
pub(crate) use native::apply;

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

/// Where the whole catalogue is played, the gateway's clock is so far behind, milliseconds.
const GATEWAY_SKEW: i64 = 25_000;

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
        Act::Deed {
            deed,
            object,
            tenant,
        } => native::event(world, who, draft, deed, (object, tenant)),
    };
    event.network = network(draft.setting);
    if world.options.catalogue {
        odd_network(world, draft, &mut event.network);
        if matches!(draft.act, Act::Http { .. }) {
            event.time = event.time.plus_millis(-GATEWAY_SKEW);
        }
    }
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

/// Ground stations of a satellite network.
pub(crate) const SATELLITES: u64 = 2;

/// Number of the place where a ground station is, beyond the table of places.
pub(crate) fn satellite(station: u8) -> u8 {
    PLACES.len() as u8 + station
}

/// A satellite link surfaces at whatever ground station is in view. Which networks are satellites is
/// known by their number, so this one has that of a real operator; the addresses are for benchmarks.
fn satellite_network(setting: Setting) -> Network<'static> {
    let stations = [
        ("GB", "London", 51.5074, -0.1278),
        ("ES", "Madrid", 40.4168, -3.7038),
    ];
    let station = usize::from(setting.place) - PLACES.len();
    let (country, city, lat, lon) = stations[station % stations.len()];
    Network {
        ip: Some(format!("198.18.{station}.{}", setting.host % 254 + 1).into()),
        lat: Some(lat),
        lon: Some(lon),
        accuracy_km: None,
        country: Some(country.into()),
        city: Some(city.into()),
        asn: Some(14_593),
        as_org: Some("SpaceX Starlink".into()),
        anonymizer: None.into(),
    }
}

/// What happens to geolocation in an ordinary month: an update of the database moves part of a
/// network for a fortnight, and IPv6 is known by its country only.
fn odd_network(world: &World, draft: &Draft, network: &mut Network<'static>) {
    const JUMPS: &[(&str, &str, f64, f64)] = &[
        ("Berlin", "Stockholm", 59.3293, 18.0686),
        ("New York", "San Francisco", 37.7749, -122.4194),
        ("Madrid", "São Paulo", -23.5505, -46.6333),
    ];
    let host = draft.setting.host;
    let week = (draft.time - world.from).div_euclid(7 * crate::clock::DAY);
    if host & IPV6_HOST != 0 {
        network.city = None;
        network.accuracy_km = Some(400.0);
    } else if week % 6 >= 4 && (8..14).contains(&host) {
        let city = network.city.clone().unwrap_or_default();
        if let Some((_, to, lat, lon)) = JUMPS.iter().find(|(from, ..)| *from == city) {
            network.city = Some((*to).into());
            (network.lat, network.lon) = (Some(*lat), Some(*lon));
            network.accuracy_km = Some(200.0);
        }
    }
}

/// What a lookup of the address gives.
pub(crate) fn network(setting: Setting) -> Network<'static> {
    if usize::from(setting.place) >= PLACES.len() {
        return satellite_network(setting);
    }
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

/// A moment in milliseconds; none where the log does not say.
fn time(millis: i64) -> Option<EventTime> {
    (millis != 0).then_some(EventTime::from_millis(millis))
}
