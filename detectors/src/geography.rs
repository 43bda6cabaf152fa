//! What is known of countries and of networks whatever a geolocation database says.

/// A country that is not listed reaches no farther than this from its middle.
const MOST_COUNTRIES_KM: f64 = 1000.0;

/// How far the cities of large countries lie from the middle that geolocation databases give for them (ISO
/// 3166-1 alpha-2; the farthest city of 100 000 people on the mainland, to the next 100 km).
#[rustfmt::skip] // a table
const LARGE_COUNTRIES_KM: [(&str, u16); 24] = [
    ("AR", 2400), ("AU", 2300), ("BR", 2500), ("CA", 3500), ("CD", 1300), ("CL", 2600),
    ("CN", 2700), ("DZ", 1300), ("ES", 1900), ("ID", 3000), ("IN", 1800), ("IR", 1200),
    ("JP", 1700), ("KZ", 1600), ("MM", 1300), ("MN", 1200), ("MX", 1900), ("NO", 1400),
    ("PE", 1200), ("PT", 1800), ("RU", 5200), ("SA", 1300), ("US", 2800), ("ZA", 1200),
];

/// Networks that come down from satellites at whatever ground station is in view, by autonomous system:
/// Starlink, Viasat, Hughes, OneWeb, Intelsat, SES, Marlink, Inmarsat.
const SATELLITES: [u64; 9] = [
    14_593, 27_277, 7_155, 6_621, 800, 22_351, 12_684, 5_377, 31_515,
];

/// How far a place may be from the middle of its country, km.
pub(crate) fn country_radius_km(country: Option<&str>) -> f64 {
    let listed = LARGE_COUNTRIES_KM
        .iter()
        .find(|(code, _)| country == Some(code));
    listed.map_or(MOST_COUNTRIES_KM, |(_, km)| f64::from(*km))
}

/// Whether the network is one of satellites.
pub(crate) fn is_satellite(asn: Option<u64>) -> bool {
    asn.is_some_and(|asn| SATELLITES.contains(&asn))
}
