//! What is between a transaction and the pools: its price, its signature, and what they say to it.

use alloy::eips::eip2718::Encodable2718;
use alloy::network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder};
use alloy::primitives::{Address, B256, Bytes, TxKind};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::transports::RpcError;
use tracing::{debug, warn};

use crate::chain::ChainError;
use crate::chain::rpc::Rpc;
use crate::outbox::{Fees, Flight, Order};

/// What an empty transaction uses.
const EMPTY_GAS: u64 = 21_000;

/// What a pool says to a transaction.
pub(super) enum Given {
    /// It holds it.
    Taken,
    /// It holds another of that nonce, which offers more.
    TooLow,
    /// A transaction of that nonce is mined.
    Used,
    /// Nothing that can be relied on, or a refusal.
    Not(ChainError),
}

/// Gas of a slot that was never written (EIP-2929, with what it costs to look at it first).
const NEW_SLOT_GAS: u64 = 22_100;

impl Order {
    fn request(&self) -> TransactionRequest {
        let kind = self.to.map_or(TxKind::Create, TxKind::Call);
        let request = TransactionRequest::default().with_kind(kind);
        request.with_input(self.data.clone())
    }
}

impl Rpc {
    /// Simulates on what is mined; gives the gas that it may use.
    pub(super) async fn gas_for(
        &self,
        call: &'static str,
        order: &Order,
    ) -> Result<u64, ChainError> {
        let account = self.account().ok_or(ChainError::NoKey { call })?;
        let request = order.request().with_from(account);
        let tried = self.provider().call(request.clone()).latest().await;
        tried.map_err(|error| self.send_error(call, account, error))?;
        let gas = self.provider().estimate_gas(request).latest().await;
        let gas = gas.map_err(|error| self.send_error(call, account, error))?;
        // A fifth more: what the estimate saw may have become dearer by the time it is mined. And two new slots: it ran in
        // the newest block itself, where what is kept by time is written over, and in the next it is written beside.
        Ok(gas.saturating_add(gas / 5 + 2 * NEW_SLOT_GAS))
    }

    /// What the market asks, wei for each gas.
    pub(super) async fn market(&self) -> Result<Fees, ChainError> {
        match self.provider().estimate_eip1559_fees().await {
            Ok(fees) => Ok(Fees {
                max: fees.max_fee_per_gas,
                tip: fees.max_priority_fee_per_gas,
            }),
            // A chain without a base fee.
            Err(RpcError::UnsupportedFeature(_) | RpcError::ErrorResp(_)) => {
                let price = self.provider().get_gas_price().await;
                let price = price.map_err(|error| self.error("eth_gasPrice", error))?;
                Ok(Fees {
                    max: price,
                    tip: price,
                })
            }
            Err(error) => Err(self.error("eth_feeHistory", error)),
        }
    }

    /// Signs what a flight offers now, and notes its hash.
    pub(super) async fn signed(
        &self,
        call: &'static str,
        flight: Flight,
    ) -> Result<Flight, ChainError> {
        let account = self.account().ok_or(ChainError::NoKey { call })?;
        let (raw, hash) = self
            .sign_request(call, flight.order.request(), account, &flight)
            .await?;
        let mut hashes = flight.hashes.clone();
        hashes.push(hash);
        Ok(Flight {
            raw,
            hashes,
            ..flight
        })
    }

    async fn sign_request(
        &self,
        call: &'static str,
        request: TransactionRequest,
        account: Address,
        of: &Flight,
    ) -> Result<(Bytes, B256), ChainError> {
        let key = self.key().ok_or(ChainError::NoKey { call })?;
        let chain_id = self.chain_id().await?;
        let request = request
            .with_from(account)
            .with_chain_id(chain_id)
            .with_nonce(of.nonce)
            .with_gas_limit(of.gas)
            .with_max_fee_per_gas(of.fees.max)
            .with_max_priority_fee_per_gas(of.fees.tip);
        let signed = request.build(&EthereumWallet::from(key.clone())).await;
        // A local key and a whole request fail at nothing.
        let signed = signed.map_err(|_| ChainError::NoKey { call })?;
        Ok((signed.encoded_2718().into(), *signed.tx_hash()))
    }

    /// Sends nothing to itself at a nonce that a reorganisation left free, so that what comes after it can be mined.
    pub(super) async fn fill(
        &self,
        call: &'static str,
        account: Address,
        nonce: u64,
    ) -> Result<(), ChainError> {
        let fees = self.market().await?.capped(self.fee_cap());
        let empty = Flight {
            order: Order {
                call: "nothing".into(),
                to: Some(account),
                data: Bytes::new(),
            },
            nonce,
            gas: EMPTY_GAS,
            fees,
            raw: Bytes::new(),
            hashes: Vec::new(),
        };
        let request = empty.order.request();
        let (raw, tx) = self.sign_request(call, request, account, &empty).await?;
        warn!(%account, nonce, %tx, "filling a gap that a reorganisation left");
        if let Given::Not(error) = self.give(&raw).await {
            debug!(%error, "not taken");
        }
        Ok(())
    }

    /// Gives a signed transaction to the pools.
    pub(super) async fn give(&self, raw: &Bytes) -> Given {
        const CALL: &str = "eth_sendRawTransaction";
        let Some(account) = self.account() else {
            return Given::Not(ChainError::NoKey { call: CALL });
        };
        let Err(error) = self.provider().send_raw_transaction(raw).await else {
            return Given::Taken;
        };
        let error = self.send_error(CALL, account, error);
        let ChainError::Refused { message, .. } = &error else {
            return Given::Not(error);
        };
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&[
            "already known",
            "already imported",
            "AlreadyKnown",
            "existing tx with same hash",
        ]) {
            Given::Taken
        } else if says(&["nonce too low", "OldNonce"]) {
            Given::Used
        } else if says(&[
            "underpriced",
            "could not replace existing tx",
            "max fee per gas less than block base fee",
        ]) {
            Given::TooLow
        } else {
            Given::Not(error)
        }
    }
}
