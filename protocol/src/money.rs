//! Scores and charges: integers only, one division, rounded down. SPEC section 7.

use crate::mass::DeliveryMass;
use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

/// Bytes of a GiB, the unit of price.
pub const GIB: u64 = 1 << 30;
/// Parts per million in a whole.
pub const PPM: u32 = 1_000_000;
/// Bound of every amount and of every sum of amounts, exclusive.
pub const AMOUNT_END: u128 = 1 << 96;
/// Bound of the price per GiB, exclusive: 2^56 bytes at 2^70 per 2^30 bytes are 2^96.
pub const PRICE_END: u128 = 1 << 70;

/// Parts per million, 0 to 1,000,000.
pub type Ppm = u32;

/// What a network pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardTerms {
    /// Token units for 2^30 bytes delivered at a score of 1,000,000; below [`PRICE_END`].
    #[serde(with = "crate::decimal")]
    pub price_per_gib: u128,
    /// Score below which nothing is paid.
    pub sla_floor_ppm: Ppm,
}

/// An amount that doesn't fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount does not fit 96 bits")]
pub struct MoneyError;

fn ratio_ppm(part: u32, whole: u32) -> Ppm {
    match whole {
        // No evidence is no evidence against.
        0 => PPM,
        _ => (u64::from(part.min(whole)) * u64::from(PPM) / u64::from(whole)) as u32,
    }
}

/// The lower of what clients signed and what probes saw, each rounded down.
pub fn score(deliveries: u32, within: u32, probes: u32, probes_ok: u32) -> Ppm {
    ratio_ppm(within, deliveries).min(ratio_ppm(probes_ok, probes))
}

/// `⌊bytes · price · score / (2^30 · 10^6)⌋`, nothing below the floor: what deliveries are worth, whether
/// or not their payer can pay it.
///
/// # Errors
/// If it is 2^96 or more, which no price below [`PRICE_END`] makes it.
pub fn reward(terms: &RewardTerms, mass: DeliveryMass, score: Ppm) -> Result<u128, MoneyError> {
    if score < terms.sla_floor_ppm {
        return Ok(0);
    }
    // 56 + 128 + 20 bits: the product fits 256.
    let product = U256::from(mass.bytes()) * U256::from(terms.price_per_gib) * U256::from(score);
    let amount = product / (U256::from(GIB) * U256::from(PPM));
    u128::try_from(amount)
        .ok()
        .filter(|amount| *amount < AMOUNT_END)
        .ok_or(MoneyError)
}

/// `⌈bytes · price / 2^30⌉`: what tickets that allow so many bytes can cost at most. Rounded up, and only once, so
/// that no charges for them, each rounded down, are ever more.
///
/// # Errors
/// If it is 2^96 or more.
pub fn worth_most(price_per_gib: u128, bytes: u128) -> Result<u128, MoneyError> {
    let product = U256::from(bytes)
        .checked_mul(U256::from(price_per_gib))
        .ok_or(MoneyError)?;
    u128::try_from(product.div_ceil(U256::from(GIB)))
        .ok()
        .filter(|amount| *amount < AMOUNT_END)
        .ok_or(MoneyError)
}

/// What a payer is charged for deliveries of a node with that score: what they are worth, up to what is left
/// of its deposit after all that was billed before.
///
/// # Errors
/// As [`reward`].
pub fn charge(
    terms: &RewardTerms,
    mass: DeliveryMass,
    score: Ppm,
    deposit: u128,
    billed: u128,
) -> Result<u128, MoneyError> {
    // A payer that was billed more than it has now is charged nothing.
    let available = deposit.saturating_sub(billed);
    Ok(reward(terms, mass, score)?.min(available))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mass(bytes: u64) -> DeliveryMass {
        DeliveryMass::new(bytes, 0, 0).unwrap()
    }

    #[test]
    fn a_gib_at_full_score_pays_the_price() {
        let terms = RewardTerms {
            price_per_gib: 10u128.pow(18),
            sla_floor_ppm: 500_000,
        };
        assert_eq!(reward(&terms, mass(GIB), PPM), Ok(10u128.pow(18)));
        assert_eq!(reward(&terms, mass(GIB), 500_000), Ok(10u128.pow(18) / 2));
        assert_eq!(reward(&terms, mass(GIB), 499_999), Ok(0));
        let terms = RewardTerms {
            price_per_gib: 1,
            sla_floor_ppm: 0,
        };
        assert_eq!(reward(&terms, mass(GIB - 1), PPM), Ok(0), "rounds down");
        let terms = RewardTerms {
            price_per_gib: u128::MAX,
            sla_floor_ppm: 0,
        };
        assert_eq!(reward(&terms, mass((1 << 56) - 1), PPM), Err(MoneyError));
    }

    #[test]
    fn what_may_be_owed_is_rounded_up() {
        assert_eq!(worth_most(10, GIB.into()), Ok(10));
        assert_eq!(worth_most(10, 1), Ok(1));
        assert_eq!(worth_most(10, 0), Ok(0));
        assert_eq!(worth_most(0, u128::MAX), Ok(0));
        assert_eq!(worth_most(u128::MAX, u128::MAX), Err(MoneyError));
        assert_eq!(worth_most(1 << 66, 1 << 60), Err(MoneyError));
    }

    #[test]
    fn the_largest_amount_fits_its_96_bits() {
        let most = mass((1 << 56) - 1);
        let at = |price_per_gib| RewardTerms {
            price_per_gib,
            sla_floor_ppm: 0,
        };
        let amount = reward(&at(PRICE_END - 1), most, PPM).unwrap();
        assert!(amount < AMOUNT_END && amount > AMOUNT_END - (1 << 70));
        assert_eq!(reward(&at(PRICE_END * 2), most, PPM), Err(MoneyError));
    }

    #[test]
    fn a_charge_ends_with_the_deposit() {
        let terms = RewardTerms {
            price_per_gib: 1_000,
            sla_floor_ppm: 500_000,
        };
        let charge = |deposit, billed| charge(&terms, mass(GIB), PPM, deposit, billed).unwrap();
        assert_eq!(charge(5_000, 0), 1_000);
        assert_eq!(charge(5_000, 4_000), 1_000);
        assert_eq!(charge(5_000, 4_001), 999);
        assert_eq!(charge(5_000, 5_000), 0);
        assert_eq!(charge(5_000, 5_001), 0, "billed before, withdrawn since");
        assert_eq!(super::charge(&terms, mass(GIB), 499_999, 5_000, 0), Ok(0));
    }

    #[test]
    fn the_score_is_the_worse_of_both_kinds_of_evidence() {
        assert_eq!(score(0, 0, 0, 0), PPM);
        assert_eq!(score(3, 2, 0, 0), 666_666);
        assert_eq!(score(3, 3, 3, 1), 333_333);
        assert_eq!(score(3, 1, 3, 3), 333_333);
    }

    proptest! {
        #[test]
        fn splitting_bytes_never_pays_more(a in 0u64..1 << 55, b in 0u64..1 << 55,
                                           price in 0u128..1 << 60, score in 0u32..=PPM) {
            let terms = RewardTerms { price_per_gib: price, sla_floor_ppm: 0 };
            let whole = reward(&terms, mass(a + b), score).unwrap();
            let parts = reward(&terms, mass(a), score).unwrap() + reward(&terms, mass(b), score).unwrap();
            prop_assert!(parts <= whole && whole <= parts + 1);
        }

        #[test]
        fn tickets_never_cost_more_than_they_can(bytes in prop::collection::vec(0u64..1 << 50, 1..9),
                                                 price in 0u128..1 << 60, score in 0u32..=PPM) {
            let terms = RewardTerms { price_per_gib: price, sla_floor_ppm: 0 };
            let charged: u128 = bytes.iter().map(|bytes| reward(&terms, mass(*bytes), score).unwrap()).sum();
            let most = worth_most(price, bytes.iter().map(|bytes| u128::from(*bytes)).sum());
            prop_assert!(most.is_err() || charged <= most.unwrap());
        }

        #[test]
        fn nobody_is_billed_beyond_its_deposit(bytes in 0u64..1 << 56, price in 0..PRICE_END, score in 0u32..=PPM,
                                               deposit: u128, billed: u128) {
            let terms = RewardTerms { price_per_gib: price, sla_floor_ppm: 0 };
            let amount = charge(&terms, mass(bytes), score, deposit, billed).unwrap();
            prop_assert!(amount < AMOUNT_END && amount <= reward(&terms, mass(bytes), score).unwrap());
            prop_assert!(amount == 0 || billed + amount <= deposit);
        }

        #[test]
        fn a_score_is_never_above_one(d: u32, w: u32, p: u32, o: u32) {
            prop_assert!(score(d, w, p, o) <= PPM);
        }
    }
}
