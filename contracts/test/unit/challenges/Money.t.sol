// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../../../src/interfaces/IChallenge.sol";
import {IMoneyChallenges} from "../../../src/interfaces/IMoneyChallenges.sol";
import {BillLeaf} from "../../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../../src/types/NodeLeaf.sol";
import {NodeProof} from "../../../src/types/Proofs.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";
import {Epoch} from "../../utils/Epochs.sol";

/// @notice Every lie about money is overturned. The honest case is `test/fuzz/Challenges.t.sol`.
/// forge-config: default.fuzz.runs = 48
contract MoneyChallengesTest is ChallengeTest {
    function charge(Aim memory a) internal pure returns (ChargeLeaf memory) {
        return a.e.charges[a.charge];
    }

    function node(Aim memory a) internal pure returns (NodeLeaf memory) {
        return a.e.nodes[charge(a).node];
    }

    function bill(Aim memory a) internal pure returns (BillLeaf memory) {
        return a.e.bills[charge(a).payer];
    }

    function nodeShown(Aim memory a) internal pure returns (NodeProof memory) {
        return nodeOf(a.e, charge(a).node);
    }

    function testFuzz_wrongScore(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 3 == 0) node(a).slaPpm += 1;
        if (seed % 3 == 1) node(a).slaPpm = type(uint32).max;
        if (seed % 3 == 2) (node(a).probes, node(a).probesOk, node(a).slaPpm) = (7, 1, 142_858);
        seal(a.e);
        falls(money, abi.encodeCall(money.wrongScore, (1, a.e.roots, nodeShown(a), 0)));
    }

    function testFuzz_rewardWithoutCharge(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 2 == 0) {
            vm.assume(node(a).mass != 0);
            node(a).last = 0;
        } else {
            node(a).last = uint32(a.e.charges.length) + 1;
        }
        seal(a.e);
        bytes memory call = abi.encodeCall(
            money.rewardWithoutCharge, (1, a.e.roots, nodeShown(a), openingOf(a.e.chargesTree), 0)
        );
        falls(money, call);
    }

    function rewardCall(Aim memory a) internal view returns (bytes memory) {
        return
            abi.encodeCall(
                money.wrongReward, (1, a.e.roots, nodeShown(a), chargeOf(a.e, node(a).last - 1), 0)
            );
    }

    function testFuzz_wrongReward(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 3 == 0) node(a).reward += 1;
        if (seed % 3 == 1) node(a).mass += 1;
        if (seed % 3 == 2) {
            uint256 other = (a.charge + 1) % a.e.charges.length;
            vm.assume(a.e.charges[other].node != charge(a).node);
            node(a).last = uint32(other + 1);
        }
        seal(a.e);
        falls(money, rewardCall(a));
    }

    function testFuzz_laterChargeOfNode(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 last = node(a).last;
        node(a).last = uint32(seed % last);
        seal(a.e);
        bytes memory call =
            abi.encodeCall(money.laterChargeOfNode, (1, a.e.roots, nodeShown(a), chargeOf(a.e, last - 1), 0));
        falls(money, call);
    }

    function testFuzz_wrongCumulative(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 n = charge(a).node;
        node(a).cumulative += 1;
        seal(a.e);
        falls(
            money,
            abi.encodeCall(money.wrongCumulative, (1, a.e.roots, nodeShown(a), earlierNode(a.before, n), 0))
        );
    }

    function testFuzz_wrongAmount(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 2 == 0) charge(a).amount += 1;
        else if (charge(a).amount > 0) charge(a).amount -= 1;
        else charge(a).amount = 1e18;
        seal(a.e);
        falls(money, amountCall(a));
    }

    /// What the payer has is not what the verifiers took it to be.
    function testFuzz_wrongAmount_ofAnotherDeposit(uint256 seed) public {
        Aim memory a = aimed(seed);
        vm.assume(charge(a).amount > 0);
        host.setDeposit(bill(a).payer, charge(a).billed - 1);
        falls(money, amountCall(a));
    }

    function testFuzz_wrongBilled(uint256 seed) public {
        Aim memory a = aimed(seed);
        charge(a).billed = seed % 2 == 0 ? charge(a).billed + 1 : type(uint128).max;
        seal(a.e);
        falls(money, billedCall(a));
    }

    function testFuzz_wrongEarned(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 how = seed % 5;
        if (how == 0) charge(a).earned += 1;
        if (how == 1) charge(a).earned = type(uint128).max;
        if (how == 2) charge(a).served += 1 << 64;
        // Itself and later ones.
        if (how == 3) charge(a).previous = uint32(a.charge + 1 + seed % 7);
        if (how == 4) {
            vm.assume(charge(a).previous == 0 && a.charge > 0);
            vm.assume(a.e.charges[a.charge - 1].node != charge(a).node);
            charge(a).previous = uint32(a.charge);
        }
        seal(a.e);
        uint32 previous = charge(a).previous;
        if (how == 3) charge(a).previous = 0;
        bytes memory call = earnedCall(a);
        if (how == 3) {
            charge(a).previous = previous;
            call = abi.encodeCall(money.wrongEarned, (1, a.e.roots, chargeOf(a.e, a.charge), noCharge(), 0));
        }
        falls(money, call);
    }

    function testFuzz_skippedCharge(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 c = node(a).last - 1;
        uint256 skipped = a.e.charges[c].previous;
        vm.assume(skipped > 0);
        a.e.charges[c].previous = uint32(seed % skipped);
        seal(a.e);
        bytes memory call = abi.encodeCall(
            money.skippedCharge, (1, a.e.roots, chargeOf(a.e, c), chargeOf(a.e, skipped - 1), 0)
        );
        falls(money, call);
    }

    function testFuzz_billWithoutCharge(uint256 seed) public {
        Aim memory a = aimed(seed);
        bill(a).last = seed % 2 == 0 ? 0 : uint32(a.e.charges.length) + 1;
        if (seed % 2 == 0) bill(a).bill += 1;
        seal(a.e);
        bytes memory call = abi.encodeCall(
            money.billWithoutCharge,
            (1, a.e.roots, billOf(a.e, charge(a).payer), openingOf(a.e.chargesTree), 0)
        );
        falls(money, call);
    }

    function testFuzz_wrongBill(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 2 == 0) {
            bill(a).cumulative += 1;
        } else {
            uint256 other = (a.charge + 1) % a.e.charges.length;
            vm.assume(a.e.charges[other].payer != charge(a).payer);
            bill(a).last = uint32(other + 1);
        }
        seal(a.e);
        bytes memory call = abi.encodeCall(
            money.wrongBill, (1, a.e.roots, billOf(a.e, charge(a).payer), chargeOf(a.e, bill(a).last - 1), 0)
        );
        falls(money, call);
    }

    function testFuzz_laterChargeOfPayer(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 last = bill(a).last;
        bill(a).last = uint32(seed % last);
        seal(a.e);
        bytes memory call = abi.encodeCall(
            money.laterChargeOfPayer, (1, a.e.roots, billOf(a.e, charge(a).payer), chargeOf(a.e, last - 1), 0)
        );
        falls(money, call);
    }

    function testFuzz_wrongCumulativeBill(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 p = charge(a).payer;
        if (seed % 2 == 0) bill(a).bill += 1;
        else bill(a).bill = type(uint128).max;
        seal(a.e);
        bytes memory call = abi.encodeCall(
            money.wrongCumulativeBill, (1, a.e.roots, billOf(a.e, p), earlierBill(a.before, p), 0)
        );
        falls(money, call);
    }

    function testFuzz_overDeposit(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint128 deposit = uint128(host.deposits(bill(a).payer));
        (bill(a).bill, bill(a).cumulative) = (1, deposit);
        seal(a.e);
        uint256 p = charge(a).payer;
        bytes memory call = abi.encodeCall(money.overDeposit, (1, a.e.roots, billOf(a.e, p), 0));
        refused(money, call, IMoneyChallenges.DepositSuffices.selector);
        (bill(a).bill, bill(a).cumulative) = (0, deposit + 1);
        seal(a.e);
        // Of earlier epochs: the deposit was lowered since.
        call = abi.encodeCall(money.overDeposit, (1, a.e.roots, billOf(a.e, p), 0));
        refused(money, call, IMoneyChallenges.DepositSuffices.selector);
        bill(a).bill = 1;
        seal(a.e);
        falls(money, abi.encodeCall(money.overDeposit, (1, a.e.roots, billOf(a.e, p), 0)));
    }

    function testFuzz_totalAboveFunds(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint120 total = a.e.nodesTree.masses[a.e.nodesTree.masses.length - 1][0];
        vm.assume(total > 0);
        host.setFunded(total);
        bytes memory call = abi.encodeCall(money.totalAboveFunds, (1, a.e.roots, 0));
        refused(money, call, IMoneyChallenges.FundsSuffice.selector);
        host.setFunded(total - 1);
        falls(money, call);
    }

    // ---- The epoch before ----

    /// What isn't attested, or isn't the epoch before, proves nothing.
    function testFuzz_earlier_mustBeAttested(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 n = charge(a).node;
        Epoch memory other = a.before;
        if (other.nodes.length > n) other.nodes[n].cumulative += 1;
        other.roots.nodes = "another";
        bytes memory call =
            abi.encodeCall(money.wrongCumulative, (1, a.e.roots, nodeShown(a), earlierNode(other, n), 0));
        refused(money, call, IChallenge.NotAttestedRoots.selector);
        call = abi.encodeCall(money.wrongCumulative, (1, a.e.roots, nodeShown(a), earlierNode(a.e, n), 0));
        refused(money, call, IChallenge.NotAttestedRoots.selector);
    }

    /// Nobody gets rid of an earlier leaf by calling the tree before shorter.
    function testFuzz_earlier_cannotBeLeftOut(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 n = charge(a).node;
        vm.assume(n < a.before.nodes.length);
        a.before.nodesTree.count = n;
        bytes memory call =
            abi.encodeCall(money.wrongCumulative, (1, a.e.roots, nodeShown(a), earlierNode(a.before, n), 0));
        (bool ok,) = address(money).call(call);
        vm.assertFalse(ok);
    }

    /// Who came since the epoch before owed nothing then.
    function testFuzz_earlier_isNothingForNewcomers(uint256 seed) public {
        Aim memory a = aimed(seed);
        vm.assume(a.e.bills.length > a.before.bills.length && a.e.nodes.length > a.before.nodes.length);
        uint256 p = a.before.bills.length;
        uint256 n = a.before.nodes.length;
        bytes memory call = abi.encodeCall(
            money.wrongCumulativeBill, (1, a.e.roots, billOf(a.e, p), earlierBill(a.before, p), 0)
        );
        refused(money, call, IMoneyChallenges.CumulativeIsRight.selector);
        call = abi.encodeCall(
            money.wrongCumulative, (1, a.e.roots, nodeOf(a.e, n), earlierNode(a.before, n), 0)
        );
        refused(money, call, IMoneyChallenges.CumulativeIsRight.selector);
        a.e.bills[p].cumulative += 1;
        seal(a.e);
        call = abi.encodeCall(
            money.wrongCumulativeBill, (1, a.e.roots, billOf(a.e, p), earlierBill(a.before, p), 0)
        );
        falls(money, call);
    }

    function testFuzz_earlier_isNothingForEpochZero(uint256 seed) public {
        Aim memory a = aimed(seed);
        Epoch memory e = a.before;
        Epoch memory none;
        none.nodesTree = e.nodesTree;
        bytes memory call =
            abi.encodeCall(money.wrongCumulative, (0, e.roots, nodeOf(e, 0), earlierNode(none, 0), 0));
        refused(money, call, IMoneyChallenges.CumulativeIsRight.selector);
        e.nodes[0].cumulative += 1;
        seal(e);
        falls(
            money, abi.encodeCall(money.wrongCumulative, (0, e.roots, nodeOf(e, 0), earlierNode(none, 0), 0))
        );
    }

    function testFuzz_earlier_noBillsBeforeEpochZero(uint256 seed) public {
        Aim memory a = aimed(seed);
        Epoch memory e = a.before;
        Epoch memory none;
        none.billsTree = e.billsTree;
        bytes memory call =
            abi.encodeCall(money.wrongCumulativeBill, (0, e.roots, billOf(e, 0), earlierBill(none, 0), 0));
        refused(money, call, IMoneyChallenges.CumulativeIsRight.selector);
        e.bills[0].cumulative += 1;
        seal(e);
        call = abi.encodeCall(money.wrongCumulativeBill, (0, e.roots, billOf(e, 0), earlierBill(none, 0), 0));
        falls(money, call);
    }
}
