//! In which epoch tickets are issued, what they say, and when an epoch can take no more.

use crate::rules::tokens::Viewer;
use protocol::{
    Address, ClientKey, CollectionId, DeliveryMass, Epoch, Mass, NO_VIEWER_TOKEN, Network, NodeId,
    Ticket, TicketId, Timeline, UnixMillis,
};

/// What all tickets of an issuer say, and how many there are at most.
#[derive(Debug, Clone)]
pub(crate) struct IssuerTerms {
    pub(crate) network: Network,
    /// Its index in the settlement contract.
    pub(crate) issuer: u32,
    /// How long a ticket may be used, milliseconds; at least 1.
    pub(crate) ttl_ms: u64,
    /// Most tickets of an epoch, at most [`protocol::RECORDS_MAX`].
    pub(crate) tickets_max: u32,
}

/// What one ticket says besides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) node: NodeId,
    pub(crate) client: ClientKey,
    pub(crate) collection: CollectionId,
    pub(crate) payer: Address,
    pub(crate) bytes_max: u64,
    /// On whose token, and what that allows.
    pub(crate) viewer: Option<Viewer>,
}

/// Why there is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotIssued {
    /// Epoch 0 hasn't begun.
    #[error("the network's first epoch has not begun")]
    BeforeGenesis,
    /// The clock went back into an epoch whose log is closed.
    #[error("epoch {0} is closed; this control plane's clock has gone back")]
    Closed(Epoch),
    /// The epoch can't take that many more.
    #[error("epoch {0} can take no more tickets; the next one can")]
    Full(Epoch),
    /// A limit of 2^56 bytes or more, or the like.
    #[error("no ticket can be issued for that collection")]
    Form,
}

/// How far an epoch's tickets are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// The index of the next.
    pub(crate) next: u32,
    /// The sum of limits of those before.
    pub(crate) mass: DeliveryMass,
}

/// The epoch of tickets that are issued now, where all up to `closed` are closed.
pub(crate) fn epoch(
    timeline: &Timeline,
    closed: Option<Epoch>,
    now: UnixMillis,
) -> Result<Epoch, NotIssued> {
    let epoch = timeline.epoch_at_ms(now).ok_or(NotIssued::BeforeGenesis)?;
    match closed >= Some(epoch) {
        true => Err(NotIssued::Closed(epoch)),
        false => Ok(epoch),
    }
}

/// Whether an epoch is over by a clock, so that its log may be closed.
pub(crate) fn is_over(timeline: &Timeline, epoch: Epoch, now: UnixMillis) -> bool {
    now / 1000 >= timeline.end(epoch)
}

/// Whose tickets are issued, in which epoch, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issuing<'a> {
    pub(crate) terms: &'a IssuerTerms,
    pub(crate) timeline: &'a Timeline,
    pub(crate) epoch: Epoch,
    pub(crate) now: UnixMillis,
}

/// The next ticket, and how far they are numbered with it.
pub(crate) fn number(
    issuing: &Issuing<'_>,
    wanted: &Wanted,
    before: Numbered,
) -> Result<(Ticket, Numbered), NotIssued> {
    let Issuing {
        terms,
        timeline,
        epoch,
        now,
    } = *issuing;
    if before.next >= terms.tickets_max {
        return Err(NotIssued::Full(epoch));
    }
    let ticket = Ticket {
        network: terms.network,
        id: TicketId {
            epoch,
            issuer: terms.issuer,
            index: before.next,
        },
        node: wanted.node,
        client: wanted.client,
        collection: wanted.collection,
        payer: wanted.payer,
        viewer_token: wanted.viewer.map_or(NO_VIEWER_TOKEN, |viewer| viewer.hash),
        bytes_max: wanted.bytes_max,
        issued_at: now,
        expires_at: now
            .saturating_add(terms.ttl_ms)
            .min(timeline.tickets_end_ms(epoch)),
    };
    ticket.check_form(timeline).map_err(|_| NotIssued::Form)?;
    let leaf = ticket.leaf().map_err(|_| NotIssued::Form)?;
    let mass = before.mass.checked_add(leaf.mass);
    let after = Numbered {
        next: before.next + 1,
        mass: mass.map_err(|_| NotIssued::Full(epoch))?,
    };
    Ok((ticket, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PAYER, TIMELINE, issuer_config};
    use proptest::prelude::*;
    use protocol::B256;

    /// In epoch 0, which lasts from 1,000 s to 1,010 s.
    const NOW: UnixMillis = 1_001_000;
    const NONE: Numbered = Numbered {
        next: 0,
        mass: DeliveryMass::ZERO,
    };

    fn wanted(bytes_max: u64) -> Wanted {
        Wanted {
            node: NodeId::from([1; 32]),
            client: ClientKey::from([2; 32]),
            collection: CollectionId::new(bytes_max, &[3; 32]).unwrap(),
            payer: PAYER,
            bytes_max,
            viewer: None,
        }
    }

    fn numbered(all: &[Wanted], before: Numbered) -> Result<(Vec<Ticket>, Numbered), NotIssued> {
        numbered_by(&issuer_config().terms, all, before)
    }

    fn numbered_by(
        terms: &IssuerTerms,
        all: &[Wanted],
        mut numbered: Numbered,
    ) -> Result<(Vec<Ticket>, Numbered), NotIssued> {
        let issuing = Issuing {
            terms,
            timeline: &TIMELINE,
            epoch: 0,
            now: NOW,
        };
        let mut tickets = Vec::new();
        for wanted in all {
            let (ticket, after) = number(&issuing, wanted, numbered)?;
            tickets.push(ticket);
            numbered = after;
        }
        Ok((tickets, numbered))
    }

    #[test]
    fn tickets_are_of_the_epoch_now_unless_it_is_closed() {
        for (closed, now, expected) in [
            (None, 999_999, Err(NotIssued::BeforeGenesis)),
            (None, 1_000_000, Ok(0)),
            (None, 1_010_000, Ok(1)),
            (Some(0), 1_010_000, Ok(1)),
            (Some(0), 1_009_999, Err(NotIssued::Closed(0))),
            (Some(5), 1_010_000, Err(NotIssued::Closed(1))),
        ] {
            assert_eq!(epoch(&TIMELINE, closed, now), expected, "{closed:?} {now}");
        }
    }

    #[test]
    fn an_epoch_is_over_at_its_end() {
        for (now, over) in [(0, false), (1_009_999, false), (1_010_000, true)] {
            assert_eq!(is_over(&TIMELINE, 0, now), over, "{now}");
        }
    }

    #[test]
    fn tickets_say_what_they_were_granted_for_and_last_no_longer_than_their_epoch_s() {
        let with_token = Wanted {
            viewer: Some(Viewer {
                hash: B256::repeat_byte(7),
                expires_at: NOW,
                bytes: None,
                sessions: None,
            }),
            ..wanted(20)
        };
        let (tickets, after) = numbered(&[wanted(10), with_token], NONE).unwrap();
        let indices: Vec<_> = tickets.iter().map(|ticket| ticket.id.index).collect();
        assert_eq!((indices, after.next), (vec![0, 1], 2));
        assert_eq!(tickets[0].viewer_token, NO_VIEWER_TOKEN);
        assert_eq!(tickets[1].viewer_token, B256::repeat_byte(7));
        assert_eq!(tickets[0].bytes_max, 10);
        assert_eq!(tickets[0].issued_at, NOW);
        assert_eq!(tickets[0].expires_at, TIMELINE.tickets_end_ms(0));
        let brief = IssuerTerms {
            ttl_ms: 500,
            ..issuer_config().terms
        };
        let (tickets, _) = numbered_by(&brief, &[wanted(10)], NONE).unwrap();
        assert_eq!(tickets[0].expires_at, NOW + 500);
    }

    #[test]
    fn what_can_t_be_a_ticket_and_what_has_no_room_is_refused() {
        let most = issuer_config().terms.tickets_max;
        let before = |next| Numbered { next, ..NONE };
        let huge = Wanted {
            bytes_max: 1 << 56,
            ..wanted(1)
        };
        let (_, whole) = numbered(&[wanted((1 << 56) - 1)], NONE).unwrap();
        for (all, before, expected) in [
            (vec![wanted(1); 2], before(most - 2), Ok(most)),
            (
                vec![wanted(1); 2],
                before(most - 1),
                Err(NotIssued::Full(0)),
            ),
            (vec![wanted(1)], before(u32::MAX), Err(NotIssued::Full(0))),
            (vec![wanted(1), huge], NONE, Err(NotIssued::Form)),
            (vec![], whole, Ok(1)),
        ] {
            let numbered = numbered(&all, before);
            assert_eq!(numbered.map(|(_, after)| after.next), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_follow_each_other_and_the_sum_is_that_of_the_limits(
            bytes in prop::collection::vec(0u64..1 << 40, 0..20),
            split in 0usize..20,
        ) {
            let all: Vec<_> = bytes.iter().copied().map(wanted).collect();
            let (first, second) = all.split_at(split.min(all.len()));
            let (mut tickets, between) = numbered(first, NONE).unwrap();
            let (rest, after) = numbered(second, between).unwrap();
            tickets.extend(rest);
            let (at_once, sum) = numbered(&all, NONE).unwrap();
            prop_assert_eq!(&tickets, &at_once);
            prop_assert_eq!(after, sum);
            for (index, ticket) in (0..).zip(&tickets) {
                prop_assert_eq!(ticket.id.index, index);
            }
        }
    }
}
