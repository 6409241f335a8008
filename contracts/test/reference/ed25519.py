#!/usr/bin/env python3
"""Plain reference of the signature rule (protocol/SPEC.md section 3) over Python's integers.

It shares nothing with the contract: affine points, no windows, no half-size scalars. It writes the
crafted vectors, the SHA-512 vectors and the base point's table, and gives the verdicts of the vectors
from elsewhere. The contract's tests and the Rust crate's read the same files.

    ed25519.py --write            writes tests/vectors/ed25519/{crafted,sha512}.json and BaseTable.sol
    ed25519.py --check            compares what is committed with what it would write or decide
    ed25519.py --more N [SEED]    prints a crafted.json of N more vectors, all drawn at random
    ed25519.py --wycheproof FILE  turns Wycheproof's ed25519_test.json into our form
    ed25519.py --speccheck FILE   turns ed25519-speccheck's cases.json into our form

crafted.json has groups of one kind. A group's `records` are one after the other:

    valid (1 byte, 0 or 1) | length of the message (2 bytes, big-endian) | key (32) | r (32) | s (32) | message
"""

import hashlib
import itertools
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


def halves(k):
    """u and v of half the size with v·k = ±u modulo L, as the contract takes them."""
    last, u, last_v, v = L, k, 0, 1
    while u >= 2**127:
        quotient = last // u
        last, u, last_v, v = u, last - quotient * u, v, last_v + quotient * v
    return u, v


class Crafter:
    """Every method that yields, yields (key, r, s, message); the verdict comes after."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.torsion = torsion()
        # Other encodings of the points with y < 19 or x = 0, as lenient decoders take them.
        strange = [1 | 1 << 255, P - 1 | 1 << 255, 1 + P, 1 + P | 1 << 255, P, P | 1 << 255]
        self.small = [encode(p) for p in self.torsion]
        self.odd = self.small + [little(number) for number in strange]

    def sign(self, message, a_torsion=0, r_torsion=0, a=None, r=None):
        """A signature that the cofactored equation accepts, with torsion added to A and R."""
        a = self.random.below(L) if a is None else a
        r = self.random.below(L) if r is None else r
        key = encode(add(multiply(a, BASE), self.torsion[a_torsion]))
        r_bytes = encode(add(multiply(r, BASE), self.torsion[r_torsion]))
        return key, r_bytes, little((r + challenge(r_bytes, key, message) * a) % L), message

    def message(self, end=9):
        return self.random.bytes(self.random.below(end))

    def every_length(self, end):
        for length in range(end):
            yield self.sign(self.random.bytes(length))

    def special_scalars(self):
        scalars = [1, 2, 3, 8, L - 8, L - 3, L - 1, (L + 1) // 2, 2**126, 2**127, 2**252]
        for a in scalars:
            for r in [0, *scalars]:
                yield self.sign(self.message(), a=a, r=r)

    def mixed(self, times):
        """Each pair of torsions of A and R."""
        for _ in range(times):
            for i in range(8):
                for j in range(8):
                    yield self.sign(self.message(), i, j)

    def mixed_moved(self):
        """The same, and S isn't what makes the equation hold."""
        for key, r, s, message in self.mixed(2):
            moved = int.from_bytes(s, "little") + self.random.pick([1, 2, 4, 8, L - 1, self.random.below(L)])
            yield key, r, little(moved % L), message

    def small_r(self):
        """R is any encoding of a point of small order, and S makes the equation hold for it."""
        for r in self.odd:
            for i in range(4):
                a, message = self.random.below(L), self.message()
                key = encode(add(multiply(a, BASE), self.torsion[2 * i]))
                yield key, r, little(challenge(r, key, message) * a % L), message

    def small_key(self):
        """A is any encoding of a point of small order, and S makes the equation hold for it."""
        for key in self.odd:
            r = self.random.below(L)
            yield key, encode(multiply(r, BASE)), little(r), self.message()
            for other in self.odd:
                yield key, other, little(0), self.message()

    # What the scalar S may be turned into.
    SCALARS = [lambda s, i=i: s + i * L for i in range(-1, 16)] + [
        lambda s: s - 1, lambda s: s + 1, lambda s: s - 8, lambda s: s + 8, lambda s: L - s, lambda s: 2 * L - s,
        lambda s: s | 1 << 252, lambda s: s | 1 << 253, lambda s: s | 1 << 254, lambda s: s | 1 << 255,
        lambda s: int.from_bytes(little(s), "big"), lambda s: 2**256 - 1 - s]

    def changed_s(self, times):
        for _ in range(times):
            for change in self.SCALARS:
                key, r, s, message = self.sign(self.message())
                yield key, r, little(change(int.from_bytes(s, "little")) % 2**256), message

    def s_of_any_kind(self):
        """S at the ends of ranges."""
        for middle in (0, L, 2 * L, 8 * L, 2**252, 2**253, 2**254, 2**255, 2**256):
            for s in range(middle - 3, middle + 4):
                if 0 <= s < 2**256:
                    key, r, _, message = self.sign(self.message())
                    yield key, r, little(s), message

    def beyond(self):
        """y from p up, in A or R."""
        for y in range(P, 2**255):
            for sign in range(2):
                for place in range(2):
                    parts = list(self.sign(self.message()))
                    parts[place] = little(y | sign << 255)
                    yield tuple(parts)

    def at_ends(self):
        """y, in A or R, at the ends of the field; some are of points, some not."""
        for y in [*range(24), *range(P - 24, P), (P - 1) // 2, (P + 1) // 2]:
            for sign in range(2):
                for place in range(2):
                    parts = list(self.sign(self.message()))
                    parts[place] = little(y | sign << 255)
                    yield tuple(parts)

    def mutated(self):
        """Each bit of key, R and S, and of a short message, turned in a signature of its own."""
        for part, bits in ((0, 256), (1, 256), (2, 256), (3, 64)):
            for bit in range(bits):
                parts = list(self.sign(self.random.bytes(8)))
                data = bytearray(parts[part])
                data[bit // 8] ^= 1 << bit % 8
                parts[part] = bytes(data)
                yield tuple(parts)

    def exchanged(self, times):
        """Parts of one signature in another, in each other's place, or negative."""
        for _ in range(times):
            (key, r, s, message), other = self.sign(self.message()), self.sign(self.message())
            turned = [bytes([*data[:31], data[31] ^ 0x80]) for data in (key, r)]
            yield other[0], r, s, message
            yield key, other[1], s, message
            yield key, r, other[2], message
            yield key, r, s, other[3]
            yield r, key, s, message
            yield turned[0], r, s, message
            yield key, turned[1], s, message
            yield turned[0], turned[1], little((L - int.from_bytes(s, "little")) % L), message
            yield turned[0], turned[1], s, message

    def words(self):
        """The identity, zero and other words as A, R and S."""
        words = [0, 1, 2, P - 1, P, P + 1, L, 2**255, 2**255 + 1, 2**256 - 1,
                 int.from_bytes(encode(BASE), "little")]
        for a in words:
            for r in words:
                for s in (0, 1, L - 1):
                    yield little(a), little(r), little(s), b""

    def random_points(self, times):
        """A and R random points, S random."""
        while times:
            key, r = self.random.bytes(32), self.random.bytes(32)
            if decode(key) and decode(r):
                times -= 1
                yield key, r, little(self.random.below(L)), self.message()

    def random_bytes(self, times):
        for _ in range(times):
            yield *(self.random.bytes(32) for _ in range(3)), self.message()

    def uneven_halves(self, times, tries):
        """Of some messages the one whose challenge has the smallest u, the smallest v or the largest v."""
        for measure in (lambda k: halves(k)[0], lambda k: halves(k)[1], lambda k: -halves(k)[1]):
            for i in range(times):
                a, r = self.random.below(L), self.random.below(L)
                key, r_bytes = encode(multiply(a, BASE)), encode(multiply(r, BASE))
                messages = (i.to_bytes(4, "big") for i in range(tries))
                message = min(messages, key=lambda message: measure(challenge(r_bytes, key, message)))
                s = (r + challenge(r_bytes, key, message) * a + i % 2) % L
                yield key, r_bytes, little(s), message

    def committed(self):
        yield "valid, every length of message", self.every_length(261)
        yield "valid, special secret scalars", self.special_scalars()
        yield "torsion in A and R", self.mixed(5)
        yield "torsion in A and R, S moved", self.mixed_moved()
        yield "R of small order, S fits", self.small_r()
        yield "A of small order, S fits", self.small_key()
        yield "S changed", self.changed_s(5)
        yield "S at the ends of ranges", self.s_of_any_kind()
        yield "y not below p", self.beyond()
        yield "y at the ends of the field", self.at_ends()
        yield "one bit turned", self.mutated()
        yield "parts exchanged or negative", self.exchanged(16)
        yield "special words", self.words()
        yield "random points", self.random_points(100)
        yield "random bytes", self.random_bytes(100)
        yield "challenge with uneven halves", self.uneven_halves(12, 4096)

    def more(self, count):
        """Much of what is random, again."""
        def drawn():
            while True:
                yield self.sign(self.message(300))
                yield from self.mixed(1)
                yield from self.mixed_moved()
                yield from self.small_r()
                yield from self.changed_s(1)
                yield from self.mutated()
                yield from self.exchanged(4)
                yield from self.random_points(10)
                yield from self.uneven_halves(1, 256)
        yield "random", itertools.islice(drawn(), count)


def record(key, r, s, message):
    return bytes([verify(key, r, s, message)]) + len(message).to_bytes(2, "big") + key + r + s + message


def grouped(source, groups):
    lists = ((kind, [record(*parts) for parts in vectors]) for kind, vectors in groups)
    groups = [{"kind": kind, "count": len(records), "valid": sum(data[0] for data in records),
               "records": "0x" + b"".join(records).hex()} for kind, records in lists]
    return json.dumps({"source": source, "groups": groups}, indent=1) + "\n"


def dump(source, vectors):
    return json.dumps({"source": source, "vectors": vectors}, indent=1, ensure_ascii=False) + "\n"


def crafted():
    return grouped("contracts/test/reference/ed25519.py", Crafter("quittance").committed())


def more(count, seed):
    return grouped("contracts/test/reference/ed25519.py --more", Crafter(seed).more(count))


def sha512():
    """Digests of messages of 0 to 400 bytes: byte i of the one of n bytes is n + 31·i + i² modulo 256."""
    digests = [hashlib.sha512(bytes((n + 31 * i + i * i) % 256 for i in range(n))) for n in range(401)]
    return json.dumps({"source": "contracts/test/reference/ed25519.py",
                       "message": "byte i of n bytes is n + 31·i + i·i modulo 256",
                       "digests": "0x" + "".join(digest.hexdigest() for digest in digests)},
                      indent=1, ensure_ascii=False) + "\n"


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
    """The text of BaseTable.sol."""
    teeth = [multiply(2**position, BASE) for position in (0, 1, 2, 126, 127, 128)]
    points = []
    for index in range(64):
        point = IDENTITY
        for bit, tooth in enumerate(teeth):
            if index >> bit & 1:
                point = add(point, tooth)
        points.append(point)
    half = pow(2, -1, P)
    planes = [[(y - x) * half % P for x, y in points], [(y + x) * half % P for x, y in points],
              [D * x * y % P for x, y in points]]
    rows = "\n".join(f'        hex"{number:064x}"' for plane in planes for number in plane)
    return f"""// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Sums of multiples of the base point of edwards25519
/// @notice Entry b5b4b3b2b1b0 is (b0 + 2·b1 + 4·b2 + 2^126·(b3 + 2·b4 + 4·b5))·B.
/// @dev Three planes of 64 words: (y − x)/2, (y + x)/2 and dxy, the form in which a sum takes an affine point.
/// Written and checked by `test/reference/ed25519.py`.
library BaseTable {{
    bytes internal constant POINTS = {rows.lstrip()};
}}
"""


def check():
    failures = []
    if (VECTORS / "crafted.json").read_text() != crafted():
        failures.append("crafted.json is not what the seed gives")
    if (VECTORS / "sha512.json").read_text() != sha512():
        failures.append("sha512.json is not what hashlib gives")
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
            (VECTORS / "sha512.json").write_text(sha512())
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
