//! What kind of network, and how patient one is with it.

use std::path::PathBuf;
use std::time::Duration;

/// anvil's chain id.
pub(super) const CHAIN_ID: u64 = 31_337;

/// How long a part may take to come up.
pub(super) const START: Duration = Duration::from_secs(30);

/// Pause between looks at something that is awaited.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// What kind of network.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// The `quittance` binary.
    pub binary: PathBuf,
    /// A folder for everything.
    pub dir: PathBuf,
    /// Cache nodes.
    pub nodes: usize,
    /// Seconds an epoch lasts.
    pub epoch_seconds: u32,
    /// Seconds a ticket may outlast its epoch.
    pub ticket_tail: u32,
    /// Seconds after the tail in which nodes may force commitments.
    pub force_seconds: u32,
    /// Seconds an attestation stands open.
    pub challenge_seconds: u32,
    /// Extra lines for every node's config file.
    pub node_config: String,
    /// Extra lines for the control plane's config file.
    pub control_config: String,
    /// Extra lines for every verifier's config file.
    pub verifier_config: String,
    /// Verifiers, each a process; the quorum is all of them.
    pub verifiers: usize,
    /// Bonds that one verifier more has at stake, for which no process runs: its key is `liar`. 0: there is none.
    pub liar_bonds: u32,
    /// Whether a transaction gets a block at once, besides the two blocks a second.
    pub mine_at_once: bool,
}

impl NetworkConfig {
    /// Three nodes, epochs of 15 s, a tail of 3 s, a force window of 2 s, a challenge window of 4 s.
    pub fn new(binary: PathBuf, dir: PathBuf) -> Self {
        Self {
            binary,
            dir,
            nodes: 3,
            epoch_seconds: 15,
            ticket_tail: 3,
            force_seconds: 2,
            challenge_seconds: 4,
            node_config: String::new(),
            control_config: String::new(),
            verifier_config: String::new(),
            verifiers: 1,
            liar_bonds: 0,
            mine_at_once: false,
        }
    }
}

/// Name of a verifier after the first.
pub(super) fn other(index: usize) -> String {
    format!("verifier-{}", index + 1)
}
