//! Historical logs through the engine: the same bytes, whatever the files, and nothing lost.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plumbline::config::{Config, ReplayConfig};
use plumbline::replay::{ReplayError, Summary, replay};
use plumbline_schemas::time::EventTime;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Twelve office days of five people; one of them is in Lima too, minutes after Oslo.
fn office() -> Vec<String> {
    let start = EventTime::parse("2026-11-02T09:00:00Z").unwrap();
    let mut lines = Vec::new();
    for day in 0..12 {
        for minute in (0..480).step_by(30) {
            for person in 0..5 {
                let time = start.plus_millis(((day * 24 * 60 + minute) * 60 + person * 7) * 1000);
                lines.push(event(lines.len(), &format!("p{person}"), time, "Oslo"));
            }
        }
    }
    let stolen = start.plus_millis((11 * 24 * 60 + 451) * 60_000);
    lines.push(event(lines.len(), "p2", stolen, "Lima"));
    lines.sort_by_key(|line| time_of(line));
    lines
}

fn event(number: usize, identity: &str, time: EventTime, city: &str) -> String {
    let (lat, lon) = if city == "Oslo" {
        (59.91, 10.75)
    } else {
        (-12.05, -77.04)
    };
    json!({
        "id": format!("e{number:05}"), "time": time, "kind": "api", "tenant": "acme",
        "identity": { "id": identity }, "session": { "id": format!("{identity}-{city}") },
        "network": { "lat": lat, "lon": lon, "accuracy_km": 20, "city": city },
        "device": { "id": format!("{identity}-{city}") },
        "action": { "name": "mail.read", "class": "read" },
    })
    .to_string()
}

fn time_of(line: &str) -> EventTime {
    let value: Value = serde_json::from_str(line).unwrap();
    EventTime::parse(value["time"].as_str().unwrap()).unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, lines: &[String]) -> String {
        self.bytes(name, (lines.join("\n") + "\n").as_bytes())
    }

    fn bytes(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn replay(&self, inputs: &[String], out: &str) -> Result<Summary, ReplayError> {
        self.replay_some(inputs, out, |_| {})
    }

    fn replay_some(
        &self,
        inputs: &[String],
        out: &str,
        select: impl FnOnce(&mut ReplayConfig),
    ) -> Result<Summary, ReplayError> {
        let mut config = Config::default();
        config.replay.input = inputs.to_vec();
        config.replay.out = Some(self.path(out));
        select(&mut config.replay);
        replay(&config)
    }

    /// Findings, commands, the access report and the dead letters of a result.
    fn results(&self, out: &str) -> [String; 4] {
        [
            "findings.ndjson",
            "commands.ndjson",
            "access.ndjson",
            "deadletter.ndjson",
        ]
        .map(|name| fs::read_to_string(self.path(out).join(name)).unwrap())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn two_runs_give_the_same_bytes_and_the_theft_is_answered() {
    let place = Place::new();
    let input = [place.write("log.ndjson", &office())];
    let mut first = place.replay(&input, "a").unwrap();
    let mut second = place.replay(&input, "b").unwrap();
    assert_eq!(place.results("a"), place.results("b"));
    (first.wall_ms, second.wall_ms) = (0, 0);
    assert_eq!(first, second);
    assert_eq!(first.commands.get("revoke_session"), Some(&1));
    assert_eq!(
        (first.events, first.identities, first.dead_letters),
        (961, 5, 0)
    );
}

#[test]
fn a_part_of_the_log_is_replayed_as_if_it_were_all() {
    let place = Place::new();
    let mut lines = office();
    let mut acting: Value = serde_json::from_str(&lines[17]).unwrap();
    acting["id"] = "acting".into();
    acting["identity"] = json!({ "id": "agent", "kind": "ai_agent" });
    acting["delegation"] = json!([{ "id": "p2", "kind": "human" }]);
    lines.insert(18, acting.to_string());
    let input = [place.write("log.ndjson", &lines)];
    let (from, to) = ("2026-11-03T00:00:00Z", "2026-11-13T16:45:00Z");
    let (from, to) = (EventTime::parse(from), EventTime::parse(to));
    let of_time = |line: &str| Some(time_of(line)) >= from && Some(time_of(line)) < to;
    let of_p2 = |line: &str| line.contains("\"p2\"");
    for (name, is_meant) in [
        ("time", &of_time as &dyn Fn(&str) -> bool),
        ("identity", &of_p2),
        ("both", &|line: &str| of_time(line) && of_p2(line)),
    ] {
        let meant: Vec<String> = lines
            .iter()
            .filter(|line| is_meant(line))
            .cloned()
            .collect();
        let alone = [place.write(&format!("{name}.ndjson"), &meant)];
        place.replay(&alone, "alone").unwrap();
        let summary = place.replay_some(&input, "part", |replay| {
            if name != "identity" {
                (replay.from, replay.to) = (from, to);
            }
            if name != "time" {
                replay.identities = vec!["p2*".to_owned()];
            }
        });
        let summary = summary.unwrap();
        assert_eq!(place.results("part"), place.results("alone"), "{name}");
        assert_eq!(summary.events, lines.len() as u64);
        assert_eq!(
            summary.left_out,
            (lines.len() - meant.len()) as u64,
            "{name}"
        );
        assert!(!meant.is_empty() && meant.len() < lines.len(), "{name}");
        // The theft is in it, and is p2's.
        assert_eq!(summary.commands.get("revoke_session"), Some(&1), "{name}");
    }
}

#[test]
fn one_file_and_the_same_events_over_five_give_the_same_bytes() {
    let place = Place::new();
    let lines = office();
    place
        .replay(&[place.write("log.ndjson", &lines)], "whole")
        .unwrap();
    let mut dealt = vec![Vec::new(); 5];
    for (at, line) in lines.iter().enumerate() {
        dealt[at % 5].push(line.clone());
    }
    for (part, lines) in dealt.iter().enumerate() {
        place.write(&format!("dealt/{part}.ndjson"), lines);
    }
    for (part, lines) in lines.chunks(lines.len().div_ceil(5)).enumerate() {
        place.write(&format!("cut/{part}.ndjson"), lines);
    }
    for split in ["dealt", "cut"] {
        place
            .replay(&[place.path(split).display().to_string()], "split")
            .unwrap();
        assert_eq!(place.results("whole"), place.results("split"), "{split}");
    }
}

/// What another partition, whose readers are days ahead or behind, has told the partition that a file was read from.
fn told(number: usize, time: EventTime) -> String {
    json!({
        "id": format!("plumbline.used/{number:016x}"), "time": time, "kind": "context", "tenant": "acme",
        "identity": { "id": "p9" },
        "action": { "name": "plumbline.used", "resource": format!("{number:016x}") },
        "task": { "id": "elsewhere" },
    })
    .to_string()
}

#[test]
fn what_partitions_told_each_other_holds_no_partition_back() {
    let place = Place::new();
    let (some, others): (Vec<String>, Vec<String>) = office()
        .into_iter()
        .partition(|line| line.contains("\"p2\"") || line.contains("\"p4\""));
    let others = place.write("others.ndjson", &others);
    let alone = [place.write("some.ndjson", &some), others.clone()];
    place.replay(&alone, "alone").unwrap();

    let end = time_of(some.last().unwrap());
    for (at, day) in [(0, 0), (0, 11), (100, 11), (100, 0), (some.len(), 11)] {
        let time = end.plus_millis(-(11 - day) * 86_400_000);
        let mut with = some.clone();
        // Two of them: the second confirms the first.
        let news = (0..2).map(|number| told(number, time.plus_millis(number as i64)));
        with.splice(at..at, news);
        let inputs = [place.write("with.ndjson", &with), others.clone()];
        let summary = place.replay(&inputs, "told").unwrap();
        let which = format!("told of day {day} before event {at}");
        assert_eq!(place.results("told"), place.results("alone"), "{which}");
        assert_eq!(summary.late, 0, "{which}");
        assert_eq!(summary.events, 963, "{which}");
    }
}

#[test]
fn more_files_than_a_program_may_open_give_the_same_bytes() {
    const FILES: usize = 900;
    let place = Place::new();
    let lines = office();
    place
        .replay(&[place.write("log.ndjson", &lines)], "whole")
        .unwrap();
    let name = |split: &str, file: usize| format!("{split}/{file:04}.ndjson.gz");
    for file in 0..FILES {
        let dealt: Vec<&str> = lines[file..]
            .iter()
            .step_by(FILES)
            .map(|it| &**it)
            .collect();
        place.bytes(&name("dealt", file), &gzip(dealt.join("\n").as_bytes()));
    }
    for (file, line) in lines.iter().enumerate() {
        place.bytes(&name("cut", file), &gzip(line.as_bytes()));
    }
    // A file of each half is open all the time, and others are reopened where they were.
    for (file, lines) in lines.chunks(lines.len() / 2 + 1).enumerate() {
        place.bytes(
            &name("mixed", FILES + file),
            &gzip(lines.join("\n").as_bytes()),
        );
    }
    for (file, line) in lines.iter().take(FILES).enumerate() {
        place.bytes(&name("mixed", file), &gzip(line.as_bytes()));
    }
    let replayed = |split: &str, more: Option<&str>| {
        let few = "ulimit -n 700; exec \"$0\" \"$@\"";
        let ended = Command::new("sh")
            .args(["-c", few, env!("CARGO_BIN_EXE_plumbline"), "replay"])
            .args(["--format", "native", "--input"])
            .arg(place.path(split))
            .args(more)
            .arg("--out")
            .arg(place.path("split"))
            .stdin(fs::File::open(place.path("log.ndjson")).unwrap())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{ended:?}");
        place.results("split")
    };
    for split in ["dealt", "cut", "mixed"] {
        assert_eq!(replayed(split, None), place.results("whole"), "{split}");
    }
    // What cannot be opened again stays open.
    assert_eq!(replayed("cut", Some("-")), place.results("whole"));
}

#[test]
fn every_wrapping_of_the_same_log_gives_the_same_bytes() {
    let place = Place::new();
    let lines = office();
    let plain = place.write("plain.ndjson", &lines);
    place.replay(std::slice::from_ref(&plain), "plain").unwrap();
    let bytes = fs::read(&plain).unwrap();
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    let array = format!("[\n{}\n]", lines.join(",\n"));
    let wrapped = [
        place.bytes("log.gz", &gzip(&bytes)),
        place.bytes("members", &[gzip(head), gzip(tail)].concat()),
        place.bytes("log.zst", &zstd::encode_all(&bytes[..], 1).unwrap()),
        place.bytes("array.json", array.as_bytes()),
        place.bytes(
            "crlf.ndjson",
            &[b"\xEF\xBB\xBF", lines.join("\r\n\r\n").as_bytes()].concat(),
        ),
        place.path("pl*.ndjson").display().to_string(),
    ];
    for input in wrapped {
        place
            .replay(std::slice::from_ref(&input), "wrapped")
            .unwrap();
        let (plain, wrapped) = (place.results("plain"), place.results("wrapped"));
        assert_eq!(plain[..3], wrapped[..3], "{input}");
    }
}

#[test]
fn every_malformed_record_is_a_dead_letter_and_the_rest_goes_on() {
    let place = Place::new();
    let mut lines = office();
    let good = lines.len() as u64;
    let broken = [
        ("not_json", "{\"id\": ".to_owned()),
        ("not_json", "secret-in-the-wrong-place".to_owned()),
        ("wrong_type", "[]".to_owned()),
        ("missing_field", "{}".to_owned()),
        (
            "too_large",
            format!("{{\"id\":\"{}\"}}", "x".repeat(1 << 20)),
        ),
        (
            "too_long",
            event(0, "p0", time_of(&lines[50]), "Oslo").replace("e00000", &"x".repeat(129)),
        ),
        (
            "unknown_kind",
            event(9, "p0", time_of(&lines[50]), "Oslo").replace("\"api\"", "\"apy\""),
        ),
        ("bad_time", lines[50].replace("2026-", "26-")),
        ("time_too_early", lines[50].replace("2026-", "1996-")),
        ("time_ahead", lines[50].replace("2026-", "2099-")),
    ];
    for (at, (_, line)) in broken.iter().enumerate() {
        lines.insert(60 + at * 20, line.clone());
    }
    let summary = place
        .replay(&[place.write("log.ndjson", &lines)], "out")
        .unwrap();
    assert_eq!(summary.dead_letters, broken.len() as u64);
    assert_eq!(summary.events, good + broken.len() as u64);
    assert_eq!(summary.commands.get("revoke_session"), Some(&1));
    let dead = place.results("out")[3].clone();
    let reasons: Vec<String> = dead
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["reason"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected: Vec<&str> = broken.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons, expected);
    assert!(dead.len() < 100_000, "a large record is not kept whole");
}

#[test]
fn a_jump_is_believed_when_the_next_record_confirms_it() {
    let place = Place::new();
    let day = |day: i64| {
        EventTime::parse("2026-01-01T00:00:00Z")
            .unwrap()
            .plus_millis(day * 86_400_000)
    };
    let log = |days: &[i64]| -> Vec<String> {
        days.iter()
            .enumerate()
            .map(|(at, on)| event(at, "p", day(*on), "Oslo"))
            .collect()
    };
    for (days, refused) in [
        (&[0, 90, 91][..], 0),
        (&[0, 90], 0),
        (&[0, 90, 1], 1),
        (&[0, 90, 180, 270], 0),
        (&[0, 40_000, 1, 2], 1),
        (&[0, 40_000], 1),
        (&[0, 90, 40_000, 91], 1),
    ] {
        let summary = place
            .replay(&[place.write("log", &log(days))], "out")
            .unwrap();
        assert_eq!(summary.dead_letters, refused, "{days:?}");
        assert_eq!(summary.late, 0, "{days:?}");
        // Delivered twice it confirms itself no more than once.
        let twice = log(days).into_iter().flat_map(|line| [line.clone(), line]);
        let twice: Vec<String> = twice.collect();
        let summary = place.replay(&[place.write("twice", &twice)], "out");
        let summary = summary.unwrap();
        assert_eq!(summary.dead_letters, 2 * refused, "{days:?} twice");
        assert_eq!(summary.late, 0, "{days:?} twice");
        assert_eq!(
            summary.duplicates,
            days.len() as u64 - refused,
            "{days:?} twice"
        );
    }
}

#[test]
fn wrong_usage_is_said_and_a_failed_replay_leaves_no_result() {
    let place = Place::new();
    let missing = place.path("nothing-*.ndjson").display().to_string();
    assert!(matches!(place.replay(&[missing], "out"), Err(error) if error.exit_code() == 2));
    let parquet = place.bytes("log", b"PAR1");
    assert!(matches!(
        place.replay(&[parquet], "out"),
        Err(ReplayError::Parquet { .. })
    ));
    let whole = gzip(office().join("\n").as_bytes());
    let broken = place.bytes("broken.gz", &whole[..whole.len() / 2]);
    let error = place.replay(&[broken], "out").unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("broken.gz"), "{error}");
    let left: Vec<_> = fs::read_dir(place.path("out")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let file = place.bytes("file", b"");
    assert!(matches!(
        place.replay(&[file], "file"),
        Err(ReplayError::NotADirectory(_))
    ));
}

#[test]
fn what_is_read_is_not_replaced() {
    let place = Place::new();
    let log = place.write("log/findings.ndjson", &office());
    let whole = fs::read(&log).unwrap();
    let directory = place.path("log").display().to_string();
    for input in [log.clone(), directory, format!("{log}*")] {
        let refused = place.replay(&[input], "log");
        assert!(
            matches!(refused, Err(ReplayError::InputInOutput(_))),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read(&log).unwrap(), whole);
    // Beside the results it may be.
    fs::rename(&log, place.path("log/events.ndjson")).unwrap();
    let beside = [place.path("log/events.ndjson").display().to_string()];
    assert_eq!(place.replay(&beside, "log").unwrap().events, 961);
}

#[test]
fn interrupted_it_writes_what_came_of_the_records_before() {
    let place = Place::new();
    let log = office();
    let whole = place.write("log.ndjson", &log);
    place.replay(&[whole], "whole").unwrap();

    let out = place.path("part");
    let mut child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["replay", "--input", "-", "--parquet=false", "--out"])
        .arg(&out)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (first, rest) = log.split_at(log.len() - 100);
    stdin
        .write_all((first.join("\n") + "\n").as_bytes())
        .unwrap();
    // Results are begun when signals are heard already.
    let limit = Instant::now() + Duration::from_secs(60);
    while !out.join(".summary.json.partial").exists() && Instant::now() < limit {
        thread::sleep(Duration::from_millis(10));
    }
    let child_id = Pid::from_raw(child.id() as i32);
    kill(child_id, Signal::SIGINT).unwrap();
    stdin.write_all(rest.join("\n").as_bytes()).unwrap();
    drop(stdin);
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");

    let summary = fs::read(out.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["interrupted"], true);
    let events = summary["events"].as_u64().unwrap() as usize;
    assert!(events < log.len(), "{events}");
    assert!(
        said.contains(&format!("the first {events} records")),
        "{said}"
    );
    // What it has come to is what those records alone come to.
    let part = place.write("part.ndjson", &log[..events]);
    place.replay(&[part], "alone").unwrap();
    assert_eq!(place.results("part"), place.results("alone"));
    let hidden = fs::read_dir(&out).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn an_empty_log_gives_empty_results() {
    let place = Place::new();
    let summary = place.replay(&[place.bytes("empty", b"")], "out").unwrap();
    assert_eq!((summary.events, summary.event_time_first), (0, None));
    assert_eq!(place.results("out"), [""; 4]);
    assert!(Path::new(&place.path("out").join("summary.json")).exists());
}

#[test]
fn what_is_granted_and_used_is_listed_for_every_identity_with_scopes() {
    let place = Place::new();
    let lines: Vec<String> = (0..4)
        .map(|at| {
            let time = EventTime::parse("2026-11-02T09:00:00Z").unwrap();
            let line = event(at, ["b", "a", "c", "none"][at], time, "Oslo");
            let mut line: Value = serde_json::from_str(&line).unwrap();
            line["time"] = json!(time.plus_millis(at as i64 * 86_400_000));
            if at < 3 {
                line["credential"] = json!({ "scopes": ["mail:send", "mail:read"] });
                line["action"]["scopes"] = json!(["mail:read"]);
                let group = ["ops", "ops", "sales"][at];
                line["identity"]["groups"] = json!([group]);
            }
            line.to_string()
        })
        .collect();
    let input = place.write("log.ndjson", &lines);
    place.replay(&[input], "out").unwrap();
    let report = fs::read_to_string(place.path("out").join("access.ndjson")).unwrap();
    insta::assert_snapshot!(report);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_split_of_a_log_gives_the_same_bytes(deal in prop::collection::vec(0_usize..4, 961)) {
        let place = Place::new();
        let lines = office();
        place.replay(&[place.write("log.ndjson", &lines)], "whole").unwrap();
        let mut parts = vec![Vec::new(); 4];
        for (line, part) in lines.iter().zip(deal) {
            parts[part].push(line.clone());
        }
        let files: Vec<String> = parts
            .iter()
            .enumerate()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(part, lines)| place.write(&format!("{part}.ndjson"), lines))
            .collect();
        place.replay(&files, "split").unwrap();
        prop_assert_eq!(place.results("whole"), place.results("split"));
    }
}

/// The file of a jump, or of several files, writes events down before it takes them: what was not
/// known then is counted all the same.
#[test]
fn drift_is_counted_however_the_log_is_split_and_said_at_the_end() {
    let place = Place::new();
    let mut lines: Vec<String> = office().into_iter().take(60).collect();
    for (at, line) in lines.iter_mut().enumerate() {
        *line = match at % 5 {
            0 => line.replace(r#""class":"read""#, r#""class":"teleport""#),
            1 => line.replace(r#""name":"mail.read""#, r#""name":["mail","read"]"#),
            2 => line.replace(r#""kind":"api""#, r#""kind":"teleport""#),
            _ => continue,
        };
    }
    let whole = place
        .replay(&[place.write("whole.ndjson", &lines)], "whole")
        .unwrap();
    let parts: Vec<String> = lines
        .chunks(17)
        .enumerate()
        .map(|(at, part)| place.write(&format!("part{at}.ndjson"), part))
        .collect();
    let parts = place.replay(&parts, "parts").unwrap();
    assert_eq!(whole.drift, parts.drift);
    assert_eq!(
        serde_json::to_value(&whole.drift).unwrap(),
        json!({ "native": {
            "action.class": { "unknown": 12 },
            "action.name": { "mistyped": 12 },
            "kind": { "unknown": 12 },
        } })
    );
    let said = whole.to_string();
    let drift = "drift:        native action.class unknown 12, native action.name mistyped 12, native kind unknown 12";
    assert_eq!(said.lines().last(), Some(drift), "{said}");
}

#[test]
fn lines_of_text_that_begin_with_a_date_are_read_from_the_first_on() {
    let place = Place::new();
    let line = |second: usize| {
        format!(
            "[2026-01-05 10:00:0{second},310] WARN  [org.keycloak.events] (executor-thread-1) \
             type=\"LOGIN_ERROR\", realmId=\"r\", realmName=\"acme\", clientId=\"app\", userId=\"u{second}\", \
             ipAddress=\"192.0.2.7\", error=\"invalid_user_credentials\", username=\"ann\""
        )
    };
    let lines: Vec<String> = (0..5).map(line).collect();
    let text = lines.join("\n");
    // A frame that holds no data comes first where compressors work in parallel.
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..]];
    let framed = [
        &skippable.concat()[..],
        &zstd::encode_all(text.as_bytes(), 1).unwrap(),
    ];
    for input in [
        place.bytes("plain.log", text.as_bytes()),
        place.bytes("packed.log", &gzip(text.as_bytes())),
        place.bytes("framed.log", &framed.concat()),
    ] {
        let keycloak = |replay: &mut ReplayConfig| replay.format = "keycloak".to_owned();
        let summary = place.replay_some(&[input], "out", keycloak).unwrap();
        let read = (summary.events, summary.dead_letters, summary.identities);
        assert_eq!(read, (5, 0, 5));
    }
}
