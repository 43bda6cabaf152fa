//! Impossible travels: between which places, how fast, how odd.

use serde::{Deserialize, Serialize};

use super::model::{Cut, Who};
use super::read::{Reader, Subject, shown};
use super::world::{Spot, way};
use super::{ReportError, commands};

/// So many are in the page, those with the most bits.
const MOST: usize = 120;

/// What is on the map.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Travels {
    pub(super) places: Vec<Place>,
    pub(super) ways: Vec<Way>,
    pub(super) findings: Cut<Travel>,
}

/// A place on the map.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Place {
    name: String,
    x: f64,
    y: f64,
}

/// A way that one or several have taken, the path of an SVG.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Way {
    /// Places by their number.
    from: usize,
    to: usize,
    path: String,
    travels: u64,
    bits: f64,
    /// Whether a command stands on one of them.
    decided: bool,
    /// The highest of the lowest possible speeds.
    kmh: f64,
}

/// A finding of `impossible_travel`.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Travel {
    id: String,
    time: i64,
    #[serde(flatten)]
    who: Who,
    from: String,
    to: String,
    km: f64,
    minutes: f64,
    kmh: f64,
    bits: f64,
    severity: String,
}

#[derive(Deserialize)]
struct Finding {
    id: String,
    time: i64,
    #[serde(flatten)]
    subject: Subject,
    bits: f64,
    severity: String,
    evidence: String,
    decided: bool,
}

/// The evidence, as far as it is drawn.
#[derive(Deserialize)]
struct Evidence {
    here: End,
    there: End,
    distance_km: f64,
    minutes_apart: f64,
    lowest_speed_kmh: f64,
}

#[derive(Deserialize)]
struct End {
    place: String,
    time: plumbline_schemas::time::EventTime,
    lat: f64,
    lon: f64,
}

/// Those with the most bits first.
pub(super) fn travels(reader: &Reader<'_>) -> Result<Travels, ReportError> {
    let table = format!(
        "(SELECT * FROM {} WHERE detector = 'impossible_travel')",
        reader.findings()
    );
    let rows: Vec<Finding> = reader.rows(&format!(
        "SELECT travels.id, CAST(time AS BIGINT) AS time, tenant, identity_id AS identity, \
                identity_kind AS kind, surprise_bits AS bits, severity, evidence, \
                behind.id IS NOT NULL AS decided \
         FROM {table} travels \
         LEFT JOIN (SELECT DISTINCT unnest(reason_finding_ids) AS id FROM {commands}) behind \
           ON behind.id = travels.id \
         ORDER BY surprise_bits DESC, time, travels.id LIMIT {MOST}",
        commands = reader.commands(),
    ))?;
    let total = commands::count(reader, &table)?;
    let mut map = Map::default();
    let travels = rows.into_iter().filter_map(|row| map.add(row));
    let findings = Cut::of(travels.collect(), total);
    Ok(Travels {
        places: map.places,
        ways: map.ways,
        findings,
    })
}

#[derive(Default)]
struct Map {
    places: Vec<Place>,
    ways: Vec<Way>,
}

impl Map {
    /// A travel between places that are known; evidence of another hand may have none.
    fn add(&mut self, finding: Finding) -> Option<Travel> {
        let evidence: Evidence = serde_json::from_str(&finding.evidence).ok()?;
        let (from, to) = match evidence.there.time <= evidence.here.time {
            true => (&evidence.there, &evidence.here),
            false => (&evidence.here, &evidence.there),
        };
        let spot = |end: &End| {
            let (lat, lon) = (end.lat, end.lon);
            Some(Spot { lat, lon }).filter(|spot| spot.exists())
        };
        let (start, end) = (spot(from)?, spot(to)?);
        let (start_at, end_at) = (self.place(&from.place, start), self.place(&to.place, end));
        let (bits, kmh) = (finding.bits, evidence.lowest_speed_kmh);
        let taken = self
            .ways
            .iter_mut()
            .find(|way| (way.from, way.to) == (start_at, end_at));
        match taken {
            Some(way) => {
                way.travels += 1;
                way.bits = way.bits.max(bits);
                way.kmh = way.kmh.max(kmh);
                way.decided |= finding.decided;
            }
            None => self.ways.push(Way {
                from: start_at,
                to: end_at,
                path: way(start, end),
                travels: 1,
                bits,
                decided: finding.decided,
                kmh,
            }),
        }
        Some(Travel {
            id: shown(&finding.id),
            time: finding.time,
            who: finding.subject.shown(),
            from: shown(&from.place),
            to: shown(&to.place),
            km: evidence.distance_km,
            minutes: evidence.minutes_apart,
            kmh,
            bits,
            severity: shown(&finding.severity),
        })
    }

    /// Its number; the first one of a name and place on the map is the place.
    fn place(&mut self, name: &str, spot: Spot) -> usize {
        let name = shown(name);
        let (x, y) = spot.on_map();
        let known = self
            .places
            .iter()
            .position(|place| place.name == name && (place.x, place.y) == (x, y));
        known.unwrap_or_else(|| {
            self.places.push(Place { name, x, y });
            self.places.len() - 1
        })
    }
}
