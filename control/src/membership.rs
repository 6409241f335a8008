//! Who is a member now: heartbeats, health, load, and the orders that wait for each.
//!
//! Time comes in as an argument. The lock guards memory only and is never held across an `.await`.

mod status;

use crate::client_network::ClientNetwork;
use crate::health::{Health, Proof, Unfit};
use crate::measured::Measured;
use crate::orders::Hold;
use crate::overlay::Overlay;
use protocol::{CollectionId, Heartbeat, MeasuredNode, NodeId, NodeInfo, OrderFrame};
use routing::{
    Decision, How, NodeSpec, Placement, Question, Standing, Table, WEIGHT_MAX, ZoneIndex,
};
pub(crate) use status::INTERVAL;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Orders that may wait for one node; a node that doesn't read gets no more.
const ORDERS_MAX: usize = 256;
/// Collections remembered as ordered, per node; beyond, one may be ordered again, which does no harm.
const ORDERED_MAX: usize = 65_536;
/// How long a node that left is still listed.
const GONE_LISTED: Duration = Duration::from_secs(3600);
/// Why a blocked node gets no traffic.
const BLOCKED: &str = "the network's operator has blocked it";
/// Bandwidth of a node with the least weight.
const WEIGHT_MBPS: u32 = 100;

/// Names one join of one node: what an older one says no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    node: NodeId,
    generation: u64,
}

#[derive(Debug)]
struct Member {
    generation: u64,
    address: String,
    version: String,
    /// Where it is, as far as that is known.
    place: Option<IpAddr>,
    zone: ZoneIndex,
    /// `None` once the connection is gone.
    orders: Option<mpsc::Sender<OrderFrame>>,
    /// Collections it was told to fill since it joined.
    ordered: HashSet<CollectionId>,
    /// The latest, and when it came; `None` before the first.
    heartbeat: Option<(Heartbeat, Instant)>,
    health: Health,
    /// What it says it did.
    meter: status::Meter,
    /// What its operators want of it.
    hold: Hold,
    /// When it was last heard of at all.
    seen: Instant,
    /// Clients sent to it since the last heartbeat, and in the time between the two before: they may not
    /// have arrived yet.
    sent: u32,
    sent_before: u32,
}

impl Member {
    /// Whether it gets traffic, and if not, why.
    fn standing(&self, now: Instant, timeout: Duration) -> (Standing, Option<String>) {
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

    fn load(&self) -> u32 {
        let open = self
            .heartbeat
            .map_or(0, |(heartbeat, _)| heartbeat.sessions);
        open.saturating_add(self.sent)
            .saturating_add(self.sent_before)
    }
}

struct State {
    members: HashMap<NodeId, Member>,
    generations: u64,
    table: Table,
    /// The map by which the table was made.
    overlay: Arc<Overlay>,
    measured: Measured,
    traffic: status::Traffic,
    /// Also of nodes that aren't members now.
    held: HashMap<NodeId, Hold>,
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

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) collection: CollectionId,
    pub(crate) from: IpAddr,
    /// A number of the client's own, evenly spread.
    pub(crate) turn: u64,
    pub(crate) count: usize,
    pub(crate) dispersion: usize,
    /// Capabilities that a node must have.
    pub(crate) requires: &'a [String],
    pub(crate) exclude: &'a [NodeId],
}

/// A decision, and where its nodes are reached.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) decision: Decision,
    /// The map that it was made by: what names its zones.
    pub(crate) overlay: Arc<Overlay>,
    pub(crate) nodes: Vec<(NodeId, String)>,
}

/// A node that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) membership: Membership,
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

/// All members, and for a while those that left.
pub(crate) struct Members {
    state: Mutex<State>,
    config: MembersConfig,
}

impl Members {
    pub(crate) fn new(config: MembersConfig, overlay: Overlay) -> Self {
        let table = Table::new(&overlay.zones, config.idle_sessions);
        Self {
            state: Mutex::new(State {
                members: HashMap::new(),
                generations: 0,
                table,
                overlay: Arc::new(overlay),
                measured: Measured::default(),
                traffic: status::Traffic::default(),
                held: HashMap::new(),
            }),
            config,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The map of the moment.
    pub(crate) fn overlay(&self) -> Arc<Overlay> {
        self.state().overlay.clone()
    }

    /// From now on this is the map: nodes are placed anew, and stay members with their load. What was measured of
    /// zones that have kept their name stays; what many want is learned anew.
    pub(crate) fn remap(&self, overlay: Overlay, now: Instant) {
        let mut state = self.state();
        let old = std::mem::replace(&mut state.overlay, Arc::new(overlay));
        let new = state.overlay.clone();
        state.table = Table::new(&new.zones, self.config.idle_sessions);
        let renamed = |zone| new.zones.find(old.zones.name(zone));
        state.measured.rename(renamed);
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
        let mut state = self.state();
        let zone = state.overlay.place_node(&node, place);
        let State { members, table, .. } = &mut *state;
        members.retain(|id, member| {
            let listed =
                member.orders.is_some() || now.saturating_duration_since(member.seen) < GONE_LISTED;
            if !listed {
                table.remove(id);
            }
            listed
        });
        state.generations += 1;
        let generation = state.generations;
        let hold = state.held.get(&node).copied().unwrap_or_default();
        let known = state.members.remove(&node);
        let member = Member {
            generation,
            meter: known.map(|known| known.meter).unwrap_or_default(),
            address,
            version,
            place,
            zone,
            orders: Some(orders),
            ordered: HashSet::new(),
            heartbeat: None,
            health: Health::new(self.config.dial_back, now),
            hold,
            seen: now,
            sent: 0,
            sent_before: 0,
        };
        state.members.insert(node, member);
        self.refresh(&mut state, &node, now);
        (Membership { node, generation }, queue)
    }

    /// Puts a member into the table as it is now.
    fn refresh(&self, state: &mut State, node: &NodeId, now: Instant) {
        let Some(member) = state.members.get(node) else {
            return;
        };
        let (standing, _) = member.standing(now, self.config.timeout);
        let heartbeat = member.heartbeat.map(|(heartbeat, _)| heartbeat);
        let (weight, capabilities) = state.overlay.zones.facts(node);
        let weight = weight.unwrap_or_else(|| {
            let mbps = heartbeat.map_or(0, |heartbeat| heartbeat.bandwidth_mbps);
            u16::try_from(mbps / WEIGHT_MBPS)
                .unwrap_or(WEIGHT_MAX)
                .clamp(1, WEIGHT_MAX)
        });
        state.table.put(NodeSpec {
            node: *node,
            zone: member.zone,
            weight,
            sessions_max: heartbeat.map_or(0, |heartbeat| heartbeat.sessions_max),
            capabilities,
            standing,
        });
        state.table.set_load(node, member.load());
    }

    fn with<T>(
        &self,
        membership: Membership,
        now: Instant,
        change: impl FnOnce(&mut Member) -> T,
    ) -> Option<T> {
        let mut state = self.state();
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
        self.with(from, now, |member| {
            member.heartbeat = Some((heartbeat, now));
            member.seen = now;
            member.sent_before = std::mem::take(&mut member.sent);
            // A full queue has more important things to say.
            if let Some(orders) = &member.orders {
                let _ = orders.try_send(OrderFrame::Seen);
            }
        })
        .is_some()
    }

    /// Which nodes their operators want blocked or draining from now on.
    pub(crate) fn hold(&self, held: HashMap<NodeId, Hold>, now: Instant) {
        let mut state = self.state();
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

    /// Nodes of a zone that are members, or were within the hour; none if there is no such zone.
    pub(crate) fn of_zone(&self, name: &str) -> Vec<NodeId> {
        let state = self.state();
        let here = |member: &Member| state.overlay.zones.name(member.zone) == name;
        let members = state.members.iter().filter(|(_, member)| here(member));
        members.map(|(node, _)| *node).collect()
    }

    /// The zone of a node that is listed.
    pub(crate) fn zone_of(&self, node: &NodeId) -> Option<ZoneIndex> {
        self.state().members.get(node).map(|member| member.zone)
    }

    /// Zone and address of those of some nodes that stand so.
    pub(crate) fn places(
        &self,
        nodes: impl Iterator<Item = NodeId>,
        standing: Standing,
        now: Instant,
    ) -> Vec<(NodeId, ZoneIndex, String)> {
        let state = self.state();
        let stands = |member: &&Member| member.standing(now, self.config.timeout).0 == standing;
        let found = nodes.filter_map(|node| {
            let member = state.members.get(&node).filter(stands)?;
            Some((node, member.zone, member.address.clone()))
        });
        found.collect()
    }

    /// The connection is gone.
    pub(crate) fn leave(&self, membership: Membership, now: Instant) {
        self.with(membership, now, |member| member.orders = None);
    }

    /// Where a client is to be sent. Nothing is changed by asking; [`Members::note`] does that.
    pub(crate) fn decide(&self, ask: &Ask<'_>, now: Instant) -> Chosen {
        let mut state = self.state();
        let overlay = state.overlay.clone();
        let placement = overlay.place(ask.from);
        let measured = state.measured.of(ask.from.into());
        let question = Question {
            collection: ask.collection,
            placement,
            turn: ask.turn,
            count: ask.count,
            dispersion: ask.dispersion as u32,
            requires: overlay.requires(ask.requires),
            exclude: ask.exclude,
            measured: &measured,
        };
        loop {
            let decision = state.table.decide(&overlay.zones, &question);
            // Silence isn't an event: the table learns of it when it matters.
            let silent: Vec<_> = decision
                .picks
                .iter()
                .map(|pick| pick.node)
                .filter(|node| {
                    let member = state.members.get(node);
                    let standing = member.map(|member| member.standing(now, self.config.timeout).0);
                    standing != Some(Standing::Available)
                })
                .collect();
            if silent.is_empty() {
                let address = |node| Some((node, state.members.get(&node)?.address.clone()));
                let nodes = decision.picks.iter().filter_map(|pick| address(pick.node));
                let nodes = nodes.collect();
                return Chosen {
                    decision,
                    overlay,
                    nodes,
                };
            }
            for node in silent {
                state.table.set_standing(&node, Standing::Down);
            }
        }
    }

    /// A client was sent where a decision says.
    pub(crate) fn note(&self, collection: CollectionId, decision: &Decision) {
        let mut state = self.state();
        state.table.note(collection, decision);
        let first = decision.picks.first();
        if let Some(member) = first.and_then(|pick| state.members.get_mut(&pick.node)) {
            member.sent = member.sent.saturating_add(1);
        }
    }

    /// What a client says of nodes it tried.
    pub(crate) fn told(
        &self,
        from: IpAddr,
        failed: &[NodeId],
        measured: &[MeasuredNode],
        now: Instant,
    ) {
        if failed.is_empty() && measured.is_empty() {
            return;
        }
        let network = ClientNetwork::from(from);
        let mut state = self.state();
        for node in failed {
            if let Some(member) = state.members.get_mut(node) {
                member.health.reported(network, now);
                self.refresh(&mut state, node, now);
            }
        }
        for one in measured {
            if let Some(zone) = state.members.get(&one.node).map(|member| member.zone) {
                state.measured.note(network, zone, one.rtt_us);
            }
        }
    }

    /// Nodes that are to be looked at now, at most so many; whoever gets them says what it [saw](Self::saw).
    pub(crate) fn looks_due(&self, most: usize, now: Instant) -> Vec<Look> {
        let mut state = self.state();
        let due = state.members.iter_mut().filter_map(|(node, member)| {
            // A node that drains refuses looks like other sessions.
            let draining = |(heartbeat, _): (Heartbeat, Instant)| heartbeat.draining;
            let beats = member.heartbeat.is_some_and(|beat| !draining(beat));
            let beats = beats && member.orders.is_some() && !member.hold.draining;
            (beats && member.health.take_due(now)).then(|| Look {
                membership: Membership {
                    node: *node,
                    generation: member.generation,
                },
                node: *node,
                address: member.address.clone(),
            })
        });
        due.take(most).collect()
    }

    /// What was seen of a node that was looked at. The node is told if it gets no traffic.
    pub(crate) fn saw(&self, look: &Look, outcome: Result<Proof, String>, now: Instant) {
        self.with(look.membership, now, |member| {
            member.health.saw(outcome, now);
            if let (Some(Unfit::Unproven(reason)), Some(orders)) =
                (member.health.unfit(now), &member.orders)
            {
                let _ = orders.try_send(OrderFrame::NoTraffic { reason });
            }
        });
    }

    /// A node says that it has filled something: one of which only the key is proven is looked at again.
    pub(crate) fn filled(&self, from: Membership, now: Instant) {
        self.with(from, now, |member| member.health.filled(now));
    }

    /// Tells a node to fill a collection unless it was told; `false` if its queue is full or it is gone.
    pub(crate) fn order_fill(&self, node: &NodeId, collection: CollectionId) -> bool {
        let mut state = self.state();
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
        let state = self.state();
        let standings = state.members.values();
        standings
            .filter(|member| member.standing(now, self.config.timeout).0 == Standing::Available)
            .count()
    }

    /// The nodes of each zone that its clients will be sent to first for a collection.
    pub(crate) fn holders(
        &self,
        collection: CollectionId,
        requires: &[String],
        dispersion: usize,
    ) -> Vec<NodeId> {
        let state = self.state();
        let zones = &state.overlay.zones;
        let requires = state.overlay.requires(requires);
        let mut nodes = Vec::new();
        for zone in zones
            .all()
            .filter(|zone| state.table.zone(*zone).available > 0)
        {
            let question = Question {
                collection,
                placement: Placement {
                    zone,
                    how: How::Nowhere,
                    position: None,
                },
                turn: 0,
                count: dispersion,
                dispersion: dispersion as u32,
                requires,
                exclude: &[],
                measured: &[],
            };
            let decision = state.table.decide(zones, &question);
            let here = decision.picks.iter().filter(|pick| pick.zone == zone);
            nodes.extend(here.map(|pick| pick.node));
        }
        nodes
    }

    /// All that are listed, in order of their ids.
    pub(crate) fn list(&self, now: Instant) -> Vec<NodeInfo> {
        let state = self.state();
        let mut nodes: Vec<_> = state
            .members
            .iter()
            .map(|(node, member)| {
                let (standing, reason) = member.standing(now, self.config.timeout);
                NodeInfo {
                    node: *node,
                    address: member.address.clone(),
                    healthy: standing == Standing::Available,
                    standing: standing.name().to_owned(),
                    reason,
                    zone: state.overlay.zones.name(member.zone).to_owned(),
                    bound: state.table.view(node).map_or(0, |view| view.bound),
                    sessions: member.heartbeat.map_or(0, |(beat, _)| beat.sessions),
                    cached_bytes: member.heartbeat.map_or(0, |(beat, _)| beat.cached_bytes),
                    heartbeat_age_ms: now.saturating_duration_since(member.seen).as_millis() as u64,
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
