use super::*;
use crate::locate::Locator;

const FILE: &str = r#"{
  "revision": "3", "customerName": "somebody",
  "coverageZones": {
    "eu": { "network": ["192.0.2.0/24", "10.0.0.0/8"], "network6": ["2001:db8::/32"],
            "coordinates": { "latitude": 50, "longitude": 8 },
            "backupZones": { "list": ["us"], "fallbackToClosestGroup": true },
            "gateways": ["https://edge.example/q"] },
    "us": { "network": ["10.20.0.0/16"], "coordinates": { "latitude": 40, "longitude": -75 } },
    "au": { "coordinates": { "latitude": -33, "longitude": 150 },
            "backupZones": { "list": ["us"] } }
  },
  "deepCoverageZones": {
    "isp": { "network": ["10.1.2.0/24"],
             "caches": ["0x0101010101010101010101010101010101010101010101010101010101010101"],
             "backupZones": { "list": ["eu"] } }
  },
  "nodes": {
    "0x0202020202020202020202020202020202020202020202020202020202020202":
      { "weight": 7, "capabilities": ["4k", "live"] }
  }
}"#;

fn zones() -> Zones {
    Zones::parse(FILE.as_bytes()).unwrap()
}

fn name_of(zones: &Zones, address: &str, location: Option<&Location>) -> (String, How) {
    let placed = zones.place(address.parse().unwrap(), location);
    (zones.name(placed.zone).to_owned(), placed.how)
}

fn locator() -> Locator {
    Locator::new(include_bytes!("../tests/places.mmdb").to_vec()).unwrap()
}

#[test]
fn the_longest_network_wins_and_deep_ones_come_first() {
    let zones = zones();
    let coverage = |net: &str| How::Coverage(net.parse().unwrap());
    let deep = How::DeepCoverage("10.1.2.0/24".parse().unwrap());
    for (address, zone, how) in [
        ("10.9.9.9", "eu", coverage("10.0.0.0/8")),
        ("10.20.1.1", "us", coverage("10.20.0.0/16")),
        ("10.1.2.3", "isp", deep),
        ("::ffff:10.1.2.3", "isp", deep),
        ("2001:db8:1::1", "eu", coverage("2001:db8::/32")),
        ("8.8.8.8", "default", How::Nowhere),
    ] {
        assert_eq!(
            name_of(&zones, address, None),
            (zone.to_owned(), how),
            "{address}"
        );
    }
}

#[test]
fn who_is_in_no_network_is_in_the_closest_zone() {
    let (zones, locator) = (zones(), locator());
    let sydney = locator.locate("198.51.100.9".parse().unwrap()).unwrap();
    assert_eq!(sydney.country, Some(*b"AU"));
    let (zone, how) = name_of(&zones, "198.51.100.9", Some(&sydney));
    assert_eq!(zone, "au");
    assert!(matches!(how, How::Closest(100..200)), "{how:?}");
    // A country without a place, a place that is none, and an address that nobody knows.
    let paris = locator.locate("203.0.113.9".parse().unwrap()).unwrap();
    assert_eq!((paris.position, paris.country), (None, Some(*b"FR")));
    assert_eq!(
        locator
            .locate("203.0.113.200".parse().unwrap())
            .unwrap()
            .position,
        None
    );
    assert_eq!(locator.locate("8.8.8.8".parse().unwrap()), None);
    assert_eq!(name_of(&zones, "203.0.113.9", Some(&paris)).1, How::Nowhere);
    let berlin = locator.locate("2001:db8:de::7".parse().unwrap()).unwrap();
    assert_eq!(berlin.country, Some(*b"DE"));
}

#[test]
fn a_database_that_is_none_is_refused_and_a_damaged_one_does_no_harm() {
    assert!(Locator::new(Vec::new()).is_err());
    assert!(Locator::new(FILE.as_bytes().to_vec()).is_err());
    let whole = include_bytes!("../tests/places.mmdb").to_vec();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        // Whatever it says then, it says it without a panic.
        if let Ok(locator) = Locator::new(bytes) {
            let _ = locator.locate("192.0.2.7".parse().unwrap());
            let _ = locator.locate("2001:db8:de::7".parse().unwrap());
        }
    }
}

#[test]
fn backups_come_in_the_operators_order_then_the_closest() {
    let zones = zones();
    let names = |zone: &str| {
        let zone = zones.find(zone).unwrap();
        let fallbacks = zones.fallbacks(zone).iter();
        fallbacks.map(|zone| zones.name(*zone)).collect::<Vec<_>>()
    };
    assert_eq!(names("eu"), ["us", "au", "default"]);
    assert_eq!(names("us"), ["eu", "au", "default"], "by distance");
    assert_eq!(names("au"), ["us"], "the list is all");
    assert_eq!(names("isp"), ["eu"]);
    assert_eq!(
        names("default"),
        ["au", "eu", "us"],
        "deep zones are for their networks"
    );
    let (eu, us) = (zones.find("eu").unwrap(), zones.find("us").unwrap());
    assert!((6000..7000).contains(&zones.distance_km(eu, us).unwrap()));
    assert_eq!(zones.distance_km(eu, ZoneIndex::DEFAULT), None);
    assert_eq!(zones.gateways(eu), ["https://edge.example/q"]);
}

#[test]
fn nodes_are_where_they_are_listed_or_reached() {
    let (zones, locator) = (zones(), locator());
    let zone_of = |node: u8, address: Option<&str>| {
        let address = address.map(|address| address.parse().unwrap());
        let location = address.and_then(|address| locator.locate(address));
        let zone = zones.place_node(&NodeId::from([node; 32]), address, location.as_ref());
        zones.name(zone).to_owned()
    };
    assert_eq!(zone_of(1, Some("10.20.0.1")), "isp", "listed");
    assert_eq!(
        zone_of(2, Some("10.1.2.3")),
        "eu",
        "deep zones take only whom they list"
    );
    assert_eq!(zone_of(2, Some("198.51.100.1")), "au");
    assert_eq!(zone_of(2, Some("8.8.8.8")), "default");
    assert_eq!(zone_of(2, None), "default");
    let (weight, capabilities) = zones.facts(&NodeId::from([2; 32]));
    assert_eq!(weight, Some(7));
    assert_eq!(
        zones.capabilities(&["live".into()]).unwrap() & capabilities,
        2
    );
    assert_eq!(zones.capabilities(&["3d".into()]), Err("3d"));
    assert_eq!(zones.facts(&NodeId::from([3; 32])), (None, 0));
}

#[test]
fn wrong_files_are_refused_by_name() {
    let id = "0x0101010101010101010101010101010101010101010101010101010101010101";
    let many: Vec<_> = (0..ZONES_MAX).map(|n| format!(r#""z{n}":{{}}"#)).collect();
    let many = format!(r#"{{"coverageZones":{{{}}}}}"#, many.join(","));
    let capabilities: Vec<_> = (0..=CAPABILITIES_MAX)
        .map(|n| format!(r#""c{n}""#))
        .collect();
    let capabilities = format!(
        r#"{{"nodes":{{"{id}":{{"capabilities":[{}]}}}}}}"#,
        capabilities.join(",")
    );
    let caches =
        format!(r#"{{"coverageZones":{{"a":{{"caches":["{id}"]}},"b":{{"caches":["{id}"]}}}}}}"#);
    let weight = format!(r#"{{"nodes":{{"{id}":{{"weight":0}}}}}}"#);
    for (file, said) in [
        ("", "not a zone file"),
        ("[]", "not a zone file"),
        (r#"{"coverageZone":{}}"#, "unknown field"),
        (
            r#"{"coverageZones":{"a":{"networks":[]}}}"#,
            "unknown field",
        ),
        (r#"{"coverageZones":{"a b":{}}}"#, "is no name"),
        (
            r#"{"coverageZones":{"a":{"network":["10.0.0.0/33"]}}}"#,
            "CIDR",
        ),
        (
            r#"{"coverageZones":{"a":{"network":["2001:db8::/32"]}}}"#,
            "CIDR",
        ),
        (
            r#"{"coverageZones":{"a":{"network":["10.0.0.0/8"]},"b":{"network":["10.1.1.1/8"]}}}"#,
            "in two zones, a and b",
        ),
        (
            r#"{"coverageZones":{"a":{"backupZones":{"list":["b"]}}}}"#,
            "no zone of this file",
        ),
        (
            r#"{"coverageZones":{"a":{"coordinates":{"latitude":91,"longitude":0}}}}"#,
            "latitude must be",
        ),
        (
            r#"{"coverageZones":{"a":{"caches":["0x12"]}}}"#,
            "not a node id",
        ),
        (
            r#"{"coverageZones":{"a":{}},"deepCoverageZones":{"a":{}}}"#,
            "named twice",
        ),
        (
            r#"{"coverageZones":{"a":{"gateways":["ftp://x"]}}}"#,
            "must begin with",
        ),
        (
            r#"{"coverageZones":{"a":{"gateways":["https://x/?a"]}}}"#,
            "must begin with",
        ),
        (&caches, "is in two zones"),
        (&weight, "a weight is 1 to 64"),
        (&many, "at most 4096"),
        (&capabilities, "more than 63 capabilities"),
    ] {
        let error = Zones::parse(file.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn prefixes_are_as_short_as_the_networks_allow() {
    let zones = zones();
    for (address, length) in [
        // In 10.0.0.0/8, but beside 10.20.0.0/16 and 10.1.2.0/24.
        ("10.200.1.1", 9),
        ("10.21.1.1", 16),
        ("10.20.1.1", 16),
        ("10.1.2.3", 24),
        ("10.1.3.3", 24),
        ("::ffff:10.1.3.3", 24),
        ("192.0.2.7", 24),
        ("11.0.0.1", 8),
        ("64.0.0.1", 2),
        ("2001:db8::1", 32),
        ("8000::1", 1),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(zones.alike(address), length, "{address}");
    }
    assert_eq!(Zones::default().alike("10.1.2.3".parse().unwrap()), 0);
    let known = locator().alike("2.125.160.216".parse().unwrap());
    assert!((1..=32).contains(&known), "{known}");
}

/// An address in 10.0.0.0/12, where the networks of the file are, or anywhere.
fn addresses() -> impl proptest::strategy::Strategy<Value = u32> {
    use proptest::prelude::*;
    prop_oneof![
        any::<u32>(),
        (0..1_u32 << 21).prop_map(|low| (10 << 24) | low)
    ]
}

proptest::proptest! {
    /// All of a prefix is placed as the address it is for.
    #[test]
    fn who_is_alike_is_placed_alike(address in addresses(), other in addresses()) {
        let zones = zones();
        let v4 = |bits| IpAddr::from(std::net::Ipv4Addr::from_bits(bits));
        let length = u32::from(zones.alike(v4(address)));
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        let near = (address & mask) | (other & !mask);
        let (one, two) = (zones.place(v4(address), None), zones.place(v4(near), None));
        proptest::prop_assert_eq!(one, two);
    }
}
