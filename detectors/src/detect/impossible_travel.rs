//! `impossible_travel`: two places, too far apart for the time between.
//!
//! **Catches** a session, token or password in two hands: the owner works in one place while somebody
//! else uses it in another (T1078, T1550).
//!
//! **Model.** A lower bound of the distance that cannot have been travelled:
//! `excess = distance − radius₁ − radius₂ − max_speed · (|Δt| + skew)`, against every place of the
//! last 24 hours, before and after in event time, over all sessions and sources. No excess, no signal. What comes hours
//! late may lie between uses of a place that are not remembered one by one: where it never rested for more than half an
//! hour, one of them was at most a quarter of an hour away.
//! The innocent explanation is that geolocation is wrong by more than both stated radii; its chance is
//! taken as a Pareto tail, (1 + excess / 50 km)^−3, and a change of place in about one active hour in
//! ten: bits = 3.3 + 3·log2(1 + excess / 50 km). The figures give an error of 500 km beyond the radius
//! once in 1 300 changes, of 5 000 km once in a million.
//!
//! **What lowers it:** a user agent the identity is used to (4 bits); an anonymiser, a satellite network or
//! an egress at either end (at most 8 are left, unless something below contradicts it: nobody is where it
//! surfaces). A
//! *person's device with an id*, used on an earlier day or in both places, has not been at two ends of
//! the world: its network was, as with a VPN (8 bits at most, and no more than a finding), unless the
//! session did something privileged, or one device used both places by turns within a quarter of an hour. The
//! same holds for another session on another credential where both places and both devices were used on
//! earlier days, both places on two, or where the identity has been here since. A place used on two earlier days, from a device
//! used on an earlier day or not known, is habit: silent, but for a device never seen that shares its session or token
//! elsewhere: the thief may come first. In the first days of a person, two devices
//! without a common session are no more than a finding, and what both are used with and where becomes usual on the second
//! day of it: a telephone may exit where its SIM is from. A new device says
//! nothing when the other end is an egress. Where one end is an egress that the operator lists or many are seen
//! to use, and no device is stated, one session at both ends is a VPN that was switched on or off, and no more
//! than a finding. **What raises it:** one session or token in both places, and
//! a device never seen where the identity is not at home, let it revoke by itself.
//!
//! One address that is located elsewhere than before has not travelled: silent. Nor has a device used on an earlier day
//! between addresses that the internet routes as one (a /24, a /48). An address that was used on more days than its
//! place, of a machine on any, has been moved by the database: who uses it is at home, and was there to whoever is at a
//! habitual place.
//!
//! **Machines** are judged by their binding, not by flight speed: a place they used on any earlier day
//! is silent, and so is a young machine's second place. In a region and on a network of earlier days a place is a finding
//! at most.
//!
//! **Evidence:** both places, addresses, times and events; distance, radii, hours, lowest possible
//! speed, excess. **Configuration:** `max_speed_kmh` (default 1000: an airliner over ground).
//!
//! **Blind spots:** an attacker within the radii, or who waits as long as the flight takes, or who
//! leaves through the owner's own egress.

use plumbline_schemas::address;
use plumbline_schemas::event::{EventKind, Outcome};
use plumbline_schemas::time::EventTime;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::profile::Profile;
use crate::profile::habits::Trait;
use crate::profile::places::{Place, label};
use crate::judge::is_listed;
use crate::profile::spot::{Conflict, REST_MS, Spot};
use crate::session::{SKEW_MS, Session};
use crate::setting::key;
use crate::signal::{Alone, Signal, evidence};
use crate::units::{Bits, round_to};

/// Scale of the tail of geolocation errors beyond the stated radius.
const ERROR_SCALE_KM: f64 = 50.0;
const ERROR_TAIL: f64 = 3.0;
/// −log2 of the share of active hours in which a place changes.
const CHANGE_BITS: f64 = 3.3;
const KNOWN_DEVICE_BITS: f64 = 4.0;
const EGRESS_BITS: f64 = 8.0;
const CARRIED_DEVICE_BITS: f64 = 14.0;
/// What is most likely a VPN says no more than this, however far it is.
const MOST_EXPLAINED_BITS: f64 = 8.0;
/// Up to so many times the fastest travel it may still be a fast flight and a wrong place.
const DOUBT: f64 = 1.5;
/// Nobody switches a VPN on and off so fast.
const BY_TURNS_MS: i64 = 15 * 60_000;
/// A place is a person's habit after so many earlier days.
const HABIT_DAYS: u8 = 2;
/// A machine's second place says nothing before it has been used on so many days, for so many hours.
const MACHINE_DAYS: u16 = 3;
const MACHINE_HOURS: f64 = 12.0;

const TECHNIQUE: &[&str] = &["T1078", "T1550"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let (profile, session) = (subject.profile, &mut *subject.session);
    let place = moment.place.as_ref()?;
    let event = moment.event;
    // Whoever fails to log in from afar is not the identity: that says nothing of where it is.
    if event.kind == EventKind::Auth && event.outcome() != Outcome::Success {
        return None;
    }
    let is_adopted = || {
        let cell = place.cell | 1;
        moment.is_machine() && profile.habits.is_known(Trait::Place, cell, event.time)
    };
    let days_here = match profile.places.days_at(place.cell, event.time) {
        0 => u8::from(is_adopted()),
        days => days,
    };
    let device_days = profile.places.days_with(moment.bearer.device, event.time);
    let new_device = moment.bearer.device != 0 && device_days == 0;
    let at_home = is_habit(moment, profile, days_here, new_device);
    let own = || Address::of(event.network.ip.as_deref(), moment, profile);
    let at_home = at_home || own().is_moved(place, moment.is_machine());
    if at_home && moment.is_machine() {
        return None;
    }
    let max_speed = moment.config.detectors.impossible_travel.max_speed_kmh;
    // At home only somebody else who is elsewhere matters.
    let with = |spot: &Spot| {
        let is_other = !at_home || is_stranger(moment, profile, spot);
        let there = || Address::of(spot.address().as_deref(), moment, profile);
        let is_moved = || days_here >= HABIT_DAYS && there().is_moved(&spot.place, false);
        is_other && !(device_days > 0 && is_next_door(moment, spot)) && !is_moved()
    };
    let conflict = profile
        .places
        .worst_conflict(event, place, max_speed, SKEW_MS, with)?;

    let ends = Ends {
        at_home,
        moment,
        profile,
        session,
        place,
        conflict,
        days_here,
        device_days,
    };
    let theft = Theft::of(&ends);
    let error_bits = ERROR_TAIL * (1.0 + ends.conflict.excess.0 / ERROR_SCALE_KM).log2();
    let mut bits = CHANGE_BITS + error_bits - theft.relief();
    let is_said = is_said_to_be_home(moment, profile);
    if theft.is_explained() || is_said {
        bits = bits.min(MOST_EXPLAINED_BITS);
    }
    let bits = Bits(bits).clamped();
    if !moment.may_count(bits) {
        return None;
    }
    let alone = match moment.is_machine() {
        true if is_said => Alone::Finding,
        true => Alone::StepUp,
        false => theft.alone_for_a_person(),
    };
    Some(signal(&ends, bits, alone))
}

/// What is known of the two places, and of who was there.
struct Ends<'m> {
    /// The owner is here, and somebody else was there.
    at_home: bool,
    moment: &'m Moment<'m>,
    profile: &'m Profile,
    session: &'m Session,
    place: &'m Place,
    conflict: Conflict<'m>,
    /// Earlier days of use of the place, and of the device.
    days_here: u8,
    device_days: u8,
}

impl Ends<'_> {
    fn time(&self) -> EventTime {
        self.moment.event.time
    }

    fn same_device(&self) -> bool {
        let (here, there) = (self.moment.bearer, self.conflict.spot.bearer);
        here.device != 0 && here.device == there.device
    }

    fn both_devices(&self) -> bool {
        self.moment.bearer.device != 0 && self.conflict.spot.bearer.device != 0
    }

    fn has_device_id(&self) -> bool {
        self.moment.event.device.id.is_some()
    }

    fn same_session(&self) -> bool {
        let (here, there) = (self.moment.bearer, self.conflict.spot.bearer);
        self.moment.event.session.id.is_some() && here.session == there.session
    }

    fn same_credential(&self) -> bool {
        let (here, there) = (self.moment.bearer, self.conflict.spot.bearer);
        here.credential != 0 && here.credential == there.credential
    }

    fn is_apart(&self) -> bool {
        !self.same_session() && !self.same_credential()
    }

    fn known_device(&self) -> bool {
        !self.at_home && (self.device_days > 0 || self.same_device())
    }

    /// In the first days of somebody a VPN that is switched on and off is not known yet, and a second device
    /// shows.
    fn is_young(&self) -> bool {
        self.profile.is_young(self.time())
    }

    /// A device counts as new only against a history that has others.
    fn new_device(&self) -> bool {
        self.moment.bearer.device != 0 && !self.known_device() && !self.is_young()
    }

    /// Whether one end is a network that stands for many people, and nothing says that it is another device.
    fn is_switched(&self) -> bool {
        let listed = |spot: &Spot| {
            spot.is_egress && is_listed(self.moment.config, spot.address().as_deref())
        };
        self.moment.bearer.device == 0
            && (self.moment.is_shared_network() || listed(self.conflict.spot))
    }

    fn is_privileged(&self) -> bool {
        self.same_session() && self.session.privileged
    }

    /// Whether one device is here and there by turns, or one that nobody knows: a telephone and a laptop are in use at
    /// once, each on its network.
    fn by_turns(&self) -> bool {
        let places = &self.profile.places;
        let there = self.conflict.spot.bearer.device;
        let are_two = self.is_apart()
            && self.both_devices()
            && !self.same_device()
            && self.device_days > 0
            && places.days_with(there, self.time()) > 0;
        !are_two
            && !self.is_young()
            && places.was_here_before(&self.conflict, self.place, self.time(), BY_TURNS_MS)
    }

    /// The owner is here, and how it came here was judged then.
    fn is_back(&self) -> bool {
        !self.at_home && self.days_here > 0 && self.profile.places.is_here_again(&self.conflict, self.place)
    }

    /// Whether both places are those of earlier days, and both devices too where a place is no habit yet.
    fn are_usual(&self) -> bool {
        if self.at_home {
            return false;
        }
        let (places, spot) = (&self.profile.places, self.conflict.spot);
        let days_there = places.days_at(spot.place.cell, self.time());
        let devices_known =
            || self.device_days > 0 && places.days_with(spot.bearer.device, self.time()) > 0;
        let are_habits = || self.days_here.min(days_there) >= HABIT_DAYS;
        self.days_here > 0
            && days_there > 0
            && self.both_devices()
            && (self.is_young() || devices_known() || are_habits())
    }

    /// Lowest possible speed, km/h.
    fn lowest_speed(&self) -> f64 {
        let radii = f64::from(self.place.radius) + f64::from(self.conflict.spot.place.radius);
        let hours = (self.conflict.apart_ms + SKEW_MS) as f64 / 3_600_000.0;
        (self.conflict.distance.0 - radii).max(0.0) / hours
    }

    fn max_speed(&self) -> f64 {
        self.moment.config.detectors.impossible_travel.max_speed_kmh
    }
}

/// What speaks for and against two hands.
struct Theft {
    known_device: bool,
    /// A person's own device is at both ends, so it is the network that moved.
    carried: bool,
    /// One end is a VPN, a proxy or another network that many use: nobody is where it surfaces.
    behind_egress: bool,
    /// It goes through a network that stands for many people.
    switched: bool,
    /// Two devices of somebody of whom nothing is known yet: one of them may be behind a VPN.
    unproven: bool,
    /// Both places are those of earlier days.
    usual: bool,
    contradiction: bool,
    /// Whether it is not only a little too fast.
    beyond_doubt: bool,
}

impl Theft {
    fn of(ends: &Ends<'_>) -> Self {
        let (known_device, privileged) = (ends.known_device(), ends.is_privileged());
        let own_device = ends.same_device() && ends.has_device_id() && !privileged;
        let is_back = ends.is_back();
        let from_egress = ends.conflict.spot.is_egress;
        // A new device says nothing where its owner is, nor when the other one has left through a VPN.
        let is_habit = ends.days_here >= HABIT_DAYS;
        let new_device = ends.new_device() && !is_back && !from_egress && !is_habit;
        Self {
            known_device,
            carried: known_device
                && ends.has_device_id()
                && !ends.moment.is_machine()
                && !privileged
                && !ends.by_turns(),
            behind_egress: ends.moment.is_egress || from_egress,
            switched: ends.is_switched(),
            usual: (ends.is_apart() && is_back)
                || (ends.is_apart() || own_device) && ends.are_usual(),
            unproven: ends.is_young()
                && ends.both_devices()
                && !ends.same_device()
                && ends.is_apart(),
            contradiction: new_device || ends.at_home || privileged || (!ends.is_apart() && !known_device),
            beyond_doubt: ends.lowest_speed() >= DOUBT * ends.max_speed(),
        }
    }

    /// Whether a network that many use explains all of it.
    fn is_explained(&self) -> bool {
        self.carried || self.usual || self.switched || self.behind_egress && !self.contradiction
    }

    fn relief(&self) -> f64 {
        match (self.carried, self.behind_egress, self.known_device) {
            (true, _, _) | (_, true, true) => CARRIED_DEVICE_BITS,
            (_, true, false) => EGRESS_BITS,
            (_, false, true) => KNOWN_DEVICE_BITS,
            (_, false, false) => 0.0,
        }
    }

    fn alone_for_a_person(&self) -> Alone {
        match (self.contradiction, self.behind_egress) {
            _ if self.unproven || self.is_explained() => Alone::Finding,
            (true, false) if self.beyond_doubt => Alone::Revoke,
            _ => Alone::StepUp,
        }
    }
}

/// Whether what the owner's session or token was used with, where the owner never was, is a device never seen. It may
/// come before the owner, in time or in the log.
fn is_stranger(moment: &Moment<'_>, profile: &Profile, spot: &Spot) -> bool {
    let (here, there, time) = (moment.bearer, spot.bearer, moment.time());
    let same_session = moment.event.session.id.is_some() && here.session == there.session;
    let same_credential = here.credential != 0 && here.credential == there.credential;
    let places = &profile.places;
    (same_session || same_credential)
        && there.device != 0
        && there.device != here.device
        && places.days_with(there.device, time) == 0
        && places.days_at(spot.place.cell, time) == 0
        && !spot.is_egress
}

/// Whether a device is where it was on the internet, wherever a database has put half of that since.
fn is_next_door(moment: &Moment<'_>, spot: &Spot) -> bool {
    let here = moment.event.network.ip.as_deref().and_then(address::parse);
    let there = || spot.address().as_deref().and_then(address::parse);
    let routed = || here.zip(there()).is_some_and(|(here, there)| address::is_one_route(here, there));
    moment.bearer.device == spot.bearer.device && routed()
}

/// An address, and on how many earlier days the identity used it.
struct Address<'p> {
    days: u8,
    profile: &'p Profile,
    now: EventTime,
}

impl<'p> Address<'p> {
    fn of(address: Option<&str>, moment: &Moment<'_>, profile: &'p Profile) -> Self {
        let (habits, now) = (&profile.habits, moment.time());
        let known = address
            .map(key)
            .filter(|address| habits.is_known(Trait::Address, *address, now));
        let days = known.map_or(0, |address| habits.days(Trait::Address, address, now));
        Self { days, profile, now }
    }

    /// Whether the database has moved it: the identity used it on more days than it was at this place, or a machine on
    /// any.
    fn is_moved(&self, place: &Place, of_machine: bool) -> bool {
        let days_there = || match of_machine {
            true => 0,
            false => self.profile.places.days_at(place.cell, self.now),
        };
        self.days > 0 && self.days > days_there()
    }
}

/// Whether a machine is said to run in a region where it ran on earlier days, on the network that it used there: a new
/// address of a cloud may be located anywhere.
fn is_said_to_be_home(moment: &Moment<'_>, profile: &Profile) -> bool {
    let is_usual = |what| {
        let key = moment.setting.get(what);
        let (habits, now) = (&profile.habits, moment.time());
        key != 0 && habits.is_known(what, key, now) && habits.days(what, key, now) > 0
    };
    moment.is_machine() && is_usual(Trait::Region) && is_usual(Trait::Network)
}

fn is_habit(moment: &Moment<'_>, profile: &Profile, days_here: u8, new_device: bool) -> bool {
    if moment.is_machine() {
        let hours = || profile.places.observations(moment.weight).0;
        let days = profile.earlier_days(moment.time());
        return days_here > 0 || days < MACHINE_DAYS || hours() < MACHINE_HOURS;
    }
    days_here >= HABIT_DAYS && !new_device
}

fn signal(ends: &Ends<'_>, bits: Bits, alone: Alone) -> Signal {
    let (moment, conflict) = (ends.moment, &ends.conflict);
    let (event, spot, there_at) = (moment.event, conflict.spot, conflict.time);
    let there_by = conflict.event_id();
    let apart_ms = conflict.apart_ms;
    let speed = ends.lowest_speed();
    let (here, there) = (label(event), moment.names.text(spot.label));
    let (from, to) = if there_at <= event.time {
        (there, &*here)
    } else {
        (&*here, there)
    };
    let lowest = grouped(speed.round() as u64);
    let summary = match conflict.in_use {
        Some(_) => format!("{here} while {there} was in use: at least {lowest} km/h"),
        None => format!("{from} to {to} in {}: at least {lowest} km/h", minutes(apart_ms)),
    };
    let mut evidence = evidence(json!({
        "here": {
            "place": here, "ip": event.network.ip, "time": event.time,
            "lat": event.network.lat, "lon": event.network.lon, "radius_km": round_to(f64::from(ends.place.radius), 1),
            "event_id": event.id, "earlier_days_of_use": ends.days_here,
        },
        "there": {
            "place": there, "ip": spot.address(), "time": there_at,
            "lat": round_to(f64::from(spot.place.lat), 4), "lon": round_to(f64::from(spot.place.lon), 4),
            "radius_km": round_to(f64::from(spot.place.radius), 1), "event_id": there_by,
        },
        "distance_km": conflict.distance.0.round(),
        "minutes_apart": round_to(apart_ms as f64 / 60_000.0, 1),
        "clock_skew_allowed_minutes": SKEW_MS / 60_000,
        "lowest_speed_kmh": speed.round(),
        "max_speed_kmh": ends.max_speed(),
        "unexplained_km": conflict.excess.0.round(),
        "earlier_days_with_device": ends.device_days,
        "formula": "unexplained = distance − both radii − max_speed × (time apart + skew); \
                    bits = 3.3 + 3·log2(1 + unexplained / 50 km) − relief for a known device or egress",
        "silent_if": silent_if(moment, conflict, bits),
    }));
    if let Some((from, until)) = conflict.in_use {
        let rest = REST_MS / 60_000;
        let in_use = json!({ "from": from, "until": until, "longest_rest_minutes": rest });
        evidence.insert("there_in_use".to_owned(), in_use);
    }
    Signal {
        detector: DetectorId::ImpossibleTravel,
        bits,
        alone,
        demand: None,
        is_notable: false,
        technique: TECHNIQUE,
        summary,
        evidence,
        other_events: vec![there_by],
    }
}

fn silent_if(moment: &Moment<'_>, conflict: &Conflict<'_>, bits: Bits) -> String {
    let closer = conflict.excess.0.ceil();
    let place = label(moment.event);
    let usual = match moment.is_machine() {
        true => format!("{place} had been used on an earlier day"),
        false => format!("{place} had been used on {HABIT_DAYS} earlier days from a known device"),
    };
    let relieved = bits.0 - EGRESS_BITS < moment.threshold.0;
    match relieved && !moment.is_egress {
        true => format!(
            "the places were {closer} km closer, {usual}, or its network were listed under \
             [[policy.egress]]"
        ),
        false => format!("the places were {closer} km closer, or {usual}"),
    }
}

/// `11 min`, `2.5 h`.
fn minutes(millis: i64) -> String {
    match millis {
        0..60_000 => format!("{} s", millis / 1000),
        60_000..7_200_000 => format!("{} min", millis / 60_000),
        _ => format!("{:.1} h", millis as f64 / 3_600_000.0),
    }
}

/// `53 900`: thousands apart, as long figures are read.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
