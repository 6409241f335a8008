// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The curve edwards25519 (RFC 8032, section 5.1)
/// @notice Points in extended homogeneous coordinates (X, Y, Z, T), x = X/Z, y = Y/Z, xy = T/Z; additions and
/// doublings of Hisil, Wong, Carter and Dawson ("Twisted Edwards Curves Revisited", 2008), which hold for all
/// pairs of points of this curve.
library Edwards25519 {
    /// @notice 2^255 − 19, the field's prime.
    uint256 internal constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;

    /// @notice Order of the base point.
    uint256 internal constant L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;

    /// @dev −121665/121666.
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    uint256 private constant D2 = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;

    /// @dev A square root of −1.
    uint256 private constant I = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;

    /// @dev The base point.
    uint256 private constant BASE_X = 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a;
    uint256 private constant BASE_Y = 0x6666666666666666666666666666666666666666666666666666666666666658;

    /// @dev The y of two of the points of order 8; the other two have −y.
    uint256 private constant Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826;

    /// @dev (P − 5) / 8.
    uint256 private constant ROOT_EXPONENT =
        0x0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd;

    uint256 private constant SIGN_BIT = 1 << 255;

    /// @notice The point that 32 bytes encode.
    /// @param encoding Read as a number, least significant byte first: y, and the sign of x as the highest bit.
    /// @return ok False if they aren't the canonical encoding of a point.
    function decode(uint256 encoding) internal view returns (bool ok, uint256 x, uint256 y) {
        y = encoding & (SIGN_BIT - 1);
        uint256 sign = encoding >> 255;
        if (y >= P) return (false, 0, 0);
        uint256 square = mulmod(y, y, P);
        uint256 u = addmod(square, P - 1, P);
        uint256 v = addmod(mulmod(D, square, P), 1, P);
        // x = u·v³·(u·v⁷)^((p−5)/8) is a root of u/v, or of −u/v, if either has one.
        uint256 v3 = mulmod(mulmod(v, v, P), v, P);
        uint256 v7 = mulmod(mulmod(v3, v3, P), v, P);
        x = mulmod(mulmod(u, v3, P), _power(mulmod(u, v7, P), ROOT_EXPONENT), P);
        uint256 check = mulmod(v, mulmod(x, x, P), P);
        if (check != u) {
            if (addmod(check, u, P) != 0) return (false, 0, 0);
            x = mulmod(x, I, P);
        }
        if (x == 0 && sign == 1) return (false, 0, 0);
        if (x & 1 != sign) x = P - x;
        return (true, x, y);
    }

    /// @notice Whether a point's order divides 8, by its y.
    function isSmallOrder(uint256 y) internal pure returns (bool) {
        return y < 2 || y == P - 1 || y == Y8 || y == P - Y8;
    }

    /// @notice Whether [8](s·B − k·A − R) is the identity.
    /// @param s Below 2^254, as is `k`.
    /// @dev Both scalars at once, two bits of each a step (Strauss), over the table of i·B − j·A, 0 ≤ i, j < 4.
    /// A table entry is (Y − X, Y + X, 2dT, 2Z), 128 bytes.
    function cancels(uint256 s, uint256 k, uint256 ax, uint256 ay, uint256 rx, uint256 ry)
        internal
        pure
        returns (bool identity)
    {
        assembly ("memory-safe") {
            function double(x, y, z) -> x3, y3, z3, t3 {
                let a := mulmod(x, x, P)
                let b := mulmod(y, y, P)
                let h := sub(sub(add(P, P), a), b)
                let e := add(x, y)
                e := addmod(mulmod(e, e, P), h, P)
                let g := sub(add(b, P), a)
                let f := addmod(g, sub(P, mulmod(add(z, z), z, P)), P)
                x3 := mulmod(e, f, P)
                y3 := mulmod(g, h, P)
                z3 := mulmod(f, g, P)
                t3 := mulmod(e, h, P)
            }
            function plus(x, y, z, t, entry) -> x3, y3, z3, t3 {
                let a := mulmod(sub(add(y, P), x), mload(entry), P)
                let b := mulmod(add(y, x), mload(add(entry, 32)), P)
                let c := mulmod(t, mload(add(entry, 64)), P)
                let d := mulmod(z, mload(add(entry, 96)), P)
                let e := sub(add(b, P), a)
                let h := add(b, a)
                a := sub(add(d, P), c)
                b := add(d, c)
                x3 := mulmod(e, a, P)
                y3 := mulmod(b, h, P)
                z3 := mulmod(a, b, P)
                t3 := mulmod(e, h, P)
            }
            function store(entry, x, y, z, t) {
                mstore(entry, addmod(y, sub(P, x), P))
                mstore(add(entry, 32), addmod(y, x, P))
                mstore(add(entry, 64), mulmod(t, D2, P))
                mstore(add(entry, 96), addmod(z, z, P))
            }
            // Fills a row of the table, from its first point on, which isn't stored yet.
            function row(entry, base, x, y, z, t) {
                store(entry, x, y, z, t)
                for { let end := add(entry, 384) } lt(entry, end) {} {
                    entry := add(entry, 128)
                    x, y, z, t := plus(x, y, z, t, base)
                    store(entry, x, y, z, t)
                }
            }

            // In the free memory, without taking it. Entry 16 is −R.
            let table := mload(0x40)
            rx := mod(sub(P, rx), P)
            store(add(table, 2048), rx, ry, 1, mulmod(rx, ry, P))
            ax := mod(sub(P, ax), P)
            let base := add(table, 128)
            store(base, BASE_X, BASE_Y, 1, mulmod(BASE_X, BASE_Y, P))
            row(table, base, 0, 1, 1, 0)
            {
                let first := add(table, 512)
                let x := ax
                let y := ay
                let z := 1
                let t := mulmod(ax, ay, P)
                row(first, base, x, y, z, t)
                x, y, z, t := plus(x, y, z, t, first)
                row(add(table, 1024), base, x, y, z, t)
                x, y, z, t := plus(x, y, z, t, first)
                row(add(table, 1536), base, x, y, z, t)
            }

            let x := 0
            let y := 1
            let z := 1
            let t := 0
            for { let shift := 254 } shift {} {
                shift := sub(shift, 2)
                x, y, z, t := double(x, y, z)
                x, y, z, t := double(x, y, z)
                let entry := or(and(shr(shift, s), 3), shl(2, and(shr(shift, k), 3)))
                if entry { x, y, z, t := plus(x, y, z, t, add(table, shl(7, entry))) }
            }
            x, y, z, t := plus(x, y, z, t, add(table, 2048))
            x, y, z, t := double(x, y, z)
            x, y, z, t := double(x, y, z)
            x, y, z, t := double(x, y, z)
            identity := and(iszero(x), eq(y, z))
        }
    }

    /// @dev By the precompile of EIP-198, which answers every call of this form.
    function _power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 32)
            mstore(add(input, 32), 32)
            mstore(add(input, 64), 32)
            mstore(add(input, 96), base)
            mstore(add(input, 128), exponent)
            mstore(add(input, 160), P)
            if iszero(staticcall(gas(), 5, input, 192, 0, 32)) { invalid() }
            result := mload(0)
        }
    }
}
