//! What is in the air, on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, hex};
use disk::{Disk, DiskError, Lock, LockError, failed};
use serde::{Deserialize, Serialize};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::Flight;

/// Of this form alone: what is in another isn't understood.
const VERSION: u32 = 1;

/// Bytes of the first block's hash that name a chain.
const CHAIN_BYTES: usize = 4;
/// Between two looks whether another process's turn is over.
const LOOK: Duration = Duration::from_millis(100);

/// Why the record can't be used. Nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// It can't be read or written, so what would be sent could be sent twice.
    #[error("what is being sent can't be kept on disk, so nothing is sent: {0}")]
    Disk(#[from] DiskError),
    /// Another process is sending.
    #[error("another process sends from the same account (it holds {0}); wait for it, or end it")]
    InUse(PathBuf),
    /// It isn't a record of this version.
    #[error(
        "{path} isn't a record of what is being sent ({detail}); if nothing of that account is pending, remove it"
    )]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// Where accounts' transactions in the air are kept: a folder for each chain and account, which one process at a time
/// uses. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Outbox {
    disk: Disk,
    dir: Arc<Path>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    flight: Flight,
}

impl Outbox {
    /// In a folder, which is made when something is sent.
    pub fn new(disk: &Disk, dir: &Path) -> Self {
        Self {
            disk: disk.clone(),
            dir: dir.into(),
        }
    }
}

/// An account's turn to send: what it has in the air, kept on disk where there is an outbox.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    air: MutexGuard<'a, InTheAir>,
    kept: Option<Kept>,
}

/// What an account has in the air, as this process knows.
#[derive(Debug, Default)]
pub(crate) struct InTheAir {
    flight: Option<Flight>,
    /// Whether it is newer than what is on disk, which could not be written.
    unwritten: bool,
}

#[derive(Debug)]
struct Kept {
    disk: Disk,
    path: PathBuf,
    dir: PathBuf,
    _lock: Lock,
}

impl<'a> Turn<'a> {
    /// One that is kept in memory alone.
    pub(crate) fn in_memory(air: MutexGuard<'a, InTheAir>) -> Self {
        Self { air, kept: None }
    }

    /// Takes the account's folder, for which another process's turn is waited for so long, and reads what is in the air.
    pub(crate) async fn kept(
        mut air: MutexGuard<'a, InTheAir>,
        outbox: &Outbox,
        of: (u64, B256, Address),
        patience: Duration,
    ) -> Result<Self, OutboxError> {
        let (chain_id, genesis, account) = of;
        // Test chains share their id, and forget all when they are started anew.
        let chain = &genesis[..CHAIN_BYTES];
        let dir = format!("{chain_id}-{}-{account:#x}", hex::encode(chain));
        let dir = outbox.dir.join(dir);
        let until = Instant::now() + patience;
        let lock = loop {
            let (disk, dir) = (outbox.disk.clone(), dir.clone());
            match disk::run(move || disk.lock(&dir)).await {
                Ok(lock) => break lock,
                Err(LockError::Disk(error)) => return Err(error.into()),
                Err(LockError::InUse(dir)) if Instant::now() >= until => {
                    return Err(OutboxError::InUse(dir));
                }
                Err(LockError::InUse(_)) => sleep(LOOK).await,
            }
        };
        let path = dir.join("in-the-air.json");
        let from = path.clone();
        if !air.unwritten {
            air.flight = disk::run(move || read(&from)).await?;
        }
        let kept = Kept {
            disk: outbox.disk.clone(),
            path,
            dir,
            _lock: lock,
        };
        Ok(Self {
            air,
            kept: Some(kept),
        })
    }

    /// What is in the air.
    pub(crate) fn flight(&self) -> Option<&Flight> {
        self.air.flight.as_ref()
    }

    /// Something is about to be sent: durable when this returns. What is harmless when it is sent twice is sent all the
    /// same where the disk is full: a commitment that waits for somebody to clean up is lost.
    pub(crate) async fn keep(&mut self, flight: Flight) -> Result<(), OutboxError> {
        let strict = flight.order.twice_is_twice();
        let before = self.air.flight.replace(flight.clone());
        let error = match self.write(flight).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !strict {
            warn!(%error, "what is sent can't be written down; it is sent all the same");
            return Ok(());
        }
        // Nobody has it; and nobody may find it who starts again, as far as that can be seen to.
        match &before {
            None => self.clear().await,
            Some(before) => drop(self.write(before.clone()).await),
        }
        self.air.flight = before;
        Err(error.into())
    }

    /// Writes down what is in the air, if it is kept anywhere.
    async fn write(&mut self, flight: Flight) -> Result<(), DiskError> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let file = File {
            version: VERSION,
            flight,
        };
        let (disk, path) = (kept.disk.clone(), kept.path.clone());
        let written = disk::run(move || {
            // Of strings, numbers and lists.
            let bytes = serde_json::to_vec(&file).unwrap_or_default();
            disk.replace(&path, &bytes)
        });
        let written = written.await;
        self.air.unwritten = written.is_err();
        written
    }

    /// Nothing is in the air any more.
    pub(crate) async fn clear(&mut self) {
        self.air.flight = None;
        let Some(kept) = &self.kept else { return };
        let (disk, path, dir) = (kept.disk.clone(), kept.path.clone(), kept.dir.clone());
        let removed = disk::run(move || {
            disk.remove(&path)?;
            disk.sync_dir(&dir)
        });
        self.air.unwritten = match removed.await {
            Ok(()) => false,
            Err(error) => {
                warn!(%error, "the record of what was sent can't be removed");
                true
            }
        };
    }
}

fn read(path: &Path) -> Result<Option<Flight>, OutboxError> {
    let unsound = |detail: String| OutboxError::Unsound {
        path: path.to_owned(),
        detail,
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error).into()),
    };
    let file: File = serde_json::from_slice(&bytes).map_err(|error| unsound(error.to_string()))?;
    match file.version {
        VERSION => Ok(Some(file.flight)),
        other => Err(unsound(format!("its version is {other}, not {VERSION}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Fees, Order};
    use alloy::primitives::Bytes;
    use disk::faults::{Fault, Recorder};
    use tokio::sync::Mutex;

    fn flight(nonce: u64) -> Flight {
        Flight {
            order: Order {
                call: "attest".into(),
                to: Some(Address::repeat_byte(1)),
                data: Bytes::from_static(&[1, 2, 3]),
            },
            nonce,
            gas: 21_000,
            fees: Fees { max: 7, tip: 1 },
            raw: Bytes::from_static(&[9]),
            hashes: vec![B256::repeat_byte(4)],
        }
    }

    async fn turn<'a>(memory: &'a Mutex<InTheAir>, dir: &Path) -> Result<Turn<'a>, OutboxError> {
        let outbox = Outbox::new(&Disk::system(), dir);
        let of = (1, B256::ZERO, Address::ZERO);
        Turn::kept(memory.lock().await, &outbox, of, Duration::ZERO).await
    }

    #[tokio::test]
    async fn what_was_in_the_air_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("outbox");
        let (one, other) = (Mutex::default(), Mutex::default());
        let mut first = turn(&one, &dir).await.unwrap();
        assert_eq!(first.flight(), None);
        first.keep(flight(3)).await.unwrap();
        let meanwhile = turn(&other, &dir).await.unwrap_err();
        assert!(matches!(meanwhile, OutboxError::InUse(_)), "{meanwhile}");
        drop(first);
        let mut second = turn(&other, &dir).await.unwrap();
        assert_eq!(second.flight(), Some(&flight(3)));
        second.clear().await;
        drop(second);
        assert_eq!(turn(&one, &dir).await.unwrap().flight(), None);
    }

    #[tokio::test]
    async fn where_nothing_can_be_written_what_is_harmless_twice_is_known_and_nothing_else_is_sent()
    {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(folder.path()).unwrap();
        let outbox = Outbox::new(&Disk::recorded(&recorder), folder.path());
        let (memory, of) = (Mutex::default(), (1, B256::ZERO, Address::ZERO));
        let turn = async || Turn::kept(memory.lock().await, &outbox, of, Duration::ZERO).await;
        let mut first = turn().await.unwrap();
        first.keep(flight(3)).await.unwrap();
        let full = recorder.operations();
        recorder.fail_from(full, Fault::Full);
        first.keep(flight(4)).await.unwrap();
        let mut deposit = flight(5);
        deposit.order.call = "fund".into();
        first.keep(deposit.clone()).await.unwrap_err();
        assert_eq!(first.flight(), Some(&flight(4)), "it isn't in the air");
        drop(first);
        recorder.heal();
        // The disk has an older one.
        let mut second = turn().await.unwrap();
        assert_eq!(second.flight(), Some(&flight(4)));
        second.keep(deposit.clone()).await.unwrap();
        drop(second);
        let again = Mutex::default();
        let third = Turn::kept(again.lock().await, &outbox, of, Duration::ZERO).await;
        assert_eq!(third.unwrap().flight(), Some(&deposit));
    }

    #[tokio::test]
    async fn a_record_that_isnt_understood_is_named_and_nothing_is_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Mutex::default();
        let mut first = turn(&memory, folder.path()).await.unwrap();
        first.keep(flight(3)).await.unwrap();
        let path = first.kept.as_ref().unwrap().path.clone();
        drop(first);
        let newer = std::fs::read_to_string(&path).unwrap();
        let newer = newer.replace("\"version\":1", "\"version\":2");
        for bytes in ["", "{}", &*newer] {
            std::fs::write(&path, bytes).unwrap();
            let error = turn(&memory, folder.path()).await.unwrap_err();
            assert!(
                error.to_string().contains(&path.display().to_string()),
                "{error}"
            );
        }
    }
}
