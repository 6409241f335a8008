//! Small files in memory, while they come and after: one fetch serves whoever asks meanwhile.
//!
//! What is here was verified. Entries are named by content and viewer's token, so nothing is ever stale. All of them together,
//! those included that are only being read to their end, stay within [`Cache::new`]'s bound: a file for
//! which nothing can make room isn't taken in, and whoever asks for it is served without.
//!
//! A fetch that nobody waits for any more is cancelled, unless it was begun ahead of any request.

use crate::fetch::FetchError;
use crate::sink::Sink;
use bytes::Bytes;
use content::Group;
use host::Mutex;
use host::watch;
use protocol::{B256, ContentHash, GROUP_BYTES, NodeId};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// What an entry takes besides its bytes.
const ENTRY_BYTES: u64 = 1024;
/// A file may take this part of the cache.
const FILE_PART: u64 = 4;

/// What an entry is called. What was fetched on one viewer's token is for that token alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) content: ContentHash,
    /// The token's hash.
    pub(super) token: Option<B256>,
}

#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: u64,
    held: Arc<AtomicU64>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    slots: BTreeMap<Key, Slot>,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    fill: Arc<Fill>,
    used: u64,
    readers: u32,
    /// Nobody has to wait for it.
    ahead: bool,
}

/// A file's bytes, as far as they are there.
#[derive(Debug)]
struct Fill {
    size: u64,
    groups: Mutex<Vec<Bytes>>,
    state: watch::Sender<State>,
    cancel: CancellationToken,
    held: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Default)]
struct State {
    bytes: u64,
    from: Option<NodeId>,
    end: Option<Result<(), Arc<FetchError>>>,
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.held
            .fetch_sub(self.size + ENTRY_BYTES, Ordering::Relaxed);
    }
}

/// How a file was found.
#[derive(Debug)]
pub(super) enum Opened {
    /// Whole.
    Hit(Reader),
    /// On its way for somebody else.
    Joined(Reader),
    /// Not at all: it is to be filled now.
    Began(Reader, Filling),
    /// Not at all, and there is no room.
    NoRoom,
}

impl Cache {
    /// With room for so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            held: Arc::default(),
            inner: Mutex::default(),
        }
    }

    /// Bytes in use, entries' own included.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether a file of this size may ever be in it.
    pub(super) fn takes(&self, size: u64) -> bool {
        size <= self.bytes_max / FILE_PART
    }

    /// The bytes in `range` of a file that is wanted whole sooner or later.
    pub(super) fn open(self: &Arc<Self>, content: Key, size: u64, range: Range<u64>) -> Opened {
        let mut inner = self.inner.lock();
        if let Some(found) = self.join(&mut inner, content, range.clone()) {
            return found;
        }
        match self.begin(&mut inner, content, size, false) {
            Some(filling) => {
                let reader = self.reader(&mut inner, content, range);
                Opened::Began(reader.expect("it was put in just now"), filling)
            }
            None => Opened::NoRoom,
        }
    }

    /// The bytes in `range` of a file, if it is there or on its way.
    pub(super) fn find(self: &Arc<Self>, content: Key, range: Range<u64>) -> Option<Opened> {
        self.join(&mut self.inner.lock(), content, range)
    }

    /// Begins a file before anybody asks for it, unless it is there or on its way.
    pub(super) fn open_ahead(self: &Arc<Self>, content: Key, size: u64) -> Option<Filling> {
        let mut inner = self.inner.lock();
        if inner.slots.contains_key(&content) {
            return None;
        }
        self.begin(&mut inner, content, size, true)
    }

    /// Waits until a file is there, or isn't going to be.
    pub(super) async fn settled(&self, content: Key) {
        let state = {
            let inner = self.inner.lock();
            inner
                .slots
                .get(&content)
                .map(|slot| slot.fill.state.subscribe())
        };
        if let Some(mut state) = state {
            // An error means that it was given up and let go.
            let _ = state.wait_for(|state| state.end.is_some()).await;
        }
    }

    fn join(
        self: &Arc<Self>,
        inner: &mut Inner,
        content: Key,
        range: Range<u64>,
    ) -> Option<Opened> {
        let reader = self.reader(inner, content, range)?;
        let whole = reader.state.borrow().end.is_some();
        Some(match whole {
            true => Opened::Hit(reader),
            false => Opened::Joined(reader),
        })
    }

    fn reader(
        self: &Arc<Self>,
        inner: &mut Inner,
        content: Key,
        range: Range<u64>,
    ) -> Option<Reader> {
        inner.clock += 1;
        let slot = inner.slots.get_mut(&content)?;
        slot.used = inner.clock;
        slot.readers += 1;
        Some(Reader {
            cache: Arc::clone(self),
            content,
            state: slot.fill.state.subscribe(),
            fill: Arc::clone(&slot.fill),
            left: range,
        })
    }

    fn begin(
        self: &Arc<Self>,
        inner: &mut Inner,
        content: Key,
        size: u64,
        ahead: bool,
    ) -> Option<Filling> {
        let cost = size + ENTRY_BYTES;
        if !self.takes(size) {
            return None;
        }
        while self.held() + cost > self.bytes_max {
            // The one that was used longest ago of those that nobody reads.
            let idle = inner
                .slots
                .iter()
                .filter(|(_, slot)| slot.readers == 0 && slot.fill.state.borrow().end.is_some());
            let (oldest, _) = idle.min_by_key(|(_, slot)| slot.used)?;
            let oldest = *oldest;
            inner.slots.remove(&oldest);
        }
        self.held.fetch_add(cost, Ordering::Relaxed);
        let fill = Arc::new(Fill {
            size,
            groups: Mutex::default(),
            state: watch::Sender::default(),
            cancel: CancellationToken::new(),
            held: Arc::clone(&self.held),
        });
        inner.clock += 1;
        let slot = Slot {
            fill: Arc::clone(&fill),
            used: inner.clock,
            readers: 0,
            ahead,
        };
        inner.slots.insert(content, slot);
        Some(Filling {
            cache: Arc::clone(self),
            content,
            fill,
        })
    }

    /// Lets go of a file, if it is still this one.
    fn forget(&self, content: Key, fill: &Arc<Fill>) {
        let mut inner = self.inner.lock();
        let slot = inner.slots.get(&content);
        if slot.is_some_and(|slot| Arc::ptr_eq(&slot.fill, fill)) {
            inner.slots.remove(&content);
        }
    }

    fn left(&self, content: Key, fill: &Arc<Fill>) {
        let mut inner = self.inner.lock();
        let slot = inner.slots.get_mut(&content);
        let Some(slot) = slot.filter(|slot| Arc::ptr_eq(&slot.fill, fill)) else {
            return;
        };
        slot.readers -= 1;
        if slot.readers == 0 && !slot.ahead && fill.state.borrow().end.is_none() {
            fill.cancel.cancel();
            inner.slots.remove(&content);
        }
    }
}

/// Reads bytes of a file as they come.
#[derive(Debug)]
pub(super) struct Reader {
    cache: Arc<Cache>,
    content: Key,
    fill: Arc<Fill>,
    state: watch::Receiver<State>,
    left: Range<u64>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.cache.left(self.content, &self.fill);
    }
}

impl Reader {
    /// The next bytes, at most a group; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Arc<FetchError>>> {
        loop {
            if self.left.is_empty() {
                return None;
            }
            let State { bytes, end, .. } = self.state.borrow_and_update().clone();
            if self.left.start < bytes {
                let at = self.left.start;
                let group = self.fill.groups.lock()[(at / GROUP_BYTES) as usize].clone();
                let from = at % GROUP_BYTES;
                let to = (group.len() as u64).min(from + self.left.end - at);
                self.left.start = at + (to - from);
                return Some(Ok(group.slice(from as usize..to as usize)));
            }
            match end {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(())) => return None,
                None => self.state.changed().await.expect("the fill is held here"),
            }
        }
    }

    /// The node it comes from.
    pub(super) fn from(&self) -> Option<NodeId> {
        self.state.borrow().from
    }
}

/// Takes a file in. Dropped before [`Filling::end`], it ends as given up.
#[derive(Debug)]
pub(super) struct Filling {
    cache: Arc<Cache>,
    content: Key,
    fill: Arc<Fill>,
}

impl Filling {
    /// Cancelled when nobody waits for it any more.
    pub(super) fn cancelled(&self) -> CancellationToken {
        self.fill.cancel.clone()
    }

    /// It is whole, or it won't be: then it is forgotten, and whoever reads it hears why.
    pub(super) fn end(self, outcome: Result<(), FetchError>) {
        self.finish(outcome.map_err(Arc::new));
    }

    fn finish(&self, outcome: Result<(), Arc<FetchError>>) {
        if outcome.is_err() {
            self.cache.forget(self.content, &self.fill);
        }
        self.fill.state.send_if_modified(|state| {
            let first = state.end.is_none();
            if first {
                state.end = Some(outcome);
            }
            first
        });
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let given_up = io::Error::new(io::ErrorKind::Interrupted, "the fetch was given up");
        if self.fill.state.borrow().end.is_none() {
            self.finish(Err(Arc::new(FetchError::Sink(given_up))));
        }
    }
}

impl Sink for Filling {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        let bytes = group.offset + group.data.len() as u64;
        self.fill.groups.lock().push(group.data);
        self.fill.state.send_modify(|state| state.bytes = bytes);
        Ok(())
    }

    fn source(&mut self, node: NodeId) {
        self.fill.state.send_modify(|state| state.from = Some(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: u64 = GROUP_BYTES;

    fn content(name: u8) -> Key {
        Key {
            content: [name; 32].into(),
            token: None,
        }
    }

    fn cache(groups: u64) -> Arc<Cache> {
        Arc::new(Cache::new(groups * G))
    }

    fn began(opened: Opened) -> (Reader, Filling) {
        match opened {
            Opened::Began(reader, filling) => (reader, filling),
            other => panic!("{other:?}"),
        }
    }

    async fn write(filling: &mut Filling, offset: u64, size: u64) {
        let data = Bytes::from(vec![(offset / G) as u8; size as usize]);
        filling.write(Group { offset, data }).await.unwrap();
    }

    /// Fills a file of so many bytes.
    async fn filled(cache: &Arc<Cache>, name: u8, size: u64) {
        let mut filling = cache.open_ahead(content(name), size).unwrap();
        for offset in (0..size).step_by(G as usize) {
            write(&mut filling, offset, G.min(size - offset)).await;
        }
        filling.end(Ok(()));
    }

    async fn rest(mut reader: Reader) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = reader.next().await {
            all.extend_from_slice(&bytes.unwrap());
        }
        all
    }

    #[tokio::test]
    async fn everybody_reads_the_same_bytes_while_they_come() {
        let cache = cache(64);
        let size = 2 * G + 5;
        let (mut first, mut filling) = began(cache.open(content(1), size, 0..size));
        let joined = cache.open(content(1), size, G - 1..G + 1);
        let Opened::Joined(second) = joined else {
            panic!("{joined:?}")
        };
        let second = tokio::spawn(rest(second));
        write(&mut filling, 0, G).await;
        assert_eq!(first.next().await.unwrap().unwrap().len() as u64, G);
        write(&mut filling, G, G).await;
        assert_eq!(second.await.unwrap(), [0, 1]);
        write(&mut filling, 2 * G, 5).await;
        filling.end(Ok(()));
        assert_eq!(rest(first).await.len() as u64, G + 5);
        let hit = cache.find(content(1), 2 * G + 4..size);
        let Some(Opened::Hit(third)) = hit else {
            panic!("{hit:?}")
        };
        assert_eq!(rest(third).await, [2]);
    }

    #[tokio::test]
    async fn the_bound_holds_for_what_is_read_too() {
        let cache = cache(16);
        for name in 0..3 {
            filled(&cache, name, 4 * G).await;
        }
        // 0 is read, so 1 has to go.
        let Some(Opened::Hit(reader)) = cache.find(content(0), 0..G) else {
            panic!()
        };
        filled(&cache, 3, 4 * G).await;
        assert!(cache.find(content(1), 0..1).is_none());
        assert!(cache.held() <= 16 * G);
        // All there are, are being read: no room.
        let held: Vec<_> = [2, 3]
            .map(|name| cache.find(content(name), 0..1).unwrap())
            .into();
        assert!(cache.open_ahead(content(4), 4 * G).is_none());
        assert!(matches!(
            cache.open(content(4), 4 * G, 0..1),
            Opened::NoRoom
        ));
        drop((held, reader));
        assert!(cache.open_ahead(content(4), 4 * G).is_some());
        // Nor is one taken in that would take too much of it.
        assert!(cache.open_ahead(content(5), 4 * G + 1).is_none());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_given_up_unless_it_is_ahead() {
        let cache = cache(64);
        let (reader, filling) = began(cache.open(content(1), G, 0..G));
        let cancelled = filling.cancelled();
        assert!(!cancelled.is_cancelled());
        drop(reader);
        assert!(cancelled.is_cancelled());
        // Whoever comes then begins anew, whatever becomes of the other.
        let (mut reader, second) = began(cache.open(content(1), G, 0..G));
        filling.end(Ok(()));
        drop(second);
        assert!(reader.next().await.unwrap().is_err());
        drop(reader);
        assert_eq!(cache.held(), 0);

        let ahead = cache.open_ahead(content(2), G).unwrap();
        drop(cache.find(content(2), 0..G).unwrap());
        assert!(!ahead.cancelled().is_cancelled());
    }

    #[tokio::test]
    async fn a_fetch_that_fails_says_so_and_is_forgotten() {
        let cache = cache(64);
        let (mut reader, mut filling) = began(cache.open(content(1), 2 * G, 0..2 * G));
        write(&mut filling, 0, G).await;
        let path = "a".to_owned();
        filling.end(Err(FetchError::WrongEntry { path }));
        assert!(reader.next().await.unwrap().is_ok());
        assert!(reader.next().await.unwrap().is_err());
        cache.settled(content(1)).await;
        assert!(cache.find(content(1), 0..1).is_none());
    }
}
