//! Who looks at attestations while they stand.

use contracts::Address;
use contracts::challenge::Kind;
use protocol::Epoch;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Looks at an attestation while it stands, a lie before it is challenged or the truth, and may object. Blocking.
#[derive(Clone)]
pub struct Witness(pub(super) Arc<Look>);

pub(super) type Look = dyn Fn(&Standing) -> Result<(), String> + Send + Sync;

impl Witness {
    /// One that is asked so.
    pub fn new(look: impl Fn(&Standing) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

/// An attestation that stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The chain's JSON-RPC.
    pub rpc: String,
    /// The settlement contract.
    pub settlement: Address,
    /// The epoch.
    pub epoch: Epoch,
    /// The folder with its evidence.
    pub evidence: PathBuf,
    /// The lie that is told in it; `None` if it is true.
    pub lie: Option<Kind>,
}
