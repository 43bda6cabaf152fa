//! A stolen machine credential stays inside its own endpoints, but goes through them as a person with
//! a script does: enumerating, out of the habitual order, over a few dozen calls.

use rand::RngExt as _;

use super::Scene;
use crate::behave::{own_object, own_tenant, success};
use crate::clock::{MINUTE, SECOND};
use crate::draft::{Act, End};
use crate::profile::{Client, ClientSort, Cron, Profile, Role};
use crate::random::chance;

pub(super) fn suits(who: &Profile, variant: u32) -> bool {
    match &who.role {
        Role::Client(client) => match variant {
            0 => client.sort == ClientSort::Service,
            1 => false,
            _ => client.sort != ClientSort::Service,
        },
        Role::Cron(_) => variant == 1,
        _ => false,
    }
}

pub(super) fn plan(scene: &mut Scene<'_>) -> Option<String> {
    match &scene.who.role {
        Role::Client(client) => gateway(scene, client),
        Role::Cron(cron) => cloud(scene, cron),
        _ => None,
    }
}

fn gateway(scene: &mut Scene<'_>, client: &Client) -> Option<String> {
    let moment = scene.moment(|_| true)?;
    let elsewhere = scene.variant == 2;
    let city = scene.take_over(&moment, elsewhere);
    let calls = scene.amount(28, 70);
    let mut time = moment.start + scene.pen.rng.random_range(3..20) * MINUTE;
    let routes = client.api.routes;
    let tenant = own_tenant(client, &mut scene.pen.rng);
    let first = own_object(client, &mut scene.pen.rng);
    for nth in 0..calls as usize {
        // Each endpoint for many records in turn, the last one first.
        let block = nth * routes.len() / calls as usize;
        let stray = chance(&mut scene.pen.rng, 0.1);
        let index = if stray {
            nth % routes.len()
        } else {
            routes.len() - 1 - block
        };
        let route = &routes[index];
        let status = success(route);
        let act = Act::Http {
            route,
            object: first + nth as u32,
            tenant,
            status,
        };
        scene.pen.write_as(time, act, route.bytes, End::Success);
        time += scene.pause(5.0);
    }
    Some(format!(
        "{calls} calls to the client's own endpoints from {city}, in no order it ever had"
    ))
}

fn cloud(scene: &mut Scene<'_>, cron: &Cron) -> Option<String> {
    let moment = scene.moment(|_| true)?;
    let city = scene.take_over(&moment, false);
    let calls = scene.amount(28, 60);
    let mut time = moment.start + scene.pen.rng.random_range(3..20) * MINUTE;
    let steps = cron.job.steps;
    for nth in 0..calls as usize {
        let call = steps[(steps.len() * 2 - 1 - nth % steps.len()) % steps.len()];
        let object = 500 + nth as u32;
        scene.pen.write_as(
            time,
            Act::Aws {
                call,
                object,
                account: 0,
            },
            call.bytes,
            End::Success,
        );
        time += SECOND + scene.pause(4.0);
    }
    Some(format!(
        "{calls} calls of the job's own operations from {city}, backwards"
    ))
}
