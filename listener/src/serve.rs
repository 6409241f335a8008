//! Connections: bounded in number, in what they may send before they ask, and in silence.

use crate::guard::Guarded;
use crate::metrics::Counter;
use axum::Router;
use axum::extract::ConnectInfo;
use host::{Listener, Stream};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Fields of a head.
const FIELDS_MAX: usize = 100;
/// Pause when the system gives no more connections, as with too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// Writing a last word takes no longer.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a listener's connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// A request's head comes within this from the last response, or the connection ends.
    pub head: Duration,
    /// Bytes of a head beyond which it isn't even parsed (431); at least 8 KiB.
    pub head_bytes: usize,
    /// Who takes nothing of a response for so long is gone.
    pub stall: Duration,
    /// How long open responses have when the process is to end.
    pub drain: Duration,
}

/// What goes on at a listener.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicU64,
    /// Those that ended because a head took too long.
    pub slow: Counter,
}

impl Connections {
    /// Connections that are open.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(&self.open)
    }
}

/// One that is counted as long as this lives.
struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until told to stop; open responses then have [`Bounds::drain`] to end. Each request has the
/// `ConnectInfo<SocketAddr>` of its connection's other end.
pub fn serve(
    mut listener: Listener,
    app: Router,
    bounds: Bounds,
    connections: Arc<Connections>,
    stop: CancellationToken,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let slots = Arc::new(Semaphore::new(bounds.connections));
        let mut serving = JoinSet::new();
        loop {
            while serving.try_join_next().is_some() {}
            let accept = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                let slot = slot.expect("nobody closes the semaphore");
                (slot, listener.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = accept => accepted,
            };
            match accepted {
                Ok((stream, remote)) => {
                    let (app, connections) = (app.clone(), Arc::clone(&connections));
                    let stop = stop.clone();
                    serving.spawn(async move {
                        let _slot = slot;
                        let _open = connections.enter();
                        connection(stream, remote, app, bounds, &connections, stop).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept an HTTP connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let all = async { while serving.join_next().await.is_some() {} };
        if timeout(bounds.drain, all).await.is_err() {
            tracing::warn!("HTTP responses were cut off");
        }
    })
}

async fn connection(
    stream: Box<dyn Stream>,
    remote: SocketAddr,
    app: Router,
    bounds: Bounds,
    connections: &Connections,
    stop: CancellationToken,
) {
    let guarded = TokioIo::new(Guarded::new(stream, bounds.stall));
    let app = TowerToHyperService::new(app);
    let app = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(remote));
        app.call(request)
    });
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(bounds.head_bytes)
        .max_headers(FIELDS_MAX)
        .serve_connection(guarded, app);
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => {
            Pin::new(&mut serving).graceful_shutdown();
            (&mut serving).await
        }
        outcome = &mut serving => outcome,
    };
    let Err(error) = outcome else { return };
    if error.is_timeout() {
        connections.slow.add(1);
        let parts = serving.into_parts();
        // Silence between requests is no fault.
        if !parts.read_buf.is_empty() {
            let mut stream = parts.io.into_inner().into_inner();
            let goodbye = async {
                stream.write_all(too_slow(bounds.head).as_bytes()).await?;
                stream.shutdown().await
            };
            let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
        }
    } else {
        tracing::debug!(%error, "a connection broke");
    }
}

/// To whoever began a request and didn't end it.
fn too_slow(head: Duration) -> String {
    let seconds = head.as_secs();
    let body = format!("{{\"error\":\"the request's head took longer than {seconds} seconds\"}}");
    let length = body.len();
    format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    const BOUNDS: Bounds = Bounds {
        connections: 2,
        head: Duration::from_secs(20),
        head_bytes: 8 << 10,
        stall: Duration::from_secs(60),
        drain: Duration::from_secs(5),
    };

    struct Server {
        address: SocketAddr,
        connections: Arc<Connections>,
        stop: CancellationToken,
        served: JoinHandle<()>,
    }

    impl Server {
        async fn start(app: Router) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let connections = Arc::new(Connections::default());
            let stop = CancellationToken::new();
            let served = serve(
                listener.into(),
                app,
                BOUNDS,
                connections.clone(),
                stop.clone(),
            );
            Self {
                address,
                connections,
                stop,
                served: tokio::spawn(served),
            }
        }

        async fn dial(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }

        async fn said(&self, bytes: &[u8]) -> String {
            let mut stream = self.dial().await;
            stream.write_all(bytes).await.unwrap();
            rest(stream).await
        }
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        // It may be reset behind its last word.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn who(ConnectInfo(remote): ConnectInfo<SocketAddr>) -> String {
        remote.to_string()
    }

    #[tokio::test]
    async fn handlers_know_who_asks() {
        let server = Server::start(Router::new().route("/", get(who))).await;
        let mut stream = server.dial().await;
        let own = stream.local_addr().unwrap().to_string();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with(&own), "{answer}");
    }

    #[tokio::test]
    async fn heads_are_bounded_in_size_and_number_of_fields() {
        let server = Server::start(Router::new().route("/", get(who))).await;
        let long = format!(
            "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
            "a".repeat(10_000)
        );
        let many = "a: a\r\n".repeat(FIELDS_MAX + 1);
        let many = format!("GET / HTTP/1.1\r\n{many}\r\n");
        for head in [long, many] {
            let answer = server.said(head.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_in_small_pieces_is_not_waited_for() {
        let server = Server::start(Router::new().route("/", get(who))).await;
        let (mut reads, mut writes) = server.dial().await.into_split();
        let dripping = tokio::spawn(async move {
            for byte in b"GET / HTTP/1.1\r\nhost: x\r\n".iter().cycle() {
                if writes.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
        let mut answer = Vec::new();
        let _ = reads.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("longer than 20 seconds"), "{answer}");
        assert_eq!(server.connections.slow.value(), 1);
        dripping.abort();
        // Who asks for nothing is just let go.
        assert_eq!(server.said(b"").await, "");
    }

    #[tokio::test]
    async fn more_than_the_bound_wait_and_those_that_are_open_end_in_order() {
        let (inside, mut entered) = mpsc::unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        let waits = go.clone();
        let app = Router::new().route(
            "/",
            get(async move || {
                inside.send(()).unwrap();
                waits.acquire().await.unwrap().forget();
                "done"
            }),
        );
        let server = Server::start(app).await;
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut streams = Vec::new();
        for _ in 0..3 {
            let mut stream = server.dial().await;
            stream.write_all(request).await.unwrap();
            streams.push(stream);
        }
        entered.recv().await.unwrap();
        entered.recv().await.unwrap();
        assert_eq!(server.connections.open(), 2);
        // One ends, the third has its turn.
        go.add_permits(1);
        entered.recv().await.unwrap();
        assert_eq!(server.connections.open(), 2);
        server.stop.cancel();
        go.add_permits(2);
        for stream in streams {
            let answer = rest(stream).await;
            assert!(answer.ends_with("done"), "{answer}");
        }
        server.served.await.unwrap();
        assert_eq!(server.connections.open(), 0);
    }
}
