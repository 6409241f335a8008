//! Where a node fills from: other nodes that have the collection, or will have it sooner, the nearest first. The
//! control plane's own store is the last source, and the first node's only one.

use crate::core::Core;
use protocol::{CollectionId, FillGrant, FillSource, NodeId, keccak256};
use routing::Standing;
use std::sync::PoisonError;
use tokio::time::Instant;

/// Nodes named to one that fills. One that can give nothing costs it a few seconds.
const SOURCES_MAX: usize = 3;
/// How long a grant lasts; a node asks anew for its next file.
const GRANT_MS: u64 = 60_000;

impl Core {
    /// Nodes that one may fill a collection from, the best first; `None` if there is no such collection. Whoever asks
    /// is about to fill, and others may fill from it.
    pub(crate) fn fill_sources(
        &self,
        filler: NodeId,
        collection: CollectionId,
    ) -> Option<Vec<FillSource>> {
        self.contents.catalogue.find_id(&collection)?;
        let before = {
            let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            holders.begin(collection, filler)
        };
        let overlay = self.members.overlay();
        let places = self.members.places(
            before.iter().map(|holder| holder.node),
            Standing::Available,
            Instant::now(),
        );
        let home = self.members.zone_of(&filler);
        let fallbacks = home.map_or(&[][..], |zone| overlay.zones.fallbacks(zone));
        let mut found: Vec<_> = places
            .into_iter()
            .map(|(node, zone, address)| {
                let away = match Some(zone) == home {
                    true => 0,
                    false => {
                        1 + fallbacks
                            .iter()
                            .position(|fallback| *fallback == zone)
                            .unwrap_or(fallbacks.len())
                    }
                };
                let fills = before
                    .iter()
                    .any(|holder| holder.node == node && !holder.whole);
                // Among those that are alike each filler has an order of its own, so that all share the work.
                let own = keccak256([*node.as_bytes(), *filler.as_bytes()].concat());
                ((away, fills, own), node, address)
            })
            .collect();
        found.sort_unstable();
        found.truncate(SOURCES_MAX);
        let now = self.host.clock.now_ms();
        let sources = found.into_iter().map(|(_, source, address)| {
            let grant = FillGrant {
                network: self.network,
                issuer: self.issuer_index,
                source,
                filler,
                collection,
                issued_at: now,
                expires_at: now.saturating_add(GRANT_MS),
            };
            FillSource {
                node: source,
                address,
                grant: self.issuer.grant_fill(grant),
            }
        });
        Some(sources.collect())
    }

    /// A node says that it has all of a collection.
    pub(crate) fn filled(&self, node: NodeId, collection: CollectionId) {
        if self.contents.catalogue.find_id(&collection).is_some() {
            let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            holders.confirm(collection, node);
        }
    }

    /// Nodes are told to drop of it.
    pub(crate) fn unheld(&self, collection: &CollectionId) {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.forget(collection);
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
