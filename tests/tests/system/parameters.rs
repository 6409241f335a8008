//! Epochs that become shorter, and longer again, while the network runs.

use protocol::Epoch;
use protocol::api::NetworkInfo;
use quittance_tests::raw::{Raw, Session};
use quittance_tests::{World, eventually, noise, now_ms, run};
use serde_json::Value;

/// The owner's word, for later; the first epoch of it.
async fn schedule(world: &World, what: &str) -> Epoch {
    let settlement = world.deployment.settlement.to_string();
    let key = world.key_path("deployer");
    let key = key.to_str().expect("UTF-8");
    let by = ["--rpc", &world.rpc, "--eth-key-file", key, "--json"];
    let of = ["--settlement", &settlement];
    let args: Vec<_> = what.split(' ').chain(by).chain(of).collect();
    let told: Value = world
        .command("contracts schedule", &args)
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    world.chain().refresh().await.expect("anvil answers");
    let (from, start) = (told["from_epoch"].as_u64(), told["start"].as_u64());
    let from = from.expect("an epoch");
    assert_eq!(start, Some(world.timeline().start(from)));
    from
}

/// A session by a ticket of that epoch, issued when the epoch has between so many seconds left.
async fn session_of(world: &World, raw: &Raw, epoch: Epoch, left: (u64, u64)) -> Session {
    let end = world.timeline().end(epoch) * 1000;
    eventually("that part of the epoch", async || {
        let until_end = end.saturating_sub(now_ms());
        assert!(until_end > left.0 * 1000, "epoch {epoch} was missed");
        let is_there = world.timeline().epoch_at_ms(now_ms()) == Some(epoch);
        (is_there && until_end <= left.1 * 1000).then_some(())
    })
    .await;
    let (_connection, session) = raw.ready("show").await;
    assert_eq!(session.ticket.id.epoch, epoch);
    session
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epochs_change_their_length_while_the_network_runs() {
    let mut world = World::start(2, |config| {
        config.ticket_tail = 4;
        config.challenge_seconds = 6;
    })
    .await;
    world
        .publish_files("show", &[("a", &noise(61, 5000))])
        .await;
    world.wait_for_nodes(2).await.expect("both are there");
    let short =
        "--epoch-length 6 --ticket-tail 1 --commit-window 2 --force-window 1 --challenge-window 2";
    let first = schedule(
        &world,
        &format!("{short} --price-per-gib 30000000000000000"),
    )
    .await;
    let second = first + 3;
    let long =
        "--epoch-length 9 --ticket-tail 3 --commit-window 3 --force-window 2 --challenge-window 3";
    assert_eq!(
        schedule(&world, &format!("{long} --from-epoch {second}")).await,
        second
    );
    let timeline = world.timeline();
    let lengths = [first - 1, first, second - 1, second].map(|epoch| {
        let length = timeline.end(epoch) - timeline.start(epoch);
        (length, timeline.windows(epoch).ticket_tail)
    });
    assert_eq!(lengths, [(8, 4), (6, 1), (6, 1), (9, 3)]);

    // A ticket of the last long epoch is used when the first short one has begun: its own tail counts.
    let raw = Raw::new(&world.control_url);
    let mut late = session_of(&world, &raw, first - 1, (0, 2)).await;
    eventually("the short epochs", async || {
        (now_ms() >= timeline.start(first) * 1000).then_some(())
    })
    .await;
    let receipt = late.receipt(1, 100);
    assert!(receipt.signed_at >= timeline.start(first) * 1000);
    assert_eq!(late.sign(receipt).await, Ok(1));
    let last = second + 1;
    for epoch in first..=last {
        let end = timeline.end(epoch) - timeline.start(epoch);
        let mut session = session_of(&world, &raw, epoch, (0, end)).await;
        assert!(session.ticket.expires_at <= timeline.tickets_end_ms(epoch));
        let receipt = session.receipt(1, 100 + epoch);
        assert_eq!(session.sign(receipt).await, Ok(1), "epoch {epoch}");
    }
    let url = format!("{}/v1/network", world.control_url);
    let info: NetworkInfo = world.get_json(&url).await.expect("it answers");
    assert_eq!(info.timeline, timeline);
    assert_eq!(info.terms.price_per_gib, 30_000_000_000_000_000);

    // Everything that was signed counts, in the epoch of its ticket, at that epoch's price.
    world.active(last).await;
    let mut bytes = Vec::<u64>::new();
    let mut active_before = 0;
    for epoch in first - 1..=last {
        let evidence = world.evidence(epoch).await;
        assert_eq!(evidence.rejections, Vec::<Value>::new(), "epoch {epoch}");
        let leaves = evidence.tree.leaves.iter();
        bytes.push(leaves.map(|leaf| leaf.mass.bytes()).sum());
        world.audit(epoch, &world.verifier_url).await.ok();
        let attestation = world.chain().attestation(epoch).await;
        let active_at = attestation.expect("anvil answers").expect("it stands");
        assert!(active_at.active_at >= active_before, "in order");
        active_before = active_at.active_at;
    }
    let expected: Vec<u64> = std::iter::once(100)
        .chain((first..=last).map(|epoch| 100 + epoch))
        .collect();
    assert_eq!(bytes, expected);
    let paid = claimed(&world).await;
    let funded = world.chain().paid().await.expect("anvil answers");
    assert_eq!(funded.to_string(), paid.to_string());
    assert!(paid > 0);
}

/// What both nodes are paid.
async fn claimed(world: &World) -> u128 {
    let mut sum = 0;
    for node in ["node-0", "node-1"] {
        let config = world.config_path(node);
        let config = config.to_str().expect("UTF-8");
        let claim = ["node", "claim", "--json", "--verifier", &world.verifier_url];
        let ran = run(&[&claim[..], &["--config", config]].concat()).await;
        let told = ran.json();
        let amount = told["amount"].as_str().expect("an amount");
        sum += amount.parse::<u128>().expect("decimal");
    }
    sum
}
