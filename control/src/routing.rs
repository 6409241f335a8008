//! Which nodes a client is sent to: a pure decision over a snapshot.
//!
//! Rendezvous hashing: every node has a rank for every collection, the highest serve it. A node that
//! comes or goes moves only the collections it ranks highest for, so caches stay warm. Load lowers a
//! rank in a few coarse steps, never below half: enough to move clients away from a node that has many
//! times the sessions of the others, too little to move them to and fro.

use protocol::{ClientKey, CollectionId, NodeId, keccak256};
use std::collections::HashSet;

/// A node that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) node: NodeId,
    /// Sessions open at its last heartbeat.
    pub(crate) sessions: u32,
}

/// Sessions up to which a node counts as idle.
const IDLE_SESSIONS: u32 = 64;
/// Weight of an idle node; each doubling of sessions beyond takes one off.
const WEIGHT_IDLE: u32 = 16;
/// Weight of the busiest node.
const WEIGHT_MIN: u32 = 8;

fn weight(sessions: u32) -> u32 {
    let doublings = (sessions / IDLE_SESSIONS)
        .checked_ilog2()
        .map_or(0, |log| log + 1);
    WEIGHT_IDLE.saturating_sub(doublings).max(WEIGHT_MIN)
}

fn rank(collection: &CollectionId, candidate: &Candidate) -> u128 {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(collection.as_bytes());
    pair[32..].copy_from_slice(candidate.node.as_bytes());
    let hash = keccak256(pair);
    let uniform = u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"));
    u128::from(uniform) * u128::from(weight(candidate.sessions))
}

/// Up to `count` nodes for a collection, best first. The candidates' order doesn't matter.
pub(crate) fn choose(
    collection: &CollectionId,
    candidates: &[Candidate],
    exclude: &[NodeId],
    count: usize,
) -> Vec<NodeId> {
    let mut ranked = ranking(collection, candidates, exclude);
    ranked.truncate(count);
    ranked
}

/// As [`choose`], for one client: the first `replicas` nodes take turns by the client's key, so that a
/// collection's clients spread over all the nodes that hold it.
pub(crate) fn choose_for(
    client: &ClientKey,
    collection: &CollectionId,
    candidates: &[Candidate],
    exclude: &[NodeId],
    count: usize,
    replicas: usize,
) -> Vec<NodeId> {
    let mut ranked = ranking(collection, candidates, exclude);
    let first = replicas.min(ranked.len());
    if first > 1 {
        let turn =
            u64::from_be_bytes(*client.as_bytes().first_chunk().expect("a key has 32 bytes"));
        ranked[..first].rotate_left((turn % first as u64) as usize);
    }
    ranked.truncate(count);
    ranked
}

/// Every candidate, best first.
fn ranking(collection: &CollectionId, candidates: &[Candidate], exclude: &[NodeId]) -> Vec<NodeId> {
    let exclude: HashSet<_> = exclude.iter().collect();
    let mut ranked: Vec<_> = candidates
        .iter()
        .filter(|candidate| !exclude.contains(&candidate.node))
        .map(|candidate| (rank(collection, candidate), candidate.node))
        .collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u8) -> Vec<Candidate> {
        (0..count)
            .map(|n| Candidate {
                node: NodeId::from([n; 32]),
                sessions: 0,
            })
            .collect()
    }

    fn collection(n: u16) -> CollectionId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        CollectionId::from(id)
    }

    #[test]
    fn the_same_question_has_the_same_answer_in_any_order() {
        let mut candidates = nodes(9);
        let first = choose(&collection(1), &candidates, &[], 3);
        candidates.reverse();
        assert_eq!(choose(&collection(1), &candidates, &[], 3), first);
        assert_eq!(first.len(), 3);
        assert_eq!(
            choose(&collection(1), &candidates, &first[..1], 2),
            first[1..]
        );
        assert!(choose(&collection(1), &[], &[], 3).is_empty());
    }

    #[test]
    fn a_node_that_leaves_moves_only_what_it_had() {
        let all = nodes(10);
        let gone = all[3].node;
        let left: Vec<_> = all.iter().copied().filter(|c| c.node != gone).collect();
        let mut moved = 0;
        for n in 0..1000 {
            let before = choose(&collection(n), &all, &[], 1)[0];
            let after = choose(&collection(n), &left, &[], 1)[0];
            if before == gone {
                moved += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        assert!(
            (50..200).contains(&moved),
            "{moved} of 1000 on one node of 10"
        );
    }

    #[test]
    fn clients_spread_over_the_replicas_and_only_those_come_first() {
        let candidates = nodes(9);
        let replicas = choose(&collection(1), &candidates, &[], 3);
        let mut firsts = HashSet::new();
        for n in 0..64u8 {
            let client = ClientKey::from([n; 32]);
            let chosen = choose_for(&client, &collection(1), &candidates, &[], 5, 3);
            assert_eq!(
                chosen[..3].iter().collect::<HashSet<_>>(),
                replicas.iter().collect()
            );
            firsts.insert(chosen[0]);
        }
        assert_eq!(firsts, replicas.into_iter().collect());
    }

    #[test]
    fn load_moves_a_share_and_not_everything() {
        let mut candidates = nodes(2);
        let share = |candidates: &[Candidate]| {
            (0..1000)
                .filter(|n| choose(&collection(*n), candidates, &[], 1)[0] == candidates[0].node)
                .count()
        };
        let even = share(&candidates);
        candidates[0].sessions = IDLE_SESSIONS - 1;
        assert_eq!(share(&candidates), even, "small differences move nothing");
        candidates[0].sessions = 100_000;
        let loaded = share(&candidates);
        assert!(loaded < even && loaded > even / 4, "{even} → {loaded}");
    }
}
