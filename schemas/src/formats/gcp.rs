//! `gcp`: audit logs of Google Cloud, one `LogEntry` per record, an array, `{"entries":[…]}`, or the
//! message of a Pub/Sub push (`message.data`). Also what GKE writes of its API server.
//!
//! | event | LogEntry |
//! |---|---|
//! | `id` | `insertId`, which is unique only with `timestamp` and `logName`: a hash of these follows it |
//! | `time` | `timestamp` |
//! | `kind` | `auth` of `login`, `token` what issues tokens, `admin` with that class, else `api` |
//! | `identity` | `authenticationInfo.principalEmail` in lower case, else `principalSubject`: `…gserviceaccount.com` and `system@google.com` a service account, `principal://` a workload (of a workforce pool human, of `agents.` an AI agent), `system:…` as in Kubernetes, else human |
//! | `credential` | `authenticationInfo.serviceAccountKeyName`: an API key; `federated` for `principal://` |
//! | `network.ip` | `requestMetadata.callerIp`, where it is an address: not `private`, not `gce-internal-ip` |
//! | `device.user_agent` | `requestMetadata.callerSuppliedUserAgent` |
//! | `action.name` | service and method: `iam:google.iam.admin.v1.CreateRole` |
//! | `action.class` | by service and verb (`google_actions.rs`) |
//! | `action.outcome`, `status` | `status.code`: 7 and 16 denied, as is a permission that was not `granted`; of a challenge at a sign-in `login_challenge_status` in `metadata.event`, else challenged |
//! | `action.scopes` | `authorizationInfo[].permission`; of who gains, the roles |
//! | `action.resource` | `resourceName`, with the roles of who gains; of a token that is issued, the account it is for |
//! | `tenant` | the source's, else `resource.labels.project_id`, else what `logName` begins with |
//! | `action.target_tenant` | the project, where it is not the service account's own |
//! | `delegation` | `authenticationInfo.serviceAccountDelegationInfo`, last first; `metadata.identityDelegationChain`, the accounts through which a token is asked for |
//!
//! `SetIamPolicy` is two events or more: what the actor did (`admin`), and `privilege` under every
//! user and service account to whom `bindingDeltas` adds a role. Entries without an audit payload,
//! and reads that were denied and whose caller Google leaves out, are skipped.

use std::borrow::Cow;

use super::google_actions::{class, gains, principal, roles_given};
use super::read::{Node, Opening, Refusal, open, required_time, with_gainers};
use super::secret::fingerprint;
use super::unfold::{base64, each_unfolded, first};
use super::workspace::Parameters;
use super::{Format, Sink, Source};
use crate::event::{
    ActionClass, Credential, CredentialKind, Delegate, Event, EventKind, IdentityKind,
    MAX_LIST_ITEMS, MAX_TEXT_BYTES, Outcome,
};
use crate::json::{Arena, Json};
use crate::known::Text;
use crate::reject::{Reason, Reject};

/// Audit logs of Google Cloud.
pub(super) struct Gcp;

const BATCHES: &[&str] = &["entries"];

impl Format for Gcp {
    fn name(&self) -> &'static str {
        "gcp"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let arena = Arena::new();
        let entry = first(record, &arena, BATCHES, unfold);
        entry.as_ref().map(Node::from).is_some_and(|entry| {
            let named = |field| entry.get(field).text().is_some();
            entry.get("protoPayload").is_object() || named("logName") && named("insertId")
        })
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each_unfolded(self, raw, source, BATCHES, unfold, sink, read);
    }
}

/// Pub/Sub pushes the entry as Base64 in a message.
fn unfold<'v>(part: Json<'v>, arena: &'v Arena, take: &mut dyn FnMut(Json<'v>)) {
    let entry = part
        .member_at("message.data")
        .and_then(|data| base64(data.as_str()?))
        .and_then(|bytes| std::str::from_utf8(arena.bytes(&bytes)).ok())
        .and_then(|text| Json::parse(text, arena).ok())
        .filter(Json::is_object);
    take(entry.unwrap_or(part));
}

fn read<'v>(entry: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let payload = entry.get("protoPayload");
    let insert_id = entry.get("insertId").text();
    if !payload.is_object() {
        if entry.get("logName").text().is_some() {
            return Err(Refusal::Skip("no audit log"));
        }
        let detail = "protoPayload: absent; expected an audit log entry of Google Cloud";
        return Err(Refusal::Reject(Reject::new(Reason::WrongFormat, detail)));
    }
    let method = payload.get("methodName").text();
    let method =
        method.ok_or_else(|| Refusal::missing("protoPayload.methodName", "expected the call"))?;
    let insert_id = insert_id.ok_or_else(|| Refusal::missing("insertId", "expected the id"))?;
    let service = payload.get("serviceName").text().unwrap_or_default();
    let service = service.strip_suffix(".googleapis.com").unwrap_or(&service);
    let auth = payload.get("authenticationInfo");
    let (identity, identity_kind) = who(auth).ok_or(Refusal::Skip("names nobody"))?;
    let class = class(service, &method);
    let project = project(entry);
    let opening = Opening {
        id: id(entry, &insert_id).into(),
        time: required_time(entry, "timestamp")?,
        kind: kind(service, class),
        identity: identity.into(),
        identity_kind,
        action: format!("{service}:{method}").into(),
    };
    let tenant = source.tenant.map(Cow::Borrowed).or_else(|| project.clone());
    let mut event = open("gcp", tenant, opening);
    event.credential = credential(auth, &event.identity.id);
    let client = payload.get("requestMetadata");
    event.network.ip = client.get("callerIp").ip().map(|ip| ip.to_string().into());
    event.device.user_agent = client.get("callerSuppliedUserAgent").short();
    event.action.class = class.into();
    event.action.status = payload.at("status.code").count();
    event.action.outcome = outcome(entry, payload, &method, class).into();
    event.action.scopes = permissions(payload);
    event.action.target_tenant = project.filter(|project| {
        own_project(&event.identity.id).is_some_and(|own| own != project.as_ref())
    });
    let target = (class == ActionClass::TokenIssue)
        .then(|| target_account(entry, payload))
        .flatten();
    event.delegation = delegation(payload, auth, &event.identity.id, target.as_deref());
    event.action.resource = target.or_else(|| payload.get("resourceName").short());

    let mut roles = roles_given(&method, payload);
    // What the actor may do says nothing of who gains.
    let permissions = std::mem::take(&mut event.action.scopes);
    let mut events = with_gainers(event, gains(&method, payload))?;
    if let Some(event) = events.first_mut() {
        event.action.scopes = permissions;
    }
    for event in &mut events {
        if let Some(roles) = roles.remove(&*event.identity.id) {
            given(event, roles);
        }
    }
    Ok(events)
}

/// A role on one thing is another privilege than the next role on the same thing.
fn given<'v>(gain: &mut Event<'v>, roles: Vec<Text<'v>>) {
    if let Some(resource) = &mut gain.action.resource {
        let named = format!("{resource}:{}", roles.join(","));
        if named.len() <= MAX_TEXT_BYTES {
            *resource = named.into();
        }
    }
    gain.action.scopes = roles;
}

fn id(entry: Node<'_>, insert_id: &str) -> String {
    let field = |name| entry.get(name).text().unwrap_or_default();
    let rest = format!("{} {} {insert_id}", field("timestamp"), field("logName"));
    let hash = fingerprint(&rest);
    match hash.get(7..23) {
        // An id may be much longer than what is allowed here.
        Some(short) if insert_id.len() <= 96 => format!("{insert_id}/{short}"),
        _ => hash,
    }
}

fn who(auth: Node<'_>) -> Option<(String, IdentityKind)> {
    let named = auth.get("principalEmail").text();
    let named = named.or_else(|| auth.get("principalSubject").text())?;
    principal(&named)
}

fn kind(service: &str, class: ActionClass) -> EventKind {
    match class {
        _ if service == "login" => EventKind::Auth,
        ActionClass::TokenIssue => EventKind::Token,
        ActionClass::Admin => EventKind::Admin,
        _ => EventKind::Api,
    }
}

fn credential<'v>(auth: Node<'v>, identity: &str) -> Credential<'v> {
    let key = auth.get("serviceAccountKeyName").short();
    let kind = if key.is_some() {
        Some(CredentialKind::ApiKey)
    } else if identity.starts_with("principal://") {
        Some(CredentialKind::Federated)
    } else {
        None
    };
    Credential {
        id: key,
        kind: kind.into(),
        ..Credential::default()
    }
}

fn outcome(entry: Node<'_>, payload: Node<'_>, method: &str, class: ActionClass) -> Outcome {
    let refused = payload
        .get("authorizationInfo")
        .items()
        .any(|info| info.get("granted").truth() == Some(false));
    let decision = entry
        .get("labels")
        .get("authorization.k8s.io/decision")
        .text();
    // Codes of google.rpc: 7 PERMISSION_DENIED, 16 UNAUTHENTICATED.
    match payload.at("status.code").count() {
        Some(7 | 16) => Outcome::Denied,
        _ if decision.is_some_and(|it| it == "forbid") => Outcome::Denied,
        Some(1..) => Outcome::Failure,
        _ if refused => Outcome::Denied,
        _ if method.ends_with("loginFailure") => Outcome::Failure,
        _ if class == ActionClass::Mfa => challenge(payload),
        _ => Outcome::Success,
    }
}

/// How a challenge at a sign-in ended; that one was put is no answer to it.
fn challenge(payload: Node<'_>) -> Outcome {
    let mut events = payload.at("metadata.event").items();
    let status = events.find_map(|event| {
        let parameters = Parameters::from(event.get("parameter"));
        parameters.text("login_challenge_status")
    });
    let status = status.unwrap_or_default().to_lowercase();
    if status.contains("fail") {
        Outcome::Failure
    } else if status.contains("pass") {
        Outcome::Success
    } else {
        Outcome::Challenged
    }
}

fn permissions<'v>(payload: Node<'v>) -> Vec<Text<'v>> {
    let mut permissions: Vec<Text<'v>> = Vec::new();
    for info in payload
        .get("authorizationInfo")
        .items()
        .take(MAX_LIST_ITEMS)
    {
        let permission = info.get("permission").short();
        permissions.extend(permission.filter(|it| !permissions.contains(it)));
    }
    permissions
}

/// The project, else the folder, organisation or billing account whose log it is.
fn project<'v>(entry: Node<'v>) -> Option<Text<'v>> {
    entry.at("resource.labels.project_id").short().or_else(|| {
        let log = entry.get("logName").text()?;
        let owner = log.split('/').nth(1)?.to_owned();
        (!owner.is_empty() && owner.len() <= 128).then(|| owner.into())
    })
}

/// The project of a service account that a user made: `ci@acme-build.iam.gserviceaccount.com`.
/// Google's own, `service-1234@…`, belong to no project of the customer's.
fn own_project(identity: &str) -> Option<&str> {
    let (name, domain) = identity.split_once('@')?;
    let project = domain.strip_suffix(".iam.gserviceaccount.com")?;
    let number = name.strip_prefix("service-").unwrap_or("x");
    let is_googles = number.bytes().all(|byte| byte.is_ascii_digit());
    (!is_googles).then_some(project)
}

/// The service account for which a token is asked: by its address rather than by its number.
fn target_account<'v>(entry: Node<'v>, payload: Node<'v>) -> Option<Text<'v>> {
    let labelled = entry.at("resource.labels.email_id").short();
    labelled.or_else(|| {
        Some(
            account(&payload.at("request.name").short()?)
                .to_owned()
                .into(),
        )
    })
}

/// `ci@…` of `projects/-/serviceAccounts/ci@…`.
fn account(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Chains have a handful of links; more is noise that every event of the entry would carry.
const MOST_LINKS: usize = 64;

fn delegation<'v>(
    payload: Node<'v>,
    auth: Node<'v>,
    own: &str,
    target: Option<&str>,
) -> Vec<Delegate<'v>> {
    let mut chain: Vec<Delegate<'v>> = Vec::new();
    let mut link = |name: &str| {
        let known = |id: &str| id == own || Some(id) == target;
        let Some((id, kind)) = principal(name).filter(|(id, _)| !known(id)) else {
            return;
        };
        if chain.len() < MOST_LINKS && chain.iter().all(|link| link.id != id) {
            chain.push(Delegate {
                id: id.into(),
                kind: kind.into(),
            });
        }
    };
    // Google writes the one who began first; here the nearest stands first.
    let info: Vec<Node<'v>> = auth.get("serviceAccountDelegationInfo").items().collect();
    for info in info.iter().rev() {
        let named = info
            .at("firstPartyPrincipal.principalEmail")
            .text()
            .or_else(|| info.get("principalSubject").text())
            .or_else(|| info.at("thirdPartyPrincipal.thirdPartyClaims.sub").text());
        if let Some(name) = named {
            link(&name);
        }
    }
    for name in payload.at("metadata.identityDelegationChain").texts() {
        link(account(&name));
    }
    chain
}
