//! The connection to the control plane: dialled by the node, kept up, heartbeats out, orders in.

use crate::clock::now_ms;
use crate::shared::Shared;
use crate::wire::counts;
use crate::wire::orders::Orders;
use protocol::{
    ALPN_CONTROL, ControlRequest, Heartbeat, IssuerKey, MemberFrame, NetworkInfo, OrderFrame,
    SigningKey,
};
use quinn::{Connection, Endpoint};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use transport::{ConnectError, StreamError, connect, read_frame, write_frame};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// A control plane that has been silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// First and longest pause before dialling again; each failure doubles it.
const REDIAL_MIN: Duration = Duration::from_millis(200);
const REDIAL_MAX: Duration = Duration::from_secs(10);
/// How long a fill waits for the connection to come back.
const LINK_WAIT: Duration = Duration::from_secs(10);
/// Prefetches ordered and not yet done; more are refused, and filled when they are asked for.
const PREFETCHES: usize = 64;

/// Why the control plane can't be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the control plane is not connected")]
    Down,
    #[error("the connection to the control plane broke: {0}")]
    Connection(#[from] quinn::ConnectionError),
}

/// Where whoever needs the control plane finds the connection of the moment.
#[derive(Debug, Clone)]
pub(crate) struct ControlLink(watch::Receiver<Option<Connection>>);

impl ControlLink {
    pub(crate) fn new() -> (watch::Sender<Option<Connection>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// The connection, once it stands.
    pub(crate) async fn connection(&self) -> Result<Connection, LinkError> {
        let mut current = self.0.clone();
        let connected = timeout(LINK_WAIT, current.wait_for(|link| link.is_some())).await;
        match connected {
            Ok(Ok(link)) => link.clone().ok_or(LinkError::Down),
            _ => Err(LinkError::Down),
        }
    }
}

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

/// Keeps membership up until told to stop.
pub(crate) async fn run(
    shared: Arc<Shared>,
    endpoint: Endpoint,
    link: watch::Sender<Option<Connection>>,
    key: SigningKey,
    stop: CancellationToken,
) {
    let mut pause = REDIAL_MIN;
    loop {
        let began = now_ms();
        let ended = tokio::select! {
            ended = member(&shared, &endpoint, &link, &key) => ended,
            () = stop.cancelled() => break,
        };
        link.send_replace(None);
        if let Err(error) = ended {
            tracing::warn!(%error, retry_in_ms = pause.as_millis() as u64, "not a member");
        }
        // A membership that lasted starts over with a short pause.
        if now_ms().saturating_sub(began) > REDIAL_MAX.as_millis() as u64 {
            pause = REDIAL_MIN;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => break,
        }
        pause = (pause * 2).min(REDIAL_MAX);
    }
    if let Some(connection) = link.send_replace(None) {
        connection.close(protocol::Code::ShuttingDown.to_u16().into(), b"");
    }
}

async fn member(
    shared: &Arc<Shared>,
    endpoint: &Endpoint,
    link: &watch::Sender<Option<Connection>>,
    key: &SigningKey,
) -> Result<(), MemberError> {
    let info: NetworkInfo = shared
        .control
        .network_info()
        .await
        .map_err(|error| MemberError::Network(error.to_string()))?;
    let issuer: IssuerKey = info.issuer;
    // The chain, not the control plane's word, says who issues.
    let stated = shared.issuer_now(info.issuer_index).await;
    if info.network != shared.network || stated != Some(issuer) {
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
        address: shared.public_address.clone(),
    };
    write_frame(&mut send, &join).await?;
    match read_frame(&mut recv).await? {
        OrderFrame::Refused { detail, .. } => return Err(MemberError::Refused(detail)),
        _ => tracing::info!(control = %info.join_address, "member of the network"),
    }
    link.send_replace(Some(connection.clone()));

    let (mut work, mut said) = Orders::new(shared.clone());
    let filled = work.said();
    let beats = async {
        let mut ticks = interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let said = tokio::select! {
                _ = ticks.tick() => None,
                // Never closed: `work` is as old as this.
                said = said.recv() => said,
            };
            let beat = Heartbeat {
                sessions: shared.admission.open(),
                cached_bytes: shared.cache.bytes(),
                free_bytes: shared.cache.free_bytes(),
                draining: shared.standing.draining(),
                sessions_max: shared.admission.max(),
                bandwidth_mbps: shared.bandwidth_mbps,
            };
            // With what was done comes how the node is after it.
            let done = MemberFrame::Counts(counts::counts(shared));
            for frame in [MemberFrame::Heartbeat(beat), done].into_iter().chain(said) {
                if let Err(error) = write_frame(&mut send, &frame).await {
                    return error;
                }
            }
        }
    };
    let prefetches = Arc::new(Semaphore::new(PREFETCHES));
    let orders = async {
        loop {
            // Each heartbeat is answered. A control plane that came back as a new process answers nothing,
            // long before QUIC notices.
            let order = timeout(SILENCE_MAX, read_frame(&mut recv)).await;
            match order.map_err(|_| MemberError::Silent)?? {
                OrderFrame::Welcome | OrderFrame::Seen => {}
                OrderFrame::Refused { detail, .. } => return Err(MemberError::Refused(detail)),
                OrderFrame::NoTraffic { reason } => tracing::warn!(
                    address = shared.public_address,
                    reason,
                    "the control plane sends no clients here"
                ),
                OrderFrame::Order { id, order } => work.take(id, order).await,
                OrderFrame::Fill { collection } => {
                    let Ok(permit) = prefetches.clone().try_acquire_owned() else {
                        tracing::warn!(%collection, "too many fills ordered");
                        continue;
                    };
                    let (cache, said) = (shared.cache.clone(), filled.clone());
                    tokio::spawn(async move {
                        let _permit = permit;
                        match cache.prefetch(collection).await {
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
        error = beats => Err(error.into()),
        ended = orders => ended,
    }
}
