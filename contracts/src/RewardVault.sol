// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewardVault} from "./interfaces/IRewardVault.sol";

/// @title What payers have funded and nodes are paid from
contract RewardVault is IRewardVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IRewardVault
    IERC20 public immutable token;

    /// @inheritdoc IRewardVault
    address public immutable settlement;

    // Half a word each: paying reads one and writes the other.
    uint128 private _totalFunded;
    uint128 private _totalPaid;

    /// @inheritdoc IRewardVault
    mapping(address payer => uint256) public deposits;

    /// @param settlement_ May be an address at which the settlement contract is yet to be deployed.
    constructor(IERC20 token_, address settlement_) {
        if (address(token_) == address(0) || settlement_ == address(0)) revert ZeroAddress();
        token = token_;
        settlement = settlement_;
    }

    /// @inheritdoc IRewardVault
    /// @dev Guarded, because a token that calls back could otherwise have one transfer counted twice.
    function fund(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert DepositShortfall(amount, received);
        _totalFunded = SafeCast.toUint128(_totalFunded + amount);
        deposits[msg.sender] += amount;
        emit Funded(msg.sender, amount, _totalFunded);
    }

    /// @inheritdoc IRewardVault
    function pay(address to, uint256 amount) external nonReentrant {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        uint256 available = _totalFunded - _totalPaid;
        if (amount > available) revert Underfunded(amount, available);
        // At most `available`, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        _totalPaid += uint128(amount);
        emit Paid(to, amount, _totalPaid);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IRewardVault
    function totalFunded() external view returns (uint256) {
        return _totalFunded;
    }

    /// @inheritdoc IRewardVault
    function totalPaid() external view returns (uint256) {
        return _totalPaid;
    }
}
