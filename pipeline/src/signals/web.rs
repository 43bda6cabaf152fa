//! What receivers are served: the transmitter's metadata and keys, their stream, and their tokens if
//! they poll (SSF 1.0, sections 7 and 8).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::signals::{CRITICAL_MEMBERS, VERIFICATION};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::keys::Keys;
use super::poll::{PollRequest, poll};
use super::receiver::{Receiver, Status, VERIFICATION_INTERVAL};
use crate::config::Delivery;
use crate::serve::answer::{Refusal, bearer_of, json_of};

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";
/// No standard knows this one.
const KAFKA: &str = "urn:plumbline:delivery:kafka";

/// Acknowledgements of a thousand tokens are a tenth of this.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// What is served, for the log.
pub(super) const PAGES: &str = "/.well-known/ssf-configuration, /jwks.json and /ssf";

/// The transmitter as receivers see it.
pub(super) struct Site {
    pub(super) issuer: String,
    pub(super) keys: Arc<Keys>,
    pub(super) receivers: Arc<[Arc<Receiver>]>,
}

type Served = Result<Response, Refusal>;

const NO_STREAM: Refusal = Refusal::new(
    StatusCode::NOT_FOUND,
    "not_found",
    "there is no such stream of this receiver",
);

/// Every page, also under the path of the issuer where it has one.
pub(super) fn pages(site: Site) -> Router {
    let path = site.path().to_owned();
    let pages = Router::new()
        .route("/jwks.json", get(jwks))
        .route("/ssf/stream", get(stream))
        .route("/ssf/status", get(status).post(set_status))
        .route("/ssf/verify", post(verify))
        .route("/ssf/poll/{stream}", post(fetch));
    let known = "/.well-known/ssf-configuration";
    let all = match path.as_str() {
        "" => pages,
        // The path stands behind the well-known one (SSF 1.0, section 7.2.1).
        path => Router::new()
            .nest(path, pages.clone())
            .merge(pages)
            .route(&format!("{known}{path}"), get(metadata)),
    };
    all.route(known, get(metadata))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(Arc::new(site))
}

impl Site {
    fn path(&self) -> &str {
        let rest = self.issuer.strip_prefix("https://").unwrap_or("");
        rest.find('/').map_or("", |at| &rest[at..])
    }

    fn url(&self, page: &str) -> String {
        format!("{}{page}", self.issuer)
    }

    /// The receiver that has this bearer token.
    fn receiver(&self, headers: &HeaderMap) -> Result<&Arc<Receiver>, Refusal> {
        let mut receivers = self.receivers.iter();
        let found = bearer_of(headers)
            .and_then(|token| receivers.find(|receiver| receiver.is_let_in(token)));
        found.ok_or(Refusal::STRANGER)
    }

    /// The configuration of a receiver's stream (SSF 1.0, section 8.1.1).
    fn stream(&self, receiver: &Receiver) -> Value {
        let stream = &receiver.stream;
        let (method, place) = match receiver.config.delivery {
            Delivery::Push => (PUSH, receiver.config.endpoint.clone()),
            Delivery::Poll => (POLL, Some(self.url(&format!("/ssf/poll/{}", stream.id)))),
            Delivery::Kafka => (KAFKA, receiver.config.topic.clone()),
        };
        let supported = events(receiver.config.profile.actions(), receiver);
        let delivered = events(receiver.actions(), receiver);
        json!({
            "stream_id": stream.id,
            "iss": stream.issuer,
            "aud": stream.audience,
            "delivery": { "method": method, "endpoint_url": place },
            "events_supported": supported,
            "events_requested": delivered,
            "events_delivered": delivered,
            "min_verification_interval": VERIFICATION_INTERVAL,
        })
    }
}

/// The receiver that asks. Named before the body of a request, it is known before that is read: nothing is
/// kept for strangers.
struct Caller(Arc<Receiver>);

impl FromRequestParts<Arc<Site>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        site.receiver(&parts.headers).cloned().map(Self)
    }
}

/// The types of the events that tell of these actions, each once.
fn events(actions: impl Iterator<Item = Action>, receiver: &Receiver) -> Vec<&'static str> {
    let observed = receiver.config.observe.then_some(Mode::Observe);
    let modes = [Some(Mode::Enforce), observed];
    let mut types: Vec<_> = actions
        .flat_map(|action| modes.iter().flatten().map(move |mode| (action, *mode)))
        .filter_map(|(action, mode)| receiver.config.profile.event_type(action, mode))
        .collect();
    types.push(VERIFICATION);
    types.sort_unstable();
    types.dedup();
    types
}

/// JSON for nobody's cache.
fn private(body: &Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], json_of(body)).into_response()
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    // By itself serde would take a list of the members as well.
    let object = serde_json::from_slice(body).map(Value::Object);
    let read = object.and_then(serde_json::from_value);
    read.map_err(|_| Refusal::invalid("the body is no JSON object of the shape that is expected"))
}

async fn metadata(State(site): State<Arc<Site>>) -> Response {
    json_of(&json!({
        "spec_version": "1_0",
        "issuer": site.issuer,
        "jwks_uri": site.url("/jwks.json"),
        "delivery_methods_supported": [PUSH, POLL],
        "configuration_endpoint": site.url("/ssf/stream"),
        "status_endpoint": site.url("/ssf/status"),
        "verification_endpoint": site.url("/ssf/verify"),
        "critical_subject_members": CRITICAL_MEMBERS,
        // Bearer tokens, which the operators of both sides have agreed on.
        "authorization_schemes": [{ "spec_urn": "urn:ietf:rfc:6750" }],
        "default_subjects": "ALL",
    }))
}

async fn jwks(State(site): State<Arc<Site>>) -> Response {
    json_of(&json!(site.keys.published()))
}

/// The stream that a query names; that of the receiver, where it names none.
fn named(uri: &Uri) -> Option<&str> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| pair.strip_prefix("stream_id="))
        .next()
}

async fn stream(State(site): State<Arc<Site>>, Caller(receiver): Caller, uri: Uri) -> Served {
    let stream = site.stream(&receiver);
    match named(&uri) {
        // Without a name all streams are asked for.
        None => Ok(private(&json!([stream]))),
        Some(id) if id == receiver.name() => Ok(private(&stream)),
        Some(_) => Err(NO_STREAM),
    }
}

fn status_of(receiver: &Receiver) -> Response {
    private(&json!({ "stream_id": receiver.name(), "status": receiver.status().as_str() }))
}

async fn status(Caller(receiver): Caller, uri: Uri) -> Served {
    match named(&uri) {
        Some(id) if id != receiver.name() => Err(NO_STREAM),
        _ => Ok(status_of(&receiver)),
    }
}

#[derive(serde::Deserialize)]
struct NewStatus {
    stream_id: String,
    status: String,
}

async fn set_status(Caller(receiver): Caller, body: Bytes) -> Served {
    let wanted: NewStatus = read(&body)?;
    if wanted.stream_id != receiver.name() {
        return Err(NO_STREAM);
    }
    let status = Status::parse(&wanted.status)
        .ok_or(Refusal::invalid("status is enabled, paused or disabled"))?;
    receiver.set_status(status);
    tracing::info!(
        receiver = receiver.name(),
        status = status.as_str(),
        "the receiver has set the status of its stream"
    );
    Ok(status_of(&receiver))
}

#[derive(serde::Deserialize)]
struct Verify {
    stream_id: String,
    state: Option<String>,
}

async fn verify(Caller(receiver): Caller, body: Bytes) -> Served {
    let wanted: Verify = read(&body)?;
    if wanted.stream_id != receiver.name() {
        return Err(NO_STREAM);
    }
    match receiver.verify(wanted.state.as_deref()) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "a verification was asked for a moment ago",
        )),
    }
}

async fn fetch(
    State(site): State<Arc<Site>>,
    Caller(receiver): Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Served {
    if id != receiver.name() || !receiver.is_polling() {
        return Err(NO_STREAM);
    }
    let request: PollRequest = read(&body)?;
    match poll(&receiver, &site.keys, request).await {
        Ok(answer) => Ok(private(&json!(answer))),
        Err(error) => {
            tracing::error!(receiver = receiver.name(), %error, "tokens cannot be handed out");
            Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "tokens cannot be signed",
            ))
        }
    }
}
