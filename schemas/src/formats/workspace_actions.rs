//! What sort of action an event of Google Workspace is, and who gains by it.

use super::google_actions::principal;
use super::workspace::Parameters;
use crate::event::{ActionClass, EventKind, IdentityKind};
use crate::known::Text;

/// Application and name of the event; a name that ends in `_` is the start of several.
const LISTED: &[(&str, &str, ActionClass)] = &[
    ("login", "login_success", ActionClass::Login),
    ("login", "login_failure", ActionClass::Login),
    ("login", "logout", ActionClass::Logout),
    ("login", "login_challenge", ActionClass::Mfa),
    ("login", "login_verification", ActionClass::Mfa),
    ("token", "authorize", ActionClass::TokenIssue),
    ("token", "revoke", ActionClass::TokenRevoke),
    ("token", "request", ActionClass::Other),
    ("token", "deny", ActionClass::Other),
    ("admin", "ASSIGN_ROLE", ActionClass::Privilege),
    ("admin", "GRANT_ADMIN_PRIVILEGE", ActionClass::Privilege),
    (
        "admin",
        "GRANT_DELEGATED_ADMIN_PRIVILEGES",
        ActionClass::Privilege,
    ),
    ("admin", "ADD_GROUP_MEMBER", ActionClass::Privilege),
    ("admin", "UPDATE_GROUP_MEMBER", ActionClass::Privilege),
    (
        "admin",
        "AUTHORIZE_API_CLIENT_ACCESS",
        ActionClass::Privilege,
    ),
    ("admin", "REVOKE_3LO_TOKEN", ActionClass::TokenRevoke),
    (
        "admin",
        "REVOKE_3LO_DEVICE_TOKENS",
        ActionClass::TokenRevoke,
    ),
    ("admin", "RESET_SIGNIN_COOKIES", ActionClass::TokenRevoke),
    ("admin", "REVOKE_ASP", ActionClass::TokenRevoke),
    ("admin", "DELETE_USER", ActionClass::Delete),
    ("admin", "DELETE_GROUP", ActionClass::Delete),
    ("admin", "CREATE_DATA_TRANSFER_REQUEST", ActionClass::Export),
    ("admin", "CUSTOMER_TAKEOUT_", ActionClass::Export),
    ("admin", "REQUEST_MAILBOX_DUMP", ActionClass::Export),
    ("admin", "CREATE_EMAIL_MONITOR", ActionClass::Export),
    ("admin", "DOWNLOAD_", ActionClass::Export),
    ("admin", "BULK_DOWNLOAD_", ActionClass::Export),
    ("admin", "EMAIL_LOG_SEARCH", ActionClass::Read),
    ("admin", "ALERT_CENTER_VIEW", ActionClass::Read),
    ("drive", "download", ActionClass::Export),
    ("drive", "print", ActionClass::Export),
    ("drive", "email_as_attachment", ActionClass::Export),
    ("drive", "source_copy", ActionClass::Export),
    ("drive", "view", ActionClass::Read),
    ("drive", "preview", ActionClass::Read),
    ("drive", "access_item_content", ActionClass::Read),
    ("drive", "prefetch_item_content", ActionClass::Read),
    ("drive", "sync_item_content", ActionClass::Read),
    ("drive", "sheets_import_range", ActionClass::Read),
    ("drive", "delete", ActionClass::Delete),
    ("drive", "trash", ActionClass::Delete),
    ("mobile", "DEVICE_COMPROMISED_EVENT", ActionClass::Posture),
    ("groups", "add_user", ActionClass::Write),
    // The session is used, nobody authenticates again.
    ("saml", "login_", ActionClass::Other),
];

/// What log an event is of, and its class.
pub(super) fn classify(
    app: &str,
    name: &str,
    parameters: Parameters<'_>,
) -> (EventKind, ActionClass) {
    if (app, name) == ("token", "activity") {
        let method = parameters.text("method_name").unwrap_or_default();
        return (EventKind::Api, of_method(&method));
    }
    let listed = LISTED.iter().find(|(owner, listed, _)| {
        *owner == app && (name == *listed || listed.ends_with('_') && name.starts_with(listed))
    });
    let class = match (listed, app) {
        (Some((.., class)), _) => *class,
        (None, "admin") => ActionClass::Admin,
        // Whatever of it is asked for, made or fetched: it is all of somebody's data that leaves.
        (None, "takeout") => ActionClass::Export,
        // Factors, recovery addresses and passwords that a user changes.
        (None, "login" | "user_accounts") if changes(name) => ActionClass::Write,
        (None, "login" | "token" | "saml" | "user_accounts") => ActionClass::Other,
        (None, _) => of_method(name),
    };
    let kind = match app {
        "login" | "user_accounts" | "saml" => EventKind::Auth,
        "token" => EventKind::Token,
        "admin" | "groups_enterprise" => EventKind::Admin,
        "mobile" => EventKind::Device,
        _ => EventKind::Api,
    };
    (kind, class)
}

fn changes(name: &str) -> bool {
    [
        "2sv_",
        "edit",
        "enroll",
        "forwarding",
        "recovery",
        "titanium",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// The class of `drive.files.get`, `messages.list` or `change_user_access`: by the words in it.
fn of_method(method: &str) -> ActionClass {
    let method = method.to_lowercase();
    let last = method.rsplit(['.', ':']).next().unwrap_or(&method);
    let starts = |verbs: &[&str]| verbs.iter().any(|verb| last.starts_with(verb));
    if starts(&["export", "download"]) {
        ActionClass::Export
    } else if starts(&[
        "get", "list", "view", "search", "query", "read", "watch", "batchget", "preview", "access",
    ]) {
        ActionClass::Read
    } else if starts(&["delete", "trash", "remove", "batchdelete", "purge"]) {
        ActionClass::Delete
    } else if last.is_empty() {
        ActionClass::Other
    } else {
        ActionClass::Write
    }
}

/// The user whom an event of administration concerns, or the client that domain-wide delegation
/// lets act for every user.
pub(super) fn gainer<'v>(parameters: Parameters<'v>) -> Option<(Text<'v>, IdentityKind)> {
    if let Some(client) = parameters.text("API_CLIENT_NAME") {
        return Some((client, IdentityKind::ServiceAccount));
    }
    let user = parameters.text("USER_EMAIL")?;
    let (id, kind) = principal(&user)?;
    Some((id.into(), kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::read::Node;

    #[test]
    fn the_class_of_an_event_is_told_by_its_name() {
        for (event, kind, class) in [
            ("login.login_success", "auth", "login"),
            ("login.login_failure", "auth", "login"),
            ("login.login_challenge", "auth", "mfa"),
            ("login.logout", "auth", "logout"),
            ("login.2sv_disable", "auth", "write"),
            ("login.recovery_email_edit", "auth", "write"),
            ("login.suspicious_login", "auth", "other"),
            ("login.account_disabled_password_leak", "auth", "other"),
            ("saml.login_success", "auth", "other"),
            ("token.authorize", "token", "token_issue"),
            ("token.revoke", "token", "token_revoke"),
            ("admin.ASSIGN_ROLE", "admin", "privilege"),
            ("admin.GRANT_ADMIN_PRIVILEGE", "admin", "privilege"),
            ("admin.ADD_GROUP_MEMBER", "admin", "privilege"),
            ("admin.AUTHORIZE_API_CLIENT_ACCESS", "admin", "privilege"),
            ("admin.UNASSIGN_ROLE", "admin", "admin"),
            ("admin.CREATE_USER", "admin", "admin"),
            ("admin.CHANGE_PASSWORD", "admin", "admin"),
            ("admin.TURN_OFF_2_STEP_VERIFICATION", "admin", "admin"),
            ("admin.TOGGLE_SERVICE_ENABLED", "admin", "admin"),
            ("admin.DELETE_USER", "admin", "delete"),
            ("admin.CREATE_DATA_TRANSFER_REQUEST", "admin", "export"),
            ("admin.CUSTOMER_TAKEOUT_CREATED", "admin", "export"),
            ("admin.RESET_SIGNIN_COOKIES", "admin", "token_revoke"),
            ("admin.EMAIL_LOG_SEARCH", "admin", "read"),
            ("drive.download", "api", "export"),
            ("drive.view", "api", "read"),
            ("drive.edit", "api", "write"),
            ("drive.change_document_visibility", "api", "write"),
            ("drive.trash", "api", "delete"),
            ("takeout.complete_takeout", "api", "export"),
            ("takeout.user_initiated_a_takeout", "api", "export"),
            ("takeout.user_downloaded_a_takeout", "api", "export"),
            ("mobile.DEVICE_COMPROMISED_EVENT", "device", "posture"),
            ("gmail.delivery", "api", "write"),
        ] {
            let (app, name) = event.split_once('.').expect("application.name");
            let none = Parameters::from(Node::ABSENT);
            let (kind_found, class_found) = classify(app, name, none);
            let found = (kind_found.as_str(), class_found.as_str());
            assert_eq!(found, (kind, class), "{event}");
        }
        assert_eq!(of_method("gmail.users.messages.get"), ActionClass::Read);
        assert_eq!(of_method("drive.files.export"), ActionClass::Export);
        assert_eq!(of_method("gmail.users.messages.send"), ActionClass::Write);
    }
}
