//! The contracts' interfaces.
//!
//! Documentation of every function, event and error is in `contracts/src/interfaces`.
//!
//! DRAFT, written by hand from the design: to be replaced by the artifacts, as for `TestToken`, when the
//! contracts are there. The creation code here is one invalid instruction, so that deploying fails.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
use alloy::sol;
sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    TestToken,
    "../artifacts/TestToken.json"
);
sol! {
    #[sol(bytecode = "fe")]
    contract Ed25519 { }
    #[sol(bytecode = "fe")]
    #[derive(Debug, PartialEq, Eq)]
    contract NodeRegistry {
        struct Node { bytes32 key; address operator; uint64 registeredAt; uint96 stake; uint64 exitAt; }
        constructor(address token_, address ed25519_, address vault_, address settlement_);
        function register(bytes32 key, address payout, bytes32 r, bytes32 s) external returns (uint32 index);
        function rotate(uint32 index, bytes32 newKey, bytes32 r, bytes32 s) external;
        function setPayout(uint32 index, address payout) external;
        function exit(uint32 index) external;
        function withdrawStake(uint32 index) external;
        function count() external view returns (uint32);
        function page(uint32 first, uint32 limit) external view returns (Node[] memory);
        function indexOf(bytes32 key) external view returns (uint32);
        function keyAt(uint32 index, uint256 time) external view returns (bytes32);
    }
    #[sol(bytecode = "fe")]
    #[derive(Debug, PartialEq, Eq)]
    contract RewardVault {
        struct NodeLeaf { uint32 index; bytes32 node; uint120 mass; uint32 probes; uint32 probesOk; uint32 slaPpm; uint32 last; uint128 reward; uint128 cumulative; }
        struct BillLeaf { uint32 index; address payer; uint32 last; uint128 bill; uint128 cumulative; }
        struct Roots { bytes32 nodes; bytes32 bills; bytes32 charges; bytes32 evidence; }
        struct Payer { address account; uint64 registeredAt; uint96 deposit; }
        struct Settled { uint64 epoch; bytes32 nodesRoot; bytes32 billsRoot; }
        error NotSettlement(address caller);
        constructor(address token_, address registry_, address settlement_);
        function fund(uint256 amount) external;
        function announceWithdrawal(uint256 amount) external;
        function withdraw(BillLeaf calldata leaf, uint256 payers, bytes calldata proof) external;
        function activate(uint64 epoch, Roots calldata roots) external;
        function claim(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof) external returns (uint256);
        function claimable(NodeLeaf calldata leaf, uint256 nodes, bytes calldata proof) external view returns (uint256);
        function payouts(uint32 first, uint32 limit) external view returns (address[] memory);
        function claimed(uint32 index) external view returns (uint256);
        function page(uint32 first, uint32 limit) external view returns (Payer[] memory);
        function deposits(address payer) external view returns (uint256);
        function depositAt(address payer, uint256 time) external view returns (uint256);
        function totalFunded() external view returns (uint256);
        function totalPaid() external view returns (uint256);
        function settled() external view returns (Settled memory);
    }
    #[sol(bytecode = "fe")]
    #[derive(Debug, PartialEq, Eq)]
    contract Settlement {
        struct Parameters { uint32 epochLength; uint32 ticketTail; uint32 commitWindow; uint32 forceWindow; uint32 challengeWindow; uint32 slaFloorPpm; uint32 ttfbMsMax; uint64 throughputMin; uint96 pricePerGib; uint96 verifierBond; uint96 issuerBond; uint96 nodeStake; }
        struct Version { uint64 firstEpoch; uint64 start; Parameters parameters; }
        struct Config { address registry; address vault; address ed25519; address token; address owner; address treasury; uint32 changeDelay; uint64 genesis; address[] challengers; }
        struct Attestation { bytes32 digest; uint96 total; uint40 attestedAt; uint40 epoch; uint64 signers; }
        struct Roots { bytes32 nodes; bytes32 bills; bytes32 charges; bytes32 evidence; }
        struct Statement { uint64 epoch; uint32 nodes; uint32 payers; uint32 charges; uint96 total; bytes32 nodesTop; bytes32 billsTop; bytes32 chargesTop; bytes32 evidence; }
        struct Issuer { bytes32 key; address committer; uint64 addedAt; uint96 bond; }
        event EpochAttested(uint64 indexed epoch, address indexed verifier, Roots roots, bytes32 nodesTop, uint32 nodes, uint32 payers, uint32 charges, uint96 total);
        event EpochsOverturned(uint64 indexed epoch, uint64 last, address challenger);
        error NotNextEpoch(uint64 epoch, uint64 next);
        constructor(Config memory config, Parameters memory first);
        function registry() external view returns (address);
        function vault() external view returns (address);
        function token() external view returns (address);
        function genesis() external view returns (uint64);
        function parametersAt(uint64 epoch) external view returns (Version memory);
        function versionCount() external view returns (uint256);
        function versionAt(uint256 index) external view returns (Version memory);
        function schedule(uint64 firstEpoch, Parameters calldata p) external;
        function nodeStake() external view returns (uint96);
        function addIssuer(bytes32 key, address committer) external returns (uint32);
        function bondIssuer(uint32 issuer, uint256 amount) external;
        function rotateIssuerKey(uint32 issuer, bytes32 key, uint64 fromEpoch) external;
        function issuerCount() external view returns (uint32);
        function issuerAt(uint32 issuer) external view returns (Issuer memory);
        function admitVerifier(address verifier) external;
        function dismissVerifier(address verifier) external;
        function setQuorum(uint8 quorum_) external;
        function bond(uint256 amount) external;
        function unbond() external;
        function withdrawBond() external;
        function commitTicketLog(uint64 epoch, uint32 issuer, bytes32 top, uint32 count, uint64 maxBytes) external;
        function ticketLog(uint64 epoch, uint32 issuer) external view returns (bytes32);
        function attest(Statement calldata s) external;
        function attestation(uint64 epoch) external view returns (Attestation memory);
        function status(uint64 epoch) external view returns (uint8);
        function nextEpoch() external view returns (uint64);
        function quorum() external view returns (uint8);
        function isVerifier(address account) external view returns (bool);
        function bounties(address account) external view returns (uint256);
        function withdrawBounty() external;
    }
}
