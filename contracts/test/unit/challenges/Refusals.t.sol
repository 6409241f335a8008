// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../../../src/interfaces/IChallenge.sol";
import {IIssuerChallenges} from "../../../src/interfaces/IIssuerChallenges.sol";
import {IMoneyChallenges} from "../../../src/interfaces/IMoneyChallenges.sol";
import {IRecordChallenges} from "../../../src/interfaces/IRecordChallenges.sol";
import {ITreeChallenges} from "../../../src/interfaces/ITreeChallenges.sol";
import {MerkleProofs} from "../../../src/libraries/MerkleProofs.sol";
import {Records} from "../../../src/libraries/Records.sol";
import {Rewards} from "../../../src/libraries/Rewards.sol";
import {Tickets} from "../../../src/libraries/Tickets.sol";
import {ChargeProof, EarlierBill, ElementProof, RecordProof, TreeKind} from "../../../src/types/Proofs.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";
import {Epoch} from "../../utils/Epochs.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice What is shown of another leaf, place or form proves nothing, and the error says what was shown. What is
/// right is refused in `test/fuzz/Challenges.t.sol`.
contract RefusalsTest is ChallengeTest {
    using Trees for Tree;

    /// @dev The epoch before, where it isn't asked.
    function passedOver() internal pure returns (EarlierBill memory earlier) {}

    /// @dev An epoch with charges of several payers and nodes.
    function start() internal returns (Epoch memory e) {
        for (uint256 seed = 1;; ++seed) {
            Aim memory a = aimed(seed);
            bool several = a.e.nodes.length > 1 && a.e.bills.length > 1 && a.e.charges.length > 3;
            if (several) return a.e;
        }
    }

    function refuse(IChallenge by, bytes memory call, bytes memory why) internal {
        (bool ok, bytes memory answer) = address(by).call(call);
        vm.assertFalse(ok);
        vm.assertEq(answer, why);
        vm.assertEq(host.overturns() + host.slashes(), 0);
    }

    /// @dev A charge of another node, or payer, than this one's.
    function otherThan(Epoch memory e, uint256 c, bool byNode) internal pure returns (uint256 other) {
        while (byNode
                ? e.charges[other].node == e.charges[c].node
                : e.charges[other].payer == e.charges[c].payer) {
            ++other;
        }
    }

    // ---- Money ----

    function test_money_anotherNodesCharge() public {
        Epoch memory e = start();
        (uint32 n, uint256 other) = (e.charges[0].node, otherThan(e, 0, true));
        bytes memory why =
            abi.encodeWithSelector(IMoneyChallenges.OtherCharge.selector, n, e.charges[other].node);
        bytes memory call = abi.encodeCall(
            money.laterChargeOfNode, (1, e.roots, nodeOf(e, n), chargeOf(e, other), bytes32(0))
        );
        refuse(money, call, why);
        call =
            abi.encodeCall(money.skippedCharge, (1, e.roots, chargeOf(e, 0), chargeOf(e, other), bytes32(0)));
        refuse(money, call, why);
    }

    /// The amount goes by the score of its own node.
    function test_money_anotherNodesScore() public {
        Epoch memory e = start();
        // The second charge of a payer, so that the epoch before isn't asked.
        uint256 c = 1;
        while (e.charges[c].payer != e.charges[c - 1].payer) ++c;
        uint32 n = e.charges[c].node == 0 ? 1 : 0;
        bytes memory call = abi.encodeCall(
            money.wrongAmount,
            (1, e.roots, chargeOf(e, c), nodeOf(e, n), chargeOf(e, c - 1), passedOver(), bytes32(0))
        );
        bytes memory why = abi.encodeWithSelector(IMoneyChallenges.OtherCharge.selector, n, e.charges[c].node);
        refuse(money, call, why);
    }

    function test_money_anotherPayersCharge() public {
        Epoch memory e = start();
        (uint32 p, uint256 other) = (e.charges[0].payer, otherThan(e, 0, false));
        bytes memory why =
            abi.encodeWithSelector(IMoneyChallenges.OtherCharge.selector, p, e.charges[other].payer);
        bytes memory call = abi.encodeCall(
            money.laterChargeOfPayer, (1, e.roots, billOf(e, p), chargeOf(e, other), bytes32(0))
        );
        refuse(money, call, why);
    }

    /// The charge that a leaf names, counted from 1.
    function test_money_anotherPlace() public {
        Epoch memory e = start();
        (uint32 n, uint32 p) = (e.charges[0].node, e.charges[0].payer);
        uint32 last = e.nodes[n].last;
        bytes memory call =
            abi.encodeCall(money.wrongReward, (1, e.roots, nodeOf(e, n), chargeOf(e, last - 1), bytes32(0)));
        refuse(
            money, call, abi.encodeWithSelector(IMoneyChallenges.RewardIsRight.selector, e.nodes[n].reward)
        );
        uint32 place = last == 1 ? 1 : last - 2;
        call = abi.encodeCall(money.wrongReward, (1, e.roots, nodeOf(e, n), chargeOf(e, place), bytes32(0)));
        refuse(money, call, abi.encodeWithSelector(IMoneyChallenges.OtherPlace.selector, place, last));
        last = e.bills[p].last;
        place = last == 1 ? 1 : last - 2;
        call = abi.encodeCall(money.wrongBill, (1, e.roots, billOf(e, p), chargeOf(e, place), bytes32(0)));
        refuse(money, call, abi.encodeWithSelector(IMoneyChallenges.OtherPlace.selector, place, last));
        // And the one just before.
        call = abi.encodeCall(
            money.wrongBilled, (1, e.roots, chargeOf(e, 2), chargeOf(e, 0), passedOver(), bytes32(0))
        );
        refuse(money, call, abi.encodeWithSelector(IMoneyChallenges.OtherPlace.selector, 0, 2));
    }

    function test_money_nothingSkipped() public {
        Epoch memory e = start();
        // Itself isn't skipped, nor is a later one, nor the one it names.
        bytes memory call =
            abi.encodeCall(money.skippedCharge, (1, e.roots, chargeOf(e, 0), chargeOf(e, 0), bytes32(0)));
        refuse(money, call, abi.encodeWithSelector(IMoneyChallenges.NothingSkipped.selector, 0, 0));
        uint256 c = 0;
        while (e.charges[c].previous == 0) ++c;
        uint32 previous = e.charges[c].previous;
        call = abi.encodeCall(
            money.skippedCharge, (1, e.roots, chargeOf(e, c), chargeOf(e, previous - 1), bytes32(0))
        );
        refuse(
            money,
            call,
            abi.encodeWithSelector(IMoneyChallenges.NothingSkipped.selector, previous - 1, previous)
        );
        call = abi.encodeCall(
            money.skippedCharge, (1, e.roots, chargeOf(e, previous - 1), chargeOf(e, c), bytes32(0))
        );
        refuse(
            money,
            call,
            abi.encodeWithSelector(
                IMoneyChallenges.NothingSkipped.selector, c, e.charges[previous - 1].previous
            )
        );
    }

    /// No leaf states an amount of 2^96 or more: it has no root.
    function test_money_amountsFit() public {
        Epoch memory e = start();
        e.nodes[0].cumulative = 1 << 96;
        bytes memory call = abi.encodeCall(money.wrongScore, (1, e.roots, nodeOf(e, 0), bytes32(0)));
        refuse(money, call, abi.encodeWithSelector(Rewards.AmountTooLarge.selector, 1 << 96));
        call = abi.encodeCall(money.overDeposit, (1, e.roots, billOf(e, 0), bytes32(0)));
        e.bills[0].cumulative = type(uint128).max;
        call = abi.encodeCall(money.overDeposit, (1, e.roots, billOf(e, 0), bytes32(0)));
        refuse(money, call, abi.encodeWithSelector(Rewards.AmountTooLarge.selector, type(uint128).max));
    }

    // ---- Trees ----

    function test_trees_theLogIsAnIssuers() public {
        Epoch memory e = start();
        ElementProof memory element = elementOf(e, TreeKind.Nodes, 0, 0, 0);
        element.tree = TreeKind.Log;
        bytes memory preimage = preimageOf(e, TreeKind.Nodes, 0, 0, 0);
        bytes memory why = abi.encodeWithSelector(ITreeChallenges.NotAnEpochTree.selector);
        refuse(trees, abi.encodeCall(trees.wrongSum, (1, e.roots, element, preimage, bytes32(0))), why);
        refuse(trees, abi.encodeCall(trees.wrongShape, (1, e.roots, element, preimage, bytes32(0))), why);
        bytes32 hash = keccak256(preimage);
        refuse(trees, abi.encodeCall(trees.wrongCount, (1, e.roots, element, hash, bytes32(0))), why);
    }

    function test_trees_anotherPreimage() public {
        Epoch memory e = start();
        ElementProof memory element = elementOf(e, TreeKind.Bills, 0, 0, 0);
        bytes memory call = abi.encodeCall(trees.wrongShape, (1, e.roots, element, "noise", bytes32(0)));
        refused(trees, call, IChallenge.NotInTree.selector);
        bytes32 root = e.charges[0].segmentRoot;
        call = abi.encodeCall(trees.segmentRootMismatch, (1, e.roots, chargeOf(e, 0), "noise", bytes32(0)));
        refuse(
            trees,
            call,
            abi.encodeWithSelector(ITreeChallenges.NotThePreimage.selector, keccak256("noise"), root)
        );
    }

    function test_trees_anotherElement() public {
        Epoch memory e = start();
        ElementProof memory element = elementOf(e, TreeKind.Charges, 0, 0, 0);
        uint256 depth = e.chargesTree.hashes.length - 1;
        element.level = uint8(depth + 1);
        bytes memory preimage = preimageOf(e, TreeKind.Charges, 0, 0, 0);
        bytes memory call = abi.encodeCall(trees.wrongSum, (1, e.roots, element, preimage, bytes32(0)));
        refuse(
            trees,
            call,
            abi.encodeWithSelector(MerkleProofs.NoSuchElement.selector, depth + 1, 0, e.charges.length)
        );
    }

    // ---- Records ----

    function test_records_ofTheirForm() public {
        Epoch memory e = start();
        RecordProof memory shown = recordOf(e, 0, 0);
        bytes memory record = shown.record;
        bytes memory t = ticketOf(e, record);
        bytes memory call =
            abi.encodeCall(records.badSignature, (1, e.roots, shown, new bytes(217), bytes32(0)));
        refuse(records, call, abi.encodeWithSelector(Tickets.NotATicket.selector, 217));
        shown.record = new bytes(139);
        call = abi.encodeCall(records.badSignature, (1, e.roots, shown, t, bytes32(0)));
        refuse(records, call, abi.encodeWithSelector(Records.NotARecord.selector, 139));
        shown.record = bytes.concat(record);
        put(shown.record, 52, 1 << 56, 8);
        call = abi.encodeCall(records.zeroSequence, (1, e.roots, shown, bytes32(0)));
        refuse(records, call, abi.encodeWithSelector(Records.BytesTooLarge.selector, 1 << 56));
        shown.record = record;
        shown.charge.leaf.amount = 1 << 96;
        call = abi.encodeCall(records.zeroSequence, (1, e.roots, shown, bytes32(0)));
        refuse(records, call, abi.encodeWithSelector(Rewards.AmountTooLarge.selector, 1 << 96));
    }

    function test_records_anotherTicket() public {
        Epoch memory e = start();
        RecordProof memory shown = recordOf(e, 0, 0);
        bytes memory t = bytes.concat(ticketOf(e, shown.record));
        bytes32 named = keccak256(t);
        t[100] ^= 0x01;
        bytes memory call = abi.encodeCall(records.badSignature, (1, e.roots, shown, t, bytes32(0)));
        refuse(
            records,
            call,
            abi.encodeWithSelector(IRecordChallenges.NotItsTicket.selector, keccak256(t), named)
        );
    }

    function test_records_anotherEntry() public {
        Aim memory a = aimed(3);
        uint256 index = indexOf(a);
        uint256 other = (index + 1) % a.e.tickets.length;
        bytes memory call = abi.encodeCall(
            records.ticketNotInLog,
            (
                1,
                a.e.roots,
                recordOf(a.e, a.charge, a.record),
                a.e.tickets[other],
                entryOf(a.e, 0, other),
                bytes32(0)
            )
        );
        refuse(records, call, abi.encodeWithSelector(IRecordChallenges.OtherEntry.selector, 0, other, index));
    }

    /// A record isn't in the segment of another charge.
    function test_records_anotherCharge() public {
        Epoch memory e = start();
        RecordProof memory shown = recordOf(e, 0, 0);
        ChargeProof memory other = chargeOf(e, 1);
        bytes32 computed = shown.charge.leaf.segmentRoot;
        shown.charge = other;
        bytes memory call = abi.encodeCall(records.zeroSequence, (1, e.roots, shown, bytes32(0)));
        refuse(
            records,
            call,
            abi.encodeWithSelector(IChallenge.NotInTree.selector, computed, other.leaf.segmentRoot)
        );
    }

    // ---- Issuers ----

    function test_issuers_withoutALog() public {
        Epoch memory e = start();
        bytes memory t = e.tickets[0];
        bytes32 r = issued(t);
        bytes memory why = abi.encodeWithSelector(IIssuerChallenges.NoLog.selector, 1, 0);
        host.setLog(1, 0, 0);
        bytes memory call = abi.encodeCall(issuers.logTooShort, (t, r, "s", openingOf(e.log), bytes32(0)));
        refuse(issuers, call, why);
        call = abi.encodeCall(issuers.logOutOfPlace, (1, 0, entryOf(e, 0, 0), t, bytes32(0)));
        refuse(issuers, call, why);
        call = abi.encodeCall(
            issuers.logContradicts, (t, r, "s", entryOf(e, 0, 0), e.log.hashes[0][0], bytes32(0))
        );
        refuse(issuers, call, why);
    }

    function test_issuers_wrongSumOfNoForm() public {
        Epoch memory e = start();
        bytes memory preimage = "neither";
        plant(e.log, 0, 0, keccak256(preimage), e.log.masses[0][0], true);
        host.setLog(1, 0, e.log.root());
        bytes memory call =
            abi.encodeCall(issuers.logWrongSum, (1, 0, entryOf(e, 0, 0), preimage, bytes32(0)));
        refuse(issuers, call, abi.encodeWithSelector(IIssuerChallenges.ShapeIsWrong.selector));
    }

    function test_issuers_ofTheirForm() public {
        Epoch memory e = start();
        bytes memory call = abi.encodeCall(issuers.logMissing, (new bytes(215), "r", "s", bytes32(0)));
        refuse(issuers, call, abi.encodeWithSelector(Tickets.NotATicket.selector, 215));
        call = abi.encodeCall(issuers.logOutOfPlace, (1, 0, entryOf(e, 0, 0), new bytes(215), bytes32(0)));
        refuse(issuers, call, abi.encodeWithSelector(Tickets.NotATicket.selector, 215));
    }
}
