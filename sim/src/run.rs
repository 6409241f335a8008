//! One course of a network, from a seed.

use crate::checks;
use crate::players::Viewer;
use crate::story::Story;
use crate::world::{Dice, Met, Network, Place, Plan, Schedule, World};
use anyhow::{Context, Result, anyhow, ensure};
use client::Summary;
use contracts::U256;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Who watches begins within this from an epoch's start.
const BEGIN_WITHIN_MS: u64 = 15_000;
/// An epoch is attested so long after it could be.
const ATTESTED_WITHIN: Duration = Duration::from_secs(40);
/// The same if there were faults, after which some wait before they try again.
const ATTESTED_AFTER_FAULTS: Duration = Duration::from_secs(240);
/// What reach counts epochs under, by whether their audience got what it asked for.
const AUDIENCE: &str = "epoch";
/// What reach counts processes under that ended though nobody told them to.
const ENDED: &str = "ended by itself";
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
        course(world, story).await
    })
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

/// Each epoch is watched, attested, active and claimed, whatever goes wrong meanwhile; and when nothing does any more,
/// whoever watches gets what was published.
async fn course(world: &mut World, story: &Story) -> Result<()> {
    let plan = &story.plan;
    let reach = world.reach().clone();
    Schedule::declare(plan, &reach);
    let schedule = Schedule {
        faults: story.faults.clone(),
    };
    let viewers = (0..plan.viewers).map(|viewer| world.host(&format!("viewer-{viewer}")));
    let audience = Audience {
        viewers: viewers.collect(),
        player: world.host("player"),
        dice: world.dice("viewers"),
    };
    let network = Arc::new(Network::start(world, plan).await?);
    let faults = schedule.inflict(network.clone(), reach.clone(), world.trace().clone());
    let faults = tokio::spawn(faults);
    let mut acknowledged = Vec::new();
    for epoch in 0..plan.epochs {
        network.begun(epoch).await;
        let watched = audience.watch(&network).await?;
        let all = match watched.all_got_all {
            Ok(()) => "all get all",
            Err(_) => "not all get all",
        };
        reach.note(AUDIENCE, all);
        acknowledged.push(watched.acknowledged);
        // Who watches while something is wrong may get nothing; but nobody ever gets what wasn't published.
        if plan.faults == 0 {
            let all = watched.all_got_all;
            all.with_context(|| format!("in epoch {epoch}"))?;
        }
    }
    faults.await??;
    network.begun(plan.epochs).await;
    let well = audience.watch(&network).await?;
    well.all_got_all.context("after the last fault")?;
    acknowledged.push(well.acknowledged);
    let patience = match plan.faults {
        0 => ATTESTED_WITHIN,
        _ => ATTESTED_AFTER_FAULTS,
    };
    for (epoch, acknowledged) in (0..).zip(acknowledged) {
        network.attested(epoch, patience).await?;
        let counted = checks::audited(&network, epoch).await?;
        // The control plane waits longer for a transaction that was lost than an epoch's window is open (T41): without its
        // log nothing counts.
        let lost = plan.faults > 0 && network.chain.ticket_log(epoch, 0).await?.is_none();
        if lost {
            reach.note(AUDIENCE, "its log isn't committed");
        }
        // What was signed while something was wrong, and acknowledged to nobody, counts too; and what was begun in one
        // epoch may end in the next.
        ensure!(
            counted == acknowledged || (plan.faults > 0 && epoch < plan.epochs) || lost,
            "{counted} bytes count in epoch {epoch}, {acknowledged} are acknowledged"
        );
    }
    paid(&network, plan.epochs).await?;
    let ends = network.ends.so_far();
    for end in &ends {
        reach.note(ENDED, end.part.name());
    }
    let unasked = ends.iter().filter(|end| end.panicked || plan.faults == 0);
    let unasked: Vec<_> = unasked.collect();
    ensure!(unasked.is_empty(), "ended by themselves: {unasked:?}");
    let network = Arc::try_unwrap(network).ok();
    network.context("somebody still watches")?.end().await
}

/// Once an epoch stands, what all nodes claim is what reaches their accounts, and all that was attested.
async fn paid(network: &Network, epoch: u64) -> Result<()> {
    network.unchallenged(epoch).await?;
    network.activate(epoch).await?;
    let mut claimed = U256::ZERO;
    for node in 0..network.nodes.len() {
        claimed += network.claim(node).await?.amount;
    }
    checks::paid(network, epoch, claimed).await
}

/// Who watches, and when.
struct Audience {
    viewers: Vec<Place>,
    player: Place,
    dice: Dice,
}

/// What came of it.
struct Watched {
    /// Bytes that nodes acknowledged to have been signed for.
    acknowledged: u64,
    all_got_all: Result<()>,
}

impl Watched {
    fn add(&mut self, summary: &Summary) {
        let acked = summary.nodes.values().map(|node| node.bytes_acked);
        self.acknowledged += acked.sum::<u64>();
    }
}

impl Audience {
    /// All viewers fetch the file, and a player does by each gateway.
    ///
    /// # Errors
    /// If somebody gets other bytes than were published.
    async fn watch(&self, network: &Arc<Network>) -> Result<Watched> {
        let mut watching = JoinSet::new();
        for place in &self.viewers {
            let (network, place) = (network.clone(), place.clone());
            let after = Duration::from_millis(self.dice.below(BEGIN_WITHIN_MS));
            watching.spawn(async move {
                sleep(after).await;
                let viewer = Viewer::new(&network, &place)?;
                let got = viewer.watch().await;
                Ok::<_, anyhow::Error>((got, viewer.leave().await))
            });
        }
        let mut watched = Watched {
            acknowledged: 0,
            all_got_all: Ok(()),
        };
        for gateway in 0..network.gateways.len() {
            match network.play(&self.player, gateway).await {
                Ok(got) => checks::published(network, &got)?,
                Err(error) => watched.all_got_all = Err(error.context("playing")),
            }
            // A restart: what it holds in memory isn't fetched, and so pays nobody.
            network.gateways[gateway].restart().await?;
        }
        for summary in network.gateway_summaries() {
            watched.add(&summary);
        }
        while let Some(left) = watching.join_next().await {
            let (got, summary) = left??;
            watched.add(&summary);
            match got {
                Ok(got) => checks::published(network, &got)?,
                Err(error) => watched.all_got_all = Err(error.context("watching")),
            }
        }
        Ok(watched)
    }
}
