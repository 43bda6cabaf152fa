//! From a raw record to an enriched event, format by format, on one thread.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline::enrich::Enricher;
use plumbline::log_format::LogFormat;
use plumbline::normalise::Normaliser;
use plumbline_replay_data::emit::{Output, cloudtrail, native, okta};
use plumbline_replay_data::{Options, Simulation};
use plumbline_schemas::event::{Event, IdentityKind};
use plumbline_schemas::formats::Decoded;
use serde_json::json;

/// So many records of each format, decoded so often: in turns, so that a noisy machine slows all alike.
const RECORDS: usize = 20_000;
const ROUNDS: usize = 10;

/// What one format came to.
pub(crate) struct Decoding {
    pub(crate) format: &'static str,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
}

struct Source {
    format: &'static str,
    normaliser: Normaliser,
    records: Vec<String>,
    took: Duration,
}

/// Decodes and enriches records of the simulated organisation.
pub(crate) fn decode() -> Result<Vec<Decoding>, Box<dyn Error>> {
    let geo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../replay-data/geo");
    let file = |name: &str| -> [PathBuf; 1] { [geo.join(name)] };
    let enricher = Arc::new(Enricher::from_paths(
        &file("documentation-city.mmdb"),
        &file("documentation-asn.mmdb"),
        &file("documentation-anonymizers.csv"),
    )?);
    let mut sources = Vec::new();
    for (format, records) in records()? {
        let decoder = LogFormat::open(format, None)?;
        sources.push(Source {
            format,
            normaliser: Normaliser::new(decoder, Some("acme"), Arc::clone(&enricher))?,
            records,
            took: Duration::ZERO,
        });
    }
    for _ in 0..ROUNDS {
        for source in &mut sources {
            source.round()?;
        }
    }
    let came_to = |source: &Source| Decoding {
        format: source.format,
        records: source.records.len() * ROUNDS,
        bytes: source.records.iter().map(String::len).sum::<usize>() * ROUNDS,
        took: source.took,
    };
    Ok(sources.iter().map(came_to).collect())
}

impl Source {
    fn round(&mut self) -> Result<(), Box<dyn Error>> {
        let (begun, mut events) = (Instant::now(), 0);
        for record in &self.records {
            self.normaliser.decode(record.as_bytes(), &mut |decoded| {
                events += usize::from(matches!(decoded, Decoded::Event(_)));
                black_box(decoded);
            });
        }
        self.took += begun.elapsed();
        match events == self.records.len() {
            true => Ok(()),
            false => Err(format!(
                "{}: {events} of {} records",
                self.format,
                self.records.len()
            )
            .into()),
        }
    }
}

/// A format, and records of it.
type Raw = (&'static str, Vec<String>);

/// Records of people in Okta's and Entra's shape, of the cloud in CloudTrail's, and both as native events.
fn records() -> Result<[Raw; 4], Box<dyn Error>> {
    let options = Options {
        identities: 4_000,
        days: 30,
        attacks: false,
        ..Options::default()
    };
    let mut records = ["native", "okta", "entra", "cloudtrail"].map(|format| (format, Vec::new()));
    for arrival in Simulation::new(&options)? {
        let event = &arrival.event;
        let as_in: &[fn(&Event<'_>) -> String] = match Output::of(event) {
            Output::Okta if event.identity.kind.known() == Some(IdentityKind::Human) => {
                &[native::record, okta::record, entra]
            }
            Output::CloudTrail => &[native::record, cloudtrail::record],
            _ => continue,
        };
        let at: &[usize] = if as_in.len() == 3 {
            &[0, 1, 2]
        } else {
            &[0, 3]
        };
        for (record, at) in as_in.iter().zip(at) {
            let of_format = &mut records[*at].1;
            if of_format.len() < RECORDS {
                of_format.push(record(event));
            }
        }
        if records
            .iter()
            .all(|(_, of_format)| of_format.len() == RECORDS)
        {
            return Ok(records);
        }
    }
    Err("the organisation is too small".into())
}

/// A sign-in as Microsoft Graph returns it.
fn entra(event: &Event<'_>) -> String {
    json!({
        "id": event.id, "createdDateTime": event.time, "userDisplayName": event.identity.id,
        "userPrincipalName": event.identity.id, "userId": event.identity.id,
        "appId": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "appDisplayName": "Azure Portal", "ipAddress": event.network.ip,
        "clientAppUsed": "Browser", "userAgent": event.device.user_agent,
        "status": { "errorCode": 0, "additionalDetails": "MFA requirement satisfied by claim in the token" },
        "deviceDetail": {
            "deviceId": event.device.id, "operatingSystem": "Windows 11", "browser": "Edge 131",
            "isCompliant": true, "isManaged": true, "trustType": "Azure AD joined",
        },
        "location": { "city": "", "countryOrRegion": "", "geoCoordinates": {} },
        "correlationId": "a75a10bd-c126-486b-9742-c03110d36262", "conditionalAccessStatus": "success",
        "isInteractive": true, "signInEventTypes": ["interactiveUser"], "riskLevelDuringSignIn": "none",
        "riskEventTypes_v2": [], "resourceDisplayName": "Microsoft Graph",
        "authenticationRequirement": "singleFactorAuthentication", "authenticationProtocol": "none",
        "uniqueTokenIdentifier": "IvkxAvqTBUC7EbNE7KA8AQ", "sessionId": event.session.id,
    })
    .to_string()
}
