// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../../src/interfaces/IChallenge.sol";
import {IIssuerChallenges} from "../../src/interfaces/IIssuerChallenges.sol";
import {IMoneyChallenges} from "../../src/interfaces/IMoneyChallenges.sol";
import {IRecordChallenges} from "../../src/interfaces/IRecordChallenges.sol";
import {ITreeChallenges} from "../../src/interfaces/ITreeChallenges.sol";
import {ElementProof, TreeKind} from "../../src/types/Proofs.sol";
import {Epoch} from "./Epochs.sol";
import {Tree, Trees} from "./Trees.sol";
import {Witnesses} from "./Witnesses.sol";

/// @notice A call of a challenge, and the error it meets in an honest epoch.
struct Call {
    string name;
    IChallenge to;
    bytes data;
    bytes4 refusal;
}

/// @notice Which leaves a call is about.
struct Aim {
    Epoch e;
    Epoch before;
    uint256 charge;
    uint256 record;
    uint256 seed;
}

/// @notice Every challenge with true witnesses.
abstract contract Calls is Witnesses {
    using Trees for Tree;

    uint256 internal constant TREE_CALLS = 10;
    uint256 internal constant RECORD_CALLS = 12;
    uint256 internal constant MONEY_CALLS = 15;
    uint256 internal constant ISSUER_CALLS = 8;

    function aim(Epoch memory e, Epoch memory before, uint256 seed) internal pure returns (Aim memory a) {
        (a.e, a.before, a.seed) = (e, before, seed);
        a.charge = draw(seed, "aim at charge", 0) % e.charges.length;
        a.record = draw(seed, "aim at record", 0) % e.segments[a.charge].length;
    }

    function allCalls(Aim memory a) internal returns (Call[] memory all) {
        all = new Call[](TREE_CALLS + RECORD_CALLS + MONEY_CALLS + ISSUER_CALLS);
        uint256 count = treeCalls(a, all, 0);
        count = recordCalls(a, all, count);
        count = chargeCalls(a, all, count);
        count = billCalls(a, all, count);
        count = issuerCalls(a, all, count);
        assembly ("memory-safe") {
            mstore(all, count)
        }
    }

    /// @dev An element that isn't empty.
    function somewhere(Aim memory a, TreeKind kind) internal pure returns (uint256 level, uint256 position) {
        Tree memory tree = treeOf(a.e, kind, a.charge);
        level = draw(a.seed, "level", uint256(kind)) % tree.hashes.length;
        position =
            draw(a.seed, "position", uint256(kind)) % (level == 0 ? tree.count : tree.hashes[level].length);
    }

    function treeCalls(Aim memory a, Call[] memory all, uint256 n) internal view returns (uint256) {
        TreeKind kind = TreeKind(draw(a.seed, "kind", 0) % 4);
        (uint256 level, uint256 position) = somewhere(a, kind);
        ElementProof memory element = elementOf(a.e, kind, a.charge, level, position);
        bytes memory preimage = preimageOf(a.e, kind, a.charge, level, position);
        bytes memory data = sumCall(a, element, preimage);
        all[n++] = Call("wrongSum", trees, data, ITreeChallenges.SumIsRight.selector);
        data = shapeCall(a, element, preimage);
        all[n++] = Call("wrongShape", trees, data, ITreeChallenges.ShapeIsRight.selector);

        // Empty ones as well.
        Tree memory tree = treeOf(a.e, kind, a.charge);
        level = draw(a.seed, "another level", 0) % tree.hashes.length;
        position = draw(a.seed, "another position", 0) % tree.hashes[level].length;
        element = elementOf(a.e, kind, a.charge, level, position);
        data = countCall(a, element, tree.hashes[level][position]);
        all[n++] = Call("wrongCount", trees, data, ITreeChallenges.CountIsRight.selector);
        return moreTreeCalls(a, all, n);
    }

    function sumCall(Aim memory a, ElementProof memory element, bytes memory preimage)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodeCall(trees.wrongSum, (a.e.number, a.e.roots, element, preimage, 0));
    }

    function shapeCall(Aim memory a, ElementProof memory element, bytes memory preimage)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodeCall(trees.wrongShape, (a.e.number, a.e.roots, element, preimage, 0));
    }

    function countCall(Aim memory a, ElementProof memory element, bytes32 hash)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodeCall(trees.wrongCount, (a.e.number, a.e.roots, element, hash, 0));
    }

    function moreTreeCalls(Aim memory a, Call[] memory all, uint256 n) internal view returns (uint256) {
        Epoch memory e = a.e;
        bytes memory data;
        data = abi.encodeCall(
            trees.segmentRootMismatch,
            (e.number, e.roots, chargeOf(e, a.charge), rootPreimage(e.segmentTrees[a.charge]), 0)
        );
        all[n++] = Call("segmentRootMismatch", trees, data, ITreeChallenges.SegmentIsRight.selector);
        if (a.charge > 0) {
            data =
                abi.encodeCall(trees.chargesOutOfOrder, (e.number, e.roots, chargePair(e, a.charge - 1), 0));
            all[n++] = Call("chargesOutOfOrder", trees, data, ITreeChallenges.ChargesInOrder.selector);
        }
        data = abi.encodeCall(trees.wrongNode, (e.number, e.roots, nodeOf(e, e.charges[a.charge].node), 0));
        all[n++] = Call("wrongNode", trees, data, ITreeChallenges.IdentityIsRight.selector);
        data = abi.encodeCall(trees.wrongPayer, (e.number, e.roots, billOf(e, e.charges[a.charge].payer), 0));
        all[n++] = Call("wrongPayer", trees, data, ITreeChallenges.IdentityIsRight.selector);
        data = abi.encodeCall(trees.wrongNodeCount, (e.number, e.roots, openingOf(e.nodesTree), 0));
        all[n++] = Call("wrongNodeCount", trees, data, ITreeChallenges.NumberIsRight.selector);
        data = abi.encodeCall(trees.wrongPayerCount, (e.number, e.roots, openingOf(e.billsTree), 0));
        all[n++] = Call("wrongPayerCount", trees, data, ITreeChallenges.NumberIsRight.selector);
        data = abi.encodeCall(
            trees.chargeOfNobody,
            (
                e.number,
                e.roots,
                chargeOf(e, a.charge),
                openingOf(e.nodesTree),
                openingOf(e.billsTree),
                bytes32(0)
            )
        );
        all[n++] = Call("chargeOfNobody", trees, data, ITreeChallenges.ChargeIsOfSomebody.selector);
        return n;
    }

    function recordCalls(Aim memory a, Call[] memory all, uint256 n) internal view returns (uint256) {
        bytes4[6] memory withTicket = [
            IRecordChallenges.badSignature.selector,
            IRecordChallenges.ticketElsewhere.selector,
            IRecordChallenges.malformedTicket.selector,
            IRecordChallenges.unknownPayer.selector,
            IRecordChallenges.overLimit.selector,
            IRecordChallenges.outsideTime.selector
        ];
        bytes4[6] memory refusals = [
            IRecordChallenges.SignatureIsRight.selector,
            IRecordChallenges.TicketIsHere.selector,
            IRecordChallenges.TicketIsWellFormed.selector,
            IRecordChallenges.PayerIsKnown.selector,
            IRecordChallenges.BytesAreWithinLimit.selector,
            IRecordChallenges.TimeIsRight.selector
        ];
        for (uint256 i = 0; i < 6; ++i) {
            all[n++] = Call("of a ticket", records, ticketCall(a, withTicket[i]), refusals[i]);
        }
        withTicket[0] = IRecordChallenges.noTicketLog.selector;
        withTicket[1] = IRecordChallenges.overDeliveries.selector;
        withTicket[2] = IRecordChallenges.zeroSequence.selector;
        refusals[0] = IRecordChallenges.TicketIsInLog.selector;
        refusals[1] = IRecordChallenges.DeliveriesAreRight.selector;
        refusals[2] = IRecordChallenges.SequenceIsRight.selector;
        for (uint256 i = 0; i < 3; ++i) {
            all[n++] = Call("of a record", records, recordCall(a, withTicket[i]), refusals[i]);
        }
        all[n++] = Call("indexBeyondLog", records, beyondCall(a), IRecordChallenges.LogHasIndex.selector);
        uint256 index = indexOf(a);
        all[n++] =
            Call("ticketNotInLog", records, entryCall(a, index), IRecordChallenges.TicketIsInLog.selector);
        if (a.record > 0) {
            all[n++] =
                Call("recordsOutOfOrder", records, pairCall(a), IRecordChallenges.RecordsInOrder.selector);
        }
        return n;
    }

    function indexOf(Aim memory a) internal pure returns (uint256) {
        return uint32(wordAt(a.e.segments[a.charge][a.record], 12) >> 224);
    }

    function ticketCall(Aim memory a, bytes4 selector) internal pure returns (bytes memory) {
        return ticketCall(a, selector, a.e.tickets[indexOf(a)]);
    }

    function ticketCall(Aim memory a, bytes4 selector, bytes memory ticket)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            selector, a.e.number, a.e.roots, recordOf(a.e, a.charge, a.record), ticket, bytes32(0)
        );
    }

    function recordCall(Aim memory a, bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            selector, a.e.number, a.e.roots, recordOf(a.e, a.charge, a.record), bytes32(0)
        );
    }

    function beyondCall(Aim memory a) internal view returns (bytes memory) {
        return abi.encodeCall(
            records.indexBeyondLog,
            (a.e.number, a.e.roots, recordOf(a.e, a.charge, a.record), openingOf(a.e.log), 0)
        );
    }

    function entryCall(Aim memory a, uint256 index) internal view returns (bytes memory) {
        return abi.encodeCall(
            records.ticketNotInLog,
            (
                a.e.number,
                a.e.roots,
                recordOf(a.e, a.charge, a.record),
                a.e.tickets[index],
                entryOf(a.e, 0, index),
                bytes32(0)
            )
        );
    }

    function pairCall(Aim memory a) internal view returns (bytes memory) {
        return abi.encodeCall(
            records.recordsOutOfOrder, (a.e.number, a.e.roots, recordPair(a.e, a.charge, a.record - 1), 0)
        );
    }

    function chargeCalls(Aim memory a, Call[] memory all, uint256 n) internal view returns (uint256) {
        Epoch memory e = a.e;
        uint256 c = a.charge;
        uint256 node = e.charges[c].node;
        bytes memory data = abi.encodeCall(money.wrongScore, (e.number, e.roots, nodeOf(e, node), 0));
        all[n++] = Call("wrongScore", money, data, IMoneyChallenges.ScoreIsRight.selector);
        data = abi.encodeCall(
            money.rewardWithoutCharge, (e.number, e.roots, nodeOf(e, node), openingOf(e.chargesTree), 0)
        );
        all[n++] = Call("rewardWithoutCharge", money, data, IMoneyChallenges.LastIsRight.selector);
        data = abi.encodeCall(
            money.wrongReward, (e.number, e.roots, nodeOf(e, node), chargeOf(e, e.nodes[node].last - 1), 0)
        );
        all[n++] = Call("wrongReward", money, data, IMoneyChallenges.RewardIsRight.selector);
        data =
            abi.encodeCall(money.laterChargeOfNode, (e.number, e.roots, nodeOf(e, node), chargeOf(e, c), 0));
        all[n++] = Call("laterChargeOfNode", money, data, IMoneyChallenges.NothingSkipped.selector);
        data = abi.encodeCall(
            money.wrongCumulative, (e.number, e.roots, nodeOf(e, node), earlierNode(a.before, node), 0)
        );
        all[n++] = Call("wrongCumulative", money, data, IMoneyChallenges.CumulativeIsRight.selector);
        all[n++] = Call("wrongAmount", money, amountCall(a), IMoneyChallenges.AmountIsRight.selector);
        all[n++] = Call("wrongBilled", money, billedCall(a), IMoneyChallenges.BilledIsRight.selector);
        all[n++] = Call("wrongEarned", money, earnedCall(a), IMoneyChallenges.EarnedIsRight.selector);
        data = abi.encodeCall(money.skippedCharge, (e.number, e.roots, chargeOf(e, c), chargeOf(e, c), 0));
        all[n++] = Call("skippedCharge", money, data, IMoneyChallenges.NothingSkipped.selector);
        return n;
    }

    function amountCall(Aim memory a) internal view returns (bytes memory) {
        return abi.encodeCall(
            money.wrongAmount,
            (
                a.e.number,
                a.e.roots,
                chargeOf(a.e, a.charge),
                nodeOf(a.e, a.e.charges[a.charge].node),
                beforeCharge(a.e, a.charge),
                earlierBill(a.before, a.e.charges[a.charge].payer),
                bytes32(0)
            )
        );
    }

    function billedCall(Aim memory a) internal view returns (bytes memory) {
        return abi.encodeCall(
            money.wrongBilled,
            (
                a.e.number,
                a.e.roots,
                chargeOf(a.e, a.charge),
                beforeCharge(a.e, a.charge),
                earlierBill(a.before, a.e.charges[a.charge].payer),
                bytes32(0)
            )
        );
    }

    function earnedCall(Aim memory a) internal view returns (bytes memory) {
        return abi.encodeCall(
            money.wrongEarned,
            (
                a.e.number,
                a.e.roots,
                chargeOf(a.e, a.charge),
                beforeCharge(a.e, a.e.charges[a.charge].previous),
                0
            )
        );
    }

    function billCalls(Aim memory a, Call[] memory all, uint256 n) internal view returns (uint256) {
        Epoch memory e = a.e;
        uint256 payer = e.charges[a.charge].payer;
        bytes memory data = abi.encodeCall(
            money.billWithoutCharge, (e.number, e.roots, billOf(e, payer), openingOf(e.chargesTree), 0)
        );
        all[n++] = Call("billWithoutCharge", money, data, IMoneyChallenges.LastIsRight.selector);
        data = abi.encodeCall(
            money.wrongBill, (e.number, e.roots, billOf(e, payer), chargeOf(e, e.bills[payer].last - 1), 0)
        );
        all[n++] = Call("wrongBill", money, data, IMoneyChallenges.BillIsRight.selector);
        data = abi.encodeCall(
            money.laterChargeOfPayer, (e.number, e.roots, billOf(e, payer), chargeOf(e, a.charge), 0)
        );
        all[n++] = Call("laterChargeOfPayer", money, data, IMoneyChallenges.NothingSkipped.selector);
        data = abi.encodeCall(
            money.wrongCumulativeBill, (e.number, e.roots, billOf(e, payer), earlierBill(a.before, payer), 0)
        );
        all[n++] = Call("wrongCumulativeBill", money, data, IMoneyChallenges.CumulativeIsRight.selector);
        data = abi.encodeCall(money.overDeposit, (e.number, e.roots, billOf(e, payer), 0));
        all[n++] = Call("overDeposit", money, data, IMoneyChallenges.DepositSuffices.selector);
        data = abi.encodeCall(money.totalAboveFunds, (e.number, e.roots, 0));
        all[n++] = Call("totalAboveFunds", money, data, IMoneyChallenges.FundsSuffice.selector);
        return n;
    }

    /// @dev The issuer signs a ticket.
    function issued(bytes memory ticket) internal returns (bytes32 r) {
        r = keccak256(ticket);
        host.sign("issuer", r, "s", bytes.concat("quittance/tick1", keccak256(ticket)));
    }

    function issuerCalls(Aim memory a, Call[] memory all, uint256 n) internal returns (uint256) {
        Epoch memory e = a.e;
        uint256 i = draw(a.seed, "ticket", 0) % e.tickets.length;
        bytes memory t = e.tickets[i];
        bytes32 r = issued(t);
        bytes memory data = abi.encodeCall(issuers.logMissing, (t, r, "s", 0));
        all[n++] = Call("logMissing", issuers, data, IIssuerChallenges.LogInTime.selector);
        data = abi.encodeCall(issuers.logTooShort, (t, r, "s", openingOf(e.log), 0));
        all[n++] = Call("logTooShort", issuers, data, IIssuerChallenges.LogHasIndex.selector);
        data = abi.encodeCall(issuers.logContradicts, (t, r, "s", entryOf(e, 0, i), e.log.hashes[0][i], 0));
        all[n++] = Call("logContradicts", issuers, data, IIssuerChallenges.TicketIsInLog.selector);
        data = abi.encodeCall(issuers.ticketMalformedByIssuer, (t, r, "s", 0));
        all[n++] =
            Call("ticketMalformedByIssuer", issuers, data, IIssuerChallenges.TicketIsWellFormed.selector);
        data = abi.encodeCall(issuers.logOutOfPlace, (e.number, 0, entryOf(e, 0, i), t, 0));
        all[n++] = Call("logOutOfPlace", issuers, data, IIssuerChallenges.EntryIsInPlace.selector);

        (uint256 level, uint256 position) = somewhere(a, TreeKind.Log);
        bytes memory preimage = preimageOf(e, TreeKind.Log, 0, level, position);
        data = abi.encodeCall(issuers.logWrongSum, (e.number, 0, entryOf(e, level, position), preimage, 0));
        all[n++] = Call("logWrongSum", issuers, data, IIssuerChallenges.SumIsRight.selector);
        data = abi.encodeCall(issuers.logWrongShape, (e.number, 0, entryOf(e, level, position), preimage, 0));
        all[n++] = Call("logWrongShape", issuers, data, IIssuerChallenges.ShapeIsRight.selector);
        data = abi.encodeCall(
            issuers.logWrongCount,
            (e.number, 0, entryOf(e, level, position), e.log.hashes[level][position], 0)
        );
        all[n++] = Call("logWrongCount", issuers, data, IIssuerChallenges.CountIsRight.selector);
        return n;
    }
}
