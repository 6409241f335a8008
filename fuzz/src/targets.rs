//! The targets, and what each reads. `tests/tests/tidy/gates.rs` holds that no decoder is missing.

mod evidence;
mod files;
mod frames;
mod json;
mod places;
mod players;
mod text;
mod wire;

use crate::target::Target;

/// Each of them; `cargo xtask fuzz` runs them in this order.
pub(crate) const TARGETS: &[Target] = &[
    frames::FRAMES,
    files::SEGMENT,
    files::TICKET_LOG,
    files::TREE,
    files::ELEMENTS,
    files::MANIFEST,
    files::FIXED,
    evidence::BUNDLE,
    evidence::LISTS,
    wire::BODY,
    wire::DNS,
    json::JSON,
    text::TEXT,
    text::TOKEN,
    places::ADDRESS,
    places::FORWARDED,
    players::REQUEST,
    players::HLS,
    players::DASH,
    players::REWRITING,
];
