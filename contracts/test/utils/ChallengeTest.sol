// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../../src/interfaces/IChallenge.sol";
import {Aim, Calls} from "./Calls.sol";
import {Epoch} from "./Epochs.sol";

/// @notice Two honest epochs, the later of which a test may tell a lie in.
abstract contract ChallengeTest is Calls {
    /// @dev Nodes and payers come in between the epochs.
    function someEpochs(uint256 seed) internal returns (Epoch memory e, Epoch memory before) {
        uint256 nodes = 1 + draw(seed, "nodes", 0) % 4;
        uint256 payers = 1 + draw(seed, "payers", 0) % 4;
        populate(seed, nodes, payers);
        deployChallenges();
        Epoch memory none;
        before = someEpoch(0, seed, nodes, draw(seed, "tickets", 0) % 12, none);
        uint64 since = uint64(host.epochStart(1) + 5);
        uint256 more = draw(seed, "new nodes", 0) % 3;
        for (uint256 i = nodes; i < nodes + more; ++i) {
            host.addNode(nodeKey(i), since);
        }
        nodes += more;
        more = draw(seed, "new payers", 0) % 3;
        for (uint256 i = payers; i < payers + more; ++i) {
            host.addPayer(payerAccount(i), draw(seed, "deposit", i) % 6e16, since);
        }
        e = someEpoch(1, draw(seed, "next", 0), nodes, 4 + draw(seed, "tickets", 1) % 16, before);
        vm.warp(host.epochEnd(1) + 1000);
    }

    function aimed(uint256 seed) internal returns (Aim memory) {
        (Epoch memory e, Epoch memory before) = someEpochs(seed);
        vm.assume(e.charges.length > 1);
        return aim(e, before, seed);
    }

    /// @dev The lie is overturned by that call, once.
    function falls(IChallenge by, bytes memory data) internal {
        (bool ok, bytes memory answer) = address(by).call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        vm.assertEq(host.overturns() + host.slashes(), 1);
    }

    function refused(IChallenge by, bytes memory data, bytes4 why) internal {
        (bool ok, bytes memory answer) = address(by).call(data);
        vm.assertFalse(ok);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(why));
        vm.assertEq(host.overturns() + host.slashes(), 0);
    }

    /// @dev Writes the lowest `size` bytes of a number over what is there.
    function put(bytes memory data, uint256 offset, uint256 value, uint256 size) internal pure {
        for (uint256 i = 0; i < size; ++i) {
            data[offset + i] = bytes1(uint8(value >> (8 * (size - 1 - i))));
        }
    }
}
