//! Exactly once: whatever is killed whenever, each finding and command is published, and none twice.

use std::thread;
use std::time::Duration;

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::Told;
use plumbline_tests::{Line, Random, Running, feed, wait};

use crate::stories::impersonations;

const PEOPLE: i64 = 20;
const KILLS: usize = 6;
/// Between two kills the story goes on in so many pieces, and the kill falls into one of them.
const PIECES: usize = 16;
const SEED: u64 = 0x5eed;

#[test]
fn a_service_that_is_killed_again_and_again_publishes_everything_once() {
    let story = impersonations(PEOPLE);
    // Many commits and checkpoints: the more there are, the more kills hit one.
    let often = "[run]\ncommit_interval = \"10ms\"\ncheckpoint_interval = \"100ms\"";
    let line = Line::new("killed", 3).source("okta").with(often).created();
    let (start, rest) = story.split_at(story.len() / 10);
    feed::write(&line, start);
    let mut random = Random::new(SEED);
    let mut behind = 0;
    for part in rest.chunks(rest.len().div_ceil(KILLS)) {
        behind += usize::from(tell_and_kill(&line, part, &mut random));
    }
    line.run_until_end(&[]);

    let once = Outputs::of(&line);
    once.assert_none_twice();
    assert!(
        behind > KILLS / 2,
        "only {behind} kills fell into unfinished work"
    );
    assert_eq!(
        once.commands.len(),
        PEOPLE as usize,
        "each is impersonated once"
    );
    once.assert_same(&line.replay());

    let undisturbed = Line::new("undisturbed", 3).source("okta").created();
    feed::write(&undisturbed, &story);
    undisturbed.run_until_end(&[]);
    once.assert_same(&Outputs::of(&undisturbed));
}

/// Starts the service, goes on with the story once it works, and kills it at some moment of that.
/// Whether there was something left to do then.
fn tell_and_kill(line: &Line, part: &[Told], random: &mut Random) -> bool {
    let service = line.start_service(&[]);
    await_progress(line);
    let last = random.below(PIECES as u64) as usize;
    let mut service: Option<Running> = Some(service);
    for (number, piece) in part.chunks(part.len().div_ceil(PIECES)).enumerate() {
        feed::write(line, piece);
        thread::sleep(Duration::from_millis(random.below(40)));
        if number == last
            && let Some(service) = service.take()
        {
            service.kill();
        }
    }
    drop(service);
    let events = line.topic("events");
    let raw: i64 = line.reader.ends(&line.topic("raw-okta")).iter().sum();
    // While the transaction of the killed process is open, the group does not tell.
    let committed = line.reader.committed(line.group(), &events);
    committed.map_or(true, |committed| committed.iter().sum::<i64>() < raw)
}

/// Waits until detection commits more than it had before.
fn await_progress(line: &Line) {
    let events = line.topic("events");
    let mut before = None;
    wait::until("the first commit after a start", WORK_LIMIT, || {
        let now: i64 = line.reader.committed(line.group(), &events)?.iter().sum();
        let before = *before.get_or_insert(now);
        if now > before {
            Ok(())
        } else {
            Err(format!("{now} committed"))
        }
    });
}
