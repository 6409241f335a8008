//! A transaction in the air.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

use super::Fees;

/// A pool that holds it says so and nothing is lost; one that forgot takes it again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A nonce that is used and a receipt that isn't there yet: behind some URLs stand several nodes.
const RECEIPT_WITHIN: Duration = Duration::from_secs(10);
/// A gap before it may be an RPC's that is behind, or pools give back what was before it.
const GAP_FOR: Duration = Duration::from_secs(20);

/// What somebody wants done on chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The function, for people.
    pub(crate) call: String,
    /// The contract; `None` deploys one.
    pub(crate) to: Option<Address>,
    /// Call data, or creation code.
    pub(crate) data: Bytes,
}

/// Calls that do it again when they are sent again. All others are refused the second time, or change nothing.
const TWICE_IS_TWICE: &[&str] = &[
    "addIssuer",
    "bond",
    "bondIssuer",
    "fund",
    "transfer",
    "withdraw",
];

impl Order {
    /// A call of a contract.
    pub(crate) fn call(call: &str, to: Address, data: Bytes) -> Self {
        Self {
            call: call.to_owned(),
            to: Some(to),
            data,
        }
    }

    /// Whether it is done twice if it is sent twice: then nothing is sent that isn't written down.
    pub(crate) fn twice_is_twice(&self) -> bool {
        self.to.is_none() || TWICE_IS_TWICE.contains(&&*self.call)
    }
}

/// A transaction that was sent, or is about to be, with all that was offered for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flight {
    pub(crate) order: Order,
    pub(crate) nonce: u64,
    /// Gas it may use.
    pub(crate) gas: u64,
    /// The newest offer.
    pub(crate) fees: Fees,
    /// The newest, signed, as it is sent.
    pub(crate) raw: Bytes,
    /// Hashes of all offers, the newest last; any of them may be mined.
    pub(crate) hashes: Vec<B256>,
}

/// What the chain shows of a flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Transactions of the account that are mined: its next nonce.
    pub(crate) mined: u64,
    /// Since when that is more than the flight's.
    pub(crate) used_for: Duration,
    /// Since when it is less: what was mined before isn't any more, or the RPC is behind.
    pub(crate) gap_for: Duration,
    /// Since the newest offer was made.
    pub(crate) offered_for: Duration,
    /// Since it was last given to the pools.
    pub(crate) given_for: Duration,
}

/// What is to be done about a flight of which no receipt is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look again later.
    Wait,
    /// Give the same bytes to the pools again.
    Again,
    /// Offer more at the same nonce.
    Raise,
    /// Fill the gap before it, which a reorganisation left, with something empty.
    Fill,
    /// Nothing: another transaction of the account has its nonce.
    Overtaken,
}

/// What is to be done, where an offer is left so long to be taken.
pub(crate) fn step(nonce: u64, seen: Seen, patience: Duration) -> Step {
    if seen.mined > nonce {
        return match seen.used_for >= RECEIPT_WITHIN {
            true => Step::Overtaken,
            false => Step::Wait,
        };
    }
    if seen.gap_for >= GAP_FOR && seen.given_for >= AGAIN_AFTER {
        Step::Fill
    } else if seen.offered_for >= patience {
        Step::Raise
    } else if seen.given_for >= AGAIN_AFTER.min(patience) {
        Step::Again
    } else {
        Step::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn seen(mined: u64, offered: u64, given: u64) -> Seen {
        Seen {
            mined,
            used_for: Duration::ZERO,
            gap_for: Duration::ZERO,
            offered_for: s(offered),
            given_for: s(given),
        }
    }

    #[test]
    fn one_that_isnt_mined_is_given_again_and_then_raised() {
        let step = |offered, given| step(7, seen(7, offered, given), s(30));
        assert_eq!(step(4, 4), Step::Wait);
        assert_eq!(step(5, 5), Step::Again);
        assert_eq!(step(9, 4), Step::Wait);
        assert_eq!(step(30, 1), Step::Raise);
    }

    #[test]
    fn a_nonce_that_is_used_is_waited_for_and_then_given_up() {
        let mut seen = seen(8, 40, 40);
        assert_eq!(step(7, seen, s(30)), Step::Wait);
        seen.used_for = s(10);
        assert_eq!(step(7, seen, s(30)), Step::Overtaken);
    }

    #[test]
    fn a_gap_before_it_is_filled_once_it_isnt_an_rpc_that_is_behind() {
        assert_eq!(step(7, seen(3, 30, 1), s(30)), Step::Raise);
        let mut gap = seen(6, 6, 6);
        assert_eq!(step(7, gap, s(30)), Step::Again);
        gap.gap_for = s(20);
        assert_eq!(step(7, gap, s(30)), Step::Fill);
        gap.given_for = s(1);
        assert_eq!(step(7, gap, s(30)), Step::Wait);
    }
}
