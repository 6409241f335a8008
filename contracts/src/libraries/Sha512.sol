// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title SHA-512 (FIPS 180-4)
/// @notice Needs {Workspace-load}.
/// @dev A word of the state stands twice in one EVM word, at bits 0 and 64, so that a rotation is a shift; what is
/// above bit 128, or above bit 64 in a sum, is rubbish until the sum is cut to 64 bits and doubled again. Sixteen
/// rounds are written out, so that instead of words moving from name to name the names move.
///
/// The message schedule is a window of 16 words, 16 bytes apart. One `mload` reads two words, the first in the
/// upper half, from wherever the pair begins, and two words of the schedule are computed at once.
library Sha512 {
    /// @notice Cube roots of the first 80 primes, 64 bits of each fraction.
    bytes internal constant ROUNDS = hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc"
        hex"3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118"
        hex"d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2"
        hex"72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694"
        hex"e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65"
        hex"2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
        hex"983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4"
        hex"c6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70"
        hex"27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df"
        hex"650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b"
        hex"a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30"
        hex"d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
        hex"19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8"
        hex"391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3"
        hex"748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
        hex"90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b"
        hex"ca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed178"
        hex"06f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
        hex"28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c"
        hex"4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817";

    /// @dev A word times this stands twice.
    uint256 private constant TWICE = 0x10000000000000001;
    uint256 private constant WORD = 0xffffffffffffffff;
    /// @dev The words of a pair.
    uint256 private constant PAIR = 0xffffffffffffffff0000000000000000ffffffffffffffff;

    /// @dev Every second byte, every second two bytes, every second four bytes.
    uint256 private constant BYTES = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant TWO_BYTES = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant FOUR_BYTES = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    // Places in the workspace: constants of the rounds from 0xa0, read 24 bytes early, so that each is a word's lowest
    // 8; the window at 0x1e00, word i at 0x1e00 + 16i; what follows the whole blocks; the state before a block at
    // 0x2100.
    uint256 private constant FIRST_ROUND = 0x88;
    uint256 private constant LAST_ROUNDS = 0x288;
    uint256 private constant TAIL = 0x2000;

    /// @notice The digest of a message, as a number whose bytes come least significant first.
    /// @return low Its first 32 bytes.
    /// @return high Its last 32 bytes.
    function digest(bytes memory message) internal pure returns (uint256 low, uint256 high) {
        assembly ("memory-safe") {
            // Four words with their bytes the other way round, from the words, each of which may stand twice.
            function four(w0, w1, w2, w3) -> n {
                n := or(or(and(w0, WORD), shl(64, and(w1, WORD))), or(shl(128, and(w2, WORD)), shl(192, w3)))
                let mask := BYTES
                n := or(and(shr(8, n), mask), shl(8, and(n, mask)))
                mask := TWO_BYTES
                n := or(and(shr(16, n), mask), shl(16, and(n, mask)))
                mask := FOUR_BYTES
                n := or(and(shr(32, n), mask), shl(32, and(n, mask)))
            }

            // Whole blocks are read where they are. What remains goes, with a one, zeros and the length in bits, to
            // one or two blocks of its own. (No length in bytes reaches 2^61.)
            let data := add(message, 32)
            let end := add(data, and(mload(message), not(127)))
            let tailEnd
            {
                let size := mload(message)
                let rest := and(size, 127)
                mcopy(TAIL, end, rest)
                // Beyond calldata are zeros. This may clear the state too, which isn't there yet.
                calldatacopy(add(TAIL, rest), calldatasize(), 256)
                mstore8(add(TAIL, rest), 0x80)
                tailEnd := add(TAIL, add(128, shl(7, gt(rest, 111))))
                let last := sub(tailEnd, 32)
                mstore(last, or(mload(last), shl(3, size)))
            }

            let word := WORD
            let twice := TWICE
            // Square roots of the first 8 primes, 64 bits of each fraction, twice.
            let a := 0x6a09e667f3bcc9086a09e667f3bcc908
            let b := 0xbb67ae8584caa73bbb67ae8584caa73b
            let c := 0x3c6ef372fe94f82b3c6ef372fe94f82b
            let d := 0xa54ff53a5f1d36f1a54ff53a5f1d36f1
            let e := 0x510e527fade682d1510e527fade682d1
            let f := 0x9b05688c2b3e6c1f9b05688c2b3e6c1f
            let g := 0x1f83d9abfb41bd6b1f83d9abfb41bd6b
            let h := 0x5be0cd19137e21795be0cd19137e2179
            for {} 1 {} {
                if eq(data, end) { data := TAIL }
                mstore(0x2100, a)
                mstore(0x2120, b)
                mstore(0x2140, c)
                mstore(0x2160, d)
                mstore(0x2180, e)
                mstore(0x21a0, f)
                mstore(0x21c0, g)
                mstore(0x21e0, h)
                {
                    let pair := PAIR
                    let from := data
                    for { let to := 0x1e00 } lt(to, 0x1f00) { to := add(to, 0x40) } {
                        let words := mload(from)
                        let two := shr(128, words)
                        mstore(to, and(or(two, shl(64, two)), pair))
                        two := and(words, sub(shl(128, 1), 1))
                        mstore(add(to, 0x20), and(or(two, shl(64, two)), pair))
                        from := add(from, 0x20)
                    }
                }
                for { let k := FIRST_ROUND } 1 { k := add(k, 128) } {
                    // forgefmt: disable-start
                    {
                        let t := add(
                            add(add(h, add(mload(0x1df0), mload(k))), xor(g, and(e, xor(f, g)))),
                            xor(xor(shr(14, e), shr(18, e)), shr(41, e)))
                        d := mul(and(add(d, t), word), twice)
                        h := mul(and(add(
                            add(t, or(and(a, b), and(c, or(a, b)))),
                            xor(xor(shr(28, a), shr(34, a)), shr(39, a))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(g, add(mload(0x1e00), mload(add(k, 8)))), xor(f, and(d, xor(e, f)))),
                            xor(xor(shr(14, d), shr(18, d)), shr(41, d)))
                        c := mul(and(add(c, t), word), twice)
                        g := mul(and(add(
                            add(t, or(and(h, a), and(b, or(h, a)))),
                            xor(xor(shr(28, h), shr(34, h)), shr(39, h))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(f, add(mload(0x1e10), mload(add(k, 16)))), xor(e, and(c, xor(d, e)))),
                            xor(xor(shr(14, c), shr(18, c)), shr(41, c)))
                        b := mul(and(add(b, t), word), twice)
                        f := mul(and(add(
                            add(t, or(and(g, h), and(a, or(g, h)))),
                            xor(xor(shr(28, g), shr(34, g)), shr(39, g))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(e, add(mload(0x1e20), mload(add(k, 24)))), xor(d, and(b, xor(c, d)))),
                            xor(xor(shr(14, b), shr(18, b)), shr(41, b)))
                        a := mul(and(add(a, t), word), twice)
                        e := mul(and(add(
                            add(t, or(and(f, g), and(h, or(f, g)))),
                            xor(xor(shr(28, f), shr(34, f)), shr(39, f))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(d, add(mload(0x1e30), mload(add(k, 32)))), xor(c, and(a, xor(b, c)))),
                            xor(xor(shr(14, a), shr(18, a)), shr(41, a)))
                        h := mul(and(add(h, t), word), twice)
                        d := mul(and(add(
                            add(t, or(and(e, f), and(g, or(e, f)))),
                            xor(xor(shr(28, e), shr(34, e)), shr(39, e))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(c, add(mload(0x1e40), mload(add(k, 40)))), xor(b, and(h, xor(a, b)))),
                            xor(xor(shr(14, h), shr(18, h)), shr(41, h)))
                        g := mul(and(add(g, t), word), twice)
                        c := mul(and(add(
                            add(t, or(and(d, e), and(f, or(d, e)))),
                            xor(xor(shr(28, d), shr(34, d)), shr(39, d))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(b, add(mload(0x1e50), mload(add(k, 48)))), xor(a, and(g, xor(h, a)))),
                            xor(xor(shr(14, g), shr(18, g)), shr(41, g)))
                        f := mul(and(add(f, t), word), twice)
                        b := mul(and(add(
                            add(t, or(and(c, d), and(e, or(c, d)))),
                            xor(xor(shr(28, c), shr(34, c)), shr(39, c))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(a, add(mload(0x1e60), mload(add(k, 56)))), xor(h, and(f, xor(g, h)))),
                            xor(xor(shr(14, f), shr(18, f)), shr(41, f)))
                        e := mul(and(add(e, t), word), twice)
                        a := mul(and(add(
                            add(t, or(and(b, c), and(d, or(b, c)))),
                            xor(xor(shr(28, b), shr(34, b)), shr(39, b))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(h, add(mload(0x1e70), mload(add(k, 64)))), xor(g, and(e, xor(f, g)))),
                            xor(xor(shr(14, e), shr(18, e)), shr(41, e)))
                        d := mul(and(add(d, t), word), twice)
                        h := mul(and(add(
                            add(t, or(and(a, b), and(c, or(a, b)))),
                            xor(xor(shr(28, a), shr(34, a)), shr(39, a))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(g, add(mload(0x1e80), mload(add(k, 72)))), xor(f, and(d, xor(e, f)))),
                            xor(xor(shr(14, d), shr(18, d)), shr(41, d)))
                        c := mul(and(add(c, t), word), twice)
                        g := mul(and(add(
                            add(t, or(and(h, a), and(b, or(h, a)))),
                            xor(xor(shr(28, h), shr(34, h)), shr(39, h))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(f, add(mload(0x1e90), mload(add(k, 80)))), xor(e, and(c, xor(d, e)))),
                            xor(xor(shr(14, c), shr(18, c)), shr(41, c)))
                        b := mul(and(add(b, t), word), twice)
                        f := mul(and(add(
                            add(t, or(and(g, h), and(a, or(g, h)))),
                            xor(xor(shr(28, g), shr(34, g)), shr(39, g))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(e, add(mload(0x1ea0), mload(add(k, 88)))), xor(d, and(b, xor(c, d)))),
                            xor(xor(shr(14, b), shr(18, b)), shr(41, b)))
                        a := mul(and(add(a, t), word), twice)
                        e := mul(and(add(
                            add(t, or(and(f, g), and(h, or(f, g)))),
                            xor(xor(shr(28, f), shr(34, f)), shr(39, f))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(d, add(mload(0x1eb0), mload(add(k, 96)))), xor(c, and(a, xor(b, c)))),
                            xor(xor(shr(14, a), shr(18, a)), shr(41, a)))
                        h := mul(and(add(h, t), word), twice)
                        d := mul(and(add(
                            add(t, or(and(e, f), and(g, or(e, f)))),
                            xor(xor(shr(28, e), shr(34, e)), shr(39, e))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(c, add(mload(0x1ec0), mload(add(k, 104)))), xor(b, and(h, xor(a, b)))),
                            xor(xor(shr(14, h), shr(18, h)), shr(41, h)))
                        g := mul(and(add(g, t), word), twice)
                        c := mul(and(add(
                            add(t, or(and(d, e), and(f, or(d, e)))),
                            xor(xor(shr(28, d), shr(34, d)), shr(39, d))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(b, add(mload(0x1ed0), mload(add(k, 112)))), xor(a, and(g, xor(h, a)))),
                            xor(xor(shr(14, g), shr(18, g)), shr(41, g)))
                        f := mul(and(add(f, t), word), twice)
                        b := mul(and(add(
                            add(t, or(and(c, d), and(e, or(c, d)))),
                            xor(xor(shr(28, c), shr(34, c)), shr(39, c))), word), twice)
                    }
                    {
                        let t := add(
                            add(add(a, add(mload(0x1ee0), mload(add(k, 120)))), xor(h, and(f, xor(g, h)))),
                            xor(xor(shr(14, f), shr(18, f)), shr(41, f)))
                        e := mul(and(add(e, t), word), twice)
                        a := mul(and(add(
                            add(t, or(and(b, c), and(d, or(b, c)))),
                            xor(xor(shr(28, b), shr(34, b)), shr(39, b))), word), twice)
                    }
                    // forgefmt: disable-end
                    if eq(k, LAST_ROUNDS) { break }

                    // The next 16 words: w[t] = w[t-16] + s0(w[t-15]) + w[t-7] + s1(w[t-2]), in the place of w[t-16].
                    // The first two also come behind the last, for pairs that begin with the last.
                    let pair := PAIR
                    let last := mload(0x1ee0)
                    // forgefmt: disable-start
                    {
                        let x := mload(0x1e10)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1e00), mload(0x1e90)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1e00, last)
                    }
                    mstore(0x1f00, last)
                    {
                        let x := mload(0x1e30)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1e20), mload(0x1eb0)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1e20, last)
                    }
                    {
                        let x := mload(0x1e50)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1e40), mload(0x1ed0)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1e40, last)
                    }
                    {
                        let x := mload(0x1e70)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1e60), mload(0x1ef0)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1e60, last)
                    }
                    {
                        let x := mload(0x1e90)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1e80), mload(0x1e10)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1e80, last)
                    }
                    {
                        let x := mload(0x1eb0)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1ea0), mload(0x1e30)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1ea0, last)
                    }
                    {
                        let x := mload(0x1ed0)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1ec0), mload(0x1e50)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1ec0, last)
                    }
                    {
                        let x := mload(0x1ef0)
                        let y := mul(x, twice)
                        let z := mul(last, twice)
                        last := and(add(
                            add(mload(0x1ee0), mload(0x1e70)),
                            add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), pair),
                                and(xor(xor(shr(19, z), shr(61, z)), shr(6, last)), pair))), pair)
                        mstore(0x1ee0, last)
                    }
                    // forgefmt: disable-end
                }
                a := mul(and(add(a, mload(0x2100)), word), twice)
                b := mul(and(add(b, mload(0x2120)), word), twice)
                c := mul(and(add(c, mload(0x2140)), word), twice)
                d := mul(and(add(d, mload(0x2160)), word), twice)
                e := mul(and(add(e, mload(0x2180)), word), twice)
                f := mul(and(add(f, mload(0x21a0)), word), twice)
                g := mul(and(add(g, mload(0x21c0)), word), twice)
                h := mul(and(add(h, mload(0x21e0)), word), twice)
                data := add(data, 128)
                if eq(data, tailEnd) { break }
            }
            low := four(a, b, c, d)
            high := four(e, f, g, h)
        }
    }
}
