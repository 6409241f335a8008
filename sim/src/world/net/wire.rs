//! A connection's two directions: bytes come in order, and late.

use super::outages::{End, Health, Shared, Standing};
use crate::world::trace::Trace;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
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
struct Way {
    between: (SocketAddr, SocketAddr),
    delay: Duration,
    outages: Shared,
    trace: Trace,
    standing: Arc<Standing>,
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
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Both ends of a connection that was dialled.
pub(super) fn pair(
    (outages, trace): (&Shared, &Trace),
    between: (SocketAddr, SocketAddr),
    delay: Duration,
) -> (Wire, Wire) {
    let way = |between: (SocketAddr, SocketAddr)| {
        let standing = Arc::new(Standing::new((between.0.ip(), between.1.ip())));
        outages.lock().connected(&standing);
        Arc::new(Way {
            between,
            delay,
            outages: outages.clone(),
            trace: trace.clone(),
            standing,
            state: Mutex::default(),
        })
    };
    let (out, back) = (way(between), way((between.1, between.0)));
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

    fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
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
            match reads.standing.health(End::Reads, context.waker()) {
                Health::Whole => {}
                Health::Frozen => return Poll::Pending,
                Health::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
            let mut state = reads.state();
            let next = state.pieces.front().map(|(due, _)| *due);
            let Some(due) = next else {
                if state.ended {
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
        match self.writes.standing.health(End::Writes, context.waker()) {
            Health::Whole => {}
            Health::Frozen => return Poll::Pending,
            Health::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
        let (from, to) = self.writes.between;
        let leaves = self.writes.outages.lock().open_at(from.ip(), to.ip());
        let mut state = self.writes.state();
        if state.abandoned || state.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = IN_FLIGHT_MAX.saturating_sub(state.bytes).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let trace = &self.writes.trace;
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
