//! A real Keycloak from end to end: its own events go in, and real sessions and tokens die.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use plumbline_tests::cluster::Raw;
use plumbline_tests::keycloak::{Keycloak, Tokens};
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::{Line, Running, wait};
use serde_json::{Value, json};

const OSLO: &str = "192.0.2.10";
const LIMA: &str = "198.51.100.170";
/// People whose session is stolen, one each.
const VICTIMS: usize = 32;
const REALM: &str = "acme";
const SECRET: &str = "a secret of the bot";
/// What the settings of a client name that says who may do what.
const RESOURCE: &str = "invoices";

/// The realm of the test: people, an application, a service, and the bot's own client.
fn realm() -> Value {
    let person = |number: usize| {
        let name = format!("person-{number}");
        json!({ "id": user(number), "username": name, "enabled": true,
            "email": format!("{name}@example.com"), "emailVerified": true,
            "firstName": "Person", "lastName": number.to_string(),
            "realmRoles": [format!("default-roles-{REALM}")],
            "credentials": [{ "type": "password", "value": "password" }] })
    };
    let mut users: Vec<Value> = (0..=VICTIMS).map(person).collect();
    users.push(
        json!({ "username": "service-account-plumbline-bot", "enabled": true,
        "serviceAccountClientId": "plumbline-bot",
        "clientRoles": { "realm-management": ["manage-users", "manage-clients"] } }),
    );
    let machine = |id: &str, secret: &str| {
        json!({ "clientId": id, "enabled": true, "secret": secret, "serviceAccountsEnabled": true,
            "standardFlowEnabled": false })
    };
    let authorizing = |mut client: Value| {
        client["authorizationServicesEnabled"] = json!(true);
        client["authorizationSettings"] = json!({ "resources": [{ "name": RESOURCE }] });
        client
    };
    json!({
        "realm": REALM, "enabled": true, "sslRequired": "none", "eventsEnabled": true,
        // By itself it does not keep refreshes.
        "enabledEventTypes": ["LOGIN", "LOGIN_ERROR", "CLIENT_LOGIN", "REFRESH_TOKEN", "REFRESH_TOKEN_ERROR"],
        "users": users,
        "clients": [
            { "clientId": "app", "enabled": true, "publicClient": true,
                "directAccessGrantsEnabled": true, "standardFlowEnabled": false },
            authorizing(machine("billing", "billing")), machine("gateway", "gateway"),
            machine("plumbline-bot", SECRET),
        ],
    })
}

fn user(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// The world of the test.
struct World {
    keycloak: Keycloak,
    line: Line,
}

impl World {
    fn new() -> Self {
        let keycloak = Keycloak::start();
        keycloak.create_realm(&realm());
        let line = Line::new("keycloak", 3)
            .source("keycloak")
            // That 32 of 34 people are attacked within minutes is what the breaker is there to doubt.
            .with("[policy]\nbreaker = { share = 1.0, minimum = 1000, window = \"5m\" }")
            .with(&format!(
                "[[bot.target]]\nname = \"sso\"\nkind = \"keycloak\"\nurl = \"{}\"\nrealm = \"{REALM}\"\n\
                 client_id = \"plumbline-bot\"\nsecret = \"${{file:bot.secret}}\"",
                keycloak.url()
            ))
            .created();
        std::fs::write(line.path("bot.secret"), format!("{SECRET}\n")).unwrap();
        Self { keycloak, line }
    }

    fn log_in(&self, number: usize, scope: &str) -> Result<Tokens, String> {
        let form = format!(
            "grant_type=password&client_id=app&username=person-{number}&password=password&scope={scope}"
        );
        self.keycloak.grant(REALM, &form, OSLO)
    }

    fn refresh(&self, tokens: &Tokens, from: &str) -> Result<Tokens, String> {
        let form = format!(
            "grant_type=refresh_token&client_id=app&refresh_token={}",
            tokens.refresh
        );
        self.keycloak.grant(REALM, &form, from)
    }

    fn log_in_machine(&self, client: &str) -> Result<Tokens, String> {
        let form =
            format!("grant_type=client_credentials&client_id={client}&client_secret={client}");
        self.keycloak.grant(REALM, &form, OSLO)
    }

    /// Whether Keycloak still vouches for this token, as it tells a gateway.
    fn is_active(&self, tokens: &Tokens) -> bool {
        let path = format!("/realms/{REALM}/protocol/openid-connect/token/introspect");
        let form = format!(
            "client_id=gateway&client_secret=gateway&token={}",
            tokens.access
        );
        let reply = self.keycloak.post_form(&path, &form, OSLO);
        let said: Value = serde_json::from_str(&reply.body).unwrap();
        said["active"] == true
    }

    /// What Keycloak has recorded of somebody or of everybody, oldest first, as it is.
    fn events(&self, of: &str) -> Vec<Raw> {
        let path = format!("/{REALM}/events?max=10000{of}");
        let reply = self.keycloak.admin("GET", &path, "");
        let mut events: Vec<Value> = serde_json::from_str(&reply.body).unwrap();
        events.reverse();
        let raw =
            |event: &Value| Raw::new(event["userId"].as_str().unwrap_or(""), event.to_string());
        events.iter().map(raw).collect()
    }

    /// What the bot has said, by command: the verdict, and when that was written.
    fn verdicts(&self) -> BTreeMap<String, (String, i64)> {
        let records = self.line.read("feedback");
        let said = records.iter().map(|record| {
            let event: Value = serde_json::from_slice(&record.value).unwrap();
            let word = |key: &str| event["feedback"][key].as_str().unwrap().to_owned();
            (word("command_id"), (word("verdict"), record.millis))
        });
        said.collect()
    }

    /// Gives a command as the engine would, and waits for what the bot says.
    fn command(&self, id: &str, action: &str, target: &Value, supersedes: Option<&str>) -> String {
        let command = json!({
            "id": id, "time": "2026-11-16T09:26:00Z", "expires_at": "2096-11-16T09:26:00Z",
            "action": action, "mode": "enforce", "supersedes": supersedes,
            "target": target,
            "reason": { "summary": "x", "risk": 82, "detectors": [], "finding_ids": [] },
        });
        let identity = target["identity"].as_str().unwrap();
        let raw = Raw::new(&format!("acme/{identity}"), command.to_string());
        self.line.writer.write(&self.line.topic("control"), &[raw]);
        let (verdict, _) = wait::until(&format!("a word about {action}"), WORK_LIMIT, || {
            self.verdicts().remove(id).ok_or_else(String::new)
        });
        verdict
    }

    /// The session of everybody but the last one is used in Oslo, and a moment later in Lima. Keycloak
    /// records both, and what it records goes in while others are at work.
    fn steal(&self) -> Vec<Tokens> {
        let mut stolen = Vec::new();
        for number in 0..VICTIMS {
            let tokens = self.log_in(number, "openid").unwrap();
            stolen.push(self.refresh(&tokens, LIMA).unwrap());
            let events = self.events(&format!("&user={}", user(number)));
            assert!(events.len() >= 2, "Keycloak has recorded {}", events.len());
            self.line.write_raw("keycloak", &events);
        }
        stolen
    }

    /// Fails unless the client still says who may do what.
    fn keeps_settings(&self, client: &str) {
        let path = format!("/{REALM}/clients?clientId={client}");
        let said: Value =
            serde_json::from_str(&self.keycloak.admin("GET", &path, "").body).unwrap();
        let id = said[0]["id"].as_str().unwrap();
        let path = format!("/{REALM}/clients/{id}/authz/resource-server/resource");
        let resources = self.keycloak.admin("GET", &path, "").body;
        assert!(resources.contains(RESOURCE), "{said}: {resources}");
    }

    /// Waits until as many sessions are revoked and acknowledged, and gives how long each took: from the
    /// command to what the bot said.
    fn await_revocations(&self, count: usize) -> Vec<i64> {
        wait::until("the revocations to be acknowledged", WORK_LIMIT, || {
            let verdicts = self.verdicts();
            let commands = self.line.read("control");
            let took = commands.iter().filter_map(|record| {
                let command: Value = serde_json::from_slice(&record.value).unwrap();
                assert_eq!(command["mode"], "enforce", "{command}");
                let (verdict, at) = verdicts.get(command["id"].as_str()?)?;
                assert_eq!(verdict, "acked", "{command}");
                (command["action"] == "revoke_session").then_some(at - record.millis)
            });
            let took: Vec<i64> = took.collect();
            match took.len() >= count {
                true => Ok(took),
                false => Err(format!("{} of {} commands", took.len(), commands.len())),
            }
        })
    }
}

#[test]
fn a_session_in_two_places_dies_in_keycloak_and_nobody_elses() {
    let world = World::new();
    let run = world.line.start_service(&[]);
    let bot = world.line.start(&["bot", "--config", "plumbline.toml"]);

    // Those whose sessions are to live: of somebody else, of the first victim on another day, of a machine.
    let other = world.log_in(VICTIMS, "openid").unwrap();
    let machine = world.log_in_machine("billing").unwrap();
    let also = world.log_in(0, "openid").unwrap();
    let stolen = world.steal();
    let mut took = world.await_revocations(VICTIMS);
    for (number, tokens) in stolen.iter().enumerate() {
        let refused = world.refresh(tokens, LIMA).unwrap_err();
        assert!(refused.contains("not active"), "{number}: {refused}");
        assert!(!world.is_active(tokens), "{number}");
    }
    for tokens in [&other, &also] {
        assert!(world.is_active(tokens));
        world.refresh(tokens, OSLO).unwrap();
    }
    assert!(world.is_active(&machine));
    took.sort_unstable();
    // The nearest rank: of so few, p99 is the longest.
    let at = |share: usize| took[(took.len() * share).div_ceil(100) - 1];
    println!(
        "command to acknowledged revocation in Keycloak, {} of them: p50 {} ms, p99 {} ms",
        took.len(),
        at(50),
        at(99)
    );

    everything_else_the_bot_can_do(&world, &also);
    what_replaces_a_pause_takes_its_lock_over(&world, bot);
    run.terminate();
    run.wait(WORK_LIMIT).well();
}

/// Also for a bot that was told of it before it was started anew.
fn what_replaces_a_pause_takes_its_lock_over(world: &World, bot: Running) {
    let person = &target(&user(0), "human");
    assert_eq!(world.command("c-16", "pause", person, None), "acked");
    let replaced = world.command("c-17", "revoke_all", person, Some("c-16"));
    assert_eq!(replaced, "acked");
    assert!(world.log_in(0, "openid").unwrap_err().contains("disabled"));
    let end = |bot: Running| {
        bot.terminate();
        bot.wait(WORK_LIMIT).well();
    };
    end(bot);
    let bot = world.line.start(&["bot", "--config", "plumbline.toml"]);
    let restored = world.command("c-18", "restore", person, Some("c-17"));
    assert_eq!(restored, "acked");
    thread::sleep(Duration::from_secs(1));
    world.log_in(0, "openid").unwrap();
    end(bot);
}

/// What no detector asks for here, on the same server.
fn everything_else_the_bot_can_do(world: &World, session: &Tokens) {
    let (person, billing) = (
        &target(&user(0), "human"),
        &target("billing", "service_account"),
    );

    let offline = world.log_in(0, "openid+offline_access").unwrap();
    world.refresh(&offline, OSLO).unwrap();
    assert_eq!(world.command("c-1", "revoke_all", person, None), "acked");
    world.refresh(session, OSLO).unwrap_err();
    world.refresh(&offline, OSLO).unwrap_err();
    // Tokens are dated in seconds.
    thread::sleep(Duration::from_secs(1));
    let again = world.log_in(0, "openid").unwrap();

    assert_eq!(world.command("c-2", "pause", person, None), "acked");
    world.refresh(&again, OSLO).unwrap_err();
    assert!(world.log_in(0, "openid").unwrap_err().contains("disabled"));
    assert_eq!(world.command("c-3", "resume", person, Some("c-2")), "acked");
    world.log_in(0, "openid").unwrap();

    let token = world.log_in_machine("billing").unwrap();
    assert_eq!(world.command("c-4", "pause", billing, None), "acked");
    assert_eq!(
        world.command("c-5", "revoke_credential", billing, None),
        "acked"
    );
    assert!(!world.is_active(&token));
    world.log_in_machine("billing").unwrap_err();
    // What is still revoked is not let in because a pause is over.
    assert_eq!(
        world.command("c-6", "resume", billing, Some("c-4")),
        "acked"
    );
    world.log_in_machine("billing").unwrap_err();
    assert_eq!(
        world.command("c-7", "restore", billing, Some("c-5")),
        "acked"
    );
    assert!(!world.is_active(&token));
    thread::sleep(Duration::from_secs(1));
    assert!(world.is_active(&world.log_in_machine("billing").unwrap()));

    world.keeps_settings("billing");

    assert_eq!(world.command("c-8", "narrow", person, None), "failed");
    let nobody = &target("nobody", "human");
    assert_eq!(world.command("c-9", "revoke_all", nobody, None), "failed");
    what_the_bot_knows_better(world, person);
}

/// What has no effect, or another than it says.
fn what_the_bot_knows_better(world: &World, person: &Value) {
    let command = |id, action, target: &Value| world.command(id, action, target, None);
    // A session that is gone, and one that nobody here can have had.
    let with_session = |mut target: Value| {
        target["session_id"] = json!("no-session");
        target
    };
    let gone = with_session(person.clone());
    assert_eq!(command("c-10", "revoke_session", &gone), "acked");
    let nobodys = with_session(target("nobody", "human"));
    assert_eq!(command("c-11", "revoke_session", &nobodys), "failed");

    for (id, client) in [("c-12", "plumbline-bot"), ("c-13", " "), ("c-14", "bill")] {
        let client = target(client, "service_account");
        assert_eq!(command(id, "pause", &client), "failed");
    }
    world.log_in_machine("billing").unwrap();
    let unknown = world.command("c-15", "restore", person, Some("c-0"));
    assert_eq!(unknown, "failed");
}

fn target(identity: &str, kind: &str) -> Value {
    json!({ "tenant": "acme", "identity": identity, "kind": kind })
}
