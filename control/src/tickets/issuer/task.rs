//! The task that the desk of issuing belongs to: takes what has gathered in the queue.

use super::commands::{Command, Grant, Issued};
use super::desk::IssuingDesk;
use tokio::sync::{mpsc, oneshot};

/// Tickets made durable at once: under 1 MiB of log.
const BATCH_TICKETS_MAX: usize = 4096;

/// Requests that are answered together: what each asks for, and whom it is told.
#[derive(Default)]
struct Gathered {
    requests: Vec<Vec<Grant>>,
    replies: Vec<oneshot::Sender<Issued>>,
}

/// Answers until it is told to stop.
pub(super) async fn run(mut desk: IssuingDesk, mut queue: mpsc::Receiver<Command>) {
    while let Some(first) = queue.recv().await {
        let (gathered, other) = gather(first, &mut queue);
        let (stop, idle) = (matches!(other, Some(Command::Stop)), queue.is_empty());
        desk = disk::run(move || {
            let answers = desk.issue(&gathered.requests);
            for (reply, answer) in gathered.replies.into_iter().zip(answers) {
                // Whoever asked may be gone; the tickets then stay in the log and never leave.
                let _ = reply.send(answer);
            }
            if let Some(Command::Close(through, reply)) = other {
                let _ = reply.send(desk.close(through));
            }
            if idle {
                desk.mark();
            }
            desk
        })
        .await;
        if stop {
            return;
        }
    }
}

/// Gathers requests up to the first command of another kind, which waits its turn.
fn gather(first: Command, queue: &mut mpsc::Receiver<Command>) -> (Gathered, Option<Command>) {
    let (mut gathered, mut tickets) = (Gathered::default(), 0);
    let mut next = Some(first);
    loop {
        match next {
            Some(Command::Issue(grants, reply)) => {
                tickets += grants.len();
                gathered.requests.push(grants);
                gathered.replies.push(reply);
            }
            other => return (gathered, other),
        }
        if tickets >= BATCH_TICKETS_MAX {
            return (gathered, None);
        }
        next = queue.try_recv().ok();
    }
}
