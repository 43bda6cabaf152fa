//! What changes of a session's circumstances have in common.

use crate::session::{Changed, Session};

/// A session that moves is rarer than one that begins elsewhere.
pub(super) const MOVED_BITS: f64 = 4.0;
/// A change that surprises less is none: one in six days.
pub(super) const LEAST_CHANGE_BITS: f64 = 2.5;

/// Remembers a change until somebody vouches for it; several are one.
pub(super) fn mark(session: &mut Session, mut changed: Changed) {
    let extra = session.extra();
    if let Some(earlier) = extra.changed.take() {
        let mut what = earlier.what;
        what.retain(|known| !changed.what.contains(known));
        what.append(&mut changed.what);
        changed.what = what;
        changed.before = earlier.before;
    }
    extra.changed = Some(Box::new(changed));
}
