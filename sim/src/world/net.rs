//! The network between hosts: datagrams that are lost, late and out of order, and streams that are late.
//!
//! Every host has one address. What is sent waits at its receiver until it is due, by the world's clock; how long that
//! is, and whether it arrives, the seed decides. Nothing here is a thread, and nothing is sent by the machine.

mod datagrams;
mod http;
mod inbox;
mod links;
mod outages;
mod wire;

pub(super) use links::{Links, Net};

use datagrams::Udp;
use host::{Accept, Http, Listener, Net as Network, Sockets, Stream};
use inbox::Inbox;
use links::State;
use outages::Life;
use quinn::AsyncUdpSocket;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use wire::Wire;

/// Connections that wait to be accepted.
const BACKLOG: usize = 1024;

impl Net {
    /// The sockets of the host at this address.
    pub(crate) fn sockets(&self, ip: IpAddr) -> Sockets {
        Sockets::of(At {
            net: self.clone(),
            ip,
            life: self.state().outages.lock().life(ip),
        })
    }

    /// HTTP as asked from the host at this address.
    pub(crate) fn http(&self, ip: IpAddr) -> Http {
        let life = self.state().outages.lock().life(ip);
        Http::of(Arc::new(http::FromHost::new(self.clone(), (ip, life))))
    }
}

/// The network as one host has it.
#[derive(Debug)]
struct At {
    net: Net,
    ip: IpAddr,
    life: Life,
}

impl At {
    fn bound(&self, state: &mut State, address: SocketAddr) -> io::Result<SocketAddr> {
        if state.outages.lock().life(self.ip) != self.life {
            return Err(io::ErrorKind::NetworkDown.into());
        }
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
        Ok(Arc::new(Udp::new(self.net.clone(), (at, self.life), inbox)))
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
            life: self.life,
            incoming,
        }))
    }
}

#[derive(Debug)]
struct Listening {
    net: Net,
    at: SocketAddr,
    life: Life,
    incoming: mpsc::Receiver<(Wire, SocketAddr)>,
}

impl Accept for Listening {
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>> {
        match self.incoming.poll_recv(context) {
            Poll::Ready(Some((wire, from))) => Poll::Ready(Ok((Box::new(wire), from))),
            // The network has the other end for as long as the host has power; then nobody comes any more.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.net.state();
        if state.outages.lock().life(self.at.ip()) == self.life {
            state.listeners.remove(&self.at);
        }
    }
}
