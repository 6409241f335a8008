// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ITreeChallenges} from "../../../src/interfaces/ITreeChallenges.sol";
import {ElementProof, TreeKind} from "../../../src/types/Proofs.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";
import {Epoch} from "../../utils/Epochs.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice Every lie about the trees' form is overturned. The honest case is `test/fuzz/Challenges.t.sol`.
/// forge-config: default.fuzz.runs = 48
contract TreeChallengesTest is ChallengeTest {
    using Trees for Tree;

    /// @dev Makes roots anew from the trees, whatever stands in them.
    function replant(Aim memory a, TreeKind kind) internal {
        if (kind == TreeKind.Segment) {
            Tree memory tree = a.e.segmentTrees[a.charge];
            (a.e.charges[a.charge].segmentRoot, a.e.charges[a.charge].mass) = (tree.root(), tree.total());
            seal(a.e);
        } else {
            attest(a.e);
        }
    }

    function plantAt(Aim memory a, TreeKind kind, uint256 level, uint256 position, bytes32 hash, uint120 mass)
        internal
    {
        plant(treeOf(a.e, kind, a.charge), level, position, hash, mass, kind == TreeKind.Segment);
        replant(a, kind);
    }

    function testFuzz_wrongSum(uint256 seed) public {
        Aim memory a = aimed(seed);
        TreeKind kind = TreeKind(seed % 4);
        (uint256 level, uint256 position) = somewhere(a, kind);
        Tree memory tree = treeOf(a.e, kind, a.charge);
        uint120 mass = tree.masses[level][position];
        bytes memory preimage = preimageOf(a.e, kind, a.charge, level, position);
        plantAt(a, kind, level, position, tree.hashes[level][position], mass + 1);
        ElementProof memory element = elementOf(a.e, kind, a.charge, level, position);
        refused(trees, shapeCall(a, element, preimage), ITreeChallenges.ShapeIsRight.selector);
        falls(trees, sumCall(a, element, preimage));
    }

    /// The children of the top are right in every lane but one, where they don't fit.
    function testFuzz_wrongSum_overflow(uint256 seed) public {
        Aim memory a = aimed(seed);
        Tree memory tree = a.e.billsTree;
        vm.assume(tree.count > 1);
        uint256 top = tree.hashes.length - 1;
        tree.masses[top - 1][0] = type(uint120).max;
        tree.masses[top - 1][1] = 2;
        tree.hashes[top][0] = keccak256(nodePreimage(tree, top, 0));
        tree.masses[top][0] = 1;
        attest(a.e);
        ElementProof memory element = elementOf(a.e, TreeKind.Bills, 0, top, 0);
        falls(trees, sumCall(a, element, nodePreimage(tree, top, 0)));
    }

    function testFuzz_wrongShape(uint256 seed) public {
        Aim memory a = aimed(seed);
        TreeKind kind = TreeKind(seed % 4);
        (uint256 level, uint256 position) = somewhere(a, kind);
        uint120 mass = treeOf(a.e, kind, a.charge).masses[level][position];
        // The uppermost ones of a tree of another depth, and what is nothing at all.
        bytes memory preimage = new bytes(seed % 3 == 0 ? seed % 200 : level == 0 ? 96 : 100);
        if (level == 0 && preimage.length > 0) preimage[0] = 0x01;
        plantAt(a, kind, level, position, keccak256(preimage), mass);
        ElementProof memory element = elementOf(a.e, kind, a.charge, level, position);
        refused(trees, sumCall(a, element, preimage), ITreeChallenges.ShapeIsWrong.selector);
        falls(trees, shapeCall(a, element, preimage));
    }

    function testFuzz_wrongCount(uint256 seed) public {
        Aim memory a = aimed(seed);
        TreeKind kind = TreeKind(seed % 4);
        Tree memory tree = treeOf(a.e, kind, a.charge);
        uint256 level = draw(seed, "level", 9) % tree.hashes.length;
        uint256 position = draw(seed, "position", 9) % tree.hashes[level].length;
        bool padding = level == 0 && position >= tree.count;
        bytes32 hash = padding && seed % 2 == 0 ? keccak256("surplus") : bytes32(0);
        uint120 mass = padding ? 1 : tree.masses[level][position];
        plantAt(a, kind, level, position, hash, mass);
        falls(trees, countCall(a, elementOf(a.e, kind, a.charge, level, position), hash));
    }

    function testFuzz_segmentRootMismatch(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory preimage = rootPreimage(a.e.segmentTrees[a.charge]);
        uint256 how = seed % 6;
        if (how == 0) a.e.charges[a.charge].mass += 1;
        if (how == 1) preimage[20] = 0x01;
        if (how == 2) put(preimage, 24, 0, 8);
        if (how == 3) put(preimage, 24, (1 << 22) + 1, 8);
        if (how == 4) preimage = "nothing like a root";
        if (how > 0) a.e.charges[a.charge].segmentRoot = how == 5 ? bytes32(0) : keccak256(preimage);
        seal(a.e);
        falls(
            trees,
            abi.encodeCall(
                trees.segmentRootMismatch, (1, a.e.roots, chargeOf(a.e, a.charge), preimage, "salt")
            )
        );
    }

    function testFuzz_chargesOutOfOrder(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 c = a.charge == 0 ? 1 : a.charge;
        if (seed % 2 == 0) a.e.charges[c] = a.e.charges[c - 1];
        else (a.e.charges[c], a.e.charges[c - 1]) = (a.e.charges[c - 1], a.e.charges[c]);
        seal(a.e);
        falls(trees, abi.encodeCall(trees.chargesOutOfOrder, (1, a.e.roots, chargePair(a.e, c - 1), 0)));
    }

    function testFuzz_wrongNode(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 n = seed % a.e.nodes.length;
        if (seed % 2 == 0) a.e.nodes[n].node = "another";
        else a.e.nodes[n].index += 1;
        seal(a.e);
        falls(trees, abi.encodeCall(trees.wrongNode, (1, a.e.roots, nodeOf(a.e, n), 0)));
    }

    function testFuzz_wrongPayer(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 p = seed % a.e.bills.length;
        if (seed % 2 == 0) a.e.bills[p].payer = address(1);
        else a.e.bills[p].index += 1;
        seal(a.e);
        falls(trees, abi.encodeCall(trees.wrongPayer, (1, a.e.roots, billOf(a.e, p), 0)));
    }

    function testFuzz_wrongNodeCount(uint256 seed) public {
        Aim memory a = aimed(seed);
        host.addNode("later", uint64(host.epochEnd(1)));
        bytes memory call = abi.encodeCall(trees.wrongNodeCount, (1, a.e.roots, openingOf(a.e.nodesTree), 0));
        refused(trees, call, ITreeChallenges.NumberIsRight.selector);
        if (seed % 2 == 0) a.e.nodesTree.count += 1;
        else a.e.nodesTree.count -= 1;
        vm.assume(a.e.nodesTree.count > 0);
        attest(a.e);
        falls(trees, abi.encodeCall(trees.wrongNodeCount, (1, a.e.roots, openingOf(a.e.nodesTree), 0)));
    }

    function testFuzz_wrongPayerCount(uint256 seed) public {
        Aim memory a = aimed(seed);
        host.addPayer(address(1), 0, uint64(host.epochEnd(1)));
        bytes memory call = abi.encodeCall(trees.wrongPayerCount, (1, a.e.roots, openingOf(a.e.billsTree), 0));
        refused(trees, call, ITreeChallenges.NumberIsRight.selector);
        a.e.billsTree.count += 1;
        attest(a.e);
        falls(trees, abi.encodeCall(trees.wrongPayerCount, (1, a.e.roots, openingOf(a.e.billsTree), 0)));
    }

    function testFuzz_chargeOfNobody(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 2 == 0) a.e.charges[a.charge].payer = uint32(a.e.bills.length);
        else a.e.charges[a.charge].node = uint32(a.e.nodes.length);
        seal(a.e);
        Epoch memory e = a.e;
        bytes memory call = abi.encodeCall(
            trees.chargeOfNobody,
            (1, e.roots, chargeOf(e, a.charge), openingOf(e.nodesTree), openingOf(e.billsTree), 0)
        );
        falls(trees, call);
    }
}
