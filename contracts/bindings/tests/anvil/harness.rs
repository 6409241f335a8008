//! An anvil process, and a network on it.

use alloy::primitives::{Address, U256};
use alloy::signers::local::PrivateKeySigner;
use host::Http;
use quittance_contracts::{
    Chain, ChainConfig, DeployConfig, Deployment, Manifest, Parameters, TokenConfig,
    deploy_manifest,
};
use serde_json::Value;

/// The first of anvil's well-known development keys: worthless anywhere else.
const DEV_KEY: [u8; 32] = [
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6, 0xb4, 0xd2, 0x38, 0xff, 0x94,
    0x4b, 0xac, 0xb4, 0x78, 0xcb, 0xed, 0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80,
];

/// An anvil process on a port of its own; it ends with the value.
pub(crate) struct Anvil {
    _process: toolchain::Anvil,
    pub(crate) url: String,
    http: reqwest::Client,
}

impl Anvil {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let process = toolchain::Anvil::start(arguments).expect("anvil starts");
        host::install_crypto_provider();
        Self {
            url: process.url().to_owned(),
            _process: process,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) async fn rpc(&self, method: &str, params: Value) -> Value {
        let body =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self
            .http
            .post(&self.url)
            .json(&body)
            .send()
            .await
            .expect("anvil answers");
        let mut answer: Value = answer.json().await.expect("JSON");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The receipt of a transaction that was sent: anvil mines it right after it has answered.
    pub(crate) async fn mined(&self, tx: &Value) -> Value {
        loop {
            let receipt = self
                .rpc("eth_getTransactionReceipt", serde_json::json!([tx]))
                .await;
            if !receipt.is_null() {
                return receipt;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn warp(&self, timestamp: u64) {
        self.rpc("evm_setNextBlockTimestamp", serde_json::json!([timestamp]))
            .await;
        self.rpc("evm_mine", serde_json::json!([])).await;
    }
}

pub(crate) fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&DEV_KEY.into()).expect("a valid key")
}

pub(crate) const STAKE: u128 = 500;
pub(crate) const BOND: u128 = 1_000;
/// End of an epoch to its attestation: ticket tail and force window.
pub(crate) const WAIT: u64 = 100 + 150;
pub(crate) const CHALLENGE_WINDOW: u64 = 500;

pub(crate) fn parameters() -> Parameters {
    Parameters {
        epoch_length: 1_000,
        ticket_tail: 100,
        commit_window: 200,
        force_window: 150,
        challenge_window: 500,
        sla_floor_ppm: 900_000,
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
        price_per_gib: 1_000_000,
        verifier_bond: BOND,
        issuer_bond: 0,
        node_stake: STAKE,
    }
}

/// What the test networks are deployed with; the genesis is far enough away that all who take part are admitted
/// before.
pub(crate) fn config() -> DeployConfig {
    let now = host::Clock::system().now_ms() / 1000;
    DeployConfig {
        parameters: parameters(),
        genesis: now + 600,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(15)),
        },
        owner: None,
        treasury: Some(Address::repeat_byte(0x77)),
        change_delay: 1_000,
    }
}

pub(crate) async fn deployed(anvil: &Anvil) -> Manifest {
    let manifest = deploy_manifest(&Http::system(), &anvil.url, key(), &config()).await;
    manifest.expect("deploys")
}

pub(crate) async fn network(anvil: &Anvil) -> (Deployment, Chain) {
    let manifest = deployed(anvil).await;
    let deployment = manifest.deployment();
    let config = ChainConfig::new(&Http::system(), &anvil.url, deployment.settlement)
        .with_key(key())
        .with_chain_id(deployment.chain_id);
    let chain = Chain::connect(&config).await.expect("connects");
    assert_eq!(chain.parameters(), &parameters());
    assert_eq!(chain.versions().len(), 1);
    assert_eq!(
        chain.timeline(),
        protocol::Timeline::fixed(manifest.config.genesis, parameters().windows())
    );
    (deployment, chain)
}
