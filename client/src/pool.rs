//! A session per collection, kept open for many requests, and the way to the next one.
//!
//! A route is a list of nodes with a ticket for each. The pool opens a session with the first that accepts
//! and keeps it until its ticket ends or the node fails. When the ticket ends it takes a new route; when the
//! node fails, the next on the list, and a new route at the list's end. Nodes that failed are left out for a
//! while.

use crate::clock::TicketClock;
use crate::config::ClientConfig;
use crate::control_api::{ApiError, ControlApi};
use crate::fault::{Attempt, Blame, Fault};
use crate::recent::Recent;
use crate::session::{Link, Session, SessionLimits};
use crate::statistics::Statistics;
use host::Mutex;
use protocol::api::{MeasuredNode, RouteRequest, RoutedNode};
use protocol::{ALPN_NODE, ClientKey, CollectionId, NodeId, SealKey, ServiceTargets, ViewerToken};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use transport::connect;

/// A node that failed is left out for this long.
const FAILED_EXCLUSION: Duration = Duration::from_secs(60);
/// A node that lied is left out for this long.
const LIED_EXCLUSION: Duration = Duration::from_secs(600);
/// Nodes left out at most, and named to the control plane; the ones that come back soonest give way.
const EXCLUDED_MAX: usize = 256;
/// Round trips told to the control plane at a time.
const MEASURED_MAX: usize = 32;
/// Nodes of one answer that are tried.
const CANDIDATES_MAX: usize = 16;
/// Routes asked for without a byte of progress in between.
pub(crate) const ROUTES_MAX: u32 = 5;
/// Before the second of these; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(200);
/// Collections with a session at a time; one that is asked for by way of several nodes counts for each.
const COLLECTIONS_MAX: usize = 256;

/// What one fetch has tried so far.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) attempts: Vec<Attempt>,
    /// Routes asked for since there was progress.
    pub(crate) routes: u32,
    /// What the last of them came to, if it failed.
    pub(crate) route_error: Option<ApiError>,
}

/// No node is left to ask: the trail says why.
#[derive(Debug)]
pub(crate) struct Exhausted;

#[derive(Debug, Clone, Copy)]
struct Exclusion {
    until: Instant,
    lied: bool,
}

/// How content is to be had. Sessions are shared by those who want the same collection in the same way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Way {
    /// From this node as long as the control plane routes to it and it doesn't fail; then from others.
    pub prefer: Option<NodeId>,
    /// On this token, where the collection needs one.
    pub token: Option<ViewerToken>,
}

/// What a way to a collection is called. The token is hashed, with its signature: how long the search among the slots
/// takes then tells nothing of those that others have.
type SlotKey = (CollectionId, Option<NodeId>, Option<[u8; 32]>);

fn slot_key(collection: CollectionId, way: &Way) -> SlotKey {
    let token = way.token.as_ref();
    let token = token.map(|token| blake3::hash(token.as_str().as_bytes()).into());
    (collection, way.prefer, token)
}

#[derive(Debug, Default)]
struct Slot {
    session: Option<Arc<Session>>,
    candidates: VecDeque<RoutedNode>,
    /// Where the last session was.
    last: Option<NodeId>,
    /// When they came.
    came: Option<Instant>,
    targets: Option<ServiceTargets>,
}

#[derive(Debug)]
pub(crate) struct Pool {
    config: ClientConfig,
    key: ClientKey,
    control: ControlApi,
    endpoint: quinn::Endpoint,
    statistics: Arc<Statistics>,
    /// One lock a collection, held while a session is opened: whoever else wants one waits for it
    /// instead of opening another.
    slots: Mutex<Recent<SlotKey, Arc<tokio::sync::Mutex<Slot>>>>,
    links: Mutex<BTreeMap<NodeId, Weak<Link>>>,
    excluded: Mutex<BTreeMap<NodeId, Exclusion>>,
    /// What opens the collections that there were routes for.
    keys: Mutex<Recent<CollectionId, SealKey>>,
    /// The signers. They end by themselves, a bounded time after their sessions.
    signers: Mutex<JoinSet<()>>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Sessions that nobody finished settle by themselves, in a bounded time.
        self.signers.lock().detach_all();
    }
}

impl Pool {
    pub(crate) fn new(
        config: ClientConfig,
        control: ControlApi,
        endpoint: quinn::Endpoint,
        statistics: Arc<Statistics>,
    ) -> Self {
        Self {
            key: config.key.verifying_key().to_bytes().into(),
            config,
            control,
            endpoint,
            statistics,
            slots: Mutex::new(Recent::new(COLLECTIONS_MAX)),
            links: Mutex::default(),
            excluded: Mutex::default(),
            keys: Mutex::new(Recent::new(COLLECTIONS_MAX)),
            signers: Mutex::default(),
        }
    }

    /// A session whose ticket covers the beginning of this range, and what to measure it by. Cancel safe.
    pub(crate) async fn session(
        &self,
        collection: CollectionId,
        way: &Way,
        span: &Range<u64>,
        trail: &mut Trail,
    ) -> Result<(Arc<Session>, ServiceTargets), Exhausted> {
        let slot = self.slot(slot_key(collection, way));
        let mut slot = slot.lock().await;
        loop {
            if let (Some(session), Some(targets)) = (&slot.session, slot.targets) {
                if session.is_open() && session.ledger.has_room_for(span) {
                    return Ok((Arc::clone(session), targets));
                }
                slot.session = None;
            }
            if let Some(node) = slot.last.take()
                && !self.is_excluded(&node)
            {
                // Its ticket ended, by no fault of its own. Who comes first now, most likely it, is better
                // than who came second then, and whoever did is better than none.
                let routed = self.route(collection, way, &mut slot, trail).await;
                if slot.candidates.is_empty() {
                    routed?;
                }
            }
            let Some(candidate) = slot.candidates.pop_front() else {
                self.route(collection, way, &mut slot, trail).await?;
                continue;
            };
            let came = slot.came.unwrap_or_else(Instant::now);
            if self.is_excluded(&candidate.node) {
                continue;
            }
            let wall_ms = self.config.host.clock.now_ms();
            let clock = TicketClock::new(&candidate.ticket.peek(), came, wall_ms);
            let deadline = clock.deadline(self.config.expiry_margin);
            if Instant::now() >= deadline {
                continue;
            }
            match self.open(&candidate, clock).await {
                Ok(session) => {
                    slot.last = Some(candidate.node);
                    slot.session = Some(Arc::new(session));
                }
                Err(fault) => {
                    let blame = fault.blame(Instant::now() >= deadline);
                    self.blamed(candidate.node, blame);
                    trail.attempts.push(Attempt::failed(candidate.node, fault));
                }
            }
        }
    }

    /// What opens a sealed collection: as the last route for it said, or one that is asked for now, whose
    /// tickets then serve the next session. `None` if a route names no key. Cancel safe.
    pub(crate) async fn seal_key(
        &self,
        collection: CollectionId,
        way: &Way,
        trail: &mut Trail,
    ) -> Result<Option<SealKey>, Exhausted> {
        let known = || self.keys.lock().get(&collection).cloned();
        if let Some(key) = known() {
            return Ok(Some(key));
        }
        let slot = self.slot(slot_key(collection, way));
        let mut slot = slot.lock().await;
        // Whoever held it may have had a route.
        while known().is_none() {
            self.route(collection, way, &mut slot, trail).await?;
            if trail.route_error.is_none() {
                break;
            }
        }
        Ok(known())
    }

    /// Lets go of a session that no new request is to use. It settles by itself when the last request
    /// under it has ended.
    pub(crate) async fn retire(&self, collection: CollectionId, way: &Way, session: &Arc<Session>) {
        let slot = self.slot(slot_key(collection, way));
        let mut slot = slot.lock().await;
        if slot
            .session
            .as_ref()
            .is_some_and(|s| Arc::ptr_eq(s, session))
        {
            slot.session = None;
        }
    }

    /// Draws the consequence of what a node did.
    pub(crate) fn blamed(&self, node: NodeId, blame: Blame) {
        let exclusion = match blame {
            Blame::Ticket => return,
            Blame::Lied => LIED_EXCLUSION,
            Blame::Failed | Blame::Leaving => FAILED_EXCLUSION,
        };
        self.statistics.fault(node);
        // The next session there, if there is one, gets a connection of its own.
        self.links.lock().remove(&node);
        let mut excluded = self.excluded.lock();
        if excluded.len() >= EXCLUDED_MAX {
            let soonest = excluded.iter().min_by_key(|(_, e)| e.until);
            if let Some(soonest) = soonest.map(|(node, _)| *node) {
                excluded.remove(&soonest);
            }
        }
        let entry = Exclusion {
            until: Instant::now() + exclusion,
            lied: blame == Blame::Lied,
        };
        excluded.insert(node, entry);
    }

    /// Lets go of all sessions and waits for their last acknowledgements, for a bounded time.
    pub(crate) async fn settle(&self) {
        self.slots.lock().clear();
        let mut signers = std::mem::take(&mut *self.signers.lock());
        let all = async { while signers.join_next().await.is_some() {} };
        // A signer bounds itself by the same time once its session is over; the rest is for scheduling.
        let bound = self.config.settle_timeout + Duration::from_secs(1);
        if timeout(bound, all).await.is_err() {
            tracing::debug!("sessions were still in use when the client finished");
            // Their requests go on: so do their signers.
            signers.detach_all();
        }
    }

    fn slot(&self, key: SlotKey) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        if slots.lacks_room_for(&key) {
            // Those with nothing open first.
            slots.retain(|slot| {
                slot.try_lock().map_or(true, |slot| {
                    slot.session
                        .as_ref()
                        .is_some_and(|session| session.is_open())
                })
            });
        }
        let slot = Arc::default();
        slots.insert(key, Arc::clone(&slot));
        slot
    }

    async fn route(
        &self,
        collection: CollectionId,
        way: &Way,
        slot: &mut Slot,
        trail: &mut Trail,
    ) -> Result<(), Exhausted> {
        if trail.routes >= ROUTES_MAX {
            return Err(Exhausted);
        }
        if trail.routes > 0 {
            sleep(BACKOFF * (1 << (trail.routes - 1))).await;
        }
        trail.routes += 1;
        let request = RouteRequest {
            exclude: self.excluded_nodes(),
            measured: self.measured(),
            viewer_token: way.token.clone(),
            ..RouteRequest::new(collection.to_string(), self.key)
        };
        let answer = match self.control.route(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                // Better a node that failed before than none.
                let forgiven = self.forgive_failed();
                let again = error.is_retryable() || forgiven;
                trail.route_error = Some(error);
                return if again { Ok(()) } else { Err(Exhausted) };
            }
        };
        trail.route_error = None;
        if let Some(key) = answer.key {
            self.keys.lock().insert(collection, key);
        }
        slot.came = Some(Instant::now());
        slot.targets = Some(answer.targets);
        let ours = |routed: &RoutedNode| {
            let ticket = routed.ticket.peek();
            ticket.node == routed.node
                && ticket.client == self.key
                && ticket.collection == collection
                && self.config.only_node.is_none_or(|only| only == routed.node)
                && !self.is_excluded(&routed.node)
        };
        slot.candidates = answer
            .nodes
            .into_iter()
            .filter(ours)
            .take(CANDIDATES_MAX)
            .collect();
        let preferred = slot
            .candidates
            .iter()
            .position(|c| Some(c.node) == way.prefer);
        if let Some(first) = preferred.and_then(|at| slot.candidates.remove(at)) {
            slot.candidates.push_front(first);
        }
        if slot.candidates.is_empty() {
            self.forgive_failed();
        }
        Ok(())
    }

    async fn open(&self, candidate: &RoutedNode, clock: TicketClock) -> Result<Session, Fault> {
        let bound = self.config.connect_timeout;
        let link = timeout(bound, self.link(candidate))
            .await
            .map_err(|_| Fault::Silent(bound))??;
        let limits = SessionLimits {
            connect_timeout: bound,
            expiry_margin: self.config.expiry_margin,
            settle_timeout: self.config.settle_timeout,
        };
        let (session, signer) =
            Session::open(link, candidate.ticket, clock, &self.config.key, limits).await?;
        self.statistics.opened(&session.ledger);
        let mut signers = self.signers.lock();
        // Those that have ended make room.
        while signers.try_join_next().is_some() {}
        signers.spawn(signer);
        Ok(session)
    }

    async fn link(&self, candidate: &RoutedNode) -> Result<Arc<Link>, Fault> {
        let node = candidate.node;
        let known = self.links.lock().get(&node).and_then(Weak::upgrade);
        if let Some(link) = known.filter(|link| link.connection.close_reason().is_none()) {
            return Ok(link);
        }
        let connection = connect(
            &self.endpoint,
            &candidate.address,
            *node.as_bytes(),
            ALPN_NODE,
            None,
        )
        .await?;
        let link = Arc::new(Link::new(node, connection));
        let mut links = self.links.lock();
        links.retain(|_, link| link.strong_count() > 0);
        links.insert(node, Arc::downgrade(&link));
        Ok(link)
    }

    fn is_excluded(&self, node: &NodeId) -> bool {
        let now = Instant::now();
        self.excluded
            .lock()
            .get(node)
            .is_some_and(|exclusion| exclusion.until > now)
    }

    /// Round trips to the nodes that there is a connection to.
    fn measured(&self) -> Vec<MeasuredNode> {
        let links = self.links.lock();
        let open = links.values().filter_map(Weak::upgrade);
        open.take(MEASURED_MAX)
            .map(|link| MeasuredNode {
                node: link.node,
                rtt_us: u32::try_from(link.connection.rtt().as_micros()).unwrap_or(u32::MAX),
            })
            .collect()
    }

    fn excluded_nodes(&self) -> Vec<NodeId> {
        let now = Instant::now();
        let mut excluded = self.excluded.lock();
        excluded.retain(|_, exclusion| exclusion.until > now);
        excluded.keys().copied().collect()
    }

    /// Takes back the exclusion of those that failed but didn't lie; whether there were any.
    fn forgive_failed(&self) -> bool {
        let mut excluded = self.excluded.lock();
        let before = excluded.len();
        excluded.retain(|_, exclusion| exclusion.lied);
        excluded.len() < before
    }
}
