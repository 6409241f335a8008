//! An epoch as the chain and `quittance audit` see it, for the report.

use crate::network::Network;
use crate::report::{EpochLine, NodeLine, PayerLine};
use anyhow::{Context, Result};
use contracts::{Address, B256, Chain, Roots};
use protocol::{Epoch, NodeId};
use serde::Deserialize;

/// What `quittance audit --json` says, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Audited {
    verdict: String,
    attestation: Option<AuditedAttestation>,
    recomputed_roots: Option<Roots>,
    signatures: u64,
    nodes: Vec<AuditedNode>,
    payers: Vec<AuditedPayer>,
}

#[derive(Debug, Deserialize)]
struct AuditedAttestation {
    digest: B256,
    roots: Roots,
}

#[derive(Debug, Deserialize)]
struct AuditedNode {
    node: NodeId,
    bytes: u64,
    deliveries: u32,
    within: u32,
    sla_ppm: u32,
    reward: String,
}

#[derive(Debug, Deserialize)]
struct AuditedPayer {
    account: Address,
    deposit: String,
    bill: String,
    cumulative: String,
}

/// Audits an epoch; gives its line, the receipts that were checked, and whether all is true.
pub(crate) async fn audit_epoch(
    network: &Network,
    chain: &Chain,
    epoch: Epoch,
) -> Result<(EpochLine, u64, bool)> {
    let number = epoch.to_string();
    let (rpc, settlement) = (&network.rpc, network.deployment.settlement.to_string());
    // An auditor knows the chain, and where the evidence is; no more.
    let out = network
        .quittance("audit")
        .args([
            "--epoch",
            &number,
            "--rpc",
            rpc,
            "--settlement",
            &settlement,
        ])
        .args(["--evidence", &network.verifier_url, "--json"])
        .kill_on_drop(true)
        .output()
        .await?;
    let audited: Audited = serde_json::from_slice(&out.stdout).with_context(|| {
        format!(
            "`quittance audit` failed: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        )
    })?;
    let attested = chain
        .attestation(epoch)
        .await?
        .context("the attestation is gone")?;
    let tx = chain
        .attestation_tx(epoch)
        .await?
        .context("the attestation's event is gone")?;
    let nodes: Vec<_> = audited
        .nodes
        .into_iter()
        .map(|node| NodeLine {
            node: node.node,
            bytes: node.bytes,
            deliveries: node.deliveries,
            within_sla: node.within,
            sla_ppm: node.sla_ppm,
            reward: node.reward,
        })
        .collect();
    let payers = audited.payers.into_iter().map(|payer| PayerLine {
        payer: payer.account,
        deposit: payer.deposit,
        bill: payer.bill,
        cumulative: payer.cumulative,
    });
    // The reward of an epoch is what its total adds to the one before: from the chain, not the audit.
    let before = match epoch.checked_sub(1) {
        Some(before) => chain
            .attestation(before)
            .await?
            .map_or(0, |attestation| attestation.total),
        None => 0,
    };
    let line = EpochLine {
        epoch,
        digest: attested.digest,
        roots: tx.roots,
        attest_tx: tx.tx,
        total_bytes: nodes.iter().map(|node| node.bytes).sum(),
        total_reward: (attested.total - before).to_string(),
        nodes,
        payers: payers.collect(),
    };
    // What the contract keeps is a digest; that its event's roots are those it is of, is checked here.
    let of_chain = tx.roots.digest() == attested.digest
        && audited
            .attestation
            .is_some_and(|audited| audited.digest == attested.digest && audited.roots == tx.roots);
    let ok = out.status.success()
        && audited.verdict == "true"
        && of_chain
        && audited.recomputed_roots == Some(tx.roots);
    Ok((line, audited.signatures, ok))
}
