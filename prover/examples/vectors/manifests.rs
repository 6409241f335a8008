//! `manifest.json`: collections, and what is refused as one. SPEC section 8.

use crate::values::{hex, seed};
use protocol::{ContentHash, Entry, Manifest, SealKey, SealNonce};
use serde_json::{Value, json};

const REFUSED_PATHS: [&str; 15] = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "./a",
    "a/./b",
    "../a",
    "a/..",
    "a\\b",
    "a\nb",
    "a\u{0}b",
    "a\u{7f}b",
];

fn entry(path: &str, size: u64, media_type: &str) -> Entry {
    Entry {
        path: path.to_owned(),
        content: ContentHash::from(seed(path)),
        size,
        media_type: media_type.to_owned(),
    }
}

fn accepted(name: &str, entries: Vec<Entry>) -> Value {
    described(name, &Manifest::new(entries).expect("a manifest"))
}

fn nonce(path: &str) -> SealNonce {
    let seed = seed(&format!("nonce of {path}"));
    SealNonce(*seed.first_chunk().expect("32 bytes"))
}

fn sealed(name: &str, entries: Vec<Entry>) -> Value {
    let key = SealKey::from_bytes(seed("seal key")).id();
    let entries = entries.into_iter().map(|entry| {
        let nonce = nonce(&entry.path);
        (entry, nonce)
    });
    let manifest = Manifest::sealed(key, entries.collect()).expect("a manifest");
    let mut described = described(name, &manifest);
    described["key_id"] = hex(key.as_bytes()).into();
    for entry in described["entries"].as_array_mut().expect("a list") {
        let nonce = nonce(entry["path"].as_str().expect("a string"));
        entry["nonce"] = hex(nonce.0).into();
    }
    described
}

fn described(name: &str, manifest: &Manifest) -> Value {
    json!({
        "name": name,
        "entries": manifest.entries().iter().map(|entry| json!({
            "path": entry.path,
            "content": hex(entry.content.as_bytes()),
            "size": entry.size.to_string(),
            "media_type": entry.media_type,
        })).collect::<Vec<_>>(),
        "bytes": manifest.bytes().to_string(),
        "encoding": hex(manifest.to_bytes()),
        "id": hex(manifest.id().as_bytes()),
    })
}

pub(crate) fn manifest() -> Value {
    let mp4 = "video/mp4";
    let hls = vec![
        entry("master.m3u8", 310, "application/vnd.apple.mpegurl"),
        entry("720p/index.m3u8", 1_204, "application/vnd.apple.mpegurl"),
        entry("720p/0.m4s", 1_048_577, mp4),
        entry("720p/init.mp4", 0, mp4),
    ];
    let odd = vec![
        entry("a", 1, "x"),
        entry("a/b", 1, mp4),
        entry("a.b", 1, mp4),
        entry("..a/...", 1, mp4),
        entry("Größe ü.txt", (1 << 56) - 6, "text/plain; charset=utf-8"),
        entry("%2e%2e", 1, mp4),
    ];
    let long = format!("{}/x", "p".repeat(1022));
    let one = Manifest::new(vec![entry("a", 5, mp4), entry("b", 5, mp4)]).expect("a manifest");
    let bytes = one.to_bytes();
    // Bytes of the first entry: 2 + 1 (path) + 32 + 8 + 1 + 9 (type), after a header of 10.
    let (header, entries) = bytes.split_at(10);
    let (first, second) = entries.split_at(53);
    let altered = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        bytes
    };
    let twice = vec![
        (entry("a", 5, mp4), nonce("a")),
        (entry("b", 5, mp4), nonce("b")),
    ];
    let key = SealKey::from_bytes(seed("seal key")).id();
    let mut one_nonce = Manifest::sealed(key, twice).expect("a manifest").to_bytes();
    // Entries have 69 bytes, after a header of 42; a nonce stands 43 bytes into its entry.
    one_nonce.copy_within(42 + 43..42 + 59, 42 + 69 + 43);
    let refused = [
        ("out of order", [header, second, first].concat()),
        ("twice the same path", [header, first, first].concat()),
        ("cut short", bytes[..bytes.len() - 1].to_vec()),
        ("a byte too many", [&bytes[..], &[0]].concat()),
        ("another mark", altered(3, b'X')),
        ("version 3", altered(5, 3)),
        ("an open one that says it is sealed", altered(5, 2)),
        ("one nonce for two contents", one_nonce),
        ("more entries than there are", altered(9, 3)),
        ("a path that is not UTF-8", altered(12, 0xff)),
        ("a size of 2^56", altered(45, 1)),
        ("no entry", [&header[..6], &[0; 4]].concat()),
    ];
    json!({
        "accepted": [
            accepted("an HLS package", hls.clone()),
            sealed("the same, sealed", hls),
            accepted("odd but allowed paths, largest sum", odd),
            accepted("longest path", vec![entry(&long, 1, mp4)]),
        ],
        "refused_paths": REFUSED_PATHS.iter().map(|path| (*path).to_owned())
            .chain([format!("{long}x")]).collect::<Vec<_>>(),
        "refused_encodings": refused.iter().map(|(name, encoding)| json!({
            "name": name,
            "encoding": hex(encoding),
        })).collect::<Vec<_>>(),
    })
}
