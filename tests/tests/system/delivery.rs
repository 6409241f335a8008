//! The whole path, by the commands an operator and a viewer type; and with the control plane and the
//! verifier killed in the middle of it.

use client::{Client, ClientConfig, ControlApi};
use contracts::U256;
use host::watch;
use host::{Host, Http};
use protocol::{Epoch, NodeId, SignedTicket, TicketLog};
use quittance_tests::raw::Raw;
use quittance_tests::{World, eventually, noise, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const GROUP: usize = 16 << 10;
const MIB: usize = 1 << 20;

/// Path and size: nothing, one byte, around a group, around a slice, several slices and a rest.
const FILES: [(&str, usize); 8] = [
    ("empty", 0),
    ("one.txt", 1),
    ("group/under", GROUP - 1),
    ("group/exact", GROUP),
    ("group/over", GROUP + 1),
    ("deep/er/still/slice-under.ts", MIB - 1),
    ("deep/er/still/slice-over.ts", MIB + 1),
    ("film.mp4", 3 * MIB + 5),
];

/// Bytes under acknowledged receipts, by node, as `quittance get --json` counts them.
fn count(got: &Value, counted: &mut BTreeMap<NodeId, u64>) {
    let nodes = got["nodes"].as_array().expect("nodes");
    for from in nodes {
        let node = from["node"].as_str().expect("an id").parse();
        let bytes = from["bytes"].as_u64().expect("bytes");
        assert_eq!(from["receipted"].as_u64(), Some(bytes), "all is signed for");
        *counted.entry(node.expect("an id")).or_default() += bytes;
    }
}

fn files_in(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it is there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inner = path.strip_prefix(dir).expect("within");
                found.insert(inner.to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_delivered_proven_attested_and_paid() {
    let mut world = World::start(2, |config| config.challenge_seconds = 3).await;
    let contents: Vec<_> = (10..)
        .zip(FILES)
        .map(|(seed, (path, size))| (path, noise(seed, size)))
        .collect();
    let files: Vec<_> = contents
        .iter()
        .map(|(path, bytes)| (*path, &bytes[..]))
        .collect();
    world.publish_files("odd", &files).await;
    let out = world.folder("out");
    let control = world.control_url.clone();
    let get = async |what: &str, to: &Path| {
        let to = to.to_str().expect("UTF-8");
        run(&["get", what, "--control", &control, "--json", "-o", to]).await
    };
    let mut counted = BTreeMap::new();

    // A whole collection: exactly its files.
    let whole = out.join("whole");
    count(&get("odd", &whole).await.json(), &mut counted);
    let paths = FILES.iter().map(|(path, _)| (*path).to_owned());
    assert_eq!(files_in(&whole), paths.collect());
    for (path, bytes) in &contents {
        assert!(
            fs::read(whole.join(path)).expect("there") == *bytes,
            "{path}"
        );
    }
    // One file, over an older one.
    let one = out.join("one");
    fs::write(&one, "what was here before").expect("ours");
    for (path, bytes) in [&contents[4], &contents[0], &contents[6]] {
        count(
            &get(&format!("odd/{path}"), &one).await.json(),
            &mut counted,
        );
        assert!(fs::read(&one).expect("there") == *bytes, "{path}");
    }
    assert_eq!(
        files_in(&out).len(),
        FILES.len() + 1,
        "no temporary files stay"
    );
    // To standard output. It prints no count: what was signed there is the last file.
    let ran = run(&["get", "odd/film.mp4", "--control", &control, "-o", "-"])
        .await
        .ok();
    let (path, film) = &contents[7];
    assert!(ran.stdout == *film, "{path}");
    let piped = film.len() as u64;

    // Everything that was counted is attested, to the byte.
    let last = world.epoch();
    world.active(last).await;
    let attested = world.attested_bytes(last).await;
    let (counted_sum, attested_sum) = (
        counted.values().sum::<u64>(),
        attested.values().sum::<u64>(),
    );
    assert_eq!(attested_sum, counted_sum + piped);
    for (node, bytes) in &attested {
        let told = counted.get(node).copied().unwrap_or_default();
        assert!(
            [told, told + piped].contains(bytes),
            "{node}: {bytes}, told {told}"
        );
    }
    check_logs(&world, last).await;

    // Whoever audits finds the same, from a verifier or from a folder; altered evidence is none.
    for epoch in 0..=last {
        world.audit(epoch, &world.verifier_url).await.ok();
    }
    let folder = world.evidence_dir(last);
    let kept = folder.to_str().expect("UTF-8");
    world.audit(last, kept).await.ok();
    let altered = world.folder("altered");
    for entry in fs::read_dir(&folder).expect("there") {
        let path = entry.expect("readable").path();
        fs::copy(&path, altered.join(path.file_name().expect("a file"))).expect("ours");
    }
    let tree = altered.join("tree.qtree");
    let mut bytes = fs::read(&tree).expect("there");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&tree, bytes).expect("ours");
    let judged = world.audit(last, altered.to_str().expect("UTF-8")).await;
    assert_eq!(judged.code, 2, "{}", judged.stderr);

    claims(&mut world, last).await;
    world.check().expect("nothing ended");
}

/// Each node claims what its leaf says, once.
async fn claims(world: &mut World, last: Epoch) {
    let rewards: Vec<_> = world.evidence(last).await.tree.leaves;
    assert!(rewards.iter().any(|leaf| leaf.cumulative > 0));
    let registered = world.chain().nodes().await.expect("anvil answers");
    let mut sum = U256::ZERO;
    for (index, node) in registered.iter().enumerate() {
        let balance = async || {
            world
                .chain()
                .token_balance(node.payout)
                .await
                .expect("anvil")
        };
        let before = balance().await;
        let config = world.config_path(&format!("node-{index}"));
        let config = config.to_str().expect("UTF-8");
        let args = [
            "node",
            "claim",
            "--config",
            config,
            "--verifier",
            &world.verifier_url,
            "--json",
        ];
        let claimed = run(&args).await.json();
        // Nothing was delivered since, so later epochs add nothing.
        let due = U256::from(rewards[index].cumulative);
        assert_eq!(claimed["amount"], due.to_string());
        assert_eq!(balance().await - before, due);
        sum += due;
        let again = run(&args).await.json();
        assert_eq!(
            (&again["amount"], &again["tx"]),
            (&"0".into(), &Value::Null)
        );
        assert_eq!(balance().await - before, due);
    }
    assert_eq!(world.chain().paid().await.expect("anvil"), sum);
}

/// The committed logs are what the control plane hands out; gives them.
async fn check_logs(world: &World, last: Epoch) -> Vec<TicketLog> {
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let mut logs = Vec::new();
    for epoch in 0..=last {
        let bytes = api.ticket_log(epoch).await.expect("it is over");
        let log = TicketLog::from_bytes(&bytes).expect("a ticket log");
        let root = log.root().expect("it fits");
        if root.count > 0 {
            let committed = world.chain().ticket_log(epoch, 0).await.expect("anvil");
            assert_eq!(committed, Some(root.hash()), "epoch {epoch}");
        }
        assert_eq!(log, world.evidence(epoch).await.log, "epoch {epoch}");
        logs.push(log);
    }
    logs
}

/// Asks for tickets until the control plane is gone; all that came.
async fn tickets_until_gone(control: String, came: watch::Sender<usize>) -> Vec<SignedTicket> {
    let raw = Raw::new(&control);
    let mut tickets = Vec::new();
    while let Some(routed) = raw.try_route("film").await {
        tickets.extend(routed.nodes.iter().map(|node| node.ticket));
        came.send_replace(tickets.len());
    }
    tickets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_dies_gives_no_ticket_twice_and_forgets_none() {
    // A node finds out by its idle timeout, 20 s, that the control plane isn't there any more: both sides
    // of that are to be in one epoch.
    let mut world = World::start(1, |config| config.epoch_seconds = 40).await;
    let film = noise(20, 2 * MIB);
    world.publish_files("film", &[("film.ts", &film)]).await;
    let client =
        Client::new(ClientConfig::on(Host::system(), &world.control_url)).expect("a socket");
    let epoch = world.epoch_with(30).await;
    let mut bytes = Vec::new();
    let part = 0..MIB as u64;
    let rest = part.end..film.len() as u64;
    let before = client
        .fetch("film", "film.ts", Some(part), &mut bytes)
        .await;
    before.expect("it is delivered");

    // Killed while it gives out tickets.
    let (came, mut watched) = watch::channel(0);
    let asking = tokio::spawn(tickets_until_gone(world.control_url.clone(), came));
    let enough = watched.wait_for(|came| *came >= 20).await;
    enough.expect("it gives out tickets");
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    let mut tickets = asking.await.expect("no panic");
    let given = tickets.len();

    // Who has a session needs no control plane.
    let after = client
        .fetch("film", "film.ts", Some(rest), &mut bytes)
        .await;
    after.expect("it is delivered all the same");
    assert!(bytes == film);
    let summary = client.finish().await;
    let acked = summary.nodes.values().map(|node| node.bytes_acked);
    assert_eq!(acked.sum::<u64>(), film.len() as u64);

    world.start_control().await.expect("it comes up again");
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let kept = api.collections().await.expect("it answers");
    assert_eq!(kept.len(), 1, "published is published");
    world.wait_for_nodes(1).await.expect("the node comes back");
    let raw = Raw::new(&world.control_url);
    for _ in 0..5 {
        let routed = raw.route("film").await.nodes;
        tickets.extend(routed.iter().map(|node| node.ticket));
    }
    let ids: BTreeSet<_> = tickets.iter().map(|ticket| ticket.peek().id).collect();
    assert_eq!(ids.len(), tickets.len(), "no id is given twice");
    let (before, after) = tickets.split_at(given);
    for id in after.iter().map(|ticket| ticket.peek().id) {
        let older = before.iter().map(|ticket| ticket.peek().id);
        assert!(id.epoch == epoch && older.max() < Some(id), "{id:?}");
    }

    world.attested(epoch).await;
    let logs = check_logs(&world, epoch).await;
    for ticket in tickets.iter().map(SignedTicket::peek) {
        let logged = logs[ticket.id.epoch as usize].ticket(ticket.id.index);
        assert_eq!(logged, Some(ticket), "what left stands in the log");
    }
    let attested = world.attested_bytes(epoch).await;
    assert_eq!(attested.values().sum::<u64>(), film.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verifier_that_dies_attests_every_epoch_once() {
    let mut world = World::start(1, |config| config.epoch_seconds = 6).await;
    world.publish_files("show", &[("a", &noise(21, 100))]).await;
    let begun = world.epoch();
    for round in 0..4 {
        let epoch = begun + round;
        let (_connection, mut session) = Raw::new(&world.control_url).ready("show").await;
        let receipt = session.receipt(1, 100);
        assert_eq!(session.sign(receipt).await, Ok(1));
        let sent = world.sent_by_verifier().await;
        // Killed when it has judged and may be sending; when that is on its way; when it is mined.
        let evidence = world.evidence_dir(epoch);
        eventually("evidence to be written", async || {
            evidence.is_dir().then_some(())
        })
        .await;
        match round {
            0 => {}
            1 => {
                eventually("the vote to be on its way", async || {
                    (world.sent_by_verifier().await > sent).then_some(())
                })
                .await
            }
            _ => world.attested(epoch).await,
        }
        let verifier = world.verifier.take().expect("it runs");
        verifier.kill().await.expect("ours to kill");
        world.start_verifier().await.expect("it comes up again");
    }
    let last = world.epoch();
    world.active(last).await;
    let verifier = world.verifier.take().expect("it runs");
    verifier.stop().await.expect("it ends when told to");

    let settlement = world.deployment.settlement.to_string();
    let event = "EpochAttested(uint64 indexed,address indexed,(bytes32,bytes32,bytes32,bytes32),bytes32,uint32,uint32,uint32,uint96)";
    let logs = world
        .cast(&[
            "logs",
            "--json",
            "--from-block",
            "0",
            "--address",
            &settlement,
            event,
        ])
        .await;
    let logs: Vec<Value> = serde_json::from_str(&logs).expect("JSON");
    let epochs = logs.iter().map(|log| {
        let topic = log["topics"][1].as_str().expect("the epoch");
        u64::from_str_radix(topic.trim_start_matches("0x"), 16).expect("a number")
    });
    let attested = world.chain().next_epoch().await.expect("anvil answers");
    assert!(attested > last);
    assert_eq!(
        epochs.collect::<Vec<_>>(),
        (0..attested).collect::<Vec<_>>()
    );
    // Nor was anything sent that the contract refused.
    let account = format!(
        "0x{}",
        &logs[0]["topics"][2].as_str().expect("the verifier")[26..]
    );
    let sent = world.cast(&["nonce", &account]).await;
    // Its first two transactions approved and posted its bond.
    assert_eq!(sent, (attested + 2).to_string());
    world.attested_bytes(last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_from_the_chain_is_mined() {
    let mut world = World::start(1, |config| config.epoch_seconds = 6).await;
    let epoch = world.epoch();
    for epoch in epoch..epoch + 2 {
        world
            .until("the epoch's attestation", async |chain| {
                chain.attestation(epoch).await.expect("anvil").is_some()
            })
            .await;
        // A transaction that is only waiting may never be mined.
        let event = world.chain().attestation_tx(epoch).await.expect("anvil");
        assert!(
            event.is_some(),
            "epoch {epoch} is read as attested before it is"
        );
    }
}
