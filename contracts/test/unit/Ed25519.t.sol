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

    function test_crafted() external view {
        _all("../tests/vectors/ed25519/crafted.json", 606);
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

    function test_gas() external {
        (bytes32 key, bytes32 r, bytes32 s) = (
            0xfc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025,
            0x6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac,
            0x18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
        );
        vm.assertFalse(_ed25519.verify(key, r, s, new bytes(47)));
        vm.snapshotGasLastCall("Ed25519", "verify 47 bytes");
        vm.assertFalse(_ed25519.verify(key, r, s, new bytes(150)));
        vm.snapshotGasLastCall("Ed25519", "verify 150 bytes");
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
