//! Two verifiers that have to agree: one vote is none, both make an attestation, and one that dies is waited for.

use contracts::{Address, PrivateKeySigner, Status, U256};
use protocol::Epoch;
use quittance_tests::{World, eventually, noise, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SIZE: usize = 300_000;

/// Fetches the file; how many bytes were signed for.
async fn get(world: &World) -> u64 {
    let out = world.folder("out").join("a");
    let out = out.to_str().expect("UTF-8");
    let get = ["get", "show/a", "--json", "-o", out];
    let got = run(&[&get[..], &["--control", &world.control_url]].concat())
        .await
        .json();
    let nodes = got["nodes"].as_array().expect("a list").iter();
    let signed = nodes.map(|node| node["receipted"].as_u64().expect("a number"));
    signed.sum()
}

/// The account of a part of the network.
fn account(world: &World, name: &str) -> Address {
    let key = fs::read_to_string(world.key_path(name)).expect("the harness wrote it");
    let key: PrivateKeySigner = key.trim().parse().expect("a key");
    key.address()
}

/// Waits until all that an account has sent is mined: what a process that was killed sent last, too.
async fn all_mined(world: &World, name: &str) {
    let account = account(world, name).to_string();
    let sent = world.cast(&["nonce", &account, "--block", "pending"]).await;
    eventually("what it sent to be mined", async || {
        let mined = world.cast(&["nonce", &account]).await;
        (mined == sent).then_some(())
    })
    .await;
}

/// Waits until the first verifier has voted for the epoch that is next, and waits for the other.
async fn voted_alone(world: &World) -> Epoch {
    let status = format!("{}/v1/status", world.verifier_url);
    eventually("the first verifier to have voted", async || {
        let next = world.chain().next_epoch().await.expect("anvil answers");
        let status: Value = world.get_json(&status).await.ok()?;
        let waits = format!("voted for epoch {next}, waiting for others");
        (status["doing"] == waits).then_some(next)
    })
    .await
}

/// Votes for an epoch that made no quorum, by the events; the one that makes it is an attestation.
async fn votes(world: &World, epoch: Epoch) -> usize {
    let settlement = world.deployment.settlement.to_string();
    let event = "EpochVoted(uint64 indexed,address indexed,bytes32,uint256)";
    let epoch = epoch.to_string();
    let logs = ["logs", "--json", "--from-block", "0", "--address"];
    let logs = [&logs[..], &[&settlement, event, &epoch]].concat();
    let found: Vec<Value> = serde_json::from_str(&world.cast(&logs).await).expect("JSON");
    found.len()
}

/// An epoch that nobody but the first verifier voted for is as one that nobody voted for.
async fn is_not_attested(world: &World, epoch: Epoch) {
    let chain = world.chain();
    assert_eq!(chain.status(epoch).await.expect("anvil"), Status::None);
    assert_eq!(chain.attestation_tx(epoch).await.expect("anvil"), None);
    assert_eq!(chain.next_epoch().await.expect("anvil"), epoch);
    assert_eq!(votes(world, epoch).await, 1);
    let audited = world.audit(epoch, &world.verifier_url).await;
    assert_eq!(audited.code, 2, "{}", audited.stderr);
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("UTF-8").to_owned();
        (name, fs::read(path).expect("readable"))
    };
    entries.map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_waits_for_all_votes_of_its_quorum() {
    let mut world = World::start(1, |config| {
        (config.verifiers, config.epoch_seconds) = (2, 6);
    })
    .await;
    assert_eq!(world.chain().quorum().await.expect("anvil answers"), 2);
    world
        .publish_files("show", &[("a", &noise(43, SIZE))])
        .await;

    // One dies: the other votes, and that is all.
    let other = world.others[0].process.take().expect("it runs");
    other.kill().await.expect("ours to kill");
    all_mined(&world, "verifier-1").await;
    let mut bytes = get(&world).await;
    let last = world.epoch();
    let waits = voted_alone(&world).await;
    assert!(waits <= last);
    is_not_attested(&world, waits).await;

    // Killed and started again, the first finds its evidence, and that it has voted.
    let first = world.verifier.take().expect("it runs");
    first.kill().await.expect("ours to kill");
    world.start_verifier().await.expect("it starts");
    assert_eq!(voted_alone(&world).await, waits);

    // Another epoch is due meanwhile: it waits behind.
    let due = world.timeline().attest_from(waits + 1);
    world
        .until("the epoch after it to be due", async |chain| {
            chain.now().await.expect("anvil answers") > due
        })
        .await;
    is_not_attested(&world, waits).await;

    // The second comes back and follows, epoch by epoch.
    bytes += get(&world).await;
    let last = world.epoch().max(last);
    world.start_other(0).await.expect("it starts");
    world.active(last).await;
    let other_dir = world.config.dir.join("verifier-1/evidence");
    let other_url = world.others[0].url.clone();
    for epoch in waits..=last {
        assert_eq!(votes(&world, epoch).await, 1, "epoch {epoch}");
        let own = files(&world.evidence_dir(epoch));
        let others = files(&other_dir.join(epoch.to_string()));
        assert!(own == others, "epoch {epoch}: the evidence differs");
        // From either, both auditors find it to be true.
        world.audit(epoch, &other_url).await.ok();
    }
    let attested = world.chain().attestation_tx(waits).await;
    let attested = attested.expect("anvil answers").expect("it is attested");
    assert_eq!(attested.verifier, account(&world, "verifier-1"));
    let attestation = world.chain().attestation(last).await;
    let attestation = attestation.expect("anvil answers");
    // Archived ones the contract has let go.
    assert!(attestation.is_none_or(|attested| attested.signers == 0b11));

    // What was delivered is counted, and paid.
    let attested = world.attested_bytes(last).await;
    assert_eq!(attested.values().sum::<u64>(), bytes);
    let leaf = world.evidence(last).await.tree.leaves[0];
    assert!(leaf.cumulative > 0);
    let config = world.config_path("node-0");
    let config = config.to_str().expect("UTF-8");
    let claim = ["node", "claim", "--json", "--config", config];
    let claimed = run(&[&claim[..], &["--verifier", &other_url]].concat())
        .await
        .json();
    assert_eq!(claimed["amount"], leaf.cumulative.to_string());
    let paid = world.chain().paid().await.expect("anvil answers");
    assert_eq!(paid, U256::from(leaf.cumulative));
    world.check().expect("nothing ended");
}
