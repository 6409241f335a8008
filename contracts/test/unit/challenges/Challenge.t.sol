// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../../../src/interfaces/IChallenge.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeHost} from "../../utils/ChallengeHost.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";

/// @notice Commit and reveal, and what may be challenged at all.
contract ChallengeCommitTest is ChallengeTest {
    address internal immutable challenger = account("challenger");

    function lie() internal returns (bytes memory) {
        Aim memory a = aimed(3);
        a.e.nodes[0].slaPpm += 1;
        seal(a.e);
        return abi.encodeCall(money.wrongScore, (1, a.e.roots, nodeOf(a.e, 0), "salt"));
    }

    function commitment(address by, bytes memory data) internal pure returns (bytes32) {
        return keccak256(abi.encode(by, keccak256(data)));
    }

    function challenge(address by, bytes memory data) internal {
        vm.prank(by);
        falls(money, data);
    }

    function commit(address by, bytes32 c) internal {
        vm.prank(by);
        host.commit(c);
    }

    function test_commit_beforeGetsTheBounty() public {
        bytes memory data = lie();
        commit(challenger, commitment(challenger, data));
        vm.roll(block.number + 1);
        challenge(challenger, data);
        vm.assertEq(host.lastChallenger(), challenger);
    }

    function test_commit_inTheSameBlockDoesNot() public {
        bytes memory data = lie();
        commit(challenger, commitment(challenger, data));
        challenge(challenger, data);
        vm.assertEq(host.overturns(), 1);
        vm.assertEq(host.lastChallenger(), address(0));
    }

    function test_commit_noneIsNeeded() public {
        challenge(challenger, lie());
        vm.assertEq(host.lastChallenger(), address(0));
    }

    /// Who copies the call has no commitment to it, even if it copied the commitment too.
    function test_commit_isOneAccounts() public {
        bytes memory data = lie();
        address copycat = account("copycat");
        commit(challenger, commitment(challenger, data));
        commit(copycat, commitment(challenger, data));
        vm.roll(block.number + 1);
        challenge(copycat, data);
        vm.assertEq(host.lastChallenger(), address(0));
    }

    /// A commitment is for one call, to the byte.
    function test_commit_isForOneCall() public {
        bytes memory data = lie();
        commit(challenger, commitment(challenger, data));
        vm.roll(block.number + 1);
        challenge(challenger, bytes.concat(data, hex"00"));
        vm.assertEq(host.lastChallenger(), address(0));
    }

    function test_onlyWhatIsPending() public {
        bytes memory data = lie();
        host.activate(1);
        refused(money, data, ChallengeHost.NotPending.selector);
    }

    function test_onlyTheAttestedRoots() public {
        Aim memory a = aimed(3);
        a.e.nodes[0].slaPpm += 1;
        seal(a.e);
        a.e.roots.evidence = "other";
        bytes memory data = abi.encodeCall(money.wrongScore, (1, a.e.roots, nodeOf(a.e, 0), "salt"));
        refused(money, data, ChallengeHost.NotPending.selector);
    }

    function test_notInTree() public {
        Aim memory a = aimed(3);
        a.e.nodes[0].slaPpm += 1;
        bytes memory data = abi.encodeCall(money.wrongScore, (1, a.e.roots, nodeOf(a.e, 0), "salt"));
        refused(money, data, IChallenge.NotInTree.selector);
    }
}
