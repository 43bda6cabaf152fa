//! What is granted against what is used: for whoever is asked to grant more.
//!
//! One [`Access`] per identity that ever stated a scope (`event.credential.scopes`) or used one
//! (`event.action.scopes`), beside its peers: the other identities of the tenant that stand here too and
//! share a group with it or, where it states no group, are of its kind. Like everything that is learnt
//! it comes from events that succeeded and were not answered with a command: what a thief used is
//! nothing that the account needs.

use std::collections::BTreeMap;

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;
use serde::Serialize;

use crate::engine::Engine;
use crate::identity::Identity;
use crate::names::{Name, Names};
use crate::scopes::{Held, Scopes};

const DAY_MS: i64 = 86_400_000;

/// What one identity is granted and uses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Access {
    /// The customer or organisation.
    pub tenant: String,
    /// Stable id.
    pub identity: String,
    /// What it is.
    pub kind: IdentityKind,
    /// Its peer groups, as last stated.
    pub groups: Vec<String>,
    /// What its credentials stated.
    pub granted: Vec<Granted>,
    /// What its actions used.
    pub used: Vec<Used>,
    /// Granted, and never used.
    pub never_used: Vec<String>,
    /// Used, and never granted; empty where no grant was ever stated, as nothing follows from that.
    pub not_granted: Vec<String>,
    /// Whether it had more scopes than are kept, so that some are missing here.
    pub incomplete: bool,
    /// What those like it hold and use.
    pub peers: Peers,
}

/// A scope that a credential stated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Granted {
    /// The scope.
    pub name: String,
    /// When it was last stated, to the minute.
    pub last_granted: EventTime,
}

/// A scope that an action used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Used {
    /// The scope.
    pub name: String,
    /// When it was last used, to the minute.
    pub last_used: EventTime,
    /// Whole days from then to the end of the log.
    pub days_since: i64,
}

/// Those like an identity, itself not among them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peers {
    /// What makes them its peers: `group` or `kind`.
    pub by: &'static str,
    /// How many they are.
    pub identities: usize,
    /// For each scope of the identity how many of them hold and use it.
    pub scopes: Vec<PeerScope>,
}

/// A scope of an identity among its peers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerScope {
    /// The scope.
    pub name: String,
    /// So many peers were granted it.
    pub held_by: usize,
    /// So many peers used it.
    pub used_by: usize,
}

impl Engine {
    /// Lists what every identity with a scope is granted and uses, by tenant and identity.
    pub fn access(&self) -> impl Iterator<Item = Access> {
        let end = self.clock().unwrap_or_default();
        let mut rows: Vec<Row<'_>> = self.identities.iter().filter_map(Row::of).collect();
        rows.sort_by_key(|row| (row.identity.tenant(), row.identity.id()));
        let crowds = Crowds::of(&rows, &self.names);
        rows.into_iter()
            .map(move |row| row.access(end, &crowds, &self.names))
    }
}

/// An identity that has scopes.
struct Row<'e> {
    identity: &'e Identity,
    scopes: &'e Scopes,
}

impl<'e> Row<'e> {
    fn of(identity: &'e Identity) -> Option<Self> {
        let scopes = identity.facts.access()?;
        Some(Self { identity, scopes })
    }

    /// Sorted names of its groups.
    fn groups(&self, names: &'e Names) -> Vec<&'e str> {
        sorted(self.scopes.groups.iter().copied(), names)
    }

    fn access(&self, end: EventTime, crowds: &Crowds<'e>, names: &'e Names) -> Access {
        let mut held: Vec<&Held> = self.scopes.held.iter().collect();
        held.sort_by_key(|held| names.text(held.name));
        let granted = held.iter().filter_map(|held| {
            Some(Granted {
                name: names.text(held.name).to_owned(),
                last_granted: held.granted.time()?,
            })
        });
        let used = held.iter().filter_map(|held| {
            let last_used = held.used.time()?;
            Some(Used {
                name: names.text(held.name).to_owned(),
                last_used,
                days_since: end.since(last_used).max(0) / DAY_MS,
            })
        });
        let (granted, used): (Vec<Granted>, Vec<Used>) = (granted.collect(), used.collect());
        let only = |wanted: &dyn Fn(&Held) -> bool| -> Vec<String> {
            let wanted = held.iter().filter(|held| wanted(held));
            wanted
                .map(|held| names.text(held.name).to_owned())
                .collect()
        };
        Access {
            tenant: self.identity.tenant().to_owned(),
            identity: self.identity.id().to_owned(),
            kind: self.identity.kind,
            groups: self.groups(names).into_iter().map(str::to_owned).collect(),
            never_used: only(&|held| held.used.time().is_none()),
            not_granted: match granted.is_empty() {
                true => Vec::new(),
                false => only(&|held| held.granted.time().is_none()),
            },
            granted,
            used,
            incomplete: self.scopes.is_cut,
            peers: self.peers(&held, crowds, names),
        }
    }

    fn peers(&self, held: &[&Held], crowds: &Crowds<'e>, names: &'e Names) -> Peers {
        let likeness = Likeness::of(self, names);
        let by = likeness.word();
        let crowd = crowds.find(self.identity.tenant(), &likeness);
        let scopes = held.iter().map(|held| {
            let name = names.text(held.name);
            let count = crowd.and_then(|crowd| crowd.scopes.get(name));
            // The crowd counts the identity itself too.
            let others = |all: usize, own: bool| all.saturating_sub(usize::from(own));
            PeerScope {
                name: name.to_owned(),
                held_by: others(count.map_or(0, |c| c.held), held.granted.time().is_some()),
                used_by: others(count.map_or(0, |c| c.used), held.used.time().is_some()),
            }
        });
        Peers {
            by,
            identities: crowd.map_or(0, |crowd| crowd.identities.saturating_sub(1)),
            scopes: scopes.collect(),
        }
    }
}

/// What identities are compared by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness<'e> {
    /// Any of these groups.
    Groups(Vec<&'e str>),
    Kind(IdentityKind),
}

impl<'e> Likeness<'e> {
    fn of(row: &Row<'e>, names: &'e Names) -> Self {
        match row.groups(names) {
            groups if groups.is_empty() => Self::Kind(row.identity.kind),
            groups => Self::Groups(groups),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Groups(_) => "group",
            Self::Kind(_) => "kind",
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    held: usize,
    used: usize,
}

/// Everybody who is alike, counted once for all of them.
#[derive(Debug, Default)]
struct Crowd<'e> {
    identities: usize,
    scopes: BTreeMap<&'e str, Count>,
}

/// The crowds of a log, by tenant and by what makes them alike.
struct Crowds<'e>(BTreeMap<&'e str, BTreeMap<Likeness<'e>, Crowd<'e>>>);

impl<'e> Crowds<'e> {
    fn of(rows: &[Row<'e>], names: &'e Names) -> Self {
        let mut of_group: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        let mut of_kind: BTreeMap<(&str, IdentityKind), Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let tenant = row.identity.tenant();
            for group in row.groups(names) {
                of_group.entry((tenant, group)).or_default().push(at);
            }
            let kind = (tenant, row.identity.kind);
            of_kind.entry(kind).or_default().push(at);
        }
        let mut crowds: BTreeMap<&str, BTreeMap<Likeness<'_>, Crowd<'_>>> = BTreeMap::new();
        for row in rows {
            let tenant = row.identity.tenant();
            let known = crowds.entry(tenant).or_default();
            known
                .entry(Likeness::of(row, names))
                .or_insert_with_key(|likeness| {
                    let mut members: Vec<usize> = match likeness {
                        Likeness::Groups(groups) => groups
                            .iter()
                            .filter_map(|group| of_group.get(&(tenant, *group)))
                            .flatten()
                            .copied()
                            .collect(),
                        Likeness::Kind(kind) => {
                            of_kind.get(&(tenant, *kind)).cloned().unwrap_or_default()
                        }
                    };
                    members.sort_unstable();
                    members.dedup();
                    Crowd::of(members.iter().map(|at| &rows[*at]), names)
                });
        }
        Self(crowds)
    }

    fn find(&self, tenant: &str, likeness: &Likeness<'e>) -> Option<&Crowd<'e>> {
        self.0.get(tenant)?.get(likeness)
    }
}

impl<'e> Crowd<'e> {
    fn of<'r>(rows: impl Iterator<Item = &'r Row<'e>>, names: &'e Names) -> Self
    where
        'e: 'r,
    {
        let mut crowd = Self::default();
        for row in rows {
            crowd.identities += 1;
            for held in &row.scopes.held {
                let count = crowd.scopes.entry(names.text(held.name)).or_default();
                count.held += usize::from(held.granted.time().is_some());
                count.used += usize::from(held.used.time().is_some());
            }
        }
        crowd
    }
}

fn sorted(items: impl Iterator<Item = Name>, names: &Names) -> Vec<&str> {
    let mut texts: Vec<&str> = items.map(|name| names.text(name)).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}
