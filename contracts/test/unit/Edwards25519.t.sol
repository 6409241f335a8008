// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Edwards25519} from "../../src/libraries/Edwards25519.sol";
import {Workspace} from "../../src/libraries/Workspace.sol";
import {Point, SlowCurve} from "../utils/SlowCurve.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice The library's functions, callable.
contract ExposedCurve {
    function cancels(uint256 s, uint256 k, uint256 ax, uint256 ay, uint256 rx, uint256 ry)
        external
        pure
        returns (bool)
    {
        Workspace.load();
        return Edwards25519.cancels(s, k, ax, ay, rx, ry);
    }

    function halves(uint256 k) external pure returns (uint256, uint256, bool) {
        return Edwards25519.halves(k);
    }

    function decode(uint256 encoding) external view returns (bool, uint256, uint256) {
        return Edwards25519.decode(encoding);
    }

    function isSmallOrder(uint256 y) external pure returns (bool) {
        return Edwards25519.isSmallOrder(y);
    }

    function loadLate() external pure returns (bytes memory taken) {
        taken = new bytes(1);
        Workspace.load();
    }
}

/// @notice The group arithmetic against {SlowCurve}, with scalars at the ends of what they may be.
contract Edwards25519Test is TestBase {
    uint256 private constant P = SlowCurve.P;
    uint256 private constant L = SlowCurve.L;

    ExposedCurve private _curve = new ExposedCurve();

    // ---- The equation ----

    /// forge-config: ci.fuzz.runs = 2000
    function testFuzz_cancels(uint256 s, uint256 k, uint256 a, uint256 torsions) external view {
        this.compare(s, k, a, torsions);
    }

    /// @dev The same with w = v·s modulo L at an end, and a k from which follow a u and a v at an end.
    /// forge-config: ci.fuzz.runs = 2000
    function testFuzz_cancelsAtEnds(uint256 u, uint256 v, uint256 w, uint256 a, uint256 torsions)
        external
        view
    {
        uint256 k = mulmod(_end(u), _inverse(1 + _end(v) % 2 ** 125), L);
        (, v,) = _curve.halves(k);
        this.compare(mulmod(_end(w), _inverse(v), L), k, _end(a), torsions);
    }

    function test_cancelsWithEachEnd() external view {
        for (uint256 i = 0; i < ENDS; ++i) {
            uint256 j = (7 * i + 3) % ENDS;
            this.compare(_end(i), _end(j), i + 1, 9 * i + j);
            this.compare(_end(j), _end(i), L - 1 - i, i);
        }
    }

    /// @dev Every pair of points of small order, as A and R and beside A and R. Whatever k is, they don't matter.
    function test_pointsOfSmallOrderCancel() external view {
        Point memory torsion = SlowCurve.order8();
        vm.assertTrue(SlowCurve.isIdentity(SlowCurve.multiply(8, torsion)));
        vm.assertFalse(SlowCurve.isIdentity(SlowCurve.multiply(4, torsion)));
        for (uint256 i = 0; i < 64; ++i) {
            this.compareSmall(i);
            this.compare(i, _end(i), 5, i);
        }
    }

    // ---- Halves ----

    function testFuzz_halves(uint256 k) external view {
        _checkHalves(k);
        _checkHalves(k % L);
        _checkHalves(k % 2 ** 128);
        _checkHalves(mulmod(k >> 128, _inverse(1 + k % 2 ** 128), L));
    }

    /// @dev Any v up to 2^125 is the one for its inverse.
    function testFuzz_halvesOfAnInverse(uint256 v) external view {
        v = 1 + v % 2 ** 125;
        uint256 k = _inverse(v);
        (uint256 u, uint256 found, bool opposite) = _curve.halves(k);
        vm.assertTrue((k < 2 ** 127 && u == k && found == 1) || (u == 1 && found == v && !opposite));
        (u, found, opposite) = _curve.halves(L - k);
        vm.assertTrue(v == 1 || (u == 1 && found == v && opposite));
    }

    function test_halvesAtEnds() external view {
        for (uint256 i = 0; i < ENDS; ++i) {
            uint256 k = _end(i);
            _checkHalves(k);
            _checkHalves(L - k % L);
            _checkHalves(_inverse(k));
        }
        (uint256 u, uint256 v, bool opposite) = _curve.halves(0);
        vm.assertTrue(u == 0 && v == 1 && !opposite);
        (u, v, opposite) = _curve.halves(2 ** 127 - 1);
        vm.assertTrue(u == 2 ** 127 - 1 && v == 1 && !opposite);
        (u, v, opposite) = _curve.halves(L - 1);
        vm.assertTrue(u == 1 && v == 1 && opposite);
        (u, v,) = _curve.halves(_inverse(2 ** 125));
        vm.assertTrue(u == 1 && v == 2 ** 125);
    }

    /// @dev Where all quotients are 1, Euclid's algorithm takes the most steps, twice as many as it mostly does.
    function test_gas_ofTheLongestDivision() external view {
        uint256 k = 4472715423563893616032882896421916149548477336229675920703557454894525427266;
        uint256 start = gasleft();
        _curve.halves(k);
        vm.assertLe(start - gasleft(), 20_000);
        _checkHalves(k);
    }

    // ---- Points ----

    /// @dev A y with a square x² = (y² − 1)/(dy² + 1) is one of a point, by Euler's criterion; with the x of the
    /// sign asked for.
    function testFuzz_decode(uint256 encoding) external view {
        _checkDecode(encoding);
        // Not only what a random number may be.
        _checkDecode(encoding % 2 ** 255 % P);
        _checkDecode(_end(encoding));
    }

    function test_smallOrders() external view {
        Point memory torsion = SlowCurve.order8();
        for (uint256 i = 0; i < 8; ++i) {
            (uint256 x, uint256 y) = SlowCurve.coordinates(SlowCurve.multiply(i, torsion));
            vm.assertTrue(_curve.isSmallOrder(y));
            vm.assertFalse(_curve.isSmallOrder(y == P - 1 ? y - 1 : y + 2));
            (bool ok, uint256 foundX, uint256 foundY) = _curve.decode(y | (x & 1) << 255);
            vm.assertTrue(ok && foundX == x && foundY == y);
            (ok,,) = _curve.decode(y | ((x & 1) ^ 1) << 255);
            vm.assertEq(ok, x != 0);
        }
    }

    function test_theWorkspaceComesFirst() external {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 1));
        _curve.loadLate();
    }

    // ---- What is checked; in calls of their own, which give their memory back ----

    /// @dev With R so that the equation holds but for torsion, and with another R.
    function compare(uint256 s, uint256 k, uint256 a, uint256 torsions) external view {
        Point memory torsion = SlowCurve.order8();
        Point memory key = SlowCurve.multiply(a, SlowCurve.base());
        key = SlowCurve.add(key, SlowCurve.multiply(torsions % 8, torsion));
        Point memory r = SlowCurve.add(
            SlowCurve.multiply(s, SlowCurve.base()), SlowCurve.negative(SlowCurve.multiply(k, key))
        );
        r = SlowCurve.add(r, SlowCurve.multiply(torsions >> 3 & 7, torsion));
        vm.assertTrue(SlowCurve.cancels(s, k, key, r));
        vm.assertTrue(_cancels(s, k, key, r), "should cancel");
        r = SlowCurve.add(r, SlowCurve.multiply(1 + (torsions >> 6) % (L - 1), SlowCurve.base()));
        vm.assertTrue(!_cancels(s, k, key, r), "should not cancel");
    }

    function compareSmall(uint256 torsions) external view {
        Point memory a = SlowCurve.multiply(torsions % 8, SlowCurve.order8());
        Point memory r = SlowCurve.multiply(torsions >> 3 & 7, SlowCurve.order8());
        vm.assertTrue(_cancels(0, torsions, a, r));
        vm.assertTrue(_cancels(L, _end(torsions), a, r));
        vm.assertFalse(_cancels(1, torsions, a, r));
        vm.assertFalse(_cancels(0, torsions, a, SlowCurve.add(r, SlowCurve.base())));
    }

    function _cancels(uint256 s, uint256 k, Point memory a, Point memory r) private view returns (bool) {
        (uint256 ax, uint256 ay) = SlowCurve.coordinates(a);
        (uint256 rx, uint256 ry) = SlowCurve.coordinates(r);
        return _curve.cancels(s, k, ax, ay, rx, ry);
    }

    function _checkHalves(uint256 k) private view {
        (uint256 u, uint256 v, bool opposite) = _curve.halves(k);
        vm.assertTrue(u < 2 ** 127 && v != 0 && v <= 2 ** 125);
        uint256 product = mulmod(v, k, L);
        vm.assertEq(opposite ? (L - product) % L : product, u);
    }

    function _checkDecode(uint256 encoding) private view {
        (bool ok, uint256 x, uint256 y) = _curve.decode(encoding);
        uint256 given = encoding % 2 ** 255;
        uint256 square = mulmod(given, given, P);
        uint256 denominator = addmod(mulmod(_d(), square, P), 1, P);
        square = mulmod(addmod(square, P - 1, P), SlowCurve.power(denominator, P - 2, P), P);
        bool isSquare = square == 0 || SlowCurve.power(square, (P - 1) / 2, P) == 1;
        vm.assertEq(ok, given < P && isSquare && (square != 0 || encoding >> 255 == 0));
        if (!ok) return;
        vm.assertTrue(x < P && mulmod(x, x, P) == square && x & 1 == encoding >> 255 && y == given);
    }

    function _d() private pure returns (uint256) {
        return mulmod(P - 121665, SlowCurve.power(121666, P - 2, P), P);
    }

    function _inverse(uint256 n) private pure returns (uint256) {
        return SlowCurve.power(n, L - 2, L);
    }

    // ---- Ends ----

    uint256 private constant ENDS = 32;

    /// @dev One of the numbers at the ends of what scalars and their parts may be, or of patterns of digits; some
    /// numbers give one near it, or themselves.
    function _end(uint256 n) private pure returns (uint256) {
        uint256[ENDS] memory ends = [
            0,
            1,
            2,
            3,
            2 ** 125 - 1,
            2 ** 125,
            2 ** 126 - 1,
            2 ** 126,
            2 ** 127 - 1,
            2 ** 127,
            2 ** 127 + 1,
            2 ** 128 - 1,
            2 ** 251,
            2 ** 252 - 1,
            2 ** 252,
            2 ** 252 + 1,
            L - 2 ** 252,
            L - 2 ** 252 + 1,
            L - 2 ** 127,
            (L - 1) / 2,
            (L + 1) / 2,
            L - 2,
            L - 1,
            L,
            L + 1,
            type(uint256).max,
            // Digits −1, 0, 1 and 2 of u and v; columns of all ones in a half of w.
            type(uint256).max / 3 >> 129,
            type(uint256).max / 3 >> 130,
            (type(uint256).max / 3 >> 128) - 1,
            uint256(type(uint128).max) / 3 * 2 >> 2,
            2 ** 252 - 2 ** 126,
            type(uint256).max / 7 >> 4
        ];
        if (n < 3 * ENDS) return ends[n % ENDS];
        uint256 end = ends[(n >> 8) % ENDS];
        if (n % 4 == 0) return n;
        return n % 4 == 1 ? addmod(end, n % 1024, L) : n % 4 == 2 ? addmod(end, L - n % 1024, L) : end;
    }
}
