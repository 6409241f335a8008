//! A whole network as processes of one binary: an EVM chain, a control plane, nodes, a verifier.
//!
//! Everything is done by the commands an operator would type; nothing here is a short cut.

mod anvil;
mod commands;
mod config;
mod ports;
mod setup;

pub(crate) use setup::{ISSUER_BOND, NODE_STAKE, VERIFIER_BOND};

pub use commands::{Published, PublishedFile};
pub use config::NetworkConfig;

use crate::Answer;
use crate::process::Process;
use anyhow::{Context, Result, bail};
use config::{CHAIN_ID, LOOK, START, other};
use contracts::{Chain, ChainConfig, Deployment};
use host::Http;
use protocol::NodeId;
use protocol::api::NodeInfo;
use std::fs;
use std::path::PathBuf;
use tokio::time::{Instant, sleep};
use toolchain::Toolchain;

/// A node's place and process.
#[derive(Debug)]
pub struct NodeSlot {
    /// Its id.
    pub id: NodeId,
    /// `host:port` it serves at.
    pub address: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Running, unless a test stopped it.
    pub process: Option<Process>,
}

/// A verifier beside the first.
#[derive(Debug)]
pub struct VerifierSlot {
    /// Its HTTP API.
    pub url: String,
    /// Running, unless a test stopped it.
    pub process: Option<Process>,
}

/// A running network. Dropped, its processes are killed.
#[derive(Debug)]
pub struct Network {
    /// How it was made.
    pub config: NetworkConfig,
    /// The chain's JSON-RPC.
    pub rpc: String,
    /// Its contracts.
    pub deployment: Deployment,
    /// The control plane's public HTTP API.
    pub control_url: String,
    /// Its admin API.
    pub admin_url: String,
    /// The verifier's HTTP API; the first one's if there are several.
    pub verifier_url: String,
    /// The nodes, by registry index.
    pub nodes: Vec<NodeSlot>,
    /// The control plane.
    pub control: Option<Process>,
    /// The verifier; the first if there are several.
    pub verifier: Option<Process>,
    /// The verifiers after the first.
    pub others: Vec<VerifierSlot>,
    anvil: Process,
    http: reqwest::Client,
}

impl Network {
    /// Starts everything, and waits for the genesis; `progress` is told what is going on.
    ///
    /// # Errors
    /// If a part doesn't come up; its log's last lines are in the error.
    pub fn start<'a>(config: NetworkConfig, progress: &'a dyn Fn(&str)) -> Answer<'a, Self> {
        Box::pin(async move {
            let tools = disk::run(Toolchain::ensure).await?;
            host::install_crypto_provider();
            let http = reqwest::Client::new();
            for dir in ["keys", "logs"] {
                let dir = config.dir.join(dir);
                fs::create_dir_all(&dir)
                    .with_context(|| format!("cannot create {}", dir.display()))?;
            }

            progress("starting anvil");
            let (anvil, rpc) = anvil::start(&tools, &config, &http).await?;
            let mut network = Self {
                rpc,
                deployment: Deployment::default(),
                control_url: String::new(),
                admin_url: String::new(),
                verifier_url: String::new(),
                nodes: Vec::new(),
                control: None,
                verifier: None,
                others: Vec::new(),
                anvil,
                http,
                config,
            };
            network.bring_up(progress).await?;
            Ok(network)
        })
    }

    /// Starts the control plane's process, new or again.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn start_control(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut process = self.spawn("control", "control run")?;
            self.await_http(&mut process, &format!("{}/healthz", self.control_url))
                .await?;
            self.control = Some(process);
            Ok(())
        })
    }

    /// Starts the verifier's process, new or again.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn start_verifier(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut process = self.spawn("verifier", "verifier run")?;
            self.await_http(&mut process, &format!("{}/healthz", self.verifier_url))
                .await?;
            self.verifier = Some(process);
            Ok(())
        })
    }

    /// Starts the process of one of the other verifiers, new or again.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn start_other(&mut self, index: usize) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut process = self.spawn(&other(index), "verifier run")?;
            let url = format!("{}/healthz", self.others[index].url);
            self.await_http(&mut process, &url).await?;
            self.others[index].process = Some(process);
            Ok(())
        })
    }

    /// Starts the verifier's process anew, as another account and asking those control planes besides the real one
    /// for ticket logs.
    ///
    /// # Errors
    /// If it doesn't end, or doesn't come up.
    pub fn restart_verifier<'a>(
        &'a mut self,
        account: &'a str,
        controls: &'a [String],
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            if let Some(process) = self.verifier.take() {
                process.stop().await?;
            }
            let url = self.verifier_url.clone();
            self.write_verifier_config("verifier", account, &url, controls)?;
            self.start_verifier().await
        })
    }

    /// Starts a node's process, new or again.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start_node(&mut self, index: usize) -> Result<()> {
        let process = self.spawn(&format!("node-{index}"), "node run")?;
        self.nodes[index].process = Some(process);
        Ok(())
    }

    /// Waits until the control plane finds so many nodes healthy.
    ///
    /// # Errors
    /// If they don't get there in time, or one has ended.
    pub fn wait_for_nodes(&mut self, count: usize) -> Answer<'_, ()> {
        Box::pin(async move {
            let began = Instant::now();
            loop {
                let nodes: Vec<NodeInfo> = self
                    .get_json(&format!("{}/v1/nodes", self.control_url))
                    .await?;
                if nodes.iter().filter(|node| node.healthy).count() >= count {
                    return Ok(());
                }
                for node in &mut self.nodes {
                    if let Some(process) = &mut node.process {
                        process.check()?;
                    }
                }
                if began.elapsed() > START {
                    bail!(
                        "only {} of {count} nodes came up; see {}",
                        nodes.len(),
                        self.config.dir.display()
                    );
                }
                sleep(LOOK).await;
            }
        })
    }

    /// Fails if a process that should run has ended.
    ///
    /// # Errors
    /// Which, with its log's last lines.
    pub fn check(&mut self) -> Result<()> {
        self.anvil.check()?;
        let nodes = self
            .nodes
            .iter_mut()
            .filter_map(|node| node.process.as_mut());
        let others = self.others.iter_mut();
        let others = others.filter_map(|other| other.process.as_mut());
        for process in nodes
            .chain(self.control.as_mut())
            .chain(self.verifier.as_mut())
            .chain(others)
        {
            process.check()?;
        }
        Ok(())
    }

    /// The chain, read only.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub fn chain(&self) -> Answer<'_, Chain> {
        Box::pin(async move {
            Ok(Chain::connect(&ChainConfig::new(
                &Http::system(),
                &self.rpc,
                self.deployment.settlement,
            ))
            .await?)
        })
    }

    /// The chain, with one of the accounts in `keys/`.
    ///
    /// # Errors
    /// If there is no such account, or the chain doesn't answer.
    pub fn chain_as<'a>(&'a self, account: &'a str) -> Answer<'a, Chain> {
        Box::pin(async move {
            let path = self.key_path(account);
            let key = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let config = ChainConfig::new(&Http::system(), &self.rpc, self.deployment.settlement)
                .with_chain_id(CHAIN_ID)
                .with_key(key.trim().parse()?);
            Ok(Chain::connect(&config).await?)
        })
    }

    /// Ends every process in order: verifiers, nodes, control plane, chain.
    ///
    /// # Errors
    /// If one has to be killed; the others are ended all the same.
    pub fn stop(self) -> Answer<'static, ()> {
        Box::pin(async move {
            let mut outcome = Ok(());
            let nodes = self.nodes.into_iter().filter_map(|node| node.process);
            let others = self.others.into_iter();
            let others = others.filter_map(|other| other.process);
            let order = self
                .verifier
                .into_iter()
                .chain(others)
                .chain(nodes)
                .chain(self.control)
                .chain([self.anvil]);
            for process in order {
                if let Err(error) = process.stop().await {
                    outcome = Err(error);
                }
            }
            outcome
        })
    }

    async fn await_http(&self, process: &mut Process, url: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.http.get(url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                _ => process.check()?,
            }
            if began.elapsed() > START {
                bail!(
                    "{} does not answer at {url}:\n{}",
                    process.name(),
                    process.tail()
                );
            }
            sleep(LOOK).await;
        }
    }
}
