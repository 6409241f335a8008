//! How far an audit is.

/// Is told how far an audit is; from any thread.
pub trait Progress: Send + Sync {
    /// A part of the work begins that has so many units.
    fn begin(&self, what: &'static str, total: u64);

    /// So many more units of it are done.
    fn advance(&self, units: u64);
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}
