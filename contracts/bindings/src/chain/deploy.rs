//! A new network: its token if it needs one, registry, vault, settlement and challenge contracts.

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use host::Http;

use super::deployment::{DeployConfig, Deployment, TokenConfig};
use super::manifest::{Contract, Manifest};
use super::part::Part;
use super::rpc::Rpc;
use super::{Answer, ChainConfig, ChainError};
use crate::artifact::code_hash;

/// Deploys a network, asked over `http`, with an account of no other use meanwhile.
///
/// The contracts name each other, so each gets the addresses that the others will have, which follow from the
/// account and its nonce. Interrupted, it leaves contracts that nothing refers to.
pub fn deploy<'a>(
    http: &'a Http,
    rpc: &'a str,
    key: PrivateKeySigner,
    config: &'a DeployConfig,
) -> Answer<'a, Deployment> {
    Box::pin(async move { Ok(deploy_manifest(http, rpc, key, config).await?.deployment()) })
}

/// [`deploy`], and all there is to say of it, for others to check.
pub fn deploy_manifest<'a>(
    http: &'a Http,
    rpc: &'a str,
    key: PrivateKeySigner,
    config: &'a DeployConfig,
) -> Answer<'a, Manifest> {
    Box::pin(async move {
        let deployer = key.address();
        let owner = config.owner.unwrap_or(deployer);
        let config = DeployConfig {
            owner: Some(owner),
            treasury: config.treasury.or(Some(owner)),
            ..config.clone()
        };
        let chain = ChainConfig::new(http, rpc, Address::ZERO);
        let rpc = Rpc::new(&chain.with_key(key))?;
        let chain_id = rpc.chain_id().await?;
        if let TokenConfig::Existing(token) = config.token
            && !rpc.has_code(token).await?
        {
            return Err(ChainError::NoContract {
                address: token,
                chain_id,
            });
        }

        let mut network = Deployment {
            chain_id,
            ..Deployment::default()
        };
        let mut nonce = rpc.nonce("deploy").await?;
        for part in Part::ALL {
            network[part] = match (part, &config.token) {
                (Part::Token, TokenConfig::Existing(token)) => *token,
                _ => {
                    let address = deployer.create(nonce);
                    nonce += 1;
                    address
                }
            };
        }

        let mut manifest = Manifest::new(deployer, config);
        manifest.chain_id = chain_id;
        for part in Part::ALL {
            let address = network[part];
            let mut tx: Option<B256> = None;
            if let Some(code) = part.creation(&network, &manifest.config)? {
                let created = rpc.create(part.contract(), code, address).await?;
                tx = Some(created.tx);
                if part == Part::Settlement {
                    manifest.block = created.block;
                }
            }
            let code_hash = code_hash(&rpc.new_code(address).await?);
            let contract = Contract {
                address,
                code_hash,
                tx,
            };
            manifest.contracts.insert(part, contract);
        }
        Ok(manifest)
    })
}
