//! What the files said of the addresses that were asked for last.
//!
//! A log names few addresses again and again, and a file is walked bit by bit and its record read field by field
//! each time: more than it takes to read the event. What is kept is what was found, so that answers are the same
//! with it and without; the files never change while they are open.

use std::net::IpAddr;
use std::sync::{Mutex, TryLockError};

use plumbline_schemas::event::Anonymizer;

use super::database::{Asn, City};

/// One address has one place in the table, and the next that needs it takes it: a bound without bookkeeping.
const SLOTS: usize = 4096;

/// A table that all workers share. Whoever finds another at it looks into the files instead of waiting.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Vec<Option<Box<Known>>>>);

/// All that is known of one address.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) address: IpAddr,
    pub(super) anonymizer: Option<Anonymizer>,
    place: Option<Place>,
    asn: Option<(Option<u64>, Option<Box<str>>)>,
}

#[derive(Debug)]
struct Place {
    city: Option<Box<str>>,
    country: Option<Box<str>>,
    coordinates: Option<(f64, f64)>,
    radius_km: Option<f64>,
}

impl Known {
    pub(super) fn new(
        address: IpAddr,
        anonymizer: Option<Anonymizer>,
        place: Option<&City<'_>>,
        asn: Option<&Asn<'_>>,
    ) -> Self {
        let place = place.map(|place| Place {
            city: place.city.map(Box::from),
            country: place.country.map(Box::from),
            coordinates: place.coordinates,
            radius_km: place.radius_km,
        });
        Self {
            address,
            anonymizer,
            place,
            asn: asn.map(|asn| (asn.number, asn.organization.map(Box::from))),
        }
    }

    pub(super) fn place(&self) -> Option<City<'_>> {
        self.place.as_ref().map(|place| City {
            city: place.city.as_deref(),
            country: place.country.as_deref(),
            coordinates: place.coordinates,
            radius_km: place.radius_km,
        })
    }

    pub(super) fn asn(&self) -> Option<Asn<'_>> {
        self.asn.as_ref().map(|(number, organization)| Asn {
            number: *number,
            organization: organization.as_deref(),
        })
    }
}

impl Cache {
    /// Hands what is known of the address to `take`; what nobody knows yet, `find` finds. What it says must not be
    /// kept, because a file is damaged there and that is to be told each time, is not.
    pub(super) fn with<T>(
        &self,
        address: IpAddr,
        find: impl FnOnce() -> (Known, bool),
        take: impl FnOnce(&Known) -> T,
    ) -> T {
        let mut table = match self.0.try_lock() {
            Ok(table) => table,
            // Whoever panicked left no half an entry.
            Err(TryLockError::Poisoned(table)) => table.into_inner(),
            Err(TryLockError::WouldBlock) => return take(&find().0),
        };
        if table.is_empty() {
            table.resize_with(SLOTS, || None);
        }
        let Some(slot) = table.get_mut(slot(address)) else {
            return take(&find().0);
        };
        if let Some(known) = slot.as_deref().filter(|known| known.address == address) {
            return take(known);
        }
        let (known, may_be_kept) = find();
        let taken = take(&known);
        if may_be_kept {
            *slot = Some(Box::new(known));
        }
        taken
    }
}

fn slot(address: IpAddr) -> usize {
    let bits = match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        // The first half is the network; hosts of it differ in the second.
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (bits >> 64) as u64 ^ (bits as u64).rotate_left(32)
        }
    };
    // Fibonacci hashing (Knuth): the golden ratio spreads what differs in few bits.
    let spread = bits.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (spread >> (64 - SLOTS.trailing_zeros())) as usize
}
