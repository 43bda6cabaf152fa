//! Delivery by polling (RFC 8936): what has been acknowledged is settled, the rest comes again, for as long
//! as tokens are tried.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::keys::{Keys, SignError};
use super::push::SetError;
use super::receiver::{Receiver, Status};
use crate::deliver::{Count, now};

/// Tokens of one answer, where the receiver names no number.
const DEFAULT_EVENTS: usize = 100;
/// ... and whatever number it names.
const MOST_EVENTS: usize = 1000;
/// How long a receiver is let wait for a token before it is told that there is none.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often it is looked whether there is one, also when nobody says so.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What a receiver posts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PollRequest {
    max_events: Option<usize>,
    return_immediately: bool,
    ack: Vec<String>,
    set_errs: BTreeMap<String, SetError>,
}

/// What it is answered.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PollAnswer {
    pub(super) sets: BTreeMap<String, String>,
    pub(super) more_available: bool,
}

/// Takes note of what is acknowledged, and hands out what is next: of each identity one token, since the
/// tokens of an answer have no order.
pub(super) async fn poll(
    receiver: &Receiver,
    keys: &Keys,
    request: PollRequest,
) -> Result<PollAnswer, SignError> {
    take_note(receiver, &request);
    let most = request
        .max_events
        .unwrap_or(DEFAULT_EVENTS)
        .min(MOST_EVENTS);
    let waits_until = Instant::now() + LONGEST_WAIT;
    loop {
        let answer = hand_out(receiver, keys, most)?;
        let is_over = Instant::now() >= waits_until;
        if request.return_immediately || most == 0 || is_over || !answer.sets.is_empty() {
            return Ok(answer);
        }
        let _ = tokio::time::timeout(LOOK_INTERVAL, receiver.arrived.notified()).await;
    }
}

fn take_note(receiver: &Receiver, request: &PollRequest) {
    let mut window = receiver.window();
    for jti in &request.ack {
        // What is not known was acknowledged before.
        if let Some(place) = window.place_of(jti) {
            window.settle(place);
            receiver.counters.add(Count::Done);
        }
    }
    for (jti, error) in &request.set_errs {
        let Some(place) = window.place_of(jti) else {
            continue;
        };
        receiver.counters.add(Count::Failures);
        let reason = format!("the receiver says{}", error.tell());
        if error.is_about_the_token() {
            window.give_up(place, reason);
        } else {
            tracing::warn!(
                receiver = receiver.name(),
                jti,
                reason,
                "the receiver does not take a token: it is handed out again"
            );
            window.put_off(place, Instant::now());
        }
    }
}

fn hand_out(receiver: &Receiver, keys: &Keys, most: usize) -> Result<PollAnswer, SignError> {
    let mut answer = PollAnswer::default();
    if receiver.status() != Status::Enabled {
        return Ok(answer);
    }
    let window = receiver.window();
    let mut turns = window.turns(Instant::now());
    let unsettled = window.len();
    // Signing takes a millisecond each.
    drop(window);
    let now = now();
    turns.retain(|turn| turn.job.expires_at > now);
    let handed = &turns[..most.min(turns.len())];
    for turn in handed {
        let claims = &turn.job.claims;
        answer.sets.insert(claims.jti.clone(), keys.sign(claims)?);
    }
    // What stands behind these can be had once they are acknowledged. What has to wait cannot.
    answer.more_available =
        turns.len() > handed.len() || (!handed.is_empty() && unsettled > handed.len());
    let (mut window, now) = (receiver.window(), Instant::now());
    handed
        .iter()
        .for_each(|turn| window.handed_out(turn.place, now));
    Ok(answer)
}
