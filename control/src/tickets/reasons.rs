//! Why each ticket was issued for the node it names: `epoch-N.why` beside the ticket log, a line of JSON a
//! ticket. It explains and proves nothing: it isn't committed, and isn't flushed before a ticket leaves.

use disk::{Disk, DiskError, DiskFile};
use protocol::{Epoch, TicketId};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Epochs of which reasons are kept, the one now among them.
const EPOCHS_KEPT: u64 = 256;
/// Longest line: a handful of nodes and sentences.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Files open for writing: an epoch and the one before.
const OPEN_MAX: usize = 2;

/// One reason, as JSON.
pub(crate) type Reason = Arc<str>;

/// The files, as the ticket log's task writes them.
#[derive(Debug)]
pub(crate) struct Reasons {
    disk: Disk,
    dir: PathBuf,
    /// Each with its bytes. What is behind them, if a write failed, is written over.
    open: BTreeMap<Epoch, (DiskFile, u64)>,
}

fn path(dir: &Path, epoch: Epoch) -> PathBuf {
    dir.join(format!("epoch-{epoch}.why"))
}

impl Reasons {
    pub(crate) fn new(disk: &Disk, dir: &Path) -> Self {
        Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            open: BTreeMap::new(),
        }
    }

    /// Appends what there is to say of some tickets of one epoch. Who can't write it says so and goes on: a
    /// ticket without a reason is as good.
    pub(crate) fn append<'a>(
        &mut self,
        epoch: Epoch,
        reasons: impl Iterator<Item = (u32, &'a Reason)>,
    ) {
        let mut lines = Vec::new();
        for (index, reason) in reasons.filter(|(_, reason)| !reason.is_empty()) {
            // Writing to memory can't fail.
            let _ = writeln!(lines, "{{\"index\":{index},\"why\":{reason}}}");
        }
        if let Err(error) = self.write(epoch, &lines) {
            tracing::warn!(%error, "reasons of tickets are not written down");
        }
    }

    fn write(&mut self, epoch: Epoch, lines: &[u8]) -> Result<(), DiskError> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = path(&self.dir, epoch);
        if !self.open.contains_key(&epoch) {
            if self.open.len() >= OPEN_MAX {
                self.open.pop_first();
            }
            if let Some(old) = epoch.checked_sub(EPOCHS_KEPT) {
                // Nothing refers to it; that it may be gone already is fine.
                let _ = self.disk.remove(&self::path(&self.dir, old));
            }
            let file = self.disk.open(&path)?;
            let bytes = file.length()?;
            self.open.insert(epoch, (file, bytes));
        }
        let (file, bytes) = self.open.get_mut(&epoch).expect("just opened");
        file.write_all_at(lines, *bytes)?;
        *bytes += lines.len() as u64;
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Line {
    index: u32,
    why: Box<RawValue>,
}

/// Why a ticket names its node; `None` if nothing is known of it. Blocking.
pub(crate) fn find(dir: &Path, ticket: TicketId) -> io::Result<Option<Box<RawValue>>> {
    let file = match File::open(path(dir, ticket.epoch)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut file, LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        // A line that a crash cut short says nothing.
        if let Ok(found) = serde_json::from_slice::<Line>(&line)
            && found.index == ticket.index
        {
            return Ok(Some(found.why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(epoch: Epoch, index: u32) -> TicketId {
        TicketId {
            epoch,
            issuer: 0,
            index,
        }
    }

    #[test]
    fn what_is_written_is_found_and_old_epochs_go() {
        let dir = tempfile::tempdir().unwrap();
        let reason: Reason = r#"{"zone":"a"}"#.into();
        let nothing: Reason = "".into();
        let mut reasons = Reasons::new(&Disk::system(), dir.path());
        reasons.append(5, [(0, &reason), (1, &nothing)].into_iter());
        reasons.append(5, [(2, &reason)].into_iter());
        drop(reasons);
        let half = File::options().append(true).open(path(dir.path(), 5));
        half.unwrap().write_all(b"{\"index\":3,\"wh").unwrap();
        let mut reasons = Reasons::new(&Disk::system(), dir.path());
        reasons.append(6, [(0, &reason)].into_iter());
        let found = |ticket| {
            find(dir.path(), ticket)
                .unwrap()
                .map(|why| why.get().to_owned())
        };
        assert_eq!(found(ticket(5, 2)).as_deref(), Some(r#"{"zone":"a"}"#));
        assert_eq!(found(ticket(6, 0)).as_deref(), Some(r#"{"zone":"a"}"#));
        for unknown in [ticket(5, 1), ticket(5, 3), ticket(7, 0)] {
            assert_eq!(found(unknown), None);
        }
        reasons.append(5 + EPOCHS_KEPT, [(0, &reason)].into_iter());
        assert_eq!(found(ticket(5, 0)), None);
    }
}
