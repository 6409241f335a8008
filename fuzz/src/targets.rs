//! The targets, and what each reads. `tests/tests/tidy/gates.rs` holds that no decoder is missing.

mod files;
mod frames;
mod json;
mod players;
mod text;
mod wire;

/// One fuzz target.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// The decoders that it feeds, as `module::function` or `Type::function`, or types that are read by serde.
    #[expect(dead_code, reason = "for people and for tidy")]
    pub(crate) reads: &'static [&'static str],
    /// Takes any bytes; panics on a fault.
    pub(crate) run: fn(&[u8]),
    /// Names of the vector files whose hexadecimal strings are seeds.
    pub(crate) vectors: &'static [&'static str],
    /// Other seeds.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

/// Each of them; `cargo xtask fuzz` runs them in this order.
pub(crate) const TARGETS: &[Target] = &[
    frames::FRAMES,
    files::SEGMENT,
    files::TICKET_LOG,
    files::TREE,
    files::ELEMENTS,
    files::MANIFEST,
    files::FIXED,
    wire::BODY,
    wire::DNS,
    json::JSON,
    text::TEXT,
    text::TOKEN,
    players::REQUEST,
    players::HLS,
    players::DASH,
    players::REWRITING,
];

/// No seeds but those of the vectors.
fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// Text as seeds.
fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A byte that chooses among several decoders, and what is for them.
fn choice(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((*first, rest))
}
