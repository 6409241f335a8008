//! Who judges: plays, stories and seeds of the world, each a process of its own, two at a time.

use crate::run::root;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Processes at a time: a world is one thread.
const AT_ONCE: usize = 2;
/// One that computes so many times as long as it takes without a mutant hangs,
const HANGS_TIMES: u64 = 4;
/// but none before so many seconds.
const HANGS_MIN_S: u64 = 30;
/// The longest that one may compute without a mutant, seconds.
const ALONE_MAX_S: u64 = 300;
/// Ends a process that computes for longer than its first argument, seconds: not one that the machine is too busy for.
const BOUNDED: &str = "ulimit -t \"$0\" && exec \"$@\"";
/// Signals by which such a process is ended: SIGKILL, SIGXCPU.
const OUT_OF_TIME: [i32; 2] = [9, 24];
/// How often is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(50);

/// One of them, as the world's program names it.
#[derive(Debug, Clone, Deserialize)]
struct Judge {
    name: String,
    /// Its program's arguments.
    args: Vec<String>,
    /// Its trace without a mutant.
    #[serde(skip)]
    trace: String,
    /// When it hangs: seconds of computing.
    #[serde(skip)]
    limit_s: u64,
    /// Mutants that it found.
    #[serde(skip)]
    found: u32,
}

/// What a process tells.
#[derive(Debug, Deserialize)]
struct Told {
    trace: String,
    failure: Option<String>,
    /// How often each sync was asked for.
    #[serde(default)]
    syncs: BTreeMap<String, u64>,
}

/// All judges, those that found most first.
#[derive(Debug)]
pub(crate) struct Judges {
    all: Vec<Judge>,
    /// How often each sync was asked for without a mutant.
    pub(crate) syncs: BTreeMap<String, u64>,
}

/// What they say.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It doesn't compile, and why.
    NotBuilt(String),
    /// One of them found it.
    Found {
        /// Which of them.
        by: String,
        /// In its words.
        words: String,
        /// Whether it went on and on.
        hung: bool,
    },
    /// None found it.
    Survived {
        /// All of them.
        judges: Vec<String>,
        /// Those whose trace was another than without it: none, if nothing that it changes was met.
        changed: Vec<String>,
    },
}

/// How a process ended.
enum Ended {
    Told(Told),
    /// It said nothing that can be read: it aborted.
    Aborted(String),
    Hung,
    /// It was ended, since another has found it.
    Needless,
}

impl Judges {
    /// Those of a program that has no mutant; each is run once, for what it says then.
    ///
    /// # Errors
    /// If one finds something all the same.
    pub(crate) fn of(program: &Path, args: &[&str]) -> Result<Self> {
        let listed = Command::new(program)
            .args(args)
            .current_dir(root())
            .output();
        let listed = listed.context("cannot run the world")?;
        let judges: Vec<Judge> = serde_json::from_slice(&listed.stdout)
            .with_context(|| String::from_utf8_lossy(&listed.stderr).into_owned())?;
        let mut judges = Self {
            all: judges,
            syncs: BTreeMap::new(),
        };
        judges
            .all
            .iter_mut()
            .for_each(|judge| judge.limit_s = ALONE_MAX_S);
        let ended = judges.each(program, &[], |_| false);
        for (judge, ended) in judges.all.iter_mut().zip(ended) {
            let Some((
                Ended::Told(Told {
                    trace,
                    failure: None,
                    syncs,
                }),
                took,
            )) = ended
            else {
                bail!("{} fails without a mutant: run it alone", judge.name);
            };
            judge.trace = trace;
            judges.syncs.extend(syncs);
            judge.limit_s = (took.as_secs() * HANGS_TIMES).max(HANGS_MIN_S);
        }
        Ok(judges)
    }

    /// Judges a program, run with more arguments.
    pub(crate) fn judge(&mut self, program: &Path, more: &[&str]) -> Verdict {
        let ended = self.each(program, more, |ended| found(ended).is_some());
        let mut changed = Vec::new();
        for (judge, ended) in self.all.iter_mut().zip(ended) {
            let Some((ended, _)) = ended else { continue };
            if let Some(words) = found(&ended) {
                judge.found += 1;
                let (by, hung) = (judge.name.clone(), matches!(ended, Ended::Hung));
                self.all.sort_by_key(|judge| Reverse(judge.found));
                return Verdict::Found { by, words, hung };
            }
            if matches!(ended, Ended::Told(told) if told.trace != judge.trace) {
                changed.push(judge.name.clone());
            }
        }
        let judges = self.all.iter().map(|judge| judge.name.clone()).collect();
        Verdict::Survived { judges, changed }
    }

    /// Runs all, until one ends so that the others needn't: how each ended and how long it took, `None` of those that
    /// weren't begun.
    fn each(
        &self,
        program: &Path,
        more: &[&str],
        is_enough: impl Fn(&Ended) -> bool + Sync,
    ) -> Vec<Option<(Ended, Duration)>> {
        let next = AtomicUsize::new(0);
        let all = Mutex::new(Vec::new());
        all.lock()
            .expect("nobody panics")
            .resize_with(self.all.len(), || None);
        let work = || loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(judge) = self.all.get(place) else {
                return;
            };
            let ended = judge.run(program, more, || {
                next.load(Ordering::Relaxed) > self.all.len() * 2
            });
            if is_enough(&ended.0) {
                next.fetch_add(self.all.len() * 2, Ordering::Relaxed);
            }
            all.lock().expect("nobody panics")[place] = Some(ended);
        };
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(work);
            }
        });
        all.into_inner().expect("nobody panics")
    }
}

impl Judge {
    #[expect(
        clippy::disallowed_methods,
        reason = "a process that hangs is waited for by the machine's clock"
    )]
    fn run(
        &self,
        program: &Path,
        more: &[&str],
        is_needless: impl Fn() -> bool,
    ) -> (Ended, Duration) {
        let began = Instant::now();
        let said = root()
            .join("target/mutants")
            .join(format!("{}.said", self.name.replace('/', "-")));
        let ended = self.spawn(program, more, &said).and_then(|mut running| {
            loop {
                if let Some(status) = running.try_wait()? {
                    if status
                        .signal()
                        .is_some_and(|signal| OUT_OF_TIME.contains(&signal))
                    {
                        return Ok(Ended::Hung);
                    }
                    let told = serde_json::from_slice(&fs::read(&said)?);
                    return Ok(
                        told.map_or_else(|_| Ended::Aborted(status.to_string()), Ended::Told)
                    );
                }
                if is_needless() {
                    running.kill()?;
                    running.wait()?;
                    return Ok(Ended::Needless);
                }
                thread::sleep(LOOK);
            }
        });
        (
            ended.unwrap_or_else(|error| Ended::Aborted(error.to_string())),
            began.elapsed(),
        )
    }

    fn spawn(&self, program: &Path, more: &[&str], said: &Path) -> std::io::Result<Child> {
        let mut command = Command::new("sh");
        command
            .args(["-c", BOUNDED, &self.limit_s.to_string()])
            .arg(program);
        command.args(&self.args).args(more).current_dir(root());
        command
            .stdout(fs::File::create(said)?)
            .stderr(Stdio::null());
        command.spawn()
    }
}

/// In what words a mutant is found; `None` if it isn't.
fn found(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Told(told) => told.failure.clone(),
        Ended::Aborted(how) => Some(format!("it aborts: {how}")),
        Ended::Hung => Some("it goes on and on".to_owned()),
        Ended::Needless => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A judge that is a line of shell.
    fn ended(name: &str, line: &str) -> Ended {
        fs::create_dir_all(root().join("target/mutants")).unwrap();
        let judge = Judge {
            name: name.to_owned(),
            args: vec!["-c".into(), line.into()],
            trace: String::new(),
            limit_s: 1,
            found: 0,
        };
        judge.run(Path::new("sh"), &[], || false).0
    }

    #[test]
    fn one_that_computes_for_ever_hangs_and_one_that_says_nothing_aborted() {
        let hung = ended("test hangs", "while :; do :; done");
        assert_eq!(found(&hung).as_deref(), Some("it goes on and on"));
        let aborted = found(&ended("test aborts", "exit 3"));
        assert_eq!(aborted.as_deref(), Some("it aborts: exit status: 3"));
    }

    #[test]
    fn what_a_process_tells_is_its_verdict() {
        let tells = |name, failure| {
            let told = format!(r#"{{"trace": "ab", "failure": {failure}}}"#);
            found(&ended(name, &format!("echo '{told}'")))
        };
        assert_eq!(
            tells("test fails", r#""it broke""#).as_deref(),
            Some("it broke")
        );
        assert_eq!(tells("test holds", "null"), None);
    }
}
