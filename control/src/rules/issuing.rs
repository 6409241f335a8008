//! In which epoch tickets are issued, what they say, and when an epoch can take no more.

use crate::tickets::issuer::{Grant, IssueError, IssuerConfig};
use protocol::{
    DeliveryMass, Epoch, Mass, NO_VIEWER_TOKEN, Ticket, TicketId, Timeline, UnixMillis,
};

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
) -> Result<Epoch, IssueError> {
    let epoch = timeline.epoch_at_ms(now).ok_or(IssueError::BeforeGenesis)?;
    match closed >= Some(epoch) {
        true => Err(IssueError::Closed(epoch)),
        false => Ok(epoch),
    }
}

/// Whether an epoch is over by a clock, so that its log may be closed.
pub(crate) fn is_over(timeline: &Timeline, epoch: Epoch, now: UnixMillis) -> bool {
    now / 1000 >= timeline.end(epoch)
}

/// The tickets of one request, and how far they are numbered with them: all or none.
pub(crate) fn number(
    config: &IssuerConfig,
    timeline: &Timeline,
    epoch: Epoch,
    now: UnixMillis,
    grants: &[Grant],
    before: Numbered,
) -> Result<(Vec<Ticket>, Numbered), IssueError> {
    let Numbered { next, mut mass } = before;
    let expires_at = now
        .saturating_add(config.ttl_ms)
        .min(timeline.tickets_end_ms(epoch));
    if grants.len() > config.tickets_max.saturating_sub(next) as usize {
        return Err(IssueError::Full(epoch));
    }
    let mut tickets = Vec::with_capacity(grants.len());
    for (index, grant) in (next..).zip(grants) {
        let ticket = Ticket {
            network: config.network,
            id: TicketId {
                epoch,
                issuer: config.issuer,
                index,
            },
            node: grant.node,
            client: grant.client,
            collection: grant.collection,
            payer: grant.payer,
            viewer_token: grant.viewer.map_or(NO_VIEWER_TOKEN, |viewer| viewer.hash),
            bytes_max: grant.bytes_max,
            issued_at: now,
            expires_at,
        };
        ticket.check_form(timeline).map_err(|_| IssueError::Form)?;
        let leaf = ticket.leaf().map_err(|_| IssueError::Form)?;
        mass = mass
            .checked_add(leaf.mass)
            .map_err(|_| IssueError::Full(epoch))?;
        tickets.push(ticket);
    }
    let next = next + tickets.len() as u32;
    Ok((tickets, Numbered { next, mass }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PAYER, TIMELINE, issuer_config};
    use crate::tickets::token_usage::Viewer;
    use proptest::prelude::*;
    use protocol::{B256, ClientKey, CollectionId, NodeId};

    /// In epoch 0, which lasts from 1,000 s to 1,010 s.
    const NOW: UnixMillis = 1_001_000;
    const NONE: Numbered = Numbered {
        next: 0,
        mass: DeliveryMass::ZERO,
    };

    fn grant(bytes_max: u64) -> Grant {
        Grant {
            node: NodeId::from([1; 32]),
            client: ClientKey::from([2; 32]),
            collection: CollectionId::new(bytes_max, &[3; 32]).unwrap(),
            payer: PAYER,
            bytes_max,
            viewer: None,
            reason: "".into(),
        }
    }

    fn numbered(grants: &[Grant], before: Numbered) -> Result<(Vec<Ticket>, Numbered), IssueError> {
        number(&issuer_config(), &TIMELINE, 0, NOW, grants, before)
    }

    #[test]
    fn tickets_are_of_the_epoch_now_unless_it_is_closed() {
        for (closed, now, expected) in [
            (None, 999_999, Err(IssueError::BeforeGenesis)),
            (None, 1_000_000, Ok(0)),
            (None, 1_010_000, Ok(1)),
            (Some(0), 1_010_000, Ok(1)),
            (Some(0), 1_009_999, Err(IssueError::Closed(0))),
            (Some(5), 1_010_000, Err(IssueError::Closed(1))),
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
        let viewer = Viewer {
            hash: B256::repeat_byte(7),
            expires_at: u64::MAX,
            bytes: None,
            sessions: None,
        };
        let with_token = Grant {
            viewer: Some(viewer),
            ..grant(20)
        };
        let (tickets, after) = numbered(&[grant(10), with_token], NONE).unwrap();
        let indices: Vec<_> = tickets.iter().map(|ticket| ticket.id.index).collect();
        assert_eq!((indices, after.next), (vec![0, 1], 2));
        assert_eq!(tickets[0].viewer_token, NO_VIEWER_TOKEN);
        assert_eq!(tickets[1].viewer_token, viewer.hash);
        assert_eq!(tickets[0].bytes_max, 10);
        assert_eq!(tickets[0].issued_at, NOW);
        assert_eq!(tickets[0].expires_at, TIMELINE.tickets_end_ms(0));
        let brief = IssuerConfig {
            ttl_ms: 500,
            ..issuer_config()
        };
        let (tickets, _) = number(&brief, &TIMELINE, 0, NOW, &[grant(10)], NONE).unwrap();
        assert_eq!(tickets[0].expires_at, NOW + 500);
    }

    #[test]
    fn what_can_t_be_a_ticket_and_what_has_no_room_is_refused_as_a_whole() {
        let most = issuer_config().tickets_max;
        let before = |next| Numbered { next, ..NONE };
        let huge = Grant {
            bytes_max: 1 << 56,
            ..grant(1)
        };
        let (_, whole) = numbered(&[grant((1 << 56) - 1)], NONE).unwrap();
        for (grants, before, expected) in [
            (vec![grant(1); 2], before(most - 2), Ok(most)),
            (
                vec![grant(1); 2],
                before(most - 1),
                Err(IssueError::Full(0)),
            ),
            (vec![grant(1)], before(u32::MAX), Err(IssueError::Full(0))),
            (vec![grant(1), huge], NONE, Err(IssueError::Form)),
            (vec![], whole, Ok(1)),
        ] {
            let numbered = numbered(&grants, before);
            assert_eq!(numbered.map(|(_, after)| after.next), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_follow_each_other_and_the_sum_is_that_of_the_limits(
            bytes in prop::collection::vec(0u64..1 << 40, 0..20),
            split in 0usize..20,
        ) {
            let grants: Vec<_> = bytes.iter().copied().map(grant).collect();
            let (first, second) = grants.split_at(split.min(grants.len()));
            let (mut tickets, between) = numbered(first, NONE).unwrap();
            let (rest, after) = numbered(second, between).unwrap();
            tickets.extend(rest);
            let (at_once, sum) = numbered(&grants, NONE).unwrap();
            prop_assert_eq!(&tickets, &at_once);
            prop_assert_eq!(after, sum);
            for (index, ticket) in (0..).zip(&tickets) {
                prop_assert_eq!(ticket.id.index, index);
            }
        }
    }
}
