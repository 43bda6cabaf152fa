//! More parallel sessions than a person ever held, from different networks.

use plumbline_schemas::command::Action::{RevokeSession, StepUp};

use super::tale::{Tale, ms};
use super::{Row, Variant, operator};
use crate::catalogue::deeds::DASHBOARD;
use crate::clock::{MINUTE, SECOND};
use crate::draft::PHONE;

const NEAR: &[&str] = &["London", "Dublin", "Paris", "Birmingham", "Berlin", "Oslo"];
const FAR: &[&str] = &["Lagos", "Lima", "Tokyo", "Mumbai"];

pub(super) const ROW: Row = Row {
    id: "B6",
    variants: &[
        Variant {
            name: "networks near each other",
            accepts: &[StepUp],
            suits: operator,
            attack: |tale| many(tale, NEAR),
            twin_suits: operator,
            twin: laptop_and_phone,
        },
        Variant {
            name: "networks far from each other",
            accepts: &[StepUp, RevokeSession],
            suits: operator,
            attack: |tale| many(tale, FAR),
            twin_suits: operator,
            twin: laptop_and_phone,
        },
    ],
};

fn many(tale: &mut Tale<'_>, cities: &[&str]) -> Option<String> {
    let pattern = tale.pattern_of(tale.who, |bout| {
        bout.setting.device != PHONE && bout.work > 0
    })?;
    let start = ms(&pattern) + 5 * MINUTE;
    let mut sessions = vec![pattern.clone()];
    for (nth, city) in cities.iter().enumerate() {
        let time = start + nth as i64 * 70 * SECOND;
        let mut elsewhere = pattern.clone();
        tale.through(&mut elsewhere, city);
        let session = tale.session(&elsewhere, time);
        sessions.push(session);
        // All of them are in use.
        for (nth, session) in sessions.clone().iter().enumerate() {
            let call = tale.done(session, time + (8 + nth as i64 * 5) * SECOND, &DASHBOARD, 3);
            tale.then(call);
        }
    }
    Some(format!(
        "{} sessions at once, from as many networks",
        sessions.len()
    ))
}

fn laptop_and_phone(tale: &mut Tale<'_>) -> Option<String> {
    let laptop = tale.pattern_of(tale.who, |bout| {
        bout.setting.device != PHONE && bout.work > 0
    })?;
    let phone = tale.pattern_at(tale.who, ms(&laptop), |bout| bout.setting.device == PHONE)?;
    for nth in 0..4 {
        let time = ms(&laptop) + (4 + nth) * MINUTE;
        for (later, pattern) in [&laptop, &phone].into_iter().enumerate() {
            let call = tale.done(pattern, time + later as i64 * 9 * SECOND, &DASHBOARD, 3);
            tale.then(call);
        }
    }
    Some("laptop and phone at once".to_owned())
}
