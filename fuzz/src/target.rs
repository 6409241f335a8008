//! What a target is, and what several of them need.

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

/// No seeds but those of the vectors.
pub(crate) fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// Text as seeds.
pub(crate) fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A byte that chooses among several decoders, and what is for them.
pub(crate) fn choice(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((*first, rest))
}
