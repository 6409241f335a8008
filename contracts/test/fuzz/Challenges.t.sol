// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Call} from "../utils/Calls.sol";
import {ChallengeTest} from "../utils/ChallengeTest.sol";
import {Epoch} from "../utils/Epochs.sol";

/// @notice What an honest verifier attests stands against everything.
contract ChallengesFuzz is ChallengeTest {
    function testFuzz_anHonestEpochStands(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = someEpochs(seed);
        vm.assume(e.charges.length > 0);
        Call[] memory calls = allCalls(aim(e, before, seed));
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory answer) = address(calls[i].to).call(calls[i].data);
            vm.assertFalse(ok);
            vm.assertEq(bytes32(bytes4(answer)), bytes32(calls[i].refusal), calls[i].name);
        }
        vm.assertEq(host.overturns() + host.slashes(), 0);
    }

    /// Witnesses with a wrong bit, word or part, or those of another leaf.
    function testFuzz_noMutationOverturnsAnHonestEpoch(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = someEpochs(seed);
        vm.assume(e.charges.length > 0);
        Call[] memory calls = allCalls(aim(e, before, seed));
        Call[] memory others = allCalls(aim(e, before, draw(seed, "other", 0)));
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes memory data = calls[i].data;
            for (uint256 j = 0; j < 6; ++j) {
                uint256 how = draw(seed, "how", 8 * i + j);
                bytes memory other = others[i < others.length ? i : 0].data;
                attempt(calls[i], mutated(data, other, how), how);
            }
        }
    }

    function attempt(Call memory call, bytes memory data, uint256 how) internal {
        (bool ok,) = address(call.to).call(data);
        // The salt is free, and changes nothing.
        ok;
        vm.assertEq(host.overturns() + host.slashes(), 0, string.concat(call.name, " ", vm.toString(how)));
    }

    function mutated(bytes memory data, bytes memory other, uint256 how)
        internal
        pure
        returns (bytes memory copy)
    {
        copy = bytes.concat(data);
        uint256 place = (how >> 8) % (data.length - 4) + 4;
        if (how % 4 == 0) {
            copy[place] ^= bytes1(uint8(1 << ((how >> 4) % 8)));
        } else if (how % 4 == 1) {
            // A small number in a word: counts, places, levels.
            uint256 word = 4 + ((place - 4) / 32) * 32;
            if (word + 32 <= copy.length) copy[word + 31] = bytes1(uint8(how >> 200) % 4);
        } else if (how % 4 == 2) {
            for (uint256 i = place; i < copy.length && i < other.length && i < place + 96; ++i) {
                copy[i] = other[i];
            }
        } else {
            uint256 word = 4 + ((place - 4) / 32) * 32;
            for (uint256 i = word; i < word + 32 && i < copy.length; ++i) {
                copy[i] = 0;
            }
        }
    }
}
