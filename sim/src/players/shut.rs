//! A host that answers some and not others: what it sends to one address goes nowhere.

use host::{Host, Listener, Net, Sockets};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// The same host, from whose datagram sockets nothing goes to that address; and how many datagrams didn't.
pub(super) fn shut_to(host: &Host, address: IpAddr) -> (Host, Arc<AtomicU64>) {
    let kept = Arc::default();
    let sockets = Sockets::of(Shut {
        sockets: host.sockets.clone(),
        address,
        kept: Arc::clone(&kept),
    });
    let host = Host {
        sockets,
        ..host.clone()
    };
    (host, kept)
}

#[derive(Debug)]
struct Shut {
    sockets: Sockets,
    address: IpAddr,
    kept: Arc<AtomicU64>,
}

impl Net for Shut {
    fn udp(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let socket = self.sockets.udp(address)?;
        let (address, kept) = (self.address, self.kept.clone());
        Ok(Arc::new(Socket {
            socket,
            address,
            kept,
        }))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        self.sockets.listen(address)
    }
}

#[derive(Debug)]
struct Socket {
    socket: Arc<dyn AsyncUdpSocket>,
    address: IpAddr,
    kept: Arc<AtomicU64>,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if transmit.destination.ip() == self.address {
            self.kept.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(context, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}
