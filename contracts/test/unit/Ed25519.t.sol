// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ed25519} from "../../src/Ed25519.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice Every vector's verdict, which `test/reference/ed25519.py` reached with plain big integers.
contract Ed25519Test is TestBase {
    Ed25519 private _ed25519 = new Ed25519();

    function test_wycheproof() external view {
        _all("../tests/vectors/ed25519/wycheproof.json", 139);
    }

    function test_speccheck() external view {
        _all("../tests/vectors/ed25519/speccheck.json", 12);
    }

    /// @dev Groups of one kind, each vector in few bytes: see `test/reference/ed25519.py`.
    function test_crafted() external view {
        string memory json = vm.readFile("../tests/vectors/ed25519/crafted.json");
        uint256 total = 0;
        for (uint256 i = 0; i < 16; ++i) {
            string memory group = string.concat("$.groups[", vm.toString(i), "]");
            string memory kind = vm.parseJsonString(json, string.concat(group, ".kind"));
            (uint256 count, uint256 valid) =
                this.checkRecords(vm.parseJsonBytes(json, string.concat(group, ".records")), kind);
            vm.assertEq(count, vm.parseJsonUint(json, string.concat(group, ".count")), kind);
            vm.assertEq(valid, vm.parseJsonUint(json, string.concat(group, ".valid")), kind);
            total += count;
        }
        vm.assertEq(total, 3159);
        vm.assertFalse(vm.keyExistsJson(json, "$.groups[16]"));
    }

    /// @dev Verdict (1 byte), length of the message (2), key, r, s, message, and so on.
    function checkRecords(bytes calldata records, string calldata kind)
        external
        view
        returns (uint256 count, uint256 valid)
    {
        while (records.length != 0) {
            (bytes calldata vector, bytes calldata rest) = _cut(records);
            bool verdict = _ed25519.verify(
                bytes32(vector[3:35]), bytes32(vector[35:67]), bytes32(vector[67:99]), vector[99:]
            );
            if (verdict != (vector[0] == 0x01)) {
                vm.assertTrue(false, string.concat(kind, ", ", vm.toString(count)));
            }
            if (verdict) ++valid;
            ++count;
            records = rest;
        }
    }

    /// @dev Whatever the bytes, the answer is no, and it is an answer.
    function testFuzz_noiseIsRefused(bytes32 key, bytes32 r, bytes32 s, bytes calldata message)
        external
        view
    {
        vm.assertFalse(_ed25519.verify(key, r, s, message));
    }

    /// @dev RFC 8032, section 7.1, test 3, with one bit of it turned.
    function testFuzz_aTurnedBitIsRefused(uint256 bit) external view {
        bytes memory all = abi.encodePacked(
            hex"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            hex"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
            hex"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            hex"af82"
        );
        vm.assertTrue(_verify(all));
        bit %= all.length * 8;
        all[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.assertFalse(_verify(all));
    }

    /// @dev Valid signatures of messages without zeros, so that calldata costs what it may.
    function test_gas() external {
        _snapshot(_valid(47), "ed25519_47");
        _snapshot(_valid(150), "ed25519_150");
    }

    /// @dev As a transaction that does nothing else, and what a contract pays that calls.
    function _snapshot(bytes memory call, string memory name) private {
        (bool done, bytes memory verdict) = address(_ed25519).call(call);
        vm.snapshotGasLastCall("Ed25519", name);
        vm.assertTrue(done && abi.decode(verdict, (bool)));
        (done, verdict) = address(_ed25519).staticcall(call);
        vm.snapshotGasLastCall("Ed25519", string.concat(name, "_execution"));
        vm.assertTrue(done && abi.decode(verdict, (bool)));
    }

    /// @dev A call with the vector of a valid signature of that many bytes, from the group that has every length.
    function _valid(uint256 size) private view returns (bytes memory) {
        string memory json = vm.readFile("../tests/vectors/ed25519/crafted.json");
        bytes memory records = vm.parseJsonBytes(json, "$.groups[0].records");
        return this.callOf(records, 99 * size + size * (size - 1) / 2);
    }

    function callOf(bytes calldata records, uint256 start) external pure returns (bytes memory) {
        (bytes calldata vector,) = _cut(records[start:]);
        return abi.encodeCall(
            Ed25519.verify,
            (bytes32(vector[3:35]), bytes32(vector[35:67]), bytes32(vector[67:99]), vector[99:])
        );
    }

    function _cut(bytes calldata records) private pure returns (bytes calldata, bytes calldata) {
        uint256 size = 99 + uint16(bytes2(records[1:3]));
        return (records[:size], records[size:]);
    }

    function _verify(bytes memory all) private view returns (bool) {
        bytes32[3] memory words;
        bytes memory message = new bytes(all.length - 96);
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(all, 32), mul(i, 32)))
            }
            words[i] = word;
        }
        for (uint256 i = 0; i < message.length; ++i) {
            message[i] = all[96 + i];
        }
        return _ed25519.verify(words[0], words[1], words[2], message);
    }

    function _all(string memory file, uint256 count) private view {
        string memory json = vm.readFile(file);
        uint256 i = 0;
        for (string memory path = _path(i); vm.keyExistsJson(json, path); path = _path(i)) {
            bool verdict = _ed25519.verify(
                vm.parseJsonBytes32(json, string.concat(path, ".key")),
                vm.parseJsonBytes32(json, string.concat(path, ".r")),
                vm.parseJsonBytes32(json, string.concat(path, ".s")),
                vm.parseJsonBytes(json, string.concat(path, ".message"))
            );
            vm.assertTrue(verdict == vm.parseJsonBool(json, string.concat(path, ".valid")), path);
            ++i;
        }
        vm.assertEq(i, count);
    }

    function _path(uint256 i) private pure returns (string memory) {
        return string.concat("$.vectors[", vm.toString(i), "]");
    }
}
