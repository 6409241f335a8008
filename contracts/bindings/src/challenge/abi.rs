//! The challenges' calls, all over one set of types.
//!
//! `sol!` gives each contract of the artifacts types of its own, so a leaf shown to one couldn't be shown to
//! another. These are written out instead, and a test holds them against the artifacts: a selector is made of
//! the types of all fields.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

use alloy::sol;

sol! {
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Roots {
        bytes32 nodes;
        bytes32 bills;
        bytes32 charges;
        bytes32 evidence;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct NodeLeaf {
        uint32 index;
        bytes32 node;
        uint120 mass;
        uint32 probes;
        uint32 probesOk;
        uint32 slaPpm;
        uint32 last;
        uint128 reward;
        uint128 cumulative;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct BillLeaf {
        uint32 index;
        address payer;
        uint32 last;
        uint128 bill;
        uint128 cumulative;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct ChargeLeaf {
        uint32 payer;
        uint32 node;
        bytes32 segmentRoot;
        uint120 mass;
        uint128 amount;
        uint128 billed;
        uint128 earned;
        uint120 served;
        uint32 previous;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct NodeProof {
        NodeLeaf leaf;
        uint32 place;
        uint32 count;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct BillProof {
        BillLeaf leaf;
        uint32 place;
        uint32 count;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct ChargeProof {
        ChargeLeaf leaf;
        uint32 place;
        uint32 count;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct ChargePair {
        ChargeLeaf left;
        ChargeLeaf right;
        uint32 place;
        uint32 count;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct RecordProof {
        ChargeProof charge;
        bytes record;
        uint32 place;
        uint32 count;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct RecordPair {
        ChargeProof charge;
        bytes left;
        bytes right;
        uint32 place;
        uint32 count;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct RootOpening {
        uint120 mass;
        uint32 count;
        bytes32 top;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct EarlierNode {
        Roots roots;
        RootOpening root;
        NodeLeaf leaf;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct EarlierBill {
        Roots roots;
        RootOpening root;
        BillLeaf leaf;
        bytes proof;
    }

    #[derive(Debug, PartialEq, Eq)]
    enum TreeKind {
        Nodes,
        Bills,
        Charges,
        Segment,
        Log
    }

    #[derive(Debug, PartialEq, Eq)]
    struct ElementProof {
        TreeKind tree;
        ChargeProof charge;
        uint8 level;
        uint32 position;
        uint32 count;
        uint120 mass;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct LogProof {
        uint8 level;
        uint32 position;
        uint32 count;
        uint120 mass;
        bytes proof;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct ForcedProof {
        uint32 node;
        uint32 chunk;
        uint32 place;
        uint32 count;
        bytes record;
        bytes proof;
        bytes ticket;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Standing {
        uint32 payer;
        LogProof entry;
        NodeProof node;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct ChargeGap {
        uint32 place;
        uint32 count;
        ChargeProof left;
        ChargeProof right;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct RecordGap {
        ChargeProof charge;
        uint32 place;
        uint32 count;
        bytes left;
        bytes leftProof;
        bytes right;
        bytes rightProof;
    }

    // RecordChallenges

    function badSignature(uint64 epoch, Roots roots, RecordProof shown, bytes ticket, bytes32 salt);
    function ticketElsewhere(uint64 epoch, Roots roots, RecordProof shown, bytes ticket, bytes32 salt);
    function malformedTicket(uint64 epoch, Roots roots, RecordProof shown, bytes ticket, bytes32 salt);
    function unknownPayer(uint64 epoch, Roots roots, RecordProof shown, bytes ticket, bytes32 salt);
    function overLimit(uint64 epoch, Roots roots, RecordProof shown, bytes ticket, bytes32 salt);
    function outsideTime(uint64 epoch, Roots roots, RecordProof shown, bytes ticket, bytes32 salt);
    function noTicketLog(uint64 epoch, Roots roots, RecordProof shown, bytes32 salt);
    function indexBeyondLog(uint64 epoch, Roots roots, RecordProof shown, RootOpening log, bytes32 salt);
    function ticketNotInLog(uint64 epoch, Roots roots, RecordProof shown, bytes entry, LogProof element, bytes32 salt);
    function overDeliveries(uint64 epoch, Roots roots, RecordProof shown, bytes32 salt);
    function zeroSequence(uint64 epoch, Roots roots, RecordProof shown, bytes32 salt);
    function recordsOutOfOrder(uint64 epoch, Roots roots, RecordPair pair, bytes32 salt);

    // TreeChallenges

    function wrongSum(uint64 epoch, Roots roots, ElementProof element, bytes preimage, bytes32 salt);
    function wrongShape(uint64 epoch, Roots roots, ElementProof element, bytes preimage, bytes32 salt);
    function wrongCount(uint64 epoch, Roots roots, ElementProof element, bytes32 hash, bytes32 salt);
    function segmentRootMismatch(uint64 epoch, Roots roots, ChargeProof charge, bytes preimage, bytes32 salt);
    function chargesOutOfOrder(uint64 epoch, Roots roots, ChargePair pair, bytes32 salt);
    function wrongNode(uint64 epoch, Roots roots, NodeProof node, bytes32 salt);
    function wrongPayer(uint64 epoch, Roots roots, BillProof bill, bytes32 salt);
    function wrongNodeCount(uint64 epoch, Roots roots, RootOpening nodes, bytes32 salt);
    function wrongPayerCount(uint64 epoch, Roots roots, RootOpening bills, bytes32 salt);
    function chargeOfNobody(uint64 epoch, Roots roots, ChargeProof charge, RootOpening nodes, RootOpening bills, bytes32 salt);

    // MoneyChallenges

    function wrongScore(uint64 epoch, Roots roots, NodeProof node, bytes32 salt);
    function rewardWithoutCharge(uint64 epoch, Roots roots, NodeProof node, RootOpening charges, bytes32 salt);
    function wrongReward(uint64 epoch, Roots roots, NodeProof node, ChargeProof charge, bytes32 salt);
    function laterChargeOfNode(uint64 epoch, Roots roots, NodeProof node, ChargeProof charge, bytes32 salt);
    function wrongCumulative(uint64 epoch, Roots roots, NodeProof node, EarlierNode earlier, bytes32 salt);
    function wrongAmount(uint64 epoch, Roots roots, ChargeProof charge, NodeProof node, ChargeProof before, EarlierBill earlier, bytes32 salt);
    function wrongBilled(uint64 epoch, Roots roots, ChargeProof charge, ChargeProof before, EarlierBill earlier, bytes32 salt);
    function wrongEarned(uint64 epoch, Roots roots, ChargeProof charge, ChargeProof previous, bytes32 salt);
    function skippedCharge(uint64 epoch, Roots roots, ChargeProof charge, ChargeProof skipped, bytes32 salt);
    function billWithoutCharge(uint64 epoch, Roots roots, BillProof bill, RootOpening charges, bytes32 salt);
    function wrongBill(uint64 epoch, Roots roots, BillProof bill, ChargeProof charge, bytes32 salt);
    function laterChargeOfPayer(uint64 epoch, Roots roots, BillProof bill, ChargeProof charge, bytes32 salt);
    function wrongCumulativeBill(uint64 epoch, Roots roots, BillProof bill, EarlierBill earlier, bytes32 salt);
    function overDeposit(uint64 epoch, Roots roots, BillProof bill, bytes32 salt);
    function totalAboveFunds(uint64 epoch, Roots roots, bytes32 salt);

    // IssuerChallenges

    function logMissing(bytes ticket, bytes32 r, bytes32 s, bytes32 salt);
    function logTooShort(bytes ticket, bytes32 r, bytes32 s, RootOpening log, bytes32 salt);
    function logContradicts(bytes ticket, bytes32 r, bytes32 s, LogProof element, bytes32 entry, bytes32 salt);
    function ticketMalformedByIssuer(bytes ticket, bytes32 r, bytes32 s, bytes32 salt);
    function logWrongSum(uint64 epoch, uint32 issuer, LogProof element, bytes preimage, bytes32 salt);
    function logWrongShape(uint64 epoch, uint32 issuer, LogProof element, bytes preimage, bytes32 salt);
    function logWrongCount(uint64 epoch, uint32 issuer, LogProof element, bytes32 hash, bytes32 salt);
    function logOutOfPlace(uint64 epoch, uint32 issuer, LogProof element, bytes ticket, bytes32 salt);

    // ForcedSegments

    function ignoredCharge(uint64 epoch, Roots roots, ForcedProof forced, Standing standing, ChargeGap gap, bytes32 salt);
    function ignoredRecord(uint64 epoch, Roots roots, ForcedProof forced, Standing standing, RecordGap gap, bytes32 salt);
    function ignoredNewer(uint64 epoch, Roots roots, ForcedProof forced, Standing standing, RecordProof older, bytes32 salt);
    function forcedInvalid(uint64 epoch, ForcedProof forced, bytes32 salt);

    // All of them

    function name() view returns (string name);
}
