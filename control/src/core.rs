//! What HTTP handlers and the status are given: the desks, and what is known of the network.

use crate::chain::funds::Funds;
use crate::chain::registry::Registry;
use crate::contents::publication::PublicationDesk;
use crate::metrics::Metrics;
use crate::nodes::NodeDesk;
use crate::requests::route::RouteDesk;
use crate::tickets::issuer::Issuer;
use contracts::Agreed;
use host::Host;
use listener::Connections;
use protocol::{Address, IssuerKey, Network};
use std::sync::Arc;

/// One per process. Handlers alone are given it: a desk names what it uses.
pub(crate) struct Core {
    pub(crate) network: Network,
    pub(crate) issuer_key: IssuerKey,
    pub(crate) issuer_index: u32,
    /// Where nodes are told to join, `host:port`.
    pub(crate) join_address: String,
    /// URL at which clients reach this API; none: as they say.
    pub(crate) public_url: Option<String>,
    pub(crate) agreed: Agreed,
    pub(crate) routes: Arc<RouteDesk>,
    pub(crate) nodes: Arc<NodeDesk>,
    pub(crate) contents: Arc<PublicationDesk>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) payers: Arc<Registry<Address>>,
    pub(crate) funds: Arc<Funds>,
    pub(crate) metrics: Arc<Metrics>,
    /// Of both HTTP listeners.
    pub(crate) connections: Arc<Connections>,
    pub(crate) host: Host,
}
