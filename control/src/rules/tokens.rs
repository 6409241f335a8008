//! What viewers' tokens were used for: bytes that tickets allowed, and the clients that have some now. By it
//! their caps are kept.
//!
//! The logs of open epochs say it themselves ([`ByToken`] of each); of closed ones their sums are kept.

use formats::viewer_tokens::LIFETIME_S_MAX;
use protocol::{B256, ClientKey, Epoch, NO_VIEWER_TOKEN, Ticket, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tokens of closed epochs that are remembered; beyond, those that end last are let go.
const TOKENS_MAX: usize = 262_144;

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

/// What tickets on one token allow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) bytes: u64,
    /// With the time at which their last ticket ends; some may have ended.
    pub(crate) clients: Vec<(ClientKey, UnixMillis)>,
}

impl Used {
    fn count(&mut self, ticket: &Ticket) {
        self.bytes = self.bytes.saturating_add(ticket.bytes_max);
        self.client(ticket.client, ticket.expires_at, ticket.issued_at);
    }

    fn client(&mut self, client: ClientKey, mut until: UnixMillis, now: UnixMillis) {
        self.clients.retain(|(known, ends)| {
            if *known == client {
                // By a clock that went back, the one before ends last.
                until = until.max(*ends);
            }
            *ends > now && *known != client
        });
        self.clients.push((client, until));
    }
}

/// An epoch's, by token.
pub(crate) type ByToken = BTreeMap<B256, Used>;

/// Counts a ticket.
pub(crate) fn count(all: &mut ByToken, ticket: &Ticket) {
    if ticket.viewer_token != NO_VIEWER_TOKEN {
        all.entry(ticket.viewer_token).or_default().count(ticket);
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosedToken {
    token: B256,
    /// When it ends, as far as that is known; it may be earlier.
    expires_at: UnixMillis,
    used: Used,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosedFile {
    version: u32,
    through: Option<Epoch>,
    tokens: Vec<ClosedToken>,
}

/// What tokens were used for in closed epochs.
#[derive(Debug, Default)]
pub(crate) struct ClosedUsage {
    /// Epochs up to this one are in.
    through: Option<Epoch>,
    /// When each token ends, and what it was used for.
    tokens: BTreeMap<B256, (UnixMillis, Used)>,
    /// When tokens that have caps end, of those that were seen since the start.
    ends: BTreeMap<B256, UnixMillis>,
}

impl ClosedUsage {
    /// No token was used up to an epoch.
    pub(crate) fn none(through: Option<Epoch>) -> Self {
        Self {
            through,
            ..Self::default()
        }
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// If they aren't of this version.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let file: ClosedFile = serde_json::from_slice(bytes)?;
        if file.version != FILE_VERSION {
            let text = format!("version {} is not known here", file.version);
            return Err(serde::de::Error::custom(text));
        }
        let tokens = file.tokens.into_iter();
        let tokens = tokens.map(|one| (one.token, (one.expires_at, one.used)));
        Ok(Self {
            through: file.through,
            tokens: tokens.collect(),
            ends: BTreeMap::new(),
        })
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let tokens = self.tokens.iter();
        let tokens = tokens.map(|(token, (expires_at, used))| ClosedToken {
            token: *token,
            expires_at: *expires_at,
            used: used.clone(),
        });
        let file = ClosedFile {
            version: FILE_VERSION,
            through: self.through,
            tokens: tokens.collect(),
        };
        serde_json::to_vec(&file).expect("hashes, keys and numbers are JSON")
    }

    /// Whether an epoch's tickets are in.
    pub(crate) fn has(&self, epoch: Epoch) -> bool {
        self.through >= Some(epoch)
    }

    /// An epoch is closed, for good, with these sums. Gives how many tokens were too many to be remembered; `None` if
    /// the epoch was in already.
    pub(crate) fn close(
        &mut self,
        epoch: Epoch,
        tokens: &ByToken,
        now: UnixMillis,
    ) -> Option<usize> {
        if self.has(epoch) {
            return None;
        }
        for (token, used) in tokens {
            // Of one that was used before a restart the end isn't known: the latest that can be.
            let latest = now.saturating_add(LIFETIME_S_MAX * 1000);
            let ends = self.ends.get(token).copied().unwrap_or(latest);
            let known = self.tokens.entry(*token).or_default();
            known.0 = ends;
            known.1.bytes = known.1.bytes.saturating_add(used.bytes);
            for (client, until) in &used.clients {
                known.1.client(*client, *until, now);
            }
        }
        self.tokens.retain(|_, (ends, used)| {
            used.clients.retain(|(_, until)| *until > now);
            *ends > now
        });
        self.ends.retain(|_, ends| *ends > now);
        self.through = Some(epoch);
        Some(self.forget(TOKENS_MAX))
    }

    /// Lets go of tokens that end last until there are so many; gives how many went.
    fn forget(&mut self, most: usize) -> usize {
        let known = self.tokens.len();
        if known > most {
            let mut ends: Vec<_> = self.tokens.values().map(|(ends, _)| *ends).collect();
            ends.sort_unstable();
            let last = ends[most];
            self.tokens.retain(|_, (ends, _)| *ends < last);
        }
        known - self.tokens.len()
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
        let closed = self.tokens.get(&viewer.hash).map(|(_, used)| used);
        let used = open.filter_map(|all| all.get(&viewer.hash)).chain(closed);
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
mod tests {
    use super::*;
    use crate::testing::unsigned;
    use proptest::prelude::*;

    const TOKEN: B256 = B256::repeat_byte(7);
    const NONE: [ByToken; 0] = [];

    fn viewer(bytes: Option<u64>, sessions: Option<u32>) -> Viewer {
        Viewer {
            hash: TOKEN,
            expires_at: 2_000_000,
            bytes,
            sessions,
        }
    }

    fn client(fill: u8) -> ClientKey {
        ClientKey::from([fill; 32])
    }

    fn used(bytes: u64, clients: &[(u8, UnixMillis)]) -> ByToken {
        let clients = clients.iter().map(|(fill, until)| (client(*fill), *until));
        let clients = clients.collect();
        ByToken::from([(TOKEN, Used { bytes, clients })])
    }

    #[test]
    fn tokens_that_have_ended_are_forgotten_and_epochs_count_once() {
        let mut usage = ClosedUsage::none(None);
        let capped = viewer(Some(100), None);
        let allowed = usage.allowed(&capped, client(1), 10, NONE.iter(), 1000);
        assert_eq!(allowed, Ok(10));
        let ten = used(10, &[(1, 5000)]);
        assert_eq!(usage.close(0, &ten, 2000), Some(0));
        assert_eq!(usage.close(0, &ten, 2000), None);
        assert_eq!(usage.tokens[&TOKEN], (2_000_000, ten[&TOKEN].clone()));
        assert_eq!(usage.close(1, &ByToken::new(), 6000), Some(0));
        assert!(usage.tokens[&TOKEN].1.clients.is_empty());
        assert_eq!(usage.close(2, &ByToken::new(), 2_000_000), Some(0));
        assert!(usage.tokens.is_empty() && usage.ends.is_empty());
        assert!(usage.has(2) && !usage.has(3));
    }

    #[test]
    fn a_token_whose_end_isn_t_known_stays_as_long_as_one_can() {
        let mut usage = ClosedUsage::none(None);
        usage.close(0, &used(10, &[]), 1000);
        assert_eq!(usage.tokens[&TOKEN].0, 1000 + LIFETIME_S_MAX * 1000);
    }

    #[test]
    fn those_that_end_last_are_let_go() {
        let mut usage = ClosedUsage::none(None);
        for end in 1..=5u8 {
            let token = B256::repeat_byte(end);
            usage.tokens.insert(token, (end.into(), Used::default()));
        }
        assert_eq!((usage.forget(5), usage.forget(3)), (0, 2));
        assert!(
            usage
                .tokens
                .keys()
                .eq([1, 2, 3].map(B256::repeat_byte).iter())
        );
    }

    #[test]
    fn a_file_of_another_version_is_refused() {
        let bytes = ClosedUsage::none(Some(3)).to_bytes();
        assert!(ClosedUsage::parse(&bytes).expect("it is one").has(3));
        let other = String::from_utf8(bytes)
            .expect("JSON")
            .replace("\"version\":1", "\"version\":2");
        assert!(ClosedUsage::parse(other.as_bytes()).is_err());
        assert!(ClosedUsage::parse(b"{}").is_err());
    }

    #[test]
    fn a_client_has_a_ticket_until_its_last_one_ends() {
        let mut all = ByToken::new();
        let ticket = |issued_at, expires_at| Ticket {
            viewer_token: TOKEN,
            issued_at,
            expires_at,
            ..unsigned()
        };
        count(&mut all, &ticket(1000, 3000));
        count(&mut all, &ticket(500, 2500));
        count(
            &mut all,
            &Ticket {
                viewer_token: NO_VIEWER_TOKEN,
                ..ticket(1, 2)
            },
        );
        assert_eq!(all.len(), 1);
        assert_eq!(all[&TOKEN].clients, [(unsigned().client, 3000)]);
        assert_eq!(all[&TOKEN].bytes, 2 * unsigned().bytes_max);
    }

    proptest! {
        #[test]
        fn a_token_never_gets_more_bytes_or_clients_than_it_allows(
            most in 0u64..200, clients in 0u32..4,
            steps in prop::collection::vec((0u8..6, 0u64..60, 0u64..40), 1..60),
        ) {
            let token = viewer(Some(most), Some(clients));
            let mut usage = ClosedUsage::none(None);
            let mut open = vec![ByToken::new()];
            let (mut now, mut epoch, mut sum) = (1000, 0, 0);
            let mut tickets: Vec<(u8, UnixMillis)> = Vec::new();
            for (who, wanted, pause) in steps {
                now += pause;
                match who {
                    // An epoch ends; the one before it is closed, and the process starts again.
                    0 => {
                        if open.len() > 1 {
                            usage.close(epoch, &open.remove(0), now);
                            epoch += 1;
                        }
                        open.push(ByToken::new());
                        usage = ClosedUsage::parse(&usage.to_bytes()).expect("it was written so");
                    }
                    who => {
                        let allowed = usage.allowed(&token, client(who), wanted, open.iter(), now);
                        let Ok(allowed) = allowed else {
                            continue;
                        };
                        prop_assert!(allowed <= wanted);
                        sum += allowed;
                        let until = now + 100;
                        tickets.push((who, until));
                        let ticket = Ticket {
                            viewer_token: TOKEN,
                            client: client(who),
                            bytes_max: allowed,
                            issued_at: now,
                            expires_at: until,
                            ..unsigned()
                        };
                        count(open.last_mut().expect("there is one"), &ticket);
                    }
                }
                prop_assert!(sum <= most);
                let here: std::collections::BTreeSet<_> =
                    tickets.iter().filter(|(_, until)| *until > now).map(|(who, _)| who).collect();
                prop_assert!(here.len() <= clients as usize, "{here:?}");
            }
        }
    }
}
