//! BLAKE3-verified content: on disk as files with bao outboards, on the wire as verified ranges.
//! SPEC section 9, "Body".
//!
//! A [`Store`] holds whole [`Blob`]s. A [`Fill`] is a blob on its way in: it can be read from while it
//! arrives, up to its [`progress`](Fill::progress). [`encode_slice`] and [`Body`] are the two ends of
//! the wire.
//!
//! Invariants: nothing enters a store unverified; a store holds no half-written file under a final
//! name, whatever happens; what a reader holds open stays readable when it is evicted.
//!
//! Content is not validated again when it is served: it was at import, and the client does.

mod blob;
mod encoded;
mod fill;
mod outline;
mod store;

pub use blob::{Blob, SendError, encode_slice, send_body};
pub use body::{BodyError, Group, RangeError, check_range, slices};
pub use encoded::{Body, Encoded};
pub use fill::{Fill, FillError};
pub use outline::{Outline, OutlineError, outboard_bytes, write_outboard};
pub use store::{Incoming, OnDamage, Store, StoreError};
