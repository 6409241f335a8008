//! The rules of a Quittance network, as `SPEC.md` beside this crate states them to the byte.
//!
//! Participants: an *issuer* (control plane) grants [`Ticket`]s, *clients* sign cumulative [`Receipt`]s
//! over what they verified, *nodes* keep the newest [`Record`] of each ticket and seal them into
//! [`Segment`]s, *verifiers* recompute everything and attest the three [trees of an epoch](EpochTrees).
//!
//! Goals: one place for every layout, digest, limit and rounding; peers' bytes never panic; what was
//! verified has a type of its own. Non-goals: sockets, files, clocks and randomness. Time and keys come
//! in as arguments.

pub mod api;
mod attestation;
mod code;
mod counts;
pub mod decimal;
mod elements;
mod epoch_tree;
mod fill_grant;
mod frame;
mod ids;
mod inclusion;
mod layout;
mod manifest;
mod mass;
mod merkle;
mod money;
mod orders;
mod payers;
mod policy;
mod record;
mod seal;
mod segment;
mod service;
mod signature;
mod ticket;
mod ticket_log;
mod timeline;
mod viewer_token;

pub use attestation::{EpochRoots, Roots, Statement};
pub use code::Code;
pub use counts::Counts;
pub use elements::{ELEMENTS_MAX, Elements, PREIMAGE_BYTES_MAX, StatedElement};
pub use epoch_tree::{
    BILL_LEAF_BYTES, BillLeaf, BillTree, CHARGE_LEAF_BYTES, ChargeLeaf, ChargeTree, EpochLeaf,
    EpochTree, EpochTrees, NODE_LEAF_BYTES, NodeLeaf, NodeTree,
};
pub use fill_grant::{
    FILL_GRANT_BYTES, FILL_GRANT_MS_MAX, FillGrant, FillGrantInvalid, SignedFillGrant,
    VerifiedFillGrant,
};
pub use frame::{
    ControlRequest, FRAME_BYTES_MAX, FetchReply, FillSource, FrameError, GROUP_BYTES, Heartbeat,
    MemberFrame, OrderFrame, ReceiptFrame, Request, SLICE_BYTES, SessionReply, SourcesReply,
    decode_frame, encode_frame,
};
pub use ids::{
    ClientKey, CollectionId, ContentHash, Epoch, IdError, IssuerKey, Network, NodeId, SealKeyId,
    TicketId, TicketIdError, UnixMillis,
};
pub use inclusion::{InclusionError, NodeProof, Placed, ReceiptProof, TreeLeaf};
pub use layout::{LayoutError, RECORDS_MAX};
pub use manifest::{Entry, Manifest, ManifestError};
pub use mass::{DeliveryMass, Mass, MassOverflow, ValueMass};
pub use merkle::{
    Element, Proof, ProofError, Root, TreeTop, depth, leaf_hash, level_below_top, parent,
};
pub use money::{
    AMOUNT_END, GIB, MoneyError, PPM, PRICE_END, Ppm, RewardTerms, charge, reward, score,
    worth_most,
};
pub use orders::{Order, OrderId, PATTERN_BYTES_MAX, Paths, Revoked};
pub use payers::Payers;
pub use policy::{
    Country, CountryError, CountryRefused, POLICY_NAME_BYTES_MAX, Policy, PolicyError,
    REQUIRES_MAX, VIEWER_KEYS_MAX, ViewerKey, ViewerKeyError, ViewerPoint,
};
pub use record::{
    RECEIPT_BYTES, RECORD_BYTES, Receipt, Record, RecordContext, RecordPlace, Rejection,
    UnverifiedReceipt, VerifiedReceipt, VerifiedRecord,
};
pub use seal::{SealKey, SealNonce};
pub use segment::{SEGMENT_HEADER_BYTES, Segment, SegmentError, SegmentHeader};
pub use service::ServiceTargets;
pub use signature::{
    PublicKey, SIGNED_BYTES, Signature, SignatureInvalid, Tag, exporter_binding,
    registration_digest, sign, verify,
};
pub use ticket::{SignedTicket, TICKET_BYTES, Ticket, TicketInvalid, VerifiedTicket};
pub use ticket_log::{LOG_HEADER_BYTES, LogHeader, TicketLog, TicketLogError};
pub use timeline::{OutOfOrder, Timeline, Windows};
pub use viewer_token::{
    NO_VIEWER_TOKEN, URI_SIGNING_PACKAGE, VIEWER_TOKEN_BYTES_MAX, ViewerToken, ViewerTokenError,
};

pub use alloy_primitives::{Address, B256, FixedBytes, keccak256};
/// The secret half of a node's, client's or issuer's key.
pub use ed25519_dalek::SigningKey;

/// The TLS application protocol of a node's service.
pub const ALPN_NODE: &[u8] = b"quittance/1";
/// The TLS application protocol between nodes and their control plane.
pub const ALPN_CONTROL: &[u8] = b"quittance-control/1";
/// Label of the TLS exporter that binds a session to its connection.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-quittance-bind";
