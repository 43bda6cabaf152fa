//! Workloads: autoscaled replicas that follow the load of the day, and pipelines that deploy.
//!
//! Each replica has a role session of its own, renewed every six hours as instance credentials are.

use rand::RngExt as _;

use super::{Bout, Pen};
use crate::catalogue::aws::{AwsCall, DECRYPT, DEPLOYMENT, GET_SECRET, Job};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::draft::{Act, End, Setting};
use crate::profile::{Profile, Worker, place_index};
use crate::random::{Purpose, chance, exponential, hash, lognormal, poisson, rng};
use crate::world::{REGIONS, World};

/// Most replicas of a service; bouts are numbered by hour and replica.
const MAX_REPLICAS: i64 = 8;
/// How long instance credentials are used.
const SESSION: i64 = 6 * HOUR;

/// Share of the daily peak by hour of UTC.
fn load(hour: i64) -> f64 {
    match hour.rem_euclid(24) {
        0..=5 => 0.35,
        6..=8 => 0.7,
        9..=17 => 1.0,
        18..=21 => 0.8,
        _ => 0.5,
    }
}

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    worker: &Worker,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    for hour in (from - HOUR).div_euclid(HOUR)..=to.div_euclid(HOUR) {
        let day = hour.div_euclid(24);
        if !who.is_there(day) {
            continue;
        }
        let facts = world.facts(day);
        let weekend = if facts.weekday > 4 { 0.6 } else { 1.0 };
        let load = load(hour) * weekend;
        let replicas = (f64::from(worker.replicas) * load * facts.season.sqrt()).ceil() as i64;
        for replica in 0..replicas.clamp(1, MAX_REPLICAS) {
            let number = hour * MAX_REPLICAS + replica;
            let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, number);
            let start = hour * HOUR + rng.random_range(0..30 * MINUTE);
            let work = poisson(&mut rng, 0.5 * load * who.activity * world.scale);
            let epoch = start.div_euclid(SESSION);
            let is_new = (start - HOUR).div_euclid(SESSION) < epoch;
            if !(from..to).contains(&start) || work == 0 && !is_new {
                continue;
            }
            let setting = instance(world, who, worker, replica, start);
            out.push(Bout {
                start,
                number,
                length: 25 * MINUTE,
                work,
                begins_session: is_new,
                ends_session: false,
                special: false,
                setting,
            });
        }
    }
}

fn instance(world: &World, who: &Profile, worker: &Worker, replica: i64, start: i64) -> Setting {
    let epoch = start.div_euclid(SESSION);
    // A release replaces every instance.
    let build = u64::from(start >= world.release(who.service()));
    let day = if replica == 0 {
        start.div_euclid(7 * DAY)
    } else {
        start.div_euclid(DAY)
    } as u64;
    let machine = hash([who.seed, who.index.into(), replica as u64, day, build, 41]);
    let session = hash([machine, epoch as u64]);
    Setting {
        place: place_index(REGIONS[usize::from(worker.region)].1),
        host: 14 + (hash([who.seed, who.index.into(), 42]) % 4) as u16 + (replica % 2) as u16,
        device: replica as u8,
        region: worker.region,
        session,
        session_start: epoch * SESSION,
        credential: session,
        task: machine,
        ..Setting::default()
    }
}

pub(super) fn perform(
    world: &World,
    who: &Profile,
    job: &'static Job,
    bout: &Bout,
    pen: &mut Pen<'_>,
) {
    let mut time = bout.start;
    if bout.begins_session {
        let own = who.index % 97;
        for call in [&GET_SECRET, &DECRYPT] {
            pen.write(
                time,
                Act::Aws {
                    call,
                    object: own,
                    account: 0,
                },
            );
            time += SECOND;
        }
    }
    let released = bout.start >= world.release(who.service());
    let gap = bout.length as f64 / f64::from(bout.work + 1);
    for _ in 0..bout.work {
        time += exponential(&mut pen.rng, gap) as i64;
        let object = pen.rng.random_range(0..5_000);
        time = run(job, time, object, pen);
        if released && chance(&mut pen.rng, 0.5) {
            call(job.release, time, object, pen);
            time += SECOND;
        }
    }
}

/// Every step of a job once; a message that was not there ends it early.
fn run(job: &Job, start: i64, object: u32, pen: &mut Pen<'_>) -> i64 {
    let mut time = start;
    for step in job.steps {
        call(step, time, object, pen);
        time += SECOND + exponential(&mut pen.rng, SECOND as f64) as i64;
        if chance(&mut pen.rng, 0.06) {
            break;
        }
    }
    time
}

fn call(call: &'static AwsCall, time: i64, object: u32, pen: &mut Pen<'_>) {
    let end = if chance(&mut pen.rng, 0.003) {
        End::Failure
    } else {
        End::Success
    };
    let bytes = lognormal(&mut pen.rng, f64::from(call.bytes), 0.6) as u32;
    pen.write_as(
        time,
        Act::Aws {
            call,
            object,
            account: 0,
        },
        bytes,
        end,
    );
}

/// Deployments: on working days, a handful of them, each with a session of its own.
pub(super) fn deployments(world: &World, who: &Profile, from: i64, to: i64, out: &mut Vec<Bout>) {
    for day in from.div_euclid(DAY)..=to.div_euclid(DAY) {
        let facts = world.facts(day);
        if facts.weekday > 4 && !facts.incident || !who.is_there(day) {
            continue;
        }
        let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, day);
        let release = world.release(who.service()).div_euclid(DAY) == day;
        let usual = if release { 14.0 } else { 7.0 };
        for nth in 0..i64::from(poisson(&mut rng, usual * who.activity * world.scale).min(500)) {
            let start = day * DAY + rng.random_range(7 * HOUR + HOUR / 2..18 * HOUR);
            let runner = rng.random_range(0..8);
            let work = rng.random_range(1..5);
            if !(from..to).contains(&start) {
                continue;
            }
            let number = day * 512 + nth;
            let session = hash([who.seed, who.index.into(), number as u64, 43]);
            let setting = Setting {
                place: place_index(REGIONS[0].1),
                host: 20 + runner,
                session,
                session_start: start / SECOND * SECOND,
                credential: session,
                ..Setting::default()
            };
            out.push(Bout {
                start,
                number,
                length: 10 * MINUTE,
                work,
                begins_session: true,
                ends_session: false,
                special: false,
                setting,
            });
        }
    }
}

pub(super) fn deploy(world: &World, who: &Profile, bout: &Bout, pen: &mut Pen<'_>) {
    let released = bout.start >= world.release(who.service());
    let mut time = bout.start;
    let object = who.index;
    for (index, step) in DEPLOYMENT.steps.iter().enumerate() {
        call(step, time, object, pen);
        time += 5 * SECOND + exponential(&mut pen.rng, 40.0 * SECOND as f64) as i64;
        // Asks until the new version runs.
        if index == DEPLOYMENT.body {
            for _ in 0..bout.work {
                call(step, time, object, pen);
                time += 15 * SECOND;
            }
        }
    }
    if released && chance(&mut pen.rng, 0.6) {
        call(DEPLOYMENT.release, time, object, pen);
    }
}
