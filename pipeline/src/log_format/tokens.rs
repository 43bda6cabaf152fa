//! Security Event Tokens of an issuer: whose signature, issuer and audience are checked before anything is read.
//!
//! A token that comes twice has the same `jti`, and is known by it as any event is by its id. An old one that is sent
//! again later than that is late, as any event is.

use std::path::PathBuf;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use plumbline_schemas::formats::{Decoded, Format, SecurityEventToken, Sink, Source};
use plumbline_schemas::json::{Arena, Json};
use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::signals::TYPE;
use serde::Deserialize;
use serde_json::Value;

use super::FormatError;
use crate::config::TokensConfig;

/// Reads tokens.
pub(crate) struct SignedTokens {
    keys: Vec<Key>,
    issuer: String,
    audience: String,
    path: PathBuf,
}

/// Why a token is not believed: a code of RFC 8935, section 2.4, and words that name nothing of the token.
#[derive(Debug)]
pub(crate) struct Unbelieved {
    pub(crate) err: &'static str,
    pub(crate) why: String,
}

/// A key of the issuer, and for which algorithms it is one: who signs does not choose.
struct Key {
    id: Option<String>,
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

impl SignedTokens {
    pub(crate) fn open(config: &TokensConfig) -> Result<Self, FormatError> {
        let path = config.keys.clone();
        let read = |source| FormatError::Keys {
            path: path.clone(),
            source,
        };
        let text = std::fs::read(&path).map_err(read)?;
        let set: Value = serde_json::from_slice(&text).unwrap_or_default();
        let keys = set["keys"].as_array().into_iter().flatten();
        // One key that nobody here can use does not keep the others from being used.
        let keys = keys.filter_map(|key| Key::new(&Jwk::deserialize(key).ok()?));
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() {
            return Err(FormatError::NoKeys(path));
        }
        Ok(Self {
            keys,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            path,
        })
    }

    /// The claims of a token that the issuer has signed for us.
    pub(crate) fn verify(&self, raw: &[u8]) -> Result<Value, Unbelieved> {
        let refused = |err, why| Unbelieved { err, why };
        let no_token = || refused("invalid_request", "expected a JWT".to_owned());
        let text = str::from_utf8(raw).map_err(|_| no_token())?;
        // A connector for JSON has it as a string.
        let token = text.trim().trim_matches('"');
        let header = decode_header(token).map_err(|_| no_token())?;
        let kind = header
            .typ
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if kind.strip_prefix("application/").unwrap_or(&kind) != TYPE {
            // Or any other token of the issuer would do as well.
            return Err(refused(
                "invalid_request",
                format!("its type is not {TYPE}"),
            ));
        }
        let is_meant = |key: &&Key| {
            let is_named = header.kid.is_none() || key.id.is_none() || key.id == header.kid;
            is_named && key.algorithms.contains(&header.alg)
        };
        let mut wrong = refused(
            "invalid_key",
            format!(
                "it is signed by a key that is not in {}",
                self.path.display()
            ),
        );
        for key in self.keys.iter().filter(is_meant) {
            match decode::<Value>(token, &key.key, &self.validation(header.alg)) {
                Ok(token) => return Ok(token.claims),
                Err(error) => wrong = self.wrong(&error),
            }
        }
        Err(wrong)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // What has happened does not expire (RFC 8417, section 2.2).
        validation.validate_exp = false;
        validation
    }

    fn wrong(&self, error: &jsonwebtoken::errors::Error) -> Unbelieved {
        use jsonwebtoken::errors::ErrorKind;
        let (err, why) = match error.kind() {
            ErrorKind::InvalidSignature => ("invalid_key", "its signature is wrong".to_owned()),
            ErrorKind::InvalidIssuer => (
                "invalid_issuer",
                format!("its issuer is not {}", self.issuer),
            ),
            ErrorKind::InvalidAudience => (
                "invalid_audience",
                format!("its audience is not {}", self.audience),
            ),
            ErrorKind::MissingRequiredClaim(claim) => {
                ("invalid_request", format!("it has no {claim}"))
            }
            _ => ("invalid_request", "it cannot be read".to_owned()),
        };
        Unbelieved { err, why }
    }
}

impl Key {
    /// Nothing where it is none to check signatures with: a secret that both sides share proves nothing.
    fn new(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
            return None;
        }
        let algorithms: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => &[Algorithm::ES256],
                EllipticCurve::P384 => &[Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDSA],
            _ => return None,
        };
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithms,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

impl Format for SignedTokens {
    fn name(&self) -> &'static str {
        SecurityEventToken.name()
    }

    fn recognises(&self, _record: &Json<'_>) -> bool {
        false
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        match self.verify(raw) {
            Ok(claims) => {
                let arena = Arena::new();
                let claims = Json::of(&claims, &arena);
                SecurityEventToken.decode_parsed(&claims, raw, source, sink);
            }
            Err(Unbelieved { why, .. }) => {
                let reject = Reject::new(Reason::WrongFormat, format!("token: {why}"));
                sink(Decoded::Rejected(reject));
            }
        }
    }
}
