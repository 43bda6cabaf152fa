//! AI agents: tasks that a person gives them, each within an approved objective.
//!
//! A task begins, its tools are called in about the habitual order, it ends. Where an objective ends
//! in something weighty, a person approves it first.

use rand::RngExt as _;

use super::{Bout, Pen};
use crate::catalogue::tools::{APPROVED, FINISH, START, Tool};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::draft::{Act, End, Setting};
use crate::profile::{Agent, Profile, place_index};
use crate::random::{Purpose, chance, exponential, hash, lognormal, poisson, rng};
use crate::world::{REGIONS, World};

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    agent: &Agent,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    for day in from.div_euclid(DAY)..=to.div_euclid(DAY) {
        let weekday = world.facts(day).weekday;
        let mut rng = rng(world.seed(), who.index.into(), Purpose::Day, day);
        let usual = if weekday < 5 {
            agent.tasks
        } else {
            agent.tasks * 0.15
        };
        let tasks = poisson(&mut rng, usual * who.activity * world.scale).min(500);
        for nth in 0..i64::from(tasks) {
            let start = day * DAY + rng.random_range(7 * HOUR..17 * HOUR);
            let work = 2 + poisson(&mut rng, 4.0);
            if !(from..to).contains(&start) || !who.is_there(day) {
                continue;
            }
            let number = day * 512 + nth;
            let task = hash([who.seed, who.index.into(), number as u64, 61]);
            let setting = Setting {
                place: place_index(REGIONS[usize::from(agent.region)].1),
                host: 18 + (who.index / 20 % 2) as u16,
                region: agent.region,
                session: task,
                session_start: start,
                credential: hash([who.seed, who.index.into(), day as u64, 62]),
                task,
                ..Setting::default()
            };
            out.push(Bout {
                start,
                number,
                length: 9 * MINUTE,
                work,
                begins_session: true,
                ends_session: true,
                special: false,
                setting,
            });
        }
    }
}

pub(super) fn perform(_: &World, who: &Profile, agent: &Agent, bout: &Bout, pen: &mut Pen<'_>) {
    let steps = agent.objective.steps;
    let mut time = bout.start;
    let object = pen.rng.random_range(1_000..9_000);
    pen.write(
        time,
        Act::Tool {
            tool: &START,
            object: 0,
        },
    );
    for nth in 0..bout.work.max(steps.len() as u32 - 1) {
        time += SECOND + exponential(&mut pen.rng, 18.0 * SECOND as f64) as i64;
        // Forward through the steps, with a look back now and then.
        let at = (nth as usize * steps.len() / bout.work.max(1) as usize).min(steps.len() - 1);
        let back = usize::from(chance(&mut pen.rng, 0.15));
        use_tool(steps[at.saturating_sub(back)], time, object + nth / 3, pen);
    }
    if let Some(tool) = agent
        .objective
        .approved
        .filter(|_| who.index > 0 && bout.work.is_multiple_of(4))
    {
        time += 40 * SECOND + exponential(&mut pen.rng, 90.0 * SECOND as f64) as i64;
        pen.write(
            time,
            Act::Tool {
                tool: &APPROVED,
                object: 0,
            },
        );
        // With the approval comes a token for what is approved.
        pen.setting.authenticated = time;
        time += 5 * SECOND;
        use_tool(tool, time, object, pen);
    }
    time += 2 * SECOND;
    pen.write(
        time,
        Act::Tool {
            tool: &FINISH,
            object: 0,
        },
    );
}

/// A tool call that works, mostly.
pub(crate) fn use_tool(tool: &'static Tool, time: i64, object: u32, pen: &mut Pen<'_>) {
    let end = if chance(&mut pen.rng, 0.01) {
        End::Failure
    } else {
        End::Success
    };
    let bytes = lognormal(&mut pen.rng, f64::from(tool.bytes), 0.5) as u32;
    pen.write_as(time, Act::Tool { tool, object }, bytes, end);
}
