//! How much data leaves with an identity in an hour.
//!
//! Model: the logarithm of the bytes (or records) of an active hour is normal, with the mean and
//! deviation of the identity's own active hours, the deviation never below [`LEAST_DEVIATION`], and the
//! predictive inflation of a short history: z = (ln x − μ) / (σ·√(1 + 1/n)). Bits are −log2 of the upper
//! tail of the normal distribution at z, less one for looking at bytes and at records. Who exports now and then has hours of
//! two sorts, which no normal distribution fits: of n hours another one is the largest with a chance of 1/(n + 1), and beyond
//! it a Pareto tail is taken, (x / largest)^−3. What surprises more counts. Weights do not
//! decay, because a month-end export is usual even though it is rare; the largest hour of the days before is remembered.
//!
//! Of an identity that has never taken anything that was stated, the prior is that of anybody: a mebibyte or a hundred
//! records an hour, and [`PRIOR_DEVIATION`].
//!
//! An hour in which something was suspect is held back. Whoever clears the session that was suspected lets
//! it be learnt. What was only asked about, or ended a session or a credential, with nothing else odd, is learnt on the
//! third day of it; or after [`PASSED_HOURS`] in which nothing followed and nobody called it an attack: the next end of a
//! month is like the last one.

use plumbline_schemas::event::{Event, Outcome};
use statrs::function::erf::erfc;

use super::hour;
use crate::alone::Only;
use crate::shared::Amounts;
use crate::state::codec::stored;
use crate::units::Bits;

/// Deviation of the logarithm that any identity may have: a factor of 2 at one deviation.
const LEAST_DEVIATION: f64 = 0.7;
/// Deviation of the logarithm among identities: a factor of six.
const PRIOR_DEVIATION: f64 = 1.8;
const PRIOR_BYTES: f64 = 1_048_576.0;
const PRIOR_RECORDS: f64 = 100.0;
/// No key of a session: those are odd.
const SEVERAL: u32 = 2;
/// Hours of history before anything is said.
const LEAST_HOURS: u32 = 8;
/// What was only asked about is usual when nothing else was suspect for so long.
pub(crate) const PASSED_HOURS: u32 = 20 * 24;
/// So it is on this day of it.
const ASKED_DAYS: u8 = 3;
/// What peers take too is theirs up to so many times the most that one of their calls took, or the largest own hour.
const LIKE_PEERS: u64 = 10;
const NOT_THEIRS: u64 = u64::MAX;
/// Less than so many times the largest hour of any day before is growth.
const BEYOND_LARGEST: f64 = 4.0;
/// Exponent of the tail beyond the largest hour: mean and variance are finite.
const LARGEST_TAIL: f64 = 3.0;

/// Hourly sums of one quantity.
#[derive(Clone, Copy, Debug, Default)]
struct Hourly {
    now: u64,
    calls: u32,
    /// Of all hours that were learnt.
    all: f32,
    all_calls: f32,
    largest: u64,
    hours: u32,
    mean: f32,
    squares: f32,
    /// Of the last hour that was held back; as exact as the model, to seven digits.
    held: f32,
    held_calls: u32,
    /// Of the hour that is open: what was taken as peers take it.
    of_peers: u64,
    /// The largest before today: what grows from hour to hour does not excuse itself.
    largest_before: u64,
}
stored!(Hourly {
    now,
    calls,
    all,
    all_calls,
    largest,
    hours,
    mean,
    squares,
    held,
    held_calls,
    of_peers: since 2,
    largest_before: since 4
});

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    hour: u32,
    bytes: Hourly,
    records: Hourly,
    /// The session for which the hour is not to be learnt, 0 if it is, [`SEVERAL`] if no single one can clear it.
    suspected: u32,
    /// Whether it is for a question only, and nothing else was odd.
    only_asked: bool,
    /// Whether a session or a credential was ended for it, and nothing else was odd.
    only_ended: bool,
    /// The session for which the last hour was held back,
    held_for: u32,
    /// and which it was, where it is to be learnt some day although nobody cleared it; else 0.
    asked_hour: u32,
    /// Days with such hours, one after the other.
    asked_days: u8,
    /// What version 1 of the encoding has here.
    hushed: (),
}
stored!(Sums {
    hour,
    bytes,
    records,
    suspected,
    only_asked,
    only_ended: since 2,
    held_for,
    asked_hour,
    asked_days,
    hushed: via hushed,
});

mod hushed {
    use crate::state::codec::{Damaged, Reader, Stored, Writer};

    pub(super) fn put((): &(), _: &mut Writer<'_>) {}

    pub(super) fn take(from: &mut Reader<'_, '_>) -> Result<(), Damaged> {
        if from.version() < 2 {
            bool::take(from)?;
        }
        Ok(())
    }
}

/// The data of one identity; nothing for those whose logs do not say.
#[derive(Debug, Default)]
pub(crate) struct DataProfile(Option<Box<Sums>>);
stored!(DataProfile(..));

/// More data than usual, with the numbers to check it by hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surplus {
    pub(crate) unit: &'static str,
    pub(crate) bits: Bits,
    pub(crate) amount: u64,
    pub(crate) typical: f64,
    pub(crate) largest: u64,
    pub(crate) hours: u32,
    pub(crate) deviation: f64,
    /// Whether it is the largest hour that it surprises beside, and not the typical one.
    pub(crate) is_beside_largest: bool,
    /// How much more a call takes than usual.
    pub(crate) per_call: f64,
}

impl DataProfile {
    /// Counts what an event says that left; with the most that a call of peers took where they do the same, and it
    /// is new to this identity alone.
    pub(crate) fn count(&mut self, event: &Event<'_>, peers_take: Option<Amounts>) {
        let (bytes, records) = (event.action.bytes_out, event.action.records);
        let left = bytes.unwrap_or(0).max(records.unwrap_or(0));
        if left == 0 || event.outcome() != Outcome::Success {
            return;
        }
        let sums = self.0.get_or_insert_default();
        let this_hour = hour(event.time);
        if this_hour > sums.hour {
            sums.close();
            if this_hour / 24 > sums.hour / 24 {
                sums.begin_day();
            }
            sums.hour = this_hour;
            sums.let_pass(this_hour);
        }
        // What comes late is counted with the hour that is open.
        sums.bytes.add(bytes, peers_take.map(|[bytes, _]| bytes));
        sums.records
            .add(records, peers_take.map(|[_, records]| records));
    }

    /// What was counted may not become usual before this session is cleared.
    pub(crate) fn suspect(&mut self, session: u32, only: Only) {
        if let Some(sums) = &mut self.0 {
            let begins = sums.suspected == 0;
            sums.only_ended = (only.is_ended || only.asked != 0 && sums.only_ended)
                && (begins || sums.only_ended || sums.only_asked);
            sums.only_asked = only.asked != 0 && (begins || sums.only_asked);
            sums.suspected = match sums.suspected {
                0 => session,
                other if other == session => session,
                _ => SEVERAL,
            };
        }
    }

    /// The session was an attack: what was held back for it never becomes usual.
    pub(crate) fn condemn(&mut self, session: u32) {
        let Some(sums) = &mut self.0 else { return };
        if sums.suspected == session {
            sums.suspected = SEVERAL;
        }
        if sums.held_for == session {
            (sums.held_for, sums.asked_hour, sums.asked_days) = (0, 0, 0);
        }
    }

    /// The session is cleared: what was held back for it is usual.
    pub(crate) fn release(&mut self, session: u32) {
        let Some(sums) = &mut self.0 else { return };
        if sums.suspected == session {
            sums.suspected = 0;
        }
        if sums.held_for == session {
            sums.release();
        }
    }

    /// What is unusual in the hour of an event that took data with it.
    pub(crate) fn surplus(&self, event: &Event<'_>) -> Option<Surplus> {
        let sums = self.0.as_ref()?;
        let (bytes, records) = (event.action.bytes_out, event.action.records);
        let bytes = sums
            .bytes
            .is_part(bytes)
            .then(|| sums.bytes.surplus("bytes", PRIOR_BYTES));
        let records = sums
            .records
            .is_part(records)
            .then(|| sums.records.surplus("records", PRIOR_RECORDS));
        let both = [bytes, records].into_iter().flatten().flatten();
        both.max_by(|a, b| a.bits.0.total_cmp(&b.bits.0))
    }

    pub(crate) fn warm(&self) -> u32 {
        self.0
            .as_ref()
            .map_or(0, |sums| sums.hour ^ sums.bytes.hours ^ sums.records.hours)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<Sums>())
    }
}

impl Sums {
    fn close(&mut self) {
        if self.suspected == 0 {
            self.bytes.close();
            self.records.close();
        } else {
            let goes_on = self.suspected == self.held_for;
            let [bytes, records] =
                [&mut self.bytes, &mut self.records].map(|sums| sums.hold(goes_on));
            self.held_for = self.suspected;
            self.ask(bytes || records);
        }
        (self.suspected, self.only_asked, self.only_ended) = (0, false, false);
    }

    fn begin_day(&mut self) {
        for sums in [&mut self.bytes, &mut self.records] {
            sums.largest_before = sums.largest;
        }
    }

    /// Remembers whether the hour that was held back was all that was odd. On the third day of as much it is usual.
    fn ask(&mut self, is_as_much: bool) {
        if !self.only_asked && !self.only_ended {
            (self.asked_hour, self.asked_days) = (0, 0);
            return;
        }
        // What follows under the command that was given is not it again.
        if !is_as_much {
            return;
        }
        if self.hour / 24 > self.asked_hour / 24 {
            self.asked_days = self.asked_days.saturating_add(1);
        }
        self.asked_hour = self.hour;
        if self.asked_days >= ASKED_DAYS {
            self.release();
        }
    }

    fn release(&mut self) {
        (self.held_for, self.asked_hour, self.asked_days) = (0, 0, 0);
        self.bytes.release();
        self.records.release();
    }

    /// What was asked about long ago, without anything that followed, is learnt.
    fn let_pass(&mut self, now: u32) {
        if self.asked_hour != 0 && now >= self.asked_hour.saturating_add(PASSED_HOURS) {
            self.release();
        }
    }
}

impl Hourly {
    fn add(&mut self, amount: Option<u64>, peers_take: Option<u64>) {
        let Some(amount) = amount.filter(|amount| *amount > 0) else {
            return;
        };
        self.now = self.now.saturating_add(amount);
        self.calls = self.calls.saturating_add(1);
        if let Some(most) = peers_take {
            let of_peers = self.of_peers.saturating_add(amount);
            let most = most.max(self.largest).saturating_mul(LIKE_PEERS);
            // Out of all proportion it is theirs no more, nor is what was before.
            self.of_peers = if of_peers <= most {
                of_peers
            } else {
                NOT_THEIRS
            };
        }
    }

    /// What left in the hour that is open, but for what peers take too.
    fn amount(&self) -> u64 {
        match self.of_peers {
            NOT_THEIRS => self.now,
            of_peers => self.now.saturating_sub(of_peers),
        }
    }

    /// Whether this call takes about as much as the calls of the hour do: a small one after a large one has
    /// taken nothing out.
    fn is_part(&self, amount: Option<u64>) -> bool {
        let of_call = self.now / u64::from(self.calls.max(1));
        amount.is_some_and(|amount| amount > 0 && amount >= of_call / 2)
    }

    fn close(&mut self) {
        self.learn(self.now as f32, self.calls);
        self.largest = self.largest.max(self.now);
        (self.now, self.calls, self.of_peers) = (0, 0, 0);
    }

    /// Of the hours that one session is suspected for, the largest counts: it goes on as if nothing had been. Whether
    /// about as much was taken as in what was held back before.
    fn hold(&mut self, goes_on: bool) -> bool {
        let is_as_much = self.now > 0 && self.now as f32 >= self.held / 2.0;
        if !goes_on || self.now as f32 > self.held {
            (self.held, self.held_calls) = (self.now as f32, self.calls);
        }
        (self.now, self.calls, self.of_peers) = (0, 0, 0);
        is_as_much
    }

    fn release(&mut self) {
        self.learn(self.held, self.held_calls);
        self.largest = self.largest.max(self.held as u64);
        // Somebody has vouched for it, or it is long ago.
        self.largest_before = self.largest_before.max(self.held as u64);
    }

    /// What is to be exceeded by far: of the first day there is none before it.
    fn largest_usual(&self) -> u64 {
        match self.largest_before {
            0 => self.largest,
            before => before,
        }
    }

    /// Welford's update of mean and sum of squares.
    fn learn(&mut self, amount: f32, calls: u32) {
        if amount == 0.0 {
            return;
        }
        let x = amount.ln();
        self.hours = self.hours.saturating_add(1);
        // As if the last 1000 hours were all: the mean follows what grows slowly.
        let n = self.hours.min(1000) as f32;
        let delta = x - self.mean;
        self.mean += delta / n;
        let kept = if self.hours > 1000 {
            1.0 - 1.0 / n
        } else {
            1.0
        };
        self.squares = self.squares * kept + delta * (x - self.mean);
        self.all += amount;
        self.all_calls += calls as f32;
    }

    fn surplus(&self, unit: &'static str, prior: f64) -> Option<Surplus> {
        let amount = self.amount();
        if self.hours == 0 {
            let z = (amount as f64 / prior).ln() / PRIOR_DEVIATION;
            return (amount as f64 > prior).then(|| Surplus {
                unit,
                bits: bits_of(z),
                amount,
                typical: prior,
                largest: 0,
                hours: 0,
                deviation: PRIOR_DEVIATION,
                is_beside_largest: false,
                per_call: amount as f64 / prior,
            });
        }
        if self.hours < LEAST_HOURS
            || (amount as f64) < BEYOND_LARGEST * self.largest_usual() as f64
        {
            return None;
        }
        let n = f64::from(self.hours.min(1000));
        let deviation = (f64::from(self.squares) / (n - 1.0))
            .sqrt()
            .max(LEAST_DEVIATION);
        let z =
            ((amount as f64).ln() - f64::from(self.mean)) / (deviation * (1.0 + 1.0 / n).sqrt());
        let times = amount as f64 / self.largest_usual().max(1) as f64;
        let beside_largest = Bits((n + 1.0).log2() + LARGEST_TAIL * times.log2() - 1.0).clamped();
        let beside_typical = bits_of(z);
        let is_beside_largest = beside_largest > beside_typical;
        Some(Surplus {
            unit,
            bits: if is_beside_largest {
                beside_largest
            } else {
                beside_typical
            },
            amount,
            typical: f64::from(self.mean).exp(),
            largest: self.largest_usual(),
            hours: self.hours,
            deviation,
            is_beside_largest,
            per_call: (amount as f64 / f64::from(self.calls.max(1)))
                / f64::from(self.all / self.all_calls.max(1.0)).max(1.0),
        })
    }
}

/// The surprise at a value so many deviations above the mean, one of two that are looked at.
fn bits_of(z: f64) -> Bits {
    let chance = 0.5 * erfc(z / std::f64::consts::SQRT_2);
    Bits(Bits::of_chance(chance).0 - 1.0).clamped()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(profile: &mut DataProfile, hour: u32, bytes: u64) {
        let json = format!(
            r#"{{"id":"e","time":"2026-11-02T{hour:02}:00:00Z","kind":"api",
                "identity":{{"id":"ann"}},"action":{{"name":"export","bytes_out":{bytes}}}}}"#
        );
        profile.count(&Event::parse(json.as_bytes()).expect("a valid event"), None);
    }

    /// Hours that were learnt, and the largest.
    fn learnt(profile: &DataProfile) -> (u32, u64) {
        let sums = profile.0.as_ref().expect("something was counted");
        (sums.bytes.hours, sums.bytes.largest)
    }

    #[test]
    fn what_is_held_back_is_learnt_when_its_session_is_cleared_and_no_other() {
        let mut profile = DataProfile::default();
        count(&mut profile, 1, 4096);
        profile.suspect(5, Only::default());
        count(&mut profile, 2, 100);
        profile.release(7);
        assert_eq!(learnt(&profile), (0, 0));
        profile.release(5);
        profile.release(5);
        assert_eq!(learnt(&profile), (1, 4096));
    }

    #[test]
    fn what_two_sessions_made_suspect_neither_of_them_clears() {
        let mut profile = DataProfile::default();
        count(&mut profile, 1, 4096);
        profile.suspect(5, Only::default());
        profile.suspect(7, Only::default());
        profile.release(7);
        count(&mut profile, 2, 100);
        profile.release(5);
        profile.release(7);
        assert_eq!(learnt(&profile), (0, 0));
    }

    #[test]
    fn what_was_condemned_is_never_learnt() {
        for later in [false, true] {
            let mut profile = DataProfile::default();
            count(&mut profile, 1, 4096);
            profile.suspect(5, Only::default());
            if later {
                count(&mut profile, 2, 100);
            }
            profile.condemn(5);
            count(&mut profile, 3, 100);
            profile.release(5);
            assert_eq!(
                learnt(&profile),
                (u32::from(later), if later { 100 } else { 0 })
            );
        }
    }
}
