// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEd25519} from "./interfaces/IEd25519.sol";
import {Edwards25519} from "./libraries/Edwards25519.sol";
import {Sha512} from "./libraries/Sha512.sol";
import {Workspace} from "./libraries/Workspace.sol";

/// @title Ed25519 signatures, by SPEC section 3
contract Ed25519 is IEd25519 {
    /// @dev 2^256 modulo the base point's order.
    uint256 private constant WORD_MOD_L = 0x0ffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;

    /// @inheritdoc IEd25519
    function verify(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external view returns (bool) {
        // The workspace is the first thing in memory.
        Workspace.load();
        // Encodings first, coordinates then.
        (uint256 ax, uint256 rx, uint256 scalar) = _reversed(uint256(key), uint256(r), uint256(s));
        if (scalar >= Edwards25519.L) return false;
        bool ok;
        uint256 ay;
        (ok, ax, ay) = Edwards25519.decode(ax);
        if (!ok || Edwards25519.isSmallOrder(ay)) return false;
        uint256 ry;
        (ok, rx, ry) = Edwards25519.decode(rx);
        if (!ok) return false;
        return Edwards25519.cancels(scalar, _challenge(r, key, message), ax, ay, rx, ry);
    }

    /// @dev SHA-512(R ‖ A ‖ message) modulo L, its bytes read least significant first.
    function _challenge(bytes32 r, bytes32 key, bytes calldata message) private pure returns (uint256) {
        (uint256 low, uint256 high) = Sha512.digest(bytes.concat(r, key, message));
        return addmod(low, mulmod(high, WORD_MOD_L, Edwards25519.L), Edwards25519.L);
    }

    /// @dev The same 32 bytes of each in the other order: halves of ever smaller parts change places.
    function _reversed(uint256 a, uint256 b, uint256 c) private pure returns (uint256, uint256, uint256) {
        uint256 mask = type(uint256).max;
        for (uint256 shift = 128; shift > 4; shift >>= 1) {
            mask ^= mask << shift;
            a = ((a >> shift) & mask) | ((a & mask) << shift);
            b = ((b >> shift) & mask) | ((b & mask) << shift);
            c = ((c >> shift) & mask) | ((c & mask) << shift);
        }
        return (a, b, c);
    }
}
