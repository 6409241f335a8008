//! What the control plane told this node that has to outlast its process: whether it is draining, and
//! which tickets are revoked.
//!
//! One small file, replaced as a whole: after a crash it is the old one or the new one.

use crate::rules::kept_orders::{KeptOrders, Revocation};
use disk::{Disk, DiskError, failed};
use host::Mutex;
use protocol::{Revoked, Ticket, UnixMillis};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

/// The file in a node's folder.
pub(crate) const FILE: &str = "standing.json";

/// What the node was told; what it answers is on disk.
#[derive(Debug)]
pub(crate) struct OrdersFile {
    disk: Disk,
    path: PathBuf,
    kept: Mutex<KeptOrders>,
}

impl OrdersFile {
    /// Reads the file of a node's folder; none is nothing told. Blocking.
    ///
    /// # Errors
    /// If it can't be read or isn't such a file.
    pub(crate) fn open(disk: &Disk, data_dir: &Path) -> Result<Self, DiskError> {
        let path = data_dir.join(FILE);
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(io::Error::from)
                .map_err(failed("read", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => KeptOrders::default(),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let kept = Mutex::new(kept);
        let disk = disk.clone();
        Ok(Self { disk, path, kept })
    }

    fn kept(&self) -> MutexGuard<'_, KeptOrders> {
        self.kept.lock()
    }

    /// Whether the node takes no new sessions.
    pub(crate) fn draining(&self) -> bool {
        self.kept().draining()
    }

    /// Drains or resumes. Durable when it returns. Blocking.
    pub(crate) fn drain(&self, draining: bool) -> io::Result<()> {
        self.change(|kept| {
            kept.drain(draining);
            Ok(())
        })
    }

    /// Whether a ticket was taken back.
    pub(crate) fn is_revoked(&self, ticket: &Ticket) -> bool {
        self.kept().is_revoked(ticket)
    }

    /// Refuses tickets from now on; whether a ticket is meant is what is returned. Durable when it
    /// returns. Blocking.
    pub(crate) fn revoke(
        &self,
        what: Revoked,
        issued_until: UnixMillis,
        until: UnixMillis,
        now: UnixMillis,
    ) -> io::Result<impl Fn(&Ticket) -> bool + use<>> {
        let one = Revocation {
            what,
            issued_until,
            until,
        };
        self.change(|kept| {
            let kept = kept.revoke(one.clone(), now);
            kept.map_err(io::Error::other)
        })?;
        Ok(move |ticket: &Ticket| one.means(ticket))
    }

    fn change(&self, change: impl FnOnce(&mut KeptOrders) -> io::Result<()>) -> io::Result<()> {
        let mut kept = self.kept();
        let mut next = kept.clone();
        change(&mut next)?;
        let bytes = serde_json::to_vec(&next)?;
        let replaced = self.disk.replace(&self.path, &bytes);
        replaced.map_err(DiskError::into_io)?;
        *kept = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ClientKey, NodeId};

    #[test]
    fn what_was_told_is_still_known_after_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let standing = OrdersFile::open(&Disk::system(), dir.path()).unwrap();
        assert!(!standing.draining());
        standing.drain(true).unwrap();
        let client = Revoked::Client(ClientKey::from([3; 32]));
        let (now, later) = (1_000_000, 1_060_000);
        for _ in 0..2 {
            drop(standing.revoke(client, later, later, now).unwrap());
        }
        let gone = Revoked::Node(NodeId::from([1; 32]));
        drop(standing.revoke(gone, 0, 0, now).unwrap());
        let again = OrdersFile::open(&Disk::system(), dir.path()).unwrap();
        assert!(again.draining());
        again.drain(false).unwrap();
        drop(again.revoke(client, later, later, now).unwrap());
        let kept = OrdersFile::open(&Disk::system(), dir.path()).unwrap();
        assert!(!kept.draining());
        let kept = serde_json::to_value(&*kept.kept()).unwrap();
        let revoked = kept["revoked"].as_array().map(Vec::len);
        assert_eq!(revoked, Some(1), "each once, and not for ever");
    }
}
