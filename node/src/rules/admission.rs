//! How many are under way at once, and may be: sessions, and fills that the control plane orders.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts up to a bound.
#[derive(Debug)]
pub(crate) struct Admission {
    open: AtomicU32,
    max: u32,
}

impl Admission {
    pub(crate) fn new(max: u32) -> Self {
        let open = AtomicU32::new(0);
        Self { open, max }
    }

    /// Lets one more in; `None` if all places are taken.
    pub(crate) fn enter<A: Deref<Target = Self>>(at: A) -> Option<Permit<A>> {
        let more = |open: u32| (open < at.max).then_some(open + 1);
        let entered = at
            .open
            .try_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.ok().map(|_| Permit(at))
    }

    /// How many are let in now.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// How many may be let in at once.
    pub(crate) fn max(&self) -> u32 {
        self.max
    }
}

/// A share of the bound. However that ends which has it, its task dropped too, it is free again.
#[derive(Debug)]
pub(crate) struct Permit<A: Deref<Target = Admission>>(A);

impl<A: Deref<Target = Admission>> Drop for Permit<A> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::future::pending;
    use std::sync::Arc;
    use tokio::sync::oneshot;

    #[test]
    fn as_many_are_let_in_as_the_bound_says() {
        let admission = Admission::new(2);
        let first = Admission::enter(&admission);
        let second = Admission::enter(&admission);
        assert!(first.is_some() && second.is_some() && Admission::enter(&admission).is_none());
        assert_eq!((admission.open(), admission.max()), (2, 2));
        drop(first);
        assert_eq!(admission.open(), 1);
        assert!(Admission::enter(&admission).is_some());
    }

    #[tokio::test]
    async fn a_session_that_is_cut_off_gives_its_permit_back() {
        let admission = Arc::new(Admission::new(1));
        let (entered, is_in) = oneshot::channel();
        let of_session = admission.clone();
        let session = tokio::spawn(async move {
            let _permit = Admission::enter(of_session);
            let _ = entered.send(());
            pending::<()>().await;
        });
        is_in.await.expect("it was let in");
        assert_eq!(admission.open(), 1);
        session.abort();
        assert!(session.await.expect_err("it was cut off").is_cancelled());
        assert_eq!(admission.open(), 0);
    }

    proptest! {
        #[test]
        fn never_more_are_let_in_than_may_be(max in 0u32..5, steps in prop::collection::vec(any::<bool>(), 0..40)) {
            let admission = Admission::new(max);
            let mut held = Vec::new();
            for enters in steps {
                if enters {
                    let permit = Admission::enter(&admission);
                    prop_assert_eq!(permit.is_some(), held.len() < max as usize);
                    held.extend(permit);
                } else {
                    held.pop();
                }
                prop_assert_eq!(admission.open() as usize, held.len());
            }
        }
    }
}
