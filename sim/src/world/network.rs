//! A network, started as its operators do: contracts deployed, parties admitted, processes run.

use super::evm::Evm;
use super::founding::{Parties, as_account, found, provider};
use super::ground::World;
use super::machine::Place;
use super::parts::{
    self, ADMIN_TOKEN, Summaries, admin_url, control_url, evidence_url, gateway_url,
};
use super::plan::Plan;
use super::process::{Ends, Part, Process};
use super::provider::RpcFault;
use anyhow::{Context, Result, bail, ensure};
use client::{Client, ClientConfig, ControlApi, Summary};
use contracts::Chain;
use host::{Clock, Host};
use protocol::api::PublishRequest;
use protocol::{ContentHash, Entry, Epoch, Manifest};
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What the content of a world is published under.
pub const CONTENT_NAME: &str = "film";
/// How often something that is to come is looked for.
const LOOK: Duration = Duration::from_secs(2);
/// Looks until it won't come any more.
const LOOKS_MAX: u32 = 120;

/// A network: its processes, its chain, and what was published in it.
///
/// Everything takes `&self`, so that viewers, faults and whoever checks share one.
pub struct Network {
    /// What it was made from.
    pub plan: Plan,
    /// The chain, as the owner of the contracts.
    pub chain: Chain,
    /// The published file, as its owner has it.
    pub file: Vec<u8>,
    /// The control plane.
    pub control: Process,
    /// The nodes; a node's place is its index in the registry.
    pub nodes: Vec<Process>,
    /// The verifiers, as many as the quorum.
    pub verifiers: Vec<Process>,
    /// The gateways.
    pub gateways: Vec<Process>,
    /// Everybody's keys: for players that break the rules with them.
    pub keys: Parties,
    /// Processes that ended though nobody told them to.
    pub ends: Ends,
    /// Host and account of each node's operator.
    pub(super) operators: Vec<(Host, Chain)>,
    pub(super) evm: Evm,
    owner: Host,
    clock: Clock,
    summaries: Summaries,
    stop: CancellationToken,
}

impl Network {
    /// Starts one in a world and publishes a file.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn start(world: &mut World, plan: &Plan) -> Result<Self> {
        let parties = Parties::of(plan, world);
        let stop = CancellationToken::new();
        let place = world.host("evm");
        let trace = world.trace().clone();
        let evm = Evm::start(&place, parties.funded(), trace, stop.clone());
        let owner = world.host("owner").host;
        let chain = found(&owner, &evm.url("owner"), &parties).await?;
        let mut operators = Vec::new();
        for (node, (_, operator)) in parties.nodes.iter().enumerate() {
            let name = format!("operator-{node}");
            let host = world.host(&name).host;
            let account = as_account(&host, &evm.url(&name), &chain, operator).await?;
            operators.push((host, account));
        }
        evm.go_by_the_clock();
        let mut file = vec![0; plan.file_bytes];
        world.dice("file").fill(&mut file);
        let ends = Ends::new(world.began(), world.trace());
        let crew = Crew::of(world, &parties, plan.gateways, (&evm, &chain, &ends));
        let network = Self {
            plan: plan.clone(),
            chain,
            file,
            control: crew.control,
            nodes: crew.nodes,
            verifiers: crew.verifiers,
            gateways: crew.gateways,
            keys: parties,
            ends,
            operators,
            clock: owner.clock.clone(),
            evm,
            owner,
            summaries: crew.summaries,
            stop,
        };
        // The others ask it; who finds nobody comes back later and later.
        network.control.start().await;
        network.control_is_there().await?;
        network.publish().await.context("publishing")?;
        for process in network.processes() {
            process.start().await;
        }
        network.nodes_are_there().await?;
        let now_s = network.clock.now_ms() / 1000;
        let genesis = network.chain.timeline().genesis();
        ensure!(
            now_s < genesis,
            "epoch 0 began {} s too early",
            now_s - genesis
        );
        Ok(network)
    }

    /// All its processes, in the order in which they are started.
    pub fn processes(&self) -> impl DoubleEndedIterator<Item = &Process> {
        let control = [&self.control].into_iter();
        let nodes = control.chain(&self.nodes);
        nodes.chain(&self.verifiers).chain(&self.gateways)
    }

    /// The URL at which somebody of this name asks the chain: a provider of its own.
    pub fn rpc(&self, of: &str) -> String {
        self.evm.url(of)
    }

    /// The chain as it is, and the time there, Unix seconds: for who asks it when the world is over.
    pub fn chain_at_rest(&self) -> (super::chain::Chain, u64) {
        self.evm.at_rest()
    }

    /// Base URL of the control plane's public API.
    pub fn control_url(&self) -> String {
        control_url(self.control.machine().ip())
    }

    /// From now on the provider of somebody of this name is like this; `None` mends it. Gives how many of its answers
    /// were others than they should have been, since it was last mended.
    pub fn trouble(&self, of: &str, fault: Option<RpcFault>) -> u64 {
        self.evm.trouble(of, fault)
    }

    /// Where a verifier's evidence is, a folder for each epoch.
    pub fn evidence(&self, verifier: usize) -> PathBuf {
        self.verifiers[verifier].machine().folder().join("evidence")
    }

    /// A client at this host.
    ///
    /// # Errors
    /// If its host has no socket for it.
    pub fn client(&self, place: &Place) -> Result<Client> {
        let config = ClientConfig::on(place.host.clone(), self.control_url());
        Ok(Client::new(config)?)
    }

    /// What an ordinary player at this host gets of the published file, whole, through a gateway.
    ///
    /// # Errors
    /// Why it doesn't, as of its HTTP client.
    pub async fn play(&self, place: &Place, gateway: usize) -> Result<Vec<u8>> {
        let url = gateway_url(self.gateways[gateway].machine().ip());
        let url = format!("{url}/{CONTENT_NAME}/{CONTENT_NAME}");
        let http = &place.host.http;
        Ok(http.read(http.get(&url), self.file.len() + 1).await?)
    }

    /// What the gateways did that were stopped in order, since this was asked for.
    pub fn gateway_summaries(&self) -> Vec<Summary> {
        let summaries = self.summaries.lock();
        std::mem::take(&mut *summaries.unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for an epoch's start, by the world's clock.
    pub async fn begun(&self, epoch: Epoch) {
        self.until(self.chain.timeline().start(epoch)).await;
    }

    /// Waits until nothing an epoch's tickets allow may come any more, by the world's clock.
    pub async fn over(&self, epoch: Epoch) {
        let end_ms = self.chain.timeline().tickets_end_ms(epoch);
        self.until(end_ms.div_ceil(1000)).await;
    }

    /// Waits for a time, Unix seconds.
    pub async fn until(&self, time_s: u64) {
        let left = (time_s * 1000).saturating_sub(self.clock.now_ms());
        sleep(Duration::from_millis(left)).await;
    }

    /// Waits until an epoch is attested.
    ///
    /// # Errors
    /// If it isn't `patience` after it could be.
    pub async fn attested(&self, epoch: Epoch, patience: Duration) -> Result<()> {
        loop {
            if self.chain.attestation(epoch).await?.is_some() {
                return Ok(());
            }
            let late = self.chain.timeline().attest_from(epoch) + patience.as_secs();
            let now = self.chain.now().await?;
            ensure!(now < late, "epoch {epoch} isn't attested at {now}");
            sleep(LOOK).await;
        }
    }

    /// Waits until an attested epoch can't be challenged any more.
    ///
    /// # Errors
    /// If it isn't attested.
    pub async fn unchallenged(&self, epoch: Epoch) -> Result<()> {
        let attestation = self.chain.attestation(epoch).await?;
        let attestation = attestation.with_context(|| format!("epoch {epoch} isn't attested"))?;
        // The contract goes by the newest block, which is younger than now.
        self.until(attestation.active_at + 2).await;
        Ok(())
    }

    /// Ends all processes in order, those that were started last first.
    ///
    /// # Errors
    /// If one doesn't end.
    pub async fn end(self) -> Result<()> {
        for process in self.processes().rev() {
            process.stop().await?;
        }
        self.stop.cancel();
        Ok(())
    }

    async fn publish(&self) -> Result<()> {
        let path = self.control.machine().folder().join("to-publish");
        std::fs::write(&path, &self.file)?;
        let content = ContentHash::from(*blake3::hash(&self.file).as_bytes());
        let ip = self.control.machine().ip();
        let api = ControlApi::over(&self.owner.http, &admin_url(ip))?;
        api.put_blob(&content, &path, None, ADMIN_TOKEN, Box::new(|_| {}))
            .await?;
        std::fs::remove_file(&path)?;
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

    async fn control_is_there(&self) -> Result<()> {
        let api = ControlApi::over(&self.owner.http, &self.control_url())?;
        for _ in 0..LOOKS_MAX {
            if api.nodes().await.is_ok() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        let ends = self.ends.so_far();
        bail!("the control plane doesn't answer: {ends:?}")
    }

    async fn nodes_are_there(&self) -> Result<()> {
        let api = ControlApi::over(&self.owner.http, &self.control_url())?;
        for _ in 0..LOOKS_MAX {
            let healthy = api
                .nodes()
                .await?
                .iter()
                .filter(|node| node.healthy)
                .count();
            if healthy == self.nodes.len() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        let nodes = api.nodes().await?;
        bail!(
            "not all nodes became healthy: {nodes:?} {:?}",
            self.ends.so_far()
        )
    }
}

/// A network's processes, not yet started.
struct Crew {
    control: Process,
    nodes: Vec<Process>,
    verifiers: Vec<Process>,
    gateways: Vec<Process>,
    summaries: Summaries,
}

impl Crew {
    fn of(
        world: &mut World,
        parties: &Parties,
        gateways: usize,
        (evm, chain, ends): (&Evm, &Chain, &Ends),
    ) -> Self {
        let asks = |name: &str| provider(evm.url(name), chain);
        let asks_two = |name: &str| provider(evm.urls(name), chain);
        let machine = world.machine("control");
        let url = control_url(machine.ip());
        let (committer, issuer) = (parties.committer.clone(), parties.issuer.clone());
        let payer = parties.owner.address();
        let program = parts::control(asks_two("control"), committer, issuer, payer);
        let control = Process::new(Part::Control, machine, program, ends);
        let nodes = parties.nodes.iter().enumerate().map(|(node, (key, _))| {
            let name = format!("node-{node}");
            let program = parts::node(asks(&name), url.clone(), key.clone());
            Process::new(Part::Node, world.machine(&name), program, ends)
        });
        let nodes = nodes.collect();
        let names = (0..parties.verifiers.len()).map(|verifier| format!("verifier-{verifier}"));
        let machines: Vec<_> = names.map(|name| world.machine(&name)).collect();
        let mut verifiers = Vec::new();
        for (machine, key) in machines.iter().zip(&parties.verifiers) {
            let others = machines.iter().filter(|other| other.ip() != machine.ip());
            let peers = others.map(|other| evidence_url(other.ip())).collect();
            let provider = asks_two(machine.name());
            let program = parts::verifier(provider, vec![url.clone()], peers, key.clone());
            let process = Process::new(Part::Verifier, machine.clone(), program, ends);
            verifiers.push(process);
        }
        let summaries = Summaries::default();
        let gateways = (0..gateways).map(|gateway| {
            let machine = world.machine(&format!("gateway-{gateway}"));
            let program = parts::gateway(url.clone(), summaries.clone());
            Process::new(Part::Gateway, machine, program, ends)
        });
        Self {
            control,
            nodes,
            verifiers,
            gateways: gateways.collect(),
            summaries,
        }
    }
}
