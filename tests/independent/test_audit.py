"""Tests of audit.py: the golden vectors, and an epoch on a chain that is played, true and false in many ways."""

import contextlib, functools, hashlib, io, json, pathlib, struct, sys, tempfile, unittest
from unittest import mock

from Crypto.Cipher import AES
from blake3 import blake3

import audit
from audit import H, be, from_hex, number

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors"
SCRATCH = tempfile.TemporaryDirectory()
FOLDER = pathlib.Path(SCRATCH.name)
L, SIDES = audit.L, ("previous.qtree", "previous-bills.qbil")


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


SIGNATURES = """registry() vault() genesis() issuerCount() parametersAt(uint64) ticketLog(uint64,uint32) challengers() name() count()
    payerCount() page(uint32,uint32) keysAt(uint32,uint32,uint256) depositsAt(uint32,uint32,uint256)""".split()


@functools.cache
def selected(selector):
    """The call that is meant."""
    return next(signature for signature in SIGNATURES if H(signature.encode())[:4] == selector)


def facts_of(vector, **more):
    """What `failures` asks of a vector's network."""
    times, epoch = vector["timeline"], vector["epoch"]
    end = times["genesis"] + (epoch + 1) * times["epoch_length"]
    network = be(vector["network"]["chain_id"], 8) + from_hex(vector["network"]["settlement"])
    return {"epoch": epoch, "network": network, "start": end - times["epoch_length"], "end": end,
            "tickets_end": end + times["ticket_tail"], **more}


def sign(seed, message):
    """Key and signature, RFC 8032."""
    wide = hashlib.sha512(seed).digest()
    scalar = (int.from_bytes(wide[:32], "little") & (1 << 254) - 8) | 1 << 254

    def times_base(factor):
        sum_ = audit.ZERO
        for bit in f"{factor:b}":
            sum_ = audit.add(sum_, sum_)
            if bit == "1":
                sum_ = audit.add(sum_, audit.BASE)
        inverse = pow(sum_[2], -1, audit.P)
        x, y = sum_[0] * inverse % audit.P, sum_[1] * inverse % audit.P
        return (y | (x & 1) << 255).to_bytes(32, "little")

    key = times_base(scalar)
    nonce = int.from_bytes(hashlib.sha512(wide[32:] + message).digest(), "little") % L
    r = times_base(nonce)
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little")
    return key, r + ((nonce + k * scalar) % L).to_bytes(32, "little")


class Vectors(unittest.TestCase):
    def test_signatures(self):
        checked = 0
        for name in ("speccheck", "wycheproof"):
            for one in vectors(f"ed25519/{name}")["vectors"]:
                key, message = from_hex(one["key"]), from_hex(one["message"])
                found = audit.verify(key, from_hex(one["r"]) + from_hex(one["s"]), message)
                self.assertEqual(found, one["valid"], f"{name}: {one['comment']}")
                checked += 1
        for group in vectors("ed25519/crafted")["groups"]:
            # Each: valid (u8), length of the message (u16), key, R, S, message.
            records, at = from_hex(group["records"]), 0
            while at < len(records):
                end = at + 99 + number(records[at + 1:at + 3])
                found = audit.verify(records[at + 3:at + 35], records[at + 35:at + 99], records[at + 99:end])
                self.assertEqual(found, records[at] == 1, f"{group['kind']}, byte {at}")
                at, checked = end, checked + 1
        self.assertGreater(checked, 3000)

    def test_our_own_signer(self):
        for one in vectors("receipt")["accepted"]:
            message = b"quittance/rcpt1" + from_hex(one["digest"])
            self.assertEqual(H(from_hex(one["encoding"])), from_hex(one["digest"]))
            key, signature = sign(from_hex(one["client_seed"]), message)
            self.assertEqual((key, signature), (from_hex(one["client_key"]), from_hex(one["signature"])))

    def test_trees(self):
        for kind, cases in vectors("merkle").items():
            for one in cases:
                leaves = [(number(from_hex(leaf["mass"])), from_hex(leaf["hash"])) for leaf in one["leaves"]]
                self.assertEqual(audit.root(leaves), from_hex(one["root"]), f"{kind}: {one['name']}")

    def test_leaves(self):
        shapes = {"node_leaf": (audit.NODE, {"index": "index", "node": "node", "sla_ppm": "sla_ppm", "last": "last",
                                             "reward": "reward", "cumulative": "cumulative", "probes": "probes"}),
                  "bill_leaf": (audit.BILL, {"index": "index", "payer": "account", "bill": "bill", "last": "last"}),
                  "charge_leaf": (audit.CHARGE, {"payer": "payer", "node": "node", "mass": "mass", "amount": "amount",
                                                 "segment_root": "segment_root", "previous": "previous",
                                                 "billed": "billed", "earned": "earned", "served": "served"})}
        for name, (fields, names) in shapes.items():
            for one in vectors(name)["leaves"]:
                encoding = from_hex(one["encoding"])
                told = audit.tell(fields, encoding)
                self.assertEqual({theirs: told[ours] for theirs, ours in names.items()},
                                 {theirs: one[theirs] for theirs in names}, name)
                self.assertEqual(audit.leaf(0, encoding)[1], from_hex(one["hash"]))

    def test_tickets(self):
        vector = vectors("ticket")
        vector |= {"epoch": 7, "network": vector["accepted"][0]["fields"]["network"]}
        for one in vector["accepted"] + vector["refused"]:
            ticket = from_hex(one["encoding"])
            key, signature = from_hex(one["issuer_key"]), from_hex(one["signature"])
            signed = audit.verify(key, signature, b"quittance/tick1" + H(ticket))
            self.assertEqual(signed, one.get("reason") != "signature", one["name"])
            # A receipt that nobody signed: what is wrong with its ticket is found before.
            fields = audit.TICKET.unpack(ticket)
            facts = facts_of(vector, nodes=[fields[2]], payers=[fields[5]])
            receipt = H(ticket) + struct.pack(">IQIIQ", 1, 0, 0, 0, fields[8])
            record = fields[1] + receipt + bytes(64)
            logs = {number(fields[1][8:12]): [ticket] * (number(fields[1][12:]) + 1)}
            (code, _), = audit.failures(facts, logs, [(0, record)])
            malformed = one.get("reason") in ("times", "limit")
            self.assertEqual(code, 11 if malformed else 9, one["name"])

    def test_records(self):
        vector = vectors("receipt")
        payers = [from_hex(payer) for payer in vector["payers"]]
        facts = facts_of(vector, nodes=[from_hex(vector["node"])], payers=payers)
        log = from_hex(vector["log"])
        head = facts["network"] + be(vector["epoch"], 8)
        name = f"tickets-{number(log[44:48])}.qlog"
        entries = audit.entries({name: log}, name, head + log[44:48])
        for one in vector["accepted"] + vector["refused"]:
            (code, _), = audit.failures(facts, {number(log[44:48]): entries}, [(0, from_hex(one["record"]))])
            self.assertEqual(code, one.get("code", 0), one["name"])
            self.assertEqual(audit.REASONS[code], one.get("reason", "valid"))

    def test_a_record_of_no_log_is_unknown_though_all_of_it_is_zero(self):
        facts = {"epoch": 0, "network": bytes(28), "start": 0, "end": 1, "tickets_end": 1, "nodes": [bytes(32)], "payers": []}
        for logs in ({}, {0: []}, {1: [bytes(216)]}):
            (code, _), = audit.failures(facts, logs, [(0, bytes(140))])
            self.assertEqual(code, 1)
        (code, _), = audit.failures(facts, {0: [bytes(216)]}, [(0, bytes(140))])
        self.assertEqual(code, 2)

    def test_seals(self):
        for file in vectors("seal")["files"]:
            key, open_bytes, nonce = (from_hex(file[name]) for name in ("key", "open", "nonce"))
            derived = lambda what, material: blake3(material, derive_key_context=f"quittance 2026 seal {what}").digest()
            self.assertEqual(derived("key id", key), from_hex(file["key_id"]))
            self.assertEqual(blake3(open_bytes, key=derived("nonce", key)).digest(16), nonce)
            cipher = AES.new(derived("file key", key + nonce), AES.MODE_CTR, nonce=b"", initial_value=0)
            self.assertEqual(cipher.encrypt(open_bytes), from_hex(file["sealed"]))
            self.assertEqual(blake3(from_hex(file["sealed"])).digest(), from_hex(file["content"]))
        far = vectors("seal")["far"]
        file_key, (block, byte) = derived("file key", from_hex(far["key"]) + from_hex(far["nonce"])), divmod(int(far["offset"]), 16)
        cipher = AES.new(file_key, AES.MODE_CTR, nonce=b"", initial_value=block)
        self.assertEqual(cipher.encrypt(bytes(byte + 40))[byte:], from_hex(far["keystream"]))

    def test_segment_and_log(self):
        vector = vectors("segment")
        segment, log = from_hex(vector["segment"]["encoding"]), from_hex(vector["log"]["encoding"])
        records = audit.entries({"segment-0.qseg": segment}, "segment-0.qseg", segment[8:76])
        found = audit.root(audit.leaf(audit.mass_of(record), record) for record in records)
        self.assertEqual(found, from_hex(vector["segment"]["root"]))
        self.assertEqual(audit.sum_of(map(audit.mass_of, records)), number(from_hex(vector["segment"]["mass"])))
        tickets = audit.entries({"tickets-1.qlog": log}, "tickets-1.qlog", log[8:48])
        found = audit.root(audit.leaf(number(ticket[192:200]) << 64 | 1 << 32, ticket) for ticket in tickets)
        self.assertEqual(found, from_hex(vector["log"]["root"]))


class Epoch:
    """An epoch: what the chain says, and the evidence. Everything may be changed before it is audited."""

    def __init__(self):
        vector = vectors("epoch")
        self.vector, self.epoch = vector, vector["epoch"]
        self.times = vector["timeline"]
        self.settlement = from_hex(vector["network"]["settlement"])
        self.at = be(31337, 8) + self.settlement + be(self.epoch, 8)
        self.price, self.floor = int(vector["price_per_gib"]), vector["sla_floor_ppm"]
        self.nodes = [from_hex(leaf["node"]) for leaf in vector["nodes"]["leaves"]]
        self.payers = [(from_hex(payer["account"]), int(payer["deposit"])) for payer in vector["payers"]]
        self.logs = {vector["log"]["issuer"]: from_hex(vector["log"]["root"])}
        self.issuers = 2
        self.forced = []
        roots = {"nodes": vector["nodes"]["root"], "bills": vector["bills"]["root"], "charges": vector["charges"]["root"]}
        self.roots = {name: from_hex(root) for name, root in roots.items()}
        previous = vector["previous"]
        self.before = {"nodes": from_hex(previous["nodes"]["root"]), "bills": from_hex(previous["bills"]["root"])}
        self.files = {"tree.qtree": from_hex(vector["nodes"]["encoding"]), "bills.qbil": from_hex(vector["bills"]["encoding"]),
                      "charges.qchg": from_hex(vector["charges"]["encoding"]), "rejections.json": b"[]",
                      "previous.qtree": from_hex(previous["nodes"]["encoding"]),
                      "previous-bills.qbil": from_hex(previous["bills"]["encoding"]),
                      "probes.json": json.dumps(vector["probes"], separators=(",", ":")).encode(),
                      "tickets-1.qlog": from_hex(vector["log"]["encoding"])}
        for index, segment in enumerate(vector["segments"]):
            self.files[f"segment-{index}.qseg"] = from_hex(segment)
        self.events = []
        self.bundle = None
        self.attested = None

    def written(self):
        """bundle.json as section 11 has it."""
        files = [{"name": name, "size": len(data), "blake3": "0x" + audit.blake3(data).hexdigest()}
                 for name, data in sorted(self.files.items())]
        bundle = {"version": 1, "epoch": self.epoch, "chain_id": 31337, "settlement": "0x" + self.settlement.hex(), "files": files}
        return json.dumps(bundle, separators=(",", ":")).encode()

    def put_tree(self, name, tree, leaves, mass):
        """Another tree, and its root attested."""
        mark = audit.KINDS[name.split(".")[1]][0]
        self.files[name] = mark + b"\0\1\0\0" + self.at + be(len(leaves), 4) + b"".join(leaves)
        self.roots[tree] = audit.root(audit.leaf(number(leaf[mass]), leaf) for leaf in leaves)

    def rpc(self, method, *params):
        """The chain's side: two blocks before the epoch's end, one for everything after, one for each event."""
        end = self.times["genesis"] + (self.epoch + 1) * self.times["epoch_length"]
        tail = end + self.times["ticket_tail"]
        due = tail + self.times["force_window"]
        blocks = [0, end - 1, end, tail - 1, tail, due - 1, due] + [due + 10 * i for i in range(1, 8)]
        roots = self.roots | {"evidence": self.attested}
        attested = [roots[name] for name in ("nodes", "bills", "charges", "evidence")]
        events = self.events or [(7, [audit.ATTESTED, be(self.epoch)], b"".join(attested + [bytes(160)]))]
        before = b"".join([self.before["nodes"], self.before["bills"], bytes(224)])
        events = [(2, [audit.ATTESTED, be(self.epoch - 1)], before)] * (self.epoch > 0) + events
        if method == "eth_blockNumber":
            return hex(len(blocks) - 1)
        if method == "eth_chainId":
            return hex(31337)
        if method == "eth_getBlockByNumber":
            return {"timestamp": hex(blocks[int(params[0], 16)])}
        if method == "eth_getLogs":
            query, = params
            if query["address"] == "0x" + "66" * 20:
                events = [(5, [audit.FORCED, be(epoch), be(node)], be(0) + be(0) + be(96) + be(len(data)) + data)
                          for epoch, node, data in self.forced]
            kinds = [from_hex(kind) for kind in query["topics"][0]]
            return [{"topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + data.hex(), "blockNumber": hex(block)}
                    for block, topics, data in events
                    if int(query["fromBlock"], 16) <= block <= int(query["toBlock"], 16) and topics[0] in kinds]
        data = from_hex(params[0]["data"])
        args = [number(data[i:i + 32]) for i in range(4, len(data), 32)]
        to = from_hex(params[0]["to"])
        times = self.times
        answers = {
            "registry()": lambda: [0x77 << 8 * 19], "vault()": lambda: [0x88 << 8 * 19],
            "genesis()": lambda: [times["genesis"]], "issuerCount()": lambda: [self.issuers],
            "parametersAt(uint64)": lambda epoch: [
                0, times["genesis"], times["epoch_length"], times["ticket_tail"], times["commit_window"], times["force_window"],
                times["challenge_window"], 0, self.floor, 0, 0, self.price, 0, 0],
            "ticketLog(uint64,uint32)": lambda epoch, issuer: [number(self.logs.get(issuer, b""))],
            "challengers()": lambda: [32, 3, 0x55 << 8 * 19, 0x66 * int("01" * 20, 16), 0x99 << 8 * 19],
            "name()": lambda: {0x55: [], 0x66: [32, 14, number(b"ForcedSegments".ljust(32, b"\0"))],
                               0x99: [32, 5, number(b"Other".ljust(32, b"\0"))]}[to[0]],
            # One more of each, registered at the very end.
            "count()": lambda: [len(self.nodes) + 1], "payerCount()": lambda: [len(self.payers) + 1],
            "page(uint32,uint32)": lambda first, limit: self.page(to[0], end, first, limit),
            "keysAt(uint32,uint32,uint256)": lambda first, limit, time: [
                32, limit, *map(number, self.nodes[first:first + limit] if time == end - times["epoch_length"] else [])],
            "depositsAt(uint32,uint32,uint256)": lambda first, limit, time: [
                32, limit, *(deposit for _, deposit in self.payers[first:first + limit] if time == end)],
        }
        return "0x" + b"".join(map(be, answers[selected(data[:4])](*args))).hex()

    def page(self, contract, end, first, limit):
        if contract == 0x77:
            rows = [[1, 2, end - 1, 3, 0]] * len(self.nodes) + [[1, 2, end, 3, 0]]
        else:
            rows = [[number(account), end - 1] for account, _ in self.payers] + [[5, end]]
        rows = rows[first:first + limit]
        return [32, len(rows), *(word for row in rows for word in row)]

    def audit(self):
        """Exit code, report."""
        bundle = self.written() if self.bundle is None else self.bundle
        if self.attested is None:
            self.attested = audit.blake3(bundle).digest()
        args = ["audit.py", "--rpc", "http://played", "--settlement", "0x" + self.settlement.hex(),
                "--epoch", str(self.epoch), "--evidence", str(FOLDER), "--json"]
        for file in FOLDER.iterdir():
            if self.files.get(file.name) != file.read_bytes():
                file.unlink()
        for name, data in (self.files | {"bundle.json": bundle}).items():
            if not (FOLDER / name).exists():
                (FOLDER / name).write_bytes(data)
        printed = io.StringIO()
        with (mock.patch.object(audit.Chain, "rpc", lambda _, *asked: self.rpc(*asked)), mock.patch.object(sys, "argv", args),
              contextlib.redirect_stdout(printed)):
            try:
                audit.main()
            except SystemExit as end:
                return end.code, json.loads(printed.getvalue())


class Judge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The same few signatures are checked again and again.
        patch = mock.patch.object(audit, "verify", functools.lru_cache(audit.verify))
        patch.start()
        cls.addClassCleanup(patch.stop)

    def verdict(self, epoch, code, *words):
        found, report = epoch.audit()
        self.assertEqual(found, code, report["reasons"])
        for word in words:
            self.assertIn(word, " ".join(report["reasons"]))
        return report


class Judged(Judge):
    def test_the_vectors_epoch_is_true(self):
        epoch = Epoch()
        spec = (VECTORS.parent.parent / "protocol" / "SPEC.md").read_text()
        begin = spec.index('    {"version":1,"epoch":7,')
        example = spec[begin:spec.index("]}", begin) + 2].replace("\n    ", "").strip()
        self.assertEqual(epoch.written().decode(), example)
        digest = H(b"".join(epoch.roots.values()) + from_hex(epoch.vector["evidence"]))
        self.assertEqual(digest, from_hex(epoch.vector["digest"]))
        report = self.verdict(epoch, 0)
        for ours, theirs in (("nodes", "nodes"), ("bills", "bills"), ("charges", "charges")):
            for found, leaf in zip(report[ours], epoch.vector[theirs]["leaves"], strict=True):
                for name in ("reward", "cumulative", "bill", "sla_ppm", "amount", "billed", "earned", "served", "last"):
                    self.assertEqual(found.get(name), leaf.get(name))

    def test_a_flipped_byte_is_not_what_was_attested(self):
        for name in [*Epoch().files, "bundle.json"]:
            epoch = Epoch()
            epoch.bundle = epoch.written()
            epoch.attested = audit.blake3(epoch.bundle).digest()
            if name == "bundle.json":
                epoch.bundle = epoch.bundle[:-9] + b"#" + epoch.bundle[-8:]
            else:
                data = bytearray(epoch.files[name])
                data[len(data) // 2] ^= 1
                epoch.files[name] = bytes(data)
            self.verdict(epoch, 2, name, "isn't what was attested")

    def test_a_missing_file_cannot_be_judged(self):
        epoch = Epoch()
        epoch.bundle = epoch.written()
        del epoch.files["charges.qchg"]
        self.verdict(epoch, 2, "charges.qchg", "can't be read")

    def test_a_flipped_byte_that_was_attested_is_a_lie(self):
        # Every byte would take minutes: headers, ends, and a step that hits all fields by and by.
        honest = Epoch()
        for name, data in honest.files.items():
            for at in sorted({*range(min(len(data), 80)), *range(80, len(data), 41), len(data) - 1}):
                epoch = Epoch()
                epoch.files[name] = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]
                found, report = epoch.audit()
                self.assertEqual(found, 1, f"{name}, byte {at}: {report['reasons']}")

    def test_a_flipped_byte_of_an_attested_bundle_is_never_true(self):
        honest = Epoch().written()
        for at in range(0, len(honest), 2):
            epoch = Epoch()
            epoch.bundle = honest[:at] + bytes([honest[at] ^ 1]) + honest[at + 1:]
            found, report = epoch.audit()
            self.assertIn(found, (1, 2), f"byte {at}: {report['reasons']}")

    def test_json_has_one_form(self):
        for name, forms in {"probes.json": (b'[{"index":1,"made":4,"ok":3} ]', b'[{"index":1,"made":04,"ok":3}]', b"{}", b"",
                                            b'[{"index":1,"ok":3,"made":4}]', b'[{"index":1,"made":4.0,"ok":3}]', b"[" * 100_000,
                                            b'[{"index":1,"made":4,"ok":3}]\n', b'[{"index":1,"made":4,"ok":3,"x":0}]'),
                            "rejections.json": (b" []", b"[ ]", b"null", b"[]]", b"\xff\xff", b"[{}]")}.items():
            for form in forms:
                epoch = Epoch()
                epoch.files[name] = form
                self.verdict(epoch, 1, name)

    def test_probes_have_to_be_possible(self):
        for form in (b'[{"index":1,"made":0,"ok":0}]', b'[{"index":1,"made":3,"ok":4}]', b'[{"index":3,"made":4,"ok":3}]',
                     b'[{"index":1,"made":4,"ok":3},{"index":1,"made":4,"ok":3}]', b'[{"index":1,"made":4294967296,"ok":3}]'):
            epoch = Epoch()
            epoch.files["probes.json"] = form
            self.verdict(epoch, 1, "probes.json")

    def test_every_file_is_needed_and_no_other(self):
        for name in Epoch().files:
            epoch = Epoch()
            del epoch.files[name]
            self.verdict(epoch, 1)
        for name in ("tickets-0.qlog", "segment-3.qseg", "segment-00.qseg", "notes.txt", "tickets-x.qlog", "bundle.json.qtree"):
            epoch = Epoch()
            epoch.files[name] = epoch.files["tickets-1.qlog" if "tickets" in name else "segment-0.qseg"]
            self.verdict(epoch, 1)
        for name in ("tree.elements", "charge-0.elements", "tickets-9.elements"):
            epoch = Epoch()
            epoch.files[name] = b"QELE"
            self.verdict(epoch, 1, name)

    def test_a_bundle_of_what_cannot_be_is_refused_before_a_file_is_read(self):
        for old, new in ((b'"probes.json","size":29', b'"probes.json","size":218103811'), (b'"tree.qtree","size":345', b'"tree.qtree","size":415236145'),
                         (b'"tickets-1.qlog"', b'"tickets-4294967296.qlog"'), (b'"version":1', b'"version":2')):
            epoch = Epoch()
            epoch.bundle = epoch.written().replace(old, new)
            self.verdict(epoch, 1, "bundle.json")

    def test_a_lie_that_is_consistent_in_itself(self):
        # The whole tree is built anew over the lie: only the rules tell.
        for name, tree, size, mass, places in (
                ("tree.qtree", "nodes", 99, slice(83, 99), (0, 4, 42, 46, 50, 51, 55, 62, 66, 82, 98)),
                ("bills.qbil", "bills", 60, slice(44, 60), (3, 23, 27, 43, 59)),
                ("charges.qchg", "charges", 122, slice(55, 71), (3, 7, 8, 46, 50, 54, 70, 86, 102, 117, 121))):
            for place in places:
                epoch = Epoch()
                data = epoch.files[name][48:]
                leaves = [data[at:at + size] for at in range(0, len(data), size)]
                leaves[1] = leaves[1][:place] + bytes([leaves[1][place] ^ 1]) + leaves[1][place + 1:]
                epoch.put_tree(name, tree, leaves, mass)
                self.verdict(epoch, 1, f"{name}, leaf 1", "root")

    def test_a_root_that_is_not_its_trees(self):
        for tree in ("nodes", "bills", "charges"):
            epoch = Epoch()
            epoch.roots[tree] = bytes(32)
            self.verdict(epoch, 1, "recomputed root")

    def test_what_the_chain_says_counts(self):
        for change, words in ((lambda e: e.nodes.append(bytes(32)), "tree.qtree, leaf 3"), (lambda e: e.payers.append((bytes(20), 1)), "bills.qbil, leaf 2"),
                              (lambda e: e.payers.pop(), "previous-bills.qbil"), (lambda e: setattr(e, "price", e.price + 1), "charges.qchg"),
                              (lambda e: e.logs.update({0: bytes(31) + b"\1"}), "tickets-0.qlog"), (lambda e: e.logs.clear(), "tickets-1.qlog"),
                              (lambda e: e.logs.update({1: bytes(31) + b"\1"}), "not what was committed"),
                              (lambda e: e.before.update(nodes=bytes(32)), "previous.qtree"), (lambda e: setattr(e, "floor", 10**6), "charges.qchg"),
                              (lambda e: e.payers.__setitem__(0, (e.payers[0][0], 0)), "charges.qchg")):
            epoch = Epoch()
            change(epoch)
            self.verdict(epoch, 1, words)

    def test_an_overturned_attestation_is_none(self):
        def event(roots):
            return [audit.ATTESTED, be(7)], b"".join([*roots, bytes(160)])
        honest = Epoch()
        right = [*honest.roots.values(), audit.blake3(honest.written()).digest()]
        wrong = [bytes(32)] * 4
        overturned = lambda first, last: ([audit.OVERTURNED, be(first)], be(last) + be(1))
        for events, code in (([event(right)], 0), ([event(right), overturned(7, 7)], 2), ([event(right), overturned(5, 9)], 2),
                             ([event(right), overturned(8, 9)], 0), ([event(wrong), overturned(7, 7), event(right)], 0),
                             ([event(wrong), overturned(7, 7), event(right), overturned(6, 7)], 2), ([overturned(7, 7), event(right)], 0)):
            epoch = Epoch()
            epoch.events = [(7 + at, topics, data) for at, (topics, data) in enumerate(events)]
            epoch.attested = right[3]
            self.verdict(epoch, code)

    def test_a_chain_that_talks_nonsense_is_not_believed(self):
        for answer in ("0x", "nonsense", {}, [], 5, "0x1234"):
            epoch = Epoch()
            honest = epoch.rpc
            epoch.rpc = lambda method, *params: answer if method == "eth_call" else honest(method, *params)
            self.verdict(epoch, 2)
            epoch = Epoch()
            epoch.rpc = lambda *_: answer
            self.verdict(epoch, 2)

    def test_an_unreachable_chain_and_verifier(self):
        for url in ("http://127.0.0.1:1", "nonsense"):
            with self.assertRaises(audit.Unjudged if "http" in url else (audit.Unjudged, ValueError)):
                audit.Chain(url, bytes(20))
        with self.assertRaises(audit.Unjudged):
            audit.read("http://127.0.0.1:1", 0, "bundle.json", 10)


def changed(files, change):
    """Files with a change of evidence.json made to them."""
    name = change["file"]
    if "of" in change:
        return files | {name: files[change["of"]]}
    if "at" in change:
        at, data = change["at"], files[name]
        return files | {name: data[:at] + from_hex(change["insert"]) + data[at + change["remove"]:]}
    if "text" in change:
        return files | {name: files[name].replace(change["text"].encode(), change["instead"].encode(), 1)}
    others = {other: data for other, data in files.items() if other != name}
    return others if change["bytes"] is None else others | {name: from_hex(change["bytes"])}


class Mutations(Judge):
    def test_the_verdicts_of_the_vectors_are_ours(self):
        cases = vectors("evidence")["cases"]
        for case in cases:
            epoch = Epoch()
            for change in case["attested"]:
                if change["file"] == "bundle.json":
                    epoch.bundle = changed({"bundle.json": epoch.bundle or epoch.written()}, change)["bundle.json"]
                else:
                    epoch.files = changed(epoch.files, change)
            epoch.bundle = epoch.bundle or epoch.written()
            epoch.attested = audit.blake3(epoch.bundle).digest()
            at_hand = epoch.files | {"bundle.json": epoch.bundle}
            for change in case["at_hand"]:
                at_hand = changed(at_hand, change)
            epoch.bundle = at_hand.pop("bundle.json")
            epoch.files = at_hand
            code = {"true": 0, "false": 1, "not_judged": 2}[case["verdict"]]
            found, report = epoch.audit()
            self.assertEqual(found, code, f"{case['name']}: {report['reasons']}")
        self.assertGreater(len(cases), 700)


class Forced(Judge):
    """A node with two tickets, each with a record; what it forces besides."""

    def setUp(self):
        self.base = Epoch()
        self.key, _ = sign(b"k" * 32, b"")
        start = 1000 * (self.base.times["genesis"] + 7 * self.base.times["epoch_length"])
        tickets = [audit.TICKET.pack(self.base.at[:28], self.base.at[28:] + be(1, 4) + be(place, 4), self.base.nodes[0], self.key,
                                     be(9000, 7) + bytes(25), self.base.payers[0][0], bytes(32), 9000, start, start + 1000) for place in (0, 1)]
        self.tickets, self.start = tickets, start

    def record(self, place, sequence, size, valid=True, within=1):
        ticket = self.tickets[place]
        receipt = H(ticket) + struct.pack(">IQIIQ", sequence, size, 1, within, self.start)
        _, signature = sign(b"k" * 32, b"quittance/rcpt1" + H(receipt))
        return ticket[28:44] + receipt + (signature if valid else bytes(64))

    def epoch(self, counted, forced=(), rejections=b"[]", segment=None):
        """Attests that these records count, of which the evidence's segment has `segment`."""
        epoch, base = Epoch(), self.base
        tickets = [audit.leaf(9000 << 64 | 1 << 32, ticket) for ticket in self.tickets]
        epoch.logs = {1: audit.root(tickets)}
        files = {"tickets-1.qlog": b"QLOG\0\1\0\0" + base.at + be(1, 4) + be(2, 4) + b"".join(self.tickets),
                 "rejections.json": rejections, "probes.json": b"[]"}
        segment = counted if segment is None else segment
        if segment:
            files["segment-0.qseg"] = b"QSEG\0\1\0\0" + base.at + base.nodes[0] + be(len(segment), 4) + b"".join(segment)
        epoch.files = files | {name: base.files[name] for name in SIDES}
        epoch.price, epoch.floor = 1 << 30, 0
        size = sum(number(record[52:60]) for record in counted)
        mass = be(size, 7) + be(len(counted), 4) * 2
        earned, billed = ([number(leaf[-16:]) for leaf in audit.entries(base.files, name, base.at[:28] + be(6, 8))]
                          for name in SIDES)
        last = 1 if counted else 0
        nodes = [be(i, 4) + key + (mass if i == 0 else bytes(15)) + bytes(8) + be(10**6, 4) + be(last if i == 0 else 0, 4)
                 + be(size if i == 0 else 0, 16) + be(before + (size if i == 0 else 0), 16)
                 for i, (key, before) in enumerate(zip(base.nodes, earned + [0]))]
        bills = [be(i, 4) + account + be(last if i == 0 else 0, 4) + be(size if i == 0 else 0, 16)
                 + be(before + (size if i == 0 else 0), 16) for i, ((account, _), before) in enumerate(zip(base.payers, billed))]
        root = audit.root(audit.leaf(audit.mass_of(record), record) for record in counted)
        charge = be(0, 8) + root + mass + be(size, 16) + be(billed[0] + size, 16) + be(size, 16) + mass + be(0, 4)
        epoch.put_tree("tree.qtree", "nodes", nodes, slice(83, 99))
        epoch.put_tree("bills.qbil", "bills", bills, slice(44, 60))
        epoch.put_tree("charges.qchg", "charges", [charge] if counted else [], slice(55, 71))
        epoch.forced = [(7, 0, b"".join(chunk)) for chunk in forced]
        return epoch

    def test_none_is_an_epoch_too(self):
        self.verdict(self.epoch([]), 0)
        self.verdict(self.epoch([self.record(0, 1, 10)]), 0)
        epoch = self.epoch([])
        epoch.files["segment-0.qseg"] = b"QSEG\0\1\0\0" + epoch.at + epoch.nodes[0] + be(0, 4)
        self.verdict(epoch, 1, "wrong number or order")

    def test_more_records_than_tickets(self):
        epoch = self.epoch([self.record(0, 1, 10), self.record(1, 1, 10)])
        epoch.files["segment-0.qseg"] += bytes(140)
        self.verdict(epoch, 1, "segment-0.qseg")

    def test_order(self):
        first, second = self.record(0, 1, 10), self.record(1, 1, 10)
        for segment in ([second, first], [first, first]):
            self.verdict(self.epoch([first, second], segment=segment), 1, "wrong number or order")

    def test_what_was_forced_counts(self):
        older, newer, other = self.record(0, 1, 10), self.record(0, 2, 20), self.record(1, 1, 30)
        self.verdict(self.epoch([newer, other], [[newer], [other]]), 0)
        self.verdict(self.epoch([newer], [[older]]), 0)
        self.verdict(self.epoch([newer], [[newer], [newer], [older]]), 0)
        # Of the same sequence the later counts.
        same = self.record(0, 2, 15)
        self.verdict(self.epoch([same], [[newer], [same]]), 0)
        self.verdict(self.epoch([newer], [[newer], [same]]), 1, "others count")
        self.verdict(self.epoch([older], [[newer]]), 1, "others count", "tree.qtree, leaf 0")
        self.verdict(self.epoch([newer], [[other]]), 1, "others count")
        self.verdict(self.epoch([], [[other]]), 1, "others count")
        self.verdict(self.epoch([newer], [[newer]], segment=[]), 1, "others count")

    def test_of_other_epochs_and_nodes_nothing_counts(self):
        epoch = self.epoch([self.record(0, 1, 10)])
        epoch.forced = [(6, 0, self.record(1, 1, 10)), (7, 1, self.record(1, 1, 10)), (7, 9, self.record(1, 1, 10))]
        self.verdict(epoch, 0)

    def test_what_is_invalid_does_not_count_though_it_was_forced(self):
        good, bad = self.record(0, 1, 10), self.record(1, 1, 30, valid=False)
        line = '{"index":%d,"ticket":"0x%s","code":%d,"reason":"%s","record":"0x%s"}'
        told = lambda record, code, reason: (line % (0, record[:16].hex(), code, reason, record.hex())).encode()
        self.verdict(self.epoch([good], [[bad]], b"[%b]" % told(bad, 9, "bad_signature")), 0)
        self.verdict(self.epoch([good], [[bad]]), 0)
        self.verdict(self.epoch([good, bad], [[bad]]), 1, "bad_signature")
        self.verdict(self.epoch([good], rejections=b"[%b]" % told(bad, 7, "outside_time")), 1, "stated outside_time, found bad_signature")
        self.verdict(self.epoch([good], rejections=b"[%b]" % told(bad, 9, "outside_time")), 1, "rejections.json")
        valid = self.record(1, 1, 30)
        for code, reason in ((9, "bad_signature"), (13, "sum_overflow"), (10, "not_monotonic"), (77, "bad_signature")):
            self.verdict(self.epoch([good], rejections=b"[%b]" % told(valid, code, reason)), 1, "rejections.json")
        wrong = self.record(0, 1, 10, within=2)
        lines = told(wrong, 6, "over_deliveries"), told(bad, 9, "bad_signature")
        self.verdict(self.epoch([], rejections=b"[%b,%b]" % lines), 0)
        self.verdict(self.epoch([], rejections=b"[%b,%b]" % lines[::-1]), 1, "out of order")

    def test_what_overflows_does_not_count(self):
        first = self.record(0, 1, 10)
        crowded = struct.pack(">I", 0xFFFFFFFF)
        receipt = H(self.tickets[1]) + struct.pack(">IQ", 1, 5) + crowded + crowded + struct.pack(">Q", self.start)
        _, signature = sign(b"k" * 32, b"quittance/rcpt1" + H(receipt))
        second = self.tickets[1][28:44] + receipt + signature
        line = '{"index":0,"ticket":"0x%s","code":13,"reason":"sum_overflow","record":"0x%s"}' % (second[:16].hex(), second.hex())
        self.verdict(self.epoch([first], [[second]], f"[{line}]".encode()), 0)
        self.verdict(self.epoch([first], segment=[first, second]), 1, "others count")

    def test_a_record_is_refused_once(self):
        bad = self.record(0, 1, 10, valid=False)
        line = b'{"index":0,"ticket":"0x%b","code":9,"reason":"bad_signature","record":"0x%b"}' % (
            bad[:16].hex().encode(), bad.hex().encode())
        self.verdict(self.epoch([], rejections=b"[%b]" % line), 0)
        self.verdict(self.epoch([], rejections=b"[%b,%b]" % (line, line)), 1, "twice")

    def test_tickets_stand_at_their_places(self):
        self.tickets.reverse()
        self.verdict(self.epoch([]), 1, "isn't at its place")


if __name__ == "__main__":
    unittest.main()
