//! Functions in SQL beside DataFusion's own.
//!
//! | function | gives |
//! |---|---|
//! | `geo_distance_km(lat1, lon1, lat2, lon2)` | kilometres between two places, degrees on the WGS 84 ellipsoid; null where there is no such place |
//! | `is_reserved_ip(text)` | whether an address is private, local or otherwise nowhere on the map; null where it is no address |
//! | `cidr_match(network, text)` | whether an address is in a network such as `203.0.113.0/24`; null where it is no address |
//! | `surprise(k, n)` | bits of surprise at what was so in `k` of `n` cases: −log2((k + ½) / (n + 1)), the Krichevsky–Trofimov estimate; null unless 0 ≤ k ≤ n |
//! | `json_get(text, path)` | what stands at a path such as `here.place` of a JSON text, as `findings.evidence` is: text as it is, all else as JSON; null where there is nothing |

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::DataFusionError;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::{Volatility, create_udf};
use datafusion::prelude::SessionContext;
use geographiclib_rs::{Geodesic, InverseGeodesic};
use plumbline_schemas::address;
use serde_json::Value;

type Answer = Result<ArrayRef, DataFusionError>;

/// Adds the functions.
pub(super) fn register(context: &SessionContext) {
    use DataType::{Boolean, Float64, Utf8};
    let add =
        |name: &str, takes: Vec<DataType>, gives: DataType, function: fn(&[ArrayRef]) -> Answer| {
            let function = Arc::new(make_scalar_function(function, Vec::new()));
            context.register_udf(create_udf(
                name,
                takes,
                gives,
                Volatility::Immutable,
                function,
            ));
        };
    add("geo_distance_km", vec![Float64; 4], Float64, distances);
    add("is_reserved_ip", vec![Utf8], Boolean, reserved);
    add("cidr_match", vec![Utf8; 2], Boolean, matches);
    add("surprise", vec![Float64; 2], Float64, surprises);
    add("json_get", vec![Utf8; 2], Utf8, json_values);
}

fn distances(columns: &[ArrayRef]) -> Answer {
    let [lat1, lon1, lat2, lon2] = numbers(columns)?;
    let earth = Geodesic::wgs84();
    let rows = lat1.iter().zip(lon1).zip(lat2.iter().zip(lon2));
    let distances = rows
        .map(|((lat1, lon1), (lat2, lon2))| distance_km(&earth, (lat1?, lon1?), (lat2?, lon2?)));
    Ok(Arc::new(distances.collect::<Float64Array>()))
}

fn distance_km(earth: &Geodesic, from: (f64, f64), to: (f64, f64)) -> Option<f64> {
    let exists = |(lat, lon): (f64, f64)| lat.abs() <= 90.0 && lon.abs() <= 180.0;
    if !exists(from) || !exists(to) {
        return None;
    }
    let metres: f64 = earth.inverse(from.0, from.1, to.0, to.1);
    Some(metres / 1000.0)
}

fn reserved(columns: &[ArrayRef]) -> Answer {
    let [addresses] = texts(columns)?;
    let reserved = addresses
        .iter()
        .map(|text| Some(address::is_reserved(address::parse(text?)?)));
    Ok(Arc::new(reserved.collect::<BooleanArray>()))
}

fn matches(columns: &[ArrayRef]) -> Answer {
    let [networks, addresses] = texts(columns)?;
    let mut last: Option<(&str, (IpAddr, u32))> = None;
    let mut found = Vec::with_capacity(networks.len());
    for (network, address) in networks.iter().zip(addresses) {
        let Some(text) = network else {
            found.push(None);
            continue;
        };
        let network = match last {
            Some((known, network)) if known == text => network,
            _ => match parse_network(text) {
                Some(network) => network,
                None => {
                    return exec_err!(
                        "cidr_match: `{text}` is no network; write one such as 203.0.113.0/24"
                    );
                }
            },
        };
        last = Some((text, network));
        found.push(
            address
                .and_then(address::parse)
                .map(|address| is_in(network, address)),
        );
    }
    Ok(Arc::new(BooleanArray::from(found)))
}

/// An address and how many of its bits count. An address alone is a network of one.
fn parse_network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text
        .split_once('/')
        .map_or((text, None), |(a, b)| (a, Some(b)));
    let address: IpAddr = address.trim().parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.trim().parse().ok())?;
    (bits <= most).then_some((address, bits))
}

fn is_in((network, bits): (IpAddr, u32), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            differing.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            differing.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

fn surprises(columns: &[ArrayRef]) -> Answer {
    let [cases, all] = numbers(columns)?;
    let bits = cases.iter().zip(all).map(|(k, n)| surprise(k?, n?));
    Ok(Arc::new(bits.collect::<Float64Array>()))
}

fn surprise(k: f64, n: f64) -> Option<f64> {
    (0.0..=n)
        .contains(&k)
        .then(|| -((k + 0.5) / (n + 1.0)).log2())
}

fn json_values(columns: &[ArrayRef]) -> Answer {
    let [documents, paths] = texts(columns)?;
    let found = documents.iter().zip(paths).map(|(text, path)| {
        let document: Value = serde_json::from_str(text?).ok()?;
        let place = path?.split('.').try_fold(&document, |at, step| match at {
            Value::Array(entries) => entries.get(step.parse::<usize>().ok()?),
            at => at.get(step),
        })?;
        match place {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    });
    Ok(Arc::new(found.collect::<StringArray>()))
}

fn numbers<const N: usize>(columns: &[ArrayRef]) -> Result<[&Float64Array; N], DataFusionError> {
    all(columns, |column| column.as_primitive_opt::<Float64Type>())
}

fn texts<const N: usize>(columns: &[ArrayRef]) -> Result<[&StringArray; N], DataFusionError> {
    all(columns, |column| column.as_string_opt::<i32>())
}

fn all<'a, T, const N: usize>(
    columns: &'a [ArrayRef],
    read: impl Fn(&'a ArrayRef) -> Option<&'a T>,
) -> Result<[&'a T; N], DataFusionError> {
    let read: Option<Vec<&T>> = columns.iter().map(read).collect();
    let read = read.and_then(|columns| columns.try_into().ok());
    read.ok_or_else(|| DataFusionError::Internal("arguments of another type".to_owned()))
}
