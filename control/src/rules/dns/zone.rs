//! The DNS zone: its name, and what doesn't depend on who asks.

use core::net::{IpAddr, SocketAddr};
use hickory_proto::ProtoError;
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{Name, RData, Record};
use std::time::Duration;

/// Name servers and their addresses change rarely.
const NAME_SERVER_TTL: u32 = 3600;
/// Nobody transfers the zone, so nobody compares it.
const SERIAL: u32 = 1;
/// Longest TTL: DNS is to follow nodes' health.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Name servers of a zone, and addresses of each.
const NAME_SERVERS_MAX: usize = 8;

/// Settings of the DNS server. [`DnsConfig::new`] fills in what has a default.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// Where it answers, UDP and TCP.
    pub listen: SocketAddr,
    /// The zone, like `cdn.example`; collections are names in it.
    pub zone: String,
    /// How long resolvers keep an answer, 1 s to 1 h. Default 20 s.
    pub ttl: Duration,
    /// Names of the zone's name servers. Default `ns.` and the zone.
    pub name_servers: Vec<String>,
    /// Mailbox of who answers for the zone, as a domain name. Default `hostmaster.` and the zone.
    pub contact: Option<String>,
    /// Addresses of the name servers that are in the zone. Default `listen`'s, if it is an address.
    pub addresses: Vec<IpAddr>,
    /// Name in the zone under which HTTP gateways are, like `gateway`. Default none.
    pub gateways: Option<String>,
}

impl DnsConfig {
    /// With every default.
    pub fn new(listen: SocketAddr, zone: impl Into<String>) -> Self {
        Self {
            listen,
            zone: zone.into(),
            ttl: Duration::from_secs(20),
            name_servers: Vec::new(),
            contact: None,
            addresses: Vec::new(),
            gateways: None,
        }
    }
}

/// DNS settings that can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsConfigError {
    /// Not a domain name.
    #[error("{0:?} is no domain name: write cdn.example")]
    Name(String),
    /// Nothing would be below it that others own.
    #[error("the DNS zone can't be the root: write cdn.example")]
    Root,
    /// None, or too long.
    #[error("the DNS ttl must be 1 s to 1 h")]
    Ttl,
    /// More than an answer has room for.
    #[error(
        "a DNS zone has at most {NAME_SERVERS_MAX} name servers, and so many addresses for them"
    )]
    TooMany,
    /// Resolvers couldn't find it.
    #[error("name server {0} is in the DNS zone itself: give its addresses (dns_address)")]
    Glue(String),
    /// Not below the zone, or what else there is.
    #[error(
        "gateways can't have the DNS name {0:?}: write one label, like gateway, that no name server has"
    )]
    Gateways(String),
}

/// The zone.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    pub(crate) apex: Name,
    pub(crate) ttl: u32,
    name_servers: Vec<Name>,
    contact: Name,
    pub(crate) addresses: Vec<IpAddr>,
    gateways: Option<Name>,
}

/// Where a name stands to a zone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InZone {
    /// Not in it.
    Outside,
    /// It is the zone's own name.
    Apex,
    /// Below: the other labels in lower case, the last one first, dots between them. `None` if one has
    /// bytes that no name of ours has.
    Below(Option<String>),
}

fn name(text: &str) -> Result<Name, DnsConfigError> {
    let wrong = |_: ProtoError| DnsConfigError::Name(text.to_owned());
    let mut name = Name::from_ascii(text).map_err(wrong)?;
    name.set_fqdn(true);
    Ok(name)
}

impl Zone {
    pub(crate) fn new(config: &DnsConfig) -> Result<Self, DnsConfigError> {
        let apex = name(&config.zone)?;
        if apex.is_root() {
            return Err(DnsConfigError::Root);
        }
        if config.ttl < Duration::from_secs(1) || config.ttl > TTL_MAX {
            return Err(DnsConfigError::Ttl);
        }
        let too_many = |count| count > NAME_SERVERS_MAX;
        if too_many(config.name_servers.len()) || too_many(config.addresses.len()) {
            return Err(DnsConfigError::TooMany);
        }
        let below = |label: &str| {
            let long = |_: ProtoError| DnsConfigError::Name(config.zone.clone());
            apex.prepend_label(label).map_err(long)
        };
        let mut name_servers = Vec::new();
        for server in &config.name_servers {
            name_servers.push(name(server)?);
        }
        if name_servers.is_empty() {
            name_servers.push(below("ns")?);
        }
        let contact = match &config.contact {
            Some(contact) => name(contact)?,
            None => below("hostmaster")?,
        };
        let mut addresses = config.addresses.clone();
        if addresses.is_empty() && !config.listen.ip().is_unspecified() {
            addresses.push(config.listen.ip());
        }
        let wrong = |label: &String| DnsConfigError::Gateways(label.clone());
        let gateways = match &config.gateways {
            Some(label) if label.is_empty() || label.contains('.') => return Err(wrong(label)),
            Some(label) => Some(below(label).map_err(|_| wrong(label))?),
            None => None,
        };
        if gateways
            .as_ref()
            .is_some_and(|name| name_servers.contains(name))
        {
            return Err(wrong(&config.gateways.clone().unwrap_or_default()));
        }
        let zone = Self {
            apex,
            ttl: config.ttl.as_secs() as u32,
            name_servers,
            contact,
            addresses,
            gateways,
        };
        let within = |server: &&Name| zone.apex.zone_of(server);
        match zone.name_servers.iter().find(within) {
            Some(server) if zone.addresses.is_empty() => {
                Err(DnsConfigError::Glue(server.to_ascii()))
            }
            _ => Ok(zone),
        }
    }

    pub(crate) fn place(&self, name: &Name) -> InZone {
        if !self.apex.zone_of(name) {
            return InZone::Outside;
        }
        let depth = name.iter().len() - self.apex.iter().len();
        if depth == 0 {
            return InZone::Apex;
        }
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let labels: Option<Vec<_>> = name
            .iter()
            .take(depth)
            .map(|label| {
                let ours = label.iter().all(allowed);
                let label = str::from_utf8(label).ok().filter(|_| ours);
                label.map(str::to_ascii_lowercase)
            })
            .rev()
            .collect();
        InZone::Below(labels.map(|labels| labels.join(".")))
    }

    /// Whether a name is one of the zone's name servers.
    pub(crate) fn serves(&self, name: &Name) -> bool {
        self.name_servers.contains(name)
    }

    /// Whether a name is that of the gateways.
    pub(crate) fn is_gateways(&self, name: &Name) -> bool {
        self.gateways.as_ref() == Some(name)
    }

    /// Whether name servers are below a name.
    pub(crate) fn serves_below(&self, name: &Name) -> bool {
        let mut servers = self.name_servers.iter();
        servers.any(|server| name.zone_of(server) && server != name)
    }

    /// SOA, under the zone's name as the asker wrote it.
    pub(crate) fn soa(&self, asked: &Name) -> Record {
        // The zone's name servers are all alike; the first stands for them.
        let [refresh, retry, expire] = [3600, 600, 86_400];
        let (first, contact) = (self.name_servers[0].clone(), self.contact.clone());
        let soa = SOA::new(first, contact, SERIAL, refresh, retry, expire, self.ttl);
        Record::from_rdata(self.written(asked), self.ttl, RData::SOA(soa))
    }

    pub(crate) fn ns(&self, asked: &Name) -> Vec<Record> {
        let owner = self.written(asked);
        let servers = self.name_servers.iter().cloned();
        let record =
            |server| Record::from_rdata(owner.clone(), NAME_SERVER_TTL, RData::NS(NS(server)));
        servers.map(record).collect()
    }

    /// Addresses of the name servers in the zone.
    pub(crate) fn glue(&self) -> Vec<Record> {
        let within = self
            .name_servers
            .iter()
            .filter(|server| self.apex.zone_of(server));
        within.flat_map(|server| self.server(server)).collect()
    }

    /// Addresses of one name server in the zone, under this name.
    pub(crate) fn server(&self, owner: &Name) -> impl Iterator<Item = Record> {
        let record = |address: &IpAddr| {
            Record::from_rdata(owner.clone(), NAME_SERVER_TTL, RData::from(*address))
        };
        self.addresses.iter().map(record)
    }

    /// The apex as it is written in a name below it.
    fn written(&self, asked: &Name) -> Name {
        asked.trim_to(self.apex.iter().len())
    }
}
