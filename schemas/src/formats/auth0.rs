//! `auth0`: Auth0 tenant logs, as log streams write them (`{"log_id", "data"}`), bare as the Management
//! API gives them, an array, `{"logs":[…]}` or EventBridge's envelope (`detail`).
//!
//! | event | Auth0 |
//! |---|---|
//! | `id`, `time` | `log_id` (else `_id`), `date` |
//! | `kind`, `action.class`, `action.outcome` | `type`, see [`classify`]; a blocked sign-in, a rejected push and a reused refresh token are `denied` |
//! | `identity` | `user_id` (human); without one, and for client credentials, `client_id` (service account); `…@clients` is the client |
//! | `session` | `details.session_id`; `mfa` where `details.prompts[]` has a factor, `authenticated_at` from `details.completedAt` |
//! | `credential` | of API calls `details.request.auth.credentials`: `jti` and scopes; else its kind by grant, connection or factor |
//! | `network` | `ip` (else `client_ip`), `location_info` |
//! | `device` | `user_agent`; `tls_fingerprint` from `security_context` (JA4, else JA3) |
//! | `action.name` | method and endpoint of a call of the Management API, else `type` |
//! | `action.resource` | `audience`, else `client_name`, else `client_id`; of API calls the path |
//! | `action.scopes` | `scope`, text or array |
//! | `action.status` | `details.response.statusCode` |
//! | `tenant` | the source's, else `tenant_name`, else `hostname` |
//!
//! A role or permission assigned by the Management API is two events: what the administrator did
//! (`admin`), and `privilege` under each user who gains, with the administrator in `delegation`.
//!
//! A silent authentication (`ssa`, `fsa`) and a refresh (`sertft`, `fertft`) use the session: nobody authenticates again, and a failed
//! one only says that there was no session. `fu`, a sign-in under a name that nobody has, and what
//! else has neither user nor client are skipped. Of the descriptions and of request and response
//! bodies nothing is read but the ids of the users who gain.

use std::borrow::Cow;

use super::read::{
    Node, Opening, Refusal, each, each_part, open, position, required_instant, scopes, with_gainers,
};
use super::{Format, Sink, Source, endpoint, http};
use crate::event::{
    ActionClass, Credential, CredentialKind, Device, Event, EventKind, IdentityKind, Network,
    Outcome, Session,
};
use crate::json::Json;
use crate::known::Text;

/// Auth0's tenant logs.
pub(super) struct Auth0;

const BATCH: &[&str] = &["logs", "detail"];

impl Format for Auth0 {
    fn name(&self) -> &'static str {
        "auth0"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let of_a_log = |record: &Json<'_>| {
            let entry = record.get("data").unwrap_or(record);
            let has_id = record.get("log_id").is_some() || entry.get("log_id").is_some();
            has_id && entry.get("type").is_some() && entry.get("date").is_some()
        };
        of_a_log(record)
            || record.pointer("/logs/0").is_some_and(of_a_log)
            || record.get("detail").is_some_and(of_a_log)
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(self, raw, source, BATCH, sink, read);
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        each_part(self, record, raw.len(), source, BATCH, sink, read);
    }
}

/// Kind, class and outcome of the types that do not follow a rule.
const TYPES: &[(&str, EventKind, ActionClass, Option<Outcome>)] = {
    use ActionClass::{Admin, Login, Logout, Mfa, Other, TokenRevoke, Write};
    use EventKind::{Auth, Token};
    use Outcome::{Challenged, Denied, Failure, Success};
    &[
        ("s", Auth, Login, Some(Success)),
        ("scoa", Auth, Login, Some(Success)),
        ("sens", Auth, Login, Some(Success)),
        ("f", Auth, Login, Some(Failure)),
        ("fp", Auth, Login, Some(Failure)),
        ("fu", Auth, Login, Some(Failure)),
        ("fc", Auth, Login, Some(Failure)),
        ("fcoa", Auth, Login, Some(Failure)),
        ("fens", Auth, Login, Some(Failure)),
        ("ssa", Auth, Other, Some(Success)),
        ("fsa", Auth, Other, Some(Failure)),
        ("fco", Auth, Other, Some(Failure)),
        ("w", Auth, Other, None),
        ("cs", Auth, Other, Some(Challenged)),
        ("cls", Auth, Other, Some(Challenged)),
        ("slo", Auth, Logout, Some(Success)),
        ("flo", Auth, Logout, Some(Failure)),
        ("mfar", Auth, Mfa, Some(Challenged)),
        ("limit_wc", Auth, Login, Some(Denied)),
        ("limit_mu", Auth, Login, Some(Denied)),
        ("limit_sul", Auth, Login, Some(Denied)),
        ("pwd_leak", Auth, Login, Some(Denied)),
        ("pla", Auth, Other, None),
        ("ss", Auth, Write, Some(Success)),
        ("fs", Auth, Write, Some(Failure)),
        ("sce", Auth, Write, Some(Success)),
        ("fce", Auth, Write, Some(Failure)),
        ("scp", Auth, Write, Some(Success)),
        ("fcp", Auth, Write, Some(Failure)),
        ("scpr", Auth, Write, Some(Success)),
        ("fcpr", Auth, Write, Some(Failure)),
        ("scpn", Auth, Write, Some(Success)),
        ("scu", Auth, Write, Some(Success)),
        ("sdu", EventKind::Admin, Admin, Some(Success)),
        ("fdu", EventKind::Admin, Admin, Some(Failure)),
        ("srrt", Token, TokenRevoke, Some(Success)),
        ("sertft", Token, Other, Some(Success)),
        ("fertft", Token, Other, Some(Failure)),
        ("ferrt", Token, ActionClass::TokenIssue, Some(Denied)),
        ("gd_auth_succeed", Auth, Mfa, Some(Success)),
        ("gd_auth_failed", Auth, Mfa, Some(Failure)),
        ("gd_auth_rejected", Auth, Mfa, Some(Denied)),
        ("gd_recovery_succeed", Auth, Mfa, Some(Success)),
        ("gd_recovery_failed", Auth, Mfa, Some(Failure)),
        ("gd_otp_rate_limit_exceed", Auth, Mfa, Some(Denied)),
        ("gd_recovery_rate_limit_exceed", Auth, Mfa, Some(Denied)),
        ("gd_start_auth", Auth, Mfa, Some(Challenged)),
        ("gd_enrollment_complete", Auth, Write, Some(Success)),
        ("gd_unenroll", Auth, Write, Some(Success)),
    ]
};

/// Types of which nothing follows here but that something was done.
const OTHERS: &[&str] = &[
    "admin_update_launch",
    "api_limit",
    "api_limit_warning",
    "appi",
    "depnote",
    "du",
    "fcpro",
    "fcu",
    "fdeac",
    "fdeaz",
    "fdecc",
    "fi",
    "fn",
    "fpar",
    "fpurh",
    "fui",
    "fv",
    "fvr",
    "gd_auth_email_verification",
    "gd_auth_fail_email_verification",
    "gd_module_switch",
    "gd_start_enroll",
    "gd_start_enroll_failed",
    "gd_tenant_update",
    "gd_update_device_account",
    "gd_webauthn_challenge_failed",
    "gd_webauthn_enrollment_failed",
    "limit_delegation",
    "reset_pwd_leak",
    "resource_cleanup",
    "sd",
    "si",
    "signup_pwd_leak",
    "sui",
    "sv",
    "svr",
    "too_many_records",
    "ublkdu",
    "wn",
];

/// The outcome that most types begin or end with.
fn by_letter(code: &str) -> Option<Outcome> {
    match code.as_bytes().first() {
        _ if code.ends_with("_failed") => Some(Outcome::Failure),
        _ if code.ends_with("_succeeded") => Some(Outcome::Success),
        Some(b's') if code.len() <= 9 => Some(Outcome::Success),
        Some(b'f') if code.len() <= 9 => Some(Outcome::Failure),
        _ => None,
    }
}

/// What a type of two to six letters or a longer name means. Exchanges for a token are told by
/// their rule, `se…ft` and `fe…ft` among them, as are calls of the Management API. None of a type
/// that is not known.
fn classify(code: &str, method: Option<&str>) -> Option<(EventKind, ActionClass, Option<Outcome>)> {
    if let Some((_, kind, class, outcome)) = TYPES.iter().find(|(name, ..)| *name == code) {
        return Some((*kind, *class, *outcome));
    }
    let by_letter = by_letter(code);
    let exchange = |code: &str| {
        let rest = code.strip_prefix("se").or_else(|| code.strip_prefix("fe"));
        rest.is_some_and(|rest| rest.ends_with("ft") || matches!(rest, "de" | "cte"))
            || code.starts_with("ciba_exchange_")
    };
    if code == "sapi" || code == "fapi" || code == "mgmt_api_read" {
        let reads = code == "mgmt_api_read" || matches!(method, Some("GET" | "HEAD"));
        let class = if reads {
            ActionClass::Read
        } else {
            ActionClass::Admin
        };
        return Some((EventKind::Admin, class, by_letter));
    }
    if exchange(code) {
        return Some((EventKind::Token, ActionClass::TokenIssue, by_letter));
    }
    if code.contains("logout") {
        return Some((EventKind::Auth, ActionClass::Logout, by_letter));
    }
    if code.starts_with("gd_send_") {
        return Some((EventKind::Auth, ActionClass::Mfa, Some(Outcome::Challenged)));
    }
    None
}

fn read<'v>(part: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let inside = part.get("data");
    let record = if inside.is_object() { inside } else { part };
    let code = record.get("type").text();
    let code = code.ok_or_else(|| Refusal::missing("type", "expected a log of Auth0"))?;
    let id = [part.get("log_id"), record.get("log_id"), record.get("_id")];
    let id = id.into_iter().find_map(Node::text);
    let id = id.ok_or_else(|| Refusal::missing("log_id", "expected the id of the log"))?;
    let time = required_instant(record, &["date"])?;
    let request = record.at("details.request");
    let method = request.get("method").text();
    let method = method.map(|method| method.to_ascii_uppercase());
    let (kind, class, outcome) = classify(&code, method.as_deref()).unwrap_or_else(|| {
        if !OTHERS.contains(&&*code) {
            record.get("type").unknown();
        }
        (EventKind::Auth, ActionClass::Other, by_letter(&code))
    });
    let nobody = Refusal::Skip("names nobody");
    let (identity, identity_kind) = who(record, &code).ok_or(nobody)?;
    let path = request.get("path").text().map(http::path);
    let action = match (&method, &path) {
        (Some(method), Some(path)) => format!("{method} {}", endpoint::by_shape(path)).into(),
        _ => code.clone(),
    };

    let own_tenant = || {
        let name = record.get("tenant_name").text();
        name.or_else(|| record.get("hostname").text())
    };
    let opening = Opening {
        id,
        time,
        kind,
        identity,
        identity_kind,
        action,
    };
    let tenant = source.tenant.map(Cow::Borrowed).or_else(own_tenant);
    let mut event = open("auth0", tenant, opening);
    // It is the token that is revoked, not the session in which somebody asked for it.
    if class != ActionClass::TokenRevoke {
        event.session = session(record, class, outcome);
    }
    event.credential = credential(record, &code, class);
    event.network = network(record);
    event.device = Device {
        user_agent: record.get("user_agent").short(),
        tls_fingerprint: ["ja4", "ja3"]
            .iter()
            .find_map(|name| record.get("security_context").get(name).short()),
        ..Device::default()
    };
    event.action.class = class.into();
    event.action.status = record.at("details.response.statusCode").count();
    let status = event.action.status.map(http::outcome);
    event.action.outcome = outcome.or(status).into();
    if code == "fapi" && status == Some(Outcome::Denied) {
        event.action.outcome = Outcome::Denied.into();
    }
    event.action.scopes = scopes(record.get("scope"));
    let gainers = gainers(path.as_deref(), method.as_deref(), request);
    event.action.resource = path.and_then(http::resource).or_else(|| {
        ["audience", "client_name", "client_id"]
            .iter()
            .find_map(|name| record.get(name).short())
            .filter(|resource| *resource != event.identity.id)
    });
    let gainers = gainers.into_iter().map(|id| (id, IdentityKind::Human));
    with_gainers(event, gainers)
}

/// The user, or the client that acted for itself.
fn who<'v>(record: Node<'v>, code: &str) -> Option<(Text<'v>, IdentityKind)> {
    let client = || record.get("client_id").text();
    let user = record.get("user_id").text().or_else(|| {
        let auth = record.at("details.request.auth");
        auth.at("user.user_id").text()
    });
    if matches!(code, "seccft" | "feccft") {
        return Some((client()?, IdentityKind::ServiceAccount));
    }
    // A client's own token has the client as its subject.
    match user {
        Some(user) => Some(match user.strip_suffix("@clients") {
            Some(client) => (client.to_owned().into(), IdentityKind::ServiceAccount),
            None => (user, IdentityKind::Human),
        }),
        // Without a user only a call of the API is the client's own doing.
        None if matches!(code, "sapi" | "fapi" | "mgmt_api_read") => {
            let id = record.at("details.request.auth.credentials.client_id");
            let client = client().or_else(|| id.text())?;
            Some((client, IdentityKind::ServiceAccount))
        }
        None => None,
    }
}

/// Who gains roles or permissions by a call of the Management API.
fn gainers<'v>(path: Option<&str>, method: Option<&str>, request: Node<'v>) -> Vec<Text<'v>> {
    let (Some(path), Some("POST")) = (path, method) else {
        return Vec::new();
    };
    let rest = path.trim_end_matches('/').trim_start_matches("/api/v2/");
    let parts: Vec<&str> = rest.split('/').collect();
    let user = |part: &str| vec![decoded(part).into()];
    match parts.as_slice() {
        ["users", id, "roles" | "permissions"] | ["organizations", _, "members", id, "roles"] => {
            user(id)
        }
        ["roles", _, "users"] => request.at("body.users").texts(),
        _ => Vec::new(),
    }
}

/// A user's id in a path: its one special sign, `|`, may be escaped.
fn decoded(part: &str) -> String {
    part.replace("%7C", "|").replace("%7c", "|")
}

fn session<'v>(record: Node<'v>, class: ActionClass, outcome: Option<Outcome>) -> Session<'v> {
    let details = record.get("details");
    let succeeded = outcome == Some(Outcome::Success);
    let factor = details.get("prompts").items().any(|prompt| {
        let name = prompt.get("name").text();
        name.is_some_and(|name| name.starts_with("mfa") || name.starts_with("guardian"))
    });
    let passed = succeeded && (class == ActionClass::Mfa || factor);
    Session {
        id: details.get("session_id").text(),
        mfa: passed.then_some(true),
        authenticated_at: details
            .get("completedAt")
            .moment()
            .filter(|_| class == ActionClass::Login && succeeded),
        ..Session::default()
    }
}

fn credential<'v>(record: Node<'v>, code: &str, class: ActionClass) -> Credential<'v> {
    let presented = record.at("details.request.auth.credentials");
    // What authenticated the call is not what it revokes.
    let id = presented.get("jti").text();
    let id = id.filter(|_| class != ActionClass::TokenRevoke);
    let strategy = record.get("strategy_type").text();
    let by_strategy = match strategy.as_deref() {
        Some("database") => Some(CredentialKind::Password),
        Some("social" | "enterprise") => Some(CredentialKind::Federated),
        _ => None,
    };
    let kind = match code {
        _ if id.is_some() => Some(CredentialKind::AccessToken),
        "seccft" | "feccft" => Some(CredentialKind::ClientSecret),
        "sertft" | "fertft" | "ferrt" | "srrt" => Some(CredentialKind::RefreshToken),
        "sepft" | "fepft" | "fp" => Some(CredentialKind::Password),
        _ if class == ActionClass::Login => by_strategy,
        _ => None,
    };
    Credential {
        id,
        kind: kind.into(),
        scopes: scopes(presented.get("scopes")),
        ..Credential::default()
    }
}

fn network<'v>(record: Node<'v>) -> Network<'v> {
    let place = record.get("location_info");
    let position = position(place.get("latitude"), place.get("longitude"));
    let ip = record.get("ip").ip();
    Network {
        ip: ip
            .or_else(|| record.get("client_ip").ip())
            .map(|ip| ip.to_string().into()),
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        country: place
            .get("country_code")
            .text()
            .filter(|code| code.len() == 2),
        city: place.get("city_name").short(),
        ..Network::default()
    }
}
