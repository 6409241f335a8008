//! Processes: a program on a machine, started, watched over as an init system does, and stopped.

use super::machine::{Machine, Place};
use super::trace::Trace;
use anyhow::{Result, bail};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// What a program does, until it is told to stop.
pub type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
/// How a program is started, on a machine as it is now.
pub type Program = Arc<dyn Fn(Place, CancellationToken) -> Running + Send + Sync>;

/// A process that ended by itself is started again after so long.
const RESTART_AFTER: Duration = Duration::from_secs(2);
/// One that was told to stop has ended by then: all that a shutdown waits for is bounded, and this is twice the sum.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Which part of a network a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The control plane.
    Control,
    /// A node.
    Node,
    /// A verifier.
    Verifier,
    /// A gateway.
    Gateway,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Control, Self::Node, Self::Verifier, Self::Gateway];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control plane",
            Self::Node => "node",
            Self::Verifier => "verifier",
            Self::Gateway => "gateway",
        }
    }
}

/// That a process ended by itself.
#[derive(Clone, Debug)]
pub struct End {
    /// When, since the world began.
    pub at: Duration,
    /// Its machine's name.
    pub process: String,
    /// What it is.
    pub part: Part,
    /// What it ended with.
    pub why: String,
    /// Whether it panicked: a fault of ours, whatever the world did.
    pub panicked: bool,
}

/// All ends of a network's processes that nobody asked for; clones are the same list.
#[derive(Clone, Debug)]
pub struct Ends {
    began: Instant,
    ends: Arc<Mutex<Vec<End>>>,
    trace: Trace,
}

impl Ends {
    pub(super) fn new(began: Instant, trace: &Trace) -> Self {
        Self {
            began,
            ends: Arc::default(),
            trace: trace.clone(),
        }
    }

    /// Those so far, in order.
    pub fn so_far(&self) -> Vec<End> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.clone()
    }

    fn note(&self, (process, part): (&str, Part), why: String, panicked: bool) {
        // Not why: that may name a path, and each run has others.
        let how = if panicked { "by a panic" } else { "by itself" };
        self.trace.note(|| format!("end {process} {how}"));
        let end = End {
            at: self.began.elapsed(),
            process: process.to_owned(),
            part,
            why,
            panicked,
        };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.push(end);
    }
}

/// A program on a machine.
pub struct Process {
    part: Part,
    machine: Arc<Machine>,
    program: Program,
    ends: Ends,
    hang: Hang,
    run: tokio::sync::Mutex<Option<Run>>,
}

/// Until when a process hangs; clones are one.
type Hang = Arc<Mutex<Option<Instant>>>;

struct Run {
    stop: CancellationToken,
    watch: JoinHandle<()>,
}

impl Process {
    /// One that isn't started yet.
    pub(super) fn new(part: Part, machine: Arc<Machine>, program: Program, ends: &Ends) -> Self {
        Self {
            part,
            machine,
            program,
            ends: ends.clone(),
            hang: Hang::default(),
            run: tokio::sync::Mutex::default(),
        }
    }

    /// What it is.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Where it runs.
    pub fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// Starts it, if it doesn't run; it is started again whenever it ends by itself.
    pub async fn start(&self) {
        let mut run = self.run.lock().await;
        if run.is_some() {
            return;
        }
        let stop = CancellationToken::new();
        let machine = (self.machine.clone(), self.part);
        let program = self.program.clone();
        let ended = (self.ends.clone(), self.hang.clone());
        let watch = watch(machine, program, ended, stop.clone());
        *run = Some(Run {
            stop,
            watch: tokio::spawn(watch),
        });
    }

    /// Tells it to stop, as an init system does, and waits until it has.
    ///
    /// # Errors
    /// If it doesn't within a minute: it hangs.
    pub async fn stop(&self) -> Result<()> {
        let mut run = self.run.lock().await;
        let Some(mut running) = run.take() else {
            return Ok(());
        };
        running.stop.cancel();
        match timeout(STOP_MAX, &mut running.watch).await {
            Ok(ended) => Ok(ended?),
            Err(_) => {
                running.watch.abort();
                bail!("{} doesn't stop", self.machine.name())
            }
        }
    }

    /// Hangs it for so long: nothing comes to its machine or leaves it, and the process doesn't go on, but for tasks
    /// of its own, which hear of nobody.
    pub fn hang(&self, lasts: Duration) {
        let until = Instant::now() + lasts;
        self.machine.shut(None, until);
        let mut hang = self.hang.lock().unwrap_or_else(PoisonError::into_inner);
        *hang = Some(until);
    }

    /// Cuts its machine's power, and starts it again after so long, with what is then on the disk.
    pub async fn cut_power(&self, lasts: Duration) {
        let mut run = self.run.lock().await;
        self.machine.power_off();
        if let Some(running) = run.take() {
            running.stop.cancel();
            running.watch.abort();
        }
        sleep(lasts).await;
        self.machine.power_on();
        drop(run);
        self.start().await;
    }

    /// Stops it and starts it again in the same folder.
    ///
    /// # Errors
    /// If it doesn't stop.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start().await;
        Ok(())
    }
}

async fn watch(
    (machine, part): (Arc<Machine>, Part),
    program: Program,
    (ends, hang): (Ends, Hang),
    stop: CancellationToken,
) {
    loop {
        // A set of one: what runs ends with whoever watches over it.
        let mut running = JoinSet::new();
        running.spawn(Held {
            // Of its own: what fails inside may cancel it, and is started again all the same.
            running: program(machine.place(), stop.child_token()),
            hang: hang.clone(),
            waits: None,
        });
        let ended = running.join_next().await.expect("it was spawned");
        let (why, panicked) = match ended {
            Ok(Ok(())) if stop.is_cancelled() => return,
            Ok(Ok(())) => ("it ended though nobody told it to".to_owned(), false),
            Ok(Err(error)) => (format!("{error:#}"), false),
            Err(error) => (error.to_string(), error.is_panic()),
        };
        ends.note((machine.name(), part), why, panicked);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sleep(RESTART_AFTER) => {}
        }
    }
}

/// What runs, unless it hangs.
struct Held {
    running: Running,
    hang: Hang,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Future for Held {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let hangs_until = *self.hang.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = hangs_until.filter(|until| *until > Instant::now()) {
            let waits = self
                .waits
                .get_or_insert_with(|| Box::pin(sleep_until(until)));
            waits.as_mut().reset(until);
            if waits.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        self.running.as_mut().poll(context)
    }
}
