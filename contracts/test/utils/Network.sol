// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {Settlement} from "../../src/Settlement.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IEd25519} from "../../src/interfaces/IEd25519.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Roots, Statement} from "../../src/types/Attestation.sol";
import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {Config} from "../../src/types/Config.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Parameters} from "../../src/types/Parameters.sol";
import {Change} from "../../src/types/Verifier.sol";
import {Encodings} from "./Encodings.sol";
import {Signatures} from "./Signatures.sol";
import {Tree, Trees} from "./Trees.sol";

/// @notice What an epoch says of nodes and payers. The charges between them are left out: neither the settlement
/// nor the vault looks at them.
struct Books {
    NodeLeaf[] nodes;
    BillLeaf[] bills;
    Tree nodesTree;
    Tree billsTree;
    Statement statement;
    Roots roots;
}

/// @notice A whole network, with one issuer and one bonded verifier. A test begins at the genesis.
abstract contract Network is Encodings {
    using SafeERC20 for IERC20;
    using Trees for Tree;

    uint64 internal constant GENESIS = 1_700_000_000;
    uint32 internal constant CHANGE_DELAY = 10_000;
    uint256 internal constant SUPPLY = 1e36;
    bytes32 internal constant EVIDENCE = keccak256("evidence");

    address internal immutable owner = account("owner");
    address internal immutable treasury = account("treasury");
    address internal immutable committer = account("committer");
    address internal immutable verifier = account("verifier");
    address internal immutable challenges = account("challenge contract");
    address internal immutable challenger = account("challenger");
    address internal immutable payer = account("payer");
    address internal immutable operator = account("operator");

    TestToken internal token;
    Signatures internal signatures;
    NodeRegistry internal registry;
    RewardVault internal vault;
    Settlement internal settlement;

    /// @dev Epochs of an hour, attested from 1,200 s after their end on and challenged for 7,200 s.
    function terms() internal pure virtual returns (Parameters memory) {
        return Parameters({
            epochLength: 3600,
            ticketTail: 300,
            commitWindow: 600,
            forceWindow: 900,
            challengeWindow: 7200,
            verifierBond: 10e18,
            slaFloorPpm: 900_000,
            ttfbMsMax: 500,
            throughputMin: 1_000_000,
            pricePerGib: 1e16,
            issuerBond: 20e18,
            nodeStake: 30e18
        });
    }

    function setUp() public virtual {
        deploy(new TestToken("Test", "TEST", 18, SUPPLY));
        enlist();
        vm.warp(GENESIS);
    }

    /// @dev A day before the genesis.
    function deploy(TestToken token_) internal {
        vm.warp(GENESIS - 1 days);
        token = token_;
        signatures = new Signatures();
        uint256 nonce = vm.getNonce(address(this));
        IRewardVault vaultAt = IRewardVault(vm.computeCreateAddress(address(this), nonce + 1));
        ISettlement settlementAt = ISettlement(vm.computeCreateAddress(address(this), nonce + 2));
        registry = new NodeRegistry(token, signatures, vaultAt, settlementAt);
        vault = new RewardVault(token, address(registry), settlementAt);
        settlement = new Settlement(config(), terms());
    }

    function config() internal view returns (Config memory c) {
        (c.registry, c.vault) = (INodeRegistry(address(registry)), IRewardVault(address(vault)));
        (c.ed25519, c.token) = (IEd25519(address(signatures)), token);
        (c.owner, c.treasury) = (owner, treasury);
        (c.changeDelay, c.genesis) = (CHANGE_DELAY, GENESIS);
        c.challengers = new address[](1);
        c.challengers[0] = challenges;
    }

    /// @dev Issuer 0 and the verifier, both with their bonds. Before the genesis.
    function enlist() internal {
        vm.prank(owner);
        settlement.addIssuer("issuer", committer);
        give(committer, terms().issuerBond, address(settlement));
        vm.prank(committer);
        settlement.bondIssuer(0, terms().issuerBond);
        admit(verifier);
    }

    // ---- Money ----

    /// @dev Tokens that the account lets a contract take.
    function give(address to, uint256 amount, address approved) internal {
        IERC20(token).safeTransfer(to, amount);
        vm.prank(to);
        token.approve(approved, amount);
    }

    function fund(address by, uint256 amount) internal {
        give(by, amount, address(vault));
        vm.prank(by);
        vault.fund(amount);
    }

    function fund(uint256 amount) internal {
        fund(payer, amount);
    }

    // ---- Verifiers ----

    /// @dev Before the genesis at once, later after the delay.
    function admit(address account_) internal {
        vm.prank(owner);
        settlement.admitVerifier(account_);
        if (vm.getBlockTimestamp() >= GENESIS) {
            vm.warp(vm.getBlockTimestamp() + CHANGE_DELAY);
            settlement.applyChange(Change.Admit, uint160(account_));
        }
        bond(account_, terms().verifierBond);
    }

    function bond(address account_, uint256 amount) internal {
        give(account_, amount, address(settlement));
        vm.prank(account_);
        settlement.bond(amount);
    }

    // ---- Nodes ----

    function nodeKey(uint256 index) internal pure returns (bytes32) {
        return keccak256(abi.encode("node", index));
    }

    function payoutOf(uint256 index) internal pure returns (address) {
        return account(string.concat("payout", vm.toString(index)));
    }

    /// @dev A key signs for an operator.
    function prove(bytes32 key, address by) internal returns (bytes32 r, bytes32 s) {
        (r, s) = (keccak256(abi.encode(key, by)), "s");
        signatures.sign(key, r, s, registry.registrationMessage(by));
    }

    function register(bytes32 key, address by, address payout) internal returns (uint32) {
        (bytes32 r, bytes32 s) = prove(key, by);
        give(by, settlement.nodeStake(), address(registry));
        vm.prank(by);
        return registry.register(key, payout, r, s);
    }

    function register(uint256 nodes) internal {
        for (uint256 i = 0; i < nodes; ++i) {
            uint256 index = registry.count();
            register(nodeKey(index), operator, payoutOf(index));
        }
    }

    // ---- Epochs ----

    function end(uint64 epoch) internal pure returns (uint256) {
        return GENESIS + (uint256(epoch) + 1) * terms().epochLength;
    }

    /// @dev When it may be attested.
    function due(uint64 epoch) internal pure returns (uint256) {
        return end(epoch) + terms().ticketTail + terms().forceWindow;
    }

    function warpTo(uint256 time) internal {
        if (vm.getBlockTimestamp() < time) vm.warp(time);
    }

    function nodeLeaf(uint256 index, uint256 cumulative) internal pure returns (NodeLeaf memory leaf) {
        (leaf.index, leaf.node) = (uint32(index), nodeKey(index));
        leaf.mass = Trees.mass(uint56(1 << 30), 10, 9);
        (leaf.probes, leaf.probesOk, leaf.slaPpm, leaf.last) = (4, 4, 900_000, uint32(index + 1));
        (leaf.reward, leaf.cumulative) = (uint128(cumulative), uint128(cumulative));
    }

    function billLeaf(uint256 index, address by, uint256 cumulative)
        internal
        pure
        returns (BillLeaf memory leaf)
    {
        (leaf.index, leaf.payer, leaf.last) = (uint32(index), by, uint32(index + 1));
        (leaf.bill, leaf.cumulative) = (uint128(cumulative), uint128(cumulative));
    }

    /// @dev What an epoch says, by cumulative rewards of nodes 0, 1, … and cumulative bills of payers 0, 1, …
    function books(uint64 epoch, uint256[] memory rewards, uint256[] memory bills)
        internal
        view
        returns (Books memory b)
    {
        b.nodes = new NodeLeaf[](rewards.length);
        bytes32[] memory hashes = new bytes32[](rewards.length);
        uint120[] memory masses = new uint120[](rewards.length);
        for (uint256 i = 0; i < rewards.length; ++i) {
            b.nodes[i] = nodeLeaf(i, rewards[i]);
            hashes[i] = keccak256(bytes.concat(hex"00", encode(b.nodes[i])));
            masses[i] = uint120(rewards[i]);
        }
        b.nodesTree = Trees.build(hashes, masses, false);
        b.bills = new BillLeaf[](bills.length);
        hashes = new bytes32[](bills.length);
        masses = new uint120[](bills.length);
        for (uint256 i = 0; i < bills.length; ++i) {
            b.bills[i] = billLeaf(i, vault.payerAt(uint32(i)).account, bills[i]);
            hashes[i] = keccak256(bytes.concat(hex"00", encode(b.bills[i])));
            masses[i] = uint120(bills[i]);
        }
        b.billsTree = Trees.build(hashes, masses, false);
        seal(b, epoch);
    }

    /// @dev The statement that the trees make, and its roots.
    function seal(Books memory b, uint64 epoch) internal view {
        Statement memory s = b.statement;
        (s.epoch, s.nodes, s.payers) = (epoch, uint32(b.nodesTree.count), uint32(b.billsTree.count));
        (s.total, s.nodesTop, s.billsTop) =
        (uint96(b.nodesTree.total()), b.nodesTree.top(), b.billsTree.top());
        s.evidence = EVIDENCE;
        uint96 before = epoch == 0 ? 0 : settlement.attestation(epoch - 1).total;
        if (s.total != before) (s.charges, s.chargesTop) = (1, keccak256(abi.encode("charges", epoch)));
        b.roots = rootsOf(s, before);
    }

    function rootsOf(Statement memory s, uint96 before) internal pure returns (Roots memory) {
        return Roots({
            nodes: Trees.rootOf(s.total, s.nodes, s.nodesTop),
            bills: Trees.rootOf(s.total, s.payers, s.billsTop),
            charges: Trees.rootOf(s.total - before, s.charges, s.chargesTop),
            evidence: s.evidence
        });
    }

    /// @dev One of one node and one payer.
    function books(uint64 epoch, uint256 amount) internal view returns (Books memory) {
        return books(epoch, list(amount), list(amount));
    }

    function list(uint256 a) internal pure returns (uint256[] memory all) {
        all = new uint256[](1);
        all[0] = a;
    }

    function list(uint256 a, uint256 b) internal pure returns (uint256[] memory all) {
        all = new uint256[](2);
        (all[0], all[1]) = (a, b);
    }

    function list(uint256 a, uint256 b, uint256 c) internal pure returns (uint256[] memory all) {
        all = new uint256[](3);
        (all[0], all[1], all[2]) = (a, b, c);
    }

    function attest(Books memory b) internal {
        attest(b.statement);
    }

    function attest(Statement memory s) internal {
        vote(verifier, s);
    }

    function vote(address by, Statement memory s) internal {
        warpTo(due(s.epoch));
        vm.prank(by);
        settlement.attest(s);
    }

    /// @dev To the contract a top is 32 bytes; a tree behind it isn't needed.
    function opaque(uint64 epoch, uint96 total, string memory what)
        internal
        pure
        returns (Statement memory s)
    {
        bytes32 top = keccak256(bytes(what));
        (s.epoch, s.total, s.evidence) = (epoch, total, top);
        (s.nodes, s.payers, s.charges) = (2, 2, 2);
        (s.nodesTop, s.billsTop, s.chargesTop) = (top, top, top);
    }

    function attestNext() internal {
        uint64 epoch = settlement.nextEpoch();
        attest(opaque(epoch, uint96(epoch), "something"));
    }

    /// @dev Its challenge window passes.
    function outlast(uint64 epoch) internal {
        warpTo(settlement.attestation(epoch).activeAt);
    }

    /// @dev Attested, unchallenged, and what the vault pays by.
    function settle(Books memory b) internal {
        attest(b);
        outlast(b.statement.epoch);
        vault.activate(b.statement.epoch, b.roots);
    }

    function overturn(uint64 epoch) internal {
        vm.prank(challenges);
        settlement.overturn(epoch, challenger);
    }

    function claim(Books memory b, uint256 i) internal returns (uint256) {
        return vault.claim(b.nodes[i], b.nodes.length, b.nodesTree.proof(i));
    }

    /// @dev As {IRewardVault.claimPacked} takes it.
    function pack(Books memory b, uint256 i, bytes memory proof) internal pure returns (bytes memory) {
        return bytes.concat(bytes4(uint32(b.nodes.length)), encode(b.nodes[i]), proof);
    }

    function withdraw(Books memory b, uint256 i) internal returns (uint256) {
        vm.prank(vault.payerAt(uint32(i)).account);
        return vault.withdraw(b.bills[i], b.bills.length, b.billsTree.proof(i));
    }
}
