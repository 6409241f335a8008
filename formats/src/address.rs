//! The address that a node states of itself: `host:port`.

use std::net::Ipv6Addr;

/// A DNS name has at most 253 bytes; then a colon and the port.
const BYTES_MAX: usize = 259;

/// Why clients can't dial it, for the node's operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("clients can't dial {shown:?}: {why}")]
pub struct Undialable {
    /// As stated, cut.
    shown: String,
    why: &'static str,
}

/// Whether clients may be told to dial it: a host that names something, and a port that isn't 0.
///
/// # Errors
/// If it has another form, or none could be meant by it.
pub fn check(address: &str) -> Result<(), Undialable> {
    let wrong = |why| {
        let shown = address.chars().take(80).collect();
        Err(Undialable { shown, why })
    };
    if address.len() > BYTES_MAX {
        return wrong("it is too long");
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return wrong("it must be host:port");
    };
    if port.parse::<u16>().map_or(true, |port| port == 0) {
        return wrong("its port must be 1 to 65535");
    }
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(inside) = bracketed {
        return match inside.parse::<Ipv6Addr>() {
            Ok(ip) if !ip.is_unspecified() => Ok(()),
            _ => wrong("it needs an IPv6 address between the brackets"),
        };
    }
    let named = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if host.is_empty() || !named || host == "0.0.0.0" {
        return wrong("it needs a host name or an address of this node's");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_can_be_dialled() {
        for good in [
            "10.0.0.1:4433",
            "node.example.com:1",
            "[2001:db8::1]:65535",
            "localhost:80",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = format!("{}:1", "x".repeat(300));
        for wrong in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            ":1",
            "0.0.0.0:1",
            "[::]:1",
            "::1:1",
            "a b:1",
            "a/b:1",
            "[x]:1",
            "ä:1",
            &long,
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
