// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ed25519} from "../../src/Ed25519.sol";
import {Inclusion} from "../../src/Inclusion.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {Settlement} from "../../src/Settlement.sol";
import {TestToken} from "../../src/TestToken.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Roots, Statement} from "../../src/types/Attestation.sol";
import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {Config} from "../../src/types/Config.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Parameters} from "../../src/types/Parameters.sol";
import {LogProof, RecordProof} from "../../src/types/Proofs.sol";
import {Exposed} from "../utils/Exposed.sol";
import {Json} from "../utils/Json.sol";
import {Trees} from "../utils/Trees.sol";

/// @notice The epoch of `tests/vectors/epoch.json`: its money recomputed, then attested, asked about and paid by
/// the real contracts, with real signatures.
contract GoldenTest is Json {
    Exposed internal immutable exposed = new Exposed();

    address internal immutable verifier = account("verifier");
    address internal immutable registry = account("registry");

    TestToken internal token;
    RewardVault internal vault;
    Settlement internal settlement;
    Inclusion internal inclusion;
    uint64 internal epoch;

    function setUp() public {
        load("epoch");
        epoch = uint64(number(".epoch"));
        vm.assertTrue(epoch > 0, "an epoch before");
    }

    // ---- The money ----

    function test_rewards() public view {
        uint128 price = uint128(number(".price_per_gib"));
        uint32 floor = uint32(number(".sla_floor_ppm"));
        uint256 count = length(".rewards");
        vm.assertTrue(count > 10, "few rewards");
        for (uint256 i = 0; i < count; ++i) {
            string memory where = item(".rewards", i);
            uint32 score = exposed.score(
                uint32(number(where, ".deliveries")),
                uint32(number(where, ".within")),
                uint32(number(where, ".probes")),
                uint32(number(where, ".probes_ok"))
            );
            vm.assertEq(score, number(where, ".score"), where);
            uint128 reward = exposed.reward(uint56(number(where, ".bytes")), score, floor, price);
            vm.assertEq(reward, number(where, ".reward"), where);
        }
    }

    /// @dev What one charge must come to, by the rule of SPEC section 7.
    function amountOf(ChargeLeaf memory leaf, uint256 billed) internal view returns (uint256) {
        uint32 score = uint32(number(item(".nodes.leaves", leaf.node), ".sla_ppm"));
        uint56 bytes_ = uint56(leaf.mass >> 64);
        uint256 worth = exposed.reward(
            bytes_, score, uint32(number(".sla_floor_ppm")), uint128(number(".price_per_gib"))
        );
        uint256 deposit = number(item(".payers", leaf.payer), ".deposit");
        uint256 available = deposit > billed ? deposit - billed : 0;
        return worth < available ? worth : available;
    }

    function test_charges_followTheRule() public view {
        uint256 count = length(".charges.leaves");
        ChargeLeaf[] memory all = new ChargeLeaf[](count);
        for (uint256 c = 0; c < count; ++c) {
            string memory where = item(".charges.leaves", c);
            all[c] = chargeLeafAt(where);
            ChargeLeaf memory leaf = all[c];
            bool sameAsBefore = c > 0 && all[c - 1].payer == leaf.payer;
            uint256 billed = sameAsBefore
                ? all[c - 1].billed
                : number(item(".previous.bills.leaves", leaf.payer), ".cumulative");
            vm.assertEq(leaf.amount, amountOf(leaf, billed), where);
            vm.assertEq(leaf.billed, billed + leaf.amount, where);
            uint256 earned = leaf.amount;
            uint120 served = leaf.mass;
            if (leaf.previous != 0) {
                ChargeLeaf memory previous = all[leaf.previous - 1];
                vm.assertEq(previous.node, leaf.node, where);
                earned += previous.earned;
                served = exposed.addDelivery(previous.served, leaf.mass);
            }
            vm.assertEq(leaf.earned, earned, where);
            vm.assertEq(leaf.served, served, where);
        }
    }

    function test_leaves_followFromTheCharges() public view {
        for (uint256 i = 0; i < length(".nodes.leaves"); ++i) {
            string memory where = item(".nodes.leaves", i);
            NodeLeaf memory leaf = nodeLeafAt(where);
            ChargeLeaf memory last = chargeLeafAt(item(".charges.leaves", leaf.last - 1));
            vm.assertEq(last.node, leaf.index, where);
            vm.assertEq(last.earned, leaf.reward, where);
            vm.assertEq(last.served, leaf.mass, where);
            uint32 score =
                exposed.score(uint32(leaf.mass >> 32), uint32(leaf.mass), leaf.probes, leaf.probesOk);
            vm.assertEq(leaf.slaPpm, score, where);
            string memory before = item(".previous.nodes.leaves", i);
            uint256 cumulative = exists(before) ? number(before, ".cumulative") : 0;
            vm.assertEq(leaf.cumulative, cumulative + leaf.reward, where);
        }
        for (uint256 i = 0; i < length(".bills.leaves"); ++i) {
            string memory where = item(".bills.leaves", i);
            BillLeaf memory leaf = billLeafAt(where);
            ChargeLeaf memory last = chargeLeafAt(item(".charges.leaves", leaf.last - 1));
            vm.assertEq(last.payer, leaf.index, where);
            vm.assertEq(last.billed, leaf.cumulative, where);
            string memory before = item(".previous.bills.leaves", i);
            uint256 cumulative = exists(before) ? number(before, ".cumulative") : 0;
            vm.assertEq(leaf.cumulative, cumulative + leaf.bill, where);
            vm.assertLe(leaf.cumulative, number(item(".payers", i), ".deposit"), where);
        }
        vm.assertEq(number(".nodes.total"), number(".bills.total"));
        vm.assertEq(number(".nodes.total") - number(".previous.nodes.total"), number(".charges.total"));
    }

    // ---- The trees ----

    function test_trees() public view {
        checkTree(".nodes", 0);
        checkTree(".bills", 1);
        checkTree(".charges", 2);
        checkTree(".previous.nodes", 0);
        checkTree(".previous.bills", 1);
    }

    function checkTree(string memory tree, uint256 kind) internal view {
        uint256 count = number(tree, ".count");
        bytes32 root = exposed.root(uint120(number(tree, ".total")), count, word(tree, ".top"));
        vm.assertEq(root, word(tree, ".root"), tree);
        string memory leaves = string.concat(tree, ".leaves");
        vm.assertEq(length(leaves), count, tree);
        for (uint256 i = 0; i < count; ++i) {
            string memory where = item(leaves, i);
            (bytes32 hash, bytes32 proven) = proveLeaf(where, kind, i, count, data(where, ".proof"));
            vm.assertEq(keccak256(bytes.concat(hex"00", data(where, ".encoding"))), hash, where);
            vm.assertEq(hash, word(where, ".hash"), where);
            vm.assertEq(proven, root, where);
        }
    }

    function proveLeaf(string memory where, uint256 kind, uint256 i, uint256 count, bytes memory proof)
        internal
        view
        returns (bytes32, bytes32)
    {
        if (kind == 0) {
            NodeLeaf memory leaf = nodeLeafAt(where);
            return (exposed.hashNode(leaf), exposed.rootOfNode(leaf, count, proof));
        } else if (kind == 1) {
            BillLeaf memory leaf = billLeafAt(where);
            return (exposed.hashBill(leaf), exposed.rootOfBill(leaf, count, proof));
        }
        ChargeLeaf memory charge = chargeLeafAt(where);
        return (exposed.hashCharge(charge), exposed.rootOfCharge(charge, i, count, proof));
    }

    // ---- Real contracts ----

    function terms() internal view returns (Parameters memory p) {
        p.epochLength = uint32(number(".timeline.epoch_length"));
        p.ticketTail = uint32(number(".timeline.ticket_tail"));
        p.commitWindow = uint32(number(".timeline.commit_window"));
        p.forceWindow = uint32(number(".timeline.force_window"));
        p.challengeWindow = uint32(number(".timeline.challenge_window"));
        p.slaFloorPpm = uint32(number(".sla_floor_ppm"));
        p.pricePerGib = uint96(number(".price_per_gib"));
        p.verifierBond = 1;
    }

    function deploy() internal {
        vm.warp(number(".timeline.genesis") - 1);
        token = new TestToken("Test", "TEST", 18, 1e36);
        ISettlement place =
            ISettlement(vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3));
        Config memory c;
        c.ed25519 = new Ed25519();
        c.vault = new RewardVault(token, registry, place);
        vault = RewardVault(address(c.vault));
        // Nodes need no registry here, only somewhere to be paid.
        vm.etch(registry, address(new Place(address(place))).code);
        c.registry = INodeRegistry(registry);
        (c.token, c.owner, c.treasury) = (token, address(this), address(this));
        (c.changeDelay, c.genesis) = (type(uint32).max, uint64(number(".timeline.genesis")));
        settlement = new Settlement(c, terms());
        inclusion = new Inclusion(settlement);
        settlement.admitVerifier(verifier);
        token.transfer(verifier, 1);
        vm.startPrank(verifier);
        token.approve(address(settlement), 1);
        settlement.bond(1);
        vm.stopPrank();
        for (uint256 i = 0; i <= number(".log.issuer"); ++i) {
            settlement.addIssuer("issuer", address(this));
        }
        for (uint256 i = 0; i < length(".payers"); ++i) {
            address payer = accountIn(string.concat(item(".payers", i), ".account"));
            uint256 deposit = number(item(".payers", i), ".deposit");
            token.transfer(payer, deposit);
            vm.startPrank(payer);
            token.approve(address(vault), deposit);
            vault.fund(deposit);
            vm.stopPrank();
        }
    }

    function attest(Statement memory s) internal {
        uint256 due = settlement.epochEnd(s.epoch) + number(".timeline.ticket_tail");
        vm.warp(due + number(".timeline.force_window"));
        vm.prank(verifier);
        settlement.attest(s);
    }

    /// @dev The epoch's log and attestation, after those that lead to it.
    function settle() internal returns (Roots memory roots) {
        deploy();
        Statement memory s;
        for (; s.epoch + 1 < epoch; ++s.epoch) {
            attest(s);
        }
        (s.nodes, s.nodesTop) = (uint32(number(".previous.nodes.count")), word(".previous.nodes.top"));
        (s.payers, s.billsTop) = (uint32(number(".previous.bills.count")), word(".previous.bills.top"));
        (s.charges, s.chargesTop, s.total) = (1, "not stated", uint96(number(".previous.nodes.total")));
        attest(s);

        vm.warp(settlement.epochEnd(epoch));
        uint32 issuer = uint32(number(".log.issuer"));
        settlement.commitTicketLog(
            epoch, issuer, word(".log.top"), uint32(number(".log.count")), uint64(mass(".log.mass") >> 64)
        );
        vm.assertEq(settlement.ticketLog(epoch, issuer), word(".log.root"));

        s.epoch = epoch;
        (s.nodes, s.nodesTop) = (uint32(number(".nodes.count")), word(".nodes.top"));
        (s.payers, s.billsTop) = (uint32(number(".bills.count")), word(".bills.top"));
        (s.charges, s.chargesTop) = (uint32(number(".charges.count")), word(".charges.top"));
        (s.total, s.evidence) = (uint96(number(".total")), word(".evidence"));
        attest(s);
        vm.assertEq(settlement.attestation(epoch).digest, word(".digest"));
        return Roots(word(".nodes.root"), word(".bills.root"), word(".charges.root"), word(".evidence"));
    }

    function test_real_statesEveryNode() public {
        Roots memory roots = settle();
        uint256 count = length(".nodes.leaves");
        for (uint256 i = 0; i < count; ++i) {
            string memory where = item(".nodes.leaves", i);
            NodeLeaf memory leaf = nodeLeafAt(where);
            bytes memory proof = data(where, ".proof");
            vm.assertTrue(inclusion.verifyAttestation(epoch, roots, leaf, count, proof), where);
            leaf.slaPpm ^= 1;
            vm.assertFalse(inclusion.verifyAttestation(epoch, roots, leaf, count, proof));
        }
    }

    function test_real_countsEveryReceipt() public {
        Roots memory roots = settle();
        bytes[] memory log = ticketsOf(data(".log.encoding"));
        uint256 receipts = 0;
        for (uint256 c = 0; c < length(".charges.leaves"); ++c) {
            string memory records = string.concat(item(".charges.leaves", c), ".segment.records");
            for (uint256 i = 0; i < length(records); ++i) {
                RecordProof memory shown = recordAt(c, i);
                (,, uint32 index) = exposed.recordPlace(shown.record);
                LogProof memory entry = entryAt(index, log[index]);
                vm.assertTrue(inclusion.verifyReceipt(epoch, roots, shown, log[index], entry), records);
                shown.record[139] ^= 0x01;
                vm.assertFalse(inclusion.verifyReceipt(epoch, roots, shown, log[index], entry));
                receipts += 1;
            }
        }
        // All that the nodes handed in.
        uint256 handedIn = 0;
        for (uint256 i = 0; i < length(".segments"); ++i) {
            handedIn += recordsOf(data(item(".segments", i))).length;
        }
        vm.assertEq(receipts, handedIn);
    }

    function recordAt(uint256 c, uint256 i) internal view returns (RecordProof memory shown) {
        string memory where = item(".charges.leaves", c);
        shown.charge.leaf = chargeLeafAt(where);
        (shown.charge.place, shown.charge.count) = (uint32(c), uint32(number(".charges.count")));
        shown.charge.proof = data(where, ".proof");
        string memory records = string.concat(where, ".segment.records");
        (shown.place, shown.count) = (uint32(i), uint32(length(records)));
        (shown.record, shown.proof) = (data(item(records, i), ".encoding"), data(item(records, i), ".proof"));
    }

    function entryAt(uint32 index, bytes memory ticket) internal view returns (LogProof memory entry) {
        (,,,,, uint64[3] memory numbers) = exposed.ticketFields(ticket);
        (entry.position, entry.count) = (index, uint32(number(".log.count")));
        entry.mass = Trees.mass(uint56(numbers[0]), 1, 0);
        entry.proof = data(item(".log.proofs", index));
    }

    function test_real_paysEveryNode() public {
        Roots memory roots = settle();
        vm.warp(settlement.attestation(epoch).activeAt);
        vault.activate(epoch, roots);
        uint256 count = length(".nodes.leaves");
        uint256 paid = 0;
        for (uint256 i = 0; i < count; ++i) {
            string memory where = item(".nodes.leaves", i);
            NodeLeaf memory leaf = nodeLeafAt(where);
            address payout = account(where);
            vm.prank(registry);
            vault.setPayout(leaf.index, payout);
            vault.claim(leaf, count, data(where, ".proof"));
            vm.assertEq(token.balanceOf(payout), leaf.cumulative, where);
            paid += leaf.cumulative;
        }
        vm.assertEq(paid, number(".total"));
        vm.assertEq(token.balanceOf(address(vault)), vault.totalFunded() - paid);
    }

    function test_real_rewardsByTheTerms() public {
        deploy();
        for (uint256 i = 0; i < length(".rewards"); ++i) {
            string memory where = item(".rewards", i);
            uint128 reward =
                settlement.reward(epoch, uint56(number(where, ".bytes")), uint32(number(where, ".score")));
            vm.assertEq(reward, number(where, ".reward"), where);
        }
    }
}

/// @notice Names a settlement contract, as a registry does.
contract Place {
    address public immutable settlement;

    constructor(address settlement_) {
        settlement = settlement_;
    }
}
