//! A real Keycloak on loopback, with a database of its own in a temporary directory.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Reply};
use crate::{ports, reaper, wait};

/// Starting takes a quarter of a minute on an idle machine, most of it for the tables of its database.
const START_LIMIT: Duration = Duration::from_secs(240);

const ADMIN: &str = "admin";

/// The heap is bounded and the compiler stops early, as for the broker.
const JAVA_HEAP: &str = "-Xms128m -Xmx512m";
const JAVA_OPTIONS: &str = "-XX:TieredStopAtLevel=1";

/// A running server. It ends when this is dropped.
pub struct Keycloak {
    port: u16,
    java: Child,
    _directory: TempDir,
}

/// What the token endpoint gives.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For calls.
    pub access: String,
    /// For new tokens; empty for a service account.
    pub refresh: String,
    /// The session; empty for a service account.
    pub session: String,
}

/// Where `install.sh` put it.
fn home() -> PathBuf {
    let named = env::var_os("PLUMBLINE_KEYCLOAK_HOME").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/keycloak/pom.xml");
        let pom = fs::read_to_string(here).expect("the pom of Keycloak");
        let version = pom
            .split_once("<keycloak.version>")
            .and_then(|(_, rest)| rest.split_once('<'))
            .expect("keycloak.version in its pom");
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../.data/keycloak");
        PathBuf::from(data).join(version.0)
    })
}

impl Keycloak {
    /// Starts it on a free port, and waits until it answers.
    pub fn start() -> Self {
        let home = home();
        let script = home.join("bin/kc.sh");
        assert!(
            script.exists(),
            "Keycloak is not in {}; fetch it with `make setup`",
            home.display()
        );
        let directory = tempfile::Builder::new()
            .prefix("plumbline-keycloak-")
            .tempdir()
            .expect("a directory");
        reaper::remove_at_end(directory.path()).expect("the reaper");
        let port = ports::free().expect("a free port");
        let database = directory.path().join("database");
        let log = directory.path().join("keycloak.log");
        let lines = File::create(&log).expect("its log");
        let java = Command::new(script)
            .args(["start", "--optimized", "--cache=local"])
            .args(["--http-enabled=true", "--http-host=127.0.0.1"])
            .arg(format!("--http-port={port}"))
            // It believes the tests about where a request comes from.
            .args(["--hostname-strict=false", "--proxy-headers=xforwarded"])
            .arg(format!(
                "--db-url=jdbc:h2:file:{};NON_KEYWORDS=VALUE",
                database.display()
            ))
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMIN)
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", ADMIN)
            .env("JAVA_OPTS_KC_HEAP", JAVA_HEAP)
            .env("JAVA_OPTS_APPEND", JAVA_OPTIONS)
            .stdin(Stdio::null())
            .stdout(lines.try_clone().expect("its log"))
            .stderr(lines)
            .process_group(0)
            .spawn()
            .expect("Keycloak starts");
        // Java is a child of the script: both are ended by their group.
        reaper::watch_group(java.id()).expect("the reaper");
        let mut keycloak = Self {
            port,
            java,
            _directory: directory,
        };
        wait::until("Keycloak to answer", START_LIMIT, || {
            let ended = keycloak.java.try_wait().expect("its state");
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "Keycloak has ended:\n{}", said());
            match http::ask(port, "GET", "/realms/master", &[], "") {
                Ok(reply) if reply.status == 200 => Ok(()),
                other => {
                    thread::sleep(Duration::from_millis(250));
                    Err(format!("{other:?}\n{}", said()))
                }
            }
        });
        keycloak
    }

    /// Where the program finds it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Creates a realm.
    pub fn create_realm(&self, realm: &Value) {
        let reply = self.admin("POST", "", &realm.to_string());
        assert_eq!(reply.status, 201, "{}", reply.body);
    }

    /// A request of the administrator to a path of the realms.
    pub fn admin(&self, method: &str, path: &str, body: &str) -> Reply {
        let form =
            format!("grant_type=password&client_id=admin-cli&username={ADMIN}&password={ADMIN}");
        let granted = self.grant("master", &form, "127.0.0.1");
        let tokens = granted.expect("a token of the administrator");
        let headers = [
            format!("Authorization: Bearer {}", tokens.access),
            "Content-Type: application/json".to_owned(),
        ];
        let path = format!("/admin/realms{path}");
        http::ask(self.port, method, &path, &headers, body).expect("an answer")
    }

    /// What the token endpoint gives to somebody at that address, or the words in which it refuses.
    pub fn grant(&self, realm: &str, form: &str, from: &str) -> Result<Tokens, String> {
        let path = format!("/realms/{realm}/protocol/openid-connect/token");
        let reply = self.post_form(&path, form, from);
        let said: Value = serde_json::from_str(&reply.body).expect("JSON");
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        match reply.status {
            200 => Ok(Tokens {
                access: text("access_token"),
                refresh: text("refresh_token"),
                session: text("session_state"),
            }),
            _ => Err(text("error_description")),
        }
    }

    /// A form, posted by somebody at that address.
    pub fn post_form(&self, path: &str, form: &str, from: &str) -> Reply {
        let headers = [
            format!("X-Forwarded-For: {from}"),
            "Content-Type: application/x-www-form-urlencoded".to_owned(),
        ];
        http::ask(self.port, "POST", path, &headers, form).expect("an answer")
    }
}

impl Drop for Keycloak {
    fn drop(&mut self) {
        let group = format!("-{}", self.java.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.java.wait();
        reaper::forget_group(self.java.id());
    }
}
