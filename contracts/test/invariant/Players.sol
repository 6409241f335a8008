// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {Statement, Status} from "../../src/types/Attestation.sol";
import {Withdrawal} from "../../src/types/Payer.sol";
import {Verifier} from "../../src/types/Verifier.sol";
import {Books, Network} from "../utils/Network.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice Everybody of a network, acting in any order: payers, nodes, verifiers who tell the truth or lie,
/// challengers, who may also overturn what is true, and leavers. Keeps books of its own.
contract Players is Network {
    using Trees for Tree;

    uint256 internal constant NODES = 4;
    uint256 internal constant PAYERS = 3;
    uint256 internal constant VERIFIERS = 3;

    /// @dev What an epoch was attested to be, cumulative.
    struct Row {
        uint256[NODES] rewards;
        uint256[PAYERS] bills;
        bool lie;
    }

    Row[] internal rows;
    uint256[NODES] internal paid;
    uint256[PAYERS] internal funded;
    uint256[PAYERS] internal withdrawn;
    uint256 internal votes;

    /// @notice How often each kind of call did something.
    mapping(string what => uint256) public did;

    /// @dev Whether lies are overturned in time. Where they aren't, they may take anybody's money, but the vault
    /// pays out no more than it has.
    bool internal immutable challenged;

    constructor(bool challenged_) {
        challenged = challenged_;
        setUp();
        vm.warp(GENESIS - 1);
        for (uint256 v = 1; v < VERIFIERS; ++v) {
            admit(verifierAt(v));
        }
        vm.prank(owner);
        settlement.setQuorum(2);
        vm.warp(GENESIS);
        register(NODES);
        for (uint256 p = 0; p < PAYERS; ++p) {
            fundAs(p, 1e18);
        }
    }

    function verifierAt(uint256 v) internal view returns (address) {
        return v == 0 ? verifier : account(string.concat("verifier", vm.toString(v)));
    }

    function payerAt(uint256 p) internal pure returns (address) {
        return account(string.concat("payer", vm.toString(p)));
    }

    function fundAs(uint256 p, uint256 amount) internal {
        fund(payerAt(p), amount);
        funded[p] += amount;
    }

    // ---- Time ----

    /// @dev Lies fall before they are active.
    function pass(uint256 time) internal {
        if (challenged) {
            for (uint64 e = 0; e < rows.length; ++e) {
                bool falls = rows[e].lie && settlement.attestation(e).activeAt <= time;
                if (falls) doOverturn(e);
            }
        }
        warpTo(time);
    }

    function later(uint256 time) external {
        pass(vm.getBlockTimestamp() + bound(time, 1, 5000));
    }

    // ---- Payers ----

    function pay(uint256 p, uint256 amount) external {
        fundAs(p % PAYERS, bound(amount, 1, 1e18));
    }

    function announce(uint256 p, uint256 amount) external {
        address by = payerAt(p % PAYERS);
        uint256 deposit = vault.deposits(by);
        if (deposit == 0 || vault.announced(by).amount != 0) return;
        vm.prank(by);
        vault.announceWithdrawal(amount % 4 == 0 ? deposit : bound(amount, 1, deposit));
        did["announce"] += 1;
    }

    function withdrawSome(uint256 p) external {
        p %= PAYERS;
        Withdrawal memory w = vault.announced(payerAt(p));
        if (w.amount == 0 || vault.settled().nodesRoot == 0) return;
        uint64 epoch = vault.settled().epoch;
        Books memory b = booksOf(epoch);
        uint256 held = vault.deposits(payerAt(p)) + w.amount;
        uint256 billed = rows[epoch].bills[p];
        uint256 left = held > billed ? held - billed : 0;
        uint256 expected = w.amount < left ? w.amount : left;
        bool noticed = end(epoch) > w.announcedAt;
        vm.prank(payerAt(p));
        try vault.withdraw(b.bills[p], PAYERS, b.billsTree.proof(p)) returns (uint256 amount) {
            vm.assertTrue(noticed, "withdrawn without notice");
            vm.assertEq(amount, expected, "withdrawn");
            withdrawn[p] += amount;
            did["withdraw"] += 1;
        } catch (bytes memory why) {
            if (bytes4(why) == IRewardVault.Underfunded.selector) {
                vm.assertFalse(challenged);
                did["withdrawal kept"] += 1;
            } else {
                vm.assertEq(bytes32(bytes4(why)), bytes32(IRewardVault.AnnouncedLater.selector));
                vm.assertFalse(noticed);
            }
        }
    }

    // ---- Verifiers ----

    /// @dev Somebody who may vote now, with its bond made up.
    function voters() internal returns (address[] memory all) {
        all = new address[](VERIFIERS);
        uint256 count = 0;
        for (uint256 v = 0; v < VERIFIERS; ++v) {
            Verifier memory known = settlement.verifierOf(verifierAt(v));
            if (known.unbondedAt != 0) continue;
            uint256 min = terms().verifierBond;
            if (known.bond < min) bond(verifierAt(v), min - known.bond);
            all[count++] = verifierAt(v);
        }
        assembly ("memory-safe") {
            mstore(all, count)
        }
    }

    /// @dev Too few are left to agree: those who quit take their bonds, and may bond anew.
    function comeBack() internal {
        for (uint256 v = 0; v < VERIFIERS; ++v) {
            uint256 unbondedAt = settlement.verifierOf(verifierAt(v)).unbondedAt;
            if (unbondedAt == 0) continue;
            pass(unbondedAt);
            vm.prank(verifierAt(v));
            settlement.withdrawBond();
        }
    }

    function attestNext(uint256 seed) external {
        pass(due(settlement.nextEpoch()));
        // Fewer than before, if a lie fell meanwhile.
        uint64 epoch = settlement.nextEpoch();
        address[] memory all = voters();
        if (all.length < 2) {
            comeBack();
            return;
        }
        if (seed % 3 == 0) stray(all[(seed >> 8) % all.length], epoch);
        Row memory row = truth(epoch, seed);
        if (seed % 5 == 0) tellALie(row, seed);
        rows.push(row);
        Books memory b = booksOf(epoch);
        uint256 first = (seed >> 16) % all.length;
        vote(all[first], b.statement);
        vote(all[(first + 1) % all.length], b.statement);
        vm.assertEq(settlement.nextEpoch(), epoch + 1);
        did[row.lie ? "lie" : "attest"] += 1;
    }

    /// @dev One votes for something that nobody else does.
    function stray(address by, uint64 epoch) internal {
        votes += 1;
        Statement memory s = opaque(epoch, type(uint96).max, vm.toString(votes));
        vote(by, s);
    }

    /// @dev Bills up to what each payer had at the epoch's end, and the same for nodes.
    function truth(uint64 epoch, uint256 seed) internal view returns (Row memory row) {
        if (epoch > 0) row = rows[epoch - 1];
        // An honest verifier doesn't build on a lie; those who do lie on.
        for (uint256 p = 0; p < PAYERS; ++p) {
            uint256 deposit = vault.depositAt(payerAt(p), end(epoch));
            uint256 left = deposit > row.bills[p] ? deposit - row.bills[p] : 0;
            uint256 bill = share(seed, p, left);
            row.bills[p] += bill;
            for (uint256 n = 0; n + 1 < NODES; ++n) {
                uint256 part = share(seed, 100 + p * NODES + n, bill);
                row.rewards[n] += part;
                bill -= part;
            }
            row.rewards[NODES - 1] += bill;
        }
    }

    /// @dev All, nothing or some of it.
    function share(uint256 seed, uint256 i, uint256 amount) internal pure returns (uint256) {
        uint256 word = uint256(keccak256(abi.encode(seed, i)));
        if (word % 4 == 0) return amount;
        return word % 4 == 1 ? 0 : (word >> 8) % (amount + 1);
    }

    /// @dev More for a node; and nobody to pay for it, or somebody beyond its deposit, or bills of less than
    /// before.
    function tellALie(Row memory row, uint256 seed) internal pure {
        row.lie = true;
        uint256 more = 1 + (seed >> 32) % 8e18;
        row.rewards[seed % NODES] += more;
        if (seed % 3 == 0) row.bills[seed % PAYERS] += more;
        else if (seed % 3 == 1) row.bills[seed % PAYERS] = 0;
    }

    function total(Row memory row) internal pure returns (uint256 rewards, uint256 bills) {
        for (uint256 n = 0; n < NODES; ++n) {
            rewards += row.rewards[n];
        }
        for (uint256 p = 0; p < PAYERS; ++p) {
            bills += row.bills[p];
        }
    }

    /// @dev What bills lack stands where no payer does, beyond the last leaf.
    function booksOf(uint64 epoch) internal view returns (Books memory b) {
        Row memory row = rows[epoch];
        uint256[] memory rewards = new uint256[](NODES);
        uint256[] memory bills = new uint256[](PAYERS);
        for (uint256 n = 0; n < NODES; ++n) {
            rewards[n] = row.rewards[n];
        }
        for (uint256 p = 0; p < PAYERS; ++p) {
            bills[p] = row.bills[p];
        }
        b = books(epoch, rewards, bills);
        (uint256 earned, uint256 billed) = total(row);
        if (earned > billed) {
            Tree memory tree = b.billsTree;
            (tree.hashes[0][PAYERS], tree.masses[0][PAYERS]) = ("nobody", uint120(earned - billed));
            b.billsTree = Trees.build(tree.hashes[0], tree.masses[0], false);
            b.billsTree.count = PAYERS;
        }
        seal(b, epoch);
    }

    // ---- Challengers ----

    function doOverturn(uint64 epoch) internal {
        overturn(epoch);
        while (rows.length > epoch) rows.pop();
        did["overturn"] += 1;
    }

    function overturnSome(uint256 back) external {
        if (rows.length == 0) return;
        uint64 epoch = uint64(rows.length - 1 - bound(back, 0, rows.length > 3 ? 3 : rows.length - 1));
        if (settlement.status(epoch) != Status.Pending) return;
        // Often enough something stands.
        if (!rows[epoch].lie && back % 3 != 0) return;
        doOverturn(epoch);
    }

    function slashSome(uint256 what, uint256 index) external {
        index %= registry.count();
        vm.prank(challenges);
        if (what % 2 == 0) settlement.slashNode(uint32(index), challenger);
        else settlement.slashIssuer(0, what % 4 == 1 ? challenger : address(0));
        did["slash"] += 1;
    }

    function withdrawBounty(uint256 who) external {
        address by = who % 2 == 0 ? challenger : treasury;
        if (settlement.bounties(by) == 0) return;
        vm.prank(by);
        settlement.withdrawBounty();
        did["bounty"] += 1;
    }

    // ---- Nodes ----

    function activateSome(uint256 pick) external {
        if (rows.length == 0) return;
        uint64 epoch = uint64(bound(pick, 0, rows.length - 1));
        bool isNew = vault.settled().nodesRoot == 0 || epoch > vault.settled().epoch;
        if (!isNew || settlement.status(epoch) != Status.Active) return;
        Books memory b = booksOf(epoch);
        try vault.activate(epoch, b.roots) {
            vm.assertTrue(!challenged || !rows[epoch].lie);
            did["activate"] += 1;
        } catch (bytes memory why) {
            vm.assertEq(bytes32(bytes4(why)), bytes32(IRewardVault.Underfunded.selector));
            vm.assertFalse(challenged);
            did["underfunded"] += 1;
        }
    }

    /// @dev Claims that have nothing to pay are made too, and must fail.
    function claimSome(uint256 n) external {
        n %= NODES;
        if (vault.settled().nodesRoot == 0) return;
        uint64 epoch = vault.settled().epoch;
        uint256 earned = rows[epoch].rewards[n];
        uint256 owed = earned > paid[n] ? earned - paid[n] : 0;
        Books memory b = booksOf(epoch);
        vm.assertEq(vault.claimable(b.nodes[n], NODES, b.nodesTree.proof(n)), owed, "claimable");
        try vault.claim(b.nodes[n], NODES, b.nodesTree.proof(n)) returns (uint256 amount) {
            vm.assertTrue(owed > 0, "paid what isn't owed");
            vm.assertEq(amount, owed, "paid another amount");
            paid[n] += amount;
            did["claim"] += 1;
        } catch (bytes memory why) {
            vm.assertEq(bytes32(bytes4(why)), bytes32(IRewardVault.NothingToClaim.selector));
            vm.assertEq(owed, 0, "what is owed isn't paid");
        }
    }

    function join(uint256 more) external {
        if (registry.count() < NODES + 3) register(1 + more % 2);
    }

    // ---- Leavers ----

    function quit(uint256 what, uint256 index) external {
        if (what % 3 == 0) {
            Verifier memory known = settlement.verifierOf(verifierAt(index % VERIFIERS));
            vm.startPrank(verifierAt(index % VERIFIERS));
            if (known.unbondedAt == 0) settlement.unbond();
            else if (known.unbondedAt <= vm.getBlockTimestamp()) settlement.withdrawBond();
            vm.stopPrank();
        } else if (what % 3 == 1) {
            uint256 unbondedAt = settlement.issuerAt(0).unbondedAt;
            vm.startPrank(committer);
            if (unbondedAt == 0) settlement.unbondIssuer(0);
            else if (unbondedAt <= vm.getBlockTimestamp()) settlement.withdrawIssuerBond(0);
            vm.stopPrank();
        } else {
            uint32 n = uint32(index % registry.count());
            uint256 exitAt = registry.nodeAt(n).exitAt;
            vm.startPrank(operator);
            if (exitAt == 0) registry.exit(n);
            else if (exitAt <= vm.getBlockTimestamp()) registry.withdrawStake(n);
            vm.stopPrank();
        }
        did["quit"] += 1;
    }

    function bondIssuer(uint256 amount) external {
        if (settlement.issuerAt(0).unbondedAt != 0) return;
        amount = bound(amount, 1, 1e20);
        give(committer, amount, address(settlement));
        vm.prank(committer);
        settlement.bondIssuer(0, amount);
    }

    // ---- What must always hold ----

    function checkVault() external view {
        uint256 out = 0;
        for (uint256 n = 0; n < NODES; ++n) {
            out += paid[n];
            vm.assertEq(token.balanceOf(payoutOf(n)), paid[n], "payout");
            vm.assertEq(vault.claimed(uint32(n)), paid[n], "claimed");
        }
        uint256 in_ = 0;
        for (uint256 p = 0; p < PAYERS; ++p) {
            in_ += funded[p] - withdrawn[p];
            vm.assertEq(token.balanceOf(payerAt(p)), withdrawn[p], "paid back");
        }
        uint256 held = token.balanceOf(address(vault));
        vm.assertEq(vault.totalFunded(), in_, "funded");
        vm.assertLe(out, in_, "paid more than funded");
        vm.assertEq(held, in_ - out, "held");
        if (vault.settled().nodesRoot == 0) {
            vm.assertEq(out, 0, "paid by nothing");
            return;
        }
        Row memory row = rows[vault.settled().epoch];
        uint256 owed = 0;
        for (uint256 n = 0; n < NODES; ++n) {
            // Cumulative totals of lies may go down; what was paid before stays paid.
            if (challenged) vm.assertLe(paid[n], row.rewards[n], "paid more than attested");
            owed += row.rewards[n] > paid[n] ? row.rewards[n] - paid[n] : 0;
        }
        vm.assertLe(owed, held, "not solvent");
        vm.assertLe(vault.settled().total, in_, "owes more than funded");
    }

    function checkBills() external view {
        vm.assertEq(settlement.nextEpoch(), rows.length, "epochs");
        for (uint64 e = 0; e < rows.length; ++e) {
            // From the first lie on nothing is true.
            if (rows[e].lie) return;
            (uint256 rewards, uint256 bills) = total(rows[e]);
            vm.assertEq(rewards, bills, "rewards and bills");
            vm.assertEq(settlement.attestation(e).total, rewards, "total");
            // By a lie that stands, payers have taken back what an epoch before it bills.
            if (isSettledByALie()) continue;
            for (uint256 p = 0; p < PAYERS; ++p) {
                uint256 here = vault.deposits(payerAt(p)) + vault.announced(payerAt(p)).amount;
                vm.assertLe(rows[e].bills[p], here, "billed beyond the deposit");
            }
        }
    }

    /// @dev Whether what the vault pays by is a lie, or follows from one.
    function isSettledByALie() internal view returns (bool) {
        if (vault.settled().nodesRoot == 0) return false;
        for (uint256 e = 0; e <= vault.settled().epoch; ++e) {
            if (rows[e].lie) return true;
        }
        return false;
    }

    function checkBonds() external view {
        uint256 stated = settlement.issuerAt(0).bond;
        for (uint256 v = 0; v < VERIFIERS; ++v) {
            stated += settlement.verifierOf(verifierAt(v)).bond;
        }
        stated += settlement.bounties(challenger) + settlement.bounties(treasury);
        vm.assertEq(token.balanceOf(address(settlement)), stated, "bonds");
        uint256 stakes = 0;
        for (uint32 n = 0; n < registry.count(); ++n) {
            stakes += registry.nodeAt(n).stake;
        }
        vm.assertEq(token.balanceOf(address(registry)), stakes, "stakes");
    }
}
