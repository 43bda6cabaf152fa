//! Where honest traffic surfaces is not where its people are: databases that move addresses, exits of VPNs, regions of
//! a cloud.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Anonymizer, IdentityKind, Verdict};
use plumbline_schemas::time::EventTime;
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;

fn at(day: i64, hour: i64, minute: i64) -> EventTime {
    monday(day * DAY + hour * HOUR + minute * MINUTE)
}

/// The same network in a city, with another address.
fn address(city: &'static City, ip: &'static str) -> City {
    City {
        ip,
        asn: OSLO.asn,
        ..*city
    }
}

#[test]
fn addresses_of_an_office_that_the_database_has_moved_over_a_weekend() {
    let (home, carrier) = (address(&OSLO, "84.33.209.2"), address(&OSLO, "91.20.4.9"));
    let moved = address(&LIMA, "84.33.209.2");
    let mut story = Story::new();
    let mut work = |days: std::ops::Range<i64>, home: &City, telephone: &str| {
        for day in days.filter(|day| day % 7 < 5) {
            for hour in 8..17 {
                let laptop = call("ann", "mail").from(home).on("laptop");
                story.tell(laptop.session(&format!("l-{day}")).at(at(day, hour, 0)));
                let pocket = call("ann", "mail").from(&carrier).on(telephone);
                story.tell(pocket.session(&format!("t-{day}")).at(at(day, hour, 8)));
            }
        }
    };
    work(0..12, &home, "telephone");
    work(14..24, &moved, "telephone");
    // A new one, while the database still says so.
    work(24..27, &moved, "another");
    assert!(story.commands().is_empty(), "{:?}", story.commands());
    assert!(!story.found("impossible_travel"));
    // Who really is there uses another address, and who is elsewhere has not come from where the database says.
    for (city, session, hour) in [(&LIMA, "l-25", 16), (&SYDNEY, "new", 20)] {
        story.outputs.clear();
        let owner = call("ann", "mail")
            .from(&moved)
            .on("laptop")
            .session("l-28");
        story.tell(owner.at(at(28, hour, 0)));
        let pocket = call("ann", "mail").from(&carrier).on("another");
        story.tell(pocket.session("t-28").at(at(28, hour, 6)));
        let thief = call("ann", "mail").from(city).on("stranger");
        story.tell(thief.session(session).at(at(28, hour, 12)));
        let findings = story.findings();
        assert!(story.found("impossible_travel"), "{session}: {findings:?}");
    }
}

#[test]
fn a_thief_from_afar_whom_nobody_was_asked_about_makes_no_address_usual() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 12);
    for day in 14..20 {
        let here = call("ann", "mail").from(&OSLO).on("laptop");
        story.tell(here.session(&format!("l-{day}")).at(at(day, 9, 0)));
        let thief = call("ann", "mail").from(&LIMA).on("stranger");
        story.tell(thief.session(&format!("l-{day}")).at(at(day, 9, 30)));
        assert!(story.found("impossible_travel"), "{day}");
        story.outputs.clear();
    }
}

#[test]
fn a_new_laptop_behind_the_vpn_that_the_old_one_always_used() {
    let exit = address(&FRANKFURT, "203.0.113.161");
    let mut story = Story::new();
    let mut work = |days: std::ops::Range<i64>, laptop: &str| {
        for day in days.filter(|day| day % 7 < 5) {
            let session = format!("l-{day}");
            let say = |city: &City| call("ann", "mail").from(city).on(laptop).session(&session);
            for hour in 8..17 {
                let city = if hour % 2 == 0 { &LIMA } else { &exit };
                story.tell(say(city).at(at(day, hour, 0)));
                let pocket = call("ann", "mail").from(&LIMA).on("telephone");
                story.tell(pocket.session("t").at(at(day, hour, 40)));
            }
        }
    };
    work(0..12, "laptop");
    work(14..19, "another");
    assert!(story.commands().is_empty(), "{:?}", story.commands());
    // Not so who is at both ends with the session of the one at home.
    let thief = call("ann", "mail").from(&SYDNEY).on("stranger");
    story.tell(thief.session("t").at(at(18, 16, 50)));
    assert!(story.found("impossible_travel"), "{:?}", story.findings());
}

#[test]
fn a_telephone_that_roams_beside_the_laptop_of_a_hotel() {
    let carrier = address(&LONDON, "91.20.4.9");
    let mut story = Story::new();
    let say = |city: &City, device: &str, session: &str| {
        call("ann", "mail").from(city).on(device).session(session)
    };
    for day in 0..12 {
        for hour in 8..17 {
            let session = format!("l-{day}");
            story.tell(say(&LONDON, "laptop", &session).at(at(day, hour, 0)));
            story.tell(say(&carrier, "telephone", "t").at(at(day, hour, 20)));
        }
    }
    for hour in 8..17 {
        story.tell(say(&SYDNEY, "laptop", "hotel").at(at(14, hour, 0)));
        story.tell(say(&carrier, "telephone", "t").at(at(14, hour, 5)));
        story.tell(say(&SYDNEY, "laptop", "hotel").at(at(14, hour, 9)));
    }
    assert!(story.commands().is_empty(), "{:?}", story.commands());
    // Another device there is another matter.
    story.tell(say(&LIMA, "stranger", "new").at(at(14, 17, 0)));
    assert!(!story.commands().is_empty());
}

/// A call of an account that runs in one cloud region or another.
fn in_region(account: &str, city: &City, region: &'static str) -> Tell {
    let mut call = job_call(account, SA, JOB[0]).from(city);
    call.0.device.id = None;
    call.0.session.id = None;
    call.0.workload.region = Some(region.into());
    call.credential(&format!("sha256:{account}"))
}

#[test]
fn an_account_that_fails_over_to_a_region_in_a_hosting_network() {
    let mut story = Story::new();
    let second = || in_region("svc", &SYDNEY, "ap-1").through(Anonymizer::Hosting);
    for hour in 0..14 * 24 {
        for peer in ["one", "two", "three"] {
            let peer = in_region(peer, &SYDNEY, "ap-1").through(Anonymizer::Hosting);
            story.tell(peer.at(at(0, hour, 1)));
        }
        story.tell(in_region("svc", &FRANKFURT, "eu-1").at(at(0, hour, 0)));
    }
    for hour in 12..18 {
        story.tell(second().at(at(15, hour, 0)));
    }
    assert!(story.commands().is_empty(), "{:?}", story.commands());
    // A person is nowhere at home in a data centre.
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 12);
    let person = call("ann", "mail")
        .from(&SYDNEY)
        .on("stranger")
        .session("s");
    story.tell(person.through(Anonymizer::Hosting).at(at(12, 20, 0)));
    assert!(story.found("anonymized_network"), "{:?}", story.findings());
}

#[test]
fn a_token_in_two_regions_ends_when_the_account_is_known() {
    for (days, ends) in [(4, false), (12, true)] {
        let mut story = Story::new();
        for step in 0..days * 96 {
            story.tell(in_region("svc", &FRANKFURT, "eu-1").at(at(0, 0, step * 15)));
        }
        for turn in 0..3 {
            let minute = turn * 6;
            story.tell(in_region("svc", &FRANKFURT, "eu-1").at(at(days, 0, minute)));
            story.tell(in_region("svc", &SYDNEY, "ap-1").at(at(days, 0, minute + 3)));
        }
        assert!(story.found("token_replay"), "{days}");
        let actions = story.actions();
        assert_eq!(actions[0], Action::StepUp, "{days}");
        let has_ended = actions.contains(&Action::RevokeCredential);
        assert_eq!(has_ended, ends, "{days}: {actions:?}");
    }
}

#[test]
fn who_has_proven_to_be_the_one_who_deploys_is_not_asked_at_each_deployment() {
    let mut story = Story::new();
    let mut asked = Vec::new();
    let say = |story: &mut Story, name: &str, class, session: &str, time| {
        let call = call("ann", name).from(&OSLO).on("laptop").session(session);
        story.tell(call.class(class).at(time));
        story
            .commands()
            .iter()
            .map(|it| it.id.clone())
            .collect::<Vec<_>>()
    };
    for (nth, hour) in [9, 11, 13, 15].into_iter().enumerate() {
        // The first day: what belongs together is not seen together yet.
        let name = ["role.assume", "rollout.start"][nth % 2];
        let class = [ActionClass::Privilege, ActionClass::Deploy][nth % 2];
        let session = format!("{name} {hour}");
        say(&mut story, name, class, &session, at(0, hour, 0));
        say(
            &mut story,
            "logout",
            ActionClass::Logout,
            &session,
            at(0, hour, 5),
        );
    }
    for nth in 0..6 {
        let session = format!("deployment {nth}");
        let time = |minute| at(1, 9 + nth, minute);
        say(
            &mut story,
            "role.assume",
            ActionClass::Privilege,
            &session,
            time(0),
        );
        let commands = say(
            &mut story,
            "rollout.start",
            ActionClass::Deploy,
            &session,
            time(1),
        );
        if commands.len() > asked.len() {
            let passed = call("ann", "step_up").session(&session);
            let passed = passed.verdict(Verdict::StepUpPassed, commands.last().map(|id| &**id));
            story.tell(passed.at(time(3)));
        }
        asked = commands;
        say(&mut story, "logout", ActionClass::Logout, &session, time(5));
    }
    assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
}
