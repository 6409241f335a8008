//! What a verifier needs to know. Where it comes from (file, environment, flags) is the CLI's business.

use contracts::{Address, PrivateKeySigner};
use host::Host;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a verifier.
#[derive(Clone)]
pub struct Config {
    /// The machine that it runs on.
    pub host: Host,
    /// URLs of EVM nodes' JSON-RPC, http or https, with commas between. What an epoch is judged by is what more than half
    /// of them say.
    pub rpc: String,
    /// The settlement contract.
    pub settlement: Address,
    /// The chain id that is expected there; `None` takes any.
    pub chain_id: Option<u64>,
    /// The most that is offered for gas, wei for each.
    pub fee_cap: u128,
    /// The verifier's account, admitted by the settlement contract.
    pub key: PrivateKeySigner,
    /// Base URLs of the control planes, such as `https://control.example`: ticket logs and node addresses
    /// come from there. All issuers' should be among them.
    pub controls: Vec<String>,
    /// Base URLs of other verifiers, asked for the epoch tree before where this one doesn't have it. May be
    /// empty.
    pub peers: Vec<String>,
    /// Where evidence is kept, in `evidence/{epoch}/`. For one process at a time.
    pub data_dir: PathBuf,
    /// Where evidence and status are served over HTTP.
    pub listen: SocketAddr,
    /// How long after an epoch's tickets have ended nodes may take to hand in their segments. Later ones
    /// don't count.
    pub segment_deadline: Duration,
    /// How often the chain is looked at while there is nothing else to do.
    pub poll_interval: Duration,
    /// Nodes that must have something to claim by the epoch that the vault pays by, for this verifier to send the
    /// transaction that makes their claims cheaper; `None`: it never does.
    pub shorten_from: Option<NonZeroU32>,
}

impl Config {
    /// Segments are waited for so long unless configured otherwise.
    pub const SEGMENT_DEADLINE: Duration = Duration::from_secs(60);
    /// The chain is looked at so often unless configured otherwise.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(2);
    /// Proofs are shortened for so many nodes unless configured otherwise. It takes 155,000 gas where it was done
    /// before, and each claim then takes 3,500 less: from 45 claims on it pays.
    pub const SHORTEN_FROM: Option<NonZeroU32> = NonZeroU32::new(50);
}

/// Shows the account, never the key, and nothing of the RPC URL, which may hold a provider's access key.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("settlement", &self.settlement)
            .field("chain_id", &self.chain_id)
            .field("account", &self.key.address())
            .field("controls", &self.controls)
            .field("peers", &self.peers)
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("segment_deadline", &self.segment_deadline)
            .field("poll_interval", &self.poll_interval)
            .field("shorten_from", &self.shorten_from)
            .finish_non_exhaustive()
    }
}
