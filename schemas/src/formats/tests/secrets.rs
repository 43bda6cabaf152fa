use super::{
    auth0, cloudtrail, entra, gateways, gcp, github, keycloak, kong, kubernetes, ocsf, okta, otel,
    story, workspace,
};
use crate::formats::secret::{fingerprint, looks_secret, scrub};

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlcGxhbnRlZA";

/// Every secret in the test is one of these.
const PLANTED: &[&str] = &[
    JWT,
    "ghp_plantedPlanted0123456789abcdefABCD",
    "sk_live_planted0123456789",
    "planted-api-key-77",
    "plantedCookieValue99",
    "cGxhbnRlZDpwYXNzd29yZA==",
    "hunter2planted",
    "plantedSECRETKEY",
    "PlantedSessionToken",
];

fn assert_clean(what: &str, text: &str) {
    for secret in PLANTED {
        assert!(
            !text.contains(secret),
            "{what} lets `{secret}` through:\n{text}"
        );
    }
}

fn kong_entry(headers: &str) -> String {
    format!(
        r#"{{"started_at": 1795169733000, "client_ip": "192.0.2.3", "consumer": {{"username": "svc"}}, "request": {{"uri": "/v1/t/{JWT}?apikey=planted-api-key-77&password=hunter2planted", "method": "GET", "querystring": {{"apikey": "planted-api-key-77"}}, "headers": {{"user-agent": "x {JWT}", {headers}}}}}}}"#
    )
}

fn native(fields: &str) -> String {
    format!(
        r#"{{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"api","identity":{{"id":"svc"}},{fields}}}"#
    )
}

/// Records of every format in which secrets are where they should not be.
fn planted() -> Vec<(&'static str, String)> {
    let bearer = format!(r#""Authorization": "Bearer {JWT}""#);
    let mut records = vec![
        ("kong", kong_entry(&bearer)),
        (
            "kong",
            kong_entry(r#""authorization": ["Basic cGxhbnRlZDpwYXNzd29yZA=="]"#),
        ),
        ("kong", kong_entry(r#""X-API-Key": "planted-api-key-77""#)),
        (
            "kong",
            kong_entry(r#""cookie": "theme=dark; session_id=plantedCookieValue99""#),
        ),
        ("cloudtrail", cloudtrail::FILE.to_owned()),
        (
            "okta",
            okta::MFA.replace(
                "/idp/idx/authenticators/poll",
                &format!("/x?sessionToken={JWT}"),
            ),
        ),
        ("okta", okta::MFA.replace("102bZDNFfWaQSyEZQuDgWt-uQ", JWT)),
        (
            "native",
            native(&format!(
                r#""action":{{"name":"GET /x?access_token={JWT}&password=hunter2planted","resource":"https://u:hunter2planted@example.com/?apikey=planted-api-key-77"}},"device":{{"user_agent":"curl Bearer {JWT}","id":"{JWT}"}}"#
            )),
        ),
        (
            "native",
            native(
                r#""action":{"name":"x"},"session":{"id":"sk_live_planted0123456789"},"credential":{"id":"ghp_plantedPlanted0123456789abcdefABCD","bound_to":"Basic cGxhbnRlZDpwYXNzd29yZA=="},"task":{"id":"sk_live_planted0123456789","objective":"use password=hunter2planted"}"#,
            ),
        ),
    ];
    records.push((
        "native",
        native(&format!(
            r#""action":{{"name":"x","scopes":["read","ghp_plantedPlanted0123456789abcdefABCD"]}},"credential":{{"id":"token ghp_plantedPlanted0123456789abcdefABCD","scopes":["{JWT}"]}},"session":{{"id":"sid={JWT}","assurance":"sk_live_planted0123456789"}},"workload":{{"host":"Bearer {JWT}"}},"device":{{"id":"Authorization: Bearer {JWT}"}}"#
        )),
    ));
    records.push((
        "native",
        native(r#""action":{"name":"x"},"credential":{"id":"password=hunter2planted"}"#).replace(
            r#"{"id":"svc"}"#,
            &format!(r#"{{"id":"svc","groups":["{JWT}"]}}"#),
        ),
    ));
    records.push((
        "native",
        native(r#""action":{"name":"x","resource":"amqp://u:hunter2planted@mq"}"#),
    ));
    records.push(("kong", format!("[{}, {}]", records[0].1, records[2].1)));
    records.extend([
        ("apisix", gateways::APISIX.to_owned()),
        (
            "apisix",
            gateways::APISIX.replace(
                r#""host": "api.example.com","#,
                &format!(
                    r#""Authorization": "Bearer {JWT}", "cookie": "sid=plantedCookieValue99","#
                ),
            ),
        ),
        (
            "apisix",
            gateways::APISIX.replace("page=2", "password=hunter2planted"),
        ),
        ("envoy", gateways::ENVOY.to_owned()),
        (
            "envoy",
            gateways::ENVOY
                .replace("jti-1", JWT)
                .replace("token=abc", "apikey=planted-api-key-77"),
        ),
        ("nginx", gateways::NGINX.to_owned()),
        (
            "nginx",
            gateways::NGINX.replace("/v1/invoices/4711", &format!("/reset/{JWT}")),
        ),
        (
            "auth0",
            auth0::STREAM.replace("dt1G5nlxkGV10uJx4sKKBH7hwEVbaHAx", JWT),
        ),
        (
            "auth0",
            auth0::ROLE.replace(
                "\"query\": {}",
                "\"query\": {\"password\": \"hunter2planted\"}",
            ),
        ),
        (
            "keycloak",
            keycloak::LOGIN.replace("code=1", &format!("code={JWT}")),
        ),
        (
            "keycloak",
            keycloak::LINE.replace("a=b, c=d", "password=hunter2planted"),
        ),
        ("ocsf", ocsf::LAKE.replace("ASIAEXAMPLEKEY000001", JWT)),
        (
            "ocsf",
            ocsf::LOGON.replace("\"s-1\"", "\"sk_live_planted0123456789\""),
        ),
        ("otel", otel::SPANS.to_owned()),
        ("otel", otel::CLAUDE.to_owned()),
        (
            "otel",
            otel::CLAUDE.replace("<REDACTED>", &format!("deploy with {JWT}")),
        ),
        ("auto", gateways::APISIX.to_owned()),
    ]);
    let user_agent = |record: &str, before: &str| record.replace(before, &format!("x {JWT}"));
    records.extend([
        ("entra", user_agent(entra::RECORDS, "Mozilla/5.0")),
        (
            "entra",
            entra::AUDITS.replace("$top=10", "access_token=hunter2planted"),
        ),
        ("gcp", user_agent(gcp::ENTRIES, "gcloud-python/3.1")),
        ("workspace", workspace::ITEMS.replace("Mail sorter", JWT)),
        (
            "github",
            user_agent(github::ENTRIES, "python-requests/2.32"),
        ),
        (
            "github",
            github::ENTRIES.replace("889911", "\"ghp_plantedPlanted0123456789abcdefABCD\""),
        ),
        (
            "kubernetes",
            user_agent(kubernetes::LIST, "kubectl/v1.31.0"),
        ),
        (
            "kubernetes",
            kubernetes::LIST.replace("JTI=2b76b98d-e185-4970-918e-6fa3f30606ab", JWT),
        ),
    ]);
    records
}

#[test]
fn no_planted_secret_gets_through_any_format() {
    for (format, record) in planted() {
        let told = story(format, record.as_bytes());
        assert!(
            told.contains("\"id\""),
            "{format}: nothing came out: {told}"
        );
        assert_clean(format, &told);
    }
}

#[test]
fn no_planted_secret_is_left_in_a_dead_letter_whole_or_cut_off() {
    for (format, record) in planted() {
        let clean = scrub(record.as_bytes());
        assert_clean(format, &String::from_utf8_lossy(&clean));
        // Cut in the middle of the value: what is left of a secret is one too.
        let cut = record.find("Bearer eyJ").map_or(record.len(), |at| at + 40);
        let clean = scrub(&record.as_bytes()[..cut]);
        assert!(!String::from_utf8_lossy(&clean).contains("eyJhbGciOiJSUzI1NiJ9"));
        // JSON in a string, as log shippers wrap it.
        let wrapped = serde_json::json!({ "message": record }).to_string();
        assert_clean(format, &String::from_utf8_lossy(&scrub(wrapped.as_bytes())));
    }
}

#[test]
fn a_scrubbed_record_says_which_secret_it_was() {
    let raw = format!(r#"{{"headers":{{"authorization":"Bearer {JWT}","accept":"*/*"}},"n":1}}"#);
    let expected = format!(
        r#"{{"headers":{{"authorization":"Bearer {}","accept":"*/*"}},"n":1}}"#,
        fingerprint(JWT)
    );
    assert_eq!(String::from_utf8_lossy(&scrub(raw.as_bytes())), expected);
}

#[test]
fn a_secret_is_known_by_its_key_beside_it_too() {
    for (value, clean) in [
        (
            r#"{"stringValue": "hunter2planted"}"#,
            r#"{"stringValue": "#,
        ),
        (r#""hunter2planted""#, r#"""#),
        (
            r#"{"arrayValue": {"values": [{"stringValue": "hunter2planted"}]}}"#,
            r#"{"arrayValue": "#,
        ),
    ] {
        let raw =
            format!(r#"[{{"key": "db.password", "value": {value}}}, {{"key": "a", "value": 1}}]"#);
        let told = scrub(raw.as_bytes()).into_owned();
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains(&fingerprint("hunter2planted")), "{told}");
        assert!(told.contains(&format!(r#""value": {clean}"#)), "{told}");
        assert!(!told.contains("hunter2planted"), "{told}");
        assert!(told.ends_with(r#"{"key": "a", "value": 1}]"#), "{told}");
    }
    // Only its own value, not that of another member.
    let raw = br#"{"scope": "password", "value2": "kept"}"#;
    assert_eq!(&*scrub(raw), raw);
}

#[test]
fn what_holds_no_secret_is_left_as_it_is() {
    for record in [okta::MFA, okta::GRANT, kong::BATCH, kubernetes::LIST] {
        assert_eq!(String::from_utf8_lossy(&scrub(record.as_bytes())), record);
    }
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEplanted\n-----END PRIVATE KEY-----\nrest";
    assert!(scrub(pem.as_bytes()).starts_with(b"sha256:"));
    assert!(scrub(pem.as_bytes()).ends_with(b"\nrest"));
    for id in [
        "svc-billing",
        "arn:aws:iam::111122223333:role/billing",
        "AKIAEXAMPLEKEY000003",
        "sk-learn-pipeline-runner",
        "00u1qw2er3TY4ui5O6p7",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "sha256:00",
    ] {
        assert!(!looks_secret(id), "{id}");
    }
}

#[test]
fn the_same_token_has_the_same_fingerprint_in_every_format() {
    let expected = fingerprint(JWT);
    let kong = story(
        "kong",
        kong_entry(&format!(r#""authorization": "Bearer {JWT}""#)).as_bytes(),
    );
    let with_scheme = native(&format!(
        r#""action":{{"name":"x"}},"credential":{{"id":"Bearer {JWT}"}}"#
    ));
    let bare = native(&format!(
        r#""action":{{"name":"x"}},"credential":{{"id":"{JWT}"}}"#
    ));
    let behind_words = [
        "token",
        "ApiKey",
        "Authorization: Bearer",
        "Authorization: token",
    ]
    .map(|words| format!("{words} {JWT}"));
    let behind_name = [format!("sid={JWT}"), format!("authorization=Bearer {JWT}")];
    let prefixed = behind_words.into_iter().chain(behind_name).map(|id| {
        let fields = format!(r#""action":{{"name":"x"}},"credential":{{"id":"{id}"}}"#);
        story("native", native(&fields).as_bytes())
    });
    // GitHub hashes it itself, and writes the hash in Base64.
    let hashed = "CXsqkIilj5Poyg+rBr5Z24tvOk7h2Hr8QiSU3JoJH6M=";
    let github = format!(
        r#"{{"@timestamp": 1795169730123, "action": "git.clone", "actor": "ann", "hashed_token": "{hashed}"}}"#
    );
    for told in [
        kong,
        story("github", github.as_bytes()),
        story("native", with_scheme.as_bytes()),
        story("native", bare.as_bytes()),
    ]
    .into_iter()
    .chain(prefixed)
    {
        assert!(told.contains(&expected), "{told}");
    }
}

#[test]
fn a_key_of_no_shape_is_known_by_the_word_before_it_and_a_name_is_none() {
    let told = |id: &str| {
        let fields = format!(r#""action":{{"name":"x"}},"credential":{{"id":"{id}"}}"#);
        story("native", native(&fields).as_bytes())
    };
    let key = "9f86d081884c7d659a2feaa0c55ad015";
    for id in [
        format!("token {key}"),
        format!("ApiKey {key}"),
        format!("api_key={key}"),
    ] {
        assert!(told(&id).contains(&fingerprint(key)), "{id}");
    }
    for id in [
        "Token Service",
        "token exchange for the billing run 7",
        "api_key=REDACTED",
        "CN=runner-7, O=Acme, C=NO",
        "uid=ann,ou=people,dc=example,dc=com",
        "JTI=2b76b98d-e185-4970-918e-6fa3f30606ab",
        "X509SHA256=9f86d081884c7d659a2feaa0c55ad015",
        "wKkZ8LfMMXzTz7lBI2GsQyBbHqE9n0d1uVb3xk5Wc0Y=",
    ] {
        assert!(told(id).contains(&format!(r#""id": "{id}""#)), "{id}");
    }
}

/// What is looked at first, so that most words cost nothing, must not let one through.
#[test]
fn every_name_scheme_and_shape_is_found_whatever_stands_around_it() {
    let gone = |text: &str, what: &str| {
        let clean = String::from_utf8_lossy(&scrub(text.as_bytes())).into_owned();
        assert!(!clean.contains(what), "{text}");
    };
    let names = "authorization cookie cookies apikey token secret password passwd secretkey secretaccesskey privatekey \
                 signature assertion passphrase jsessionid api_key Secret-Key TOKEN_ JSession-Id- x-my-PassWord__";
    let signs = [
        ":",
        "=",
        " = ",
        "\t:\n",
        "\":\"",
        "\": \"",
        "\\\": \\\"",
        "'='",
        "\", \"value\": \"",
        "\",\"value\":{\"s\":\"",
    ];
    for name in names.split_whitespace() {
        for name in [
            name.to_owned(),
            name.to_uppercase(),
            format!("x-{name}"),
            format!("my{name}"),
        ] {
            for sign in signs {
                gone(&format!("{{\"{name}{sign}hunter22\"}}"), "hunter22");
            }
        }
    }
    for scheme in ["bearer", "Basic", "SSWS", "DPoP", "Digest", "NEGOTIATE"] {
        for gap in [" ", "   "] {
            gone(&format!("a {scheme}{gap}dXNlcjpwYXNz1"), "dXNlcjpwYXNz1");
        }
    }
    let shapes = "eyJ ghp_ gho_ ghs_ ghu_ ghr_ github_pat_ glpat- xoxa- xoxb- xoxp- xoxs- sk_live_ sk_test_ rk_live_ \
                  sk- AIza ya29. npm_ pypi- hvs. SG. shpat_ dop_v1_ whsec_ 00";
    for shape in shapes.split_whitespace() {
        let token = format!("{shape}aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6kL9nP");
        gone(&format!("/x?y={token}&z"), &token);
        gone(&format!("<{token}>"), &token);
        assert!(looks_secret(&token), "{token}");
    }
}
