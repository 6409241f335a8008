//! What is left of a world, for whoever looks at it with other tools.

use crate::world::Network;
use crate::world::chain::Chain;
use contracts::Address;
use std::path::PathBuf;
use tempfile::TempDir;

/// What anybody can look at when a world is over.
#[derive(Debug)]
pub struct Left {
    /// The chain.
    pub chain: Chain,
    /// The time there, Unix seconds.
    pub now_s: u64,
    /// The settlement contract.
    pub settlement: Address,
    /// A verifier's evidence, a folder for each epoch.
    pub evidence: PathBuf,
    /// Where all files of the world are; they go with it.
    pub(crate) folder: Option<TempDir>,
}

impl Left {
    /// What is there of a network, with this evidence.
    pub(crate) fn of(network: &Network, evidence: PathBuf) -> Self {
        let (chain, now_s) = network.chain_at_rest();
        Self {
            chain,
            now_s,
            settlement: network.chain.network().1,
            evidence,
            folder: None,
        }
    }
}
