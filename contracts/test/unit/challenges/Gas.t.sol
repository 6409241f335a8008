// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../../../src/types/Attestation.sol";
import {ChargeLeaf} from "../../../src/types/ChargeLeaf.sol";
import {
    ChargePair,
    ChargeProof,
    ElementProof,
    RecordPair,
    RecordProof,
    TreeKind
} from "../../../src/types/Proofs.sol";
import {ChallengeHost} from "../../utils/ChallengeHost.sol";
import {Trees} from "../../utils/Trees.sol";
import {Witnesses} from "../../utils/Witnesses.sol";

/// @notice Believes no signature, at the price of checking it.
contract CostlyHost is ChallengeHost {
    uint256 internal constant PRICE = 135_000;

    function verify(bytes32, bytes32, bytes32, bytes calldata) external view override returns (bool) {
        uint256 until = gasleft() - PRICE;
        while (gasleft() > until) {}
        return false;
    }
}

/// @notice What challenges cost whoever sends them, calldata included: `snapshots/Challenges.json`. Overturning
/// itself is the host's, which only notes it.
/// forge-config: default.isolate = true
contract ChallengeGasTest is Witnesses {
    uint32 internal constant CHARGES = 100_000;
    uint32 internal constant RECORDS = 1 << 20;
    address internal immutable challenger = account("challenger");

    /// @dev An element on its way up a tree that has nothing else but siblings.
    struct Way {
        bytes32 hash;
        uint120 mass;
        bytes proof;
    }

    function setUp() public {
        host = new CostlyHost();
        deployChallenges();
        host.addNode(nodeKey(0), 0);
        host.addPayer(payerAccount(0), 1e18, 0);
    }

    function climb(Way memory way, uint256 position, uint256 levels, bool delivery, uint256 first)
        internal
        pure
    {
        for (uint256 j = first; j < first + levels; ++j) {
            bytes32 other = keccak256(abi.encode("sibling", j, way.hash));
            uint120 mass = delivery
                ? Trees.mass(uint56(3 << (30 + j)), uint32(9 << j), uint32(7 << j))
                : uint120(7e14) << uint120(j);
            way.proof = abi.encodePacked(way.proof, other, mass);
            way.hash = position & 1 == 0
                ? pairHash(way.mass, mass, way.hash, other)
                : pairHash(mass, way.mass, other, way.hash);
            way.mass = Trees.sum(way.mass, mass, delivery);
            position >>= 1;
        }
    }

    function pairHash(uint120 leftMass, uint120 rightMass, bytes32 left, bytes32 right)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(hex"01", leftMass, hex"00", rightMass, left, right));
    }

    function rootOf(Way memory way, uint256 count) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"02", way.mass, bytes8(0), uint64(count), way.hash));
    }

    /// @dev Two leaves that meet as high as those of this index do.
    function adjacent(
        bytes32[2] memory leaves,
        uint120[2] memory masses,
        uint256 index,
        uint256 levels,
        bool delivery
    ) internal pure returns (Way memory way) {
        uint256 meet = 1;
        for (uint256 rest = index; rest % 2 == 1; rest /= 2) {
            meet += 1;
        }
        Way memory right = Way(leaves[1], masses[1], "");
        way = Way(leaves[0], masses[0], "");
        climb(way, index, meet - 1, delivery, 0);
        climb(right, index + 1, meet - 1, delivery, 0);
        way.proof = bytes.concat(way.proof, right.proof);
        way.hash = pairHash(way.mass, right.mass, way.hash, right.hash);
        way.mass = Trees.sum(way.mass, right.mass, delivery);
        climb(way, index >> meet, levels - meet, delivery, meet);
    }

    function leafHash(bytes memory content) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", content));
    }

    function someLeaf() internal pure returns (ChargeLeaf memory leaf) {
        leaf.payer = 1234;
        leaf.node = 56_789;
        leaf.segmentRoot = keccak256("segment");
        leaf.mass = Trees.mass(uint56(5 << 40), 12_345, 12_000);
        leaf.amount = 123_456_789_012_345_678;
        leaf.billed = 6_123_456_789_012_345_678;
        leaf.earned = 7_123_456_789_012_345_678;
        leaf.served = Trees.mass(uint56(9 << 40), 22_345, 22_000);
        leaf.previous = 45_678;
    }

    /// @dev A charge of 100,000 with that segment, attested.
    function attestCharge(Way memory segment)
        internal
        returns (Roots memory roots, ChargeProof memory shown)
    {
        shown.leaf = someLeaf();
        (shown.leaf.segmentRoot, shown.leaf.mass) = (rootOf(segment, RECORDS), segment.mass);
        (shown.place, shown.count) = (67_890, CHARGES);
        Way memory way = Way(leafHash(encode(shown.leaf)), uint120(shown.leaf.amount), "");
        climb(way, shown.place, 17, false, 0);
        shown.proof = way.proof;
        roots = attestRoots(rootOf(way, CHARGES));
    }

    function attestRoots(bytes32 charges) internal returns (Roots memory roots) {
        roots = Roots(keccak256("nodes"), keccak256("bills"), charges, keccak256("evidence"));
        host.attest(0, roots, 1);
    }

    function send(address to, bytes memory data, string memory name, uint256 most) internal {
        vm.prank(challenger);
        host.commit(keccak256(abi.encode(challenger, keccak256(data))));
        vm.roll(block.number + 1);
        vm.prank(challenger);
        (bool ok,) = to.call(data);
        uint256 gas = vm.snapshotGasLastCall("Challenges", name);
        vm.assertTrue(ok);
        vm.assertEq(host.overturns(), 1);
        vm.assertEq(host.lastChallenger(), challenger);
        vm.assertLe(gas, most);
    }

    function test_gas_badSignature() public {
        bytes memory t = someTicket(0, 700_000, 0, 0, 1);
        bytes memory record =
            bytes.concat(abi.encodePacked(uint64(0), uint32(0), uint32(700_000)), someReceipt(t, 2, 1));
        record = bytes.concat(record, keccak256("r"), keccak256("s"));
        Way memory way = Way(leafHash(record), uint120(wordAt(record, 53) >> 136), "");
        climb(way, 600_001, 20, true, 0);
        RecordProof memory shown;
        (shown.record, shown.place, shown.count, shown.proof) = (record, 600_001, RECORDS, way.proof);
        Roots memory roots;
        (roots, shown.charge) = attestCharge(way);
        bytes memory data = abi.encodeCall(records.badSignature, (0, roots, shown, t, keccak256("salt")));
        send(address(records), data, "badSignature, 2^20 records, 100,000 charges", 350_000);
    }

    function test_gas_recordsOutOfOrder() public {
        bytes memory t = someTicket(0, 700_000, 0, 0, 1);
        bytes memory record =
            bytes.concat(abi.encodePacked(uint64(0), uint32(0), uint32(700_000)), someReceipt(t, 2, 1));
        record = bytes.concat(record, keccak256("r"), keccak256("s"));
        bytes32 leaf = leafHash(record);
        uint120 mass = uint120(wordAt(record, 53) >> 136);
        RecordPair memory shown;
        (shown.left, shown.right, shown.place, shown.count) = (record, record, RECORDS / 2 - 1, RECORDS);
        Way memory way = adjacent([leaf, leaf], [mass, mass], shown.place, 20, true);
        shown.proof = way.proof;
        Roots memory roots;
        (roots, shown.charge) = attestCharge(way);
        bytes memory data = abi.encodeCall(records.recordsOutOfOrder, (0, roots, shown, keccak256("salt")));
        send(address(records), data, "recordsOutOfOrder, 2^20 records, 100,000 charges", 150_000);
    }

    function test_gas_chargesOutOfOrder() public {
        ChargePair memory shown;
        (shown.left, shown.right, shown.place, shown.count) = (someLeaf(), someLeaf(), 67_891, CHARGES);
        bytes32 leaf = leafHash(encode(shown.left));
        uint120 mass = uint120(shown.left.amount);
        Way memory way = adjacent([leaf, leaf], [mass, mass], shown.place, 17, false);
        shown.proof = way.proof;
        Roots memory roots = attestRoots(rootOf(way, CHARGES));
        bytes memory data = abi.encodeCall(trees.chargesOutOfOrder, (0, roots, shown, keccak256("salt")));
        send(address(trees), data, "chargesOutOfOrder, 100,000 charges", 150_000);
    }

    function test_gas_wrongSum() public {
        bytes memory preimage =
            abi.encodePacked(hex"01", uint120(5e17), hex"00", uint120(6e17), keccak256("l"), keccak256("r"));
        Way memory way = Way(keccak256(preimage), 12e17, "");
        ElementProof memory shown;
        (shown.tree, shown.level, shown.position) = (TreeKind.Charges, 1, 33_333);
        (shown.count, shown.mass) = (CHARGES, way.mass);
        climb(way, 33_333, 16, false, 1);
        shown.proof = way.proof;
        Roots memory roots = attestRoots(rootOf(way, CHARGES));
        bytes memory data = abi.encodeCall(trees.wrongSum, (0, roots, shown, preimage, keccak256("salt")));
        send(address(trees), data, "wrongSum, 100,000 charges", 150_000);
    }

    function test_gas_wrongSumOfSegment() public {
        bytes memory preimage = abi.encodePacked(
            hex"01", Trees.mass(1 << 40, 5, 4), hex"00", Trees.mass(1 << 41, 9, 9), bytes32("l"), bytes32("r")
        );
        Way memory way = Way(keccak256(preimage), Trees.mass(1 << 42, 14, 13), "");
        ElementProof memory shown;
        (shown.tree, shown.level, shown.position) = (TreeKind.Segment, 1, 333_333);
        (shown.count, shown.mass) = (RECORDS, way.mass);
        climb(way, 333_333, 19, true, 1);
        shown.proof = way.proof;
        Roots memory roots;
        (roots, shown.charge) = attestCharge(way);
        bytes memory data = abi.encodeCall(trees.wrongSum, (0, roots, shown, preimage, keccak256("salt")));
        send(address(trees), data, "wrongSum, 2^20 records, 100,000 charges", 150_000);
    }
}
