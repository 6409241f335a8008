// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IChallenge} from "../interfaces/IChallenge.sol";
import {IMoneyChallenges} from "../interfaces/IMoneyChallenges.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {MerkleProofs} from "../libraries/MerkleProofs.sol";
import {Rewards} from "../libraries/Rewards.sol";
import {Roots} from "../types/Attestation.sol";
import {ChargeLeaf} from "../types/ChargeLeaf.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {Parameters} from "../types/Parameters.sol";
import {BillProof, ChargeProof, EarlierBill, EarlierNode, NodeProof, RootOpening} from "../types/Proofs.sol";
import {Challenge} from "./Challenge.sol";

/// @title Challenges of scores, charges, rewards and bills
/// @dev A lie may state any number, so sums of what leaves state are made in 256 bits, where they can't wrap.
contract MoneyChallenges is IMoneyChallenges, Challenge {
    /// @inheritdoc IChallenge
    string public constant name = "MoneyChallenges";

    constructor(ISettlement settlement_) Challenge(settlement_) {}

    // ---- Nodes ----

    /// @inheritdoc IMoneyChallenges
    function wrongScore(uint64 epoch, Roots calldata roots, NodeProof calldata node, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireNode(roots.nodes, node);
        NodeLeaf calldata leaf = node.leaf;
        // The lanes of the mass.
        // forge-lint: disable-next-line(unsafe-typecast)
        (uint32 deliveries, uint32 within) = (uint32(leaf.mass >> 32), uint32(leaf.mass));
        uint32 score = Rewards.score(deliveries, within, leaf.probes, leaf.probesOk);
        if (leaf.slaPpm == score) revert ScoreIsRight(score);
    }

    /// @inheritdoc IMoneyChallenges
    function rewardWithoutCharge(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        RootOpening calldata charges,
        bytes32
    ) external overturns(epoch, roots) {
        _requireNode(roots.nodes, node);
        _requireOpened(roots.charges, charges);
        uint32 last = node.leaf.last;
        bool right = last == 0 ? node.leaf.reward == 0 && node.leaf.mass == 0 : last <= charges.count;
        if (right) revert LastIsRight(last, charges.count);
    }

    /// @inheritdoc IMoneyChallenges
    function wrongReward(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        ChargeProof calldata charge,
        bytes32
    ) external overturns(epoch, roots) {
        _requireNode(roots.nodes, node);
        _requireNamed(roots, charge, node.leaf.last);
        bool right = charge.leaf.node == node.place && charge.leaf.earned == node.leaf.reward
            && charge.leaf.served == node.leaf.mass;
        if (right) revert RewardIsRight(node.leaf.reward);
    }

    /// @inheritdoc IMoneyChallenges
    function laterChargeOfNode(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        ChargeProof calldata charge,
        bytes32
    ) external overturns(epoch, roots) {
        _requireNode(roots.nodes, node);
        _requireCharge(roots.charges, charge);
        if (charge.leaf.node != node.place) revert OtherCharge(node.place, charge.leaf.node);
        if (charge.place < node.leaf.last) revert NothingSkipped(charge.place, node.leaf.last);
    }

    /// @inheritdoc IMoneyChallenges
    function wrongCumulative(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        EarlierNode calldata earlier,
        bytes32
    ) external overturns(epoch, roots) {
        _requireNode(roots.nodes, node);
        uint256 before = _earlierReward(epoch, node.place, earlier);
        if (before + node.leaf.reward == node.leaf.cumulative) {
            revert CumulativeIsRight(node.leaf.cumulative);
        }
    }

    // ---- Charges ----

    /// @inheritdoc IMoneyChallenges
    function wrongAmount(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        NodeProof calldata node,
        ChargeProof calldata before,
        EarlierBill calldata earlier,
        bytes32
    ) external overturns(epoch, roots) {
        uint256 billed = _billedBefore(epoch, roots, charge, before, earlier);
        _requireNode(roots.nodes, node);
        if (charge.leaf.node != node.place) revert OtherCharge(node.place, charge.leaf.node);
        uint256 amount = Math.min(
            _owed(epoch, charge.leaf.mass, node.leaf.slaPpm),
            Math.saturatingSub(_deposit(epoch, vault.payerAt(charge.leaf.payer).account), billed)
        );
        if (charge.leaf.amount == amount) revert AmountIsRight(charge.leaf.amount);
    }

    /// @inheritdoc IMoneyChallenges
    function wrongBilled(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata before,
        EarlierBill calldata earlier,
        bytes32
    ) external overturns(epoch, roots) {
        uint256 billed = _billedBefore(epoch, roots, charge, before, earlier);
        if (billed + charge.leaf.amount == charge.leaf.billed) revert BilledIsRight(charge.leaf.billed);
    }

    /// @inheritdoc IMoneyChallenges
    function wrongEarned(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata previous,
        bytes32
    ) external overturns(epoch, roots) {
        _requireCharge(roots.charges, charge);
        if (_followsPrevious(roots, charge, previous)) revert EarnedIsRight(charge.leaf.earned);
    }

    /// @inheritdoc IMoneyChallenges
    function skippedCharge(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata skipped,
        bytes32
    ) external overturns(epoch, roots) {
        _requireCharge(roots.charges, charge);
        _requireCharge(roots.charges, skipped);
        if (skipped.leaf.node != charge.leaf.node) revert OtherCharge(charge.leaf.node, skipped.leaf.node);
        if (skipped.place < charge.leaf.previous || skipped.place >= charge.place) {
            revert NothingSkipped(skipped.place, charge.leaf.previous);
        }
    }

    // ---- Bills ----

    /// @inheritdoc IMoneyChallenges
    function billWithoutCharge(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        RootOpening calldata charges,
        bytes32
    ) external overturns(epoch, roots) {
        _requireBill(roots.bills, bill);
        _requireOpened(roots.charges, charges);
        uint32 last = bill.leaf.last;
        bool right = last == 0 ? bill.leaf.bill == 0 : last <= charges.count;
        if (right) revert LastIsRight(last, charges.count);
    }

    /// @inheritdoc IMoneyChallenges
    function wrongBill(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        ChargeProof calldata charge,
        bytes32
    ) external overturns(epoch, roots) {
        _requireBill(roots.bills, bill);
        _requireNamed(roots, charge, bill.leaf.last);
        bool right = charge.leaf.payer == bill.place && charge.leaf.billed == bill.leaf.cumulative;
        if (right) revert BillIsRight(bill.leaf.cumulative);
    }

    /// @inheritdoc IMoneyChallenges
    function laterChargeOfPayer(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        ChargeProof calldata charge,
        bytes32
    ) external overturns(epoch, roots) {
        _requireBill(roots.bills, bill);
        _requireCharge(roots.charges, charge);
        if (charge.leaf.payer != bill.place) revert OtherCharge(bill.place, charge.leaf.payer);
        if (charge.place < bill.leaf.last) revert NothingSkipped(charge.place, bill.leaf.last);
    }

    /// @inheritdoc IMoneyChallenges
    function wrongCumulativeBill(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        EarlierBill calldata earlier,
        bytes32
    ) external overturns(epoch, roots) {
        _requireBill(roots.bills, bill);
        uint256 before = _earlierBill(epoch, bill.place, earlier);
        if (before + bill.leaf.bill == bill.leaf.cumulative) revert CumulativeIsRight(bill.leaf.cumulative);
    }

    /// @inheritdoc IMoneyChallenges
    function overDeposit(uint64 epoch, Roots calldata roots, BillProof calldata bill, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireBill(roots.bills, bill);
        // What was billed before may be above a deposit that was lowered since.
        uint256 deposit = _deposit(epoch, bill.leaf.payer);
        if (bill.leaf.bill == 0 || bill.leaf.cumulative <= deposit) {
            revert DepositSuffices(bill.leaf.cumulative, deposit);
        }
    }

    /// @inheritdoc IMoneyChallenges
    function totalAboveFunds(uint64 epoch, Roots calldata roots, bytes32) external overturns(epoch, roots) {
        uint96 total = settlement.attestation(epoch).total;
        uint256 funded = vault.totalFunded();
        if (total <= funded) revert FundsSuffice(total, funded);
    }

    // ---- Inside ----

    /// @dev The charge at the place that a leaf names, counted from 1.
    function _requireNamed(Roots calldata roots, ChargeProof calldata charge, uint32 named) private pure {
        if (uint256(charge.place) + 1 != named) revert OtherPlace(charge.place, named);
        _requireCharge(roots.charges, charge);
    }

    /// @dev What the payer of a charge was billed in all before it. Of payer and total before, the neighbour
    /// tells; where it is another payer's, or there is none, the epoch before does.
    function _billedBefore(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata before,
        EarlierBill calldata earlier
    ) private view returns (uint256) {
        _requireCharge(roots.charges, charge);
        if (charge.place != 0) {
            _requireNamed(roots, before, charge.place);
            if (before.leaf.payer == charge.leaf.payer) return before.leaf.billed;
        }
        return _earlierBill(epoch, charge.leaf.payer, earlier);
    }

    /// @dev Whether a charge names an earlier one of its node, if any, and adds itself to it.
    function _followsPrevious(
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata previous
    ) private pure returns (bool) {
        ChargeLeaf calldata leaf = charge.leaf;
        if (leaf.previous == 0) return leaf.earned == leaf.amount && leaf.served == leaf.mass;
        // Itself or a later one: whatever stands there, if anything does.
        if (leaf.previous > charge.place) return false;
        _requireNamed(roots, previous, leaf.previous);
        return previous.leaf.node == leaf.node && uint256(previous.leaf.earned) + leaf.amount == leaf.earned
            && MerkleProofs.addUp(previous.leaf.served, leaf.mass, leaf.served, true);
    }

    /// @dev What a segment of that mass costs at that score, whatever the deposit is.
    function _owed(uint64 epoch, uint120 mass, uint32 scorePpm) private view returns (uint256) {
        Parameters memory parameters = settlement.parametersAt(epoch).parameters;
        // The upper lane of the mass.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint56 bytes_ = uint56(mass >> 64);
        return Rewards.reward(bytes_, scorePpm, parameters.slaFloorPpm, parameters.pricePerGib);
    }

    function _deposit(uint64 epoch, address payer) private view returns (uint256) {
        return vault.depositAt(payer, settlement.epochEnd(epoch));
    }

    /// @dev The cumulative reward at a place of the nodes tree of the epoch before; 0 if there is none.
    function _earlierReward(uint64 epoch, uint32 place, EarlierNode calldata earlier)
        private
        view
        returns (uint256)
    {
        if (epoch == 0) return 0;
        _requireAttested(epoch - 1, earlier.roots);
        if (place >= earlier.root.count) {
            _requireOpened(earlier.roots.nodes, earlier.root);
            return 0;
        }
        _requireNode(earlier.roots.nodes, earlier.leaf, place, earlier.root.count, earlier.proof);
        return earlier.leaf.cumulative;
    }

    /// @dev The cumulative bill at a place of the bills tree of the epoch before; 0 if there is none.
    function _earlierBill(uint64 epoch, uint32 place, EarlierBill calldata earlier)
        private
        view
        returns (uint256)
    {
        if (epoch == 0) return 0;
        _requireAttested(epoch - 1, earlier.roots);
        if (place >= earlier.root.count) {
            _requireOpened(earlier.roots.bills, earlier.root);
            return 0;
        }
        _requireBill(earlier.roots.bills, earlier.leaf, place, earlier.root.count, earlier.proof);
        return earlier.leaf.cumulative;
    }
}
