//! `quittance why`: every ticket of a node in one state, every rejected record with its reason, every sum written out.

use contracts::{Chain, ChainConfig, PrivateKeySigner, Statement};
use host::Http;
use protocol::{Record, Segment, TicketId};
use quittance_tests::raw::Raw;
use quittance_tests::{Ran, World, eventually, noise, run};
use serde_json::Value;
use std::fs;
use verifier::{EvidenceSource, EvidenceStore};

async fn why(world: &World, evidence: &str, line: &str) -> Ran {
    let settlement = world.deployment.settlement.to_string();
    let chain = ["--rpc", &world.rpc, "--settlement", &settlement];
    let what: Vec<_> = line.split(' ').collect();
    run(&[&["why"], &what[..], &chain, &["--evidence", evidence]].concat()).await
}

/// A session's receipt for so many bytes, signed and kept by the node.
async fn signed(world: &World, raw: &Raw, node: usize, bytes: u64) -> Record {
    let routed = raw.route("show").await.nodes;
    let mut of_node = routed.iter().filter(|one| one.node == world.nodes[node].id);
    let routed = of_node.next().expect("both nodes hold it");
    let connection = raw.connect(routed.node, &routed.address).await;
    let session = raw.session(&connection, routed.ticket).await;
    let mut session = session.expect("a fresh ticket is good");
    let receipt = session.receipt(1, bytes);
    assert_eq!(session.sign(receipt).await, Ok(1));
    Record {
        id: session.ticket.id,
        receipt,
        signature: receipt.sign(&raw.key).signature,
    }
}

fn lines<'a>(told: &'a Value, state: &str) -> &'a [Value] {
    let lines = told[state]["lines"].as_array();
    lines.unwrap_or_else(|| panic!("no {state} in {told}"))
}

fn shown(id: TicketId) -> String {
    format!("{}:{}:{}", id.epoch, id.issuer, id.index)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_how_each_reward_came_about() {
    let mut world = World::start(2, |config| {
        config.epoch_seconds = 12;
        config.force_seconds = 8;
    })
    .await;
    world
        .publish_files("show", &[("a", &noise(51, 5000))])
        .await;
    world.wait_for_nodes(2).await.expect("both are there");
    let epoch = world.epoch_with(8).await;
    let raw = Raw::new(&world.control_url);
    let mut records = vec![
        signed(&world, &raw, 0, 600).await,
        signed(&world, &raw, 0, 700).await,
    ];
    let forced = signed(&world, &raw, 1, 800).await;
    let all = [&records[0], &records[1], &forced];
    assert!(all.iter().all(|record| record.id.epoch == epoch));

    // One operator hands in more than was signed, and something that nobody granted.
    world.kill_node(0).await;
    let honest = records[0];
    let altered = records[1].id;
    records[1].receipt.bytes += 100;
    let mut invented = honest;
    invented.id.index = 1000;
    records.push(invented);
    let network = world.chain().network_id();
    let forged = Segment::new(network, epoch, world.nodes[0].id, records);
    let forged = forged.expect("in order").to_bytes();
    fs::write(world.segment_path(0, epoch), forged).expect("ours");
    world.start_node(0).expect("it starts");
    // The other one trusts no verifier.
    world.segment(1, epoch).await;
    let config = world.config_path("node-1");
    let number = epoch.to_string();
    let force = ["node", "force", "--epoch", &number, "--config"];
    let force = [&force[..], &[config.to_str().expect("UTF-8")]].concat();
    eventually("the force window", async || {
        (run(&force).await.code == 0).then_some(())
    })
    .await;

    let url = world.verifier_url.clone();
    let early = why(&world, &url, &format!("--node 0 --epoch {epoch}")).await;
    assert_eq!(early.code, 2);
    early.fails(&["isn't attested"]);
    world.attested(epoch).await;
    let evidence = world.evidence(epoch).await;
    let line = format!("--node 0 --epoch {epoch} --json");
    let told = why(&world, &url, &line).await.json();
    assert_eq!(told["verdict"], "true", "{told}");

    // Each ticket is in one state.
    let [counted] = lines(&told, "counted") else {
        panic!("one record counts: {told}");
    };
    assert_eq!(counted["ticket"], honest.id.to_string());
    assert_eq!(
        (&counted["bytes"], &counted["forced"]),
        (&600.into(), &false.into())
    );
    let rejected = lines(&told, "rejected");
    let reasons: Vec<_> = rejected
        .iter()
        .map(|line| (&line["code"], &line["reason"]))
        .collect();
    let expected = [
        (9.into(), "bad_signature".into()),
        (1.into(), "unknown_ticket".into()),
    ];
    assert_eq!(
        reasons,
        expected.each_ref().map(|(code, reason)| (code, reason))
    );
    for line in rejected {
        let meaning = line["meaning"].as_str().expect("a sentence");
        assert!(meaning.len() > 30 && meaning.ends_with('.'), "{meaning}");
    }
    assert!(rejected[1]["client"].is_null(), "nobody granted it");
    let granted = evidence.log.tickets().iter();
    let granted = granted
        .filter(|ticket| ticket.node == world.nodes[0].id)
        .count();
    assert_eq!(told["tickets_granted"], granted);
    assert_eq!(told["unredeemed"]["count"], granted - 2);

    // The sums are those that are attested.
    let (leaf, charge) = (&evidence.tree.leaves[0], &evidence.charges.leaves[0]);
    assert_eq!(told["reward"]["amount"], leaf.reward.to_string());
    assert_eq!(told["charges"][0]["amount"], charge.amount.to_string());
    assert_eq!(told["charges"][0]["bytes"], 600);
    let price = world.chain().parameters().price_per_gib;
    let worth = told["charges"][0]["arithmetic"][0]
        .as_str()
        .expect("a line");
    let product = format!(
        "⌊600 · {price} · 1000000 / (1073741824 · 1000000)⌋ = {}",
        leaf.reward
    );
    assert!(worth.contains(&product), "{worth}");

    // For people, by the node's id, from a folder.
    let dir = world.evidence_dir(epoch);
    let dir = dir.to_str().expect("UTF-8");
    let line = format!("--node {} --epoch {epoch}", world.nodes[0].id);
    let text = why(&world, dir, &line).await.ok();
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    for words in [
        "bad_signature (code 9): The signature is not",
        "unknown_ticket (code 1)",
        "never redeemed",
        "rounded down to the payer's side",
        "all of it is what is attested",
    ] {
        assert!(text.contains(words), "{words:?} isn't in {text}");
    }

    // One ticket, and no lines at all.
    let line = format!("--node 0 --ticket {} --json", shown(altered));
    let one = why(&world, &url, &line).await.json();
    assert_eq!(lines(&one, "rejected").len(), 1);
    assert_eq!(lines(&one, "counted"), [Value::Null; 0]);
    assert_eq!(one["rejected"]["count"], 2, "of all");
    assert_eq!(one["reward"], told["reward"]);
    let line = format!("--node 0 --epoch {epoch} --limit 0 --json");
    let none = why(&world, &url, &line).await.json();
    assert_eq!(lines(&none, "unredeemed"), [Value::Null; 0]);
    assert_eq!(none["unredeemed"]["count"], granted - 2);

    // What was forced.
    let line = format!("--node 1 --epoch {epoch} --json");
    let told = why(&world, &url, &line).await.json();
    assert_eq!(told["verdict"], "true", "{told}");
    assert_eq!(told["records_forced"], 1);
    let counted = &lines(&told, "counted")[0];
    assert_eq!(counted["ticket"], forced.id.to_string());
    assert_eq!(counted["forced"], true);

    // What can't be told says why, and ends with 2.
    let undecided = async |evidence: &str, line: &str, words: &[&str]| {
        let ran = why(&world, evidence, line).await;
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        ran.fails(words);
    };
    let ticket = shown(forced.id);
    undecided(
        &url,
        &format!("--node 0 --ticket {ticket}"),
        &["isn't one of node 0's"],
    )
    .await;
    undecided(
        &url,
        &format!("--node 2 --epoch {epoch}"),
        &["there is no node 2"],
    )
    .await;
    let other = format!("--node 0 --epoch {} --ticket {ticket}", epoch + 1);
    undecided(&url, &other, &["leave --epoch out"]).await;
    let forged = world.folder("forged");
    for file in fs::read_dir(dir).expect("the verifier's") {
        let file = file.expect("readable");
        fs::copy(file.path(), forged.join(file.file_name())).expect("ours");
    }
    fs::write(forged.join("rejections.json"), "[]").expect("ours");
    let forged = forged.to_str().expect("UTF-8");
    undecided(
        forged,
        &format!("--node 0 --epoch {epoch}"),
        &["rejections.json"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_attested_and_does_not_follow_is_told() {
    let mut world = World::start(1, |config| config.epoch_seconds = 12).await;
    world
        .publish_files("show", &[("a", &noise(52, 5000))])
        .await;
    let epoch = world.epoch_with(8).await;
    let raw = Raw::new(&world.control_url);
    let record = signed(&world, &raw, 0, 900).await;
    assert_eq!(record.id.epoch, epoch);
    world
        .until("the epochs before to be attested", async |chain| {
            chain.next_epoch().await.expect("anvil answers") >= epoch
        })
        .await;
    // From now on a verifier that has no vote judges, and another one attests a lower score than follows.
    let control = world.control_url.clone();
    let restarted = world.restart_verifier("deployer", &[control]).await;
    restarted.expect("it starts");
    let honest = world.evidence_dir(epoch);
    eventually("the epoch to be judged", async || {
        honest.join("bundle.json").exists().then_some(())
    })
    .await;
    let network = world.chain().network_id();
    let source = EvidenceSource::Directory(honest);
    let evidence = source.read(network, epoch, None).await;
    let (mut evidence, _) = evidence.expect("it is whole");
    evidence.trees.nodes.leaves[0].sla_ppm -= 1;
    let folder = world.folder("false");
    let hash = EvidenceStore::open(&disk::Disk::system(), &folder)
        .expect("ours")
        .write(&evidence);
    let statement = protocol::Statement {
        epoch,
        trees: evidence.trees.roots().expect("amounts fit"),
        evidence: hash.expect("ours"),
    };
    let key = fs::read_to_string(world.key_path("verifier")).expect("the harness wrote it");
    let key: PrivateKeySigner = key.trim().parse().expect("it is a key");
    let liar = ChainConfig::new(
        &Http::system(),
        world.rpc.clone(),
        world.deployment.settlement,
    )
    .with_key(key);
    let liar = Chain::connect(&liar).await.expect("anvil answers");
    let attested = liar.attest(&Statement::from(&statement)).await;
    attested.expect("it is the next epoch, and has a quorum");

    let folder = folder.to_str().expect("UTF-8");
    let line = format!("--node 0 --epoch {epoch}");
    let told = why(&world, folder, &line).await;
    assert_eq!(told.code, 1, "{}", told.stderr);
    let text = String::from_utf8(told.stdout).expect("UTF-8");
    for words in [
        "NOT what is attested",
        "the score is 1000000; attested is 999999",
    ] {
        assert!(text.contains(words), "{words:?} isn't in {text}");
    }
    let told = why(&world, folder, &format!("{line} --json")).await;
    assert_eq!(told.code, 1);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["verdict"], "false");
    assert_eq!(
        lines(&told, "counted").len(),
        1,
        "the receipts are as they were"
    );
}
