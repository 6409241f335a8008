//! Content that stays at an HTTP origin: hashed once, filled from there by ranges, and never delivered changed.

use quittance_tests::origin::{Manners, Origin};
use quittance_tests::{Ran, World, eventually, noise, run};
use std::fs;
use std::path::Path;

const FILM: usize = (3 << 20) + 54_321;

fn film(seed: u64) -> Manners {
    Manners {
        bytes: noise(seed, FILM),
        tag: format!("\"{seed}\""),
        ..Manners::default()
    }
}

async fn publish(world: &World, url: &str, name: &str, more: &[&str]) -> Ran {
    let token = world.token_path().display().to_string();
    let to = ["--admin", &world.admin_url, "--token-file", &token];
    let what = ["publish", url, "--name", name, "--json"];
    run(&[&what[..], &to, more].concat()).await
}

async fn get(world: &World, name: &str, out: &Path) -> Ran {
    let out = out.to_str().expect("UTF-8");
    run(&["get", name, "--control", &world.control_url, "-o", out]).await
}

/// Bytes of contents in the control plane's store.
fn stored(world: &World) -> u64 {
    let blobs = world.config.dir.join("control/store/blobs");
    let shards = fs::read_dir(blobs).expect("the store is there");
    let files =
        shards.flat_map(|shard| fs::read_dir(shard.expect("readable").path()).expect("readable"));
    files
        .map(|file| file.expect("readable").metadata().expect("readable").len())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_at_its_origin_is_delivered_as_it_was_or_not_at_all() {
    let origin = Origin::start(film(91)).await;
    let other = Origin::start(film(92)).await;
    let allowed = format!("origins = \"{}\"\nprivate_origins = true\n", origin.url);
    let world = World::start(1, |config| {
        config.epoch_seconds = 60;
        config.control_config = allowed;
    })
    .await;
    let (url, out) = (
        format!("{}/films/the%20film.mp4?secret=x", origin.url),
        world.folder("out"),
    );

    // Reading it goes on where it broke off; the bytes stay there.
    origin.change(|manners| manners.breaks_at = Some(1_000_000));
    let published = publish(&world, &url, "film", &[]).await.json();
    assert_eq!(published["files"][0]["path"], "the film.mp4");
    assert_eq!(published["sealed"], true);
    let read = origin.sent();
    let expected = FILM as u64..FILM as u64 + (2 << 20);
    assert!(expected.contains(&read), "{read} bytes of {FILM} were read");
    origin.change(|manners| manners.breaks_at = None);
    get(&world, "film", &out).await.ok();
    let bytes = fs::read(out.join("the film.mp4")).expect("delivered");
    assert!(bytes == noise(91, FILM));
    assert_eq!(stored(&world), 0, "nothing of it is here");
    let hash = published["files"][0]["content"].as_str().expect("a hash");
    let cached = world.nodes[0]
        .dir
        .join("cache/blobs")
        .join(&hash[2..4])
        .join(&hash[2..]);
    assert!(
        fs::read(cached).expect("the node has it") != bytes,
        "sealed on its way"
    );
    let logs = fs::read_to_string(world.config.dir.join("logs/control.log"));
    assert!(!logs.expect("it logs").contains("secret"));

    // As it is, too, by another name.
    let open = publish(&world, &url, "open", &["--open"]).await.json();
    assert_eq!(open["files"][0]["content"], open["files"][0]["blake3"]);
    get(&world, "open", &out.join("open")).await.ok();

    // Refused: an origin without ranges, one that isn't listed, one that leads there.
    origin.change(|manners| manners.no_ranges = true);
    let refused = publish(&world, &url, "ranges", &[]).await;
    refused.fails(&["doesn't serve ranges", "publish a copy"]);
    origin.change(|manners| manners.no_ranges = false);
    let elsewhere = format!("{}/film.mp4", other.url);
    let refused = publish(&world, &elsewhere, "other", &[]).await;
    refused.fails(&["403", "is not among the origins"]);

    // One that changes after it was hashed: whether it says so or not, nothing of it is delivered.
    for (name, careless) in [("says", false), ("careless", true)] {
        origin.change(|manners| *manners = film(93));
        publish(&world, &url, name, &["--open"]).await.json();
        let token = world.token_path().display().to_string();
        let purge = [
            "order",
            "purge",
            name,
            "--wait",
            "--admin",
            &world.admin_url,
            "--token-file",
            &token,
        ];
        run(&purge).await.ok();
        origin.change(|manners| {
            *manners = film(94);
            manners.careless = careless;
        });
        let to = out.join(name);
        get(&world, name, &to).await.fails(&["no node delivers it"]);
        assert!(!to.join("the film.mp4").exists());
        // And the operator sees why.
        let show = ["show", name, "--json", "--control", &world.control_url];
        // The client may have given up before the fill that it waited for failed.
        let state = eventually("the origin's trouble to be shown", async || {
            let shown = run(&show).await.json();
            let state = shown["versions"][0]["origin"].clone();
            state["trouble"].is_string().then_some(state)
        })
        .await;
        assert_eq!(state["origin"].as_str(), Some(origin.url.as_str()));
        let trouble = state["trouble"].as_str().expect("it is text");
        assert!(trouble.contains("has changed /films/"), "{trouble}");
        if name == "says" {
            pushes_say_why(&world).await;
        }
        origin.change(|manners| *manners = film(93));
    }
}

/// So does whoever has it pushed, from the order itself.
async fn pushes_say_why(world: &World) {
    let token = world.token_path().display().to_string();
    let to = ["--admin", &world.admin_url, "--token-file", &token];
    let node = world.nodes[0].id.to_string();
    let push = ["order", "push", "says", "--node", &node, "--json"];
    let given = run(&[&push[..], &to].concat()).await.json();
    let id = given["id"].to_string();
    let why = "has changed /films/";
    eventually("the order to say why it isn't done", async || {
        let show = ["order", "show", &id, "--json"];
        let shown = run(&[&show[..], &to].concat()).await.json();
        let trouble = shown["nodes"][0]["trouble"].as_str()?.to_owned();
        trouble.contains(why).then_some(())
    })
    .await;
    let listed = run(&[&["order", "list"][..], &to].concat()).await.ok();
    let listed = String::from_utf8(listed.stdout).expect("text");
    let line = listed
        .lines()
        .find(|line| line.starts_with(&format!("{id}. push")));
    assert!(line.expect("it is listed").contains(why), "{listed}");
    // Or it is tried again for ever.
    let purge = ["order", "purge", "says", "--wait"];
    run(&[&purge[..], &to].concat()).await.ok();
}
