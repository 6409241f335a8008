//! The versions of the parameters, as the settlement contract lists them.

use alloy::primitives::{Address, U256};

use super::rpc::Rpc;
use super::{ChainError, Version};
use crate::abi::Settlement;

/// Reads all versions.
pub(super) async fn read(rpc: &Rpc, settlement: Address) -> Result<Vec<Version>, ChainError> {
    let mut versions = Vec::new();
    read_on(rpc, settlement, &mut versions).await?;
    Ok(versions)
}

/// Reads those after the ones that are there.
pub(super) async fn read_on(
    rpc: &Rpc,
    settlement: Address,
    versions: &mut Vec<Version>,
) -> Result<(), ChainError> {
    let count = rpc
        .view(settlement, Settlement::versionCountCall {})
        .await?;
    let mut index = U256::from(versions.len());
    while index < U256::from(count) {
        let version = Settlement::versionAtCall { index };
        versions.push(Version::from(rpc.view(settlement, version).await?));
        index += U256::ONE;
    }
    Ok(())
}

/// The newest of the versions that has begun at `now`, or the first.
pub(super) fn newest_begun(versions: &[Version], now: u64) -> usize {
    let begun = versions.iter().rposition(|version| version.start <= now);
    begun.unwrap_or(0)
}
