//! A network on a real chain: an attested epoch 0 without traffic, and an epoch 1 that is due.

use crate::chain_time::warp;
use contracts::{
    B256, Chain, ChainConfig, DeployConfig, Parameters, PrivateKeySigner, TokenConfig, U256, deploy,
};
use host::Http;
use lies::{Cast, Colluder, Scene};
use protocol::{
    Address, ClientKey, CollectionId, Epoch, Network, NodeId, Receipt, Record, SigningKey, Ticket,
    TicketId, TicketLog,
};
use quittance_verifier::judge;
use quittance_verifier::{EpochFacts, EpochInputs, Evidence, EvidenceStore, Previous, epoch_facts};
use std::collections::BTreeMap;
use tempfile::TempDir;
use toolchain::Anvil;

/// anvil's well-known development keys: worthless anywhere else.
const DEV_KEYS: [&str; 4] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];
/// Registers everything, pays, attests.
pub const OPERATOR: usize = 0;
/// Has less than is delivered for it.
const POOR: usize = 1;
/// Pays nothing before epoch 1 is over.
const LATE: usize = 2;
/// Challenges.
pub const CHALLENGER: usize = 3;

const LENGTH: u32 = 1_000;
const TAIL: u32 = 100;
const COMMIT_WINDOW: u32 = 200;
const FORCE_WINDOW: u32 = 150;
/// Long enough for everything that is challenged here.
const CHALLENGE_WINDOW: u32 = 50_000;
const PRICE: u128 = 1_000_000_000;
pub const VERIFIER_BOND: u128 = 1_000;
pub const ISSUER_BOND: u128 = 500;
/// The second payer's deposit, for half of what is delivered for it.
const POOR_DEPOSIT: u128 = 3 * PRICE;
pub const EPOCH: Epoch = 1;

/// Node and payer of each ticket.
const TICKETS: [(u8, usize); 16] = [
    (0, OPERATOR),
    (1, OPERATOR),
    (2, OPERATOR),
    (0, POOR),
    (1, POOR),
    (0, OPERATOR),
    (1, OPERATOR),
    (0, POOR),
    (1, POOR),
    (0, OPERATOR),
    // Only forced.
    (0, OPERATOR),
    // Only forced, and of a payer and node without any other.
    (2, POOR),
    // Its payer isn't registered in time.
    (0, LATE),
    // It expires before it is issued.
    (1, OPERATOR),
    // Never used, but for what node 1 makes up.
    (1, OPERATOR),
    (0, OPERATOR),
];
/// Its client signs whatever it is asked to.
const COLLUDER: u32 = 5;
const UNKNOWN_PAYER: u32 = 12;
const MALFORMED: u32 = 13;
const UNUSED: u32 = 14;
/// The forced record of ticket 0 is newer than the one that was handed in.
const FORCED_NEWER: u32 = 0;
const FORCED: u32 = 10;
const FORCED_ALONE: u32 = 11;

pub fn account(which: usize) -> PrivateKeySigner {
    DEV_KEYS[which].parse().unwrap()
}

pub fn key(name: u8) -> SigningKey {
    SigningKey::from_bytes(&[name; 32])
}

pub fn public(key: &SigningKey) -> [u8; 32] {
    key.verifying_key().to_bytes()
}

pub fn node(index: u8) -> NodeId {
    NodeId::from(public(&key(index)))
}

/// The network, and what its epoch 1 is judged by.
pub struct World {
    _anvil: Anvil,
    _folder: TempDir,
    pub store: EvidenceStore,
    /// Of the operator.
    pub chain: Chain,
    /// Of the challenger.
    pub challenger: Chain,
    /// What is honest, and who would lie.
    pub scene: Scene,
}

/// 1 GiB in 4 deliveries, 3 of them within the service level.
fn receipt(ticket: &Ticket, sequence: u32) -> Receipt {
    Receipt {
        ticket: ticket.digest(),
        sequence,
        bytes: (1 << 30) + u64::from(ticket.id.index),
        deliveries: 4,
        within: 3,
        signed_at: ticket.issued_at + 1,
    }
}

fn client(ticket: TicketId) -> SigningKey {
    key(100 + ticket.index as u8)
}

fn record(ticket: &Ticket, sequence: u32) -> Record {
    let receipt = receipt(ticket, sequence);
    Record {
        id: ticket.id,
        receipt,
        signature: receipt.sign(&client(ticket.id)).signature,
    }
}

fn log(network: Network, start: u64) -> TicketLog {
    let ticket = |(index, (node_, payer)): (u32, (u8, usize))| {
        let issued_at = start * 1000 + 20_000;
        let id = TicketId {
            epoch: EPOCH,
            issuer: 0,
            index,
        };
        Ticket {
            network,
            id,
            node: node(node_),
            client: ClientKey::from(public(&client(id))),
            collection: CollectionId::from([1; 32]),
            payer: account(payer).address(),
            viewer_token: B256::ZERO,
            bytes_max: 4 << 30,
            issued_at,
            expires_at: match index {
                MALFORMED => issued_at,
                _ => issued_at + 60_000,
            },
        }
    };
    let tickets = (0u32..).zip(TICKETS).map(ticket).collect();
    TicketLog::new(network, EPOCH, 0, tickets).unwrap()
}

fn parameters() -> Parameters {
    Parameters {
        epoch_length: LENGTH,
        ticket_tail: TAIL,
        commit_window: COMMIT_WINDOW,
        force_window: FORCE_WINDOW,
        challenge_window: CHALLENGE_WINDOW,
        sla_floor_ppm: 500_000,
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
        price_per_gib: PRICE,
        verifier_bond: VERIFIER_BOND,
        issuer_bond: ISSUER_BOND,
        node_stake: 10,
    }
}

pub async fn connect(anvil: &Anvil, settlement: Address, which: usize) -> Chain {
    let config =
        ChainConfig::new(&Http::system(), anvil.url(), settlement).with_key(account(which));
    Chain::connect(&config).await.unwrap()
}

/// A network before its genesis, as its owner sees it.
pub async fn deployed(anvil: &Anvil) -> Chain {
    host::install_crypto_provider();
    let now = host::Clock::system().now_ms() / 1000;
    let genesis = now + 600;
    let config = DeployConfig {
        parameters: parameters(),
        genesis,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(20)),
        },
        owner: None,
        treasury: Some(Address::repeat_byte(0x77)),
        change_delay: 2 * (CHALLENGE_WINDOW + TAIL + FORCE_WINDOW),
    };
    let deployment = deploy(&Http::system(), anvil.url(), account(OPERATOR), &config)
        .await
        .unwrap();
    connect(anvil, deployment.settlement, OPERATOR).await
}

/// Three nodes, two payers, two issuers of which one is silent; a verifier that can lose its bond many times.
pub async fn world() -> World {
    let anvil = Anvil::start(&[]).expect("anvil starts");
    let chain = deployed(&anvil).await;
    let (_, settlement) = chain.network();
    let us = account(OPERATOR).address();
    for issuer in [200, 201] {
        let key = B256::from(public(&key(issuer)));
        chain.add_issuer(key, us).await.unwrap();
    }
    // Before the genesis that takes effect at once.
    chain.admit_verifier(us).await.unwrap();
    chain
        .post_bond(U256::from(1_000 * VERIFIER_BOND))
        .await
        .unwrap();
    for index in 0..3 {
        let proof = chain.key_proof(&key(index), us);
        chain.register_node(&proof, us).await.unwrap();
    }
    chain.fund(U256::from(1_000 * PRICE)).await.unwrap();
    for (who, amount) in [(POOR, POOR_DEPOSIT), (LATE, PRICE)] {
        let amount = U256::from(amount);
        chain
            .transfer_token(account(who).address(), amount)
            .await
            .unwrap();
    }
    let poor = connect(&anvil, settlement, POOR).await;
    poor.fund(U256::from(POOR_DEPOSIT)).await.unwrap();

    // Epoch 0: nothing happens.
    let timeline = chain.timeline();
    warp(&anvil, timeline.attest_from(0)).await;
    let folder = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&disk::Disk::system(), folder.path()).unwrap();
    let facts = epoch_facts(&chain, 0).await.unwrap();
    let (judgement, evidence) = judged(&facts, &[], &BTreeMap::new(), None);
    let statement = protocol::Statement {
        epoch: 0,
        trees: judgement,
        evidence: store.write(&evidence).unwrap(),
    };
    chain.attest(&(&statement).into()).await.unwrap();
    let previous = Previous {
        nodes: evidence.trees.nodes,
        bills: evidence.trees.bills,
    };

    // Epoch 1: it is over, its log committed, some records forced.
    let log = log(chain.network_id(), timeline.start(EPOCH));
    let end = timeline.end(EPOCH);
    warp(&anvil, end).await;
    connect(&anvil, settlement, LATE)
        .await
        .fund(U256::from(PRICE))
        .await
        .unwrap();
    commit(&chain, &log).await;
    warp(&anvil, end + u64::from(TAIL)).await;
    let ticket = |index| log.ticket(index).unwrap();
    let newer = record(&ticket(FORCED_NEWER), 3);
    let forced = [newer, record(&ticket(FORCED), 1)];
    chain.force_commit(EPOCH, 0, &forced).await.unwrap();
    let alone = record(&ticket(FORCED_ALONE), 1);
    chain.force_commit(EPOCH, 2, &[alone]).await.unwrap();
    let mut made_up = record(&ticket(UNUSED), 1);
    made_up.signature.0[0] ^= 1;
    chain.force_commit(EPOCH, 1, &[made_up]).await.unwrap();
    warp(&anvil, timeline.attest_from(EPOCH)).await;

    let facts = epoch_facts(&chain, EPOCH).await.unwrap();
    let mut segments = BTreeMap::new();
    for (index, key) in (0u32..).zip(&facts.nodes) {
        let redeemed = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15];
        let tickets = redeemed.into_iter().map(ticket);
        let records = tickets.filter(|ticket| ticket.node == *key);
        let records = records.map(|ticket| record(&ticket, 1)).collect();
        let segment = protocol::Segment::new(facts.network, EPOCH, *key, records).unwrap();
        segments.insert(index, segment.to_bytes());
    }
    let logs = [log.clone()];
    let (_, evidence) = judged(&facts, &logs, &segments, Some(&previous));
    let colluder = |index| Colluder {
        ticket: ticket(index),
        key: client(ticket(index).id),
    };
    let cast = Cast {
        colluder: colluder(COLLUDER),
        unused: colluder(UNUSED),
        malformed: colluder(MALFORMED),
        unknown_payer: colluder(UNKNOWN_PAYER),
        forced_newer: colluder(FORCED_NEWER),
        forced: ticket(FORCED).id,
        forced_alone: ticket(FORCED_ALONE).id,
        silent_issuer: 1,
        late: account(LATE).address(),
    };
    World {
        challenger: connect(&anvil, settlement, CHALLENGER).await,
        _anvil: anvil,
        _folder: folder,
        store,
        chain,
        scene: Scene {
            facts,
            evidence,
            cast,
        },
    }
}

async fn commit(chain: &Chain, log: &TicketLog) {
    // The malformed ticket's limit is a mass all the same.
    let root = log.root().unwrap();
    let (top, count, bytes) = (root.top.hash, root.count as u32, root.mass().bytes());
    chain
        .commit_ticket_log(EPOCH, log.issuer(), top, count, bytes)
        .await
        .unwrap();
}

fn judged(
    facts: &EpochFacts,
    logs: &[TicketLog],
    segments: &BTreeMap<u32, Vec<u8>>,
    previous: Option<&Previous>,
) -> (protocol::EpochRoots, Evidence) {
    let inputs = EpochInputs {
        network: facts.network,
        epoch: facts.epoch,
        timeline: &facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        payers: &facts.payers,
        committed: &facts.committed,
        logs,
        segments,
        forced: &facts.forced,
        previous,
        probes: &[],
    };
    let judgement = judge(&inputs).unwrap();
    let evidence = Evidence::of(&judgement, logs.to_vec(), previous.cloned(), Vec::new());
    (judgement.roots, evidence)
}
