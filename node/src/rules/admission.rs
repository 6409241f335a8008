//! How many sessions are open, and may be.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counts sessions up to a bound.
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
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let more = |open: u32| (open < self.max).then_some(open + 1);
        let entered = self
            .open
            .try_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.ok().map(|_| Place(self))
    }

    /// Sessions that are open.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// The bound.
    pub(crate) fn max(&self) -> u32 {
        self.max
    }
}

/// The place of a session. However that ends, its task dropped with its connection too, it is free again.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Admission);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;
    use tokio::sync::oneshot;

    #[test]
    fn as_many_are_let_in_as_there_are_places() {
        let admission = Admission::new(2);
        let first = admission.enter();
        let second = admission.enter();
        assert!(first.is_some() && second.is_some() && admission.enter().is_none());
        assert_eq!((admission.open(), admission.max()), (2, 2));
        drop(first);
        assert_eq!(admission.open(), 1);
        assert!(admission.enter().is_some());
    }

    #[tokio::test]
    async fn a_session_that_is_cut_off_leaves_its_place() {
        let admission = Arc::new(Admission::new(1));
        let (entered, is_in) = oneshot::channel();
        let of_session = admission.clone();
        let session = tokio::spawn(async move {
            let _place = of_session.enter();
            let _ = entered.send(());
            pending::<()>().await;
        });
        is_in.await.expect("it was let in");
        assert_eq!(admission.open(), 1);
        session.abort();
        assert!(session.await.expect_err("it was cut off").is_cancelled());
        assert_eq!(admission.open(), 0);
    }
}
