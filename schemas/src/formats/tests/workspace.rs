use super::story;

/// A page of the Reports API, as the log of each application returns it.
pub(super) const ITEMS: &str = r#"{"kind": "admin#reports#activities", "etag": "\"x\"", "items": [
 {"kind": "admin#reports#activity", "id": {"time": "2026-11-20T10:15:30.123Z", "uniqueQualifier": "-4611686018427387904", "applicationName": "login", "customerId": "C03az79cb"}, "etag": "\"y\"", "actor": {"callerType": "USER", "email": "Ann@example.com", "profileId": "104483928403944928"}, "ipAddress": "203.0.113.9", "networkInfo": {"ipAsn": [64496], "regionCode": "NO", "subdivisionCode": "NO-03"},
  "events": [{"type": "login", "name": "login_success", "parameters": [{"name": "login_type", "value": "google_password"}, {"name": "login_challenge_method", "multiValue": ["password", "security_key"]}, {"name": "is_suspicious", "boolValue": false}, {"name": "is_second_factor", "boolValue": true}]},
             {"type": "2sv_change", "name": "2sv_disable"}]},
 {"id": {"time": "2026-11-20T10:16:00Z", "uniqueQualifier": 358068855354, "applicationName": "login", "customerId": "C03az79cb"}, "actor": {"email": "ann@example.com"}, "ipAddress": "198.51.100.23", "events": [{"type": "login", "name": "login_failure", "parameters": [{"name": "login_type", "value": "google_password"}, {"name": "login_challenge_method", "multiValue": ["password"]}, {"name": "login_failure_type", "value": "login_failure_invalid_password"}]}]},
 {"id": {"time": "2026-11-20T10:17:00Z", "uniqueQualifier": "5", "applicationName": "token", "customerId": "C03az79cb"}, "actor": {"email": "ann@example.com", "profileId": "104483928403944928"}, "ipAddress": "198.51.100.23",
  "events": [{"type": "auth", "name": "authorize", "parameters": [{"name": "client_id", "value": "123.apps.googleusercontent.com"}, {"name": "app_name", "value": "Mail sorter"}, {"name": "client_type", "value": "WEB"}, {"name": "scope_data", "multiMessageValue": [{"parameter": [{"name": "scope_name", "value": "https://mail.google.com/"}]}]}, {"name": "scope", "multiValue": ["https://mail.google.com/", "openid"]}]},
             {"type": "auth", "name": "activity", "parameters": [{"name": "api_name", "value": "gmail"}, {"name": "method_name", "value": "gmail.users.messages.get"}, {"name": "num_response_bytes", "intValue": "18340"}, {"name": "client_id", "value": "123.apps.googleusercontent.com"}, {"name": "app_name", "value": "Mail sorter"}]}]},
 {"id": {"time": "2026-11-20T10:18:00Z", "uniqueQualifier": "6", "applicationName": "admin", "customerId": "C03az79cb"}, "actor": {"callerType": "USER", "email": "root@example.com", "profileId": "1"}, "ipAddress": "2001:db8::17",
  "events": [{"type": "DELEGATED_ADMIN_SETTINGS", "name": "ASSIGN_ROLE", "parameters": [{"name": "ROLE_NAME", "value": "_SEED_ADMIN_ROLE"}, {"name": "USER_EMAIL", "value": "ann@example.com"}]},
             {"type": "DOMAIN_SETTINGS", "name": "AUTHORIZE_API_CLIENT_ACCESS", "parameters": [{"name": "API_CLIENT_NAME", "value": "104483928403000000"}, {"name": "API_SCOPES", "value": "https://www.googleapis.com/auth/drive,https://mail.google.com/"}]},
             {"type": "SECURITY_SETTINGS", "name": "RESET_SIGNIN_COOKIES", "parameters": [{"name": "USER_EMAIL", "value": "bob@example.com"}]}]},
 {"id": {"time": "2026-11-20T10:19:00Z", "uniqueQualifier": "7", "applicationName": "drive", "customerId": "C03az79cb"}, "actor": {"email": "ann@example.com"}, "ipAddress": "203.0.113.9", "events": [{"type": "access", "name": "download", "parameters": [{"name": "primary_event", "boolValue": true}, {"name": "doc_id", "value": "1DXqfQe1y0xy"}, {"name": "doc_title", "value": "Salaries"}, {"name": "visibility", "value": "shared_internally"}]}]},
 {"id": {"time": "2026-11-20T10:20:00Z", "uniqueQualifier": "8", "applicationName": "admin", "customerId": "C03az79cb"}, "actor": {"callerType": "KEY", "key": "SYSTEM"}, "events": [{"name": "SUSPEND_USER", "parameters": [{"name": "USER_EMAIL", "value": "bob@example.com"}]}]}
]}"#;

#[test]
fn every_event_of_an_activity_becomes_one() {
    insta::assert_snapshot!(story("workspace", ITEMS.as_bytes()));
}

#[test]
fn anonymous_readers_are_nobody_and_a_bad_event_is_refused_alone() {
    insta::assert_snapshot!(story("workspace", br#"[
      {"id": {"time": "2026-11-20T10:00:00Z", "uniqueQualifier": "1", "applicationName": "drive"}, "actor": {"email": "", "profileId": "105250506097979753968"}, "events": [{"name": "view"}]},
      {"id": {"time": "2026-11-20T10:00:00Z", "uniqueQualifier": "2", "applicationName": "drive"}, "actor": {"email": "ann@example.com"}, "events": [{"type": "access"}, {"name": "view", "parameters": [{"name": "doc_id", "value": "d"}]}]},
      {"id": {"time": "2026-11-20T10:00:00Z", "uniqueQualifier": "3", "applicationName": "drive"}, "actor": {"email": "ann@example.com"}, "events": []},
      {"id": {"time": "2026-11-20T10:00:00Z", "applicationName": "drive"}, "actor": {"email": "ann@example.com"}, "events": [{"name": "view"}]},
      {"id": {"time": "then", "uniqueQualifier": "5", "applicationName": "login"}, "actor": {"email": "ann@example.com"}, "events": [{"name": "login_challenge", "parameters": [{"name": "login_challenge_status", "value": "Challenge Failed."}]}]},
      {"id": {"time": "2026-11-20T10:00:00Z", "uniqueQualifier": "6", "applicationName": "login"}, "actor": {"email": "ann@example.com"}, "events": {"name": "login_challenge", "parameters": [{"name": "login_challenge_status", "value": "Challenge Failed."}]}},
      1
    ]"#));
}

#[test]
fn a_compromised_device_is_posture_and_a_takeout_is_an_export() {
    insta::assert_snapshot!(story("workspace", br#"[
      {"kind": "admin#reports#activity", "id": {"time": "2026-11-20T10:21:00Z", "uniqueQualifier": "9", "applicationName": "mobile", "customerId": "C03az79cb"}, "actor": {"callerType": "USER", "email": "ann@example.com", "profileId": "104483928403944928"},
        "events": [{"type": "suspicious_activity", "name": "DEVICE_COMPROMISED_EVENT", "parameters": [{"name": "USER_EMAIL", "value": "ann@example.com"}, {"name": "DEVICE_ID", "value": "d-77"}, {"name": "DEVICE_TYPE", "value": "ANDROID"}, {"name": "DEVICE_COMPROMISED_STATE", "value": "COMPROMISED"}]}]},
      {"kind": "admin#reports#activity", "id": {"time": "2026-11-20T10:22:00Z", "uniqueQualifier": "10", "applicationName": "takeout", "customerId": "C03az79cb"}, "actor": {"callerType": "USER", "email": "ann@example.com", "profileId": "104483928403944928"}, "ipAddress": "203.0.113.9",
        "events": [{"type": "takeout", "name": "user_initiated_a_takeout"}]}
    ]"#));
}

#[test]
fn an_activity_cannot_blow_up_to_more_than_it_is() {
    let events = vec![serde_json::json!({ "name": "view" }); 1000];
    let activity = serde_json::json!({
        "id": { "time": "2026-11-20T10:00:00Z", "uniqueQualifier": "1", "applicationName": "drive" },
        "actor": { "email": "ann@example.com" }, "etag": "x".repeat(100_000), "events": events,
    });
    let told = story("workspace", activity.to_string().as_bytes());
    assert_eq!(
        told,
        "rejected: too_large: events: more than can be told apart; expected a few for each activity"
    );
}
