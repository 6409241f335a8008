//! Who is a member now: heartbeats, health, load, and the orders that wait for each.
//!
//! Time comes in as an argument. The lock guards memory only and is never held across an `.await`.

use crate::client_network::ClientNetwork;
use crate::health::{Health, Unfit};
use crate::measured::Measured;
use crate::overlay::Overlay;
use protocol::{CollectionId, Heartbeat, MeasuredNode, NodeId, NodeInfo, OrderFrame};
use routing::{
    Decision, How, NodeSpec, Placement, Question, Standing, Table, WEIGHT_MAX, ZoneIndex,
};
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
    zone: ZoneIndex,
    /// `None` once the connection is gone.
    orders: Option<mpsc::Sender<OrderFrame>>,
    /// Collections it was told to fill since it joined.
    ordered: HashSet<CollectionId>,
    /// The latest, and when it came; `None` before the first.
    heartbeat: Option<(Heartbeat, Instant)>,
    health: Health,
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
        if self.orders.is_none() {
            return because(Standing::Down, "its connection is gone");
        }
        let Some((heartbeat, at)) = self.heartbeat else {
            return because(Standing::Down, "it has sent no heartbeat yet");
        };
        if now.saturating_duration_since(at) > timeout {
            return because(Standing::Down, "it has stopped sending heartbeats");
        }
        if heartbeat.draining {
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
    measured: Measured,
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
    pub(crate) exclude: &'a [NodeId],
}

/// A decision, and where its nodes are reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) decision: Decision,
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
    overlay: Arc<Overlay>,
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
                measured: Measured::default(),
            }),
            overlay: Arc::new(overlay),
            config,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The map.
    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// The map, for whoever outlives a call.
    pub(crate) fn map(&self) -> Arc<Overlay> {
        self.overlay.clone()
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
        let zone = self.overlay.place_node(&node, place);
        let mut state = self.state();
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
        let member = Member {
            generation,
            address,
            version,
            zone,
            orders: Some(orders),
            ordered: HashSet::new(),
            heartbeat: None,
            health: Health::new(self.config.dial_back, now),
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
        let (weight, capabilities) = self.overlay.zones.facts(node);
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

    /// The connection is gone.
    pub(crate) fn leave(&self, membership: Membership, now: Instant) {
        self.with(membership, now, |member| member.orders = None);
    }

    /// Where a client is to be sent. Nothing is changed by asking; [`Members::note`] does that.
    pub(crate) fn decide(&self, ask: &Ask<'_>, now: Instant) -> Chosen {
        let placement = self.overlay.place(ask.from);
        let mut state = self.state();
        let measured = state.measured.of(ask.from.into());
        let question = Question {
            collection: ask.collection,
            placement,
            turn: ask.turn,
            count: ask.count,
            dispersion: ask.dispersion as u32,
            requires: 0,
            exclude: ask.exclude,
            measured: &measured,
        };
        loop {
            let decision = state.table.decide(&self.overlay.zones, &question);
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
                return Chosen { decision, nodes };
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
            let beats = member.orders.is_some() && member.heartbeat.is_some();
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
    pub(crate) fn saw(&self, look: &Look, outcome: Result<(), String>, now: Instant) {
        self.with(look.membership, now, |member| {
            member.health.saw(outcome, now);
            if let (Some(Unfit::Unproven(reason)), Some(orders)) =
                (member.health.unfit(now), &member.orders)
            {
                let _ = orders.try_send(OrderFrame::NoTraffic { reason });
            }
        });
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
    pub(crate) fn holders(&self, collection: CollectionId, dispersion: usize) -> Vec<NodeId> {
        let state = self.state();
        let zones = &self.overlay.zones;
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
                requires: 0,
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
                    zone: self.overlay.zones.name(member.zone).to_owned(),
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
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);
    const BEAT: Heartbeat = Heartbeat {
        sessions: 1,
        cached_bytes: 2,
        free_bytes: 3,
        draining: false,
        sessions_max: 1000,
        bandwidth_mbps: 100,
    };

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn members(dial_back: bool) -> Members {
        let config = MembersConfig {
            timeout: TIMEOUT,
            dial_back,
            idle_sessions: 64,
        };
        Members::new(config, Overlay::default())
    }

    fn ask(collection: CollectionId, exclude: &[NodeId]) -> Ask<'_> {
        Ask {
            collection,
            from: FROM,
            turn: 0,
            count: 3,
            dispersion: 1,
            exclude,
        }
    }

    fn node(n: u8) -> NodeId {
        NodeId::from([n; 32])
    }

    fn collection(n: u16) -> CollectionId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        CollectionId::from(id)
    }

    #[test]
    fn only_a_fresh_heartbeat_makes_a_node_healthy() {
        let members = members(false);
        let start = Instant::now();
        let (first, mut queue) = members.join(node(1), "a:1".into(), "v".into(), None, start);
        let healthy = |at| members.decide(&ask(collection(1), &[]), at).nodes.len();
        assert_eq!(healthy(start), 0, "no heartbeat yet");
        assert!(members.heartbeat(first, BEAT, start));
        assert_eq!(queue.try_recv(), Ok(OrderFrame::Seen));
        assert_eq!(healthy(start + TIMEOUT), 1);
        assert_eq!(healthy(start + TIMEOUT + Duration::from_millis(1)), 0);
        let draining = Heartbeat {
            draining: true,
            ..BEAT
        };
        members.heartbeat(first, draining, start);
        assert_eq!(healthy(start), 0);
        members.heartbeat(first, BEAT, start);
        assert!(
            members
                .decide(&ask(collection(1), &[node(1)]), start)
                .nodes
                .is_empty()
        );
        members.leave(first, start);
        assert_eq!(healthy(start), 0);
        assert_eq!(members.list(start).len(), 1, "still listed");
        let (_, _queue) =
            members.join(node(2), "b:1".into(), "v".into(), None, start + GONE_LISTED);
        assert_eq!(members.list(start)[0].node, node(2), "no longer listed");
    }

    #[test]
    fn a_newer_connection_takes_the_place_of_the_older() {
        let members = members(false);
        let now = Instant::now();
        let (old, mut old_queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
        let (new, _queue) = members.join(node(1), "a:2".into(), "v".into(), None, now);
        assert!(old_queue.try_recv().is_err() && old_queue.is_closed());
        assert!(members.heartbeat(new, BEAT, now));
        assert!(!members.heartbeat(old, BEAT, now));
        members.leave(old, now);
        assert_eq!(
            members.decide(&ask(collection(1), &[]), now).nodes,
            [(node(1), "a:2".into())]
        );
    }

    #[test]
    fn a_fill_is_ordered_once_and_the_queue_is_bounded() {
        let members = members(false);
        let now = Instant::now();
        let (_, mut queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
        assert!(members.order_fill(&node(1), collection(1)));
        assert!(members.order_fill(&node(1), collection(1)));
        assert_eq!(queue.len(), 1);
        assert!(!members.order_fill(&node(2), collection(1)));
        let room = (2..1000)
            .take_while(|n| members.order_fill(&node(1), collection(*n)))
            .count();
        assert_eq!((room + 1, queue.len()), (ORDERS_MAX, ORDERS_MAX));
        while queue.try_recv().is_ok() {}
        // What didn't fit is ordered when it is asked for again.
        assert!(members.order_fill(&node(1), collection(1000)));
    }

    #[test]
    fn a_node_gets_traffic_only_after_it_was_seen_to_deliver() {
        let members = members(true);
        let now = Instant::now();
        let (member, mut queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
        assert!(
            members.looks_due(9, now).is_empty(),
            "not before its first heartbeat"
        );
        members.heartbeat(member, BEAT, now);
        let looks = members.looks_due(9, now);
        assert_eq!(looks.len(), 1);
        assert!(members.looks_due(9, now).is_empty(), "somebody looks");
        assert_eq!(members.list(now)[0].standing, "unproven");
        members.saw(&looks[0], Err("no answer".into()), now);
        assert_eq!(members.list(now)[0].reason.as_deref(), Some("no answer"));
        assert_eq!(queue.try_recv(), Ok(OrderFrame::Seen));
        let told = OrderFrame::NoTraffic {
            reason: "no answer".into(),
        };
        assert_eq!(queue.try_recv(), Ok(told));
        members.saw(&looks[0], Ok(()), now);
        assert_eq!(members.decide(&ask(collection(1), &[]), now).nodes.len(), 1);
    }

    #[test]
    fn clients_sent_count_until_heartbeats_can_know_of_them() {
        let members = members(false);
        let now = Instant::now();
        let (member, _queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
        members.heartbeat(member, BEAT, now);
        let load = || members.decide(&ask(collection(1), &[]), now).decision.picks[0].load;
        assert_eq!(load(), 1);
        for _ in 0..5 {
            let chosen = members.decide(&ask(collection(1), &[]), now);
            members.note(collection(1), &chosen.decision);
        }
        assert_eq!(load(), 6);
        members.heartbeat(member, BEAT, now);
        assert_eq!(load(), 6, "they may be on their way");
        members.heartbeat(member, BEAT, now);
        assert_eq!(load(), 1);
    }

    #[test]
    fn clients_words_make_the_control_plane_look_and_measure() {
        let members = members(true);
        let now = Instant::now();
        let (member, _queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
        members.heartbeat(member, BEAT, now);
        let look = members.looks_due(1, now).remove(0);
        members.saw(&look, Ok(()), now);
        let later = now + Duration::from_secs(20);
        members.heartbeat(member, BEAT, later);
        assert!(members.looks_due(1, later).is_empty());
        let rtt = MeasuredNode {
            node: node(1),
            rtt_us: 900,
        };
        members.told(FROM, &[node(1), node(7)], &[rtt], later);
        assert_eq!(members.looks_due(1, later).len(), 1);
        assert_eq!(members.list(later)[0].standing, "available");
        let known = members.state().measured.of(FROM.into());
        assert_eq!(known, [(ZoneIndex::DEFAULT, 900)]);
    }
}
