//! The control plane's page, in a headless Chromium.

use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use toolchain::Players;

/// A page that is open.
#[derive(Debug)]
pub struct Page {
    _child: Child,
    told: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Page {
    /// Opens it.
    ///
    /// # Panics
    /// If the browser can't be started.
    pub fn open(players: &Players, url: &str) -> Self {
        let mut child = Command::new("node")
            .arg(players.script.with_file_name("status.mjs"))
            .arg(&players.chromium)
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js is there");
        let told = child.stdin.take().expect("piped");
        let answers = child.stdout.take().expect("piped");
        Self {
            _child: child,
            told,
            answers: BufReader::new(answers).lines(),
        }
    }

    /// Has it do something (`tests/browser/status.mjs` says what there is): how it is then.
    ///
    /// # Panics
    /// If it can't, or asks anybody but its own server for anything.
    pub async fn has(&mut self, what: &str, value: impl Into<Value>) -> Value {
        let line = format!("{}\n", json!({ what: value.into() }));
        let sent = self.told.write_all(line.as_bytes()).await;
        sent.expect("the browser runs: its messages are above");
        let answer = timeout(crate::PATIENCE, self.answers.next_line()).await;
        let answer = answer.expect("it answers in time").expect("text");
        let answer = answer.unwrap_or_else(|| panic!("it ended at {line}; its messages are above"));
        let state: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(state["elsewhere"], json!([]), "{line}");
        state
    }
}
