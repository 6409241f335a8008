//! Which epochs' ticket logs are closed, and what is committed of them. Closed stays closed.

use protocol::{B256, DeliveryMass, Element, Epoch, MassOverflow, Root};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is committed of a closed log: enough for its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    /// Hash of the tree's uppermost element.
    pub(crate) top: B256,
    /// Tickets in it.
    pub(crate) count: u32,
    /// Sum of their byte limits.
    pub(crate) bytes_max: u64,
}

impl Seal {
    /// Of a log without tickets.
    pub(crate) const EMPTY: Self = Self {
        top: B256::ZERO,
        count: 0,
        bytes_max: 0,
    };

    /// The root that the chain computes from it.
    pub(crate) fn root(&self) -> Result<Root<DeliveryMass>, MassOverflow> {
        Ok(Root {
            top: Element {
                hash: self.top,
                mass: DeliveryMass::new(self.bytes_max, self.count, 0)?,
            },
            count: self.count.into(),
        })
    }
}

/// All logs of an issuer, by whether they are closed.
#[derive(Debug, Default)]
pub(crate) struct ClosedLogs {
    through: Option<Epoch>,
    /// Epochs without an entry had no tickets.
    seals: BTreeMap<Epoch, Seal>,
    /// Tickets in logs that aren't closed.
    open: BTreeMap<Epoch, u32>,
}

impl ClosedLogs {
    /// As they are found: all epochs up to `through` are closed, and those that have a seal.
    pub(crate) fn new(through: Option<Epoch>, seals: BTreeMap<Epoch, Seal>) -> Self {
        // A seal without the mark: the process ended between the two.
        let last = seals.last_key_value().map(|(epoch, _)| *epoch);
        Self {
            through: through.max(last),
            seals,
            open: BTreeMap::new(),
        }
    }

    /// The last epoch that is closed; all before it are.
    pub(crate) fn through(&self) -> Option<Epoch> {
        self.through
    }

    /// Whether an epoch takes no more tickets.
    pub(crate) fn is_closed(&self, epoch: Epoch) -> bool {
        self.through >= Some(epoch)
    }

    /// Those that had tickets, with what is committed of each.
    pub(crate) fn seals(&self) -> &BTreeMap<Epoch, Seal> {
        &self.seals
    }

    /// What is committed of an epoch; `None` if it isn't closed.
    pub(crate) fn seal(&self, epoch: Epoch) -> Option<Seal> {
        let seal = || self.seals.get(&epoch).copied().unwrap_or(Seal::EMPTY);
        self.is_closed(epoch).then(seal)
    }

    /// The closed epochs from this one on that have tickets.
    pub(crate) fn from(&self, first: Epoch) -> Vec<Epoch> {
        let some = self.seals.range(first..);
        let some = some.filter(|(_, seal)| seal.count > 0);
        some.map(|(epoch, _)| *epoch).collect()
    }

    /// How many tickets an epoch has.
    pub(crate) fn issued(&self, epoch: Epoch) -> u32 {
        let seal = self.seals.get(&epoch).map(|seal| seal.count);
        let count = seal.or_else(|| self.open.get(&epoch).copied());
        count.unwrap_or_default()
    }

    /// An open log has so many tickets now.
    pub(crate) fn count(&mut self, epoch: Epoch, tickets: u32) {
        self.open.insert(epoch, tickets);
    }

    /// A log is closed, and all before it that have none.
    pub(crate) fn close(&mut self, epoch: Epoch, seal: Seal) {
        self.seals.insert(epoch, seal);
        self.close_through(epoch);
    }

    /// All epochs up to this one are closed.
    pub(crate) fn close_through(&mut self, through: Epoch) {
        self.through = self.through.max(Some(through));
        self.open.retain(|epoch, _| *epoch > through);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal(count: u32) -> Seal {
        Seal {
            top: B256::repeat_byte(1),
            count,
            bytes_max: 10 * u64::from(count),
        }
    }

    #[test]
    fn what_is_sealed_is_closed_with_or_without_the_mark() {
        let seals = BTreeMap::from([(2, seal(3)), (4, seal(0))]);
        for (mark, through) in [(None, 4), (Some(1), 4), (Some(9), 9)] {
            let logs = ClosedLogs::new(mark, seals.clone());
            assert_eq!(logs.through(), Some(through));
            assert!(logs.is_closed(through) && !logs.is_closed(through + 1));
            assert_eq!(logs.seal(2), Some(seal(3)));
            assert_eq!(logs.seal(3), Some(Seal::EMPTY));
            assert_eq!(logs.seal(through + 1), None);
            assert_eq!((logs.from(0), logs.from(3)), (vec![2], vec![]));
            assert_eq!(logs.seals(), &seals);
        }
        assert_eq!(ClosedLogs::default().through(), None);
    }

    #[test]
    fn an_epoch_s_tickets_are_those_of_its_log_open_or_closed() {
        let mut logs = ClosedLogs::default();
        assert_eq!(logs.issued(5), 0);
        logs.count(5, 7);
        logs.count(5, 8);
        assert_eq!((logs.issued(5), logs.is_closed(5)), (8, false));
        logs.close(5, seal(8));
        assert_eq!((logs.issued(5), logs.is_closed(5)), (8, true));
    }

    #[test]
    fn a_root_is_of_so_many_tickets_and_none_is_without_any() {
        let root = seal(3).root().expect("it fits");
        assert_eq!((root.count, root.top.hash), (3, seal(3).top));
        assert_eq!(Seal::EMPTY.root().expect("it fits").count, 0);
        let most = Seal {
            bytes_max: u64::MAX,
            ..seal(1)
        };
        assert!(most.root().is_err());
    }

    proptest! {
        #[test]
        fn closed_stays_closed_and_what_is_committed_never_changes(
            steps in prop::collection::vec((0u64..12, 0u32..5, 0u8..3), 0..40),
        ) {
            let mut logs = ClosedLogs::default();
            let mut known = BTreeMap::new();
            for (epoch, tickets, what) in steps {
                match what {
                    _ if logs.is_closed(epoch) => {}
                    0 => logs.count(epoch, tickets),
                    1 => logs.close(epoch, seal(tickets)),
                    _ => logs.close_through(epoch),
                }
                for epoch in 0..12 {
                    if let Some(seal) = logs.seal(epoch) {
                        prop_assert_eq!(*known.entry(epoch).or_insert(seal), seal);
                        prop_assert_eq!(logs.issued(epoch), seal.count);
                    } else {
                        prop_assert!(!known.contains_key(&epoch));
                    }
                }
            }
        }
    }
}
