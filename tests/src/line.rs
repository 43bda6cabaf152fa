//! A line of Plumbline with topics, groups and transactional ids of its own, on the shared broker.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::broker::Broker;
use crate::cluster::{Raw, Read, Reader, Writer};
use crate::outputs::Outputs;
use crate::program::{Ended, Running};
use crate::wait;

/// A command that does one thing and ends.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// Working off all that a test wrote.
pub const WORK_LIMIT: Duration = Duration::from_secs(120);

/// One test's world. Its files go when it is dropped; its topics go with the broker.
pub struct Line {
    /// Unique to this line; what all its names begin with.
    pub prefix: String,
    /// Writes to its broker.
    pub writer: Writer,
    /// Reads from its broker.
    pub reader: Reader,
    bootstrap: String,
    directory: TempDir,
    partitions: u32,
    replication: u16,
    properties: Vec<(String, String)>,
    sources: Vec<(String, &'static str)>,
    own_topics: Vec<&'static str>,
    extra: String,
    variables: Vec<(String, String)>,
    runs: AtomicU32,
}

impl Line {
    /// A line on the shared broker, whose topics have so many partitions.
    pub fn new(name: &str, partitions: u32) -> Self {
        Self::on(Broker::shared(), name, partitions)
    }

    /// A line on a broker of its own.
    pub fn on(broker: &Broker, name: &str, partitions: u32) -> Self {
        Self::among(broker.bootstrap(), name, partitions)
    }

    /// A line on the brokers with this bootstrap servers.
    pub fn among(bootstrap: &str, name: &str, partitions: u32) -> Self {
        static LINES: AtomicU32 = AtomicU32::new(0);
        let number = LINES.fetch_add(1, Ordering::Relaxed);
        Self {
            // Where the broker is somebody else's, an earlier run may have left topics behind.
            prefix: format!("{name}-{}-{number}", process::id()),
            writer: Writer::new(bootstrap),
            reader: Reader::new(bootstrap),
            bootstrap: bootstrap.to_owned(),
            directory: tempfile::tempdir().expect("a directory"),
            partitions,
            replication: 1,
            // A killed member is missed after seconds instead of tens of them.
            properties: [
                ("session.timeout.ms", "3000"),
                ("heartbeat.interval.ms", "500"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            sources: Vec::new(),
            own_topics: vec![
                "events",
                "findings",
                "control",
                "feedback",
                "state",
                "deadletter",
            ],
            extra: String::new(),
            variables: Vec::new(),
            runs: AtomicU32::new(0),
        }
    }

    /// Raw logs in this format, in a topic of their own.
    pub fn source(mut self, format: &'static str) -> Self {
        self.sources
            .push((format!("{}.raw-{format}", self.prefix), format));
        self
    }

    /// Findings as OCSF, in a topic of their own.
    pub fn with_ocsf(mut self) -> Self {
        self.own_topics.push("ocsf");
        self
    }

    /// So many replicas of each of its topics.
    pub fn replicated(mut self, replication: u16) -> Self {
        self.replication = replication;
        self
    }

    /// Another bootstrap server than that of the shared broker, for the program only.
    pub fn at(mut self, bootstrap: &str) -> Self {
        bootstrap.clone_into(&mut self.bootstrap);
        self
    }

    /// A librdkafka property, in the place of an earlier one of that name.
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.retain(|(known, _)| known != name);
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// More lines for the end of the configuration.
    pub fn with(mut self, toml: &str) -> Self {
        self.extra.push_str(toml);
        self.extra.push('\n');
        self
    }

    /// With these variables in the environment of every program.
    pub fn variables(mut self, variables: Vec<(String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Writes the configuration and has `plumbline topics --create` create the topics.
    pub fn created(self) -> Self {
        self.write_config();
        self.run(&["topics", "--config", "plumbline.toml", "--create"])
            .well();
        self
    }

    /// Writes the configuration without creating anything.
    pub fn written(self) -> Self {
        self.write_config();
        self
    }

    fn write_config(&self) {
        fs::write(self.path("plumbline.toml"), self.config()).expect("the configuration");
    }

    /// Where its broker is.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Name of one of its topics: `events`, `findings`, or `raw-okta`.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// Its consumer group of detection.
    pub fn group(&self) -> &str {
        &self.prefix
    }

    /// A path in its directory, which is where its programs run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self) -> String {
        let mut toml = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\ngroup_id = \"{}\"\npartitions = {}\nreplication = {}\n\
             [kafka.topics]\n",
            self.bootstrap, self.prefix, self.partitions, self.replication
        );
        for name in &self.own_topics {
            let _ = writeln!(toml, "{name} = \"{}\"", self.topic(name));
        }
        toml.push_str("[kafka.properties]\n");
        for (name, value) in &self.properties {
            let _ = writeln!(toml, "\"{name}\" = \"{value}\"");
        }
        for (topic, format) in &self.sources {
            let _ = write!(
                toml,
                "[[source]]\ntopic = \"{topic}\"\nformat = \"{format}\"\ntenant = \"acme\"\n"
            );
        }
        let geo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay-data/geo");
        let geo = geo.display();
        let _ = write!(
            toml,
            "[geo]\ncity = \"{geo}/documentation-city.mmdb\"\nasn = \"{geo}/documentation-asn.mmdb\"\n\
             anonymizers = \"{geo}/documentation-anonymizers.csv\"\n{}",
            self.extra
        );
        toml
    }

    /// Starts `plumbline` with these arguments in the directory of this line.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    /// The same with more variables in its environment.
    pub fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let own = self.variables.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
        let variables: Vec<_> = own.chain(variables.iter().copied()).collect();
        Running::start(
            self.directory.path(),
            &format!("run-{number}"),
            arguments,
            &variables,
        )
    }

    /// Runs `plumbline` to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).wait(COMMAND_LIMIT)
    }

    /// Starts the service.
    pub fn start_service(&self, flags: &[&str]) -> Running {
        let mut arguments = vec!["run", "--config", "plumbline.toml"];
        arguments.extend(flags);
        self.start(&arguments)
    }

    /// Runs the service until it has worked off what there is.
    #[track_caller]
    pub fn run_until_end(&self, flags: &[&str]) -> Ended {
        let mut with = vec!["--until-end"];
        with.extend(flags);
        self.start_service(&with).wait(WORK_LIMIT).well()
    }

    /// Writes raw records to the source of this format.
    pub fn write_raw(&self, format: &str, records: &[Raw]) {
        self.writer
            .write(&self.topic(&format!("raw-{format}")), records);
    }

    /// What has been committed to one of its topics.
    pub fn read(&self, name: &str) -> Vec<Read> {
        self.reader.read(&self.topic(name))
    }

    /// The events in the log: its records beside what the partitions tell each other.
    pub fn log(&self) -> Vec<Read> {
        let mut records = self.read("events");
        records.retain(|record| record.key != "plumbline");
        records
    }

    /// Waits until the log holds so many events.
    pub fn await_log(&self, count: usize) {
        wait::until(
            &format!("{count} events in the log"),
            WORK_LIMIT,
            || match self.log().len() {
                events if events >= count => Ok(()),
                events => Err(format!("{events} so far")),
            },
        );
    }

    /// Waits until detection has so many workers that agree on who owns what.
    pub fn await_members(&self, count: usize) {
        self.await_members_of(self.group(), count);
    }

    /// The same of any group.
    pub fn await_members_of(&self, group: &str, count: usize) {
        wait::until(
            &format!("{count} members of the group"),
            WORK_LIMIT,
            || match self.reader.members(group) {
                (members, true) if members == count => Ok(()),
                members => Err(format!("{members:?}")),
            },
        );
    }

    /// Waits until detection has committed everything that is in the log now.
    pub fn await_detected(&self) {
        let events = self.topic("events");
        let ends = self.reader.ends(&events);
        wait::until("detection to reach the end of the log", WORK_LIMIT, || {
            let committed = self.reader.committed(self.group(), &events)?;
            let behind = committed.iter().zip(&ends).any(|(at, end)| at < end);
            match behind {
                true => Err(format!("{committed:?} of {ends:?}")),
                false => Ok(()),
            }
        });
    }

    /// Waits until all that is in the log now is in the state too, and tells of how much of each partition
    /// that is.
    pub fn await_state(&self, limit: Duration) -> Vec<i64> {
        self.await_detected();
        wait::until("the state to be written", limit, || {
            let of = |topic: &str| self.reader.committed(self.group(), &self.topic(topic));
            let (written, detected) = (of("state")?, of("events")?);
            match written == detected {
                true => Ok(written),
                false => Err(format!("{written:?} of {detected:?}")),
            }
        })
    }

    /// What `plumbline replay` makes of the log as it is now.
    #[track_caller]
    pub fn replay(&self) -> Outputs {
        self.replay_of(&self.dump_log())
    }

    /// What `plumbline replay` makes of these files.
    #[track_caller]
    pub fn replay_of(&self, files: &[PathBuf]) -> Outputs {
        let mut arguments = vec![
            "replay",
            "--config",
            "plumbline.toml",
            "--out",
            "replayed",
            "--input",
        ];
        arguments.extend(files.iter().filter_map(|file| file.to_str()));
        self.run(&arguments).well();
        Outputs::of_replay(&self.path("replayed"))
    }

    /// The log, one file of NDJSON per partition: replay merges files by event time, as one file it
    /// would read one partition after the other.
    pub fn dump_log(&self) -> Vec<PathBuf> {
        let mut files = vec![Vec::new(); self.partitions as usize];
        for record in self.read("events") {
            let file = &mut files[usize::try_from(record.partition).expect("a partition")];
            file.extend_from_slice(&record.value);
            file.push(b'\n');
        }
        let paths = files.into_iter().enumerate().map(|(number, content)| {
            let path = self.path(&format!("events-{number}.ndjson"));
            fs::write(&path, content).expect("a dump");
            path
        });
        paths.collect()
    }
}
