//! Content for other nodes' fills: whoever has a grant, as far as viewers leave room.
//!
//! Nothing here is paid: receipts are what clients sign. So it has a budget: [`GIVES`] at a time, and while sessions
//! are open no more than a part of the line.

use crate::rules::admission::Admission;
use crate::rules::budget::Budget;
use crate::rules::grants;
use crate::rules::refusal::CloseRefusal;
use crate::rules::tickets::Identity;
use crate::store::cache::Servable;
use crate::wire::fills::{Fills, NotFilled};
use crate::wire::issuers::Issuers;
use content::{check_range, encode_slice, slices};
use host::Clock;
use host::Mutex;
use protocol::{Code, ContentHash, FetchReply, Signature, SignedFillGrant};
use quinn::{Connection, SendStream};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use transport::{StreamError, exporter, write_frame};

/// Fills that are given to at a time; more are sent elsewhere.
const GIVES: usize = 8;

/// What other nodes' fills are given from, and how much of the line.
pub(crate) struct Giver {
    me: Identity,
    clock: Clock,
    issuers: Arc<Issuers>,
    fills: Arc<Fills>,
    admission: Arc<Admission>,
    gives: Semaphore,
    budget: Mutex<Budget>,
    /// Moments are counted from here.
    began: Instant,
}

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) grant: SignedFillGrant,
    pub(crate) binding: Signature,
    pub(crate) content: ContentHash,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl Giver {
    pub(crate) fn new(
        me: Identity,
        clock: Clock,
        issuers: Arc<Issuers>,
        fills: Arc<Fills>,
        admission: Arc<Admission>,
        budget: Budget,
    ) -> Self {
        Self {
            me,
            clock,
            issuers,
            fills,
            admission,
            gives: Semaphore::new(GIVES),
            budget: Mutex::new(budget),
            began: Instant::now(),
        }
    }

    /// Waits until so many bytes more may go.
    async fn wait(&self, bytes: u64) {
        let at = {
            let mut budget = self.budget.lock();
            budget.take_beside(self.admission.open(), bytes, self.began.elapsed())
        };
        sleep_until(self.began + at).await;
    }

    /// Answers another node's fill.
    pub(crate) async fn serve(
        &self,
        connection: &Connection,
        asked: Asked,
        send: &mut SendStream,
    ) -> Result<(), StreamError> {
        let content = asked.content;
        let Ok(_permit) = self.gives.try_acquire() else {
            return refuse(send, Code::TooMany, "too many nodes fill from here").await;
        };
        let (source, range) = match self.find(connection, asked).await {
            Ok(found) => found,
            Err(CloseRefusal { code, detail }) => return refuse(send, code, &detail).await,
        };
        let size = source.size();
        write_frame(send, &FetchReply::Ok { size }).await?;
        for range in slices(range) {
            let bytes = range.end - range.start;
            let slice = match source.ready(range.end).await {
                Ok(()) => encode_slice(source.blob(), range).await,
                Err(error) => Err(std::io::Error::other(error)),
            };
            let slice = match slice {
                Ok(slice) => slice,
                Err(error) => {
                    tracing::warn!(%content, %error, "content for another node can't be read");
                    let _ = send.reset(Code::FillFailed.to_u16().into());
                    return Ok(());
                }
            };
            self.wait(bytes).await;
            send.write_chunk(slice).await?;
        }
        let _ = send.finish();
        Ok(())
    }

    async fn find(
        &self,
        connection: &Connection,
        asked: Asked,
    ) -> Result<(Servable, Range<u64>), CloseRefusal> {
        let said = asked.grant.peek();
        grants::is_for(&self.me, &said)?;
        let epoch = self.issuers.timeline().epoch_at_ms(said.issued_at);
        let issuer = self
            .issuers
            .key(said.issuer, epoch.unwrap_or_default())
            .await;
        let (exporter, now) = (exporter(connection), self.clock.now_ms());
        let grant = grants::check(&asked.grant, issuer, now, &exporter, &asked.binding)?;
        let unavailable = |error: NotFilled| CloseRefusal::new(Code::NotFound, error.to_string());
        let collection = grant.grant().collection;
        let manifest = self.fills.manifest(collection).await;
        let manifest = manifest.map_err(unavailable)?;
        let Some(entry) = manifest.content(&asked.content) else {
            let why = "the fill grant is for another collection";
            return Err(CloseRefusal::new(Code::NotInCollection, why));
        };
        let range = check_range(entry.size, asked.offset, asked.length)
            .map_err(|error| CloseRefusal::new(Code::BadRange, error.to_string()))?;
        // What isn't here yet is filled now, and given on as it comes.
        let source = self.fills.source(collection, asked.content, entry.size);
        let source = source.map_err(|error| unavailable(error.into()))?;
        Ok((source, range))
    }
}

async fn refuse(send: &mut SendStream, code: Code, why: &str) -> Result<(), StreamError> {
    write_frame(send, &FetchReply::refused(code, why)).await?;
    let _ = send.finish();
    Ok(())
}
