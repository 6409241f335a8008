// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IIssuerChallenges} from "../../../src/interfaces/IIssuerChallenges.sol";
import {TreeKind} from "../../../src/types/Proofs.sol";
import {Aim} from "../../utils/Calls.sol";
import {ChallengeTest} from "../../utils/ChallengeTest.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice Every lie of an issuer costs it. The honest case is `test/fuzz/Challenges.t.sol`.
/// forge-config: default.fuzz.runs = 48
contract IssuerChallengesTest is ChallengeTest {
    using Trees for Tree;

    function someTicketOf(Aim memory a) internal pure returns (bytes memory) {
        return bytes.concat(a.e.tickets[a.seed % a.e.tickets.length]);
    }

    function recommit(Aim memory a) internal {
        host.setLog(1, 0, a.e.log.root());
    }

    /// @dev As {falls}, and whether the log is struck as well.
    function fallsWith(bytes memory call, bool struck) internal {
        falls(issuers, call);
        vm.assertEq(host.overturns(), 0);
        vm.assertEq(host.strikes(), struck ? 1 : 0);
        vm.assertEq(host.ticketLog(1, 0) == 0, struck);
    }

    function testFuzz_logMissing(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory t = someTicketOf(a);
        bytes memory call = abi.encodeCall(issuers.logMissing, (t, issued(t), "s", 0));
        host.setLog(1, 0, 0);
        vm.warp(host.epochEnd(1) + 600);
        refused(issuers, call, IIssuerChallenges.LogInTime.selector);
        vm.warp(host.epochEnd(1) + 601);
        falls(issuers, call);
        vm.assertEq(host.overturns(), 0);
    }

    function testFuzz_logTooShort(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory t = someTicketOf(a);
        put(t, 40, a.e.tickets.length, 4);
        fallsWith(abi.encodeCall(issuers.logTooShort, (t, issued(t), "s", openingOf(a.e.log), 0)), false);
    }

    function testFuzz_logContradicts(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 i = seed % a.e.tickets.length;
        bytes memory t = someTicketOf(a);
        // What it is for, not where it stands.
        t[44 + (seed >> 8) % 172] ^= 0x01;
        bytes32 r = issued(t);
        bytes32 entry = a.e.log.hashes[0][i];
        fallsWith(abi.encodeCall(issuers.logContradicts, (t, r, "s", entryOf(a.e, 0, i), entry, 0)), false);
    }

    function testFuzz_logContradicts_atItsPlaceOnly(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 i = seed % a.e.tickets.length;
        bytes memory t = someTicketOf(a);
        bytes32 r = issued(t);
        uint256 other = (i + 1) % a.e.tickets.length;
        bytes memory call = abi.encodeCall(
            issuers.logContradicts, (t, r, "s", entryOf(a.e, 0, other), a.e.log.hashes[0][other], 0)
        );
        refused(issuers, call, IIssuerChallenges.OtherPlace.selector);
        call = abi.encodeCall(
            issuers.logContradicts, (t, r, "s", entryOf(a.e, 1, i / 2), a.e.log.hashes[1][i / 2], 0)
        );
        refused(issuers, call, IIssuerChallenges.OtherPlace.selector);
    }

    function testFuzz_ticketMalformedByIssuer(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory t = someTicketOf(a);
        put(t, seed % 2 == 0 ? 200 : 208, 0, 8);
        fallsWith(abi.encodeCall(issuers.ticketMalformedByIssuer, (t, issued(t), "s", 0)), false);
    }

    function testFuzz_onlyWhatTheIssuerSignedForThisNetwork(uint256 seed) public {
        Aim memory a = aimed(seed);
        bytes memory t = someTicketOf(a);
        put(t, 200, 0, 8);
        bytes memory call = abi.encodeCall(issuers.ticketMalformedByIssuer, (t, "r", "s", 0));
        refused(issuers, call, IIssuerChallenges.NotSigned.selector);
        t[27] ^= 0x01;
        call = abi.encodeCall(issuers.ticketMalformedByIssuer, (t, issued(t), "s", 0));
        refused(issuers, call, IIssuerChallenges.OtherNetwork.selector);
    }

    function testFuzz_logWrongSum(uint256 seed) public {
        Aim memory a = aimed(seed);
        (uint256 level, uint256 position) = somewhere(a, TreeKind.Log);
        bytes memory preimage = preimageOf(a.e, TreeKind.Log, 0, level, position);
        (bytes32 hash, uint120 mass) = (a.e.log.hashes[level][position], a.e.log.masses[level][position]);
        plant(a.e.log, level, position, hash, mass + 1, true);
        recommit(a);
        fallsWith(
            abi.encodeCall(issuers.logWrongSum, (1, 0, entryOf(a.e, level, position), preimage, 0)), true
        );
    }

    function testFuzz_logWrongShape(uint256 seed) public {
        Aim memory a = aimed(seed);
        (uint256 level, uint256 position) = somewhere(a, TreeKind.Log);
        bytes memory preimage = "neither";
        plant(a.e.log, level, position, keccak256(preimage), a.e.log.masses[level][position], true);
        recommit(a);
        fallsWith(
            abi.encodeCall(issuers.logWrongShape, (1, 0, entryOf(a.e, level, position), preimage, 0)), true
        );
    }

    function testFuzz_logWrongCount(uint256 seed) public {
        Aim memory a = aimed(seed);
        (uint256 level, uint256 position) = somewhere(a, TreeKind.Log);
        plant(a.e.log, level, position, 0, a.e.log.masses[level][position], true);
        recommit(a);
        fallsWith(abi.encodeCall(issuers.logWrongCount, (1, 0, entryOf(a.e, level, position), 0, 0)), true);
    }

    function testFuzz_logOutOfPlace(uint256 seed) public {
        Aim memory a = aimed(seed);
        uint256 i = seed % a.e.tickets.length;
        // Network, epoch, issuer, index.
        uint8[4] memory fields = [0, 35, 39, 43];
        a.e.tickets[i][fields[(seed >> 8) % 4]] ^= 0x01;
        a.e.log = treeOfTickets(a.e.tickets);
        recommit(a);
        bytes memory call =
            abi.encodeCall(issuers.logOutOfPlace, (1, 0, entryOf(a.e, 0, i), a.e.tickets[i], 0));
        // Of another network, in its place: it counts for nobody, and the log can be judged by.
        fallsWith(call, (seed >> 8) % 4 != 0);
    }
}
