//! Transactions that are in no block yet.

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{Transaction, TxEnvelope};
use alloy::primitives::{Address, B256};
use std::collections::BTreeMap;

use super::refusal::Refusal;

/// A transaction whose signature was checked.
pub(super) type Signed = Recovered<TxEnvelope>;

/// Transactions that are held: some thousand are more than a world sends between two blocks.
pub(super) const POOL_MAX: usize = 4_096;
/// How much more both fees of a replacement must be, percent: geth's.
const BUMP_PERCENT: u128 = 10;

#[derive(Clone, Debug)]
struct Pooled {
    tx: Signed,
    /// Its place among all that ever came.
    arrival: u64,
}

/// Transactions that are in no block yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    /// By account and nonce. No nonce is below the account's.
    accounts: BTreeMap<Address, BTreeMap<u64, Pooled>>,
    arrivals: u64,
}

/// The next transaction of a [`Queue`].
#[derive(Debug)]
pub(super) struct Next<'a> {
    pub(super) tx: &'a Signed,
}

/// Transactions that can be in the next block, in order of arrival; of an account only the first, until it is
/// said to go on with the account.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    pool: &'a Pool,
    first: BTreeMap<u64, &'a Signed>,
}

impl Pool {
    /// All of it, by account and nonce.
    pub(super) fn into_all(self) -> impl Iterator<Item = Signed> {
        let accounts = self.accounts.into_values();
        accounts.flat_map(|one| one.into_values().map(|pooled| pooled.tx))
    }

    /// Takes a transaction, maybe in place of another of the same account and nonce.
    pub(super) fn insert(&mut self, tx: Signed) -> Result<(), Refusal> {
        if self.len() >= POOL_MAX {
            return Err(Refusal::PoolFull);
        }
        let of_account = self.accounts.entry(tx.signer()).or_default();
        if let Some(held) = of_account.get(&tx.nonce()) {
            if held.tx.tx_hash() == tx.tx_hash() {
                return Err(Refusal::Known);
            }
            if !outbids(&tx, &held.tx) {
                return Err(Refusal::Underpriced);
            }
        }
        let arrival = self.arrivals;
        self.arrivals += 1;
        of_account.insert(tx.nonce(), Pooled { tx, arrival });
        Ok(())
    }

    /// Forgets transactions, by account and nonce.
    pub(super) fn remove(&mut self, gone: &[(Address, u64)]) {
        for (account, nonce) in gone {
            if let Some(of_account) = self.accounts.get_mut(account) {
                of_account.remove(nonce);
                if of_account.is_empty() {
                    self.accounts.remove(account);
                }
            }
        }
    }

    /// The transaction of that hash.
    pub(super) fn find(&self, hash: B256) -> Option<&Signed> {
        let mut all = self.accounts.values().flat_map(BTreeMap::values);
        all.find(|held| *held.tx.tx_hash() == hash)
            .map(|held| &held.tx)
    }

    /// An account's nonce after all that is held without a gap; `mined` is its nonce so far.
    pub(super) fn next_nonce(&self, account: Address, mined: u64) -> u64 {
        let of_account = self.accounts.get(&account);
        let held = |nonce: &u64| of_account.is_some_and(|held| held.contains_key(nonce));
        (mined..).find(|nonce| !held(nonce)).unwrap_or(mined)
    }

    /// What can be in the next block, given each account's nonce.
    pub(super) fn queue(&self, mut nonce: impl FnMut(Address) -> u64) -> Queue<'_> {
        let first = self.accounts.iter().filter_map(|(account, held)| {
            let held = held.get(&nonce(*account))?;
            Some((held.arrival, &held.tx))
        });
        Queue {
            pool: self,
            first: first.collect(),
        }
    }

    fn len(&self) -> usize {
        self.accounts.values().map(BTreeMap::len).sum()
    }
}

impl<'a> Queue<'a> {
    /// The one that came first.
    pub(super) fn next(&mut self) -> Option<Next<'a>> {
        let (_, tx) = self.first.pop_first()?;
        Some(Next { tx })
    }

    /// Says that a transaction is in the block, so that the next of its account can be too.
    pub(super) fn go_on_with(&mut self, after: &Next<'a>) {
        let of_account = self.pool.accounts.get(&after.tx.signer());
        let next = of_account.and_then(|held| held.get(&(after.tx.nonce() + 1)));
        if let Some(next) = next {
            self.first.insert(next.arrival, &next.tx);
        }
    }
}

fn outbids(tx: &Signed, held: &Signed) -> bool {
    let bumped = |fee: u128| fee.saturating_mul(100 + BUMP_PERCENT).div_ceil(100);
    let tip = |tx: &Signed| {
        tx.max_priority_fee_per_gas()
            .unwrap_or(tx.max_fee_per_gas())
    };
    tx.max_fee_per_gas() >= bumped(held.max_fee_per_gas()) && tip(tx) >= bumped(tip(held))
}
