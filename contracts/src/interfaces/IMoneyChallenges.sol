// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../types/Attestation.sol";
import {BillProof, ChargeProof, EarlierBill, EarlierNode, NodeProof, RootOpening} from "../types/Proofs.sol";
import {IChallenge} from "./IChallenge.sol";

/// @title Challenges of scores, charges, rewards and bills
/// @notice Each overturns the epoch if what is shown breaks a rule of SPEC section 7, and otherwise says what it
/// found instead.
interface IMoneyChallenges is IChallenge {
    /// @notice The charge isn't of that payer or node.
    error OtherCharge(uint32 index, uint32 charged);

    /// @notice Not the charge that stands at that place.
    error OtherPlace(uint32 place, uint32 expected);

    /// @notice The score follows from deliveries and probes.
    error ScoreIsRight(uint32 scorePpm);

    /// @notice There is the charge that is named as last, or nothing is stated without one.
    error LastIsRight(uint32 last, uint32 count);

    /// @notice The leaf states what its last charge does.
    error RewardIsRight(uint128 reward);

    /// @notice The leaf states what its last charge does.
    error BillIsRight(uint128 cumulative);

    /// @notice The charge isn't after the one named as last, or before.
    error NothingSkipped(uint32 place, uint32 last);

    /// @notice The cumulative amount follows from the epoch before.
    error CumulativeIsRight(uint128 cumulative);

    /// @notice The amount follows from segment, score, price and deposit.
    error AmountIsRight(uint128 amount);

    /// @notice The payer's running total follows from what was before.
    error BilledIsRight(uint128 billed);

    /// @notice The node's running totals follow from its charge before.
    error EarnedIsRight(uint128 earned);

    /// @notice The payer isn't billed beyond its deposit.
    error DepositSuffices(uint128 cumulative, uint256 deposit);

    /// @notice There is enough for what is attested.
    error FundsSuffice(uint96 total, uint256 funded);

    // ---- Nodes ----

    /// @notice A score that doesn't follow from the node leaf's deliveries and probes.
    function wrongScore(uint64 epoch, Roots calldata roots, NodeProof calldata node, bytes32 salt) external;

    /// @notice A node leaf with reward or mass though it names no charge, or that names one beyond the tree.
    /// @param charges The charges root, opened.
    function rewardWithoutCharge(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        RootOpening calldata charges,
        bytes32 salt
    ) external;

    /// @notice A node leaf whose last charge is another node's, or states another reward or mass.
    /// @param charge The one that the leaf names as its last.
    function wrongReward(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        ChargeProof calldata charge,
        bytes32 salt
    ) external;

    /// @notice A charge of a node after the one that its leaf names as the last.
    function laterChargeOfNode(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        ChargeProof calldata charge,
        bytes32 salt
    ) external;

    /// @notice A node's cumulative reward that isn't the one of the epoch before and this epoch's reward.
    function wrongCumulative(
        uint64 epoch,
        Roots calldata roots,
        NodeProof calldata node,
        EarlierNode calldata earlier,
        bytes32 salt
    ) external;

    // ---- Charges ----

    /// @notice A charge whose amount isn't what its segment costs at its node's score, or what is left of its
    /// payer's deposit.
    /// @param node The leaf of the charge's node.
    /// @param before The charge at the place before; passed over for place 0.
    /// @param earlier What the epoch before says of the payer; passed over where `before` is of the same payer.
    function wrongAmount(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        NodeProof calldata node,
        ChargeProof calldata before,
        EarlierBill calldata earlier,
        bytes32 salt
    ) external;

    /// @notice A charge whose running total isn't the payer's before and the amount.
    /// @param before As in {wrongAmount}.
    /// @param earlier As in {wrongAmount}.
    function wrongBilled(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata before,
        EarlierBill calldata earlier,
        bytes32 salt
    ) external;

    /// @notice A charge whose previous one isn't before it or isn't its node's; or whose running totals aren't
    /// those of the previous and its own amount and mass.
    /// @param previous The one that the charge names as its node's previous; passed over where it names none, or
    /// none before it.
    function wrongEarned(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata previous,
        bytes32 salt
    ) external;

    /// @notice A charge of the same node between a charge and the one it names as previous.
    function skippedCharge(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        ChargeProof calldata skipped,
        bytes32 salt
    ) external;

    // ---- Bills ----

    /// @notice A bill leaf with a bill though it names no charge, or that names one beyond the tree.
    /// @param charges The charges root, opened.
    function billWithoutCharge(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        RootOpening calldata charges,
        bytes32 salt
    ) external;

    /// @notice A bill leaf whose last charge is another payer's, or states another cumulative bill.
    /// @param charge The one that the leaf names as its last.
    function wrongBill(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        ChargeProof calldata charge,
        bytes32 salt
    ) external;

    /// @notice A charge of a payer after the one that its leaf names as the last.
    function laterChargeOfPayer(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        ChargeProof calldata charge,
        bytes32 salt
    ) external;

    /// @notice A payer's cumulative bill that isn't the one of the epoch before and this epoch's bill.
    function wrongCumulativeBill(
        uint64 epoch,
        Roots calldata roots,
        BillProof calldata bill,
        EarlierBill calldata earlier,
        bytes32 salt
    ) external;

    /// @notice A payer that is billed beyond its deposit.
    function overDeposit(uint64 epoch, Roots calldata roots, BillProof calldata bill, bytes32 salt) external;

    /// @notice More is attested than was funded.
    function totalAboveFunds(uint64 epoch, Roots calldata roots, bytes32 salt) external;
}
