//! When things happen: the network's clock and windows, in seconds as on chain.
//!
//! Epoch length and windows come in versions, each from some epoch on. Epochs are counted through: the first
//! epoch of a version begins where the last one of the version before ends. Everything about an epoch follows the
//! version of *that* epoch, what happens after its end too.

use crate::{Epoch, UnixMillis};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How long the epochs of a version are, and what follows each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// Seconds of an epoch, at least 1.
    pub epoch_length: u32,
    /// Seconds after an epoch's end in which its tickets may still be used.
    pub ticket_tail: u32,
    /// Seconds after an epoch's end in which issuers commit their logs.
    pub commit_window: u32,
    /// Seconds after the ticket tail in which nodes may force commitments and nobody attests.
    pub force_window: u32,
    /// Seconds from an attestation until it is active.
    pub challenge_window: u32,
}

/// The times of a network, as its settlement contract fixes them: of all versions that are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Timeline {
    first: Line,
    /// Strictly increasing by first epoch; each differs from the one before.
    later: Vec<Line>,
}

/// The epochs of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    first_epoch: Epoch,
    /// When that begins, Unix seconds.
    start: u64,
    windows: Windows,
}

/// A version that doesn't come after the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version from epoch {first_epoch} on can't follow one from epoch {newest} on")]
pub struct OutOfOrder {
    /// Its first epoch.
    pub first_epoch: Epoch,
    /// The first epoch of the newest.
    pub newest: Epoch,
}

impl Line {
    fn start(&self, epoch: Epoch) -> u64 {
        self.after(epoch.saturating_sub(self.first_epoch))
    }

    fn end(&self, epoch: Epoch) -> u64 {
        let since = epoch.saturating_sub(self.first_epoch);
        self.after(since.saturating_add(1))
    }

    /// So many epochs after its start.
    fn after(&self, epochs: u64) -> u64 {
        let length = u64::from(self.windows.epoch_length);
        self.start.saturating_add(epochs.saturating_mul(length))
    }

    /// How many of its epochs were over at a time, Unix seconds; `None` before its start.
    fn over_at(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.start)?
            .checked_div(self.windows.epoch_length.into())
    }
}

impl Timeline {
    /// One version for all epochs; epoch 0 begins at `genesis`, Unix seconds.
    pub const fn fixed(genesis: u64, windows: Windows) -> Self {
        Self {
            first: Line {
                first_epoch: 0,
                start: genesis,
                windows,
            },
            later: Vec::new(),
        }
    }

    /// Adds the version from `first_epoch` on.
    ///
    /// # Errors
    /// If it isn't after the newest.
    pub fn then(mut self, first_epoch: Epoch, windows: Windows) -> Result<Self, OutOfOrder> {
        let newest = *self.newest();
        if first_epoch <= newest.first_epoch {
            return Err(OutOfOrder {
                first_epoch,
                newest: newest.first_epoch,
            });
        }
        if windows != newest.windows {
            self.later.push(Line {
                first_epoch,
                start: newest.start(first_epoch),
                windows,
            });
        }
        Ok(self)
    }

    /// Without the versions of later epochs: all that this epoch and those before it depend on.
    pub fn through(mut self, epoch: Epoch) -> Self {
        self.later.retain(|line| line.first_epoch <= epoch);
        self
    }

    /// Start of epoch 0, Unix seconds.
    pub fn genesis(&self) -> u64 {
        self.first.start
    }

    /// Length and windows of an epoch.
    pub fn windows(&self, epoch: Epoch) -> Windows {
        self.line(epoch).windows
    }

    /// First second of an epoch; saturates at the end of time.
    pub fn start(&self, epoch: Epoch) -> u64 {
        self.line(epoch).start(epoch)
    }

    /// First second after an epoch.
    pub fn end(&self, epoch: Epoch) -> u64 {
        self.line(epoch).end(epoch)
    }

    /// Last moment, in ms, at which tickets of the epoch may expire.
    pub fn tickets_end_ms(&self, epoch: Epoch) -> UnixMillis {
        self.force_window(epoch).start.saturating_mul(1000)
    }

    /// Last second at which the epoch's ticket logs are taken.
    pub fn commit_until(&self, epoch: Epoch) -> u64 {
        let line = self.line(epoch);
        line.end(epoch)
            .saturating_add(line.windows.commit_window.into())
    }

    /// The seconds in which nodes may force what is to count for an epoch.
    pub fn force_window(&self, epoch: Epoch) -> Range<u64> {
        let line = self.line(epoch);
        let from = line
            .end(epoch)
            .saturating_add(line.windows.ticket_tail.into());
        from..from.saturating_add(line.windows.force_window.into())
    }

    /// First second at which an epoch may be attested, if those before it are: ticket tail and force window are
    /// over, and so is the commit window, of which the last second still takes a log.
    pub fn attest_from(&self, epoch: Epoch) -> u64 {
        let committed = self.commit_until(epoch).saturating_add(1);
        committed.max(self.force_window(epoch).end)
    }

    /// Seconds from an attestation of the epoch until it is active at the latest: an epoch is never active before
    /// those before it, which may have longer windows.
    pub fn challenge_window_max(&self, epoch: Epoch) -> u32 {
        let until = self.lines().take_while(|line| line.first_epoch <= epoch);
        let windows = until.map(|line| line.windows.challenge_window);
        windows.max().unwrap_or_default()
    }

    /// The epoch of a moment; `None` before the genesis.
    pub fn epoch_at_ms(&self, now: UnixMillis) -> Option<Epoch> {
        let now = now / 1000;
        let line = self.lines().take_while(|line| line.start <= now).last()?;
        Some(line.first_epoch.saturating_add(line.over_at(now)?))
    }

    /// Of each version the newest epoch whose tickets had all expired at a moment: what is newest in one needn't be
    /// due before what is newest in another.
    pub fn expired_at_ms(&self, now: UnixMillis) -> impl Iterator<Item = Epoch> {
        let lasts = self.later.iter().map(|next| next.first_epoch - 1);
        let lasts = lasts.chain([Epoch::MAX]);
        self.lines().zip(lasts).filter_map(move |(line, last)| {
            let now = (now / 1000).checked_sub(line.windows.ticket_tail.into())?;
            let newest = line.over_at(now)?.checked_sub(1)?;
            Some(line.first_epoch.saturating_add(newest).min(last))
        })
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.first).chain(&self.later)
    }

    fn newest(&self) -> &Line {
        self.later.last().unwrap_or(&self.first)
    }

    /// The version of an epoch.
    fn line(&self, epoch: Epoch) -> &Line {
        let newest_first = self.later.iter().rev();
        let mut until = newest_first.skip_while(|line| line.first_epoch > epoch);
        until.next().unwrap_or(&self.first)
    }
}

/// As JSON has it: what a network that never changes its times has is what all have, and the changes follow.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    genesis: u64,
    #[serde(flatten)]
    first: Windows,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    later: Vec<WrittenChange>,
}

#[derive(Clone, Serialize, Deserialize)]
struct WrittenChange {
    first_epoch: Epoch,
    #[serde(flatten)]
    windows: Windows,
}

impl TryFrom<Written> for Timeline {
    type Error = OutOfOrder;

    fn try_from(written: Written) -> Result<Self, OutOfOrder> {
        let first = Self::fixed(written.genesis, written.first);
        let mut changes = written.later.into_iter();
        changes.try_fold(first, |line, change| {
            line.then(change.first_epoch, change.windows)
        })
    }
}

impl From<Timeline> for Written {
    fn from(timeline: Timeline) -> Self {
        let later = timeline.later.iter().map(|line| WrittenChange {
            first_epoch: line.first_epoch,
            windows: line.windows,
        });
        Self {
            genesis: timeline.first.start,
            first: timeline.first.windows,
            later: later.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Windows = Windows {
        epoch_length: 15,
        ticket_tail: 3,
        commit_window: 10,
        force_window: 7,
        challenge_window: 5,
    };

    #[test]
    fn epochs_are_half_open() {
        let timeline = Timeline::fixed(100, FIRST);
        assert_eq!(timeline.epoch_at_ms(99_999), None);
        assert_eq!(timeline.epoch_at_ms(100_000), Some(0));
        assert_eq!(timeline.epoch_at_ms(114_999), Some(0));
        assert_eq!(timeline.epoch_at_ms(115_000), Some(1));
        assert_eq!(timeline.end(1), 130);
        assert_eq!(timeline.tickets_end_ms(1), 133_000);
        assert_eq!(timeline.attest_from(1), 141, "130 + 10 still takes a log");
        let longer = Windows {
            force_window: 20,
            ..FIRST
        };
        let longer = Timeline::fixed(100, longer);
        assert_eq!(longer.attest_from(1), 153);
        assert_eq!(longer.force_window(1), 133..153);
        assert_eq!(timeline.attest_from(u64::MAX), u64::MAX);
        assert_eq!(timeline.end(u64::MAX), u64::MAX);
    }

    /// Long epochs, from 4 on short ones, from 10 on long ones again.
    fn changing() -> Timeline {
        let short = Windows {
            epoch_length: 2,
            ticket_tail: 1,
            commit_window: 2,
            force_window: 1,
            challenge_window: 4,
        };
        let timeline = Timeline::fixed(100, FIRST).then(4, short).unwrap();
        timeline.then(10, FIRST).unwrap()
    }

    #[test]
    fn an_epoch_has_the_times_of_its_version() {
        let timeline = changing();
        let starts = [0, 3, 4, 5, 9, 10, 11].map(|epoch| timeline.start(epoch));
        assert_eq!(starts, [100, 145, 160, 162, 170, 172, 187]);
        for (time, epoch) in [(159, 3), (160, 4), (161, 4), (171, 9), (172, 10), (187, 11)] {
            assert_eq!(timeline.epoch_at_ms(time * 1000), Some(epoch), "at {time}");
        }
        assert_eq!(timeline.force_window(3), 163..170, "after 160");
        assert_eq!(timeline.force_window(4), 163..164, "after 162");
        // A short epoch can be due before the long one that it follows; attested it is after it.
        assert_eq!(
            (timeline.attest_from(3), timeline.attest_from(4)),
            (171, 165)
        );
        let windows = [3, 4, 10].map(|epoch| timeline.challenge_window_max(epoch));
        assert_eq!(windows, [5, 5, 5]);
        assert_eq!(timeline.clone().through(9).windows(10).epoch_length, 2);
        assert_eq!(timeline.clone().through(10), timeline);
    }

    #[test]
    fn the_newest_expired_of_each_version() {
        let timeline = changing();
        let expired = |now| timeline.expired_at_ms(now).collect::<Vec<_>>();
        assert!(expired(117_999).is_empty());
        assert_eq!(expired(118_000), [0]);
        // Epoch 3 ends at 160 and its tickets at 163, those of epoch 4 then too.
        assert_eq!(expired(162_999), [2]);
        assert_eq!(expired(163_000), [3, 4]);
        assert_eq!(expired(173_000), [3, 9]);
        assert_eq!(expired(190_000), [3, 9, 10]);
    }

    #[test]
    fn versions_come_in_order() {
        let other = Windows {
            epoch_length: 9,
            ..FIRST
        };
        let timeline = Timeline::fixed(100, FIRST).then(4, other).unwrap();
        for first_epoch in [0, 3, 4] {
            let newest = OutOfOrder {
                first_epoch,
                newest: 4,
            };
            assert_eq!(timeline.clone().then(first_epoch, FIRST), Err(newest));
        }
        let same = Timeline::fixed(100, FIRST).then(4, FIRST).unwrap();
        assert_eq!(same, Timeline::fixed(100, FIRST), "nothing changes");
    }

    #[test]
    fn json_of_one_version_is_as_it_was() {
        let one = r#"{"genesis":100,"epoch_length":15,"ticket_tail":3,"commit_window":10,"force_window":7,"challenge_window":5}"#;
        let timeline: Timeline = serde_json::from_str(one).unwrap();
        assert_eq!(timeline, Timeline::fixed(100, FIRST));
        assert_eq!(serde_json::to_string(&timeline).unwrap(), one);
        let many = serde_json::to_string(&changing()).unwrap();
        assert_eq!(serde_json::from_str::<Timeline>(&many).unwrap(), changing());
        let disordered = many.replace("\"first_epoch\":10", "\"first_epoch\":4");
        assert!(serde_json::from_str::<Timeline>(&disordered).is_err());
    }

    fn windows() -> impl Strategy<Value = Windows> {
        let short = (1u32..50, 0u32..50, 1u32..50, 0u32..50, 1u32..50);
        let of = any::<u32>;
        prop_oneof![short, (of(), of(), of(), of(), of())].prop_map(
            |(length, tail, commit, force, challenge)| Windows {
                epoch_length: length,
                ticket_tail: tail,
                commit_window: commit,
                force_window: force,
                challenge_window: challenge,
            },
        )
    }

    proptest! {
        #[test]
        fn epochs_follow_each_other(
            genesis in 0u64..1 << 40,
            first in windows(),
            later in prop::collection::vec((1u64..100, windows()), 0..5),
            epoch in 0u64..400,
            after in any::<u32>(),
        ) {
            let mut timeline = Timeline::fixed(genesis, first);
            let mut from = 0;
            for (epochs, windows) in later {
                from += epochs;
                timeline = timeline.then(from, windows).unwrap();
            }
            prop_assert_eq!(timeline.end(epoch), timeline.start(epoch + 1));
            prop_assert!(timeline.attest_from(epoch) > timeline.end(epoch));
            let length = timeline.windows(epoch).epoch_length;
            if length > 0 {
                let moment = timeline.start(epoch) + u64::from(after % length);
                prop_assert_eq!(timeline.epoch_at_ms(moment * 1000 + 999), Some(epoch));
            }
            for expired in timeline.expired_at_ms(timeline.tickets_end_ms(epoch)) {
                prop_assert!(timeline.tickets_end_ms(expired) <= timeline.tickets_end_ms(epoch));
            }
            prop_assert_eq!(timeline.clone().through(epoch).end(epoch), timeline.end(epoch));
            let again = serde_json::to_string(&timeline).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timeline>(&again).unwrap(), timeline);
        }

        /// Of times that no contract has, too.
        #[test]
        fn nothing_overflows(genesis: u64, first in windows(), then in windows(), from in 1u64.., epoch: u64, now: u64) {
            let timeline = Timeline::fixed(genesis, first).then(from, then).unwrap();
            prop_assert!(timeline.start(epoch) <= timeline.end(epoch));
            let _ = (timeline.attest_from(epoch), timeline.tickets_end_ms(epoch));
            let _ = (timeline.epoch_at_ms(now), timeline.expired_at_ms(now).count());
        }
    }
}
