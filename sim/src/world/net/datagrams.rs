//! Datagram sockets, as quinn has them.

use super::Net;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Datagrams on their way to one socket; more are lost, as in a system's buffer.
const WAITING_MAX: usize = 4096;

/// What is on its way to a socket.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// By when they are due, then as they were sent.
    datagrams: BTreeMap<(Instant, u64), Datagram>,
    reader: Option<Waker>,
}

#[derive(Debug)]
struct Datagram {
    from: SocketAddr,
    bytes: Vec<u8>,
}

/// A socket.
#[derive(Debug)]
pub(super) struct Udp {
    net: Net,
    at: SocketAddr,
    inbox: Arc<Inbox>,
    due: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Udp {
    pub(super) fn new(net: Net, at: SocketAddr, inbox: Arc<Inbox>) -> Self {
        Self {
            net,
            at,
            inbox,
            due: Mutex::default(),
        }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.net.state().inboxes.remove(&self.at);
    }
}

impl Net {
    fn send(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let mut state = self.state();
        state.sent += 1;
        let number = state.sent;
        let lost = state.dice.below(1_000_000) < u64::from(state.links.lost_ppm);
        let jitter_us = state.links.jitter.as_micros() as u64 + 1;
        let jitter = Duration::from_micros(state.dice.below(jitter_us));
        let due = Instant::now() + state.links.delay + jitter;
        let length = bytes.len();
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
        let mut waiting = inbox.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.datagrams.len() >= WAITING_MAX {
            return;
        }
        let bytes = bytes.to_vec();
        waiting
            .datagrams
            .insert((due, number), Datagram { from, bytes });
        if let Some(reader) = waiting.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncUdpSocket for Udp {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Always)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let whole = transmit.contents.len().max(1);
        for bytes in transmit
            .contents
            .chunks(transmit.segment_size.unwrap_or(whole))
        {
            self.net.send(self.at, transmit.destination, bytes);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut sleeping = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut waiting = self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let mut taken = 0;
            while taken < buffers.len().min(meta.len()) {
                let Some(first) = waiting.datagrams.first_entry() else {
                    break;
                };
                if first.key().0 > now {
                    break;
                }
                let datagram = first.remove();
                let length = datagram.bytes.len().min(buffers[taken].len());
                buffers[taken][..length].copy_from_slice(&datagram.bytes[..length]);
                meta[taken] = RecvMeta {
                    addr: datagram.from,
                    len: length,
                    stride: length,
                    ecn: None,
                    dst_ip: Some(self.at.ip()),
                    ..RecvMeta::default()
                };
                taken += 1;
            }
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
            waiting.reader = Some(context.waker().clone());
            let Some(next) = waiting.datagrams.keys().next().map(|key| key.0) else {
                *sleeping = None;
                return Poll::Pending;
            };
            drop(waiting);
            let sleep = sleeping.get_or_insert_with(|| Box::pin(sleep_until(next)));
            sleep.as_mut().reset(next);
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// There is always room to send.
#[derive(Debug)]
struct Always;

impl UdpPoller for Always {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
