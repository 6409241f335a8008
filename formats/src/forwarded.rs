//! Where a request comes from: the connection's other end, or what a reverse proxy that is trusted says.

use ipnet::IpNet;
use std::net::IpAddr;

/// The address of the client, IPv4 as such. `said` are the values of `X-Forwarded-For` in their order: a list to which
/// every proxy appends whom it saw; the last one that isn't a trusted proxy's is the client's, and what stands before
/// it anybody may have written.
pub fn client<'a>(
    peer: IpAddr,
    said: impl IntoIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: &IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    if !is_trusted(&peer) {
        return peer.to_canonical();
    }
    let mut said: Vec<_> = said
        .into_iter()
        .flat_map(|value| value.split(','))
        .collect();
    let mut last = peer;
    while let Some(text) = said.pop() {
        // What comes before something unreadable is as unreadable.
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            break;
        };
        last = address;
        if !is_trusted(&address) {
            break;
        }
    }
    last.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_they_saw() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let seen = |peer: &str, said: &[&str]| {
            let peer = peer.parse().unwrap();
            client(peer, said.iter().copied(), &trusted).to_string()
        };
        assert_eq!(seen("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1"
        );
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6", "198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, nonsense, 10.0.0.2"]),
            "10.0.0.2"
        );
    }
}
