//! `kubernetes`: audit events of the Kubernetes API server (`audit.k8s.io/v1`), one per record, an
//! array, an `EventList` of the webhook backend; as AKS wraps them (`properties.log`, JSON in a
//! string, in `{"records":[…]}`), and EKS in CloudWatch (`message`, in `{"logEvents":[…]}`).
//!
//! | event | audit event |
//! |---|---|
//! | `id` | `auditID`, of the last stage of a request (the earlier ones are skipped), and a hash of the event: the server takes the id from whoever calls it |
//! | `time` | `requestReceivedTimestamp`, else `stageTimestamp` |
//! | `kind` | `token` what issues tokens, `admin` with that class, else `api` |
//! | `identity` | `user.username`: `system:serviceaccount:…` a service account, other `system:…` a workload, else human; `groups` as they are |
//! | `credential` | `user.extra` `authentication.kubernetes.io/credential-id`: `JTI=…` an access token, `X509SHA256=…` a certificate; on EKS `accessKeyId` |
//! | `network.ip` | the last of `sourceIPs` |
//! | `device.user_agent` | `userAgent` |
//! | `workload.host` | of machines: `user.extra` `authentication.kubernetes.io/node-name` |
//! | `action.name` | verb and resource: `create pods/exec`, `patch rbac.authorization.k8s.io/clusterroles`; else verb and path |
//! | `action.class` | by verb and resource (`kubernetes_actions.rs`) |
//! | `action.outcome`, `status` | `responseStatus.code`; `authorization.k8s.io/decision` `forbid`, 401 and 403: denied |
//! | `action.resource` | `objectRef`, as in a path: `namespaces/prod/secrets/db` |
//! | `tenant` | the source's: no event names its cluster |
//! | `delegation` | `impersonatedUser.username`, for whom the user acts |
//!
//! A binding of a role is two events or more: what the actor did (`admin`), and `privilege` under
//! every user and service account it binds, the role in `action.scopes`. The objects are there from audit level `Request` on.
//! `system:anonymous` is nobody and is skipped, like other logs of a control plane in a wrapper.

use std::borrow::Cow;

use super::http;
use super::kubernetes_actions::{Call, class, gains, identity_kind as kind_of, role};
use super::read::{Node, Opening, Refusal, address, open, required_time, with_gainers};
use super::unfold::{each_unfolded, first, parse_members};
use super::{Format, Sink, Source, endpoint};
use crate::event::{
    ActionClass, Credential, CredentialKind, Delegate, Event, EventKind, IdentityKind, Outcome,
};
use crate::json::{Arena, Json};
use crate::known::Text;
use crate::reject::{Reason, Reject};

/// Audit events of Kubernetes.
pub(super) struct Kubernetes;

impl Format for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let arena = Arena::new();
        let event = first(record, &arena, BATCHES, unfold);
        event.as_ref().map(Node::from).is_some_and(|event| {
            let named = |field| event.get(field).text().is_some();
            named("auditID") && (named("verb") || named("stage"))
        })
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each_unfolded(self, raw, source, BATCHES, unfold, sink, read);
    }
}

const BATCHES: &[&str] = &["records", "logEvents", "items"];

/// Where other systems put the audit event, as JSON in a string.
const WRAPPERS: [&str; 3] = ["properties.log", "message", "log"];

fn unfold<'v>(part: Json<'v>, arena: &'v Arena, take: &mut dyn FnMut(Json<'v>)) {
    let inside = WRAPPERS.iter().find_map(|path| {
        let text = part.member_at(path)?.as_str()?;
        Json::parse(text, arena).ok().filter(Json::is_object)
    });
    take(parse_members(inside.unwrap_or(part), arena));
}

const STAGES: &[&str] = &[
    "RequestReceived",
    "ResponseStarted",
    "ResponseComplete",
    "Panic",
];

fn read<'v>(event: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let id = event.get("auditID").text().ok_or_else(|| no_event(event))?;
    let stage = event.get("stage").among(STAGES).text();
    if matches!(
        stage.as_deref(),
        Some("RequestReceived" | "ResponseStarted")
    ) {
        return Err(Refusal::Skip("an earlier stage of a request"));
    }
    let user = event.get("user");
    let nobody = || Refusal::Skip("names nobody");
    let identity = user.get("username").always();
    let identity = identity.text().ok_or_else(nobody)?;
    let identity_kind = kind_of(&identity).ok_or_else(nobody)?;
    let verb = event.get("verb").text();
    let verb = verb.ok_or_else(|| Refusal::missing("verb", "expected an audit event"))?;
    let object = event.get("objectRef");
    let field = |name| object.get(name).text().unwrap_or_default();
    let (group, resource, subresource) =
        (field("apiGroup"), field("resource"), field("subresource"));
    let call = Call {
        verb: &verb,
        group: &group,
        resource: &resource,
        subresource: &subresource,
    };
    let class = class(call);
    let opening = Opening {
        id: http::entry_id(Some(id), event).into(),
        time: required_time(event, time_field(event))?,
        kind: kind(class),
        identity,
        identity_kind,
        action: name(call, event).into(),
    };
    let mut read = open("kubernetes", source.tenant.map(Cow::Borrowed), opening);
    let extra = user.get("extra");
    read.identity.groups = user.get("groups").texts();
    read.credential = credential(extra);
    read.network.ip = client(event);
    read.device.user_agent = event.get("userAgent").short();
    if identity_kind != IdentityKind::Human {
        let node = extra.get("authentication.kubernetes.io/node-name");
        read.workload.host = node.short();
    }
    read.action.class = class.into();
    read.action.status = event.at("responseStatus.code").count();
    read.action.outcome = outcome(event, read.action.status).into();
    read.action.resource = path(object, call);
    let other = event.at("impersonatedUser.username").text();
    read.delegation.extend(
        other
            .filter(|id| *id != read.identity.id)
            .map(|id| Delegate {
                kind: kind_of(&id).into(),
                id,
            }),
    );
    let (asked, written) = (event.get("requestObject"), event.get("responseObject"));
    let uri = event.get("requestURI").text().unwrap_or_default();
    if uri.contains("dryRun=") {
        // Nothing was written: nobody gains by it.
        return Ok(vec![read]);
    }
    let mut events = with_gainers(read, gains(call, asked, written))?;
    for event in &mut events {
        if event.action.class.known() == Some(ActionClass::Privilege) {
            event.action.scopes.extend(role(asked, written));
        }
    }
    Ok(events)
}

/// Other logs of a control plane come in the same wrappers.
fn no_event(event: Node<'_>) -> Refusal {
    let Some((path, text)) = WRAPPERS
        .iter()
        .find_map(|path| Some((path, event.at(path).text()?)))
    else {
        return Refusal::missing("auditID", "expected an audit event");
    };
    if !text.trim_start().starts_with('{') {
        return Refusal::Skip("no audit event in it");
    }
    let detail = format!("{path}: expected one audit event as JSON in a string");
    Refusal::Reject(Reject::new(Reason::WrongFormat, detail))
}

/// Where the time is; Azure's table of audit events has another name for it.
fn time_field(event: Node<'_>) -> &'static str {
    const FIELDS: [&str; 3] = [
        "requestReceivedTimestamp",
        "stageTimestamp",
        "RequestReceivedTime",
    ];
    let there = |field: &&&'static str| event.get(field).text().is_some();
    FIELDS.iter().find(there).unwrap_or(&FIELDS[0])
}

fn kind(class: ActionClass) -> EventKind {
    match class {
        ActionClass::TokenIssue => EventKind::Token,
        ActionClass::Admin => EventKind::Admin,
        _ => EventKind::Api,
    }
}

fn name(call: Call<'_>, event: Node<'_>) -> String {
    let Call {
        verb,
        group,
        resource,
        subresource,
    } = call;
    if resource.is_empty() {
        let uri = event.get("requestURI").text().unwrap_or_default();
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        return format!("{verb} {}", endpoint::name(path, Node::ABSENT));
    }
    let group = if group.is_empty() {
        String::new()
    } else {
        format!("{group}/")
    };
    match subresource {
        "" => format!("{verb} {group}{resource}"),
        part => format!("{verb} {group}{resource}/{part}"),
    }
}

/// The path of the object, without the version of its API.
fn path<'v>(object: Node<'v>, call: Call<'_>) -> Option<Text<'v>> {
    let mut path = String::new();
    if let Some(namespace) = object.get("namespace").short() {
        path.extend(["namespaces/", &namespace, "/"]);
    }
    path.push_str(call.resource);
    if let Some(name) = object.get("name").short() {
        path.extend(["/", &name]);
    }
    (!call.resource.is_empty() && path.len() <= 4096).then(|| path.into())
}

fn credential<'v>(extra: Node<'v>) -> Credential<'v> {
    let named = extra.get("authentication.kubernetes.io/credential-id");
    let id = named.short().or_else(|| extra.get("accessKeyId").short());
    let kind = match id.as_deref() {
        Some(id) if id.starts_with("X509") => Some(CredentialKind::Certificate),
        Some(id) if id.starts_with("AKIA") => Some(CredentialKind::ApiKey),
        Some(_) => Some(CredentialKind::AccessToken),
        None => None,
    };
    Credential {
        id,
        kind: kind.into(),
        ..Credential::default()
    }
}

/// The server's own peer, which it puts last. What stands before that came in headers, which a
/// client may write itself.
fn client<'v>(event: Node<'v>) -> Option<Text<'v>> {
    let hops = event.get("sourceIPs").texts();
    let hops = hops.iter().rev().find_map(|hop| address(hop));
    hops.map(|ip| ip.to_string().into())
}

fn outcome(event: Node<'_>, status: Option<u64>) -> Option<Outcome> {
    // The name of the annotation has dots in it.
    let decision = event
        .get("annotations")
        .get("authorization.k8s.io/decision")
        .text();
    let panicked = event.get("stage").text().is_some_and(|it| it == "Panic");
    match status {
        _ if decision.is_some_and(|it| it == "forbid") => Some(Outcome::Denied),
        Some(401 | 403) => Some(Outcome::Denied),
        Some(400..) => Some(Outcome::Failure),
        _ if panicked => Some(Outcome::Failure),
        Some(_) => Some(Outcome::Success),
        None => None,
    }
}
