//! Who is a member now: health by heartbeats, and the orders that wait for each.
//!
//! Time comes in as an argument. The lock guards memory only and is never held across an `.await`.

use crate::routing::{Candidate, choose, choose_for};
use protocol::{ClientKey, CollectionId, Heartbeat, NodeId, NodeInfo, OrderFrame};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Orders that may wait for one node; a node that doesn't read gets no more.
const ORDERS_MAX: usize = 256;
/// Collections remembered as ordered, per node; beyond, one may be ordered again, which does no harm.
const ORDERED_MAX: usize = 65_536;
/// How long a node that left is still listed.
const GONE_LISTED: Duration = Duration::from_secs(3600);

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
    /// `None` once the connection is gone.
    orders: Option<mpsc::Sender<OrderFrame>>,
    /// Collections it was told to fill since it joined.
    ordered: HashSet<CollectionId>,
    /// The latest, and when it came; `None` before the first.
    heartbeat: Option<(Heartbeat, Instant)>,
    /// When it was last heard of at all.
    seen: Instant,
}

impl Member {
    fn is_healthy(&self, now: Instant, timeout: Duration) -> bool {
        self.orders.is_some()
            && self.heartbeat.is_some_and(|(heartbeat, at)| {
                !heartbeat.draining && now.saturating_duration_since(at) <= timeout
            })
    }
}

#[derive(Debug, Default)]
struct State {
    members: HashMap<NodeId, Member>,
    generations: u64,
}

/// All members, and for a while those that left.
#[derive(Debug)]
pub(crate) struct Members {
    state: Mutex<State>,
    /// A node without a heartbeat for longer gets no traffic.
    timeout: Duration,
}

impl Members {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            state: Mutex::default(),
            timeout,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a node in. An earlier connection of it ends: its queue closes.
    pub(crate) fn join(
        &self,
        node: NodeId,
        address: String,
        version: String,
        now: Instant,
    ) -> (Membership, mpsc::Receiver<OrderFrame>) {
        let (orders, queue) = mpsc::channel(ORDERS_MAX);
        let mut state = self.state();
        state.members.retain(|_, member| {
            member.orders.is_some() || now.saturating_duration_since(member.seen) < GONE_LISTED
        });
        state.generations += 1;
        let generation = state.generations;
        let member = Member {
            generation,
            address,
            version,
            orders: Some(orders),
            ordered: HashSet::new(),
            heartbeat: None,
            seen: now,
        };
        state.members.insert(node, member);
        (Membership { node, generation }, queue)
    }

    fn with<T>(&self, membership: Membership, change: impl FnOnce(&mut Member) -> T) -> Option<T> {
        let mut state = self.state();
        let member = state.members.get_mut(&membership.node)?;
        (member.generation == membership.generation).then(|| change(member))
    }

    /// Notes a heartbeat and acknowledges it; `false` if a newer connection took the node's place.
    pub(crate) fn heartbeat(&self, from: Membership, heartbeat: Heartbeat, now: Instant) -> bool {
        self.with(from, |member| {
            member.heartbeat = Some((heartbeat, now));
            member.seen = now;
            // A full queue has more important things to say.
            if let Some(orders) = &member.orders {
                let _ = orders.try_send(OrderFrame::Seen);
            }
        })
        .is_some()
    }

    /// The connection is gone.
    pub(crate) fn leave(&self, membership: Membership) {
        self.with(membership, |member| member.orders = None);
    }

    /// Up to `count` healthy nodes for a collection, best first, with their addresses.
    pub(crate) fn choose(
        &self,
        collection: &CollectionId,
        exclude: &[NodeId],
        count: usize,
        now: Instant,
    ) -> Vec<(NodeId, String)> {
        self.pick(now, |healthy| choose(collection, healthy, exclude, count))
    }

    /// As [`Self::choose`], for one client of a collection that so many nodes hold.
    pub(crate) fn choose_for(
        &self,
        client: &ClientKey,
        collection: &CollectionId,
        exclude: &[NodeId],
        count: usize,
        replicas: usize,
        now: Instant,
    ) -> Vec<(NodeId, String)> {
        self.pick(now, |healthy| {
            choose_for(client, collection, healthy, exclude, count, replicas)
        })
    }

    fn pick(
        &self,
        now: Instant,
        choose: impl FnOnce(&[Candidate]) -> Vec<NodeId>,
    ) -> Vec<(NodeId, String)> {
        let state = self.state();
        let healthy: Vec<_> = state
            .members
            .iter()
            .filter(|(_, member)| member.is_healthy(now, self.timeout))
            .map(|(node, member)| Candidate {
                node: *node,
                sessions: member
                    .heartbeat
                    .map_or(0, |(heartbeat, _)| heartbeat.sessions),
            })
            .collect();
        choose(&healthy)
            .into_iter()
            .filter_map(|node| Some((node, state.members.get(&node)?.address.clone())))
            .collect()
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
        let members = state.members.values();
        members
            .filter(|member| member.is_healthy(now, self.timeout))
            .count()
    }

    /// All that are listed, in order of their ids.
    pub(crate) fn list(&self, now: Instant) -> Vec<NodeInfo> {
        let state = self.state();
        let mut nodes: Vec<_> = state
            .members
            .iter()
            .map(|(node, member)| NodeInfo {
                node: *node,
                address: member.address.clone(),
                healthy: member.is_healthy(now, self.timeout),
                sessions: member.heartbeat.map_or(0, |(beat, _)| beat.sessions),
                cached_bytes: member.heartbeat.map_or(0, |(beat, _)| beat.cached_bytes),
                heartbeat_age_ms: now.saturating_duration_since(member.seen).as_millis() as u64,
                version: member.version.clone(),
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
    };

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
        let members = Members::new(TIMEOUT);
        let start = Instant::now();
        let (first, mut queue) = members.join(node(1), "a:1".into(), "v".into(), start);
        let healthy = |at| members.choose(&collection(1), &[], 3, at).len();
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
                .choose(&collection(1), &[node(1)], 3, start)
                .is_empty()
        );
        members.leave(first);
        assert_eq!(healthy(start), 0);
        assert_eq!(members.list(start).len(), 1, "still listed");
        let (_, _queue) = members.join(node(2), "b:1".into(), "v".into(), start + GONE_LISTED);
        assert_eq!(members.list(start)[0].node, node(2), "no longer listed");
    }

    #[test]
    fn a_newer_connection_takes_the_place_of_the_older() {
        let members = Members::new(TIMEOUT);
        let now = Instant::now();
        let (old, mut old_queue) = members.join(node(1), "a:1".into(), "v".into(), now);
        let (new, _queue) = members.join(node(1), "a:2".into(), "v".into(), now);
        assert!(old_queue.try_recv().is_err() && old_queue.is_closed());
        assert!(members.heartbeat(new, BEAT, now));
        assert!(!members.heartbeat(old, BEAT, now));
        members.leave(old);
        assert_eq!(
            members.choose(&collection(1), &[], 1, now),
            [(node(1), "a:2".into())]
        );
    }

    #[test]
    fn a_fill_is_ordered_once_and_the_queue_is_bounded() {
        let members = Members::new(TIMEOUT);
        let now = Instant::now();
        let (_, mut queue) = members.join(node(1), "a:1".into(), "v".into(), now);
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
}
