//! The keys that sign, and what is published of them.

use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use plumbline_schemas::signals::{Claims, TYPE};

/// RSA keys shorter than this are no longer safe; the CAEP interoperability profile refuses them.
const LEAST_BITS: usize = 2048;

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
    /// It holds something else.
    #[error(
        "signals.keys: {} holds no private RSA key in PEM; `openssl genrsa -out FILE {LEAST_BITS}` makes one",
        .0.display()
    )]
    NoKey(PathBuf),
    /// It is too short.
    #[error(
        "signals.keys: the key in {} has {bits} bits, and needs {LEAST_BITS} or more; \
         `openssl genrsa -out FILE {LEAST_BITS}` makes one",
        path.display()
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// Bits of its modulus.
        bits: usize,
    },
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
    let bits = modulus_bits(&jwk);
    if bits < LEAST_BITS {
        let path = path.to_owned();
        return Err(KeyError::Short { path, bits });
    }
    // The thumbprint names a key wherever it is read (RFC 7638).
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(no_key)?;
    jwk.common.key_id = Some(kid);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((key, jwk))
}

/// Six bits a character of base64url, to the byte.
fn modulus_bits(jwk: &Jwk) -> usize {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => key.n.len() * 6 / 8 * 8,
        _ => 0,
    }
}
