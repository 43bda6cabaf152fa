//! `github`: GitHub's audit log of an organisation or enterprise, web, Git and API events, as its
//! API and its streams deliver it: one entry per record, or an array.
//!
//! | event | audit log |
//! |---|---|
//! | `id` | `_document_id`, else a hash of the entry |
//! | `time` | `@timestamp`, else `created_at`, milliseconds |
//! | `kind`, `action.class` | by `action` (`github_actions.rs`); of `api.request` by its method |
//! | `identity` | `actor_id`, else `deploy_key_fingerprint`, `actor`, `external_identity_nameid`, `token_id`; `actor_is_agent` an AI agent, `actor_is_bot` or `…[bot]` a service account, with `programmatic_access_type` an API key, else human |
//! | `session` | `actor_session`, else `agent_session_id` |
//! | `credential` | `hashed_token`, Base64 of a SHA-256, as the fingerprint of the token; else `token_id`; kind by `programmatic_access_type`; scopes `token_scopes` |
//! | `network` | `actor_ip` (where the organisation lets it be shown), `actor_location.country_code` |
//! | `device.user_agent` | `user_agent` |
//! | `workload.runtime` | `github-actions` of `github-actions[bot]` |
//! | `action.name` | `action`; of `api.request` method and route |
//! | `action.outcome`, `status` | `status_code`: 401 and 403 denied, other 4xx and 5xx failure; else by the name of the action |
//! | `action.scopes` | of who gains, `permission` |
//! | `action.resource` | `repo`, else `team`, else `org`, else `business` |
//! | `tenant` | the source's, else `business`, else `org` |
//! | `delegation` | `user`, for whom an agent acts |
//!
//! Rights given to a user are two events: what the actor did (`admin`), and `privilege` under that
//! user; tokens revoked for another user likewise. Git over an anonymous clone names nobody and is
//! skipped.

use std::borrow::Cow;

use super::read::{
    Node, Opening, Refusal, concerning, each, open, required_time, scopes, with_gainers,
};
use super::secret::{fingerprint, fingerprint_of};
use super::unfold::base64;
use super::{Format, Sink, Source, endpoint, github_actions};
use crate::event::{
    ActionClass, Credential, CredentialKind, Delegate, Event, EventKind, IdentityKind, Outcome,
    Session,
};
use crate::json::Json;
use crate::known::Text;

/// GitHub's audit log.
pub(super) struct Github;

impl Format for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let has = |field: &str| record.get(field).is_some();
        let action = record.get("action").and_then(Json::as_str);
        action.is_some_and(|action| action.contains('.'))
            && (has("@timestamp") || has("created_at"))
            && ["_document_id", "actor", "actor_id", "org", "business"]
                .iter()
                .any(|field| has(field))
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(self, raw, source, &[], sink, read);
    }
}

fn read<'v>(entry: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let action = entry.get("action").text();
    let action = action.ok_or_else(|| Refusal::missing("action", "expected an audit log entry"))?;
    let (identity, identity_kind) = who(entry).ok_or(Refusal::Skip("names nobody"))?;
    let id = entry.get("_document_id").text();
    let at = ["@timestamp", "created_at"];
    let at = at.iter().find(|field| entry.get(field).text().is_some());
    let (kind, class, name) = what(entry, action);
    let opening = Opening {
        id: id.unwrap_or_else(|| fingerprint(&entry.canonical()).into()),
        time: required_time(entry, at.unwrap_or(&"@timestamp"))?,
        kind,
        identity,
        identity_kind,
        action: name,
    };
    let tenant = source.tenant.map(Cow::Borrowed).or_else(|| {
        let business = entry.get("business").short();
        business.or_else(|| entry.get("org").short())
    });
    let mut event = open("github", tenant, opening);
    let session = entry.get("actor_session").short();
    event.session.id = session.or_else(|| entry.get("agent_session_id").short());
    event.credential = credential(entry);
    event.network.ip = entry.get("actor_ip").ip().map(|ip| ip.to_string().into());
    event.network.country = entry.at("actor_location.country_code").short();
    event.device.user_agent = entry.get("user_agent").short();
    if entry.get("actor").text().as_deref() == Some("github-actions[bot]") {
        event.workload.runtime = Some(Cow::Borrowed("github-actions"));
    }
    event.action.class = class.into();
    event.action.status = entry.get("status_code").count().filter(|code| *code > 0);
    event.action.outcome = outcome(&event.action.name, event.action.status).into();
    event.action.resource = ["repo", "repository", "team", "org", "business"]
        .iter()
        .find_map(|field| entry.get(field).short());

    let target = github_actions::target(entry);
    if identity_kind == IdentityKind::AiAgent {
        let user = target.clone().filter(|(id, _)| *id != event.identity.id);
        event.delegation.extend(user.map(|(id, kind)| Delegate {
            id,
            kind: kind.into(),
        }));
    }
    let gains_nothing = class == ActionClass::Privilege && github_actions::is_demotion(entry);
    let target = target.filter(|_| !gains_nothing);
    let mut events = about_target(event, class, target)?;
    for event in &mut events {
        if event.action.class.known() == Some(ActionClass::Privilege) {
            event.action.scopes.extend(entry.get("permission").short());
        }
    }
    Ok(events)
}

/// What concerns the user it was done to stands under that user, the actor's part under the actor.
fn about_target<'v>(
    mut event: Event<'v>,
    class: ActionClass,
    target: Option<(Text<'v>, IdentityKind)>,
) -> Result<Vec<Event<'v>>, Refusal> {
    match class {
        ActionClass::Privilege => {
            event.action.class = ActionClass::Admin.into();
            with_gainers(event, target)
        }
        ActionClass::TokenRevoke | ActionClass::Approval => {
            let other = target.filter(|(id, _)| *id != event.identity.id);
            let Some((id, kind)) = other else {
                if class == ActionClass::Approval {
                    // An approval is of who asked for it, never of who approved.
                    event.action.class = ActionClass::Admin.into();
                } else {
                    // What authenticated the call is not what it revokes, nor is the caller's session.
                    event.session = Session::default();
                    event.credential = Credential::default();
                }
                return Ok(vec![event]);
            };
            let about = concerning(&event, id, kind);
            event.action.class = ActionClass::Admin.into();
            Ok(vec![event, about])
        }
        _ => Ok(vec![event]),
    }
}

fn who<'v>(entry: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let name = entry.get("actor").text();
    let yes = |field: &'static str| entry.get(field).truth() == Some(true);
    let bot = yes("actor_is_bot") || name.as_deref().is_some_and(|it| it.ends_with("[bot]"));
    let kind = if yes("actor_is_agent") {
        IdentityKind::AiAgent
    } else if bot {
        IdentityKind::ServiceAccount
    } else if entry.get("programmatic_access_type").text().is_some() {
        IdentityKind::ApiKey
    } else {
        IdentityKind::Human
    };
    Some((id(entry, name)?, kind))
}

/// Who acted, by a number that survives a change of name. Where no account did, GitHub writes 0 for
/// everybody: then it is the key, the person behind the single sign-on, or the token.
fn id<'v>(entry: Node<'v>, name: Option<Text<'v>>) -> Option<Text<'v>> {
    let numbered = |field: &'static str| entry.get(field).text().filter(|number| number != "0");
    let deploy_key = || entry.get("deploy_key_fingerprint").text();
    numbered("actor_id")
        .or_else(deploy_key)
        .or(name)
        .or_else(|| entry.get("external_identity_nameid").text())
        .or_else(|| Some(format!("token/{}", numbered("token_id")?).into()))
}

/// Kind, class and name: of a call of the API by its method and route, of all else by the action.
fn what<'v>(entry: Node<'v>, action: Text<'v>) -> (EventKind, ActionClass, Text<'v>) {
    if action != "api.request" {
        let (kind, class) = github_actions::classify(&action);
        return (kind, class, action);
    }
    let method = entry.get("request_method").text().unwrap_or_default();
    let method = method.to_uppercase();
    let route = entry.get("route").text().map_or_else(
        || {
            let path = entry.get("url_path").text().unwrap_or_default();
            endpoint::name(path.split('?').next().unwrap_or_default(), Node::ABSENT)
        },
        Cow::into_owned,
    );
    let class = github_actions::of_request(&method, &route);
    let name = match method.as_str() {
        "" => action,
        method => format!("{method} {route}").into(),
    };
    (EventKind::Api, class, name)
}

fn credential<'v>(entry: Node<'v>) -> Credential<'v> {
    let hashed = entry.get("hashed_token").text();
    let digest = hashed.and_then(|text| base64(&text).filter(|digest| digest.len() == 32));
    let id = digest
        .map(|digest| fingerprint_of(&digest).into())
        .or_else(|| entry.get("token_id").short());
    let how = entry.get("programmatic_access_type").text();
    let how = how.map(|how| how.to_lowercase());
    let kind = match how.as_deref() {
        Some(how) if how.contains("personal access token") || how.contains("key") => {
            Some(CredentialKind::ApiKey)
        }
        Some(how) if how.contains("token") => Some(CredentialKind::AccessToken),
        _ => None,
    };
    Credential {
        id,
        kind: kind.into(),
        scopes: scopes(entry.get("token_scopes")),
        ..Credential::default()
    }
}

fn outcome(action: &str, status: Option<u64>) -> Outcome {
    match status {
        Some(401 | 403) => Outcome::Denied,
        Some(400..) => Outcome::Failure,
        Some(_) => Outcome::Success,
        None if action.contains("failed") || action.ends_with("_failure") => Outcome::Failure,
        None if action.ends_with("_denied") || action.contains(".reject") => Outcome::Denied,
        None => Outcome::Success,
    }
}
