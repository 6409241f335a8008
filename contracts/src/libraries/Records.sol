// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEd25519} from "../interfaces/IEd25519.sol";
import {Rejection} from "../types/Rejection.sol";
import {MerkleSum} from "./MerkleSum.sol";
import {Tickets} from "./Tickets.sol";

/// @notice Where and when a record is to count.
/// @param epoch The epoch.
/// @param network Chain id and settlement contract.
/// @param node Key of the node that handed it in.
/// @param start First second of the epoch.
/// @param end First second after it.
/// @param tail Seconds after the end that its tickets may still be used.
/// @param payerKnown Whether the ticket's payer was registered before the end.
struct RecordPlace {
    uint64 epoch;
    bytes28 network;
    bytes32 node;
    uint256 start;
    uint256 end;
    uint256 tail;
    bool payerKnown;
}

/// @title Receipts, records and the rule by which a record counts (SPEC section 5)
/// @notice Reads the 140 bytes where they are, in calldata; each function expects that many.
library Records {
    using Tickets for bytes;

    /// @notice Bytes of a record.
    uint256 internal constant SIZE = 140;

    /// @dev What is signed begins with this; the digest follows.
    bytes15 private constant TAG = "quittance/rcpt1";

    /// @notice Not the length of a record.
    error NotARecord(uint256 length);

    /// @notice The bytes a record states are 2^56 or more, and no mass.
    error BytesTooLarge(uint64 bytes_);

    /// @notice Refuses what has another length.
    function requireRecord(bytes calldata record) internal pure {
        if (record.length != SIZE) revert NotARecord(record.length);
    }

    /// @notice Epoch, issuer and index of its ticket, in one. Records stand in this order.
    function id(bytes calldata record) internal pure returns (bytes16) {
        return bytes16(record[0:16]);
    }

    /// @notice The epoch its ticket id names.
    function epoch(bytes calldata record) internal pure returns (uint64) {
        return uint64(bytes8(record[0:8]));
    }

    /// @notice The issuer its ticket id names.
    function issuer(bytes calldata record) internal pure returns (uint32) {
        return uint32(bytes4(record[8:12]));
    }

    /// @notice The place in the issuer's log that its ticket id names.
    function index(bytes calldata record) internal pure returns (uint32) {
        return uint32(bytes4(record[12:16]));
    }

    /// @notice Digest of the ticket that the receipt is for.
    function ticketDigest(bytes calldata record) internal pure returns (bytes32) {
        return bytes32(record[16:48]);
    }

    /// @notice Number of the receipt among its ticket's, from 1.
    function sequence(bytes calldata record) internal pure returns (uint32) {
        return uint32(bytes4(record[48:52]));
    }

    /// @notice Content bytes that the client verified.
    function bytesOf(bytes calldata record) internal pure returns (uint64) {
        return uint64(bytes8(record[52:60]));
    }

    /// @notice Requests that ended.
    function deliveries(bytes calldata record) internal pure returns (uint32) {
        return uint32(bytes4(record[60:64]));
    }

    /// @notice Those of them within the service level.
    function within(bytes calldata record) internal pure returns (uint32) {
        return uint32(bytes4(record[64:68]));
    }

    /// @notice When it was signed, Unix milliseconds.
    function signedAt(bytes calldata record) internal pure returns (uint64) {
        return uint64(bytes8(record[68:76]));
    }

    /// @notice Hash of its leaf in the segment's tree.
    function leaf(bytes calldata record) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore(preimage, 0)
            calldatacopy(add(preimage, 1), record.offset, record.length)
            hash := keccak256(preimage, add(record.length, 1))
        }
    }

    /// @notice The delivery mass it states.
    function mass(bytes calldata record) internal pure returns (uint120) {
        uint64 bytes_ = bytesOf(record);
        if (bytes_ >= MerkleSum.BYTES_END) revert BytesTooLarge(bytes_);
        // The three lanes stand side by side; of the bytes' eight the first is zero.
        return uint120(bytes15(record[53:68]));
    }

    // ---- The checks, each by itself ----

    /// @notice Whether it has more bytes than its ticket allows.
    function overLimit(bytes calldata record, bytes calldata ticket) internal pure returns (bool) {
        return bytesOf(record) > ticket.maxBytes();
    }

    /// @notice Whether more deliveries were within the service level than there were.
    function overDeliveries(bytes calldata record) internal pure returns (bool) {
        return within(record) > deliveries(record);
    }

    /// @notice Whether it was signed before its ticket was issued, or after it expired.
    function outsideTime(bytes calldata record, bytes calldata ticket) internal pure returns (bool) {
        uint64 signed = signedAt(record);
        return signed < ticket.issuedAt() || signed > ticket.expiresAt();
    }

    /// @notice Whether its ticket's client signed the receipt.
    function signatureFits(bytes calldata record, bytes32 client, IEd25519 ed25519)
        internal
        view
        returns (bool)
    {
        bytes memory message = bytes.concat(TAG, keccak256(record[16:76]));
        return ed25519.verify(client, bytes32(record[76:108]), bytes32(record[108:140]), message);
    }

    // ---- The rule ----

    /// @notice The first check that fails, but for the signature, which is the last.
    /// @param entry The ticket at the record's place in its issuer's committed log.
    function rejection(bytes calldata record, bytes calldata entry, RecordPlace memory place)
        internal
        pure
        returns (Rejection)
    {
        if (epoch(record) != place.epoch) return Rejection.UnknownTicket;
        // An issuer that lies may have the ticket of another place there.
        if (entry.digest() != ticketDigest(record) || Tickets.id(entry) != id(record)) {
            return Rejection.WrongTicket;
        }
        if (entry.network() != place.network) return Rejection.WrongNetwork;
        if (entry.node() != place.node) return Rejection.WrongNode;
        if (!entry.wellFormed(place.start, place.end, place.tail)) return Rejection.MalformedTicket;
        if (!place.payerKnown) return Rejection.UnknownPayer;
        if (overLimit(record, entry)) return Rejection.OverLimit;
        if (overDeliveries(record)) return Rejection.OverDeliveries;
        if (outsideTime(record, entry)) return Rejection.OutsideTime;
        if (sequence(record) == 0) return Rejection.ZeroSequence;
        return Rejection.None;
    }

    /// @notice The whole rule: {rejection}, then the signature.
    function rejectionInFull(
        bytes calldata record,
        bytes calldata entry,
        RecordPlace memory place,
        IEd25519 ed25519
    ) internal view returns (Rejection first) {
        first = rejection(record, entry, place);
        if (first == Rejection.None && !signatureFits(record, entry.client(), ed25519)) {
            return Rejection.BadSignature;
        }
    }
}
