//! A network's whole course on a real chain: deploy, register, fund, commit, attest, claim, withdraw.

mod harness;
mod manifest;
mod outbox;

use host::Http;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use alloy::signers::local::PrivateKeySigner;
use harness::{Anvil, BOND, CHALLENGE_WINDOW, STAKE, WAIT, key, network, parameters};
use protocol::{
    BillLeaf, BillTree, ChargeLeaf, ChargeTree, DeliveryMass, EpochTrees, NodeId, NodeLeaf,
    NodeTree, SigningKey, Statement,
};
use quittance_contracts::{Chain, ChainConfig, ChainError, Settled, Status};

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

fn reverted_with(error: &ChainError, shown: &str) {
    assert_eq!(
        error.revert().map(ToString::to_string).as_deref(),
        Some(shown),
        "{error}"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_epoch_runs_its_course() {
    let anvil = Anvil::start(&[]);
    let (deployment, chain) = network(&anvil).await;
    assert_eq!(
        chain.network(),
        (deployment.chain_id, deployment.settlement)
    );
    assert_eq!(chain.registry(), deployment.registry);
    assert_eq!(chain.vault(), deployment.vault);
    assert_eq!(chain.token(), deployment.token);
    assert_eq!(chain.token_unit().await.unwrap(), (6, "TEST".into()));

    // Who there is.
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
    assert_eq!(chain.settled().await.unwrap(), None);
    assert!(chain.payers().await.unwrap().is_empty());
    chain.fund(funds).await.unwrap();

    let issuers = chain.issuers().await.unwrap();
    assert_eq!((issuers.len(), issuers[0].committer), (1, me));
    let nodes = chain.nodes().await.unwrap();
    assert_eq!(
        (nodes.len(), nodes[0].id(), nodes[0].payout, nodes[0].stake),
        (1, proof.node, payout, STAKE)
    );
    let start = chain.timeline().genesis();
    assert_eq!(chain.key_at(0, start).await.unwrap(), proof.node.0);
    assert_eq!(chain.node_count().await.unwrap(), 1);
    assert!(chain.nodes_from(1).await.unwrap().is_empty());
    assert_eq!(chain.index_of(proof.node.0).await.unwrap(), Some(0));
    assert_eq!(chain.index_of(B256::ZERO).await.unwrap(), None);
    assert!(chain.is_verifier(me).await.unwrap());
    assert_eq!(chain.quorum().await.unwrap(), 1);
    let payers = chain.payers().await.unwrap();
    assert_eq!(
        (payers.len(), payers[0].index, payers[0].account),
        (1, 0, me)
    );
    assert_eq!(chain.funded().await.unwrap(), funds);
    assert_eq!(chain.deposit_of(me).await.unwrap(), funds);
    assert!(chain.register_node(&proof, payout).await.is_err());
    // Made for another operator, it is no proof for this one.
    let stolen = chain.key_proof(&SigningKey::from_bytes(&[8; 32]), payout);
    assert!(chain.register_node(&stolen, payout).await.is_err());

    // The epoch.
    let end = chain.timeline().end(0);
    let early = chain
        .commit_ticket_log(0, 0, B256::ZERO, 0, 0)
        .await
        .unwrap_err();
    reverted_with(&early, &format!("EpochNotOver(epoch: 0, end: {end})"));
    anvil.warp(end).await;
    assert!(chain.now().await.unwrap() >= end);
    assert_eq!(chain.deposit_at(me, end).await.unwrap(), funds);
    assert_eq!(chain.deposit_at(me, 1).await.unwrap(), U256::ZERO);
    assert_eq!(chain.parameters_at(0).await.unwrap(), parameters());
    assert_eq!(chain.ticket_log(0, 0).await.unwrap(), None);
    chain
        .commit_ticket_log(0, 0, B256::repeat_byte(2), 3, 1 << 30)
        .await
        .unwrap();
    assert!(chain.ticket_log(0, 0).await.unwrap().is_some());
    let trees = trees(&chain, proof.node, me);
    let statement = Statement {
        epoch: 0,
        trees: trees.roots().unwrap(),
        evidence: B256::repeat_byte(4),
    };
    let roots = statement.roots();
    let statement = (&statement).into();
    assert!(chain.attest(&statement).await.is_err(), "too early");
    anvil.warp(end + WAIT).await;
    assert_eq!(chain.attestation(0).await.unwrap(), None);
    assert_eq!(chain.attestation_tx(0).await.unwrap(), None);
    let sent = chain.attest(&statement).await.unwrap();
    assert_eq!(chain.next_epoch().await.unwrap(), 1);
    assert_eq!(chain.status(0).await.unwrap(), Status::Pending);
    assert_eq!(chain.status(1).await.unwrap(), Status::None);
    let attestation = chain.attestation(0).await.unwrap().unwrap();
    assert_eq!(
        (attestation.digest, attestation.total, attestation.signers),
        (roots.digest(), 4_000_000, 1)
    );

    // Events are found by time, however long the chain.
    anvil.rpc("anvil_mine", serde_json::json!(["0x7d0"])).await;
    let found = chain.attestation_tx(0).await.unwrap().unwrap();
    assert_eq!(
        (found.tx, found.block, found.verifier),
        (sent.tx, sent.block, me)
    );
    assert_eq!((found.roots, found.total), (roots, 4_000_000));
    assert_eq!((found.nodes, found.payers, found.charges), (1, 1, 1));

    // The money.
    let leaf = (&trees.nodes.leaves[0]).into();
    let bill = (&trees.bills.leaves[0]).into();
    assert!(chain.activate(0, &roots).await.is_err(), "still pending");
    anvil
        .warp(chain.now().await.unwrap() + CHALLENGE_WINDOW)
        .await;
    assert_eq!(chain.status(0).await.unwrap(), Status::Active);
    chain.activate(0, &roots).await.unwrap();
    let settled = Settled {
        epoch: 0,
        nodes: roots.nodes,
        bills: roots.bills,
        levels: 0,
    };
    assert_eq!(chain.settled().await.unwrap(), Some(settled));
    let reward = U256::from(4_000_000);
    assert_eq!(chain.claimable(&leaf, 1, &[]).await.unwrap(), reward);
    chain.claim(&leaf, 1, &[]).await.unwrap();
    assert_eq!(chain.token_balance(payout).await.unwrap(), reward);
    assert_eq!(chain.claimed(0).await.unwrap(), reward);
    assert_eq!(chain.paid().await.unwrap(), reward);
    assert!(chain.claim(&leaf, 1, &[]).await.is_err(), "all is paid");
    let forged = quittance_contracts::NodeLeaf { reward: 1, ..leaf };
    assert!(chain.claim(&forged, 1, &[]).await.is_err());

    // A withdrawal waits for an epoch that ends after it.
    chain.announce_withdrawal(U256::from(1)).await.unwrap();
    assert_eq!(
        chain.deposit_of(me).await.unwrap(),
        funds - U256::from(1),
        "announced at once"
    );
    assert!(chain.withdraw(&bill, 1, &[]).await.is_err());

    // A key is for what starts after the block that set it.
    let newer = chain.key_proof(&SigningKey::from_bytes(&[9; 32]), me);
    chain.rotate_node(0, &newer).await.unwrap();
    let rotated = chain.now().await.unwrap();
    for (time, key) in [(0, &proof), (rotated, &proof), (rotated + 1, &newer)] {
        assert_eq!(chain.key_at(0, time).await.unwrap(), key.node.0);
    }
}

/// Blocks come only when the test says so: a transaction of a process that died is still pending.
#[tokio::test]
async fn nothing_is_sent_while_a_transaction_is_pending() {
    let anvil = Anvil::start(&[]);
    let (deployment, _) = network(&anvil).await;
    anvil
        .rpc("evm_setAutomine", serde_json::json!([false]))
        .await;
    let mut config =
        ChainConfig::new(&Http::system(), &anvil.url, deployment.settlement).with_key(key());
    config.confirm_timeout = Duration::from_millis(300);
    let first = Chain::connect(&config).await.unwrap();
    let late = first.set_quorum(2).await.unwrap_err();
    assert!(
        matches!(late, ChainError::NotMined { .. }) && late.is_retryable(),
        "{late}"
    );
    // Another process with the same account.
    let second = Chain::connect(&config).await.unwrap();
    let waits = second.set_quorum(3).await.unwrap_err();
    assert!(
        matches!(waits, ChainError::StillPending { pending: 1, .. }),
        "{waits}"
    );
    assert!(waits.is_retryable());

    config.confirm_timeout = Duration::from_secs(20);
    let third = Chain::connect(&config).await.unwrap();
    let (sent, ()) = tokio::join!(third.set_quorum(3), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        anvil
            .rpc("evm_setAutomine", serde_json::json!([true]))
            .await;
        anvil.rpc("evm_mine", serde_json::json!([])).await;
    });
    sent.unwrap();
    assert_eq!(third.quorum().await.unwrap(), 3);
}

#[tokio::test]
async fn connecting_says_what_is_wrong() {
    let anvil = Anvil::start(&[]);
    let nowhere = ChainConfig::new(&Http::system(), "http://127.0.0.1:1/secret", Address::ZERO);
    let error = Chain::connect(&nowhere).await.err().unwrap();
    assert!(matches!(error, ChainError::Unreachable { .. }) && error.is_retryable());
    let shown = error.to_string();
    assert!(
        shown.contains("http://127.0.0.1:1") && !shown.contains("secret"),
        "{shown}"
    );

    for url in ["", "localhost:8545", "ftp://localhost", "http://"] {
        let error = Chain::connect(&ChainConfig::new(&Http::system(), url, Address::ZERO))
            .await
            .err()
            .unwrap();
        assert!(
            matches!(error, ChainError::BadUrl) && !error.is_retryable(),
            "{url}: {error}"
        );
    }

    let empty = ChainConfig::new(&Http::system(), &anvil.url, Address::repeat_byte(5));
    let error = Chain::connect(&empty).await.err().unwrap();
    assert!(matches!(error, ChainError::NoContract { .. }), "{error}");
    let error = Chain::connect(&empty.with_chain_id(1)).await.err().unwrap();
    assert!(
        matches!(
            error,
            ChainError::WrongChain {
                expected: 1,
                found: 31337,
                ..
            }
        ),
        "{error}"
    );

    let (deployment, _) = network(&anvil).await;
    let other = ChainConfig::new(&Http::system(), &anvil.url, deployment.token);
    let error = Chain::connect(&other).await.err().unwrap();
    assert!(!error.is_retryable(), "{error}");

    let reader = ChainConfig::new(&Http::system(), &anvil.url, deployment.settlement);
    let reader = Chain::connect(&reader).await.unwrap();
    assert_eq!(reader.account(), None);
    let error = reader.set_quorum(1).await.unwrap_err();
    assert!(
        matches!(error, ChainError::NoKey { call: "setQuorum" }),
        "{error}"
    );

    let poor = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap();
    let poor = ChainConfig::new(&Http::system(), &anvil.url, deployment.settlement).with_key(poor);
    assert!(!format!("{poor:?}").contains("1111111111"), "{poor:?}");
    let poor = Chain::connect(&poor).await.unwrap();
    let error = poor
        .transfer_token(Address::repeat_byte(1), U256::ZERO)
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, ChainError::NoGas { .. }), "{error}");
    let stranger = poor.set_quorum(1).await.unwrap_err();
    assert!(
        stranger
            .revert()
            .is_some_and(|r| r.name == "OwnableUnauthorizedAccount")
    );
}

/// A server that takes the connection and stays silent.
#[tokio::test]
async fn silence_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut config = ChainConfig::new(&Http::system(), url, Address::ZERO);
    config.request_timeout = Duration::from_millis(200);
    let error = Chain::connect(&config).await.err().unwrap();
    assert!(
        matches!(error, ChainError::TimedOut { .. }) && error.is_retryable(),
        "{error}"
    );
}

/// https isn't refused for want of TLS: the handshake is tried, and here meets no TLS server.
#[tokio::test]
async fn https_urls_are_dialled() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut first = [0];
        stream.readable().await.unwrap();
        stream.try_read(&mut first).unwrap();
        first[0]
    });
    let config = ChainConfig::new(&Http::system(), url, Address::ZERO);
    let error = Chain::connect(&config).await.err().unwrap();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");
    // 22 is the record type of a TLS handshake.
    assert_eq!(seen.await.unwrap(), 22);
}
