//! Risk: what has been seen of late, in bits, per detector, fading.
//!
//! Surprise of different detectors adds up; of one detector only the most counts, because it has
//! already added up what it saw. Risk is shown as 0 to 100: 16 bits are 50, 32 are 75, 48 are 88.

use plumbline_schemas::finding::Risk;
use plumbline_schemas::time::EventTime;

use crate::decay::decayed;
use crate::detect::{DetectorId, Group};
use crate::state::codec::{Damaged, Reader, Stored, Writer, stored};
use crate::state::detectors::{bits_each, told};
use crate::units::Bits;

/// Risk of a session halves in two hours.
pub(crate) type SessionLedger = Ledger<{ 2 * 3_600_000 }>;
/// Risk of an identity outlives its sessions: it halves in twelve hours.
pub(crate) type IdentityLedger = Ledger<{ 12 * 3_600_000 }>;

/// No detector counts for more, however sure it is.
const MOST_PER_DETECTOR: f32 = 40.0;
/// So many bits are a risk of 50.
const HALF_RISK_BITS: f64 = 16.0;

/// A finding of the same session is published again when it is so much surer, or after its half-life.
const TELL_AGAIN_BITS: f32 = 8.0;

/// A finding that was published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) detector: DetectorId,
    /// Its surprise, faded since.
    pub(crate) bits: f32,
    /// Its surprise as it was said.
    pub(crate) said: f32,
    pub(crate) finding: u64,
}

/// Bits per detector.
pub(crate) type BitsEach = [f32; DetectorId::ALL.len()];

/// The risk of a session or of an identity: nothing, for nearly everybody.
#[derive(Debug, Default)]
pub(crate) struct Ledger<const HALF_LIFE_MS: i64>(Option<Box<Risks>>);

#[derive(Debug)]
struct Risks {
    at: EventTime,
    bits: BitsEach,
    /// The last finding of each detector.
    told: Vec<Told>,
}
stored!(Risks { at, bits: via bits_each, told: via told });

impl<const HALF_LIFE_MS: i64> Stored for Ledger<HALF_LIFE_MS> {
    fn put(&self, to: &mut Writer<'_>) {
        self.0.put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        Stored::take(from).map(Self)
    }
}

/// A set of detectors.
pub(crate) type DetectorSet = u32;

impl<const HALF_LIFE_MS: i64> Ledger<HALF_LIFE_MS> {
    /// Lets time pass; a late event does not turn it back.
    fn pass(risks: &mut Risks, now: EventTime) {
        let elapsed = now.since(risks.at);
        if elapsed <= 0 {
            return;
        }
        for bits in &mut risks.bits {
            *bits = decayed(*bits, elapsed, HALF_LIFE_MS);
        }
        for told in &mut risks.told {
            told.bits = decayed(told.bits, elapsed, HALF_LIFE_MS);
        }
        risks.at = now;
    }

    /// Takes in what a detector saw.
    pub(crate) fn raise(&mut self, detector: DetectorId, bits: Bits, now: EventTime) {
        let none = || Risks {
            at: now,
            bits: BitsEach::default(),
            told: Vec::new(),
        };
        let risks = self.0.get_or_insert_with(|| Box::new(none()));
        Self::pass(risks, now);
        let slot = &mut risks.bits[detector as usize];
        *slot = slot.max((bits.0 as f32).min(MOST_PER_DETECTOR));
    }

    /// What is left of what each detector said, looked at and not touched.
    pub(crate) fn left(&self, now: EventTime) -> impl Iterator<Item = (DetectorId, Bits)> {
        let detectors = DetectorId::ALL.iter().copied();
        detectors.map(move |detector| (detector, Bits(self.bits(detector, now))))
    }

    /// What each detector weighs at this time.
    pub(crate) fn each(&mut self, now: EventTime) -> BitsEach {
        let Some(risks) = &mut self.0 else {
            return BitsEach::default();
        };
        Self::pass(risks, now);
        risks.bits
    }

    /// Takes back what was raised since each detector weighed that much; what was told stays told.
    pub(crate) fn take_back(&mut self, to: BitsEach) {
        if let Some(risks) = &mut self.0 {
            risks.bits = to;
        }
    }

    /// A passed challenge lowers the risk in part, never to nothing; a confirmed attack raises it, never beyond what
    /// each detector counts for.
    pub(crate) fn relieve(&mut self, left: f32, now: EventTime) {
        if let Some(risks) = &mut self.0 {
            Self::pass(risks, now);
            for bits in &mut risks.bits {
                *bits = (*bits * left).min(MOST_PER_DETECTOR);
            }
            for told in &mut risks.told {
                told.bits = (told.bits * left).min(told.said);
            }
        }
    }

    fn all_told(&self) -> &[Told] {
        self.0.as_ref().map_or(&[], |risks| &risks.told)
    }

    /// What is left of what a detector said. Nothing may have been raised for weeks: only the time tells.
    fn bits(&self, detector: DetectorId, now: EventTime) -> f64 {
        self.0.as_ref().map_or(0.0, |risks| {
            let elapsed = now.since(risks.at);
            f64::from(decayed(
                risks.bits[detector as usize],
                elapsed,
                HALF_LIFE_MS,
            ))
        })
    }

    /// How surprised each detector said to be when it last published something.
    pub(crate) fn said(&self) -> impl Iterator<Item = (DetectorId, f32)> {
        self.all_told()
            .iter()
            .map(|told| (told.detector, told.said))
    }

    /// Bits now, of these detectors.
    pub(crate) fn total(&self, of: DetectorSet, now: EventTime) -> Bits {
        let counted = DetectorId::ALL
            .iter()
            .filter(|detector| detector.bit() & of != 0);
        Bits(counted.map(|detector| self.bits(*detector, now)).sum())
    }

    /// How many groups of detectors, of these, say at least so much, and their bits: what is correlated
    /// counts once.
    pub(crate) fn by_group(
        &self,
        of: DetectorSet,
        at_least: Bits,
        now: EventTime,
    ) -> (usize, Bits) {
        let mut most = [0.0_f64; Group::COUNT];
        for detector in DetectorId::ALL {
            if detector.bit() & of != 0 {
                let slot = &mut most[detector.group() as usize];
                *slot = slot.max(self.bits(*detector, now));
            }
        }
        let groups = most.iter().filter(|bits| **bits >= at_least.0).count();
        (groups, Bits(most.iter().sum()))
    }

    /// The detectors, of these, that say at least so much.
    pub(crate) fn active(
        &self,
        of: DetectorSet,
        at_least: Bits,
        now: EventTime,
    ) -> impl Iterator<Item = DetectorId> {
        DetectorId::ALL.iter().copied().filter(move |detector| {
            detector.bit() & of != 0 && self.bits(*detector, now) >= at_least.0
        })
    }

    /// What was last published of a detector, faded like the risk itself.
    pub(crate) fn told(&self, detector: DetectorId) -> Option<&Told> {
        self.all_told()
            .iter()
            .find(|told| told.detector == detector)
    }

    /// Whether a detector has said as much of late: the same is not published again.
    pub(crate) fn is_told(&self, detector: DetectorId, bits: Bits, now: EventTime) -> bool {
        let (Some(risks), Some(told)) = (&self.0, self.told(detector)) else {
            return false;
        };
        let left = decayed(told.bits, now.since(risks.at).max(0), HALF_LIFE_MS);
        (bits.0 as f32) < told.said + TELL_AGAIN_BITS && left > told.said / 2.0
    }

    /// Remembers a finding of something that was raised.
    pub(crate) fn tell(&mut self, told: Told) {
        let Some(risks) = &mut self.0 else { return };
        risks.told.retain(|other| other.detector != told.detector);
        risks.told.reserve_exact(1);
        risks.told.push(told);
    }

    /// Whether nothing was ever seen.
    pub(crate) fn is_blank(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |risks| {
            size_of::<Risks>() + risks.told.capacity() * size_of::<Told>()
        })
    }
}

/// The risk as findings and commands show it.
pub(crate) fn shown(session: &SessionLedger, identity: &IdentityLedger, now: EventTime) -> Risk {
    Risk {
        session: score(session.total(u32::MAX, now)),
        identity: score(identity.total(u32::MAX, now)),
    }
}

/// Bits as a number from 0 to 100.
pub(crate) fn score(bits: Bits) -> u8 {
    (100.0 * (1.0 - (-bits.0 / HALF_RISK_BITS).exp2())).round() as u8
}
