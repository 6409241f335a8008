// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title What payers have funded and nodes are paid from
/// @notice Holds one token. Anyone funds it; only the settlement contract pays from it, and never more
/// than was funded.
interface IRewardVault {
    /// @notice A payer put money in.
    event Funded(address indexed payer, uint256 amount, uint256 totalFunded);

    /// @notice A reward was paid.
    event Paid(address indexed to, uint256 amount, uint256 totalPaid);

    /// @notice Nothing to fund.
    error ZeroAmount();

    /// @notice The token delivered another amount than was sent, as one with a transfer fee does.
    error DepositShortfall(uint256 amount, uint256 received);

    /// @notice Only the settlement contract may pay.
    error NotSettlement(address caller);

    /// @notice More is to be paid than is left of what was funded.
    error Underfunded(uint256 amount, uint256 available);

    /// @notice An address is needed.
    error ZeroAddress();

    /// @notice Takes `amount` from the caller, who has approved it, for rewards.
    /// @param amount Token units.
    function fund(uint256 amount) external;

    /// @notice Pays a reward. Only the settlement contract.
    /// @param amount Token units.
    function pay(address to, uint256 amount) external;

    /// @notice The token of all amounts.
    function token() external view returns (IERC20);

    /// @notice The contract that may pay.
    function settlement() external view returns (address);

    /// @notice All that was ever funded, token units.
    function totalFunded() external view returns (uint256);

    /// @notice All that was ever paid, token units.
    function totalPaid() external view returns (uint256);

    /// @notice All that a payer ever funded, token units.
    function deposits(address payer) external view returns (uint256);
}
