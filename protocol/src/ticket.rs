//! Tickets: an issuer's grant for one client to fetch one collection from one node. SPEC section 4.

use crate::layout::{LayoutError, Put, Reader};
use crate::mass::{DeliveryMass, MassOverflow};
use crate::merkle::{Element, leaf_hash};
use crate::signature::{Signature, Tag, sign, verify};
use crate::{
    Address, B256, ClientKey, CollectionId, IssuerKey, Network, NodeId, SigningKey, TicketId,
    Timeline, UnixMillis, keccak256,
};
use alloy_primitives::FixedBytes;
use serde::{Deserialize, Serialize};

/// Length of a ticket.
pub const TICKET_BYTES: usize = 216;

/// What a ticket says. Whether anybody granted it, [`SignedTicket::verify`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The network it counts in.
    pub network: Network,
    /// Its place in the issuer's log.
    pub id: TicketId,
    /// The node that may redeem it.
    pub node: NodeId,
    /// The client that may use it.
    pub client: ClientKey,
    /// What it is for.
    pub collection: CollectionId,
    /// Who pays.
    pub payer: Address,
    /// Hash of the viewer's token; zero where the content needs none.
    pub viewer_token: B256,
    /// Most content bytes that it pays for; at most what the collection holds.
    pub bytes_max: u64,
    /// When it was granted.
    pub issued_at: UnixMillis,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// Why a ticket is not to be honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketInvalid {
    /// Not signed by that issuer.
    #[error("the ticket is not signed by its issuer")]
    Signature,
    /// Issued outside its epoch, or expiring before it was issued or after the epoch's tail.
    #[error("the ticket's times don't fit its epoch")]
    Times,
    /// More bytes than its collection holds, by the collection's id.
    #[error("the ticket's byte limit is above what its collection holds")]
    Limit,
}

impl Ticket {
    /// The fixed layout.
    pub fn to_bytes(&self) -> [u8; TICKET_BYTES] {
        let mut out = Vec::with_capacity(TICKET_BYTES);
        out.put_network(&self.network);
        out.extend_from_slice(&self.id.to_bytes());
        out.extend_from_slice(self.node.as_bytes());
        out.extend_from_slice(self.client.as_bytes());
        out.extend_from_slice(self.collection.as_bytes());
        out.extend_from_slice(self.payer.as_slice());
        out.extend_from_slice(self.viewer_token.as_slice());
        out.extend_from_slice(&self.bytes_max.to_be_bytes());
        out.extend_from_slice(&self.issued_at.to_be_bytes());
        out.extend_from_slice(&self.expires_at.to_be_bytes());
        out.try_into().expect("the fields add up to TICKET_BYTES")
    }

    /// Every 216 bytes are a ticket, if not a well-formed one.
    pub fn from_bytes(bytes: &[u8; TICKET_BYTES]) -> Self {
        Self::read(&mut Reader::new(bytes)).expect("TICKET_BYTES hold every field")
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            network: reader.network()?,
            id: TicketId::from_bytes(reader.array()?),
            node: NodeId(reader.b256()?),
            client: ClientKey(reader.b256()?),
            collection: CollectionId(reader.b256()?),
            payer: Address::from(reader.array::<20>()?),
            viewer_token: reader.b256()?,
            bytes_max: reader.u64()?,
            issued_at: reader.u64()?,
            expires_at: reader.u64()?,
        })
    }

    /// `H(ticket)`.
    pub fn digest(&self) -> B256 {
        keccak256(self.to_bytes())
    }

    /// Its leaf in the ticket log.
    ///
    /// # Errors
    /// If the byte limit is no mass.
    pub fn leaf(&self) -> Result<Element<DeliveryMass>, MassOverflow> {
        Ok(Element {
            hash: leaf_hash(&self.to_bytes()),
            mass: DeliveryMass::new(self.bytes_max, 1, 0)?,
        })
    }

    /// Checks times and limit.
    ///
    /// # Errors
    /// [`TicketInvalid::Times`] or [`TicketInvalid::Limit`].
    pub fn check_form(&self, timeline: &Timeline) -> Result<(), TicketInvalid> {
        let start = timeline.start(self.id.epoch).saturating_mul(1000);
        let end = timeline.end(self.id.epoch).saturating_mul(1000);
        let issued_in_epoch = (start..end).contains(&self.issued_at);
        let expires = self.expires_at > self.issued_at
            && self.expires_at <= timeline.tickets_end_ms(self.id.epoch);
        if !issued_in_epoch || !expires {
            return Err(TicketInvalid::Times);
        }
        // So it is below 2^56, and a mass.
        if self.bytes_max > self.collection.bytes() {
            return Err(TicketInvalid::Limit);
        }
        Ok(())
    }

    /// Grants it.
    pub fn sign(self, issuer: &SigningKey) -> SignedTicket {
        SignedTicket {
            ticket: FixedBytes(self.to_bytes()),
            signature: sign(issuer, Tag::Ticket, &self.digest()),
        }
    }
}

/// A ticket as it travels: its bytes and a signature that nobody has checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTicket {
    /// The ticket's 216 bytes.
    pub ticket: FixedBytes<TICKET_BYTES>,
    /// The issuer's signature.
    pub signature: Signature,
}

impl SignedTicket {
    /// What it says, unchecked.
    pub fn peek(&self) -> Ticket {
        Ticket::from_bytes(&self.ticket.0)
    }

    /// Whether that issuer signed it, whatever it says.
    pub fn is_signed_by(&self, issuer: &IssuerKey) -> bool {
        let digest = self.peek().digest();
        verify(issuer.as_bytes(), Tag::Ticket, &digest, &self.signature).is_ok()
    }

    /// Checks signature, times and limit.
    ///
    /// # Errors
    /// The first that fails.
    pub fn verify(
        self,
        issuer: &IssuerKey,
        timeline: &Timeline,
    ) -> Result<VerifiedTicket, TicketInvalid> {
        let ticket = self.peek();
        ticket.check_form(timeline)?;
        let digest = ticket.digest();
        verify(issuer.as_bytes(), Tag::Ticket, &digest, &self.signature)
            .map_err(|_| TicketInvalid::Signature)?;
        Ok(VerifiedTicket {
            ticket,
            digest,
            signature: self.signature,
        })
    }
}

/// A ticket that its issuer did grant. Only [`SignedTicket::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedTicket {
    ticket: Ticket,
    digest: B256,
    signature: Signature,
}

impl VerifiedTicket {
    /// What it says.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// `H(ticket)`.
    pub fn digest(&self) -> B256 {
        self.digest
    }

    /// As it travelled.
    pub fn signed(&self) -> SignedTicket {
        SignedTicket {
            ticket: FixedBytes(self.ticket.to_bytes()),
            signature: self.signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Windows;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_216_bytes_are_a_ticket(parts: [[u8; 27]; 8], genesis: u64, epoch_length in 1u32.., ticket_tail: u32) {
            let bytes: [u8; TICKET_BYTES] = parts.concat().try_into().unwrap();
            let ticket = Ticket::from_bytes(&bytes);
            prop_assert_eq!(ticket.to_bytes(), bytes);
            let windows = Windows { epoch_length, ticket_tail, commit_window: 0, force_window: 0, challenge_window: 0 };
            let timeline = Timeline::fixed(genesis, windows);
            // Times near the end of time saturate.
            let _ = ticket.check_form(&timeline);
            let _ = ticket.leaf();
        }
    }
}
