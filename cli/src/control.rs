//! `quittance control`: make a control plane, run it, look after it.

mod status;
mod token;

use crate::admin::AdminSettings;
use crate::keys::{
    account, random_hex, read_secret, signing_key, signing_key_or_new, write_secret,
};
use crate::output;
use crate::settings::{folder, load, require, settings};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use host::Host;
use ipnet::IpNet;
use protocol::{Address, IssuerKey, TicketId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the issuer key and the operator's admin token; running it again changes nothing.
    Init(InitArgs),
    /// Serve.
    Run(Box<RunArgs>),
    // What it does is said beside its flags, at length.
    Status(status::Args),
    /// Make, list and remove tokens of the admin API.
    #[command(subcommand)]
    Token(token::Command),
    /// Show why a ticket names the node it names: zone, distance, load, who was passed over.
    Why(WhyArgs),
}

settings! {
    @chain
    /// A control plane's settings.
    ControlSettings {
        /// Folder for keys, catalogue, contents and ticket logs.
        #[arg(long, env = "QUITTANCE_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// File with the private key of the account that commits ticket logs; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// TCP address of the public HTTP API [default: 127.0.0.1:8080].
        #[arg(long, env = "QUITTANCE_LISTEN", value_name = "IP:PORT")]
        listen: SocketAddr,
        /// TCP address of the admin API [default: 127.0.0.1:8081].
        #[arg(long, env = "QUITTANCE_ADMIN_LISTEN", value_name = "IP:PORT")]
        admin_listen: SocketAddr,
        /// UDP address at which nodes join [default: 127.0.0.1:8443].
        #[arg(long, env = "QUITTANCE_JOIN_LISTEN", value_name = "IP:PORT")]
        join_listen: SocketAddr,
        /// host:port at which nodes reach that address [default: the address itself].
        #[arg(long, env = "QUITTANCE_PUBLIC_JOIN_ADDRESS", value_name = "HOST:PORT")]
        public_join_address: String,
        /// Account that pays for deliveries [default: the committing account].
        #[arg(long, value_name = "ADDRESS")]
        payer: Address,
        /// Seconds a ticket lasts [default: 60].
        #[arg(long, value_name = "SECONDS")]
        ticket_ttl: u64,
        /// Nodes named in a route [default: 3].
        #[arg(long, value_name = "N")]
        tickets_per_route: usize,
        /// Nodes of each zone that a new collection is pushed to [default: 2].
        #[arg(long, value_name = "N")]
        replicas: usize,
        /// Coverage zones, as JSON in Apache Traffic Control's format [default: one zone].
        #[arg(long, env = "QUITTANCE_ZONE_FILE", value_name = "FILE")]
        zone_file: PathBuf,
        /// MaxMind DB (like GeoLite2-City.mmdb), for clients in no zone's network.
        #[arg(long, env = "QUITTANCE_LOCATION_FILE", value_name = "FILE")]
        location_file: PathBuf,
        /// Sessions up to which a node counts as idle [default: 64].
        #[arg(long, value_name = "N")]
        idle_sessions: u32,
        /// URL at which clients reach the HTTP API, for playlists [default: as they say].
        #[arg(long, env = "QUITTANCE_PUBLIC_URL", value_name = "URL")]
        public_url: String,
        /// UDP and TCP address of authoritative DNS, like 0.0.0.0:53; needs a DNS zone [default: none].
        #[arg(long, env = "QUITTANCE_DNS_LISTEN", value_name = "IP:PORT")]
        dns_listen: SocketAddr,
        /// DNS zone that is delegated to it; collection `film` is `film.cdn.example`.
        #[arg(long, env = "QUITTANCE_DNS_ZONE", value_name = "DOMAIN")]
        dns_zone: String,
        /// Seconds that resolvers keep an answer [default: 20].
        #[arg(long, value_name = "SECONDS")]
        dns_ttl: u64,
        /// Name servers of the DNS zone, separated by commas [default: `ns` in the zone].
        #[arg(long, value_name = "DOMAIN,…")]
        dns_name_servers: String,
        /// Mailbox in the zone's SOA record, written as a domain [default: `hostmaster` in the zone].
        #[arg(long, value_name = "DOMAIN")]
        dns_contact: String,
        /// Public addresses of name servers in the zone, separated by commas [default: dns_listen's].
        #[arg(long, value_name = "IP,…")]
        dns_address: String,
        /// Name in the DNS zone of the HTTP gateways near who asks, one label like `gateway` [default: none].
        #[arg(long, value_name = "LABEL")]
        dns_gateways: String,
        /// Networks of reverse proxies whose X-Forwarded-For is believed, separated by commas.
        #[arg(long, value_name = "CIDR,…")]
        trusted_proxies: Networks,
        /// HTTP(S) origins where published content may stay, as https://host, separated by commas [default: none].
        #[arg(long, env = "QUITTANCE_ORIGINS", value_name = "ORIGIN,…")]
        origins: String,
        /// Whether these may be at private addresses [default: false].
        #[arg(long, value_name = "BOOL")]
        private_origins: bool,
        /// Tickets a second that clients of one network may have [default: 200].
        #[arg(long, value_name = "N")]
        network_tickets_per_second: u32,
        /// Tickets at once, after a pause, for clients of one network [default: 2000].
        #[arg(long, value_name = "N")]
        network_tickets_burst: u32,
        /// Bytes an hour for which clients of one network may have routes [default: 64 TiB].
        #[arg(long, value_name = "BYTES")]
        network_bytes_per_hour: u64,
        /// Bits of an IPv4 address that name a network [default: 24].
        #[arg(long, value_name = "BITS")]
        network_prefix_v4: u32,
        /// Bits of an IPv6 address that name a network [default: 48].
        #[arg(long, value_name = "BITS")]
        network_prefix_v6: u32,
        /// Networks without such limits, like those of your gateways, separated by commas [default: none].
        #[arg(long, value_name = "CIDR,…")]
        unlimited_networks: Networks,
        /// Tickets an epoch on each payer's account [default: what its funds cover].
        #[arg(long, value_name = "N")]
        payer_tickets_per_epoch: u32,
        /// Bytes an epoch that tickets on each payer's account allow [default: what its funds cover].
        #[arg(long, value_name = "BYTES")]
        payer_bytes_per_epoch: u64,
        /// Percent of what tickets allow that a payer's deposit must cover until their epoch is attested [default:
        /// one ticket of each route, 34 with three].
        #[arg(long, value_name = "PERCENT")]
        funds_cover: u32,
        /// Verifiers whose evidence says what each payer was billed, separated by commas; needed where several
        /// pay [default: all bills count as everyone's].
        #[arg(long, value_name = "URL,…")]
        bills_from: String,
    }
}

/// Networks in CIDR notation, separated by commas.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Networks(Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |one: &str| {
            one.trim()
                .parse()
                .map_err(|_| format!("{:?} is no network: write 10.0.0.0/8", one.trim()))
        };
        text.split(',')
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TryFrom<String> for Networks {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// Folder for keys, catalogue, contents and ticket logs.
    #[arg(long, env = "QUITTANCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    settings: ControlSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WhyArgs {
    /// The ticket: epoch:issuer:index, or 32 hexadecimal digits.
    ticket: TicketId,
    #[command(flatten)]
    settings: AdminSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Made {
    issuer: IssuerKey,
    admin_token_file: PathBuf,
}

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Init(args) => init(args),
        Command::Run(args) => serve(*args).await,
        Command::Status(args) => status::run(args).await,
        Command::Token(command) => token::run(command),
        Command::Why(args) => why(args).await,
    }
}

async fn why(args: WhyArgs) -> Result<()> {
    let (api, token) = args.settings.api(args.config.as_deref())?;
    let reason = api.ticket_reason(args.ticket, &token).await?;
    output::print(args.json, &reason)
}

fn init(args: InitArgs) -> Result<()> {
    let data_dir = folder(&args.data_dir)?;
    let key = signing_key_or_new(&data_dir.join("issuer.key"))?;
    let admin_token_file = data_dir.join("admin.token");
    if !admin_token_file.exists() {
        write_secret(&admin_token_file, &random_hex())?;
    }
    let issuer = IssuerKey::from(key.verifying_key().to_bytes());
    output::print(
        args.json,
        &Made {
            issuer,
            admin_token_file,
        },
    )
}

fn list(text: &Option<String>) -> Vec<String> {
    let parts = text.iter().flat_map(|text| text.split(','));
    parts.map(|part| part.trim().to_owned()).collect()
}

/// Authoritative DNS, if it is wanted.
fn dns(settings: &ControlSettings) -> Result<Option<::control::DnsConfig>> {
    let (listen, zone) = match (settings.dns_listen, &settings.dns_zone) {
        (Some(listen), Some(zone)) => (listen, zone),
        (None, None) => return Ok(None),
        (Some(_), None) => bail!("dns_listen needs a zone: add dns_zone, like cdn.example"),
        (None, Some(_)) => bail!("dns_zone needs an address: add dns_listen, like 0.0.0.0:53"),
    };
    let mut dns = ::control::DnsConfig::new(listen, zone.clone());
    if let Some(seconds) = settings.dns_ttl {
        dns.ttl = Duration::from_secs(seconds);
    }
    dns.name_servers = list(&settings.dns_name_servers);
    dns.contact.clone_from(&settings.dns_contact);
    dns.gateways.clone_from(&settings.dns_gateways);
    for address in list(&settings.dns_address) {
        let parsed = address.parse();
        let wrong = || format!("dns_address: {address:?} is no IP address");
        dns.addresses.push(parsed.with_context(wrong)?);
    }
    Ok(Some(dns))
}

/// What clients of one network may ask for.
fn network_quota(settings: &ControlSettings) -> ::control::NetworkQuota {
    let usual = ::control::NetworkQuota::default();
    let unlimited = settings.unlimited_networks.clone();
    ::control::NetworkQuota {
        tickets_per_second: settings
            .network_tickets_per_second
            .unwrap_or(usual.tickets_per_second),
        tickets_burst: settings
            .network_tickets_burst
            .unwrap_or(usual.tickets_burst),
        bytes_per_hour: settings
            .network_bytes_per_hour
            .unwrap_or(usual.bytes_per_hour),
        prefix_v4: settings.network_prefix_v4.unwrap_or(usual.prefix_v4),
        prefix_v6: settings.network_prefix_v6.unwrap_or(usual.prefix_v6),
        unlimited: unlimited.map_or(usual.unlimited, |Networks(networks)| networks),
    }
}

async fn serve(args: RunArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let data_dir = folder(&require(
        &settings.data_dir,
        "data_dir",
        "the control plane's folder",
    )?)?;
    let issuer_path = data_dir.join("issuer.key");
    if !issuer_path.exists() {
        bail!(
            "{} is missing: run `quittance control init` first",
            issuer_path.display()
        );
    }
    let chain = settings.chain()?;
    let key = account(settings.eth_key_file.as_deref())?;
    let mut config = ::control::Config::new(
        Host::system(),
        chain.rpc,
        chain.settlement,
        key.clone(),
        signing_key(&issuer_path)?,
        &data_dir,
        settings
            .listen
            .unwrap_or_else(|| ([127, 0, 0, 1], 8080).into()),
        settings
            .join_listen
            .unwrap_or_else(|| ([127, 0, 0, 1], 8443).into()),
        read_secret(&data_dir.join("admin.token"))?,
        settings.payer.unwrap_or(key.address()),
    );
    config.chain_id = chain.chain_id;
    config.fee_cap = chain.fee_cap;
    config.dns = dns(&settings)?;
    config.network_quota = network_quota(&settings);
    config.payer_quota = ::control::PayerQuota {
        tickets_per_epoch: settings.payer_tickets_per_epoch,
        bytes_per_epoch: settings.payer_bytes_per_epoch,
    };
    config.funds_cover = settings.funds_cover;
    config.bills_from = list(&settings.bills_from);
    config.public_join_address = settings.public_join_address;
    config.public_url = settings.public_url;
    if let Some(address) = settings.admin_listen {
        config.admin_listen = address;
    }
    config.zone_file = settings.zone_file;
    let origins = settings.origins.as_deref().unwrap_or_default();
    let origins = origins.split(',').map(str::trim);
    config.origins = origins
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    config.private_origins = settings.private_origins.unwrap_or_default();
    config.location_file = settings.location_file;
    if let Some(sessions) = settings.idle_sessions {
        config.idle_sessions = sessions;
    }
    if let Some(Networks(networks)) = settings.trusted_proxies {
        config.trusted_proxies = networks;
    }
    if let Some(seconds) = settings.ticket_ttl {
        config.ticket_ttl = Duration::from_secs(seconds);
    }
    if let Some(count) = settings.tickets_per_route {
        config.tickets_per_route = count;
    }
    if let Some(count) = settings.replicas {
        config.replicas = count;
    }
    let stop = crate::stop::stop_signal()?;
    ::control::run(config, stop).await?;
    Ok(())
}
