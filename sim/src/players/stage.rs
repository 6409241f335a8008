//! Where players meet a network: a world with one, its books, and what any of them may start of its own.

use super::wire::Wire;
use crate::checks::{self, Books, Claims, Honest, Leaving};
use crate::world::{Network, Place, World};
use anyhow::{Context, Result, ensure};
use client::ControlApi;
use contracts::{Address, Chain, ChainConfig, PrivateKeySigner, U256};
use host::Host;
use protocol::{ContentHash, NodeId, SigningKey};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often something that is to come is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Looks until it won't come any more.
const LOOKS_MAX: u32 = 300;
/// An epoch that isn't attested so long after it is due never is, seconds: more than all its windows together.
const DUE_MAX_S: u64 = 120;
/// What a verifier has at stake in these networks, token units.
const BOND: u64 = 1_000;

/// A world, its network and its books.
pub struct Stage {
    /// The world.
    pub world: World,
    play: &'static str,
    /// The network, which keeps the rules.
    pub network: Network,
    /// What is counted.
    pub books: Books,
    /// Verifiers that keep the rules.
    pub honest: Vec<Honest>,
}

/// A process that a player started.
pub struct Own {
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Own {
    fn start(run: impl FnOnce(CancellationToken) -> JoinHandle<Result<()>>) -> Self {
        let stop = CancellationToken::new();
        let task = run(stop.clone());
        Self { stop, task }
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}

impl Stage {
    /// Around a network, for the play of that name.
    pub fn new(world: World, network: Network, play: &'static str) -> Self {
        let honest = Honest::of(&network);
        Self {
            world,
            play,
            network,
            books: Books::default(),
            honest,
        }
    }

    /// Notes that the deed was done: only now its player was met.
    pub fn did_it(&self) {
        self.world.reach().note("player", self.play);
    }

    /// The hash of what is published.
    pub fn content(&self) -> ContentHash {
        ContentHash::from(*blake3::hash(&self.network.file).as_bytes())
    }

    /// Its size, bytes.
    pub fn size(&self) -> u64 {
        self.network.file.len() as u64
    }

    /// A client of bare frames, at a host of its own in the client network of that number.
    ///
    /// # Errors
    /// If it has no socket.
    pub fn wire(&mut self, name: &str, network: u8) -> Result<(Wire, Place)> {
        let ip = IpAddr::V4(Ipv4Addr::new(10, 1, network, 1));
        let place = self.world.machine_at(name, ip).place();
        Ok((Wire::new(&self.network, &place, &self.books)?, place))
    }

    /// Somebody who keeps the rules: fetches all and signs for it.
    ///
    /// # Errors
    /// If it doesn't go as it has to.
    pub async fn watched_by(
        &mut self,
        name: &str,
        network: u8,
        node: Option<NodeId>,
    ) -> Result<()> {
        let (wire, _place) = self.wire(name, network)?;
        let mut session = wire.ready(node).await.context(name.to_owned())?;
        session.keep_the_rules(self.content(), self.size()).await?;
        Ok(())
    }

    /// Waits until the first epoch is over for good, and enters what came of it.
    ///
    /// # Errors
    /// If the chain can't be read.
    pub async fn closed(&self) -> Result<()> {
        let how = (DUE_MAX_S, Claims::ByAnybody);
        checks::close(&self.network, &self.books, 0, &self.honest, how).await
    }

    /// Enters what verifiers that keep the rules have at stake.
    ///
    /// # Errors
    /// If the chain can't be read.
    pub async fn enter_bonds(&self) -> Result<()> {
        checks::enter_bonds(&self.network, &self.books, &self.honest).await
    }

    /// Ends the network: somebody of each role leaves with what is theirs.
    ///
    /// # Errors
    /// If the chain can't be read, or a process doesn't stop.
    pub async fn left(&mut self) -> Result<()> {
        let host = self.world.host("who leave").host;
        let keys = &self.network.keys;
        let leaving = Leaving {
            saver: self.as_account(&host, &keys.saver).await?,
            verifier: self.as_account(&host, &keys.verifiers[0]).await?,
            operator: self.as_account(&host, &keys.nodes[0].1).await?,
        };
        checks::leave(&self.network, &self.books, &self.honest, &leaving).await
    }

    /// The evidence of the first verifier that keeps the rules, a folder for each epoch.
    pub fn evidence(&self) -> PathBuf {
        let mut all = self.honest.iter().filter_map(|one| one.evidence.clone());
        all.next().unwrap_or_default()
    }

    /// Enters what the network's sockets were given for each client's host.
    pub fn enter_datagrams(&self) {
        let world = &self.world;
        self.books.enter(|books| {
            let hosts = books.tickets.values().map(|of| of.at);
            books.datagrams = hosts.map(|at| (at, world.sent_to(at))).collect();
        });
    }

    /// The chain as an account has it that asks from there.
    ///
    /// # Errors
    /// If the chain can't be reached.
    pub async fn as_account(&self, host: &Host, account: &PrivateKeySigner) -> Result<Chain> {
        let rpc = self.network.rpc(&account.address().to_string());
        let config = ChainConfig::new(&host.http, rpc, self.network.chain.network().1);
        let config = config.with_key(account.clone());
        Ok(Chain::connect(&config).await?)
    }

    /// The ed25519 key that a name decides.
    pub fn key(&self, name: &str) -> SigningKey {
        let mut secret = [0; 32];
        self.world.dice(name).fill(&mut secret);
        SigningKey::from_bytes(&secret)
    }

    /// Registers a node of that name, starts it at that host, and waits until clients are sent to it.
    ///
    /// # Errors
    /// If that doesn't come to be.
    pub async fn node(
        &mut self,
        name: &str,
        place: &Place,
        payout: Address,
    ) -> Result<(NodeId, Own)> {
        let key = self.key(name);
        let id = NodeId::from(key.verifying_key().to_bytes());
        let chain = &self.network.chain;
        let owner = chain.account().context("the owner has a key")?;
        let proof = chain.key_proof(&key, owner);
        chain.register_node(&proof, payout).await?;
        let node = self.start_node(place, key).await?;
        let api = ControlApi::over(&place.host.http, &self.network.control_url())?;
        for _ in 0..LOOKS_MAX {
            let nodes = api.nodes().await?;
            if nodes.iter().any(|node| node.node == id && node.healthy) {
                return Ok((id, node));
            }
            sleep(LOOK).await;
        }
        anyhow::bail!("{name} didn't become healthy")
    }

    /// Starts a node with that key at that host.
    ///
    /// # Errors
    /// If it doesn't start.
    pub async fn start_node(&self, place: &Place, key: SigningKey) -> Result<Own> {
        let (rpc, settlement) = (self.network.rpc("own node"), self.network.chain.network().1);
        let config = node::Config {
            host: place.host.clone(),
            data_dir: place.folder.clone(),
            key,
            listen: (place.ip, 4433).into(),
            public_address: None,
            control: self.network.control_url(),
            chain: ChainConfig::new(&place.host.http, rpc, settlement),
            cache_bytes: 1 << 30,
            receipt_interval: 1 << 18,
            window: 1 << 20,
            sessions_max: 100,
            bandwidth_mbps: 100,
        };
        let node = node::Node::start(config).await.context("a player's node")?;
        Ok(Own::start(|stop| {
            tokio::spawn(async move { Ok(node.run(stop).await?) })
        }))
    }

    /// Admits an account as a verifier and bonds it. Must be before the genesis.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn bonded(&self, host: &Host, account: &PrivateKeySigner) -> Result<Chain> {
        let chain = &self.network.chain;
        let began = chain.now().await? >= chain.timeline().genesis();
        ensure!(!began, "who is admitted after the genesis waits");
        chain.admit_verifier(account.address()).await?;
        chain
            .transfer_token(account.address(), U256::from(BOND))
            .await?;
        let bonded = self.as_account(host, account).await?;
        bonded.post_bond(U256::from(BOND)).await?;
        Ok(bonded)
    }

    /// Starts a verifier at that host, which asks these control planes.
    pub fn verifier(
        &self,
        place: &Place,
        key: PrivateKeySigner,
        deadline: Duration,
        controls: Vec<String>,
    ) -> Own {
        let (chain_id, settlement) = self.network.chain.network();
        let config = verifier::Config {
            host: place.host.clone(),
            rpc: self.network.rpc("own verifier"),
            settlement,
            chain_id: Some(chain_id),
            fee_cap: contracts::CAP,
            key,
            controls,
            peers: Vec::new(),
            data_dir: place.folder.clone(),
            listen: (place.ip, 8090).into(),
            segment_deadline: deadline,
            poll_interval: verifier::Config::POLL_INTERVAL,
            shorten_from: verifier::Config::SHORTEN_FROM,
        };
        Own::start(|stop| tokio::spawn(async move { Ok(verifier::run(config, stop).await?) }))
    }
}
