//! What goes on on one connection: sessions, fetches, other nodes' fills, verifiers' segments.

use crate::rules::admission::Admission;
use crate::rules::idle::Idle;
use crate::rules::refusal::CloseRefusal;
use crate::rules::tickets;
use crate::store::segments::Segments;
use crate::wire::give::{Asked, Giver};
use crate::wire::serve::{self, Delivery};
use crate::wire::session::Door;
use crate::wire::tickets::TicketState;
use host::Mutex;
use protocol::{Code, Epoch, FetchReply, Request, SessionReply, TicketId};
use quinn::{Connection, RecvStream, SendStream};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use transport::{StreamError, read_frame, write_frame};

/// Time for the first frame of a stream.
const FIRST_FRAME: Duration = Duration::from_secs(10);
/// How often it is looked whether a connection has a stream: one without is closed after a minute or so.
const IDLE_LOOK: Duration = Duration::from_secs(10);

/// Tickets whose sessions are open on one connection.
type Sessions = Arc<Mutex<BTreeMap<TicketId, Arc<TicketState>>>>;

/// Where a connection's streams go.
pub(crate) struct Desk {
    pub(crate) door: Door,
    pub(crate) delivery: Delivery,
    pub(crate) giver: Giver,
    pub(crate) segments: Arc<Segments>,
    /// Segments being read at a time; each may be large.
    pub(crate) segment_reads: Semaphore,
}

/// Serves a connection until it ends.
pub(crate) async fn hold(desk: Arc<Desk>, connection: Connection) {
    let sessions = Sessions::default();
    let mut streams = JoinSet::new();
    let mut looks = interval(IDLE_LOOK);
    let mut idle = Idle::default();
    loop {
        tokio::select! {
            biased;
            Some(_) = streams.join_next() => {}
            stream = connection.accept_bi() => match stream {
                Ok((send, recv)) => {
                    let (desk, connection) = (desk.clone(), connection.clone());
                    streams.spawn(serve_stream(desk, connection, sessions.clone(), send, recv));
                }
                Err(error) => {
                    tracing::debug!(%error, "connection ended");
                    break;
                }
            },
            _ = looks.tick() => {
                if idle.look(!streams.is_empty()) {
                    connection.close(Code::Done.to_u16().into(), b"nothing goes on here");
                }
            }
        }
    }
    streams.shutdown().await;
}

async fn serve_stream(
    desk: Arc<Desk>,
    connection: Connection,
    sessions: Sessions,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    let served = async {
        match timeout(FIRST_FRAME, read_frame::<Request>(&mut recv)).await {
            Err(_) => {
                let _ = send.reset(Code::Malformed.to_u16().into());
                Ok(())
            }
            Ok(Err(StreamError::Frame(error))) => {
                tracing::debug!(%error, "malformed request");
                let _ = send.reset(Code::Malformed.to_u16().into());
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(request)) => {
                serve_request(&desk, &connection, &sessions, request, &mut send, &mut recv).await
            }
        }
    };
    if let Err(error) = served.await {
        tracing::debug!(%error, "stream broke");
        if let StreamError::Frame(_) = error {
            let _ = send.reset(Code::Malformed.to_u16().into());
        }
    }
}

async fn serve_request(
    desk: &Desk,
    connection: &Connection,
    sessions: &Sessions,
    request: Request,
    send: &mut SendStream,
    recv: &mut RecvStream,
) -> Result<(), StreamError> {
    let open = |ticket: TicketId| sessions.lock().get(&ticket).cloned();
    match request {
        Request::Session { ticket, binding } => {
            let state = match desk.door.open(connection, *ticket, &binding).await {
                Ok(state) => state,
                Err(CloseRefusal { code, detail }) => {
                    tracing::info!(%code, %detail, "session refused");
                    write_frame(send, &SessionReply::refused(code, detail)).await?;
                    let _ = send.finish();
                    return Ok(());
                }
            };
            let id = state.ticket().ticket().id;
            let taken = {
                let mut sessions = sessions.lock();
                let taken = sessions.contains_key(&id);
                if !taken {
                    sessions.insert(id, state.clone());
                }
                taken
            };
            if taken {
                let why = "the ticket has a session on this connection";
                write_frame(send, &SessionReply::refused(Code::TooMany, why)).await?;
                let _ = send.finish();
                return Ok(());
            }
            let ended = match Admission::enter(&*desk.door.admission) {
                Some(_place) => serve_session(&desk.door, &state, send, recv).await,
                None => {
                    let why = format!("the node has its {} sessions", desk.door.admission.max());
                    write_frame(send, &SessionReply::refused(Code::TooMany, why)).await
                }
            };
            sessions.lock().remove(&id);
            ended
        }
        Request::Fetch {
            ticket,
            content,
            offset,
            length,
        } => {
            let Some(state) = open(ticket) else {
                let why = "open a session for the ticket first";
                return refuse_fetch(send, Code::NoSession, why).await;
            };
            match tickets::is_on(state.ticket().ticket(), desk.door.clock.now_ms()) {
                Ok(()) => serve::serve(&desk.delivery, &state, content, offset, length, send).await,
                Err(no) => refuse_fetch(send, no.code, &no.detail).await,
            }
        }
        Request::Fill {
            grant,
            binding,
            content,
            offset,
            length,
        } => {
            let asked = Asked {
                grant: *grant,
                binding,
                content,
                offset,
                length,
            };
            desk.giver.serve(connection, asked, send).await
        }
        Request::Segment { epoch } => serve_segment(desk, epoch, send).await,
    }
}

/// A session that was let in, until it ends or its ticket is taken back.
async fn serve_session(
    door: &Door,
    state: &Arc<TicketState>,
    send: &mut SendStream,
    recv: &mut RecvStream,
) -> Result<(), StreamError> {
    let ended = tokio::select! {
        biased;
        () = state.revoked() => None,
        ended = door.run(state, send, recv) => Some(ended),
    };
    match ended {
        Some(ended) => ended,
        None => {
            let CloseRefusal { code, detail } = tickets::revoked();
            let told = write_frame(send, &SessionReply::refused(code, detail)).await;
            let _ = send.finish();
            told
        }
    }
}

async fn serve_segment(
    desk: &Desk,
    epoch: Epoch,
    send: &mut SendStream,
) -> Result<(), StreamError> {
    let Ok(_permit) = desk.segment_reads.try_acquire() else {
        return refuse_fetch(send, Code::TooMany, "too many segments are being read").await;
    };
    match desk.segments.bytes(epoch, &desk.door.receipts.log).await {
        Ok(Some(bytes)) => {
            let size = bytes.len() as u64;
            write_frame(send, &FetchReply::Ok { size }).await?;
            send.write_chunk(bytes.into()).await?;
            let _ = send.finish();
            Ok(())
        }
        Ok(None) => refuse_fetch(send, Code::NotSealed, "the epoch isn't sealed yet").await,
        Err(error) => {
            tracing::error!(epoch, %error, "segment can't be given");
            refuse_fetch(send, Code::Internal, "the segment can't be read").await
        }
    }
}

async fn refuse_fetch(send: &mut SendStream, code: Code, why: &str) -> Result<(), StreamError> {
    write_frame(send, &FetchReply::refused(code, why)).await?;
    let _ = send.finish();
    Ok(())
}
