//! One course of a network, from a seed.

use crate::checks;
use crate::players::Viewer;
use crate::world::{Dice, Network, Place, Plan, World};
use anyhow::{Context, Result, ensure};
use contracts::U256;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Who watches begins within this from an epoch's start.
const BEGIN_WITHIN_MS: u64 = 15_000;
/// An epoch is attested so long after it could be.
const ATTESTED_WITHIN: Duration = Duration::from_secs(40);
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
    /// All events, a line each, if they were to be told.
    pub told: String,
}

/// Runs a seed's world to its end; blocks. `tell` keeps the events as text.
///
/// # Errors
/// If the machine has no runtime or no folder for it; what goes wrong in the world is in the course.
pub fn run(seed: u64, plan: &Plan, tell: bool) -> Result<Course> {
    let folder = folder().context("no folder for a world")?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("no runtime for a world")?;
    // What blocks is done where it is asked for: a thread of its own would come back when it likes.
    let _in_place = disk::in_place();
    Ok(runtime.block_on(async {
        let mut world = World::new(seed, folder.path(), tell);
        let outcome = course(&mut world, plan).await;
        let (events, trace) = world.trace().digest();
        Course {
            trace,
            events,
            lasted: world.age(),
            failure: outcome.err().map(|error| format!("{error:#}")),
            told: world.trace().told(),
        }
    }))
}

pub(crate) fn folder() -> std::io::Result<TempDir> {
    match Path::new(MEMORY).is_dir() {
        true => tempfile::tempdir_in(MEMORY),
        false => tempfile::tempdir(),
    }
}

/// Each epoch is watched, attested, active and claimed.
async fn course(world: &mut World, plan: &Plan) -> Result<()> {
    let viewers = (0..plan.viewers).map(|viewer| world.host(&format!("viewer-{viewer}")));
    let viewers: Vec<Place> = viewers.collect();
    let player = world.host("player");
    let dice = world.dice("viewers");
    let network = Arc::new(Network::start(world, plan).await?);
    let mut acknowledged = Vec::new();
    for epoch in 0..plan.epochs {
        network.begun(epoch).await;
        let bytes = watched(&network, &viewers, &player, &dice).await;
        acknowledged.push(bytes.with_context(|| format!("in epoch {epoch}"))?);
    }
    for (epoch, bytes) in (0..).zip(acknowledged) {
        network.attested(epoch, ATTESTED_WITHIN).await?;
        checks::settled(&network, epoch, bytes).await?;
    }
    network.unchallenged(plan.epochs - 1).await?;
    network.activate(plan.epochs - 1).await?;
    let mut claimed = U256::ZERO;
    for node in 0..plan.nodes {
        claimed += network.claim(node).await?.amount;
    }
    let paid = network.chain.paid().await?;
    ensure!(
        claimed == paid && !paid.is_zero(),
        "{claimed} claimed, {paid} paid"
    );
    let ends = network.ends.so_far();
    ensure!(ends.is_empty(), "ended by themselves: {ends:?}");
    let network = Arc::try_unwrap(network).ok();
    network.context("somebody still watches")?.end().await
}

/// All viewers fetch the file, and a player does by each gateway; gives what nodes acknowledged to have been signed for.
async fn watched(
    network: &Arc<Network>,
    viewers: &[Place],
    player: &Place,
    dice: &Dice,
) -> Result<u64> {
    let mut watching = JoinSet::new();
    let mut acknowledged = 0;
    for place in viewers {
        let (network, place) = (network.clone(), place.clone());
        let after = Duration::from_millis(dice.below(BEGIN_WITHIN_MS));
        watching.spawn(async move {
            sleep(after).await;
            let viewer = Viewer::new(&network, &place)?;
            let got = viewer.watch().await?;
            let summary = viewer.leave().await;
            checks::delivered(&network, &got, &summary)
        });
    }
    for gateway in 0..network.gateways.len() {
        let got = network.play(player, gateway).await?;
        ensure!(got == network.file, "a player has other bytes");
        // A restart: what it holds in memory isn't fetched, and so pays nobody.
        network.gateways[gateway].restart().await?;
    }
    for summary in network.gateway_summaries() {
        let acked = summary.nodes.values().map(|node| node.bytes_acked);
        acknowledged += acked.sum::<u64>();
    }
    while let Some(got) = watching.join_next().await {
        acknowledged += got??;
    }
    Ok(acknowledged)
}
