//! One course of a network, from a seed.

use crate::checks;
use crate::players::Viewer;
use crate::world::{Network, World};
use anyhow::{Context, Result};
use std::time::Duration;
use tokio::runtime::Builder;

/// The published file's length, bytes: three receipts and a rest.
const FILE_BYTES: usize = (3 << 20) + 12_345;

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
pub fn run(seed: u64, tell: bool) -> Result<Course> {
    let folder = tempfile::tempdir().context("no folder for a world")?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("no runtime for a world")?;
    // What blocks is done where it is asked for: a thread of its own would come back when it likes.
    let _in_place = disk::in_place();
    Ok(runtime.block_on(async {
        let mut world = World::new(seed, folder.path(), tell);
        let outcome = course(&mut world).await;
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

/// A publication, a viewer, an epoch through its attestation.
async fn course(world: &mut World) -> Result<()> {
    let network = Network::start(world, FILE_BYTES).await?;
    network.begun().await;
    let viewer = Viewer::new(&network, &world.host("viewer"))?;
    let got = viewer.watch().await?;
    let summary = viewer.leave().await;
    let acknowledged = checks::delivered(&network, &got, &summary)?;
    network.attested(0).await?;
    checks::settled(&network, 0, acknowledged).await?;
    network.end().await
}
