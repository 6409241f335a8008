//! Taking a signed transaction.

use alloy::consensus::{Transaction, TxEnvelope};
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::{Address, B256, Bytes};

use super::evm;
use super::ledger::{At, Chain, Mining};
use super::pool::Signed;
use super::refusal::Refusal;

impl Chain {
    /// Takes a signed transaction; gives its hash.
    pub(super) fn send(&mut self, raw: &Bytes, now_s: u64) -> Result<B256, Refusal> {
        let tx = self.admit(raw, now_s)?;
        let hash = *tx.tx_hash();
        self.pool.insert(tx)?;
        if self.mining == Mining::AtOnce {
            self.mine_if_any(now_s);
        }
        Ok(hash)
    }

    /// Checks what can be said of a transaction before its turn comes.
    fn admit(&self, raw: &Bytes, now_s: u64) -> Result<Signed, Refusal> {
        let tx = TxEnvelope::decode_2718_exact(raw)
            .map_err(|error| Refusal::NotATransaction(error.to_string()))?;
        if !matches!(
            tx,
            TxEnvelope::Legacy(_) | TxEnvelope::Eip2930(_) | TxEnvelope::Eip1559(_)
        ) {
            return Err(Refusal::TransactionType);
        }
        match tx.chain_id() {
            None => return Err(Refusal::Replayable),
            Some(found) if found != self.chain_id => {
                return Err(Refusal::ChainId {
                    expected: self.chain_id,
                    found,
                });
            }
            Some(_) => {}
        }
        let from = signer(&tx).ok_or(Refusal::Signature)?;
        let tx = Signed::new_unchecked(tx, from);
        let next = self.nonce(tx.signer());
        if tx.nonce() < next {
            return Err(Refusal::NonceTooLow {
                next,
                tx: tx.nonce(),
            });
        }
        let (mut layer, _) = self.layer(At::Head, now_s);
        let env = evm::tx_env(tx.signer(), tx.inner());
        evm::check(&mut layer, self.chain_id, self.next_env(now_s), env)?;
        Ok(tx)
    }
}

/// Who signed; `None` of a signature that names nobody, or that is the other form of another (EIP-2).
fn signer(tx: &TxEnvelope) -> Option<Address> {
    let signature = tx.signature();
    if signature.normalize_s().is_some() {
        return None;
    }
    let signed = tx.signature_hash();
    signature.recover_address_from_prehash(&signed).ok()
}
