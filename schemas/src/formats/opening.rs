//! Events, made of what a record says.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::refusal::Refusal;
use super::secret;
use crate::event::{
    ActionClass, DEFAULT_TENANT, Delegate, Event, EventKind, IdentityKind, MAX_LIST_ITEMS,
};
use crate::known::Text;
use crate::reject::{Reason, Reject};
use crate::time::EventTime;
use crate::vocabulary::Word;

/// What every format knows of an event before it looks further.
pub(super) struct Opening<'v, K = IdentityKind> {
    pub(super) id: Text<'v>,
    pub(super) time: EventTime,
    pub(super) kind: EventKind,
    pub(super) identity: Text<'v>,
    pub(super) identity_kind: K,
    pub(super) action: Text<'v>,
}

/// An event in which nothing else is known yet.
pub(super) fn open<'v>(
    format: &'static str,
    tenant: Option<Text<'v>>,
    from: Opening<'v, impl Into<Word<IdentityKind>>>,
) -> Event<'v> {
    let mut event = Event::bare(from.id, from.time, from.kind, from.identity, from.action);
    event.source = Some(Cow::Borrowed(format));
    event.tenant = Some(tenant.unwrap_or(Cow::Borrowed(DEFAULT_TENANT)));
    event.identity.kind = from.identity_kind.into();
    event
}

/// The same happening as it concerns another identity: the one that gained a privilege, whose token
/// was revoked, or whose request was approved. Its actor becomes the nearest delegate.
///
/// Where the actor was, and in which session, says nothing of this identity and is left out.
pub(super) fn concerning<'v>(event: &Event<'v>, id: Text<'v>, kind: IdentityKind) -> Event<'v> {
    let opening = Opening {
        id: format!("{}/{}", event.id, "target").into(),
        time: event.time,
        kind: event.kind,
        identity: id,
        identity_kind: kind,
        action: event.action.name.clone(),
    };
    let mut about = open("", event.tenant.clone(), opening);
    about.source.clone_from(&event.source);
    about.action = event.action.clone();
    about.delegation.push(Delegate {
        id: event.identity.id.clone(),
        kind: event.identity.kind,
    });
    about.delegation.extend(event.delegation.iter().cloned());
    about
}

/// The most identities that gain by one thing. Each of their events repeats what the actor's says.
const MOST_GAINERS: usize = MAX_LIST_ITEMS;

/// What one thing does to the rights of others: what its actor did, and under everybody who gains by
/// it an event of class `privilege`. Where the actor is the one who gains, its own event is that.
///
/// An actor's event that is out of bounds, or more who gain than anybody gives rights to at once,
/// refuses the whole: before anything is copied, because copies of what is too large have no end.
pub(super) fn with_gainers<'v>(
    mut event: Event<'v>,
    gainers: impl IntoIterator<Item = (Text<'v>, IdentityKind)>,
) -> Result<Vec<Event<'v>>, Refusal> {
    let mut gainers = gainers.into_iter().peekable();
    if gainers.peek().is_none() {
        return Ok(vec![event]);
    }
    // A secret may be longer than an id may be, and its fingerprint is not.
    secret::protect(&mut event);
    event.check(usize::MAX).map_err(Refusal::Reject)?;
    let mut gains: Vec<Event<'v>> = Vec::new();
    let mut seen = BTreeSet::new();
    for (id, kind) in gainers {
        if !seen.insert(id.clone()) || id == event.identity.id {
            continue;
        }
        if gains.len() == MOST_GAINERS {
            let detail = format!("more than {MOST_GAINERS} identities gain by it");
            return Err(Refusal::Reject(Reject::new(Reason::TooLong, detail)));
        }
        let mut gain = concerning(&event, id, kind);
        gain.action.class = ActionClass::Privilege.into();
        if !gains.is_empty() {
            gain.id = format!("{}-{}", gain.id, gains.len() + 1).into();
        }
        gains.push(gain);
    }
    if seen.contains(&event.identity.id) {
        event.action.class = ActionClass::Privilege.into();
    }
    gains.insert(0, event);
    Ok(gains)
}
