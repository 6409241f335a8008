//! Asking the contract `Inclusion`, and handing the same question to anybody's tools.

use alloy::primitives::{Address, Bytes, U256, Uint, hex};
use alloy::sol_types::SolCall;
use protocol::{
    ChargeLeaf, Mass, MassOverflow, NodeLeaf, NodeProof, Placed, ReceiptProof, Record, Roots,
    Ticket, TreeLeaf,
};

use super::{Answer, Chain, ChainError};
use crate::abi::{Inclusion, Settlement};

/// Contracts that one deployment makes after the settlement contract, at most: where `Inclusion` is looked for.
const DEPLOYED_AFTER: u64 = 32;
/// Transactions of the owner before the deployment, at most: addresses that are tried.
const DEPLOYED_BEFORE: u64 = 100_000;

/// A question to the contract `Inclusion`.
#[derive(Clone, Debug)]
pub enum Question {
    /// Whether an attestation states a node's leaf.
    Attestation(Box<Inclusion::verifyAttestationCall>),
    /// Whether an attestation counts a receipt.
    Receipt(Box<Inclusion::verifyReceiptCall>),
}

impl Question {
    /// Whether the attestation of `epoch` with these roots states that leaf.
    pub fn attestation(epoch: u64, roots: &Roots, shown: &NodeProof) -> Self {
        let Placed {
            leaf, count, proof, ..
        } = &shown.node;
        Self::Attestation(Box::new(Inclusion::verifyAttestationCall {
            epoch,
            roots: roots.into(),
            leaf: leaf.into(),
            nodes: U256::from(*count),
            proof: Bytes::copy_from_slice(&proof.0),
        }))
    }

    /// Whether the attestation of `epoch` with these roots counts that receipt.
    ///
    /// # Errors
    /// If the ticket's limit fits no mass; no log has such a ticket.
    pub fn receipt(epoch: u64, roots: &Roots, shown: &ReceiptProof) -> Result<Self, MassOverflow> {
        let Placed::<Ticket> {
            leaf: ticket,
            place,
            count,
            proof,
        } = &shown.ticket;
        let mass = ticket.element()?.mass;
        Ok(Self::Receipt(Box::new(Inclusion::verifyReceiptCall {
            epoch,
            roots: roots.into(),
            shown: (&shown.record, &shown.charge).into(),
            ticket: Bytes::copy_from_slice(&ticket.to_bytes()),
            entry: Inclusion::LogProof {
                level: 0,
                position: *place,
                count: *count,
                mass: Uint::from_be_bytes(mass.to_bytes()),
                proof: Bytes::copy_from_slice(&proof.0),
            },
        })))
    }

    /// The function with its parameters and what it returns, as `cast call` takes it.
    pub fn signature(&self) -> String {
        let function = match self {
            Self::Attestation(_) => Inclusion::verifyAttestationCall::SIGNATURE,
            Self::Receipt(_) => Inclusion::verifyReceiptCall::SIGNATURE,
        };
        format!("{function}(bool)")
    }

    /// Its arguments, as `cast call` takes them: structs in parentheses, without white space.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Attestation(call) => vec![
                call.epoch.to_string(),
                roots_text(&call.roots),
                node_text(&call.leaf),
                call.nodes.to_string(),
                call.proof.to_string(),
            ],
            Self::Receipt(call) => {
                let shown = &call.shown;
                vec![
                    call.epoch.to_string(),
                    roots_text(&call.roots),
                    tuple(&[
                        &charge_text(&shown.charge),
                        &shown.record,
                        &shown.place,
                        &shown.count,
                        &shown.proof,
                    ]),
                    call.ticket.to_string(),
                    tuple(&[
                        &call.entry.level,
                        &call.entry.position,
                        &call.entry.count,
                        &call.entry.mass,
                        &call.entry.proof,
                    ]),
                ]
            }
        }
    }

    /// The whole call, ABI-encoded, selector first.
    pub fn calldata(&self) -> Vec<u8> {
        match self {
            Self::Attestation(call) => call.abi_encode(),
            Self::Receipt(call) => call.abi_encode(),
        }
    }
}

impl Chain {
    /// The contract's answer to a question. Cancel-safe.
    pub fn ask<'a>(&'a self, inclusion: Address, question: &'a Question) -> Answer<'a, bool> {
        Box::pin(async move {
            match question {
                Question::Attestation(call) => self.view(inclusion, (**call).clone()).await,
                Question::Receipt(call) => self.view(inclusion, (**call).clone()).await,
            }
        })
    }

    /// Whether the contract at an address is an `Inclusion` of this network. Cancel-safe.
    pub fn is_inclusion(&self, address: Address) -> Answer<'_, bool> {
        Box::pin(async move {
            let code = self.inner.rpc.code(address).await?;
            let answers = |selector: [u8; 4]| code.windows(4).any(|bytes| bytes == selector);
            if !answers(Inclusion::verifyReceiptCall::SELECTOR)
                || !answers(Inclusion::verifyAttestationCall::SELECTOR)
            {
                return Ok(false);
            }
            let call = Inclusion::settlementCall {};
            match self.view(address, call).await {
                Ok(settlement) => Ok(settlement == self.inner.settlement),
                Err(ChainError::Reverted { .. } | ChainError::BadAnswer { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// The network's `Inclusion`, where deploying put it: among the contracts that the owner's account made
    /// right after the settlement contract. `None` if another account deployed it. Cancel-safe.
    pub fn find_inclusion(&self) -> Answer<'_, Option<Address>> {
        Box::pin(async move {
            let owner = self.settlement(Settlement::ownerCall {}).await?;
            let sent = self.inner.rpc.transaction_count(owner).await?;
            let settlement = self.inner.settlement;
            let mut before = 0..sent.min(DEPLOYED_BEFORE);
            let Some(nonce) = before.find(|nonce| owner.create(*nonce) == settlement) else {
                return Ok(None);
            };
            for nonce in nonce + 1..sent.min(nonce + 1 + DEPLOYED_AFTER) {
                let address = owner.create(nonce);
                if self.is_inclusion(address).await? {
                    return Ok(Some(address));
                }
            }
            Ok(None)
        })
    }
}

impl From<&Roots> for Inclusion::Roots {
    fn from(from: &Roots) -> Self {
        Self {
            nodes: from.nodes,
            bills: from.bills,
            charges: from.charges,
            evidence: from.evidence,
        }
    }
}

impl From<&NodeLeaf> for Inclusion::NodeLeaf {
    fn from(from: &NodeLeaf) -> Self {
        Self {
            index: from.index,
            node: from.node.0,
            mass: Uint::from_be_bytes(from.mass.to_bytes()),
            probes: from.probes,
            probesOk: from.probes_ok,
            slaPpm: from.sla_ppm,
            last: from.last,
            reward: from.reward,
            cumulative: from.cumulative,
        }
    }
}

impl From<&ChargeLeaf> for Inclusion::ChargeLeaf {
    fn from(from: &ChargeLeaf) -> Self {
        Self {
            payer: from.payer,
            node: from.node,
            segmentRoot: from.segment_root,
            mass: Uint::from_be_bytes(from.mass.to_bytes()),
            amount: from.amount,
            billed: from.billed,
            earned: from.earned,
            served: Uint::from_be_bytes(from.served.to_bytes()),
            previous: from.previous,
        }
    }
}

impl From<(&Placed<Record>, &Placed<ChargeLeaf>)> for Inclusion::RecordProof {
    fn from((record, charge): (&Placed<Record>, &Placed<ChargeLeaf>)) -> Self {
        Self {
            charge: Inclusion::ChargeProof {
                leaf: (&charge.leaf).into(),
                place: charge.place,
                count: charge.count,
                proof: Bytes::copy_from_slice(&charge.proof.0),
            },
            record: Bytes::copy_from_slice(&record.leaf.to_bytes()),
            place: record.place,
            count: record.count,
            proof: Bytes::copy_from_slice(&record.proof.0),
        }
    }
}

// ---- As text ----

/// One field of a tuple.
trait Field {
    fn text(&self) -> String;
}

macro_rules! fields {
    ($($field:ty),*) => {
        $(impl Field for $field {
            fn text(&self) -> String {
                self.to_string()
            }
        })*
    };
}
fields!(
    u8,
    u32,
    u128,
    Bytes,
    String,
    alloy::primitives::aliases::U120
);

impl Field for alloy::primitives::B256 {
    fn text(&self) -> String {
        hex::encode_prefixed(self)
    }
}

fn tuple(fields: &[&dyn Field]) -> String {
    let fields: Vec<_> = fields.iter().map(|field| field.text()).collect();
    format!("({})", fields.join(","))
}

fn roots_text(roots: &Inclusion::Roots) -> String {
    tuple(&[&roots.nodes, &roots.bills, &roots.charges, &roots.evidence])
}

fn node_text(leaf: &Inclusion::NodeLeaf) -> String {
    tuple(&[
        &leaf.index,
        &leaf.node,
        &leaf.mass,
        &leaf.probes,
        &leaf.probesOk,
        &leaf.slaPpm,
        &leaf.last,
        &leaf.reward,
        &leaf.cumulative,
    ])
}

fn charge_text(charge: &Inclusion::ChargeProof) -> String {
    let leaf = &charge.leaf;
    let leaf = tuple(&[
        &leaf.payer,
        &leaf.node,
        &leaf.segmentRoot,
        &leaf.mass,
        &leaf.amount,
        &leaf.billed,
        &leaf.earned,
        &leaf.served,
        &leaf.previous,
    ]);
    tuple(&[&leaf, &charge.place, &charge.count, &charge.proof])
}
