//! Detectors are written by their names: their numbers change when one is added. One that is no more is left out.

use super::codec::{Damaged, Reader, Stored, Writer};
use crate::detect::DetectorId;

fn of_name(name: &str) -> Option<DetectorId> {
    let mut all = DetectorId::ALL.iter().copied();
    all.find(|detector| detector.name() == name)
}

fn put_some<T: Stored>(some: &[(DetectorId, T)], to: &mut Writer<'_>) {
    to.length(some.len());
    for (detector, value) in some {
        to.text(detector.name());
        value.put(to);
    }
}

fn take_some<T: Stored>(from: &mut Reader<'_, '_>) -> Result<Vec<(DetectorId, T)>, Damaged> {
    let written: Vec<(Box<str>, T)> = Stored::take(from)?;
    let known = |(name, value): (Box<str>, T)| Some((of_name(&name)?, value));
    Ok(written.into_iter().filter_map(known).collect())
}

/// What was told: of each detector, by its name.
pub(crate) mod told {
    use super::*;
    use crate::risk::Told;

    pub(crate) fn put(told: &[Told], to: &mut Writer<'_>) {
        let parts = |told: &Told| (told.detector, (told.bits, told.said, told.finding));
        put_some(&told.iter().map(parts).collect::<Vec<_>>(), to);
    }

    pub(crate) fn take(from: &mut Reader<'_, '_>) -> Result<Vec<Told>, Damaged> {
        let known = take_some(from)?.into_iter();
        let told = known.map(|(detector, (bits, said, finding))| Told {
            detector,
            bits,
            said,
            finding,
        });
        Ok(told.collect())
    }
}

/// Bits of each detector: of those that have any.
pub(crate) mod bits_each {
    use super::*;
    use crate::risk::BitsEach;

    pub(crate) fn put(bits: &BitsEach, to: &mut Writer<'_>) {
        let all = DetectorId::ALL.iter().copied().zip(bits.iter().copied());
        put_some(
            &all.filter(|(_, bits)| *bits != 0.0).collect::<Vec<_>>(),
            to,
        );
    }

    pub(crate) fn take(from: &mut Reader<'_, '_>) -> Result<BitsEach, Damaged> {
        let mut each = BitsEach::default();
        for (detector, bits) in take_some(from)? {
            each[detector as usize] = bits;
        }
        Ok(each)
    }
}

/// A set of detectors.
pub(crate) mod set {
    use super::*;
    use crate::risk::DetectorSet;

    pub(crate) fn put(set: &DetectorSet, to: &mut Writer<'_>) {
        let all = DetectorId::ALL.iter().copied();
        let members = all.filter(|detector| detector.bit() & set != 0);
        let members: Vec<_> = members.map(|detector| (detector, true)).collect();
        put_some(&members, to);
    }

    pub(crate) fn take(from: &mut Reader<'_, '_>) -> Result<DetectorSet, Damaged> {
        let members: Vec<(DetectorId, bool)> = take_some(from)?;
        Ok(members
            .into_iter()
            .fold(0, |set, (detector, _)| set | detector.bit()))
    }
}
