//! What can go wrong between here and the chain, each in one sentence that says what to do.

use std::time::Duration;

use alloy::primitives::{Address, B256};
use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use host::HttpError;
use protocol::Epoch;

use super::Revert;
use crate::outbox::OutboxError;

/// Versions that don't follow from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the parameters from epoch {first_epoch} on don't follow the ones before: this isn't a settlement contract of Quittance"
)]
pub struct Incoherent {
    /// The first epoch of the version that doesn't.
    pub first_epoch: Epoch,
}

/// Why a call to the chain failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The configured URL can't be used.
    #[error("the RPC URL isn't an http or https URL; give one such as http://127.0.0.1:8545")]
    BadUrl,
    /// Nothing answers.
    #[error(
        "no EVM node answers at {url}; check that it runs and that the URL is right ({source})"
    )]
    Unreachable {
        /// The URL, without what may be secret in it.
        url: String,
        /// What HTTP says.
        source: Box<HttpError>,
    },
    /// No answer in time.
    #[error("{url} didn't answer `{call}` in time; try again, or use another RPC URL")]
    TimedOut {
        /// The URL, without what may be secret in it.
        url: String,
        /// What was asked.
        call: &'static str,
    },
    /// Another chain than expected.
    #[error("{url} is chain {found}, not {expected}; correct the RPC URL or the chain id")]
    WrongChain {
        /// The URL, without what may be secret in it.
        url: String,
        /// The configured chain id.
        expected: u64,
        /// The chain id there.
        found: u64,
    },
    /// No code at the settlement contract's address.
    #[error("there is no contract at {address} on chain {chain_id}; check address and chain")]
    NoContract {
        /// The address.
        address: Address,
        /// The chain.
        chain_id: u64,
    },
    /// The network's contracts are older than that.
    #[error("this network has no contract for {what}")]
    NotSupported {
        /// For what.
        what: &'static str,
    },
    /// The contract refused, and the call had no effect.
    #[error("the contract refused `{call}`: {revert}")]
    Reverted {
        /// The function.
        call: &'static str,
        /// Its reason.
        revert: Revert,
    },
    /// The node answered with an error of its own.
    #[error("{url} refused `{call}` with error {code}: {message}")]
    Refused {
        /// The URL, without what may be secret in it.
        url: String,
        /// What was asked.
        call: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The node answered with an HTTP error or something that isn't JSON-RPC.
    #[error("{url} gave no usable answer to `{call}`; check the URL, or try again ({source})")]
    Transport {
        /// The URL, without what may be secret in it.
        url: String,
        /// What was asked.
        call: &'static str,
        /// What the transport says.
        source: Box<TransportError>,
    },
    /// An answer that doesn't fit the interface.
    #[error(
        "`{call}` at {address} answered in another form; it isn't the contract of this version"
    )]
    BadAnswer {
        /// The function.
        call: &'static str,
        /// The contract.
        address: Address,
        /// What the decoder says.
        source: alloy::sol_types::Error,
    },
    /// A contract that was deployed isn't seen.
    #[error("{url} doesn't show the contract that was deployed at {address}; use another RPC URL")]
    NoCodeYet {
        /// The URL, without what may be secret in it.
        url: String,
        /// Where it was deployed.
        address: Address,
    },
    /// Sending needs an account.
    #[error("sending `{call}` needs an account; configure its private key")]
    NoKey {
        /// The function.
        call: &'static str,
    },
    /// The account can't pay for gas.
    #[error(
        "account {account} has too little to pay for gas; send it some of the chain's currency"
    )]
    NoGas {
        /// The account.
        account: Address,
    },
    /// Earlier transactions of the account stay pending.
    #[error(
        "account {account} still has {pending} transactions pending after {}s; wait, or, if it wasn't this program that sent them, \
         replace them with a higher fee",
        after.as_secs()
    )]
    StillPending {
        /// The account.
        account: Address,
        /// How many.
        pending: u64,
        /// How long they were waited for.
        after: Duration,
    },
    /// Sent, and not mined in time.
    #[error("`{call}` was sent as {tx} but isn't mined after {}s; it may still be", after.as_secs())]
    NotMined {
        /// The function.
        call: &'static str,
        /// The transaction.
        tx: B256,
        /// How long it was waited for.
        after: Duration,
    },
    /// Another transaction of the account was mined in its place.
    #[error(
        "another transaction of account {account} took the place (nonce {nonce}) of `{call}`: something else sends \
         from it; give each process an account of its own"
    )]
    Overtaken {
        /// The function.
        call: &'static str,
        /// The account.
        account: Address,
        /// The nonce.
        nonce: u64,
    },
    /// What is being sent can't be written down.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Logs that the chain's state says there are.
    #[error(
        "{url} leaves out logs: it has {found} of {expected} of epoch {epoch}'s {what}; use another RPC URL, or wait \
         until it has them"
    )]
    LogsMissing {
        /// The URL, without what may be secret in it.
        url: String,
        /// Which logs.
        what: &'static str,
        /// Of which epoch.
        epoch: Epoch,
        /// How many it has.
        found: usize,
        /// How many there are.
        expected: usize,
    },
    /// Mined, and reverted, though the simulation went well: something changed in between.
    #[error(
        "`{call}` was mined as {tx} and reverted, since the state changed meanwhile; try again"
    )]
    Failed {
        /// The function.
        call: &'static str,
        /// The transaction.
        tx: B256,
    },
    /// An amount that the contracts can't hold.
    #[error("{amount} token units don't fit 96 bits")]
    AmountTooLarge {
        /// The amount.
        amount: u128,
    },
    /// Versions of the parameters that no contract of ours has.
    #[error(transparent)]
    Incoherent(#[from] Incoherent),
    /// A contract was deployed at another address than the others were told.
    #[error(
        "{contract} is at {found} and not at {expected}: the account sent something else meanwhile; deploy again"
    )]
    Misplaced {
        /// The contract.
        contract: &'static str,
        /// Where the others look for it.
        expected: Address,
        /// Where it is.
        found: Address,
    },
}

impl ChainError {
    /// Whether the same call may go well later without anyone doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::StillPending { .. }
            | Self::NotMined { .. }
            | Self::Overtaken { .. }
            | Self::LogsMissing { .. }
            | Self::Failed { .. } => true,
            Self::Transport { source, .. } => match &**source {
                RpcError::Transport(kind) => match kind.as_http_error() {
                    Some(http) => http.status == 429 || http.status >= 500,
                    None => !kind.is_non_retryable(),
                },
                _ => false,
            },
            // Rate limits, and nonces or fees that another transaction has overtaken.
            Self::Refused { code, message, .. } => {
                matches!(code, 429 | -32005)
                    || [
                        "nonce too low",
                        "already known",
                        "underpriced",
                        "rate limit",
                    ]
                    .iter()
                    .any(|words| message.contains(words))
            }
            _ => false,
        }
    }

    /// Whether an EVM node, or the contract, said no: all else may have gone well though it isn't known.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Reverted { .. } | Self::NoGas { .. }
        )
    }

    /// The contract's refusal, if it is one.
    pub fn revert(&self) -> Option<&Revert> {
        match self {
            Self::Reverted { revert, .. } => Some(revert),
            _ => None,
        }
    }

    pub(super) fn from_transport(url: &str, call: &'static str, error: TransportError) -> Self {
        let url = url.to_owned();
        match error {
            RpcError::ErrorResp(error) => match error.as_revert_data() {
                Some(data) => Self::Reverted {
                    call,
                    revert: Revert::decode(&data),
                },
                None if error.message.contains("revert") => Self::Reverted {
                    call,
                    revert: Revert::decode(&[]),
                },
                None => Self::Refused {
                    url,
                    call,
                    code: error.code,
                    message: error.message.into(),
                },
            },
            RpcError::Transport(TransportErrorKind::Custom(source)) => {
                match source.downcast::<HttpError>() {
                    Ok(error) if matches!(*error, HttpError::TimedOut) => {
                        Self::TimedOut { url, call }
                    }
                    Ok(source) => Self::Unreachable { url, source },
                    Err(source) => {
                        let source = RpcError::Transport(TransportErrorKind::Custom(source));
                        Self::Transport {
                            url,
                            call,
                            source: Box::new(source),
                        }
                    }
                }
            }
            source => Self::Transport {
                url,
                call,
                source: Box::new(source),
            },
        }
    }
}
