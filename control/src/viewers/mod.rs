//! Who may have a collection: countries, and the tokens by which publishers admit viewers.
//!
//! Uses catalogue and map. Never knows who a viewer is, and never keeps a token: only the hash of one.

pub(crate) mod access;
