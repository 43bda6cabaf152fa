use super::story;

/// A sign-in with a one-time password, as an event listener writes it.
pub(super) const LOGIN: &str = r#"{"id": "6c2f8f0a-5d3c-4b8e-9f10-2f6a5b1c7d01", "time": 1795169730123, "type": "LOGIN", "realmId": "0a6f4c5e-0000-4000-8000-000000000001", "realmName": "acme", "clientId": "webshop", "userId": "07972d16-b173-4c99-803d-90f211080f40", "sessionId": "1f9c0b1a-8a6b-4f0e-9b57-0d2a7c3e5f11", "ipAddress": "192.0.2.44", "error": null, "details": {"auth_method": "openid-connect", "auth_type": "code", "redirect_uri": "https://shop.example.com/cb?code=1", "consent": "no_consent_required", "code_id": "1f9c0b1a-8a6b-4f0e-9b57-0d2a7c3e5f11", "username": "ann@example.com", "credential_type": "otp"}}"#;

/// An administrator gives a realm role to a user.
pub(super) const ROLE: &str = r#"{"id": "d1b6e0c2", "time": 1795169740000, "realmId": "acme", "authDetails": {"realmId": "master", "clientId": "f083b6cc-74f3-4483-9128-9673d36a59f5", "userId": "b09eb50e-aee5-49f7-b6ea-2234da74a220", "ipAddress": "203.0.113.9"}, "operationType": "CREATE", "resourceType": "REALM_ROLE_MAPPING", "resourcePath": "users/07972d16-b173-4c99-803d-90f211080f40/role-mappings/realm", "representation": "[{\"id\":\"926f97ca\",\"name\":\"realm-admin\",\"composite\":true,\"clientRole\":false}]", "error": null}"#;

/// A line of the server's log.
pub(super) const LINE: &str = r#"2026-11-20 10:15:30,123 WARN  [org.keycloak.events] (executor-thread-12) type="LOGIN_ERROR", realmId="0a6f4c5e", realmName="acme", clientId="webshop", userId="07972d16-b173-4c99-803d-90f211080f40", ipAddress="192.0.2.44", error="invalid_user_credentials", auth_method="openid-connect", redirect_uri="https://shop.example.com/cb?a=b, c=d", code_id="1f9c0b1a", username="ann@example.com""#;

#[test]
fn a_sign_in_is_the_users_with_session_and_factor() {
    insta::assert_snapshot!(story("keycloak", LOGIN.as_bytes()));
}

#[test]
fn a_role_given_stands_under_the_user_who_gains_it() {
    insta::assert_snapshot!(story("keycloak", ROLE.as_bytes()));
}

#[test]
fn a_line_of_the_log_is_the_event_it_is_in_json() {
    insta::assert_snapshot!(story("keycloak", LINE.as_bytes()));
}

#[test]
fn machines_are_known_by_their_client() {
    insta::assert_snapshot!(story("keycloak", br#"[
      {"id": "1", "time": "1795169730123", "type": "CLIENT_LOGIN", "realmId": "acme", "clientId": "billing", "userId": "46be0a48", "sessionId": "s1", "ipAddress": "198.51.100.7", "details": {"token_id": "trrtcc:f7c1", "grant_type": "client_credentials", "scope": "profile invoices:read", "client_auth_method": "client-secret", "username": "service-account-billing"}},
      {"id": "2", "time": 1795169731000, "type": "INTROSPECT_TOKEN", "realmId": "acme", "clientId": "gateway", "userId": null, "ipAddress": "198.51.100.8", "details": {"token_id": "f7c1"}},
      {"id": "3", "time": 1795169732000, "type": "TOKEN_EXCHANGE", "realmId": "acme", "clientId": "reports", "userId": "07972d16", "sessionId": "s2", "details": {"token_id": "onrtte:b2", "requested_token_type": "urn:ietf:params:oauth:token-type:access_token", "scope": "reports"}},
      {"id": "4", "time": 1795169733000, "type": "CLIENT_LOGIN_ERROR", "realmId": "acme", "clientId": "nonsense", "userId": "null", "error": "client_not_found"},
      {"id": "5", "time": 1795169734000, "type": "CLIENT_LOGIN_ERROR", "realmId": "acme", "clientId": "billing", "error": "unauthorized_client", "details": {"client_auth_method": "client-x509"}},
      {"id": "6", "time": 1795169735000, "realmId": "acme", "authDetails": {"realmId": "acme", "clientId": "c1", "userId": "46be0a48", "username": "service-account-terraform"}, "operationType": "DELETE", "resourceType": "CLIENT", "resourcePath": "clients/7bcaf1cb"}
    ]"#));
}

#[test]
fn tokens_impersonation_and_revocation_are_told_apart() {
    insta::assert_snapshot!(story("keycloak", br#"[
      {"id": "1", "time": 1795169730000, "type": "CODE_TO_TOKEN", "realmId": "acme", "clientId": "webshop", "userId": "u1", "sessionId": "s1", "details": {"token_id": "t1", "refresh_token_id": "r1", "scope": "openid email", "code_id": "s1"}},
      {"id": "2", "time": 1795169731000, "type": "REFRESH_TOKEN", "realmId": "acme", "clientId": "webshop", "userId": "u1", "sessionId": "s1", "details": {"token_id": "t2", "refresh_token_id": "r1", "updated_refresh_token_id": "r2"}},
      {"id": "3", "time": 1795169732000, "type": "REVOKE_GRANT", "realmId": "acme", "clientId": "webshop", "userId": "u1", "sessionId": "s1", "details": {"token_id": "t2"}},
      {"id": "4", "time": 1795169733000, "type": "IMPERSONATE", "realmId": "acme", "clientId": "security-admin-console", "userId": "u1", "details": {"impersonator": "root", "impersonator_realm": "master"}},
      {"id": "5", "time": 1795169734000, "type": "LOGIN_ERROR", "realmId": "acme", "clientId": "webshop", "userId": "u1", "error": "user_disabled", "details": {"username": "ann"}},
      {"id": "6", "time": 1795169735000, "type": "LOGIN_ERROR", "realmId": "acme", "clientId": "webshop", "userId": null, "error": "user_not_found", "details": {"username": "nobody"}},
      {"id": "7", "time": 1795169736000, "type": "UPDATE_TOTP", "realmId": "acme", "clientId": "account", "userId": "u1"},
      {"id": "8", "time": "once", "type": "LOGIN", "realmId": "acme", "clientId": "webshop", "userId": "u1"},
      {"id": "9", "type": "LOGIN", "realmId": "acme", "clientId": "webshop", "userId": "u1"},
      {"id": "10", "time": 1795169736000, "realmId": "acme"},
      "type=LOGIN"
    ]"#));
}

#[test]
fn lines_without_a_date_or_an_event_are_not_guessed_at() {
    let lines = [
        // WildFly's console writes the time of day only.
        "10:15:30,123 WARN  [org.keycloak.events] (default task-3) type=LOGIN_ERROR, realmId=test, clientId=test, userId=u1, ipAddress=192.0.2.1, error=invalid_user_credentials",
        "type=LOGIN, realmId=test, clientId=test, userId=u1, ipAddress=192.0.2.1",
        "2026-11-20 10:15:30,123 WARN  [org.keycloak.events] (default task-3) type=LOGIN_ERROR, realmId=test, clientId=test, userId=null, ipAddress=192.0.2.1, error=user_not_found, username=nobody",
        "2026-11-20 10:15:29,000 INFO  [io.quarkus] (main) Keycloak 26.0 on JVM started in 9.1s",
        "once upon a time",
    ];
    let told: Vec<_> = lines
        .iter()
        .map(|line| story("keycloak", line.as_bytes()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_line_is_read_behind_any_prefix_and_inside_json() {
    let event = r#"type=LOGIN, realmId=acme, clientId=webshop, userId=u1, sessionId=s1, ipAddress=192.0.2.44, auth_method=openid-connect, username='ann b'"#;
    let expected = story(
        "keycloak",
        format!("2026-11-20 10:15:30,123 INFO {event}").as_bytes(),
    );
    assert!(expected.contains("2026-11-20T10:15:30.123Z"), "{expected}");
    for line in [
        format!("2026-11-20T10:15:30.123000Z stdout F 10:15:30,123 INFO  [org.keycloak.events] {event}\n"),
        format!("2026-11-20 11:15:30,123 +0100 INFO {event}\r\n"),
        serde_json::json!({"timestamp": "2026-11-20T10:15:30.123Z", "sequence": 7, "loggerName": "org.keycloak.events", "level": "INFO", "message": event}).to_string(),
        serde_json::json!([{"log": format!("2026-11-20 10:15:30,123 INFO {event}"), "stream": "stdout"}]).to_string(),
    ] {
        assert_eq!(story("keycloak", line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn a_membership_in_a_line_of_the_admins_log_is_two_events() {
    insta::assert_snapshot!(story("keycloak", b"2026-11-20 10:15:30,123 INFO  [org.keycloak.events] (default task-6) operationType=CREATE, realmId=master, clientId=8131bbcc, userId=d5439e90, ipAddress=203.0.113.9, resourceType=GROUP_MEMBERSHIP, resourcePath=users/a83b98f2/groups/926f97ca"));
}

#[test]
fn a_prefix_in_brackets_is_no_json_and_a_type_of_the_shippers_no_event() {
    let event = "type=LOGIN, realmId=acme, clientId=webshop, userId=u1, ipAddress=192.0.2.44";
    let expected = story(
        "keycloak",
        format!("2026-11-20 10:15:30,123 INFO {event}").as_bytes(),
    );
    let bracketed = format!("[2026-11-20 10:15:30,123] {event}");
    let shipped = serde_json::json!({
        "type": "log", "@timestamp": "2026-11-20T10:15:30.123Z", "message": event
    })
    .to_string();
    for line in [bracketed, shipped] {
        for format in ["keycloak", "auto"] {
            assert_eq!(story(format, line.as_bytes()), expected, "{line}");
        }
    }
    // What was cut off is no line for that.
    for cut in [
        format!(r#"{{"message": "2026-11-20 10:15:30,123 {event}"#),
        format!(r#"[{{"message": "2026-11-20 10:15:30,123 {event}"#),
    ] {
        assert!(story("keycloak", cut.as_bytes()).starts_with("rejected: not_json"));
    }
}

#[test]
fn a_name_that_somebody_typed_is_no_service_account() {
    let of = |user: &str, client: &str| {
        let raw = format!(
            r#"{{"id": "1", "time": 1795169730000, "type": "REGISTER_ERROR", "realmId": "acme", "clientId": "{client}", "userId": {user}, "ipAddress": "192.0.2.66", "error": "email_in_use", "details": {{"username": "service-account-billing"}}}}"#
        );
        story("keycloak", raw.as_bytes())
    };
    assert_eq!(of("null", "billing"), "skipped: the user is not known");
    assert!(of(r#""u1""#, "webshop").contains(r#""id": "u1""#));
    assert!(of(r#""u1""#, "billing").contains(r#""kind": "service_account""#));
}

#[test]
fn a_refresh_authenticates_nobody_and_a_revoked_refresh_token_is_named() {
    let of = |kind: &str| {
        let raw = format!(
            r#"{{"id": "1", "time": 1795169730000, "type": "{kind}", "realmId": "acme", "clientId": "webshop", "userId": "u1", "sessionId": "s1", "details": {{"refresh_token_id": "r1"}}}}"#
        );
        story("keycloak", raw.as_bytes())
    };
    let refresh = of("REFRESH_TOKEN");
    assert!(refresh.contains(r#""class": "other""#), "{refresh}");
    let revoked = of("REVOKE_GRANT");
    assert!(revoked.contains(r#""class": "token_revoke""#), "{revoked}");
    assert!(revoked.contains(r#""id": "r1""#), "{revoked}");
    assert!(revoked.contains(r#""kind": "refresh_token""#), "{revoked}");
}
