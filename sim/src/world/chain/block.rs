//! A sealed block, with what it is shown as.

use alloy::consensus::constants::{EMPTY_ROOT_HASH, EMPTY_WITHDRAWALS};
use alloy::consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy::consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, Sealed, Transaction as _, TxEnvelope, TxType,
};
use alloy::eips::eip1559::{BaseFeeParams, INITIAL_BASE_FEE, calc_next_block_base_fee};
use alloy::eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy::primitives::{B256, Bloom, U256};
use alloy::rpc::types::{
    Block as Shown, BlockTransactions, Header as ShownHeader, Log, Transaction, TransactionReceipt,
};
use revm::context::BlockEnv;
use revm::context::result::ExecutionResult;
use revm::context_interface::block::BlobExcessGasAndPrice;

use super::draft::Draft;
use super::evm::SPEC;
use super::pool::Signed;

/// Gas of a block: anvil's.
pub(super) const GAS_LIMIT: u64 = 30_000_000;

/// A sealed block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    header: Sealed<Header>,
    transactions: Vec<Transaction>,
    receipts: Vec<TransactionReceipt>,
}

impl Block {
    /// Block 0, of that time, Unix seconds.
    pub(super) fn genesis(time_s: u64) -> Self {
        let header = Header {
            timestamp: time_s,
            base_fee_per_gas: Some(INITIAL_BASE_FEE),
            ..template()
        };
        Self {
            header: Sealed::new(header),
            transactions: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// Makes a block of a draft.
    pub(super) fn seal(draft: Draft, parent: &Block) -> Self {
        let mut mined = 0;
        let receipts = draft.executed.iter().map(|(tx, result)| {
            mined += result.tx_gas_used();
            receipt(tx.tx_type(), result, mined)
        });
        let receipts: Vec<ReceiptEnvelope> = receipts.collect();
        let signed: Vec<&TxEnvelope> = draft.executed.iter().map(|(tx, _)| tx.inner()).collect();
        let blooms = receipts.iter().map(|receipt| *receipt.logs_bloom());
        let header = Sealed::new(Header {
            parent_hash: parent.hash(),
            number: draft.env.number.to(),
            timestamp: draft.env.timestamp.to(),
            base_fee_per_gas: Some(draft.env.basefee),
            mix_hash: draft.env.prevrandao.unwrap_or_default(),
            gas_used: mined,
            logs_bloom: blooms.fold(Bloom::ZERO, |all, one| all | one),
            transactions_root: calculate_transaction_root(&signed),
            receipts_root: calculate_receipt_root(&receipts),
            ..template()
        });
        let mut shown = Self {
            header,
            transactions: Vec::new(),
            receipts: Vec::new(),
        };
        for ((tx, result), receipt) in draft.executed.into_iter().zip(receipts) {
            shown.add(tx, &result, receipt);
        }
        shown
    }

    fn add(&mut self, tx: Signed, result: &ExecutionResult, receipt: ReceiptEnvelope) {
        let (hash, number) = (self.hash(), self.number());
        let place = self.transactions.len() as u64;
        let price = tx.effective_gas_price(self.header.base_fee_per_gas);
        let logs_before: usize = self.receipts.iter().map(|one| one.logs().len()).sum();
        let mut log_index = logs_before as u64;
        let time_s = self.time_s();
        let tx_hash = *tx.tx_hash();
        let inner = receipt.map_logs(|log| {
            let log = Log {
                inner: log,
                block_hash: Some(hash),
                block_number: Some(number),
                block_timestamp: Some(time_s),
                transaction_hash: Some(tx_hash),
                transaction_index: Some(place),
                log_index: Some(log_index),
                removed: false,
            };
            log_index += 1;
            log
        });
        let from = tx.signer();
        self.receipts.push(TransactionReceipt {
            inner,
            transaction_hash: tx_hash,
            transaction_index: Some(place),
            block_hash: Some(hash),
            block_number: Some(number),
            gas_used: result.tx_gas_used(),
            effective_gas_price: price,
            blob_gas_used: None,
            blob_gas_price: None,
            from,
            to: tx.to(),
            // Also of one that failed, as nodes say.
            contract_address: tx.kind().is_create().then(|| from.create(tx.nonce())),
        });
        self.transactions.push(Transaction {
            inner: tx,
            block_hash: Some(hash),
            block_number: Some(number),
            transaction_index: Some(place),
            effective_gas_price: Some(price),
            block_timestamp: Some(time_s),
        });
    }

    /// Its header.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Its number.
    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    /// Its hash.
    pub(super) fn hash(&self) -> B256 {
        self.header.seal()
    }

    /// Its time, Unix seconds.
    pub(super) fn time_s(&self) -> u64 {
        self.header.timestamp
    }

    /// Base fee, wei of each gas.
    pub(super) fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }

    /// The next block's base fee, wei of each gas.
    pub(super) fn next_base_fee(&self) -> u64 {
        let rules = BaseFeeParams::ethereum();
        calc_next_block_base_fee(self.header.gas_used, GAS_LIMIT, self.base_fee(), rules)
    }

    /// Share of its gas that was used.
    pub(super) fn gas_used_ratio(&self) -> f64 {
        self.header.gas_used as f64 / GAS_LIMIT as f64
    }

    /// Hashes of its transactions.
    pub(super) fn hashes(&self) -> impl Iterator<Item = B256> {
        self.receipts.iter().map(|receipt| receipt.transaction_hash)
    }

    /// Its transactions.
    pub(super) fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// Their receipts.
    pub(super) fn receipts(&self) -> &[TransactionReceipt] {
        &self.receipts
    }

    /// The filter of its logs' addresses and topics.
    pub(super) fn bloom(&self) -> Bloom {
        self.header.logs_bloom
    }

    /// As nodes show it, with whole transactions or their hashes.
    pub(super) fn shown(&self, whole: bool) -> Shown {
        Shown {
            header: ShownHeader::from_sealed(self.header.clone()),
            uncles: Vec::new(),
            transactions: match whole {
                true => BlockTransactions::Full(self.transactions.clone()),
                false => BlockTransactions::Hashes(self.hashes().collect()),
            },
            withdrawals: Some(Default::default()),
        }
    }

    /// What a call on its state sees.
    pub(super) fn env(&self) -> BlockEnv {
        env(
            self.number(),
            self.time_s(),
            self.base_fee(),
            self.header.mix_hash,
        )
    }

    /// What a transaction in the block after it sees, if that is made at `now_s`, Unix seconds: a block is later
    /// than its parent.
    pub(super) fn next_env(&self, now_s: u64) -> BlockEnv {
        let time_s = now_s.max(self.time_s().saturating_add(1));
        // Nobody draws here: what a contract takes for a draw differs by block, and is known.
        env(self.number() + 1, time_s, self.next_base_fee(), self.hash())
    }
}

fn env(number: u64, time_s: u64, basefee: u64, draw: B256) -> BlockEnv {
    BlockEnv {
        number: U256::from(number),
        timestamp: U256::from(time_s),
        gas_limit: GAS_LIMIT,
        basefee,
        difficulty: U256::ZERO,
        prevrandao: Some(draw),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new_with_spec(0, SPEC)),
        ..BlockEnv::default()
    }
}

/// What all headers have, and those of empty blocks.
fn template() -> Header {
    Header {
        gas_limit: GAS_LIMIT,
        state_root: B256::ZERO,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

fn receipt(tx_type: TxType, result: &ExecutionResult, cumulative: u64) -> ReceiptEnvelope {
    let logs = match result.is_success() {
        true => result.logs().to_vec(),
        false => Vec::new(),
    };
    let receipt = Receipt {
        status: Eip658Value::Eip658(result.is_success()),
        cumulative_gas_used: cumulative,
        logs,
    };
    let receipt = receipt.with_bloom();
    match tx_type {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}
