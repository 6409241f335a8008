//! What viewers' tokens were used for: bytes that tickets allowed, and the clients that have some now. By it
//! their caps are kept.
//!
//! The logs of open epochs say it themselves ([`ByToken`] of each). When an epoch is closed its sums go into
//! `viewer-tokens.json`, replaced as a whole after the seal is durable, so after a crash a closed log that is
//! not yet in it is read again. Nothing that left is forgotten, and nothing is counted twice.

use crate::tickets::by_token::{ByToken, Used};
use crate::tickets::ticket_log::LogError;
use disk::{Disk, DiskError, failed};
use formats::viewer_tokens::LIFETIME_S_MAX;
use protocol::{B256, ClientKey, Epoch, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Tokens of closed epochs that are remembered; beyond, those that end last are let go.
const TOKENS_MAX: usize = 262_144;

const FILE: &str = "viewer-tokens.json";
const FILE_VERSION: u32 = 1;

/// What a verified token allows, as far as it has to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Viewer {
    /// The token's name.
    pub(crate) hash: B256,
    pub(crate) expires_at: UnixMillis,
    /// Most bytes of all its tickets.
    pub(crate) bytes: Option<u64>,
    /// Most clients at a time.
    pub(crate) sessions: Option<u32>,
}

/// Why a token gets no ticket now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(
        "the viewer's token has been used up: it allows {0} bytes, and tickets for them were issued"
    )]
    Bytes(u64),
    #[error(
        "the viewer's token is in use by {most} clients, as many as it allows: end one, or wait"
    )]
    Sessions {
        most: u32,
        /// When the first of them ends.
        until: UnixMillis,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    token: B256,
    /// When it ends, as far as that is known; it may be earlier.
    expires_at: UnixMillis,
    used: Used,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedFile {
    version: u32,
    through: Option<Epoch>,
    tokens: Vec<Sealed>,
}

/// Of closed epochs; the ticket log's task has it.
#[derive(Debug)]
pub(crate) struct TokenUsage {
    disk: Disk,
    path: PathBuf,
    /// Epochs up to this one are in.
    through: Option<Epoch>,
    sealed: BTreeMap<B256, (UnixMillis, Used)>,
    /// When tokens that have caps end, of those that were seen since the start.
    ends: BTreeMap<B256, UnixMillis>,
}

impl TokenUsage {
    /// Reads the file. Without one, no token was used up to the epoch `closed`. Blocking.
    pub(crate) fn open(disk: &Disk, dir: &Path, closed: Option<Epoch>) -> Result<Self, LogError> {
        let path = dir.join(FILE);
        let mut usage = Self {
            disk: disk.clone(),
            path,
            through: closed,
            sealed: BTreeMap::new(),
            ends: BTreeMap::new(),
        };
        let bytes = match fs::read(&usage.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                usage.write()?;
                return Ok(usage);
            }
            Err(error) => return Err(failed("read", &usage.path)(error).into()),
        };
        let damaged = |source| LogError::Seal {
            path: usage.path.clone(),
            source,
        };
        let file: SealedFile = serde_json::from_slice(&bytes).map_err(damaged)?;
        if file.version != FILE_VERSION {
            let text = format!("version {} is not known here", file.version);
            return Err(damaged(serde::de::Error::custom(text)));
        }
        usage.through = file.through;
        let known = file.tokens.into_iter();
        let known = known.map(|one| (one.token, (one.expires_at, one.used)));
        usage.sealed = known.collect();
        Ok(usage)
    }

    /// Whether an epoch's tickets are in.
    pub(crate) fn has(&self, epoch: Epoch) -> bool {
        self.through >= Some(epoch)
    }

    /// An epoch is closed, for good: its sums are durable when it returns. Blocking.
    pub(crate) fn seal(
        &mut self,
        epoch: Epoch,
        tokens: &ByToken,
        now: UnixMillis,
    ) -> Result<(), DiskError> {
        if self.has(epoch) {
            return Ok(());
        }
        for (token, used) in tokens {
            // Of one that was used before a restart the end isn't known: the latest that can be.
            let latest = now.saturating_add(LIFETIME_S_MAX * 1000);
            let ends = self.ends.get(token).copied().unwrap_or(latest);
            let known = self.sealed.entry(*token).or_default();
            known.0 = ends;
            known.1.bytes = known.1.bytes.saturating_add(used.bytes);
            for (client, until) in &used.clients {
                known.1.client(*client, *until, now);
            }
        }
        self.sealed.retain(|_, (ends, used)| {
            used.clients.retain(|(_, until)| *until > now);
            *ends > now
        });
        self.ends.retain(|_, ends| *ends > now);
        if self.sealed.len() > TOKENS_MAX {
            let mut ends: Vec<_> = self.sealed.values().map(|(ends, _)| *ends).collect();
            ends.sort_unstable();
            let last = ends[TOKENS_MAX];
            tracing::warn!(
                tokens = ends.len(),
                "too many viewers' tokens to remember; some start anew"
            );
            self.sealed.retain(|_, (ends, _)| *ends < last);
        }
        self.through = Some(epoch);
        self.write()
    }

    fn write(&self) -> Result<(), DiskError> {
        let tokens = self
            .sealed
            .iter()
            .map(|(token, (expires_at, used))| Sealed {
                token: *token,
                expires_at: *expires_at,
                used: used.clone(),
            });
        let file = SealedFile {
            version: FILE_VERSION,
            through: self.through,
            tokens: tokens.collect(),
        };
        let bytes = serde_json::to_vec(&file).expect("hashes, keys and numbers are JSON");
        self.disk.replace(&self.path, &bytes)
    }

    /// How many bytes a new ticket may allow, of those wanted; `open` are the sums of epochs that aren't closed.
    pub(crate) fn allowed<'a>(
        &mut self,
        viewer: &Viewer,
        client: ClientKey,
        wanted: u64,
        open: impl Iterator<Item = &'a ByToken> + Clone,
        now: UnixMillis,
    ) -> Result<u64, UsageError> {
        if viewer.bytes.is_none() && viewer.sessions.is_none() {
            return Ok(wanted);
        }
        self.ends.insert(viewer.hash, viewer.expires_at);
        let sealed = self.sealed.get(&viewer.hash).map(|(_, used)| used);
        let used = open.filter_map(|all| all.get(&viewer.hash)).chain(sealed);
        if let Some(most) = viewer.sessions {
            let mut others: Vec<(ClientKey, UnixMillis)> = Vec::new();
            for (other, until) in used.clone().flat_map(|used| &used.clients) {
                if *until <= now || *other == client {
                    continue;
                }
                match others.iter_mut().find(|(known, _)| known == other) {
                    Some((_, latest)) => *latest = (*latest).max(*until),
                    None => others.push((*other, *until)),
                }
            }
            if others.len() >= most as usize {
                let until = others.iter().map(|(_, until)| *until).min();
                let until = until.unwrap_or(viewer.expires_at);
                return Err(UsageError::Sessions { most, until });
            }
        }
        let Some(most) = viewer.bytes else {
            return Ok(wanted);
        };
        let granted = used.fold(0u64, |sum, used| sum.saturating_add(used.bytes));
        match most.saturating_sub(granted) {
            0 => Err(UsageError::Bytes(most)),
            left => Ok(left.min(wanted)),
        }
    }
}

#[cfg(test)]
#[path = "token_usage_tests.rs"]
mod tests;
