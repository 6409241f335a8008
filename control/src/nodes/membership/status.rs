//! How members are, for those who watch: what they say they did, as rates, sums and the last minutes.

use super::member::Member;
use super::meter::Meter;
use super::{Members, Membership};
use protocol::{
    Counts, Epoch, FillStatus, NodeId, NodeStatus, TrafficStatus, UnixMillis, ZoneStatus,
};
use routing::Standing;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Nodes listed; of more, those that get traffic are left out first.
const NODES_MAX: usize = 4096;
/// How the members are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MembersStatus {
    pub(crate) zones: Vec<ZoneStatus>,
    pub(crate) nodes: Vec<NodeStatus>,
    pub(crate) nodes_known: u32,
    pub(crate) nodes_available: u32,
    pub(crate) traffic: TrafficStatus,
    pub(crate) fills: FillStatus,
    /// Tickets with a receipt, by epoch.
    pub(crate) redeemed: BTreeMap<Epoch, u64>,
}

impl Members {
    /// Notes what a member says it did.
    pub(crate) fn counted(
        &self,
        from: Membership,
        counts: &Counts,
        epoch: Option<Epoch>,
        now: Instant,
    ) {
        let state = self.state();
        if state.member(from).is_some() {
            self.traffic().counted(from.node, counts, epoch, now);
        }
    }

    /// Ends an interval of the history, in which tickets came to so many in all.
    pub(crate) fn mark(&self, at: UnixMillis, tickets: u64, now: Instant) {
        self.traffic().mark(at, tickets, now);
    }

    /// How all of them are. `outstanding` says how many orders each node has yet to confirm.
    pub(crate) fn status(
        &self,
        outstanding: &BTreeMap<NodeId, u32>,
        now: Instant,
    ) -> MembersStatus {
        let now = self.since(now);
        let state = self.state();
        let traffic = self.traffic();
        let zones = &state.overlay.zones;
        let mut seen: BTreeMap<_, _> = zones
            .all()
            .map(|zone| {
                let position = zones.position(zone);
                let status = ZoneStatus {
                    name: zones.name(zone).to_owned(),
                    latitude: position.map(|at| at.latitude),
                    longitude: position.map(|at| at.longitude),
                    nodes: 0,
                    available: 0,
                    load: 0,
                    bound: 0,
                    bytes_per_s: 0,
                };
                (zone, status)
            })
            .collect();
        let mut nodes = Vec::with_capacity(state.members.len());
        let (mut available, mut sessions, mut filling) = (0, 0, 0);
        for (node, member) in &state.members {
            let bound = state.table.view(node).map_or(0, |view| view.bound);
            let owed = outstanding.get(node).copied().unwrap_or_default();
            let zone = zones.name(member.zone);
            let meter = traffic.meters.get(node).cloned().unwrap_or_default();
            let status = self.node_status((*node, member, &meter), zone, (bound, owed), now);
            let gets_traffic = status.reason.is_none();
            let zone = seen
                .get_mut(&member.zone)
                .expect("zones of members are known");
            zone.nodes += 1;
            zone.bytes_per_s = zone.bytes_per_s.saturating_add(status.bytes_per_s);
            if gets_traffic {
                available += 1;
                zone.available += 1;
                zone.load += u64::from(member.load());
                zone.bound += u64::from(bound);
            }
            sessions += u64::from(status.sessions);
            filling += u64::from(status.filling);
            nodes.push(status);
        }
        nodes.sort_unstable_by_key(|node| (node.reason.is_none(), node.node));
        nodes.truncate(NODES_MAX);
        nodes.sort_unstable_by_key(|node| node.node);
        let sums = traffic.sums;
        let redeemed = traffic.redeemed.iter();
        let sum = |kept: &BTreeMap<NodeId, u32>| kept.values().map(|count| u64::from(*count)).sum();
        MembersStatus {
            zones: seen.into_values().collect(),
            nodes_known: state.members.len() as u32,
            nodes_available: available,
            nodes,
            traffic: traffic.status(sessions),
            fills: FillStatus {
                running: filling,
                done: sums.fills,
                bytes: sums.filled_bytes,
            },
            redeemed: redeemed.map(|(epoch, kept)| (*epoch, sum(kept))).collect(),
        }
    }

    fn node_status(
        &self,
        (node, member, meter): (NodeId, &Member, &Meter),
        zone: &str,
        (bound, orders_outstanding): (u32, u32),
        now: Duration,
    ) -> NodeStatus {
        let (standing, reason) = member.standing(now, self.config.timeout);
        let beat = member.beats.latest();
        // Who is gone does nothing any more.
        let here = standing != Standing::Down || member.orders.is_some();
        let live = |value: u64| if here { value } else { 0 };
        NodeStatus {
            node,
            address: member.address.clone(),
            standing: standing.name().to_owned(),
            reason,
            zone: zone.to_owned(),
            sessions: beat.filter(|_| here).map_or(0, |beat| beat.sessions),
            bound,
            cached_bytes: beat.map_or(0, |beat| beat.cached_bytes),
            free_bytes: beat.map_or(0, |beat| beat.free_bytes),
            heartbeat_age_ms: now.saturating_sub(member.seen()).as_millis() as u64,
            version: member.version.clone(),
            bytes_per_s: live(meter.rate.bytes),
            requests_per_s: live(meter.rate.requests),
            filling: live(meter.filling.into()) as u32,
            orders_outstanding,
        }
    }
}
