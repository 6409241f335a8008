//! The vault: what payers deposited, what nodes are owed, and the token of both.
//!
//! The sending calls aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again goes on with
//! it, as long as it is in the air; after that, [`Chain::fund`] and [`Chain::transfer_token`] move money a second time.

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall;
use protocol::Roots;

use super::rpc::name_of;
use super::{Answer, BillLeaf, Chain, NodeLeaf, PAGE_SIZE, Payer, Sent, Settled};
use crate::abi::{RewardVault, TestToken};

/// Bytes of a proof for each level.
const LEVEL_BYTES: usize = 47;

impl Chain {
    // ---- Payers ----

    /// All accounts that ever deposited, by payer index, read a page at a time.
    pub fn payers(&self) -> Answer<'_, Vec<Payer>> {
        Box::pin(async move {
            let mut payers = Vec::new();
            let mut next = 0;
            loop {
                let (first, limit) = (next, PAGE_SIZE);
                let page = RewardVault::pageCall { first, limit };
                let page = self.vault_view(page).await?;
                let deposits = RewardVault::depositsAtCall {
                    first,
                    limit,
                    time: U256::MAX,
                };
                let deposits = self.vault_view(deposits).await?;
                let full = page.len() == PAGE_SIZE as usize;
                // Who funded between the two calls is in the second only, at its end.
                for (payer, deposit) in page.into_iter().zip(deposits) {
                    payers.push(Payer {
                        index: next,
                        account: payer.account,
                        registered_at: payer.registeredAt,
                        deposit,
                    });
                    next += 1;
                }
                if !full {
                    return Ok(payers);
                }
            }
        })
    }

    /// What a payer has deposited now, bills not deducted, token units.
    pub fn deposit_of(&self, payer: Address) -> Answer<'_, U256> {
        Box::pin(async move {
            let deposit = self.vault_view(RewardVault::depositsCall { payer }).await?;
            Ok(U256::from(deposit))
        })
    }

    /// What a payer had deposited in the blocks before `time`, Unix seconds: with an epoch's end, what limits
    /// its bills. For a time that has passed the answer stays.
    pub fn deposit_at(&self, payer: Address, time: u64) -> Answer<'_, U256> {
        Box::pin(async move {
            let time = U256::from(time);
            let deposit = self
                .vault_view(RewardVault::depositAtCall { payer, time })
                .await?;
            Ok(U256::from(deposit))
        })
    }

    /// All that payers have deposited and not announced to withdraw, token units.
    pub fn funded(&self) -> Answer<'_, U256> {
        Box::pin(async move {
            let funded = self.vault_view(RewardVault::totalFundedCall {}).await?;
            Ok(U256::from(funded))
        })
    }

    /// Deposits from this account: approves exactly `amount` token units, then deposits them.
    pub fn fund(&self, amount: U256) -> Answer<'_, Sent> {
        Box::pin(async move {
            let call = RewardVault::fundCall { amount };
            self.send_approved(self.inner.vault, amount, call).await
        })
    }

    /// Takes `amount` token units out of this account's deposit; [`Self::withdraw`] pays them out once an
    /// epoch is settled that ends later.
    pub fn announce_withdrawal(&self, amount: U256) -> Answer<'_, Sent> {
        let call = RewardVault::announceWithdrawalCall { amount };
        self.send(self.inner.vault, call)
    }

    /// What a payer takes back: token units, and when it announced that, Unix seconds. `None` if it takes
    /// nothing back.
    pub fn announced_withdrawal(&self, payer: Address) -> Answer<'_, Option<(u128, u64)>> {
        Box::pin(async move {
            let announced = RewardVault::announcedCall { payer };
            let announced = self.vault_view(announced).await?;
            Ok((!announced.amount.is_zero())
                .then(|| (announced.amount.to(), announced.announcedAt)))
        })
    }

    /// Pays out what this account announced, as far as its bills leave it; the rest is deposit again.
    /// `payers` is the number of leaves of the settled epoch's bills tree.
    pub fn withdraw<'a>(
        &'a self,
        leaf: &'a BillLeaf,
        payers: u32,
        proof: &'a [u8],
    ) -> Answer<'a, Sent> {
        let call = RewardVault::withdrawCall {
            leaf: leaf.into(),
            payers: U256::from(payers),
            proof: Bytes::copy_from_slice(proof),
        };
        self.send(self.inner.vault, call)
    }

    // ---- Nodes ----

    /// The epoch that the vault pays by; `None` before the first [`Self::activate`].
    pub fn settled(&self) -> Answer<'_, Option<Settled>> {
        Box::pin(async move {
            let settled = self.vault_view(RewardVault::settledCall {}).await?;
            // No root is zero: it is a keccak-256 digest.
            Ok((!settled.nodesRoot.is_zero()).then_some(Settled {
                epoch: settled.epoch,
                nodes: settled.nodesRoot,
                bills: settled.billsRoot,
                levels: settled.levels,
            }))
        })
    }

    /// Has the vault pay by an active epoch from now on. Anyone may; the newest epoch serves all.
    pub fn activate<'a>(&'a self, epoch: u64, roots: &'a Roots) -> Answer<'a, Sent> {
        let roots = RewardVault::Roots {
            nodes: roots.nodes,
            bills: roots.bills,
            charges: roots.charges,
            evidence: roots.evidence,
        };
        let call = RewardVault::activateCall { epoch, roots };
        self.send(self.inner.vault, call)
    }

    /// Has the vault keep all elements of a level of the settled epoch's nodes tree, so that the proofs of claims
    /// need not go on from there. `nodes` is the tree's number of leaves, `elements` 47 bytes each. Anyone may.
    pub fn shorten_proofs<'a>(&'a self, nodes: u32, elements: &'a [u8]) -> Answer<'a, Sent> {
        let call = RewardVault::shortenProofsCall {
            nodes: U256::from(nodes),
            elements: Bytes::copy_from_slice(elements),
        };
        self.send(self.inner.vault, call)
    }

    /// Claims what the settled epoch states for a node and hasn't been paid. `nodes` is the number of leaves
    /// of its nodes tree, and the proof goes up to the top; what of it the vault doesn't need isn't sent.
    pub fn claim<'a>(
        &'a self,
        leaf: &'a NodeLeaf,
        nodes: u32,
        proof: &'a [u8],
    ) -> Answer<'a, Sent> {
        Box::pin(async move {
            let levels = self.settled().await?.map_or(0, |settled| settled.levels);
            let sent = proof
                .len()
                .saturating_sub(LEVEL_BYTES * usize::from(levels));
            let packed = [&nodes.to_be_bytes(), &leaf.packed()[..], &proof[..sent]].concat();
            let packed = packed.into();
            let call = RewardVault::claimPackedCall { packed };
            self.send(self.inner.vault, call).await
        })
    }

    /// What [`Self::claim`] would pay now, token units; 0 if all is paid.
    pub fn claimable<'a>(
        &'a self,
        leaf: &'a NodeLeaf,
        nodes: u32,
        proof: &'a [u8],
    ) -> Answer<'a, U256> {
        Box::pin(async move {
            let call = RewardVault::claimableCall {
                leaf: leaf.into(),
                nodes: U256::from(nodes),
                proof: Bytes::copy_from_slice(proof),
            };
            Ok(U256::from(self.vault_view(call).await?))
        })
    }

    /// What a node was ever paid, token units.
    pub fn claimed(&self, index: u32) -> Answer<'_, U256> {
        Box::pin(async move {
            let claimed = RewardVault::claimedCall { node: index };
            let claimed = self.vault_view(claimed).await?;
            Ok(U256::from(claimed))
        })
    }

    /// What every node was ever paid, token units, by registry index, read a page at a time.
    pub fn claimed_by_all(&self) -> Answer<'_, Vec<u128>> {
        Box::pin(async move {
            let count = self.node_count().await?;
            let (mut claimed, mut first) = (Vec::new(), 0);
            while first < count {
                let limit = PAGE_SIZE.min(count - first);
                let page = RewardVault::accountsCall { first, limit };
                let page = self.vault_view(page).await?;
                claimed.extend(page.iter().map(|account| account.claimed.to::<u128>()));
                first += limit;
            }
            Ok(claimed)
        })
    }

    /// All that was ever paid to nodes, token units.
    pub fn paid(&self) -> Answer<'_, U256> {
        Box::pin(async move {
            let claimed = self.claimed_by_all().await?;
            // Each is below 2^96.
            Ok(claimed.into_iter().map(U256::from).sum())
        })
    }

    // ---- The token ----

    /// An account's balance of the network's token, token units.
    pub fn token_balance(&self, account: Address) -> Answer<'_, U256> {
        self.view(self.inner.token, TestToken::balanceOfCall { account })
    }

    /// Decimal places and symbol of the network's token.
    pub fn token_unit(&self) -> Answer<'_, (u8, String)> {
        Box::pin(async move {
            let token = self.inner.token;
            let decimals = self.view(token, TestToken::decimalsCall {}).await?;
            let symbol = self.view(token, TestToken::symbolCall {}).await?;
            Ok((decimals, symbol))
        })
    }

    /// Sends network tokens from this account to another.
    pub fn transfer_token(&self, to: Address, amount: U256) -> Answer<'_, Sent> {
        let call = TestToken::transferCall { to, value: amount };
        self.send(self.inner.token, call)
    }

    /// Sends a call by which one of the network's contracts takes exactly `amount` token units from this account, once it
    /// may. A call that is in the air already is brought to its end first: to begin with the approval again would have the
    /// amount taken twice.
    pub(super) fn send_approved<C: SolCall>(
        &self,
        to: Address,
        amount: U256,
        call: C,
    ) -> Answer<'_, Sent> {
        let rpc = &self.inner.rpc;
        let (name, data) = (name_of::<C>(), Bytes::from(call.abi_encode()));
        Box::pin(async move {
            if let Some(sent) = rpc.resume(name, to, data.clone()).await? {
                return Ok(sent);
            }
            let (spender, value) = (to, amount);
            let approval = TestToken::approveCall { spender, value };
            self.send(self.inner.token, approval).await?;
            let receipt = rpc.send_data(name, to, data, self.until).await?;
            Ok(Sent::from(&receipt))
        })
    }
}
