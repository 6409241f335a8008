//! The verifier's HTTP side: evidence for auditors, status for people and monitors.

use crate::evidence::EvidenceStore;
use crate::report::Status;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use disk::Pieces;
use futures::stream;
use host::Listener;
use host::RwLock;
use listener::Bounds;
use protocol::Epoch;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Bytes of a file that are read at a time.
const PIECE_BYTES: usize = 64 << 10;

/// The status as the service writes and HTTP reads it.
#[derive(Clone, Default)]
pub(crate) struct SharedStatus(Arc<RwLock<Status>>);

impl SharedStatus {
    /// Changes it. Each change leaves it whole, so a lock poisoned by a panic elsewhere is still good.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.write());
    }

    pub(crate) fn snapshot(&self) -> Status {
        self.0.read().clone()
    }
}

#[derive(Clone)]
struct Served {
    store: EvidenceStore,
    status: SharedStatus,
}

/// What connections may take: a file is streamed, and auditors come one by one.
const BOUNDS: Bounds = Bounds {
    connections: 512,
    head: Duration::from_secs(30),
    head_bytes: 8 << 10,
    stall: Duration::from_secs(60),
    drain: Duration::from_secs(5),
};

/// Serves until shutdown; answers under way have a moment to end.
pub(crate) async fn serve(
    listener: Listener,
    store: EvidenceStore,
    status: SharedStatus,
    shutdown: CancellationToken,
) {
    let app = router(store, status);
    listener::serve(listener, app, BOUNDS, Arc::default(), shutdown).await;
}

fn router(store: EvidenceStore, status: SharedStatus) -> Router {
    Router::new()
        .route("/v1/evidence/{epoch}/{file}", get(evidence))
        .route("/v1/status", get(show_status))
        .route("/healthz", get(async || "ok\n"))
        .with_state(Served { store, status })
}

async fn show_status(State(served): State<Served>) -> Json<Status> {
    Json(served.status.snapshot())
}

async fn evidence(
    State(served): State<Served>,
    Path((epoch, file)): Path<(Epoch, String)>,
) -> Response {
    let not_found = || (StatusCode::NOT_FOUND, "no such file\n").into_response();
    // Only names of SPEC section 11 become a path.
    let Some(path) = served.store.path(epoch, &file) else {
        return not_found();
    };
    match Pieces::open(&path, PIECE_BYTES).await {
        Ok(pieces) => {
            let media_type = match file.ends_with(".json") {
                true => "application/json",
                false => "application/octet-stream",
            };
            let headers = [
                (header::CONTENT_TYPE, media_type.to_owned()),
                (header::CONTENT_LENGTH, pieces.length().to_string()),
            ];
            let next = async |mut pieces: Pieces| {
                let piece = pieces.next().await?;
                io::Result::Ok(piece.map(|piece| (piece, pieces)))
            };
            (headers, Body::from_stream(stream::try_unfold(pieces, next))).into_response()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => not_found(),
        Err(error) => {
            tracing::error!(epoch, file, %error, "evidence can't be read");
            (StatusCode::INTERNAL_SERVER_ERROR, "it can't be read\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::EvidenceSource;
    use crate::fixture::{EPOCH, World, network};
    use crate::http::Server;

    async fn served() -> (tempfile::TempDir, String, protocol::B256, CancellationToken) {
        let directory = tempfile::tempdir().unwrap();
        let store =
            EvidenceStore::open(&disk::Disk::system(), directory.path().join("evidence")).unwrap();
        std::fs::write(directory.path().join("secret"), "secret").unwrap();
        std::fs::write(directory.path().join("evidence/5.txt"), "secret").unwrap();
        let hash = store.write(&World::honest(3, 9).evidence()).unwrap();
        let any = ([127, 0, 0, 1], 0).into();
        let listener = host::Sockets::system().listen(any).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let token = CancellationToken::new();
        let status = SharedStatus::default();
        status.update(|status| status.epochs_attested = 5);
        tokio::spawn(serve(listener, store, status, token.clone()));
        (directory, base, hash, token)
    }

    #[tokio::test]
    async fn an_auditor_reads_over_http_what_was_written() {
        let (_directory, base, hash, token) = served().await;
        let source =
            EvidenceSource::Verifier(Server::new(&host::Http::system(), &format!("{base}/")));
        let (evidence, found) = source.read(network(), EPOCH, Some(hash)).await.unwrap();
        assert_eq!((evidence, found), (World::honest(3, 9).evidence(), hash));
        let other = source.read(network(), EPOCH + 1, None).await;
        assert!(other.is_err());
        token.cancel();
    }

    #[tokio::test]
    async fn nothing_but_evidence_and_status_is_served() {
        let (_directory, base, _, token) = served().await;
        let client = host::Http::system();
        let get = async |path: &str| {
            client
                .send(client.get(format!("{base}{path}")))
                .await
                .unwrap()
        };
        assert_eq!(get("/healthz").await.status(), 200);
        let status: serde_json::Value =
            serde_json::from_slice(&get("/v1/status").await.bytes().await.unwrap()).unwrap();
        assert_eq!(status["epochs_attested"], 5);
        assert_eq!(get("/v1/evidence/5/bundle.json").await.status(), 200);
        for path in [
            "/v1/evidence/5/..%2f..%2fsecret",
            "/v1/evidence/5/%2e%2e%2f5.txt",
            "/v1/evidence/5/..",
            "/v1/evidence/5/",
            "/v1/evidence/5/segment-9.qseg",
            "/v1/evidence/6/bundle.json",
            "/v1/evidence/-5/bundle.json",
            "/v1/evidence/..%2f/secret",
            "/v1/evidence/5.txt/tree.qtree",
            "/secret",
        ] {
            let answer = get(path).await;
            assert!(
                answer.status().is_client_error(),
                "{path}: {}",
                answer.status()
            );
            assert!(!answer.text().await.unwrap().contains("secret"), "{path}");
        }
        token.cancel();
    }
}
