//! Orders to nodes: kept until every node has confirmed them, whoever dies meanwhile.
//!
//! `orders.json` in the data directory is replaced as a whole. An order is in it before anyone is told of
//! it. A confirmation may be lost with the process: then the node is told once more, which does no harm,
//! since everything that is ordered may be done twice.

use crate::rules::orders::as_of;
use disk::{Disk, DiskError, failed};
use host::Clock;
use host::watch;
use protocol::api::{OrderState, OrderStatus, OrderSummary, OrderedNode, OutstandingOrder};
use protocol::{
    Address, B256, ClientKey, CollectionId, NodeId, Order, OrderId, Paths, Revoked, UnixMillis,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Most orders kept; the oldest that nobody has to do any more makes room.
const ORDERS_MAX: usize = 4096;
/// Most nodes of all orders together: some 20 MB of JSON.
const TARGETS_MAX: usize = 200_000;
/// Most client keys, and most viewers' tokens, that get no tickets.
const REVOKED_MAX: usize = 65_536;
/// Longest trouble that is kept of what a node says.
const TROUBLE_CHARS_MAX: usize = 200;

/// Nodes named of those that an order waits for.
const WAITED_FOR_MAX: usize = 16;

/// The file in the data directory.
pub(crate) const FILE: &str = "orders.json";
const FILE_VERSION: u32 = 1;

/// Why orders can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// The file isn't one.
    #[error("the list of orders {} is damaged: restore it from a copy ({source})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// No room.
    #[error(
        "no more orders fit: {ORDERS_MAX} of them, or {TARGETS_MAX} nodes of all together, are outstanding"
    )]
    Full,
    /// No room for another key.
    #[error("{REVOKED_MAX} client keys, or viewers' tokens, are revoked; no more fit")]
    RevokedFull,
}

/// What the control plane itself does about a node, on top of what the node does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) blocked: bool,
    pub(crate) draining: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: OrderId,
    order: Order,
    created_at: UnixMillis,
    /// The owner that gave it; none: an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Address>,
    /// In order of their ids.
    nodes: Vec<OrderedNode>,
}

impl Kept {
    fn node(&mut self, node: &NodeId) -> Option<&mut OrderedNode> {
        let place = self.nodes.binary_search_by_key(node, |one| one.node).ok()?;
        Some(&mut self.nodes[place])
    }

    /// An owner sees what it gave, others see all.
    fn is_seen(&self, account: Option<Address>) -> bool {
        account.is_none() || self.account == account
    }

    fn summary(&self) -> OrderSummary {
        let count = |state| self.nodes.iter().filter(|one| one.state == state).count() as u32;
        OrderSummary {
            id: self.id,
            order: self.order.clone(),
            created_at: self.created_at,
            outstanding: count(OrderState::Outstanding),
            confirmed: count(OrderState::Confirmed),
            moot: count(OrderState::Moot),
            trouble: self.nodes.iter().find_map(|one| one.trouble.clone()),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    /// Of the last order, also if it is kept no longer.
    last: OrderId,
    orders: Vec<Kept>,
    blocked: BTreeSet<NodeId>,
    draining: BTreeSet<NodeId>,
    revoked_clients: BTreeSet<ClientKey>,
    #[serde(default)]
    revoked_tokens: BTreeSet<B256>,
    /// What is being revoked, while that is written: nothing of it leaves any more.
    #[serde(skip)]
    revoking: Option<Revoked>,
    /// What each node has yet to do.
    #[serde(skip)]
    outstanding: BTreeMap<NodeId, BTreeSet<OrderId>>,
}

impl State {
    fn index(&mut self) {
        for order in &self.orders {
            for one in &order.nodes {
                if one.state == OrderState::Outstanding {
                    let mine = self.outstanding.entry(one.node).or_default();
                    mine.insert(order.id);
                }
            }
        }
    }

    fn find(&self, id: OrderId) -> Option<&Kept> {
        let place = self.orders.binary_search_by_key(&id, |one| one.id).ok()?;
        Some(&self.orders[place])
    }

    /// An outstanding order of a node becomes something else.
    fn settle(&mut self, node: &NodeId, id: OrderId, state: OrderState, now: UnixMillis) -> bool {
        let Some(mine) = self.outstanding.get_mut(node) else {
            return false;
        };
        if !mine.remove(&id) {
            return false;
        }
        if mine.is_empty() {
            self.outstanding.remove(node);
        }
        let place = self.orders.binary_search_by_key(&id, |one| one.id);
        let order = place.ok().map(|place| &mut self.orders[place]);
        if let Some(one) = order.and_then(|order| order.node(node)) {
            one.state = state;
            one.at = now;
            one.trouble = None;
        }
        true
    }

    /// Outstanding orders that nobody needs once this one is given.
    fn undo(&mut self, order: &Order, nodes: &[NodeId], now: UnixMillis) {
        for node in nodes {
            let mine = self.outstanding.get(node).into_iter().flatten();
            let undone: Vec<_> = mine
                .filter(|id| self.find(**id).is_some_and(|old| undoes(order, &old.order)))
                .copied()
                .collect();
            for id in undone {
                self.settle(node, id, OrderState::Moot, now);
            }
        }
    }

    /// Makes room for an order to so many nodes.
    fn make_room(&mut self, nodes: usize) -> Result<(), OrdersError> {
        let sum = |orders: &[Kept]| orders.iter().map(|one| one.nodes.len()).sum::<usize>();
        let mut targets = sum(&self.orders) + nodes;
        while self.orders.len() >= ORDERS_MAX || targets > TARGETS_MAX {
            let is_done = |order: &Kept| order.summary().outstanding == 0;
            let oldest = self.orders.iter().position(is_done);
            let gone = self.orders.remove(oldest.ok_or(OrdersError::Full)?);
            targets -= gone.nodes.len();
        }
        Ok(())
    }

    fn give(
        &mut self,
        order: &Order,
        nodes: &[NodeId],
        account: Option<Address>,
        now: UnixMillis,
    ) -> Result<OrderId, OrdersError> {
        self.make_room(nodes.len())?;
        let own = matches!(order, Order::Block | Order::Unblock);
        match order {
            Order::Block => self.blocked.extend(nodes),
            Order::Unblock => self.blocked.retain(|node| !nodes.contains(node)),
            Order::Drain => self.draining.extend(nodes),
            Order::Resume => self.draining.retain(|node| !nodes.contains(node)),
            Order::Revoke { what, .. } => match what {
                Revoked::Ticket(_) => {}
                Revoked::Client(client) => {
                    if self.revoked_clients.len() >= REVOKED_MAX {
                        return Err(OrdersError::RevokedFull);
                    }
                    self.revoked_clients.insert(*client);
                }
                Revoked::Token(hash) => {
                    if self.revoked_tokens.len() >= REVOKED_MAX {
                        return Err(OrdersError::RevokedFull);
                    }
                    self.revoked_tokens.insert(*hash);
                }
                Revoked::Node(node) => drop(self.blocked.insert(*node)),
            },
            Order::Push { .. } | Order::Purge { .. } => {}
        }
        self.undo(order, nodes, now);
        self.last += 1;
        let id = self.last;
        let state = match own {
            true => OrderState::Confirmed,
            false => OrderState::Outstanding,
        };
        let of = |node: &NodeId| OrderedNode {
            node: *node,
            state,
            at: now,
            trouble: None,
        };
        self.orders.push(Kept {
            id,
            order: order.clone(),
            created_at: now,
            account,
            nodes: nodes.iter().map(of).collect(),
        });
        if !own {
            for node in nodes {
                self.outstanding.entry(*node).or_default().insert(id);
            }
        }
        Ok(id)
    }
}

/// Whether an older order need no longer be done once the newer one is given.
fn undoes(new: &Order, old: &Order) -> bool {
    match (new, old) {
        (
            Order::Purge {
                collection,
                paths: Paths::All,
            },
            Order::Push { collection: pushed },
        ) => collection == pushed,
        (Order::Drain | Order::Resume, Order::Drain | Order::Resume) => true,
        _ => false,
    }
}

/// All orders; what it takes is on disk first.
pub(crate) struct Orders {
    disk: Disk,
    path: PathBuf,
    clock: Clock,
    state: Mutex<State>,
    /// Held while the file is written, so that writers take turns.
    writer: Mutex<()>,
    /// Counts changes: who delivers orders, or waits for one to be done, looks again.
    changes: watch::Sender<u64>,
    /// Confirmations are to be written.
    unwritten: Notify,
}

impl Orders {
    /// Reads the file of a data directory. Blocking.
    pub(crate) fn open(disk: &Disk, dir: &Path, clock: Clock) -> Result<Self, OrdersError> {
        let path = dir.join(FILE);
        let mut state = match fs::read(&path) {
            Ok(bytes) => {
                let damaged = |source| OrdersError::Damaged {
                    path: path.clone(),
                    source,
                };
                let state: State = serde_json::from_slice(&bytes).map_err(damaged)?;
                if state.version != FILE_VERSION {
                    let text = format!("version {} is not known here", state.version);
                    return Err(damaged(serde::de::Error::custom(text)));
                }
                state
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => State {
                version: FILE_VERSION,
                ..State::default()
            },
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
        state.index();
        Ok(Self {
            disk: disk.clone(),
            path,
            clock,
            state: Mutex::new(state),
            writer: Mutex::default(),
            changes: watch::Sender::new(0),
            unwritten: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &State) -> Result<(), DiskError> {
        let bytes = serde_json::to_vec(state).expect("ids, names and numbers are JSON");
        self.disk.replace(&self.path, &bytes)
    }

    /// Rings whenever something changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Gives an order. When this returns it is durable, and nodes that are connected hear of it. `account` is the
    /// owner's that gives it, if one does. Blocking.
    pub(crate) fn give(
        &self,
        order: &Order,
        nodes: &[NodeId],
        account: Option<Address>,
    ) -> Result<OrderId, OrdersError> {
        let mut nodes = nodes.to_vec();
        nodes.sort_unstable();
        nodes.dedup();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Order::Revoke { what, .. } = order {
            self.state().revoking = Some(*what);
        }
        let given = self.keep(order, &nodes, account);
        self.state().revoking = None;
        drop(writer);
        let id = given?;
        self.changes.send_modify(|count| *count += 1);
        Ok(id)
    }

    fn keep(
        &self,
        order: &Order,
        nodes: &[NodeId],
        account: Option<Address>,
    ) -> Result<OrderId, OrdersError> {
        // Only now: a ticket that left before it was being revoked was issued before this moment.
        let now = self.clock.now_ms();
        let order = as_of(order, now);
        // Confirmations may come while it is written, so it is done to a copy first.
        let mut next = self.state().clone();
        next.give(&order, nodes, account, now)?;
        self.write(&next)?;
        self.state().give(&order, nodes, account, now)
    }

    /// What a node has yet to do, in order, from after `after` on.
    pub(crate) fn outstanding(&self, node: &NodeId, after: OrderId) -> Vec<(OrderId, Order)> {
        let now = self.clock.now_ms();
        let mut state = self.state();
        let mine = state.outstanding.get(node).into_iter().flatten();
        let mine = mine.filter_map(|id| Some((*id, state.find(*id)?.order.clone())));
        let (expired, mut due): (Vec<_>, Vec<_>) = mine
            .partition(|(_, order)| matches!(order, Order::Revoke { until, .. } if *until < now));
        for (id, _) in expired {
            state.settle(node, id, OrderState::Moot, now);
        }
        due.retain(|(id, _)| *id > after);
        due
    }

    /// A node says that an order is done.
    pub(crate) fn confirm(&self, node: &NodeId, id: OrderId) {
        let now = self.clock.now_ms();
        if self.state().settle(node, id, OrderState::Confirmed, now) {
            tracing::info!(%node, order = id, "an order is confirmed");
            self.unwritten.notify_one();
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// Keeps why a node hasn't done an order yet.
    pub(crate) fn trouble(&self, node: &NodeId, id: OrderId, detail: &str) {
        let detail: String = detail
            .chars()
            .filter(|c| !c.is_control())
            .take(TROUBLE_CHARS_MAX)
            .collect();
        tracing::warn!(%node, order = id, detail, "a node can't do an order now");
        let mut state = self.state();
        let place = state.orders.binary_search_by_key(&id, |one| one.id);
        let order = place.ok().map(|place| &mut state.orders[place]);
        let one = order.and_then(|order| order.node(node));
        if let Some(one) = one.filter(|one| one.state == OrderState::Outstanding) {
            one.trouble = Some(detail);
        }
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    /// All orders, or an owner's, newest first.
    pub(crate) fn list(&self, account: Option<Address>) -> Vec<OrderSummary> {
        let state = self.state();
        let seen = state.orders.iter().rev().filter(|one| one.is_seen(account));
        seen.map(Kept::summary).collect()
    }

    /// Orders that some node has yet to confirm: how many of them each node has, how many there are, and the newest,
    /// with some of the nodes that are waited for.
    pub(crate) fn overview(
        &self,
        most: usize,
    ) -> (BTreeMap<NodeId, u32>, u32, Vec<OutstandingOrder>) {
        let state = self.state();
        let of = |(node, mine): (&NodeId, &BTreeSet<OrderId>)| (*node, mine.len() as u32);
        let owed = state.outstanding.iter().map(of).collect();
        let all: BTreeSet<_> = state.outstanding.values().flatten().copied().collect();
        let newest = all.iter().rev().filter_map(|id| state.find(*id)).take(most);
        let waited = |order: &Kept| {
            let nodes = order.nodes.iter();
            let waited = nodes.filter(|one| one.state == OrderState::Outstanding);
            waited.map(|one| one.node).take(WAITED_FOR_MAX).collect()
        };
        let newest = newest.map(|order| OutstandingOrder {
            summary: order.summary(),
            waiting_for: waited(order),
        });
        (owed, all.len() as u32, newest.collect())
    }

    /// What is ordered, if it is kept.
    pub(crate) fn order(&self, id: OrderId) -> Option<Order> {
        self.state().find(id).map(|one| one.order.clone())
    }

    /// One order, if an owner that asks gave it.
    pub(crate) fn status(&self, id: OrderId, account: Option<Address>) -> Option<OrderStatus> {
        let state = self.state();
        let order = state.find(id).filter(|one| one.is_seen(account))?;
        Some(OrderStatus {
            summary: order.summary(),
            nodes: order.nodes.clone(),
        })
    }

    /// Whether a client key gets no tickets.
    pub(crate) fn is_revoked(&self, client: &ClientKey) -> bool {
        let state = self.state();
        state.revoked_clients.contains(client) || state.revoking == Some(Revoked::Client(*client))
    }

    /// Whether a viewer's token, by its hash, gets no tickets.
    pub(crate) fn is_token_revoked(&self, hash: &B256) -> bool {
        let state = self.state();
        state.revoked_tokens.contains(hash) || state.revoking == Some(Revoked::Token(*hash))
    }

    /// Whether no ticket for a node may leave.
    pub(crate) fn is_blocked(&self, node: &NodeId) -> bool {
        let state = self.state();
        state.blocked.contains(node) || state.revoking == Some(Revoked::Node(*node))
    }

    /// Nodes that the control plane does something about.
    pub(crate) fn held(&self) -> BTreeMap<NodeId, Hold> {
        let state = self.state();
        let mut held = BTreeMap::<_, Hold>::new();
        for node in &state.blocked {
            held.entry(*node).or_default().blocked = true;
        }
        for node in &state.draining {
            held.entry(*node).or_default().draining = true;
        }
        held
    }

    /// Writes confirmations until told to stop: those that come while the file is written go together.
    pub(crate) async fn run(self: std::sync::Arc<Self>, stop: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                () = self.unwritten.notified() => false,
            };
            let orders = self.clone();
            let written = disk::run(move || {
                let _writer = orders.writer.lock().unwrap_or_else(PoisonError::into_inner);
                let state = orders.state().clone();
                orders.write(&state)
            })
            .await;
            if let Err(error) = written {
                tracing::error!(%error, "confirmations of orders can't be kept; nodes will be told again");
            }
            if stopping {
                return;
            }
        }
    }
}

/// Drops a whole collection.
pub(crate) fn purge_all(collection: CollectionId) -> Order {
    Order::Purge {
        collection,
        paths: Paths::All,
    }
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
