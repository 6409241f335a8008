//! Files and fixed layouts of SPEC: what is read is written again as the same bytes.

use crate::target::{Target, choice, none};
use protocol::{
    BillLeaf, BillTree, ChargeLeaf, ChargeTree, DeliveryMass, Element, Elements, EpochLeaf,
    EpochTree, FillGrant, LogHeader, Manifest, NodeLeaf, NodeTree, Receipt, Record, Segment,
    SegmentHeader, Ticket, TicketId, TicketLog, ValueMass,
};

pub(super) const SEGMENT: Target = Target {
    name: "segment",
    reads: &["Segment::from_bytes", "SegmentHeader::from_bytes"],
    run: |bytes| {
        if let Some(head) = bytes.first_chunk() {
            let _ = SegmentHeader::from_bytes(head);
        }
        if let Ok(read) = Segment::from_bytes(bytes) {
            assert_eq!(read.to_bytes(), bytes);
            let _ = read.root();
        }
    },
    vectors: &["segment", "epoch"],
    seeds: none,
};

pub(super) const TICKET_LOG: Target = Target {
    name: "ticket_log",
    reads: &["TicketLog::from_bytes", "LogHeader::from_bytes"],
    run: |bytes| {
        if let Some(head) = bytes.first_chunk() {
            let _ = LogHeader::from_bytes(head);
        }
        if let Ok(read) = TicketLog::from_bytes(bytes) {
            assert_eq!(read.to_bytes(), bytes);
            let _ = read.root();
        }
    },
    vectors: &["segment", "epoch", "receipt"],
    seeds: none,
};

pub(super) const TREE: Target = Target {
    name: "tree",
    reads: &[
        "EpochTree::from_bytes",
        "EpochTree::from_bytes_unordered",
        "NodeLeaf::from_bytes",
        "BillLeaf::from_bytes",
        "ChargeLeaf::from_bytes",
    ],
    run: |bytes| {
        fn tree<L: EpochLeaf>(read: Result<EpochTree<L>, protocol::LayoutError>, bytes: &[u8]) {
            if let Ok(read) = read {
                assert_eq!(read.to_bytes(), bytes);
                let _ = read.root();
                let _ = read.below_top(2);
            }
        }
        // Which of them it is its first bytes say.
        tree::<NodeLeaf>(NodeTree::from_bytes(bytes), bytes);
        tree::<BillLeaf>(BillTree::from_bytes(bytes), bytes);
        tree::<ChargeLeaf>(ChargeTree::from_bytes(bytes), bytes);
        tree::<NodeLeaf>(NodeTree::from_bytes_unordered(bytes), bytes);
    },
    vectors: &["epoch"],
    seeds: none,
};

pub(super) const ELEMENTS: Target = Target {
    name: "elements",
    reads: &["Elements::from_bytes"],
    run: |bytes| {
        if let Ok(read) = Elements::from_bytes(bytes) {
            assert_eq!(read.to_bytes(), bytes);
        }
    },
    vectors: &[],
    seeds: || {
        let stated = protocol::StatedElement {
            level: 1,
            position: 2,
            mass: [3; 15],
            hash: protocol::keccak256([4; 9]),
            preimage: vec![4; 9],
        };
        let elements = Elements {
            network: protocol::Network {
                chain_id: 1,
                settlement: [5; 20].into(),
            },
            epoch: 6,
            root: vec![7; 5],
            elements: vec![stated],
        };
        vec![elements.to_bytes()]
    },
};

pub(super) const MANIFEST: Target = Target {
    name: "manifest",
    reads: &["Manifest::from_bytes"],
    run: |bytes| {
        if let Ok(read) = Manifest::from_bytes(bytes) {
            assert_eq!(read.to_bytes(), bytes);
            let _ = read.id();
        }
    },
    vectors: &["manifest"],
    seeds: none,
};

pub(super) const FIXED: Target = Target {
    name: "fixed",
    reads: &[
        "Ticket::from_bytes",
        "Receipt::from_bytes",
        "Record::from_bytes",
        "FillGrant::from_bytes",
        "TicketId::from_bytes",
        "Element::from_bytes",
    ],
    run: |bytes| {
        let Some((kind, bytes)) = choice(bytes) else {
            return;
        };
        macro_rules! same {
            ($kind:ty) => {
                if let Some(bytes) = bytes.first_chunk() {
                    assert_eq!(&<$kind>::from_bytes(bytes).to_bytes(), bytes);
                }
            };
        }
        match kind % 7 {
            0 => same!(Ticket),
            1 => same!(Receipt),
            2 => same!(Record),
            3 => same!(FillGrant),
            4 => {
                if let Some(bytes) = bytes.first_chunk() {
                    assert_eq!(
                        &Element::<DeliveryMass>::from_bytes(*bytes).to_bytes(),
                        bytes
                    );
                }
            }
            5 => {
                if let Some(bytes) = bytes.first_chunk() {
                    assert_eq!(&Element::<ValueMass>::from_bytes(*bytes).to_bytes(), bytes);
                }
            }
            _ => {
                if let Some(bytes) = bytes.first_chunk() {
                    assert_eq!(&TicketId::from_bytes(*bytes).to_bytes(), bytes);
                }
            }
        }
    },
    vectors: &["ticket", "receipt"],
    seeds: none,
};
