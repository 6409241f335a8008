//! A chain told again: what was sent in each block and what came of it, and the state in the end.

use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Address, B256, Bytes, U256};
use revm::DatabaseRef;
use std::collections::BTreeMap;

use super::block::Block;
use super::ledger::{Chain, Genesis};

/// A block: what another node needs to make it, and how it has to come out there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub number: u64,
    /// Its time, Unix seconds.
    pub time_s: u64,
    /// Its transactions in their order, signed, as they are sent.
    pub transactions: Vec<Bytes>,
    /// What commits to them.
    pub transactions_root: B256,
    /// What commits to the status, gas and logs of each.
    pub receipts_root: B256,
    /// Gas that all of them used.
    pub gas_used: u64,
    /// Base fee, wei of each gas.
    pub base_fee: u64,
}

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Its ether, wei.
    pub balance: U256,
    /// Transactions that it sent, or contracts that it made.
    pub nonce: u64,
    /// Its code; empty of one that is no contract.
    pub code: Bytes,
    /// Slots that were ever written or read, whatever is in them.
    pub storage: BTreeMap<U256, U256>,
}

impl Chain {
    /// What it began with, but for its mining.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// All blocks but the first, in order; those that were given up aren't among them.
    pub fn told(&self) -> impl Iterator<Item = Told> {
        self.blocks.iter().skip(1).map(Block::told)
    }

    /// The state after the newest block.
    pub fn accounts(&self) -> BTreeMap<Address, Account> {
        let accounts = self.state.cache.accounts.iter().map(|(address, held)| {
            let Ok(code) = self.state.code_by_hash_ref(held.info.code_hash);
            let account = Account {
                balance: held.info.balance,
                nonce: held.info.nonce,
                code: code.original_bytes(),
                storage: held
                    .storage
                    .iter()
                    .map(|(slot, value)| (*slot, *value))
                    .collect(),
            };
            (*address, account)
        });
        accounts.collect()
    }
}

impl Block {
    fn told(&self) -> Told {
        let header = self.header();
        let signed = self.transactions().iter();
        Told {
            number: self.number(),
            time_s: self.time_s(),
            transactions: signed.map(|tx| tx.inner.encoded_2718().into()).collect(),
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            gas_used: header.gas_used,
            base_fee: self.base_fee(),
        }
    }
}
