use super::Named;
use super::answer::{Directory, Family, Gateways, Nearby, PAYLOAD_MAX, Way, answer};
use super::limit::{ANSWERS_MAX, Decision, Limiter};
use super::zone::{DnsConfig, DnsConfigError, Zone};
use crate::rules::client_network::ClientNetwork;
use core::net::IpAddr;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, RecordType};
use proptest::prelude::*;
use protocol::CollectionId;
use std::time::Duration;
use url::Host;

/// Collection `film` on two networks' nodes, `a.b.c`, which has no node, and what is between.
struct Made;

fn film() -> CollectionId {
    CollectionId::from([1; 32])
}

impl Directory for Made {
    fn find(&self, labels: &str) -> Named {
        match labels {
            "film" => Named::Collection(film()),
            "c.b.a" => Named::Collection(CollectionId::from([2; 32])),
            "c" | "c.b" => Named::Between,
            _ => Named::Nothing,
        }
    }

    fn nodes(&self, collection: CollectionId, from: IpAddr, family: Family) -> Nearby {
        let east = from.to_string().starts_with("10.1.");
        let all: &[&str] = match (collection == film(), east, family) {
            (false, ..) => &[],
            (_, true, Family::V4) => &["198.51.100.1"],
            (_, true, Family::V6) => &[],
            (_, false, Family::V4) => &["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"],
            (_, false, Family::V6) => &["2001:db8::1"],
        };
        Nearby {
            addresses: all.iter().map(|address| address.parse().unwrap()).collect(),
            scope: if east { 16 } else { 1 },
        }
    }

    fn gateways(&self, from: IpAddr) -> Gateways {
        let east = from.to_string().starts_with("10.1.");
        let all: &[&str] = match east {
            true => &["Edge-1.example", "198.51.100.9"],
            false => &[
                "203.0.113.9",
                "[2001:db8::9]",
                "edge-2.example",
                "203.0.113.8",
            ],
        };
        Gateways {
            hosts: all.iter().map(|host| Host::parse(host).unwrap()).collect(),
            scope: if east { 16 } else { 1 },
        }
    }
}

fn config() -> DnsConfig {
    DnsConfig::new("192.0.2.53:53".parse().unwrap(), "cdn.example")
}

fn zone() -> Zone {
    let gateways = Some("gateway".to_owned());
    Zone::new(&DnsConfig {
        gateways,
        ..config()
    })
    .unwrap()
}

fn resolver() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

/// A name of plain labels on the wire.
fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn opt(payload: u16, version: u8, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 41];
    bytes.extend(payload.to_be_bytes());
    bytes.extend([0, version, 0x80, 0]);
    bytes.extend((options.len() as u16).to_be_bytes());
    bytes.extend(options);
    bytes
}

fn subnet(value: &[u8]) -> Vec<u8> {
    [&[0, 8, 0, value.len() as u8], value].concat()
}

fn query(name: &str, kind: RecordType, additional: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes[11] = u8::from(additional.is_some());
    bytes.extend(wire(name));
    bytes.extend(u16::from(kind).to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(additional.unwrap_or_default());
    bytes
}

fn raw(packet: &[u8]) -> Vec<u8> {
    answer(&zone(), &Made, packet, resolver(), Way::Udp).unwrap()
}

fn asked(packet: &[u8]) -> Message {
    let answer = Message::from_vec(&raw(packet)).unwrap();
    assert_eq!(answer.metadata.id, 0xabcd);
    assert!(!answer.metadata.recursion_available);
    answer
}

fn ask(name: &str, kind: RecordType) -> Message {
    asked(&query(name, kind, None))
}

fn with_subnet(value: &[u8]) -> Message {
    of_subnet("film.cdn.example", RecordType::A, value)
}

fn of_subnet(name: &str, kind: RecordType, value: &[u8]) -> Message {
    asked(&query(name, kind, Some(opt(4096, 0, &subnet(value)))))
}

fn addresses(answer: &Message) -> Vec<String> {
    let records = answer.answers.iter();
    records
        .map(|record| record.data.ip_addr().expect("an address").to_string())
        .collect()
}

/// The subnet as it came back.
fn echoed(answer: &Message) -> Vec<u8> {
    let edns = answer.edns.as_ref().expect("EDNS");
    let Some(EdnsOption::Subnet(echoed)) = edns.option(EdnsCode::Subnet) else {
        panic!("no subnet in {answer}");
    };
    Vec::<u8>::try_from(echoed).unwrap()
}

fn is_nodata(answer: &Message) {
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    has_only_soa(answer);
}

fn has_only_soa(answer: &Message) {
    assert!(answer.metadata.authoritative);
    assert!(answer.answers.is_empty());
    let [soa] = &answer.authorities[..] else {
        panic!("{answer}");
    };
    assert_eq!(
        (soa.record_type(), soa.ttl, soa.name.to_ascii().as_str()),
        (RecordType::SOA, 20, "cdn.example.")
    );
}

#[test]
fn addresses_are_those_near_the_subnet_with_its_scope() {
    let east = with_subnet(&[0, 1, 24, 0, 10, 1, 7]);
    assert!(east.metadata.authoritative && east.metadata.recursion_desired);
    assert_eq!(addresses(&east), ["198.51.100.1"]);
    assert_eq!(east.answers[0].ttl, 20);
    assert_eq!(echoed(&east), [0, 1, 24, 16, 10, 1, 7]);
    let edns = east.edns.as_ref().unwrap();
    assert!(edns.flags().dnssec_ok && edns.max_payload() == PAYLOAD_MAX);

    let west = with_subnet(&[0, 1, 20, 0, 10, 2, 0xf0]);
    assert_eq!(
        addresses(&west),
        ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    );
    assert_eq!(echoed(&west), [0, 1, 20, 1, 10, 2, 0xf0]);
    // A resolver that keeps its clients to itself counts as the client, and may tell all of them.
    let hidden = with_subnet(&[0, 1, 0, 0]);
    assert_eq!(addresses(&hidden).len(), 3);
    assert_eq!(echoed(&hidden), [0, 1, 0, 0]);
    // IPv4 in IPv6.
    let mut mapped = [0; 4 + 15];
    mapped[..4].copy_from_slice(&[0, 2, 120, 0]);
    mapped[14..].copy_from_slice(&[0xff, 0xff, 10, 1, 7]);
    let mapped = with_subnet(&mapped);
    assert_eq!(addresses(&mapped), ["198.51.100.1"]);
    assert_eq!(echoed(&mapped)[3], 96 + 16);
    // No family, as `dig +subnet=0` has it.
    let packet = opt(4096, 0, &subnet(&[0, 0, 0, 0]));
    let bytes = raw(&query("film.cdn.example", RecordType::A, Some(packet)));
    assert!(bytes.ends_with(&[0, 8, 0, 4, 0, 0, 0, 0]));
    assert_eq!((bytes[3] & 15, bytes[7]), (0, 3));

    let plain = ask("film.cdn.example", RecordType::A);
    assert!(plain.edns.is_none(), "who doesn't ask gets none");
    assert_eq!(addresses(&plain).len(), 3);
}

#[test]
fn gateways_have_a_name_of_their_own() {
    let (east, west) = ([0, 1, 24, 0, 10, 1, 7], [0, 1, 24, 0, 10, 2, 7]);
    let of = |kind, subnet| of_subnet("gateway.cdn.example", kind, subnet);
    // One that is called something is all that is said, whatever is asked.
    for kind in [RecordType::A, RecordType::AAAA, RecordType::TXT] {
        let answer = of(kind, &east);
        let [only] = &answer.answers[..] else {
            panic!("{answer}");
        };
        let RData::CNAME(alias) = &only.data else {
            panic!("{answer}");
        };
        assert_eq!(alias.to_ascii(), "edge-1.example.");
        assert_eq!(only.ttl, 20);
        assert_eq!(echoed(&answer), [0, 1, 24, 16, 10, 1, 7]);
    }
    let answer = of(RecordType::A, &west);
    assert_eq!(addresses(&answer), ["203.0.113.9", "203.0.113.8"]);
    assert_eq!(echoed(&answer), [0, 1, 24, 1, 10, 2, 7]);
    assert_eq!(addresses(&of(RecordType::AAAA, &west)), ["2001:db8::9"]);
    is_nodata(&of(RecordType::TXT, &west));
    assert_eq!(
        ask("x.gateway.cdn.example", RecordType::A)
            .metadata
            .response_code,
        ResponseCode::NXDomain
    );
}

#[test]
fn malformed_subnets_are_refused() {
    for value in [
        &[][..],
        &[0, 1, 24],
        &[0, 1, 24, 0, 10, 1],
        &[0, 1, 24, 0, 10, 1, 7, 7],
        &[0, 1, 20, 0, 10, 1, 7],
        &[0, 1, 24, 24, 10, 1, 7],
        &[0, 1, 33, 0, 10, 1, 7, 7, 7],
        &[0, 3, 8, 0, 10],
        &[0, 0, 8, 0, 10],
        &[0, 2, 129, 0],
    ] {
        let answer = with_subnet(value);
        assert_eq!(
            answer.metadata.response_code,
            ResponseCode::FormErr,
            "{value:?}"
        );
        assert!(answer.answers.is_empty() && answer.edns.is_some());
    }
    let one = subnet(&[0, 1, 8, 0, 10]);
    for options in [[&one[..], &one].concat(), one[..7].to_vec(), vec![0]] {
        let packet = query(
            "film.cdn.example",
            RecordType::A,
            Some(opt(512, 0, &options)),
        );
        assert_eq!(asked(&packet).metadata.response_code, ResponseCode::FormErr);
    }
}

#[test]
fn names_are_there_or_not_as_the_rfcs_have_it() {
    is_nodata(&ask("film.cdn.example", RecordType::TXT));
    is_nodata(&ask("film.cdn.example", RecordType::NS));
    is_nodata(&ask("a.b.c.cdn.example", RecordType::A));
    is_nodata(&ask("c.cdn.example", RecordType::A));
    is_nodata(&ask("b.c.cdn.example", RecordType::AAAA));
    is_nodata(&ask("cdn.example", RecordType::A));
    let aaaa = ask("film.cdn.example", RecordType::AAAA);
    assert_eq!(addresses(&aaaa), ["2001:db8::1"]);
    for name in ["none.cdn.example", "x.film.cdn.example", "fi m.cdn.example"] {
        for kind in [RecordType::A, RecordType::TXT, RecordType::ANY] {
            let answer = ask(name, kind);
            assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
            has_only_soa(&answer);
        }
    }
    for (name, kind) in [
        ("example", RecordType::A),
        ("film.example.org", RecordType::A),
        ("filmcdn.example", RecordType::A),
        ("", RecordType::NS),
        ("cdn.example", RecordType::AXFR),
        ("film.cdn.example", RecordType::IXFR),
    ] {
        let answer = ask(name, kind);
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
        assert!(!answer.metadata.authoritative && answer.authorities.is_empty());
    }
    let any = ask("film.cdn.example", RecordType::ANY);
    assert_eq!(any.answers.len(), 1);
    assert!(matches!(&any.answers[0].data, RData::HINFO(hinfo) if *hinfo.cpu == *b"RFC8482"));
    // A dot within a label is no dot between labels.
    let mut packet = query("a.b.c.cdn.example", RecordType::A, None);
    packet.splice(12..18, *b"\x05a.b.c");
    assert_eq!(
        asked(&packet).metadata.response_code,
        ResponseCode::NXDomain
    );
}

#[test]
fn the_zone_says_who_serves_it() {
    let soa = ask("cdn.example", RecordType::SOA);
    let RData::SOA(one) = &soa.answers[0].data else {
        panic!("{soa}");
    };
    assert_eq!(one.mname.to_ascii(), "ns.cdn.example.");
    assert_eq!(one.rname.to_ascii(), "hostmaster.cdn.example.");
    assert_eq!(one.minimum, 20);
    let ns = ask("cdn.example", RecordType::NS);
    assert_eq!(ns.answers[0].data.to_string(), "ns.cdn.example.");
    assert_eq!(ns.additionals[0].data.to_string(), "192.0.2.53");
    assert_eq!(
        addresses(&ask("NS.cdn.example", RecordType::A)),
        ["192.0.2.53"]
    );
    is_nodata(&ask("ns.cdn.example", RecordType::AAAA));

    let elsewhere = DnsConfig {
        name_servers: vec!["a.dns.example.net".into(), "b.x.cdn.example".into()],
        ..config()
    };
    let elsewhere = Zone::new(&elsewhere).unwrap();
    let packet = query("x.cdn.example", RecordType::A, None);
    let between = answer(&elsewhere, &Made, &packet, resolver(), Way::Udp).unwrap();
    is_nodata(&Message::from_vec(&between).unwrap());
}

#[test]
fn the_case_of_a_question_comes_back() {
    let packet = query("FiLm.cDN.eXample", RecordType::A, None);
    let bytes = raw(&packet);
    assert_eq!(bytes[12..packet.len()], packet[12..]);
    let answer = asked(&packet);
    assert_eq!(addresses(&answer).len(), 3);
    assert_eq!(answer.answers[0].name.to_ascii(), "FiLm.cDN.eXample.");
    // Names are written once.
    assert_eq!(bytes.len(), packet.len() + 3 * 16);
}

#[test]
fn what_is_no_question_is_refused_or_ignored() {
    let good = query("film.cdn.example", RecordType::A, Some(opt(1232, 0, &[])));
    let code = |packet: &[u8]| raw(packet)[3] & 15;
    assert_eq!(code(&good), 0);
    for opcode in [1, 2, 4, 5, 15] {
        let mut packet = good.clone();
        packet[2] = opcode << 3 | 1;
        let bytes = raw(&packet);
        assert_eq!(
            bytes,
            [0xab, 0xcd, 0x80 | packet[2], 4, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }
    for (at, value) in [
        (5, 0),
        (5, 2),
        (7, 1),
        (9, 200),
        (11, 0),
        (11, 2),
        (12, 200),
    ] {
        let mut packet = good.clone();
        packet[at] = value;
        assert_eq!(code(&packet), 1, "byte {at} = {value}");
    }
    for cut in 12..good.len() {
        assert_eq!(code(&good[..cut]), 1, "{cut}");
    }
    let two = [opt(1232, 0, &[]), opt(1232, 0, &[])].concat();
    let mut two = query("film.cdn.example", RecordType::A, Some(two));
    two[11] = 2;
    assert_eq!(code(&two), 1);
    let mut chaos = query("film.cdn.example", RecordType::A, None);
    *chaos.last_mut().unwrap() = 3;
    assert_eq!(code(&chaos), 5);

    let later = query("film.cdn.example", RecordType::A, Some(opt(1232, 1, &[9])));
    let later = asked(&later);
    // BADSIG has the same number.
    assert_eq!(u16::from(later.metadata.response_code), 16);
    assert_eq!(later.edns.as_ref().map(|edns| edns.version()), Some(0));
    assert!(later.answers.is_empty());

    let silent = |packet: &[u8]| answer(&zone(), &Made, packet, resolver(), Way::Udp);
    assert_eq!(silent(&good[..11]), None);
    let mut reply = good.clone();
    reply[2] |= 0x80;
    assert_eq!(silent(&reply), None, "answers aren't answered");
}

#[test]
fn answers_that_are_too_long_are_cut_short_over_udp() {
    let long = [
        "x".repeat(60),
        "y".repeat(60),
        "z".repeat(60),
        "n".repeat(20),
    ]
    .join(".");
    let config = DnsConfig {
        name_servers: vec![
            format!("{long}.example.info"),
            format!("{long}.example.net"),
            format!("{long}.example.org"),
        ],
        contact: Some(format!("{long}.example.com")),
        ..config()
    };
    let zone = Zone::new(&config).unwrap();
    let ask = |additional, way| {
        let packet = query("cdn.example", RecordType::NS, additional);
        let bytes = answer(&zone, &Made, &packet, resolver(), way).unwrap();
        (bytes.len(), Message::from_vec(&bytes).unwrap())
    };
    let sized = [
        (None, Way::Udp, 512, true),
        (Some(opt(100, 0, &[])), Way::Udp, 512, true),
        (Some(opt(512, 0, &[])), Way::Udp, 512, true),
        (Some(opt(4096, 0, &[])), Way::Udp, 1232, false),
        (None, Way::Tcp, 65_535, false),
        (Some(opt(4096, 0, &[])), Way::HeldBack, 60, true),
    ];
    for (additional, way, most, cut) in sized {
        let (length, answer) = ask(additional, way);
        assert_eq!(answer.metadata.truncation, cut, "{way:?} {most}");
        assert_eq!(answer.answers.is_empty(), cut);
        assert!(length <= most, "{length} > {most}");
    }
}

#[test]
fn networks_that_ask_too_much_are_held_back() {
    let mut limiter = Limiter::new();
    let network = |text: &str| ClientNetwork::from(text.parse::<IpAddr>().unwrap());
    let (one, same) = (network("192.0.2.1"), network("192.0.2.99"));
    for _ in 0..ANSWERS_MAX {
        assert_eq!(limiter.take(one, 7), Decision::Answer);
    }
    let next = [(); 4].map(|()| limiter.take(same, 7));
    let (hold, drop) = (Decision::HoldBack, Decision::Drop);
    assert_eq!(next, [hold, drop, hold, drop]);
    assert_eq!(limiter.take(one, 8), Decision::Answer, "another second");
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let with = |change: fn(&mut DnsConfig)| {
        let mut config = config();
        change(&mut config);
        Zone::new(&config).map(drop).unwrap_err()
    };
    let label = "x".repeat(64);
    let long = DnsConfig::new("127.0.0.1:53".parse().unwrap(), label.clone());
    assert_eq!(Zone::new(&long).map(drop), Err(DnsConfigError::Name(label)));
    assert_eq!(with(|it| it.zone = ".".into()), DnsConfigError::Root);
    assert_eq!(with(|it| it.ttl = Duration::ZERO), DnsConfigError::Ttl);
    let anywhere = with(|it| it.listen = "0.0.0.0:53".parse().unwrap());
    assert_eq!(anywhere, DnsConfigError::Glue("ns.cdn.example.".into()));
    let many = with(|it| it.addresses = vec![resolver(); 9]);
    assert_eq!(many, DnsConfigError::TooMany);
    for label in ["", "a.b", "ns", &"a".repeat(64)] {
        let mut named = config();
        named.gateways = Some(label.into());
        let wrong = DnsConfigError::Gateways(label.into());
        assert_eq!(Zone::new(&named).map(drop), Err(wrong));
    }
}

fn shaken() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just(query(
            "film.cdn.example",
            RecordType::A,
            Some(opt(4096, 0, &subnet(&[0, 1, 24, 0, 10, 1, 7])))
        )),
        Just(query(
            "cdn.example",
            RecordType::NS,
            Some(opt(1232, 0, &[]))
        )),
        Just(query("a.b.c.cdn.example", RecordType::ANY, None)),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (good, changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(mut packet, changes, cut, whole)| {
            for (at, byte) in changes {
                let at = at.index(packet.len());
                packet[at] = byte;
            }
            if !whole {
                packet.truncate(cut.index(packet.len() + 1));
            }
            packet
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Where clients go follows the nodes' health as soon as the zone says.
    #[test]
    fn nothing_that_depends_on_who_asks_lasts_longer_than_the_zone_says(
        name in "(film|gateway|c|b.c|nothing)", v6: bool, ttl in 1u64..3600, east: bool,
    ) {
        let ttl = Duration::from_secs(ttl);
        let gateways = Some("gateway".to_owned());
        let zone = Zone::new(&DnsConfig { ttl, gateways, ..config() }).unwrap();
        let kind = if v6 { RecordType::AAAA } else { RecordType::A };
        let asked = query(&format!("{name}.cdn.example"), kind, None);
        let from = if east { "10.1.0.1".parse().unwrap() } else { resolver() };
        let bytes = answer(&zone, &Made, &asked, from, Way::Udp).unwrap();
        let read = Message::from_vec(&bytes).unwrap();
        for record in read.answers.iter().chain(&read.authorities) {
            prop_assert_eq!(u64::from(record.ttl), ttl.as_secs());
        }
        prop_assert!(read.answers.len() <= 3);
    }

    /// Whatever comes: no panic, an answer that can be read, never much longer than the question, and not
    /// longer at all for those held back.
    #[test]
    fn any_packet_is_answered_within_bounds(
        packet in prop_oneof![shaken(), proptest::collection::vec(any::<u8>(), 0..200)],
    ) {
        for way in [Way::Udp, Way::Tcp, Way::HeldBack] {
            let Some(bytes) = answer(&zone(), &Made, &packet, resolver(), way) else {
                continue;
            };
            let read = Message::from_vec(&bytes);
            prop_assert!(read.is_ok(), "{read:?}");
            prop_assert_eq!(&bytes[..2], &packet[..2]);
            prop_assert!(bytes[2] & 0x80 != 0);
            let most = if way == Way::HeldBack { packet.len() } else { packet.len() + 120 };
            prop_assert!(bytes.len() <= most, "{} for {}", bytes.len(), packet.len());
        }
    }
}
