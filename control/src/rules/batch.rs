//! Tickets for requests that came together, in their order: each sees what those before it got, and gets all of its
//! tickets or none.

use crate::rules::issuing::{Issuing, NotIssued, Numbered, Wanted, number};
use crate::rules::promises::PromiseError;
use crate::rules::tokens::{self, ByToken, ClosedUsage, UsageError};
use protocol::Ticket;

/// Why a request gets no tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTicket {
    #[error(transparent)]
    Not(#[from] NotIssued),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Promise(#[from] PromiseError),
}

/// What is issued so far.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    issuing: &'a Issuing<'a>,
    numbered: Numbered,
    usage: &'a mut ClosedUsage,
    /// Of epochs whose logs are open.
    open: Vec<&'a ByToken>,
    /// Of this batch.
    pending: ByToken,
    tickets: Vec<Ticket>,
}

impl<'a> Batch<'a> {
    /// Goes on behind those that are numbered. `usage` and `open` say what tokens were used for.
    pub(crate) fn new(
        issuing: &'a Issuing<'a>,
        numbered: Numbered,
        usage: &'a mut ClosedUsage,
        open: Vec<&'a ByToken>,
    ) -> Self {
        Self {
            issuing,
            numbered,
            usage,
            open,
            pending: ByToken::new(),
            tickets: Vec::new(),
        }
    }

    /// The tickets of the next request; `cover` promises them, all or none, and is asked last.
    pub(crate) fn take(
        &mut self,
        wanted: impl IntoIterator<Item = Wanted>,
        cover: impl FnOnce(&[Ticket]) -> Result<(), PromiseError>,
    ) -> Result<Vec<Ticket>, NoTicket> {
        let mut numbered = self.numbered;
        let mut tickets = Vec::new();
        let mut requested = ByToken::new();
        for mut one in wanted {
            if let Some(viewer) = &one.viewer {
                let open = self.open.iter().copied();
                let open = open.chain([&self.pending, &requested]);
                let (bytes, now) = (one.bytes_max, self.issuing.now);
                one.bytes_max = self.usage.allowed(viewer, one.client, bytes, open, now)?;
            }
            let (ticket, with_it) = number(self.issuing, &one, numbered)?;
            tokens::count(&mut requested, &ticket);
            tickets.push(ticket);
            numbered = with_it;
        }
        cover(&tickets)?;
        self.numbered = numbered;
        for ticket in &tickets {
            tokens::count(&mut self.pending, ticket);
        }
        self.tickets.extend_from_slice(&tickets);
        Ok(tickets)
    }

    /// All tickets of the batch, in the order of their numbers.
    pub(crate) fn tickets(self) -> Vec<Ticket> {
        self.tickets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tokens::Viewer;
    use crate::testing::{PAYER, TIMELINE, issuer_config};
    use proptest::prelude::*;
    use protocol::{B256, ClientKey, CollectionId, DeliveryMass, Mass, NodeId};

    const NOW: u64 = 1_001_000;
    const NONE: Numbered = Numbered {
        next: 0,
        mass: DeliveryMass::ZERO,
    };

    fn viewer(token: u8, bytes: u64, sessions: u32) -> Viewer {
        Viewer {
            hash: B256::repeat_byte(token),
            expires_at: NOW + 1_000_000,
            bytes: Some(bytes),
            sessions: Some(sessions),
        }
    }

    fn wanted(client: u8, bytes_max: u64, viewer: Option<Viewer>) -> Wanted {
        Wanted {
            node: NodeId::from([1; 32]),
            client: ClientKey::from([client; 32]),
            collection: CollectionId::from([0xff; 32]),
            payer: PAYER,
            bytes_max,
            viewer,
        }
    }

    /// What comes of requests, and the tickets that are to be written.
    fn issue(
        requests: &[Vec<Wanted>],
        mut left: u64,
    ) -> (Vec<Result<Vec<Ticket>, NoTicket>>, Vec<Ticket>) {
        let terms = issuer_config().terms;
        let issuing = Issuing {
            terms: &terms,
            timeline: &TIMELINE,
            epoch: 0,
            now: NOW,
        };
        let mut usage = ClosedUsage::none(None);
        let open = ByToken::new();
        let mut batch = Batch::new(&issuing, NONE, &mut usage, vec![&open]);
        let answers = requests.iter().map(|request| {
            batch.take(request.iter().copied(), |tickets| {
                let bytes: u64 = tickets.iter().map(|ticket| ticket.bytes_max).sum();
                left = left
                    .checked_sub(bytes)
                    .ok_or(PromiseError::Unknown(PAYER))?;
                Ok(())
            })
        });
        let answers = answers.collect();
        (answers, batch.tickets())
    }

    #[test]
    fn a_request_that_is_refused_leaves_no_gap_and_uses_nothing_up() {
        let token = Some(viewer(7, 100, 1));
        let requests = [
            vec![wanted(1, 60, token), wanted(1, 60, token)],
            vec![wanted(1, 10, token)],
            vec![wanted(2, 1 << 56, None)],
            vec![wanted(2, 500, None)],
            vec![wanted(2, 10, None)],
        ];
        let (answers, tickets) = issue(&requests, 300);
        let bytes: Vec<_> = tickets.iter().map(|ticket| ticket.bytes_max).collect();
        assert_eq!(bytes, [60, 40, 10], "two of one request share what is left");
        assert_eq!(answers[0].as_deref(), Ok(&tickets[..2]));
        assert_eq!(answers[1], Err(UsageError::Bytes(100).into()));
        assert_eq!(answers[2], Err(NotIssued::Form.into()));
        assert_eq!(answers[3], Err(PromiseError::Unknown(PAYER).into()));
        assert_eq!(answers[4].as_deref(), Ok(&tickets[2..]));
        assert_eq!(tickets[2].id.index, 2);
    }

    #[test]
    fn clients_of_one_request_count_against_a_token_like_those_of_several() {
        let token = Some(viewer(7, 100, 1));
        let (answers, _) = issue(&[vec![wanted(1, 1, token), wanted(2, 1, token)]], 300);
        assert!(matches!(
            answers[..],
            [Err(NoTicket::Usage(UsageError::Sessions { most: 1, .. }))]
        ));
    }

    proptest! {
        #[test]
        fn numbers_have_no_gap_and_no_limit_is_passed(
            requests in prop::collection::vec(
                prop::collection::vec((1u8..5, 0u64..50, 0u8..3), 0..4), 0..20,
            ),
            (cap, sessions, left) in (0u64..300, 0u32..4, 0u64..500),
        ) {
            let of = |(client, bytes, token): (u8, u64, u8)| {
                wanted(client, bytes, (token > 0).then(|| viewer(token, cap, sessions)))
            };
            let requests: Vec<Vec<_>> =
                requests.into_iter().map(|request| request.into_iter().map(of).collect()).collect();
            let (answers, tickets) = issue(&requests, left);
            let given: Vec<_> = answers.iter().flatten().flatten().cloned().collect();
            prop_assert_eq!(&given, &tickets);
            prop_assert!(tickets.iter().map(|ticket| ticket.id.index).eq(0..tickets.len() as u32));
            prop_assert!(tickets.iter().map(|ticket| ticket.bytes_max).sum::<u64>() <= left);
            for token in [1, 2].map(B256::repeat_byte) {
                let of_it = || tickets.iter().filter(|ticket| ticket.viewer_token == token);
                prop_assert!(of_it().map(|ticket| ticket.bytes_max).sum::<u64>() <= cap);
                let clients: std::collections::BTreeSet<_> = of_it().map(|one| one.client).collect();
                prop_assert!(clients.len() <= sessions as usize);
            }
            for (request, answer) in requests.iter().zip(&answers) {
                prop_assert!(answer.as_ref().is_err() || answer.as_ref().is_ok_and(|all| all.len() == request.len()));
            }
        }
    }
}
