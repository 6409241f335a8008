//! One account at one RPC URL: calls, and transactions one at a time.

use std::pin::Pin;
use std::time::Duration;

use alloy::consensus::{BlockHeader, Transaction};
use alloy::eips::BlockNumberOrTag;
use alloy::network::{EthereumWallet, TransactionBuilder, TransactionResponse};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::{Filter, Log, TransactionReceipt, TransactionRequest};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolValue};
use alloy::transports::TransportError;
use reqwest::Url;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::transport::Transport;
use super::{ChainConfig, ChainError};

/// First pause between two looks for something that is under way; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// A block takes seconds on most chains; looking more often only loads the node.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// An answer to come. Boxed: the body of an `async fn` is compiled in every crate that awaits it, and what goes to the
/// provider is large; so it is compiled here alone.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChainError>> + Send + 'a>>;

/// A mined transaction that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its hash.
    pub tx: B256,
    /// Gas it used.
    pub gas_used: u64,
    /// The block it is in.
    pub block: u64,
}

impl From<&TransactionReceipt> for Sent {
    fn from(receipt: &TransactionReceipt) -> Self {
        Self {
            tx: receipt.transaction_hash,
            gas_used: receipt.gas_used,
            block: receipt.block_number.unwrap_or_default(),
        }
    }
}

/// A transaction that deploys a contract.
#[derive(Clone, Debug)]
pub(super) struct Creation {
    /// Who sent it.
    pub(super) deployer: Address,
    /// Where what it deploys stands; `None` if it deploys nothing.
    pub(super) address: Option<Address>,
    /// Creation code and the constructor's arguments.
    pub(super) code: Bytes,
    /// The block it is in.
    pub(super) block: u64,
}

/// A block's number and time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) number: u64,
    pub(super) timestamp: u64,
}

pub(super) struct Rpc {
    provider: DynProvider,
    url: String,
    account: Option<Address>,
    key: Option<PrivateKeySigner>,
    confirm_timeout: Duration,
    /// Held from reading the nonce until the transaction is mined.
    turn: Mutex<()>,
}

impl Rpc {
    pub(super) fn new(config: &ChainConfig) -> Result<Self, ChainError> {
        let url: Url = config.rpc.parse().map_err(|_| ChainError::BadUrl)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ChainError::BadUrl);
        }
        let shown = url.origin().ascii_serialization();
        // Local or not only sets how often a pending transaction is looked for, which is done here.
        let client = RpcClient::new(Transport::new(config, url), false);
        let builder = ProviderBuilder::new();
        let provider = match &config.key {
            Some(key) => builder
                .wallet(EthereumWallet::from(key.clone()))
                .connect_client(client)
                .erased(),
            None => builder.connect_client(client).erased(),
        };
        Ok(Self {
            provider,
            url: shown,
            account: config.key.as_ref().map(|key| key.address()),
            key: config.key.clone(),
            confirm_timeout: config.confirm_timeout,
            turn: Mutex::new(()),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn account(&self) -> Option<Address> {
        self.account
    }

    pub(super) fn chain_id(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            self.provider
                .get_chain_id()
                .await
                .map_err(|error| self.error("eth_chainId", error))
        })
    }

    pub(super) fn has_code(&self, address: Address) -> Answer<'_, bool> {
        Box::pin(async move { Ok(!self.code(address).await?.is_empty()) })
    }

    /// Runtime code; empty if there is no contract.
    pub(super) fn code(&self, address: Address) -> Answer<'_, Bytes> {
        Box::pin(async move {
            let code = self.provider.get_code_at(address).await;
            code.map_err(|error| self.error("eth_getCode", error))
        })
    }

    /// Transactions of an account that are mined.
    pub(super) fn transaction_count(&self, account: Address) -> Answer<'_, u64> {
        Box::pin(async move {
            let count = self.provider.get_transaction_count(account).latest().await;
            count.map_err(|error| self.error("eth_getTransactionCount", error))
        })
    }

    /// Runtime code of a contract that was just deployed: behind some URLs stand several nodes, of which not
    /// all have the newest block yet.
    pub(super) fn new_code(&self, address: Address) -> Answer<'_, Bytes> {
        Box::pin(async move {
            let mut pause = Pause::until(Instant::now() + self.confirm_timeout);
            loop {
                let code = self.code(address).await?;
                if !code.is_empty() {
                    return Ok(code);
                }
                if !pause.take().await {
                    return Err(ChainError::NoCodeYet {
                        url: self.url.clone(),
                        address,
                    });
                }
            }
        })
    }

    /// A mined transaction that deploys a contract; `None` if the node knows none of that hash.
    pub(super) fn creation(&self, tx: B256) -> Answer<'_, Option<Creation>> {
        Box::pin(async move {
            let found = self.provider.get_transaction_by_hash(tx).await;
            let found = found.map_err(|error| self.error("eth_getTransactionByHash", error))?;
            Ok(found.and_then(|found| {
                let deployer = found.from();
                Some(Creation {
                    deployer,
                    address: found
                        .kind()
                        .is_create()
                        .then(|| deployer.create(found.nonce())),
                    code: found.input().clone(),
                    block: found.block_number?,
                })
            }))
        })
    }

    pub(super) fn latest_block(&self) -> Answer<'_, Block> {
        self.block(BlockNumberOrTag::Latest)
    }

    pub(super) fn block(&self, at: BlockNumberOrTag) -> Answer<'_, Block> {
        Box::pin(async move {
            const CALL: &str = "eth_getBlockByNumber";
            let block = self.provider.get_block_by_number(at).await;
            match block.map_err(|error| self.error(CALL, error))? {
                Some(block) => Ok(Block {
                    number: block.header.number(),
                    timestamp: block.header.timestamp(),
                }),
                None => Err(ChainError::Refused {
                    url: self.url.clone(),
                    call: CALL,
                    code: 0,
                    message: format!("it doesn't have block {at}"),
                }),
            }
        })
    }

    pub(super) fn logs<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Log>> {
        Box::pin(async move {
            let logs = self.provider.get_logs(filter).await;
            logs.map_err(|error| self.error("eth_getLogs", error))
        })
    }

    /// Calls a view function.
    pub(super) fn view<C: SolCall + 'static>(&self, to: Address, call: C) -> Answer<'_, C::Return> {
        let name = name_of::<C>();
        let reading = self.read(name, to, call.abi_encode());
        Box::pin(async move {
            C::abi_decode_returns(&reading.await?).map_err(|source| ChainError::BadAnswer {
                call: name,
                address: to,
                source,
            })
        })
    }

    /// Calls what `data` says; gives the answer's bytes.
    fn read(&self, call: &'static str, to: Address, data: Vec<u8>) -> Answer<'_, Bytes> {
        Box::pin(async move {
            let request = TransactionRequest::default().with_to(to).with_input(data);
            // What is mined: alloy's default is the pending block, whose transactions may never be.
            let answer = self.provider.call(request).latest().await;
            answer.map_err(|error| self.error(call, error))
        })
    }

    /// Calls a view function without arguments that returns one word.
    pub(super) fn word(&self, address: Address, function: &'static str) -> Answer<'_, B256> {
        Box::pin(async move {
            let selector = keccak256(format!("{function}()"))[..4].to_vec();
            let answer = self.read(function, address, selector).await?;
            B256::abi_decode(&answer).map_err(|source| ChainError::BadAnswer {
                call: function,
                address,
                source,
            })
        })
    }

    /// Sends a call and waits until it is mined.
    pub(super) fn send<C: SolCall>(&self, to: Address, call: C) -> Answer<'_, Sent> {
        let data = call.abi_encode().into();
        let sending = self.send_data(name_of::<C>(), to, data);
        Box::pin(async move { Ok(Sent::from(&sending.await?)) })
    }

    /// Sends call data and waits until it is mined.
    pub(super) fn send_data(
        &self,
        call: &'static str,
        to: Address,
        data: Bytes,
    ) -> Answer<'_, TransactionReceipt> {
        Box::pin(async move {
            let request = TransactionRequest::default().with_to(to).with_input(data);
            self.transact(call, request).await
        })
    }

    /// Makes a call on what is mined without sending it; returns the gas it would use.
    pub(super) fn try_data(&self, call: &'static str, to: Address, data: Bytes) -> Answer<'_, u64> {
        Box::pin(async move {
            let request = TransactionRequest::default()
                .with_to(to)
                .with_input(data)
                .with_from(self.account.unwrap_or_default());
            let tried = self.provider.call(request.clone()).latest().await;
            tried.map_err(|error| self.error(call, error))?;
            let gas = self.provider.estimate_gas(request).await;
            gas.map_err(|error| self.error(call, error))
        })
    }

    /// The account and its signature over a message (EIP-191), the same each time.
    pub(super) fn sign(
        &self,
        call: &'static str,
        message: &[u8],
    ) -> Result<(Address, [u8; 65]), ChainError> {
        let key = self.key.as_ref().ok_or(ChainError::NoKey { call })?;
        // A local key fails at nothing.
        let signature = key.sign_message_sync(message);
        let signature = signature.map_err(|_| ChainError::NoKey { call })?;
        Ok((key.address(), signature.as_bytes()))
    }

    /// A transaction's call data, if the node knows it.
    pub(super) fn input_of(&self, tx: B256) -> Answer<'_, Option<Bytes>> {
        Box::pin(async move {
            let found = self.provider.get_transaction_by_hash(tx).await;
            let found = found.map_err(|error| self.error("eth_getTransactionByHash", error))?;
            Ok(found.map(|found| found.input().clone()))
        })
    }

    /// Deploys a contract that must come to stand at `expected`.
    pub(super) fn create(
        &self,
        contract: &'static str,
        code: Vec<u8>,
        expected: Address,
    ) -> Answer<'_, Sent> {
        Box::pin(async move {
            let request = TransactionRequest::default().with_deploy_code(code);
            let receipt = self.transact(contract, request).await?;
            match receipt.contract_address {
                Some(found) if found == expected => Ok(Sent::from(&receipt)),
                Some(found) => Err(ChainError::Misplaced {
                    contract,
                    expected,
                    found,
                }),
                None => Err(ChainError::Failed {
                    call: contract,
                    tx: receipt.transaction_hash,
                }),
            }
        })
    }

    /// The account's next nonce, when nothing of it is pending any more.
    pub(super) fn nonce(&self, call: &'static str) -> Answer<'_, u64> {
        Box::pin(async move {
            let account = self.account.ok_or(ChainError::NoKey { call })?;
            let _turn = self.turn.lock().await;
            self.settled_nonce(account).await
        })
    }

    /// Simulates, sends and awaits one transaction, after all others of the account.
    fn transact(
        &self,
        call: &'static str,
        request: TransactionRequest,
    ) -> Answer<'_, TransactionReceipt> {
        Box::pin(async move {
            let account = self.account.ok_or(ChainError::NoKey { call })?;
            let _turn = self.turn.lock().await;
            let nonce = self.settled_nonce(account).await?;
            let request = request.with_from(account);
            self.provider
                .call(request.clone())
                .await
                .map_err(|error| self.send_error(call, account, error))?;
            let gas = self
                .provider
                .estimate_gas(request.clone())
                .await
                .map_err(|error| self.send_error(call, account, error))?;
            // A fifth more: what the estimate saw may have become dearer by the time it is mined.
            let request = request.with_nonce(nonce).with_gas_limit(gas + gas / 5);
            let pending = self
                .provider
                .send_transaction(request)
                .await
                .map_err(|error| self.send_error(call, account, error))?;
            let tx = *pending.tx_hash();
            debug!(call, %tx, nonce, "sent");
            let receipt = self.mined(call, tx).await?;
            debug!(call, %tx, gas = receipt.gas_used, "mined");
            if receipt.status() {
                Ok(receipt)
            } else {
                Err(ChainError::Failed { call, tx })
            }
        })
    }

    /// The account's next nonce, when nothing of it is pending any more.
    async fn settled_nonce(&self, account: Address) -> Result<u64, ChainError> {
        const CALL: &str = "eth_getTransactionCount";
        let mut pause = Pause::until(Instant::now() + self.confirm_timeout);
        loop {
            let pending = self.provider.get_transaction_count(account).pending().await;
            let pending = pending.map_err(|error| self.error(CALL, error))?;
            let latest = self.provider.get_transaction_count(account).latest().await;
            let latest = latest.map_err(|error| self.error(CALL, error))?;
            // Asked for later, the latest may be ahead.
            if latest >= pending {
                return Ok(latest);
            }
            if !pause.take().await {
                let pending = pending - latest;
                let after = self.confirm_timeout;
                return Err(ChainError::StillPending {
                    account,
                    pending,
                    after,
                });
            }
        }
    }

    async fn mined(&self, call: &'static str, tx: B256) -> Result<TransactionReceipt, ChainError> {
        let mut pause = Pause::until(Instant::now() + self.confirm_timeout);
        loop {
            let receipt = self.provider.get_transaction_receipt(tx).await;
            match receipt.map_err(|error| self.error("eth_getTransactionReceipt", error)) {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => {}
                // It is on its way whether this look at it succeeds or not.
                Err(error) if error.is_retryable() => debug!(%tx, %error, "looking again"),
                Err(error) => return Err(error),
            }
            if !pause.take().await {
                return Err(ChainError::NotMined {
                    call,
                    tx,
                    after: self.confirm_timeout,
                });
            }
        }
    }

    fn error(&self, call: &'static str, error: TransportError) -> ChainError {
        ChainError::from_transport(&self.url, call, error)
    }

    fn send_error(
        &self,
        call: &'static str,
        account: Address,
        error: TransportError,
    ) -> ChainError {
        match self.error(call, error) {
            ChainError::Refused { message, .. }
                if message.to_lowercase().contains("insufficient funds") =>
            {
                ChainError::NoGas { account }
            }
            other => other,
        }
    }
}

/// Pauses that grow, up to a deadline.
struct Pause {
    deadline: Instant,
    next: Duration,
}

impl Pause {
    fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            next: PAUSE_MIN,
        }
    }

    /// Pauses; `false` if the deadline has passed.
    async fn take(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(PAUSE_MAX);
        true
    }
}

/// A function's name without its parameters.
fn name_of<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}
