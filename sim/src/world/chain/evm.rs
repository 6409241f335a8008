//! One transaction on one state: `revm` with mainnet's rules.

use alloy::consensus::Transaction;
use alloy::primitives::Address;
use revm::context::result::{EVMError, ExecutionResult, InvalidTransaction, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::handler::{Handler, MainnetHandler};
use revm::primitives::hardfork::SpecId;
use revm::{Database, ExecuteEvm, MainBuilder, MainContext};
use std::convert::Infallible;

/// The chain's accounts, code and storage.
pub(super) type State = CacheDB<EmptyDB>;
/// What was changed over the state, and may be thrown away.
pub(super) type Layer<'a> = CacheDB<&'a State>;

/// The rules that hold: mainnet's, and those of the anvil that tests compare with.
pub(super) const SPEC: SpecId = SpecId::OSAKA;
/// Most gas that a transaction may ask for (EIP-7825).
pub(super) const TX_GAS_MAX: u64 = revm::primitives::eip7825::TX_GAS_LIMIT_CAP;

/// How a transaction is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// As in a block.
    Mined,
    /// Whether it may be in some later block, after others of its account and at another base fee.
    Admitted,
    /// As a call that nobody signed, and that pays only if it names a price.
    Called {
        /// Whether it names one.
        priced: bool,
    },
}

fn rules(chain_id: u64, run: Run) -> CfgEnv {
    let mut rules = CfgEnv::new_with_spec(SPEC).with_chain_id(chain_id);
    match run {
        Run::Mined => {}
        Run::Admitted => {
            rules.disable_nonce_check = true;
            rules.disable_base_fee = true;
        }
        Run::Called { priced } => {
            rules.disable_nonce_check = true;
            rules.disable_eip3607 = true;
            rules.disable_base_fee = !priced;
            // The block's limit is what bounds a call.
            rules.tx_gas_limit_cap = Some(u64::MAX);
        }
    }
    rules
}

/// Runs a transaction; the state keeps nothing of it.
pub(super) fn run<DB: Database<Error = Infallible>>(
    db: &mut DB,
    chain_id: u64,
    run: Run,
    block: BlockEnv,
    tx: TxEnv,
) -> Result<ResultAndState, InvalidTransaction> {
    let mut evm = Context::mainnet()
        .with_db(db)
        .with_cfg(rules(chain_id, run))
        .with_block(block)
        .build_mainnet();
    evm.transact(tx).map_err(invalid)
}

/// Checks what makes a transaction one that no block may hold, without running it.
pub(super) fn check(
    db: &mut Layer<'_>,
    chain_id: u64,
    block: BlockEnv,
    tx: TxEnv,
) -> Result<(), InvalidTransaction> {
    let mut evm = Context::mainnet()
        .with_db(db)
        .with_cfg(rules(chain_id, Run::Admitted))
        .with_block(block)
        .with_tx(tx)
        .build_mainnet();
    let checked = MainnetHandler::default().validate(&mut evm);
    checked.map(drop).map_err(invalid)
}

fn invalid(error: EVMError<Infallible>) -> InvalidTransaction {
    match error {
        EVMError::Transaction(error) => error,
        // A block of ours has all that a header needs, and no precompile here is fatal.
        other => InvalidTransaction::Str(other.to_string().into()),
    }
}

/// What a signed transaction is to the EVM.
pub(super) fn tx_env(from: Address, tx: &impl Transaction) -> TxEnv {
    TxEnv {
        tx_type: tx.ty(),
        caller: from,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: Vec::new(),
    }
}

/// Gas that a transaction had to have: what is refunded it had to have first.
pub(super) fn gas_needed(result: &ExecutionResult) -> u64 {
    let gas = result.gas();
    gas.total_gas_spent().max(gas.floor_gas())
}
