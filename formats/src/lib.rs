//! What strangers send us by standards that aren't ours, read and written: requests of players, playlists of
//! publishers, questions of resolvers, tokens of viewers.
//!
//! | module | |
//! |---|---|
//! | [`target`], [`range`], [`etag`] | what an HTTP request names, which bytes of it, which version: RFC 3986, RFC 9110 |
//! | [`forwarded`] | where a request comes from, behind proxies: `X-Forwarded-For` |
//! | [`address`] | where a node says that it can be dialled |
//! | [`hls`], [`dash`], [`mod@reference`] | what a playlist says comes next: RFC 8216, ISO/IEC 23009-1 |
//! | [`rewriting`] | playlists that send players elsewhere: Content Steering |
//! | [`dns`] | what a DNS packet asks: RFC 1035, RFC 6891, RFC 7871 |
//! | [`viewer_tokens`] | URI signing for CDNI: RFC 9246 |
//!
//! Goals: any bytes are read or refused, within bounds that have names, and never panic; so everything here is a
//! plain function of its arguments, and has a fuzz target (`fuzz/`). Non-goals: our own layouts, which are
//! [`protocol`]'s; sockets, files, clocks. Nothing here, nor beneath, needs tokio: that builds in seconds.

pub mod address;
pub mod dash;
pub mod dns;
pub mod etag;
pub mod forwarded;
pub mod hls;
pub mod range;
pub mod reference;
pub mod rewriting;
pub mod target;
pub mod viewer_tokens;
