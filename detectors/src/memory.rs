//! Small tables that live for months: no room for what never comes.

use thin_vec::ThinVec;

/// Adds an entry to a table that is as long as what it holds. Each addition moves it, so this is for
/// tables to which something is added once in a while, and which are looked at all the time.
pub(crate) fn insert_exact<T>(items: &mut Box<[T]>, at: usize, item: T) {
    let mut longer = std::mem::take(items).into_vec();
    longer.reserve_exact(1);
    longer.insert(at, item);
    *items = longer.into_boxed_slice();
}

/// Adds an entry at the end of such a table.
pub(crate) fn append_exact<T>(items: &mut Box<[T]>, item: T) {
    let end = items.len();
    insert_exact(items, end, item);
}

/// Drops the entries of such a table for which this is not true.
pub(crate) fn retain_exact<T>(items: &mut Box<[T]>, keep: impl FnMut(&T) -> bool) {
    let mut shorter = std::mem::take(items).into_vec();
    shorter.retain(keep);
    *items = shorter.into_boxed_slice();
}

/// Removes an entry of such a table, and puts another at its end: those between move up.
pub(crate) fn replace<T>(items: &mut [T], at: usize, item: T) {
    items[at..].rotate_left(1);
    if let Some(last) = items.last_mut() {
        *last = item;
    }
}

/// Bytes that come from memory together.
const LINE: usize = 64;

/// Reads an entry of every line of a table. What one identity holds lies in a dozen places, and each would be
/// waited for where it is first needed; asked for at once, they come at once.
pub(crate) fn warm<T>(items: &[T], read: impl Fn(&T) -> u32) -> u32 {
    let step = (LINE / size_of::<T>().max(1)).max(1);
    let lines = items.iter().step_by(step);
    lines.fold(0, |sum, item| sum ^ read(item))
}

/// Adds an entry to a table that is empty nearly always, and short otherwise. Room of entries that are gone goes.
pub(crate) fn push_exact<T>(items: &mut ThinVec<T>, item: T) {
    items.reserve_exact(1);
    items.push(item);
    items.shrink_to_fit();
}

/// Bytes that a thin vector holds on the heap: its entries behind a header of two words.
pub(crate) fn thin_bytes<T>(items: &ThinVec<T>) -> usize {
    match items.capacity() {
        0 => 0,
        capacity => capacity * size_of::<T>() + 2 * size_of::<usize>(),
    }
}
