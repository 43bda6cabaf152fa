//! Who acts, and what one act looks like on the wire.

use serde_json::{Map, Value, json};

use crate::{Place, clock};

/// An identity as it stands: its session, credential, place and device, put on all that it does.
#[derive(Clone, Debug)]
pub struct Actor {
    base: Value,
}

/// One event on its way into a story.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The event, without id and time.
    pub(crate) value: Value,
    /// When it happens.
    pub(crate) time: i64,
    /// When it arrives.
    pub(crate) arrival: i64,
}

fn put(object: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        Some((head, tail)) => {
            if !object[head].is_object() {
                object[head] = json!({});
            }
            object[head][tail] = value;
        }
        None => object[path] = value,
    }
}

impl Actor {
    /// An identity of this kind, of tenant `acme`.
    pub fn new(kind: &str, id: &str) -> Self {
        Self {
            base: json!({ "tenant": "acme", "identity": { "id": id, "kind": kind } }),
        }
    }

    /// A person.
    pub fn human(id: &str) -> Self {
        Self::new("human", id)
    }

    /// A service account.
    pub fn service(id: &str) -> Self {
        Self::new("service_account", id)
    }

    /// A workload.
    pub fn workload(id: &str) -> Self {
        Self::new("workload", id)
    }

    /// An API key.
    pub fn key(id: &str) -> Self {
        Self::new("api_key", id)
    }

    /// An AI agent.
    pub fn agent(id: &str) -> Self {
        Self::new("ai_agent", id)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.text("identity.id")
    }

    /// The text at a path, such as `session.id`; empty where there is none.
    pub fn text(&self, path: &str) -> &str {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.base
            .pointer(&pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// With a value at a path of one or two steps, such as `device.posture`.
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        put(&mut self.base, path, value.into());
        self
    }

    /// Without what stands at the first step of a path.
    pub fn without(mut self, field: &str) -> Self {
        if let Some(object) = self.base.as_object_mut() {
            object.remove(field);
        }
        self
    }

    /// In a session of which nothing but the id is known.
    pub fn session(self, id: &str) -> Self {
        self.with("session", json!({ "id": id }))
    }

    /// In a session that started at this time.
    pub fn session_since(self, id: &str, started: i64) -> Self {
        self.with(
            "session",
            json!({ "id": id, "started_at": clock::written(started) }),
        )
    }

    /// With a credential issued at this time.
    pub fn credential(self, kind: &str, id: &str, issued: i64) -> Self {
        self.with(
            "credential",
            json!({ "id": id, "kind": kind, "issued_at": clock::written(issued) }),
        )
    }

    /// From a place, at the address with this last number.
    pub fn from(self, place: &Place, host: i64) -> Self {
        let actor = self.with("network", place.network(host));
        match place.region {
            Some(region) => actor.with("workload.region", region),
            None => actor,
        }
    }

    /// From the network, and the address, that another actor comes from.
    pub fn on_the_network_of(self, other: &Actor) -> Self {
        let network = other.base["network"].clone();
        self.with("network", network)
    }

    /// On a device of one's own.
    pub fn device(self, id: &str, user_agent: &str) -> Self {
        self.with(
            "device",
            json!({
                "id": id, "user_agent": user_agent, "posture": "compliant",
                "tls_fingerprint": format!("t13d-{}", user_agent.len()),
            }),
        )
    }

    /// On a host of a machine's.
    pub fn host(self, runtime: &str, environment: &str, host: &str) -> Self {
        self.with("workload.runtime", runtime)
            .with("workload.environment", environment)
            .with("workload.host", host)
    }

    /// On a task; an empty list of allowed names says nothing of them.
    pub fn task(self, id: &str, objective: &str, allowed: &[&str]) -> Self {
        let mut task = json!({ "id": id, "objective": objective });
        if !allowed.is_empty() {
            task["allowed"] = json!(allowed);
        }
        self.with("task", task)
    }

    /// On behalf of a person.
    pub fn on_behalf_of(self, id: &str) -> Self {
        self.with("delegation", json!([{ "id": id, "kind": "human" }]))
    }

    /// Does something of a class; its time is still to be told.
    pub fn does(&self, class: &str, name: &str) -> Draft {
        let kind = match class {
            "login" | "logout" | "mfa" => "auth",
            "token_issue" | "token_rotate" | "token_revoke" => "token",
            "admin" | "privilege" | "approval" => "admin",
            "posture" => "device",
            "task_start" | "task_end" => "session",
            _ => "api",
        };
        let mut value = self.base.clone();
        value["kind"] = json!(kind);
        put(&mut value, "action.name", json!(name));
        put(&mut value, "action.class", json!(class));
        Draft {
            value,
            time: 0,
            arrival: 0,
        }
    }

    /// Somebody else revokes its session and credential, as far as it has them.
    pub fn is_revoked(&self) -> Draft {
        self.does("token_revoke", "token.revoke").without(&[
            "network",
            "device",
            "workload",
            "delegation",
            "task",
        ])
    }

    /// What a person or a bot says of this session.
    pub fn feedback(&self, verdict: &str) -> Draft {
        let mut draft = self.does("other", "feedback").without(&[
            "network",
            "device",
            "workload",
            "delegation",
            "task",
        ]);
        draft.value["kind"] = json!("feedback");
        draft.value["action"] = json!({ "name": "feedback" });
        draft.value["feedback"] = json!({ "verdict": verdict, "by": "soc" });
        draft
    }

    /// An approval of what it is about to do, under its own name.
    pub fn is_approved_by(&self, approver: &str) -> Draft {
        self.does("approval", "approval.grant")
            .set("delegation", json!([{ "id": approver, "kind": "human" }]))
    }
}

impl Draft {
    /// When it happens, and arrives.
    pub fn at(self, time: i64) -> Self {
        Self {
            time,
            arrival: time,
            ..self
        }
    }

    /// When it arrives, where that is later.
    pub fn arriving(self, arrival: i64) -> Self {
        Self { arrival, ..self }
    }

    /// With a value at a path of one or two steps.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        put(&mut self.value, path, value.into());
        self
    }

    /// Without these fields.
    pub fn without(mut self, fields: &[&str]) -> Self {
        let object: &mut Map<String, Value> =
            self.value.as_object_mut().expect("an event is an object");
        for field in fields {
            object.remove(*field);
        }
        self
    }

    /// How it ended.
    pub fn ended(self, outcome: &str) -> Self {
        self.set("action.outcome", outcome)
    }

    /// What it was done to.
    pub fn on(self, resource: &str) -> Self {
        self.set("action.resource", resource)
    }

    /// In production.
    pub fn in_production(self) -> Self {
        self.set("action.environment", "production")
    }

    /// So many bytes left.
    pub fn bytes(self, bytes: i64) -> Self {
        self.set("action.bytes_out", bytes)
    }
}
