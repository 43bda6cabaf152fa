//! Each format on records in the vendor's own shape: what comes out is a snapshot to be read.

mod auth0;
mod auto;
mod cloudtrail;
mod costs;
mod drift;
mod entra;
mod gateways;
mod gcp;
mod github;
mod hostile;
mod keycloak;
mod kong;
mod kubernetes;
mod ocsf;
mod okta;
mod otel;
mod secrets;
mod set;
mod workspace;

use super::{Decoded, Source, by_name};
use crate::json::{Arena, Json};

/// What came of a record, as a person would want to read it.
fn story(format: &str, raw: &[u8]) -> String {
    let tenant = Some("acme");
    let format = by_name(format).expect("a registered format");
    story_of(format, raw, tenant)
}

fn story_of(format: &dyn super::Format, raw: &[u8], tenant: Option<&str>) -> String {
    let mut lines = Vec::new();
    format.decode(raw, Source { tenant }, &mut |decoded| {
        lines.push(match decoded {
            Decoded::Event(event) => {
                event.check(usize::MAX).expect("every bound is kept");
                serde_json::to_string_pretty(&event).expect("an event can be written")
            }
            Decoded::Rejected(reject) => format!("rejected: {reject}"),
            Decoded::Skipped(why) => format!("skipped: {why}"),
            Decoded::Drift(drift) => format!("drift: {} {}", drift.field, drift.kind),
        });
    });
    lines.join("\n")
}

#[test]
fn every_format_has_a_name_of_its_own() {
    for format in super::ALL {
        assert_eq!(
            by_name(format.name()).map(super::Format::name),
            Some(format.name())
        );
    }
}

/// Every record is recognised by its own format, and by no other.
fn is_only(format: &str, raw: &str) {
    let arena = Arena::new();
    let record = Json::parse(raw, &arena).expect("JSON");
    let record = match &record {
        Json::Array(parts) => &parts[0],
        record => record,
    };
    let recognised: Vec<&str> = super::ALL
        .iter()
        .filter(|known| known.recognises(record))
        .map(|known| known.name())
        .collect();
    assert_eq!(recognised, [format], "{raw}");
}

#[test]
fn a_record_is_recognised_by_its_own_format_only() {
    for (format, record) in auto::records() {
        is_only(format, record);
    }
    is_only("kong", kong::BATCH);
    is_only("apisix", gateways::APISIX);
    is_only("envoy", gateways::ENVOY);
    is_only("nginx", gateways::NGINX);
    is_only("entra", entra::AUDITS);
    is_only("kubernetes", kubernetes::AKS);
}
