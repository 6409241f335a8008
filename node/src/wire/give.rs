//! Content for other nodes' fills: whoever has a grant, as far as viewers leave room.
//!
//! Nothing here is paid: receipts are what clients sign. So it has a budget: [`GIVES`] at a time, and while sessions
//! are open no more than a part of the line.

use crate::clock::now_ms;
use crate::shared::Shared;
use crate::store::cache::{CacheError, Source};
use crate::wire::session::Refusal;
use content::{check_range, encode_slice, slices};
use protocol::{
    Code, ContentHash, FetchReply, Signature, SignedFillGrant, Tag, exporter_binding, verify,
};
use quinn::{Connection, SendStream};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use transport::{StreamError, exporter, write_frame};

/// Fills that are given to at a time; more are sent elsewhere.
const GIVES: usize = 8;
/// Part of the line that they get together while clients have sessions.
const LINE_PART: u64 = 4;
/// How far clocks may be apart.
const SKEW_MS: u64 = 30_000;

/// What fills of others may take.
#[derive(Debug)]
pub(crate) struct Budget {
    gives: Semaphore,
    bytes_per_second: u64,
    /// When what was given has gone over the part of the line that is theirs.
    next: Mutex<Instant>,
}

impl Budget {
    /// On a line of so many Mbit/s.
    pub(crate) fn new(bandwidth_mbps: u32) -> Self {
        Self {
            gives: Semaphore::new(GIVES),
            bytes_per_second: (u64::from(bandwidth_mbps) * 125_000 / LINE_PART).max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits until so many bytes more may go while others are served.
    async fn wait(&self, bytes: u64) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            let micros = bytes.saturating_mul(1_000_000) / self.bytes_per_second;
            *next = at + Duration::from_micros(micros);
            at
        };
        sleep_until(at).await;
    }
}

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) grant: SignedFillGrant,
    pub(crate) binding: Signature,
    pub(crate) content: ContentHash,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Answers another node's fill.
pub(crate) async fn serve(
    shared: &Shared,
    connection: &Connection,
    asked: Asked,
    send: &mut SendStream,
) -> Result<(), StreamError> {
    let content = asked.content;
    let Ok(_permit) = shared.gives.gives.try_acquire() else {
        return refuse(send, Code::TooMany, "too many nodes fill from here").await;
    };
    let (source, range) = match find(shared, connection, asked).await {
        Ok(found) => found,
        Err(Refusal(code, detail)) => return refuse(send, code, &detail).await,
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
        if shared.admission.open() > 0 {
            shared.gives.wait(bytes).await;
        }
        send.write_chunk(slice).await?;
    }
    let _ = send.finish();
    Ok(())
}

async fn refuse(send: &mut SendStream, code: Code, why: &str) -> Result<(), StreamError> {
    write_frame(send, &FetchReply::refused(code, why)).await?;
    let _ = send.finish();
    Ok(())
}

async fn find(
    shared: &Shared,
    connection: &Connection,
    asked: Asked,
) -> Result<(Source, Range<u64>), Refusal> {
    let said = asked.grant.peek();
    if said.network != shared.network {
        let why = "the fill grant is of another network";
        return Err(Refusal(Code::WrongNetwork, why.into()));
    }
    if said.source != shared.id {
        let why = "the fill grant names another node";
        return Err(Refusal(Code::WrongNode, why.into()));
    }
    let epoch = shared.timeline().epoch_at_ms(said.issued_at);
    let issuer = shared.issuer(said.issuer, epoch.unwrap_or_default()).await;
    let Some(issuer) = issuer else {
        let why = format!("issuer {} is not on the chain", said.issuer);
        return Err(Refusal(Code::UnknownIssuer, why));
    };
    let grant = asked.grant.verify(&issuer, now_ms(), SKEW_MS);
    let grant = grant.map_err(|error| Refusal(Code::BadGrant, error.to_string()))?;
    let body = exporter_binding(&grant.digest(), &exporter(connection));
    let filler = grant.grant().filler;
    if verify(filler.as_bytes(), Tag::Binding, &body, &asked.binding).is_err() {
        let why = "the binding is not that of the node that the grant names";
        return Err(Refusal(Code::BadBinding, why.into()));
    }
    let unavailable = |error: CacheError| Refusal(Code::NotFound, error.to_string());
    let collection = grant.grant().collection;
    let manifest = shared.cache.manifest(collection).await;
    let manifest = manifest.map_err(unavailable)?;
    let Some(entry) = manifest.content(&asked.content) else {
        let why = "the fill grant is for another collection";
        return Err(Refusal(Code::NotInCollection, why.into()));
    };
    let range = check_range(entry.size, asked.offset, asked.length)
        .map_err(|error| Refusal(Code::BadRange, error.to_string()))?;
    // What isn't here yet is filled now, and given on as it comes.
    let source = shared.cache.source(collection, asked.content, entry.size);
    Ok((source.map_err(unavailable)?, range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_a_part_of_the_line() {
        // A quarter of 32 Mbit/s: 1 MB/s.
        let budget = Budget::new(32);
        let began = Instant::now();
        for _ in 0..5 {
            budget.wait(500_000).await;
        }
        // The last one has begun when those before it are through.
        assert_eq!((Instant::now() - began).as_millis(), 2000);
    }
}
