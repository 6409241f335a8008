//! Charges: who owes whom how much for an epoch. SPEC section 7.

use super::inputs::{EpochInputs, JudgeError, check_count};
use protocol::{
    BillLeaf, ChargeLeaf, DeliveryMass, EpochTree, EpochTrees, Mass, NodeLeaf, Root, charge, score,
};
use std::collections::BTreeMap;

/// What a node did in the epoch, as far as it counts.
pub(super) struct Served {
    /// Sum over its valid records.
    pub(super) mass: DeliveryMass,
    /// Root of those of each payer, by payer index.
    pub(super) by_payer: BTreeMap<u32, Root<DeliveryMass>>,
    /// Probes made.
    probes: u32,
    /// Probes answered within the service level.
    probes_ok: u32,
}

impl Served {
    pub(super) fn nothing(probes: u32, probes_ok: u32) -> Self {
        Self {
            mass: DeliveryMass::ZERO,
            by_payer: BTreeMap::new(),
            probes,
            probes_ok,
        }
    }
}

/// Charges payers in their order, each for the nodes in theirs, and adds everything up. `served` is by
/// registry index.
pub(super) fn settle(
    inputs: &EpochInputs<'_>,
    served: Vec<Served>,
) -> Result<EpochTrees, JudgeError> {
    let mut nodes: Vec<_> = (0u32..)
        .zip(&served)
        .map(|(index, served)| node_before(inputs, index, served))
        .collect();
    let mut bills: Vec<_> = (0..inputs.payers.len() as u32)
        .map(|index| bill_before(inputs, index))
        .collect();
    // By payer, then by node: the order of the charges tree.
    let parts: BTreeMap<(u32, u32), Root<DeliveryMass>> = (0u32..)
        .zip(served)
        .flat_map(|(node, served)| {
            let by_payer = served.by_payer.into_iter();
            by_payer.map(move |(payer, root)| ((payer, node), root))
        })
        .collect();
    check_count("charges are due", parts.len())?;

    let mut charges: Vec<ChargeLeaf> = Vec::with_capacity(parts.len());
    for ((payer, node), part) in parts {
        let bill = &mut bills[payer as usize];
        let earner = &mut nodes[node as usize];
        let mass = part.mass();
        let deposit = inputs.payers[payer as usize].deposit;
        let amount = charge(
            &inputs.terms,
            mass,
            earner.sla_ppm,
            deposit,
            bill.cumulative,
        )
        .map_err(|source| JudgeError::Charge {
            payer,
            node,
            source,
        })?;
        bill.bill += amount;
        // No more than the deposit, if there is an amount.
        bill.cumulative += amount;
        // Below 2^96 each, at most 2^22 of them.
        earner.reward += amount;
        // A sum beyond u128 is beyond the tree's 96 bits, which its root refuses.
        earner.cumulative = earner.cumulative.saturating_add(amount);
        let served_before = match earner.last.checked_sub(1) {
            Some(last) => charges[last as usize].served,
            None => DeliveryMass::ZERO,
        };
        charges.push(ChargeLeaf {
            payer,
            node,
            segment_root: part.hash(),
            mass,
            amount,
            billed: bill.cumulative,
            earned: earner.reward,
            served: served_before.checked_add(mass)?,
            previous: earner.last,
        });
        let place = charges.len() as u32;
        (bill.last, earner.last) = (place, place);
    }
    Ok(EpochTrees {
        nodes: tree(inputs, nodes),
        bills: tree(inputs, bills),
        charges: tree(inputs, charges),
    })
}

fn tree<L>(inputs: &EpochInputs<'_>, leaves: Vec<L>) -> EpochTree<L> {
    EpochTree {
        network: inputs.network,
        epoch: inputs.epoch,
        leaves,
    }
}

/// A node's leaf before anything is charged. Its score is of all it served, whoever pays.
fn node_before(inputs: &EpochInputs<'_>, index: u32, served: &Served) -> NodeLeaf {
    let &Served {
        mass,
        probes,
        probes_ok,
        ..
    } = served;
    let before = inputs.previous;
    let before = before.and_then(|before| before.nodes.leaves.get(index as usize));
    NodeLeaf {
        index,
        node: inputs.nodes[index as usize],
        mass,
        probes,
        probes_ok,
        sla_ppm: score(mass.deliveries(), mass.within(), probes, probes_ok),
        last: 0,
        reward: 0,
        cumulative: before.map_or(0, |leaf| leaf.cumulative),
    }
}

/// A payer's leaf before it is charged.
fn bill_before(inputs: &EpochInputs<'_>, index: u32) -> BillLeaf {
    let before = inputs.previous;
    let before = before.and_then(|before| before.bills.leaves.get(index as usize));
    BillLeaf {
        index,
        payer: inputs.payers[index as usize].account,
        last: 0,
        bill: 0,
        cumulative: before.map_or(0, |leaf| leaf.cumulative),
    }
}
