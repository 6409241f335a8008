//! Where a response's bytes come from: memory, a fetch that fills memory, or a fetch for this response alone.
//!
//! Whole files that are small enough go through memory, so that one fetch serves all who ask; ranges and
//! large files are passed through, [`PASSED_GROUPS`] ahead of the player at most, and in pieces: players often
//! ask for all there is, take a little and stop or leave, and what a node has sent by then is in vain. A
//! player that takes all it can get soon gets large pieces.

use super::cache::{Filling, Key, Opened, Reader};
use super::playlist::Kind;
use super::shared::Shared;
use crate::fetch::{Client, Collection, FetchError};
use crate::opening::applied;
use crate::pool::Way;
use crate::sink::Sink;
use bytes::Bytes;
use content::Group;
use protocol::{Entry, GROUP_BYTES, NodeId, ViewerToken};
use seal::FileSeal;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

/// Verified groups that wait for a player: 256 KiB.
const PASSED_GROUPS: usize = 16;
/// The first piece that a node is asked for, and any after the player was slow.
const PIECE_BYTES: u64 = 1 << 20;
/// A player that isn't slow gets so much larger ones each time,
const PIECE_GROWTH: u64 = 4;
/// up to this.
const PIECE_BYTES_MAX: u64 = 64 << 20;
/// A player is slow that has a piece wait longer.
const SLOW: Duration = Duration::from_millis(250);

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) collection: Collection,
    /// Its place in the manifest.
    pub(super) file: u32,
    pub(super) range: Range<u64>,
    pub(super) way: Way,
}

impl Wanted {
    pub(super) fn entry(&self) -> &Entry {
        &self.collection.manifest.entries()[self.file as usize]
    }

    fn key(&self) -> Key {
        Key {
            content: self.entry().content,
            token: self.way.token.as_ref().map(ViewerToken::hash),
        }
    }

    fn is_whole(&self) -> bool {
        self.range == (0..self.entry().size)
    }
}

/// How it was found, for `Cache-Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Hit,
    Collapsed,
    Stored,
    Passed,
}

impl How {
    /// RFC 9211.
    pub(super) fn cache_status(self) -> &'static str {
        match self {
            Self::Hit => "quittance; hit",
            Self::Collapsed => "quittance; fwd=uri-miss; collapsed",
            Self::Stored => "quittance; fwd=uri-miss; stored",
            Self::Passed => "quittance; fwd=uri-miss",
        }
    }
}

/// Bytes on their way to a player, opened if they are sealed. The one place between verified bytes and a
/// response: memory holds what nodes hold, by its hash, whatever key it is under, and nothing that is open
/// outlives a response.
#[derive(Debug)]
pub(super) struct OpenedBytes {
    verified: Verified,
    /// Where the next byte stands in the file.
    at: u64,
    seal: Seal,
}

/// What opens a file.
#[derive(Debug)]
enum Seal {
    /// A route is to bring it.
    Unknown(Client, Wanted),
    Known(Option<Box<FileSeal>>),
}

/// Verified bytes on their way.
#[derive(Debug)]
enum Verified {
    Memory(Reader),
    Passed {
        pieces: mpsc::Receiver<Result<(Bytes, Option<NodeId>), FetchError>>,
        from: Option<NodeId>,
    },
}

impl OpenedBytes {
    /// The next bytes as the player gets them, a group at most; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Arc<FetchError>>> {
        if let Seal::Unknown(client, wanted) = &self.seal {
            let path = &wanted.entry().path;
            match client.seal(&wanted.collection, path, &wanted.way).await {
                Ok(seal) => self.seal = Seal::Known(seal.map(Box::new)),
                Err(error) => return Some(Err(Arc::new(error))),
            }
        }
        let verified = match &mut self.verified {
            Verified::Memory(reader) => reader.next().await?,
            Verified::Passed { pieces, from } => match pieces.recv().await? {
                Ok((bytes, node)) => {
                    *from = node;
                    Ok(bytes)
                }
                Err(error) => Err(Arc::new(error)),
            },
        };
        Some(verified.map(|bytes| {
            let at = self.at;
            self.at += bytes.len() as u64;
            match &self.seal {
                Seal::Known(Some(seal)) => applied(seal, at, bytes),
                _ => bytes,
            }
        }))
    }

    /// The node that delivers, as far as it is known.
    pub(super) fn from(&self) -> Option<NodeId> {
        match &self.verified {
            Verified::Memory(reader) => reader.from(),
            Verified::Passed { from, .. } => *from,
        }
    }
}

/// Into a response. Its end of the channel goes with the response.
struct Passing {
    pieces: mpsc::Sender<Result<(Bytes, Option<NodeId>), FetchError>>,
    from: Option<NodeId>,
    /// How long the player had it wait.
    waited: Duration,
}

impl Sink for Passing {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        let gone = || io::ErrorKind::BrokenPipe.into();
        let slot = match self.pieces.try_reserve() {
            Ok(slot) => slot,
            Err(TrySendError::Closed(())) => return Err(gone()),
            Err(TrySendError::Full(())) => {
                let began = Instant::now();
                let slot = self.pieces.reserve().await.map_err(|_| gone())?;
                self.waited += began.elapsed();
                slot
            }
        };
        slot.send(Ok((group.data, self.from)));
        Ok(())
    }

    fn source(&mut self, node: NodeId) {
        self.from = Some(node);
    }
}

impl Shared {
    /// Begins to get what is wanted, or joins in.
    pub(super) fn begin(self: &Arc<Self>, wanted: &Wanted) -> (How, OpenedBytes) {
        let (how, verified) = self.verified(wanted);
        (how, self.opening(wanted, verified))
    }

    fn opening(&self, wanted: &Wanted, verified: Verified) -> OpenedBytes {
        let seal = match wanted.collection.manifest.seal_key() {
            None => Seal::Known(None),
            Some(_) => Seal::Unknown(self.client.clone(), wanted.clone()),
        };
        OpenedBytes {
            verified,
            at: wanted.range.start,
            seal,
        }
    }

    fn verified(self: &Arc<Self>, wanted: &Wanted) -> (How, Verified) {
        let (key, size) = (wanted.key(), wanted.entry().size);
        let range = wanted.range.clone();
        let opened = match wanted.is_whole() {
            true => self.cache.open(key, size, range),
            false => self.cache.find(key, range).unwrap_or(Opened::NoRoom),
        };
        let metrics = &self.metrics;
        match opened {
            Opened::Hit(reader) => {
                metrics.hits.add(1);
                (How::Hit, Verified::Memory(reader))
            }
            Opened::Joined(reader) => {
                metrics.collapsed.add(1);
                (How::Collapsed, Verified::Memory(reader))
            }
            Opened::Began(reader, filling) => {
                metrics.stored.add(1);
                let (shared, wanted) = (Arc::clone(self), wanted.clone());
                self.tasks
                    .spawn(async move { shared.fill(&wanted, filling).await });
                (How::Stored, Verified::Memory(reader))
            }
            Opened::NoRoom => {
                metrics.passed.add(1);
                (How::Passed, self.pass(wanted.clone()))
            }
        }
    }

    fn pass(self: &Arc<Self>, wanted: Wanted) -> Verified {
        let (pieces, receiver) = mpsc::channel(PASSED_GROUPS);
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            let sink = Passing {
                pieces: pieces.clone(),
                from: None,
                waited: Duration::ZERO,
            };
            let outcome = tokio::select! {
                biased;
                () = pieces.closed() => return,
                () = shared.stopped.cancelled() => return,
                outcome = shared.pass_pieces(&wanted, sink) => outcome,
            };
            if let Err(error) = outcome {
                // Nobody is there to hear it if that fails.
                let _ = pieces.send(Err(error)).await;
            }
        });
        Verified::Passed {
            pieces: receiver,
            from: None,
        }
    }

    async fn pass_pieces(&self, wanted: &Wanted, mut sink: Passing) -> Result<(), FetchError> {
        let (id, entry) = (wanted.collection.id, wanted.entry());
        let mut piece = PIECE_BYTES;
        let Range { start: mut at, end } = wanted.range;
        loop {
            // At a group's end, so that none is asked for twice.
            let until = (at + piece) / GROUP_BYTES * GROUP_BYTES;
            let range = at..until.min(end);
            sink.waited = Duration::ZERO;
            let (only, way) = (Some(range.clone()), &wanted.way);
            let fetch = self.client.fetch_entry_via(id, entry, only, way, &mut sink);
            fetch.await?;
            at = range.end;
            if at >= end {
                return Ok(());
            }
            piece = match sink.waited < SLOW {
                true => (piece * PIECE_GROWTH).min(PIECE_BYTES_MAX),
                false => PIECE_BYTES,
            };
        }
    }

    async fn fill(&self, wanted: &Wanted, mut filling: Filling) {
        let cancelled = filling.cancelled();
        let (id, way) = (wanted.collection.id, &wanted.way);
        let fetch = self
            .client
            .fetch_entry_via(id, wanted.entry(), None, way, &mut filling);
        let outcome = tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            () = self.stopped.cancelled() => return,
            outcome = fetch => outcome,
        };
        filling.end(outcome.map(drop));
    }

    /// Reads what was asked for if it is a playlist, else gets what comes after it.
    pub(super) fn look_ahead(self: &Arc<Self>, wanted: &Wanted) {
        if self.ahead == 0 || !wanted.is_whole() {
            return;
        }
        let id = wanted.collection.id;
        let Some(kind) = Kind::of(wanted.entry()) else {
            let next = self.orders.after(&id, wanted.file, self.ahead);
            // Who finds no turn has others' prefetching in front of it: then there is nothing to gain.
            if let Some(turn) =
                (!next.is_empty()).then(|| self.ahead_turns.clone().try_acquire_owned())
                && let Ok(turn) = turn
            {
                let (shared, wanted) = (Arc::clone(self), wanted.clone());
                self.tasks.spawn(async move {
                    shared.fill_ahead(wanted, next).await;
                    drop(turn);
                });
            }
            return;
        };
        if !self.orders.is_new(&id, wanted.file) {
            return;
        }
        let found = self.cache.find(wanted.key(), wanted.range.clone());
        let Some(Opened::Hit(reader) | Opened::Joined(reader)) = found else {
            return;
        };
        let (shared, wanted) = (Arc::clone(self), wanted.clone());
        self.tasks
            .spawn(async move { shared.learn(wanted, kind, Verified::Memory(reader)).await });
    }

    /// One file after the other, so that what is wanted now comes first.
    async fn fill_ahead(&self, mut wanted: Wanted, next: Vec<u32>) {
        self.cache.settled(wanted.key()).await;
        for file in next {
            wanted.file = file;
            let (key, size) = (wanted.key(), wanted.entry().size);
            match self.cache.open_ahead(key, size) {
                Some(filling) => {
                    self.metrics.ahead.add(1);
                    self.fill(&wanted, filling).await;
                }
                None => self.cache.settled(key).await,
            }
            if self.stopped.is_cancelled() {
                return;
            }
        }
    }

    async fn learn(self: Arc<Self>, wanted: Wanted, kind: Kind, playlist: Verified) {
        let mut text = Vec::new();
        let mut source = self.opening(&wanted, playlist);
        while let Some(piece) = source.next().await {
            let Ok(piece) = piece else { return };
            text.extend_from_slice(&piece);
        }
        // A long one takes some milliseconds.
        let read = move || {
            let Ok(text) = String::from_utf8(text) else {
                return;
            };
            let Collection { id, manifest } = &wanted.collection;
            self.orders.learn(*id, manifest, wanted.file, kind, &text);
            self.metrics.playlists.add(1);
        };
        if let Err(error) = disk::try_run(read).await {
            tracing::warn!(%error, "a playlist could not be read");
        }
    }
}
