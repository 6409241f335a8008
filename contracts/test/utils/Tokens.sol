// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {TestToken} from "../../src/TestToken.sol";

/// @notice Keeps a hundredth of every transfer.
contract FeeToken is TestToken {
    constructor(uint256 supply) TestToken("Fee", "FEE", 18, supply) {}

    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) ? 0 : value / 100;
        super._update(from, to, value - fee);
        if (fee > 0) super._update(from, address(1), fee);
    }
}

/// @notice Calls back once, as ERC-777 tokens do, before each transfer.
contract ReentrantToken is TestToken {
    address private _target;
    bytes private _call;

    constructor(uint256 supply) TestToken("Reentrant", "RE", 18, supply) {}

    function callBack(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    function _update(address from, address to, uint256 value) internal override {
        address target = _target;
        if (target != address(0)) {
            _target = address(0);
            (bool ok, bytes memory answer) = target.call(_call);
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
        super._update(from, to, value);
    }
}

/// @notice As some old tokens: transfers return nothing.
contract QuietToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address by => uint256)) private _allowed;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function approve(address by, uint256 amount) external returns (bool) {
        _allowed[msg.sender][by] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        require(_allowed[from][msg.sender] >= amount, "no");
        _allowed[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        require(balanceOf[from] >= amount, "no");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
