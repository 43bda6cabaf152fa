//! `call_volume`: more calls than the identity ever makes.
//!
//! **Catches** harvesting and enumeration with a stolen credential (T1119, T1530).
//!
//! **Model.** Gamma–Poisson counts of windows of a minute, an hour and a day
//! (`profile/volume.rs`), the most surprised of the three, less two bits for having looked several times.
//! What the identity's own bursts have brought beyond 6 bits says how much burstier it is than that, and
//! corrects it (`profile/peaks.rs`).
//!
//! **Evidence:** window, count, mean, shape, number of windows behind them, and the count that would
//! have been silent. **Configuration:** mode only.
//!
//! **By itself** it is no more than a finding as long as everything grows alike: a seasonal peak is no
//! theft. When the burst consists of other calls than usual (Kullback and Leibler's divergence of its
//! mix from the usual one, half a bit per call or more), that is a second oddity, and the identity is
//! asked, until that was asked on three earlier days from where and with what it always comes, and nothing else
//! was odd. More of the same is not answered more strongly. With a signal of another detector it counts fully.
//!
//! **Blind spots:** a slow harvest inside the usual volume; the first windows of an identity.

use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::profile::peaks::Of;
use crate::signal::{Alone, Signal, evidence};
use crate::units::{Bits, round_to};

const TECHNIQUE: &[&str] = &["T1119", "T1530"];

/// From so many calls on the mix of a burst says something,
pub(super) const LEAST_MIXED_CALLS: u32 = 30;
/// and from so many bits per call on it is another one than usual: twice the share of an endpoint that
/// is half of all calls is one bit, a peak in which everything grows alike is none.
pub(super) const ANOTHER_MIX_BITS: f64 = 0.5;
/// How far beyond a finding a burst of another mix is asked about.
const STEP_UP_BEYOND_BITS: f64 = 4.0;

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let profile = subject.profile;
    let excess = moment.excess.as_ref()?;
    let peaks = &profile.peaks;
    let bits = peaks.corrected(Of::Volume, excess.bits, moment.weight).clamped();
    if !moment.may_count(bits) {
        return None;
    }
    let minutes = excess.window_ms / 60_000;
    let window = match minutes {
        1 => "a minute".to_owned(),
        60 => "an hour".to_owned(),
        1440 => "a day".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    let summary = format!(
        "{} calls in {window}, {} times the usual {}",
        excess.count,
        round_to(f64::from(excess.count) / excess.mean, 1),
        round_to(excess.mean, 1)
    );
    let usual = |symbol| profile.sequence.share(symbol, moment.weight);
    let burst = profile
        .volume
        .burst()
        .filter(|burst| burst.calls >= LEAST_MIXED_CALLS);
    let shift = burst.map_or(0.0, |burst| burst.shift(usual).max(0.0));
    let another_mix = shift >= ANOTHER_MIX_BITS;
    let clear = bits.0 >= moment.threshold.0 + STEP_UP_BEYOND_BITS;
    let silent = peaks.uncorrected(Of::Volume, moment.threshold, moment.weight);
    let silent = excess.count_at(Bits(silent.0 + 2.0));
    let evidence = evidence(json!({
        "window_minutes": minutes,
        "window_start": excess.window_start,
        "count": excess.count,
        "mean": round_to(excess.mean, 2),
        "shape": round_to(excess.shape, 2),
        "windows_behind_the_mean": round_to(excess.windows, 1),
        "calls_of_burst": burst.map(|burst| burst.calls),
        "mix_shift_bits_per_call": round_to(shift, 2),
        "share_of_endpoint_in_burst": burst.map(|burst| round_to(burst.share(moment.symbol), 3)),
        "usual_share_of_endpoint": round_to(usual(moment.symbol), 3),
        "usual_excess_factor": round_to(peaks.factor(Of::Volume, moment.weight), 2),
        "formula": "negative binomial with this mean and shape: b = -log2 P(count or more) - 2; \
                    bits = 6 + (b - 6) / factor",
        "silent_if": format!("there had been fewer than {silent} calls"),
    }));
    Some(Signal {
        detector: DetectorId::CallVolume,
        bits,
        alone: if another_mix && clear && !peaks.is_habit(Of::Volume, moment.time()) {
            Alone::StepUp
        } else {
            Alone::Finding
        },
        demand: None,
        is_notable: false,
        technique: TECHNIQUE,
        summary,
        evidence,
        other_events: Vec::new(),
    })
}
