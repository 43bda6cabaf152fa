//! Callers of the API gateway: service accounts, pipelines and partners.
//!
//! Each calls a few endpoints in a habitual order, with now and then a step left out or tried
//! again. Service accounts poll day and night, pipelines run when people work, partners call in
//! their business hours and run a batch at night that grows at the end of the month.

use rand::RngExt as _;

use super::{Bout, Pen};
use crate::catalogue::gateway::Route;
use crate::clock::{DAY, HOUR, MINUTE, SECOND, offset};
use crate::draft::{Act, End, Setting};
use crate::profile::{Client, ClientSort, Profile, place_index, quarter};
use crate::random::{Purpose, Rng, chance, exponential, hash, lognormal, poisson, rng, share};
use crate::world::{Broken, REGIONS, STANDBY_SHARE, World};

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    client: &Client,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    let period = match client.sort {
        ClientSort::Service => client.period,
        ClientSort::Pipeline | ClientSort::Partner => HOUR,
    };
    let first = (from - client.offset - HOUR).div_euclid(period);
    let last = (to - client.offset).div_euclid(period);
    for nth in first..=last {
        let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, nth);
        let spread = match client.sort {
            ClientSort::Service => 20 * SECOND,
            ClientSort::Pipeline | ClientSort::Partner => 50 * MINUTE,
        };
        let start = nth * period + client.offset + rng.random_range(0..spread);
        let day = start.div_euclid(DAY);
        if !(from..to).contains(&start) || !who.is_there(day) {
            continue;
        }
        let (flows, special) = demand(world, client, start);
        let flows = poisson(&mut rng, flows * who.activity * world.scale);
        // A poll without work is still a poll.
        let polls = client.sort == ClientSort::Service && chance(&mut rng, world.scale);
        let least = u32::from(polls);
        if flows.max(least) == 0 {
            continue;
        }
        out.push(Bout {
            start,
            number: nth,
            length: if special { 20 * MINUTE } else { 4 * MINUTE },
            work: flows.max(least),
            begins_session: false,
            ends_session: false,
            special,
            setting: setting(world, who, client, start, &mut rng),
        });
    }
}

/// How often the habitual order is gone through in this hour, and whether it is a batch.
fn demand(world: &World, client: &Client, start: i64) -> (f64, bool) {
    let day = start.div_euclid(DAY);
    let facts = world.facts(day);
    let workday = facts.weekday < 5;
    match client.sort {
        ClientSort::Service => {
            let hour = start.rem_euclid(DAY) / HOUR;
            let by_day = if (7..20).contains(&hour) { 1.3 } else { 0.8 };
            (0.6 * by_day * client.period as f64 / HOUR as f64, false)
        }
        ClientSort::Pipeline => {
            let hour = start.rem_euclid(DAY) / HOUR;
            let people_work = workday && (7..19).contains(&hour);
            (if people_work { 0.8 } else { 0.04 }, false)
        }
        ClientSort::Partner => {
            let place = usize::from(client.place);
            let hour = (start + offset(place, day)).rem_euclid(DAY) / HOUR;
            match hour {
                2 => (6.0 * facts.season * facts.season, true),
                8..18 if workday => (1.2 * facts.season, false),
                _ => (0.0, false),
            }
        }
    }
}

fn setting(world: &World, who: &Profile, client: &Client, start: i64, rng: &mut Rng) -> Setting {
    let own = hash([who.seed, who.index.into(), 51]);
    let away = world.is_failed_over(who.index.into(), start) || chance(rng, STANDBY_SHARE);
    let (region, place, host) = match client.sort {
        ClientSort::Service => {
            let region = if away {
                client.second_region
            } else {
                client.region
            };
            (
                region,
                place_index(REGIONS[usize::from(region)].1),
                3 + own % 5 * 2 + rng.random_range(0..2),
            )
        }
        // Hosted runners: any of a pool.
        ClientSort::Pipeline => (0, place_index(REGIONS[0].1), 20 + rng.random_range(0..8)),
        ClientSort::Partner => (0, client.place, 1 + own % 3),
    };
    Setting {
        place,
        host: host as u16,
        region,
        credential: credential(who, client, start),
        ..Setting::default()
    }
}

/// The number of the credential in use: of today, or of the months between two rotations.
pub(crate) fn credential(who: &Profile, client: &Client, time: i64) -> u64 {
    let day = time.div_euclid(DAY);
    let generation = match client.sort {
        ClientSort::Service if client.daily_token => day,
        _ => quarter(day, client.rotates_on),
    };
    hash([who.seed, who.index.into(), generation as u64, 52])
}

pub(super) fn perform(
    world: &World,
    who: &Profile,
    client: &Client,
    bout: &Bout,
    pen: &mut Pen<'_>,
) {
    let released = bout.start >= world.release(who.service());
    let mut caller = Caller {
        world,
        client,
        time: bout.start,
    };
    let gap = bout.length as f64 / f64::from(bout.work + 1);
    for _ in 0..bout.work {
        let tenant = own_tenant(client, &mut pen.rng);
        let object = own_object(client, &mut pen.rng);
        for index in client.api.flow {
            if chance(&mut pen.rng, 0.03) {
                continue;
            }
            caller.call(&client.api.routes[usize::from(*index)], object, tenant, pen);
        }
        // What is in no habit but happens.
        if chance(&mut pen.rng, 0.05) {
            let index = pen.rng.random_range(0..client.api.routes.len());
            caller.call(&client.api.routes[index], object, tenant, pen);
        }
        if released && chance(&mut pen.rng, 0.4) {
            caller.call(&client.api.release, object, tenant, pen);
        }
        caller.time += exponential(&mut pen.rng, gap) as i64;
    }
}

/// One of the tenants that a client serves.
pub(crate) fn own_tenant(client: &Client, rng: &mut Rng) -> u32 {
    let (first, count) = client.tenants;
    first + rng.random_range(0..count)
}

/// One of the records that a client deals with.
pub(crate) fn own_object(client: &Client, rng: &mut Rng) -> u32 {
    client.objects + rng.random_range(0..400)
}

struct Caller<'a> {
    world: &'a World,
    client: &'a Client,
    time: i64,
}

impl Caller<'_> {
    /// One request, and those that a failure brings after it.
    fn call(&mut self, route: &'static Route, object: u32, tenant: u32, pen: &mut Pen<'_>) {
        let down = self.world.is_broken(Broken::Gateway, self.time);
        let mut tries = 0;
        while tries < 3 && chance(&mut pen.rng, if down { 0.7 } else { 0.004 }) {
            let act = Act::Http {
                route,
                object,
                tenant,
                status: 503,
            };
            pen.write_as(self.time, act, 180, End::Failure);
            tries += 1;
            self.time += (SECOND << tries) + exponential(&mut pen.rng, SECOND as f64) as i64;
        }
        if tries == 3 {
            return;
        }
        let draw = share(pen.rng.random());
        let missing = route.path.contains("{id}") && draw < 0.006;
        let status = if missing { 404 } else { success(route) };
        let end = if missing { End::Failure } else { End::Success };
        let bytes = lognormal(&mut pen.rng, f64::from(route.bytes), 0.4) as u32;
        pen.write_as(
            self.time,
            Act::Http {
                route,
                object,
                tenant,
                status,
            },
            bytes,
            end,
        );
        let pause = match self.client.sort {
            ClientSort::Pipeline => 6.0,
            ClientSort::Service | ClientSort::Partner => 1.2,
        };
        self.time += 80 + exponential(&mut pen.rng, pause * SECOND as f64) as i64;
    }
}

/// The status of a call that went well.
pub(crate) fn success(route: &Route) -> u16 {
    match route.method() {
        "POST" => 201,
        "DELETE" => 204,
        _ => 200,
    }
}
