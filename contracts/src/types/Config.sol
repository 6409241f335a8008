// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IEd25519} from "../interfaces/IEd25519.sol";
import {INodeRegistry} from "../interfaces/INodeRegistry.sol";
import {IRewardVault} from "../interfaces/IRewardVault.sol";

/// @notice What a settlement contract is deployed with and keeps.
/// @param registry The list of nodes.
/// @param vault What payers fund and nodes are paid from.
/// @param ed25519 What checks signatures.
/// @param token What bonds are in.
/// @param owner Who names issuers and verifiers and schedules parameters.
/// @param treasury Who receives what is slashed and no challenger gets.
/// @param changeDelay Seconds between the announcement of a change and its effect.
/// @param genesis Start of epoch 0, Unix seconds.
/// @param challengers The contracts that may overturn and slash; may be yet to be deployed.
struct Config {
    INodeRegistry registry;
    IRewardVault vault;
    IEd25519 ed25519;
    IERC20 token;
    address owner;
    address treasury;
    uint32 changeDelay;
    uint64 genesis;
    address[] challengers;
}
