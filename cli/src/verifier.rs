//! `quittance verifier`: check segments, attest, serve the evidence.

use crate::keys::account;
use crate::settings::{folder, load, require, settings};
use anyhow::Result;
use clap::Subcommand;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check and attest epoch after epoch.
    Run(RunArgs),
}

settings! {
    @chain
    /// A verifier's settings.
    VerifierSettings {
        /// Folder for evidence.
        #[arg(long, env = "QUITTANCE_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// File with the private key of the attesting account; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// URLs of the control planes, for their ticket logs and their nodes' addresses.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL", value_delimiter = ',')]
        control: Vec<String>,
        /// URLs of other verifiers, to take evidence from that this one lacks.
        #[arg(long, value_name = "URL", value_delimiter = ',')]
        peers: Vec<String>,
        /// TCP address at which evidence is served [default: 127.0.0.1:8090].
        #[arg(long, env = "QUITTANCE_LISTEN", value_name = "IP:PORT")]
        listen: SocketAddr,
        /// Seconds after an epoch's last ticket that a node's segment is waited for [default: 60].
        #[arg(long, value_name = "SECONDS")]
        segment_deadline: u64,
        /// Milliseconds between looks at the chain [default: 2000].
        #[arg(long, value_name = "MS")]
        poll_ms: u64,
        /// Nodes that must have something to claim for this verifier to shorten their proofs, one transaction an
        /// epoch that the vault pays by and that this verifier's vote attested; 0: never [default: 50].
        #[arg(long, value_name = "NODES")]
        shorten_from: u32,
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    settings: VerifierSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) async fn run(command: Command) -> Result<()> {
    let Command::Run(args) = command;
    let settings = load(args.settings, args.config.as_deref())?;
    let chain = settings.chain()?;
    let config = ::verifier::Config {
        host: host::Host::system(),
        rpc: chain.rpc,
        settlement: chain.settlement,
        chain_id: chain.chain_id,
        fee_cap: chain.fee_cap,
        key: account(settings.eth_key_file.as_deref())?,
        controls: require(&settings.control, "control", "a control plane's URL")?,
        peers: settings.peers.unwrap_or_default(),
        data_dir: folder(&require(
            &settings.data_dir,
            "data_dir",
            "the verifier's folder",
        )?)?,
        listen: settings
            .listen
            .unwrap_or_else(|| ([127, 0, 0, 1], 8090).into()),
        segment_deadline: Duration::from_secs(settings.segment_deadline.unwrap_or(60)),
        poll_interval: Duration::from_millis(settings.poll_ms.unwrap_or(2000)),
        shorten_from: match settings.shorten_from {
            Some(nodes) => NonZeroU32::new(nodes),
            None => ::verifier::Config::SHORTEN_FROM,
        },
    };
    let stop = crate::stop::stop_signal()?;
    ::verifier::run(config, stop).await?;
    Ok(())
}
