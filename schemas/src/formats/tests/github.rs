use super::story;
use crate::formats::secret::fingerprint;

/// A call with a token, a push by a bot, a right given, and work of an agent.
pub(super) const ENTRIES: &str = r#"[
 {"@timestamp": 1795169730123, "_document_id": "vVDMV0eDPsDnLhKSOjr5sQ", "action": "api.request", "actor": "ann-berg", "actor_id": 583231, "actor_is_bot": false, "actor_ip": "203.0.113.9", "actor_location": {"country_code": "NO"}, "business": "acme", "business_id": 42, "org": "acme-dev", "org_id": 9919, "created_at": 1795169730123,
  "hashed_token": "3aL1Gc6xSqLQ5SIFyLp2TWZvjcvvPh6aDdbFWqUrtnY=", "token_id": 889911, "token_scopes": "repo,read:org", "programmatic_access_type": "Personal access token (classic)", "operation_type": "access", "request_method": "GET", "route": "/repositories/:repository_id/contents/?*", "url_path": "/repositories/1296269/contents/secrets.env", "query_string": "ref=main", "request_id": "C0DE:1", "status_code": 200, "rate_limit_remaining": 4999, "repo": "acme-dev/billing", "repo_id": 1296269, "user_agent": "python-requests/2.32", "public_repo": false},
 {"@timestamp": "1795169731000", "action": "git.push", "actor": "github-actions[bot]", "actor_id": "41898282", "actor_is_bot": "true", "actor_location": {"country_code": "US"}, "business": "acme", "business_id": 42, "org": "acme-dev", "programmatic_access_type": "GitHub App server-to-server token", "repository": "acme-dev/billing", "repo": "acme-dev/billing", "transport_protocol": 1, "transport_protocol_name": "http", "user_agent": "git/2.47.0"},
 {"@timestamp": 1795169732000, "_document_id": "x2", "action": "org.update_member", "actor": "root", "actor_id": 1, "actor_session": 5150, "actor_ip": "198.51.100.4", "created_at": 1795169732000, "operation_type": "modify", "org": "acme-dev", "org_id": 9919, "permission": "admin", "old_permission": "read", "user": "mallory", "user_id": 666, "user_agent": "Mozilla/5.0"},
 {"@timestamp": 1795169733000, "_document_id": "x3", "action": "pull_request.create", "actor": "Copilot", "actor_id": 198982749, "actor_is_agent": true, "actor_is_bot": true, "agent_session_id": "3f2504e0", "user": "ann-berg", "user_id": 583231, "org": "acme-dev", "repo": "acme-dev/billing"},
 {"@timestamp": 1795169734000, "_document_id": "x4", "action": "personal_access_token.access_revoked", "actor": "root", "actor_id": 1, "actor_session": 5150, "user": "ann-berg", "user_id": 583231, "org": "acme-dev", "token_id": 889911},
 {"@timestamp": 1795169734500, "_document_id": "x6", "action": "repo.update_member", "actor": "root", "actor_id": 1, "old_permission": "admin", "permission": "read", "user": "mallory", "user_id": 666, "repo": "acme-dev/billing"},
 {"@timestamp": 1795169735000, "_document_id": "x5", "action": "user.failed_login", "actor": "ann-berg", "actor_id": 583231, "actor_ip": "192.0.2.200", "user_agent": "Mozilla/5.0"}
]"#;

#[test]
fn tokens_bots_agents_and_rights_are_told_apart() {
    insta::assert_snapshot!(story("github", ENTRIES.as_bytes()));
}

#[test]
fn a_hashed_token_is_the_token_that_others_saw_raw() {
    // The SHA-256 of `planted-token` in Base64, as GitHub documents it.
    let hashed = "rfllIqRuTCWPJIm/eqUWGWXvKEtQHzq5Z95otl7Uc8g=";
    for written in [
        hashed.to_owned(),
        hashed.trim_end_matches('=').to_owned(),
        hashed.replace('+', "-").replace('/', "_"),
    ] {
        let entry = format!(
            r#"{{"@timestamp": 1795169730123, "action": "git.clone", "actor": "ann", "hashed_token": "{written}"}}"#
        );
        let told = story("github", entry.as_bytes());
        assert!(told.contains(&fingerprint("planted-token")), "{told}");
    }
}

#[test]
fn a_refusal_by_the_api_is_denied_and_a_path_without_a_route_is_templated() {
    insta::assert_snapshot!(story("github", br#"[
      {"created_at": 1795169730123, "action": "api.request", "actor_id": 7, "actor": "key", "programmatic_access_type": "Deploy key", "request_method": "delete", "url_path": "/repos/acme/billing/keys/4711", "status_code": "403"},
      {"created_at": 1795169730124, "action": "api.request", "actor_id": 7, "actor": "key", "status_code": 0}
    ]"#));
}

#[test]
fn who_is_nobody_is_skipped_and_what_has_no_time_is_refused() {
    insta::assert_snapshot!(story(
        "github",
        br#"[
      {"@timestamp": 1795169730123, "action": "git.clone", "actor": "", "repo": "acme/site"},
      {"action": "org.add_member", "actor": "root", "_document_id": "1"},
      {"@timestamp": "never", "action": "org.add_member", "actor": "root", "_document_id": "2"},
      {"@timestamp": 1795169730, "action": "org.add_member", "actor": "root", "_document_id": "3"},
      {"@timestamp": 1795169730123, "actor": "root"}, "x"
    ]"#
    ));
}

#[test]
fn the_number_of_no_account_is_nobody_and_a_key_or_a_name_stands_for_it() {
    let of = |fields: &str| {
        let raw = format!(
            r#"{{"@timestamp": 1795169730123, "_document_id": "d1", "action": "git.clone", "actor_id": 0, "actor_ip": "192.0.2.14", "actor_location": {{"country_code": "NO"}}, "created_at": 1795169730123, "org": "acme", "org_id": 55, "business": "acme-inc", "business_id": 9, "user_agent": "git/2.47", "repo": "acme/site", {fields}}}"#
        );
        story("github", raw.as_bytes())
    };
    for nobody in [
        r#""actor": """#,
        r#""actor": null"#,
        r#""actor": null, "token_id": 0"#,
    ] {
        assert_eq!(of(nobody), "skipped: names nobody", "{nobody}");
    }
    for (fields, id, kind) in [
        (
            r#""actor": "deploy_key", "programmatic_access_type": "Deploy key", "deploy_key_fingerprint": "SHA256:x9""#,
            "SHA256:x9",
            "api_key",
        ),
        (
            r#""actor": "deploy_key", "programmatic_access_type": "Deploy key""#,
            "deploy_key",
            "api_key",
        ),
        (
            r#""actor": null, "external_identity_nameid": "ann@example.com""#,
            "ann@example.com",
            "human",
        ),
        (
            r#""actor": "", "programmatic_access_type": "OAuth access token", "token_id": 889911"#,
            "token/889911",
            "api_key",
        ),
    ] {
        let told: serde_json::Value = serde_json::from_str(&of(fields)).expect("an event");
        assert_eq!(told["identity"]["id"], id, "{fields}");
        assert_eq!(told["identity"]["kind"], kind, "{fields}");
    }
}

#[test]
fn a_revocation_is_not_of_the_token_that_asked_for_it_nor_an_approval_of_who_approved() {
    let of = |action: &str, fields: &str| {
        let raw = format!(
            r#"{{"@timestamp": 1795169734000, "_document_id": "1", "action": "{action}", "actor": "root", "actor_id": 1, "token_id": 7{fields}}}"#
        );
        let told = story("github", raw.as_bytes()).replace("}\n{", "}\u{0}{");
        let events = told.split('\u{0}').map(serde_json::from_str);
        let events: Result<Vec<serde_json::Value>, _> = events.collect();
        events.expect("events")
    };
    let user = r#", "user": "ann", "user_id": 2"#;
    let own = of("oauth_access.destroy", "");
    assert_eq!(own[0]["action"]["class"], "token_revoke");
    assert!(own[0]["credential"].is_null(), "{own:?}");
    let of_another = of("oauth_access.destroy", user);
    assert_eq!(of_another[0]["credential"]["id"], "7");
    assert_eq!(of_another[1]["action"]["class"], "token_revoke");
    assert!(of_another[1]["credential"].is_null(), "{of_another:?}");

    let approved = of("workflows.approve_workflow_job", "");
    assert_eq!(approved[0]["action"]["class"], "admin");
    let approved = of("workflows.approve_workflow_job", user);
    assert_eq!(approved[0]["action"]["class"], "admin");
    assert_eq!(approved[1]["action"]["class"], "approval");
    assert_eq!(approved[1]["identity"]["id"], "2");
}
