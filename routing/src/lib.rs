//! Which node a client is sent to, and why: request routing (RFC 7336) as a pure decision.
//!
//! [`Zones`] say where a client is, by the operator's coverage file or by location. A [`Table`] holds the
//! nodes of each zone with their standing and load. [`Table::decide`] answers a [`Question`] with a
//! [`Decision`] that names the nodes and everybody who was passed over, with the reason.
//!
//! Inside a zone content is placed by consistent hashing with bounded loads (Mirrokni, Thorup,
//! Zadimoghaddam, 2016), where what finds a node full is hashed again rather than handed to the neighbour
//! (Chen, Coleman, Shrivastava, "Revisiting Consistent Hashing with Bounded Loads", 2019): caches stay warm,
//! no node has much above its share, and a node that leaves moves little more than its share.
//!
//! Goals: one decision for every way in (API, redirect, manifest, DNS); a cost that doesn't grow with the
//! number of nodes. Non-goals: sockets, files, clocks and randomness. State and a client's turn come in as
//! arguments. Floating point is for places on the globe only; nothing here is money.

mod decide;
mod demand;
mod limits;
mod locate;
mod place;
mod ring;
mod table;
mod zone_file;
mod zones;

pub use decide::{Decision, PASSED_LISTED_MAX, Passed, Pick, Question, Why};
pub use limits::{CAPABILITIES_MAX, NO_NODE_HAS, WEIGHT_MAX, ZONE_FILE_BYTES_MAX, ZONES_MAX};
pub use locate::{Location, Locator, LocatorError};
pub use place::Position;
pub use table::{NodeSpec, NodeView, Standing, Table, ZoneView};
pub use zone_file::ZoneFileError;
pub use zones::{How, Placement, ZoneIndex, Zones};
