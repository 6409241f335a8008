//! One account at its RPC URLs: what is asked.

use std::pin::Pin;
use std::time::Duration;

use alloy::consensus::{BlockHeader, Transaction};
use alloy::eips::BlockNumberOrTag;
use alloy::network::{TransactionBuilder, TransactionResponse};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::{Filter, Log, TransactionReceipt, TransactionRequest};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolValue};
use alloy::transports::TransportError;
use reqwest::Url;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep};

use super::transport::Transport;
use super::{ChainConfig, ChainError, Runway};
use crate::outbox::{InTheAir, Order, Outbox};

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
    config: ChainConfig,
    provider: DynProvider,
    url: String,
    /// What the account has in the air; held from reading the nonce until it is mined.
    in_the_air: Mutex<InTheAir>,
    chain_id: OnceCell<u64>,
    genesis: OnceCell<B256>,
    runway: host::Mutex<Option<Runway>>,
}

impl Rpc {
    pub(super) fn new(config: &ChainConfig) -> Result<Self, ChainError> {
        let urls = urls_of(&config.rpc)?;
        let shown: Vec<_> = urls
            .iter()
            .map(|url| url.origin().ascii_serialization())
            .collect();
        // Local or not only sets how often a pending transaction is looked for, which is done here.
        let client = RpcClient::new(Transport::new(config, urls), false);
        let provider = ProviderBuilder::new().connect_client(client).erased();
        Ok(Self {
            config: config.clone(),
            provider,
            url: shown.join(", "),
            in_the_air: Mutex::default(),
            chain_id: OnceCell::new(),
            genesis: OnceCell::new(),
            runway: host::Mutex::default(),
        })
    }

    /// What it was made with, for each of its URLs alone and without the account.
    pub(super) fn apart(&self) -> Result<Vec<ChainConfig>, ChainError> {
        let alone = |url: &Url| ChainConfig {
            rpc: url.to_string(),
            key: None,
            outbox: None,
            ..self.config.clone()
        };
        Ok(urls_of(&self.config.rpc)?.iter().map(alone).collect())
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn account(&self) -> Option<Address> {
        self.config.key.as_ref().map(PrivateKeySigner::address)
    }

    pub(super) fn key(&self) -> Option<&PrivateKeySigner> {
        self.config.key.as_ref()
    }

    pub(super) fn provider(&self) -> &DynProvider {
        &self.provider
    }

    pub(super) fn in_the_air(&self) -> &Mutex<InTheAir> {
        &self.in_the_air
    }

    pub(super) fn outbox(&self) -> Option<&Outbox> {
        self.config.outbox.as_ref()
    }

    pub(super) fn fee_cap(&self) -> u128 {
        self.config.fee_cap
    }

    pub(super) fn confirm_timeout(&self) -> Duration {
        self.config.confirm_timeout
    }

    pub(super) fn note_runway(&self, runway: Runway) {
        *self.runway.lock() = Some(runway);
    }

    /// As of the last transaction; `None` before the first.
    pub(super) fn runway(&self) -> Option<Runway> {
        *self.runway.lock()
    }

    pub(super) fn chain_id(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let asked = self
                .chain_id
                .get_or_try_init(|| self.provider.get_chain_id());
            let id = asked
                .await
                .map_err(|error| self.error("eth_chainId", error))?;
            Ok(*id)
        })
    }

    /// Hash of the first block: which chain this is, where several have one id.
    pub(super) fn genesis(&self) -> Answer<'_, B256> {
        Box::pin(async move {
            const CALL: &str = "eth_getBlockByNumber";
            let asked = self.genesis.get_or_try_init(async || {
                let block = self
                    .provider
                    .get_block_by_number(BlockNumberOrTag::Number(0));
                match block.await.map_err(|error| self.error(CALL, error))? {
                    Some(block) => Ok(block.header.hash),
                    None => Err(ChainError::Refused {
                        url: self.url.clone(),
                        call: CALL,
                        code: 0,
                        message: "it doesn't have block 0".into(),
                    }),
                }
            });
            Ok(*asked.await?)
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
            let mut pause = Pause::until(Instant::now() + self.config.confirm_timeout);
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

    /// Sends a call whose window closes at `until`, chain seconds, and waits until it is mined.
    pub(super) fn send<C: SolCall>(
        &self,
        to: Address,
        call: C,
        until: Option<u64>,
    ) -> Answer<'_, Sent> {
        let data = call.abi_encode().into();
        let sending = self.send_data(name_of::<C>(), to, data, until);
        Box::pin(async move { Ok(Sent::from(&sending.await?)) })
    }

    /// Sends call data and waits until it is mined.
    pub(super) fn send_data(
        &self,
        call: &'static str,
        to: Address,
        data: Bytes,
        until: Option<u64>,
    ) -> Answer<'_, TransactionReceipt> {
        self.transact(call, Order::call(call, to, data), until)
    }

    /// Makes a call on what is mined without sending it; returns the gas it would use.
    pub(super) fn try_data(&self, call: &'static str, to: Address, data: Bytes) -> Answer<'_, u64> {
        Box::pin(async move {
            let request = TransactionRequest::default()
                .with_to(to)
                .with_input(data)
                .with_from(self.account().unwrap_or_default());
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
        let key = self.config.key.as_ref().ok_or(ChainError::NoKey { call })?;
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
            let order = Order {
                call: contract.to_owned(),
                to: None,
                data: code.into(),
            };
            let receipt = self.transact(contract, order, None).await?;
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

    pub(super) fn error(&self, call: &'static str, error: TransportError) -> ChainError {
        ChainError::from_transport(&self.url, call, error)
    }

    pub(super) fn send_error(
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

/// The URLs in a setting.
pub(super) fn urls_of(setting: &str) -> Result<Vec<Url>, ChainError> {
    let each = setting.split(',').map(|url| {
        let url: Url = url.trim().parse().map_err(|_| ChainError::BadUrl)?;
        let speaks = matches!(url.scheme(), "http" | "https") && url.has_host();
        speaks.then_some(url).ok_or(ChainError::BadUrl)
    });
    each.collect()
}

/// Pauses that grow, up to a deadline.
pub(super) struct Pause {
    deadline: Instant,
    next: Duration,
}

impl Pause {
    pub(super) fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            next: PAUSE_MIN,
        }
    }

    /// Pauses; `false` if the deadline has passed.
    pub(super) async fn take(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(PAUSE_MAX);
        true
    }
}

/// A function's name without its parameters.
pub(super) fn name_of<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}
