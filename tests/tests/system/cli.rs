//! What goes wrong at the command line: a non-zero exit, one sentence that says what and what to do, and
//! nothing left half-written.

use host::Http;
use quittance_tests::raw::{Raw, fresh_key};
use quittance_tests::{Ran, Scratch, World, noise, run};
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a subcommand with one more config file, made from `lines`.
async fn with(scratch: &Path, command: &str, lines: &str) -> Ran {
    let path = scratch.join("config.toml");
    fs::write(&path, lines).expect("ours");
    let args: Vec<_> = command
        .split(' ')
        .chain(["--config", text(&path)])
        .collect();
    run(&args).await
}

#[tokio::test]
async fn what_is_typed_wrong_is_told() {
    let scratch = Scratch::new();
    let dir = scratch.path();
    let missing = dir.join("not-there");
    let token = dir.join("token");
    fs::write(&token, "secret").expect("ours");
    let (nowhere, token) = ("http://127.0.0.1:1", text(&token));

    // Flags, and what they are given.
    run(&["get"])
        .await
        .fails(&["required", "COLLECTION", "--help"]);
    run(&["pubish", "film"])
        .await
        .fails(&["unrecognized subcommand", "publish"]);
    run(&["get", "film", "--contrl", nowhere])
        .await
        .fails(&["--contrl", "--control"]);
    run(&["audit", "--epoch", "first"])
        .await
        .fails(&["first", "--epoch"]);
    run(&["node", "run", "--listen", "here"])
        .await
        .fails(&["here", "--listen"]);
    run(&["node", "run", "--settlement", "0x12"])
        .await
        .fails(&["0x12", "--settlement"]);
    run(&["get", "film"])
        .await
        .fails(&["--control", "QUITTANCE_CONTROL", "config file"]);
    run(&["get", "/a", "--control", nowhere])
        .await
        .fails(&["COLLECTION/PATH"]);
    run(&["get", "film", "--control", "somewhere"])
        .await
        .fails(&["somewhere"]);
    run(&["get", "film", "--control", nowhere])
        .await
        .fails(&["127.0.0.1:1", "cannot be reached"]);

    // Config files.
    let absent = text(&missing);
    run(&["get", "film", "--config", absent])
        .await
        .fails(&["config file", absent]);
    with(dir, "node run", "windw_mib = 1\n").await.fails(&[
        "config.toml",
        "unknown field",
        "windw_mib",
    ]);
    with(dir, "control run", "listen = \"here\"\n")
        .await
        .fails(&["config.toml", "listen"]);
    with(dir, "verifier run", "poll_ms = -1\n")
        .await
        .fails(&["config.toml", "poll_ms"]);
    with(dir, "node run", "data_dir = [\n")
        .await
        .fails(&["config.toml"]);

    // Keys and tokens.
    let publish = ["publish", token, "--admin", nowhere];
    run(&publish)
        .await
        .fails(&["token", "--token-file", "QUITTANCE_ADMIN_TOKEN"]);
    run(&[&publish[..], &["--token-file", absent]].concat())
        .await
        .fails(&["cannot read", absent]);
    let chain = [
        "--rpc",
        nowhere,
        "--settlement",
        "0x0000000000000000000000000000000000000001",
    ];
    let node = dir.join("node");
    let data = ["--data-dir", text(&node)];
    run(&[&["node", "init"][..], &data, &chain].concat())
        .await
        .fails(&["--eth-key-file", "QUITTANCE_ETH_KEY"]);
    let key = [&["node", "init"][..], &data, &chain, &["--eth-key-file"]].concat();
    run(&[&key[..], &[absent]].concat())
        .await
        .fails(&["cannot read the key file", absent]);
    run(&[&key[..], &[token]].concat())
        .await
        .fails(&["64 hexadecimal digits"]);
    run(&[&["node", "run"][..], &data, &chain].concat())
        .await
        .fails(&["node.key", "quittance node init"]);
    let control = ["control", "run", "--data-dir", text(&node)];
    run(&control)
        .await
        .fails(&["issuer.key", "quittance control init"]);
    fs::write(node.join("node.key"), "hello\n").expect("ours");
    let control = ["--control", nowhere];
    let served = [&control[..], &["--listen", "127.0.0.1:0"]].concat();
    let serve = [&["node", "run"][..], &data, &chain, &served].concat();
    run(&serve)
        .await
        .fails(&["node.key", "64 hexadecimal digits"]);

    // Chains that can't be reached.
    fs::write(node.join("node.key"), hex(fresh_key().as_bytes())).expect("ours");
    run(&serve)
        .await
        .fails(&["no EVM node answers", "127.0.0.1:1", "check"]);
    let odd = [
        &["node", "run"][..],
        &data,
        &chain[2..],
        &served,
        &["--rpc", "ftp://x"],
    ]
    .concat();
    run(&odd).await.fails(&["http"]);
    let small = ["--window-mib", "1", "--receipt-interval-mib", "4"];
    run(&[&serve[..], &small].concat())
        .await
        .fails(&["window", "interval"]);
    run(&[&["node", "run"][..], &data, &chain, &control].concat())
        .await
        .fails(&["can't dial 0.0.0.0", "--public-address"]);
    assert_eq!(names(&node), ["lock", "node.key"], "nothing was begun");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("it is there");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Every file below a folder, with its bytes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("readable");
            found.push((path, bytes));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_published_or_fetched_leaves_nothing() {
    let world = World::start(1, |_| {}).await;
    world
        .publish_files("show", &[("a", b"some"), ("c", b"more")])
        .await;
    let dir = world.folder("contents");
    let token = world.token_path();
    let (token, control) = (text(&token), world.control_url.as_str());
    let publish = async |path: &Path, name: &str, token: &str| {
        let to = ["--admin", &world.admin_url, "--token-file", token];
        let what = ["publish", text(path), "--name", name];
        run(&[&what[..], &to].concat()).await
    };
    let make = |name: &str| {
        let folder = dir.join(name);
        fs::create_dir_all(&folder).expect("ours");
        fs::write(folder.join("good"), "good").expect("ours");
        folder
    };

    publish(&dir.join("not-there"), "x", token)
        .await
        .fails(&["cannot read", "not-there"]);
    let empty = dir.join("empty");
    fs::create_dir_all(&empty).expect("ours");
    publish(&empty, "x", token)
        .await
        .fails(&["empty", "holds no files"]);
    let escaping = make("escaping");
    symlink("/etc/passwd", escaping.join("link")).expect("ours");
    publish(&escaping, "x", token)
        .await
        .fails(&["link", "not a regular file", "leave it out"]);
    let up = make("up");
    symlink("..", up.join("folder")).expect("ours");
    publish(&up, "x", token)
        .await
        .fails(&["folder", "not a regular file"]);
    let odd = make("odd");
    fs::write(odd.join("a\\b"), "").expect("ours");
    publish(&odd, "x", token).await.fails(&["path"]);
    let line = make("line");
    fs::write(line.join("a\nb"), "").expect("ours");
    publish(&line, "x", token).await.fails(&["path"]);
    let good = make("good");
    publish(&good, "../x", token).await.fails(&["name"]);
    let wrong = dir.join("wrong.token");
    fs::write(&wrong, "wrong").expect("ours");
    let api = client::ControlApi::over(&Http::system(), control).expect("a URL");
    let collections = api.collections().await.expect("it answers");
    assert_eq!(collections.len(), 1, "none of these was published");

    let out = world.folder("out");
    let target = out.join("file");
    let get = async |what: &str, to: &Path| {
        run(&["get", what, "--control", control, "-o", text(to)]).await
    };
    get("nothing", &target)
        .await
        .fails(&["404", "no collection", "nothing"]);
    get("show/b", &target).await.fails(&["no file", "\"b\""]);
    get("show/../a", &target).await.fails(&["no file"]);
    run(&["get", "show", "--control", control, "-o", "-"])
        .await
        .fails(&["one file", "COLLECTION/PATH"]);
    run(&["get", "show/a", "--control", control, "--json", "-o", "-"])
        .await
        .fails(&["--json", "choose one"]);
    // A file where a folder should be, and the other way round.
    let kept = out.join("kept");
    fs::write(&kept, "kept").expect("ours");
    get("show", &kept).await.fails(&["kept"]);
    get("show/a", &out).await.fails(&["out"]);
    assert_eq!(names(&out), ["kept"]);
    assert_eq!(fs::read_to_string(&kept).expect("there"), "kept");
    // An epoch nobody attested can't be judged.
    let unattested = world.audit(1 << 40, &world.verifier_url).await;
    assert_eq!(unattested.code, 2, "{}", unattested.stderr);

    // The message must name the token, or nobody knows what to correct.
    publish(&good, "x", text(&wrong))
        .await
        .fails(&["401", "admin token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_s_folder_is_for_one_process() {
    let world = World::start(1, |_| {}).await;
    let node = world.config_path("node-0");
    // Another port, the same folder, and not one receipt yet: the cache alone must not be shared.
    let second = [
        "node",
        "run",
        "--config",
        text(&node),
        "--listen",
        "127.0.0.1:0",
    ];
    run(&second)
        .await
        .fails(&["in use by another process", "stop"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_run_says_why() {
    let mut world = World::start(1, |config| config.epoch_seconds = 40).await;
    world.publish_files("show", &[("a", &noise(31, 100))]).await;
    world.epoch_with(30).await;
    let (node, control) = (world.config_path("node-0"), world.config_path("control"));
    let (node, control) = (text(&node), text(&control));
    let run_node =
        async |more: &[&str]| run(&[&["node", "run", "--config", node], more].concat()).await;

    // Whatever runs is in the way of a second one.
    let other = world.folder("another-folder");
    fs::copy(world.nodes[0].dir.join("node.key"), other.join("node.key"))
        .expect("the node has one");
    run_node(&["--data-dir", text(&other)])
        .await
        .fails(&["in use", &world.nodes[0].address]);
    run(&["control", "run", "--config", control])
        .await
        .fails(&["in use by another control plane"]);
    let verifier = world.config_path("verifier");
    run(&["verifier", "run", "--config", text(&verifier)])
        .await
        .fails(&["in use by another verifier"]);

    // A receipt whose loss would be noticed.
    let (_connection, mut session) = Raw::new(&world.control_url).ready("show").await;
    let receipt = session.receipt(1, 100);
    assert_eq!(session.sign(receipt).await, Ok(1));
    let epoch = session.ticket.id.epoch;
    run_node(&["--listen", "127.0.0.1:0"])
        .await
        .fails(&["in use by another process", "stop"]);
    world.kill_node(0).await;

    // The chain.
    run_node(&["--chain-id", "1"])
        .await
        .fails(&["31337", "not 1", "chain id"]);
    let nobody = "0x00000000000000000000000000000000000000ff";
    run_node(&["--settlement", nobody])
        .await
        .fails(&["no contract", "ff", "check"]);
    let token = world.deployment.token.to_string();
    run_node(&["--settlement", &token])
        .await
        .fails(&["contract"]);
    let other = world.folder("other-node");
    fs::write(other.join("node.key"), hex(fresh_key().as_bytes())).expect("ours");
    run_node(&["--data-dir", text(&other)])
        .await
        .fails(&["not registered", "quittance node init"]);
    assert_eq!(names(&other), ["lock", "node.key"], "nothing was begun");

    // Ports.
    let taken = UdpSocket::bind(&world.nodes[0].address).expect("the node is gone");
    run_node(&[])
        .await
        .fails(&["in use", &world.nodes[0].address]);
    drop(taken);
    let stopped = world.control.take().expect("it runs").stop().await;
    assert!(stopped.expect("it ends when told to").success());
    let listen = world.control_url.trim_start_matches("http://");
    let taken = TcpListener::bind(listen).expect("it is gone");
    run(&["control", "run", "--config", control])
        .await
        .fails(&["cannot listen", listen]);
    drop(taken);
    world.start_control().await.expect("it comes up again");

    // The journal.
    let receipts = world.nodes[0].dir.join("receipts");
    let sound = contents(&receipts);
    let log = receipts.join(format!("epoch-{epoch}.log"));
    let garbage = |path: &Path| {
        let length = fs::metadata(path).expect("there").len() as usize;
        fs::write(path, noise(32, length)).expect("ours");
    };
    for damage in ["garbage", "emptied", "removed"] {
        match damage {
            "garbage" => garbage(&log),
            "emptied" => fs::write(&log, "").expect("ours"),
            _ => fs::remove_file(&log).expect("ours"),
        }
        run_node(&[])
            .await
            .fails(&["journal", "damaged", "restore it from a backup"]);
        // As from a backup.
        fs::remove_dir_all(&receipts).expect("ours");
        for (path, bytes) in &sound {
            fs::create_dir_all(path.parent().expect("in a folder")).expect("ours");
            fs::write(path, bytes).expect("ours");
        }
    }
    world.start_node(0).expect("it starts");
    let sealed = world.segment(0, epoch).await;
    let segment = protocol::Segment::from_bytes(&sealed).expect("a segment");
    let kept = segment.records().iter().map(|record| record.receipt);
    assert_eq!(kept.collect::<Vec<_>>(), [receipt]);
}
