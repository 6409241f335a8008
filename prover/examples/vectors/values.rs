//! What every vector is made of and written as.

/// Lower-case hexadecimal with `0x`, as SPEC section 1 wants it.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write;
    bytes
        .as_ref()
        .iter()
        .fold(String::from("0x"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// 32 bytes that stand for `name`: the source of every seed, key and hash here.
pub(crate) fn seed(name: &str) -> [u8; 32] {
    protocol::keccak256(name).0
}

/// The network of all vectors.
pub(crate) fn network() -> protocol::Network {
    protocol::Network {
        chain_id: 31_337,
        settlement: protocol::Address::from_slice(&seed("settlement")[..20]),
    }
}
