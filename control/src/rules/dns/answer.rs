//! From a packet to the packet that answers it; what it knows of the network it asks a [`Directory`].

use super::Named;
use super::zone::{InZone, Zone};
use core::net::IpAddr;
use formats::dns::{Asked, CLIENT_SUBNET, HEADER_BYTES, Subnet, Unasked, bare};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::HINFO;
use hickory_proto::rr::rdata::name::CNAME;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use protocol::CollectionId;
use url::Host;

/// Longest answer over UDP, whatever the asker can take: packets that long aren't fragmented.
pub(crate) const PAYLOAD_MAX: u16 = 1232;
/// What an asker can take that says nothing.
const PAYLOAD_MIN: u16 = 512;
/// Addresses in an answer.
const ADDRESSES_MAX: usize = 3;

/// Which way a query came, and so how long its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
    /// By UDP, of somebody who asks too much: to come again by TCP, which shows where they are.
    HeldBack,
}

/// Address families, as record types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

/// Addresses for a client, best first, and for whom else they are right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nearby {
    pub(crate) addresses: Vec<IpAddr>,
    /// Length of the client's prefix within which everybody gets them.
    pub(crate) scope: u8,
}

/// Gateways for a client, best first, and for whom else they are right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gateways {
    /// Of one zone.
    pub(crate) hosts: Vec<Host>,
    /// As [`Nearby::scope`].
    pub(crate) scope: u8,
}

impl Gateways {
    /// A name stands for itself alone (RFC 1034, section 3.6.2): if the best has one, that is the answer, and else the
    /// addresses of those that have one.
    fn records(&self, owner: &Name, kind: RecordType, ttl: u32) -> Vec<Record> {
        let record = |data| Record::from_rdata(owner.clone(), ttl, data);
        if let Some(Host::Domain(domain)) = self.hosts.first() {
            // What isn't a name on the wire can't be looked up either.
            let alias = Name::from_ascii(domain).into_iter();
            return alias
                .map(|mut alias| {
                    alias.set_fqdn(true);
                    record(RData::CNAME(CNAME(alias)))
                })
                .collect();
        }
        let addresses = self.hosts.iter().filter_map(|host| match host {
            Host::Ipv4(address) => Some(IpAddr::from(*address)),
            Host::Ipv6(address) => Some(IpAddr::from(*address)),
            Host::Domain(_) => None,
        });
        let records = addresses.map(|address| record(RData::from(address)));
        records
            .filter(|record| record.record_type() == kind)
            .take(ADDRESSES_MAX)
            .collect()
    }
}

/// What answers depend on.
pub(crate) trait Directory {
    /// What stands under labels in lower case, the last one first, dots between them.
    fn find(&self, labels: &str) -> Named;
    /// Nodes' addresses of one family for a client.
    fn nodes(&self, collection: CollectionId, from: IpAddr, family: Family) -> Nearby;
    /// Gateways for a client.
    fn gateways(&self, from: IpAddr) -> Gateways;
}

/// The answer to a packet from an address; none if there is nothing to be answered.
pub(crate) fn answer(
    zone: &Zone,
    directory: &impl Directory,
    packet: &[u8],
    from: IpAddr,
    way: Way,
) -> Option<Vec<u8>> {
    let asked = match Asked::read(packet) {
        Ok(asked) => asked,
        Err(Unasked::Silence) => return None,
        Err(Unasked::Answer(header)) => return Some(header.to_vec()),
    };
    let head: &[u8; HEADER_BYTES] = packet.first_chunk().expect("it was read");
    let failed = || bare(head, ResponseCode::ServFail).to_vec();
    let client = Client::of(&asked, from);
    let mut reply = Message::new(asked.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_desired = asked.recursion_desired;
    reply.metadata.checking_disabled = asked.checking_disabled;
    reply.add_query(asked.question.clone());
    let mut scope = 0;
    if way != Way::HeldBack {
        match asked.fault {
            Some(fault) => reply.metadata.response_code = fault,
            None => scope = fill(&mut reply, zone, directory, &asked.question, &client),
        }
    }
    if let Some(asker) = &asked.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD_MAX);
        edns.set_dnssec_ok(asker.dnssec_ok);
        if let Some(subnet) = &asker.subnet {
            let value = subnet.echo(client.scope(scope));
            let option = EdnsOption::Unknown(CLIENT_SUBNET, value);
            edns.options_mut().insert(option);
        }
        reply.set_edns(edns);
    }
    let takes = asked.edns.as_ref().map_or(PAYLOAD_MIN, |asker| {
        asker.payload.clamp(PAYLOAD_MIN, PAYLOAD_MAX)
    });
    let Ok(bytes) = reply.to_vec() else {
        return Some(failed());
    };
    let short_enough = match way {
        Way::Tcp => bytes.len() <= usize::from(u16::MAX),
        Way::Udp => bytes.len() <= usize::from(takes),
        Way::HeldBack => false,
    };
    if short_enough {
        return Some(bytes);
    }
    reply.metadata.truncation = true;
    for section in [
        &mut reply.answers,
        &mut reply.authorities,
        &mut reply.additionals,
    ] {
        section.clear();
    }
    Some(reply.to_vec().unwrap_or_else(|_| failed()))
}

/// Whom nodes are chosen for.
struct Client<'a> {
    address: IpAddr,
    /// The subnet that this is the address of; none if it is the resolver's own.
    subnet: Option<&'a Subnet>,
}

impl<'a> Client<'a> {
    fn of(asked: &'a Asked, from: IpAddr) -> Self {
        let subnet = asked.edns.as_ref().and_then(|asker| asker.subnet.as_ref());
        match subnet.and_then(|subnet| Some((subnet, subnet.address?))) {
            Some((subnet, address)) => Self {
                address: address.to_canonical(),
                subnet: Some(subnet),
            },
            None => Self {
                address: from.to_canonical(),
                subnet: None,
            },
        }
    }

    /// What is told the resolver: an answer that didn't depend on the subnet is for everybody it asks for.
    fn scope(&self, scope: u8) -> u8 {
        self.subnet.map_or(0, |subnet| subnet.scope_of(scope))
    }
}

/// Fills in code and records; returns the scope.
fn fill(
    reply: &mut Message,
    zone: &Zone,
    directory: &impl Directory,
    question: &Query,
    client: &Client<'_>,
) -> u8 {
    let name = &question.name;
    let transfer = matches!(question.query_type, RecordType::AXFR | RecordType::IXFR);
    let place = zone.place(name);
    if question.query_class != DNSClass::IN || place == InZone::Outside || transfer {
        reply.metadata.response_code = ResponseCode::Refused;
        return 0;
    }
    if question.query_type == RecordType::OPT {
        reply.metadata.response_code = ResponseCode::FormErr;
        return 0;
    }
    reply.metadata.authoritative = true;
    let family = match question.query_type {
        RecordType::A => Some(Family::V4),
        RecordType::AAAA => Some(Family::V6),
        _ => None,
    };
    let mut scope = 0;
    let (exists, records) = match place {
        InZone::Apex => {
            let records = match question.query_type {
                RecordType::SOA => vec![zone.soa(name)],
                RecordType::NS => {
                    reply.add_additionals(zone.glue());
                    zone.ns(name)
                }
                _ => Vec::new(),
            };
            (true, records)
        }
        _ if zone.serves(name) => {
            let records = zone.server(name);
            let records = records
                .filter(|record| record.record_type() == question.query_type)
                .collect();
            (true, records)
        }
        _ if zone.is_gateways(name) => {
            let near = directory.gateways(client.address);
            scope = near.scope;
            (true, near.records(name, question.query_type, zone.ttl))
        }
        _ => {
            let named = match place {
                InZone::Below(Some(labels)) => directory.find(&labels),
                _ => Named::Nothing,
            };
            match (named, family) {
                (Named::Collection(id), Some(family)) => {
                    let nearby = directory.nodes(id, client.address, family);
                    scope = nearby.scope;
                    let addresses = nearby.addresses.into_iter().take(ADDRESSES_MAX);
                    let record = |address: IpAddr| {
                        Record::from_rdata(name.clone(), zone.ttl, RData::from(address))
                    };
                    (true, addresses.map(record).collect())
                }
                (Named::Nothing, _) => (zone.serves_below(name), Vec::new()),
                _ => (true, Vec::new()),
            }
        }
    };
    if !exists {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    if exists && question.query_type == RecordType::ANY {
        // RFC 8482: one record, which says that there are no more this way.
        let hinfo = RData::HINFO(HINFO::new("RFC8482".to_owned(), String::new()));
        reply.add_answer(Record::from_rdata(name.clone(), zone.ttl, hinfo));
    } else if records.is_empty() {
        reply.add_authority(zone.soa(name));
    } else {
        reply.add_answers(records);
    }
    scope
}
