//! A person's session, or a new one with a stolen password, is used from another continent minutes
//! after the person was at work.

use rand::RngExt as _;

use super::{Scene, city};
use crate::catalogue::apps::{self, APPS};
use crate::clock::{MINUTE, SECOND};
use crate::draft::{Act, End, FOREIGN, LAPTOP, PHONE, Setting};
use crate::profile::{Profile, Role};
use crate::random::{exponential, hash};

pub(super) fn suits(who: &Profile, _: u32) -> bool {
    matches!(who.role, Role::Person(_))
}

/// Other than by any flight: the nearest continent is further from most than this.
const FAR_KM: f64 = 5_000.0;

pub(super) fn plan(scene: &mut Scene<'_>) -> Option<String> {
    let device = if scene.variant == 2 { PHONE } else { LAPTOP };
    let at_work =
        scene.moment(|bout| bout.setting.device == device && !bout.special && bout.work >= 2)?;
    let home = at_work.setting.place;
    let place = scene.far_from(home, FAR_KM)?;
    let minutes = scene.pen.rng.random_range(4..22);
    let start = at_work.start + minutes * MINUTE;
    scene.pen.setting = Setting {
        place,
        host: scene.pen.rng.random_range(2..12),
        device: FOREIGN,
        ..at_work.setting
    };
    let how = if scene.variant == 1 {
        log_in(scene, start)
    } else {
        "the stolen session is"
    };
    let mut time = start + 40 * SECOND;
    for _ in 0..scene.pen.rng.random_range(4..12) {
        // Through the portal from top to bottom, not what the person opens.
        let object = scene.pen.rng.random_range(0..APPS.len()) as u32;
        scene.pen.write(
            time,
            Act::Okta {
                what: &apps::SSO,
                object,
            },
        );
        time += 5 * SECOND + scene.pause(70.0);
    }
    let km = scene.world.distance_km(home.into(), place.into()).round();
    Some(format!(
        "{minutes} min into work in {}, {how} used from {}, {km} km away",
        city(home),
        city(place),
    ))
}

/// A password that somebody gave away, and prompts until one is accepted.
fn log_in(scene: &mut Scene<'_>, start: i64) -> &'static str {
    let number = scene.pen.setting.session;
    scene.pen.setting.session = hash([number, u64::from(scene.who.index), 71]);
    let mut time = start;
    scene.pen.write(
        time,
        Act::Okta {
            what: &apps::SIGN_ON,
            object: 1,
        },
    );
    time += 300;
    scene.pen.write(
        time,
        Act::Okta {
            what: &apps::LOGIN,
            object: 0,
        },
    );
    let push = Act::Okta {
        what: &apps::MFA_PUSH,
        object: 0,
    };
    for _ in 0..scene.pen.rng.random_range(1..4) {
        time += 4 * SECOND + exponential(&mut scene.pen.rng, 3.0 * SECOND as f64) as i64;
        scene.pen.write_as(time, push, 0, End::Failure);
    }
    time += 5 * SECOND;
    scene.pen.write(time, push);
    "a new session is"
}
