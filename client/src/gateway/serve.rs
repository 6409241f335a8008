//! Connections: bounded in number, in what they may send before they ask, and in silence.
//!
//! hyper's connections rather than axum's loop, which bounds neither a head's size nor the time it takes.

use super::{HEAD_BYTES_MAX, Shared};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Connections at once; more wait in the system's queue.
pub(super) const CONNECTIONS_MAX: usize = 512;
/// A request's head comes within this from the last response, or the connection ends.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// A player that takes nothing for so long is gone. Paused ones take nothing, and cost little.
const STALL_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes of a head beyond which it isn't even parsed. Below, it is refused with a reason.
const BUFFER_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;
/// Fields of a head.
const FIELDS_MAX: usize = 100;
/// Pause when the system gives no more connections, as with too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// How long open responses have when the process is to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Writing a last word takes no longer.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// To whoever began a request and didn't end it.
fn too_slow() -> String {
    let seconds = HEAD_TIMEOUT.as_secs();
    let body = format!("{{\"error\":\"the request's head took longer than {seconds} seconds\"}}");
    let length = body.len();
    format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Serves until told to stop; open responses then have [`DRAIN_TIMEOUT`] to end.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accept = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            let slot = slot.expect("nobody closes the semaphore");
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                // Waiting to fill a packet only delays what a player waits for.
                let _ = stream.set_nodelay(true);
                let (app, shared, stop) = (app.clone(), Arc::clone(&shared), stop.clone());
                connections.spawn(async move {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    connection(stream, app, &shared, stop).await;
                    shared.connections.fetch_sub(1, Ordering::Relaxed);
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_TIMEOUT, all).await.is_err() {
        tracing::warn!("responses were cut off");
    }
}

async fn connection(stream: TcpStream, app: Router, shared: &Shared, stop: CancellationToken) {
    let guarded = TokioIo::new(Guarded {
        stream,
        stalled: None,
    });
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(FIELDS_MAX)
        .serve_connection(guarded, TowerToHyperService::new(app));
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = stop.cancelled() => {
            Pin::new(&mut serving).graceful_shutdown();
            (&mut serving).await
        }
    };
    let Err(error) = outcome else { return };
    if error.is_timeout() {
        shared.metrics.timeouts.add(1);
        let parts = serving.into_parts();
        // Silence between requests is no fault.
        if !parts.read_buf.is_empty() {
            let mut stream = parts.io.into_inner().stream;
            let goodbye = async {
                stream.write_all(too_slow().as_bytes()).await?;
                stream.shutdown().await
            };
            let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
        }
    } else {
        tracing::debug!(%error, "a connection broke");
    }
}

/// A stream that fails when its other end takes nothing for [`STALL_TIMEOUT`].
struct Guarded<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(STALL_TIMEOUT)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_let_go_and_who_takes_little_is_not() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut guarded = Guarded {
            stream: near,
            stalled: None,
        };
        let began = Instant::now();
        let writing = tokio::spawn(async move { guarded.write_all(&[0; 100]).await });
        for _ in 0..5 {
            sleep(STALL_TIMEOUT - Duration::from_secs(1)).await;
            let mut some = [0; 10];
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut some)
                .await
                .unwrap();
        }
        let error = writing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() > STALL_TIMEOUT * 5);
    }
}
