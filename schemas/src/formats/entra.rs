//! `entra`: Microsoft Entra sign-ins of users, service principals and managed identities, directory
//! audits (`entra_audit.rs`) and calls of Microsoft Graph (`entra_graph.rs`), as Azure Monitor
//! exports them (fields under `properties`, `{"records":[…]}` from Event Hubs), as Microsoft Graph
//! returns them (fields at the top, `{"value":[…]}`), or as tables of Log Analytics (names in
//! another case, objects as JSON in a string).
//!
//! | event | sign-in |
//! |---|---|
//! | `id`, `time` | `id`, `createdDateTime` (else the export's `time`, `TimeGenerated`) |
//! | `kind`, `action.class` | `auth` and `login`; of a non-interactive user sign-in `token` and `other`: a refresh token is used, nobody authenticates again; nor where every step was `Previously satisfied`: `auth` and `other`; error 500121, a factor that was not passed: `mfa` |
//! | `identity` | `userId` (human; AI agent where `agent.agentSubjectType` says so), else `servicePrincipalId` (service account; of a managed identity a workload), else `appId`; AI agent by `agent.agentType`, known by `appId` first |
//! | `session` | `sessionId`; `mfa` and `assurance` of a success from `authenticationRequirement` and the methods in `authenticationDetails` |
//! | `credential` | of users `uniqueTokenIdentifier`, the token that a success was given; of others `servicePrincipalCredentialKeyId`, else thumbprint, else `federatedCredentialId`; kind also from `clientCredentialType` |
//! | `credential.bound_to` | the device, where `signInTokenProtectionStatus` is `bound` |
//! | `network` | `ipAddress`, `location`, `autonomousSystemNumber`; anonymiser by risk event `anonymizedIPAddress` |
//! | `device` | `deviceDetail.deviceId`, `userAgent`; posture from `isCompliant` of a managed one |
//! | `action.name` | flow, protocol and client: `user.sign_in:deviceCode:Browser` |
//! | `action.outcome` | `status.errorCode` or `resultType`: 0 success, interrupts challenged, 53000, what blocks an account and a prompt that the user declined denied |
//! | `action.scopes` | `Oauth Scope Info` of `authenticationProcessingDetails`; of a success they are the credential's too |
//! | `action.resource` | `resourceDisplayName`, else `resourceIdentity` |
//! | `tenant` | the source's, else `AADTenantId`, `tenantId`, `homeTenantId` |
//! | `action.target_tenant` | `resourceTenantId`, where it is not `homeTenantId` |
//! | `delegation` | the user for whom an agent signs in; `agent.agentSubjectParentId` of an agent's own account |
//!
//! A sign-in under a name that the directory does not have is nobody's and is skipped, like other
//! logs of Entra. Risk levels are Microsoft's own verdicts and are not read.

use std::borrow::Cow;

use super::read::{Node, Opening, Refusal, known, open, position, required_time};
use super::unfold::{each_unfolded, first, parse_members};
use super::{Format, Sink, Source, entra_audit, entra_graph};
use crate::event::{
    ActionClass, Anonymizer, Credential, CredentialKind, Delegate, Device, Event, EventKind,
    IdentityKind, Network, Outcome, Posture, Session,
};
use crate::json::{Arena, Json};
use crate::known::Text;
use crate::time::EventTime;

/// Microsoft Entra's logs.
pub(super) struct Entra;

const BATCHES: &[&str] = &["records", "value"];

impl Format for Entra {
    fn name(&self) -> &'static str {
        "entra"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let arena = Arena::new();
        let record = first(record, &arena, BATCHES, unfold);
        record.as_ref().map(Node::from).is_some_and(|record| {
            let fields = fields(record);
            let has = |field| fields.get(field).is_there();
            entra_audit::is_audit(fields)
                || has("appId")
                    && (has("createdDateTime") || has("correlationId"))
                    && (has("userId") || has("servicePrincipalId"))
                || entra_graph::is_call(record, fields)
        })
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each_unfolded(self, raw, source, BATCHES, unfold, sink, read);
    }
}

fn unfold<'v>(part: Json<'v>, arena: &'v Arena, take: &mut dyn FnMut(Json<'v>)) {
    let part = parse_members(part, arena);
    take(part.with_member("properties", arena, |fields| parse_members(fields, arena)));
}

/// Where the fields of the record are: under `properties` in Azure Monitor's shape.
fn fields<'v>(record: Node<'v>) -> Node<'v> {
    let inside = record.get("properties");
    if inside.is_object() { inside } else { record }
}

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Interactive,
    NonInteractive,
    ServicePrincipal,
    ManagedIdentity,
}

fn read<'v>(record: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let fields = fields(record);
    if entra_audit::is_audit(fields) {
        return entra_audit::read(record, fields, source);
    }
    if entra_graph::is_call(record, fields) {
        return entra_graph::read(record, fields, source);
    }
    let flow = flow(record, fields)?;
    let id = fields.get("id").text();
    let id = id.or_else(|| fields.get("originalRequestId").text());
    let id = id.ok_or_else(|| Refusal::missing("id", "expected the id of the sign-in"))?;
    let (identity, chain) = who(fields, flow).ok_or(Refusal::Skip("names nobody"))?;
    let opening = Opening {
        id,
        time: time(record, fields, "createdDateTime")?,
        kind: match flow {
            Flow::NonInteractive => EventKind::Token,
            _ => EventKind::Auth,
        },
        identity: identity.0,
        identity_kind: identity.1,
        action: name(fields, flow).into(),
    };
    let mut event = open("entra", tenant(record, fields, source), opening);
    let outcome = outcome(record, fields);
    let succeeded = outcome == Some(Outcome::Success);
    let is_single_sign_on = flow == Flow::Interactive && succeeded && shows_nothing_new(fields);
    event.session = session(fields, succeeded && !is_single_sign_on);
    event.network = network(record, fields);
    event.device = device(fields);
    event.credential = credential(fields, flow, succeeded, &event.device);
    event.action.class = match flow {
        Flow::NonInteractive => ActionClass::Other,
        _ if is_single_sign_on => ActionClass::Other,
        _ if is_factor_missed(record, fields) => ActionClass::Mfa,
        _ => ActionClass::Login,
    }
    .into();
    event.action.outcome = outcome.into();
    event.action.scopes = granted(fields);
    if succeeded {
        event.credential.scopes = event.action.scopes.clone();
    }
    let resource = fields.get("resourceDisplayName").short();
    event.action.resource = resource.or_else(|| fields.get("resourceIdentity").short());
    let (home, other) = (
        fields.get("homeTenantId").short(),
        fields.get("resourceTenantId").short(),
    );
    event.action.target_tenant = other.filter(|other| home.is_some_and(|home| home != *other));
    event.delegation.extend(chain);
    Ok(vec![event])
}

fn flow(record: Node<'_>, fields: Node<'_>) -> Result<Flow, Refusal> {
    let category = record.get("category").text();
    let category = category.or_else(|| record.get("Type").text());
    let category = category.map(|it| it.to_ascii_lowercase());
    if category.as_deref().is_some_and(|it| !it.contains("signin")) {
        return Err(Refusal::Skip("another log of Entra"));
    }
    let types = fields.get("signInEventTypes").text();
    let stated = category.or_else(|| Some(types?.to_ascii_lowercase()));
    let says = |flow: &str| stated.as_deref().is_some_and(|it| it.contains(flow));
    let is_user = ["userId", "userPrincipalName"]
        .iter()
        .any(|field| fields.get(field).text().is_some());
    Ok(if says("noninteractive") {
        Flow::NonInteractive
    } else if says("managedidentity") {
        Flow::ManagedIdentity
    } else if says("serviceprincipal")
        || !is_user && fields.get("servicePrincipalId").text().is_some()
    {
        Flow::ServicePrincipal
    } else if fields.get("isInteractive").truth() == Some(false) {
        Flow::NonInteractive
    } else {
        Flow::Interactive
    })
}

/// Who signs in, and for whom.
fn who<'v>(
    fields: Node<'v>,
    flow: Flow,
) -> Option<((Text<'v>, IdentityKind), Option<Delegate<'v>>)> {
    let agent = |field: &'static str| {
        let kind = fields.get("agent").get(field).text();
        kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("notAgentic"))
    };
    let principal = fields.get("servicePrincipalId").text().filter(is_somebody);
    let app = fields.get("appId").text();
    // Where an agent acts for a user only its appId is told: it is the same agent that signs in itself.
    let client = if agent("agentType") {
        app.or(principal)
    } else {
        principal.or(app)
    };
    let parent = fields.at("agent.agentSubjectParentId").text();
    let parent = parent.map(|id| Delegate {
        id,
        kind: IdentityKind::AiAgent.into(),
    });
    if matches!(flow, Flow::ServicePrincipal | Flow::ManagedIdentity) {
        let kind = match flow {
            _ if agent("agentType") => IdentityKind::AiAgent,
            Flow::ManagedIdentity => IdentityKind::Workload,
            _ => IdentityKind::ServiceAccount,
        };
        return Some(((client?, kind), parent));
    }
    let id = fields.get("userId");
    let user = match id.text() {
        Some(id) => Some(id).filter(is_somebody),
        // An empty id is the directory's word that there is no such user.
        None if id.text_or_none_word().is_some() => None,
        None => fields.get("userPrincipalName").text(),
    }?;
    if agent("agentSubjectType") {
        return Some(((user, IdentityKind::AiAgent), parent));
    }
    if agent("agentType") {
        let user = Delegate {
            id: user,
            kind: IdentityKind::Human.into(),
        };
        return Some(((client?, IdentityKind::AiAgent), Some(user)));
    }
    Some(((user, IdentityKind::Human), None))
}

pub(super) fn is_somebody(id: &Text<'_>) -> bool {
    !id.bytes().all(|byte| matches!(byte, b'0' | b'-'))
}

/// The time of what happened, else that of the export.
pub(super) fn time(
    record: Node<'_>,
    fields: Node<'_>,
    field: &'static str,
) -> Result<EventTime, Refusal> {
    if fields.get(field).text().is_some() {
        return required_time(fields, field);
    }
    let exported = ["time", "TimeGenerated"];
    match exported.iter().find(|it| record.get(it).text().is_some()) {
        Some(exported) => required_time(record, exported),
        None => required_time(fields, field),
    }
}

/// In the tables of Log Analytics `TenantId` is the workspace, and `AADTenantId` the tenant.
pub(super) fn tenant<'v>(
    record: Node<'v>,
    fields: Node<'v>,
    source: Source<'v>,
) -> Option<Text<'v>> {
    let in_a_table = record.get("TimeGenerated").is_there();
    let stated = [
        record.get("AADTenantId"),
        if in_a_table {
            Node::ABSENT
        } else {
            record.get("tenantId")
        },
        if in_a_table {
            Node::ABSENT
        } else {
            fields.get("tenantId")
        },
        fields.get("homeTenantId"),
    ];
    let stated = || stated.iter().find_map(|node| node.short());
    source.tenant.map(Cow::Borrowed).or_else(stated)
}

fn name(fields: Node<'_>, flow: Flow) -> String {
    let mut name = match flow {
        Flow::Interactive => "user.sign_in",
        Flow::NonInteractive => "user.token",
        Flow::ServicePrincipal => "service_principal.sign_in",
        Flow::ManagedIdentity => "managed_identity.sign_in",
    }
    .to_owned();
    for part in ["authenticationProtocol", "clientAppUsed"] {
        if let Some(part) = fields.get(part).short() {
            name.extend([":", &part]);
        }
    }
    name
}

/// A method by which nobody else can be made to sign in: bound to hardware or to the site.
fn is_phishing_resistant(method: &str) -> bool {
    let method = method.to_ascii_lowercase();
    [
        "fido2",
        "passkey",
        "windows hello",
        "x.509",
        "certificate",
        "platform credential",
    ]
    .iter()
    .any(|name| method.contains(name))
}

/// The method of a step that the session satisfies.
const EARLIER: &str = "Previously satisfied";

/// Whether each step that is told was satisfied by the session, as a stolen cookie does it.
fn shows_nothing_new(fields: Node<'_>) -> bool {
    let steps = fields.get("authenticationDetails").items();
    let mut methods = steps
        .filter_map(|step| step.get("authenticationMethod").text())
        .peekable();
    methods.peek().is_some() && methods.all(|it| it.eq_ignore_ascii_case(EARLIER))
}

/// The methods that were tried, or only those that worked.
fn methods<'v>(fields: Node<'v>, worked: bool) -> Vec<Text<'v>> {
    let mut methods: Vec<Text<'v>> = Vec::new();
    for step in fields.get("authenticationDetails").items() {
        let method = step.get("authenticationMethod").short();
        // A step that was satisfied earlier is no method of its own.
        let method = method.filter(|it| !it.eq_ignore_ascii_case(EARLIER));
        if !worked || step.get("succeeded").truth() != Some(false) {
            methods.extend(method.filter(|it| !methods.contains(it)));
        }
    }
    methods
}

fn session<'v>(fields: Node<'v>, succeeded: bool) -> Session<'v> {
    let methods = methods(fields, true);
    let strong = methods.iter().any(|method| is_phishing_resistant(method));
    let required = fields.get("authenticationRequirement").text();
    let mfa = match required.as_deref() {
        _ if !succeeded => None,
        Some("multiFactorAuthentication") => Some(true),
        _ if strong || methods.len() > 1 => Some(true),
        Some("singleFactorAuthentication") => Some(false),
        _ => None,
    };
    // NIST SP 800-63B: a second factor is AAL2, one that resists phishing AAL3.
    let assurance = match mfa {
        Some(true) => Some(Cow::Borrowed(if strong { "aal3" } else { "aal2" })),
        _ => None,
    };
    Session {
        id: fields.get("sessionId").short(),
        mfa,
        assurance,
        ..Session::default()
    }
}

fn credential<'v>(
    fields: Node<'v>,
    flow: Flow,
    succeeded: bool,
    device: &Device<'v>,
) -> Credential<'v> {
    let text = |field: &'static str| fields.get(field).short();
    if matches!(flow, Flow::Interactive | Flow::NonInteractive) {
        // An attempt has an identifier too, of a token that nobody got.
        let token = text("uniqueTokenIdentifier").filter(|_| succeeded);
        let bound = text("signInTokenProtectionStatus").is_some_and(|it| it == "bound");
        let kind = match token {
            Some(_) => Some(CredentialKind::AccessToken),
            None => methods(fields, false)
                .first()
                .and_then(|method| method_kind(method)),
        };
        return Credential {
            id: token,
            kind: kind.into(),
            bound_to: device.id.clone().filter(|_| bound),
            ..Credential::default()
        };
    }
    let (thumbprint, federated) = (
        text("servicePrincipalCredentialThumbprint"),
        text("federatedCredentialId"),
    );
    let stated = text("clientCredentialType").map(|kind| kind.to_ascii_lowercase());
    let kind = match stated.as_deref() {
        Some(kind) if kind.contains("secret") => Some(CredentialKind::ClientSecret),
        Some(kind) if kind.contains("federated") => Some(CredentialKind::Federated),
        Some(kind) if kind.contains("certificate") => Some(CredentialKind::Certificate),
        _ if thumbprint.is_some() => Some(CredentialKind::Certificate),
        _ if federated.is_some() => Some(CredentialKind::Federated),
        _ => None,
    };
    Credential {
        id: text("servicePrincipalCredentialKeyId")
            .or(thumbprint)
            .or(federated),
        kind: kind.into(),
        ..Credential::default()
    }
}

fn method_kind(method: &str) -> Option<CredentialKind> {
    let method = method.to_ascii_lowercase();
    if method.starts_with("password") {
        Some(CredentialKind::Password)
    } else if method.contains("certificate") || method.contains("x.509") {
        Some(CredentialKind::Certificate)
    } else if is_phishing_resistant(&method) {
        Some(CredentialKind::Passkey)
    } else if method.contains("federat") {
        Some(CredentialKind::Federated)
    } else {
        None
    }
}

fn network<'v>(record: Node<'v>, fields: Node<'v>) -> Network<'v> {
    let place = ["location", "LocationDetails"];
    let place = place.map(|name| fields.get(name));
    let place = place.into_iter().find(|it| it.is_object());
    let place = place.unwrap_or(Node::ABSENT);
    // The country alone, in some exports.
    let alone = [fields.get("location"), record.get("location")];
    let mut alone = alone.into_iter().filter(|node| !node.is_object());
    let country = place.get("countryOrRegion").text();
    let country = country.or_else(|| alone.find_map(Node::text));
    let position = position(
        place.at("geoCoordinates.latitude"),
        place.at("geoCoordinates.longitude"),
    );
    let hidden = ["riskEventTypes_v2", "riskEventTypes"].iter().any(|field| {
        let events = fields.get(field).texts();
        events
            .iter()
            .any(|event| event.contains("anonymizedIPAddress"))
    });
    let ip = fields.get("ipAddress").ip();
    Network {
        ip: ip
            .or_else(|| record.get("callerIpAddress").ip())
            .map(|ip| ip.to_string().into()),
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        accuracy_km: None,
        country: country.filter(|code| code.len() == 2),
        city: place.get("city").short(),
        asn: fields
            .get("autonomousSystemNumber")
            .count()
            .filter(|asn| *asn > 0),
        as_org: None,
        anonymizer: hidden.then_some(Anonymizer::Proxy).into(),
    }
}

/// A device that nobody manages is not compliant either, and not broken for that.
fn device<'v>(fields: Node<'v>) -> Device<'v> {
    let device = fields.get("deviceDetail");
    let managed = device.get("isManaged").truth() == Some(true);
    let posture = match device.get("isCompliant").truth() {
        Some(true) => Some(Posture::Compliant),
        Some(false) if managed => Some(Posture::NonCompliant),
        _ => None,
    };
    Device {
        id: device.get("deviceId").short().filter(is_somebody),
        user_agent: fields.get("userAgent").short(),
        posture: posture.into(),
        tls_fingerprint: None,
    }
}

/// The error of a second factor that was asked for and not passed.
const FACTOR_MISSED: u64 = 500_121;

fn is_factor_missed(record: Node<'_>, fields: Node<'_>) -> bool {
    let stated = code(record, fields).and_then(Node::text);
    stated.is_some_and(|stated| stated.parse() == Ok(FACTOR_MISSED))
}

/// Whether the user refused the prompt, as whoever is pestered with it does. The code alone says as well
/// that nobody answered.
fn is_refused(fields: Node<'_>) -> bool {
    let steps = fields.get("authenticationDetails").items();
    let steps = steps.filter_map(|step| step.get("authenticationStepResultDetail").text());
    let mut details = steps.chain(fields.at("status.additionalDetails").text());
    details.any(|detail| {
        let detail = detail.to_ascii_lowercase();
        detail.contains("declined") || detail.contains("fraud")
    })
}

/// Errors that ask the user for something more: a password, a factor, consent, a choice.
const INTERRUPTS: &[u64] = &[
    16000, 16001, 50055, 50058, 50072, 50074, 50076, 50078, 50079, 50097, 50125, 50127, 50129,
    50140, 50143, 50158, 50203, 51006, 65001,
];

/// Errors by which an account, an application or a device is kept out.
const BLOCKS: &[u64] = &[50053, 50057, 50105, 50131, 7_000_112, 700_051];

/// Where the error stands, if it stands anywhere.
fn code<'v>(record: Node<'v>, fields: Node<'v>) -> Option<Node<'v>> {
    let codes = [
        fields.at("status.errorCode"),
        record.get("resultType"),
        fields.get("resultType"),
    ];
    codes.into_iter().find(|node| node.text().is_some())
}

fn outcome(record: Node<'_>, fields: Node<'_>) -> Option<Outcome> {
    let code = code(record, fields).unwrap_or_else(|| fields.at("status.errorCode").always());
    let stated = code.text()?;
    if stated.eq_ignore_ascii_case("success") {
        return Some(Outcome::Success);
    }
    match code.count() {
        Some(0) => Some(Outcome::Success),
        Some(code) if INTERRUPTS.contains(&code) => Some(Outcome::Challenged),
        // 53000 to 53011 and 530001 to 530099: Conditional Access.
        Some(53_000..=53_099 | 530_000..=530_099) => Some(Outcome::Denied),
        Some(code) if BLOCKS.contains(&code) => Some(Outcome::Denied),
        Some(FACTOR_MISSED) if is_refused(fields) => Some(Outcome::Denied),
        Some(_) => Some(Outcome::Failure),
        None => Some(Outcome::Failure),
    }
}

/// `["User.Read","Mail.Read"]`, also without the quotes.
fn granted<'v>(fields: Node<'v>) -> Vec<Text<'v>> {
    let details = fields.get("authenticationProcessingDetails");
    let Some(stated) = detail(details, "Oauth Scope Info") else {
        return Vec::new();
    };
    let scopes = stated.split([',', ' ', '[', ']', '"']).filter_map(known);
    scopes.map(|scope| scope.to_owned().into()).collect()
}

/// The value beside a key, in a list of both.
pub(super) fn detail<'v>(list: Node<'v>, key: &str) -> Option<Text<'v>> {
    list.items().find_map(|detail| {
        let is_it = detail.get("key").text()?.eq_ignore_ascii_case(key);
        is_it.then(|| detail.get("value").short()).flatten()
    })
}
