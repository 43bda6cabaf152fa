//! Ordinary lives: what an identity of some kind does in weeks in which nothing happens.
//!
//! | life | who |
//! |---|---|
//! | [`Person`] | works on weekdays with laptop and phone, and now and then in a console |
//! | [`Machine`] | a service, pipeline, job or workload: the same steps at its own pace |
//! | [`Agent`] | an AI agent that gets tasks and calls tools |

mod agent;
mod machine;
mod person;

pub use agent::Agent;
pub use machine::{Machine, Pace};
pub use person::Person;

use crate::clock::SECOND;
use crate::{Actor, Story};

/// A class and a name: one thing that is done.
pub type Step = (&'static str, &'static str);

/// Does these steps in order from a time on, some seconds apart; tells the ids of the events.
pub fn acts(story: &mut Story, actor: &Actor, from: i64, steps: &[Step]) -> Vec<String> {
    let mut time = from;
    let mut ids = Vec::with_capacity(steps.len());
    for (class, name) in steps {
        let bytes = story.dice.about(2000, 40);
        ids.push(story.add(actor.does(class, name).bytes(bytes).at(time)));
        time += story.dice.between(2, 9) * SECOND;
    }
    ids
}
