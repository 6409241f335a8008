//! One course of a network, from a seed.

use crate::checks;
use crate::players::Viewer;
use crate::world::{Dice, Met, Network, Place, Plan, Schedule, World};
use anyhow::{Context, Result, anyhow, ensure};
use contracts::U256;
use std::cell::RefCell;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Who watches begins within this from an epoch's start.
const BEGIN_WITHIN_MS: u64 = 15_000;
/// An epoch is attested so long after it could be.
const ATTESTED_WITHIN: Duration = Duration::from_secs(40);
/// The same if there were faults, after which some wait before they try again.
const ATTESTED_AFTER_FAULTS: Duration = Duration::from_secs(240);
/// A course takes minutes; one that takes so long waits for what never comes.
const LASTS_MAX: Duration = Duration::from_secs(3_600);
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
    /// All events, a line each, if they were to be told.
    pub told: String,
}

/// Runs a seed's world through the whole course of a plan; blocks. `tell` keeps the events as text.
///
/// # Errors
/// If the machine has no runtime or no folder for it; what goes wrong in the world is in the course.
pub fn run(seed: u64, plan: &Plan, tell: bool) -> Result<Course> {
    run_as(seed, tell, async |world| course(world, plan).await)
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
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("no runtime for a world")?;
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
            told: world.trace().told(),
        }
    }))
}

/// Panics of this thread, on which a whole world runs: a task's panic is the end of nothing but the task, and would be
/// seen by nobody.
struct Panics;

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Panics {
    /// Keeps what panics say from now on, beside what is done with it anyway.
    fn watched() -> Self {
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

    fn none(&self) -> Result<()> {
        let panics = PANICS.with_borrow(Vec::clone);
        ensure!(panics.is_empty(), "panicked: {}", panics.join("; "));
        Ok(())
    }
}

pub(crate) fn folder() -> std::io::Result<TempDir> {
    match Path::new(MEMORY).is_dir() {
        true => tempfile::tempdir_in(MEMORY),
        false => tempfile::tempdir(),
    }
}

/// Each epoch is watched, attested, active and claimed, whatever goes wrong meanwhile; and when nothing does any more,
/// whoever watches gets what was published.
async fn course(world: &mut World, plan: &Plan) -> Result<()> {
    let reach = world.reach().clone();
    Schedule::declare(plan, &reach);
    let schedule = Schedule::draw(world.seed(), plan);
    let viewers = (0..plan.viewers).map(|viewer| world.host(&format!("viewer-{viewer}")));
    let audience = Audience {
        viewers: viewers.collect(),
        player: world.host("player"),
        dice: world.dice("viewers"),
    };
    let network = Arc::new(Network::start(world, plan).await?);
    let faults = schedule.inflict(network.clone(), reach, world.trace().clone());
    let faults = tokio::spawn(faults);
    let mut signed = Vec::new();
    for epoch in 0..plan.epochs {
        network.begun(epoch).await;
        let watched = audience.watch(&network).await;
        signed.push(match watched {
            // Who watches while something is wrong may get nothing, and what it signed isn't known.
            Err(_) if plan.faults > 0 => None,
            watched => Some(watched.with_context(|| format!("in epoch {epoch}"))?),
        });
    }
    faults.await??;
    network.begun(plan.epochs).await;
    let well = audience.watch(&network).await;
    well.context("after the last fault")?;
    let patience = match plan.faults {
        0 => ATTESTED_WITHIN,
        _ => ATTESTED_AFTER_FAULTS,
    };
    for (epoch, signed) in (0..).zip(signed) {
        network.attested(epoch, patience).await?;
        let counted = checks::audited(&network, epoch).await?;
        match signed {
            Some(signed) if plan.faults == 0 => ensure!(
                counted == signed,
                "{counted} bytes count in epoch {epoch}, {signed} are acknowledged"
            ),
            // What was signed right before its end, and acknowledged to nobody, counts too.
            _ => {}
        }
    }
    paid(&network, plan).await?;
    let ends = network.ends.so_far();
    let unasked = ends.iter().filter(|end| end.panicked || plan.faults == 0);
    let unasked: Vec<_> = unasked.collect();
    ensure!(unasked.is_empty(), "ended by themselves: {unasked:?}");
    let network = Arc::try_unwrap(network).ok();
    network.context("somebody still watches")?.end().await
}

/// What all nodes claim once the last epoch stands is what the vault has paid.
async fn paid(network: &Network, plan: &Plan) -> Result<()> {
    network.unchallenged(plan.epochs - 1).await?;
    network.activate(plan.epochs - 1).await?;
    let mut claimed = U256::ZERO;
    for node in 0..plan.nodes {
        claimed += network.claim(node).await?.amount;
    }
    let paid = network.chain.paid().await?;
    ensure!(claimed == paid, "{claimed} claimed, {paid} paid");
    ensure!(
        plan.faults > 0 || !paid.is_zero(),
        "nobody is paid anything"
    );
    Ok(())
}

/// Who watches, and when.
struct Audience {
    viewers: Vec<Place>,
    player: Place,
    dice: Dice,
}

impl Audience {
    /// All viewers fetch the file, and a player does by each gateway; gives what nodes acknowledged to have been signed
    /// for.
    async fn watch(&self, network: &Arc<Network>) -> Result<u64> {
        let mut watching = JoinSet::new();
        for place in &self.viewers {
            let (network, place) = (network.clone(), place.clone());
            let after = Duration::from_millis(self.dice.below(BEGIN_WITHIN_MS));
            watching.spawn(async move {
                sleep(after).await;
                let viewer = Viewer::new(&network, &place)?;
                let got = viewer.watch().await;
                let summary = viewer.leave().await;
                checks::delivered(&network, &got?, &summary)
            });
        }
        let mut acknowledged = Ok(0);
        for gateway in 0..network.gateways.len() {
            let got = network.play(&self.player, gateway).await;
            match got {
                Ok(got) => ensure!(got == network.file, "a player has other bytes"),
                Err(error) => acknowledged = Err(error.context("playing")),
            }
            // A restart: what it holds in memory isn't fetched, and so pays nobody.
            network.gateways[gateway].restart().await?;
        }
        for summary in network.gateway_summaries() {
            let acked = summary.nodes.values().map(|node| node.bytes_acked);
            let acked: u64 = acked.sum();
            acknowledged = acknowledged.map(|bytes| bytes + acked);
        }
        while let Some(got) = watching.join_next().await {
            acknowledged = match (acknowledged, got?) {
                (Ok(bytes), Ok(more)) => Ok(bytes + more),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
        acknowledged
    }
}
