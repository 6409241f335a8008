//! For tests: a core on a temporary folder with a clock that is set, and a chain that is made up.
#![expect(
    clippy::result_large_err,
    reason = "the chain's errors are as large as they are"
)]

use crate::chain::funds::Funds;
use crate::chain::ledger::Ledger;
use crate::chain::registry::Registry;
use crate::contents::catalogue::Catalogue;
use crate::contents::handed_in::HandedIn;
use crate::contents::origin_address::Allowed;
use crate::contents::origins::Origins;
use crate::contents::publication::{Naming, PublicationDesk};
use crate::contents::seal_keys::SealKeys;
use crate::core::Core;
use crate::metrics::Metrics;
use crate::nodes::NodeDesk;
use crate::nodes::membership::{Members, MembersConfig};
use crate::nodes::ordering::OrderDesk;
use crate::nodes::orders::Orders;
use crate::nodes::overlay::Overlay;
use crate::nodes::sources::FillDesk;
use crate::requests::route::RouteDesk;
use crate::rules::issuing::IssuerTerms;
use crate::rules::promises::Reading;
use crate::tickets::issuer::{Issuer, IssuerConfig};
use crate::tickets::quota::{NetworkQuota, NetworkQuotas, PayerQuota};
use crate::tickets::ticket_log::Seal;
use crate::viewers::access::Access;
use content::{OnDamage, Store};
use contracts::{Agreed, ChainError, Parameters, Revert, Version};
use disk::DiskError;
use host::{Clock, Host};
use protocol::{
    AMOUNT_END, Address, B256, ClientKey, CollectionId, Epoch, IssuerKey, NO_VIEWER_TOKEN, Network,
    NodeId, SigningKey, Ticket, TicketId, Timeline, Windows,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const WINDOWS: Windows = Windows {
    epoch_length: 10,
    ticket_tail: 2,
    commit_window: 5,
    force_window: 3,
    challenge_window: 5,
};
pub(crate) static TIMELINE: Timeline = Timeline::fixed(1000, WINDOWS);
pub(crate) const NETWORK: Network = Network {
    chain_id: 31_337,
    settlement: Address::repeat_byte(9),
};
pub(crate) const PAYER: Address = Address::repeat_byte(0xaa);
pub(crate) const TOKEN: &str = "correct horse battery";

pub(crate) fn issuer_key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// A clock that a test sets, in milliseconds.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(crate) fn at(ms: u64) -> Self {
        Self(Arc::new(AtomicU64::new(ms)))
    }

    pub(crate) fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = self.0.clone();
        Clock::new(move || time.load(Ordering::SeqCst))
    }
}

/// One version, by [`TIMELINE`].
pub(crate) fn agreed() -> Agreed {
    let parameters = Parameters {
        epoch_length: WINDOWS.epoch_length,
        ticket_tail: WINDOWS.ticket_tail,
        commit_window: WINDOWS.commit_window,
        force_window: WINDOWS.force_window,
        challenge_window: WINDOWS.challenge_window,
        sla_floor_ppm: 0,
        ttfb_ms_max: 500,
        throughput_min: 1,
        price_per_gib: 1,
        verifier_bond: 0,
        issuer_bond: 0,
        node_stake: 0,
    };
    let first = Version {
        first_epoch: 0,
        start: TIMELINE.genesis(),
        parameters,
    };
    Agreed::new(vec![first]).unwrap()
}

pub(crate) fn issuer_config() -> IssuerConfig {
    IssuerConfig {
        terms: IssuerTerms {
            network: NETWORK,
            issuer: 4,
            ttl_ms: 60_000,
            tickets_max: 1000,
        },
        agreed: agreed(),
    }
}

/// Funds of a payer who can pay for anything.
pub(crate) fn rich(payer: Address) -> Arc<Funds> {
    let funds = Funds::new(PayerQuota::default(), 100);
    funds.learn(Reading {
        next: 0,
        prices: BTreeMap::from([(0, 1)]),
        left: [(payer, AMOUNT_END)].into(),
    });
    Arc::new(funds)
}

/// A core with everything in `dir`.
pub(crate) fn core(dir: &Path, clock: &TestClock) -> Arc<Core> {
    core_with(dir, clock, Overlay::default())
}

/// A ticket as the issuer of [`issuer_config`] gives it.
pub(crate) fn unsigned() -> Ticket {
    let terms = issuer_config().terms;
    Ticket {
        network: terms.network,
        id: TicketId {
            epoch: 0,
            issuer: terms.issuer,
            index: 0,
        },
        node: NodeId::from([1; 32]),
        client: ClientKey::from([2; 32]),
        collection: CollectionId::from([0xff; 32]),
        payer: PAYER,
        viewer_token: NO_VIEWER_TOKEN,
        bytes_max: 1000,
        issued_at: 1_001_000,
        expires_at: 1_009_000,
    }
}

/// A core with that map.
pub(crate) fn core_with(dir: &Path, clock: &TestClock, overlay: Overlay) -> Arc<Core> {
    let funds = rich(PAYER);
    let host = Host {
        clock: clock.clock(),
        ..Host::system()
    };
    let issuer = Issuer::open(
        &host.disk,
        &dir.join("tickets"),
        issuer_config(),
        issuer_key(),
        clock.clock(),
        funds.clone(),
    );
    let seal_keys = Arc::new(SealKeys::open(&host, dir).unwrap());
    let catalogue = Arc::new(Catalogue::open(&host.disk, &dir.join("catalogue")).unwrap());
    let orders = Arc::new(Orders::open(&host.disk, dir, clock.clock()).unwrap());
    let issuer = Arc::new(issuer.unwrap());
    let metrics = Arc::new(Metrics::default());
    let access = Access::new(clock.clock(), catalogue.clone(), orders.clone());
    let contents = Arc::new(PublicationDesk {
        catalogue,
        store: Store::open(&host.disk, &dir.join("store"), u64::MAX, OnDamage::Refuse).unwrap(),
        origins: Origins::open(
            &host,
            &dir.join("origins"),
            Allowed::default(),
            seal_keys.clone(),
        )
        .unwrap(),
        seal_keys,
        handed_in: HandedIn::open(
            &host.disk,
            dir,
            |_| true,
            || Ok::<_, DiskError>(BTreeSet::new()),
        )
        .unwrap(),
        payer: PAYER,
        clock: clock.clock(),
        naming: Naming::default(),
    });
    // Tests don't race the machine's clock.
    let members = Arc::new(Members::new(
        MembersConfig {
            timeout: Duration::from_secs(3600),
            dial_back: false,
            idle_sessions: 64,
        },
        overlay,
    ));
    let fills = Arc::new(FillDesk {
        network: NETWORK,
        issuer_index: 4,
        issuer: issuer.clone(),
        contents: contents.clone(),
        members: members.clone(),
        replicas: 2,
        metrics: metrics.clone(),
        clock: clock.clock(),
        holders: host::Mutex::default(),
    });
    let ordering = OrderDesk {
        orders,
        nodes: Arc::new(Registry::new()),
        members: members.clone(),
        contents: contents.clone(),
        fills: fills.clone(),
        ticket_ttl_ms: issuer_config().terms.ttl_ms,
        clock: clock.clock(),
    };
    let nodes = Arc::new(NodeDesk {
        members,
        fills,
        ordering,
        contents: contents.clone(),
        issuer: issuer.clone(),
        agreed: agreed(),
        metrics: metrics.clone(),
        host: host.clone(),
    });
    let payers = Arc::new(Registry::of([PAYER]));
    let routes = Arc::new(RouteDesk {
        contents: contents.clone(),
        nodes: nodes.clone(),
        gateways: Arc::default(),
        access,
        payers: payers.clone(),
        funds: funds.clone(),
        quotas: NetworkQuotas::new(NetworkQuota::default()),
        began: Instant::now(),
        issuer: issuer.clone(),
        tickets_per_route: 3,
        agreed: agreed(),
        metrics: metrics.clone(),
        clock: clock.clock(),
    });
    Arc::new(Core {
        network: NETWORK,
        issuer_key: IssuerKey::from(issuer_key().verifying_key().to_bytes()),
        issuer_index: 4,
        join_address: "join.test:4433".into(),
        public_url: None,
        agreed: agreed(),
        routes,
        nodes,
        contents,
        issuer,
        payers,
        funds,
        metrics,
        connections: Arc::default(),
        host,
    })
}

#[derive(Debug, Default)]
pub(crate) struct FakeState {
    pub(crate) now: u64,
    pub(crate) next_epoch: Epoch,
    pub(crate) logs: BTreeMap<Epoch, B256>,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) payers: Vec<Address>,
    pub(crate) deposits: BTreeMap<Address, u128>,
    /// Sum of all bills by epoch.
    pub(crate) billed: BTreeMap<Epoch, u128>,
    pub(crate) bills_root: Option<B256>,
    pub(crate) price: u128,
    /// Calls that go well before one that fails.
    pub(crate) fail_at: Option<usize>,
    /// Commitments that are mined although the answer gets lost.
    pub(crate) lost_answers: usize,
    pub(crate) sent: usize,
}

/// A chain with the settlement contract's rules for committing.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeLedger(pub(crate) Arc<Mutex<FakeState>>);

impl FakeLedger {
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut FakeState) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn answer<T>(&self, act: impl FnOnce(&mut FakeState) -> T) -> Result<T, ChainError> {
        self.with(|state| {
            match state.fail_at {
                Some(0) => {
                    state.fail_at = None;
                    return Err(timed_out());
                }
                Some(left) => state.fail_at = Some(left - 1),
                None => {}
            }
            Ok(act(state))
        })
    }
}

fn timed_out() -> ChainError {
    ChainError::TimedOut {
        url: "http://test".into(),
        call: "test",
    }
}

fn reverted(name: &str) -> ChainError {
    ChainError::Reverted {
        call: "commitTicketLog",
        revert: Revert {
            name: name.into(),
            values: Vec::new(),
        },
    }
}

impl Ledger for FakeLedger {
    async fn now(&self) -> Result<u64, ChainError> {
        self.answer(|state| state.now)
    }

    async fn next_epoch(&self) -> Result<Epoch, ChainError> {
        self.answer(|state| state.next_epoch)
    }

    async fn ticket_log(&self, epoch: Epoch, _: u32) -> Result<Option<B256>, ChainError> {
        self.answer(|state| state.logs.get(&epoch).copied())
    }

    async fn commit(&self, epoch: Epoch, _: u32, seal: Seal) -> Result<(), ChainError> {
        self.answer(|state| {
            let end = TIMELINE.end(epoch);
            if state.now < end {
                return Err(reverted("EpochNotOver"));
            }
            if state.now > end + u64::from(WINDOWS.commit_window) {
                return Err(reverted("CommitWindowOver"));
            }
            if state.logs.contains_key(&epoch) {
                return Err(reverted("AlreadyCommitted"));
            }
            state.logs.insert(epoch, seal.root().unwrap().hash());
            state.sent += 1;
            if state.lost_answers > 0 {
                state.lost_answers -= 1;
                return Err(timed_out());
            }
            Ok(())
        })?
    }

    async fn nodes_from(&self, first: u32) -> Result<Vec<NodeId>, ChainError> {
        self.answer(|state| {
            state
                .nodes
                .get(first as usize..)
                .unwrap_or_default()
                .to_vec()
        })
    }

    async fn billed_to_all(&self, epoch: Epoch) -> Result<u128, ChainError> {
        self.answer(|state| state.billed.get(&epoch).copied().unwrap_or(0))
    }

    async fn bills_root(&self, _: Epoch) -> Result<Option<B256>, ChainError> {
        self.answer(|state| state.bills_root)
    }

    async fn deposit_of(&self, payer: Address) -> Result<u128, ChainError> {
        self.answer(|state| state.deposits.get(&payer).copied().unwrap_or(0))
    }

    async fn price_at(&self, _: Epoch) -> Result<u128, ChainError> {
        self.answer(|state| state.price)
    }

    async fn payers_from(&self, first: u32) -> Result<Vec<Address>, ChainError> {
        self.answer(|state| {
            let payers = state.payers.get(first as usize..);
            payers.unwrap_or_default().to_vec()
        })
    }
}
