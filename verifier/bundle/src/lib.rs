//! The JSON files of an epoch's evidence: `bundle.json`, which names all others, and the lists of probes and of
//! refused records. SPEC section 11.
//!
//! Auditors read them from strangers, and verifiers from each other. Goals: any bytes are read or refused, within
//! bounds that have names, and never panic; what is read is written again as the same bytes. Non-goals: the other
//! files, whose layouts are [`protocol`]'s; where files come from; whether what they say is true. Nothing here, nor
//! beneath, needs tokio, so that it can be fuzzed in a build of seconds (`fuzz/`).

mod bundle;
mod lists;

pub use bundle::{
    BILLS_FILE, BUNDLE_BYTES_MAX, BUNDLE_FILE, Bundle, BundleError, BundleFile, CHARGES_FILE,
    EVIDENCE_BYTES_MAX, PREVIOUS_BILLS_FILE, PREVIOUS_FILE, PROBES_FILE, REJECTIONS_FILE,
    TREE_FILE, hash, is_elements, is_file_name, numbered,
};
pub use lists::{ListError, ProbeCount, RejectionLine, canonical, for_each};
