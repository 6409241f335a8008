// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Attestation, Roots} from "../types/Attestation.sol";
import {Version} from "../types/Parameters.sol";
import {IEd25519} from "./IEd25519.sol";
import {INodeRegistry} from "./INodeRegistry.sol";
import {IRewardVault} from "./IRewardVault.sol";

/// @title Where epochs are settled: what challenges need of it
interface ISettlement {
    function registry() external view returns (INodeRegistry);
    function vault() external view returns (IRewardVault);
    function ed25519() external view returns (IEd25519);
    function epochStart(uint64 epoch) external view returns (uint256);
    function epochEnd(uint64 epoch) external view returns (uint256);
    function parametersAt(uint64 epoch) external view returns (Version memory);
    function attestation(uint64 epoch) external view returns (Attestation memory);
    function requirePending(uint64 epoch, Roots calldata roots) external view;
    function ticketLog(uint64 epoch, uint32 issuer) external view returns (bytes32);
    function issuerKeyAt(uint32 issuer, uint64 epoch) external view returns (bytes32);
    function overturn(uint64 epoch, address challenger) external;
    function slashIssuer(uint32 issuer, address challenger) external;
}
