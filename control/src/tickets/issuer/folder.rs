//! The folder of ticket logs: what its files are called.

use super::commands::IssuerConfig;
use crate::tickets::ticket_log::{Head, LogError};
use disk::failed;
use protocol::Epoch;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Says which epoch was closed last.
pub(super) const CLOSED_FILE: &str = "closed.json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedFile {
    pub(super) through: Epoch,
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

pub(super) fn seal_name(epoch: Epoch) -> String {
    format!("epoch-{epoch}.seal")
}

/// The epoch and the ending of a file's name.
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
