//! A network's whole course on a real chain: deploy, register, fund, commit, attest, claim.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use quittance_contracts::{
    Chain, ChainConfig, ChainError, DeployConfig, Deployment, NodeLeaf, Parameters, Status,
    TokenConfig, deploy,
};

/// The first of anvil's well-known development keys: worthless anywhere else.
const DEV_KEY: [u8; 32] = [
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6, 0xb4, 0xd2, 0x38, 0xff, 0x94,
    0x4b, 0xac, 0xb4, 0x78, 0xcb, 0xed, 0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80,
];

/// An anvil process on a port of its own; it ends with the value.
struct Anvil {
    process: Child,
    url: String,
    http: reqwest::Client,
}

impl Anvil {
    fn start(arguments: &[&str]) -> Self {
        let arch = if cfg!(target_arch = "x86_64") {
            "amd64"
        } else {
            "arm64"
        };
        let os = if cfg!(target_os = "macos") {
            "darwin"
        } else {
            "linux"
        };
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!(
            "../node_modules/@foundry-rs/anvil-{os}-{arch}/bin/anvil"
        ));
        assert!(
            path.exists(),
            "{path:?} is missing; run `npm ci --ignore-scripts` in contracts"
        );
        let mut process = Command::new(path)
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil starts");
        let stdout = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let at = lines
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // anvil must not find its stdout closed.
        std::thread::spawn(move || lines.for_each(drop));
        quittance_contracts::install_crypto_provider();
        Self {
            process,
            url: format!("http://{at}"),
            http: reqwest::Client::new(),
        }
    }

    async fn rpc(&self, method: &str, params: serde_json::Value) {
        let body =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self
            .http
            .post(&self.url)
            .json(&body)
            .send()
            .await
            .expect("anvil answers");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
    }

    async fn warp(&self, timestamp: u64) {
        self.rpc("evm_setNextBlockTimestamp", serde_json::json!([timestamp]))
            .await;
        self.rpc("evm_mine", serde_json::json!([])).await;
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&DEV_KEY.into()).expect("a valid key")
}

fn parameters() -> Parameters {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    Parameters {
        genesis: now - 10,
        epoch_length: 1_000,
        ticket_tail: 100,
        commit_window: 200,
        challenge_window: 500,
        sla_floor_ppm: 900_000,
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
        price_per_gib: 1_000_000,
    }
}

async fn network(anvil: &Anvil) -> (Deployment, Chain) {
    let config = DeployConfig {
        parameters: parameters(),
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(15)),
        },
        owner: None,
        challenges: None,
    };
    let deployment = deploy(&anvil.url, key(), &config).await.expect("deploys");
    let config = ChainConfig::new(&anvil.url, deployment.settlement)
        .with_key(key())
        .with_chain_id(deployment.chain_id);
    let chain = Chain::connect(&config).await.expect("connects");
    assert_eq!(chain.parameters().price_per_gib, 1_000_000);
    (deployment, chain)
}

/// Hash and root of a tree of one leaf (SPEC sections 6 and 7).
fn single_leaf_tree(leaf: &NodeLeaf) -> (B256, B256) {
    let mut bytes = vec![0u8];
    bytes.extend(leaf.index.to_be_bytes());
    bytes.extend(leaf.node);
    bytes.extend(leaf.segment_root);
    bytes.extend(leaf.mass);
    bytes.extend(leaf.probes.to_be_bytes());
    bytes.extend(leaf.probes_ok.to_be_bytes());
    bytes.extend(leaf.sla_ppm.to_be_bytes());
    bytes.extend(leaf.reward.to_be_bytes());
    bytes.extend(leaf.cumulative.to_be_bytes());
    assert_eq!(bytes.len(), 128);
    let top = keccak256(&bytes);
    let mut root = vec![2u8];
    root.extend(&leaf.cumulative.to_be_bytes()[1..]);
    root.extend([0; 8]);
    root.extend(1u64.to_be_bytes());
    root.extend(top);
    assert_eq!(root.len(), 64);
    (top, keccak256(&root))
}

fn reverted_with(error: &ChainError, shown: &str) {
    assert_eq!(
        error.revert().map(ToString::to_string).as_deref(),
        Some(shown),
        "{error}"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_epoch_runs_its_course() {
    let anvil = Anvil::start(&[]);
    let (deployment, chain) = network(&anvil).await;
    assert_eq!(
        chain.network(),
        (deployment.chain_id, deployment.settlement)
    );
    assert_eq!(chain.registry(), deployment.registry);
    assert_eq!(chain.vault(), deployment.vault);
    assert_eq!(chain.token(), deployment.token);
    assert_eq!(chain.token_unit().await.unwrap(), (6, "TEST".into()));

    // Who there is.
    let me = key().address();
    let node = B256::repeat_byte(7);
    let payout = Address::repeat_byte(9);
    chain.add_issuer(B256::repeat_byte(1), me).await.unwrap();
    chain.set_verifier(me, true).await.unwrap();
    chain.set_quorum(1).await.unwrap();
    chain.register_node(node, payout).await.unwrap();
    chain.fund(U256::from(5_000_000)).await.unwrap();
    let issuers = chain.issuers().await.unwrap();
    assert_eq!((issuers.len(), issuers[0].committer), (1, me));
    let nodes = chain.nodes().await.unwrap();
    assert_eq!(
        (nodes.len(), nodes[0].key, nodes[0].payout),
        (1, node, payout)
    );
    assert_eq!(chain.node_count().await.unwrap(), 1);
    assert!(chain.nodes_from(1).await.unwrap().is_empty());
    assert_eq!(chain.index_of(node).await.unwrap(), Some(0));
    assert_eq!(chain.index_of(B256::ZERO).await.unwrap(), None);
    assert!(chain.is_verifier(me).await.unwrap());
    assert_eq!(chain.quorum().await.unwrap(), 1);
    assert_eq!(chain.funded().await.unwrap(), U256::from(5_000_000));
    assert_eq!(chain.deposit_of(me).await.unwrap(), U256::from(5_000_000));
    let again = chain.register_node(node, payout).await.unwrap_err();
    reverted_with(&again, &format!("AlreadyRegistered(key: {node}, index: 0)"));

    // The epoch.
    let end = chain.parameters().genesis + 1_000;
    let early = chain
        .commit_ticket_log(0, 0, B256::ZERO, 0, 0)
        .await
        .unwrap_err();
    reverted_with(&early, &format!("EpochNotOver(epoch: 0, end: {end})"));
    anvil.warp(end).await;
    assert!(chain.now().await.unwrap() >= end);
    assert_eq!(chain.ticket_log(0, 0).await.unwrap(), None);
    chain
        .commit_ticket_log(0, 0, B256::repeat_byte(2), 3, 1 << 30)
        .await
        .unwrap();
    assert!(chain.ticket_log(0, 0).await.unwrap().is_some());
    anvil.warp(end + 100).await;
    let leaf = NodeLeaf {
        index: 0,
        node,
        segment_root: B256::repeat_byte(3),
        mass: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
        probes: 1,
        probes_ok: 1,
        sla_ppm: 1_000_000,
        reward: 4_000_000,
        cumulative: 4_000_000,
    };
    let (top, root) = single_leaf_tree(&leaf);
    let evidence = B256::repeat_byte(4);
    assert_eq!(chain.attestation(0).await.unwrap(), None);
    assert_eq!(chain.attestation_tx(0).await.unwrap(), None);
    let over = chain
        .attest(0, top, 1, 6_000_000, evidence)
        .await
        .unwrap_err();
    reverted_with(&over, "TotalAboveFunded(total: 6000000, funded: 5000000)");
    let sent = chain.attest(0, top, 1, 4_000_000, evidence).await.unwrap();
    assert_eq!(chain.next_epoch().await.unwrap(), 1);
    assert_eq!(chain.status(0).await.unwrap(), Status::Pending);
    assert_eq!(chain.status(1).await.unwrap(), Status::None);
    let attestation = chain.attestation(0).await.unwrap().unwrap();
    assert_eq!(
        (attestation.root, attestation.total, attestation.nodes),
        (root, 4_000_000, 1)
    );

    // Events are found by time, however long the chain.
    anvil.rpc("anvil_mine", serde_json::json!(["0x7d0"])).await;
    let found = chain.attestation_tx(0).await.unwrap().unwrap();
    assert_eq!(
        (found.tx, found.block, found.verifier),
        (sent.tx, sent.block, me)
    );
    assert_eq!(
        (found.evidence, found.root, found.total),
        (evidence, root, 4_000_000)
    );

    // The money.
    anvil.warp(chain.now().await.unwrap() + 500).await;
    assert_eq!(chain.status(0).await.unwrap(), Status::Active);
    assert_eq!(
        chain.claimable(0, &leaf, &[]).await.unwrap(),
        U256::from(4_000_000)
    );
    chain.claim(0, &leaf, &[]).await.unwrap();
    assert_eq!(
        chain.token_balance(payout).await.unwrap(),
        U256::from(4_000_000)
    );
    assert_eq!(chain.claimed(0).await.unwrap(), U256::from(4_000_000));
    assert_eq!(chain.paid().await.unwrap(), U256::from(4_000_000));
    let twice = chain.claim(0, &leaf, &[]).await.unwrap_err();
    reverted_with(
        &twice,
        "NothingToClaim(index: 0, cumulative: 4000000, claimed: 4000000)",
    );
    let forged = chain
        .claim(0, &NodeLeaf { reward: 1, ..leaf }, &[])
        .await
        .unwrap_err();
    reverted_with(
        &forged,
        &format!("NotInTree(epoch: 0, index: 0, root: {root})"),
    );
}

/// Blocks come only when the test says so: a transaction of a process that died is still pending.
#[tokio::test]
async fn nothing_is_sent_while_a_transaction_is_pending() {
    let anvil = Anvil::start(&[]);
    let (deployment, _) = network(&anvil).await;
    anvil
        .rpc("evm_setAutomine", serde_json::json!([false]))
        .await;
    let mut config = ChainConfig::new(&anvil.url, deployment.settlement).with_key(key());
    config.confirm_timeout = Duration::from_millis(300);
    let first = Chain::connect(&config).await.unwrap();
    let late = first.set_quorum(2).await.unwrap_err();
    assert!(
        matches!(late, ChainError::NotMined { .. }) && late.is_retryable(),
        "{late}"
    );
    // Another process with the same account.
    let second = Chain::connect(&config).await.unwrap();
    let waits = second.set_quorum(3).await.unwrap_err();
    assert!(
        matches!(waits, ChainError::StillPending { pending: 1, .. }),
        "{waits}"
    );
    assert!(waits.is_retryable());

    config.confirm_timeout = Duration::from_secs(20);
    let third = Chain::connect(&config).await.unwrap();
    let (sent, ()) = tokio::join!(third.set_quorum(3), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        anvil
            .rpc("evm_setAutomine", serde_json::json!([true]))
            .await;
        anvil.rpc("evm_mine", serde_json::json!([])).await;
    });
    sent.unwrap();
    assert_eq!(third.quorum().await.unwrap(), 3);
}

#[tokio::test]
async fn connecting_says_what_is_wrong() {
    let anvil = Anvil::start(&[]);
    let nowhere = ChainConfig::new("http://127.0.0.1:1/secret", Address::ZERO);
    let error = Chain::connect(&nowhere).await.err().unwrap();
    assert!(matches!(error, ChainError::Unreachable { .. }) && error.is_retryable());
    let shown = error.to_string();
    assert!(
        shown.contains("http://127.0.0.1:1") && !shown.contains("secret"),
        "{shown}"
    );

    for url in ["", "localhost:8545", "ftp://localhost", "http://"] {
        let error = Chain::connect(&ChainConfig::new(url, Address::ZERO))
            .await
            .err()
            .unwrap();
        assert!(
            matches!(error, ChainError::BadUrl) && !error.is_retryable(),
            "{url}: {error}"
        );
    }

    let empty = ChainConfig::new(&anvil.url, Address::repeat_byte(5));
    let error = Chain::connect(&empty).await.err().unwrap();
    assert!(matches!(error, ChainError::NoContract { .. }), "{error}");
    let error = Chain::connect(&empty.with_chain_id(1)).await.err().unwrap();
    assert!(
        matches!(
            error,
            ChainError::WrongChain {
                expected: 1,
                found: 31337,
                ..
            }
        ),
        "{error}"
    );

    let (deployment, _) = network(&anvil).await;
    let other = ChainConfig::new(&anvil.url, deployment.token);
    let error = Chain::connect(&other).await.err().unwrap();
    assert!(!error.is_retryable(), "{error}");

    let reader = ChainConfig::new(&anvil.url, deployment.settlement);
    let reader = Chain::connect(&reader).await.unwrap();
    assert_eq!(reader.account(), None);
    let error = reader.set_quorum(1).await.unwrap_err();
    assert!(
        matches!(error, ChainError::NoKey { call: "setQuorum" }),
        "{error}"
    );

    let poor = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap();
    let poor = ChainConfig::new(&anvil.url, deployment.settlement).with_key(poor);
    assert!(!format!("{poor:?}").contains("1111111111"), "{poor:?}");
    let poor = Chain::connect(&poor).await.unwrap();
    let error = poor
        .register_node(B256::repeat_byte(1), Address::repeat_byte(1))
        .await
        .unwrap_err();
    assert!(matches!(error, ChainError::NoGas { .. }), "{error}");
    let stranger = poor.set_quorum(1).await.unwrap_err();
    assert!(
        stranger
            .revert()
            .is_some_and(|r| r.name == "OwnableUnauthorizedAccount")
    );
}

/// A server that takes the connection and stays silent.
#[tokio::test]
async fn silence_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut config = ChainConfig::new(url, Address::ZERO);
    config.request_timeout = Duration::from_millis(200);
    let error = Chain::connect(&config).await.err().unwrap();
    assert!(
        matches!(error, ChainError::TimedOut { .. }) && error.is_retryable(),
        "{error}"
    );
}

/// https isn't refused for want of TLS: the handshake is tried, and here meets no TLS server.
#[tokio::test]
async fn https_urls_are_dialled() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut first = [0];
        stream.readable().await.unwrap();
        stream.try_read(&mut first).unwrap();
        first[0]
    });
    let config = ChainConfig::new(url, Address::ZERO);
    let error = Chain::connect(&config).await.err().unwrap();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");
    // 22 is the record type of a TLS handshake.
    assert_eq!(seen.await.unwrap(), 22);
}
