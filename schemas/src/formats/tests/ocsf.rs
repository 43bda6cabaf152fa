use super::story;

/// A sign-in as an identity provider's connector writes it.
pub(super) const LOGON: &str = r#"{"activity_id": 1, "activity_name": "Logon", "category_uid": 3, "class_uid": 3002, "class_name": "Authentication", "type_uid": 300201, "time": 1795169730123, "severity_id": 1, "status_id": 1, "status": "Success", "is_mfa": true, "auth_protocol": "SAML", "auth_protocol_id": 5, "metadata": {"uid": "e-1", "version": "1.1.0", "product": {"name": "IdP", "vendor_name": "Example"}, "tenant_uid": "acme-idp"}, "user": {"uid": "00u1qw2er3TY4ui5O6p7", "name": "ann@example.com", "type": "User", "type_id": 1}, "session": {"uid": "s-1", "created_time": 1795169730000, "expiration_time": 1795198530000}, "src_endpoint": {"ip": "192.0.2.44", "location": {"city": "Oslo", "country": "NO", "coordinates": [10.7487, 59.905]}, "autonomous_system": {"number": 64496, "name": "example networks"}}, "device": {"uid": "guo1", "type_id": 2}, "http_request": {"user_agent": "Mozilla/5.0"}, "service": {"name": "webshop"}}"#;

/// CloudTrail as Security Lake writes it.
pub(super) const LAKE: &str = r#"{"metadata": {"product": {"version": "1.08", "name": "CloudTrail", "feature": {"name": "Management"}, "vendor_name": "AWS"}, "uid": "c0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b03", "profiles": ["cloud", "datetime"], "version": "1.1.0", "event_code": "AwsApiCall"}, "time": 1795169730000, "time_dt": "2026-11-20T10:15:30Z", "cloud": {"region": "eu-west-1", "provider": "AWS", "account": {"uid": "111122223333"}}, "api": {"response": {"error": "AccessDenied", "message": "no"}, "operation": "GetObject", "version": null, "service": {"name": "s3.amazonaws.com"}, "request": {"uid": "R1"}}, "dst_endpoint": null, "actor": {"user": {"type": "AssumedRole", "type_id": 99, "name": null, "uid_alt": "AROAEXAMPLE:i-0abc", "uid": "arn:aws:sts::111122223333:assumed-role/billing/i-0abc", "account": {"uid": "111122223333"}, "credential_uid": "ASIAEXAMPLEKEY000001"}, "session": {"created_time_dt": "2026-11-20T09:00:00Z", "is_mfa": false, "issuer": "arn:aws:iam::111122223333:role/billing"}, "invoked_by": null}, "http_request": {"user_agent": "aws-sdk-java/2.20"}, "src_endpoint": {"uid": "vpce-1", "ip": "198.51.100.7", "domain": null}, "resources": [{"uid": "arn:aws:s3:::invoices/2026/11.csv", "type": "AWS::S3::Object"}], "class_name": "API Activity", "class_uid": 6003, "category_uid": 6, "severity_id": 1, "activity_name": "Read", "activity_id": 2, "type_uid": 600302, "status": "Failure", "status_id": 2}"#;

#[test]
fn a_sign_in_has_session_place_and_device() {
    insta::assert_snapshot!(story("ocsf", LOGON.as_bytes()));
}

#[test]
fn cloudtrail_out_of_security_lake_reads_as_cloudtrail_does() {
    insta::assert_snapshot!(story("ocsf", LAKE.as_bytes()));
}

#[test]
fn users_services_and_agents_are_told_apart() {
    insta::assert_snapshot!(story("ocsf", br#"[
      {"class_uid": "3002", "activity_id": "2", "time": 1795169731, "metadata": {"uid": "1"}, "user": {"name": "bob"}, "session": {"uid": "s-2", "created_time": 0, "expiration_time": null}, "status_id": "1", "src_endpoint": {"ip": "host.example.com", "location": {"coordinates": [0.0, 0.0], "country": "Norway"}}},
      {"class_uid": 3002, "activity_id": 1, "time_dt": "2026-11-20T10:15:32Z", "metadata": {"uid": "2"}, "actor": {"user": {"uid": "root"}}, "user": {"uid": "u-2", "type_id": 2}, "status_id": 2, "status_detail": "Access denied by policy"},
      {"class_uid": 3002, "activity_id": 3, "time": 1795169733000, "metadata": {"uid": "3"}, "user": {"uid": "S-1-5-18", "type_id": 3}, "status_id": 1, "certificate": {"fingerprints": [{"algorithm_id": 3, "value": "9F86D081"}]}},
      {"class_uid": 6003, "activity_id": 1, "time": 1795169734000, "metadata": {"version": "1.2.0"}, "api": {"operation": "create", "response": {"code": 201}}, "actor": {"user": {"name": "system:node:ip-192-0-2-3", "uid": "aws:1"}}, "status_id": 1},
      {"class_uid": 6003, "activity_id": 4, "time": 1795169735000, "metadata": {"uid": "5"}, "api": {"operation": "tickets.delete"}, "ai_agent": {"uid": "agent-7", "name": "Triage"}, "actor": {"user": {"uid": "ann", "type_id": 1}, "session": {"uid": "conv-1"}}, "http_response": {"code": 403, "length": 12}},
      {"class_uid": 6003, "activity_id": 1, "time": 1795169736000, "metadata": {"uid": "6"}, "api": {"operation": "PutObject", "service": {"name": "s3.amazonaws.com"}}, "actor": {"invoked_by": "config.amazonaws.com"}, "http_request": {"user_agent": "config.amazonaws.com"}, "status_id": 1},
      {"class_uid": 6003, "activity_id": 1, "time": 1795169737000, "metadata": {"uid": "7"}, "api": {"operation": "CreateUser", "service": {"name": "iam.amazonaws.com"}}, "actor": {"user": {"type": "IAMUser", "uid": "arn:aws:iam::1:user/ann", "credential_uid": "AKIAEXAMPLEKEY000003"}, "session": {"is_mfa": true}}, "status_id": 1},
      {"class_uid": 4001, "activity_id": 1, "time": 1795169738000, "metadata": {"uid": "8"}},
      {"class_uid": 6003, "activity_id": 1, "time": 1795169739000, "metadata": {"uid": "9"}, "api": {"operation": "x"}, "actor": {"user": {"name": ""}}},
      {"class_uid": 6003, "time": 1795169739000, "metadata": {"uid": "10"}, "actor": {"user": {"uid": "a"}}},
      {"class_uid": 3002, "metadata": {"uid": "11"}, "user": {"uid": "a"}},
      {"metadata": {"uid": "12"}}
    ]"#));
}

#[test]
fn a_renewal_authenticates_nobody_and_an_outcome_may_be_a_word_alone() {
    let of = |fields: &str| {
        let raw = format!(
            r#"{{"class_uid": 3002, "time": 1795169731000, "metadata": {{"uid": "1"}}, "user": {{"uid": "ann"}}, {fields}}}"#
        );
        story("ocsf", raw.as_bytes())
    };
    let renewed =
        of(r#""activity_id": 5, "activity_name": "Service Ticket Renew", "status_id": 1"#);
    assert!(renewed.contains(r#""class": "other""#), "{renewed}");
    assert!(renewed.contains(r#""name": "service_ticket_renew""#));
    let failed = of(r#""activity_id": 1, "status": "Failure""#);
    assert!(failed.contains(r#""outcome": "failure""#), "{failed}");
    let denied = of(
        r#""activity_id": 1, "status_id": 99, "status": "failure", "status_detail": "Access denied""#,
    );
    assert!(denied.contains(r#""outcome": "denied""#), "{denied}");
}

#[test]
fn a_user_without_a_word_for_it_is_known_by_the_number_of_its_type() {
    for (number, expected) in [
        (1, "human"),
        (2, "human"),
        (3, "workload"),
        (4, "service_account"),
    ] {
        let user = format!(r#"{{"uid": "u-1", "type_id": {number}}}"#);
        let told = [
            format!(
                r#"{{"class_uid": 3002, "category_uid": 3, "activity_id": 1, "severity_id": 1, "time": 1795169730123, "metadata": {{"uid": "e-1", "version": "1.6.0"}}, "status_id": 1, "user": {user}}}"#
            ),
            format!(
                r#"{{"class_uid": 6003, "category_uid": 6, "activity_id": 2, "severity_id": 1, "time": 1795169730123, "metadata": {{"uid": "e-2", "version": "1.6.0"}}, "status_id": 1, "actor": {{"user": {user}}}, "api": {{"operation": "invoices.list"}}}}"#
            ),
        ]
        .map(|raw| story("ocsf", raw.as_bytes()));
        let kind = format!(r#""kind": "{expected}""#);
        for told in told {
            assert!(told.contains(&kind), "{number}: {told}");
        }
    }
}
