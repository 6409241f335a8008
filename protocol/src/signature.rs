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
    /// An issuer lets a node fill its cache from another.
    FillGrant,
}

impl Tag {
    fn bytes(self) -> &'static [u8; 15] {
        match self {
            Tag::Ticket => b"quittance/tick1",
            Tag::Receipt => b"quittance/rcpt1",
            Tag::Binding => b"quittance/bind1",
            Tag::Registration => b"quittance/node1",
            Tag::FillGrant => b"quittance/fill1",
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

    /// The contract's tests read the same files; `contracts/test/reference/ed25519.py` says what is in them.
    fn load(name: &str) -> serde_json::Value {
        let path = format!(
            "{}/../tests/vectors/ed25519/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn bytes(value: &serde_json::Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    fn check(key: &[u8], r: &[u8], s: &[u8], message: &[u8], valid: bool, what: &str) {
        let key: PublicKey = key.try_into().unwrap();
        let signature = Signature::from_slice(&[r, s].concat());
        let verdict = verify_message(&key, message, &signature);
        assert_eq!(verdict.is_ok(), valid, "{what}");
    }

    /// "Taming the many EdDSAs", ed25519-speccheck `cases.json`. 0–1: small-order A. 2: small-order R.
    /// 3: mixed orders, both equations hold. 4, 5: only the cofactored one. 6, 7: S ≥ L. 8, 9:
    /// non-canonical R. 10, 11: non-canonical A. And what of Wycheproof's has signatures of 64 bytes.
    #[test]
    fn the_rule_is_the_strict_cofactored_one() {
        for (name, count, valid) in [("speccheck", 12, "2 3 4 5"), ("wycheproof", 139, "")] {
            let file = load(name);
            let vectors = file["vectors"].as_array().unwrap();
            assert_eq!(vectors.len(), count);
            for vector in vectors {
                let part = |name: &str| bytes(&vector[name]);
                let what = vector["comment"].as_str().unwrap();
                check(
                    &part("key"),
                    &part("r"),
                    &part("s"),
                    &part("message"),
                    vector["valid"].as_bool().unwrap(),
                    what,
                );
            }
            let accepted = vectors
                .iter()
                .enumerate()
                .filter(|(_, v)| v["valid"] == true);
            let accepted: Vec<_> = accepted.map(|(case, _)| case.to_string()).collect();
            assert!(valid.is_empty() || accepted.join(" ") == valid);
        }
    }

    /// Thousands of signatures with every fault that somebody thought of, judged with plain integers.
    #[test]
    fn the_reference_and_the_contract_accept_the_same() {
        let mut total = 0;
        for group in load("crafted")["groups"].as_array().unwrap() {
            let kind = group["kind"].as_str().unwrap();
            let records = bytes(&group["records"]);
            let (mut rest, mut count, mut valid) = (&records[..], 0, 0);
            while !rest.is_empty() {
                // Verdict (1), length of the message (2), key, r, s, message.
                let (head, after) = rest.split_at(99);
                let (message, after) =
                    after.split_at(usize::from(head[1]) << 8 | usize::from(head[2]));
                let what = format!("{kind}, {count}");
                check(
                    &head[3..35],
                    &head[35..67],
                    &head[67..],
                    message,
                    head[0] == 1,
                    &what,
                );
                count += 1;
                valid += u64::from(head[0]);
                rest = after;
            }
            assert_eq!(
                (count, valid),
                (
                    group["count"].as_u64().unwrap(),
                    group["valid"].as_u64().unwrap()
                )
            );
            total += count;
        }
        assert_eq!(total, 3159);
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
