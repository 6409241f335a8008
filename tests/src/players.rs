//! A gateway, and those who watch through it: ffmpeg, and hls.js in a headless Chromium.

use crate::script::Script;
use crate::{World, eventually};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use testnet::Process;
use tokio::process::Command;
use tokio::time::timeout;
use toolchain::Players;

/// A `quittance gateway` process.
#[derive(Debug)]
pub struct GatewayProcess {
    /// Where it listens, with a `/` at the end.
    pub url: String,
    log: PathBuf,
    process: Process,
}

impl GatewayProcess {
    /// Starts one of the network's; `name` is its log's.
    ///
    /// # Panics
    /// If it doesn't come up.
    pub async fn start(world: &World, name: &str) -> Self {
        let mut command = world.quittance("gateway");
        command
            .args(["--control", &world.control_url])
            .args(["--listen", "127.0.0.1:0", "--json"])
            .env("QUITTANCE_LOG", "debug");
        let log = world.config.dir.join(format!("logs/{name}.log"));
        let mut process = Process::spawn(name, command, &log).expect("it can be started");
        let told = eventually("the gateway to listen", async || {
            process.check().unwrap_or_else(|error| panic!("{error:#}"));
            results(&log).into_iter().next()
        })
        .await;
        let url = told["url"].as_str().expect("a URL").to_owned();
        Self { url, log, process }
    }

    /// The value of one of its metrics.
    ///
    /// # Panics
    /// If there is none.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = reqwest::get(format!("{}metrics", self.url)).await;
        let text = text.expect("it answers").text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name}: {text}"));
        value.trim().parse().expect("a number")
    }

    /// Ends it in order: what it says of its deliveries, and all that it logged.
    ///
    /// # Panics
    /// If it doesn't end by itself.
    pub async fn stop(self) -> (Value, String) {
        let status = self.process.stop().await.expect("it ends by itself");
        let log = std::fs::read_to_string(&self.log).expect("its log");
        assert!(status.success(), "{log}");
        let last = results(&self.log).pop().expect("a result");
        (last, log)
    }
}

/// The JSON lines of a log.
fn results(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    // A line that isn't whole yet is none.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let values = whole.lines().map(serde_json::from_str);
    values.filter_map(Result::ok).collect()
}

/// The players, or what to install.
///
/// # Panics
/// If one is missing; the message says how to install it.
pub async fn players() -> Players {
    let found = disk::run(Players::ensure).await;
    found.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Runs a program to its end: what it printed.
///
/// # Panics
/// If it fails.
pub async fn watch(program: &Path, args: &[&str]) -> String {
    let mut command = Command::new(program);
    let command = command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let out = timeout(crate::PATIENCE, command.output()).await;
    let out = out.expect("it ends").expect("it can be started");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program:?} {args:?}: {said}");
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// hls.js in a browser, told what to do.
#[derive(Debug)]
pub struct Browser(Script);

impl Browser {
    /// Opens a playlist; it plays as soon as it can.
    ///
    /// # Panics
    /// If the browser can't be started.
    pub fn open(players: &Players, url: &str) -> Self {
        Self(Script::start(players, "play.mjs", url))
    }

    /// Has it do something (`tests/browser/play.mjs` says what there is): where playback is then.
    ///
    /// # Panics
    /// If it can't, or the player gave up.
    pub async fn has(&mut self, what: &str, value: impl Into<Value>) -> Value {
        let state = self.0.has(what, value.into()).await;
        assert_eq!(state["errors"], json!([]), "hls.js gave up: {state}");
        state
    }
}
