//! What the conditions of rules can ask for, of one event and of what was found of it.
//!
//! What is not known is left out: a condition that asks for it does not hold, in whatever way it asks.

use std::collections::BTreeMap;

use cel::Context;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Risk;
use serde::Serialize;

use crate::config::condition::context;
use crate::detect::Moment;
use crate::session::Session;
use crate::signal::Signal;

/// One value. Whole numbers have a sign, since CEL does not subtract one sort from the other.
#[derive(Serialize)]
#[serde(untagged)]
enum Known<'e> {
    Text(&'e str),
    Texts(Vec<&'e str>),
    Whole(i64),
    Real(f64),
    Truth(bool),
}

type Record<'e> = BTreeMap<&'static str, Known<'e>>;

fn record<'e, const N: usize>(fields: [(&'static str, Option<Known<'e>>); N]) -> Record<'e> {
    let known = fields.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn text(text: Option<&str>) -> Option<Known<'_>> {
    text.map(Known::Text)
}

/// An empty list says no more than an absent one.
fn texts<'e>(list: impl IntoIterator<Item = &'e str>) -> Option<Known<'e>> {
    let list: Vec<&str> = list.into_iter().collect();
    (!list.is_empty()).then_some(Known::Texts(list))
}

fn whole(number: Option<u64>) -> Option<Known<'static>> {
    number.map(|number| Known::Whole(i64::try_from(number).unwrap_or(i64::MAX)))
}

/// The context in which the rules are asked about an event.
pub(super) fn circumstances<'v>(
    moment: &Moment<'_>,
    session: &Session,
    risk: Risk,
    signals: &[&Signal],
) -> Context<'static, 'v> {
    let event = moment.event;
    let findings = signals.iter().map(|signal| {
        record([
            ("detector", text(Some(signal.detector.name()))),
            ("bits", Some(Known::Real(signal.bits.rounded()))),
        ])
    });
    let findings: Vec<Record<'_>> = findings.collect();
    let risk = record([
        ("session", whole(Some(risk.session.into()))),
        ("identity", whole(Some(risk.identity.into()))),
    ]);
    let mut context = context();
    for (name, record) in [
        ("identity", identity(moment)),
        ("session", self::session(event, session)),
        ("credential", credential(event)),
        ("network", network(event)),
        ("device", device(event)),
        ("workload", workload(event)),
        ("action", action(event)),
        ("task", task(event)),
        ("risk", risk),
    ] {
        set(&mut context, name, record);
    }
    set(&mut context, "findings", findings);
    context
}

/// Text, numbers and lists of them can always be shown; what could not would be unknown to the rules.
fn set(context: &mut Context<'_, '_>, name: &str, value: impl Serialize) {
    let _ = context.add_variable(name, value);
}

fn identity<'e>(moment: &'e Moment<'_>) -> Record<'e> {
    let event = moment.event;
    record([
        ("id", text(Some(&event.identity.id))),
        ("kind", text(Some(moment.kind.as_str()))),
        (
            "groups",
            texts(event.identity.groups.iter().map(|group| &**group)),
        ),
        ("tenant", text(Some(event.tenant()))),
    ])
}

fn session<'e>(event: &'e Event<'_>, session: &Session) -> Record<'e> {
    let stated = &event.session;
    let started = stated.started_at.unwrap_or(session.started());
    let age_seconds = event.time.since(started.min(event.time)) / 1000;
    record([
        ("id", text(stated.id.as_deref())),
        ("assurance", text(stated.assurance.as_deref())),
        ("mfa", stated.mfa.map(Known::Truth)),
        ("privileged", Some(Known::Truth(session.privileged))),
        ("age_seconds", Some(Known::Whole(age_seconds))),
    ])
}

fn credential<'e>(event: &'e Event<'_>) -> Record<'e> {
    let credential = &event.credential;
    record([
        ("id", text(credential.id.as_deref())),
        (
            "kind",
            text(credential.kind.known().map(|kind| kind.as_str())),
        ),
        (
            "scopes",
            texts(credential.scopes.iter().map(|scope| &**scope)),
        ),
    ])
}

fn network<'e>(event: &'e Event<'_>) -> Record<'e> {
    let network = &event.network;
    record([
        ("ip", text(network.ip.as_deref())),
        ("asn", whole(network.asn)),
        ("country", text(network.country.as_deref())),
        ("city", text(network.city.as_deref())),
        (
            "anonymizer",
            text(network.anonymizer.known().map(|kind| kind.as_str())),
        ),
    ])
}

fn device<'e>(event: &'e Event<'_>) -> Record<'e> {
    let device = &event.device;
    record([
        ("id", text(device.id.as_deref())),
        (
            "posture",
            text(device.posture.known().map(|posture| posture.as_str())),
        ),
    ])
}

fn workload<'e>(event: &'e Event<'_>) -> Record<'e> {
    let workload = &event.workload;
    record([
        ("runtime", text(workload.runtime.as_deref())),
        ("environment", text(workload.environment.as_deref())),
        ("region", text(workload.region.as_deref())),
        ("host", text(workload.host.as_deref())),
    ])
}

fn action<'e>(event: &'e Event<'_>) -> Record<'e> {
    let action = &event.action;
    record([
        ("name", text(Some(&action.name))),
        (
            "class",
            text(action.class.known().map(|class| class.as_str())),
        ),
        ("outcome", text(Some(event.outcome().as_str()))),
        ("resource", text(action.resource.as_deref())),
        ("environment", text(action.environment.as_deref())),
        ("scopes", texts(action.scopes.iter().map(|scope| &**scope))),
        ("target_tenant", text(action.target_tenant.as_deref())),
        ("bytes_out", whole(action.bytes_out)),
        ("records", whole(action.records)),
        ("status", whole(action.status)),
    ])
}

fn task<'e>(event: &'e Event<'_>) -> Record<'e> {
    record([
        ("id", text(event.task.id.as_deref())),
        ("objective", text(event.task.objective.as_deref())),
    ])
}
