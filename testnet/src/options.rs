//! What a run is told.

use std::path::PathBuf;

/// What kind of run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `quittance` binary, started for every part.
    pub binary: PathBuf,
    /// Files and folders to publish; none: a small HLS package and the binary itself.
    pub content: Vec<PathBuf>,
    /// Cache nodes.
    pub nodes: usize,
    /// Clients.
    pub clients: usize,
    /// Epochs with traffic.
    pub epochs: u64,
    /// Seconds an epoch lasts.
    pub epoch_seconds: u32,
    /// Folder of the run; `None`: a temporary one, removed if all is well.
    pub data: Option<PathBuf>,
    /// Keep the network up after the report.
    pub stay: bool,
    /// Where to write the report.
    pub json: Option<PathBuf>,
}
