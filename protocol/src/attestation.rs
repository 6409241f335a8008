//! What verifiers attest for an epoch. SPEC section 7.

use crate::mass::ValueMass;
use crate::merkle::Root;
use crate::{B256, Epoch, keccak256};
use serde::{Deserialize, Serialize};

/// The roots of an epoch's three trees, with counts and sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochRoots {
    /// Of the nodes tree.
    pub nodes: Root<ValueMass>,
    /// Of the bills tree.
    pub bills: Root<ValueMass>,
    /// Of the charges tree.
    pub charges: Root<ValueMass>,
}

/// What an attestation's digest stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// Hash of the nodes tree's root.
    pub nodes: B256,
    /// Hash of the bills tree's root.
    pub bills: B256,
    /// Hash of the charges tree's root.
    pub charges: B256,
    /// BLAKE3 of the evidence bundle.
    pub evidence: B256,
}

impl Roots {
    /// `H(nodes ‖ bills ‖ charges ‖ evidence)`: what stands on chain.
    pub fn digest(&self) -> B256 {
        let parts = [self.nodes, self.bills, self.charges, self.evidence];
        keccak256(parts.map(|part| part.0).as_flattened())
    }
}

/// What a verifier votes for: all that the contract computes the digest from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The epoch.
    pub epoch: Epoch,
    /// Its trees.
    pub trees: EpochRoots,
    /// BLAKE3 of the evidence bundle.
    pub evidence: B256,
}

impl Statement {
    /// What its digest stands for.
    pub fn roots(&self) -> Roots {
        Roots {
            nodes: self.trees.nodes.hash(),
            bills: self.trees.bills.hash(),
            charges: self.trees.charges.hash(),
            evidence: self.evidence,
        }
    }

    /// Sum of all cumulative rewards, which is that of all cumulative bills, token units.
    pub fn total(&self) -> u128 {
        self.trees.nodes.mass().amount()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_and_its_place_are_bound() {
        let roots = |[nodes, bills, charges, evidence]: [u8; 4]| Roots {
            nodes: B256::repeat_byte(nodes),
            bills: B256::repeat_byte(bills),
            charges: B256::repeat_byte(charges),
            evidence: B256::repeat_byte(evidence),
        };
        let digest = roots([1, 2, 3, 4]).digest();
        let preimage = [[1; 32], [2; 32], [3; 32], [4; 32]].concat();
        assert_eq!(digest, keccak256(preimage));
        for other in [[2, 1, 3, 4], [1, 2, 4, 3], [1, 2, 3, 5], [0, 2, 3, 4]] {
            assert_ne!(roots(other).digest(), digest);
        }
    }
}
