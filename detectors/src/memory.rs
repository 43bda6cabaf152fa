//! Small tables that live for months: no room for what never comes.

use thin_vec::ThinVec;

/// Makes room for one more entry, and for a quarter of what is there.
pub(crate) fn grow_by_quarter<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() / 4).max(2));
    }
}

/// Adds an entry to a table that is empty nearly always, and short otherwise.
pub(crate) fn push_exact<T>(items: &mut ThinVec<T>, item: T) {
    items.reserve_exact(1);
    items.push(item);
}

/// Bytes that a thin vector holds on the heap: its entries behind a header of two words.
pub(crate) fn thin_bytes<T>(items: &ThinVec<T>) -> usize {
    match items.capacity() {
        0 => 0,
        capacity => capacity * size_of::<T>() + 2 * size_of::<usize>(),
    }
}
