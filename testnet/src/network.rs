//! A whole network as processes of one binary: an EVM chain, a control plane, nodes, a verifier.
//!
//! Everything is done by the commands an operator would type; nothing here is a short cut.

use crate::process::Process;
use anyhow::{Context, Result, bail};
use contracts::{Address, Chain, ChainConfig, Deployment, PrivateKeySigner};
use protocol::{IssuerKey, NodeId, NodeInfo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use toolchain::Toolchain;

/// anvil's chain id.
const CHAIN_ID: u64 = 31_337;
/// Seconds between blocks.
const BLOCK_SECONDS: &str = "0.5";
/// The test account that anvil funds first: its key is public, it deploys and pays here.
const DEPLOYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// 1,000 ether for every other account.
const BALANCE: &str = "0x3635c9adc5dea00000";
/// How long a part may take to come up.
const START: Duration = Duration::from_secs(30);
/// Pause between looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(50);
/// Money put into the vault: a thousand test tokens.
const FUNDS: &str = "1000000000000000000000";

/// What kind of network.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// The `quittance` binary.
    pub binary: PathBuf,
    /// A folder for everything.
    pub dir: PathBuf,
    /// Cache nodes.
    pub nodes: usize,
    /// Seconds an epoch lasts.
    pub epoch_seconds: u32,
    /// Seconds a ticket may outlast its epoch.
    pub ticket_tail: u32,
    /// Seconds an attestation stands open.
    pub challenge_seconds: u32,
    /// Extra lines for every node's config file.
    pub node_config: String,
}

impl NetworkConfig {
    /// Three nodes, epochs of 15 s, a tail of 3 s, a challenge window of 4 s.
    pub fn new(binary: PathBuf, dir: PathBuf) -> Self {
        Self {
            binary,
            dir,
            nodes: 3,
            epoch_seconds: 15,
            ticket_tail: 3,
            challenge_seconds: 4,
            node_config: String::new(),
        }
    }
}

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

/// A running network. Dropped, its processes are killed.
#[derive(Debug)]
pub struct Network {
    /// How it was made.
    pub config: NetworkConfig,
    /// The chain's JSON-RPC.
    pub rpc: String,
    /// Its contracts.
    pub deployment: Deployment,
    /// The control plane's HTTP API.
    pub control_url: String,
    /// The verifier's HTTP API.
    pub verifier_url: String,
    /// The nodes, by registry index.
    pub nodes: Vec<NodeSlot>,
    /// The control plane.
    pub control: Option<Process>,
    /// The verifier.
    pub verifier: Option<Process>,
    anvil: Process,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct MadeNode {
    node: NodeId,
}

#[derive(Deserialize)]
struct MadeControl {
    issuer: IssuerKey,
}

/// What `quittance publish --json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct Published {
    /// The collection's id.
    pub collection: protocol::CollectionId,
    /// Its name.
    pub name: String,
    /// Its files.
    pub files: Vec<PublishedFile>,
}

/// A published file.
#[derive(Debug, Clone, Deserialize)]
pub struct PublishedFile {
    /// Path in the collection.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Hash.
    pub blake3: protocol::ContentHash,
}

impl Network {
    /// Starts everything; `progress` is told what is going on.
    ///
    /// # Errors
    /// If a part doesn't come up; its log's last lines are in the error.
    pub async fn start(config: NetworkConfig, progress: &dyn Fn(&str)) -> Result<Self> {
        let tools = tokio::task::spawn_blocking(Toolchain::ensure).await??;
        contracts::install_crypto_provider();
        let http = reqwest::Client::new();
        for dir in ["keys", "logs"] {
            let dir = config.dir.join(dir);
            fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }

        progress("starting anvil");
        let port = free_tcp_port()?;
        let rpc = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tools.tool("anvil")?);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args([
            "--chain-id",
            &CHAIN_ID.to_string(),
            "--block-time",
            BLOCK_SECONDS,
        ]);
        let mut anvil = Process::spawn("anvil", command, &config.dir.join("logs/anvil.log"))?;
        let began = Instant::now();
        while rpc_call(&http, &rpc, "eth_blockNumber", serde_json::json!([]))
            .await
            .is_err()
        {
            anvil.check()?;
            if began.elapsed() > START {
                bail!("anvil does not answer at {rpc}:\n{}", anvil.tail());
            }
            sleep(LOOK).await;
        }

        let mut network = Self {
            rpc,
            deployment: Deployment {
                chain_id: CHAIN_ID,
                token: Address::ZERO,
                registry: Address::ZERO,
                vault: Address::ZERO,
                settlement: Address::ZERO,
                block: 0,
            },
            control_url: String::new(),
            verifier_url: String::new(),
            nodes: Vec::new(),
            control: None,
            verifier: None,
            anvil,
            http,
            config,
        };
        network.bring_up(progress).await?;
        Ok(network)
    }

    async fn bring_up(&mut self, progress: &dyn Fn(&str)) -> Result<()> {
        let deployer = self.write_key("deployer", DEPLOYER_KEY)?;
        let control = self.account("control").await?;
        let verifier = self.account("verifier").await?;

        progress("deploying the contracts");
        let config = &self.config;
        let deploy = [
            ("epoch_length", u64::from(config.epoch_seconds)),
            ("ticket_tail", config.ticket_tail.into()),
            // The control plane commits within seconds; a verifier need not wait longer for one that died.
            ("commit_window", u64::from(config.ticket_tail) + 20),
            ("challenge_window", config.challenge_seconds.into()),
            ("ttfb_ms_max", 2000),
            ("throughput_min", 100_000),
        ];
        let mut text = format!(
            "rpc = {:?}\neth_key_file = {:?}\n",
            self.rpc,
            self.key_path("deployer")
        );
        for (key, value) in deploy {
            text.push_str(&format!("{key} = {value}\n"));
        }
        let path = self.write_config("deploy", &text)?;
        self.deployment = self
            .command("contracts deploy", &["--config", &path, "--json"])
            .await?;

        let control_dir = self.config.dir.join("control");
        let made: MadeControl = self
            .command(
                "control init",
                &["--data-dir", &control_dir.display().to_string(), "--json"],
            )
            .await?;
        let admin = self.write_config("admin", &self.chain_config("deployer"))?;
        let (issuer, committer) = (made.issuer.to_string(), control.address().to_string());
        let account = verifier.address().to_string();
        for command in [
            &["add-issuer", &issuer, &committer][..],
            &["add-verifier", &account],
            &["fund", FUNDS],
        ] {
            let args = [&command[1..], &["--config", &admin, "--json"]].concat();
            let name = format!("contracts {}", command[0]);
            self.command::<serde_json::Value>(&name, &args).await?;
        }

        progress("starting the control plane");
        let (http_port, join_port) = (free_tcp_port()?, free_udp_port()?);
        self.control_url = format!("http://127.0.0.1:{http_port}");
        let text = format!(
            "{}data_dir = {control_dir:?}\nlisten = \"127.0.0.1:{http_port}\"\njoin_listen = \"127.0.0.1:{join_port}\"\npayer = \"{}\"\nreplicas = {}\n",
            self.chain_config("control"),
            deployer.address(),
            // Every node holds everything, so that every node has clients.
            self.config.nodes,
        );
        self.write_config("control", &text)?;
        self.start_control().await?;

        progress(&format!(
            "registering and starting {} nodes",
            self.config.nodes
        ));
        for index in 0..self.config.nodes {
            self.add_node(index).await?;
        }
        self.wait_for_nodes(self.config.nodes).await?;

        progress("starting the verifier");
        let port = free_tcp_port()?;
        self.verifier_url = format!("http://127.0.0.1:{port}");
        let text = format!(
            "{}data_dir = {:?}\nlisten = \"127.0.0.1:{port}\"\ncontrol = [\"{}\"]\nsegment_deadline = 20\npoll_ms = 250\n",
            self.chain_config("verifier"),
            self.config.dir.join("verifier"),
            self.control_url,
        );
        self.write_config("verifier", &text)?;
        self.start_verifier().await
    }

    /// Starts the control plane's process, new or again.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub async fn start_control(&mut self) -> Result<()> {
        let mut process = self.spawn("control", "control run")?;
        self.await_http(&mut process, &format!("{}/healthz", self.control_url))
            .await?;
        self.control = Some(process);
        Ok(())
    }

    /// Starts the verifier's process, new or again.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub async fn start_verifier(&mut self) -> Result<()> {
        let mut process = self.spawn("verifier", "verifier run")?;
        self.await_http(&mut process, &format!("{}/healthz", self.verifier_url))
            .await?;
        self.verifier = Some(process);
        Ok(())
    }

    /// Makes, registers and starts a node.
    ///
    /// # Errors
    /// If a step fails.
    async fn add_node(&mut self, index: usize) -> Result<()> {
        let name = format!("node-{index}");
        self.account(&name).await?;
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
    pub async fn wait_for_nodes(&mut self, count: usize) -> Result<()> {
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
        for process in nodes
            .chain(self.control.as_mut())
            .chain(self.verifier.as_mut())
        {
            process.check()?;
        }
        Ok(())
    }

    /// Publishes a file or folder under a name.
    ///
    /// # Errors
    /// What the command says.
    pub async fn publish(&self, path: &Path, name: &str) -> Result<Published> {
        let token = self
            .config
            .dir
            .join("control/admin.token")
            .display()
            .to_string();
        let path = path.display().to_string();
        let args = [
            &path,
            "--name",
            name,
            "--control",
            &self.control_url,
            "--token-file",
            &token,
            "--json",
        ];
        self.command("publish", &args).await
    }

    /// The chain, read only.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn chain(&self) -> Result<Chain> {
        Ok(Chain::connect(&ChainConfig::new(&self.rpc, self.deployment.settlement)).await?)
    }

    /// Runs a subcommand and reads the JSON it prints.
    ///
    /// # Errors
    /// If it fails: what it said on stderr.
    pub async fn command<T: DeserializeOwned>(&self, name: &str, args: &[&str]) -> Result<T> {
        let mut command = self.quittance(name);
        let out = command
            .args(args)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!(
                "`quittance {name}` failed ({}): {}",
                out.status,
                said.trim()
            );
        }
        serde_json::from_slice(&out.stdout)
            .with_context(|| format!("`quittance {name}` printed no such JSON"))
    }

    /// A subcommand to be run.
    pub fn quittance(&self, name: &str) -> Command {
        let mut command = Command::new(&self.config.binary);
        command.args(name.split(' '));
        command
    }

    /// The config file that [`Network::start`] wrote for a part.
    pub fn config_path(&self, name: &str) -> PathBuf {
        self.config.dir.join(format!("{name}.toml"))
    }

    /// The key file of a part's account.
    pub fn key_path(&self, name: &str) -> PathBuf {
        self.config.dir.join(format!("keys/{name}.key"))
    }

    /// Ends every process in order: verifier, nodes, control plane, chain.
    ///
    /// # Errors
    /// If one has to be killed; the others are ended all the same.
    pub async fn stop(self) -> Result<()> {
        let mut outcome = Ok(());
        let nodes = self.nodes.into_iter().filter_map(|node| node.process);
        let order = self
            .verifier
            .into_iter()
            .chain(nodes)
            .chain(self.control)
            .chain([self.anvil]);
        for process in order {
            if let Err(error) = process.stop().await {
                outcome = Err(error);
            }
        }
        outcome
    }

    fn spawn(&self, name: &str, subcommand: &str) -> Result<Process> {
        let mut command = self.quittance(subcommand);
        command.arg("--config").arg(self.config_path(name));
        Process::spawn(
            name,
            command,
            &self.config.dir.join(format!("logs/{name}.log")),
        )
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

    /// GETs JSON.
    ///
    /// # Errors
    /// If there is none.
    pub async fn get_json<T: DeserializeOwned>(&self, url: &str) -> Result<T> {
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    fn chain_config(&self, account: &str) -> String {
        format!(
            "rpc = {:?}\nsettlement = \"{}\"\nchain_id = {CHAIN_ID}\neth_key_file = {:?}\n",
            self.rpc,
            self.deployment.settlement,
            self.key_path(account),
        )
    }

    fn write_config(&self, name: &str, text: &str) -> Result<String> {
        let path = self.config_path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    fn write_key(&self, name: &str, key: &str) -> Result<PrivateKeySigner> {
        let path = self.key_path(name);
        fs::write(&path, key).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(key.parse()?)
    }

    /// A fresh account with ether.
    async fn account(&self, name: &str) -> Result<PrivateKeySigner> {
        let signer = PrivateKeySigner::random();
        self.write_key(name, &signer.to_bytes().to_string())?;
        let params = serde_json::json!([signer.address(), BALANCE]);
        rpc_call(&self.http, &self.rpc, "anvil_setBalance", params).await?;
        Ok(signer)
    }
}

async fn rpc_call(
    http: &reqwest::Client,
    url: &str,
    method: &str,
    params: serde_json::Value,
) -> Result<serde_json::Value> {
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer: serde_json::Value = http.post(url).json(&body).send().await?.json().await?;
    match answer.get("error") {
        None => Ok(answer["result"].clone()),
        Some(error) => bail!("{method}: {error}"),
    }
}

/// A port that was free a moment ago.
fn free_tcp_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn free_udp_port() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
