//! Clients at work: real `quittance get` processes, what they bring compared with what was published.

use crate::clock::now_ms;
use crate::network::{Network, Published};
use crate::options::Options;
use crate::report::Deliveries;
use crate::steps::Steps;
use anyhow::{Context, Result, bail, ensure};
use protocol::ContentHash;
use serde::Deserialize;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Pause of a client between two fetches.
const CLIENT_PAUSE: Duration = Duration::from_millis(300);
/// How often progress is shown.
const LOOK: Duration = Duration::from_millis(250);

/// What `quittance get --json` says.
#[derive(Debug, Deserialize)]
struct Got {
    requests: u64,
    bytes: u64,
    failed: u64,
}

/// Lets clients fetch collection after collection until a moment, Unix time.
pub(crate) async fn traffic(
    options: &Options,
    dir: &Path,
    steps: &Steps,
    network: &Network,
    collections: &[Published],
    until: Duration,
) -> Result<Deliveries> {
    let bytes = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for client in 0..options.clients {
        let (bytes, collections) = (bytes.clone(), collections.to_vec());
        let (binary, control) = (options.binary.clone(), network.control_url.clone());
        let out = dir.join(format!("client-{client}"));
        clients.spawn(async move {
            let mut total = Deliveries::default();
            // Each client begins with another collection.
            for collection in collections.iter().cycle().skip(client) {
                if u128::from(now_ms()) >= until.as_millis() {
                    break;
                }
                let got = get(&binary, &control, collection, &out).await?;
                total.requests += got.requests;
                total.bytes += got.bytes;
                total.failed += got.failed;
                bytes.fetch_add(got.bytes, Ordering::Relaxed);
                sleep(CLIENT_PAUSE).await;
            }
            anyhow::Ok(total)
        });
    }
    let mut total = Deliveries {
        clients: options.clients,
        ..Deliveries::default()
    };
    loop {
        tokio::select! {
            biased;
            ended = clients.join_next() => {
                let Some(ended) = ended else { return Ok(total) };
                let one = ended??;
                total.requests += one.requests;
                total.bytes += one.bytes;
                total.failed += one.failed;
            }
            () = sleep(LOOK) => {
                let left = until.saturating_sub(Duration::from_millis(now_ms())).as_secs();
                let mib = bytes.load(Ordering::Relaxed) >> 20;
                steps.now(format!("{mib} MiB delivered, {left} s of traffic left"));
            }
        }
    }
}

/// One `quittance get` of a whole collection; its files compared with what was published.
async fn get(binary: &Path, control: &str, collection: &Published, out: &Path) -> Result<Got> {
    let out = out.join(&collection.name);
    let done = tokio::process::Command::new(binary)
        .args([
            "get",
            &collection.name,
            "--control",
            control,
            "--json",
            "-o",
        ])
        .arg(&out)
        .kill_on_drop(true)
        .output()
        .await?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!(
            "`quittance get {}` failed: {}",
            collection.name,
            said.trim()
        );
    }
    let files = collection.files.clone();
    let check = move || {
        for file in files {
            let path = out.join(&file.path);
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(&path)?)?;
            let got = ContentHash::from(*hasher.finalize().as_bytes());
            ensure!(
                got == file.blake3,
                "{} is not what was published",
                path.display()
            );
        }
        Ok(())
    };
    disk::run(check).await?;
    serde_json::from_slice(&done.stdout).context("`quittance get` printed no such JSON")
}
