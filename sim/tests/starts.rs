//! A start whose power is cut at each of its writes: the next one opens the folder, and nothing acknowledged is lost.
//!
//! A small network goes on until it has all kinds of state on disk. The folder of a part is copied while it runs, as a
//! kill leaves it; there the part is started as the binary starts it, on a disk that records; and for each of the
//! start's operations the image of a cut is drawn and started again.

use client::ControlApi;
use contracts::ChainConfig;
use disk::faults::Recorder;
use host::{Disk, Host};
use node::{ReceiptLog, held_tickets};
use quittance_sim::Plan;
use quittance_sim::players::Viewer;
use quittance_sim::world::{CONTENT_NAME, Network, Place, World};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The epoch that is sealed when the folders are copied; the next is open.
const SEALED: u64 = 0;

/// Images that are drawn of each cut.
const SEEDS: u64 = 2;

/// Does something in a world's runtime, with a network in which the first epoch is sealed and the second is open, and
/// with what was acknowledged in the second, bytes.
fn with_network(then: impl AsyncFnOnce(Network, u64)) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let _in_place = disk::in_place();
    runtime.block_on(async {
        let mut world = World::new(7, folder.path(), false);
        let place = world.host("viewer");
        let network = Network::start(&mut world, &Plan::small()).await.unwrap();
        let mut acknowledged = 0;
        for epoch in [SEALED, SEALED + 1] {
            network.begun(epoch).await;
            let viewer = Viewer::new(&network, &place).unwrap();
            assert_eq!(viewer.watch().await.unwrap(), network.file);
            let nodes = viewer.leave().await.nodes;
            acknowledged = nodes.values().map(|node| node.bytes_acked).sum();
        }
        network.over(SEALED).await;
        sleep(Duration::from_secs(5)).await;
        assert!(acknowledged > 0 && network.ends.so_far().is_empty());
        then(network, acknowledged).await;
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, there) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &there),
            false => drop(fs::copy(&path, &there).unwrap()),
        }
    }
}

/// The folders that a start may find: as the process was killed, and as each cut of a start there leaves it.
struct Cuts {
    killed: TempDir,
    recorder: Arc<Recorder>,
    image: TempDir,
}

impl Cuts {
    /// Of this folder, which is left as a process leaves it that was killed in the middle of something.
    fn of(folder: &Path, soil: impl FnOnce(&Path)) -> Self {
        let killed = tempfile::tempdir().unwrap();
        copy(folder, killed.path());
        soil(killed.path());
        let recorder = Recorder::new(killed.path()).unwrap();
        Self {
            killed,
            recorder,
            image: tempfile::tempdir().unwrap(),
        }
    }

    /// Where the start is that is recorded.
    fn begins(&self, place: &Place) -> Place {
        on(place, Disk::recorded(&self.recorder), self.killed.path())
    }

    /// Where the start is after a cut before this operation, for what is drawn by a seed.
    fn image(&self, place: &Place, operation: usize, seed: u64) -> (Place, PathBuf) {
        let folder = self.image.path().join(format!("{operation}-{seed}"));
        self.recorder.power_cut(operation, seed, &folder).unwrap();
        (on(place, Disk::system(), &folder), folder)
    }
}

/// The same machine with another disk.
fn on(place: &Place, disk: Disk, folder: &Path) -> Place {
    let host = Host {
        disk,
        ..place.host.clone()
    };
    Place {
        host,
        ip: place.ip,
        folder: folder.to_owned(),
    }
}

async fn node(network: &Network, place: Place) -> node::Node {
    let settlement = network.chain.network().1;
    let config = node::Config {
        chain: ChainConfig::new(&place.host.http, network.rpc("node-0"), settlement),
        host: place.host,
        data_dir: place.folder,
        key: network.keys.nodes[0].0.clone(),
        listen: (place.ip, 4433).into(),
        public_address: None,
        control: network.control_url(),
        cache_bytes: 1 << 30,
        receipt_interval: 1 << 18,
        window: 1 << 20,
        sessions_max: 100,
        bandwidth_mbps: 100,
    };
    let started = node::Node::start(config).await;
    started.unwrap()
}

/// Ends a node in order, at once.
async fn end(node: node::Node) {
    let stop = CancellationToken::new();
    stop.cancel();
    node.run(stop).await.unwrap();
}

#[test]
fn a_nodes_start_that_is_cut_at_any_write_loses_no_receipt() {
    with_network(async |network, acknowledged| {
        let place = network.nodes[0].machine().place();
        let cuts = Cuts::of(&place.folder, |folder| {
            fs::write(folder.join("cache/incoming/3"), "half").unwrap();
            fs::write(folder.join("segments/epoch-5.qseg.unfinished"), "half").unwrap();
            fs::write(folder.join("receipts/epoch-9.log.unfinished"), "half").unwrap();
        });
        network.nodes[0].stop().await.unwrap();
        let held = |folder: &Path| {
            let mut held = 0;
            held_tickets(&Disk::system(), folder, SEALED, &mut |_| held += 1).unwrap();
            held
        };
        let sealed = held(cuts.killed.path());
        assert!(sealed > 0);
        drop(node(&network, cuts.begins(&place)).await);
        let all = cuts.recorder.operations();
        assert!(all > 5, "a start that writes nothing can't be cut: {all}");
        for operation in 0..=all {
            for seed in 0..SEEDS {
                let (place, folder) = cuts.image(&place, operation, seed);
                end(node(&network, place).await).await;
                assert_eq!(held(&folder), sealed, "operation {operation}, seed {seed}");
                let receipts = folder.join("receipts");
                let log = ReceiptLog::open(&Disk::system(), &receipts, |_| false).unwrap();
                let kept = log.seal(SEALED + 1).await.unwrap().records;
                let bytes: u64 = kept.iter().map(|record| record.receipt.bytes).sum();
                assert_eq!(bytes, acknowledged, "operation {operation}, seed {seed}");
                log.close().await;
            }
        }
    });
}

async fn control(network: &Network, place: &Place) -> control::Control {
    let (ip, keys) = (place.ip, &network.keys);
    let mut config = control::Config::new(
        place.host.clone(),
        network.rpc("control"),
        network.chain.network().1,
        keys.committer.clone(),
        keys.issuer.clone(),
        &place.folder,
        (ip, 8080).into(),
        (ip, 4434).into(),
        "correct horse battery",
        keys.owner.address(),
    );
    config.admin_listen = (ip, 8081).into();
    config.ticket_ttl = Duration::from_secs(20);
    control::Control::start(config).await.unwrap()
}

/// Where the tickets of a log begin, after its header and its mark.
const TICKETS_AT: usize = 1024;

/// What a control plane must never lose, as it is in its folder: the file, and the tickets of both epochs.
fn kept(folder: &Path, network: &Network) -> [Vec<u8>; 3] {
    let hash = blake3::hash(&network.file).to_hex();
    let blob = folder.join(format!("store/blobs/{}/{hash}", &hash[..2]));
    let log = |epoch| {
        let log = fs::read(folder.join(format!("tickets/epoch-{epoch}.log"))).unwrap();
        log[TICKETS_AT..].to_vec()
    };
    [fs::read(blob).unwrap(), log(SEALED), log(SEALED + 1)]
}

/// As a process leaves a folder that was killed in the middle of its work, and began it when less was kept.
fn soiled(folder: &Path) {
    let append = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        let mut all = fs::read(&path).unwrap_or_default();
        all.extend_from_slice(bytes);
        fs::write(path, all).unwrap();
    };
    append(&format!("tickets/epoch-{}.log", SEALED + 1), &[9; 300]);
    append("store/incoming/3", b"half");
    append("origins/coming/3", b"half");
    fs::remove_file(folder.join("handed-in.log")).unwrap();
    fs::remove_file(folder.join("tickets/viewer-tokens.json")).unwrap();
}

#[test]
fn a_control_planes_start_that_is_cut_at_any_write_loses_nothing() {
    with_network(async |network, _| {
        let place = network.control.machine().place();
        let before = kept(&place.folder, &network);
        let cuts = Cuts::of(&place.folder, soiled);
        assert_eq!(before[0], network.file);
        assert!(before[1..].iter().all(|tickets| !tickets.is_empty()));
        let asks = network.nodes[0].machine().place().host.http;
        for process in network.processes() {
            process.stop().await.unwrap();
        }
        drop(control(&network, &cuts.begins(&place)).await);
        let all = cuts.recorder.operations();
        assert!(all > 10, "a start that writes nothing can't be cut: {all}");
        let stop = CancellationToken::new();
        for operation in 0..=all {
            for seed in 0..SEEDS {
                let what = format!("operation {operation}, seed {seed}");
                let (place, folder) = cuts.image(&place, operation, seed);
                let stop = stop.child_token();
                let running = control(&network, &place).await.run_until(stop.clone());
                let running = tokio::spawn(running);
                let api = ControlApi::over(&asks, &network.control_url()).unwrap();
                let films = api.collections().await.unwrap();
                let films = films.iter().map(|film| (&*film.name, film.bytes));
                let expected = [(CONTENT_NAME, network.file.len() as u64)];
                assert_eq!(films.collect::<Vec<_>>(), expected, "{what}");
                stop.cancel();
                running.await.unwrap();
                assert_eq!(kept(&folder, &network), before, "{what}");
            }
        }
    });
}
