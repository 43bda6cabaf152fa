//! `okta`: the Okta System Log, one event per record, an array, an event hook (`data.events`) or
//! EventBridge's envelope (`detail`). Keys may be lower-cased, as some exporters do.
//!
//! | event | System Log |
//! |---|---|
//! | `id`, `time` | `uuid`, `published` |
//! | `kind`, `action.class` | the prefix of `eventType` (`CLASSES` below) |
//! | `identity` | `actor.id`; `actor.type` User is human, a client app a service account, SystemPrincipal a workload; an `IP address` is nobody: skipped |
//! | `session` | `authenticationContext.externalSessionId` (else `rootSessionId`); `mfa` and `assurance` from the factor that passed |
//! | `credential` | the token among `target[]`, but for `system.api_token.` (fingerprint of its `detailEntry.hash`, else its id), else `transaction.detail.requestApiTokenId`; kind also from `credentialType` |
//! | `network` | `client.ipAddress` (else `request.ipChain[0].ip`), `client.geographicalContext`, `securityContext`; the country is a name there and becomes its ISO code |
//! | `network.anonymizer` | `debugData.tunnels` (JSON in a string), else `securityContext.isProxy` |
//! | `device` | `device.id`, else `debugData.dtHash`, else `debugData.deviceFingerprint`; `posture` from `jailbreak`, `diskEncryptionType`, `managed` and `registered` |
//! | `action` | name is `eventType`; outcome from `outcome.result`, of a sign-in never a success by default; scopes from `grantedScopes`, `requestedScopes`; resource is the first target that is no user, else the user |
//! | `tenant` | the source's, else the host of `debugData.origin` |
//! | `delegation` | the user for whom a client acts |
//!
//! A membership or role granted, a token revoked for somebody, a log-out of somebody else, and a
//! request approved concern the target rather than the actor. They are two events: what the actor
//! did (`admin`), and the same under the target with the actor in `delegation`.
//!
//! `risk`, `behaviors` and `logOnlySecurityData` are Okta's own verdicts, not facts, and are not read.

use std::borrow::Cow;

use super::read::{
    Node, Opening, Refusal, concerning, each, each_part, known, open, position, required_time,
    scopes,
};
use super::secret::fingerprint;
use super::{Format, Sink, Source, countries};
use crate::event::{
    ActionClass, Anonymizer, Credential, CredentialKind, Delegate, Device, Event, EventKind,
    IdentityKind, Network, Outcome, Posture, Session,
};
use crate::json::Json;
use crate::known::Text;

/// The Okta System Log.
pub(super) struct Okta;

const BATCH: &[&str] = &["data.events", "detail"];

impl Format for Okta {
    fn name(&self) -> &'static str {
        "okta"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let of_a_log = |record: Node<'_>| {
            let has = |name| record.get(name).is_there();
            has("eventType") && has("published") && (has("actor") || has("uuid"))
        };
        // Event hooks and the event bridge wrap it.
        let record = Node::from(record);
        let mut of_a_hook = record.at("data.events").elements();
        of_a_log(record) || of_a_hook.next().is_some_and(of_a_log) || of_a_log(record.get("detail"))
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

/// The user refused a push that somebody's sign-in had sent.
const DENIED_PUSH: &str = "user.mfa.okta_verify.deny_push";

/// Somebody tried to get around the second factor.
const BYPASS: &str = "user.mfa.attempt_bypass";

/// Kind and class by the start of `eventType`; the first that fits.
const CLASSES: &[(&str, EventKind, ActionClass)] = &[
    ("user.session.start", EventKind::Auth, ActionClass::Login),
    ("user.session.end", EventKind::Auth, ActionClass::Logout),
    (
        "user.session.access_admin_app",
        EventKind::Auth,
        ActionClass::Admin,
    ),
    ("user.session.clear", EventKind::Admin, ActionClass::Admin),
    (
        "user.session.impersonation",
        EventKind::Admin,
        ActionClass::Admin,
    ),
    ("user.session.", EventKind::Auth, ActionClass::Other),
    (
        "user.authentication.auth_via_mfa",
        EventKind::Auth,
        ActionClass::Mfa,
    ),
    (
        "user.authentication.verify",
        EventKind::Auth,
        ActionClass::Mfa,
    ),
    // A log-out of one application, and of everything at once: never a sign-in.
    (
        "user.authentication.slo",
        EventKind::Session,
        ActionClass::Logout,
    ),
    (
        "user.authentication.universal_logout",
        EventKind::Session,
        ActionClass::Logout,
    ),
    // A single sign-on uses the session; nobody authenticates again.
    (
        "user.authentication.sso",
        EventKind::Auth,
        ActionClass::Other,
    ),
    ("user.authentication.", EventKind::Auth, ActionClass::Login),
    (DENIED_PUSH, EventKind::Auth, ActionClass::Mfa),
    (BYPASS, EventKind::Auth, ActionClass::Mfa),
    ("user.mfa.", EventKind::Auth, ActionClass::Write),
    (
        "user.account.privilege.grant",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "group.user_membership.add",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "user.account.privilege.",
        EventKind::Admin,
        ActionClass::Admin,
    ),
    ("user.account.", EventKind::Admin, ActionClass::Write),
    ("user.lifecycle.", EventKind::Admin, ActionClass::Admin),
    (
        "access.request.resolve",
        EventKind::Admin,
        ActionClass::Approval,
    ),
    (
        "system.api_token.revoke",
        EventKind::Admin,
        ActionClass::TokenRevoke,
    ),
    (
        "policy.evaluate_sign_on",
        EventKind::Auth,
        ActionClass::Other,
    ),
    ("security.threat.", EventKind::Auth, ActionClass::Other),
    ("device.", EventKind::Device, ActionClass::Posture),
    ("group.", EventKind::Admin, ActionClass::Admin),
    ("iam.", EventKind::Admin, ActionClass::Admin),
    ("application.", EventKind::Admin, ActionClass::Admin),
    ("policy.", EventKind::Admin, ActionClass::Admin),
    ("zone.", EventKind::Admin, ActionClass::Admin),
    ("system.api_token.", EventKind::Admin, ActionClass::Admin),
    ("system.", EventKind::Admin, ActionClass::Other),
];

fn classify(event_type: &str) -> (EventKind, ActionClass) {
    if event_type.starts_with("app.oauth2.") {
        let class = if event_type.contains("revoke") {
            ActionClass::TokenRevoke
        } else if event_type.contains("grant") && !event_type.contains("consent") {
            ActionClass::TokenIssue
        } else {
            ActionClass::Other
        };
        return (EventKind::Token, class);
    }
    let listed = CLASSES
        .iter()
        .find(|(prefix, ..)| event_type.starts_with(prefix));
    listed.map_or((EventKind::Api, ActionClass::Other), |(_, kind, class)| {
        (*kind, *class)
    })
}

fn read<'v>(record: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let event_type = record.get("eventType").text();
    let event_type =
        event_type.ok_or_else(|| Refusal::missing("eventType", "expected a System Log event"))?;
    let id = record.get("uuid").text();
    let id = id.ok_or_else(|| Refusal::missing("uuid", "expected the id of the event"))?;
    let time = required_time(record, "published")?;
    let actor = record.get("actor");
    let (identity, identity_kind) = who(actor)?;
    let (kind, class) = classify(&event_type);
    let debug = record.at("debugContext.debugData");

    let tenant = source
        .tenant
        .map(Cow::Borrowed)
        .or_else(|| host(debug.get("origin")));
    let opening = Opening {
        id,
        time,
        kind,
        identity,
        identity_kind,
        action: event_type,
    };
    let mut event = open("okta", tenant, opening);
    let outcome = outcome(record, &event.action.name, class);
    event.session = session(record, debug, &event.action.name, outcome);
    // An API token that is made, renewed or looked after is what it is done to.
    let (used, handled) = match record.get("target") {
        target if is_about_api_token(&event.action.name, class) => (Node::ABSENT, target),
        target => (target, Node::ABSENT),
    };
    event.credential = credential(record, used, debug);
    event.network = network(record, debug);
    event.device = device(record, debug);
    event.action.class = class.into();
    event.action.outcome = outcome.into();
    event.action.resource = resource(record).or_else(|| api_token(handled));
    event.action.scopes = scopes(debug.get("grantedScopes"));
    if event.action.scopes.is_empty() {
        event.action.scopes = scopes(debug.get("requestedScopes"));
    }
    event.credential.scopes = scopes(debug.get("grantedScopes"));

    let user = target(record, "User").and_then(|user| user.get("id").text());
    let user = user.filter(|user| *user != event.identity.id);
    if matches!(
        class,
        ActionClass::Privilege
            | ActionClass::TokenRevoke
            | ActionClass::Logout
            | ActionClass::Approval
    ) {
        return Ok(about_target(event, class, user));
    }
    if identity_kind == IdentityKind::ServiceAccount {
        let user = user.or_else(|| debug.get("userId").text());
        let user = user.filter(|user| *user != event.identity.id);
        event.delegation.extend(user.map(|id| Delegate {
            id,
            kind: IdentityKind::Human.into(),
        }));
    }
    Ok(vec![event])
}

/// What concerns the target: under the actor it is administration, under the target what it is.
fn about_target<'v>(
    mut event: Event<'v>,
    class: ActionClass,
    user: Option<Text<'v>>,
) -> Vec<Event<'v>> {
    let Some(user) = user else {
        if class == ActionClass::TokenRevoke {
            // It is the token that is revoked, not the session in which somebody asked for it.
            event.session = Session::default();
        }
        return vec![event];
    };
    let mut about = concerning(&event, user, IdentityKind::Human);
    if class == ActionClass::TokenRevoke {
        about.credential = std::mem::take(&mut event.credential);
    }
    event.action.class = ActionClass::Admin.into();
    vec![event, about]
}

/// The types of actors. Whatever is of another is taken for a human.
const ACTORS: &[&str] = &[
    "User",
    "PublicClientApp",
    "PublicClientAppEntity",
    "AppInstance",
    "SystemPrincipal",
    "IP address",
];

fn who<'v>(actor: Node<'v>) -> Result<(Text<'v>, IdentityKind), Refusal> {
    let word = actor.get("type").among(ACTORS).text();
    let kind = match word.as_deref() {
        Some("IP address") => return Err(Refusal::Skip("the actor is an address")),
        Some("PublicClientApp" | "PublicClientAppEntity" | "AppInstance") => {
            IdentityKind::ServiceAccount
        }
        Some("SystemPrincipal") => IdentityKind::Workload,
        _ => IdentityKind::Human,
    };
    let id = actor.get("id").always().text();
    // A sign-in under a name that the directory does not have is nobody's.
    id.map(|id| (id, kind))
        .ok_or(Refusal::Skip("the actor is not known"))
}

fn target<'v>(record: Node<'v>, kind: &str) -> Option<Node<'v>> {
    record.get("target").items().find(|target| {
        target
            .get("type")
            .text()
            .is_some_and(|it| it.eq_ignore_ascii_case(kind))
    })
}

/// What it was done to: a group, an application, a policy; a user only where nothing else is named,
/// and never a token, which is the credential and another one with every grant.
fn resource<'v>(record: Node<'v>) -> Option<Text<'v>> {
    let things = || {
        record.get("target").items().filter_map(|target| {
            let kind = target.get("type").text()?;
            let is_user = kind.eq_ignore_ascii_case("User");
            token_kind(&kind).is_none().then_some((target, is_user))
        })
    };
    let (thing, _) = things()
        .find(|(_, is_user)| !is_user)
        .or_else(|| things().next())?;
    thing.get("id").short()
}

fn token_kind(target_type: &str) -> Option<CredentialKind> {
    match target_type.to_ascii_lowercase().as_str() {
        "access_token" => Some(CredentialKind::AccessToken),
        "refresh_token" => Some(CredentialKind::RefreshToken),
        "token" => Some(CredentialKind::ApiKey),
        "id_token" | "code" => Some(CredentialKind::Federated),
        _ => None,
    }
}

/// Whether an event is about an API token with which nobody made the call.
fn is_about_api_token(event_type: &str, class: ActionClass) -> bool {
    event_type.starts_with("system.api_token.") && class != ActionClass::TokenRevoke
}

/// The id of the API token among the targets.
fn api_token<'v>(target: Node<'v>) -> Option<Text<'v>> {
    let mut tokens = target.items().filter(|target| {
        let kind = target.get("type").text().and_then(|it| token_kind(&it));
        kind == Some(CredentialKind::ApiKey)
    });
    tokens.next()?.get("id").short()
}

fn credential<'v>(record: Node<'v>, used: Node<'v>, debug: Node<'v>) -> Credential<'v> {
    let tokens = || {
        used.items()
            .filter_map(|target| Some((target, token_kind(&target.get("type").text()?)?)))
    };
    // An id token says who somebody is; it is the access token that lets them act.
    let token = tokens()
        .find(|(_, kind)| *kind != CredentialKind::Federated)
        .or_else(|| tokens().next());
    if let Some((token, kind)) = token {
        let hash = token.at("detailEntry.hash").text();
        let id = hash
            .map(|hash| Cow::Owned(fingerprint(&hash)))
            .or_else(|| token.get("id").text());
        return Credential {
            id,
            kind: kind.into(),
            ..Credential::default()
        };
    }
    if let Some(id) = record.at("transaction.detail.requestApiTokenId").text() {
        return Credential {
            id: Some(id),
            kind: CredentialKind::ApiKey.into(),
            ..Credential::default()
        };
    }
    let how = record.at("authenticationContext.credentialType").text();
    let factor = debug.get("factor").text();
    let kind = match (how.as_deref(), factor.as_deref()) {
        (_, Some(factor)) if factor.contains("WEBAUTHN") => Some(CredentialKind::Passkey),
        (Some("PASSWORD"), _) => Some(CredentialKind::Password),
        (Some("CERTIFICATE"), _) => Some(CredentialKind::Certificate),
        (Some("ASSERTION" | "IWA"), _) => Some(CredentialKind::Federated),
        _ => None,
    };
    Credential {
        kind: kind.into(),
        ..Credential::default()
    }
}

fn session<'v>(
    record: Node<'v>,
    debug: Node<'v>,
    event_type: &str,
    outcome: Option<Outcome>,
) -> Session<'v> {
    let context = record.get("authenticationContext");
    let id = context
        .get("externalSessionId")
        .text()
        .or_else(|| context.get("rootSessionId").text());
    let factor = debug
        .get("factor")
        .text()
        .filter(|factor| !factor.contains("PASSWORD"));
    let passed = outcome == Some(Outcome::Success)
        && (factor.is_some() || event_type == "user.authentication.auth_via_mfa");
    // NIST SP 800-63B: a second factor is AAL2, one that is bound to hardware AAL3.
    let hardware =
        factor.is_some_and(|factor| factor.contains("U2F") || factor.contains("SMART_CARD"));
    Session {
        id,
        mfa: passed.then_some(true),
        assurance: passed.then_some(Cow::Borrowed(if hardware { "aal3" } else { "aal2" })),
        ..Session::default()
    }
}

fn network<'v>(record: Node<'v>, debug: Node<'v>) -> Network<'v> {
    let client = record.get("client");
    let security = record.get("securityContext");
    let chain = || {
        record
            .at("request.ipChain")
            .items()
            .find_map(|hop| hop.get("ip").ip())
    };
    let place = client.get("geographicalContext");
    let position = position(place.at("geolocation.lat"), place.at("geolocation.lon"));
    let country = place.get("country").text();
    Network {
        ip: client
            .get("ipAddress")
            .ip()
            .or_else(chain)
            .map(|ip| ip.to_string().into()),
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        accuracy_km: None,
        country: country
            .and_then(|name| countries::code(&name))
            .map(Cow::Borrowed),
        city: place.get("city").short(),
        asn: security.get("asNumber").count().filter(|asn| *asn > 0),
        as_org: security.get("asOrg").short(),
        anonymizer: anonymizer(security, debug).into(),
    }
}

fn anonymizer(security: Node<'_>, debug: Node<'_>) -> Option<Anonymizer> {
    let tunnel = debug.get("tunnels").embedded(|tunnels| {
        let first = tunnels.items().next()?;
        let kind = first.get("type").always().text()?.to_ascii_lowercase();
        Some(match kind.as_str() {
            "vpn" => Anonymizer::Vpn,
            "tor" => Anonymizer::Tor,
            relay if relay.contains("relay") => Anonymizer::Relay,
            _ => Anonymizer::Proxy,
        })
    });
    let is_proxy = security.get("isProxy").truth() == Some(true);
    tunnel
        .flatten()
        .or_else(|| is_proxy.then_some(Anonymizer::Proxy))
}

fn device<'v>(record: Node<'v>, debug: Node<'v>) -> Device<'v> {
    let device = record.get("device");
    let id = device.get("id").text().or_else(|| {
        let target = target(record, "Device")?;
        target.get("id").text()
    });
    // The hash is of a cookie in one browser; the fingerprint is of what many of them have in common.
    let id = id
        .or_else(|| debug.get("dtHash").short())
        .or_else(|| debug.get("deviceFingerprint").short());
    Device {
        id,
        user_agent: record.at("client.userAgent.rawUserAgent").short(),
        posture: posture(device).into(),
        tls_fingerprint: None,
    }
}

/// An unmanaged device is not a broken one: only what is wrong with it makes it non-compliant.
fn posture(device: Node<'_>) -> Option<Posture> {
    let yes = |field: &'static str| device.get(field).truth() == Some(true);
    let unencrypted = device
        .get("diskEncryptionType")
        .text_or_none_word()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("none"));
    let stated = device.get("compliant").truth();
    if yes("jailbreak") || unencrypted || stated == Some(false) {
        Some(Posture::NonCompliant)
    } else if stated == Some(true) || yes("managed") && yes("registered") {
        Some(Posture::Compliant)
    } else {
        None
    }
}

fn outcome(record: Node<'_>, event_type: &str, class: ActionClass) -> Option<Outcome> {
    let result = record.at("outcome.result").always();
    let stated = stated_outcome(result);
    // Of these the result says that they were noted, not that a factor was passed.
    if event_type.starts_with(DENIED_PUSH) {
        return Some(Outcome::Denied);
    }
    if event_type == BYPASS {
        return stated
            .filter(|stated| *stated != Outcome::Success)
            .or(Some(Outcome::Failure));
    }
    // Nobody is in whose sign-in ended in a way that Okta does not know, or that is not known here.
    let authenticates = matches!(class, ActionClass::Login | ActionClass::Mfa);
    let is_stated = result
        .text_or_none_word()
        .is_some_and(|word| known(word).is_some() || word.eq_ignore_ascii_case("unknown"));
    stated.or_else(|| (authenticates && is_stated).then_some(Outcome::Failure))
}

fn stated_outcome(result: Node<'_>) -> Option<Outcome> {
    match result.text()?.to_ascii_uppercase().as_str() {
        "SUCCESS" | "ALLOW" => Some(Outcome::Success),
        "FAILURE" => Some(Outcome::Failure),
        "DENY" => Some(Outcome::Denied),
        "CHALLENGE" => Some(Outcome::Challenged),
        // Okta skipped the step, or the user left it: nothing was achieved by it.
        "SKIPPED" | "ABANDONED" => Some(Outcome::Failure),
        _ => {
            result.unknown();
            None
        }
    }
}

fn host<'v>(origin: Node<'v>) -> Option<Text<'v>> {
    let origin = origin.text()?;
    let (_, rest) = origin.split_once("://")?;
    known(rest.split('/').next()?).map(|host| host.to_owned().into())
}
