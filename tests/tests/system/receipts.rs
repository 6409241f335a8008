//! A client that lies to a node: every receipt, session and request that doesn't count is refused, by
//! name, and earns nothing.

use host::Http;
use protocol::{Code, GROUP_BYTES, NodeId, Receipt, SignedTicket, Tag, exporter_binding, sign};
use quittance_tests::raw::{End, Raw, Session, Wanted, fetch, fresh_key, garbage};
use quittance_tests::{World, noise};
use transport::exporter;

const SIZE: u64 = 5 * GROUP_BYTES + 100;

/// The receipt in a session that has none yet; what is done to it; the reason by which it is refused.
type Lie = (&'static str, fn(&Session, Receipt) -> Receipt);

const LIES: [Lie; 8] = [
    ("wrong_ticket", |_, mut receipt| {
        receipt.ticket.0[31] ^= 1;
        receipt
    }),
    ("over_limit", |session, receipt| Receipt {
        bytes: session.ticket.bytes_max + 1,
        ..receipt
    }),
    ("over_limit", |_, receipt| Receipt {
        bytes: u64::MAX,
        ..receipt
    }),
    ("over_deliveries", |_, receipt| Receipt {
        within: receipt.deliveries + 1,
        ..receipt
    }),
    ("outside_time", |session, receipt| Receipt {
        signed_at: session.ticket.issued_at - 1,
        ..receipt
    }),
    ("outside_time", |session, receipt| Receipt {
        signed_at: session.ticket.expires_at + 1,
        ..receipt
    }),
    ("outside_time", |_, receipt| Receipt {
        signed_at: 0,
        ..receipt
    }),
    ("zero_sequence", |_, receipt| Receipt {
        sequence: 0,
        ..receipt
    }),
];

/// What must not follow a receipt of sequence 5, 300 bytes, 3 deliveries, 2 within.
const STEPS_BACK: [fn(Receipt) -> Receipt; 5] = [
    |receipt| Receipt {
        sequence: 4,
        ..receipt
    },
    |receipt| Receipt {
        bytes: 301,
        ..receipt
    },
    |receipt| Receipt {
        sequence: 6,
        bytes: 299,
        ..receipt
    },
    |receipt| Receipt {
        sequence: 6,
        deliveries: 2,
        ..receipt
    },
    |receipt| Receipt {
        sequence: 6,
        within: 1,
        ..receipt
    },
];

async fn refused(session: &mut Session, receipt: protocol::UnverifiedReceipt, reason: &str) {
    let refused = session.hand_in(receipt).await.expect_err(reason);
    assert_eq!(refused.code, Code::ReceiptRefused, "{reason}");
    assert!(
        refused.detail.starts_with(&format!("{reason}: ")),
        "{reason}: {}",
        refused.detail
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_count_is_refused_by_name_and_earns_nothing() {
    let mut world = World::start(1, |config| config.epoch_seconds = 10).await;
    let bytes = noise(1, SIZE as usize);
    world.publish_files("show", &[("a", &bytes)]).await;
    let raw = Raw::new(&world.control_url);
    let mut counted = Vec::new();

    for (reason, lie) in LIES {
        let (_connection, mut session) = raw.ready("show").await;
        let receipt = lie(&session, session.receipt(1, 100)).sign(&raw.key);
        refused(&mut session, receipt, reason).await;
    }

    // Signed by another, altered after signing, and signed for another purpose.
    let (_connection, mut session) = raw.ready("show").await;
    let forged = session.receipt(1, 100).sign(&fresh_key());
    refused(&mut session, forged, "bad_signature").await;
    let (_connection, mut session) = raw.ready("show").await;
    let mut altered = session.receipt(1, 100).sign(&raw.key);
    altered.receipt = session.receipt(1, 101).to_bytes().into();
    refused(&mut session, altered, "bad_signature").await;
    let (_connection, mut session) = raw.ready("show").await;
    let mut repurposed = session.receipt(1, 100).sign(&raw.key);
    repurposed.signature = sign(&raw.key, Tag::Binding, &session.receipt(1, 100).digest());
    refused(&mut session, repurposed, "bad_signature").await;

    // A receipt of one ticket in the session of another.
    let (_connection, mut session) = raw.ready("show").await;
    let (_other_connection, other) = raw.ready("show").await;
    let foreign = other.receipt(1, 100).sign(&raw.key);
    refused(&mut session, foreign, "wrong_ticket").await;

    for step_back in STEPS_BACK {
        let (_connection, mut session) = raw.ready("show").await;
        let good = Receipt {
            deliveries: 3,
            within: 2,
            ..session.receipt(5, 300)
        };
        assert_eq!(session.sign(good).await, Ok(5));
        assert_eq!(session.sign(good).await, Ok(5), "a repetition is harmless");
        let bad = step_back(good).sign(&raw.key);
        refused(&mut session, bad, "not_monotonic").await;
        counted.push((session.ticket.id, good));
    }

    // A limit can be reached, and what was refused doesn't undo what was good.
    let (connection, mut session) = raw.ready("show").await;
    let full = session.receipt(1, session.ticket.bytes_max);
    assert_eq!(session.sign(full).await, Ok(1));
    counted.push((session.ticket.id, full));
    // Nothing is sent under a ticket that is spent.
    let content = protocol::ContentHash::from(world_content(&world, "show").await);
    let wanted = Wanted {
        ticket: session.ticket.id,
        content,
        size: SIZE,
        offset: 0,
        length: SIZE,
    };
    let (got, end) = fetch(&connection, wanted).await;
    assert_eq!((got, end), (0, End::Reset(Code::TicketSpent)));

    // Exactly the good ones are attested.
    let last = counted.iter().map(|(id, _)| id.epoch).max();
    let last = last.expect("there are some").max(world.epoch());
    world.attested(last).await;
    let mut attested = Vec::new();
    for epoch in 0..=last {
        let evidence = world.evidence(epoch).await;
        assert!(evidence.rejections.is_empty(), "{:?}", evidence.rejections);
        for segment in evidence.segments.values() {
            attested.extend(segment.records().iter().map(|r| (r.id, r.receipt)));
        }
    }
    counted.sort_by_key(|(id, _)| *id);
    assert_eq!(attested, counted);
    world.check().expect("nothing ended");
}

async fn world_content(world: &World, name: &str) -> [u8; 32] {
    let api = client::ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let (_, manifest) = api.manifest(name).await.expect("it is published");
    *manifest.entries()[0].content.as_bytes()
}

fn altered(ticket: SignedTicket, change: impl FnOnce(&mut protocol::Ticket)) -> SignedTicket {
    let mut said = ticket.peek();
    change(&mut said);
    SignedTicket {
        ticket: said.to_bytes().into(),
        ..ticket
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_requests_without_a_right_to_them_are_refused() {
    let mut world = World::start(2, |config| config.epoch_seconds = 30).await;
    let (show, other) = (noise(2, SIZE as usize), noise(3, SIZE as usize));
    let published = world.publish_files("show", &[("a", &show)]).await;
    let elsewhere = world.publish_files("other", &[("b", &other)]).await;
    let raw = Raw::new(&world.control_url);
    world.epoch_with(20).await;
    let routed = raw.route("show").await.nodes;
    assert_eq!(routed.len(), 2, "a ticket for each node");
    let (first, second) = (&routed[0], &routed[1]);
    let connection = raw.connect(first.node, &first.address).await;
    let code = async |connection: &quinn::Connection, ticket: SignedTicket| {
        let refused = raw.session(connection, ticket).await;
        let refused = refused.expect_err("this session is nobody's right");
        assert!(!refused.detail.is_empty());
        refused.code
    };

    // Tickets.
    let ticket = first.ticket;
    assert_eq!(code(&connection, second.ticket).await, Code::WrongNode);
    for (change, expected) in [
        (
            altered(ticket, |t| t.bytes_max -= 1),
            Code::BadTicketSignature,
        ),
        (
            altered(ticket, |t| t.id.index += 1),
            Code::BadTicketSignature,
        ),
        (
            altered(ticket, |t| t.collection = elsewhere.collection),
            Code::BadTicketSignature,
        ),
        (
            altered(ticket, |t| t.network.chain_id += 1),
            Code::WrongNetwork,
        ),
        (altered(ticket, |t| t.id.issuer = 7), Code::UnknownIssuer),
        (altered(ticket, |t| t.id.epoch += 1), Code::WrongEpoch),
        (altered(ticket, |t| t.expires_at = 0), Code::TicketExpired),
        (
            altered(ticket, |t| t.expires_at += 3_600_000),
            Code::WrongEpoch,
        ),
        (
            altered(ticket, |t| t.node = NodeId::from([9; 32])),
            Code::WrongNode,
        ),
        // Granted by somebody, but not by the issuer.
        (ticket.peek().sign(&fresh_key()), Code::BadTicketSignature),
    ] {
        assert_eq!(code(&connection, change).await, expected, "{change:?}");
    }

    // Bindings: a stolen ticket is of no use, not even with a binding from another connection.
    let open = |connection, binding| Session::open(connection, ticket, binding, raw.key.clone());
    let thief = fresh_key();
    let body = exporter_binding(&ticket.peek().digest(), &exporter(&connection));
    let forged = open(&connection, sign(&thief, Tag::Binding, &body)).await;
    assert_eq!(forged.expect_err("a thief's").code, Code::BadBinding);
    let seen = raw.binding(&connection, &ticket);
    let elsewhere_connection = raw.connect(first.node, &first.address).await;
    let replayed = open(&elsewhere_connection, seen).await;
    assert_eq!(replayed.expect_err("replayed").code, Code::BadBinding);

    // Requests.
    let wanted = Wanted {
        ticket: ticket.peek().id,
        content: published.files[0].content,
        size: SIZE,
        offset: 0,
        length: SIZE,
    };
    let refusal = async |connection: &quinn::Connection, wanted: Wanted| {
        let (got, end) = fetch(connection, wanted).await;
        assert_eq!(got, 0);
        match end {
            End::Refused(refused) => refused.code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refusal(&connection, wanted).await, Code::NoSession);
    let session = raw.session(&connection, ticket).await;
    let mut session = session.expect("now in order");
    // The session is this connection's alone.
    assert_eq!(
        refusal(&elsewhere_connection, wanted).await,
        Code::NoSession
    );
    let foreign = Wanted {
        content: elsewhere.files[0].content,
        ..wanted
    };
    assert_eq!(refusal(&connection, foreign).await, Code::NotInCollection);
    let whole = 5 * GROUP_BYTES;
    for (offset, length) in [
        (1, GROUP_BYTES),
        (0, GROUP_BYTES - 1),
        (0, whole + 99),
        (whole, 101),
        (GROUP_BYTES, SIZE),
        (0, 0),
        (u64::MAX - GROUP_BYTES + 1, GROUP_BYTES),
        (0, u64::MAX),
    ] {
        let (got, end) = asked(&connection, wanted, offset, length).await;
        assert_eq!(got, 0);
        assert_eq!(end, Code::BadRange, "{offset}, {length}");
    }

    // Garbage: its stream is reset, nothing else.
    let long = [&u32::MAX.to_be_bytes()[..], &[0; 100]].concat();
    let unknown = [&5u32.to_be_bytes()[..], &[99, 0, 0, 0, 0]].concat();
    let trailing = [&3u32.to_be_bytes()[..], &[2, 0, 0]].concat();
    for bytes in [&long, &unknown, &trailing] {
        assert_eq!(garbage(&connection, bytes).await, Code::Malformed);
    }

    // After all that the node serves and counts as if nothing had been.
    let (got, end) = fetch(&connection, wanted).await;
    assert_eq!((got, end), (SIZE, End::Whole));
    let receipt = session.receipt(1, SIZE);
    assert_eq!(session.sign(receipt).await, Ok(1));
    world.check().expect("nothing ended");
}

/// Asks for a range that may be none: the code of the refusal.
async fn asked(
    connection: &quinn::Connection,
    wanted: Wanted,
    offset: u64,
    length: u64,
) -> (u64, Code) {
    let (got, end) = fetch(
        connection,
        Wanted {
            offset,
            length,
            ..wanted
        },
    )
    .await;
    match end {
        End::Refused(refused) => (got, refused.code),
        other => panic!("{offset}, {length}: {other:?}"),
    }
}

/// Tickets for which two connections hand in receipts at the same moment.
const RACES: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_race_never_take_back_what_was_acknowledged() {
    let mut world = World::start(1, |config| config.epoch_seconds = 12).await;
    world.publish_files("show", &[("a", &noise(8, 1000))]).await;
    let epoch = world.epoch_with(9).await;
    let raw = Raw::new(&world.control_url);
    let mut acknowledged = Vec::new();
    for _ in 0..RACES {
        let routed = raw.route("show").await.nodes.remove(0);
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let connection = raw.connect(routed.node, &routed.address).await;
            let session = raw.session(&connection, routed.ticket).await;
            sessions.push((connection, session.expect("the same client's")));
        }
        let [(_, low), (_, high)] = &mut sessions[..] else {
            unreachable!("there are two");
        };
        let receipts = (low.receipt(1, 100), high.receipt(2, 200));
        let (first, second) = tokio::join!(low.sign(receipts.0), high.sign(receipts.1));
        assert_eq!(second, Ok(2), "nothing newer was there");
        if let Err(refused) = first {
            assert_eq!(refused.code, Code::ReceiptRefused);
        }
        acknowledged.push((routed.ticket.peek().id, receipts.1));
    }
    let mut epochs = acknowledged.iter().map(|(id, _)| id.epoch);
    assert!(epochs.all(|of| of == epoch), "all were to be in one epoch");
    world.attested(epoch).await;
    let evidence = world.evidence(epoch).await;
    let kept = evidence.segments[&0].records();
    assert_eq!(kept.len(), RACES);
    for (record, (id, receipt)) in kept.iter().zip(acknowledged) {
        assert_eq!(record.id, id);
        assert_eq!(record.receipt, receipt, "{id:?}: an older one is sealed");
    }
}
