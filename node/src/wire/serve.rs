//! Serving content: under a session, from the cache, no further ahead than the window.

use crate::rules::counts::Tally;
use crate::rules::refusal::CloseRefusal;
use crate::rules::window::Stop;
use crate::store::cache::{CacheError, Servable};
use crate::wire::fills::{Fills, NotFilled};
use crate::wire::tickets::TicketState;
use bytes::Bytes;
use content::{check_range, encode_slice, slices};
use protocol::{Code, ContentHash, FetchReply};
use quinn::SendStream;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use transport::{StreamError, write_frame};

/// What a delivery needs besides its ticket.
pub(crate) struct Delivery {
    pub(crate) fills: Arc<Fills>,
    pub(crate) tally: Arc<Tally>,
}

/// Answers a fetch.
pub(crate) async fn serve(
    delivery: &Delivery,
    state: &Arc<TicketState>,
    content: ContentHash,
    offset: u64,
    length: u64,
    send: &mut SendStream,
) -> Result<(), StreamError> {
    let _fetching = state.fetching();
    let (source, range) = match find(&delivery.fills, state, content, offset, length).await {
        Ok(found) => found,
        Err(CloseRefusal { code, detail }) => {
            write_frame(send, &FetchReply::refused(code, detail)).await?;
            let _ = send.finish();
            return Ok(());
        }
    };
    write_frame(
        send,
        &FetchReply::Ok {
            size: source.size(),
        },
    )
    .await?;
    delivery.tally.answered();
    let sent = tokio::select! {
        biased;
        () = state.revoked() => Err(Broken::Stop(Stop::Revoked)),
        sent = body(&delivery.tally, state, &source, range, send) => sent,
    };
    match sent {
        Ok(()) => drop(send.finish()),
        Err(Broken::Stop(stop)) => {
            tracing::info!(ticket = ?state.ticket().ticket().id, %stop, "delivery stopped");
            let _ = send.reset(stop.code().to_u16().into());
        }
        Err(Broken::Content(error)) => {
            tracing::warn!(%content, %error, "content can't be read");
            let _ = send.reset(Code::FillFailed.to_u16().into());
        }
        Err(Broken::Write(error)) => return Err(error.into()),
    }
    Ok(())
}

async fn find(
    fills: &Arc<Fills>,
    state: &TicketState,
    content: ContentHash,
    offset: u64,
    length: u64,
) -> Result<(Servable, Range<u64>), CloseRefusal> {
    let failed = |error: NotFilled| {
        tracing::warn!(%content, %error, "fill failed");
        CloseRefusal::new(Code::FillFailed, error.to_string())
    };
    let collection = state.ticket().ticket().collection;
    let manifest = fills.manifest(collection).await.map_err(failed)?;
    let Some(entry) = manifest.content(&content) else {
        let why = "the ticket is for another collection";
        return Err(CloseRefusal::new(Code::NotInCollection, why));
    };
    let range = check_range(entry.size, offset, length)
        .map_err(|error| CloseRefusal::new(Code::BadRange, error.to_string()))?;
    let source = fills
        .source(collection, content, entry.size)
        .map_err(|error: CacheError| failed(error.into()))?;
    Ok((source, range))
}

enum Broken {
    Stop(Stop),
    Content(io::Error),
    Write(quinn::WriteError),
}

/// Sends the range, reading one slice ahead of what the connection takes.
async fn body(
    tally: &Tally,
    state: &TicketState,
    source: &Servable,
    range: Range<u64>,
    send: &mut SendStream,
) -> Result<(), Broken> {
    let mut ahead: Option<Bytes> = None;
    for range in slices(range) {
        let bytes = range.end - range.start;
        let next = next_slice(state, source, range);
        let next = match ahead.take() {
            None => next.await?,
            Some(slice) => {
                let (sent, next) = tokio::join!(send.write_chunk(slice), next);
                sent.map_err(Broken::Write)?;
                next?
            }
        };
        tally.sent(bytes);
        ahead = Some(next);
    }
    match ahead {
        Some(slice) => send.write_chunk(slice).await.map_err(Broken::Write),
        None => Ok(()),
    }
}

async fn next_slice(
    state: &TicketState,
    source: &Servable,
    range: Range<u64>,
) -> Result<Bytes, Broken> {
    state
        .send(range.end - range.start)
        .await
        .map_err(Broken::Stop)?;
    source
        .ready(range.end)
        .await
        .map_err(|error| Broken::Content(io::Error::other(error)))?;
    encode_slice(source.blob(), range)
        .await
        .map_err(Broken::Content)
}
