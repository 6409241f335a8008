//! Who may be charged in an epoch.

use crate::Address;
use std::collections::BTreeMap;

/// The accounts that were registered as payers before an epoch's end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payers(BTreeMap<Address, u32>);

impl Payers {
    /// Accounts by payer index. The vault gives an account one index; of several the first counts.
    pub fn new(accounts: impl IntoIterator<Item = Address>) -> Self {
        let mut indices = BTreeMap::new();
        for (index, account) in (0u32..).zip(accounts) {
            indices.entry(account).or_insert(index);
        }
        Self(indices)
    }

    /// Payer index of an account; `None` if it isn't one.
    pub fn index_of(&self, account: &Address) -> Option<u32> {
        self.0.get(account).copied()
    }

    /// How many accounts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
