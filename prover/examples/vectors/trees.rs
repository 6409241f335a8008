//! `merkle.json`: Merkle-sum trees. Forge reads it too.

use crate::values::hex;
use protocol::{DeliveryMass, Element, Mass, ValueMass, leaf_hash};
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
