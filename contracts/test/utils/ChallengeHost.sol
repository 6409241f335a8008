// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Attestation, Roots} from "../../src/types/Attestation.sol";
import {Node} from "../../src/types/Node.sol";
import {Parameters, Version} from "../../src/types/Parameters.sol";
import {Payer} from "../../src/types/Payer.sol";

/// @notice All that challenges see of the other contracts, in one that believes what a test tells it.
contract ChallengeHost {
    uint64 public constant GENESIS = 1_700_000_000;
    uint32 public constant LENGTH = 3600;
    uint32 public constant TAIL = 300;
    uint32 public constant COMMIT_WINDOW = 600;
    uint32 public constant FORCE_WINDOW = 400;

    error NotPending(uint64 epoch);
    error Unknown(uint256 index);

    mapping(uint64 epoch => Attestation) private _attestations;
    mapping(uint64 epoch => bool) public pending;
    mapping(uint64 epoch => mapping(uint32 issuer => bytes32)) public ticketLog;
    mapping(address payer => uint256) public deposits;
    mapping(bytes32 signature => bool) private _signed;
    bytes32[] private _nodes;
    uint64[] private _nodesSince;
    Payer[] private _payers;
    uint256 public totalFunded;

    address private immutable _operator = msg.sender;

    uint256 public overturns;
    uint256 public slashes;
    uint256 public strikes;
    address public lastChallenger;

    // ---- What a test tells ----

    function addNode(bytes32 key, uint64 since) external {
        _nodes.push(key);
        _nodesSince.push(since);
    }

    function addPayer(address payer, uint256 deposit, uint64 since) external {
        _payers.push(Payer({account: payer, registeredAt: since}));
        deposits[payer] = deposit;
        totalFunded += deposit;
    }

    function setDeposit(address payer, uint256 deposit) external {
        deposits[payer] = deposit;
    }

    function setFunded(uint256 amount) external {
        totalFunded = amount;
    }

    function setLog(uint64 epoch, uint32 issuer, bytes32 root) external {
        ticketLog[epoch][issuer] = root;
    }

    function sign(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external {
        _signed[keccak256(abi.encode(key, r, s, message))] = true;
    }

    function attest(uint64 epoch, Roots calldata roots, uint120 total) external {
        _attestations[epoch].digest = keccak256(abi.encode(roots));
        _attestations[epoch].total = uint96(total);
        pending[epoch] = true;
    }

    function activate(uint64 epoch) external {
        pending[epoch] = false;
    }

    // ---- Settlement ----

    mapping(address account => mapping(bytes32 commitment => uint256)) public committedIn;

    function commit(bytes32 commitment) external {
        committedIn[msg.sender][commitment] = block.number;
    }

    function registry() external view returns (address) {
        return address(this);
    }

    function vault() external view returns (address) {
        return address(this);
    }

    function ed25519() external view returns (address) {
        return address(this);
    }

    function epochStart(uint64 epoch) public pure returns (uint256) {
        return uint256(GENESIS) + uint256(epoch) * LENGTH;
    }

    function epochEnd(uint64 epoch) public pure returns (uint256) {
        return epochStart(epoch) + LENGTH;
    }

    function parametersAt(uint64) external pure returns (Version memory version) {
        Parameters memory p = version.parameters;
        (p.epochLength, p.ticketTail, p.commitWindow) = (LENGTH, TAIL, COMMIT_WINDOW);
        p.forceWindow = FORCE_WINDOW;
        (p.slaFloorPpm, p.pricePerGib) = (500_000, 1e16);
    }

    function attestation(uint64 epoch) external view returns (Attestation memory) {
        if (_attestations[epoch].digest == 0) revert NotPending(epoch);
        return _attestations[epoch];
    }

    function requirePending(uint64 epoch, Roots calldata roots) external view {
        bytes32 digest = keccak256(abi.encode(roots));
        if (!pending[epoch] || _attestations[epoch].digest != digest) revert NotPending(epoch);
    }

    function issuerKeyAt(uint32 issuer, uint64) external pure returns (bytes32) {
        if (issuer != 0) revert Unknown(issuer);
        return "issuer";
    }

    function overturn(uint64 epoch, address challenger) external {
        pending[epoch] = false;
        overturns += 1;
        lastChallenger = challenger;
    }

    function strikeTicketLog(uint64 epoch, uint32 issuer) external {
        ticketLog[epoch][issuer] = 0;
        strikes += 1;
    }

    function slashIssuer(uint32, address challenger) external {
        slashes += 1;
        lastChallenger = challenger;
    }

    function slashNode(uint32, address challenger) external {
        slashes += 1;
        lastChallenger = challenger;
    }

    // ---- Registry, vault, signatures ----

    /// @dev Whoever deployed this operates all nodes.
    function nodeAt(uint32 index) external view returns (Node memory node) {
        if (index >= _nodes.length) revert Unknown(index);
        (node.key, node.operator, node.registeredAt) = (_nodes[index], _operator, _nodesSince[index]);
    }

    function keyAt(uint32 index, uint256) external view returns (bytes32) {
        if (index >= _nodes.length) revert Unknown(index);
        return _nodes[index];
    }

    function countWas(uint32 nodes, uint256 timestamp) external view returns (bool) {
        return nodes <= _nodes.length && (nodes == 0 || _nodesSince[nodes - 1] < timestamp)
            && (nodes == _nodes.length || _nodesSince[nodes] >= timestamp);
    }

    function payerCount() external view returns (uint32) {
        return uint32(_payers.length);
    }

    function payerAt(uint32 index) external view returns (Payer memory) {
        if (index >= _payers.length) revert Unknown(index);
        return _payers[index];
    }

    function payersWere(uint32 payers, uint256 timestamp) external view returns (bool) {
        return payers <= _payers.length && (payers == 0 || _payers[payers - 1].registeredAt < timestamp)
            && (payers == _payers.length || _payers[payers].registeredAt >= timestamp);
    }

    function depositAt(address payer, uint256) external view returns (uint256) {
        return deposits[payer];
    }

    function verify(bytes32 key, bytes32 r, bytes32 s, bytes calldata message)
        external
        view
        virtual
        returns (bool)
    {
        return _signed[keccak256(abi.encode(key, r, s, message))];
    }
}
