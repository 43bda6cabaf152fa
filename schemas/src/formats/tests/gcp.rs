use super::story;

/// A user acts through two service accounts; a key is used; a role is given; a token is made.
pub(super) const ENTRIES: &str = r#"{"entries": [
 {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "status": {},
   "authenticationInfo": {"principalEmail": "deployer@acme-prod.iam.gserviceaccount.com", "principalSubject": "serviceAccount:deployer@acme-prod.iam.gserviceaccount.com", "serviceAccountDelegationInfo": [{"firstPartyPrincipal": {"principalEmail": "Ann@example.com"}}, {"principalSubject": "serviceAccount:ci@acme-build.iam.gserviceaccount.com"}, {}]},
   "requestMetadata": {"callerIp": "203.0.113.9", "callerSuppliedUserAgent": "google-cloud-sdk gcloud/501.0.0,gzip(gfe)", "requestAttributes": {"time": "2026-11-20T10:15:30.301834867Z", "auth": {}}, "destinationAttributes": {}},
   "serviceName": "secretmanager.googleapis.com", "methodName": "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
   "authorizationInfo": [{"permission": "secretmanager.versions.access", "granted": true, "resource": "projects/1234/secrets/db/versions/latest", "resourceAttributes": {}}], "resourceName": "projects/1234/secrets/db/versions/latest"},
  "insertId": "1yfqkpd2wtk", "resource": {"type": "audited_resource", "labels": {"project_id": "acme-prod", "service": "secretmanager.googleapis.com", "method": "AccessSecretVersion"}}, "timestamp": "2026-11-20T10:15:30.287612345Z", "severity": "INFO", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access", "receiveTimestamp": "2026-11-20T10:15:31.1Z"},
 {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "authenticationInfo": {"principalEmail": "exporter@acme-build.iam.gserviceaccount.com", "serviceAccountKeyName": "//iam.googleapis.com/projects/acme-build/serviceAccounts/exporter@acme-build.iam.gserviceaccount.com/keys/0123456789abcdef0123456789abcdef01234567"},
   "requestMetadata": {"callerIp": "gce-internal-ip", "callerSuppliedUserAgent": "gcloud-python/3.1"}, "serviceName": "storage.googleapis.com", "methodName": "storage.objects.get",
   "authorizationInfo": [{"resource": "projects/_/buckets/invoices/objects/11.csv", "permission": "storage.objects.get", "granted": false}], "resourceName": "projects/_/buckets/invoices/objects/11.csv", "status": {"code": 7, "message": "PERMISSION_DENIED"}},
  "insertId": "a1", "resource": {"type": "gcs_bucket", "labels": {"bucket_name": "invoices", "project_id": "acme-prod", "location": "eu"}}, "timestamp": "2026-11-20T10:16:00Z", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access"},
 {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "status": {}, "authenticationInfo": {"principalEmail": "root@example.com", "principalSubject": "user:root@example.com"}, "requestMetadata": {"callerIp": "2001:db8::17", "callerSuppliedUserAgent": "Mozilla/5.0"},
   "serviceName": "cloudresourcemanager.googleapis.com", "methodName": "SetIamPolicy", "authorizationInfo": [{"resource": "projects/acme-prod", "permission": "resourcemanager.projects.setIamPolicy", "granted": true}], "resourceName": "projects/acme-prod",
   "serviceData": {"@type": "type.googleapis.com/google.iam.v1.logging.AuditData", "policyDelta": {"bindingDeltas": [{"action": "ADD", "role": "roles/owner", "member": "user:mallory@example.com"}, {"action": "ADD", "role": "roles/owner", "member": "serviceAccount:ci@acme-build.iam.gserviceaccount.com"}, {"action": "REMOVE", "role": "roles/viewer", "member": "user:bob@example.com"}, {"action": "ADD", "role": "roles/viewer", "member": "group:ops@example.com"}]}}},
  "insertId": "-h4k2e1d7kl", "resource": {"type": "project", "labels": {"project_id": "acme-prod"}}, "timestamp": "2026-11-20T10:17:00.5Z", "severity": "NOTICE", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Factivity"},
 {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "status": {}, "authenticationInfo": {"principalSubject": "principal://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/github/subject/repo:acme/app:ref:refs/heads/main"}, "requestMetadata": {"callerIp": "192.0.2.77"},
   "serviceName": "iamcredentials.googleapis.com", "methodName": "GenerateAccessToken", "authorizationInfo": [{"permission": "iam.serviceAccounts.getAccessToken", "granted": true, "resourceAttributes": {}}], "resourceName": "projects/-/serviceAccounts/103566171230474107362",
   "request": {"@type": "type.googleapis.com/google.iam.credentials.v1.GenerateAccessTokenRequest", "name": "projects/-/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com"}, "metadata": {"identityDelegationChain": ["projects/-/serviceAccounts/hop@acme-prod.iam.gserviceaccount.com", "projects/-/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com"]}},
  "insertId": "15djrryd6bap", "resource": {"type": "service_account", "labels": {"email_id": "deployer@acme-prod.iam.gserviceaccount.com", "project_id": "acme-prod", "unique_id": "103566171230474107362"}}, "timestamp": "2026-11-20T10:18:00Z", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access"}
]}"#;

#[test]
fn chains_keys_roles_and_tokens_are_told_apart() {
    insta::assert_snapshot!(story("gcp", ENTRIES.as_bytes()));
}

#[test]
fn a_sign_in_and_the_api_server_of_gke_are_in_the_same_log() {
    insta::assert_snapshot!(story("gcp", br#"[
     {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "authenticationInfo": {"principalEmail": "ann@example.com"}, "requestMetadata": {"callerIp": "203.0.113.9", "requestAttributes": {}}, "serviceName": "login.googleapis.com", "methodName": "google.login.LoginService.loginFailure", "resourceName": "organizations/123"},
      "insertId": "b1", "resource": {"type": "audited_resource", "labels": {"service": "login.googleapis.com", "method": "google.login.LoginService.loginFailure"}}, "timestamp": "2026-11-20T10:19:00Z", "logName": "organizations/123/logs/cloudaudit.googleapis.com%2Fdata_access"},
     {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "authenticationInfo": {"principalEmail": "system:serviceaccount:prod:billing"}, "requestMetadata": {"callerIp": "10.0.3.17", "callerSuppliedUserAgent": "kubectl/v1.31.0"}, "serviceName": "k8s.io", "methodName": "io.k8s.core.v1.secrets.get", "authorizationInfo": [{"permission": "io.k8s.core.v1.secrets.get", "granted": false, "resource": "core/v1/namespaces/prod/secrets/db"}], "resourceName": "core/v1/namespaces/prod/secrets/db", "status": {"code": 7, "message": "Forbidden"}},
      "insertId": "b2", "resource": {"type": "k8s_cluster", "labels": {"project_id": "acme-prod", "cluster_name": "prod", "location": "europe-west1"}}, "labels": {"authorization.k8s.io/decision": "forbid"}, "timestamp": "2026-11-20T10:20:00Z", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access"},
     {"protoPayload": {"authenticationInfo": {"principalEmail": "mallory@example.com"}, "requestMetadata": {"callerIp": "private"}, "serviceName": "k8s.io", "methodName": "io.k8s.authorization.rbac.v1.clusterrolebindings.create", "resourceName": "rbac.authorization.k8s.io/v1/clusterrolebindings/oops", "request": {"roleRef": {"name": "cluster-admin"}, "subjects": [{"kind": "User", "name": "mallory@example.com"}, {"kind": "ServiceAccount", "namespace": "dev", "name": "default"}]}, "status": {}},
      "insertId": "b3", "resource": {"labels": {"project_id": "acme-prod"}}, "timestamp": "2026-11-20T10:21:00Z", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Factivity"}
    ]"#));
}

#[test]
fn what_google_does_itself_is_no_persons_and_a_query_reads() {
    insta::assert_snapshot!(story("gcp", br#"[
     {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "authenticationInfo": {"principalEmail": "system@google.com"}, "requestMetadata": {"requestAttributes": {}}, "serviceName": "compute.googleapis.com", "methodName": "compute.instances.migrateOnHostMaintenance", "resourceName": "projects/acme-prod/zones/europe-west1-b/instances/vm-1"},
      "insertId": "c1", "resource": {"type": "gce_instance", "labels": {"project_id": "acme-prod", "instance_id": "1"}}, "timestamp": "2026-11-20T10:23:00Z", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fsystem_event"},
     {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "authenticationInfo": {"principalEmail": "Ann@example.com"}, "requestMetadata": {"callerIp": "203.0.113.9"}, "serviceName": "firestore.googleapis.com", "methodName": "google.firestore.v1.Firestore.RunQuery", "authorizationInfo": [{"permission": "datastore.entities.list", "granted": true}], "resourceName": "projects/acme-prod/databases/(default)"},
      "insertId": "c2", "resource": {"type": "audited_resource", "labels": {"project_id": "acme-prod", "service": "firestore.googleapis.com"}}, "timestamp": "2026-11-20T10:24:00Z", "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access"}
    ]"#));
}

#[test]
fn a_message_of_pub_sub_is_unwrapped() {
    // {"protoPayload":{"methodName":"storage.objects.list","serviceName":"storage.googleapis.com","authenticationInfo":{"principalEmail":"ann@example.com"}},"insertId":"p1","timestamp":"2026-11-20T10:22:00Z","logName":"projects/acme/logs/x"}
    let message = br#"{"message": {"data": "eyJwcm90b1BheWxvYWQiOnsibWV0aG9kTmFtZSI6InN0b3JhZ2Uub2JqZWN0cy5saXN0Iiwic2VydmljZU5hbWUiOiJzdG9yYWdlLmdvb2dsZWFwaXMuY29tIiwiYXV0aGVudGljYXRpb25JbmZvIjp7InByaW5jaXBhbEVtYWlsIjoiYW5uQGV4YW1wbGUuY29tIn19LCJpbnNlcnRJZCI6InAxIiwidGltZXN0YW1wIjoiMjAyNi0xMS0yMFQxMDoyMjowMFoiLCJsb2dOYW1lIjoicHJvamVjdHMvYWNtZS9sb2dzL3gifQ==", "messageId": "2070443601311540", "publishTime": "2026-11-20T10:22:01Z"}, "subscription": "projects/acme/subscriptions/audit"}"#;
    insta::assert_snapshot!(story("gcp", message));
}

#[test]
fn the_same_insert_id_at_another_time_is_another_event() {
    let entry = |time: &str| {
        format!(
            r#"{{"protoPayload": {{"methodName": "storage.objects.get", "serviceName": "storage.googleapis.com", "authenticationInfo": {{"principalEmail": "ann@example.com"}}}}, "insertId": "x", "timestamp": "{time}", "logName": "projects/acme/logs/a"}}"#
        )
    };
    let id = |time: &str| {
        let told = story("gcp", entry(time).as_bytes());
        let event: serde_json::Value = serde_json::from_str(&told).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    let first = id("2026-11-20T10:22:00.000000001Z");
    assert_eq!(first, id("2026-11-20T10:22:00.000000001Z"));
    assert_ne!(first, id("2026-11-20T10:22:00.000000002Z"));
}

#[test]
fn what_is_no_audit_log_or_names_nobody_is_skipped_and_the_rest_refused() {
    insta::assert_snapshot!(story("gcp", br#"[
      {"textPayload": "started", "insertId": "1", "timestamp": "2026-11-20T10:00:00Z", "logName": "projects/acme/logs/stdout"},
      {"protoPayload": {"methodName": "storage.objects.get", "serviceName": "storage.googleapis.com", "authenticationInfo": {}}, "insertId": "2", "timestamp": "2026-11-20T10:00:00Z", "logName": "x"},
      {"protoPayload": {"methodName": "io.k8s.core.v1.pods.list", "serviceName": "k8s.io", "authenticationInfo": {"principalEmail": "system:anonymous"}}, "insertId": "3", "timestamp": "2026-11-20T10:00:00Z"},
      {"protoPayload": {"methodName": "storage.objects.get", "authenticationInfo": {"principalEmail": "ann@example.com"}}, "insertId": "4", "timestamp": "now"},
      {"protoPayload": {"methodName": "storage.objects.get", "authenticationInfo": {"principalEmail": "ann@example.com"}}, "timestamp": "2026-11-20T10:00:00Z"},
      {"protoPayload": {"authenticationInfo": {"principalEmail": "ann@example.com"}}, "insertId": "6", "timestamp": "2026-11-20T10:00:00Z"},
      {"hello": "world"}, null
    ]"#));
}

#[test]
fn a_challenge_is_passed_only_where_the_entry_says_so() {
    let of = |method: &str, status: &str| {
        let raw = format!(
            r#"{{"insertId": "1", "timestamp": "2026-11-20T10:00:00Z", "protoPayload": {{"serviceName": "login.googleapis.com", "methodName": "google.login.LoginService.{method}", "authenticationInfo": {{"principalEmail": "ann@example.com"}}, "metadata": {{"event": [{{"eventName": "x", "parameter": [{{"name": "login_challenge_method", "value": "idv_any_phone"}}{status}]}}]}}}}}}"#
        );
        let event: serde_json::Value =
            serde_json::from_str(&story("gcp", raw.as_bytes())).expect("an event");
        assert_eq!(event["action"]["class"], "mfa");
        event["action"]["outcome"]
            .as_str()
            .expect("a word")
            .to_owned()
    };
    let status =
        |says: &str| format!(r#", {{"name": "login_challenge_status", "value": "{says}"}}"#);
    for method in ["loginChallenge", "loginVerification"] {
        assert_eq!(of(method, ""), "challenged");
        assert_eq!(of(method, &status("Challenge Failed.")), "failure");
        assert_eq!(of(method, &status("Challenge Passed.")), "success");
    }
}
