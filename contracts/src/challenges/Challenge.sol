// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../interfaces/IChallenge.sol";
import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IRewardVault} from "../interfaces/IRewardVault.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Element} from "../libraries/MerkleProofs.sol";
import {MerkleSum} from "../libraries/MerkleSum.sol";
import {Rewards} from "../libraries/Rewards.sol";
import {Roots} from "../types/Attestation.sol";
import {BillLeaf} from "../types/BillLeaf.sol";
import {ChargeLeaf} from "../types/ChargeLeaf.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {BillProof, ChargeProof, NodeProof, RootOpening} from "../types/Proofs.sol";

/// @title What all challenges share
abstract contract Challenge is IChallenge {
    using Leaves for NodeLeaf;
    using Leaves for BillLeaf;
    using Leaves for ChargeLeaf;

    /// @inheritdoc IChallenge
    ISettlement public immutable settlement;

    /// @inheritdoc IChallenge
    INodeRegistry public immutable registry;

    /// @inheritdoc IChallenge
    IRewardVault public immutable vault;

    /// @inheritdoc IChallenge
    mapping(bytes32 commitment => uint256 blockNumber) public committedIn;

    /// @dev The body shows the lie or reverts; then the epoch falls.
    modifier overturns(uint64 epoch, Roots calldata roots) {
        settlement.requirePending(epoch, roots);
        _;
        settlement.overturn(epoch, _challenger());
    }

    constructor(ISettlement settlement_) {
        settlement = settlement_;
        registry = settlement_.registry();
        vault = settlement_.vault();
    }

    /// @inheritdoc IChallenge
    function commit(bytes32 commitment) external {
        // Whoever copies a commitment can't move it to a later block.
        uint256 earlier = committedIn[commitment];
        if (earlier != 0) revert AlreadyCommitted(commitment, earlier);
        committedIn[commitment] = block.number;
        emit Committed(commitment, block.number);
    }

    /// @dev Who gets the bounty for this call: the caller if it committed to it before, else nobody.
    function _challenger() internal view returns (address) {
        uint256 committed = committedIn[keccak256(abi.encode(msg.sender, keccak256(msg.data)))];
        return committed != 0 && committed < block.number ? msg.sender : address(0);
    }

    // ---- What is shown is there ----

    function _requireNode(bytes32 root, NodeProof calldata shown) internal pure {
        _requireNode(root, shown.leaf, shown.place, shown.count, shown.proof);
    }

    function _requireNode(
        bytes32 root,
        NodeLeaf calldata leaf,
        uint256 place,
        uint256 count,
        bytes calldata proof
    ) internal pure {
        _requireValue(root, _element(leaf.encode(), leaf.cumulative), place, count, proof);
    }

    function _requireBill(bytes32 root, BillProof calldata shown) internal pure {
        _requireBill(root, shown.leaf, shown.place, shown.count, shown.proof);
    }

    function _requireBill(
        bytes32 root,
        BillLeaf calldata leaf,
        uint256 place,
        uint256 count,
        bytes calldata proof
    ) internal pure {
        _requireValue(root, _element(leaf.encode(), leaf.cumulative), place, count, proof);
    }

    function _requireCharge(bytes32 root, ChargeProof calldata shown) internal pure {
        Element memory element = _chargeElement(shown.leaf);
        _requireValue(root, element, shown.place, shown.count, shown.proof);
    }

    function _chargeElement(ChargeLeaf calldata leaf) internal pure returns (Element memory) {
        return _element(leaf.encode(), leaf.amount);
    }

    function _requireOpened(bytes32 root, RootOpening calldata opening) internal pure {
        _requireRoot(MerkleSum.root(opening.mass, opening.count, opening.top), root);
    }

    function _requireRoot(bytes32 computed, bytes32 root) internal pure {
        if (computed != root) revert NotInTree(computed, root);
    }

    /// @dev An attestation that stands, pending or active. The settlement refuses one it has let go of.
    function _requireAttested(uint64 epoch, Roots calldata roots) internal view {
        bytes32 digest = keccak256(abi.encode(roots));
        bytes32 attested = settlement.attestation(epoch).digest;
        if (digest != attested) revert NotAttestedRoots(epoch, digest, attested);
    }

    function _requireValue(
        bytes32 root,
        Element memory element,
        uint256 place,
        uint256 count,
        bytes calldata proof
    ) private pure {
        _requireRoot(MerkleSum.valueRoot(element.hash, element.mass, place, count, proof), root);
    }

    function _element(bytes memory content, uint256 mass) private pure returns (Element memory) {
        if (mass >= Rewards.AMOUNT_END) revert Rewards.AmountTooLarge(mass);
        // forge-lint: disable-next-line(unsafe-typecast)
        return Element({hash: keccak256(bytes.concat(bytes1(0), content)), mass: uint120(mass)});
    }
}
