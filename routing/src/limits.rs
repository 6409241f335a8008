//! How much of each there may be.

/// Most zones, the default one among them.
pub const ZONES_MAX: usize = 4096;
/// Most capabilities that can be told apart, [`NO_NODE_HAS`] aside.
pub const CAPABILITIES_MAX: usize = 63;
/// What no node has: required by what requires a capability that the zone file doesn't name.
pub const NO_NODE_HAS: u64 = 1 << 63;
/// Heaviest weight of a node, in units of the lightest.
pub const WEIGHT_MAX: u16 = 64;
/// Longest zone file that is read.
pub const ZONE_FILE_BYTES_MAX: u64 = 64 << 20;
