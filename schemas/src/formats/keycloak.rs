//! `keycloak`: user events and admin events of Keycloak, as JSON (an event listener, the admin API) or
//! as the lines of its log (`type=LOGIN, realmId=…`), also inside a JSON log (`message` or `log`).
//!
//! | event | user event | admin event |
//! |---|---|---|
//! | `id`, `time` | `id`, else a hash; `time` (milliseconds), of a line its date | the same |
//! | `kind`, `action.class` | `type`, see [`CLASSES`] | `admin`, `admin` |
//! | `action.name` | `type` without `_ERROR` | `operationType` and `resourceType` |
//! | `action.outcome` | `failure` with `_ERROR` or an `error`; `denied` where the error is a refusal | `error` |
//! | `identity` | `userId` (human); of a service account (`details.username` is `service-account-` and `clientId`) and of `CLIENT_LOGIN`, `INTROSPECT_TOKEN` and `TOKEN_EXCHANGE` `clientId` (service account) | `authDetails.userId` |
//! | `session` | `sessionId`, else `details.code_id`; `mfa` by `credential_type` | none |
//! | `credential` | `details.token_id`; of `REFRESH_TOKEN` and `REVOKE_GRANT` `refresh_token_id`, where there is one; else the kind by `auth_method`, `client_auth_method`, `identity_provider`, `credential_type` | none |
//! | `action.scopes` | `details.scope` | of a role mapping the names of the roles |
//! | `action.resource` | `clientId` | `resourcePath` |
//! | `network.ip` | `ipAddress` | `authDetails.ipAddress` |
//! | `tenant` | the source's, else `realmName`, else `realmId` | the same |
//! | `delegation` | `details.impersonator`; the user for whom a client exchanges a token | none |
//!
//! Role mappings and memberships of a user that an administrator creates are two events: what the
//! administrator did (`admin`), and `privilege` under the user who gains.
//!
//! The date of a line is the first in it that is one: RFC 3339, or `2026-11-20 10:15:30,123`, which is
//! taken for UTC where no offset follows. A line with a time of day only is refused. Events with
//! `userId=null`, under a name that the realm does not have, are nobody's and skipped; so are the
//! lines of the same log that are no events.

use std::borrow::Cow;

use super::keycloak_line;
use super::read::{
    Node, Opening, Refusal, concerning, each_part, open, parse, required_instant, scopes,
};
use super::secret::fingerprint;
use super::{Decoded, Format, Sink, Source};
use crate::event::{
    ActionClass, Credential, CredentialKind, Delegate, Event, EventKind, IdentityKind, Outcome,
    Session,
};
use crate::json::{Arena, Json};
use crate::known::Text;
use crate::record::check_raw;
use crate::reject::{Reason, Reject};

/// Keycloak's user and admin events.
pub(super) struct Keycloak;

impl Format for Keycloak {
    fn name(&self) -> &'static str {
        "keycloak"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let has = |name: &str| record.get(name).is_some();
        let user_event = has("realmId") && has("type") && (has("clientId") || has("details"));
        let admin_event = has("operationType") && (has("resourceType") || has("resourcePath"));
        let logged =
            keycloak_line::in_json(record).is_some_and(|line| keycloak_line::event(line).is_some());
        user_event || admin_event || logged
    }

    fn recognises_text(&self, raw: &[u8]) -> bool {
        std::str::from_utf8(raw).is_ok_and(|line| keycloak_line::event(line).is_some())
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        let is_json = raw
            .iter()
            .find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte))
            .is_none_or(|first| matches!(first, b'{' | b'['));
        let arena = Arena::for_text(raw.len());
        let record = match is_json {
            // A prefix may begin with a bracket: `[2026-11-20 10:15:30,123] type=LOGIN, …`.
            true => parse(raw, &arena).or_else(|reject| match has_prefix(raw) {
                true => from_line(raw, &arena),
                false => Err(reject),
            }),
            false => from_line(raw, &arena),
        };
        match record {
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
        let arena = Arena::new();
        let record = unwrapped(record, &arena);
        each_part(self, &record, raw.len(), source, &[], sink, read);
    }
}

/// Whether there is an event behind a prefix in which no JSON has begun.
fn has_prefix(raw: &[u8]) -> bool {
    let line = std::str::from_utf8(raw).unwrap_or_default();
    let prefix = keycloak_line::event(line).and_then(|at| line.get(..at));
    prefix.is_some_and(|prefix| !prefix.contains(['{', '"']))
}

/// The record of a line of text.
fn from_line<'v>(raw: &'v [u8], arena: &'v Arena) -> Result<Json<'v>, Reject> {
    let raw = check_raw(raw)?;
    let line = std::str::from_utf8(raw).map_err(|error| {
        let detail = format!("record: not UTF-8 at byte {}", error.valid_up_to());
        Reject::new(Reason::NotUtf8, detail)
    })?;
    Ok(keycloak_line::record(line.trim(), None, arena))
}

/// Events in place of the lines that a JSON log wraps.
fn unwrapped<'v>(record: &Json<'v>, arena: &'v Arena) -> Json<'v> {
    let event = |record: &Json<'v>| {
        let line = keycloak_line::in_json(record)?;
        let time = ["timestamp", "@timestamp", "time"]
            .iter()
            .find_map(|name| record.get(name).copied());
        Some(keycloak_line::record(line, time, arena))
    };
    match record {
        Json::Array(parts) if parts.iter().any(|it| keycloak_line::in_json(it).is_some()) => {
            let part = |part: &Json<'v>| event(part).unwrap_or(*part);
            arena.array(&parts.iter().map(part).collect::<Vec<_>>())
        }
        record => event(record).unwrap_or(*record),
    }
}

/// Kind and class by the type of a user event without `_ERROR`; others are `auth` and `other`.
const CLASSES: &[(&str, EventKind, ActionClass)] = {
    use ActionClass::{Admin, Delete, Login, Logout, Other, Read, TokenIssue, TokenRevoke, Write};
    use EventKind::{Auth, Token};
    &[
        ("LOGIN", Auth, Login),
        ("LOGOUT", Auth, Logout),
        ("CODE_TO_TOKEN", Token, TokenIssue),
        // The session is used, nobody authenticates again.
        ("REFRESH_TOKEN", Token, Other),
        ("TOKEN_EXCHANGE", Token, TokenIssue),
        ("CLIENT_LOGIN", Token, TokenIssue),
        ("OAUTH2_DEVICE_CODE_TO_TOKEN", Token, TokenIssue),
        ("AUTHREQID_TO_TOKEN", Token, TokenIssue),
        ("PERMISSION_TOKEN", Token, TokenIssue),
        ("INTROSPECT_TOKEN", Token, Read),
        ("VALIDATE_ACCESS_TOKEN", Token, Read),
        ("USER_INFO_REQUEST", Token, Read),
        ("REVOKE_GRANT", Token, TokenRevoke),
        ("REGISTER", Auth, Write),
        ("UPDATE_PASSWORD", Auth, Write),
        ("RESET_PASSWORD", Auth, Write),
        ("UPDATE_CREDENTIAL", Auth, Write),
        ("REMOVE_CREDENTIAL", Auth, Write),
        ("UPDATE_TOTP", Auth, Write),
        ("REMOVE_TOTP", Auth, Write),
        ("UPDATE_EMAIL", Auth, Write),
        ("UPDATE_PROFILE", Auth, Write),
        ("FEDERATED_IDENTITY_LINK", Auth, Write),
        ("REMOVE_FEDERATED_IDENTITY", Auth, Write),
        ("GRANT_CONSENT", Auth, Write),
        ("DELETE_ACCOUNT", Auth, Delete),
        ("IMPERSONATE", EventKind::Admin, Admin),
        ("CLIENT_REGISTER", EventKind::Admin, Admin),
        ("CLIENT_UPDATE", EventKind::Admin, Admin),
        ("CLIENT_DELETE", EventKind::Admin, Admin),
    ]
};

/// The other types of `EventType` in Keycloak 26: steps of a flow, of which nothing follows here.
const STEPS: &[&str] = &[
    "CLIENT_INFO",
    "CLIENT_INITIATED_ACCOUNT_LINKING",
    "CUSTOM_REQUIRED_ACTION",
    "EXECUTE_ACTIONS",
    "EXECUTE_ACTION_TOKEN",
    "FEDERATED_IDENTITY_OVERRIDE_LINK",
    "IDENTITY_PROVIDER_FIRST_LOGIN",
    "IDENTITY_PROVIDER_LINK_ACCOUNT",
    "IDENTITY_PROVIDER_LOGIN",
    "IDENTITY_PROVIDER_POST_LOGIN",
    "IDENTITY_PROVIDER_RESPONSE",
    "IDENTITY_PROVIDER_RETRIEVE_TOKEN",
    "INVALID_SIGNATURE",
    "INVITE_ORG",
    "OAUTH2_DEVICE_AUTH",
    "OAUTH2_DEVICE_VERIFY_USER_CODE",
    "OAUTH2_EXTENSION_GRANT",
    "PUSHED_AUTHORIZATION_REQUEST",
    "REGISTER_NODE",
    "RESTART_AUTHENTICATION",
    "SEND_IDENTITY_PROVIDER_LINK",
    "SEND_RESET_PASSWORD",
    "SEND_VERIFY_EMAIL",
    "UNREGISTER_NODE",
    "UPDATE_CONSENT",
    "USER_DISABLED_BY_PERMANENT_LOCKOUT",
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
    "VERIFY_EMAIL",
    "VERIFY_PROFILE",
];

fn read<'v>(record: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    if let Some(why) = record.get(keycloak_line::NO_EVENT).text() {
        return Err(no_event(&why));
    }
    if record.get("operationType").text().is_some() {
        return read_admin(record, source);
    }
    let code = record.get("type").text();
    let code = code.ok_or_else(|| {
        Refusal::missing(
            "type",
            "expected a user event, or operationType of an admin event",
        )
    })?;
    let details = record.get("details");
    let action = code.strip_suffix("_ERROR").unwrap_or(&code).to_owned();
    let listed = CLASSES.iter().find(|(name, ..)| *name == action);
    let (kind, class) = match listed {
        Some((_, kind, class)) => (*kind, *class),
        None => {
            if !STEPS.contains(&action.as_str()) {
                record.get("type").unknown();
            }
            (EventKind::Auth, ActionClass::Other)
        }
    };
    let time = time(record)?;
    let (identity, identity_kind) = who(record, details, &action)?;
    let opening = Opening {
        id: id(record),
        time,
        kind,
        identity,
        identity_kind,
        action: action.into(),
    };
    let mut event = open("keycloak", tenant(record, source), opening);
    let failed = code.ends_with("_ERROR");
    event.action.outcome = outcome(record, failed).into();
    event.action.class = class.into();
    event.action.scopes = scopes(details.get("scope"));
    let client = record.get("clientId").short();
    event.action.resource = client.filter(|client| *client != event.identity.id);
    event.network.ip = record.get("ipAddress").ip().map(|ip| ip.to_string().into());
    event.credential = credential(details, &event.action.name, class);
    // It is the token that is revoked, not the session in which somebody asked for it.
    if class != ActionClass::TokenRevoke {
        event.session = session(record, details, class, failed);
    }
    event.delegation = delegation(record, details, &event);
    Ok(vec![event])
}

fn no_event(why: &str) -> Refusal {
    if why == keycloak_line::OTHER_LINE {
        return Refusal::Skip("a line of the log that is no event");
    }
    let detail = "record: expected a JSON object, or a line of the log with `type=` or \
                  `operationType=` and `realmId=`";
    Refusal::Reject(Reject::new(Reason::WrongFormat, detail))
}

fn time(record: Node<'_>) -> Result<crate::time::EventTime, Refusal> {
    if record.get(keycloak_line::UNDATED).truth() == Some(true) {
        let detail = "time: the line has no date, at most a time of day; expected one such as \
                      `2026-11-20 10:15:30,123`. Set the format of Keycloak's log handler to \
                      begin with %d{yyyy-MM-dd HH:mm:ss,SSS}";
        return Err(Refusal::Reject(Reject::new(Reason::BadTime, detail)));
    }
    required_instant(record, &["time"])
}

fn id<'v>(record: Node<'v>) -> Text<'v> {
    let id = record.get("id").text();
    id.unwrap_or_else(|| fingerprint(&record.canonical()).into())
}

fn tenant<'v>(record: Node<'v>, source: Source<'v>) -> Option<Text<'v>> {
    let realm = || {
        let name = record.get("realmName").text();
        name.or_else(|| record.get("realmId").text())
    };
    source.tenant.map(Cow::Borrowed).or_else(realm)
}

const SERVICE_ACCOUNT: &str = "service-account-";

/// Who did it. A client's service account has a user of its own, by whose name the client is known.
fn who<'v>(
    record: Node<'v>,
    details: Node<'v>,
    action: &str,
) -> Result<(Text<'v>, IdentityKind), Refusal> {
    let client = record.get("clientId").text();
    let by_client = matches!(
        action,
        "CLIENT_LOGIN" | "INTROSPECT_TOKEN" | "TOKEN_EXCHANGE"
    );
    let error = record.get("error").text();
    let is_known = !matches!(
        error.as_deref(),
        Some("client_not_found" | "invalid_client" | "user_not_found")
    );
    if let Some(client) = client.clone().filter(|_| by_client && is_known) {
        return Ok((client, IdentityKind::ServiceAccount));
    }
    let user = record.get("userId").text();
    // A name is what somebody typed until there is a user of it, and anybody may register one that
    // begins like this: only the client itself uses its own account.
    let name = details.get("username").text();
    let account = name
        .as_deref()
        .and_then(|name| name.strip_prefix(SERVICE_ACCOUNT));
    let is_own = is_known && user.is_some() && account.is_some();
    if let Some(client) = client.filter(|client| is_own && account == Some(&**client)) {
        return Ok((client, IdentityKind::ServiceAccount));
    }
    user.map(|user| (user, IdentityKind::Human))
        .ok_or(Refusal::Skip("the user is not known"))
}

fn session<'v>(
    record: Node<'v>,
    details: Node<'v>,
    class: ActionClass,
    failed: bool,
) -> Session<'v> {
    let factor = details.get("credential_type").text();
    let second = factor
        .is_some_and(|factor| matches!(&*factor, "otp" | "webauthn" | "recovery-authn-codes"));
    Session {
        id: record
            .get("sessionId")
            .text()
            .or_else(|| details.get("code_id").text()),
        mfa: (second && class == ActionClass::Login && !failed).then_some(true),
        ..Session::default()
    }
}

fn credential<'v>(details: Node<'v>, action: &str, class: ActionClass) -> Credential<'v> {
    let word = |name: &'static str| details.get(name).text();
    let of_refresh = matches!(action, "REFRESH_TOKEN" | "REVOKE_GRANT");
    let refresh = word("refresh_token_id").filter(|_| of_refresh);
    let token = word("token_id");
    let kind = if refresh.is_some() {
        Some(CredentialKind::RefreshToken)
    } else if token.is_some() {
        Some(CredentialKind::AccessToken)
    } else if action == "CLIENT_LOGIN" {
        Some(match word("client_auth_method").as_deref() {
            Some("client-x509") => CredentialKind::Certificate,
            Some("client-jwt" | "federated-jwt") => CredentialKind::Federated,
            _ => CredentialKind::ClientSecret,
        })
    } else if class != ActionClass::Login {
        None
    } else if word("identity_provider").is_some() {
        Some(CredentialKind::Federated)
    } else {
        match word("credential_type").as_deref() {
            Some(passkey) if passkey.starts_with("webauthn") => Some(CredentialKind::Passkey),
            Some("password" | "otp") => Some(CredentialKind::Password),
            _ => None,
        }
    };
    Credential {
        id: refresh.or(token),
        kind: kind.into(),
        scopes: scopes(details.get("scope")),
        ..Credential::default()
    }
}

fn delegation<'v>(record: Node<'v>, details: Node<'v>, event: &Event<'v>) -> Vec<Delegate<'v>> {
    let is_client = event.identity.kind.known() == Some(IdentityKind::ServiceAccount);
    let account = details.get("username").text();
    let own = account.is_some_and(|name| name.starts_with(SERVICE_ACCOUNT));
    // The user of a client's login is the client's own.
    let user = record
        .get("userId")
        .text()
        .filter(|_| is_client && !own && event.action.name == "TOKEN_EXCHANGE");
    let links = [user, details.get("impersonator").text()];
    links
        .into_iter()
        .flatten()
        .map(|id| Delegate {
            id,
            kind: IdentityKind::Human.into(),
        })
        .collect()
}

fn outcome(record: Node<'_>, failed: bool) -> Outcome {
    const REFUSALS: [&str; 8] = [
        "access_denied",
        "not_allowed",
        "rejected_by_user",
        "user_disabled",
        "user_temporarily_disabled",
        "client_disabled",
        "unauthorized_client",
        "consent_denied",
    ];
    match record.get("error").text() {
        Some(error) if REFUSALS.contains(&&*error) => Outcome::Denied,
        Some(_) => Outcome::Failure,
        None if failed => Outcome::Failure,
        None => Outcome::Success,
    }
}

const OPERATIONS: &[&str] = &["CREATE", "UPDATE", "DELETE", "ACTION"];

fn read_admin<'v>(record: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    // A line of the log has the administrator's own fields beside the others.
    let inside = record.get("authDetails");
    let actor = if inside.is_object() { inside } else { record };
    let operation = record.get("operationType").among(OPERATIONS);
    let operation = operation.text().unwrap_or_default();
    let thing = record.get("resourceType").text();
    let time = time(record)?;
    let nobody = Refusal::Skip("the administrator is not known");
    let name = actor.get("username").text();
    let account = name.and_then(|name| Some(name.strip_prefix(SERVICE_ACCOUNT)?.to_owned()));
    let (identity, identity_kind) = match account {
        Some(client) => (client.into(), IdentityKind::ServiceAccount),
        None => (
            actor.get("userId").text().ok_or(nobody)?,
            IdentityKind::Human,
        ),
    };
    let opening = Opening {
        id: id(record),
        time,
        kind: EventKind::Admin,
        identity,
        identity_kind,
        action: match &thing {
            Some(thing) => format!("{operation} {thing}").into(),
            None => operation.clone(),
        },
    };
    let mut event = open("keycloak", tenant(record, source), opening);
    event.action.class = ActionClass::Admin.into();
    event.action.outcome = outcome(record, false).into();
    event.action.resource = record.get("resourcePath").short();
    event.network.ip = actor.get("ipAddress").ip().map(|ip| ip.to_string().into());

    let grants = operation == "CREATE"
        && matches!(
            thing.as_deref(),
            Some("REALM_ROLE_MAPPING" | "CLIENT_ROLE_MAPPING" | "GROUP_MEMBERSHIP")
        );
    let gainer = event.action.resource.as_deref().and_then(|path| {
        let id = path.strip_prefix("users/")?.split('/').next()?;
        (grants && !id.is_empty()).then(|| id.to_owned())
    });
    let Some(gainer) = gainer else {
        return Ok(vec![event]);
    };
    let mut gain = concerning(&event, gainer.into(), IdentityKind::Human);
    gain.action.class = ActionClass::Privilege.into();
    gain.action.scopes = roles(record.get("representation"));
    Ok(vec![event, gain])
}

/// The names of the roles or of the group that were given: JSON, mostly in a string.
fn roles<'v>(representation: Node<'v>) -> Vec<Text<'v>> {
    let roles = representation.embedded(|given| {
        let names = given
            .items()
            .filter_map(|role| role.get("name").always().short());
        names.map(|name| name.into_owned().into()).collect()
    });
    roles.unwrap_or_default()
}
