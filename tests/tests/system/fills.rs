//! Nodes fill from each other; who fails at it is left for the next source.

use protocol::{FetchReply, FillGrant, Request, Tag, exporter_binding, sign};
use quittance_tests::raw::{Raw, fresh_key};
use quittance_tests::{World, eventually, noise, now_ms, run};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use testnet::Published;
use transport::{exporter, read_frame, write_frame};

const FILM: u64 = 8 << 20;

async fn order(world: &World, args: &[&str]) -> Value {
    let token = world.config.dir.join("control/admin.token");
    let token = token.to_str().expect("UTF-8");
    let to = ["--admin", &world.admin_url, "--token-file", token];
    let done = run(&[&["order"], args, &["--wait", "--json"], &to].concat()).await;
    let done = done.json();
    assert_eq!(done["nodes"][0]["state"], "confirmed", "{done}");
    done
}

fn film_of(world: &World, node: usize, published: &Published) -> PathBuf {
    let hash = published.files[0].blake3.to_string();
    let folder = world.nodes[node].dir.join("cache/blobs");
    folder.join(&hash[2..4]).join(&hash[2..])
}

/// Content bytes that the control plane has given to nodes.
async fn given(world: &World) -> u64 {
    let given = world.control_metric("quittance_control_filled_bytes_total");
    given.await
}

fn signal(world: &World, node: usize, signal: &str) {
    let process = world.nodes[node].process.as_ref().expect("it runs");
    let pid = process.pid().expect("it runs").to_string();
    let sent = std::process::Command::new("kill")
        .args([signal, &pid])
        .status();
    assert!(sent.expect("kill can be run").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_fill_from_each_other_and_leave_who_fails() {
    let mut world = World::start_alone(2, |config| config.epoch_seconds = 60).await;
    let both_have = async |published: &Published| {
        let paths = [0, 1].map(|node| film_of(&world, node, published));
        eventually("both nodes to have it", async || {
            paths.iter().all(|path| path.exists()).then_some(())
        })
        .await;
    };
    // Looks at nodes take of the smallest there is, and have them fill it: not of the film.
    let small = world
        .publish_files_with("small", &[("small", &noise(60, 1_000))], &["--open"])
        .await;
    both_have(&small).await;
    let before = given(&world).await;
    let bytes = noise(61, FILM as usize);
    let film = world
        .publish_files_with("film", &[("film", &bytes)], &["--open"])
        .await;
    both_have(&film).await;
    assert_eq!(
        given(&world).await,
        before + FILM,
        "one of them has it from the other"
    );

    // The first has it, and the second gets it from there.
    let [first, second] = [0, 1].map(|node| world.nodes[node].id.to_string());
    let again = async |world: &World| {
        order(world, &["purge", "film", "--node", &second]).await;
        assert!(!film_of(world, 1, &film).exists());
        order(world, &["push", "film", "--node", &first]).await;
    };
    again(&world).await;
    order(&world, &["push", "film", "--node", &second]).await;
    assert_eq!(given(&world).await, before + FILM);

    // One that has other bytes from the middle on is left there, and the rest comes from the control plane.
    again(&world).await;
    let path = film_of(&world, 0, &film);
    let file = fs::OpenOptions::new().write(true).open(&path);
    let file = file.expect("it is there");
    file.write_all_at(&[0; 100_000], FILM / 2).expect("ours");
    order(&world, &["push", "film", "--node", &second]).await;
    assert!(fs::read(film_of(&world, 1, &film)).expect("there") == bytes);
    let after_lie = given(&world).await - before - FILM;
    assert!(
        (1..FILM).contains(&after_lie),
        "{after_lie} of {FILM} bytes"
    );
    file.write_all_at(&bytes, 0).expect("ours");

    // One that says nothing more, too. It knows nothing of what happened before.
    world.kill_node(1).await;
    world.start_node(1).expect("it starts");
    world.wait_for_nodes(2).await.expect("it joins again");
    again(&world).await;
    signal(&world, 0, "-STOP");
    order(&world, &["push", "film", "--node", &second]).await;
    signal(&world, 0, "-CONT");
    assert!(fs::read(film_of(&world, 1, &film)).expect("there") == bytes);
    assert_eq!(given(&world).await, before + FILM + after_lie + FILM);

    forged_grants_are_refused(&world, &film).await;
}

/// Nobody fills from a node who wasn't granted it.
async fn forged_grants_are_refused(world: &World, film: &Published) {
    let raw = Raw::new(&world.control_url);
    let routed = raw.route("film").await.nodes.remove(0);
    let connection = raw.connect(routed.node, &routed.address).await;
    let stranger = fresh_key();
    let ticket = routed.ticket.peek();
    let grant = FillGrant {
        network: ticket.network,
        issuer: 0,
        source: routed.node,
        filler: stranger.verifying_key().to_bytes().into(),
        collection: film.collection,
        issued_at: now_ms(),
        expires_at: now_ms() + 60_000,
    };
    let ask = async |grant: FillGrant, key: &protocol::SigningKey| {
        let signed = grant.sign(key);
        let body = exporter_binding(&grant.digest(), &exporter(&connection));
        let request = Request::Fill {
            grant: Box::new(signed),
            binding: sign(&stranger, Tag::Binding, &body),
            content: film.files[0].blake3,
            offset: 0,
            length: FILM,
        };
        let (mut send, mut recv) = connection.open_bi().await.expect("it is connected");
        write_frame(&mut send, &request).await.expect("it is read");
        match read_frame(&mut recv).await.expect("it answers") {
            FetchReply::Refused { code, .. } => code,
            FetchReply::Ok { .. } => panic!("nobody granted that"),
        }
    };
    assert_eq!(ask(grant, &stranger).await, 27, "bad_grant");
    let elsewhere = FillGrant {
        source: grant.filler,
        ..grant
    };
    assert_eq!(ask(elsewhere, &stranger).await, 11, "wrong_node");
    let old = FillGrant {
        expires_at: grant.issued_at - 1,
        ..grant
    };
    assert_eq!(ask(old, &stranger).await, 27, "bad_grant");
    let nobody = FillGrant {
        issuer: 99,
        ..grant
    };
    assert_eq!(ask(nobody, &stranger).await, 13, "unknown_issuer");
}
