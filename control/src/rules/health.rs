//! Whether a node delivers: what the control plane saw when it dialled back, and what clients say.
//!
//! Nobody's word alone takes a healthy node out. A client's report makes the control plane look for itself,
//! once in a while; two looks that fail take the node out, one that succeeds brings it back. Reports from
//! several client networks at once count even if the control plane gets through: then the node is left out
//! for a while.
//!
//! Where there is nothing to deliver, a node is known by its key; it is looked at again as soon as it says that it
//! has filled something, until it has delivered once. Times are since any beginning.

use crate::rules::client_network::ClientNetwork;
use std::collections::VecDeque;
use std::time::Duration;

/// Between two looks at a node that is well.
const LOOK_INTERVAL: Duration = Duration::from_secs(300);
/// Until the next look at one that isn't; twice as long after each further look that fails.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest until then.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(40);
/// Looks that must fail before a node that was proven is no more.
const FAILED_LOOKS: u32 = 2;
/// Reports older than this say nothing.
const REPORT_AGE_MAX: Duration = Duration::from_secs(60);
/// Client networks that must report a node before they are believed without a look.
const REPORTERS_MIN: usize = 3;
/// How long a node that several networks reported is left out.
const SUSPECT: Duration = Duration::from_secs(30);

/// What a look that went well has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Verified bytes were delivered.
    Delivered,
    /// The node has its key, and there was nothing to deliver.
    Key,
}

/// What is known of a node's delivering.
#[derive(Debug)]
pub(crate) struct Health {
    proven: bool,
    /// Whether it has ever delivered to a look.
    delivered: bool,
    /// Whether it has filled something since a look began.
    filled: bool,
    failed_looks: u32,
    /// When to look next; `None` while somebody looks.
    due: Option<Duration>,
    looked: Option<Duration>,
    reports: VecDeque<(Duration, ClientNetwork)>,
    suspect_until: Option<Duration>,
    /// What the last look that failed met.
    met: Option<String>,
}

/// Why a node that is connected gets no traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    Unproven(String),
    Suspect,
}

impl Health {
    /// A node that nobody has looked at; where nobody is to look, it is taken for proven.
    pub(crate) fn new(look: bool, now: Duration) -> Self {
        Self {
            proven: !look,
            delivered: !look,
            filled: false,
            failed_looks: 0,
            due: look.then_some(now),
            looked: None,
            reports: VecDeque::new(),
            suspect_until: None,
            met: None,
        }
    }

    /// Since when somebody is to look; `None` if nobody is now.
    pub(crate) fn due_since(&self, now: Duration) -> Option<Duration> {
        self.due.filter(|due| *due <= now)
    }

    /// Whether somebody is to look now; whoever is told so has to say what it [saw](Self::record_look).
    pub(crate) fn take_due(&mut self, now: Duration) -> bool {
        let due = self.due_since(now).is_some();
        if due {
            self.due = None;
            self.looked = Some(now);
            self.filled = false;
        }
        due
    }

    /// What a look met.
    pub(crate) fn record_look(&mut self, outcome: Result<Proof, String>, now: Duration) {
        match outcome {
            Ok(proof) => {
                self.proven = true;
                self.delivered |= proof == Proof::Delivered;
                self.failed_looks = 0;
                self.met = None;
                self.due = Some(now + LOOK_INTERVAL);
                if self.filled {
                    self.filled(now);
                }
            }
            Err(met) => {
                self.failed_looks = self.failed_looks.saturating_add(1);
                self.met = Some(met);
                if self.failed_looks >= FAILED_LOOKS {
                    self.proven = false;
                }
                // The second decides, and is near.
                let doublings = self.failed_looks.saturating_sub(FAILED_LOOKS).min(16);
                self.due = Some(now + (LOOK_AGAIN * (1 << doublings)).min(LOOK_AGAIN_MAX));
            }
        }
    }

    /// It has filled something. Of one that is known by its key alone that is a reason to look: it can deliver now.
    pub(crate) fn filled(&mut self, now: Duration) {
        self.filled = true;
        if !self.delivered {
            self.look_soon(now);
        }
    }

    /// Looks as soon as the last look is some time ago.
    fn look_soon(&mut self, now: Duration) {
        let again = self.looked.map(|looked| looked + LOOK_AGAIN);
        let soonest = again.map_or(now, |again| again.max(now));
        self.due = self.due.map(|due| due.min(soonest));
    }

    /// A client says that the node failed it.
    pub(crate) fn reported(&mut self, from: ClientNetwork, now: Duration) {
        let old = |at: Duration| now.saturating_sub(at) > REPORT_AGE_MAX;
        self.reports.retain(|(at, _)| !old(*at));
        if self.reports.iter().any(|(_, network)| *network == from) {
            return;
        }
        self.reports.push_back((now, from));
        if self.reports.len() >= REPORTERS_MIN {
            self.suspect_until = Some(now + SUSPECT);
            self.reports.clear();
        }
        self.look_soon(now);
    }

    /// Why it should get no traffic; `None` if it should.
    pub(crate) fn unfit(&self, now: Duration) -> Option<Unfit> {
        if !self.proven {
            let met = self.met.clone();
            let met = met.unwrap_or_else(|| "the control plane has yet to dial back".into());
            return Some(Unfit::Unproven(met));
        }
        self.suspect_until
            .is_some_and(|until| until > now)
            .then_some(Unfit::Suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn network(n: u8) -> ClientNetwork {
        ClientNetwork::from(IpAddr::from([10, 0, n, 1]))
    }

    fn proven(now: Duration) -> Health {
        let mut health = Health::new(true, now);
        assert!(health.take_due(now));
        health.record_look(Ok(Proof::Delivered), now);
        health
    }

    #[test]
    fn a_node_is_proven_by_a_look_and_not_before() {
        let now = Duration::from_secs(1000);
        let mut health = Health::new(true, now);
        assert!(matches!(health.unfit(now), Some(Unfit::Unproven(_))));
        assert!(
            health.take_due(now) && !health.take_due(now),
            "one looks at a time"
        );
        health.record_look(Err("no route".into()), now);
        assert_eq!(health.unfit(now), Some(Unfit::Unproven("no route".into())));
        assert!(!health.take_due(now) && health.take_due(now + LOOK_AGAIN));
        health.record_look(Ok(Proof::Delivered), now);
        assert_eq!(health.unfit(now), None);
        assert_eq!(Health::new(false, now).unfit(now), None);
    }

    #[test]
    fn one_look_that_fails_takes_nobody_out_and_two_do() {
        let now = Duration::from_secs(1000);
        let mut health = proven(now);
        health.record_look(Err("timed out".into()), now);
        assert_eq!(health.unfit(now), None);
        health.record_look(Err("timed out".into()), now);
        assert!(health.unfit(now).is_some());
        health.record_look(Ok(Proof::Delivered), now);
        assert_eq!(health.unfit(now), None);
    }

    #[test]
    fn one_that_fails_on_is_looked_at_less_and_less_often() {
        let mut now = Duration::from_secs(1000);
        let mut health = proven(now);
        let mut pauses = Vec::new();
        for _ in 0..100 {
            health.record_look(Err("timed out".into()), now);
            let due = health.due.expect("it is looked at again");
            pauses.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(pauses[..6], [5, 5, 10, 20, 40, 40]);
        assert!(pauses[6..].iter().all(|pause| *pause == 40));
        health.record_look(Ok(Proof::Delivered), now);
        health.record_look(Err("timed out".into()), now);
        assert_eq!(health.due, Some(now + LOOK_AGAIN), "it was well meanwhile");
    }

    #[test]
    fn who_had_nothing_to_deliver_is_looked_at_once_it_has_filled_something() {
        let now = Duration::from_secs(1000);
        let by_key = |now| {
            let mut health = Health::new(true, now);
            assert!(health.take_due(now));
            health.record_look(Ok(Proof::Key), now);
            assert_eq!(health.unfit(now), None);
            health
        };
        let mut health = by_key(now);
        assert!(!health.take_due(now + LOOK_INTERVAL / 2));
        let later = now + LOOK_INTERVAL / 2;
        health.filled(later);
        assert!(health.take_due(later), "at once");
        // It fills on while that look has nothing to fetch yet; then it is looked at again, and not sooner than others.
        health.filled(later);
        health.record_look(Ok(Proof::Key), later);
        assert!(!health.take_due(later) && health.take_due(later + LOOK_AGAIN));
        // No word of it, no look.
        health.record_look(Ok(Proof::Key), later);
        assert!(!health.take_due(later + LOOK_INTERVAL / 2));
        health.filled(later + LOOK_INTERVAL / 2);
        assert!(health.take_due(later + LOOK_INTERVAL / 2));
        health.record_look(Ok(Proof::Delivered), later);
        // From now on fills are nothing to look at.
        for second in 0..200 {
            let now = later + Duration::from_secs(second);
            health.filled(now);
            assert!(!health.take_due(now));
        }
        // However much it says, it isn't looked at more often than once in a while.
        let mut health = by_key(now);
        let mut looks = 0;
        for second in 0..60 {
            let now = now + Duration::from_secs(second);
            health.filled(now);
            if health.take_due(now) {
                looks += 1;
                health.record_look(Ok(Proof::Key), now);
            }
        }
        assert_eq!(looks, 11);
    }

    #[test]
    fn one_reporter_can_say_what_it_will() {
        let now = Duration::from_secs(1000);
        let mut health = proven(now);
        for second in 0..600 {
            let now = now + Duration::from_secs(second);
            health.reported(network(1), now);
            if health.take_due(now) {
                health.record_look(Ok(Proof::Delivered), now);
            }
            assert_eq!(health.unfit(now), None);
        }
    }

    #[test]
    fn a_report_brings_the_look_forward_but_not_at_every_word() {
        let now = Duration::from_secs(1000);
        let mut health = proven(now);
        health.reported(network(1), now);
        assert!(!health.take_due(now), "it has just been looked at");
        assert!(health.take_due(now + LOOK_AGAIN));
    }

    #[test]
    fn several_networks_at_once_are_believed_for_a_while() {
        let now = Duration::from_secs(1000);
        let mut health = proven(now);
        health.reported(network(1), now);
        health.reported(network(2), now + REPORT_AGE_MAX * 2);
        health.reported(network(3), now + REPORT_AGE_MAX * 2);
        let then = now + REPORT_AGE_MAX * 2;
        assert_eq!(health.unfit(then), None, "the first is too old");
        health.reported(network(4), then);
        assert_eq!(health.unfit(then), Some(Unfit::Suspect));
        assert_eq!(health.unfit(then + SUSPECT), None);
    }
}
