//! What was decided: the commands that weigh most, and of each identity the strongest.

use plumbline_schemas::command::Action;
use serde::Deserialize;

use super::ReportError;
use super::model::{CommandRow, Cut};
use super::read::{GIVES_BACK, Reader, STRENGTH, Subject, shown};
use crate::explain::meaning;

/// So many are in the page, the strongest.
const MOST: usize = 200;
/// Of more findings behind one so many.
const MOST_FINDINGS: usize = 40;

/// The columns of [`Command`] in a query over the commands.
const COLUMNS: &str = "id, CAST(time AS BIGINT) AS time, CAST(expires_at AS BIGINT) AS expires, action, \
                       mode, target_tenant AS tenant, target_identity AS identity, target_kind AS kind, \
                       target_session_id AS session, target_credential_id AS credential, \
                       reason_summary AS because, reason_risk AS risk, reason_detectors AS detectors, \
                       reason_finding_ids AS findings";

#[derive(Deserialize)]
pub(super) struct Command {
    id: String,
    pub(super) time: i64,
    expires: i64,
    action: String,
    mode: String,
    #[serde(flatten)]
    pub(super) subject: Subject,
    session: Option<String>,
    credential: Option<String>,
    because: String,
    risk: u64,
    #[serde(default)]
    detectors: Vec<String>,
    #[serde(default)]
    findings: Vec<String>,
    /// When it was undone, as far as [`strongest`] asks for it.
    pub(super) undone: Option<i64>,
}

/// The strongest first; of one strength those of the highest risk.
pub(super) fn commands(reader: &Reader<'_>) -> Result<Cut<CommandRow>, ReportError> {
    let table = reader.commands();
    let rows: Vec<Command> = reader.rows(&format!(
        "SELECT {COLUMNS} FROM {table} ORDER BY {} DESC, reason_risk DESC, time, id LIMIT {MOST}",
        *STRENGTH
    ))?;
    let total = count(reader, &table)?;
    Ok(Cut::of(
        rows.into_iter().map(Command::shown).collect(),
        total,
    ))
}

/// Of each of these identities the strongest one, the last of several, and when it was undone: by an
/// enforced command that gives back what this very one has taken.
pub(super) fn strongest(
    reader: &Reader<'_>,
    identities: &str,
) -> Result<Vec<Command>, ReportError> {
    reader.rows(&format!(
        "SELECT strongest.*, CAST(lifted.at AS BIGINT) AS undone \
         FROM (SELECT {COLUMNS}, row_number() OVER (PARTITION BY target_tenant, \
                 target_identity ORDER BY {strength} DESC, time DESC, id) AS place FROM {table} \
               WHERE {strength} > 0 AND target_identity IN ({identities})) strongest \
         LEFT JOIN (SELECT supersedes, min(time) AS at FROM {table} \
                    WHERE {GIVES_BACK} AND mode = 'enforce' GROUP BY supersedes) lifted \
           ON lifted.supersedes = strongest.id \
         WHERE place = 1",
        strength = *STRENGTH,
        table = reader.commands(),
    ))
}

#[derive(Deserialize)]
struct Count {
    n: u64,
}

/// How many rows there are.
pub(super) fn count(reader: &Reader<'_>, table: &str) -> Result<u64, ReportError> {
    let rows: Vec<Count> = reader.rows(&format!("SELECT count(*) AS n FROM {table}"))?;
    Ok(rows.first().map_or(0, |count| count.n))
}

impl Command {
    pub(super) fn shown(self) -> CommandRow {
        let action: Result<Action, _> = self.action.parse();
        let findings = self.findings.iter().take(MOST_FINDINGS);
        CommandRow {
            id: shown(&self.id),
            time: self.time,
            expires: self.expires,
            means: action.map_or("", meaning).to_owned(),
            action: shown(&self.action),
            mode: shown(&self.mode),
            who: self.subject.shown(),
            session: self.session.as_deref().map(shown),
            credential: self.credential.as_deref().map(shown),
            because: shown(&self.because),
            risk: self.risk,
            detectors: self.detectors.iter().map(|name| shown(name)).collect(),
            findings: findings.map(|id| shown(id)).collect(),
        }
    }
}
