//! The golden vectors of `tests/vectors`, recomputed from their fields by this crate alone. The contracts'
//! tests read `merkle.json` and `epoch.json` as well: what both agree on is the protocol.

use alloy_primitives::hex;
use quittance_protocol::{
    Address, B256, ClientKey, CollectionId, ContentHash, DeliveryMass, Element, Entry, EpochTree,
    IssuerKey, Manifest, ManifestError, Mass, Network, NodeId, NodeLeaf, Proof, Receipt, Record,
    RecordContext, Rejection, RewardTerms, Root, Segment, SignedTicket, SigningKey, Ticket,
    TicketId, TicketInvalid, TicketLog, Timeline, TreeTop, UnverifiedReceipt, ValueMass, leaf_hash,
    reward, score,
};
use serde_json::Value;
use std::str::FromStr;

fn load(name: &str) -> Value {
    let path = format!(
        "{}/../tests/vectors/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = text(value);
    assert!(text.starts_with("0x") && text.to_lowercase() == text);
    hex::decode(text).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn decimal<T: FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    text(value).parse().unwrap()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn network(value: &Value) -> Network {
    Network {
        chain_id: value["chain_id"].as_u64().unwrap(),
        settlement: Address::from(array(&value["settlement"])),
    }
}

fn check_tree<M: Mass>(tree: &Value) {
    let leaves: Vec<Element<M>> = list(&tree["leaves"])
        .iter()
        .map(|leaf| Element {
            hash: array(&leaf["hash"]).into(),
            mass: M::from_bytes(array(&leaf["mass"])),
        })
        .collect();
    let mut top = TreeTop::default();
    leaves.iter().for_each(|leaf| top.push(*leaf).unwrap());
    check_root(&top.finish().unwrap(), tree);
    for proof in list(&tree["proofs"]) {
        let index = proof["index"].as_u64().unwrap();
        check_proof(
            &top_of(tree),
            index,
            leaves[index as usize],
            &proof["proof"],
        );
    }
}

/// A root as the vector states it: what a contract would know.
fn top_of<M: Mass>(tree: &Value) -> Root<M> {
    Root {
        top: Element {
            hash: array(&tree["top"]).into(),
            mass: M::from_bytes(array(&tree["mass"])),
        },
        count: tree["count"].as_u64().unwrap(),
    }
}

fn check_root<M: Mass>(root: &Root<M>, stated: &Value) {
    assert_eq!(*root, top_of(stated));
    assert_eq!(root.hash(), B256::from(array(&stated["root"])));
}

fn check_proof<M: Mass>(root: &Root<M>, index: u64, leaf: Element<M>, proof: &Value) {
    let proof = Proof(bytes(proof));
    assert_eq!(proof.verify(root, index, leaf), Ok(()), "leaf {index}");
    assert!(proof.verify(root, index + 1, leaf).is_err());
    assert!(proof.verify(root, index, Element::EMPTY).is_err());
}

#[test]
fn trees() {
    let vectors = load("merkle");
    list(&vectors["delivery"])
        .iter()
        .for_each(check_tree::<DeliveryMass>);
    list(&vectors["value"])
        .iter()
        .for_each(check_tree::<ValueMass>);
    assert!(list(&vectors["delivery"]).len() > 8 && list(&vectors["value"]).len() > 8);
}

#[test]
fn scores_and_rewards() {
    let vectors = load("epoch");
    let terms = RewardTerms {
        price_per_gib: decimal(&vectors["price_per_gib"]),
        sla_floor_ppm: number(&vectors["sla_floor_ppm"]),
    };
    for case in list(&vectors["rewards"]) {
        let [deliveries, within, probes, probes_ok] =
            ["deliveries", "within", "probes", "probes_ok"].map(|field| number(&case[field]));
        let mass = DeliveryMass::new(decimal(&case["bytes"]), deliveries, within).unwrap();
        let score = score(deliveries, within, probes, probes_ok);
        assert_eq!(score, number(&case["score"]), "{case}");
        let reward = reward(&terms, mass, score).unwrap();
        assert_eq!(reward, decimal(&case["reward"]), "{case}");
    }
    assert!(list(&vectors["rewards"]).len() > 10);
}

#[test]
fn the_epoch_tree() {
    let vectors = load("epoch");
    let terms = RewardTerms {
        price_per_gib: decimal(&vectors["price_per_gib"]),
        sla_floor_ppm: number(&vectors["sla_floor_ppm"]),
    };
    let leaves: Vec<_> = list(&vectors["leaves"])
        .iter()
        .map(|stated| {
            let leaf = NodeLeaf {
                index: number(&stated["index"]),
                node: NodeId::from(array::<32>(&stated["node"])),
                segment_root: array(&stated["segment_root"]).into(),
                mass: DeliveryMass::from_bytes(array(&stated["mass"])),
                probes: number(&stated["probes"]),
                probes_ok: number(&stated["probes_ok"]),
                sla_ppm: number(&stated["sla_ppm"]),
                reward: decimal(&stated["reward"]),
                cumulative: decimal(&stated["cumulative"]),
            };
            assert_eq!(leaf.to_bytes(), array(&stated["encoding"]));
            assert_eq!(NodeLeaf::from_bytes(&leaf.to_bytes()), leaf);
            let hash = B256::from(array(&stated["hash"]));
            assert_eq!(leaf.leaf().unwrap().hash, hash);
            let (mass, probes) = (leaf.mass, (leaf.probes, leaf.probes_ok));
            let ppm = score(mass.deliveries(), mass.within(), probes.0, probes.1);
            assert_eq!(leaf.sla_ppm, ppm);
            assert_eq!(leaf.reward, reward(&terms, mass, ppm).unwrap());
            leaf
        })
        .collect();
    let tree = EpochTree {
        network: Network {
            chain_id: 1,
            settlement: Address::ZERO,
        },
        epoch: 0,
        leaves,
    };
    let root = tree.root().unwrap();
    assert_eq!(root.count, vectors["count"].as_u64().unwrap());
    assert_eq!(root.top.hash, B256::from(array(&vectors["top"])));
    assert_eq!(root.mass().amount(), decimal(&vectors["total"]));
    assert_eq!(root.hash(), B256::from(array(&vectors["root"])));
    for (leaf, stated) in tree.leaves.iter().zip(list(&vectors["leaves"])) {
        let element = leaf.leaf().unwrap();
        check_proof(&root, leaf.index.into(), element, &stated["proof"]);
    }
}

#[test]
fn tickets() {
    let vectors = load("ticket");
    let timeline: Timeline = serde_json::from_value(vectors["timeline"].clone()).unwrap();
    for case in list(&vectors["accepted"]) {
        let fields = &case["fields"];
        let ticket = Ticket {
            network: network(&fields["network"]),
            id: TicketId {
                epoch: fields["epoch"].as_u64().unwrap(),
                issuer: number(&fields["issuer"]),
                index: number(&fields["index"]),
            },
            node: NodeId::from(array::<32>(&fields["node"])),
            client: ClientKey::from(array::<32>(&fields["client"])),
            collection: CollectionId::from(array::<32>(&fields["collection"])),
            payer: Address::from(array(&fields["payer"])),
            viewer_token: array(&fields["viewer_token"]).into(),
            bytes_max: decimal(&fields["bytes_max"]),
            issued_at: decimal(&fields["issued_at"]),
            expires_at: decimal(&fields["expires_at"]),
        };
        assert_eq!(ticket.id.to_bytes(), array(&fields["id"]));
        assert_eq!(ticket.to_bytes(), array(&case["encoding"]));
        assert_eq!(Ticket::from_bytes(&array(&case["encoding"])), ticket);
        assert_eq!(ticket.digest(), B256::from(array(&case["digest"])));
        let issuer = SigningKey::from_bytes(&array(&case["issuer_seed"]));
        let key = IssuerKey::from(array::<32>(&case["issuer_key"]));
        assert_eq!(key.as_bytes(), issuer.verifying_key().as_bytes());
        let signed = ticket.sign(&issuer);
        assert_eq!(signed.signature.0, array(&case["signature"]));
        assert_eq!(*signed.verify(&key, &timeline).unwrap().ticket(), ticket);
    }
    for case in list(&vectors["refused"]) {
        let signed = SignedTicket {
            ticket: array(&case["encoding"]).into(),
            signature: array(&case["signature"]).into(),
        };
        let key = IssuerKey::from(array::<32>(&case["issuer_key"]));
        let reason = match signed.verify(&key, &timeline).unwrap_err() {
            TicketInvalid::Signature => "signature",
            TicketInvalid::Times => "times",
            TicketInvalid::Limit => "limit",
        };
        assert_eq!(reason, text(&case["reason"]), "{}", case["name"]);
    }
}

fn record(value: &Value) -> Record {
    let record = Record::from_bytes(&array(value));
    assert_eq!(record.to_bytes(), array(value));
    record
}

#[test]
fn receipts() {
    let vectors = load("receipt");
    let logs = [TicketLog::from_bytes(&bytes(&vectors["log"])).unwrap()];
    assert_eq!(logs[0].to_bytes(), bytes(&vectors["log"]));
    let context = RecordContext {
        network: network(&vectors["network"]),
        epoch: vectors["epoch"].as_u64().unwrap(),
        node: NodeId::from(array::<32>(&vectors["node"])),
        timeline: serde_json::from_value(vectors["timeline"].clone()).unwrap(),
        logs: &logs,
    };
    for case in list(&vectors["accepted"]) {
        let fields = &case["fields"];
        let receipt = Receipt {
            ticket: array(&fields["ticket"]).into(),
            sequence: number(&fields["sequence"]),
            bytes: decimal(&fields["bytes"]),
            deliveries: number(&fields["deliveries"]),
            within: number(&fields["within"]),
            signed_at: decimal(&fields["signed_at"]),
        };
        assert_eq!(receipt.to_bytes(), array(&case["encoding"]));
        assert_eq!(receipt.digest(), B256::from(array(&case["digest"])));
        let client = SigningKey::from_bytes(&array(&case["client_seed"]));
        assert_eq!(
            client.verifying_key().to_bytes(),
            array(&case["client_key"])
        );
        let signature = receipt.sign(&client).signature;
        assert_eq!(signature.0, array(&case["signature"]));
        let id = TicketId::from_bytes(array(&case["ticket_id"]));
        let record = Record {
            id,
            receipt,
            signature,
        };
        assert_eq!(record.to_bytes(), array(&case["record"]));
        assert_eq!(Record::from_bytes(&array(&case["record"])), record);
        let leaf = record.leaf().unwrap();
        assert_eq!(leaf.hash, leaf_hash(&bytes(&case["record"])));
        assert_eq!(leaf.hash, B256::from(array(&case["leaf"])));
        assert_eq!(leaf.mass.to_bytes(), array(&case["mass"]));
        assert!(record.verify(&context).is_ok(), "{}", case["name"]);
    }
    let mut reasons = Vec::new();
    for case in list(&vectors["refused"]) {
        let reason = record(&case["record"]).verify(&context).unwrap_err();
        assert_eq!(reason.name(), text(&case["reason"]), "{}", case["name"]);
        assert_eq!(u32::from(reason.code()), number(&case["code"]));
        reasons.push(reason);
    }
    for reason in Rejection::ALL {
        let single = reason != Rejection::NotMonotonic;
        assert_eq!(reasons.contains(&reason), single, "{reason}");
    }
}

#[test]
fn newer_receipts() {
    let vectors = load("receipt");
    let tickets = load("ticket");
    let timeline: Timeline = serde_json::from_value(tickets["timeline"].clone()).unwrap();
    let issuer = SigningKey::from_bytes(&array(&tickets["accepted"][0]["issuer_seed"]));
    let key = IssuerKey::from(issuer.verifying_key().to_bytes());
    let log = TicketLog::from_bytes(&bytes(&vectors["log"])).unwrap();
    for case in list(&vectors["follows"]) {
        let (before, after) = (record(&case["before"]), record(&case["after"]));
        let ticket = log.ticket(after.id.index).unwrap().sign(&issuer);
        let ticket = ticket.verify(&key, &timeline).unwrap();
        let receipt = UnverifiedReceipt {
            receipt: after.receipt.to_bytes().into(),
            signature: after.signature,
        };
        let receipt = receipt.verify(&ticket).unwrap();
        let reason = match receipt.check_follows(&before.receipt) {
            Ok(()) => "none".to_owned(),
            Err(rejection) => rejection.name(),
        };
        assert_eq!(reason, text(&case["reason"]), "{}", case["name"]);
    }
}

#[test]
fn a_whole_segment() {
    let vectors = load("segment");
    let (log_case, segment_case) = (&vectors["log"], &vectors["segment"]);
    let log = TicketLog::from_bytes(&bytes(&log_case["encoding"])).unwrap();
    assert_eq!(log.to_bytes(), bytes(&log_case["encoding"]));
    assert_eq!(log.issuer(), number(&vectors["issuer"]));
    let log_root = log.root().unwrap();
    check_root(&log_root, log_case);
    for (ticket, proof) in log.tickets().iter().zip(list(&log_case["proofs"])) {
        let leaf = ticket.leaf().unwrap();
        check_proof(&log_root, ticket.id.index.into(), leaf, &proof["proof"]);
    }

    let segment = Segment::from_bytes(&bytes(&segment_case["encoding"])).unwrap();
    assert_eq!(segment.to_bytes(), bytes(&segment_case["encoding"]));
    assert_eq!(segment.network(), network(&vectors["network"]));
    assert_eq!(segment.epoch(), vectors["epoch"].as_u64().unwrap());
    assert_eq!(segment.node(), NodeId::from(array::<32>(&vectors["node"])));
    let root = segment.root().unwrap();
    check_root(&root, segment_case);
    let context = RecordContext {
        network: segment.network(),
        epoch: segment.epoch(),
        node: segment.node(),
        timeline: serde_json::from_value(vectors["timeline"].clone()).unwrap(),
        logs: &[log],
    };
    let stated = list(&segment_case["records"]);
    assert_eq!(segment.records().len(), stated.len());
    for (record, stated) in segment.records().iter().zip(stated) {
        assert_eq!(record.id.to_bytes(), array(&stated["ticket_id"]));
        assert_eq!(record.to_bytes(), array(&stated["encoding"]));
        assert!(record.verify(&context).is_ok());
        let index = stated["index"].as_u64().unwrap();
        check_proof(&root, index, record.leaf().unwrap(), &stated["proof"]);
    }
}

#[test]
fn manifests() {
    let vectors = load("manifest");
    for case in list(&vectors["accepted"]) {
        let entries: Vec<_> = list(&case["entries"])
            .iter()
            .map(|entry| Entry {
                path: text(&entry["path"]).to_owned(),
                content: ContentHash::from(array::<32>(&entry["content"])),
                size: decimal(&entry["size"]),
                media_type: text(&entry["media_type"]).to_owned(),
            })
            .collect();
        let manifest = Manifest::new(entries.into_iter().rev().collect()).unwrap();
        assert_eq!(manifest.to_bytes(), bytes(&case["encoding"]));
        let read = Manifest::from_bytes(&bytes(&case["encoding"])).unwrap();
        assert_eq!(read, manifest);
        assert_eq!(manifest.id(), CollectionId::from(array::<32>(&case["id"])));
        assert_eq!(manifest.bytes(), decimal::<u64>(&case["bytes"]));
    }
    for path in list(&vectors["refused_paths"]) {
        let entry = Entry {
            path: text(path).to_owned(),
            content: ContentHash::from([1; 32]),
            size: 1,
            media_type: "video/mp4".to_owned(),
        };
        let error = Manifest::new(vec![entry]).unwrap_err();
        assert!(matches!(error, ManifestError::Path(_)), "{path}");
    }
    for case in list(&vectors["refused_encodings"]) {
        let manifest = Manifest::from_bytes(&bytes(&case["encoding"]));
        assert!(manifest.is_err(), "{}", case["name"]);
    }
}
