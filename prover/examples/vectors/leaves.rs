//! `node_leaf.json`, `bill_leaf.json`, `charge_leaf.json`, `attestation.json` and `registration.json`: single
//! encodings and digests. Forge reads them too.

use crate::scene::{account, key, public};
use crate::values::{hex, seed};
use protocol::{
    AMOUNT_END, B256, BillLeaf, ChargeLeaf, DeliveryMass, EpochLeaf, Mass, NodeId, NodeLeaf, Roots,
    Tag, registration_digest, sign,
};
use serde_json::{Value, json};

pub(crate) fn node_json(leaf: &NodeLeaf) -> Value {
    json!({
        "index": leaf.index,
        "node": hex(leaf.node.as_bytes()),
        "mass": hex(leaf.mass.to_bytes()),
        "probes": leaf.probes,
        "probes_ok": leaf.probes_ok,
        "sla_ppm": leaf.sla_ppm,
        "last": leaf.last,
        "reward": leaf.reward.to_string(),
        "cumulative": leaf.cumulative.to_string(),
        "encoding": hex(leaf.to_bytes()),
        "hash": hash(leaf),
    })
}

pub(crate) fn bill_json(leaf: &BillLeaf) -> Value {
    json!({
        "index": leaf.index,
        "payer": hex(leaf.payer),
        "last": leaf.last,
        "bill": leaf.bill.to_string(),
        "cumulative": leaf.cumulative.to_string(),
        "encoding": hex(leaf.to_bytes()),
        "hash": hash(leaf),
    })
}

pub(crate) fn charge_json(leaf: &ChargeLeaf) -> Value {
    json!({
        "payer": leaf.payer,
        "node": leaf.node,
        "segment_root": hex(leaf.segment_root),
        "mass": hex(leaf.mass.to_bytes()),
        "amount": leaf.amount.to_string(),
        "billed": leaf.billed.to_string(),
        "earned": leaf.earned.to_string(),
        "served": hex(leaf.served.to_bytes()),
        "previous": leaf.previous,
        "encoding": hex(leaf.to_bytes()),
        "hash": hash(leaf),
    })
}

fn hash(leaf: &impl EpochLeaf) -> String {
    hex(leaf.leaf().expect("below 2^96").hash)
}

fn mass(bytes: u64, deliveries: u32, within: u32) -> DeliveryMass {
    DeliveryMass::new(bytes, deliveries, within).expect("below 2^56")
}

/// Nothing, something with each field its own, the most.
pub(crate) fn node_leaf() -> Value {
    let nothing = NodeLeaf {
        index: 0,
        node: NodeId::from([0; 32]),
        mass: DeliveryMass::ZERO,
        probes: 0,
        probes_ok: 0,
        sla_ppm: 0,
        last: 0,
        reward: 0,
        cumulative: 0,
    };
    let something = NodeLeaf {
        index: 5,
        node: NodeId::from(seed("a node")),
        mass: mass(987_654_321_012, 4_321, 4_320),
        probes: 77,
        probes_ok: 76,
        sla_ppm: 987_012,
        last: 13,
        reward: 1_234_567_890_123_456_789,
        cumulative: 9_876_543_210_123_456_789_012,
    };
    let most = NodeLeaf {
        index: u32::MAX,
        node: NodeId::from([0xff; 32]),
        mass: DeliveryMass::from_bytes([0xff; 15]),
        probes: u32::MAX,
        probes_ok: u32::MAX,
        sla_ppm: u32::MAX,
        last: u32::MAX,
        reward: AMOUNT_END - 1,
        cumulative: AMOUNT_END - 1,
    };
    let leaves = [nothing, something, most].map(|leaf| node_json(&leaf));
    json!({ "leaves": leaves })
}

pub(crate) fn bill_leaf() -> Value {
    let nothing = BillLeaf {
        index: 0,
        payer: [0; 20].into(),
        last: 0,
        bill: 0,
        cumulative: 0,
    };
    let something = BillLeaf {
        index: 3,
        payer: account("a payer"),
        last: 9,
        bill: 1_234_567_890_123_456_789,
        cumulative: 9_876_543_210_123_456_789_012,
    };
    let most = BillLeaf {
        index: u32::MAX,
        payer: [0xff; 20].into(),
        last: u32::MAX,
        bill: AMOUNT_END - 1,
        cumulative: AMOUNT_END - 1,
    };
    let leaves = [nothing, something, most].map(|leaf| bill_json(&leaf));
    json!({ "leaves": leaves })
}

pub(crate) fn charge_leaf() -> Value {
    let nothing = ChargeLeaf {
        payer: 0,
        node: 0,
        segment_root: B256::ZERO,
        mass: DeliveryMass::ZERO,
        amount: 0,
        billed: 0,
        earned: 0,
        served: DeliveryMass::ZERO,
        previous: 0,
    };
    let something = ChargeLeaf {
        payer: 3,
        node: 5,
        segment_root: seed("a segment").into(),
        mass: mass(123_456_789_012, 321, 320),
        amount: 1_234_567_890_123_456_789,
        billed: 9_876_543_210_123_456_789_012,
        earned: 2_345_678_901_234_567_890,
        served: mass(987_654_321_012, 4_321, 4_320),
        previous: 7,
    };
    let most = ChargeLeaf {
        payer: u32::MAX,
        node: u32::MAX,
        segment_root: B256::repeat_byte(0xff),
        mass: DeliveryMass::from_bytes([0xff; 15]),
        amount: AMOUNT_END - 1,
        billed: AMOUNT_END - 1,
        earned: AMOUNT_END - 1,
        served: DeliveryMass::from_bytes([0xff; 15]),
        previous: u32::MAX,
    };
    let leaves = [nothing, something, most].map(|leaf| charge_json(&leaf));
    json!({ "leaves": leaves })
}

pub(crate) fn attestation() -> Value {
    let named = |name: &str| B256::from(seed(&format!("{name} of an epoch")));
    let roots = Roots {
        nodes: named("nodes"),
        bills: named("bills"),
        charges: named("charges"),
        evidence: named("evidence"),
    };
    json!({
        "nodes": hex(roots.nodes),
        "bills": hex(roots.bills),
        "charges": hex(roots.charges),
        "evidence": hex(roots.evidence),
        "digest": hex(roots.digest()),
    })
}

/// Proofs that whoever registers a key has it.
pub(crate) fn registration() -> Value {
    let proof = |name: &str, chain_id: u64| {
        let (key, registry, operator) = (key(name), account("registry"), account("operator"));
        let digest = registration_digest(chain_id, registry, operator);
        json!({
            "chain_id": chain_id.to_string(),
            "registry": hex(registry),
            "operator": hex(operator),
            "key": hex(public(&key)),
            "digest": hex(digest),
            "signature": hex(sign(&key, Tag::Registration, &digest)),
        })
    };
    let proofs = [
        proof("node 0", 31_337),
        proof("node 1", 1),
        proof("node 1", u64::MAX),
    ];
    json!({ "proofs": proofs })
}
