use super::story;

/// A stream's batch: a sign-in with a second factor, a token for a machine, a reused refresh token.
pub(super) const STREAM: &str = r#"[
 {"log_id": "90020261120101530123000000000000001223372036854775807", "data": {"date": "2026-11-20T10:15:30.123Z", "type": "s", "connection": "Username-Password-Authentication", "connection_id": "con_C85rtu1sSH9UFXmR", "client_id": "WflrpooXWyDv3vzf6LxIzYBd6fafewjw", "client_name": "Web shop", "ip": "2001:db8::be04", "user_agent": "Firefox 132.0.0 / Mac OS X 10.15.0", "hostname": "acme.eu.auth0.com", "tenant_name": "acme-eu", "user_id": "auth0|6012d7eccf1c41076d8ed3d1", "user_name": "ann@example.com", "strategy": "auth0", "strategy_type": "database", "log_id": "90020261120101530123000000000000001223372036854775807", "isMobile": false,
   "location_info": {"country_code": "NO", "country_code3": "NOR", "country_name": "Norway", "city_name": "Oslo", "latitude": "59.905", "longitude": 10.7487, "time_zone": "Europe/Oslo", "continent_code": "EU"},
   "security_context": {"ja3": "0cce74b0d9b7f8528fb2181588d23793", "ja4": "t13d1516h2_8daaf6152771_02713d6af862"},
   "details": {"prompts": [{"name": "prompt-authenticate", "completedAt": 1795169720000, "connection": "Username-Password-Authentication", "strategy": "auth0", "identity": "6012d7eccf1c41076d8ed3d1"}, {"name": "mfa", "completedAt": 1795169729000}, {"name": "login", "flow": "universal-login"}], "initiatedAt": 1795169700000, "completedAt": 1795169730000, "session_id": "dt1G5nlxkGV10uJx4sKKBH7hwEVbaHAx", "stats": {"loginsCount": 17}}}},
 {"log_id": "90020261120101600", "data": {"date": "2026-11-20T10:16:00.000Z", "type": "seccft", "client_id": "0K4d0DgZthpVjPgZ2T9lLvqMSqweveLt", "client_name": "Billing exporter", "ip": "198.51.100.7", "user_agent": "okhttp 4.12.0", "hostname": "acme.eu.auth0.com", "user_id": "", "user_name": "", "audience": "https://api.example.com/", "scope": "invoices:read invoices:export", "details": {"actions": {"executions": []}}}},
 {"log_id": "90020261120101700", "data": {"date": "2026-11-20T10:17:00.000Z", "type": "ferrt", "description": "Unsuccessful Refresh Token exchange, reused refresh token detected", "client_id": "WflrpooXWyDv3vzf6LxIzYBd6fafewjw", "client_name": "Web shop", "ip": "203.0.113.9", "user_agent": "okhttp 4.12.0", "hostname": "acme.eu.auth0.com", "user_id": "auth0|6012d7eccf1c41076d8ed3d1", "details": {"familyId": "fam-1"}}}
]"#;

/// An administrator gives a role to two users.
pub(super) const ROLE: &str = r#"{"log_id": "90020261120102000", "data": {"date": "2026-11-20T10:20:00.000Z", "type": "sapi", "description": "Assign users to a role", "client_id": "", "client_name": "", "ip": "203.0.113.10", "user_agent": "Chrome 130.0.0 / Linux 0.0.0", "user_id": "google-oauth2|105261262156475850461", "log_id": "90020261120102000",
 "details": {"request": {"method": "post", "path": "/api/v2/roles/rol_AmvLkz7vhswmWJhJ/users", "query": {}, "channel": "https://manage.auth0.com/", "ip": "203.0.113.10", "userAgent": "Mozilla/5.0", "body": {"users": ["auth0|1111d7eccf1c41076d8ed3d1", "auth0|2222d7eccf1c41076d8ed3d2"]},
   "auth": {"strategy": "jwt", "user": {"user_id": "google-oauth2|105261262156475850461", "name": "Root", "email": "root@example.com"}, "credentials": {"jti": "8a9d5c7f5f0a4c0f", "scopes": ["update:users", "create:role_members"]}}}, "response": {"statusCode": 204, "body": {}}}}}"#;

#[test]
fn a_stream_gives_sign_ins_and_tokens() {
    insta::assert_snapshot!(story("auth0", STREAM.as_bytes()));
}

#[test]
fn a_role_given_stands_under_each_user_who_gains_it() {
    insta::assert_snapshot!(story("auth0", ROLE.as_bytes()));
}

#[test]
fn every_envelope_reads_the_same() {
    let bare = r#"{"log_id": "1", "date": "2026-11-20T10:00:00Z", "type": "slo", "user_id": "auth0|1", "ip": "192.0.2.1", "details": {"session_id": "s1"}}"#;
    let expected = story("auth0", bare.as_bytes());
    assert!(expected.contains(r#""class": "logout""#), "{expected}");
    for wrapped in [
        format!(r#"{{"log_id": "1", "data": {bare}}}"#),
        format!(r#"{{"logs": [{{"log_id": "1", "data": {bare}}}]}}"#),
        format!(r#"[{bare}]"#),
        format!(
            r#"{{"detail-type": "Auth0 log", "id": "e1", "detail": {{"log_id": "1", "data": {bare}}}}}"#
        ),
    ] {
        assert_eq!(story("auth0", wrapped.as_bytes()), expected, "{wrapped}");
    }
}

#[test]
fn types_are_told_apart_and_what_is_nobody_or_broken_is_said() {
    insta::assert_snapshot!(story("auth0", br#"[
      {"log_id": "1", "date": "2026-11-20T10:00:00Z", "type": "fp", "user_id": "auth0|1", "user_name": "ann@example.com", "strategy_type": "database", "client_ip": "192.0.2.1"},
      {"log_id": "2", "date": "2026-11-20T10:00:01Z", "type": "fu", "user_id": "", "user_name": "nobody@example.com"},
      {"log_id": "3", "date": "2026-11-20T10:00:02Z", "type": "fsa", "user_id": "auth0|1"},
      {"log_id": "4", "date": "2026-11-20T10:00:03Z", "type": "gd_auth_rejected", "user_id": "auth0|1"},
      {"log_id": "5", "date": "2026-11-20T10:00:04Z", "type": "gd_auth_succeed", "user_id": "auth0|1", "details": {"session_id": "s1"}},
      {"log_id": "6", "date": "2026-11-20T10:00:05Z", "type": "limit_wc", "user_id": "auth0|1", "ip": "not an address", "location_info": {"latitude": 0, "longitude": "0.0", "country_code": null}},
      {"log_id": "7", "date": "2026-11-20T10:00:06Z", "type": "srrt", "user_id": "auth0|1", "client_id": "c1", "details": {"session_id": "of the asker"}},
      {"log_id": "8", "date": "2026-11-20T10:00:07Z", "type": "sapi", "user_id": "m2m1@clients", "details": {"request": {"method": "GET", "path": "/api/v2/users/auth0%7C1"}, "response": {"statusCode": "200"}}},
      {"log_id": "9", "date": "2026-11-20T10:00:08Z", "type": "fapi", "client_id": "m2m1", "details": {"request": {"method": "delete", "path": "/api/v2/clients/WflrpooXWyDv3vzf6LxIzYBd6fafewjw"}, "response": {"statusCode": 403}}},
      {"log_id": "10", "date": "2026-11-20T10:00:09Z", "type": "secte", "user_id": "auth0|1", "client_id": "c1"},
      {"log_id": "11", "date": 1795169730123, "type": "something_new", "user_id": "auth0|1"},
      {"log_id": "12", "date": "2026-11-20T10:00:11Z", "type": "depnote"},
      {"log_id": "13", "date": "once", "type": "s", "user_id": "auth0|1"},
      {"log_id": "14", "type": "s", "user_id": "auth0|1"},
      {"date": "2026-11-20T10:00:11Z", "type": "s", "user_id": "auth0|1"},
      {"log_id": "16", "date": "2026-11-20T10:00:11Z"}
    ]"#));
}

#[test]
fn an_administrator_among_those_who_gain_gains_once_and_nobody_twice() {
    let call = ROLE.replace(
        r#""auth0|2222d7eccf1c41076d8ed3d2""#,
        r#""auth0|1111d7eccf1c41076d8ed3d1", "google-oauth2|105261262156475850461""#,
    );
    let told = story("auth0", call.as_bytes());
    assert_eq!(told.matches(r#""class": "privilege""#).count(), 2, "{told}");
    assert_eq!(told.matches("/target").count(), 1, "{told}");
}

#[test]
fn a_refresh_authenticates_nobody_and_a_revocation_is_not_of_the_token_that_asked_for_it() {
    let refresh = story("auth0", br#"{"log_id": "1", "date": "2026-11-20T10:00:00Z", "type": "sertft", "user_id": "auth0|1", "client_id": "c1"}"#);
    assert!(refresh.contains(r#""class": "other""#), "{refresh}");
    assert!(refresh.contains(r#""outcome": "success""#), "{refresh}");
    let revoked = story("auth0", br#"{"log_id": "2", "date": "2026-11-20T10:00:00Z", "type": "srrt", "user_id": "auth0|1", "details": {"request": {"auth": {"credentials": {"jti": "of the call"}}}}}"#);
    assert!(revoked.contains(r#""class": "token_revoke""#), "{revoked}");
    assert!(!revoked.contains("of the call"), "{revoked}");
}
