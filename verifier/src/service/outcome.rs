//! From what was gathered to evidence on disk.

use super::turn::TurnError;
use crate::chain::EpochFacts;
use crate::evidence::{Evidence, EvidenceStore};
use crate::gather::Segments;
use crate::judge::{EpochInputs, Judgement, Previous, judge};
use crate::report::{NodeLine, count_by_index, node_lines};
use protocol::{B256, EpochRoots, TicketLog};

/// Judges, and makes the outcome durable. Blocks, and uses all cores.
pub(super) fn judge_and_write(
    store: &EvidenceStore,
    facts: &EpochFacts,
    logs: Vec<TicketLog>,
    segments: Segments,
    previous: Option<Previous>,
) -> Result<(EpochRoots, B256, Vec<NodeLine>), TurnError> {
    let epoch = facts.epoch;
    let inputs = EpochInputs {
        network: facts.network,
        epoch,
        timeline: &facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        payers: &facts.payers,
        committed: &facts.committed,
        logs: &logs,
        segments: &segments.files,
        forced: &facts.forced,
        previous: previous.as_ref(),
        probes: &[],
    };
    let judgement = judge(&inputs).map_err(|source| TurnError::Judge { epoch, source })?;
    let nodes = lines(&judgement, &segments);
    let evidence = Evidence::of(&judgement, logs, previous, Vec::new());
    let hash = store.write(&evidence)?;
    Ok((judgement.roots, hash, nodes))
}

fn lines(judgement: &Judgement, segments: &Segments) -> Vec<NodeLine> {
    let rejected = count_by_index(judgement.rejections.iter().map(|bad| bad.index));
    let mut lines = node_lines(judgement, &rejected);
    for line in &mut lines {
        let refusal = judgement.refusals.get(&line.index).map(ToString::to_string);
        line.reason = refusal.or_else(|| segments.missing.get(&line.index).cloned());
        line.ok = line.reason.is_none();
    }
    lines
}
