// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ForcedSegments} from "../../../src/challenges/ForcedSegments.sol";
import {IChallenge} from "../../../src/interfaces/IChallenge.sol";
import {IForcedSegments} from "../../../src/interfaces/IForcedSegments.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Records} from "../../../src/libraries/Records.sol";
import {ChargeLeaf} from "../../../src/types/ChargeLeaf.sol";
import {ChargeGap, ForcedProof, RecordGap, Standing} from "../../../src/types/Forced.sol";
import {RecordProof} from "../../../src/types/Proofs.sol";
import {Rejection} from "../../../src/types/Rejection.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";
import {Epoch} from "../../utils/Epochs.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice Forcing, and what ignores it.
/// forge-config: default.fuzz.runs = 48
contract ForcedSegmentsTest is ChallengeTest {
    using Trees for Tree;

    ForcedSegments internal contract_;

    /// @dev The tree of what was forced.
    Tree internal forcedTree;

    /// @dev What a lie leaves out.
    struct Left {
        uint32 payer;
        uint32 node;
        bytes record;
        bytes ticket;
    }

    // ---- Forcing ----

    function test_onlyTheOperatorForces() public {
        Aim memory a = ready(1);
        bytes memory all = chunk(a);
        uint32 node = a.e.charges[a.charge].node;
        inWindow();
        vm.prank(account("stranger"));
        vm.expectRevert(
            abi.encodeWithSelector(IForcedSegments.NotOperator.selector, node, account("stranger"))
        );
        contract_.forceCommit(1, node, all);
    }

    function test_onlyInTheForceWindow() public {
        Aim memory a = ready(1);
        bytes memory all = chunk(a);
        uint32 node = a.e.charges[a.charge].node;
        uint256 from = host.epochEnd(1) + host.TAIL();
        uint256 to = from + host.FORCE_WINDOW();
        bytes memory why = abi.encodeWithSelector(IForcedSegments.OutsideForceWindow.selector, 1, from, to);
        vm.warp(from - 1);
        vm.expectRevert(why);
        contract_.forceCommit(1, node, all);
        vm.warp(to);
        vm.expectRevert(why);
        contract_.forceCommit(1, node, all);
        vm.warp(to - 1);
        vm.assertEq(uint256(contract_.forceCommit(1, node, all)), 0);
        vm.warp(from);
        vm.assertEq(uint256(contract_.forceCommit(1, node, all)), 1);
        vm.assertEq(uint256(contract_.chunkCount(1, node)), 2);
        vm.assertEq(contract_.chunkRoot(1, node, 0), contract_.chunkRoot(1, node, 1));
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.NoSuchChunk.selector, 1, node, 2));
        contract_.chunkRoot(1, node, 2);
    }

    function test_aNewerNodeForcesNothing() public {
        Aim memory a = ready(1);
        bytes memory all = chunk(a);
        uint256 end = host.epochEnd(1);
        host.addNode("newer", uint64(end));
        uint32 newer = uint32(nodesOfHost() - 1);
        inWindow();
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.NodeIsNewer.selector, newer, end, end));
        contract_.forceCommit(1, newer, all);
    }

    function test_onlyRecordsInOrderAreTaken() public {
        Aim memory a = ready(1);
        uint32 node = a.e.charges[a.charge].node;
        bytes memory one = a.e.segments[a.charge][0];
        inWindow();
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.NotRecords.selector, 0));
        contract_.forceCommit(1, node, "");
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.NotRecords.selector, 139));
        contract_.forceCommit(1, node, cut(one, 0, 139));
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.RecordOutOfOrder.selector, 1));
        contract_.forceCommit(1, node, bytes.concat(one, one));
        bytes memory other = bytes.concat(one);
        put(other, 0, 2, 8);
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.OtherEpoch.selector, 2, 1));
        contract_.forceCommit(1, node, other);
        other = bytes.concat(one);
        put(other, 52, 1 << 56, 8);
        vm.expectRevert(abi.encodeWithSelector(Records.BytesTooLarge.selector, 1 << 56));
        contract_.forceCommit(1, node, other);
        vm.expectRevert(abi.encodeWithSelector(IForcedSegments.TooManyRecords.selector, 513, 512));
        contract_.forceCommit(1, node, new bytes(513 * 140));
    }

    /// The root is that of the tree, for every number of records.
    function testFuzz_theRootIsTheTrees(uint256 seed) public {
        Aim memory a = ready(seed);
        uint256 count = 1 + draw(seed, "count", 0) % 20;
        bytes[] memory parts = new bytes[](count);
        uint120[] memory masses = new uint120[](count);
        bytes memory all;
        for (uint256 i = 0; i < count; ++i) {
            parts[i] = bytes.concat(a.e.segments[a.charge][0]);
            put(parts[i], 8, i, 4);
            put(parts[i], 52, draw(seed, "bytes", i) % (1 << 40), 8);
            masses[i] = uint120(wordAt(parts[i], 53) >> 136);
            all = bytes.concat(all, parts[i]);
        }
        inWindow();
        uint32 node = a.e.charges[a.charge].node;
        vm.expectEmit(address(contract_));
        bytes32 root = Trees.build(hashes(parts), masses, true).root();
        emit IForcedSegments.SegmentForced(1, node, 0, root, all);
        contract_.forceCommit(1, node, all);
        vm.assertEq(contract_.chunkRoot(1, node, 0), root);
    }

    // ---- What is counted can't be called ignored ----

    function testFuzz_anHonestEpochStands(uint256 seed) public {
        Aim memory a = ready(seed);
        force(a);
        Left memory left = aimedAt(a);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        for (uint256 place = 0; place <= a.e.charges.length; ++place) {
            refused(contract_, chargeCall(a, forced, standing, place), IForcedSegments.NotLeftOut.selector);
        }
        for (uint256 place = 0; place <= a.e.segments[a.charge].length; ++place) {
            bytes memory data = recordGapCall(a, forced, standing, a.charge, place);
            refused(contract_, data, IForcedSegments.NotLeftOut.selector);
        }
        bytes memory call = newerCall(a, forced, standing, a.charge, a.record);
        refused(contract_, call, IForcedSegments.NotLeftOut.selector);
        call = abi.encodeCall(contract_.forcedInvalid, (a.e.number, forced, 0));
        refused(contract_, call, IForcedSegments.BreaksNoRule.selector);
    }

    // ---- What is left out falls ----

    function testFuzz_aChargeLeftOutFalls(uint256 seed) public {
        Aim memory a = ready(seed);
        force(a);
        Left memory left = aimedAt(a);
        removeCharge(a.e, a.charge);
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        falls(contract_, chargeCall(a, forced, standing, a.charge));
    }

    function testFuzz_anEpochWithoutChargesFalls(uint256 seed) public {
        Aim memory a = ready(seed);
        force(a);
        Left memory left = aimedAt(a);
        a.e.charges = new ChargeLeaf[](0);
        a.e.segmentTrees = new Tree[](0);
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        falls(contract_, chargeCall(a, forced, standing, 0));
    }

    function testFuzz_aRecordLeftOutFalls(uint256 seed) public {
        Aim memory a = ready(seed);
        vm.assume(a.e.segments[a.charge].length > 1);
        force(a);
        Left memory left = aimedAt(a);
        a.e.segments[a.charge] = without(a.e.segments[a.charge], a.record);
        sealSegment(a.e, a.charge);
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        falls(contract_, recordGapCall(a, forced, standing, a.charge, a.record));
    }

    function testFuzz_anOlderRecordFalls(uint256 seed) public {
        Aim memory a = ready(seed);
        vm.assume(wordAt(a.e.segments[a.charge][a.record], 48) >> 224 > 1);
        force(a);
        Left memory left = aimedAt(a);
        bytes memory older = bytes.concat(left.record);
        put(older, 48, (wordAt(older, 48) >> 224) - 1, 4);
        a.e.segments[a.charge][a.record] = older;
        sealSegment(a.e, a.charge);
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        falls(contract_, newerCall(a, forced, standing, a.charge, a.record));
    }

    function testFuzz_whatDoesNotCountIsLeftOutRightly(uint256 seed) public {
        Aim memory a = ready(seed);
        bytes memory record = a.e.segments[a.charge][a.record];
        put(record, 76, draw(seed, "r", 0), 32);
        force(a);
        Left memory left = aimedAt(a);
        removeCharge(a.e, a.charge);
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        bytes memory call = chargeCall(a, forced, standing, a.charge);
        refused(contract_, call, IForcedSegments.DoesNotCount.selector);
        call = abi.encodeCall(contract_.forcedInvalid, (a.e.number, forced, 0));
        falls(contract_, call);
    }

    function testFuzz_whatTheSumHasNoRoomForIsLeftOutRightly(uint256 seed) public {
        Aim memory a = ready(seed);
        force(a);
        Left memory left = aimedAt(a);
        removeCharge(a.e, a.charge);
        a.e.nodes[left.node].mass = (uint120(type(uint32).max) << 32) | a.e.nodes[left.node].mass;
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        bytes memory call = chargeCall(a, forced, standing, a.charge);
        refused(contract_, call, MerkleSum.MassOverflow.selector);
    }

    function testFuzz_onlyWhatWasForcedIsIgnored(uint256 seed) public {
        Aim memory a = ready(seed);
        Left memory left = aimedAt(a);
        bytes memory all = chunk(a);
        removeCharge(a.e, a.charge);
        seal(a.e);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        bytes memory call = chargeCall(a, forced, standing, a.charge);
        refused(contract_, call, IForcedSegments.NoSuchChunk.selector);
        inWindow();
        contract_.forceCommit(1, left.node, all);
        bytes memory ticket = forced.ticket;
        forced.ticket = bytes.concat(ticket);
        forced.ticket[100] ^= 0x01;
        refused(contract_, chargeCall(a, forced, standing, a.charge), IForcedSegments.NotItsTicket.selector);
        forced.ticket = ticket;
        standing.payer = (standing.payer + 1) % host.payerCount();
        if (standing.payer != left.payer) {
            call = chargeCall(a, forced, standing, a.charge);
            refused(contract_, call, IForcedSegments.OtherPayer.selector);
        }
        standing.payer = left.payer;
        standing.entry.mass ^= 1;
        refused(contract_, chargeCall(a, forced, standing, a.charge), IChallenge.NotInTree.selector);
    }

    function testFuzz_witnessesOfOthersShowNothing(uint256 seed) public {
        Aim memory a = ready(seed);
        vm.assume(a.e.charges.length > 1);
        force(a);
        Left memory left = aimedAt(a);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, left);
        uint256 other = (a.charge + 1) % a.e.charges.length;
        bytes memory call = recordGapCall(a, forced, standing, other, 0);
        refused(contract_, call, IForcedSegments.OtherCharge.selector);
        call = newerCall(a, forced, standing, other, 0);
        refused(contract_, call, IForcedSegments.OtherCharge.selector);
        if (a.e.segments[a.charge].length > 1) {
            uint256 place = (a.record + 1) % a.e.segments[a.charge].length;
            call = newerCall(a, forced, standing, a.charge, place);
            refused(contract_, call, IForcedSegments.OtherTicket.selector);
        }
        if (a.e.nodes.length > 1) {
            uint256 node = (left.node + 1) % a.e.nodes.length;
            standing.node = nodeOf(a.e, node);
            call = chargeCall(a, forced, standing, a.charge);
            refused(contract_, call, IForcedSegments.OtherNode.selector);
        }
    }

    function noGap(Aim memory a, ForcedProof memory forced, Standing memory standing, ChargeGap memory gap)
        internal
    {
        bytes memory call = abi.encodeCall(
            contract_.ignoredCharge, (a.e.number, a.e.roots, forced, standing, gap, bytes32(0))
        );
        refused(contract_, call, IForcedSegments.NotLeftOut.selector);
    }

    /// Neighbours are next to each other, in one tree, and on their sides.
    function testFuzz_noGapAmongChargesIsMadeUp(uint256 seed) public {
        Aim memory a = ready(seed);
        force(a);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, aimedAt(a));
        uint32 count = uint32(a.e.charges.length);
        ChargeGap memory gap;
        (gap.place, gap.count) = (count + 1, count);
        noGap(a, forced, standing, gap);
        // The charge itself is neither left nor right of what is missing.
        for (uint32 place = 0; place <= count; ++place) {
            gap.place = place;
            if (place != 0) gap.left = chargeOf(a.e, place - 1);
            if (place != count) gap.right = chargeOf(a.e, place);
            noGap(a, forced, standing, gap);
        }
        // One that isn't the neighbour of that place, or in a tree of another number.
        gap.place = count;
        gap.left = chargeOf(a.e, 0);
        gap.left.place = count;
        noGap(a, forced, standing, gap);
        gap.left = chargeOf(a.e, count - 1);
        gap.left.count += 1;
        noGap(a, forced, standing, gap);
        gap.place = 0;
        gap.right = chargeOf(a.e, count - 1);
        gap.right.place = 1;
        noGap(a, forced, standing, gap);
        gap.right = chargeOf(a.e, 0);
        gap.right.count += 1;
        noGap(a, forced, standing, gap);
    }

    function noGap(Aim memory a, ForcedProof memory forced, Standing memory standing, RecordGap memory gap)
        internal
    {
        bytes memory call = abi.encodeCall(
            contract_.ignoredRecord, (a.e.number, a.e.roots, forced, standing, gap, bytes32(0))
        );
        refused(contract_, call, IForcedSegments.NotLeftOut.selector);
    }

    function testFuzz_noGapAmongRecordsIsMadeUp(uint256 seed) public {
        Aim memory a = ready(seed);
        force(a);
        (ForcedProof memory forced, Standing memory standing) = shownForced(a, aimedAt(a));
        uint256 count = a.e.segments[a.charge].length;
        for (uint256 place = 0; place <= count; ++place) {
            bytes memory call = recordGapCall(a, forced, standing, a.charge, place);
            refused(contract_, call, IForcedSegments.NotLeftOut.selector);
        }
        RecordGap memory gap;
        gap.charge = chargeOf(a.e, a.charge);
        noGap(a, forced, standing, gap);
        (gap.place, gap.count) = (uint32(count + 1), uint32(count));
        noGap(a, forced, standing, gap);
    }

    /// Each rule that the ticket alone refutes.
    function testFuzz_aNodePaysForWhatItShouldHaveRefused(uint256 seed) public {
        Aim memory a = ready(seed);
        bytes memory record = a.e.segments[a.charge][a.record];
        bytes memory ticket = ticketOf(a.e, record);
        uint256 how = seed % 6;
        if (how == 0) put(record, 52, (wordAt(ticket, 192) >> 192) + 1, 8);
        if (how == 1) put(record, 64, (wordAt(record, 60) >> 224) + 1, 4);
        if (how == 2) put(record, 68, (wordAt(ticket, 208) >> 192) + 1, 8);
        if (how == 3) put(record, 48, 0, 4);
        if (how == 4) put(record, 12, a.e.tickets.length, 4);
        if (how == 5) put(record, 108, draw(seed, "s", 0), 32);
        Left memory left = Left({
            payer: a.e.charges[a.charge].payer,
            node: a.e.charges[a.charge].node,
            record: record,
            ticket: ticket
        });
        forceOne(left);
        ForcedProof memory forced = oneForced(left);
        falls(contract_, abi.encodeCall(contract_.forcedInvalid, (a.e.number, forced, 0)));
    }

    // ---- Inside ----

    function ready(uint256 seed) internal returns (Aim memory a) {
        (Epoch memory e, Epoch memory before) = someEpochs(seed);
        vm.assume(e.charges.length > 0);
        a = aim(e, before, seed);
        contract_ = new ForcedSegments(ISettlement(address(host)));
    }

    function inWindow() internal {
        vm.warp(host.epochEnd(1) + host.TAIL());
    }

    function nodesOfHost() internal view returns (uint256 count) {
        while (true) {
            try host.nodeAt(uint32(count)) {
                ++count;
            } catch {
                return count;
            }
        }
    }

    function chunk(Aim memory a) internal pure returns (bytes memory all) {
        for (uint256 i = 0; i < a.e.segments[a.charge].length; ++i) {
            all = bytes.concat(all, a.e.segments[a.charge][i]);
        }
    }

    function force(Aim memory a) internal {
        inWindow();
        contract_.forceCommit(1, a.e.charges[a.charge].node, chunk(a));
        vm.warp(host.epochEnd(1) + 1000);
    }

    function forceOne(Left memory left) internal {
        inWindow();
        contract_.forceCommit(1, left.node, left.record);
    }

    function aimedAt(Aim memory a) internal returns (Left memory left) {
        left.payer = a.e.charges[a.charge].payer;
        left.node = a.e.charges[a.charge].node;
        left.record = bytes.concat(a.e.segments[a.charge][a.record]);
        left.ticket = ticketOf(a.e, left.record);
        forcedTree = a.e.segmentTrees[a.charge];
        bytes[] memory records = a.e.segments[a.charge];
        uint120[] memory masses = new uint120[](records.length);
        for (uint256 i = 0; i < records.length; ++i) {
            masses[i] = uint120(wordAt(records[i], 53) >> 136);
        }
        forcedTree = Trees.build(hashes(records), masses, true);
    }

    function shownForced(Aim memory a, Left memory left)
        internal
        view
        returns (ForcedProof memory forced, Standing memory standing)
    {
        Tree memory tree = forcedTree;
        forced = ForcedProof({
            node: left.node,
            chunk: 0,
            place: uint32(a.record),
            count: uint32(tree.count),
            record: left.record,
            proof: path(tree, 0, a.record),
            ticket: left.ticket
        });
        uint256 index = uint32(wordAt(left.record, 12) >> 224);
        standing = Standing({payer: left.payer, entry: entryOf(a.e, 0, index), node: nodeOf(a.e, left.node)});
    }

    function oneForced(Left memory left) internal pure returns (ForcedProof memory) {
        return ForcedProof({
            node: left.node, chunk: 0, place: 0, count: 1, record: left.record, proof: "", ticket: left.ticket
        });
    }

    function chargeCall(Aim memory a, ForcedProof memory forced, Standing memory standing, uint256 place)
        internal
        view
        returns (bytes memory)
    {
        ChargeGap memory gap;
        (gap.place, gap.count) = (uint32(place), uint32(a.e.charges.length));
        if (place != 0) gap.left = chargeOf(a.e, place - 1);
        if (place != a.e.charges.length) gap.right = chargeOf(a.e, place);
        return
            abi.encodeCall(
                contract_.ignoredCharge, (a.e.number, a.e.roots, forced, standing, gap, bytes32(0))
            );
    }

    function recordGapCall(
        Aim memory a,
        ForcedProof memory forced,
        Standing memory standing,
        uint256 charge,
        uint256 place
    ) internal view returns (bytes memory) {
        RecordGap memory gap;
        bytes[] memory records = a.e.segments[charge];
        Tree memory tree = a.e.segmentTrees[charge];
        gap.charge = chargeOf(a.e, charge);
        (gap.place, gap.count) = (uint32(place), uint32(records.length));
        if (place != 0) (gap.left, gap.leftProof) = (records[place - 1], path(tree, 0, place - 1));
        if (place != records.length) (gap.right, gap.rightProof) = (records[place], path(tree, 0, place));
        return
            abi.encodeCall(
                contract_.ignoredRecord, (a.e.number, a.e.roots, forced, standing, gap, bytes32(0))
            );
    }

    function newerCall(
        Aim memory a,
        ForcedProof memory forced,
        Standing memory standing,
        uint256 charge,
        uint256 place
    ) internal view returns (bytes memory) {
        RecordProof memory older = recordOf(a.e, charge, place);
        return
            abi.encodeCall(
                contract_.ignoredNewer, (a.e.number, a.e.roots, forced, standing, older, bytes32(0))
            );
    }

    function removeCharge(Epoch memory e, uint256 c) internal pure {
        uint256 count = e.charges.length - 1;
        for (uint256 i = c; i < count; ++i) {
            (e.charges[i], e.segments[i], e.segmentTrees[i]) =
            (e.charges[i + 1], e.segments[i + 1], e.segmentTrees[i + 1]);
        }
        ChargeLeaf[] memory charges = e.charges;
        assembly ("memory-safe") {
            mstore(charges, count)
        }
    }

    function without(bytes[] memory all, uint256 place) internal pure returns (bytes[] memory rest) {
        rest = new bytes[](all.length - 1);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = all[i < place ? i : i + 1];
        }
    }
}
