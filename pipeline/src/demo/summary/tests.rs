use plumbline_schemas::command::{Action, Command, CommandReason, Mode, Params, Target};

use super::super::report::{Answer, Latencies, SourceCounts};
use super::*;

fn time(text: &str) -> EventTime {
    EventTime::parse(text).expect("a time")
}

fn command(who: (&str, IdentityKind), at: &str, action: Action, why: &str, risk: u8) -> Command {
    Command {
        id: format!("c-{}", who.0),
        time: time(at),
        expires_at: time(at).plus_millis(3_600_000),
        action,
        mode: Mode::Enforce,
        target: Target {
            tenant: "acme".to_owned(),
            identity: who.0.to_owned(),
            kind: who.1,
            session_id: Some("s-1".to_owned()),
            credential_id: None,
        },
        params: Params::default(),
        reason: CommandReason {
            summary: why.to_owned(),
            risk,
            detectors: vec!["impossible_travel".to_owned()],
            finding_ids: vec!["f-1".to_owned()],
        },
        supersedes: None,
    }
}

const ANN: (&str, IdentityKind) = ("ann@acme.example", IdentityKind::Human);
const ROLE: (&str, IdentityKind) = (
    "arn:aws:iam::123456789012:role/service-roles/nightly-billing-export",
    IdentityKind::ServiceAccount,
);

fn attack(name: &str, (who, kind): (&str, IdentityKind), answer: Option<Answer>) -> AttackRow {
    AttackRow {
        name: name.to_owned(),
        identity: who.to_owned(),
        kind,
        answer,
    }
}

fn report() -> Report {
    let ms = Duration::from_micros;
    let travel = "London to Lima in 11 min: at least 53 900 km/h";
    let volume = "9 100 calls in 10 min where 40 are usual".repeat(3);
    Report {
        config: "[kafka]\nbootstrap_servers = \"127.0.0.1:9092\"\n\n[[source]]\n".to_owned(),
        sources: vec![
            SourceCounts {
                topic: "okta-system-log",
                format: "okta",
                records: 1_204,
                events: 1_204,
            },
            SourceCounts {
                topic: "cloudtrail",
                format: "cloudtrail",
                records: 812,
                events: 10_345,
            },
        ],
        events: 11_549,
        identities: 61,
        period: (time("2026-03-01T00:00:03Z"), time("2026-03-14T23:59:58Z")),
        findings: 9,
        commands: vec![
            CommandRow {
                command: command(
                    ANN,
                    "2026-03-14T09:11:04.120Z",
                    Action::RevokeSession,
                    travel,
                    82,
                ),
                bits: 31.4,
                attack: Some("impossible travel".to_owned()),
            },
            CommandRow {
                command: command(ROLE, "2026-03-14T10:00:00Z", Action::StepUp, &volume, 40),
                bits: 17.25,
                attack: None,
            },
        ],
        attacks: vec![
            attack(
                "impossible travel",
                ANN,
                Some(Answer {
                    action: "revoke_session",
                    after: Duration::from_secs(664),
                }),
            ),
            attack("call volume", ROLE, None),
        ],
        innocent_commanded: 1,
        latency: Latencies {
            pace: 2_000,
            to_log: Latency {
                count: 9_411,
                p50: ms(1_240),
                p90: ms(2_000),
                p99: ms(5_310),
                max: ms(48_120),
            },
            to_command: Latency {
                count: 2,
                p50: ms(3_000),
                p90: ms(4_000),
                p99: ms(4_000),
                max: ms(4_000),
            },
        },
        differences: vec!["command c-1: read twice".to_owned()],
        wall: Duration::from_millis(12_340),
    }
}

#[test]
fn a_bad_end_is_told_as_one() {
    let report = report();
    assert!(!report.is_good());
    insta::assert_snapshot!(render(&report, false));
}

#[test]
fn a_good_end_is_told_as_one() {
    let mut report = report();
    report.commands.truncate(1);
    report.attacks.truncate(1);
    report.innocent_commanded = 0;
    report.differences.clear();
    assert!(report.is_good());
    insta::assert_snapshot!(render(&report, false));
}

#[test]
fn nothing_but_colours_is_added_for_a_terminal() {
    let report = report();
    let (plain, coloured) = (render(&report, false), render(&report, true));
    assert!(!plain.contains('\u{1b}'));
    let mut stripped = String::new();
    for part in coloured.split('\u{1b}') {
        let text = part.strip_prefix('[').and_then(|code| code.split_once('m'));
        stripped.push_str(text.map_or(part, |(_, text)| text));
    }
    assert_eq!(stripped, plain);
}
