//! The map under the travels: coast lines that the program itself holds, and the way between two places.
//!
//! Places are projected with Equal Earth (Šavrič, Patterson and Jenny, 2018), which keeps areas and looks
//! like the maps on a wall. The map is [`WIDTH`] units wide; its north is cut behind Greenland, its south
//! behind Cape Horn.

use std::fmt::Write;

use serde::Serialize;

/// The width of the map, in the units of its paths.
pub(super) const WIDTH: f64 = 1000.0;

const NORTH: f64 = 84.0;
const SOUTH: f64 = -57.0;

/// Half of the projection's width on a sphere of radius 1.
const HALF_WIDTH: f64 = 2.706_629_977_696_76;

const COAST: &str = include_str!("page/coast.txt");

/// A way is drawn as so many straight pieces.
const PIECES: u32 = 48;

/// What is drawn under the travels.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct World {
    width: f64,
    height: f64,
    /// The edge of the map, as the path of an SVG.
    edge: String,
    /// The land.
    land: String,
}

/// A place on Earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) lat: f64,
    pub(super) lon: f64,
}

impl World {
    pub(super) fn draw() -> Self {
        let mut land = String::with_capacity(COAST.len());
        for ring in rings() {
            trace(&mut land, ring.into_iter().map(Spot::on_map));
            land.push('Z');
        }
        let mut edge = String::new();
        let side = |lon: f64| {
            let steps = (SOUTH as i16..=NORTH as i16).step_by(3);
            steps.map(move |lat| Spot {
                lat: f64::from(lat),
                lon,
            })
        };
        trace(
            &mut edge,
            side(-180.0).chain(side(180.0).rev()).map(Spot::on_map),
        );
        edge.push('Z');
        let height = Spot {
            lat: SOUTH,
            lon: 0.0,
        }
        .on_map()
        .1;
        Self {
            width: WIDTH,
            height: rounded(height),
            edge,
            land,
        }
    }
}

impl Spot {
    /// Whether there is such a place.
    pub(super) fn exists(self) -> bool {
        self.lat.abs() <= 90.0 && self.lon.abs() <= 180.0
    }

    /// Where it is on the map: to the right and down from the upper left corner.
    pub(super) fn on_map(self) -> (f64, f64) {
        let scale = WIDTH / (2.0 * HALF_WIDTH);
        let (x, y) = self.projected();
        let (_, top) = Self {
            lat: NORTH,
            lon: 0.0,
        }
        .projected();
        (rounded(WIDTH / 2.0 + x * scale), rounded((top - y) * scale))
    }

    /// Equal Earth on a sphere of radius 1.
    fn projected(self) -> (f64, f64) {
        const A: [f64; 4] = [1.340_264, -0.081_106, 0.000_893, 0.003_796];
        let slope = 3.0_f64.sqrt() / 2.0;
        let theta = (slope * self.lat.to_radians().sin()).asin();
        let (square, sixth) = (theta * theta, theta.powi(6));
        let across = A[0] + 3.0 * A[1] * square + sixth * (7.0 * A[2] + 9.0 * A[3] * square);
        let x = self.lon.to_radians() * theta.cos() / (slope * across);
        let y = theta * (A[0] + A[1] * square + sixth * (A[2] + A[3] * square));
        (x, y)
    }

    fn direction(self) -> [f64; 3] {
        let (lat, lon) = (self.lat.to_radians(), self.lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    }

    fn of_direction([x, y, z]: [f64; 3]) -> Self {
        Self {
            lat: z.atan2(x.hypot(y)).to_degrees(),
            lon: y.atan2(x).to_degrees(),
        }
    }
}

/// The shortest way over the sphere as the path of an SVG. Where it leaves the map at one side it comes
/// in again at the other.
pub(super) fn way(from: Spot, to: Spot) -> String {
    let (start, end) = (from.direction(), to.direction());
    let cosine: f64 = start.iter().zip(end).map(|(a, b)| a * b).sum();
    let angle = cosine.clamp(-1.0, 1.0).acos();
    let mut path = String::new();
    let mut piece: Vec<Spot> = Vec::new();
    for step in 0..=PIECES {
        let share = f64::from(step) / f64::from(PIECES);
        let spot = match step {
            0 => from,
            PIECES => to,
            // Neighbours, or opposite ends of the Earth, between which every way is the shortest.
            _ if angle.sin() < 1e-6 => continue,
            _ => {
                let (a, b) = (((1.0 - share) * angle).sin(), (share * angle).sin());
                let mixed = [0, 1, 2].map(|axis| (a * start[axis] + b * end[axis]) / angle.sin());
                Spot::of_direction(mixed)
            }
        };
        if piece
            .last()
            .is_some_and(|last| (last.lon - spot.lon).abs() > 180.0)
        {
            trace(&mut path, piece.drain(..).map(Spot::on_map));
        }
        piece.push(spot);
    }
    trace(&mut path, piece.into_iter().map(Spot::on_map));
    path
}

/// The coast lines in degrees.
fn rings() -> impl Iterator<Item = Vec<Spot>> {
    let lines = COAST.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (mut lon, mut lat) = (0.0, 0.0);
        let steps = line.split(' ').filter_map(|step| step.split_once(','));
        let steps =
            steps.filter_map(|(x, y)| Some((x.parse::<i32>().ok()?, y.parse::<i32>().ok()?)));
        let spots = steps.map(|(x, y)| {
            lon += f64::from(x) / 10.0;
            lat += f64::from(y) / 10.0;
            Spot { lat, lon }
        });
        spots.collect()
    })
}

/// Adds a line through these points to a path, in steps from each to the next.
fn trace(path: &mut String, points: impl Iterator<Item = (f64, f64)>) {
    let tenths = |(x, y): (f64, f64)| ((x * 10.0).round() as i64, (y * 10.0).round() as i64);
    let mut last = None;
    for (x, y) in points.map(tenths) {
        let (command, x_step, y_step) = match last {
            None => ('M', x, y),
            Some(last) if last == (x, y) => continue,
            Some((last_x, last_y)) => ('l', x - last_x, y - last_y),
        };
        last = Some((x, y));
        // A string takes all that is written to it.
        let _ = write!(path, "{command}{},{}", shown(x_step), shown(y_step));
    }
}

/// A number of tenths, without a zero that says nothing.
fn shown(tenths: i64) -> String {
    let (sign, size) = (if tenths < 0 { "-" } else { "" }, tenths.unsigned_abs());
    match size % 10 {
        0 => format!("{sign}{}", size / 10),
        tenth => format!("{sign}{}.{tenth}", size / 10),
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const OSLO: Spot = Spot {
        lat: 59.91,
        lon: 10.75,
    };
    const LIMA: Spot = Spot {
        lat: -12.05,
        lon: -77.04,
    };
    const TOKYO: Spot = Spot {
        lat: 35.68,
        lon: 139.69,
    };
    const LOS_ANGELES: Spot = Spot {
        lat: 34.05,
        lon: -118.24,
    };

    /// By the number of edges to the east of it.
    fn is_land(spot: Spot) -> bool {
        let crossings = rings().map(|ring| {
            let next = ring.iter().cycle().skip(1);
            let east = ring.iter().zip(next).filter(|(a, b)| {
                let between = (a.lat > spot.lat) != (b.lat > spot.lat);
                between && {
                    let share = (spot.lat - a.lat) / (b.lat - a.lat);
                    a.lon + share * (b.lon - a.lon) > spot.lon
                }
            });
            east.count()
        });
        crossings.sum::<usize>() % 2 == 1
    }

    #[test]
    fn cities_stand_on_land_and_the_open_sea_is_none() {
        let spot = |lat, lon| Spot { lat, lon };
        for city in [
            spot(48.86, 2.35),
            spot(55.75, 37.62),
            spot(39.1, -94.58),
            spot(-15.79, -47.88),
            spot(-26.2, 28.05),
            spot(28.61, 77.21),
            spot(-25.3, 133.8),
        ] {
            assert!(is_land(city), "{city:?}");
        }
        for sea in [
            spot(30.0, -40.0),
            spot(0.0, -150.0),
            spot(-30.0, 80.0),
            spot(38.0, 18.0),
        ] {
            assert!(!is_land(sea), "{sea:?}");
        }
    }

    #[test]
    fn places_are_where_the_projection_has_them() {
        let world = World::draw();
        assert_eq!(Spot { lat: 0.0, lon: 0.0 }.on_map().0, 500.0);
        assert_eq!(
            Spot {
                lat: 0.0,
                lon: 180.0
            }
            .on_map()
            .0,
            1000.0
        );
        for spot in [OSLO, LIMA, TOKYO, LOS_ANGELES] {
            let (x, y) = spot.on_map();
            assert!(
                (0.0..=WIDTH).contains(&x) && (0.0..=world.height).contains(&y),
                "{spot:?}"
            );
        }
    }

    #[test]
    fn areas_are_kept() {
        // Of the strip from one parallel to the next.
        let area = |lat: f64| {
            let edge = |lat| Spot { lat, lon: 180.0 }.projected();
            let (x, _) = edge(lat + 0.5);
            let (low, high) = (edge(lat).1, edge(lat + 1.0).1);
            x * (high - low)
        };
        let on_sphere = |lat: f64| (lat + 1.0).to_radians().sin() - lat.to_radians().sin();
        for lat in [0.0, 20.0, 45.0, 70.0, 82.0] {
            let ratio = area(lat) / on_sphere(lat) * on_sphere(0.0) / area(0.0);
            assert!((ratio - 1.0).abs() < 0.001, "{lat}: {ratio}");
        }
    }

    #[test]
    fn a_way_begins_and_ends_at_its_places_and_may_leave_the_map_at_its_side() {
        let path = way(OSLO, LIMA);
        let (x, y) = OSLO.on_map();
        assert!(path.starts_with(&format!("M{x},{y}l")), "{path}");
        assert_eq!(path.matches('M').count(), 1);
        assert_eq!(way(TOKYO, LOS_ANGELES).matches('M').count(), 2);
        assert_eq!(way(OSLO, OSLO).matches('M').count(), 1);
        let opposite = Spot {
            lat: -59.91,
            lon: -169.25,
        };
        assert!(!way(OSLO, opposite).contains("NaN"));
    }

    #[test]
    fn the_map_is_small() {
        let world = World::draw();
        assert!(world.land.len() < 40_000, "{}", world.land.len());
        assert!(!world.land.contains("NaN"));
    }
}
