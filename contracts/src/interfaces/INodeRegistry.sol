// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Node} from "../types/Node.sol";
import {IEd25519} from "./IEd25519.sol";
import {IRewardVault} from "./IRewardVault.sol";
import {ISettlement} from "./ISettlement.sol";

/// @title The list of cache nodes
/// @notice Anyone registers a node, with a stake and a proof that it has the key. Indexes are dense, 0, 1, 2, …,
/// and never change hands, so that the nodes of an epoch are exactly the first so many of the list.
interface INodeRegistry {
    /// @notice A node was registered.
    event NodeRegistered(uint32 indexed index, bytes32 indexed key, address indexed operator, uint256 stake);

    /// @notice A node has another key in the epochs that start later than this block.
    event KeyRotated(uint32 indexed index, bytes32 indexed key, bytes32 indexed previous);

    /// @notice A node will leave; its stake may be withdrawn from `exitAt` on.
    event ExitAnnounced(uint32 indexed index, uint256 exitAt);

    /// @notice A node has left.
    event StakeWithdrawn(uint32 indexed index, address indexed operator, uint256 stake);

    /// @notice A node lost stake by a proven challenge.
    event NodeSlashed(uint32 indexed index, uint256 amount, uint256 left);

    /// @notice The key was registered before, and belongs to that node for good.
    error AlreadyRegistered(bytes32 key, uint32 index);

    /// @notice The signature isn't the key's over this registry and operator.
    error KeyNotProven(bytes32 key, address operator);

    /// @notice The caller is not the node's operator.
    error NotOperator(uint32 index, address caller);

    /// @notice Only the settlement contract may.
    error NotSettlement(address caller);

    /// @notice The list is full: a tree has room for no more leaves.
    error RegistryFull(uint32 count);

    /// @notice No node has that index.
    error UnknownIndex(uint32 index, uint32 count);

    /// @notice No node has that key.
    error UnknownNode(bytes32 key);

    /// @notice The node is leaving already.
    error AlreadyExiting(uint32 index, uint256 exitAt);

    /// @notice The stake can't be withdrawn: not before `exitAt`, nor if that is 0, as no exit was announced.
    error StakeLocked(uint32 index, uint256 exitAt);

    /// @notice An address that is needed is zero.
    error ZeroAddress();

    // ---- What operators do ----

    /// @notice Registers a node; the caller becomes its operator and pays `settlement.nodeStake()` from what it
    /// approved. The signature proves the key, so that nobody registers another's.
    /// @param key The node's ed25519 public key.
    /// @param payout The account that receives its rewards.
    /// @param r First half of the key's signature over {registrationMessage}.
    /// @param s Second half.
    /// @return index Its index for good.
    function register(bytes32 key, address payout, bytes32 r, bytes32 s) external returns (uint32 index);

    /// @notice Gives a node another key, for the epochs that start after this block.
    /// @param r First half of the new key's signature over {registrationMessage}.
    /// @param s Second half.
    function rotate(uint32 index, bytes32 newKey, bytes32 r, bytes32 s) external;

    /// @notice Has a node paid elsewhere from now on.
    function setPayout(uint32 index, address payout) external;

    /// @notice Announces that a node leaves. It stays in the list, and is paid what it earns until its keys stop.
    function exit(uint32 index) external;

    /// @notice Pays the stake back to the operator, once `settlement.unbonding()` has passed since {exit}.
    function withdrawStake(uint32 index) external;

    // ---- What the settlement does ----

    /// @notice Takes stake from a node, at most what there is, to the settlement contract.
    /// @return taken Token units.
    function slash(uint32 index, uint256 amount) external returns (uint256 taken);

    // ---- Views ----

    /// @notice The 47 bytes that a key signs for an operator: `quittance/node1`, then the keccak-256 of
    /// chain id (u64), this contract and the operator.
    function registrationMessage(address operator) external view returns (bytes memory);

    /// @notice Number of nodes.
    function count() external view returns (uint32);

    /// @notice The node of that index.
    function nodeAt(uint32 index) external view returns (Node memory);

    /// @notice Up to `limit` nodes from that index on.
    function page(uint32 first, uint32 limit) external view returns (Node[] memory);

    /// @notice Index of the node that has or had that key.
    function indexOf(bytes32 key) external view returns (uint32);

    /// @notice The key that a node had by its rotations before a time; its first one if there were none.
    function keyAt(uint32 index, uint256 time) external view returns (bytes32);

    /// @notice {keyAt} for up to `limit` nodes from that index on.
    function keysAt(uint32 first, uint32 limit, uint256 time) external view returns (bytes32[] memory);

    /// @notice Whether exactly so many nodes were registered before a time.
    function countWas(uint32 nodes, uint256 time) external view returns (bool);

    /// @notice What stakes are in.
    function token() external view returns (IERC20);

    /// @notice What checks signatures.
    function ed25519() external view returns (IEd25519);

    /// @notice What pays the nodes.
    function vault() external view returns (IRewardVault);

    /// @notice Whose nodes these are.
    function settlement() external view returns (ISettlement);
}
