//! What is published: names, manifests and policies, the keys to what is sealed, and where its bytes come from.
//!
//! Uses no other wing. Never decides who may have what, and drops nothing that is damaged.

pub(crate) mod catalogue;
pub(crate) mod handed_in;
pub(crate) mod origin_address;
pub(crate) mod origins;
pub(crate) mod publication;
pub(crate) mod seal_keys;
