//! A network, started as its operators do: contracts deployed, parties admitted, processes run.

use super::evm;
use super::ground::{Place, World};
use anyhow::{Context, Result, ensure};
use client::{Client, ClientConfig, ControlApi};
use contracts::{
    Address, B256, Chain, ChainConfig, DeployConfig, Parameters, PrivateKeySigner, TokenConfig,
    U256,
};
use host::{Clock, Host};
use protocol::{ContentHash, Entry, Manifest, PublishRequest, SigningKey};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What the content of a world is published under.
pub const CONTENT_NAME: &str = "film";
/// The control plane's admin token: worthless anywhere else.
const ADMIN_TOKEN: &str = "correct horse battery";
/// Seconds to the genesis: verifiers that are admitted before it vote at once.
const GENESIS_IN_S: u64 = 120;
/// How often something that is to come is looked for.
const LOOK: Duration = Duration::from_secs(2);
/// Looks until it won't come any more.
const LOOKS_MAX: u32 = 150;

const PARAMETERS: Parameters = Parameters {
    epoch_length: 120,
    ticket_tail: 60,
    commit_window: 60,
    force_window: 30,
    challenge_window: 60,
    sla_floor_ppm: 500_000,
    ttfb_ms_max: 2_000,
    throughput_min: 10_000,
    price_per_gib: 1_000_000_000,
    verifier_bond: 1_000,
    issuer_bond: 0,
    node_stake: 500,
};

/// One control plane, one node, one verifier, a chain, and what was published.
pub struct Network {
    /// The chain, as the owner of the contracts.
    pub chain: Chain,
    /// The published file, as its owner has it.
    pub file: Vec<u8>,
    /// Where evidence is, a folder for each epoch.
    pub evidence: PathBuf,
    clock: Clock,
    control: String,
    processes: Vec<Process>,
    stop: CancellationToken,
}

struct Process {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Process {
    fn start<E: std::error::Error + Send + Sync + 'static>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> Running<E>,
    ) -> Self {
        let stop = CancellationToken::new();
        let running = run(stop.clone());
        let task = tokio::spawn(async move { Ok(running.await?) });
        Self { name, stop, task }
    }
}

type Running<E> = std::pin::Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

fn account(world: &World, name: &str) -> PrivateKeySigner {
    let mut secret = [0; 32];
    world.dice(name).fill(&mut secret);
    // All but some 2^-128 of what can be drawn is a key.
    PrivateKeySigner::from_bytes(&B256::from(secret)).expect("a key")
}

fn key(world: &World, name: &str) -> SigningKey {
    let mut secret = [0; 32];
    world.dice(name).fill(&mut secret);
    SigningKey::from_bytes(&secret)
}

impl Network {
    /// Starts one in a world and publishes a file of so many bytes.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn start(world: &mut World, file_bytes: usize) -> Result<Self> {
        let [owner, committer, verifier] =
            ["owner account", "committer account", "verifier account"]
                .map(|name| account(world, name));
        let ether = U256::from(10).pow(U256::from(24));
        let accounts = [&owner, &committer, &verifier];
        let funded = accounts.map(|account| (account.address(), ether));
        let stop = CancellationToken::new();
        let place = world.host("evm");
        let rpc = evm::start(&place, funded.into(), world.trace().clone(), stop.clone());

        let desk = world.host("owner");
        let chain = deploy(&desk.host, &rpc, &owner)
            .await
            .context("deploying")?;
        let (issuer, node) = (key(world, "issuer key"), key(world, "node key"));
        admit(&chain, &issuer, &committer, &node)
            .await
            .context("admitting")?;
        chain.admit_verifier(verifier.address()).await?;
        let tokens = U256::from(PARAMETERS.verifier_bond);
        chain.transfer_token(verifier.address(), tokens).await?;
        let bonded = as_account(&desk.host, &rpc, &chain, &verifier).await?;
        bonded
            .post_bond(U256::from(PARAMETERS.verifier_bond))
            .await?;

        let place = world.host("control");
        let folder = place.folder.clone();
        let control = start_control(&place, &rpc, &chain, committer, issuer).await?;
        let (url, admin) = (
            format!("http://{}", control.http_addr),
            format!("http://{}", control.admin_addr),
        );
        let mut processes = vec![Process::start("control", move |stop| {
            Box::pin(async move {
                control.run_until(stop).await;
                Ok::<_, std::convert::Infallible>(())
            })
        })];
        let place = world.host("node");
        processes.push(start_node(&place, &rpc, &chain, &url, node).await?);
        let place = world.host("verifier");
        let evidence = place.folder.join("evidence");
        processes.push(start_verifier(&place, &rpc, &chain, &url, verifier));

        let mut file = vec![0; file_bytes];
        world.dice("file").fill(&mut file);
        let network = Self {
            chain,
            file,
            evidence,
            clock: desk.host.clock.clone(),
            control: url,
            processes,
            stop,
        };
        network
            .publish(&desk.host, &admin, &folder)
            .await
            .context("publishing")?;
        network.node_is_there(&desk.host).await?;
        Ok(network)
    }

    async fn publish(&self, host: &Host, admin: &str, folder: &Path) -> Result<()> {
        let path = folder.join("to-publish");
        std::fs::write(&path, &self.file)?;
        let content = ContentHash::from(*blake3::hash(&self.file).as_bytes());
        let api = ControlApi::over(&host.http, admin)?;
        api.put_blob(&content, &path, None, ADMIN_TOKEN, Box::new(|_| {}))
            .await?;
        let entry = Entry {
            path: CONTENT_NAME.into(),
            content,
            size: self.file.len() as u64,
            media_type: "video/mp4".into(),
        };
        let request = PublishRequest {
            name: CONTENT_NAME.into(),
            manifest: Manifest::new(vec![entry])?.to_bytes().into(),
            payer: None,
            policy: None,
            kind: Vec::new(),
        };
        api.publish(&request, ADMIN_TOKEN).await?;
        Ok(())
    }

    async fn node_is_there(&self, host: &Host) -> Result<()> {
        let api = ControlApi::over(&host.http, &self.control)?;
        for _ in 0..LOOKS_MAX {
            if api.nodes().await?.iter().any(|node| node.healthy) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        anyhow::bail!("no node became healthy: {:?}", api.nodes().await?)
    }

    /// A client at this host.
    ///
    /// # Errors
    /// If its host has no socket for it.
    pub fn client(&self, place: &Place) -> Result<Client> {
        Ok(Client::new(ClientConfig::on(
            place.host.clone(),
            &self.control,
        ))?)
    }

    /// Waits until an epoch is attested.
    ///
    /// # Errors
    /// If it isn't, in time.
    pub async fn attested(&self, epoch: u64) -> Result<()> {
        loop {
            if self.chain.attestation(epoch).await?.is_some() {
                return Ok(());
            }
            let timeline = self.chain.timeline();
            let late = timeline.attest_from(epoch) + u64::from(PARAMETERS.epoch_length);
            let now = self.chain.now().await?;
            ensure!(now < late, "epoch {epoch} isn't attested at {now}");
            sleep(LOOK).await;
        }
    }

    /// Waits for the genesis, by the world's clock.
    pub async fn begun(&self) {
        while self.clock.now_ms() / 1000 < self.chain.timeline().genesis() {
            sleep(LOOK).await;
        }
    }

    /// Ends all processes in order, the node first.
    ///
    /// # Errors
    /// What one of them ended with.
    pub async fn end(self) -> Result<()> {
        for process in self.processes.into_iter().rev() {
            process.stop.cancel();
            process
                .task
                .await?
                .with_context(|| process.name.to_owned())?;
        }
        self.stop.cancel();
        Ok(())
    }
}

async fn deploy(host: &Host, rpc: &str, owner: &PrivateKeySigner) -> Result<Chain> {
    let config = DeployConfig {
        parameters: PARAMETERS,
        genesis: host.clock.now_ms() / 1000 + GENESIS_IN_S,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(18)),
        },
        owner: None,
        treasury: None,
        change_delay: 1_000,
    };
    let manifest = contracts::deploy_manifest(&host.http, rpc, owner.clone(), &config).await?;
    let settlement = manifest.deployment().settlement;
    let config = ChainConfig::new(&host.http, rpc, settlement);
    Ok(Chain::connect(&config.with_key(owner.clone())).await?)
}

async fn as_account(
    host: &Host,
    rpc: &str,
    chain: &Chain,
    account: &PrivateKeySigner,
) -> Result<Chain> {
    let config = ChainConfig::new(&host.http, rpc, chain.network().1);
    Ok(Chain::connect(&config.with_key(account.clone())).await?)
}

async fn admit(
    chain: &Chain,
    issuer: &SigningKey,
    committer: &PrivateKeySigner,
    node: &SigningKey,
) -> Result<()> {
    let issuer = B256::from(issuer.verifying_key().to_bytes());
    chain.add_issuer(issuer, committer.address()).await?;
    let owner = chain.account().context("the owner has a key")?;
    let proof = chain.key_proof(node, owner);
    chain.register_node(&proof, Address::repeat_byte(9)).await?;
    chain.fund(U256::from(1_000_000_000_000u64)).await?;
    Ok(())
}

async fn start_control(
    place: &Place,
    rpc: &str,
    chain: &Chain,
    committer: PrivateKeySigner,
    issuer: SigningKey,
) -> Result<control::Control> {
    let at = |port| (place.ip, port).into();
    let payer = chain.account().context("the owner has a key")?;
    let mut config = control::Config::new(
        place.host.clone(),
        rpc,
        chain.network().1,
        committer,
        issuer,
        &place.folder,
        at(8080),
        at(4434),
        ADMIN_TOKEN,
        payer,
    );
    config.admin_listen = at(8081);
    control::Control::start(config)
        .await
        .context("starting the control plane")
}

async fn start_node(
    place: &Place,
    rpc: &str,
    chain: &Chain,
    control: &str,
    key: SigningKey,
) -> Result<Process> {
    let config = node::Config {
        host: place.host.clone(),
        data_dir: place.folder.clone(),
        key,
        listen: (place.ip, 4433).into(),
        public_address: None,
        control: control.to_owned(),
        chain: ChainConfig::new(&place.host.http, rpc, chain.network().1),
        cache_bytes: 1 << 30,
        receipt_interval: 1 << 20,
        window: 4 << 20,
        sessions_max: 100,
        bandwidth_mbps: 100,
    };
    let node = node::Node::start(config)
        .await
        .context("starting the node")?;
    Ok(Process::start("node", move |stop| Box::pin(node.run(stop))))
}

fn start_verifier(
    place: &Place,
    rpc: &str,
    chain: &Chain,
    control: &str,
    key: PrivateKeySigner,
) -> Process {
    let (chain_id, settlement) = chain.network();
    let config = verifier::Config {
        host: place.host.clone(),
        rpc: rpc.to_owned(),
        settlement,
        chain_id: Some(chain_id),
        key,
        controls: vec![control.to_owned()],
        peers: Vec::new(),
        data_dir: place.folder.clone(),
        listen: (place.ip, 8090).into(),
        segment_deadline: verifier::Config::SEGMENT_DEADLINE,
        poll_interval: verifier::Config::POLL_INTERVAL,
        shorten_from: verifier::Config::SHORTEN_FROM,
    };
    Process::start("verifier", move |stop| {
        Box::pin(verifier::run(config, stop))
    })
}
