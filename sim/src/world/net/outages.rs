//! What is shut: ways between hosts for a while, and hosts without power.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use tokio::time::Instant;

/// A host's life, from power to power: what a process of an earlier one still does goes nowhere.
pub(super) type Life = u32;

/// What is shut, and whom it hits.
#[derive(Debug, Default)]
pub(super) struct Outages {
    shut: Vec<Shut>,
    lives: BTreeMap<IpAddr, Life>,
    off: BTreeSet<IpAddr>,
    ways: Vec<Weak<Standing>>,
}

/// All hosts'; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Outages>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Outages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How one direction of a connection stands.
#[derive(Debug)]
pub(super) struct Standing {
    between: (IpAddr, IpAddr),
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    health: Health,
    /// Who last read, and who last wrote.
    wakers: [Option<Waker>; 2],
}

/// Whether a connection is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    /// It is.
    #[default]
    Whole,
    /// One end has lost power: nothing moves.
    Frozen,
    /// That end is back, and knows of no such connection.
    Reset,
}

/// Which end of a direction asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Reads,
    Writes,
}

impl Standing {
    pub(super) fn new(between: (IpAddr, IpAddr)) -> Self {
        Self {
            between,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands; whoever asks is woken when it is reset.
    pub(super) fn health(&self, end: End, waker: &Waker) -> Health {
        let mut state = self.state();
        match &mut state.wakers[end as usize] {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        state.health
    }

    fn freeze(&self) {
        self.state().health = Health::Frozen;
    }

    fn reset_if_frozen(&self) {
        let mut state = self.state();
        if state.health == Health::Frozen {
            state.health = Health::Reset;
            let wakers = state.wakers.iter_mut();
            wakers.filter_map(Option::take).for_each(Waker::wake);
        }
    }
}

/// What one host and another, or all others, send each other waits or is lost.
#[derive(Clone, Copy, Debug)]
struct Shut {
    host: IpAddr,
    other: Option<IpAddr>,
    until: Instant,
}

impl Shut {
    fn hits(&self, from: IpAddr, to: IpAddr) -> bool {
        let one_way = |a, b| a == self.host && self.other.is_none_or(|other| other == b);
        one_way(from, to) || one_way(to, from)
    }
}

impl Outages {
    /// Shuts the way between a host and another, or all others, until then.
    pub(super) fn shut(&mut self, host: IpAddr, other: Option<IpAddr>, until: Instant) {
        let now = Instant::now();
        self.shut.retain(|one| one.until > now);
        self.shut.push(Shut { host, other, until });
    }

    /// When what is sent now may leave: at once unless the way is shut.
    pub(super) fn open_at(&self, from: IpAddr, to: IpAddr) -> Instant {
        let hit = self.shut.iter().filter(|one| one.hits(from, to));
        let now = Instant::now();
        hit.map(|one| one.until)
            .max()
            .map_or(now, |until| until.max(now))
    }

    /// Whether a way is shut.
    pub(super) fn is_shut(&self, from: IpAddr, to: IpAddr) -> bool {
        self.open_at(from, to) > Instant::now()
    }

    /// The life that a host has now.
    pub(super) fn life(&self, host: IpAddr) -> Life {
        self.lives.get(&host).copied().unwrap_or_default()
    }

    /// Whether a host has no power.
    pub(super) fn is_off(&self, host: IpAddr) -> bool {
        self.off.contains(&host)
    }

    /// Ends a host's life: its connections stand still.
    pub(super) fn power_off(&mut self, host: IpAddr) {
        *self.lives.entry(host).or_default() += 1;
        self.off.insert(host);
        for way in self.ways_of(host) {
            way.freeze();
        }
    }

    /// Gives it another: who is still connected to the one before hears that there is no such connection.
    pub(super) fn power_on(&mut self, host: IpAddr) {
        self.off.remove(&host);
        for way in self.ways_of(host) {
            way.reset_if_frozen();
        }
    }

    /// Keeps how a direction of a connection stands.
    pub(super) fn connected(&mut self, way: &Arc<Standing>) {
        self.ways.retain(|way| way.strong_count() > 0);
        self.ways.push(Arc::downgrade(way));
    }

    fn ways_of(&self, host: IpAddr) -> Vec<Arc<Standing>> {
        let ways = self.ways.iter().filter_map(Weak::upgrade);
        let of = |way: &Arc<Standing>| way.between.0 == host || way.between.1 == host;
        ways.filter(of).collect()
    }
}
