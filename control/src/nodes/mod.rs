//! The nodes: who is connected, how they are, what they are told to do, and which of them a client is sent to.
//!
//! Uses what is published, to say who fills what from whom. Never signs, issues or bills, and believes of a node only
//! what can be seen from outside.

pub(crate) mod dial_back;
pub(crate) mod holders;
pub(crate) mod join;
pub(crate) mod measured;
pub(crate) mod membership;
pub(crate) mod ordering;
pub(crate) mod orders;
pub(crate) mod overlay;
pub(crate) mod reload;
pub(crate) mod sources;

use crate::contents::publication::PublicationDesk;
use crate::metrics::Metrics;
use crate::tickets::issuer::Issuer;
use contracts::Agreed;
use host::Host;
use membership::Members;
use ordering::OrderDesk;
use sources::FillDesk;
use std::sync::Arc;

/// What nodes are served and looked after with.
pub(crate) struct NodeDesk {
    pub(crate) members: Arc<Members>,
    pub(crate) fills: Arc<FillDesk>,
    pub(crate) ordering: OrderDesk,
    pub(crate) contents: Arc<PublicationDesk>,
    /// Of the tickets by which nodes are dialled back.
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) agreed: Agreed,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) host: Host,
}
