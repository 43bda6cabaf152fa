//! The log events of Claude Code, which it exports by OpenTelemetry. The table stands in [`otel`](super::otel).

use std::borrow::Cow;

use super::otel::place;
use super::otel_values::{Attributes, value};
use super::read::{Node, Opening, Refusal, open, required_instant};
use super::secret::fingerprint;
use super::{Source, agent_tools, http};
use crate::event::{ActionClass, Delegate, Event, EventKind, IdentityKind, Outcome};
use crate::known::Text;
use crate::time::EventTime;

const PREFIX: &str = "claude_code.";
const AGENT: &str = "claude-code";

/// One log record; whatever is not of Claude Code is skipped.
pub(super) fn read<'v>(
    record: Node<'v>,
    resource: Attributes<'v>,
    source: Source<'v>,
) -> Result<Vec<Event<'v>>, Refusal> {
    let own = Attributes::new(record.get("attributes"));
    let name = name(record, &own, &resource).ok_or(Refusal::Skip("not a log of an agent"))?;
    let either = |names: &[&'static str]| own.first(names).or_else(|| resource.first(names));
    let user = either(&[
        "user.account_uuid",
        "user.account_id",
        "user.id",
        "user.email",
    ]);
    let time = time(record, &own)?;
    let session = either(&["session.id"]);
    let sequence = own.text("event.sequence");
    let id = match (&session, sequence) {
        // A session that is resumed may count from the start again.
        (Some(session), Some(sequence)) => format!("{session}/{sequence}/{}", time.as_millis()),
        _ => fingerprint(&record.canonical()),
    };
    let asked = own.get("tool_parameters").embedded(Asked::of);
    let asked = asked.unwrap_or_default();
    let tool = tool(&own, asked.tool);
    let (kind, class, outcome) = meaning(&name, &own, tool.as_deref());
    let opening = Opening {
        id: id.into(),
        time,
        kind,
        identity: match &user {
            Some(user) => format!("{AGENT}/{user}").into(),
            None => Cow::Borrowed(AGENT),
        },
        identity_kind: IdentityKind::AiAgent,
        action: match &tool {
            Some(tool) => format!("tool:{tool}").into(),
            None => name.clone(),
        },
    };
    let organisation = either(&["organization.id"]);
    let tenant = source.tenant.map(Cow::Borrowed).or(organisation);
    let mut event = open("otel", tenant, opening);
    event.session.id = session;
    event.task.id = own.text("prompt.id");
    event.task.objective = own
        .text("prompt")
        .filter(|prompt| name == "user_prompt" && prompt != "<REDACTED>");
    place(&mut event, &resource);
    event.action.class = class.into();
    event.action.outcome = outcome.into();
    event.action.status = own.get("status_code").count();
    event.action.bytes_out = own.get("tool_result_size_bytes").count();
    event.action.resource = resource_of(&name, &own, asked.resource);
    event.delegation.extend(user.map(|id| Delegate {
        id,
        kind: IdentityKind::Human.into(),
    }));
    Ok(vec![event])
}

/// The event's name without its prefix.
fn name<'v>(record: Node<'v>, own: &Attributes<'v>, resource: &Attributes<'v>) -> Option<Text<'v>> {
    let names = [
        record.get("eventName").text(),
        value(record.get("body")).text(),
        own.text("event.name"),
    ];
    let prefixed = names
        .iter()
        .flatten()
        .find_map(|name| name.strip_prefix(PREFIX));
    if let Some(name) = prefixed {
        return Some(name.to_owned().into());
    }
    let is_own = resource
        .text("service.name")
        .is_some_and(|name| name == AGENT);
    own.text("event.name").filter(|_| is_own)
}

fn time(record: Node<'_>, own: &Attributes<'_>) -> Result<EventTime, Refusal> {
    let times = [
        record.get("timeUnixNano").moment(),
        own.get("event.timestamp").moment(),
        record.get("observedTimeUnixNano").moment(),
    ];
    let found = times.into_iter().flatten().next();
    found.map_or_else(|| required_instant(record, &["timeUnixNano"]), Ok)
}

/// What the parameters of a tool say, which are JSON in a string.
#[derive(Default)]
struct Asked {
    tool: Option<String>,
    resource: Option<String>,
}

impl Asked {
    fn of(parameters: Node<'_>) -> Self {
        const RESOURCES: [&str; 5] = [
            "file_path",
            "notebook_path",
            "url",
            "path",
            "mcp_server_name",
        ];
        // A tool's own parameters do not drift: nobody says what they are.
        let parameters = parameters.value().map_or(Node::ABSENT, Node::from);
        let named = |name: &'static str| parameters.get(name).short().map(Cow::into_owned);
        let of_server = named("mcp_server_name").zip(named("mcp_tool_name"));
        Self {
            tool: of_server.map(|(server, tool)| format!("mcp__{server}__{tool}")),
            resource: RESOURCES.into_iter().find_map(named),
        }
    }
}

/// The tool that was used or asked for. Of a tool of an MCP server only the parameters tell which.
fn tool<'v>(own: &Attributes<'v>, asked: Option<String>) -> Option<Text<'v>> {
    asked.map(Cow::Owned).or_else(|| own.text("tool_name"))
}

fn meaning(
    name: &str,
    own: &Attributes<'_>,
    tool: Option<&str>,
) -> (EventKind, ActionClass, Option<Outcome>) {
    let of_tool = tool.map_or(ActionClass::Other, agent_tools::class);
    let decision = own.text("decision");
    let refused = matches!(decision.as_deref(), Some("reject" | "deny" | "denied"));
    let failed = own.get("success").truth() == Some(false);
    let result = if refused {
        Outcome::Denied
    } else if failed {
        Outcome::Failure
    } else {
        Outcome::Success
    };
    match name {
        "tool_result" => (EventKind::Api, of_tool, Some(result)),
        "tool_decision" => {
            let by_user = own
                .text("source")
                .is_some_and(|source| source.starts_with("user"));
            // A person who says no to a tool guides the agent; that is no request that was refused.
            if by_user && !refused {
                (EventKind::Admin, ActionClass::Approval, Some(result))
            } else {
                (EventKind::Api, ActionClass::Other, Some(result))
            }
        }
        "user_prompt" if own.text("prompt.id").is_some() => {
            (EventKind::Session, ActionClass::TaskStart, None)
        }
        "permission_mode_changed" => {
            let mode = own.first(&["to_mode", "mode"]);
            let trigger = own.text("trigger");
            let by_user = matches!(trigger.as_deref(), Some("user" | "shift_tab"));
            match mode.as_deref() {
                // It asks as before, or before all else.
                Some("default" | "plan") | None => (EventKind::Session, ActionClass::Other, None),
                // Who sits there lets it edit: nobody else could.
                Some("acceptEdits") if by_user => (EventKind::Session, ActionClass::Other, None),
                Some(_) => (EventKind::Admin, ActionClass::Privilege, None),
            }
        }
        "auth" => {
            let out = own.text("action").is_some_and(|action| action == "logout");
            let class = if out {
                ActionClass::Logout
            } else {
                ActionClass::Login
            };
            (EventKind::Auth, class, Some(result))
        }
        "api_error" => {
            let status = own.get("status_code").count().map(http::outcome);
            let denied = status.filter(|outcome| *outcome == Outcome::Denied);
            (
                EventKind::Api,
                ActionClass::Other,
                Some(denied.unwrap_or(Outcome::Failure)),
            )
        }
        _ => (EventKind::Api, ActionClass::Other, Some(result)),
    }
}

fn resource_of<'v>(name: &str, own: &Attributes<'v>, asked: Option<String>) -> Option<Text<'v>> {
    asked.map(Cow::Owned).or_else(|| match name {
        "permission_mode_changed" => own.first(&["to_mode", "mode"]),
        "mcp_server_connection" => own.first(&["server_name", "mcp_server_name"]),
        _ => own.text("model"),
    })
}
