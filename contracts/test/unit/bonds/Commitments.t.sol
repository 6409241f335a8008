// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {Parameters} from "../../../src/types/Parameters.sol";
import {Network} from "../../utils/Network.sol";

/// @notice What challengers commit to, and the bounties that stand beside it.
contract CommitmentsTest is Network {
    bytes32 internal constant ONE = keccak256("one");
    bytes32 internal constant OTHER = keccak256("other");

    function commit(address by, bytes32 commitment) internal {
        vm.prank(by);
        settlement.commit(commitment);
    }

    function test_commit_isKept() public {
        vm.assertEq(settlement.committedIn(challenger, ONE), 0);
        vm.assertEq(settlement.committedIn(challenger, 0), 0);
        vm.roll(77);
        vm.expectEmit(address(settlement));
        emit IBonds.Committed(challenger, ONE);
        commit(challenger, ONE);
        vm.assertEq(settlement.committedIn(challenger, ONE), 77);
        vm.assertEq(settlement.committedIn(challenger, OTHER), 0);
        vm.assertEq(settlement.committedIn(account("another"), ONE), 0);
    }

    function test_commit_cannotBeMoved() public {
        vm.roll(77);
        commit(challenger, ONE);
        vm.roll(78);
        vm.expectRevert(abi.encodeWithSelector(IBonds.SameCommitment.selector, ONE, 77));
        commit(challenger, ONE);
    }

    /// Each account has one, and others can't touch it.
    function test_commit_replacesTheOneBefore() public {
        vm.roll(77);
        commit(challenger, ONE);
        commit(account("another"), OTHER);
        vm.assertEq(settlement.committedIn(challenger, ONE), 77);
        vm.roll(78);
        commit(challenger, OTHER);
        vm.assertEq(settlement.committedIn(challenger, ONE), 0);
        vm.assertEq(settlement.committedIn(challenger, OTHER), 78);
        vm.roll(79);
        commit(challenger, ONE);
        vm.assertEq(settlement.committedIn(challenger, ONE), 79);
    }

    function test_commit_andBountyStandBesideEachOther() public {
        commit(challenger, ONE);
        attestNext();
        overturn(0);
        uint256 half = terms().verifierBond / 2;
        vm.assertEq(settlement.bounties(challenger), half);
        vm.assertEq(settlement.committedIn(challenger, ONE), block.number);
        commit(challenger, OTHER);
        vm.assertEq(settlement.bounties(challenger), half);
        vm.prank(challenger);
        settlement.withdrawBounty();
        vm.assertEq(settlement.bounties(challenger), 0);
        vm.assertEq(settlement.committedIn(challenger, OTHER), block.number);
    }

    /// The treasury may challenge too.
    function test_treasury_hasBoth() public {
        attestNext();
        vm.prank(challenges);
        settlement.overturn(0, treasury);
        uint256 all = terms().verifierBond;
        vm.assertEq(settlement.bounties(treasury), all);
        vm.prank(treasury);
        settlement.withdrawBounty();
        vm.assertEq(token.balanceOf(treasury), all);
        vm.assertEq(settlement.bounties(treasury), 0);
    }
}

/// @notice Of a token that has more than 2^96 units, more can be at stake in many bonds than a bounty holds.
contract BountiesWithoutEndTest is Network {
    function terms() internal pure override returns (Parameters memory p) {
        p = super.terms();
        p.verifierBond = type(uint96).max;
    }

    /// The epoch falls all the same, and the bounty ends where amounts end.
    function test_bounty_endsWhereAmountsEnd() public {
        for (uint256 i = 0; i < 3; ++i) {
            if (i > 0) bond(verifier, terms().verifierBond);
            attestNext();
            overturn(0);
            vm.assertEq(settlement.verifierOf(verifier).bond, 0);
        }
        vm.assertEq(settlement.bounties(challenger), type(uint96).max);
        vm.assertEq(settlement.bounties(treasury), type(uint96).max);
        vm.prank(challenger);
        settlement.withdrawBounty();
        vm.assertEq(token.balanceOf(challenger), type(uint96).max);
    }
}
