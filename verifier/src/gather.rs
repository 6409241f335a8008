//! Gathering what an epoch is judged by: ticket logs from control planes, segments from nodes.
//!
//! Nothing that comes back is believed: a log must have the root on chain, a node must prove its key, and
//! its segment is judged record by record.

use crate::chain::EpochFacts;
use crate::http::{Asker, get_bounded};
use crate::judge::{segment_bytes_max, tickets_by_node};
use futures::{StreamExt, stream};
use host::Host;
use protocol::api::NodeInfo;
use protocol::{
    ALPN_NODE, Code, Epoch, FetchReply, LOG_HEADER_BYTES, NodeId, RECORDS_MAX, Request,
    TICKET_BYTES, TicketLog,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};
use transport::{BindError, ConnectError, StreamError, client_endpoint, read_frame, write_frame};

/// Segments that are fetched at a time.
const SEGMENTS_AT_ONCE: usize = 16;
/// Longest list of nodes that is read: 2^18 nodes at 256 bytes.
const NODE_LIST_BYTES_MAX: u64 = 64 << 20;
/// Longest ticket log.
const LOG_BYTES_MAX: u64 = LOG_HEADER_BYTES as u64 + RECORDS_MAX as u64 * TICKET_BYTES as u64;
/// The longest ticket log, 906 MB, at 12 Mbit/s.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(600);
/// A node has so long to answer, beside the time its bytes take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Slowest transfer of a segment that is waited for, bytes per second.
const SEGMENT_RATE_MIN: u64 = 256 << 10;
/// Pause between two rounds of asking those that had nothing yet.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

/// Committed ticket logs that no control plane has.
#[derive(Debug, thiserror::Error)]
#[error(
    "no control plane serves the committed ticket logs of issuers {issuers:?} for epoch {epoch}; \
     without them the epoch can't be judged ({detail})"
)]
pub(crate) struct LogsMissing {
    epoch: Epoch,
    issuers: Vec<u32>,
    detail: String,
}

/// Why a node's segment wasn't had.
#[derive(Debug, thiserror::Error)]
enum SegmentError {
    #[error("no control plane knows where it is")]
    NoAddress,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("its segment broke off: {0}")]
    Body(#[from] quinn::ReadToEndError),
    #[error("its segment has {found} bytes, announced were {announced}")]
    Length { announced: u64, found: u64 },
    #[error("its segment has {size} bytes; its tickets can fill {limit}")]
    TooLong { size: u64, limit: u64 },
    #[error("it refused with {code} ({detail})")]
    Refused { code: u16, detail: String },
    #[error("it took too long")]
    TimedOut,
}

impl SegmentError {
    /// Whether asking again could help.
    fn is_retryable(&self) -> bool {
        match self {
            Self::TooLong { .. } => false,
            Self::Refused { code, .. } => *code != Code::NotFound.to_u16(),
            _ => true,
        }
    }
}

/// What nodes handed in.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// Files by registry index.
    pub(crate) files: BTreeMap<u32, Vec<u8>>,
    /// Why there is none, by registry index; only of nodes that tickets name.
    pub(crate) missing: BTreeMap<u32, String>,
}

/// Asks control planes and nodes.
pub(crate) struct Gatherer {
    http: Asker,
    quic: quinn::Endpoint,
    controls: Vec<String>,
}

impl Gatherer {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the system gives no socket.
    pub(crate) fn new(host: &Host, controls: Vec<String>) -> Result<Self, BindError> {
        let http = Asker::new(&host.http, CONTROL_TIMEOUT);
        let quic = client_endpoint(host)?;
        let controls = controls
            .into_iter()
            .map(|url| url.trim_end_matches('/').to_owned())
            .collect();
        Ok(Self {
            http,
            quic,
            controls,
        })
    }

    /// The committed ticket logs of an epoch. Root, and with it count and total, are the ones on chain.
    pub(crate) async fn ticket_logs(
        &self,
        facts: &EpochFacts,
    ) -> Result<Vec<TicketLog>, LogsMissing> {
        let epoch = facts.epoch;
        let mut missing = facts.committed.clone();
        let mut logs = Vec::new();
        let mut details = Vec::new();
        for control in &self.controls {
            if missing.is_empty() {
                break;
            }
            let url = format!("{control}/v1/epochs/{epoch}/tickets");
            match self.ticket_log(&url, facts).await {
                Ok(log) => {
                    // A control plane that is there twice in the configuration is asked in vain.
                    if missing.remove(&log.issuer()).is_some() {
                        logs.push(log);
                    }
                }
                Err(detail) => details.push(format!("{control}: {detail}")),
            }
        }
        if missing.is_empty() {
            return Ok(logs);
        }
        Err(LogsMissing {
            epoch,
            issuers: missing.into_keys().collect(),
            detail: match details.as_slice() {
                [] => "none of the configured ones is theirs".to_owned(),
                details => details.join("; "),
            },
        })
    }

    async fn ticket_log(&self, url: &str, facts: &EpochFacts) -> Result<TicketLog, String> {
        let bytes = match get_bounded(&self.http, url, LOG_BYTES_MAX).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err("its log is longer than a log can be".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let read = move || {
            let log = TicketLog::from_bytes(&bytes).map_err(|error| error.to_string())?;
            let root = log.root().map_err(|error| error.to_string())?;
            Ok::<_, String>((log, root.hash()))
        };
        let read = disk::try_run(read).await;
        let (log, root) = read.map_err(|error| error.to_string())??;
        if (log.network(), log.epoch()) != (facts.network, facts.epoch) {
            return Err("its log is of another network or epoch".to_owned());
        }
        if facts.committed.get(&log.issuer()) != Some(&root) {
            let issuer = log.issuer();
            return Err(format!(
                "its log, of issuer {issuer}, is not the committed one"
            ));
        }
        Ok(log)
    }

    /// Where nodes can be reached, by all control planes. One that doesn't answer is left out.
    async fn addresses(&self) -> BTreeMap<NodeId, Vec<String>> {
        let mut addresses: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for control in &self.controls {
            let url = format!("{control}/v1/nodes");
            let nodes: Vec<NodeInfo> =
                match get_bounded(&self.http, &url, NODE_LIST_BYTES_MAX).await {
                    Ok(Some(body)) => match serde_json::from_slice(&body) {
                        Ok(nodes) => nodes,
                        Err(error) => {
                            warn!(%control, %error, "the list of nodes is malformed");
                            continue;
                        }
                    },
                    Ok(None) => {
                        warn!(%control, "the list of nodes is too long");
                        continue;
                    }
                    Err(error) => {
                        warn!(%control, %error, "the list of nodes can't be had");
                        continue;
                    }
                };
            for node in nodes {
                let known = addresses.entry(node.node).or_default();
                if !known.contains(&node.address) {
                    known.push(node.address);
                }
            }
        }
        addresses
    }

    /// The segments of all nodes that tickets name. Who has none is asked again until the deadline, and
    /// everyone at least once. Nodes without a ticket aren't asked: nothing of theirs could count.
    pub(crate) async fn segments(
        &self,
        facts: &EpochFacts,
        logs: &[TicketLog],
        deadline: Instant,
    ) -> Segments {
        let tickets = tickets_by_node(logs);
        let mut pending: Vec<(u32, NodeId, u64)> = (0u32..)
            .zip(&facts.nodes)
            .filter_map(|(index, node)| {
                let tickets = tickets.get(node)?;
                Some((index, *node, segment_bytes_max(*tickets)))
            })
            .collect();
        let mut segments = Segments::default();
        while !pending.is_empty() {
            let addresses = self.addresses().await;
            let attempts = stream::iter(pending.drain(..).map(async |(index, node, limit)| {
                let addresses = addresses.get(&node).map_or(&[][..], Vec::as_slice);
                let outcome = self.segment(addresses, node, facts.epoch, limit).await;
                (index, node, limit, outcome)
            }));
            let outcomes: Vec<_> = attempts.buffer_unordered(SEGMENTS_AT_ONCE).collect().await;
            for (index, node, limit, outcome) in outcomes {
                match outcome {
                    Ok(file) => {
                        debug!(index, bytes = file.len(), "segment handed in");
                        segments.missing.remove(&index);
                        segments.files.insert(index, file);
                    }
                    Err(error) => {
                        debug!(index, %node, %error, "no segment yet");
                        segments.missing.insert(index, error.to_string());
                        if error.is_retryable() {
                            pending.push((index, node, limit));
                        }
                    }
                }
            }
            if Instant::now() + ROUND_PAUSE > deadline {
                break;
            }
            if !pending.is_empty() {
                sleep(ROUND_PAUSE).await;
            }
        }
        for (index, reason) in &segments.missing {
            info!(index, %reason, "judging without its segment");
        }
        segments
    }

    async fn segment(
        &self,
        addresses: &[String],
        node: NodeId,
        epoch: Epoch,
        limit: u64,
    ) -> Result<Vec<u8>, SegmentError> {
        let time = ANSWER_TIMEOUT + Duration::from_secs(limit / SEGMENT_RATE_MIN);
        let mut last = SegmentError::NoAddress;
        for address in addresses {
            let attempt = timeout(time, self.segment_from(address, node, epoch, limit)).await;
            match attempt.unwrap_or(Err(SegmentError::TimedOut)) {
                Ok(file) => return Ok(file),
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn segment_from(
        &self,
        address: &str,
        node: NodeId,
        epoch: Epoch,
        limit: u64,
    ) -> Result<Vec<u8>, SegmentError> {
        let key = *node.as_bytes();
        let connection = transport::connect(&self.quic, address, key, ALPN_NODE, None).await?;
        let (mut send, mut recv) = connection.open_bi().await?;
        write_frame(&mut send, &Request::Segment { epoch }).await?;
        // It can only fail if we had finished or reset it before.
        let _ = send.finish();
        let size = match read_frame(&mut recv).await? {
            FetchReply::Ok { size } => size,
            FetchReply::Refused { code, detail } => {
                let detail = detail.chars().take(200).collect();
                return Err(SegmentError::Refused { code, detail });
            }
        };
        if size > limit {
            return Err(SegmentError::TooLong { size, limit });
        }
        let file = recv.read_to_end(size as usize).await?;
        connection.close(u32::from(Code::Done.to_u16()).into(), b"");
        let found = file.len() as u64;
        if found != size {
            return Err(SegmentError::Length {
                announced: size,
                found,
            });
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
