//! `cloudtrail`: AWS CloudTrail, one event per record, `{"Records":[…]}`, an array, or EventBridge's
//! envelope (`detail`).
//!
//! | event | CloudTrail |
//! |---|---|
//! | `id`, `time` | `eventID`, `eventTime` |
//! | `kind` | `auth` sign-in, `token` what STS issues, `admin` changes to IAM, Organizations and SSO, else `api` |
//! | `identity` | by `userIdentity.type`, see below |
//! | `session` | role session name and access key (or creation date), `sessionContext.attributes` |
//! | `credential` | `accessKeyId` (an identifier, not a secret): `AKIA…` is an API key, `ASIA…` a temporary one; or `credentialId` |
//! | `network.ip` | `sourceIPAddress`, where it is an address: not a service's DNS name, not `AWS Internal` |
//! | `workload` | of machines: `awsRegion`, except for services that have only one; `invokedBy` as runtime |
//! | `action.name` | `service:EventName`; `class` by service and verb |
//! | `action.outcome` | `errorCode` (access denied or unauthorised: `denied`), the result of a sign-in |
//! | `action.resource` | `resources[].ARN`, else what the request names |
//! | `action.bytes_out` | `additionalEventData.bytesTransferredOut` |
//! | `tenant` | the source's, else `recipientAccountId` |
//! | `delegation` | `onBehalfOf.userId`, `sessionContext.sourceIdentity`, the issuer of a federated session |
//!
//! | `userIdentity.type` | `identity.id` | `kind` |
//! |---|---|---|
//! | `AssumedRole` | ARN of the role, since its sessions do the same work; of IAM Identity Center (`AWSReservedSSO_…`) and in the console the ARN of the session, since each is another person | `workload` on EC2 or for a service-linked role; `human` for SSO, in the console or with MFA; else `service_account` |
//! | `IAMUser`, `Root` | ARN | `human` for root, at sign-in or with MFA; else `service_account` |
//! | `FederatedUser` | ARN | `human` in the console or with MFA, else `service_account` |
//! | `IdentityCenterUser` | `onBehalfOf.userId` | `human` |
//! | `SAMLUser`, `WebIdentityUser` | `principalId` | `human`, `workload` |
//! | `AWSAccount` | principal's id, else the account | `service_account` |
//! | `AWSService` | `invokedBy` | `workload` |
//!
//! A change that gives a user or a role more rights is two events: what the actor did (`admin`) and,
//! under the identity that gains, `privilege` with the actor in `delegation`; one only, where the
//! two are the same. An access key that is deleted or made inactive is two likewise, the second a
//! `token_revoke` under its owner with the key as credential. An IAM record names a role without its
//! path: roles with one are not matched.
//!
//! Of `responseElements` only the result of a sign-in is read, so the keys that STS hands out can
//! not get through. Records with nobody in them (`HIDDEN_DUE_TO_SECURITY_REASONS`, where somebody
//! typed a password as the user name; `ANONYMOUS_PRINCIPAL`) are skipped.

use std::borrow::Cow;

use super::aws_actions::Revoked;
use super::read::{
    Node, Opening, Refusal, concerning, each, each_part, open, required_time, with_gainers,
};
use super::{Format, Sink, Source, aws_actions};
use crate::event::{
    ActionClass, Credential, CredentialKind, Delegate, Event, IdentityKind, Outcome, Session,
};
use crate::json::Json;
use crate::known::Text;

/// AWS CloudTrail.
pub(super) struct CloudTrail;

const BATCH: &[&str] = &["Records", "detail"];

impl Format for CloudTrail {
    fn name(&self) -> &'static str {
        "cloudtrail"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let of_a_trail = |record: &Json<'_>| {
            record.get("eventSource").is_some() && record.get("eventName").is_some()
        };
        of_a_trail(record)
            || record.pointer("/Records/0").is_some_and(of_a_trail)
            || record.get("detail").is_some_and(of_a_trail)
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

fn read<'v>(record: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let who = record.get("userIdentity").always();
    let name = record.get("eventName").text();
    let name = name.ok_or_else(|| Refusal::missing("eventName", "expected a CloudTrail record"))?;
    let service = record.get("eventSource").text();
    let service =
        service.ok_or_else(|| Refusal::missing("eventSource", "expected e.g. s3.amazonaws.com"))?;
    let service = service.strip_suffix(".amazonaws.com").unwrap_or(&service);
    let id = record.get("eventID").text();
    let id = id.ok_or_else(|| Refusal::missing("eventID", "expected the id of the event"))?;
    let time = required_time(record, "eventTime")?;
    let class = aws_actions::class(service, &name, record);
    let nobody = Refusal::Skip("names nobody");
    let (identity, identity_kind) = identity(record, who, class).ok_or(nobody)?;

    let tenant = source.tenant.map(Cow::Borrowed);
    let account = record.get("recipientAccountId").text();
    let opening = Opening {
        id,
        time,
        kind: aws_actions::kind(class),
        identity,
        identity_kind,
        action: format!("{service}:{name}").into(),
    };
    let mut event = open("cloudtrail", tenant.or_else(|| account.clone()), opening);
    event.session = session(record, who);
    event.credential = credential(who, class, event.session.started_at);
    event.network.ip = record
        .get("sourceIPAddress")
        .ip()
        .map(|ip| ip.to_string().into());
    // A call that a service makes on somebody's behalf names the service, not a client.
    let is_client =
        |agent: &Text<'_>| !agent.ends_with(".amazonaws.com") && agent != "AWS Internal";
    event.device.user_agent = record.get("userAgent").short().filter(is_client);
    if identity_kind != IdentityKind::Human {
        // Global services log one region whatever the caller's: it would look like a move.
        let is_regional = !aws_actions::GLOBAL_SERVICES.contains(&service);
        event.workload.region = record.get("awsRegion").short().filter(|_| is_regional);
        event.workload.runtime = runtime(who);
    }
    event.action.class = class.into();
    event.action.outcome = outcome(record).into();
    event.action.resource = resource(record);
    event.action.bytes_out = record.at("additionalEventData.bytesTransferredOut").count();
    event.action.target_tenant = account.filter(|account| {
        who.get("accountId")
            .text()
            .is_some_and(|own| own != *account)
    });
    event.delegation = delegation(who, &event.identity.id);

    if let Some(revoked) = aws_actions::revokes(service, &name, record) {
        return Ok(revocation(event, revoked));
    }
    let gainer = aws_actions::gains(service, &name, record);
    with_gainers(event, gainer)
}

/// A key that is taken away: under the actor it is administration, under its owner a revocation. Of the
/// session in which somebody did it, that says nothing.
fn revocation<'v>(event: Event<'v>, revoked: Revoked<'v>) -> Vec<Event<'v>> {
    let other = revoked.owner.filter(|(id, _)| *id != event.identity.id);
    let (mut about, actors) = match other {
        Some((id, kind)) => (concerning(&event, id, kind), Some(event)),
        None => (event, None),
    };
    about.session = Session::default();
    about.credential = Credential {
        id: Some(revoked.key),
        kind: CredentialKind::ApiKey.into(),
        ..Credential::default()
    };
    about.action.class = ActionClass::TokenRevoke.into();
    actors.into_iter().chain([about]).collect()
}

fn identity<'v>(
    record: Node<'v>,
    who: Node<'v>,
    class: ActionClass,
) -> Option<(Text<'v>, IdentityKind)> {
    let arn = who.get("arn").text();
    let principal = who.get("principalId").text();
    let machine_or_human = |human: bool| match human {
        true => IdentityKind::Human,
        false => IdentityKind::ServiceAccount,
    };
    let mfa = mfa(record, who) == Some(true);
    let signs_in = matches!(class, ActionClass::Login | ActionClass::Mfa);
    // A federated user of the console: its sign-in, and what is done in it afterwards.
    let in_console = signs_in || record.get("sessionCredentialFromConsole").truth() == Some(true);
    let kind = who.get("type");
    match kind.text().as_deref() {
        Some("Root") => Some((arn.or(principal)?, IdentityKind::Human)),
        Some("AssumedRole") => role(who, mfa, in_console),
        Some("IAMUser") => {
            let id = arn.or_else(|| {
                let name = who.get("userName").text().filter(|name| !is_hidden(name))?;
                Some(format!("arn:aws:iam::{}:user/{name}", who.get("accountId").text()?).into())
            })?;
            Some((id, machine_or_human(signs_in || mfa)))
        }
        Some("FederatedUser") => Some((arn.or(principal)?, machine_or_human(in_console || mfa))),
        Some("IdentityCenterUser") => {
            let user = who.at("onBehalfOf.userId").text();
            Some((user.or(principal)?, IdentityKind::Human))
        }
        Some("SAMLUser") => Some((
            principal.or_else(|| who.get("userName").text())?,
            IdentityKind::Human,
        )),
        Some("WebIdentityUser") => Some((
            principal.or_else(|| who.get("userName").text())?,
            IdentityKind::Workload,
        )),
        Some("AWSAccount") => {
            // Of another account only the id of its principal is told, before the session's name.
            let unique =
                principal.map(|id| id.split(':').next().unwrap_or_default().to_owned().into());
            Some((
                unique.or_else(|| who.get("accountId").text())?,
                IdentityKind::ServiceAccount,
            ))
        }
        Some("AWSService") => Some((who.get("invokedBy").text()?, IdentityKind::Workload)),
        Some(_) => {
            kind.unknown();
            None
        }
        None => None,
    }
    .filter(|(id, _)| !is_hidden(id) && id != ANONYMOUS)
}

/// The account of whoever reads a public bucket without credentials: everybody's, and nobody's.
const ANONYMOUS: &str = "ANONYMOUS_PRINCIPAL";

fn is_hidden(name: &str) -> bool {
    name.contains("HIDDEN_DUE_TO_SECURITY_REASONS")
}

fn role<'v>(who: Node<'v>, mfa: bool, in_console: bool) -> Option<(Text<'v>, IdentityKind)> {
    let issuer = who.at("sessionContext.sessionIssuer.arn").text();
    let arn = who.get("arn").text();
    // Sign-ins may come without the context of their session.
    let issuer = issuer.or_else(|| role_of_session(arn.as_deref()?).map(Cow::Owned));
    let role_name = issuer.as_deref().or(arn.as_deref())?.to_owned();
    if role_name.contains("AWSReservedSSO_") {
        return Some((arn.or(issuer)?, IdentityKind::Human));
    }
    let on_ec2 = session_name(who).is_some_and(|name| name.starts_with("i-"))
        || who.at("sessionContext.ec2RoleDelivery").text().is_some();
    let federated = who
        .at("sessionContext.webIdFederationData.federatedProvider")
        .text();
    let kind = if on_ec2 || federated.is_some() || role_name.contains("/AWSServiceRoleFor") {
        IdentityKind::Workload
    } else if in_console {
        // A role is taken by many; who signed in is in the name of the session.
        return Some((arn.or(issuer)?, IdentityKind::Human));
    } else if mfa {
        IdentityKind::Human
    } else {
        IdentityKind::ServiceAccount
    };
    Some((issuer.or(arn)?, kind))
}

/// The ARN of the role, but for its path, by that of a session of it.
fn role_of_session(session: &str) -> Option<String> {
    let (partition, rest) = session.strip_prefix("arn:")?.split_once(":sts::")?;
    let (account, rest) = rest.split_once(":assumed-role/")?;
    let (role, _) = rest.split_once('/')?;
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

/// The name of a role session: what follows the role's own id in `principalId`.
fn session_name<'v>(who: Node<'v>) -> Option<Text<'v>> {
    let principal = who.get("principalId").text()?;
    let (_, name) = principal.split_once(':')?;
    (!name.is_empty()).then(|| name.to_owned().into())
}

fn mfa(record: Node<'_>, who: Node<'_>) -> Option<bool> {
    let used = record.at("additionalEventData.MFAUsed").truth();
    used.or_else(|| who.at("sessionContext.attributes.mfaAuthenticated").truth())
}

fn session<'v>(record: Node<'v>, who: Node<'v>) -> Session<'v> {
    let created = who.at("sessionContext.attributes.creationDate").time();
    // A long-lived key opens no session: every call stands by itself.
    let key = who
        .get("accessKeyId")
        .text()
        .filter(|key| key.starts_with("ASIA"));
    let which = key
        .map(Cow::into_owned)
        .or_else(|| created.map(|time| time.to_string()));
    let id = which.map(|which| match session_name(who) {
        Some(name) => format!("{name}/{which}"),
        None => which,
    });
    Session {
        id: id.map(Cow::Owned),
        started_at: created,
        mfa: mfa(record, who),
        ..Session::default()
    }
}

fn credential<'v>(
    who: Node<'v>,
    class: ActionClass,
    issued_at: Option<crate::time::EventTime>,
) -> Credential<'v> {
    let id = who
        .get("accessKeyId")
        .text()
        .or_else(|| who.get("credentialId").text());
    // Whoever signs in to the console as a role was let in by another identity provider.
    let federated = match who.get("type").text().as_deref() {
        Some("SAMLUser" | "WebIdentityUser") => true,
        Some("AssumedRole" | "FederatedUser") => class == ActionClass::Login,
        _ => false,
    };
    let kind = match id.as_deref() {
        Some(key) if key.starts_with("AKIA") => Some(CredentialKind::ApiKey),
        Some(_) => Some(CredentialKind::AccessToken),
        None if federated => Some(CredentialKind::Federated),
        None if class == ActionClass::Login => Some(CredentialKind::Password),
        None => None,
    };
    Credential {
        issued_at: issued_at.filter(|_| kind == Some(CredentialKind::AccessToken)),
        id,
        kind: kind.into(),
        ..Credential::default()
    }
}

fn runtime<'v>(who: Node<'v>) -> Option<Text<'v>> {
    let provider = who.get("identityProvider").text();
    let provider = provider.or_else(|| {
        who.at("sessionContext.webIdFederationData.federatedProvider")
            .text()
    });
    if provider.is_some_and(|name| name.contains("token.actions.githubusercontent.com")) {
        return Some(Cow::Borrowed("github-actions"));
    }
    who.get("invokedBy").short()
}

fn outcome(record: Node<'_>) -> Outcome {
    let sign_in = record
        .at("responseElements.ConsoleLogin")
        .text()
        .or_else(|| record.at("serviceEventDetails.UserAuthentication").text());
    let failed = sign_in.is_some_and(|result| result.eq_ignore_ascii_case("failure"));
    let Some(error) = record.get("errorCode").text() else {
        return if failed {
            Outcome::Failure
        } else {
            Outcome::Success
        };
    };
    let denied = ["AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden"];
    if denied.iter().any(|word| error.contains(word)) {
        Outcome::Denied
    } else {
        Outcome::Failure
    }
}

fn resource<'v>(record: Node<'v>) -> Option<Text<'v>> {
    let listed = record
        .get("resources")
        .items()
        .find_map(|resource| resource.get("ARN").short());
    let asked = record.get("requestParameters");
    let bucket = || {
        let bucket = asked.get("bucketName").short()?;
        let key = asked.get("key").short();
        Some(key.map_or(bucket.clone(), |key| {
            format!("arn:aws:s3:::{bucket}/{key}").into()
        }))
    };
    const NAMES: &[&str] = &[
        "roleArn",
        "policyArn",
        "secretId",
        "functionName",
        "keyId",
        // Of a user in a group the group: it is what gives the rights.
        "groupName",
        "userName",
        "roleName",
        "tableName",
        "stackName",
        "dBInstanceIdentifier",
        "instanceId",
        "name",
    ];
    let named = || NAMES.iter().find_map(|name| asked.get(name).short());
    listed
        .or_else(bucket)
        .or_else(named)
        .filter(|resource| !is_hidden(resource))
}

fn delegation<'v>(who: Node<'v>, own: &str) -> Vec<Delegate<'v>> {
    if own.contains("AWSReservedSSO_") {
        // The person and the session of that person: nobody acts for another.
        return Vec::new();
    }
    let context = who.get("sessionContext");
    let issuer = who
        .get("type")
        .text()
        .filter(|kind| kind == "FederatedUser");
    let links = [
        (who.at("onBehalfOf.userId").text(), IdentityKind::Human),
        (context.get("sourceIdentity").text(), IdentityKind::Human),
        (
            issuer.and_then(|_| context.at("sessionIssuer.arn").text()),
            IdentityKind::ServiceAccount,
        ),
    ];
    links
        .into_iter()
        .filter_map(|(id, kind)| {
            Some(Delegate {
                id: id?,
                kind: kind.into(),
            })
        })
        .filter(|link| link.id != own)
        .collect()
}
