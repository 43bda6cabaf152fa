//! Where tokens are pushed to (RFC 8935): `POST /push/TOPIC`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use plumbline_schemas::signals::TYPE;

use super::counts::{Counts, Outcome};
use super::writer::Writer;
use crate::log_format::{SignedTokens, Unbelieved};
use crate::serve::answer::{Latch, Refusal, bearer_of};

/// Tokens have a few hundred bytes; a broker takes a mebibyte.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What is served, for the log.
pub(super) const PAGES: &str = "/push";

/// Where the tokens of a source come in.
pub(super) struct Door {
    pub(super) topic: Arc<str>,
    pub(super) tokens: SignedTokens,
    pub(super) latch: Latch,
}

pub(super) struct Site {
    pub(super) doors: Vec<Door>,
    pub(super) writer: Writer,
    pub(super) counts: Arc<Counts>,
}

pub(super) fn pages(site: Site) -> Router {
    Router::new()
        .route("/push/{topic}", post(take))
        .layer(DefaultBodyLimit::max(MAX_TOKEN_BYTES))
        .with_state(Arc::new(site))
}

/// The door at which somebody stands whom it lets in. Named before the body of a request, it is known before that
/// is read: nothing is kept for strangers.
struct Entered(usize);

impl FromRequestParts<Arc<Site>> for Entered {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        let topic = Path::<String>::from_request_parts(parts, site).await;
        let topic = topic.map(|Path(topic)| topic).unwrap_or_default();
        let given = bearer_of(&parts.headers);
        // A topic that there is not is a stranger's as well: nobody learns which there are.
        let is_entered =
            |door: &Door| *door.topic == *topic && given.is_some_and(|it| door.latch.opens_to(it));
        if let Some(at) = site.doors.iter().position(is_entered) {
            return Ok(Self(at));
        }
        if let Some(door) = site.doors.iter().find(|door| *door.topic == *topic) {
            site.counts.add(&door.topic, Outcome::refused);
        }
        Err(Refusal::STRANGER)
    }
}

async fn take(
    State(site): State<Arc<Site>>,
    Entered(at): Entered,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let door = site.doors.get(at).ok_or(Refusal::STRANGER)?;
    let count = |outcome| site.counts.add(&door.topic, outcome);
    let key = believed(door, &headers, &body).inspect_err(|refusal| {
        count(Outcome::refused);
        let topic = &*door.topic;
        tracing::warn!(topic, why = %refusal.description, "a token is refused");
    })?;
    if site.writer.write(&door.topic, &key, body).await {
        count(Outcome::taken);
        return Ok(StatusCode::ACCEPTED);
    }
    count(Outcome::failed);
    Err(Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "the log does not take it now; send it again",
    ))
}

/// The id of a token that is to be believed.
fn believed(door: &Door, headers: &HeaderMap, body: &Bytes) -> Result<String, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let expected = kind.and_then(|kind| kind.strip_prefix("application/"));
    if expected.is_none_or(|kind| !kind.eq_ignore_ascii_case(TYPE)) {
        return Err(Refusal::invalid(
            "the content type is not application/secevent+jwt",
        ));
    }
    let claims = door.tokens.verify(body).map_err(refusal)?;
    let id = claims.get("jti").and_then(serde_json::Value::as_str);
    let id = id.filter(|id| !id.is_empty());
    id.map(str::to_owned)
        .ok_or(Refusal::invalid("token: it has no jti"))
}

fn refusal(unbelieved: Unbelieved) -> Refusal {
    Refusal {
        description: format!("token: {}", unbelieved.why).into(),
        ..Refusal::new(StatusCode::BAD_REQUEST, unbelieved.err, "")
    }
}
