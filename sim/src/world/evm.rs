//! The host at which EVM nodes answer: one chain, its blocks by the world's clock, JSON-RPC over HTTP. Everybody has
//! a URL of their own there, as if each asked another provider.

use super::chain::{Chain, Genesis, Mining};
use super::machine::Place;
use super::provider::{RpcFault, Troubles};
use super::trace::Trace;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use contracts::{Address, U256};
use host::Clock;
use listener::{Bounds, Connections};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

/// Its port.
const PORT: u16 = 8545;
/// Its chain id: a development chain's.
pub(super) const CHAIN_ID: u64 = 31_337;
/// While a network is founded, blocks are dated by so much less, seconds: each transaction has one to itself then, each
/// a second after the one before, and none may be ahead of the world's time afterwards.
const FOUNDED_BEFORE_S: u64 = 300;
/// Time from block to block.
const BLOCK_TIME: Duration = Duration::from_secs(1);
const BOUNDS: Bounds = Bounds {
    connections: 256,
    head: Duration::from_secs(20),
    head_bytes: 16 << 10,
    stall: Duration::from_secs(60),
    drain: Duration::from_secs(1),
};

/// The chain and its providers; cheap to clone.
#[derive(Clone)]
pub(super) struct Evm {
    chain: Arc<Mutex<Chain>>,
    founding: Arc<AtomicBool>,
    troubles: Troubles,
    clock: Clock,
    ip: IpAddr,
}

impl Evm {
    /// Starts one on which these accounts have ether. Until [`Evm::go_by_the_clock`] each transaction is mined at once.
    pub(super) fn start(
        place: &Place,
        funded: Vec<(Address, U256)>,
        trace: Trace,
        stop: CancellationToken,
    ) -> Self {
        let clock = place.host.clock.clone();
        let genesis = Genesis {
            chain_id: CHAIN_ID,
            time_s: clock.now_ms() / 1000 - FOUNDED_BEFORE_S,
            funded,
            mining: Mining::AtOnce,
        };
        let evm = Self {
            chain: Arc::new(Mutex::new(Chain::new(genesis))),
            founding: Arc::new(true.into()),
            troubles: Troubles::default(),
            clock,
            ip: place.ip,
        };
        let listener = place.host.sockets.listen((place.ip, PORT).into());
        let listener = listener.expect("nobody else is at that host");
        let app = Router::new().fallback(answer).with_state(evm.clone());
        let connections = Arc::new(Connections::default());
        let serving = listener::serve(listener, app, BOUNDS, connections, stop.clone());
        tokio::spawn(serving);
        tokio::spawn(stop.run_until_cancelled_owned(blocks(evm.clone(), trace)));
        evm
    }

    /// From now on transactions wait for the next block.
    pub(super) fn go_by_the_clock(&self) {
        self.chain().set_mining(Mining::OnCall);
        self.founding.store(false, Ordering::Relaxed);
    }

    /// The URL of somebody's provider.
    pub(super) fn url(&self, of: &str) -> String {
        format!("http://{}:{PORT}/{of}", self.ip)
    }

    /// Somebody's provider, and another that nothing is ever wrong with: who has much to lose has two.
    pub(super) fn urls(&self, of: &str) -> String {
        format!("{},{}", self.url(of), self.url(&format!("{of} too")))
    }

    /// Where it is.
    pub(super) fn ip(&self) -> IpAddr {
        self.ip
    }

    /// From now on somebody's provider is like this; `None` mends it. Gives how many answers were others than they
    /// should have been.
    pub(super) fn trouble(&self, of: &str, fault: Option<RpcFault>) -> u64 {
        let mut chain = self.chain();
        let (held, met) = self.troubles.set(of, fault, &chain);
        for request in held {
            chain.answer(self.now_s(), &request);
        }
        met
    }

    /// The chain as it is, and the time there, Unix seconds.
    pub(super) fn at_rest(&self) -> (Chain, u64) {
        (self.chain().clone(), self.now_s())
    }

    /// The chain goes on for so long, and then gives up what came of it.
    pub(super) async fn reorganise(&self, lasts: Duration) {
        let earlier = self.chain().clone();
        sleep(lasts).await;
        self.chain().reorganise(earlier);
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_s(&self) -> u64 {
        let before = match self.founding.load(Ordering::Relaxed) {
            true => FOUNDED_BEFORE_S,
            false => 0,
        };
        self.clock.now_ms() / 1000 - before
    }
}

async fn answer(State(evm): State<Evm>, uri: Uri, body: Bytes) -> Vec<u8> {
    let of = uri.path().trim_start_matches('/');
    let pause = evm.troubles.pause(of);
    if !pause.is_zero() {
        sleep(pause).await;
    }
    let mut chain = evm.chain();
    evm.troubles.answer(of, &mut chain, evm.now_s(), &body)
}

async fn blocks(evm: Evm, trace: Trace) {
    let mut ticks = interval(BLOCK_TIME);
    loop {
        ticks.tick().await;
        if evm.founding.load(Ordering::Relaxed) {
            continue;
        }
        let now_s = evm.now_s();
        let mut chain = evm.chain();
        chain.mine(now_s);
        let head = chain.head();
        trace.note(|| format!("block {} {}", head.number, head.hash));
    }
}
