//! Stories: a seed's world with faults that are named one by one, so that it is told again as it was, whatever seeds draw
//! later.

mod shrink;
mod words;

use crate::world::{Fault, Met, Plan, Schedule};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

pub use shrink::{Held, shrink};

/// Power cuts of a world that is to show which syncs are missed.
const CUTS: usize = 9;

/// What is started, and what then goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// Whatever is drawn by chance.
    pub seed: u64,
    /// What is started; its faults are those below.
    pub plan: Plan,
    /// In no order.
    pub faults: Vec<Fault>,
}

/// A story that is told again in each run, since it found something once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// What it is called: its file's name.
    #[serde(skip)]
    pub name: String,
    /// What it found.
    pub found: String,
    /// Words of the failure in which it ends as long as what it found isn't mended.
    #[serde(default)]
    pub fails: Option<String>,
    /// What is met in it, as `kind: name` of reach: a story in which that isn't met any more tells nothing.
    pub meets: Vec<String>,
    /// It.
    pub story: Story,
}

impl Story {
    /// That of a seed: what it draws.
    pub fn of_seed(seed: u64, plan: &Plan) -> Self {
        Self {
            seed,
            plan: plan.clone(),
            faults: Schedule::draw(seed, plan).faults,
        }
    }

    /// That of a seed in which machines lose power and nothing else happens.
    pub fn of_power_cuts(seed: u64) -> Self {
        let plan = Plan {
            faults: CUTS,
            ..Plan::whole()
        };
        Self {
            faults: Schedule::draw_power_cuts(seed, &plan).faults,
            seed,
            plan,
        }
    }
}

impl Named {
    /// All of them, by name.
    ///
    /// # Errors
    /// If a file in sim/stories isn't one.
    pub fn all() -> Result<Vec<Self>> {
        let mut paths = Vec::new();
        let folder = folder();
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            paths.push(entry?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort_unstable();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The one in a file.
    ///
    /// # Errors
    /// If it isn't one.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| path.display().to_string())?;
        let named = serde_json::from_slice(&text);
        let mut named: Self = named.with_context(|| path.display().to_string())?;
        named.name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        named.story.plan.faults = named.story.faults.len();
        Ok(named)
    }

    /// The file that it is in.
    pub fn path(&self) -> PathBuf {
        folder().join(&self.name).with_extension("json")
    }

    /// Why a course of it isn't as it should be, given its failure and what it met; `None` if it is.
    pub fn failure(&self, failure: Option<String>, reach: &Met) -> Option<String> {
        match (&self.fails, failure) {
            (Some(known), Some(failure)) if failure.contains(known) => {}
            (Some(known), None) => {
                return Some(format!(
                    "it doesn't end in {known:?}: mended, delete `fails`"
                ));
            }
            (None, None) => {}
            (_, failure) => return failure,
        }
        let missed = self.meets.iter().find(|what| !is_met(reach, what))?;
        Some(format!(
            "\"{missed}\" isn't met: mended, or told by another story now? Then delete it"
        ))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("stories")
}

/// Whether something was met, `kind: name`.
pub fn is_met(reach: &Met, what: &str) -> bool {
    let times = what
        .split_once(": ")
        .and_then(|(kind, name)| reach.get(kind)?.get(name));
    times.is_some_and(|times| *times > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_s_story_is_the_same_when_it_was_written_and_read() {
        let plan = Plan::whole();
        for seed in 0..20 {
            let story = Story::of_seed(seed, &plan);
            let text = serde_json::to_string(&story).unwrap();
            let mut read: Story = serde_json::from_str(&text).unwrap();
            read.plan.faults = read.faults.len();
            assert_eq!(read, story);
        }
    }

    #[test]
    fn a_story_that_fails_as_it_is_known_to_is_as_it_should_be_and_one_that_is_mended_says_so() {
        let named = |fails: Option<&str>| Named {
            name: String::new(),
            found: String::new(),
            fails: fails.map(str::to_owned),
            meets: Vec::new(),
            story: Story::of_seed(1, &Plan::small()),
        };
        let fails = |known, failure: Option<&str>| {
            named(known).failure(failure.map(str::to_owned), &Met::new())
        };
        let (stalls, other) = (Some("epoch 0 stalls"), Some("a panic"));
        assert_eq!(fails(Some("stalls"), stalls), None);
        assert_eq!(fails(Some("stalls"), other).as_deref(), other);
        assert!(fails(Some("stalls"), None).is_some_and(|why| why.contains("mended")));
        assert_eq!(fails(None, stalls).as_deref(), stalls);
        assert_eq!(fails(None, None), None);
    }

    #[test]
    fn a_story_in_which_nothing_is_met_any_more_tells_nothing() {
        let mut named = Named::all().unwrap().remove(0);
        (named.fails, named.meets) = (None, vec!["fault: hang: node".to_owned()]);
        let met = |times| {
            let names = std::collections::BTreeMap::from([("hang: node".to_owned(), times)]);
            named.failure(None, &Met::from([("fault".to_owned(), names)]))
        };
        assert!(met(0).is_some());
        assert_eq!(met(1), None);
    }

    #[test]
    fn all_named_stories_can_be_read_and_say_what_they_found() {
        for named in Named::all().unwrap() {
            assert!(named.found.len() > 20, "{}", named.name);
            assert!(named.story.faults.len() <= 5, "{}: shrink it", named.name);
        }
    }
}
