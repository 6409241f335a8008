//! A value that is watched: as `tokio::sync::watch`, but whoever waits is woken in the order in which they began to.
//! tokio's wakes by a draw that nobody can seed, so what follows can't be told again from a seed.

use crate::lock::RwLock;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::Notify;

#[derive(Debug)]
struct Shared<T> {
    /// The value, and how often it was set.
    kept: RwLock<(T, u64)>,
    /// Nobody sets it any more.
    closed: AtomicBool,
    changes: Notify,
}

impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, (T, u64)> {
        self.kept.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, (T, u64)> {
        self.kept.write()
    }
}

/// Sets the value. Dropped, those who wait for another are told that none comes.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Sees the value, and waits for another.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// The value, which can't be set while this lives.
#[derive(Debug)]
pub struct Ref<'a, T>(RwLockReadGuard<'a, (T, u64)>);

/// Nobody sets the value any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody sets it any more")]
pub struct Closed;

/// Both ends, with a value to begin with, which counts as seen.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Sender<T> {
    /// With a value to begin with.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared {
            kept: RwLock::new((value, 0)),
            closed: AtomicBool::new(false),
            changes: Notify::new(),
        }))
    }

    /// One more who sees it; what it is now counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.read().1;
        let shared = self.0.clone();
        Receiver { shared, seen }
    }

    /// What it is.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.0.read())
    }

    /// Sets it; gives what it was.
    pub fn send_replace(&self, value: T) -> T {
        let mut value = value;
        self.send_modify(|kept| std::mem::swap(kept, &mut value));
        value
    }

    /// Changes it in place.
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// Changes it in place, and tells those who wait only if `change` says so; gives what it said.
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let changed = {
            let mut kept = self.0.write();
            let changed = change(&mut kept.0);
            kept.1 += u64::from(changed);
            changed
        };
        if changed {
            self.0.changes.notify_waiters();
        }
        changed
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.changes.notify_waiters();
    }
}

/// What one has seen, the other has.
impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            seen: self.seen,
        }
    }
}

impl<T> Receiver<T> {
    /// What it is.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.shared.read())
    }

    /// What it is, which then counts as seen.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let kept = self.shared.read();
        self.seen = kept.1;
        Ref(kept)
    }

    /// Waits until it is another than was seen last, which then counts as seen. Cancel safe.
    ///
    /// # Errors
    /// If nobody sets it any more, and the last was seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            // Made first: it is woken by what happens from here on.
            let change = self.shared.changes.notified();
            let closed = self.shared.closed.load(Ordering::Acquire);
            let version = self.shared.read().1;
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if closed {
                return Err(Closed);
            }
            change.await;
        }
    }

    /// Waits until it is as wanted, which counts as seen; at once, if it is. Cancel safe.
    ///
    /// # Errors
    /// If nobody sets it any more, and the last isn't as wanted.
    pub async fn wait_for(&mut self, wanted: impl Fn(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        let Self { shared, seen } = self;
        loop {
            // Made first: it is woken by what happens from here on.
            let change = shared.changes.notified();
            let closed = shared.closed.load(Ordering::Acquire);
            let met = {
                let kept = shared.read();
                *seen = kept.1;
                wanted(&kept.0)
            };
            if met {
                // What was looked at, unless it was set meanwhile.
                let kept = shared.read();
                if kept.1 == *seen {
                    return Ok(Ref(kept));
                }
                continue;
            }
            if closed {
                return Err(Closed);
            }
            change.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::task::{JoinSet, yield_now};

    #[tokio::test]
    async fn who_waits_is_woken_in_the_order_in_which_they_began_to() {
        for _ in 0..20 {
            let sender = Sender::new(0);
            let woken = Arc::new(Mutex::new(Vec::new()));
            let mut waiting = JoinSet::new();
            for number in 0..16 {
                let (mut receiver, woken) = (sender.subscribe(), woken.clone());
                waiting.spawn(async move {
                    receiver.changed().await.unwrap();
                    woken.lock().unwrap().push(number);
                });
                yield_now().await;
            }
            sender.send_replace(1);
            waiting.join_all().await;
            assert_eq!(*woken.lock().unwrap(), Vec::from_iter(0..16));
        }
    }

    #[tokio::test]
    async fn what_was_set_before_one_waits_is_seen_and_only_once() {
        let (sender, mut receiver) = channel(0);
        let other = receiver.clone();
        assert_eq!(sender.send_replace(7), 0);
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(*receiver.borrow(), 7);
        assert!(!sender.send_if_modified(|_| false));
        drop(sender);
        assert_eq!(receiver.changed().await, Err(Closed));
        let mut other = other;
        assert_eq!(other.changed().await, Ok(()), "the last is seen first");
        assert_eq!(other.wait_for(|value| *value == 7).await.as_deref(), Ok(&7));
        assert_eq!(
            other.wait_for(|value| *value == 8).await.err(),
            Some(Closed)
        );
    }

    #[tokio::test]
    async fn one_waits_until_it_is_as_wanted() {
        let sender = Arc::new(Sender::new(0));
        let mut receiver = sender.subscribe();
        let setting = sender.clone();
        tokio::spawn(async move {
            for value in 1..=5 {
                setting.send_modify(|kept| *kept = value);
                yield_now().await;
            }
        });
        assert_eq!(
            receiver.wait_for(|value| *value >= 4).await.as_deref(),
            Ok(&4)
        );
    }
}
