//! Every target on what it begins with, and on changes of it: the same ones each time.

#![allow(missing_docs, clippy::panic, clippy::expect_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use plumbline_fuzz::{TARGETS, mutate::mutate, seeds};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Inputs for each target.
const RUNS: usize = 1_000;
/// No input is worth more.
const LIMIT: Duration = Duration::from_secs(5);

fn run(name: &str) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let seeds = seeds::of(name);
    assert!(!seeds.is_empty(), "nothing to begin with");
    let on = |input: &[u8]| {
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
        let took = begun.elapsed();
        assert!(
            ended.is_ok() && took < LIMIT,
            "{name} after {took:?} on {:?}\nput it into {} once it is mended",
            input.escape_ascii().to_string(),
            seeds::corpus(name).display()
        );
    };
    seeds.iter().for_each(|seed| on(seed));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..RUNS {
        let [one, other] = [(); 2].map(|()| &seeds[random.random_range(0..seeds.len())]);
        on(&mutate(one, other, &mut random));
    }
}

#[test]
fn event() {
    run("event");
}

#[test]
fn formats() {
    run("formats");
}

#[test]
fn state() {
    run("state");
}

#[test]
fn engine() {
    run("engine");
}

#[test]
fn config() {
    run("config");
}
