//! The host at which an EVM node answers: the chain, its blocks by the world's clock, JSON-RPC over HTTP.

use super::chain::{Chain, Genesis, Mining};
use super::ground::Place;
use super::trace::Trace;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use contracts::{Address, U256};
use host::Clock;
use listener::{Bounds, Connections};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

/// Its port.
const PORT: u16 = 8545;
/// Its chain id: a development chain's.
pub(super) const CHAIN_ID: u64 = 31_337;
/// Time from block to block.
const BLOCK_TIME: Duration = Duration::from_secs(1);
const BOUNDS: Bounds = Bounds {
    connections: 256,
    head: Duration::from_secs(20),
    head_bytes: 16 << 10,
    stall: Duration::from_secs(60),
    drain: Duration::from_secs(1),
};

#[derive(Clone)]
struct Evm {
    chain: Arc<Mutex<Chain>>,
    clock: Clock,
}

impl Evm {
    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_s(&self) -> u64 {
        self.clock.now_ms() / 1000
    }
}

async fn answer(State(evm): State<Evm>, body: Bytes) -> Vec<u8> {
    evm.chain().answer(evm.now_s(), &body)
}

/// Starts one on which these accounts have ether; gives its URL.
pub(super) fn start(
    place: &Place,
    funded: Vec<(Address, U256)>,
    trace: Trace,
    stop: CancellationToken,
) -> String {
    let clock = place.host.clock.clone();
    let genesis = Genesis {
        chain_id: CHAIN_ID,
        time_s: clock.now_ms() / 1000,
        funded,
        mining: Mining::OnCall,
    };
    let evm = Evm {
        chain: Arc::new(Mutex::new(Chain::new(genesis))),
        clock,
    };
    let listener = place.host.sockets.listen((place.ip, PORT).into());
    let listener = listener.expect("nobody else is at that host");
    let app = Router::new().fallback(answer).with_state(evm.clone());
    let connections = Arc::new(Connections::default());
    tokio::spawn(listener::serve(
        listener,
        app,
        BOUNDS,
        connections,
        stop.clone(),
    ));
    tokio::spawn(stop.run_until_cancelled_owned(blocks(evm, trace)));
    format!("http://{}:{PORT}", place.ip)
}

async fn blocks(evm: Evm, trace: Trace) {
    let mut ticks = interval(BLOCK_TIME);
    loop {
        ticks.tick().await;
        let now_s = evm.now_s();
        let mut chain = evm.chain();
        chain.mine(now_s);
        let head = chain.head();
        trace.note(|| format!("block {} {}", head.number, head.hash));
    }
}
