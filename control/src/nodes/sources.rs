//! The desk of fills: who is told to fill what, and from whom. Nodes fill from others that have the collection, or will
//! have it sooner. The control plane's own store is the last source, and the first node's only one.

use crate::contents::catalogue::Collection;
use crate::contents::publication::PublicationDesk;
use crate::metrics::Metrics;
use crate::nodes::membership::Members;
use crate::rules::filling::{self, Candidate};
use crate::rules::holders::Holders;
use crate::tickets::issuer::Issuer;
use host::Clock;
use host::Mutex;
use protocol::{CollectionId, FillGrant, FillSource, Network, NodeId};
use routing::Standing;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use tokio::time::Instant;

/// How long a grant lasts; a node asks anew for its next file.
const GRANT_MS: u64 = 60_000;

/// Who fills what from whom.
pub(crate) struct FillDesk {
    pub(crate) network: Network,
    pub(crate) issuer_index: u32,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) contents: Arc<PublicationDesk>,
    pub(crate) members: Arc<Members>,
    /// Nodes of each zone that are told to fill what is published.
    pub(crate) replicas: usize,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) holders: Mutex<Holders>,
}

impl FillDesk {
    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock()
    }

    /// Nodes that one may fill a collection from, the best first; `None` if there is no such collection. Whoever asks
    /// is about to fill, and others may fill from it.
    pub(crate) fn sources(
        &self,
        filler: NodeId,
        collection: CollectionId,
    ) -> Option<Vec<FillSource>> {
        self.contents.catalogue.find_id(&collection)?;
        let before = self.holders().begin(collection, filler);
        let before: BTreeMap<_, _> = before.iter().map(|one| (one.node, one.whole)).collect();
        let nodes = before.keys().copied();
        let (standing, now) = (Standing::Available, Instant::now());
        let near = self.members.neighbours(&filler, nodes, standing, now);
        let candidates = near
            .nodes
            .into_iter()
            .map(|(node, zone, address)| Candidate {
                node,
                zone,
                address,
                whole: before[&node],
            });
        let found = filling::sources(filler, near.home, &near.fallbacks, candidates.collect());
        let now = self.clock.now_ms();
        let sources = found.into_iter().map(|source| {
            let grant = FillGrant {
                network: self.network,
                issuer: self.issuer_index,
                source: source.node,
                filler,
                collection,
                issued_at: now,
                expires_at: now.saturating_add(GRANT_MS),
            };
            FillSource {
                node: source.node,
                address: source.address,
                grant: self.issuer.grant_fill(grant),
            }
        });
        Some(sources.collect())
    }

    /// A node says that it has all of a collection.
    pub(crate) fn filled(&self, node: NodeId, collection: CollectionId) {
        if self.contents.catalogue.find_id(&collection).is_some() {
            self.holders().confirm(collection, node);
        }
    }

    /// Nodes are told to drop of it.
    pub(crate) fn unheld(&self, collection: &CollectionId) {
        self.holders().forget(collection);
    }

    /// Tells the nodes that clients of each zone will be sent to first to fill a collection.
    pub(crate) fn replicate(&self, collection: &Collection) {
        let requires = &collection.policy.requires;
        let nodes = self.members.holders(collection.id, requires, self.replicas);
        for node in &nodes {
            self.order(node, collection.id);
        }
        tracing::info!(
            name = collection.name,
            collection = %collection.id,
            files = collection.files,
            bytes = collection.bytes,
            replicas = nodes.len(),
            "published"
        );
    }

    /// Tells a node to fill a collection, if it wasn't told.
    pub(crate) fn order(&self, node: &NodeId, collection: CollectionId) {
        if !self.members.order_fill(node, collection) {
            self.metrics.orders_dropped.add(1);
            tracing::debug!(%node, %collection, "no room for a fill order");
        }
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
