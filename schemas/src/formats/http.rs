//! What the logs of gateways and proxies have in common: methods, statuses, paths, the credential
//! in a request's headers, and whose address it came from.

use std::borrow::Cow;
use std::net::IpAddr;

use super::read::{Node, address, known};
use super::secret::fingerprint;
use crate::event::{ActionClass, CredentialKind, Outcome};
use crate::known::Text;

/// Headers, and parameters of the query, that hold an API key.
pub(super) const API_KEY_HEADERS: [&str; 4] = ["apikey", "x-api-key", "api-key", "x-apikey"];

/// The most bytes of a path that are kept as a resource.
const MAX_RESOURCE_BYTES: usize = 512;
/// The most bytes of a request's id, which the client may have chosen.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// What was presented, where the record holds it: the fingerprint of the secret and its kind. A
/// password has no fingerprint, because one could be found by trial. `header` and `parameter` give
/// the value of a header (lower-case) and of a parameter of the query.
pub(super) fn presented<'v>(
    header: impl Fn(&'static str) -> Node<'v>,
    parameter: impl Fn(&'static str) -> Node<'v>,
) -> Option<(Option<Text<'v>>, CredentialKind)> {
    let authorization = raw(header("authorization"));
    match authorization.as_deref().map(Authorization::of) {
        Some(Authorization::Bearer(token)) => {
            return Some((Some(fingerprint(token).into()), CredentialKind::AccessToken));
        }
        Some(Authorization::Basic) => return Some((None, CredentialKind::Password)),
        Some(Authorization::Other) | None => {}
    }
    let (secret, kind) = secret(header, parameter)?;
    Some((Some(fingerprint(&secret).into()), kind))
}

/// What an `authorization` header holds.
enum Authorization<'a> {
    /// A token, the same with every call.
    Bearer(&'a str),
    /// A name and a password.
    Basic,
    /// A signature or a proof, another with every call: no credential that could be known again.
    Other,
}

impl<'a> Authorization<'a> {
    fn of(value: &'a str) -> Self {
        let value = value.trim();
        let Some((scheme, rest)) = value.split_once(' ') else {
            return Self::Bearer(value);
        };
        let is = |name: &&str| scheme.eq_ignore_ascii_case(name);
        if ["bearer", "token", "dpop", "ssws", "apikey", "api-key"]
            .iter()
            .any(is)
        {
            Self::Bearer(rest.trim())
        } else if is(&"basic") {
            Self::Basic
        } else {
            Self::Other
        }
    }
}

fn secret<'v>(
    header: impl Fn(&'static str) -> Node<'v>,
    parameter: impl Fn(&'static str) -> Node<'v>,
) -> Option<(Text<'v>, CredentialKind)> {
    let key = API_KEY_HEADERS
        .iter()
        .find_map(|name| raw(header(name)).or_else(|| raw(parameter(name))));
    if let Some(key) = key {
        return Some((key, CredentialKind::ApiKey));
    }
    let cookies = raw(header("cookie"))?;
    // Of all cookies only the session's stays the same from one request to the next.
    let session = cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let names_session = ["sess", "sid", "auth", "token"]
            .iter()
            .any(|part| name.contains(part));
        names_session.then(|| known(value)).flatten()
    })?;
    Some((session.to_owned().into(), CredentialKind::SessionCookie))
}

/// A header or parameter with a value that was not redacted.
fn raw<'v>(node: Node<'v>) -> Option<Text<'v>> {
    node.text()
        .filter(|value| !value.eq_ignore_ascii_case("redacted"))
}

/// The id of an entry whose request id is the client's, or the same at every hop: with a hash of
/// the entry behind it, so that nobody makes a request a duplicate of another.
pub(super) fn entry_id(request_id: Option<Text<'_>>, entry: Node<'_>) -> String {
    let hash = fingerprint(&entry.canonical());
    let request_id = request_id.filter(|id| id.len() <= MAX_REQUEST_ID_BYTES);
    match (request_id, hash.get(7..23)) {
        (Some(id), Some(short)) => format!("{id}/{short}"),
        _ => hash,
    }
}

/// The path of a request's target, which may be a whole URL, without its query.
pub(super) fn path(target: Text<'_>) -> Text<'_> {
    let start = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => match rest.find('/') {
            Some(slash) => scheme.len() + 3 + slash,
            None => return Cow::Borrowed("/"),
        },
        _ => 0,
    };
    let end = target[start..].find(['?', '#', ';']);
    let end = end.map_or(target.len(), |end| start + end);
    match target {
        Cow::Borrowed(target) => Cow::Borrowed(&target[start..end]),
        Cow::Owned(target) => Cow::Owned(target[start..end].to_owned()),
    }
}

/// What was asked for, unless it is too long to be the name of anything.
pub(super) fn resource(path: Text<'_>) -> Option<Text<'_>> {
    (path.len() <= MAX_RESOURCE_BYTES).then_some(path)
}

/// The address of the client. Behind a load balancer the peer's is the balancer's; what it wrote
/// into `x-forwarded-for` stands last, anything before that may be the client's invention.
///
/// Balancers in a row write private addresses behind the client's, which are passed over. A client
/// inside the network is therefore believed where it claims a public address: nothing in the record
/// tells its own private address from a balancer's.
pub(super) fn client(peer: Option<IpAddr>, forwarded: Node<'_>) -> Option<IpAddr> {
    if peer.is_some_and(|peer| !is_private(peer)) {
        return peer;
    }
    let nearest = forwarded.text().and_then(|hops| {
        let mut hops = hops.split(',').rev().filter_map(address);
        hops.find(|hop| !is_private(*hop))
    });
    nearest.or(peer)
}

pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            // 100.64.0.0/10 is shared address space (RFC 6598).
            let [first, second, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// The class of a call by its method.
pub(super) fn class(method: &str) -> ActionClass {
    match method {
        "GET" | "HEAD" | "OPTIONS" => ActionClass::Read,
        "DELETE" => ActionClass::Delete,
        _ => ActionClass::Write,
    }
}

/// The outcome of a call by its status.
pub(super) fn outcome(status: u64) -> Outcome {
    match status {
        401 | 403 => Outcome::Denied,
        400.. => Outcome::Failure,
        _ => Outcome::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_neither_host_nor_query() {
        for (target, expected) in [
            ("/v1/a?b=/c://d", "/v1/a"),
            ("https://api.example.com:8443/v1/a#b", "/v1/a"),
            ("https://api.example.com", "/"),
            ("/go?to=https://example.com/x", "/go"),
            ("/a;jsessionid=1/b", "/a"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(path(target.into()), expected, "{target}");
            assert_eq!(path(Cow::Owned(target.to_owned())), expected, "{target}");
        }
    }
}
