// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for test networks
/// @notice Plain ERC-20; the deployer holds the whole supply.
contract TestToken is ERC20 {
    uint8 private immutable DECIMALS;

    /// @param supply Token units, all minted to the deployer.
    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supply)
        ERC20(name_, symbol_)
    {
        DECIMALS = decimals_;
        _mint(msg.sender, supply);
    }

    /// @notice Decimal places of the unit that is shown to people.
    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }
}
