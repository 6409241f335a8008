//! What stands in the folder when the process starts, and what one that ended left undone.

use super::commands::{Cover, IssuerConfig};
use super::desk::IssuingDesk;
use super::folder::{CLOSED_FILE, ClosedFile, head, log_name, parse_name, read_json};
use crate::rules::closed_logs::ClosedLogs;
use crate::rules::tokens::{self, ByToken};
use crate::tickets::reasons::Reasons;
use crate::tickets::ticket_log::{ClosedLog, LogError};
use crate::tickets::token_usage::TokenUsage;
use disk::Disk;
use host::{Clock, Mutex};
use protocol::Epoch;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Which logs there are.
struct Found {
    closed: ClosedLogs,
    /// Epochs that have a log and no seal.
    open: Vec<Epoch>,
}

fn find(disk: &Disk, dir: &Path) -> Result<Found, LogError> {
    let (mut seals, mut through, mut logs) = (BTreeMap::new(), None, Vec::new());
    for path in disk.list(dir)? {
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(parse_name) {
            Some((epoch, "log")) => logs.push(epoch),
            Some((epoch, "seal")) => drop(seals.insert(epoch, read_json(&path)?)),
            _ if name == Some(CLOSED_FILE) => {
                let ClosedFile { through: last } = read_json(&path)?;
                through = Some(last);
            }
            _ => {}
        }
    }
    logs.retain(|epoch| !seals.contains_key(epoch));
    Ok(Found {
        closed: ClosedLogs::new(through, seals),
        open: logs,
    })
}

impl IssuingDesk {
    /// Opens the logs that aren't closed, checks those that are, and makes good what a process that ended left undone.
    /// Blocking.
    ///
    /// # Errors
    /// If a file is damaged or can't be read or written, naming it.
    pub(super) fn open(
        disk: &Disk,
        dir: &Path,
        config: IssuerConfig,
        clock: Clock,
        cover: Arc<dyn Cover>,
    ) -> Result<Self, LogError> {
        disk.create_dir(dir)?;
        let Found { closed, open } = find(disk, dir)?;
        for (epoch, seal) in closed.seals() {
            ClosedLog::open(&dir.join(log_name(*epoch)), head(&config, *epoch), seal)?;
        }
        let through = closed.through();
        let mut desk = Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            config,
            clock,
            cover,
            logs: BTreeMap::new(),
            reasons: Reasons::new(disk, dir),
            usage: TokenUsage::open(disk, dir, through)?,
            closed: Arc::new(Mutex::new(closed)),
        };
        for epoch in open {
            let count = desk.log(epoch)?.count();
            desk.closed().count(epoch, count);
        }
        desk.count_closed()?;
        // A closed log whose seal was removed gets it again before anybody takes it for an empty one.
        if let Some(through) = through {
            desk.close_logs(through)?;
        }
        Ok(desk)
    }

    /// Closed logs of which the process ended before what they allow on tokens was written.
    fn count_closed(&mut self) -> Result<(), LogError> {
        let seals = self.closed().seals().clone();
        for (epoch, seal) in seals {
            if self.usage.closed.has(epoch) {
                continue;
            }
            let path = self.dir.join(log_name(epoch));
            let mut log = ClosedLog::open(&path, head(&self.config, epoch), &seal)?;
            let mut by_token = ByToken::new();
            while let Some(ticket) = log.next_ticket()? {
                tokens::count(&mut by_token, &ticket);
            }
            self.usage.close(epoch, &by_token, self.clock.now_ms())?;
        }
        Ok(())
    }
}
