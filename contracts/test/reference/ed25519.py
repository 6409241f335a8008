#!/usr/bin/env python3
"""Plain reference of the signature rule (protocol/SPEC.md section 3) over Python's integers.

It shares nothing with the contract: affine points, no windows, no half-size scalars. It writes the
crafted vectors and the base point's table, and gives the verdicts of the vectors from elsewhere.

    ed25519.py --write            writes tests/vectors/ed25519/crafted.json and BaseTable.sol
    ed25519.py --check            compares what is committed with what it would write or decide
    ed25519.py --more N [SEED]    prints a file of N more vectors, all drawn at random
    ed25519.py --wycheproof FILE  turns Wycheproof's ed25519_test.json into our form
    ed25519.py --speccheck FILE   turns ed25519-speccheck's cases.json into our form
"""

import hashlib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests/vectors/ed25519"
TABLE = ROOT / "contracts/src/libraries/BaseTable.sol"

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1)


def add(p, q):
    (x1, y1), (x2, y2) = p, q
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P
    return x, y


def multiply(n, p):
    """Double and add in projective coordinates (RFC 8032 section 5.1.4), for speed only."""
    x, y = p
    total, power = (0, 1, 1, 0), (x, y, 1, x * y % P)

    def sum_(p, q):
        a = (p[1] - p[0]) * (q[1] - q[0]) % P
        b = (p[1] + p[0]) * (q[1] + q[0]) % P
        c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
        e, f, g, h = b - a, d - c, d + c, b + a
        return e * f % P, g * h % P, f * g % P, e * h % P

    while n:
        if n & 1:
            total = sum_(total, power)
        power = sum_(power, power)
        n >>= 1
    inverse = pow(total[2], -1, P)
    return total[0] * inverse % P, total[1] * inverse % P


def encode(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def decode(data):
    """The point of a canonical encoding, or None."""
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255, number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * SQRT_M1 % P
    if x * x % P != square or (x == 0 and sign == 1):
        return None
    return (x if x & 1 == sign else P - x), y


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def torsion():
    """The eight points of small order: the multiples of one of order 8."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        small = point and multiply(L, point)
        if small and multiply(4, small) != IDENTITY:
            break
        y += 1
    return [multiply(i, small) for i in range(8)]


def challenge(r, key, message):
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L


def verify(key, r, s, message):
    a, point, scalar = decode(key), decode(r), int.from_bytes(s, "little")
    if a is None or point is None or scalar >= L or multiply(8, a) == IDENTITY:
        return False
    right = add(point, multiply(challenge(r, key, message), a))
    return multiply(8, multiply(scalar, BASE)) == multiply(8, right)


class Random:
    """Bytes from a seed, the same on every version of Python."""

    def __init__(self, seed):
        self.seed, self.count = seed.encode(), 0

    def bytes(self, length):
        data = b""
        while len(data) < length:
            data += hashlib.sha256(self.seed + self.count.to_bytes(8, "big")).digest()
            self.count += 1
        return data[:length]

    def below(self, end):
        return int.from_bytes(self.bytes(40), "big") % end

    def pick(self, items):
        return items[self.below(len(items))]


def little(number):
    return number.to_bytes(32, "little")


def vector(comment, key, r, s, message, **more):
    hexed = {"key": key, "message": message, "r": r, "s": s}
    return {"comment": comment, **{name: "0x" + value.hex() for name, value in hexed.items()},
            "valid": verify(key, r, s, message), **more}


class Crafter:
    def __init__(self, seed):
        self.random = Random(seed)
        self.torsion = torsion()
        # Other encodings of the points with y < 19 or x = 0, as lenient decoders take them.
        self.strange = {
            "identity with the sign bit": little(1 | 1 << 255),
            "order 2 with the sign bit": little(P - 1 | 1 << 255),
            "identity, y + p": little(1 + P),
            "identity, y + p with the sign bit": little(1 + P | 1 << 255),
            "order 4, y + p": little(P),
            "order 4, y + p with the sign bit": little(P | 1 << 255),
        }
        self.small = {f"torsion {i}": encode(p) for i, p in enumerate(self.torsion)}
        self.odd = {**self.small, **self.strange}

    def sign(self, message, a_torsion=0, r_torsion=0, a=None, r=None):
        """A signature that the cofactored equation accepts, with torsion added to A and R."""
        a = self.random.below(L) if a is None else a
        r = self.random.below(L) if r is None else r
        key = encode(add(multiply(a, BASE), self.torsion[a_torsion]))
        r_bytes = encode(add(multiply(r, BASE), self.torsion[r_torsion]))
        return key, r_bytes, little((r + challenge(r_bytes, key, message) * a) % L), message

    def message(self, end=100):
        return self.random.bytes(self.random.below(end))

    def flipped(self):
        parts = list(self.sign(self.random.bytes(1 + self.random.below(60))))
        part = self.random.below(4)
        bit = self.random.below(8 * len(parts[part]))
        data = bytearray(parts[part])
        data[bit // 8] ^= 1 << bit % 8
        parts[part] = bytes(data)
        return vector(f"bit {bit} of {('key', 'r', 's', 'message')[part]} flipped", *parts)

    def mixed(self, i, j):
        return vector(f"A with torsion {i}, R with torsion {j}", *self.sign(self.message(60), i, j))

    def with_s(self, comment, change):
        key, r, s, message = self.sign(self.message(60))
        s = change(int.from_bytes(s, "little")) % 2**256
        return vector(comment, key, r, little(s), message)

    def torsion_r(self, name):
        """R is any encoding of a small-order point and S makes the equation hold for it."""
        a, r, message = self.random.below(L), self.odd[name], self.message(60)
        key = encode(multiply(a, BASE))
        s = little(challenge(r, key, message) * a % L)
        return vector(f"R is {name}, S fits", key, r, s, message)

    def small_key(self, name, other):
        """A is any encoding of a small-order point and S makes the equation hold for it."""
        r = self.random.below(L) if other is None else 0
        r_bytes = encode(multiply(r, BASE)) if other is None else self.odd[other]
        comment = f"A is {name}, R is {other or 'a multiple of B'}, S fits"
        return vector(comment, self.odd[name], r_bytes, little(r), self.message(60))

    def beyond(self, place, y, sign):
        """y from p up in A or R."""
        parts = list(self.sign(self.message(60)))
        parts[place] = little(y | sign << 255)
        return vector(f"{('A', 'R')[place]} has y = 2^255 - {2**255 - y}, sign {sign}", *parts)

    # What the scalar S may be turned into: (comment, change).
    SCALARS = [
        ("S + L", lambda s: s + L), ("S + 2L", lambda s: s + 2 * L), ("S + 8L", lambda s: s + 8 * L),
        ("S + 15L", lambda s: s + 15 * L), ("S - 1", lambda s: s - 1), ("S + 1", lambda s: s + 1),
        ("L - S", lambda s: L - s), ("S = 0", lambda s: 0), ("S = 1", lambda s: 1),
        ("S = L - 1", lambda s: L - 1), ("S = L", lambda s: L), ("S = L + 1", lambda s: L + 1),
        ("S = 2^252", lambda s: 2**252), ("S = 2^253 - 1", lambda s: 2**253 - 1),
        ("S = 2^255", lambda s: 2**255), ("S = 2^256 - 1", lambda s: 2**256 - 1),
        ("S with bit 253", lambda s: s | 1 << 253), ("S with bit 254", lambda s: s | 1 << 254),
        ("S with bit 255", lambda s: s | 1 << 255), ("S with its bytes turned",
            lambda s: int.from_bytes(little(s), "big")),
    ]

    def committed(self):
        lengths = [*range(9), *range(15, 18), *range(31, 34), *range(40, 53), *range(60, 69), 100,
                   *range(110, 117), *range(126, 131), *range(148, 152), *range(170, 181), 192, 239, 240,
                   *range(254, 259), *range(295, 307)]
        for length in lengths:
            yield vector(f"valid, {length} bytes", *self.sign(self.random.bytes(length)))
        for a, r in [(1, 1), (1, 0), (2, L - 1), (L - 1, L - 1), (8, 8), (L - 8, 1), (2**126, 2**127)]:
            yield vector("valid, special scalars a and r", *self.sign(self.message(60), a=a, r=r))
        for i in range(8):
            for j in range(8):
                yield self.mixed(i, j)
        for name in self.odd:
            yield self.torsion_r(name)
            for other in (None, "torsion 0", "torsion 2", "torsion 3", name):
                yield self.small_key(name, other)
        for _ in range(2):
            for comment, change in self.SCALARS:
                yield self.with_s(comment, change)
        for y in range(P, 2**255):
            for sign in range(2):
                yield self.beyond(0, y, sign)
                yield self.beyond(1, y, sign)
        for _ in range(180):
            yield self.flipped()
        for _ in range(70):
            yield self.one_more()

    def one_more(self):
        kind = self.random.below(9)
        if kind < 3:
            return vector("valid", *self.sign(self.message(300)))
        if kind == 3:
            return self.flipped()
        if kind == 4:
            return self.mixed(self.random.below(8), self.random.below(8))
        if kind == 5:
            return self.with_s(*self.random.pick(self.SCALARS))
        if kind == 6:
            return self.torsion_r(self.random.pick(list(self.odd)))
        if kind == 7:
            i, j = self.random.below(8), self.random.below(8)
            key, r, s, message = self.sign(self.message(60), i, j)
            s = little((int.from_bytes(s, "little") + 1 + self.random.below(8)) % L)
            return vector("mixed order, S moved", key, r, s, message)
        return vector("random bytes", *[self.random.bytes(32) for _ in range(3)], self.message())


def dump(source, vectors):
    return json.dumps({"source": source, "vectors": vectors}, indent=1, ensure_ascii=False) + "\n"


def crafted():
    return dump("contracts/test/reference/ed25519.py", list(Crafter("quittance").committed()))


def more(count, seed):
    crafter = Crafter(seed)
    return dump("contracts/test/reference/ed25519.py --more", [crafter.one_more() for _ in range(count)])


def from_wycheproof(path):
    vectors = []
    for group in json.loads(pathlib.Path(path).read_text())["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            signature = bytes.fromhex(test["sig"])
            # The contract takes two words; a signature of another length has no call.
            if len(signature) == 64:
                comment = f"{test['tcId']}: {test['comment'] or ', '.join(test['flags'])}"
                vectors.append(vector(comment, key, signature[:32], signature[32:],
                                      bytes.fromhex(test["msg"]), theirs=test["result"]))
    return dump("Wycheproof, testvectors_v1/ed25519_test.json", vectors)


def from_speccheck(path):
    vectors = []
    for number, case in enumerate(json.loads(pathlib.Path(path).read_text())):
        message, key, signature = (bytes.fromhex(case[k]) for k in ("message", "pub_key", "signature"))
        vectors.append(vector(f"case {number}", key, signature[:32], signature[32:], message))
    return dump("ed25519-speccheck, cases.json", vectors)


def table():
    """The text of BaseTable.sol: y - x, y + x and 2dxy of the 64 sums of six multiples of B."""
    teeth = [multiply(2**position, BASE) for position in (0, 1, 86, 87, 172, 173)]
    points = []
    for index in range(64):
        point = IDENTITY
        for bit, tooth in enumerate(teeth):
            if index >> bit & 1:
                point = add(point, tooth)
        points.append(point)
    planes = [[(y - x) % P for x, y in points], [(y + x) % P for x, y in points],
              [2 * D * x * y % P for x, y in points]]
    rows = "\n".join(f'        hex"{number:064x}"' for plane in planes for number in plane)
    return f"""// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Multiples of the base point of edwards25519
/// @notice Entry b5b4b3b2b1b0 is (b0 + 2·b1 + 2^86·(b2 + 2·b3) + 2^172·(b4 + 2·b5))·B.
/// @dev Three planes of 64 words: y − x, y + x and 2dxy, the form in which a mixed addition takes a point.
/// Written and checked by `test/reference/ed25519.py`.
library BaseTable {{
    bytes internal constant POINTS =
{rows};
}}
"""


def check():
    failures = []
    if (VECTORS / "crafted.json").read_text() != crafted():
        failures.append("crafted.json is not what the seed gives")
    if TABLE.read_text() != table():
        failures.append("BaseTable.sol is not the base point's table")
    for name in ("wycheproof", "speccheck"):
        for case in json.loads((VECTORS / f"{name}.json").read_text())["vectors"]:
            parts = [bytes.fromhex(case[part][2:]) for part in ("key", "r", "s", "message")]
            if verify(*parts) != case["valid"]:
                failures.append(f"{name}: {case['comment']}")
    return failures


def main(arguments):
    match arguments:
        case ["--write"]:
            (VECTORS / "crafted.json").write_text(crafted())
            TABLE.write_text(table())
        case ["--check"]:
            failures = check()
            print("\n".join(failures) or "all as committed")
            return bool(failures)
        case ["--more", count, *seed]:
            print(more(int(count), *(seed or ["more"])), end="")
        case ["--wycheproof", path]:
            print(from_wycheproof(path), end="")
        case ["--speccheck", path]:
            print(from_speccheck(path), end="")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
