//! What the node keeps: receipts, segments, content, and what it was told.

pub(crate) mod cache;
pub(crate) mod held;
pub(crate) mod open;
pub(crate) mod orders_file;
pub(crate) mod receipt_log;
pub(crate) mod refused;
pub(crate) mod segments;
