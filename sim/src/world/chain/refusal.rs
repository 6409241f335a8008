//! Why a request gets no result, in geth's words and codes: callers go by them.

use alloy::primitives::{Bytes, U256};
use alloy::sol_types::{Revert, SolError};
use revm::context::result::InvalidTransaction;
use serde_json::{Value, json};

/// Why a request gets no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("parse error: {0}")]
    NotJson(String),
    #[error("invalid request")]
    NotARequest,
    #[error("the method {0} does not exist/is not available")]
    NoSuchMethod(String),
    #[error("invalid argument {place}: {why}")]
    Parameter { place: usize, why: String },
    #[error("too many arguments, want at most {0}")]
    Parameters(usize),
    #[error("execution reverted{}", reason(.0))]
    Reverted(Bytes),
    #[error("{0}")]
    Halted(String),
    #[error("gas required exceeds allowance ({0})")]
    NoGasEnough(u64),
    #[error("header not found")]
    NoSuchBlock,
    #[error("historical state of block {0} is not available")]
    StateGone(u64),
    #[error("invalid block range params")]
    BlockRange,
    #[error("transaction could not be decoded: {0}")]
    NotATransaction(String),
    #[error("transaction type not supported")]
    TransactionType,
    #[error("invalid sender")]
    Signature,
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Replayable,
    #[error("invalid chain id for signer: have {found} want {expected}")]
    ChainId { expected: u64, found: u64 },
    #[error("nonce too low: next nonce {next}, tx nonce {tx}")]
    NonceTooLow { next: u64, tx: u64 },
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")]
    Funds { balance: U256, cost: U256 },
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas { gas: u64, needed: u64 },
    #[error("exceeds block gas limit")]
    BlockGas,
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    TxGas { gas: u64, cap: u64 },
    #[error("max priority fee per gas higher than max fee per gas")]
    Tip,
    #[error("max fee per gas less than block base fee")]
    BaseFee,
    #[error("already known")]
    Known,
    #[error("replacement transaction underpriced")]
    Underpriced,
    #[error("txpool is full")]
    PoolFull,
    #[error("{0}")]
    Invalid(InvalidTransaction),
}

impl Refusal {
    fn code(&self) -> i64 {
        match self {
            Self::NotJson(_) => -32700,
            Self::NotARequest => -32600,
            Self::NoSuchMethod(_) => -32601,
            Self::Parameter { .. } | Self::Parameters(_) => -32602,
            Self::Reverted(_) => 3,
            _ => -32000,
        }
    }

    /// The `error` of an answer.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({"code": self.code(), "message": self.to_string()});
        if let Self::Reverted(data) = self {
            shown["data"] = json!(data);
        }
        shown
    }
}

impl From<InvalidTransaction> for Refusal {
    fn from(invalid: InvalidTransaction) -> Self {
        match invalid {
            InvalidTransaction::LackOfFundForMaxFee { fee, balance } => Self::Funds {
                balance: *balance,
                cost: *fee,
            },
            InvalidTransaction::CallGasCostMoreThanGasLimit {
                initial_gas,
                gas_limit,
            } => Self::IntrinsicGas {
                gas: gas_limit,
                needed: initial_gas,
            },
            InvalidTransaction::GasFloorMoreThanGasLimit {
                gas_floor,
                gas_limit,
            } => Self::IntrinsicGas {
                gas: gas_limit,
                needed: gas_floor,
            },
            InvalidTransaction::CallerGasLimitMoreThanBlock => Self::BlockGas,
            InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => Self::TxGas {
                gas: gas_limit,
                cap,
            },
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => Self::Tip,
            InvalidTransaction::GasPriceLessThanBasefee => Self::BaseFee,
            InvalidTransaction::NonceTooLow { tx, state } => Self::NonceTooLow { next: state, tx },
            other => Self::Invalid(other),
        }
    }
}

/// The reason that Solidity's `require` gives, as nodes add it.
fn reason(data: &Bytes) -> String {
    match Revert::abi_decode(data) {
        Ok(revert) => format!(": {}", revert.reason),
        Err(_) => String::new(),
    }
}
