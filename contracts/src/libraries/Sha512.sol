// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title SHA-512 (FIPS 180-4)
library Sha512 {
    /// @dev Cube roots of the first 80 primes, 64 bits of each fraction.
    bytes private constant ROUNDS = hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc"
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

    /// @dev A word repeated shifts out its own rotation.
    uint256 private constant TWICE = (1 << 64) + 1;
    uint256 private constant WORD = (1 << 64) - 1;

    /// @notice The digest of a message.
    /// @return high Its first 32 bytes.
    /// @return low Its last 32 bytes.
    function digest(bytes memory message) internal pure returns (uint256 high, uint256 low) {
        uint256 size = message.length;
        // A one, zeros up to 16 bytes before a block's end, and the length in bits.
        uint256 zeros = 127 - (size + 16) % 128;
        bytes memory padded = bytes.concat(message, bytes1(0x80), new bytes(zeros), bytes8(0), _bits(size));
        bytes memory rounds = ROUNDS;
        uint256[8] memory state = [
            uint256(0x6a09e667f3bcc908),
            0xbb67ae8584caa73b,
            0x3c6ef372fe94f82b,
            0xa54ff53a5f1d36f1,
            0x510e527fade682d1,
            0x9b05688c2b3e6c1f,
            0x1f83d9abfb41bd6b,
            0x5be0cd19137e2179
        ];
        uint256[80] memory schedule;
        for (uint256 offset = 32; offset <= padded.length; offset += 128) {
            _expand(padded, offset, schedule);
            _compress(state, schedule, rounds);
        }
        for (uint256 i = 0; i < 4; ++i) {
            high = (high << 64) | state[i];
            low = (low << 64) | state[i + 4];
        }
    }

    /// @dev A length in bits; no call has 2^61 bytes.
    function _bits(uint256 size) private pure returns (bytes8) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return bytes8(uint64(size * 8));
    }

    /// @dev The block's 16 words, and the 64 that follow from them.
    function _expand(bytes memory padded, uint256 offset, uint256[80] memory schedule) private pure {
        assembly ("memory-safe") {
            let data := add(padded, offset)
            let end := add(schedule, 512)
            for { let w := schedule } lt(w, end) { w := add(w, 32) } {
                mstore(w, shr(192, mload(data)))
                data := add(data, 8)
            }
            end := add(schedule, 2560)
            for { let w := add(schedule, 512) } lt(w, end) { w := add(w, 32) } {
                let first := mload(sub(w, 480))
                let two := mul(first, TWICE)
                let sum := xor(xor(shr(1, two), shr(8, two)), shr(7, first))
                let last := mload(sub(w, 64))
                two := mul(last, TWICE)
                sum := add(and(sum, WORD), and(xor(xor(shr(19, two), shr(61, two)), shr(6, last)), WORD))
                mstore(w, and(add(add(sum, mload(sub(w, 224))), mload(sub(w, 512))), WORD))
            }
        }
    }

    function _compress(uint256[8] memory state, uint256[80] memory schedule, bytes memory rounds)
        private
        pure
    {
        assembly ("memory-safe") {
            let a := mload(state)
            let b := mload(add(state, 32))
            let c := mload(add(state, 64))
            let d := mload(add(state, 96))
            let e := mload(add(state, 128))
            let f := mload(add(state, 160))
            let g := mload(add(state, 192))
            let h := mload(add(state, 224))
            // The constants are 8 bytes apart; read 24 bytes early, each is a word's lowest 8.
            let constants := add(rounds, 8)
            for { let i := 0 } lt(i, 80) { i := add(i, 1) } {
                let two := mul(e, TWICE)
                h := add(h, and(xor(xor(shr(14, two), shr(18, two)), shr(41, two)), WORD))
                h := add(h, xor(g, and(e, xor(f, g))))
                h := add(h, add(mload(add(schedule, shl(5, i))), and(mload(add(constants, shl(3, i))), WORD)))
                d := and(add(d, h), WORD)
                two := mul(a, TWICE)
                h := add(h, and(xor(xor(shr(28, two), shr(34, two)), shr(39, two)), WORD))
                h := and(add(h, or(and(a, b), and(c, or(a, b)))), WORD)
                // Each takes the next one's place.
                two := h
                h := g
                g := f
                f := e
                e := d
                d := c
                c := b
                b := a
                a := two
            }
            mstore(state, and(add(mload(state), a), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), b), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), c), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), d), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), e), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), f), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), g), WORD))
            state := add(state, 32)
            mstore(state, and(add(mload(state), h), WORD))
        }
    }
}
