// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../interfaces/IChallenge.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ITreeChallenges} from "../interfaces/ITreeChallenges.sol";
import {Elements} from "../libraries/Elements.sol";
import {Element, MerkleProofs} from "../libraries/MerkleProofs.sol";
import {MerkleSum} from "../libraries/MerkleSum.sol";
import {Roots} from "../types/Attestation.sol";
import {ChargeLeaf} from "../types/ChargeLeaf.sol";
import {
    BillProof,
    ChargePair,
    ChargeProof,
    ElementProof,
    NodeProof,
    RootOpening,
    TreeKind
} from "../types/Proofs.sol";
import {Challenge} from "./Challenge.sol";

/// @title Challenges of the trees' form
contract TreeChallenges is ITreeChallenges, Challenge {
    using Elements for bytes;
    using Elements for TreeKind;

    /// @inheritdoc IChallenge
    string public constant name = "TreeChallenges";

    constructor(ISettlement settlement_) Challenge(settlement_) {}

    /// @inheritdoc ITreeChallenges
    function wrongSum(
        uint64 epoch,
        Roots calldata roots,
        ElementProof calldata element,
        bytes calldata preimage,
        bytes32
    ) external overturns(epoch, roots) {
        _requireElement(roots, element, keccak256(preimage));
        if (!preimage.isFormed(element.tree, element.level)) revert ShapeIsWrong();
        if (preimage.hasMass(element.tree, element.level, element.mass)) revert SumIsRight(element.mass);
    }

    /// @inheritdoc ITreeChallenges
    function wrongShape(
        uint64 epoch,
        Roots calldata roots,
        ElementProof calldata element,
        bytes calldata preimage,
        bytes32
    ) external overturns(epoch, roots) {
        _requireElement(roots, element, keccak256(preimage));
        if (preimage.isFormed(element.tree, element.level)) revert ShapeIsRight();
    }

    /// @inheritdoc ITreeChallenges
    function wrongCount(
        uint64 epoch,
        Roots calldata roots,
        ElementProof calldata element,
        bytes32 hash,
        bytes32
    ) external overturns(epoch, roots) {
        _requireElement(roots, element, hash);
        if (Elements.isCounted(element.level, element.position, element.count, hash, element.mass)) {
            revert CountIsRight(element.position, element.count);
        }
    }

    /// @inheritdoc ITreeChallenges
    function segmentRootMismatch(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        bytes calldata preimage,
        bytes32
    ) external overturns(epoch, roots) {
        _requireCharge(roots.charges, charge);
        bytes32 root = charge.leaf.segmentRoot;
        // A charge is for at least one record.
        if (root != 0) {
            if (keccak256(preimage) != root) revert NotThePreimage(keccak256(preimage), root);
            if (_isSegmentRoot(preimage, charge.leaf.mass)) {
                revert SegmentIsRight(charge.leaf.mass, uint64(bytes8(preimage[24:32])));
            }
        }
    }

    /// @inheritdoc ITreeChallenges
    function chargesOutOfOrder(uint64 epoch, Roots calldata roots, ChargePair calldata pair, bytes32)
        external
        overturns(epoch, roots)
    {
        Element memory left = _chargeElement(pair.left);
        Element memory right = _chargeElement(pair.right);
        bytes32 root = MerkleProofs.rootOfAdjacent(left, right, pair.place, pair.count, pair.proof, false);
        _requireRoot(root, roots.charges);
        if (_rank(pair.left) < _rank(pair.right)) revert ChargesInOrder(pair.place);
    }

    /// @inheritdoc ITreeChallenges
    function wrongNode(uint64 epoch, Roots calldata roots, NodeProof calldata node, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireNode(roots.nodes, node);
        if (node.leaf.index == node.place) {
            bytes32 key = registry.keyAt(node.place, settlement.epochStart(epoch));
            if (node.leaf.node == key) revert IdentityIsRight(node.place);
        }
    }

    /// @inheritdoc ITreeChallenges
    function wrongPayer(uint64 epoch, Roots calldata roots, BillProof calldata bill, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireBill(roots.bills, bill);
        if (bill.leaf.index == bill.place && bill.leaf.payer == vault.payerAt(bill.place).account) {
            revert IdentityIsRight(bill.place);
        }
    }

    /// @inheritdoc ITreeChallenges
    function wrongNodeCount(uint64 epoch, Roots calldata roots, RootOpening calldata nodes, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireOpened(roots.nodes, nodes);
        if (registry.countWas(nodes.count, settlement.epochEnd(epoch))) revert NumberIsRight(nodes.count);
    }

    /// @inheritdoc ITreeChallenges
    function wrongPayerCount(uint64 epoch, Roots calldata roots, RootOpening calldata bills, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireOpened(roots.bills, bills);
        if (vault.payersWere(bills.count, settlement.epochEnd(epoch))) revert NumberIsRight(bills.count);
    }

    /// @inheritdoc ITreeChallenges
    function chargeOfNobody(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        RootOpening calldata nodes,
        RootOpening calldata bills,
        bytes32
    ) external overturns(epoch, roots) {
        _requireCharge(roots.charges, charge);
        _requireOpened(roots.nodes, nodes);
        _requireOpened(roots.bills, bills);
        if (charge.leaf.payer < bills.count && charge.leaf.node < nodes.count) {
            revert ChargeIsOfSomebody(charge.leaf.payer, charge.leaf.node);
        }
    }

    function _requireElement(Roots calldata roots, ElementProof calldata element, bytes32 hash) private pure {
        bytes32 root = _rootOf(roots, element);
        bytes32 computed = MerkleProofs.rootFrom(
            Element({hash: hash, mass: element.mass}),
            element.level,
            element.position,
            element.count,
            element.proof,
            element.tree.isDelivery()
        );
        _requireRoot(computed, root);
    }

    function _rootOf(Roots calldata roots, ElementProof calldata element) private pure returns (bytes32) {
        if (element.tree == TreeKind.Nodes) return roots.nodes;
        if (element.tree == TreeKind.Bills) return roots.bills;
        if (element.tree == TreeKind.Charges) return roots.charges;
        if (element.tree != TreeKind.Segment) revert NotAnEpochTree();
        _requireCharge(roots.charges, element.charge);
        return element.charge.leaf.segmentRoot;
    }

    /// @dev Whether this is the root of a segment of that mass.
    function _isSegmentRoot(bytes calldata preimage, uint120 mass) private pure returns (bool) {
        if (preimage.length != 64 || preimage[0] != 0x02 || bytes8(preimage[16:24]) != 0) return false;
        uint64 count = uint64(bytes8(preimage[24:32]));
        return count != 0 && count <= MerkleSum.COUNT_MAX && uint120(bytes15(preimage[1:16])) == mass;
    }

    function _rank(ChargeLeaf calldata leaf) private pure returns (uint256) {
        return (uint256(leaf.payer) << 32) | leaf.node;
    }
}
