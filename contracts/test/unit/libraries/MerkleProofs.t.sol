// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Element, MerkleProofs} from "../../../src/libraries/MerkleProofs.sol";
import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Exposed} from "../../utils/Exposed.sol";
import {TestBase} from "../../utils/TestBase.sol";

/// @notice What is no proof, and why. Whether proofs prove is `test/fuzz/MerkleSum.t.sol`.
contract MerkleProofsTest is TestBase {
    Exposed internal immutable exposed = new Exposed();

    function element() internal pure returns (Element memory) {
        return Element("leaf", 7);
    }

    function noSuch(uint256 level, uint256 position, uint256 count) internal {
        vm.expectRevert(abi.encodeWithSelector(MerkleProofs.NoSuchElement.selector, level, position, count));
        exposed.rootFrom(element(), level, position, count, "", false);
    }

    /// A tree of 5 has 8 places below, and 4 levels.
    function test_rootFrom_elementsThatAreThere() public {
        noSuch(4, 0, 5);
        noSuch(0, 8, 5);
        noSuch(1, 4, 5);
        noSuch(2, 2, 5);
        noSuch(3, 1, 5);
        noSuch(1, 0, 1);
        noSuch(0, 1, 1);
        noSuch(0, 1, 0);
        // The last place of each level.
        exposed.rootFrom(element(), 0, 7, 5, new bytes(141), false);
        exposed.rootFrom(element(), 1, 3, 5, new bytes(94), false);
        exposed.rootFrom(element(), 2, 1, 5, new bytes(47), false);
        exposed.rootFrom(element(), 3, 0, 5, "", false);
    }

    function test_rootFrom_asManyLevels() public {
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 93, 94));
        exposed.rootFrom(element(), 1, 0, 5, new bytes(93), false);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 141, 94));
        exposed.rootFrom(element(), 1, 0, 5, new bytes(141), true);
    }

    function test_rootFrom_asManyLeaves() public {
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.TooManyLeaves.selector, (1 << 22) + 1));
        exposed.rootFrom(element(), 23, 0, (1 << 22) + 1, "", false);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32("leaf"), 7));
        exposed.rootFrom(element(), 0, 0, 0, "", false);
    }

    function test_rootOfAdjacent_neighboursOnly() public {
        for (uint256 count = 0; count < 3; ++count) {
            uint256 index = count == 0 ? 0 : count - 1;
            vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, index + 1, count));
            exposed.rootOfAdjacent(element(), element(), index, count, "", false);
        }
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 8, 5));
        exposed.rootOfAdjacent(element(), element(), 7, 5, "", false);
    }

    function test_rootOfAdjacent_asManyLevels() public {
        // 0 and 1 of 5 meet at once, 1 and 2 a level higher, 3 and 4 at the top.
        uint16[3] memory indexes = [uint16(0), 1, 3];
        uint16[3] memory lengths = [uint16(2 * 47), 3 * 47, 4 * 47];
        for (uint256 i = 0; i < 3; ++i) {
            exposed.rootOfAdjacent(element(), element(), indexes[i], 5, new bytes(lengths[i]), false);
            vm.expectRevert(
                abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, lengths[i] + 1, lengths[i])
            );
            exposed.rootOfAdjacent(element(), element(), indexes[i], 5, new bytes(lengths[i] + 1), true);
        }
    }

    function test_meeting() public view {
        uint8[9] memory levels = [1, 2, 1, 3, 1, 2, 1, 4, 1];
        for (uint256 i = 0; i < levels.length; ++i) {
            vm.assertEq(exposed.meeting(i), levels[i]);
        }
    }

    function test_overflowOnTheWay() public {
        Element memory most = Element("leaf", type(uint120).max);
        bytes memory proof = abi.encodePacked(bytes32("sibling"), uint120(1));
        bytes memory overflow =
            abi.encodeWithSelector(MerkleSum.MassOverflow.selector, type(uint120).max, uint120(1));
        vm.expectRevert(overflow);
        exposed.rootFrom(most, 0, 0, 2, proof, false);
        vm.expectRevert(overflow);
        exposed.rootFrom(most, 0, 1, 2, proof, true);
        vm.expectRevert(overflow);
        exposed.rootOfAdjacent(most, Element("right", 1), 0, 2, "", false);
    }
}
