//! Addresses as strangers state them: where a node can be dialled, and where a request comes from.

use crate::target::{Target, texts};
use formats::{address, forwarded};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

pub(super) const ADDRESS: Target = Target {
    name: "address",
    reads: &["address::check"],
    run: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        // What is let through goes into URLs, logs and answers as it is.
        if address::check(text).is_ok() {
            assert!(text.len() < 260 && text.is_ascii());
            assert!(!text.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()));
            let (host, port) = text.rsplit_once(':').expect("host:port");
            assert!(!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        }
    },
    vectors: &[],
    seeds: || texts(&["node.example:4433", "192.0.2.1:1", "[2001:db8::1]:65535"]),
};

pub(super) const FORWARDED: Target = Target {
    name: "forwarded",
    reads: &["forwarded::client"],
    run: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let proxy = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
        let trusted = [IpNet::from(proxy), IpNet::from(IpAddr::from([0; 16]))];
        let found = forwarded::client(proxy, text.lines(), &trusted);
        assert_eq!(found, found.to_canonical());
        // Nobody who isn't trusted is believed.
        let stranger = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(
            forwarded::client(stranger, text.lines(), &trusted),
            stranger
        );
        // What a trusted proxy saw stands, whatever was written before it.
        let seen = text.lines().chain(["192.0.2.1, 10.0.0.1"]);
        assert_eq!(forwarded::client(proxy, seen, &trusted), stranger);
    },
    vectors: &[],
    seeds: || {
        texts(&[
            "198.51.100.1",
            "6.6.6.6, 2001:db8::1, 10.0.0.1",
            "::ffff:10.0.0.1\nx",
        ])
    },
};
