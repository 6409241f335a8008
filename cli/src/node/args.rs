//! Settings of `quittance node`, and what each of its commands takes.

use crate::settings::settings;
use protocol::Address;
use std::net::SocketAddr;
use std::path::PathBuf;

settings! {
    @chain
    /// One node's settings.
    NodeSettings {
        /// Folder for the node's key, cache, receipts and segments.
        #[arg(long, env = "QUITTANCE_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// File with the operator account's private key; else QUITTANCE_ETH_KEY. Not needed to run.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// Address that rewards are paid to [default: the operator's account].
        #[arg(long, value_name = "ADDRESS")]
        payout: Address,
        /// UDP address to serve at [default: 0.0.0.0:4433].
        #[arg(long, env = "QUITTANCE_LISTEN", value_name = "IP:PORT")]
        listen: SocketAddr,
        /// host:port at which clients reach the node [default: the address served at, if that is one].
        #[arg(long, env = "QUITTANCE_PUBLIC_ADDRESS", value_name = "HOST:PORT")]
        public_address: String,
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
        /// Disk for cached content, GiB [default: 10].
        #[arg(long, value_name = "GIB")]
        cache_gib: u64,
        /// MiB of content after which a client owes a receipt [default: 4].
        #[arg(long, value_name = "MIB")]
        receipt_interval_mib: u64,
        /// MiB of content sent ahead of the last receipt: the most a client can take unsigned
        /// [default: 32].
        #[arg(long, value_name = "MIB")]
        window_mib: u64,
        /// Most sessions at once [default: 10000].
        #[arg(long, value_name = "N")]
        sessions_max: u32,
        /// What the node's line carries: it gets traffic in proportion [default: 100].
        #[arg(long, value_name = "MBIT/S")]
        bandwidth_mbps: u32,
        /// URL of a verifier, for the evidence that a claim needs.
        #[arg(long, env = "QUITTANCE_VERIFIER", value_name = "URL")]
        verifier: String,
    }
}

macro_rules! node_args {
    ($name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        #[derive(Debug, clap::Args)]
        pub(crate) struct $name {
            $($(#[$field_meta])* pub(super) $field: $ty,)*
            #[command(flatten)]
            pub(super) settings: NodeSettings,
            /// TOML file with any of these settings.
            #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
            pub(super) config: Option<PathBuf>,
            /// Print the result as JSON.
            #[arg(long)]
            pub(super) json: bool,
        }
    };
}
node_args!(InitArgs {});
node_args!(RunArgs {});
node_args!(ClaimArgs {});
node_args!(ForceArgs {
    /// The epoch.
    #[arg(long, value_name = "N")]
    epoch: protocol::Epoch,
});
node_args!(CheckArgs {
    /// The epoch.
    #[arg(long, value_name = "N")]
    epoch: protocol::Epoch,
    /// Where the logs are, besides the control plane and the verifier: a verifier's URL, or a folder with
    /// evidence. May be given several times.
    #[arg(long, value_name = "URL|DIR")]
    evidence: Vec<String>,
    /// JSON file with more signed tickets: one, a list, or a control plane's answer to a route.
    #[arg(long, value_name = "FILE")]
    tickets: Vec<PathBuf>,
    /// Show on chain what issuers did wrong: commit to the challenge, then make it.
    #[arg(long)]
    challenge: bool,
    /// With --challenge: which, by its function's name, rather than the cheapest for each issuer.
    #[arg(long, value_name = "KIND", requires = "challenge")]
    by: Option<contracts::challenge::Kind>,
    /// With --challenge: Ethereum keystore (JSON) of the challenging account, instead of a key file.
    #[arg(long, env = "QUITTANCE_KEYSTORE", value_name = "FILE")]
    keystore: Option<PathBuf>,
    /// File with the keystore's password.
    #[arg(long, env = "QUITTANCE_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
});
node_args!(SetPayoutArgs {
    /// The account.
    #[arg(value_name = "ADDRESS")]
    to: Address,
});
node_args!(RotateArgs {
    /// File with the new key, made if it isn't there. When the epoch that the answer names begins, it takes
    /// the place of node.key in the node's folder, and the node is restarted.
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
});
node_args!(ExitArgs {});
node_args!(WithdrawStakeArgs {});
