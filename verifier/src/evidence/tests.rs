use super::*;
use crate::fixture::{EPOCH, World, network};
use protocol::B256;
use std::fs;
use std::path::Path;

fn world() -> World {
    let mut world = World::honest(3, 9);
    world.probes.push(ProbeCount {
        index: 1,
        made: 3,
        ok: 2,
    });
    let mut records = world.records(2);
    records[0].signature.0[0] ^= 1;
    world.hand_in(2, records);
    world
}

fn written() -> (tempfile::TempDir, EvidenceStore, Evidence, B256) {
    let directory = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&disk::Disk::system(), directory.path()).unwrap();
    let evidence = world().evidence();
    let hash = store.write(&evidence).unwrap();
    (directory, store, evidence, hash)
}

async fn read(source: &EvidenceSource, hash: B256) -> Result<Evidence, FetchError> {
    let read = source.read(network(), EPOCH, Some(hash)).await;
    read.map(|(evidence, _)| evidence)
}

#[tokio::test]
async fn what_is_written_is_read_and_judged_the_same() {
    let (_directory, store, evidence, hash) = written();
    assert!(store.contains(EPOCH) && !store.contains(EPOCH + 1));
    let found = read(&store.source(EPOCH), hash).await.unwrap();
    assert_eq!(found, evidence);
    assert_eq!(found.rejections.len(), 1);
    assert_eq!(found.rejections[0].reason, "bad_signature");
    let refused = found.rejections[0].record;
    assert_eq!(found.rejections[0].ticket, refused.id);
    assert!(
        world()
            .records(2)
            .iter()
            .any(|r| r.receipt == refused.receipt)
    );
    let mut again = world();
    again.segments = found.segments.clone();
    let judgement = again.judge();
    assert_eq!(judgement.trees, evidence.trees);
    assert!(judgement.rejections.is_empty(), "only what counts is in it");
    // The same judgement, the same bytes.
    assert_eq!(store.write(&world().evidence()).unwrap(), hash);
}

#[tokio::test]
async fn the_bundle_has_the_shape_of_the_spec() {
    let (_directory, store, _, hash) = written();
    let bytes = fs::read(store.path(EPOCH, BUNDLE_FILE).unwrap()).unwrap();
    assert_eq!(Bundle::evidence_hash(&bytes), hash);
    let text = String::from_utf8(bytes).unwrap();
    let head = format!(
        "{{\"version\":1,\"epoch\":5,\"chain_id\":31337,\"settlement\":\"0x{}\",\"files\":[",
        "07".repeat(20)
    );
    assert!(text.starts_with(&head), "{text}");
    let bundle = Bundle::from_bytes(text.as_bytes(), network(), EPOCH).unwrap();
    let names: Vec<_> = bundle.files.iter().map(|file| file.name.as_str()).collect();
    let expected = [
        "bills.qbil",
        "charges.qchg",
        "previous-bills.qbil",
        "previous.qtree",
        "probes.json",
        "rejections.json",
        "segment-0.qseg",
        "segment-1.qseg",
        "segment-2.qseg",
        "tickets-0.qlog",
        "tickets-1.qlog",
        "tree.qtree",
    ];
    assert_eq!(names, expected);
    let rejections = fs::read_to_string(store.path(EPOCH, "rejections.json").unwrap()).unwrap();
    assert!(
        rejections.contains("\"code\":9,\"reason\":\"bad_signature\",\"record\":\"0x0000"),
        "{rejections}"
    );
    let probes = fs::read_to_string(store.path(EPOCH, "probes.json").unwrap()).unwrap();
    assert_eq!(probes, "[{\"index\":1,\"made\":3,\"ok\":2}]");
}

#[tokio::test]
async fn every_altered_file_is_noticed() {
    let (_directory, store, _, hash) = written();
    let source = store.source(EPOCH);
    let names: Vec<_> = fs::read_dir(store.path(EPOCH, BUNDLE_FILE).unwrap().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 13);
    for name in names {
        let path = store.path(EPOCH, &name).unwrap();
        let good = fs::read(&path).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let longer = [&good[..], b" "].concat();
        for bad in [flipped, longer, good[..good.len() - 1].to_vec(), Vec::new()] {
            fs::write(&path, bad).unwrap();
            let error = read(&source, hash).await.unwrap_err();
            assert!(
                !error.is_content(),
                "{name}: the source is at fault: {error}"
            );
        }
        fs::remove_file(&path).unwrap();
        let error = read(&source, hash).await.unwrap_err();
        assert!(matches!(error, FetchError::Io { .. }), "{name}: {error}");
        fs::write(&path, good).unwrap();
    }
    assert!(read(&source, hash).await.is_ok());
}

#[tokio::test]
async fn one_file_is_read_without_the_others() {
    let (_directory, store, evidence, hash) = written();
    let source = store.source(EPOCH);
    let opened = source.open(network(), EPOCH, Some(hash)).await.unwrap();
    assert_eq!(opened.hash(), hash);
    assert_eq!(opened.nodes().await.unwrap(), evidence.trees.nodes);
    assert_eq!(opened.bills().await.unwrap(), evidence.trees.bills);
    assert_eq!(opened.charges().await.unwrap(), evidence.trees.charges);
    assert_eq!(opened.logs().await.unwrap(), evidence.logs);
    assert_eq!(opened.rejections().await.unwrap(), evidence.rejections);
    let segment = opened.segment(1).await.unwrap().unwrap();
    assert_eq!(segment.to_bytes(), evidence.segments[&1]);
    assert!(opened.segment(3).await.unwrap().is_none());
    assert!(opened.file("../tree.qtree").await.unwrap().is_none());
    // What isn't asked for may be gone; what is may not be another.
    fs::remove_file(store.path(EPOCH, "segment-0.qseg").unwrap()).unwrap();
    assert!(opened.segment(1).await.is_ok());
    let path = store.path(EPOCH, "segment-1.qseg").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = opened.segment(1).await.unwrap_err();
    assert!(matches!(error, FetchError::Altered { .. }), "{error}");
    let other = Some(B256::ZERO);
    let error = source.open(network(), EPOCH, other).await.unwrap_err();
    assert!(matches!(error, FetchError::OtherEvidence { .. }), "{error}");
}

/// Rewrites a file and `bundle.json` with it, as an attester could: the hash is right, the content not.
fn rewrite(directory: &Path, name: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> B256 {
    let path = directory.join(name);
    let bytes = change(fs::read(&path).unwrap());
    fs::write(&path, &bytes).unwrap();
    let bundle = fs::read(directory.join(BUNDLE_FILE)).unwrap();
    let mut bundle = Bundle::from_bytes(&bundle, network(), EPOCH).unwrap();
    let file = bundle
        .files
        .iter_mut()
        .find(|file| file.name == name)
        .unwrap();
    (file.size, file.blake3) = (bytes.len() as u64, bundle::hash(&bytes));
    fs::write(directory.join(BUNDLE_FILE), bundle.to_bytes()).unwrap();
    Bundle::evidence_hash(&bundle.to_bytes())
}

#[tokio::test]
async fn nonsense_under_the_right_hash_is_the_attesters_fault() {
    for name in [
        "tree.qtree",
        "bills.qbil",
        "charges.qchg",
        "previous.qtree",
        "previous-bills.qbil",
        "probes.json",
        "rejections.json",
        "tickets-1.qlog",
    ] {
        let (root, store, _, _) = written();
        let directory = root.path().join(EPOCH.to_string());
        let hash = rewrite(&directory, name, |_| b"nonsense".to_vec());
        let error = read(&store.source(EPOCH), hash).await.unwrap_err();
        assert!(error.is_content(), "{name}: {error}");
    }
    let (root, store, evidence, _) = written();
    let directory = root.path().join(EPOCH.to_string());
    let other = evidence.logs[0].to_bytes();
    let hash = rewrite(&directory, "tickets-1.qlog", |_| other.clone());
    let error = read(&store.source(EPOCH), hash).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Content(EvidenceError::Issuer { .. })),
        "{error}"
    );
}

#[test]
fn bundles_that_name_what_evidence_cannot_have_are_refused() {
    let evidence = world().evidence();
    let good = evidence.bundle(&evidence.files());
    let check = |bundle: &Bundle| Bundle::from_bytes(&bundle.to_bytes(), network(), EPOCH);
    assert!(check(&good).is_ok());
    let changed = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        check(&bundle).unwrap_err()
    };
    assert!(matches!(
        changed(&|b| b.version = 2),
        BundleError::Version(2)
    ));
    assert!(matches!(changed(&|b| b.epoch += 1), BundleError::Foreign));
    assert!(matches!(
        changed(&|b| b.chain_id += 1),
        BundleError::Foreign
    ));
    assert!(matches!(
        changed(&|b| b.files.swap(0, 1)),
        BundleError::Name(_)
    ));
    let twice = changed(&|b| b.files.insert(0, b.files[0].clone()));
    assert!(matches!(twice, BundleError::Name(_)));
    assert!(matches!(
        changed(&|b| b.files[0].size = 1 << 40),
        BundleError::Size { .. }
    ));
    for name in [
        "../tree.qtree",
        "/etc/passwd",
        "bundle.json",
        "segment-00.qseg",
        "x",
        "",
    ] {
        let error = changed(&|b| b.files[0].name = name.into());
        assert!(matches!(error, BundleError::Name(_)), "{name}");
    }
    let unknown = String::from_utf8(good.to_bytes())
        .unwrap()
        .replace("\"epoch\"", "\"epok\"");
    assert!(Bundle::from_bytes(unknown.as_bytes(), network(), EPOCH).is_err());
}

#[test]
fn only_the_names_of_the_spec_are_names() {
    for name in [
        "bundle.json",
        "tree.qtree",
        "bills.qbil",
        "charges.qchg",
        "previous.qtree",
        "previous-bills.qbil",
        "segment-0.qseg",
        "tickets-4294967295.qlog",
    ] {
        assert!(is_file_name(name), "{name}");
    }
    for name in [
        "",
        ".",
        "..",
        "tickets-.qlog",
        "tickets-+1.qlog",
        "tickets-01.qlog",
        "tickets-4294967296.qlog",
        "segment-1.qlog",
        "segment-1.qseg/..",
        "../5/tree.qtree",
        "tree.qtree\0",
        "Tree.qtree",
        ".partial-5",
    ] {
        assert!(!is_file_name(name), "{name}");
    }
}

#[test]
fn a_crash_while_writing_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let partial = root.path().join(".partial-5");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("tree.qtree"), b"half").unwrap();
    let store = EvidenceStore::open(&disk::Disk::system(), root.path()).unwrap();
    assert!(!partial.exists() && !store.contains(EPOCH));
    let first = store.write(&world().evidence()).unwrap();
    let second = store.write(&World::honest(3, 9).evidence()).unwrap();
    assert_ne!(first, second);
    assert_eq!(
        fs::read_dir(root.path()).unwrap().count(),
        1,
        "replaced whole"
    );
    store.discard(EPOCH).unwrap();
    store.discard(EPOCH).unwrap();
    assert!(!store.contains(EPOCH));
}

#[test]
fn a_rejection_names_the_ticket_of_its_record() {
    let mut files = world().evidence().files();
    let text = String::from_utf8(files["rejections.json"].clone()).unwrap();
    let ticket = text.split("\"ticket\":\"").nth(1).unwrap()[..34].to_owned();
    let other = text.replacen(&ticket, &format!("0x{}", "0".repeat(32)), 1);
    files.insert("rejections.json".into(), other.into_bytes());
    assert!(Evidence::from_files(files).is_err());
}

#[test]
fn one_tree_before_without_the_other_is_nonsense() {
    for name in ["previous.qtree", "previous-bills.qbil"] {
        let mut files = world().evidence().files();
        files.remove(name);
        let error = Evidence::from_files(files).unwrap_err();
        assert!(matches!(error, EvidenceError::Missing(_)), "{error}");
    }
}

/// The bundle over the golden epoch stands in the specification.
#[test]
fn the_example_of_the_spec_is_the_golden_epochs() {
    let evidence = crate::fixture::Golden::load().files();
    let bundle = evidence.bundle(&evidence.files()).to_bytes();
    let bundle = String::from_utf8(bundle).unwrap();
    let shown = bundle.replace("{\"name\"", "\n    {\"name\"");
    let spec = include_str!("../../../protocol/SPEC.md");
    assert!(spec.contains(&shown), "{shown}");
}

/// 100 cuts: evidence that was written stays, what wasn't whole isn't there.
#[tokio::test]
async fn evidence_outlasts_power_cuts_and_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("evidence");
    let recorder = disk::faults::Recorder::new(dir.path()).unwrap();
    let store = EvidenceStore::open(&disk::Disk::recorded(&recorder), &root).unwrap();
    let evidence = world().evidence();
    let hash = store.write(&evidence).unwrap();
    let written_at = recorder.operations();
    let all = {
        // Its own judgement once more, as after a start: the same bytes.
        assert_eq!(store.write(&evidence).unwrap(), hash);
        recorder.operations()
    };
    let (mut whole, mut none) = (0, 0);
    for seed in 0..100u64 {
        let operations = (seed as usize * 7919) % (all + 1);
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        let store = EvidenceStore::open(&disk::Disk::system(), image.path().join("evidence"));
        let store = store.unwrap();
        match store.contains(EPOCH) {
            true => {
                let found = read(&store.source(EPOCH), hash).await;
                assert_eq!(found.unwrap(), evidence, "{operations} of {all}");
                whole += 1;
            }
            false => {
                assert!(
                    operations < written_at,
                    "{operations} of {all}, seed {seed}"
                );
                none += 1;
            }
        }
    }
    assert!(whole > 10 && none > 10, "{whole} and {none}");
}
