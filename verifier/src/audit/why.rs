//! Why a node was rewarded as it was for an epoch: from each of its receipts to the amount on chain.
//!
//! Where an audit tells what is false, this tells how what is true came about, for one node: which records count,
//! which don't and why, which tickets were never redeemed ([`receipts`]), and how score, charges and reward follow
//! from them ([`sums`]). Everything it tells is held against what is attested.
//!
//! Memory is as an audit's: the leaves of the epoch's trees, a bit for each ticket, and the lines that are asked
//! for. Logs, segment and rejections are read through from files; of the segments only the node's is fetched.

mod receipts;
mod sums;

pub use receipts::{Counted, Lines, Receipts, Rejected, TicketLine, Unredeemed, meaning};
pub use sums::{ChargeLine, Reckoning, RewardSum, ScoreSum};

use super::facts::{self, AuditFacts};
use super::findings::Findings;
use super::opening::open;
use super::progress::Progress;
use super::{AuditedAttestation, Before, Gaps, Verdict, trees_before};
use crate::Answer;
use crate::evidence::{EvidenceFiles, EvidenceSource, fetch, numbered};
use contracts::Chain;
use protocol::{Address, Epoch, NodeId, TicketId};
use receipts::Doubts;
use serde::Serialize;
use std::io;
use std::sync::Arc;

/// What is told of a node's receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Lines of each kind at most; of the others it is told how many they are.
    pub limit: usize,
    /// Of one ticket only.
    pub ticket: Option<TicketId>,
}

/// How a node's reward of an epoch came about. Amounts are decimal strings of token units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The epoch.
    pub epoch: Epoch,
    /// The network's chain.
    pub chain_id: u64,
    /// The network's contract.
    pub settlement: Address,
    /// The node's registry index.
    pub index: u32,
    /// The key it had in the epoch.
    pub node: NodeId,
    /// Whether everything below is what is attested.
    pub verdict: Verdict,
    /// Where it isn't.
    pub contradictions: Vec<String>,
    /// What couldn't be judged, and why.
    pub reasons: Vec<String>,
    /// What stands on chain.
    pub attestation: AuditedAttestation,
    /// Score, charges and reward, with their arithmetic.
    #[serde(flatten)]
    pub reckoning: Reckoning,
    /// The node's tickets and what it got for them.
    #[serde(flatten)]
    pub receipts: Receipts,
}

/// What contradicts the attestation; a long list is cut.
#[derive(Debug, Default)]
struct Contradictions(Gaps);

impl Contradictions {
    fn push(&mut self, sentence: String) {
        self.0.push(sentence);
    }

    /// Says it unless two things are the same.
    fn unless_same<T: PartialEq + std::fmt::Display>(&mut self, what: &str, found: T, attested: T) {
        if found != attested {
            self.push(format!("{what} is {found}; attested is {attested}"));
        }
    }
}

/// Explains a node's reward by chain and evidence. Cancel safe.
///
/// # Errors
/// Why nothing can be told: the chain can't be asked, the epoch isn't attested, the node isn't in it, or the
/// evidence can't be had.
pub fn explain_node<'a>(
    chain: &'a Chain,
    sources: &'a [EvidenceSource],
    epoch: Epoch,
    index: u32,
    wanted: Wanted,
    progress: &'a Arc<dyn Progress>,
) -> Answer<'a, Result<Explanation, String>> {
    Box::pin(async move {
        progress.begin("chain", 0);
        let facts = facts::read(chain, epoch).await;
        let facts = facts.map_err(|error| error.to_string())?;
        let facts = facts.ok_or_else(|| format!("epoch {epoch} isn't attested"))?;
        let count = facts.epoch.nodes.len();
        if index as usize >= count {
            return Err(format!(
                "node {index} has no leaf in epoch {epoch}, which has {count}: it registered after the epoch's end"
            ));
        }
        let facts = Arc::new(facts);
        let expected = (epoch, facts.attested.roots.evidence);
        let segment = format!("segment-{index}.qseg");
        // Of all segments only the node's.
        let needed = |name: &str| name == segment || numbered(name, "segment-", ".qseg").is_none();
        let network = facts.epoch.network;
        let files = fetch(sources, network, expected, needed, &**progress).await;
        let files = Arc::new(files.map_err(|error| error.to_string())?);
        let before = trees_before(sources, &facts, &files).await;
        let told = Arc::clone(progress);
        let explained =
            disk::try_run(move || explain(facts, &files, before, index, wanted, &*told));
        let explained = explained.await;
        let explained = explained.map_err(|error| format!("the check itself failed: {error}"))?;
        explained.map_err(|error| format!("the evidence can't be read: {error}"))
    })
}

/// The same by what was read from the chain. Blocking; uses all cores for signatures.
fn explain(
    facts: Arc<AuditFacts>,
    files: &EvidenceFiles,
    before: Before,
    index: u32,
    wanted: Wanted,
    progress: &dyn Progress,
) -> io::Result<Explanation> {
    let mut gaps = Gaps::default();
    let mut wrong = Contradictions::default();
    // What an audit would make of the whole epoch isn't asked here.
    let mut whole = Findings::default();
    let audited = open(
        Arc::clone(&facts),
        Some(files),
        before,
        &mut whole,
        &mut gaps,
        progress,
    )?;
    for sentence in whole.unreadable() {
        gaps.push(sentence.to_owned());
    }
    let doubts = Doubts {
        gaps: &mut gaps,
        wrong: &mut wrong,
    };
    let receipts = receipts::read(&audited, files, index, wanted, doubts, progress)?;
    let reckoning = sums::reckon(&audited, index, &receipts, &mut gaps, &mut wrong);
    let (reasons, contradictions) = (gaps.into_told(), wrong.0.into_told());
    let verdict = match (contradictions.is_empty(), reasons.is_empty()) {
        (false, _) => Verdict::False,
        (true, false) => Verdict::NotJudged,
        (true, true) => Verdict::True,
    };
    Ok(Explanation {
        epoch: facts.attested.epoch,
        chain_id: facts.epoch.network.chain_id,
        settlement: facts.epoch.network.settlement,
        index,
        node: facts.epoch.nodes[index as usize],
        verdict,
        contradictions,
        reasons,
        attestation: (&*facts).into(),
        reckoning,
        receipts,
    })
}

#[cfg(test)]
mod tests;
