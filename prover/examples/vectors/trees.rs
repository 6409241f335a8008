//! `merkle.json` and `epoch.json`: Merkle-sum trees, scores, rewards. Forge reads both.

use crate::{hex, network, seed};
use protocol::{
    DeliveryMass, Element, EpochTree, GIB, Mass, NodeId, NodeLeaf, RewardTerms, ValueMass,
    leaf_hash, reward, score,
};
use quittance_prover::SumTree;
use serde_json::{Value, json};

/// None, one, two, odd ones, and either side of a power of two.
const COUNTS: [usize; 10] = [0, 1, 2, 3, 5, 7, 8, 9, 17, 33];

pub(crate) fn merkle() -> Value {
    let delivery = |i: usize| {
        let i = i as u64 + 1;
        let mass = DeliveryMass::new(i * i * 1_048_583, i as u32 * 3, i as u32 * 2);
        (format!("delivery {i}"), mass.expect("small"))
    };
    let value = |i: usize| {
        let amount = (i as u128 + 1) * 1_000_000_007_000_000_009;
        (format!("value {i}"), ValueMass::new(amount).expect("small"))
    };
    let mut deliveries: Vec<_> = COUNTS.iter().map(|n| tree("", *n, delivery)).collect();
    // The largest sums that still fit.
    deliveries.push(tree("largest", 3, |i| {
        let third = DeliveryMass::new((1 << 56) / 3 - 1, u32::MAX / 3, u32::MAX / 3);
        (format!("largest {i}"), third.expect("fits"))
    }));
    let mut values: Vec<_> = COUNTS.iter().map(|n| tree("", *n, value)).collect();
    values.push(tree("largest", 3, |i| {
        let third = ValueMass::new((ValueMass::END - 1) / 3).expect("fits");
        (format!("largest {i}"), third)
    }));
    json!({ "delivery": deliveries, "value": values })
}

fn tree<M: Mass>(name: &str, count: usize, leaf: impl Fn(usize) -> (String, M)) -> Value {
    let leaves: Vec<_> = (0..count)
        .map(|i| {
            let (content, mass) = leaf(i);
            let hash = leaf_hash(content.as_bytes());
            Element { hash, mass }
        })
        .collect();
    let tree = SumTree::new(leaves.clone()).expect("the sums fit");
    let root = tree.root();
    // All of a small tree; of a larger one both ends and what stands beside the padding.
    let proven: Vec<_> = (0..count)
        .filter(|i| count <= 9 || [0, 1, count / 2, count - 2, count - 1].contains(i))
        .collect();
    let name = if name.is_empty() {
        format!("{count} leaves")
    } else {
        name.to_owned()
    };
    json!({
        "name": name,
        "leaves": leaves.iter().map(|leaf| json!({
            "hash": hex(leaf.hash),
            "mass": hex(leaf.mass.to_bytes()),
        })).collect::<Vec<_>>(),
        "count": count,
        "top": hex(root.top.hash),
        "mass": hex(root.mass().to_bytes()),
        "root": hex(root.hash()),
        "proofs": proven.into_iter().map(|i| json!({
            "index": i,
            "proof": hex(tree.proof(i as u64).expect("below count").0),
        })).collect::<Vec<_>>(),
    })
}

/// (bytes, deliveries, within, probes, probes ok), with the edges of every rule.
const SERVED: [(u64, u32, u32, u32, u32); 14] = [
    (GIB, 1, 1, 0, 0),
    (GIB, 2, 1, 0, 0),
    // One ppm below the floor, and on it.
    (GIB, 1_000_000, 499_999, 0, 0),
    (GIB, 1_000_000, 500_000, 0, 0),
    (0, 0, 0, 0, 0),
    (1, 1, 1, 0, 0),
    (GIB - 1, 3, 2, 7, 7),
    (GIB + 1, 3, 3, 7, 6),
    // Probes alone can fail a node.
    (5 * GIB, 100, 100, 3, 1),
    (5 * GIB, 0, 0, 1, 1),
    (123_456_789_012_345, 98_765, 98_764, 1_000, 999),
    ((1 << 56) - 1, u32::MAX, u32::MAX, u32::MAX, u32::MAX),
    ((1 << 56) - 1, u32::MAX, u32::MAX - 1, 0, 0),
    (GIB, u32::MAX, 0, 0, 0),
];

pub(crate) fn epoch() -> Value {
    let terms = RewardTerms {
        price_per_gib: 12_345_678_901_234_567_891,
        sla_floor_ppm: 500_000,
    };
    let judged = |(bytes, deliveries, within, probes, probes_ok)| {
        let mass = DeliveryMass::new(bytes, deliveries, within).expect("below 2^56");
        let score = score(deliveries, within, probes, probes_ok);
        let reward = reward(&terms, mass, score).expect("fits 120 bits");
        (mass, score, reward)
    };
    let rewards: Vec<_> = SERVED
        .into_iter()
        .map(|served| {
            let (bytes, deliveries, within, probes, probes_ok) = served;
            let (_, score, reward) = judged(served);
            json!({
                "bytes": bytes.to_string(), "deliveries": deliveries, "within": within,
                "probes": probes, "probes_ok": probes_ok,
                "score": score, "reward": reward.to_string(),
            })
        })
        .collect();

    let leaves: Vec<_> = (0u32..)
        .zip(&SERVED[4..11])
        .map(|(index, served)| {
            let (mass, sla_ppm, reward) = judged(*served);
            let delivered = mass != DeliveryMass::ZERO;
            NodeLeaf {
                index,
                node: NodeId::from(seed(&format!("node {index}"))),
                segment_root: seed(&format!("segment of node {index}"))
                    .map(|byte| if delivered { byte } else { 0 })
                    .into(),
                mass,
                probes: served.3,
                probes_ok: served.4,
                sla_ppm,
                reward,
                cumulative: reward + u128::from(index) * 10u128.pow(18),
            }
        })
        .collect();
    let file = EpochTree {
        network: network(),
        epoch: 42,
        leaves,
    };
    let tree = SumTree::of_epoch(&file).expect("the sums fit");
    let root = tree.root();
    json!({
        "price_per_gib": terms.price_per_gib.to_string(),
        "sla_floor_ppm": terms.sla_floor_ppm,
        "rewards": rewards,
        "leaves": file.leaves.iter().map(|leaf| json!({
            "index": leaf.index,
            "node": hex(leaf.node.as_bytes()),
            "segment_root": hex(leaf.segment_root),
            "mass": hex(leaf.mass.to_bytes()),
            "probes": leaf.probes,
            "probes_ok": leaf.probes_ok,
            "sla_ppm": leaf.sla_ppm,
            "reward": leaf.reward.to_string(),
            "cumulative": leaf.cumulative.to_string(),
            "encoding": hex(leaf.to_bytes()),
            "hash": hex(leaf.leaf().expect("below 2^120").hash),
            "proof": hex(tree.proof(leaf.index.into()).expect("below count").0),
        })).collect::<Vec<_>>(),
        "count": root.count,
        "top": hex(root.top.hash),
        "total": root.mass().amount().to_string(),
        "root": hex(root.hash()),
    })
}
