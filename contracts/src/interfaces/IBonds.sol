// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Issuer} from "../types/Issuer.sol";
import {Change, Verifier} from "../types/Verifier.sol";

/// @title Who acts for a network, and what they have at stake
/// @notice The owner names issuers and verifiers; before the genesis at once, and later verifiers with a delay in
/// which everything they attested settles. Their bonds are lost by proven challenges and nothing else: half to
/// the challenger, half to the treasury.
interface IBonds {
    /// @notice A control plane was added.
    event IssuerAdded(uint32 indexed issuer, bytes32 indexed key, address indexed committer);

    /// @notice An issuer signs with another key in the epochs from that one on.
    event IssuerKeyRotated(uint32 indexed issuer, bytes32 indexed key, uint64 fromEpoch);

    /// @notice An issuer has that much at stake.
    event IssuerBonded(uint32 indexed issuer, uint256 amount, uint256 bond);

    /// @notice An issuer takes its bond back from that time on.
    event IssuerUnbonding(uint32 indexed issuer, uint256 unbondedAt);

    /// @notice An issuer took its bond back.
    event IssuerBondWithdrawn(uint32 indexed issuer, uint256 amount);

    /// @notice An issuer broke its word, and lost that much.
    event IssuerSlashed(uint32 indexed issuer, uint256 amount, address challenger);

    /// @notice The owner changes who votes, from that time on.
    /// @param value The verifier's account or the quorum.
    event ChangeAnnounced(Change indexed change, uint160 indexed value, uint256 effectiveAt);

    /// @notice A verifier was admitted or dismissed; open votes are void.
    event VerifierSet(address indexed verifier, bool admitted);

    /// @notice So many verifiers must agree from now on; open votes are void.
    event QuorumSet(uint8 quorum);

    /// @notice A verifier has that much at stake.
    event VerifierBonded(address indexed verifier, uint256 amount, uint256 bond);

    /// @notice A verifier votes no more, and takes its bond back from that time on; open votes are void.
    event VerifierUnbonding(address indexed verifier, uint256 unbondedAt);

    /// @notice A verifier took its bond back.
    event VerifierBondWithdrawn(address indexed verifier, uint256 amount);

    /// @notice A verifier signed what is false, and lost that much.
    event VerifierSlashed(address indexed verifier, uint256 amount, address challenger);

    /// @notice Somebody will challenge.
    event Committed(address indexed challenger, bytes32 commitment);

    /// @notice An account may withdraw that much more.
    event BountyCredited(address indexed account, uint256 amount);

    /// @notice An account withdrew its bounties.
    event BountyWithdrawn(address indexed account, uint256 amount);

    /// @notice An address or key that is needed is zero.
    error ZeroAddress();

    /// @notice Nothing to put at stake.
    error ZeroAmount();

    /// @notice At least one verifier must vote.
    error ZeroQuorum();

    /// @notice The bond would reach 2^96 token units.
    error BondTooLarge(uint256 amount, uint256 bond);

    /// @notice No issuer has that index.
    error UnknownIssuer(uint32 issuer, uint256 count);

    /// @notice The caller isn't the issuer's committer.
    error NotCommitter(uint32 issuer, address caller);

    /// @notice Keys change with an epoch that hasn't begun.
    error EpochBegun(uint64 epoch, uint256 start);

    /// @notice The account isn't an admitted verifier.
    error NotVerifier(address account);

    /// @notice The account is an admitted verifier already.
    error AlreadyVerifier(address account);

    /// @notice As many verifiers as attestations can name were admitted, one after the other.
    error TooManyVerifiers();

    /// @notice That change isn't announced, or not effective before that time.
    error ChangeNotDue(Change change, uint160 value, uint256 effectiveAt);

    /// @notice The bond is being taken back.
    error Unbonding(uint256 unbondedAt);

    /// @notice The bond can't be withdrawn: not before that time, nor if it is 0, as nothing was announced.
    error BondLocked(uint256 unbondedAt);

    /// @notice The verifier has less at stake than voting takes.
    error BondTooSmall(address verifier, uint256 bond, uint256 min);

    /// @notice Only a challenge contract may.
    error NotChallenger(address caller);

    /// @notice That is the account's commitment already.
    error SameCommitment(bytes32 commitment, uint256 blockNumber);

    /// @notice Nothing to withdraw.
    error NoBounty(address account);

    // ---- Issuers ----

    /// @notice Adds a control plane. Only the owner may.
    /// @param key Its ed25519 public key.
    /// @param committer The account that commits its ticket logs and holds its bond.
    /// @return issuer Its index.
    function addIssuer(bytes32 key, address committer) external returns (uint32 issuer);

    /// @notice Gives an issuer another key from an epoch on that hasn't begun. The committer or the owner may.
    function rotateIssuerKey(uint32 issuer, bytes32 key, uint64 fromEpoch) external;

    /// @notice Puts token units that the caller approved at stake for an issuer. Anyone may.
    function bondIssuer(uint32 issuer, uint256 amount) external;

    /// @notice Announces that an issuer's bond is taken back. Its committer may.
    function unbondIssuer(uint32 issuer) external;

    /// @notice Pays an issuer's bond to its committer, once {ITerms.unbonding} has passed.
    function withdrawIssuerBond(uint32 issuer) external;

    /// @notice Takes `issuerBond` from an issuer, at most what there is. Only challenge contracts may.
    /// @param challenger Who gets half; 0 if the treasury gets all.
    function slashIssuer(uint32 issuer, address challenger) external;

    /// @notice Number of issuers.
    function issuerCount() external view returns (uint32);

    /// @notice The issuer of that index.
    function issuerAt(uint32 issuer) external view returns (Issuer memory);

    /// @notice The key that an issuer signs an epoch's tickets with.
    function issuerKeyAt(uint32 issuer, uint64 epoch) external view returns (bytes32);

    // ---- Verifiers ----

    /// @notice Lets an account vote, once it has a bond. Only the owner may; after the genesis it is announced,
    /// and made by {applyChange}.
    function admitVerifier(address verifier) external;

    /// @notice Has an account vote no more; as {admitVerifier}.
    function dismissVerifier(address verifier) external;

    /// @notice Sets how many verifiers must agree; as {admitVerifier}.
    function setQuorum(uint8 quorum_) external;

    /// @notice Makes a change that was announced `changeDelay` ago or earlier. Anyone may.
    /// @param value The verifier's account, or the quorum.
    function applyChange(Change change, uint160 value) external;

    /// @notice Puts token units that the caller, a verifier, approved at stake.
    function bond(uint256 amount) external;

    /// @notice Announces that the caller takes its bond back. It votes no more, and open votes are void.
    function unbond() external;

    /// @notice Pays the caller its bond, once {ITerms.unbonding} has passed. It may bond again.
    function withdrawBond() external;

    /// @notice How many verifiers must agree.
    function quorum() external view returns (uint8);

    /// @notice Whether an account may vote, but for its bond.
    function isVerifier(address account) external view returns (bool);

    /// @notice What is known of an account as a verifier.
    function verifierOf(address account) external view returns (Verifier memory);

    /// @notice All accounts that were ever admitted, by their place among the signers.
    function verifiers() external view returns (address[] memory);

    /// @notice When an announced change takes effect, Unix seconds; 0 if it isn't announced.
    function effectiveAt(Change change, uint160 value) external view returns (uint256);

    // ---- What was slashed ----

    /// @notice Commits to the call of a challenge, which gets the bounty if it is made in a later block. An account has
    /// one commitment, its newest.
    /// @param commitment `keccak256(abi.encode(challenger, keccak256(call data)))`, of the caller.
    function commit(bytes32 commitment) external;

    /// @notice The block that has an account's commitment; 0 if that isn't its newest.
    function committedIn(address account, bytes32 commitment) external view returns (uint256 blockNumber);

    /// @notice Pays the caller its bounties.
    function withdrawBounty() external;

    /// @notice What an account may withdraw, token units.
    function bounties(address account) external view returns (uint256);

    /// @notice Who receives what is slashed and no challenger gets.
    function treasury() external view returns (address);

    /// @notice What bonds are in.
    function token() external view returns (IERC20);

    /// @notice Whether a contract may overturn and slash.
    function isChallenger(address account) external view returns (bool);

    /// @notice All contracts that may, which are those of the constructor: where to send a challenge.
    function challengers() external view returns (address[] memory);
}
