//! The program from outside: exit status, and what goes to stdout and what to stderr.

#![expect(clippy::expect_used, reason = "a test that cannot start is to fail")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, Header};

fn plumbline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(arguments).env_clear();
    command
}

fn ended(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        status.code().expect("not killed"),
        text(stdout),
        text(stderr),
    )
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/config")
        .join(name);
    path.display().to_string()
}

#[test]
fn a_right_configuration_ends_with_0_and_its_summary_on_stdout() {
    let file = fixture("full.toml");
    let (status, stdout, stderr) = ended(&mut plumbline(&["check", &file]));
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with(&format!("{file}: ok\n")), "{stdout}");
}

#[test]
fn the_file_can_be_named_by_a_variable() {
    let file = fixture("full.toml");
    let (status, _, stderr) = ended(plumbline(&["check"]).env("PLUMBLINE_CONFIG", file));
    assert_eq!((status, stderr.as_str()), (0, ""));
}

#[test]
fn a_wrong_configuration_ends_with_2_and_its_mistakes_on_stderr() {
    let file = fixture("mistakes.toml");
    let (status, stdout, stderr) = ended(&mut plumbline(&["check", &file]));
    assert_eq!((status, stdout.as_str()), (2, ""));
    let place = format!("{file}:2:1");
    assert!(stderr.contains(&place), "{stderr}");
}

#[test]
fn a_missing_configuration_ends_with_2_and_its_cause() {
    let (status, stdout, stderr) = ended(&mut plumbline(&["check", "nowhere.toml"]));
    assert_eq!((status, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr);
}

#[test]
fn wrong_usage_ends_with_2_on_stderr() {
    for arguments in [&[][..], &["chekc"], &["check"], &["check", "a", "b"]] {
        let (status, stdout, stderr) = ended(&mut plumbline(arguments));
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains("Usage: plumbline"), "{stderr}");
    }
}

#[test]
fn help_and_version_end_with_0_on_stdout() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["check", "--help"],
    ] {
        let (status, stdout, stderr) = ended(&mut plumbline(arguments));
        assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(stdout.contains("plumbline"), "{stdout}");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    for arguments in [&["check", &fixture("full.toml")][..], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = plumbline(arguments)
            .stdout(Stdio::from(writer))
            .output()
            .expect("started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    }
}

/// A directory with these files.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    directory
}

const RECORDS: &str = r#"{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"api","identity":{"id":"svc","kind":"robot"},"action":{"name":"GET /v1"}}
{"id":"e2","time":"soon","kind":"api","identity":{"id":"svc"},"action":{"name":"GET /v1"}}
no JSON
"#;

#[test]
fn a_sample_is_told_record_by_record_and_a_refused_one_ends_with_1() {
    let directory = files(&[("records.ndjson", RECORDS)]);
    let (status, stdout, stderr) = ended(
        plumbline(&["check", "--sample", "records.ndjson", "--format", "native"])
            .current_dir(directory.path()),
    );
    assert_eq!(status, 1);
    insta::assert_snapshot!(format!("{stdout}---\n{stderr}"));
}

#[test]
fn a_sample_is_read_as_the_source_of_the_configuration() {
    let okta = r#"{"uuid":"u1","published":"2026-11-20T10:15:30Z","eventType":"user.session.start","actor":{"id":"00u1","type":"Robot"},"outcome":{"result":"SUCCESS"}}"#;
    let one = "[[source]]\ntopic = 'a'\nformat = 'okta'\ntenant = 'acme'\n";
    let two = format!("{one}[[source]]\ntopic = 'b'\nformat = 'kong'\n");
    let directory = files(&[("okta.ndjson", okta), ("one.toml", one), ("two.toml", &two)]);
    let checked = |arguments: &[&str]| {
        let sample = ["check", "--sample", "okta.ndjson"];
        let (status, stdout, stderr) =
            ended(plumbline(&[&sample, arguments].concat()).current_dir(directory.path()));
        format!(
            "{arguments:?} {status}\n{stdout}{}",
            stderr.lines().next().unwrap_or("")
        )
    };
    let told = [
        checked(&["--", "one.toml"]),
        checked(&["--source", "a", "two.toml"]),
        checked(&["--source", "c", "two.toml"]),
        checked(&["--", "two.toml"]),
        checked(&["--format", "auto"]),
        checked(&["--format", "okta", "--program", "acme.vrl"]),
        checked(&[]),
    ];
    insta::assert_snapshot!(told.join("\n---\n"));
}

const PROGRAM: &str = "[[source]]\ntopic = 'acme'\nformat = 'vrl'\nprogram = 'acme.vrl'\n";

#[cfg(not(feature = "vrl"))]
#[test]
fn a_build_without_vrl_says_so() {
    let directory = files(&[("acme.toml", PROGRAM), ("acme.vrl", ".")]);
    for arguments in [
        &["check", "acme.toml"][..],
        &["run", "--config", "acme.toml"],
        &["check", "--sample", "acme.toml", "--format", "vrl"],
    ] {
        let (status, _, stderr) = ended(plumbline(arguments).current_dir(directory.path()));
        assert_eq!(status, 2, "{stderr}");
        assert!(
            stderr.contains("this build of plumbline has no VRL"),
            "{stderr}"
        );
    }
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_build_without_a_way_to_a_collector_says_so() {
    let directory = files(&[("log.toml", "[log]\notlp = 'http://127.0.0.1:4318'\n")]);
    let mut demo = plumbline(&["demo"]);
    demo.env("PLUMBLINE_LOG_OTLP", "http://127.0.0.1:4318");
    for command in [
        &mut plumbline(&["check", "log.toml"]),
        &mut plumbline(&["run", "--config", "log.toml"]),
        &mut demo,
    ] {
        let (status, stdout, stderr) = ended(command.current_dir(directory.path()));
        assert_eq!((status, stdout.as_str()), (2, ""));
        assert_eq!(
            stderr,
            "error: log.otlp: this build of plumbline sends its log to no collector; build it with its default \
             features, or with `--features otlp`\n"
        );
    }
}

#[cfg(feature = "vrl")]
#[test]
fn a_program_that_is_wrong_ends_with_2_and_its_lines() {
    let wrong = ". = {\n  \"id\": now(),\n  \"n\": upcase(.a)\n}\n";
    let directory = files(&[("acme.toml", PROGRAM), ("acme.vrl", wrong)]);
    let told = [
        &["check", "acme.toml"][..],
        &["run", "--config", "acme.toml"],
        &[
            "replay",
            "--input",
            "acme.toml",
            "--format",
            "vrl",
            "--program",
            "acme.vrl",
            "--out",
            "x",
        ],
        &[
            "replay",
            "--input",
            "acme.toml",
            "--format",
            "vrl",
            "--out",
            "x",
        ],
        &[
            "check",
            "--sample",
            "acme.toml",
            "--format",
            "vrl",
            "--program",
            "none.vrl",
        ],
    ]
    .map(|arguments| {
        let (status, _, stderr) = ended(plumbline(arguments).current_dir(directory.path()));
        format!("{arguments:?} {status}\n{stderr}")
    });
    insta::assert_snapshot!(told.join("---\n"));
}

#[cfg(feature = "vrl")]
#[test]
fn a_program_reads_a_sample_and_a_replay() {
    let program = "if .skip == true { abort \"not for us\" }\n. = {\n  \"id\": string!(.id), \
                   \"time\": .at, \"kind\": \"api\",\n  \"identity\": { \"id\": .who, \"kind\": \"robot\" },\n  \
                   \"action\": { \"name\": \"x\" }\n}\n";
    let records = r#"{"id": "1", "at": "2026-11-20T10:15:30Z", "who": "ann"}
{"skip": true}
{"id": 2, "at": "2026-11-20T10:15:30Z", "who": "ann"}
{"id": "3", "who": "ann"}
"#;
    let directory = files(&[
        ("acme.toml", PROGRAM),
        ("acme.vrl", program),
        ("a.ndjson", records),
    ]);
    let sample = ["check", "acme.toml", "--sample", "a.ndjson"];
    let (status, stdout, _) = ended(plumbline(&sample).current_dir(directory.path()));
    assert_eq!(status, 1);
    let replay = [
        "replay",
        "--input",
        "a.ndjson",
        "--format",
        "vrl",
        "--program",
        "acme.vrl",
        "--out",
        "out",
        "--parquet=false",
    ];
    let (status, _, stderr) = ended(plumbline(&replay).current_dir(directory.path()));
    assert_eq!(status, 0, "{stderr}");
    let dead = directory.path().join("out/deadletter.ndjson");
    let dead = std::fs::read_to_string(dead).expect("written");
    let summary = std::fs::read(directory.path().join("out/summary.json")).expect("written");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    insta::assert_snapshot!(format!("{stdout}---\n{dead}---\n{}", summary["drift"]));
}

/// A key of an issuer, as it signs and as it is published.
struct Key(jsonwebtoken::EncodingKey, Jwk);

impl Key {
    fn new(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = AsDer::as_der(&pair).expect("DER");
        let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key");
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).expect("a key");
        jwk.common.key_id = Some(id.to_owned());
        Self(key, jwk)
    }

    fn signs(&self, header: &Header, claims: &serde_json::Value) -> String {
        jsonwebtoken::encode(header, claims, &self.0).expect("a token")
    }
}

#[test]
fn only_tokens_that_the_issuer_has_signed_for_us_are_believed() {
    let (ours, other) = (Key::new("k-1"), Key::new("k-2"));
    // Beside a key of a sort that is yet to be invented.
    let keys =
        serde_json::json!({ "keys": [{ "kty": "PQ", "kid": "k-9", "alg": "ML-DSA-87" }, ours.1] });
    let keys = keys.to_string();
    let config = "[[source]]\ntopic = 'signals'\nformat = 'set'\ntokens = { issuer = 'https://idp', audience = 'us', keys = 'k.json' }\n";
    let claims = serde_json::json!({
        "iss": "https://idp", "aud": ["us"], "jti": "j-1", "iat": 1_795_312_800,
        "sub_id": { "format": "complex", "user": { "format": "opaque", "id": "ann" }, "session": { "format": "opaque", "id": "s-1" } },
        "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
    });
    let header = |typ: &str, kid: &str| {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(kid.to_owned());
        header
    };
    let with = |key: &str, value: &str| {
        let mut claims = claims.clone();
        claims[key] = value.into();
        claims
    };
    let right = header("secevent+jwt", "k-1");
    let good = ours.signs(&right, &claims);
    let unsigned = "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJub25lIn0.e30.";
    // A secret of ours that everybody knows: what is published.
    let published = jsonwebtoken::EncodingKey::from_secret(keys.as_bytes());
    let mut symmetric = header("secevent+jwt", "k-1");
    symmetric.alg = Algorithm::HS256;
    let tokens = [
        good.clone(),
        format!("\"{good}\""),
        ours.signs(&header("JWT", "k-1"), &claims),
        ours.signs(&header("secevent+jwt", "k-9"), &claims),
        other.signs(&right, &claims),
        ours.signs(&right, &with("iss", "https://elsewhere")),
        ours.signs(&right, &with("aud", "them")),
        jsonwebtoken::encode(&symmetric, &claims, &published).expect("a token"),
        unsigned.to_owned(),
        claims.to_string(),
    ];
    let directory = files(&[
        ("set.toml", config),
        ("k.json", &keys),
        ("t.txt", &tokens.join("\n")),
    ]);
    let sample = ["check", "set.toml", "--sample", "t.txt"];
    let (status, stdout, _) = ended(plumbline(&sample).current_dir(directory.path()));
    assert_eq!(status, 1, "{stdout}");
    insta::assert_snapshot!(stdout.replace(&directory.path().display().to_string(), "DIR"));

    std::fs::write(directory.path().join("k.json"), "{}").expect("written");
    let (status, _, stderr) =
        ended(plumbline(&["check", "set.toml"]).current_dir(directory.path()));
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("no public key"), "{stderr}");
}
