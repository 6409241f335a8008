//! A verifier that lies in what nobody else has.
//!
//! It votes first, for a nodes tree by which an accomplice earned all that is deposited, and for tops of the other trees
//! that are hashes of nothing. To show a lie one needs what is below a root, so nothing is shown, and its bond stays.
//! Today payers pay, with all that they deposited.

use super::stage::Stage;
use anyhow::{Context, Result};
use contracts::{B256, Statement};
use protocol::{DeliveryMass, EpochTree, Network as NetworkId, NodeId, NodeLeaf, NodeTree};
use prover::SumTree;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let place = stage.world.host("liar");
    let account = stage.network.keys.committer.clone();
    let liar = stage.bonded(&place.host, &account).await?;
    stage.network.begun(0).await;
    let all: u128 = liar.funded().await?.to();
    let nodes = liar.nodes().await?;
    let accomplice = nodes.first().context("there is a node")?;
    let leaf = NodeLeaf {
        index: accomplice.index,
        node: NodeId::from(accomplice.key.0),
        mass: DeliveryMass::new(1, 1, 1)?,
        probes: 0,
        probes_ok: 0,
        sla_ppm: 1_000_000,
        last: 1,
        reward: all,
        cumulative: all,
    };
    let (chain_id, settlement) = liar.network();
    let tree: NodeTree = EpochTree {
        network: NetworkId {
            chain_id,
            settlement,
        },
        epoch: 0,
        leaves: vec![leaf],
    };
    let statement = Statement {
        epoch: 0,
        nodes: 1,
        payers: liar.payers().await?.len() as u32,
        charges: 1,
        total: all,
        nodes_top: tree.root()?.top.hash,
        bills_top: B256::repeat_byte(1),
        charges_top: B256::repeat_byte(2),
        evidence: B256::repeat_byte(3),
    };
    stage.network.until(liar.timeline().attest_from(0)).await;
    liar.attest(&statement).await?;
    let active_at = liar
        .attestation(0)
        .await?
        .context("it was attested")?
        .active_at;
    stage.network.until(active_at + 1).await;
    let roots = liar.attestation_tx(0).await?.context("it stands")?.roots;
    liar.activate(0, &roots).await?;
    let sums = SumTree::of_epoch(&tree)?;
    let proof = sums.proof(0).context("it has one leaf")?;
    liar.claim(&(&tree.leaves[0]).into(), 1, &proof.0).await?;
    let loot = liar.token_balance(accomplice.payout).await?;
    anyhow::ensure!(!loot.is_zero(), "the vault paid nothing");
    stage.did_it();
    Ok(())
}
