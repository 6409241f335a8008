//! Signatures: what is signed, and the one rule of validity. SPEC section 3.

use alloy_primitives::{Address, B256, FixedBytes, keccak256};
use ed25519_dalek::{Signer, SigningKey};

/// An ed25519 public key as it stands in tickets and registries; not yet known to be a point.
pub type PublicKey = [u8; 32];
/// `R ‖ S`.
pub type Signature = FixedBytes<64>;

/// Length of every signed message: tag and digest. It fits one SHA-512 block on chain together
/// with R and A (64 + 47 + 17 bytes of padding = 128).
pub const SIGNED_BYTES: usize = 47;

/// What a signature is for. The tag keeps one kind from passing as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// An issuer grants a ticket.
    Ticket,
    /// A client states what it received.
    Receipt,
    /// A client binds its session to one TLS connection.
    Binding,
    /// A node shows its operator that it has the key being registered.
    Registration,
}

impl Tag {
    fn bytes(self) -> &'static [u8; 15] {
        match self {
            Tag::Ticket => b"quittance/tick1",
            Tag::Receipt => b"quittance/rcpt1",
            Tag::Binding => b"quittance/bind1",
            Tag::Registration => b"quittance/node1",
        }
    }
}

/// The bytes that are signed: `tag (15) ‖ H(body) (32)`.
fn message(tag: Tag, digest: &B256) -> [u8; SIGNED_BYTES] {
    let mut message = [0; SIGNED_BYTES];
    message[..15].copy_from_slice(tag.bytes());
    message[15..].copy_from_slice(digest.as_slice());
    message
}

/// Signs a body by its digest `H(body)`.
pub fn sign(key: &SigningKey, tag: Tag, digest: &B256) -> Signature {
    FixedBytes(key.sign(&message(tag, digest)).to_bytes())
}

/// A signature that the one rule does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid")]
pub struct SignatureInvalid;

/// Checks a signature over a body by its digest, by the one rule of validity.
///
/// # Errors
/// [`SignatureInvalid`], without saying which part failed.
pub fn verify(
    key: &PublicKey,
    tag: Tag,
    digest: &B256,
    signature: &Signature,
) -> Result<(), SignatureInvalid> {
    verify_message(key, &message(tag, digest), signature)
}

/// The rule over any message: strict encodings here, the cofactored equation and `S < L` in
/// `ed25519-zebra` (ZIP 215), whose batches accept exactly what its single verification accepts.
fn verify_message(
    key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<(), SignatureInvalid> {
    let r: [u8; 32] = signature[..32].try_into().expect("half of 64");
    if !encoding_is_canonical(key) || !encoding_is_canonical(&r) || is_small_order(key) {
        return Err(SignatureInvalid);
    }
    ed25519_zebra::VerificationKey::try_from(*key)
        .and_then(|key| key.verify(&ed25519_zebra::Signature::from_bytes(&signature.0), message))
        .map_err(|_| SignatureInvalid)
}

/// p = 2^255 − 19, little-endian.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// y below p, and the sign bit 0 where x = 0 (y = ±1). Whether y is on the curve at all, decompression
/// tells.
fn encoding_is_canonical(encoding: &[u8; 32]) -> bool {
    let mut y = *encoding;
    let sign = y[31] >> 7 == 1;
    y[31] &= 0x7f;
    if y.iter().rev().ge(P.iter().rev()) {
        return false;
    }
    let one = y[0] == 1 && y[1..].iter().all(|b| *b == 0);
    let minus_one = y[0] == P[0] - 1 && y[1..] == P[1..];
    !(sign && (one || minus_one))
}

/// The y of the points of order 8; the other pair's is p − y.
const ORDER_8_Y: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];
const ORDER_8_MINUS_Y: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

/// Whether a canonical encoding is one of the eight points of small order: y is 1 (order 1), −1 (2),
/// 0 (4) or one of two values (8), with either sign.
fn is_small_order(encoding: &[u8; 32]) -> bool {
    let mut y = *encoding;
    y[31] &= 0x7f;
    let rest_is_zero = y[1..].iter().all(|b| *b == 0);
    (rest_is_zero && y[0] <= 1)
        || (y[0] == P[0] - 1 && y[1..] == P[1..])
        || y == ORDER_8_Y
        || y == ORDER_8_MINUS_Y
}

/// Body digest of a session's binding: the client signs it with [`Tag::Binding`].
pub fn exporter_binding(ticket_digest: &B256, exporter: &[u8; 32]) -> B256 {
    let mut body = [0; 64];
    body[..32].copy_from_slice(ticket_digest.as_slice());
    body[32..].copy_from_slice(exporter);
    keccak256(body)
}

/// Body digest of a key's registration by an operator: the key signs it with [`Tag::Registration`], so that
/// nobody registers a key it doesn't have.
pub fn registration_digest(chain_id: u64, registry: Address, operator: Address) -> B256 {
    let mut body = [0; 48];
    body[..8].copy_from_slice(&chain_id.to_be_bytes());
    body[8..28].copy_from_slice(registry.as_slice());
    body[28..].copy_from_slice(operator.as_slice());
    keccak256(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;
    use proptest::prelude::*;

    /// "Taming the many EdDSAs", ed25519-speccheck `cases.json`: message, key, signature, and whether
    /// our rule accepts. 0–1: small-order A. 2: small-order A. 3: mixed orders, both equations hold.
    /// 4, 5: only the cofactored one. 6, 7: S ≥ L. 8, 9: non-canonical R. 10, 11: non-canonical A.
    const SPECCHECK: [(&str, &str, &str, bool); 12] = [
        (
            "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
            false,
        ),
        (
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            false,
        ),
        (
            "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
            true,
        ),
        (
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
            true,
        ),
        (
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
            true,
        ),
        (
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
            true,
        ),
        (
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
            false,
        ),
        (
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
            false,
        ),
        (
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
            false,
        ),
        (
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
            false,
        ),
        (
            "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            false,
        ),
        (
            "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            false,
        ),
    ];

    #[test]
    fn the_rule_is_the_strict_cofactored_one() {
        for (case, (message, key, signature, accepted)) in SPECCHECK.iter().enumerate() {
            let key: [u8; 32] = hex::decode(key).unwrap().try_into().unwrap();
            let signature = Signature::from_slice(&hex::decode(signature).unwrap());
            let verdict = verify_message(&key, &hex::decode(message).unwrap(), &signature);
            assert_eq!(verdict.is_ok(), *accepted, "case {case}");
        }
    }

    #[test]
    fn small_order_and_non_canonical_encodings_are_told() {
        let mut one = [0; 32];
        one[0] = 1;
        assert!(encoding_is_canonical(&one) && is_small_order(&one));
        one[31] = 0x80;
        assert!(!encoding_is_canonical(&one), "x = 0 with the sign bit set");
        assert!(!encoding_is_canonical(&P), "y = p is 0 in disguise");
        let mut last = P;
        last[0] -= 1;
        assert!(encoding_is_canonical(&last) && is_small_order(&last));
        last[31] |= 0x80;
        assert!(!encoding_is_canonical(&last));
        for y in [[0; 32], ORDER_8_Y, ORDER_8_MINUS_Y] {
            for sign in [0, 0x80] {
                let mut point = y;
                point[31] |= sign;
                assert!(encoding_is_canonical(&point) && is_small_order(&point));
                // It is a point: zebra takes it as a key.
                assert!(ed25519_zebra::VerificationKey::try_from(point).is_ok());
            }
        }
    }

    #[test]
    fn a_registration_is_for_one_operator_of_one_registry() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let (registry, operator) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let digest = registration_digest(1, registry, operator);
        let proof = sign(&key, Tag::Registration, &digest);
        assert!(verify(&public, Tag::Registration, &digest, &proof).is_ok());
        for other in [
            registration_digest(2, registry, operator),
            registration_digest(1, operator, operator),
            registration_digest(1, registry, registry),
        ] {
            assert!(verify(&public, Tag::Registration, &other, &proof).is_err());
        }
        assert!(verify(&public, Tag::Binding, &digest, &proof).is_err());
    }

    proptest! {
        #[test]
        fn signed_is_valid_and_altered_is_not(seed: [u8; 32], digest: [u8; 32], bit in 0usize..512) {
            let key = SigningKey::from_bytes(&seed);
            let public = key.verifying_key().to_bytes();
            let digest = B256::from(digest);
            let mut signature = sign(&key, Tag::Receipt, &digest);
            prop_assert!(verify(&public, Tag::Receipt, &digest, &signature).is_ok());
            prop_assert!(verify(&public, Tag::Ticket, &digest, &signature).is_err());
            signature.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify(&public, Tag::Receipt, &digest, &signature).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(key: [u8; 32], digest: [u8; 32], a: [u8; 32], b: [u8; 32]) {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&a);
            signature[32..].copy_from_slice(&b);
            let _ = verify(&key, Tag::Receipt, &digest.into(), &signature.into());
        }
    }
}
