//! Every lie of a verifier that a challenge shows: how it is planted, and what an audit must find.

mod forced;
mod money;
mod plant;
mod records;
mod trees;

pub use plant::{Plant, Planted};

/// All lies of verifiers: at least one for each challenge of an attestation.
pub fn plants() -> Vec<Plant> {
    let all = [records::all(), trees::all(), money::all(), forced::all()];
    all.into_iter().flatten().collect()
}
