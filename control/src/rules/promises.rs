//! What tickets promise: how much those that are out may cost each payer, held against what it has left.
//!
//! A ticket is a promise to a node that what it delivers is paid. A payer is never billed beyond its deposit, so a
//! promise that isn't covered is the node's loss, and a new one is refused. What a ticket really costs is known
//! when its epoch is attested; until then it counts with all that it allows.

use protocol::{AMOUNT_END, Address, Epoch, worth_most};
use std::collections::BTreeMap;

/// What may be issued on one payer's account in an epoch, each payer's counted for itself. Default no limit but its
/// funds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PayerQuota {
    /// Most tickets; `None`: any number.
    pub tickets_per_epoch: Option<u32>,
    /// Sum of what they allow, bytes.
    pub bytes_per_epoch: Option<u64>,
}

/// Sums of tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Promised {
    pub(crate) tickets: u64,
    /// What they allow.
    pub(crate) bytes: u128,
}

impl Promised {
    pub(crate) fn add(&mut self, more: Self) {
        self.tickets += more.tickets;
        self.bytes += more.bytes;
    }
}

/// An epoch's tickets, by who pays.
pub(crate) type ByPayer = BTreeMap<Address, Promised>;

/// Why a promise isn't made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PromiseError {
    #[error("the chain can't be asked at the moment what account {0} has left to pay with")]
    Unknown(Address),
    #[error(
        "account {payer} is to pay and has {left} units left in the vault, where {needed} must cover the tickets that are out and these: it must run `quittance contracts fund {}` or more, or wait until epochs are attested",
        needed - left
    )]
    Short {
        payer: Address,
        left: u128,
        needed: u128,
    },
    #[error(
        "on account {payer} no more than {most} {what} are issued in an epoch, and epoch {epoch} has had them"
    )]
    Quota {
        payer: Address,
        what: &'static str,
        most: u64,
        epoch: Epoch,
    },
}

/// What is read of the chain at one time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// All epochs below are attested: what their tickets cost is billed.
    pub(crate) next: Epoch,
    /// Price of 2^30 bytes from an epoch on.
    pub(crate) prices: BTreeMap<Epoch, u128>,
    /// What payers have deposited, and neither been billed nor announced to withdraw.
    pub(crate) left: BTreeMap<Address, u128>,
}

/// All that is promised and not attested.
#[derive(Debug)]
pub(crate) struct Promises {
    quota: PayerQuota,
    /// Which part of what tickets allow must be covered.
    cover_percent: u32,
    epochs: BTreeMap<Epoch, ByPayer>,
    read: Reading,
    /// What all epochs but this one may cost, as far as it was asked for.
    others: (Epoch, BTreeMap<Address, u128>),
}

impl Promises {
    pub(crate) fn new(quota: PayerQuota, cover_percent: u32) -> Self {
        Self {
            quota,
            cover_percent,
            epochs: BTreeMap::new(),
            read: Reading::default(),
            others: Default::default(),
        }
    }

    /// An epoch's tickets are these.
    pub(crate) fn hold(&mut self, epoch: Epoch, tickets: ByPayer) {
        self.epochs.insert(epoch, tickets);
        self.others.1.clear();
    }

    pub(crate) fn holds(&self, epoch: Epoch) -> bool {
        self.epochs.contains_key(&epoch)
    }

    /// The first epoch of which there are tickets.
    pub(crate) fn oldest(&self) -> Option<Epoch> {
        self.epochs.first_key_value().map(|(epoch, _)| *epoch)
    }

    /// The chain says this. What is attested is let go of; if it is overturned, [`Self::hold`] brings it back.
    pub(crate) fn learn(&mut self, reading: Reading) {
        self.epochs = self.epochs.split_off(&reading.next);
        self.read = reading;
        self.others.1.clear();
    }

    /// Payers of whom it matters what they have left.
    pub(crate) fn payers(&self) -> Vec<Address> {
        let promised = self.epochs.values().flat_map(BTreeMap::keys);
        let mut payers: Vec<_> = promised.chain(self.read.left.keys()).copied().collect();
        payers.sort_unstable();
        payers.dedup();
        payers
    }

    /// What a payer has left, if the chain was asked, and how much of it must cover the tickets that are out.
    pub(crate) fn of(&self, payer: Address) -> (Option<u128>, u128) {
        let out = self.epochs.range(self.read.next..);
        let worth = out.filter_map(|(epoch, all)| Some(self.worth(*epoch, *all.get(&payer)?)));
        let worth = worth.fold(0, u128::saturating_add);
        (self.read.left.get(&payer).copied(), self.covering(worth))
    }

    /// How much must be there for tickets of that worth; rounded up, to the nodes' side.
    fn covering(&self, worth: u128) -> u128 {
        let share = worth.saturating_mul(self.cover_percent.into());
        share.div_ceil(100)
    }

    /// Adds a request's tickets, by payer and bytes, to what is promised in an epoch: all or none.
    pub(crate) fn promise(
        &mut self,
        epoch: Epoch,
        tickets: impl IntoIterator<Item = (Address, u64)>,
    ) -> Result<(), PromiseError> {
        let mut more: Vec<(Address, Promised)> = Vec::new();
        for (payer, bytes) in tickets {
            let one = Promised {
                tickets: 1,
                bytes: bytes.into(),
            };
            match more.iter_mut().find(|(found, _)| *found == payer) {
                Some((_, sum)) => sum.add(one),
                None => more.push((payer, one)),
            }
        }
        for (payer, more) in &more {
            self.check(epoch, *payer, *more)?;
        }
        let promised = self.epochs.entry(epoch).or_default();
        for (payer, more) in more {
            promised.entry(payer).or_default().add(more);
        }
        Ok(())
    }

    /// Whether so much more may be promised.
    pub(crate) fn check(
        &mut self,
        epoch: Epoch,
        payer: Address,
        more: Promised,
    ) -> Result<(), PromiseError> {
        let known = self.epochs.get(&epoch).and_then(|all| all.get(&payer));
        let mut promised = known.copied().unwrap_or_default();
        promised.add(more);
        let limits = [
            (
                "tickets",
                self.quota.tickets_per_epoch.map(u64::from),
                promised.tickets.into(),
            ),
            ("bytes", self.quota.bytes_per_epoch, promised.bytes),
        ];
        for (what, most, wanted) in limits {
            if let Some(most) = most.filter(|most| wanted > u128::from(*most)) {
                return Err(PromiseError::Quota {
                    payer,
                    what,
                    most,
                    epoch,
                });
            }
        }
        let left = self.read.left.get(&payer);
        let left = *left.ok_or(PromiseError::Unknown(payer))?;
        let worth = self.worth(epoch, promised);
        let worth = worth.saturating_add(self.others(epoch, payer));
        let needed = self.covering(worth);
        if needed > left {
            return Err(PromiseError::Short {
                payer,
                left,
                needed,
            });
        }
        Ok(())
    }

    /// What an epoch's tickets may cost. More than any deposit can be counts as more than any deposit.
    fn worth(&self, epoch: Epoch, promised: Promised) -> u128 {
        // An epoch that is not read of yet has the price of the one before.
        let price = self.read.prices.range(..=epoch).next_back();
        let price = price.or_else(|| self.read.prices.first_key_value());
        let price = price.map_or(AMOUNT_END, |(_, price)| *price);
        worth_most(price, promised.bytes).unwrap_or(AMOUNT_END)
    }

    fn others(&mut self, epoch: Epoch, payer: Address) -> u128 {
        if self.others.0 != epoch {
            self.others = (epoch, BTreeMap::new());
        }
        if let Some(known) = self.others.1.get(&payer) {
            return *known;
        }
        let others = self.epochs.range(self.read.next..);
        let others = others.filter(|(other, _)| **other != epoch);
        let worth = others.filter_map(|(other, all)| Some(self.worth(*other, *all.get(&payer)?)));
        let worth = worth.fold(0, u128::saturating_add);
        self.others.1.insert(payer, worth);
        worth
    }
}

#[cfg(test)]
#[path = "promises_tests.rs"]
mod tests;
