//! One epoch's ticket log on disk: appended to in groups, each durable before anything in it leaves.
//!
//! ```text
//!    0  "QTLG" ‖ version = 2 (u16) ‖ 0 (u16) ‖ network (28) ‖ epoch (u64) ‖ issuer (u32) ‖ check (8)   one sector
//!  512  acknowledged (u32) ‖ check (8)                                                   the mark, one sector
//! 1024  entries of 228 bytes                                     entry i holds the ticket of index i
//!
//!       ticket (216) ‖ acknowledged (u32) ‖ check (8)
//!                      |
//!                      how many tickets had left, at least, when this one was written
//!
//! check    first 8 bytes of keccak-256 over what stands before it in the head or entry; of the mark, over the head's
//!          facts and its own
//! ```
//!
//! A group is written behind the last one and synced once; only then its tickets leave. So of two things that look
//! alike, an entry that a power cut tore and one that has rotted, one may be forgotten and one may not, for its index
//! could be given out a second time. The log itself tells which: every later entry, and the mark, say how many tickets
//! had left. The mark is written when nothing more is waiting, without a sync of its own: it is a lower bound.
//!
//! - An entry that doesn't check, below what anything that checks says had left, is damage. Nothing is changed, and the
//!   error names file and entry.
//! - From the first other one that doesn't check, all is cut off: no ticket of it had left.
//! - What is there beyond what is known to have left is written once more when the log is opened, for a sync that
//!   failed may have lost it though it can still be read.
//!
//! The file is made beside and renamed. One of version 1, without mark ([`first`]), is written anew when it is opened to
//! take tickets; one that is closed is read as it is.

mod closed;
mod first;
#[cfg(test)]
pub(crate) mod fixture;
mod form;
mod open;

pub(crate) use crate::rules::closed_logs::Seal;
pub(crate) use closed::{ClosedLog, read_one};
pub(crate) use open::OpenLog;

use disk::DiskError;
use protocol::{Epoch, LOG_HEADER_BYTES, MassOverflow, Network, TicketLog, TicketLogError};
use std::path::{Path, PathBuf};

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) network: Network,
    pub(crate) epoch: Epoch,
    pub(crate) issuer: u32,
}

/// Why a ticket log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// Bytes that no crash leaves behind.
    #[error(
        "the ticket log {} is damaged at entry {entry}: keep the file, restore it from a copy (or copy it off a disk that still reads it), and start again; a log that lacks tickets would give their numbers out twice",
        path.display()
    )]
    Damaged {
        /// The file that was to be read.
        path: PathBuf,
        /// The first entry that doesn't check.
        entry: u64,
    },
    /// A log of another network, issuer or epoch, or no log at all.
    #[error(
        "{} is not the ticket log of epoch {epoch} of issuer {issuer} in this network: each network and issuer needs a data directory of its own",
        path.display()
    )]
    Foreign {
        /// The file that was to be read.
        path: PathBuf,
        /// The epoch it should be of.
        epoch: Epoch,
        /// The issuer it should be of.
        issuer: u32,
    },
    /// A closed log that isn't as long as it was when it was closed.
    #[error(
        "the closed ticket log {} has {found} bytes in place of {expected}: restore it from a copy",
        path.display()
    )]
    Length {
        /// The file that was to be read.
        path: PathBuf,
        /// Bytes, by what was written when it was closed.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A seal that isn't one.
    #[error("{} is damaged: remove it if its log is whole; it is then made again ({source})", path.display())]
    Seal {
        /// The file that was to be read.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The sums don't fit.
    #[error(transparent)]
    Mass(#[from] MassOverflow),
    /// The tickets don't make a log.
    #[error(transparent)]
    Log(#[from] TicketLogError),
    /// An earlier write failed and could not be undone.
    #[error(
        "the ticket log {} could not be written; see to the disk: it is opened again as soon as it can be",
        path.display()
    )]
    Broken {
        /// The file that was to be read.
        path: PathBuf,
    },
}

impl Head {
    /// The header of the public file (SPEC section 7) for so many tickets.
    pub(crate) fn public_header(&self, count: u32) -> Vec<u8> {
        let mut bytes = TicketLog::new(self.network, self.epoch, self.issuer, Vec::new())
            .expect("no ticket is at a wrong place")
            .to_bytes();
        // The count is the header's last field.
        bytes[LOG_HEADER_BYTES - 4..].copy_from_slice(&count.to_be_bytes());
        bytes
    }

    fn foreign(&self, path: &Path) -> LogError {
        LogError::Foreign {
            path: path.to_owned(),
            epoch: self.epoch,
            issuer: self.issuer,
        }
    }
}

#[cfg(test)]
#[path = "ticket_log_tests.rs"]
mod tests;
