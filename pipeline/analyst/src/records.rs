//! Events, findings and commands as rows. The cells stand in the order of
//! [`plumbline_schemas::arrow`].

use plumbline_schemas::command::Command;
use plumbline_schemas::event::{
    ActionClass, Anonymizer, CredentialKind, Event, IdentityKind, Posture, Verdict,
};
use plumbline_schemas::finding::Finding;
use plumbline_schemas::known::Text;
use plumbline_schemas::time::EventTime;

use crate::batch::Batch;

/// Where an event stands in its log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    partition: Option<i32>,
    offset: i64,
    broker_time: Option<EventTime>,
}

impl Place {
    /// The place in a log that was read from files, which have neither partitions nor a broker.
    pub(crate) fn of_file(offset: i64) -> Self {
        Self {
            partition: None,
            offset,
            broker_time: None,
        }
    }

    /// The place in a topic.
    pub(crate) fn of_topic(partition: i32, offset: i64, broker_time: Option<EventTime>) -> Self {
        Self {
            partition: Some(partition),
            offset,
            broker_time,
        }
    }
}

/// Appends an event that stands at this place.
pub(crate) fn append_event(batch: &mut Batch, event: &Event<'_>, place: Place) {
    let mut row = batch.row();
    row.text(&*event.id)
        .time(event.time)
        .text(event.kind.as_str())
        .text(known(&event.source))
        .text(event.tenant())
        .text(&*event.identity.id)
        .text(event.identity_kind().as_str())
        .texts(&event.identity.groups);
    let session = &event.session;
    row.text(known(&session.id))
        .time(session.started_at)
        .time(session.authenticated_at)
        .text(known(&session.assurance))
        .truth(session.mfa)
        .time(session.expires_at)
        .time(session.jit_until);
    let credential = &event.credential;
    row.text(known(&credential.id))
        .text(credential.kind.known().map(CredentialKind::as_str))
        .time(credential.issued_at)
        .texts(&credential.scopes)
        .text(known(&credential.bound_to));
    let network = &event.network;
    row.text(known(&network.ip))
        .float(network.lat)
        .float(network.lon)
        .float(network.accuracy_km)
        .text(known(&network.country))
        .text(known(&network.city))
        .count(network.asn)
        .text(known(&network.as_org))
        .text(network.anonymizer.known().map(Anonymizer::as_str));
    row.text(known(&event.device.id))
        .text(known(&event.device.user_agent))
        .text(event.device.posture.known().map(Posture::as_str))
        .text(known(&event.device.tls_fingerprint))
        .text(known(&event.workload.runtime))
        .text(known(&event.workload.environment))
        .text(known(&event.workload.region))
        .text(known(&event.workload.host));
    let action = &event.action;
    row.text(&*action.name)
        .text(action.class.known().map(ActionClass::as_str))
        .text(event.outcome().as_str())
        .text(known(&action.resource))
        .text(known(&action.environment))
        .texts(&action.scopes)
        .text(known(&action.target_tenant))
        .count(action.bytes_out)
        .count(action.records)
        .count(action.status);
    let delegation = event.delegation.iter();
    row.text(known(&event.task.id))
        .text(known(&event.task.objective))
        .texts(&event.task.allowed)
        .links(delegation.map(|link| (&*link.id, link.kind.known().map(IdentityKind::as_str))))
        .text(event.feedback.verdict.known().map(Verdict::as_str))
        .text(known(&event.feedback.command_id))
        .text(known(&event.feedback.finding_id))
        .text(known(&event.feedback.by))
        .text(known(&event.labels.attack));
    row.narrow(place.partition)
        .wide(place.offset)
        .time(place.broker_time);
}

/// Appends a finding.
pub(crate) fn append_finding(
    batch: &mut Batch,
    finding: &Finding,
) -> Result<(), serde_json::Error> {
    let evidence = serde_json::to_string(&finding.evidence)?;
    batch
        .row()
        .text(&*finding.id)
        .time(finding.time)
        .text(&*finding.tenant)
        .text(&*finding.identity.id)
        .text(finding.identity.kind.as_str())
        .text(finding.session_id.as_deref())
        .text(finding.credential_id.as_deref())
        .text(&*finding.detector)
        .text(finding.severity.as_str())
        .float(finding.surprise_bits)
        .byte(finding.risk.session)
        .byte(finding.risk.identity)
        .texts(&finding.technique)
        .text(&*finding.summary)
        .text(&*evidence)
        .texts(&finding.event_ids);
    Ok(())
}

/// Appends a command.
pub(crate) fn append_command(batch: &mut Batch, command: &Command) {
    let (target, params, reason) = (&command.target, &command.params, &command.reason);
    batch
        .row()
        .text(&*command.id)
        .time(command.time)
        .time(command.expires_at)
        .text(command.action.as_str())
        .text(command.mode.as_str())
        .text(&*target.tenant)
        .text(&*target.identity)
        .text(target.kind.as_str())
        .text(target.session_id.as_deref())
        .text(target.credential_id.as_deref())
        .count(params.max_age)
        .text(params.acr_values.as_deref())
        .count(params.expires_in)
        .texts(params.scopes.as_deref().unwrap_or_default())
        .text(params.resource.as_deref())
        .text(&*reason.summary)
        .byte(reason.risk)
        .texts(&reason.detectors)
        .texts(&reason.finding_ids)
        .text(command.supersedes.as_deref());
}

fn known<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
    text.as_deref()
}
