#!/usr/bin/env python3
"""Audits an attested epoch from the chain and its evidence, believing neither who attested nor any other program.
Written from protocol/SPEC.md alone, whose sections the comments name; shares no code with the rest of the project.
Exit code 0: every number is true. 1: something is false, and it says what. 2: it can't be judged, and why."""
import argparse, bisect, collections, contextlib, hashlib, http.client, itertools, json, pathlib, re, struct, sys
from urllib.request import Request, urlopen
from Crypto.Hash import keccak
from blake3 import blake3

COUNT_MAX, AMOUNT_END, STRETCH, PAGE, PPM, GIB = 1 << 22, 1 << 96, 10_000, 200, 10**6, 1 << 30
REASONS = ("valid unknown_ticket wrong_ticket wrong_network wrong_node over_limit over_deliveries outside_time zero_sequence "
           "bad_signature not_monotonic malformed_ticket unknown_payer sum_overflow").split()
class Unjudged(Exception): "Whether the attestation is true can't be said."
class Lie(Exception): "The very bytes that were attested are at fault."
def require(holds, text, error=Lie):
    if not holds: raise error(text)
def H(data): return keccak.new(digest_bits=256, data=data).digest()
def be(value, size=32): return value.to_bytes(size, "big")
def number(data): return int.from_bytes(data, "big")
def words(data): return [number(data[at:at + 32]) for at in range(0, len(data), 32)]
def from_hex(text): return bytes.fromhex(text.removeprefix("0x"))

# ---- Layouts (sections 4, 5, 7) ----
TICKET = struct.Struct(">28s16s32s32s32s20s32sQQQ")  # network, id, node, client, collection, payer, token, max bytes, times
RECORD = struct.Struct(">QII32sIQIIQ64s")  # ticket id, ticket digest, sequence, bytes, deliveries, within, time, signature
def layout(text): return [(name, int(size)) for name, size in re.findall(r"(\w+):(\d+)", text)]
NODE = layout("index:4 node:32 bytes:7 deliveries:4 within:4 probes:4 probes_ok:4 sla_ppm:4 last:4 reward:16 cumulative:16")
BILL = layout("index:4 account:20 last:4 bill:16 cumulative:16")
CHARGE = layout("payer:4 node:4 segment_root:32 mass:15 amount:16 billed:16 earned:16 served:15 previous:4")
KINDS = {"qtree": (b"QTRE", 99, 48), "qbil": (b"QBIL", 60, 48), "qchg": (b"QCHG", 122, 48),  # mark, size of an entry,
         "qlog": (b"QLOG", 216, 52), "qseg": (b"QSEG", 140, 80)}                              # size of the header
LIMITS = {kind: start + COUNT_MAX * size for kind, (_, size, start) in KINDS.items()} | {  # bytes that a file has at most
    "probes.json": 2 + 52 * COUNT_MAX, "rejections.json": 2 + 424 * COUNT_MAX, "elements": 1074 + 1078 * 65_536}
def row_of(fields, *values): return dict(zip((name for name, _ in fields), values))
def pack(fields, row): return b"".join(be(row[name], size) for name, size in fields)
def tell(fields, entry):  # the fields of a leaf, as JSON has them; a leaf that isn't there has none
    ends = itertools.accumulate(size for _, size in fields)
    values = [(name, size, number(entry[end - size:end])) for (name, size), end in zip(fields, ends)] if entry else []
    return {name: value if size < 15 else str(value) if size == 16 else f"0x{value:0{2 * size}x}" for name, size, value in values}
def entries(files, name, head):  # of a file whose header, between mark and count, has to be `head`
    data, (mark, size, start) = files.get(name, b""), KINDS[name.split(".")[1]]
    count = number(data[start - 4:start])
    require(data[:8] == mark + b"\0\1\0\0" and count <= COUNT_MAX and len(data) == start + count * size, f"{name}: missing or malformed")
    require(data[8:start - 4] == head, f"{name}: of another network, epoch, issuer or node")
    return [data[at:at + size] for at in range(start, len(data), size)]

# ---- Signatures: RFC 8032, cofactored, strict encodings (section 3); points in extended coordinates ----
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, SQRT_M1, ZERO = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), (0, 1, 1, 0)
def decode(data):  # the point of a canonical encoding; None if it is none
    sign, y = divmod(int.from_bytes(data, "little"), 1 << 255)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    if (v * x * x - u) % P: x = x * SQRT_M1 % P
    if y >= P or (v * x * x - u) % P or (x == 0 and sign): return None
    if x & 1 != sign: x = P - x
    return (x, y, 1, x * y % P)
def add(p, q):  # complete on this curve, so that it doubles too
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)
def negate(p): return (P - p[0], p[1], p[2], P - p[3])
def is_small(p): return (p := add(p := add(p := add(p, p), p), p))[0] == 0 and p[1] == p[2]  # [8]p = 0
BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def verify(key, signature, message):
    a, r, s = decode(key), decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or is_small(a): return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    total, terms = ZERO, (ZERO, BASE, negate(a), add(BASE, negate(a)))
    for bit in range(252, -1, -1): total = add(add(total, total), terms[(s >> bit & 1) + 2 * (k >> bit & 1)])
    return is_small(add(total, negate(r)))

# ---- Merkle-sum trees (section 6): an element is (mass as one number, hash) ----
def leaf(mass, content): return (mass, H(b"\0" + content))
def node(p, q): return (p[0] + q[0], H(b"\1" + be(p[0], 15) + b"\0" + be(q[0], 15) + p[1] + q[1]))
def mass_of(record): return number(record[53:68])  # of a valid one
def lanes(mass): return (mass >> 64, mass >> 32 & 0xFFFFFFFF, mass & 0xFFFFFFFF)
def sum_of(masses):  # delivery masses are added lane by lane; None if one overflows
    sums = [sum(lane) for lane in zip((0, 0, 0), *map(lanes, masses))]
    return None if sums[0] >> 56 or sums[1] >> 32 or sums[2] >> 32 else sums[0] << 64 | sums[1] << 32 | sums[2]
def root(leaves):  # if their sum fits, so does every sum below, and no lane runs into another
    count, empty = len(level := list(leaves)), (0, bytes(32))
    for _ in range((count - 1).bit_length() if count else 0):
        if len(level) % 2: level.append(empty)
        level, empty = [node(*level[at:at + 2]) for at in range(0, len(level), 2)], node(empty, empty)
    mass, top = level[0] if level else empty
    return H(b"\2" + be(mass, 15) + bytes(8) + be(count, 8) + top)

# ---- The chain (section 13) ----
ATTESTED = H(b"EpochAttested(uint64,address,(bytes32,bytes32,bytes32,bytes32),bytes32,uint32,uint32,uint32,uint96)")
OVERTURNED, FORCED = H(b"EpochsOverturned(uint64,uint64,address)"), H(b"SegmentForced(uint64,uint32,uint32,bytes32,bytes)")
class Chain:
    def __init__(self, url, settlement):
        self.url, self.settlement = url, settlement
        self.head, self.id = (int(self.rpc(method), 16) for method in ("eth_blockNumber", "eth_chainId"))
    def rpc(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        try: answer = json.load(urlopen(Request(self.url, body, {"Content-Type": "application/json"}), timeout=60))
        except (OSError, http.client.HTTPException) as error: raise Unjudged(f"no answer from the chain: {error}")
        require(answer.get("result") is not None, f"the chain refuses {method}: {answer.get('error')}", Unjudged)
        return answer["result"]
    def call(self, signature, *args, to=None):
        data = "0x" + (H(signature.encode())[:4] + b"".join(map(be, args))).hex()
        return words(from_hex(self.rpc("eth_call", {"to": "0x" + (to or self.settlement).hex(), "data": data}, hex(self.head))))
    def pages(self, to, signature, count, size, *args):  # elements 0 to count - 1 of a list, of `size` words each
        for first in range(0, count, PAGE):
            found = self.call(signature, first, min(PAGE, count - first), *args, to=to)[2:]
            yield from (found[at:at + size] for at in range(0, len(found), size))
    def logs(self, address, since, until, *kinds):  # events of blocks of these times, in order: topics and data
        time = lambda block: int(self.rpc("eth_getBlockByNumber", hex(block), False)["timestamp"], 16)
        first, end = (bisect.bisect_left(range(self.head + 1), limit, key=time) for limit in (since, until))
        for block in range(first, end, STRETCH):
            query = {"fromBlock": hex(block), "toBlock": hex(min(block + STRETCH, end) - 1), "address": "0x" + address.hex()}
            for log in self.rpc("eth_getLogs", query | {"topics": [["0x" + kind.hex() for kind in kinds]]}):
                yield [from_hex(topic) for topic in log["topics"]], from_hex(log["data"])
    def terms(self, epoch):
        first, start, length, tail, commit, force, _, _, floor, _, _, price, *_ = self.call("parametersAt(uint64)", epoch)
        end = start + (epoch - first + 1) * length
        times = {"epoch": epoch, "start": end - length, "end": end, "tickets_end": end + tail, "forced_end": end + tail + force,
                 "attestable": max(end + tail + force, end + commit + 1)}
        require(first <= epoch and max(times.values()) < 1 << 64, "the times don't fit 64 bits", Unjudged)
        return times | {"floor": floor, "price": price}
    def attestation(self, epoch):  # the roots that stand attested, and the hash of the evidence
        found = None
        for (kind, named, *_), data in self.logs(self.settlement, self.terms(epoch)["attestable"], 1 << 64, ATTESTED, OVERTURNED):
            if kind == ATTESTED and number(named) == epoch: found = data
            elif kind == OVERTURNED and number(named) <= epoch <= words(data)[0]: found = None
        require(found, f"epoch {epoch} isn't attested", Unjudged)
        return dict(zip(("nodes", "bills", "charges", "evidence"), map(be, words(found))))
    def forced(self, terms):  # the records that nodes forced, by registry index
        forced, name = collections.defaultdict(list), [32, 14, number(b"ForcedSegments".ljust(32, b"\0"))]
        for address in [one for one in (be(word)[12:] for word in self.call("challengers()")[2:]) if self.call("name()", to=one) == name][:1]:
            for (_, epoch, index), data in self.logs(address, terms["tickets_end"], terms["forced_end"], FORCED):
                if number(epoch) == terms["epoch"]:
                    forced[number(index)] += [data[at:at + 140] for at in range(128, 128 + words(data)[3], 140)]
        return forced
    def facts(self, epoch):  # everything that an epoch is judged by and that isn't evidence
        facts = self.terms(epoch) | {"network": be(self.id)[24:] + self.settlement}
        registry, vault = (be(self.call(signature)[0])[12:] for signature in ("registry()", "vault()"))
        def early(to, count, size, at):
            pages = self.pages(to, "page(uint32,uint32)", self.call(count, to=to)[0], size)
            return list(itertools.takewhile(lambda one: one[at] < facts["end"], pages))
        nodes, payers = early(registry, "count()", 5, 2), early(vault, "payerCount()", 2, 1)
        keys = self.pages(registry, "keysAt(uint32,uint32,uint256)", len(nodes), 1, facts["start"])
        deposits = self.pages(vault, "depositsAt(uint32,uint32,uint256)", len(payers), 1, facts["end"])
        logs = ((i, self.call("ticketLog(uint64,uint32)", epoch, i)[0]) for i in range(self.call("issuerCount()")[0]))
        return facts | {"nodes": [be(key) for key, in keys], "payers": [be(account)[12:] for account, _ in payers], "forced":
                        self.forced(facts), "deposits": [one for one, in deposits], "logs": {i: be(log) for i, log in logs if log}}

# ---- The evidence (section 11): JSON has one form to the byte, so that a pattern reads it ----
NUMBER = rb"(0|[1-9]\d{0,9})"
NAME = (rb"(?:previous|tree)\.qtree|(?:previous-)?bills\.qbil|charges\.qchg|tickets-N\.qlog|segment-N\.qseg|(?:probes|rejections)\.json"
        rb"|(?:tree|bills|charges|tickets-N|charge-N)\.elements").replace(b"N", rb"(?:0|[1-9]\d{0,9})")
FILE = rb'{"name":"(%b)","size":%b,"blake3":"0x([0-9a-f]{64})"}' % (NAME, NUMBER)
PROBE = rb'{"index":%b,"made":([1-9]\d{0,9}),"ok":%b}' % (NUMBER, NUMBER)
REJECTION = rb'{"index":%b,"ticket":"0x([0-9a-f]{32})","code":%b,"reason":"(\w+)","record":"0x(\2[0-9a-f]{248})"}' % (NUMBER, NUMBER)
def lines(files, name, pattern, frame=b"[%b]"):
    found = list(re.finditer(pattern, files.get(name, b"")))
    require(frame % b",".join(line[0] for line in found) == files.get(name), f"{name}: missing, or not as section 11 has it")
    return [[int(group) if group.isdigit() and len(group) < 11 else group.decode() for group in line.groups()] for line in found]
def read(source, epoch, name, limit):
    base = f"{source}/v1/evidence/{epoch}" if re.match("https?://", source) else pathlib.Path(source).absolute().as_uri()
    try: return urlopen(f"{base}/{name}", timeout=600).read(limit + 1)
    except (OSError, ValueError, http.client.HTTPException) as error: raise Unjudged(f"{name} can't be read: {error}")
def fetch(source, epoch, network, attested):  # the attested files, by name
    files = {"bundle.json": read(source, epoch, "bundle.json", 64 << 20)}
    require(blake3(files["bundle.json"]).digest() == attested, "bundle.json isn't what was attested", Unjudged)
    frame = b'{"version":1,"epoch":%d,"chain_id":%d,"settlement":"0x%b","files":[%%b]}'
    bundle = lines(files, "bundle.json", FILE, frame % (epoch, number(network[:8]), network[8:].hex().encode()))
    require(ordered([name for name, _, _ in bundle]), "bundle.json: names out of order")
    require(all(size <= LIMITS.get(name, LIMITS.get(name.split(".")[1])) and (epoch or not name.startswith("previous"))
                and all(int(one) < 1 << 32 for one in re.findall(r"\d+", name)) for name, size, _ in bundle), "bundle.json: what can't be")
    for name, size, digest in bundle:
        files[name] = read(source, epoch, name, size)
        require(len(files[name]) == size and blake3(files[name]).hexdigest() == digest, f"{name} isn't what was attested", Unjudged)
    return files

# ---- The judgement (sections 5, 7, 11) ----
def ordered(keys): return all(one < other for one, other in zip(keys, keys[1:]))
def failures(facts, logs, records):  # of each (registry index, record): the code of section 5, 0 if none; and the payer's index
    places = {account: place for place, account in enumerate(facts["payers"])}
    for index, data in records:
        epoch, issuer, place, digest, sequence, size, deliveries, within, signed, signature = RECORD.unpack(data)
        entry = b"".join(logs.get(issuer, [])[place:place + 1])
        network, id_, key, client, collection, payer, _, limit, issued, expires = TICKET.unpack(entry or bytes(TICKET.size))
        formed = (1000 * facts["start"] <= issued < 1000 * facts["end"] and limit <= number(collection[:7])
                  and issued < expires <= 1000 * facts["tickets_end"])
        made = {1: epoch == facts["epoch"] and entry, 2: H(entry) == digest and id_ == data[:16], 3: network == facts["network"],
                4: key == facts["nodes"][index], 11: formed, 12: payer in places, 5: size <= limit, 6: within <= deliveries,
                7: issued <= signed <= expires, 8: sequence >= 1, 9: lambda: verify(client, signature, b"quittance/rcpt1" + H(data[16:76]))}
        yield next((code for code, holds in made.items() if not (holds() if code == 9 else holds)), 0), places.get(payer)
def counting(valid):  # of a node's valid (record, payer), those that count, and their sum (section 7)
    newest, counted, total = {}, [], 0
    for data, payer in valid:
        if data[:16] not in newest or data[48:52] >= newest[data[:16]][0][48:52]: newest[data[:16]] = (data, payer)
    for data, payer in newest.values():
        if len(counted) < COUNT_MAX and (sum_ := sum_of([total, mass_of(data)])) is not None:
            counted.append((data, payer))
            total = sum_
    return counted, total
def judge(facts, attested, before, files, report):
    lies, nodes, payers, epoch, network = report["reasons"], *map(facts.get, ("nodes", "payers", "epoch", "network"))
    at, logs, segments, rejected, probes = network + be(epoch, 8), {}, collections.defaultdict(list), [], {}
    @contextlib.contextmanager
    def told():
        try: yield
        except (Lie, OverflowError) as lie: lies.append(str(lie) if isinstance(lie, Lie) else "a sum or an amount doesn't fit")
    def numbered(kind): return {int(name[8:-5]): name for name in files if re.fullmatch(kind + r"-\d+\.q\w+", name)}
    for issuer in sorted(facts["logs"].keys() | numbered("tickets").keys()):
        with told():
            name, by = f"tickets-{issuer}.qlog", at + issuer.to_bytes(4, "big")
            log = entries(files, name, by)
            require(all(entry[28:44] == by[28:] + be(i, 4) for i, entry in enumerate(log)), f"{name}: a ticket isn't at its place")
            found = root(leaf(number(entry[192:200]) << 64 | 1 << 32, entry) for entry in log)
            require(found == facts["logs"].get(issuer), f"{name}: not what was committed")
            logs[issuer] = log
    granted = collections.Counter(entry[44:76] for log in logs.values() for entry in log)
    for index, name in numbered("segment").items():
        with told():
            found = entries(files, name, at + b"".join(nodes[index:index + 1]))
            require(0 < len(found) <= granted[nodes[index]] and ordered([data[:16] for data in found]), f"{name}: records in wrong number or order")
            segments[index] = found
    with told():
        found = [(index, bytes.fromhex(data), code, reason) for index, _, code, reason, data in lines(files, "rejections.json", REJECTION)]
        require(found == sorted(found, key=lambda line: (line[0], line[1][:16])) and all(line[0] < len(nodes) for line in found)
                and all(one[:2] != other[:2] for one, other in zip(found, found[1:])), "rejections.json: out of order, twice, or of no node")
        rejected = found
    with told():
        found = lines(files, "probes.json", PROBE)
        require(ordered([-1, *(line[0] for line in found), len(nodes)]) and all(ok <= made < 1 << 32 for _, made, ok in found),
                "probes.json: out of order, of no node, or impossible numbers")
        probes = {index: (made, ok) for index, made, ok in found}
    lies += [f"{name}: nobody who is honest states elements" for name in files if name.endswith(".elements")]
    sums = {"nodes": [0] * len(nodes), "bills": [0] * len(payers)}
    for tree, name, owners in (("nodes", "previous.qtree", [b""] * len(nodes)), ("bills", "previous-bills.qbil", payers)) if epoch else ():
        found = entries(files, name, network + be(epoch - 1, 8))
        sums[tree][:len(found)] = [number(entry[-16:]) for entry in found]
        require(root(map(leaf, sums[tree], found)) == before[tree], f"{name}: not what was attested")
        require(len(found) <= len(owners) and all(entry.startswith(be(i, 4) + owners[i]) for i, entry in enumerate(found)), f"{name}: of others")
    merged = [(index, data) for index in range(len(nodes)) for data, _ in itertools.groupby(
        sorted(segments[index] + facts["forced"].get(index, []), key=lambda data: data[:16]))]
    found = list(failures(facts, logs, merged + [line[:2] for line in rejected]))
    stated, valid, tally = {(i, data) for i in segments for data in segments[i]}, collections.defaultdict(list), []
    for (index, data), (code, payer) in zip(merged, found):
        if code == 0: valid[index].append((data, payer))
        elif (index, data) in stated: lies.append(f"segment-{index}.qseg, ticket 0x{data[:16].hex()}: {REASONS[code]}")
    bills = [row_of(BILL, i, number(account), 0, 0, sums["bills"][i]) for i, account in enumerate(payers)]
    rows, charged, served = {"nodes": [], "bills": bills, "charges": []}, collections.defaultdict(list), [0] * len(nodes)
    for index, key in enumerate(nodes):
        counted, mass = counting(valid[index])
        for data in {data for data, _ in counted} ^ {data for data, _ in valid[index] if (index, data) in stated}:
            lies.append(f"segment-{index}.qseg, ticket 0x{data[:16].hex()}: with what was forced, others count")
        for data, payer in counted: charged[payer, index].append(data)
        (size, deliveries, within), (made, ok) = lanes(mass), probes.get(index, (0, 0))
        score = min(within * PPM // deliveries if deliveries else PPM, ok * PPM // made if made else PPM)
        rows["nodes"].append(row_of(NODE, index, number(key), size, deliveries, within, made, ok, score, 0, 0, sums["nodes"][index]))
        tally.append((len(counted), mass))
    for (index, data, code, reason), (right, _) in zip(rejected, found[len(merged):]):
        if right == 0 and (tally[index][0] == COUNT_MAX or sum_of([tally[index][1], mass_of(data)]) is None): right = 13
        if (code, reason) != (right, REASONS[right]):
            lies.append(f"rejections.json, node {index}, ticket 0x{data[:16].hex()}: stated {reason}, found {REASONS[right]}")
    for place, (payer, index) in enumerate(sorted(charged), 1):
        by, to, mass = bills[payer], rows["nodes"][index], sum_of(map(mass_of, charged[payer, index]))
        worth = lanes(mass)[0] * facts["price"] * to["sla_ppm"] // (GIB * PPM) if to["sla_ppm"] >= facts["floor"] else 0
        amount = min(worth, max(0, facts["deposits"][payer] - by["cumulative"]))
        for row, name in ((by, "bill"), (by, "cumulative"), (to, "reward"), (to, "cumulative")): row[name] += amount
        served[index] += mass
        segment = number(root(leaf(mass_of(data), data) for data in charged[payer, index]))
        rows["charges"].append(row_of(CHARGE, payer, index, segment, mass, amount, by["cumulative"], to["reward"], served[index], to["last"]))
        by["last"] = to["last"] = place
    for tree, name, fields, mass in (("nodes", "tree.qtree", NODE, "cumulative"), ("bills", "bills.qbil", BILL, "cumulative"),
                                     ("charges", "charges.qchg", CHARGE, "amount")):
        found = [pack(fields, row) for row in rows[tree]]
        with told():
            require(sum(row[mass] for row in rows[tree]) < AMOUNT_END, f"{name}: an amount of 2^96 or more")
            computed = report["roots"][tree] = root(leaf(row[mass], entry) for row, entry in zip(rows[tree], found)).hex()
            if computed != attested[tree].hex(): lies.append(f"{name}: the recomputed root is {computed}, attested {attested[tree].hex()}")
            for place, (one, other) in enumerate(itertools.zip_longest(entries(files, name, at), found)):
                if one != other: lies.append(f"{name}, leaf {place}: attested {tell(fields, one)}, recomputed {tell(fields, other)}")
        report[tree] = [tell(fields, entry) for entry in found]
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, kind in {"rpc": str, "settlement": from_hex, "epoch": int, "evidence": str}.items():
        parser.add_argument(f"--{flag}", type=kind, required=True)
    parser.add_argument("--json", action="store_true")
    args, report = parser.parse_args(), {"verdict": "not_judged", "reasons": [], "roots": {}, "nodes": [], "bills": [], "charges": []}
    try:
        require(0 <= args.epoch < 1 << 64 and len(args.settlement) == 20, "there is no such epoch, or no such address", Unjudged)
        chain = Chain(args.rpc, args.settlement)
        attested, facts, before = chain.attestation(args.epoch), chain.facts(args.epoch), args.epoch and chain.attestation(args.epoch - 1)
        judge(facts, attested, before, fetch(args.evidence, args.epoch, facts["network"], attested["evidence"]), report)
        report["verdict"] = "false" if report["reasons"] else "true"
    except (Lie, OverflowError) as lie: report |= {"verdict": "false", "reasons": [*report["reasons"], str(lie)]}
    except (Unjudged, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        report["reasons"].append(str(error) if isinstance(error, Unjudged) else f"not understood: {error!r}")
    people = ["node " + ", ".join(f"{name} {value}" for name, value in row.items()) for row in report["nodes"]] + report["reasons"]
    print(json.dumps(report) if args.json else "\n".join([*people, f"epoch {args.epoch}: {report['verdict']}"]))
    sys.exit({"true": 0, "false": 1, "not_judged": 2}[report["verdict"]])
if __name__ == "__main__": main()
