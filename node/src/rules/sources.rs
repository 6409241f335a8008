//! Which other nodes a collection is filled from.

use crate::rules::memory::Memory;
use content::{BodyError, FillError};
use protocol::{Code, CollectionId, FillSource, NodeId};
use std::time::Duration;

/// For how long the control plane's answer is used; its grants last longer.
const KNOWN: Duration = Duration::from_secs(20);
/// For how long a node that failed isn't asked again.
const FAILED: Duration = Duration::from_secs(30);
/// For how long a node that sent wrong bytes isn't.
const LIED: Duration = Duration::from_secs(3600);
/// Collections, and nodes that aren't asked, that are remembered.
const REMEMBERED_MAX: usize = 256;

/// What a node did that was filled from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It sent something else than it was asked for.
    Lied,
    /// It broke off, or was too slow.
    Failed,
}

impl Fault {
    /// That of a node in whose midst a fill ended; none where this machine is at fault.
    pub(crate) fn of(error: &FillError) -> Option<Self> {
        match error {
            FillError::Body(BodyError::Corrupt(_)) => Some(Self::Lied),
            FillError::Body(BodyError::Stream(_)) | FillError::Short { .. } => Some(Self::Failed),
            FillError::Body(BodyError::Range(_)) | FillError::Store(_) => None,
        }
    }

    fn lasts(self) -> Duration {
        match self {
            Self::Lied => LIED,
            Self::Failed => FAILED,
        }
    }
}

/// Whether a node that refuses with this code is at fault, or only has nothing to give at the moment.
pub(crate) fn is_fault(code: u16) -> bool {
    let honest = [Code::NotFound, Code::TooMany, Code::ShuttingDown];
    honest.iter().all(|one| one.to_u16() != code)
}

/// What is known of other nodes. Moments are since any fixed one.
#[derive(Debug)]
pub(crate) struct Sources {
    known: Memory<CollectionId, Vec<FillSource>>,
    /// Until when each isn't asked.
    shunned: Memory<NodeId, Duration>,
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self {
            known: Memory::new(REMEMBERED_MAX),
            shunned: Memory::new(REMEMBERED_MAX),
        }
    }

    /// Those to fill a collection from, the best first; `None`: the control plane is to be asked.
    pub(crate) fn known(
        &self,
        collection: &CollectionId,
        now: Duration,
    ) -> Option<Vec<FillSource>> {
        let known = self.known.get(collection, now)?;
        Some(self.usable(known, now))
    }

    /// The control plane said who has a collection: those of them to fill from, the best first.
    pub(crate) fn learn(
        &mut self,
        collection: CollectionId,
        sources: Vec<FillSource>,
        now: Duration,
    ) -> Vec<FillSource> {
        let usable = self.usable(&sources, now);
        // Where nobody is known yet, somebody may be by the next file.
        if !sources.is_empty() {
            self.known.note(collection, sources, now + KNOWN, now);
        }
        usable
    }

    fn usable(&self, sources: &[FillSource], now: Duration) -> Vec<FillSource> {
        let usable = |source: &&FillSource| self.shunned.get(&source.node, now).is_none();
        sources.iter().filter(usable).cloned().collect()
    }

    /// A collection was purged: who had it, has it no more.
    pub(crate) fn purged(&mut self, collection: &CollectionId) {
        self.known.forget(collection);
    }

    /// A node isn't asked for a while. A lesser fault doesn't shorten what a greater one earned.
    pub(crate) fn shun(&mut self, node: NodeId, fault: Fault, now: Duration) {
        let until = now + fault.lasts();
        if self
            .shunned
            .get(&node, now)
            .is_none_or(|kept| *kept < until)
        {
            self.shunned.note(node, until, until, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use content::{StoreError, check_range};
    use proptest::prelude::*;
    use protocol::SignedFillGrant;
    use std::io;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn collection(fill: u8) -> CollectionId {
        CollectionId::new(1_000, &[fill; 32]).expect("a small one")
    }

    fn node(fill: u8) -> NodeId {
        NodeId::from([fill; 32])
    }

    fn source(fill: u8) -> FillSource {
        FillSource {
            node: node(fill),
            address: format!("node-{fill}:4433"),
            grant: SignedFillGrant {
                grant: [fill; protocol::FILL_GRANT_BYTES].into(),
                signature: [fill; 64].into(),
            },
        }
    }

    fn knowing(nodes: &[u8]) -> Sources {
        let mut sources = Sources::new();
        let all = nodes.iter().map(|fill| source(*fill)).collect();
        sources.learn(collection(1), all, at(0));
        sources
    }

    fn asked(sources: &Sources, seconds: u64) -> Option<Vec<NodeId>> {
        let known = sources.known(&collection(1), at(seconds))?;
        Some(known.into_iter().map(|source| source.node).collect())
    }

    #[test]
    fn the_control_plane_s_answer_is_used_for_a_while_in_its_order() {
        let sources = knowing(&[3, 1, 2]);
        let all = vec![node(3), node(1), node(2)];
        assert_eq!(asked(&sources, 19), Some(all));
        assert_eq!(asked(&sources, 20), None);
        assert_eq!(sources.known(&collection(2), at(0)), None);
        assert_eq!(asked(&knowing(&[]), 0), None, "it is asked again");
    }

    #[test]
    fn who_had_what_was_purged_has_it_no_more() {
        let mut sources = knowing(&[1]);
        sources.purged(&collection(1));
        assert_eq!(asked(&sources, 0), None);
    }

    #[test]
    fn a_node_that_failed_is_asked_again_sooner_than_one_that_lied() {
        for (fault, lasts) in [(Fault::Failed, 30), (Fault::Lied, 3_600)] {
            let mut sources = knowing(&[1, 2]);
            sources.shun(node(1), fault, at(10));
            assert_eq!(asked(&sources, 10), Some(vec![node(2)]));
            for (seconds, first) in [(lasts + 9, 2), (lasts + 10, 1)] {
                let all = vec![source(1), source(2)];
                let usable = sources.learn(collection(1), all, at(seconds));
                assert_eq!(usable[0].node, node(first), "{fault:?} at {seconds}");
            }
        }
    }

    #[test]
    fn a_liar_that_also_fails_stays_a_liar() {
        let mut sources = knowing(&[]);
        sources.shun(node(1), Fault::Lied, at(0));
        sources.shun(node(1), Fault::Failed, at(10));
        assert!(
            sources
                .learn(collection(1), vec![source(1)], at(3_599))
                .is_empty()
        );
        // And one that failed and then lied, too.
        sources.shun(node(2), Fault::Failed, at(0));
        sources.shun(node(2), Fault::Lied, at(10));
        assert!(
            sources
                .learn(collection(2), vec![source(2)], at(3_609))
                .is_empty()
        );
    }

    #[test]
    fn only_what_a_node_did_is_its_fault() {
        let broken = || io::Error::other("broken");
        let failed = |error: FillError| Fault::of(&error);
        let corrupt = BodyError::Corrupt("other bytes".into());
        assert_eq!(failed(corrupt.into()), Some(Fault::Lied));
        assert_eq!(
            failed(BodyError::Stream(broken()).into()),
            Some(Fault::Failed)
        );
        assert_eq!(
            failed(FillError::Short { got: 1, size: 2 }),
            Some(Fault::Failed)
        );
        let full = StoreError::TooLarge {
            size: 2,
            capacity: 1,
        };
        assert_eq!(failed(full.into()), None);
        let range = check_range(2, 3, 1).expect_err("past its end");
        assert_eq!(failed(BodyError::Range(range).into()), None);
    }

    #[test]
    fn a_node_that_has_nothing_to_give_is_not_at_fault() {
        for code in [Code::NotFound, Code::TooMany, Code::ShuttingDown] {
            assert!(!is_fault(code.to_u16()), "{code}");
        }
        for code in [Code::Internal, Code::BadGrant, Code::FillFailed] {
            assert!(is_fault(code.to_u16()), "{code}");
        }
        assert!(is_fault(u16::MAX), "one that nobody knows");
    }

    proptest! {
        /// Whatever happens in whatever order, a node isn't asked as long as any of its faults lasts.
        #[test]
        fn no_fault_is_forgotten_before_its_time(
            faults in prop::collection::vec((0..4u8, any::<bool>(), 0..100u64), 0..60),
        ) {
            let (mut sources, mut now) = (Sources::new(), 0);
            let mut until = [0; 4];
            for (fill, lied, pause) in faults {
                now += pause;
                let fault = if lied { Fault::Lied } else { Fault::Failed };
                sources.shun(node(fill), fault, at(now));
                let mine = &mut until[usize::from(fill)];
                *mine = (*mine).max(now + fault.lasts().as_secs());
                let usable = sources.learn(collection(1), (0..4).map(source).collect(), at(now));
                for fill in 0..4u8 {
                    let is_usable = usable.iter().any(|source| source.node == node(fill));
                    prop_assert_eq!(is_usable, until[usize::from(fill)] <= now);
                }
            }
        }
    }
}
