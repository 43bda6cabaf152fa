//! Machines with native events: clients, jobs, pipelines, deployments, assistants.

use rand::RngExt as _;

use super::{act, act_on};
use crate::behave::{Bout, Pen};
use crate::catalogue::deeds::{
    ASSISTANCE, BUILD, CI_DEPLOY, CLIENT_LINES, CONTACT_EXPORT, DEPLOYMENT, Deed, ISSUE, JOB_LINES,
    NIGHT_EXPORT, ROTATE,
};
use crate::clock::{DAY, HOUR, MINUTE, SECOND, offset};
use crate::draft::{Act, End, Setting};
use crate::native::{Native, Office};
use crate::profile::{Profile, place_index};
use crate::random::{Purpose, Rng, chance, exponential, hash, poisson, rng, share};
use crate::world::{REGIONS, STANDBY_SHARE, World};

/// How long a client's session lasts.
const SESSION: i64 = 12 * HOUR;

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    native: &Native,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    match native.office {
        Office::Service => rounds(world, who, native, (from, to), out),
        Office::Scheduled => runs(world, who, native, (from, to), out),
        _ => by_day(world, who, native, (from, to), out),
    }
}

/// A client: round after round, in a session of half a day.
fn rounds(
    world: &World,
    who: &Profile,
    native: &Native,
    (from, to): (i64, i64),
    out: &mut Vec<Bout>,
) {
    let period = native.period;
    for nth in (from - period - MINUTE).div_euclid(period)..=to.div_euclid(period) {
        let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, nth);
        let start = nth * period + native.begins % period + rng.random_range(0..20 * SECOND);
        if !(from..to).contains(&start) || !who.is_there(start.div_euclid(DAY)) {
            continue;
        }
        let season = world.facts(start.div_euclid(DAY)).season;
        let hours = period as f64 / HOUR as f64;
        let work = poisson(&mut rng, 1.2 * hours * season * who.activity * world.scale);
        let epoch = start.div_euclid(SESSION);
        let before = start - period;
        let region = region(world, who, native, start, &mut rng);
        out.push(Bout {
            start,
            number: nth,
            length: 6 * MINUTE,
            work: work.max(1),
            begins_session: before.div_euclid(SESSION) < epoch,
            ends_session: false,
            // The round in which the credential is renewed.
            special: native.generation(before) < native.generation(start),
            setting: Setting {
                session: hash([who.seed, who.index.into(), epoch as u64, 17]),
                session_start: epoch * SESSION,
                // Until it is renewed the old one is in use.
                credential: native.generation(before) as u64,
                ..host(who, region, &mut rng)
            },
        });
    }
}

/// A job: at its times, which are local and move with summer time.
fn runs(
    world: &World,
    who: &Profile,
    native: &Native,
    (from, to): (i64, i64),
    out: &mut Vec<Bout>,
) {
    let place = usize::from(place_index(REGIONS[usize::from(native.region)].1));
    let per_day = DAY / native.period;
    for day in (from - DAY).div_euclid(DAY)..=(to + DAY).div_euclid(DAY) {
        for nth in 0..per_day {
            let number = day * per_day + nth;
            let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, number);
            let late = exponential(&mut rng, native.jitter).min(15.0 * MINUTE as f64) as i64;
            let local = day * DAY + (native.begins + nth * native.period) % DAY;
            let start = local - offset(place, day) + late;
            let region = region(world, who, native, start, &mut rng);
            if !(from..to).contains(&start) || !who.is_there(day) {
                continue;
            }
            out.push(Bout {
                start,
                number,
                length: 4 * MINUTE,
                work: 3 + poisson(&mut rng, 4.0 * world.scale),
                begins_session: true,
                ends_session: false,
                special: false,
                setting: Setting {
                    session: hash([who.seed, who.index.into(), number as u64, 18]),
                    session_start: start,
                    credential: native.generation(start) as u64,
                    ..host(who, region, &mut rng)
                },
            });
        }
    }
}

/// Builds, deployments and requests of people: as people work.
fn by_day(
    world: &World,
    who: &Profile,
    native: &Native,
    (from, to): (i64, i64),
    out: &mut Vec<Bout>,
) {
    for day in (from - HOUR).div_euclid(DAY)..=to.div_euclid(DAY) {
        let facts = world.facts(day);
        let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, day);
        let is_release = day.rem_euclid(14) == i64::from(native.line);
        let usual = match native.office {
            Office::Pipeline if is_release => 16.0,
            Office::Pipeline => 6.0,
            Office::Deployer if is_release => 8.0,
            Office::Deployer => 3.0,
            _ => 5.0,
        };
        let usual = if facts.weekday > 4 {
            0.05 * usual
        } else {
            usual
        };
        let count = poisson(&mut rng, usual * who.activity * world.scale).min(200);
        for nth in 0..i64::from(count) {
            let start = day * DAY + rng.random_range(7 * HOUR..18 * HOUR);
            let setting = Setting {
                // Runners are picked from a pool, each time another.
                device: rng.random_range(0..12),
                ..host(who, native.region, &mut rng)
            };
            let work = 2 + poisson(&mut rng, 3.0);
            if !(from..to).contains(&start) || !who.is_there(day) {
                continue;
            }
            let number = day * 256 + nth;
            let session = hash([who.seed, who.index.into(), number as u64, 19]);
            let credential = match native.office {
                Office::Pipeline => native.generation(day * DAY) as u64,
                _ => session,
            };
            out.push(Bout {
                start,
                number,
                length: 8 * MINUTE,
                work,
                begins_session: true,
                ends_session: false,
                special: is_release,
                setting: Setting {
                    session,
                    session_start: start,
                    credential,
                    ..setting
                },
            });
        }
    }
}

fn region(world: &World, who: &Profile, native: &Native, start: i64, rng: &mut Rng) -> u8 {
    let away = world.is_failed_over(who.index.into(), start) || chance(rng, STANDBY_SHARE);
    if away {
        native.second_region
    } else {
        native.region
    }
}

/// A host of the region, behind one of the addresses of a NAT gateway.
fn host(who: &Profile, region: u8, rng: &mut Rng) -> Setting {
    let own = hash([who.seed, who.index.into(), 20]);
    Setting {
        place: place_index(REGIONS[usize::from(region)].1),
        host: 3 + (own % 5) as u16 * 4 + rng.random_range(0..4),
        device: (own % 3) as u8,
        region,
        ..Setting::default()
    }
}

pub(super) fn perform(
    world: &World,
    who: &Profile,
    native: &Native,
    bout: &Bout,
    pen: &mut Pen<'_>,
) {
    let season = world.facts(bout.start.div_euclid(DAY)).season;
    let mut line = Line {
        native,
        time: bout.start,
        season,
    };
    match native.office {
        Office::Service => line.serve(bout, pen),
        Office::Scheduled => {
            let steps = JOB_LINES[usize::from(native.line) % JOB_LINES.len()];
            line.work(&steps, bout.work, pen);
        }
        Office::Pipeline => {
            line.work(&BUILD, bout.work.min(4), pen);
            if share(pen.rng.random()) < 0.3 {
                line.step(&CI_DEPLOY, 20.0, pen);
            }
        }
        Office::Deployer => {
            let [assume, rollout, status] = DEPLOYMENT;
            let service = (who.index, 0);
            for deed in [assume, rollout] {
                act_on(deed, service, 1.0, line.time, pen);
                line.pause(4.0, pen);
            }
            for _ in 0..bout.work {
                act_on(status, service, 1.0, line.time, pen);
                line.pause(15.0, pen);
            }
        }
        _ => {
            line.work(&ASSISTANCE, bout.work, pen);
            // Once in a while somebody asks for what is sensitive.
            if chance(&mut pen.rng, 0.01) {
                line.step(&CONTACT_EXPORT, 3.0, pen);
            }
        }
    }
}

struct Line<'a> {
    native: &'a Native,
    time: i64,
    season: f64,
}

impl Line<'_> {
    fn serve(&mut self, bout: &Bout, pen: &mut Pen<'_>) {
        if bout.begins_session {
            self.step(&ISSUE, 1.0, pen);
        }
        let steps = CLIENT_LINES[usize::from(self.native.line) % CLIENT_LINES.len()];
        for nth in 0..bout.work {
            let object = pen.rng.random_range(0..400);
            let tenant = self.native.tenants.0 + pen.rng.random_range(0..self.native.tenants.1);
            for deed in steps {
                if !chance(&mut pen.rng, 0.03) {
                    act_on(deed, (object, tenant), 1.0, self.time, pen);
                    self.pause(1.5, pen);
                }
            }
            if bout.special && nth == 0 {
                self.rotate(pen);
            }
            self.pause(40.0, pen);
        }
    }

    /// The old credential asks for a new one, and is not used again.
    fn rotate(&mut self, pen: &mut Pen<'_>) {
        let next = pen.setting.credential + 1;
        let act = Act::Deed {
            deed: &ROTATE,
            object: next as u32,
            tenant: 0,
        };
        pen.write_as(self.time, act, 0, End::Success);
        pen.setting.credential = next;
        self.pause(10.0, pen);
    }

    fn work(&mut self, steps: &[&'static Deed; 3], count: u32, pen: &mut Pen<'_>) {
        for nth in 0..count {
            // Forward through the steps; the last one once, at the end.
            let at = (nth as usize * 2 / count.max(1) as usize).min(1);
            self.step(steps[at], 12.0, pen);
        }
        self.step(steps[2], 5.0, pen);
    }

    fn step(&mut self, deed: &'static Deed, pause: f64, pen: &mut Pen<'_>) {
        if std::ptr::eq(deed, &NIGHT_EXPORT) {
            act_on(
                deed,
                (0, self.native.tenants.0),
                self.season,
                self.time,
                pen,
            );
        } else {
            act(self.native, deed, self.time, pen);
        }
        self.pause(pause, pen);
    }

    fn pause(&mut self, seconds: f64, pen: &mut Pen<'_>) {
        self.time += 300 + exponential(&mut pen.rng, seconds * SECOND as f64) as i64;
    }
}
