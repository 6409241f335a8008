//! QUIC between the parts of a network: endpoints whose TLS key is an ed25519 identity, and framed
//! streams. SPEC section 9.
//!
//! Certificates are raw public keys (RFC 7250): the key *is* the name. A client says which key it
//! expects; a server that asks for one learns the client's. Nothing is signed by an authority.
//!
//! Tuning stands in one place, `endpoint.rs`, so that every part (and the benchmarks' raw peers) run on
//! the same settings.

mod endpoint;
mod identity;
mod stream;

pub use endpoint::{
    BindError, ConnectError, Connecting, PeerAuth, client_endpoint, connect, server_endpoint,
};
pub use identity::{exporter, peer_key};
pub use stream::{StreamError, read_frame, write_frame};
