//! `plumbline trace`: the life of a session, from what replays wrote.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plumbline_schemas::shown::plain;

use crate::analyst::{Database, QueryError};
use crate::page::Page;

/// Why nothing can be told of a session.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The data.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A session of which nothing was read.
    #[error(
        "there is no event of a session `{0}`; `SELECT * FROM sessions` with `plumbline query` lists those there are"
    )]
    NoSession(String),
}

impl TraceError {
    /// The exit status for it: 2 for wrong usage, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Query(error) => error.exit_code(),
            Self::NoSession(_) => 1,
        }
    }
}

/// What surrounds an event: the column of the table, and its name for people.
const CONTEXT: [(&str, &str); 12] = [
    ("network_ip", "address"),
    ("network_city", "city"),
    ("network_country", "country"),
    ("network_as_org", "network"),
    ("network_anonymizer", "anonymizer"),
    ("device_id", "device"),
    ("device_posture", "posture"),
    ("session_assurance", "assurance"),
    ("credential_id", "credential"),
    ("workload_host", "host"),
    ("workload_region", "region"),
    ("workload_environment", "environment"),
];

/// Whose session it is: tenant and identity. A session in two hands has two.
type Owner = (String, String);

/// A line of a session's life.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    time: String,
    order: (Stage, usize),
    sort: Sort,
    text: String,
}

/// Of one time, what happened comes before what was found before what was decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Happened,
    Found,
    Decided,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Event,
    /// What the event before it changed around the session.
    Changed,
    Finding,
    Command,
}

impl Sort {
    fn stage(self) -> Stage {
        match self {
            Self::Event | Self::Changed => Stage::Happened,
            Self::Finding => Stage::Found,
            Self::Command => Stage::Decided,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Changed => "changed",
            Self::Finding => "finding",
            Self::Command => "command",
        }
    }
}

#[derive(Default)]
struct Life {
    kind: String,
    moments: Vec<Moment>,
    /// What was last known of each of [`CONTEXT`].
    context: Vec<Option<String>>,
}

/// The life of the session of this id.
pub fn trace(session: &str, directories: &[PathBuf]) -> Result<String, TraceError> {
    let database = Database::open(directories)?;
    let id = quoted(session);
    let mut lives = events(&database, &id)?;
    if lives.is_empty() {
        return Err(TraceError::NoSession(session.to_owned()));
    }
    findings(&database, &id, &mut lives)?;
    commands(&database, &id, &mut lives)?;
    let mut page = Page::default();
    for ((tenant, identity), mut life) in lives {
        let kind = plain(&life.kind);
        let (session, identity, tenant) = (plain(session), plain(&identity), plain(&tenant));
        page.heading(&format!(
            "Session {session} of {identity} ({kind}), tenant {tenant}"
        ));
        page.line(2, &life.counts());
        page.line(0, "");
        life.moments.sort();
        for moment in &life.moments {
            let sort = moment.sort.name();
            page.line(0, &format!("{}  {sort:7}  {}", moment.time, moment.text));
        }
    }
    Ok(page.finish())
}

type Lives = BTreeMap<Owner, Life>;

fn events(database: &Database, id: &str) -> Result<Lives, TraceError> {
    let context = CONTEXT.map(|(column, _)| column).join(", ");
    let rows = database.rows(&format!(
        "SELECT tenant, identity_id, time, identity_kind, kind, action_name, action_class, \
         action_outcome, action_resource, {context} \
         FROM events WHERE session_id = {id} AND kind <> 'context' ORDER BY time, \"offset\", id"
    ))?;
    let mut lives = Lives::new();
    for (at, row) in rows.into_iter().enumerate() {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten();
        let owner = (next().unwrap_or_default(), next().unwrap_or_default());
        let time = next().unwrap_or_default();
        let life = lives.entry(owner).or_default();
        life.kind = next().unwrap_or_default();
        let (kind, name, class) = (next(), next(), next());
        let (outcome, resource) = (next(), next());
        let mut text = plain(&format!(
            "{} {}",
            kind.unwrap_or_default(),
            name.unwrap_or_default()
        ));
        if let Some(class) = class {
            text.push_str(&format!(" ({class})"));
        }
        if let Some(resource) = resource {
            text.push_str(&format!(" on {}", plain(&resource)));
        }
        text.push_str(&format!(": {}", outcome.unwrap_or_default()));
        life.add(&time, Sort::Event, at, text);
        let context = CONTEXT.map(|_| next());
        if let Some(changed) = life.moved_to(context) {
            life.add(&time, Sort::Changed, at, changed);
        }
    }
    Ok(lives)
}

fn findings(database: &Database, id: &str, lives: &mut Lives) -> Result<(), TraceError> {
    let rows = database.rows(&format!(
        "SELECT tenant, identity_id, time, concat(detector, ', ', severity, ', ', surprise_bits, \
         ' bits, risk ', risk_session, ': ', summary, ' [', id, ']') \
         FROM findings WHERE session_id = {id} ORDER BY time, surprise_bits DESC, id"
    ))?;
    add_rows(rows, Sort::Finding, lives);
    Ok(())
}

/// Commands about the session, and those about its identity as a whole from its first event on.
fn commands(database: &Database, id: &str, lives: &mut Lives) -> Result<(), TraceError> {
    let rows = database.rows(&format!(
        "WITH life AS (SELECT tenant, identity_id, min(time) AS start, max(time) AS stop \
                       FROM events WHERE session_id = {id} AND kind <> 'context' GROUP BY tenant, identity_id) \
         SELECT c.target_tenant, c.target_identity, c.time, \
                concat(c.action, ' (', c.mode, ') until ', c.expires_at, ': ', c.reason_summary, \
                       ' [', c.id, ']') \
         FROM commands c JOIN life ON life.tenant = c.target_tenant \
              AND life.identity_id = c.target_identity \
         WHERE c.target_session_id = {id} OR (c.target_session_id IS NULL \
               AND c.time >= life.start AND c.time <= life.stop) \
         ORDER BY c.time, c.id"
    ))?;
    add_rows(rows, Sort::Command, lives);
    Ok(())
}

/// Rows of tenant, identity, time and text.
fn add_rows(rows: Vec<Vec<Option<String>>>, sort: Sort, lives: &mut Lives) {
    for (at, row) in rows.into_iter().enumerate() {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let (owner, time, text) = ((next(), next()), next(), next());
        if let Some(life) = lives.get_mut(&owner) {
            life.add(&time, sort, at, plain(&text));
        }
    }
}

impl Life {
    fn add(&mut self, time: &str, sort: Sort, at: usize, text: String) {
        self.moments.push(Moment {
            time: time.to_owned(),
            order: (sort.stage(), at),
            sort,
            text,
        });
    }

    fn counts(&self) -> String {
        let count = |sort| self.moments.iter().filter(|it| it.sort == sort).count();
        format!(
            "{} events, {} findings, {} commands",
            count(Sort::Event),
            count(Sort::Finding),
            count(Sort::Command)
        )
    }

    /// Notes what surrounds the next event, and tells what is otherwise than before. What is not known
    /// changes nothing.
    fn moved_to(&mut self, context: [Option<String>; CONTEXT.len()]) -> Option<String> {
        let first = self.context.is_empty();
        self.context.resize(CONTEXT.len(), None);
        let mut told = Vec::new();
        for ((was, is), (_, name)) in self.context.iter_mut().zip(context).zip(CONTEXT) {
            let Some(is) = is else { continue };
            match was.as_deref() {
                Some(was) if was == is => continue,
                Some(was) => told.push(format!("{name} {} → {}", plain(was), plain(&is))),
                None if first => told.push(format!("{name} {}", plain(&is))),
                None => told.push(format!("{name} now {}", plain(&is))),
            }
            *was = Some(is);
        }
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// Text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
