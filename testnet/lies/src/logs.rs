//! Issuers that break their word: logs that aren't what they signed, or aren't logs.

use anyhow::{Result, ensure};
use contracts::B256;
use contracts::challenge::Kind;
use protocol::{Epoch, LOG_HEADER_BYTES, Network, Ticket, TicketLog, TreeTop};

/// What an issuer can do, in an order in which each can be shown by its own challenge after those before it.
pub const ISSUER_LIES: [Kind; 8] = [
    // A log that was struck is missing.
    Kind::LogMissing,
    Kind::TicketMalformedByIssuer,
    // These are struck when they are shown; until then tickets are beyond what they say, or contradict it.
    Kind::LogWrongSum,
    Kind::LogWrongShape,
    Kind::LogWrongCount,
    Kind::LogOutOfPlace,
    Kind::LogTooShort,
    Kind::LogContradicts,
];

/// What is done by who tells a lie that isn't a verifier's, in a line.
pub fn says(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::LogMissing => "signs tickets and commits no log",
        Kind::LogTooShort => "leaves its last ticket out of its log",
        Kind::LogContradicts => "commits another limit than it signed",
        Kind::TicketMalformedByIssuer => "signs a ticket for more than its collection holds",
        Kind::LogWrongSum => "commits a log with a higher sum than its tickets have",
        Kind::LogWrongShape => "commits a whole tree as if it were one ticket",
        Kind::LogWrongCount => "commits a ticket where there is none",
        Kind::LogOutOfPlace => "commits two tickets in each other's places",
        Kind::ForcedInvalid => "puts a receipt on chain that no client signed",
        _ => return None,
    })
}

/// A log as its issuer commits and publishes it.
#[derive(Debug)]
pub struct FalseLog {
    /// Top of the tree, as committed.
    pub top: B256,
    /// Number of tickets, as committed.
    pub count: u32,
    /// Sum of their limits, as committed.
    pub bytes: u64,
    /// The file.
    pub file: Vec<u8>,
}

impl FalseLog {
    /// What an issuer commits that signed these tickets: nothing, or what is false in that way, or without a kind what
    /// is true. What it lies about is its last ticket.
    ///
    /// # Errors
    /// If there are too few tickets, or these aren't an issuer's.
    pub fn of(
        kind: Option<Kind>,
        (network, epoch, issuer): (Network, Epoch, u32),
        mut tickets: Vec<Ticket>,
    ) -> Result<Option<Self>> {
        ensure!(
            kind.is_none() || tickets.len() > 2,
            "a lie takes three tickets"
        );
        match kind {
            Some(Kind::LogMissing) => return Ok(None),
            Some(Kind::LogTooShort) => drop(tickets.pop()),
            Some(Kind::LogContradicts) => {
                let last = tickets.last_mut();
                last.into_iter().for_each(|ticket| ticket.bytes_max -= 1);
            }
            Some(Kind::LogWrongCount) => tickets.clear(),
            _ => {}
        }
        let log = TicketLog::new(network, epoch, issuer, tickets.clone())?;
        let mut root = log.root()?;
        let mut file = log.to_bytes();
        let mut bytes = root.mass().bytes();
        match kind {
            Some(Kind::LogWrongSum) => bytes += 1,
            // A whole tree passed off for one leaf, and nothing at all for one.
            Some(Kind::LogWrongShape | Kind::LogWrongCount) => root.count = 1,
            Some(Kind::LogOutOfPlace) => {
                let last = tickets.len() - 1;
                tickets.swap(last - 1, last);
                let mut top = TreeTop::default();
                for ticket in &tickets {
                    top.push(ticket.leaf()?)?;
                }
                root = top.finish()?;
                file.truncate(LOG_HEADER_BYTES);
                file.extend(tickets.iter().flat_map(Ticket::to_bytes));
            }
            _ => {}
        }
        Ok(Some(Self {
            top: root.top.hash,
            count: u32::try_from(root.count)?,
            bytes,
            file,
        }))
    }
}
