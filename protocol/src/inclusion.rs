//! Proofs that an attestation states a leaf or counts a receipt: what the contract `Inclusion` is shown.
//! SPEC sections 6 and 7.
//!
//! Here is their shape and the check of them; `prover` builds them.

use crate::epoch_tree::{ChargeLeaf, EpochLeaf, NodeLeaf};
use crate::mass::{DeliveryMass, Mass, MassOverflow, ValueMass};
use crate::merkle::{Element, Proof, ProofError};
use crate::record::Record;
use crate::signature::{SignatureInvalid, Tag, verify};
use crate::ticket::Ticket;
use crate::{B256, Roots};

/// What stands as a leaf in a Merkle-sum tree.
pub trait TreeLeaf {
    /// What its tree adds up.
    type Mass: Mass;

    /// Its element in the tree.
    ///
    /// # Errors
    /// If it states more than a mass holds.
    fn element(&self) -> Result<Element<Self::Mass>, MassOverflow>;
}

impl<L: EpochLeaf> TreeLeaf for L {
    type Mass = ValueMass;

    fn element(&self) -> Result<Element<ValueMass>, MassOverflow> {
        self.leaf()
    }
}

impl TreeLeaf for Record {
    type Mass = DeliveryMass;

    fn element(&self) -> Result<Element<DeliveryMass>, MassOverflow> {
        self.leaf()
    }
}

impl TreeLeaf for Ticket {
    type Mass = DeliveryMass;

    fn element(&self) -> Result<Element<DeliveryMass>, MassOverflow> {
        self.leaf()
    }
}

/// A leaf, and where it stands in its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<L> {
    /// The leaf.
    pub leaf: L,
    /// Its place.
    pub place: u32,
    /// Leaves of the tree.
    pub count: u32,
    /// Its siblings.
    pub proof: Proof,
}

impl<L: TreeLeaf> Placed<L> {
    /// Hash of the root of the tree that has the leaf there.
    ///
    /// # Errors
    /// If the place isn't in a tree of that many leaves, the proof's length isn't that tree's, or a sum
    /// overflows.
    pub fn root(&self) -> Result<B256, ProofError> {
        let (count, place) = (self.count.into(), self.place.into());
        let root = self.proof.root(count, place, self.leaf.element()?)?;
        Ok(root.hash())
    }
}

/// A proof of inclusion that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// A path that leads nowhere.
    #[error("the proof in the {tree} tree: {source}")]
    Path {
        /// Which tree.
        tree: &'static str,
        /// Why.
        source: ProofError,
    },
    /// A path that leads to another root than is attested or committed.
    #[error("the proof in the {tree} tree leads to {found}, and {expected} is its root")]
    Root {
        /// Which tree.
        tree: &'static str,
        /// Where it leads.
        found: B256,
        /// Where it should.
        expected: B256,
    },
    /// A receipt of another ticket than is shown.
    #[error("the receipt is of another ticket")]
    Ticket,
    /// A ticket that doesn't stand at its own index.
    #[error("the ticket of index {index} stands at {place} in the log")]
    Place {
        /// Its index.
        index: u32,
        /// Where it stands.
        place: u32,
    },
    /// A signature that isn't the client's.
    #[error("the receipt is not signed by its ticket's client")]
    Signature,
}

impl From<SignatureInvalid> for InclusionError {
    fn from(_: SignatureInvalid) -> Self {
        Self::Signature
    }
}

fn check_root<L: TreeLeaf>(
    tree: &'static str,
    placed: &Placed<L>,
    expected: B256,
) -> Result<(), InclusionError> {
    match placed.root() {
        Ok(found) if found == expected => Ok(()),
        Ok(found) => Err(InclusionError::Root {
            tree,
            found,
            expected,
        }),
        Err(source) => Err(InclusionError::Path { tree, source }),
    }
}

/// That an attestation states a node's leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeProof {
    /// The leaf in the nodes tree.
    pub node: Placed<NodeLeaf>,
}

impl NodeProof {
    /// Checks it against what was attested.
    ///
    /// # Errors
    /// If it leads elsewhere.
    pub fn check(&self, roots: &Roots) -> Result<(), InclusionError> {
        check_root("nodes", &self.node, roots.nodes)
    }
}

/// That an attestation counts a receipt: it stands in a charge's segment, its ticket in the issuer's committed
/// log, and the ticket's client signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptProof {
    /// The charge in the charges tree.
    pub charge: Placed<ChargeLeaf>,
    /// The record in the charge's segment.
    pub record: Placed<Record>,
    /// The ticket in its issuer's log.
    pub ticket: Placed<Ticket>,
}

impl ReceiptProof {
    /// Checks it against what was attested, and the root of the ticket's log that was committed: what the
    /// contract's `verifyReceipt` checks, in its order.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check(&self, roots: &Roots, committed: B256) -> Result<(), InclusionError> {
        self.check_paths(roots, committed)?;
        self.check_signature()
    }

    /// That the ticket's client signed the receipt.
    ///
    /// # Errors
    /// [`InclusionError::Signature`].
    pub fn check_signature(&self) -> Result<(), InclusionError> {
        let receipt = &self.record.leaf.receipt;
        let (client, signature) = (self.ticket.leaf.client, &self.record.leaf.signature);
        verify(
            client.as_bytes(),
            Tag::Receipt,
            &receipt.digest(),
            signature,
        )?;
        Ok(())
    }

    /// All of [`Self::check`] but the client's signature: that the attestation counts it, true or not.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check_paths(&self, roots: &Roots, committed: B256) -> Result<(), InclusionError> {
        check_root("charges", &self.charge, roots.charges)?;
        check_root("segment", &self.record, self.charge.leaf.segment_root)?;
        let ticket = &self.ticket.leaf;
        if ticket.digest() != self.record.leaf.receipt.ticket {
            return Err(InclusionError::Ticket);
        }
        let (index, place) = (ticket.id.index, self.ticket.place);
        if index != place {
            return Err(InclusionError::Place { index, place });
        }
        check_root("ticket log", &self.ticket, committed)
    }
}
