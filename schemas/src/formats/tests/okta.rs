use super::story;

/// A sign-in with a second factor, as the System Log API returns it.
pub(super) const MFA: &str = r#"{
  "actor": {"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com", "displayName": "Ann Berg", "detailEntry": null},
  "client": {"userAgent": {"rawUserAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "os": "Mac OS X", "browser": "CHROME"},
    "zone": "null", "device": "Computer", "id": null, "ipAddress": "192.0.2.44",
    "geographicalContext": {"city": "Oslo", "state": "Oslo", "country": "Norway", "postalCode": "0150", "geolocation": {"lat": 59.905, "lon": 10.7487}}},
  "device": {"id": "guo4a5u7YAHhjXrMK0g4", "name": "Ann's MacBook", "os_platform": "OSX", "os_version": "14.6.0", "managed": true, "registered": true, "device_integrator": null, "disk_encryption_type": "ALL_INTERNAL_VOLUMES", "diskEncryptionType": "ALL_INTERNAL_VOLUMES", "jailbreak": null, "screen_lock_type": "BIOMETRIC", "secure_hardware_present": true},
  "authenticationContext": {"authenticationProvider": "FACTOR_PROVIDER", "credentialProvider": "OKTA_CREDENTIAL_PROVIDER", "credentialType": "OTP", "issuer": null, "interface": null, "authenticationStep": 0, "rootSessionId": "102bZDNFfWaQSyEZQuDgWt-uQ", "externalSessionId": "102bZDNFfWaQSyEZQuDgWt-uQ"},
  "displayMessage": "Authentication of user via MFA", "eventType": "user.authentication.auth_via_mfa",
  "outcome": {"result": "SUCCESS", "reason": null}, "published": "2026-11-20T10:15:30.123Z",
  "securityContext": {"asNumber": 64496, "asOrg": "example networks", "isp": "example isp", "domain": "example.net", "isProxy": false},
  "severity": "INFO",
  "debugContext": {"debugData": {"requestId": "Zr1nOpVJ0dkYq3qXm1pBJwAAA1E", "dtHash": "3c0f8ab5b2cdbd8aa1d2d4cd7cdee7d9", "deviceFingerprint": "541daf91d15bef64a7e08c946fd9a9d0", "factor": "OKTA_VERIFY_PUSH", "factorIntent": "AUTHENTICATION", "requestUri": "/idp/idx/authenticators/poll", "threatSuspected": "false", "url": "/idp/idx/authenticators/poll?",
    "risk": "{reasons=Anomalous Device, level=MEDIUM}", "behaviors": "{New Geo-Location=NEGATIVE, New Device=POSITIVE, New IP=NEGATIVE, Velocity=NEGATIVE}",
    "logOnlySecurityData": "{\"risk\":{\"reasons\":\"Anomalous Device\",\"level\":\"MEDIUM\"},\"behaviors\":{\"New IP\":\"NEGATIVE\"}}"}},
  "legacyEventType": "core.user.factor.attempt_success",
  "transaction": {"type": "WEB", "id": "Zr1nOpVJ0dkYq3qXm1pBJwAAA1E", "detail": {}},
  "uuid": "9a5d2b5e-a6e4-11ef-8d5e-5f1e6a3c2b01", "version": "0",
  "request": {"ipChain": [{"ip": "192.0.2.44", "geographicalContext": {"city": "Oslo", "country": "Norway", "geolocation": {"lat": 59.905, "lon": 10.7487}}, "version": "V4", "source": null}]},
  "target": [{"id": "ostf2v4a8WLcH9uM50g4", "type": "AuthenticatorEnrollment", "alternateId": "unknown", "displayName": "Okta Verify", "detailEntry": {"methodTypeUsed": "Push"}}]
}"#;

/// A service app gets an access token for a user, through a VPN that Okta knows.
pub(super) const GRANT: &str = r#"{
  "actor": {"id": "0oa1gy0p5sVZC8MbE0g4", "type": "PublicClientApp", "alternateId": "0oa1gy0p5sVZC8MbE0g4", "displayName": "Billing exporter", "detailEntry": null},
  "client": {"userAgent": {"rawUserAgent": "okhttp/4.12.0", "os": "Unknown", "browser": "UNKNOWN"}, "zone": "null", "device": "Unknown", "id": "0oa1gy0p5sVZC8MbE0g4", "ipAddress": "198.51.100.7",
    "geographicalContext": {"city": null, "state": null, "country": "Sealand", "postalCode": null, "geolocation": {"lat": "0", "lon": 0.0}}},
  "authenticationContext": {"authenticationProvider": null, "credentialProvider": null, "credentialType": null, "issuer": null, "interface": null, "authenticationStep": "0", "externalSessionId": "unknown"},
  "displayMessage": "OAuth2 access token is granted", "eventType": "app.oauth2.as.token.grant.access_token",
  "outcome": {"result": "SUCCESS", "reason": null}, "published": "2026-11-20T10:16:00.000Z",
  "securityContext": {"asNumber": "64497", "asOrg": "", "isp": null, "domain": null, "isProxy": "true"}, "severity": "INFO",
  "debugContext": {"debugData": {"clientAuthType": "client_secret_basic", "grantedScopes": "invoices:read, invoices:export", "requestedScopes": "invoices:read, invoices:export, openid", "grantType": "authorization_code", "responseTime": "431", "requestUri": "/oauth2/aus9o8wvkhockw9TL0h7/v1/token",
    "tunnels": "[{\"anonymous\":true,\"operator\":\"EXAMPLE_VPN\",\"type\":\"VPN\"}]"}},
  "transaction": {"type": "WEB", "id": "Zr1n", "detail": {}}, "uuid": "b0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b02", "version": "0", "request": {"ipChain": []},
  "target": [
    {"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com", "displayName": "Ann Berg", "detailEntry": null},
    {"id": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMA0D7uX39RE", "type": "access_token", "alternateId": null, "displayName": "Access Token", "detailEntry": {"expires": "2026-11-20T11:16:00.000Z", "subject": "00u1qw2er3TY4ui5O6p7", "hash": "wKkZ8LfMMXzTz7lBI2GsQyBbHqE9n0d1uVb3xk5Wc0Y"}},
    {"id": "ID.Kcb0FHY8HhvRG0fYfOkPK9YYqkKjUqq7eWc3ZVKdFEA", "type": "id_token", "alternateId": null, "displayName": "ID Token", "detailEntry": {"hash": "Zm9vYmFy"}}]
}"#;

#[test]
fn a_second_factor_is_an_mfa_event_with_device_and_place() {
    insta::assert_snapshot!(story("okta", MFA.as_bytes()));
}

#[test]
fn a_client_acts_for_a_user_and_its_token_is_a_fingerprint() {
    insta::assert_snapshot!(story("okta", GRANT.as_bytes()));
}

#[test]
fn lower_cased_keys_read_the_same() {
    fn lower(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(members) => members
                .iter()
                .map(|(key, value)| (key.to_lowercase(), lower(value)))
                .collect(),
            serde_json::Value::Array(items) => items.iter().map(lower).collect(),
            other => other.clone(),
        }
    }
    for record in [MFA, GRANT] {
        let lowered = lower(&serde_json::from_str(record).unwrap()).to_string();
        let hooked =
            format!(r#"{{"eventtype": "com.okta.event_hook", "data": {{"events": [{lowered}]}}}}"#);
        let expected = story("okta", record.as_bytes());
        for lowered in [lowered, hooked] {
            super::is_only("okta", &lowered);
            for format in ["okta", "auto"] {
                assert_eq!(story(format, lowered.as_bytes()), expected, "{format}");
            }
        }
    }
}

#[test]
fn an_api_token_that_is_created_is_not_what_its_creator_used() {
    insta::assert_snapshot!(story("okta", br#"{
      "actor": {"id": "00uADMIN5sVZC8MbE0g4", "type": "User", "alternateId": "root@example.com", "displayName": "Root"}, "client": {"ipAddress": "203.0.113.9", "userAgent": {"rawUserAgent": "Mozilla/5.0"}}, "device": null,
      "authenticationContext": {"authenticationStep": 0, "rootSessionId": "trsAdmin", "externalSessionId": "trsAdmin"}, "displayMessage": "Create API token", "eventType": "system.api_token.create",
      "outcome": {"result": "SUCCESS", "reason": null}, "published": "2026-11-20T10:26:00.000Z", "uuid": "a1c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b09",
      "debugContext": {"debugData": {"deviceFingerprint": "541daf91d15bef64a7e08c946fd9a9d0", "requestUri": "/api/internal/tokens"}},
      "transaction": {"type": "WEB", "id": "Zr1n", "detail": {}},
      "target": [{"id": "00T9newTokenEFgh2ijkl", "type": "Token", "alternateId": "unknown", "displayName": "ci", "detailEntry": null}]
    }"#));
}

#[test]
fn a_membership_granted_stands_under_the_user_who_gains_it() {
    insta::assert_snapshot!(story("okta", br#"{
      "actor": {"id": "00uADMIN5sVZC8MbE0g4", "type": "User", "alternateId": "root@example.com", "displayName": "Root"},
      "client": {"ipAddress": "203.0.113.9", "userAgent": {"rawUserAgent": "Mozilla/5.0"}, "geographicalContext": {"country": "United States", "city": "Boydton", "geolocation": {"lat": 36.6, "lon": -78.3}}},
      "authenticationContext": {"externalSessionId": "trsAdmin"}, "eventType": "group.user_membership.add",
      "outcome": {"result": "SUCCESS"}, "published": "2026-11-20T10:20:00.000Z", "uuid": "c0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b03",
      "debugContext": {"debugData": {"requestUri": "/api/internal/groups/00g1/users"}},
      "transaction": {"type": "WEB", "detail": {"requestApiTokenId": "00T1abcdEFgh2ijkl3m4"}},
      "target": [{"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com"}, {"id": "00gSUPERrGdDs1234567", "type": "UserGroup", "displayName": "Super admins"}]
    }"#));
}

#[test]
fn a_revoked_token_is_not_a_revoked_session() {
    insta::assert_snapshot!(story("okta", br#"{
      "actor": {"id": "0oa1gy0p5sVZC8MbE0g4", "type": "PublicClientAppEntity"}, "client": {"ipAddress": "2001:db8::17"},
      "authenticationContext": {"externalSessionId": "trsOfTheAsker"}, "eventType": "app.oauth2.token.revoke",
      "outcome": {"result": "ALLOW"}, "published": "2026-11-20T10:21:00.000Z", "uuid": "d0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b04",
      "target": [{"id": "RT.oar5sVZC8MbE0g4", "type": "refresh_token", "detailEntry": {"hash": "c29tZSByZWZyZXNoIGhhc2g"}}]
    }"#));
}

#[test]
fn a_log_out_is_no_sign_in_and_stands_under_whoever_is_logged_out() {
    insta::assert_snapshot!(story("okta", br#"[
      {"actor": {"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com", "displayName": "Ann Berg"}, "client": {"ipAddress": "192.0.2.44"},
        "authenticationContext": {"authenticationStep": 0, "rootSessionId": "102rootsess", "externalSessionId": "102xyzSession"}, "displayMessage": "User single sign out from app", "eventType": "user.authentication.slo",
        "outcome": {"result": "SUCCESS", "reason": null}, "published": "2026-11-20T10:22:00.000Z", "uuid": "e0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b05",
        "target": [{"id": "0oa9zy8xw7", "type": "AppInstance", "alternateId": "Wiki", "displayName": "Wiki"}]},
      {"actor": {"id": "00uADMIN5sVZC8MbE0g4", "type": "User", "alternateId": "root@example.com", "displayName": "Root"}, "client": {"ipAddress": "203.0.113.9"},
        "authenticationContext": {"authenticationStep": 0, "rootSessionId": "trsAdmin", "externalSessionId": "trsAdmin"}, "displayMessage": "Universal Logout", "eventType": "user.authentication.universal_logout",
        "outcome": {"result": "SUCCESS", "reason": null}, "published": "2026-11-20T10:23:00.000Z", "uuid": "e0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b06",
        "target": [{"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com", "displayName": "Ann Berg"}]},
      {"actor": {"id": "okta.2b1959c8-bcc0-56eb-a589-cfcfb7422f26", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System"}, "client": {"ipAddress": null},
        "authenticationContext": {"authenticationStep": 0, "externalSessionId": "unknown"}, "eventType": "user.authentication.universal_logout.scheduled",
        "outcome": {"result": "SUCCESS", "reason": null}, "published": "2026-11-20T10:24:00.000Z", "uuid": "e0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b07",
        "target": [{"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com", "displayName": "Ann Berg"}]}
    ]"#));
}

/// A step at a sign-in that was not passed.
fn not_passed(event_type: &str, outcome: &str) -> String {
    format!(
        r#"{{"actor": {{"id": "00u1qw2er3TY4ui5O6p7", "type": "User", "alternateId": "ann@example.com", "displayName": "Ann Berg"}}, "client": {{"ipAddress": "198.51.100.7", "userAgent": {{"rawUserAgent": "python-requests/2.32"}}}},
          "authenticationContext": {{"authenticationStep": 0, "externalSessionId": "102attempt"}}, "eventType": "{event_type}", "outcome": {outcome},
          "published": "2026-11-20T10:25:00.000Z", "uuid": "f0c1d2e3-a6e4-11ef-8d5e-5f1e6a3c2b08", "debugContext": {{"debugData": {{"factor": "OKTA_VERIFY_PUSH"}}}}, "target": null}}"#
    )
}

#[test]
fn a_push_that_was_refused_is_a_factor_that_was_not_passed() {
    insta::assert_snapshot!(story(
        "okta",
        not_passed(
            "user.mfa.okta_verify.deny_push",
            r#"{"result": "FAILURE", "reason": "USER_REJECTED_OKTA_VERIFY_PUSH"}"#
        )
        .as_bytes()
    ));
    // Okta notes these as done: what was done is the refusal, or the attempt.
    for (event_type, expected) in [
        ("user.mfa.okta_verify.deny_push", "denied"),
        ("user.mfa.attempt_bypass", "failure"),
    ] {
        for result in ["SUCCESS", "FAILURE", "UNKNOWN"] {
            let outcome = format!(r#"{{"result": "{result}"}}"#);
            let told = story("okta", not_passed(event_type, &outcome).as_bytes());
            assert!(told.contains(r#""class": "mfa""#), "{told}");
            let outcome = format!(r#""outcome": "{expected}""#);
            assert!(told.contains(&outcome), "{result}: {told}");
            assert!(!told.contains(r#""mfa": true"#), "{told}");
        }
    }
}

#[test]
fn a_sign_in_that_nobody_finished_is_no_success() {
    let told =
        |event_type: &str, outcome: &str| story("okta", not_passed(event_type, outcome).as_bytes());
    for event_type in ["user.session.start", "user.authentication.auth_via_mfa"] {
        for result in ["ABANDONED", "UNKNOWN", "QUARANTINE"] {
            let told = told(event_type, &format!(r#"{{"result": "{result}"}}"#));
            assert!(told.contains(r#""outcome": "failure""#), "{result}: {told}");
        }
    }
    // What is not said is no failure, and what signs nobody in fails nobody.
    for outcome in ["null", r#"{"result": null}"#, r#"{"result": "null"}"#] {
        let absent = told("user.session.start", outcome);
        assert!(!absent.contains(r#""outcome""#), "{absent}");
    }
    let other = told("user.lifecycle.activate", r#"{"result": "UNKNOWN"}"#);
    assert!(!other.contains(r#""outcome""#), "{other}");
}

#[test]
fn who_is_nobody_is_skipped_and_what_is_broken_is_refused_alone() {
    insta::assert_snapshot!(story("okta", br#"[
      {"uuid": "1", "published": "2026-11-20T10:00:00Z", "eventType": "security.threat.detected", "actor": {"id": "192.0.2.1", "type": "IP address"}},
      {"uuid": "2", "published": "2026-11-20T10:00:00Z", "eventType": "user.session.start", "actor": {"id": "unknown", "type": "User", "alternateId": "nobody@example.com"}, "outcome": {"result": "FAILURE"}},
      {"uuid": "3", "published": "yesterday", "eventType": "user.session.start", "actor": {"id": "00u1", "type": "User"}},
      {"uuid": "4", "eventType": "user.session.start", "actor": {"id": "00u1", "type": "User"}},
      17,
      {"published": "2026-11-20T10:00:00Z", "eventType": "user.session.start", "actor": {"id": "00u1"}},
      {"uuid": "7", "published": "1999-12-31T23:59:59Z", "eventType": "user.session.start", "actor": {"id": "00u1", "type": "User"}},
      {"uuid": "8", "published": "2026-11-20T10:00:00Z", "eventType": "policy.evaluate_sign_on", "actor": {"id": "00u1", "type": "User"}, "outcome": {"result": "CHALLENGE"}, "device": {"id": "guo1", "jailbreak": "true", "managed": "false"}}
    ]"#));
}
