//! What gas costs.

use alloy::rpc::types::FeeHistory;

use super::block::Block;
use super::ledger::Chain;

/// What a tip is said to be, wei of each gas: any would do, where transactions are taken in order of arrival.
pub(super) const TIP: u128 = 1_000_000_000;
/// Blocks of one answer: geth's.
const BLOCKS_MAX: u64 = 1_024;

impl Chain {
    /// A price with which a transaction gets into the next block, wei of each gas.
    pub(super) fn gas_price(&self) -> u128 {
        u128::from(self.newest().next_base_fee()) + TIP
    }

    /// Fees of up to `count` blocks, the last of them `newest`, which there is.
    pub(super) fn fee_history(&self, count: u64, newest: u64, percentiles: &[f64]) -> FeeHistory {
        let count = count.min(BLOCKS_MAX).min(newest + 1);
        let oldest = newest + 1 - count;
        let blocks = &self.blocks[oldest as usize..=newest as usize];
        let mut history = FeeHistory {
            oldest_block: oldest,
            ..FeeHistory::default()
        };
        let Some(last) = blocks.last().filter(|_| count > 0) else {
            return history;
        };
        let fees = blocks.iter().map(Block::base_fee);
        let fees = fees.chain([last.next_base_fee()]);
        history.base_fee_per_gas = fees.map(u128::from).collect();
        history.gas_used_ratio = blocks.iter().map(Block::gas_used_ratio).collect();
        history.base_fee_per_blob_gas = vec![1; blocks.len() + 1];
        history.blob_gas_used_ratio = vec![0.0; blocks.len()];
        if !percentiles.is_empty() {
            let tips = blocks.iter().map(|block| tips(block, percentiles));
            history.reward = Some(tips.collect());
        }
        history
    }
}

/// The tip below which the transactions are that used each percentage of the block's gas.
fn tips(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let base_fee = u128::from(block.base_fee());
    let receipts = block.receipts().iter();
    let mut tips: Vec<_> = receipts
        .map(|receipt| {
            let tip = receipt.effective_gas_price.saturating_sub(base_fee);
            (tip, receipt.gas_used)
        })
        .collect();
    tips.sort_unstable();
    let all: u64 = tips.iter().map(|(_, gas)| gas).sum();
    let at = |percentile: &f64| {
        let wanted = (all as f64 * percentile / 100.0) as u64;
        let mut used = 0;
        let reaches = tips.iter().find(|(_, gas)| {
            used += gas;
            used >= wanted
        });
        reaches.or(tips.last()).map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(at).collect()
}
