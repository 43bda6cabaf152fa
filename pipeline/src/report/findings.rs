//! The findings with the most bits, each with its explanation.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::model::{Cut, FindingRow};
use super::read::{Reader, Subject, shown};
use super::{ReportError, commands};
use crate::explain::{Line, Part, evidence_lines, surprise};

/// So many are in the page.
const MOST: usize = 300;
/// Of longer evidence about so many bytes.
const MOST_BYTES: usize = 6000;
/// Of more events so many ids.
const MOST_EVENTS: usize = 12;

#[derive(Deserialize)]
struct Finding {
    id: String,
    time: i64,
    #[serde(flatten)]
    subject: Subject,
    session: Option<String>,
    detector: String,
    severity: String,
    bits: f64,
    risk: u64,
    #[serde(default)]
    technique: Vec<String>,
    summary: String,
    evidence: String,
    #[serde(default)]
    events: Vec<String>,
}

/// Those with the most bits first.
pub(super) fn findings(reader: &Reader<'_>) -> Result<Cut<FindingRow>, ReportError> {
    let table = reader.findings();
    let rows: Vec<Finding> = reader.rows(&format!(
        "SELECT id, CAST(time AS BIGINT) AS time, tenant, identity_id AS identity, \
                identity_kind AS kind, session_id AS session, detector, severity, \
                surprise_bits AS bits, greatest(risk_session, risk_identity) AS risk, technique, \
                summary, evidence, event_ids AS events \
         FROM {table} ORDER BY surprise_bits DESC, time, id LIMIT {MOST}"
    ))?;
    let total = commands::count(reader, &table)?;
    Ok(Cut::of(
        rows.into_iter().map(Finding::shown).collect(),
        total,
    ))
}

impl Finding {
    fn shown(self) -> FindingRow {
        // What is no object has nothing to say.
        let evidence: Map<String, Value> = serde_json::from_str(&self.evidence).unwrap_or_default();
        let text = |key: &str| evidence.get(key).and_then(Value::as_str);
        let formula = text("formula");
        let arithmetic = formula.map(|formula| formula.split("; ").map(shown).collect());
        let events = self.events.iter().take(MOST_EVENTS);
        FindingRow {
            id: shown(&self.id),
            time: self.time,
            who: self.subject.shown(),
            session: self.session.as_deref().map(shown),
            detector: shown(&self.detector),
            severity: shown(&self.severity),
            bits: self.bits,
            surprise: surprise(self.bits, formula.is_some()),
            risk: self.risk,
            technique: self.technique.iter().map(|id| shown(id)).collect(),
            summary: shown(&self.summary),
            arithmetic: arithmetic.unwrap_or_default(),
            silent_if: text("silent_if").map(|silent| shown(silent.trim_end_matches('.'))),
            events: events.map(|id| shown(id)).collect(),
            more_events: self.events.len().saturating_sub(MOST_EVENTS),
            evidence: told(&evidence),
        }
    }
}

fn told(evidence: &Map<String, Value>) -> Vec<(usize, String, String)> {
    let lines = evidence_lines(evidence);
    let all = lines.len();
    let told = lines.into_iter().map(|Line { depth, part }| match part {
        Part::Pair(name, value) => (depth, shown(&name), shown(&value)),
        Part::Name(name) => (depth, shown(&name), String::new()),
        Part::Item(text) => (depth, String::new(), shown(&text)),
    });
    let mut bytes = 0;
    let fits = |(_, name, value): &(usize, String, String)| {
        bytes += name.len() + value.len();
        bytes <= MOST_BYTES
    };
    let mut told: Vec<_> = told.take_while(fits).collect();
    if told.len() < all {
        let more = all - told.len();
        told.push((0, String::new(), format!("and {more} more lines")));
    }
    told
}
