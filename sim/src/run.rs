//! A world, from a seed: its runtime, its folder, and what is said of it when it is over.

use crate::course::course;
use crate::left::Left;
use crate::story::Story;
use crate::world::{Met, Plan, World};
use anyhow::{Context, Result, anyhow, ensure};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A course takes minutes; one that takes so long waits for what never comes.
pub(crate) const LASTS_MAX: Duration = Duration::from_secs(3_600);
/// A file system in memory, where it is there: what is synced costs nothing there.
const MEMORY: &str = "/dev/shm";

/// What came of a seed.
#[derive(Debug)]
pub struct Course {
    /// The trace's hash, sixteen hexadecimal digits.
    pub trace: String,
    /// Events in it.
    pub events: u64,
    /// How long the world lasted, by its clock.
    pub lasted: Duration,
    /// Why it isn't as it should be; `None` if it is.
    pub failure: Option<String>,
    /// How often what is to be met was met.
    pub reach: Met,
    /// How often each sync was asked for, by the line that asks.
    pub syncs: BTreeMap<String, u64>,
    /// All events, a line each, if they were to be told.
    pub told: String,
}

/// Runs a seed's world through the whole course of a plan; blocks. `tell` keeps the events as text.
///
/// # Errors
/// If the machine has no runtime or no folder for it; what goes wrong in the world is in the course.
pub fn run(seed: u64, plan: &Plan, tell: bool) -> Result<Course> {
    tell_story(&Story::of_seed(seed, plan), None, tell)
}

/// Tells a story, to its end; blocks. Leaves out a sync if one is named, as [`Syncs::so_far`](disk::faults::Syncs::so_far)
/// names them.
///
/// # Errors
/// As [`run`].
pub fn tell_story(story: &Story, without_sync: Option<&str>, tell: bool) -> Result<Course> {
    run_as(story.seed, tell, async |world| {
        if let Some(site) = without_sync {
            world.leave_out_sync(site);
        }
        course(world, story).await.map(drop)
    })
}

/// As [`run`], and what is left of the world if nothing went wrong.
///
/// # Errors
/// As [`run`].
pub fn run_and_look(seed: u64, plan: &Plan) -> Result<(Course, Option<Left>)> {
    let folder = folder().context("no folder for a world")?;
    let story = Story::of_seed(seed, plan);
    let mut left = None;
    let course = run_in(&folder, (seed, false), async |world| {
        left = Some(course(world, &story).await?);
        Ok(())
    })?;
    if let Some(left) = &mut left {
        left.folder = Some(folder);
    }
    Ok((course, left))
}

/// Runs a seed's world through a course of one's own; blocks. Panics, whoever catches them, and a course that stands
/// still are failures of it.
///
/// # Errors
/// As [`run`].
pub fn run_as(
    seed: u64,
    tell: bool,
    course: impl AsyncFnOnce(&mut World) -> Result<()>,
) -> Result<Course> {
    let folder = folder().context("no folder for a world")?;
    run_in(&folder, (seed, tell), course)
}

fn run_in(
    folder: &TempDir,
    (seed, tell): (u64, bool),
    course: impl AsyncFnOnce(&mut World) -> Result<()>,
) -> Result<Course> {
    let runtime = runtime()?;
    // What blocks is done where it is asked for: a thread of its own would come back when it likes.
    let _in_place = disk::in_place();
    let panics = Panics::watched();
    Ok(runtime.block_on(async {
        let mut world = World::new(seed, folder.path(), tell);
        let outcome = timeout(LASTS_MAX, course(&mut world)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(anyhow!("it stands still")));
        let outcome = outcome.and_then(|()| panics.none());
        let (events, trace) = world.trace().digest();
        Course {
            trace,
            events,
            lasted: world.age(),
            failure: outcome.err().map(|error| format!("{error:#}")),
            reach: world.reach().counts(),
            syncs: world.syncs(),
            told: world.trace().told(),
        }
    }))
}

/// Panics of this thread, on which a whole world runs: a task's panic is the end of nothing but the task, and would be
/// seen by nobody.
pub(crate) struct Panics;

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Panics {
    /// Keeps what panics say from now on, beside what is done with it anyway.
    pub(crate) fn watched() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                PANICS.with_borrow_mut(|panics| panics.push(info.to_string()));
                before(info);
            }));
        });
        PANICS.with_borrow_mut(Vec::clear);
        Self
    }

    pub(crate) fn none(&self) -> Result<()> {
        let panics = PANICS.with_borrow(Vec::clone);
        ensure!(panics.is_empty(), "panicked: {}", panics.join("; "));
        Ok(())
    }
}

/// A world's: one thread, whose clock stands until all wait.
pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("no runtime for a world")
}

pub(crate) fn folder() -> std::io::Result<TempDir> {
    match Path::new(MEMORY).is_dir() {
        true => tempfile::tempdir_in(MEMORY),
        false => tempfile::tempdir(),
    }
}
