//! The bot: whatever is killed whenever, every command is carried out, in order, once where nothing is killed,
//! and acknowledged; a rehearsal leaves nothing behind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::{Line, Random, wait};
use serde_json::{Value, json};

use super::told::{self, PEOPLE, in_order, parts, raw};

const COMMANDS: u64 = 300;
const KILLS: u64 = 3;
const SEED: u64 = 0xb07;
const SECRET: &str = "a secret that signs";

/// What a webhook has been posted, and what it said.
#[derive(Default)]
struct Desk {
    /// Id of the command, and the status.
    got: Vec<(String, u16)>,
    /// Signatures that were wrong.
    forged: usize,
    /// Every so many requests it is away.
    away_every: Option<usize>,
}

/// HMAC as RFC 2104 writes it, of a key that is shorter than a block.
fn hmac(key: &str, text: &[u8]) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        key.bytes()
            .zip(&mut block)
            .for_each(|(key, byte)| *byte ^= key);
        block
    };
    let inner = digest(&SHA256, &[&pad(0x36)[..], text].concat());
    let outer = digest(&SHA256, &[&pad(0x5c)[..], inner.as_ref()].concat());
    outer
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A webhook that refuses whatever is about a resource named `no`.
fn serve(desk: Arc<Mutex<Desk>>) -> SocketAddr {
    async fn take(
        State(desk): State<Arc<Mutex<Desk>>>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        let header = |name: &str| headers[name].to_str().unwrap();
        let timestamp = header("plumbline-timestamp");
        let signed = [timestamp.as_bytes(), b".", &body].concat();
        let expected = format!("sha256={}", hmac(SECRET, &signed));
        let command: Value = serde_json::from_slice(&body).unwrap();
        let mut desk = desk.lock().unwrap();
        desk.forged += usize::from(header("plumbline-signature") != expected);
        assert_eq!(header("plumbline-command"), command["id"]);
        let number = desk.got.len() + 1;
        let is_away = desk
            .away_every
            .is_some_and(|every| number.is_multiple_of(every));
        let status = match command["params"]["resource"] == "no" {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false if is_away => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::NO_CONTENT,
        };
        let id = command["id"].as_str().unwrap().to_owned();
        desk.got.push((id, status.as_u16()));
        status
    }
    told::serve(Router::new().route("/", post(take)).with_state(desk))
}

fn command(identity: &str, number: u64) -> Value {
    told::command(identity, number, "deny")
}

fn commands(numbers: Range<u64>) -> Vec<Raw> {
    told::commands(numbers, "deny")
}

fn line(name: &str, address: SocketAddr) -> Line {
    Line::new(name, 3)
        .with(&format!(
            "[[bot.target]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{address}/\"\n\
             secret = \"${{file:hook.secret}}\""
        ))
        .written()
}

fn created(line: Line) -> Line {
    std::fs::write(line.path("hook.secret"), format!("{SECRET}\n")).unwrap();
    line.run(&["topics", "--config", "plumbline.toml", "--create"])
        .well();
    line
}

const BOT: [&str; 3] = ["bot", "--config", "plumbline.toml"];

/// Verdicts by command, as the feedback topic has them.
fn verdicts(line: &Line) -> BTreeMap<String, Vec<String>> {
    let mut verdicts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in line.read("feedback") {
        let event: Value = serde_json::from_slice(&record.value).unwrap();
        let said = |key: &str| event["feedback"][key].as_str().unwrap().to_owned();
        assert_eq!(
            record.key,
            format!("acme/{}", event["identity"]["id"].as_str().unwrap())
        );
        assert_eq!(
            (event["kind"].as_str(), said("by")),
            (Some("feedback"), "hook".to_owned())
        );
        verdicts
            .entry(said("command_id"))
            .or_default()
            .push(said("verdict"));
    }
    verdicts
}

fn await_verdicts(line: &Line, count: usize) -> BTreeMap<String, Vec<String>> {
    wait::until("every command to be answered", WORK_LIMIT, || {
        let verdicts = verdicts(line);
        match verdicts.len() >= count {
            true => Ok(verdicts),
            false => Err(format!("{} of {count}", verdicts.len())),
        }
    })
}

#[test]
fn a_bot_that_is_killed_again_and_again_carries_everything_out_and_keeps_the_order() {
    let desk = Arc::new(Mutex::new(Desk {
        away_every: Some(7),
        ..Desk::default()
    }));
    let line = created(line("bot", serve(Arc::clone(&desk))));
    let mut random = Random::new(SEED);
    let part = COMMANDS / (KILLS + 1);
    let got = || desk.lock().unwrap().got.len() as u64;
    for kill in 0..KILLS {
        line.writer.write(
            &line.topic("control"),
            &commands(kill * part..(kill + 1) * part),
        );
        let bot = line.start(&BOT);
        let (before, some) = (got(), 1 + random.below(part / 2));
        wait::until("some to arrive", WORK_LIMIT, || match got() - before {
            arrived if arrived >= some => Ok(()),
            arrived => Err(format!("{arrived} of {some}")),
        });
        bot.kill();
    }
    line.writer
        .write(&line.topic("control"), &commands(KILLS * part..COMMANDS));
    let bot = line.start(&BOT);
    let verdicts = await_verdicts(&line, COMMANDS as usize);
    bot.terminate();
    bot.wait(WORK_LIMIT).well();
    let acked = |said: &Vec<String>| said.iter().all(|verdict| verdict == "acked");
    assert!(verdicts.values().all(acked), "{verdicts:?}");

    let desk = desk.lock().unwrap();
    assert_eq!(desk.forged, 0);
    let told = desk.got.iter().map(|(id, status)| {
        let (identity, number) = parts(id);
        (identity, number, *status == 204)
    });
    in_order(told, COMMANDS / PEOPLE);
    assert!(line.read("deadletter").is_empty());
}

#[test]
fn what_is_sent_again_is_done_once_and_what_is_refused_expired_or_observed_is_not_done() {
    let desk = Arc::new(Mutex::new(Desk::default()));
    let line = created(line("bot-once", serve(Arc::clone(&desk))));
    let with = |number: u64, change: &dyn Fn(&mut Value)| {
        let mut command = command("ann", number);
        change(&mut command);
        raw(&command)
    };
    let refused = with(1, &|command| command["params"]["resource"] = json!("no"));
    let records = [
        with(0, &|_| {}),
        refused,
        with(2, &|command| {
            command["expires_at"] = json!("2026-11-16T09:27:00Z")
        }),
        with(3, &|command| command["mode"] = json!("observe")),
        with(0, &|_| {}),
        Raw::new("acme/ann", "no command".to_owned()),
        with(4, &|_| {}),
    ];
    line.writer.write(&line.topic("control"), &records);
    let bot = line.start(&BOT);
    let verdicts = await_verdicts(&line, 3);
    bot.terminate();
    bot.wait(WORK_LIMIT).well();
    let got: Vec<_> = desk.lock().unwrap().got.clone();
    let expected = [("ann-0", 204), ("ann-1", 422), ("ann-4", 204)];
    assert_eq!(got, expected.map(|(id, status)| (id.to_owned(), status)));
    // Said again of what was sent again: whoever sent it had not heard.
    let said: Vec<_> = verdicts
        .iter()
        .map(|(id, said)| format!("{id} {}", said.join(" ")))
        .collect();
    assert_eq!(said, ["ann-0 acked acked", "ann-1 failed", "ann-4 acked"]);
    let letters = line.read("deadletter");
    let mut letters: Vec<_> = letters
        .iter()
        .map(|letter| {
            assert_eq!(letter.headers["plumbline_target"], "hook");
            letter.headers["plumbline_reason"].as_str()
        })
        .collect();
    letters.sort_unstable();
    assert_eq!(letters, ["not_json", "undeliverable"]);
    assert_eq!(desk.lock().unwrap().forged, 0);

    // After a restart what was done stays done.
    let bot = line.start(&BOT);
    line.writer
        .write(&line.topic("control"), &[with(5, &|_| {})]);
    await_verdicts(&line, 4);
    bot.terminate();
    bot.wait(WORK_LIMIT).well();
    assert_eq!(desk.lock().unwrap().got.len(), 4);
}

#[test]
fn a_rehearsal_prints_and_leaves_nothing_behind() {
    let desk = Arc::new(Mutex::new(Desk::default()));
    let line = created(line("bot-dry", serve(Arc::clone(&desk))));
    line.writer.write(&line.topic("control"), &commands(0..20));
    line.writer.write(
        &line.topic("control"),
        &[Raw::new("x", "no command".to_owned())],
    );
    let bot = line.start(&["bot", "--config", "plumbline.toml", "--dry-run"]);
    wait::until("it to be printed", WORK_LIMIT, || {
        match bot.stdout().lines().count() {
            20 => Ok(()),
            lines => Err(format!("{lines} lines")),
        }
    });
    thread::sleep(Duration::from_millis(500));
    bot.terminate();
    let printed = bot.wait(WORK_LIMIT).well().stdout;
    assert!(
        printed.contains("hook: p3-1 deny of acme/p3: post p3-1 to http://127.0.0.1:"),
        "{printed}"
    );
    assert!(desk.lock().unwrap().got.is_empty());
    assert!(line.read("feedback").is_empty() && line.read("deadletter").is_empty());
    for group in ["bot-hook-dry-run", "bot-hook"] {
        let group = format!("{}-{group}", line.group());
        let committed = line.reader.committed(&group, &line.topic("control"));
        let committed = committed.unwrap();
        assert!(
            committed.iter().all(|at| *at == 0),
            "{group}: {committed:?}"
        );
    }
}

#[test]
fn who_has_no_target_or_no_secret_is_told_so() {
    let line = Line::new("no-target", 1).created();
    line.run(&BOT).refused(2, &["[[bot.target]]"]);
    let line = self::line("no-secret", "127.0.0.1:9".parse().unwrap());
    line.run(&BOT)
        .refused(2, &["secret", "`hook`", "hook.secret"]);
}
