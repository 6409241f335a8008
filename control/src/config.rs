//! What a control plane is told before it starts.

use crate::contents::origin_address::Allowed;
use crate::rules::dns::{DnsConfig, DnsConfigError, Zone};
use crate::tickets::quota::{NetworkQuota, PayerQuota};
use contracts::PrivateKeySigner;
use host::Host;
use ipnet::IpNet;
use protocol::{Address, SigningKey};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a control plane. [`Config::new`] fills in what has a default.
#[derive(Clone)]
pub struct Config {
    /// The machine that it runs on. Default the machine as it is.
    pub host: Host,
    /// URLs of EVM nodes' JSON-RPC, http or https, with commas between: one is asked, all are given what is sent.
    pub rpc: String,
    /// The most that is offered for gas, wei for each. Default [`contracts::CAP`].
    pub fee_cap: u128,
    /// The settlement contract.
    pub settlement: Address,
    /// The chain id that is expected at `rpc`; `None` takes any.
    pub chain_id: Option<u64>,
    /// Key of the EVM account that commits ticket logs: the committer in the settlement contract.
    pub key: PrivateKeySigner,
    /// The ed25519 key that signs tickets and stands in the settlement contract; also the TLS key to
    /// which nodes connect.
    pub issuer_key: SigningKey,
    /// Where everything durable is kept: one folder per network and issuer, one process at a time.
    pub data_dir: PathBuf,
    /// Where the public HTTP API is served. TLS is a reverse proxy's work.
    pub listen: SocketAddr,
    /// Where the admin API is served. Default 127.0.0.1:8081.
    pub admin_listen: SocketAddr,
    /// Where nodes join, QUIC over UDP.
    pub join_listen: SocketAddr,
    /// `host:port` that nodes are told to join at. `None` tells them the bound address, which must
    /// then be one that they can dial.
    pub public_join_address: Option<String>,
    /// Bearer token that may do everything, at least 16 bytes; others are in the data directory.
    pub admin_token: String,
    /// Who pays for collections that were published without a payer.
    pub payer: Address,
    /// How long a ticket may be used after it was issued; at least 1 ms. Default 60 s.
    pub ticket_ttl: Duration,
    /// Most nodes, and tickets, in one answer; 1 to 16. Default 3.
    pub tickets_per_route: usize,
    /// A node without a heartbeat for longer gets no traffic. Default 5 s.
    pub node_timeout: Duration,
    /// Nodes of each zone told to fill a collection when it is published, and over how many its clients
    /// spread at least; 1 to 64. Default 2.
    pub replicas: usize,
    /// Coverage zones, in Traffic Control's format. `None` is one zone for everybody.
    pub zone_file: Option<PathBuf>,
    /// A MaxMind DB of cities or countries, for clients in no zone's network.
    pub location_file: Option<PathBuf>,
    /// Whether a node gets traffic only after it was dialled back and delivered. Default true.
    pub dial_back: bool,
    /// Sessions up to which a node counts as idle: below, warm caches matter more than even loads.
    /// Default 64.
    pub idle_sessions: u32,
    /// URL at which clients reach the HTTP API, for playlists. `None`: plain HTTP at the host they name.
    pub public_url: Option<String>,
    /// Networks of reverse proxies, whose `X-Forwarded-For` is believed. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Authoritative DNS. Default none.
    pub dns: Option<DnsConfig>,
    /// What clients of one network may ask for. Default [`NetworkQuota::default`].
    pub network_quota: NetworkQuota,
    /// What may be issued on one payer's account in an epoch. Default no limit but its funds.
    pub payer_quota: PayerQuota,
    /// Which part of all that tickets allow and that isn't attested must be covered by their payer's deposit, percent,
    /// 1 to 100. `None`: that of one ticket of each route, 34 with three.
    pub funds_cover: Option<u32>,
    /// Verifiers, URLs, of which each payer's bill is learned. Default none: all bills count as everyone's, which
    /// is exact where one payer pays for all.
    pub bills_from: Vec<String>,
    /// HTTP(S) origins where content may stay, as `https://host`. Default none.
    pub origins: Vec<String>,
    /// Whether these may be at addresses that aren't public. Default false.
    pub private_origins: bool,
    /// Largest content that may be uploaded, bytes. Default 64 GiB.
    pub blob_bytes_max: u64,
}

impl Config {
    /// [`Self::ticket_ttl`] in milliseconds.
    pub(crate) fn ticket_ttl_ms(&self) -> u64 {
        u64::try_from(self.ticket_ttl.as_millis()).unwrap_or(u64::MAX)
    }

    /// [`Self::funds_cover`], or its default.
    pub(crate) fn cover_percent(&self) -> u32 {
        let one_of_each_route = 100usize.div_ceil(self.tickets_per_route.max(1));
        self.funds_cover.unwrap_or(one_of_each_route as u32)
    }

    /// A configuration with every default, for a network.
    #[expect(clippy::too_many_arguments, reason = "these have no sensible default")]
    pub fn new(
        host: Host,
        rpc: impl Into<String>,
        settlement: Address,
        key: PrivateKeySigner,
        issuer_key: SigningKey,
        data_dir: impl Into<PathBuf>,
        listen: SocketAddr,
        join_listen: SocketAddr,
        admin_token: impl Into<String>,
        payer: Address,
    ) -> Self {
        Self {
            host,
            rpc: rpc.into(),
            fee_cap: contracts::CAP,
            settlement,
            chain_id: None,
            key,
            issuer_key,
            data_dir: data_dir.into(),
            listen,
            admin_listen: ([127, 0, 0, 1], 8081).into(),
            join_listen,
            public_join_address: None,
            admin_token: admin_token.into(),
            payer,
            ticket_ttl: Duration::from_secs(60),
            tickets_per_route: 3,
            node_timeout: Duration::from_secs(5),
            replicas: 2,
            zone_file: None,
            location_file: None,
            dial_back: true,
            idle_sessions: 64,
            public_url: None,
            trusted_proxies: Vec::new(),
            dns: None,
            network_quota: NetworkQuota::default(),
            payer_quota: PayerQuota::default(),
            funds_cover: None,
            bills_from: Vec::new(),
            origins: Vec::new(),
            private_origins: false,
            blob_bytes_max: 64 << 30,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.admin_token.len() < TOKEN_BYTES_MIN {
            return Err(ConfigError::Token);
        }
        if self.ticket_ttl < Duration::from_millis(1) {
            return Err(ConfigError::TicketTtl);
        }
        if !(1..=TICKETS_PER_ROUTE_MAX).contains(&self.tickets_per_route) {
            return Err(ConfigError::TicketsPerRoute);
        }
        if !(1..=REPLICAS_MAX).contains(&self.replicas) {
            return Err(ConfigError::Replicas);
        }
        Allowed::new(&self.origins, false).map_err(ConfigError::Origin)?;
        if self.node_timeout.is_zero() {
            return Err(ConfigError::NodeTimeout);
        }
        if let Some(url) = &self.public_url
            && !["http://", "https://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        {
            return Err(ConfigError::PublicUrl(url.clone()));
        }
        let quota = &self.network_quota;
        if quota.tickets_per_second == 0 || quota.tickets_burst == 0 || quota.bytes_per_hour == 0 {
            return Err(ConfigError::NetworkQuota);
        }
        if quota.prefix_v4 > 32 || quota.prefix_v6 > 128 {
            return Err(ConfigError::Prefix);
        }
        if self
            .funds_cover
            .is_some_and(|percent| !(1..=100).contains(&percent))
        {
            return Err(ConfigError::FundsCover);
        }
        let is_url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if let Some(url) = self.bills_from.iter().find(|url| !is_url(url)) {
            return Err(ConfigError::BillsFrom(url.clone()));
        }
        if let Some(dns) = &self.dns {
            Zone::new(dns)?;
        }
        if self.public_join_address.is_none() && self.join_listen.ip().is_unspecified() {
            return Err(ConfigError::JoinAddress(self.join_listen));
        }
        Ok(())
    }
}

/// Shorter tokens can be guessed.
const TOKEN_BYTES_MIN: usize = 16;
/// Each is a line in the log and an upper bound of somebody's bill.
const TICKETS_PER_ROUTE_MAX: usize = 16;

/// More nodes of a zone than this are found by demand, not by configuration.
const REPLICAS_MAX: usize = 64;

/// A setting that can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Shorter than what nobody can guess.
    #[error("the admin token must have at least {TOKEN_BYTES_MIN} bytes")]
    Token,
    /// Tickets that have expired when they are issued.
    #[error("the ticket ttl must be at least 1 ms")]
    TicketTtl,
    /// None, or too many.
    #[error("tickets per route must be 1 to {TICKETS_PER_ROUTE_MAX}")]
    TicketsPerRoute,
    /// None, or too many.
    #[error("replicas must be 1 to {REPLICAS_MAX}")]
    Replicas,
    /// Every node would be unhealthy.
    #[error("the node timeout must be above zero")]
    NodeTimeout,
    /// Not an origin.
    #[error(
        "an origin is http://host or https://host, with a port if it needs one, and {0:?} isn't"
    )]
    Origin(String),
    /// Not a URL.
    #[error("the public URL must begin with http:// or https://, and {0:?} doesn't")]
    PublicUrl(String),
    /// Nobody would get a ticket.
    #[error("what clients of one network may ask for must be at least 1 ticket and 1 byte")]
    NetworkQuota,
    /// Longer than addresses are.
    #[error("a network's prefix has at most 32 bits of an IPv4 and 128 of an IPv6 address")]
    Prefix,
    /// Nothing, or more than all.
    #[error("funds must cover 1 to 100 percent of what tickets allow")]
    FundsCover,
    /// Not a URL.
    #[error("bills are read at a verifier's URL, with http:// or https://, and {0:?} is none")]
    BillsFrom(String),
    /// The DNS settings don't make a zone.
    #[error(transparent)]
    Dns(#[from] DnsConfigError),
    /// Nobody can dial 0.0.0.0.
    #[error("nodes can't dial {0}: give a public join address (host:port)")]
    JoinAddress(SocketAddr),
}

/// Shows no key, no token, and nothing of the RPC URL, which may hold a provider's access key.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("settlement", &self.settlement)
            .field("chain_id", &self.chain_id)
            .field("committer", &self.key.address())
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("admin_listen", &self.admin_listen)
            .field("join_listen", &self.join_listen)
            .field("public_join_address", &self.public_join_address)
            .field("payer", &self.payer)
            .field("ticket_ttl", &self.ticket_ttl)
            .field("tickets_per_route", &self.tickets_per_route)
            .field("node_timeout", &self.node_timeout)
            .field("replicas", &self.replicas)
            .field("zone_file", &self.zone_file)
            .field("location_file", &self.location_file)
            .field("dial_back", &self.dial_back)
            .field("idle_sessions", &self.idle_sessions)
            .field("public_url", &self.public_url)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("dns", &self.dns)
            .field("network_quota", &self.network_quota)
            .field("payer_quota", &self.payer_quota)
            .field("funds_cover", &self.funds_cover)
            .field("origins", &self.origins)
            .field("private_origins", &self.private_origins)
            .field("blob_bytes_max", &self.blob_bytes_max)
            .finish_non_exhaustive()
    }
}
