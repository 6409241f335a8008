//! The epoch that lies are told of: who takes part, what really happens in it, and what is true of it.

use super::staged::Staged;
use super::wait::until;
use crate::clock::now_ms;
use crate::network::{ISSUER_BOND, Network, Published};
use crate::steps::Steps;
use anyhow::{Context, Result, bail, ensure};
use client::{Client, ClientConfig, Discard};
use contracts::challenge::Kind;
use contracts::{Address, B256, Chain, PrivateKeySigner, U256};
use host::Host;
use lies::{Cast, Colluder, FalseLog, ISSUER_LIES, Scene};
use protocol::{ClientKey, Epoch, Record, SigningKey, Ticket, TicketId};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;
use verifier::{EvidenceSource, epoch_facts};

/// Fetches that run at a time.
const FETCHES: usize = 4;
/// The node that holds the tickets of issuers who cheat.
const CHEATED: usize = 0;
/// Its operator.
pub(super) const CHEATED_OPERATOR: &str = "node-0";
/// The node that forces what it didn't earn.
pub(super) const CHEATING: usize = 1;
/// The node that forces its receipts.
const FORCING: usize = 2;
/// What the payer that comes too late deposits.
const LATE_DEPOSIT: u128 = 1_000_000;

/// Who takes part besides the network's own.
pub(super) struct Stage {
    /// What is lied of.
    pub(super) epoch: Epoch,
    staged: Staged,
    /// An honest issuer, of two publishers' collections.
    other: u32,
    /// One that never commits anything.
    silent: u32,
    /// Those that cheat, and how.
    pub(super) cheats: Vec<(Kind, u32)>,
    /// The network's own payer, and one with little.
    rich: Address,
    poor: Address,
    late: Address,
    /// Signs what it is asked to.
    colluder: SigningKey,
    content: Published,
}

fn random_key() -> SigningKey {
    SigningKey::from_bytes(&PrivateKeySigner::random().to_bytes().0)
}

fn public(key: &SigningKey) -> B256 {
    B256::from(key.verifying_key().to_bytes())
}

impl Stage {
    /// Makes accounts and issuers, and waits for an epoch; what is fetched before is the epoch's before.
    pub(super) async fn set(
        network: &Network,
        content: Published,
        kinds: &[Kind],
        steps: &Steps,
    ) -> Result<Self> {
        let mut accounts = Vec::new();
        for name in ["issuers", "poor", "late", "observer", "challenger"] {
            accounts.push(network.account(name).await?.address());
        }
        let [committer, poor, late, ..] = accounts[..] else {
            bail!("five accounts were made");
        };
        let owner = network.chain_as("deployer").await?;
        let first = u32::try_from(owner.issuers().await?.len())?;
        // In the order in which they can be shown.
        let cheating = ISSUER_LIES.iter().filter(|kind| kinds.contains(kind));
        let cheats: Vec<_> = cheating.copied().zip(first + 2..).collect();
        let mut keys = Vec::new();
        for _ in 0..2 + cheats.len() {
            let key = random_key();
            owner.add_issuer(public(&key), committer).await?;
            keys.push(key);
        }
        let bonds = ISSUER_BOND * cheats.len() as u128;
        network.give_tokens(committer, bonds).await?;
        let issuers = network.chain_as("issuers").await?;
        for (_, issuer) in &cheats {
            issuers
                .bond_issuer(*issuer, U256::from(ISSUER_BOND))
                .await?;
        }
        // Half of what will be fetched for it.
        let bytes: u64 = content.files.iter().map(|file| file.size).sum();
        let price = U256::from(owner.parameters().price_per_gib);
        let deposit: u128 = (price * U256::from(bytes) * U256::from(3) / U256::from(1u64 << 31))
            .try_into()
            .context("the price is too high")?;
        for (name, account, amount) in [("poor", poor, deposit), ("late", late, LATE_DEPOSIT)] {
            network.give_tokens(account, amount).await?;
            if name == "poor" {
                network
                    .chain_as(name)
                    .await?
                    .fund(U256::from(amount))
                    .await?;
            }
        }

        steps.step("clients fetch in an epoch of which nobody will lie");
        let honest = vec![network.control_url.clone(); 2];
        fetch(network, &content, honest).await?;
        let timeline = owner.timeline();
        let now = timeline.epoch_at_ms(now_ms()).context("no epoch yet")?;
        let epoch = now + 1;
        steps.step(&format!("waiting for epoch {epoch}"));
        let nodes = network.nodes.iter().map(|node| node.id).collect();
        let staged = Staged::start(&network.control_url, nodes, epoch).await?;
        let mut of_cheats = cheats.iter().map(|(kind, _)| *kind);
        for (issuer, key) in (first..).zip(keys) {
            let lie = (issuer >= first + 2).then(|| of_cheats.next()).flatten();
            staged.add(issuer, key, lie);
        }
        let left = (timeline.start(epoch) * 1000).saturating_sub(now_ms());
        sleep(Duration::from_millis(left)).await;
        Ok(Self {
            epoch,
            staged,
            other: first,
            silent: first + 1,
            cheats,
            rich: owner.account().context("the deployer has a key")?,
            poor,
            late,
            colluder: random_key(),
            content,
        })
    }

    /// The control planes of all played issuers, for a verifier to ask for logs.
    pub(super) fn controls(&self) -> Vec<String> {
        let cheats = self.cheats.iter().map(|(_, issuer)| *issuer);
        let issuers = [self.other].into_iter().chain(cheats);
        issuers
            .map(|issuer| self.staged.url(issuer, self.rich, 0))
            .collect()
    }

    /// Where cheating issuers publish their logs.
    pub(super) fn logs(&self, network: &Network) -> PathBuf {
        network.config.dir.join("cheats")
    }

    /// Where the verifier's evidence of an epoch is, when there is any.
    pub(super) fn evidence_of(&self, network: &Network, epoch: Epoch) -> PathBuf {
        let evidence = network.config.dir.join("verifier/evidence");
        evidence.join(epoch.to_string())
    }

    /// Where that of the epoch that is lied of is.
    pub(super) fn evidence(&self, network: &Network) -> PathBuf {
        self.evidence_of(network, self.epoch)
    }

    /// Real clients fetch from real nodes: both payers' from each, and with a ticket of each issuer that cheats.
    pub(super) async fn traffic(&self, network: &Network) -> Result<()> {
        let mut from = vec![network.control_url.clone()];
        for node in 0..network.nodes.len() {
            for payer in [self.rich, self.poor] {
                from.push(self.staged.url(self.other, payer, node));
            }
        }
        let mut refused = Vec::new();
        for (kind, issuer) in &self.cheats {
            let url = self.staged.url(*issuer, self.rich, CHEATED);
            match kind {
                // The node takes no such ticket, and keeps it.
                Kind::TicketMalformedByIssuer => refused.push(url),
                _ => from.push(url),
            }
        }
        let refused = async {
            for url in refused {
                let fetched = fetch(network, &self.content, vec![url]).await;
                ensure!(fetched.is_err(), "a node took a malformed ticket");
            }
            Ok(())
        };
        let honest = fetch(network, &self.content, from);
        tokio::try_join!(honest, refused, self.collude())?;
        Ok(())
    }

    /// A client whose key is known fetches, as any other.
    async fn collude(&self) -> Result<()> {
        let url = self.staged.url(self.other, self.rich, FORCING);
        let colluder = Client::new(ClientConfig {
            key: self.colluder.clone(),
            ..ClientConfig::on(Host::system(), url)
        })?;
        for file in &self.content.files {
            let name = &self.content.name;
            colluder.fetch(name, &file.path, None, &mut Discard).await?;
        }
        colluder.finish().await;
        Ok(())
    }

    /// The epoch ends: logs are committed, one more payer comes, and nodes force what they choose to.
    pub(super) async fn end(
        &self,
        network: &Network,
        kinds: &[Kind],
        chain: &Chain,
    ) -> Result<Ended> {
        let timeline = chain.timeline();
        let client = ClientKey(public(&self.colluder));
        let grant = |node: usize, change: fn(&mut Ticket), payer: Address| {
            let node = network.nodes[node].id;
            let granted = self.staged.grant(self.other, |ticket| {
                (ticket.client, ticket.node, ticket.payer) = (client, node, payer);
                change(ticket);
            });
            granted.map(|ticket| Colluder {
                ticket,
                key: self.colluder.clone(),
            })
        };
        let ended = Ended {
            colluder: grant(0, |_| {}, self.rich)?,
            unused: grant(CHEATING, |_| {}, self.rich)?,
            malformed: grant(
                CHEATING,
                |ticket| ticket.bytes_max = ticket.collection.bytes() + 1,
                self.rich,
            )?,
            unknown_payer: grant(
                0,
                |ticket| ticket.bytes_max = ticket.collection.bytes(),
                self.late,
            )?,
        };

        let over = timeline.end(self.epoch);
        until("the epoch to end", over, async || {
            Ok(chain.now().await? >= over)
        })
        .await?;
        let issuers = network.chain_as("issuers").await?;
        fs::create_dir_all(self.logs(network))?;
        for (kind, issuer) in &self.cheats {
            self.commit(network, &issuers, *issuer, Some(*kind)).await?;
        }
        self.commit(network, &issuers, self.other, None).await?;
        let late = network.chain_as("late").await?;
        late.fund(U256::from(LATE_DEPOSIT)).await?;

        let window = timeline.force_window(self.epoch);
        until("the force window", window.start, async || {
            Ok(chain.now().await? >= window.start)
        })
        .await?;
        if kinds.contains(&Kind::ForcedInvalid) {
            let mut made_up = ended.unused.record(ended.unused.receipt());
            made_up.signature.0[0] ^= 1;
            let operator = network.chain_as(&format!("node-{CHEATING}")).await?;
            operator
                .force_commit(self.epoch, CHEATING as u32, &[made_up])
                .await?;
        }
        let config = network.config_path(&format!("node-{FORCING}"));
        let config = config.display().to_string();
        let epoch = self.epoch.to_string();
        let args = ["--epoch", &epoch, "--config", &config, "--json"];
        until("a node to force", window.end, async || {
            // It has to have sealed the epoch.
            match network.command::<Value>("node force", &args).await {
                Ok(_) => Ok(true),
                Err(error) if chain.now().await? >= window.end => Err(error),
                Err(_) => Ok(false),
            }
        })
        .await?;
        let due = timeline.attest_from(self.epoch);
        until("the epoch to be due", due, async || {
            Ok(chain.now().await? >= due)
        })
        .await?;
        Ok(ended)
    }

    async fn commit(
        &self,
        network: &Network,
        issuers: &Chain,
        issuer: u32,
        lie: Option<Kind>,
    ) -> Result<()> {
        let named = (issuers.network_id(), self.epoch, issuer);
        let Some(log) = FalseLog::of(lie, named, self.staged.granted(issuer))? else {
            return Ok(());
        };
        issuers
            .commit_ticket_log(self.epoch, issuer, log.top, log.count, log.bytes)
            .await
            .with_context(|| format!("cannot commit the log of issuer {issuer}"))?;
        if lie.is_some() {
            let file = self.logs(network).join(format!("tickets-{issuer}.qlog"));
            fs::write(&file, &log.file)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        self.staged.publish(issuer, log.file);
        Ok(())
    }

    /// What is true of the epoch, by the verifier's evidence.
    pub(super) async fn scene(
        &self,
        network: &Network,
        chain: &Chain,
        ended: Ended,
    ) -> Result<Scene> {
        let facts = epoch_facts(chain, self.epoch).await?;
        let source = EvidenceSource::Directory(self.evidence(network));
        let (evidence, _) = source.read(facts.network, self.epoch, None).await?;
        let forced = facts.forced.get(&(FORCING as u32));
        let forced = forced.context("the node forced nothing")?;
        let granted = self.staged.granted(self.other);
        let granted = |id: TicketId| match id.issuer == self.other {
            true => granted.get(id.index as usize),
            false => None,
        };
        // Whoever asks for a route again has tickets that it doesn't use: what it used is what was forced.
        let colluder = ClientKey(public(&self.colluder));
        let of_colluder = |record: &&Record| {
            let ticket = granted(record.id);
            record.receipt.sequence > 1 && ticket.is_some_and(|ticket| ticket.client == colluder)
        };
        let newer = forced.iter().find(of_colluder).map(|record| record.id);
        let newer = newer.context("the colluder's receipts were not forced")?;
        let of_payer = |payer: Address| -> Result<TicketId> {
            let mut ids = forced.iter().map(|record| record.id);
            let found = ids.find(|id| {
                *id != newer && granted(*id).is_some_and(|ticket| ticket.payer == payer)
            });
            found.context("a payer's receipts were not forced")
        };
        let (forced, forced_alone) = (of_payer(self.rich)?, of_payer(self.poor)?);
        Ok(Scene {
            facts,
            evidence,
            cast: Cast {
                colluder: ended.colluder,
                unused: ended.unused,
                malformed: ended.malformed,
                unknown_payer: ended.unknown_payer,
                forced_newer: Colluder {
                    ticket: *granted(newer).context("it was granted")?,
                    key: self.colluder.clone(),
                },
                forced,
                forced_alone,
                silent_issuer: self.silent,
                late: self.late,
            },
        })
    }
}

/// What clients in league with liars hold when the epoch has ended.
pub(super) struct Ended {
    colluder: Colluder,
    unused: Colluder,
    malformed: Colluder,
    unknown_payer: Colluder,
}

/// Runs `quittance get` by each of these control planes.
async fn fetch(network: &Network, content: &Published, controls: Vec<String>) -> Result<()> {
    for controls in controls.chunks(FETCHES) {
        let mut fetches = JoinSet::new();
        for control in controls {
            let mut get = network.quittance("get");
            get.args([&content.name, "--control", control, "--discard", "--json"]);
            get.kill_on_drop(true);
            fetches.spawn(async move { get.output().await });
        }
        while let Some(done) = fetches.join_next().await {
            let out = done??;
            let said = String::from_utf8_lossy(&out.stderr);
            ensure!(
                out.status.success(),
                "`quittance get` failed: {}",
                said.trim()
            );
        }
    }
    Ok(())
}
