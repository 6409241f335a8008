//! `quittance testnet --lie`: every lie that a challenge shows is told among real processes, found, overturned and
//! paid for; then the truth is attested, and both auditors say so.

use contracts::challenge::Kind;
use quittance_tests::independent::{OnChain, agree_on_all};
use quittance_tests::{Scratch, binary, run, turn};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use testnet::Process;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// A whole network in which some fifty lies fall one after the other takes three minutes; this is on a machine that is
/// busy besides.
const PATIENCE: Duration = Duration::from_secs(900);
const LOOK: Duration = Duration::from_millis(200);

fn amount(value: &Value) -> u128 {
    let text = value.as_str().expect("amounts are strings");
    text.parse().expect("they are numbers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lie_is_told_found_overturned_and_followed_by_the_truth() {
    let _turn = turn().await;
    let scratch = Scratch::new();
    let (data, json) = (scratch.path().join("net"), scratch.path().join("lies.json"));
    let mut command = Command::new(binary());
    command.args(["testnet", "--lie", "all", "--stay", "--data"]);
    command.arg(&data).arg("--json").arg(&json);
    let log = scratch.path().join("log");
    let mut testnet = Process::spawn("testnet", command, &log).expect("it can be started");
    // The file is made empty, and has the report when all has gone well.
    let report = async {
        loop {
            let text = fs::read_to_string(&json).unwrap_or_default();
            if let Ok(report) = serde_json::from_str::<Value>(&text) {
                return Ok(report);
            }
            testnet.check().map_err(|error| format!("{error:#}"))?;
            sleep(LOOK).await;
        }
    };
    let report: Result<Value, String> = timeout(PATIENCE, report)
        .await
        .unwrap_or_else(|_| Err("the testnet goes on and on".to_owned()));
    let agreed = match &report {
        Ok(report) => agreed(report, data.join("verifier/evidence")).await,
        Err(_) => Ok(0),
    };
    // Before anything else is looked at: killed, it would leave its network behind.
    let ended = testnet.stop().await;
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(ended.expect("it stops in order").success());
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

    let epochs = agreed.unwrap_or_else(|error| panic!("the auditors disagree: {error}"));
    assert!(epochs > epoch.as_u64().expect("a number"));
}

/// Has both auditors audit every epoch that stands in the end; how many there are.
async fn agreed(report: &Value, evidence: PathBuf) -> Result<u64, String> {
    let text = |name| report["chain"][name].as_str().map(str::to_owned);
    let chain = OnChain {
        rpc: text("rpc").ok_or("the report has no URL")?,
        settlement: text("settlement").ok_or("the report has no address")?,
    };
    let agreed = tokio::task::spawn_blocking(move || {
        agree_on_all(&chain, |epoch| evidence.join(epoch.to_string()))
    });
    agreed.await.expect("no panic")
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
