//! An anvil of its own, and what only a development chain can do.

use std::time::Duration;

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, Bytes, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::signers::local::PrivateKeySigner;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The first of anvil's well-known development keys: worthless anywhere else.
const DEV_KEY: [u8; 32] = [
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6, 0xb4, 0xd2, 0x38, 0xff, 0x94,
    0x4b, 0xac, 0xb4, 0x78, 0xcb, 0xed, 0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80,
];

/// A process on a port of its own; it ends with the value.
pub(crate) struct Anvil {
    _process: toolchain::Anvil,
    pub(crate) url: String,
    /// Sends from [`Anvil::key`].
    pub(crate) provider: DynProvider,
}

impl Anvil {
    pub(crate) fn start() -> Result<Self> {
        let process = toolchain::Anvil::start(&[])?;
        let url = process.url().to_owned();

        host::install_crypto_provider();
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::from(Self::key()?))
            .connect_client(quittance_contracts::rpc_client(
                &host::Http::system(),
                url.parse()?,
            ))
            .erased();
        // Blocks come with their transactions.
        provider
            .client()
            .set_poll_interval(Duration::from_millis(10));
        Ok(Self {
            _process: process,
            url,
            provider,
        })
    }

    /// A funded account.
    pub(crate) fn key() -> Result<PrivateKeySigner> {
        Ok(PrivateKeySigner::from_bytes(&DEV_KEY.into())?)
    }

    async fn rpc(&self, method: &'static str, params: Value) -> Result<Value> {
        let answer = self.provider.raw_request(method.into(), params).await;
        answer.with_context(|| format!("anvil refused {method}"))
    }

    /// Mines a block of that time, Unix seconds.
    pub(crate) async fn warp(&self, time: u64) -> Result<()> {
        self.rpc("evm_setNextBlockTimestamp", json!([time])).await?;
        self.rpc("evm_mine", json!([])).await?;
        Ok(())
    }

    /// Gives an account ether to send with.
    pub(crate) async fn endow(&self, account: Address) -> Result<()> {
        let ether = U256::from(10).pow(U256::from(18));
        self.rpc("anvil_setBalance", json!([account, ether]))
            .await?;
        Ok(())
    }

    /// Sends a call of [`Anvil::key`]'s account; anvil mines it at once.
    pub(crate) async fn post(&self, to: Address, data: Bytes, gas: u64) -> Result<()> {
        let from = Self::key()?.address();
        let call = json!({ "from": from, "to": to, "data": data, "gas": U256::from(gas) });
        self.rpc("eth_sendTransaction", json!([call])).await?;
        Ok(())
    }

    /// Remembers the chain's state.
    pub(crate) async fn snapshot(&self) -> Result<Value> {
        self.rpc("evm_snapshot", json!([])).await
    }

    /// Returns to a state, which is then forgotten.
    pub(crate) async fn revert(&self, snapshot: Value) -> Result<()> {
        let done = self.rpc("evm_revert", json!([snapshot])).await?;
        ensure!(done == json!(true), "anvil doesn't know snapshot {done}");
        Ok(())
    }
}
