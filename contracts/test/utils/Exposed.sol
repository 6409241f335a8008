// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEd25519} from "../../src/interfaces/IEd25519.sol";
import {Leaves} from "../../src/libraries/Leaves.sol";
import {Element, MerkleProofs} from "../../src/libraries/MerkleProofs.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {RecordPlace, Records} from "../../src/libraries/Records.sol";
import {Rewards} from "../../src/libraries/Rewards.sol";
import {Tickets} from "../../src/libraries/Tickets.sol";
import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Rejection} from "../../src/types/Rejection.sol";

/// @notice The libraries' internal functions, callable.
contract Exposed {
    // ---- Trees ----

    function addDelivery(uint120 left, uint120 right) external pure returns (uint120) {
        return MerkleSum.addDelivery(left, right);
    }

    function addValue(uint120 left, uint120 right) external pure returns (uint120) {
        return MerkleSum.addValue(left, right);
    }

    function addUp(uint120 left, uint120 right, uint120 sum, bool delivery) external pure returns (bool) {
        return MerkleProofs.addUp(left, right, sum, delivery);
    }

    function pair(uint120 leftMass, bytes32 left, uint120 rightMass, bytes32 right)
        external
        pure
        returns (bytes32)
    {
        return MerkleSum.node(leftMass, left, rightMass, right);
    }

    function root(uint120 mass, uint256 count, bytes32 top) external pure returns (bytes32) {
        return MerkleSum.root(mass, count, top);
    }

    function depth(uint256 count) external pure returns (uint256) {
        return MerkleSum.depth(count);
    }

    function meeting(uint256 index) external pure returns (uint256) {
        return MerkleProofs.meeting(index);
    }

    /// @dev The root that a leaf proves, of a tree of either kind.
    function walk(
        bytes32 leaf,
        uint120 mass,
        uint256 index,
        uint256 count,
        bytes calldata proof,
        bool delivery
    ) external pure returns (bytes32) {
        return delivery
            ? MerkleSum.deliveryRoot(leaf, mass, index, count, proof)
            : MerkleSum.valueRoot(leaf, mass, index, count, proof);
    }

    function rootFrom(
        Element memory element,
        uint256 level,
        uint256 position,
        uint256 count,
        bytes calldata proof,
        bool delivery
    ) external pure returns (bytes32) {
        return MerkleProofs.rootFrom(element, level, position, count, proof, delivery);
    }

    function rootOfAdjacent(
        Element memory left,
        Element memory right,
        uint256 index,
        uint256 count,
        bytes calldata proof,
        bool delivery
    ) external pure returns (bytes32) {
        return MerkleProofs.rootOfAdjacent(left, right, index, count, proof, delivery);
    }

    // ---- Leaves ----

    function hashNode(NodeLeaf calldata leaf) external pure returns (bytes32) {
        return Leaves.hash(leaf);
    }

    function hashBill(BillLeaf calldata leaf) external pure returns (bytes32) {
        return Leaves.hash(leaf);
    }

    function hashCharge(ChargeLeaf calldata leaf) external pure returns (bytes32) {
        return Leaves.hash(leaf);
    }

    function rootOfNode(NodeLeaf calldata leaf, uint256 count, bytes calldata proof)
        external
        pure
        returns (bytes32)
    {
        return Leaves.rootOf(leaf, count, proof);
    }

    function rootOfBill(BillLeaf calldata leaf, uint256 count, bytes calldata proof)
        external
        pure
        returns (bytes32)
    {
        return Leaves.rootOf(leaf, count, proof);
    }

    function rootOfCharge(ChargeLeaf calldata leaf, uint256 place, uint256 count, bytes calldata proof)
        external
        pure
        returns (bytes32)
    {
        return Leaves.rootOf(leaf, place, count, proof);
    }

    // ---- Money ----

    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        external
        pure
        returns (uint32)
    {
        return Rewards.score(deliveries, within, probes, probesOk);
    }

    function reward(uint56 bytes_, uint32 score_, uint32 floor, uint128 price)
        external
        pure
        returns (uint128)
    {
        return Rewards.reward(bytes_, score_, floor, price);
    }

    // ---- Tickets and records ----

    function ticketDigest(bytes calldata ticket) external pure returns (bytes32) {
        return Tickets.digest(ticket);
    }

    function ticketLeaf(bytes calldata ticket) external pure returns (bytes32) {
        return Tickets.leaf(ticket);
    }

    function ticketMessage(bytes calldata ticket) external pure returns (bytes memory) {
        return Tickets.message(ticket);
    }

    function wellFormed(bytes calldata ticket, uint256 start, uint256 end, uint256 tail)
        external
        pure
        returns (bool)
    {
        return Tickets.wellFormed(ticket, start, end, tail);
    }

    /// @dev Every field but the two that only clients look at.
    function ticketFields(bytes calldata ticket)
        external
        pure
        returns (
            bytes28 network,
            bytes16 id,
            bytes32 node,
            bytes32 client,
            address payer,
            uint64[3] memory numbers
        )
    {
        network = Tickets.network(ticket);
        (id, node, client) = (Tickets.id(ticket), Tickets.node(ticket), Tickets.client(ticket));
        payer = Tickets.payer(ticket);
        numbers = [Tickets.maxBytes(ticket), Tickets.issuedAt(ticket), Tickets.expiresAt(ticket)];
    }

    /// @dev Epoch, issuer and index.
    function ticketPlace(bytes calldata ticket) external pure returns (uint64, uint32, uint32) {
        return (Tickets.epoch(ticket), Tickets.issuer(ticket), Tickets.index(ticket));
    }

    function recordLeaf(bytes calldata record) external pure returns (bytes32) {
        return Records.leaf(record);
    }

    function recordMass(bytes calldata record) external pure returns (uint120) {
        return Records.mass(record);
    }

    function recordId(bytes calldata record) external pure returns (bytes16) {
        return Records.id(record);
    }

    /// @dev Epoch, issuer and index.
    function recordPlace(bytes calldata record) external pure returns (uint64, uint32, uint32) {
        return (Records.epoch(record), Records.issuer(record), Records.index(record));
    }

    function recordFields(bytes calldata record)
        external
        pure
        returns (
            bytes32 ticket,
            uint32 sequence,
            uint64 bytes_,
            uint32 deliveries,
            uint32 within,
            uint64 signedAt
        )
    {
        (ticket, sequence) = (Records.ticketDigest(record), Records.sequence(record));
        (bytes_, deliveries) = (Records.bytesOf(record), Records.deliveries(record));
        (within, signedAt) = (Records.within(record), Records.signedAt(record));
    }

    function rejection(
        bytes calldata record,
        bytes calldata entry,
        RecordPlace memory place,
        IEd25519 ed25519
    ) external view returns (Rejection) {
        return Records.rejectionInFull(record, entry, place, ed25519);
    }

    function signatureFits(bytes calldata record, bytes32 client, IEd25519 ed25519)
        external
        view
        returns (bool)
    {
        return Records.signatureFits(record, client, ed25519);
    }
}
