//! `tests/vectors/seal.json`, recomputed. `tests/independent/test_audit.py` does it with other libraries.

use protocol::{SealKey, SealNonce};
use quittance_seal::{FileSeal, NonceHasher};
use serde_json::Value;

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn key(value: &Value) -> SealKey {
    serde_json::from_value(value.clone()).unwrap()
}

fn nonce(value: &Value) -> SealNonce {
    SealNonce(bytes(value).try_into().unwrap())
}

#[test]
fn files_are_sealed_as_the_vectors_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/seal.json");
    let text = std::fs::read_to_string(path).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    for file in vectors["files"].as_array().unwrap() {
        let (key, open) = (key(&file["key"]), bytes(&file["open"]));
        assert_eq!(key.id().as_bytes()[..], bytes(&file["key_id"]));
        let mut hasher = NonceHasher::new(&key);
        open.iter().for_each(|byte| hasher.update(&[*byte]));
        assert_eq!(hasher.nonce(), nonce(&file["nonce"]));
        let mut sealed = bytes(&file["sealed"]);
        assert_eq!(
            blake3::hash(&sealed).as_bytes()[..],
            bytes(&file["content"])
        );
        FileSeal::new(&key, &nonce(&file["nonce"])).apply(0, &mut sealed);
        assert_eq!(sealed, open);
    }
    let far = &vectors["far"];
    let mut stream = vec![0; 40];
    let offset = far["offset"].as_str().unwrap().parse().unwrap();
    FileSeal::new(&key(&far["key"]), &nonce(&far["nonce"])).apply(offset, &mut stream);
    assert_eq!(stream, bytes(&far["keystream"]));
}
