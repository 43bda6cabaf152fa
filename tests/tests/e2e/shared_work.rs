//! However the work is shared out, what is published is the same.

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::{Line, feed, wait};

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
    wait::until("four workers in the group", WORK_LIMIT, || {
        match line.reader.members(line.group()) {
            (4, true) => Ok(()),
            members => Err(format!("{members:?}")),
        }
    });
    wait::until("all of the log", WORK_LIMIT, || {
        let ends: i64 = line.reader.ends(&line.topic("events")).iter().sum();
        if ends >= story.len() as i64 {
            Ok(())
        } else {
            Err(format!("{ends} events"))
        }
    });
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
