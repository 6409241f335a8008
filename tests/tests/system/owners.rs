//! Owners among each other: what one has handed in, another can't publish without having it itself.

use contracts::{PrivateKeySigner, U256};
use quittance_tests::origin::{Manners, Origin};
use quittance_tests::{Ran, World, eventually, noise, run};
use std::fs;
use std::path::PathBuf;

const FILM: usize = 300_000;

/// An owner with an account that deposited.
struct Owner {
    token: PathBuf,
    folder: PathBuf,
    admin_url: String,
}

impl Owner {
    /// Whose key has that byte 32 times.
    async fn new(world: &World, name: &str, byte: u8) -> Self {
        let folder = world.folder(name);
        let key: String = [byte; 32]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let signer: PrivateKeySigner = key.parse().expect("it is a key");
        let account = signer.address().to_string();
        let key_file = folder.join("key");
        fs::write(&key_file, &key).expect("ours");
        let ether = ["rpc", "anvil_setBalance", &account, "0xde0b6b3a7640000"];
        world.cast(&ether).await;
        let units = 10u128.pow(20);
        let deployer = world.chain_as("deployer").await.expect("it answers");
        let given = deployer.transfer_token(signer.address(), U256::from(units));
        given.await.expect("the deployer has some");
        let settlement = world.deployment.settlement.to_string();
        let fund = [
            "contracts",
            "fund",
            &units.to_string(),
            "--rpc",
            &world.rpc,
            "--settlement",
            &settlement,
            "--eth-key-file",
            key_file.to_str().expect("UTF-8"),
        ];
        run(&fund).await.ok();
        let dir = world.config.dir.join("control");
        let dir = dir.to_str().expect("UTF-8");
        let add = ["control", "token", "add", name, "--role", "owner", "--json"];
        let add = [&add[..], &["--account", &account, "--data-dir", dir]].concat();
        let made = run(&add).await.json();
        let token = folder.join("token");
        fs::write(&token, made["token"].as_str().expect("shown")).expect("ours");
        Self {
            token,
            folder,
            admin_url: world.admin_url.clone(),
        }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.join(name);
        fs::write(&path, bytes).expect("ours");
        path.to_str().expect("UTF-8").to_owned()
    }

    async fn publish(&self, what: &str, name: &str) -> Ran {
        let to = ["--admin", &self.admin_url, "--token-file"];
        let token = self.token.to_str().expect("UTF-8");
        let publish = ["publish", what, "--open", "--name", name, "--json"];
        run(&[&publish[..], &to, &[token]].concat()).await
    }

    /// Puts what another has published under a name of its own, by its manifest, which everybody may read.
    async fn take(&self, world: &World, theirs: &str, name: &str) -> (u16, String) {
        let http = reqwest::Client::new();
        let url = format!("{}/v1/collections/{theirs}/manifest", world.control_url);
        let manifest = http.get(url).send().await.expect("it answers");
        let manifest = manifest.bytes().await.expect("it is there");
        let digits: String = manifest.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = serde_json::json!({ "name": name, "manifest": format!("0x{digits}") });
        let token = fs::read_to_string(&self.token).expect("ours");
        let post = http.post(format!("{}/v1/collections", self.admin_url));
        let answer = post.bearer_auth(token.trim()).json(&request).send();
        let answer = answer.await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("text"))
    }
}

async fn restart_control(world: &mut World) {
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it starts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_publishes_what_it_has_and_not_what_it_knows_the_hash_of() {
    let anna_origin = Origin::start(Manners {
        bytes: noise(71, FILM),
        tag: "\"1\"".into(),
        ..Manners::default()
    })
    .await;
    let bert_origin = Origin::start(Manners {
        bytes: noise(71, FILM),
        tag: "\"1\"".into(),
        ..Manners::default()
    })
    .await;
    let allowed = format!(
        "origins = \"{}, {}\"\nprivate_origins = true\n",
        anna_origin.url, bert_origin.url
    );
    let mut world = World::start(1, |config| {
        config.epoch_seconds = 60;
        config.control_config = allowed;
    })
    .await;
    let anna = Owner::new(&world, "anna", 0x41).await;
    let bert = Owner::new(&world, "bert", 0x42).await;

    let film = noise(70, FILM);
    let published = anna.publish(&anna.file("film", &film), "film").await.json();
    let content = published["files"][0]["content"].as_str().expect("a hash");
    let uploaded = "quittance_control_uploaded_bytes_total";
    assert_eq!(world.control_metric(uploaded).await, FILM as u64);

    // Not even after a death of who keeps whose it is.
    restart_control(&mut world).await;
    let (status, said) = bert.take(&world, "film", "theft").await;
    assert_eq!(status, 409, "{said}");
    assert!(said.contains("upload these contents first") && said.contains(content));
    // Who has it publishes it: its bytes are looked at, and kept once.
    let mine = bert.publish(&bert.file("copy", &film), "copy").await.json();
    assert_eq!(mine["files"][0]["content"], content);
    assert_eq!(world.control_metric(uploaded).await, 0, "since the restart");
    restart_control(&mut world).await;
    let (status, said) = bert.take(&world, "film", "now").await;
    assert_eq!(status, 201, "{said}");

    // A folder from before it was kept who handed in what: whose name has it, has it.
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    let log = world.config.dir.join("control/handed-in.log");
    fs::remove_file(log).expect("it is there");
    world.start_control().await.expect("it starts");
    for (owner, name) in [(&anna, "still-annas"), (&bert, "still-berts")] {
        let (status, said) = owner.take(&world, "film", name).await;
        assert_eq!(status, 201, "{said}");
    }

    // What stays at an origin, and isn't filled before that is asked for.
    world.kill_node(0).await;
    let url = format!("{}/film.mp4", anna_origin.url);
    anna.publish(&url, "far").await.json();
    let (status, said) = bert.take(&world, "far", "theft").await;
    assert_eq!(status, 409, "{said}");
    let other_url = format!("{}/film.mp4", bert_origin.url);
    bert.publish(&other_url, "near").await.json();
    let control_url = world.control_url.clone();
    let origin = async |name: &str| {
        let show = ["show", name, "--json", "--control", &control_url];
        let shown = run(&show).await.json();
        shown["versions"][0]["origin"].clone()
    };
    // Another's is not replaced while it fills; when it doesn't any more, it is.
    assert_eq!(origin("near").await["origin"], anna_origin.url);
    anna_origin.change(|manners| manners.tag = "\"2\"".into());
    world.start_node(0).expect("it starts");
    world.wait_for_nodes(1).await.expect("it joins");
    let out = world.folder("out");
    let get = ["get", "near", "--control", &world.control_url, "-o"];
    let get = [&get[..], &[out.to_str().expect("UTF-8")]].concat();
    run(&get).await.fails(&["no node delivers it"]);
    eventually("the origin's trouble to be known", async || {
        origin("near").await["trouble"].is_string().then_some(())
    })
    .await;
    bert.publish(&other_url, "near").await.json();
    assert_eq!(origin("far").await["origin"], bert_origin.url);
    run(&get).await.ok();
    assert!(fs::read(out.join("film.mp4")).expect("delivered") == noise(71, FILM));
}
