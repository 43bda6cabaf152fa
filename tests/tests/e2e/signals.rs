//! Shared Signals out: whatever is killed whenever, every command reaches its receiver, in order, and what
//! was never committed to the topic does not.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::{Line, Random, ports, wait};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use super::told::{self, PEOPLE, in_order, parts, raw};

const COMMANDS: u64 = 600;
const KILLS: u64 = 5;
const SEED: u64 = 0x51;

/// What a receiver has got, and which of it it took.
#[derive(Default)]
struct Desk {
    /// Identity, number of the command among those of the identity, and whether it was taken.
    got: Vec<(String, u64, bool)>,
    requests: u64,
}

/// A receiver that is away for every seventh request.
fn receive(desk: Arc<Mutex<Desk>>) -> SocketAddr {
    async fn take(State(desk): State<Arc<Mutex<Desk>>>, token: String) -> StatusCode {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let token = jsonwebtoken::dangerous::insecure_decode::<Value>(token).unwrap();
        let (identity, number) = told_of(&token.claims);
        let mut desk = desk.lock().unwrap();
        desk.requests += 1;
        let takes = !desk.requests.is_multiple_of(7);
        desk.got.push((identity, number, takes));
        match takes {
            true => StatusCode::ACCEPTED,
            false => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
    told::serve(Router::new().route("/", post(take)).with_state(desk))
}

fn told_of(claims: &Value) -> (String, u64) {
    let events = claims["events"].as_object().unwrap();
    let (_, event) = events.iter().next().unwrap();
    parts(event["plumbline"]["command_id"].as_str().unwrap())
}

fn command(identity: &str, number: u64) -> Raw {
    raw(&told::command(identity, number, "step_up"))
}

fn commands(numbers: Range<u64>) -> Vec<Raw> {
    told::commands(numbers, "step_up")
}

/// Writes commands in a transaction that is given up, as an engine does that dies.
fn write_and_abort(line: &Line) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", line.bootstrap())
        .set("transactional.id", format!("{}-ghost", line.prefix))
        .create()
        .unwrap();
    producer.init_transactions(WORK_LIMIT).unwrap();
    producer.begin_transaction().unwrap();
    for person in 0..PEOPLE {
        let ghost = command(&format!("p{person}"), 9_999);
        let (key, value) = (ghost.key.unwrap(), ghost.value.unwrap());
        let topic = line.topic("control");
        let record = BaseRecord::to(&topic).key(&key).payload(&value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(WORK_LIMIT).unwrap();
    producer.abort_transaction(WORK_LIMIT).unwrap();
}

fn line(name: &str, receiver: &str) -> Line {
    let port = ports::free().unwrap();
    let line = Line::new(name, 3)
        .with(&format!(
            "[signals]\nissuer = \"https://signals.example.com\"\nkeys = [\"key.pem\"]\n\
             listen = \"{port}\"\n[[signals.receiver]]\nname = \"bot\"\naudience = \"bot\"\n{receiver}"
        ))
        .created();
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::as_der(&key).unwrap();
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
    std::fs::write(line.path("key.pem"), pem).unwrap();
    line
}

const TRANSMIT: [&str; 3] = ["transmit", "--config", "plumbline.toml"];

/// Waits until the receiver's group has committed everything that is in the control topic now.
fn await_settled(line: &Line) {
    let (topic, group) = (
        line.topic("control"),
        format!("{}-signals-bot", line.group()),
    );
    let ends = line.reader.ends(&topic);
    wait::until("everything to be settled", WORK_LIMIT, || {
        let committed = line.reader.committed(&group, &topic)?;
        // The marker of a transaction is no record: what is committed may stop before it.
        let behind = committed.iter().zip(&ends).any(|(at, end)| at + 1 < *end);
        match behind {
            true => Err(format!("{committed:?} of {ends:?}")),
            false => Ok(()),
        }
    });
}

#[test]
fn a_transmitter_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order() {
    let desk = Arc::new(Mutex::new(Desk::default()));
    let address = receive(Arc::clone(&desk));
    let line = line(
        "signals",
        &format!("delivery = \"push\"\nendpoint = \"http://{address}/\"\n"),
    );
    let mut random = Random::new(SEED);
    let part = COMMANDS / (KILLS + 1);
    let got = || desk.lock().unwrap().got.len() as u64;
    for kill in 0..KILLS {
        line.writer.write(
            &line.topic("control"),
            &commands(kill * part..(kill + 1) * part),
        );
        write_and_abort(&line);
        let transmitter = line.start(&TRANSMIT);
        let (before, some) = (got(), 1 + random.below(part));
        wait::until("some to arrive", WORK_LIMIT, || match got() - before {
            arrived if arrived >= some => Ok(()),
            arrived => Err(format!("{arrived} of {some}")),
        });
        transmitter.kill();
    }
    line.writer
        .write(&line.topic("control"), &commands(KILLS * part..COMMANDS));
    let transmitter = line.start(&TRANSMIT);
    wait::until("the last of each", WORK_LIMIT, || {
        let desk = desk.lock().unwrap();
        let last = COMMANDS / PEOPLE - 1;
        let taken = desk.got.iter().filter(|got| got.1 == last && got.2).count() as u64;
        if taken >= PEOPLE {
            Ok(())
        } else {
            Err(format!("{taken} of {PEOPLE}"))
        }
    });
    await_settled(&line);
    transmitter.terminate();
    transmitter.wait(WORK_LIMIT).well();

    let told = desk.lock().unwrap().got.clone();
    let again = in_order(told, COMMANDS / PEOPLE);
    println!("{again} tokens came again after {KILLS} kills");
    assert!(line.read("deadletter").is_empty());

    // What is settled is settled: the next one has nothing to do until there is something new.
    let before = got();
    let transmitter = line.start(&TRANSMIT);
    line.writer
        .write(&line.topic("control"), &[command("p0", COMMANDS / PEOPLE)]);
    wait::until("the new one", WORK_LIMIT, || match got() > before {
        true => Ok(()),
        false => Err(String::new()),
    });
    transmitter.terminate();
    transmitter.wait(WORK_LIMIT).well();
    let fresh: Vec<u64> = desk.lock().unwrap().got[before as usize..]
        .iter()
        .map(|got| got.1)
        .collect();
    assert!(
        fresh.iter().all(|number| *number == COMMANDS / PEOPLE),
        "{fresh:?}"
    );
}

#[test]
fn tokens_on_a_topic_survive_a_kill_too() {
    let line = line("signals-topic", "delivery = \"kafka\"\ntopic = \"TOPIC\"\n");
    // Its name is only known now.
    let path = line.path("plumbline.toml");
    let topic = line.topic("tokens");
    let config = std::fs::read_to_string(&path)
        .unwrap()
        .replace("TOPIC", &topic);
    std::fs::write(&path, config).unwrap();
    line.run(&["topics", "--config", "plumbline.toml", "--create"])
        .well();
    line.writer.write(&line.topic("control"), &commands(0..200));
    write_and_abort(&line);
    // What was given up shows to nobody: only a record behind it moves the offset on.
    line.writer
        .write(&line.topic("control"), &commands(200..210));
    for _ in 0..3 {
        let transmitter = line.start(&TRANSMIT);
        thread::sleep(Duration::from_millis(1500));
        transmitter.kill();
    }
    let transmitter = line.start(&TRANSMIT);
    await_settled(&line);
    transmitter.terminate();
    transmitter.wait(WORK_LIMIT).well();
    let records = line.read("tokens");
    let told = records.iter().map(|record| {
        let token = jsonwebtoken::dangerous::insecure_decode::<Value>(record.text()).unwrap();
        let (identity, number) = told_of(&token.claims);
        assert_eq!(record.key, format!("acme/{identity}"));
        (identity, number, true)
    });
    in_order(told, 210 / PEOPLE);
}

#[test]
fn who_has_no_receiver_or_no_key_is_told_so() {
    let line = Line::new("no-receiver", 1).created();
    line.run(&TRANSMIT).refused(2, &["[[signals.receiver]]"]);
    let line = self::line(
        "no-key",
        "delivery = \"poll\"\naccess_token = \"${env:NOT_SET}\"\n",
    );
    line.run(&TRANSMIT).refused(2, &["access_token", "NOT_SET"]);
    std::fs::write(line.path("key.pem"), "no key").unwrap();
    line.run(&TRANSMIT)
        .refused(2, &["key.pem", "openssl genrsa"]);
}
