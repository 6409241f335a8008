// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Roots} from "../types/Attestation.sol";
import {BillLeaf} from "../types/BillLeaf.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {Account, Payer, Settled, Withdrawal} from "../types/Payer.sol";
import {ISettlement} from "./ISettlement.sol";

/// @title What payers have funded and nodes are paid from
/// @notice Rewards and bills are cumulative: the newest settled epoch says all that was ever earned and owed, so
/// one claim pays everything since the last, and one leaf shows what a payer may take back.
interface IRewardVault {
    /// @notice A payer deposited.
    event Funded(uint32 indexed payer, address indexed account, uint256 amount, uint256 deposit);

    /// @notice A payer took that much out of its deposit, to withdraw it.
    event WithdrawalAnnounced(uint32 indexed payer, address indexed account, uint256 amount, uint256 deposit);

    /// @notice A payer was paid back; what its bills kept of what it announced is deposit again.
    event Withdrawn(uint32 indexed payer, address indexed account, uint256 amount, uint256 deposit);

    /// @notice Nodes and payers are paid by that epoch from now on.
    event EpochSettled(uint64 indexed epoch, bytes32 nodesRoot, bytes32 billsRoot);

    /// @notice The proofs of claims by that epoch may lack that many levels at the upper end from now on.
    event ProofsShortened(uint64 indexed epoch, uint256 levels);

    /// @notice A node is paid to that account from now on.
    event PayoutSet(uint32 indexed node, address indexed payout);

    /// @notice A node was paid.
    /// @param cumulative All that it was paid so far.
    event RewardClaimed(uint32 indexed node, address indexed payout, uint256 amount, uint256 cumulative);

    /// @notice An address that is needed is zero.
    error ZeroAddress();

    /// @notice Nothing to deposit or take out.
    error ZeroAmount();

    /// @notice All deposits together would reach 2^96 token units.
    error TooMuch(uint256 amount, uint256 totalFunded);

    /// @notice There are as many payers as a tree has room for.
    error TooManyPayers(uint32 count);

    /// @notice Only the registry may.
    error NotRegistry(address caller);

    /// @notice The account never deposited.
    error UnknownPayer(address account);

    /// @notice No payer has that index.
    error UnknownPayerIndex(uint32 index, uint32 count);

    /// @notice The deposit isn't that large.
    error DepositTooSmall(uint256 amount, uint256 deposit);

    /// @notice A withdrawal is announced already, and has to be made first.
    error AlreadyAnnounced(address account, uint256 amount, uint256 announcedAt);

    /// @notice No withdrawal is announced.
    error NothingAnnounced(address account);

    /// @notice An epoch that ends after the announcement has to be settled first.
    error AnnouncedLater(uint256 announcedAt, uint64 settledEpoch, uint256 settledEnd);

    /// @notice A newer epoch, or this one, is settled already.
    error AlreadySettled(uint64 epoch, uint64 settledEpoch);

    /// @notice More is owed than there is.
    error Underfunded(uint256 total, uint256 totalFunded);

    /// @notice The leaf isn't in the settled epoch's tree.
    error NotInTree(bytes32 computed, bytes32 root);

    /// @notice No level below the top of a tree of that depth has elements of that many bytes altogether, or it has
    /// too many.
    error NotALevel(uint256 length, uint256 depth);

    /// @notice A packed claim has more bytes.
    error NotAClaim(uint256 length);

    /// @notice The leaf is another payer's.
    error OtherPayer(address payer, address caller);

    /// @notice All of it is paid.
    error NothingToClaim(uint32 node, uint256 cumulative, uint256 claimed);

    // ---- Payers ----

    /// @notice Deposits token units that the caller approved. The first deposit makes the caller a payer, with
    /// the next index.
    function fund(uint256 amount) external;

    /// @notice Takes token units out of the caller's deposit at once; {withdraw} pays them out when an epoch is
    /// settled that ends later, for until then they may be needed. One at a time.
    function announceWithdrawal(uint256 amount) external;

    /// @notice Pays out what the caller announced, as far as its bills leave it.
    /// @param leaf The caller's leaf of the settled epoch's bills tree.
    /// @param payers Number of leaves of that tree.
    /// @param proof Its siblings, 47 bytes a level.
    /// @return amount Token units paid; what was announced beyond is deposit again.
    function withdraw(BillLeaf calldata leaf, uint256 payers, bytes calldata proof)
        external
        returns (uint256 amount);

    // ---- Nodes ----

    /// @notice Has nodes and payers paid by an active epoch, newer than the one they are paid by now. Anyone may.
    /// @param roots What was attested for it.
    function activate(uint64 epoch, Roots calldata roots) external;

    /// @notice Keeps the elements of a level of the settled epoch's nodes tree, so that the proofs of claims need not
    /// go on from there: each level less saves each claim about 900 gas, and costs this call the storage of twice as
    /// many words. Worth it where many nodes claim by an epoch. Anyone may; whole proofs stay good.
    /// @param nodes Number of leaves of that tree.
    /// @param elements All elements of the level, empty ones too, 47 bytes each as in proofs: 2, 4, 8 … 256 of them.
    function shortenProofs(uint256 nodes, bytes calldata elements) external;

    /// @notice Pays a node what the settled epoch says it earned, less what it was paid before. Anyone may; the
    /// money goes to the node's payout account.
    /// @param leaf The node's leaf of the settled epoch's nodes tree.
    /// @param nodes Number of leaves of that tree.
    /// @param proof Its siblings, 47 bytes a level, up to the top or to where {shortenProofs} has it end.
    /// @return amount Token units paid.
    function claim(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof)
        external
        returns (uint256 amount);

    /// @notice {claim} with less calldata, for some 1,500 gas less.
    /// @param packed Number of leaves (4 bytes), the leaf as SPEC section 7 lays it out (99 bytes), and the proof.
    /// @return amount Token units paid.
    function claimPacked(bytes calldata packed) external returns (uint256 amount);

    /// @notice Has a node paid to an account. Only the registry may.
    function setPayout(uint32 node, address payout) external;

    // ---- Views ----

    /// @notice What {claim} would pay; 0 if all is paid.
    function claimable(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof)
        external
        view
        returns (uint256);

    /// @notice The epoch by which nodes and payers are paid; all zero before the first.
    function settled() external view returns (Settled memory);

    /// @notice Where a node is paid.
    function payoutOf(uint32 node) external view returns (address);

    /// @notice All that a node was paid, token units.
    function claimed(uint32 node) external view returns (uint256);

    /// @notice Where up to `limit` nodes from that index on are paid, and what they were.
    function accounts(uint32 first, uint32 limit) external view returns (Account[] memory);

    /// @notice Number of payers.
    function payerCount() external view returns (uint32);

    /// @notice The payer of that index.
    function payerAt(uint32 index) external view returns (Payer memory);

    /// @notice The index of a payer.
    function payerIndex(address account) external view returns (uint32);

    /// @notice Up to `limit` payers from that index on.
    function page(uint32 first, uint32 limit) external view returns (Payer[] memory);

    /// @notice Whether exactly so many payers had deposited before a time.
    function payersWere(uint32 payers, uint256 time) external view returns (bool);

    /// @notice What a payer has deposited and not announced to withdraw, token units. Bills aren't taken off.
    function deposits(address payer) external view returns (uint256);

    /// @notice {deposits} as it was in the blocks before a time. At an epoch's end it limits what is billed.
    function depositAt(address payer, uint256 time) external view returns (uint256);

    /// @notice {depositAt} for up to `limit` payers from that index on.
    function depositsAt(uint32 first, uint32 limit, uint256 time) external view returns (uint256[] memory);

    /// @notice What a payer announced to withdraw.
    function announced(address payer) external view returns (Withdrawal memory);

    /// @notice All deposits, with what is announced and not yet withdrawn, token units. What was paid to nodes
    /// isn't taken off.
    function totalFunded() external view returns (uint256);

    /// @notice What money is.
    function token() external view returns (IERC20);

    /// @notice The list of nodes.
    function registry() external view returns (address);

    /// @notice By whose word is paid.
    function settlement() external view returns (ISettlement);
}
