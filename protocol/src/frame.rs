//! Frames: what peers say to each other on a stream. SPEC section 9.
//!
//! A frame is `length (u32) ‖ postcard body`. The client of a node opens one stream per request; the
//! first frame says which. Order of variants and fields is the wire format: append, never reorder.

use crate::code::Code;
use crate::counts::Counts;
use crate::fill_grant::SignedFillGrant;
use crate::orders::{Order, OrderId};
use crate::record::UnverifiedReceipt;
use crate::signature::Signature;
use crate::ticket::SignedTicket;
use crate::{CollectionId, ContentHash, Epoch, NodeId, TicketId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest frame body. The largest ordinary one, a session request, has under 400 bytes.
pub const FRAME_BYTES_MAX: usize = 65_536;
/// Bytes that are verified at a time: a bao chunk group.
pub const GROUP_BYTES: u64 = 16 << 10;
/// Content is sent in slices cut at multiples of this.
pub const SLICE_BYTES: u64 = 1 << 20;

/// What a client asks of a node; the first frame of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Opens a ticket's session: receipts and their acknowledgements travel on this stream.
    Session {
        /// The ticket.
        ticket: Box<SignedTicket>,
        /// The client's signature over ticket and connection.
        binding: Signature,
    },
    /// Content under an open session.
    Fetch {
        /// The session's ticket.
        ticket: TicketId,
        /// What.
        content: ContentHash,
        /// First byte, a multiple of 16 KiB.
        offset: u64,
        /// How many: a multiple of 16 KiB, or up to the content's end.
        length: u64,
    },
    /// The node's sealed segment of an epoch; no ticket needed, it is evidence.
    Segment {
        /// Which.
        epoch: Epoch,
    },
    /// Content for another node's cache, answered by [`FetchReply`] and a body as for a fetch. Nothing of it is
    /// receipted.
    Fill {
        /// That it may have it.
        grant: Box<SignedFillGrant>,
        /// The filling node's signature over grant and connection.
        binding: Signature,
        /// What.
        content: ContentHash,
        /// First byte, a multiple of 16 KiB.
        offset: u64,
        /// How many: a multiple of 16 KiB, or up to the content's end.
        length: u64,
    },
}

/// What a node says on a session's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionReply {
    /// The ticket is good.
    Accepted {
        /// Last sequence the node holds for it, 0 for none.
        sequence: u32,
        /// Bytes of that receipt.
        bytes: u64,
        /// Content bytes after which a receipt is due.
        receipt_interval: u64,
        /// Content bytes that the node sends ahead of the last receipt.
        window: u64,
    },
    /// That receipt is durable.
    Acked {
        /// Its sequence.
        sequence: u32,
    },
    /// No.
    Refused {
        /// From the table of codes.
        code: u16,
        /// For people.
        detail: String,
    },
}

/// A receipt on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptFrame {
    /// Signed, not yet checked.
    pub receipt: UnverifiedReceipt,
}

/// The answer that precedes a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchReply {
    /// The body follows.
    Ok {
        /// Size of the whole content, or of the file that follows.
        size: u64,
    },
    /// No.
    Refused {
        /// From the table of codes.
        code: u16,
        /// For people.
        detail: String,
    },
}

impl SessionReply {
    /// A refusal.
    pub fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused {
            code: code.to_u16(),
            detail: detail.into(),
        }
    }
}

impl FetchReply {
    /// A refusal.
    pub fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused {
            code: code.to_u16(),
            detail: detail.into(),
        }
    }
}

/// What a node asks of its control plane; the first frame of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlRequest {
    /// Makes the node a member: heartbeats follow, orders come back.
    Join {
        /// The node's software.
        version: String,
        /// `host:port` at which clients reach it.
        address: String,
    },
    /// A collection's manifest, answered by [`FetchReply`] and its bytes.
    Manifest {
        /// Which.
        collection: CollectionId,
    },
    /// Content to fill the cache with, answered by [`FetchReply`] and a body as for a fetch.
    Fill {
        /// What.
        content: ContentHash,
        /// First byte, a multiple of 16 KiB.
        offset: u64,
        /// How many: a multiple of 16 KiB, or up to the content's end.
        length: u64,
    },
    /// Which nodes to fill a collection from, answered by [`SourcesReply`]. The control plane is the last source.
    Sources {
        /// Which.
        collection: CollectionId,
    },
}

/// A node to fill from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillSource {
    /// Which.
    pub node: NodeId,
    /// `host:port` at which it serves.
    pub address: String,
    /// What lets the asker fill from it.
    pub grant: SignedFillGrant,
}

/// Where a node may fill from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourcesReply {
    /// Nodes that have the collection, or will have it before the asker: the best first.
    Known {
        /// They; none if only the control plane has it.
        sources: Vec<FillSource>,
    },
    /// No.
    Refused {
        /// From the table of codes.
        code: u16,
        /// For people.
        detail: String,
    },
}

/// A member's state, about once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Sessions open.
    pub sessions: u32,
    /// Bytes in its cache.
    pub cached_bytes: u64,
    /// Bytes it may still cache.
    pub free_bytes: u64,
    /// Whether it wants no new sessions.
    pub draining: bool,
    /// Sessions it can have at most.
    pub sessions_max: u32,
    /// What its line carries, Mbit/s, as its operator says.
    pub bandwidth_mbps: u32,
}

/// What a member tells its control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberFrame {
    /// How it is.
    Heartbeat(Heartbeat),
    /// A durable order is done, and stays done if the node dies.
    Done {
        /// Which.
        order: OrderId,
    },
    /// An order can't be done now; the node tries again.
    Failed {
        /// Which.
        order: OrderId,
        /// Why, for the operator.
        detail: String,
    },
    /// All of a collection is in the node's cache.
    Filled {
        /// Which.
        collection: CollectionId,
    },
    /// What it has done, with each heartbeat.
    Counts(Counts),
}

/// What a control plane tells a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderFrame {
    /// The node is a member now.
    Welcome,
    /// A heartbeat was seen.
    Seen,
    /// Fill the cache with a collection.
    Fill {
        /// Which.
        collection: CollectionId,
    },
    /// The node can't be a member.
    Refused {
        /// From the table of codes.
        code: u16,
        /// For people.
        detail: String,
    },
    /// The node stays a member and gets no traffic.
    NoTraffic {
        /// Why, for its operator.
        reason: String,
    },
    /// A durable order: it comes again with every connection until the node says that it is done.
    Order {
        /// Its number.
        id: OrderId,
        /// What is to be done.
        order: Order,
    },
}

/// A frame that can't be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes; at most {FRAME_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// Not the frame that is due.
    #[error("not the frame that is due here: {0}")]
    Malformed(#[from] postcard::Error),
    /// Bytes after the body's end.
    #[error("{0} bytes after the frame's end")]
    Trailing(usize),
}

/// The length and the body.
///
/// # Errors
/// If the body is too long.
pub fn encode_frame<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let body = postcard::to_allocvec(frame)?;
    if body.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(body.len()));
    }
    let mut out = Vec::with_capacity(4 + body.len());
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// The frame in a body, without its length.
///
/// # Errors
/// If it is too long, malformed, or has bytes to spare.
pub fn decode_frame<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    if body.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(body.len()));
    }
    let (frame, rest) = postcard::take_from_bytes(body)?;
    if rest.is_empty() {
        Ok(frame)
    } else {
        Err(FrameError::Trailing(rest.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_round_trip_and_nothing_may_follow() {
        let request = Request::Fetch {
            ticket: TicketId {
                epoch: 1,
                issuer: 2,
                index: 3,
            },
            content: ContentHash::from([9; 32]),
            offset: 0,
            length: GROUP_BYTES,
        };
        let bytes = encode_frame(&request).unwrap();
        assert_eq!(decode_frame::<Request>(&bytes[4..]).unwrap(), request);
        let mut longer = bytes[4..].to_vec();
        longer.push(0);
        assert_eq!(
            decode_frame::<Request>(&longer),
            Err(FrameError::Trailing(1))
        );
        let long = OrderFrame::Refused {
            code: 0,
            detail: "x".repeat(FRAME_BYTES_MAX),
        };
        assert!(matches!(encode_frame(&long), Err(FrameError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode_frame::<Request>(&bytes);
            let _ = decode_frame::<SessionReply>(&bytes);
            let _ = decode_frame::<ReceiptFrame>(&bytes);
            let _ = decode_frame::<FetchReply>(&bytes);
            let _ = decode_frame::<ControlRequest>(&bytes);
            let _ = decode_frame::<OrderFrame>(&bytes);
            let _ = decode_frame::<MemberFrame>(&bytes);
            let _ = decode_frame::<SourcesReply>(&bytes);
        }
    }
}
