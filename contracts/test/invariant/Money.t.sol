// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Status} from "../../src/types/Attestation.sol";
import {Network} from "../utils/Network.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice Honest verifiers, some false attestations that get overturned, and everyone's claims in any order.
contract Players is Network {
    using Trees for Tree;

    uint256 internal constant NODES = 5;

    /// @notice Cumulative rewards by epoch and node, as attested; overturned ones are replaced.
    uint256[NODES][] public attested;

    /// @notice What each node was paid, counted here.
    uint256[NODES] public paid;

    constructor() {
        setUp();
        register(NODES);
        fund(1e18);
    }

    function later(uint256 time) external {
        vm.warp(vm.getBlockTimestamp() + bound(time, 1, 5000));
    }

    function pay(uint256 amount) external {
        fund(bound(amount, 1, 1e18));
    }

    function attestNext(uint256 seed) external {
        uint64 epoch = settlement.nextEpoch();
        uint256 left = vault.totalFunded();
        uint256[NODES] memory next;
        for (uint256 i = 0; i < NODES; ++i) {
            if (epoch > 0) next[i] = attested[epoch - 1][i];
            left -= next[i];
        }
        for (uint256 i = 0; i < NODES; ++i) {
            uint256 reward = uint256(keccak256(abi.encode(seed, i))) % (left / 2 + 1);
            next[i] += reward;
            left -= reward;
        }
        attest(epoch, treeAt(next));
        attested.push(next);
    }

    function overturn(uint256 back) external {
        uint64 next = settlement.nextEpoch();
        if (next == 0) return;
        uint64 epoch = uint64(next - 1 - bound(back, 0, next > 3 ? 3 : next - 1));
        if (settlement.status(epoch) != Status.Pending) return;
        vm.prank(challenges);
        settlement.overturn(epoch);
        while (attested.length > epoch) attested.pop();
    }

    /// @dev Claims that have nothing to pay are made too, and must fail.
    function claimSome(uint256 pick, uint256 node) external {
        if (attested.length == 0) return;
        uint64 epoch = uint64(bound(pick, 0, attested.length - 1));
        node = bound(node, 0, NODES - 1);
        Tree memory tree = treeAt(attested[epoch]);
        uint256 due = attested[epoch][node] > paid[node] ? attested[epoch][node] - paid[node] : 0;
        bool payable_ = due > 0 && settlement.status(epoch) == Status.Active;
        try settlement.claim(epoch, leafOf(node, attested[epoch][node]), tree.proof(node)) returns (
            uint256 got
        ) {
            vm.assertTrue(payable_, "paid what was not due");
            vm.assertEq(got, due, "paid another amount");
            paid[node] += got;
        } catch {
            vm.assertFalse(payable_);
        }
    }

    function treeAt(uint256[NODES] memory row) internal pure returns (Tree memory) {
        uint256[] memory cumulative = new uint256[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            cumulative[i] = row[i];
        }
        return treeOf(cumulative);
    }

    // ---- What must always hold ----

    function check() external view {
        uint256 all = 0;
        uint256 epochs = attested.length;
        uint256 active = epochs;
        while (active > 0 && settlement.status(uint64(active - 1)) != Status.Active) active -= 1;
        for (uint256 i = 0; i < NODES; ++i) {
            all += paid[i];
            vm.assertEq(token.balanceOf(payoutOf(i)), paid[i], "payout");
            vm.assertEq(settlement.claimed(uint32(i)), paid[i], "claimed");
            // No node has more than the newest active epoch states, so none was paid twice.
            vm.assertLe(paid[i], active == 0 ? 0 : attested[active - 1][i], "more than attested");
        }
        vm.assertEq(vault.totalPaid(), all, "total paid");
        vm.assertLe(all, vault.totalFunded(), "more than funded");
        vm.assertEq(token.balanceOf(address(vault)), vault.totalFunded() - all, "solvent");
        vm.assertEq(settlement.nextEpoch(), epochs, "epochs");
        if (epochs > 0) {
            uint256 total = settlement.attestation(uint64(epochs - 1)).total;
            vm.assertLe(total, vault.totalFunded(), "attested more than funded");
            vm.assertLe(all, total, "paid more than attested");
        }
    }
}

contract MoneyInvariant {
    Players internal players;

    function setUp() public {
        players = new Players();
    }

    /// @dev forge calls only these: see `Players`.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(players);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(players);
        targets[0].selectors = new bytes4[](5);
        targets[0].selectors[0] = Players.later.selector;
        targets[0].selectors[1] = Players.pay.selector;
        targets[0].selectors[2] = Players.attestNext.selector;
        targets[0].selectors[3] = Players.overturn.selector;
        targets[0].selectors[4] = Players.claimSome.selector;
    }

    function invariant_moneyAddsUp() public view {
        players.check();
    }
}
