// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {Node} from "../../src/types/Node.sol";
import {TestBase} from "../utils/TestBase.sol";

contract NodeRegistryTest is TestBase {
    address internal immutable alice = account("alice");
    address internal immutable bob = account("bob");

    NodeRegistry internal registry;

    function setUp() public {
        registry = new NodeRegistry();
        vm.warp(1000);
    }

    function register(bytes32 key) internal returns (uint32) {
        vm.prank(alice);
        return registry.register(key, bob);
    }

    function test_register_countsUpAndKeepsWhatWasSaid() public {
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeRegistered(0, "a", alice, bob);
        vm.assertEq(register("a"), 0);
        vm.warp(2000);
        vm.assertEq(register("b"), 1);
        vm.assertEq(registry.count(), 2);
        vm.assertEq(registry.indexOf("a"), 0);
        vm.assertEq(registry.indexOf("b"), 1);
        Node memory node = registry.nodeAt(1);
        vm.assertEq(node.key, "b");
        vm.assertEq(node.operator, alice);
        vm.assertEq(node.payout, bob);
        vm.assertEq(node.registeredAt, 2000);
    }

    function test_register_refusesAKeyTwice() public {
        register("a");
        register("b");
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AlreadyRegistered.selector, bytes32("a"), 0));
        registry.register("a", bob);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AlreadyRegistered.selector, bytes32("b"), 1));
        registry.register("b", bob);
    }

    function test_register_refusesZeros() public {
        vm.expectRevert(INodeRegistry.ZeroKey.selector);
        registry.register(0, bob);
        vm.expectRevert(INodeRegistry.ZeroPayout.selector);
        registry.register("a", address(0));
    }

    function test_register_endsWhereTreesEnd() public {
        // The count is the third word of storage.
        vm.store(address(registry), bytes32(uint256(2)), bytes32(uint256(1 << 22)));
        vm.assertEq(registry.count(), 1 << 22);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.RegistryFull.selector, 1 << 22));
        registry.register("a", bob);
    }

    function test_setPayout_byOperatorOnly() public {
        register("a");
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotOperator.selector, 0, bob));
        vm.prank(bob);
        registry.setPayout(0, bob);
        vm.startPrank(alice);
        vm.expectRevert(INodeRegistry.ZeroPayout.selector);
        registry.setPayout(0, address(0));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownIndex.selector, 1, 1));
        registry.setPayout(1, alice);
        vm.expectEmit(address(registry));
        emit INodeRegistry.PayoutSet(0, alice);
        registry.setPayout(0, alice);
        vm.stopPrank();
        vm.assertEq(registry.nodeAt(0).payout, alice);
    }

    function test_views_refuseTheUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownIndex.selector, 0, 0));
        registry.nodeAt(0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownNode.selector, bytes32(0)));
        registry.indexOf(0);
        register("a");
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownNode.selector, bytes32("b")));
        registry.indexOf("b");
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownNode.selector, bytes32(0)));
        registry.indexOf(0);
    }

    function test_page_givesWhatThereIs() public {
        vm.assertEq(registry.page(0, 10).length, 0);
        register("a");
        register("b");
        register("c");
        vm.assertEq(registry.page(0, 2).length, 2);
        Node[] memory rest = registry.page(1, type(uint32).max);
        vm.assertEq(rest.length, 2);
        vm.assertEq(rest[0].key, "b");
        vm.assertEq(rest[1].key, "c");
        vm.assertEq(registry.page(3, 1).length, 0);
        vm.assertEq(registry.page(type(uint32).max, 1).length, 0);
    }

    function test_countWas_isExact() public {
        vm.assertTrue(registry.countWas(0, 1000));
        register("a");
        register("b");
        vm.warp(1001);
        register("c");
        // A node registered at the very end of an epoch belongs to the next.
        vm.assertTrue(registry.countWas(0, 1000));
        vm.assertTrue(registry.countWas(2, 1001));
        vm.assertTrue(registry.countWas(3, 1002));
        vm.assertFalse(registry.countWas(1, 1001));
        vm.assertFalse(registry.countWas(3, 1001));
        vm.assertFalse(registry.countWas(2, 1002));
        vm.assertFalse(registry.countWas(4, 1002));
        vm.assertFalse(registry.countWas(0, 1001));
        vm.assertFalse(registry.countWas(type(uint32).max, 1002));
    }
}
