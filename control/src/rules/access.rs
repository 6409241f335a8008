//! Whether a viewer's token lets its bearer have a collection, by all but what it was used for.

use crate::rules::tokens::Viewer;
use core::net::IpAddr;
use formats::viewer_tokens::{TokenRefused, UnverifiedToken, VerifiedToken};
use protocol::{B256, CollectionId, Policy, UnixMillis, ViewerToken};
use std::collections::BTreeSet;

/// Tokens remembered that are for all of a collection.
const WHOLE_MAX: usize = 65_536;

/// Why a viewer's token gets no ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ViewerRefused {
    #[error(
        "the collection's owner asks for a viewer's token: give one with `--token FILE`, `?URISigningPackage=TOKEN`, or as a bearer token"
    )]
    Missing,
    #[error(transparent)]
    Token(#[from] TokenRefused),
    #[error("the viewer's token was revoked")]
    Revoked,
    #[error("the collection's manifest cannot be read at the moment")]
    Manifest,
}

/// The viewer that a token names, if a policy asks for one, and what is to be asked of its paths yet.
pub(crate) fn viewer(
    policy: &Policy,
    token: Option<&ViewerToken>,
    from: IpAddr,
    now: UnixMillis,
    is_revoked: impl FnOnce(&B256) -> bool,
) -> Result<Option<(Viewer, VerifiedToken)>, ViewerRefused> {
    if !policy.needs_token() {
        // One for something else does no harm, and isn't looked at.
        return Ok(None);
    }
    let token = token.ok_or(ViewerRefused::Missing)?;
    let read = UnverifiedToken::read(token.clone())?;
    let verified = read.verify(&policy.viewer_keys, now / 1000, Some(from))?;
    if is_revoked(&verified.hash()) {
        return Err(ViewerRefused::Revoked);
    }
    let claims = verified.claims();
    let viewer = Viewer {
        hash: verified.hash(),
        expires_at: claims.expires_at.saturating_mul(1000),
        bytes: claims.bytes,
        sessions: claims.sessions,
    };
    Ok(Some((viewer, verified)))
}

/// Tokens that are for all of a collection, under one of its names: that isn't looked at file by file again.
#[derive(Debug, Default)]
pub(crate) struct WholeTokens(BTreeSet<(B256, CollectionId, String)>);

impl WholeTokens {
    /// Whether a token is known to be.
    pub(crate) fn has(&self, token: B256, collection: CollectionId, name: &str) -> bool {
        self.0.contains(&(token, collection, name.to_owned()))
    }

    /// A token is.
    pub(crate) fn keep(&mut self, token: B256, collection: CollectionId, name: &str) {
        self.keep_most(token, collection, name, WHOLE_MAX);
    }

    fn keep_most(&mut self, token: B256, collection: CollectionId, name: &str, most: usize) {
        // To look at all of them once more is cheap enough.
        if self.0.len() >= most {
            self.0.clear();
        }
        self.0.insert((token, collection, name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::viewer_tokens::{
        Claims, LIFETIME_S_MAX, OwnerKey, OwnerKeyKind, whole_collection,
    };
    use proptest::prelude::*;

    const NOW: UnixMillis = 1_000_500;
    const NOW_S: u64 = NOW / 1000;

    fn from() -> IpAddr {
        IpAddr::from([192, 0, 2, 7])
    }

    fn key() -> OwnerKey {
        OwnerKey::generate(OwnerKeyKind::P256, None, None).expect("randomness")
    }

    fn policy(key: &OwnerKey) -> Policy {
        Policy {
            viewer_keys: vec![key.public().clone()],
            ..Policy::default()
        }
    }

    fn claims() -> Claims {
        Claims {
            expires_at: NOW_S + 60,
            container: whole_collection("film"),
            ..Claims::default()
        }
    }

    #[test]
    fn a_viewer_is_let_in_by_a_token_of_the_owner_s_if_one_is_asked_for() {
        let (owner, other) = (key(), key());
        let sign = |claims: &Claims| owner.sign(claims).expect("it can be signed");
        let good = sign(&claims());
        let expired = sign(&Claims {
            expires_at: NOW_S,
            ..claims()
        });
        let elsewhere = sign(&Claims {
            network: Some("198.51.100.0/24".into()),
            ..claims()
        });
        let strange = other.sign(&claims()).expect("it can be signed");
        let (asks, open) = (policy(&owner), Policy::default());
        let refused = |why: TokenRefused| Err(ViewerRefused::Token(why));
        for (policy, token, revoked, expected) in [
            (&open, None, false, Ok(None)),
            (&open, Some(&expired), true, Ok(None)),
            (&asks, None, false, Err(ViewerRefused::Missing)),
            (&asks, Some(&good), false, Ok(Some(good.hash()))),
            (&asks, Some(&good), true, Err(ViewerRefused::Revoked)),
            (&asks, Some(&expired), false, refused(TokenRefused::Expired)),
            (
                &asks,
                Some(&elsewhere),
                false,
                refused(TokenRefused::Network),
            ),
            (&asks, Some(&strange), false, refused(TokenRefused::Key)),
        ] {
            let found = viewer(policy, token, from(), NOW, |_| revoked);
            let found = found.map(|found| found.map(|(viewer, _)| viewer.hash));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn whether_it_was_revoked_is_asked_of_the_token_that_was_shown() {
        let owner = key();
        let token = owner.sign(&claims()).expect("it can be signed");
        let hash = token.hash();
        let found = viewer(&policy(&owner), Some(&token), from(), NOW, |one| {
            *one == hash
        });
        assert!(matches!(found, Err(ViewerRefused::Revoked)));
    }

    #[test]
    fn tokens_for_all_of_a_collection_are_known_by_name_and_forgotten_together() {
        let mut whole = WholeTokens::default();
        let (token, film) = (B256::repeat_byte(1), CollectionId::from([2; 32]));
        let other = CollectionId::from([3; 32]);
        whole.keep(token, film, "film");
        assert!(whole.has(token, film, "film"));
        assert!(!whole.has(token, film, "series") && !whole.has(token, other, "film"));
        whole.keep_most(token, other, "film", 1);
        assert!(whole.has(token, other, "film") && !whole.has(token, film, "film"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn nobody_is_let_in_by_a_token_that_doesn_t_count_now(
            ends in 1u64..LIFETIME_S_MAX + 1000, starts in 0u64..2000, now in 1u64..3000,
            bytes: Option<u64>, sessions: Option<u32>,
        ) {
            let owner = key();
            let claims = Claims {
                expires_at: ends,
                not_before: Some(starts),
                bytes,
                sessions,
                ..claims()
            };
            let Ok(token) = owner.sign(&claims) else {
                return Ok(());
            };
            let found = viewer(&policy(&owner), Some(&token), from(), now * 1000, |_| false);
            let counts = starts <= now && now < ends && ends - now <= LIFETIME_S_MAX;
            prop_assert_eq!(found.is_ok(), counts);
            if let Ok(found) = found {
                let expected = Viewer { hash: token.hash(), expires_at: ends * 1000, bytes, sessions };
                prop_assert_eq!(found.map(|(viewer, _)| viewer), Some(expected));
            }
        }
    }
}
