//! A block before it is sealed: which pending transactions are in it, and what comes of them.

use alloy::consensus::Transaction;
use alloy::primitives::Address;
use revm::context::BlockEnv;
use revm::context::result::ExecutionResult;
use revm::{Database, DatabaseCommit};
use std::convert::Infallible;

use super::evm::{self, Run};
use super::pool::{Pool, Signed};

/// A block before it is sealed.
#[derive(Debug)]
pub(super) struct Draft {
    /// What its transactions saw.
    pub(super) env: BlockEnv,
    /// What is in it, and what came of each.
    pub(super) executed: Vec<(Signed, ExecutionResult)>,
    /// Account and nonce of what can't be in a block any more: its account has spent what it needs.
    pub(super) unpayable: Vec<(Address, u64)>,
}

impl Draft {
    /// Whether no transaction is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.executed.is_empty()
    }

    /// Account and nonce of each of its transactions.
    pub(super) fn taken(&self) -> Vec<(Address, u64)> {
        let executed = self.executed.iter();
        executed.map(|(tx, _)| (tx.signer(), tx.nonce())).collect()
    }
}

/// Runs pending transactions on a state, which keeps what they change: in the order in which they came, but none
/// before those of its account with lower nonces. One that bids less than the base fee, or for which no gas is
/// left, waits, and so do those behind it.
pub(super) fn draft<DB>(db: &mut DB, chain_id: u64, env: BlockEnv, pool: &Pool) -> Draft
where
    DB: Database<Error = Infallible> + DatabaseCommit,
{
    let mut draft = Draft {
        env,
        executed: Vec::new(),
        unpayable: Vec::new(),
    };
    let mut gas_left = draft.env.gas_limit;
    let mut queue = pool.queue(|account| {
        let Ok(info) = db.basic(account);
        info.map_or(0, |info| info.nonce)
    });
    while let Some(next) = queue.next() {
        let tx = next.tx;
        if tx.max_fee_per_gas() < u128::from(draft.env.basefee) || tx.gas_limit() > gas_left {
            continue;
        }
        let from = tx.signer();
        let ran = evm::run(
            db,
            chain_id,
            Run::Mined,
            draft.env.clone(),
            evm::tx_env(from, tx.inner()),
        );
        match ran {
            Ok(ran) => {
                db.commit(ran.state);
                gas_left -= ran.result.tx_gas_used();
                draft.executed.push((tx.clone(), ran.result));
                queue.go_on_with(&next);
            }
            Err(_) => draft.unpayable.push((from, tx.nonce())),
        }
    }
    draft
}
