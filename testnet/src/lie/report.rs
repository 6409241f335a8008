//! What came of the lies: as JSON for programs, as a table for people.

use super::who::Who;
use crate::report::{ChainLine, ClaimLine, EpochLine, short, tokens};
use contracts::B256;
use protocol::Epoch;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// What `--json FILE` gets. Amounts are decimal strings in the token's smallest unit.
#[derive(Debug, Clone, Serialize)]
pub struct LieReport {
    /// Every lie that was told, in order. Each was found, shown by one challenge, and paid for.
    pub lies: Vec<LieLine>,
    /// The epoch that was lied of, as it was attested in the end.
    pub honest: EpochLine,
    /// Whether an audit of that found every number to be true.
    pub audit_ok: bool,
    /// What nodes claimed afterwards.
    pub claims: Vec<ClaimLine>,
    /// What challengers took home.
    pub bounties: Vec<BountyLine>,
    /// Where it all stands.
    pub chain: ChainLine,
    /// The folder of the run.
    pub data_dir: PathBuf,
}

/// A lie and its fall.
#[derive(Debug, Clone, Serialize)]
pub struct LieLine {
    /// The challenge that showed it.
    pub kind: &'static str,
    /// What kind of liar.
    pub who: Who,
    /// Which.
    pub offender: String,
    /// What the liar did.
    pub says: &'static str,
    /// What the audit, or the node's check, said of it.
    pub sentence: String,
    /// What else was found, since it follows from the lie.
    pub besides: Vec<String>,
    /// The contract that it was shown to.
    pub contract: String,
    /// The commitment to the challenge.
    pub commit_tx: Option<B256>,
    /// The challenge.
    pub tx: B256,
    /// Its gas.
    pub gas_used: u64,
    /// The first and last epoch that fell with it.
    pub overturned: Option<(Epoch, Epoch)>,
    /// What the liar lost.
    pub lost: String,
    /// Who challenged.
    pub challenger: String,
    /// What the challenger was credited of it.
    pub credited: String,
}

/// A challenger's earnings.
#[derive(Debug, Clone, Serialize)]
pub struct BountyLine {
    /// The account.
    pub challenger: String,
    /// What it withdrew.
    pub amount: String,
    /// The withdrawal.
    pub tx: B256,
}

impl fmt::Display for LieReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24} {:<9} {:>9} {:>12} {:>12}  shown in",
            "lie", "liar", "gas", "lost QTT", "bounty QTT"
        )?;
        for line in &self.lies {
            writeln!(
                f,
                "{:<24} {:<9} {:>9} {:>12} {:>12}  {}",
                line.kind,
                line.who.to_string(),
                line.gas_used,
                tokens(&line.lost),
                tokens(&line.credited),
                short(&line.tx)
            )?;
        }
        let honest = &self.honest;
        writeln!(
            f,
            "\nthe truth    epoch {}, attested in {}: {} bytes, {} QTT; audited, {}",
            honest.epoch,
            short(&honest.attest_tx),
            honest.total_bytes,
            tokens(&honest.total_reward),
            match self.audit_ok {
                true => "every number is true",
                false => "FALSE",
            }
        )?;
        for claim in &self.claims {
            writeln!(
                f,
                "claimed      {} QTT by node {}",
                tokens(&claim.amount),
                claim.node.short(),
            )?;
        }
        for bounty in &self.bounties {
            writeln!(
                f,
                "bounties     {} QTT to {}",
                tokens(&bounty.amount),
                bounty.challenger
            )?;
        }
        let count = self.lies.len();
        write!(
            f,
            "\n{count} {} told, found, shown by one challenge{}, and paid for; then the truth was attested",
            if count == 1 { "lie" } else { "lies" },
            if count == 1 { "" } else { " each" },
        )
    }
}
