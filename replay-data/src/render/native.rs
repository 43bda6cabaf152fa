//! People, machines and pipelines whose own systems write native events.

use plumbline_schemas::event::{
    ActionClass, CredentialKind, Delegate, Event, EventKind, IdentityKind, Posture,
};

use super::{Opening, open, some, time};
use crate::catalogue::deeds::Deed;
use crate::clock::{DAY, HOUR, SECOND};
use crate::draft::{Draft, FOREIGN, LAPTOP, PHONE};
use crate::native::{Native, Office};
use crate::profile::{Profile, Role};
use crate::random::hash;
use crate::world::{REGIONS, World};

/// The clock of the consoles and of the internal API runs behind that of the identity provider.
const SKEW: i64 = 20 * SECOND;

pub(super) fn event(
    world: &World,
    who: &Profile,
    draft: &Draft,
    deed: &'static Deed,
    (object, tenant): (u32, u32),
) -> Event<'static> {
    let is_auth = deed.kind == EventKind::Auth;
    let opening = Opening {
        id: format!("nat-{:016x}", draft.nonce),
        time: if is_auth {
            draft.time
        } else {
            draft.time - SKEW
        },
        kind: deed.kind,
        source: if is_auth { "idp" } else { "platform" },
        identity: who.id(),
        identity_kind: who.kind(),
        action: deed.name,
        class: deed.class,
        end: draft.end,
    };
    let mut event = open(who, opening);
    apply(&mut event, deed, object, draft.bytes);
    if tenant > 0 {
        event.action.target_tenant = some(format!("tenant-{tenant}"));
    }
    let Role::Native(native) = &who.role else {
        return event;
    };
    if native.office.is_human() {
        human(who, draft, &mut event);
    } else {
        machine(world, who, native, draft, &mut event);
    }
    if deed.class == ActionClass::TokenRotate {
        event.action.resource = some(credential_id(who, object.into()));
    }
    event
}

/// Makes an event one of this deed.
pub(crate) fn apply(event: &mut Event<'static>, deed: &'static Deed, object: u32, bytes: u32) {
    let action = &mut event.action;
    event.kind = deed.kind;
    action.name = deed.name.into();
    action.class = deed.class.into();
    action.resource = (!deed.resource.is_empty())
        .then(|| deed.resource.replace("{}", &object.to_string()).into());
    action.environment = deed.is_production.then_some("production".into());
    action.scopes = match deed.scope {
        "" => Vec::new(),
        scope => vec![scope.into()],
    };
    action.bytes_out = (bytes > 0).then_some(bytes.into());
    action.records =
        (bytes > 0 && deed.record_bytes > 0).then(|| u64::from(bytes / deed.record_bytes).max(1));
}

fn human(who: &Profile, draft: &Draft, event: &mut Event<'static>) {
    let setting = draft.setting;
    if setting.session != 0 {
        event.session.id = some(format!("s-{:016x}", setting.session));
        event.session.started_at = time(setting.session_start);
        event.session.authenticated_at = time(setting.authenticated);
        event.session.assurance = some("aal2");
        event.session.mfa = Some(true);
        if setting.is_lent {
            event.session.jit_until = time(setting.session_start + 2 * HOUR);
        }
    }
    event.credential.kind = match event.action.class.known() {
        Some(ActionClass::Login) => CredentialKind::Password.into(),
        _ => CredentialKind::SessionCookie.into(),
    };
    if setting.session != 0 {
        event.credential.id = some(format!("cookie-{:016x}", hash([setting.session, 94])));
    }
    // A device is replaced every 120 days, a browser renewed every 28, not for all at once.
    let day = setting.session_start.div_euclid(DAY) + i64::from(who.index) * 7;
    let (generation, version) = (day.div_euclid(120), day.div_euclid(28));
    let device = hash([
        who.seed,
        who.index.into(),
        setting.device.into(),
        generation as u64,
        95,
    ]);
    event.device.id = some(format!("dev-{device:016x}"));
    event.device.posture = (setting.device == LAPTOP)
        .then_some(Posture::Compliant)
        .into();
    event.device.user_agent = some(match setting.device {
        LAPTOP if version % 2 == 0 => {
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/146.0.0.0 Safari/537.36"
        }
        LAPTOP => "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/147.0.0.0 Safari/537.36",
        PHONE => "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) Safari/604.1",
        _ => "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    });
    event.device.tls_fingerprint = some(match setting.device {
        LAPTOP => "t13d1516h2_8daaf6152771_02713d6af862",
        PHONE => "t13d2014h2_a09f3c656075_14788d8d241b",
        _ => "t13d1715h2_5b57614c22b0_3d5424432f57",
    });
}

fn machine(
    world: &World,
    who: &Profile,
    native: &Native,
    draft: &Draft,
    event: &mut Event<'static>,
) {
    let setting = draft.setting;
    event.session.id = some(format!("run-{:016x}", setting.session));
    // A machine's session is known from the same clock as what is done in it.
    event.session.started_at = time(setting.session_start - SKEW);
    let (region, _) = REGIONS[usize::from(setting.region)];
    event.workload.region = some(region);
    let (runtime, environment, host) = match native.office {
        Office::Pipeline => ("github-actions", "prod-runners", "runner"),
        Office::Deployer => ("github-actions", "prod-deploy", "runner"),
        _ => ("kubernetes", "prod", "node"),
    };
    event.workload.runtime = some(runtime);
    event.workload.environment = some(environment);
    event.workload.host = some(format!("{host}-{region}-{}", setting.device));
    let credential = &mut event.credential;
    credential.id = some(credential_id(who, setting.credential));
    let (kind, issued) = match native.office {
        Office::Deployer => (CredentialKind::Federated, setting.session_start),
        Office::Assistant => (CredentialKind::AccessToken, setting.session_start),
        Office::Pipeline => (
            CredentialKind::ApiKey,
            native.issued_at(setting.credential as i64),
        ),
        _ => (
            CredentialKind::ClientSecret,
            native.issued_at(setting.credential as i64),
        ),
    };
    credential.kind = kind.into();
    credential.issued_at = time(issued);
    credential.bound_to = match native.office {
        Office::Deployer => some(format!("repo:acme/{}", who.id())),
        Office::Pipeline | Office::Service => some(format!("workload:{}", who.id())),
        _ => None,
    };
    event.device.user_agent = some(match draft.setting.device {
        FOREIGN => "curl/8.16.0",
        _ => "acme-sdk/4.2.0",
    });
    if native.office == Office::Assistant
        && let Some(owner) = world.profiles.get(native.owner as usize)
    {
        event.delegation.push(Delegate {
            id: owner.id().into(),
            kind: IdentityKind::Human.into(),
        });
    }
}

fn credential_id(who: &Profile, number: u64) -> String {
    format!(
        "sha256:{:016x}",
        hash([who.seed, who.index.into(), number, 96])
    )
}
