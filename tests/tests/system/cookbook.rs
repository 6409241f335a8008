//! `docs/contract-cookbook.md`: every snippet as it stands there, run against a network that delivered and paid; what
//! each prints is what the network did.

use protocol::{DeliveryMass, NodeLeaf, Roots, TicketId, reward};
use quittance_tests::raw::Raw;
use quittance_tests::{World, binary, noise, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;
use toolchain::{Libraries, Toolchain};

const COOKBOOK: &str = include_str!("../../../docs/contract-cookbook.md");
/// The longest that a snippet may take on a busy machine.
const END: Duration = Duration::from_secs(60);

/// A fenced snippet that has a name.
struct Snippet {
    name: String,
    language: String,
    text: String,
}

/// All of them, in the order of the page.
fn snippets(page: &str) -> Vec<Snippet> {
    let mut found: Vec<Snippet> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some("") => open = false,
            Some(info) => {
                let (language, name) = info.split_once(" name=").unwrap_or((info, ""));
                let is_code = ["sh", "js"].contains(&language);
                assert!(
                    !is_code || !name.is_empty(),
                    "no name, so nobody runs it: {line}"
                );
                open = is_code;
                if is_code {
                    found.push(Snippet {
                        name: name.to_owned(),
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
            }
            None if open => {
                let snippet = found.last_mut().expect("it was opened");
                snippet.text.push_str(line);
                snippet.text.push('\n');
            }
            None => {}
        }
    }
    found
}

/// Where snippets run: a folder with the libraries, and an environment as a reader would have it.
struct Kitchen {
    dir: PathBuf,
    environment: Vec<(&'static str, String)>,
    setups: BTreeMap<String, String>,
}

impl Kitchen {
    fn set(&mut self, name: &str, value: &str) {
        let variables = self.environment.iter_mut();
        let found = { variables }.find(|(of, _)| *of == name);
        found.expect("it is set").1 = value.to_owned();
    }

    /// What a snippet prints, or how it fails.
    async fn run(&self, snippet: &Snippet) -> Result<String, String> {
        let mut command;
        if snippet.language == "sh" {
            command = Command::new("bash");
            command.args(["-euo", "pipefail", "-c", &snippet.text]);
        } else {
            let (library, _) = snippet.name.split_once('-').expect("LIBRARY-WHAT");
            let file = self.dir.join(format!("{}.mjs", snippet.name));
            let setup = &self.setups[library];
            fs::write(&file, format!("{setup}\n{}", snippet.text)).expect("ours");
            command = Command::new("node");
            command.arg(file);
        }
        command.current_dir(&self.dir).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let name = &snippet.name;
        let out = timeout(END, command.kill_on_drop(true).output()).await;
        let out = out.unwrap_or_else(|_| panic!("{name} goes on after {} s", END.as_secs()));
        let out = out.unwrap_or_else(|error| panic!("{name} can't be run: {error}"));
        let said = String::from_utf8_lossy(&out.stderr);
        let printed = String::from_utf8_lossy(&out.stdout);
        match out.status.success() {
            true => Ok(printed.trim_end().to_owned()),
            false => Err(format!("{name} failed: {printed}{said}")),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// A network whose node 0 claimed, and whose verifier and nodes then stopped: nothing changes any more.
async fn settled() -> (World, u64, TicketId) {
    let mut world = World::start(2, |_| {}).await;
    world
        .publish_files("show", &[("a", &noise(61, 5000))])
        .await;
    let epoch = world.epoch_with(5).await;
    let raw = Raw::new(&world.control_url);
    let mut ticket = None;
    for node in [0, 1] {
        let routed = raw.route("show").await.nodes;
        let mut of_node = routed.iter().filter(|one| one.node == world.nodes[node].id);
        let routed = of_node.next().expect("both nodes hold it");
        let connection = raw.connect(routed.node, &routed.address).await;
        let session = raw.session(&connection, routed.ticket).await;
        let mut session = session.expect("a fresh ticket is good");
        let receipt = session.receipt(1, 4000 + node as u64);
        assert_eq!(session.sign(receipt).await, Ok(1));
        assert_eq!(session.ticket.id.epoch, epoch, "the epoch was too short");
        ticket.get_or_insert(session.ticket.id);
    }
    world.active(epoch).await;
    let config = text(&world.config_path("node-0"));
    let claim = ["node", "claim", "--json", "--verifier", &world.verifier_url];
    let claim = [&claim[..], &["--config", &config]].concat();
    let claimed = run(&claim).await.json();
    assert_ne!(claimed["amount"], "0", "{claimed}");
    // What is attested meanwhile may be no news to a reader of the chain.
    let stopped = world.verifier.take().expect("it runs").stop().await;
    assert!(stopped.expect("it ends when told to").success());
    (world, epoch, ticket.expect("there are two"))
}

/// What a snippet printed, whichever tool did: its words, without what is notation.
fn words(printed: &str) -> Vec<String> {
    let apart = |c: char| c.is_whitespace() || "[](){},'\"".contains(c);
    let words = printed.split(apart).filter(|word| !word.is_empty());
    let plain = |word: &str| {
        let word = word.to_lowercase();
        let word = word.strip_prefix("0x").unwrap_or(&word);
        // JavaScript's mark of a large integer.
        let number = word
            .strip_suffix('n')
            .filter(|digits| digits.parse::<u128>().is_ok());
        number.unwrap_or(word).to_owned()
    };
    words.map(plain).collect()
}

/// What the network did, by what is asked: for `cast`, and for the libraries.
async fn facts(world: &World, epoch: u64) -> BTreeMap<&'static str, [String; 2]> {
    let chain = world.chain();
    let attested = chain.attestation_tx(epoch).await.expect("anvil answers");
    let roots = attested.expect("it is attested").roots;
    let stands = chain.attestation(epoch).await.expect("anvil answers");
    let stands = stands.expect("the contract keeps it");
    let leaf = world.evidence(epoch).await.tree.leaves[0];
    let parameters = chain.parameters();
    let node = chain.nodes().await.expect("anvil answers").remove(0);
    let claimed = chain.claimed(0).await.expect("anvil answers");
    let settled = chain.settled().await.expect("anvil answers");
    let settled = settled.expect("a claim settles").epoch;
    let next = chain.next_epoch().await.expect("anvil answers");
    assert_eq!(
        claimed.to::<u128>(),
        leaf.reward,
        "node 0 has all it earned"
    );
    assert!(leaf.mass.bytes() > 0 && leaf.reward > 0);

    let gib = DeliveryMass::new(1 << 30, 0, 0).expect("it fits");
    let worth = reward(&parameters.terms(), gib, 750_000).expect("it fits");
    let (registry, vault, token) = (chain.registry(), chain.vault(), chain.token());
    let (digest, total, active_at) = (stands.digest, stands.total, stands.active_at);
    let Roots {
        nodes,
        bills,
        charges,
        evidence,
    } = roots;
    let NodeLeaf {
        index,
        mass,
        sla_ppm,
        ..
    } = leaf;
    let (bytes, deliveries, within) = (mass.bytes(), mass.deliveries(), mass.within());
    let (amount, payout) = (leaf.reward, node.payout);
    let (floor, ttfb) = (parameters.sla_floor_ppm, parameters.ttfb_ms_max);
    let (throughput, price) = (parameters.throughput_min, parameters.price_per_gib);

    let both = |text: String| [text.clone(), text];
    let stated = format!("{next} 2 {digest} {total} {active_at}");
    let line = format!("{index} {bytes} {deliveries} {within} {sla_ppm} {amount}");
    BTreeMap::from([
        ("addresses", both(format!("{registry} {vault} {token}"))),
        // The only verifier has the first bit.
        ("epoch", [format!("{stated} {epoch} 1"), stated]),
        (
            "roots",
            both(format!("{nodes} {bills} {charges} {evidence} {digest}")),
        ),
        (
            "terms",
            both(format!("{floor} {ttfb} {throughput} {price}")),
        ),
        ("score", both("750000".to_owned())),
        ("rewards", both(format!("{worth} {claimed} {payout}"))),
        ("claimable", both("0".to_owned())),
        (
            "line",
            [format!("{line} true"), format!("{line} true false")],
        ),
        (
            "receipt",
            [
                format!("{bytes} {deliveries} 1 1"),
                "verifyReceipt true false".to_owned(),
            ],
        ),
        (
            "claims",
            [
                amount.to_string(),
                format!("{index} {payout} {amount} {amount}"),
            ],
        ),
        ("watch", both(settled.to_string())),
        ("errors", both(format!("NotAttested 1000000 {next}"))),
    ])
}

async fn kitchen(world: &World, snippets: &[Snippet], epoch: u64, ticket: TicketId) -> Kitchen {
    let ready = || (Toolchain::ensure(), Libraries::ensure());
    let ready = disk::run(ready).await;
    let (tools, libraries) = (ready.0.expect("the tools"), ready.1.expect("the libraries"));
    let dir = world.folder("kitchen");
    symlink(libraries.modules(), dir.join("node_modules")).expect("ours");
    let abi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/artifacts");
    // Where the pinned tools are, and this build's binary; then what the reader has.
    let own = [
        tools.modules().join(".bin"),
        binary().parent().expect("in a folder").to_owned(),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)));
    let path = path.expect("no colons").to_str().expect("UTF-8").to_owned();
    let setups = snippets.iter().filter_map(|snippet| {
        let library = snippet.name.strip_suffix("-setup")?;
        Some((library.to_owned(), snippet.text.clone()))
    });
    Kitchen {
        setups: setups.collect(),
        environment: vec![
            ("RPC", world.rpc.clone()),
            ("SETTLEMENT", world.deployment.settlement.to_string()),
            ("ABI", text(&abi)),
            (
                "EVIDENCE",
                text(&world.config.dir.join("verifier/evidence")),
            ),
            ("EPOCH", epoch.to_string()),
            ("NODE", "0".to_owned()),
            (
                "TICKET",
                format!("{epoch}:{}:{}", ticket.issuer, ticket.index),
            ),
            ("PATH", path),
        ],
        dir,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_snippet_of_the_cookbook_does_what_it_says() {
    let snippets = snippets(COOKBOOK);
    let (world, epoch, ticket) = settled().await;
    let facts = facts(&world, epoch).await;
    let mut kitchen = kitchen(&world, &snippets, epoch, ticket).await;
    let (mut cooked, mut wrong) = (BTreeSet::new(), Vec::new());
    let dishes = || {
        let all = snippets.iter();
        all.filter(|snippet| !snippet.name.ends_with("-setup"))
    };
    for snippet in dishes() {
        let (tool, what) = snippet.name.split_once('-').expect("TOOL-WHAT");
        let [cast, library] = facts
            .get(what)
            .unwrap_or_else(|| panic!("what {} prints isn't known", snippet.name));
        let expected = if tool == "cast" { cast } else { library };
        match kitchen.run(snippet).await {
            Ok(printed) if words(&printed) == words(expected) => {}
            Ok(printed) => wrong.push(format!(
                "{} printed {printed}\nnot {expected}",
                snippet.name
            )),
            Err(error) => wrong.push(error),
        }
        assert!(
            cooked.insert((what, tool)),
            "{} is there twice",
            snippet.name
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // Everything is there for each tool; events as they come only where that is simple.
    for what in facts.keys().filter(|what| **what != "watch") {
        for tool in ["cast", "viem", "ethers"] {
            assert!(cooked.contains(&(*what, tool)), "no {tool}-{what}");
        }
    }

    // Of a node that hasn't claimed.
    let evidence = world.evidence(epoch).await;
    let due = evidence.tree.leaves[1].cumulative.to_string();
    kitchen.set("NODE", "1");
    for snippet in dishes().filter(|snippet| snippet.name.ends_with("-claimable")) {
        let printed = kitchen.run(snippet).await.expect("it went well above");
        assert_eq!(words(&printed), words(&due), "{}", snippet.name);
    }
}
