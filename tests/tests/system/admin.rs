//! What owner, committer, verifier, challenger, payer and operator do to a network's contracts, each command once
//! and each refusal that they are likely to meet: the real binary on a real chain, whose time the test sets.

use quittance_tests::raw::fresh_key;
use quittance_tests::{Ran, Scratch, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use toolchain::{Anvil, Toolchain};

/// The first of anvil's well-known keys, and what they are here.
const OWNER: usize = 0;
const FIRST: usize = 1;
const SECOND: usize = 2;
const COMMITTER: usize = 3;
const OPERATOR: usize = 4;
const HEIR: usize = 5;
const STRANGER: usize = 6;
const KEYS: [&str; 7] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
];
const ADDRESSES: [&str; 7] = [
    "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
    "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
    "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
    "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
    "0x976ea74026e726554db657fa54763abd0c3a0aa9",
];
const EPOCH: u64 = 100;
/// Twice ticket tail, force window and challenge window.
const NOTICE: u64 = 2 * (10 + 20 + 50);

/// Contracts on a chain of their own.
struct Ground {
    anvil: Anvil,
    tools: Toolchain,
    scratch: Scratch,
    settlement: String,
    token: String,
    registry_dir: PathBuf,
    challenger: String,
}

impl Ground {
    async fn deploy() -> Self {
        let start = || (Toolchain::ensure(), Anvil::start(&[]));
        let (tools, anvil) = disk::run(start).await;
        let (tools, anvil) = (tools.expect("the tools are there"), anvil.expect("anvil"));
        let scratch = Scratch::new();
        for (index, key) in KEYS.iter().enumerate() {
            fs::write(scratch.path().join(format!("{index}.key")), key).expect("ours");
        }
        let mut ground = Self {
            registry_dir: scratch.path().join("node"),
            anvil,
            tools,
            scratch,
            settlement: String::new(),
            token: String::new(),
            challenger: String::new(),
        };
        let (rpc, key) = (ground.anvil.url().to_owned(), ground.key(OWNER));
        let mut args: Vec<String> = ["contracts", "deploy", "--json", "--rpc", &rpc]
            .map(String::from)
            .into();
        for (flag, value) in [
            ("eth-key-file", key.as_str()),
            ("epoch-length", "100"),
            ("ticket-tail", "10"),
            ("commit-window", "20"),
            ("force-window", "20"),
            ("challenge-window", "50"),
            ("price-per-gib", "1000"),
            ("verifier-bond", "500"),
            ("issuer-bond", "300"),
            ("node-stake", "200"),
        ] {
            args.extend([format!("--{flag}"), value.to_owned()]);
        }
        let manifest = run(&args).await.json();
        let at = |part: &str| {
            let address = manifest["contracts"][part]["address"].as_str();
            address.unwrap_or_else(|| panic!("{manifest}")).to_owned()
        };
        ground.settlement = at("settlement");
        ground.token = at("token");
        ground.challenger = at("issuer_challenges");
        ground
    }

    fn key(&self, who: usize) -> String {
        let path = self.scratch.path().join(format!("{who}.key"));
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Runs a command as one of the accounts.
    async fn by(&self, who: usize, line: &str) -> Ran {
        let key = self.key(who);
        let settings = [
            "--json",
            "--rpc",
            self.anvil.url(),
            "--settlement",
            &self.settlement,
            "--eth-key-file",
            &key,
        ];
        let args: Vec<_> = line.split(' ').chain(settings).collect();
        run(&args).await
    }

    async fn show(&self) -> Value {
        self.by(STRANGER, "contracts show").await.json()
    }

    /// What one of the accounts has.
    async fn has(&self, who: usize, what: &str) -> u128 {
        let line = format!("contracts show --account {}", ADDRESSES[who]);
        let shown = self.by(STRANGER, &line).await.json();
        let amount = shown["accounts"][0][what].as_str().expect("an amount");
        amount.parse().expect("a number")
    }

    /// Runs `cast` against the chain.
    fn cast(&self, args: &[&str]) -> String {
        let mut command = Command::new(self.tools.tool("cast").expect("installed"));
        let out = command.args(args).args(["--rpc-url", self.anvil.url()]);
        let out = out.output().expect("cast can be run");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "cast {args:?}: {said}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Has so many seconds pass on the chain.
    fn pass(&self, seconds: u64) {
        self.cast(&["rpc", "evm_increaseTime", &seconds.to_string()]);
        self.cast(&["rpc", "evm_mine"]);
    }

    fn now(&self) -> u64 {
        let now = self.cast(&["block", "latest", "--field", "timestamp"]);
        now.parse().expect("a number")
    }

    fn give(&self, who: usize, units: &str) {
        let transfer = ["send", &self.token, "transfer(address,uint256)"];
        let to = [ADDRESSES[who], units, "--private-key", KEYS[OWNER]];
        self.cast(&[&transfer[..], &to].concat());
    }

    /// Takes an issuer's bond as the contract of its challenges does when one is shown.
    fn slash_issuer(&self, challenger: usize) {
        let from = self.challenger.as_str();
        self.cast(&["rpc", "anvil_impersonateAccount", from]);
        self.cast(&["rpc", "anvil_setBalance", from, "0xde0b6b3a7640000"]);
        let slash = ["send", &self.settlement, "slashIssuer(uint32,address)"];
        let how = ["0", ADDRESSES[challenger], "--unlocked", "--from", from];
        self.cast(&[&slash[..], &how].concat());
    }
}

fn key_text() -> String {
    let key = fresh_key().verifying_key().to_bytes();
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_is_administered_from_the_command_line() {
    let ground = Ground::deploy().await;
    before_the_genesis(&ground).await;
    let genesis = ground.show().await["genesis"].as_u64().expect("a time");
    ground.pass(genesis + 1 - ground.now());
    dead_verifiers_are_replaced(&ground).await;
    bonds_come_back(&ground).await;
    parameters_change(&ground).await;
    payers_and_operators(&ground).await;
    ownership_passes_on(&ground).await;
}

async fn before_the_genesis(ground: &Ground) {
    let (first, committer) = (ADDRESSES[FIRST], ADDRESSES[COMMITTER]);
    let add = format!("contracts add-verifier {first}");
    let asked = ground.by(OWNER, &add).await.json();
    assert_eq!(asked["in_force"], true, "{asked}");
    assert_eq!(asked["change"], format!("admit:{first}"));
    ground
        .by(OWNER, &add)
        .await
        .fails(&["AlreadyVerifier", "already"]);
    for quorum in ["2", "1"] {
        let set = format!("contracts set-quorum {quorum}");
        let asked = ground.by(OWNER, &set).await.json();
        assert_eq!(asked["in_force"], true);
    }
    ground
        .by(OWNER, "contracts set-quorum 0")
        .await
        .fails(&["ZeroQuorum"]);
    ground
        .by(STRANGER, "contracts set-quorum 2")
        .await
        .fails(&["only the network's owner", "contracts show"]);

    ground
        .by(FIRST, "contracts bond-verifier")
        .await
        .fails(&["the account has 0 token units and needs 500"]);
    ground.give(FIRST, "500");
    ground.by(FIRST, "contracts bond-verifier").await.ok();

    let key = key_text();
    let add = format!("contracts add-issuer {key} {committer}");
    ground.by(OWNER, &add).await.ok();
    ground
        .by(OWNER, "contracts bond-issuer --issuer 1")
        .await
        .fails(&["there are 1 issuers"]);
    ground
        .by(OWNER, "contracts bond-issuer --issuer 0")
        .await
        .ok();
    let next = key_text();
    let rotate =
        |epoch: u64| format!("contracts rotate-issuer-key {next} --issuer 0 --from-epoch {epoch}");
    ground
        .by(STRANGER, &rotate(2))
        .await
        .fails(&["NotCommitter", "only the issuer's committer"]);
    ground.by(COMMITTER, &rotate(2)).await.ok();
    let at = |epoch: &str| {
        let call = [
            "call",
            &ground.settlement,
            "issuerKeyAt(uint32,uint64)(bytes32)",
        ];
        ground.cast(&[&call[..], &["0", epoch]].concat())
    };
    assert_eq!(
        (at("1"), at("2")),
        (format!("0x{key}"), format!("0x{next}"))
    );
    let shown = ground.show().await;
    assert_eq!(shown["owner"], ADDRESSES[OWNER]);
    assert_eq!(shown["verifiers"][0]["bond"], "500");
    assert_eq!(shown["issuers"][0]["bond"], "300");
    assert_eq!(shown["issuers"][0]["committer"], committer);
}

/// The first verifier is gone. The second takes its place, and not before the notice is over.
async fn dead_verifiers_are_replaced(ground: &Ground) {
    let (first, second) = (ADDRESSES[FIRST], ADDRESSES[SECOND]);
    let changes = [
        (format!("add-verifier {second}"), format!("admit:{second}")),
        (
            format!("dismiss-verifier {first}"),
            format!("dismiss:{first}"),
        ),
        ("set-quorum 2".to_owned(), "quorum:2".to_owned()),
    ];
    for (line, change) in &changes {
        let asked = ground.by(OWNER, &format!("contracts {line}")).await.json();
        let due = asked["due"].as_u64().expect("a time");
        assert_eq!(
            (&asked["in_force"], &asked["change"]),
            (&false.into(), &change.as_str().into())
        );
        assert_eq!(due, ground.now() + NOTICE);
    }
    let applied = ground.by(STRANGER, "contracts apply").await.json();
    assert_eq!(applied["made"], serde_json::json!([]));
    assert_eq!(applied["waiting"].as_array().map(Vec::len), Some(3));
    ground
        .by(STRANGER, "contracts apply quorum:2")
        .await
        .fails(&["quorum:2 is due in", "run this again"]);
    ground
        .by(STRANGER, "contracts apply quorum:3")
        .await
        .fails(&["isn't announced"]);
    ground
        .by(STRANGER, "contracts apply quorum")
        .await
        .fails(&["admit:ADDRESS"]);

    ground.pass(NOTICE);
    // One by name, the others because they are due. Anyone may.
    let applied = ground.by(STRANGER, "contracts apply quorum:2").await.json();
    assert_eq!(applied["made"][0]["change"], "quorum:2");
    assert_eq!(applied["waiting"].as_array().map(Vec::len), Some(2));
    let applied = ground.by(STRANGER, "contracts apply").await.json();
    assert_eq!(
        applied["made"].as_array().map(Vec::len),
        Some(2),
        "{applied}"
    );
    assert_eq!(applied["waiting"], serde_json::json!([]));
    let shown = ground.show().await;
    assert_eq!(shown["quorum"], 2);
    let admitted = |place: usize| {
        let verifier = &shown["verifiers"][place];
        (verifier["account"].clone(), verifier["admitted"].clone())
    };
    assert_eq!(admitted(0), (first.into(), false.into()));
    assert_eq!(admitted(1), (second.into(), true.into()));
    assert_eq!(shown["announced"], serde_json::json!([]));
}

async fn bonds_come_back(ground: &Ground) {
    ground
        .by(STRANGER, "contracts unbond")
        .await
        .fails(&["NotVerifier", "add-verifier"]);
    ground
        .by(FIRST, "contracts withdraw-bond")
        .await
        .fails(&["BondLocked", "announce it first"]);
    ground.by(FIRST, "contracts unbond").await.ok();
    ground
        .by(FIRST, "contracts unbond")
        .await
        .fails(&["announced already"]);
    ground
        .by(FIRST, "contracts withdraw-bond")
        .await
        .fails(&["BondLocked", "run this again in"]);

    // Half of an issuer's bond is the challenger's, half the treasury's, which is the owner.
    ground
        .by(HEIR, "contracts withdraw-bounty")
        .await
        .fails(&["NoBounty", "nothing is credited"]);
    ground.slash_issuer(HEIR);
    assert_eq!(ground.has(HEIR, "bounty").await, 150);
    for who in [HEIR, OWNER] {
        let before = ground.has(who, "tokens").await;
        ground.by(who, "contracts withdraw-bounty").await.ok();
        assert_eq!(ground.has(who, "tokens").await, before + 150);
    }

    // What is put up after that.
    let put_up = "contracts bond-issuer --issuer 0 --amount 40";
    ground.by(OWNER, put_up).await.ok();
    ground
        .by(OWNER, "contracts unbond-issuer --issuer 0")
        .await
        .fails(&["NotCommitter"]);
    let unbond = "contracts unbond-issuer --issuer 0";
    ground.by(COMMITTER, unbond).await.ok();
    let withdraw = "contracts withdraw-issuer-bond --issuer 0";
    ground
        .by(COMMITTER, withdraw)
        .await
        .fails(&["BondLocked", "run this again in"]);

    let unbonding = ground.show().await["unbonding"].as_u64().expect("a time");
    ground.pass(unbonding);
    ground.by(FIRST, "contracts withdraw-bond").await.ok();
    ground.by(COMMITTER, withdraw).await.ok();
    assert_eq!(ground.has(FIRST, "tokens").await, 500);
    assert_eq!(ground.has(COMMITTER, "tokens").await, 40);
}

async fn parameters_change(ground: &Ground) {
    ground
        .by(OWNER, "contracts schedule")
        .await
        .fails(&["nothing would change", "--price-per-gib"]);
    let dearer = "contracts schedule --price-per-gib 2000 --ttfb-ms-max 250 --node-stake 220";
    ground
        .by(STRANGER, dearer)
        .await
        .fails(&["only the network's owner"]);
    let soon = format!("{dearer} --from-epoch 1");
    ground
        .by(OWNER, &soon)
        .await
        .fails(&["VersionTooSoon", "later epoch"]);
    let scheduled = ground.by(OWNER, dearer).await.json();
    let (from, start) = (
        scheduled["from_epoch"].as_u64(),
        scheduled["start"].as_u64(),
    );
    let (from, start) = (from.expect("an epoch"), start.expect("a time"));
    assert!(start >= ground.now() + NOTICE && start < ground.now() + NOTICE + 2 * EPOCH);
    assert_eq!(scheduled["parameters"]["price_per_gib"], "2000");
    assert_eq!(scheduled["parameters"]["verifier_bond"], "500", "as before");
    let earlier = format!("contracts schedule --sla-floor-ppm 1 --from-epoch {from}");
    ground
        .by(OWNER, &earlier)
        .await
        .fails(&["VersionOutOfOrder", &format!("from epoch {from} on")]);
    // What is scheduled goes on from what was scheduled before.
    let later = ground
        .by(OWNER, "contracts schedule --sla-floor-ppm 1")
        .await
        .json();
    assert_eq!(later["from_epoch"], from + 1);
    assert_eq!(later["parameters"]["price_per_gib"], "2000");

    let shown = ground.show().await;
    assert_eq!(shown["parameters"]["price_per_gib"], "1000");
    assert_eq!(shown["scheduled"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["scheduled"][0]["first_epoch"], from);
    ground.pass(start - ground.now());
    let shown = ground.show().await;
    assert_eq!(shown["parameters"]["price_per_gib"], "2000");
    assert_eq!(shown["scheduled"].as_array().map(Vec::len), Some(1));
}

async fn payers_and_operators(ground: &Ground) {
    ground.by(OWNER, "contracts fund 1000").await.ok();
    ground
        .by(OWNER, "contracts withdraw --announce 1001")
        .await
        .fails(&["DepositTooSmall", "1000 token units"]);
    ground
        .by(OWNER, "contracts withdraw --announce 400")
        .await
        .ok();
    ground
        .by(OWNER, "contracts withdraw --announce 1")
        .await
        .fails(&["AlreadyAnnounced", "withdraw what is announced first"]);
    assert_eq!(ground.has(OWNER, "deposit").await, 600);
    assert_eq!(ground.has(OWNER, "withdrawing").await, 400);
    let activated = ground.by(STRANGER, "contracts activate").await.json();
    assert!(activated["epoch"].is_null(), "nothing is attested");

    let data = format!("--data-dir {}", text(&ground.registry_dir));
    ground.give(OPERATOR, "220");
    let made = ground
        .by(OPERATOR, &format!("node init {data}"))
        .await
        .json();
    assert_eq!(made["payout"], ADDRESSES[OPERATOR]);
    let payout = format!("node set-payout {} {data}", ADDRESSES[HEIR]);
    ground
        .by(STRANGER, &payout)
        .await
        .fails(&["NotOperator", "only the account that registered"]);
    let paid = ground.by(OPERATOR, &payout).await.json();
    assert!(paid["tx"].is_string() && paid["payout"] == ADDRESSES[HEIR]);
    let again = ground.by(OPERATOR, &payout).await.json();
    assert!(again["tx"].is_null(), "it is that already");

    let next = ground.scratch.path().join("next.key");
    let rotate = format!("node rotate --new-key {} {data}", text(&next));
    let rotated = ground.by(OPERATOR, &rotate).await.json();
    assert_eq!(rotated["old"], made["node"]);
    // Either key names the node.
    fs::copy(&next, ground.registry_dir.join("node.key")).expect("ours");
    let withdraw = format!("node withdraw-stake {data}");
    ground
        .by(OPERATOR, &withdraw)
        .await
        .fails(&["StakeLocked", "node exit"]);
    let exit = format!("node exit {data}");
    let left = ground.by(OPERATOR, &exit).await.json();
    let free_at = left["free_at"].as_u64().expect("a time");
    ground
        .by(OPERATOR, &exit)
        .await
        .fails(&["AlreadyExiting", "leaving already"]);
    ground
        .by(OPERATOR, &withdraw)
        .await
        .fails(&["StakeLocked", "run this again in"]);
    ground.pass(free_at - ground.now());
    let withdrawn = ground.by(OPERATOR, &withdraw).await.json();
    assert_eq!(withdrawn["stake"], "220");
    assert_eq!(ground.has(OPERATOR, "tokens").await, 220);
}

async fn ownership_passes_on(ground: &Ground) {
    let transfer = format!("contracts transfer-ownership {}", ADDRESSES[HEIR]);
    ground.by(OWNER, &transfer).await.ok();
    let shown = ground.show().await;
    assert_eq!(shown["owner"], ADDRESSES[OWNER]);
    assert_eq!(shown["pending_owner"], ADDRESSES[HEIR]);
    ground
        .by(STRANGER, "contracts accept-ownership")
        .await
        .fails(&["only the account that the owner named"]);
    ground.by(HEIR, "contracts accept-ownership").await.ok();
    let shown = ground.show().await;
    assert_eq!(shown["owner"], ADDRESSES[HEIR]);
    assert!(shown["pending_owner"].is_null());
    ground
        .by(OWNER, "contracts set-quorum 1")
        .await
        .fails(&["only the network's owner"]);
    ground
        .by(HEIR, "contracts renounce-ownership")
        .await
        .fails(&["--for-good"]);
    ground
        .by(HEIR, "contracts renounce-ownership --for-good")
        .await
        .ok();
    let nobody = "0x0000000000000000000000000000000000000000";
    assert_eq!(ground.show().await["owner"], nobody);
}
