//! Chaos: processes and brokers are killed, the network is cut, and a process sleeps until the group has given
//! it up, again and again while stories are told. Afterwards the findings and commands that are committed are
//! those of one undisturbed replay of the log, byte for byte.
//!
//! `PLUMBLINE_CHAOS` says how many blows fall; few by default. `make chaos` has many. `PLUMBLINE_CHAOS_SEED`
//! chooses whom they hit.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::{Duration, Instant};
use std::{env, thread};

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::{Machine, Person, Told, in_order};
use plumbline_tests::vendor::{LONDON, OSLO};
use plumbline_tests::{Brokers, Line, Random, Running, feed, wait};

/// One of each kind.
const FEW: usize = 4;
const BROKERS: usize = 3;
const PROCESSES: usize = 2;
const SEED: u64 = 0xb10e;
/// Between two blows the story goes on for so long.
const CALM: Duration = Duration::from_secs(3);
/// Longer than the session timeout of the tests: who sleeps so long is given up.
const SLEEP: Duration = Duration::from_secs(5);
const CUT: Duration = Duration::from_secs(4);

/// People who are impersonated and machines whose keys are stolen, each once, all along the log.
fn story() -> (Vec<Told>, usize) {
    let people = (0..24_i64).flat_map(|number| {
        let home = if number % 2 == 0 { OSLO } else { LONDON };
        let person = Person::new(&format!("00u-chaos-{number}"), home);
        let day = 8 + number % 13;
        [person.days(0..21, 12), person.is_impersonated(day)]
    });
    let machines = (0..6_i64).flat_map(|number| {
        let machine = Machine::Role(format!("chaos-{number}"));
        let day = 8 + number * 2;
        [machine.days(0..day + 1), machine.is_stolen(day)]
    });
    (in_order(people.chain(machines)), 24 + 6)
}

/// What is done to whom.
#[derive(Clone, Copy, Debug)]
enum Blow {
    KillProcess(usize),
    KillBroker(usize),
    CutNetwork,
    Sleep(usize),
}

struct World {
    brokers: Brokers,
    line: Line,
    processes: Vec<Option<Running>>,
    random: Random,
}

#[test]
fn whatever_is_killed_or_cut_the_same_is_published_once() {
    let number = |name: &str| {
        let text = env::var(name).ok()?;
        Some(text.parse::<usize>().expect("a number"))
    };
    let blows = number("PLUMBLINE_CHAOS").unwrap_or(FEW);
    let seed = number("PLUMBLINE_CHAOS_SEED").map_or(SEED, |seed| seed as u64);
    let brokers = Brokers::start(BROKERS).unwrap_or_else(|error| panic!("{error}"));
    let line = Line::among(&brokers.bootstrap(), "chaos", 6)
        .replicated(3)
        .source("okta")
        .source("cloudtrail")
        .at(&brokers.cut_bootstrap())
        .with("[run]\nworkers = 2\ncommit_interval = \"20ms\"\ncheckpoint_interval = \"500ms\"")
        .created();
    let mut world = World {
        brokers,
        line,
        processes: Vec::new(),
        random: Random::new(seed),
    };
    world.processes = (0..PROCESSES)
        .map(|number| Some(world.start(number)))
        .collect();
    world.line.await_members(2 * PROCESSES);

    let (story, attacks) = story();
    let pieces: Vec<&[Told]> = story.chunks(story.len().div_ceil(blows + 1)).collect();
    for (number, piece) in pieces.iter().enumerate() {
        world.tell(piece);
        if number < blows {
            let blow = world.blow(number);
            eprintln!("{number}: {blow:?}");
            world.strike(blow);
        }
    }
    world.line.await_log(story.len());
    world.line.await_detected();
    for process in world.processes.iter_mut().filter_map(Option::take) {
        process.terminate();
        process.wait(WORK_LIMIT).well();
    }
    let outputs = Outputs::of(&world.line);
    outputs.assert_none_twice();
    outputs.assert_same(&world.line.replay());
    assert_eq!(
        outputs.commands.len(),
        attacks,
        "who is attacked is commanded"
    );
}

impl World {
    fn start(&self, number: usize) -> Running {
        let instance = format!("process-{number}");
        let arguments = ["run", "--config", "plumbline.toml"];
        self.line
            .start_with(&arguments, &[("PLUMBLINE_INSTANCE", &instance)])
    }

    /// Goes on with the story for a while, so that blows fall into work.
    fn tell(&self, piece: &[Told]) {
        let until = Instant::now() + CALM;
        let parts = piece.chunks(piece.len().div_ceil(20));
        for part in parts {
            feed::write(&self.line, part);
            let left = until.saturating_duration_since(Instant::now());
            thread::sleep(left.min(CALM / 20));
        }
    }

    /// Each kind in turn, and whom it hits by chance.
    fn blow(&mut self, number: usize) -> Blow {
        let whom = |bound: usize, random: &mut Random| random.below(bound as u64) as usize;
        match number % 4 {
            0 => Blow::KillProcess(whom(PROCESSES, &mut self.random)),
            1 => Blow::KillBroker(whom(BROKERS, &mut self.random)),
            2 => Blow::CutNetwork,
            _ => Blow::Sleep(whom(PROCESSES, &mut self.random)),
        }
    }

    fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::KillProcess(number) => {
                if let Some(process) = self.processes[number].take() {
                    process.kill();
                }
                self.processes[number] = Some(self.start(number));
            }
            Blow::KillBroker(number) => {
                self.brokers.crash(number);
                thread::sleep(CUT);
                let back = self.brokers.come_back(number);
                back.unwrap_or_else(|error| panic!("{error}"));
            }
            Blow::CutNetwork => {
                self.brokers.cut();
                thread::sleep(CUT);
                self.brokers.heal();
            }
            Blow::Sleep(number) => {
                let process = self.processes[number].as_ref().expect("a process");
                process.freeze();
                thread::sleep(SLEEP);
                process.thaw();
            }
        }
        self.await_work();
    }

    /// Waits until the work goes on: blows that fall on the same pause are one.
    fn await_work(&self) {
        let events = self.line.topic("events");
        let mut before = None;
        wait::until("the work to go on", WORK_LIMIT, || {
            let now = self.line.reader.committed(self.line.group(), &events)?;
            let before = before.get_or_insert_with(|| now.clone());
            // All of it may be done already.
            let ends = self.line.reader.ends(&events);
            match now != *before || now == ends {
                true => Ok(()),
                false => Err(format!("{now:?} of {ends:?} committed")),
            }
        });
    }
}
