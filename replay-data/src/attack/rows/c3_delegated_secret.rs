//! A session with somebody else's token reads what is sensitive.

use plumbline_schemas::command::Action::Shorten;

use super::tale::{Tale, ms};
use super::{Row, Variant, assistant, finance};
use crate::catalogue::deeds::{CONTACT_EXPORT, LEDGER_EXPORT, SA_SECRET};
use crate::clock::{MINUTE, SECOND};

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[Shorten],
        suits: assistant,
        attack,
        twin_suits: finance,
        twin: own_session,
    }
}

pub(super) const ROW: Row = Row {
    id: "C3",
    variants: &[
        variant("a secret", |tale| {
            let pattern = tale.pattern()?;
            let read = tale.done(&pattern, ms(&pattern) + 4 * SECOND, &SA_SECRET, 4);
            tale.then(read);
            Some("the assistant reads a secret with a person's token".to_owned())
        }),
        variant("an export", |tale| {
            let pattern = tale.pattern()?;
            let read = tale.done(&pattern, ms(&pattern) + 4 * SECOND, &CONTACT_EXPORT, 4);
            tale.then(read);
            Some("the assistant exports contacts with a person's token".to_owned())
        }),
    ],
};

/// A person who exports what is theirs to export.
fn own_session(tale: &mut Tale<'_>) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 20 * MINUTE;
    let live = tale.session(&pattern, start);
    let export = tale.done(&live, start + MINUTE, &LEDGER_EXPORT, 1);
    tale.then(export);
    let logout = tale.done(
        &live,
        start + 3 * MINUTE,
        &crate::catalogue::deeds::LOGOUT,
        0,
    );
    tale.before(logout);
    Some("the person exports in a session of their own".to_owned())
}
