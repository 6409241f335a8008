// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEd25519} from "../../src/interfaces/IEd25519.sol";
import {RecordPlace, Records} from "../../src/libraries/Records.sol";
import {Rejection} from "../../src/types/Rejection.sol";
import {Aim} from "../utils/Calls.sol";
import {ChallengeTest} from "../utils/ChallengeTest.sol";

/// @notice The record rule, callable.
contract ExposedRecords {
    function rejection(
        bytes calldata record,
        bytes calldata entry,
        RecordPlace memory place,
        IEd25519 ed25519
    ) external view returns (Rejection) {
        return Records.rejectionInFull(record, entry, place, ed25519);
    }

    function mass(bytes calldata record) external pure returns (uint120) {
        return Records.mass(record);
    }
}

/// @notice The rule names the first check that fails, in the order of SPEC section 5.
/// forge-config: default.fuzz.runs = 48
contract RecordsTest is ChallengeTest {
    ExposedRecords internal immutable exposed = new ExposedRecords();

    function expect(Rejection expected, bytes memory record, bytes memory entry, RecordPlace memory place)
        internal
        view
    {
        Rejection found = exposed.rejection(record, entry, place, IEd25519(address(host)));
        vm.assertEq(uint256(found), uint256(expected));
    }

    /// From the last check to the first, each fault hides those after it.
    function testFuzz_theFirstThatFails(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory r = a.e.segments[a.charge][a.record];
        bytes memory t = bytes.concat(a.e.tickets[indexOf(a)]);
        RecordPlace memory place = RecordPlace({
            epoch: 1,
            network: bytes28(abi.encodePacked(uint64(block.chainid), address(host))),
            node: nodeKey(a.e.charges[a.charge].node),
            start: host.epochStart(1),
            end: host.epochEnd(1),
            tail: 300,
            payerKnown: true
        });
        expect(Rejection.None, r, t, place);
        r[80] ^= 0x01;
        expect(Rejection.BadSignature, r, t, place);
        put(r, 48, 0, 4);
        expect(Rejection.ZeroSequence, r, t, place);
        put(r, 68, 0, 8);
        expect(Rejection.OutsideTime, r, t, place);
        put(r, 60, 0, 4);
        put(r, 64, 1, 4);
        expect(Rejection.OverDeliveries, r, t, place);
        put(r, 52, (wordAt(t, 192) >> 192) + 1, 8);
        expect(Rejection.OverLimit, r, t, place);
        place.payerKnown = false;
        expect(Rejection.UnknownPayer, r, t, place);
        put(t, 208, 0, 8);
        put(r, 16, uint256(keccak256(t)), 32);
        expect(Rejection.MalformedTicket, r, t, place);
        place.node = "another";
        expect(Rejection.WrongNode, r, t, place);
        place.network = "another";
        expect(Rejection.WrongNetwork, r, t, place);
        // A log that has the ticket of another place there.
        r[15] ^= 0x01;
        expect(Rejection.WrongTicket, r, t, place);
        r[15] ^= 0x01;
        put(r, 16, 0, 32);
        expect(Rejection.WrongTicket, r, t, place);
        place.epoch = 2;
        expect(Rejection.UnknownTicket, r, t, place);
    }

    function test_codesAreThoseOfTheSpec() public pure {
        vm.assertEq(uint256(Rejection.UnknownTicket), 1);
        vm.assertEq(uint256(Rejection.BadSignature), 9);
        vm.assertEq(uint256(Rejection.NotMonotonic), 10);
        vm.assertEq(uint256(Rejection.MalformedTicket), 11);
        vm.assertEq(uint256(Rejection.UnknownPayer), 12);
    }

    /// The worked example of SPEC section 14.
    function test_theWorkedExample() public {
        bytes memory t = bytes.concat(
            hex"0000000000007a696522b1ac0c0c078f1fcc696b9cf72c59bb3624b7",
            hex"00000000000000070000000100000000",
            hex"aa27066f31ed4841a8d3745e51257a07fbd02c630c60a44ec318e36821f316d1",
            hex"f341ddc077dc3171c82248f5603213c2a4b998fd35cfab9b57163e17d55ec9bc",
            hex"a77d3cda10319ef1453ed69bfa8aef4c4c554a589d68a43d2e3eb63639bb3d85",
            hex"f78f15e685bba97aaa421afc364e2533f6f0b3b5",
            bytes32(0),
            hex"00000000000f42400000018bd165ed800000018bd16f1540"
        );
        bytes32 digest = keccak256(t);
        vm.assertEq(digest, 0x07ff20fe54ea7b7c9315c39521db477e8db49f717bde02dd84c714d0082960da);
        bytes memory receipt =
            bytes.concat(digest, hex"00000003000000000007a12000000005000000040000018bd1660108");
        bytes memory message = bytes.concat("quittance/rcpt1", keccak256(receipt));
        populate(1, 1, 1);
        host.sign(0xf341ddc077dc3171c82248f5603213c2a4b998fd35cfab9b57163e17d55ec9bc, "r", "s", message);
        bytes memory r =
            bytes.concat(hex"00000000000000070000000100000000", receipt, bytes32("r"), bytes32("s"));
        vm.assertEq(exposed.mass(r), 0x0000000007a1200000000500000004);
        RecordPlace memory place = RecordPlace({
            epoch: 7,
            network: bytes28(hex"0000000000007a696522b1ac0c0c078f1fcc696b9cf72c59bb3624b7"),
            node: 0xaa27066f31ed4841a8d3745e51257a07fbd02c630c60a44ec318e36821f316d1,
            start: 1_700_025_200,
            end: 1_700_028_800,
            tail: 300,
            payerKnown: true
        });
        expect(Rejection.None, r, t, place);
    }
}
