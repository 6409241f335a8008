//! Checking an attestation from chain and evidence, without trusting who made it.
//!
//! An auditor reads from the chain what was attested and what it must follow from, has the evidence from
//! whoever has it, and recomputes everything. Whatever is false is told, and as far as the contracts can see
//! it, with the challenge that shows it.
//!
//! It works in this order: the roots are opened ([`tree`]), so that every leaf is known as it is attested; each
//! rule is held against the leaves just as the contracts hold it ([`rules`]); what the evidence itself comes to is
//! computed as verifiers do ([`recompute`]), which finds what no rule on chain can see; and of what is found the
//! paths to the roots are looked up ([`show`]).
//!
//! Memory grows with the nodes, payers and charges of an epoch, by some 500 bytes each, and not with its
//! tickets, records or bytes: logs and segments are read through from files.

mod attested;
mod content;
mod examine;
mod facts;
mod findings;
mod forced;
mod issuers;
mod lists;
mod logs;
mod opening;
mod progress;
mod recompute;
mod records;
mod report;
mod rules;
mod segments;
mod show;
mod tree;
mod walk;
mod why;

pub use findings::{LieKind, Unprovable};
pub use issuers::{HeldTickets, IssuerReport, LogSource, check_issuers};
pub use progress::{NoProgress, Progress};
pub use report::{AuditReport, AuditedAttestation, Lie, LieChallenge, Verdict};
pub use why::{
    ChargeLine, Counted, Explanation, Lines, Receipts, Reckoning, Rejected, RewardSum, ScoreSum,
    TicketLine, Unredeemed, Wanted, explain_node, meaning,
};

use crate::Answer;
use crate::evidence::{EvidenceFiles, EvidenceSource, fetch};
use attested::Tree;
use contracts::challenge::Challenge;
use contracts::{Chain, ChainError};
use examine::Had;
use facts::AuditFacts;
use logs::{Entry, Logs, TicketReader};
use protocol::{BillLeaf, ChargeLeaf, Elements, Epoch, NodeLeaf, Ticket, TicketId};
use records::SegmentFile;
use segments::{Accounts, OpenedSegment};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Challenges of which the gas is asked for.
const TRIED_MAX: usize = 16;
/// Reasons that are told.
const GAPS_MAX: usize = 100;

/// Who is to blame for a lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Who voted for the attestation.
    Attestation,
    /// An issuer, by its index.
    Issuer(u32),
    /// A node, by its registry index.
    Node(u32),
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attestation => f.write_str("attestation"),
            Self::Issuer(issuer) => write!(f, "issuer {issuer}"),
            Self::Node(node) => write!(f, "node {node}"),
        }
    }
}

impl Serialize for Against {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// What can't be judged, and why.
#[derive(Debug, Default)]
struct Gaps {
    told: Vec<String>,
    count: usize,
}

impl Gaps {
    fn push(&mut self, gap: String) {
        self.count += 1;
        if self.told.len() < GAPS_MAX {
            self.told.push(gap);
        }
    }

    fn into_told(mut self) -> Vec<String> {
        if self.count > self.told.len() {
            let more = self.count - self.told.len();
            self.told.push(format!("and {more} more"));
        }
        self.told
    }
}

/// Nodes and bills of the epoch before.
#[derive(Default)]
struct Before {
    trees: Option<(Tree<NodeLeaf>, Tree<BillLeaf>)>,
    /// Why the evidence of the epoch itself doesn't have those that were attested.
    fault: Option<Fault>,
}

/// Why trees can't be had.
#[derive(Debug)]
enum Fault {
    /// Chain or files can't be read.
    Unread(String),
    /// They aren't those that were attested.
    False(String),
}

/// An epoch with what is known of it.
struct Audited {
    facts: Arc<AuditFacts>,
    nodes: Option<Tree<NodeLeaf>>,
    bills: Option<Tree<BillLeaf>>,
    charges: Option<Tree<ChargeLeaf>>,
    /// Nodes and bills of the epoch before.
    before: Option<(Tree<NodeLeaf>, Tree<BillLeaf>)>,
    logs: Logs,
    /// By registry index.
    segment_files: BTreeMap<u32, SegmentFile>,
    /// Segments of charges of which something is to be shown, by the charge's place.
    segments: BTreeMap<u32, OpenedSegment>,
    /// Elements files, by name.
    elements: BTreeMap<String, Elements>,
    accounts: Accounts,
}

impl Audited {
    fn tickets(&self) -> TicketReader<'_> {
        TicketReader::new(&self.logs, self.facts.attested.epoch)
    }

    /// The entry of a committed log.
    fn entry(&self, issuer: u32, index: u32) -> Option<Ticket> {
        let epoch = self.facts.attested.epoch;
        let id = TicketId {
            epoch,
            issuer,
            index,
        };
        match self.tickets().committed(id) {
            Ok(Entry::Ticket(ticket)) => Some(ticket),
            _ => None,
        }
    }

    /// What a node had earned before the epoch; `None` if it isn't known.
    fn earned_before(&self, index: u32) -> Option<u128> {
        if self.facts.attested.epoch == 0 {
            return Some(0);
        }
        let (nodes, _) = self.before.as_ref()?;
        match index < nodes.count() {
            true => nodes.leaf(index).map(|leaf| leaf.cumulative),
            false => Some(0),
        }
    }

    /// What a payer had been billed before the epoch; `None` if it isn't known.
    fn billed_before(&self, index: u32) -> Option<u128> {
        if self.facts.attested.epoch == 0 {
            return Some(0);
        }
        let (_, bills) = self.before.as_ref()?;
        match index < bills.count() {
            true => bills.leaf(index).map(|leaf| leaf.cumulative),
            false => Some(0),
        }
    }
}

/// Audits an attested epoch: reads from the chain what was attested and what it must follow from, has the
/// evidence from whichever source has it, and recomputes everything. Cancel safe.
///
/// It never fails: what keeps it from judging is in the report.
pub fn audit_epoch<'a>(
    chain: &'a Chain,
    sources: &'a [EvidenceSource],
    epoch: Epoch,
    progress: &'a Arc<dyn Progress>,
) -> Answer<'a, AuditReport> {
    Box::pin(async move {
        let mut report = AuditReport::new(epoch, chain.network_id());
        if let Err(reason) = audit(chain, sources, epoch, progress, &mut report).await {
            report.reasons.push(reason);
        }
        report.conclude();
        report
    })
}

async fn audit(
    chain: &Chain,
    sources: &[EvidenceSource],
    epoch: Epoch,
    progress: &Arc<dyn Progress>,
    report: &mut AuditReport,
) -> Result<(), String> {
    let text = |error: ChainError| error.to_string();
    progress.begin("chain", 0);
    let facts = facts::read(chain, epoch).await.map_err(text)?;
    let facts = facts.ok_or_else(|| format!("epoch {epoch} isn't attested"))?;
    judge_by(facts, sources, progress, report).await?;
    let is_open = report.open_until.is_some();
    add_targets(chain, &mut report.lies, is_open).await
}

/// Audits an epoch by what the chain says of it.
async fn judge_by(
    facts: AuditFacts,
    sources: &[EvidenceSource],
    progress: &Arc<dyn Progress>,
    report: &mut AuditReport,
) -> Result<(), String> {
    report.attestation = Some((&facts).into());
    report.open_until = facts.open_until.filter(|until| facts.now < *until);
    let facts = Arc::new(facts);
    let epoch = facts.attested.epoch;
    let network = facts.epoch.network;
    let expected = (epoch, facts.attested.roots.evidence);
    let files = fetch(sources, network, expected, |_| true, &**progress).await;
    // Even without them the chain says whether the numbers of nodes and payers are right.
    let (files, refused, missing) = match files {
        Ok(files) => (Some(Arc::new(files)), None, None),
        Err(error) => match error.refused() {
            Some(why) => (None, Some(why), None),
            None => (None, None, Some(error.to_string())),
        },
    };
    let before = match &files {
        Some(files) => trees_before(sources, &facts, files).await,
        None => Before::default(),
    };
    let told = Arc::clone(progress);
    let examined = disk::try_run(move || {
        let had = match (&files, refused) {
            (Some(files), _) => Had::Files(files),
            (None, Some(why)) => Had::Refused(why),
            (None, None) => Had::Nothing,
        };
        examine::examine(facts, had, before, &*told)
    });
    let examined = examined.await;
    let examined = examined.map_err(|error| format!("the check itself failed: {error}"))?;
    let examined = examined.map_err(|error| format!("the evidence can't be read: {error}"))?;
    report.take(examined);
    report.reasons.extend(missing);
    Ok(())
}

/// The trees of the epoch before, by this epoch's evidence or, where that has others, by their own.
async fn trees_before(
    sources: &[EvidenceSource],
    facts: &Arc<AuditFacts>,
    files: &Arc<EvidenceFiles>,
) -> Before {
    let Some(attested) = &facts.before else {
        let fault = (facts.attested.epoch > 0).then(|| {
            Fault::Unread("the epoch before isn't attested: the chain changed meanwhile".to_owned())
        });
        return Before { trees: None, fault };
    };
    let open = async |files: &Arc<EvidenceFiles>, names| {
        let (facts, files) = (Arc::clone(facts), Arc::clone(files));
        let opened = disk::try_run(move || opening::open_before(&facts, &files, names));
        let opened = opened.await;
        opened.unwrap_or_else(|error| Err(Fault::Unread(error.to_string())))
    };
    let fault = match open(files, opening::COPIES).await {
        Ok(trees) => {
            return Before {
                trees: Some(trees),
                fault: None,
            };
        }
        Err(fault) => Some(fault),
    };
    let expected = (attested.epoch, attested.roots.evidence);
    let wanted = |name: &str| opening::ORIGINALS.contains(&name);
    let network = facts.epoch.network;
    let trees = match fetch(sources, network, expected, wanted, &NoProgress).await {
        Ok(files) => open(&Arc::new(files), opening::ORIGINALS).await.ok(),
        Err(error) => {
            tracing::debug!(%error, "no other evidence of the epoch before");
            None
        }
    };
    Before { trees, fault }
}

/// Says of each challenge where to send it, and what the first few cost. Those of attestations can be sent only
/// if that `is_open`.
async fn add_targets(chain: &Chain, lies: &mut [Lie], is_open: bool) -> Result<(), String> {
    if lies.iter().all(|lie| lie.shown.is_none()) {
        return Ok(());
    }
    let contracts = chain.challenge_contracts().await;
    let contracts = contracts.map_err(|error| error.to_string())?;
    let mut tried = 0;
    for lie in lies {
        let (Some(challenge), Some(told)) = (&lie.shown, &mut lie.challenge) else {
            continue;
        };
        let Some(to) = contracts.get(challenge.contract()) else {
            lie.challenge = None;
            lie.unshown = Some("the network has no contract for such challenges".to_owned());
            continue;
        };
        told.to = to;
        let can_be_sent = is_open || !matches!(challenge, Challenge::Attestation { .. });
        if !can_be_sent || tried == TRIED_MAX {
            continue;
        }
        tried += 1;
        match chain.try_challenge(to, challenge).await {
            Ok(gas) => told.gas = Some(gas),
            Err(error) if error.revert().is_some() => told.refusal = Some(error.to_string()),
            // Unknown then, and no reason to know nothing else.
            Err(error) => tracing::debug!(%error, "cannot try a challenge"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
