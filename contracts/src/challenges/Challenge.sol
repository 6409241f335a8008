// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../interfaces/IChallenge.sol";
import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IRewardVault} from "../interfaces/IRewardVault.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Element} from "../libraries/MerkleProofs.sol";
import {MerkleSum} from "../libraries/MerkleSum.sol";
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

    /// @dev Who gets the bounty for this call: the caller if it committed to it before, else nobody.
    function _challenger() internal view returns (address) {
        bytes32 commitment = keccak256(abi.encode(msg.sender, keccak256(msg.data)));
        uint256 committed = settlement.committedIn(msg.sender, commitment);
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
        uint120 mass = Leaves.mass(leaf.cumulative);
        _requireRoot(MerkleSum.valueRoot(leaf.hash(), mass, place, count, proof), root);
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
        uint120 mass = Leaves.mass(leaf.cumulative);
        _requireRoot(MerkleSum.valueRoot(leaf.hash(), mass, place, count, proof), root);
    }

    function _requireCharge(bytes32 root, ChargeProof calldata shown) internal pure {
        _requireRoot(shown.leaf.rootOf(shown.place, shown.count, shown.proof), root);
    }

    function _chargeElement(ChargeLeaf calldata leaf) internal pure returns (Element memory) {
        return Element({hash: leaf.hash(), mass: Leaves.mass(leaf.amount)});
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
}
