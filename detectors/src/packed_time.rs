//! A time in six bytes: milliseconds since 1970, until the year 10889. What lies before 1970 is its beginning.

use plumbline_schemas::time::EventTime;

use crate::state::codec::stored;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedTime([u8; 6]);
stored!(PackedTime(..));

impl PackedTime {
    pub(crate) fn new(time: EventTime) -> Self {
        let millis = time.as_millis().clamp(0, (1 << 48) - 1);
        let [a, b, c, d, e, f, _, _] = millis.to_le_bytes();
        Self([a, b, c, d, e, f])
    }

    pub(crate) fn get(self) -> EventTime {
        let [a, b, c, d, e, f] = self.0;
        EventTime::from_millis(i64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }
}

/// Writes it as the eight bytes of any other time.
pub(crate) mod whole {
    use super::{EventTime, PackedTime};
    use crate::state::codec::{Damaged, Reader, Stored, Writer};

    pub(crate) fn put(time: &PackedTime, to: &mut Writer<'_>) {
        time.get().put(to);
    }

    pub(crate) fn take(from: &mut Reader<'_, '_>) -> Result<PackedTime, Damaged> {
        EventTime::take(from).map(PackedTime::new)
    }
}

/// The same of one that may be missing.
pub(crate) mod whole_if_any {
    use super::{EventTime, PackedTime};
    use crate::state::codec::{Damaged, Reader, Stored, Writer};

    pub(crate) fn put(time: &Option<PackedTime>, to: &mut Writer<'_>) {
        time.map(PackedTime::get).put(to);
    }

    pub(crate) fn take(from: &mut Reader<'_, '_>) -> Result<Option<PackedTime>, Damaged> {
        let time: Option<EventTime> = Stored::take(from)?;
        Ok(time.map(PackedTime::new))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_comes_back_as_it_was(millis in 0_i64..1 << 48) {
            let time = EventTime::from_millis(millis);
            prop_assert_eq!(PackedTime::new(time).get(), time);
        }
    }
}
