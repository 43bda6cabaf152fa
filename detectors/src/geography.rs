//! What is known of countries and of networks whatever a geolocation database says.

/// A country that is not listed reaches no farther than this from its middle.
const MOST_COUNTRIES_KM: f64 = 1000.0;

/// How far the cities of large countries lie from the middle of the country that an address without a city
/// is located in (ISO 3166-1 alpha-2): the farthest city of 100 000 people in GeoNames, from the middle in
/// the tables of PyPI's `countryinfo`, to the next 100 km. The United States without Alaska and
/// Hawaii: with them nothing within the country would be far.
#[rustfmt::skip] // a table
const LARGE_COUNTRIES_KM: [(&str, u16); 24] = [
    ("AO", 1100), ("AR", 1400), ("AU", 2200), ("BR", 2500), ("CA", 3100), ("CD", 1600),
    ("CL", 2600), ("CN", 2700), ("DZ", 1100), ("ES", 1800), ("ID", 3000), ("IN", 2100),
    ("IR", 1100), ("JP", 1500), ("KZ", 1400), ("LY", 1100), ("MX", 1900), ("MY", 1500),
    ("PE", 1100), ("PT", 1200), ("RU", 4600), ("SA", 1100), ("SO", 1400), ("US", 2400),
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
