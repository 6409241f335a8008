//! The gateway over real HTTP against a whole network in this process: what players see, whatever nodes do.
#![allow(missing_docs)]

mod network;

use client::{Gateway, GatewayConfig, Summary};
use host::Host;
use network::{Behaviour, Grants, MIB, World, bytes, world};
use protocol::GROUP_BYTES;
use quittance_client as client;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Small enough for memory: some groups and a rest.
const SMALL: u64 = 5 * GROUP_BYTES + 123;
/// Memory of the gateways here.
const MEMORY: u64 = 8 * MIB;
/// More than a quarter of it.
const LARGE: u64 = 5 * MIB + 17;

struct Running {
    url: String,
    http: reqwest::Client,
    stop: CancellationToken,
    running: JoinHandle<Summary>,
}

impl Running {
    async fn start(control: &str, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut config = GatewayConfig::on(Host::system(), control);
        config.listen.set_port(0);
        config.cache_bytes = MEMORY;
        change(&mut config);
        let gateway = Gateway::bind(config).await.unwrap();
        let stop = CancellationToken::new();
        Self {
            url: format!("http://{}", gateway.address()),
            http: reqwest::Client::builder().build().unwrap(),
            running: tokio::spawn(gateway.run(stop.clone())),
            stop,
        }
    }

    async fn before(world: &World) -> Self {
        Self::start(&world.url, |_| {}).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.request(Method::GET, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn whole(&self, path: &str) -> Vec<u8> {
        let response = self.get(path, &[]).await;
        assert_eq!(response.status(), 200, "{path}");
        response.bytes().await.unwrap().to_vec()
    }

    /// What it answers to these bytes, until it closes.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.url["http://".len()..])
            .await
            .unwrap();
        // It may answer, and close, before it has read all.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.whole("/metrics").await).unwrap();
        let line = text
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn finish(self) -> Summary {
        self.stop.cancel();
        self.running.await.unwrap()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

async fn films(behaviours: &[Behaviour]) -> World {
    let files = [("small.mp4", SMALL), ("s/large.mp4", LARGE), ("empty", 0)];
    world(&files, behaviours, Grants::default()).await
}

/// Looks until it is so.
async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if look().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain: {what}");
}

/// A file, the request's fields, the status, the bytes.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, Range<usize>);

#[tokio::test]
async fn files_are_served_as_http_says() {
    let world = films(&[Behaviour::Honest]).await;
    let gateway = Running::before(&world).await;
    let small = bytes("small.mp4", SMALL);
    let response = gateway.get("/films/small.mp4?token=x", &[]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "accept-ranges"), "bytes");
    assert_eq!(header(&response, "content-length"), SMALL.to_string());
    assert_eq!(
        header(&response, "content-type"),
        "application/octet-stream"
    );
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    assert_eq!(
        header(&response, "cache-status"),
        "quittance; fwd=uri-miss; stored"
    );
    assert_eq!(
        header(&response, "quittance-node"),
        world.nodes[0].id.to_string()
    );
    assert_eq!(header(&response, "cache-control"), "private, no-cache");
    let tag = header(&response, "etag").to_owned();
    let held = world.control.manifest.entry("small.mp4").unwrap().content;
    assert_eq!(tag, format!("\"{}\"", &held.to_string()[2..]));
    assert!(response.bytes().await.unwrap() == small);

    let head = gateway
        .request(Method::HEAD, "/films/small.mp4")
        .header("range", "bytes=0-1");
    let head = head.send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, &*SMALL.to_string())
    );
    assert_eq!(header(&head, "etag"), tag);
    let by_id = format!("/{}/s/large.mp4", world.control.collection);
    let head = gateway.request(Method::HEAD, &by_id).send().await.unwrap();
    assert!(header(&head, "cache-control").ends_with("immutable"));
    assert!(gateway.whole("/films/empty").await.is_empty());

    let whole = 0..SMALL as usize;
    let large = bytes("s/large.mp4", LARGE);
    let end = LARGE as usize;
    let cases: &[Case] = &[
        ("small.mp4", &[("range", "bytes=10-20")], 206, 10..21),
        (
            "small.mp4",
            &[("range", "bytes=16000-17000")],
            206,
            16000..17001,
        ),
        (
            "small.mp4",
            &[("range", "bytes=10-20"), ("if-range", &tag)],
            206,
            10..21,
        ),
        (
            "small.mp4",
            &[("range", "bytes=10-20"), ("if-range", "\"other\"")],
            200,
            whole.clone(),
        ),
        (
            "small.mp4",
            &[("range", "bytes=0-1,5-6")],
            200,
            whole.clone(),
        ),
        ("small.mp4", &[("range", "lines=0-1")], 200, whole.clone()),
        ("small.mp4", &[("if-match", &tag)], 200, whole.clone()),
        ("small.mp4", &[("if-match", "\"other\"")], 412, 0..0),
        (
            "small.mp4",
            &[("if-none-match", &tag), ("range", "bytes=0-1")],
            304,
            0..0,
        ),
        ("small.mp4", &[("if-none-match", "\"other\"")], 200, whole),
        ("small.mp4", &[("range", "bytes=99999999-")], 416, 0..0),
        ("small.mp4", &[("range", "bytes=9-1")], 416, 0..0),
        ("small.mp4", &[("range", "nonsense")], 416, 0..0),
        ("s/large.mp4", &[("range", "bytes=-17")], 206, end - 17..end),
        (
            "s/large.mp4",
            &[("range", "bytes=3000000-3000000")],
            206,
            3_000_000..3_000_001,
        ),
        (
            "s/large.mp4",
            &[("range", "bytes=1048575-")],
            206,
            1_048_575..end,
        ),
    ];
    for (path, headers, status, range) in cases {
        let file = if *path == "small.mp4" { &small } else { &large };
        let response = gateway.get(&format!("/films/{path}"), headers).await;
        assert_eq!(response.status(), *status, "{headers:?}");
        let expected = match status {
            206 => format!("bytes {}-{}/{}", range.start, range.end - 1, file.len()),
            416 => format!("bytes */{}", file.len()),
            _ => String::new(),
        };
        assert_eq!(header(&response, "content-range"), expected, "{headers:?}");
        let body = response.bytes().await.unwrap();
        if *status < 400 {
            assert!(body == file[range.clone()], "{headers:?}");
        } else {
            assert!(body.starts_with(b"{\"error\":\""), "{headers:?}");
        }
    }
    let summary = gateway.finish().await;
    let node = summary.nodes[&world.nodes[0].id];
    assert_eq!(
        (node.bytes, node.faults),
        (node.bytes_acked, 0),
        "all is signed for"
    );
    assert_eq!(world.nodes[0].receipted_bytes(), node.bytes);
}

#[tokio::test]
async fn what_is_no_request_for_a_file_is_refused_with_a_reason() {
    let world = films(&[Behaviour::Honest]).await;
    let gateway = Running::before(&world).await;
    let large = format!(
        "GET /films/small.mp4 HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let huge = format!(
        "GET /films/small.mp4 HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let many = format!(
        "GET /films/small.mp4 HTTP/1.1\r\n{}\r\n",
        "x: y\r\n".repeat(200)
    );
    let long = format!("GET /films/{} HTTP/1.1\r\n\r\n", "x".repeat(5000));
    for (request, status, reason) in [
        ("GET /films/../etc HTTP/1.1\r\n\r\n", 400, "dots"),
        ("GET /films/%2e%2e/etc HTTP/1.1\r\n\r\n", 400, "dots"),
        (
            "GET /films/s%2flarge.mp4 HTTP/1.1\r\n\r\n",
            400,
            "encoded slash",
        ),
        (
            "GET /films//small.mp4 HTTP/1.1\r\n\r\n",
            400,
            "empty segment",
        ),
        ("GET /films/%zz HTTP/1.1\r\n\r\n", 400, "hexadecimal"),
        (
            "GET /films/small.mp4?via=me HTTP/1.1\r\n\r\n",
            400,
            "node's id",
        ),
        ("GET /films/none.mp4 HTTP/1.1\r\n\r\n", 404, "none.mp4"),
        ("GET /serials/a HTTP/1.1\r\n\r\n", 404, "no collection"),
        ("GET /@/a HTTP/1.1\r\n\r\n", 404, "no collection"),
        ("PUT /films/small.mp4 HTTP/1.1\r\n\r\n", 405, "GET, HEAD"),
        (
            "GET /films/small.mp4 HTTP/1.1\r\ncontent-length: 5\r\n\r\n12345",
            413,
            "body",
        ),
        (
            "GET /films/small.mp4 HTTP/1.1\r\nrange: bytes=0-1\r\nrange: bytes=0-1\r\n\r\n",
            416,
            "several",
        ),
        (&large, 431, "16 KiB"),
        (&huge, 431, ""),
        (&many, 431, ""),
        (&long, 414, "too long"),
        ("GET /films/small.mp4 HTTP/3.9\r\n\r\n", 400, ""),
        ("nonsense\r\n\r\n", 400, ""),
    ] {
        // The last request of its connection.
        let request = request.replacen("\r\n", "\r\nhost: x\r\nconnection: close\r\n", 1);
        let answer = gateway.raw(request.as_bytes()).await;
        let line = answer.lines().next().unwrap_or_default();
        let short = &request[..request.len().min(60)];
        assert!(line.contains(&format!(" {status} ")), "{short:?}: {answer}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert!(body.contains(reason), "{short:?}: {answer}");
    }
    assert_eq!(
        world.control.tickets.load(Ordering::Relaxed),
        0,
        "nothing was fetched"
    );
    let gone = gateway.get("/films", &[]).await;
    assert_eq!(
        gone.url().path(),
        "/films/",
        "links of the page need the slash"
    );
    assert!(gone.text().await.unwrap().contains("/films/s/large.mp4"));
}

#[tokio::test]
async fn pages_of_other_origins_may_read() {
    let world = films(&[Behaviour::Honest]).await;
    let gateway = Running::before(&world).await;
    let preflight = gateway
        .request(Method::OPTIONS, "/films/small.mp4")
        .header("origin", "https://player.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "range");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert!(header(&answer, "access-control-allow-headers").contains("range"));
    // Errors too, or a page can't tell why.
    let refused = gateway
        .get("/films/none", &[("origin", "https://player.example")])
        .await;
    assert_eq!(header(&refused, "access-control-allow-origin"), "*");
    assert!(header(&refused, "access-control-expose-headers").contains("content-range"));
}

#[tokio::test]
async fn a_node_that_fails_in_the_middle_isn_t_noticed() {
    for behaviour in [
        Behaviour::ResetStream(3 * MIB),
        Behaviour::CloseConnection(3 * MIB),
        Behaviour::FlipBit(3 * MIB + 5),
        Behaviour::Stall(3 * MIB),
    ] {
        let world = films(&[behaviour, Behaviour::Honest]).await;
        let gateway = Running::start(&world.url, |config| {
            config.client.stall_timeout = Duration::from_millis(200);
        })
        .await;
        let large = gateway.whole("/films/s/large.mp4").await;
        assert!(large == bytes("s/large.mp4", LARGE), "{behaviour:?}");
        let summary = gateway.finish().await;
        assert_eq!(
            (summary.failovers, summary.bytes),
            (1, LARGE),
            "{behaviour:?}"
        );
        let receipted: u64 = world.nodes.iter().map(|node| node.receipted_bytes()).sum();
        // A connection that closed takes what wasn't signed yet with it.
        assert!(
            receipted <= LARGE && receipted > LARGE - MIB,
            "{behaviour:?}"
        );
    }
}

#[tokio::test]
async fn nothing_unverified_leaves_and_what_is_cut_short_is_known_to_be() {
    let world = films(&[Behaviour::FlipBit(2 * MIB + 5)]).await;
    let gateway = Running::before(&world).await;
    let mut response = gateway.get("/films/s/large.mp4", &[]).await;
    assert_eq!(response.status(), 200);
    let mut got = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(piece)) => got.extend_from_slice(&piece),
            Ok(None) => panic!("it seems whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert!(got == bytes("s/large.mp4", LARGE)[..got.len()]);
    // The slice that has the bit, up to where it is.
    assert!((got.len() as u64) < 3 * MIB);
}

#[tokio::test]
async fn before_the_first_byte_a_failure_is_an_answer() {
    let world = films(&[Behaviour::RefuseTicket(protocol::Code::Internal)]).await;
    let gateway = Running::before(&world).await;
    let refused = gateway.get("/films/small.mp4", &[]).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(header(&refused, "cache-control"), "no-store");
    assert!(refused.text().await.unwrap().contains("told to"));
    let nowhere = Running::start("http://127.0.0.1:1", |_| {}).await;
    let refused = nowhere.get("/films/small.mp4", &[]).await;
    assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
    assert!(refused.text().await.unwrap().contains("control plane"));
}

#[tokio::test]
async fn who_asks_for_the_same_shares_a_fetch_and_memory_answers_after() {
    let world = films(&[Behaviour::Honest]).await;
    let gateway = Running::before(&world).await;
    let all = (0..8).map(|_| gateway.whole("/films/small.mp4"));
    for got in futures::future::join_all(all).await {
        assert!(got == bytes("small.mp4", SMALL));
    }
    let later = gateway
        .get("/films/small.mp4", &[("range", "bytes=5-9")])
        .await;
    assert_eq!(header(&later, "cache-status"), "quittance; hit");
    assert_eq!(world.nodes[0].requests.lock().unwrap().len(), 1);
    assert_eq!(
        gateway.metric("quittance_gateway_cache_fills_total").await,
        1
    );
    assert_eq!(gateway.finish().await.bytes, SMALL);
}

#[tokio::test]
async fn what_a_playlist_asks_for_next_is_there_before() {
    let mut files: Vec<_> = (0..8).map(|n| (format!("v/{n}.ts"), MIB)).collect();
    files.push(("v/index.m3u8".into(), 500));
    let files: Vec<_> = files
        .iter()
        .map(|(path, size)| (&path[..], *size))
        .collect();
    let world = world(&files, &[Behaviour::Honest], Grants::default()).await;
    let gateway = Running::before(&world).await;
    gateway.whole("/films/v/index.m3u8").await;
    until("the playlist to be read", async || {
        gateway.metric("quittance_gateway_playlists_total").await == 1
    })
    .await;
    let first = gateway.get("/films/v/3.ts", &[]).await;
    assert!(header(&first, "cache-status").ends_with("stored"));
    assert!(first.bytes().await.unwrap() == bytes("v/3.ts", MIB));
    until("two more to be fetched", async || {
        gateway
            .metric("quittance_gateway_verified_bytes_total")
            .await
            == 500 + 3 * MIB
    })
    .await;
    for name in ["4.ts", "5.ts"] {
        let next = gateway.get(&format!("/films/v/{name}"), &[]).await;
        assert!(
            !header(&next, "cache-status").contains("stored"),
            "{name} was there"
        );
        assert!(next.bytes().await.unwrap() == bytes(&format!("v/{name}"), MIB));
    }
    until("the last two", async || {
        gateway
            .metric("quittance_gateway_verified_bytes_total")
            .await
            == 500 + 5 * MIB
    })
    .await;
    // Its end is known too.
    gateway.whole("/films/v/7.ts").await;
    assert_eq!(
        gateway.metric("quittance_gateway_prefetched_total").await,
        4
    );
    let summary = gateway.finish().await;
    assert_eq!(summary.nodes[&world.nodes[0].id].bytes_acked, summary.bytes);
}

#[tokio::test]
async fn players_that_seek_and_leave_hold_the_node_back_and_blame_nobody() {
    // More than the system's buffers hold.
    let size = 24 * MIB;
    let files = [("small.mp4", SMALL), ("film.mp4", size)];
    let world = world(&files, &[Behaviour::Honest], Grants::default()).await;
    let gateway = Running::before(&world).await;
    let film = bytes("film.mp4", size);
    for at in [0, 5 * MIB, 1, 9 * MIB, 17 * MIB, 3 * MIB] {
        let from = format!("bytes={at}-");
        let mut response = gateway.get("/films/film.mp4", &[("range", &from)]).await;
        let mut got = Vec::new();
        while (got.len() as u64) < MIB {
            got.extend_from_slice(&response.chunk().await.unwrap().unwrap());
        }
        assert!(film[at as usize..].starts_with(&got));
    }
    // Another request isn't held up by what was broken off.
    gateway.whole("/films/small.mp4").await;
    let summary = gateway.finish().await;
    assert!(summary.bytes < 3 * size, "{}", summary.bytes);
    let node = summary.nodes[&world.nodes[0].id];
    assert_eq!((node.bytes_acked, node.faults), (summary.bytes, 0));
}

#[tokio::test]
async fn a_preferred_node_is_asked_first_and_left_when_it_fails() {
    let grants = Grants {
        bytes_max: Some(2 * MIB),
        ..Grants::default()
    };
    let files = [("a", 3 * MIB), ("b", MIB)];
    let behaviours = [
        Behaviour::Honest,
        Behaviour::Honest,
        Behaviour::ResetStream(MIB),
    ];
    let world = world(&files, &behaviours, grants).await;
    let gateway = Running::before(&world).await;
    let asked = |node: usize| world.nodes[node].requests.lock().unwrap().len();
    // Beyond what its ticket grants, another of the same node is taken.
    let via = format!("/films/a?via={}", world.nodes[1].id);
    assert!(gateway.whole(&via).await == bytes("a", 3 * MIB));
    assert_eq!((asked(0), asked(2)), (0, 0));
    assert!(
        world.control.tickets.load(Ordering::Relaxed) >= 6,
        "a second route"
    );
    let via = format!("/films/b?via={}", world.nodes[2].id);
    assert!(gateway.whole(&via).await == bytes("b", MIB));
    assert_eq!(asked(2), 1);
    // Without a wish the first is taken, again and again.
    let before = asked(1);
    assert!(gateway.whole("/films/a").await == bytes("a", 3 * MIB));
    assert!(asked(0) > 1 && asked(1) == before);
    // One that no route has is only a wish.
    let response = gateway
        .get(
            &format!("/films/a?via=0x{}", "ab".repeat(32)),
            &[("range", "bytes=0-9")],
        )
        .await;
    assert!(response.bytes().await.unwrap() == bytes("a", 3 * MIB)[..10]);
    gateway.finish().await;
}

#[tokio::test(start_paused = true)]
async fn who_never_ends_a_request_is_told_so() {
    let gateway = Running::start("http://127.0.0.1:1", |_| {}).await;
    let answer = gateway
        .raw(b"GET /films/small.mp4 HTTP/1.1\r\nhost: x\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("longer than 20 seconds"), "{answer}");
    // Who asks for nothing is just let go.
    assert_eq!(gateway.raw(b"").await, "");
}
