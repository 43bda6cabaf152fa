//! Where events come from: cities with several providers, regions of a cloud.

use serde_json::{Value, json};

use crate::Dice;

/// A network at a place.
#[derive(Clone, Debug)]
pub struct Place {
    /// City.
    pub city: &'static str,
    country: &'static str,
    lat: f64,
    lon: f64,
    asn: i64,
    org: String,
    net: String,
    accuracy_km: i64,
    /// Region of the cloud, where it is one.
    pub region: Option<&'static str>,
    anonymizer: Option<&'static str>,
}

/// Name, city, country, latitude, longitude.
type Region = (&'static str, &'static str, &'static str, f64, f64);

/// Where people live.
const CITIES: [(&str, &str, f64, f64); 6] = [
    ("London", "GB", 51.51, -0.13),
    ("Oslo", "NO", 59.91, 10.75),
    ("Chicago", "US", 41.88, -87.63),
    ("Lyon", "FR", 45.76, 4.84),
    ("Warsaw", "PL", 52.23, 21.01),
    ("Toronto", "CA", 43.65, -79.38),
];

/// Far from every one of `CITIES` and of `REGIONS_NEAR`.
const FAR_CITIES: [(&str, &str, f64, f64); 4] = [
    ("Lima", "PE", -12.05, -77.04),
    ("Jakarta", "ID", -6.21, 106.85),
    ("Lagos", "NG", 6.52, 3.38),
    ("Auckland", "NZ", -36.85, 174.76),
];

/// Pairs of regions that fail over to each other.
const REGIONS_NEAR: [[Region; 2]; 3] = [
    [
        ("eu-west-1", "Dublin", "IE", 53.35, -6.26),
        ("eu-west-2", "London", "GB", 51.51, -0.13),
    ],
    [
        ("us-east-1", "Ashburn", "US", 39.04, -77.49),
        ("us-east-2", "Columbus", "US", 39.96, -83.0),
    ],
    [
        ("eu-central-1", "Frankfurt", "DE", 50.11, 8.68),
        ("eu-north-1", "Stockholm", "SE", 59.33, 18.07),
    ],
];

/// Far from every one of `REGIONS_NEAR`.
const REGIONS_FAR: [Region; 3] = [
    ("ap-southeast-1", "Singapore", "SG", 1.35, 103.82),
    ("sa-east-1", "Sao Paulo", "BR", -23.55, -46.63),
    ("ap-northeast-1", "Tokyo", "JP", 35.68, 139.69),
];

/// A city's number, for `Place::at_home`.
pub fn any_city(dice: &mut Dice) -> usize {
    dice.between(0, CITIES.len() as i64 - 1) as usize
}

fn city(row: (&'static str, &'static str, f64, f64), net: usize, provider: usize) -> Place {
    let (city, country, lat, lon) = row;
    Place {
        city,
        country,
        lat,
        lon,
        asn: 3000 + 50 * net as i64 + provider as i64,
        org: format!("{city} Net {provider}"),
        net: format!("{}.{}.7", 80 + net, 20 + provider),
        accuracy_km: 20,
        region: None,
        anonymizer: None,
    }
}

fn region(row: Region, net: usize, provider: usize) -> Place {
    let (region, name, country, lat, lon) = row;
    let place = city((name, country, lat, lon), 40 + net, provider);
    Place {
        asn: 16_500 + provider as i64,
        org: format!("Cloud {provider}"),
        accuracy_km: 50,
        region: Some(region),
        ..place
    }
}

impl Place {
    /// A provider in a city of people; providers are numbered from 0.
    pub fn at_home(number: usize, provider: usize) -> Self {
        city(CITIES[number], number, provider)
    }

    /// A city on another continent than most.
    pub fn far_away(dice: &mut Dice) -> Self {
        let number = dice.between(0, FAR_CITIES.len() as i64 - 1) as usize;
        city(FAR_CITIES[number], 20 + number, 0)
    }

    /// Two regions of one cloud, near each other.
    pub fn region_pair(dice: &mut Dice) -> [Self; 2] {
        let number = dice.between(0, REGIONS_NEAR.len() as i64 - 1) as usize;
        [0, 1].map(|side| region(REGIONS_NEAR[number][side], 2 * number + side, 0))
    }

    /// A region of the same cloud on another continent.
    pub fn far_region(dice: &mut Dice) -> Self {
        let number = dice.between(0, REGIONS_FAR.len() as i64 - 1) as usize;
        region(REGIONS_FAR[number], 10 + number, 0)
    }

    /// The same spot on Earth, behind another provider.
    pub fn behind_another_provider(&self, provider: usize) -> Self {
        Self {
            asn: self.asn + 700 + provider as i64,
            org: format!("{} Other {provider}", self.city),
            net: format!("{}.{}.9", 150 + provider, self.asn % 250),
            region: None,
            ..self.clone()
        }
    }

    /// The same country, behind what hides the true address: no coordinates are known then.
    pub fn behind_an_anonymizer(&self, word: &'static str) -> Self {
        Self {
            anonymizer: Some(word),
            ..self.behind_another_provider(60)
        }
    }

    /// The first three numbers of its addresses.
    pub fn prefix(&self) -> &str {
        &self.net
    }

    /// As an event's `network`, with this last number of the address.
    pub fn network(&self, host: i64) -> Value {
        let mut network = json!({
            "ip": format!("{}.{}", self.net, host.rem_euclid(254) + 1),
            "country": self.country, "asn": self.asn, "as_org": self.org,
        });
        match self.anonymizer {
            Some(word) => network["anonymizer"] = json!(word),
            None => {
                network["city"] = json!(self.city);
                network["lat"] = json!(self.lat);
                network["lon"] = json!(self.lon);
                network["accuracy_km"] = json!(self.accuracy_km);
            }
        }
        network
    }
}
