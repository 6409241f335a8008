//! A machine of the world: where a process runs, also after it was restarted.

use super::dice::Dice;
use super::net::Net;
use disk::faults::Recorder;
use host::{Clock, Disk, Host};
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    dice: Dice,
    disk: Mutex<Recorded>,
}

/// Its disk.
struct Recorded {
    folder: PathBuf,
    recorder: Arc<Recorder>,
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
            clock,
            dice,
            disk: Mutex::new(Recorded::new(folder.to_owned())),
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
                clock: self.clock.clone(),
                random: self.dice.random(),
                sockets: self.net.sockets(self.ip),
                http: self.net.http(self.ip),
                disk: Disk::recorded(&disk.recorder),
            },
            ip: self.ip,
            folder: disk.folder.clone(),
        }
    }

    fn disk(&self) -> MutexGuard<'_, Recorded> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("the world's folder is ours");
        let recorder = Recorder::new(&folder).expect("the world's folder is ours");
        Self { folder, recorder }
    }
}
