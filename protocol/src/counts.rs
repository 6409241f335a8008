//! What a node counts.

use crate::Epoch;
use serde::{Deserialize, Serialize};

/// What a member has done, about once a second; counted since its process started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Bytes of content sent to clients.
    pub sent_bytes: u64,
    /// Requests for content answered.
    pub requests: u64,
    /// Contents that came whole into the cache.
    pub fills: u64,
    /// Their bytes.
    pub filled_bytes: u64,
    /// Contents on their way, or waiting for their turn.
    pub filling: u32,
    /// Tickets with a receipt, of each epoch that isn't sealed, the oldest first; at most [`Counts::EPOCHS_MAX`].
    pub redeemed: Vec<(Epoch, u32)>,
}

impl Counts {
    /// Most epochs that are told of.
    pub const EPOCHS_MAX: usize = 4;
}
