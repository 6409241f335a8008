//! A node that lies: to a client, which finds out at the first wrong byte, goes elsewhere, and signs for
//! none of them; and to the verifier, which leaves out what no client signed.

use client::{Client, ClientConfig, ControlApi, Fault};
use host::{Host, Http};
use protocol::api::RouteRequest;
use protocol::{ClientKey, ContentHash, GROUP_BYTES, Record, Segment};
use quittance_tests::raw::Raw;
use quittance_tests::{World, eventually, noise};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const SIZE: u64 = (3 << 20) + 5;
/// Where the lie is: in the second slice.
const FLIPPED: u64 = (1 << 20) + 3 * GROUP_BYTES + 77;

fn cached(node: &Path, content: &ContentHash) -> PathBuf {
    let name = content.to_string();
    let shard = node.join("cache/blobs").join(&name[2..4]);
    shard.join(&name[2..])
}

fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is that long");
    file.write_all_at(&[byte[0] ^ 0x10], at).expect("ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_found_left_behind_and_not_paid_for() {
    let mut world = World::start(2, |config| config.epoch_seconds = 10).await;
    let bytes = noise(5, SIZE as usize);
    let published = world.publish_files("film", &[("film.ts", &bytes)]).await;
    let content = published.files[0].content;
    for node in &world.nodes {
        let path = cached(&node.dir, &content);
        eventually("both nodes to fill their caches", async || {
            path.is_file().then_some(())
        })
        .await;
    }
    world.epoch_with(6).await;
    // The liar is the node that this client is sent to first.
    let config = ClientConfig::on(Host::system(), &world.control_url);
    let request = RouteRequest::new(
        "film",
        ClientKey::from(config.key.verifying_key().to_bytes()),
    );
    let control = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let liar = control.route(&request).await.expect("nodes").nodes[0].node;
    let place = world.nodes.iter().find(|node| node.id == liar);
    let path = cached(&place.expect("one of ours").dir, &content);
    flip(&path, FLIPPED);

    let client = Client::new(config).expect("a socket");
    let mut film = Vec::new();
    let fetched = client.fetch("film", "film.ts", None, &mut film).await;
    let fetched = fetched.expect("the other node delivers");
    assert_eq!(film, bytes);
    let [first, second] = &fetched.attempts[..] else {
        panic!("one lie, one fail-over: {:?}", fetched.attempts);
    };
    assert_eq!(first.node, liar);
    assert!(matches!(first.fault, Some(Fault::Corrupt(_))), "{first:?}");
    // Everything up to the group with the flipped bit was good, and was used.
    let good = FLIPPED / GROUP_BYTES * GROUP_BYTES;
    assert_eq!((first.bytes, second.bytes), (good, SIZE - good));
    assert!(second.node != liar && second.fault.is_none());
    let summary = client.finish().await;
    let (told, honest) = (summary.nodes[&liar], summary.nodes[&second.node]);
    assert_eq!((told.bytes, told.bytes_acked, told.faults), (good, good, 1));
    assert_eq!((honest.bytes_acked, honest.faults), (SIZE - good, 0));

    let epoch = world.epoch();
    world.attested(epoch).await;
    let bytes = world.attested_bytes(epoch).await;
    assert_eq!(bytes[&liar], good);
    assert_eq!(bytes[&second.node], SIZE - good);
    for epoch in 0..=epoch {
        for leaf in world.evidence(epoch).await.tree.leaves {
            if leaf.node == liar {
                // Its one delivery failed: below the floor nothing is paid, not for the good bytes either.
                assert_eq!(leaf.mass.within(), 0);
                assert_eq!((leaf.reward, leaf.cumulative), (0, 0));
            }
        }
    }

    // What a restart finds on disk is no better: it is found again, by every client.
    let index = world.nodes.iter().position(|node| node.id == liar);
    let index = index.expect("one of ours");
    world.kill_node(index).await;
    world.start_node(index).expect("it starts");
    world.wait_for_nodes(2).await.expect("it comes up");
    let again = Client::new(ClientConfig {
        only_node: Some(liar),
        ..ClientConfig::on(Host::system(), &world.control_url)
    });
    let mut part = Vec::new();
    let refused = again
        .expect("a socket")
        .fetch("film", "film.ts", None, &mut part)
        .await;
    let refused = refused.expect_err("no other node to go to").to_string();
    assert!(refused.contains("sent wrong bytes"), "{refused}");
    assert!(film.starts_with(&part), "not one wrong byte is handed on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_invents_is_left_out_by_name() {
    let mut world = World::start(1, |_| {}).await;
    world.publish_files("show", &[("a", &noise(7, 1000))]).await;
    world.epoch_with(5).await;
    let raw = Raw::new(&world.control_url);
    let (_first_connection, mut first) = raw.ready("show").await;
    let (_second_connection, mut second) = raw.ready("show").await;
    let mut records = Vec::new();
    for session in [&mut first, &mut second] {
        let receipt = session.receipt(1, 600);
        let signature = receipt.sign(&raw.key).signature;
        assert_eq!(session.sign(receipt).await, Ok(1));
        let id = session.ticket.id;
        records.push(Record {
            id,
            receipt,
            signature,
        });
    }
    // A ticket that nobody used: a segment of more records than tickets isn't even read.
    raw.route("show").await;
    let epoch = first.ticket.id.epoch;
    assert_eq!(second.ticket.id.epoch, epoch);

    // The node's operator seals what he would have liked to be true.
    world.kill_node(0).await;
    let honest = records[0];
    records[1].receipt.bytes += 400;
    let mut invented = honest;
    invented.id.index = 1000;
    records.push(invented);
    let network = world.chain().network_id();
    let forged = Segment::new(network, epoch, world.nodes[0].id, records);
    let forged = forged.expect("in order").to_bytes();
    fs::write(world.segment_path(0, epoch), forged).expect("ours");
    world.start_node(0).expect("it starts");

    world.attested(epoch).await;
    let evidence = world.evidence(epoch).await;
    let reasons = evidence.rejections.iter().map(|line| &line["reason"]);
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        ["bad_signature", "unknown_ticket"]
    );
    assert_eq!(evidence.segments[&0].records(), [honest]);
    assert_eq!(evidence.tree.leaves[0].mass.bytes(), 600);
    world.audit(epoch, &world.verifier_url).await.ok();
}
