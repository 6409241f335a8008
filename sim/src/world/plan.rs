//! What a network is made of, and the terms that its contracts fix.

use super::process::Part;
use contracts::Parameters;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many of each there are in a network, how long it lasts and what it publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Nodes, each with an operator of its own; at least 1.
    pub nodes: usize,
    /// Verifiers, all of which have to agree (the quorum is their number); 1 to 64.
    pub verifiers: usize,
    /// Gateways.
    pub gateways: usize,
    /// Viewers, each of whom watches in each epoch.
    pub viewers: usize,
    /// Epochs in which somebody watches; at least 1.
    pub epochs: u64,
    /// Length of the published file, bytes.
    pub file_bytes: usize,
    /// How many faults there are: whoever reads a plan counts them.
    #[serde(skip)]
    pub faults: usize,
}

impl Plan {
    /// The smallest that has every wage paid: one of each part, one epoch.
    pub fn small() -> Self {
        Self {
            nodes: 1,
            verifiers: 1,
            gateways: 0,
            viewers: 1,
            epochs: 1,
            file_bytes: FILE_BYTES,
            faults: 0,
        }
    }

    /// That of a seed: several of each part, three epochs, and faults.
    pub fn whole() -> Self {
        Self {
            nodes: 3,
            verifiers: 2,
            gateways: 1,
            viewers: 6,
            epochs: 3,
            file_bytes: SHORT_FILE_BYTES,
            faults: FAULTS,
        }
    }
}

impl Plan {
    /// All faults are over by then, after the genesis: who watches when nothing is wrong any more has the rest of an
    /// epoch to do it in.
    pub fn faults_end(&self) -> Duration {
        Duration::from_secs(self.epochs * u64::from(PARAMETERS.epoch_length) + LAST_FAULT_S)
    }

    /// How many such parts there are.
    pub fn count(&self, part: Part) -> usize {
        match part {
            Part::Control => 1,
            Part::Node => self.nodes,
            Part::Verifier => self.verifiers,
            Part::Gateway => self.gateways,
        }
    }

    /// What the machine of one of them is called, where they are counted round and round.
    pub fn named(&self, part: Part, whom: usize) -> String {
        let number = whom % self.count(part).max(1);
        match part {
            Part::Control => "the control plane".to_owned(),
            _ => format!("{}-{number}", part.name()),
        }
    }
}

/// So long after the last epoch in which something may be wrong, seconds.
const LAST_FAULT_S: u64 = 25;
/// As many as leave each some time to itself.
const FAULTS: usize = 5;
/// Two receipts and a rest.
const FILE_BYTES: usize = (2 << 18) + 12_345;
/// One receipt and a rest, where many watch: half of what is simulated are its datagrams.
const SHORT_FILE_BYTES: usize = (1 << 18) + 12_345;

/// Content bytes after which a client owes a receipt.
pub(super) const RECEIPT_INTERVAL: u64 = 1 << 18;
/// Content bytes that a node sends ahead of the last receipt: the least that it takes.
pub(super) const WINDOW: u64 = 1 << 20;
/// How long a ticket may be used: the tail, so that none of an epoch outlives it.
pub(super) const TICKET_TTL: Duration = Duration::from_secs(20);
/// How long verifiers wait for segments: as long as nobody may attest anyway.
pub(super) const SEGMENT_DEADLINE: Duration = Duration::from_secs(10);
/// How often verifiers look at the chain: half as often as they would, since that is most of what is asked of it.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(4);
/// Seconds from the deployment to the genesis: who is admitted before it may act at once.
pub(super) const GENESIS_IN_S: u64 = 30;

/// Each epoch is long enough for faults and what follows them, and no longer: what is simulated costs by the second.
pub(super) const PARAMETERS: Parameters = Parameters {
    epoch_length: 40,
    ticket_tail: 20,
    commit_window: 25,
    force_window: 10,
    challenge_window: 20,
    sla_floor_ppm: 500_000,
    ttfb_ms_max: 2_000,
    throughput_min: 10_000,
    price_per_gib: 1_000_000_000_000,
    verifier_bond: 1_000,
    issuer_bond: 0,
    node_stake: 500,
};
