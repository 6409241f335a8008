//! The desk of issuing: who owns the ticket logs. Issues by the [rules](crate::rules::batch), has what is issued written
//! before it is answered, and closes logs.

use super::commands::{CloseError, Cover, Grant, IssueError, Issued, IssuerConfig};
use super::folder::{CLOSED_FILE, ClosedFile, head, log_name, seal_name};
use crate::rules::batch::Batch;
use crate::rules::closed_logs::ClosedLogs;
use crate::rules::issuing::{Issuing, Numbered, epoch, is_over};
use crate::tickets::reasons::Reasons;
use crate::tickets::ticket_log::{LogError, OpenLog};
use crate::tickets::token_usage::TokenUsage;
use disk::Disk;
use host::Clock;
use host::Mutex;
use protocol::Epoch;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};

/// Nobody else touches the logs. All it does blocks.
pub(super) struct IssuingDesk {
    pub(super) disk: Disk,
    pub(super) dir: PathBuf,
    pub(super) config: IssuerConfig,
    pub(super) clock: Clock,
    pub(super) cover: Arc<dyn Cover>,
    pub(super) logs: BTreeMap<Epoch, OpenLog>,
    pub(super) reasons: Reasons,
    pub(super) usage: TokenUsage,
    /// Read by whoever asks; changed here alone, once it is on disk.
    pub(super) closed: Arc<Mutex<ClosedLogs>>,
}

impl IssuingDesk {
    pub(super) fn closed(&self) -> MutexGuard<'_, ClosedLogs> {
        self.closed.lock()
    }

    /// An epoch's log, opened if it isn't yet.
    pub(super) fn log(&mut self, epoch: Epoch) -> Result<&mut OpenLog, LogError> {
        match self.logs.entry(epoch) {
            Entry::Occupied(log) => Ok(log.into_mut()),
            Entry::Vacant(entry) => {
                let path = self.dir.join(log_name(epoch));
                let log = OpenLog::open(&self.disk, &path, head(&self.config, epoch))?;
                self.cover.hold(epoch, log.promised().clone());
                Ok(entry.insert(log))
            }
        }
    }

    /// Opens again a log of which a write failed, as a start does. Until that goes well it takes nothing and can't be
    /// closed; a disk that was full costs the tickets of that time, and no epoch.
    fn mend(&mut self, epoch: Epoch) -> Result<(), LogError> {
        if !self.logs.get(&epoch).is_some_and(OpenLog::is_broken) {
            return Ok(());
        }
        let path = self.dir.join(log_name(epoch));
        let log = OpenLog::open(&self.disk, &path, head(&self.config, epoch))?;
        tracing::info!(
            epoch,
            tickets = log.count(),
            "the ticket log can be written again"
        );
        self.cover.hold(epoch, log.promised().clone());
        self.closed().count(epoch, log.count());
        self.logs.insert(epoch, log);
        Ok(())
    }

    /// Issues for requests that came together: one answer each. What is issued is durable.
    pub(super) fn issue(&mut self, requests: &[Vec<Grant>]) -> Vec<Issued> {
        if requests.is_empty() {
            return Vec::new();
        }
        // On an error nobody gets anything.
        let failed = |error| vec![Err(error); requests.len()];
        self.append(requests).unwrap_or_else(failed)
    }

    fn append(&mut self, requests: &[Vec<Grant>]) -> Result<Vec<Issued>, IssueError> {
        let now = self.clock.now_ms();
        let timeline = self.config.agreed.timeline();
        let epoch = epoch(&timeline, self.closed().through(), now)?;
        self.mend(epoch).map_err(report)?;
        let log = self.log(epoch).map_err(report)?;
        let numbered = Numbered {
            next: log.count(),
            mass: log.mass(),
        };
        let issuing = Issuing {
            terms: &self.config.terms,
            timeline: &timeline,
            epoch,
            now,
        };
        let open = self.logs.values().map(OpenLog::by_token).collect();
        let mut batch = Batch::new(&issuing, numbered, &mut self.usage.closed, open);
        let cover = &self.cover;
        let answers = requests.iter().map(|grants| {
            let tickets = batch.take(grants.iter().map(|grant| grant.wanted), |tickets| {
                let mut promised = tickets.iter().map(|one| (one.payer, one.bytes_max));
                cover.promise(epoch, &mut promised)
            });
            Ok(tickets?)
        });
        let answers: Vec<Issued> = answers.collect();
        let all = batch.tickets();
        if all.is_empty() {
            return Ok(answers);
        }
        let log = self.logs.get_mut(&epoch).expect("it is open");
        if let Err(error) = log.append(&all) {
            // None of them leaves.
            self.cover.hold(epoch, log.promised().clone());
            return Err(report(error));
        }
        let count = log.count();
        self.closed().count(epoch, count);
        let issued = requests.iter().zip(&answers);
        let issued = issued.filter(|(_, answer)| answer.is_ok());
        let reasons = issued.flat_map(|(grants, _)| grants.iter().map(|grant| &grant.reason));
        self.reasons.append(epoch, (numbered.next..).zip(reasons));
        Ok(answers)
    }

    /// Closes all epochs up to this one.
    pub(super) fn close(&mut self, through: Epoch) -> Result<(), CloseError> {
        if !is_over(&self.config.agreed.timeline(), through, self.clock.now_ms()) {
            return Err(CloseError::NotOver(through));
        }
        self.close_logs(through)?;
        if !self.closed().is_closed(through) {
            let bytes = serde_json::to_vec(&ClosedFile { through }).expect("a number is JSON");
            self.disk.replace(&self.dir.join(CLOSED_FILE), &bytes)?;
            self.closed().close_through(through);
        }
        Ok(())
    }

    /// Closes the logs up to this epoch, oldest first.
    pub(super) fn close_logs(&mut self, through: Epoch) -> Result<(), LogError> {
        while let Some((epoch, _)) = self.logs.first_key_value() {
            let epoch = *epoch;
            if epoch > through {
                break;
            }
            self.mend(epoch)?;
            let Some(log) = self.logs.get(&epoch) else {
                break;
            };
            let seal = log.seal()?;
            let bytes = serde_json::to_vec(&seal).expect("numbers and hashes are JSON");
            self.disk
                .replace(&self.dir.join(seal_name(epoch)), &bytes)?;
            self.usage
                .close(epoch, log.by_token(), self.clock.now_ms())?;
            self.logs.remove(&epoch);
            self.closed().close(epoch, seal);
        }
        Ok(())
    }

    /// Nothing is waiting: logs say how many tickets have left.
    pub(super) fn mark(&mut self) {
        self.logs.values_mut().for_each(OpenLog::mark);
    }
}

fn report(error: LogError) -> IssueError {
    tracing::error!(%error, "no ticket can be issued");
    IssueError::Log
}
