//! The events behind a decision, as the log has them.

use plumbline_schemas::event::{Event, Outcome};
use plumbline_schemas::shown::plain;

use super::tell::INDENT;
use crate::page::{Page, Pairs};

/// So many are told; the others are counted.
const MOST_TOLD: usize = 12;

/// An event in a sentence.
#[derive(Clone, Debug)]
pub(super) struct Told {
    id: String,
    words: String,
}

impl Told {
    /// Of somebody else than the identity it is all about, who that is.
    pub(super) fn of(event: &Event<'_>, identity: &str) -> Self {
        let mut words = format!("{}, {}", event.time, plain(&event.action.name));
        if let outcome @ (Outcome::Failure | Outcome::Denied) = event.outcome() {
            words += &format!(" ({outcome})");
        }
        if *event.identity.id != *identity {
            words += &format!(" by {}", plain(&event.identity.id));
        }
        let network = &event.network;
        let place = [&network.city, &network.country, &network.ip];
        let place = place.into_iter().flatten().map(|part| plain(part));
        let place: Vec<String> = place.collect();
        if !place.is_empty() {
            words += &format!(" from {}", place.join(", "));
        }
        let device = event.device.id.as_ref().or(event.workload.host.as_ref());
        let parts = [("on", device), ("in session", event.session.id.as_ref())];
        for (what, part) in parts {
            if let Some(part) = part {
                words += &format!(" {what} {}", plain(part));
            }
        }
        Self {
            id: event.id.as_ref().to_owned(),
            words,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// Tells them in the order of the log.
pub(super) fn tell(page: &mut Page, events: &[Told]) {
    page.heading("Events behind it");
    page.line(0, "");
    let mut pairs = Pairs::default();
    for event in events.iter().take(MOST_TOLD) {
        pairs.add(&plain(&event.id), event.words.as_str());
    }
    page.pairs(INDENT, &pairs);
    if events.len() > MOST_TOLD {
        let more = events.len() - MOST_TOLD;
        page.line(INDENT, &format!("and {more} more"));
    }
}
