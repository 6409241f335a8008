// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEd25519} from "../../src/interfaces/IEd25519.sol";

/// @notice Believes the signatures that a test tells it of, and no others: a test has no keys to sign with.
contract Signatures is IEd25519 {
    mapping(bytes32 signature => bool) private _made;

    function sign(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external {
        _made[keccak256(abi.encode(key, r, s, message))] = true;
    }

    /// @inheritdoc IEd25519
    function verify(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external view returns (bool) {
        return _made[keccak256(abi.encode(key, r, s, message))];
    }
}
