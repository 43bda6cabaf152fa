//! A pipeline's key is used from a runner outside the environments where it may run.

use plumbline_schemas::command::Action::{Narrow, RevokeCredential, StepUp};

use super::tale::{Tale, ms};
use super::{Row, Variant, pipeline};
use crate::catalogue::deeds::{BUILD, CI_DEPLOY};
use crate::clock::MINUTE;

pub(super) const ROW: Row = Row {
    id: "A1",
    variants: &[
        Variant {
            name: "another environment",
            accepts: &[Narrow, StepUp, RevokeCredential],
            suits: pipeline,
            attack: |tale| build(tale, Some(("partner-runners", "self-hosted")), "Warsaw"),
            twin_suits: pipeline,
            twin: |tale| build(tale, None, ""),
        },
        Variant {
            name: "a developer's laptop",
            accepts: &[Narrow, StepUp, RevokeCredential],
            suits: pipeline,
            attack: |tale| build(tale, Some(("laptops", "shell")), "Berlin"),
            twin_suits: pipeline,
            twin: |tale| build(tale, None, ""),
        },
    ],
};

fn build(tale: &mut Tale<'_>, elsewhere: Option<(&str, &str)>, city: &str) -> Option<String> {
    let pattern = tale.pattern()?;
    let mut time = ms(&pattern) + 20 * MINUTE;
    let mut session = tale.fresh(&pattern, time);
    let environment = match elsewhere {
        Some((environment, runtime)) => {
            tale.stolen(&mut session, city);
            session.workload.environment = Some(environment.to_owned().into());
            session.workload.runtime = Some(runtime.to_owned().into());
            environment
        }
        // One more runner of the same pool.
        None => {
            session.workload.host = Some("runner-us-east-1-37".into());
            "its own environment, on a new runner"
        }
    };
    for deed in BUILD.into_iter().chain([&CI_DEPLOY]) {
        let event = tale.done(&session, time, deed, 3);
        tale.then(event);
        time += tale.about(20);
    }
    Some(format!("a build with the pipeline's key in {environment}"))
}
