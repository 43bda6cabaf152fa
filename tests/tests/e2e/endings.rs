//! How the service ends: at the end of its input, and when it is asked to.

use std::time::{Duration, Instant};

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::{Line, feed};

use crate::stories::impersonations;

#[test]
fn until_end_works_off_what_there_is_and_ends_well() {
    let line = Line::new("until-end", 3).source("okta").created();
    // Topics that hold nothing have no end to wait for.
    line.run_until_end(&[]);
    let story = impersonations(2);
    feed::write(&line, &story);
    line.run_until_end(&[]);
    assert_eq!(line.log().len(), story.len());
    let outputs = Outputs::of(&line);
    outputs.assert_same(&line.replay());
    // A second time there is nothing to do, and nothing is done twice.
    line.run_until_end(&[]);
    Outputs::of(&line).assert_same(&outputs);
    Outputs::of(&line).assert_none_twice();
}

#[test]
fn on_sigterm_the_work_is_committed_and_the_partitions_go_to_others_at_once() {
    // A member that does not leave holds its partitions for a minute.
    let line = Line::new("sigterm", 4)
        .source("okta")
        .property("session.timeout.ms", "60000")
        .created();
    let story = impersonations(6);
    let (first, second) = story.split_at(story.len() / 2);
    let arguments = ["run", "--config", "plumbline.toml"];
    let one = line.start_with(&arguments, &[("PLUMBLINE_INSTANCE", "one")]);
    feed::write(&line, first);
    line.await_log(first.len());
    line.await_detected();
    let two = line.start_with(&arguments, &[("PLUMBLINE_INSTANCE", "two")]);
    line.await_members(2);
    // As likely as not between the two rounds of a cooperative rebalance: the group is stable there too.
    let asked = Instant::now();
    one.terminate();
    let ended = one.wait(WORK_LIMIT).well();
    assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
    line.await_members(1);
    feed::write(&line, second);
    line.await_log(story.len());
    line.await_detected();
    let took = asked.elapsed();
    assert!(
        took < Duration::from_secs(30),
        "the partitions were free after {took:?}"
    );
    let asked = Instant::now();
    two.terminate();
    two.wait(WORK_LIMIT).well();
    line.await_members(0);
    let took = asked.elapsed();
    assert!(
        took < Duration::from_secs(30),
        "the last member was gone after {took:?}"
    );

    let outputs = Outputs::of(&line);
    outputs.assert_none_twice();
    outputs.assert_same(&line.replay());
}
