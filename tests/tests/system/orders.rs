//! Orders: what nodes are told is done, whoever dies meanwhile.

use client::ControlApi;
use host::Http;
use host::watch;
use protocol::{Code, NodeId};
use quittance_tests::raw::{End, Raw, Wanted, fetch, fetch_watched};
use quittance_tests::{Ran, World, eventually, noise, run};
use serde_json::Value;
use std::path::PathBuf;
use testnet::Published;

/// More than a window.
const FILM: usize = 3 << 20;
const NODE_CONFIG: &str = "window_mib = 1\nreceipt_interval_mib = 1\n";

fn token_file(world: &World) -> String {
    world.token_path().display().to_string()
}

async fn ran(world: &World, args: &[&str]) -> Ran {
    let token = token_file(world);
    let to = ["--admin", &world.admin_url, "--token-file", &token];
    run(&[args, &to].concat()).await
}

/// An order, as the command line gives it; what is printed of it.
async fn order(world: &World, args: &[&str]) -> Value {
    ran(world, &[&["order"], args, &["--json"]].concat())
        .await
        .json()
}

/// Where a node keeps a file of a collection.
fn cached(world: &World, node: usize, published: &Published, path: &str) -> PathBuf {
    let files = &published.files;
    let file = files.iter().find(|file| file.path == path);
    let hash = file.expect("it was published").content.to_string();
    let folder = world.nodes[node].dir.join("cache/blobs");
    folder.join(&hash[2..4]).join(&hash[2..])
}

async fn standing(world: &World, node: NodeId) -> String {
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let nodes = api.nodes().await.unwrap_or_default();
    let found = nodes.into_iter().find(|one| one.node == node);
    found.map_or_else(String::new, |one| one.standing)
}

async fn until_standing(world: &World, node: NodeId, wanted: &str) {
    eventually(&format!("the node to be {wanted}"), async || {
        (standing(world, node).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_and_purges_outlast_whoever_dies() {
    let mut world = World::start(3, |config| config.epoch_seconds = 20).await;
    // What nodes are looked at by, so that looks don't fill what is purged.
    world.publish_files("tiny", &[("a", b"tiny")]).await;
    let shared = noise(50, 50_000);
    let film = world
        .publish_files_with(
            "film",
            &[
                ("a.bin", &noise(51, FILM)),
                ("hls/1.ts", &noise(52, 100_000)),
                ("shared", &shared),
            ],
            &["--open"],
        )
        .await;
    // Sealed, no two names share content.
    let other = world
        .publish_files_with("other", &[("b", &shared)], &["--open"])
        .await;
    let ids: Vec<_> = world.nodes.iter().map(|node| node.id.to_string()).collect();
    let there = |world: &World, node: usize, path: &str| cached(world, node, &film, path).exists();

    for (node, id) in ids.iter().enumerate() {
        for collection in ["film", "other"] {
            let push = ["push", collection, "--node", id, "--wait"];
            let done = order(&world, &push).await;
            assert_eq!(done["nodes"][0]["state"], "confirmed", "{done}");
        }
        assert!(there(&world, node, "a.bin") && there(&world, node, "hls/1.ts"));
    }
    let zone = order(&world, &["push", "film", "--zone", "default", "--wait"]).await;
    assert_eq!(zone["confirmed"], 3);

    let glob = order(&world, &["purge", "film", "--glob", "**.ts", "--wait"]).await;
    assert_eq!(glob["confirmed"], 3, "{glob}");
    for node in 0..3 {
        assert!(there(&world, node, "a.bin") && !there(&world, node, "hls/1.ts"));
    }

    // One is dead, and then the control plane, too.
    world.kill_node(2).await;
    let purge = order(&world, &["purge", "film"]).await;
    let id = purge["id"].to_string();
    let show = async |world: &World| order(world, &["show", &id]).await;
    eventually("all but one to confirm", async || {
        (show(&world).await["outstanding"] == 1).then_some(())
    })
    .await;
    for node in 0..2 {
        assert!(!there(&world, node, "a.bin"));
        assert!(there(&world, node, "shared"), "another collection has it");
    }
    assert!(there(&world, 2, "a.bin"));
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it starts");
    let status = show(&world).await;
    let nodes = status["nodes"].as_array().expect("a list");
    let dead = nodes.iter().find(|node| node["node"] == ids[2].as_str());
    assert_eq!(dead.expect("it was told")["state"], "outstanding");
    world.start_node(2).expect("it starts");
    let done = order(&world, &["show", &id, "--wait"]).await;
    assert_eq!(done["confirmed"], 3, "{done}");
    assert!(!there(&world, 2, "a.bin"));

    // Out of the catalogue, out of the caches.
    let listed = ran(&world, &["order", "list"]).await.ok();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("0 of 3 nodes outstanding"));
    let names = run(&["list", "--control", &world.control_url]).await.ok();
    assert!(String::from_utf8_lossy(&names.stdout).contains("other"));
    let shown = run(&["show", "other", "--json", "--control", &world.control_url]).await;
    assert_eq!(shown.json()["files"][0]["path"], "b");
    world.wait_for_nodes(3).await.expect("they join again");
    let gone = ["unpublish", "other", "--wait", "--json"];
    assert_eq!(ran(&world, &gone).await.json()["confirmed"], 3);
    assert!(!cached(&world, 0, &other, "b").exists());
    let client = Raw::new(&world.control_url);
    assert!(client.try_route("other").await.is_none());
    client.route("film").await;

    let refused = ran(&world, &["order", "push", "other", "--node", &ids[0]]).await;
    assert!(refused.code != 0 && refused.stderr.contains("no collection"));
    let refused = ran(&world, &["order", "drain"]).await;
    assert!(refused.stderr.contains("which nodes"), "{}", refused.stderr);
    let http = reqwest::Client::new();
    for (api, status) in [(&world.admin_url, 401), (&world.control_url, 404)] {
        let asked = http.get(format!("{api}/v1/orders")).send().await;
        assert_eq!(asked.expect("it answers").status(), status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drained_blocked_and_revoked_is_who_is_told_so() {
    let mut world = World::start(2, |config| {
        config.epoch_seconds = 40;
        config.node_config = NODE_CONFIG.into();
    })
    .await;
    let film = world
        .publish_files("film", &[("a.bin", &noise(53, FILM))])
        .await;
    world.epoch_with(30).await;
    let client = Raw::new(&world.control_url);
    let routed = client.route("film").await.nodes;
    let (first, second) = (&routed[0], &routed[1]);
    let place = world.nodes.iter().position(|one| one.id == first.node);
    let place = place.expect("one of ours");
    let id = first.node.to_string();
    let connection = client.connect(first.node, &first.address).await;
    let session = client.session(&connection, first.ticket).await;
    let mut session = session.expect("the ticket is good");
    let late = Raw::new(&world.control_url);
    let unused = late.route("film").await.nodes;
    let unused = unused.iter().find(|one| one.node == first.node);
    let unused = unused.expect("both are listed");
    let wanted = Wanted {
        ticket: session.ticket.id,
        content: film.files[0].content,
        size: FILM as u64,
        offset: 0,
        length: 512 << 10,
    };

    // Nobody new goes there; who is there stays, and the node remembers.
    order(&world, &["drain", "--node", &id, "--wait"]).await;
    for _ in 0..4 {
        let routed = Raw::new(&world.control_url).route("film").await.nodes;
        assert!(routed.iter().all(|one| one.node != first.node));
    }
    assert_eq!(fetch(&connection, wanted).await, (512 << 10, End::Whole));
    let signed = session.receipt(1, 512 << 10);
    assert_eq!(session.sign(signed).await, Ok(1));
    let newcomer = late.connect(first.node, &first.address).await;
    let refused = late.session(&newcomer, unused.ticket).await;
    assert_eq!(refused.expect_err("it drains").code, Code::ShuttingDown);
    connection.close(0u32.into(), b"");
    world.kill_node(place).await;
    world.start_node(place).expect("it starts");
    until_standing(&world, first.node, "draining").await;
    order(&world, &["resume", "--node", &id, "--wait"]).await;
    until_standing(&world, first.node, "available").await;

    order(&world, &["block", "--node", &id]).await;
    assert_eq!(standing(&world, first.node).await, "blocked");
    let routed = Raw::new(&world.control_url).route("film").await.nodes;
    assert!(routed.iter().all(|one| one.node != first.node));
    order(&world, &["unblock", "--node", &id]).await;
    until_standing(&world, first.node, "available").await;

    // A transfer waits for a receipt when its client is revoked.
    let connection = client.connect(second.node, &second.address).await;
    let session = client.session(&connection, second.ticket).await;
    let mut session = session.expect("the ticket is good");
    let wanted = Wanted {
        ticket: session.ticket.id,
        length: FILM as u64,
        ..wanted
    };
    let (progress, mut came) = watch::channel(0);
    let running = {
        let connection = connection.clone();
        tokio::spawn(async move { fetch_watched(&connection, wanted, &progress).await })
    };
    let begun = came.wait_for(|came| *came > 0).await.is_ok();
    assert!(begun, "it sends");
    let key = session.ticket.client.to_string();
    let revoked = order(&world, &["revoke", "--client", &key, "--wait"]).await;
    assert_eq!(revoked["confirmed"], 2, "{revoked}");
    let (_, end) = running.await.expect("no panic");
    assert_eq!(end, End::Reset(Code::TicketRevoked));
    assert_eq!(session.ended().await.code, Code::TicketRevoked);
    assert!(client.try_route("film").await.is_none(), "no more tickets");
    connection.close(0u32.into(), b"");
    let place = 1 - place;
    world.kill_node(place).await;
    world.start_node(place).expect("it starts");
    let connection = eventually("the node to take connections", async || {
        let connected = client.try_connect(second.node, &second.address).await;
        connected.ok()
    })
    .await;
    let again = client.session(&connection, second.ticket).await;
    assert_eq!(again.expect_err("revoked").code, Code::TicketRevoked);

    // One ticket; its client gets another.
    let fresh = Raw::new(&world.control_url);
    let (_connection, mut session) = fresh.ready("film").await;
    let ticket = session.ticket.id.to_string();
    order(&world, &["revoke", "--ticket", &ticket, "--wait"]).await;
    assert_eq!(session.ended().await.code, Code::TicketRevoked);
    let (_connection, mut session) = fresh.ready("film").await;

    // A node: all that it serves ends, and nobody is sent there.
    let node = session.ticket.node;
    order(&world, &["revoke", "--node", &node.to_string(), "--wait"]).await;
    assert_eq!(session.ended().await.code, Code::TicketRevoked);
    assert_eq!(standing(&world, node).await, "blocked");
}
