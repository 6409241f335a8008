//! A host that answers some and not others: what it sends to one address goes nowhere.

use host::{Host, Listener, Net, Sockets};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The same host, from whose datagram sockets nothing goes to that address.
pub(super) fn shut_to(host: &Host, address: IpAddr) -> Host {
    let sockets = Sockets::of(Shut {
        sockets: host.sockets.clone(),
        address,
    });
    Host {
        sockets,
        ..host.clone()
    }
}

#[derive(Debug)]
struct Shut {
    sockets: Sockets,
    address: IpAddr,
}

impl Net for Shut {
    fn udp(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let socket = self.sockets.udp(address)?;
        let address = self.address;
        Ok(Arc::new(Socket { socket, address }))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        self.sockets.listen(address)
    }
}

#[derive(Debug)]
struct Socket {
    socket: Arc<dyn AsyncUdpSocket>,
    address: IpAddr,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if transmit.destination.ip() == self.address {
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
