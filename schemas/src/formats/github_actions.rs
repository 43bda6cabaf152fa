//! What sort of action an entry of GitHub's audit log is, and who gains by it.
//!
//! Actions are named `category.operation`. Most categories are administration; what they do not tell
//! is listed.

use super::read::Node;
use crate::event::{ActionClass, EventKind, IdentityKind};
use crate::known::Text;

/// Whole actions, or their start where they end in a dot or an underscore: the first that fits.
const LISTED: &[(&str, EventKind, ActionClass)] = &[
    ("user.login", EventKind::Auth, ActionClass::Login),
    ("user.failed_login", EventKind::Auth, ActionClass::Login),
    ("user.logout", EventKind::Auth, ActionClass::Logout),
    (
        "user.two_factor_challenge_",
        EventKind::Auth,
        ActionClass::Mfa,
    ),
    ("org.sso_response", EventKind::Auth, ActionClass::Login),
    ("business.sso_response", EventKind::Auth, ActionClass::Login),
    (
        "two_factor_authentication.",
        EventKind::Auth,
        ActionClass::Write,
    ),
    ("org.add_member", EventKind::Admin, ActionClass::Privilege),
    (
        "org.update_member",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "org.add_outside_collaborator",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "org.add_billing_manager",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "organization_role.assign",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    ("team.add_member", EventKind::Admin, ActionClass::Privilege),
    (
        "team.promote_maintainer",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    ("repo.add_member", EventKind::Admin, ActionClass::Privilege),
    (
        "repo.update_member",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "business.add_admin",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "business.add_owner",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "business.add_billing_manager",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "business.add_organization_member",
        EventKind::Admin,
        ActionClass::Privilege,
    ),
    (
        "workflows.approve_workflow_job",
        EventKind::Admin,
        ActionClass::Approval,
    ),
    ("repo.download_zip", EventKind::Api, ActionClass::Export),
    ("org.audit_log_export", EventKind::Api, ActionClass::Export),
    (
        "org.audit_log_git_event_export",
        EventKind::Api,
        ActionClass::Export,
    ),
    (
        "business.audit_log_export",
        EventKind::Api,
        ActionClass::Export,
    ),
    (
        "business.audit_log_git_event_export",
        EventKind::Api,
        ActionClass::Export,
    ),
    ("migration.", EventKind::Api, ActionClass::Export),
    ("repo.destroy", EventKind::Admin, ActionClass::Delete),
    ("org.delete", EventKind::Admin, ActionClass::Delete),
    ("business.delete", EventKind::Admin, ActionClass::Delete),
    (
        "packages.package_deleted",
        EventKind::Api,
        ActionClass::Delete,
    ),
    (
        "packages.package_version_deleted",
        EventKind::Api,
        ActionClass::Delete,
    ),
    (
        "packages.package_version_published",
        EventKind::Api,
        ActionClass::Deploy,
    ),
    (
        "packages.package_published",
        EventKind::Api,
        ActionClass::Deploy,
    ),
    ("deployment.create", EventKind::Api, ActionClass::Deploy),
    ("git.clone", EventKind::Api, ActionClass::Read),
    ("git.fetch", EventKind::Api, ActionClass::Read),
    ("git.push", EventKind::Api, ActionClass::Write),
];

/// Categories whose actions issue and revoke tokens.
const TOKENS: &[&str] = &[
    "oauth_access",
    "oauth_authorization",
    "personal_access_token",
    "org_credential_authorization",
];

/// Categories of everyday work rather than of administration.
const WORK: &[&str] = &[
    "git",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "issue",
    "issues",
    "issue_comment",
    "commit_comment",
    "discussion",
    "discussion_comment",
    "discussion_post",
    "discussion_post_reply",
    "project",
    "project_base_role",
    "project_field",
    "project_view",
    "checks",
    "workflows",
    "workflow_run",
    "packages",
    "gist",
    "codespaces",
    "copilot",
    "merge_queue",
    "release",
];

/// What log an action is of, and its class. `api.request` is told by its method: [`of_request`].
pub(super) fn classify(action: &str) -> (EventKind, ActionClass) {
    let listed = LISTED
        .iter()
        .find(|(name, ..)| match name.ends_with(['.', '_']) {
            true => action.starts_with(name),
            false => action == *name,
        });
    if let Some((_, kind, class)) = listed {
        return (*kind, *class);
    }
    let (category, operation) = action.split_once('.').unwrap_or((action, ""));
    let of_policy = ["restriction", "limit", "auto_approve"]
        .iter()
        .any(|word| operation.contains(word));
    if TOKENS.contains(&category) && !of_policy {
        return (EventKind::Token, of_token(operation));
    }
    if WORK.contains(&category) {
        return (EventKind::Api, of_work(operation));
    }
    (EventKind::Admin, ActionClass::Admin)
}

fn of_token(operation: &str) -> ActionClass {
    let says = |words: &[&str]| words.iter().any(|word| operation.contains(word));
    if says(&["revoke", "destroy", "deauthorize", "delete", "expire"]) {
        ActionClass::TokenRevoke
    } else if says(&["approved"]) {
        ActionClass::Approval
    } else if says(&["request", "denied", "cancelled"]) {
        ActionClass::Other
    } else {
        ActionClass::TokenIssue
    }
}

fn of_work(operation: &str) -> ActionClass {
    let says = |words: &[&str]| words.iter().any(|word| operation.contains(word));
    if says(&["delete", "destroy"]) {
        ActionClass::Delete
    } else if says(&["read", "view", "download"]) {
        ActionClass::Read
    } else {
        ActionClass::Write
    }
}

/// The class of a call of the API. What fetches a whole repository or log is an export.
pub(super) fn of_request(method: &str, route: &str) -> ActionClass {
    let whole = ["/zipball", "/tarball", "/audit-log", "/migrations"];
    match method {
        "GET" | "HEAD" | "OPTIONS" if whole.iter().any(|part| route.contains(part)) => {
            ActionClass::Export
        }
        "GET" | "HEAD" | "OPTIONS" => ActionClass::Read,
        "DELETE" => ActionClass::Delete,
        "" => ActionClass::Other,
        _ => ActionClass::Write,
    }
}

/// The user an action is done to, where the entry names one.
pub(super) fn target<'v>(entry: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let name = entry.get("user").text();
    let id = entry.get("user_id").text().or_else(|| name.clone())?;
    let bot = name.is_some_and(|name| name.ends_with("[bot]"));
    let kind = if bot {
        IdentityKind::ServiceAccount
    } else {
        IdentityKind::Human
    };
    Some((id, kind))
}

/// Whether a change of a member's permission takes some of it away.
pub(super) fn is_demotion(entry: Node<'_>) -> bool {
    let rank = |field: &'static str| {
        let ranks = ["none", "read", "triage", "write", "maintain", "admin"];
        let permission = entry.get(field).text()?.to_lowercase();
        ranks.iter().position(|rank| *rank == permission)
    };
    let change = rank("old_permission").zip(rank("permission"));
    change.is_some_and(|(before, after)| after < before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_an_action_is_told_by_its_category() {
        for (action, kind, class) in [
            ("user.login", "auth", "login"),
            ("user.failed_login", "auth", "login"),
            ("user.two_factor_challenge_success", "auth", "mfa"),
            ("two_factor_authentication.disabled", "auth", "write"),
            ("org.add_member", "admin", "privilege"),
            ("org.update_member", "admin", "privilege"),
            ("org.remove_member", "admin", "admin"),
            ("org.invite_member", "admin", "admin"),
            ("business.add_admin", "admin", "privilege"),
            ("team.add_member", "admin", "privilege"),
            ("repo.add_member", "admin", "privilege"),
            ("repo.create", "admin", "admin"),
            ("repo.access", "admin", "admin"),
            ("repo.destroy", "admin", "delete"),
            ("repo.download_zip", "api", "export"),
            ("migration.create", "api", "export"),
            ("org.audit_log_export", "api", "export"),
            ("git.clone", "api", "read"),
            ("git.push", "api", "write"),
            ("oauth_access.create", "token", "token_issue"),
            ("oauth_access.revoke", "token", "token_revoke"),
            ("personal_access_token.create", "token", "token_issue"),
            (
                "personal_access_token.access_granted",
                "token",
                "token_issue",
            ),
            (
                "personal_access_token.access_revoked",
                "token",
                "token_revoke",
            ),
            ("personal_access_token.request_created", "token", "other"),
            (
                "personal_access_token.access_restriction_disabled",
                "admin",
                "admin",
            ),
            (
                "personal_access_token.expiration_limit_unset",
                "admin",
                "admin",
            ),
            (
                "personal_access_token.auto_approve_grant_requests_enabled",
                "admin",
                "admin",
            ),
            ("org_credential_authorization.grant", "token", "token_issue"),
            (
                "org_credential_authorization.revoke",
                "token",
                "token_revoke",
            ),
            ("public_key.create", "admin", "admin"),
            ("protected_branch.destroy", "admin", "admin"),
            ("protected_branch.policy_override", "admin", "admin"),
            ("repository_secret_scanning.disable", "admin", "admin"),
            ("repo.create_actions_secret", "admin", "admin"),
            ("hook.create", "admin", "admin"),
            ("integration_installation.create", "admin", "admin"),
            ("repo.register_self_hosted_runner", "admin", "admin"),
            ("ip_allow_list.disable", "admin", "admin"),
            ("org.disable_saml", "admin", "admin"),
            ("workflows.approve_workflow_job", "admin", "approval"),
            ("workflows.created_workflow_run", "api", "write"),
            ("packages.package_version_published", "api", "deploy"),
            ("packages.package_deleted", "api", "delete"),
            ("pull_request.merge", "api", "write"),
        ] {
            let (kind_found, class_found) = classify(action);
            let found = (kind_found.as_str(), class_found.as_str());
            assert_eq!(found, (kind, class), "{action}");
        }
        for (method, route, class) in [
            ("GET", "/repos/:owner/:repo/contents/?*", "read"),
            ("GET", "/repositories/:repository_id/zipball/?*", "export"),
            ("PUT", "/repos/:owner/:repo/actions/secrets/:name", "write"),
            ("DELETE", "/repos/:owner/:repo", "delete"),
        ] {
            assert_eq!(
                of_request(method, route).as_str(),
                class,
                "{method} {route}"
            );
        }
    }
}
