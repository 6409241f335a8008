// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Terms} from "./Terms.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {Deposits} from "./libraries/Deposits.sol";
import {Rewards} from "./libraries/Rewards.sol";
import {Challenger, Treasury} from "./types/Challenger.sol";
import {Issuer} from "./types/Issuer.sol";
import {Change, Verifier} from "./types/Verifier.sol";

/// @title Who acts for a network, and what they have at stake
abstract contract Bonds is IBonds, Terms, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Deposits for IERC20;
    using Arrays for address[];
    using Checkpoints for Checkpoints.Trace256;

    /// @dev One bit each in an attestation.
    uint256 private constant VERIFIERS_MAX = 64;

    /// @inheritdoc IBonds
    IERC20 public immutable token;

    Issuer[] private _issuers;

    /// @dev Of issuers that rotated: the first key from epoch 0 on, then each from its epoch on.
    mapping(uint32 issuer => Checkpoints.Trace256) private _issuerKeys;

    mapping(address account => Verifier) internal _verifiers;

    /// @dev By place.
    address[] private _verifierAccounts;

    mapping(bytes32 change => uint256) private _effectiveAt;

    Treasury private _treasury;

    /// @dev By account, whether or not it ever challenged.
    mapping(address account => Challenger) private _credits;

    /// @inheritdoc IBonds
    mapping(address account => bool) public isChallenger;

    address[] private _challengers;

    modifier onlyChallenger() {
        if (!isChallenger[msg.sender]) revert NotChallenger(msg.sender);
        _;
    }

    constructor(IERC20 token_, address treasury_, address[] memory challengers_) {
        if (address(token_) == address(0) || treasury_ == address(0)) revert ZeroAddress();
        token = token_;
        _treasury = Treasury({account: treasury_, due: 0});
        for (uint256 i = 0; i < challengers_.length; ++i) {
            isChallenger[challengers_[i]] = true;
        }
        _challengers = challengers_;
    }

    // ---- Issuers ----

    /// @inheritdoc IBonds
    function addIssuer(bytes32 key, address committer) external onlyOwner returns (uint32 issuer) {
        if (key == 0 || committer == address(0)) revert ZeroAddress();
        issuer = issuerCount();
        _issuers.push(
            Issuer({key: key, committer: committer, addedAt: uint64(block.timestamp), bond: 0, unbondedAt: 0})
        );
        emit IssuerAdded(issuer, key, committer);
    }

    /// @inheritdoc IBonds
    function rotateIssuerKey(uint32 issuer, bytes32 key, uint64 fromEpoch) external {
        Issuer storage by = _issuer(issuer);
        if (msg.sender != owner()) _requireCommitter(issuer, by);
        if (key == 0) revert ZeroAddress();
        uint256 start = _start(_versionOf(fromEpoch), fromEpoch);
        if (start <= block.timestamp) revert EpochBegun(fromEpoch, start);
        Checkpoints.Trace256 storage keys = _issuerKeys[issuer];
        // Of what was there before nothing is needed.
        // slither-disable-next-line unused-return
        if (keys.length() == 0) keys.push(0, uint256(by.key));
        // Of what was there before nothing is needed.
        // slither-disable-next-line unused-return
        keys.push(fromEpoch, uint256(key));
        by.key = key;
        emit IssuerKeyRotated(issuer, key, fromEpoch);
    }

    /// @inheritdoc IBonds
    function bondIssuer(uint32 issuer, uint256 amount) external nonReentrant {
        Issuer storage by = _issuer(issuer);
        if (by.unbondedAt != 0) revert Unbonding(by.unbondedAt);
        by.bond = _added(by.bond, amount);
        emit IssuerBonded(issuer, amount, by.bond);
        token.pull(msg.sender, amount);
    }

    /// @inheritdoc IBonds
    function unbondIssuer(uint32 issuer) external {
        Issuer storage by = _issuer(issuer);
        _requireCommitter(issuer, by);
        if (by.unbondedAt != 0) revert Unbonding(by.unbondedAt);
        by.unbondedAt = uint64(block.timestamp + unbonding());
        emit IssuerUnbonding(issuer, by.unbondedAt);
    }

    /// @inheritdoc IBonds
    function withdrawIssuerBond(uint32 issuer) external nonReentrant {
        Issuer storage by = _issuer(issuer);
        _requireCommitter(issuer, by);
        _requireUnbonded(by.unbondedAt);
        uint256 amount = by.bond;
        (by.bond, by.unbondedAt) = (0, 0);
        emit IssuerBondWithdrawn(issuer, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IBonds
    /// @dev Shown twice, the second time takes only what is left.
    function slashIssuer(uint32 issuer, address challenger) external onlyChallenger {
        Issuer storage by = _issuer(issuer);
        uint96 amount = _atMost(_versionAt(block.timestamp).parameters.issuerBond, by.bond);
        by.bond -= amount;
        emit IssuerSlashed(issuer, amount, challenger);
        _credit(amount, challenger);
    }

    /// @inheritdoc IBonds
    function issuerCount() public view returns (uint32) {
        // Each costs the owner a transaction.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(_issuers.length);
    }

    /// @inheritdoc IBonds
    function issuerAt(uint32 issuer) external view returns (Issuer memory) {
        return _issuer(issuer);
    }

    /// @inheritdoc IBonds
    function issuerKeyAt(uint32 issuer, uint64 epoch) external view returns (bytes32) {
        bytes32 key = _issuer(issuer).key;
        Checkpoints.Trace256 storage keys = _issuerKeys[issuer];
        return keys.length() == 0 ? key : bytes32(keys.upperLookupRecent(epoch));
    }

    // ---- Verifiers ----

    /// @inheritdoc IBonds
    function admitVerifier(address verifier) external onlyOwner {
        if (verifier == address(0)) revert ZeroAddress();
        _change(Change.Admit, uint160(verifier));
    }

    /// @inheritdoc IBonds
    function dismissVerifier(address verifier) external onlyOwner {
        _change(Change.Dismiss, uint160(verifier));
    }

    /// @inheritdoc IBonds
    function setQuorum(uint8 quorum_) external onlyOwner {
        if (quorum_ == 0) revert ZeroQuorum();
        _change(Change.Quorum, quorum_);
    }

    /// @inheritdoc IBonds
    function applyChange(Change change, uint160 value) external {
        bytes32 key = keccak256(abi.encode(change, value));
        uint256 due = _effectiveAt[key];
        // Only {_change} sets it; 0 says that it didn't.
        // slither-disable-next-line incorrect-equality
        if (due == 0 || block.timestamp < due) revert ChangeNotDue(change, value, due);
        delete _effectiveAt[key];
        _apply(change, value);
    }

    /// @inheritdoc IBonds
    function bond(uint256 amount) external nonReentrant {
        Verifier storage verifier = _verifiers[msg.sender];
        if (!verifier.admitted) revert NotVerifier(msg.sender);
        if (verifier.unbondedAt != 0) revert Unbonding(verifier.unbondedAt);
        verifier.bond = _added(verifier.bond, amount);
        emit VerifierBonded(msg.sender, amount, verifier.bond);
        token.pull(msg.sender, amount);
    }

    /// @inheritdoc IBonds
    function unbond() external {
        Verifier storage verifier = _verifiers[msg.sender];
        if (!verifier.known) revert NotVerifier(msg.sender);
        if (verifier.unbondedAt != 0) revert Unbonding(verifier.unbondedAt);
        verifier.unbondedAt = uint40(block.timestamp + unbonding());
        // Its vote in an open ballot could complete a quorum when its bond is long withdrawn. A dismissed one
        // has no such vote.
        if (verifier.admitted) _openBallot();
        emit VerifierUnbonding(msg.sender, verifier.unbondedAt);
    }

    /// @inheritdoc IBonds
    function withdrawBond() external nonReentrant {
        Verifier storage verifier = _verifiers[msg.sender];
        _requireUnbonded(verifier.unbondedAt);
        uint256 amount = verifier.bond;
        (verifier.bond, verifier.unbondedAt) = (0, 0);
        emit VerifierBondWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IBonds
    function isVerifier(address account) external view returns (bool) {
        return _verifiers[account].admitted;
    }

    /// @inheritdoc IBonds
    function verifierOf(address account) external view returns (Verifier memory) {
        return _verifiers[account];
    }

    /// @inheritdoc IBonds
    function verifiers() external view returns (address[] memory) {
        return _verifierAccounts;
    }

    /// @inheritdoc IBonds
    function effectiveAt(Change change, uint160 value) external view returns (uint256) {
        return _effectiveAt[keccak256(abi.encode(change, value))];
    }

    // ---- What was slashed ----

    /// @inheritdoc IBonds
    function challengers() external view returns (address[] memory) {
        return _challengers;
    }

    /// @inheritdoc IBonds
    function commit(bytes32 commitment) external {
        Challenger storage by = _credits[msg.sender];
        if (by.committedIn != 0 && by.commitment == _upper(commitment)) {
            revert SameCommitment(commitment, by.committedIn);
        }
        by.commitment = _upper(commitment);
        // No block has a higher number than fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        by.committedIn = uint40(block.number);
        emit Committed(msg.sender, commitment);
    }

    /// @inheritdoc IBonds
    function committedIn(address account, bytes32 commitment) public view returns (uint256) {
        Challenger storage by = _credits[account];
        return by.commitment == _upper(commitment) ? by.committedIn : 0;
    }

    /// @inheritdoc IBonds
    function withdrawBounty() external nonReentrant {
        uint256 amount = bounties(msg.sender);
        // What there is in the contract's own books, which nobody can shift by a unit.
        // slither-disable-next-line incorrect-equality
        if (amount == 0) revert NoBounty(msg.sender);
        _credits[msg.sender].bounty = 0;
        if (msg.sender == _treasury.account) _treasury.due = 0;
        emit BountyWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IBonds
    function bounties(address account) public view returns (uint256) {
        uint256 due = account == _treasury.account ? _treasury.due : 0;
        return due + _credits[account].bounty;
    }

    /// @inheritdoc IBonds
    function treasury() external view returns (address) {
        return _treasury.account;
    }

    // ---- Inside ----

    /// @dev Who votes, or how many must, has changed: votes given before count no more.
    function _openBallot() internal virtual;

    function _setQuorum(uint8 quorum_) internal virtual;

    /// @dev Takes from each of the signers, by its bit, at most that much.
    function _slashSigners(uint64 signers, uint96 most, address challenger) internal {
        uint256 taken = 0;
        for (uint256 place = 0; signers >> place != 0; ++place) {
            if ((signers >> place) & 1 == 0) continue;
            // A signer's place is in the list: what looks at the list's length would cost a challenger 2,100 gas.
            address account = _verifierAccounts.unsafeAccess(place).value;
            Verifier storage verifier = _verifiers[account];
            uint96 amount = _atMost(most, verifier.bond);
            verifier.bond -= amount;
            taken += amount;
            emit VerifierSlashed(account, amount, challenger);
        }
        _credit(taken, challenger);
    }

    /// @dev Half to the challenger, rounded down, the rest to the treasury; all of it if there is no challenger.
    function _credit(uint256 amount, address challenger) internal {
        uint256 bounty = challenger == address(0) ? 0 : amount / 2;
        if (bounty != 0) {
            Challenger storage by = _credits[challenger];
            by.bounty = _increased(by.bounty, bounty);
            emit BountyCredited(challenger, bounty);
        }
        if (amount != bounty) {
            Treasury memory to = _treasury;
            to.due = _increased(to.due, amount - bounty);
            _treasury = to;
            emit BountyCredited(to.account, amount - bounty);
        }
    }

    /// @dev Of a token that has 2^96 units and more somebody could have that much at stake, in many bonds. What is
    /// beyond is nobody's, rather than that no challenge could pass.
    function _increased(uint96 before, uint256 amount) private pure returns (uint96) {
        uint256 sum = before + amount;
        // forge-lint: disable-next-line(unsafe-typecast)
        return sum < Rewards.AMOUNT_END ? uint96(sum) : type(uint96).max;
    }

    /// @dev Enough: who wants to make a call pass for another one has to find one of 2^120.
    function _upper(bytes32 commitment) private pure returns (bytes15) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return bytes15(commitment);
    }

    function _issuer(uint32 issuer) internal view returns (Issuer storage) {
        if (issuer >= _issuers.length) revert UnknownIssuer(issuer, _issuers.length);
        return _issuers[issuer];
    }

    function _requireCommitter(uint32 issuer, Issuer storage by) internal view {
        if (msg.sender != by.committer) revert NotCommitter(issuer, msg.sender);
    }

    /// @dev Before the genesis nothing is attested yet, and nobody needs to be warned.
    function _change(Change change, uint160 value) private {
        if (block.timestamp < genesis) return _apply(change, value);
        uint256 due = block.timestamp + changeDelay;
        _effectiveAt[keccak256(abi.encode(change, value))] = due;
        emit ChangeAnnounced(change, value, due);
    }

    function _apply(Change change, uint160 value) private {
        if (change == Change.Quorum) {
            // Announced from as many bits.
            // forge-lint: disable-next-line(unsafe-typecast)
            _setQuorum(uint8(value));
            // forge-lint: disable-next-line(unsafe-typecast)
            emit QuorumSet(uint8(value));
        } else {
            _setVerifier(address(value), change == Change.Admit);
        }
        _openBallot();
    }

    function _setVerifier(address account, bool admitted) private {
        Verifier storage verifier = _verifiers[account];
        if (verifier.admitted == admitted) {
            if (admitted) revert AlreadyVerifier(account);
            revert NotVerifier(account);
        }
        if (!verifier.known) {
            uint256 place = _verifierAccounts.length;
            if (place == VERIFIERS_MAX) revert TooManyVerifiers();
            _verifierAccounts.push(account);
            verifier.known = true;
            // forge-lint: disable-next-line(unsafe-typecast)
            verifier.place = uint8(place);
        }
        verifier.admitted = admitted;
        emit VerifierSet(account, admitted);
    }

    function _added(uint96 before, uint256 amount) private pure returns (uint96) {
        if (amount == 0) revert ZeroAmount();
        if (amount >= Rewards.AMOUNT_END - before) revert BondTooLarge(amount, before);
        // forge-lint: disable-next-line(unsafe-typecast)
        return before + uint96(amount);
    }

    function _atMost(uint96 left, uint96 right) private pure returns (uint96) {
        return left < right ? left : right;
    }

    function _requireUnbonded(uint256 unbondedAt) private view {
        if (unbondedAt == 0 || block.timestamp < unbondedAt) revert BondLocked(unbondedAt);
    }
}
