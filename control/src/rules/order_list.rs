//! Which orders are given and who has yet to do them, as it stands in `orders.json`.

use protocol::api::{OrderState, OrderStatus, OrderSummary, OrderedNode, OutstandingOrder};
use protocol::{Address, B256, ClientKey, NodeId, Order, OrderId, Paths, Revoked, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most orders kept; the oldest that nobody has to do any more makes room.
const ORDERS_MAX: usize = 4096;
/// Most nodes of all orders together: some 20 MB of JSON.
const TARGETS_MAX: usize = 200_000;
/// Most client keys, and most viewers' tokens, that get no tickets.
const REVOKED_MAX: usize = 65_536;
/// Nodes named of those that an order waits for.
const WAITED_FOR_MAX: usize = 16;

const FILE_VERSION: u32 = 1;

/// No further order can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// All that are kept have yet to be done.
    #[error(
        "no more orders fit: {ORDERS_MAX} of them, or {TARGETS_MAX} nodes of all together, are outstanding"
    )]
    Orders,
    /// Too many keys get no tickets.
    #[error("{REVOKED_MAX} client keys, or viewers' tokens, are revoked; no more fit")]
    Revoked,
}

/// What the control plane itself does about a node, on top of what the node does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) blocked: bool,
    pub(crate) draining: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderEntry {
    id: OrderId,
    order: Order,
    created_at: UnixMillis,
    /// The owner that gave it; none: an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Address>,
    /// In order of their ids.
    nodes: Vec<OrderedNode>,
}

impl OrderEntry {
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

/// All that are kept, and for whom nothing may leave.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderList {
    version: u32,
    /// Of the last order, also if it is kept no longer.
    last: OrderId,
    orders: Vec<OrderEntry>,
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

impl OrderList {
    /// Nothing is ordered yet.
    pub(crate) fn new() -> Self {
        Self {
            version: FILE_VERSION,
            ..Self::default()
        }
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// If they aren't of this version.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut list: Self = serde_json::from_slice(bytes)?;
        if list.version != FILE_VERSION {
            let text = format!("version {} is not known here", list.version);
            return Err(serde::de::Error::custom(text));
        }
        list.index();
        Ok(list)
    }

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

    fn find(&self, id: OrderId) -> Option<&OrderEntry> {
        let place = self.orders.binary_search_by_key(&id, |one| one.id).ok()?;
        Some(&self.orders[place])
    }

    /// An outstanding order of a node becomes something else.
    pub(crate) fn settle(
        &mut self,
        node: &NodeId,
        id: OrderId,
        state: OrderState,
        now: UnixMillis,
    ) -> bool {
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
    fn make_room(&mut self, nodes: usize) -> Result<(), NoRoom> {
        let sum = |orders: &[OrderEntry]| orders.iter().map(|one| one.nodes.len()).sum::<usize>();
        let mut targets = sum(&self.orders) + nodes;
        while self.orders.len() >= ORDERS_MAX || targets > TARGETS_MAX {
            let is_done = |order: &OrderEntry| order.summary().outstanding == 0;
            let oldest = self.orders.iter().position(is_done);
            let gone = self.orders.remove(oldest.ok_or(NoRoom::Orders)?);
            targets -= gone.nodes.len();
        }
        Ok(())
    }

    pub(crate) fn give(
        &mut self,
        order: &Order,
        nodes: &[NodeId],
        account: Option<Address>,
        now: UnixMillis,
    ) -> Result<OrderId, NoRoom> {
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
                        return Err(NoRoom::Revoked);
                    }
                    self.revoked_clients.insert(*client);
                }
                Revoked::Token(hash) => {
                    if self.revoked_tokens.len() >= REVOKED_MAX {
                        return Err(NoRoom::Revoked);
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
        self.orders.push(OrderEntry {
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

    /// Until [the end](Self::end) nothing leaves of what an order revokes.
    pub(crate) fn begin(&mut self, order: &Order) {
        if let Order::Revoke { what, .. } = order {
            self.revoking = Some(*what);
        }
    }

    /// An order that [began](Self::begin) was given, or wasn't.
    pub(crate) fn end(&mut self) {
        self.revoking = None;
    }

    /// What a node has yet to do, in order, from after `after` on. A revocation that is over is moot.
    pub(crate) fn due(
        &mut self,
        node: &NodeId,
        after: OrderId,
        now: UnixMillis,
    ) -> Vec<(OrderId, Order)> {
        let mine = self.outstanding.get(node).into_iter().flatten();
        let mine = mine.filter_map(|id| Some((*id, self.find(*id)?.order.clone())));
        let (expired, mut due): (Vec<_>, Vec<_>) = mine
            .partition(|(_, order)| matches!(order, Order::Revoke { until, .. } if *until < now));
        for (id, _) in expired {
            self.settle(node, id, OrderState::Moot, now);
        }
        due.retain(|(id, _)| *id > after);
        due
    }

    /// Keeps why a node hasn't done an order yet.
    pub(crate) fn trouble(&mut self, node: &NodeId, id: OrderId, detail: String) {
        let place = self.orders.binary_search_by_key(&id, |one| one.id);
        let order = place.ok().map(|place| &mut self.orders[place]);
        let one = order.and_then(|order| order.node(node));
        if let Some(one) = one.filter(|one| one.state == OrderState::Outstanding) {
            one.trouble = Some(detail);
        }
    }

    /// All orders, or an owner's, newest first.
    pub(crate) fn summaries(&self, account: Option<Address>) -> Vec<OrderSummary> {
        let seen = self.orders.iter().rev().filter(|one| one.is_seen(account));
        seen.map(OrderEntry::summary).collect()
    }

    /// Orders that some node has yet to confirm: how many of them each node has, how many there are, and the newest,
    /// with some of the nodes that are waited for.
    pub(crate) fn overview(
        &self,
        most: usize,
    ) -> (BTreeMap<NodeId, u32>, u32, Vec<OutstandingOrder>) {
        let of = |(node, mine): (&NodeId, &BTreeSet<OrderId>)| (*node, mine.len() as u32);
        let owed = self.outstanding.iter().map(of).collect();
        let all: BTreeSet<_> = self.outstanding.values().flatten().copied().collect();
        let newest = all.iter().rev().filter_map(|id| self.find(*id)).take(most);
        let waited = |order: &OrderEntry| {
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
        self.find(id).map(|one| one.order.clone())
    }

    /// One order, if an owner that asks gave it.
    pub(crate) fn status(&self, id: OrderId, account: Option<Address>) -> Option<OrderStatus> {
        let order = self.find(id).filter(|one| one.is_seen(account))?;
        Some(OrderStatus {
            summary: order.summary(),
            nodes: order.nodes.clone(),
        })
    }

    /// Whether a client key gets no tickets.
    pub(crate) fn is_revoked(&self, client: &ClientKey) -> bool {
        self.revoked_clients.contains(client) || self.revoking == Some(Revoked::Client(*client))
    }

    /// Whether a viewer's token, by its hash, gets no tickets.
    pub(crate) fn is_token_revoked(&self, hash: &B256) -> bool {
        self.revoked_tokens.contains(hash) || self.revoking == Some(Revoked::Token(*hash))
    }

    /// Whether no ticket for a node may leave.
    pub(crate) fn is_blocked(&self, node: &NodeId) -> bool {
        self.blocked.contains(node) || self.revoking == Some(Revoked::Node(*node))
    }

    /// Nodes that the control plane does something about.
    pub(crate) fn held(&self) -> BTreeMap<NodeId, Hold> {
        let mut held = BTreeMap::<_, Hold>::new();
        for node in &self.blocked {
            held.entry(*node).or_default().blocked = true;
        }
        for node in &self.draining {
            held.entry(*node).or_default().draining = true;
        }
        held
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

#[cfg(test)]
#[path = "order_list_tests.rs"]
mod tests;
