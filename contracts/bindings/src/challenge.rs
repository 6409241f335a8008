//! Challenges: what can be shown to be false on chain, and the call that shows it.
//!
//! A [`Challenge`] is a [`Claim`] against the attestation of an epoch, an [`IssuerClaim`] against an issuer, or a
//! [`NodeClaim`] against a node.
//! Each variant is a function of one of the challenge contracts and has what it takes: see
//! `contracts/src/interfaces`. Building one proves nothing yet; the contract checks everything. Sending is
//! [`Chain::commit_challenge`](crate::Chain::commit_challenge) and
//! [`Chain::reveal_challenge`](crate::Chain::reveal_challenge).

pub mod abi;
mod encode;
mod forced;
mod kind;

pub use forced::{ChargeGap, NodeClaim, RecordGap, ShownForced, Standing};
pub use kind::{Contract, Kind, UnknownKind};

use alloy::primitives::{B256, Bytes};
use protocol::{BillLeaf, ChargeLeaf, NodeLeaf, Proof, Record, Roots, SignedTicket, Ticket};

/// 15 bytes of mass as SPEC section 6 lays them out, whatever the lanes are.
pub type MassBytes = [u8; 15];

/// A leaf of an epoch's tree, shown to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<L> {
    /// The leaf.
    pub leaf: L,
    /// Where it stands, whatever it says itself.
    pub place: u32,
    /// Leaves of the tree, as its root states.
    pub count: u32,
    /// Siblings from the bottom up.
    pub proof: Proof,
}

/// Two neighbouring leaves, shown to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPair<L> {
    /// The leaf at `place`.
    pub left: L,
    /// The one after it.
    pub right: L,
    /// Where the left one stands.
    pub place: u32,
    /// Leaves of the tree, as its root states.
    pub count: u32,
    /// Siblings on the way of the left leaf to where the ways meet, then on the right one's, both without the
    /// last, then those on the common way.
    pub proof: Proof,
}

/// A record in the segment of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecord {
    /// The charge.
    pub charge: Shown<ChargeLeaf>,
    /// The record in its segment.
    pub record: Shown<Record>,
}

/// Two neighbouring records in the segment of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecords {
    /// The charge.
    pub charge: Shown<ChargeLeaf>,
    /// The records in its segment.
    pub records: ShownPair<Record>,
}

/// What a root stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootOpening {
    /// Mass of the uppermost element, as the root states.
    pub mass: MassBytes,
    /// Number of leaves, as the root states.
    pub count: u32,
    /// Hash of the uppermost element.
    pub top: B256,
}

/// What the epoch before says of a node or payer, by its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier<L> {
    /// There is no epoch before, or it doesn't matter here.
    Nothing,
    /// This leaf.
    Leaf {
        /// What was attested for the epoch before.
        roots: Roots,
        /// Its leaf; the place is the index asked for.
        shown: Shown<L>,
    },
    /// Nothing: its tree was too short.
    Beyond {
        /// What was attested for the epoch before.
        roots: Roots,
        /// The tree's root.
        root: RootOpening,
    },
}

/// Which of the trees that an attestation stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// The nodes tree.
    Nodes,
    /// The bills tree.
    Bills,
    /// The charges tree.
    Charges,
    /// The segment of a charge.
    Segment(Box<Shown<ChargeLeaf>>),
}

/// An element of a tree by its place, with what leads from it to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementPath {
    /// 0 for leaves.
    pub level: u8,
    /// How many are left of it on its level.
    pub position: u32,
    /// Leaves of the tree, as its root states.
    pub count: u32,
    /// What its parent, or the root, states for it.
    pub mass: MassBytes,
    /// Siblings from its level up.
    pub proof: Proof,
}

/// What is false in an attestation. Each is a function of the same name.
#[allow(missing_docs, reason = "the interfaces in contracts/src document them")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    // Records
    BadSignature(Box<ShownRecord>, Box<Ticket>),
    TicketElsewhere(Box<ShownRecord>, Box<Ticket>),
    MalformedTicket(Box<ShownRecord>, Box<Ticket>),
    UnknownPayer(Box<ShownRecord>, Box<Ticket>),
    OverLimit(Box<ShownRecord>, Box<Ticket>),
    OutsideTime(Box<ShownRecord>, Box<Ticket>),
    NoTicketLog(Box<ShownRecord>),
    IndexBeyondLog(Box<ShownRecord>, RootOpening),
    /// The ticket is the log's entry, and the path its leaf's.
    TicketNotInLog(Box<ShownRecord>, Box<Ticket>, ElementPath),
    OverDeliveries(Box<ShownRecord>),
    ZeroSequence(Box<ShownRecord>),
    RecordsOutOfOrder(Box<ShownRecords>),
    // Trees
    /// With the element's preimage.
    WrongSum(Tree, ElementPath, Bytes),
    /// With the element's preimage.
    WrongShape(Tree, ElementPath, Bytes),
    /// With the element's hash.
    WrongCount(Tree, ElementPath, B256),
    /// With the root's preimage.
    SegmentRootMismatch(Box<Shown<ChargeLeaf>>, Bytes),
    ChargesOutOfOrder(Box<ShownPair<ChargeLeaf>>),
    WrongNode(Box<Shown<NodeLeaf>>),
    WrongPayer(Box<Shown<BillLeaf>>),
    WrongNodeCount(RootOpening),
    WrongPayerCount(RootOpening),
    /// With the roots of nodes and bills.
    ChargeOfNobody(Box<Shown<ChargeLeaf>>, RootOpening, RootOpening),
    // Money
    WrongScore(Box<Shown<NodeLeaf>>),
    /// With the charges root.
    RewardWithoutCharge(Box<Shown<NodeLeaf>>, RootOpening),
    WrongReward(Box<Shown<NodeLeaf>>, Box<Shown<ChargeLeaf>>),
    LaterChargeOfNode(Box<Shown<NodeLeaf>>, Box<Shown<ChargeLeaf>>),
    WrongCumulative(Box<Shown<NodeLeaf>>, Box<Earlier<NodeLeaf>>),
    /// With its node's leaf, the charge before it unless it is the first, and its payer's leaf before.
    WrongAmount(
        Box<Shown<ChargeLeaf>>,
        Box<Shown<NodeLeaf>>,
        Option<Box<Shown<ChargeLeaf>>>,
        Box<Earlier<BillLeaf>>,
    ),
    /// With the charge before it unless it is the first, and its payer's leaf before.
    WrongBilled(
        Box<Shown<ChargeLeaf>>,
        Option<Box<Shown<ChargeLeaf>>>,
        Box<Earlier<BillLeaf>>,
    ),
    /// With the charge that it names as previous, if that is before it.
    WrongEarned(Box<Shown<ChargeLeaf>>, Option<Box<Shown<ChargeLeaf>>>),
    SkippedCharge(Box<Shown<ChargeLeaf>>, Box<Shown<ChargeLeaf>>),
    /// With the charges root.
    BillWithoutCharge(Box<Shown<BillLeaf>>, RootOpening),
    WrongBill(Box<Shown<BillLeaf>>, Box<Shown<ChargeLeaf>>),
    LaterChargeOfPayer(Box<Shown<BillLeaf>>, Box<Shown<ChargeLeaf>>),
    WrongCumulativeBill(Box<Shown<BillLeaf>>, Box<Earlier<BillLeaf>>),
    OverDeposit(Box<Shown<BillLeaf>>),
    TotalAboveFunds,
    // What a node forced
    IgnoredCharge(Box<ShownForced>, Box<Standing>, Box<ChargeGap>),
    IgnoredRecord(Box<ShownForced>, Box<Standing>, Box<RecordGap>),
    /// With the older record of the same ticket.
    IgnoredNewer(Box<ShownForced>, Box<Standing>, Box<ShownRecord>),
}

/// A log that an issuer committed for an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogOf {
    /// The epoch.
    pub epoch: u64,
    /// The issuer.
    pub issuer: u32,
}

/// What an issuer did wrong. Each is a function of the same name.
#[allow(missing_docs, reason = "the interfaces in contracts/src document them")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerClaim {
    LogMissing(Box<SignedTicket>),
    LogTooShort(Box<SignedTicket>, RootOpening),
    /// With the hash of the log's leaf at the ticket's place.
    LogContradicts(Box<SignedTicket>, ElementPath, B256),
    TicketMalformedByIssuer(Box<SignedTicket>),
    /// With the element's preimage.
    LogWrongSum(LogOf, ElementPath, Bytes),
    /// With the element's preimage.
    LogWrongShape(LogOf, ElementPath, Bytes),
    /// With the element's hash.
    LogWrongCount(LogOf, ElementPath, B256),
    LogOutOfPlace(LogOf, ElementPath, Box<Ticket>),
}

/// A claim with whom it is against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Against an attestation, which falls with all that follow it.
    Attestation {
        /// The epoch.
        epoch: u64,
        /// What was attested.
        roots: Roots,
        /// What is false in it.
        claim: Claim,
    },
    /// Against an issuer, which is slashed; attestations stay.
    Issuer(IssuerClaim),
    /// Against a node, which is slashed; attestations stay.
    Node(NodeClaim),
}

impl Challenge {
    /// Which function it calls.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Attestation { claim, .. } => claim.kind(),
            Self::Issuer(claim) => claim.kind(),
            Self::Node(claim) => claim.kind(),
        }
    }

    /// The contract that has that function.
    pub fn contract(&self) -> Contract {
        self.kind().contract()
    }

    /// The call. The salt keeps a commitment to it from being guessed; without a commitment any will do.
    pub fn call_data(&self, salt: B256) -> Bytes {
        match self {
            Self::Attestation {
                epoch,
                roots,
                claim,
            } => claim.encode(*epoch, roots, salt),
            Self::Issuer(claim) => claim.encode(salt),
            Self::Node(claim) => claim.encode(salt),
        }
    }
}
