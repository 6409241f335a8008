//! The verifier on a real chain, with a control plane and a node that answer over HTTP and QUIC: two epochs,
//! a bond that is missing, a deposit that isn't enough, a restart, and audits of what was attested.

mod chain_time;

use axum::extract::Path as UrlPath;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use chain_time::{set_next_time, warp};
use contracts::{
    B256, Chain, ChainConfig, DeployConfig, Parameters, PrivateKeySigner, TokenConfig, U256, deploy,
};
use host::Http;
use protocol::api::NodeInfo;
use protocol::{
    ALPN_NODE, ClientKey, CollectionId, Epoch, FetchReply, Network, NodeId, Receipt, Record,
    Request, Segment, SigningKey, Ticket, TicketId, TicketLog,
};
use quittance_verifier::{
    AuditReport, Config, EvidenceSource, NoProgress, Progress, Server, Verdict, audit_epoch,
    epoch_facts, run,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use toolchain::Anvil;
use transport::{PeerAuth, read_frame, write_frame};

/// The first of anvil's well-known development keys: worthless anywhere else.
const DEV_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const LENGTH: u32 = 1_000;
const TAIL: u32 = 100;
const COMMIT_WINDOW: u32 = 200;
const FORCE_WINDOW: u32 = 150;
const CHALLENGE_WINDOW: u32 = 500;
const PRICE: u128 = 1_000_000_000;
const VERIFIER_BOND: u128 = 1_000;
const NODE_STAKE: u128 = 10;
/// The payer deposits less than the 3 · [`PRICE`] that were delivered.
const DEPOSIT: u128 = 2 * PRICE;

fn account() -> PrivateKeySigner {
    DEV_KEY.parse().unwrap()
}

fn key(name: u8) -> SigningKey {
    SigningKey::from_bytes(&[name; 32])
}

fn public(key: &SigningKey) -> [u8; 32] {
    key.verifying_key().to_bytes()
}

fn parameters() -> Parameters {
    Parameters {
        epoch_length: LENGTH,
        ticket_tail: TAIL,
        commit_window: COMMIT_WINDOW,
        force_window: FORCE_WINDOW,
        challenge_window: CHALLENGE_WINDOW,
        sla_floor_ppm: 500_000,
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
        price_per_gib: PRICE,
        verifier_bond: VERIFIER_BOND,
        issuer_bond: 0,
        node_stake: NODE_STAKE,
    }
}

/// A network whose epoch 0 has begun, with three nodes, one payer, and one verifier that hasn't posted its
/// bond.
async fn network(anvil: &Anvil) -> Chain {
    let now = host::Clock::system().now_ms() / 1000;
    let genesis = now + 600;
    let config = DeployConfig {
        parameters: parameters(),
        genesis,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(20)),
        },
        owner: None,
        treasury: None,
        change_delay: 2 * (CHALLENGE_WINDOW + TAIL + FORCE_WINDOW),
    };
    let deployment = deploy(&Http::system(), anvil.url(), account(), &config)
        .await
        .unwrap();
    let config =
        ChainConfig::new(&Http::system(), anvil.url(), deployment.settlement).with_key(account());
    let chain = Chain::connect(&config).await.unwrap();
    let us = account().address();
    chain
        .add_issuer(B256::from(public(&key(200))), us)
        .await
        .unwrap();
    // Before the genesis that takes effect at once.
    chain.admit_verifier(us).await.unwrap();
    for node in 0..3 {
        let proof = chain.key_proof(&key(node), us);
        chain.register_node(&proof, us).await.unwrap();
    }
    chain.fund(U256::from(DEPOSIT)).await.unwrap();
    warp(anvil, genesis + 10).await;
    chain
}

/// Two tickets for node 0, one for node 1, none for node 2.
fn log(network: Network, genesis: u64) -> TicketLog {
    let ticket = |(index, node)| Ticket {
        network,
        id: TicketId {
            epoch: 0,
            issuer: 0,
            index,
        },
        node: NodeId::from(public(&key(node))),
        client: ClientKey::from(public(&key(100 + index as u8))),
        collection: CollectionId::from([1; 32]),
        payer: account().address(),
        viewer_token: B256::ZERO,
        bytes_max: 4 << 30,
        issued_at: genesis * 1000 + 20_000,
        expires_at: genesis * 1000 + 80_000,
    };
    let tickets = (0u32..).zip([0, 1, 0, 0]).map(ticket).collect();
    TicketLog::new(network, 0, 0, tickets).unwrap()
}

/// Two good records of 2 GiB each, and one whose signature is altered.
fn segment(log: &TicketLog) -> Segment {
    let record = |index: u32| {
        let ticket = log.ticket(index).unwrap();
        let receipt = Receipt {
            ticket: ticket.digest(),
            sequence: 1,
            bytes: 2 << 30,
            deliveries: 4,
            within: 3,
            signed_at: ticket.issued_at + 1,
        };
        let signature = receipt.sign(&key(100 + index as u8)).signature;
        Record {
            id: ticket.id,
            receipt,
            signature,
        }
    };
    let mut records: Vec<_> = [0, 2, 3].into_iter().map(record).collect();
    records[2].signature.0[0] ^= 1;
    let node = NodeId::from(public(&key(0)));
    Segment::new(log.network(), 0, node, records).unwrap()
}

async fn control(log: Vec<u8>, nodes: Vec<NodeInfo>) -> String {
    let tickets = async move |UrlPath(epoch): UrlPath<Epoch>| match epoch {
        0 => Ok(log.clone()),
        _ => Err(StatusCode::NOT_FOUND),
    };
    let router = Router::new()
        .route("/v1/epochs/{epoch}/tickets", get(tickets))
        .route("/v1/nodes", get(async move || Json(nodes.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

fn node(file: Vec<u8>) -> NodeInfo {
    let bind = "127.0.0.1:0".parse().unwrap();
    let key = key(0);
    let endpoint = transport::server_endpoint(
        &host::Host::system(),
        bind,
        &key,
        &[ALPN_NODE],
        PeerAuth::Anonymous,
    );
    let endpoint = endpoint.unwrap();
    let address = endpoint.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let connection = incoming.await.unwrap();
            let (mut send, mut recv) = connection.accept_bi().await.unwrap();
            let request: Request = read_frame(&mut recv).await.unwrap();
            assert_eq!(request, Request::Segment { epoch: 0 });
            let size = file.len() as u64;
            write_frame(&mut send, &FetchReply::Ok { size })
                .await
                .unwrap();
            send.write_all(&file).await.unwrap();
            let _ = send.finish();
            connection.closed().await;
        }
    });
    NodeInfo {
        node: NodeId::from(public(&key)),
        address,
        healthy: true,
        standing: "available".into(),
        reason: None,
        zone: "default".into(),
        bound: 64,
        sessions: 0,
        cached_bytes: 0,
        heartbeat_age_ms: 1,
        version: "test".into(),
    }
}

struct Running {
    task: JoinHandle<Result<(), quittance_verifier::RunError>>,
    shutdown: CancellationToken,
    base: String,
}

impl Running {
    fn start(anvil: &Anvil, chain: &Chain, control: &str, data_dir: PathBuf) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen: SocketAddr = port.local_addr().unwrap();
        drop(port);
        let (chain_id, settlement) = chain.network();
        let config = Config {
            host: host::Host::system(),
            rpc: anvil.url().to_owned(),
            settlement,
            chain_id: Some(chain_id),
            fee_cap: contracts::CAP,
            key: account(),
            controls: vec![control.to_owned()],
            peers: vec![],
            data_dir,
            listen,
            segment_deadline: Duration::from_secs(1),
            poll_interval: Duration::from_millis(50),
            shorten_from: Config::SHORTEN_FROM,
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(config, shutdown.clone()));
        let base = format!("http://{listen}");
        Self {
            task,
            shutdown,
            base,
        }
    }

    /// Waits until the status is as wanted.
    async fn until(&self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut last = serde_json::Value::Null;
        while Instant::now() < deadline {
            if let Ok(answer) = reqwest::get(format!("{}/v1/status", self.base)).await {
                last = answer.json().await.unwrap();
                if wanted(&last) {
                    return last;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("it didn't come to that: {last:#}");
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// To the second as the contract has it: otherwise an honest statement could be overturned.
#[tokio::test]
async fn a_node_s_key_in_an_epoch_is_the_contract_s() {
    let anvil = Anvil::start(&[]).expect("anvil starts");
    let chain = network(&anvil).await;
    let start = chain.timeline().start(2);
    // Node 0 rotates in the last second before the epoch, node 1 in its first.
    let rotations = [(0, 10, start - 1), (1, 11, start)];
    for (node, new, time) in rotations {
        // Calls are tried first on the newest block, whose time is one second less than the one that follows.
        warp(&anvil, time - 1).await;
        let proof = chain.key_proof(&key(new), account().address());
        set_next_time(&anvil, time).await;
        chain.rotate_node(node, &proof).await.unwrap();
        assert_eq!(chain.now().await.unwrap(), time);
    }
    let keys = async |epoch| epoch_facts(&chain, epoch).await.unwrap().nodes;
    let named = |names: [u8; 3]| names.map(|name| NodeId::from(public(&key(name))));
    assert_eq!(keys(1).await, named([0, 1, 2]));
    assert_eq!(keys(2).await, named([10, 1, 2]));
    assert_eq!(keys(3).await, named([10, 11, 2]));
}

async fn audited(chain: &Chain, source: &EvidenceSource, epoch: Epoch) -> AuditReport {
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    audit_epoch(chain, std::slice::from_ref(source), epoch, &progress).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_epochs_a_restart_and_audits() {
    host::install_crypto_provider();
    let anvil = Anvil::start(&[]).expect("anvil starts");
    let chain = network(&anvil).await;
    let genesis = chain.timeline().genesis();
    let (chain_id, settlement) = chain.network();
    let network = Network {
        chain_id,
        settlement,
    };
    let log = log(network, genesis);
    let control = control(log.to_bytes(), vec![node(segment(&log).to_bytes())]).await;
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("verifier");

    let verifier = Running::start(&anvil, &chain, &control, data_dir.clone());
    let doing =
        |status: &serde_json::Value, what: &str| status["doing"].as_str().unwrap().contains(what);
    verifier
        .until(|status| doing(status, "epoch 0 is due in"))
        .await;
    let end = genesis + u64::from(LENGTH);
    warp(&anvil, end).await;
    let root = log.root().unwrap();
    let (top, count, bytes) = (root.top.hash, root.count as u32, root.mass().bytes());
    chain
        .commit_ticket_log(0, 0, top, count, bytes)
        .await
        .unwrap();
    // Nothing is attested while somebody may still force a commitment.
    let due = end + u64::from(TAIL + FORCE_WINDOW);
    warp(&anvil, due - 1).await;
    verifier
        .until(|status| doing(status, "epoch 0 is due in 1 s"))
        .await;
    warp(&anvil, due).await;

    // Nothing is at stake yet: it says so, and goes on when something is.
    let poor = verifier
        .until(|s| {
            s["last_error"]["message"]
                .as_str()
                .is_some_and(|m| m.contains("refused `attest"))
        })
        .await;
    assert_eq!(poor["epochs_attested"], 0);
    // Stopped between evidence and attestation, it uses the evidence again.
    verifier.stop().await;
    let bundle = data_dir.join("evidence/0/bundle.json");
    let written = std::fs::metadata(&bundle).unwrap().modified().unwrap();
    chain.post_bond(U256::from(VERIFIER_BOND)).await.unwrap();
    assert!(chain.is_verifier(account().address()).await.unwrap());
    let verifier = Running::start(&anvil, &chain, &control, data_dir.clone());
    let status = verifier
        .until(|status| status["epochs_attested"] == 1)
        .await;
    assert_eq!(
        std::fs::metadata(&bundle).unwrap().modified().unwrap(),
        written
    );
    // 4 GiB at 750,000 ppm are 3 · PRICE: more than the payer has, and nobody pays beyond that.
    let due = DEPOSIT.to_string();
    assert_eq!(status["last"]["total"], due.as_str());
    assert_eq!(status["nodes"][0]["reward"], due.as_str());
    assert_eq!(status["nodes"][0]["rejected"], 1);
    assert_eq!(status["last_error"], serde_json::Value::Null);

    let directory_source = EvidenceSource::Directory(data_dir.join("evidence/0"));
    let served = EvidenceSource::Verifier(Server::new(&host::Http::system(), &verifier.base));
    for source in [&directory_source, &served] {
        let report = audited(&chain, source, 0).await;
        assert_eq!(report.verdict, Verdict::True, "{:?}", report.reasons);
        assert_eq!((report.signatures, report.nodes.len()), (2, 3));
        let attested = report.attestation.unwrap();
        let recomputed = report.recomputed_roots.unwrap();
        assert_eq!(recomputed, attested.roots);
        assert_eq!(recomputed.digest(), attested.digest);
        assert_eq!((attested.payers, attested.charges), (1, 1));
        let payer = &report.payers[0];
        assert_eq!((payer.account, &payer.bill), (account().address(), &due));
        assert_eq!(
            (attested.total, report.nodes[1].reward.as_str()),
            (due.clone(), "0")
        );
    }
    let report = audited(&chain, &served, 1).await;
    assert_eq!(report.verdict, Verdict::NotJudged, "not attested yet");

    // The next epoch passes without any ticket: nobody commits, what was earned stands.
    verifier.stop().await;
    warp(&anvil, end + u64::from(LENGTH + TAIL + FORCE_WINDOW)).await;
    let verifier = Running::start(&anvil, &chain, &control, data_dir.clone());
    let status = verifier
        .until(|status| status["epochs_attested"] == 2)
        .await;
    assert_eq!(status["last"]["total"], due.as_str());
    let report = audited(
        &chain,
        &EvidenceSource::Verifier(Server::new(&host::Http::system(), &verifier.base)),
        1,
    )
    .await;
    assert_eq!(report.verdict, Verdict::True, "{:?}", report.reasons);
    assert_eq!(report.nodes[0].cumulative, due);
    verifier.stop().await;

    // Altered evidence is no evidence.
    let tree = data_dir.join("evidence/0/tree.qtree");
    let mut altered = std::fs::read(&tree).unwrap();
    altered[60] ^= 1;
    std::fs::write(&tree, altered).unwrap();
    let report = audited(&chain, &directory_source, 0).await;
    assert_eq!(report.verdict, Verdict::NotJudged);
    assert!(
        report.reasons[0].contains("tree.qtree differs"),
        "{:?}",
        report.reasons
    );
}
