//! Links: how long what is sent takes, and whether it comes.

use super::inbox::{Datagram, Inbox};
use super::outages::{Life, Shared};
use super::wire::{self, Wire};
use crate::world::dice::Dice;
use crate::world::trace::Trace;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// First port that is given to who wants any.
const FIRST_PORT: u16 = 49_152;
/// Who doesn't come through in this time gives up, as systems do.
const DIAL_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks whether a host has power again.
const DIAL_AGAIN: Duration = Duration::from_secs(1);

/// How links are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    /// Shortest time that anything takes, one way.
    pub(crate) delay: Duration,
    /// What datagrams may take beyond it: those with less overtake others.
    pub(crate) jitter: Duration,
    /// Datagrams lost, of a million.
    pub(crate) lost_ppm: u32,
}

/// All hosts' network; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) links: Links,
    pub(super) dice: Dice,
    pub(super) trace: Trace,
    pub(super) outages: Shared,
    pub(super) sent: u64,
    /// Bytes of datagrams, lost ones too, by the host that they were sent to.
    pub(super) sent_bytes: BTreeMap<IpAddr, u64>,
    pub(super) inboxes: BTreeMap<SocketAddr, Arc<Inbox>>,
    pub(super) listeners: BTreeMap<SocketAddr, mpsc::Sender<(Wire, SocketAddr)>>,
    pub(super) next_port: BTreeMap<IpAddr, u16>,
}

impl Net {
    pub(crate) fn new(links: Links, dice: Dice, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(State {
            links,
            dice,
            trace,
            outages: Shared::default(),
            sent: 0,
            sent_bytes: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            next_port: BTreeMap::new(),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a datagram: it comes late, maybe after later ones, or never.
    pub(super) fn send(&self, (from, life): (SocketAddr, Life), to: SocketAddr, bytes: &[u8]) {
        let mut state = self.state();
        if state.outages.lock().life(from.ip()) != life {
            return;
        }
        state.sent += 1;
        let number = state.sent;
        let lost = state.dice.below(1_000_000) < u64::from(state.links.lost_ppm);
        let lost = lost || state.outages.lock().is_shut(from.ip(), to.ip());
        let jitter_us = state.links.jitter.as_micros() as u64 + 1;
        let jitter = Duration::from_micros(state.dice.below(jitter_us));
        let due = Instant::now() + state.links.delay + jitter;
        let length = bytes.len();
        *state.sent_bytes.entry(to.ip()).or_default() += length as u64;
        state.trace.note(|| {
            format!(
                "datagram {from} {to} {length} {}",
                if lost { "lost" } else { "" }
            )
        });
        // Nobody hears of one that is lost, nor of one to where nobody is.
        let Some(inbox) = state.inboxes.get(&to).filter(|_| !lost) else {
            return;
        };
        let bytes = bytes.to_vec();
        inbox.put((due, number), Datagram { from, bytes });
    }

    /// Bytes of all datagrams that were sent to a host.
    pub(crate) fn sent_to(&self, to: IpAddr) -> u64 {
        let sent = self.state().sent_bytes.get(&to).copied();
        sent.unwrap_or_default()
    }

    /// Connects from a host to a listener, one round trip later.
    pub(super) async fn dial(
        &self,
        (from, life): (IpAddr, Life),
        to: SocketAddr,
    ) -> io::Result<Wire> {
        let gives_up = Instant::now() + DIAL_MAX;
        let (delay, ours, outages, trace) = {
            let mut state = self.state();
            let ours = SocketAddr::new(from, state.port(from));
            state.trace.note(|| format!("dial {ours} {to}"));
            let (outages, trace) = (state.outages.clone(), state.trace.clone());
            (state.links.delay, ours, outages, trace)
        };
        loop {
            let (is_ours, open, is_off) = {
                let outages = outages.lock();
                let open = outages.open_at(from, to.ip());
                (outages.life(from) == life, open, outages.is_off(to.ip()))
            };
            if !is_ours {
                return std::future::pending().await;
            }
            let again = match is_off {
                true => open + DIAL_AGAIN,
                false => open,
            };
            if again >= gives_up {
                sleep_until(gives_up).await;
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep_until(again).await;
            if !is_off {
                break;
            }
        }
        tokio::time::sleep(2 * delay).await;
        let incoming = self.state().listeners.get(&to).cloned();
        let incoming = incoming.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (here, there) = wire::pair((&outages, &trace), (ours, to), delay);
        let sent = incoming.send((there, ours)).await;
        sent.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(here)
    }

    /// Shuts the way between a host and another, or all others, until then: datagrams are lost, streams wait.
    pub(crate) fn shut(&self, host: IpAddr, other: Option<IpAddr>, until: Instant) {
        self.state().outages.lock().shut(host, other, until);
    }

    /// Cuts a host's power: nobody hears more of what runs there.
    pub(crate) fn power_off(&self, host: IpAddr) {
        let mut state = self.state();
        state.inboxes.retain(|at, _| at.ip() != host);
        state.listeners.retain(|at, _| at.ip() != host);
        state.outages.lock().power_off(host);
    }

    /// A host has power again.
    pub(crate) fn power_on(&self, host: IpAddr) {
        self.state().outages.lock().power_on(host);
    }
}

impl State {
    pub(super) fn port(&mut self, ip: IpAddr) -> u16 {
        let next = self.next_port.entry(ip).or_insert(FIRST_PORT);
        let port = *next;
        // A world that runs out has a leak.
        *next = next
            .checked_add(1)
            .expect("a host has 16,384 ports to give");
        port
    }
}
