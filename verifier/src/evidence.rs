//! The evidence of an epoch: what an attestation rests on, as files. SPEC section 11.
//!
//! A *verifier* writes it before it attests and serves it after; an *auditor* reads it from a directory
//! or from a verifier. Its name is the BLAKE3 hash of `bundle.json`, which stands on chain; that file
//! names size and hash of every other. So whoever has the hash has all of it, wherever it came from.
//!
//! The same judgement gives the same bytes: verifiers that agree on the root agree on the evidence too.

mod opened;
mod source;
mod spool;
mod store;

pub(crate) use bundle::{
    BILLS_FILE, CHARGES_FILE, PREVIOUS_BILLS_FILE, PREVIOUS_FILE, PROBES_FILE, REJECTIONS_FILE,
    TREE_FILE, numbered,
};
pub use bundle::{BUNDLE_FILE, Bundle, BundleError, BundleFile, RejectionLine, is_file_name};
pub use opened::OpenEvidence;
pub use source::{EvidenceSource, FetchError};
pub(crate) use spool::{EvidenceFiles, fetch};
pub use store::{EvidenceStore, StoreError};

use crate::judge::{Judgement, Previous, ProbeCount, RejectedRecord};
use protocol::{Elements, Epoch, EpochLeaf, EpochTree, EpochTrees, Network, Segment, TicketLog};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

impl From<&RejectedRecord> for RejectionLine {
    fn from(rejected: &RejectedRecord) -> Self {
        Self {
            index: rejected.index,
            ticket: rejected.record.id,
            code: rejected.rejection.code(),
            reason: rejected.rejection.name(),
            record: rejected.record,
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
    /// The epoch's trees.
    pub trees: EpochTrees,
    /// The trees of the epoch before; `None` in epoch 0.
    pub previous: Option<Previous>,
    /// Probes, by registry index.
    pub probes: Vec<ProbeCount>,
    /// Records that don't count.
    pub rejections: Vec<RejectionLine>,
    /// Elements files, by name: what the trees have in them that their leaves don't give. An honest verifier
    /// has none.
    pub elements: BTreeMap<String, Elements>,
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
        previous: Option<Previous>,
        probes: Vec<ProbeCount>,
    ) -> Self {
        logs.sort_by_key(TicketLog::issuer);
        let segments = judgement.segments.iter();
        Self {
            logs,
            segments: segments.map(|(i, s)| (*i, Segment::to_bytes(s))).collect(),
            trees: judgement.trees.clone(),
            previous,
            probes,
            rejections: judgement.rejections.iter().map(Into::into).collect(),
            elements: BTreeMap::new(),
        }
    }

    /// The epoch.
    pub fn epoch(&self) -> Epoch {
        self.trees.nodes.epoch
    }

    /// The network.
    pub fn network(&self) -> Network {
        self.trees.nodes.network
    }

    /// What names these files of it.
    pub fn bundle(&self, files: &BTreeMap<String, Vec<u8>>) -> Bundle {
        Bundle::over(self.network(), self.epoch(), files)
    }

    /// All files but `bundle.json`, by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let json =
            |lines: serde_json::Result<Vec<u8>>| lines.expect("numbers and strings are JSON");
        let mut files = BTreeMap::from([
            (TREE_FILE.to_owned(), self.trees.nodes.to_bytes()),
            (BILLS_FILE.to_owned(), self.trees.bills.to_bytes()),
            (CHARGES_FILE.to_owned(), self.trees.charges.to_bytes()),
            (
                PROBES_FILE.to_owned(),
                json(serde_json::to_vec(&self.probes)),
            ),
            (
                REJECTIONS_FILE.to_owned(),
                json(serde_json::to_vec(&self.rejections)),
            ),
        ]);
        if let Some(Previous { nodes, bills }) = &self.previous {
            files.insert(PREVIOUS_FILE.to_owned(), nodes.to_bytes());
            files.insert(PREVIOUS_BILLS_FILE.to_owned(), bills.to_bytes());
        }
        for log in &self.logs {
            files.insert(format!("tickets-{}.qlog", log.issuer()), log.to_bytes());
        }
        for (index, segment) in &self.segments {
            files.insert(format!("segment-{index}.qseg"), segment.clone());
        }
        for (name, elements) in &self.elements {
            files.insert(name.clone(), elements.to_bytes());
        }
        files
    }

    /// Reads the files of a bundle; sizes and hashes are checked already.
    ///
    /// # Errors
    /// If a file is missing or is not what its name says.
    pub(crate) fn from_files(mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, EvidenceError> {
        let trees = EpochTrees {
            nodes: tree(&mut files, TREE_FILE)?,
            bills: tree(&mut files, BILLS_FILE)?,
            charges: tree(&mut files, CHARGES_FILE)?,
        };
        let has_previous =
            files.contains_key(PREVIOUS_FILE) || files.contains_key(PREVIOUS_BILLS_FILE);
        // One without the other is missing the other.
        let previous = has_previous.then(|| {
            Ok(Previous {
                nodes: tree(&mut files, PREVIOUS_FILE)?,
                bills: tree(&mut files, PREVIOUS_BILLS_FILE)?,
            })
        });
        let mut evidence = Self {
            logs: Vec::new(),
            segments: BTreeMap::new(),
            trees,
            previous: previous.transpose()?,
            probes: list(&mut files, PROBES_FILE)?,
            rejections: list(&mut files, REJECTIONS_FILE)?,
            elements: BTreeMap::new(),
        };
        check_rejections(&evidence.rejections)?;
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
            } else if bundle::is_elements(&name) {
                let elements = Elements::from_bytes(&bytes).map_err(|e| unreadable(&name, e))?;
                evidence.elements.insert(name, elements);
            }
        }
        evidence.logs.sort_by_key(TicketLog::issuer);
        Ok(evidence)
    }
}

fn check_rejections(lines: &[RejectionLine]) -> Result<(), EvidenceError> {
    let contradicts = |line: &RejectionLine| line.ticket != line.record.id;
    if lines.iter().any(contradicts) {
        let source = "a ticket that is not its record's";
        return Err(unreadable(REJECTIONS_FILE, source));
    }
    Ok(())
}

type Files = BTreeMap<String, Vec<u8>>;

fn take(files: &mut Files, name: &'static str) -> Result<Vec<u8>, EvidenceError> {
    files.remove(name).ok_or(EvidenceError::Missing(name))
}

fn tree<L: EpochLeaf>(
    files: &mut Files,
    name: &'static str,
) -> Result<EpochTree<L>, EvidenceError> {
    EpochTree::from_bytes(&take(files, name)?).map_err(|error| unreadable(name, error))
}

fn list<T: DeserializeOwned + Serialize>(
    files: &mut Files,
    name: &'static str,
) -> Result<Vec<T>, EvidenceError> {
    bundle::canonical(&take(files, name)?).map_err(|error| unreadable(name, error))
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
