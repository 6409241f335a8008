//! `quittance testnet --lie`: every lie that a challenge shows is told among real processes, found, overturned and
//! paid for; then the truth is attested, and both auditors say so.

use contracts::challenge::Kind;
use quittance_tests::independent::{OnChain, agree};
use quittance_tests::{Scratch, binary, run, turn};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testnet::{LieOptions, Standing, Witness, run_lies};
use tokio_util::sync::CancellationToken;

fn amount(value: &Value) -> u128 {
    let text = value.as_str().expect("amounts are strings");
    text.parse().expect("they are numbers")
}

/// Has the other auditor look at what is attested, too: of a lie both say so, and of the truth.
fn look(standing: &Standing) -> Result<(), String> {
    let chain = OnChain {
        rpc: standing.rpc.clone(),
        settlement: standing.settlement.to_string(),
    };
    let evidence = standing.evidence.to_str().expect("named in UTF-8");
    let lie = standing.lie.map_or("the truth", Kind::function);
    match agree(&chain, standing.epoch, evidence) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{lie} isn't attested")),
        Err(error) => Err(format!("of {lie} the auditors disagree: {error}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lie_is_told_found_overturned_and_followed_by_the_truth() {
    let _turn = turn().await;
    let scratch = Scratch::new();
    let json = scratch.path().join("lies.json");
    let looked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked);
    let options = LieOptions {
        binary: binary(),
        kinds: Kind::ALL.to_vec(),
        data: Some(scratch.path().join("net")),
        stay: false,
        json: Some(json.clone()),
        witness: Some(Witness::new(move |standing| {
            count.fetch_add(1, Ordering::Relaxed);
            look(standing)
        })),
    };
    let done = run_lies(options, CancellationToken::new()).await;
    done.unwrap_or_else(|error| panic!("{error:#}"));
    let report = fs::read(&json).expect("the report was asked for");
    let report: Value = serde_json::from_slice(&report).expect("JSON");

    let lies = report["lies"].as_array().expect("a list");
    let told: BTreeSet<_> = lies.iter().filter_map(|lie| lie["kind"].as_str()).collect();
    let all: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.function()).collect();
    assert_eq!(told, all);
    let epoch = &report["honest"]["epoch"];
    for lie in lies {
        let fell = match lie["who"].as_str() {
            Some("verifier") => serde_json::json!([epoch, epoch]),
            _ => Value::Null,
        };
        assert_eq!(lie["overturned"], fell, "{lie}");
        assert_eq!(amount(&lie["lost"]) / 2, amount(&lie["credited"]), "{lie}");
        assert!(
            lie["commit_tx"].is_string() && lie["tx"].is_string(),
            "{lie}"
        );
    }
    let credited: u128 = lies.iter().map(|lie| amount(&lie["credited"])).sum();
    let bounties = report["bounties"].as_array().expect("a list");
    let bounties: u128 = bounties
        .iter()
        .map(|bounty| amount(&bounty["amount"]))
        .sum();
    assert_eq!(credited, bounties);
    let claims = report["claims"].as_array().expect("a list");
    let claims: u128 = claims.iter().map(|claim| amount(&claim["amount"])).sum();
    assert!(
        claims >= amount(&report["honest"]["total_reward"]),
        "{report}"
    );
    assert_eq!(report["audit_ok"], true);

    // All that verifiers attested: lies, the truth, and the epochs before.
    let attested = lies.iter().filter(|lie| lie["who"] == "verifier").count();
    let epochs = epoch.as_u64().expect("a number") as usize + 1;
    assert_eq!(looked.load(Ordering::Relaxed), attested + epochs);
}

#[tokio::test]
async fn all_lies_are_listed_and_others_refused() {
    let help = run(&["testnet", "--lie", "help"]).await.ok();
    let help = String::from_utf8(help.stdout).expect("text");
    for kind in Kind::ALL {
        let mut lines = help.lines().map(str::split_whitespace);
        let told = lines.any(|mut words| words.next() == Some(kind.function()));
        assert!(told, "{kind} isn't listed");
    }
    run(&["testnet", "--lie", "wrongScore,white"])
        .await
        .fails(&["white", "--lie help"]);
}
