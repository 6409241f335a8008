//! Datagram sockets and listeners.

use crate::datagrams::Datagrams;
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};

/// UDP socket buffers, both ways. The usual 208 KiB lose packets while a receiver verifies; the
/// system may grant less than this.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Both directions of an accepted connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// Accepts connections.
pub trait Accept: Debug + Send + 'static {
    /// The next one, with its other end's address.
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>>;

    /// Where they come in.
    ///
    /// # Errors
    /// If the system doesn't know.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A network that sockets are opened on.
pub trait Net: Debug + Send + Sync + 'static {
    /// A datagram socket at this address; port 0 is any free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    fn udp(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>>;

    /// A listener at this address; port 0 is any free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    fn listen(&self, address: SocketAddr) -> io::Result<Listener>;
}

/// Where sockets are opened; cheap to clone.
#[derive(Debug, Clone)]
pub struct Sockets(Arc<dyn Net>);

impl Sockets {
    /// The machine's own.
    pub fn system() -> Self {
        Self::of(System)
    }

    /// Those of another network.
    pub fn of(net: impl Net) -> Self {
        Self(Arc::new(net))
    }

    /// A datagram socket at this address; port 0 is any free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    pub fn udp(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        self.0.udp(address)
    }

    /// The same, for who reads datagrams one by one.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    pub fn datagrams(&self, address: SocketAddr) -> io::Result<Datagrams> {
        self.udp(address).map(Datagrams::over)
    }

    /// A listener at this address; port 0 is any free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    pub fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        self.0.listen(address)
    }
}

/// Accepts connections until it is dropped.
#[derive(Debug)]
pub struct Listener(Box<dyn Accept>);

impl Listener {
    /// One that accepts what this does.
    pub fn of(accept: impl Accept) -> Self {
        Self(Box::new(accept))
    }

    /// The next connection, with its other end's address. Cancel safe.
    ///
    /// # Errors
    /// The system's, as with too many open files; the next call may succeed.
    pub async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        std::future::poll_fn(|context| self.0.poll_accept(context)).await
    }

    /// Where they come in.
    ///
    /// # Errors
    /// If the system doesn't know.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::of(listener)
    }
}

impl Accept for TcpListener {
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>> {
        let (stream, remote) = ready!(TcpListener::poll_accept(self, context))?;
        // Waiting to fill a packet only delays what somebody waits for.
        let _ = stream.set_nodelay(true);
        Poll::Ready(Ok((Box::new(stream), remote)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

#[derive(Debug)]
struct System;

impl Net for System {
    fn udp(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // A dual-stack socket where the system allows one.
            let _ = socket.set_only_v6(false);
        }
        // Best effort: the system caps both by its own limits.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        TokioRuntime.wrap_udp_socket(UdpSocket::from(socket))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A restart mustn't wait for the last one's connections to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Listener::of(socket.listen(BACKLOG)?))
    }
}
