//! How a network is, as its operator sees it: in a terminal, and on the page.

use client::ControlApi;
use host::Http;
use quittance_tests::page::Page;
use quittance_tests::players::players;
use quittance_tests::{World, eventually, noise, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const FILM: usize = 300_000;

/// A token that `quittance control token` makes, in a file.
async fn token(world: &World, name: &str, role: &[&str]) -> PathBuf {
    let dir = world.config.dir.join("control");
    let dir = ["--data-dir", dir.to_str().expect("UTF-8"), "--json"];
    let add = [&["control", "token", "add", name][..], role, &dir].concat();
    let made = run(&add).await.json();
    let path = world.folder("tokens").join(name);
    fs::write(&path, made["token"].as_str().expect("shown")).expect("ours");
    path
}

async fn ran(world: &World, token: &Path, args: &[&str]) -> quittance_tests::Ran {
    let to = ["--admin", &world.admin_url, "--token-file"];
    let to = [&to[..], &[token.to_str().expect("UTF-8")]].concat();
    run(&[args, &to].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_terminal_shows_what_the_network_does() {
    let mut world = World::start(2, |config| config.epoch_seconds = 20).await;
    let film = noise(60, FILM);
    world.publish_files("film", &[("a.bin", &film)]).await;
    let screen = token(&world, "screen", &["--role", "read"]).await;
    let out = world.folder("out");
    let out = out.to_str().expect("UTF-8");
    let get = ["get", "film", "--control", &world.control_url, "-o", out];
    run(&get).await.ok();

    let ids = [0, 1].map(|node| world.nodes[node].id);
    let status = async || {
        ran(&world, &screen, &["control", "status", "--json"])
            .await
            .json()
    };
    let seen = eventually("what was delivered to be told", async || {
        let seen = status().await;
        let traffic = seen["traffic"]["bytes"].as_u64()? >= FILM as u64;
        let tickets = seen["tickets"].as_array()?.iter();
        let redeemed: u64 = tickets.filter_map(|one| one["redeemed"].as_u64()).sum();
        (traffic && redeemed >= 1).then_some(seen)
    })
    .await;
    assert_eq!(seen["nodes_available"], 2, "{seen}");
    assert_eq!(seen["payers"][0]["registered"], true, "{seen}");
    let issued = seen["tickets"].as_array().expect("a list").iter();
    assert!(issued.filter_map(|one| one["issued"].as_u64()).sum::<u64>() >= 1);
    let told = ran(&world, &screen, &["control", "status"]).await.ok();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for words in [
        "2 of 2 nodes get traffic",
        "default",
        &ids[0].short(),
        "available",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }

    // A token is for what its role says, and an owner's for what is its own.
    let owner = [
        "--role",
        "owner",
        "--account",
        "0x00000000000000000000000000000000000000aa",
    ];
    let owner = token(&world, "studio", &owner).await;
    let drain = ["order", "drain", "--node", &ids[0].to_string()];
    ran(&world, &screen, &drain)
        .await
        .fails(&["403", "role read"]);
    ran(&world, &owner, &drain)
        .await
        .fails(&["403", "operator's"]);
    ran(&world, &owner, &["unpublish", "film"])
        .await
        .fails(&["403", "another owner's"]);
    let own = ran(&world, &owner, &["list", "--json"]).await.json();
    assert_eq!(own, json!([]));

    // Who is dead is seen, and so is what waits for it, by who watches.
    let mut watching = Command::new(quittance_tests::binary());
    let file = screen.to_str().expect("UTF-8");
    watching
        .args(["control", "status", "--watch", "--json"])
        .args(["--admin", &world.admin_url, "--token-file", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut watching = watching.spawn().expect("it can be started");
    let mut lines = BufReader::new(watching.stdout.take().expect("piped")).lines();
    world.kill_node(1).await;
    let operator = world.token_path();
    ran(&world, &operator, &["order", "purge", "film"])
        .await
        .ok();
    loop {
        let line = lines.next_line().await.expect("text").expect("it goes on");
        let seen: Value = serde_json::from_str(&line).expect("JSON");
        let nodes = seen["nodes"].as_array().expect("a list").iter();
        let down = nodes.filter(|node| node["standing"] == "down");
        let order = &seen["orders"][0];
        if down.count() == 1 && order["waiting_for"] == json!([ids[1]]) {
            break;
        }
    }
    let dir = world.config.dir.join("control");
    let dir = ["--data-dir", dir.to_str().expect("UTF-8")];
    let remove = [&["control", "token", "remove", "screen"][..], &dir].concat();
    run(&remove).await.ok();
    while lines.next_line().await.expect("text").is_some() {}
    let ended = watching.wait_with_output().await.expect("ours");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("401"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_a_node_that_dies() {
    let mut world = World::start(3, |config| config.epoch_seconds = 20).await;
    crate::routing::divide(&mut world, [&[], &[]]).await;
    let players = players().await;
    let screen = token(&world, "screen", &["--role", "read"]).await;
    let screen = fs::read_to_string(screen).expect("just written");
    let mut page = Page::open(&players, &world.admin_url);
    page.has("enter", "something else").await;
    let refused = page.has("until", "admin token of this control plane").await;
    assert_eq!(refused["nodes"], 0, "{refused}");
    let known = refused["errors"].as_array().expect("a list").len();
    page.has("enter", screen).await;
    let seen = page.has("until", "Every node has confirmed").await;
    assert_eq!(seen["nodes"], 3, "{seen}");
    let dead = world.nodes[0].id;
    world.kill_node(0).await;
    page.has("until", &*format!("{} in east is down", dead.short()))
        .await;
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    let nodes = api.nodes().await.expect("it answers");
    assert!(nodes.iter().any(|node| node.node == dead && !node.healthy));
    let found = page.has("filter", &*dead.short()).await;
    assert_eq!(found["nodes"], 1, "{found}");
    page.has("filter", "").await;
    world.start_node(0).expect("it starts");
    page.has("until", &*format!("{} in east is available", dead.short()))
        .await;
    // The control plane goes and comes, and the page with it.
    world
        .control
        .take()
        .expect("it runs")
        .kill()
        .await
        .expect("ours");
    page.has("until", "connection lost").await;
    world.start_control().await.expect("it starts");
    page.has("gone", "connection lost").await;
    for (scheme, width) in [
        ("light", 1440),
        ("dark", 1440),
        ("light", 390),
        ("dark", 390),
    ] {
        let look = json!({ "scheme": scheme, "width": width });
        let looked = page.has("look", look).await;
        assert_eq!(looked["wide"], 0, "{width} pixels are enough");
    }
    let last = page.has("until", "Orders outstanding").await;
    // What was refused, and what couldn't be reached, the browser itself notes.
    let errors = last["errors"].as_array().expect("a list");
    let ours = errors[known..].iter().filter(|error| {
        let text = error.as_str().expect("text");
        !text.starts_with("Failed to load resource")
    });
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&Value>::new());
    assert!(
        errors[..known]
            .iter()
            .all(|error| { error.as_str().expect("text").contains("401") })
    );
}
