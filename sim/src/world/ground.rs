//! Hosts, what is between them, and what time it is there.

use super::dice::Dice;
use super::machine::{Machine, Place};
use super::net::{Links, Net};
use super::reach::Reach;
use super::trace::Trace;
use disk::faults::Syncs;
use host::Clock;
use protocol::UnixMillis;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// When a world begins, Unix milliseconds.
const BEGINS_MS: UnixMillis = 1_900_000_000_000;
/// The links of a world that nothing is wrong with: a city's, which lose a datagram of a thousand.
const LINKS: Links = Links {
    delay: Duration::from_millis(8),
    jitter: Duration::from_millis(4),
    lost_ppm: 1_000,
};

/// Hosts, their network and their time. All of it is one thread's, in a runtime whose clock is paused.
#[derive(Debug)]
pub struct World {
    seed: u64,
    began: Instant,
    net: Net,
    trace: Trace,
    folder: PathBuf,
    hosts: u8,
    reach: Reach,
    syncs: Syncs,
}

impl World {
    /// An empty one, whose hosts' files are in this folder. Must be called within the world's runtime.
    pub fn new(seed: u64, folder: &Path, tell: bool) -> Self {
        let trace = Trace::new(tell);
        Self {
            seed,
            began: Instant::now(),
            net: Net::new(LINKS, Dice::new(seed, "net"), trace.clone()),
            trace,
            folder: folder.to_owned(),
            hosts: 0,
            reach: Reach::default(),
            syncs: Syncs::default(),
        }
    }

    /// One more machine; what is drawn there is its name's.
    pub fn machine(&mut self, name: &str) -> Arc<Machine> {
        self.hosts += 1;
        self.machine_at(name, IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.hosts)))
    }

    /// The same at this address, which no other has.
    pub fn machine_at(&self, name: &str, ip: IpAddr) -> Arc<Machine> {
        let dice = Dice::new(self.seed, name);
        let folder = self.folder.join(name);
        let net = self.net.clone();
        let disk = (folder.as_path(), self.syncs.clone());
        Arc::new(Machine::new((name, ip), net, self.clock(), dice, disk))
    }

    /// One more machine, as what runs there is handed it.
    pub fn host(&mut self, name: &str) -> Place {
        self.machine(name).place()
    }

    /// The world's time, as a clock that is right tells it.
    pub fn clock(&self) -> Clock {
        let began = self.began;
        Clock::new(move || BEGINS_MS + began.elapsed().as_millis() as UnixMillis)
    }

    /// When it began, by tokio's time.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Bytes of all datagrams for a host, as their senders' sockets were given them.
    pub fn sent_to(&self, to: IpAddr) -> u64 {
        self.net.sent_to(to)
    }

    /// How long it has lasted.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// What happened so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What it met so far: anyone may note into it.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Machines that are made from now on go on without a sync, as if it were done: that of this name, as
    /// [`World::syncs`] has it.
    pub fn leave_out_sync(&mut self, site: &str) {
        self.syncs = Syncs::without(site);
    }

    /// How often each sync was asked for, by the line that asks.
    pub fn syncs(&self) -> BTreeMap<String, u64> {
        self.syncs.so_far()
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// That of a name in this world.
    pub fn dice(&self, name: &str) -> Dice {
        Dice::new(self.seed, name)
    }
}
