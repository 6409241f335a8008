//! Durable orders of the control plane: done, then confirmed. They come again with every connection until
//! they are, so each may be done more than once.

use crate::rules::orders::{Push, Pushes, answer};
use crate::rules::pause::Pause;
use crate::store::orders_file::OrdersFile;
use crate::wire::fills::Fills;
use crate::wire::tickets::Tickets;
use host::Clock;
use protocol::{CollectionId, MemberFrame, Order, OrderId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Confirmations that wait to be sent; whoever has one more waits.
const SAID_MAX: usize = 64;
/// First and longest pause before a push that failed is tried again; each failure doubles it.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What orders change.
#[derive(Clone)]
pub(crate) struct Ordered {
    pub(crate) clock: Clock,
    pub(crate) fills: Arc<Fills>,
    pub(crate) standing: Arc<OrdersFile>,
    pub(crate) tickets: Arc<Tickets>,
}

/// The orders of one connection; what isn't done ends with it.
pub(crate) struct Orders {
    node: Ordered,
    said: mpsc::Sender<MemberFrame>,
    pushes: Pushes,
    tasks: JoinSet<()>,
    /// What does each push that is under way.
    pushing: BTreeMap<OrderId, AbortHandle>,
}

impl Orders {
    /// Gives also the queue of what is to be told to the control plane.
    pub(crate) fn new(node: Ordered) -> (Self, mpsc::Receiver<MemberFrame>) {
        let (said, queue) = mpsc::channel(SAID_MAX);
        let orders = Self {
            node,
            said,
            pushes: Pushes::default(),
            tasks: JoinSet::new(),
            pushing: BTreeMap::new(),
        };
        (orders, queue)
    }

    /// Where what was done is told.
    pub(crate) fn replies(&self) -> mpsc::Sender<MemberFrame> {
        self.said.clone()
    }

    /// Does an order, or in the case of a push begins to. Orders are taken one after the other, so that
    /// each undoes those before it.
    pub(crate) async fn take(&mut self, id: OrderId, order: Order) {
        tracing::info!(id, ?order, "ordered");
        let done = match order {
            Order::Push { collection } => return self.push(id, collection).await,
            Order::Purge { collection, paths } => {
                for undone in self.pushes.purged(collection, &paths) {
                    if let Some(push) = self.pushing.remove(&undone) {
                        push.abort();
                    }
                }
                let fills = self.node.fills.clone();
                let purge = move || fills.purge(collection, &paths).map(|_| ());
                blocking(move || purge().map_err(|error| error.to_string())).await
            }
            Order::Drain => self.drain(true).await,
            Order::Resume => self.drain(false).await,
            Order::Revoke {
                what,
                issued_until,
                until,
            } => {
                let (node, now) = (self.node.clone(), self.node.clock.now_ms());
                blocking(move || {
                    let revoked = node.standing.revoke(what, issued_until, until, now);
                    let meant = revoked.map_err(|error| error.to_string())?;
                    let tickets = node.tickets.revoke(meant);
                    tracing::info!(?what, tickets, "revoked");
                    Ok(())
                })
                .await
            }
            // The control plane's own affair.
            Order::Block | Order::Unblock => Ok(()),
        };
        self.say(id, done).await;
    }

    async fn drain(&self, draining: bool) -> Result<(), String> {
        let standing = self.node.standing.clone();
        blocking(move || {
            let told = standing.drain(draining);
            told.map_err(|error| error.to_string())
        })
        .await
    }

    async fn say(&self, id: OrderId, done: Result<(), String>) {
        // Fails when the connection is gone; then the order comes again.
        let _ = self.said.send(reply(id, done)).await;
    }

    async fn push(&mut self, id: OrderId, collection: CollectionId) {
        while self.tasks.try_join_next().is_some() {}
        for (over, _) in self.pushing.extract_if(.., |_, push| push.is_finished()) {
            self.pushes.ended(over);
        }
        match self.pushes.begin(id, collection) {
            Push::Begins => {}
            Push::UnderWay => return,
            Push::TooMany => {
                let full = format!("{} pushes are under way", Pushes::MAX);
                return self.say(id, Err(full)).await;
            }
        }
        let (fills, said_by) = (self.node.fills.clone(), self.said.clone());
        let push = self.tasks.spawn(async move {
            let mut pause = Pause::new(RETRY_MIN, RETRY_MAX);
            loop {
                let done = fills.prefetch(collection).await;
                let failed = done.is_err();
                let done = done.map_err(|error| error.to_string());
                if !failed {
                    // First, so that whoever knows that the order is done can fill from here.
                    let _ = said_by.send(MemberFrame::Filled { collection }).await;
                }
                if said_by.send(reply(id, done)).await.is_err() || !failed {
                    return;
                }
                tokio::time::sleep(pause.failed()).await;
            }
        });
        self.pushing.insert(id, push);
    }
}

fn reply(order: OrderId, done: Result<(), String>) -> MemberFrame {
    if let Err(detail) = &done {
        tracing::warn!(order, detail, "an order can't be done now");
    }
    answer(order, done)
}

async fn blocking(
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    disk::run(work).await
}
