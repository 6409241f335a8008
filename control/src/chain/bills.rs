//! What payers were billed, as far as it can be known.
//!
//! The chain has only the sum of all bills, which is the bill of a payer who is alone. With several, each one's is in
//! the evidence of the verifiers; it is believed where its root is the attested one. Between two readings nobody was
//! billed more than all together, and so what is said here is never too little.

use crate::chain::ledger::Ledger;
use contracts::ChainError;
use host::Http;
use protocol::{Address, BillTree, Epoch};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest list of bills that is read: a million payers.
const BILLS_BYTES_MAX: usize = 64 << 20;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The bills of one epoch.
#[derive(Debug, Default)]
struct Known {
    /// All epochs below are in it.
    next: Epoch,
    total: u128,
    bills: BTreeMap<Address, u128>,
}

/// Upper bounds of what was billed.
#[derive(Debug)]
pub(crate) struct Billed<'a> {
    known: &'a Known,
    /// Billed to all since.
    since: u128,
}

impl Billed<'_> {
    /// What a payer was billed at most.
    pub(crate) fn most(&self, payer: &Address) -> u128 {
        let known = self.known.bills.get(payer).copied().unwrap_or(0);
        known.saturating_add(self.since)
    }
}

/// Reads bills where there is evidence.
#[derive(Debug)]
pub(crate) struct Bills {
    /// Verifiers' URLs, in the order in which they are asked.
    verifiers: Vec<String>,
    http: Http,
    known: Known,
}

impl Bills {
    /// To be asked of these verifiers; of none, only the chain is.
    pub(crate) fn new(http: Http, verifiers: Vec<String>) -> Self {
        Self {
            verifiers,
            http,
            known: Known::default(),
        }
    }

    /// What was billed for all epochs below `next`.
    pub(crate) async fn billed(
        &mut self,
        ledger: &impl Ledger,
        next: Epoch,
    ) -> Result<Billed<'_>, ChainError> {
        let total = match next.checked_sub(1) {
            Some(last) => ledger.billed_to_all(last).await?,
            None => 0,
        };
        if next < self.known.next || total < self.known.total {
            tracing::warn!(next, "what was attested is overturned");
            self.known = Known::default();
        }
        if total > self.known.total && !self.verifiers.is_empty() {
            self.read(ledger, next, total).await?;
        }
        Ok(Billed {
            since: total - self.known.total,
            known: &self.known,
        })
    }

    async fn read(
        &mut self,
        ledger: &impl Ledger,
        next: Epoch,
        total: u128,
    ) -> Result<(), ChainError> {
        let epoch = next.saturating_sub(1);
        let Some(root) = ledger.bills_root(epoch).await? else {
            return Ok(());
        };
        for verifier in &self.verifiers {
            let refused = |error: &str| {
                tracing::warn!(verifier, epoch, error, "cannot read bills");
            };
            let bytes = match self.fetch(verifier, epoch).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    refused(&error);
                    continue;
                }
            };
            let tree = match BillTree::from_bytes(&bytes) {
                Ok(tree) => tree,
                Err(error) => {
                    refused(&error.to_string());
                    continue;
                }
            };
            if !tree.root().is_ok_and(|found| found.hash() == root) {
                refused("they are not those that are attested");
                continue;
            }
            let bills = tree.leaves.iter();
            self.known = Known {
                next,
                total,
                bills: bills.map(|leaf| (leaf.payer, leaf.cumulative)).collect(),
            };
            return Ok(());
        }
        Ok(())
    }

    async fn fetch(&self, verifier: &str, epoch: Epoch) -> Result<Vec<u8>, String> {
        let base = verifier.trim_end_matches('/');
        let url = format!("{base}/v1/evidence/{epoch}/bills.qbil");
        let request = self.http.get(url).timeout(ANSWER_TIMEOUT);
        let read = self.http.read(request, BILLS_BYTES_MAX).await;
        read.map_err(|error| error.to_string())
    }
}
