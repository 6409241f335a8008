//! One request to one node: ask, verify, hand on, measure, count.

use crate::fault::{Attempt, Fault};
use crate::ledger::{Grant, SessionEnd};
use crate::service_level::keeps_targets;
use crate::session::Session;
use crate::sink::Sink;
use content::{Body, Group};
use protocol::{Code, ContentHash, FetchReply, Request, ServiceTargets};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use transport::{read_frame, write_frame};

/// A sink that holds a request up for longer lets go of its stream, which is asked for anew when the sink
/// takes more. Two streams that nobody reads would fill the connection's flow control, and the node would
/// seem to stall for all others.
const SINK_PATIENCE: Duration = Duration::from_secs(5);

/// What to get.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) content: ContentHash,
    pub(crate) size: u64,
    /// Bytes that the sink wants.
    pub(crate) wanted: Range<u64>,
    /// What is left of them, widened to whole groups.
    pub(crate) span: Range<u64>,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// All that is left came.
    Whole,
    /// The ticket covers no more, or ends: go on under another.
    TicketOver,
    /// The sink was slow: go on.
    Paused,
    /// The node is at fault, or wants no more of us; the attempt says why.
    Fault,
    /// The sink failed.
    Sink(io::Error),
}

enum Stop {
    Fault(Fault),
    Expiring,
    Paused,
    Sink(io::Error),
}

impl<E: Into<Fault>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Fault(error.into())
    }
}

/// Time that the client waited for the node.
struct Meter {
    sent: Instant,
    asked: Instant,
    ttfb: Option<Duration>,
    waited: Duration,
}

impl Meter {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            sent: now,
            asked: now,
            ttfb: None,
            waited: Duration::ZERO,
        }
    }

    fn group_came(&mut self) {
        let now = Instant::now();
        self.ttfb.get_or_insert(now - self.sent);
        self.waited += now - self.asked;
    }

    fn asks_again(&mut self) -> Instant {
        self.asked = Instant::now();
        self.asked
    }
}

/// Gets as much of the order as the session's ticket covers. The order's span shrinks by what came.
///
/// Cancel safe: dropped, what was verified is signed for, and no delivery is counted.
pub(crate) async fn transfer<S: Sink>(
    session: &Session,
    order: &mut Order,
    targets: &ServiceTargets,
    stall_timeout: Duration,
    sink: &mut S,
) -> (Attempt, Ending) {
    let mut attempt = Attempt {
        node: session.link.node,
        bytes: 0,
        ttfb: None,
        duration: Duration::ZERO,
        within: None,
        fault: None,
    };
    let Some(mut grant) = session.ledger.reserve(&order.span) else {
        return (attempt, Ending::TicketOver);
    };
    let from = order.span.start;
    let mut meter = Meter::start();
    let outcome = receive(session, order, &mut grant, &mut meter, stall_timeout, sink).await;
    attempt.bytes = order.span.start - from;
    attempt.ttfb = meter.ttfb;
    attempt.duration = meter.waited;
    let ending = match outcome {
        Ok(()) => {
            let ttfb = meter.ttfb.unwrap_or_default();
            attempt.within = Some(keeps_targets(targets, attempt.bytes, ttfb, meter.waited));
            match order.span.is_empty() {
                true => Ending::Whole,
                false => Ending::TicketOver,
            }
        }
        Err(Stop::Fault(fault)) if session.is_crowded() && is_for_want_of_receipts(&fault) => {
            Ending::TicketOver
        }
        Err(Stop::Fault(fault)) => {
            let fault = explained(session, fault);
            if fault.blame(session.is_expiring()).is_failed_delivery() {
                attempt.within = Some(false);
            }
            attempt.fault = Some(fault);
            Ending::Fault
        }
        Err(Stop::Expiring) => Ending::TicketOver,
        Err(Stop::Paused) => Ending::Paused,
        Err(Stop::Sink(error)) => Ending::Sink(error),
    };
    if let Some(within) = attempt.within {
        grant.delivered(within);
    }
    (attempt, ending)
}

/// What a node does whose window is full.
fn is_for_want_of_receipts(fault: &Fault) -> bool {
    match fault {
        Fault::Stalled(_) | Fault::Silent(_) => true,
        Fault::Refused { code, .. } => *code == Code::WindowExceeded.to_u16(),
        _ => false,
    }
}

/// A stream that breaks tells less than a refusal on the session's.
fn explained(session: &Session, fault: Fault) -> Fault {
    match (session.ledger.end.get(), &fault) {
        (Some(SessionEnd::Fault(Fault::Refused { code, detail })), Fault::Broke(_)) => {
            Fault::Refused {
                code: *code,
                detail: detail.clone(),
            }
        }
        _ => fault,
    }
}

async fn receive<S: Sink>(
    session: &Session,
    order: &mut Order,
    grant: &mut Grant,
    meter: &mut Meter,
    stall_timeout: Duration,
    sink: &mut S,
) -> Result<(), Stop> {
    let length = grant.span.end - grant.span.start;
    let (recv, reply) = {
        let mut ask = std::pin::pin!(async {
            let (mut send, mut recv) = session.link.connection.open_bi().await?;
            let request = Request::Fetch {
                ticket: session.ledger.ticket().id,
                content: order.content,
                offset: grant.span.start,
                length,
            };
            *meter = Meter::start();
            write_frame(&mut send, &request).await?;
            // An error would come back on the other half too.
            let _ = send.finish();
            let reply = read_frame::<FetchReply>(&mut recv).await?;
            Ok::<_, Fault>((recv, reply))
        });
        loop {
            match timeout(stall_timeout, &mut ask).await {
                Ok(answer) => break answer?,
                Err(_) if session.is_expiring() => return Err(Stop::Expiring),
                Err(_) if session.link.is_held() => {}
                Err(_) => return Err(Fault::Silent(stall_timeout).into()),
            }
        }
    };
    match reply {
        FetchReply::Ok { size } if size == order.size => {}
        FetchReply::Ok { size: said } => {
            let size = order.size;
            return Err(Fault::WrongSize { said, size }.into());
        }
        FetchReply::Refused { code, detail } => return Err(Fault::Refused { code, detail }.into()),
    }
    let mut body = Body::new(recv, order.content, order.size, grant.span.start, length)
        .map_err(|error| Fault::from(content::BodyError::from(error)))?;
    let mut watchdog = std::pin::pin!(sleep_until(session.deadline));
    let mut asked = meter.asked;
    loop {
        let group = watched(
            watchdog.as_mut(),
            asked + stall_timeout,
            session.deadline,
            stall_timeout,
            || session.link.is_held(),
            body.next_group(),
        );
        let Some(group) = group.await?? else { break };
        meter.group_came();
        grant.verified(group.data.len() as u64);
        order.span.start = group.offset + group.data.len() as u64;
        if let Some(group) = cut(group, &order.wanted) {
            let mut written = std::pin::pin!(sink.write(group));
            // Most sinks are ready at once; only the others are worth a timer.
            let ready =
                std::future::poll_fn(|cx| std::task::Poll::Ready(written.as_mut().poll(cx)));
            match ready.await {
                std::task::Poll::Ready(done) => done.map_err(Stop::Sink)?,
                std::task::Poll::Pending => {
                    let held = session.link.hold();
                    if let Ok(done) = timeout(SINK_PATIENCE, &mut written).await {
                        done.map_err(Stop::Sink)?;
                    } else {
                        // Ends the stream; what is in flight on it is lost.
                        drop(body);
                        grant.release();
                        drop(held);
                        written.await.map_err(Stop::Sink)?;
                        return if order.span.is_empty() {
                            Ok(())
                        } else {
                            Err(Stop::Paused)
                        };
                    }
                }
            }
        }
        asked = meter.asks_again();
        if asked >= session.deadline && order.span.start < grant.span.end {
            return Err(Stop::Expiring);
        }
    }
    Ok(())
}

/// Waits, but not after `stall_at` nor `deadline`. One timer serves a whole body: it is set anew when it
/// fires, not for every group. Time in which it is `excused` is no stall.
async fn watched<T>(
    mut watchdog: Pin<&mut Sleep>,
    mut stall_at: Instant,
    deadline: Instant,
    stall_timeout: Duration,
    excused: impl Fn() -> bool,
    work: impl Future<Output = T>,
) -> Result<T, Stop> {
    let mut work = std::pin::pin!(work);
    if watchdog.deadline() > stall_at.min(deadline) {
        watchdog.as_mut().reset(stall_at.min(deadline));
    }
    loop {
        tokio::select! {
            biased;
            out = &mut work => return Ok(out),
            () = watchdog.as_mut() => {
                let now = Instant::now();
                if now >= deadline {
                    return Err(Stop::Expiring);
                }
                if now >= stall_at {
                    if !excused() {
                        return Err(Stop::Fault(Fault::Stalled(stall_timeout)));
                    }
                    stall_at = now + stall_timeout;
                }
                watchdog.as_mut().reset(stall_at.min(deadline));
            }
        }
    }
}

/// The part of a group that is wanted.
fn cut(group: Group, wanted: &Range<u64>) -> Option<Group> {
    let end = group.offset + group.data.len() as u64;
    if wanted.start <= group.offset && end <= wanted.end {
        return Some(group);
    }
    let from = wanted.start.max(group.offset);
    let to = wanted.end.min(end);
    (from < to).then(|| Group {
        offset: from,
        data: group
            .data
            .slice((from - group.offset) as usize..(to - group.offset) as usize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn groups_are_cut_to_what_is_wanted() {
        let group = || Group {
            offset: 10,
            data: Bytes::from_static(b"0123456789"),
        };
        // wanted, offset and bytes handed on
        type Cut = Option<(u64, &'static [u8])>;
        let cases: [(Range<u64>, Cut); 7] = [
            (0..100, Some((10, b"0123456789"))),
            (10..20, Some((10, b"0123456789"))),
            (12..15, Some((12, b"234"))),
            (0..11, Some((10, b"0"))),
            (19..40, Some((19, b"9"))),
            (0..10, None),
            (20..30, None),
        ];
        for (wanted, expected) in cases {
            let cut = cut(group(), &wanted);
            let cut = cut.as_ref().map(|group| (group.offset, &group.data[..]));
            assert_eq!(cut, expected, "{wanted:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_tells_a_stall_from_a_ticket_that_ends() {
        let (now, ms) = (Instant::now(), Duration::from_millis);
        let timer = || Box::pin(sleep_until(now + ms(1000)));
        let never = std::future::pending::<()>;
        let (mut a, mut b) = (timer(), timer());
        let stalled = watched(
            a.as_mut(),
            now + ms(100),
            now + ms(1000),
            ms(100),
            || false,
            never(),
        );
        assert!(matches!(stalled.await, Err(Stop::Fault(Fault::Stalled(_)))));
        // One that is our own doing is none.
        let ending = watched(
            b.as_mut(),
            now + ms(200),
            now + ms(1000),
            ms(100),
            || true,
            never(),
        );
        assert!(matches!(ending.await, Err(Stop::Expiring)));
        assert_eq!(Instant::now(), now + ms(1000));
    }
}
