//! `ocsf`: the Open Cybersecurity Schema Framework, classes Authentication (3002) and API Activity (6003), of
//! any producer and as Amazon Security Lake writes them; an array of them too.
//!
//! | event | Authentication | API Activity |
//! |---|---|---|
//! | `id`, `time` | `metadata.uid`, else a hash; `time`, else `time_dt` | the same |
//! | `kind`, `action.class` | `auth`: `activity_id` 1 login, 2 logout, 3 and 4 tickets issued (`token`), 5 renewed (`token`, other) | of AWS as `cloudtrail` has it; else `activity_id`: create and update write, read, delete |
//! | `identity` | `user`, else `actor.user` | `ai_agent`; else `actor.user`; else `actor.invoked_by` |
//! | `identity.id` | `uid`, else `uid_alt`, `name`, `email_addr`; of Kubernetes (`system:…`) the name; of an assumed role its ARN, `session.issuer` | the same |
//! | `identity.kind` | `type` and `type_id`, see [`kind_of`] | the same |
//! | `session` | `session`: `uid`, `created_time`, `expiration_time`, `is_mfa`; `is_mfa` of the event | `actor.session`; of an assumed role its name and key |
//! | `credential` | `certificate`; `auth_protocol` | `user.credential_uid`, `session.credential_uid`; `AKIA…` is an API key |
//! | `network` | `src_endpoint`: `ip`, `location`, `autonomous_system` | the same |
//! | `device` | `device.uid`, `http_request.user_agent`, `tls.ja4_fingerprint_list`, `tls.ja3_hash` | the same |
//! | `action.name` | `logon`, `logoff` and so on; of an activity that is none of them `activity_name` | `service:Operation` of AWS, else `api.operation` |
//! | `action.outcome`, `status` | `status_id` 1 and 2, else `status`; an error that says denied or unauthorised | also `api.response`, `http_response.code` |
//! | `action.resource` | `service.name`, `dst_endpoint.svc_name` | `resources[]`: `uid`, else `name` |
//! | `action.bytes_out` | none | `http_response.length`, `traffic.bytes_out` |
//! | `tenant` | the source's, else `metadata.tenant_uid`, `cloud.account.uid` | the same |
//! | `delegation` | `actor.user`, where it is another | the user for whom an agent acts |
//!
//! Coordinates are longitude first. Other classes are skipped, and so is what names nobody.

use std::borrow::Cow;

use super::read::{Node, Opening, Refusal, each, each_part, open, position, required_instant};
use super::secret::fingerprint;
use super::{Format, Sink, Source, aws_actions, http};
use crate::event::{
    ActionClass, Credential, CredentialKind, Delegate, Device, Event, EventKind, IdentityKind,
    Network, Outcome, Session,
};
use crate::json::Json;
use crate::known::Text;

/// OCSF events.
pub(super) struct Ocsf;

impl Format for Ocsf {
    fn name(&self) -> &'static str {
        "ocsf"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let has = |name: &str| record.get(name).is_some();
        has("class_uid") && has("metadata") && (has("time") || has("time_dt"))
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(self, raw, source, &[], sink, read);
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        each_part(self, record, raw.len(), source, &[], sink, read);
    }
}

const AUTHENTICATION: u64 = 3002;
const API_ACTIVITY: u64 = 6003;

fn read<'v>(record: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let class_uid = record.get("class_uid").count();
    let class_uid =
        class_uid.ok_or_else(|| Refusal::missing("class_uid", "expected an OCSF event"))?;
    let is_sign_in = match class_uid {
        AUTHENTICATION => true,
        API_ACTIVITY => false,
        _ => return Err(Refusal::Skip("an OCSF class that is not read")),
    };
    let time = required_instant(record, &["time", "time_dt"])?;
    let operation = operation(record, is_sign_in)?;
    let session = match record.get("session") {
        of_event if of_event.is_object() => of_event,
        _ => record.at("actor.session"),
    };
    let who = who(record, session, is_sign_in, operation.class);
    let (identity, identity_kind) = who.ok_or(Refusal::Skip("names nobody"))?;
    let own_tenant = || {
        let tenant = record.at("metadata.tenant_uid").text();
        tenant.or_else(|| record.at("cloud.account.uid").text())
    };
    let id = record.at("metadata.uid").text();
    let opening = Opening {
        id: id.unwrap_or_else(|| fingerprint(&record.canonical()).into()),
        time,
        kind: operation.kind,
        identity,
        identity_kind,
        action: operation.name,
    };
    let tenant = source.tenant.map(Cow::Borrowed).or_else(own_tenant);
    let mut event = open("ocsf", tenant, opening);
    event.session = read_session(record, session);
    event.credential = credential(record, session, is_sign_in);
    event.network = network(record.get("src_endpoint"));
    event.device = device(record);
    if identity_kind != IdentityKind::Human {
        event.workload.region = record.at("cloud.region").short();
    }
    event.action.class = operation.class.into();
    event.action.status = ["http_response.code", "api.response.code"]
        .iter()
        .find_map(|path| record.at(path).count())
        .filter(|status| *status > 0);
    event.action.outcome = outcome(record, event.action.status).into();
    event.action.resource = resource(record, is_sign_in);
    event.action.bytes_out = ["http_response.length", "traffic.bytes_out"]
        .iter()
        .find_map(|path| record.at(path).count());
    let behind = record.at("actor.user");
    let user = user_id(behind, session).filter(|user| *user != event.identity.id);
    let acts_for = is_sign_in || identity_kind == IdentityKind::AiAgent;
    event
        .delegation
        .extend(user.filter(|_| acts_for).map(|id| Delegate {
            kind: kind_of(behind, &id, false).into(),
            id,
        }));
    Ok(vec![event])
}

struct Operation<'v> {
    name: Text<'v>,
    kind: EventKind,
    class: ActionClass,
}

fn operation<'v>(record: Node<'v>, is_sign_in: bool) -> Result<Operation<'v>, Refusal> {
    let activity = record.get("activity_id").count();
    if is_sign_in {
        let (name, kind, class) = match activity {
            Some(1) => ("logon", EventKind::Auth, ActionClass::Login),
            Some(2) => ("logoff", EventKind::Auth, ActionClass::Logout),
            Some(3) => (
                "authentication_ticket",
                EventKind::Token,
                ActionClass::TokenIssue,
            ),
            Some(4) => (
                "service_ticket_request",
                EventKind::Token,
                ActionClass::TokenIssue,
            ),
            Some(5) => (
                "service_ticket_renew",
                EventKind::Token,
                // Who renews uses the ticket; nobody authenticates again.
                ActionClass::Other,
            ),
            _ => ("authentication", EventKind::Auth, ActionClass::Other),
        };
        let stated = record.get("activity_name").short();
        let stated = stated.filter(|_| kind == EventKind::Auth && class == ActionClass::Other);
        return Ok(Operation {
            name: stated.unwrap_or(Cow::Borrowed(name)),
            kind,
            class,
        });
    }
    let called = record.at("api.operation").text();
    let called =
        called.ok_or_else(|| Refusal::missing("api.operation", "expected what was called"))?;
    let service = record.at("api.service.name").text();
    let aws = service
        .as_deref()
        .and_then(|name| name.strip_suffix(".amazonaws.com"));
    if let Some(service) = aws {
        let class = aws_actions::class(service, &called, record);
        return Ok(Operation {
            name: format!("{service}:{called}").into(),
            kind: aws_actions::kind(class),
            class,
        });
    }
    let class = match activity {
        Some(2) => ActionClass::Read,
        Some(1 | 3) => ActionClass::Write,
        Some(4) => ActionClass::Delete,
        _ => ActionClass::Other,
    };
    Ok(Operation {
        name: called,
        kind: EventKind::Api,
        class,
    })
}

/// Who acted: of a sign-in the user who signs in, of a call whoever makes it.
fn who<'v>(
    record: Node<'v>,
    session: Node<'v>,
    is_sign_in: bool,
    class: ActionClass,
) -> Option<(Text<'v>, IdentityKind)> {
    let agent = record.get("ai_agent");
    let agent_id = ["uid", "name"]
        .iter()
        .find_map(|name| agent.get(name).text());
    if let Some(agent) = agent_id.filter(|_| !is_sign_in) {
        return Some((agent, IdentityKind::AiAgent));
    }
    let own = record.get("user");
    let user = if is_sign_in && user_id(own, session).is_some() {
        own
    } else {
        record.at("actor.user")
    };
    let signs_in = matches!(class, ActionClass::Login | ActionClass::Mfa)
        || session.get("is_mfa").truth() == Some(true);
    if let Some(id) = user_id(user, session) {
        let kind = kind_of(user, &id, signs_in);
        return Some((id, kind));
    }
    let service = ["actor.invoked_by", "actor.app_uid", "actor.app_name"]
        .iter()
        .find_map(|path| record.at(path).text())?;
    Some((service, IdentityKind::Workload))
}

fn user_id<'v>(user: Node<'v>, session: Node<'v>) -> Option<Text<'v>> {
    let named = |name: &'static str| user.get(name).text();
    let of_cluster = named("name").filter(|name| name.starts_with("system:"));
    let own = of_cluster
        .or_else(|| named("uid"))
        .or_else(|| named("uid_alt"))
        .or_else(|| named("name"))
        .or_else(|| named("email_addr"))?;
    // The sessions of a role do the same work; those of IAM Identity Center are each a person's.
    let role = named("type")
        .filter(|kind| kind == "AssumedRole")
        .and_then(|_| session.get("issuer").text())
        .filter(|issuer| issuer.starts_with("arn:") && !issuer.contains("AWSReservedSSO_"));
    Some(role.unwrap_or(own))
}

/// What a user is, by the words of its producer, else by OCSF's number: 3 is a system, 4 a service, 1
/// and 2 are users and administrators.
fn kind_of(user: Node<'_>, id: &str, signs_in: bool) -> IdentityKind {
    let name = user.get("name").text().unwrap_or_default();
    let is = |start: &str| name.starts_with(start) || id.starts_with(start);
    if is("system:serviceaccount:") || id.contains("gserviceaccount.com") {
        return IdentityKind::ServiceAccount;
    }
    if is("system:") {
        return IdentityKind::Workload;
    }
    let word = user.get("type").text().unwrap_or_default();
    match &*word {
        "AssumedRole" if id.contains("AWSReservedSSO_") => IdentityKind::Human,
        "AssumedRole" if id.contains("/AWSServiceRoleFor") => IdentityKind::Workload,
        "AssumedRole" | "IAMUser" | "FederatedUser" if signs_in => IdentityKind::Human,
        "AssumedRole" | "IAMUser" | "FederatedUser" | "AWSAccount" => IdentityKind::ServiceAccount,
        "AWSService" | "WebIdentityUser" => IdentityKind::Workload,
        word if word.to_ascii_lowercase().contains("service") => IdentityKind::ServiceAccount,
        _ => match user.get("type_id").count() {
            Some(3) => IdentityKind::Workload,
            Some(4) => IdentityKind::ServiceAccount,
            _ => IdentityKind::Human,
        },
    }
}

fn read_session<'v>(record: Node<'v>, session: Node<'v>) -> Session<'v> {
    let time = |name: &'static str| {
        let plain = session.get(name).moment();
        plain.or_else(|| session.member(&format!("{name}_dt")).moment())
    };
    let mfa = [
        record.get("is_mfa"),
        session.get("is_mfa"),
        session.get("mfa"),
    ];
    Session {
        id: session.get("uid").text().or_else(|| role_session(record)),
        started_at: time("created_time"),
        expires_at: time("expiration_time"),
        mfa: mfa.into_iter().find_map(Node::truth),
        ..Session::default()
    }
}

/// The session of an assumed role, as `cloudtrail` names it: its name and its temporary key.
fn role_session<'v>(record: Node<'v>) -> Option<Text<'v>> {
    let user = record.at("actor.user");
    let key = user.get("credential_uid").text();
    let key = key.filter(|key| key.starts_with("ASIA"))?;
    let principal = user.get("uid_alt").text()?;
    let (_, name) = principal.split_once(':')?;
    Some(format!("{name}/{key}").into())
}

fn credential<'v>(record: Node<'v>, session: Node<'v>, is_sign_in: bool) -> Credential<'v> {
    let id = [
        record.at("actor.user.credential_uid"),
        record.at("user.credential_uid"),
        session.get("credential_uid"),
    ];
    let id = id.into_iter().find_map(Node::text);
    let certificate = record.at("certificate.fingerprints").items().next();
    let certificate = certificate.and_then(|print| print.get("value").text());
    let protocol = record.get("auth_protocol").text().unwrap_or_default();
    let federated = ["saml", "openid", "oidc"]
        .iter()
        .any(|word| protocol.to_ascii_lowercase().contains(word));
    let kind = match id.as_deref() {
        Some(key) if key.starts_with("AKIA") => Some(CredentialKind::ApiKey),
        Some(_) => Some(CredentialKind::AccessToken),
        None if certificate.is_some() => Some(CredentialKind::Certificate),
        None if is_sign_in && federated => Some(CredentialKind::Federated),
        None => None,
    };
    Credential {
        id: id.or(certificate),
        kind: kind.into(),
        ..Credential::default()
    }
}

fn network<'v>(endpoint: Node<'v>) -> Network<'v> {
    let place = endpoint.get("location");
    let mut coordinates = place.get("coordinates").elements();
    let (lon, lat) = (coordinates.next(), coordinates.next());
    let position = match (lat, lon) {
        (Some(lat), Some(lon)) => position(lat, lon),
        _ => position(place.get("lat"), place.get("long")),
    };
    let system = endpoint.get("autonomous_system");
    Network {
        ip: endpoint.get("ip").ip().map(|ip| ip.to_string().into()),
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        country: place.get("country").text().filter(|code| code.len() == 2),
        city: place.get("city").short(),
        asn: system.get("number").count().filter(|asn| *asn > 0),
        as_org: system.get("name").short(),
        ..Network::default()
    }
}

fn device<'v>(record: Node<'v>) -> Device<'v> {
    let ja4 = record.at("tls.ja4_fingerprint_list").items().next();
    let ja4 = ja4.and_then(|print| print.get("value").short());
    let agent = record.at("http_request.user_agent").short();
    Device {
        id: record.at("device.uid").short(),
        // A call that a service of AWS makes for somebody names the service, not a client.
        user_agent: agent.filter(|agent| !agent.ends_with(".amazonaws.com")),
        tls_fingerprint: ja4.or_else(|| record.at("tls.ja3_hash.value").short()),
        ..Device::default()
    }
}

fn outcome(record: Node<'_>, status: Option<u64>) -> Option<Outcome> {
    let error = ["api.response.error", "status_detail", "status_code"]
        .iter()
        .find_map(|path| record.at(path).text())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let denied = ["denied", "unauthorized", "notauthorized", "forbidden"]
        .iter()
        .any(|word| error.contains(word));
    let stated = record.get("status");
    let succeeded = match record.get("status_id").count() {
        Some(1) => Some(true),
        Some(2) => Some(false),
        // Unknown, and other; what other is stands in words.
        _ => stated
            .text()
            .and_then(|word| match word.to_ascii_lowercase().as_str() {
                "success" => Some(true),
                "failure" => Some(false),
                _ => {
                    stated.unknown();
                    None
                }
            }),
    };
    match succeeded {
        Some(true) => Some(Outcome::Success),
        Some(false) if denied || matches!(status, Some(401 | 403)) => Some(Outcome::Denied),
        Some(false) => Some(Outcome::Failure),
        None => status.map(http::outcome),
    }
}

fn resource<'v>(record: Node<'v>, is_sign_in: bool) -> Option<Text<'v>> {
    if is_sign_in {
        let service = record.at("service.name").short();
        return service.or_else(|| record.at("dst_endpoint.svc_name").short());
    }
    record.get("resources").items().find_map(|resource| {
        let uid = resource.get("uid").short();
        uid.or_else(|| resource.get("name").short())
    })
}
