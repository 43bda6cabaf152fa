//! Ordinary life that looks odd at first: nobody is to be troubled by it, and no theft is to hide in it.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Anonymizer, EventKind, IdentityKind, Outcome};
use story::*;

const TEN_DAYS: i64 = 10 * DAY;
const NOON: i64 = 12 * HOUR;

fn satellite(city: &'static City, ip: &'static str) -> City {
    City {
        ip,
        asn: 14_593,
        ..*city
    }
}

fn left_alone(story: &Story) {
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_new_telephone_at_home_while_the_laptop_surfaces_at_a_vpn() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let laptop = call("ann", "wiki").from(&SYDNEY).on("laptop");
    let laptop = laptop.through(Anonymizer::Vpn).session("laptop");
    story.tell(laptop.at(monday(TEN_DAYS + NOON)));
    let telephone = call("ann", "mail").from(&OSLO).on("telephone");
    let telephone = telephone.session("telephone");
    story.tell(telephone.at(monday(TEN_DAYS + NOON + 3 * MINUTE)));
    left_alone(&story);
}

#[test]
fn a_telephone_where_the_laptop_has_come_back_to() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let laptop = || call("ann", "wiki").on("laptop").session("laptop");
    for (city, minute) in [(&OSLO, 0), (&SYDNEY, 40), (&OSLO, 90)] {
        story.tell(
            laptop()
                .from(city)
                .at(monday(TEN_DAYS + NOON + minute * MINUTE)),
        );
    }
    let telephone = call("ann", "mail").from(&OSLO).on("telephone");
    let telephone = telephone.session("telephone");
    story.tell(telephone.at(monday(TEN_DAYS + NOON + 100 * MINUTE)));
    left_alone(&story);
}

#[test]
fn a_satellite_link_that_comes_down_here_and_there() {
    let mut story = Story::new();
    let (north, south) = (
        satellite(&LONDON, "192.0.2.200"),
        satellite(&LIMA, "192.0.2.201"),
    );
    story.office_days("ann", &north, 10);
    let telephone = call("ann", "mail").from(&OSLO).on("telephone").session("t");
    story.tell(telephone.at(monday(TEN_DAYS + NOON)));
    let laptop = call("ann", "wiki").from(&south).on("laptop").session("l");
    story.tell(laptop.at(monday(TEN_DAYS + NOON + 5 * MINUTE)));
    left_alone(&story);
}

#[test]
fn an_address_that_is_only_known_to_be_somewhere_in_a_large_country() {
    let mut story = Story::new();
    let west = City {
        name: "San Francisco",
        country: "US",
        lat: 37.77,
        lon: -122.42,
        ..OSLO
    };
    story.office_days("ann", &west, 10);
    let at = |minute: i64| monday(TEN_DAYS + NOON + minute * MINUTE);
    let here = call("ann", "mail").from(&west).on("laptop").session("l");
    story.tell(here.at(at(0)));
    let mut middle = call("ann", "mail").from(&west).on("telephone").session("t");
    let network = &mut middle.0.network;
    (network.city, network.lat, network.lon) = (None, Some(39.8), Some(-98.6));
    (network.accuracy_km, network.ip) = (Some(400.0), Some("2001:db8::1".into()));
    story.tell(middle.at(at(2)));
    left_alone(&story);
    assert!(!story.found("impossible_travel"));
}

#[test]
fn an_address_that_the_database_has_moved() {
    let moved = City {
        ip: OSLO.ip,
        asn: OSLO.asn,
        ..LIMA
    };
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    for (city, minute) in [(&OSLO, 0), (&moved, 5)] {
        let call = call("ann", "mail").from(city).session("s");
        story.tell(call.at(monday(TEN_DAYS + NOON + minute * MINUTE)));
    }
    assert!(story.outputs.is_empty(), "{:?}", story.findings());
}

#[test]
fn one_address_of_an_office_that_the_database_has_moved() {
    let city = |ip: &'static str, city: &'static City| City {
        ip,
        asn: OSLO.asn,
        ..*city
    };
    let (first, second) = (city("84.33.209.2", &OSLO), city("84.33.209.201", &OSLO));
    let (moved, far) = (city("84.33.209.201", &LIMA), city("84.33.210.201", &SYDNEY));
    let mut story = Story::new();
    let mut work = |days: std::ops::Range<i64>, second: &City| {
        for day in days {
            for hour in 8..17 {
                for (city, minute) in [(&first, 0), (second, 8)] {
                    let call = call("ann", "mail").from(city).on("laptop");
                    let time = monday(day * DAY + hour * HOUR + minute * MINUTE);
                    story.tell(call.session(&format!("s-{day}")).at(time));
                }
            }
        }
    };
    work(0..12, &second);
    work(14..17, &moved);
    left_alone(&story);
    // What is routed elsewhere may be elsewhere.
    let thief = call("ann", "mail")
        .from(&far)
        .on("stranger")
        .session("s-16");
    story.tell(thief.at(monday(16 * DAY + 16 * HOUR + 12 * MINUTE)));
    assert!(story.found("impossible_travel"), "{:?}", story.findings());
}

#[test]
fn a_telephone_whose_sim_is_of_another_country() {
    let mut story = Story::new();
    for day in 0..40 {
        let at = |hour: i64, minute: i64| monday(day * DAY + hour * HOUR + minute * MINUTE);
        let say = |city: &City, device: &str, name: &str| {
            let session = format!("{device}-{day}");
            call("ann", name).from(city).on(device).session(&session)
        };
        for hour in [8, 9, 10] {
            story.tell(say(&OSLO, "laptop", "mail").at(at(hour, 0)));
        }
        if day % 3 != 2 {
            for minute in [30, 34, 40] {
                story.tell(say(&LIMA, "telephone", "wiki").at(at(11, minute)));
            }
        }
        for hour in [12, 14, 16] {
            story.tell(say(&OSLO, "laptop", "mail").at(at(hour, 0)));
        }
    }
    left_alone(&story);
}

#[test]
fn one_address_of_a_machines_two_that_the_database_has_moved() {
    let second = City {
        ip: "192.0.2.77",
        ..LONDON
    };
    let moved = City {
        ip: second.ip,
        asn: LONDON.asn,
        ..LIMA
    };
    let mut story = Story::new();
    let read = |city: &City, time: i64| {
        let call = job_call("svc", IdentityKind::ServiceAccount, JOB[0]);
        call.from(city).at(monday(time))
    };
    for day in 0..12 {
        for hour in 0..24 {
            for (city, minute) in [(&LONDON, 0), (&second, 30)] {
                story.tell(read(city, day * DAY + hour * HOUR + minute * MINUTE));
            }
        }
    }
    for hour in 0..48 {
        for (city, minute) in [(&LONDON, 0), (&moved, 30)] {
            story.tell(read(city, 12 * DAY + hour * HOUR + minute * MINUTE));
        }
    }
    left_alone(&story);
    // Somebody else who is there is somebody else.
    story.tell(read(&LIMA, 14 * DAY + 15 * MINUTE));
    assert!(story.found("impossible_travel"), "{:?}", story.findings());
}

#[test]
fn a_database_that_moves_an_address_hides_no_travel_from_elsewhere() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let moved = City {
        ip: SYDNEY.ip,
        ..LIMA
    };
    let at = |minute: i64| monday(TEN_DAYS + NOON + minute * MINUTE);
    let home = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    story.tell(home.at(at(0)));
    for (city, session, minute) in [(&SYDNEY, "one", 2), (&moved, "two", 4)] {
        let thief = call("ann", "mail")
            .from(city)
            .on("another")
            .session(session);
        story.tell(thief.at(at(minute)));
    }
    let found = story.findings();
    let found = found
        .iter()
        .filter(|found| found.detector == "impossible_travel");
    let sessions: Vec<_> = found.filter_map(|found| found.session_id.clone()).collect();
    assert_eq!(sessions, ["one", "two"]);
}

#[test]
fn a_renewed_password_and_a_token_that_is_given_up() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    story.job("svc", IdentityKind::ServiceAccount, 14);
    let at = |minute: i64| monday(14 * DAY + 9 * HOUR + minute * MINUTE);
    let mut reset = call("ann", "password.reset")
        .from(&OSLO)
        .on("laptop")
        .session("s");
    reset.0.kind = EventKind::Auth;
    story.tell(reset.at(at(0)));
    let revoke = job_call("svc", IdentityKind::ServiceAccount, "token.revoke");
    let mut revoke = revoke
        .class(ActionClass::TokenRevoke)
        .credential("sha256:old");
    revoke.0.kind = EventKind::Token;
    story.tell(revoke.at(at(1)));
    assert!(!story.found("scope_drift"), "{:?}", story.findings());
}

/// What every coding agent looks with is no tool outside its scope, nor another tool of a server that it uses; a shell is.
#[test]
fn an_agent_that_looks_with_another_tool_of_its_own() {
    for (tool, pauses) in [
        ("tool:WebSearch", false),
        ("tool:mcp__jira__search", false),
        ("permission_mode_changed", false),
        ("tool:Bash", true),
    ] {
        let mut story = Story::new();
        let using = |tool: &str, time: i64| {
            let call = call("coder", tool).kind(IdentityKind::AiAgent);
            let mut call = call.class(ActionClass::Read).session("s");
            if tool == "permission_mode_changed" {
                call = call.class(ActionClass::Other);
                call.0.kind = EventKind::Session;
            }
            call.at(monday(time))
        };
        for hour in 0..24 * 20 {
            for usual in ["tool:Read", "tool:Grep", "tool:mcp__jira__get_issue"] {
                story.tell(using(usual, hour * HOUR));
            }
        }
        story.outputs.clear();
        story.tell(using(tool, 20 * DAY));
        assert_eq!(
            story.actions().contains(&Action::Pause),
            pauses,
            "{tool}: {:?}",
            story.findings()
        );
    }
}

/// Each application of a browser's session has a token of its own, and that of a new one carries what no other did.
#[test]
fn an_application_that_is_opened_for_the_first_time_ends_no_session() {
    for (token, answer) in [
        ("of-notes", Action::StepUp),
        ("of-mail", Action::RevokeSession),
    ] {
        let mut story = Story::new();
        let used = |token: &str, scopes: &[&'static str], time: i64| {
            let mut call = call("ann", "mail").from(&OSLO).on("laptop").session("s");
            call.0.credential.scopes = scopes.iter().map(|scope| (*scope).into()).collect();
            call.credential(token).at(monday(time))
        };
        for hour in 0..6 * 24 {
            story.tell(used("of-mail", &["mail.read"], hour * HOUR));
        }
        let new = ["notes.read", "notes.write", "sites.read", "files.read"];
        for minute in 0..3 {
            story.tell(used(token, &new, 6 * DAY + minute * MINUTE));
        }
        let strongest = story.actions().into_iter().max();
        assert_eq!(strongest, Some(answer), "{token}");
    }
}

#[test]
fn a_proof_whose_clock_runs_ahead() {
    for (ahead, answers) in [(16_000, false), (10 * MINUTE, true)] {
        let mut story = Story::new();
        story.tell(login("ann").session("s").at(monday(NOON)));
        let time = monday(NOON + 7 * MINUTE);
        let mut pay = call("ann", "payment.approve")
            .class(ActionClass::Payment)
            .session("s");
        pay.0.session.authenticated_at = Some(time.plus_millis(ahead));
        story.tell(pay.at(time));
        assert_eq!(story.found("stale_authentication"), answers, "{ahead}");
    }
}

#[test]
fn an_accounts_second_region_in_its_first_days() {
    let call = |city: &City, hour: i64, environment: &'static str| {
        let mut call = job_call("svc", IdentityKind::ServiceAccount, "GET /orders").from(city);
        call.0.device.id = None;
        call.0.workload.runtime = Some("kubernetes".into());
        call.0.workload.environment = Some(environment.into());
        call.0.workload.region = Some(city.name.into());
        call.at(monday(hour * HOUR))
    };
    for (environment, answers) in [("prod", false), ("laptops", true)] {
        let mut story = Story::new();
        for hour in 0..60 {
            story.tell(call(&FRANKFURT, hour, "prod"));
        }
        for (city, minutes) in [(&LIMA, 5), (&FRANKFURT, 10), (&LIMA, 15)] {
            let there = if city.name == LIMA.name {
                environment
            } else {
                "prod"
            };
            let mut call = call(city, 60, there);
            call.0.time = call.0.time.plus_millis(minutes * MINUTE);
            story.tell(call);
        }
        assert_eq!(story.found("token_replay"), answers, "{environment}");
    }
}

#[test]
fn usual_calls_in_another_order_the_day_after_a_challenge() {
    const SA: IdentityKind = IdentityKind::ServiceAccount;
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let elsewhere = job_call("svc", SA, JOB[0]).from(&LIMA).on("host-2");
    story.tell(elsewhere.at(monday(14 * DAY)));
    assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
    for step in 0..16 {
        let endpoint = JOB[(step * 3 + step / 4) % JOB.len()];
        let time = 14 * DAY + 23 * HOUR + step as i64 * 90_000;
        story.tell(job_call("svc", SA, endpoint).at(monday(time)));
    }
    assert!(story.found("endpoint_sequence"));
    assert_eq!(
        story.actions(),
        [Action::StepUp; 2],
        "{:?}",
        story.findings()
    );
}

#[test]
fn an_office_that_its_people_leave_through_a_vpn_hides_no_theft() {
    let vpn = City {
        ip: "198.51.100.200",
        asn: 64_511,
        ..FRANKFURT
    };
    let mut story = Story::new();
    let people: Vec<String> = (0..12).map(|nth| format!("person-{nth}")).collect();
    for day in 0..8 {
        for (hour, city) in [(9, &OSLO), (10, &vpn), (11, &OSLO), (13, &vpn), (15, &OSLO)] {
            for (nth, person) in people.iter().enumerate() {
                let session = format!("{person}-{day}");
                let call = call(person, "mail").from(city).on(person).session(&session);
                let time = day * DAY + hour * HOUR + nth as i64 * MINUTE;
                story.tell(call.at(monday(time)));
            }
        }
    }
    left_alone(&story);
    let at = |minute: i64| monday(8 * DAY + 9 * HOUR + minute * MINUTE);
    story.tell(
        call("person-3", "mail")
            .from(&OSLO)
            .on("person-3")
            .session("own")
            .at(at(0)),
    );
    let theft = login("person-3")
        .from(&LIMA)
        .on("stranger")
        .session("stolen");
    story.tell(theft.at(at(20)));
    assert!(story.found("impossible_travel"));
    assert!(!story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn the_first_month_that_somebody_closes() {
    for (megabytes, answer) in [(95, Action::StepUp), (900, Action::RevokeSession)] {
        let mut story = Story::new();
        let export = |mega: u64, day: i64| {
            let mut call = call("ann", "ledger.export")
                .from(&OSLO)
                .on("laptop")
                .session("s");
            call = call.class(ActionClass::Export).outcome(Outcome::Success);
            call.0.action.bytes_out = Some(mega << 20);
            call.0.session.authenticated_at = Some(monday(day * DAY + NOON));
            call.at(monday(day * DAY + NOON))
        };
        // From 2 November on; the month ends on the 28th day after it.
        for day in 0..27 {
            for hour in 1..6 {
                let mut read = call("ann", "ledger.read")
                    .from(&OSLO)
                    .on("laptop")
                    .session("s");
                read.0.action.bytes_out = Some(50_000 + 1000 * day as u64);
                story.tell(read.at(monday(day * DAY + NOON + hour * HOUR)));
            }
            if day % 7 == 3 {
                story.tell(export(15, day));
            }
        }
        story.tell(export(megabytes, 28));
        assert_eq!(story.actions().last(), Some(&answer), "{megabytes}");
    }
}

#[test]
fn a_machines_first_use_of_a_satellite_is_told() {
    let mut story = Story::new();
    story.job("svc", IdentityKind::ServiceAccount, 14);
    let call = job_call("svc", IdentityKind::ServiceAccount, JOB[0]);
    let call = call.from(&satellite(&LONDON, "192.0.2.200"));
    story.tell(call.at(monday(14 * DAY)));
    assert!(story.found("new_network"), "{:?}", story.findings());
}

#[test]
fn an_account_at_home_in_two_regions_whose_tokens_are_said_to_be_bound() {
    let mut story = Story::new();
    for hour in 0..20 * 24 {
        let (city, host, region) = match hour / 12 % 2 {
            0 => (&FRANKFURT, "host-1", "eu-central-1"),
            _ => (&LONDON, "host-2", "eu-west-2"),
        };
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let mut call = job_call("svc", IdentityKind::ServiceAccount, endpoint)
                .from(city)
                .on(host);
            call.0.credential.bound_to = Some("svc".into());
            call.0.workload.region = Some(region.into());
            story.tell(call.at(monday(hour * HOUR + step as i64 * 2_000)));
        }
    }
    assert!(!story.found("binding_change"), "{:?}", story.actions());
    // With another certificate it is another machine's.
    let mut stolen = job_call("svc", IdentityKind::ServiceAccount, JOB[0]).from(&FRANKFURT);
    stolen.0.credential.bound_to = Some("another".into());
    story.tell(stolen.on("host-1").at(monday(20 * DAY)));
    assert_eq!(story.actions(), [Action::RevokeCredential]);
}
