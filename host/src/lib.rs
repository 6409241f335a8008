//! What a process of the network is handed when it starts: all by which the machine can surprise it.
//!
//! Wall clock, randomness, sockets, HTTP and disk are values. The binary hands in the machine's own
//! ([`Host::system`]); a simulated world hands in its own and decides what they say. So the code that runs there is
//! the code that runs here: no type parameter travels through the crates, nothing is compiled in another way.
//!
//! What isn't here is tokio's: monotonic time (`tokio::time::Instant`, which a test can pause), tasks and channels; but
//! [`watch`], whose order a seed repeats, and locks without poison ([`Mutex`], [`RwLock`]).

mod clock;
mod datagrams;
mod http;
mod lock;
mod random;
mod sockets;
pub mod watch;

pub use clock::Clock;
pub use datagrams::{Datagrams, Peer};
pub use disk::Disk;
pub use http::{
    Carried, Carrier, Guard, Http, HttpError, install_crypto_provider, piece, successful,
};
pub use lock::{Mutex, RwLock};
pub use random::Random;
pub use sockets::{Accept, Listener, Net, Sockets, Stream};

/// All five; cheap to clone.
#[derive(Debug, Clone)]
pub struct Host {
    /// The time of day.
    pub clock: Clock,
    /// What nobody can guess.
    pub random: Random,
    /// Datagrams and listeners.
    pub sockets: Sockets,
    /// Requests to others.
    pub http: Http,
    /// What outlasts a power cut.
    pub disk: Disk,
}

impl Host {
    /// The machine's own.
    pub fn system() -> Self {
        Self {
            clock: Clock::system(),
            random: Random::system(),
            sockets: Sockets::system(),
            http: Http::system(),
            disk: Disk::system(),
        }
    }
}
