//! A client that takes and doesn't sign gets a window, once, and the node earns nothing by it.

use client::{Client, ClientConfig};
use host::Host;
use protocol::Code;
use quittance_tests::raw::{End, Raw, Wanted, fetch};
use quittance_tests::{World, noise};

const MIB: u64 = 1 << 20;
const WINDOW: u64 = 2 * MIB;
const SIZE: u64 = 7 * MIB + 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_sign_gets_a_window_and_no_more() {
    let mut world = World::start(1, |config| {
        // The node waits 10 s for a receipt, twice; all of it under one ticket.
        config.epoch_seconds = 35;
        config.node_config = "window_mib = 2\nreceipt_interval_mib = 1\n".into();
    })
    .await;
    let bytes = noise(4, SIZE as usize);
    let published = world.publish_files("film", &[("film.ts", &bytes)]).await;
    world.epoch_with(28).await;
    let raw = Raw::new(&world.control_url);
    let routed = raw.route("film").await.nodes.remove(0);
    let connection = raw.connect(routed.node, &routed.address).await;
    let session = raw.session(&connection, routed.ticket).await;
    let session = session.expect("a fresh ticket is good");
    assert_eq!(session.window, WINDOW);
    let wanted = Wanted {
        ticket: session.ticket.id,
        content: published.files[0].content,
        size: SIZE,
        offset: 0,
        length: SIZE,
    };

    // While it holds on, others get everything.
    let honest =
        Client::new(ClientConfig::on(Host::system(), &world.control_url)).expect("a socket");
    let mut film = Vec::new();
    let (taken, fetched) = tokio::join!(
        fetch(&connection, wanted),
        honest.fetch("film", "film.ts", None, &mut film)
    );
    assert_eq!(taken, (WINDOW, End::Reset(Code::WindowExceeded)));
    let fetched = fetched.expect("others are served");
    assert!(fetched.attempts.iter().all(|a| a.fault.is_none()));
    assert_eq!(film, bytes);
    let summary = honest.finish().await;
    let signed = summary.nodes[&routed.node];
    assert_eq!((signed.bytes, signed.bytes_acked), (SIZE, SIZE));

    // A new connection opens no new window.
    drop(session);
    connection.close(0u32.into(), b"");
    let again = raw.connect(routed.node, &routed.address).await;
    let mut session = raw
        .session(&again, routed.ticket)
        .await
        .expect("the same ticket");
    assert_eq!((session.sequence, session.bytes), (0, 0));
    let taken = fetch(&again, wanted).await;
    assert_eq!(taken, (0, End::Reset(Code::WindowExceeded)));

    // Signing for what was taken does: by as much as is signed for.
    let receipt = session.receipt(1, WINDOW);
    assert_eq!(session.sign(receipt).await, Ok(1));
    let next = Wanted {
        offset: WINDOW,
        length: WINDOW,
        ..wanted
    };
    assert_eq!(fetch(&again, next).await, (WINDOW, End::Whole));

    // What nobody signed for isn't attested.
    let epoch = session.ticket.id.epoch.max(world.epoch());
    world.attested(epoch).await;
    let attested = world.attested_bytes(epoch).await;
    assert_eq!(attested[&routed.node], SIZE + WINDOW);
}
