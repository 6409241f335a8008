// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IssuerChallenges} from "../../src/challenges/IssuerChallenges.sol";
import {MoneyChallenges} from "../../src/challenges/MoneyChallenges.sol";
import {RecordChallenges} from "../../src/challenges/RecordChallenges.sol";
import {TreeChallenges} from "../../src/challenges/TreeChallenges.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {
    BillProof,
    ChargePair,
    ChargeProof,
    EarlierBill,
    EarlierNode,
    ElementProof,
    LogProof,
    NodeProof,
    RecordPair,
    RecordProof,
    RootOpening,
    TreeKind
} from "../../src/types/Proofs.sol";
import {Epoch, Epochs} from "./Epochs.sol";
import {Tree, Trees} from "./Trees.sol";

/// @notice What a challenger shows, taken from an epoch; and the contracts it is shown to.
abstract contract Witnesses is Epochs {
    using Trees for Tree;

    TreeChallenges internal trees;
    RecordChallenges internal records;
    MoneyChallenges internal money;
    IssuerChallenges internal issuers;

    function deployChallenges() internal {
        ISettlement settlement = ISettlement(address(host));
        trees = new TreeChallenges(settlement);
        records = new RecordChallenges(settlement);
        money = new MoneyChallenges(settlement);
        issuers = new IssuerChallenges(settlement);
    }

    function nodeOf(Epoch memory e, uint256 i) internal pure returns (NodeProof memory) {
        return NodeProof(e.nodes[i], uint32(i), uint32(e.nodes.length), e.nodesTree.proof(i));
    }

    function billOf(Epoch memory e, uint256 i) internal pure returns (BillProof memory) {
        return BillProof(e.bills[i], uint32(i), uint32(e.bills.length), e.billsTree.proof(i));
    }

    function chargeOf(Epoch memory e, uint256 i) internal pure returns (ChargeProof memory) {
        return ChargeProof(e.charges[i], uint32(i), uint32(e.charges.length), e.chargesTree.proof(i));
    }

    function noCharge() internal pure returns (ChargeProof memory charge) {}

    /// @dev The one before, if there is one.
    function beforeCharge(Epoch memory e, uint256 i) internal pure returns (ChargeProof memory) {
        return i == 0 ? noCharge() : chargeOf(e, i - 1);
    }

    function recordOf(Epoch memory e, uint256 c, uint256 i) internal pure returns (RecordProof memory) {
        Tree memory tree = e.segmentTrees[c];
        return RecordProof(chargeOf(e, c), e.segments[c][i], uint32(i), uint32(tree.count), tree.proof(i));
    }

    function ticketOf(Epoch memory e, bytes memory record) internal pure returns (bytes memory) {
        return e.tickets[uint32(wordAt(record, 12) >> 224)];
    }

    function openingOf(Tree memory tree) internal pure returns (RootOpening memory) {
        return RootOpening(tree.total(), uint32(tree.count), tree.top());
    }

    function earlierNode(Epoch memory e, uint256 i) internal pure returns (EarlierNode memory shown) {
        (shown.roots, shown.root) = (e.roots, openingOf(e.nodesTree));
        if (i < e.nodes.length) (shown.leaf, shown.proof) = (e.nodes[i], e.nodesTree.proof(i));
    }

    function earlierBill(Epoch memory e, uint256 i) internal pure returns (EarlierBill memory shown) {
        (shown.roots, shown.root) = (e.roots, openingOf(e.billsTree));
        if (i < e.bills.length) (shown.leaf, shown.proof) = (e.bills[i], e.billsTree.proof(i));
    }

    /// @dev Siblings from an element up, 47 bytes a level.
    function path(Tree memory tree, uint256 level, uint256 position)
        internal
        pure
        returns (bytes memory packed)
    {
        for (; level + 1 < tree.hashes.length; ++level) {
            uint256 other = position ^ 1;
            packed = abi.encodePacked(packed, tree.hashes[level][other], tree.masses[level][other]);
            position /= 2;
        }
    }

    function adjacentPath(Tree memory tree, uint256 index) internal pure returns (bytes memory) {
        uint256 meet = 1;
        for (uint256 rest = index; rest % 2 == 1; rest /= 2) {
            meet += 1;
        }
        bytes memory left = cut(path(tree, 0, index), 0, (meet - 1) * 47);
        bytes memory right = cut(path(tree, 0, index + 1), 0, (meet - 1) * 47);
        return bytes.concat(left, right, path(tree, meet, index >> meet));
    }

    function cut(bytes memory data, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = data[i];
        }
    }

    function chargePair(Epoch memory e, uint256 i) internal pure returns (ChargePair memory) {
        bytes memory proof = adjacentPath(e.chargesTree, i);
        return ChargePair(e.charges[i], e.charges[i + 1], uint32(i), uint32(e.charges.length), proof);
    }

    function recordPair(Epoch memory e, uint256 c, uint256 i) internal pure returns (RecordPair memory) {
        Tree memory tree = e.segmentTrees[c];
        bytes[] memory all = e.segments[c];
        return
            RecordPair(
                chargeOf(e, c), all[i], all[i + 1], uint32(i), uint32(tree.count), adjacentPath(tree, i)
            );
    }

    function treeOf(Epoch memory e, TreeKind kind, uint256 c) internal pure returns (Tree memory) {
        if (kind == TreeKind.Nodes) return e.nodesTree;
        if (kind == TreeKind.Bills) return e.billsTree;
        if (kind == TreeKind.Charges) return e.chargesTree;
        return kind == TreeKind.Segment ? e.segmentTrees[c] : e.log;
    }

    function elementOf(Epoch memory e, TreeKind kind, uint256 c, uint256 level, uint256 position)
        internal
        pure
        returns (ElementProof memory shown)
    {
        Tree memory tree = treeOf(e, kind, c);
        (shown.tree, shown.level, shown.position) = (kind, uint8(level), uint32(position));
        if (kind == TreeKind.Segment) shown.charge = chargeOf(e, c);
        (shown.count, shown.mass) = (uint32(tree.count), tree.masses[level][position]);
        shown.proof = path(tree, level, position);
    }

    function entryOf(Epoch memory e, uint256 level, uint256 position)
        internal
        pure
        returns (LogProof memory)
    {
        uint120 mass = e.log.masses[level][position];
        bytes memory proof = path(e.log, level, position);
        return LogProof(uint8(level), uint32(position), uint32(e.log.count), mass, proof);
    }

    /// @dev What an element is the hash of.
    function preimageOf(Epoch memory e, TreeKind kind, uint256 c, uint256 level, uint256 position)
        internal
        pure
        returns (bytes memory)
    {
        if (level > 0) return nodePreimage(treeOf(e, kind, c), level, position);
        if (kind == TreeKind.Nodes) return bytes.concat(hex"00", encode(e.nodes[position]));
        if (kind == TreeKind.Bills) return bytes.concat(hex"00", encode(e.bills[position]));
        if (kind == TreeKind.Charges) return bytes.concat(hex"00", encode(e.charges[position]));
        if (kind == TreeKind.Segment) return bytes.concat(hex"00", e.segments[c][position]);
        return bytes.concat(hex"00", e.tickets[position]);
    }

    function nodePreimage(Tree memory tree, uint256 level, uint256 position)
        internal
        pure
        returns (bytes memory)
    {
        (uint256 left, uint256 below) = (2 * position, level - 1);
        bytes memory head = abi.encodePacked(hex"01", tree.masses[below][left], hex"00");
        return abi.encodePacked(
            head, tree.masses[below][left + 1], tree.hashes[below][left], tree.hashes[below][left + 1]
        );
    }

    function rootPreimage(Tree memory tree) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"02", tree.total(), bytes8(0), uint64(tree.count), tree.top());
    }

    /// @dev Puts an element where another was, and makes what is above it anew.
    function plant(
        Tree memory tree,
        uint256 level,
        uint256 position,
        bytes32 hash,
        uint120 mass,
        bool delivery
    ) internal pure {
        (tree.hashes[level][position], tree.masses[level][position]) = (hash, mass);
        for (level += 1; level < tree.hashes.length; ++level) {
            position /= 2;
            (uint256 left, uint256 below) = (2 * position, level - 1);
            tree.hashes[level][position] = keccak256(nodePreimage(tree, level, position));
            tree.masses[level][position] =
                Trees.sum(tree.masses[below][left], tree.masses[below][left + 1], delivery);
        }
    }
}
