//! What is on disk, opened at the start.

use super::on_chain::OnChain;
use crate::config::{Config, ConfigError};
use crate::contents::catalogue::{Catalogue, CatalogueError};
use crate::contents::handed_in::HandedIn;
use crate::contents::origin_address::Allowed;
use crate::contents::origins::Origins;
use crate::contents::publication::{Naming, PublicationDesk};
use crate::contents::seal_keys::SealKeys;
use crate::http::admin_tokens::Gate;
use crate::nodes::orders::Orders;
use crate::nodes::overlay::Overlay;
use crate::nodes::reload::{MapFiles, Marks};
use crate::rules::issuing::IssuerTerms;
use crate::start_error::StartError;
use crate::tickets::issuer::{Cover, Issuer, IssuerConfig};
use content::{OnDamage, Store};
use disk::{Lock, LockError};
use protocol::RECORDS_MAX;
use std::sync::Arc;

/// What is on disk, and the lock that keeps others from writing there.
pub(super) struct Opened {
    pub(super) lock: Lock,
    pub(super) contents: PublicationDesk,
    pub(super) orders: Arc<Orders>,
    pub(super) issuer: Arc<Issuer>,
    pub(super) gate: Gate,
    pub(super) map: Map,
}

/// The map as it was read, and how its files were before.
pub(super) struct Map {
    pub(super) files: MapFiles,
    pub(super) marks: Marks,
    pub(super) overlay: Overlay,
}

impl Map {
    /// Blocking.
    fn read(config: &Config) -> Result<Self, StartError> {
        let files = MapFiles {
            zones: config.zone_file.clone(),
            locations: config.location_file.clone(),
        };
        // Before reading: what is changed meanwhile is read again.
        let marks = files.marks();
        let overlay = Overlay::read(files.zones.as_deref(), files.locations.as_deref())?;
        Ok(Self {
            files,
            marks,
            overlay,
        })
    }
}

impl Opened {
    /// Opens all of it; what is damaged is refused. Blocking.
    pub(super) fn open(
        config: &Config,
        on_chain: &OnChain,
        cover: Arc<dyn Cover>,
    ) -> Result<Self, StartError> {
        let (host, dir) = (&config.host, &*config.data_dir);
        let (disk, clock) = (&host.disk, host.clock.clone());
        let allowed = Allowed::new(&config.origins, config.private_origins);
        let allowed = allowed.map_err(ConfigError::Origin)?;
        let map = Map::read(config)?;
        let lock = disk.lock(dir).map_err(|error| match error {
            LockError::InUse(dir) => StartError::InUse(dir),
            LockError::Disk(error) => error.into(),
        })?;
        // Nothing may be evicted, and nothing damaged dropped: this is where everything comes from.
        let store = Store::open(disk, &dir.join("store"), u64::MAX, OnDamage::Refuse)?;
        let catalogue = Catalogue::open(disk, &dir.join("catalogue"))?;
        let seal_keys = Arc::new(SealKeys::open(host, dir)?);
        let origins = Origins::open(host, &dir.join("origins"), allowed, seal_keys.clone())?;
        warn_of_missing(&catalogue, &store, &origins)?;
        for id in catalogue.ids() {
            if let Some(found) = catalogue.find_id(&id)
                && let Some(key) = &found.seal_key
            {
                seal_keys.check(id, &found.name, key)?;
            }
        }
        // Where it wasn't kept yet, what an account pays for is what it handed in.
        let handed_in = HandedIn::open(
            disk,
            dir,
            |content| store.contains(content) || origins.find(content).is_some(),
            || catalogue.contents().map_err(StartError::from),
        )?;
        let orders = Orders::open(disk, dir, clock.clone())?;
        let issuer = IssuerConfig {
            terms: IssuerTerms {
                network: on_chain.network,
                issuer: on_chain.seat.index,
                ttl_ms: config.ticket_ttl_ms(),
                tickets_max: RECORDS_MAX,
            },
            agreed: on_chain.chain.agreed().clone(),
        };
        let key = config.issuer_key.clone();
        let issuer = Issuer::open(disk, &dir.join("tickets"), issuer, key, clock, cover)?;
        let gate = Gate::open(host, dir, &config.admin_token)?;
        Ok(Self {
            lock,
            contents: PublicationDesk {
                catalogue: Arc::new(catalogue),
                store,
                seal_keys,
                origins,
                handed_in,
                payer: config.payer,
                clock: host.clock.clone(),
                naming: Naming::default(),
            },
            orders: Arc::new(orders),
            issuer: Arc::new(issuer),
            gate,
            map,
        })
    }
}

/// Nodes may still have what is missing here, so it isn't a reason not to start; but nobody can fill it.
fn warn_of_missing(
    catalogue: &Catalogue,
    store: &Store,
    origins: &Origins,
) -> Result<(), CatalogueError> {
    for id in catalogue.ids() {
        let manifest = catalogue.manifest(&id)?;
        let mut missing = manifest.entries().iter().filter(|entry| {
            !store.contains(&entry.content) && origins.find(&entry.content).is_none()
        });
        if let Some(first) = missing.next() {
            tracing::error!(
                collection = %id,
                missing = missing.count() + 1,
                first = %first.content,
                path = first.path,
                "contents of a collection are not in the store: upload them again"
            );
        }
    }
    Ok(())
}
