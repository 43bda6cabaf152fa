//! The world of the simulator: who has which documentation address, and where that is.
//!
//! The address ranges are those that RFC 5737 and RFC 3849 set aside for examples, the autonomous
//! system numbers those of RFC 5398, the operators are invented, and the cities are where they are.
//! [`PLACES`] is the one table behind the databases in `replay-data/geo/`, the sample logs and the
//! tests, so an event written with an address of a place is always found at that place again.
//!
//! 203.0.113.240/28 belongs to nobody: an address that no database knows.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What sort of access a range of addresses gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Homes and offices on a cable.
    Fixed,
    /// Machines of a cloud provider.
    Cloud,
    /// A mobile carrier: one range for a whole country.
    Mobile,
    /// The organisation's own VPN concentrator: one address for many people, wherever they are.
    CorporateVpn,
    /// A VPN that anybody can buy; listed as an anonymiser.
    CommercialVpn,
    /// An exit of the Tor network; listed as an anonymiser.
    Tor,
}

/// A range of documentation addresses and what a geolocation database says of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// English name of the city; none where the database knows the country only.
    pub city: Option<&'static str>,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
    /// Radius of accuracy, km; none where the database gives none.
    pub radius_km: Option<u16>,
    /// IPv4 network and prefix length.
    pub v4: (Ipv4Addr, u8),
    /// IPv6 network and prefix length.
    pub v6: (Ipv6Addr, u8),
    /// Autonomous system number.
    pub asn: u32,
    /// Who runs it.
    pub as_org: &'static str,
    /// What sort of access it gives.
    pub access: Access,
}

impl Place {
    /// The nth host address of the range; counts round where the range ends.
    pub fn address(&self, n: u32) -> Ipv4Addr {
        let (network, prefix) = self.v4;
        // The first and the last address of a range are its network and its broadcast.
        let hosts = (1u32 << (32 - prefix)) - 2;
        Ipv4Addr::from_bits(network.to_bits() + 1 + n % hosts)
    }

    /// The nth host of the range's IPv6 network, each in a /64 of its own as at a home or office.
    pub fn address_v6(&self, n: u16) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.v6.0.to_bits() | u128::from(n) << 64 | 1)
    }
}

/// The first place in the table whose city bears this name.
pub fn place(city: &str) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.city == Some(city))
}

/// The first place in the table with this sort of access.
pub fn place_with(access: Access) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.access == access)
}

/// An invented network operator under a documentation number.
type Operator = (u32, &'static str);

const FJORD: Operator = (64496, "Fjord Broadband");
const THAMES: Operator = (64497, "Thames Fibre");
const SEINE: Operator = (64498, "Seine Telecom");
const SPREE: Operator = (64499, "Spree Netz");
const MESETA: Operator = (64500, "Meseta Cable");
const HUDSON: Operator = (64501, "Hudson Cable");
const GOLDEN_GATE: Operator = (64502, "Golden Gate Fiber");
const NIMBUS: Operator = (64503, "Nimbus Cloud");
const ONTARIO: Operator = (64504, "Ontario Wireline");
const ANDES: Operator = (64505, "Andes Telecom");
const EDO: Operator = (64506, "Edo Networks");
const STRAITS: Operator = (64507, "Straits Broadband");
const SOUTHERN_CROSS: Operator = (64508, "Southern Cross Internet");
const SAVANNA: Operator = (64509, "Savanna Online");
const ROVER: Operator = (64510, "Rover Mobile");
const BURROW: Operator = (64511, "Burrow Tunnels");

/// Every place, in the order of its IPv4 range.
#[rustfmt::skip] // a table
pub const PLACES: &[Place] = &[
    city("Oslo", "NO", 59.9139, 10.7522).range([192, 0, 2, 0], 27, 0x00, 20, FJORD),
    city("London", "GB", 51.5074, -0.1278).range([192, 0, 2, 32], 27, 0x01, 20, THAMES),
    city("Paris", "FR", 48.8566, 2.3522).range([192, 0, 2, 64], 27, 0x02, 20, SEINE),
    city("Berlin", "DE", 52.5200, 13.4050).range([192, 0, 2, 96], 27, 0x03, 20, SPREE),
    city("Madrid", "ES", 40.4168, -3.7038).range([192, 0, 2, 128], 27, 0x04, 50, MESETA),
    city("Warsaw", "PL", 52.2297, 21.0122).range([192, 0, 2, 160], 27, 0x05, 50, SPREE),
    city("Stockholm", "SE", 59.3293, 18.0686).range([192, 0, 2, 192], 27, 0x06, 20, FJORD),
    city("Dublin", "IE", 53.3498, -6.2603).range([192, 0, 2, 224], 27, 0x07, 20, THAMES),
    city("New York", "US", 40.7128, -74.0060).range([198, 51, 100, 0], 27, 0x10, 20, HUDSON),
    city("San Francisco", "US", 37.7749, -122.4194).range([198, 51, 100, 32], 27, 0x11, 20, GOLDEN_GATE),
    city("Ashburn", "US", 39.0438, -77.4874).range([198, 51, 100, 64], 27, 0x12, 20, NIMBUS).access(Access::Cloud),
    city("Toronto", "CA", 43.6532, -79.3832).range([198, 51, 100, 96], 27, 0x13, 20, ONTARIO),
    city("São Paulo", "BR", -23.5505, -46.6333).range([198, 51, 100, 128], 27, 0x14, 50, ANDES),
    city("Lima", "PE", -12.0464, -77.0428).range([198, 51, 100, 160], 27, 0x15, 50, ANDES),
    city("Mexico City", "MX", 19.4326, -99.1332).range([198, 51, 100, 192], 27, 0x16, 50, ANDES),
    city("Chicago", "US", 41.8781, -87.6298).range([198, 51, 100, 224], 27, 0x17, 20, HUDSON),
    city("Tokyo", "JP", 35.6762, 139.6503).range([203, 0, 113, 0], 27, 0x20, 20, EDO),
    city("Singapore", "SG", 1.3521, 103.8198).range([203, 0, 113, 32], 27, 0x21, 20, STRAITS),
    city("Sydney", "AU", -33.8688, 151.2093).range([203, 0, 113, 64], 27, 0x22, 20, SOUTHERN_CROSS),
    city("Mumbai", "IN", 19.0760, 72.8777).range([203, 0, 113, 96], 28, 0x23, 50, STRAITS),
    city("Lagos", "NG", 6.5244, 3.3792).range([203, 0, 113, 112], 28, 0x24, 100, SAVANNA),
    city("Zurich", "CH", 47.3769, 8.5417).range([203, 0, 113, 128], 28, 0x25, 20, BURROW).access(Access::CommercialVpn),
    city("Dubai", "AE", 25.2048, 55.2708).range([203, 0, 113, 144], 28, 0x26, 50, STRAITS),
    city("Frankfurt am Main", "DE", 50.1109, 8.6821).range([203, 0, 113, 160], 28, 0x27, 20, BURROW).access(Access::CorporateVpn),
    // A carrier's addresses surface at its gateway, far from the telephone.
    city("Birmingham", "GB", 52.4862, -1.8904).range([203, 0, 113, 176], 28, 0x28, 500, ROVER).access(Access::Mobile),
    middle_of("BR", -10.0, -55.0).range([203, 0, 113, 192], 28, 0x29, NO_RADIUS, ANDES),
    city("Helsinki", "FI", 60.1699, 24.9384).range([203, 0, 113, 208], 28, 0x2a, NO_RADIUS, FJORD),
    city("Amsterdam", "NL", 52.3676, 4.9041).range([203, 0, 113, 224], 28, 0x2b, 20, NIMBUS).access(Access::Tor),
];

/// In the table: the database gives no radius.
const NO_RADIUS: u16 = 0;

const fn middle_of(country: &'static str, lat: f64, lon: f64) -> Place {
    Place {
        city: None,
        country,
        lat,
        lon,
        radius_km: None,
        v4: (Ipv4Addr::UNSPECIFIED, 32),
        v6: (Ipv6Addr::UNSPECIFIED, 128),
        asn: 0,
        as_org: "",
        access: Access::Fixed,
    }
}

const fn city(name: &'static str, country: &'static str, lat: f64, lon: f64) -> Place {
    let mut place = middle_of(country, lat, lon);
    place.city = Some(name);
    place
}

impl Place {
    /// `v6_slot` is the number of the /40 within 2001:db8::/32.
    const fn range(
        mut self,
        v4: [u8; 4],
        prefix: u8,
        v6_slot: u16,
        radius_km: u16,
        by: Operator,
    ) -> Self {
        self.v4 = (Ipv4Addr::new(v4[0], v4[1], v4[2], v4[3]), prefix);
        self.v6 = (
            Ipv6Addr::new(0x2001, 0xdb8, v6_slot << 8, 0, 0, 0, 0, 0),
            40,
        );
        if radius_km != NO_RADIUS {
            self.radius_km = Some(radius_km);
        }
        (self.asn, self.as_org) = by;
        self
    }

    const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_documentation(address: Ipv4Addr) -> bool {
        matches!(
            address.octets(),
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]
        )
    }

    #[test]
    fn ranges_are_aligned_ordered_and_never_overlap() {
        let mut free_from = 0;
        for place in PLACES {
            let (network, prefix) = place.v4;
            let size = 1u32 << (32 - prefix);
            assert!(
                network.to_bits() >= free_from,
                "{place:?} overlaps the one before"
            );
            assert_eq!(network.to_bits() % size, 0, "{place:?} is not aligned");
            assert!(is_documentation(network), "{place:?}");
            free_from = network.to_bits() + size;
        }
        for (i, place) in PLACES.iter().enumerate() {
            assert_eq!(place.v6.0.segments()[..2], [0x2001, 0xdb8]);
            assert!(
                PLACES[i + 1..].iter().all(|other| other.v6 != place.v6),
                "{place:?}"
            );
        }
    }

    #[test]
    fn operators_have_documentation_numbers() {
        assert!(
            PLACES
                .iter()
                .all(|place| (64496..=64511).contains(&place.asn))
        );
    }

    #[test]
    fn hosts_stay_inside_their_range() {
        for place in PLACES {
            let size = 1u32 << (32 - place.v4.1);
            for n in [0, 1, 13, 29, 30, 1000, u32::MAX] {
                let offset = place.address(n).to_bits() - place.v4.0.to_bits();
                assert!((1..size - 1).contains(&offset), "{place:?} host {n}");
                let v6 = place.address_v6(n as u16).to_bits() ^ place.v6.0.to_bits();
                assert_eq!(v6 >> (128 - place.v6.1), 0, "{place:?} host {n}");
            }
        }
    }
}
