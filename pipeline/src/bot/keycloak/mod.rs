//! Keycloak: its admin REST API, as a client of the realm that may manage users and clients.

mod plan;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::deliver::{Answer, Body, Http, Reply, bearer, now};
pub(super) use plan::{Step, locks_out, plan, tell};

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
struct Client {
    id: String,
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

    /// Does these in order. `left`: the time in which each may arrive at all.
    pub(super) async fn carry_out(self, steps: Vec<Step>, left: Duration) -> Answer {
        let deadline = Instant::now() + left;
        for step in &steps {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(answer) = self.shared.step(step, left).await {
                return answer;
            }
        }
        Answer::Accepted
    }
}

impl Shared {
    async fn step(&self, step: &Step, left: Duration) -> Result<(), Undone> {
        match step {
            Step::EndSession(id) => {
                let path = format!("sessions/{}", part(id)?);
                // What a refresh token is for that outlives its session is a session of its own, under the same id.
                for path in [format!("{path}?isOffline=true"), path] {
                    let reply = self.ask(Method::DELETE, &path, None, left).await?;
                    // Gone is gone.
                    if reply.status != StatusCode::NOT_FOUND {
                        done(&reply)?;
                    }
                }
                Ok(())
            }
            Step::LogOut(user) => {
                let path = format!("users/{}/logout", part(user)?);
                let reply = self.ask(Method::POST, &path, None, left).await?;
                found(&reply, "user", user)?;
                // An offline token that was issued within this second is only refused from the next one on.
                tokio::time::sleep(SECOND).await;
                let reply = self.ask(Method::POST, &path, None, left).await?;
                found(&reply, "user", user)
            }
            Step::User { id, enabled } => {
                let path = format!("users/{}", part(id)?);
                let body = json!({ "enabled": enabled });
                let reply = self.ask(Method::PUT, &path, Some(body), left).await?;
                found(&reply, "user", id)
            }
            Step::ExpireTokens(client) => {
                self.change(client, json!({ "notBefore": next_second() }), left)
                    .await
            }
            Step::DisableClient(client) => {
                let body = json!({ "enabled": false, "notBefore": next_second() });
                self.change(client, body, left).await
            }
            Step::EnableClient(client) => {
                self.change(client, json!({ "enabled": true }), left).await
            }
        }
    }

    /// Changes a client, and tells it of tokens that are no longer good.
    async fn change(&self, client: &str, change: Value, left: Duration) -> Result<(), Undone> {
        let path = format!("clients?clientId={}", part(client)?);
        let reply = self.ask(Method::GET, &path, None, left).await?;
        done(&reply)?;
        let clients: Vec<Client> = serde_json::from_slice(&reply.body)
            .map_err(|_| reply.later("Keycloak does not list its clients".to_owned()))?;
        let Some(found) = clients.first() else {
            return Err(nobody("client", client));
        };
        let path = format!("clients/{}", part(&found.id)?);
        let expires = change.get("notBefore").is_some();
        let reply = self.ask(Method::PUT, &path, Some(change), left).await?;
        done(&reply)?;
        if expires {
            let path = format!("{path}/push-revocation");
            let reply = self.ask(Method::POST, &path, None, left).await?;
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
        left: Duration,
    ) -> Result<Reply, Undone> {
        let realm = part(&self.realm)?;
        let uri = format!("{}/admin/realms/{realm}/{path}", self.url);
        let mut request = Request::new(Body::from(
            body.map(|body| body.to_string()).unwrap_or_default(),
        ));
        *request.method_mut() = method;
        *request.uri_mut() = address(&uri)?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.token(left).await?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reply = self.http.send(request, left).await.map_err(later)?;
        if reply.status == StatusCode::UNAUTHORIZED {
            // It may have been revoked: the next try has a new one.
            *self.token.lock().await = None;
        }
        Ok(reply)
    }

    /// The header with a token that is still good.
    async fn token(&self, left: Duration) -> Result<HeaderValue, Undone> {
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
        let reply = self.http.send(request, left).await.map_err(later)?;
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
            until: asked + life,
        });
        Ok(header)
    }
}

/// A part of a path. Ids come from logs: one that would lead elsewhere leads nowhere.
fn part(id: &str) -> Result<String, Undone> {
    match id {
        "" | "." | ".." => Err(Answer::Refused(format!("`{id}` is no id in Keycloak"))),
        id => Ok(utf8_percent_encode(id, PLAIN).to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::http::tests::{Asked, Server};

    const MINUTE: Duration = Duration::from_secs(60);

    /// A server that grants tokens, knows one client, and says 401 to the first that shows a token.
    fn answer((method, path, ..): &Asked, before: usize) -> (u16, String) {
        match (method.as_str(), path.as_str()) {
            ("POST", "/realms/a%20b/protocol/openid-connect/token") => {
                let granted = json!({ "access_token": format!("t-{before}"), "expires_in": 60 });
                (200, granted.to_string())
            }
            (_, _) if before == 1 => (401, String::new()),
            ("GET", "/admin/realms/a%20b/clients?clientId=svc%2Fbilling") => (
                200,
                r#"[{ "id": "7", "clientId": "svc/billing" }]"#.to_owned(),
            ),
            ("GET", _) => (200, "[]".to_owned()),
            ("PUT", "/admin/realms/a%20b/users/forbidden") => (403, String::new()),
            (_, path) if path.ends_with("nobody/logout") => (404, String::new()),
            ("DELETE", _) => (404, String::new()),
            _ => (204, String::new()),
        }
    }

    async fn keycloak() -> (Server, Keycloak) {
        let server = Server::start(answer).await;
        let http = Http::new(MINUTE).expect("a client");
        let url = format!("{}/", server.url);
        let keycloak = Keycloak::new(http, &url, "a b", "bot", "s & t".to_owned());
        (server, keycloak)
    }

    #[tokio::test]
    async fn a_token_is_used_until_it_is_refused() {
        let (server, keycloak) = keycloak().await;
        let steps = [Step::EndSession("s-1".to_owned())];
        let ended = async || keycloak.clone().carry_out(steps.to_vec(), MINUTE).await;
        let first = ended().await;
        assert!(matches!(first, Answer::Later(..)), "{first:?}");
        assert_eq!(ended().await, Answer::Accepted);
        assert_eq!(ended().await, Answer::Accepted);
        insta::assert_snapshot!(server.lines().join("\n"));
        let shown = server.asked().into_iter();
        let shown = shown.filter_map(|(_, _, headers, _)| headers.get(AUTHORIZATION).cloned());
        let shown: Vec<_> = shown.collect();
        let expected = ["t-0", "t-2", "t-2", "t-2", "t-2"];
        assert_eq!(shown, expected.map(|token| format!("Bearer {token}")));
    }

    #[tokio::test]
    async fn each_step_is_asked_for_as_keycloak_wants_it() {
        let (server, keycloak) = keycloak().await;
        let done = async |step: Step| keycloak.clone().carry_out(vec![step], MINUTE).await;
        let user = |id: &str, enabled| Step::User {
            id: id.to_owned(),
            enabled,
        };
        done(user("ann", true)).await;
        for step in [
            Step::LogOut("ann".to_owned()),
            user("ann", false),
            user("ann", true),
            Step::ExpireTokens("svc/billing".to_owned()),
            Step::DisableClient("svc/billing".to_owned()),
            Step::EnableClient("svc/billing".to_owned()),
        ] {
            assert_eq!(done(step.clone()).await, Answer::Accepted, "{step}");
        }
        insta::with_settings!({ filters => vec![(r#""notBefore":\d{10}"#, r#""notBefore":SECONDS"#)] }, {
            insta::assert_snapshot!(server.lines().join("\n"));
        });
        for step in [
            Step::LogOut("nobody".to_owned()),
            Step::EnableClient("nobody".to_owned()),
        ] {
            let answer = done(step).await;
            assert!(
                matches!(&answer, Answer::Refused(why) if why.contains("nobody")),
                "{answer:?}"
            );
        }
        let forbidden = done(user("forbidden", false)).await;
        assert!(
            matches!(&forbidden, Answer::Later(why, _) if why.contains("manage-users")),
            "{forbidden:?}"
        );
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        assert_eq!(part("s-1").expect("an id"), "s-1");
        assert_eq!(
            part("../users/x?y#z").expect("an id"),
            "..%2Fusers%2Fx%3Fy%23z"
        );
        assert_eq!(part("a b%2f/ü").expect("an id"), "a%20b%252f%2F%C3%BC");
        for id in ["", ".", ".."] {
            assert!(matches!(part(id), Err(Answer::Refused(_))), "{id}");
        }
    }
}
