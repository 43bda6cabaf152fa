//! A harvest: the identity's own reading endpoints, many times its usual volume, over records,
//! tenants or accounts that were never its business.

use rand::RngExt as _;

use super::Scene;
use crate::catalogue::aws::{AwsCall, GET_OBJECT, LIST_OBJECTS, QUERY, SCAN};
use crate::catalogue::gateway::Route;
use crate::catalogue::tools::Tool;
use crate::clock::MINUTE;
use crate::draft::{Act, End};
use crate::profile::{Agent, Client, Cron, Profile, Role};
use crate::random::{chance, lognormal};
use crate::world::ACCOUNTS;
use plumbline_schemas::event::ActionClass;

pub(super) fn suits(who: &Profile, variant: u32) -> bool {
    match variant {
        0 => matches!(&who.role, Role::Client(client) if serves_tenants(client)),
        1 => matches!(who.role, Role::Cron(_)),
        _ => matches!(who.role, Role::Agent(_)),
    }
}

fn serves_tenants(client: &Client) -> bool {
    let mut routes = client.api.routes.iter();
    routes.any(|route| route.path.contains("{tenant}"))
}

pub(super) fn plan(scene: &mut Scene<'_>) -> Option<String> {
    match &scene.who.role {
        Role::Client(client) => gateway(scene, client),
        Role::Cron(cron) => cloud(scene, cron),
        Role::Agent(agent) => tools(scene, agent),
        _ => None,
    }
}

fn gateway(scene: &mut Scene<'_>, client: &Client) -> Option<String> {
    let moment = scene.moment(|_| true)?;
    let city = scene.take_over(&moment, false);
    let calls = scene.amount(350, 1_100);
    let tenants = scene.pen.rng.random_range(8..40);
    let reads: Vec<&'static Route> = client
        .api
        .routes
        .iter()
        .filter(|route| route.class() == ActionClass::Read)
        .collect();
    let mut time = moment.start + scene.pen.rng.random_range(2..15) * MINUTE;
    for nth in 0..calls {
        // A list, then its records, tenant after tenant.
        let index = if nth % 12 == 0 { 0 } else { 1 % reads.len() };
        let tenant = 9_000 + nth * tenants / calls;
        let refused = chance(&mut scene.pen.rng, 0.02);
        let (status, end) = if refused {
            (403, End::Denied)
        } else {
            (200, End::Success)
        };
        let route = reads[index];
        let bytes = lognormal(&mut scene.pen.rng, f64::from(route.bytes), 0.4) as u32;
        scene.pen.write_as(
            time,
            Act::Http {
                route,
                object: 10_000 + nth,
                tenant,
                status,
            },
            bytes,
            end,
        );
        time += scene.pause(2.0);
    }
    Some(format!(
        "{calls} reads from {city}, the client's own host, across {tenants} tenants that it never served"
    ))
}

fn cloud(scene: &mut Scene<'_>, cron: &Cron) -> Option<String> {
    let moment = scene.moment(|_| true)?;
    let city = scene.take_over(&moment, false);
    let calls = scene.amount(300, 800);
    let own = cron
        .job
        .steps
        .iter()
        .copied()
        .find(|call| call.class == ActionClass::Read);
    let usual: &AwsCall = own.unwrap_or(&GET_OBJECT);
    let accounts = ACCOUNTS.len() as u32 - 1;
    let mut time = moment.start + scene.pen.rng.random_range(2..15) * MINUTE;
    for nth in 0..calls {
        let call = match nth % 25 {
            0 => &LIST_OBJECTS,
            1 => &SCAN,
            2 => &QUERY,
            _ => usual,
        };
        let account = 1 + (nth * accounts / calls) as u8;
        let bytes = lognormal(&mut scene.pen.rng, f64::from(call.bytes) * 6.0, 0.5) as u32;
        scene.pen.write_as(
            time,
            Act::Aws {
                call,
                object: nth,
                account,
            },
            bytes,
            End::Success,
        );
        time += 500 + scene.pause(2.5);
    }
    Some(format!(
        "{calls} reads from {city} across {accounts} accounts that are not the job's"
    ))
}

fn tools(scene: &mut Scene<'_>, agent: &Agent) -> Option<String> {
    let moment = scene.moment(|bout| bout.work >= 3)?;
    scene.take_over(&moment, false);
    let calls = scene.amount(150, 400);
    let reads: Vec<&'static Tool> = agent
        .objective
        .steps
        .iter()
        .copied()
        .filter(|tool| tool.class == ActionClass::Read)
        .collect();
    let mut time = moment.start + 20_000;
    for nth in 0..calls {
        let tool = reads[nth as usize % reads.len().max(1)];
        let bytes = lognormal(&mut scene.pen.rng, f64::from(tool.bytes) * 2.0, 0.4) as u32;
        scene.pen.write_as(
            time,
            Act::Tool {
                tool,
                object: 20_000 + nth,
            },
            bytes,
            End::Success,
        );
        time += scene.pause(0.9);
    }
    Some(format!(
        "{calls} reads with the tools of one task within minutes"
    ))
}
