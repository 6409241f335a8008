//! Orders to nodes: kept until every node has confirmed them, whoever dies meanwhile.
//!
//! `orders.json` in the data directory is replaced as a whole. An order is in it before anyone is told of
//! it. A confirmation may be lost with the process: then the node is told once more, which does no harm,
//! since everything that is ordered may be done twice.

use crate::rules::order_list::{Hold, NoRoom, OrderList};
use crate::rules::orders::as_of;
use disk::{Disk, DiskError, failed};
use host::Clock;
use host::Mutex;
use host::watch;
use protocol::api::{OrderState, OrderStatus, OrderSummary, OutstandingOrder};
use protocol::{Address, B256, ClientKey, NodeId, Order, OrderId};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Longest trouble that is kept of what a node says.
const TROUBLE_CHARS_MAX: usize = 200;

/// The file in the data directory.
pub(crate) const FILE: &str = "orders.json";

/// Why orders can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// The file isn't one.
    #[error("the list of orders {} is damaged: restore it from a copy ({source})", path.display())]
    Damaged {
        /// The file that was to be read.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// There are too many.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// All orders; what it takes is on disk first.
pub(crate) struct Orders {
    disk: Disk,
    path: PathBuf,
    clock: Clock,
    state: Mutex<OrderList>,
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
        let state = match fs::read(&path) {
            Ok(bytes) => OrderList::parse(&bytes).map_err(|source| OrdersError::Damaged {
                path: path.clone(),
                source,
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => OrderList::new(),
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
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

    fn state(&self) -> MutexGuard<'_, OrderList> {
        self.state.lock()
    }

    fn write(&self, state: &OrderList) -> Result<(), DiskError> {
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
        let writer = self.writer.lock();
        self.state().begin(order);
        let given = self.keep(order, &nodes, account);
        self.state().end();
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
        Ok(self.state().give(&order, nodes, account, now)?)
    }

    /// What a node has yet to do, in order, from after `after` on.
    pub(crate) fn outstanding(&self, node: &NodeId, after: OrderId) -> Vec<(OrderId, Order)> {
        let now = self.clock.now_ms();
        self.state().due(node, after, now)
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
        self.state().trouble(node, id, detail);
        self.changes.send_modify(|count| *count += 1);
    }

    /// All orders, or an owner's, newest first.
    pub(crate) fn list(&self, account: Option<Address>) -> Vec<OrderSummary> {
        self.state().summaries(account)
    }

    /// Orders that some node has yet to confirm: how many of them each node has, how many there are, and the newest,
    /// with some of the nodes that are waited for.
    pub(crate) fn overview(
        &self,
        most: usize,
    ) -> (BTreeMap<NodeId, u32>, u32, Vec<OutstandingOrder>) {
        self.state().overview(most)
    }

    /// What is ordered, if it is kept.
    pub(crate) fn order(&self, id: OrderId) -> Option<Order> {
        self.state().order(id)
    }

    /// One order, if an owner that asks gave it.
    pub(crate) fn status(&self, id: OrderId, account: Option<Address>) -> Option<OrderStatus> {
        self.state().status(id, account)
    }

    /// Whether a client key gets no tickets.
    pub(crate) fn is_revoked(&self, client: &ClientKey) -> bool {
        self.state().is_revoked(client)
    }

    /// Whether a viewer's token, by its hash, gets no tickets.
    pub(crate) fn is_token_revoked(&self, hash: &B256) -> bool {
        self.state().is_token_revoked(hash)
    }

    /// Whether no ticket for a node may leave.
    pub(crate) fn is_blocked(&self, node: &NodeId) -> bool {
        self.state().is_blocked(node)
    }

    /// Nodes that the control plane does something about.
    pub(crate) fn held(&self) -> BTreeMap<NodeId, Hold> {
        self.state().held()
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
                let _writer = orders.writer.lock();
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

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
