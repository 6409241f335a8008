// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRewardVault} from "../../../src/interfaces/IRewardVault.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Rewards} from "../../../src/libraries/Rewards.sol";
import {NodeLeaf} from "../../../src/types/NodeLeaf.sol";
import {Account, Settled} from "../../../src/types/Payer.sol";
import {Books, Network} from "../../utils/Network.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice Epochs that are settled, and what nodes are paid by them.
contract NodesTest is Network {
    using Trees for Tree;

    function setUp() public override {
        super.setUp();
        register(3);
        fund(1000);
    }

    // ---- Settling ----

    function test_activate_keepsTheRoots() public {
        Settled memory none;
        vm.assertEq(abi.encode(vault.settled()), abi.encode(none));
        Books memory b = books(0, list(10, 20, 30), list(60));
        attest(b);
        outlast(0);
        vm.expectEmit(address(vault));
        emit IRewardVault.EpochSettled(0, b.roots.nodes, b.roots.bills);
        // Anyone may.
        vm.prank(account("anyone"));
        vault.activate(0, b.roots);
        Settled memory expected =
            Settled({nodesRoot: b.roots.nodes, billsRoot: b.roots.bills, epoch: 0, total: 60, levels: 0});
        vm.assertEq(abi.encode(vault.settled()), abi.encode(expected));
    }

    function test_activate_toTheSecond() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        attest(b);
        uint256 activeAt = due(0) + 7200;
        vm.warp(activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotActive.selector, 0, activeAt));
        vault.activate(0, b.roots);
        vm.warp(activeAt);
        vault.activate(0, b.roots);
    }

    function test_activate_attestedRootsOnly() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0));
        vault.activate(0, b.roots);
        attest(b);
        outlast(0);
        bytes32 attested = keccak256(abi.encode(b.roots));
        b.roots.nodes = "better";
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.WrongRoots.selector, 0, keccak256(abi.encode(b.roots)), attested
            )
        );
        vault.activate(0, b.roots);
    }

    /// Epochs may be passed over, but not gone back to.
    function test_activate_forwardOnly() public {
        Books memory first = books(0, list(10, 20, 30), list(60));
        attest(first);
        Books memory second = books(1, list(20, 40, 60), list(120));
        attest(second);
        Books memory third = books(2, list(30, 60, 90), list(180));
        attest(third);
        outlast(2);
        vault.activate(1, second.roots);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadySettled.selector, 1, 1));
        vault.activate(1, second.roots);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadySettled.selector, 0, 1));
        vault.activate(0, first.roots);
        vault.activate(2, third.roots);
        vm.assertEq(vault.settled().epoch, 2);
    }

    function test_activate_theFirstOnce() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadySettled.selector, 0, 0));
        vault.activate(0, b.roots);
    }

    /// More than there is can't be owed.
    function test_activate_fundedOnly() public {
        Books memory b = books(0, list(500, 0, 501), list(1001));
        attest(b);
        outlast(0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.Underfunded.selector, 1001, 1000));
        vault.activate(0, b.roots);
        fund(1);
        vault.activate(0, b.roots);
        for (uint256 i = 0; i < 3; i += 2) {
            claim(b, i);
        }
        vm.assertEq(token.balanceOf(address(vault)), 0);
    }

    // ---- Claiming ----

    function test_claim_paysTheNode() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        vm.assertEq(vault.claimable(b.nodes[1], 3, b.nodesTree.proof(1)), 20);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardClaimed(1, payoutOf(1), 20, 20);
        vm.prank(account("anyone"));
        vm.assertEq(claim(b, 1), 20);
        vm.assertEq(token.balanceOf(payoutOf(1)), 20);
        vm.assertEq(vault.claimed(1), 20);
        vm.assertEq(vault.claimed(0), 0);
        vm.assertEq(vault.claimable(b.nodes[1], 3, b.nodesTree.proof(1)), 0);
        vm.assertEq(token.balanceOf(address(vault)), 980);
        // What was funded is what was funded.
        vm.assertEq(vault.totalFunded(), 1000);
    }

    function test_claim_once() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        claim(b, 1);
        bytes memory proof = b.nodesTree.proof(1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, 1, 20, 20));
        vault.claim(b.nodes[1], 3, proof);
    }

    /// One claim pays all epochs since the last.
    function test_claim_isCumulative() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        claim(b, 1);
        attest(books(1, list(11, 22, 33), list(66)));
        attest(books(2, list(12, 24, 36), list(72)));
        b = books(3, list(15, 29, 40), list(84));
        settle(b);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardClaimed(1, payoutOf(1), 9, 29);
        vm.assertEq(claim(b, 1), 9);
        vm.assertEq(claim(b, 0), 15);
        vm.assertEq(claim(b, 2), 40);
        vm.assertEq(token.balanceOf(address(vault)), 1000 - 84);
    }

    function test_claim_nothingEarned() public {
        Books memory b = books(0, list(0, 20, 30), list(50));
        settle(b);
        bytes memory proof = b.nodesTree.proof(0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, 0, 0, 0));
        vault.claim(b.nodes[0], 3, proof);
        vm.assertEq(vault.claimable(b.nodes[0], 3, proof), 0);
    }

    /// A cumulative total that went down is a lie that nobody challenged. Nothing is paid by it, or taken back.
    function test_claim_lessThanBefore() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        claim(b, 2);
        b = books(1, list(10, 21, 29), list(60));
        settle(b);
        bytes memory proof = b.nodesTree.proof(2);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, 2, 29, 30));
        vault.claim(b.nodes[2], 3, proof);
        vm.assertEq(vault.claimable(b.nodes[2], 3, proof), 0);
    }

    function test_claim_goesToTheNewestPayout() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        address moved = account("moved");
        vm.prank(operator);
        registry.setPayout(1, moved);
        claim(b, 1);
        vm.assertEq(token.balanceOf(moved), 20);
        // And is kept when it moves again.
        b = books(1, list(10, 25, 30), list(65));
        settle(b);
        vm.prank(operator);
        registry.setPayout(1, payoutOf(1));
        vm.assertEq(vault.claimed(1), 20);
        claim(b, 1);
        vm.assertEq(token.balanceOf(payoutOf(1)), 5);
    }

    function notInTree(bytes memory call) internal {
        vm.assertEq(bytes32(refusal(call)), bytes32(IRewardVault.NotInTree.selector));
    }

    function refusal(bytes memory call) internal returns (bytes4) {
        (bool ok, bytes memory answer) = address(vault).call(call);
        vm.assertFalse(ok);
        return bytes4(answer);
    }

    function test_claim_leavesOfTheTreeOnly() public {
        Books memory before = books(0, list(10, 20, 30), list(60));
        settle(before);
        Books memory b = books(1, list(11, 22, 33), list(66));
        settle(b);
        bytes memory proof = b.nodesTree.proof(1);
        // Of an epoch that is no longer the settled one.
        notInTree(abi.encodeCall(vault.claim, (before.nodes[1], 3, before.nodesTree.proof(1))));
        // With another number of leaves, of the same depth.
        notInTree(abi.encodeCall(vault.claim, (b.nodes[1], 4, proof)));
        notInTree(abi.encodeCall(vault.claimable, (b.nodes[1], 4, proof)));
        // Each field of the leaf.
        for (uint256 field = 0; field < 9; ++field) {
            NodeLeaf memory leaf = nodeLeaf(1, 22);
            if (field == 0) leaf.index = 2;
            if (field == 1) leaf.node = "another";
            if (field == 2) leaf.mass += 1;
            if (field == 3) leaf.probes += 1;
            if (field == 4) leaf.probesOk += 1;
            if (field == 5) leaf.slaPpm += 1;
            if (field == 6) leaf.last += 1;
            if (field == 7) leaf.reward += 1;
            if (field == 8) leaf.cumulative += 1;
            notInTree(abi.encodeCall(vault.claim, (leaf, 3, proof)));
            notInTree(abi.encodeCall(vault.claimable, (leaf, 3, proof)));
        }
        claim(b, 1);
    }

    function test_claim_refusesWhatIsNoProof() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        NodeLeaf memory leaf = b.nodes[1];
        bytes4 why = refusal(abi.encodeCall(vault.claim, (leaf, 3, new bytes(93))));
        vm.assertEq(bytes32(why), bytes32(MerkleSum.WrongProofLength.selector));
        why = refusal(abi.encodeCall(vault.claim, (leaf, 1, "")));
        vm.assertEq(bytes32(why), bytes32(MerkleSum.IndexOutOfRange.selector));
        leaf.cumulative = 1 << 96;
        why = refusal(abi.encodeCall(vault.claim, (leaf, 3, new bytes(94))));
        vm.assertEq(bytes32(why), bytes32(Rewards.AmountTooLarge.selector));
    }

    function test_claim_notBeforeTheFirstEpoch() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        attest(b);
        outlast(0);
        bytes memory proof = b.nodesTree.proof(0);
        vm.expectRevert(
            abi.encodeWithSelector(IRewardVault.NotInTree.selector, b.nodesTree.root(), bytes32(0))
        );
        vault.claim(b.nodes[0], 3, proof);
    }

    /// What was paid stays paid, and what follows pays the rest.
    function test_claim_afterAnOverturn() public {
        bond(verifier, 2 * terms().verifierBond);
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        claim(b, 0);
        Books memory lie = books(1, list(10, 20, 900), list(930));
        attest(lie);
        overturn(1);
        vm.warp(due(1) + 7200);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 1, 1));
        vault.activate(1, lie.roots);
        // The settled epoch goes on paying.
        claim(b, 1);
        b = books(1, list(15, 25, 35), list(75));
        settle(b);
        vm.assertEq(claim(b, 0), 5);
        vm.assertEq(claim(b, 1), 5);
        vm.assertEq(claim(b, 2), 35);
    }

    // ---- With less calldata ----

    function test_claimPacked_paysTheSame() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardClaimed(1, payoutOf(1), 20, 20);
        vm.assertEq(vault.claimPacked(pack(b, 1, b.nodesTree.proof(1))), 20);
        vm.assertEq(token.balanceOf(payoutOf(1)), 20);
        bytes memory packed = pack(b, 1, b.nodesTree.proof(1));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, 1, 20, 20));
        vault.claimPacked(packed);
    }

    function test_claimPacked_everyByteCounts() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        bytes memory packed = pack(b, 1, b.nodesTree.proof(1));
        for (uint256 i = 0; i < packed.length; ++i) {
            packed[i] ^= 0x01;
            refusal(abi.encodeCall(vault.claimPacked, (packed)));
            packed[i] ^= 0x01;
        }
        for (uint256 length = 0; length < 103; length += 51) {
            vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotAClaim.selector, length));
            vault.claimPacked(new bytes(length));
        }
        vm.assertEq(vault.claimPacked(packed), 20);
    }

    function test_claimPacked_refusesWhatIsNoProof() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 93, 94));
        vault.claimPacked(pack(b, 1, new bytes(93)));
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 141, 94));
        vault.claimPacked(pack(b, 1, new bytes(141)));
        b.nodes[1].cumulative = 1 << 96;
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, 1 << 96));
        vault.claimPacked(pack(b, 1, new bytes(94)));
        b.nodes[1].index = 3;
        b.nodes[1].cumulative = 20;
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 3, 3));
        vault.claimPacked(pack(b, 1, new bytes(94)));
    }

    function test_shortenProofs_everyLevel() public {
        for (uint64 epoch = 0; epoch < 3; ++epoch) {
            uint256 more = epoch + 1;
            uint256[] memory rewards = new uint256[](5);
            for (uint256 i = 0; i < 5; ++i) {
                rewards[i] = (i + 1) * more;
            }
            if (epoch == 0) register(2);
            Books memory b = books(epoch, rewards, list(15 * more));
            settle(b);
            // 1, 2 and 4 levels fewer of 3.
            vm.expectEmit(address(vault));
            emit IRewardVault.ProofsShortened(epoch, more);
            vault.shortenProofs(5, b.nodesTree.elements(3 - more));
            vm.assertEq(vault.settled().levels, more);
            for (uint256 i = 0; i < 4; ++i) {
                bytes memory proof = b.nodesTree.proofTo(i, 3 - more);
                vm.assertEq(vault.claimable(b.nodes[i], 5, proof), i + 1);
                if (i & 1 == 0) vault.claim(b.nodes[i], 5, proof);
                else vault.claimPacked(pack(b, i, proof));
                vm.assertEq(vault.claimed(i == 0 ? 0 : uint32(i)), (i + 1) * more);
            }
            // Whole ones stay good.
            claim(b, 4);
        }
    }

    /// Another node's place, or a level that nobody gave, proves nothing.
    function test_shortenProofs_forThatLevelOnly() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        notInTree(abi.encodeCall(vault.claim, (b.nodes[1], 3, b.nodesTree.proofTo(1, 1))));
        vault.shortenProofs(3, b.nodesTree.elements(1));
        notInTree(abi.encodeCall(vault.claim, (b.nodes[1], 3, "")));
        notInTree(abi.encodeCall(vault.claim, (b.nodes[1], 3, b.nodesTree.proofTo(0, 1))));
        notInTree(abi.encodeCall(vault.claim, (b.nodes[1], 4, b.nodesTree.proofTo(1, 1))));
        b.nodes[1].cumulative += 1;
        notInTree(abi.encodeCall(vault.claim, (b.nodes[1], 3, b.nodesTree.proofTo(1, 1))));
    }

    /// What an epoch that stood says is owed, though only a newer one says what is owed beyond.
    function test_shortenProofs_ofAnEarlierEpochPaysWhatThatSays() public {
        Books memory before = books(0, list(10, 20, 30), list(60));
        settle(before);
        vault.shortenProofs(3, before.nodesTree.elements(1));
        Books memory b = books(1, list(15, 25, 35), list(75));
        settle(b);
        vm.assertEq(vault.settled().levels, 0);
        vault.claim(before.nodes[1], 3, before.nodesTree.proofTo(1, 1));
        vm.assertEq(vault.claimed(1), 20);
        vm.assertEq(claim(b, 1), 5);
        bytes memory proof = before.nodesTree.proofTo(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, 1, 20, 25));
        vault.claim(before.nodes[1], 3, proof);
    }

    function test_shortenProofs_theSettledTreeOnly() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        notInTree(abi.encodeCall(vault.shortenProofs, (3, b.nodesTree.elements(1))));
        settle(b);
        bytes memory elements = b.nodesTree.elements(1);
        for (uint256 i = 0; i < elements.length; ++i) {
            elements[i] ^= 0x01;
            refusal(abi.encodeCall(vault.shortenProofs, (3, elements)));
            elements[i] ^= 0x01;
        }
        notInTree(abi.encodeCall(vault.shortenProofs, (4, elements)));
        vault.shortenProofs(3, elements);
    }

    function notALevel(uint256 nodes, uint256 length, uint256 depth) internal {
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotALevel.selector, length, depth));
        vault.shortenProofs(nodes, new bytes(length));
    }

    function test_shortenProofs_wholeLevelsOnly() public {
        settle(books(0, list(10, 20, 30), list(60)));
        notALevel(3, 0, 2);
        notALevel(3, 46, 2);
        // The top itself, three elements, a byte more, and more than there are.
        notALevel(3, 47, 2);
        notALevel(3, 3 * 47, 2);
        notALevel(3, 2 * 47 + 1, 2);
        notALevel(3, 8 * 47, 2);
        notALevel(1, 2 * 47, 0);
        notALevel(0, 2 * 47, 0);
        notALevel(1 << 20, 512 * 47, 20);
    }

    // ---- Payouts ----

    function test_setPayout_byTheRegistryOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotRegistry.selector, operator));
        vm.prank(operator);
        vault.setPayout(0, operator);
        vm.expectEmit(address(vault));
        emit IRewardVault.PayoutSet(7, operator);
        vm.prank(address(registry));
        vault.setPayout(7, operator);
        vm.assertEq(vault.payoutOf(7), operator);
    }

    function test_accounts() public {
        Books memory b = books(0, list(10, 20, 30), list(60));
        settle(b);
        claim(b, 1);
        Account[] memory all = vault.accounts(1, 3);
        vm.assertEq(all.length, 3);
        vm.assertEq(all[0].payout, payoutOf(1));
        vm.assertEq(all[0].claimed, 20);
        vm.assertEq(all[1].claimed, 0);
        vm.assertEq(all[2].payout, address(0));
        vm.assertEq(vault.accounts(0, 0).length, 0);
    }
}
