//! Claims that prove less: proofs shortened by the verifier itself, and by hand.

use contracts::Status;
use protocol::Epoch;
use quittance_tests::raw::Raw;
use quittance_tests::{Ran, World, eventually, noise, run};

/// What the data of `claimPacked(bytes)` begins with: selector, offset, length.
const ABI_BYTES: usize = 4 + 32 + 32;
/// What a packed claim begins with: the number of nodes, and the leaf.
const LEAF_BYTES: usize = 4 + 99;
/// Bytes of a proof for each level.
const LEVEL_BYTES: usize = 47;

/// `quittance contracts …`, by somebody who has no part in the network but gas.
async fn contracts(world: &World, command: &str) -> Ran {
    let settlement = world.deployment.settlement.to_string();
    let key = world.key_path("deployer");
    let key = key.to_str().expect("UTF-8");
    let by = ["--rpc", &world.rpc, "--settlement", &settlement];
    let who = ["--eth-key-file", key, "--json"];
    let words: Vec<_> = command.split(' ').collect();
    run(&[&["contracts"], &words[..], &by, &who].concat()).await
}

async fn shorten(world: &World, levels: &str) -> Ran {
    let command = format!(
        "shorten-proofs --levels {levels} --verifier {}",
        world.verifier_url
    );
    contracts(world, &command).await
}

/// Every node delivers something in the epoch that is returned.
async fn all_deliver(world: &World, nodes: usize) -> Epoch {
    let raw = Raw::new(&world.control_url);
    let routed = eventually("all nodes to have the content", async || {
        world.epoch_with(4).await;
        let routed = raw.route("show").await.nodes;
        (routed.len() == nodes).then_some(routed)
    })
    .await;
    let mut epochs = Vec::new();
    for routed in routed {
        let connection = raw.connect(routed.node, &routed.address).await;
        let session = raw.session(&connection, routed.ticket).await;
        let mut session = session.expect("a fresh ticket is good");
        let receipt = session.receipt(1, 1000);
        assert_eq!(session.sign(receipt).await, Ok(1));
        epochs.push(session.ticket.id.epoch);
    }
    epochs.into_iter().max().expect("there are nodes")
}

/// The verifier votes no more, but goes on otherwise; gives the epoch that it attested last, when that is active.
async fn last_attested(world: &mut World) -> Epoch {
    let chain = world.chain_as("verifier").await.expect("it has an account");
    chain.unbond().await.expect("it has a bond");
    let mut last = 0;
    world
        .until("the last epoch to be active", async |chain| {
            let next = chain.next_epoch().await.expect("anvil answers");
            last = next.checked_sub(1).expect("one was attested");
            let status = chain.status(last).await.expect("anvil answers");
            status == Status::Active
        })
        .await;
    last
}

/// SIGKILLs the verifier.
async fn kill_verifier(world: &mut World) {
    let verifier = world.verifier.take().expect("it runs");
    verifier.kill().await.expect("ours to kill");
}

/// Has a node claim what it earned, and gives how many levels its proof had.
async fn levels_proven(world: &World, node: usize, epoch: Epoch) -> usize {
    let config = world.config_path(&format!("node-{node}"));
    let config = config.to_str().expect("UTF-8");
    let claim = ["node", "claim", "--json", "--verifier", &world.verifier_url];
    let claimed = run(&[&claim[..], &["--config", config]].concat())
        .await
        .json();
    assert_eq!(claimed["epoch"], epoch);
    assert_ne!(claimed["amount"], "0");
    let tx = claimed["tx"].as_str().expect("something was claimed");
    let input = world.cast(&["tx", tx, "input"]).await;
    let length = &input["0x".len()..][2 * (ABI_BYTES - 8)..2 * ABI_BYTES];
    let length = usize::from_str_radix(length, 16).expect("hexadecimal");
    let proof = length - LEAF_BYTES;
    assert_eq!(proof % LEVEL_BYTES, 0);
    proof / LEVEL_BYTES
}

/// By how many levels proofs were shortened, each time.
async fn shortened(world: &World) -> Vec<u64> {
    let vault = world.deployment.vault.to_string();
    let event = "ProofsShortened(uint64 indexed epoch, uint256 levels)";
    let logs = ["logs", "--json", "--from-block", "0", "--address", &vault];
    let logs = world.cast(&[&logs[..], &[event]].concat()).await;
    let logs: Vec<serde_json::Value> = serde_json::from_str(&logs).expect("JSON");
    let levels = logs.iter().map(|log| {
        let data = log["data"].as_str().expect("data").trim_start_matches("0x");
        u64::from_str_radix(data, 16).expect("one word")
    });
    levels.collect()
}

async fn levels(world: &World) -> u8 {
    let settled = world.chain().settled().await.expect("anvil answers");
    settled.expect("the vault pays").levels
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verifier_shortens_proofs_and_so_may_anybody() {
    let mut world = World::start(3, |config| {
        config.verifier_config = "shorten_from = 3\n".into();
    })
    .await;
    shorten(&world, "2")
        .await
        .fails(&["no epoch is settled yet"]);
    world
        .publish_files("show", &[("a", &noise(19, 5000))])
        .await;
    let delivered = all_deliver(&world, 3).await;
    world.active(delivered).await;
    let epoch = last_attested(&mut world).await;

    // A verifier that wasn't there when the vault began to pay by an epoch does it when it is back, once.
    kill_verifier(&mut world).await;
    let activated = contracts(&world, "activate").await.json();
    assert_eq!(activated["epoch"], epoch);
    assert_eq!(levels(&world).await, 0);
    world.start_verifier().await.expect("it comes up");
    let all = "the verifier to shorten proofs";
    world
        .until(all, async |chain| {
            let settled = chain.settled().await.expect("anvil answers");
            settled.is_some_and(|settled| (settled.epoch, settled.levels) == (epoch, 2))
        })
        .await;
    assert_eq!(levels_proven(&world, 0, epoch).await, 0);

    // Whoever undoes it doesn't get it to pay again; nor does a death.
    shorten(&world, "3").await.fails(&["3 nodes", "3 levels"]);
    shorten(&world, "1").await.ok();
    kill_verifier(&mut world).await;
    world.start_verifier().await.expect("it comes up");
    assert_eq!(levels_proven(&world, 1, epoch).await, 1);
    shorten(&world, "2").await.ok();
    assert_eq!(levels_proven(&world, 2, epoch).await, 0);
    assert_eq!(shortened(&world).await, [2, 1, 2]);
}
