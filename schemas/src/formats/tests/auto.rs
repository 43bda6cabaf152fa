use super::{
    auth0, cloudtrail, entra, gateways, gcp, github, hostile, keycloak, kong, kubernetes, ocsf,
    okta, otel, story, workspace,
};
use crate::formats::{ALL, Format, Source, by_name};
use crate::json::{Arena, Json};

/// A record or batch of every format, with the name of the format.
pub(super) fn records() -> Vec<(&'static str, &'static str)> {
    vec![
        ("native", hostile::NATIVE),
        ("okta", okta::MFA),
        ("okta", okta::GRANT),
        ("cloudtrail", cloudtrail::FILE),
        ("auth0", auth0::STREAM),
        ("auth0", auth0::ROLE),
        ("keycloak", keycloak::LOGIN),
        ("keycloak", keycloak::ROLE),
        ("ocsf", ocsf::LOGON),
        ("ocsf", ocsf::LAKE),
        ("otel", otel::SPANS),
        ("otel", otel::CLAUDE),
        ("entra", entra::RECORDS),
        ("gcp", gcp::ENTRIES),
        ("workspace", workspace::ITEMS),
        ("github", github::ENTRIES),
        ("kubernetes", kubernetes::LIST),
    ]
}

#[test]
fn every_record_is_read_as_by_its_own_format() {
    let lines = [("keycloak", keycloak::LINE)];
    for (format, raw) in records().into_iter().chain(lines) {
        let expected = story(format, raw.as_bytes());
        assert_eq!(story("auto", raw.as_bytes()), expected, "{format}");
    }
}

#[test]
fn a_batch_of_several_formats_is_read_part_by_part() {
    let parts = [okta::MFA, keycloak::LOGIN, r#"{"a": 1}"#, "7", otel::CLAUDE];
    let batch = format!("[{}]", parts.join(","));
    let told = story("auto", batch.as_bytes());
    let expected = [
        story("okta", parts[0].as_bytes()),
        story("keycloak", parts[1].as_bytes()),
    ];
    assert!(told.starts_with(&expected.join("\n")), "{told}");
    assert!(told.contains(
        "rejected: wrong_format: part 2 of the record: not recognised as any of native, okta, "
    ));
    assert!(
        told.contains("part 3 of the record: not recognised"),
        "{told}"
    );
    assert!(told.contains("rejected: missing_field: part 4 of the record: resourceLogs[0].scopeLogs[0].logRecords[8]: timeUnixNano"), "{told}");
}

#[test]
fn what_is_broken_in_a_batch_of_one_format_is_said_as_that_one_says_it() {
    for (format, batch) in [
        ("kong", kong::BATCH),
        ("apisix", gateways::APISIX),
        ("envoy", gateways::ENVOY),
        ("nginx", gateways::NGINX),
    ] {
        let own = story(format, batch.as_bytes());
        assert!(own.contains("rejected: "), "{format}");
        assert_eq!(story("auto", batch.as_bytes()), own, "{format}");
    }
}

#[test]
fn what_nobody_knows_is_refused_with_the_names_that_were_tried() {
    let told = story("auto", br#"{"hello": "world"}"#);
    for format in ALL.iter().filter(|format| format.name() != "auto") {
        assert!(told.contains(format.name()), "{told}");
    }
    assert!(story("auto", b"hello world").starts_with("rejected: not_json"));
    assert_eq!(story("auto", b"[]"), "skipped: empty batch");
}

#[test]
fn a_parsed_record_is_read_as_a_raw_one() {
    for (format, raw) in records() {
        let format = by_name(format).expect("a format");
        let arena = Arena::new();
        let record = Json::parse(raw, &arena).expect("JSON");
        let (mut of_raw, mut of_parsed) = (Vec::new(), Vec::new());
        let source = Source::default();
        format.decode(raw.as_bytes(), source, &mut |decoded| {
            of_raw.push(format!("{decoded:?}"))
        });
        format.decode_parsed(&record, raw.as_bytes(), source, &mut |decoded| {
            of_parsed.push(format!("{decoded:?}"));
        });
        assert_eq!(of_raw, of_parsed, "{}", Format::name(format));
    }
}

#[test]
fn an_envelope_of_several_services_is_read_part_by_part() {
    let parts = |raw: &str| -> Vec<serde_json::Value> {
        let envelope: serde_json::Value = serde_json::from_str(raw).expect("JSON");
        envelope["records"].as_array().expect("parts").clone()
    };
    let (entra, aks) = (parts(entra::RECORDS), parts(kubernetes::AKS));
    // The second of AKS is text of its own, which no format knows.
    let mixed = serde_json::json!({ "records": [entra[0], aks[0], aks[1]] });
    let told = story("auto", mixed.to_string().as_bytes());
    let expected = [
        story("entra", entra[0].to_string().as_bytes()),
        story("kubernetes", aks[0].to_string().as_bytes()),
        story("entra", aks[1].to_string().as_bytes()),
    ];
    assert_eq!(told, expected.join("\n"));
    // Nor does it matter that what nobody knows comes first.
    let later = serde_json::json!({ "records": [aks[1], aks[0]] }).to_string();
    let told = story("auto", later.as_bytes());
    assert_eq!(told, story("kubernetes", later.as_bytes()));
    assert!(told.contains(r#""source": "kubernetes""#), "{told}");
    // Forwarders put what has no envelope of its own into one, too.
    let okta = records().into_iter().find(|(format, _)| *format == "okta");
    let okta = okta.expect("one of Okta").1;
    let told = story("auto", format!("{{\"records\":[{okta}]}}").as_bytes());
    assert_eq!(told, story("okta", okta.as_bytes()));
}
