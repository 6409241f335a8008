//! What a client can be told.

use host::Host;
use protocol::{NodeId, SigningKey, ViewerToken};
use std::time::Duration;

/// A node that sends no group for this long has stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A ticket is left this long before it expires: time to sign, and to be acknowledged.
const EXPIRY_MARGIN: Duration = Duration::from_millis(1500);
/// Finding, connecting to and being accepted by a node takes no longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// The last receipt of a session is acknowledged within this, or not at all.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(3);

/// Settings of a [`Client`](crate::Client).
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The machine that it runs on.
    pub host: Host,
    /// Base URL of the control plane, `http://host:port` or with `https` and a path.
    pub control: String,
    /// Signs receipts. A fresh one tells nobody who the client is.
    pub key: SigningKey,
    /// Without a verified group for this long a node has failed. 10 s unless told.
    pub stall_timeout: Duration,
    /// A ticket with less time left is not used. 1.5 s unless told.
    pub expiry_margin: Duration,
    /// Bound on reaching a node, from name to accepted session. 8 s unless told.
    pub connect_timeout: Duration,
    /// Bound on waiting for a session's last acknowledgement. 3 s unless told.
    pub settle_timeout: Duration,
    /// Fetch from this node or fail: for probes.
    pub only_node: Option<NodeId>,
    /// The viewer's token, for collections that need one, where a fetch has none of its own.
    pub viewer_token: Option<ViewerToken>,
}

impl ClientConfig {
    /// Ordinary settings on this host, and a fresh key of its randomness.
    ///
    /// # Panics
    /// If there is no randomness to be had.
    pub fn on(host: Host, control: impl Into<String>) -> Self {
        Self {
            control: control.into(),
            key: SigningKey::from_bytes(&host.random.bytes()),
            host,
            stall_timeout: STALL_TIMEOUT,
            expiry_margin: EXPIRY_MARGIN,
            connect_timeout: CONNECT_TIMEOUT,
            settle_timeout: SETTLE_TIMEOUT,
            only_node: None,
            viewer_token: None,
        }
    }
}
