//! Secrets are hashed and dropped at the edge: what leaves this module is a fingerprint.

use sha2::{Digest, Sha256};

use crate::event::Event;

/// The fingerprint of a secret: `sha256:` and 64 hexadecimal digits.
///
/// Unsalted on purpose: the same token seen by two sources must give the same fingerprint. A bearer
/// token has far too much entropy to be found by trial.
pub fn fingerprint(secret: &str) -> String {
    use std::fmt::Write;

    let digest = Sha256::digest(secret.as_bytes());
    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256:");
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Replaces a credential id that is a raw secret by its fingerprint.
pub fn protect(event: &mut Event<'_>) {
    if let Some(id) = &event.credential.id
        && looks_secret(id)
    {
        event.credential.id = Some(fingerprint(id).into());
    }
}

/// Whether a text is, by its well-known shape, a secret rather than an id of one.
pub fn looks_secret(text: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "Bearer ",
        "bearer ",
        "Basic ",
        "basic ",
        "eyJ",
        "ghp_",
        "gho_",
        "ghs_",
        "github_pat_",
        "xoxb-",
        "xoxp-",
        "sk_live_",
        "sk-",
        "glpat-",
        "AIza",
        "ya29.",
        "SSWS ",
        "npm_",
        "-----BEGIN",
    ];
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}
