//! A machine of the world: where a process runs, also after it was restarted.

use super::dice::Dice;
use super::net::Net;
use disk::faults::{Fault, Recorder};
use host::{Clock, Disk, Host};
use protocol::UnixMillis;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Added to a clock, it stands before 1970, whatever the world's time.
pub(super) const BEFORE_1970_MS: i64 = -4_000_000_000_000;

/// What is handed to a process that starts on a machine.
#[derive(Clone, Debug)]
pub struct Place {
    /// The machine as the process meets it.
    pub host: Host,
    /// Its address.
    pub ip: IpAddr,
    /// Its folder.
    pub folder: PathBuf,
}

/// A machine. It outlasts the processes that run on it.
pub struct Machine {
    name: String,
    ip: IpAddr,
    net: Net,
    clock: Clock,
    /// Added to what the clock tells, milliseconds.
    skew_ms: Arc<AtomicI64>,
    dice: Dice,
    disk: Mutex<Recorded>,
}

/// Its disk.
struct Recorded {
    folder: PathBuf,
    recorder: Arc<Recorder>,
    /// Times its power was cut.
    cuts: u32,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({} at {})", self.name, self.ip)
    }
}

impl Machine {
    pub(super) fn new(
        (name, ip): (&str, IpAddr),
        net: Net,
        clock: Clock,
        dice: Dice,
        folder: &Path,
    ) -> Self {
        Self {
            name: name.to_owned(),
            ip,
            net,
            skew_ms: Arc::default(),
            clock,
            dice,
            disk: Mutex::new(Recorded::new(folder.to_owned(), 0)),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Where its files are.
    pub fn folder(&self) -> PathBuf {
        self.disk().folder.clone()
    }

    /// What is handed to a process that starts here now.
    pub fn place(&self) -> Place {
        let disk = self.disk();
        Place {
            host: Host {
                clock: self.skewed(),
                random: self.dice.random(),
                sockets: self.net.sockets(self.ip),
                http: self.net.http(self.ip),
                disk: Disk::recorded(&disk.recorder),
            },
            ip: self.ip,
            folder: disk.folder.clone(),
        }
    }

    /// Its clock: the world's, and what it is wrong by. Before 1970 it is 1970, as the system's.
    fn skewed(&self) -> Clock {
        let (clock, skew_ms) = (self.clock.clone(), self.skew_ms.clone());
        Clock::new(move || {
            let skew = skew_ms.load(Ordering::Relaxed);
            UnixMillis::try_from(clock.now_ms() as i64 + skew).unwrap_or(0)
        })
    }

    /// From now on its clock is wrong by so much, milliseconds.
    pub(super) fn set_skew(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    /// Shuts its way to another machine, or to all, until then.
    pub(super) fn shut(&self, other: Option<IpAddr>, until: Instant) {
        self.net.shut(self.ip, other, until);
    }

    /// From now on its disk is full.
    pub(super) fn fill_disk(&self) {
        let recorder = &self.disk().recorder;
        recorder.fail_from(recorder.operations(), Fault::Full);
    }

    /// Its disk has room again.
    pub(super) fn empty_disk(&self) {
        self.disk().recorder.heal();
    }

    /// Cuts its power. What is then on its disk, of all that a power cut may leave, the machine's dice say; it is in
    /// another folder, so that nothing an earlier process still does gets there.
    pub(super) fn power_off(&self) {
        self.net.power_off(self.ip);
        let mut disk = self.disk();
        let cuts = disk.cuts + 1;
        let folder = disk.folder.with_file_name(format!("{}.{cuts}", self.name));
        let seed = self.dice.below(u64::MAX);
        let recorder = &disk.recorder;
        let cut = recorder.power_cut(recorder.operations(), seed, &folder);
        cut.expect("the world's folder is ours");
        *disk = Recorded::new(folder, cuts);
    }

    /// It has power again.
    pub(super) fn power_on(&self) {
        self.net.power_on(self.ip);
    }

    fn disk(&self) -> MutexGuard<'_, Recorded> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    fn new(folder: PathBuf, cuts: u32) -> Self {
        fs::create_dir_all(&folder).expect("the world's folder is ours");
        let recorder = Recorder::new(&folder).expect("the world's folder is ours");
        Self {
            folder,
            recorder,
            cuts,
        }
    }
}
