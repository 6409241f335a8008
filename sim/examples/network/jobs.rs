//! What is run in a process of its own, and what its process tells.

use anyhow::{Context, Result, bail};
use quittance_sim::players::PLAYS;
use quittance_sim::story::Named;
use quittance_sim::world::{Met, Plan, Reach};
use quittance_sim::{Course, Story, known, tell_story};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What reach counts plays under.
const PLAYERS: &str = "player";
/// Before the name of a sync that is left out.
pub(crate) const WITHOUT_SYNC: &str = "--without-sync";

/// One of them.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Seed(u64),
    /// The place of a play in the table.
    Play(usize),
    /// The file of a story that has a name.
    Story(PathBuf),
    /// The same, whatever is to be met in it.
    Trial(PathBuf),
    /// A seed in which machines lose power.
    PowerCuts(u64),
}

/// What came of it, as its process tells.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// `seed 7`, or a play's name.
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) events: u64,
    pub(crate) lasted_s: f64,
    pub(crate) failure: Option<String>,
    pub(crate) reach: Met,
    /// How often each sync was asked for.
    pub(crate) syncs: BTreeMap<String, u64>,
}

impl Told {
    fn of(name: String, course: Course) -> Self {
        Self {
            name,
            trace: course.trace,
            events: course.events,
            lasted_s: course.lasted.as_secs_f64(),
            failure: course.failure,
            reach: course.reach,
            syncs: course.syncs,
        }
    }
}

impl Job {
    /// The named stories, each a job.
    pub(crate) fn stories() -> Result<Vec<Self>> {
        let all = Named::all()?;
        Ok(all.iter().map(|named| Self::Story(named.path())).collect())
    }

    /// `seed 7`, or a play's name.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Seed(seed) => format!("seed {seed}"),
            Self::Play(number) => PLAYS[*number].name.to_owned(),
            Self::Story(path) | Self::Trial(path) => {
                let name = path.file_stem().unwrap_or_default();
                format!("story {}", name.to_string_lossy())
            }
            Self::PowerCuts(seed) => format!("power cuts {seed}"),
        }
    }

    /// What its process is started with.
    pub(crate) fn arguments(&self) -> [String; 2] {
        match self {
            Self::Seed(seed) => ["once".to_owned(), seed.to_string()],
            Self::Play(number) => ["play".to_owned(), number.to_string()],
            Self::Story(path) => ["story".to_owned(), path.display().to_string()],
            Self::Trial(path) => ["trial".to_owned(), path.display().to_string()],
            Self::PowerCuts(seed) => ["power-cuts".to_owned(), seed.to_string()],
        }
    }

    /// The job that a process was started with.
    pub(crate) fn read(what: &str, which: &str) -> Result<Self> {
        Ok(match what {
            "once" => Self::Seed(which.parse()?),
            "play" => Self::Play(which.parse()?),
            "story" => Self::Story(which.into()),
            "trial" => Self::Trial(which.into()),
            "power-cuts" => Self::PowerCuts(which.parse()?),
            _ => bail!("there is no job {what:?}"),
        })
    }

    /// What is told in it.
    pub(crate) fn story(&self) -> Result<Story> {
        Ok(match self {
            Self::Play(_) => bail!("a play is no story: its players do what they do"),
            Self::Seed(seed) => Story::of_seed(*seed, &Plan::whole()),
            Self::PowerCuts(seed) => Story::of_power_cuts(*seed),
            Self::Story(path) | Self::Trial(path) => Named::read(path)?.story,
        })
    }

    /// Runs it here. Events go to `traces`, one file each, of what isn't a play.
    pub(crate) fn run(&self, without_sync: Option<&str>, traces: Option<&Path>) -> Result<Told> {
        if let Self::Play(number) = self {
            return play(*number);
        }
        let story = self.story()?;
        let mut course = tell_story(&story, without_sync, traces.is_some())?;
        if let Some(folder) = traces {
            std::fs::create_dir_all(folder)?;
            let [_, which] = self.arguments();
            let file = Path::new(&which).file_stem().unwrap_or_default();
            std::fs::write(folder.join(file).with_extension("trace"), &course.told)?;
        }
        if let Self::Story(path) = self {
            course.failure = Named::read(path)?.failure(course.failure, &course.reach);
        }
        Ok(Told::of(self.name(), course))
    }

    /// Runs it in a process of its own.
    pub(crate) fn in_process(&self, traces: Option<&Path>) -> Result<Told> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(self.arguments());
        if let Some(folder) = traces {
            command.arg("--trace").arg(folder);
        }
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Output {
            status,
            stdout,
            stderr,
        } = child.context("its process")?.wait_with_output()?;
        let told = serde_json::from_slice(&stdout);
        // One that aborts or is killed tells nothing.
        Ok(told.unwrap_or_else(|_| Told {
            name: self.name(),
            failure: Some(format!("{status}: {}", String::from_utf8_lossy(&stderr))),
            ..Told::default()
        }))
    }
}

fn play(number: usize) -> Result<Told> {
    let play = PLAYS.get(number).context("there is no such play")?;
    let declared = Reach::default();
    declared.declare(PLAYERS, play.name);
    let mut told = Told {
        name: play.name.to_owned(),
        reach: declared.counts(),
        ..Told::default()
    };
    match known::play(play, known::SEED) {
        Ok(played) => {
            let surprises = known::surprises(play, &played);
            told.failure = (!surprises.is_empty()).then(|| surprises.join("; "));
            told.reach.extend(played.met);
            told.trace = played.trace;
        }
        Err(error) => told.failure = Some(format!("{error:#}")),
    }
    Ok(told)
}
