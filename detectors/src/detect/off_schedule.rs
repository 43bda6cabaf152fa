//! `off_schedule`: a run outside the schedule.
//!
//! **Catches** a job's account that is used when the job does not run (T1053, T1078.004). It is asked before
//! it goes on.
//!
//! **Model.** Hours of the day and days of the week on which a machine ran (`profile/schedule.rs`), UTC;
//! the hour beside a usual one is usual, which covers jitter and summer time. Bits are −log2 of the chance
//! that a day brings another hour, (1/2) / (days + 1), or that so many runs have all missed a day of the week by
//! chance, (days of the week with a run / 7)^days. A time that was asked about on three days, with nothing else odd, is
//! usual from then on: a job was moved, or has a run more. **Evidence:** the hour, the usual hours, days.
//! **Configuration:** mode only. **Blind spots:** who runs around the clock, or more than
//! fourteen hours on end; the first eight days, of one run a day the first five, of one a week the first four weeks.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::profile::habits::{Trait, off_hours};
use crate::profile::hour;
use crate::profile::schedule::Outside;
use crate::signal::{Demand, Signal};
use crate::units::Bits;

const TECHNIQUE: &[&str] = &["T1053", "T1078.004"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    // That a credential is replaced is no run.
    if !moment.is_machine() || moment.was_refused() || moment.class == ActionClass::TokenRotate {
        return None;
    }
    let schedule = &subject.profile.schedule;
    let outside = schedule.outside(moment.time(), subject.profile.landmark)?;
    let [of_day, of_week] = off_hours(moment.time());
    let key = match outside {
        Outside::Hours(_) => of_day,
        Outside::Weekday(_) => of_week,
    };
    let habits = &subject.profile.habits;
    if habits.is_known(Trait::OffHour, key, moment.time()) {
        return None;
    }
    let (days, now) = (schedule.days(), hour(moment.time()) % 24);
    let usual = schedule.usual_hours();
    let told: Vec<String> = usual.iter().map(|at| format!("{at:02}")).collect();
    let told = told.join(", ");
    let (bits, formula) = match outside {
        Outside::Hours(_) => {
            let chance = 0.5 / (f64::from(days) + 1.0);
            (Bits::of_chance(chance), "bits = -log2((1/2) / (days + 1))")
        }
        Outside::Weekday(bits) => (bits.clamped(), "bits = -log2((days of the week with a run / 7)^days)"),
    };
    let (summary, silent) = match outside {
        Outside::Hours(apart) => (
            format!("a run at {now:02} h UTC, {apart} h from any usual hour ({told})"),
            format!("it had run within an hour of {told} h UTC"),
        ),
        Outside::Weekday(_) => (
            format!("a run on a day of the week without any in {days} days"),
            "it had run on this day of the week before".to_owned(),
        ),
    };
    let evidence = json!({
        "hour_utc": now, "usual_hours_utc": usual, "days": days,
        "formula": formula, "silent_if": silent,
    });
    let signal = Signal::rule(
        DetectorId::OffSchedule,
        Demand::of(Action::StepUp),
        TECHNIQUE,
        summary,
        evidence,
    );
    Some(signal.weighing(bits))
}
