// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A point of edwards25519 in extended homogeneous coordinates, all below P.
struct Point {
    uint256 x;
    uint256 y;
    uint256 z;
    uint256 t;
}

/// @notice The group, for tests to compare with: one complete addition (RFC 8032, section 5.1.4), double and add,
/// every value reduced. It shares nothing with the library but the curve.
library SlowCurve {
    uint256 internal constant P = 2 ** 255 - 19;
    uint256 internal constant L = 2 ** 252 + 27742317777372353535851937790883648493;
    uint256 private constant D =
        37095705934669439343138083508754565189542113879843219016388785533085940283555;

    function identity() internal pure returns (Point memory) {
        return Point(0, 1, 1, 0);
    }

    function base() internal pure returns (Point memory) {
        return affine(
            15112221349535400772501151409588531511454012693041857206046113283949847762202,
            46316835694926478169428394003475163141307993866256225615783033603165251855960
        );
    }

    /// @dev One of order 8: i times it are the eight points of small order.
    function order8() internal pure returns (Point memory) {
        return affine(
            14399317868200118260347934320527232580618823971194345261214217575416788799818,
            2707385501144840649318225287225658788936804267575313519463743609750303402022
        );
    }

    function affine(uint256 x, uint256 y) internal pure returns (Point memory) {
        return Point(x, y, 1, mulmod(x, y, P));
    }

    function add(Point memory p, Point memory q) internal pure returns (Point memory) {
        uint256 a = mulmod(addmod(p.y, P - p.x, P), addmod(q.y, P - q.x, P), P);
        uint256 b = mulmod(addmod(p.y, p.x, P), addmod(q.y, q.x, P), P);
        uint256 c = mulmod(mulmod(addmod(D, D, P), p.t, P), q.t, P);
        uint256 d = mulmod(addmod(p.z, p.z, P), q.z, P);
        uint256 e = addmod(b, P - a, P);
        uint256 f = addmod(d, P - c, P);
        uint256 g = addmod(d, c, P);
        uint256 h = addmod(b, a, P);
        return Point(mulmod(e, f, P), mulmod(g, h, P), mulmod(f, g, P), mulmod(e, h, P));
    }

    function negative(Point memory p) internal pure returns (Point memory) {
        return Point((P - p.x) % P, p.y, p.z, (P - p.t) % P);
    }

    function multiply(uint256 n, Point memory p) internal pure returns (Point memory sum) {
        for (sum = identity(); n != 0; n >>= 1) {
            if (n & 1 == 1) sum = add(sum, p);
            p = add(p, p);
        }
    }

    function isIdentity(Point memory p) internal pure returns (bool) {
        return p.x == 0 && p.y == p.z;
    }

    /// @return Affine coordinates.
    function coordinates(Point memory p) internal pure returns (uint256, uint256) {
        uint256 inverse = power(p.z, P - 2, P);
        return (mulmod(p.x, inverse, P), mulmod(p.y, inverse, P));
    }

    function power(uint256 number, uint256 exponent, uint256 modulus) internal pure returns (uint256 result) {
        for (result = 1; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, number, modulus);
            number = mulmod(number, number, modulus);
        }
    }

    /// @dev Whether [8](s·B − k·A − R) is the identity.
    function cancels(uint256 s, uint256 k, Point memory a, Point memory r) internal pure returns (bool) {
        Point memory sum = add(multiply(k, a), r);
        return isIdentity(multiply(8, add(multiply(s, base()), negative(sum))));
    }
}
