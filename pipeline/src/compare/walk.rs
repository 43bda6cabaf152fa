//! What one side has and the other has not, in the order of time.
//!
//! Two items are the same one when their ids are. Of those that only one side has, two commands at the
//! same moment (tenant, identity, session, credential and time) are one command with another action.

use std::collections::{HashMap, HashSet, VecDeque};

use super::CompareError;
use super::results::{Item, Listing};

/// One item of either side or of both.
pub(super) enum Met<T> {
    /// Both have it, byte for byte.
    Same(T),
    /// Only A has it.
    Lost(T),
    /// Only B has it.
    Gained(T),
    /// Both have it, and something of it differs: that of A, that of B.
    Changed(Box<T>, Box<T>),
}

impl<T> Met<T> {
    /// It in A and in B.
    pub(super) fn sides(&self) -> (Option<&T>, Option<&T>) {
        match self {
            Self::Same(item) => (Some(item), Some(item)),
            Self::Lost(item) => (Some(item), None),
            Self::Gained(item) => (None, Some(item)),
            Self::Changed(a, b) => (Some(a), Some(b)),
        }
    }

    pub(super) fn differs(&self) -> bool {
        !matches!(self, Self::Same(_))
    }
}

/// Hands on every item of both listings once. What A has comes at its place in A, what only B has before
/// the first item of A that is later.
pub(super) fn walk<T: Item>(
    a: &Listing<T>,
    b: &Listing<T>,
    take: &mut dyn FnMut(Met<T>) -> Result<(), CompareError>,
) -> Result<(), CompareError> {
    let partners = partners(a, b)?;
    let partnered: HashSet<u64> = partners.values().copied().collect();
    let mut bodies = b.reader()?;
    let (mut of_a, mut of_b) = (a.items()?, b.items()?);
    let (mut next_a, mut next_b) = (of_a.next()?, of_b.next()?);
    loop {
        let a_is_next = match (&next_a, &next_b) {
            (None, None) => return Ok(()),
            (Some((_, _, a)), Some((_, _, b))) => a.time() <= b.time(),
            (a, _) => a.is_some(),
        };
        if a_is_next {
            let Some((number, place, item)) = next_a else {
                return Ok(());
            };
            let other = partners.get(&number).copied().unwrap_or(number);
            take(match b.place(other) {
                None => Met::Lost(item),
                Some(other) if other.digest == place.digest => Met::Same(item),
                Some(other) => Met::Changed(Box::new(item), Box::new(bodies.get(other)?)),
            })?;
            next_a = of_a.next()?;
        } else {
            let Some((number, _, item)) = next_b else {
                return Ok(());
            };
            if a.place(number).is_none() && !partnered.contains(&number) {
                take(Met::Gained(item))?;
            }
            next_b = of_b.next()?;
        }
    }
}

/// For items of A that B has not, those of B at the same moment that A has not.
fn partners<T: Item>(a: &Listing<T>, b: &Listing<T>) -> Result<HashMap<u64, u64>, CompareError> {
    let mut free: HashMap<u64, VecDeque<u64>> = HashMap::new();
    alone(b, a, |moment, number| {
        free.entry(moment).or_default().push_back(number);
    })?;
    let mut partners = HashMap::new();
    alone(a, b, |moment, number| {
        let other = free.get_mut(&moment).and_then(VecDeque::pop_front);
        partners.extend(other.map(|other| (number, other)));
    })?;
    Ok(partners)
}

/// The items that the other side has not, with their moments.
fn alone<T: Item>(
    own: &Listing<T>,
    other: &Listing<T>,
    mut take: impl FnMut(u64, u64),
) -> Result<(), CompareError> {
    let mut items = own.items()?;
    while let Some((number, place, _)) = items.next()? {
        let Some(moment) = place.moment else {
            // Items of this sort have no moments.
            return Ok(());
        };
        if other.place(number).is_none() {
            take(moment, number);
        }
    }
    Ok(())
}
