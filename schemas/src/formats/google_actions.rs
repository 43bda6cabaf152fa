//! What sort of action a call of a Google Cloud API is, and who gains by it.
//!
//! Google names its methods by a verb first (`google.iam.admin.v1.CreateRole`) or last
//! (`v1.compute.instances.insert`): either way it is the last part. What the verb does not tell is
//! listed.

use std::collections::BTreeMap;

use super::kubernetes_actions::{self, Call};
use super::read::Node;
use crate::event::{ActionClass, IdentityKind, MAX_LIST_ITEMS};
use crate::known::Text;

/// Services that decide who may do what: whatever is changed there is administration.
const ADMIN_SERVICES: &[&str] = &[
    "iam",
    "cloudresourcemanager",
    "orgpolicy",
    "accesscontextmanager",
    "cloudidentity",
    "admin",
    "serviceusage",
    "servicemanagement",
    "privilegedaccessmanager",
    "securitycenter",
    "essentialcontacts",
    "binaryauthorization",
    "oslogin",
    "apikeys",
    "iap",
];

const READS: &[&str] = &[
    "get",
    "list",
    "aggregatedlist",
    "search",
    "query",
    "lookup",
    "batchget",
    "test",
    "check",
    "read",
    "watch",
    "fetch",
    "analyze",
    "validate",
    "describe",
    "count",
    "sample",
    "troubleshoot",
];

const DELETES: &[&str] = &[
    "delete",
    "batchdelete",
    "destroy",
    "purge",
    "remove",
    "drop",
];

/// Service and start of the method, in lower case: the first that fits.
const LISTED: &[(&str, &str, ActionClass)] = &[
    ("login", "loginsuccess", ActionClass::Login),
    ("login", "loginfailure", ActionClass::Login),
    ("login", "logout", ActionClass::Logout),
    ("login", "loginchallenge", ActionClass::Mfa),
    ("login", "loginverification", ActionClass::Mfa),
    ("iamcredentials", "generate", ActionClass::TokenIssue),
    ("iamcredentials", "sign", ActionClass::TokenIssue),
    ("sts", "exchange", ActionClass::TokenIssue),
    ("secretmanager", "accesssecret", ActionClass::Secret),
    ("cloudkms", "decrypt", ActionClass::Secret),
    ("cloudkms", "asymmetricdecrypt", ActionClass::Secret),
    ("cloudkms", "rawdecrypt", ActionClass::Secret),
    ("apikeys", "getkeystring", ActionClass::Secret),
    // Whose request it was is not in the entry, and the approval would be that one's.
    ("accessapproval", "approve", ActionClass::Admin),
    ("privilegedaccessmanager", "approve", ActionClass::Admin),
    ("cloudfunctions", "createfunction", ActionClass::Deploy),
    ("cloudfunctions", "updatefunction", ActionClass::Deploy),
    ("run", "createservice", ActionClass::Deploy),
    ("run", "replaceservice", ActionClass::Deploy),
    ("run", "updateservice", ActionClass::Deploy),
    ("run", "createjob", ActionClass::Deploy),
    ("run", "replacejob", ActionClass::Deploy),
    ("cloudbuild", "createbuild", ActionClass::Deploy),
    ("cloudbuild", "runbuildtrigger", ActionClass::Deploy),
    ("clouddeploy", "create", ActionClass::Deploy),
    ("deploymentmanager", "insert", ActionClass::Deploy),
    ("deploymentmanager", "update", ActionClass::Deploy),
    ("appengine", "createversion", ActionClass::Deploy),
    ("storagetransfer", "createtransferjob", ActionClass::Export),
    ("storagetransfer", "runtransferjob", ActionClass::Export),
    ("logging", "copylogentries", ActionClass::Export),
    ("firestore", "runquery", ActionClass::Read),
    ("firestore", "runaggregationquery", ActionClass::Read),
    ("datastore", "runquery", ActionClass::Read),
    ("datastore", "runaggregationquery", ActionClass::Read),
    // Where logs go, and which are kept: turning them off is the first thing an attacker does.
    ("logging", "createsink", ActionClass::Admin),
    ("logging", "updatesink", ActionClass::Admin),
    ("logging", "deletesink", ActionClass::Admin),
    ("logging", "createexclusion", ActionClass::Admin),
    ("logging", "updateexclusion", ActionClass::Admin),
    ("logging", "updatebucket", ActionClass::Admin),
    ("logging", "deletebucket", ActionClass::Admin),
    // Keys and scripts of machines, and the account they act as.
    ("compute", "setmetadata", ActionClass::Admin),
    ("compute", "setcommoninstancemetadata", ActionClass::Admin),
    ("compute", "setserviceaccount", ActionClass::Admin),
];

/// The class of one call. `privilege` is not among them: it belongs to whoever [`gains`].
pub(super) fn class(service: &str, method: &str) -> ActionClass {
    if let Some(call) = kubernetes(method) {
        return kubernetes_actions::class(call);
    }
    let verb = method.rsplit('.').next().unwrap_or(method).to_lowercase();
    let starts = |verbs: &[&str]| verbs.iter().any(|start| verb.starts_with(start));
    let listed = LISTED
        .iter()
        .find(|(owner, start, _)| *owner == service && verb.starts_with(start));
    if let Some((.., class)) = listed {
        return *class;
    }
    let firewall = service == "compute"
        && (method.contains("firewall") || method.to_lowercase().contains("securitypolic"));
    if sets_policy(&verb) {
        ActionClass::Admin
    } else if starts(READS) {
        ActionClass::Read
    } else if starts(&["export"]) {
        ActionClass::Export
    } else if ADMIN_SERVICES.contains(&service) || firewall {
        ActionClass::Admin
    } else if starts(DELETES) {
        ActionClass::Delete
    } else {
        ActionClass::Write
    }
}

/// `SetIamPolicy` of most services, `storage.setIamPermissions`, `google.iam.admin.v1.SetIAMPolicy`.
fn sets_policy(verb: &str) -> bool {
    verb.starts_with("setiampolic") || verb.starts_with("setiampermission")
}

/// The call of Kubernetes behind a method of GKE: `io.k8s.core.v1.pods.exec.create`.
fn kubernetes(method: &str) -> Option<Call<'_>> {
    let (path, verb) = method.strip_prefix("io.k8s.")?.rsplit_once('.')?;
    let mut rest = path.split('.');
    let is_version = |part: &str| {
        let digits = part.strip_prefix('v');
        digits.is_some_and(|it| it.starts_with(|first: char| first.is_ascii_digit()))
    };
    rest.find(|part| is_version(part))?;
    Some(Call {
        verb,
        group: "",
        resource: rest.next()?,
        subresource: rest.next().unwrap_or_default(),
    })
}

/// Who gains by a call: the members to whom a change of a policy adds a role, or whom a binding of
/// Kubernetes binds. Groups, domains and everybody have no one owner.
pub(super) fn gains<'v>(method: &str, payload: Node<'v>) -> Vec<(Text<'v>, IdentityKind)> {
    if let Some(call) = kubernetes(method) {
        return kubernetes_actions::gains(call, payload.get("request"), payload.get("response"));
    }
    added(payload)
        .filter_map(|delta| principal(&delta.get("member").text()?))
        .map(|(id, kind)| (id.into(), kind))
        .collect()
}

/// The roles that a change of a policy or a binding of Kubernetes gives, by whom it gives them to.
pub(super) fn roles_given<'v>(method: &str, payload: Node<'v>) -> BTreeMap<String, Vec<Text<'v>>> {
    let mut roles: BTreeMap<String, Vec<Text<'v>>> = BTreeMap::new();
    if kubernetes(method).is_some() {
        let (asked, written) = (payload.get("request"), payload.get("response"));
        let Some(role) = kubernetes_actions::role(asked, written) else {
            return roles;
        };
        let gainers = gains(method, payload).into_iter();
        return gainers
            .map(|(id, _)| (id.into_owned(), vec![role.clone()]))
            .collect();
    }
    for delta in added(payload) {
        let member = delta.get("member").text();
        let Some((id, _)) = member.and_then(|name| principal(&name)) else {
            continue;
        };
        let given = roles.entry(id).or_default();
        given.extend(delta.get("role").short());
        given.truncate(MAX_LIST_ITEMS);
    }
    roles
}

fn added<'v>(payload: Node<'v>) -> impl Iterator<Item = Node<'v>> {
    const DELTAS: [&str; 2] = [
        "serviceData.policyDelta.bindingDeltas",
        "metadata.policyDelta.bindingDeltas",
    ];
    let deltas = DELTAS
        .into_iter()
        .flat_map(move |path| payload.at(path).items());
    deltas.filter(|delta| {
        let action = delta.get("action").text();
        action.is_some_and(|it| it.eq_ignore_ascii_case("add"))
    })
}

/// The identity behind a principal as policies and logs name it: `user:ann@example.com`, an address
/// of mail alone, `principal://…`; nothing where it stands for many or for nobody.
pub(super) fn principal(name: &str) -> Option<(String, IdentityKind)> {
    if name.starts_with("principal://") {
        let kind = if name.contains("/workforcePools/") {
            IdentityKind::Human
        } else if name.starts_with("principal://agents.") {
            IdentityKind::AiAgent
        } else {
            IdentityKind::Workload
        };
        return Some((name.to_owned(), kind));
    }
    if name.starts_with("system:") {
        let kind = kubernetes_actions::identity_kind(name)?;
        return Some((name.to_owned(), kind));
    }
    let name = name.strip_prefix("deleted:").unwrap_or(name);
    // What follows the address of a deleted account is its number.
    let name = name.split('?').next().unwrap_or(name);
    let (kind, id) = name.split_once(':').unwrap_or(("", name));
    let kind = match kind {
        _ if id.is_empty() || matches!(id, "allUsers" | "allAuthenticatedUsers") => return None,
        "serviceAccount" => IdentityKind::ServiceAccount,
        "" | "user" if id.ends_with(".gserviceaccount.com") => IdentityKind::ServiceAccount,
        // What Google itself does to a resource, as its log of system events has it.
        "" | "user" if id.eq_ignore_ascii_case("system@google.com") => IdentityKind::ServiceAccount,
        "" | "user" => IdentityKind::Human,
        _ => return None,
    };
    Some((id.to_lowercase(), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_call_is_told_by_service_and_verb() {
        for (call, expected) in [
            ("iam:google.iam.admin.v1.CreateServiceAccountKey", "admin"),
            ("iam:google.iam.admin.v1.CreateServiceAccount", "admin"),
            ("iam:google.iam.admin.v1.DeleteServiceAccount", "admin"),
            ("iam:google.iam.admin.v1.UpdateRole", "admin"),
            ("iam:google.iam.admin.v1.SetIAMPolicy", "admin"),
            ("iam:google.iam.admin.v1.ListServiceAccountKeys", "read"),
            ("cloudresourcemanager:SetIamPolicy", "admin"),
            ("cloudresourcemanager:GetProject", "read"),
            ("cloudresourcemanager:TestIamPermissions", "read"),
            ("iamcredentials:GenerateAccessToken", "token_issue"),
            ("iamcredentials:SignJwt", "token_issue"),
            (
                "sts:google.identity.sts.v1.SecurityTokenService.ExchangeToken",
                "token_issue",
            ),
            ("login:google.login.LoginService.loginSuccess", "login"),
            ("login:google.login.LoginService.loginVerification", "mfa"),
            (
                "secretmanager:google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
                "secret",
            ),
            (
                "secretmanager:google.cloud.secretmanager.v1.SecretManagerService.DestroySecretVersion",
                "delete",
            ),
            ("cloudkms:Decrypt", "secret"),
            ("cloudkms:DestroyCryptoKeyVersion", "delete"),
            (
                "apikeys:google.api.apikeys.v2.ApiKeys.GetKeyString",
                "secret",
            ),
            ("storage:storage.objects.get", "read"),
            ("storage:storage.objects.create", "write"),
            ("storage:storage.objects.delete", "delete"),
            ("storage:storage.setIamPermissions", "admin"),
            ("storage:storage.buckets.delete", "delete"),
            ("compute:v1.compute.instances.insert", "write"),
            ("compute:v1.compute.instances.delete", "delete"),
            ("compute:v1.compute.instances.aggregatedList", "read"),
            ("compute:beta.compute.instances.setMetadata", "admin"),
            (
                "compute:v1.compute.projects.setCommonInstanceMetadata",
                "admin",
            ),
            ("compute:v1.compute.firewalls.insert", "admin"),
            ("compute:v1.compute.snapshots.setIamPolicy", "admin"),
            (
                "logging:google.logging.v2.ConfigServiceV2.DeleteSink",
                "admin",
            ),
            (
                "cloudfunctions:google.cloud.functions.v1.CloudFunctionsService.UpdateFunction",
                "deploy",
            ),
            ("run:google.cloud.run.v1.Services.ReplaceService", "deploy"),
            ("cloudsql:cloudsql.instances.export", "export"),
            (
                "firestore:google.firestore.admin.v1.FirestoreAdmin.ExportDocuments",
                "export",
            ),
            ("firestore:google.firestore.v1.Firestore.RunQuery", "read"),
            (
                "firestore:google.firestore.v1.Firestore.RunAggregationQuery",
                "read",
            ),
            (
                "firestore:google.firestore.v1.Firestore.BatchGetDocuments",
                "read",
            ),
            ("firestore:google.firestore.v1.Firestore.Listen", "read"),
            ("firestore:google.firestore.v1.Firestore.Commit", "write"),
            ("datastore:google.datastore.v1.Datastore.RunQuery", "read"),
            (
                "datastore:google.datastore.v1.Datastore.RunAggregationQuery",
                "read",
            ),
            ("datastore:google.datastore.v1.Datastore.Commit", "write"),
            (
                "privilegedaccessmanager:google.cloud.privilegedaccessmanager.v1.PrivilegedAccessManager.ApproveGrant",
                "admin",
            ),
            ("k8s.io:io.k8s.core.v1.secrets.list", "secret"),
            ("k8s.io:io.k8s.core.v1.pods.exec.create", "admin"),
            (
                "k8s.io:io.k8s.authorization.rbac.v1.clusterrolebindings.create",
                "admin",
            ),
            ("k8s.io:io.k8s.apps.v1.deployments.patch", "deploy"),
        ] {
            let (service, method) = call.split_once(':').expect("service:method");
            assert_eq!(class(service, method).as_str(), expected, "{call}");
        }
    }

    #[test]
    fn a_principal_is_known_by_how_it_is_written() {
        for (name, expected) in [
            (
                "user:Ann@example.com",
                Some(("ann@example.com", IdentityKind::Human)),
            ),
            (
                "ann@example.com",
                Some(("ann@example.com", IdentityKind::Human)),
            ),
            (
                "serviceAccount:ci@acme.iam.gserviceaccount.com",
                Some((
                    "ci@acme.iam.gserviceaccount.com",
                    IdentityKind::ServiceAccount,
                )),
            ),
            (
                "system@google.com",
                Some(("system@google.com", IdentityKind::ServiceAccount)),
            ),
            (
                "deleted:user:bob@example.com?uid=1234",
                Some(("bob@example.com", IdentityKind::Human)),
            ),
            (
                "principal://iam.googleapis.com/locations/global/workforcePools/hr/subject/ann",
                Some((
                    "principal://iam.googleapis.com/locations/global/workforcePools/hr/subject/ann",
                    IdentityKind::Human,
                )),
            ),
            ("group:ops@example.com", None),
            ("domain:example.com", None),
            ("allUsers", None),
            ("system:anonymous", None),
            (
                "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*",
                None,
            ),
        ] {
            let found = principal(name);
            let found = found.as_ref().map(|(id, kind)| (id.as_str(), *kind));
            assert_eq!(found, expected, "{name}");
        }
    }
}
