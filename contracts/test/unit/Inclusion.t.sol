// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Inclusion} from "../../src/Inclusion.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {MerkleProofs} from "../../src/libraries/MerkleProofs.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {Records} from "../../src/libraries/Records.sol";
import {Rewards} from "../../src/libraries/Rewards.sol";
import {Tickets} from "../../src/libraries/Tickets.sol";
import {Roots} from "../../src/types/Attestation.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {LogProof, RecordProof} from "../../src/types/Proofs.sol";
import {Aim} from "../utils/Calls.sol";
import {ChallengeHost} from "../utils/ChallengeHost.sol";
import {ChallengeTest} from "../utils/ChallengeTest.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice What an attestation states, true and in each way false. `Golden.t.sol` has a real network's.
/// forge-config: default.fuzz.runs = 32
/// forge-config: ci.fuzz.runs = 1000
contract InclusionTest is ChallengeTest {
    using Trees for Tree;

    Inclusion internal inclusion;

    /// @dev All that `verifyReceipt` is shown.
    struct Shown {
        uint64 epoch;
        Roots roots;
        RecordProof record;
        bytes ticket;
        LogProof entry;
    }

    function start(uint256 seed) internal returns (Aim memory a) {
        a = aimed(seed);
        inclusion = new Inclusion(ISettlement(address(host)));
    }

    function receipt(Aim memory a) internal pure returns (Shown memory s) {
        (s.epoch, s.roots) = (1, a.e.roots);
        s.record = recordOf(a.e, a.charge, a.record);
        s.ticket = bytes.concat(a.e.tickets[indexOf(a)]);
        s.entry = entryOf(a.e, 0, indexOf(a));
    }

    function ask(Shown memory s) internal view returns (bool) {
        return inclusion.verifyReceipt(s.epoch, s.roots, s.record, s.ticket, s.entry);
    }

    function other(Roots memory roots, uint256 which) internal pure returns (Roots memory copy) {
        copy = Roots(roots.nodes, roots.bills, roots.charges, roots.evidence);
        if (which == 0) copy.nodes = "other";
        if (which == 1) copy.bills = "other";
        if (which == 2) copy.charges = "other";
        if (which == 3) copy.evidence = "other";
    }

    function test_deployed() public {
        start(1);
        vm.assertEq(address(inclusion.settlement()), address(host));
    }

    // ---- A node's leaf ----

    function testFuzz_attestation_states(uint256 seed) public {
        Aim memory a = start(seed);
        for (uint256 i = 0; i < a.e.nodes.length; ++i) {
            bytes memory proof = a.e.nodesTree.proof(i);
            vm.assertTrue(inclusion.verifyAttestation(1, a.e.roots, a.e.nodes[i], a.e.nodes.length, proof));
        }
        // Pending or active, it is attested.
        host.activate(1);
        vm.assertTrue(
            inclusion.verifyAttestation(1, a.e.roots, a.e.nodes[0], a.e.nodes.length, a.e.nodesTree.proof(0))
        );
    }

    function testFuzz_attestation_doesNotState(uint256 seed) public {
        Aim memory a = start(seed);
        uint256 count = a.e.nodes.length;
        NodeLeaf memory leaf = a.e.nodes[0];
        bytes memory proof = a.e.nodesTree.proof(0);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertFalse(inclusion.verifyAttestation(1, other(a.e.roots, i), leaf, count, proof));
        }
        // The epoch before states something else.
        vm.assertFalse(inclusion.verifyAttestation(0, a.e.roots, leaf, count, proof));
        leaf.probes += 1;
        vm.assertFalse(inclusion.verifyAttestation(1, a.e.roots, leaf, count, proof));
        leaf.probes -= 1;
        leaf.cumulative += 1;
        vm.assertFalse(inclusion.verifyAttestation(1, a.e.roots, leaf, count, proof));
        leaf.cumulative -= 1;
        if (proof.length > 0) {
            proof[seed % proof.length] ^= 0x01;
            vm.assertFalse(inclusion.verifyAttestation(1, a.e.roots, leaf, count, proof));
        }
    }

    function test_attestation_refusesWhatIsNone() public {
        Aim memory a = start(1);
        uint256 count = a.e.nodes.length;
        NodeLeaf memory leaf = a.e.nodes[0];
        bytes memory proof = a.e.nodesTree.proof(0);
        vm.expectRevert(abi.encodeWithSelector(ChallengeHost.NotPending.selector, 2));
        inclusion.verifyAttestation(2, a.e.roots, leaf, count, proof);
        vm.expectRevert(
            abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, proof.length + 1, proof.length)
        );
        inclusion.verifyAttestation(1, a.e.roots, leaf, count, bytes.concat(proof, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 0, 0));
        inclusion.verifyAttestation(1, a.e.roots, leaf, 0, proof);
        leaf.cumulative = 1 << 96;
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, 1 << 96));
        inclusion.verifyAttestation(1, a.e.roots, leaf, count, proof);
    }

    // ---- A receipt ----

    function testFuzz_receipt_counts(uint256 seed) public {
        Aim memory a = start(seed);
        vm.assertTrue(ask(receipt(a)));
        host.activate(1);
        vm.assertTrue(ask(receipt(a)));
    }

    function testFuzz_receipt_ofOtherRoots(uint256 seed) public {
        Shown memory s = receipt(start(seed));
        s.roots = other(s.roots, seed % 4);
        vm.assertFalse(ask(s));
    }

    /// In another epoch neither the roots nor the log are there.
    function testFuzz_receipt_ofAnotherEpoch(uint256 seed) public {
        Aim memory a = start(seed);
        Shown memory s = receipt(a);
        s.epoch = 0;
        vm.assertFalse(ask(s));
        s.roots = a.before.roots;
        vm.assertFalse(ask(s));
    }

    function testFuzz_receipt_ofNoCharge(uint256 seed) public {
        Aim memory a = start(seed);
        Shown memory s = receipt(a);
        s.record.charge.leaf.amount += 1;
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.record.charge.place = s.record.charge.place == 0 ? 1 : 0;
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.record.charge.proof[seed % s.record.charge.proof.length] ^= 0x01;
        // Masses that no longer fit are no proof at all; the lowest bit of a byte doesn't make them so.
        vm.assertFalse(ask(s));
    }

    /// A record isn't in the segment of another charge.
    function testFuzz_receipt_notInTheSegment(uint256 seed) public {
        Aim memory a = start(seed);
        Shown memory s = receipt(a);
        s.record.charge = chargeOf(a.e, (a.charge + 1) % a.e.charges.length);
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.record.record = bytes.concat(s.record.record);
        s.record.record[139] ^= 0x01;
        vm.assertFalse(ask(s));
    }

    function testFuzz_receipt_ofAnotherTicket(uint256 seed) public {
        Aim memory a = start(seed);
        Shown memory s = receipt(a);
        // Its own entry in the log, but not what the receipt is for.
        uint256 i = (indexOf(a) + 1) % a.e.tickets.length;
        (s.ticket, s.entry) = (a.e.tickets[i], entryOf(a.e, 0, i));
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.ticket[seed % 216] ^= 0x01;
        vm.assertFalse(ask(s));
    }

    function testFuzz_receipt_notInTheLog(uint256 seed) public {
        Aim memory a = start(seed);
        Shown memory s = receipt(a);
        s.entry.level = 1;
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.entry.position = s.entry.position == 0 ? 1 : 0;
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.entry.mass += 1;
        vm.assertFalse(ask(s));
        s = receipt(a);
        s.entry.proof[seed % s.entry.proof.length] ^= 0x01;
        vm.assertFalse(ask(s));
        // The issuer committed another one, or none.
        s = receipt(a);
        host.setLog(1, 0, "other");
        vm.assertFalse(ask(s));
        host.setLog(1, 0, 0);
        vm.assertFalse(ask(s));
    }

    /// Attested, charged and logged, but the client didn't sign it.
    function testFuzz_receipt_notSigned(uint256 seed) public {
        Aim memory a = start(seed);
        a.e.segments[a.charge][a.record][76 + seed % 64] ^= 0x01;
        sealSegment(a.e, a.charge);
        seal(a.e);
        vm.assertFalse(ask(receipt(a)));
    }

    function test_receipt_refusesWhatIsNone() public {
        Aim memory a = start(1);
        Shown memory s = receipt(a);
        s.record.record = new bytes(141);
        vm.expectRevert(abi.encodeWithSelector(Records.NotARecord.selector, 141));
        ask(s);
        s = receipt(a);
        s.ticket = new bytes(215);
        vm.expectRevert(abi.encodeWithSelector(Tickets.NotATicket.selector, 215));
        ask(s);
        s = receipt(a);
        s.epoch = 2;
        vm.expectRevert(abi.encodeWithSelector(ChallengeHost.NotPending.selector, 2));
        ask(s);
        s = receipt(a);
        uint256 length = s.record.charge.proof.length;
        s.record.charge.proof = bytes.concat(s.record.charge.proof, hex"00");
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, length + 1, length));
        ask(s);
        s = receipt(a);
        length = s.record.proof.length;
        s.record.proof = bytes.concat(s.record.proof, hex"00");
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, length + 1, length));
        ask(s);
        s = receipt(a);
        length = s.entry.proof.length;
        s.entry.proof = bytes.concat(s.entry.proof, hex"00");
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, length + 1, length));
        ask(s);
        s = receipt(a);
        vm.assertTrue(s.entry.position > 0);
        (s.entry.count, s.entry.proof) = (1, "");
        vm.expectRevert(
            abi.encodeWithSelector(MerkleProofs.NoSuchElement.selector, 0, s.entry.position, s.entry.count)
        );
        ask(s);
        s = receipt(a);
        s.record.charge.leaf.amount = 1 << 96;
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, 1 << 96));
        ask(s);
    }

    /// Bytes of 2^56 and more are no mass, and so in no segment.
    function test_receipt_ofTooManyBytes() public {
        Aim memory a = start(1);
        Shown memory s = receipt(a);
        s.record.record = bytes.concat(s.record.record);
        put(s.record.record, 52, 1 << 56, 8);
        vm.expectRevert(abi.encodeWithSelector(Records.BytesTooLarge.selector, 1 << 56));
        ask(s);
    }
}
