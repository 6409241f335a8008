//! What is offered for gas (EIP-1559).

use serde::{Deserialize, Serialize};

/// The most that is offered if nobody says otherwise, wei for each gas: 500 gwei, dearer than all but a few hours of
/// Ethereum's last years. A commitment of 60,000 gas costs 0.03 of the chain's currency at that.
pub const CAP: u128 = 500_000_000_000;
/// How much more a replacement offers, percent: above the 10 that common pools ask for, both in fee and in tip.
const RAISE_PERCENT: u128 = 25;

/// An offer, wei for each gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    /// The most that is paid in all.
    pub max: u128,
    /// The most of it that goes to who makes the block.
    pub tip: u128,
}

impl Fees {
    /// The same, at most the cap.
    pub(crate) fn capped(self, cap: u128) -> Self {
        let max = self.max.min(cap);
        Self {
            max,
            tip: self.tip.min(max),
        }
    }

    /// The next offer: what pools take in place of this, and at least what the market asks; `None` if the cap leaves no
    /// room for it. Rounded up.
    pub(crate) fn raised(self, market: Self, cap: u128) -> Option<Self> {
        let more = |fee: u128| fee.saturating_mul(100 + RAISE_PERCENT).div_ceil(100).max(1);
        let (max, tip) = (more(self.max), more(self.tip));
        // The market's wish may be cut by the cap; what a pool wants may not.
        let raised = Self {
            max: max.max(market.max.min(cap)),
            tip: tip.max(market.tip.min(cap)),
        };
        (raised.max <= cap && raised.tip <= raised.max).then_some(raised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;

    #[test]
    fn a_replacement_offers_a_quarter_more_or_what_the_market_asks() {
        let before = Fees {
            max: 10 * GWEI,
            tip: GWEI,
        };
        let calm = before.raised(before, CAP).unwrap();
        assert_eq!((calm.max, calm.tip), (12_500_000_000, 1_250_000_000));
        let dear = Fees {
            max: 200 * GWEI,
            tip: 2 * GWEI,
        };
        assert_eq!(before.raised(dear, CAP), Some(dear));
    }

    #[test]
    fn at_the_cap_nothing_is_offered_in_its_place() {
        let at = |max| Fees { max, tip: GWEI };
        assert_eq!(at(CAP).raised(at(CAP), CAP), None);
        // A market beyond the cap: as much as may be.
        let wish = at(CAP / 2).raised(at(CAP * 9), CAP).unwrap();
        assert_eq!(wish.max, CAP);
        assert_eq!(at(CAP * 2).capped(CAP).max, CAP);
    }

    proptest! {
        #[test]
        fn each_replacement_outbids_by_a_tenth_and_keeps_to_the_cap(
            max in 1..CAP, tip in 0..CAP, market in 0..u128::MAX, asked in 0..u128::MAX,
        ) {
            let before = Fees { max, tip }.capped(CAP);
            let market = Fees { max: market, tip: asked };
            if let Some(after) = before.raised(market, CAP) {
                prop_assert!(after.max * 10 >= before.max * 11);
                prop_assert!(after.tip * 10 >= before.tip * 11);
                prop_assert!(after.tip <= after.max && after.max <= CAP);
            }
        }
    }
}
