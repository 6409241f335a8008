// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../types/Attestation.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {LogProof, RecordProof} from "../types/Proofs.sol";
import {ISettlement} from "./ISettlement.sol";

/// @title What an attestation states, for anyone to ask
/// @notice Free calls that Ethereum tooling can make without any of our code. Each reverts where the epoch isn't
/// attested, or what is shown has not the form of a proof.
interface IInclusion {
    /// @notice Whether an epoch's attestation states that leaf.
    /// @param roots What was attested.
    /// @param nodes Number of leaves of the nodes tree.
    /// @param proof The leaf's siblings, 47 bytes a level.
    function verifyAttestation(
        uint64 epoch,
        Roots calldata roots,
        NodeLeaf calldata leaf,
        uint256 nodes,
        bytes calldata proof
    ) external view returns (bool);

    /// @notice Whether an epoch's attestation counts that receipt: it stands in a charge's segment, its ticket in
    /// the issuer's committed log, and the ticket's client signed it.
    /// @param roots What was attested.
    /// @param shown The record of 140 bytes in its segment, and the segment's charge.
    /// @param ticket The 216 bytes of its ticket.
    /// @param entry Where the ticket stands in the log.
    function verifyReceipt(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        LogProof calldata entry
    ) external view returns (bool);

    /// @notice Whose attestations are asked about.
    function settlement() external view returns (ISettlement);
}
