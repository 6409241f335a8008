//! Evidence of which only some files are read: whoever asks for one receipt needs one segment.

use super::source::Reader;
use super::{
    BILLS_FILE, BUNDLE_FILE, Bundle, BundleFile, CHARGES_FILE, EvidenceError, EvidenceSource,
    FetchError, REJECTIONS_FILE, RejectionLine, TREE_FILE, check_rejections, unreadable,
};
use crate::Answer;
use bundle::{BUNDLE_BYTES_MAX, hash, numbered};
use protocol::{
    B256, BillTree, ChargeTree, Epoch, EpochLeaf, EpochTree, Network, NodeTree, Segment, TicketLog,
};

/// Evidence whose `bundle.json` is read and checked; each file is when it is asked for. All reading is cancel
/// safe.
#[derive(Debug)]
pub struct OpenEvidence<'a> {
    reader: Reader<'a>,
    bundle: Bundle,
    hash: B256,
}

impl EvidenceSource {
    /// Reads and checks an epoch's `bundle.json`; with `expected`, only the one of that hash. Cancel safe.
    ///
    /// # Errors
    /// If it is missing, another, or makes no sense.
    pub fn open(
        &self,
        network: Network,
        epoch: Epoch,
        expected: Option<B256>,
    ) -> Answer<'_, Result<OpenEvidence<'_>, FetchError>> {
        Box::pin(async move {
            let reader = Reader::new(self, epoch)?;
            let bytes = reader.file(BUNDLE_FILE, BUNDLE_BYTES_MAX).await?;
            let found = hash(&bytes);
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                return Err(FetchError::OtherEvidence { expected, found });
            }
            Ok(OpenEvidence {
                reader,
                bundle: Bundle::from_bytes(&bytes, network, epoch)?,
                hash: found,
            })
        })
    }
}

impl OpenEvidence<'_> {
    /// What `bundle.json` says.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// BLAKE3 of `bundle.json`.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// A file's bytes, which are the ones that `bundle.json` names; `None` if it names no such file.
    ///
    /// # Errors
    /// If it can't be read or is another.
    pub fn file<'a>(&'a self, name: &'a str) -> Answer<'a, Result<Option<Vec<u8>>, FetchError>> {
        Box::pin(async move {
            let Some(file) = self.bundle.files.iter().find(|file| file.name == name) else {
                return Ok(None);
            };
            let BundleFile { name, size, blake3 } = file;
            let bytes = self.reader.file(name, *size).await?;
            if bytes.len() as u64 != *size || hash(&bytes) != *blake3 {
                let name = name.clone();
                return Err(FetchError::Altered { name });
            }
            Ok(Some(bytes))
        })
    }

    /// The nodes tree.
    ///
    /// # Errors
    /// If it can't be read, is another, or makes no sense; so with all below.
    pub fn nodes(&self) -> Answer<'_, Result<NodeTree, FetchError>> {
        Box::pin(self.tree(TREE_FILE))
    }

    /// The bills tree.
    ///
    /// # Errors
    /// As [`Self::nodes`].
    pub fn bills(&self) -> Answer<'_, Result<BillTree, FetchError>> {
        Box::pin(self.tree(BILLS_FILE))
    }

    /// The charges tree.
    ///
    /// # Errors
    /// As [`Self::nodes`].
    pub fn charges(&self) -> Answer<'_, Result<ChargeTree, FetchError>> {
        Box::pin(self.tree(CHARGES_FILE))
    }

    /// All ticket logs, by issuer.
    ///
    /// # Errors
    /// As [`Self::nodes`].
    pub fn logs(&self) -> Answer<'_, Result<Vec<TicketLog>, FetchError>> {
        Box::pin(async move {
            let mut logs = Vec::new();
            for BundleFile { name, .. } in &self.bundle.files {
                let Some(issuer) = numbered(name, "tickets-", ".qlog") else {
                    continue;
                };
                let log = TicketLog::from_bytes(&self.there(name).await?);
                let log = log.map_err(|error| unreadable(name, error))?;
                if log.issuer() != issuer {
                    let (name, issuer) = (name.clone(), log.issuer());
                    return Err(EvidenceError::Issuer { name, issuer }.into());
                }
                logs.push(log);
            }
            logs.sort_by_key(TicketLog::issuer);
            Ok(logs)
        })
    }

    /// The records of a node that count; `None` if none does.
    ///
    /// # Errors
    /// As [`Self::nodes`].
    pub fn segment(&self, index: u32) -> Answer<'_, Result<Option<Segment>, FetchError>> {
        Box::pin(async move {
            let name = format!("segment-{index}.qseg");
            let Some(bytes) = self.file(&name).await? else {
                return Ok(None);
            };
            let segment = Segment::from_bytes(&bytes);
            Ok(Some(segment.map_err(|error| unreadable(&name, error))?))
        })
    }

    /// The records that were left out.
    ///
    /// # Errors
    /// As [`Self::nodes`].
    pub fn rejections(&self) -> Answer<'_, Result<Vec<RejectionLine>, FetchError>> {
        Box::pin(async move {
            let bytes = self.required(REJECTIONS_FILE).await?;
            let lines: Vec<RejectionLine> =
                bundle::canonical(&bytes).map_err(|error| unreadable(REJECTIONS_FILE, error))?;
            check_rejections(&lines)?;
            Ok(lines)
        })
    }

    async fn tree<L: EpochLeaf>(&self, name: &'static str) -> Result<EpochTree<L>, FetchError> {
        let tree = EpochTree::from_bytes(&self.required(name).await?);
        Ok(tree.map_err(|error| unreadable(name, error))?)
    }

    /// A file that every epoch has.
    async fn required(&self, name: &'static str) -> Result<Vec<u8>, FetchError> {
        let bytes = self.file(name).await?;
        Ok(bytes.ok_or(EvidenceError::Missing(name))?)
    }

    /// A file that `bundle.json` names.
    async fn there(&self, name: &str) -> Result<Vec<u8>, FetchError> {
        Ok(self.file(name).await?.unwrap_or_default())
    }
}
