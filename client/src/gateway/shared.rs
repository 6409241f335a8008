//! What every request needs.

use super::cache::Cache;
use super::cors::Origins;
use super::metrics::Metrics;
use super::playlist::Orders;
use super::refusal::HttpRefusal;
use crate::fetch::{Client, Collection};
use host::Mutex;
use listener::Connections;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest head of a request that is answered.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;

/// What every request needs.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) cache: Arc<Cache>,
    pub(super) orders: Orders,
    pub(super) origins: Origins,
    pub(super) metrics: Metrics,
    pub(super) lookups: Lookups,
    pub(super) ahead: usize,
    pub(super) ahead_turns: Arc<Semaphore>,
    pub(super) connections: Arc<Connections>,
    pub(super) tasks: TaskTracker,
    /// Ends the tasks.
    pub(super) stopped: CancellationToken,
}

impl Shared {
    /// A collection by name or id. Of those who ask for the same at once, one asks the control plane.
    pub(super) async fn collection(&self, id_or_name: &str) -> Result<Collection, HttpRefusal> {
        let _turn = self.lookups.turn(id_or_name).await;
        let collection = self.client.collection(id_or_name).await;
        collection.map_err(|error| HttpRefusal::of_control(&error))
    }

    pub(super) fn metrics_text(&self) -> String {
        let summary = self.client.summary();
        self.metrics
            .text(&self.connections, self.cache.held(), &summary)
    }
}

/// One at a time for each name.
#[derive(Debug, Default)]
pub(super) struct Lookups(Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Lookups {
    pub(super) async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut all = self.0.lock();
            // As many as there are requests under way, which connections bound.
            all.retain(|_, turn| turn.strong_count() > 0);
            let known = all.get(name).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::default();
                all.insert(name.to_owned(), Arc::downgrade(&new));
                new
            })
        };
        turn.lock_owned().await
    }
}
