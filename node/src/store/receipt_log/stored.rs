//! What is kept of a ticket.

use protocol::{RECORD_BYTES, Record, SignedTicket, TICKET_BYTES};

/// What is kept of a ticket: the issuer's grant, the client's receipt. Each is evidence.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) ticket: SignedTicket,
    pub(crate) record: Record,
}

impl Stored {
    /// `ticket ‖ issuer's signature ‖ record`.
    pub(super) const BYTES: usize = TICKET_BYTES + 64 + RECORD_BYTES;

    pub(super) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..TICKET_BYTES].copy_from_slice(self.ticket.ticket.as_slice());
        out[TICKET_BYTES..TICKET_BYTES + 64].copy_from_slice(self.ticket.signature.as_slice());
        out[TICKET_BYTES + 64..].copy_from_slice(&self.record.to_bytes());
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let ticket = SignedTicket {
            ticket: bytes[..TICKET_BYTES].try_into().ok()?,
            signature: bytes[TICKET_BYTES..TICKET_BYTES + 64].try_into().ok()?,
        };
        let record = Record::from_bytes(bytes[TICKET_BYTES + 64..].try_into().ok()?);
        Some(Self { ticket, record })
    }
}
