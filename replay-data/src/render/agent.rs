//! AI agents, whose runtime writes native events itself.

use plumbline_schemas::event::{ActionClass, CredentialKind, Delegate, Event, IdentityKind};
use plumbline_schemas::time::EventTime;

use super::{Opening, open, some, time};
use crate::catalogue::names::uuid;
use crate::catalogue::tools::{Tool, VAULT};
use crate::clock::HOUR;
use crate::draft::Draft;
use crate::profile::{Profile, Role};
use crate::random::hash;
use crate::world::{REGIONS, World};

pub(super) fn event(
    world: &World,
    who: &Profile,
    draft: &Draft,
    tool: &'static Tool,
    object: u32,
) -> Event<'static> {
    let opening = Opening {
        id: format!("agt-{}", uuid(draft.nonce)),
        time: draft.time,
        kind: tool.kind,
        source: "native",
        identity: who.id(),
        identity_kind: IdentityKind::AiAgent,
        action: tool.name,
        class: tool.class,
        end: draft.end,
    };
    let mut event = open(who, opening);
    let setting = draft.setting;
    let started = EventTime::from_millis(setting.session_start);
    event.session.id = some(format!("run-{:016x}", setting.session));
    event.session.started_at = Some(started);
    event.session.authenticated_at = time(setting.authenticated);
    event.session.expires_at = Some(started.plus_millis(HOUR));
    event.credential.id = some(uuid(setting.credential));
    event.credential.kind = CredentialKind::AccessToken.into();
    event.workload.runtime = some("agent-runtime");
    event.workload.environment = some("agents");
    event.workload.region = some(REGIONS[usize::from(setting.region)].0);
    event.task.id = some(format!("task-{:012x}", setting.task >> 16));
    let Role::Agent(agent) = &who.role else {
        return event;
    };
    event.task.objective = some(agent.objective.words);
    event.task.allowed = agent
        .objective
        .allowed
        .iter()
        .map(|glob| (*glob).into())
        .collect();
    if world.options.catalogue {
        let host = who.index / 20 % 2;
        event.workload.host = some(format!("agent-host-{host}"));
        event.device.id = some(format!(
            "enclave-{:08x}",
            hash([who.index.into(), 93]) >> 32
        ));
    }
    // Nobody stands behind an audit.
    let owner = match std::ptr::eq(agent.objective, &VAULT) {
        true => None,
        false => world.profiles.get(agent.owner as usize),
    };
    if let Some(owner) = owner {
        event.delegation.push(Delegate {
            id: owner.id().into(),
            kind: IdentityKind::Human.into(),
        });
    }
    if !tool.scope.is_empty() {
        event.action.scopes.push(tool.scope.into());
        event.credential.scopes.push(tool.scope.into());
    }
    if draft.bytes > 0 {
        event.action.bytes_out = Some(draft.bytes.into());
    }
    let is_bound = matches!(
        tool.class,
        ActionClass::TaskStart | ActionClass::TaskEnd | ActionClass::Approval
    );
    if !is_bound {
        let area = tool
            .name
            .trim_start_matches("tool:")
            .split('.')
            .next()
            .unwrap_or_default();
        event.action.resource = some(format!("{area}/{object}"));
    }
    event
}
