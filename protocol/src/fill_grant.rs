//! Fill grants: an issuer's word that one node may fill its cache with a collection from another. SPEC section 9.

use crate::layout::{LayoutError, Put, Reader};
use crate::signature::{Signature, Tag, sign, verify};
use crate::{B256, CollectionId, IssuerKey, Network, NodeId, SigningKey, UnixMillis, keccak256};
use alloy_primitives::FixedBytes;
use serde::{Deserialize, Serialize};

/// Length of a fill grant.
pub const FILL_GRANT_BYTES: usize = 144;

/// Longest that a grant lasts, ms: who was blocked since can't go on for longer.
pub const FILL_GRANT_MS_MAX: u64 = 120_000;

/// What a fill grant says. Whether anybody granted it, [`SignedFillGrant::verify`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillGrant {
    /// The network it counts in.
    pub network: Network,
    /// Who grants it: index of an issuer.
    pub issuer: u32,
    /// The node that gives.
    pub source: NodeId,
    /// The node that takes.
    pub filler: NodeId,
    /// What.
    pub collection: CollectionId,
    /// When it was granted.
    pub issued_at: UnixMillis,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// Why a fill grant is not to be honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FillGrantInvalid {
    /// Not signed by that issuer.
    #[error("the fill grant is not signed by its issuer")]
    Signature,
    /// Over, not begun, or longer than grants may be.
    #[error("the fill grant is not for this time")]
    Times,
}

impl FillGrant {
    /// The fixed layout.
    pub fn to_bytes(&self) -> [u8; FILL_GRANT_BYTES] {
        let mut out = Vec::with_capacity(FILL_GRANT_BYTES);
        out.put_network(&self.network);
        out.extend_from_slice(&self.issuer.to_be_bytes());
        out.extend_from_slice(self.source.as_bytes());
        out.extend_from_slice(self.filler.as_bytes());
        out.extend_from_slice(self.collection.as_bytes());
        out.extend_from_slice(&self.issued_at.to_be_bytes());
        out.extend_from_slice(&self.expires_at.to_be_bytes());
        out.try_into()
            .expect("the fields add up to FILL_GRANT_BYTES")
    }

    /// Every 144 bytes are a grant, if not a good one.
    pub fn from_bytes(bytes: &[u8; FILL_GRANT_BYTES]) -> Self {
        Self::read(&mut Reader::new(bytes)).expect("FILL_GRANT_BYTES hold every field")
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            network: reader.network()?,
            issuer: reader.u32()?,
            source: NodeId(reader.b256()?),
            filler: NodeId(reader.b256()?),
            collection: CollectionId(reader.b256()?),
            issued_at: reader.u64()?,
            expires_at: reader.u64()?,
        })
    }

    /// `H(grant)`.
    pub fn digest(&self) -> B256 {
        keccak256(self.to_bytes())
    }

    /// Grants it.
    pub fn sign(self, issuer: &SigningKey) -> SignedFillGrant {
        SignedFillGrant {
            grant: FixedBytes(self.to_bytes()),
            signature: sign(issuer, Tag::FillGrant, &self.digest()),
        }
    }
}

/// A fill grant as it travels: its bytes and a signature that nobody has checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedFillGrant {
    /// The grant's 144 bytes.
    pub grant: FixedBytes<FILL_GRANT_BYTES>,
    /// The issuer's signature.
    pub signature: Signature,
}

impl SignedFillGrant {
    /// What it says, unchecked.
    pub fn peek(&self) -> FillGrant {
        FillGrant::from_bytes(&self.grant.0)
    }

    /// Checks times and signature. Clocks may be `skew_ms` apart.
    ///
    /// # Errors
    /// The first that fails.
    pub fn verify(
        &self,
        issuer: &IssuerKey,
        now: UnixMillis,
        skew_ms: u64,
    ) -> Result<VerifiedFillGrant, FillGrantInvalid> {
        let grant = self.peek();
        let begun = grant.issued_at <= now.saturating_add(skew_ms);
        let lasts = now <= grant.expires_at.saturating_add(skew_ms);
        let length = grant.expires_at.checked_sub(grant.issued_at);
        if !begun || !lasts || length.is_none_or(|length| length > FILL_GRANT_MS_MAX) {
            return Err(FillGrantInvalid::Times);
        }
        let digest = grant.digest();
        verify(issuer.as_bytes(), Tag::FillGrant, &digest, &self.signature)
            .map_err(|_| FillGrantInvalid::Signature)?;
        Ok(VerifiedFillGrant { grant, digest })
    }
}

/// A fill grant that its issuer did give. Only [`SignedFillGrant::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedFillGrant {
    grant: FillGrant,
    digest: B256,
}

impl VerifiedFillGrant {
    /// What it says.
    pub fn grant(&self) -> &FillGrant {
        &self.grant
    }

    /// `H(grant)`.
    pub fn digest(&self) -> B256 {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;
    use proptest::prelude::*;

    fn grant() -> FillGrant {
        FillGrant {
            network: Network {
                chain_id: 1,
                settlement: Address::repeat_byte(2),
            },
            issuer: 3,
            source: NodeId::from([4; 32]),
            filler: NodeId::from([5; 32]),
            collection: CollectionId::from([6; 32]),
            issued_at: 100_000,
            expires_at: 160_000,
        }
    }

    #[test]
    fn only_what_the_issuer_signed_and_only_for_a_while() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let issuer = IssuerKey::from(key.verifying_key().to_bytes());
        let signed = grant().sign(&key);
        let check = |signed: SignedFillGrant, now| signed.verify(&issuer, now, 1000).map(drop);
        for now in [99_000, 100_000, 161_000] {
            assert_eq!(check(signed, now), Ok(()), "at {now}");
        }
        for now in [0, 98_999, 161_001, u64::MAX] {
            assert_eq!(check(signed, now), Err(FillGrantInvalid::Times), "at {now}");
        }
        let stranger = grant().sign(&SigningKey::from_bytes(&[8; 32]));
        assert_eq!(check(stranger, 100_000), Err(FillGrantInvalid::Signature));
        let mut other = grant();
        other.filler = NodeId::from([9; 32]);
        let altered = SignedFillGrant {
            grant: FixedBytes(other.to_bytes()),
            ..signed
        };
        assert_eq!(check(altered, 100_000), Err(FillGrantInvalid::Signature));
        let mut long = grant();
        long.expires_at = long.issued_at + FILL_GRANT_MS_MAX + 1;
        assert_eq!(
            check(long.sign(&key), 100_000),
            Err(FillGrantInvalid::Times)
        );
        // A ticket's signature is none.
        let ticket = SignedFillGrant {
            signature: sign(&key, Tag::Ticket, &grant().digest()),
            ..signed
        };
        assert_eq!(check(ticket, 100_000), Err(FillGrantInvalid::Signature));
    }

    proptest! {
        #[test]
        fn every_144_bytes_are_a_grant(parts: [[u8; 18]; 8], now: u64) {
            let bytes: [u8; FILL_GRANT_BYTES] = parts.concat().try_into().unwrap();
            let grant = FillGrant::from_bytes(&bytes);
            prop_assert_eq!(grant.to_bytes(), bytes);
            let signed = SignedFillGrant { grant: FixedBytes(bytes), signature: Signature::ZERO };
            prop_assert!(signed.verify(&IssuerKey::from([1; 32]), now, 1000).is_err());
        }
    }
}
