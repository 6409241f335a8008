//! Records that nodes force on chain, so that verifiers can't leave them out.

use alloy::primitives::{Address, Bytes};
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use futures::{StreamExt, TryStreamExt, stream};
use protocol::{RECORD_BYTES, Record};
use std::collections::BTreeMap;

use super::events::STRETCH;
use super::{Answer, Chain, ChainError, Sent};
use crate::abi::ForcedSegments;
use crate::challenge::Contract;

/// Most records of a chunk, as in the contract.
pub const FORCED_RECORDS_MAX: usize = 512;

/// Questions to the chain that are open at a time.
const QUESTIONS_AT_ONCE: usize = 16;

/// Records that a node forced in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedChunk {
    /// Registry index of the node.
    pub node: u32,
    /// Which of its chunks of the epoch, from 0.
    pub chunk: u32,
    /// Strictly increasing by ticket.
    pub records: Vec<Record>,
}

impl Chain {
    /// The records that nodes forced for an epoch so far, by registry index, in the order of their chunks; for
    /// good once the force window is over. Cancel-safe.
    pub fn forced_records(&self, epoch: u64) -> Answer<'_, BTreeMap<u32, Vec<Record>>> {
        Box::pin(async move {
            let mut forced = BTreeMap::<u32, Vec<Record>>::new();
            for chunk in self.forced_chunks(epoch).await? {
                forced.entry(chunk.node).or_default().extend(chunk.records);
            }
            Ok(forced)
        })
    }

    /// The chunks that nodes forced for an epoch so far, each node's in their order. Cancel-safe.
    pub fn forced_chunks(&self, epoch: u64) -> Answer<'_, Vec<ForcedChunk>> {
        Box::pin(async move {
            let mut forced = Vec::new();
            let window = self.timeline().force_window(epoch);
            let head = self.inner.rpc.latest_block().await?;
            if window.is_empty() || head.timestamp < window.start {
                return Ok(forced);
            }
            let contracts = self.challenge_contracts().await?;
            let Some(contract) = contracts.get(Contract::ForcedSegments) else {
                return Ok(forced);
            };
            let mut from = self.first_block_since(window.start, head.number).await?;
            let end = self.first_block_since(window.end, head.number).await?;
            while from < end {
                let to = end.min(from + STRETCH) - 1;
                let filter = Filter::new()
                    .address(contract)
                    .event_signature(ForcedSegments::SegmentForced::SIGNATURE_HASH)
                    .from_block(from)
                    .to_block(to);
                for log in self.inner.rpc.logs(&filter).await? {
                    forced.extend(chunk(&log, epoch));
                }
                from = to + 1;
            }
            self.all_forced(contract, epoch, &forced).await?;
            Ok(forced)
        })
    }

    /// Whether the logs have all chunks that the contract's state has: an RPC that leaves some out would have a verifier
    /// attest without them, and lose its bond.
    async fn all_forced(
        &self,
        contract: Address,
        epoch: u64,
        forced: &[ForcedChunk],
    ) -> Result<(), ChainError> {
        let mut found = BTreeMap::<u32, usize>::new();
        for chunk in forced {
            *found.entry(chunk.node).or_default() += 1;
        }
        let counted = async |node: u32| {
            let call = ForcedSegments::chunkCountCall { epoch, node };
            let expected = self.view(contract, call).await? as usize;
            Ok::<_, ChainError>((node, expected))
        };
        let nodes = self.node_count().await?;
        let mut counts = stream::iter((0..nodes).map(counted)).buffered(QUESTIONS_AT_ONCE);
        while let Some((node, expected)) = counts.try_next().await? {
            let found = found.get(&node).copied().unwrap_or_default();
            if found != expected {
                return Err(ChainError::LogsMissing {
                    url: self.inner.rpc.url().into(),
                    what: "forced records",
                    epoch,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// Forces records of a node, at most [`FORCED_RECORDS_MAX`], strictly increasing by ticket. The account must
    /// be the node's operator, and the time the epoch's force window. Not cancel-safe; sent again, they are there
    /// twice and count once.
    pub fn force_commit<'a>(
        &'a self,
        epoch: u64,
        node: u32,
        records: &'a [Record],
    ) -> Answer<'a, Sent> {
        Box::pin(async move {
            let contracts = self.challenge_contracts().await?;
            let Some(contract) = contracts.get(Contract::ForcedSegments) else {
                return Err(ChainError::NotSupported {
                    what: "forcing records",
                });
            };
            let records: Vec<u8> = records.iter().flat_map(Record::to_bytes).collect();
            let call = ForcedSegments::forceCommitCall {
                epoch,
                node,
                records: Bytes::from(records),
            };
            let until = self.timeline().force_window(epoch).end;
            self.inner.rpc.send(contract, call, Some(until)).await
        })
    }
}

/// What a node forced, if it is of that epoch. The contract takes nothing that isn't whole records.
fn chunk(log: &Log, epoch: u64) -> Option<ForcedChunk> {
    let event = ForcedSegments::SegmentForced::decode_log(&log.inner).ok()?;
    if event.epoch != epoch {
        return None;
    }
    let (records, _) = event.records.as_chunks::<RECORD_BYTES>();
    Some(ForcedChunk {
        node: event.node,
        chunk: event.chunk,
        records: records.iter().map(Record::from_bytes).collect(),
    })
}
