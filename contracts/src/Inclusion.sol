// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInclusion} from "./interfaces/IInclusion.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {Element, MerkleProofs} from "./libraries/MerkleProofs.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Records} from "./libraries/Records.sol";
import {Tickets} from "./libraries/Tickets.sol";
import {Roots} from "./types/Attestation.sol";
import {ChargeLeaf} from "./types/ChargeLeaf.sol";
import {NodeLeaf} from "./types/NodeLeaf.sol";
import {ChargeProof, LogProof, RecordProof} from "./types/Proofs.sol";

/// @title What an attestation states, for anyone to ask
contract Inclusion is IInclusion {
    using Leaves for NodeLeaf;
    using Leaves for ChargeLeaf;

    /// @inheritdoc IInclusion
    ISettlement public immutable settlement;

    constructor(ISettlement settlement_) {
        settlement = settlement_;
    }

    /// @inheritdoc IInclusion
    function verifyAttestation(
        uint64 epoch,
        Roots calldata roots,
        NodeLeaf calldata leaf,
        uint256 nodes,
        bytes calldata proof
    ) external view returns (bool) {
        return _isAttested(epoch, roots) && leaf.rootOf(nodes, proof) == roots.nodes;
    }

    /// @inheritdoc IInclusion
    function verifyReceipt(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        LogProof calldata entry
    ) external view returns (bool) {
        Records.requireRecord(shown.record);
        Tickets.requireTicket(ticket);
        return _isAttested(epoch, roots) && _isCharged(roots.charges, shown.charge) && _isIn(shown)
            && Tickets.digest(ticket) == Records.ticketDigest(shown.record) && _isLogged(epoch, ticket, entry)
            && Records.signatureFits(shown.record, Tickets.client(ticket), settlement.ed25519());
    }

    function _isAttested(uint64 epoch, Roots calldata roots) private view returns (bool) {
        return keccak256(abi.encode(roots)) == settlement.attestation(epoch).digest;
    }

    function _isCharged(bytes32 root, ChargeProof calldata charge) private pure returns (bool) {
        return charge.leaf.rootOf(charge.place, charge.count, charge.proof) == root;
    }

    function _isIn(RecordProof calldata shown) private pure returns (bool) {
        bytes32 root = MerkleSum.deliveryRoot(
            Records.leaf(shown.record), Records.mass(shown.record), shown.place, shown.count, shown.proof
        );
        return root == shown.charge.leaf.segmentRoot;
    }

    function _isLogged(uint64 epoch, bytes calldata ticket, LogProof calldata entry)
        private
        view
        returns (bool)
    {
        if (entry.level != 0 || entry.position != Tickets.index(ticket)) return false;
        bytes32 root = MerkleProofs.rootFrom(
            Element({hash: Tickets.leaf(ticket), mass: entry.mass}),
            0,
            entry.position,
            entry.count,
            entry.proof,
            true
        );
        return root == settlement.ticketLog(epoch, Tickets.issuer(ticket));
    }
}
