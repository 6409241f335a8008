//! Settings: defaults, then a TOML file, then the environment, then flags; unknown keys are refused.

use anyhow::{Context, Result, anyhow};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Settings of one subcommand: every one may be absent, and a higher source wins over a lower.
pub(crate) trait Settings: Sized + DeserializeOwned + Default {
    fn or(self, lower: Self) -> Self;
}

/// Declares a subcommand's settings once: as flags, as environment variables and as keys of a file.
/// With `@chain` it gets those that say which chain.
macro_rules! settings {
    (@chain $(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $crate::settings::settings! {
            $(#[$meta])* $name {
                /// URL of an Ethereum node's JSON-RPC; of several, with commas between: the next is asked where one fails,
                /// and all are given what is sent.
                #[arg(long, env = "QUITTANCE_RPC", value_name = "URL", hide_env_values = true)]
                rpc: String,
                /// Address of the settlement contract.
                #[arg(long, env = "QUITTANCE_SETTLEMENT", value_name = "ADDRESS")]
                settlement: protocol::Address,
                /// Chain id expected at the RPC URL [default: whatever is there].
                #[arg(long, env = "QUITTANCE_CHAIN_ID", value_name = "ID")]
                chain_id: u64,
                /// The most to offer for gas, gwei [default: 500]. What isn't mined is offered more for, up to that.
                #[arg(long, env = "QUITTANCE_FEE_CAP_GWEI", value_name = "GWEI")]
                fee_cap_gwei: u64,
                $($(#[$field_meta])* $field: $ty,)*
            }
        }
        impl $name {
            /// How to reach the chain, without an account.
            #[allow(dead_code)]
            pub(crate) fn chain(&self) -> anyhow::Result<contracts::ChainConfig> {
                use $crate::settings::require;
                let rpc = require(&self.rpc, "rpc", "an Ethereum node's URL")?;
                let settlement = require(&self.settlement, "settlement", "the settlement contract's address")?;
                let mut config = contracts::ChainConfig::new(&host::Http::system(), rpc, settlement);
                config.chain_id = self.chain_id;
                if let Some(gwei) = self.fee_cap_gwei {
                    config.fee_cap = u128::from(gwei) * 1_000_000_000;
                }
                config.outbox = $crate::state::outbox();
                Ok(config)
            }
        }
    };
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, clap::Args, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            $($(#[$field_meta])* pub(crate) $field: Option<$ty>,)*
        }
        impl $crate::settings::Settings for $name {
            fn or(self, lower: Self) -> Self {
                Self { $($field: self.$field.or(lower.$field),)* }
            }
        }
    };
}
pub(crate) use settings;

/// What flags and environment say, over what the file says.
pub(crate) fn load<T: Settings>(given: T, file: Option<&Path>) -> Result<T> {
    let Some(path) = file else { return Ok(given) };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the config file {}", path.display()))?;
    let lower: T = toml::from_str(&text)
        .with_context(|| format!("the config file {} is not right", path.display()))?;
    Ok(given.or(lower))
}

/// A setting that has no default.
pub(crate) fn require<T: Clone>(setting: &Option<T>, key: &str, what: &str) -> Result<T> {
    setting.clone().ok_or_else(|| {
        anyhow!(
            "{what} is needed: give --{}, set QUITTANCE_{}, or put {key} into the config file",
            key.replace('_', "-"),
            key.to_uppercase()
        )
    })
}

/// An amount in the token's smallest unit. A file gives it as a number or, since TOML's end at 2^63, as a
/// string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units(pub(crate) u128);

impl FromStr for Units {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of token units")]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(from)? {
            Form::Number(number) => Ok(Self(number.into())),
            Form::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

/// A folder that is made if it isn't there.
pub(crate) fn folder(path: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("cannot create the folder {}", path.display()))?;
    path.canonicalize()
        .with_context(|| format!("cannot use the folder {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    settings! {
        /// For this test.
        Sample {
            /// A number.
            #[arg(long)]
            number: u32,
            /// A word.
            #[arg(long)]
            word: String,
            /// An amount.
            #[arg(long)]
            amount: Units,
        }
    }

    #[test]
    fn a_file_gives_amounts_of_any_size() {
        let amount = |text: &str| toml::from_str::<Sample>(&format!("amount = {text}"));
        let parsed = |text: &str| amount(text).unwrap().amount;
        assert_eq!(parsed("7"), Some(Units(7)));
        let large = "1000000000000000000000000";
        assert_eq!(parsed(&format!("\"{large}\"")), Some(Units(10u128.pow(24))));
        for wrong in ["-1", "1.5", "\"ten\"", "\"-1\""] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_unknown_keys_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "number = 1\nword = \"file\"\n").unwrap();
        let given = Sample {
            number: Some(2),
            ..Sample::default()
        };
        let loaded = load(given, Some(&path)).unwrap();
        assert_eq!(
            (loaded.number, loaded.word.as_deref()),
            (Some(2), Some("file"))
        );
        std::fs::write(&path, "numbr = 1\n").unwrap();
        let error = format!("{:#}", load(Sample::default(), Some(&path)).unwrap_err());
        assert!(error.contains("unknown field `numbr`"), "{error}");
        let missing = require(&None::<u32>, "data_dir", "a folder")
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("--data-dir") && missing.contains("QUITTANCE_DATA_DIR"),
            "{missing}"
        );
    }
}
