//! `otel`: OpenTelemetry in OTLP's JSON, what agents do: spans with `gen_ai.*` or `mcp.*` attributes, and
//! the log events of Claude Code. `{"resourceSpans":[…]}`, `{"resourceLogs":[…]}`, one of their elements, or an
//! array of either.
//!
//! | event | span | event of Claude Code |
//! |---|---|---|
//! | `id` | `traceId/spanId` | `session.id/event.sequence` and the time, else a hash |
//! | `time` | `startTimeUnixNano` | `timeUnixNano`, else `observedTimeUnixNano`, `event.timestamp` |
//! | `kind` | `api` | `api`; `session` of `user_prompt`, `admin` of a person's decision, `auth` of `auth` |
//! | `identity` | the agent (`gen_ai.agent.id`, `.name`) of the span or of the nearest above it in the record, else `service.name` (`ai_agent`) | `claude-code/` and the user, because each user's agent does other work (`ai_agent`) |
//! | `session` | `gen_ai.conversation.id`, `session.id`, `mcp.session.id` | `session.id` |
//! | `task` | `gen_ai.conversation.id` | `prompt.id`; the objective is the `prompt`, where it is logged |
//! | `action.name` | `tool:` and `gen_ai.tool.name`, else `mcp:` and `mcp.method.name`, else `gen_ai.operation.name` | `tool:` and `tool_name`, else the name of the event |
//! | `action.class` | of a tool by the words of its name ([`agent_tools`](super::agent_tools)); what reads of `mcp` | the same; `task_start`, `approval`, `privilege`, `login`, `logout` |
//! | `action.outcome` | `status.code`, `error.type` | `success`, `decision`; `api_error` is a failure |
//! | `action.resource` | `mcp.resource.uri`, `gen_ai.data_source.id`, `gen_ai.request.model` | of the tool's parameters file, URL or server; the model |
//! | `action.bytes_out` | none | `tool_result_size_bytes` |
//! | `network.ip` | `client.address` | none |
//! | `workload` | `deployment.environment.name`, `cloud.region`, `host.name` | the same |
//! | `tenant` | the source's | the source's, else `organization.id` |
//! | `delegation` | the agents above, then `user.id` or `enduser.id` | the user |
//!
//! What a person lets a tool do (`tool_decision` by `user_…`) is an `approval` under the agent, the
//! person in `delegation`; what a person refuses, and what the settings or a hook decide, is not. An agent that is let do more without
//! being asked (`permission_mode_changed`) gains a privilege.
//!
//! The span of an MCP server is the server's own, whoever called: without a user or an agent in it it is
//! skipped. So are other spans and logs, and metrics. Prompts, arguments and results of tools are not read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::agent_tools;
use super::otel_values::Attributes;
use super::read::{Node, Opening, Refusal, give, open, parse, required_instant};
use super::{Decoded, Format, Sink, Source, claude_code, http};
use crate::drift::Seen;
use crate::event::{ActionClass, Delegate, Event, EventKind, IdentityKind, Outcome};
use crate::json::{Arena, Json};
use crate::known::Text;
use crate::reject::{Reason, Reject};

/// OpenTelemetry's traces and logs.
pub(super) struct Otel;

impl Format for Otel {
    fn name(&self) -> &'static str {
        "otel"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        SIGNALS.iter().any(|signal| {
            record.get(signal.many).is_some_and(Json::is_array)
                || record.get(signal.scopes).is_some_and(Json::is_array)
        })
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        let arena = Arena::for_text(raw.len());
        match parse(raw, &arena) {
            Ok(record) => self.decode_parsed(&record, raw, source, sink),
            Err(reject) => sink(Decoded::Rejected(reject)),
        }
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        let root = Node::from(record);
        let mut any = false;
        if record.is_array() {
            for (index, payload) in root.elements().enumerate() {
                any = true;
                let place = format!("part {index} of the record: ");
                read_payload(payload, &place, raw.len(), source, sink);
            }
        } else {
            any = true;
            read_payload(root, "", raw.len(), source, sink);
        }
        if !any {
            sink(Decoded::Skipped("empty batch".into()));
        }
    }
}

/// How a sort of telemetry is nested.
struct Signal {
    many: &'static str,
    scopes: &'static str,
    items: &'static str,
}

const SPANS: Signal = Signal {
    many: "resourceSpans",
    scopes: "scopeSpans",
    items: "spans",
};
const LOGS: Signal = Signal {
    many: "resourceLogs",
    scopes: "scopeLogs",
    items: "logRecords",
};
const METRICS: Signal = Signal {
    many: "resourceMetrics",
    scopes: "scopeMetrics",
    items: "metrics",
};
const SIGNALS: [&Signal; 3] = [&SPANS, &LOGS, &METRICS];

/// The elements under a resource, each with the resource's attributes and its place in the payload.
fn items<'v>(payload: Node<'v>, signal: &Signal) -> Vec<(Attributes<'v>, Node<'v>, [usize; 3])> {
    let bare = payload.get(signal.scopes);
    let resources: Vec<Node<'v>> = if bare.is_array() {
        vec![payload]
    } else {
        payload.get(signal.many).elements().collect()
    };
    let mut found = Vec::new();
    for (resource_index, resource) in resources.into_iter().enumerate() {
        let attributes = Attributes::new(resource.at("resource.attributes"));
        for (scope_index, scope) in resource.get(signal.scopes).elements().enumerate() {
            for (index, item) in scope.get(signal.items).elements().enumerate() {
                found.push((
                    attributes.clone(),
                    item,
                    [resource_index, scope_index, index],
                ));
            }
        }
    }
    found
}

fn read_payload(
    payload: Node<'_>,
    before: &str,
    raw_bytes: usize,
    source: Source<'_>,
    sink: &mut Sink<'_>,
) {
    let signal = SIGNALS.into_iter().find(|signal| {
        payload.get(signal.many).is_array() || payload.get(signal.scopes).is_array()
    });
    let Some(signal) = signal else {
        let detail =
            format!("{before}expected resourceSpans or resourceLogs, as OTLP writes them in JSON");
        return sink(Decoded::Rejected(Reject::new(Reason::WrongFormat, detail)));
    };
    let envelope = Seen::default();
    let items = items(payload.noting(&envelope), signal);
    envelope.tell(Otel.name(), None, |drift| sink(Decoded::Drift(drift)));
    if items.is_empty() {
        return sink(Decoded::Skipped("empty batch".into()));
    }
    let family = Family::of(&items);
    for (resource, item, [a, b, c]) in items {
        let seen = Seen::default();
        let (resource, item) = (resource.noting(&seen), item.noting(&seen));
        let events = match signal.items {
            "spans" => read_span(item, resource, &family, source),
            "logRecords" => claude_code::read(item, resource, source),
            _ => Err(Refusal::Skip("a metric")),
        };
        let place = || {
            let Signal {
                many,
                scopes,
                items,
            } = signal;
            Some(format!("{before}{many}[{a}].{scopes}[{b}].{items}[{c}]"))
        };
        give(&Otel, events, &seen, raw_bytes, place, sink);
    }
}

/// The spans of a payload by their ids with the id of the one above and the attributes, for what a span inherits.
struct Family<'v>(BTreeMap<Text<'v>, Kin<'v>>);

struct Kin<'v> {
    parent: Option<Text<'v>>,
    attributes: Attributes<'v>,
}

/// Deeper than this nobody nests agents; a circle of parents must end.
const MAX_ANCESTORS: usize = 64;

impl<'v> Family<'v> {
    fn of(items: &[(Attributes<'v>, Node<'v>, [usize; 3])]) -> Self {
        let by_id = |(_, span, _): &(_, Node<'v>, _)| {
            let kin = Kin {
                parent: span.get("parentSpanId").text(),
                attributes: Attributes::new(span.get("attributes")),
            };
            Some((span.get("spanId").text()?, kin))
        };
        Self(items.iter().filter_map(by_id).collect())
    }

    /// The attributes of a span and of those above it, nearest first.
    fn line(&self, span: Node<'v>, own: Attributes<'v>) -> Vec<Attributes<'v>> {
        let above = |id: &Option<Text<'v>>| self.0.get(id.as_ref()?);
        let parents = std::iter::successors(above(&span.get("parentSpanId").text()), |kin| {
            above(&kin.parent)
        });
        let parents = parents.take(MAX_ANCESTORS - 1);
        std::iter::once(own)
            .chain(parents.map(|kin| kin.attributes.clone()))
            .collect()
    }
}

const SESSIONS: &[&str] = &["gen_ai.conversation.id", "session.id", "mcp.session.id"];
const USERS: &[&str] = &["user.id", "enduser.id"];

fn read_span<'v>(
    span: Node<'v>,
    resource: Attributes<'v>,
    family: &Family<'v>,
    source: Source<'v>,
) -> Result<Vec<Event<'v>>, Refusal> {
    let own = Attributes::new(span.get("attributes"));
    let (name, class) = action(&own).ok_or(Refusal::Skip("not a span of an agent"))?;
    let line = family.line(span, own.clone());
    let inherited = |names: &[&'static str]| line.iter().find_map(|above| above.first(names));
    let user = inherited(USERS).or_else(|| resource.first(USERS));
    let mut agents = agents(&line);
    let is_server = matches!(
        span.get("kind").text().as_deref(),
        Some("2" | "SPAN_KIND_SERVER")
    );
    let service = resource.text("service.name");
    let service = service.filter(|name| !is_server && !name.starts_with("unknown_service"));
    let (identity, identity_kind) = if agents.is_empty() {
        let service = service.map(|name| (name, IdentityKind::AiAgent));
        service
            .or_else(|| Some((user.clone()?, IdentityKind::Human)))
            .ok_or(Refusal::Skip("neither agent nor user is named"))?
    } else {
        (agents.remove(0), IdentityKind::AiAgent)
    };
    let (trace, id) = (span.get("traceId").text(), span.get("spanId").text());
    let id = id.ok_or_else(|| Refusal::missing("spanId", "expected the id of the span"))?;
    let opening = Opening {
        id: format!("{}/{id}", trace.unwrap_or_default()).into(),
        time: required_instant(span, &["startTimeUnixNano"])?,
        kind: EventKind::Api,
        identity,
        identity_kind,
        action: name,
    };
    let mut event = open("otel", source.tenant.map(Cow::Borrowed), opening);
    event.session.id = SESSIONS.iter().find_map(|name| inherited(&[name]));
    event.task.id = inherited(&["gen_ai.conversation.id"]);
    event.network.ip = own
        .get("client.address")
        .ip()
        .map(|ip| ip.to_string().into());
    event.device.user_agent = own.text("user_agent.original").filter(|_| is_server);
    place(&mut event, &resource);
    event.action.class = class.into();
    event.action.status = own.get("http.response.status_code").count();
    event.action.outcome = outcome(span, &own).into();
    event.action.resource = own.first(&[
        "mcp.resource.uri",
        "gen_ai.data_source.id",
        "gen_ai.request.model",
    ]);
    let agents = agents.into_iter().map(|id| (id, IdentityKind::AiAgent));
    let user = user.map(|id| (id, IdentityKind::Human));
    let behind = agents
        .chain(user)
        .filter(|(id, _)| *id != event.identity.id);
    event.delegation = behind
        .map(|(id, kind)| Delegate {
            id,
            kind: kind.into(),
        })
        .collect();
    Ok(vec![event])
}

/// The agents of a span and those above it, each once, nearest first.
fn agents<'v>(line: &[Attributes<'v>]) -> Vec<Text<'v>> {
    let mut agents: Vec<Text<'v>> = Vec::new();
    for above in line {
        let agent = above.first(&["gen_ai.agent.id", "gen_ai.agent.name"]);
        agents.extend(agent.filter(|agent| !agents.contains(agent)));
    }
    agents
}

/// Name and class of what was done; nothing where no agent did it.
fn action<'v>(own: &Attributes<'v>) -> Option<(Text<'v>, ActionClass)> {
    let operation = own.text("gen_ai.operation.name");
    let method = own.text("mcp.method.name");
    let tool = own.first(&["gen_ai.tool.name", "mcp.tool.name"]);
    let calls = matches!(operation.as_deref(), None | Some("execute_tool"))
        && matches!(method.as_deref(), None | Some("tools/call"));
    if let Some(tool) = tool.filter(|_| calls) {
        let class = agent_tools::class(&tool);
        return Some((format!("tool:{tool}").into(), class));
    }
    if let Some(method) = method {
        let reads = ["/list", "/read", "/get"]
            .iter()
            .any(|end| method.ends_with(end));
        let class = if reads {
            ActionClass::Read
        } else {
            ActionClass::Other
        };
        return Some((format!("mcp:{method}").into(), class));
    }
    let operation = operation.or_else(|| {
        let agent = own.first(&["gen_ai.agent.id", "gen_ai.agent.name"]);
        agent.map(|_| Cow::Borrowed("agent"))
    });
    operation.map(|operation| (operation, ActionClass::Other))
}

fn outcome(span: Node<'_>, own: &Attributes<'_>) -> Outcome {
    let error = own
        .text("error.type")
        .map(|error| error.to_ascii_lowercase());
    let status = own.get("http.response.status_code").count();
    let refused = [
        "401",
        "403",
        "permission",
        "denied",
        "unauthor",
        "forbidden",
    ];
    let denied = |error: &str| refused.iter().any(|word| error.contains(word));
    let failed = matches!(
        span.at("status.code").text().as_deref(),
        Some("2" | "STATUS_CODE_ERROR")
    );
    match (error, status.map(http::outcome)) {
        (Some(error), _) if denied(&error) => Outcome::Denied,
        (_, Some(Outcome::Denied)) => Outcome::Denied,
        (Some(_), _) => Outcome::Failure,
        _ if failed => Outcome::Failure,
        _ => Outcome::Success,
    }
}

/// Where the agent runs.
pub(super) fn place<'v>(event: &mut Event<'v>, resource: &Attributes<'v>) {
    event.workload.environment =
        resource.first(&["deployment.environment.name", "deployment.environment"]);
    event.workload.region = resource.text("cloud.region");
    event.workload.host = resource.text("host.name");
}
