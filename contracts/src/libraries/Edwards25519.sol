// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The curve edwards25519 (RFC 8032, section 5.1), and the equation of a signature
/// @notice {cancels} needs {Workspace-load}.
/// @dev How [8](s·B − k·A − R) = 0 is decided, with 126 doublings instead of 252:
///
/// 1. {halves} finds u and v of half the size, v·k = ±u modulo L, by Euclid's algorithm on L and k, stopped half
///    way (Antipa, Brown, Gallant, Lambert, Struik, Vanstone: "Accelerated Verification of ECDSA Signatures", SAC
///    2005; Pornin: "Optimized Lattice Basis Reduction In Dimension 2, and Fast Schnorr and EdDSA Signature
///    Verification", 2020). With Q = s·B − k·A − R, [8]Q is in the subgroup of prime order L, and v isn't 0 modulo L, so [8]Q = 0
///    if and only if [8](v·Q) = 0. For points of any order, [8]A too is in that subgroup, so that there v·k may be
///    taken modulo L: [8](v·Q) = [8](w·B ∓ u·A − v·R) with w = v·s modulo L.
/// 2. w is below 2^252 or L − w is; in the latter case all signs are turned. Its halves of 126 bits go with B and
///    2^126·B, three bits of each at a time, over a constant table of their 64 sums ({BaseTable}).
/// 3. u and v are below 2^127. Their digits to the base 4, from −1 to 2, are those of u + 1 + 4 + 4² + … with one
///    taken from each; they go over a table of the 16 points i·A + j·R.
/// 4. Instead of three more doublings the sum is compared with the eight points of small order.
///
/// Points are in extended homogeneous coordinates (X, Y, Z, T), x = X/Z, y = Y/Z, xy = T/Z; sums and doubles by
/// Hisil, Wong, Carter and Dawson ("Twisted Edwards Curves Revisited", 2008), which hold for all pairs of points
/// of this curve. T is only computed where a sum needs it. A table has points as sums take them:
/// (Y − X, Y + X, 2dT, 2Z), or, where Z is 1, half of it: ((y − x)/2, (y + x)/2, dxy).
///
/// Bounds: `mulmod` gives less than P, and takes any words. Sums have two terms of at most P each, differences are
/// `add(a, sub(P, b))` with b at most P. So none exceeds 2P = 2^256 − 38.
library Edwards25519 {
    /// @notice 2^255 − 19, the field's prime.
    uint256 internal constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;

    /// @notice Order of the base point.
    uint256 internal constant L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;

    /// @dev −121665/121666, and twice that.
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    uint256 private constant D2 = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;

    /// @dev A square root of −1.
    uint256 private constant I = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;

    /// @dev The y of two of the points of order 8; the other two have −y.
    uint256 private constant Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826;

    /// @dev (P − 5) / 8.
    uint256 private constant ROOT_EXPONENT =
        0x0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd;

    uint256 private constant SIGN_BIT = 1 << 255;

    /// @dev 1 + 4 + 4² + … + 4^63.
    uint256 private constant ONES = 0x55555555555555555555555555555555;

    // Places in the workspace. The sums of B and 2^126·B are in three planes of 64 words. Those of A and R are entries
    // of 128 bytes: i + 4j is (i − 1)·A + (j − 1)·R.
    uint256 private constant BASE_MINUS = 0x340;
    uint256 private constant BASE_PLUS = 0xb40;
    uint256 private constant BASE_DT = 0x1340;
    uint256 private constant MINUS = 0x1b40;
    uint256 private constant PLUS = 0x1b60;
    uint256 private constant TWICE_DT = 0x1b80;
    uint256 private constant TWICE_Z = 0x1ba0;

    /// @notice The point that 32 bytes encode.
    /// @param encoding Read as a number, least significant byte first: y, and the sign of x as the highest bit.
    /// @return ok False if they aren't the canonical encoding of a point.
    function decode(uint256 encoding) internal view returns (bool ok, uint256 x, uint256 y) {
        uint256 p = P;
        y = encoding & (SIGN_BIT - 1);
        if (y >= p) return (false, 0, 0);
        // x² = u/v. With b = (P − 5)/8, x = u·(uv)^b has x² = u/v·(uv)^(2b + 1), where the power of uv is a fourth
        // root of 1: 1 or −1 if uv, and with it u/v, is a square, and else neither. v is never 0.
        uint256 v = mulmod(y, y, p);
        uint256 u = addmod(v, p - 1, p);
        v = addmod(mulmod(D, v, p), 1, p);
        x = mulmod(u, _power(mulmod(u, v, p), ROOT_EXPONENT), p);
        v = mulmod(v, mulmod(x, x, p), p);
        if (v != u) {
            if (addmod(v, u, p) != 0) return (false, 0, 0);
            x = mulmod(x, I, p);
        }
        if (x & 1 != encoding >> 255) {
            // 0 has no other sign.
            if (x == 0) return (false, 0, 0);
            x = p - x;
        }
        return (true, x, y);
    }

    /// @notice Whether a point's order divides 8, by its y.
    function isSmallOrder(uint256 y) internal pure returns (bool) {
        return y < 2 || y == P - 1 || y == Y8 || y == P - Y8;
    }

    /// @notice Whether [8](s·B − k·A − R) is the identity.
    /// @param s Any number, as is `k`.
    /// @param ax A, a point of the curve, as is R.
    function cancels(uint256 s, uint256 k, uint256 ax, uint256 ay, uint256 rx, uint256 ry)
        internal
        pure
        returns (bool)
    {
        (uint256 u, uint256 v, bool opposite) = halves(k);
        uint256 w = mulmod(v, s, L);
        if (w >> 252 != 0) {
            w = L - w;
            opposite = !opposite;
        } else {
            rx = P - rx;
        }
        if (!opposite) ax = P - ax;
        _tabulate(ax, ay, rx, ry);
        return _sumIsSmall(u, v, w);
    }

    /// @notice Two small numbers whose quotient is k or −k modulo L.
    /// @param k Any number: the first steps reduce it.
    /// @return u Below 2^127; v·k modulo L, or if `opposite` −v·k.
    /// @return v Not 0, and at most 2^125.
    /// @dev Euclid's algorithm on L and k: every remainder is ±v·k modulo L, signs in turn, with a `v` that grows as
    /// remainders shrink. A `v` times the remainder before its own is at most L. The one taken belongs to the first
    /// remainder below 2^127. Sums and products are at most L. Two steps go between checks; a division by 0
    /// in the second gives 0, and its result isn't taken. Quotients are multiplied: they are what Euclid's steps take.
    function halves(uint256 k) internal pure returns (uint256 u, uint256 v, bool opposite) {
        assembly ("memory-safe") {
            let limit := shl(127, 1)
            u := k
            v := 1
            let last := L
            let lastV := 0
            for {} iszero(lt(u, limit)) {} {
                // slither-disable-next-line divide-before-multiply
                lastV := add(lastV, mul(div(last, u), v))
                last := mod(last, u)
                // slither-disable-next-line divide-before-multiply
                v := add(v, mul(div(u, last), lastV))
                u := mod(u, last)
                if lt(u, limit) { break }
                // slither-disable-next-line divide-before-multiply
                lastV := add(lastV, mul(div(last, u), v))
                last := mod(last, u)
                // slither-disable-next-line divide-before-multiply
                v := add(v, mul(div(u, last), lastV))
                u := mod(u, last)
            }
            if lt(last, limit) {
                u := last
                v := lastV
                opposite := 1
            }
        }
    }

    /// @dev Fills the table of (i − 1)·A + (j − 1)·R. Coordinates may be P instead of 0.
    function _tabulate(uint256 ax, uint256 ay, uint256 rx, uint256 ry) private pure {
        assembly ("memory-safe") {
            // An entry of 2dT = `t` and 2Z = `z`.
            function store(at, minus, plus, t, z) {
                mstore(at, minus)
                mstore(add(at, 32), plus)
                mstore(add(at, 64), t)
                mstore(add(at, 96), z)
            }
            // The last step of doubles and sums: X = ef, Y = gh, Z = fg, T = eh.
            function storeProducts(at, e, f, g, h) {
                let p := P
                let x := mulmod(e, f, p)
                let y := mulmod(g, h, p)
                let z := mulmod(f, g, p)
                store(at, add(y, sub(p, x)), add(y, x), mulmod(mulmod(e, h, p), D2, p), addmod(z, z, p))
            }
            function storeNegative(at, from) {
                store(
                    at,
                    mload(add(from, 32)),
                    mload(from),
                    sub(P, mload(add(from, 64))),
                    mload(add(from, 96))
                )
            }
            // With m = Y − X and n = Y + X: 4XY = n² − m², 2(X² + Y²) = n² + m², Y² − X² = mn.
            function storeDouble(at, from) {
                let p := P
                let m := mload(from)
                let n := mload(add(from, 32))
                let g := mulmod(m, n, p)
                g := addmod(g, g, p)
                m := mulmod(m, m, p)
                n := mulmod(n, n, p)
                let z := mload(add(from, 96))
                storeProducts(at, add(n, sub(p, m)), add(mulmod(z, z, p), sub(p, g)), g, add(n, m))
            }
            // To both sides of an entry, its sum and its difference with the point of y − x = m, y + x = n, xy = t.
            function storeSides(at, step, m, n, t) {
                let p := P
                t := mulmod(mload(add(at, 64)), t, p)
                let f := mload(add(at, 96))
                let g := add(f, t)
                f := add(f, sub(p, t))
                let minus := mload(at)
                let plus := mload(add(at, 32))
                let a := mulmod(minus, m, p)
                let b := mulmod(plus, n, p)
                storeProducts(add(at, step), add(b, sub(p, a)), f, g, add(b, a))
                a := mulmod(minus, n, p)
                b := mulmod(plus, m, p)
                storeProducts(sub(at, step), add(b, sub(p, a)), g, f, add(b, a))
            }

            let at := mulmod(ax, ay, P)
            let am := add(ay, sub(P, ax))
            ax := add(ay, ax)
            ay := mulmod(rx, ry, P)
            let rm := add(ry, sub(P, rx))
            rx := add(ry, rx)
            // Now A is (am, ax, at) and R (rm, rx, ay): y − x, y + x and xy. An entry's number is i + 4j.
            store(0x1dc0, 1, 1, 0, 2)
            store(0x1e40, am, ax, mulmod(at, D2, P), 2)
            store(0x1fc0, rm, rx, mulmod(ay, D2, P), 2)
            storeNegative(0x1d40, 0x1e40)
            storeNegative(0x1bc0, 0x1fc0)
            // A ± R and −A ∓ R.
            storeSides(0x1e40, 0x200, rm, rx, ay)
            storeNegative(0x1b40, 0x2040)
            storeNegative(0x1f40, 0x1c40)
            // 2A and 2A ± R, 2R and 2R ± A, 2A + 2R.
            storeDouble(0x1ec0, 0x1e40)
            storeSides(0x1ec0, 0x200, rm, rx, ay)
            storeDouble(0x21c0, 0x1fc0)
            storeSides(0x21c0, 0x80, am, ax, at)
            storeDouble(0x22c0, 0x2040)
        }
    }

    /// @dev Whether u·A + v·R + w·B, A and R being those of the table, has an order that divides 8.
    /// @param u Below 2^127, as is `v`.
    /// @param w Below 2^252.
    function _sumIsSmall(uint256 u, uint256 v, uint256 w) private pure returns (bool small) {
        assembly ("memory-safe") {
            // Two bits of u, two of v, two of u, and so on, from the lowest.
            function interleave2(a, b) -> n {
                let mask := 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff
                a := and(or(a, shl(64, a)), mask)
                b := and(or(b, shl(64, b)), mask)
                for { let shift := 32 } gt(shift, 1) { shift := shr(1, shift) } {
                    mask := xor(mask, shl(shift, mask))
                    a := and(or(a, shl(shift, a)), mask)
                    b := and(or(b, shl(shift, b)), mask)
                }
                n := or(a, shl(2, b))
            }
            // Three bits of each.
            function interleave3(a, b) -> n {
                let mask := 0xffffffffffffffff000000000000000000000000ffffffffffffffffffffffff
                a := and(or(a, shl(96, a)), mask)
                b := and(or(b, shl(96, b)), mask)
                for { let shift := 48 } gt(shift, 2) { shift := shr(1, shift) } {
                    mask := xor(mask, shl(shift, mask))
                    a := and(or(a, shl(shift, a)), mask)
                    b := and(or(b, shl(shift, b)), mask)
                }
                n := or(a, shl(3, b))
            }

            // 64 digits of four bits, and 42 columns of six.
            u := interleave2(add(u, ONES), add(v, ONES))
            w := interleave3(and(w, 0x3fffffffffffffffffffffffffffffff), shr(126, w))

            // The highest digit, at 126 bits, gives the first point. It doesn't need T.
            let x
            let y
            let z
            let t
            {
                let i := shl(7, shr(252, u))
                let minus := mload(add(i, MINUS))
                let plus := mload(add(i, PLUS))
                x := addmod(plus, sub(shl(1, P), minus), P)
                y := addmod(plus, minus, P)
                z := mload(add(i, TWICE_Z))
            }

            // Six bits a turn: digits after 2, 4 and 6 doublings, columns after 3 and 6. With
            //     E = 2XY, G = X² − Y² = (X + Y)(X − Y), F = 2Z² + G, H = X² + Y² = (X − Y)² + E
            // (EF, GH, FG, EH) is *minus* the double, one addition cheaper than the double.
            for {
                let shift := 252
                let p := P
            } shift {} {
                shift := sub(shift, 12)
                let digits := shr(shift, u)
                let columns := shr(shift, w)
                // Double.
                {
                    let e := mulmod(add(x, x), y, p)
                    let s := add(x, sub(p, y))
                    let g := mulmod(add(x, y), s, p)
                    let f := add(mulmod(add(z, z), z, p), g)
                    x := mulmod(e, f, p)
                    y := mulmod(add(mulmod(s, s, p), e), g, p)
                    z := mulmod(f, g, p)
                }
                // Double, add of A and R.
                {
                    let i := and(shr(1, digits), 0x780)
                    {
                        let e := mulmod(add(x, x), y, p)
                        let s := add(x, sub(p, y))
                        let g := mulmod(add(x, y), s, p)
                        let f := add(mulmod(add(z, z), z, p), g)
                        let h := add(mulmod(s, s, p), e)
                        x := mulmod(e, f, p)
                        y := mulmod(g, h, p)
                        z := mulmod(mulmod(f, g, p), mload(add(i, TWICE_Z)), p)
                        t := mulmod(mulmod(e, h, p), mload(add(i, TWICE_DT)), p)
                    }
                    let a := mulmod(add(y, sub(p, x)), mload(add(i, MINUS)), p)
                    let b := mulmod(add(y, x), mload(add(i, PLUS)), p)
                    let f := add(z, sub(p, t))
                    let g := add(z, t)
                    x := mulmod(add(b, sub(p, a)), f, p)
                    y := mulmod(add(b, a), g, p)
                    z := mulmod(f, g, p)
                }
                // Double, subtract of B, for what is doubled three times is negative.
                {
                    let i := and(shr(1, columns), 0x7e0)
                    {
                        let e := mulmod(add(x, x), y, p)
                        let s := add(x, sub(p, y))
                        let g := mulmod(add(x, y), s, p)
                        let f := add(mulmod(add(z, z), z, p), g)
                        let h := add(mulmod(s, s, p), e)
                        x := mulmod(e, f, p)
                        y := mulmod(g, h, p)
                        z := mulmod(f, g, p)
                        t := mulmod(mulmod(e, h, p), mload(add(i, BASE_DT)), p)
                    }
                    let a := mulmod(add(y, sub(p, x)), mload(add(i, BASE_PLUS)), p)
                    let b := mulmod(add(y, x), mload(add(i, BASE_MINUS)), p)
                    let f := add(z, t)
                    let g := add(z, sub(p, t))
                    x := mulmod(add(b, sub(p, a)), f, p)
                    y := mulmod(add(b, a), g, p)
                    z := mulmod(f, g, p)
                }
                // Double, add of A and R.
                {
                    let i := and(shl(3, digits), 0x780)
                    {
                        let e := mulmod(add(x, x), y, p)
                        let s := add(x, sub(p, y))
                        let g := mulmod(add(x, y), s, p)
                        let f := add(mulmod(add(z, z), z, p), g)
                        let h := add(mulmod(s, s, p), e)
                        x := mulmod(e, f, p)
                        y := mulmod(g, h, p)
                        z := mulmod(mulmod(f, g, p), mload(add(i, TWICE_Z)), p)
                        t := mulmod(mulmod(e, h, p), mload(add(i, TWICE_DT)), p)
                    }
                    let a := mulmod(add(y, sub(p, x)), mload(add(i, MINUS)), p)
                    let b := mulmod(add(y, x), mload(add(i, PLUS)), p)
                    let f := add(z, sub(p, t))
                    let g := add(z, t)
                    x := mulmod(add(b, sub(p, a)), f, p)
                    y := mulmod(add(b, a), g, p)
                    z := mulmod(f, g, p)
                }
                // Double.
                {
                    let e := mulmod(add(x, x), y, p)
                    let s := add(x, sub(p, y))
                    let g := mulmod(add(x, y), s, p)
                    let f := add(mulmod(add(z, z), z, p), g)
                    x := mulmod(e, f, p)
                    y := mulmod(add(mulmod(s, s, p), e), g, p)
                    z := mulmod(f, g, p)
                }
                // Double, add of A and R.
                {
                    let i := and(shl(7, digits), 0x780)
                    {
                        let e := mulmod(add(x, x), y, p)
                        let s := add(x, sub(p, y))
                        let g := mulmod(add(x, y), s, p)
                        let f := add(mulmod(add(z, z), z, p), g)
                        let h := add(mulmod(s, s, p), e)
                        x := mulmod(e, f, p)
                        y := mulmod(g, h, p)
                        z := mulmod(mulmod(f, g, p), mload(add(i, TWICE_Z)), p)
                        t := mulmod(mulmod(e, h, p), mload(add(i, TWICE_DT)), p)
                    }
                    let a := mulmod(add(y, sub(p, x)), mload(add(i, MINUS)), p)
                    let b := mulmod(add(y, x), mload(add(i, PLUS)), p)
                    let f := add(z, sub(p, t))
                    let g := add(z, t)
                    let e := add(b, sub(p, a))
                    let h := add(b, a)
                    x := mulmod(e, f, p)
                    y := mulmod(g, h, p)
                    z := mulmod(f, g, p)
                    t := mulmod(e, h, p)
                }
                // Add of B.
                {
                    let i := and(shl(5, columns), 0x7e0)
                    t := mulmod(t, mload(add(i, BASE_DT)), p)
                    let a := mulmod(add(y, sub(p, x)), mload(add(i, BASE_MINUS)), p)
                    let b := mulmod(add(y, x), mload(add(i, BASE_PLUS)), p)
                    let f := add(z, sub(p, t))
                    let g := add(z, t)
                    x := mulmod(add(b, sub(p, a)), f, p)
                    y := mulmod(add(b, a), g, p)
                    z := mulmod(f, g, p)
                }
            }

            // On the curve x = 0 has order 1 or 2, y = 0 has order 4, and y = ±Y8 has order 8.
            z := mulmod(z, Y8, P)
            small := or(or(iszero(x), iszero(y)), eq(mulmod(y, y, P), mulmod(z, z, P)))
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
