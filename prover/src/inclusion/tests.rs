//! On the golden epoch: every receipt that counts is proven, by the proofs of the vectors.

use super::*;
use protocol::{B256, EpochTree, InclusionError, Proof, Roots};
use serde_json::Value;

struct Golden {
    vectors: Value,
    log: TicketLog,
    segments: Vec<Segment>,
    nodes: NodeTree,
    charges: ChargeTree,
    payers: Vec<Address>,
    roots: Roots,
    committed: B256,
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/epoch.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let hash = |value: &Value| B256::from_slice(&bytes(value));
    let segments = vectors["segments"].as_array().unwrap().iter();
    let payers = vectors["payers"].as_array().unwrap().iter();
    Golden {
        log: TicketLog::from_bytes(&bytes(&vectors["log"]["encoding"])).unwrap(),
        segments: segments
            .map(|segment| Segment::from_bytes(&bytes(segment)).unwrap())
            .collect(),
        nodes: EpochTree::from_bytes(&bytes(&vectors["nodes"]["encoding"])).unwrap(),
        charges: EpochTree::from_bytes(&bytes(&vectors["charges"]["encoding"])).unwrap(),
        payers: payers
            .map(|payer| Address::from_slice(&bytes(&payer["account"])))
            .collect(),
        roots: Roots {
            nodes: hash(&vectors["nodes"]["root"]),
            bills: hash(&vectors["bills"]["root"]),
            charges: hash(&vectors["charges"]["root"]),
            evidence: hash(&vectors["evidence"]),
        },
        committed: hash(&vectors["log"]["root"]),
        vectors,
    }
}

impl Golden {
    fn prove(&self, id: TicketId) -> Result<ReceiptProof, InclusionProofError> {
        let logs = std::slice::from_ref(&self.log);
        let ticket = find_ticket(logs, id)?;
        let payer = self.payers.iter().position(|payer| *payer == ticket.payer);
        let mut nodes = self.nodes.leaves.iter();
        let node = nodes.position(|leaf| leaf.node == ticket.node);
        let (payer, node) = (payer.unwrap(), node.unwrap());
        let (segment, charges) = (&self.segments[node], &self.charges);
        prove_receipt(logs, segment, charges, payer as u32, node as u32, id)
    }

    fn counted(&self) -> Vec<TicketId> {
        let records = self.segments.iter().flat_map(Segment::records);
        records.map(|record| record.id).collect()
    }
}

#[test]
fn every_receipt_that_counts_is_proven_as_the_vectors_say() {
    let golden = golden();
    let counted = golden.counted();
    assert!(counted.len() >= 6);
    for id in counted {
        let proof = golden.prove(id).unwrap();
        assert_eq!(proof.check(&golden.roots, golden.committed), Ok(()));
        assert_eq!((proof.record.leaf.id, proof.ticket.place), (id, id.index));
        let charges = &golden.vectors["charges"]["leaves"];
        let charge = &charges[proof.charge.place as usize];
        assert_eq!(proof.charge.proof.0, bytes(&charge["proof"]));
        let record = &charge["segment"]["records"][proof.record.place as usize];
        assert_eq!(proof.record.proof.0, bytes(&record["proof"]));
        let ticket = &golden.vectors["log"]["proofs"][id.index as usize];
        assert_eq!(proof.ticket.proof.0, bytes(ticket));
    }
}

#[test]
fn every_node_is_proven_and_no_other() {
    let golden = golden();
    for index in 0..3 {
        let proof = prove_node(&golden.nodes, index).unwrap();
        assert_eq!(proof.check(&golden.roots), Ok(()));
        let vector = &golden.vectors["nodes"]["leaves"][index as usize];
        assert_eq!(proof.node.proof.0, bytes(&vector["proof"]));
        let mut wrong = proof.clone();
        wrong.node.leaf.reward += 1;
        assert!(matches!(
            wrong.check(&golden.roots),
            Err(InclusionError::Root { tree: "nodes", .. })
        ));
        let mut wrong = proof;
        wrong.node.count = 9;
        assert!(matches!(
            wrong.check(&golden.roots),
            Err(InclusionError::Path { tree: "nodes", .. })
        ));
    }
    let none = InclusionProofError::NoNode { index: 3, count: 3 };
    assert_eq!(prove_node(&golden.nodes, 3), Err(none));
}

/// A change to any part of the proof is noticed, by the check that is for it.
#[test]
fn each_part_of_a_receipts_proof_is_bound() {
    let golden = golden();
    let proofs = golden.counted().into_iter().map(|id| golden.prove(id));
    let several = |proof: &ReceiptProof| proof.record.count > 1;
    let good = proofs.map(Result::unwrap).find(several).unwrap();
    let id = good.ticket.leaf.id;
    let check = |change: &dyn Fn(&mut ReceiptProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof
            .check(&golden.roots, golden.committed)
            .expect_err("another proof")
    };
    let root = |error| match error {
        InclusionError::Root { tree, .. } => tree,
        other => panic!("{other}"),
    };
    assert_eq!(root(check(&|p| p.charge.leaf.amount += 1)), "charges");
    assert_eq!(root(check(&|p| p.charge.proof.0[40] ^= 1)), "charges");
    assert_eq!(root(check(&|p| p.charge.place ^= 1)), "charges");
    assert_eq!(
        root(check(&|p| p.record.leaf.receipt.bytes += 1)),
        "segment"
    );
    assert_eq!(
        root(check(&|p| p.record.leaf.signature.0[9] ^= 1)),
        "segment"
    );
    assert_eq!(root(check(&|p| p.record.place ^= 1)), "segment");
    assert_eq!(root(check(&|p| p.ticket.proof.0[3] ^= 1)), "ticket log");
    assert_eq!(
        check(&|p| p.ticket.leaf.bytes_max += 1),
        InclusionError::Ticket
    );
    let (index, place) = (id.index, id.index ^ 1);
    assert_eq!(
        check(&|p| p.ticket.place ^= 1),
        InclusionError::Place { index, place }
    );
    let path = check(&|p| p.record.proof = Proof(Vec::new()));
    assert!(matches!(
        path,
        InclusionError::Path {
            tree: "segment",
            ..
        }
    ));
    assert_eq!(
        root(good.check(&golden.roots, B256::ZERO).unwrap_err()),
        "ticket log"
    );

    // Attested, and not signed by the client: the paths hold, the receipt is false.
    let mut golden = golden;
    let (node, at) = (good.charge.leaf.node as usize, good.charge.place as usize);
    let segment = &golden.segments[node];
    let mut records = segment.records().to_vec();
    records.iter_mut().for_each(|r| r.signature.0[40] ^= 1);
    let (network, epoch, key) = (segment.network(), segment.epoch(), segment.node());
    golden.segments[node] = Segment::new(network, epoch, key, records).unwrap();
    let logs = std::slice::from_ref(&golden.log);
    let paid = records_of_payer(&golden.segments[node], logs, good.ticket.leaf.payer);
    let leaves = paid.iter().map(Record::leaf).collect::<Result<_, _>>();
    golden.charges.leaves[at].segment_root = SumTree::new(leaves.unwrap()).unwrap().root().hash();
    golden.roots.charges = golden.charges.root().unwrap().hash();
    let proof = golden.prove(id).unwrap();
    assert_eq!(proof.check_paths(&golden.roots, golden.committed), Ok(()));
    assert_eq!(
        proof.check(&golden.roots, golden.committed),
        Err(InclusionError::Signature)
    );
}

#[test]
fn what_cannot_be_proven_says_why() {
    let mut golden = golden();
    let id = golden.counted()[0];
    let unknown = TicketId { issuer: 9, ..id };
    let none = golden.prove(unknown).unwrap_err();
    assert!(
        none.to_string().contains("no ticket log of issuer 9"),
        "{none}"
    );
    let later = TicketId {
        epoch: id.epoch + 1,
        ..id
    };
    assert!(matches!(
        golden.prove(later),
        Err(InclusionProofError::NoLog { .. })
    ));
    let beyond = TicketId { index: 9, ..id };
    let none = golden.prove(beyond).unwrap_err().to_string();
    assert!(
        none.contains("no such ticket") && none.contains("granted 9 tickets"),
        "{none}"
    );
    let unused = (0..9).map(|index| TicketId { index, ..id });
    let counted = golden.counted();
    let unused = unused.into_iter().find(|id| !counted.contains(id)).unwrap();
    assert_eq!(
        golden.prove(unused),
        Err(InclusionProofError::NoRecord(unused))
    );
    golden.charges.leaves.clear();
    assert!(matches!(
        golden.prove(id),
        Err(InclusionProofError::NoCharge { .. })
    ));
}
