//! `data_extraction`: more data than ever leaves.
//!
//! **Catches** an export of everything with a session that usually takes little (T1530, T1567). The session
//! ends; somebody's first export of its kind is asked about, unless it is fifty times the largest hour, and so is
//! the first that closes a month, unless it is ten times.
//!
//! Many small calls that take what they always take are a peak, of which `call_volume` speaks, unless they are
//! other calls than usual too. Of somebody who is known for less than five days no session ends: whoever takes
//! fifty times the largest hour is asked.
//!
//! Where nothing was ever stated of what an identity takes, and it has been known for five days, what is out of all
//! proportion for anybody is.
//!
//! **Model.** Log-normal bytes and records of an active hour, or how far beyond the largest there was (`profile/data.rs`); four times the largest
//! hour of the days before at least. **Evidence:** amount, typical and largest hour, deviation, hours.
//! **Configuration:** mode only. **Blind spots:** a slow drip; the first eight hours with amounts, but for the very
//! first; sources that state none.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use serde_json::json;

use super::call_volume::{ANOTHER_MIX_BITS, LEAST_MIXED_CALLS};
use super::{DetectorId, Moment, Subject};
use crate::profile::data::Surplus;
use crate::signal::{Alone, Demand, Signal, evidence};
use crate::units::round_to;

/// So much beyond a finding, and the session ends.
const REVOKE_BEYOND_BITS: f64 = 3.0;
/// Where calls take what they always take, there are only more of them: `call_volume` speaks of that.
const PER_CALL: f64 = 3.0;
/// Less than this is nothing to end a session for, however unusual.
const LEAST_BYTES: u64 = 16 << 20;
const LEAST_RECORDS: u64 = 1000;
/// Before so many days nobody knows what is usual for somebody.
const SETTLED_DAYS: u16 = 5;
/// A first export is asked about up to so many times the largest hour.
const FIRST_EXPORT: f64 = 50.0;
/// So is the first that closes a month, up to so many times,
const FIRST_CLOSE: f64 = 10.0;
/// of somebody who has not been seen at the end of a month.
const MONTH_MS: i64 = 31 * 86_400_000;
/// A month is closed in its last and first days.
const CLOSE_DAYS: i8 = 3;

const TECHNIQUE: &[&str] = &["T1530", "T1567"];

/// Whether it is the first closing of a month by somebody who exports as ever.
fn is_first_close(moment: &Moment<'_>, subject: &Subject<'_>, surplus: &Surplus) -> bool {
    let is_habit = moment.class == ActionClass::Export
        && subject.profile.scope.days(moment.endpoint, moment.time()) > 0
        && subject.profile.landmark.is_within(MONTH_MS, moment.time());
    let date = Timestamp::from_millisecond(moment.time().as_millis())
        .map(|time| time.to_zoned(TimeZone::UTC).date());
    let closes = date.is_ok_and(|date| {
        date.day() <= CLOSE_DAYS || date.day() > date.days_in_month() - CLOSE_DAYS
    });
    is_habit && closes && (surplus.amount as f64) < FIRST_CLOSE * surplus.largest as f64
}

/// Whether the calls of the burst are others than usual.
fn is_another_mix(moment: &Moment<'_>, subject: &Subject<'_>) -> bool {
    let sequence = &subject.profile.sequence;
    let usual = |symbol| sequence.share(symbol, moment.weight);
    subject.profile.volume.burst().is_some_and(|burst| {
        burst.calls >= LEAST_MIXED_CALLS && burst.shift(usual) >= ANOTHER_MIX_BITS
    })
}

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if !moment.succeeded() {
        return None;
    }
    let surplus = subject.profile.data.surplus(moment.event)?;
    if !moment.may_count(surplus.bits) {
        return None;
    }
    let days = subject.profile.earlier_days(moment.time());
    let settled = days >= SETTLED_DAYS;
    // Of somebody new nothing has been stated yet.
    if surplus.hours == 0 && !settled {
        return None;
    }
    let massive = (surplus.amount as f64) >= FIRST_EXPORT * surplus.largest as f64;
    let clear = surplus.bits.0 >= moment.threshold.0 + REVOKE_BEYOND_BITS
        && surplus.amount >= if surplus.unit == "bytes" { LEAST_BYTES } else { LEAST_RECORDS }
        && (surplus.per_call >= PER_CALL || is_another_mix(moment, subject))
        && (settled || days > 0 && massive);
    // Somebody's first export is large by nature.
    let first = moment.class == ActionClass::Export
        && !subject.profile.scope.is_usual(moment.endpoint)
        && (surplus.amount as f64) < FIRST_EXPORT * surplus.largest as f64;
    let action = match !settled || first || is_first_close(moment, subject, &surplus) {
        true => Action::StepUp,
        false => Action::RevokeSession,
    };
    let unit = surplus.unit;
    let (silent_if, formula) = match surplus.hours {
        0 => (
            format!("it had taken as many {unit} before, or not out of all proportion"),
            "z = (ln amount - ln typical) / deviation, both those of anybody; bits = -log2 P(Z ≥ z) - 1",
        ),
        _ => (
            format!("fewer than {} {unit} had left in the hour", 4 * surplus.largest),
            match surplus.is_beside_largest {
                true => "bits = log2(hours + 1) + 3·log2(amount / largest_hour) - 1",
                false => "z = (ln amount - ln typical) / (deviation·√(1 + 1/hours)); bits = -log2 P(Z ≥ z) - 1",
            },
        ),
    };
    let times = round_to(surplus.amount as f64 / surplus.typical.max(1.0), 0);
    Some(Signal {
        detector: DetectorId::DataExtraction,
        bits: surplus.bits,
        alone: Alone::Finding,
        demand: clear.then(|| Demand::of(action)),
        is_notable: false,
        technique: TECHNIQUE,
        summary: format!(
            "{} {unit} in an hour, {times} times the usual {}; the largest hour had {}",
            surplus.amount,
            round_to(surplus.typical, 0),
            surplus.largest
        ),
        evidence: evidence(json!({
            "unit": unit, "amount_in_hour": surplus.amount, "typical_hour": round_to(surplus.typical, 1),
            "largest_hour": surplus.largest, "hours": surplus.hours,
            "times_the_usual_of_a_call": round_to(surplus.per_call, 1),
            "deviation_of_logarithm": round_to(surplus.deviation, 2),
            "formula": formula,
            "silent_if": silent_if,
        })),
        other_events: Vec::new(),
    })
}
