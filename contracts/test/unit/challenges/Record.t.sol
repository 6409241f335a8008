// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRecordChallenges} from "../../../src/interfaces/IRecordChallenges.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";

/// @notice Every lie about a record is overturned. The honest case is `test/fuzz/Challenges.t.sol`.
/// forge-config: default.fuzz.runs = 48
contract RecordChallengesTest is ChallengeTest {
    function record(Aim memory a) internal pure returns (bytes memory) {
        return a.e.segments[a.charge][a.record];
    }

    function ticket(Aim memory a) internal pure returns (bytes memory) {
        return bytes.concat(a.e.tickets[indexOf(a)]);
    }

    /// @dev The record is another, and the rest follows from it.
    function reseal(Aim memory a) internal {
        sealSegment(a.e, a.charge);
        seal(a.e);
    }

    /// @dev The record is for this ticket.
    function retarget(Aim memory a, bytes memory to) internal {
        put(record(a), 16, uint256(keccak256(to)), 32);
        reseal(a);
    }

    function testFuzz_badSignature(uint256 seed) public {
        Aim memory a = aimed(seed);
        record(a)[16 + 36 + 24 + seed % 64] ^= bytes1(uint8(1 << (seed >> 8) % 8));
        reseal(a);
        falls(records, ticketCall(a, IRecordChallenges.badSignature.selector));
    }

    /// A bit of the receipt, whose mass stays in its lanes.
    function testFuzz_badSignature_ofAnotherReceipt(uint256 seed) public {
        Aim memory a = aimed(seed);
        record(a)[76 - 1 - seed % 8] ^= 0x01;
        reseal(a);
        falls(records, ticketCall(a, IRecordChallenges.badSignature.selector));
    }

    function testFuzz_ticketElsewhere(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory other = ticket(a);
        // Network, epoch, issuer, index, node and payer.
        uint8[6] memory fields = [27, 35, 39, 43, 75, 159];
        other[fields[seed % 6]] ^= 0x01;
        retarget(a, other);
        falls(records, ticketCall(a, IRecordChallenges.ticketElsewhere.selector, other));
    }

    function testFuzz_malformedTicket(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory other = ticket(a);
        (uint256 start, uint256 end) = (1000 * host.epochStart(1), 1000 * host.epochEnd(1));
        if (seed % 5 == 0) put(other, 200, start - 1, 8);
        if (seed % 5 == 1) put(other, 200, end, 8);
        if (seed % 5 == 2) put(other, 208, wordAt(other, 200) >> 192, 8);
        if (seed % 5 == 3) put(other, 208, end + 300_001, 8);
        if (seed % 5 == 4) put(other, 192, 1 << 56, 8);
        retarget(a, other);
        falls(records, ticketCall(a, IRecordChallenges.malformedTicket.selector, other));
    }

    function testFuzz_malformedTicket_aboveItsCollection(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory other = ticket(a);
        put(other, 192, (wordAt(other, 108) >> 200) + 1, 8);
        retarget(a, other);
        falls(records, ticketCall(a, IRecordChallenges.malformedTicket.selector, other));
    }

    function testFuzz_malformedTicket_bounds(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory other = ticket(a);
        (uint256 start, uint256 end) = (1000 * host.epochStart(1), 1000 * host.epochEnd(1));
        put(other, 200, seed % 2 == 0 ? start : end - 1, 8);
        put(other, 208, end + 300_000, 8);
        // All that the collection holds.
        put(other, 192, wordAt(other, 108) >> 200, 8);
        retarget(a, other);
        bytes memory call = ticketCall(a, IRecordChallenges.malformedTicket.selector, other);
        refused(records, call, IRecordChallenges.TicketIsWellFormed.selector);
    }

    function testFuzz_unknownPayer(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory other = ticket(a);
        a.e.charges[a.charge].payer = host.payerCount();
        if (seed % 2 == 0) host.addPayer(address(7), 1, uint64(host.epochEnd(1)));
        put(other, 140, 7, 20);
        retarget(a, other);
        falls(records, ticketCall(a, IRecordChallenges.unknownPayer.selector, other));
    }

    function testFuzz_unknownPayer_isNotAnotherPayer(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory other = ticket(a);
        put(other, 140, 7, 20);
        retarget(a, other);
        bytes memory call = ticketCall(a, IRecordChallenges.unknownPayer.selector, other);
        refused(records, call, IRecordChallenges.OtherPayer.selector);
        falls(records, ticketCall(a, IRecordChallenges.ticketElsewhere.selector, other));
    }

    function testFuzz_overLimit(uint256 seed) public {
        Aim memory a = aimed(seed);
        put(record(a), 52, (wordAt(ticket(a), 192) >> 192) + 1, 8);
        reseal(a);
        falls(records, ticketCall(a, IRecordChallenges.overLimit.selector));
    }

    function testFuzz_overDeliveries(uint256 seed) public {
        Aim memory a = aimed(seed);
        put(record(a), 64, (wordAt(record(a), 60) >> 224) + 1, 4);
        reseal(a);
        falls(records, recordCall(a, IRecordChallenges.overDeliveries.selector));
    }

    function testFuzz_outsideTime(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory t = ticket(a);
        uint256 signed = seed % 2 == 0 ? (wordAt(t, 200) >> 192) - 1 : (wordAt(t, 208) >> 192) + 1;
        put(record(a), 68, signed, 8);
        reseal(a);
        falls(records, ticketCall(a, IRecordChallenges.outsideTime.selector));
    }

    function testFuzz_zeroSequence(uint256 seed) public {
        Aim memory a = aimed(seed);
        put(record(a), 48, 0, 4);
        reseal(a);
        falls(records, recordCall(a, IRecordChallenges.zeroSequence.selector));
    }

    function testFuzz_noTicketLog(uint256 seed) public {
        Aim memory a = aimed(seed);
        if (seed % 3 == 0) put(record(a), 0, seed % 2 == 0 ? 0 : 2, 8);
        if (seed % 3 == 1) put(record(a), 8, 1, 4);
        if (seed % 3 == 2) host.setLog(1, 0, 0);
        reseal(a);
        falls(records, recordCall(a, IRecordChallenges.noTicketLog.selector));
    }

    function testFuzz_indexBeyondLog(uint256 seed) public {
        Aim memory a = aimed(seed);
        put(record(a), 12, a.e.tickets.length + seed % 3, 4);
        reseal(a);
        falls(records, beyondCall(a));
    }

    function testFuzz_ticketNotInLog(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 index = indexOf(a);
        bytes memory other = ticket(a);
        other[seed % 216] ^= 0x01;
        retarget(a, other);
        falls(records, entryCall(a, index));
    }

    function testFuzz_recordsOutOfOrder(uint256 seed) public {
        Aim memory a = aimed(seed);
        vm.assume(a.record > 0);
        bytes[] memory all = a.e.segments[a.charge];
        if (seed % 2 == 0) all[a.record] = all[a.record - 1];
        else (all[a.record], all[a.record - 1]) = (all[a.record - 1], all[a.record]);
        reseal(a);
        falls(records, pairCall(a));
    }
}
