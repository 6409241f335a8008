// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {TestBase} from "./TestBase.sol";

/// @notice Reads the golden vectors of `tests/vectors`, which Rust writes and also reads. Nothing of what they
/// hold is known here but the names of fields.
abstract contract Json is TestBase {
    string internal json;

    function load(string memory name) internal {
        json = vm.readFile(string.concat("../tests/vectors/", name, ".json"));
    }

    function item(string memory list, uint256 i) internal pure returns (string memory) {
        return string.concat(list, "[", vm.toString(i), "]");
    }

    function exists(string memory key) internal view returns (bool) {
        return vm.keyExistsJson(json, key);
    }

    /// @dev Length of a list, which isn't empty: a vector that isn't there passes no test.
    function length(string memory list) internal view returns (uint256 count) {
        while (exists(item(list, count))) {
            ++count;
        }
        vm.assertTrue(count > 0, string.concat(list, " is empty"));
    }

    /// @dev Small numbers are JSON numbers, amounts and bytes decimal strings; this reads both.
    function number(string memory key) internal view returns (uint256) {
        return vm.parseJsonUint(json, key);
    }

    function number(string memory where, string memory field) internal view returns (uint256) {
        return number(string.concat(where, field));
    }

    function word(string memory key) internal view returns (bytes32) {
        return vm.parseJsonBytes32(json, key);
    }

    function word(string memory where, string memory field) internal view returns (bytes32) {
        return word(string.concat(where, field));
    }

    function data(string memory key) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, key);
    }

    function data(string memory where, string memory field) internal view returns (bytes memory) {
        return data(string.concat(where, field));
    }

    function accountIn(string memory key) internal view returns (address) {
        return vm.parseJsonAddress(json, key);
    }

    function text(string memory key) internal view returns (string memory) {
        return vm.parseJsonString(json, key);
    }

    function mass(string memory key) internal view returns (uint120) {
        bytes memory packed = data(key);
        vm.assertEq(packed.length, 15, key);
        return uint120(bytes15(packed));
    }

    function mass(string memory where, string memory field) internal view returns (uint120) {
        return mass(string.concat(where, field));
    }

    function nodeLeafAt(string memory where) internal view returns (NodeLeaf memory leaf) {
        (leaf.index, leaf.node) = (uint32(number(where, ".index")), word(where, ".node"));
        (leaf.mass, leaf.probes) = (mass(where, ".mass"), uint32(number(where, ".probes")));
        (leaf.probesOk, leaf.slaPpm) =
        (uint32(number(where, ".probes_ok")), uint32(number(where, ".sla_ppm")));
        (leaf.last, leaf.reward) = (uint32(number(where, ".last")), uint128(number(where, ".reward")));
        leaf.cumulative = uint128(number(where, ".cumulative"));
    }

    function billLeafAt(string memory where) internal view returns (BillLeaf memory leaf) {
        leaf.index = uint32(number(where, ".index"));
        leaf.payer = accountIn(string.concat(where, ".payer"));
        (leaf.last, leaf.bill) = (uint32(number(where, ".last")), uint128(number(where, ".bill")));
        leaf.cumulative = uint128(number(where, ".cumulative"));
    }

    function chargeLeafAt(string memory where) internal view returns (ChargeLeaf memory leaf) {
        (leaf.payer, leaf.node) = (uint32(number(where, ".payer")), uint32(number(where, ".node")));
        (leaf.segmentRoot, leaf.mass) = (word(where, ".segment_root"), mass(where, ".mass"));
        (leaf.amount, leaf.billed) = (uint128(number(where, ".amount")), uint128(number(where, ".billed")));
        (leaf.earned, leaf.served) = (uint128(number(where, ".earned")), mass(where, ".served"));
        leaf.previous = uint32(number(where, ".previous"));
    }

    // ---- Files ----

    /// @dev A piece of a file.
    function cut(bytes memory file, uint256 from, uint256 size) internal pure returns (bytes memory part) {
        part = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            part[i] = file[from + i];
        }
    }

    /// @dev What follows the header, in pieces of that size.
    function pieces(bytes memory file, uint256 header, uint256 size)
        internal
        pure
        returns (bytes[] memory all)
    {
        vm.assertEq((file.length - header) % size, 0, "length of a file");
        all = new bytes[]((file.length - header) / size);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = cut(file, header + i * size, size);
        }
    }

    function ticketsOf(bytes memory log) internal pure returns (bytes[] memory) {
        return pieces(log, 52, 216);
    }

    function recordsOf(bytes memory segment) internal pure returns (bytes[] memory) {
        return pieces(segment, 80, 140);
    }
}
