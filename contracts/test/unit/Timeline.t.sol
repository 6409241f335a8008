// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {Settlement} from "../../src/Settlement.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Config} from "../../src/types/Config.sol";
import {Parameters} from "../../src/types/Parameters.sol";
import {Json} from "../utils/Json.sol";
import {Network} from "../utils/Network.sol";

/// @notice The epochs of `tests/vectors/timeline.json`, of several versions, by the contract's clock.
contract TimelineTest is Network, Json {
    Settlement internal timed;

    function windows(string memory where) internal view returns (Parameters memory p) {
        p = terms();
        p.epochLength = uint32(number(where, ".epoch_length"));
        p.ticketTail = uint32(number(where, ".ticket_tail"));
        p.commitWindow = uint32(number(where, ".commit_window"));
        p.forceWindow = uint32(number(where, ".force_window"));
        p.challengeWindow = uint32(number(where, ".challenge_window"));
    }

    function setUp() public override {
        super.setUp();
        load("timeline");
        Config memory c = config();
        (c.genesis, c.changeDelay) = (uint64(number(".timeline.genesis")), 100_000);
        uint256 nonce = vm.getNonce(address(this));
        ISettlement place = ISettlement(vm.computeCreateAddress(address(this), nonce + 2));
        c.vault = new RewardVault(token, address(registry), place);
        c.registry = new NodeRegistry(token, signatures, c.vault, place);
        timed = new Settlement(c, windows(".timeline"));
        uint256 changes = length(".timeline.later");
        vm.assertTrue(changes > 2, "few versions");
        for (uint256 i = 0; i < changes; ++i) {
            string memory where = item(".timeline.later", i);
            vm.prank(owner);
            timed.schedule(uint64(number(where, ".first_epoch")), windows(where));
        }
    }

    function test_epochs() public view {
        uint256 count = length(".epochs");
        for (uint256 i = 0; i < count; ++i) {
            string memory where = item(".epochs", i);
            uint64 epoch = uint64(number(where, ".epoch"));
            uint256 end = timed.epochEnd(epoch);
            vm.assertEq(timed.epochStart(epoch), number(where, ".start"), where);
            vm.assertEq(end, number(where, ".end"), where);
            Parameters memory p = timed.parametersAt(epoch).parameters;
            vm.assertEq(end + p.ticketTail, number(where, ".tickets_end"), where);
            vm.assertEq(end + p.commitWindow, number(where, ".commit_until"), where);
            vm.assertEq(end + p.ticketTail + p.forceWindow, number(where, ".forced_end"), where);
        }
    }

    function test_moments() public view {
        uint256 count = length(".moments");
        for (uint256 i = 0; i < count; ++i) {
            string memory where = item(".moments", i);
            vm.assertEq(timed.epochAt(number(where, ".time")), number(where, ".epoch"), where);
        }
    }
}
