// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Deposits} from "./libraries/Deposits.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Rewards} from "./libraries/Rewards.sol";
import {Roots} from "./types/Attestation.sol";
import {BillLeaf} from "./types/BillLeaf.sol";
import {NodeLeaf} from "./types/NodeLeaf.sol";
import {Account, Payer, Settled, Withdrawal} from "./types/Payer.sol";

/// @title What payers have funded and nodes are paid from
contract RewardVault is IRewardVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Deposits for IERC20;
    using Checkpoints for Checkpoints.Trace160;
    using Leaves for NodeLeaf;
    using Leaves for BillLeaf;

    /// @dev Most levels by which proofs are shortened: 256 elements.
    uint256 private constant LEVELS_MAX = 8;

    /// @inheritdoc IRewardVault
    IERC20 public immutable token;

    /// @inheritdoc IRewardVault
    address public immutable registry;

    /// @inheritdoc IRewardVault
    ISettlement public immutable settlement;

    Settled private _settled;

    mapping(uint32 node => Account) private _accounts;

    Payer[] private _payers;

    /// @dev 1 + the index of a payer.
    mapping(address account => uint32) private _places;

    /// @dev Deposits by block time.
    mapping(address account => Checkpoints.Trace160) private _deposits;

    mapping(address account => Withdrawal) private _announced;

    /// @inheritdoc IRewardVault
    uint256 public totalFunded;

    /// @dev Digests of elements of a settled nodes tree, by {MerkleSum.placeOf}. They stay when a newer epoch is
    /// settled, until they are overwritten: what an epoch that stands says was earned is owed ever after.
    mapping(uint256 place => bytes32 digest) private _elements;

    /// @param registry_ May be an address at which the registry is yet to be deployed.
    /// @param settlement_ May be an address at which the settlement contract is yet to be deployed.
    constructor(IERC20 token_, address registry_, ISettlement settlement_) {
        if (address(token_) == address(0) || registry_ == address(0) || address(settlement_) == address(0)) {
            revert ZeroAddress();
        }
        token = token_;
        registry = registry_;
        settlement = settlement_;
    }

    // ---- Payers ----

    /// @inheritdoc IRewardVault
    function fund(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        uint256 funded = totalFunded;
        if (amount >= Rewards.AMOUNT_END - funded) revert TooMuch(amount, funded);
        totalFunded = funded + amount;
        uint32 place = _places[msg.sender];
        if (place == 0) {
            uint32 known = payerCount();
            if (known == MerkleSum.COUNT_MAX) revert TooManyPayers(known);
            _payers.push(Payer({account: msg.sender, registeredAt: uint64(block.timestamp)}));
            place = known + 1;
            _places[msg.sender] = place;
        }
        uint256 deposit = deposits(msg.sender) + amount;
        _setDeposit(msg.sender, deposit);
        emit Funded(place - 1, msg.sender, amount, deposit);
        token.pull(msg.sender, amount);
    }

    /// @inheritdoc IRewardVault
    function announceWithdrawal(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        uint32 payer = payerIndex(msg.sender);
        Withdrawal memory earlier = _announced[msg.sender];
        if (earlier.amount != 0) revert AlreadyAnnounced(msg.sender, earlier.amount, earlier.announcedAt);
        uint256 deposit = deposits(msg.sender);
        if (amount > deposit) revert DepositTooSmall(amount, deposit);
        deposit -= amount;
        _setDeposit(msg.sender, deposit);
        // At most the deposit, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        _announced[msg.sender] = Withdrawal({amount: uint96(amount), announcedAt: uint64(block.timestamp)});
        emit WithdrawalAnnounced(payer, msg.sender, amount, deposit);
    }

    /// @inheritdoc IRewardVault
    /// @dev Later epochs than the settled one bill against the reduced deposit, so they never need what is paid
    /// out here.
    function withdraw(BillLeaf calldata leaf, uint256 payers, bytes calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        Withdrawal memory withdrawal = _announced[msg.sender];
        if (withdrawal.amount == 0) revert NothingAnnounced(msg.sender);
        uint64 epoch = _settled.epoch;
        uint256 end = settlement.epochEnd(epoch);
        if (_settled.billsRoot == 0 || end <= withdrawal.announcedAt) {
            revert AnnouncedLater(withdrawal.announcedAt, epoch, end);
        }
        _requireRoot(leaf.rootOf(payers, proof), _settled.billsRoot);
        if (leaf.payer != msg.sender) revert OtherPayer(leaf.payer, msg.sender);

        uint256 held = deposits(msg.sender) + withdrawal.amount;
        uint256 unspent = held > leaf.cumulative ? held - leaf.cumulative : 0;
        amount = withdrawal.amount < unspent ? withdrawal.amount : unspent;
        // Bills that add up to the total leave it untouched. Those of a lie that nobody challenged may not.
        uint256 left = totalFunded - amount;
        if (left < _settled.total) revert Underfunded(_settled.total, left);
        delete _announced[msg.sender];
        totalFunded = left;
        _setDeposit(msg.sender, held - amount);
        emit Withdrawn(leaf.index, msg.sender, amount, held - amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ---- Nodes ----

    /// @inheritdoc IRewardVault
    function activate(uint64 epoch, Roots calldata roots) external {
        uint64 newest = _settled.epoch;
        if (_settled.nodesRoot != 0 && epoch <= newest) revert AlreadySettled(epoch, newest);
        uint96 total = settlement.requireActive(epoch, roots);
        // Nobody has challenged an attestation of more than there is; what there is can't pay it all the same.
        if (total > totalFunded) revert Underfunded(total, totalFunded);
        _settled =
            Settled({nodesRoot: roots.nodes, billsRoot: roots.bills, epoch: epoch, total: total, levels: 0});
        emit EpochSettled(epoch, roots.nodes, roots.bills);
    }

    /// @inheritdoc IRewardVault
    function shortenProofs(uint256 nodes, bytes calldata elements) external {
        uint256 width = elements.length / MerkleSum.LEVEL_SIZE;
        uint256 levels = Math.log2(width);
        uint256 depth = MerkleSum.depth(nodes);
        if (
            levels == 0 || levels > LEVELS_MAX || levels > depth
                || elements.length != MerkleSum.LEVEL_SIZE << levels
        ) revert NotALevel(elements.length, depth);

        bytes32[] memory hashes = new bytes32[](width);
        uint120[] memory masses = new uint120[](width);
        for (uint256 i = 0; i < width; ++i) {
            bytes calldata element = elements[i * MerkleSum.LEVEL_SIZE:];
            // forge-lint: disable-next-line(unsafe-typecast)
            (hashes[i], masses[i]) = (bytes32(element), uint120(bytes15(element[32:])));
            _elements[MerkleSum.placeOf(depth - levels, i)] = MerkleSum.root(masses[i], nodes, hashes[i]);
        }
        for (; width > 1; width /= 2) {
            for (uint256 i = 0; i < width; i += 2) {
                hashes[i / 2] = MerkleSum.node(masses[i], hashes[i], masses[i + 1], hashes[i + 1]);
                masses[i / 2] = MerkleSum.addValue(masses[i], masses[i + 1]);
            }
        }
        _requireRoot(MerkleSum.root(masses[0], nodes, hashes[0]), _settled.nodesRoot);
        // At most LEVELS_MAX.
        // forge-lint: disable-next-line(unsafe-typecast)
        _settled.levels = uint8(levels);
        emit ProofsShortened(_settled.epoch, levels);
    }

    /// @inheritdoc IRewardVault
    function claim(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof)
        external
        returns (uint256 amount)
    {
        _requireNode(leaf, nodes, proof);
        return _payNode(leaf.index, leaf.cumulative);
    }

    /// @inheritdoc IRewardVault
    function claimPacked(bytes calldata packed) external returns (uint256) {
        if (packed.length < Leaves.PACKED_SIZE) revert NotAClaim(packed.length);
        (uint256 nodes, uint32 node, uint256 cumulative, bytes32 hash) = Leaves.unpack(packed);
        if (cumulative >= Rewards.AMOUNT_END) revert Rewards.AmountTooLarge(cumulative);
        bytes calldata proof = packed[Leaves.PACKED_SIZE:];
        // forge-lint: disable-next-line(unsafe-typecast)
        (bytes32 digest, uint256 place) = MerkleSum.valueTop(hash, uint120(cumulative), node, nodes, proof);
        _requireTop(digest, place);
        return _payNode(node, cumulative);
    }

    /// @inheritdoc IRewardVault
    function setPayout(uint32 node, address payout) external {
        if (msg.sender != registry) revert NotRegistry(msg.sender);
        _accounts[node].payout = payout;
        emit PayoutSet(node, payout);
    }

    // ---- Views ----

    /// @inheritdoc IRewardVault
    function claimable(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof)
        external
        view
        returns (uint256)
    {
        _requireNode(leaf, nodes, proof);
        uint256 paid = _accounts[leaf.index].claimed;
        return leaf.cumulative > paid ? leaf.cumulative - paid : 0;
    }

    /// @inheritdoc IRewardVault
    function settled() external view returns (Settled memory) {
        return _settled;
    }

    /// @inheritdoc IRewardVault
    function payoutOf(uint32 node) external view returns (address) {
        return _accounts[node].payout;
    }

    /// @inheritdoc IRewardVault
    function claimed(uint32 node) external view returns (uint256) {
        return _accounts[node].claimed;
    }

    /// @inheritdoc IRewardVault
    function accounts(uint32 first, uint32 limit) external view returns (Account[] memory found) {
        found = new Account[](limit);
        for (uint32 i = 0; i < limit; ++i) {
            found[i] = _accounts[first + i];
        }
    }

    /// @inheritdoc IRewardVault
    function payerCount() public view returns (uint32) {
        // At most as many as a tree has leaves.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(_payers.length);
    }

    /// @inheritdoc IRewardVault
    function payerAt(uint32 index) external view returns (Payer memory) {
        if (index >= _payers.length) revert UnknownPayerIndex(index, payerCount());
        return _payers[index];
    }

    /// @inheritdoc IRewardVault
    function payerIndex(address account) public view returns (uint32) {
        uint32 place = _places[account];
        if (place == 0) revert UnknownPayer(account);
        return place - 1;
    }

    /// @inheritdoc IRewardVault
    function page(uint32 first, uint32 limit) external view returns (Payer[] memory payers) {
        payers = new Payer[](_left(first, limit));
        for (uint32 i = 0; i < payers.length; ++i) {
            payers[i] = _payers[first + i];
        }
    }

    /// @inheritdoc IRewardVault
    /// @dev First deposits never get earlier along the list, so the two payers at the border decide.
    function payersWere(uint32 payers, uint256 time) external view returns (bool) {
        uint256 known = _payers.length;
        return payers <= known && (payers == 0 || _payers[payers - 1].registeredAt < time)
            && (payers == known || _payers[payers].registeredAt >= time);
    }

    /// @inheritdoc IRewardVault
    function deposits(address payer) public view returns (uint256) {
        return _deposits[payer].latest();
    }

    /// @inheritdoc IRewardVault
    function depositAt(address payer, uint256 time) public view returns (uint256) {
        if (time == 0) return 0;
        uint256 last = time - 1;
        // No block has a later time than fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        return _deposits[payer].upperLookupRecent(uint96(last < type(uint96).max ? last : type(uint96).max));
    }

    /// @inheritdoc IRewardVault
    function depositsAt(uint32 first, uint32 limit, uint256 time)
        external
        view
        returns (uint256[] memory found)
    {
        found = new uint256[](_left(first, limit));
        for (uint32 i = 0; i < found.length; ++i) {
            found[i] = depositAt(_payers[first + i].account, time);
        }
    }

    /// @inheritdoc IRewardVault
    function announced(address payer) external view returns (Withdrawal memory) {
        return _announced[payer];
    }

    // ---- Inside ----

    /// @dev Below 2^96, as all deposits together are.
    function _setDeposit(address payer, uint256 deposit) private {
        // What was there before isn't needed.
        // slither-disable-next-line unused-return
        _deposits[payer].push(uint96(block.timestamp), uint160(deposit)); // forge-lint: disable-line(unsafe-typecast)
    }

    function _requireNode(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof) private view {
        (bytes32 digest, uint256 place) = leaf.topOf(nodes, proof);
        _requireTop(digest, place);
    }

    function _requireTop(bytes32 digest, uint256 place) private view {
        _requireRoot(digest, place == 0 ? _settled.nodesRoot : _elements[place]);
    }

    /// @dev A leaf says that the node has earned that much, below 2^96. All that changes is changed before the token
    /// is called.
    function _payNode(uint32 node, uint256 cumulative) private returns (uint256 amount) {
        Account storage account = _accounts[node];
        (address payout, uint256 paid) = (account.payout, account.claimed);
        if (cumulative <= paid) revert NothingToClaim(node, cumulative, paid);
        unchecked {
            amount = cumulative - paid;
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        account.claimed = uint96(cumulative);
        emit RewardClaimed(node, payout, amount, cumulative);
        token.safeTransfer(payout, amount);
    }

    function _requireRoot(bytes32 computed, bytes32 root) private pure {
        if (computed != root) revert NotInTree(computed, root);
    }

    function _left(uint32 first, uint32 limit) private view returns (uint32) {
        uint32 known = payerCount();
        uint32 left = first < known ? known - first : 0;
        return limit < left ? limit : left;
    }
}
