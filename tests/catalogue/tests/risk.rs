//! Group C: risk moves with the session.

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Pace, Person, Step, acts};
use plumbline_catalogue::{Action, Actor, Story, each_seed};

// C1: an agent on tickets turns to a vault.

/// It reads secret after secret: answered at once, and ended when it goes on.
fn turns_to_the_vault(story: &mut Story, agent: &Agent, start: i64) {
    let session = agent.starts_task(story, start);
    let first = agent.calls(story, &session, start + 10 * SECOND, 4) + MINUTE;
    story.begins(first);
    for read in 0..10 {
        let name = story.dice.pick(&["tool:vault.read", "tool:vault.list"]);
        let resource = format!("vault/{read}");
        story.add(
            session
                .does("secret", name)
                .on(&resource)
                .at(first + read * 40 * SECOND),
        );
    }
    let ran = story.run();
    let answered = ran
        .expect(agent.id())
        .by(first + 40 * SECOND)
        .answer(&[Action::StepUp, Action::Pause]);
    ran.expect(agent.id())
        .session(session.text("session.id"))
        .since(answered.time.as_millis() + 1)
        .answer(&[Action::RevokeSession]);
    if ran.strongest(agent.id(), first, first + 1) >= Some(Action::RevokeSession) {
        ran.fail("the first read is answered reversibly");
    }
}

#[test]
fn c1_a_ticket_agent_that_reads_a_vault_is_stopped_and_then_ended() {
    each_seed("C1", |story| {
        let days = story.history_days();
        let agent = Agent::of_tickets(story);
        agent.lives(story, days);
        turns_to_the_vault(story, &agent, clock::at(days, 9, 0));
    });
}

#[test]
fn c1_a_ticket_agent_outside_what_its_task_allows_is_stopped_and_then_ended() {
    each_seed("C1", |story| {
        let days = story.history_days();
        let agent = Agent::of_tickets(story).allowed(&["tool:ticket.*"]);
        agent.lives(story, days);
        turns_to_the_vault(story, &agent, clock::at(days, 9, 0));
    });
}

/// An agent whose job is reading that vault; supervised on its first days.
fn vault_agent(story: &mut Story, supervised_days: i64) {
    let days = story.history_days() + 7;
    let tools = [
        ("read", "tool:inventory.list"),
        ("read", "tool:inventory.read"),
    ];
    let agent = Agent::new(story, "rotator", "rotate what is in the vault", &tools)
        .allowed(&["tool:inventory.*", "tool:vault.*"]);
    agent.lives_with(story, days, |story, day, session, time| {
        if day < supervised_days {
            agent.is_approved(story, session, time);
        }
        for read in 1..5 {
            let secret = session.does("secret", "tool:vault.read").on("vault/3");
            story.add(secret.at(time + read * 30 * SECOND));
        }
    });
    story.run().silent();
}

#[test]
fn c1_twin_an_agent_whose_job_is_that_vault_and_who_is_approved() {
    each_seed("C1", |story| vault_agent(story, i64::MAX));
}

#[test]
fn c1_twin_an_agent_whose_job_is_that_vault() {
    each_seed("C1", |story| vault_agent(story, 10));
}

// C2: across tenants, at a volume it never had.

const TENANT_CALLS: [Step; 2] = [
    ("read", "GET /v1/records"),
    ("read", "GET /v1/records/{id}"),
];

/// An account of one tenant, with a peak every Monday morning.
fn account_with_peaks(story: &mut Story) -> (Machine, i64) {
    let days = story.history_days() + 7;
    let account = Machine::new(story, "service_account", "svc-sync", &TENANT_CALLS)
        .pace(Pace::Every(story.dice.between(15, 30)));
    account.lives(story, days);
    for monday in (7..days).step_by(7) {
        let session = account.opens(story, clock::at(monday, 6, 0));
        peak(story, &account, &session, monday, 120);
    }
    (account, days)
}

/// So many runs right after each other on a Monday morning, give or take a fifth.
fn peak(story: &mut Story, account: &Machine, session: &Actor, monday: i64, runs: i64) {
    let mut time = clock::at(monday, 6, 1);
    for _ in 0..story.dice.about(runs, 20) {
        account.runs(story, session, time);
        time += story.dice.between(10, 20) * SECOND;
    }
}

/// Calls at a pace in tenant after tenant, minutes apart; it climbs to a step-up and to the end.
fn crosses_tenants(story: &mut Story, tenants: i64, minutes: i64, calls: i64, pace: (i64, i64)) {
    let (account, days) = account_with_peaks(story);
    let start = clock::at(days, 10, 0);
    let session = account.at_work(story, start);
    story.begins(start);
    for tenant in 0..tenants {
        let target = story.dice.name("tenant");
        let mut time = start + tenant * minutes * MINUTE;
        for call in 0..story.dice.about(calls + calls * tenant / 3, 20) {
            let (class, name) = TENANT_CALLS[call as usize % 2];
            let draft = session.does(class, name).bytes(4000 + 10 * call);
            story.add(draft.set("action.target_tenant", target.as_str()).at(time));
            time += story.dice.between(pace.0, pace.1);
        }
    }
    let ran = story.run();
    let step_up = ran.expect(account.id()).answer(&[Action::StepUp]);
    ran.expect(account.id())
        .session(session.text("session.id"))
        .since(step_up.time.as_millis() + 1)
        .answer(&[Action::RevokeSession]);
    let risks: Vec<u8> = ran
        .findings_on(account.id())
        .iter()
        .map(|finding| finding.risk.session)
        .collect();
    if risks.len() < 3 || risks.first() >= risks.last() {
        ran.fail(&format!("risk climbs step by step, but was {risks:?}"));
    }
}

#[test]
fn c2_tenants_in_quick_succession_step_up_and_then_end_the_session() {
    each_seed("C2", |story| crosses_tenants(story, 8, 6, 250, (200, 800)));
}

#[test]
fn c2_tenants_at_leisure_step_up_and_then_end_the_session() {
    each_seed("C2", |story| {
        crosses_tenants(story, 6, 25, 400, (1000, 3000))
    });
}

#[test]
fn c2_twin_the_seasonal_peak_inside_its_own_tenant() {
    each_seed("C2", |story| {
        let (account, days) = account_with_peaks(story);
        // On to the next Monday.
        let monday = days + (7 - days % 7);
        for day in days..monday {
            account.at_work(story, clock::at(day, 23, 0));
        }
        let session = account.opens(story, clock::at(monday, 6, 0));
        peak(story, &account, &session, monday, 130);
        story.run().silent();
    });
}

#[test]
fn c2_twin_growth_inside_its_own_tenant() {
    each_seed("C2", |story| {
        let days = story.history_days();
        let account =
            Machine::new(story, "service_account", "svc-sync", &TENANT_CALLS).pace(Pace::Every(20));
        account.lives(story, days);
        for (day, period) in (days..).zip([17, 14, 11, 9, 8]) {
            let grown = account.clone().pace(Pace::Every(period));
            grown.at_work(story, clock::at(day, 23, 0));
        }
        story.run().silent();
    });
}

// C4: a job outside its fixed times.

const REPORT: [Step; 5] = [
    ("read", "GET /v1/ledger"),
    ("read", "GET /v1/ledger/{id}"),
    ("read", "GET /v1/rates"),
    ("write", "POST /v1/reports"),
    ("write", "PUT /v1/reports/{id}"),
];

/// A job at these minutes of the day, late by at most so many minutes, for some weeks.
fn job(story: &mut Story, minutes: &[i64], late: i64) -> (Machine, i64) {
    let days = story.history_days() + 7;
    let job = Machine::new(story, "service_account", "svc-nightly", &REPORT)
        .pace(Pace::At(minutes.to_vec(), late));
    job.lives(story, days);
    (job, days)
}

fn revalidates_at_once(story: &mut Story, job: &Machine, start: i64) {
    story.begins(start);
    let session = job.runs_once(story, start);
    job.runs(story, &session, start + 2 * MINUTE);
    // Its token is issued, and then it may call once: before further calls it is stepped up.
    story
        .run()
        .expect(job.id())
        .by(start + 5 * SECOND)
        .answer(&[Action::StepUp]);
}

#[test]
fn c4_a_nightly_job_in_the_afternoon_steps_up() {
    each_seed("C4", |story| {
        let (job, days) = job(story, &[125], 6);
        let start = clock::at(days, story.dice.between(11, 18), story.dice.between(0, 59));
        revalidates_at_once(story, &job, start);
    });
}

#[test]
fn c4_a_job_of_three_fixed_times_between_them_steps_up() {
    each_seed("C4", |story| {
        let (job, days) = job(story, &[360, 720, 1080], 4);
        let start = clock::at(days, 15, story.dice.between(0, 20));
        job.runs_once(story, clock::at(days, 6, 1));
        job.runs_once(story, clock::at(days, 12, 1));
        revalidates_at_once(story, &job, start);
    });
}

#[test]
fn c4_twin_a_late_run_within_the_jitter_it_has_shown() {
    each_seed("C4", |story| {
        let (job, days) = job(story, &[125], 50);
        let late = story.dice.between(30, 50);
        job.runs_once(story, clock::at(days, 2, 5 + late));
        story.run().silent();
    });
}

/// A job at a local time: from one day of the story on an hour earlier or later in UTC.
fn through_clock_change(story: &mut Story, change: i64, shift: i64) {
    let minute = story.dice.between(120, 300);
    let mut job = Machine::new(story, "service_account", "svc-nightly", &REPORT);
    let first = change - story.dice.between(21, 42);
    let issued = clock::written(clock::at(first - 3, 0, 0));
    job.actor = job.actor.with("credential.issued_at", issued);
    for day in first..change + 6 {
        let shifted = if day >= change { shift } else { 0 };
        let jitter = story.dice.between(0, 240) * SECOND;
        job.runs_once(story, clock::at(day, 0, minute + shifted) + jitter);
    }
    story.run().silent();
}

#[test]
fn c4_twin_daylight_saving_begins() {
    // 2026-03-29, in Europe: the same local time is an hour earlier in UTC.
    each_seed("C4", |story| through_clock_change(story, 83, -60));
}

#[test]
fn c4_twin_daylight_saving_ends() {
    // 2026-10-25, in Europe.
    each_seed("C4", |story| through_clock_change(story, 293, 60));
}

// C6: risk is remembered from one tactic to the next.

/// From behind an anonymiser on a device never seen.
fn first_tactic(story: &mut Story, ann: &Person, start: i64) -> Actor {
    let hidden = ann.home.behind_an_anonymizer("vpn");
    let stranger = ann
        .laptop
        .clone()
        .from(&hidden, 5)
        .device("unseen-1", "Mozilla/5.0 (X11; Linux) Firefox/128");
    let session = ann.logs_in(story, &stranger, start);
    ann.browses(story, &session, start + MINUTE, start + 20 * MINUTE);
    session
}

/// Endpoints and scopes that this person never touched.
fn second_tactic(story: &mut Story, session: &Actor, start: i64) {
    let steps = [
        ("read", "GET /directory/users"),
        ("read", "GET /directory/groups"),
        ("read", "GET /customers/{id}"),
        ("read", "GET /contracts/{id}"),
    ];
    let session = session
        .clone()
        .with("credential.scopes", vec!["mail", "directory", "contracts"]);
    for round in 0..5 {
        acts(story, &session, start + round * MINUTE, &steps);
    }
}

/// The second tactic after the first, against the second alone.
fn is_answered_more_strongly(
    story: &Story,
    between: impl Fn(&mut Story, &Person, &Actor, i64) -> Actor,
) {
    let tell = |with_first: bool| {
        let mut story = story.clone();
        let days = story.history_days();
        let ann = Person::new(&mut story, "ann");
        ann.lives(&mut story, days);
        let start = ann.morning(days);
        story.begins(start);
        let second = start + 30 * MINUTE;
        let session = if with_first {
            let session = first_tactic(&mut story, &ann, start);
            between(&mut story, &ann, &session, start + 22 * MINUTE)
        } else {
            let session = ann.logs_in(&mut story, &ann.laptop, second - 5 * MINUTE);
            story.add(
                session
                    .does("read", "GET /calendar")
                    .at(second - 4 * MINUTE),
            );
            session
        };
        second_tactic(&mut story, &session, second);
        (story.run(), ann.id().to_owned(), start, second)
    };
    let (both, id, start, second) = tell(true);
    let (alone, ..) = tell(false);
    both.expect(&id).by(second - 1).answer(&[Action::StepUp]);
    let first_answer = both.strongest(&id, start, second);
    let then = both.strongest(&id, second, i64::MAX);
    let second_alone = alone.strongest(&id, second, i64::MAX);
    if then <= first_answer || then <= second_alone {
        both.fail(&format!(
            "the second tactic got {then:?}, after {first_answer:?}; alone it gets {second_alone:?}"
        ));
    }
}

#[test]
fn c6_a_second_tactic_after_a_passed_challenge_is_answered_more_strongly() {
    each_seed("C6", |story| {
        is_answered_more_strongly(story, |story, _, session, time| {
            let fresh = session
                .clone()
                .with("session.authenticated_at", clock::written(time));
            story.add(fresh.does("mfa", "mfa.verify").at(time));
            fresh
        });
    });
}

#[test]
fn c6_a_second_tactic_in_another_session_is_answered_more_strongly() {
    each_seed("C6", |story| {
        is_answered_more_strongly(story, |story, ann, session, time| {
            // The challenge is dodged: the old session is left, a new one opened.
            ann.logs_in(story, &session.clone().without("session"), time)
        });
    });
}

#[test]
fn c6_twin_a_user_who_passes_one_challenge_and_behaves_as_always() {
    each_seed("C6", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann").who_also("export", "POST /ledger/export");
        ann.lives(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        ann.browses(story, &session, start + MINUTE, start + HOUR);
        let challenged = start + HOUR;
        story.begins(challenged);
        story.add(
            session
                .does("export", "POST /ledger/export")
                .bytes(60_000)
                .at(challenged),
        );
        let passed = challenged + MINUTE;
        let fresh = session.with("session.authenticated_at", clock::written(passed));
        story.add(fresh.does("mfa", "mfa.verify").at(passed));
        story.add(
            fresh
                .does("export", "POST /ledger/export")
                .bytes(60_000)
                .at(passed + MINUTE),
        );
        ann.browses(story, &fresh, passed + 2 * MINUTE, passed + 6 * HOUR);
        let ran = story.run();
        ran.expect(ann.id()).answer(&[Action::StepUp]);
        ran.silent_since(passed);
    });
}

#[test]
fn c6_twin_a_challenge_of_the_identity_provider_that_is_passed() {
    each_seed("C6", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        story.add(
            ann.laptop
                .does("login", "login")
                .ended("challenged")
                .at(start),
        );
        let session = ann.logs_in(story, &ann.laptop, start + 20 * SECOND);
        ann.browses(story, &session, start + MINUTE, start + 6 * HOUR);
        story.run().silent();
    });
}
