//! Keycloak: its admin REST API, as a client of the realm that may manage users and clients.

mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plumbline_schemas::command::Command;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::memory::Lifting;
use crate::deliver::{Answer, Body, Http, Reply, bearer, now};
use plan::plan;
pub(super) use plan::{Step, locks_out, tell};

/// What stands in a part of a path, or a value of a form, as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A token is not used in the last seconds of its life.
const MARGIN: Duration = Duration::from_secs(10);

/// Keycloak dates tokens in seconds.
const SECOND: Duration = Duration::from_secs(1);

/// The admin API of one realm. Clones share the token.
#[derive(Clone)]
pub(super) struct Keycloak {
    shared: Arc<Shared>,
}

struct Shared {
    http: Http,
    /// Without `/` at its end.
    url: String,
    realm: String,
    client_id: String,
    secret: String,
    token: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    until: Instant,
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

/// What the admin API says of a client.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    id: String,
    client_id: String,
    /// Absent where it has no such settings.
    authorization_services_enabled: Option<bool>,
}

/// Why a step is not done: what to do about its command.
type Undone = Answer;

impl Keycloak {
    pub(super) fn new(http: Http, url: &str, realm: &str, client_id: &str, secret: String) -> Self {
        Self {
            shared: Arc::new(Shared {
                http,
                url: url.trim_end_matches('/').to_owned(),
                realm: realm.to_owned(),
                client_id: client_id.to_owned(),
                secret,
                token: Mutex::default(),
            }),
        }
    }

    /// What is to be done in order; or why nothing can be.
    pub(super) fn plan(
        &self,
        command: &Command,
        lifting: Lifting,
    ) -> Result<Vec<Step>, &'static str> {
        plan(command, lifting, &self.shared.client_id)
    }

    /// Does these in order. What is refused keeps no other from being done. `left`: the time in which all of it
    /// may arrive at all.
    pub(super) async fn carry_out(self, steps: Vec<Step>, left: Duration) -> Answer {
        let deadline = Instant::now() + left;
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for step in &steps {
            match self.shared.step(step, deadline).await {
                Ok(()) => done.push(step.clone()),
                Err(Answer::Refused(reason)) => refused.push(format!("{step}: {reason}")),
                Err(answer) => return answer,
            }
        }
        if refused.is_empty() {
            return Answer::Accepted;
        }
        let mut reason = refused.join("; ");
        if !done.is_empty() {
            reason.push_str(&format!("; done: {}", tell(&done)));
        }
        Answer::Refused(reason)
    }
}

impl Shared {
    async fn step(&self, step: &Step, deadline: Instant) -> Result<(), Undone> {
        match step {
            Step::EndSession { id, user } => {
                let path = format!("sessions/{}", part(id)?);
                let mut was_there = false;
                // What a refresh token is for that outlives its session is a session of its own, under the same id.
                for path in [format!("{path}?isOffline=true"), path] {
                    let reply = self.ask(Method::DELETE, &path, None, deadline).await?;
                    if reply.status != StatusCode::NOT_FOUND {
                        done(&reply)?;
                        was_there = true;
                    }
                }
                match user {
                    // Gone is gone, unless it never was here: nor is the user then.
                    Some(user) if !was_there => self.know(user, deadline).await,
                    _ => Ok(()),
                }
            }
            Step::LogOut(user) => {
                let path = format!("users/{}/logout", part(user)?);
                let reply = self.ask(Method::POST, &path, None, deadline).await?;
                found(&reply, "user", user)?;
                // An offline token that was issued within this second is only refused from the next one on.
                tokio::time::sleep(SECOND).await;
                let reply = self.ask(Method::POST, &path, None, deadline).await?;
                found(&reply, "user", user)
            }
            Step::User { id, enabled } => {
                let path = format!("users/{}", part(id)?);
                let body = json!({ "enabled": enabled });
                let reply = self.ask(Method::PUT, &path, Some(body), deadline).await?;
                found(&reply, "user", id)
            }
            Step::ExpireTokens(client) => {
                self.change(client, json!({ "notBefore": next_second() }), deadline)
                    .await
            }
            Step::DisableClient(client) => {
                let body = json!({ "enabled": false, "notBefore": next_second() });
                self.change(client, body, deadline).await
            }
            Step::EnableClient(client) => {
                self.change(client, json!({ "enabled": true }), deadline)
                    .await
            }
        }
    }

    /// Whether the realm has this user.
    async fn know(&self, user: &str, deadline: Instant) -> Result<(), Undone> {
        let path = format!("users/{}", part(user)?);
        let reply = self.ask(Method::GET, &path, None, deadline).await?;
        found(&reply, "user", user)
    }

    /// Changes a client, and tells it of tokens that are no longer good.
    async fn change(
        &self,
        client: &str,
        mut change: Value,
        deadline: Instant,
    ) -> Result<(), Undone> {
        let path = format!("clients?clientId={}", part(client)?);
        let reply = self.ask(Method::GET, &path, None, deadline).await?;
        done(&reply)?;
        let clients: Vec<Client> = serde_json::from_slice(&reply.body)
            .map_err(|_| reply.later("Keycloak does not list its clients".to_owned()))?;
        // Asked for a blank id, Keycloak lists every client it has.
        let mut clients = clients.into_iter();
        let Some(found) = clients.find(|found| found.client_id == client) else {
            return Err(nobody("client", client));
        };
        // Where it is not said again, Keycloak deletes these settings.
        if let Some(enabled) = found.authorization_services_enabled {
            change["authorizationServicesEnabled"] = json!(enabled);
        }
        let path = format!("clients/{}", part(&found.id)?);
        let expires = change.get("notBefore").is_some();
        let reply = self.ask(Method::PUT, &path, Some(change), deadline).await?;
        done(&reply)?;
        if expires {
            let path = format!("{path}/push-revocation");
            let reply = self.ask(Method::POST, &path, None, deadline).await?;
            done(&reply)?;
        }
        Ok(())
    }

    /// A request to the admin API of the realm.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        deadline: Instant,
    ) -> Result<Reply, Undone> {
        let realm = part(&self.realm)?;
        let uri = format!("{}/admin/realms/{realm}/{path}", self.url);
        let mut request = Request::new(Body::from(
            body.map(|body| body.to_string()).unwrap_or_default(),
        ));
        *request.method_mut() = method;
        *request.uri_mut() = address(&uri)?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.token(deadline).await?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reply = self.send(request, deadline).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            // It may have been revoked: the next try has a new one.
            *self.token.lock().await = None;
        }
        Ok(reply)
    }

    async fn send(&self, request: Request<Body>, deadline: Instant) -> Result<Reply, Undone> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(later("the command has expired".to_owned()));
        }
        self.http.send(request, left).await.map_err(later)
    }

    /// The header with a token that is still good.
    async fn token(&self, deadline: Instant) -> Result<HeaderValue, Undone> {
        // Held meanwhile: several that need a new one ask for one.
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok(token.header.clone());
        }
        let realm = part(&self.realm)?;
        let uri = format!("{}/realms/{realm}/protocol/openid-connect/token", self.url);
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            utf8_percent_encode(&self.client_id, PLAIN),
            utf8_percent_encode(&self.secret, PLAIN)
        );
        let mut request = Request::new(Body::from(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address(&uri)?;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        let asked = Instant::now();
        let reply = self.send(request, deadline).await?;
        if !reply.status.is_success() {
            let (client, status) = (&self.client_id, reply.status.as_u16());
            let reason = format!("Keycloak gives the client {client} no token: {status}");
            return Err(reply.later(reason));
        }
        let granted: Option<Granted> = serde_json::from_slice(&reply.body).ok();
        let header = granted
            .as_ref()
            .and_then(|granted| bearer(&granted.access_token));
        let (Some(granted), Some(header)) = (granted, header) else {
            return Err(reply.later("Keycloak answers with no token".to_owned()));
        };
        let life = Duration::from_secs(granted.expires_in).saturating_sub(MARGIN);
        *kept = Some(Token {
            header: header.clone(),
            // One that is good for longer than there is time is used once.
            until: asked.checked_add(life).unwrap_or(asked),
        });
        Ok(header)
    }
}

/// A part of a path. Ids come from logs: one that would lead elsewhere leads nowhere.
fn part(id: &str) -> Result<String, Undone> {
    match id.trim() {
        "" | "." | ".." => Err(Answer::Refused(format!("`{id}` is no id in Keycloak"))),
        _ => Ok(utf8_percent_encode(id, PLAIN).to_string()),
    }
}

fn address(uri: &str) -> Result<Uri, Undone> {
    uri.parse()
        .map_err(|_| Answer::Refused("an id is longer than a URL may be".to_owned()))
}

fn later(reason: String) -> Undone {
    Answer::Later(reason, None)
}

fn nobody(what: &str, id: &str) -> Undone {
    Answer::Refused(format!("Keycloak has no {what} {id} in this realm"))
}

/// The same, where what is not found is somebody.
fn found(reply: &Reply, what: &str, id: &str) -> Result<(), Undone> {
    match reply.status {
        StatusCode::NOT_FOUND => Err(nobody(what, id)),
        _ => done(reply),
    }
}

/// Whether it is done. A right that is missing can be given while the command is tried again.
fn done(reply: &Reply) -> Result<(), Undone> {
    let status = reply.status;
    if status.is_success() {
        return Ok(());
    }
    let reason = format!("Keycloak says {}", status.as_u16());
    Err(match status {
        StatusCode::FORBIDDEN => reply.later(format!(
            "{reason}: the client of the bot needs the roles manage-users and manage-clients of realm-management"
        )),
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
            Answer::Refused(reason)
        }
        _ => reply.later(reason),
    })
}

/// Tokens are dated in seconds: what was issued in this one is meant too.
fn next_second() -> i64 {
    now().as_millis() / 1000 + 1
}
