//! Values that must never be shown, and where they come from.

use std::fmt;
use std::path::Path;

use serde::de::{self, Visitor};

use super::ConfigError;

/// A value as the configuration holds it: plain text, or with `${env:NAME}` and `${file:PATH}` in it.
///
/// What it stands for is only read by [`Secret::resolve`], and nothing of it is ever printed: not
/// the template either, since somebody will write a password into it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a value could not be resolved. Names variables and files, never what they hold.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// `${env:NAME}`, and there is no such variable.
    #[error(
        "the environment variable {0} is not set, or is not UTF-8; set it, or correct the name"
    )]
    Variable(String),
    /// `${file:PATH}`, and the file cannot be read.
    #[error("{path} cannot be read; correct the path, or let this user read the file")]
    File {
        /// As written.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// `${` that is neither of the two.
    #[error(
        "`${{` begins neither ${{env:NAME}} nor ${{file:PATH}}; a literal `${{` is written `$${{`"
    )]
    Reference,
}

impl Secret {
    /// From the text of the configuration.
    pub fn new(template: impl Into<String>) -> Self {
        Self(template.into())
    }

    /// What it stands for. Relative paths are relative to `directory`, and a file's last line break
    /// does not belong to the value.
    pub fn resolve(&self, directory: &Path) -> Result<String, SecretError> {
        let mut value = String::with_capacity(self.0.len());
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find("${") {
            if let Some(before) = rest[..at].strip_suffix('$') {
                value.push_str(before);
                value.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            value.push_str(&rest[..at]);
            let (reference, after) = rest[at + 2..]
                .split_once('}')
                .ok_or(SecretError::Reference)?;
            value.push_str(&look_up(reference, directory)?);
            rest = after;
        }
        value.push_str(rest);
        Ok(value)
    }
}

/// What a secret of this owner stands for, such as "receiver `okta`".
pub(crate) fn resolve(
    secret: Option<&Secret>,
    directory: &Path,
    owner: &str,
    key: &'static str,
) -> Result<Option<String>, ConfigError> {
    let resolved = secret.map(|secret| secret.resolve(directory)).transpose();
    let resolved = resolved.map_err(|source| ConfigError::Token {
        owner: owner.to_owned(),
        key,
        source,
    })?;
    // A file that is empty by mistake lets in whoever says nothing.
    match resolved {
        Some(token) if token.trim().is_empty() => Err(ConfigError::EmptyToken {
            owner: owner.to_owned(),
            key,
        }),
        resolved => Ok(resolved),
    }
}

fn look_up(reference: &str, directory: &Path) -> Result<String, SecretError> {
    match reference.split_once(':') {
        Some(("env", name)) => {
            std::env::var(name).map_err(|_| SecretError::Variable(name.to_owned()))
        }
        Some(("file", path)) => {
            let held = std::fs::read_to_string(directory.join(path)).map_err(|source| {
                SecretError::File {
                    path: path.to_owned(),
                    source,
                }
            })?;
            let line = held.strip_suffix('\n').unwrap_or(&held);
            Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
        }
        _ => Err(SecretError::Reference),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads a value of a property: text, a number or a boolean. None of its errors quotes the value.
pub(super) struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Secret;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
    }

    #[test]
    fn references_are_replaced_where_they_stand() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("password"), "hunter2\n").expect("written");
        let resolve = |text: &str| Secret::new(text).resolve(directory.path()).ok();
        assert_eq!(resolve("plain").as_deref(), Some("plain"));
        assert_eq!(
            resolve("user:${file:password};").as_deref(),
            Some("user:hunter2;")
        );
        assert_eq!(
            resolve("${env:CARGO_PKG_NAME}").as_deref(),
            Some("plumbline")
        );
        assert_eq!(resolve("a$${b}$c").as_deref(), Some("a${b}$c"));
    }

    #[test]
    fn what_cannot_be_resolved_is_said_without_the_value() {
        let message = |text: &str| {
            Secret::new(text)
                .resolve(Path::new("/nowhere"))
                .expect_err("nothing to resolve to")
                .to_string()
        };
        assert!(message("hunter2${env:PLUMBLINE_NOT_SET}").contains("PLUMBLINE_NOT_SET"));
        assert!(message("hunter2${file:missing}").contains("missing"));
        for text in ["hunter2${vault:x}", "hunter2${env:NAME"] {
            assert!(!message(text).contains("hunter2"), "{text}");
        }
    }
}
