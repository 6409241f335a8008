//! What is on its way to a socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::time::Instant;

/// Datagrams on their way to one socket; more are lost, as in a system's buffer.
const WAITING_MAX: usize = 4096;

/// What is on its way to a socket.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Waiting>);

#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By when they are due, then as they were sent.
    pub(super) datagrams: BTreeMap<(Instant, u64), Datagram>,
    pub(super) reader: Option<Waker>,
}

#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

impl Inbox {
    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is due at a time; what doesn't fit is lost.
    pub(super) fn put(&self, due: (Instant, u64), datagram: Datagram) {
        let mut waiting = self.waiting();
        if waiting.datagrams.len() >= WAITING_MAX {
            return;
        }
        waiting.datagrams.insert(due, datagram);
        if let Some(reader) = waiting.reader.take() {
            reader.wake();
        }
    }
}
