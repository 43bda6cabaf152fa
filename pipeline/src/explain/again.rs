//! The words of a recomputation: whether the log gives what is stored, and if not, in what it differs and why that
//! may be.

use plumbline_schemas::shown::plain;
use serde_json::Value;

use super::difference::{Comparison, Difference};
use super::item::Item;
use super::recompute::{Recomputation, Recomputed};
use super::tell::{INDENT, one_line};
use super::{account, events};
use crate::page::{Page, Pairs};

/// So many differing fields are shown; the others are counted.
const MOST_FIELDS: usize = 12;
/// So much of a value is shown.
const MOST_CHARS: usize = 48;

impl Recomputation {
    pub(super) fn tell(&self, page: &mut Page) {
        match self {
            Self::Not(why) => {
                page.line(0, "");
                let why = plain(why);
                page.prose(
                    0,
                    &format!("Not recomputed: {why}. --input names the log, --config what it was judged by."),
                );
            }
            Self::Done(done) => done.tell(page),
        }
    }
}

impl Recomputed {
    fn tell(&self, page: &mut Page) {
        page.heading(match (self.is_exact(), self.is_same()) {
            (true, _) => "Recomputed: the same, byte for byte",
            (_, true) => "Recomputed: the same in every field",
            _ => "Recomputed: it differs from what is stored",
        });
        page.line(0, "");
        page.pairs(INDENT, &self.from());
        for (id, comparison) in &self.compared {
            if let Comparison::Differs(differences) = comparison {
                page.line(0, "");
                page.line(INDENT, &plain(id));
                fields(page, differences);
            }
        }
        if !self.is_same() {
            page.line(0, "");
            page.prose(INDENT, &self.likely_reason());
        }
        if !self.told.is_empty() {
            events::tell(page, &self.told);
        }
        match &self.account {
            Some(account) => account::tell(account, page),
            None => {
                page.line(0, "");
                page.prose(INDENT, self.no_account());
            }
        }
    }

    fn from(&self) -> Pairs {
        let mut pairs = Pairs::default();
        let log = plain(&self.log);
        pairs.add("log", format!("{log}, {} events up to this", self.events));
        if let Some(is_own) = self.is_own_configuration {
            let told = match is_own {
                true => "the one that the results were made with",
                false => "another than the results were made with",
            };
            pairs.add("configuration", told);
        }
        for (id, comparison) in &self.compared {
            let told = match comparison {
                Comparison::Same => "the same, byte for byte".to_owned(),
                Comparison::SameFields => "the same in every field".to_owned(),
                Comparison::Differs(fields) => format!("differs in {}", counted(fields.len())),
                Comparison::Missing => "the log does not lead to it".to_owned(),
            };
            pairs.add(&plain(id), told);
        }
        for item in &self.in_its_place {
            pairs.add("in its place", named(item));
        }
        pairs
    }

    fn likely_reason(&self) -> String {
        if let Some(ended) = self.ended {
            return format!(
                "Likely reason: the log ends at {ended}, before it. Name all of it with --input."
            );
        }
        let other = "another release made it, the log is a part of what it was made from or has \
                     another order, or what is stored was changed";
        match self.is_own_configuration {
            Some(false) => "Likely reason: the results were made with another configuration. Name that with --config, \
                            or replay the log with this one."
                .to_owned(),
            Some(true) => format!("Likely reason: {other}."),
            None => format!(
                "Likely reason: it was made with another configuration, which --config names; or {other}."
            ),
        }
    }

    /// What time or another identity leads to is about no event of this one.
    fn no_account(&self) -> &'static str {
        match self.is_same() {
            true => {
                "It came with no event of its own, but when time passed, when somebody gave feedback, or with what became \
                 of another session: there is no account of that."
            }
            false => "The log has nothing at that time that could be accounted for.",
        }
    }
}

fn counted(fields: usize) -> String {
    match fields {
        1 => "one field".to_owned(),
        fields => format!("{fields} fields"),
    }
}

fn named(item: &Item) -> String {
    match item {
        Item::Command(command) => one_line(command),
        Item::Finding(finding) => {
            let words = [&finding.id, &finding.detector, &finding.summary];
            words.map(|text| plain(text)).join(", ")
        }
    }
}

fn fields(page: &mut Page, differences: &[Difference]) {
    let mut rows = vec![["field", "stored", "recomputed"].map(str::to_owned)];
    for difference in differences.iter().take(MOST_FIELDS) {
        rows.push([
            plain(&difference.field),
            shown(difference.stored.as_ref()),
            shown(difference.recomputed.as_ref()),
        ]);
    }
    page.columns(2 * INDENT, &rows);
    if let Some(more) = differences.len().checked_sub(MOST_FIELDS)
        && more > 0
    {
        page.line(2 * INDENT, &format!("and {more} more"));
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = plain(&value.to_string());
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
