//! Builds what a network commits to: sealed segments, and Merkle-sum trees with their proofs.
//!
//! Participants: a *node* gathers the newest record of each ticket in an [`OpenEpoch`] and seals it; an
//! *issuer* builds the tree of its ticket log; whoever claims, withdraws or challenges builds an epoch's
//! trees. They are built by `merkle_light` under the rules of `SPEC.md` section 6.
//!
//! Goals: the same records give the same bytes whatever order they came in; every root equals the one
//! that [`protocol::TreeTop`], the checking side, computes on its own; a sum that overflows is an error
//! before a tree is built. Non-goals: verifying signatures (a node did, before it acknowledged), files,
//! sockets, clocks. The verifier never imports this crate.

mod inclusion;
mod seal;
mod tree;

pub use inclusion::{
    InclusionProofError, find_ticket, prove_node, prove_receipt, records_of_payer,
};
pub use seal::{OpenEpoch, SealError, SealedEpoch};
pub use tree::SumTree;
