//! What all members say they did: sums, and the last minutes.

use super::meter::{Meter, Sums};
use protocol::{Counts, Epoch, NodeId, TrafficPoint, TrafficStatus, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two points of the history.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Points of the history: ten minutes.
pub(super) const POINTS: usize = 120;

/// Epochs whose redeemed tickets are remembered.
pub(super) const EPOCHS_KEPT: usize = 8;

/// What all members say they did.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) sums: Sums,
    /// Sums and tickets at the newest point of the history, and when that was.
    pub(super) marked: Option<(Sums, u64, Instant)>,
    pub(super) history: VecDeque<TrafficPoint>,
    pub(super) redeemed: BTreeMap<Epoch, BTreeMap<NodeId, u32>>,
    /// Of each member, and of those that left as long as they are listed.
    pub(super) meters: BTreeMap<NodeId, Meter>,
}

impl Traffic {
    /// Takes in what a member says it did.
    pub(super) fn counted(
        &mut self,
        node: NodeId,
        counts: &Counts,
        epoch: Option<Epoch>,
        now: Instant,
    ) {
        let new = self.meters.entry(node).or_default().take(counts, now);
        self.sums = self.sums.each(new, u64::saturating_add);
        self.redeemed(node, counts, epoch);
    }

    /// Of epochs up to the one now: what is said of others would take their place.
    pub(super) fn redeemed(&mut self, node: NodeId, counts: &Counts, now: Option<Epoch>) {
        let told = counts.redeemed.iter().take(Counts::EPOCHS_MAX);
        for (epoch, count) in told.filter(|(epoch, _)| Some(*epoch) <= now) {
            let kept = self.redeemed.entry(*epoch).or_default();
            let known = kept.entry(node).or_default();
            *known = (*known).max(*count);
        }
        while self.redeemed.len() > EPOCHS_KEPT {
            self.redeemed.pop_first();
        }
    }

    /// Ends an interval of the history.
    pub(super) fn mark(&mut self, at: UnixMillis, tickets: u64, now: Instant) {
        if let Some((sums, before, since)) = self.marked {
            let time = now.saturating_duration_since(since);
            let rate = self.sums.since(sums).per_second(time);
            if self.history.len() >= POINTS {
                self.history.pop_front();
            }
            self.history.push_back(TrafficPoint {
                at,
                bytes_per_s: rate.bytes,
                requests_per_s: rate.requests,
                tickets: tickets.saturating_sub(before),
            });
        }
        self.marked = Some((self.sums, tickets, now));
    }

    pub(super) fn status(&self, sessions: u64) -> TrafficStatus {
        let newest = self.history.back().copied().unwrap_or_default();
        TrafficStatus {
            sessions,
            bytes_per_s: newest.bytes_per_s,
            requests_per_s: newest.requests_per_s,
            bytes: self.sums.bytes,
            requests: self.sums.requests,
            interval_ms: INTERVAL.as_millis() as u64,
            history: self.history.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_bounded_and_in_order() {
        let begin = Instant::now();
        let mut traffic = Traffic::default();
        for n in 0..POINTS as u64 + 3 {
            traffic.sums.bytes += 5000 * n;
            traffic.mark(n, 2 * n, begin + INTERVAL * n as u32);
        }
        let status = traffic.status(0);
        assert_eq!(status.history.len(), POINTS);
        let first = status.history[0];
        assert_eq!((first.at, first.bytes_per_s, first.tickets), (3, 3000, 2));
        assert_eq!(status.bytes_per_s, 1000 * (POINTS as u64 + 2));
    }

    #[test]
    fn redeemed_tickets_never_go_back_and_old_epochs_go() {
        let mut traffic = Traffic::default();
        let say = |traffic: &mut Traffic, node: u8, redeemed: &[(Epoch, u32)]| {
            let counts = Counts {
                redeemed: redeemed.to_vec(),
                ..Counts::default()
            };
            traffic.redeemed(NodeId::from([node; 32]), &counts, Some(5));
        };
        say(&mut traffic, 1, &[(4, 10), (5, 2)]);
        say(&mut traffic, 2, &[(5, 3)]);
        say(&mut traffic, 1, &[(5, 1)]);
        let of = |traffic: &Traffic, epoch| traffic.redeemed[&epoch].values().sum::<u32>();
        assert_eq!((of(&traffic, 4), of(&traffic, 5)), (10, 5));
        say(&mut traffic, 1, &[(6, 1), (u64::MAX, 1)]);
        assert!(!traffic.redeemed.contains_key(&6), "it isn't there yet");
        for epoch in 10..30 {
            let counts = Counts {
                redeemed: vec![(epoch, 1)],
                ..Counts::default()
            };
            traffic.redeemed(NodeId::from([1; 32]), &counts, Some(epoch));
        }
        assert_eq!(traffic.redeemed.len(), EPOCHS_KEPT);
    }
}
