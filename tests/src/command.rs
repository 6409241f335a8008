//! The command line, as a person or a script uses it.

use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// A command that ends by itself does so within this.
const END: Duration = Duration::from_secs(30);

/// The `quittance` binary beside this test's.
///
/// # Panics
/// If it wasn't built.
pub fn binary() -> PathBuf {
    // target/debug/deps/system-… → target/debug/quittance
    let test = std::env::current_exe().expect("a running program has a path");
    let folder = test.parent().and_then(|deps| deps.parent());
    let binary = folder.expect("tests run in deps/").join("quittance");
    assert!(
        binary.is_file(),
        "{} is missing: run cargo build first",
        binary.display()
    );
    binary
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// What was run.
    pub line: String,
    /// Its exit code.
    pub code: i32,
    /// Its result.
    pub stdout: Vec<u8>,
    /// Everything else.
    pub stderr: String,
}

/// Runs `quittance` with these arguments and none of our environment's settings.
///
/// # Panics
/// If it can't be started, doesn't end, or ends by a signal.
pub async fn run<S: AsRef<str>>(args: &[S]) -> Ran {
    let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
    let line = format!("quittance {}", args.join(" "));
    let mut command = Command::new(binary());
    command.args(&args).stdin(Stdio::null()).kill_on_drop(true);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("QUITTANCE_")) {
        command.env_remove(name);
    }
    command.env("QUITTANCE_STATE", state());
    let out = timeout(END, command.output())
        .await
        .unwrap_or_else(|_| panic!("`{line}` goes on after {} s", END.as_secs()))
        .expect("the binary can be started");
    let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
    let code = out.status.code();
    Ran {
        code: code.unwrap_or_else(|| panic!("`{line}` ended by a signal: {stderr}")),
        line,
        stdout: out.stdout,
        stderr,
    }
}

/// Where commands remember what they have in the air: not in the home of whoever tests.
fn state() -> PathBuf {
    binary().with_file_name("test-state")
}

impl Ran {
    /// It went well.
    ///
    /// # Panics
    /// If it didn't.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "`{}`: {}", self.line, self.stderr);
        self
    }

    /// It went well and printed this.
    ///
    /// # Panics
    /// If it didn't, or what it printed isn't JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let ran = self.ok();
        serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("`{}`: {error}", ran.line))
    }

    /// It failed with one error message, which has all of these words; stdout has nothing.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn fails(self, words: &[&str]) {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        assert_ne!(code, 0, "`{line}` went well");
        assert!(stdout.is_empty(), "`{line}` printed a result");
        assert!(!stderr.contains("panicked"), "`{line}` panicked: {stderr}");
        let errors = stderr.lines().filter(|line| line.starts_with("error:"));
        assert_eq!(errors.count(), 1, "`{line}`: {stderr}");
        let said = &stderr[stderr.find("error:").unwrap_or_default()..];
        for word in words {
            assert!(said.contains(word), "`{line}` doesn't say {word:?}: {said}");
        }
    }
}
