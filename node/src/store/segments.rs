//! Sealing: when an epoch's tickets have all expired, its receipts become a segment.

use crate::rules::sealing::Clocks;
use crate::store::receipt_log::{LogError, ReceiptLog};
use contracts::Agreed;
use disk::{Disk, DiskError};
use host::Mutex;
use host::{Clock, Host};
use protocol::{Epoch, Network, NodeId, Record};
use prover::{OpenEpoch, SealError, SealedEpoch};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why an epoch isn't sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentsError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("cannot write segment {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl From<DiskError> for SegmentsError {
    fn from(error: DiskError) -> Self {
        let DiskError { path, source, .. } = error;
        Self::Io { path, source }
    }
}

/// The sealed segments, as files `epoch-N.qseg`.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Disk,
    clock: Clock,
    dir: PathBuf,
    network: Network,
    node: NodeId,
    agreed: Agreed,
    sealed: Mutex<BTreeSet<Epoch>>,
    /// Time of the chain's latest block, seconds, when it was last asked.
    chain_time: AtomicU64,
    /// One epoch is sealed at a time, once.
    sealing: tokio::sync::Mutex<()>,
}

fn epoch_of(path: &Path) -> Option<Epoch> {
    path.file_name()?
        .to_str()?
        .strip_prefix("epoch-")?
        .strip_suffix(".qseg")?
        .parse()
        .ok()
}

impl Segments {
    /// Finds what is sealed already. Blocking.
    pub(crate) fn open(
        host: &Host,
        dir: PathBuf,
        network: Network,
        node: NodeId,
        agreed: Agreed,
    ) -> Result<Self, SegmentsError> {
        let disk = &host.disk;
        disk.create_dir(&dir)?;
        let there = disk.list(&dir)?;
        let sealed = there.iter().filter_map(|path| epoch_of(path)).collect();
        Ok(Self {
            disk: disk.clone(),
            clock: host.clock.clone(),
            dir,
            network,
            node,
            agreed,
            sealed: Mutex::new(sealed),
            chain_time: AtomicU64::new(0),
            sealing: tokio::sync::Mutex::default(),
        })
    }

    fn sealed(&self) -> MutexGuard<'_, BTreeSet<Epoch>> {
        self.sealed.lock()
    }

    pub(crate) fn is_sealed(&self, epoch: Epoch) -> bool {
        self.sealed().contains(&epoch)
    }

    fn clocks(&self) -> Clocks {
        Clocks {
            here: self.clock.now_ms(),
            chain: self.chain_time.load(Ordering::Relaxed).saturating_mul(1000),
        }
    }

    /// Whether the epoch is to be sealed, and takes no more receipts.
    pub(crate) fn is_due(&self, epoch: Epoch) -> bool {
        self.clocks().is_due(&self.agreed.timeline(), epoch)
    }

    /// Those of these that are to be sealed, the oldest first.
    pub(crate) fn due(&self, epochs: Vec<Epoch>) -> Vec<Epoch> {
        self.clocks().due(&self.agreed.timeline(), epochs)
    }

    /// Whether the chain should be asked for its time.
    pub(crate) fn wants_chain_time(&self) -> bool {
        self.clocks().wants_chain_time(&self.agreed.timeline())
    }

    /// The chain was asked.
    pub(crate) fn set_chain_time(&self, seconds: u64) {
        self.chain_time.store(seconds, Ordering::Relaxed);
    }

    fn path(&self, epoch: Epoch) -> PathBuf {
        self.dir.join(format!("epoch-{epoch}.qseg"))
    }

    /// The segment's bytes; an epoch that is over and had no receipts is sealed on being asked for.
    /// `None` while it isn't over.
    pub(crate) async fn bytes(
        &self,
        epoch: Epoch,
        log: &ReceiptLog,
    ) -> Result<Option<Vec<u8>>, SegmentsError> {
        if !self.is_sealed(epoch) {
            if !self.is_due(epoch) {
                return Ok(None);
            }
            self.seal(epoch, log).await?;
        }
        let path = self.path(epoch);
        let from = path.clone();
        match disk::run(move || fs::read(from)).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(source) => Err(SegmentsError::Io { path, source }),
        }
    }

    /// Seals an epoch, if it isn't: closes its journal, builds the segment, writes it durably.
    pub(crate) async fn seal(&self, epoch: Epoch, log: &ReceiptLog) -> Result<(), SegmentsError> {
        let _one_at_a_time = self.sealing.lock().await;
        if self.is_sealed(epoch) {
            return Ok(());
        }
        let records = log.seal(epoch).await?.records;
        let (network, node, path) = (self.network, self.node, self.path(epoch));
        let disk = self.disk.clone();
        // Hashing and syncing take long for a large epoch; deliveries go on meanwhile.
        let sealed = disk::run(move || write(&disk, network, epoch, node, records, &path)).await?;
        let (segment, mass, root) = (sealed.segment(), sealed.root().mass(), sealed.root());
        self.sealed().insert(epoch);
        log.written(epoch).await;
        tracing::info!(
            epoch,
            records = segment.records().len(),
            bytes = mass.bytes(),
            deliveries = mass.deliveries(),
            within = mass.within(),
            root = %root.hash(),
            "sealed"
        );
        Ok(())
    }
}

/// Builds the segment and makes it durable under its name. Blocking.
fn write(
    disk: &Disk,
    network: Network,
    epoch: Epoch,
    node: NodeId,
    records: Vec<Record>,
    path: &Path,
) -> Result<SealedEpoch, SegmentsError> {
    let mut open = OpenEpoch::new(network, epoch, node);
    open.extend(records)?;
    let sealed = open.seal()?;
    disk.replace(path, &sealed.segment().to_bytes())?;
    Ok(sealed)
}
