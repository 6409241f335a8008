//! What the control plane told this node that has to outlast its process: whether it is draining, and which tickets
//! it took back.

use protocol::{Revoked, Ticket, UnixMillis};
use serde::{Deserialize, Serialize};

/// Revocations kept; each goes when the tickets it means have expired.
const REVOCATIONS_MAX: usize = 65_536;

/// Tickets that are no longer honoured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revocation {
    /// Whose tickets are meant.
    pub(crate) what: Revoked,
    /// Those that were issued later aren't meant.
    pub(crate) issued_until: UnixMillis,
    /// By then all that are meant have expired.
    pub(crate) until: UnixMillis,
}

impl Revocation {
    /// Whether it takes this ticket back.
    pub(crate) fn means(&self, ticket: &Ticket) -> bool {
        let meant = match self.what {
            Revoked::Ticket(id) => ticket.id == id,
            Revoked::Client(client) => ticket.client == client,
            Revoked::Node(node) => ticket.node == node,
            Revoked::Token(hash) => ticket.viewer_token == hash,
        };
        meant && ticket.issued_at <= self.issued_until
    }
}

/// No further revocation can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{REVOCATIONS_MAX} revocations are in force; no more fit")]
pub(crate) struct Full;

/// All that was told, as it stands in the node's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptOrders {
    draining: bool,
    revoked: Vec<Revocation>,
}

impl KeptOrders {
    /// Whether the node takes no new sessions.
    pub(crate) fn draining(&self) -> bool {
        self.draining
    }

    /// Takes no new sessions from now on, or takes them again.
    pub(crate) fn drain(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Whether a ticket was taken back.
    pub(crate) fn is_revoked(&self, ticket: &Ticket) -> bool {
        self.revoked.iter().any(|one| one.means(ticket))
    }

    /// Takes tickets back; the same again changes nothing. What is over goes.
    pub(crate) fn revoke(&mut self, one: Revocation, now: UnixMillis) -> Result<(), Full> {
        self.revoked.retain(|kept| kept.until >= now);
        if self.revoked.contains(&one) {
            return Ok(());
        }
        if self.revoked.len() >= REVOCATIONS_MAX {
            return Err(Full);
        }
        self.revoked.push(one);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::unsigned;
    use proptest::prelude::*;
    use protocol::{B256, ClientKey, NodeId, TicketId};

    fn of(what: Revoked, issued_until: UnixMillis, until: UnixMillis) -> Revocation {
        Revocation {
            what,
            issued_until,
            until,
        }
    }

    fn node(fill: u8) -> Revoked {
        Revoked::Node(NodeId::from([fill; 32]))
    }

    #[test]
    fn a_revocation_means_what_it_names_and_was_issued_by_then() {
        let ticket = unsigned();
        let other = TicketId {
            index: ticket.id.index + 1,
            ..ticket.id
        };
        for (what, meant) in [
            (Revoked::Ticket(ticket.id), true),
            (Revoked::Ticket(other), false),
            (Revoked::Client(ticket.client), true),
            (Revoked::Client(ClientKey::from([9; 32])), false),
            (Revoked::Node(ticket.node), true),
            (node(9), false),
            (Revoked::Token(ticket.viewer_token), true),
            (Revoked::Token(B256::repeat_byte(9)), false),
        ] {
            for (issued_until, in_time) in [(ticket.issued_at, true), (ticket.issued_at - 1, false)]
            {
                let mut kept = KeptOrders::default();
                assert!(!kept.is_revoked(&ticket));
                kept.revoke(of(what, issued_until, 9_000), 0).expect("room");
                assert_eq!(kept.is_revoked(&ticket), meant && in_time, "{what:?}");
            }
        }
    }

    #[test]
    fn who_drains_takes_none_until_it_resumes() {
        let mut kept = KeptOrders::default();
        assert!(!kept.draining());
        kept.drain(true);
        assert!(kept.draining());
        kept.drain(false);
        assert!(!kept.draining());
    }

    #[test]
    fn a_revocation_stays_until_what_it_means_has_expired() {
        let mut kept = KeptOrders::default();
        let mine = of(Revoked::Node(unsigned().node), 9_000, 10_000);
        for _ in 0..2 {
            kept.revoke(mine.clone(), 0).expect("room");
        }
        assert_eq!(kept.revoked.len(), 1, "the same again changes nothing");
        kept.revoke(of(node(8), 0, 20_000), 10_000).expect("room");
        assert!(kept.is_revoked(&unsigned()), "in its last millisecond");
        kept.revoke(of(node(9), 0, 20_000), 10_001).expect("room");
        assert_eq!(kept.revoked.len(), 2);
        assert!(!kept.is_revoked(&unsigned()));
    }

    #[test]
    fn more_than_fit_are_refused_until_some_are_over() {
        let one = |index: usize| of(node(1), index as u64, 10_000);
        let mut kept = KeptOrders {
            draining: false,
            revoked: (0..REVOCATIONS_MAX).map(one).collect(),
        };
        assert_eq!(kept.revoke(one(REVOCATIONS_MAX), 0), Err(Full));
        assert_eq!(kept.revoke(one(0), 0), Ok(()), "it is there");
        assert_eq!(kept.revoke(of(node(2), 0, 20_000), 10_001), Ok(()));
        assert_eq!(kept.revoked.len(), 1);
    }

    proptest! {
        /// Whatever else was told: a ticket is refused if and only if a revocation that isn't over means it.
        #[test]
        fn what_was_taken_back_is_refused(
            orders in prop::collection::vec((0..4u8, 0..2_000u64, 0..100u64), 0..50),
        ) {
            let ticket = unsigned();
            let (mut kept, mut all) = (KeptOrders::default(), Vec::new());
            for (now, (whose, issued_until, until)) in (0..).zip(orders) {
                let what = match whose {
                    0 => Revoked::Node(ticket.node),
                    other => node(other + 100),
                };
                let one = of(what, issued_until, until);
                kept.revoke(one.clone(), now).expect("room");
                all.retain(|kept: &Revocation| kept.until >= now);
                all.push(one);
                let meant = all.iter().any(|one| one.means(&ticket));
                prop_assert_eq!(kept.is_revoked(&ticket), meant);
                prop_assert!(kept.revoked.len() <= all.len());
            }
        }
    }
}
