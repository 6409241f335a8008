//! How the network is, for whoever may see it: one document, made at most once a second and shared by all
//! who look, and not at all while nobody does.

use crate::chain::commit::Progress;
use crate::core::Core;
use crate::nodes::membership::INTERVAL;
use bytes::Bytes;
use host::watch;
use protocol::api::{EpochStatus, NetworkStatus, PayerStatus, TicketStatus};
use protocol::{Address, UnixMillis};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How long a snapshot serves.
const FRESH: Duration = Duration::from_secs(1);
/// Those who are told of every change at once.
const LISTENERS_MAX: usize = 64;
/// Orders listed; they are counted all the same.
const ORDERS_MAX: usize = 100;
const PAYERS_MAX: usize = 256;
/// Epochs whose tickets are listed.
const EPOCHS_LISTED: u64 = 8;

/// Around the document in a stream of events.
const EVENT: (&[u8], &[u8]) = (b"data: ", b"\n\n");

/// A document as it is sent as an event.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot(Bytes);

impl Snapshot {
    fn of(status: &NetworkStatus) -> Self {
        let mut bytes = EVENT.0.to_vec();
        serde_json::to_writer(&mut bytes, status).expect("ids, numbers and sentences are JSON");
        bytes.extend_from_slice(EVENT.1);
        Self(bytes.into())
    }

    /// The document as JSON.
    pub(crate) fn json(&self) -> Bytes {
        self.0.slice(EVENT.0.len()..self.0.len() - EVENT.1.len())
    }

    /// As a server-sent event: JSON has no line breaks, so it is one line.
    pub(crate) fn event(&self) -> Bytes {
        self.0.clone()
    }
}

/// Makes the document.
pub(crate) struct Board {
    core: Arc<Core>,
    progress: Arc<Progress>,
    started: Instant,
    latest: watch::Sender<Option<(Instant, Snapshot)>>,
    /// Held while one is made: who comes meanwhile shares it.
    making: Mutex<()>,
    listeners: Arc<Semaphore>,
    listened: Notify,
    ended: CancellationToken,
}

impl Board {
    pub(crate) fn new(core: Arc<Core>, progress: Arc<Progress>) -> Self {
        Self {
            core,
            progress,
            started: Instant::now(),
            latest: watch::Sender::new(None),
            making: Mutex::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            listened: Notify::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Keeps the history, and tells listeners, until told to stop; then their streams end.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let _ending = self.ended.clone().drop_guard();
        let mut marks = interval(INTERVAL);
        marks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seconds = interval(FRESH);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let listened = self.listeners.available_permits() < LISTENERS_MAX;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = marks.tick() => {
                    let core = &self.core;
                    core.nodes.members.mark(core.host.clock.now_ms(), core.metrics.tickets.value(), Instant::now());
                }
                _ = seconds.tick(), if listened => drop(self.snapshot().await),
                // So that the next round looks whether somebody listens.
                () = self.listened.notified() => {}
            }
        }
    }

    /// The document, no older than [`FRESH`]. Cancel safe.
    pub(crate) async fn snapshot(self: &Arc<Self>) -> Snapshot {
        let _making = self.making.lock().await;
        if let Some((made, snapshot)) = &*self.latest.borrow()
            && made.elapsed() < FRESH
        {
            return snapshot.clone();
        }
        let board = self.clone();
        let snapshot = disk::run(move || Snapshot::of(&board.status())).await;
        self.latest
            .send_replace(Some((Instant::now(), snapshot.clone())));
        snapshot
    }

    /// To be told each second; `None` if there are as many listeners as may be.
    pub(crate) fn listen(self: &Arc<Self>) -> Option<Listener> {
        let slot = self.listeners.clone().try_acquire_owned().ok()?;
        self.listened.notify_one();
        Some(Listener {
            board: self.clone(),
            latest: None,
            _slot: slot,
        })
    }

    fn status(&self) -> NetworkStatus {
        let core = &self.core;
        let at = core.host.clock.now_ms();
        let (owed, orders_outstanding, orders) = core.nodes.ordering.orders.overview(ORDERS_MAX);
        let members = core.nodes.members.status(&owed, Instant::now());
        let (payers, collections) = self.payers();
        NetworkStatus {
            at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: self.started.elapsed().as_millis() as u64,
            network: core.network,
            issuer_index: core.issuer_index,
            epochs: self.epochs(at),
            zones: members.zones,
            nodes_registered: core.nodes.ordering.nodes.all().len() as u32,
            nodes_known: members.nodes_known,
            nodes_available: members.nodes_available,
            nodes: members.nodes,
            traffic: members.traffic,
            fills: members.fills,
            orders_outstanding,
            orders,
            tickets: self.tickets(at, &members.redeemed),
            payers,
            collections,
        }
    }

    fn epochs(&self, at: UnixMillis) -> EpochStatus {
        let timeline = self.core.agreed.timeline();
        let now = timeline.epoch_at_ms(at);
        let next = now.map_or(timeline.genesis(), |epoch| timeline.end(epoch));
        let (attested_below, committed_below) = self.progress.below();
        EpochStatus {
            now,
            left_ms: next.saturating_mul(1000).saturating_sub(at),
            attested_below,
            committed_below,
            missed: self.core.metrics.commits_missed.value(),
        }
    }

    fn tickets(&self, at: UnixMillis, redeemed: &BTreeMap<u64, u64>) -> Vec<TicketStatus> {
        let Some(now) = self.core.agreed.timeline().epoch_at_ms(at) else {
            return Vec::new();
        };
        let first = now.saturating_sub(EPOCHS_LISTED - 1);
        let of = |epoch| {
            let (issued, closed) = self.core.issuer.issued(epoch);
            TicketStatus {
                epoch,
                issued,
                redeemed: redeemed.get(&epoch).copied().unwrap_or_default(),
                closed,
            }
        };
        (first..=now).rev().map(of).collect()
    }

    /// Who pays for what stands under a name, and how many names there are.
    fn payers(&self) -> (Vec<PayerStatus>, u32) {
        let all = self.core.contents.catalogue.list();
        let mut payers = BTreeMap::<Address, PayerStatus>::new();
        for collection in &all {
            let account = collection.payer;
            let payer = payers.entry(account).or_insert_with(|| {
                let (left, promised) = self.core.funds.of(account);
                PayerStatus {
                    account,
                    registered: self.core.payers.knows(&account),
                    left,
                    promised,
                    collections: 0,
                    bytes: 0,
                }
            });
            payer.collections += 1;
            payer.bytes = payer.bytes.saturating_add(collection.bytes);
        }
        let listed = payers.into_values().take(PAYERS_MAX).collect();
        (listed, all.len() as u32)
    }
}

/// Is told each second.
pub(crate) struct Listener {
    board: Arc<Board>,
    /// `None` before the first document.
    latest: Option<watch::Receiver<Option<(Instant, Snapshot)>>>,
    _slot: OwnedSemaphorePermit,
}

impl Listener {
    /// The document now, then each that is made; `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Snapshot> {
        let Some(latest) = &mut self.latest else {
            let first = self.board.snapshot().await;
            self.latest = Some(self.board.latest.subscribe());
            return Some(first);
        };
        tokio::select! {
            biased;
            () = self.board.ended.cancelled() => return None,
            changed = latest.changed() => changed.ok()?,
        }
        let made = latest.borrow_and_update();
        made.as_ref().map(|(_, snapshot)| snapshot.clone())
    }
}
