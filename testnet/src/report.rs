//! The outcome: as JSON for programs, as a table for people.

use contracts::{Address, B256, Roots};
use protocol::{ContentHash, Epoch, NodeId};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// What `--json FILE` gets. Amounts are decimal strings in the token's smallest unit.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Published files.
    pub content: Vec<ContentLine>,
    /// What clients fetched.
    pub deliveries: Deliveries,
    /// What was attested.
    pub epochs: Vec<EpochLine>,
    /// What was paid.
    pub claims: Vec<ClaimLine>,
    /// What the audit found.
    pub audit: AuditLine,
    /// Where it all stands.
    pub chain: ChainLine,
    /// The folder of the run.
    pub data_dir: PathBuf,
}

/// A published file.
#[derive(Debug, Clone, Serialize)]
pub struct ContentLine {
    /// Collection's name and path in it.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Hash.
    pub blake3: ContentHash,
}

/// Totals over all clients.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Deliveries {
    /// Clients.
    pub clients: usize,
    /// Requests that ended.
    pub requests: u64,
    /// Payload bytes that clients verified.
    pub bytes: u64,
    /// Requests that a node failed; another took over.
    pub failed: u64,
}

/// An attested epoch.
#[derive(Debug, Clone, Serialize)]
pub struct EpochLine {
    /// Which.
    pub epoch: Epoch,
    /// What the contract keeps: hash of the roots and of the evidence's.
    pub digest: B256,
    /// Roots of its three trees, and hash of the evidence.
    pub roots: Roots,
    /// The transaction that attested it.
    pub attest_tx: B256,
    /// Bytes of all nodes.
    pub total_bytes: u64,
    /// Rewards of all nodes.
    pub total_reward: String,
    /// Each node.
    pub nodes: Vec<NodeLine>,
    /// Each payer.
    pub payers: Vec<PayerLine>,
}

/// A node in an epoch.
#[derive(Debug, Clone, Serialize)]
pub struct NodeLine {
    /// Which.
    pub node: NodeId,
    /// Bytes delivered.
    pub bytes: u64,
    /// Requests that ended.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within_sla: u32,
    /// Score.
    pub sla_ppm: u32,
    /// Reward.
    pub reward: String,
}

/// A payer in an epoch.
#[derive(Debug, Clone, Serialize)]
pub struct PayerLine {
    /// Whose bill.
    pub payer: Address,
    /// Deposit at the epoch's end, bills not deducted.
    pub deposit: String,
    /// Bill of the epoch.
    pub bill: String,
    /// Bills of all epochs so far.
    pub cumulative: String,
}

/// A payout.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimLine {
    /// Whose.
    pub node: NodeId,
    /// To whom.
    pub payout: Address,
    /// How much.
    pub amount: String,
    /// The transaction; absent if there was nothing to claim.
    pub tx: Option<B256>,
}

/// The audit of all epochs.
#[derive(Debug, Clone, Serialize)]
pub struct AuditLine {
    /// Epochs audited.
    pub epochs: usize,
    /// Receipts checked.
    pub receipts: u64,
    /// Whether every number is true.
    pub ok: bool,
}

/// Addresses.
#[derive(Debug, Clone, Serialize)]
pub struct ChainLine {
    /// JSON-RPC.
    pub rpc: String,
    /// Chain id.
    pub chain_id: u64,
    /// Settlement contract.
    pub settlement: Address,
    /// Registry of nodes.
    pub registry: Address,
    /// Vault of rewards.
    pub vault: Address,
    /// The token.
    pub token: Address,
}

impl Report {
    /// Everything that should agree and doesn't; empty if all is well.
    pub fn disagreements(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |what: &str, left: u128, right: u128| {
            if left != right {
                wrong.push(format!("{what}: {left} and {right}"));
            }
        };
        let number = |text: &String| text.parse::<u128>().unwrap_or(u128::MAX);
        let attested: u64 = self.epochs.iter().map(|epoch| epoch.total_bytes).sum();
        compare(
            "bytes verified by clients and attested",
            self.deliveries.bytes.into(),
            attested.into(),
        );
        for epoch in &self.epochs {
            let name = epoch.epoch;
            let bytes: u64 = epoch.nodes.iter().map(|node| node.bytes).sum();
            compare(
                &format!("bytes of epoch {name} and of its nodes"),
                epoch.total_bytes.into(),
                bytes.into(),
            );
            let reward: u128 = epoch.nodes.iter().map(|node| number(&node.reward)).sum();
            compare(
                &format!("reward of epoch {name} and of its nodes"),
                number(&epoch.total_reward),
                reward,
            );
            let bills: u128 = epoch.payers.iter().map(|payer| number(&payer.bill)).sum();
            compare(&format!("rewards and bills of epoch {name}"), reward, bills);
        }
        let rewards: u128 = self
            .epochs
            .iter()
            .map(|epoch| number(&epoch.total_reward))
            .sum();
        let claims: u128 = self.claims.iter().map(|claim| number(&claim.amount)).sum();
        compare("rewards and claims", rewards, claims);
        if self.deliveries.bytes == 0 {
            wrong.push("nothing was delivered".into());
        }
        if !self.audit.ok {
            wrong.push("the audit found something false".into());
        }
        wrong
    }
}

/// Eighteen decimals of the test token, cut to six: for people.
pub(crate) fn tokens(units: &str) -> String {
    let units: u128 = units.parse().unwrap_or(0);
    let (whole, rest) = (units / 10u128.pow(18), units % 10u128.pow(18));
    format!("{whole}.{:06}", rest / 10u128.pow(12))
}

fn mib(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

fn percent(ppm: u32) -> String {
    format!("{}.{:02}%", ppm / 10_000, ppm % 10_000 / 100)
}

pub(crate) fn short(hash: &B256) -> String {
    format!("{}…", hash.to_string().get(..10).unwrap_or_default())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size: u64 = self.content.iter().map(|content| content.size).sum();
        writeln!(
            f,
            "published    {} files, {}",
            self.content.len(),
            mib(size)
        )?;
        let d = &self.deliveries;
        writeln!(
            f,
            "delivered    {} in {} requests to {} clients, {} failed over",
            mib(d.bytes),
            d.requests,
            d.clients,
            d.failed
        )?;
        for epoch in &self.epochs {
            writeln!(
                f,
                "\nepoch {}      digest {}   attested in {}",
                epoch.epoch,
                short(&epoch.digest),
                short(&epoch.attest_tx)
            )?;
            writeln!(
                f,
                "  {:<12} {:>12} {:>11} {:>8} {:>12}",
                "node", "delivered", "deliveries", "SLA", "reward QTT"
            )?;
            for node in &epoch.nodes {
                writeln!(
                    f,
                    "  {:<12} {:>12} {:>11} {:>8} {:>12}",
                    node.node.short(),
                    mib(node.bytes),
                    node.deliveries,
                    percent(node.sla_ppm),
                    tokens(&node.reward)
                )?;
            }
            writeln!(
                f,
                "  {:<12} {:>12} {:>11} {:>8} {:>12}",
                "all",
                mib(epoch.total_bytes),
                epoch.nodes.iter().map(|node| node.deliveries).sum::<u32>(),
                "",
                tokens(&epoch.total_reward)
            )?;
            for payer in &epoch.payers {
                writeln!(
                    f,
                    "  billed {} QTT to {}, of {} deposited",
                    tokens(&payer.bill),
                    payer.payer,
                    tokens(&payer.deposit)
                )?;
            }
        }
        writeln!(f, "\nclaimed")?;
        for claim in &self.claims {
            writeln!(
                f,
                "  {:<12} {:>12} QTT to {}  {}",
                claim.node.short(),
                tokens(&claim.amount),
                claim.payout,
                claim
                    .tx
                    .as_ref()
                    .map_or_else(|| "nothing to claim".into(), short)
            )?;
        }
        let verdict = if self.audit.ok {
            "every number is true"
        } else {
            "FALSE"
        };
        write!(
            f,
            "\naudit        {} epochs, {} receipts checked from the chain: {verdict}",
            self.audit.epochs, self.audit.receipts
        )
    }
}
