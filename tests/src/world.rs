//! A network in a scratch folder, and what chain and evidence say of it.

use crate::independent::{OnChain, agree, agree_on_all};
use crate::{Ran, eventually, now_ms, run};
use contracts::{Chain, Status};
use protocol::{
    BillTree, ChargeTree, Epoch, EpochLeaf, EpochTree, NodeId, NodeTree, Segment, TicketLog,
    Timeline,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use testnet::{Network, NetworkConfig, Published, Toolchain};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Networks at a time: with two, two cores are idle most of the time, since most tests wait for epochs to end.
const NETWORKS: u32 = 4;
static TURNS: Semaphore = Semaphore::const_new(NETWORKS as usize);

/// Waits until one more network may run, for as long as what is returned is kept.
///
/// # Panics
/// Never: turns don't end.
pub async fn turn() -> SemaphorePermit<'static> {
    TURNS.acquire().await.expect("never closed")
}

/// A folder that goes when the test does well, and stays, named, when it doesn't.
#[derive(Debug)]
pub struct Scratch(Option<tempfile::TempDir>);

impl Scratch {
    /// A new one.
    ///
    /// # Panics
    /// If it can't be made.
    pub fn new() -> Self {
        let made = tempfile::Builder::new().prefix("quittance-test-").tempdir();
        Self(Some(made.expect("a temporary folder can be made")))
    }

    /// Where it is.
    ///
    /// # Panics
    /// Never: it is there until dropped.
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("there until dropped").path()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.0.take().filter(|_| std::thread::panicking()) {
            eprintln!("what the test left is in {}", dir.keep().display());
        }
    }
}

/// A running network, and its folder. Fields are dropped in order: the processes go first.
pub struct World {
    network: Network,
    chain: Chain,
    scratch: Scratch,
    _turn: SemaphorePermit<'static>,
}

impl Deref for World {
    type Target = Network;
    fn deref(&self) -> &Network {
        &self.network
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Network {
        &mut self.network
    }
}

/// Whatever a test does, both auditors say the same of every epoch that it has attested.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Err(error) = agree_on_all(&self.on_chain(), |epoch| self.evidence_dir(epoch)) {
            panic!("the auditors disagree: {error}");
        }
    }
}

/// What a verifier wrote of an epoch.
#[derive(Debug)]
pub struct Evidence {
    /// The node leaves.
    pub tree: NodeTree,
    /// The payer leaves.
    pub bills: BillTree,
    /// What both are made of.
    pub charges: ChargeTree,
    /// Issuer 0's log.
    pub log: TicketLog,
    /// The segments, by registry index.
    pub segments: BTreeMap<u32, Segment>,
    /// `rejections.json`.
    pub rejections: Vec<Value>,
}

fn tree<L: EpochLeaf>(bytes: &[u8]) -> EpochTree<L> {
    EpochTree::from_bytes(bytes).expect("an epoch tree")
}

impl World {
    /// A network of so many nodes: epochs of 8 s, a ticket tail, a force and a challenge window of 2 s, unless `change` says otherwise.
    ///
    /// # Panics
    /// If it doesn't come up.
    pub async fn start(nodes: usize, change: impl FnOnce(&mut NetworkConfig)) -> Self {
        Self::start_at(turn().await, nodes, change).await
    }

    /// As [`Self::start`], with no other network beside it: for a test whose nodes leave who is slow.
    ///
    /// # Panics
    /// If it doesn't come up.
    pub async fn start_alone(nodes: usize, change: impl FnOnce(&mut NetworkConfig)) -> Self {
        let turns = TURNS.acquire_many(NETWORKS).await;
        Self::start_at(turns.expect("never closed"), nodes, change).await
    }

    async fn start_at(
        turn: SemaphorePermit<'static>,
        nodes: usize,
        change: impl FnOnce(&mut NetworkConfig),
    ) -> Self {
        let scratch = Scratch::new();
        let mut config = NetworkConfig::new(crate::binary(), scratch.path().join("net"));
        config.nodes = nodes;
        config.epoch_seconds = 8;
        config.ticket_tail = 2;
        config.challenge_seconds = 2;
        change(&mut config);
        let network = Network::start(config, &|_| {})
            .await
            .unwrap_or_else(|error| panic!("the network doesn't start: {error:#}"));
        let chain = network.chain().await.expect("anvil answers");
        Self {
            network,
            chain,
            scratch,
            _turn: turn,
        }
    }

    /// The chain, read only.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The network's clock.
    pub fn timeline(&self) -> Timeline {
        self.chain.timeline()
    }

    /// A folder in the scratch folder, for the test's own files.
    ///
    /// # Panics
    /// If it can't be made.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::create_dir_all(&path).expect("the scratch folder is ours");
        path
    }

    /// The epoch now.
    ///
    /// # Panics
    /// Before the genesis.
    pub fn epoch(&self) -> Epoch {
        let epoch = self.timeline().epoch_at_ms(now_ms());
        epoch.expect("the genesis has been")
    }

    /// Waits until the epoch has so many seconds left, and gives it.
    pub async fn epoch_with(&self, seconds: u64) -> Epoch {
        eventually("an epoch with time left", async || {
            let epoch = self.epoch();
            (self.timeline().end(epoch) * 1000 >= now_ms() + seconds * 1000).then_some(epoch)
        })
        .await
    }

    /// A figure of the control plane's.
    ///
    /// # Panics
    /// If it isn't to be had.
    pub async fn control_metric(&self, name: &str) -> u64 {
        let token = self.config.dir.join("control/admin.token");
        let token = fs::read_to_string(token).expect("`control init` wrote it");
        let url = format!("{}/metrics", self.admin_url);
        let asked = reqwest::Client::new().get(url).bearer_auth(token.trim());
        let answer = asked.send().await.expect("it answers");
        let text = answer.text().await.expect("text");
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        let found = text.lines().find_map(value);
        found.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Writes files into a folder and publishes it, sealed.
    ///
    /// # Panics
    /// If it can't be published.
    pub async fn publish_files(&self, name: &str, files: &[(&str, &[u8])]) -> Published {
        self.publish_files_with(name, files, &[]).await
    }

    /// As [`Self::publish_files`], with more flags.
    ///
    /// # Panics
    /// If it can't be published.
    pub async fn publish_files_with(
        &self,
        name: &str,
        files: &[(&str, &[u8])],
        flags: &[&str],
    ) -> Published {
        let folder = self.folder(&format!("content-{name}"));
        for (path, bytes) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("ours");
            fs::write(path, bytes).expect("the scratch folder is ours");
        }
        let published = self.network.publish_with(&folder, name, flags).await;
        published.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits until the epoch's attestation is mined; nothing may end meanwhile that should run.
    pub async fn attested(&mut self, epoch: Epoch) {
        self.until(&format!("epoch {epoch} to be attested"), async |chain| {
            chain
                .attestation_tx(epoch)
                .await
                .expect("anvil answers")
                .is_some()
        })
        .await;
    }

    /// Waits until the epoch is past its challenge window.
    pub async fn active(&mut self, epoch: Epoch) {
        self.attested(epoch).await;
        self.until(&format!("epoch {epoch} to be active"), async |chain| {
            let status = chain.status(epoch).await.expect("anvil answers");
            matches!(status, Status::Active | Status::Archived)
        })
        .await;
    }

    /// Waits for something on the chain.
    pub async fn until(&mut self, what: &str, mut look: impl AsyncFnMut(&Chain) -> bool) {
        let (network, chain) = (&mut self.network, &self.chain);
        eventually(what, async || {
            network.check().unwrap_or_else(|error| panic!("{error:#}"));
            look(chain).await.then_some(())
        })
        .await;
    }

    /// The evidence of an attested epoch; that its root is the chain's is checked.
    ///
    /// # Panics
    /// If it isn't there, makes no sense, or is another.
    pub async fn evidence(&self, epoch: Epoch) -> Evidence {
        let dir = self.evidence_dir(epoch);
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let tree: NodeTree = tree(&read("tree.qtree"));
        let bills: BillTree = self::tree(&read("bills.qbil"));
        let charges: ChargeTree = self::tree(&read("charges.qchg"));
        let attested = self.chain.attestation_tx(epoch).await;
        let attested = attested.expect("anvil answers");
        let attested = attested.unwrap_or_else(|| panic!("no event of epoch {epoch}"));
        let root = tree.root().expect("amounts fit");
        assert_eq!(root.hash(), attested.roots.nodes, "epoch {epoch}");
        assert_eq!(root.mass().amount(), attested.total, "epoch {epoch}");
        let billed = bills.root().expect("amounts fit");
        assert_eq!(billed.hash(), attested.roots.bills, "epoch {epoch}");
        assert_eq!(billed.mass().amount(), attested.total, "epoch {epoch}");
        let charged = charges.root().expect("amounts fit");
        assert_eq!(charged.hash(), attested.roots.charges, "epoch {epoch}");
        let rewards: u128 = tree.leaves.iter().map(|leaf| leaf.reward).sum();
        assert_eq!(charged.mass().amount(), rewards, "epoch {epoch}");
        let segments = (0..tree.leaves.len() as u32).filter_map(|index| {
            let path = dir.join(format!("segment-{index}.qseg"));
            let bytes = fs::read(path).ok()?;
            Some((index, Segment::from_bytes(&bytes).expect("a segment")))
        });
        Evidence {
            segments: segments.collect(),
            log: TicketLog::from_bytes(&read("tickets-0.qlog")).expect("a ticket log"),
            rejections: serde_json::from_slice(&read("rejections.json")).expect("JSON"),
            tree,
            bills,
            charges,
        }
    }

    /// Where the verifier keeps an epoch's evidence.
    pub fn evidence_dir(&self, epoch: Epoch) -> PathBuf {
        let name = epoch.to_string();
        self.config.dir.join("verifier/evidence").join(name)
    }

    /// Attested bytes by node, of epochs 0 to `last`; nothing may have been rejected.
    ///
    /// # Panics
    /// If something was, or evidence is missing.
    pub async fn attested_bytes(&self, last: Epoch) -> BTreeMap<NodeId, u64> {
        let mut bytes = BTreeMap::new();
        for epoch in 0..=last {
            let evidence = self.evidence(epoch).await;
            assert_eq!(evidence.rejections, Vec::<Value>::new(), "epoch {epoch}");
            for leaf in &evidence.tree.leaves {
                *bytes.entry(leaf.node).or_default() += leaf.mass.bytes();
            }
        }
        bytes
    }

    /// Where a node keeps an epoch's segment.
    pub fn segment_path(&self, node: usize, epoch: Epoch) -> PathBuf {
        let name = format!("segments/epoch-{epoch}.qseg");
        self.nodes[node].dir.join(name)
    }

    /// Waits until a node has sealed an epoch; the segment's bytes.
    pub async fn segment(&self, node: usize, epoch: Epoch) -> Vec<u8> {
        let path = self.segment_path(node, epoch);
        eventually("a segment to be sealed", async || fs::read(&path).ok()).await
    }

    /// SIGKILLs a node.
    ///
    /// # Panics
    /// If it doesn't run.
    pub async fn kill_node(&mut self, node: usize) {
        let process = self.nodes[node].process.take().expect("it runs");
        process.kill().await.expect("ours to kill");
    }

    /// Where auditors find the chain.
    fn on_chain(&self) -> OnChain {
        OnChain {
            rpc: self.rpc.clone(),
            settlement: self.deployment.settlement.to_string(),
        }
    }

    /// `quittance audit` of an epoch, by what is at the verifier. The other auditor has to say the same.
    ///
    /// # Panics
    /// If it doesn't.
    pub async fn audit(&self, epoch: Epoch, evidence: &str) -> Ran {
        let (chain, from) = (self.on_chain(), evidence.to_owned());
        let agreed = disk::run(move || agree(&chain, epoch, &from)).await;
        agreed.unwrap_or_else(|error| panic!("the auditors disagree: {error}"));
        let epoch = epoch.to_string();
        let settlement = self.deployment.settlement.to_string();
        let chain = ["--rpc", &self.rpc, "--settlement", &settlement];
        let what = ["audit", "--epoch", &epoch, "--evidence", evidence];
        run(&[&what[..], &chain].concat()).await
    }

    /// What `cast` says, run against the chain.
    ///
    /// # Panics
    /// If it fails.
    pub async fn cast(&self, args: &[&str]) -> String {
        let tools = disk::run(Toolchain::ensure).await;
        let tools = tools.expect("the tools are there");
        let mut command = tokio::process::Command::new(tools.tool("cast").expect("installed"));
        let command = command.args(args).args(["--rpc-url", &self.rpc]);
        let out = command.output().await.expect("cast can be run");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "cast {args:?}: {said}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Transactions that the verifier has sent, mined or not.
    ///
    /// # Panics
    /// If the chain doesn't answer.
    pub async fn sent_by_verifier(&self) -> u64 {
        let key = std::fs::read_to_string(self.key_path("verifier")).expect("the harness wrote it");
        let account: contracts::PrivateKeySigner = key.trim().parse().expect("it is a key");
        let address = account.address().to_string();
        let nonce = self.cast(&["nonce", &address, "--block", "pending"]).await;
        nonce.parse().expect("a number")
    }
}
