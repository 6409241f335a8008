//! The connection to the control plane: dialled by the node, kept up, heartbeats out, orders in.

use crate::rules::admission::Admission;
use crate::rules::counts::{self, Tally};
use crate::rules::pause::Pause;
use crate::store::receipt_log::ReceiptLog;
use crate::wire::issuers::Issuers;
use crate::wire::orders::{Ordered, Orders};
use client::ControlApi;
use host::watch;
use protocol::api::NetworkInfo;
use protocol::{
    ALPN_CONTROL, ControlRequest, Heartbeat, IssuerKey, MemberFrame, Network, OrderFrame,
    SigningKey,
};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use transport::{ConnectError, StreamError, connect, read_frame, write_frame};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// A control plane that has been silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// First and longest pause before dialling again; each failure doubles it.
const REDIAL_MIN: Duration = Duration::from_millis(200);
const REDIAL_MAX: Duration = Duration::from_secs(10);
/// Prefetches ordered and not yet done; more are refused, and filled when they are asked for.
const PREFETCHES_MAX: u32 = 64;

#[derive(Debug, thiserror::Error)]
enum MemberError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the control plane answers no heartbeats")]
    Silent,
    #[error("the control plane refuses this node: {0}")]
    Refused(String),
    #[error("the control plane can't be asked for its network: {0}")]
    Network(String),
    #[error("the control plane at {0} is not an issuer of this network")]
    ForeignIssuer(String),
}

/// What a node tells of itself, and what it is told to do.
pub(crate) struct Membership {
    pub(crate) network: Network,
    /// Where clients reach it, `host:port`.
    pub(crate) public_address: String,
    /// What its line carries, Mbit/s.
    pub(crate) bandwidth_mbps: u32,
    pub(crate) control: ControlApi,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) log: ReceiptLog,
    pub(crate) tally: Arc<Tally>,
    pub(crate) orders: Ordered,
}

/// Keeps membership up until told to stop.
pub(crate) async fn run(
    node: Membership,
    endpoint: Endpoint,
    link: watch::Sender<Option<Connection>>,
    key: SigningKey,
    stop: CancellationToken,
) {
    let mut pause = Pause::new(REDIAL_MIN, REDIAL_MAX);
    loop {
        // What it took to be let in isn't membership: a control plane that refuses slowly still fails.
        let member = async {
            let joined = join(&node, &endpoint, &key).await?;
            link.send_replace(Some(joined.connection.clone()));
            let since = Instant::now();
            let ended = hold(&node, joined).await;
            pause.held(since.elapsed());
            ended
        };
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            ended = member => ended,
        };
        link.send_replace(None);
        let wait = pause.failed();
        if let Err(error) = ended {
            tracing::warn!(%error, retry_in_ms = wait.as_millis() as u64, "not a member");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep(wait) => {}
        }
    }
    if let Some(connection) = link.send_replace(None) {
        connection.close(protocol::Code::ShuttingDown.to_u16().into(), b"");
    }
}

/// A membership: beats go out on `send`, orders come in on `recv`.
struct Joined {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
}

async fn join(
    node: &Membership,
    endpoint: &Endpoint,
    key: &SigningKey,
) -> Result<Joined, MemberError> {
    let info: NetworkInfo = node
        .control
        .network_info()
        .await
        .map_err(|error| MemberError::Network(error.to_string()))?;
    let issuer: IssuerKey = info.issuer;
    // The chain, not the control plane's word, says who issues.
    let stated = node.issuers.key_now(info.issuer_index).await;
    if info.network != node.network || stated != Some(issuer) {
        return Err(MemberError::ForeignIssuer(info.join_address));
    }
    let connection = connect(
        endpoint,
        &info.join_address,
        *issuer.as_bytes(),
        ALPN_CONTROL,
        Some(key),
    )
    .await?;
    let (mut send, mut recv) = connection.open_bi().await?;
    let join = ControlRequest::Join {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        address: node.public_address.clone(),
    };
    write_frame(&mut send, &join).await?;
    match read_frame(&mut recv).await? {
        OrderFrame::Refused { detail, .. } => return Err(MemberError::Refused(detail)),
        _ => tracing::info!(control = %info.join_address, "member of the network"),
    }
    Ok(Joined {
        connection,
        send,
        recv,
    })
}

/// Is a member until that ends.
async fn hold(node: &Membership, joined: Joined) -> Result<(), MemberError> {
    let Joined {
        connection: _connection,
        mut send,
        mut recv,
    } = joined;
    let (mut work, mut said) = Orders::new(node.orders.clone());
    let filled = work.replies();
    let Ordered {
        fills, standing, ..
    } = &node.orders;
    let beats = async {
        let mut ticks = interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let said = tokio::select! {
                biased;
                _ = ticks.tick() => None,
                // Never closed: `work` is as old as this.
                said = said.recv() => said,
            };
            let beat = Heartbeat {
                sessions: node.admission.open(),
                cached_bytes: fills.cache().bytes(),
                free_bytes: fills.cache().free_bytes(),
                draining: standing.draining(),
                sessions_max: node.admission.max(),
                bandwidth_mbps: node.bandwidth_mbps,
            };
            // With what was done comes how the node is after it.
            let done = MemberFrame::Counts(counts::counts(
                &node.tally,
                fills.filled(),
                fills.cache().filling(),
                node.log.counts(),
            ));
            for frame in [MemberFrame::Heartbeat(beat), done].into_iter().chain(said) {
                if let Err(error) = write_frame(&mut send, &frame).await {
                    return error;
                }
            }
        }
    };
    let prefetches = Arc::new(Admission::new(PREFETCHES_MAX));
    let orders = async {
        loop {
            // Each heartbeat is answered. A control plane that came back as a new process answers nothing,
            // long before QUIC notices.
            let order = timeout(SILENCE_MAX, read_frame(&mut recv)).await;
            match order.map_err(|_| MemberError::Silent)?? {
                OrderFrame::Welcome | OrderFrame::Seen => {}
                OrderFrame::Refused { detail, .. } => return Err(MemberError::Refused(detail)),
                OrderFrame::NoTraffic { reason } => tracing::warn!(
                    address = node.public_address,
                    reason,
                    "the control plane sends no clients here"
                ),
                OrderFrame::Order { id, order } => work.take(id, order).await,
                OrderFrame::Fill { collection } => {
                    let Some(permit) = Admission::enter(prefetches.clone()) else {
                        tracing::warn!(%collection, "too many fills ordered");
                        continue;
                    };
                    let (fills, said) = (fills.clone(), filled.clone());
                    tokio::spawn(async move {
                        let _permit = permit;
                        match fills.prefetch(collection).await {
                            Ok(()) => {
                                tracing::info!(%collection, "fill order done");
                                // Fails when the connection is gone; then nobody needs to know.
                                let _ = said.send(MemberFrame::Filled { collection }).await;
                            }
                            Err(error) => tracing::warn!(%collection, %error, "fill order failed"),
                        }
                    });
                }
            }
        }
    };
    tokio::select! {
        biased;
        error = beats => Err(error.into()),
        ended = orders => ended,
    }
}
