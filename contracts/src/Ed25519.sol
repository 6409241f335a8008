// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEd25519} from "./interfaces/IEd25519.sol";
import {Edwards25519} from "./libraries/Edwards25519.sol";
import {Sha512} from "./libraries/Sha512.sol";

/// @title Ed25519 signatures, by SPEC section 3
contract Ed25519 is IEd25519 {
    /// @dev 2^256 modulo the base point's order.
    uint256 private constant WORD_MOD_L = 0x0ffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;

    /// @inheritdoc IEd25519
    function verify(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external view returns (bool) {
        uint256 scalar = _reversed(uint256(s));
        if (scalar >= Edwards25519.L) return false;
        (bool ok, uint256 ax, uint256 ay) = Edwards25519.decode(_reversed(uint256(key)));
        if (!ok || Edwards25519.isSmallOrder(ay)) return false;
        uint256 rx;
        uint256 ry;
        (ok, rx, ry) = Edwards25519.decode(_reversed(uint256(r)));
        if (!ok) return false;
        return Edwards25519.cancels(scalar, _challenge(r, key, message), ax, ay, rx, ry);
    }

    /// @dev SHA-512(R ‖ A ‖ message) modulo L, its bytes read least significant first.
    function _challenge(bytes32 r, bytes32 key, bytes calldata message) private pure returns (uint256) {
        (uint256 first, uint256 last) = Sha512.digest(bytes.concat(r, key, message));
        uint256 high = mulmod(_reversed(last), WORD_MOD_L, Edwards25519.L);
        return addmod(_reversed(first), high, Edwards25519.L);
    }

    /// @dev The same 32 bytes in the other order: halves of ever smaller parts change places.
    function _reversed(uint256 n) private pure returns (uint256) {
        uint256 mask = type(uint256).max / 0x101;
        n = ((n >> 8) & mask) | ((n & mask) << 8);
        mask = type(uint256).max / 0x10001;
        n = ((n >> 16) & mask) | ((n & mask) << 16);
        mask = type(uint256).max / 0x100000001;
        n = ((n >> 32) & mask) | ((n & mask) << 32);
        mask = type(uint256).max / 0x10000000000000001;
        n = ((n >> 64) & mask) | ((n & mask) << 64);
        return (n >> 128) | (n << 128);
    }
}
