//! A network's whole course by the contracts' own bindings: deploy, register, fund, commit, attest, claim.

use alloy::primitives::{Address, B256, U256};
use contracts::{
    Chain, ChainConfig, ChainError, DeployConfig, Manifest, Parameters, Settled, Status,
    TokenConfig,
};
use host::Http;
use protocol::{
    BillLeaf, BillTree, ChargeLeaf, ChargeTree, DeliveryMass, EpochTrees, NodeId, NodeLeaf,
    NodeTree, SigningKey, Statement,
};
use quittance_sim::world::chain::Mining;

use crate::harness::{CHAIN_ID, Done, GENESIS_S, Served, World, key, poor};

const STAKE: u128 = 500;
const BOND: u128 = 1_000;
/// End of an epoch to its attestation: ticket tail and force window.
const WAIT_S: u64 = 100 + 150;
const CHALLENGE_WINDOW_S: u64 = 500;

fn parameters() -> Parameters {
    Parameters {
        epoch_length: 1_000,
        ticket_tail: 100,
        commit_window: 200,
        force_window: 150,
        challenge_window: 500,
        sla_floor_ppm: 900_000,
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
        price_per_gib: 1_000_000,
        verifier_bond: BOND,
        issuer_bond: 0,
        node_stake: STAKE,
    }
}

async fn deployed(served: &Served) -> (Manifest, Chain) {
    let config = DeployConfig {
        parameters: parameters(),
        genesis: GENESIS_S + 600,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(15)),
        },
        owner: None,
        treasury: Some(Address::repeat_byte(0x77)),
        change_delay: 1_000,
    };
    let manifest = contracts::deploy_manifest(&Http::system(), &served.url, key(), &config).await;
    let manifest = manifest.expect("deploys");
    let config = ChainConfig::new(
        &Http::system(),
        &served.url,
        manifest.deployment().settlement,
    )
    .with_key(key())
    .with_chain_id(CHAIN_ID);
    let chain = Chain::connect(&config).await.expect("connects");
    (manifest, chain)
}

/// The trees of an epoch in which one payer had one node deliver 4 GiB.
fn trees(chain: &Chain, node: NodeId, payer: Address) -> EpochTrees {
    let mass = DeliveryMass::new(4 << 30, 1, 1).expect("below 2^56");
    let amount = 4_000_000;
    let network = chain.network_id();
    let node_leaf = NodeLeaf {
        index: 0,
        node,
        mass,
        probes: 1,
        probes_ok: 1,
        sla_ppm: 1_000_000,
        last: 1,
        reward: amount,
        cumulative: amount,
    };
    let bill_leaf = BillLeaf {
        index: 0,
        payer,
        last: 1,
        bill: amount,
        cumulative: amount,
    };
    let charge_leaf = ChargeLeaf {
        payer: 0,
        node: 0,
        segment_root: B256::repeat_byte(3),
        mass,
        amount,
        billed: amount,
        earned: amount,
        served: mass,
        previous: 0,
    };
    EpochTrees {
        nodes: NodeTree {
            network,
            epoch: 0,
            leaves: vec![node_leaf],
        },
        bills: BillTree {
            network,
            epoch: 0,
            leaves: vec![bill_leaf],
        },
        charges: ChargeTree {
            network,
            epoch: 0,
            leaves: vec![charge_leaf],
        },
    }
}

/// All of it; what was said is in the world afterwards.
pub(crate) async fn run() -> Served {
    let served = Served::start(World::new(Mining::AtOnce)).await;
    let (manifest, chain) = deployed(&served).await;
    let found = contracts::verify(&Http::system(), &served.url, &manifest)
        .await
        .unwrap();
    for contract in &found.contracts {
        assert_eq!(contract.findings, [], "{:?}", contract.part);
    }

    let me = key().address();
    let node_key = SigningKey::from_bytes(&[7; 32]);
    let proof = chain.key_proof(&node_key, me);
    let payout = Address::repeat_byte(9);
    let funds = U256::from(5_000_000);
    chain.add_issuer(B256::repeat_byte(1), me).await.unwrap();
    chain.admit_verifier(me).await.unwrap();
    chain.set_quorum(1).await.unwrap();
    chain.post_bond(U256::from(BOND)).await.unwrap();
    chain.register_node(&proof, payout).await.unwrap();
    chain.fund(funds).await.unwrap();
    let nodes = chain.nodes().await.unwrap();
    assert_eq!(
        (nodes.len(), nodes[0].id(), nodes[0].payout, nodes[0].stake),
        (1, proof.node, payout, STAKE)
    );
    assert_eq!(chain.deposit_of(me).await.unwrap(), funds);
    // Made for another operator, it is no proof for this one: the signature is checked in the contract.
    let stolen = chain.key_proof(&SigningKey::from_bytes(&[8; 32]), payout);
    let refused = chain.register_node(&stolen, payout).await.unwrap_err();
    assert!(refused.revert().is_some(), "{refused}");

    let end = chain.timeline().end(0);
    let early = chain.commit_ticket_log(0, 0, B256::ZERO, 0, 0).await;
    let early = early.unwrap_err();
    assert_eq!(
        early.revert().map(ToString::to_string),
        Some(format!("EpochNotOver(epoch: 0, end: {end})"))
    );
    served.mine(end);
    assert_eq!(chain.now().await.unwrap(), end);
    chain
        .commit_ticket_log(0, 0, B256::repeat_byte(2), 3, 1 << 30)
        .await
        .unwrap();
    let committed = chain.committed_logs(0).await.unwrap();
    assert_eq!(
        (committed.len(), committed[0].count, committed[0].max_bytes),
        (1, 3, 1 << 30)
    );
    let trees = trees(&chain, proof.node, me);
    let statement = Statement {
        epoch: 0,
        trees: trees.roots().unwrap(),
        evidence: B256::repeat_byte(4),
    };
    let roots = statement.roots();
    let statement = (&statement).into();
    assert!(chain.attest(&statement).await.is_err(), "too early");
    served.mine(end + WAIT_S);
    let sent = chain.attest(&statement).await.unwrap();
    assert_eq!(chain.status(0).await.unwrap(), Status::Pending);
    let found = chain.attestation_tx(0).await.unwrap().unwrap();
    assert_eq!(
        (found.tx, found.block, found.verifier),
        (sent.tx, sent.block, me)
    );
    assert_eq!((found.roots, found.total), (roots, 4_000_000));
    let vote = chain.vote_in(sent.tx).await.unwrap().unwrap();
    assert_eq!(vote, statement);

    let leaf = (&trees.nodes.leaves[0]).into();
    assert!(chain.activate(0, &roots).await.is_err(), "still pending");
    served.mine(chain.now().await.unwrap() + CHALLENGE_WINDOW_S);
    chain.activate(0, &roots).await.unwrap();
    let settled = Settled {
        epoch: 0,
        nodes: roots.nodes,
        bills: roots.bills,
        levels: 0,
    };
    assert_eq!(chain.settled().await.unwrap(), Some(settled));
    let reward = U256::from(4_000_000);
    chain.claim(&leaf, 1, &[]).await.unwrap();
    assert_eq!(chain.token_balance(payout).await.unwrap(), reward);
    assert_eq!(chain.paid().await.unwrap(), reward);
    assert!(chain.claim(&leaf, 1, &[]).await.is_err(), "all is paid");
    let forged = contracts::NodeLeaf { reward: 1, ..leaf };
    assert!(chain.claim(&forged, 1, &[]).await.is_err());

    let poor = ChainConfig::new(
        &Http::system(),
        &served.url,
        manifest.deployment().settlement,
    )
    .with_key(poor());
    let poor = Chain::connect(&poor).await.unwrap();
    let error = poor.transfer_token(payout, U256::ZERO).await.unwrap_err();
    assert!(matches!(error, ChainError::NoGas { .. }), "{error}");
    let stranger = poor.set_quorum(1).await.unwrap_err();
    assert!(
        stranger
            .revert()
            .is_some_and(|revert| revert.name == "OwnableUnauthorizedAccount"),
        "{stranger}"
    );
    served
}

#[tokio::test]
async fn an_epoch_runs_its_course_on_it() {
    run().await;
}

/// The same requests at the same times, to a chain in which other hash maps were drawn.
#[tokio::test]
async fn the_same_calls_give_the_same_bytes() {
    let served = run().await;
    let world = served.world.lock().unwrap();
    let mut again = World::new(Mining::AtOnce);
    for (now_s, done) in &world.done {
        again.now_s = *now_s;
        match done {
            Done::Mined => again.mine(*now_s),
            Done::Asked { request, answer } => {
                let said = again.chain.answer(*now_s, request);
                let [said, answer] = [&said, answer].map(|one| String::from_utf8_lossy(one));
                assert_eq!(said, answer);
            }
        }
    }
    assert_eq!(again.chain.head(), world.chain.head());
    assert!(world.done.len() > 100, "{}", world.done.len());
}
