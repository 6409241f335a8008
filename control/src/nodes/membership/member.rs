//! One member: what is known of it, and whether it gets traffic.

use crate::rules::health::Health;
use crate::rules::order_list::Hold;
use crate::rules::standing::{Facts, standing};
use host::Mutex;
use protocol::{CollectionId, Heartbeat, OrderFrame};
use routing::{Standing, ZoneIndex};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;

/// Times are since the members began.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) generation: u64,
    pub(super) address: String,
    pub(super) version: String,
    /// Where it is, as far as that is known.
    pub(super) place: Option<IpAddr>,
    pub(super) zone: ZoneIndex,
    /// `None` once the connection is gone.
    pub(super) orders: Option<mpsc::Sender<OrderFrame>>,
    /// Collections it was told to fill since it joined.
    pub(super) ordered: BTreeSet<CollectionId>,
    pub(super) joined: Duration,
    pub(super) health: Health,
    /// What its operators want of it.
    pub(super) hold: Hold,
    /// What its last heartbeat said that decides whether and how much traffic it gets.
    pub(super) stated: Stated,
    pub(super) beats: Beats,
}

/// What a node says of itself that seldom changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) draining: bool,
    pub(super) sessions_max: u32,
    pub(super) bandwidth_mbps: u32,
}

impl From<&Heartbeat> for Stated {
    fn from(heartbeat: &Heartbeat) -> Self {
        Self {
            draining: heartbeat.draining,
            sessions_max: heartbeat.sessions_max,
            bandwidth_mbps: heartbeat.bandwidth_mbps,
        }
    }
}

/// What changes with each heartbeat and each client, under readers.
#[derive(Debug, Default)]
pub(super) struct Beats {
    /// For whoever looks at members; routes don't.
    latest: Mutex<Option<Heartbeat>>,
    /// When the latest came, nanoseconds and one; 0 before the first.
    at: AtomicU64,
    sessions: AtomicU32,
    /// Clients sent to it since the last heartbeat, and in the time between the two before: they may not
    /// have arrived yet.
    sent: AtomicU32,
    sent_before: AtomicU32,
}

impl Beats {
    fn lock(&self) -> MutexGuard<'_, Option<Heartbeat>> {
        self.latest.lock()
    }

    /// Takes a heartbeat in.
    pub(super) fn take(&self, heartbeat: Heartbeat, now: Duration) {
        let at = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.sessions.store(heartbeat.sessions, Relaxed);
        self.sent_before.store(self.sent.swap(0, Relaxed), Relaxed);
        *self.lock() = Some(heartbeat);
        self.at.store(at.saturating_add(1), Relaxed);
    }

    /// The latest heartbeat; `None` before the first.
    pub(super) fn latest(&self) -> Option<Heartbeat> {
        *self.lock()
    }

    /// When the latest came.
    pub(super) fn at(&self) -> Option<Duration> {
        let at = self.at.load(Relaxed).checked_sub(1);
        at.map(Duration::from_nanos)
    }

    /// A client was sent to it.
    pub(super) fn sent(&self) {
        // That many clients between two heartbeats there never are.
        self.sent.fetch_add(1, Relaxed);
    }
}

impl Member {
    /// Whether it gets traffic, and if not, why.
    pub(super) fn standing(&self, now: Duration, timeout: Duration) -> (Standing, Option<String>) {
        let facts = Facts {
            blocked: self.hold.blocked,
            connected: self.orders.is_some(),
            silent_for: self.beats.at().map(|at| now.saturating_sub(at)),
            draining: self.stated.draining || self.hold.draining,
            unfit: self.health.unfit(now),
        };
        standing(facts, timeout)
    }

    /// Takes a heartbeat in, and acknowledges it.
    pub(super) fn beat(&self, heartbeat: Heartbeat, now: Duration) {
        self.beats.take(heartbeat, now);
        // A full queue has more important things to say.
        if let Some(orders) = &self.orders {
            let _ = orders.try_send(OrderFrame::Seen);
        }
    }

    /// When it was last heard of at all.
    pub(super) fn seen(&self) -> Duration {
        self.beats.at().unwrap_or(self.joined)
    }

    /// Sessions it has, or will have.
    pub(super) fn load(&self) -> u32 {
        let beats = &self.beats;
        let sessions = beats.sessions.load(Relaxed);
        sessions
            .saturating_add(beats.sent.load(Relaxed))
            .saturating_add(beats.sent_before.load(Relaxed))
    }
}
