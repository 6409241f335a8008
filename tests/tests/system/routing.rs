//! The overlay: clients go where zones, health and load say, and ordinary players with them.

use crate::gateway::make_film;
use client::ControlApi;
use host::Http;
use protocol::NodeId;
use protocol::api::RouteExplanation;
use quittance_tests::players::{Browser, GatewayProcess, players};
use quittance_tests::raw::Raw;
use quittance_tests::{World, eventually, noise, run};
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use std::fs;

/// Longer than a player buffers.
const FILM: usize = 300_000;

/// Adds lines to a part's config file.
pub(crate) fn configure(world: &World, name: &str, lines: &str) {
    let path = world.config_path(name);
    let text = fs::read_to_string(&path).expect("the harness wrote it");
    fs::write(&path, text + lines).expect("ours");
}

/// Starts the control plane anew with node 0 in one zone, the others in another, and clients anywhere.
pub(crate) async fn divide(world: &mut World, gateways: [&[&str]; 2]) {
    let id = |node: usize| world.nodes[node].id;
    let zones = json!({
        "coverageZones": {
            "east": {
                "network": ["10.1.0.0/16"],
                "coordinates": { "latitude": 50, "longitude": 20 },
                "caches": [id(0)],
                "gateways": gateways[0],
            },
            "west": {
                "network": ["10.2.0.0/16"],
                "coordinates": { "latitude": 50, "longitude": 0 },
                "caches": [id(1), id(2)],
                "gateways": gateways[1],
            },
        },
    });
    let path = world.config.dir.join("zones.json");
    fs::write(&path, zones.to_string()).expect("ours");
    let lines = format!("zone_file = {path:?}\ntrusted_proxies = \"127.0.0.0/8\"\n");
    configure(world, "control", &lines);
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it takes the zone file");
    world.wait_for_nodes(3).await.expect("they join again");
}

async fn explained(world: &World, from: &str) -> RouteExplanation {
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let from = Some(from.parse().expect("an address"));
    api.explain("film", from).await.expect("it is published")
}

fn nodes(answer: &RouteExplanation) -> Vec<NodeId> {
    answer.nodes.iter().map(|node| node.node).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_go_to_the_closest_zone_that_has_nodes() {
    let mut world = World::start(3, |config| config.epoch_seconds = 20).await;
    let film = noise(40, FILM);
    world.publish_files("film", &[("a.bin", &film)]).await;
    divide(&mut world, [&[], &[]]).await;
    let [east, west, third] = [0, 1, 2].map(|node| world.nodes[node].id);

    let from_east = explained(&world, "10.1.7.7").await;
    assert_eq!(from_east.zone, "east");
    assert_eq!(nodes(&from_east)[0], east);
    assert_eq!(
        from_east.nodes.len(),
        3,
        "the others are there to fail over to"
    );
    assert!((1000..2000).contains(&from_east.nodes[1].distance_km.expect("on the map")));
    let from_west = explained(&world, "10.2.7.7").await;
    assert_eq!(nodes(&from_west)[2], east, "last");
    let nowhere = explained(&world, "192.0.2.1").await;
    assert_eq!(nowhere.zone, "default");
    let asked = ["route", "film", "--explain", "--from", "10.1.7.7"];
    let asked = [&asked[..], &["--control", &world.control_url]].concat();
    let told = run(&asked).await.ok();
    let told = String::from_utf8_lossy(&told.stdout);
    for words in [
        "zone east: 10.1.0.0/16 is a network of the zone",
        &east.short(),
        "sessions",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }

    // Each ticket's reason is kept, for who has the token.
    let raw = Raw::new(&world.control_url);
    let ticket = raw.route("film").await.nodes[1].ticket.peek();
    let token = world.token_path();
    let token = token.to_str().expect("UTF-8");
    let ticket = ticket.id.to_string();
    let asked = ["control", "why", &ticket, "--json", "--token-file", token];
    let asked = [&asked[..], &["--admin", &world.admin_url]].concat();
    let reason = run(&asked).await.ok().json();
    assert_eq!(
        (&reason["rank"], &reason["client_zone"]),
        (&json!(1), &json!("default"))
    );
    assert!(reason["bound"].as_u64() >= Some(64), "{reason}");

    // A lost zone's clients go to the closest that is left; nobody is sent to the dead.
    world.kill_node(0).await;
    eventually("the control plane to see it", async || {
        let answer = explained(&world, "10.1.7.7").await;
        (!nodes(&answer).contains(&east)).then_some(answer)
    })
    .await;
    let answer = explained(&world, "10.1.7.7").await;
    assert!([west, third].contains(&nodes(&answer)[0]));
    let why: Vec<_> = answer
        .passed_over
        .iter()
        .map(|passed| passed.why.as_str())
        .collect();
    assert_eq!(why, ["no node of the zone gets traffic"]);

    // It comes back at an address that nobody can dial: it joins, and gets no traffic.
    configure(&world, "node-0", "public_address = \"127.0.0.1:9\"\n");
    world.start_node(0).expect("it starts");
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    eventually("the control plane to dial back", async || {
        let nodes = api.nodes().await.expect("it answers");
        let node = nodes.into_iter().find(|node| node.node == east)?;
        let reason = node.reason.unwrap_or_default();
        (node.standing == "unproven" && reason.contains("127.0.0.1:9")).then_some(())
    })
    .await;
    assert!(!nodes(&explained(&world, "10.1.7.7").await).contains(&east));
    let log = world.config.dir.join("logs/node-0.log");
    eventually("its operator to be told", async || {
        let log = fs::read_to_string(&log).expect("a log");
        log.contains("sends no clients here").then_some(())
    })
    .await;
}

async fn redirected(world: &World, from: &str, path: &str) -> reqwest::Response {
    let never = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder()
        .redirect(never)
        .build()
        .expect("a client");
    let url = format!("{}/r/{path}", world.control_url);
    let answer = http.get(url).header("x-forwarded-for", from).send().await;
    answer.expect("it answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_are_redirected_and_steered() {
    let players = players().await;
    let mut world = World::start(3, |config| config.epoch_seconds = 20).await;
    let film = world.folder("film");
    make_film(&players.ffmpeg, &film).await;
    let bytes = noise(41, FILM);
    fs::write(film.join("a b.bin"), &bytes).expect("ours");
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=320x180\nindex.m3u8\n";
    fs::write(film.join("hls/master.m3u8"), master).expect("ours");
    fs::write(film.join("hls/tricky.m3u8"), "#EXTM3U\n../../x.ts\n").expect("ours");
    // A playlist that leads out of the package is published on purpose only.
    let token = world.token_path().display().to_string();
    let folder = film.display().to_string();
    let what = ["publish", &folder, "--name", "film", "--incomplete"];
    let to = ["--admin", &world.admin_url, "--token-file", &token];
    run(&[&what[..], &to].concat()).await.ok();
    let [one, two] = [
        GatewayProcess::start(&world, "gateway-1").await,
        GatewayProcess::start(&world, "gateway-2").await,
    ];
    let [first, second] = [&one, &two].map(|gateway| gateway.url.trim_end_matches('/').to_owned());
    divide(&mut world, [&[&first, &second], &[]]).await;

    // Whoever speaks HTTP: to a gateway near the client, and there to a node near it.
    let answer = eventually("the gateways to have answered", async || {
        let answer = redirected(&world, "10.1.0.9", "film/a%20b.bin").await;
        (answer.status() == 302).then_some(answer)
    })
    .await;
    let location = answer.headers()[LOCATION]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        location.starts_with(&first) || location.starts_with(&second),
        "{location}"
    );
    assert!(
        location.contains(&format!("/~{}/", world.nodes[0].id)),
        "{location}"
    );
    let got = reqwest::get(&location).await.expect("it answers");
    assert_eq!(
        got.headers()["quittance-node"],
        world.nodes[0].id.to_string()
    );
    assert!(got.bytes().await.expect("no failure") == bytes);
    let from_west = redirected(&world, "10.2.0.9", "film/a%20b.bin").await;
    let location = from_west.headers()[LOCATION].to_str().expect("ASCII");
    assert!(
        !location.contains(&world.nodes[0].id.to_string()),
        "{location}"
    );
    for (path, status) in [
        ("film/none.bin", 404),
        ("nothing/a.bin", 404),
        ("film/hls/tricky.m3u8", 422),
        ("film/../film/a.bin", 404),
    ] {
        assert_eq!(
            redirected(&world, "10.1.0.9", path).await.status(),
            status,
            "{path}"
        );
    }

    // Playlists name every pathway, and who ranks them.
    let text = redirected(&world, "10.1.0.9", "film/hls/master.m3u8").await;
    let text = text.text().await.expect("text");
    assert!(
        text.contains("#EXT-X-CONTENT-STEERING:SERVER-URI="),
        "{text}"
    );
    assert_eq!(text.matches("#EXT-X-STREAM-INF").count(), 3, "{text}");
    let steering = format!("{}/v1/steering/film", world.control_url);
    let steering: Value = world.get_json(&steering).await.expect("it answers");
    assert_eq!(
        (&steering["VERSION"], &steering["TTL"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(
        steering["PATHWAY-PRIORITY"].as_array().map(Vec::len),
        Some(3)
    );
    let text = redirected(&world, "10.1.0.9", "film/hls/index.m3u8").await;
    let text = text.text().await.expect("text");
    let absolute = text.lines().filter(|line| line.ends_with(".ts"));
    assert!(
        absolute.clone().count() > 10 && absolute.into_iter().all(|line| line.contains("/~0x"))
    );
    let text = redirected(&world, "10.1.0.9", "film/dash/manifest.mpd").await;
    let text = text.text().await.expect("text");
    assert!(text.contains("<BaseURL serviceLocation="), "{text}");

    // hls.js follows them; when a gateway goes, it moves on without a restart.
    let playlist = format!("{}/r/film/hls/master.m3u8", world.control_url);
    let mut browser = Browser::open(&players, &playlist);
    let state = browser.has("until", 1).await;
    let host = state["hosts"][0].as_str().expect("a host").to_owned();
    let (gone, stays) = if first.ends_with(&host) {
        (one, two)
    } else {
        (two, one)
    };
    gone.stop().await;
    let state = browser.has("until", 14).await;
    let hosts = state["hosts"].as_array().expect("hosts");
    assert_eq!(hosts.len(), 2, "{state}");
    assert!(
        stays.url.contains(hosts[1].as_str().expect("a host")),
        "{state}"
    );
    let again = redirected(&world, "10.1.0.9", "film/a%20b.bin").await;
    let location = again.headers()[LOCATION].to_str().expect("ASCII");
    assert!(stays.url.starts_with(&location[..20]), "{location}");
    stays.stop().await;
}

#[tokio::test]
async fn zone_files_that_are_wrong_are_refused_by_name() {
    let mut world = World::start(1, |_| {}).await;
    let path = world.config.dir.join("zones.json");
    configure(&world, "control", &format!("zone_file = {path:?}\n"));
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    let config = world.config_path("control");
    let config = config.to_str().expect("UTF-8");
    for (text, said) in [
        ("", "not a zone file"),
        (
            "{\"coverageZones\":{\"a\":{\"network\":[\"x\"]}}}",
            "not a network",
        ),
        (
            "{\"coverageZones\":{\"a\":{\"backupZones\":{\"list\":[\"b\"]}}}}",
            "no zone of this file",
        ),
    ] {
        fs::write(&path, text).expect("ours");
        let refused = run(&["control", "run", "--config", config]).await;
        refused.fails(&["zones.json", said]);
    }
    let location = format!("location_file = {path:?}\n");
    fs::write(&path, "{}").expect("ours");
    configure(&world, "control", &location);
    let refused = run(&["control", "run", "--config", config]).await;
    refused.fails(&["zones.json", "not a MaxMind DB"]);
}

/// How often the control plane took a changed map up, and how often it refused one.
async fn maps(world: &World) -> (u64, u64) {
    let taken_up = world.control_metric("quittance_control_maps_total").await;
    let refused = world.control_metric("quittance_control_maps_refused_total");
    (taken_up, refused.await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_zone_file_is_taken_up_and_a_bad_one_is_not() {
    let mut world = World::start(3, |config| config.epoch_seconds = 60).await;
    world
        .publish_files("film", &[("a.bin", &noise(44, 50_000))])
        .await;
    divide(&mut world, [&[], &[]]).await;
    let pid = world.control.as_ref().and_then(|control| control.pid());
    let zone_of = async |from: &str| explained(&world, from).await.zone;
    assert_eq!(zone_of("10.1.7.7").await, "east");

    // The networks change places. It goes on with the same process and the same connections.
    let path = world.config.dir.join("zones.json");
    let before = fs::read_to_string(&path).expect("it is there");
    let after = before
        .replace("10.1.0.0", "10.9.0.0")
        .replace("10.2.0.0", "10.1.0.0");
    assert_ne!(before, after);
    fs::write(&path, &after).expect("ours");
    eventually("the change to be taken up", async || {
        (zone_of("10.1.7.7").await == "west").then_some(())
    })
    .await;
    assert_eq!(zone_of("10.9.7.7").await, "east");
    assert_eq!(maps(&world).await, (1, 0));
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let nodes = api.nodes().await.expect("it answers");
    assert!(nodes.iter().all(|node| node.healthy), "{nodes:?}");

    // Not even JSON: what was there stays, and is said to.
    fs::write(&path, "{").expect("ours");
    eventually("the bad file to be refused", async || {
        (maps(&world).await == (1, 1)).then_some(())
    })
    .await;
    assert_eq!(zone_of("10.1.7.7").await, "west");

    // At once, where somebody asks for it.
    fs::write(&path, &before).expect("ours");
    let pid = pid.expect("it runs");
    let asked = std::process::Command::new("kill")
        .args(["-HUP", &pid.to_string()])
        .status();
    assert!(asked.expect("kill can be run").success());
    eventually("it to be back", async || {
        (zone_of("10.1.7.7").await == "east").then_some(())
    })
    .await;
    assert_eq!(
        world.control.as_ref().and_then(|control| control.pid()),
        Some(pid)
    );
    world.check().expect("all go on");
}
