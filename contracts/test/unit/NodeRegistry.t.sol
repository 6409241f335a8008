// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Ed25519} from "../../src/Ed25519.sol";
import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {IEd25519} from "../../src/interfaces/IEd25519.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Deposits} from "../../src/libraries/Deposits.sol";
import {Node} from "../../src/types/Node.sol";
import {Parameters} from "../../src/types/Parameters.sol";
import {Network} from "../utils/Network.sol";
import {FeeToken, ReentrantToken} from "../utils/Tokens.sol";

/// @notice Nodes, their keys and their stakes.
contract NodeRegistryTest is Network {
    uint256 internal constant STAKE = 30e18;
    uint256 internal constant UNBONDING = 3600 + 300 + 900 + 2 * 7200;

    /// @dev Where the nodes are counted: slot 3, after three mappings.
    bytes32 internal constant COUNT_SLOT = bytes32(uint256(3));

    address internal immutable payout = account("payout");
    address internal immutable thief = account("thief");

    // ---- Registering ----

    function test_register_takesTheNextIndex() public {
        register(1);
        (bytes32 r, bytes32 s) = prove("key", operator);
        give(operator, STAKE, address(registry));
        vm.warp(GENESIS + 7);
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeRegistered(1, "key", operator, STAKE);
        vm.expectEmit(address(vault));
        emit IRewardVault.PayoutSet(1, payout);
        vm.prank(operator);
        vm.assertEq(registry.register("key", payout, r, s), 1);
        vm.assertEq(registry.count(), 2);
        vm.assertEq(registry.indexOf("key"), 1);
        Node memory expected = Node({
            key: "key", operator: operator, registeredAt: GENESIS + 7, stake: uint96(STAKE), exitAt: 0
        });
        vm.assertEq(abi.encode(registry.nodeAt(1)), abi.encode(expected));
        vm.assertEq(vault.payoutOf(1), payout);
        vm.assertEq(token.balanceOf(address(registry)), 2 * STAKE);
        vm.assertEq(token.balanceOf(operator), 0);
    }

    /// What a node stakes is what the terms of the day say.
    function test_register_withTheStakeOfTheVersion() public {
        Parameters memory next = terms();
        next.nodeStake = 1;
        vm.prank(owner);
        settlement.schedule(3, next);
        register(1);
        vm.warp(GENESIS + 10_800);
        register(1);
        vm.assertEq(registry.nodeAt(0).stake, STAKE);
        vm.assertEq(registry.nodeAt(1).stake, 1);
    }

    function test_register_paysTheStake() public {
        (bytes32 r, bytes32 s) = prove("key", operator);
        give(operator, STAKE - 1, address(registry));
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(registry), STAKE - 1, STAKE
            )
        );
        vm.prank(operator);
        registry.register("key", payout, r, s);
        vm.assertEq(registry.count(), 0);
    }

    function test_register_aKeyOnce() public {
        register(1);
        (bytes32 r, bytes32 s) = prove(nodeKey(0), payer);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AlreadyRegistered.selector, nodeKey(0), 0));
        vm.prank(payer);
        registry.register(nodeKey(0), payout, r, s);
    }

    function test_register_somewhereToPay() public {
        (bytes32 r, bytes32 s) = prove("key", operator);
        vm.expectRevert(INodeRegistry.ZeroAddress.selector);
        vm.prank(operator);
        registry.register("key", address(0), r, s);
    }

    function test_register_asManyAsATreeHolds() public {
        vm.store(address(registry), COUNT_SLOT, bytes32(uint256((1 << 22) - 1)));
        vm.assertEq(registry.count(), (1 << 22) - 1);
        register("last", operator, payout);
        (bytes32 r, bytes32 s) = prove("one more", operator);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.RegistryFull.selector, 1 << 22));
        vm.prank(operator);
        registry.register("one more", payout, r, s);
    }

    // ---- The proof of a key ----

    function notProven(bytes32 key, address by) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(INodeRegistry.KeyNotProven.selector, key, by);
    }

    function test_proof_isNeeded() public {
        (bytes32 r, bytes32 s) = prove("key", operator);
        vm.startPrank(operator);
        vm.expectRevert(notProven("key", operator));
        registry.register("key", payout, "r", s);
        vm.expectRevert(notProven("key", operator));
        registry.register("key", payout, r, "t");
        vm.expectRevert(notProven("another key", operator));
        registry.register("another key", payout, r, s);
        vm.stopPrank();
    }

    /// Whoever sees the signature in the pool can't register the key: it is for an operator.
    function test_proof_cannotBeTakenOver() public {
        (bytes32 r, bytes32 s) = prove("key", operator);
        give(thief, STAKE, address(registry));
        vm.expectRevert(notProven("key", thief));
        vm.prank(thief);
        registry.register("key", thief, r, s);
        // And its owner still can.
        give(operator, STAKE, address(registry));
        vm.prank(operator);
        registry.register("key", payout, r, s);
    }

    /// The same operator's signature is of no use on another registry, or another chain.
    function test_proof_isForOneRegistry() public {
        (bytes32 r, bytes32 s) = prove("key", operator);
        NodeRegistry other = new NodeRegistry(
            token, signatures, IRewardVault(address(vault)), ISettlement(address(settlement))
        );
        vm.expectRevert(notProven("key", operator));
        vm.prank(operator);
        other.register("key", payout, r, s);
        vm.chainId(1);
        vm.expectRevert(notProven("key", operator));
        vm.prank(operator);
        registry.register("key", payout, r, s);
    }

    function test_proof_whatIsSigned() public view {
        bytes32 digest =
            keccak256(abi.encodePacked(bytes8(uint64(block.chainid)), address(registry), operator));
        bytes memory message = registry.registrationMessage(operator);
        vm.assertEq(message, bytes.concat("quittance/node1", digest));
        vm.assertEq(message.length, 47);
    }

    /// Keys and signatures of `tests/vectors/registration.json`, checked by the real contract.
    function test_proof_ofTheVectors() public {
        string memory json = vm.readFile("../tests/vectors/registration.json");
        Ed25519 ed25519 = new Ed25519();
        NodeRegistry real =
            new NodeRegistry(token, ed25519, IRewardVault(address(vault)), ISettlement(address(settlement)));
        uint256 i = 0;
        for (; vm.keyExistsJson(json, string.concat(".proofs[", vm.toString(i), "]")); ++i) {
            string memory where = string.concat(".proofs[", vm.toString(i), "]");
            vm.chainId(vm.parseJsonUint(json, string.concat(where, ".chain_id")));
            // It proves something at its own address only; `vault` takes payouts from its own registry only.
            address place = vm.parseJsonAddress(json, string.concat(where, ".registry"));
            address by = vm.parseJsonAddress(json, string.concat(where, ".operator"));
            bytes32 key = vm.parseJsonBytes32(json, string.concat(where, ".key"));
            bytes memory signature = vm.parseJsonBytes(json, string.concat(where, ".signature"));
            (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
            vm.etch(place, address(real).code);
            bytes32 digest = vm.parseJsonBytes32(json, string.concat(where, ".digest"));
            bytes memory message = NodeRegistry(place).registrationMessage(by);
            vm.assertEq(message, bytes.concat("quittance/node1", digest), where);

            vm.expectRevert(notProven(key, by));
            vm.prank(by);
            real.register(key, payout, r, s);
            vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotRegistry.selector, place));
            vm.prank(by);
            NodeRegistry(place).register(key, payout, r, s);
        }
        vm.assertTrue(i > 0, "no proofs");
    }

    // ---- Rotation ----

    function rotate(uint32 index, bytes32 key) internal {
        (bytes32 r, bytes32 s) = prove(key, operator);
        vm.prank(operator);
        registry.rotate(index, key, r, s);
    }

    function test_rotate_forWhatStartsLater() public {
        register(2);
        vm.warp(GENESIS + 100);
        (bytes32 r, bytes32 s) = prove("second", operator);
        vm.expectEmit(address(registry));
        emit INodeRegistry.KeyRotated(1, "second", nodeKey(1));
        vm.prank(operator);
        registry.rotate(1, "second", r, s);
        vm.warp(GENESIS + 3600);
        rotate(1, "third");

        vm.assertEq(registry.keyAt(1, 0), nodeKey(1));
        vm.assertEq(registry.keyAt(1, GENESIS + 100), nodeKey(1));
        vm.assertEq(registry.keyAt(1, GENESIS + 101), "second");
        // An epoch that starts in that very block doesn't have it yet.
        vm.assertEq(registry.keyAt(1, settlement.epochStart(1)), "second");
        vm.assertEq(registry.keyAt(1, settlement.epochStart(2)), "third");
        vm.assertEq(registry.keyAt(1, type(uint256).max), "third");
        vm.assertEq(registry.nodeAt(1).key, "third");
        // Another node keeps its own.
        vm.assertEq(registry.keyAt(0, GENESIS + 5000), nodeKey(0));
        // All three are its for good.
        vm.assertEq(registry.indexOf(nodeKey(1)), 1);
        vm.assertEq(registry.indexOf("second"), 1);
        vm.assertEq(registry.indexOf("third"), 1);
    }

    function test_rotate_twiceInABlock() public {
        register(1);
        vm.warp(GENESIS + 100);
        rotate(0, "second");
        rotate(0, "third");
        vm.assertEq(registry.keyAt(0, GENESIS + 100), nodeKey(0));
        vm.assertEq(registry.keyAt(0, GENESIS + 101), "third");
    }

    /// Nobody takes up a key that a node had, not even the node itself.
    function test_rotate_neverBack() public {
        register(1);
        rotate(0, "second");
        (bytes32 r, bytes32 s) = prove(nodeKey(0), operator);
        bytes memory taken = abi.encodeWithSelector(INodeRegistry.AlreadyRegistered.selector, nodeKey(0), 0);
        vm.expectRevert(taken);
        vm.prank(operator);
        registry.rotate(0, nodeKey(0), r, s);
        vm.expectRevert(taken);
        vm.prank(operator);
        registry.register(nodeKey(0), payout, r, s);
    }

    function test_rotate_toAProvenKey() public {
        register(1);
        (bytes32 r, bytes32 s) = prove("second", thief);
        vm.expectRevert(notProven("second", operator));
        vm.prank(operator);
        registry.rotate(0, "second", r, s);
    }

    function test_keysAt() public {
        register(3);
        vm.warp(GENESIS + 100);
        rotate(1, "second");
        bytes32[] memory keys = registry.keysAt(0, 10, GENESIS + 100);
        vm.assertEq(keys.length, 3);
        vm.assertEq(keys[1], nodeKey(1));
        keys = registry.keysAt(1, 1, GENESIS + 101);
        vm.assertEq(keys.length, 1);
        vm.assertEq(keys[0], "second");
        vm.assertEq(registry.keysAt(3, 10, 0).length, 0);
        vm.assertEq(registry.keysAt(type(uint32).max, 10, 0).length, 0);
    }

    // ---- The operator ----

    function test_operator_setsThePayout() public {
        register(1);
        vm.expectEmit(address(vault));
        emit IRewardVault.PayoutSet(0, payout);
        vm.prank(operator);
        registry.setPayout(0, payout);
        vm.assertEq(vault.payoutOf(0), payout);
        vm.expectRevert(INodeRegistry.ZeroAddress.selector);
        vm.prank(operator);
        registry.setPayout(0, address(0));
    }

    function test_operator_only() public {
        register(1);
        bytes memory notOperator = abi.encodeWithSelector(INodeRegistry.NotOperator.selector, 0, thief);
        (bytes32 r, bytes32 s) = prove("second", thief);
        vm.startPrank(thief);
        vm.expectRevert(notOperator);
        registry.rotate(0, "second", r, s);
        vm.expectRevert(notOperator);
        registry.setPayout(0, thief);
        vm.expectRevert(notOperator);
        registry.exit(0);
        vm.expectRevert(notOperator);
        registry.withdrawStake(0);
        vm.stopPrank();
    }

    function test_unknown() public {
        register(1);
        bytes memory unknown = abi.encodeWithSelector(INodeRegistry.UnknownIndex.selector, 1, 1);
        vm.expectRevert(unknown);
        registry.nodeAt(1);
        vm.expectRevert(unknown);
        registry.keyAt(1, 0);
        vm.expectRevert(unknown);
        registry.rotate(1, "k", "r", "s");
        vm.expectRevert(unknown);
        registry.setPayout(1, payout);
        vm.expectRevert(unknown);
        registry.exit(1);
        vm.expectRevert(unknown);
        registry.withdrawStake(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownNode.selector, bytes32("k")));
        registry.indexOf("k");
    }

    // ---- Leaving ----

    function exit() internal {
        vm.prank(operator);
        registry.exit(0);
    }

    function withdrawStake() internal {
        vm.prank(operator);
        registry.withdrawStake(0);
    }

    function test_exit_toTheSecond() public {
        register(2);
        vm.warp(GENESIS + 50);
        uint256 exitAt = GENESIS + 50 + UNBONDING;
        vm.expectEmit(address(registry));
        emit INodeRegistry.ExitAnnounced(0, exitAt);
        exit();
        vm.assertEq(registry.nodeAt(0).exitAt, exitAt);
        vm.warp(exitAt - 1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.StakeLocked.selector, 0, exitAt));
        withdrawStake();
        vm.warp(exitAt);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StakeWithdrawn(0, operator, STAKE);
        withdrawStake();
        vm.assertEq(token.balanceOf(operator), STAKE);
        vm.assertEq(token.balanceOf(address(registry)), STAKE);
        vm.assertEq(registry.nodeAt(0).stake, 0);
        // Once; it stays in the list.
        vm.expectEmit(address(registry));
        emit INodeRegistry.StakeWithdrawn(0, operator, 0);
        withdrawStake();
        vm.assertEq(token.balanceOf(operator), STAKE);
        vm.assertEq(registry.count(), 2);
    }

    function test_exit_announcedFirst() public {
        register(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.StakeLocked.selector, 0, 0));
        withdrawStake();
    }

    function test_exit_once() public {
        register(1);
        exit();
        vm.warp(GENESIS + 1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AlreadyExiting.selector, 0, GENESIS + UNBONDING));
        exit();
    }

    /// It answers until every epoch that it served in is settled.
    function test_exit_outlastsTheChallenges() public {
        register(1);
        vm.warp(end(0) - 1);
        exit();
        attestNext();
        vm.assertLe(settlement.attestation(0).activeAt + terms().challengeWindow, registry.nodeAt(0).exitAt);
    }

    // ---- Slashing ----

    function slash(uint256 amount) internal returns (uint256) {
        vm.prank(address(settlement));
        return registry.slash(0, amount);
    }

    function test_slash_upToTheStake() public {
        register(2);
        uint256 held = token.balanceOf(address(settlement));
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(0, 1e18, STAKE - 1e18);
        vm.assertEq(slash(1e18), 1e18);
        vm.assertEq(slash(STAKE - 1e18), STAKE - 1e18);
        vm.assertEq(slash(type(uint256).max), 0);
        vm.assertEq(registry.nodeAt(0).stake, 0);
        vm.assertEq(registry.nodeAt(1).stake, STAKE);
        vm.assertEq(token.balanceOf(address(settlement)) - held, STAKE);
    }

    function test_slash_whatIsLeaving() public {
        register(1);
        exit();
        vm.warp(GENESIS + UNBONDING);
        slash(STAKE - 3);
        withdrawStake();
        vm.assertEq(token.balanceOf(operator), 3);
    }

    function test_slash_bySettlementOnly() public {
        register(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotSettlement.selector, challenges));
        vm.prank(challenges);
        registry.slash(0, 1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownIndex.selector, 1, 1));
        vm.prank(address(settlement));
        registry.slash(1, 1);
    }

    // ---- Views ----

    function test_page() public {
        register(3);
        Node[] memory nodes = registry.page(0, 10);
        vm.assertEq(nodes.length, 3);
        vm.assertEq(nodes[2].key, nodeKey(2));
        nodes = registry.page(1, 1);
        vm.assertEq(nodes.length, 1);
        vm.assertEq(nodes[0].key, nodeKey(1));
        vm.assertEq(registry.page(3, 10).length, 0);
        vm.assertEq(registry.page(type(uint32).max, type(uint32).max).length, 0);
    }

    /// How many there were decides over the leaves of an epoch.
    function test_countWas_toTheSecond() public {
        vm.assertTrue(registry.countWas(0, GENESIS));
        vm.assertFalse(registry.countWas(1, GENESIS));
        register(2);
        vm.warp(GENESIS + 10);
        register(1);
        vm.assertTrue(registry.countWas(0, GENESIS));
        vm.assertTrue(registry.countWas(2, GENESIS + 1));
        vm.assertTrue(registry.countWas(2, GENESIS + 10));
        vm.assertTrue(registry.countWas(3, GENESIS + 11));
        for (uint32 n = 0; n < 5; ++n) {
            vm.assertEq(registry.countWas(n, GENESIS + 5), n == 2);
            vm.assertEq(registry.countWas(n, GENESIS + 11), n == 3);
        }
        vm.assertFalse(registry.countWas(type(uint32).max, GENESIS + 11));
    }

    // ---- Deployment and tokens ----

    function test_deployed() public view {
        vm.assertEq(address(registry.token()), address(token));
        vm.assertEq(address(registry.ed25519()), address(signatures));
        vm.assertEq(address(registry.vault()), address(vault));
        vm.assertEq(address(registry.settlement()), address(settlement));
    }

    function test_deploy_withAddresses() public {
        (IERC20 t, IEd25519 e) = (token, signatures);
        (IRewardVault v, ISettlement s) = (registry.vault(), registry.settlement());
        bytes4 zero = INodeRegistry.ZeroAddress.selector;
        vm.expectRevert(zero);
        new NodeRegistry(IERC20(address(0)), e, v, s);
        vm.expectRevert(zero);
        new NodeRegistry(t, IEd25519(address(0)), v, s);
        vm.expectRevert(zero);
        new NodeRegistry(t, e, IRewardVault(address(0)), s);
        vm.expectRevert(zero);
        new NodeRegistry(t, e, v, ISettlement(address(0)));
    }

    /// A stake that arrives short isn't a stake.
    function test_token_thatTakesAFee() public {
        deploy(new FeeToken(SUPPLY));
        (bytes32 r, bytes32 s) = prove("key", operator);
        give(operator, 2 * STAKE, address(registry));
        vm.prank(operator);
        token.approve(address(registry), 2 * STAKE);
        vm.expectRevert(
            abi.encodeWithSelector(Deposits.DepositShortfall.selector, STAKE, STAKE - STAKE / 100)
        );
        vm.prank(operator);
        registry.register("key", payout, r, s);
    }

    /// A token that calls back registers nothing with the same money, and withdraws nothing twice.
    function test_token_thatCallsBack() public {
        ReentrantToken reentrant = new ReentrantToken(SUPPLY);
        deploy(reentrant);
        (bytes32 r, bytes32 s) = prove("key", operator);
        give(operator, STAKE, address(registry));
        reentrant.callBack(address(registry), abi.encodeCall(registry.register, ("other", payout, "r", "s")));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vm.prank(operator);
        registry.register("key", payout, r, s);
        reentrant.callBack(address(0), "");
        vm.prank(operator);
        registry.register("key", payout, r, s);
        exit();
        vm.warp(GENESIS + UNBONDING);
        reentrant.callBack(address(registry), abi.encodeCall(registry.withdrawStake, (0)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        withdrawStake();
    }
}
