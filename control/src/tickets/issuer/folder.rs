//! The folder of ticket logs, and what is known of it in memory.

use super::asked::IssuerConfig;
use crate::tickets::ticket_log::{Head, LogError, Seal};
use disk::failed;
use protocol::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) const CLOSED_FILE: &str = "closed.json";

#[derive(Debug, Default)]
pub(super) struct Closed {
    pub(super) through: Option<Epoch>,
    /// Epochs without an entry had no tickets.
    pub(super) seals: BTreeMap<Epoch, Seal>,
    /// Tickets in logs that aren't closed.
    pub(super) open: BTreeMap<Epoch, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedFile {
    pub(super) through: Epoch,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks, and each is consistent at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn head(config: &IssuerConfig, epoch: Epoch) -> Head {
    Head {
        network: config.terms.network,
        epoch,
        issuer: config.terms.issuer,
    }
}

pub(super) fn log_name(epoch: Epoch) -> String {
    format!("epoch-{epoch}.log")
}

pub(super) fn parse_name(name: &str) -> Option<(Epoch, &str)> {
    let (epoch, kind) = name.strip_prefix("epoch-")?.split_once('.')?;
    Some((epoch.parse().ok()?, kind))
}

pub(super) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, LogError> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| LogError::Seal {
        path: path.to_owned(),
        source,
    })
}
