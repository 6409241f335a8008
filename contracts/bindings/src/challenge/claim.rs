//! What challenges say is false.

use alloy::primitives::{B256, Bytes};
use protocol::{BillLeaf, ChargeLeaf, NodeLeaf, SignedTicket, Ticket};

use super::forced::{ChargeGap, RecordGap, ShownForced, Standing};
use super::shown::{
    Earlier, ElementPath, RootOpening, Shown, ShownPair, ShownRecord, ShownRecords, Tree,
};

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
