//! A machine's credential or an agent's task turns to what it never did: secrets, the list of
//! identities, endpoints and scopes outside its work.

use rand::RngExt as _;

use super::Scene;
use crate::catalogue::aws::{
    AwsCall, CALLER, CREATE_KEY, GET_ACCOUNT, GET_SECRET, LIST_BUCKETS, LIST_POLICIES, LIST_ROLES,
    LIST_SECRETS, LIST_USERS,
};
use crate::catalogue::gateway::SENSITIVE;
use crate::catalogue::tools::ELSEWHERE;
use crate::clock::{MINUTE, SECOND};
use crate::draft::{Act, End};
use crate::profile::{Profile, Role};
use crate::random::chance;

pub(super) fn suits(who: &Profile, variant: u32) -> bool {
    match variant {
        0 => matches!(who.role, Role::Cron(_)),
        1 => matches!(who.role, Role::Client(_)),
        _ => matches!(who.role, Role::Agent(_)),
    }
}

pub(super) fn plan(scene: &mut Scene<'_>) -> Option<String> {
    match scene.variant {
        0 => cloud(scene),
        1 => gateway(scene),
        _ => agent(scene),
    }
}

fn cloud(scene: &mut Scene<'_>) -> Option<String> {
    let moment = scene.moment(|_| true)?;
    let elsewhere = chance(&mut scene.pen.rng, 0.5);
    let city = scene.take_over(&moment, elsewhere);
    let mut time = moment.start + scene.pen.rng.random_range(2..30) * MINUTE;
    let looks: [&AwsCall; 7] = [
        &CALLER,
        &LIST_BUCKETS,
        &LIST_USERS,
        &LIST_ROLES,
        &LIST_POLICIES,
        &GET_ACCOUNT,
        &LIST_SECRETS,
    ];
    for call in looks {
        let denied = chance(&mut scene.pen.rng, 0.25);
        let end = if denied { End::Denied } else { End::Success };
        scene.pen.write_as(
            time,
            Act::Aws {
                call,
                object: 0,
                account: 0,
            },
            0,
            end,
        );
        time += scene.pause(9.0);
    }
    let secrets = scene.pen.rng.random_range(3..14);
    for object in 0..secrets {
        scene.pen.write(
            time,
            Act::Aws {
                call: &GET_SECRET,
                object,
                account: 0,
            },
        );
        time += scene.pause(4.0);
    }
    let object = scene.who.index;
    scene.pen.write_as(
        time,
        Act::Aws {
            call: &CREATE_KEY,
            object,
            account: 0,
        },
        0,
        End::Denied,
    );
    Some(format!(
        "the job's credentials list users, roles and policies from {city}, read {secrets} secrets and \
         try to make a key"
    ))
}

fn gateway(scene: &mut Scene<'_>) -> Option<String> {
    let moment = scene.moment(|_| true)?;
    let elsewhere = chance(&mut scene.pen.rng, 0.5);
    let city = scene.take_over(&moment, elsewhere);
    let mut time = moment.start + scene.pen.rng.random_range(2..30) * MINUTE;
    let rounds = scene.pen.rng.random_range(2..5);
    for round in 0..rounds {
        for route in SENSITIVE {
            let refused = chance(&mut scene.pen.rng, 0.35);
            let (status, end) = match (refused, route.method()) {
                (true, _) => (403, End::Denied),
                (false, "POST") => (201, End::Success),
                (false, _) => (200, End::Success),
            };
            let act = Act::Http {
                route,
                object: 7_000 + round,
                tenant: 0,
                status,
            };
            scene
                .pen
                .write_as(time, act, if refused { 120 } else { route.bytes }, end);
            time += scene.pause(6.0);
        }
    }
    Some(format!(
        "the client's credential reads secrets, users, roles and keys from {city} in {rounds} rounds"
    ))
}

fn agent(scene: &mut Scene<'_>) -> Option<String> {
    let moment = scene.moment(|bout| bout.work >= 3)?;
    scene.take_over(&moment, false);
    // In the middle of the task.
    let mut time = moment.start + 25 * SECOND;
    let rounds = scene.pen.rng.random_range(2..5);
    for round in 0..rounds {
        for tool in ELSEWHERE {
            let end = if chance(&mut scene.pen.rng, 0.2) {
                End::Denied
            } else {
                End::Success
            };
            scene.pen.write_as(
                time,
                Act::Tool {
                    tool,
                    object: 50 + round,
                },
                tool.bytes,
                end,
            );
            time += scene.pause(7.0);
        }
    }
    Some(
        "the agent leaves its objective for the vault, the list of identities and an export"
            .to_owned(),
    )
}
