//! A machine of the world: where a process runs, also after it was restarted.

use super::dice::Dice;
use super::net::Net;
use disk::faults::{Fault, Recorder, Syncs};
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
    syncs: Syncs,
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
        (folder, syncs): (&Path, Syncs),
    ) -> Self {
        Self {
            name: name.to_owned(),
            ip,
            net,
            skew_ms: Arc::default(),
            clock,
            dice,
            disk: Mutex::new(Recorded::new(folder.to_owned(), syncs, 0)),
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
        *disk = Recorded::new(folder, disk.syncs.clone(), cuts);
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
    fn new(folder: PathBuf, syncs: Syncs, cuts: u32) -> Self {
        fs::create_dir_all(&folder).expect("the world's folder is ours");
        let recorder = Recorder::with_syncs(&folder, syncs.clone());
        let recorder = recorder.expect("the world's folder is ours");
        Self {
            folder,
            recorder,
            syncs,
            cuts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use std::io;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::{sleep, timeout};

    /// Two machines, and a listener on the first.
    async fn two(folder: &Path) -> (Arc<Machine>, Arc<Machine>, host::Listener) {
        let mut world = World::new(1, folder, false);
        let (one, other) = (world.machine("one"), world.machine("other"));
        let sockets = one.place().host.sockets;
        let listener = sockets.listen((one.ip(), 80).into()).unwrap();
        (one, other, listener)
    }

    async fn asked(of: &Machine, by: &Machine) -> Result<reqwest::Response, host::HttpError> {
        let http = by.place().host.http;
        http.send(http.get(format!("http://{}", of.ip()))).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_where_the_way_is_shut_comes_when_it_opens() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other, mut listener) = two(folder.path()).await;
        let began = Instant::now();
        one.shut(Some(other.ip()), began + Duration::from_secs(9));
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let arrived = began.elapsed();
            stream.write_all(b"HTTP/1.1 204 \r\n\r\n").await.unwrap();
            (arrived, stream)
        };
        let (answer, (arrived, _stream)) = tokio::join!(asked(&one, &other), serving);
        assert_eq!(answer.unwrap().status(), 204);
        assert!((9..10).contains(&arrived.as_secs()), "{arrived:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_power_is_silent_and_then_knows_of_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other, mut listener) = two(folder.path()).await;
        let before = one.place();
        let mut asking = Box::pin(asked(&one, &other));
        let (mut stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            answer = &mut asking => panic!("{answer:?}"),
        };
        one.power_off();
        let hour = Duration::from_secs(3_000);
        assert!(timeout(hour, &mut asking).await.is_err(), "nobody answers");
        let mut byte = [0];
        let ghost = timeout(hour, stream.read(&mut byte)).await;
        assert!(ghost.is_err(), "nothing comes to an earlier life");
        one.power_on();
        let broken = timeout(Duration::from_secs(1), asking).await;
        assert!(broken.expect("it is told at once").is_err());
        let sockets = &before.host.sockets;
        let down = sockets.listen((one.ip(), 80).into()).unwrap_err();
        assert_eq!(down.kind(), io::ErrorKind::NetworkDown);
        assert!(
            one.place()
                .host
                .sockets
                .listen((one.ip(), 80).into())
                .is_ok()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_synced_outlasts_a_power_cut_and_an_earlier_life_writes_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let machine = World::new(1, folder.path(), false).machine("one");
        let before = machine.place();
        let path = before.folder.join("kept");
        before.host.disk.replace(&path, b"synced").unwrap();
        machine.power_off();
        before.host.disk.replace(&path, b"of a ghost").unwrap();
        machine.power_on();
        let after = machine.place();
        assert_ne!(after.folder, before.folder);
        assert_eq!(fs::read(after.folder.join("kept")).unwrap(), b"synced");
        machine.fill_disk();
        let path = after.folder.join("kept");
        let full = after.host.disk.replace(&path, b"more").unwrap_err();
        assert_eq!(full.into_io().kind(), io::ErrorKind::StorageFull);
        machine.empty_disk();
        after.host.disk.replace(&path, b"more").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_is_wrong_by_its_skew_and_never_before_1970() {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(1, folder.path(), false);
        let machine = world.machine("one");
        let clock = machine.place().host.clock;
        let right = world.clock();
        assert_eq!(clock.now_ms(), right.now_ms());
        machine.set_skew(-3_000);
        assert_eq!(clock.now_ms(), right.now_ms() - 3_000);
        machine.set_skew(BEFORE_1970_MS);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(clock.now_ms(), 0);
    }
}
