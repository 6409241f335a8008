//! A client against a whole network in this process: right bytes, exact receipts, whatever nodes do.
#![allow(missing_docs)]

mod network;

use client::{Client, ClientConfig, Discard, Fault, FetchError, Group, Sink};
use host::Host;
use network::{Behaviour, Grants, INTERVAL, MIB, World, bytes, world};
use protocol::{Code, GROUP_BYTES, ServiceTargets};
use quittance_client as client;
use std::io;
use std::time::Duration;

/// Three slices, a few groups and a rest.
const SIZE: u64 = 3 * MIB + 5 * GROUP_BYTES + 123;

fn client(world: &World) -> Client {
    Client::new(ClientConfig::on(Host::system(), &world.url)).unwrap()
}

/// Gives up on a silent node soon.
fn impatient(world: &World, stall_timeout: Duration) -> Client {
    let config = ClientConfig {
        stall_timeout,
        ..ClientConfig::on(Host::system(), &world.url)
    };
    Client::new(config).unwrap()
}

async fn film(behaviours: &[Behaviour]) -> World {
    world(&[("film.mp4", SIZE)], behaviours, Grants::default()).await
}

/// Fetches the film and checks every byte.
async fn fetch(client: &Client) -> client::Fetched {
    let mut got = Vec::new();
    let fetched = client
        .fetch("films", "film.mp4", None, &mut got)
        .await
        .unwrap();
    assert!(got == bytes("film.mp4", SIZE), "wrong bytes");
    fetched
}

#[tokio::test]
async fn a_file_comes_whole_and_the_receipts_say_exactly_that() {
    let world = film(&[Behaviour::Honest]).await;
    let client = client(&world);
    let fetched = fetch(&client).await;
    assert_eq!(fetched.attempts.len(), 1);
    assert_eq!(fetched.attempts[0].within, Some(true));
    let summary = client.finish().await;

    let last = world.nodes[0].final_receipts();
    assert_eq!(last.len(), 1, "one ticket");
    let totals = (last[0].bytes, last[0].deliveries, last[0].within);
    assert_eq!(totals, (SIZE, 1, 1));
    let receipts = world.nodes[0].receipts.lock().unwrap();
    assert!(receipts.len() as u64 <= SIZE / INTERVAL + 1);
    let node = summary.nodes[&world.nodes[0].id];
    assert_eq!((node.bytes, node.bytes_acked, node.faults), (SIZE, SIZE, 0));
    assert_eq!((summary.requests, summary.requests_failed), (1, 0));
}

#[tokio::test]
async fn files_of_a_collection_share_a_session_also_at_once() {
    let names: Vec<String> = (0..8).map(|i| format!("segment-{i}.ts")).collect();
    let sizes = [
        0,
        1,
        GROUP_BYTES,
        GROUP_BYTES + 1,
        100_000,
        MIB,
        MIB + 1,
        70_000,
    ];
    let files: Vec<_> = names.iter().map(String::as_str).zip(sizes).collect();
    let world = world(&files, &[Behaviour::Honest], Grants::default()).await;
    let client = client(&world);
    let fetches = files.iter().map(|(path, size)| {
        let client = client.clone();
        async move {
            let mut got = Vec::new();
            client.fetch("films", path, None, &mut got).await.unwrap();
            assert!(got == bytes(path, *size), "{path}");
        }
    });
    futures::future::join_all(fetches).await;
    client.finish().await;
    let last = world.nodes[0].final_receipts();
    assert_eq!(last.len(), 1, "one ticket for all");
    assert_eq!(last[0].bytes, sizes.iter().sum::<u64>());
    // The empty file is known without asking.
    assert_eq!((last[0].deliveries, last[0].within), (7, 7));
    assert_eq!(world.control.routes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn ranges_are_cut_to_the_byte_and_counted_by_the_group() {
    let world = film(&[Behaviour::Honest]).await;
    let client = client(&world);
    let whole = bytes("film.mp4", SIZE);
    for range in [
        0..1,
        5..5,
        SIZE - 1..SIZE,
        MIB - 7..MIB + 9,
        100_000..200_000,
    ] {
        let mut got = Vec::new();
        let fetched = client
            .fetch("films", "film.mp4", Some(range.clone()), &mut got)
            .await;
        assert_eq!(fetched.unwrap().range, range);
        assert!(
            got == whole[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    client.finish().await;
    let groups = 1 + 2 + 7;
    let rest = SIZE % GROUP_BYTES;
    assert_eq!(
        world.nodes[0].receipted_bytes(),
        groups * GROUP_BYTES + rest
    );
    let beyond = client
        .fetch("films", "film.mp4", Some(0..SIZE + 1), &mut Discard)
        .await;
    assert!(matches!(beyond, Err(FetchError::NoSuchRange { .. })));
    let missing = client.fetch("films", "other.mp4", None, &mut Discard).await;
    assert!(matches!(missing, Err(FetchError::NoSuchFile { .. })));
}

#[tokio::test]
async fn a_stream_cut_in_the_middle_goes_on_elsewhere_at_the_verified_byte() {
    let world = film(&[Behaviour::ResetStream(2 * MIB), Behaviour::Honest]).await;
    let client = client(&world);
    let fetched = fetch(&client).await;
    client.finish().await;
    assert_eq!(fetched.attempts.len(), 2);
    let verified = fetched.attempts[0].bytes;
    assert!(verified > 0 && verified <= 2 * MIB);
    assert_eq!(*world.nodes[0].requests.lock().unwrap(), [(0, SIZE)]);
    assert_eq!(
        *world.nodes[1].requests.lock().unwrap(),
        [(verified, SIZE - verified)]
    );
    let (first, second) = (
        world.nodes[0].final_receipts()[0],
        world.nodes[1].final_receipts()[0],
    );
    assert_eq!(
        (first.bytes, first.deliveries, first.within),
        (verified, 1, 0)
    );
    assert_eq!(
        (second.bytes, second.deliveries, second.within),
        (SIZE - verified, 1, 1)
    );
    let summary = client.summary();
    assert_eq!((summary.failovers, summary.bytes), (1, SIZE));
}

#[tokio::test]
async fn wrong_bytes_are_never_handed_on_nor_signed_for() {
    let world = film(&[Behaviour::FlipBit(MIB + 1), Behaviour::Honest]).await;
    let client = client(&world);
    let fetched = fetch(&client).await;
    client.finish().await;
    assert!(matches!(fetched.attempts[0].fault, Some(Fault::Corrupt(_))));
    let verified = fetched.attempts[0].bytes;
    assert!((MIB..2 * MIB).contains(&verified), "{verified}");
    let lied = world.nodes[0].final_receipts()[0];
    assert_eq!((lied.bytes, lied.deliveries, lied.within), (verified, 1, 0));
    assert_eq!(world.nodes[1].receipted_bytes(), SIZE - verified);
}

#[tokio::test]
async fn connections_that_close_and_nodes_that_stall_are_left() {
    for (behaviour, stalls) in [
        (Behaviour::CloseConnection(MIB), false),
        (Behaviour::Stall(MIB), true),
        (Behaviour::Stall(0), true),
    ] {
        let world = film(&[behaviour, Behaviour::Honest]).await;
        // Long enough that an honest node on a busy machine isn't taken for a stalled one.
        let patience = Duration::from_millis(if stalls { 1500 } else { 10_000 });
        let client = impatient(&world, patience);
        let fetched = fetch(&client).await;
        let fault = fetched.attempts[0].fault.as_ref().unwrap();
        assert_eq!(
            matches!(fault, Fault::Stalled(_)),
            stalls,
            "{behaviour:?}: {:?}",
            fetched.attempts
        );
        client.finish().await;
        let verified = fetched.attempts[0].bytes;
        assert_eq!(
            world.nodes[1].receipted_bytes(),
            SIZE - verified,
            "{behaviour:?}"
        );
        if stalls {
            // The connection stands, so what did come is paid.
            assert_eq!(world.nodes[0].receipted_bytes(), verified, "{behaviour:?}");
        }
    }
}

#[tokio::test]
async fn refusals_lead_to_the_next_node() {
    for (behaviour, failed_delivery) in [
        (Behaviour::RefuseTicket(Code::TooMany), false),
        (Behaviour::ClaimReceipt, false),
        (Behaviour::RefuseFetch(Code::FillFailed), true),
        (Behaviour::RefuseFetch(Code::ShuttingDown), false),
    ] {
        let world = film(&[behaviour, Behaviour::Honest]).await;
        let client = client(&world);
        let fetched = fetch(&client).await;
        client.finish().await;
        assert_eq!(fetched.attempts.len(), 2, "{behaviour:?}");
        let deliveries: u32 = world.nodes[0]
            .final_receipts()
            .iter()
            .map(|r| r.deliveries)
            .sum();
        assert_eq!(deliveries == 1, failed_delivery, "{behaviour:?}");
        assert_eq!(world.nodes[0].receipted_bytes(), 0);
        // Left out for the next fetch too.
        fetch(&client).await;
        let asked = world.nodes[0].requests.lock().unwrap().len();
        assert!(asked <= 1, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_transfer_outlives_its_ticket() {
    let grants = Grants {
        lifetime: Duration::from_millis(1200),
        ..Grants::default()
    };
    let world = world(
        &[("film.mp4", SIZE)],
        &[Behaviour::HoldOnce(2 * MIB)],
        grants,
    )
    .await;
    let client = Client::new(ClientConfig {
        expiry_margin: Duration::from_millis(600),
        ..ClientConfig::on(Host::system(), &world.url)
    })
    .unwrap();
    let fetched = fetch(&client).await;
    client.finish().await;
    assert!(
        fetched
            .attempts
            .iter()
            .all(|attempt| attempt.fault.is_none())
    );
    assert_eq!(
        fetched.attempts[0].within, None,
        "the node isn't judged by it"
    );
    assert_eq!(world.control.routes.lock().unwrap().len(), 2);
    assert_eq!(world.nodes[0].final_receipts().len(), 2);
    assert_eq!(world.nodes[0].receipted_bytes(), SIZE);
    assert_eq!(client.summary().failovers, 0);
}

#[tokio::test]
async fn no_ticket_pays_for_more_than_it_grants() {
    let bytes_max = MIB + 5 * GROUP_BYTES + 77;
    let grants = Grants {
        bytes_max: Some(bytes_max),
        ..Grants::default()
    };
    let world = world(&[("film.mp4", SIZE)], &[Behaviour::Honest], grants).await;
    let client = client(&world);
    fetch(&client).await;
    client.finish().await;
    let last = world.nodes[0].final_receipts();
    assert_eq!(last.len(), 3);
    assert!(last.iter().all(|receipt| receipt.bytes <= bytes_max));
    assert_eq!(world.nodes[0].receipted_bytes(), SIZE);
}

#[tokio::test]
async fn a_wrong_clock_signs_within_its_tickets() {
    let grants = Grants {
        clock_ahead: Duration::from_secs(86_400),
        ..Grants::default()
    };
    let world = world(&[("film.mp4", SIZE)], &[Behaviour::Honest], grants).await;
    let client = client(&world);
    fetch(&client).await;
    client.finish().await;
    assert_eq!(world.nodes[0].receipted_bytes(), SIZE);
}

/// Takes some bytes, then fails.
struct Quits(u64);

impl Sink for Quits {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        self.0 = self
            .0
            .checked_sub(group.data.len() as u64)
            .ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_leaves_pays_and_blames_nobody() {
    let world = film(&[Behaviour::Honest]).await;
    let client = client(&world);
    let left = client
        .fetch("films", "film.mp4", None, &mut Quits(MIB))
        .await;
    assert!(matches!(left, Err(FetchError::Sink(_))));
    let summary = client.finish().await;
    let last = world.nodes[0].final_receipts()[0];
    assert_eq!((last.bytes, last.deliveries), (MIB + GROUP_BYTES, 0));
    assert_eq!((summary.failovers, summary.requests_failed), (0, 1));
}

/// Takes nothing until told to.
struct Holds(host::watch::Receiver<bool>, Vec<u8>);

impl Sink for Holds {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        self.0.wait_for(|go| *go).await.unwrap();
        self.1.extend_from_slice(&group.data);
        Ok(())
    }
}

#[tokio::test]
async fn readers_that_stop_hold_others_up_for_seconds_and_no_node_is_blamed() {
    // Both together fill the window, and the connection's flow control.
    let size = 10 * MIB;
    let files = [("a", size), ("b", size), ("film.mp4", SIZE)];
    let world = world(&files, &[Behaviour::Honest], Grants::default()).await;
    let client = impatient(&world, Duration::from_secs(3));
    let (go, wait) = host::watch::channel(false);
    let held: Vec<_> = ["a", "b"]
        .map(|path| {
            let (client, mut sink) = (client.clone(), Holds(wait.clone(), Vec::new()));
            tokio::spawn(async move {
                client.fetch("films", path, None, &mut sink).await.unwrap();
                assert!(sink.1 == bytes(path, size), "wrong bytes");
            })
        })
        .into();
    while world.nodes[0].requests.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    fetch(&client).await;
    go.send_replace(true);
    for fetch in held {
        fetch.await.unwrap();
    }
    let summary = client.finish().await;
    let node = summary.nodes[&world.nodes[0].id];
    assert_eq!((node.bytes, node.faults), (2 * size + SIZE, 0));
    assert_eq!(node.bytes_acked, node.bytes);
}

#[tokio::test]
async fn slow_service_is_signed_for_as_such() {
    let grants = Grants {
        targets: ServiceTargets {
            ttfb_ms_max: 60_000,
            throughput_min: u64::MAX,
        },
        ..Grants::default()
    };
    let world = world(&[("film.mp4", SIZE)], &[Behaviour::Honest], grants).await;
    let client = client(&world);
    let fetched = fetch(&client).await;
    assert_eq!(fetched.attempts[0].within, Some(false));
    client.finish().await;
    let last = world.nodes[0].final_receipts()[0];
    assert_eq!((last.bytes, last.deliveries, last.within), (SIZE, 1, 0));
}

#[tokio::test]
async fn when_all_fail_the_error_says_what_each_did() {
    let world = film(&[Behaviour::Stall(0), Behaviour::FlipBit(0)]).await;
    let client = impatient(&world, Duration::from_millis(400));
    let failed = client.fetch("films", "film.mp4", None, &mut Discard).await;
    let error = failed.unwrap_err();
    let text = error.to_string();
    for part in [
        "sent nothing for 400 ms",
        "sent wrong bytes",
        "no node is left",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let routes = world.control.routes.lock().unwrap();
    assert!(routes.len() as u32 <= 20, "{} routes", routes.len());
    assert_eq!(client.summary().requests_failed, 1);
}
