//! The network between hosts: datagrams that are lost, late and out of order, and streams that are late.
//!
//! Every host has one address. What is sent waits at its receiver until it is due, by the world's clock; how long that
//! is, and whether it arrives, the seed decides. Nothing here is a thread, and nothing is sent by the machine.

mod datagrams;
mod http;
mod wire;

use crate::world::dice::Dice;
use crate::world::trace::Trace;
use datagrams::{Inbox, Udp};
use host::{Accept, Http, Listener, Net as Network, Sockets, Stream};
use quinn::AsyncUdpSocket;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use wire::Wire;

/// First port that is given to who wants any.
const FIRST_PORT: u16 = 49_152;
/// Connections that wait to be accepted.
const BACKLOG: usize = 1024;

/// How links are.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    /// Shortest time that anything takes, one way.
    pub delay: Duration,
    /// What datagrams may take beyond it: those with less overtake others.
    pub jitter: Duration,
    /// Datagrams lost, of a million.
    pub lost_ppm: u32,
}

/// All hosts' network; cheap to clone.
#[derive(Clone, Debug)]
pub struct Net(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    links: Links,
    dice: Dice,
    trace: Trace,
    sent: u64,
    inboxes: BTreeMap<SocketAddr, Arc<Inbox>>,
    listeners: BTreeMap<SocketAddr, mpsc::Sender<(Wire, SocketAddr)>>,
    next_port: BTreeMap<IpAddr, u16>,
}

impl Net {
    pub(crate) fn new(links: Links, dice: Dice, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(State {
            links,
            dice,
            trace,
            sent: 0,
            inboxes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            next_port: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sockets of the host at this address.
    pub(crate) fn sockets(&self, ip: IpAddr) -> Sockets {
        Sockets::of(At {
            net: self.clone(),
            ip,
        })
    }

    /// HTTP as asked from the host at this address.
    pub(crate) fn http(&self, ip: IpAddr) -> Http {
        Http::of(Arc::new(http::FromHost::new(self.clone(), ip)))
    }

    /// Says how links are from now on.
    pub fn set_links(&self, links: Links) {
        self.state().links = links;
    }

    /// Connects from a host to a listener, one round trip later.
    async fn dial(&self, from: IpAddr, to: SocketAddr) -> io::Result<Wire> {
        let (delay, incoming, ours) = {
            let mut state = self.state();
            let ours = SocketAddr::new(from, state.port(from));
            state.trace.note(|| format!("dial {ours} {to}"));
            (state.links.delay, state.listeners.get(&to).cloned(), ours)
        };
        tokio::time::sleep(2 * delay).await;
        let incoming = incoming.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (here, there) = wire::pair(self, (ours, to), delay);
        let sent = incoming.send((there, ours)).await;
        sent.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(here)
    }
}

impl State {
    fn port(&mut self, ip: IpAddr) -> u16 {
        let next = self.next_port.entry(ip).or_insert(FIRST_PORT);
        let port = *next;
        // A world that runs out has a leak.
        *next = next
            .checked_add(1)
            .expect("a host has 16,384 ports to give");
        port
    }
}

/// The network as one host has it.
#[derive(Debug)]
struct At {
    net: Net,
    ip: IpAddr,
}

impl At {
    fn bound(&self, state: &mut State, address: SocketAddr) -> io::Result<SocketAddr> {
        let ours = address.ip() == self.ip
            || (address.ip().is_unspecified() && address.is_ipv4() == self.ip.is_ipv4());
        if !ours {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let port = match address.port() {
            0 => state.port(self.ip),
            port => port,
        };
        Ok(SocketAddr::new(self.ip, port))
    }
}

impl Network for At {
    fn udp(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let mut state = self.net.state();
        let at = self.bound(&mut state, address)?;
        if state.inboxes.contains_key(&at) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let inbox = Arc::new(Inbox::default());
        state.inboxes.insert(at, inbox.clone());
        Ok(Arc::new(Udp::new(self.net.clone(), at, inbox)))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let mut state = self.net.state();
        let at = self.bound(&mut state, address)?;
        if state.listeners.contains_key(&at) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (send, incoming) = mpsc::channel(BACKLOG);
        state.listeners.insert(at, send);
        Ok(Listener::of(Listening {
            net: self.net.clone(),
            at,
            incoming,
        }))
    }
}

#[derive(Debug)]
struct Listening {
    net: Net,
    at: SocketAddr,
    incoming: mpsc::Receiver<(Wire, SocketAddr)>,
}

impl Accept for Listening {
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>> {
        self.incoming
            .poll_recv(context)
            .map(|accepted| match accepted {
                Some((wire, from)) => Ok((Box::new(wire) as Box<dyn Stream>, from)),
                // The network has the other end for as long as this is.
                None => Err(io::ErrorKind::NotConnected.into()),
            })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.net.state().listeners.remove(&self.at);
    }
}
