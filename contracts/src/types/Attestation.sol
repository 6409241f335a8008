// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice The verifiers' statement for one epoch, as the contract keeps it. Two words of storage.
/// @param digest `keccak256(nodes ‖ bills ‖ charges ‖ evidence)`, see {Roots}.
/// @param total Sum of all cumulative rewards, and of all cumulative bills, token units.
/// @param activeAt When its challenge window ends, and it stands for good, Unix seconds.
/// @param epoch The epoch it is for.
/// @param signers Whose votes made the quorum: bit i is the verifier of index i.
struct Attestation {
    bytes32 digest;
    uint96 total;
    uint40 activeAt;
    uint40 epoch;
    uint64 signers;
}

/// @notice What an attestation's digest stands for; the event that announced it has these.
/// @param nodes Root of the nodes tree.
/// @param bills Root of the bills tree.
/// @param charges Root of the charges tree.
/// @param evidence BLAKE3 hash of the evidence bundle.
struct Roots {
    bytes32 nodes;
    bytes32 bills;
    bytes32 charges;
    bytes32 evidence;
}

/// @notice What a verifier votes for.
/// @param epoch The epoch.
/// @param nodes Number of leaves of the nodes tree.
/// @param payers Number of leaves of the bills tree.
/// @param charges Number of leaves of the charges tree.
/// @param total Mass of the nodes and of the bills root, token units.
/// @param nodesTop Uppermost element of the nodes tree.
/// @param billsTop Uppermost element of the bills tree.
/// @param chargesTop Uppermost element of the charges tree.
/// @param evidence BLAKE3 hash of the evidence bundle.
struct Statement {
    uint64 epoch;
    uint32 nodes;
    uint32 payers;
    uint32 charges;
    uint96 total;
    bytes32 nodesTop;
    bytes32 billsTop;
    bytes32 chargesTop;
    bytes32 evidence;
}

/// @notice Where an epoch stands.
enum Status {
    /// Not attested.
    None,
    /// Attested, and open to challenge.
    Pending,
    /// Attested for good.
    Active,
    /// Was active; the contract has let go of it, and its event remains.
    Archived
}
