//! Checking an attestation from chain and evidence, without trusting who made it.

use crate::chain::{EpochFacts, epoch_facts};
use crate::evidence::{Evidence, EvidenceSource};
use crate::judge::{EpochInputs, Judgement, judge};
use crate::report::{NodeLine, count_by_index, node_lines};
use contracts::{AttestationTx, Chain};
use protocol::{Address, B256, Epoch};
use serde::Serialize;

/// Faults that are told one by one; a bad epoch can have millions.
const FAULTS_MAX: usize = 100;

/// What an audit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The attestation follows from the evidence, to the last unit.
    True,
    /// It doesn't, or the evidence itself is bad.
    False,
    /// It couldn't be judged: not attested, or chain or evidence couldn't be had.
    NotJudged,
}

/// The attestation as it stands on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedAttestation {
    /// The transaction that completed the quorum.
    pub tx: B256,
    /// The block it is in.
    pub block: u64,
    /// The verifier whose vote it was.
    pub verifier: Address,
    /// Root of the epoch tree.
    pub root: B256,
    /// Number of nodes.
    pub nodes: u32,
    /// Sum of all cumulative rewards, token units.
    pub total: String,
    /// BLAKE3 of the evidence bundle.
    pub evidence: B256,
}

/// An audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// The epoch.
    pub epoch: Epoch,
    /// The network's chain.
    pub chain_id: u64,
    /// The network's contract.
    pub settlement: Address,
    /// True, false, or not judged.
    pub verdict: Verdict,
    /// Why it isn't true; empty if it is.
    pub reasons: Vec<String>,
    /// What was attested, if anything.
    pub attestation: Option<AuditedAttestation>,
    /// The root as recomputed, if it could be.
    pub recomputed_root: Option<B256>,
    /// Sum of all cumulative rewards as recomputed, token units.
    pub recomputed_total: Option<String>,
    /// Signatures that were checked.
    pub signatures: u64,
    /// Each node, as recomputed.
    pub nodes: Vec<NodeLine>,
}

/// Evidence against chain: the judgement that follows from both, and what is wrong with the evidence.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) judgement: Option<Judgement>,
    pub(crate) faults: Vec<String>,
    pub(crate) nodes: Vec<NodeLine>,
}

/// Judges an epoch anew from its evidence. Pure; uses all cores.
pub(crate) fn check(facts: &EpochFacts, evidence: &Evidence) -> Checked {
    let mut faults = Vec::new();
    if (evidence.network(), evidence.epoch()) != (facts.network, facts.epoch) {
        faults.push("tree.qtree is of another network or epoch".to_owned());
    }
    let previous = evidence.previous.as_ref();
    let previous_root = previous.map(|tree| tree.root().map(|root| root.hash()));
    match (previous_root, facts.previous_root) {
        (None, None) => {}
        (Some(Ok(found)), Some(attested)) if found == attested => {}
        (found, attested) => faults.push(format!(
            "previous.qtree has root {}, attested for the epoch before is {}",
            found.map_or("none".into(), |root| root
                .map_or("none".into(), |r| r.to_string())),
            attested.map_or("none".into(), |root| root.to_string()),
        )),
    }
    let inputs = EpochInputs {
        network: facts.network,
        epoch: facts.epoch,
        timeline: facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        committed: &facts.committed,
        logs: &evidence.logs,
        segments: &evidence.segments,
        previous,
        probes: &evidence.probes,
    };
    let judgement = match judge(&inputs) {
        Ok(judgement) => judgement,
        Err(error) => {
            faults.push(error.to_string());
            return Checked {
                judgement: None,
                faults,
                nodes: Vec::new(),
            };
        }
    };
    let rejected = count_by_index(evidence.rejections.iter().map(|line| line.index));
    let mut nodes = node_lines(&judgement, &rejected);
    for (index, refusal) in &judgement.refusals {
        faults.push(format!("segment-{index}.qseg: {refusal}"));
    }
    for bad in &judgement.rejections {
        let (index, ticket) = (bad.index, bad.ticket);
        let reason = bad.rejection;
        faults.push(format!("segment-{index}.qseg, ticket {ticket}: {reason}"));
    }
    let (stated, computed) = (&evidence.tree.leaves, &judgement.tree.leaves);
    if stated.len() != computed.len() {
        let (stated, computed) = (stated.len(), computed.len());
        faults.push(format!(
            "tree.qtree has {stated} nodes, registered were {computed}"
        ));
    }
    for (line, leaf) in nodes.iter_mut().zip(computed) {
        let stated = stated.get(leaf.index as usize);
        if stated == Some(leaf) {
            continue;
        }
        let reason = stated.map_or("tree.qtree leaves it out".to_owned(), |stated| {
            let (score, reward, sum) = (stated.sla_ppm, stated.reward, stated.cumulative);
            let bytes = stated.mass.bytes();
            format!(
                "attested: {bytes} bytes, score {score}, reward {reward}, cumulative {sum}; \
                 recomputed: {} bytes, score {}, reward {}, cumulative {}",
                line.bytes, line.sla_ppm, line.reward, line.cumulative
            )
        });
        faults.push(format!("node {}: {reason}", leaf.index));
        (line.ok, line.reason) = (false, Some(reason));
    }
    for line in &mut nodes {
        let bad = judgement.refusals.contains_key(&line.index)
            || judgement.rejections.iter().any(|r| r.index == line.index);
        if bad && line.ok {
            let reason = "its segment holds what doesn't count".to_owned();
            (line.ok, line.reason) = (false, Some(reason));
        }
    }
    if faults.len() > FAULTS_MAX {
        let more = faults.len() - FAULTS_MAX;
        faults.truncate(FAULTS_MAX);
        faults.push(format!("and {more} more"));
    }
    Checked {
        judgement: Some(judgement),
        faults,
        nodes,
    }
}

/// Audits an attested epoch: reads from the chain what was attested and what it must follow from, reads the
/// evidence, and recomputes everything. Cancel safe.
///
/// It never fails: what keeps it from judging is in the report.
pub async fn audit_epoch(chain: &Chain, source: &EvidenceSource, epoch: Epoch) -> AuditReport {
    let network = chain.network_id();
    let mut report = AuditReport {
        epoch,
        chain_id: network.chain_id,
        settlement: network.settlement,
        verdict: Verdict::NotJudged,
        reasons: Vec::new(),
        attestation: None,
        recomputed_root: None,
        recomputed_total: None,
        signatures: 0,
        nodes: Vec::new(),
    };
    match audit(chain, source, epoch, &mut report).await {
        Ok(faults) if faults.is_empty() => report.verdict = Verdict::True,
        Ok(faults) => {
            report.verdict = Verdict::False;
            report.reasons = faults;
        }
        Err(reason) => report.reasons = vec![reason],
    }
    report
}

/// The faults found, or why it couldn't be judged.
async fn audit(
    chain: &Chain,
    source: &EvidenceSource,
    epoch: Epoch,
    report: &mut AuditReport,
) -> Result<Vec<String>, String> {
    let text = |error: contracts::ChainError| error.to_string();
    let attested = chain.attestation_tx(epoch).await.map_err(text)?;
    let attested = attested.ok_or_else(|| format!("epoch {epoch} isn't attested"))?;
    report.attestation = Some(AuditedAttestation {
        tx: attested.tx,
        block: attested.block,
        verifier: attested.verifier,
        root: attested.root,
        nodes: attested.nodes,
        total: attested.total.to_string(),
        evidence: attested.evidence,
    });
    let facts = epoch_facts(chain, epoch).await.map_err(text)?;
    let read = source.read(facts.network, epoch, Some(attested.evidence));
    let (evidence, _) = match read.await {
        Ok(read) => read,
        // The attested bytes themselves: nobody can have better ones.
        Err(error) if error.is_content() => return Ok(vec![error.to_string()]),
        Err(error) => return Err(error.to_string()),
    };
    let checked = tokio::task::spawn_blocking(move || check(&facts, &evidence)).await;
    let checked = checked.map_err(|error| format!("the check itself failed: {error}"))?;
    Ok(conclude(checked, &attested, report))
}

fn conclude(checked: Checked, attested: &AttestationTx, report: &mut AuditReport) -> Vec<String> {
    let mut faults = checked.faults;
    report.nodes = checked.nodes;
    if let Some(judgement) = checked.judgement {
        let root = judgement.root;
        report.recomputed_root = Some(root.hash());
        report.recomputed_total = Some(root.mass().amount().to_string());
        report.signatures = judgement
            .segments
            .values()
            .map(|segment| segment.records().len() as u64)
            .sum();
        if root.hash() != attested.root {
            let (found, attested) = (root.hash(), attested.root);
            faults.push(format!(
                "the recomputed root is {found}, attested is {attested}"
            ));
        }
        let same = root.mass().amount() == attested.total
            && root.count == u64::from(attested.nodes)
            && root.top.hash == attested.top;
        if !same && root.hash() == attested.root {
            faults.push("top, nodes or total of the attestation are not its root's".into());
        }
    }
    faults
}

#[cfg(test)]
mod tests;
