//! A refusal on its way to whoever asked.

use protocol::Code;

/// The code of SPEC section 9, and why, in words for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloseRefusal {
    pub(crate) code: Code,
    pub(crate) detail: String,
}

impl CloseRefusal {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail }
    }
}
