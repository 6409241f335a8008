//! The faults catch what they are for: a writer that forgets a sync is found within 100 seeds, and one that doesn't
//! is not.

#![allow(missing_docs)]

use quittance_disk::faults::{Fault, Recorder, Syncs};
use quittance_disk::{Disk, DiskError, unfinished};
use std::fs;
use std::path::Path;

const OLD: [u8; 3000] = [1; 3000];
const NEW: [u8; 4000] = [2; 4000];

/// What a writer leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Forgets {
    Nothing,
    File,
    Folder,
}

fn replace(disk: &Disk, path: &Path, bytes: &[u8], forgets: Forgets) -> Result<(), DiskError> {
    let beside = unfinished(path);
    let file = disk.create(&beside)?;
    file.write_all_at(bytes, 0)?;
    if forgets != Forgets::File {
        file.sync_data()?;
    }
    disk.rename(&beside, path)?;
    match forgets {
        Forgets::Folder => Ok(()),
        _ => disk.sync_dir(path.parent().expect("in a folder")),
    }
}

/// How many of 100 seeds find, after a power cut at the end, anything else than the new bytes; and of 100 at each
/// operation, anything else than the old ones or the new ones.
fn caught(forgets: Forgets) -> (usize, usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    fs::write(&path, OLD).unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    replace(&Disk::recorded(&recorder), &path, &NEW, forgets).unwrap();
    let found = |operations, seed| {
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        fs::read(image.path().join("state")).ok()
    };
    let all = recorder.operations();
    let lost = (0..100).filter(|seed| found(all, *seed).as_deref() != Some(&NEW[..]));
    let torn = (0..100).filter(|seed| {
        (0..=all).any(|operations| {
            let found = found(operations, *seed);
            ![&OLD[..], &NEW[..]].contains(&found.as_deref().unwrap_or_default())
        })
    });
    (lost.count(), torn.count())
}

#[test]
fn who_forgets_nothing_is_never_caught() {
    assert_eq!(caught(Forgets::Nothing), (0, 0));
}

#[test]
fn who_forgets_to_sync_the_file_is_caught() {
    let (lost, torn) = caught(Forgets::File);
    assert!(lost > 10 && torn > 10, "{lost} {torn}");
}

#[test]
fn who_forgets_to_sync_the_folder_is_caught() {
    let (lost, torn) = caught(Forgets::Folder);
    assert!(lost > 10, "{lost}");
    assert_eq!(torn, 0, "a rename is whole");
}

#[test]
fn the_crate_s_own_replace_is_whole_at_every_operation() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = Disk::recorded(&recorder);
    let folder = dir.path().join("a/b");
    disk.create_dir(&folder).unwrap();
    let mut acknowledged = vec![(recorder.operations(), 0u8)];
    for version in 1..=3 {
        disk.replace(&folder.join("x"), &vec![version; 1500])
            .unwrap();
        acknowledged.push((recorder.operations(), version));
    }
    for operations in acknowledged[0].0..=recorder.operations() {
        let past = acknowledged.iter().filter(|(at, _)| *at <= operations);
        let least = past.map(|(_, version)| *version).max().unwrap();
        for seed in 0..20 {
            let image = tempfile::tempdir().unwrap();
            recorder.power_cut(operations, seed, image.path()).unwrap();
            let there = Disk::system().list(&image.path().join("a/b")).unwrap();
            let found = fs::read(image.path().join("a/b/x")).unwrap_or_default();
            let version = found.first().copied().unwrap_or_default();
            assert!(version >= least && version <= least + 1, "{operations}");
            assert!(found.is_empty() || found == vec![version; 1500]);
            assert_eq!(there.len(), usize::from(!found.is_empty()));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_image() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let file = Disk::recorded(&recorder)
        .create(&dir.path().join("x"))
        .unwrap();
    Disk::recorded(&recorder).sync_dir(dir.path()).unwrap();
    for sector in 0..64 {
        file.write_all_at(&[sector; 512], u64::from(sector) * 512)
            .unwrap();
    }
    let image = |seed| {
        let image = tempfile::tempdir().unwrap();
        let all = recorder.operations();
        recorder.power_cut(all, seed, image.path()).unwrap();
        fs::read(image.path().join("x")).unwrap()
    };
    let images: Vec<_> = (0..40).map(image).collect();
    assert_eq!(images, (0..40).map(image).collect::<Vec<_>>());
    let torn = images.iter().filter(|bytes| {
        let kept = bytes.chunks(512).filter(|sector| sector[0] != 0).count();
        (1..63).contains(&kept)
    });
    assert!(torn.count() > 10, "sectors are lost each by itself");
}

#[test]
fn what_a_failed_sync_should_have_written_may_be_lost_though_a_later_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = Disk::recorded(&recorder);
    let file = disk.create(&dir.path().join("x")).unwrap();
    disk.sync_dir(dir.path()).unwrap();
    file.write_all_at(&[7; 512], 0).unwrap();
    recorder.fail(recorder.operations(), Fault::Io);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    let kept = |seed| {
        let image = tempfile::tempdir().unwrap();
        let all = recorder.operations();
        recorder.power_cut(all, seed, image.path()).unwrap();
        fs::read(image.path().join("x")).unwrap() == [7; 512]
    };
    let once: Vec<_> = (0..100).map(kept).collect();
    assert!(once.contains(&true) && once.contains(&false));
    // Written again, it is there.
    file.write_all_at(&[7; 512], 0).unwrap();
    file.sync_data().unwrap();
    assert!((0..100).all(kept));
}

#[test]
fn a_folder_moves_with_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = Disk::recorded(&recorder);
    let (partial, whole) = (dir.path().join(".partial"), dir.path().join("whole"));
    disk.create_dir(&partial).unwrap();
    for name in ["a", "b"] {
        let file = disk.create_new(&partial.join(name)).unwrap();
        file.write_all_at(&[3; 700], 0).unwrap();
        file.sync_all().unwrap();
    }
    disk.sync_dir(&partial).unwrap();
    disk.rename(&partial, &whole).unwrap();
    for operations in 0..=recorder.operations() {
        for seed in 0..20 {
            let image = tempfile::tempdir().unwrap();
            recorder.power_cut(operations, seed, image.path()).unwrap();
            let [partial, whole] = [".partial", "whole"].map(|name| image.path().join(name));
            assert!(!(partial.exists() && whole.exists()));
            for name in ["a", "b"].iter().filter(|_| whole.exists()) {
                assert_eq!(fs::read(whole.join(name)).unwrap(), [3; 700]);
            }
        }
    }
    assert!(disk.remove_all(&whole).unwrap());
    assert!(!whole.exists() && !disk.remove_all(&whole).unwrap());
}

#[test]
fn a_full_disk_a_failing_one_and_a_read_only_one_fail_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = Disk::recorded(&recorder);
    let path = dir.path().join("x");
    disk.replace(&path, &[1; 600]).unwrap();
    recorder.set_capacity(1000);
    let full = disk.replace(&path, &[2; 600]).unwrap_err();
    assert!(full.is_full(), "{full}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "room again");
    disk.replace(&path, &[2; 400]).unwrap();
    recorder.heal();
    recorder.fail_from(recorder.operations(), Fault::ReadOnly);
    let refused = disk.replace(&path, &[3; 10]).unwrap_err();
    assert!(refused.to_string().contains("read-only"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), [2; 400]);
    recorder.heal();
    // Whichever operation fails, it is the old one or the new one.
    let operations = {
        let before = recorder.operations();
        disk.replace(&path, &[2; 400]).unwrap();
        recorder.operations() - before
    };
    for at in 0..operations {
        for fault in [Fault::Full, Fault::Io, Fault::ReadOnly] {
            recorder.fail(recorder.operations() + at, fault);
            let done = disk.replace(&path, &[4; 400]);
            let found = fs::read(&path).unwrap();
            assert!(found == [2; 400] || found == [4; 400]);
            assert!(done.is_err() || found == [4; 400]);
            recorder.heal();
            disk.replace(&path, &[2; 400]).unwrap();
        }
    }
}

#[test]
fn a_folder_is_one_process_s() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::system();
    let folder = dir.path().join("data");
    let held = disk.lock(&folder).unwrap();
    let refused = disk.lock(&folder).unwrap_err();
    assert!(matches!(refused, quittance_disk::LockError::InUse(at) if at == folder));
    drop(held);
    disk.lock(&folder).unwrap();
}

/// Of 100 power cuts after a [`Disk::replace`], how many leave anything but the new bytes, if this sync of it is left out.
fn lost_without(site: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    fs::write(&path, OLD).unwrap();
    let recorder = Recorder::with_syncs(dir.path(), Syncs::without(site)).unwrap();
    replaced(&Disk::recorded(&recorder), &path);
    let found = |seed| {
        let image = tempfile::tempdir().unwrap();
        let operations = recorder.operations();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        fs::read(image.path().join("state")).ok()
    };
    (0..100)
        .filter(|seed| found(*seed).as_deref() != Some(&NEW[..]))
        .count()
}

/// One line for all of these tests: it is by that that its syncs are known.
fn replaced(disk: &Disk, path: &Path) {
    disk.replace(path, &NEW).unwrap();
}

#[test]
fn each_sync_of_a_replacement_is_known_by_the_line_that_asks_and_missed_where_it_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let syncs = Syncs::default();
    let recorder = Recorder::with_syncs(dir.path(), syncs.clone()).unwrap();
    replaced(&Disk::recorded(&recorder), &dir.path().join("state"));
    let sites: Vec<_> = syncs.so_far().into_keys().collect();
    assert_eq!(sites.len(), 2, "{sites:?}");
    for site in sites {
        assert!(site.starts_with("disk/tests/power_cuts.rs:"), "{site}");
        assert!(lost_without(&site) > 0, "nobody misses {site}");
    }
    assert_eq!(lost_without("another.rs:1 file"), 0);
}
