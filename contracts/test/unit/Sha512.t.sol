// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Sha512} from "../../src/libraries/Sha512.sol";
import {Workspace} from "../../src/libraries/Workspace.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice The library's function, callable.
contract ExposedSha512 {
    function digest(bytes calldata message) external pure returns (uint256 low, uint256 high) {
        Workspace.load();
        return Sha512.digest(message);
    }

    /// @dev Whether a message stays as it is, and a second digest is the same as a first.
    function repeats(bytes calldata message, bytes calldata other) external pure returns (bool) {
        Workspace.load();
        bytes memory copy = message;
        bytes memory otherCopy = other;
        (uint256 low, uint256 high) = Sha512.digest(copy);
        Sha512.digest(otherCopy);
        (uint256 secondLow, uint256 secondHigh) = Sha512.digest(copy);
        return keccak256(copy) == keccak256(message) && keccak256(otherCopy) == keccak256(other)
            && low == secondLow && high == secondHigh;
    }
}

/// @notice Digests by Python's hashlib, of every length over three blocks.
contract Sha512Test is TestBase {
    ExposedSha512 private _sha512 = new ExposedSha512();

    function test_everyLength() external view {
        string memory json = vm.readFile("../tests/vectors/ed25519/sha512.json");
        bytes memory digests = vm.parseJsonBytes(json, "$.digests");
        vm.assertEq(digests.length, 64 * 401);
        for (uint256 size = 0; size <= 400; ++size) {
            vm.assertEq(_digest(_message(size)), _slice(digests, 64 * size), vm.toString(size));
        }
    }

    /// @dev FIPS 180-4's own examples, of one block and of two.
    function test_abc() external view {
        vm.assertEq(
            _digest("abc"),
            hex"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            hex"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
        vm.assertEq(
            _digest(
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
            ),
            hex"8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
            hex"501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
        );
    }

    function testFuzz_leavesMessagesAlone(bytes calldata message, bytes calldata other) external view {
        vm.assertTrue(_sha512.repeats(message, other));
    }

    /// @dev Nor does the tail of one message get into another's, whether they end in one block or in two.
    function test_tailsStayApart() external view {
        for (uint256 size = 104; size <= 128; ++size) {
            for (uint256 other = 104; other <= 128; ++other) {
                vm.assertTrue(_sha512.repeats(_message(size), _message(other)), vm.toString(size));
            }
        }
    }

    /// @dev A message that differs has another digest.
    function testFuzz_everyBitCounts(uint256 size, uint256 bit) external view {
        bytes memory message = _message(1 + size % 400);
        bytes memory digest = _digest(message);
        bit %= message.length * 8;
        message[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.assertNotEq(keccak256(digest), keccak256(_digest(message)));
    }

    /// @dev As `test/reference/ed25519.py` makes them.
    function _message(uint256 size) private pure returns (bytes memory message) {
        message = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            message[i] = bytes1(uint8(size + 31 * i + i * i));
        }
    }

    /// @dev The number's bytes, least significant first.
    function _digest(bytes memory message) private view returns (bytes memory bytes_) {
        (uint256 low, uint256 high) = _sha512.digest(message);
        bytes_ = new bytes(64);
        for (uint256 i = 0; i < 32; ++i) {
            bytes_[i] = bytes1(uint8(low >> (8 * i)));
            bytes_[32 + i] = bytes1(uint8(high >> (8 * i)));
        }
    }

    function _slice(bytes memory from, uint256 start) private pure returns (bytes memory slice) {
        slice = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            slice[i] = from[start + i];
        }
    }
}
