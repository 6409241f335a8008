//! Takes up a zone file or location database that was changed, without a restart.
//!
//! The files are looked at every [`LOOK_INTERVAL`], and read when they have changed and then not changed for one look,
//! so that what an editor is in the midst of writing isn't read; at once on SIGHUP. What can't be used is refused with
//! the reason in the log, and what was there before stays in force.

use crate::metrics::Metrics;
use crate::nodes::membership::Members;
use crate::nodes::overlay::Overlay;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Where the map of the network is.
#[derive(Debug, Clone, Default)]
pub(crate) struct MapFiles {
    pub(crate) zones: Option<PathBuf>,
    pub(crate) locations: Option<PathBuf>,
}

/// What shows that a file is another: time of its last change and its length; `None` if it isn't there.
type Mark = Option<(SystemTime, u64)>;

/// How the zone file and the location database are.
pub(crate) type Marks = [Mark; 2];

impl MapFiles {
    /// Blocking.
    pub(crate) fn marks(&self) -> Marks {
        [&self.zones, &self.locations].map(|path| {
            let found = fs::metadata(path.as_ref()?).ok()?;
            Some((found.modified().ok()?, found.len()))
        })
    }
}

/// When files are to be read.
#[derive(Debug)]
struct Watch<M> {
    /// As they were when they were read last.
    read: M,
    /// As they were at the last look.
    seen: M,
}

impl<M: PartialEq + Clone> Watch<M> {
    fn new(marks: M) -> Self {
        Self {
            read: marks.clone(),
            seen: marks,
        }
    }

    /// Whether files that look so are to be read: they are others, and were so at the last look.
    fn look(&mut self, marks: M) -> bool {
        let rests = marks == self.seen;
        self.seen = marks;
        let due = rests && self.seen != self.read;
        if due {
            self.read = self.seen.clone();
        }
        due
    }
}

/// Watches until told to stop. `marks` is how the files were before they were read at the start.
pub(crate) async fn run(
    members: Arc<Members>,
    metrics: Arc<Metrics>,
    files: MapFiles,
    marks: Marks,
    stop: CancellationToken,
) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => Some(hangups),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP can't be listened for; changed files are found all the same");
            None
        }
    };
    let mut watch = Watch::new(marks);
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = hangup(&mut hangups) => true,
            _ = ticks.tick() => false,
        };
        let marks = {
            let files = files.clone();
            disk::run(move || files.marks()).await
        };
        if asked {
            watch = Watch::new(marks);
        } else if !watch.look(marks) {
            continue;
        }
        let read = {
            let files = files.clone();
            let read = move || Overlay::read(files.zones.as_deref(), files.locations.as_deref());
            disk::run(read).await
        };
        match read {
            Ok(overlay) => {
                let zones = overlay.zones.len();
                members.remap(overlay, Instant::now());
                metrics.maps.add(1);
                tracing::info!(zones, "zone file and location database were read anew");
            }
            Err(error) => {
                metrics.maps_refused.add(1);
                tracing::error!(
                    %error,
                    "the zone file or location database was changed and can't be used; what was there before stays in force"
                );
            }
        }
    }
}

async fn hangup(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => {
            // There is always a next one.
            signals.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_once_they_rest() {
        let mut watch = Watch::new(0);
        let reads: Vec<_> = [0, 1, 2, 2, 2, 3, 3, 4, 3, 3, 0, 0]
            .into_iter()
            .filter(|mark| watch.look(*mark))
            .collect();
        assert_eq!(reads, [2, 3, 0]);
    }
}
