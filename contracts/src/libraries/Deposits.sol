// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Taking money in
library Deposits {
    using SafeERC20 for IERC20;

    /// @notice The token delivered less than it was asked for; those that take a fee can't be used.
    error DepositShortfall(uint256 amount, uint256 received);

    /// @notice Takes exactly `amount` token units from an account that approved them.
    /// @dev To be guarded: a token that calls back could otherwise have one transfer counted twice.
    function pull(IERC20 token, address from, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        // All callers give `msg.sender`.
        // slither-disable-next-line arbitrary-send-erc20
        token.safeTransferFrom(from, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert DepositShortfall(amount, received);
    }
}
