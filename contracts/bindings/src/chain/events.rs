//! Finding events: the transactions that attested an epoch, overturned it, or committed its ticket logs; changes
//! that were announced.
//!
//! Many public nodes refuse `eth_getLogs` over more than some thousand blocks. So the block is found by its
//! time first, bisecting, and the logs are read a stretch at a time from there. Where events are rare and may be
//! anywhere, as long stretches are tried as the node grants.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256};
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::{SolCall, SolEvent};
use protocol::Roots;
use std::collections::BTreeMap;

use super::{Answer, Chain, ChainError, Statement, Status};
use crate::abi::Settlement;

/// Blocks of one query: what the strictest of the common public nodes allow.
pub(super) const STRETCH: u64 = 1_000;

/// The transaction that completed an epoch's quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationTx {
    /// The epoch.
    pub epoch: u64,
    /// The transaction.
    pub tx: B256,
    /// The block it is in.
    pub block: u64,
    /// The verifier whose vote it was.
    pub verifier: Address,
    /// What the attestation's digest stands for.
    pub roots: Roots,
    /// Hash of the nodes tree's uppermost element.
    pub nodes_top: B256,
    /// Number of leaves of the nodes tree.
    pub nodes: u32,
    /// Number of leaves of the bills tree.
    pub payers: u32,
    /// Number of leaves of the charges tree.
    pub charges: u32,
    /// Sum of all cumulative rewards, token units.
    pub total: u128,
}

/// A ticket log as its issuer committed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedLog {
    /// The issuer.
    pub issuer: u32,
    /// What stands on chain.
    pub root: B256,
    /// Hash of the uppermost element.
    pub top: B256,
    /// Tickets.
    pub count: u32,
    /// Sum of their byte limits.
    pub max_bytes: u64,
}

/// An epoch's attestation that fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overturn {
    /// The transaction.
    pub tx: B256,
    /// The first epoch that fell.
    pub epoch: u64,
    /// The last.
    pub last: u64,
    /// Who has the bounty; zero if nobody.
    pub challenger: Address,
}

impl Chain {
    /// What issuers committed for an epoch, by issuer, from the events. Cancel-safe.
    pub fn committed_logs(&self, epoch: u64) -> Answer<'_, Vec<CommittedLog>> {
        Box::pin(async move {
            let timeline = self.timeline();
            let (end, last) = (timeline.end(epoch), timeline.commit_until(epoch));
            let rpc = &self.inner.rpc;
            let head = rpc.latest_block().await?;
            let mut from = self.first_block_since(end, head.number).await?;
            let mut found = Vec::new();
            while from <= head.number {
                let to = head.number.min(from + STRETCH - 1);
                let filter = Filter::new()
                    .address(self.inner.settlement)
                    .event_signature(Settlement::TicketLogCommitted::SIGNATURE_HASH)
                    .topic1(B256::from(alloy::primitives::U256::from(epoch)))
                    .from_block(from)
                    .to_block(to);
                found.extend(rpc.logs(&filter).await?.iter().filter_map(committed));
                let reached = rpc.block(BlockNumberOrTag::Number(to)).await?;
                if reached.timestamp > last {
                    break;
                }
                from = to + 1;
            }
            // One that was struck doesn't stand any more; another may stand in its place.
            let (mut standing, mut expected) = (BTreeMap::new(), 0);
            for issuer in 0..self.settlement(Settlement::issuerCountCall {}).await? {
                let Some(root) = self.ticket_log(epoch, issuer).await? else {
                    continue;
                };
                expected += 1;
                let stands = |log: &&CommittedLog| (log.issuer, log.root) == (issuer, root);
                if let Some(log) = found.iter().rfind(stands) {
                    standing.insert(issuer, *log);
                }
            }
            if standing.len() != expected {
                return Err(ChainError::LogsMissing {
                    url: rpc.url().into(),
                    what: "committed ticket logs",
                    epoch,
                    found: standing.len(),
                    expected,
                });
            }
            Ok(standing.into_values().collect())
        })
    }

    /// The newest transaction that overturned an epoch, in blocks from `since`, Unix seconds, on. Cancel-safe.
    pub fn overturn_of(&self, epoch: u64, since: u64) -> Answer<'_, Option<Overturn>> {
        Box::pin(async move {
            let rpc = &self.inner.rpc;
            let head = rpc.latest_block().await?;
            let mut from = self.first_block_since(since, head.number).await?;
            let mut found = None;
            while from <= head.number {
                let to = head.number.min(from + STRETCH - 1);
                let filter = Filter::new()
                    .address(self.inner.settlement)
                    .event_signature(Settlement::EpochsOverturned::SIGNATURE_HASH)
                    .from_block(from)
                    .to_block(to);
                for log in rpc.logs(&filter).await? {
                    if overturned(&log, epoch) {
                        found = overturn(&log);
                    }
                }
                from = to + 1;
            }
            Ok(found)
        })
    }

    /// What was voted for in a transaction; `None` where the vote isn't the transaction's own call, or the
    /// node doesn't know it. Cancel-safe.
    pub fn vote_in(&self, tx: B256) -> Answer<'_, Option<Statement>> {
        Box::pin(async move {
            let input = self.inner.rpc.input_of(tx).await?;
            let call = input.and_then(|input| Settlement::attestCall::abi_decode(&input).ok());
            Ok(call.map(|call| Statement::from(call.s)))
        })
    }

    /// The transaction by which an epoch stands attested, from its event; `None` if it isn't attested. Finds
    /// those too that the contract has let go of. Cancel-safe.
    pub fn attestation_tx(&self, epoch: u64) -> Answer<'_, Option<AttestationTx>> {
        Box::pin(async move {
            let timeline = self.timeline();
            let challenge_window = u64::from(timeline.challenge_window_max(epoch));
            let since = match self.status(epoch).await? {
                Status::None => return Ok(None),
                Status::Archived => timeline.attest_from(epoch),
                Status::Pending | Status::Active => match self.attestation(epoch).await? {
                    Some(attestation) => attestation.active_at.saturating_sub(challenge_window),
                    // Overturned a moment ago.
                    None => return Ok(None),
                },
            };
            let rpc = &self.inner.rpc;
            let head = rpc.latest_block().await?;
            let mut from = self.first_block_since(since, head.number).await?;
            let mut found: Option<(AttestationTx, u64)> = None;
            while from <= head.number {
                let to = head.number.min(from + STRETCH - 1);
                let filter = Filter::new()
                    .address(self.inner.settlement)
                    .event_signature(vec![
                        Settlement::EpochAttested::SIGNATURE_HASH,
                        Settlement::EpochsOverturned::SIGNATURE_HASH,
                    ])
                    .from_block(from)
                    .to_block(to);
                for log in rpc.logs(&filter).await? {
                    if let Some(attested) = attested(&log, epoch) {
                        let block = rpc.block(BlockNumberOrTag::Number(attested.block)).await?;
                        found = Some((attested, block.timestamp));
                    } else if overturned(&log, epoch) {
                        found = None;
                    }
                }
                // Once active it can't be overturned.
                if let Some((_, attested_at)) = &found {
                    let active_at = attested_at + challenge_window;
                    let reached = rpc.block(BlockNumberOrTag::Number(to)).await?;
                    if reached.timestamp >= active_at {
                        break;
                    }
                }
                from = to + 1;
            }
            match (found, self.status(epoch).await?) {
                (Some((found, _)), _) => Ok(Some(found)),
                // Overturned meanwhile.
                (None, Status::None) => Ok(None),
                (None, _) => Err(ChainError::LogsMissing {
                    url: rpc.url().into(),
                    what: "attestation",
                    epoch,
                    found: 0,
                    expected: 1,
                }),
            }
        })
    }

    /// All logs since `timestamp`, Unix seconds. Asks for everything at once, and for less where that is
    /// refused.
    pub(super) async fn logs_since(
        &self,
        timestamp: u64,
        filter: &Filter,
    ) -> Result<Vec<Log>, ChainError> {
        let rpc = &self.inner.rpc;
        let head = rpc.latest_block().await?.number;
        let mut from = self.first_block_since(timestamp, head).await?;
        let mut stretch = STRETCH.max(head + 1 - from);
        let mut logs = Vec::new();
        while from <= head {
            let to = head.min(from + stretch - 1);
            match rpc
                .logs(&filter.clone().from_block(from).to_block(to))
                .await
            {
                Ok(found) => {
                    logs.extend(found);
                    from = to + 1;
                }
                // Each node has words of its own for "too many".
                Err(
                    ChainError::Refused { .. }
                    | ChainError::TimedOut { .. }
                    | ChainError::Transport { .. },
                ) if stretch > STRETCH => stretch = STRETCH.max(stretch / 4),
                Err(error) => return Err(error),
            }
        }
        Ok(logs)
    }

    /// The first block up to `head` whose time is `timestamp` or later; `head + 1` if there is none.
    pub(super) async fn first_block_since(
        &self,
        timestamp: u64,
        head: u64,
    ) -> Result<u64, ChainError> {
        let (mut low, mut high) = (0, head + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let block = self
                .inner
                .rpc
                .block(BlockNumberOrTag::Number(middle))
                .await?;
            if block.timestamp < timestamp {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

fn attested(log: &Log, epoch: u64) -> Option<AttestationTx> {
    let event = Settlement::EpochAttested::decode_log(&log.inner).ok()?.data;
    (event.epoch == epoch).then_some(AttestationTx {
        epoch,
        tx: log.transaction_hash?,
        block: log.block_number?,
        verifier: event.verifier,
        roots: Roots {
            nodes: event.roots.nodes,
            bills: event.roots.bills,
            charges: event.roots.charges,
            evidence: event.roots.evidence,
        },
        nodes_top: event.nodesTop,
        nodes: event.nodes,
        payers: event.payers,
        charges: event.charges,
        total: event.total.to(),
    })
}

fn committed(log: &Log) -> Option<CommittedLog> {
    let event = Settlement::TicketLogCommitted::decode_log(&log.inner).ok()?;
    Some(CommittedLog {
        issuer: event.issuer,
        root: event.root,
        top: event.top,
        count: event.count,
        max_bytes: event.maxBytes,
    })
}

fn overturn(log: &Log) -> Option<Overturn> {
    let event = Settlement::EpochsOverturned::decode_log(&log.inner).ok()?;
    Some(Overturn {
        tx: log.transaction_hash?,
        epoch: event.epoch,
        last: event.last,
        challenger: event.challenger,
    })
}

fn overturned(log: &Log, epoch: u64) -> bool {
    Settlement::EpochsOverturned::decode_log(&log.inner)
        .is_ok_and(|event| event.epoch <= epoch && epoch <= event.last)
}
