//! TCP connections, bounded in number and in silence.
//!
//! A connection on which nothing moves for [`IDLE_TIMEOUT`] is dropped, whether it waits for a request,
//! sends one byte by byte too slowly to count, or doesn't read its answer. A handler that works for long
//! without moving bytes (hashing what was uploaded) says so with [`Peer::busy`].

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Longest silence.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause when the system gives no more connections, as with too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

pub(super) struct BoundedListener {
    listener: TcpListener,
    slots: Arc<Semaphore>,
}

impl BoundedListener {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }
}

impl Listener for BoundedListener {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guarded, SocketAddr) {
        loop {
            let slot = self.slots.clone().acquire_owned().await;
            let slot = slot.expect("nobody closes the semaphore");
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    // Answers are small; waiting to fill a packet only delays them.
                    let _ = stream.set_nodelay(true);
                    let io = Guarded {
                        stream,
                        idle: Box::pin(sleep(IDLE_TIMEOUT)),
                        busy: Arc::default(),
                        _slot: slot,
                    };
                    return (io, remote);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept an HTTP connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What handlers may know of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The connection's other end.
    pub(super) address: IpAddr,
    busy: Arc<AtomicUsize>,
}

impl Peer {
    /// While the guard lives, silence is no reason to drop the connection.
    pub(super) fn busy(&self) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.busy.clone())
    }
}

pub(super) struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, BoundedListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, BoundedListener>) -> Self {
        Self {
            address: stream.remote_addr().ip(),
            busy: stream.io().busy.clone(),
        }
    }
}

/// A connection that ends when it is silent for too long.
pub(super) struct Guarded {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    busy: Arc<AtomicUsize>,
    _slot: OwnedSemaphorePermit,
}

impl Guarded {
    fn restart(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE_TIMEOUT);
    }

    /// Passes a result on: progress restarts the clock, and waiting is an error once it has run out.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.restart();
            return polled;
        }
        while self.idle.as_mut().poll(context).is_ready() {
            if self.busy.load(Ordering::Relaxed) == 0 {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.restart();
        }
        Poll::Pending
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, polled)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
