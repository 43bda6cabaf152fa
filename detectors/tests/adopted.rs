//! What goes on day after day, with nothing else odd, becomes usual although it was answered at first.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, IdentityKind, Outcome, Verdict};
use plumbline_schemas::time::EventTime;
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;
const WL: IdentityKind = IdentityKind::Workload;
const AGENT: IdentityKind = IdentityKind::AiAgent;

/// On which days there was a command.
fn commanded_days(story: &Story) -> Vec<i64> {
    let days = story.commands().into_iter();
    let days = days.map(|command| command.time.since(monday(0)) / DAY);
    let mut days: Vec<i64> = days.collect();
    days.dedup();
    days
}

/// A job that does something else as well, on days that are this many apart, from the fourth on.
fn job_and(kind: IdentityKind, apart: i64, days: i64, also: impl Fn(i64) -> Vec<Tell>) -> Story {
    let mut story = Story::new();
    for hour in 0..days * 24 {
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let time = monday(hour * HOUR + step as i64 * 2_000);
            story.tell(job_call("svc", kind, endpoint).at(time));
        }
        let day = hour / 24;
        if hour % 24 == 12 && day >= 4 && (day - 4) % apart == 0 {
            for tell in also(day) {
                story.tell(tell);
            }
        }
    }
    story
}

fn at_noon(day: i64, minute: i64) -> EventTime {
    monday(day * DAY + 12 * HOUR + minute * MINUTE)
}

#[test]
fn a_role_that_is_assumed_at_every_deployment() {
    let deploys = |day| {
        let assume = job_call("svc", WL, "sts.AssumeRole").class(ActionClass::Privilege);
        let mut assume = assume.at(at_noon(day, 5));
        assume.0.action.resource = Some("role/deploy".into());
        let deploy = job_call("svc", WL, "deploy").class(ActionClass::Deploy);
        vec![assume, deploy.at(at_noon(day, 6))]
    };
    let story = job_and(WL, 4, 30, deploys);
    assert_eq!(commanded_days(&story), [4, 8, 12]);
    // Said to be an attack after the second time, it begins anew, a month later.
    let condemned = |day| {
        let mut told = deploys(day);
        if day == 8 {
            let said = job_call("svc", WL, "feedback").session("elsewhere");
            let said = said.verdict(Verdict::TruePositive, None);
            told.push(said.at(at_noon(day, 30)));
        }
        told
    };
    let days = commanded_days(&job_and(WL, 4, 60, condemned));
    let asked = (4..=48).step_by(4);
    assert_eq!(days, asked.collect::<Vec<i64>>());
    // What never succeeds never is.
    let refused = |day| {
        let assume = job_call("svc", WL, "sts.AssumeRole").class(ActionClass::Privilege);
        vec![assume.outcome(Outcome::Denied).at(at_noon(day, 5))]
    };
    let story = job_and(WL, 4, 30, refused);
    assert_eq!(commanded_days(&story), [4, 8, 12, 16, 20, 24, 28]);
}

#[test]
fn an_agent_that_reads_its_vault() {
    let mut story = Story::new();
    for day in 0..20 {
        for step in 0..20 {
            let call = call("agent", "tool:ticket.list").kind(AGENT).on("host-1");
            let call = call.from(&FRANKFURT).session(&format!("s-{day}"));
            story.tell(call.at(monday(day * DAY + 9 * HOUR + step * 5 * MINUTE)));
        }
        if day > 0 {
            let read = call("agent", "tool:vault.read").kind(AGENT).on("host-1");
            let read = read.from(&FRANKFURT).session(&format!("s-{day}"));
            story.tell(read.class(ActionClass::Secret).at(at_noon(day, 0)));
        }
    }
    let actions = story.actions();
    assert!(
        actions.iter().all(|action| *action == Action::Pause),
        "{actions:?}"
    );
    let days = commanded_days(&story);
    assert!(
        days.len() <= 4 && days.iter().all(|day| *day <= 4),
        "{days:?}"
    );
}

/// An agent that lists tickets every day, and uses this tool at noon of every third.
fn agent_with(name: &str, tool: &str, class: ActionClass, allowed: &[&str]) -> Story {
    let mut story = Story::new();
    for day in 0..40 {
        let at_work = |tool: &str, class: ActionClass| {
            let mut call = call(name, tool).kind(AGENT).on("host-1").class(class);
            call.0.task.allowed = allowed.iter().map(|&glob| glob.to_owned().into()).collect();
            call.from(&FRANKFURT).session(&format!("{name}-{day}"))
        };
        for step in 0..20 {
            let call = at_work("tool:ticket.list", ActionClass::Read);
            story.tell(call.at(monday(day * DAY + 9 * HOUR + step * 5 * MINUTE)));
        }
        if day % 3 == 2 && day > 2 {
            story.tell(at_work(tool, class).at(at_noon(day, 0)));
        }
    }
    story
}

#[test]
fn an_agent_that_looks_something_up_now_and_then() {
    let story = agent_with("agent", "tool:wiki.search", ActionClass::Read, &[]);
    assert_eq!(story.actions(), [Action::Pause; 3]);
    assert_eq!(commanded_days(&story), [5, 8, 11]);
}

#[test]
fn what_a_task_does_not_list_is_outside_it_on_every_day() {
    let listed = ["tool:ticket.*"];
    let story = agent_with("agent", "tool:wiki.search", ActionClass::Read, &listed);
    assert_eq!(story.actions(), [Action::Pause; 12]);
}

/// A job that runs in another region for three hours of every third day, and does this there.
fn fails_over(kind: IdentityKind, does: impl Fn(&'static str) -> Tell) -> Story {
    let mut story = Story::new();
    for hour in 0..30 * 24 {
        let is_there = hour / 24 % 3 == 1 && (10..13).contains(&(hour % 24)) && hour > 72;
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let mut call = job_call("svc", kind, endpoint);
            call.0.workload.region = Some("eu-central-1".into());
            if is_there {
                call = does(endpoint).from(&SYDNEY).on("host-2");
                call.0.workload.region = Some("ap-southeast-2".into());
            }
            story.tell(call.at(monday(hour * HOUR + step as i64 * 2_000)));
        }
    }
    story
}

#[test]
fn a_second_region_that_a_machine_fails_over_to() {
    for kind in [SA, WL] {
        let story = fails_over(kind, |endpoint| job_call("svc", kind, endpoint));
        assert_eq!(commanded_days(&story), [4, 7, 10], "{kind:?}");
    }
    // What is done nowhere else does not become usual there.
    let reads = |_| job_call("svc", SA, "GET /secrets").class(ActionClass::Secret);
    let days = commanded_days(&fails_over(SA, reads));
    assert_eq!(days, [4, 7, 10, 13, 16, 19, 22, 25, 28]);
}

/// So many calls that take 20 MB each.
fn exports(day: i64, calls: i64) -> Vec<Tell> {
    let export = |step| {
        let export = job_call("svc", SA, "reports.export").class(ActionClass::Export);
        let mut export = export
            .session(&format!("export-{day}"))
            .at(at_noon(day, 5 + step));
        export.0.action.bytes_out = Some(20_000_000 + day as u64 * 1_000);
        export
    };
    (0..calls).map(export).collect()
}

#[test]
fn an_export_that_closes_a_month_in_several_calls() {
    let mut story = Story::new();
    for hour in 0..125 * 24 {
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let mut call = job_call("svc", SA, endpoint);
            call.0.action.bytes_out = Some(1_500);
            story.tell(call.at(monday(hour * HOUR + step as i64 * 2_000)));
        }
        let day = hour / 24;
        if hour % 24 == 12 && day % 30 == 28 {
            for tell in exports(day, 4) {
                story.tell(tell);
            }
        }
    }
    assert_eq!(commanded_days(&story), [28], "{:?}", story.findings());
}

#[test]
fn an_export_of_every_day_from_the_first_on() {
    let mut story = Story::new();
    for hour in 0..20 * 24 {
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let mut call = job_call("svc", SA, endpoint);
            call.0.action.bytes_out = Some(1_500);
            story.tell(call.at(monday(hour * HOUR + step as i64 * 2_000)));
        }
        if hour % 24 == 14 {
            for tell in exports(hour / 24, 2) {
                story.tell(tell);
            }
        }
    }
    let actions = story.actions();
    assert!(
        actions.iter().all(|action| *action == Action::StepUp),
        "{actions:?}"
    );
    let days = commanded_days(&story);
    assert!(days.iter().all(|day| *day <= 4), "{days:?}");
}

/// On which of 125 days a job was answered for taking a great deal in twenty calls of those it makes every hour,
/// a minute apart, and how.
fn takes_much_on(days: impl Fn(i64) -> bool, has_sessions: bool) -> Vec<(i64, Action)> {
    let mut story = Story::new();
    let mut read = |hour: i64, minute: i64, bytes: u64| {
        let mut read = job_call("svc", SA, "GET /reports/{id}/rows");
        read.0.action.bytes_out = Some(bytes);
        read.0.session.id = has_sessions.then(|| format!("{hour}").into());
        story.tell(read.at(monday(hour * HOUR + minute * MINUTE)));
    };
    for hour in 0..125 * 24 {
        for minute in 0..2 {
            read(hour, minute, 10_000 + (hour % 7) as u64 * 1_000);
        }
        if hour % 24 == 13 && days(hour / 24) {
            for minute in 7..27 {
                read(hour, minute, 10_000_000);
            }
        }
    }
    let commands = story.commands().into_iter();
    commands
        .map(|it| (it.time.since(monday(0)) / DAY, it.action))
        .collect()
}

#[test]
fn much_at_the_end_of_every_month_from_where_it_is_always_taken() {
    for (has_sessions, action) in [
        (false, Action::RevokeCredential),
        (true, Action::RevokeSession),
    ] {
        let answered = takes_much_on(|day| day % 30 == 28, has_sessions);
        assert_eq!(answered, [(28, action)]);
    }
}

#[test]
fn much_once_a_week_or_every_day_from_where_it_is_always_taken() {
    for (has_sessions, action) in [
        (false, Action::RevokeCredential),
        (true, Action::RevokeSession),
    ] {
        for apart in [7, 1] {
            let answered = takes_much_on(|day| day >= 21 && day % apart == 0, has_sessions);
            let expected = [21, 21 + apart, 21 + 2 * apart].map(|day| (day, action));
            assert_eq!(answered, expected, "{has_sessions} {apart}");
        }
    }
}
