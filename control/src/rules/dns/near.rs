//! Which nodes and gateways a name's addresses are, and for whom else they are right.

use super::answer::Family;
use crate::rules::client_network::ClientNetwork;
use core::net::{IpAddr, SocketAddr};
use routing::ZoneIndex;
use url::{Host, Url};

/// Addresses of one family of the nodes that were picked, best first, each with its zone.
pub(crate) fn addresses<'a>(
    picked: impl IntoIterator<Item = (ZoneIndex, &'a str)>,
    family: Family,
) -> Vec<IpAddr> {
    let mut nearest = None;
    let mut addresses = Vec::new();
    for (zone, address) in picked {
        // Names are left out: to look them up would make our answers depend on others'.
        let Ok(address) = address.parse::<SocketAddr>() else {
            continue;
        };
        let address = address.ip().to_canonical();
        if !family.has(address) || addresses.contains(&address) {
            continue;
        }
        // Clients take any of the addresses, so none may be of a zone further away.
        if *nearest.get_or_insert(zone) != zone {
            break;
        }
        addresses.push(address);
    }
    addresses
}

/// Length of the prefix within which everybody gets a client's answer, where all within `alike` are placed alike.
pub(crate) fn scope(alike: u8, is_measured: bool, from: IpAddr) -> u8 {
    match is_measured {
        // Round trips are known by networks of that size.
        true => alike.max(ClientNetwork::from(from).prefix()),
        false => alike,
    }
}

/// The hosts of gateways' URLs.
pub(crate) fn hosts(urls: &[String]) -> Vec<Host> {
    let hosts = urls.iter().filter_map(|url| {
        let url = Url::parse(url).ok()?;
        url.host().map(|host| host.to_owned())
    });
    hosts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use routing::Zones;

    fn zones() -> Vec<ZoneIndex> {
        let text = r#"{"coverageZones":{"a":{"network":[]},"b":{"network":[]}}}"#;
        Zones::parse(text.as_bytes())
            .expect("a zone file")
            .all()
            .collect()
    }

    #[test]
    fn addresses_are_those_of_the_nearest_zone_and_of_the_family_that_was_asked_for() {
        let [default, near, far] = zones()[..] else {
            panic!("three zones")
        };
        let picked = [
            (default, "node.example:443"),
            (near, "[::ffff:192.0.2.1]:443"),
            (near, "192.0.2.1:444"),
            (near, "[2001:db8::1]:443"),
            (near, "192.0.2.2:443"),
            (far, "192.0.2.3:443"),
            (near, "192.0.2.4:443"),
        ];
        let texts = |family| {
            let found = addresses(picked, family);
            found.iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(texts(Family::V4), ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(texts(Family::V6), ["2001:db8::1"]);
    }

    #[test]
    fn an_answer_by_measured_round_trips_is_for_the_network_they_were_measured_of() {
        let from = IpAddr::from([192, 0, 2, 1]);
        let network = ClientNetwork::from(from).prefix();
        for (alike, is_measured, expected) in [
            (0, false, 0),
            (0, true, network),
            (network + 1, true, network + 1),
        ] {
            assert_eq!(scope(alike, is_measured, from), expected);
        }
    }

    #[test]
    fn gateways_are_known_by_their_hosts() {
        let urls = [
            "https://edge.example:8443/x",
            "no URL",
            "http://[2001:db8::1]",
        ];
        let found = hosts(&urls.map(str::to_owned));
        let texts: Vec<_> = found.iter().map(Host::to_string).collect();
        assert_eq!(texts, ["edge.example", "[2001:db8::1]"]);
    }

    proptest! {
        #[test]
        fn no_address_is_of_another_zone_or_family_or_comes_twice(
            picks in prop::collection::vec((0usize..3, 0u8..6, any::<bool>()), 0..12), v6: bool,
        ) {
            let zones = zones();
            let texts: Vec<_> = picks.iter().map(|(zone, host, six)| {
                let text = match six {
                    true => format!("[2001:db8::{zone}:{host}]:1"),
                    false => format!("192.0.{zone}.{host}:1"),
                };
                (zones[*zone], text)
            }).collect();
            let family = if v6 { Family::V6 } else { Family::V4 };
            let found = addresses(texts.iter().map(|(zone, text)| (*zone, text.as_str())), family);
            let of_family: Vec<_> = picks.iter().filter(|pick| pick.2 == v6).collect();
            let nearest = of_family.first().map(|pick| pick.0);
            let mut expected: Vec<_> = of_family.iter().take_while(|pick| Some(pick.0) == nearest).map(|pick| pick.1).collect();
            let last = |address: &IpAddr| match address {
                IpAddr::V4(address) => address.octets()[3],
                IpAddr::V6(address) => address.octets()[15],
            };
            let mut hosts: Vec<_> = found.iter().map(last).collect();
            prop_assert_eq!(hosts.first(), expected.first());
            prop_assert!(found.iter().all(|address| family.has(*address)));
            hosts.sort_unstable();
            expected.sort_unstable();
            let mut once = expected.clone();
            once.dedup();
            // One that is named again after another zone's isn't looked for.
            prop_assert_eq!(hosts, once);
        }
    }
}
