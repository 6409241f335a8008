//! `seal.json`: files under keys, and what they are sealed. SPEC section 8, "Sealed collections".

use crate::values::{hex, seed};
use protocol::SealKey;
use seal::{FileSeal, NonceHasher};
use serde_json::{Value, json};

fn file(name: &str, key: &SealKey, bytes: &[u8]) -> Value {
    let mut hasher = NonceHasher::new(key);
    hasher.update(bytes);
    let nonce = hasher.nonce();
    let mut sealed = bytes.to_vec();
    FileSeal::new(key, &nonce).apply(0, &mut sealed);
    json!({
        "name": name,
        "key": hex(key.as_bytes()),
        "key_id": hex(key.id().as_bytes()),
        "open": hex(bytes),
        "nonce": hex(nonce.0),
        "sealed": hex(&sealed),
        "content": hex(blake3::hash(&sealed).as_bytes()),
    })
}

pub(crate) fn seal() -> Value {
    let key = SealKey::from_bytes(seed("seal key"));
    let other = SealKey::from_bytes(seed("another seal key"));
    let text = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\n0.ts\n";
    let far = (1u64 << 56) - 20;
    let mut stream = [0; 40];
    let nonce = protocol::SealNonce(*seed("nonce").first_chunk().expect("32 bytes"));
    FileSeal::new(&key, &nonce).apply(far, &mut stream);
    json!({
        "files": [
            file("a playlist", &key, text),
            file("the same under another key", &other, text),
            file("zeros, two blocks and a byte", &key, &[0; 33]),
            file("nothing", &key, b""),
        ],
        "far": {
            "key": hex(key.as_bytes()),
            "nonce": hex(nonce.0),
            "offset": far.to_string(),
            "keystream": hex(stream),
        },
    })
}
