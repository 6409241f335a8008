//! Closing the books of an epoch: what chain and evidence have of it when it should be over.

use super::books::{Books, Counted, OfEpoch, OfNode, OfPayer};
use crate::world::Network;
use anyhow::{Context, Result, ensure};
use contracts::{Address, B256, Status};
use protocol::{BillTree, EpochTree, NodeTree, Segment, TicketLog};
use prover::SumTree;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use verifier::{EvidenceSource, NoProgress, Progress, Verdict, audit_epoch};

/// How often the chain is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// What isn't attested so long after its patience is over isn't waited for any more, seconds.
const WAITED_S: u64 = 10;

/// A verifier that keeps the rules.
#[derive(Clone, Debug)]
pub struct Honest {
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: Address,
    /// The folder of its evidence; `None` if its evidence isn't held against that of others.
    pub evidence: Option<PathBuf>,
}

impl Honest {
    /// All of a network's own.
    pub fn of(network: &Network) -> Vec<Self> {
        let accounts = network.keys.verifiers.iter().enumerate();
        let all = accounts.map(|(place, account)| Self {
            name: format!("verifier {place}"),
            account: account.address(),
            evidence: Some(network.evidence(place)),
        });
        all.collect()
    }
}

/// Who claims what nodes earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// Each node's operator, with what a verifier serves.
    ByOperators,
    /// Anybody, with the evidence that is attested.
    ByAnybody,
}

/// Enters what verifiers have at stake: their first bond stays entered.
///
/// # Errors
/// If the chain can't be read.
pub async fn enter_bonds(network: &Network, books: &Books, honest: &[Honest]) -> Result<()> {
    let all = network.chain.verifiers().await?;
    for one in honest {
        let at_stake = all.iter().find(|known| known.account == one.account);
        let bond = at_stake.context("it was admitted")?.bond;
        books.enter(|books| {
            let bonds = books.bonds.entry(one.name.clone()).or_insert((bond, bond));
            bonds.1 = bond;
        });
    }
    Ok(())
}

/// Waits until an epoch stands for good, or has been due for longer than it may be, seconds; has everybody paid, and
/// enters what came of it. Epochs are closed in order.
///
/// # Errors
/// If the chain can't be read.
pub async fn close(
    network: &Network,
    books: &Books,
    epoch: u64,
    honest: &[Honest],
    (patience_s, claims): (u64, Claims),
) -> Result<()> {
    let chain = &network.chain;
    let due = chain.timeline().attest_from(epoch);
    let terms = chain.parameters_at(epoch).await?;
    let mut of = OfEpoch {
        price: terms.price_per_gib,
        floor_ppm: terms.sla_floor_ppm.into(),
        patience_s,
        ..OfEpoch::default()
    };
    loop {
        of.due_s = chain.now().await?.saturating_sub(due);
        let status = chain.status(epoch).await?;
        of.attested = status != Status::None;
        if status == Status::Active || (!of.attested && of.due_s > patience_s + WAITED_S) {
            break;
        }
        sleep(LOOK).await;
    }
    of.has_log = chain.ticket_log(epoch, 0).await?.is_some();
    parties(network, books, &mut of, epoch).await?;
    let folders = honest.iter().filter_map(|one| {
        let folder = one.evidence.as_ref()?.join(epoch.to_string());
        Some((one.name.clone(), folder))
    });
    let folders: Vec<_> = folders.collect();
    let hashes = folders.iter().map(|(name, folder)| {
        let hash = bundle_hash(folder).map(|hash| hash.to_string());
        (name.clone(), hash)
    });
    of.evidence = hashes.collect();
    if of.attested {
        let cumulative = chain.attestation(epoch).await?.context("it stands")?.total;
        let before: u128 =
            books.enter(|books| books.epochs.values().map(|earlier| earlier.total).sum());
        of.total = cumulative.saturating_sub(before);
        let attested = chain.attestation_tx(epoch).await?.context("it stands")?;
        let mut folders = folders.into_iter().map(|(_, folder)| folder);
        let evidence = attested.roots.evidence;
        let opened = folders.find(|folder| bundle_hash(folder) == Some(evidence));
        if let Some(folder) = &opened {
            read(&mut of, epoch, folder)?;
        }
        of.false_by = audited(network, epoch, opened.clone()).await;
        if let (None, Some(folder)) = (&of.false_by, opened) {
            pay(network, books, epoch, (&folder, claims)).await?;
        }
    }
    arrived(network, books, &mut of).await?;
    books.enter(|books| books.epochs.insert(epoch, of));
    Ok(())
}

/// The hash by which evidence is attested; `None` where there is none.
pub(super) fn bundle_hash(folder: &Path) -> Option<B256> {
    let bundle = std::fs::read(folder.join(verifier::BUNDLE_FILE)).ok()?;
    Some(B256::from(*blake3::hash(&bundle).as_bytes()))
}

/// Payers with their deposits, and nodes, that belong to the epoch.
async fn parties(network: &Network, books: &Books, of: &mut OfEpoch, epoch: u64) -> Result<()> {
    let chain = &network.chain;
    let timeline = chain.timeline();
    let (start, end) = (timeline.start(epoch), timeline.end(epoch));
    let known = chain.payers().await?.into_iter();
    for (index, payer) in known.filter(|payer| payer.registered_at < end).enumerate() {
        let at = |time| chain.deposit_at(payer.account, time);
        let deposits = (at(start).await?.to(), at(end).await?.to());
        let before = books.enter(|books| {
            let earlier = books.epochs.values();
            let bills = earlier.filter_map(|earlier| earlier.payers.get(index));
            bills.map(|payer| payer.bill).sum()
        });
        of.payers.push(OfPayer {
            account: payer.account,
            deposits,
            before,
            bill: 0,
        });
    }
    let known = chain.nodes().await?.into_iter();
    let nodes = known.filter(|node| node.registered_at < end);
    of.nodes = nodes
        .map(|node| OfNode {
            node: node.key.0.into(),
            probes: (0, 0),
            arrived: 0,
        })
        .collect();
    Ok(())
}

/// A line of `probes.json` (SPEC section 11).
#[derive(Deserialize)]
struct Probes {
    index: usize,
    made: u32,
    ok: u32,
}

/// Reads the files of evidence: what counts, and what is billed.
fn read(of: &mut OfEpoch, epoch: u64, folder: &Path) -> Result<()> {
    let file = |name: &str| std::fs::read(folder.join(name)).context(name.to_owned());
    let bills: BillTree = EpochTree::from_bytes(&file("bills.qbil")?)?;
    for (payer, leaf) in of.payers.iter_mut().zip(&bills.leaves) {
        payer.bill = leaf.bill;
    }
    for probes in serde_json::from_slice::<Vec<Probes>>(&file("probes.json")?)? {
        let node = of.nodes.get_mut(probes.index).context("a node has them")?;
        node.probes = (probes.made, probes.ok);
    }
    let mut tickets = BTreeMap::new();
    for issuer in 0..u32::MAX {
        // Issuers that committed none have none: they are those that were added last.
        let Ok(log) = file(&format!("tickets-{issuer}.qlog")) else {
            break;
        };
        let log = TicketLog::from_bytes(&log)?;
        tickets.extend(log.tickets().iter().map(|ticket| (ticket.id, *ticket)));
    }
    let mut counted = Vec::new();
    for node in 0..of.nodes.len() {
        let Ok(segment) = file(&format!("segment-{node}.qseg")) else {
            continue;
        };
        let segment = Segment::from_bytes(&segment)?;
        ensure!(
            segment.epoch() == epoch && segment.node() == of.nodes[node].node,
            "a segment of another epoch or node"
        );
        for record in segment.records() {
            let ticket = tickets.get(&record.id).context("a log has its ticket")?;
            counted.push(Counted {
                id: record.id,
                receipt: record.receipt,
                node,
                payer: ticket.payer,
            });
        }
    }
    of.counted = Some(counted);
    Ok(())
}

/// What an auditor who is given this evidence says against what is attested.
async fn audited(network: &Network, epoch: u64, folder: Option<PathBuf>) -> Option<String> {
    let sources: Vec<_> = folder.map(EvidenceSource::Directory).into_iter().collect();
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    let report = audit_epoch(&network.chain, &sources, epoch, &progress).await;
    let lies = &report.lies_by_kind;
    let said = match report.verdict {
        Verdict::True => return None,
        Verdict::False => format!("it is false: {:?} {lies:?}", report.reasons),
        Verdict::NotJudged => format!("nobody can judge it: {:?}", report.reasons),
    };
    Some(said)
}

/// Has the vault pay by the epoch, and everybody claim. A claim that isn't paid is entered.
async fn pay(
    network: &Network,
    books: &Books,
    epoch: u64,
    (folder, claims): (&Path, Claims),
) -> Result<()> {
    let chain = &network.chain;
    network.activate(epoch).await?;
    if claims == Claims::ByOperators {
        for node in 0..network.nodes.len() {
            if let Err(error) = network.claim(node).await {
                let stuck =
                    format!("epoch {epoch}: the operator of node {node} can't claim: {error:#}");
                books.enter(|books| books.stuck.push(stuck));
            }
        }
    } else {
        let nodes: NodeTree = EpochTree::from_bytes(&std::fs::read(folder.join("tree.qtree"))?)?;
        let sums = SumTree::of_epoch(&nodes)?;
        let count = u32::try_from(nodes.leaves.len())?;
        for (index, leaf) in (0u64..).zip(&nodes.leaves) {
            let proof = sums.proof(index).context("it has the leaf")?;
            let leaf = leaf.into();
            if !chain.claimable(&leaf, count, &proof.0).await?.is_zero() {
                chain.claim(&leaf, count, &proof.0).await?;
            }
        }
    }
    Ok(())
}

/// What reached each node's payout since the epoch before was closed, whoever claimed it: these accounts do nothing else.
async fn arrived(network: &Network, books: &Books, of: &mut OfEpoch) -> Result<()> {
    let payouts = network.chain.nodes().await?;
    for (index, (node, known)) in of.nodes.iter_mut().zip(payouts).enumerate() {
        let balance: u128 = network.chain.token_balance(known.payout).await?.to();
        let before: u128 = books.enter(|books| {
            let earlier = books.epochs.values();
            let nodes = earlier.filter_map(|earlier| earlier.nodes.get(index));
            nodes.map(|node| node.arrived).sum()
        });
        node.arrived = balance - before;
    }
    Ok(())
}
