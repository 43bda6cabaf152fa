//! What has been so since the first day, and is no order: chance has its part in it, every day the same.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::IdentityKind;
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;

/// Chance that is the same in every run (Knuth's MMIX congruential generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        let Self(state) = self;
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as i64 % bound
    }
}

fn left_alone(story: &Story) {
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

/// Tells calls in the order of their times.
fn tell_all(story: &mut Story, mut calls: Vec<(i64, Tell)>) {
    calls.sort_by_key(|(time, _)| *time);
    for (time, call) in calls {
        story.tell(call.at(monday(time)));
    }
}

/// Identities that were asked, and how often, of so many that live two weeks like this.
fn asked(identities: u64, life: impl Fn(&mut Dice) -> Vec<(i64, Tell)>) -> Vec<usize> {
    let lives = (1..=identities).map(|seed| {
        let mut story = Story::new();
        tell_all(&mut story, life(&mut Dice(seed)));
        story.commands().len()
    });
    lives.filter(|commands| *commands > 0).collect()
}

/// So many endpoints in turn, from a time on.
fn round(dice: &mut Dice, start: i64, steps: i64, endpoints: i64, varied: i64) -> Vec<(i64, Tell)> {
    let mut time = start;
    let mut calls = Vec::new();
    for step in 0..steps {
        let strays = dice.below(100) < varied;
        let endpoint = if strays {
            dice.below(endpoints)
        } else {
            step % endpoints
        };
        calls.push((time, job_call("svc", SA, &format!("GET /r{endpoint}"))));
        time += 1_000 + dice.below(8_000);
    }
    calls
}

#[test]
fn pods_that_share_a_credential_and_go_round_side_by_side() {
    let asked = asked(12, |dice| {
        let (pods, endpoints) = (2 + dice.below(2), 3 + dice.below(3));
        let mut calls = Vec::new();
        for hour in (0..14 * 24).step_by(2) {
            for _ in 0..pods {
                let start = hour * HOUR + dice.below(120) * 1_000;
                calls.extend(round(dice, start, 20, endpoints, 0));
            }
        }
        for (_, call) in &mut calls {
            call.0.session.id = None;
        }
        calls
    });
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn a_job_of_which_a_tenth_or_a_third_is_left_to_chance() {
    for varied in [10, 30] {
        let asked = asked(12, |dice| {
            let (endpoints, steps) = (3 + dice.below(3), 10 << dice.below(3));
            let mut calls = Vec::new();
            for run in 0..14 * 4 {
                let start = run * 6 * HOUR + dice.below(300_000);
                let run = round(dice, start, steps, endpoints, varied);
                let session = format!("run-{start}");
                calls.extend(
                    run.into_iter()
                        .map(|(time, call)| (time, call.session(&session))),
                );
            }
            calls
        });
        // Chance has its part in it: once among them is no fault.
        assert!(asked.iter().sum::<usize>() <= 1, "{varied}: {asked:?}");
    }
}

#[test]
fn pages_that_are_read_in_a_row_a_few_times_a_day() {
    for seed in 1..=12 {
        let mut dice = Dice(seed);
        let mut story = Story::new();
        let mut calls = Vec::new();
        for quarter in 0..14 * 24 * 4 {
            let start = quarter * 15 * MINUTE + dice.below(8 * MINUTE);
            for step in 0..6 {
                let name = format!("GET /r{}", dice.below(5));
                let time = start + step * 30_000;
                calls.push((time, job_call("svc", SA, &name)));
                if dice.below(100) == 0 {
                    let page = |nth| (time + nth * 900, job_call("svc", SA, &name));
                    calls.extend((1..=3 + dice.below(18)).map(page));
                }
            }
        }
        tell_all(&mut story, calls);
        left_alone(&story);
        let late = |time| time > monday(7 * DAY);
        let told = story.findings();
        let told = told.iter().filter(|finding| late(finding.time)).count();
        assert!(told <= 2, "{seed}: {told}");
    }
}

#[test]
fn more_of_a_known_call_is_never_more_than_asked_about() {
    for kind in [SA, IdentityKind::Human] {
        let mut story = Story::new();
        story.job("svc", kind, 14);
        for nth in 0..400 {
            let call = job_call("svc", kind, JOB[0]).session("run");
            story.tell(call.at(monday(14 * DAY + nth * 4_000)));
        }
        let actions = story.actions();
        assert!(actions.len() <= 1, "{actions:?}");
        assert!(actions.iter().all(|action| *action == Action::StepUp));
    }
}
