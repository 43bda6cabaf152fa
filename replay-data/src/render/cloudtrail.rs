//! Roles, users and people in CloudTrail.

use plumbline_schemas::event::{CredentialKind, Event, EventKind, IdentityKind};
use plumbline_schemas::time::EventTime;

use super::{Opening, okta, open, some};
use crate::catalogue::aws::{AwsCall, Object};
use crate::catalogue::names::{aws_id, mail, uuid};
use crate::clock::SECOND;
use crate::draft::{Draft, FOREIGN};
use crate::profile::{Cron, Profile, Role, Worker};
use crate::random::hash;
use crate::world::{ACCOUNTS, REGIONS, World};
use plumbline_schemas::event::ActionClass;

/// Services whose records name one region whatever the caller's.
pub(crate) fn is_global(name: &str) -> bool {
    name.starts_with("iam:") || name.starts_with("sts:")
}

/// Role of people in the cloud.
const SSO_ROLE: &str = "AWSReservedSSO_Developer_a1b2c3d4e5f60718";

pub(super) fn event(
    world: &World,
    who: &Profile,
    draft: &Draft,
    call: &'static AwsCall,
    object: u32,
    account: u8,
) -> Event<'static> {
    let is_person = matches!(who.role, Role::Person(_));
    let okta_id = who.id();
    let identity = match is_person {
        true => {
            let mail = mail(&okta_id);
            format!(
                "arn:aws:sts::{}:assumed-role/{SSO_ROLE}/{mail}",
                ACCOUNTS[0]
            )
        }
        false => okta_id.clone(),
    };
    let kind = if call.class == ActionClass::Admin {
        EventKind::Admin
    } else {
        EventKind::Api
    };
    let opening = Opening {
        id: uuid(draft.nonce),
        // CloudTrail tells no fractions of a second.
        time: draft.time.div_euclid(SECOND) * SECOND,
        kind,
        source: "cloudtrail",
        identity,
        identity_kind: who.kind(),
        action: call.name,
        class: call.class,
        end: draft.end,
    };
    let mut event = open(who, opening);
    credentials(who, draft, &okta_id, &mut event);
    event.device.user_agent = some(user_agent(world, who, draft));
    if !is_person {
        let (region, _) = REGIONS[usize::from(draft.setting.region)];
        event.workload.region = (!is_global(call.name)).then_some(region.into());
        event.workload.runtime =
            matches!(who.role, Role::Deployer).then_some("github-actions".into());
    }
    let name = who.group();
    event.action.resource = match call.object {
        Object::Nothing => None,
        Object::Bucket => some(format!("acme-{name}-data")),
        Object::Blob => some(format!(
            "arn:aws:s3:::acme-{name}-data/part-{object:05}.json"
        )),
        Object::Table => some(format!("{name}-items")),
        Object::Secret => some(format!("prod/{name}/secret-{object:02}")),
        Object::Key => some(format!(
            "arn:aws:kms:eu-west-1:{}:key/{}",
            ACCOUNTS[0],
            uuid(object.into())
        )),
        Object::User => some(format!("{name}-{object}")),
        Object::Role => some(format!("{name}-role")),
        Object::Function => some(format!("{name}-notify")),
    };
    event.action.bytes_out =
        (draft.bytes > 0 && call.name.starts_with("s3:")).then_some(draft.bytes.into());
    event.action.target_tenant = (account > 0).then(|| ACCOUNTS[usize::from(account)].into());
    event
}

fn credentials(who: &Profile, draft: &Draft, okta_id: &str, event: &mut Event<'static>) {
    let setting = draft.setting;
    if let Role::Cron(Cron { has_key: true, .. }) = who.role {
        event.credential.id = some(aws_id("AKIA", setting.credential));
        event.credential.kind = CredentialKind::ApiKey.into();
        return;
    }
    let is_person = who.kind() == IdentityKind::Human;
    // A person's key belongs to the session at the identity provider.
    let number = if is_person {
        hash([setting.session, 92])
    } else {
        setting.credential
    };
    let key = aws_id("ASIA", number);
    let session = match &who.role {
        Role::Person(_) => mail(okta_id),
        Role::Worker(_) => format!("i-0{:016x}", setting.task),
        Role::Deployer => "GitHubActions".to_owned(),
        _ => who.group().to_owned(),
    };
    let started = EventTime::from_millis(setting.session_start.div_euclid(SECOND) * SECOND);
    event.session.id = some(format!("{session}/{key}"));
    event.session.started_at = Some(started);
    event.session.mfa = Some(false);
    event.credential.id = some(key);
    event.credential.kind = CredentialKind::AccessToken.into();
    event.credential.issued_at = Some(started);
}

fn user_agent(world: &World, who: &Profile, draft: &Draft) -> String {
    if draft.setting.device == FOREIGN {
        return "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.12 md/arch#x86_64".to_owned();
    }
    // The toolkit is renewed with the release.
    let build = u8::from(draft.time >= world.release(who.service()));
    match &who.role {
        Role::Person(person) => okta::user_agent(person, draft.setting.device, draft.time),
        Role::Worker(Worker { .. }) => {
            format!(
                "aws-sdk-go-v2/1.39.{build} os/linux lang/go#1.25.3 md/GOOS#linux md/GOARCH#arm64"
            )
        }
        Role::Deployer => {
            "aws-cli/2.31.1 md/awscrt#0.27.6 ua/2.1 os/linux#6.11 md/arch#x86_64".to_owned()
        }
        _ => format!(
            "Boto3/1.40.{} md/Botocore#1.40.5 ua/2.1 os/linux md/arch#x86_64 lang/python#3.13.1",
            40 + build
        ),
    }
}
