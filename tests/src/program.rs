//! The built `plumbline` program, run as an operator runs it.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::reaper;

static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// From now on this is the program: of tests of the package that it is part of, for which it is built with SQL.
pub fn use_binary(path: &str) {
    BINARY.get_or_init(|| Ok(path.into()));
}

/// The program. Built first, once, so that it is never an old one.
pub fn binary() -> &'static Path {
    let named = || env::var_os("PLUMBLINE_BIN").map(PathBuf::from);
    let binary = BINARY.get_or_init(|| named().map_or_else(build, Ok));
    match binary {
        Ok(path) => path,
        // Once is enough: the next test would only fail again.
        Err(reason) => panic!("plumbline cannot be built:\n{reason}"),
    }
}

/// Builds it in the profile that this test was built in: `target/PROFILE/deps/TEST` is running.
/// Without SQL, which no test here needs: alone it would have other features of its dependencies than
/// with the rest of the workspace, and DataFusion would be built a second time.
fn build() -> Result<PathBuf, String> {
    let test = env::current_exe().expect("the path of this test");
    let target = test
        .ancestors()
        .find(|directory| directory.join("deps").is_dir())
        .expect("a target directory");
    let profile = target.file_name().expect("a profile").to_string_lossy();
    let profile = match &*profile {
        "debug" => "dev",
        other => other,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "-p", "plumbline", "--bin", "plumbline"])
        .args(["--no-default-features", "--features", "tls"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target.parent().expect("the target directory"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    if built.status.success() {
        Ok(target.join("plumbline"))
    } else {
        Err(String::from_utf8_lossy(&built.stderr).into_owned())
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said of itself.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// Fails unless the program ended well.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self
    }

    /// Fails unless the program ended with this status, an error that a person can use, and nothing
    /// that looks like a defect.
    #[track_caller]
    pub fn refused(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no `{word}` in: {}",
                self.stderr
            );
        }
        for defect in ["panicked", "RUST_BACKTRACE", "defect of this program"] {
            assert!(!self.stderr.contains(defect), "{}", self.stderr);
        }
        self
    }
}

/// A run of the program. It is killed when this is dropped.
pub struct Running {
    child: Child,
    directory: PathBuf,
    name: String,
    started: Instant,
    arguments: String,
}

impl Running {
    /// Starts the program with these arguments. Its output goes to files named `name` in `directory`,
    /// where nobody has to read it for the program to go on.
    pub fn start(
        directory: &Path,
        name: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let file = |kind: &str| {
            File::create(directory.join(format!("{name}.{kind}"))).expect("an output file")
        };
        let mut command = Command::new(binary());
        for (variable, _) in env::vars_os() {
            if variable.to_string_lossy().starts_with("PLUMBLINE_") {
                command.env_remove(variable);
            }
        }
        let child = command
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("plumbline starts");
        reaper::watch(child.id()).expect("the reaper");
        Self {
            child,
            directory: directory.to_owned(),
            name: name.to_owned(),
            started: Instant::now(),
            arguments: arguments.join(" "),
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Ends it as `kill -9` does: it gets to do nothing more.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// Asks it to stop, as service managers do.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops it as a machine does that swaps, or that is moved: it does not notice.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on where it was.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "SIG{name} to {pid}"
        );
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "`plumbline {}` has not ended within {limit:?}:\n{}",
                self.arguments,
                self.stderr()
            );
            thread::sleep(Duration::from_millis(10));
        };
        Ended {
            status: status.code(),
            stdout: self.text("out"),
            stderr: self.stderr(),
            took: self.started.elapsed(),
        }
    }

    /// What it said, for who looks into why a test has failed.
    #[expect(clippy::print_stderr, reason = "the test shows it when it fails")]
    fn tell(&self) {
        eprintln!("`plumbline {}` said:\n{}", self.arguments, self.stderr());
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.text("out")
    }

    /// What it has said so far.
    pub fn stderr(&self) -> String {
        self.text("err")
    }

    fn text(&self, kind: &str) -> String {
        let path = self.directory.join(format!("{}.{kind}", self.name));
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tell();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        reaper::forget(self.child.id());
    }
}
