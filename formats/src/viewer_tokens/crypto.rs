//! The two algorithms of viewers' tokens, by ring, for `jsonwebtoken`, which knows many more; and owners' keys.

use super::said::{Claims, MakeError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use protocol::{ViewerKey, ViewerPoint, ViewerToken};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;
use std::fmt;

/// Length of a secret scalar or seed.
const SECRET_BYTES: usize = 32;
/// Where ring's PKCS#8 of a P-256 key has the scalar: behind a header that is always the same.
const PKCS8_SCALAR: usize = 36;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has `jsonwebtoken` use what is here; harmless to repeat.
pub(super) fn install() {
    // Fails if it is there already.
    let _ = PROVIDER.install_default();
}

pub(super) fn algorithm(point: &ViewerPoint) -> Algorithm {
    match point {
        ViewerPoint::P256 { .. } => Algorithm::ES256,
        ViewerPoint::Ed25519(_) => Algorithm::EdDSA,
    }
}

/// The uncompressed point of SEC 1, or the 32 bytes of RFC 8032.
fn public_bytes(point: &ViewerPoint) -> Vec<u8> {
    match point {
        ViewerPoint::P256 { x, y } => [&[4], &x[..], &y[..]].concat(),
        ViewerPoint::Ed25519(x) => x.to_vec(),
    }
}

pub(super) fn decoding_key(point: &ViewerPoint) -> DecodingKey {
    let bytes = public_bytes(point);
    match point {
        ViewerPoint::P256 { .. } => DecodingKey::from_ec_der(&bytes),
        ViewerPoint::Ed25519(_) => DecodingKey::from_ed_der(&bytes),
    }
}

struct Verifying {
    algorithm: Algorithm,
    key: UnparsedPublicKey<Vec<u8>>,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    let rules: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::EdDSA => &ED25519,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let bytes = key.try_get_as_bytes()?.to_vec();
    Ok(Box::new(Verifying {
        algorithm: *algorithm,
        key: UnparsedPublicKey::new(rules, bytes),
    }))
}

impl Verifier<Vec<u8>> for Verifying {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let verified = self.key.verify(message, signature);
        verified.map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Verifying {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

enum Signing {
    P256(EcdsaKeyPair, SystemRandom),
    Ed25519(Ed25519KeyPair),
}

/// A key's bytes are the secret, then the public ones.
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    let wrong = || jsonwebtoken::errors::Error::from(ErrorKind::InvalidKeyFormat);
    let split = key.as_bytes().split_at_checked(SECRET_BYTES);
    let (secret, public) = split.ok_or_else(wrong)?;
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let pair = pair(*algorithm, secret, public).ok_or_else(wrong)?;
    Ok(Box::new(pair))
}

fn pair(algorithm: Algorithm, secret: &[u8], public: &[u8]) -> Option<Signing> {
    match algorithm {
        Algorithm::ES256 => {
            let random = SystemRandom::new();
            let rules = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair =
                EcdsaKeyPair::from_private_key_and_public_key(rules, secret, public, &random);
            Some(Signing::P256(pair.ok()?, random))
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(secret, public);
            Some(Signing::Ed25519(pair.ok()?))
        }
        _ => None,
    }
}

impl Signer<Vec<u8>> for Signing {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        match self {
            Self::P256(pair, random) => {
                let signed = pair.sign(random, message);
                let signed = signed.map_err(|_| SignatureError::new())?;
                Ok(signed.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl JwtSigner for Signing {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(..) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }
}

/// Which kind of key an owner makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKeyKind {
    /// Ed25519, for EdDSA.
    Ed25519,
    /// P-256, for ES256.
    P256,
}

/// What an owner signs tokens with. Its text is a private JWK (RFC 7517): keep it secret.
pub struct OwnerKey {
    public: ViewerKey,
    secret: [u8; SECRET_BYTES],
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnerKey").field(&self.public).finish()
    }
}

impl OwnerKey {
    /// A new one. Without a name it is called by a hash of its public half.
    ///
    /// # Errors
    /// If the system has no randomness to give, or the names are none.
    pub fn generate(
        kind: OwnerKeyKind,
        kid: Option<String>,
        issuer: Option<String>,
    ) -> Result<Self, MakeError> {
        let (secret, point) = match kind {
            OwnerKeyKind::Ed25519 => {
                let mut seed = [0; SECRET_BYTES];
                #[expect(
                    clippy::disallowed_methods,
                    reason = "an owner's key is made at a command line"
                )]
                getrandom::fill(&mut seed).map_err(|_| MakeError::Random)?;
                let pair =
                    Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| MakeError::Key)?;
                let public = pair.public_key().as_ref().try_into();
                (
                    seed,
                    ViewerPoint::Ed25519(public.map_err(|_| MakeError::Key)?),
                )
            }
            OwnerKeyKind::P256 => {
                let (rules, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
                let document = EcdsaKeyPair::generate_pkcs8(rules, &random);
                let document = document.map_err(|_| MakeError::Random)?;
                let pair = EcdsaKeyPair::from_pkcs8(rules, document.as_ref(), &random);
                let pair = pair.map_err(|_| MakeError::Key)?;
                let public = pair.public_key().as_ref();
                let coordinate = |at: usize| public.get(at..at + 32)?.try_into().ok();
                let scalar = document
                    .as_ref()
                    .get(PKCS8_SCALAR..PKCS8_SCALAR + SECRET_BYTES);
                let scalar = scalar.and_then(|bytes| bytes.try_into().ok());
                match (scalar, coordinate(1), coordinate(33)) {
                    (Some(scalar), Some(x), Some(y)) => (scalar, ViewerPoint::P256 { x, y }),
                    _ => return Err(MakeError::Key),
                }
            }
        };
        let kid = kid.unwrap_or_else(|| {
            let hash = blake3::hash(&public_bytes(&point)).to_hex();
            hash[..16].to_owned()
        });
        let public = ViewerKey { kid, point, issuer };
        let key = Self { public, secret };
        // Checks the names, and that the two halves fit.
        Self::from_json(&key.to_json())
    }

    /// Reads a private JWK.
    ///
    /// # Errors
    /// If it isn't one, or its halves don't fit. No message repeats any of it.
    pub fn from_json(text: &str) -> Result<Self, MakeError> {
        let mut jwk: Value = serde_json::from_str(text).map_err(|_| MakeError::Key)?;
        let secret = jwk.as_object_mut().and_then(|jwk| jwk.remove("d"));
        let secret = secret.as_ref().and_then(Value::as_str);
        let mut bytes = [0; SECRET_BYTES];
        let read = secret.map(|text| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes));
        if !matches!(read, Some(Ok(SECRET_BYTES))) {
            return Err(MakeError::Key);
        }
        let public: ViewerKey =
            serde_json::from_value(jwk).map_err(|error| MakeError::Public(error.to_string()))?;
        let key = Self {
            public,
            secret: bytes,
        };
        let point = &key.public.point;
        pair(algorithm(point), &key.secret, &public_bytes(point)).ok_or(MakeError::Key)?;
        Ok(key)
    }

    /// The private JWK.
    pub fn to_json(&self) -> String {
        let mut jwk = serde_json::to_value(&self.public).expect("a key is JSON");
        jwk["d"] = URL_SAFE_NO_PAD.encode(self.secret).into();
        jwk.to_string()
    }

    /// What verifies its tokens.
    pub fn public(&self) -> &ViewerKey {
        &self.public
    }

    /// A token that says this, of this key's issuer.
    ///
    /// # Errors
    /// [`MakeError::TooLong`].
    pub fn sign(&self, claims: &Claims) -> Result<ViewerToken, MakeError> {
        install();
        let point = &self.public.point;
        let bytes = [&self.secret[..], &public_bytes(point)].concat();
        let key = match point {
            ViewerPoint::P256 { .. } => EncodingKey::from_ec_der(&bytes),
            ViewerPoint::Ed25519(_) => EncodingKey::from_ed_der(&bytes),
        };
        let mut header = Header::new(algorithm(point));
        header.kid = Some(self.public.kid.clone());
        let claims = Claims {
            issuer: self.public.issuer.clone(),
            ..claims.clone()
        };
        let text = jsonwebtoken::encode(&header, &claims, &key).map_err(|_| MakeError::Key)?;
        text.try_into().map_err(|_| MakeError::TooLong)
    }
}

/// The signature of a key over any text, as a token has it.
#[cfg(test)]
pub(super) fn sign_for_tests(key: &OwnerKey, message: &str) -> String {
    let point = &key.public.point;
    let pair = pair(algorithm(point), &key.secret, &public_bytes(point)).expect("a key");
    URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()))
}
