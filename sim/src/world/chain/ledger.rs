//! The chain itself: its blocks, the state after them, and what is pending.

use alloy::primitives::{Address, B256, U256};
use revm::DatabaseRef;
use revm::context::BlockEnv;
use revm::database::CacheDB;
use revm::state::AccountInfo;
use std::collections::BTreeMap;

use super::block::Block;
use super::draft::{self, Draft};
use super::evm::{Layer, State};
use super::pool::Pool;

/// What a chain begins with.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Its id.
    pub chain_id: u64,
    /// Time of block 0, Unix seconds.
    pub time_s: u64,
    /// Accounts that have something, and how much, wei.
    pub funded: Vec<(Address, U256)>,
    /// When blocks are made.
    pub mining: Mining,
}

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// As soon as a transaction comes that can be in one, before its sender has the answer.
    AtOnce,
    /// By [`Chain::mine`] alone.
    OnCall,
}

/// The newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its hash: it commits to all transactions so far and to what came of them.
    pub hash: B256,
    /// Its time, Unix seconds.
    pub time_s: u64,
}

/// A chain; see the head of [`chain`](super).
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) genesis: Genesis,
    pub(super) chain_id: u64,
    pub(super) mining: Mining,
    /// As of the newest block.
    pub(super) state: State,
    /// By number; never empty.
    pub(super) blocks: Vec<Block>,
    /// Block and place in it of each mined transaction.
    pub(super) mined: BTreeMap<B256, (usize, usize)>,
    pub(super) pool: Pool,
}

/// Which state is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The newest block's.
    Head,
    /// That of the block that would be made now.
    Pending,
}

impl Chain {
    /// A chain with nothing on it but funded accounts.
    pub fn new(genesis: Genesis) -> Self {
        let mut state = State::default();
        for (account, balance) in &genesis.funded {
            state.insert_account_info(*account, AccountInfo::from_balance(*balance));
        }
        let first = Block::genesis(genesis.time_s);
        state.cache.block_hashes.insert(U256::ZERO, first.hash());
        Self {
            chain_id: genesis.chain_id,
            mining: genesis.mining,
            state,
            blocks: vec![first],
            mined: BTreeMap::new(),
            pool: Pool::default(),
            genesis,
        }
    }

    /// Makes a block of what is pending and can be in one, maybe of nothing, at `now_s`, Unix seconds; a second after
    /// its parent if that is later.
    pub fn mine(&mut self, now_s: u64) {
        let draft = self.draft_on_state(now_s);
        self.seal(draft);
    }

    /// Says when blocks are made from now on.
    pub fn set_mining(&mut self, mining: Mining) {
        self.mining = mining;
    }

    /// Gives up the blocks since an earlier state of this chain: as many others stand in their place, as old as they
    /// were and empty, and one more. What was in them is pending again.
    pub fn reorganise(&mut self, earlier: Self) {
        let forked = earlier.blocks.len();
        let before = std::mem::replace(self, earlier);
        // What was pending then has come since, or is still pending.
        self.pool = Pool::default();
        for block in before.blocks.iter().skip(forked) {
            let draft = self.draft_on_state(block.time_s());
            self.seal(draft);
        }
        self.mine(before.newest().time_s() + 1);
        let orphans = before
            .blocks
            .iter()
            .skip(forked)
            .flat_map(Block::transactions);
        for tx in orphans
            .map(|tx| tx.inner.clone())
            .chain(before.pool.into_all())
        {
            // Each was taken once.
            let _ = self.pool.insert(tx);
        }
    }

    /// The newest block.
    pub fn head(&self) -> Head {
        let head = self.newest();
        Head {
            number: head.number(),
            hash: head.hash(),
            time_s: head.time_s(),
        }
    }

    // ---- Inside ----

    /// Makes blocks as long as a transaction can be in one.
    pub(super) fn mine_all(&mut self, now_s: u64) {
        loop {
            let draft = self.draft_on_state(now_s);
            if draft.is_empty() {
                return self.pool.remove(&draft.unpayable);
            }
            self.seal(draft);
        }
    }

    /// Runs what is pending on the chain's own state.
    fn draft_on_state(&mut self, now_s: u64) -> Draft {
        let env = self.next_env(now_s);
        draft::draft(&mut self.state, self.chain_id, env, &self.pool)
    }

    fn seal(&mut self, draft: Draft) {
        self.pool.remove(&draft.unpayable);
        self.pool.remove(&draft.taken());
        let block = Block::seal(draft, self.newest());
        let number = self.blocks.len();
        for (place, tx) in block.hashes().enumerate() {
            self.mined.insert(tx, (number, place));
        }
        let hashes = &mut self.state.cache.block_hashes;
        hashes.insert(U256::from(number), block.hash());
        self.blocks.push(block);
    }

    pub(super) fn newest(&self) -> &Block {
        self.blocks.last().expect("there is a first block")
    }

    /// What a transaction in the next block would see.
    pub(super) fn next_env(&self, now_s: u64) -> BlockEnv {
        self.newest().next_env(now_s)
    }

    /// A layer over the state asked for, to be thrown away, and the block that calls on it run in.
    pub(super) fn layer(&self, at: At, now_s: u64) -> (Layer<'_>, BlockEnv) {
        let mut layer = CacheDB::new(&self.state);
        let env = match at {
            At::Head => self.newest().env(),
            At::Pending => {
                let env = self.next_env(now_s);
                draft::draft(&mut layer, self.chain_id, env.clone(), &self.pool);
                env
            }
        };
        (layer, env)
    }

    /// The block that would be made now.
    pub(super) fn pending_block(&self, now_s: u64) -> Block {
        let mut layer = CacheDB::new(&self.state);
        let env = self.next_env(now_s);
        let draft = draft::draft(&mut layer, self.chain_id, env, &self.pool);
        Block::seal(draft, self.newest())
    }

    /// Transactions of an account that are mined.
    pub(super) fn nonce(&self, account: Address) -> u64 {
        let Ok(info) = self.state.basic_ref(account);
        info.map_or(0, |info| info.nonce)
    }
}
