//! The one table of a network's contracts: what each is compiled from, what its constructor is given, and
//! which others it names. Deploying goes through it, and so does verifying.
//!
//! Another contract is another variant, and the compiler then asks for the rest.

use std::ops::{Index, IndexMut};

use alloy::primitives::Address;
use alloy::sol_types::SolConstructor;
use serde::{Deserialize, Serialize};

use super::ChainError;
use super::deployment::{DeployConfig, Deployment, TokenConfig};
use crate::abi::{
    ForcedSegments, Inclusion, IssuerChallenges, MoneyChallenges, NodeRegistry, RecordChallenges,
    RewardVault, Settlement, TestToken, TreeChallenges,
};
use crate::artifact::artifact;

/// A contract of a network, by what it is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the network pays with.
    Token,
    /// Checks signatures.
    Ed25519,
    /// The list of nodes.
    Registry,
    /// What payers fund and nodes are paid from.
    Vault,
    /// By which the network is named.
    Settlement,
    /// Overturns attestations whose records are false.
    RecordChallenges,
    /// Overturns attestations whose trees aren't built as they must be.
    TreeChallenges,
    /// Overturns attestations whose amounts are false.
    MoneyChallenges,
    /// Slashes issuers who break their word.
    IssuerChallenges,
    /// Takes what nodes force, and overturns attestations that leave it out.
    ForcedSegments,
    /// Answers whether an attestation states a leaf or counts a receipt.
    Inclusion,
}

impl Part {
    /// All of them, in the order in which they are deployed.
    pub const ALL: [Self; 11] = [
        Self::Token,
        Self::Ed25519,
        Self::Registry,
        Self::Vault,
        Self::Settlement,
        Self::RecordChallenges,
        Self::TreeChallenges,
        Self::MoneyChallenges,
        Self::IssuerChallenges,
        Self::ForcedSegments,
        Self::Inclusion,
    ];

    /// Its name in manifests; whoever names it has a function of this name that says where it is.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Ed25519 => "ed25519",
            Self::Registry => "registry",
            Self::Vault => "vault",
            Self::Settlement => "settlement",
            Self::RecordChallenges => "record_challenges",
            Self::TreeChallenges => "tree_challenges",
            Self::MoneyChallenges => "money_challenges",
            Self::IssuerChallenges => "issuer_challenges",
            Self::ForcedSegments => "forced_segments",
            Self::Inclusion => "inclusion",
        }
    }

    /// The contract that it is compiled from. A network's token may be another, see [`TokenConfig`].
    pub const fn contract(self) -> &'static str {
        match self {
            Self::Token => "TestToken",
            Self::Ed25519 => "Ed25519",
            Self::Registry => "NodeRegistry",
            Self::Vault => "RewardVault",
            Self::Settlement => "Settlement",
            Self::RecordChallenges => "RecordChallenges",
            Self::TreeChallenges => "TreeChallenges",
            Self::MoneyChallenges => "MoneyChallenges",
            Self::IssuerChallenges => "IssuerChallenges",
            Self::ForcedSegments => "ForcedSegments",
            Self::Inclusion => "Inclusion",
        }
    }

    /// Whether it may overturn and slash.
    pub const fn challenges(self) -> bool {
        match self {
            Self::RecordChallenges
            | Self::TreeChallenges
            | Self::MoneyChallenges
            | Self::IssuerChallenges
            | Self::ForcedSegments => true,
            Self::Token
            | Self::Ed25519
            | Self::Registry
            | Self::Vault
            | Self::Settlement
            | Self::Inclusion => false,
        }
    }

    /// The contracts that it names for good.
    pub(super) const fn names(self) -> &'static [Self] {
        use Part::{Ed25519, Registry, Settlement, Token, Vault};
        match self {
            Token | Ed25519 => &[],
            Registry => &[Token, Ed25519, Vault, Settlement],
            Vault => &[Token, Registry, Settlement],
            Settlement => &[Token, Ed25519, Registry, Vault],
            Self::RecordChallenges | Self::IssuerChallenges | Self::ForcedSegments => {
                &[Settlement, Registry, Vault, Ed25519]
            }
            Self::TreeChallenges | Self::MoneyChallenges => &[Settlement, Registry, Vault],
            Self::Inclusion => &[Settlement],
        }
    }

    /// What deploys it: its code and its constructor's arguments. `None` for a token that was there before.
    pub(super) fn creation(
        self,
        network: &Deployment,
        config: &DeployConfig,
    ) -> Result<Option<Vec<u8>>, ChainError> {
        let settlement_ = network.settlement;
        let arguments = match self {
            Self::Token => match &config.token {
                TokenConfig::Existing(_) => return Ok(None),
                TokenConfig::Test {
                    name,
                    symbol,
                    decimals,
                    supply,
                } => TestToken::constructorCall {
                    name_: name.clone(),
                    symbol_: symbol.clone(),
                    decimals_: *decimals,
                    supply: *supply,
                }
                .abi_encode(),
            },
            Self::Ed25519 => Vec::new(),
            Self::Registry => NodeRegistry::constructorCall {
                token_: network.token,
                ed25519_: network.ed25519,
                vault_: network.vault,
                settlement_,
            }
            .abi_encode(),
            Self::Vault => RewardVault::constructorCall {
                token_: network.token,
                registry_: network.registry,
                settlement_,
            }
            .abi_encode(),
            Self::Settlement => {
                let owner = config.owner.unwrap_or(Address::ZERO);
                Settlement::constructorCall {
                    config: Settlement::Config {
                        registry: network.registry,
                        vault: network.vault,
                        ed25519: network.ed25519,
                        token: network.token,
                        owner,
                        treasury: config.treasury.unwrap_or(owner),
                        changeDelay: config.change_delay,
                        genesis: config.genesis,
                        challengers: network.challenges(),
                    },
                    first: (&config.parameters).try_into()?,
                }
                .abi_encode()
            }
            Self::RecordChallenges => {
                RecordChallenges::constructorCall { settlement_ }.abi_encode()
            }
            Self::TreeChallenges => TreeChallenges::constructorCall { settlement_ }.abi_encode(),
            Self::MoneyChallenges => MoneyChallenges::constructorCall { settlement_ }.abi_encode(),
            Self::IssuerChallenges => {
                IssuerChallenges::constructorCall { settlement_ }.abi_encode()
            }
            Self::ForcedSegments => ForcedSegments::constructorCall { settlement_ }.abi_encode(),
            Self::Inclusion => Inclusion::constructorCall { settlement_ }.abi_encode(),
        };
        let creation = &artifact(self.contract()).creation;
        Ok(Some([&creation[..], &arguments].concat()))
    }
}

/// One of its contracts.
impl Index<Part> for Deployment {
    type Output = Address;

    fn index(&self, part: Part) -> &Address {
        match part {
            Part::Token => &self.token,
            Part::Ed25519 => &self.ed25519,
            Part::Registry => &self.registry,
            Part::Vault => &self.vault,
            Part::Settlement => &self.settlement,
            Part::RecordChallenges => &self.record_challenges,
            Part::TreeChallenges => &self.tree_challenges,
            Part::MoneyChallenges => &self.money_challenges,
            Part::IssuerChallenges => &self.issuer_challenges,
            Part::ForcedSegments => &self.forced_segments,
            Part::Inclusion => &self.inclusion,
        }
    }
}

impl IndexMut<Part> for Deployment {
    fn index_mut(&mut self, part: Part) -> &mut Address {
        match part {
            Part::Token => &mut self.token,
            Part::Ed25519 => &mut self.ed25519,
            Part::Registry => &mut self.registry,
            Part::Vault => &mut self.vault,
            Part::Settlement => &mut self.settlement,
            Part::RecordChallenges => &mut self.record_challenges,
            Part::TreeChallenges => &mut self.tree_challenges,
            Part::MoneyChallenges => &mut self.money_challenges,
            Part::IssuerChallenges => &mut self.issuer_challenges,
            Part::ForcedSegments => &mut self.forced_segments,
            Part::Inclusion => &mut self.inclusion,
        }
    }
}

impl Deployment {
    /// The contracts that may overturn and slash.
    pub fn challenges(&self) -> Vec<Address> {
        let challenges = Part::ALL.into_iter().filter(|part| part.challenges());
        challenges.map(|part| self[part]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::ARTIFACTS;

    #[test]
    fn every_immutable_is_one_that_verifying_looks_at() {
        for part in Part::ALL {
            let more = match part {
                // Its decimals.
                Part::Token => 1,
                // Its genesis and change delay.
                Part::Settlement => 2,
                _ => 0,
            };
            let artifact = artifact(part.contract());
            let checked = part.names().len() + more;
            assert_eq!(artifact.immutables(), checked, "{}", artifact.name);
            for named in part.names() {
                let function = artifact.abi.function(named.role());
                let signature = function.expect("a function says where it is")[0].signature();
                assert_eq!(signature, format!("{}()", named.role()));
            }
        }
    }

    #[test]
    fn every_contract_has_its_part() {
        let mut parts: Vec<_> = Part::ALL.iter().map(|part| part.contract()).collect();
        parts.sort_unstable();
        let artifacts: Vec<_> = ARTIFACTS.iter().map(|artifact| artifact.name).collect();
        assert_eq!(parts, artifacts);
        for part in Part::ALL {
            let json = serde_json::to_value(part).expect("a name");
            assert_eq!(json, part.role());
        }
    }
}
