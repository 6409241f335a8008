//! Ticket logs: every ticket of one issuer in one epoch, as a file. SPEC section 7.

use crate::layout::{LayoutError, Put, Reader};
use crate::mass::{DeliveryMass, MassOverflow};
use crate::merkle::{Root, TreeTop};
use crate::segment::RECORDS_MAX;
use crate::ticket::{TICKET_BYTES, Ticket};
use crate::{Epoch, Network, TicketId};

/// Length of a log's header.
pub const LOG_HEADER_BYTES: usize = 52;

const MAGIC: &str = "QLOG";

/// Bytes that are not a ticket log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketLogError {
    /// The layout is wrong.
    #[error("not a ticket log: {0}")]
    Layout(#[from] LayoutError),
    /// A ticket says that its place is another one.
    #[error("entry {index} of the log holds ticket {id:?}")]
    Place {
        /// Where it stands.
        index: u32,
        /// Where it says it stands.
        id: TicketId,
    },
}

/// The tickets of one issuer and epoch, each at its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketLog {
    network: Network,
    epoch: Epoch,
    issuer: u32,
    tickets: Vec<Ticket>,
}

impl TicketLog {
    /// # Errors
    /// If a ticket is not at its place, or there are too many.
    pub fn new(
        network: Network,
        epoch: Epoch,
        issuer: u32,
        tickets: Vec<Ticket>,
    ) -> Result<Self, TicketLogError> {
        if tickets.len() > RECORDS_MAX as usize {
            let count = tickets.len() as u64;
            return Err(LayoutError::Count {
                count,
                limit: RECORDS_MAX.into(),
            }
            .into());
        }
        for (index, ticket) in (0u32..).zip(&tickets) {
            if ticket.id
                != (TicketId {
                    epoch,
                    issuer,
                    index,
                })
            {
                return Err(TicketLogError::Place {
                    index,
                    id: ticket.id,
                });
            }
        }
        Ok(Self {
            network,
            epoch,
            issuer,
            tickets,
        })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LOG_HEADER_BYTES + self.tickets.len() * TICKET_BYTES);
        out.put_header(MAGIC);
        out.extend_from_slice(&[0; 2]);
        out.put_network(&self.network);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.issuer.to_be_bytes());
        out.extend_from_slice(&(self.tickets.len() as u32).to_be_bytes());
        for ticket in &self.tickets {
            out.extend_from_slice(&ticket.to_bytes());
        }
        out
    }

    /// # Errors
    /// If layout, length or the places are wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TicketLogError> {
        let mut reader = Reader::new(bytes);
        reader.header(MAGIC)?;
        reader.reserved()?;
        let network = reader.network()?;
        let epoch = reader.u64()?;
        let issuer = reader.u32()?;
        let count = reader.exact_count(TICKET_BYTES, RECORDS_MAX)?;
        let tickets = (0..count)
            .map(|_| Ticket::read(&mut reader))
            .collect::<Result<_, LayoutError>>()?;
        Self::new(network, epoch, issuer, tickets)
    }

    /// The network.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The issuer's index.
    pub fn issuer(&self) -> u32 {
        self.issuer
    }

    /// All tickets, in order.
    pub fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }

    /// The ticket at an index.
    pub fn ticket(&self, index: u32) -> Option<Ticket> {
        self.tickets.get(index as usize).copied()
    }

    /// The root to commit: mass is (sum of max bytes, tickets, 0).
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn root(&self) -> Result<Root<DeliveryMass>, MassOverflow> {
        let mut top = TreeTop::default();
        for ticket in &self.tickets {
            top.push(ticket.leaf()?)?;
        }
        top.finish()
    }
}
