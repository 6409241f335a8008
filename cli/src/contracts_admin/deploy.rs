//! `quittance contracts deploy`: a new network, by defaults that suit one that is to last.

use super::acting::admin_args;
use crate::keys::account;
use crate::output;
use crate::settings::{Units, load, require, settings};
use anyhow::{Context, Result};
use contracts::{DeployConfig, Manifest, Parameters, TokenConfig, U256};
use host::Http;
use protocol::Address;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// Seconds to the genesis, for admitting verifiers at once.
const GENESIS_IN: u64 = 3600;

settings! {
    /// What a new network agrees on.
    DeploySettings {
        /// URL of an Ethereum node's JSON-RPC.
        #[arg(long, env = "QUITTANCE_RPC", value_name = "URL", hide_env_values = true)]
        rpc: String,
        /// File with the deploying account's private key; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// ERC-20 token to pay with [default: a new one for tests, all of it the deployer's].
        #[arg(long, value_name = "ADDRESS")]
        token: Address,
        /// Start of epoch 0, Unix seconds: verifiers that are added before it need no delay [default: in an hour].
        #[arg(long, value_name = "SECONDS")]
        genesis: u64,
        /// Seconds an epoch lasts [default: 3600].
        #[arg(long, value_name = "SECONDS")]
        epoch_length: u32,
        /// Seconds after its epoch's end that a ticket may still be used [default: 60].
        #[arg(long, value_name = "SECONDS")]
        ticket_tail: u32,
        /// Seconds after an epoch's end to commit ticket logs in [default: 600].
        #[arg(long, value_name = "SECONDS")]
        commit_window: u32,
        /// Seconds after the ticket tail in which nodes may force receipts that verifiers would leave out, and
        /// nobody attests; with the tail at least the commit window [default: 1800].
        #[arg(long, value_name = "SECONDS")]
        force_window: u32,
        /// Seconds an attestation stands open to challenge [default: 86400].
        #[arg(long, value_name = "SECONDS")]
        challenge_window: u32,
        /// Score below which nothing is paid, parts per million [default: 500000].
        #[arg(long, value_name = "PPM")]
        sla_floor_ppm: u32,
        /// Time to first byte within the service level, milliseconds [default: 500].
        #[arg(long, value_name = "MS")]
        ttfb_ms_max: u32,
        /// Throughput within the service level, bytes per second [default: 1000000].
        #[arg(long, value_name = "BYTES")]
        throughput_min: u64,
        /// Price of a GiB at full score, in the token's smallest unit [default: 10^16].
        #[arg(long, value_name = "UNITS")]
        price_per_gib: Units,
        /// What a verifier loses by a false attestation, in the token's smallest unit [default: 10^21].
        #[arg(long, value_name = "UNITS")]
        verifier_bond: Units,
        /// What an issuer loses by a broken promise, in the token's smallest unit [default: 10^21].
        #[arg(long, value_name = "UNITS")]
        issuer_bond: Units,
        /// What a node puts up to register, in the token's smallest unit [default: 10^19].
        #[arg(long, value_name = "UNITS")]
        node_stake: Units,
        /// Seconds between the announcement of a change and its effect; more than challenge window, ticket
        /// tail and force window together [default: twice that].
        #[arg(long, value_name = "SECONDS")]
        change_delay: u32,
        /// Account that receives what is slashed and no challenger gets [default: the owner].
        #[arg(long, value_name = "ADDRESS")]
        treasury: Address,
    }
}

admin_args!(
    /// Deploy.
    DeployArgs, DeploySettings {
        /// New file for what was deployed, by which anyone can check it with `quittance contracts verify`:
        /// addresses, code hashes, transactions, parameters. With --json that is printed too.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
    }
);

pub(super) async fn deploy(args: DeployArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let rpc = require(&settings.rpc, "rpc", "an Ethereum node's URL")?;
    let key = account(settings.eth_key_file.as_deref())?;
    let now = host::Clock::system().now_ms() / 1000;
    let units = |given: Option<Units>, default| given.map_or(default, |Units(units)| units);
    let parameters = Parameters {
        epoch_length: settings.epoch_length.unwrap_or(3600),
        ticket_tail: settings.ticket_tail.unwrap_or(60),
        commit_window: settings.commit_window.unwrap_or(600),
        force_window: settings.force_window.unwrap_or(1800),
        challenge_window: settings.challenge_window.unwrap_or(86_400),
        sla_floor_ppm: settings.sla_floor_ppm.unwrap_or(500_000),
        ttfb_ms_max: settings.ttfb_ms_max.unwrap_or(500),
        throughput_min: settings.throughput_min.unwrap_or(1_000_000),
        price_per_gib: units(settings.price_per_gib, 10u128.pow(16)),
        verifier_bond: units(settings.verifier_bond, 10u128.pow(21)),
        issuer_bond: units(settings.issuer_bond, 10u128.pow(21)),
        node_stake: units(settings.node_stake, 10u128.pow(19)),
    };
    let config = DeployConfig {
        genesis: settings.genesis.unwrap_or(now + GENESIS_IN),
        change_delay: settings
            .change_delay
            .unwrap_or_else(|| change_delay(&parameters)),
        parameters,
        token: match settings.token {
            Some(token) => TokenConfig::Existing(token),
            None => TokenConfig::Test {
                name: "Quittance test token".into(),
                symbol: "QTT".into(),
                decimals: 18,
                // A million.
                supply: U256::from(10u128.pow(24)),
            },
        },
        owner: None,
        treasury: settings.treasury,
    };
    // Before anything is spent: a manifest that can't be written later would be lost.
    let file = args.manifest.map(ManifestFile::create).transpose()?;
    let manifest = match contracts::deploy_manifest(&Http::system(), &rpc, key, &config).await {
        Ok(manifest) => manifest,
        Err(error) => {
            if let Some(file) = file {
                file.remove();
            }
            return Err(error.into());
        }
    };
    // Printed first, so that it is known whatever becomes of the file.
    if args.json {
        output::print(true, &manifest)?;
    } else {
        output::print(false, &manifest.deployment())?;
    }
    match file {
        Some(file) => file.write(&manifest),
        None => Ok(()),
    }
}

/// A file of its own, made before it is known what goes in.
struct ManifestFile {
    path: PathBuf,
    file: File,
}

impl ManifestFile {
    fn create(path: PathBuf) -> Result<Self> {
        let file = File::create_new(&path).with_context(|| {
            format!(
                "cannot create the manifest {}: it must be a new file",
                path.display()
            )
        })?;
        Ok(Self { path, file })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a file of its user: no start of ours opens it"
    )]
    fn write(mut self, manifest: &Manifest) -> Result<()> {
        let text = serde_json::to_string_pretty(manifest)?;
        let written = writeln!(self.file, "{text}").and_then(|()| self.file.sync_all());
        written.with_context(|| {
            format!(
                "the contracts are deployed, but the manifest {} can't be written; with --json it is printed above",
                self.path.display()
            )
        })
    }

    /// Nothing was deployed to write of.
    fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "an empty manifest is left");
        }
    }
}

/// Twice what the contract asks for: what was attested before a change is active well before it.
fn change_delay(parameters: &Parameters) -> u32 {
    [
        parameters.challenge_window,
        parameters.ticket_tail,
        parameters.force_window,
    ]
    .into_iter()
    .fold(0, u32::saturating_add)
    .saturating_mul(2)
}
