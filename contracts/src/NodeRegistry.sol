// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IEd25519} from "./interfaces/IEd25519.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Deposits} from "./libraries/Deposits.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Node} from "./types/Node.sol";

/// @title The list of cache nodes
contract NodeRegistry is INodeRegistry, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Deposits for IERC20;
    using Checkpoints for Checkpoints.Trace256;

    /// @dev What a key signs begins with this; the digest follows.
    bytes15 private constant TAG = "quittance/node1";

    /// @inheritdoc INodeRegistry
    IERC20 public immutable token;

    /// @inheritdoc INodeRegistry
    IEd25519 public immutable ed25519;

    /// @inheritdoc INodeRegistry
    IRewardVault public immutable vault;

    /// @inheritdoc INodeRegistry
    ISettlement public immutable settlement;

    mapping(uint32 index => Node) private _nodes;

    /// @dev Of nodes that rotated: the first key from time 0 on, then each at its time.
    // Written through a reference, which isn't seen.
    // slither-disable-next-line uninitialized-state
    mapping(uint32 index => Checkpoints.Trace256) private _keys;

    /// @dev 1 + the index of the node that has or had the key.
    mapping(bytes32 key => uint32) private _places;

    /// @inheritdoc INodeRegistry
    uint32 public count;

    /// @param vault_ May be an address at which the vault is yet to be deployed.
    /// @param settlement_ May be an address at which the settlement contract is yet to be deployed.
    constructor(IERC20 token_, IEd25519 ed25519_, IRewardVault vault_, ISettlement settlement_) {
        if (
            address(token_) == address(0) || address(ed25519_) == address(0) || address(vault_) == address(0)
                || address(settlement_) == address(0)
        ) revert ZeroAddress();
        token = token_;
        ed25519 = ed25519_;
        vault = vault_;
        settlement = settlement_;
    }

    // ---- What operators do ----

    /// @inheritdoc INodeRegistry
    function register(bytes32 key, address payout, bytes32 r, bytes32 s)
        external
        nonReentrant
        returns (uint32 index)
    {
        index = count;
        if (index == MerkleSum.COUNT_MAX) revert RegistryFull(index);
        _take(key, index, r, s);
        uint96 stake = settlement.nodeStake();
        count = index + 1;
        _nodes[index] = Node({
            key: key, operator: msg.sender, registeredAt: uint64(block.timestamp), stake: stake, exitAt: 0
        });
        emit NodeRegistered(index, key, msg.sender, stake);
        _pay(index, payout);
        token.pull(msg.sender, stake);
    }

    /// @inheritdoc INodeRegistry
    function rotate(uint32 index, bytes32 newKey, bytes32 r, bytes32 s) external {
        Node storage node = _operated(index);
        bytes32 previous = node.key;
        _take(newKey, index, r, s);
        Checkpoints.Trace256 storage keys = _keys[index];
        // Of what was there before nothing is needed.
        // slither-disable-next-line unused-return
        if (keys.length() == 0) keys.push(0, uint256(previous));
        // Of what was there before nothing is needed.
        // slither-disable-next-line unused-return
        keys.push(block.timestamp, uint256(newKey));
        node.key = newKey;
        emit KeyRotated(index, newKey, previous);
    }

    /// @inheritdoc INodeRegistry
    function setPayout(uint32 index, address payout) external {
        _operated(index);
        _pay(index, payout);
    }

    /// @inheritdoc INodeRegistry
    function exit(uint32 index) external {
        Node storage node = _operated(index);
        if (node.exitAt != 0) revert AlreadyExiting(index, node.exitAt);
        uint64 exitAt = uint64(block.timestamp + settlement.unbonding());
        node.exitAt = exitAt;
        emit ExitAnnounced(index, exitAt);
    }

    /// @inheritdoc INodeRegistry
    function withdrawStake(uint32 index) external nonReentrant {
        Node storage node = _operated(index);
        if (node.exitAt == 0 || block.timestamp < node.exitAt) revert StakeLocked(index, node.exitAt);
        uint256 stake = node.stake;
        node.stake = 0;
        emit StakeWithdrawn(index, msg.sender, stake);
        token.safeTransfer(msg.sender, stake);
    }

    // ---- What the settlement does ----

    /// @inheritdoc INodeRegistry
    function slash(uint32 index, uint256 amount) external nonReentrant returns (uint256 taken) {
        if (msg.sender != address(settlement)) revert NotSettlement(msg.sender);
        Node storage node = _node(index);
        taken = amount < node.stake ? amount : node.stake;
        // At most the stake, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        node.stake -= uint96(taken);
        emit NodeSlashed(index, taken, node.stake);
        token.safeTransfer(msg.sender, taken);
    }

    // ---- Views ----

    /// @inheritdoc INodeRegistry
    function registrationMessage(address operator) public view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked(uint64(block.chainid), address(this), operator));
        return bytes.concat(TAG, digest);
    }

    /// @inheritdoc INodeRegistry
    function nodeAt(uint32 index) external view returns (Node memory) {
        return _node(index);
    }

    /// @inheritdoc INodeRegistry
    function page(uint32 first, uint32 limit) external view returns (Node[] memory nodes) {
        nodes = new Node[](_left(first, limit));
        for (uint32 i = 0; i < nodes.length; ++i) {
            nodes[i] = _nodes[first + i];
        }
    }

    /// @inheritdoc INodeRegistry
    function indexOf(bytes32 key) external view returns (uint32) {
        uint32 place = _places[key];
        if (place == 0) revert UnknownNode(key);
        return place - 1;
    }

    /// @inheritdoc INodeRegistry
    function keyAt(uint32 index, uint256 time) external view returns (bytes32) {
        _node(index);
        return _keyAt(index, time);
    }

    /// @inheritdoc INodeRegistry
    function keysAt(uint32 first, uint32 limit, uint256 time) external view returns (bytes32[] memory keys) {
        keys = new bytes32[](_left(first, limit));
        for (uint32 i = 0; i < keys.length; ++i) {
            keys[i] = _keyAt(first + i, time);
        }
    }

    /// @inheritdoc INodeRegistry
    /// @dev Registration times never decrease along the list, so the two nodes at the border decide.
    function countWas(uint32 nodes, uint256 time) external view returns (bool) {
        return (nodes == 0 || _registeredBefore(nodes - 1, time)) && !_registeredBefore(nodes, time);
    }

    // ---- Inside ----

    /// @dev Gives a key that is proven, and was never given before, to a node.
    function _take(bytes32 key, uint32 index, bytes32 r, bytes32 s) private {
        uint32 place = _places[key];
        if (place != 0) revert AlreadyRegistered(key, place - 1);
        if (!ed25519.verify(key, r, s, registrationMessage(msg.sender))) {
            revert KeyNotProven(key, msg.sender);
        }
        _places[key] = index + 1;
    }

    function _pay(uint32 index, address payout) private {
        if (payout == address(0)) revert ZeroAddress();
        vault.setPayout(index, payout);
    }

    function _keyAt(uint32 index, uint256 time) private view returns (bytes32) {
        Checkpoints.Trace256 storage keys = _keys[index];
        if (keys.length() == 0) return _nodes[index].key;
        // The first key is there from time 0 on, before which no time is.
        return bytes32(keys.upperLookupRecent(time == 0 ? 0 : time - 1));
    }

    function _left(uint32 first, uint32 limit) private view returns (uint32) {
        uint32 left = first < count ? count - first : 0;
        return limit < left ? limit : left;
    }

    function _node(uint32 index) private view returns (Node storage) {
        if (index >= count) revert UnknownIndex(index, count);
        return _nodes[index];
    }

    function _operated(uint32 index) private view returns (Node storage node) {
        node = _node(index);
        if (node.operator != msg.sender) revert NotOperator(index, msg.sender);
    }

    /// @dev Of a node that isn't there the time reads 0, which no block has.
    function _registeredBefore(uint32 index, uint256 time) private view returns (bool) {
        uint64 registeredAt = _nodes[index].registeredAt;
        return registeredAt != 0 && registeredAt < time;
    }
}
