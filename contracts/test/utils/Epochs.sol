// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../../src/types/Attestation.sol";
import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {ChallengeHost} from "./ChallengeHost.sol";
import {Encodings} from "./Encodings.sol";
import {Tree, Trees} from "./Trees.sol";

/// @notice A whole epoch, as a verifier has it. `segments` has the records of each charge.
struct Epoch {
    uint64 number;
    bytes[] tickets;
    bytes[] records;
    NodeLeaf[] nodes;
    BillLeaf[] bills;
    ChargeLeaf[] charges;
    bytes[][] segments;
    Tree log;
    Tree[] segmentTrees;
    Tree nodesTree;
    Tree billsTree;
    Tree chargesTree;
    Roots roots;
}

/// @notice Builds small honest epochs by SPEC section 7, written apart from the contracts under test.
abstract contract Epochs is Encodings {
    using Trees for Tree;

    uint256 internal constant PRICE = 1e16;
    uint256 internal constant FLOOR = 500_000;

    ChallengeHost internal host;

    function draw(uint256 seed, string memory what, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what, i)));
    }

    function nodeKey(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("node", i));
    }

    function payerAccount(uint256 i) internal pure returns (address) {
        return account(string.concat("payer", vm.toString(i)));
    }

    /// @dev Nodes and payers that were there from the genesis on, with deposits that may or may not do.
    function populate(uint256 seed, uint256 nodes, uint256 payers) internal {
        host = new ChallengeHost();
        for (uint256 i = 0; i < nodes; ++i) {
            host.addNode(nodeKey(i), host.GENESIS());
        }
        for (uint256 i = 0; i < payers; ++i) {
            host.addPayer(payerAccount(i), 1 + draw(seed, "deposit", i) % 6e16, host.GENESIS());
        }
    }

    function someTicket(uint64 epoch, uint256 i, uint256 node, uint256 payer, uint256 seed)
        internal
        view
        returns (bytes memory)
    {
        uint64 issued = uint64(1000 * host.epochStart(epoch) + draw(seed, "issued", i) % 3_600_000);
        uint64 maxBytes = uint64(1 + draw(seed, "max", i) % (4 << 30));
        bytes memory head =
            abi.encodePacked(uint64(block.chainid), address(host), epoch, uint32(0), uint32(i));
        bytes memory body = abi.encodePacked(
            nodeKey(node), keccak256(abi.encode("client", i)), "the collection of the test......"
        );
        return bytes.concat(
            head, body, abi.encodePacked(payerAccount(payer), bytes32(0), maxBytes, issued, issued + 60_000)
        );
    }

    function someReceipt(bytes memory ticket, uint256 i, uint256 seed) internal pure returns (bytes memory) {
        uint256 maxBytes = wordAt(ticket, 192) >> 192;
        uint256 signed = (wordAt(ticket, 200) >> 192) + draw(seed, "signed", i) % 60_001;
        uint32 deliveries = uint32(1 + draw(seed, "deliveries", i) % 20);
        uint32 late = uint32(draw(seed, "late", i) % (1 + deliveries / 2));
        uint64 bytes_ = uint64(draw(seed, "bytes", i) % (maxBytes + 1));
        bytes memory head = abi.encodePacked(keccak256(ticket), uint32(1 + i % 3), bytes_);
        return bytes.concat(head, abi.encodePacked(deliveries, deliveries - late, uint64(signed)));
    }

    function someRecord(bytes memory ticket, uint64 epoch, uint256 i, uint256 seed)
        internal
        returns (bytes memory)
    {
        bytes memory receipt = someReceipt(ticket, i, seed);
        bytes32 r = keccak256(receipt);
        host.sign(bytes32(wordAt(ticket, 76)), r, "s", bytes.concat("quittance/rcpt1", keccak256(receipt)));
        return bytes.concat(abi.encodePacked(epoch, uint32(0), uint32(i)), receipt, r, bytes32("s"));
    }

    function wordAt(bytes memory data, uint256 offset) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), offset))
        }
    }

    /// @dev An honest epoch after `before`, which is passed over for epoch 0.
    function someEpoch(uint64 number, uint256 seed, uint256 nodes, uint256 tickets, Epoch memory before)
        internal
        returns (Epoch memory e)
    {
        uint256 payers = host.payerCount();
        e.number = number;
        e.tickets = new bytes[](tickets);
        e.records = new bytes[](tickets);
        uint256[] memory places = new uint256[](tickets);
        for (uint256 i = 0; i < tickets; ++i) {
            (uint256 node, uint256 payer) = (draw(seed, "node", i) % nodes, draw(seed, "payer", i) % payers);
            places[i] = payer * nodes + node;
            e.tickets[i] = someTicket(number, i, node, payer, seed);
            // A quarter of the tickets are never redeemed.
            if (draw(seed, "redeemed", i) % 4 == 0) places[i] = type(uint256).max;
            else e.records[i] = someRecord(e.tickets[i], number, i, seed);
        }
        e.log = treeOfTickets(e.tickets);
        host.setLog(number, 0, e.log.root());
        _split(e, places, nodes, payers);
        _leaves(e, before, seed, nodes, payers);
        _settle(e, before);
        seal(e);
    }

    /// @dev A charge for each payer and node with a record.
    function _split(Epoch memory e, uint256[] memory places, uint256 nodes, uint256 payers) private pure {
        ChargeLeaf[] memory charges = new ChargeLeaf[](nodes * payers);
        bytes[][] memory segments = new bytes[][](nodes * payers);
        uint256 count = 0;
        for (uint256 place = 0; place < nodes * payers; ++place) {
            uint256 size = 0;
            bytes[] memory segment = new bytes[](places.length);
            for (uint256 i = 0; i < places.length; ++i) {
                if (places[i] == place) segment[size++] = e.records[i];
            }
            if (size == 0) continue;
            assembly ("memory-safe") {
                mstore(segment, size)
            }
            charges[count].payer = uint32(place / nodes);
            charges[count].node = uint32(place % nodes);
            segments[count] = segment;
            count += 1;
        }
        assembly ("memory-safe") {
            mstore(charges, count)
            mstore(segments, count)
        }
        (e.charges, e.segments, e.segmentTrees) = (charges, segments, new Tree[](count));
        for (uint256 c = 0; c < count; ++c) {
            sealSegment(e, c);
        }
    }

    function _leaves(Epoch memory e, Epoch memory before, uint256 seed, uint256 nodes, uint256 payers)
        private
        pure
    {
        e.nodes = new NodeLeaf[](nodes);
        e.bills = new BillLeaf[](payers);
        for (uint256 c = 0; c < e.charges.length; ++c) {
            NodeLeaf memory leaf = e.nodes[e.charges[c].node];
            leaf.mass = Trees.sum(leaf.mass, e.charges[c].mass, true);
        }
        for (uint256 n = 0; n < nodes; ++n) {
            NodeLeaf memory leaf = e.nodes[n];
            (leaf.index, leaf.node) = (uint32(n), nodeKey(n));
            leaf.probes = uint32(draw(seed, "probes", n) % 5);
            leaf.probesOk = leaf.probes == 0 ? 0 : leaf.probes - uint32(draw(seed, "lost", n) % 2);
            (, uint256 deliveries, uint256 within) = Trees.lanes(leaf.mass);
            uint256 score = deliveries == 0 ? 1e6 : within * 1e6 / deliveries;
            uint256 probed = leaf.probes == 0 ? 1e6 : uint256(leaf.probesOk) * 1e6 / leaf.probes;
            leaf.slaPpm = uint32(score < probed ? score : probed);
            if (n < before.nodes.length) leaf.cumulative = before.nodes[n].cumulative;
        }
        for (uint256 p = 0; p < payers; ++p) {
            (e.bills[p].index, e.bills[p].payer) = (uint32(p), payerAccount(p));
            if (p < before.bills.length) e.bills[p].cumulative = before.bills[p].cumulative;
        }
    }

    function _settle(Epoch memory e, Epoch memory) private view {
        for (uint256 c = 0; c < e.charges.length; ++c) {
            ChargeLeaf memory charge = e.charges[c];
            NodeLeaf memory node = e.nodes[charge.node];
            BillLeaf memory bill = e.bills[charge.payer];
            uint256 raw =
                node.slaPpm < FLOOR ? 0 : uint256(charge.mass >> 64) * PRICE * node.slaPpm / (2 ** 30 * 1e6);
            uint256 deposit = host.deposits(bill.payer);
            uint256 available = deposit > bill.cumulative ? deposit - bill.cumulative : 0;
            charge.amount = uint128(raw < available ? raw : available);
            charge.previous = node.last;
            charge.served =
                node.last == 0 ? charge.mass : Trees.sum(e.charges[node.last - 1].served, charge.mass, true);
            node.reward += charge.amount;
            node.cumulative += charge.amount;
            bill.bill += charge.amount;
            bill.cumulative += charge.amount;
            (charge.earned, charge.billed) = (node.reward, bill.cumulative);
            (node.last, bill.last) = (uint32(c + 1), uint32(c + 1));
        }
    }

    // ---- Trees; a lie is planted in the leaves, and sealed again ----

    function treeOfTickets(bytes[] memory tickets) internal pure returns (Tree memory) {
        uint120[] memory masses = new uint120[](tickets.length);
        for (uint256 i = 0; i < tickets.length; ++i) {
            masses[i] = Trees.mass(uint56(wordAt(tickets[i], 192) >> 192), 1, 0);
        }
        return Trees.build(hashes(tickets), masses, true);
    }

    function sealSegment(Epoch memory e, uint256 c) internal pure {
        bytes[] memory records = e.segments[c];
        uint120[] memory masses = new uint120[](records.length);
        for (uint256 i = 0; i < records.length; ++i) {
            masses[i] = uint120(wordAt(records[i], 53) >> 136);
        }
        e.segmentTrees[c] = Trees.build(hashes(records), masses, true);
        (e.charges[c].segmentRoot, e.charges[c].mass) = (e.segmentTrees[c].root(), e.segmentTrees[c].total());
    }

    function seal(Epoch memory e) internal {
        bytes[] memory contents = new bytes[](e.nodes.length);
        uint120[] memory masses = new uint120[](e.nodes.length);
        for (uint256 i = 0; i < contents.length; ++i) {
            (contents[i], masses[i]) = (encode(e.nodes[i]), uint120(e.nodes[i].cumulative));
        }
        e.nodesTree = Trees.build(hashes(contents), masses, false);
        contents = new bytes[](e.bills.length);
        masses = new uint120[](e.bills.length);
        for (uint256 i = 0; i < contents.length; ++i) {
            (contents[i], masses[i]) = (encode(e.bills[i]), uint120(e.bills[i].cumulative));
        }
        e.billsTree = Trees.build(hashes(contents), masses, false);
        contents = new bytes[](e.charges.length);
        masses = new uint120[](e.charges.length);
        for (uint256 i = 0; i < contents.length; ++i) {
            (contents[i], masses[i]) = (encode(e.charges[i]), uint120(e.charges[i].amount));
        }
        e.chargesTree = Trees.build(hashes(contents), masses, false);
        attest(e);
    }

    function attest(Epoch memory e) internal {
        e.roots = Roots({
            nodes: e.nodesTree.root(),
            bills: e.billsTree.root(),
            charges: e.chargesTree.root(),
            evidence: "evidence"
        });
        host.attest(e.number, e.roots, e.nodesTree.total());
    }

    function hashes(bytes[] memory contents) internal pure returns (bytes32[] memory all) {
        all = new bytes32[](contents.length);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = keccak256(bytes.concat(hex"00", contents[i]));
        }
    }
}
