//! An issuer gets another key while its network runs: by the epoch, and nothing that was granted is lost.

use protocol::Code;
use quittance_tests::raw::{Raw, fresh_key};
use quittance_tests::{World, eventually, noise, run};
use std::fs;

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_rotates_its_key_from_an_epoch_on() {
    let mut world = World::start(1, |config| config.epoch_seconds = 15).await;
    world
        .publish_files("show", &[("a", &noise(41, 1000))])
        .await;
    let raw = Raw::new(&world.control_url);
    let old = world.epoch_with(10).await;
    let (_connection, mut session) = raw.ready("show").await;
    let before = (session.ticket.id, session.receipt(1, 100));
    assert_eq!(before.0.epoch, old);
    assert_eq!(session.sign(before.1).await, Ok(1));

    let key = fresh_key();
    let (public, from) = (hex(&key.verifying_key().to_bytes()), old + 1);
    let settlement = world.deployment.settlement.to_string();
    let committer = world.key_path("control");
    let committer = committer.to_str().expect("UTF-8");
    let rotate = format!("contracts rotate-issuer-key {public} --issuer 0 --from-epoch {from}");
    let chain = ["--rpc", &world.rpc, "--settlement", &settlement];
    let rotate: Vec<_> = rotate.split(' ').chain(chain).collect();
    run(&[&rotate[..], &["--eth-key-file", committer]].concat())
        .await
        .ok();

    // Until the epoch begins the old key is the one: a control plane with the new one is told to wait.
    let early = world.folder("early");
    let control_dir = world.config.dir.join("control");
    fs::write(early.join("issuer.key"), hex(key.as_bytes())).expect("ours");
    fs::copy(control_dir.join("admin.token"), early.join("admin.token")).expect("ours");
    let config = world.config_path("control");
    let early = early.to_str().expect("UTF-8");
    let args = [
        "control",
        "run",
        "--config",
        config.to_str().expect("UTF-8"),
    ];
    run(&[&args[..], &["--data-dir", early]].concat())
        .await
        .fails(&["issuer 0 from a later epoch on", "the key before it"]);
    let (_connection, mut session) = raw.ready("show").await;
    assert_eq!(
        session.ticket.id.epoch, old,
        "the epoch was too short for this machine"
    );
    let more = (session.ticket.id, session.receipt(1, 200));
    assert_eq!(session.sign(more.1).await, Ok(1));

    // From then on nodes take the old one's tickets no more.
    let refused = eventually("the node to refuse the old key", async || {
        let routed = raw.try_route("show").await?.nodes.into_iter().next()?;
        let connection = raw.connect(routed.node, &routed.address).await;
        let session = raw.session(&connection, routed.ticket).await;
        (routed.ticket.peek().id.epoch >= from).then_some(session)
    })
    .await;
    let Err(refused) = refused else {
        panic!("signed with a key that isn't the issuer's any more");
    };
    assert_eq!(refused.code, Code::BadTicketSignature);

    let stopped = world.control.take().expect("it runs").stop().await;
    assert!(stopped.expect("it ends when told to").success());
    fs::write(control_dir.join("issuer.key"), hex(key.as_bytes())).expect("ours");
    world
        .start_control()
        .await
        .expect("it starts with the new key");
    world.wait_for_nodes(1).await.expect("the node joins again");
    let (_connection, mut session) = raw.ready("show").await;
    let after = (session.ticket.id, session.receipt(1, 300));
    assert_eq!(session.sign(after.1).await, Ok(1));

    // What was delivered under either key is attested.
    let last = after.0.epoch;
    world.attested(last).await;
    let mut attested = Vec::new();
    for epoch in old..=last {
        for segment in world.evidence(epoch).await.segments.values() {
            attested.extend(segment.records().iter().map(|r| (r.id, r.receipt)));
        }
    }
    assert_eq!(attested, [before, more, after]);
    world.check().expect("nothing ended");
}
