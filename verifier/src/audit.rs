//! Checking an attestation from chain and evidence, without trusting who made it.

use crate::chain::{EpochFacts, epoch_facts};
use crate::evidence::{Evidence, EvidenceSource, RejectionLine};
use crate::judge::{EpochInputs, Judgement, Previous, RejectedRecord, judge};
use crate::report::{NodeLine, PayerLine, count_by_index, node_lines, payer_lines};
use contracts::{AttestationTx, Chain};
use protocol::{
    Address, B256, BillLeaf, ChargeLeaf, Epoch, EpochTree, Mass, NodeLeaf, Payers, RecordContext,
    Rejection, Roots, Statement,
};
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
    /// What the contract keeps: hash of the roots and the evidence's.
    pub digest: B256,
    /// Roots of the three trees, and BLAKE3 of the evidence bundle.
    pub roots: Roots,
    /// Number of nodes.
    pub nodes: u32,
    /// Number of payers.
    pub payers: u32,
    /// Number of charges.
    pub charges: u32,
    /// Sum of all cumulative rewards, token units.
    pub total: String,
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
    /// The roots as recomputed, if they could be.
    pub recomputed_roots: Option<Roots>,
    /// Sum of all cumulative rewards as recomputed, token units.
    pub recomputed_total: Option<String>,
    /// Signatures that were checked.
    pub signatures: u64,
    /// Each node, as recomputed.
    pub nodes: Vec<NodeLine>,
    /// Each payer, as recomputed.
    pub payers: Vec<PayerLine>,
}

/// Evidence against chain: the judgement that follows from both, and what is wrong with the evidence.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) judgement: Option<Judgement>,
    pub(crate) faults: Vec<String>,
    pub(crate) nodes: Vec<NodeLine>,
    pub(crate) payers: Vec<PayerLine>,
}

/// Judges an epoch anew from its evidence. Pure; uses all cores.
pub(crate) fn check(facts: &EpochFacts, evidence: &Evidence) -> Checked {
    let mut faults = Vec::new();
    let place = (facts.network, facts.epoch);
    let trees = &evidence.trees;
    for (file, found) in [
        ("tree.qtree", (trees.nodes.network, trees.nodes.epoch)),
        ("bills.qbil", (trees.bills.network, trees.bills.epoch)),
        ("charges.qchg", (trees.charges.network, trees.charges.epoch)),
    ] {
        if found != place {
            faults.push(format!("{file} is of another network or epoch"));
        }
    }
    let previous = evidence.previous.as_ref();
    let attested = facts.previous.map(|roots| (roots.nodes, roots.bills));
    if previous.map(Previous::hashes) != attested.map(Some) {
        let tell = |roots: Option<(B256, B256)>| {
            roots.map_or("none".to_owned(), |(nodes, bills)| {
                format!("{nodes} and {bills}")
            })
        };
        let found = tell(previous.and_then(Previous::hashes));
        faults.push(format!(
            "previous.qtree and previous-bills.qbil have the roots {found}, attested for the epoch \
             before are {}",
            tell(attested)
        ));
    }
    let inputs = EpochInputs {
        network: facts.network,
        epoch: facts.epoch,
        timeline: facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        payers: &facts.payers,
        committed: &facts.committed,
        logs: &evidence.logs,
        segments: &evidence.segments,
        forced: &facts.forced,
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
                payers: Vec::new(),
            };
        }
    };
    let rejected = count_by_index(evidence.rejections.iter().map(|line| line.index));
    let mut nodes = node_lines(&judgement, &rejected);
    let mut payers = payer_lines(&judgement, &facts.payers);
    for (index, refusal) in &judgement.refusals {
        faults.push(format!("segment-{index}.qseg: {refusal}"));
    }
    // What a node forced is on chain, whether it counts or not; nobody attested it for that.
    let forced = |bad: &RejectedRecord| {
        let records = facts.forced.get(&bad.index);
        records.is_some_and(|records| records.contains(&bad.record))
    };
    let counted = judgement.rejections.iter().filter(|bad| !forced(bad));
    for bad in counted.clone() {
        let (index, ticket) = (bad.index, bad.record.id);
        let reason = bad.rejection;
        faults.push(format!("segment-{index}.qseg, ticket {ticket}: {reason}"));
    }
    faults.extend(wrong_refusals(facts, evidence, &judgement));
    for (place, reason) in differences(&trees.nodes, &judgement.trees.nodes, tell_node) {
        faults.push(format!("tree.qtree, node {place}: {reason}"));
        if let Some(line) = nodes.get_mut(place) {
            (line.ok, line.reason) = (false, Some(reason));
        }
    }
    for (place, reason) in differences(&trees.bills, &judgement.trees.bills, tell_bill) {
        faults.push(format!("bills.qbil, payer {place}: {reason}"));
        if let Some(line) = payers.get_mut(place) {
            (line.ok, line.reason) = (false, Some(reason));
        }
    }
    for (place, reason) in differences(&trees.charges, &judgement.trees.charges, tell_charge) {
        faults.push(format!("charges.qchg, charge {place}: {reason}"));
    }
    for line in &mut nodes {
        let bad = judgement.refusals.contains_key(&line.index)
            || counted.clone().any(|bad| bad.index == line.index);
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
        payers,
    }
}

/// Records that the attester left out with another reason than they give, or though they count.
fn wrong_refusals(facts: &EpochFacts, evidence: &Evidence, judgement: &Judgement) -> Vec<String> {
    let payers = Payers::new(facts.payers.iter().map(|payer| payer.account));
    let wrong = |line: &RejectionLine| {
        let (index, ticket) = (line.index, line.ticket);
        let found = match facts.nodes.get(index as usize) {
            None => "there is no such node".to_owned(),
            Some(node) => {
                let context = RecordContext {
                    network: facts.network,
                    epoch: facts.epoch,
                    node: *node,
                    timeline: facts.timeline,
                    logs: &evidence.logs,
                    payers: &payers,
                };
                let has_room = || {
                    let leaf = judgement.trees.nodes.leaves.get(index as usize)?;
                    let sum = leaf.mass.checked_add(line.record.leaf().ok()?.mass);
                    Some(sum.is_ok())
                };
                let valid = line.record.verify(&context).and_then(|_| match has_room() {
                    Some(true) => Ok(()),
                    _ => Err(Rejection::SumOverflow),
                });
                match valid {
                    Err(found)
                        if (found.code(), found.name()) == (line.code, line.reason.clone()) =>
                    {
                        return None;
                    }
                    Err(found) => found.to_string(),
                    Ok(()) => "the record counts".to_owned(),
                }
            }
        };
        let stated = &line.reason;
        Some(format!(
            "rejections.json, node {index}, ticket {ticket}: stated {stated}; found: {found}"
        ))
    };
    evidence.rejections.iter().filter_map(wrong).collect()
}

/// Leaves that aren't the same in both trees, by place, with what each says.
fn differences<L: PartialEq>(
    stated: &EpochTree<L>,
    computed: &EpochTree<L>,
    tell: impl Fn(&L) -> String,
) -> Vec<(usize, String)> {
    let (stated, computed) = (&stated.leaves, &computed.leaves);
    let tell = |leaf: Option<&L>| leaf.map_or("nothing".to_owned(), &tell);
    (0..stated.len().max(computed.len()))
        .map(|place| (place, stated.get(place), computed.get(place)))
        .filter(|(_, stated, computed)| stated != computed)
        .map(|(place, stated, computed)| {
            let (stated, computed) = (tell(stated), tell(computed));
            (place, format!("attested: {stated}; recomputed: {computed}"))
        })
        .collect()
}

fn tell_node(leaf: &NodeLeaf) -> String {
    let NodeLeaf {
        node,
        mass,
        probes,
        probes_ok,
        sla_ppm,
        last,
        reward,
        cumulative,
        ..
    } = leaf;
    let node = node.short();
    format!(
        "key {node}, {mass:?}, probes {probes_ok} of {probes}, score {sla_ppm}, reward {reward}, \
         cumulative {cumulative}, last {last}"
    )
}

fn tell_bill(leaf: &BillLeaf) -> String {
    let BillLeaf {
        payer,
        last,
        bill,
        cumulative,
        ..
    } = leaf;
    format!("account {payer}, bill {bill}, cumulative {cumulative}, last {last}")
}

fn tell_charge(leaf: &ChargeLeaf) -> String {
    let ChargeLeaf {
        payer,
        node,
        segment_root,
        mass,
        amount,
        billed,
        earned,
        served,
        previous,
    } = leaf;
    format!(
        "payer {payer} at node {node}, {mass:?}, segment root {segment_root}, amount {amount}, \
         billed {billed}, earned {earned}, served {served:?}, previous {previous}"
    )
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
        recomputed_roots: None,
        recomputed_total: None,
        signatures: 0,
        nodes: Vec::new(),
        payers: Vec::new(),
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
        digest: attested.roots.digest(),
        roots: attested.roots,
        nodes: attested.nodes,
        payers: attested.payers,
        charges: attested.charges,
        total: attested.total.to_string(),
    });
    let facts = epoch_facts(chain, epoch).await.map_err(text)?;
    let read = source.read(facts.network, epoch, Some(attested.roots.evidence));
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
    (report.nodes, report.payers) = (checked.nodes, checked.payers);
    if let Some(judgement) = checked.judgement {
        let statement = Statement {
            epoch: attested.epoch,
            trees: judgement.roots,
            evidence: attested.roots.evidence,
        };
        let roots = statement.roots();
        report.recomputed_roots = Some(roots);
        report.recomputed_total = Some(statement.total().to_string());
        report.signatures = judgement
            .segments
            .values()
            .map(|segment| segment.records().len() as u64)
            .sum();
        for (tree, found, attested) in [
            ("nodes", roots.nodes, attested.roots.nodes),
            ("bills", roots.bills, attested.roots.bills),
            ("charges", roots.charges, attested.roots.charges),
        ] {
            if found != attested {
                faults.push(format!(
                    "the recomputed root of the {tree} tree is {found}, attested is {attested}"
                ));
            }
        }
        let trees = statement.trees;
        let counts = [trees.nodes.count, trees.bills.count, trees.charges.count];
        let same = counts == [attested.nodes, attested.payers, attested.charges].map(u64::from)
            && statement.total() == attested.total
            && trees.nodes.top.hash == attested.nodes_top;
        if !same && roots == attested.roots {
            faults.push("top, counts or total of the attestation are not its roots'".into());
        }
    }
    faults
}

#[cfg(test)]
mod tests;
