//! The control plane's page, in a headless Chromium.

use crate::script::Script;
use serde_json::{Value, json};
use toolchain::Players;

/// A page that is open.
#[derive(Debug)]
pub struct Page(Script);

impl Page {
    /// Opens it.
    ///
    /// # Panics
    /// If the browser can't be started.
    pub fn open(players: &Players, url: &str) -> Self {
        Self(Script::start(players, "status.mjs", url))
    }

    /// Has it do something (`tests/browser/status.mjs` says what there is): how it is then.
    ///
    /// # Panics
    /// If it can't, or asks anybody but its own server for anything.
    pub async fn has(&mut self, what: &str, value: impl Into<Value>) -> Value {
        let state = self.0.has(what, value.into()).await;
        assert_eq!(state["elsewhere"], json!([]), "{what}");
        state
    }
}
