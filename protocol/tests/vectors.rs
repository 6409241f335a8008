//! The golden vectors of `tests/vectors`, recomputed from their fields by this crate alone. The contracts'
//! tests read `merkle.json`, `epoch.json` and the leaves as well: what both agree on is the protocol.

use alloy_primitives::hex;
use quittance_protocol::{
    Address, B256, BillLeaf, BillTree, ChargeLeaf, ChargeTree, ClientKey, CollectionId,
    ContentHash, DeliveryMass, Element, Entry, EpochLeaf, EpochRoots, EpochTree, IssuerKey,
    Manifest, ManifestError, Mass, Network, NodeId, NodeLeaf, NodeTree, Payers, Proof, Receipt,
    Record, RecordContext, Rejection, RewardTerms, Root, Roots, SealKeyId, SealNonce, Segment,
    SignedTicket, SigningKey, Statement, Tag, Ticket, TicketId, TicketInvalid, TicketLog, Timeline,
    TreeTop, UnverifiedReceipt, ValueMass, charge, leaf_hash, registration_digest, reward, score,
    sign, verify,
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

fn timeline(vectors: &Value) -> Timeline {
    serde_json::from_value(vectors["timeline"].clone()).unwrap()
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

fn terms(vectors: &Value) -> RewardTerms {
    RewardTerms {
        price_per_gib: decimal(&vectors["price_per_gib"]),
        sla_floor_ppm: number(&vectors["sla_floor_ppm"]),
    }
}

#[test]
fn scores_and_rewards() {
    let vectors = load("epoch");
    for case in list(&vectors["rewards"]) {
        let [deliveries, within, probes, probes_ok] =
            ["deliveries", "within", "probes", "probes_ok"].map(|field| number(&case[field]));
        let mass = DeliveryMass::new(decimal(&case["bytes"]), deliveries, within).unwrap();
        let score = score(deliveries, within, probes, probes_ok);
        assert_eq!(score, number(&case["score"]), "{case}");
        let reward = reward(&terms(&vectors), mass, score).unwrap();
        assert_eq!(reward, decimal(&case["reward"]), "{case}");
    }
    assert!(list(&vectors["rewards"]).len() > 10);
}

fn mass(value: &Value) -> DeliveryMass {
    DeliveryMass::from_bytes(array(value))
}

fn node_leaf(stated: &Value) -> NodeLeaf {
    NodeLeaf {
        index: number(&stated["index"]),
        node: NodeId::from(array::<32>(&stated["node"])),
        mass: mass(&stated["mass"]),
        probes: number(&stated["probes"]),
        probes_ok: number(&stated["probes_ok"]),
        sla_ppm: number(&stated["sla_ppm"]),
        last: number(&stated["last"]),
        reward: decimal(&stated["reward"]),
        cumulative: decimal(&stated["cumulative"]),
    }
}

fn bill_leaf(stated: &Value) -> BillLeaf {
    BillLeaf {
        index: number(&stated["index"]),
        payer: Address::from(array(&stated["payer"])),
        last: number(&stated["last"]),
        bill: decimal(&stated["bill"]),
        cumulative: decimal(&stated["cumulative"]),
    }
}

fn charge_leaf(stated: &Value) -> ChargeLeaf {
    ChargeLeaf {
        payer: number(&stated["payer"]),
        node: number(&stated["node"]),
        segment_root: array(&stated["segment_root"]).into(),
        mass: mass(&stated["mass"]),
        amount: decimal(&stated["amount"]),
        billed: decimal(&stated["billed"]),
        earned: decimal(&stated["earned"]),
        served: mass(&stated["served"]),
        previous: number(&stated["previous"]),
    }
}

fn check_leaves<L: EpochLeaf>(leaves: &Value, read: impl Fn(&Value) -> L) -> Vec<L> {
    let check = |stated: &Value| {
        let leaf = read(stated);
        assert_eq!(leaf.to_bytes().as_ref(), bytes(&stated["encoding"]));
        assert_eq!(L::from_bytes(&leaf.to_bytes()), leaf);
        let hash = B256::from(array(&stated["hash"]));
        assert_eq!(leaf.leaf().unwrap().hash, hash);
        leaf
    };
    list(leaves).iter().map(check).collect()
}

#[test]
fn leaves() {
    let nodes = check_leaves(&load("node_leaf")["leaves"], node_leaf);
    let bills = check_leaves(&load("bill_leaf")["leaves"], bill_leaf);
    let charges = check_leaves(&load("charge_leaf")["leaves"], charge_leaf);
    assert_eq!([nodes.len(), bills.len(), charges.len()], [3; 3]);
}

#[test]
fn an_attestations_digest() {
    let vectors = load("attestation");
    let [nodes, bills, charges, evidence] =
        ["nodes", "bills", "charges", "evidence"].map(|name| array(&vectors[name]).into());
    let roots = Roots {
        nodes,
        bills,
        charges,
        evidence,
    };
    assert_eq!(roots.digest(), B256::from(array(&vectors["digest"])));
}

#[test]
fn registrations() {
    let vectors = load("registration");
    for proof in list(&vectors["proofs"]) {
        let [registry, operator] = ["registry", "operator"].map(|name| array(&proof[name]).into());
        let digest = registration_digest(decimal(&proof["chain_id"]), registry, operator);
        assert_eq!(digest, B256::from(array(&proof["digest"])));
        let (key, signature) = (array(&proof["key"]), array(&proof["signature"]).into());
        assert!(verify(&key, Tag::Registration, &digest, &signature).is_ok());
        let other = sign(
            &SigningKey::from_bytes(&[1; 32]),
            Tag::Registration,
            &digest,
        );
        assert!(verify(&key, Tag::Registration, &digest, &other).is_err());
    }
    assert!(list(&vectors["proofs"]).len() > 2);
}

/// Leaves, file, root and proofs of one of an epoch's trees.
fn check_epoch_tree<L: EpochLeaf>(
    stated: &Value,
    read: impl Fn(&Value) -> L,
) -> (EpochTree<L>, Root<ValueMass>) {
    let file = bytes(&stated["encoding"]);
    let tree = EpochTree::<L>::from_bytes(&file).unwrap();
    assert_eq!(tree.to_bytes(), file);
    assert_eq!(check_leaves(&stated["leaves"], read), tree.leaves);
    let root = tree.root().unwrap();
    assert_eq!(root.count, stated["count"].as_u64().unwrap());
    assert_eq!(root.top.hash, B256::from(array(&stated["top"])));
    assert_eq!(root.mass().amount(), decimal(&stated["total"]));
    assert_eq!(root.hash(), B256::from(array(&stated["root"])));
    for ((place, leaf), stated) in (0u64..).zip(&tree.leaves).zip(list(&stated["leaves"])) {
        check_proof(&root, place, leaf.leaf().unwrap(), &stated["proof"]);
    }
    (tree, root)
}

/// An epoch as its file states it.
struct Example {
    vectors: Value,
    deposits: Vec<u128>,
    nodes: NodeTree,
    bills: BillTree,
    charges: ChargeTree,
    roots: EpochRoots,
    nodes_before: NodeTree,
    bills_before: BillTree,
}

fn example() -> Example {
    let vectors = load("epoch");
    let (nodes, nodes_root) = check_epoch_tree(&vectors["nodes"], node_leaf);
    let (bills, bills_root) = check_epoch_tree(&vectors["bills"], bill_leaf);
    let (charges, charges_root) = check_epoch_tree(&vectors["charges"], charge_leaf);
    let (nodes_before, _) = check_epoch_tree(&vectors["previous"]["nodes"], node_leaf);
    let (bills_before, _) = check_epoch_tree(&vectors["previous"]["bills"], bill_leaf);
    let deposits = list(&vectors["payers"]).iter();
    Example {
        deposits: deposits.map(|payer| decimal(&payer["deposit"])).collect(),
        roots: EpochRoots {
            nodes: nodes_root,
            bills: bills_root,
            charges: charges_root,
        },
        vectors,
        nodes,
        bills,
        charges,
        nodes_before,
        bills_before,
    }
}

#[test]
fn a_whole_epochs_money() {
    let epoch = example();
    let terms = terms(&epoch.vectors);
    for (place, leaf) in epoch.charges.leaves.iter().enumerate() {
        let node = &epoch.nodes.leaves[leaf.node as usize];
        let before = &epoch.charges.leaves[..place];
        let billed = before.iter().rev().find(|b| b.payer == leaf.payer);
        let billed = billed.map_or(
            epoch.bills_before.leaves[leaf.payer as usize].cumulative,
            |before| before.billed,
        );
        let deposit = epoch.deposits[leaf.payer as usize];
        let amount = charge(&terms, leaf.mass, node.sla_ppm, deposit, billed).unwrap();
        assert_eq!((leaf.amount, leaf.billed), (amount, billed + amount));
        let previous = leaf
            .previous
            .checked_sub(1)
            .map(|place| before[place as usize]);
        let (earned, served) = previous.map_or((0, DeliveryMass::ZERO), |p| {
            assert_eq!(p.node, leaf.node);
            (p.earned, p.served)
        });
        assert_eq!(leaf.earned, earned + amount);
        assert_eq!(leaf.served, served.checked_add(leaf.mass).unwrap());
    }
    for leaf in &epoch.nodes.leaves {
        let last = epoch.charges.leaves[leaf.last as usize - 1];
        assert_eq!(
            (last.node, last.earned, last.served),
            (leaf.index, leaf.reward, leaf.mass)
        );
        let before = epoch.nodes_before.leaves.get(leaf.index as usize);
        let before = before.map_or(0, |before| before.cumulative);
        assert_eq!(leaf.cumulative, before + leaf.reward);
        let (d, w) = (leaf.mass.deliveries(), leaf.mass.within());
        assert_eq!(leaf.sla_ppm, score(d, w, leaf.probes, leaf.probes_ok));
    }
    for leaf in &epoch.bills.leaves {
        let last = epoch.charges.leaves[leaf.last as usize - 1];
        assert_eq!((last.payer, last.billed), (leaf.index, leaf.cumulative));
        let before = epoch.bills_before.leaves[leaf.index as usize].cumulative;
        assert_eq!(leaf.cumulative, before + leaf.bill);
        assert!(leaf.cumulative <= epoch.deposits[leaf.index as usize]);
    }
    assert_eq!(epoch.roots.nodes.mass(), epoch.roots.bills.mass());
    let statement = Statement {
        epoch: epoch.nodes.epoch,
        trees: epoch.roots,
        evidence: array(&epoch.vectors["evidence"]).into(),
    };
    assert_eq!(statement.total(), decimal(&epoch.vectors["total"]));
    let digest = B256::from(array(&epoch.vectors["digest"]));
    assert_eq!(statement.roots().digest(), digest);
}

#[test]
fn a_whole_epochs_records() {
    let epoch = example();
    let vectors = &epoch.vectors;
    let log = TicketLog::from_bytes(&bytes(&vectors["log"]["encoding"])).unwrap();
    check_root(&log.root().unwrap(), &vectors["log"]);
    let payers = epoch.bills.leaves.iter().map(|leaf| leaf.payer);
    let payers = Payers::new(payers);
    let stated = list(&vectors["charges"]["leaves"]);
    for (leaf, file) in epoch.nodes.leaves.iter().zip(list(&vectors["segments"])) {
        let segment = Segment::from_bytes(&bytes(file)).unwrap();
        assert_eq!(segment.root().unwrap().mass(), leaf.mass);
        let context = RecordContext {
            network: segment.network(),
            epoch: segment.epoch(),
            node: leaf.node,
            timeline: &timeline(vectors),
            logs: std::slice::from_ref(&log),
            payers: &payers,
        };
        let verify = |record: &Record| record.verify(&context).unwrap();
        let records: Vec<_> = segment.records().iter().map(verify).collect();
        let charges = epoch.charges.leaves.iter().zip(stated);
        for (charge, stated) in charges.filter(|(charge, _)| charge.node == leaf.index) {
            let own = records.iter().filter(|r| r.payer() == charge.payer);
            let own = own.map(|record| *record.record()).collect();
            let part = Segment::new(context.network, context.epoch, leaf.node, own).unwrap();
            let root = part.root().unwrap();
            assert_eq!(
                (root.hash(), root.mass()),
                (charge.segment_root, charge.mass)
            );
            for (record, stated) in part
                .records()
                .iter()
                .zip(list(&stated["segment"]["records"]))
            {
                assert_eq!(record.to_bytes(), array(&stated["encoding"]));
                let index = stated["index"].as_u64().unwrap();
                check_proof(&root, index, record.leaf().unwrap(), &stated["proof"]);
            }
        }
    }
}

#[test]
fn tickets() {
    let vectors = load("ticket");
    let timeline = timeline(&vectors);
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

fn payers(vectors: &Value) -> Payers {
    let payers = list(&vectors["payers"]).iter();
    Payers::new(payers.map(|account| array(account).into()))
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
    let payers = payers(&vectors);
    assert_eq!(logs[0].to_bytes(), bytes(&vectors["log"]));
    let context = RecordContext {
        network: network(&vectors["network"]),
        epoch: vectors["epoch"].as_u64().unwrap(),
        node: NodeId::from(array::<32>(&vectors["node"])),
        timeline: &timeline(&vectors),
        logs: &logs,
        payers: &payers,
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
        // The others take two records, or all of a node's.
        let single = !matches!(reason, Rejection::NotMonotonic | Rejection::SumOverflow);
        assert_eq!(reasons.contains(&reason), single, "{reason}");
    }
}

#[test]
fn newer_receipts() {
    let vectors = load("receipt");
    let tickets = load("ticket");
    let timeline = timeline(&tickets);
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
        timeline: &timeline(&vectors),
        logs: &[log],
        payers: &payers(&vectors),
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
        let manifest = match case.get("key_id") {
            None => Manifest::new(entries.into_iter().rev().collect()).unwrap(),
            Some(key) => {
                let nonces = list(&case["entries"]).iter();
                let nonces = nonces.map(|entry| SealNonce(array(&entry["nonce"])));
                let sealed = entries.into_iter().zip(nonces).rev().collect();
                Manifest::sealed(SealKeyId::from(array::<32>(key)), sealed).unwrap()
            }
        };
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

#[test]
fn epochs_of_several_versions() {
    let vectors = load("timeline");
    let timeline = timeline(&vectors);
    for case in list(&vectors["epochs"]) {
        let number = |name: &str| case[name].as_u64().unwrap();
        let epoch = number("epoch");
        assert_eq!(timeline.start(epoch), number("start"));
        assert_eq!(timeline.end(epoch), number("end"));
        let forced = number("tickets_end")..number("forced_end");
        assert_eq!(timeline.force_window(epoch), forced);
        assert_eq!(timeline.commit_until(epoch), number("commit_until"));
        assert_eq!(timeline.attest_from(epoch), number("attest_from"));
        let window = u64::from(timeline.challenge_window_max(epoch));
        assert_eq!(window, number("challenge_window_max"));
    }
    for moment in list(&vectors["moments"]) {
        let time = moment["time"].as_u64().unwrap();
        assert_eq!(timeline.epoch_at_ms(time * 1000), moment["epoch"].as_u64());
    }
}
