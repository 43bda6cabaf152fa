//! However the work is shared out, what is published is the same.

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
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
fn processes_and_workers_of_one_group_give_the_same_as_a_single_one() {
    let story = impersonations(PEOPLE);
    let line = Line::new("group", 6).source("okta").created();
    let (first, second) = story.split_at(story.len() / 2);
    let flags = ["run", "--config", "plumbline.toml", "--workers", "2"];
    let one = line.start_with(&flags, &[("PLUMBLINE_INSTANCE", "one")]);
    feed::write(&line, first);
    line.await_detected();
    // The second takes partitions over, with their state, while the first goes on.
    let two = line.start_with(&flags, &[("PLUMBLINE_INSTANCE", "two")]);
    feed::write(&line, second);
    line.await_members(4);
    line.await_log(story.len());
    line.await_detected();
    for service in [one, two] {
        service.terminate();
        service.wait(WORK_LIMIT).well();
    }

    let outputs = Outputs::of(&line);
    outputs.assert_none_twice();
    assert_eq!(outputs.commands.len(), PEOPLE as usize);
    outputs.assert_same(&line.replay());
    let single = Line::new("single", 6).source("okta").created();
    feed::write(&single, &story);
    single.run_until_end(&[]);
    outputs.assert_same(&Outputs::of(&single));
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
