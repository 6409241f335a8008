//! The bytes of a ticket log, of both versions.

use super::Head;
use protocol::{TICKET_BYTES, Ticket, TicketId, keccak256};

/// Bytes of a checksum.
pub(super) const CHECK_BYTES: usize = 8;
/// What a disk writes at once, at least.
pub(super) const SECTOR: usize = 512;
/// Bytes of what the head says, with its checksum.
pub(super) const FACTS_BYTES: usize = 8 + 28 + 8 + 4 + CHECK_BYTES;
/// Where the entries begin.
pub(super) const HEAD_BYTES: usize = 2 * SECTOR;
/// Bytes of a ticket, what had left before it, and its checksum.
pub(super) const ENTRY_BYTES: usize = TICKET_BYTES + 4 + CHECK_BYTES;
/// Bytes of a ticket and its checksum in version 1.
pub(super) const FIRST_ENTRY_BYTES: usize = TICKET_BYTES + CHECK_BYTES;

/// How a log begins, by its version.
const MAGICS: [&[u8; 8]; 2] = [b"QTLG\x00\x01\x00\x00", b"QTLG\x00\x02\x00\x00"];

/// How a log is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Head and entries without a gap, and no mark.
    First,
    /// As is written now.
    Marked,
}

impl Layout {
    /// By a file's beginning. What begins as no log does is for the first version's reader to refuse.
    pub(super) fn of(beginning: &[u8]) -> Self {
        match beginning.starts_with(MAGICS[1]) {
            true => Self::Marked,
            false => Self::First,
        }
    }

    /// Where the entries begin.
    pub(super) fn head_bytes(self) -> usize {
        match self {
            Self::First => FACTS_BYTES,
            Self::Marked => HEAD_BYTES,
        }
    }

    pub(super) fn entry_bytes(self) -> usize {
        match self {
            Self::First => FIRST_ENTRY_BYTES,
            Self::Marked => ENTRY_BYTES,
        }
    }

    /// Where an entry stands.
    pub(super) fn at(self, index: u64) -> u64 {
        self.head_bytes() as u64 + index * self.entry_bytes() as u64
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    *keccak256(bytes).0.first_chunk().expect("32 bytes")
}

impl Head {
    /// What the head says, with its checksum.
    pub(super) fn facts(&self, layout: Layout) -> Vec<u8> {
        let mut out = Vec::with_capacity(FACTS_BYTES);
        out.extend_from_slice(match layout {
            Layout::First => MAGICS[0],
            Layout::Marked => MAGICS[1],
        });
        out.extend_from_slice(&self.network.chain_id.to_be_bytes());
        out.extend_from_slice(self.network.settlement.as_slice());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.issuer.to_be_bytes());
        let check = check(&out);
        out.extend_from_slice(&check);
        out
    }

    /// The first sector.
    pub(super) fn sector(&self) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        sector[..FACTS_BYTES].copy_from_slice(&self.facts(Layout::Marked));
        sector
    }

    /// The second one.
    pub(super) fn mark(&self, acknowledged: u32) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        let mut facts = self.facts(Layout::Marked);
        facts.extend_from_slice(&acknowledged.to_be_bytes());
        sector[..4].copy_from_slice(&acknowledged.to_be_bytes());
        sector[4..4 + CHECK_BYTES].copy_from_slice(&check(&facts));
        sector
    }

    /// What a mark says; 0 if it doesn't check.
    pub(super) fn marked(&self, sector: &[u8; SECTOR]) -> u32 {
        let acknowledged = u32::from_be_bytes(*sector.first_chunk().expect("512 bytes"));
        match self.mark(acknowledged) == *sector {
            true => acknowledged,
            false => 0,
        }
    }

    /// The ticket of an entry, and how many had left before it (in version 1 nothing says that); `None` if the entry
    /// doesn't check or stands elsewhere.
    pub(super) fn entry(&self, layout: Layout, index: u64, entry: &[u8]) -> Option<(Ticket, u32)> {
        let (facts, found) = entry.split_last_chunk::<CHECK_BYTES>()?;
        if check(facts) != *found {
            return None;
        }
        let (ticket, rest) = facts.split_first_chunk::<TICKET_BYTES>()?;
        let acknowledged = match layout {
            Layout::First => 0,
            Layout::Marked => u32::from_be_bytes(*rest.first_chunk()?),
        };
        let ticket = Ticket::from_bytes(ticket);
        let place = TicketId {
            epoch: self.epoch,
            issuer: self.issuer,
            index: u32::try_from(index).ok()?,
        };
        let right = ticket.id == place && ticket.network == self.network;
        right.then_some((ticket, acknowledged))
    }
}

/// Puts an entry behind others.
pub(super) fn put(out: &mut Vec<u8>, ticket: &Ticket, acknowledged: u32) {
    let at = out.len();
    out.extend_from_slice(&ticket.to_bytes());
    out.extend_from_slice(&acknowledged.to_be_bytes());
    let check = check(&out[at..]);
    out.extend_from_slice(&check);
}
