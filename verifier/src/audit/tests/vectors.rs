//! `tests/vectors/evidence.json`: evidence changed in many ways, each with the verdict that the SPEC has for it.

use super::flips::{Files, Folder};
use super::*;
use crate::evidence::{BUNDLE_FILE, Bundle};
use crate::fixture::{Golden, hex_bytes};
use serde_json::Value;

/// What the chain says of the golden epoch.
fn golden_facts(golden: &Golden) -> AuditFacts {
    let before = before(Some(&golden.previous)).unwrap();
    let trees = golden.trees.roots().unwrap();
    let (network, epoch) = (golden.trees.nodes.network, golden.trees.nodes.epoch);
    let log = committed(&golden.log);
    AuditFacts {
        epoch: EpochFacts {
            network,
            epoch,
            timeline: golden.timeline.clone(),
            terms: golden.terms,
            nodes: golden.nodes(),
            payers: golden.payers.clone(),
            committed: [(log.issuer, log.root)].into(),
            forced: BTreeMap::new(),
            previous: Some(before.roots),
        },
        attested: attest(epoch, &trees, trees.nodes.mass().amount(), before.total),
        bills_top: None,
        before: Some(before),
        later_payers: Vec::new(),
        logs: vec![log],
        forced: Vec::new(),
        funded: u128::MAX,
        open_until: Some(100),
        now: 1,
    }
}

/// Makes a change of a vector to what there is.
fn change(files: &mut Files, change: &Value) {
    let text = |name: &str| change[name].as_str();
    let name = text("file").unwrap().to_owned();
    if let Some(of) = text("of") {
        files.insert(name, files[of].clone());
    } else if let Some(bytes) = text("bytes") {
        files.insert(name, hex_bytes(bytes));
    } else if let Some(at) = change["at"].as_u64() {
        let (at, remove) = (at as usize, change["remove"].as_u64().unwrap() as usize);
        let insert = hex_bytes(text("insert").unwrap());
        let file = files.get_mut(&name).unwrap();
        file.splice(at..at + remove, insert);
    } else if let (Some(old), Some(new)) = (text("text"), text("instead")) {
        let before = String::from_utf8(files[&name].clone()).unwrap();
        assert!(before.contains(old), "{name} has no {old}");
        files.insert(name, before.replacen(old, new, 1).into_bytes());
    } else {
        assert!(change["bytes"].is_null());
        files.remove(&name).unwrap();
    }
}

#[test]
fn the_verdicts_of_the_vectors_are_ours() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/evidence.json"
    );
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let golden = Golden::load();
    let facts = golden_facts(&golden);
    let evidence = golden.files();
    let honest = evidence.files();
    let bundle = evidence.bundle(&honest);
    let mut folder = Folder::new();
    let cases = vectors["cases"].as_array().unwrap();
    for case in cases {
        let list = |name: &str| case[name].as_array().unwrap().iter();
        let is_of_bundle = |change: &&Value| change["file"] == BUNDLE_FILE;
        let mut files = honest.clone();
        let of_files = list("attested").filter(|change| !is_of_bundle(change));
        of_files.for_each(|one| change(&mut files, one));
        let bundle = Bundle {
            files: Bundle::files_of(&files),
            ..bundle.clone()
        };
        files.insert(BUNDLE_FILE.to_owned(), bundle.to_bytes());
        let of_bundle = list("attested").filter(is_of_bundle);
        of_bundle.for_each(|one| change(&mut files, one));
        let attested = files[BUNDLE_FILE].clone();
        list("at_hand").for_each(|one| change(&mut files, one));
        let report = folder.audit_all(&facts, files, &attested);
        let (verdict, name) = (serde_json::to_value(report.verdict).unwrap(), &case["name"]);
        let (reasons, lies) = (&report.reasons, &report.lies);
        assert_eq!(verdict, case["verdict"], "{name}: {reasons:?} {lies:?}");
    }
    assert!(cases.len() > 700);
}
