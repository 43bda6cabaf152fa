//! A replay that was interrupted or killed is gone on with, to the bytes of one that never was.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plumbline::config::Config;
use plumbline::replay::{ReplayError, Summary, replay_until};
use plumbline_detectors::config::Span;
use plumbline_replay_data::{Options, Simulation};
use proptest::prelude::*;
use serde_json::{Value, json};

/// An organisation with attacks, whose events are partly labelled, of one time, unknown words, broken, twice there,
/// or far ahead.
fn log() -> Vec<String> {
    let options = Options {
        identities: 25,
        days: 12,
        seed: 11,
        rate: Some(9.0),
        catalogue: true,
        ..Options::default()
    };
    let mut lines = Vec::new();
    for (at, arrival) in Simulation::new(&options).unwrap().enumerate() {
        let mut event = serde_json::to_value(&arrival.event).unwrap();
        if at % 97 == 5 {
            event["labels"] = json!({ "attack": format!("attack-{}", at % 3) });
        }
        // So many in a row have one time, and what they lead to is written in the order of their identities.
        let time = event["time"].as_str().unwrap().to_owned();
        if at % 5 != 0 && at % 50 < 25 {
            event["time"] = json!(time.replace(&time[14..], "00:00.000Z"));
        }
        let line = event.to_string();
        match at % 211 {
            17 => lines.push("{\"id\": ".to_owned()),
            40 => lines.push(line.clone()),
            71 => lines.push(line.replace("\"class\":\"read\"", "\"class\":\"teleport\"")),
            103 => lines.push(line.replace("\"time\":\"20", "\"time\":\"21")),
            _ => {}
        }
        lines.push(line);
    }
    lines
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bytes(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn plain(&self, name: &str, lines: &[String]) -> String {
        self.bytes(name, (lines.join("\n") + "\n").as_bytes())
    }

    /// One file; several that are merged, packed otherwise each; an array; envelopes.
    fn shapes(&self) -> [Vec<String>; 4] {
        let lines = log();
        let mut dealt = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        for (at, line) in lines.iter().enumerate() {
            // The last of them ends long before the others.
            dealt[if at > lines.len() / 3 { at % 3 } else { at % 4 }].push(line.clone());
        }
        let packed = dealt.each_ref().map(|lines| lines.join("\n"));
        let whole: Vec<String> = lines
            .iter()
            .filter(|line| serde_json::from_str::<Value>(line).is_ok())
            .cloned()
            .collect();
        let envelopes: Vec<String> = whole
            .chunks(7)
            .map(|lines| format!("{{\"records\": [{}]}}", lines.join(", ")))
            .collect();
        let array = format!("[\n{}\n]", whole.join(",\n"));
        [
            vec![self.plain("whole.ndjson", &lines)],
            vec![
                self.bytes("0.gz", &gzip(packed[0].as_bytes())),
                self.bytes("1.zst", &zstd::encode_all(packed[1].as_bytes(), 1).unwrap()),
                self.bytes("2.ndjson", packed[2].as_bytes()),
                self.bytes("3.gz", &gzip(packed[3].as_bytes())),
            ],
            vec![self.bytes("array.json", array.as_bytes())],
            vec![self.plain("envelopes.json", &envelopes)],
        ]
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn config(inputs: &[String], out: &Path) -> Config {
    let mut config = Config::default();
    config.replay.input = inputs.to_vec();
    config.replay.out = Some(out.to_owned());
    config.replay.parquet = false;
    config
}

fn resuming(inputs: &[String], out: &Path) -> Config {
    let mut config = config(inputs, out);
    config.replay.resume = true;
    config
}

fn undisturbed(config: &Config) -> Summary {
    replay_until(config, &mut || false).unwrap()
}

/// Replays until so many records have come, and says whether that was the end.
fn interrupted(config: &Config, records: u64) -> bool {
    let mut asked = 0;
    let ended = replay_until(config, &mut || {
        asked += 1;
        asked > records
    });
    match ended {
        Ok(_) => true,
        Err(error @ ReplayError::Interrupted { .. }) => {
            assert_eq!(error.exit_code(), 130);
            assert!(error.to_string().contains("--resume"), "{error}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// Every file of a result, below it too; of the summary what is of the log.
fn results(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in directory.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            if path.ends_with("summary.json") {
                let mut summary: Value = serde_json::from_slice(&bytes).unwrap();
                for measured in ["wall_ms", "state_bytes"] {
                    summary[measured] = 0.into();
                }
                bytes = summary.to_string().into_bytes();
            }
            found.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
        }
    }
    let mut found = BTreeMap::new();
    walk(out, out, &mut found);
    found
}

fn assert_same(one: &Path, other: &Path, how: &str) {
    let (one, other) = (results(one), results(other));
    let names = |of: &BTreeMap<PathBuf, Vec<u8>>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other), "{how}");
    for (name, bytes) in &one {
        if bytes != &other[name] {
            let at = bytes.iter().zip(&other[name]).take_while(|(a, b)| a == b);
            let at = at.count();
            let cut = |bytes: &[u8]| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())])
                    .into_owned()
            };
            panic!(
                "{how}: {} differs at byte {at}:\n{}\n{}",
                name.display(),
                cut(bytes),
                cut(&other[name])
            );
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(fs::copy(&path, copied).unwrap()),
        }
    }
}

#[test]
fn wherever_it_was_interrupted_the_results_are_those_of_one_replay() {
    let place = Place::new();
    for (shape, inputs) in place.shapes().iter().enumerate() {
        let whole = place.path(&format!("whole-{shape}"));
        let summary = undisturbed(&config(inputs, &whole));
        assert!(summary.findings.len() > 3 && summary.commands.len() > 1);
        assert!(summary.dead_letters > 0 || shape > 1, "{summary}");
        for at in [0, 1, 700, 2222, summary.events - 3] {
            let out = place.path(&format!("part-{shape}-{at}"));
            let how = format!("shape {shape}, record {at}");
            assert!(!interrupted(&config(inputs, &out), at), "{how}");
            let part: Value =
                serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
            assert_eq!(part["interrupted"], true, "{how}");
            assert!(part["events"].as_u64().unwrap() < at + 200, "{how}");
            undisturbed(&resuming(inputs, &out));
            assert_same(&whole, &out, &how);
        }
    }
}

#[test]
fn whenever_it_was_killed_what_is_left_can_be_gone_on_with() {
    let place = Place::new();
    for (shape, inputs) in place.shapes().iter().enumerate() {
        let whole = place.path(&format!("whole-{shape}"));
        let events = undisturbed(&config(inputs, &whole)).events;
        // What a process leaves that ends there is what its files hold there.
        let (out, mut asked) = (place.path(&format!("out-{shape}")), 0);
        let mut frequent = config(inputs, &out);
        frequent.replay.checkpoint_interval = Some(Span::millis(1));
        let kept = replay_until(&frequent, &mut || {
            if [3, events / 3, events / 2, events - 50].contains(&asked) {
                copy(&out, &place.path(&format!("killed-{shape}-{asked}")));
            }
            asked += 1;
            false
        });
        // Checkpoints change nothing of it, and leave nothing.
        kept.unwrap();
        assert_same(&whole, &out, "with checkpoints");
        for at in [3, events / 3, events / 2, events - 50] {
            let killed = place.path(&format!("killed-{shape}-{at}"));
            assert!(at == 3 || killed.join(".replay-checkpoint").exists());
            assert!(!killed.join("findings.ndjson").exists());
            undisturbed(&resuming(inputs, &killed));
            assert_same(&whole, &killed, &format!("shape {shape}, killed at {at}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn however_often_it_is_interrupted_it_comes_to_the_same_end(
        shape in 0_usize..4,
        steps in prop::collection::vec(0_u64..900, 1..12),
    ) {
        let place = Place::new();
        let inputs = &place.shapes()[shape];
        let whole = place.path("whole");
        undisturbed(&config(inputs, &whole));
        let out = place.path("out");
        let mut ended = interrupted(&config(inputs, &out), steps[0]);
        for records in &steps[1..] {
            ended = ended || interrupted(&resuming(inputs, &out), *records);
        }
        if !ended {
            undisturbed(&resuming(inputs, &out));
        }
        assert_same(&whole, &out, &format!("shape {shape}, {steps:?}"));
    }
}

#[test]
fn what_is_another_replay_is_not_gone_on_with() {
    let place = Place::new();
    let inputs = [place.plain("log.ndjson", &log())];
    let out = place.path("out");
    assert!(!interrupted(&config(&inputs, &out), 1000));
    let refused = |config: &Config, what: &str| {
        let error = replay_until(config, &mut || false).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        let said = error.to_string();
        assert!(
            said.contains(what) && said.contains("leave --resume out"),
            "{said}"
        );
    };
    let mut other = resuming(&inputs, &out);
    other.engine.lateness = Span::hours(3);
    refused(&other, "configuration");
    let mut other = resuming(&inputs, &out);
    other.replay.tenant = Some("acme".to_owned());
    refused(&other, "tenant");
    let second = place.plain("second.ndjson", &log()[..9]);
    refused(
        &resuming(&[inputs[0].clone(), second], &out),
        "number of files",
    );
    // What was refused is still there.
    let whole = place.path("whole");
    undisturbed(&config(&inputs, &whole));
    undisturbed(&resuming(&inputs, &out));
    assert_same(&whole, &out, "afterwards");

    assert!(!interrupted(&config(&inputs, &out), 1000));
    let mut longer = fs::OpenOptions::new()
        .append(true)
        .open(&inputs[0])
        .unwrap();
    writeln!(longer, "{}", log()[0]).unwrap();
    refused(&resuming(&inputs, &out), "log.ndjson");
    let stream = resuming(&["-".to_owned()], &out);
    let error = replay_until(&stream, &mut || false).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("stream"), "{error}");
}

#[test]
fn what_is_damaged_is_noticed() {
    let place = Place::new();
    let inputs = [place.plain("log.ndjson", &log())];
    let (whole, out) = (place.path("whole"), place.path("out"));
    let events = undisturbed(&config(&inputs, &whole)).events;
    let (mut asked, killed) = (0, place.path("killed"));
    let mut frequent = config(&inputs, &out);
    frequent.replay.checkpoint_interval = Some(Span::millis(1));
    let ended = replay_until(&frequent, &mut || {
        asked += 1;
        if asked == events / 2 {
            copy(&out, &killed);
        }
        false
    });
    ended.unwrap();
    let entries = killed.join(".replay-checkpoint").read_dir().unwrap();
    let mut checkpoints: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    checkpoints.sort_by_key(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    });
    assert_eq!(checkpoints.len(), 2, "{checkpoints:?}");
    let bytes = fs::read(&checkpoints[1]).unwrap();
    let changed = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    let size = bytes.len();
    let torn = [
        bytes[..size / 2].to_vec(),
        bytes[..size - 1].to_vec(),
        Vec::new(),
        changed(size / 2),
        changed(60),
        changed(size - 2),
    ];
    for (at, torn) in torn.iter().enumerate() {
        // The one before is whole; without it everything begins anew.
        for has_older in [true, false] {
            let resumed = place.path(&format!("resumed-{at}-{has_older}"));
            copy(&killed, &resumed);
            let checkpoints = checkpoints.iter();
            let names: Vec<_> = checkpoints.map(|path| path.file_name().unwrap()).collect();
            fs::write(resumed.join(".replay-checkpoint").join(names[1]), torn).unwrap();
            if !has_older {
                fs::remove_file(resumed.join(".replay-checkpoint").join(names[0])).unwrap();
            }
            let mut records = 0;
            let ended = replay_until(&resuming(&inputs, &resumed), &mut || {
                records += 1;
                false
            });
            ended.unwrap();
            assert_eq!(records < events, has_older, "{at}");
            assert_same(&whole, &resumed, &format!("torn {at}, {has_older}"));
        }
    }
    // A result that is no longer what it was is not added to.
    let resumed = place.path("resumed");
    copy(&killed, &resumed);
    fs::write(resumed.join(".findings.ndjson.partial"), "{}\n").unwrap();
    undisturbed(&resuming(&inputs, &resumed));
    assert_same(&whole, &resumed, "with a result that was changed");
}

#[cfg(feature = "analyst")]
type Rows = Vec<Vec<Option<String>>>;

/// Names of the files of each table, and the rows in them.
#[cfg(feature = "analyst")]
fn tables(out: &Path) -> BTreeMap<&'static str, (Vec<String>, Rows)> {
    use plumbline::analyst::Database;
    let database = Database::open(&[out.to_owned()]).unwrap();
    let sorted = [
        ("events", "\"offset\""),
        ("findings", "time, id"),
        ("commands", "time, id"),
    ];
    let read = |(name, order): (&'static str, &str)| {
        let entries = out.join(name).read_dir().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let rows = database
            .rows(&format!("select * from {name} order by {order}"))
            .unwrap();
        (name, (names.collect(), rows))
    };
    sorted.map(read).into_iter().collect()
}

#[cfg(feature = "analyst")]
#[test]
fn the_tables_hold_the_same_rows() {
    let place = Place::new();
    for (shape, inputs) in place.shapes()[..2].iter().enumerate() {
        let with_tables = |mut config: Config| {
            config.replay.parquet = true;
            config
        };
        let whole = place.path(&format!("whole-{shape}"));
        let events = undisturbed(&with_tables(config(inputs, &whole))).events;
        let expected = tables(&whole);
        assert!(expected.values().all(|(_, rows)| rows.len() > 3));
        let (out, killed) = (
            place.path(&format!("out-{shape}")),
            place.path(&format!("killed-{shape}")),
        );
        let mut frequent = with_tables(config(inputs, &out));
        frequent.replay.checkpoint_interval = Some(Span::millis(1));
        let mut asked = 0;
        let ended = replay_until(&frequent, &mut || {
            asked += 1;
            if asked == events / 2 {
                copy(&out, &killed);
            }
            false
        });
        ended.unwrap();
        assert_eq!(tables(&out), expected, "with checkpoints");
        // Killed, then interrupted twice, and gone on with each time.
        for records in [900, 1100] {
            assert!(!interrupted(
                &with_tables(resuming(inputs, &killed)),
                records
            ));
            assert!(killed.join("events").exists());
        }
        undisturbed(&with_tables(resuming(inputs, &killed)));
        assert_eq!(tables(&killed), expected, "shape {shape}");
        let left = killed.read_dir().unwrap();
        let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!{ left }.any(|name| name.starts_with('.')));
        // Read again, the tables are the same log.
        let again = place.path(&format!("again-{shape}"));
        let events = [killed.join("events").display().to_string()];
        assert!(!interrupted(&config(&events, &again), 1500));
        undisturbed(&resuming(&events, &again));
        let line = |out: &Path| fs::read_to_string(out.join("commands.ndjson")).unwrap();
        assert_eq!(line(&again), line(&whole));
    }
}

fn started(inputs: &[String], out: &Path, more: &[&str], config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["replay", "--parquet=false", "--out"])
        .arg(out)
        .arg("--config")
        .arg(config)
        .args(more)
        .arg("--input")
        .args(inputs)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_that_is_killed_twice_is_gone_on_with_from_its_checkpoints() {
    let place = Place::new();
    // Long enough to be killed in: the same organisation again and again, under other tenants.
    let one = log();
    let lines: Vec<String> = one
        .iter()
        .flat_map(|line| {
            (0..12)
                .map(move |tenant| line.replacen('{', &format!("{{\"tenant\":\"t{tenant}\","), 1))
        })
        .collect();
    let inputs = [place.plain("log.ndjson", &lines)];
    let settings = place.bytes(
        "plumbline.toml",
        b"[replay]\ncheckpoint_interval = \"20ms\"\n",
    );
    let settings = Path::new(&settings);
    let (whole, out) = (place.path("whole"), place.path("out"));
    undisturbed(&config(&inputs, &whole));
    let mut resumed = 0;
    for kill in 0..3 {
        let how = if kill == 0 { &[][..] } else { &["--resume"] };
        let mut child = started(&inputs, &out, how, settings);
        let before = last_checkpoint(&out);
        let limit = Instant::now() + Duration::from_secs(60);
        while last_checkpoint(&out) < before + 3 && Instant::now() < limit {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        let said = child.wait_with_output().unwrap().stderr;
        resumed += usize::from(String::from_utf8_lossy(&said).contains("resumed"));
    }
    assert_eq!(resumed, 2);
    assert!(!out.join("summary.json").exists());
    let ended = started(&inputs, &out, &["--resume"], settings)
        .wait_with_output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_same(&whole, &out, "killed");
}

/// The number of the last checkpoint; 0 where there is none.
fn last_checkpoint(out: &Path) -> u64 {
    let entries = out
        .join(".replay-checkpoint")
        .read_dir()
        .into_iter()
        .flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| Some(name.parse::<u64>().ok()? + 1))
        .max()
        .unwrap_or(0)
}
