//! Scheduled jobs: on the minute with the scheduler's jitter, the same steps in the same order.
//!
//! Jobs of one day follow local time in the job's region, so they move with summer time. Failed
//! steps are tried again; a region that fails takes the job to its second one.

use rand::RngExt as _;

use super::{Bout, Pen};
use crate::clock::{DAY, HOUR, MINUTE, SECOND, offset};
use crate::draft::{Act, End, Setting};
use crate::profile::{Cron, Profile, place_index, quarter};
use crate::random::{Purpose, Rng, chance, exponential, hash, lognormal, poisson, rng, share};
use crate::world::{REGIONS, STANDBY_SHARE, World};

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    cron: &Cron,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    // Jobs of one day are planned in local time, which is up to 14 hours away.
    let is_local = cron.period == DAY;
    let slack = 10 * MINUTE + if is_local { 14 * HOUR } else { 0 };
    let first = (from - cron.offset - slack).div_euclid(cron.period);
    let last = (to - cron.offset + slack).div_euclid(cron.period);
    for run in first..=last {
        let key = hash([who.seed, who.index.into(), run as u64, 31]);
        let late = (-cron.jitter * (1.0 - share(key)).ln()).min(10.0 * MINUTE as f64) as i64;
        let planned = run * cron.period + cron.offset;
        let day = planned.div_euclid(DAY);
        let place = place_index(REGIONS[usize::from(cron.region)].1);
        let shift = if is_local {
            offset(place.into(), day)
        } else {
            0
        };
        let start = planned - shift + late;
        if (from..to).contains(&start) && who.is_there(day) {
            out.push(bout(world, who, cron, run, start));
        }
    }
}

fn bout(world: &World, who: &Profile, cron: &Cron, run: i64, start: i64) -> Bout {
    let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, run);
    // Whoever runs rarely has more to do when it does.
    let batch = (cron.period as f64 / HOUR as f64).clamp(0.5, 8.0);
    let season = world.facts(start.div_euclid(DAY)).season;
    let work = poisson(&mut rng, batch * season * who.activity * world.scale);
    let failed_over =
        world.is_failed_over(who.index.into(), start) || chance(&mut rng, STANDBY_SHARE);
    let region = if failed_over {
        cron.second_region
    } else {
        cron.region
    };
    Bout {
        start,
        number: run,
        length: 2 * MINUTE,
        work,
        begins_session: false,
        ends_session: false,
        special: false,
        setting: Setting {
            session_start: start / SECOND * SECOND,
            ..setting(who, cron, (run, start), region, &mut rng)
        },
    }
}

fn setting(
    who: &Profile,
    cron: &Cron,
    (run, start): (i64, i64),
    region: u8,
    rng: &mut Rng,
) -> Setting {
    let generation = quarter(start.div_euclid(DAY), cron.rotates_on) as u64;
    let key = hash([who.seed, who.index.into(), generation, 34]);
    let session = hash([who.seed, who.index.into(), run as u64, 32]);
    let own = hash([who.seed, who.index.into(), 33]);
    Setting {
        place: place_index(REGIONS[usize::from(region)].1),
        // Two addresses of a NAT gateway, one in each zone.
        host: 3 + (own % 5) as u16 * 2 + rng.random_range(0..2),
        region,
        session: if cron.has_key { 0 } else { session },
        credential: if cron.has_key { key } else { session },
        ..Setting::default()
    }
}

pub(super) fn perform(world: &World, who: &Profile, cron: &Cron, bout: &Bout, pen: &mut Pen<'_>) {
    let released = bout.start >= world.release(who.service());
    let mut time = bout.start;
    let mut step =
        |pen: &mut Pen<'_>, call: &'static crate::catalogue::aws::AwsCall, object: u32| {
            let act = Act::Aws {
                call,
                object,
                account: 0,
            };
            if chance(&mut pen.rng, 0.004) {
                pen.write_as(time, act, 0, End::Failure);
                time += 2 * SECOND + exponential(&mut pen.rng, 3.0 * SECOND as f64) as i64;
            }
            let bytes = lognormal(&mut pen.rng, f64::from(call.bytes), 0.5) as u32;
            pen.write_as(time, act, bytes, End::Success);
            time += SECOND + exponential(&mut pen.rng, 2.0 * SECOND as f64) as i64;
        };
    // Objects are numbered by day and job: yesterday's files are not read again.
    let newest = (bout.start / DAY % 1000) as u32 * 100 + who.index % 50;
    for (index, call) in cron.job.steps.iter().enumerate() {
        step(pen, call, newest);
        if index == cron.job.body {
            for nth in 0..bout.work {
                step(pen, call, newest + nth % 40);
            }
        }
    }
    if released && chance(&mut pen.rng, 0.8) {
        step(pen, cron.job.release, newest);
    }
}
