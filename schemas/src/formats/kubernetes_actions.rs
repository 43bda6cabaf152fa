//! What sort of action a call of the Kubernetes API is, and who gains by it. Also for the entries of
//! GKE in the logs of Google Cloud.
//!
//! A handful of verbs on any number of resources: the verb decides, but for the resources by which a
//! cluster is taken over.

use super::read::Node;
use crate::event::{ActionClass, IdentityKind};
use crate::known::Text;

/// What a call is about: `create`, `rbac.authorization.k8s.io`, `rolebindings`, no subresource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) verb: &'a str,
    /// Empty for the core group.
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    /// Empty where it is about the resource itself.
    pub(super) subresource: &'a str,
}

/// Ways into a running container, or past the API server to a kubelet. Newer clients open them with
/// `get`.
const INTO_CONTAINERS: &[&str] = &[
    "exec",
    "attach",
    "portforward",
    "proxy",
    "ephemeralcontainers",
];

/// Resources that decide who may do what, what is admitted, and where things run.
const ADMIN: &[&str] = &[
    "roles",
    "clusterroles",
    "rolebindings",
    "clusterrolebindings",
    "serviceaccounts",
    "namespaces",
    "nodes",
    "certificatesigningrequests",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "apiservices",
    "customresourcedefinitions",
    "networkpolicies",
    "podsecuritypolicies",
    "resourcequotas",
    "priorityclasses",
    "flowschemas",
    "prioritylevelconfigurations",
];

const WORKLOADS: &[&str] = &[
    "pods",
    "deployments",
    "daemonsets",
    "statefulsets",
    "replicasets",
    "replicationcontrollers",
    "jobs",
    "cronjobs",
];

/// The class of one call.
pub(super) fn class(call: Call<'_>) -> ActionClass {
    let reads = matches!(call.verb, "get" | "list" | "watch" | "head" | "options");
    let deletes = matches!(call.verb, "delete" | "deletecollection");
    match (call.resource, call.subresource) {
        ("secrets", _) if reads => ActionClass::Secret,
        ("serviceaccounts", "token") if !reads => ActionClass::TokenIssue,
        ("pods" | "nodes" | "services", way) if INTO_CONTAINERS.contains(&way) => {
            ActionClass::Admin
        }
        // Questions, although they are created.
        ("tokenreviews", _) => ActionClass::Read,
        (review, _) if review.ends_with("accessreviews") || review.ends_with("rulesreviews") => {
            ActionClass::Read
        }
        ("selfsubjectreviews", _) => ActionClass::Read,
        _ if reads => ActionClass::Read,
        ("pods", "eviction") => ActionClass::Delete,
        ("certificatesigningrequests", "approval") => ActionClass::Admin,
        // What a kubelet or a controller reports of itself.
        (_, "status" | "finalize" | "binding" | "scale") => ActionClass::Write,
        (resource, _) if ADMIN.contains(&resource) => ActionClass::Admin,
        _ if deletes => ActionClass::Delete,
        (resource, "") if WORKLOADS.contains(&resource) => ActionClass::Deploy,
        _ => ActionClass::Write,
    }
}

/// Who gains rights by a call: the users and service accounts of a binding that is written. A group
/// has no one owner. An update lists everybody it leaves in, not only who is new.
pub(super) fn gains<'v>(
    call: Call<'_>,
    asked: Node<'v>,
    written: Node<'v>,
) -> Vec<(Text<'v>, IdentityKind)> {
    let binds = matches!(call.resource, "rolebindings" | "clusterrolebindings")
        && matches!(call.verb, "create" | "update" | "patch");
    if !binds {
        return Vec::new();
    }
    let subjects = |binding: Node<'v>| -> Vec<_> {
        let subjects = binding.get("subjects").items();
        subjects.filter_map(subject).collect()
    };
    let named = subjects(asked);
    if named.is_empty() {
        return subjects(written);
    }
    named
}

/// The role that a binding gives.
pub(super) fn role<'v>(asked: Node<'v>, written: Node<'v>) -> Option<Text<'v>> {
    let bindings = [asked, written];
    bindings.iter().find_map(|it| it.at("roleRef.name").short())
}

fn subject<'v>(subject: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let name = subject.get("name").text()?;
    match subject.get("kind").text()?.as_ref() {
        "ServiceAccount" => {
            let namespace = subject.get("namespace").text()?;
            let id = format!("system:serviceaccount:{namespace}:{name}");
            Some((id.into(), IdentityKind::ServiceAccount))
        }
        "User" => {
            let kind = identity_kind(&name)?;
            Some((name, kind))
        }
        _ => None,
    }
}

/// What a user name of Kubernetes stands for; nothing for the one that stands for nobody.
pub(super) fn identity_kind(name: &str) -> Option<IdentityKind> {
    match name {
        "system:anonymous" | "system:unauthenticated" => None,
        _ if name.starts_with("system:serviceaccount:") => Some(IdentityKind::ServiceAccount),
        // Nodes, and the parts of the control plane.
        _ if name.starts_with("system:") => Some(IdentityKind::Workload),
        _ => Some(IdentityKind::Human),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_call_is_told_by_verb_and_resource() {
        for (verb, target, expected) in [
            ("get", "pods", "read"),
            ("list", "configmaps", "read"),
            ("watch", "deployments", "read"),
            ("get", "pods/log", "read"),
            ("get", "secrets", "secret"),
            ("list", "secrets", "secret"),
            ("watch", "secrets", "secret"),
            ("create", "secrets", "write"),
            ("delete", "secrets", "delete"),
            ("create", "serviceaccounts/token", "token_issue"),
            ("create", "tokenreviews", "read"),
            ("create", "subjectaccessreviews", "read"),
            ("create", "selfsubjectaccessreviews", "read"),
            ("create", "selfsubjectrulesreviews", "read"),
            ("create", "pods/exec", "admin"),
            ("get", "pods/exec", "admin"),
            ("create", "pods/attach", "admin"),
            ("create", "pods/portforward", "admin"),
            ("get", "nodes/proxy", "admin"),
            ("patch", "pods/ephemeralcontainers", "admin"),
            ("create", "clusterrolebindings", "admin"),
            ("patch", "clusterroles", "admin"),
            ("delete", "rolebindings", "admin"),
            ("update", "certificatesigningrequests/approval", "admin"),
            ("create", "mutatingwebhookconfigurations", "admin"),
            ("create", "serviceaccounts", "admin"),
            ("patch", "nodes", "admin"),
            ("patch", "nodes/status", "write"),
            ("create", "pods", "deploy"),
            ("create", "daemonsets", "deploy"),
            ("create", "cronjobs", "deploy"),
            ("patch", "deployments", "deploy"),
            ("patch", "deployments/status", "write"),
            ("patch", "deployments/scale", "write"),
            ("delete", "pods", "delete"),
            ("deletecollection", "events", "delete"),
            ("create", "pods/eviction", "delete"),
            ("update", "leases", "write"),
            ("create", "events", "write"),
        ] {
            let (resource, subresource) = target.split_once('/').unwrap_or((target, ""));
            let call = Call {
                verb,
                group: "",
                resource,
                subresource,
            };
            assert_eq!(class(call).as_str(), expected, "{verb} {target}");
        }
    }
}
