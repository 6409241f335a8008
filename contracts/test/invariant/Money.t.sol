// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {TestBase} from "../utils/TestBase.sol";
import {Players} from "./Players.sol";

/// @notice What holds whatever anybody does.
abstract contract MoneyInvariant is TestBase {
    Players internal players;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev forge calls only the players.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(players);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[18] memory all = calls();
        targets = new FuzzSelector[](1);
        targets[0].addr = address(players);
        targets[0].selectors = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            targets[0].selectors[i] = all[i];
        }
    }

    /// @dev What money moves by comes up more often.
    function calls() internal pure returns (bytes4[18] memory) {
        return [
            Players.later.selector,
            Players.pay.selector,
            Players.announce.selector,
            Players.announce.selector,
            Players.withdrawSome.selector,
            Players.withdrawSome.selector,
            Players.attestNext.selector,
            Players.attestNext.selector,
            Players.overturnSome.selector,
            Players.activateSome.selector,
            Players.activateSome.selector,
            Players.claimSome.selector,
            Players.claimSome.selector,
            Players.slashSome.selector,
            Players.withdrawBounty.selector,
            Players.join.selector,
            Players.quit.selector,
            Players.bondIssuer.selector
        ];
    }

    /// @dev Solvent; nobody paid twice, or more than attested, or out of another's money; nobody billed beyond its
    /// deposit, and no withdrawal takes what is billed; bonds, stakes and bounties are there.
    function invariant_moneyAddsUp() public view {
        players.checkVault();
        players.checkBills();
        players.checkBonds();
    }

    /// @dev Many calls by dice, so that it shows if some never do anything.
    function act(uint256 times) internal {
        bytes4[18] memory all = calls();
        for (uint256 i = 0; i < times; ++i) {
            uint256 dice = uint256(keccak256(abi.encode("dice", i)));
            bytes memory data = abi.encodeWithSelector(all[dice % 18], dice >> 8, dice >> 16);
            (bool ok, bytes memory answer) = address(players).call(data);
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
        invariant_moneyAddsUp();
    }

    function happened(string memory what) internal view {
        vm.assertTrue(players.did(what) > 0, what);
    }

    function test_everybodyActs() public {
        act(600);
        string[10] memory all = [
            "announce",
            "withdraw",
            "attest",
            "lie",
            "overturn",
            "slash",
            "bounty",
            "activate",
            "claim",
            "quit"
        ];
        for (uint256 i = 0; i < all.length; ++i) {
            happened(all[i]);
        }
        atLast();
    }

    function atLast() internal view virtual {}
}

/// @notice Every lie is overturned in time.
contract ChallengedInvariant is MoneyInvariant {
    function setUp() public {
        players = new Players(true);
    }
}

/// @notice No lie is: the verifiers' quorum is false, and nobody looks.
contract UnchallengedInvariant is MoneyInvariant {
    function setUp() public {
        players = new Players(false);
    }

    /// @dev Lies have cost the vault's own word: it has refused what it couldn't pay.
    function atLast() internal view override {
        happened("underfunded");
        happened("withdrawal kept");
    }
}
