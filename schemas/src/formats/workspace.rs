//! `workspace`: activities of Google Workspace as the Reports API returns them, one per record, an
//! array, or `{"items":[…]}`. An activity holds several events; each becomes one.
//!
//! | event | activity |
//! |---|---|
//! | `id` | `id.applicationName`, `id.time`, `id.uniqueQualifier` and the place of the event in `events` |
//! | `time` | `id.time` |
//! | `kind`, `action.class` | by `applicationName` and `name` (`workspace_actions.rs`) |
//! | `identity` | `actor.email` in lower case, else `actor.profileId` (human; `…gserviceaccount.com` a service account); `actor.key` of a `KEY` (API key, `SYSTEM` a workload); the client of an `APPLICATION` (service account) |
//! | `session.mfa` | of a sign-in `is_second_factor`, or another challenge than the password |
//! | `credential` | kind by `login_type`; of token events `access_token`, bound to `client_id`, with `scope` |
//! | `network` | `ipAddress`; `networkInfo.regionCode` and `ipAsn` of newer records |
//! | `device` | of a device that is compromised, or no longer, `DEVICE_ID` and `DEVICE_COMPROMISED_STATE` |
//! | `action.name` | application and event: `drive.download`; of token activity `api_name:method_name` |
//! | `action.outcome` | by the name of the event, and `login_challenge_status` |
//! | `action.scopes` | `scope`; of domain-wide delegation `API_SCOPES` |
//! | `action.resource` | `doc_id`, `app_name`, role, group, or what else the event names |
//! | `action.bytes_out` | `num_response_bytes` |
//! | `tenant` | the source's, else `id.customerId` |
//!
//! Its events name the users they concern by address, as the logs of Google Cloud do: so an address
//! is the identity here. Rights given to a user or a client are two events, and so are tokens that
//! an administrator revokes.

use std::borrow::Cow;

use super::read::{Node, Opening, Refusal, concerning, open, required_time, scopes, with_gainers};
use super::unfold::{each_unfolded, first};
use super::workspace_actions::{classify, gainer};
use super::{Format, Sink, Source};
use crate::event::{
    ActionClass, Credential, CredentialKind, Device, Event, IdentityKind, Outcome, Posture, Session,
};
use crate::json::{Arena, Json, Number};
use crate::known::Text;
use crate::reject::{Reason, Reject};

/// Google Workspace.
pub(super) struct Workspace;

const BATCHES: &[&str] = &["items"];

impl Format for Workspace {
    fn name(&self) -> &'static str {
        "workspace"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let arena = Arena::new();
        let activity = first(record, &arena, BATCHES, unfold);
        activity.as_ref().map(Node::from).is_some_and(|activity| {
            let app = activity.at("id.applicationName").text();
            app.is_some() && activity.at("id.time").text().is_some()
        })
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each_unfolded(self, raw, source, BATCHES, unfold, sink, read);
    }
}

/// Activities hold a few events and less than a kibibyte beside them.
const MOST_COPIED_BYTES: usize = 16 << 20;

/// One activity for every event in it, which keeps its place.
fn unfold<'v>(part: Json<'v>, arena: &'v Arena, take: &mut dyn FnMut(Json<'v>)) {
    let events = part.member_at("events");
    let part = part.with_member("events", arena, |_| Json::Null);
    let events = match events {
        Some(Json::Array(events)) if !events.is_empty() => *events,
        Some(one @ Json::Object(_)) => std::slice::from_ref(one),
        _ => return take(part),
    };
    // What is not an event is copied to each of them.
    if part.to_string().len() * events.len() > MOST_COPIED_BYTES {
        return take(arena.object(&mut vec![("tooMany", Json::Bool(true))]));
    }
    let Json::Object(shared) = part else {
        return take(part);
    };
    for (place, event) in events.iter().enumerate() {
        let mut members = shared.as_written().to_vec();
        members.push(("event", *event));
        members.push(("place", Json::Number(Number::Unsigned(place as u64))));
        take(arena.object(&mut members));
    }
}

/// The values of an event's parameters.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'v>(Node<'v>);

impl<'v> From<Node<'v>> for Parameters<'v> {
    fn from(parameters: Node<'v>) -> Self {
        Self(parameters)
    }
}

impl<'v> Parameters<'v> {
    /// The value of a parameter, whatever type it has.
    fn node(self, name: &str) -> Node<'v> {
        const VALUES: [&str; 5] = [
            "value",
            "boolValue",
            "intValue",
            "multiValue",
            "multiIntValue",
        ];
        let parameter = self.0.items().find(|parameter| {
            let found = parameter.get("name").text();
            found.is_some_and(|found| found.eq_ignore_ascii_case(name))
        });
        let parameter = parameter.unwrap_or(Node::ABSENT);
        let values = VALUES.map(|value| parameter.get(value));
        let known = values.into_iter().find(|value| value.is_there());
        known.unwrap_or(Node::ABSENT)
    }

    pub(super) fn text(self, name: &str) -> Option<Text<'v>> {
        self.node(name).short()
    }
}

fn read<'v>(activity: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    if activity.get("tooMany").is_there() {
        let detail = "events: more than can be told apart; expected a few for each activity";
        return Err(Refusal::Reject(Reject::new(Reason::TooLarge, detail)));
    }
    let event = activity.get("event");
    let name = event.get("name").text();
    let name = name.ok_or_else(|| Refusal::missing("events", "expected events with a name"))?;
    let app = activity.at("id.applicationName").text();
    let app = app.ok_or_else(|| Refusal::missing("id.applicationName", "expected e.g. login"))?;
    let qualifier = activity.at("id.uniqueQualifier").text();
    let qualifier =
        qualifier.ok_or_else(|| Refusal::missing("id.uniqueQualifier", "expected the id"))?;
    let time = required_time(activity, "id.time")?;
    let (identity, identity_kind) = who(activity).ok_or(Refusal::Skip("names nobody"))?;
    let parameters = Parameters::from(event.get("parameters"));
    let (kind, class) = classify(&app, &name, parameters);
    let place = activity.get("place").count().unwrap_or_default();
    let opening = Opening {
        id: format!("{app}/{}/{qualifier}/{place}", time.as_millis()).into(),
        time,
        kind,
        identity,
        identity_kind,
        action: action(&app, &name, parameters).into(),
    };
    let tenant = source.tenant.map(Cow::Borrowed);
    let tenant = tenant.or_else(|| activity.at("id.customerId").short());
    let mut event = open("workspace", tenant, opening);
    let outcome = outcome(&name, parameters);
    event.session = session(class, outcome, parameters);
    event.credential = credential(&app, class, parameters);
    event.network.ip = activity
        .get("ipAddress")
        .ip()
        .map(|ip| ip.to_string().into());
    let network = activity.get("networkInfo");
    let country = network.get("regionCode").text();
    event.network.country = country.filter(|code| code.len() == 2);
    event.network.asn = network
        .get("ipAsn")
        .texts()
        .first()
        .and_then(|asn| asn.parse().ok());
    event.device = device(class, parameters);
    event.action.class = class.into();
    event.action.outcome = outcome.into();
    event.action.scopes = scopes(parameters.node("scope"));
    if event.action.scopes.is_empty() {
        event.action.scopes = scopes(parameters.node("API_SCOPES"));
    }
    event.action.bytes_out = parameters.node("num_response_bytes").count();
    event.action.resource = resource(parameters);
    about_target(event, class, parameters)
}

fn about_target<'v>(
    mut event: Event<'v>,
    class: ActionClass,
    parameters: Parameters<'v>,
) -> Result<Vec<Event<'v>>, Refusal> {
    match class {
        ActionClass::Privilege => {
            event.action.class = ActionClass::Admin.into();
            with_gainers(event, gainer(parameters))
        }
        ActionClass::TokenRevoke => {
            event.session = Session::default();
            let other = gainer(parameters).filter(|(id, _)| *id != event.identity.id);
            let Some((id, kind)) = other else {
                return Ok(vec![event]);
            };
            let about = concerning(&event, id, kind);
            event.action.class = ActionClass::Admin.into();
            Ok(vec![event, about])
        }
        _ => Ok(vec![event]),
    }
}

/// Who acted. The profile of everybody who is not signed in is this number.
fn who<'v>(activity: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    const ANONYMOUS: &str = "105250506097979753968";
    let actor = activity.get("actor").always();
    let email = actor.get("email").text().filter(|it| it != "anonymous");
    if let Some(email) = email {
        let kind = if email.ends_with(".gserviceaccount.com") {
            IdentityKind::ServiceAccount
        } else {
            IdentityKind::Human
        };
        return Some((email.to_lowercase().into(), kind));
    }
    if let Some(key) = actor.get("key").text() {
        let kind = if key == "SYSTEM" {
            IdentityKind::Workload
        } else {
            IdentityKind::ApiKey
        };
        return Some((key, kind));
    }
    if let Some(client) = actor.at("applicationInfo.oauthClientId").text() {
        return Some((client, IdentityKind::ServiceAccount));
    }
    let profile = actor.get("profileId").text().filter(|it| it != ANONYMOUS)?;
    Some((profile, IdentityKind::Human))
}

fn action(app: &str, name: &str, parameters: Parameters<'_>) -> String {
    if (app, name) == ("token", "activity")
        && let Some(method) = parameters.text("method_name")
    {
        let api = parameters.text("api_name").unwrap_or(Cow::Borrowed(app));
        return format!("{api}:{method}");
    }
    format!("{app}.{name}")
}

fn outcome(name: &str, parameters: Parameters<'_>) -> Outcome {
    let challenge = parameters.text("login_challenge_status");
    let challenge = challenge.map(|status| status.to_lowercase());
    match challenge.as_deref() {
        Some(status) if status.contains("fail") => return Outcome::Failure,
        Some(status) if status.contains("pass") => return Outcome::Success,
        _ => {}
    }
    if name.ends_with("_failure") {
        Outcome::Failure
    } else if name.ends_with("_blocked") || name == "deny" {
        Outcome::Denied
    } else if name == "login_challenge" {
        Outcome::Challenged
    } else {
        Outcome::Success
    }
}

fn session<'v>(class: ActionClass, outcome: Outcome, parameters: Parameters<'v>) -> Session<'v> {
    let signs_in = matches!(class, ActionClass::Login | ActionClass::Mfa);
    let challenges = parameters.node("login_challenge_method").texts();
    let second = challenges.iter().any(|method| {
        !matches!(
            method.as_ref(),
            "password" | "knowledge_preregistered_email"
        )
    });
    let strong = challenges
        .iter()
        .any(|method| matches!(method.as_ref(), "security_key" | "passkey"));
    let mfa = signs_in
        && outcome == Outcome::Success
        && (second || parameters.node("is_second_factor").truth() == Some(true));
    Session {
        mfa: mfa.then_some(true),
        // NIST SP 800-63B: a second factor is AAL2, one bound to hardware AAL3.
        assurance: mfa.then_some(Cow::Borrowed(if strong { "aal3" } else { "aal2" })),
        ..Session::default()
    }
}

fn credential<'v>(app: &str, class: ActionClass, parameters: Parameters<'v>) -> Credential<'v> {
    if app == "token" {
        return Credential {
            kind: CredentialKind::AccessToken.into(),
            bound_to: parameters.text("client_id"),
            scopes: scopes(parameters.node("scope")),
            ..Credential::default()
        };
    }
    let how = parameters.text("login_type");
    let kind = match how.as_deref() {
        _ if !matches!(class, ActionClass::Login | ActionClass::Mfa) => None,
        Some("google_password") => Some(CredentialKind::Password),
        Some("saml") => Some(CredentialKind::Federated),
        Some("passkey") => Some(CredentialKind::Passkey),
        Some("exchange") => Some(CredentialKind::AccessToken),
        _ => None,
    };
    Credential {
        kind: kind.into(),
        ..Credential::default()
    }
}

fn device<'v>(class: ActionClass, parameters: Parameters<'v>) -> Device<'v> {
    let user_agent = parameters.text("user_agent");
    if class != ActionClass::Posture {
        return Device {
            user_agent,
            ..Device::default()
        };
    }
    let state = parameters.text("DEVICE_COMPROMISED_STATE");
    let posture = match state.as_deref() {
        None | Some("COMPROMISED") => Some(Posture::NonCompliant),
        Some("NOT_COMPROMISED") => Some(Posture::Compliant),
        Some(_) => None,
    };
    Device {
        id: parameters.text("DEVICE_ID"),
        user_agent,
        posture: posture.into(),
        ..Device::default()
    }
}

fn resource<'v>(parameters: Parameters<'v>) -> Option<Text<'v>> {
    const NAMES: &[&str] = &[
        "doc_id",
        "ROLE_NAME",
        "GROUP_EMAIL",
        "app_name",
        "API_CLIENT_NAME",
        "APPLICATION_NAME",
        "SETTING_NAME",
        "USER_EMAIL",
        "DOMAIN_NAME",
        "group_email",
        "calendar_id",
        "affected_email_address",
    ];
    NAMES.iter().find_map(|name| parameters.text(name))
}
