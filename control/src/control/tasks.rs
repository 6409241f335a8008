//! The process's tasks: each has a name, and the order of the table is the order in which they end.

use futures::future::{BoxFuture, select_all};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A task that is to begin.
pub(super) struct Row {
    name: &'static str,
    grace: Duration,
    stop: CancellationToken,
    run: BoxFuture<'static, ()>,
}

/// A task that runs until its token is cancelled, and may take `grace` to end then.
pub(super) fn row<F: Future<Output = ()> + Send + 'static>(
    name: &'static str,
    grace: Duration,
    run: impl FnOnce(CancellationToken) -> F,
) -> Row {
    let stop = CancellationToken::new();
    let run = Box::pin(run(stop.clone()));
    Row {
        name,
        grace,
        stop,
        run,
    }
}

struct Task {
    name: &'static str,
    grace: Duration,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

/// Tasks at work, first to end first. Dropped, all of them are cut off.
pub(super) struct Tasks(Vec<Task>);

impl Tasks {
    /// Begins with the last: what others stand on ends after them and begins before them.
    pub(super) fn begin(table: Vec<Row>) -> Self {
        let begun = table.into_iter().rev().map(|row| Task {
            name: row.name,
            grace: row.grace,
            stop: row.stop,
            handle: tokio::spawn(row.run),
        });
        let mut tasks: Vec<_> = begun.collect();
        tasks.reverse();
        Self(tasks)
    }

    /// The first that ends though nobody stopped it. Cancel safe.
    pub(super) async fn ended(&mut self) -> &'static str {
        let handles = self.0.iter_mut().map(|task| &mut task.handle);
        let (_, place, _) = select_all(handles).await;
        self.0[place].name
    }

    /// Ends them one after the other; one that takes longer than its grace, hard.
    pub(super) async fn end(&mut self) {
        for task in &mut self.0 {
            task.stop.cancel();
            // One that has ended was awaited before, and may not be again.
            if task.handle.is_finished() {
                continue;
            }
            if timeout(task.grace, &mut task.handle).await.is_err() {
                tracing::warn!(task = task.name, "did not end in time and is cut off");
                task.handle.abort();
            }
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.handle.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::sync::oneshot;

    const GRACE: Duration = Duration::from_secs(5);

    type Steps = Arc<Mutex<Vec<&'static str>>>;

    /// Tells when it begins and when it was stopped.
    fn patient(name: &'static str, told: &Steps) -> Row {
        let told = told.clone();
        row(name, GRACE, |stop| async move {
            told.lock().unwrap().push(name);
            stop.cancelled().await;
            told.lock().unwrap().push(name);
        })
    }

    #[tokio::test]
    async fn tasks_begin_from_the_last_and_end_from_the_first() {
        let told = Steps::default();
        let names = ["dns", "http", "chain"];
        let mut tasks = Tasks::begin(names.map(|name| patient(name, &told)).into());
        tokio::task::yield_now().await;
        assert_eq!(*told.lock().unwrap(), ["chain", "http", "dns"]);
        told.lock().unwrap().clear();
        tasks.end().await;
        assert_eq!(*told.lock().unwrap(), names);
    }

    #[tokio::test]
    async fn one_that_ends_by_itself_is_named_and_the_others_still_end_in_order() {
        let told = Steps::default();
        let panics = row("http", GRACE, |_| async { panic!("on purpose") });
        let table = vec![patient("dns", &told), panics, patient("chain", &told)];
        let mut tasks = Tasks::begin(table);
        assert_eq!(tasks.ended().await, "http");
        told.lock().unwrap().clear();
        tasks.end().await;
        assert_eq!(*told.lock().unwrap(), ["dns", "chain"]);
    }

    #[tokio::test]
    async fn one_that_takes_longer_than_its_grace_is_cut_off_and_the_next_still_ends() {
        let told = Steps::default();
        let (held, cut) = oneshot::channel::<()>();
        let deaf = row("deaf", Duration::ZERO, |_| async move {
            let _held = held;
            std::future::pending().await
        });
        let mut tasks = Tasks::begin(vec![deaf, patient("chain", &told)]);
        tokio::task::yield_now().await;
        tasks.end().await;
        assert_eq!(*told.lock().unwrap(), ["chain", "chain"]);
        cut.await.unwrap_err();
    }

    #[tokio::test]
    async fn dropped_they_are_cut_off() {
        let (held, cut) = oneshot::channel::<()>();
        let deaf = row("deaf", Duration::ZERO, |_| async move {
            let _held = held;
            std::future::pending().await
        });
        drop(Tasks::begin(vec![deaf]));
        cut.await.unwrap_err();
    }
}
