//! The simulated chain: **the chain is the committed artifacts**, run in `revm` behind JSON-RPC.
//!
//! A model of the contracts would be a second place where the rules of money stand, and a simulation that agrees
//! with a model shows nothing of what is deployed. So a world deploys the bytecode in `contracts/artifacts` with the
//! deployer that everybody deploys with, and the processes speak to it as to any EVM node: a request's body goes in,
//! an answer's comes out. What lies between them and here is the world's.
//!
//! [`Chain`] is a state with plain methods: no socket, thread, clock or randomness. Time is handed in. The same calls
//! in the same order give the same bytes.
//!
//! It behaves as the nodes that `contracts/bindings` is written for: words and codes of its errors are geth's, revert
//! data stands where geth and anvil put it, and gas, fees and base fee are mainnet's since Osaka.
//!
//! Not here: finality (`safe` and `finalized` are `latest`, though [`Chain::reorganise`] gives blocks up), blobs, state
//! of older blocks, a market (transactions are taken in the order in which they came, whatever they tip), and the root
//! of the state, which is zero in each header because nothing here proves state.

mod block;
mod call;
mod draft;
mod evm;
mod fees;
mod ledger;
mod logs;
mod pool;
mod refusal;
mod rpc;
mod send;
mod told;

pub use ledger::{Chain, Genesis, Head, Mining};
pub use told::{Account, Told};
