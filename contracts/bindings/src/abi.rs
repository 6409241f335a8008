//! The contracts' interfaces as `sol!` reads them from the committed artifacts.
//!
//! Documentation of every function, event and error is in `contracts/src/interfaces`.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

use alloy::sol;

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    NodeRegistry,
    "../artifacts/NodeRegistry.json"
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
