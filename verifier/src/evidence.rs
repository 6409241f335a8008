//! The evidence of an epoch: what an attestation rests on, as files. SPEC section 11.
//!
//! A *verifier* writes it before it attests and serves it after; an *auditor* reads it from a directory
//! or from a verifier. Its name is the BLAKE3 hash of `bundle.json`, which stands on chain; that file
//! names size and hash of every other. So whoever has the hash has all of it, wherever it came from.
//!
//! The same judgement gives the same bytes: verifiers that agree on the root agree on the evidence too.

mod bundle;
mod source;
mod store;

pub use bundle::{BUNDLE_FILE, Bundle, BundleError, BundleFile, is_file_name};
pub use source::{EvidenceSource, FetchError};
pub use store::{EvidenceStore, StoreError};

use crate::judge::{Judgement, ProbeCount, RejectedRecord};
use protocol::{Epoch, EpochTree, Network, Segment, TicketId, TicketLog};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const TREE_FILE: &str = "tree.qtree";
const PREVIOUS_FILE: &str = "previous.qtree";
const PROBES_FILE: &str = "probes.json";
const REJECTIONS_FILE: &str = "rejections.json";

/// A line of `rejections.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectionLine {
    /// Registry index of the node.
    pub index: u32,
    /// The record's ticket.
    pub ticket: TicketId,
    /// Code of SPEC section 5.
    pub code: u16,
    /// Its name.
    pub reason: String,
}

impl From<&RejectedRecord> for RejectionLine {
    fn from(rejected: &RejectedRecord) -> Self {
        Self {
            index: rejected.index,
            ticket: rejected.ticket,
            code: rejected.rejection.code(),
            reason: rejected.rejection.name(),
        }
    }
}

/// What the files say. That they say it truly is [`crate::judge()`]'s to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The committed ticket logs, by issuer.
    pub logs: Vec<TicketLog>,
    /// Segment files, by registry index: the records that count.
    pub segments: BTreeMap<u32, Vec<u8>>,
    /// The node leaves.
    pub tree: EpochTree,
    /// The node leaves of the epoch before; `None` in epoch 0.
    pub previous: Option<EpochTree>,
    /// Probes, by registry index.
    pub probes: Vec<ProbeCount>,
    /// Records that don't count.
    pub rejections: Vec<RejectionLine>,
}

/// Files whose bytes are the ones that `bundle.json` names, but that don't make sense: whoever attested
/// them attested nonsense.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file that every epoch has is not among them.
    #[error("the evidence has no {0}")]
    Missing(&'static str),
    /// A file that can't be read.
    #[error("{name}: {source}")]
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A ticket log whose header names another issuer than its file name.
    #[error("{name} is the log of issuer {issuer}")]
    Issuer {
        /// Its name.
        name: String,
        /// What the header says.
        issuer: u32,
    },
}

impl Evidence {
    /// The evidence of a judgement.
    pub fn of(
        judgement: &Judgement,
        mut logs: Vec<TicketLog>,
        previous: Option<EpochTree>,
        probes: Vec<ProbeCount>,
    ) -> Self {
        logs.sort_by_key(TicketLog::issuer);
        let segments = judgement.segments.iter();
        Self {
            logs,
            segments: segments.map(|(i, s)| (*i, Segment::to_bytes(s))).collect(),
            tree: judgement.tree.clone(),
            previous,
            probes,
            rejections: judgement.rejections.iter().map(Into::into).collect(),
        }
    }

    /// The epoch.
    pub fn epoch(&self) -> Epoch {
        self.tree.epoch
    }

    /// The network.
    pub fn network(&self) -> Network {
        self.tree.network
    }

    /// All files but `bundle.json`, by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let json =
            |lines: serde_json::Result<Vec<u8>>| lines.expect("numbers and strings are JSON");
        let mut files = BTreeMap::from([
            (TREE_FILE.to_owned(), self.tree.to_bytes()),
            (
                PROBES_FILE.to_owned(),
                json(serde_json::to_vec(&self.probes)),
            ),
            (
                REJECTIONS_FILE.to_owned(),
                json(serde_json::to_vec(&self.rejections)),
            ),
        ]);
        if let Some(previous) = &self.previous {
            files.insert(PREVIOUS_FILE.to_owned(), previous.to_bytes());
        }
        for log in &self.logs {
            files.insert(format!("tickets-{}.qlog", log.issuer()), log.to_bytes());
        }
        for (index, segment) in &self.segments {
            files.insert(format!("segment-{index}.qseg"), segment.clone());
        }
        files
    }

    /// Reads the files of a bundle; sizes and hashes are checked already.
    ///
    /// # Errors
    /// If a file is missing or is not what its name says.
    pub(crate) fn from_files(mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, EvidenceError> {
        let mut take = |name: &'static str| files.remove(name);
        let tree = take(TREE_FILE).ok_or(EvidenceError::Missing(TREE_FILE))?;
        let probes = take(PROBES_FILE).ok_or(EvidenceError::Missing(PROBES_FILE))?;
        let rejections = take(REJECTIONS_FILE).ok_or(EvidenceError::Missing(REJECTIONS_FILE))?;
        let previous = take(PREVIOUS_FILE);
        let mut evidence = Self {
            logs: Vec::new(),
            segments: BTreeMap::new(),
            tree: EpochTree::from_bytes(&tree).map_err(|e| unreadable(TREE_FILE, e))?,
            previous: previous
                .map(|bytes| EpochTree::from_bytes(&bytes))
                .transpose()
                .map_err(|e| unreadable(PREVIOUS_FILE, e))?,
            probes: serde_json::from_slice(&probes).map_err(|e| unreadable(PROBES_FILE, e))?,
            rejections: serde_json::from_slice(&rejections)
                .map_err(|e| unreadable(REJECTIONS_FILE, e))?,
        };
        for (name, bytes) in files {
            if let Some(issuer) = bundle::numbered(&name, "tickets-", ".qlog") {
                let log = TicketLog::from_bytes(&bytes).map_err(|e| unreadable(&name, e))?;
                if log.issuer() != issuer {
                    let issuer = log.issuer();
                    return Err(EvidenceError::Issuer { name, issuer });
                }
                evidence.logs.push(log);
            } else if let Some(index) = bundle::numbered(&name, "segment-", ".qseg") {
                evidence.segments.insert(index, bytes);
            }
        }
        evidence.logs.sort_by_key(TicketLog::issuer);
        Ok(evidence)
    }
}

fn unreadable(
    name: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> EvidenceError {
    EvidenceError::Unreadable {
        name: name.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests;
