//! Receipts and records: what a client signed, and what a node keeps of it. SPEC section 5.

use crate::layout::{LayoutError, Reader};
use crate::mass::{DeliveryMass, MassOverflow};
use crate::merkle::{Element, leaf_hash};
use crate::payers::Payers;
use crate::signature::{Signature, Tag, sign, verify};
use crate::ticket::{Ticket, VerifiedTicket};
use crate::ticket_log::TicketLog;
use crate::{B256, Epoch, Network, NodeId, SigningKey, TicketId, Timeline, UnixMillis, keccak256};
use alloy_primitives::FixedBytes;
use serde::{Deserialize, Serialize};

/// Length of a receipt.
pub const RECEIPT_BYTES: usize = 60;
/// Length of a record.
pub const RECORD_BYTES: usize = 140;

/// Everything a ticket got so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// `H(ticket)`.
    pub ticket: B256,
    /// 1, 2, 3, …
    pub sequence: u32,
    /// Content bytes the client verified.
    pub bytes: u64,
    /// Requests that ended.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within: u32,
    /// When the client signed.
    pub signed_at: UnixMillis,
}

/// Why a receipt or record does not count. The one table of these codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u16)]
pub enum Rejection {
    /// No such entry in the log.
    #[error("unknown_ticket: no log of this epoch has that ticket")]
    UnknownTicket = 1,
    /// The receipt is for another ticket than the one at that place.
    #[error("wrong_ticket: the receipt is for another ticket")]
    WrongTicket = 2,
    /// A ticket of another chain or contract.
    #[error("wrong_network: the ticket is of another network")]
    WrongNetwork = 3,
    /// A ticket for another node.
    #[error("wrong_node: the ticket is for another node")]
    WrongNode = 4,
    /// More bytes than the ticket grants.
    #[error("over_limit: more bytes than the ticket grants")]
    OverLimit = 5,
    /// More deliveries within the service level than deliveries.
    #[error("over_deliveries: more deliveries within the service level than deliveries")]
    OverDeliveries = 6,
    /// Signed before the ticket was issued or after it expired.
    #[error("outside_time: signed outside the ticket's time")]
    OutsideTime = 7,
    /// Sequence 0.
    #[error("zero_sequence: sequences begin at 1")]
    ZeroSequence = 8,
    /// Not signed by the ticket's client.
    #[error("bad_signature: not signed by the ticket's client")]
    BadSignature = 9,
    /// Not newer, or less of something, than the one before.
    #[error("not_monotonic: not newer than, or states less than, the receipt before")]
    NotMonotonic = 10,
    /// The committed ticket's times or limit are impossible.
    #[error("malformed_ticket: the ticket's times or limit are not those of its epoch")]
    MalformedTicket = 11,
    /// Nobody the vault knows.
    #[error("unknown_payer: the ticket's payer was not registered before the epoch's end")]
    UnknownPayer = 12,
    /// The sum of the records before it leaves no room in a lane.
    #[error("sum_overflow: the node's sum has no room for it")]
    SumOverflow = 13,
}

impl Rejection {
    /// All of them, in the order of their codes.
    pub const ALL: [Rejection; 13] = [
        Self::UnknownTicket,
        Self::WrongTicket,
        Self::WrongNetwork,
        Self::WrongNode,
        Self::OverLimit,
        Self::OverDeliveries,
        Self::OutsideTime,
        Self::ZeroSequence,
        Self::BadSignature,
        Self::NotMonotonic,
        Self::MalformedTicket,
        Self::UnknownPayer,
        Self::SumOverflow,
    ];

    /// The code of SPEC section 5.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The name of SPEC section 5.
    pub fn name(self) -> String {
        let text = self.to_string();
        text.split(':').next().unwrap_or_default().to_owned()
    }
}

impl Receipt {
    /// The fixed layout.
    pub fn to_bytes(&self) -> [u8; RECEIPT_BYTES] {
        let mut out = [0; RECEIPT_BYTES];
        out[..32].copy_from_slice(self.ticket.as_slice());
        out[32..36].copy_from_slice(&self.sequence.to_be_bytes());
        out[36..44].copy_from_slice(&self.bytes.to_be_bytes());
        out[44..48].copy_from_slice(&self.deliveries.to_be_bytes());
        out[48..52].copy_from_slice(&self.within.to_be_bytes());
        out[52..].copy_from_slice(&self.signed_at.to_be_bytes());
        out
    }

    /// Every 60 bytes are a receipt, if not a valid one.
    pub fn from_bytes(bytes: &[u8; RECEIPT_BYTES]) -> Self {
        Self::read(&mut Reader::new(bytes)).expect("RECEIPT_BYTES hold every field")
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            ticket: reader.b256()?,
            sequence: reader.u32()?,
            bytes: reader.u64()?,
            deliveries: reader.u32()?,
            within: reader.u32()?,
            signed_at: reader.u64()?,
        })
    }

    /// `H(receipt)`.
    pub fn digest(&self) -> B256 {
        keccak256(self.to_bytes())
    }

    /// Whether it is newer than `before` and states no less of anything. SPEC section 5.
    pub fn follows(&self, before: &Receipt) -> bool {
        self.sequence > before.sequence
            && self.bytes >= before.bytes
            && self.deliveries >= before.deliveries
            && self.within >= before.within
    }

    /// Signs it with the client's session key.
    pub fn sign(self, client: &SigningKey) -> UnverifiedReceipt {
        UnverifiedReceipt {
            receipt: FixedBytes(self.to_bytes()),
            signature: sign(client, Tag::Receipt, &self.digest()),
        }
    }

    /// The checks of SPEC section 5 from `over_limit` on: what ticket and receipt tell by themselves.
    fn check(
        &self,
        ticket: &Ticket,
        digest: &B256,
        signature: &Signature,
    ) -> Result<(), Rejection> {
        if self.bytes > ticket.bytes_max {
            return Err(Rejection::OverLimit);
        }
        if self.within > self.deliveries {
            return Err(Rejection::OverDeliveries);
        }
        if !(ticket.issued_at..=ticket.expires_at).contains(&self.signed_at) {
            return Err(Rejection::OutsideTime);
        }
        if self.sequence == 0 {
            return Err(Rejection::ZeroSequence);
        }
        verify(ticket.client.as_bytes(), Tag::Receipt, digest, signature)
            .map_err(|_| Rejection::BadSignature)
    }
}

/// A receipt as it travels: nobody has checked it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnverifiedReceipt {
    /// The receipt's 60 bytes.
    pub receipt: FixedBytes<RECEIPT_BYTES>,
    /// The client's signature.
    pub signature: Signature,
}

impl UnverifiedReceipt {
    /// What it says, unchecked.
    pub fn peek(&self) -> Receipt {
        Receipt::from_bytes(&self.receipt.0)
    }

    /// Checks it against its ticket.
    ///
    /// # Errors
    /// The first check of SPEC section 5 that fails.
    pub fn verify(self, ticket: &VerifiedTicket) -> Result<VerifiedReceipt, Rejection> {
        let receipt = self.peek();
        if receipt.ticket != ticket.digest() {
            return Err(Rejection::WrongTicket);
        }
        receipt.check(ticket.ticket(), &receipt.digest(), &self.signature)?;
        Ok(VerifiedReceipt {
            id: ticket.ticket().id,
            receipt,
            signature: self.signature,
        })
    }
}

/// A receipt that its ticket's client did sign, within the ticket. Only [`UnverifiedReceipt::verify`]
/// makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedReceipt {
    id: TicketId,
    receipt: Receipt,
    signature: Signature,
}

impl VerifiedReceipt {
    /// What it says.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The record to keep of it.
    pub fn record(&self) -> Record {
        Record {
            id: self.id,
            receipt: self.receipt,
            signature: self.signature,
        }
    }

    /// Checks that it may replace `before`.
    ///
    /// # Errors
    /// [`Rejection::NotMonotonic`], or [`Rejection::WrongTicket`] if `before` is of another ticket.
    pub fn check_follows(&self, before: &Receipt) -> Result<(), Rejection> {
        if self.receipt.ticket != before.ticket {
            return Err(Rejection::WrongTicket);
        }
        if self.receipt.follows(before) {
            Ok(())
        } else {
            Err(Rejection::NotMonotonic)
        }
    }
}

/// A receipt with its place in the log and its signature, unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Which ticket.
    pub id: TicketId,
    /// The receipt.
    pub receipt: Receipt,
    /// The client's signature over it.
    pub signature: Signature,
}

/// What a record is checked against.
#[derive(Debug, Clone, Copy)]
pub struct RecordContext<'a> {
    /// This network.
    pub network: Network,
    /// This epoch.
    pub epoch: Epoch,
    /// The node whose segment it is.
    pub node: NodeId,
    /// When the network's epochs are.
    pub timeline: &'a Timeline,
    /// The committed logs of the epoch.
    pub logs: &'a [TicketLog],
    /// The payers registered before the epoch's end.
    pub payers: &'a Payers,
}

/// Where a record is to count.
#[derive(Debug, Clone, Copy)]
pub struct RecordPlace<'a> {
    /// This network.
    pub network: Network,
    /// This epoch.
    pub epoch: Epoch,
    /// The node whose segment it is.
    pub node: NodeId,
    /// When the network's epochs are.
    pub timeline: &'a Timeline,
    /// The payers registered before the epoch's end.
    pub payers: &'a Payers,
}

impl<'a> RecordContext<'a> {
    fn place(&self) -> RecordPlace<'a> {
        RecordPlace {
            network: self.network,
            epoch: self.epoch,
            node: self.node,
            timeline: self.timeline,
            payers: self.payers,
        }
    }
}

impl Record {
    /// The fixed layout.
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut out = [0; RECORD_BYTES];
        out[..16].copy_from_slice(&self.id.to_bytes());
        out[16..76].copy_from_slice(&self.receipt.to_bytes());
        out[76..].copy_from_slice(self.signature.as_slice());
        out
    }

    /// Every 140 bytes are a record, if not a valid one.
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let mut reader = Reader::new(bytes);
        let mut read = || {
            Ok::<_, LayoutError>(Self {
                id: TicketId::from_bytes(reader.array()?),
                receipt: Receipt::read(&mut reader)?,
                signature: FixedBytes(reader.array()?),
            })
        };
        read().expect("RECORD_BYTES hold every field")
    }

    /// The mass it states.
    ///
    /// # Errors
    /// If its bytes are 2^56 or more.
    pub fn mass(&self) -> Result<DeliveryMass, MassOverflow> {
        DeliveryMass::new(
            self.receipt.bytes,
            self.receipt.deliveries,
            self.receipt.within,
        )
    }

    /// Its leaf in the segment's tree.
    ///
    /// # Errors
    /// If its bytes are 2^56 or more.
    pub fn leaf(&self) -> Result<Element<DeliveryMass>, MassOverflow> {
        Ok(Element {
            hash: leaf_hash(&self.to_bytes()),
            mass: self.mass()?,
        })
    }

    /// Checks the record in full.
    ///
    /// # Errors
    /// The first check of SPEC section 5 that fails.
    pub fn verify(self, context: &RecordContext<'_>) -> Result<VerifiedRecord, Rejection> {
        let ticket = context
            .logs
            .iter()
            .find(|log| log.issuer() == self.id.issuer && log.epoch() == self.id.epoch)
            .filter(|_| self.id.epoch == context.epoch)
            .and_then(|log| log.ticket(self.id.index))
            .ok_or(Rejection::UnknownTicket)?;
        self.verify_with(&ticket, &context.place())
    }

    /// As [`Self::verify`], by the ticket that a committed log of the epoch has at the record's place.
    ///
    /// # Errors
    /// The first check of SPEC section 5 that fails.
    pub fn verify_with(
        self,
        ticket: &Ticket,
        place: &RecordPlace<'_>,
    ) -> Result<VerifiedRecord, Rejection> {
        if self.id.epoch != place.epoch {
            return Err(Rejection::UnknownTicket);
        }
        // An issuer that lies may have the ticket of another place there.
        if ticket.digest() != self.receipt.ticket || ticket.id != self.id {
            return Err(Rejection::WrongTicket);
        }
        if ticket.network != place.network {
            return Err(Rejection::WrongNetwork);
        }
        if ticket.node != place.node {
            return Err(Rejection::WrongNode);
        }
        if ticket.check_form(place.timeline).is_err() {
            return Err(Rejection::MalformedTicket);
        }
        let payer = place.payers.index_of(&ticket.payer);
        let payer = payer.ok_or(Rejection::UnknownPayer)?;
        self.receipt
            .check(ticket, &self.receipt.digest(), &self.signature)?;
        Ok(VerifiedRecord {
            record: self,
            payer,
        })
    }
}

/// A record that counts. Only [`Record::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedRecord {
    record: Record,
    payer: u32,
}

impl VerifiedRecord {
    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Payer index of its ticket's payer.
    pub fn payer(&self) -> u32 {
        self.payer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_reason_stands_in_the_spec() {
        let spec = include_str!("../SPEC.md");
        for (code, rejection) in (1u16..).zip(Rejection::ALL) {
            assert_eq!(rejection.code(), code);
            let row = format!("| {code} | `{}` |", rejection.name());
            let prose = format!("`{}`, code {code}", rejection.name());
            assert!(spec.contains(&row) || spec.contains(&prose), "{rejection}");
        }
    }

    proptest! {
        #[test]
        fn every_60_bytes_are_a_receipt_and_every_140_a_record(
            a: [u8; 32], b: [u8; 32], c: [u8; 32], d: [u8; 32], e: [u8; 12], signed: [u8; 28],
        ) {
            let bytes: [u8; RECORD_BYTES] = [&a[..], &b, &c, &d, &e].concat().try_into().unwrap();
            let record = Record::from_bytes(&bytes);
            prop_assert_eq!(record.to_bytes(), bytes);
            let _ = record.leaf();
            let bytes: [u8; RECEIPT_BYTES] = [&a[..], &signed].concat().try_into().unwrap();
            prop_assert_eq!(Receipt::from_bytes(&bytes).to_bytes(), bytes);
        }
    }
}
