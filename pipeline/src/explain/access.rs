//! What one identity is granted against what it uses, in words.

use std::collections::BTreeMap;
use std::path::Path;

use plumbline_schemas::shown::plain;
use plumbline_schemas::time::EventTime;
use serde::Deserialize;

use super::ExplainError;
use super::lookup::{check_directory, mentions};
use crate::page::{Page, Pairs};

/// A line of `access.ndjson`, as far as it is told.
#[derive(Deserialize)]
struct Access {
    tenant: String,
    identity: String,
    kind: String,
    groups: Vec<String>,
    granted: Vec<Granted>,
    used: Vec<Used>,
    never_used: Vec<String>,
    not_granted: Vec<String>,
    incomplete: bool,
    peers: Peers,
}

#[derive(Deserialize)]
struct Granted {
    name: String,
    last_granted: EventTime,
}

#[derive(Deserialize)]
struct Used {
    name: String,
    last_used: EventTime,
    days_since: i64,
}

#[derive(Deserialize)]
struct Peers {
    by: String,
    identities: u64,
    scopes: Vec<PeerScope>,
}

#[derive(Deserialize)]
struct PeerScope {
    name: String,
    held_by: u64,
    used_by: u64,
}

/// The report on an identity, one for each tenant that has one of that id.
pub(super) fn access(identity: &str, directory: &Path) -> Result<String, ExplainError> {
    check_directory(directory)?;
    let path = directory.join("access.ndjson");
    if !path.is_file() {
        return Err(ExplainError::NoFile(path));
    }
    let quoted = serde_json::Value::from(identity).to_string();
    let mentioned = mentions::<Access>(&path, &[quoted.trim_matches('"')])?;
    let mut page = Page::default();
    let mut any = false;
    for access in mentioned.found.iter().filter(|it| it.identity == identity) {
        access.tell(&mut page);
        any = true;
    }
    if !any {
        return Err(ExplainError::NoAccess {
            identity: identity.to_owned(),
            path,
            lines: mentioned.lines,
        });
    }
    Ok(page.finish())
}

impl Access {
    fn tell(&self, page: &mut Page) {
        page.heading(&format!(
            "{} ({}), tenant {}",
            plain(&self.identity),
            plain(&self.kind),
            plain(&self.tenant)
        ));
        page.line(0, "");
        let mut pairs = Pairs::default();
        if !self.groups.is_empty() {
            pairs.add("groups", plain(&self.groups.join(", ")));
        }
        let (granted, used) = (self.granted.len(), self.used.len());
        pairs.add("scopes", format!("{granted} granted, {used} used"));
        pairs.add(
            "take back?",
            listed(&self.never_used, "granted, never used"),
        );
        if !self.not_granted.is_empty() {
            let told = listed(&self.not_granted, "used, never granted");
            pairs.add("from where?", told);
        }
        let peers = &self.peers;
        let alike = match (peers.identities, peers.by.as_str()) {
            (0, _) => "nobody".to_owned(),
            (count, "group") => format!("{count} that share a group"),
            (count, _) => format!("{count} of the same kind"),
        };
        pairs.add("peers", alike);
        page.pairs(2, &pairs);
        if self.incomplete {
            page.line(
                2,
                "It had more scopes than are kept; those that rested longest are missing.",
            );
        }
        page.line(0, "");
        self.table(page);
    }

    /// A line for each scope.
    fn table(&self, page: &mut Page) {
        let granted: BTreeMap<&str, EventTime> = self
            .granted
            .iter()
            .map(|scope| (scope.name.as_str(), scope.last_granted))
            .collect();
        let used: BTreeMap<&str, &Used> = self
            .used
            .iter()
            .map(|scope| (scope.name.as_str(), scope))
            .collect();
        let mut names: Vec<&str> = granted.keys().chain(used.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        let mut rows = vec![
            [
                "scope",
                "last granted",
                "last used",
                "peers with it",
                "peers using it",
            ]
            .map(str::to_owned),
        ];
        for name in names {
            let peer = self.peers.scopes.iter().find(|scope| scope.name == name);
            rows.push([
                plain(name),
                granted.get(name).map_or("never".to_owned(), minute),
                used.get(name).map_or("never".to_owned(), |scope| {
                    format!("{}, {}", minute(&scope.last_used), ago(scope.days_since))
                }),
                peer.map_or_else(String::new, |scope| scope.held_by.to_string()),
                peer.map_or_else(String::new, |scope| scope.used_by.to_string()),
            ]);
        }
        page.columns(2, &rows);
    }
}

fn listed(names: &[String], what: &str) -> String {
    match names {
        [] => format!("nothing is {what}"),
        names => format!("{} ({what})", plain(&names.join(", "))),
    }
}

/// Scopes are known to the minute.
fn minute(time: &EventTime) -> String {
    let text = time.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

fn ago(days: i64) -> String {
    match days {
        0 => "on the last day".to_owned(),
        1 => "a day before the end".to_owned(),
        days => format!("{days} days before the end"),
    }
}
