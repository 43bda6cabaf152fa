//! Directory audits of Microsoft Entra, of the `entra` format: who changed what in the directory.
//!
//! | event | audit |
//! |---|---|
//! | `id`, `time` | `id`, `activityDateTime` |
//! | `kind`, `action.class` | `admin`; by `activityDisplayName`, the table below; security info and device changes `auth` and `device` |
//! | `identity` | `initiatedBy.user.id` (human), else `initiatedBy.app.servicePrincipalId`, else `.appId` (service account) |
//! | `network.ip` | `initiatedBy.user.ipAddress`, else `callerIpAddress` |
//! | `device.user_agent` | `User-Agent` of `additionalDetails` |
//! | `action.name` | `activityDisplayName`, else `operationName` |
//! | `action.outcome` | `result` |
//! | `action.scopes` | the permissions that an application is given |
//! | `action.resource` | the role, group or permission, by name; else the first target |
//!
//! Rights given, approvals, and sessions revoked stand under the target, the actor in `delegation`.

use super::Source;
use super::entra::{detail, is_somebody, tenant, time};
use super::read::{Node, Opening, Refusal, concerning, known, open, with_gainers};
use crate::event::{ActionClass, Event, EventKind, IdentityKind, Outcome};
use crate::known::Text;

/// Starts of activities, in lower case: the first that fits. Everything else is administration.
const ACTIVITIES: &[(&str, ActionClass)] = &[
    // Of Privileged Identity Management: what is only asked for gives nothing yet.
    ("add member to role in pim requested", ActionClass::Admin),
    (
        "add eligible member to role in pim requested",
        ActionClass::Admin,
    ),
    ("add member to role requested", ActionClass::Admin),
    ("add eligible member to role requested", ActionClass::Admin),
    ("add member to role request approved", ActionClass::Approval),
    ("add member to role request denied", ActionClass::Approval),
    ("add member to role canceled", ActionClass::Admin),
    ("add member to role approval requested", ActionClass::Admin),
    ("add member to role", ActionClass::Privilege),
    ("add eligible member to role", ActionClass::Privilege),
    ("add scoped member to role", ActionClass::Privilege),
    ("add role assignment", ActionClass::Privilege),
    ("add eligibleroleassignment", ActionClass::Privilege),
    ("add member to group", ActionClass::Privilege),
    ("add owner to", ActionClass::Privilege),
    ("add app role assignment", ActionClass::Privilege),
    ("add delegated permission grant", ActionClass::Privilege),
    ("consent to application", ActionClass::Privilege),
    ("add registered owner", ActionClass::Write),
    ("user has elevated", ActionClass::Privilege),
    ("the user has elevated", ActionClass::Privilege),
    ("revoke sign-in sessions", ActionClass::TokenRevoke),
    ("revoke all refresh tokens", ActionClass::TokenRevoke),
    ("update stsrefreshtokenvalidfrom", ActionClass::TokenRevoke),
    ("read bitlocker key", ActionClass::Secret),
    ("recover device local administrator", ActionClass::Secret),
    ("download", ActionClass::Export),
    ("bulk download", ActionClass::Export),
    ("change password", ActionClass::Write),
    ("change user password", ActionClass::Write),
    ("reset password (self-service)", ActionClass::Write),
    ("self-service password reset", ActionClass::Write),
    ("user registered", ActionClass::Write),
    ("user deleted security info", ActionClass::Write),
    ("user changed default security info", ActionClass::Write),
    ("user started", ActionClass::Other),
    ("user reviewed", ActionClass::Other),
    ("register device", ActionClass::Write),
    ("add device", ActionClass::Write),
    ("device no longer", ActionClass::Posture),
    ("delete conditional access", ActionClass::Admin),
    ("delete policy", ActionClass::Admin),
    ("delete role", ActionClass::Admin),
    ("delete", ActionClass::Delete),
    ("hard delete", ActionClass::Delete),
];

fn class(activity: &str) -> ActionClass {
    let activity = activity.to_lowercase();
    let listed = ACTIVITIES
        .iter()
        .find(|(start, _)| activity.starts_with(start));
    listed.map_or(ActionClass::Admin, |(_, class)| *class)
}

fn kind(activity: &str, class: ActionClass) -> EventKind {
    let activity = activity.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| activity.contains(word));
    match class {
        ActionClass::TokenRevoke => EventKind::Token,
        ActionClass::Export | ActionClass::Secret => EventKind::Api,
        ActionClass::Posture => EventKind::Device,
        ActionClass::Write | ActionClass::Other if says(&["device", "registered owner"]) => {
            EventKind::Device
        }
        ActionClass::Write | ActionClass::Other => EventKind::Auth,
        _ => EventKind::Admin,
    }
}

pub(super) fn is_audit(fields: Node<'_>) -> bool {
    fields.get("initiatedBy").is_there()
        && (fields.get("targetResources").is_there()
            || fields.get("activityDisplayName").is_there())
}

pub(super) fn read<'v>(
    record: Node<'v>,
    fields: Node<'v>,
    source: Source<'v>,
) -> Result<Vec<Event<'v>>, Refusal> {
    let id = fields.get("id").text();
    let id = id.ok_or_else(|| Refusal::missing("id", "expected the id of the audit"))?;
    let activity = fields.get("activityDisplayName").text();
    let activity = activity.or_else(|| fields.get("operationName").text());
    let activity = activity.or_else(|| record.get("operationName").text());
    let activity =
        activity.ok_or_else(|| Refusal::missing("activityDisplayName", "expected the activity"))?;
    let by = fields.get("initiatedBy");
    let (identity, identity_kind) = who(by).ok_or(Refusal::Skip("names nobody"))?;
    let class = class(&activity);
    let opening = Opening {
        id,
        time: time(record, fields, "activityDateTime")?,
        kind: kind(&activity, class),
        identity,
        identity_kind,
        action: activity,
    };
    let mut event = open("entra", tenant(record, fields, source), opening);
    let ip = by.at("user.ipAddress").ip();
    event.network.ip = ip
        .or_else(|| record.get("callerIpAddress").ip())
        .map(|ip| ip.to_string().into());
    event.device.user_agent = detail(fields.get("additionalDetails"), "User-Agent");
    event.action.class = class.into();
    event.action.outcome = outcome(record, fields).into();
    event.action.resource = resource(fields);
    event.action.scopes = scopes(fields);
    about_target(event, class, target(fields))
}

fn who<'v>(by: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let id = |path: &'static str| by.at(path).text().filter(is_somebody);
    let user = id("user.id").or_else(|| by.at("user.userPrincipalName").text());
    if let Some(user) = user {
        return Some((user, IdentityKind::Human));
    }
    let app = id("app.servicePrincipalId").or_else(|| id("app.appId"));
    let app = app.or_else(|| by.at("app.displayName").text())?;
    Some((app, IdentityKind::ServiceAccount))
}

/// The new value of a changed property, which is JSON in a string.
fn changed<'v>(fields: Node<'v>, names: &[&str]) -> Option<Text<'v>> {
    let targets = fields.get("targetResources").items();
    let mut properties = targets.flat_map(|target| target.get("modifiedProperties").items());
    properties.find_map(|property| {
        let name = property.get("displayName").text()?;
        let value = property.get("newValue").short();
        let value = value.filter(|_| names.contains(&name.as_ref()))?;
        known(value.trim_matches('"')).map(|value| value.to_owned().into())
    })
}

/// The user or service principal it was done to. Where it is given a permission, the target is the
/// API that it may use then, and who gains is among the changed properties.
fn target<'v>(fields: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let of_kind = |wanted: &str, kind| {
        let found = fields.get("targetResources").items().find(|target| {
            let is_it = target.get("type").text();
            is_it.is_some_and(|it| it.eq_ignore_ascii_case(wanted))
        })?;
        let id = found.get("id").text().filter(is_somebody);
        let id = id.or_else(|| found.get("userPrincipalName").text())?;
        Some((id, kind))
    };
    let named = |name: &str, kind| Some((changed(fields, &[name]).filter(is_somebody)?, kind));
    named("ServicePrincipal.ObjectID", IdentityKind::ServiceAccount)
        .or_else(|| named("User.ObjectID", IdentityKind::Human))
        .or_else(|| of_kind("User", IdentityKind::Human))
        .or_else(|| of_kind("ServicePrincipal", IdentityKind::ServiceAccount))
}

fn about_target<'v>(
    mut event: Event<'v>,
    class: ActionClass,
    target: Option<(Text<'v>, IdentityKind)>,
) -> Result<Vec<Event<'v>>, Refusal> {
    let to_itself = event
        .action
        .name
        .to_lowercase()
        .contains("user has elevated");
    match class {
        ActionClass::Privilege if to_itself => Ok(vec![event]),
        ActionClass::Privilege => {
            event.action.class = ActionClass::Admin.into();
            with_gainers(event, target)
        }
        ActionClass::Approval | ActionClass::TokenRevoke => {
            let other = target.filter(|(id, _)| *id != event.identity.id);
            let Some((id, kind)) = other else {
                // An approval is of who asked for it, never of who approved.
                if class == ActionClass::Approval {
                    event.action.class = ActionClass::Admin.into();
                }
                return Ok(vec![event]);
            };
            let about = concerning(&event, id, kind);
            event.action.class = ActionClass::Admin.into();
            Ok(vec![event, about])
        }
        _ => Ok(vec![event]),
    }
}

fn outcome(record: Node<'_>, fields: Node<'_>) -> Option<Outcome> {
    let results = [fields.get("result"), record.get("resultSignature")];
    let result = results.into_iter().find(|it| it.text().is_some());
    let stated = result.unwrap_or_else(|| results[0].always()).text()?;
    let denied = fields.get("activityDisplayName").text();
    if denied.is_some_and(|it| it.to_lowercase().contains("request denied")) {
        return Some(Outcome::Denied);
    }
    match stated.to_lowercase().as_str() {
        "success" | "0" => Some(Outcome::Success),
        "failure" | "timeout" => Some(Outcome::Failure),
        _ => {
            result.into_iter().for_each(Node::unknown);
            None
        }
    }
}

/// The role, group or permission by its name, which a changed property or a target tells; else the
/// first target that is no user.
fn resource<'v>(fields: Node<'v>) -> Option<Text<'v>> {
    let named = || {
        let targets = || fields.get("targetResources").items();
        let thing = targets().find(|target| {
            let kind = target.get("type").text();
            kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("User"))
        });
        let thing = thing.or_else(|| targets().next())?;
        let name = thing.get("displayName").short();
        name.or_else(|| thing.get("id").short())
    };
    changed(
        fields,
        &["Role.DisplayName", "Group.DisplayName", "AppRole.Value"],
    )
    .or_else(named)
}

/// The permissions that an application is given.
fn scopes<'v>(fields: Node<'v>) -> Vec<Text<'v>> {
    let given = changed(fields, &["DelegatedPermissionGrant.Scope", "AppRole.Value"]);
    let given = given.unwrap_or_default();
    let scopes = given.split([' ', ',']).filter_map(known);
    scopes.map(|scope| scope.to_owned().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_an_activity_is_told_by_its_name() {
        for (activity, kind_expected, expected) in [
            ("Add member to role", "admin", "privilege"),
            (
                "Add member to role completed (PIM activation)",
                "admin",
                "privilege",
            ),
            (
                "Add member to role requested (PIM activation)",
                "admin",
                "admin",
            ),
            (
                "Add member to role request approved (PIM activation)",
                "admin",
                "approval",
            ),
            (
                "Add member to role in PIM requested (timebound)",
                "admin",
                "admin",
            ),
            (
                "Add member to role in PIM completed (timebound)",
                "admin",
                "privilege",
            ),
            (
                "Add eligible member to role in PIM requested (permanent)",
                "admin",
                "admin",
            ),
            ("Add eligible member to role", "admin", "privilege"),
            ("Remove member from role", "admin", "admin"),
            ("Add member to group", "admin", "privilege"),
            ("Add owner to application", "admin", "privilege"),
            ("Add owner to service principal", "admin", "privilege"),
            (
                "Add app role assignment to service principal",
                "admin",
                "privilege",
            ),
            (
                "Add app role assignment grant to user",
                "admin",
                "privilege",
            ),
            ("Add delegated permission grant", "admin", "privilege"),
            ("Consent to application", "admin", "privilege"),
            (
                "User has elevated their access to User Access Administrator",
                "admin",
                "privilege",
            ),
            ("Add service principal credentials", "admin", "admin"),
            (
                "Update application – Certificates and secrets management",
                "admin",
                "admin",
            ),
            ("Add application", "admin", "admin"),
            ("Add user", "admin", "admin"),
            ("Delete user", "admin", "delete"),
            ("Hard Delete application", "admin", "delete"),
            ("Reset user password", "admin", "admin"),
            ("Change password (self-service)", "auth", "write"),
            ("User registered security info", "auth", "write"),
            ("Admin registered security info", "admin", "admin"),
            ("Disable Strong Authentication", "admin", "admin"),
            (
                "Update StsRefreshTokenValidFrom Timestamp",
                "token",
                "token_revoke",
            ),
            ("Revoke sign-in sessions", "token", "token_revoke"),
            ("Set domain authentication", "admin", "admin"),
            ("Set federation settings on domain", "admin", "admin"),
            ("Update conditional access policy", "admin", "admin"),
            ("Delete conditional access policy", "admin", "admin"),
            ("Add named location", "admin", "admin"),
            ("Read BitLocker key", "api", "secret"),
            (
                "Recover device local administrator password",
                "api",
                "secret",
            ),
            ("Bulk download users - finished (bulk)", "api", "export"),
            ("Register device", "device", "write"),
            ("Device no longer compliant", "device", "posture"),
            ("Invite external user", "admin", "admin"),
        ] {
            let class = class(activity);
            assert_eq!(class.as_str(), expected, "{activity}");
            assert_eq!(kind(activity, class).as_str(), kind_expected, "{activity}");
        }
    }
}
