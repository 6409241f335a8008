//! Viewers' tokens: signed JWTs after RFC 9246 (URI Signing for CDNI). SPEC section 12.
//!
//! Participants: an *owner* signs a token and hands it to a viewer; the *control plane* checks it against the
//! keys in the collection's policy. Goals: the algorithm is the key's, whatever a header says; what is verified
//! has a type of its own; claims that aren't understood where they must be are refused. Everything here is a
//! pure function: time, address and paths are arguments. Non-goals: renewal of tokens (`cdnistt`), nonces
//! (`jti`), and encrypted claims (`sub`, a `cdniip` in a JWE): tokens that have them are refused.

mod container;
mod crypto;
mod said;

pub use container::whole_collection;
pub use crypto::{OwnerKey, OwnerKeyKind};
pub use said::{Claims, MakeError, TokenRefused};

use container::Container;
use ipnet::IpNet;
use jsonwebtoken::Validation;
use protocol::{B256, ViewerKey, ViewerToken};
use serde::Deserialize;
use std::net::IpAddr;

/// A token lasts no longer than this from when it is used: its caps are remembered until it ends.
pub const LIFETIME_S_MAX: u64 = 366 * 24 * 3600;
/// Longest [`Claims::id`] and [`Claims::network`].
const TEXT_BYTES_MAX: usize = 128;
/// Claims that are understood, so that `cdnicrit` may name them.
const UNDERSTOOD: [&str; 11] = [
    "iss",
    "exp",
    "nbf",
    "iat",
    "cdniv",
    "cdnicrit",
    "cdniip",
    "cdniuc",
    "quittance_bytes",
    "quittance_sessions",
    "quittance_id",
];

/// As they are read. What isn't named is passed over, as RFC 7519 has it.
#[derive(Deserialize)]
struct RawClaims {
    iss: Option<String>,
    exp: Option<u64>,
    nbf: Option<u64>,
    iat: Option<u64>,
    cdniv: Option<u64>,
    cdnicrit: Option<String>,
    cdniip: Option<String>,
    cdniuc: Option<String>,
    cdnistt: Option<u64>,
    sub: Option<serde::de::IgnoredAny>,
    aud: Option<serde::de::IgnoredAny>,
    jti: Option<serde::de::IgnoredAny>,
    cdniets: Option<serde::de::IgnoredAny>,
    cdnistd: Option<serde::de::IgnoredAny>,
    quittance_bytes: Option<u64>,
    quittance_sessions: Option<u32>,
    quittance_id: Option<String>,
}

/// A token whose header and claims can be read; who signed it isn't known.
#[derive(Debug, Clone)]
pub struct UnverifiedToken {
    token: ViewerToken,
    kid: Option<String>,
    claims: Claims,
}

impl UnverifiedToken {
    /// Reads a token.
    ///
    /// # Errors
    /// [`TokenRefused`], if nobody could understand it rightly.
    pub fn read(token: ViewerToken) -> Result<Self, TokenRefused> {
        let header =
            jsonwebtoken::decode_header(token.as_str()).map_err(|_| TokenRefused::Header)?;
        let taken = [
            jsonwebtoken::Algorithm::ES256,
            jsonwebtoken::Algorithm::EdDSA,
        ];
        let is_jwt = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if !taken.contains(&header.alg) || !is_jwt {
            return Err(TokenRefused::Header);
        }
        if header.crit.is_some() || header.cty.is_some() || header.zip.is_some() {
            return Err(TokenRefused::Critical);
        }
        let raw = jsonwebtoken::dangerous::insecure_decode_claims(token.as_str());
        let claims = checked(raw.map_err(|_| TokenRefused::Claims)?)?;
        let kid = header.kid;
        Ok(Self { token, kid, claims })
    }

    /// What it says, unchecked.
    pub fn peek(&self) -> &Claims {
        &self.claims
    }

    /// The key that it names.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Its name, as tickets state it.
    pub fn hash(&self) -> B256 {
        self.token.hash()
    }

    /// Whether one of these keys signed it, and whether it counts at that time (Unix, seconds) for a client at
    /// that address. Without an address that isn't looked at: for people who want to know.
    ///
    /// # Errors
    /// The first [`TokenRefused`].
    pub fn verify(
        self,
        keys: &[ViewerKey],
        now_s: u64,
        from: Option<IpAddr>,
    ) -> Result<VerifiedToken, TokenRefused> {
        let key = match (&self.kid, keys) {
            (Some(kid), _) => keys.iter().find(|key| key.kid == *kid),
            (None, [only]) => Some(only),
            (None, _) => return Err(TokenRefused::NoKid),
        };
        let key = key.ok_or(TokenRefused::Key)?;
        crypto::install();
        // The one algorithm of the key; times and the rest are looked at here.
        let mut rules = Validation::new(crypto::algorithm(&key.point));
        rules.required_spec_claims.clear();
        (rules.validate_exp, rules.validate_aud) = (false, false);
        let decoding = crypto::decoding_key(&key.point);
        jsonwebtoken::decode::<serde::de::IgnoredAny>(self.token.as_str(), &decoding, &rules)
            .map_err(|_| TokenRefused::Signature)?;
        let claims = self.claims;
        if claims.issuer != key.issuer {
            return Err(TokenRefused::Issuer);
        }
        if now_s >= claims.expires_at {
            return Err(TokenRefused::Expired);
        }
        if claims.expires_at - now_s > LIFETIME_S_MAX {
            return Err(TokenRefused::TooLong);
        }
        if claims.not_before.is_some_and(|from| now_s < from) {
            return Err(TokenRefused::NotYet);
        }
        if let (Some(network), Some(from)) = (&claims.network, from) {
            let network = self::network(network).ok_or(TokenRefused::Claims)?;
            if !network.contains(&from.to_canonical()) {
                return Err(TokenRefused::Network);
            }
        }
        Ok(VerifiedToken {
            hash: self.token.hash(),
            container: Container::parse(&claims.container)?,
            claims,
        })
    }
}

fn checked(raw: RawClaims) -> Result<Claims, TokenRefused> {
    let unsupported = [
        ("sub", raw.sub.is_some()),
        ("aud", raw.aud.is_some()),
        ("jti", raw.jti.is_some()),
        ("cdniets", raw.cdniets.is_some()),
        ("cdnistt", raw.cdnistt.is_some_and(|method| method != 0)),
        ("cdnistd", raw.cdnistd.is_some()),
        ("cdniv", raw.cdniv.is_some_and(|version| version != 1)),
    ];
    if let Some((claim, _)) = unsupported.iter().find(|(_, there)| *there) {
        return Err(TokenRefused::Unsupported(claim));
    }
    let critical = raw.cdnicrit.iter().flat_map(|list| list.split(','));
    if critical
        .into_iter()
        .any(|claim| !UNDERSTOOD.contains(&claim.trim()))
    {
        return Err(TokenRefused::Unsupported("cdnicrit"));
    }
    let too_long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.len() > TEXT_BYTES_MAX);
    if too_long(&raw.quittance_id) {
        return Err(TokenRefused::Claims);
    }
    // An encrypted one, as the RFC has it, or none.
    if raw
        .cdniip
        .as_ref()
        .is_some_and(|text| network(text).is_none())
    {
        return Err(TokenRefused::Unsupported("cdniip that is no plain network"));
    }
    Ok(Claims {
        issuer: raw.iss,
        expires_at: raw.exp.ok_or(TokenRefused::NoExpiry)?,
        not_before: raw.nbf,
        issued_at: raw.iat,
        container: raw.cdniuc.ok_or(TokenRefused::Container)?,
        network: raw.cdniip,
        bytes: raw.quittance_bytes,
        sessions: raw.quittance_sessions,
        id: raw.quittance_id,
    })
}

/// An address or a network.
fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address)
}

/// A token that one of the collection's keys signed, and that counts now. Only [`UnverifiedToken::verify`] makes
/// one.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    hash: B256,
    container: Container,
    claims: Claims,
}

impl VerifiedToken {
    /// Its name, as tickets state it.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether it is for all files of a collection, by any of these names: a ticket is for a whole collection.
    ///
    /// # Errors
    /// [`TokenRefused::Path`] with the first that it isn't for.
    pub fn check_paths<'a>(
        &self,
        names: &[&str],
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), TokenRefused> {
        match self.container.first_other(names, paths) {
            None => Ok(()),
            Some(path) => Err(TokenRefused::Path(path.chars().take(80).collect())),
        }
    }
}

#[cfg(test)]
mod tests;
