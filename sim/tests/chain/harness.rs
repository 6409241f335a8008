//! A chain, and what is said to it: in the process, or by the contracts' bindings over HTTP.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use axum::extract::State;
use quittance_sim::world::chain::{Chain, Genesis, Mining};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// anvil's.
pub(crate) const CHAIN_ID: u64 = 31_337;
/// Time of block 0, Unix seconds.
pub(crate) const GENESIS_S: u64 = 1_900_000_000;
/// The first of anvil's well-known development keys: worthless anywhere else.
const DEV_KEY: [u8; 32] = [
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6, 0xb4, 0xd2, 0x38, 0xff, 0x94,
    0x4b, 0xac, 0xb4, 0x78, 0xcb, 0xed, 0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80,
];

/// Something that was done to a chain.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    /// A request's body, and its answer's.
    Asked { request: Vec<u8>, answer: Vec<u8> },
    /// A block was made.
    Mined,
}

/// A chain, the time, and all that was done so far.
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) now_s: u64,
    /// With the time at which it was done.
    pub(crate) done: Vec<(u64, Done)>,
}

impl World {
    pub(crate) fn new(mining: Mining) -> Self {
        let genesis = Genesis {
            chain_id: CHAIN_ID,
            time_s: GENESIS_S,
            funded: vec![(key().address(), ten_thousand_ether())],
            mining,
        };
        Self {
            chain: Chain::new(genesis),
            now_s: GENESIS_S,
            done: Vec::new(),
        }
    }

    /// A request's answer, whole.
    pub(crate) fn said(&mut self, method: &str, parameters: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters});
        let answer = self.post(request.to_string().as_bytes());
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["id"], 7);
        answer
    }

    /// A request's result.
    pub(crate) fn ask(&mut self, method: &str, parameters: Value) -> Value {
        let mut answer = self.said(method, parameters);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// A request's error.
    pub(crate) fn refused(&mut self, method: &str, parameters: Value) -> Value {
        let mut answer = self.said(method, parameters);
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].take()
    }

    pub(crate) fn mine(&mut self, now_s: u64) {
        self.now_s = now_s;
        self.chain.mine(now_s);
        self.done.push((now_s, Done::Mined));
    }

    fn post(&mut self, body: &[u8]) -> Vec<u8> {
        let answer = self.chain.answer(self.now_s, body);
        let done = Done::Asked {
            request: body.to_vec(),
            answer: answer.clone(),
        };
        self.done.push((self.now_s, done));
        answer
    }
}

/// A world that answers over HTTP.
pub(crate) struct Served {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) url: String,
}

impl Served {
    pub(crate) async fn start(world: World) -> Self {
        let world = Arc::new(Mutex::new(world));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let app = axum::Router::new()
            .fallback(
                |State(world): State<Arc<Mutex<World>>>, body: axum::body::Bytes| async move {
                    world.lock().expect("no test failed").post(&body)
                },
            )
            .with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { world, url }
    }

    pub(crate) fn mine(&self, now_s: u64) {
        self.world.lock().expect("no test failed").mine(now_s);
    }
}

pub(crate) fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&DEV_KEY.into()).expect("a valid key")
}

/// Somebody without funds.
pub(crate) fn poor() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).expect("a valid key")
}

/// In wei: what anvil gives its accounts.
pub(crate) fn ten_thousand_ether() -> U256 {
    U256::from(10).pow(U256::from(22))
}

/// A transfer of one wei, to be changed to what a test needs.
pub(crate) fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x42)),
        value: U256::from(1),
        access_list: Default::default(),
        input: Bytes::new(),
    }
}

/// A transaction's bytes, signed.
pub(crate) fn signed<T>(signer: &PrivateKeySigner, tx: T) -> Bytes
where
    T: SignableTransaction<alloy::primitives::Signature>,
    TxEnvelope: From<alloy::consensus::Signed<T>>,
{
    let signature = signer.sign_hash_sync(&tx.signature_hash());
    let signed = tx.into_signed(signature.expect("a local key signs"));
    TxEnvelope::from(signed).encoded_2718().into()
}

/// A transaction's hash.
pub(crate) fn hash(raw: &Bytes) -> B256 {
    keccak256(raw)
}
