//! An honest epoch, and who is there to lie about it.

use anyhow::{Context, Result};
use protocol::{Address, Receipt, Record, SigningKey, Ticket, TicketId};
use verifier::{EpochFacts, Evidence};

/// An epoch that is due, with what is honest of it.
///
/// It has three nodes and two payers who are all charged for each other: six charges. The second payer's deposit is
/// less than what was delivered for it.
#[derive(Debug)]
pub struct Scene {
    /// What it is judged by.
    pub facts: EpochFacts,
    /// What is honest.
    pub evidence: Evidence,
    /// Who is needed for lies.
    pub cast: Cast,
}

/// Whom and what lies need.
#[derive(Debug)]
pub struct Cast {
    /// Has a ticket for the first node.
    pub colluder: Colluder,
    /// Has one for the second node that nobody redeemed.
    pub unused: Colluder,
    /// Has one that its issuer may not have signed.
    pub malformed: Colluder,
    /// Has one whose payer registered after the epoch.
    pub unknown_payer: Colluder,
    /// Signed a receipt that a node forced, and would sign an older one.
    pub forced_newer: Colluder,
    /// Ticket of a forced record that isn't its charge's only one.
    pub forced: TicketId,
    /// Ticket of a forced record that is all of its charge.
    pub forced_alone: TicketId,
    /// An issuer that committed nothing.
    pub silent_issuer: u32,
    /// The payer that registered after the epoch.
    pub late: Address,
}

/// A client in league with a liar: it signs what it is asked to.
#[derive(Debug)]
pub struct Colluder {
    /// Its ticket, as it is in the issuer's log.
    pub ticket: Ticket,
    /// Its key.
    pub key: SigningKey,
}

impl Colluder {
    /// A receipt that would count: for one byte in one delivery, its first.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            ticket: self.ticket.digest(),
            sequence: 1,
            bytes: 1,
            deliveries: 1,
            within: 1,
            signed_at: self.ticket.issued_at + 1,
        }
    }

    /// A record of whatever it is given.
    pub fn record(&self, receipt: Receipt) -> Record {
        Record {
            id: self.ticket.id,
            receipt,
            signature: receipt.sign(&self.key).signature,
        }
    }
}

impl Scene {
    /// The ticket of an id, by the committed logs.
    ///
    /// # Errors
    /// If no log has it.
    pub fn ticket(&self, id: TicketId) -> Result<Ticket> {
        let mut logs = self.evidence.logs.iter();
        let log = logs.find(|log| log.issuer() == id.issuer);
        log.and_then(|log| log.ticket(id.index))
            .with_context(|| format!("no committed log has ticket {id:?}"))
    }

    /// Payer and node that a ticket is charged to and earned by, by their indexes. A payer that isn't in the epoch
    /// has the index after the last.
    ///
    /// # Errors
    /// If its node isn't registered.
    pub fn place(&self, ticket: &Ticket) -> Result<(u32, u32)> {
        let mut payers = self.facts.payers.iter();
        let payer = payers.position(|payer| payer.account == ticket.payer);
        let node = self
            .facts
            .nodes
            .iter()
            .position(|node| *node == ticket.node);
        let node = node.context("the ticket's node isn't registered")?;
        let payer = payer.unwrap_or(self.facts.payers.len());
        Ok((u32::try_from(payer)?, u32::try_from(node)?))
    }
}
