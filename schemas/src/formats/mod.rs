//! Log formats in: one file per format, listed once in [`ALL`].
//!
//! | name | what it reads |
//! |---|---|
//! | `native` | Plumbline's own event schema |
//! | `okta` | Okta System Log |
//! | `cloudtrail` | AWS CloudTrail, also `{"Records":[…]}` |
//! | `kong` | Kong Gateway's log plugins, also batches |
//! | `entra` | Microsoft Entra sign-ins, directory audits and calls of Microsoft Graph |
//! | `gcp` | Google Cloud audit logs, GKE among them |
//! | `workspace` | Google Workspace, the Reports API |
//! | `github` | GitHub audit log, web, Git and API |
//! | `kubernetes` | Kubernetes audit events, also as AKS and EKS wrap them |
//! | `auth0` | Auth0 tenant logs, as log streams write them |
//! | `keycloak` | Keycloak's events: JSON, or the lines of its log |
//! | `apisix` | Apache APISIX's log plugins, also batches |
//! | `envoy` | JSON access logs of Envoy and Istio |
//! | `nginx` | JSON access logs of NGINX |
//! | `ocsf` | OCSF, Authentication and API Activity |
//! | `otel` | OpenTelemetry of AI agents, spans and Claude Code's logs |
//! | `auto` | whichever of the others each record is of |
//!
//! [`SecurityEventToken`] reads the claims of tokens whose signature somebody has checked; it has no place in
//! [`ALL`], where formats are that need nothing but the record.
//!
//! A [`Format`] turns one raw record (a Kafka value, or one record of a file) into any number of
//! [`Event`]s. It is pure: geolocation and everything else that needs a file or a network comes
//! later. Secrets are hashed and dropped here, before anything else sees them ([`secret`]).
//!
//! Vendors' records are read tolerantly: a string, number or boolean is taken for what it means,
//! and `null`, `unknown`, `-` and empty are *not known*. What is wrong with one part of a batch
//! refuses that part only. What names nobody is skipped with a reason.
//!
//! An event whose class is `privilege`, `approval` or `token_revoke` stands under the identity that
//! gained, was approved or lost the token, the actor in `delegation`. Where the record's actor is
//! another, that one's `admin` event comes first and the second id ends in `/target`.
//!
//! To add a format: one file with a type that implements [`Format`], one line in [`ALL`], and
//! golden tests under `tests/` on records in the vendor's own shape.

mod agent_tools;
mod apisix;
mod auth0;
mod auto;
mod aws_actions;
mod claude_code;
mod cloudtrail;
mod countries;
mod endpoint;
mod entra;
mod entra_audit;
mod entra_graph;
mod envoy;
mod gcp;
mod github;
mod github_actions;
mod google_actions;
mod http;
mod keycloak;
mod keycloak_line;
mod kong;
mod kubernetes;
mod kubernetes_actions;
mod native;
mod nginx;
mod node;
mod ocsf;
mod okta;
mod opening;
mod otel;
mod otel_values;
mod read;
mod refusal;
pub mod secret;
mod set;
#[cfg(test)]
mod tests;
mod unfold;
mod workspace;
mod workspace_actions;

pub use native::read_event;
pub use set::SecurityEventToken;

use std::borrow::Cow;

use crate::drift::Drift;
use crate::event::Event;
use crate::json::Json;
use crate::reject::Reject;

/// Every format, in the order of the documentation.
pub const ALL: &[&dyn Format] = &[
    &native::Native,
    &okta::Okta,
    &cloudtrail::CloudTrail,
    &kong::Kong,
    &entra::Entra,
    &auth0::Auth0,
    &keycloak::Keycloak,
    &gcp::Gcp,
    &workspace::Workspace,
    &github::Github,
    &kubernetes::Kubernetes,
    &apisix::Apisix,
    &envoy::Envoy,
    &nginx::Nginx,
    &ocsf::Ocsf,
    &otel::Otel,
    &auto::Auto,
];

/// The format of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.name() == name)
}

/// What is known of a source beside its records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    /// Tenant of `native` events that name none, and of every record of the other formats, whatever
    /// account or domain the record names.
    pub tenant: Option<&'a str>,
}

/// What one raw record held.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// An event, with every bound checked.
    Event(Box<Event<'a>>),
    /// Something that could not be read: it goes to the dead letter.
    Rejected(Reject),
    /// Something that is readable but says nothing of any identity, with the reason: counted only.
    Skipped(Cow<'static, str>),
    /// A field in which what comes next is not what its format expects: counted only.
    Drift(Drift),
}

/// Takes what a record held, in order; before each part of it where that drifted.
pub type Sink<'s> = dyn FnMut(Decoded<'_>) + 's;

/// A log format.
pub trait Format: Sync {
    /// Name in the configuration and in `source` of the event.
    fn name(&self) -> &'static str;

    /// Whether one record, out of its batch, is of this format: by members that no other format's
    /// records have. It need not be well-formed otherwise.
    fn recognises(&self, record: &Json<'_>) -> bool;

    /// Whether a raw record that is no JSON is of this format.
    fn recognises_text(&self, _raw: &[u8]) -> bool {
        false
    }

    /// Reads one raw record and hands everything in it to `sink`, in order.
    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>);

    /// Reads a raw record that is parsed already, as [`decode`](Self::decode) does.
    fn decode_parsed(
        &self,
        _record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        self.decode(raw, source, sink);
    }
}
