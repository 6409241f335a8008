//! A connection's two directions: bytes come in order, and late.

use super::links::Net;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes on their way, one way; then whoever writes waits.
const IN_FLIGHT_MAX: usize = 256 << 10;

/// One end.
#[derive(Debug)]
pub(super) struct Wire {
    reads: Arc<Way>,
    writes: Arc<Way>,
    due: Option<Pin<Box<Sleep>>>,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Way {
    between: (SocketAddr, SocketAddr),
    delay: Duration,
    net: Net,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// Nothing more is written.
    ended: bool,
    /// Nobody reads.
    abandoned: bool,
    /// One end has lost power: nothing moves.
    frozen: bool,
    /// That end is back, and knows of no such connection.
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Both ends of a connection that was dialled.
pub(super) fn pair(net: &Net, between: (SocketAddr, SocketAddr), delay: Duration) -> (Wire, Wire) {
    let way = |between| {
        Arc::new(Way {
            between,
            delay,
            net: net.clone(),
            state: Mutex::default(),
        })
    };
    let (out, back) = (way(between), way((between.1, between.0)));
    net.state().outages.connected([&out, &back]);
    let end = |reads: &Arc<Way>, writes: &Arc<Way>| Wire {
        reads: reads.clone(),
        writes: writes.clone(),
        due: None,
    };
    (end(&back, &out), end(&out, &back))
}

impl Way {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it goes from this host, or to it.
    pub(super) fn is_of(&self, host: IpAddr) -> bool {
        self.between.0.ip() == host || self.between.1.ip() == host
    }

    /// Nothing moves any more.
    pub(super) fn freeze(&self) {
        let mut state = self.state();
        state.frozen = true;
        state.pieces.clear();
        state.bytes = 0;
    }

    /// Whoever still has an end of it hears that it is broken.
    pub(super) fn reset_if_frozen(&self) {
        let mut state = self.state();
        state.reset |= state.frozen;
        state.wake();
    }

    fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

impl State {
    fn wake(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let reads = self.reads.clone();
        loop {
            let mut state = reads.state();
            if state.reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let next = state.pieces.front().map(|(due, _)| *due);
            let Some(due) = next else {
                if state.ended && !state.frozen {
                    return Poll::Ready(Ok(()));
                }
                state.reader = Some(context.waker().clone());
                return Poll::Pending;
            };
            if due <= Instant::now() {
                let (_, piece) = state.pieces.front_mut().expect("it was there");
                let taken = piece.len().min(buffer.remaining());
                buffer.put_slice(&piece[..taken]);
                piece.drain(..taken);
                if piece.is_empty() {
                    state.pieces.pop_front();
                }
                state.bytes -= taken;
                if let Some(writer) = state.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Ok(()));
            }
            drop(state);
            let sleep = self.due.get_or_insert_with(|| Box::pin(sleep_until(due)));
            sleep.as_mut().reset(due);
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // When it leaves is asked first: whoever cuts the power has the network, and then takes each way.
        let (from, to) = self.writes.between;
        let (leaves, trace) = {
            let net = self.writes.net.state();
            (net.outages.open_at(from.ip(), to.ip()), net.trace.clone())
        };
        let mut state = self.writes.state();
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.frozen {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        if state.abandoned || state.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = IN_FLIGHT_MAX.saturating_sub(state.bytes).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        trace.note(|| format!("bytes {from} {to} {room}"));
        let due = leaves + self.writes.delay;
        state.pieces.push_back((due, bytes[..room].to_vec()));
        state.bytes += room;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(room))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.writes.end();
        let mut state = self.reads.state();
        state.abandoned = true;
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}
