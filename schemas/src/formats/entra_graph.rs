//! Calls of Microsoft Graph, of the `entra` format: what was done with the tokens of sign-ins.
//!
//! | event | `MicrosoftGraphActivityLogs` |
//! |---|---|
//! | `id`, `time` | `requestId`, the export's `time` or `TimeGenerated` |
//! | `kind` | `api` |
//! | `identity` | `userId` (human), else `servicePrincipalId`, else `appId` (service account) |
//! | `session` | `sessionId` |
//! | `credential` | `signInActivityId`, the `uniqueTokenIdentifier` of the sign-in; scopes `scopes`, of an application `roles` |
//! | `network.ip`, `device.user_agent` | `ipAddress`, `userAgent` |
//! | `action.name` | method and path, without version and query, ids as `{id}` |
//! | `action.class` | by method and path, the table below |
//! | `action.outcome`, `status` | `responseStatusCode` |
//! | `action.resource` | the path |
//! | `action.bytes_out` | `responseSizeBytes` |

use super::entra::{is_somebody, tenant, time};
use super::read::{Node, Opening, Refusal, open, scopes};
use super::{Source, endpoint, http};
use crate::event::{ActionClass, CredentialKind, Event, EventKind, IdentityKind};
use crate::known::Text;

/// Parts of a path, in lower case, whose change is administration.
const ADMIN: &[&str] = &[
    "rolemanagement",
    "directoryroles",
    "approleassign",
    "oauth2permissiongrants",
    "addpassword",
    "addkey",
    "federatedidentitycredentials",
    "applications",
    "serviceprincipals",
    "conditionalaccess",
    "/policies",
    "/domains",
    "/owners",
    "/members",
    "authentication/",
    "revokesigninsessions",
];

const SECRETS: &[&str] = &[
    "recoverykeys",
    "devicelocalcredentials",
    "getpasswordsinglesignon",
];

fn class(method: &str, path: &str) -> ActionClass {
    let path = path.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| path.contains(word));
    let reads = matches!(method, "GET" | "HEAD" | "OPTIONS");
    if says(SECRETS) && (reads || path.contains("getpassword")) {
        ActionClass::Secret
    } else if reads && (path.ends_with("/content") || path.ends_with("/$value")) {
        ActionClass::Export
    } else if reads {
        ActionClass::Read
    } else if says(ADMIN) || method == "POST" && path == "/users" {
        ActionClass::Admin
    } else if method == "DELETE" {
        ActionClass::Delete
    } else {
        ActionClass::Write
    }
}

pub(super) fn is_call(record: Node<'_>, fields: Node<'_>) -> bool {
    let stated = record.get("category").text();
    let stated = stated.or_else(|| record.get("Type").text());
    stated.is_some_and(|it| it.eq_ignore_ascii_case("MicrosoftGraphActivityLogs"))
        || fields.get("requestUri").is_there() && fields.get("signInActivityId").is_there()
}

pub(super) fn read<'v>(
    record: Node<'v>,
    fields: Node<'v>,
    source: Source<'v>,
) -> Result<Vec<Event<'v>>, Refusal> {
    let id = fields.get("requestId").text();
    let id = id.ok_or_else(|| Refusal::missing("requestId", "expected the id of the request"))?;
    let uri = fields.get("requestUri").text();
    let uri = uri.ok_or_else(|| Refusal::missing("requestUri", "expected the request"))?;
    let path = path(&uri);
    let method = fields.get("requestMethod").text().unwrap_or_default();
    let method = method.to_uppercase();
    let (identity, identity_kind) = who(fields).ok_or(Refusal::Skip("names nobody"))?;
    let opening = Opening {
        id,
        time: time(record, fields, "timeGenerated")?,
        kind: EventKind::Api,
        identity,
        identity_kind,
        action: format!("{method} {}", endpoint::name(path, Node::ABSENT)).into(),
    };
    let mut event = open("entra", tenant(record, fields, source), opening);
    event.session.id = fields.get("sessionId").short();
    event.credential.id = fields.get("signInActivityId").short();
    if event.credential.id.is_some() {
        event.credential.kind = CredentialKind::AccessToken.into();
    }
    event.credential.scopes = scopes(fields.get("scopes"));
    if event.credential.scopes.is_empty() {
        event.credential.scopes = scopes(fields.get("roles"));
    }
    event.network.ip = fields.get("ipAddress").ip().map(|ip| ip.to_string().into());
    event.device.user_agent = fields.get("userAgent").short();
    event.action.class = class(&method, path).into();
    let status = fields.get("responseStatusCode").count();
    event.action.status = status.filter(|status| *status > 0);
    event.action.outcome = event.action.status.map(http::outcome).into();
    event.action.bytes_out = fields.get("responseSizeBytes").count();
    event.action.resource = (path.len() <= 512).then(|| path.to_owned().into());
    Ok(vec![event])
}

fn who<'v>(fields: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let id = |field: &'static str| fields.get(field).text().filter(is_somebody);
    if let Some(user) = id("userId").or_else(|| id("UserPrincipalObjectID")) {
        return Some((user, IdentityKind::Human));
    }
    let app = id("servicePrincipalId").or_else(|| id("appId"))?;
    Some((app, IdentityKind::ServiceAccount))
}

/// `/users/7/messages` of `https://graph.microsoft.com/v1.0/users/7/messages?$top=10`.
fn path(uri: &str) -> &str {
    let path = uri.split_once("://").map_or(uri, |(_, rest)| {
        rest.find('/').map_or("/", |slash| &rest[slash..])
    });
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let stripped = ["/v1.0", "/beta"]
        .iter()
        .find_map(|it| path.strip_prefix(it));
    stripped.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_call_is_told_by_method_and_path() {
        for (method, path, expected) in [
            ("GET", "/users", "read"),
            ("GET", "/me/messages/AAMk/$value", "export"),
            ("POST", "/users", "admin"),
            ("POST", "/users/7/sendMail", "write"),
            ("GET", "/drives/b1/items/01/content", "export"),
            ("POST", "/me/sendMail", "write"),
            ("POST", "/applications/1/addPassword", "admin"),
            ("POST", "/servicePrincipals/1/appRoleAssignments", "admin"),
            ("POST", "/roleManagement/directory/roleAssignments", "admin"),
            ("POST", "/groups/1/members/$ref", "admin"),
            ("PATCH", "/identity/conditionalAccess/policies/1", "admin"),
            (
                "GET",
                "/informationProtection/bitlocker/recoveryKeys/1",
                "secret",
            ),
            ("GET", "/directory/deviceLocalCredentials/1", "secret"),
            ("DELETE", "/me/messages/AAMk", "delete"),
        ] {
            assert_eq!(class(method, path).as_str(), expected, "{method} {path}");
        }
        assert_eq!(
            path("https://graph.microsoft.com/v1.0/users/7?$top=1"),
            "/users/7"
        );
        assert_eq!(path("https://graph.microsoft.com"), "/");
    }
}
