// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Ed25519 signatures, by SPEC section 3
interface IEd25519 {
    /// @notice Whether a signature `r ‖ s` by `key` over a message is valid.
    function verify(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external view returns (bool);
}
