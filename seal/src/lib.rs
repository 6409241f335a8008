//! Sealing and opening, which is the same: AES-256-CTR over a file, at any byte of it. SPEC section 8,
//! "Sealed collections".
//!
//! Participants: *publishers* seal what they upload, *clients* open what they verified, the *control plane*
//! opens playlists that it rewrites. Nodes don't have this crate.
//!
//! Goals: no two contents ever share a keystream, whoever publishes them under one key, however often, and
//! whatever breaks off in between; the same file under the same key is the same sealed file, so that an
//! interrupted upload goes on and nodes keep what a new version didn't change; any byte can be opened
//! without those before it. Non-goals: authenticity, which is the content hash's over what is sealed; hiding
//! names, sizes and media types.

use aes::Aes256;
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper, StreamCipherSeek};
use ctr::{CtrCore, flavors};
use protocol::{SealKey, SealNonce};
use std::fmt;
use zeroize::Zeroizing;

/// From which the key of nonces is derived.
const NONCE_CONTEXT: &str = "quittance 2026 seal nonce";
/// From which a file's key is derived.
const FILE_CONTEXT: &str = "quittance 2026 seal file key";

/// Finds a file's nonce from its bytes: a pseudorandom function of them, so that other bytes have another
/// and who has no key learns nothing of them, not even whether they are what he guesses.
pub struct NonceHasher(blake3::Hasher);

impl NonceHasher {
    /// For files under a key.
    pub fn new(key: &SealKey) -> Self {
        let derived = Zeroizing::new(blake3::derive_key(NONCE_CONTEXT, key.as_bytes()));
        Self(blake3::Hasher::new_keyed(&derived))
    }

    /// Takes the file's next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// After the last.
    pub fn nonce(&self) -> SealNonce {
        let hash = self.0.finalize();
        let (nonce, _) = hash.as_bytes().split_at(SealNonce::BYTES);
        SealNonce(nonce.try_into().expect("split there"))
    }
}

impl fmt::Debug for NonceHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceHasher(…)")
    }
}

/// Seals one file, or opens it; cheap to clone.
#[derive(Clone)]
pub struct FileSeal(Aes256);

impl FileSeal {
    /// By the key and the file's nonce.
    pub fn new(key: &SealKey, nonce: &SealNonce) -> Self {
        let mut material = Zeroizing::new([0; 32 + SealNonce::BYTES]);
        material[..32].copy_from_slice(key.as_bytes());
        material[32..].copy_from_slice(&nonce.0);
        let derived = Zeroizing::new(blake3::derive_key(FILE_CONTEXT, &*material));
        Self(Aes256::new((&*derived).into()))
    }

    /// Seals bytes that are open, opens bytes that are sealed; they stand at `offset` in the file.
    pub fn apply(&self, offset: u64, bytes: &mut [u8]) {
        let cipher =
            CtrCore::<_, flavors::Ctr128BE>::inner_iv_init(self.0.clone(), &[0; 16].into());
        let mut stream = StreamCipherCoreWrapper::from_core(cipher);
        // The keystream is 2^132 bytes long.
        stream.seek(offset);
        stream.apply_keystream(bytes);
    }
}

impl fmt::Debug for FileSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileSeal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nonce(key: &SealKey, bytes: &[u8]) -> SealNonce {
        let mut hasher = NonceHasher::new(key);
        hasher.update(bytes);
        hasher.nonce()
    }

    #[test]
    fn equal_files_have_equal_seals_and_others_share_nothing() {
        let (key, other) = (SealKey::from_bytes([1; 32]), SealKey::from_bytes([2; 32]));
        let zeros = |key: &SealKey, file: &[u8]| {
            let mut stream = vec![0; 64];
            FileSeal::new(key, &nonce(key, file)).apply(0, &mut stream);
            stream
        };
        assert_eq!(zeros(&key, b"film"), zeros(&key, b"film"));
        assert_ne!(zeros(&key, b"film"), zeros(&key, b"filn"));
        assert_ne!(zeros(&key, b"film"), zeros(&other, b"film"));
        assert_ne!(nonce(&key, b""), nonce(&other, b""));
        // Nor do the parts of one.
        let stream = zeros(&key, b"film");
        assert_ne!(stream[..16], stream[16..32]);
    }

    proptest! {
        #[test]
        fn any_part_opens_by_itself(
            file in proptest::collection::vec(any::<u8>(), 1..5000),
            cuts in proptest::collection::vec(0usize..5000, 0..6),
            base in prop_oneof![Just(0u64), Just((1 << 56) - 5000), Just(1 << 36)],
        ) {
            let seal = FileSeal::new(&SealKey::from_bytes([3; 32]), &SealNonce([4; 16]));
            let mut sealed = file.clone();
            seal.apply(base, &mut sealed);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % file.len()).collect();
            cuts.extend([0, file.len()]);
            cuts.sort_unstable();
            for cut in cuts.windows(2).rev() {
                seal.apply(base + cut[0] as u64, &mut sealed[cut[0]..cut[1]]);
            }
            prop_assert_eq!(sealed, file);
        }
    }
}
