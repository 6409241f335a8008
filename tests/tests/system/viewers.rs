//! Who may have what: owners' tokens, countries, and what tokens are never part of.

use crate::gateway::make_film;
use crate::routing::{configure, divide};
use client::ControlApi;
use host::Http;
use host::watch as channel;
use protocol::api::{RouteAnswer, RouteRequest};
use protocol::{ClientKey, Code, SigningKey, URI_SIGNING_PACKAGE, ViewerToken};
use quittance_tests::players::{GatewayProcess, players, watch};
use quittance_tests::raw::{End, Raw, Wanted, fetch_watched};
use quittance_tests::{Ran, World, eventually, noise, run};
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// More than a window.
const FILM: usize = 3 << 20;
const NODE_CONFIG: &str = "window_mib = 1\nreceipt_interval_mib = 1\n";

/// An owner's keys and tokens, made by the command line.
struct Owner {
    folder: PathBuf,
    control: String,
    admin_url: String,
    admin: String,
}

impl Owner {
    async fn new(world: &World, algorithm: &str) -> Self {
        let owner = Self {
            folder: world.folder("owner"),
            control: world.control_url.clone(),
            admin_url: world.admin_url.clone(),
            admin: world
                .config
                .dir
                .join("control/admin.token")
                .display()
                .to_string(),
        };
        let keys = owner.path("viewers");
        run(&["token", "key", &keys, "--algorithm", algorithm])
            .await
            .ok();
        let again = run(&["token", "key", &keys]).await;
        again.fails(&["viewers"]);
        owner
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Makes a token, into a file of that name.
    async fn token(&self, name: &str, options: &[&str]) -> ViewerToken {
        let key = self.path("viewers.key");
        let make = ["token", "make", "film", "--key", &key];
        let made = run(&[&make[..], options].concat()).await.ok();
        fs::write(self.folder.join(name), &made.stdout).expect("ours");
        let text = String::from_utf8(made.stdout).expect("ASCII");
        text.trim().parse().expect("a token")
    }

    async fn admin(&self, args: &[&str]) -> Ran {
        let to = ["--admin", &self.admin_url, "--token-file", &self.admin];
        run(&[args, &to].concat()).await
    }

    async fn get(&self, token: Option<&str>) -> Ran {
        let get = [
            "get",
            "film/a.bin",
            "--discard",
            "--json",
            "--control",
            &self.control,
        ];
        let token = token.map(|name| self.path(name));
        let token = token.iter().flat_map(|path| ["--token", path]);
        let args: Vec<_> = get.into_iter().chain(token).collect();
        run(&args).await
    }
}

async fn route(world: &World, client: &Raw, token: &ViewerToken) -> RouteAnswer {
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let key = ClientKey::from(client.key.verifying_key().to_bytes());
    let request = RouteRequest {
        viewer_token: Some(token.clone()),
        ..RouteRequest::new("film", key)
    };
    let answer = api.route(&request).await;
    answer.unwrap_or_else(|error| panic!("no route: {error}"))
}

/// Everything that the network's processes wrote to their logs and config files, and to control's folder.
fn search(dir: &Path, secret: &[u8], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the network's folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            search(&path, secret, found);
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(secret.len()).any(|window| window == secret)
        {
            found.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_owners_token_may_watch_until_it_is_used_up_or_revoked() {
    let mut world = World::start(2, |config| {
        config.epoch_seconds = 60;
        config.node_config = NODE_CONFIG.into();
    })
    .await;
    let published = world
        .publish_files("film", &[("a.bin", &noise(90, FILM))])
        .await;
    let owner = Owner::new(&world, "es256").await;
    let key = owner.path("viewers.jwk");
    owner
        .admin(&["policy", "film", "--viewer-key", &key])
        .await
        .ok();
    let shown = run(&["show", "film", "--control", &world.control_url])
        .await
        .ok();
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains("viewers need a token signed by"), "{shown}");

    owner.get(None).await.fails(&["asks for a viewer's token"]);
    let token = owner.token("anna", &["--expires", "1h"]).await;
    let got = owner.get(Some("anna")).await.json();
    assert_eq!(got["bytes"], FILM);
    let other = [
        "--container",
        "regex:/other/.*",
        "--key",
        &owner.path("viewers.key"),
    ];
    let other = run(&[&["token", "make"], &other[..]].concat()).await.ok();
    fs::write(owner.folder.join("other"), other.stdout).expect("ours");
    owner
        .get(Some("other"))
        .await
        .fails(&["isn't for all of this collection"]);

    // What inspect says is what tickets say.
    let file = owner.path("anna");
    let inspect = ["token", "inspect", &file, "--key", &key];
    let inspected = run(&[&inspect[..], &["--json"]].concat()).await.json();
    assert_eq!(inspected["valid"], true);
    let hash = inspected["hash"].as_str().expect("a hash").to_owned();
    assert_eq!(hash, token.hash().to_string());
    let client = Raw::new(&world.control_url);
    let routed = route(&world, &client, &token).await;
    for node in &routed.nodes {
        assert_eq!(node.ticket.peek().viewer_token, token.hash());
    }

    // Caps, also after the control plane was killed.
    owner.token("capped", &["--bytes", "8MB"]).await;
    let mut got = 0;
    let refused = loop {
        let ran = owner.get(Some("capped")).await;
        if ran.code != 0 {
            break ran;
        }
        got += FILM;
        assert!(got <= 8_000_000, "more than the token allows");
    };
    refused.fails(&["used up", "8000000"]);
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it starts");
    world.wait_for_nodes(2).await.expect("they join again");
    owner
        .get(Some("capped"))
        .await
        .fails(&["used up", "8000000"]);
    let alone = owner.token("alone", &["--sessions", "1"]).await;
    route(&world, &client, &alone).await;
    owner
        .get(Some("alone"))
        .await
        .fails(&["in use by 1 clients"]);

    // A transfer waits for a receipt when its token is revoked.
    let routed = &route(&world, &client, &token).await.nodes[0];
    let connection = client.connect(routed.node, &routed.address).await;
    let session = client.session(&connection, routed.ticket).await;
    let session = session.expect("the ticket is good");
    let wanted = Wanted {
        ticket: session.ticket.id,
        content: published.files[0].content,
        size: FILM as u64,
        offset: 0,
        length: FILM as u64,
    };
    let (progress, mut came) = channel::channel(0);
    let running = {
        let connection = connection.clone();
        tokio::spawn(async move { fetch_watched(&connection, wanted, &progress).await })
    };
    came.wait_for(|bytes| *bytes > 0).await.expect("it runs");
    let revoke = ["order", "revoke", "--token", &hash, "--wait", "--json"];
    let revoked = owner.admin(&revoke).await.json();
    assert_eq!(revoked["confirmed"], 2, "{revoked}");
    let (bytes, end) = running.await.expect("no panic");
    assert!(bytes < FILM as u64);
    assert_eq!(end, End::Reset(Code::TicketRevoked));
    owner.get(Some("anna")).await.fails(&["was revoked"]);
    let fresh = owner.token("fresh", &[]).await;
    owner.get(Some("fresh")).await.ok();

    owner.admin(&["policy", "film", "--everybody"]).await.ok();
    owner.get(None).await.ok();
    drop(session);
    for secret in [&token, &fresh, &alone] {
        let mut found = Vec::new();
        search(&world.config.dir, secret.as_str().as_bytes(), &mut found);
        // The signature alone would be enough, next to what the hash is of.
        let signature = secret.as_str().rsplit('.').next().expect("three parts");
        search(&world.config.dir, signature.as_bytes(), &mut found);
        assert!(found.is_empty(), "a token is in {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_carry_tokens_through_redirects_playlists_and_gateways() {
    let players = players().await;
    let mut world = World::start(3, |config| config.epoch_seconds = 30).await;
    let film = world.folder("film");
    make_film(&players.ffmpeg, &film).await;
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=320x180\nindex.m3u8\n";
    fs::write(film.join("hls/master.m3u8"), master).expect("ours");
    let published = world.publish(&film, "film").await;
    published.unwrap_or_else(|error| panic!("{error:#}"));
    let gateway = GatewayProcess::start(&world, "gateway").await;
    let base = gateway.url.trim_end_matches('/').to_owned();
    divide(&mut world, [&[&base], &[]]).await;
    let owner = Owner::new(&world, "eddsa").await;
    let key = owner.path("viewers.jwk");
    owner
        .admin(&["policy", "film", "--viewer-key", &key])
        .await
        .ok();
    let token = owner.token("anna", &[]).await;
    let bob = owner.token("bob", &[]).await;
    let signed = format!("{URI_SIGNING_PACKAGE}={}", token.as_str());

    // The gateway: by the query, the path, a bearer token; not without, and not by what another one got.
    let http = reqwest::Client::new();
    let segment = format!("{base}/film/hls/000.ts");
    let status = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.expect("it answers");
        let status = answer.status();
        let _ = answer.bytes().await.expect("no failure");
        status
    };
    assert_eq!(status(http.get(&segment)).await, StatusCode::UNAUTHORIZED);
    let by_query = format!("{segment}?{signed}");
    assert_eq!(status(http.get(by_query)).await, StatusCode::OK);
    assert_eq!(status(http.get(&segment)).await, StatusCode::UNAUTHORIZED);
    let wrong = http.get(&segment).bearer_auth("aa.bb.cc");
    assert_eq!(status(wrong).await, StatusCode::UNAUTHORIZED);
    let bearer = http.get(&segment).bearer_auth(token.as_str());
    assert_eq!(status(bearer).await, StatusCode::OK);
    let in_path = format!("{base}/;{signed}/film/hls/000.ts");
    assert_eq!(status(http.get(in_path)).await, StatusCode::OK);

    // The control plane: players get where they are sent with the token in the URLs.
    let redirect = async |path: &str, signed: &str| {
        let never = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(never).build();
        let url = format!("{}/r/film/{path}{signed}", world.control_url);
        let from = "10.1.0.9";
        let asked = http
            .expect("a client")
            .get(url)
            .header("x-forwarded-for", from);
        asked.send().await.expect("it answers")
    };
    let query = format!("?{signed}");
    let answer = eventually("the gateway to have answered", async || {
        let answer = redirect("hls/000.ts", &query).await;
        (answer.status() == 302).then_some(answer)
    })
    .await;
    let location = answer.headers()[LOCATION]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        location.starts_with(&format!("{base}/;{signed}/~0x")),
        "{location}"
    );
    assert_eq!(status(http.get(&location)).await, StatusCode::OK);
    for path in ["hls/000.ts", "hls/master.m3u8", "dash/manifest.mpd"] {
        let refused = redirect(path, "").await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let text = redirect("hls/master.m3u8", &query).await.text().await;
    let text = text.expect("text");
    assert!(text.contains(&format!("{base}/;{signed}/~0x")), "{text}");
    let steering = format!("{}/v1/steering/film", world.control_url);
    assert_eq!(status(http.get(&steering)).await, StatusCode::UNAUTHORIZED);
    let steered: Value = world
        .get_json(&format!("{steering}?{signed}"))
        .await
        .expect("it answers");
    let reload = steered["RELOAD-URI"].as_str().expect("a URL");
    assert!(reload.ends_with(&query), "{reload}");

    // ffmpeg, by either way: playlists that name others, and segments by relative URLs. What is rewritten has the
    // picture once for each pathway.
    let md5 = async |input: &str| {
        let to = ["-i", input, "-map", "0:v:0", "-c", "copy", "-f", "md5", "-"];
        watch(&players.ffmpeg, &[&["-v", "error"], &to[..]].concat()).await
    };
    let whole = md5(film.join("hls/master.m3u8").to_str().expect("UTF-8")).await;
    let by_gateway = format!("{base}/film/hls/master.m3u8?{signed}");
    assert_eq!(md5(&by_gateway).await, whole);
    let by_control = format!("{}/r/film/hls/master.m3u8?{signed}", world.control_url);
    assert_eq!(md5(&by_control).await, whole);
    let signed_bob = format!("{URI_SIGNING_PACKAGE}={}", bob.as_str());
    let dash = format!(
        "{}/r/film/dash/manifest.mpd?{signed_bob}",
        world.control_url
    );
    md5(&dash).await;

    let (_, log) = gateway.stop().await;
    assert!(log.contains("answered"), "it logs requests");
    for secret in [&token, &bob] {
        let mut found = Vec::new();
        let logs = world.config.dir.join("logs");
        search(&logs, secret.as_str().as_bytes(), &mut found);
        assert!(found.is_empty(), "a token is in {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_are_kept_to_countries() {
    let mut world = World::start(1, |config| config.epoch_seconds = 30).await;
    world
        .publish_files("film", &[("a.bin", &noise(91, 50_000))])
        .await;
    let owner = Owner::new(&world, "eddsa").await;
    let allow = ["policy", "film", "--allow-country", "de"];
    owner.admin(&allow).await.fails(&["location_file"]);
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).join("../routing/tests/places.mmdb");
    let lines = format!("location_file = {places:?}\ntrusted_proxies = \"127.0.0.0/8\"\n");
    configure(&world, "control", &lines);
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it takes the database");
    world.wait_for_nodes(1).await.expect("it joins again");
    owner
        .admin(&["policy", "film", "--allow-country", "UK"])
        .await
        .fails(&["GB"]);
    owner.admin(&allow).await.ok();

    let http = reqwest::Client::new();
    let key = ClientKey::from(SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes());
    let request = RouteRequest::new("film", key);
    let from = async |address: &str| {
        let url = format!("{}/v1/route", world.control_url);
        let asked = http.post(url).header("x-forwarded-for", address);
        let answer = asked.json(&request).send().await.expect("it answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    assert_eq!(from("192.0.2.9").await.0, 200);
    let (status, said) = from("198.51.100.9").await;
    assert!(
        status == 403 && said.contains("doesn't offer it in AU"),
        "{said}"
    );
    let (status, said) = from("10.0.0.1").await;
    assert!(status == 403 && said.contains("isn't known"), "{said}");
    let asked = [
        "route",
        "film",
        "--from",
        "198.51.100.9",
        "--control",
        &world.control_url,
    ];
    let told = run(&asked).await.ok();
    assert!(String::from_utf8_lossy(&told.stdout).contains("refused: the collection's owner"));
    owner
        .admin(&["policy", "film", "--deny-country", "DE"])
        .await
        .ok();
    assert_eq!(from("192.0.2.9").await.0, 403);
    assert_eq!(from("198.51.100.9").await.0, 200);
    assert_eq!(from("10.0.0.1").await.0, 200);
}
