//! `bundle.json`: name, size and hash of every file of an epoch's evidence.

use protocol::{
    Address, B256, BillTree, ChargeTree, Elements, Epoch, LOG_HEADER_BYTES, Network, NodeTree,
    RECORD_BYTES, RECORDS_MAX, SEGMENT_HEADER_BYTES, TICKET_BYTES,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The epoch's nodes.
pub const TREE_FILE: &str = "tree.qtree";
/// Its bills.
pub const BILLS_FILE: &str = "bills.qbil";
/// Its charges.
pub const CHARGES_FILE: &str = "charges.qchg";
/// The nodes of the epoch before.
pub const PREVIOUS_FILE: &str = "previous.qtree";
/// The bills of the epoch before.
pub const PREVIOUS_BILLS_FILE: &str = "previous-bills.qbil";
/// Blind probes, by node.
pub const PROBES_FILE: &str = "probes.json";
/// Records that don't count.
pub const REJECTIONS_FILE: &str = "rejections.json";
/// The file that names all others.
pub const BUNDLE_FILE: &str = "bundle.json";
/// Longest `bundle.json`: half a million files of at most 128 bytes each.
pub const BUNDLE_BYTES_MAX: u64 = 64 << 20;
/// Largest evidence that is read into memory whole. Audits read files through, and take any.
pub const EVIDENCE_BYTES_MAX: u64 = 8 << 30;

const VERSION: u32 = 1;

/// What an attestation's evidence hash stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// 1.
    pub version: u32,
    /// The epoch.
    pub epoch: Epoch,
    /// The network's chain.
    pub chain_id: u64,
    /// The network's contract.
    pub settlement: Address,
    /// All other files, strictly increasing by name.
    pub files: Vec<BundleFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleFile {
    /// One of the names of SPEC section 11.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// BLAKE3 of its bytes.
    pub blake3: B256,
}

/// A `bundle.json` that is not one.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No JSON of that shape.
    #[error("bundle.json is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// A version this build doesn't know.
    #[error("bundle.json has version {0}, which is not known here; a newer quittance may read it")]
    Version(u32),
    /// A name that evidence doesn't have, out of order, or there twice.
    #[error("bundle.json names {0:?}, which is no file of evidence, or out of order")]
    Name(String),
    /// More than such a file can have.
    #[error("bundle.json gives {name} {size} bytes; that is more than it can have")]
    Size {
        /// Which file.
        name: String,
        /// As stated.
        size: u64,
    },
    /// JSON of the same meaning, written in another way.
    #[error("bundle.json isn't written to the byte as SPEC section 11 has it")]
    Form,
    /// Of another network or epoch than asked for.
    #[error("bundle.json is of another network or epoch")]
    Foreign,
}

impl Bundle {
    /// The bundle over these files of an epoch's evidence.
    pub fn over(network: Network, epoch: Epoch, files: &BTreeMap<String, Vec<u8>>) -> Self {
        let Network {
            chain_id,
            settlement,
        } = network;
        Self {
            version: VERSION,
            epoch,
            chain_id,
            settlement,
            files: Self::files_of(files),
        }
    }

    /// Files as the bundle names them.
    pub fn files_of(files: &BTreeMap<String, Vec<u8>>) -> Vec<BundleFile> {
        let files = files.iter().map(|(name, bytes)| BundleFile {
            name: name.clone(),
            size: bytes.len() as u64,
            blake3: hash(bytes),
        });
        files.collect()
    }

    /// The file's bytes: JSON without white space, fields in the order of SPEC section 11. Whoever gathers
    /// the same files writes the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and strings are JSON")
    }

    /// Reads `bundle.json` for one network and epoch.
    ///
    /// # Errors
    /// If it is malformed, of another network or epoch, or names what evidence can't have.
    pub fn from_bytes(bytes: &[u8], network: Network, epoch: Epoch) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_slice(bytes)?;
        if bundle.version != VERSION {
            return Err(BundleError::Version(bundle.version));
        }
        let found = (bundle.chain_id, bundle.settlement, bundle.epoch);
        if found != (network.chain_id, network.settlement, epoch) {
            return Err(BundleError::Foreign);
        }
        let mut last = "";
        for BundleFile { name, size, .. } in &bundle.files {
            // Nothing is before epoch 0.
            let is_name = name.as_str() > last && !(epoch == 0 && name.starts_with("previous"));
            let limit = bytes_max(name).filter(|_| is_name);
            let limit = limit.ok_or_else(|| BundleError::Name(name.clone()))?;
            if *size > limit {
                let (name, size) = (name.clone(), *size);
                return Err(BundleError::Size { name, size });
            }
            last = name;
        }
        if bundle.to_bytes() != bytes {
            return Err(BundleError::Form);
        }
        Ok(bundle)
    }

    /// Bytes of all files together.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// `BLAKE3(bundle.json)` of these bytes: what is posted with the attestation.
    pub fn evidence_hash(bytes: &[u8]) -> B256 {
        hash(bytes)
    }
}

/// BLAKE3.
pub fn hash(bytes: &[u8]) -> B256 {
    B256::from(*blake3::hash(bytes).as_bytes())
}

/// The number in `{prefix}{number}{suffix}`, written without leading zeros or signs.
pub fn numbered(name: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// Most bytes of the file with this name; `None` if evidence has no such file.
fn bytes_max(name: &str) -> Option<u64> {
    let records = u64::from(RECORDS_MAX);
    let of = |header: usize, entry: usize| header as u64 + records * entry as u64;
    match name {
        TREE_FILE | PREVIOUS_FILE => Some(NodeTree::BYTES_MAX as u64),
        BILLS_FILE | PREVIOUS_BILLS_FILE => Some(BillTree::BYTES_MAX as u64),
        CHARGES_FILE => Some(ChargeTree::BYTES_MAX as u64),
        // {"index":4194303,"made":4294967295,"ok":4294967295}, and a comma: 52 bytes.
        PROBES_FILE => Some(of(2, 52)),
        // Under 424 bytes each, of which 282 are the record; at most one for each ticket.
        REJECTIONS_FILE => Some(of(2, 424)),
        _ if numbered(name, "tickets-", ".qlog").is_some() => {
            Some(of(LOG_HEADER_BYTES, TICKET_BYTES))
        }
        _ if numbered(name, "segment-", ".qseg").is_some() => {
            Some(of(SEGMENT_HEADER_BYTES, RECORD_BYTES))
        }
        _ if is_elements(name) => Some(Elements::BYTES_MAX as u64),
        _ => None,
    }
}

/// Whether a file of this name states elements of a tree.
pub fn is_elements(name: &str) -> bool {
    matches!(
        name,
        "tree.elements" | "bills.elements" | "charges.elements"
    ) || ["tickets-", "charge-"]
        .iter()
        .any(|prefix| numbered(name, prefix, ".elements").is_some())
}

/// Whether evidence may have a file of this name, `bundle.json` included. No such name has a path in it.
pub fn is_file_name(name: &str) -> bool {
    name == BUNDLE_FILE || bytes_max(name).is_some()
}
