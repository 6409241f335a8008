//! Datagram sockets, as quinn has them.

use super::inbox::Inbox;
use super::links::Net;
use super::outages::Life;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// A socket.
#[derive(Debug)]
pub(super) struct Udp {
    net: Net,
    at: SocketAddr,
    life: Life,
    inbox: Arc<Inbox>,
    due: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Udp {
    pub(super) fn new(net: Net, (at, life): (SocketAddr, Life), inbox: Arc<Inbox>) -> Self {
        Self {
            net,
            at,
            life,
            inbox,
            due: Mutex::default(),
        }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        let mut state = self.net.state();
        // A later life's is not ours.
        if state.outages.lock().life(self.at.ip()) == self.life {
            state.inboxes.remove(&self.at);
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
            self.net
                .send((self.at, self.life), transmit.destination, bytes);
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
            let mut waiting = self.inbox.waiting();
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
