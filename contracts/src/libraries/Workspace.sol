// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BaseTable} from "./BaseTable.sol";
import {Sha512} from "./Sha512.sol";

/// @title The memory that {Sha512} and {Edwards25519} work in
/// @notice It is at a fixed place, the first of the memory that Solidity gives out: an address that is a constant
/// costs three opcodes less wherever it is used.
///
///     0x80    length of {Sha512-ROUNDS}
///     0xa0    its 80 constants of 8 bytes
///     0x320   length of {BaseTable-POINTS}
///     0x340   its three planes of 64 words
///     0x1b40  what the libraries write: the table of A and R, 16 entries of 128 bytes; before that, in the same
///             place, what {Sha512} needs
///     0x2340  the end; messages and whatever else is allocated come after it
library Workspace {
    uint256 private constant END = 0x2340;

    /// @notice Loads the constants. Must come before anything else takes memory; panics if something did.
    function load() internal pure {
        bytes memory rounds = Sha512.ROUNDS;
        bytes memory points = BaseTable.POINTS;
        uint256 roundsAt;
        uint256 pointsAt;
        assembly ("memory-safe") {
            roundsAt := rounds
            pointsAt := points
            mstore(0x40, END)
        }
        assert(roundsAt == 0x80 && pointsAt == 0x320);
    }
}
