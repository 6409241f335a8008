//! What can go wrong between here and the chain, each in one sentence that says what to do.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use alloy::dyn_abi::{DynSolValue, ErrorExt};
use alloy::json_abi::JsonAbi;
use alloy::primitives::{Address, B256};
use alloy::sol_types::{Panic, Revert as RevertString, SolError};
use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use serde::Deserialize;

/// Why a call to the chain failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The configured URL can't be used.
    #[error("the RPC URL isn't an http or https URL; give one such as http://127.0.0.1:8545")]
    BadUrl,
    /// The HTTP client couldn't be made.
    #[error("the HTTP client can't start: {0}; check the system's certificate store")]
    Client(#[source] reqwest::Error),
    /// Nothing answers.
    #[error(
        "no EVM node answers at {url}; check that it runs and that the URL is right ({source})"
    )]
    Unreachable {
        /// The URL, without what may be secret in it.
        url: String,
        /// What the HTTP client says.
        source: Box<reqwest::Error>,
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
        "account {account} still has {pending} transactions pending after {}s; wait, or replace them with a higher fee",
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
    /// An amount that a tree can't hold.
    #[error("a total of {total} token units doesn't fit 120 bits")]
    AmountTooLarge {
        /// The amount.
        total: u128,
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
                match source.downcast::<reqwest::Error>() {
                    Ok(error) if error.is_timeout() => Self::TimedOut { url, call },
                    Ok(error) => Self::Unreachable {
                        url,
                        source: Box::new(error.without_url()),
                    },
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

/// A contract's refusal: the name of its error and the values it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// Name of the custom error, such as `NothingToClaim`; `Error` and `Panic` are Solidity's own. Empty if
    /// the contract gave no reason.
    pub name: String,
    /// Name and value of each of its parameters.
    pub values: Vec<(String, String)>,
}

impl Revert {
    /// Decodes revert data with the errors of all our contracts, and of those they build on.
    fn decode(data: &[u8]) -> Self {
        let own = ABIS.iter().flat_map(JsonAbi::errors).find_map(|error| {
            let body = error.decode_error(data).ok()?.body;
            let names = error.inputs.iter().map(|input| input.name.clone());
            let values = names.zip(body.iter().map(show)).collect();
            Some(Self {
                name: error.name.clone(),
                values,
            })
        });
        let solidity = || {
            if let Ok(error) = RevertString::abi_decode(data) {
                return Some(Self::solidity("Error", "reason", error.reason));
            }
            let panic = Panic::abi_decode(data).ok()?;
            Some(Self::solidity(
                "Panic",
                "code",
                format!("{:#x}", panic.code),
            ))
        };
        let unknown = || match data {
            [] => Self {
                name: String::new(),
                values: Vec::new(),
            },
            _ => Self::solidity("Unknown", "data", alloy::hex::encode_prefixed(data)),
        };
        own.or_else(solidity).unwrap_or_else(unknown)
    }

    fn solidity(name: &str, value: &str, is: String) -> Self {
        Self {
            name: name.into(),
            values: vec![(value.into(), is)],
        }
    }
}

/// As in Solidity, with names: `TotalAboveFunded(total: 5, funded: 3)`.
impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str("it gave no reason");
        }
        write!(f, "{}(", self.name)?;
        for (i, (name, value)) in self.values.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}: {value}")?;
        }
        f.write_str(")")
    }
}

fn show(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Uint(value, _) => value.to_string(),
        DynSolValue::Int(value, _) => value.to_string(),
        DynSolValue::Bool(value) => value.to_string(),
        DynSolValue::Address(value) => value.to_string(),
        DynSolValue::String(value) => value.clone(),
        other => alloy::hex::encode_prefixed(other.abi_encode_packed()),
    }
}

/// The ABIs of the artifacts that the bindings are made from.
static ABIS: LazyLock<[JsonAbi; 4]> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Artifact {
        abi: JsonAbi,
    }
    [
        include_str!("../../../artifacts/Settlement.json"),
        include_str!("../../../artifacts/NodeRegistry.json"),
        include_str!("../../../artifacts/RewardVault.json"),
        include_str!("../../../artifacts/TestToken.json"),
    ]
    .map(|json| {
        let artifact: Artifact = serde_json::from_str(json).expect("`sol!` has read the same file");
        artifact.abi
    })
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{RewardVault, Settlement};
    use alloy::primitives::{U256, aliases::U120};

    #[test]
    fn a_custom_error_shows_its_name_and_values() {
        let error = Settlement::TotalAboveFunded {
            total: U120::from(5),
            funded: U256::from(3),
        };
        let revert = Revert::decode(&error.abi_encode());
        assert_eq!(revert.to_string(), "TotalAboveFunded(total: 5, funded: 3)");
    }

    #[test]
    fn another_contracts_error_is_known_too() {
        let error = RewardVault::NotSettlement {
            caller: Address::ZERO,
        };
        let revert = Revert::decode(&error.abi_encode());
        assert_eq!(
            revert.to_string(),
            "NotSettlement(caller: 0x0000000000000000000000000000000000000000)"
        );
    }

    #[test]
    fn solidity_errors_unknown_ones_and_silence_are_shown() {
        let error = RevertString {
            reason: "no".into(),
        };
        assert_eq!(
            Revert::decode(&error.abi_encode()).to_string(),
            "Error(reason: no)"
        );
        let panic = Panic {
            code: U256::from(0x11),
        };
        assert_eq!(
            Revert::decode(&panic.abi_encode()).to_string(),
            "Panic(code: 0x11)"
        );
        assert_eq!(Revert::decode(&[1, 2]).to_string(), "Unknown(data: 0x0102)");
        assert_eq!(Revert::decode(&[]).to_string(), "it gave no reason");
    }
}
