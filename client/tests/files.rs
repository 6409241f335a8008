//! Fetching into files, and the control plane's API.
#![allow(missing_docs)]

mod network;

use axum::body::Bytes;
use axum::extract::Path as UrlPath;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use axum::{Json, Router};
use client::{ApiError, Client, ClientConfig, ControlApi, FetchError, FileError, Progress};
use host::{Host, Http};
use network::{Behaviour, Grants, MIB, Sealing, World, bytes, serve, world};
use protocol::{ContentHash, GROUP_BYTES};
use quittance_client as client;
use std::fs;
use std::sync::{Arc, Mutex};

const SIZE: u64 = 3 * MIB + 5 * GROUP_BYTES + 123;

async fn film(behaviours: &[Behaviour]) -> (World, Client, tempfile::TempDir) {
    let files = [("film.mp4", SIZE), ("empty", 0)];
    let world = world(&files, behaviours, Grants::default()).await;
    let client = Client::new(ClientConfig::on(Host::system(), &world.url)).unwrap();
    (world, client, tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn a_file_appears_when_it_is_whole() {
    let (world, client, dir) = film(&[Behaviour::ResetStream(MIB), Behaviour::Honest]).await;
    let out = dir.path().join("out.mp4");
    let mut seen = Vec::new();
    let mut progress = |p: Progress| seen.push(p.bytes);
    client
        .fetch_to_file("films", "film.mp4", &out, &mut progress)
        .await
        .unwrap();
    assert!(fs::read(&out).unwrap() == bytes("film.mp4", SIZE));
    assert!(seen.is_sorted() && seen.last() == Some(&SIZE), "{seen:?}");
    let empty = dir.path().join("empty");
    client
        .fetch_to_file("films", "empty", &empty, &mut |_| {})
        .await
        .unwrap();
    assert_eq!(fs::read(&empty).unwrap(), b"");
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "no parts left"
    );
    client.finish().await;
    assert_eq!(
        world.nodes.iter().map(|n| n.receipted_bytes()).sum::<u64>(),
        SIZE
    );
}

#[tokio::test]
async fn what_an_earlier_run_left_is_continued_or_begun_again() {
    let whole = bytes("film.mp4", SIZE);
    let mut damaged = whole[..2 * MIB as usize].to_vec();
    damaged[1000] ^= 1;
    let kept = MIB + 3 * GROUP_BYTES;
    let tail = (2 * MIB, SIZE - 2 * MIB);
    // What is there, and the requests that follow. In the last case the ticket's bytes, as many as the
    // collection has, are used up by the end, so it takes another.
    let cases = [
        (
            whole[..kept as usize + 99].to_vec(),
            vec![(kept, SIZE - kept)],
        ),
        (whole.clone(), vec![]),
        ([&whole[..], b"x"].concat(), vec![(0, SIZE)]),
        (damaged, vec![tail, (0, 2 * MIB), tail]),
    ];
    for (there, requests) in cases {
        let (world, client, dir) = film(&[Behaviour::Honest]).await;
        let out = dir.path().join("out.mp4");
        fs::write(dir.path().join("out.mp4.part"), &there).unwrap();
        client
            .fetch_to_file("films", "film.mp4", &out, &mut |_| {})
            .await
            .unwrap();
        assert!(fs::read(&out).unwrap() == whole);
        assert_eq!(*world.nodes[0].requests.lock().unwrap(), requests);
    }
}

#[tokio::test]
async fn open_content_is_as_it_is_and_sealed_content_needs_its_key() {
    for sealing in [
        Sealing::Open,
        Sealing::Sealed,
        Sealing::WrongKey,
        Sealing::NoKey,
    ] {
        let grants = Grants {
            sealing,
            ..Grants::default()
        };
        let world = world(&[("film.mp4", SIZE)], &[Behaviour::Honest], grants).await;
        let client = Client::new(ClientConfig::on(Host::system(), &world.url)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let mut progress = |_| {};
        let got = client.fetch_to_file("films", "film.mp4", &out, &mut progress);
        let got = got.await;
        // One route serves key and session.
        assert_eq!(world.control.routes.lock().unwrap().len(), 1);
        match (sealing, got) {
            (Sealing::Open | Sealing::Sealed, Ok(_)) => {
                assert!(fs::read(&out).unwrap() == bytes("film.mp4", SIZE));
                let mut part = Vec::new();
                let range = Some(MIB - 1..MIB + 40_000);
                let part_of = client.fetch("films", "film.mp4", range, &mut part);
                part_of.await.unwrap();
                let whole = bytes("film.mp4", SIZE);
                assert!(part == whole[MIB as usize - 1..MIB as usize + 40_000]);
            }
            (_, Err(FileError::Fetch(FetchError::NoKey { .. }))) => {
                assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
                assert!(world.nodes[0].requests.lock().unwrap().is_empty());
            }
            (_, got) => panic!("{sealing:?}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn targets_that_cannot_be_are_refused_before_anything_is_fetched() {
    let (world, client, dir) = film(&[Behaviour::Honest]).await;
    let folder = client
        .fetch_to_file("films", "film.mp4", dir.path(), &mut |_| {})
        .await;
    assert!(matches!(folder, Err(FileError::IsFolder(_))));
    let nowhere = dir.path().join("no/where");
    let nowhere = client
        .fetch_to_file("films", "film.mp4", &nowhere, &mut |_| {})
        .await;
    assert!(matches!(nowhere, Err(FileError::NoFolder(_))));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(world.nodes[0].requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_writer_gets_the_bytes() {
    let (_world, client, _dir) = film(&[Behaviour::Honest]).await;
    let mut out = Vec::new();
    client
        .fetch_to_writer("films", "film.mp4", &mut out)
        .await
        .unwrap();
    assert!(out == bytes("film.mp4", SIZE));
}

#[tokio::test]
async fn manifests_are_checked_and_refusals_are_told() {
    let (world, _client, _dir) = film(&[Behaviour::Honest]).await;
    let api = ControlApi::over(&Http::system(), &world.url).unwrap();
    let (id, manifest) = api.manifest("films").await.unwrap();
    assert_eq!(
        (id, manifest.entries().len()),
        (world.control.collection, 2)
    );
    assert_eq!(api.manifest(&id.to_string()).await.unwrap().0, id);
    let missing = api.manifest("nothing").await.unwrap_err();
    assert!(missing.is_not_found());
    assert!(
        missing.to_string().contains("no collection of that name"),
        "{missing}"
    );
    let gone = ControlApi::over(&Http::system(), "http://127.0.0.1:1").unwrap();
    let gone = gone.network_info().await.unwrap_err();
    assert!(gone.is_retryable());
    assert!(
        gone.to_string().contains("http://127.0.0.1:1/v1/network"),
        "{gone}"
    );
}

#[tokio::test]
async fn a_manifest_of_another_collection_is_refused() {
    let (world, _client, _dir) = film(&[Behaviour::Honest]).await;
    let bytes = ControlApi::over(&Http::system(), &world.url)
        .unwrap()
        .manifest("films")
        .await
        .unwrap()
        .1
        .to_bytes();
    let any = axum::routing::get(move || async move { bytes });
    let url = serve(Router::new().route("/v1/collections/{any}/manifest", any)).await;
    let asked = format!("0x{}", "07".repeat(32));
    let wrong = ControlApi::over(&Http::system(), &url)
        .unwrap()
        .manifest(&asked)
        .await;
    assert!(matches!(wrong, Err(ApiError::WrongManifest { .. })));
}

#[tokio::test]
async fn uploads_stream_with_their_length_and_token() {
    let got = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&got);
    let take = async move |UrlPath(hash): UrlPath<String>, headers: HeaderMap, body: Bytes| {
        let header = |name| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        if header("authorization").as_deref() != Some("Bearer secret") {
            let error = serde_json::json!({ "error": "that token does not publish here" });
            return (StatusCode::UNAUTHORIZED, Json(error));
        }
        let length = header("content-length").unwrap();
        *kept.lock().unwrap() = Some((hash, length, body));
        (StatusCode::CREATED, Json(serde_json::json!({})))
    };
    let app = Router::new().route("/v1/blobs/{hash}", put(take).head(StatusCode::NOT_FOUND));
    let limit = axum::extract::DefaultBodyLimit::max(1 << 30);
    let api = ControlApi::over(&Http::system(), &serve(app.layer(limit)).await).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (file, whole) = (dir.path().join("file"), bytes("x", SIZE));
    fs::write(&file, &whole).unwrap();
    let hash = ContentHash::from(*blake3::hash(&whole).as_bytes());
    assert!(!api.blob_exists(&hash, "token").await.unwrap());
    let seen = Arc::new(Mutex::new(0));
    let told = Arc::clone(&seen);
    let progress = move |bytes| *told.lock().unwrap() = bytes;
    api.put_blob(&hash, &file, None, "secret", Box::new(progress))
        .await
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), SIZE);
    let got = got.lock().unwrap().take().unwrap();
    assert_eq!((got.0, got.1), (hash.to_string(), SIZE.to_string()));
    assert!(got.2 == whole);
    let refused = api
        .put_blob(&hash, &file, None, "other", Box::new(|_| {}))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ApiError::Refused { status: 401, .. }),
        "{refused}"
    );
}
