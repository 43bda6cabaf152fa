//! However the work is shared out, what is published is the same.

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::Told;
use plumbline_tests::{Line, feed};

use crate::stories::impersonations;

const PEOPLE: i64 = 12;

#[test]
fn stages_in_two_processes_give_the_same_as_one_process() {
    let story = impersonations(PEOPLE);
    let one = Line::new("one-process", 3).source("okta").created();
    feed::write(&one, &story);
    one.run_until_end(&[]);

    let two = Line::new("two-stages", 3).source("okta").created();
    feed::write(&two, &story);
    two.run_until_end(&["--stage", "normalise"]);
    assert_eq!(two.read("findings"), [], "normalising finds nothing");
    two.run_until_end(&["--stage", "detect"]);

    Outputs::of(&two).assert_same(&Outputs::of(&one));
    Outputs::of(&one).assert_same(&one.replay());
}

#[test]
fn however_many_processes_and_workers_the_same_is_published() {
    let story = impersonations(PEOPLE);
    let single = Line::new("single", 6).source("okta").created();
    feed::write(&single, &story);
    single.run_until_end(&[]);
    let single = Outputs::of(&single);
    assert_eq!(single.commands.len(), PEOPLE as usize);

    // Of three processes with four workers each, half of the workers have nothing to do.
    for (processes, workers) in [(1, 2), (1, 4), (3, 1), (3, 2), (3, 4)] {
        let shared = shared_by(processes, workers, &story);
        shared.assert_none_twice();
        shared.assert_same(&single);
    }
}

/// What so many processes publish, each with so many workers. The first is alone for half of the story; then the
/// others take partitions over, with their state, while it goes on.
fn shared_by(processes: usize, workers: usize, story: &[Told]) -> Outputs {
    let name = format!("group-{processes}-{workers}");
    let line = Line::new(&name, 6).source("okta").created();
    let (first, second) = story.split_at(story.len() / 2);
    let workers_flag = workers.to_string();
    let flags = [
        "run",
        "--config",
        "plumbline.toml",
        "--workers",
        &workers_flag,
    ];
    let start = |nth: usize| line.start_with(&flags, &[("PLUMBLINE_INSTANCE", &nth.to_string())]);
    let mut services = vec![start(0)];
    feed::write(&line, first);
    line.await_detected();
    services.extend((1..processes).map(start));
    feed::write(&line, second);
    line.await_members(processes * workers);
    line.await_log(story.len());
    line.await_detected();
    for service in services {
        service.terminate();
        service.wait(WORK_LIMIT).well();
    }
    let outputs = Outputs::of(&line);
    outputs.assert_same(&line.replay());
    outputs
}

#[test]
fn processes_that_nobody_named_do_not_take_the_work_from_each_other() {
    let story = impersonations(PEOPLE);
    let line = Line::new("nameless", 4).source("okta").created();
    // Both take the same transactional id, until one of them has lost it.
    let services = [line.start_service(&[]), line.start_service(&[])];
    for piece in story.chunks(story.len().div_ceil(20)) {
        feed::write(&line, piece);
    }
    line.await_members(2);
    line.await_log(story.len());
    line.await_detected();
    for service in services {
        service.terminate();
        service.wait(WORK_LIMIT).well();
    }
    let outputs = Outputs::of(&line);
    outputs.assert_none_twice();
    assert_eq!(outputs.commands.len(), PEOPLE as usize);
    outputs.assert_same(&line.replay());
}
