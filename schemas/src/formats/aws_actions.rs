//! What sort of action an AWS API call is.
//!
//! AWS names its operations by a verb, so a few rules cover thousands of them; what the verb does
//! not tell (secrets, tokens, rights, deployments, exports) is listed.

use super::read::Node;
use crate::event::{ActionClass, EventKind, IdentityKind};
use crate::known::Text;

/// Services with one endpoint for all regions: their `awsRegion` says nothing of the caller.
pub(super) const GLOBAL_SERVICES: &[&str] = &[
    "iam",
    "organizations",
    "sts",
    "route53",
    "cloudfront",
    "signin",
    "account",
    "support",
    "waf",
];

const ADMIN_SERVICES: &[&str] = &[
    "iam",
    "organizations",
    "sso",
    "sso-directory",
    "identitystore",
    "account",
];

const READS: &[&str] = &[
    "Get", "List", "Describe", "Head", "Lookup", "BatchGet", "Search", "Query", "Scan", "Select",
    "Check", "View", "Simulate", "Preview", "Validate", "Estimate", "Filter",
];

const DELETES: &[&str] = &[
    "Delete",
    "BatchDelete",
    "Terminate",
    "Remove",
    "Purge",
    "Deregister",
    "ScheduleKeyDeletion",
    "Destroy",
];

const EXPORTS: &[&str] = &[
    "Export",
    "StartExportTask",
    "CreateExportTask",
    "ModifySnapshotAttribute",
    "ModifyImageAttribute",
    "ModifyDBSnapshotAttribute",
    "ModifyDBClusterSnapshotAttribute",
    "CreateInstanceExportTask",
];

/// Service and start of the name: versions are part of some names (`CreateFunction20150331`).
const DEPLOYMENTS: &[(&str, &str)] = &[
    ("lambda", "CreateFunction"),
    ("lambda", "UpdateFunctionCode"),
    ("cloudformation", "CreateStack"),
    ("cloudformation", "UpdateStack"),
    ("cloudformation", "ExecuteChangeSet"),
    ("ecs", "UpdateService"),
    ("ecs", "CreateService"),
    ("ecs", "RegisterTaskDefinition"),
    ("codedeploy", "CreateDeployment"),
    ("codepipeline", "StartPipelineExecution"),
    ("elasticbeanstalk", "UpdateEnvironment"),
    ("apprunner", "StartDeployment"),
];

/// Service and start of the name of what decides, outside [`ADMIN_SERVICES`], who may do what, and of what
/// blinds whoever watches: turning logs off is the first thing an attacker does.
const ADMINISTRATION: &[(&str, &str)] = &[
    ("s3", "PutBucketPolicy"),
    ("s3", "PutBucketAcl"),
    ("kms", "PutKeyPolicy"),
    ("kms", "CreateGrant"),
    ("secretsmanager", "PutResourcePolicy"),
    ("lambda", "AddPermission"),
    ("eks", "CreateAccessEntry"),
    ("ec2", "AuthorizeSecurityGroup"),
    ("cloudtrail", "StopLogging"),
    ("cloudtrail", "DeleteTrail"),
    ("config", "StopConfigurationRecorder"),
    ("guardduty", "DeleteDetector"),
    ("guardduty", "UpdateDetector"),
];

/// The class of one call. `privilege` is not among them: it belongs to whoever [`gains`].
pub(super) fn class(service: &str, name: &str, record: Node<'_>) -> ActionClass {
    let starts = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    let is_among = |calls: &[(&str, &str)]| {
        let mut calls = calls.iter();
        calls.any(|(owner, start)| *owner == service && name.starts_with(start))
    };
    match (service, name) {
        (
            "signin" | "sso" | "signin-sso",
            "ConsoleLogin" | "UserAuthentication" | "Authenticate",
        ) => ActionClass::Login,
        ("signin", "CheckMfa" | "CredentialVerification" | "CredentialChallenge") => {
            ActionClass::Mfa
        }
        ("signin" | "sso", "Logout" | "Signout") => ActionClass::Logout,
        ("signin", "SwitchRole" | "GetSigninToken") => ActionClass::TokenIssue,
        ("sts", "GetSessionToken" | "GetFederationToken") => ActionClass::TokenIssue,
        ("sts", name) if name.starts_with("AssumeR") => ActionClass::TokenIssue,
        ("sso" | "sso-oauth", "GetRoleCredentials" | "CreateToken" | "CreateTokenWithIAM") => {
            ActionClass::TokenIssue
        }
        ("secretsmanager", "GetSecretValue" | "BatchGetSecretValue") => ActionClass::Secret,
        ("kms", "Decrypt") => ActionClass::Secret,
        ("ec2", "GetPasswordData") | ("lightsail", "DownloadDefaultKeyPair") => ActionClass::Secret,
        ("redshift", name) if name.starts_with("GetClusterCredentials") => ActionClass::Secret,
        ("ssm", name) if name.starts_with("GetParameter") && decrypts(record) => {
            ActionClass::Secret
        }
        // A message that has been worked off is deleted; nothing is lost by it.
        ("sqs", name) if name.starts_with("DeleteMessage") => ActionClass::Write,
        _ if is_among(DEPLOYMENTS) => ActionClass::Deploy,
        _ if starts(READS) => ActionClass::Read,
        _ if is_among(ADMINISTRATION) => ActionClass::Admin,
        (service, _) if ADMIN_SERVICES.contains(&service) => ActionClass::Admin,
        _ if starts(EXPORTS) => ActionClass::Export,
        _ if starts(DELETES) => ActionClass::Delete,
        _ if record.get("readOnly").truth() == Some(true) => ActionClass::Read,
        _ => ActionClass::Write,
    }
}

/// The kind of a call of that class.
pub(super) fn kind(class: ActionClass) -> EventKind {
    match class {
        ActionClass::Login | ActionClass::Logout | ActionClass::Mfa => EventKind::Auth,
        ActionClass::TokenIssue => EventKind::Token,
        ActionClass::Admin => EventKind::Admin,
        _ => EventKind::Api,
    }
}

fn decrypts(record: Node<'_>) -> bool {
    record.at("requestParameters.withDecryption").truth() == Some(true)
}

/// Who gains rights by a call, where the record says: a user, a role, or a user of IAM Identity
/// Center. Rights of a group or in a policy's new version have no one owner.
pub(super) fn gains<'v>(
    service: &str,
    name: &str,
    record: Node<'v>,
) -> Option<(Text<'v>, IdentityKind)> {
    let asked = record.get("requestParameters");
    let (what, field) = match (service, name) {
        (
            "iam",
            "AttachUserPolicy"
            | "PutUserPolicy"
            | "AddUserToGroup"
            | "DeleteUserPermissionsBoundary",
        ) => ("user", "userName"),
        ("iam", "AttachRolePolicy" | "PutRolePolicy" | "DeleteRolePermissionsBoundary") => {
            ("role", "roleName")
        }
        ("sso", "CreateAccountAssignment") => {
            let is_user = asked.get("principalType").text()? == "USER";
            let user = asked.get("principalId").text().filter(|_| is_user)?;
            return Some((user, IdentityKind::Human));
        }
        _ => return None,
    };
    let owner = asked.get(field).text()?;
    Some((arn(record, what, &owner)?, IdentityKind::ServiceAccount))
}

/// The ARN of a user or a role of the account by its name; the caller's own, which has a path too, where
/// that is the user.
fn arn<'v>(record: Node<'v>, what: &str, name: &str) -> Option<Text<'v>> {
    let caller = record.get("userIdentity");
    let own = caller.get("arn").text();
    let is_own = what == "user"
        && caller.get("type").text().as_deref() == Some("IAMUser")
        && caller.get("userName").text().as_deref() == Some(name);
    if is_own && own.is_some() {
        return own;
    }
    let account = record.get("recipientAccountId").text();
    let account = account.or_else(|| caller.get("accountId").text())?;
    // aws, aws-cn or aws-us-gov, as in the caller's own ARN.
    let partition = own.as_deref().and_then(|arn| arn.split(':').nth(1));
    let partition = partition.unwrap_or("aws");
    Some(format!("arn:{partition}:iam::{account}:{what}/{name}").into())
}

/// An access key that a call takes away.
pub(super) struct Revoked<'v> {
    /// Its id, as it stands in the calls that were made with it.
    pub(super) key: Text<'v>,
    /// Whose it is, where that need not be the caller.
    pub(super) owner: Option<(Text<'v>, IdentityKind)>,
}

/// Which access key a call deletes or makes inactive.
pub(super) fn revokes<'v>(service: &str, name: &str, record: Node<'v>) -> Option<Revoked<'v>> {
    let asked = record.get("requestParameters");
    let is_revocation = match (service, name) {
        ("iam", "DeleteAccessKey") => true,
        ("iam", "UpdateAccessKey") => asked.get("status").text()? == "Inactive",
        _ => false,
    };
    let key = is_revocation.then(|| asked.get("accessKeyId").text())??;
    let owner = asked.get("userName").text();
    let owner = owner.and_then(|owner| arn(record, "user", &owner));
    let kind = IdentityKind::ServiceAccount;
    Some(Revoked {
        key,
        owner: owner.map(|owner| (owner, kind)),
    })
}
