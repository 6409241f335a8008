//! What came of each mutant: kept after each, so that a run that is interrupted goes on.

use super::judges::Verdict;
use crate::run::root;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Where it stands for which mutant why nothing finds it.
const REASONS: &str = "sim/mutants/README.md";

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Found,
    /// Found, in that a judge goes on and on.
    Hung,
    Survived,
    NotBuilt,
}

impl Outcome {
    fn is_found(self) -> bool {
        matches!(self, Self::Found | Self::Hung)
    }
}

/// A mutant that was judged.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Judged {
    name: String,
    /// The sources that it was judged in.
    #[serde(default)]
    sources: String,
    pub(crate) outcome: Outcome,
    /// Who found it; all who didn't, of one that survived.
    judges: Vec<String>,
    /// In whose words it was found, or wasn't compiled.
    words: Option<String>,
    /// Judges of a survivor whose traces it changed: it was met, and nobody minds.
    changed: Vec<String>,
    seconds: u64,
}

impl Judged {
    pub(crate) fn new(name: &str, verdict: Verdict, took: Duration) -> Self {
        let (outcome, judges, words, changed) = match verdict {
            Verdict::NotBuilt(why) => (Outcome::NotBuilt, Vec::new(), Some(why), Vec::new()),
            Verdict::Found { by, words, hung } => {
                let outcome = if hung { Outcome::Hung } else { Outcome::Found };
                (outcome, vec![by], Some(words), Vec::new())
            }
            Verdict::Survived { judges, changed } => (Outcome::Survived, judges, None, changed),
        };
        Self {
            name: name.to_owned(),
            sources: String::new(),
            outcome,
            judges,
            words,
            changed,
            seconds: took.as_secs(),
        }
    }

    /// As a line for people.
    pub(crate) fn shown(&self) -> String {
        let name = &self.name;
        let words = self.words.as_deref().unwrap_or_default();
        // A panic's words go on for pages.
        let words: String = words
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(100)
            .collect();
        match self.outcome {
            Outcome::Found | Outcome::Hung => {
                format!(
                    "found     {name}\n          by {}: {words}",
                    self.judges.join(", ")
                )
            }
            Outcome::Survived => match self.changed.len() {
                0 => format!("SURVIVED  {name}\n          never met: each trace is as without it"),
                changed => format!(
                    "SURVIVED  {name}\n          met in {changed} of {} traces",
                    self.judges.len()
                ),
            },
            Outcome::NotBuilt => format!("not built {name}\n          {words}"),
        }
    }
}

/// What of an earlier run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing.
    None,
    /// All, if it was of the same sources, draw and judges.
    Same,
    /// What didn't survive, in whatever sources: whoever mended the checks asks for the rest.
    Found,
}

/// All of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcomes {
    /// Names the sources that are judged now.
    #[serde(default)]
    sources: String,
    /// Names the draw and the judges.
    of: String,
    mutants: u32,
    mutants_found: u32,
    judged: Vec<Judged>,
}

impl Outcomes {
    /// Those of an earlier run that are kept.
    pub(crate) fn open(sources: &str, of: &str, kept: Kept) -> Self {
        let before = fs::read(path())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let mut outcomes = before.unwrap_or_default();
        match kept {
            Kept::Same if outcomes.sources == sources && outcomes.of == of => {}
            Kept::Found => outcomes
                .judged
                .retain(|judged| judged.outcome != Outcome::Survived),
            Kept::Same | Kept::None => outcomes.judged.clear(),
        }
        (outcomes.sources, outcomes.of) = (sources.to_owned(), of.to_owned());
        outcomes
    }

    /// What came of one, if it was judged.
    pub(crate) fn of(&self, name: &str) -> Option<Outcome> {
        let mut judged = self.judged.iter();
        judged
            .find(|judged| judged.name == name)
            .map(|judged| judged.outcome)
    }

    /// Adds one and writes all, for who goes on later.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn add(&mut self, mut judged: Judged) -> Result<()> {
        judged.sources = self.sources.clone();
        self.judged.retain(|before| before.name != judged.name);
        self.judged.push(judged);
        let count = |is: fn(Outcome) -> bool| {
            self.judged
                .iter()
                .filter(|judged| is(judged.outcome))
                .count() as u32
        };
        self.mutants = count(|outcome| outcome != Outcome::NotBuilt);
        self.mutants_found = count(Outcome::is_found);
        let path = path();
        fs::create_dir_all(path.parent().expect("it is in a folder"))?;
        // Whoever is interrupted in it has half a file, which is no run: so under its name only when it is whole.
        let beside = path.with_extension("unfinished");
        fs::write(&beside, self.json())?;
        #[expect(clippy::disallowed_methods, reason = "what is lost is judged again")]
        fs::rename(beside, path)?;
        Ok(())
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("it has only names and numbers") + "\n"
    }

    /// As a table for people.
    pub(crate) fn table(&self) -> String {
        let mut shown: String = self
            .judged
            .iter()
            .map(|judged| judged.shown() + "\n")
            .collect();
        shown += &format!(
            "{} of {} found; {}\n",
            self.mutants_found,
            self.mutants,
            path().display()
        );
        shown
    }

    /// Whoever survived is named with the reason.
    ///
    /// # Errors
    /// If one isn't; the message names each.
    pub(crate) fn survivors_are_named(&self) -> Result<()> {
        let reasons = fs::read_to_string(root().join(REASONS)).unwrap_or_default();
        let survivors = self
            .judged
            .iter()
            .filter(|judged| judged.outcome == Outcome::Survived);
        let unnamed = survivors.map(|judged| judged.name.as_str());
        let unnamed: Vec<_> = unnamed
            .filter(|name| !reasons.contains(&format!("`{name}`")))
            .collect();
        ensure!(
            unnamed.is_empty(),
            "nothing finds these, and {REASONS} doesn't say why:\n{}",
            unnamed.join("\n")
        );
        Ok(())
    }
}

fn path() -> PathBuf {
    root().join("target/bench/sim-mutants.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survivor_that_was_never_met_says_so_and_its_judges_are_all_that_were_asked() {
        let survived = |changed: &[&str]| {
            let verdict = Verdict::Survived {
                judges: vec!["seed 1".into(), "seed 2".into()],
                changed: changed.iter().map(|name| (*name).to_owned()).collect(),
            };
            Judged::new("a: b", verdict, Duration::from_secs(9)).shown()
        };
        assert!(survived(&[]).contains("never met"));
        assert!(survived(&["seed 2"]).contains("met in 1 of 2 traces"));
    }

    #[test]
    fn what_was_judged_is_read_again_as_it_was_written() {
        let verdict = Verdict::Found {
            by: "seed 1".into(),
            words: "it broke".into(),
            hung: false,
        };
        let outcomes = Outcomes {
            judged: vec![Judged::new("a: b", verdict, Duration::ZERO)],
            ..Outcomes::default()
        };
        let read: Outcomes = serde_json::from_str(&outcomes.json()).unwrap();
        assert_eq!(read.of("a: b"), Some(Outcome::Found));
        assert_eq!(read.of("a: c"), None);
    }
}
