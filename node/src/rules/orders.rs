//! Durable orders of the control plane: which pushes go on, and what is told of an order.

use protocol::{CollectionId, MemberFrame, OrderId, Paths};
use std::collections::BTreeMap;

/// Pushes at a time; the rest is told to come again by a failure, and does with the next connection.
const PUSHES_MAX: usize = 1024;
/// Most bytes of the reason why an order isn't done: it is for an operator, and must fit in a frame.
const DETAIL_BYTES_MAX: usize = 1024;

/// What becomes of a push that is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// It begins.
    Begins,
    /// It is under way: nothing is to be done.
    UnderWay,
    /// Too many are.
    TooMany,
}

/// The pushes of one connection that are under way.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    under_way: BTreeMap<OrderId, CollectionId>,
}

impl Pushes {
    /// Most at a time.
    pub(crate) const MAX: usize = PUSHES_MAX;

    /// A push is ordered.
    pub(crate) fn begin(&mut self, id: OrderId, collection: CollectionId) -> Push {
        if self.under_way.contains_key(&id) {
            return Push::UnderWay;
        }
        if self.under_way.len() >= PUSHES_MAX {
            return Push::TooMany;
        }
        self.under_way.insert(id, collection);
        Push::Begins
    }

    /// A push is over, however it ended.
    pub(crate) fn ended(&mut self, id: OrderId) {
        self.under_way.remove(&id);
    }

    /// A purge is ordered: the pushes that it undoes, which are over by that. Only a purge of all of a collection
    /// undoes its pushes, as with the control plane, which wants to hear of the others.
    pub(crate) fn purged(&mut self, collection: CollectionId, paths: &Paths) -> Vec<OrderId> {
        if *paths != Paths::All {
            return Vec::new();
        }
        let undone = self.under_way.iter();
        let undone = undone.filter(|(_, pushed)| **pushed == collection);
        let undone: Vec<_> = undone.map(|(id, _)| *id).collect();
        for id in &undone {
            self.under_way.remove(id);
        }
        undone
    }
}

/// What the control plane is told of an order: that it is done, or why it can't be now.
pub(crate) fn answer(order: OrderId, done: Result<(), String>) -> MemberFrame {
    match done {
        Ok(()) => MemberFrame::Done { order },
        Err(mut detail) => {
            detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
            MemberFrame::Failed { order, detail }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::encode_frame;

    fn collection(fill: u8) -> CollectionId {
        CollectionId::new(1_000, &[fill; 32]).expect("a small one")
    }

    #[test]
    fn a_push_that_comes_again_goes_on() {
        let mut pushes = Pushes::default();
        assert_eq!(pushes.begin(1, collection(1)), Push::Begins);
        assert_eq!(pushes.begin(1, collection(1)), Push::UnderWay);
        pushes.ended(1);
        assert_eq!(pushes.begin(1, collection(1)), Push::Begins);
    }

    #[test]
    fn no_more_pushes_are_under_way_than_may_be() {
        let mut pushes = Pushes::default();
        for id in 0..Pushes::MAX as u64 {
            assert_eq!(pushes.begin(id, collection(1)), Push::Begins);
        }
        assert_eq!(pushes.begin(5_000, collection(1)), Push::TooMany);
        assert_eq!(pushes.begin(7, collection(1)), Push::UnderWay);
        pushes.ended(7);
        assert_eq!(pushes.begin(5_000, collection(1)), Push::Begins);
    }

    #[test]
    fn a_purge_of_all_ends_every_push_of_the_collection() {
        let mut pushes = Pushes::default();
        for (id, of) in [(1, 1), (2, 2), (3, 1)] {
            pushes.begin(id, collection(of));
        }
        assert_eq!(pushes.purged(collection(1), &Paths::All), [1, 3]);
        assert_eq!(pushes.purged(collection(1), &Paths::All), [0; 0]);
        assert_eq!(pushes.begin(2, collection(2)), Push::UnderWay);
    }

    #[test]
    fn a_purge_of_a_part_leaves_pushes_to_be_confirmed() {
        let mut pushes = Pushes::default();
        pushes.begin(1, collection(1));
        for part in [Paths::Path("a".into()), Paths::Glob("**".into())] {
            assert_eq!(pushes.purged(collection(1), &part), [0; 0]);
        }
        assert_eq!(pushes.begin(1, collection(1)), Push::UnderWay);
    }

    #[test]
    fn what_is_done_is_confirmed_and_what_fails_says_why() {
        assert_eq!(answer(7, Ok(())), MemberFrame::Done { order: 7 });
        let detail = "the disk is full".to_owned();
        let failed = MemberFrame::Failed {
            order: 7,
            detail: detail.clone(),
        };
        assert_eq!(answer(7, Err(detail)), failed);
    }

    proptest! {
        /// A reason of any length fits: one that didn't would end the connection, and come again with the next.
        #[test]
        fn every_answer_fits_in_a_frame(reason in "\\PC{0,3}", times in 0..40_000usize) {
            let answer = answer(1, Err(reason.repeat(times)));
            prop_assert!(encode_frame(&answer).is_ok());
            let is_cut = matches!(&answer, MemberFrame::Failed { detail, .. }
                if detail.len() <= DETAIL_BYTES_MAX);
            prop_assert!(is_cut);
        }
    }
}
