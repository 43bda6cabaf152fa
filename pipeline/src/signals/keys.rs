//! The keys that sign, and what is published of them.

use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use plumbline_schemas::signals::{Claims, TYPE};

/// Why a key cannot be used. Nothing of the key is shown.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("signals.keys: {} cannot be read; correct the path, or let this user read the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds something else, or a key that is too short: less than 2048 bits are no longer safe, and the
    /// CAEP interoperability profile refuses them.
    #[error(
        "signals.keys: {} holds no private RSA key of 2048 bits or more in PEM; \
         `openssl genrsa -out FILE 2048` makes one",
        .0.display()
    )]
    NoKey(PathBuf),
    /// No key at all.
    #[error("signals.keys names no file; name one, or several: the first signs, all are published")]
    None,
}

/// Why a token cannot be signed.
#[derive(Debug, thiserror::Error)]
#[error("a token cannot be signed ({0})")]
pub(super) struct SignError(jsonwebtoken::errors::Error);

/// Signs tokens with the first key; receivers find all of them in the JWKS.
///
/// So a key is rotated without a refusal: the new one stands second until receivers have it, then first
/// until what the old one signed has been taken.
pub(super) struct Keys {
    signing: EncodingKey,
    header: Header,
    published: JwkSet,
}

impl Keys {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, KeyError> {
        let mut signing = None;
        let mut published = JwkSet::default();
        for path in paths {
            let (key, jwk) = read(path)?;
            signing.get_or_insert((key, jwk.common.key_id.clone()));
            published.keys.push(jwk);
        }
        let (signing, kid) = signing.ok_or(KeyError::None)?;
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(TYPE.to_owned());
        header.kid = kid;
        Ok(Self {
            signing,
            header,
            published,
        })
    }

    /// The public halves.
    pub(super) fn published(&self) -> &JwkSet {
        &self.published
    }

    /// The token in its compact form.
    pub(super) fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        encode(&self.header, claims, &self.signing).map_err(SignError)
    }
}

fn read(path: &Path) -> Result<(EncodingKey, Jwk), KeyError> {
    let pem = std::fs::read(path).map_err(|source| KeyError::Read {
        path: path.to_owned(),
        source,
    })?;
    let no_key = |_| KeyError::NoKey(path.to_owned());
    let key = EncodingKey::from_rsa_pem(&pem).map_err(no_key)?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(no_key)?;
    // The thumbprint names a key wherever it is read (RFC 7638).
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(no_key)?;
    jwk.common.key_id = Some(kid);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((key, jwk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_key_that_is_long_enough_is_refused() {
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
        let refused = |files: &[PathBuf]| Keys::read(files).err().map(|error| error.to_string());
        for file in ["rsa-1024.pem", "signals.toml"] {
            let said = refused(&[files.join(file)]).expect("refused");
            assert!(
                said.contains(file) && said.contains("openssl genrsa"),
                "{said}"
            );
        }
        let said = refused(&[files.join("nowhere.pem")]).expect("refused");
        assert!(said.contains("cannot be read"), "{said}");
        assert!(refused(&[]).is_some());
    }
}
