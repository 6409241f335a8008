//! The money of an epoch by SPEC section 7, "Score and charges", written from there and not from the product.

use super::books::OfEpoch;

/// 2^30: what a price is for.
const GIB: u128 = 1 << 30;
/// A whole, in ppm.
const WHOLE: u128 = 1_000_000;

/// What so many bytes are worth at full quality, rounded down.
pub(super) fn worth(of: &OfEpoch, bytes: u64) -> u128 {
    u128::from(bytes) * of.price / GIB
}

/// Bills and rewards of an epoch by the records that count, token units: each payer's and each node's, by index.
pub(super) fn by_hand(of: &OfEpoch) -> (Vec<u128>, Vec<u128>) {
    let counted = of.counted.iter().flatten();
    let scores: Vec<u128> = (0..of.nodes.len())
        .map(|node| {
            let of_node = counted.clone().filter(|record| record.node == node);
            let (deliveries, within) = of_node.fold((0, 0), |(deliveries, within), record| {
                let receipt = record.receipt;
                (
                    deliveries + u128::from(receipt.deliveries),
                    within + u128::from(receipt.within),
                )
            });
            let (made, ok) = of.nodes[node].probes;
            part_ppm(within, deliveries).min(part_ppm(ok.into(), made.into()))
        })
        .collect();
    let mut bills = vec![0; of.payers.len()];
    let mut rewards = vec![0; of.nodes.len()];
    for (payer, bill) in of.payers.iter().zip(&mut bills) {
        for (node, reward) in rewards.iter_mut().enumerate() {
            let charged = counted.clone().filter(|record| record.node == node);
            let charged = charged.filter(|record| record.payer == payer.account);
            let bytes: u128 = charged.map(|record| u128::from(record.receipt.bytes)).sum();
            let worth = match scores[node] < of.floor_ppm {
                true => 0,
                false => bytes * of.price * scores[node] / (GIB * WHOLE),
            };
            let available = payer.deposits.1.saturating_sub(payer.before + *bill);
            let amount = worth.min(available);
            *bill += amount;
            *reward += amount;
        }
    }
    (bills, rewards)
}

fn part_ppm(part: u128, whole: u128) -> u128 {
    match whole {
        0 => WHOLE,
        _ => part.min(whole) * WHOLE / whole,
    }
}
