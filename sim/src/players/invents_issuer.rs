//! An owner that makes an issuer for one purpose: to take a payer's deposit.
//!
//! A moment before the epoch's end it adds an issuer, without notice; that one's log has a single ticket, for more than
//! there is, in the name of a payer that has never heard of it. An accomplice's node forces a receipt that its own client
//! signed. It costs some transactions and the stake of a node, which comes back. Today the payer pays, with all that it
//! deposited, and a verifier that leaves the record out is slashed.

use super::stage::Stage;
use crate::checks::Honest;
use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use contracts::{Address, B256, U256};
use listener::{Bounds, Connections};
use protocol::{
    B256 as Hash, ClientKey, CollectionId, IssuerKey, NodeId, Receipt, Record, Ticket, TicketId,
    TicketLog,
};
use prover::SumTree;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What the victim has deposited, token units.
const DEPOSIT: u64 = 1_000_000;
/// What the ticket states was delivered: worth more than that.
const BYTES: u64 = 1 << 40;
/// Where the loot goes.
const PAYOUT: Address = Address::repeat_byte(12);
/// Its port.
const PORT: u16 = 8080;
const BOUNDS: Bounds = Bounds {
    connections: 16,
    head: Duration::from_secs(20),
    head_bytes: 16 << 10,
    stall: Duration::from_secs(60),
    drain: Duration::from_secs(1),
};

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let place = stage.world.host("verifier that knows both");
    let account = stage.network.keys.verifiers[0].clone();
    let account_of = account.address();
    stage.network.verifiers[0].stop().await?;
    let rogue = stage.world.host("rogue issuer");
    let controls = vec![
        stage.network.control_url(),
        format!("http://{}:{PORT}", rogue.ip),
    ];
    let verifier = stage.verifier(&place, account, Duration::from_secs(1), controls);
    stage.honest = vec![Honest {
        name: "verifier that knows both".into(),
        account: account_of,
        evidence: Some(place.folder.join("evidence")),
    }];

    let victim = stage.network.keys.committer.clone();
    let chain = &stage.network.chain;
    let deposit = U256::from(DEPOSIT);
    chain.transfer_token(victim.address(), deposit).await?;
    let payer = stage.as_account(&place.host, &victim).await?;
    payer.fund(deposit).await?;
    stage.network.begun(0).await;

    let owner = chain.account().context("the owner has a key")?;
    let [node, issuer, client] = ["accomplice", "rogue issuer's", "its client's"];
    let [node, issuer, client] = [node, issuer, client].map(|name| stage.key(name));
    let proof = chain.key_proof(&node, owner);
    chain.register_node(&proof, PAYOUT).await?;
    let timeline = chain.timeline();
    let end = timeline.end(0);
    stage.network.until(end - 5).await;
    let key = IssuerKey::from(issuer.verifying_key().to_bytes());
    chain.add_issuer(B256::from(*key.as_bytes()), owner).await?;
    let (chain_id, settlement) = chain.network();
    let network = protocol::Network {
        chain_id,
        settlement,
    };
    let id = TicketId {
        epoch: 0,
        issuer: 1,
        index: 0,
    };
    let collection = CollectionId::new(BYTES, &[7; 32]).context("it is a mass")?;
    let issued_at = timeline.start(0) * 1000;
    let ticket = Ticket {
        network,
        id,
        node: NodeId::from(node.verifying_key().to_bytes()),
        client: ClientKey::from(client.verifying_key().to_bytes()),
        collection,
        payer: victim.address(),
        viewer_token: Hash::ZERO,
        bytes_max: BYTES,
        issued_at,
        expires_at: issued_at + 1,
    };
    let receipt = Receipt {
        ticket: ticket.digest(),
        sequence: 1,
        bytes: BYTES,
        deliveries: 1,
        within: 1,
        signed_at: issued_at,
    };
    let log = TicketLog::new(network, 0, 1, vec![ticket])?;
    let (root, bytes) = (SumTree::of_ticket_log(&log)?.root(), log.to_bytes());
    let stop = CancellationToken::new();
    let served = move || async move { bytes.clone() };
    let app = Router::new().route("/v1/epochs/0/tickets", get(served));
    let listener = rogue.host.sockets.listen((rogue.ip, PORT).into())?;
    let connections = Arc::new(Connections::default());
    let serving = listener::serve(listener, app, BOUNDS, connections, stop.clone());
    let serving = tokio::spawn(serving);

    stage.network.until(end + 1).await;
    chain
        .commit_ticket_log(0, 1, root.top.hash, 1, BYTES)
        .await?;
    stage
        .network
        .until(timeline.force_window(0).start + 1)
        .await;
    let index = chain
        .index_of(node.verifying_key().to_bytes().into())
        .await?;
    let signature = receipt.sign(&client).signature;
    let record = Record {
        id,
        receipt,
        signature,
    };
    let index = index.context("it is registered")?;
    chain.force_commit(0, index, &[record]).await?;
    stage.did_it();
    stage.closed().await?;
    stop.cancel();
    serving.await?;
    verifier.end().await
}
