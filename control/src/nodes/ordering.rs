//! The desk of orders: gives them by the [rules](crate::rules::orders), and keeps why they aren't done yet.

use crate::chain::registry::Registry;
use crate::contents::publication::PublicationDesk;
use crate::nodes::membership::Members;
use crate::nodes::orders::{Orders, OrdersError};
use crate::nodes::sources::FillDesk;
use crate::rules::orders::{OrderRefused, Roster, order, purge_all, targets, trouble};
use host::Clock;
use protocol::api::{OrderRequest, OrderStatus, OrderSummary};
use protocol::{Address, CollectionId, NodeId, Order, OrderId};
use std::sync::Arc;
use tokio::time::Instant;

/// What nodes are told to do, and which there are.
pub(crate) struct OrderDesk {
    pub(crate) orders: Arc<Orders>,
    /// Those that are registered.
    pub(crate) nodes: Arc<Registry<NodeId>>,
    pub(crate) members: Arc<Members>,
    pub(crate) contents: Arc<PublicationDesk>,
    pub(crate) fills: Arc<FillDesk>,
    /// Tickets that are out have expired after so long.
    pub(crate) ticket_ttl_ms: u64,
    pub(crate) clock: Clock,
}

/// Why an order isn't given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error(transparent)]
    Refused(#[from] OrderRefused),
    #[error(transparent)]
    Orders(#[from] OrdersError),
}

impl Roster for OrderDesk {
    fn knows(&self, node: &NodeId) -> bool {
        self.nodes.knows(node)
    }

    fn all(&self) -> Vec<NodeId> {
        self.nodes.all()
    }

    fn of_zone(&self, zone: &str) -> Option<Vec<NodeId>> {
        self.members.of_zone(zone)
    }
}

impl OrderDesk {
    /// Gives an order, for an owner's account if it is one that asks. Blocking.
    pub(crate) fn give(
        &self,
        request: &OrderRequest,
        account: Option<Address>,
    ) -> Result<OrderStatus, OrderError> {
        let find = |wanted: &str| Some(self.contents.catalogue.find(wanted)?.id);
        let now = self.clock.now_ms();
        let order = order(&request.order, find, now, self.ticket_ttl_ms)?;
        let nodes = targets(&order, &request.nodes, &request.zones, self)?;
        let id = self.orders.give(&order, &nodes, account)?;
        self.members.hold(|| self.orders.held(), Instant::now());
        if let Order::Purge { collection, .. } = &order {
            self.fills.unheld(collection);
        }
        tracing::info!(id, ?order, nodes = nodes.len(), "an order is given");
        let status = self.orders.status(id, None);
        Ok(status.expect("the newest order is kept"))
    }

    /// Has every node drop collections that are published no more. Blocking.
    pub(crate) fn purge_gone(
        &self,
        gone: &[CollectionId],
        account: Option<Address>,
    ) -> Result<Vec<OrderSummary>, OrderError> {
        let nodes = self.nodes.all();
        gone.iter()
            .map(|collection| {
                let id = self.orders.give(&purge_all(*collection), &nodes, account)?;
                self.fills.unheld(collection);
                let status = self.orders.status(id, None);
                Ok(status.expect("the newest order is kept").summary)
            })
            .collect()
    }

    /// A node says why an order isn't done yet. Blocking.
    pub(crate) fn failed(&self, node: &NodeId, id: OrderId, detail: &str) {
        let of_origin = self.orders.order(id).and_then(|order| match order {
            Order::Push { collection } => self.origin_trouble(&collection),
            _ => None,
        });
        self.orders.trouble(node, id, &trouble(detail, of_origin));
    }

    /// Why the first of a collection's contents that doesn't come from its origin doesn't. Blocking.
    fn origin_trouble(&self, collection: &CollectionId) -> Option<String> {
        let origins = &self.contents.origins;
        if origins.is_empty() {
            return None;
        }
        let manifest = self.contents.catalogue.manifest(collection).ok()?;
        let entries = manifest.entries().iter();
        let mut stays = entries.filter_map(|entry| origins.find(&entry.content));
        stays.find_map(|origin| origin.trouble())
    }
}
