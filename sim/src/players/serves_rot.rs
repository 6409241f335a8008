//! A node that serves rot: what is in its cache isn't what it was.
//!
//! It costs it the delivery: a client verifies each group before it counts it, signs for none of it, and goes elsewhere.
//! Nobody pays for it.

use super::stage::Stage;
use anyhow::{Context, Result, ensure};
use content::BodyError;
use contracts::Address;
use std::fs;
use std::path::{Path, PathBuf};

/// Its payout.
const PAYOUT: Address = Address::repeat_byte(14);

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let place = stage.world.host("rotten node");
    let (id, node) = stage.node("rotten node", &place, PAYOUT).await?;
    stage.watched_by("honest", 1, Some(id)).await?;
    let blob = whole(&place.folder, stage.size()).context("it has the file")?;
    let mut bytes = fs::read(&blob)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes)?;
    let (content, size) = (stage.content(), stage.size());
    let (wire, _place) = stage.wire("deceived", 2)?;
    let session = wire.ready(Some(id)).await?;
    let fetched = session.fetch(content, 0, size).await;
    let error = fetched
        .err()
        .context("rot was taken for what was published")?;
    let corrupt = matches!(error.downcast_ref(), Some(BodyError::Corrupt(_)));
    ensure!(corrupt, "it isn't rot that came: {error:#}");
    stage.did_it();
    stage.closed().await?;
    node.end().await
}

/// The file of so many bytes below a folder.
fn whole(folder: &Path, size: u64) -> Option<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::path);
    entries.iter().find_map(|entry| {
        let about = entry.metadata().ok()?;
        match about.is_dir() {
            true => whole(&entry.path(), size),
            false => (about.len() == size).then(|| entry.path()),
        }
    })
}
