//! One member: what is known of it, and whether it gets traffic.

use super::meter::Meter;
use crate::nodes::health::{Health, Unfit};
use crate::nodes::orders::Hold;
use protocol::{CollectionId, Heartbeat, OrderFrame};
use routing::{Standing, ZoneIndex};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Why a blocked node gets no traffic.
pub(super) const BLOCKED: &str = "the network's operator has blocked it";

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
    /// The latest, and when it came; `None` before the first.
    pub(super) heartbeat: Option<(Heartbeat, Instant)>,
    pub(super) health: Health,
    /// What it says it did.
    pub(super) meter: Meter,
    /// What its operators want of it.
    pub(super) hold: Hold,
    /// When it was last heard of at all.
    pub(super) seen: Instant,
    /// Clients sent to it since the last heartbeat, and in the time between the two before: they may not
    /// have arrived yet.
    pub(super) sent: u32,
    pub(super) sent_before: u32,
}

impl Member {
    /// Whether it gets traffic, and if not, why.
    pub(super) fn standing(&self, now: Instant, timeout: Duration) -> (Standing, Option<String>) {
        let because = |standing, why: &str| (standing, Some(why.to_owned()));
        if self.hold.blocked {
            return because(Standing::Blocked, BLOCKED);
        }
        if self.orders.is_none() {
            return because(Standing::Down, "its connection is gone");
        }
        let Some((heartbeat, at)) = self.heartbeat else {
            return because(Standing::Down, "it has sent no heartbeat yet");
        };
        if now.saturating_duration_since(at) > timeout {
            return because(Standing::Down, "it has stopped sending heartbeats");
        }
        if heartbeat.draining || self.hold.draining {
            return because(Standing::Draining, "it takes no new sessions");
        }
        match self.health.unfit(now) {
            Some(Unfit::Unproven(met)) => (Standing::Unproven, Some(met)),
            Some(Unfit::Suspect) => because(
                Standing::Down,
                "clients of several networks say it fails them",
            ),
            None => (Standing::Available, None),
        }
    }

    pub(super) fn load(&self) -> u32 {
        let open = self
            .heartbeat
            .map_or(0, |(heartbeat, _)| heartbeat.sessions);
        open.saturating_add(self.sent)
            .saturating_add(self.sent_before)
    }
}
