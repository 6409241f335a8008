//! DNS: from a packet to the packet that answers it.
//!
//! | module | |
//! |---|---|
//! | `answer` | packet in, packet out; what it knows of the network it asks a [`Directory`] |
//! | `near` | which nodes and gateways an answer names |
//! | `zone` | the zone's own records |
//! | `limit` | how much one network may ask |

mod answer;
mod limit;
mod near;
#[cfg(test)]
mod tests;
mod zone;

pub(crate) use answer::{Directory, Family, Gateways, Nearby, PAYLOAD_MAX, Way, answer};
pub(crate) use limit::{Decision, Limiter};
pub(crate) use near::{addresses, hosts, scope};
pub(crate) use zone::Zone;
pub use zone::{DnsConfig, DnsConfigError};

use protocol::CollectionId;

/// What a domain name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// A collection has it.
    Collection(CollectionId),
    /// Nothing itself, but there are names below it.
    Between,
    /// Nothing has it, and there is none below it.
    Nothing,
}
