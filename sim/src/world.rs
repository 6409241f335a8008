//! What stands around the processes of a network: time, chance, the network, the chain, and what starts them.

pub mod chain;
mod dice;
mod evm;
mod faults;
mod founding;
mod ground;
mod machine;
mod net;
mod network;
mod operator;
mod parts;
mod plan;
mod process;
mod provider;
mod reach;
mod trace;

pub use dice::Dice;
pub use faults::{Fault, Kind, Schedule};
pub use founding::{Parties, SAVED};
pub use ground::World;
pub use machine::{Machine, Place};
pub use network::{CONTENT_NAME, Network};
pub use operator::Claimed;
pub use plan::Plan;
pub use process::{End, Ends, Part, Process, Program, Running};
pub use provider::RpcFault;
pub use reach::{Met, Reach, Table};
pub use trace::Trace;
