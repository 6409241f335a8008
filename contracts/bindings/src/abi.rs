//! The contracts' interfaces as `sol!` reads them from the committed artifacts.
//!
//! Documentation of every function, event and error is in `contracts/src/interfaces`.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

use alloy::sol;

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Ed25519,
    "../artifacts/Ed25519.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    ForcedSegments,
    "../artifacts/ForcedSegments.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Inclusion,
    "../artifacts/Inclusion.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    IssuerChallenges,
    "../artifacts/IssuerChallenges.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    MoneyChallenges,
    "../artifacts/MoneyChallenges.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    NodeRegistry,
    "../artifacts/NodeRegistry.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    RecordChallenges,
    "../artifacts/RecordChallenges.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    RewardVault,
    "../artifacts/RewardVault.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Settlement,
    "../artifacts/Settlement.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    TestToken,
    "../artifacts/TestToken.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    TreeChallenges,
    "../artifacts/TreeChallenges.json"
);
