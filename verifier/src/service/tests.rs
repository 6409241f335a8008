use super::*;
use crate::fixture::World;
use crate::gather::Segments;
use contracts::{Address, PrivateKeySigner};

fn config(data_dir: PathBuf) -> Config {
    Config {
        host: host::Host::system(),
        // Nothing answers there.
        rpc: "http://127.0.0.1:9".into(),
        settlement: Address::ZERO,
        chain_id: None,
        fee_cap: contracts::CAP,
        key: PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap(),
        controls: vec![],
        peers: vec![],
        data_dir,
        listen: ([127, 0, 0, 1], 0).into(),
        segment_deadline: Config::SEGMENT_DEADLINE,
        poll_interval: Duration::from_millis(10),
        shorten_from: Config::SHORTEN_FROM,
    }
}

#[tokio::test]
async fn a_chain_that_is_away_is_waited_for_and_shutdown_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let shutdown = CancellationToken::new();
    let config = config(directory.path().to_owned());
    let running = tokio::spawn(run(config.clone(), shutdown.clone()));
    sleep(Duration::from_millis(200)).await;
    assert!(!running.is_finished(), "it tries again");
    let second = run(config.clone(), shutdown.clone()).await;
    assert!(matches!(second, Err(RunError::InUse(_))));
    shutdown.cancel();
    running.await.unwrap().unwrap();
    // The lock went with it.
    assert!(config.host.disk.lock(&config.data_dir).is_ok());
}

#[tokio::test]
async fn what_can_never_work_is_said_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut wrong = config(directory.path().to_owned());
    wrong.rpc = "not a URL".into();
    let error = run(wrong, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::Chain(_)), "{error}");
}

#[test]
fn secrets_are_not_shown() {
    let mut config = config("/tmp/x".into());
    config.rpc = "https://rpc.example/secret".into();
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("0101"),
        "{shown}"
    );
}

#[test]
fn what_is_written_is_what_an_auditor_confirms() {
    let world = World::honest(3, 9);
    let directory = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&disk::Disk::system(), directory.path()).unwrap();
    let facts = EpochFacts {
        network: crate::fixture::network(),
        epoch: world.epoch,
        timeline: crate::fixture::TIMELINE.clone(),
        terms: world.terms,
        nodes: world.nodes.clone(),
        payers: world.payers.clone(),
        committed: world.committed.clone(),
        forced: world.forced.clone(),
        previous: world.previous_roots(),
    };
    let mut files = world.segments.clone();
    files.remove(&2);
    files.insert(1, b"nonsense".to_vec());
    let segments = Segments {
        files,
        missing: [(2, "it does not answer".to_owned())].into(),
    };
    let (logs, previous) = (world.logs.clone(), world.previous.clone());
    let written = judge_and_write(&store, &facts, logs, segments, previous);
    let (roots, hash, nodes) = written.unwrap();
    let oks: Vec<_> = nodes.iter().map(|line| line.ok).collect();
    assert_eq!(oks, [true, false, false]);
    assert_eq!(nodes[2].reason.as_deref(), Some("it does not answer"));
    assert!(nodes[1].reason.as_ref().unwrap().contains("not a segment"));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let source = store.source(world.epoch);
    let read = source.read(facts.network, facts.epoch, Some(hash));
    let (evidence, _) = runtime.block_on(read).unwrap();
    let checked = check(&facts, &evidence);
    assert_eq!(checked.faults, Vec::<String>::new());
    assert_eq!(checked.judgement.unwrap().roots, roots);
}
