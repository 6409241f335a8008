//! Sealed content: nodes deliver what they can't read, and who has a ticket can.

use client::ControlApi;
use host::Http;
use quittance_tests::{World, eventually, noise, run};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Stands every [`MARKED_EVERY`] bytes of what is published here, and nowhere else.
const MARK: &[u8; 32] = b"readable-by-nobody-but-viewers-7";
const MARKED_EVERY: usize = 1024;
/// More than the node's window, and no whole number of groups.
const FILM: usize = (5 << 20) + 4321;

/// Noise with marks in it: each is somewhere else in its AES block.
fn film(seed: u64, mark: &[u8]) -> Vec<u8> {
    let mut bytes = noise(seed, FILM);
    for (number, at) in (0..FILM - 2 * MARKED_EVERY)
        .step_by(MARKED_EVERY)
        .enumerate()
    {
        let at = at + number % MARKED_EVERY;
        bytes[at..at + mark.len()].copy_from_slice(mark);
    }
    bytes
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Every file below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the test's network") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The files below a folder that hold these bytes.
fn files_with(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = files_below(folder);
    found.retain(|path| holds(&fs::read(path).expect("readable"), needle));
    found
}

/// Where in a process these bytes are: in the files that it has mapped, and in what of its memory can be read.
fn memory_with(pid: u32, needle: &[u8]) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("its memory may be read");
    let mut found = Vec::new();
    let mut searched = 0;
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (range, mode) = (
            fields.next().expect("a range"),
            fields.next().expect("a mode"),
        );
        let (from, to) = range.split_once('-').expect("a range");
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).expect("hexadecimal"));
        let mapped = fields.nth(3).filter(|path| path.starts_with('/'));
        if let Some(path) = mapped
            && fs::read(path).is_ok_and(|bytes| holds(&bytes, needle))
        {
            found.push(path.to_owned());
        }
        if !mode.starts_with('r') {
            continue;
        }
        let mut bytes = vec![0; (to - from) as usize];
        // What the kernel keeps for itself, as [vvar], can't be.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            searched += bytes.len();
            if holds(&bytes, needle) {
                found.push(line.to_owned());
            }
        }
    }
    assert!(
        searched > 1 << 20,
        "{searched} bytes of its memory were read"
    );
    found
}

/// The whole of a collection, by `quittance get`.
async fn got(world: &World, name: &str, out: &Path) -> Value {
    let (control, out) = (&world.control_url, out.to_str().expect("UTF-8"));
    run(&["get", name, "--control", control, "--json", "-o", out])
        .await
        .json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_never_holds_plaintext() {
    let world = World::start(1, |config| config.epoch_seconds = 60).await;
    let open_mark = b"readable-by-everybody-there-is-7";
    let (sealed, open) = (film(71, MARK), film(72, open_mark));
    let published = world.publish_files("sealed", &[("film.ts", &sealed)]).await;
    world
        .publish_files_with("open", &[("film.ts", &open)], &["--open"])
        .await;
    let out = world.folder("out");
    for (name, bytes) in [("sealed", &sealed), ("open", &open)] {
        got(&world, name, &out.join(name)).await;
        let delivered = fs::read(out.join(name).join("film.ts")).expect("delivered");
        assert!(delivered == *bytes, "{name}");
    }
    let (node, pid) = {
        let slot = &world.nodes[0];
        let pid = slot.process.as_ref().and_then(testnet::Process::pid);
        (slot.dir.clone(), pid.expect("it runs"))
    };
    assert_eq!(files_with(&node, MARK), Vec::<PathBuf>::new());
    assert_eq!(memory_with(pid, MARK), Vec::<String>::new());
    let control = world.config.dir.join("control");
    assert_eq!(files_with(&control, MARK), Vec::<PathBuf>::new());
    // Who searches like this finds what is there: content that is open, and what the node was started with.
    assert!(!files_with(&node, open_mark).is_empty());
    assert!(!files_with(&control, open_mark).is_empty());
    assert!(!memory_with(pid, b"--config").is_empty());

    // Nor a key; the control plane has it where nobody else may read it, and says nothing of it.
    let keys = control.join("seal-keys.json");
    let mode = fs::metadata(&keys)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&keys).expect("ours");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    let digits = kept["keys"][0]["key"].as_str().expect("a key");
    let digits = digits.trim_start_matches("0x");
    let raw: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect();
    for needle in [digits.as_bytes(), &raw] {
        assert_eq!(files_with(&node, needle), Vec::<PathBuf>::new());
        assert_eq!(memory_with(pid, needle), Vec::<String>::new());
        let logs = world.config.dir.join("logs");
        assert_eq!(files_with(&logs, needle), Vec::<PathBuf>::new());
    }
    assert_eq!(files_with(&control, digits.as_bytes()), [keys]);
    assert_eq!(published.files[0].size, FILM as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_share_what_is_unchanged_until_a_fresh_key_and_a_part_is_continued() {
    let mut world = World::start(1, |config| config.epoch_seconds = 60).await;
    let (first, second, third) = (noise(1, FILM), noise(2, 50_000), noise(3, 50_000));
    let old = world
        .publish_files("show", &[("a", &first), ("b", &second)])
        .await;
    let again = world
        .publish_files("show", &[("a", &first), ("b", &second)])
        .await;
    assert_eq!(again.collection, old.collection, "nothing has changed");
    let new = world
        .publish_files("show", &[("a", &first), ("b", &third)])
        .await;
    assert_eq!(new.files[0].content, old.files[0].content);
    assert_ne!(new.files[1].content, old.files[1].content);
    assert_ne!(new.files[0].content, new.files[0].blake3);
    let fresh = ["--fresh-key"];
    let files: [(&str, &[u8]); 2] = [("a", &first), ("b", &third)];
    let rekeyed = world.publish_files_with("show", &files, &fresh).await;
    assert_ne!(rekeyed.files[0].content, new.files[0].content);

    // Each version opens with its own key, also after the control plane died.
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it starts again");
    let api = ControlApi::over(&Http::system(), &world.control_url).expect("a URL");
    eventually("the node to be back", async || {
        let nodes = api.nodes().await.unwrap_or_default();
        nodes.iter().any(|node| node.healthy).then_some(())
    })
    .await;
    let out = world.folder("out");
    for (version, b) in [(&old, &second), (&new, &third), (&rekeyed, &third)] {
        let (id, folder) = (
            version.collection.to_string(),
            out.join(version.collection.short()),
        );
        fs::create_dir_all(&folder).expect("ours");
        // The beginning that an earlier run left is not fetched again.
        fs::write(folder.join("a.part"), &first[..3 << 20]).expect("ours");
        let got = got(&world, &id, &folder).await;
        assert!(fs::read(folder.join("a")).expect("there") == first);
        assert!(fs::read(folder.join("b")).expect("there") == *b);
        let bytes = got["bytes"].as_u64().expect("a number");
        assert_eq!(bytes, (FILM - (3 << 20) + b.len()) as u64);
    }

    // Unpublished, its keys are gone.
    let token = world.config.dir.join("control/admin.token");
    let to = ["--admin", &world.admin_url, "--token-file"];
    let what = [
        &["unpublish", "show"],
        &to[..],
        &[token.to_str().expect("UTF-8")],
    ]
    .concat();
    run(&what).await.ok();
    eventually("the keys to be destroyed", async || {
        let keys = world.config.dir.join("control/seal-keys.json");
        let text = fs::read_to_string(keys).expect("it is there");
        (!text.contains("show")).then_some(())
    })
    .await;
}
