// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ed25519} from "../../src/Ed25519.sol";
import {RecordPlace} from "../../src/libraries/Records.sol";
import {Roots} from "../../src/types/Attestation.sol";
import {Rejection} from "../../src/types/Rejection.sol";
import {Exposed} from "../utils/Exposed.sol";
import {Json} from "../utils/Json.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice The golden vectors, as `protocol/tests/vectors.rs` reads them: the same bytes, the same verdicts.
/// A whole epoch's money is in `Golden.t.sol`, registrations in `NodeRegistry.t.sol`.
contract VectorsTest is Json {
    using Trees for Tree;

    Exposed internal immutable exposed = new Exposed();
    Ed25519 internal immutable ed25519 = new Ed25519();

    // ---- Trees ----

    function test_merkle_delivery() public {
        load("merkle");
        vm.assertTrue(checkTrees(".delivery", true) > 8, "few trees");
    }

    function test_merkle_value() public {
        load("merkle");
        vm.assertTrue(checkTrees(".value", false) > 8, "few trees");
    }

    function checkTrees(string memory group, bool delivery) internal view returns (uint256 trees) {
        for (; exists(item(group, trees)); ++trees) {
            string memory where = item(group, trees);
            uint256 count = number(where, ".count");
            bytes32[] memory leaves = new bytes32[](count);
            uint120[] memory masses = new uint120[](count);
            for (uint256 i = 0; i < count; ++i) {
                string memory leaf = item(string.concat(where, ".leaves"), i);
                (leaves[i], masses[i]) = (word(leaf, ".hash"), mass(leaf, ".mass"));
            }
            vm.assertFalse(exists(item(string.concat(where, ".leaves"), count)));
            Tree memory tree = Trees.build(leaves, masses, delivery);
            checkRoot(tree, where);
            for (uint256 i = 0; exists(item(string.concat(where, ".proofs"), i)); ++i) {
                string memory proof = item(string.concat(where, ".proofs"), i);
                checkProof(tree, number(proof, ".index"), data(proof, ".proof"), delivery, proof);
            }
        }
    }

    /// @dev The tree built here, the contract's root and what is stated are one.
    function checkRoot(Tree memory tree, string memory where) internal view {
        bytes32 root = word(where, ".root");
        vm.assertEq(tree.count, number(where, ".count"), where);
        vm.assertEq(tree.top(), word(where, ".top"), where);
        vm.assertEq(tree.total(), mass(where, ".mass"), where);
        vm.assertEq(exposed.root(tree.total(), tree.count, tree.top()), root, where);
    }

    /// @dev The leaf proves the root where it stands, and nowhere else.
    function checkProof(
        Tree memory tree,
        uint256 index,
        bytes memory proof,
        bool delivery,
        string memory where
    ) internal view {
        vm.assertEq(proof, tree.proof(index), where);
        (bytes32 leaf, uint120 leafMass) = (tree.hashes[0][index], tree.masses[0][index]);
        bytes32 root = tree.root();
        vm.assertEq(exposed.walk(leaf, leafMass, index, tree.count, proof, delivery), root, where);
        vm.assertNotEq(exposed.walk(0, leafMass, index, tree.count, proof, delivery), root);
        if (index + 1 < tree.count) {
            vm.assertNotEq(exposed.walk(leaf, leafMass, index + 1, tree.count, proof, delivery), root);
        }
    }

    // ---- Leaves and roots ----

    function leafHash(bytes memory content) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", content));
    }

    function test_leaves_ofNodes() public {
        load("node_leaf");
        for (uint256 i = 0; i < length(".leaves"); ++i) {
            string memory where = item(".leaves", i);
            bytes32 hash = exposed.hashNode(nodeLeafAt(where));
            vm.assertEq(hash, leafHash(data(where, ".encoding")), where);
            vm.assertEq(hash, word(where, ".hash"), where);
        }
    }

    function test_leaves_ofBills() public {
        load("bill_leaf");
        for (uint256 i = 0; i < length(".leaves"); ++i) {
            string memory where = item(".leaves", i);
            bytes32 hash = exposed.hashBill(billLeafAt(where));
            vm.assertEq(hash, leafHash(data(where, ".encoding")), where);
            vm.assertEq(hash, word(where, ".hash"), where);
        }
    }

    function test_leaves_ofCharges() public {
        load("charge_leaf");
        for (uint256 i = 0; i < length(".leaves"); ++i) {
            string memory where = item(".leaves", i);
            bytes32 hash = exposed.hashCharge(chargeLeafAt(where));
            vm.assertEq(hash, leafHash(data(where, ".encoding")), where);
            vm.assertEq(hash, word(where, ".hash"), where);
        }
    }

    function test_attestation_digest() public {
        load("attestation");
        Roots memory roots = Roots(word(".nodes"), word(".bills"), word(".charges"), word(".evidence"));
        vm.assertEq(keccak256(abi.encode(roots)), word(".digest"));
    }

    // ---- Tickets ----

    function start() internal view returns (uint256) {
        return number(".timeline.genesis") + number(".epoch") * number(".timeline.epoch_length");
    }

    function wellFormed(bytes memory ticket) internal view returns (bool) {
        (uint64 epoch,,) = exposed.ticketPlace(ticket);
        uint256 lasts = number(".timeline.epoch_length");
        uint256 begins = number(".timeline.genesis") + epoch * lasts;
        return exposed.wellFormed(ticket, begins, begins + lasts, number(".timeline.ticket_tail"));
    }

    function issuerSigned(string memory where) internal view returns (bool) {
        (bytes32 r, bytes32 s) = abi.decode(data(where, ".signature"), (bytes32, bytes32));
        bytes memory message = exposed.ticketMessage(data(where, ".encoding"));
        return ed25519.verify(word(where, ".issuer_key"), r, s, message);
    }

    function test_tickets_accepted() public {
        load("ticket");
        for (uint256 i = 0; i < length(".accepted"); ++i) {
            string memory where = item(".accepted", i);
            bytes memory ticket = data(where, ".encoding");
            vm.assertEq(exposed.ticketDigest(ticket), word(where, ".digest"), where);
            vm.assertEq(exposed.ticketLeaf(ticket), leafHash(ticket), where);
            checkTicket(ticket, string.concat(where, ".fields"));
            vm.assertTrue(wellFormed(ticket), where);
            vm.assertTrue(issuerSigned(where), where);
        }
    }

    function checkTicket(bytes memory ticket, string memory where) internal view {
        (bytes28 network, bytes16 id, bytes32 node, bytes32 client, address payer, uint64[3] memory numbers) =
            exposed.ticketFields(ticket);
        address settlement = accountIn(string.concat(where, ".network.settlement"));
        uint64 chain = uint64(number(where, ".network.chain_id"));
        vm.assertEq(network, bytes28(abi.encodePacked(chain, settlement)));
        vm.assertEq(id, bytes16(data(where, ".id")));
        vm.assertEq(node, word(where, ".node"), where);
        vm.assertEq(client, word(where, ".client"), where);
        vm.assertEq(payer, accountIn(string.concat(where, ".payer")));
        vm.assertEq(numbers[0], number(where, ".bytes_max"), where);
        vm.assertEq(numbers[1], number(where, ".issued_at"), where);
        vm.assertEq(numbers[2], number(where, ".expires_at"), where);
        (uint64 epoch, uint32 issuer, uint32 index) = exposed.ticketPlace(ticket);
        vm.assertEq(epoch, number(where, ".epoch"), where);
        vm.assertEq(issuer, number(where, ".issuer"), where);
        vm.assertEq(index, number(where, ".index"), where);
    }

    /// Only a wrong signature is one; every other reason is that the ticket is malformed.
    function test_tickets_refused() public {
        load("ticket");
        for (uint256 i = 0; i < length(".refused"); ++i) {
            string memory where = item(".refused", i);
            bool signature = keccak256(bytes(text(string.concat(where, ".reason")))) == keccak256("signature");
            vm.assertEq(issuerSigned(where), !signature);
            vm.assertEq(wellFormed(data(where, ".encoding")), signature);
        }
    }

    // ---- Receipts ----

    /// @dev The ticket that a record names; empty if the log has none.
    function entryOf(bytes memory record, bytes[] memory log) internal view returns (bytes memory) {
        (uint64 epoch, uint32 issuer, uint32 index) = exposed.recordPlace(record);
        (, uint32 logIssuer,) = exposed.ticketPlace(log[0]);
        if (epoch != number(".epoch") || issuer != logIssuer || index >= log.length) return "";
        return log[index];
    }

    function place(bytes memory ticket) internal view returns (RecordPlace memory p) {
        (,,,, address payer,) = exposed.ticketFields(ticket);
        (p.epoch, p.node) = (uint64(number(".epoch")), word(".node"));
        address settlement = accountIn(".network.settlement");
        p.network = bytes28(abi.encodePacked(uint64(number(".network.chain_id")), settlement));
        (p.start, p.end) = (start(), start() + number(".timeline.epoch_length"));
        p.tail = number(".timeline.ticket_tail");
        for (uint256 i = 0; i < length(".payers"); ++i) {
            if (accountIn(item(".payers", i)) == payer) p.payerKnown = true;
        }
    }

    function rejection(bytes memory record, bytes[] memory log) internal view returns (uint256) {
        bytes memory entry = entryOf(record, log);
        if (entry.length == 0) return uint256(Rejection.UnknownTicket);
        return uint256(exposed.rejection(record, entry, place(entry), ed25519));
    }

    function test_receipts_accepted() public {
        load("receipt");
        bytes[] memory log = ticketsOf(data(".log"));
        for (uint256 i = 0; i < length(".accepted"); ++i) {
            string memory where = item(".accepted", i);
            bytes memory record = data(where, ".record");
            vm.assertEq(
                record,
                bytes.concat(data(where, ".ticket_id"), data(where, ".encoding"), data(where, ".signature")),
                where
            );
            vm.assertEq(keccak256(data(where, ".encoding")), word(where, ".digest"), where);
            vm.assertEq(exposed.recordLeaf(record), word(where, ".leaf"), where);
            vm.assertEq(exposed.recordMass(record), mass(where, ".mass"), where);
            vm.assertTrue(exposed.signatureFits(record, word(where, ".client_key"), ed25519), where);
            checkReceipt(record, string.concat(where, ".fields"));
            vm.assertEq(rejection(record, log), uint256(Rejection.None), where);
        }
    }

    function checkReceipt(bytes memory record, string memory where) internal view {
        (bytes32 ticket, uint32 sequence, uint64 bytes_, uint32 deliveries, uint32 within, uint64 signedAt) =
            exposed.recordFields(record);
        vm.assertEq(ticket, word(where, ".ticket"), where);
        vm.assertEq(sequence, number(where, ".sequence"), where);
        vm.assertEq(bytes_, number(where, ".bytes"), where);
        vm.assertEq(deliveries, number(where, ".deliveries"), where);
        vm.assertEq(within, number(where, ".within"), where);
        vm.assertEq(signedAt, number(where, ".signed_at"), where);
    }

    /// Every reason that a single record can be refused for.
    function test_receipts_refused() public {
        load("receipt");
        bytes[] memory log = ticketsOf(data(".log"));
        uint256 seen = 0;
        for (uint256 i = 0; i < length(".refused"); ++i) {
            string memory where = item(".refused", i);
            uint256 code = number(where, ".code");
            vm.assertEq(rejection(data(where, ".record"), log), code, where);
            seen |= 1 << code;
        }
        // Those that take two records, or all of a node's, aren't here.
        uint256 more = 1 << uint256(Rejection.NotMonotonic) | 1 << uint256(Rejection.SumOverflow);
        uint256 all = (2 << uint256(type(Rejection).max)) - 2;
        vm.assertEq(seen, all & ~more, "reasons");
    }

    // ---- A segment and its log ----

    function test_segment_itsLog() public {
        load("segment");
        bytes memory file = data(".log.encoding");
        bytes[] memory log = ticketsOf(file);
        checkHeader(file, "QLOG");
        Tree memory tree = treeOfTickets(log);
        checkRoot(tree, ".log");
        vm.assertEq(length(".log.proofs"), log.length, "proofs");
        for (uint256 i = 0; i < log.length; ++i) {
            string memory where = item(".log.proofs", i);
            vm.assertEq(number(where, ".index"), i, where);
            (,, uint32 index) = exposed.ticketPlace(log[i]);
            vm.assertEq(index, i, where);
            checkProof(tree, i, data(where, ".proof"), true, where);
        }
    }

    function test_segment_itsRecords() public {
        load("segment");
        bytes memory file = data(".segment.encoding");
        checkHeader(file, "QSEG");
        vm.assertEq(bytes32(cut(file, 44, 32)), word(".node"));
        bytes[] memory log = ticketsOf(data(".log.encoding"));
        bytes[] memory records = recordsOf(file);
        Tree memory tree = treeOfRecords(records);
        checkRoot(tree, ".segment");
        vm.assertEq(length(".segment.records"), records.length, "records");
        for (uint256 i = 0; i < records.length; ++i) {
            string memory where = item(".segment.records", i);
            vm.assertEq(number(where, ".index"), i, where);
            vm.assertEq(records[i], data(where, ".encoding"), where);
            vm.assertEq(exposed.recordId(records[i]), bytes16(data(where, ".ticket_id")));
            vm.assertEq(rejection(records[i], log), uint256(Rejection.None), where);
            checkProof(tree, i, data(where, ".proof"), true, where);
        }
    }

    /// @dev Mark, version, network and epoch, which all files begin with.
    function checkHeader(bytes memory file, string memory mark) internal view {
        address settlement = accountIn(".network.settlement");
        bytes memory header = abi.encodePacked(
            mark,
            uint16(1),
            uint16(0),
            uint64(number(".network.chain_id")),
            settlement,
            uint64(number(".epoch"))
        );
        vm.assertEq(cut(file, 0, header.length), header, mark);
    }

    function treeOfTickets(bytes[] memory tickets) internal view returns (Tree memory) {
        (bytes32[] memory leaves, uint120[] memory masses) =
            (new bytes32[](tickets.length), new uint120[](tickets.length));
        for (uint256 i = 0; i < tickets.length; ++i) {
            (,,,,, uint64[3] memory numbers) = exposed.ticketFields(tickets[i]);
            (leaves[i], masses[i]) = (exposed.ticketLeaf(tickets[i]), Trees.mass(uint56(numbers[0]), 1, 0));
        }
        return Trees.build(leaves, masses, true);
    }

    function treeOfRecords(bytes[] memory records) internal view returns (Tree memory) {
        (bytes32[] memory leaves, uint120[] memory masses) =
            (new bytes32[](records.length), new uint120[](records.length));
        for (uint256 i = 0; i < records.length; ++i) {
            (leaves[i], masses[i]) = (exposed.recordLeaf(records[i]), exposed.recordMass(records[i]));
        }
        return Trees.build(leaves, masses, true);
    }
}
