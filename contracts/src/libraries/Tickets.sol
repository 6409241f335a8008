// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Tickets (SPEC section 4)
/// @notice Reads the 216 bytes where they are, in calldata. Every 216 bytes are a ticket, if not a
/// well-formed one; each of these expects that many, see {requireTicket}.
library Tickets {
    /// @notice Bytes of a ticket.
    uint256 internal constant SIZE = 216;

    /// @dev What is signed begins with this; the digest follows.
    bytes15 private constant TAG = "quittance/tick1";

    /// @notice Not the length of a ticket.
    error NotATicket(uint256 length);

    /// @notice Refuses what has another length.
    function requireTicket(bytes calldata ticket) internal pure {
        if (ticket.length != SIZE) revert NotATicket(ticket.length);
    }

    /// @notice `H(ticket)`.
    function digest(bytes calldata ticket) internal pure returns (bytes32) {
        return keccak256(ticket);
    }

    /// @notice Hash of the ticket's leaf in its issuer's log.
    function leaf(bytes calldata ticket) internal pure returns (bytes32) {
        return keccak256(bytes.concat(bytes1(0), ticket));
    }

    /// @notice The 47 bytes the issuer signs.
    function message(bytes calldata ticket) internal pure returns (bytes memory) {
        return bytes.concat(TAG, digest(ticket));
    }

    /// @notice Chain id and settlement contract.
    function network(bytes calldata ticket) internal pure returns (bytes28) {
        return bytes28(ticket[0:28]);
    }

    /// @notice Epoch, issuer and index in one, as a record has it.
    function id(bytes calldata ticket) internal pure returns (bytes16) {
        return bytes16(ticket[28:44]);
    }

    /// @notice The epoch it was issued in.
    function epoch(bytes calldata ticket) internal pure returns (uint64) {
        return uint64(bytes8(ticket[28:36]));
    }

    /// @notice Who issued it.
    function issuer(bytes calldata ticket) internal pure returns (uint32) {
        return uint32(bytes4(ticket[36:40]));
    }

    /// @notice Its place in the issuer's log of the epoch.
    function index(bytes calldata ticket) internal pure returns (uint32) {
        return uint32(bytes4(ticket[40:44]));
    }

    /// @notice The node that delivers.
    function node(bytes calldata ticket) internal pure returns (bytes32) {
        return bytes32(ticket[44:76]);
    }

    /// @notice The key that signs its receipts.
    function client(bytes calldata ticket) internal pure returns (bytes32) {
        return bytes32(ticket[76:108]);
    }

    /// @notice How many bytes its collection holds: what the collection's id begins with.
    function collectionBytes(bytes calldata ticket) internal pure returns (uint56) {
        return uint56(bytes7(ticket[108:115]));
    }

    /// @notice The account that pays.
    function payer(bytes calldata ticket) internal pure returns (address) {
        return address(bytes20(ticket[140:160]));
    }

    /// @notice Most bytes it may be used for.
    function maxBytes(bytes calldata ticket) internal pure returns (uint64) {
        return uint64(bytes8(ticket[192:200]));
    }

    /// @notice When it was issued, Unix milliseconds.
    function issuedAt(bytes calldata ticket) internal pure returns (uint64) {
        return uint64(bytes8(ticket[200:208]));
    }

    /// @notice Until when it may be used, Unix milliseconds.
    function expiresAt(bytes calldata ticket) internal pure returns (uint64) {
        return uint64(bytes8(ticket[208:216]));
    }

    /// @notice The network of this chain and a settlement contract.
    function networkOf(address settlement) internal view returns (bytes28) {
        // A chain id that doesn't fit could name no network; EIP-2294 keeps it below 2^63.
        // forge-lint: disable-next-line(unsafe-typecast)
        return bytes28(abi.encodePacked(uint64(block.chainid), settlement));
    }

    /// @notice Whether a ticket's times and limit are possible.
    /// @param start First second of its epoch.
    /// @param end First second after it.
    /// @param tail Seconds after the end that it may still be used.
    function wellFormed(bytes calldata ticket, uint256 start, uint256 end, uint256 tail)
        internal
        pure
        returns (bool)
    {
        uint256 issued = issuedAt(ticket);
        uint256 expires = expiresAt(ticket);
        return 1000 * start <= issued && issued < 1000 * end && issued < expires
            && expires <= 1000 * (end + tail) && maxBytes(ticket) <= collectionBytes(ticket);
    }
}
