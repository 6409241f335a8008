// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../../src/interfaces/IChallenge.sol";
import {IRecordChallenges} from "../../src/interfaces/IRecordChallenges.sol";
import {ChargeProof, ElementProof, NodeProof, TreeKind} from "../../src/types/Proofs.sol";
import {Aim} from "./Calls.sol";
import {ChallengeTest} from "./ChallengeTest.sol";
import {Epoch} from "./Epochs.sol";
import {Tree, Trees} from "./Trees.sol";

/// @notice Somebody who has an epoch's evidence, true or false, and tries every challenge on every part of it,
/// until one succeeds. Knows of no lie beforehand.
abstract contract Auditor is ChallengeTest {
    using Trees for Tree;

    /// @dev Whether something fell.
    function audit(Epoch memory e, Epoch memory before) internal returns (bool) {
        return auditCounts(e) || auditNodes(e, before) || auditBills(e, before) || auditCharges(e, before)
            || auditSegments(e) || auditElements(e);
    }

    function tries(IChallenge by, bytes memory data) internal returns (bool) {
        uint256 fallen = host.overturns();
        (bool ok,) = address(by).call(data);
        bool fell = host.overturns() == fallen + 1;
        vm.assertEq(ok, fell);
        return fell;
    }

    function auditCounts(Epoch memory e) internal returns (bool) {
        return tries(money, abi.encodeCall(money.totalAboveFunds, (e.number, e.roots, 0)))
            || tries(
            trees, abi.encodeCall(trees.wrongNodeCount, (e.number, e.roots, openingOf(e.nodesTree), 0))
        )
            || tries(
            trees, abi.encodeCall(trees.wrongPayerCount, (e.number, e.roots, openingOf(e.billsTree), 0))
        );
    }

    // ---- Nodes ----

    function auditNodes(Epoch memory e, Epoch memory before) internal returns (bool) {
        for (uint256 n = 0; n < e.nodes.length; ++n) {
            if (auditNode(e, before, n) || auditLastOfNode(e, n)) return true;
        }
        return false;
    }

    function auditNode(Epoch memory e, Epoch memory before, uint256 n) internal returns (bool) {
        NodeProof memory node = nodeOf(e, n);
        bytes memory data =
            abi.encodeCall(money.rewardWithoutCharge, (e.number, e.roots, node, openingOf(e.chargesTree), 0));
        return tries(trees, abi.encodeCall(trees.wrongNode, (e.number, e.roots, node, 0)))
            || tries(money, abi.encodeCall(money.wrongScore, (e.number, e.roots, node, 0)))
            || tries(money, data)
            || tries(
            money, abi.encodeCall(money.wrongCumulative, (e.number, e.roots, node, earlierNode(before, n), 0))
        );
    }

    /// @dev The charge that it names, and the one that it should.
    function auditLastOfNode(Epoch memory e, uint256 n) internal returns (bool) {
        NodeProof memory node = nodeOf(e, n);
        uint256 named = node.leaf.last;
        if (named > 0 && named <= e.charges.length) {
            ChargeProof memory charge = chargeOf(e, named - 1);
            if (tries(money, abi.encodeCall(money.wrongReward, (e.number, e.roots, node, charge, 0)))) {
                return true;
            }
        }
        for (uint256 c = e.charges.length; c > 0; --c) {
            if (e.charges[c - 1].node != n) continue;
            ChargeProof memory charge = chargeOf(e, c - 1);
            return tries(money, abi.encodeCall(money.laterChargeOfNode, (e.number, e.roots, node, charge, 0)));
        }
        return false;
    }

    // ---- Bills ----

    function auditBills(Epoch memory e, Epoch memory before) internal returns (bool) {
        for (uint256 p = 0; p < e.bills.length; ++p) {
            if (auditBill(e, before, p) || auditLastOfPayer(e, p)) return true;
        }
        return false;
    }

    function auditBill(Epoch memory e, Epoch memory before, uint256 p) internal returns (bool) {
        bytes memory data = abi.encodeCall(
            money.billWithoutCharge, (e.number, e.roots, billOf(e, p), openingOf(e.chargesTree), 0)
        );
        if (tries(money, data)) return true;
        data = abi.encodeCall(
            money.wrongCumulativeBill, (e.number, e.roots, billOf(e, p), earlierBill(before, p), 0)
        );
        return tries(money, data)
            || tries(trees, abi.encodeCall(trees.wrongPayer, (e.number, e.roots, billOf(e, p), 0)))
            || tries(money, abi.encodeCall(money.overDeposit, (e.number, e.roots, billOf(e, p), 0)));
    }

    function auditLastOfPayer(Epoch memory e, uint256 p) internal returns (bool) {
        uint256 named = e.bills[p].last;
        bytes memory data;
        if (named > 0 && named <= e.charges.length) {
            data =
                abi.encodeCall(money.wrongBill, (e.number, e.roots, billOf(e, p), chargeOf(e, named - 1), 0));
            if (tries(money, data)) return true;
        }
        for (uint256 c = e.charges.length; c > 0; --c) {
            if (e.charges[c - 1].payer != p) continue;
            data = abi.encodeCall(
                money.laterChargeOfPayer, (e.number, e.roots, billOf(e, p), chargeOf(e, c - 1), 0)
            );
            return tries(money, data);
        }
        return false;
    }

    // ---- Charges ----

    function auditCharges(Epoch memory e, Epoch memory before) internal returns (bool) {
        for (uint256 c = 0; c < e.charges.length; ++c) {
            if (auditCharge(e, c) || auditAmount(e, before, c) || auditPrevious(e, c)) return true;
        }
        return false;
    }

    function auditCharge(Epoch memory e, uint256 c) internal returns (bool) {
        bytes memory data = abi.encodeCall(
            trees.chargeOfNobody,
            (e.number, e.roots, chargeOf(e, c), openingOf(e.nodesTree), openingOf(e.billsTree), 0)
        );
        if (tries(trees, data)) return true;
        data = abi.encodeCall(
            trees.segmentRootMismatch, (e.number, e.roots, chargeOf(e, c), rootPreimage(e.segmentTrees[c]), 0)
        );
        if (tries(trees, data)) return true;
        if (c + 1 == e.charges.length) return false;
        return tries(trees, abi.encodeCall(trees.chargesOutOfOrder, (e.number, e.roots, chargePair(e, c), 0)));
    }

    function auditAmount(Epoch memory e, Epoch memory before, uint256 c) internal returns (bool) {
        Aim memory a;
        (a.e, a.before, a.charge) = (e, before, c);
        // Of nobody there is neither leaf nor amount; that is another challenge's.
        if (e.charges[c].node >= e.nodes.length) return false;
        return tries(money, billedCall(a)) || tries(money, amountCall(a));
    }

    /// @dev The charge that it names, and the one that it should.
    function auditPrevious(Epoch memory e, uint256 c) internal returns (bool) {
        uint256 named = e.charges[c].previous;
        ChargeProof memory previous = named > 0 && named <= c ? chargeOf(e, named - 1) : noCharge();
        bytes memory data =
            abi.encodeCall(money.wrongEarned, (e.number, e.roots, chargeOf(e, c), previous, 0));
        if (tries(money, data)) return true;
        for (uint256 skipped = c; skipped > 0; --skipped) {
            if (e.charges[skipped - 1].node != e.charges[c].node) continue;
            data = abi.encodeCall(
                money.skippedCharge, (e.number, e.roots, chargeOf(e, c), chargeOf(e, skipped - 1), 0)
            );
            return tries(money, data);
        }
        return false;
    }

    // ---- Records ----

    function auditSegments(Epoch memory e) internal returns (bool) {
        Aim memory a;
        a.e = e;
        for (a.charge = 0; a.charge < e.charges.length; ++a.charge) {
            for (a.record = 0; a.record < e.segments[a.charge].length; ++a.record) {
                if (auditRecord(a) || auditTicket(a)) return true;
                if (a.record > 0 && tries(records, pairCall(a))) return true;
            }
        }
        return false;
    }

    function auditRecord(Aim memory a) internal returns (bool) {
        if (tries(records, recordCall(a, IRecordChallenges.noTicketLog.selector))) return true;
        if (tries(records, recordCall(a, IRecordChallenges.overDeliveries.selector))) return true;
        if (tries(records, recordCall(a, IRecordChallenges.zeroSequence.selector))) return true;
        return tries(records, beyondCall(a));
    }

    /// @dev By the log's ticket at its place, which is the record's if its digest is.
    function auditTicket(Aim memory a) internal returns (bool) {
        uint256 index = indexOf(a);
        if (index >= a.e.tickets.length) return false;
        if (tries(records, entryCall(a, index))) return true;
        bytes4[6] memory kinds = [
            IRecordChallenges.badSignature.selector,
            IRecordChallenges.ticketElsewhere.selector,
            IRecordChallenges.malformedTicket.selector,
            IRecordChallenges.unknownPayer.selector,
            IRecordChallenges.overLimit.selector,
            IRecordChallenges.outsideTime.selector
        ];
        for (uint256 i = 0; i < kinds.length; ++i) {
            if (tries(records, ticketCall(a, kinds[i]))) return true;
        }
        return false;
    }

    // ---- Elements ----

    function auditElements(Epoch memory e) internal returns (bool) {
        if (auditTree(e, TreeKind.Nodes, 0)) return true;
        if (auditTree(e, TreeKind.Bills, 0)) return true;
        if (auditTree(e, TreeKind.Charges, 0)) return true;
        for (uint256 c = 0; c < e.charges.length; ++c) {
            if (auditTree(e, TreeKind.Segment, c)) return true;
        }
        return false;
    }

    /// @dev From the top down: of several wrong sums the uppermost can be shown.
    function auditTree(Epoch memory e, TreeKind kind, uint256 c) internal returns (bool) {
        Tree memory tree = treeOf(e, kind, c);
        for (uint256 level = tree.hashes.length; level > 0; --level) {
            for (uint256 i = 0; i < tree.hashes[level - 1].length; ++i) {
                if (auditElement(e, kind, c, level - 1, i)) return true;
            }
        }
        return false;
    }

    function auditElement(Epoch memory e, TreeKind kind, uint256 c, uint256 level, uint256 i)
        internal
        returns (bool)
    {
        Aim memory a;
        (a.e, a.charge) = (e, c);
        Tree memory tree = treeOf(e, kind, c);
        ElementProof memory element = elementOf(e, kind, c, level, i);
        if (tries(trees, countCall(a, element, tree.hashes[level][i]))) return true;
        // What is over padding has a preimage too; padding has none.
        if (level == 0 && i >= leavesOf(e, kind, c)) return false;
        bytes memory preimage = preimageOf(e, kind, c, level, i);
        return tries(trees, sumCall(a, element, preimage)) || tries(trees, shapeCall(a, element, preimage));
    }

    function leavesOf(Epoch memory e, TreeKind kind, uint256 c) internal pure returns (uint256) {
        if (kind == TreeKind.Nodes) return e.nodes.length;
        if (kind == TreeKind.Bills) return e.bills.length;
        return kind == TreeKind.Charges ? e.charges.length : e.segments[c].length;
    }
}
