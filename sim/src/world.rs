//! What stands around the processes of a network: time, chance, the network, the chain, and what starts them.

pub mod chain;
mod dice;
mod evm;
mod ground;
mod net;
mod network;
mod trace;

pub use dice::Dice;
pub use ground::{Place, World};
pub use network::{CONTENT_NAME, Network};
pub use trace::Trace;
