// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice An account that attests. One word of storage.
/// @param known Whether it was ever admitted, and so has a place.
/// @param admitted Whether it may vote.
/// @param place Its bit among the signers of an attestation, 0 to 63.
/// @param bond What it has at stake, token units.
/// @param unbondedAt When its bond may be withdrawn, Unix seconds; 0 unless it announced that. It doesn't vote
/// any more then.
struct Verifier {
    bool known;
    bool admitted;
    uint8 place;
    uint96 bond;
    uint40 unbondedAt;
}

/// @notice What the owner may change of those who vote.
enum Change {
    /// An account votes from then on.
    Admit,
    /// An account doesn't vote any more.
    Dismiss,
    /// So many must agree.
    Quorum
}
