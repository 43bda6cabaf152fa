//! A broker, a transmitter and a receiver in one process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use plumbline::config::Config;
use plumbline::kafka::embedded::EmbeddedBroker;
use plumbline::run::Shutdown;
use plumbline::signals::{TransmitError, transmit_until};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://signals.example.com";
pub(crate) const AUDIENCE: &str = "https://receiver.example.com";
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Waits for something, and fails with what it last was.
#[track_caller]
pub(crate) fn await_that<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match look() {
            Ok(found) => return found,
            Err(last) if Instant::now() > deadline => panic!("no {what}: {last}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A new RSA key in a PEM file.
pub(crate) fn write_key(path: &Path) {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::as_der(&key).unwrap();
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
    std::fs::write(path, pem).unwrap();
}

/// A broker with the topics of the line, and a directory for a configuration.
pub(crate) struct Line {
    broker: EmbeddedBroker,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) door: Door,
    settings: String,
}

/// A transmitter that runs until this is stopped.
pub(crate) struct Transmitter {
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), TransmitError>>>,
}

impl Line {
    /// `receivers`: the tables of the receivers.
    pub(crate) fn new(receivers: &str) -> Self {
        Self::with("", receivers)
    }

    /// `settings`: more lines of `[signals]`.
    pub(crate) fn with(settings: &str, receivers: &str) -> Self {
        let broker = EmbeddedBroker::start().unwrap();
        for topic in [
            "plumbline.control",
            "plumbline.deadletter",
            "security-events",
        ] {
            broker.create_topic(topic, 3).unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        write_key(&directory.path().join("one.pem"));
        let settings = format!("{settings}\n{receivers}");
        Self {
            broker,
            directory,
            door: Door(port),
            settings,
        }
    }

    /// A transmitter that signs with these keys.
    pub(crate) fn start_with(&self, keys: &[&str]) -> Transmitter {
        let path = self.directory.path().join("plumbline.toml");
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\n[signals]\nissuer = \"{ISSUER}\"\nkeys = {keys:?}\n\
             listen = \"{}\"\n{}",
            self.broker.bootstrap_servers(),
            self.door.0,
            self.settings
        );
        std::fs::write(&path, text).unwrap();
        let config = Config::load(Some(&path)).unwrap();
        let shutdown = Shutdown::default();
        let stop = shutdown.clone();
        let thread = thread::spawn(move || transmit_until(&config, &stop));
        Transmitter {
            shutdown,
            thread: Some(thread),
        }
    }

    pub(crate) fn start(&self) -> Transmitter {
        self.start_with(&["one.pem"])
    }

    /// Publishes commands, as the engine would.
    pub(crate) fn publish(&self, commands: &[Value]) {
        let records = commands.iter().map(|command| {
            let target = &command["target"];
            let key = format!("{}/{}", text(&target["tenant"]), text(&target["identity"]));
            (key, command.to_string())
        });
        self.write(&records.collect::<Vec<_>>());
    }

    /// Publishes commands to one partition, whomever they are about: what waits there waits together.
    pub(crate) fn publish_together(&self, commands: &[Value]) {
        let values: Vec<String> = commands.iter().map(Value::to_string).collect();
        let records = values.iter().map(|value| {
            BaseRecord::<str, str>::to("plumbline.control")
                .partition(0)
                .payload(value)
        });
        self.send(records);
    }

    /// Writes records to the control topic.
    pub(crate) fn write(&self, records: &[(String, String)]) {
        let records = records.iter().map(|(key, value)| {
            BaseRecord::<str, str>::to("plumbline.control")
                .key(key)
                .payload(value)
        });
        self.send(records);
    }

    fn send<'r>(&self, records: impl Iterator<Item = BaseRecord<'r, str, str>>) {
        let producer: BaseProducer = self.client().create().unwrap();
        for record in records {
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(LIMIT).unwrap();
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.broker.bootstrap_servers());
        client
    }

    /// Commits that the group of the receiver has come as far as this, in every partition.
    pub(crate) fn commit(&self, at: i64) {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", "plumbline-signals-bot")
            .create()
            .unwrap();
        let list = self.partitions("plumbline.control", Offset::Offset(at));
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    fn partitions(&self, topic: &str, at: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in 0..3 {
            list.add_partition_offset(topic, partition, at).unwrap();
        }
        list
    }

    /// Waits for so many records of a topic: their keys, values and headers.
    pub(crate) fn await_records(&self, topic: &str, count: usize) -> Vec<Record> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", "reader")
            .set("fetch.wait.max.ms", "50")
            .create()
            .unwrap();
        let list = self.partitions(topic, Offset::Beginning);
        consumer.assign(&list).unwrap();
        let mut records = Vec::new();
        await_that(&format!("{count} records of {topic}"), || {
            while let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                let headers = message.headers().unwrap().iter();
                let value = |bytes: Option<&[u8]>| {
                    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
                };
                records.push(Record {
                    key: value(message.key()),
                    value: value(message.payload()),
                    headers: headers
                        .map(|header| (header.key.to_owned(), value(header.value)))
                        .collect(),
                });
            }
            match records.len() {
                found if found == count => Ok(()),
                found => Err(format!("{found} of them")),
            }
        });
        records
    }
}

impl Deref for Line {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

/// Where receivers ask the transmitter.
#[derive(Clone, Copy)]
pub(crate) struct Door(u16);

impl Door {
    /// Asks the transmitter as its receivers do. The status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let mut stream = self.connect();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        answer_of(stream)
    }

    /// Posts a head that promises a body, and no body. The status.
    pub(crate) fn promise_body(&self, path: &str, token: &str) -> u16 {
        let mut stream = self.connect();
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        )
        .unwrap();
        answer_of(stream).0
    }

    fn connect(&self) -> TcpStream {
        let address = SocketAddr::from(([127, 0, 0, 1], self.0));
        let stream = await_that("transmitter", || {
            TcpStream::connect(address).map_err(|error| error.to_string())
        });
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "", &Value::Null);
        assert_eq!(status, 200, "{path}");
        body
    }

    /// Checks a token as RFC 8417, SSF 1.0 and the CAEP interoperability profile want it, with the keys that
    /// the transmitter publishes. Gives its claims.
    #[track_caller]
    pub(crate) fn verified(&self, token: &str) -> Value {
        let head = decode_header(token).unwrap();
        assert_eq!(head.typ.as_deref(), Some("secevent+jwt"));
        assert_eq!(head.alg, Algorithm::RS256);
        let keys: JwkSet = serde_json::from_value(self.get("/jwks.json")).unwrap();
        let key = keys.find(&head.kid.unwrap()).expect("the key is published");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(key).unwrap();
        let claims = decode::<Value>(token, &key, &validation).unwrap().claims;
        for forbidden in ["sub", "exp"] {
            assert_eq!(claims.get(forbidden), None);
        }
        assert!(claims["iat"].is_i64() && claims["jti"].is_string());
        assert!(claims["sub_id"]["format"].is_string());
        assert_eq!(claims["events"].as_object().unwrap().len(), 1);
        claims
    }
}

fn answer_of(mut stream: TcpStream) -> (u16, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A record of a topic.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: String,
    headers: Vec<(String, String)>,
}

impl Record {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key == name);
        &found.unwrap_or_else(|| panic!("no header {name}")).1
    }
}

impl Transmitter {
    /// As SIGTERM would.
    pub(crate) fn stop(mut self) {
        self.shutdown.request();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Transmitter {
    fn drop(&mut self) {
        self.shutdown.request();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}

/// A command with an hour to live, about a session of somebody of the tenant `acme`.
pub(crate) fn command(id: &str, identity: &str, action: &str) -> Value {
    command_at(id, identity, action, 0, 3600)
}

/// One that was made so many seconds from now, and lives for so many from then on.
pub(crate) fn command_at(
    id: &str,
    identity: &str,
    action: &str,
    from_now: i64,
    life: i64,
) -> Value {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(from_now);
    let expires = time + jiff::SignedDuration::from_secs(life);
    json!({
        "id": id, "time": time.to_string(), "expires_at": expires.to_string(), "action": action,
        "mode": "enforce",
        "target": { "tenant": "acme", "identity": identity, "kind": "human", "session_id": "s-1" },
        "reason": {
            "summary": "Oslo to Lima in 11 min", "risk": 82, "detectors": ["impossible_travel"],
            "finding_ids": ["f-1"]
        },
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A request as the receiver got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) token: String,
}

type Judge = dyn FnMut(&str) -> (u16, String) + Send;

struct Desk {
    got: Vec<Got>,
    judge: Box<Judge>,
}

/// An HTTP server that takes tokens, or does not.
pub(crate) struct Endpoint {
    desk: Arc<Mutex<Desk>>,
    pub(crate) address: SocketAddr,
}

impl Endpoint {
    /// `judge` answers a request, given the part of `jti` that is the command's id.
    pub(crate) fn new(judge: impl FnMut(&str) -> (u16, String) + Send + 'static) -> Self {
        let desk = Arc::new(Mutex::new(Desk {
            got: Vec::new(),
            judge: Box::new(judge),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/events", post(take))
            .with_state(Arc::clone(&desk));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, routes).await.unwrap();
            });
        });
        Self { desk, address }
    }

    /// One that takes everything.
    pub(crate) fn willing() -> Self {
        Self::new(|_| (202, String::new()))
    }

    /// The table of a receiver with this endpoint.
    pub(crate) fn receiver(&self, more: &str) -> String {
        format!(
            "[[signals.receiver]]\nname = \"bot\"\naudience = \"{AUDIENCE}\"\ndelivery = \"push\"\n\
             endpoint = \"http://{}/events\"\nendpoint_token = \"secret-1\"\naccess_token = \"secret-2\"\n{more}\n",
            self.address
        )
    }

    /// What it got so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.desk.lock().unwrap().got.clone()
    }

    /// The ids of the commands that it got, in order, as often as it got them.
    pub(crate) fn ids(&self) -> Vec<String> {
        let got = self.got();
        got.iter().map(|got| command_of(&got.token)).collect()
    }

    /// Waits until it got this one.
    #[track_caller]
    pub(crate) fn await_id(&self, id: &str) {
        await_that(id, || match self.ids() {
            ids if ids.iter().any(|found| found == id) => Ok(()),
            ids => Err(format!("{ids:?}")),
        });
    }

    #[track_caller]
    pub(crate) fn await_ids(&self, ids: &[&str]) {
        await_that(&format!("{ids:?}"), || match self.ids() {
            found if found == ids => Ok(()),
            found => Err(format!("{found:?}")),
        });
    }
}

async fn take(
    State(desk): State<Arc<Mutex<Desk>>>,
    headers: HeaderMap,
    token: String,
) -> (StatusCode, String) {
    let mut desk = desk.lock().unwrap();
    let command = command_of(&token);
    desk.got.push(Got { headers, token });
    let (status, body) = (desk.judge)(&command);
    (StatusCode::from_u16(status).unwrap(), body)
}

/// The id of the command, without a look at the signature.
pub(crate) fn command_of(token: &str) -> String {
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token)
        .unwrap()
        .claims;
    let jti = text(&claims["jti"]);
    jti.rsplit_once('.').unwrap().0.to_owned()
}
