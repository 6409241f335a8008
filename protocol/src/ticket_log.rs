//! Ticket logs: every ticket of one issuer in one epoch, as a file. SPEC section 7.

use crate::layout::{LayoutError, Put, RECORDS_MAX, Reader};
use crate::mass::{DeliveryMass, MassOverflow};
use crate::merkle::{Root, TreeTop};
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

/// What a ticket log's file says before its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// The issuer's index.
    pub issuer: u32,
    /// Tickets that follow; the rest of the file has [`TICKET_BYTES`] for each.
    pub count: u32,
}

impl LogHeader {
    /// # Errors
    /// If it is none, or the count is above the limit.
    pub fn from_bytes(bytes: &[u8; LOG_HEADER_BYTES]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        let (network, epoch, issuer) = read_header(&mut reader)?;
        let count = reader.count(RECORDS_MAX)?;
        Ok(Self {
            network,
            epoch,
            issuer,
            count,
        })
    }
}

/// All of the header but the count.
fn read_header(reader: &mut Reader<'_>) -> Result<(Network, Epoch, u32), LayoutError> {
    reader.header(MAGIC)?;
    reader.reserved()?;
    Ok((reader.network()?, reader.u64()?, reader.u32()?))
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
        let (network, epoch, issuer) = read_header(&mut reader)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETWORK: Network = Network {
        chain_id: 1,
        settlement: crate::Address::ZERO,
    };

    fn ticket(index: u32) -> Ticket {
        let mut ticket = Ticket::from_bytes(&[0; TICKET_BYTES]);
        ticket.id = TicketId {
            epoch: 3,
            issuer: 2,
            index,
        };
        ticket.bytes_max = 10;
        ticket
    }

    #[test]
    fn each_ticket_stands_at_its_index() {
        let log = |tickets| TicketLog::new(NETWORK, 3, 2, tickets);
        let good = log(vec![ticket(0), ticket(1)]).unwrap();
        assert_eq!(good.ticket(1), Some(ticket(1)));
        assert_eq!(good.ticket(2), None);
        let root = good.root().unwrap();
        assert_eq!((root.count, root.mass().bytes()), (2, 20));
        assert_eq!((root.mass().deliveries(), root.mass().within()), (2, 0));
        let mut other = ticket(1);
        other.id.issuer = 1;
        for wrong in [
            vec![ticket(1)],
            vec![ticket(0), ticket(0)],
            vec![ticket(0), other],
        ] {
            assert!(matches!(log(wrong), Err(TicketLogError::Place { .. })));
        }
        assert!(TicketLog::new(NETWORK, 4, 2, vec![ticket(0)]).is_err());
    }

    #[test]
    fn a_sum_of_limits_that_is_no_mass_has_no_root() {
        let mut tickets = vec![ticket(0), ticket(1)];
        tickets[0].bytes_max = DeliveryMass::BYTES_END - 1;
        let log = TicketLog::new(NETWORK, 3, 2, tickets).unwrap();
        assert!(log.root().is_err());
    }

    #[test]
    fn the_length_is_exactly_what_the_count_says() {
        let bytes = TicketLog::new(NETWORK, 3, 2, vec![ticket(0), ticket(1)])
            .unwrap()
            .to_bytes();
        assert!(TicketLog::from_bytes(&bytes).is_ok());
        for cut in 0..bytes.len() {
            assert!(TicketLog::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(TicketLog::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        for count in [0, 1, 3, RECORDS_MAX, u32::MAX] {
            let mut altered = bytes.clone();
            altered[48..52].copy_from_slice(&count.to_be_bytes());
            assert!(TicketLog::from_bytes(&altered).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
            let _ = TicketLog::from_bytes(&tail);
            let bytes = [b"QLOG\x00\x01\x00\x00", &tail[..]].concat();
            let _ = TicketLog::from_bytes(&bytes);
        }

        #[test]
        fn what_is_written_is_read_the_same(network: [u8; 28], epoch: u64, issuer: u32,
                                            fill in prop::collection::vec(any::<u8>(), 0..6)) {
            let tickets = (0u32..).zip(&fill).map(|(index, fill)| {
                let mut ticket = Ticket::from_bytes(&[*fill; TICKET_BYTES]);
                ticket.id = TicketId { epoch, issuer, index };
                ticket
            });
            let network = Reader::new(&network).network().unwrap();
            let log = TicketLog::new(network, epoch, issuer, tickets.collect()).unwrap();
            prop_assert_eq!(TicketLog::from_bytes(&log.to_bytes()).unwrap(), log.clone());
            let _ = log.root();
        }
    }
}
