// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ChargeProof, LogProof, NodeProof} from "./Proofs.sol";

/// @notice A record that its node forced.
/// @param node Registry index.
/// @param chunk Which of the node's chunks of the epoch.
/// @param place Where it stands in the chunk.
/// @param count Records of the chunk.
/// @param record The record's 140 bytes.
/// @param proof Siblings, 47 bytes a level.
/// @param ticket The ticket it is for.
struct ForcedProof {
    uint32 node;
    uint32 chunk;
    uint32 place;
    uint32 count;
    bytes record;
    bytes proof;
    bytes ticket;
}

/// @notice What a forced record counts by, beside itself.
/// @param payer Payer index of who pays by its ticket.
/// @param entry The ticket's leaf in its issuer's log.
/// @param node What the epoch says of the node: its mass has room for the record.
struct Standing {
    uint32 payer;
    LogProof entry;
    NodeProof node;
}

/// @notice Two neighbours among an epoch's charges, and that nothing is between them.
/// @param place Place of the right one, and how many there are on the left: 0 if there is no left one, `count`
/// if there is no right one.
/// @param count Number of charges.
/// @param left The charge at `place − 1`, passed over if there is none.
/// @param right The charge at `place`, passed over if there is none.
struct ChargeGap {
    uint32 place;
    uint32 count;
    ChargeProof left;
    ChargeProof right;
}

/// @notice As {ChargeGap}, two neighbours among the records of a charge.
struct RecordGap {
    ChargeProof charge;
    uint32 place;
    uint32 count;
    bytes left;
    bytes leftProof;
    bytes right;
    bytes rightProof;
}
