//! Every action as a Security Event Token, for every kind of receiver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use plumbline_schemas::Vocabulary;
use plumbline_schemas::command::{Action, Command, CommandReason, Mode, Params, Target};
use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::signals::{
    Claims, Profile, Stream, SubjectFormat, Untold, claims, verification,
};
use plumbline_schemas::time::EventTime;
use proptest::prelude::*;

fn stream(profile: Profile) -> Stream {
    let (id, audience) = match profile {
        Profile::Ssf => ("gateway", "https://gateway.example.com"),
        Profile::Okta => ("okta", "https://acme.okta.com"),
        Profile::Google => ("google", "https://sharedsignals.googleapis.com"),
    };
    Stream {
        id: id.to_owned(),
        issuer: "https://signals.example.com".to_owned(),
        audience: audience.to_owned(),
        profile,
        subject: SubjectFormat::IssSub,
        subject_issuer: "https://acme.okta.com".to_owned(),
        subject_in_event: false,
    }
}

fn time(text: &str) -> EventTime {
    EventTime::parse(text).expect("a time")
}

/// A minute after the command.
fn published() -> EventTime {
    time("2026-11-16T09:27:00Z")
}

fn command(action: Action) -> Command {
    let mut params = Params::default();
    match action {
        Action::StepUp => params.max_age = Some(300),
        Action::Shorten => params.expires_in = Some(600),
        Action::Narrow => params.scopes = Some(vec!["a:read".to_owned(), "b:read".to_owned()]),
        Action::Deny => params.resource = Some("ticket/7".to_owned()),
        _ => {}
    }
    Command {
        id: "c-099e69b48ef34d9f".to_owned(),
        time: time("2026-11-16T09:26:00.750Z"),
        expires_at: time("2026-11-17T09:26:00.750Z"),
        action,
        mode: Mode::Enforce,
        target: Target {
            tenant: "acme".to_owned(),
            identity: "ann@acme.example".to_owned(),
            kind: IdentityKind::Human,
            session_id: Some("s-14".to_owned()),
            credential_id: Some("sha256:5e88".to_owned()),
        },
        params,
        reason: CommandReason {
            summary: "Oslo, NO to Lima, PE in 11 min: at least 47 114 km/h".to_owned(),
            risk: 82,
            detectors: vec!["impossible_travel".to_owned()],
            finding_ids: vec!["f-1".to_owned(), "f-2".to_owned()],
        },
        supersedes: None,
    }
}

fn told(command: &Command, profile: Profile) -> Result<Claims, Untold> {
    claims(command, &stream(profile), published())
}

/// All actions in the words of one receiver.
fn pages(profile: Profile, mode: Mode) -> String {
    let page = |action: &Action| {
        let command = Command {
            mode,
            ..command(*action)
        };
        match told(&command, profile) {
            Ok(claims) => format!(
                "# {action}\n{}\n",
                serde_json::to_string_pretty(&claims).unwrap()
            ),
            Err(untold) => format!("# {action}\n{untold}\n"),
        }
    };
    Action::ALL.iter().map(page).collect()
}

#[test]
fn every_action_as_the_standard_has_it() {
    insta::assert_snapshot!(pages(Profile::Ssf, Mode::Enforce));
}

#[test]
fn observed_commands_ask_for_nothing() {
    insta::assert_snapshot!(pages(Profile::Ssf, Mode::Observe));
}

#[test]
fn every_action_as_okta_reads_it() {
    insta::assert_snapshot!(pages(Profile::Okta, Mode::Enforce));
}

#[test]
fn every_action_as_google_reads_it() {
    insta::assert_snapshot!(pages(Profile::Google, Mode::Enforce));
}

#[test]
fn every_kind_of_identity_has_its_member() {
    let mut page = String::new();
    for kind in IdentityKind::ALL {
        for id in ["svc-billing", "spiffe://acme.example/agent/7"] {
            let mut command = command(Action::RevokeCredential);
            command.target.kind = *kind;
            command.target.identity = id.to_owned();
            let claims = told(&command, Profile::Ssf).unwrap();
            let credential_type = &claims.events[claims.event_type()]["credential_type"];
            page.push_str(&format!("{kind} {credential_type} {}\n", claims.sub_id));
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn who_has_no_email_address_is_not_told_of_by_email() {
    for (identity, kind, addressed) in [
        ("ann@acme.example", IdentityKind::Human, true),
        ("00u1a2b3", IdentityKind::Human, false),
        ("https://ann@acme.example", IdentityKind::Human, false),
        ("@acme.example", IdentityKind::Human, false),
        (
            "ci@project.iam.example",
            IdentityKind::ServiceAccount,
            false,
        ),
    ] {
        let mut command = command(Action::RevokeSession);
        identity.clone_into(&mut command.target.identity);
        command.target.kind = kind;
        for profile in [Profile::Okta, Profile::Google] {
            let told = told(&command, profile);
            let untold = told.as_ref().err() == Some(&Untold::NoSubject);
            assert_eq!(untold, !addressed, "{identity}, {profile}");
        }
        let mut stream = stream(Profile::Ssf);
        stream.subject = SubjectFormat::Email;
        let told = claims(&command, &stream, published());
        assert_eq!(told.is_ok(), addressed || kind != IdentityKind::Human);
    }
}

#[test]
fn a_revocation_without_a_session_is_about_the_credential() {
    let mut command = command(Action::RevokeSession);
    command.target.session_id = None;
    let claims = told(&command, Profile::Ssf).unwrap();
    assert_eq!(claims.sub_id["credential"]["id"], "sha256:5e88");
    assert_eq!(claims.sub_id.get("session"), None);
}

#[test]
fn no_token_is_issued_before_its_command_was_published() {
    let mut ahead = command(Action::RevokeSession);
    ahead.time = time("2026-11-16T11:00:00Z");
    let claims = told(&ahead, Profile::Ssf).unwrap();
    assert_eq!(claims.iat * 1000, published().as_millis());
}

#[test]
fn a_verification_carries_the_state_of_who_asked() {
    let claims = verification(
        &stream(Profile::Ssf),
        "v-1.gateway".to_owned(),
        7,
        Some("x"),
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&claims).unwrap());
}

fn any_of<T: Vocabulary + std::fmt::Debug + 'static>(
    all: &'static [T],
) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

proptest! {
    /// SSF 1.0, section 4.1, and the CAEP interoperability profile.
    #[test]
    fn every_token_keeps_to_the_rules(
        action in any_of(Action::ALL), mode in any_of(Mode::ALL), kind in any_of(IdentityKind::ALL),
        profile in any_of(Profile::ALL), subject in any_of(SubjectFormat::ALL), inside: bool,
        identity in "\\PC{1,20}", session in prop::option::of("\\PC{1,9}"), summary in " ?|\\PC{1,9}",
    ) {
        let mut command = command(action);
        command.mode = mode;
        command.target.kind = kind;
        command.target.identity = identity;
        command.target.session_id = session;
        command.reason.summary = summary;
        let stream = Stream { subject, subject_in_event: inside, ..stream(profile) };
        let Ok(claims) = claims(&command, &stream, published()) else { return Ok(()) };
        prop_assert_eq!(&claims, &self::claims(&command, &stream, published()).unwrap());
        let token = serde_json::to_value(&claims).unwrap();
        let allowed = ["aud", "events", "iat", "iss", "jti", "sub_id", "txn"];
        prop_assert!(token.as_object().unwrap().keys().all(|key| allowed.contains(&key.as_str())));
        prop_assert_eq!(claims.events.len(), 1);
        prop_assert!(claims.sub_id["format"].is_string());
        prop_assert_eq!(claims.iat, 1_794_821_160);
        let event = &claims.events[claims.event_type()];
        if claims.event_type().contains("/caep/") {
            prop_assert!(!event["reason_admin"]["en"].as_str().unwrap().trim().is_empty());
            prop_assert!(event["event_timestamp"].is_i64());
        }
        if profile == Profile::Ssf && !inside {
            prop_assert_eq!(event.get("subject"), None);
        }
        if mode == Mode::Observe {
            let asks_for_nothing = claims.event_type().ends_with("risk-level-change")
                || claims.event_type().ends_with("user-risk-change");
            prop_assert!(asks_for_nothing, "{}", claims.event_type());
        }
    }
}
