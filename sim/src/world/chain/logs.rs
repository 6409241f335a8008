//! Finding logs.

use alloy::eips::BlockNumberOrTag;
use alloy::rpc::types::{Filter, FilterBlockOption, Log};

use super::block::Block;
use super::ledger::Chain;
use super::refusal::Refusal;

impl Chain {
    /// The logs that a filter asks for, in the order of the chain. Blocks that aren't there yet have none.
    pub(super) fn logs(&self, filter: &Filter) -> Result<Vec<Log>, Refusal> {
        let blocks = match &filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => {
                let named = self.blocks.iter().position(|block| block.hash() == *hash);
                let named = named.ok_or(Refusal::NoSuchBlock)?;
                &self.blocks[named..=named]
            }
            FilterBlockOption::Range {
                from_block,
                to_block,
            } => {
                let from = self.bound(from_block.unwrap_or_default());
                let to = self.bound(to_block.unwrap_or_default());
                if from > to {
                    return Err(Refusal::BlockRange);
                }
                let end = to.saturating_add(1).min(self.blocks.len() as u64);
                let from = from.min(end);
                &self.blocks[from as usize..end as usize]
            }
        };
        let maybe = blocks
            .iter()
            .filter(|block| filter.matches_bloom(block.bloom()));
        let logs = maybe.flat_map(Block::receipts).flat_map(|one| one.logs());
        Ok(logs
            .filter(|log| filter.matches(&log.inner))
            .cloned()
            .collect())
    }

    fn bound(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            // What is pending has no logs yet.
            BlockNumberOrTag::Latest
            | BlockNumberOrTag::Safe
            | BlockNumberOrTag::Finalized
            | BlockNumberOrTag::Pending => self.newest().number(),
        }
    }
}
