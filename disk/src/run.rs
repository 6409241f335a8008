//! Work that blocks, off the threads that serve.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    static IN_PLACE: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what its thread gives to [`run`] and [`try_run`] is done at once, by that thread.
#[derive(Debug)]
pub struct InPlace {
    before: bool,
    /// It is of its thread.
    _thread: PhantomData<*const ()>,
}

/// For a world that is simulated on one thread: there one thread does everything, since the order of what happens
/// must not depend on a second one.
///
/// Not decided by the runtime's kind: a node serves on a runtime of one thread, too, and must not wait for its disk.
pub fn in_place() -> InPlace {
    InPlace {
        before: IN_PLACE.replace(true),
        _thread: PhantomData,
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        IN_PLACE.set(self.before);
    }
}

/// Runs work that blocks (files, or long arithmetic) on a thread of its own; [`in_place`] on this one. A panic of the
/// work is the caller's. Cancel safe in that the work is done all the same.
///
/// The work doesn't wait for what tasks do: in place they would wait for it.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    if IN_PLACE.get() {
        return work();
    }
    #[expect(clippy::disallowed_methods, reason = "here it is done for all")]
    let working = tokio::task::spawn_blocking(work);
    match working.await {
        Ok(done) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime ends before the work began, and whoever waits for it ends with it.
        Err(_) => std::future::pending().await,
    }
}

/// Work that was given to [`try_run`] has panicked.
#[derive(Debug, thiserror::Error)]
#[error("it panicked: {0}")]
pub struct Panicked(String);

/// As [`run`], for work over strangers' bytes: where one of them meets a fault of ours, the others go on.
///
/// # Errors
/// If the work panics.
pub async fn try_run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    // What the work had in hand is lost with it.
    let caught = run(|| catch_unwind(AssertUnwindSafe(work))).await;
    caught.map_err(|panic| Panicked(told(&*panic)))
}

fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use tokio::runtime::{Builder, Runtime};

    fn runtime() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    fn here() -> thread::ThreadId {
        thread::current().id()
    }

    #[test]
    fn work_is_done_elsewhere_unless_it_is_to_be_done_in_place() {
        let runtime = runtime();
        assert_ne!(runtime.block_on(run(here)), here());
        let place = in_place();
        assert_eq!(runtime.block_on(run(here)), here());
        drop(in_place());
        assert_eq!(runtime.block_on(run(here)), here(), "the outer one holds");
        drop(place);
        assert_ne!(runtime.block_on(run(here)), here());
    }

    #[test]
    fn a_panic_is_the_callers_or_an_error() {
        let runtime = runtime();
        let passed_on = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(run(|| panic!("no {}", "good")))
        }));
        assert_eq!(told(&*passed_on.unwrap_err()), "no good");
        let failed: Result<(), _> = runtime.block_on(try_run(|| panic!("bad")));
        assert_eq!(failed.unwrap_err().to_string(), "it panicked: bad");
        assert_eq!(runtime.block_on(try_run(|| 5)).unwrap(), 5);
    }
}
