//! What a network is to be, and where it stands.

use alloy::primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use super::Parameters;

/// What a network is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployConfig {
    /// What it agrees on, until its owner schedules something else.
    pub parameters: Parameters,
    /// Start of epoch 0, Unix seconds. Verifiers are admitted at once before it, and after it with delay.
    pub genesis: u64,
    /// What it pays with.
    pub token: TokenConfig,
    /// Who adds issuers and verifiers; `None` for the deployer.
    pub owner: Option<Address>,
    /// Who receives what is slashed and no challenger gets; `None` for the owner.
    pub treasury: Option<Address>,
    /// Seconds between a change's announcement and its effect.
    pub change_delay: u32,
}

/// What a network pays with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenConfig {
    /// An ERC-20 token that is there.
    Existing(Address),
    /// A new one for tests, all of it the deployer's.
    Test {
        /// Its name.
        name: String,
        /// Its symbol.
        symbol: String,
        /// Decimal places of the unit shown to people.
        decimals: u8,
        /// How much there is, token units.
        #[serde(with = "decimal")]
        supply: U256,
    },
}

/// As a decimal string.
mod decimal {
    use alloy::primitives::U256;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        amount: &U256,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<U256, D::Error> {
        let text = String::deserialize(from)?;
        U256::from_str_radix(&text, 10).map_err(serde::de::Error::custom)
    }
}

/// Where a network stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain.
    pub chain_id: u64,
    /// What it pays with.
    pub token: Address,
    /// The contract that checks signatures.
    pub ed25519: Address,
    /// The list of nodes.
    pub registry: Address,
    /// What payers fund and nodes are paid from.
    pub vault: Address,
    /// The settlement contract, by which the network is named.
    pub settlement: Address,
    /// Overturns attestations whose records are false.
    pub record_challenges: Address,
    /// Overturns attestations whose trees aren't built as they must be.
    pub tree_challenges: Address,
    /// Overturns attestations whose amounts are false.
    pub money_challenges: Address,
    /// Slashes issuers who break their word.
    pub issuer_challenges: Address,
    /// Takes what nodes force, and overturns attestations that leave it out.
    pub forced_segments: Address,
    /// Answers whether an attestation states a leaf or counts a receipt.
    pub inclusion: Address,
    /// The block the settlement contract was deployed in.
    pub block: u64,
}
