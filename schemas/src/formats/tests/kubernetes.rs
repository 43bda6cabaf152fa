use super::story;

/// An `EventList` of the webhook backend: a pod reads a secret, a person execs into a container.
pub(super) const LIST: &str = r#"{"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [
 {"level": "Metadata", "auditID": "1f0c6a8e-0000-4000-8000-000000000001", "stage": "RequestReceived", "requestURI": "/api/v1/namespaces/prod/secrets/db", "verb": "get", "user": {"username": "system:serviceaccount:prod:billing"}, "requestReceivedTimestamp": "2026-11-20T10:15:30.123456Z", "stageTimestamp": "2026-11-20T10:15:30.123456Z"},
 {"level": "Metadata", "auditID": "1f0c6a8e-0000-4000-8000-000000000001", "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/prod/secrets/db", "verb": "get",
  "user": {"username": "system:serviceaccount:prod:billing", "uid": "e56b64e1-4415-4ee8-9cdf-78026924a7e5", "groups": ["system:serviceaccounts", "system:serviceaccounts:prod", "system:authenticated"],
    "extra": {"authentication.kubernetes.io/credential-id": ["JTI=2b76b98d-e185-4970-918e-6fa3f30606ab"], "authentication.kubernetes.io/node-name": ["node-3"], "authentication.kubernetes.io/node-uid": ["52c81fbd-d2e9-4c7a-b45f-89df2615076b"], "authentication.kubernetes.io/pod-name": ["billing-5b84d8dd85-xz2rr"], "authentication.kubernetes.io/pod-uid": ["adbcb431-1ba9-4022-b222-a5ba02534005"]}},
  "sourceIPs": ["10.0.3.17"], "userAgent": "billing/v0.0.0 (linux/amd64) kubernetes/$Format", "objectRef": {"resource": "secrets", "namespace": "prod", "name": "db", "apiVersion": "v1"}, "responseStatus": {"metadata": {}, "code": 200},
  "requestReceivedTimestamp": "2026-11-20T10:15:30.123456Z", "stageTimestamp": "2026-11-20T10:15:30.129876Z", "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by RoleBinding \"billing/prod\" of Role \"billing\" to ServiceAccount \"billing/prod\""}},
 {"level": "Request", "auditID": "1f0c6a8e-0000-4000-8000-000000000002", "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/prod/pods/billing-0/exec?command=sh&stdin=true&tty=true", "verb": "get",
  "user": {"username": "ann@example.com", "groups": ["ops", "system:authenticated"], "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=ce89c45675549e8c37bed92fd2fe3134a843dee38d5f1c31b7ffd1e4fb4648e0"]}},
  "impersonatedUser": {"username": "system:serviceaccount:prod:deployer", "groups": ["system:serviceaccounts"]}, "sourceIPs": ["192.0.2.200", "203.0.113.9", "10.0.0.2"], "userAgent": "kubectl/v1.31.0 (darwin/arm64) kubernetes/9edcffc",
  "objectRef": {"resource": "pods", "namespace": "prod", "name": "billing-0", "apiVersion": "v1", "subresource": "exec"}, "responseStatus": {"metadata": {}, "code": 101}, "requestReceivedTimestamp": "2026-11-20T10:16:00.000000Z", "stageTimestamp": "2026-11-20T10:20:00.000000Z", "annotations": {"authorization.k8s.io/decision": "allow"}}
]}"#;

/// As AKS sends it to an event hub: the event is JSON in a string.
pub(super) const AKS: &str = r#"{"records": [
 {"operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read", "category": "kube-audit", "ccpNamespace": "64a1", "resourceId": "/SUBSCRIPTIONS/0000/RESOURCEGROUPS/PROD/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD", "time": "2026-11-20T10:17:01.0000000Z", "serverId": "x",
  "properties": {"log": "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\",\"auditID\":\"1f0c6a8e-0000-4000-8000-000000000003\",\"stage\":\"ResponseComplete\",\"requestURI\":\"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings\",\"verb\":\"create\",\"user\":{\"username\":\"masterclient\",\"groups\":[\"system:masters\",\"system:authenticated\"]},\"sourceIPs\":[\"198.51.100.23\"],\"userAgent\":\"kubectl/v1.30.1\",\"objectRef\":{\"resource\":\"clusterrolebindings\",\"name\":\"oops\",\"apiGroup\":\"rbac.authorization.k8s.io\",\"apiVersion\":\"v1\"},\"responseStatus\":{\"metadata\":{},\"code\":201},\"requestObject\":{\"kind\":\"ClusterRoleBinding\",\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"cluster-admin\"},\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"default\",\"namespace\":\"dev\"},{\"kind\":\"User\",\"name\":\"mallory@example.com\"},{\"kind\":\"Group\",\"name\":\"devs\"}]},\"requestReceivedTimestamp\":\"2026-11-20T10:17:00.000000Z\",\"stageTimestamp\":\"2026-11-20T10:17:00.010000Z\",\"annotations\":{\"authorization.k8s.io/decision\":\"allow\"}}\n", "stream": "stdout", "pod": "kube-apiserver-7d5"}},
 {"category": "kube-apiserver", "time": "2026-11-20T10:17:02Z", "properties": {"log": "I1120 10:17:02.000000       1 controller.go:128] OpenAPI AggregationController: action for item", "stream": "stderr"}},
 {"category": "kube-audit", "time": "2026-11-20T10:17:02Z", "properties": {"log": "{\"kind\":\"Event\",\"auditID\":\"cut o", "stream": "stdout"}}
]}"#;

#[test]
fn a_pod_reads_a_secret_and_a_person_acts_as_somebody_else() {
    insta::assert_snapshot!(story("kubernetes", LIST.as_bytes()));
}

#[test]
fn a_binding_stands_under_everybody_it_binds() {
    insta::assert_snapshot!(story("kubernetes", AKS.as_bytes()));
}

#[test]
fn what_cloudwatch_wraps_is_read_and_a_refusal_by_rule_is_denied() {
    let forbidden = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1f0c6a8e-0000-4000-8000-000000000004","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/dev/serviceaccounts/default/token","verb":"create","user":{"username":"arn:aws:sts::111122223333:assumed-role/dev/ann","groups":["system:authenticated"],"extra":{"accessKeyId":["ASIAEXAMPLEKEY000009"],"arn":["arn:aws:sts::111122223333:assumed-role/dev/ann"],"sessionName":["ann"]}},"sourceIPs":["203.0.113.40"],"userAgent":"kubectl/v1.31.0","objectRef":{"resource":"serviceaccounts","namespace":"dev","name":"default","apiVersion":"v1","subresource":"token"},"responseStatus":{"metadata":{},"status":"Failure","reason":"Forbidden","code":403},"requestReceivedTimestamp":"2026-11-20T10:18:00.000000Z","stageTimestamp":"2026-11-20T10:18:00.001000Z","annotations":{"authorization.k8s.io/decision":"forbid","authorization.k8s.io/reason":""}}"#;
    let envelope = serde_json::json!({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/aws/eks/prod/cluster", "logStream": "kube-apiserver-audit-1",
        "logEvents": [
            { "id": "1", "timestamp": 1_795_169_880_001_u64, "message": forbidden },
            { "id": "2", "timestamp": 1_795_169_880_002_u64, "message": "time=\"2026-11-20T10:18:00Z\" level=info msg=\"STS response\" client=127.0.0.1" },
        ],
    });
    insta::assert_snapshot!(story("kubernetes", envelope.to_string().as_bytes()));
    let single = serde_json::json!({ "message": forbidden }).to_string();
    assert_eq!(
        story("kubernetes", single.as_bytes()),
        story("kubernetes", forbidden.as_bytes())
    );
}

#[test]
fn nobody_is_skipped_and_what_cannot_be_known_is_refused() {
    insta::assert_snapshot!(story("kubernetes", br#"[
      {"auditID": "1", "stage": "ResponseComplete", "verb": "get", "requestURI": "/livez?verbose", "user": {"username": "system:anonymous"}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z"},
      {"auditID": "2", "stage": "ResponseComplete", "verb": "get", "requestURI": "/api", "user": {}, "responseStatus": {"code": 401}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z"},
      {"auditID": "3", "stage": "ResponseStarted", "verb": "watch", "user": {"username": "ann"}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z"},
      {"auditID": "4", "stage": "Panic", "verb": "get", "requestURI": "/apis/x.example.com/v1/things/7?limit=1", "user": {"username": "system:node:node-3"}, "stageTimestamp": "2026-11-20T10:00:00.000000Z"},
      {"auditID": "5", "stage": "ResponseComplete", "verb": "get", "user": {"username": "ann"}, "requestReceivedTimestamp": "noon"},
      {"auditID": "6", "stage": "ResponseComplete", "user": {"username": "ann"}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z"},
      {"kind": "Event", "apiVersion": "v1", "metadata": {}}, 5
    ]"#));
}

#[test]
fn a_caller_who_chooses_the_audit_id_makes_no_call_a_duplicate_of_another() {
    let call = |id: &str, name: &str| {
        let raw = format!(
            r#"{{"auditID": "{id}", "stage": "ResponseComplete", "verb": "get", "objectRef": {{"resource": "secrets", "name": "{name}"}}, "user": {{"username": "ann"}}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z"}}"#
        );
        let event: serde_json::Value =
            serde_json::from_str(&story("kubernetes", raw.as_bytes())).expect("an event");
        event["id"].as_str().expect("an id").to_owned()
    };
    assert_ne!(call("x", "a"), call("x", "b"));
    assert_eq!(call("x", "a"), call("x", "a"));
    assert!(call("x", "a").starts_with("x/"));
    // Nor does an id that is too long cost the event.
    assert_ne!(call(&"x".repeat(500), "a"), call(&"x".repeat(500), "b"));
}

#[test]
fn an_address_that_a_client_claims_is_not_where_it_came_from() {
    let raw = br#"{"auditID": "1", "stage": "ResponseComplete", "verb": "get", "requestURI": "/api", "user": {"username": "system:serviceaccount:a:b"}, "sourceIPs": ["81.2.69.142", "10.0.0.5"], "requestReceivedTimestamp": "2026-11-20T10:00:00Z"}"#;
    let told = story("kubernetes", raw);
    assert!(told.contains(r#""ip": "10.0.0.5""#), "{told}");
}

#[test]
fn nobody_gains_by_a_binding_that_was_only_tried() {
    let told = |uri: &str| {
        let raw = format!(
            r#"{{"auditID": "1", "stage": "ResponseComplete", "verb": "create", "requestURI": "{uri}", "user": {{"username": "ann"}}, "objectRef": {{"resource": "rolebindings"}}, "requestObject": {{"roleRef": {{"name": "admin"}}, "subjects": [{{"kind": "User", "name": "bob"}}]}}, "requestReceivedTimestamp": "2026-11-20T10:00:00Z"}}"#
        );
        story("kubernetes", raw.as_bytes())
    };
    assert!(told("/apis/x/rolebindings").contains("privilege"));
    assert!(!told("/apis/x/rolebindings?dryRun=All").contains("privilege"));
}
