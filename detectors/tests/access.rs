//! What is granted against what is used, told from events.

#![allow(missing_docs, clippy::expect_used)]

mod story;

use plumbline_detectors::access::Access;
use plumbline_schemas::event::{IdentityKind, Outcome};
use story::{DAY, HOUR, MINUTE, Story, Tell, call, monday};

fn machine(id: &str, groups: &[&str]) -> Tell {
    let mut tell = call(id, "GET /invoices").kind(IdentityKind::ServiceAccount);
    tell.0.identity.groups = groups
        .iter()
        .map(|group| (*group).to_owned().into())
        .collect();
    tell
}

fn granted(mut tell: Tell, scopes: &[&str]) -> Tell {
    tell.0.credential.scopes = scopes
        .iter()
        .map(|scope| (*scope).to_owned().into())
        .collect();
    tell
}

fn of<'a>(access: &'a [Access], id: &str) -> &'a Access {
    let found = access.iter().find(|access| access.identity == id);
    found.expect("listed")
}

fn listed(story: &Story) -> Vec<Access> {
    story.engine().access().collect()
}

#[test]
fn what_is_granted_and_never_used_is_told_with_what_the_peers_do() {
    let mut story = Story::new();
    let both = &["invoices:write", "invoices:read"][..];
    let team = &["billing"][..];
    story.tell(granted(machine("b", team), both).scope("invoices:read"));
    story.tell(
        granted(machine("a", &["billing", "ops"]), both)
            .scope("invoices:write")
            .at(monday(DAY)),
    );
    story.tell(granted(machine("c", &["other"]), both).at(monday(DAY)));
    story.tell(machine("nobody", team).at(monday(5 * DAY + HOUR)));

    let access = listed(&story);
    let ids: Vec<&str> = access.iter().map(|access| &*access.identity).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let b = of(&access, "b");
    let names: Vec<&str> = b.granted.iter().map(|granted| &*granted.name).collect();
    assert_eq!(names, ["invoices:read", "invoices:write"]);
    assert_eq!(b.used.len(), 1);
    assert_eq!((b.used[0].last_used, b.used[0].days_since), (monday(0), 5));
    assert_eq!(b.never_used, ["invoices:write"]);
    assert!(b.not_granted.is_empty());
    assert_eq!((b.peers.by, b.peers.identities), ("group", 1));
    let peers = b.peers.scopes.iter();
    let peers: Vec<_> = peers.map(|peer| (peer.held_by, peer.used_by)).collect();
    assert_eq!(peers, [(1, 0), (1, 1)]);
    assert_eq!(of(&access, "a").groups, ["billing", "ops"]);
    assert_eq!(of(&access, "c").peers.identities, 0);
}

#[test]
fn a_use_without_a_grant_counts_only_where_grants_are_stated() {
    let mut story = Story::new();
    story.tell(granted(machine("stated", &[]), &["a"]).scope("b"));
    story.tell(machine("unstated", &[]).scope("b"));
    let access = listed(&story);
    assert_eq!(of(&access, "stated").not_granted, ["b"]);
    assert!(of(&access, "unstated").not_granted.is_empty());
    let peers = &of(&access, "unstated").peers;
    assert_eq!((peers.by, peers.identities), ("kind", 1));
}

#[test]
fn what_was_denied_is_neither_held_nor_used() {
    let mut story = Story::new();
    let asked = granted(machine("svc", &[]), &["admin:all"]).scope("admin:all");
    story.tell(asked.outcome(Outcome::Denied));
    assert!(listed(&story).is_empty());
}

#[test]
fn groups_follow_what_is_last_stated_and_stay_where_nothing_is() {
    let mut story = Story::new();
    story.tell(granted(machine("svc", &["old"]), &["a"]));
    story.tell(granted(machine("svc", &["new"]), &["a"]).at(monday(MINUTE)));
    story.tell(granted(machine("svc", &[]), &["a"]).at(monday(2 * MINUTE)));
    assert_eq!(listed(&story)[0].groups, ["new"]);
}

#[test]
fn the_same_name_in_another_tenant_is_no_peer() {
    let mut story = Story::new();
    for (tenant, id) in [("b", "x"), ("a", "y"), ("a", "x")] {
        let mut tell = granted(machine(id, &["team"]), &["s"]);
        tell.0.tenant = Some(tenant.into());
        story.tell(tell);
    }
    let access = listed(&story);
    let order = access.iter().map(|a| (&*a.tenant, &*a.identity));
    let order: Vec<_> = order.collect();
    assert_eq!(order, [("a", "x"), ("a", "y"), ("b", "x")]);
    let peers = access.iter().map(|access| access.peers.identities);
    assert_eq!(peers.collect::<Vec<_>>(), [1, 1, 0]);
}
