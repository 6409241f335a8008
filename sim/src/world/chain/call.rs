//! Calls that nobody signs, and the gas that they would need.

use alloy::primitives::{Bytes, TxKind, U256};
use alloy::rpc::types::TransactionRequest;
use revm::Database;
use revm::context::result::{ExecutionResult, InvalidTransaction};
use revm::context::{BlockEnv, TxEnv};

use super::block::GAS_LIMIT;
use super::evm::{self, Layer, Run, TX_GAS_MAX};
use super::ledger::{At, Chain};
use super::refusal::Refusal;

/// Least gas of any transaction.
const GAS_MIN: u64 = 21_000;
/// What a call with value passes on though it isn't asked to: an estimate must have it to spare.
const STIPEND: u64 = 2_300;

/// A call on a state.
struct Call<'a> {
    layer: Layer<'a>,
    block: BlockEnv,
    chain_id: u64,
    tx: TxEnv,
}

impl Chain {
    /// What a call returns.
    pub(super) fn call(
        &self,
        request: TransactionRequest,
        at: At,
        now_s: u64,
    ) -> Result<Bytes, Refusal> {
        let mut call = Call::new(self, request, at, now_s)?;
        let result = call.run(call.tx.gas_limit)?;
        returned(result)
    }

    /// A gas limit with which a call goes well, at most 1.5% above the least one: geth's way of looking for it.
    pub(super) fn estimate(
        &self,
        request: TransactionRequest,
        at: At,
        now_s: u64,
    ) -> Result<u64, Refusal> {
        let mut call = Call::new(self, request, at, now_s)?;
        // What anybody sends most, and the one that needs exactly this.
        if call.tx.data.is_empty() && call.tx.gas_limit >= GAS_MIN && call.goes_well(GAS_MIN)? {
            return Ok(GAS_MIN);
        }
        // What was estimated is to be sent.
        let mut high = call.tx.gas_limit.min(TX_GAS_MAX);
        let tried = call.run(high);
        let tried = tried.map_err(|refusal| match refusal {
            Refusal::IntrinsicGas { .. } => Refusal::NoGasEnough(high),
            other => other,
        })?;
        let mut low = GAS_MIN.max(tried.tx_gas_used()) - 1;
        let likely = (evm::gas_needed(&tried) + STIPEND) * 64 / 63;
        match returned(tried) {
            Err(Refusal::Halted(why)) if why.starts_with("out of gas") => {
                return Err(Refusal::NoGasEnough(high));
            }
            other => other?,
        };
        let mut next = likely;
        while low + 1 < high && (high - low) * 1_000 >= high * 15 {
            // The first may be beyond.
            if low < next && next < high {
                match call.goes_well(next)? {
                    true => high = next,
                    false => low = next,
                }
            }
            // Most need little more than they use.
            next = (low + (high - low) / 2).min(low.saturating_mul(2));
        }
        Ok(high)
    }
}

impl<'a> Call<'a> {
    fn new(
        chain: &'a Chain,
        request: TransactionRequest,
        at: At,
        now_s: u64,
    ) -> Result<Self, Refusal> {
        let (mut layer, block) = chain.layer(at, now_s);
        let from = request.from.unwrap_or_default();
        let price = request.max_fee_per_gas.or(request.gas_price).unwrap_or(0);
        let tip = match request.gas_price {
            Some(_) => None,
            None => request.max_priority_fee_per_gas,
        };
        let value = request.value.unwrap_or_default();
        let Ok(account) = layer.basic(from);
        let account = account.unwrap_or_default();
        let mut gas_limit = request.gas.unwrap_or(GAS_LIMIT).min(GAS_LIMIT);
        if price > 0 {
            // No more than the account can pay for.
            let left = account.balance.saturating_sub(value);
            let affordable = left / U256::from(price);
            gas_limit = gas_limit.min(affordable.saturating_to());
        }
        let mut tx = TxEnv {
            caller: from,
            gas_limit,
            gas_price: price,
            gas_priority_fee: tip.filter(|_| price > 0),
            kind: request.to.unwrap_or(TxKind::Create),
            value,
            data: request.input.into_input().unwrap_or_default(),
            nonce: account.nonce,
            chain_id: Some(request.chain_id.unwrap_or(chain.chain_id)),
            access_list: request.access_list.unwrap_or_default(),
            ..TxEnv::default()
        };
        // It has no authorizations and no blobs, the only ones that need something more.
        let _ = tx.derive_tx_type();
        Ok(Self {
            layer,
            block,
            chain_id: chain.chain_id,
            tx,
        })
    }

    fn run(&mut self, gas_limit: u64) -> Result<ExecutionResult, Refusal> {
        let priced = self.tx.gas_price > 0;
        let tx = TxEnv {
            gas_limit,
            ..self.tx.clone()
        };
        let ran = evm::run(
            &mut self.layer,
            self.chain_id,
            Run::Called { priced },
            self.block.clone(),
            tx,
        );
        Ok(ran
            .map_err(|invalid: InvalidTransaction| Refusal::from(invalid))?
            .result)
    }

    fn goes_well(&mut self, gas_limit: u64) -> Result<bool, Refusal> {
        match self.run(gas_limit) {
            Ok(result) => Ok(result.is_success()),
            Err(Refusal::IntrinsicGas { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

fn returned(result: ExecutionResult) -> Result<Bytes, Refusal> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(Refusal::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(Refusal::Halted(reason.to_string())),
    }
}
