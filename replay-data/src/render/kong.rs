//! Callers of the gateway.

use plumbline_schemas::event::{CredentialKind, Event, EventKind, IdentityKind};
use plumbline_schemas::formats::secret::fingerprint;

use super::{Opening, open, some};
use crate::catalogue::gateway::Route;
use crate::catalogue::names::uuid;
use crate::draft::{Draft, FOREIGN};
use crate::profile::{Client, ClientSort, Profile, Role};
use crate::random::hash;
use crate::world::REGIONS;

pub(super) fn event(
    who: &Profile,
    draft: &Draft,
    route: &'static Route,
    (object, tenant, status): (u32, u32, u16),
) -> Event<'static> {
    let kind = who.kind();
    let opening = Opening {
        id: format!("{:016x}{:016x}", draft.nonce, hash([draft.nonce, 6])),
        time: draft.time,
        kind: EventKind::Api,
        source: "kong",
        identity: who.id(),
        identity_kind: kind,
        action: route.name,
        class: route.class(),
        end: draft.end,
    };
    let mut event = open(who, opening);
    let sort = match &who.role {
        Role::Client(Client { sort, .. }) => *sort,
        _ => ClientSort::Service,
    };
    event.credential.id = Some(if sends_raw_key(sort, who.index) {
        fingerprint(&fake_key(&event.identity.id)).into()
    } else {
        uuid(draft.setting.credential).into()
    });
    event.credential.kind = match kind {
        IdentityKind::ApiKey => CredentialKind::ApiKey,
        _ => CredentialKind::AccessToken,
    }
    .into();
    event.device.user_agent = some(user_agent(sort, draft.setting.device));
    match sort {
        ClientSort::Service => {
            let (region, _) = REGIONS[usize::from(draft.setting.region)];
            event.workload.region = some(region);
        }
        ClientSort::Pipeline => {
            event.workload.runtime = some("github-actions");
            event.workload.environment = some("prod-runners");
        }
        ClientSort::Partner => {}
    }
    event.action.status = Some(status.into());
    event.action.bytes_out = Some(draft.bytes.into());
    let path = route.path.replace("{tenant}", &tenant.to_string());
    if path.len() != route.path.len() {
        event.action.target_tenant = some(format!("tenant-{tenant}"));
    }
    event.action.resource = some(path.replace("{id}", &object.to_string()));
    event
}

/// Some partners' keys get into the log as they are: the normaliser has to hash them.
fn sends_raw_key(sort: ClientSort, index: u32) -> bool {
    sort == ClientSort::Partner && (index / 20).is_multiple_of(2)
}

/// A key that is obviously none.
pub(crate) fn fake_key(consumer: &str) -> String {
    format!("fake-key-of-the-simulator-{consumer}")
}

fn user_agent(sort: ClientSort, device: u8) -> &'static str {
    match sort {
        _ if device == FOREIGN => "curl/8.16.0",
        ClientSort::Service => "okhttp/5.1.0",
        ClientSort::Pipeline => "acme-ci/3.4.1 (linux; amd64)",
        ClientSort::Partner => "python-requests/2.32.5",
    }
}
