//! Whom it is about, those first whom somebody should look at first.

use plumbline_schemas::finding::Severity;
use serde::Deserialize;

use super::commands::{self, Command};
use super::model::{Cut, IdentityRow};
use super::read::{GIVES_BACK, Reader, STRENGTH, Subject, quoted};
use super::{ReportError, advice};

/// So many are in the page.
const MOST: usize = 200;

#[derive(Deserialize)]
struct Identity {
    #[serde(flatten)]
    subject: Subject,
    findings: u64,
    enforced: u64,
    observed: u64,
    bits: f64,
    risk: u64,
    severity: usize,
    first: i64,
    last: i64,
    total: u64,
    urgent: u64,
}

/// The identities of a page, and as the log names them.
pub(super) struct Identities {
    pub(super) cut: Cut<IdentityRow>,
    /// How many there are, in the page or not, that somebody should look at.
    pub(super) urgent: u64,
    pub(super) subjects: Vec<Subject>,
}

/// Those with the strongest commands first, then by risk, by bits and by the number of findings.
pub(super) fn identities(reader: &Reader<'_>) -> Result<Identities, ReportError> {
    let grades = Severity::ALL.iter().enumerate();
    let grades: Vec<String> = grades
        .map(|(at, severity)| format!("WHEN '{severity}' THEN {}", at + 1))
        .collect();
    let rows: Vec<Identity> = reader.rows(&format!(
        "WITH each AS ( \
           SELECT tenant, identity_id AS identity, identity_kind AS kind, time, 1 AS finding, \
                  surprise_bits AS bits, greatest(risk_session, risk_identity) AS risk, \
                  CASE severity {grades} ELSE 0 END AS severity, 0 AS enforced, 0 AS observed, \
                  0 AS strength FROM {findings} \
           UNION ALL \
           SELECT target_tenant, target_identity, target_kind, time, 0, 0.0, reason_risk, 0, \
                  CASE WHEN NOT {GIVES_BACK} AND mode = 'enforce' THEN 1 ELSE 0 END, \
                  CASE WHEN NOT {GIVES_BACK} AND mode <> 'enforce' THEN 1 ELSE 0 END, {strength} \
           FROM {commands}) \
         SELECT *, count(*) OVER () AS total, \
                sum(CASE WHEN strength > 0 OR severity >= {grave} THEN 1 ELSE 0 END) OVER () AS urgent \
         FROM ( \
           SELECT tenant, identity, min(kind) AS kind, sum(finding) AS findings, \
                  sum(enforced) AS enforced, sum(observed) AS observed, max(bits) AS bits, \
                  max(risk) AS risk, max(severity) AS severity, max(strength) AS strength, \
                  CAST(min(time) AS BIGINT) AS first, CAST(max(time) AS BIGINT) AS last \
           FROM each GROUP BY tenant, identity) \
         ORDER BY strength DESC, risk DESC, bits DESC, findings DESC, tenant, identity LIMIT {MOST}",
        grades = grades.join(" "),
        grave = Severity::High as usize + 1,
        findings = reader.findings(),
        commands = reader.commands(),
        strength = *STRENGTH,
    ))?;
    let subjects: Vec<Subject> = rows.iter().map(|row| row.subject.clone()).collect();
    let mut strongest = match subjects.is_empty() {
        true => Vec::new(),
        false => commands::strongest(reader, &names(&subjects))?,
    };
    let (total, urgent) = rows.first().map_or((0, 0), |row| (row.total, row.urgent));
    let told = rows.into_iter().map(|row| {
        let at = strongest
            .iter()
            .position(|command| command.subject.is(&row.subject));
        let command = at.map(|at| strongest.swap_remove(at));
        let mut told = IdentityRow {
            who: row.subject.shown(),
            findings: row.findings,
            enforced: row.enforced,
            observed: row.observed,
            bits: row.bits,
            risk: row.risk,
            severity: row
                .severity
                .checked_sub(1)
                .and_then(|at| Some(Severity::ALL.get(at)?.as_str())),
            first: row.first,
            last: row.last,
            undone: command.as_ref().and_then(|command| command.undone),
            command: command.map(Command::shown),
            next: Vec::new(),
        };
        told.next = advice::next(&told);
        told
    });
    Ok(Identities {
        cut: Cut::of(told.collect(), total),
        urgent,
        subjects,
    })
}

/// The ids of these as a list of SQL.
pub(super) fn names(subjects: &[Subject]) -> String {
    let names = subjects.iter().map(|subject| quoted(&subject.identity));
    names.collect::<Vec<_>>().join(", ")
}
