//! A real Apache Kafka on loopback: one process, broker and controller at once, or several that are one cluster.

mod group;
mod jars;
mod proxy;
mod settings;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, io, thread};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::reaper;
pub use group::Brokers;
use settings::{Ports, server_properties};
pub use settings::{SASL_PASSWORD, SASL_USER};

/// Starting takes four seconds on an idle machine; two cores that also compile take longer.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The heap is bounded and the compiler stops early: the broker lives for minutes, beside tests.
const JAVA_OPTIONS: &[&str] = &[
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
];

const PROPERTIES: &str = "server.properties";
const LOG: &str = "broker.log";

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The jars have not been fetched.
    #[error(
        "Apache Kafka is not in {0}; fetch it with `make setup`, or name a running \
             broker in PLUMBLINE_TEST_KAFKA"
    )]
    NotInstalled(PathBuf),
    /// Java is missing or does not start.
    #[error("`java` cannot be started ({0}); install Java 17 or later with `make setup`")]
    Java(#[source] io::Error),
    /// The port is taken.
    #[error("port {0} of 127.0.0.1 is taken; stop what listens there, or choose another port")]
    PortTaken(u16),
    /// Its directory cannot be written.
    #[error("the directory of the broker cannot be written: {0}")]
    Directory(#[source] io::Error),
    /// It does not come up.
    #[error("Apache Kafka does not start: {reason}\n{log}")]
    NotStarted {
        /// What was seen of it.
        reason: String,
        /// The end of its log.
        log: String,
    },
}

/// A running broker. It ends when this is dropped.
pub struct Broker {
    bootstrap: String,
    sasl: Option<String>,
    cut: u16,
    process: Option<Process>,
}

impl Broker {
    /// The broker that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Broker, BrokerError>> = OnceLock::new();
        let broker = SHARED.get_or_init(|| match env::var("PLUMBLINE_TEST_KAFKA") {
            Ok(bootstrap) => Ok(Self::elsewhere(bootstrap)),
            Err(_) => Self::start(None),
        });
        broker.as_ref().unwrap_or_else(|error| panic!("{error}"))
    }

    fn elsewhere(bootstrap: String) -> Self {
        Self {
            bootstrap,
            sasl: env::var("PLUMBLINE_TEST_KAFKA_SASL").ok(),
            cut: 0,
            process: None,
        }
    }

    /// Starts one, on this port or on a free one, and waits until it answers.
    pub fn start(port: Option<u16>) -> Result<Self, BrokerError> {
        let ports = match port {
            Some(port) if is_taken(port) => return Err(BrokerError::PortTaken(port)),
            _ => Ports::free(port, None).map_err(BrokerError::Directory)?,
        };
        let mut started = Self::start_all(&[ports])?;
        Ok(started.remove(0))
    }

    /// Starts brokers that are one cluster, and waits until each knows all of them.
    fn start_all(ports: &[Ports]) -> Result<Vec<Self>, BrokerError> {
        let jars = jars::find()?;
        let mut brokers = Vec::with_capacity(ports.len());
        for (number, own) in ports.iter().enumerate() {
            let directory = tempfile::Builder::new()
                .prefix("plumbline-kafka-")
                .tempdir()
                .map_err(BrokerError::Directory)?;
            reaper::remove_at_end(directory.path()).map_err(BrokerError::Directory)?;
            let properties = directory.path().join(PROPERTIES);
            fs::write(
                &properties,
                server_properties(ports, number, directory.path()),
            )
            .map_err(BrokerError::Directory)?;
            format_storage(&jars, &properties, directory.path())?;
            brokers.push(Self {
                bootstrap: format!("127.0.0.1:{}", own.plain),
                sasl: Some(format!("127.0.0.1:{}", own.sasl)),
                cut: own.cut,
                process: Some(Process::spawn(jars.clone(), directory)?),
            });
        }
        for number in 0..brokers.len() {
            let bootstrap = brokers[number].bootstrap.clone();
            let process = brokers[number].own_process();
            if let Err(error) = process.await_answer(&bootstrap, ports.len()) {
                // One that has ended is why the others wait.
                let mut processes = brokers.iter_mut().map(Self::own_process);
                return Err(processes.find_map(Process::ended).unwrap_or(error));
            }
        }
        Ok(brokers)
    }

    /// Kills it. What it holds stays where it is.
    pub fn crash(&mut self) {
        self.own_process().kill();
    }

    /// Starts it again after a crash, with what it held.
    pub fn come_back(&mut self) -> Result<(), BrokerError> {
        let bootstrap = self.bootstrap.clone();
        let process = self.own_process();
        process.java = run_broker(&process.jars, process.directory.path())?;
        process.await_answer(&bootstrap, 1)
    }

    fn own_process(&mut self) -> &mut Process {
        self.process
            .as_mut()
            .expect("a broker that was started here")
    }

    /// `host:port` of the listener that asks for nothing.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// `host:port` of the listener that asks for [`SASL_USER`] and [`SASL_PASSWORD`].
    pub fn sasl_bootstrap(&self) -> &str {
        self.sasl
            .as_deref()
            .expect("PLUMBLINE_TEST_KAFKA_SASL names the SASL listener of the broker in use")
    }
}

/// Another broker may listen in a way that lets us bind the same port, and would then answer for ours.
fn is_taken(port: u16) -> bool {
    let address = ("127.0.0.1", port);
    TcpStream::connect(address).is_ok() || TcpListener::bind(address).is_err()
}

fn java(jars: &Path) -> Command {
    let mut java = Command::new("java");
    match env::var("PLUMBLINE_KAFKA_OPTIONS") {
        Ok(options) => java.args(options.split_whitespace()),
        Err(_) => java.args(JAVA_OPTIONS),
    };
    java.arg("-Djava.net.preferIPv4Stack=true");
    java.arg("-cp").arg(jars.join("*"));
    java.stdin(Stdio::null());
    java
}

/// KRaft wants its directory formatted before the first start.
fn format_storage(jars: &Path, properties: &Path, directory: &Path) -> Result<(), BrokerError> {
    const CLUSTER_ID: &str = "cGx1bWJsaW5lLXRlc3RzMA";
    let formatted = java(jars)
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            CLUSTER_ID,
        ])
        .arg("--config")
        .arg(properties)
        .current_dir(directory)
        .output()
        .map_err(BrokerError::Java)?;
    if formatted.status.success() {
        return Ok(());
    }
    Err(BrokerError::NotStarted {
        reason: "its storage cannot be formatted".to_owned(),
        log: String::from_utf8_lossy(&formatted.stderr).into_owned(),
    })
}

struct Process {
    java: Child,
    jars: PathBuf,
    directory: TempDir,
}

/// Starts the broker that this directory holds.
fn run_broker(jars: &Path, directory: &Path) -> Result<Child, BrokerError> {
    let lines = File::options()
        .create(true)
        .append(true)
        .open(directory.join(LOG))
        .map_err(BrokerError::Directory)?;
    let copy = lines.try_clone().map_err(BrokerError::Directory)?;
    let mut broker = java(jars)
        .arg("kafka.Kafka")
        .arg(directory.join(PROPERTIES))
        .current_dir(directory)
        .stdout(lines)
        .stderr(copy)
        // Ctrl-C is for us: the broker ends after its clients.
        .process_group(0)
        .spawn()
        .map_err(BrokerError::Java)?;
    if let Err(error) = reaper::watch(broker.id()) {
        // A broker that could outlive us is not wanted.
        let _ = broker.kill();
        let _ = broker.wait();
        return Err(BrokerError::Directory(error));
    }
    Ok(broker)
}

impl Process {
    fn spawn(jars: PathBuf, directory: TempDir) -> Result<Self, BrokerError> {
        Ok(Self {
            java: run_broker(&jars, directory.path())?,
            jars,
            directory,
        })
    }

    /// Nothing in it is worth an orderly end.
    fn kill(&mut self) {
        let _ = self.java.kill();
        let _ = self.java.wait();
        reaper::forget(self.java.id());
    }

    fn await_answer(&mut self, bootstrap: &str, brokers: usize) -> Result<(), BrokerError> {
        let deadline = Instant::now() + START_LIMIT;
        let observer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("reconnect.backoff.max.ms", "200")
            .create()
            .map_err(|error| self.not_started(error.to_string()))?;
        loop {
            let answer = observer.fetch_metadata(None, Duration::from_secs(1));
            // First this: whoever answers is ours only as long as ours runs.
            if let Some(ended) = self.ended() {
                return Err(ended);
            }
            if answer.is_ok_and(|metadata| metadata.brokers().len() >= brokers) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.not_started(format!("no answer within {START_LIMIT:?}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn ended(&mut self) -> Option<BrokerError> {
        let status = self.java.try_wait().ok()??;
        Some(self.not_started(format!("it has ended with {status}")))
    }

    fn not_started(&self, reason: String) -> BrokerError {
        let log = fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
        let from = log.lines().count().saturating_sub(30);
        let log = log.lines().skip(from).collect::<Vec<_>>().join("\n");
        BrokerError::NotStarted { reason, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
