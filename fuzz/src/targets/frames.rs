//! Frames: what peers say to each other on a stream. The first byte chooses which is due.

use crate::target::{Target, choice};
use protocol::{
    ControlRequest, FetchReply, Heartbeat, MemberFrame, OrderFrame, ReceiptFrame, Request,
    SessionReply, SourcesReply, decode_frame, encode_frame,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// What is read is written so that it is read again as the same; postcard lets numbers be written in several ways.
fn one<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(frame) = decode_frame::<T>(bytes) {
        let written = encode_frame(&frame).expect("what was read is short enough");
        assert_eq!(decode_frame::<T>(&written[4..]).as_ref(), Ok(&frame));
    }
}

fn seed<T: Serialize>(kind: u8, frame: &T) -> Vec<u8> {
    let frame = encode_frame(frame).expect("it is short");
    [&[kind], &frame[4..]].concat()
}

pub(super) const FRAMES: Target = Target {
    name: "frames",
    reads: &[
        "frame::decode_frame",
        "Request",
        "SessionReply",
        "ReceiptFrame",
        "FetchReply",
        "ControlRequest",
        "FillSource",
        "SourcesReply",
        "Heartbeat",
        "MemberFrame",
        "OrderFrame",
        "SignedTicket",
        "SignedFillGrant",
        "UnverifiedReceipt",
        "Order",
        "Counts",
    ],
    run: |bytes| {
        let Some((kind, bytes)) = choice(bytes) else {
            return;
        };
        match kind % 8 {
            0 => one::<Request>(bytes),
            1 => one::<SessionReply>(bytes),
            2 => one::<ReceiptFrame>(bytes),
            3 => one::<FetchReply>(bytes),
            4 => one::<ControlRequest>(bytes),
            5 => one::<SourcesReply>(bytes),
            6 => one::<MemberFrame>(bytes),
            _ => one::<OrderFrame>(bytes),
        }
    },
    vectors: &[],
    seeds: || {
        let node = protocol::NodeId::from([1; 32]);
        let collection = protocol::CollectionId::from([2; 32]);
        let ticket = protocol::TicketId {
            epoch: 1,
            issuer: 2,
            index: 3,
        };
        let fetch = Request::Fetch {
            ticket,
            content: [9; 32].into(),
            offset: 0,
            length: 16384,
        };
        let heartbeat = Heartbeat {
            sessions: 1,
            cached_bytes: 2,
            free_bytes: 3,
            draining: true,
            sessions_max: 4,
            bandwidth_mbps: 5,
        };
        let join = ControlRequest::Join {
            version: "0.1.0".into(),
            address: "node.example:4433".into(),
        };
        let revoke = protocol::Order::Revoke {
            what: protocol::Revoked::Node(node),
            issued_until: 1,
            until: 2,
        };
        let purge = protocol::Order::Purge {
            collection,
            paths: protocol::Paths::Glob("**/*.ts".into()),
        };
        vec![
            seed(0, &fetch),
            seed(1, &SessionReply::Acked { sequence: 300 }),
            seed(1, &SessionReply::refused(protocol::Code::Malformed, "no")),
            seed(3, &FetchReply::Ok { size: 1 << 40 }),
            seed(4, &join),
            seed(4, &ControlRequest::Manifest { collection }),
            seed(5, &SourcesReply::Known { sources: vec![] }),
            seed(6, &MemberFrame::Heartbeat(heartbeat)),
            seed(
                7,
                &OrderFrame::Order {
                    id: 1,
                    order: revoke,
                },
            ),
            seed(
                7,
                &OrderFrame::Order {
                    id: 2,
                    order: purge,
                },
            ),
        ]
    },
};
