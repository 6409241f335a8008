//! How a network comes to be: contracts, bonds and deposits, then one part after the other.

use super::config::other;
use super::ports::{free_tcp_port, free_udp_port};
use super::{Network, NodeSlot, VerifierSlot};
use crate::clock::now_ms;
use anyhow::{Result, ensure};
use contracts::{Address, Manifest, PrivateKeySigner, U256};
use protocol::IssuerKey;
use protocol::NodeId;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// The test account that anvil funds first: its key is public, it deploys and pays here.
const DEPLOYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Seconds from deploying to the genesis: before it, a verifier is admitted without delay.
const GENESIS_IN: u64 = 20;
/// One test token.
const TOKEN: u128 = 10u128.pow(18);
/// What the payer deposits.
const FUNDS: u128 = 1000 * TOKEN;
pub(crate) const VERIFIER_BOND: u128 = 100 * TOKEN;
pub(crate) const ISSUER_BOND: u128 = 100 * TOKEN;
pub(crate) const NODE_STAKE: u128 = 10 * TOKEN;

#[derive(Deserialize)]
struct MadeNode {
    node: NodeId,
}

#[derive(Deserialize)]
struct MadeControl {
    issuer: IssuerKey,
}

impl Network {
    pub(super) async fn bring_up(&mut self, progress: &dyn Fn(&str)) -> Result<()> {
        let deployer = self.write_key("deployer", DEPLOYER_KEY)?;
        let control = self.account("control").await?;
        let verifier = self.account("verifier").await?;

        progress("deploying the contracts");
        let genesis = self.deploy().await?;
        let control_dir = self.config.dir.join("control");
        let made: MadeControl = self
            .command(
                "control init",
                &["--data-dir", &control_dir.display().to_string(), "--json"],
            )
            .await?;
        progress("admitting verifier, issuer and payer");
        self.admit(&made.issuer, &control, &verifier).await?;

        progress("starting the control plane");
        self.make_control(&control_dir, deployer.address()).await?;

        progress(&format!(
            "registering and starting {} nodes",
            self.config.nodes
        ));
        for index in 0..self.config.nodes {
            self.add_node(index).await?;
        }
        self.wait_for_nodes(self.config.nodes).await?;

        progress("starting the verifier");
        self.make_verifier().await?;

        let left = genesis.saturating_mul(1000).saturating_sub(now_ms());
        if left > 0 {
            progress("waiting for the genesis");
            sleep(Duration::from_millis(left)).await;
        }
        Ok(())
    }

    /// Deploys the contracts; gives the genesis.
    async fn deploy(&mut self) -> Result<u64> {
        let config = &self.config;
        let genesis = now_ms() / 1000 + GENESIS_IN;
        let (tail, force) = (config.ticket_tail, config.force_seconds);
        let settings = [
            ("genesis", genesis),
            ("epoch_length", config.epoch_seconds.into()),
            ("ticket_tail", tail.into()),
            // As long as can be: nothing is attested before the force window is over.
            ("commit_window", u64::from(tail) + u64::from(force)),
            ("force_window", force.into()),
            ("challenge_window", config.challenge_seconds.into()),
            ("ttfb_ms_max", 2000),
            ("throughput_min", 100_000),
        ];
        let amounts = [
            ("verifier_bond", VERIFIER_BOND),
            ("issuer_bond", ISSUER_BOND),
            ("node_stake", NODE_STAKE),
        ];
        let mut text = format!(
            "rpc = {:?}\neth_key_file = {:?}\n",
            self.rpc,
            self.key_path("deployer")
        );
        for (key, value) in settings {
            text.push_str(&format!("{key} = {value}\n"));
        }
        for (key, value) in amounts {
            text.push_str(&format!("{key} = \"{value}\"\n"));
        }
        let path = self.write_config("deploy", &text)?;
        let args = ["--config", &path, "--json"];
        let manifest: Manifest = self.command("contracts deploy", &args).await?;
        self.deployment = manifest.deployment();
        Ok(genesis)
    }

    /// Lets verifier and issuer in, puts up their bonds, and deposits what deliveries are paid from.
    async fn admit(
        &self,
        issuer: &IssuerKey,
        control: &PrivateKeySigner,
        verifier: &PrivateKeySigner,
    ) -> Result<()> {
        // The verifier comes first: its admission must not miss the genesis.
        let (control, verifier) = (control.address(), verifier.address());
        let account = verifier.to_string();
        self.administer("deployer", &["add-verifier", &account])
            .await?;
        self.give_tokens(verifier, VERIFIER_BOND).await?;
        self.administer("verifier", &["bond-verifier"]).await?;
        ensure!(
            self.chain().await?.is_verifier(verifier).await?,
            "the verifier was admitted too late, after the genesis: {GENESIS_IN} s are too short for this machine"
        );
        self.admit_others().await?;
        if self.config.liar_bonds > 0 {
            self.admit_liar().await?;
        }
        let (key, committer) = (issuer.to_string(), control.to_string());
        self.administer("deployer", &["add-issuer", &key, &committer])
            .await?;
        self.give_tokens(control, ISSUER_BOND).await?;
        self.administer("control", &["bond-issuer", "--issuer", "0"])
            .await?;
        self.administer("deployer", &["fund", &FUNDS.to_string()])
            .await
    }

    /// The verifiers after the first. Then nothing is attested without the votes of all.
    async fn admit_others(&self) -> Result<()> {
        if self.config.verifiers < 2 {
            return Ok(());
        }
        for index in 0..self.config.verifiers - 1 {
            let name = other(index);
            let account = self.account(&name).await?.address();
            self.administer("deployer", &["add-verifier", &account.to_string()])
                .await?;
            self.give_tokens(account, VERIFIER_BOND).await?;
            self.administer(&name, &["bond-verifier"]).await?;
        }
        let quorum = self.config.verifiers.to_string();
        self.administer("deployer", &["set-quorum", &quorum])
            .await?;
        ensure!(
            self.chain().await?.quorum().await?.to_string() == quorum,
            "the quorum was set too late, after the genesis: {GENESIS_IN} s are too short for this machine"
        );
        Ok(())
    }

    /// One verifier more, of which one vote is enough as well.
    async fn admit_liar(&self) -> Result<()> {
        let liar = self.account("liar").await?.address();
        self.administer("deployer", &["add-verifier", &liar.to_string()])
            .await?;
        let bonds = VERIFIER_BOND * u128::from(self.config.liar_bonds);
        self.give_tokens(liar, bonds).await?;
        let amount = bonds.to_string();
        self.administer("liar", &["bond-verifier", "--amount", &amount])
            .await
    }

    /// Runs `quittance contracts` as one of the accounts.
    async fn administer(&self, account: &str, command: &[&str]) -> Result<()> {
        let name = match account {
            "deployer" => "admin".to_owned(),
            other => format!("{other}-admin"),
        };
        let config = self.write_config(&name, &self.chain_config(account))?;
        let args = [&command[1..], &["--config", &config, "--json"]].concat();
        let name = format!("contracts {}", command[0]);
        self.command::<Value>(&name, &args).await?;
        Ok(())
    }

    /// Sends some of the deployer's tokens.
    pub(crate) async fn give_tokens(&self, to: Address, amount: u128) -> Result<()> {
        let chain = self.chain_as("deployer").await?;
        chain.transfer_token(to, U256::from(amount)).await?;
        Ok(())
    }

    async fn make_control(&mut self, dir: &Path, payer: Address) -> Result<()> {
        let (http_port, join_port) = (free_tcp_port()?, free_udp_port()?);
        let admin_port = free_tcp_port()?;
        self.control_url = format!("http://127.0.0.1:{http_port}");
        self.admin_url = format!("http://127.0.0.1:{admin_port}");
        let text = format!(
            "{}data_dir = {dir:?}\nlisten = \"127.0.0.1:{http_port}\"\nadmin_listen = \"127.0.0.1:{admin_port}\"\njoin_listen = \"127.0.0.1:{join_port}\"\npayer = \"{payer}\"\nreplicas = {}\n{}",
            self.chain_config("control"),
            // Every node holds everything, so that every node has clients.
            self.config.nodes,
            self.config.control_config,
        );
        self.write_config("control", &text)?;
        self.start_control().await
    }

    async fn make_verifier(&mut self) -> Result<()> {
        let port = free_tcp_port()?;
        self.verifier_url = format!("http://127.0.0.1:{port}");
        let url = self.verifier_url.clone();
        self.write_verifier_config("verifier", "verifier", &url, &[])?;
        self.start_verifier().await?;
        for index in 0..self.config.verifiers.saturating_sub(1) {
            let url = format!("http://127.0.0.1:{}", free_tcp_port()?);
            let name = other(index);
            self.write_verifier_config(&name, &name, &url, &[])?;
            let process = None;
            self.others.push(VerifierSlot { url, process });
            self.start_other(index).await?;
        }
        Ok(())
    }

    /// Of a verifier that has its folder by its name.
    pub(super) fn write_verifier_config(
        &self,
        name: &str,
        account: &str,
        url: &str,
        controls: &[String],
    ) -> Result<()> {
        let listen = url.trim_start_matches("http://");
        let controls = [std::slice::from_ref(&self.control_url), controls].concat();
        let text = format!(
            "{}data_dir = {:?}\nlisten = {listen:?}\ncontrol = {controls:?}\nsegment_deadline = 20\npoll_ms = 250\n{}",
            self.chain_config(account),
            self.config.dir.join(name),
            self.config.verifier_config,
        );
        self.write_config(name, &text)?;
        Ok(())
    }

    /// Makes, registers and starts a node.
    async fn add_node(&mut self, index: usize) -> Result<()> {
        let name = format!("node-{index}");
        let operator = self.account(&name).await?;
        self.give_tokens(operator.address(), NODE_STAKE).await?;
        let dir = self.config.dir.join(&name);
        let address = format!("127.0.0.1:{}", free_udp_port()?);
        let text = format!(
            "{}data_dir = {dir:?}\nlisten = \"{address}\"\ncontrol = \"{}\"\n{}",
            self.chain_config(&name),
            self.control_url,
            self.config.node_config,
        );
        let path = self.write_config(&name, &text)?;
        let made: MadeNode = self
            .command("node init", &["--config", &path, "--json"])
            .await?;
        self.nodes.push(NodeSlot {
            id: made.node,
            address,
            dir,
            process: None,
        });
        self.start_node(index)
    }
}
