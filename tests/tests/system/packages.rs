//! Streaming packages, and versions under a name, as a publisher sees them.

use quittance_tests::{Ran, World, run};
use serde_json::{Value, json};
use std::fs;

/// The value of a field in each of a list.
fn all<'a>(list: &'a Value, field: &str) -> Vec<&'a Value> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| &one[field]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_are_whole_and_versions_are_listed() {
    let world = World::start(1, |config| config.epoch_seconds = 60).await;
    let folder = world.folder("film");
    let write = |path: &str, text: &str| fs::write(folder.join(path), text).expect("ours");
    write(
        "index.m3u8",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n",
    );
    write("low.m3u8", "#EXTM3U\n#EXTINF:2,\n0.ts\n#EXTINF:2,\n1.ts\n");
    write("0.ts", "zero");
    let (admin, token) = (&world.admin_url, world.token_path());
    let publish = async |more: &[&str]| -> Ran {
        let (path, token) = (
            folder.to_str().expect("UTF-8"),
            token.to_str().expect("UTF-8"),
        );
        let what = ["publish", path, "--admin", admin, "--token-file", token];
        run(&[&what[..], more].concat()).await
    };
    let show = async |what: &str, more: &[&str]| -> Ran {
        let what = ["show", what, "--control", &world.control_url];
        run(&[&what[..], more].concat()).await
    };

    publish(&[])
        .await
        .fails(&["1.ts, which low.m3u8 names", "--incomplete"]);
    show("film", &[]).await.fails(&["no collection"]);
    let lacking = publish(&["--incomplete", "--json"]).await.json();
    let kind = json!([{"format": "hls", "renditions": 1, "segments": 2}]);
    assert_eq!(lacking["kind"], kind);
    write("1.ts", "one");
    let whole = publish(&["--open", "--json"]).await.json();
    publish(&["--open"]).await.ok();

    let shown = show("film", &["--json"]).await.json();
    assert_eq!(shown["collection"], whole["collection"]);
    assert_eq!((&shown["kind"], &shown["sealed"]), (&kind, &json!(false)));
    let versions = &shown["versions"];
    // The same once more is no other version.
    let ids = [&lacking["collection"], &whole["collection"]];
    assert_eq!(all(versions, "collection"), ids);
    assert_eq!(all(versions, "current"), [&json!(false), &json!(true)]);
    assert_eq!(all(versions, "files"), [&json!(3), &json!(4)]);
    let times = all(versions, "published_at_ms");
    assert!(times[0].as_u64() <= times[1].as_u64(), "{times:?}");
    // By its id the old one is as it was.
    let id = lacking["collection"].as_str().expect("an id");
    let old = show(id, &["--json"]).await.json();
    assert_eq!((&old["collection"], &old["sealed"]), (ids[0], &json!(true)));
    let text = String::from_utf8(show("film", &[]).await.ok().stdout).expect("UTF-8");
    assert!(
        text.contains("HLS package, 1 rendition, 2 segments"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("current"), "{text}");
}
