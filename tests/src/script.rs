//! A script that drives a headless Chromium: told by JSON lines, answering by JSON lines.

use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use toolchain::Players;

/// One that runs.
#[derive(Debug)]
pub(crate) struct Script {
    _child: Child,
    told: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// Starts a file of `tests/browser` with a URL.
    pub(crate) fn start(players: &Players, file: &str, url: &str) -> Self {
        let mut command = Command::new("node");
        command
            .arg(players.script.with_file_name(file))
            .arg(&players.chromium)
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("Node.js is there");
        let told = child.stdin.take().expect("piped");
        let answers = child.stdout.take().expect("piped");
        Self {
            _child: child,
            told,
            answers: BufReader::new(answers).lines(),
        }
    }

    /// Has it do something: how the page is then.
    pub(crate) async fn has(&mut self, what: &str, value: Value) -> Value {
        let line = format!("{}\n", json!({ what: value }));
        let sent = self.told.write_all(line.as_bytes()).await;
        sent.expect("the browser runs: its messages are above");
        let answer = timeout(crate::PATIENCE, self.answers.next_line()).await;
        let answer = answer.expect("it answers in time").expect("text");
        let answer = answer.unwrap_or_else(|| panic!("it ended at {line}; its messages are above"));
        serde_json::from_str(&answer).expect("JSON")
    }
}
