// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {TestBase} from "./TestBase.sol";

/// @notice The leaves of SPEC section 7, written apart from the contracts under test.
abstract contract Encodings is TestBase {
    function encode(NodeLeaf memory l) internal pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(l.index, l.node, l.mass, l.probes, l.probesOk);
        return bytes.concat(head, abi.encodePacked(l.slaPpm, l.last, l.reward, l.cumulative));
    }

    function encode(BillLeaf memory l) internal pure returns (bytes memory) {
        return abi.encodePacked(l.index, l.payer, l.last, l.bill, l.cumulative);
    }

    function encode(ChargeLeaf memory l) internal pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(l.payer, l.node, l.segmentRoot, l.mass, l.amount);
        return bytes.concat(head, abi.encodePacked(l.billed, l.earned, l.served, l.previous));
    }
}
