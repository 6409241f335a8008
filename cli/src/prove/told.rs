//! The proof as JSON: what `quittance prove` prints. `docs/audit.md` documents it.

use contracts::{AttestationTx, Chain, Question, Status};
use protocol::{
    Address, B256, ClientKey, CollectionId, Epoch, FixedBytes, NodeId, NodeProof, RECORD_BYTES,
    ReceiptProof, Roots, Signature, TICKET_BYTES, TicketId, UnixMillis,
};
use serde::Serialize;

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Proven {
    epoch: Epoch,
    chain_id: u64,
    settlement: Address,
    /// The contract to ask.
    to: Address,
    /// Its function, as `cast call` takes it.
    signature: String,
    /// Its arguments, as `cast call` takes them.
    args: Vec<String>,
    /// Function and arguments, ABI-encoded.
    calldata: String,
    /// What it answers; absent where it can't be asked.
    pub(super) answer: Option<bool>,
    /// Why the answer isn't true.
    pub(super) reason: Option<String>,
    attestation: Attestation,
    #[serde(flatten)]
    shown: Shown,
}

/// What the contract was asked, and said.
pub(super) struct Asked {
    /// The contract.
    pub(super) to: Address,
    /// What it answers; `None` where it can't be asked.
    pub(super) answer: Option<bool>,
    /// Why the answer isn't true.
    pub(super) reason: Option<String>,
}

impl Proven {
    pub(super) fn new(
        chain: &Chain,
        attested: &AttestationTx,
        status: Status,
        question: &Question,
        shown: Shown,
        asked: Asked,
    ) -> Self {
        let Asked { to, answer, reason } = asked;
        let (chain_id, settlement) = chain.network();
        Self {
            epoch: attested.epoch,
            chain_id,
            settlement,
            to,
            signature: question.signature(),
            args: question.arguments(),
            calldata: hex(&question.calldata()),
            answer,
            reason,
            attestation: Attestation {
                status: crate::evidence::status_name(status),
                tx: attested.tx,
                block: attested.block,
                digest: attested.roots.digest(),
                roots: attested.roots,
            },
            shown,
        }
    }
}

/// What it is proven against.
#[derive(Debug, Serialize)]
struct Attestation {
    status: &'static str,
    tx: B256,
    block: u64,
    digest: B256,
    roots: Roots,
}

/// What is proven, decoded. Amounts are decimal strings of token units.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Shown {
    Receipt(Box<Receipt>),
    Node { node: Node },
}

#[derive(Debug, Serialize)]
pub(super) struct Receipt {
    ticket: Ticket,
    receipt: Signed,
    charge: Charge,
}

#[derive(Debug, Serialize)]
struct Ticket {
    id: TicketId,
    epoch: Epoch,
    issuer: u32,
    index: u32,
    node: NodeId,
    client: ClientKey,
    collection: CollectionId,
    payer: Address,
    viewer_token: B256,
    bytes_max: u64,
    issued_at_ms: UnixMillis,
    expires_at_ms: UnixMillis,
    encoding: FixedBytes<TICKET_BYTES>,
}

#[derive(Debug, Serialize)]
struct Signed {
    ticket_digest: B256,
    sequence: u32,
    bytes: u64,
    deliveries: u32,
    within: u32,
    signed_at_ms: UnixMillis,
    signature: Signature,
    /// The record: ticket id, receipt, signature.
    encoding: FixedBytes<RECORD_BYTES>,
}

#[derive(Debug, Serialize)]
struct Charge {
    payer: u32,
    node: u32,
    segment_root: B256,
    records: u32,
    bytes: u64,
    deliveries: u32,
    within: u32,
    amount: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Node {
    index: u32,
    id: NodeId,
    bytes: u64,
    deliveries: u32,
    within: u32,
    probes: u32,
    probes_ok: u32,
    sla_ppm: u32,
    reward: String,
    cumulative: String,
}

impl Shown {
    pub(super) fn receipt(proof: &ReceiptProof) -> Self {
        let (ticket, record) = (&proof.ticket.leaf, &proof.record.leaf);
        let (charge, receipt) = (&proof.charge.leaf, &record.receipt);
        Self::Receipt(Box::new(Receipt {
            ticket: Ticket {
                id: ticket.id,
                epoch: ticket.id.epoch,
                issuer: ticket.id.issuer,
                index: ticket.id.index,
                node: ticket.node,
                client: ticket.client,
                collection: ticket.collection,
                payer: ticket.payer,
                viewer_token: ticket.viewer_token,
                bytes_max: ticket.bytes_max,
                issued_at_ms: ticket.issued_at,
                expires_at_ms: ticket.expires_at,
                encoding: ticket.to_bytes().into(),
            },
            receipt: Signed {
                ticket_digest: receipt.ticket,
                sequence: receipt.sequence,
                bytes: receipt.bytes,
                deliveries: receipt.deliveries,
                within: receipt.within,
                signed_at_ms: receipt.signed_at,
                signature: record.signature,
                encoding: record.to_bytes().into(),
            },
            charge: Charge {
                payer: charge.payer,
                node: charge.node,
                segment_root: charge.segment_root,
                records: proof.record.count,
                bytes: charge.mass.bytes(),
                deliveries: charge.mass.deliveries(),
                within: charge.mass.within(),
                amount: charge.amount.to_string(),
            },
        }))
    }

    pub(super) fn node(proof: &NodeProof) -> Self {
        let leaf = &proof.node.leaf;
        Self::Node {
            node: Node {
                index: leaf.index,
                id: leaf.node,
                bytes: leaf.mass.bytes(),
                deliveries: leaf.mass.deliveries(),
                within: leaf.mass.within(),
                probes: leaf.probes,
                probes_ok: leaf.probes_ok,
                sla_ppm: leaf.sla_ppm,
                reward: leaf.reward.to_string(),
                cumulative: leaf.cumulative.to_string(),
            },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}
