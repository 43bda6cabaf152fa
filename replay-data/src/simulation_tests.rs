use std::collections::{HashMap, HashSet};

use geographiclib_rs::{Geodesic, InverseGeodesic as _};
use plumbline_schemas::event::{ActionClass, IdentityKind};
use proptest::prelude::*;

use super::*;
use crate::emit::native;
use crate::places::{Access, PLACES};

fn options() -> impl Strategy<Value = Options> {
    let rate = prop_oneof![Just(None), (1.0..120.0).prop_map(Some)];
    (
        any::<u64>(),
        1..90_u32,
        1..6_u32,
        0..400_i64,
        rate,
        any::<bool>(),
    )
        .prop_map(|(seed, identities, days, later, rate, attacks)| {
            let start = crate::DEFAULT_START.plus_millis(later * 24 * HOUR);
            Options {
                seed,
                identities,
                days,
                start,
                rate,
                attacks,
                catalogue: false,
            }
        })
}

fn lines(options: &Options) -> Vec<String> {
    let simulation = Simulation::new(options).unwrap();
    simulation
        .map(|arrival| native::record(&arrival.event))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn the_same_options_make_the_same_world_in_spans_of_any_length(options in options()) {
        let at_once = lines(&options);
        let mut simulation = Simulation::new(&options).unwrap();
        simulation.span = 20 * MINUTE;
        let by_and_by: Vec<String> =
            simulation.map(|arrival| native::record(&arrival.event)).collect();
        prop_assert!(at_once == by_and_by);
    }

    #[test]
    fn every_event_is_valid_and_arrives_in_order_after_it_happened(options in options()) {
        let mut simulation = Simulation::new(&options).unwrap();
        let end = options.start.plus_millis(i64::from(options.days) * 24 * HOUR);
        let mut last = options.start;
        for Arrival { at, event } in simulation.by_ref() {
            let line = native::record(&event);
            let parsed = Event::parse(line.as_bytes());
            prop_assert!(parsed.is_ok(), "{line}: {parsed:?}");
            prop_assert_eq!(parsed.unwrap(), event.clone());
            prop_assert!(at >= last, "{line} arrives at {at}, after {last}");
            // CloudTrail cuts fractions of a second off.
            prop_assert!(event.time <= at && at.since(event.time) < HOUR, "{line} at {at}");
            prop_assert!(event.time >= options.start && event.time < end, "{line}");
            prop_assert_eq!(event.unrecognised_words(), 0);
            last = at;
        }
        prop_assert!((simulation.progress() - 1.0).abs() < f64::EPSILON);
        prop_assert!(options.attacks || simulation.labels().is_empty());
    }

    #[test]
    fn more_identities_change_nothing_of_what_the_others_do(options in options()) {
        let small = Options { attacks: false, ..options };
        let large = Options { identities: small.identities + 37, ..small.clone() };
        let few = lines(&small);
        let known: HashSet<&String> = few.iter().collect();
        let kept: Vec<String> =
            lines(&large).into_iter().filter(|line| known.contains(line)).collect();
        prop_assert!(few == kept);
    }
}

/// Airliners cruise at 900 km/h; nobody is on the ground for less than an hour around a flight.
const FASTEST_KMH: f64 = 850.0;

#[test]
fn without_attackers_nobody_is_faster_than_a_plane() {
    let options = Options {
        identities: 300,
        days: 21,
        attacks: false,
        ..Options::default()
    };
    let earth = Geodesic::wgs84();
    let mut last = HashMap::new();
    let mut cities = HashMap::<String, HashSet<String>>::new();
    let mut events: Vec<Event<'_>> = Simulation::new(&options)
        .unwrap()
        .map(|arrival| arrival.event)
        .collect();
    events.sort_by_key(|event| event.time);
    for event in events {
        let place = PLACES.iter().find(|place| {
            place.asn == event.network.asn.unwrap_or(0) as u32
                && event.network.city.as_deref() == place.city
        });
        // What surfaces elsewhere says nothing of where somebody is.
        let is_there = place.unwrap().access == Access::Fixed && place.unwrap().city.is_some();
        if event.identity_kind() != IdentityKind::Human || !is_there {
            continue;
        }
        let (lat, lon) = event.network.position().unwrap();
        let who = event.identity.id.to_string();
        let city = event.network.city.as_deref().unwrap_or_default().to_owned();
        cities.entry(who.clone()).or_default().insert(city);
        if let Some((time, from_lat, from_lon)) = last.insert(who.clone(), (event.time, lat, lon)) {
            let metres: f64 = earth.inverse(from_lat, from_lon, lat, lon);
            let hours = event.time.since(time) as f64 / HOUR as f64;
            let speed = metres / 1000.0 / hours.max(1e-6);
            assert!(
                metres < 1.0 || speed < FASTEST_KMH,
                "{who} at {}: {speed} km/h",
                event.time
            );
        }
    }
    let travellers = cities.values().filter(|cities| cities.len() > 1).count();
    assert!(travellers > 5, "only {travellers} travelled");
}

#[test]
fn some_events_arrive_twice_and_some_out_of_order() {
    let options = Options {
        identities: 100,
        days: 7,
        ..Options::default()
    };
    let mut seen = HashSet::new();
    let (mut twice, mut late, mut count, mut clock) = (0, 0, 0, options.start);
    for arrival in Simulation::new(&options).unwrap() {
        count += 1;
        twice += usize::from(!seen.insert(arrival.event.id.to_string()));
        late += usize::from(clock.since(arrival.event.time) > 20 * SECOND);
        clock = clock.max(arrival.event.time);
    }
    let share = |part: usize| part as f64 / f64::from(count);
    assert!(
        (0.001..0.006).contains(&share(twice)),
        "{twice} of {count} twice"
    );
    assert!(
        (0.001..0.02).contains(&share(late)),
        "{late} of {count} late"
    );
}

#[test]
fn the_rate_is_what_was_asked_for() {
    for rate in [10.0, 50.0, 300.0] {
        let options = Options {
            identities: 100,
            days: 14,
            rate: Some(rate),
            attacks: false,
            ..Options::default()
        };
        let mean = lines(&options).len() as f64 / 1400.0;
        assert!(
            (rate * 0.6..rate * 1.5).contains(&mean),
            "{mean} events a day rather than {rate}"
        );
    }
}

#[test]
fn wrong_options_say_what_is_wrong() {
    let none = Options {
        identities: 0,
        ..Options::default()
    };
    assert_eq!(
        Simulation::new(&none).err(),
        Some(OptionsError::NoIdentities)
    );
    let never = Options {
        rate: Some(f64::NAN),
        ..Options::default()
    };
    assert_eq!(Simulation::new(&never).err(), Some(OptionsError::BadRate));
}

fn catalogue() -> Options {
    Options {
        identities: 500,
        days: 14,
        catalogue: true,
        ..Options::default()
    }
}

#[test]
fn the_catalogue_is_the_same_in_spans_of_any_length_and_every_event_is_valid() {
    let options = Options {
        identities: 80,
        ..catalogue()
    };
    let at_once = lines(&options);
    let mut simulation = Simulation::new(&options).unwrap();
    simulation.span = 20 * MINUTE;
    let mut last = options.start;
    let mut by_and_by = Vec::new();
    for Arrival { at, event } in simulation {
        let line = native::record(&event);
        let parsed = Event::parse(line.as_bytes());
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
        assert_eq!(parsed.unwrap(), event);
        assert_eq!(event.unrecognised_words(), 0);
        assert!(at >= last, "{line} arrives at {at}, after {last}");
        last = at;
        by_and_by.push(line);
    }
    let differs = at_once.iter().zip(&by_and_by).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!(at_once.len(), by_and_by.len());
}

#[test]
fn every_variant_of_every_row_is_planted_with_its_twin() {
    let mut simulation = Simulation::new(&catalogue()).unwrap();
    let mut labelled = HashSet::new();
    for arrival in simulation.by_ref() {
        if arrival.event.labels.attack.is_some() {
            labelled.insert(arrival.event.id.to_string());
        }
    }
    let labels = simulation.labels();
    let mut missing = Vec::new();
    for (row, variant) in crate::attack::rows::variants() {
        for is_twin in [false, true] {
            let is_planted = labels.iter().any(|label| {
                label.attack == row
                    && label.variant.as_deref() == Some(variant)
                    && label.is_twin == is_twin
            });
            // Nobody sleeps for two months within two weeks.
            if !is_planted && variant != "after long sleep" {
                missing.push(format!("{row} {variant}, twin: {is_twin}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    for label in &labels {
        let bear_labels = label.event_ids.iter().all(|id| labelled.contains(id));
        assert_eq!(bear_labels, !label.is_twin, "{label:?}");
    }
}

/// Worlds with every row, small and a few.
fn small_catalogues() -> impl Iterator<Item = Options> {
    (1..4).map(|seed| Options {
        seed,
        identities: 260,
        ..catalogue()
    })
}

#[test]
fn stories_of_one_identity_are_apart() {
    for options in small_catalogues() {
        let mut simulation = Simulation::new(&options).unwrap();
        simulation.by_ref().for_each(drop);
        let mut labels = simulation.labels();
        labels.sort_by(|a, b| (&a.identity, a.start).cmp(&(&b.identity, b.start)));
        let mut neighbours = 0;
        for pair in labels.windows(2) {
            if pair[0].identity == pair[1].identity {
                let between = pair[1].start.since(pair[0].end);
                assert!(between >= 30 * MINUTE, "{pair:?}");
                neighbours += 1;
            }
        }
        assert!(neighbours > 20, "only {neighbours} share an identity");
    }
}

/// What is over, from when on, by identity and id.
#[derive(Default)]
struct Over(HashMap<(String, String), EventTime>);

impl Over {
    fn note(&mut self, event: &Event<'_>, id: Option<&str>) {
        let key = (event.identity.id.to_string(), id.unwrap().to_owned());
        let end = self.0.entry(key).or_insert(event.time);
        *end = event.time.min(*end);
    }

    fn is_over_for(&self, event: &Event<'_>, id: Option<&str>) -> bool {
        let key = (
            event.identity.id.to_string(),
            id.unwrap_or_default().to_owned(),
        );
        self.0.get(&key).is_some_and(|end| event.time > *end)
    }
}

/// But for what an attack is about, which is labelled.
#[test]
fn no_story_uses_what_is_over() {
    for options in small_catalogues() {
        let simulation = Simulation::new(&options).unwrap();
        let told = simulation.plot.told.iter();
        let told: HashSet<String> = told.map(|it| it.event.id.to_string()).collect();
        let mut seen = HashSet::new();
        let events: Vec<Event<'_>> = simulation
            .map(|arrival| arrival.event)
            .filter(|event| event.labels.attack.is_none() && seen.insert(event.id.to_string()))
            .collect();
        let (mut credentials, mut sessions, mut tasks) =
            (Over::default(), Over::default(), Over::default());
        let mut started = HashSet::new();
        for event in &events {
            match event.action.class.known() {
                Some(ActionClass::TokenRotate) => {
                    credentials.note(event, event.credential.id.as_deref());
                }
                Some(ActionClass::Logout) => sessions.note(event, event.session.id.as_deref()),
                Some(ActionClass::TaskEnd) => tasks.note(event, event.task.id.as_deref()),
                Some(ActionClass::TaskStart) => {
                    assert!(started.insert(event.task.id.clone()), "again: {event:?}");
                }
                _ => {}
            }
        }
        assert!(credentials.0.len() > 5 && sessions.0.len() > 100 && tasks.0.len() > 100);
        for event in &events {
            let task = event.task.id.as_deref();
            assert!(!tasks.is_over_for(event, task), "{event:?}");
            if told.contains(&*event.id) {
                let credential = event.credential.id.as_deref();
                assert!(!credentials.is_over_for(event, credential), "{event:?}");
                let session = event.session.id.as_deref();
                assert!(!sessions.is_over_for(event, session), "{event:?}");
            }
        }
    }
}

/// A machine's session is a privileged one before it changes.
#[test]
fn sessions_of_e2_are_privileged_before_they_change() {
    let mut simulation = Simulation::new(&catalogue()).unwrap();
    let events: Vec<Event<'_>> = simulation.by_ref().map(|arrival| arrival.event).collect();
    let is_privileged = |event: &Event<'_>| {
        matches!(
            event.action.class.known(),
            Some(
                ActionClass::Admin
                    | ActionClass::Privilege
                    | ActionClass::Deploy
                    | ActionClass::Secret
            )
        )
    };
    let mut labels = simulation.labels();
    labels.retain(|label| label.attack == "E2" && !label.is_twin);
    assert!(!labels.is_empty());
    for label in labels {
        let lead = events.iter().any(|event| {
            event.session.id.as_deref() == label.session_id.as_deref()
                && event.time < label.start
                && is_privileged(event)
        });
        assert!(lead, "{label:?}");
    }
}

/// What is approved is no attack: an approval of ordinary life must not cover one.
#[test]
fn no_attack_of_an_agent_is_approved_by_chance() {
    for options in small_catalogues() {
        let simulation = Simulation::new(&options).unwrap();
        let told = simulation.plot.told.iter();
        let told: HashSet<String> = told.map(|it| it.event.id.to_string()).collect();
        let mut approved: HashMap<String, EventTime> = HashMap::new();
        for event in simulation.map(|arrival| arrival.event) {
            let who = event.identity.id.to_string();
            if event.action.class.known() == Some(ActionClass::Approval)
                && !told.contains(&*event.id)
            {
                approved.insert(who, event.time);
            } else if event.labels.attack.is_some()
                && event.identity_kind() == IdentityKind::AiAgent
            {
                let since = approved.get(&who).map(|time| event.time.since(*time));
                assert!(since.is_none_or(|since| since > 15 * 60_000), "{event:?}");
            }
        }
    }
}
