//! Who is a member now: heartbeats, health, load, and the orders that wait for each.
//!
//! Time comes in as an argument. Locks guard memory only and are never held across an `.await`. Routes and heartbeats
//! share no mutex: both read who there is, and loads change under readers. Only what changes who may get traffic, as a
//! node that joins, fails or drains, has them wait for a moment.

mod member;
mod meter;
mod route;
mod status;
mod traffic;

use crate::nodes::overlay::Overlay;
use crate::rules::health::{Health, Proof, Unfit};
use crate::rules::looks;
use crate::rules::measured::Measured;
use crate::rules::order_list::Hold;
use crate::rules::standing::BLOCKED;
use host::{Mutex, RwLock};
use member::{Beats, Member, Stated};
use protocol::api::NodeInfo;
use protocol::{CollectionId, Heartbeat, NodeId, OrderFrame};
pub(crate) use route::{Ask, Chosen};
use routing::{NodeSpec, Standing, Table, WEIGHT_MAX, ZoneIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, MutexGuard, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
pub(crate) use traffic::INTERVAL;
use traffic::Traffic;

/// Orders that may wait for one node; a node that doesn't read gets no more.
const ORDERS_MAX: usize = 256;
/// Collections remembered as ordered, per node; beyond, one may be ordered again, which does no harm.
const ORDERED_MAX: usize = 65_536;
/// How long a node that left is still listed.
const GONE_LISTED: Duration = Duration::from_secs(3600);
/// Bandwidth of a node with the least weight.
const WEIGHT_MBPS: u32 = 100;

/// Names one join of one node: what an older one says no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    node: NodeId,
    generation: u64,
}

struct State {
    members: BTreeMap<NodeId, Member>,
    generations: u64,
    table: Table,
    /// The map by which the table was made.
    overlay: Arc<Overlay>,
    /// Also of nodes that aren't members now.
    held: BTreeMap<NodeId, Hold>,
}

impl State {
    /// A member, unless a newer connection took its place.
    fn member(&self, membership: Membership) -> Option<&Member> {
        let member = self.members.get(&membership.node)?;
        (member.generation == membership.generation).then_some(member)
    }
}

/// How members are judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MembersConfig {
    /// A node without a heartbeat for longer gets no traffic.
    pub(crate) timeout: Duration,
    /// Whether a node gets traffic only after the control plane has dialled back.
    pub(crate) dial_back: bool,
    /// Sessions up to which a node counts as idle.
    pub(crate) idle_sessions: u32,
}

/// A node that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) membership: Membership,
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

/// Where a node stands among others, by one map.
#[derive(Debug)]
pub(crate) struct Neighbours {
    /// The node's own zone, if it is listed.
    pub(crate) home: Option<ZoneIndex>,
    /// Zones that take its place, the nearest first.
    pub(crate) fallbacks: Vec<ZoneIndex>,
    /// The others, each with its zone and address.
    pub(crate) nodes: Vec<(NodeId, ZoneIndex, String)>,
}

/// All members, and for a while those that left.
pub(crate) struct Members {
    state: RwLock<State>,
    /// What clients measured: of routes alone.
    measured: Mutex<Measured>,
    /// What members say they did: of those who count and look. Taken after the state.
    traffic: Mutex<Traffic>,
    config: MembersConfig,
    began: Instant,
}

impl Members {
    pub(crate) fn new(config: MembersConfig, overlay: Overlay) -> Self {
        let table = Table::new(&overlay.zones, config.idle_sessions);
        Self {
            state: RwLock::new(State {
                members: BTreeMap::new(),
                generations: 0,
                table,
                overlay: Arc::new(overlay),
                held: BTreeMap::new(),
            }),
            measured: Mutex::default(),
            traffic: Mutex::default(),
            config,
            began: Instant::now(),
        }
    }

    // Nothing panics while one of these is held.

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write()
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock()
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock()
    }

    /// How long after the beginning a moment is.
    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// The map of the moment.
    pub(crate) fn overlay(&self) -> Arc<Overlay> {
        self.state().overlay.clone()
    }

    /// From now on this is the map: nodes are placed anew, and stay members with their load. What was measured of
    /// zones that have kept their name stays; what many want is learned anew.
    pub(crate) fn remap(&self, overlay: Overlay, now: Instant) {
        let now = self.since(now);
        let mut state = self.state_mut();
        let old = std::mem::replace(&mut state.overlay, Arc::new(overlay));
        let new = state.overlay.clone();
        state.table = Table::new(&new.zones, self.config.idle_sessions);
        let renamed = |zone| new.zones.find(old.zones.name(zone));
        self.measured().rename(renamed);
        let nodes: Vec<_> = state.members.keys().copied().collect();
        for node in nodes {
            if let Some(member) = state.members.get_mut(&node) {
                member.zone = new.place_node(&node, member.place);
            }
            self.refresh(&mut state, &node, now);
        }
    }

    /// Takes a node in. An earlier connection of it ends: its queue closes. `remote` is where it dials from.
    pub(crate) fn join(
        &self,
        node: NodeId,
        address: String,
        version: String,
        remote: Option<IpAddr>,
        now: Instant,
    ) -> (Membership, mpsc::Receiver<OrderFrame>) {
        let (orders, queue) = mpsc::channel(ORDERS_MAX);
        // Where clients dial it is where it is; a name says nothing, and then it is where it dials from.
        let at = address.parse::<std::net::SocketAddr>();
        let place = at.ok().map(|at| at.ip()).or(remote);
        let now = self.since(now);
        let mut state = self.state_mut();
        let zone = state.overlay.place_node(&node, place);
        let State { members, table, .. } = &mut *state;
        members.retain(|id, member| {
            let listed = member.orders.is_some() || now.saturating_sub(member.seen()) < GONE_LISTED;
            if !listed {
                table.remove(id);
                self.traffic().meters.remove(id);
            }
            listed
        });
        state.generations += 1;
        let generation = state.generations;
        let hold = state.held.get(&node).copied().unwrap_or_default();
        let member = Member {
            generation,
            address,
            version,
            place,
            zone,
            orders: Some(orders),
            ordered: BTreeSet::new(),
            joined: now,
            health: Health::new(self.config.dial_back, now),
            hold,
            stated: Stated::default(),
            beats: Beats::default(),
        };
        state.members.insert(node, member);
        self.refresh(&mut state, &node, now);
        (Membership { node, generation }, queue)
    }

    /// Puts a member into the table as it is now.
    fn refresh(&self, state: &mut State, node: &NodeId, now: Duration) {
        let Some(member) = state.members.get(node) else {
            return;
        };
        let (standing, _) = member.standing(now, self.config.timeout);
        let Stated {
            sessions_max,
            bandwidth_mbps,
            ..
        } = member.stated;
        let (weight, capabilities) = state.overlay.zones.facts(node);
        let weight = weight.unwrap_or_else(|| {
            u16::try_from(bandwidth_mbps / WEIGHT_MBPS)
                .unwrap_or(WEIGHT_MAX)
                .clamp(1, WEIGHT_MAX)
        });
        state.table.put(NodeSpec {
            node: *node,
            zone: member.zone,
            weight,
            sessions_max,
            capabilities,
            standing,
        });
        state.table.set_load(node, member.load());
    }

    fn with<T>(
        &self,
        membership: Membership,
        now: Duration,
        change: impl FnOnce(&mut Member) -> T,
    ) -> Option<T> {
        let mut state = self.state_mut();
        let member = state.members.get_mut(&membership.node)?;
        if member.generation != membership.generation {
            return None;
        }
        let value = change(member);
        self.refresh(&mut state, &membership.node, now);
        Some(value)
    }

    /// Notes a heartbeat and acknowledges it; `false` if a newer connection took the node's place.
    pub(crate) fn heartbeat(&self, from: Membership, heartbeat: Heartbeat, now: Instant) -> bool {
        let now = self.since(now);
        let stated = Stated::from(&heartbeat);
        {
            let state = self.state();
            let Some(member) = state.member(from) else {
                return false;
            };
            let known = state.table.view(&from.node).map(|view| view.spec.standing);
            if member.stated == stated && known == Some(Standing::Available) {
                // Nothing but its load has changed.
                member.beat(heartbeat, now);
                state.table.set_load(&from.node, member.load());
                return true;
            }
        }
        self.with(from, now, |member| {
            member.stated = stated;
            member.beat(heartbeat, now);
        })
        .is_some()
    }

    /// Which nodes their operators want blocked or draining from now on. It is asked for in turn: of two who give orders
    /// at once, the later must not put back what was before the other's.
    pub(crate) fn hold(&self, held: impl FnOnce() -> BTreeMap<NodeId, Hold>, now: Instant) {
        let now = self.since(now);
        let mut state = self.state_mut();
        let held = held();
        let mut changed = Vec::new();
        for (node, member) in &mut state.members {
            let hold = held.get(node).copied().unwrap_or_default();
            if member.hold == hold {
                continue;
            }
            if let Some(orders) = member.orders.as_ref().filter(|_| hold.blocked) {
                let reason = BLOCKED.to_owned();
                let _ = orders.try_send(OrderFrame::NoTraffic { reason });
            }
            member.hold = hold;
            changed.push(*node);
        }
        state.held = held;
        for node in changed {
            self.refresh(&mut state, &node, now);
        }
    }

    /// Nodes of a zone that are members, or were within the hour; `None` if there is no such zone.
    pub(crate) fn of_zone(&self, name: &str) -> Option<Vec<NodeId>> {
        let state = self.state();
        let zone = state.overlay.zones.find(name)?;
        let here = state.members.iter().filter(|(_, one)| one.zone == zone);
        Some(here.map(|(node, _)| *node).collect())
    }

    /// Where a node is that fills, and where those of some nodes are that stand so.
    pub(crate) fn neighbours(
        &self,
        filler: &NodeId,
        nodes: impl Iterator<Item = NodeId>,
        standing: Standing,
        now: Instant,
    ) -> Neighbours {
        let now = self.since(now);
        // The map may be read anew at any time: all of it is of one moment.
        let state = self.state();
        let home = state.members.get(filler).map(|member| member.zone);
        let fallbacks = home.map(|zone| state.overlay.zones.fallbacks(zone).to_vec());
        let stands = |member: &&Member| member.standing(now, self.config.timeout).0 == standing;
        let found = nodes.filter_map(|node| {
            let member = state.members.get(&node).filter(stands)?;
            Some((node, member.zone, member.address.clone()))
        });
        Neighbours {
            home,
            fallbacks: fallbacks.unwrap_or_default(),
            nodes: found.collect(),
        }
    }

    /// The connection is gone.
    pub(crate) fn leave(&self, membership: Membership, now: Instant) {
        self.with(membership, self.since(now), |member| member.orders = None);
    }

    /// Nodes that are to be looked at now, at most so many; whoever gets them says what it [saw](Self::record_look).
    pub(crate) fn looks_due(&self, most: usize, now: Instant) -> Vec<Look> {
        let now = self.since(now);
        // A node that drains refuses looks like other sessions.
        let looked_at = |member: &Member| {
            let here = member.orders.is_some() && member.beats.at().is_some();
            here && !member.stated.draining && !member.hold.draining
        };
        let due = |(node, member): (&NodeId, &Member)| {
            let since = member.health.due_since(now);
            Some((since.filter(|_| looked_at(member))?, *node))
        };
        let due: Vec<_> = self.state().members.iter().filter_map(due).collect();
        let next = looks::next(due, most);
        if next.is_empty() {
            return Vec::new();
        }
        let mut state = self.state_mut();
        let look = |node| {
            let member = state.members.get_mut(&node)?;
            let generation = member.generation;
            (looked_at(member) && member.health.take_due(now)).then(|| Look {
                membership: Membership { node, generation },
                node,
                address: member.address.clone(),
            })
        };
        next.into_iter().filter_map(look).collect()
    }

    /// What was seen of a node that was looked at. The node is told if it gets no traffic.
    pub(crate) fn record_look(&self, look: &Look, outcome: Result<Proof, String>, now: Instant) {
        let now = self.since(now);
        self.with(look.membership, now, |member| {
            member.health.record_look(outcome, now);
            if let (Some(Unfit::Unproven(reason)), Some(orders)) =
                (member.health.unfit(now), &member.orders)
            {
                let _ = orders.try_send(OrderFrame::NoTraffic { reason });
            }
        });
    }

    /// A node says that it has filled something: one of which only the key is proven is looked at again.
    pub(crate) fn filled(&self, from: Membership, now: Instant) {
        let now = self.since(now);
        self.with(from, now, |member| member.health.filled(now));
    }

    /// Tells a node to fill a collection unless it was told; `false` if its queue is full or it is gone.
    pub(crate) fn order_fill(&self, node: &NodeId, collection: CollectionId) -> bool {
        let told = |state: &State| {
            let member = state.members.get(node)?;
            Some(member.ordered.contains(&collection))
        };
        // Most were told long ago.
        match told(&self.state()) {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        let mut state = self.state_mut();
        let Some(member) = state.members.get_mut(node) else {
            return false;
        };
        if member.ordered.contains(&collection) {
            return true;
        }
        let order = OrderFrame::Fill { collection };
        let queued = match &member.orders {
            Some(orders) => orders.try_send(order).is_ok(),
            None => false,
        };
        if queued {
            if member.ordered.len() >= ORDERED_MAX {
                member.ordered.clear();
            }
            member.ordered.insert(collection);
        }
        queued
    }

    /// Nodes that get traffic.
    pub(crate) fn healthy_count(&self, now: Instant) -> usize {
        let now = self.since(now);
        let state = self.state();
        let standings = state.members.values();
        standings
            .filter(|member| member.standing(now, self.config.timeout).0 == Standing::Available)
            .count()
    }

    /// All that are listed, in order of their ids.
    pub(crate) fn list(&self, now: Instant) -> Vec<NodeInfo> {
        let now = self.since(now);
        let state = self.state();
        let mut nodes: Vec<_> = state
            .members
            .iter()
            .map(|(node, member)| {
                let (standing, reason) = member.standing(now, self.config.timeout);
                let beat = member.beats.latest();
                NodeInfo {
                    node: *node,
                    address: member.address.clone(),
                    healthy: standing == Standing::Available,
                    standing: standing.name().to_owned(),
                    reason,
                    zone: state.overlay.zones.name(member.zone).to_owned(),
                    bound: state.table.view(node).map_or(0, |view| view.bound),
                    sessions: beat.map_or(0, |beat| beat.sessions),
                    cached_bytes: beat.map_or(0, |beat| beat.cached_bytes),
                    heartbeat_age_ms: now.saturating_sub(member.seen()).as_millis() as u64,
                    version: member.version.clone(),
                }
            })
            .collect();
        nodes.sort_by_key(|node| node.node);
        nodes
    }
}

#[cfg(test)]
#[path = "membership_tests.rs"]
mod tests;
