// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Payer} from "../types/Payer.sol";

/// @title What payers have funded and nodes are paid from
interface IRewardVault {
    /// @notice Number of payers.
    function payerCount() external view returns (uint32);

    /// @notice The payer of that index.
    function payerAt(uint32 index) external view returns (Payer memory);

    /// @notice Whether there were so many payers before a time.
    function payersWere(uint32 payers, uint256 timestamp) external view returns (bool);

    /// @notice A payer's deposit by the newest checkpoint before a time.
    function depositAt(address payer, uint256 time) external view returns (uint256);

    /// @notice All deposits, token units.
    function totalFunded() external view returns (uint256);
}
