//! A contract's refusal, decoded with the errors of all our contracts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use alloy::dyn_abi::{DynSolValue, ErrorExt};
use alloy::json_abi::Error;
use alloy::primitives::Selector;
use alloy::sol_types::{Panic, Revert as RevertString, SolError};

use crate::artifact::ARTIFACTS;

/// The errors of all our contracts, and of those they build on. Kept: a selector is a hash, and who polls a contract is
/// often refused.
static ERRORS: LazyLock<BTreeMap<Selector, &Error>> = LazyLock::new(|| {
    let mut errors = BTreeMap::new();
    for error in ARTIFACTS.iter().flat_map(|artifact| artifact.abi.errors()) {
        errors.entry(error.selector()).or_insert(error);
    }
    errors
});

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
    pub(super) fn decode(data: &[u8]) -> Self {
        let selector = data.first_chunk().map(|selector| Selector::from(*selector));
        let error = selector.and_then(|selector| ERRORS.get(&selector));
        let own = error.and_then(|error| {
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

/// As in Solidity, with names: `NotNextEpoch(epoch: 5, next: 3)`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{RewardVault, Settlement};
    use alloy::primitives::{Address, U256};

    #[test]
    fn a_custom_error_shows_its_name_and_values() {
        let error = Settlement::NotNextEpoch { epoch: 5, next: 3 };
        let revert = Revert::decode(&error.abi_encode());
        assert_eq!(revert.to_string(), "NotNextEpoch(epoch: 5, next: 3)");
    }

    #[test]
    fn another_contracts_error_is_known_too() {
        let error = RewardVault::NotRegistry {
            caller: Address::ZERO,
        };
        let revert = Revert::decode(&error.abi_encode());
        assert_eq!(
            revert.to_string(),
            "NotRegistry(caller: 0x0000000000000000000000000000000000000000)"
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
