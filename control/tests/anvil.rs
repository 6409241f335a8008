//! The control plane on a real chain: it starts only as the issuer it is, commits what it issued, and
//! goes on after a restart where it was.

use contracts::{
    Chain, ChainConfig, DeployConfig, Parameters, PrivateKeySigner, TokenConfig, U256, deploy,
};
use host::{Host, Http};
use protocol::api::{NetworkInfo, PublishRequest, RouteAnswer};
use protocol::{B256, ContentHash, Entry, Manifest, SigningKey, TicketLog};
use quittance_control::{Config, Control, StartError};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use toolchain::Anvil;
use transport::{client_endpoint, connect, read_frame, write_frame};

/// The first of anvil's well-known development keys: worthless anywhere else.
const DEV_KEY: [u8; 32] = [
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6, 0xb4, 0xd2, 0x38, 0xff, 0x94,
    0x4b, 0xac, 0xb4, 0x78, 0xcb, 0xed, 0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80,
];
/// The second: a committer of its own, since an account's transactions come one after the other.
const COMMITTER_KEY: [u8; 32] = [
    0x59, 0xc6, 0x99, 0x5e, 0x99, 0x8f, 0x97, 0xa5, 0xa0, 0x04, 0x49, 0x66, 0xf0, 0x94, 0x53, 0x89,
    0xdc, 0x9e, 0x86, 0xda, 0xe8, 0x8c, 0x7a, 0x84, 0x12, 0xf4, 0x60, 0x3b, 0x6b, 0x78, 0x69, 0x0d,
];
const TOKEN: &str = "correct horse battery";
/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn account() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(DEV_KEY)).unwrap()
}

fn committer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(COMMITTER_KEY)).unwrap()
}

fn issuer_key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

async fn network(rpc: &str) -> Chain {
    let now = host::Clock::system().now_ms() / 1000;
    let config = DeployConfig {
        parameters: Parameters {
            epoch_length: 5,
            ticket_tail: 2,
            commit_window: 60,
            force_window: 58,
            challenge_window: 5,
            sla_floor_ppm: 0,
            ttfb_ms_max: 500,
            throughput_min: 1,
            price_per_gib: 1,
            verifier_bond: 1,
            issuer_bond: 1,
            node_stake: 1,
        },
        genesis: now,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "T".into(),
            decimals: 18,
            supply: U256::from(1_000_000u64),
        },
        owner: None,
        treasury: None,
        change_delay: 66,
    };
    let deployed = deploy(&Http::system(), rpc, account(), &config)
        .await
        .unwrap();
    let config = ChainConfig::new(&Http::system(), rpc, deployed.settlement).with_key(account());
    Chain::connect(&config).await.unwrap()
}

fn config(rpc: &str, chain: &Chain, dir: &Path) -> Config {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let payer = account().address();
    let settlement = chain.network().1;
    let mut config = Config::new(
        Host::system(),
        rpc,
        settlement,
        committer(),
        issuer_key(),
        dir,
        any,
        any,
        TOKEN,
        payer,
    );
    config.admin_listen = any;
    config.node_timeout = PATIENCE;
    // The node of these tests has no port to dial.
    config.dial_back = false;
    config
}

struct Running {
    url: String,
    admin: String,
    join: String,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn start(config: Config) -> Running {
    let control = Control::start(config).await.unwrap();
    let [url, admin] =
        [control.http_addr, control.admin_addr].map(|address| format!("http://{address}"));
    let join = control.join_addr.to_string();
    let stop = CancellationToken::new();
    let task = tokio::spawn(control.run_until(stop.clone()));
    Running {
        url,
        admin,
        join,
        stop,
        task,
    }
}

/// A registered node that beats once; drop it and it is gone.
async fn node(join: &str, key: &SigningKey) -> (quinn::Connection, quinn::SendStream) {
    let server = issuer_key().verifying_key().to_bytes();
    let endpoint = client_endpoint(&host::Host::system()).unwrap();
    let connection = connect(&endpoint, join, server, protocol::ALPN_CONTROL, Some(key))
        .await
        .unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let join = protocol::ControlRequest::Join {
        version: "test".into(),
        address: "node.test:1".into(),
    };
    write_frame(&mut send, &join).await.unwrap();
    let welcome = read_frame::<protocol::OrderFrame>(&mut recv).await.unwrap();
    assert_eq!(welcome, protocol::OrderFrame::Welcome);
    let beat = protocol::Heartbeat {
        sessions: 0,
        cached_bytes: 0,
        free_bytes: 0,
        draining: false,
        sessions_max: 1000,
        bandwidth_mbps: 100,
    };
    let beat = protocol::MemberFrame::Heartbeat(beat);
    write_frame(&mut send, &beat).await.unwrap();
    let seen = read_frame::<protocol::OrderFrame>(&mut recv).await.unwrap();
    assert_eq!(seen, protocol::OrderFrame::Seen);
    (connection, send)
}

async fn publish(http: &reqwest::Client, url: &str) {
    let bytes = b"some content";
    let content = ContentHash::from(*blake3::hash(bytes).as_bytes());
    let put = http.put(format!("{url}/v1/blobs/{content}"));
    let put = put.bearer_auth(TOKEN).body(&bytes[..]).send().await;
    assert!(put.unwrap().status().is_success());
    let manifest = Manifest::new(vec![Entry {
        path: "a".into(),
        content,
        size: bytes.len() as u64,
        media_type: "text/plain".into(),
    }]);
    let request = PublishRequest {
        name: "film".into(),
        manifest: manifest.unwrap().to_bytes().into(),
        payer: None,
        policy: None,
        kind: Vec::new(),
    };
    let post = http.post(format!("{url}/v1/collections"));
    let post = post.bearer_auth(TOKEN).json(&request).send().await;
    assert!(post.unwrap().status().is_success());
}

async fn route(http: &reqwest::Client, url: &str) -> protocol::Ticket {
    let request = protocol::api::RouteRequest::new("film", protocol::ClientKey::from([3; 32]));
    let answer = http.post(format!("{url}/v1/route")).json(&request);
    let answer = answer.send().await.unwrap().error_for_status().unwrap();
    let answer: RouteAnswer = answer.json().await.unwrap();
    answer.nodes[0].ticket.peek()
}

/// The root on chain of an epoch's log.
async fn committed(chain: &Chain, epoch: u64) -> B256 {
    let since = Instant::now();
    loop {
        if let Some(root) = chain.ticket_log(epoch, 0).await.unwrap() {
            return root;
        }
        assert!(since.elapsed() < PATIENCE, "epoch {epoch} isn't committed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_commits_what_it_issued() {
    let anvil = Anvil::start(&["--block-time", "1"]).expect("anvil starts");
    let rpc = anvil.url();
    let chain = network(rpc).await;
    let dir = tempfile::tempdir().unwrap();
    let key = B256::from(issuer_key().verifying_key().to_bytes());

    let refused = Control::start(config(rpc, &chain, dir.path())).await.err();
    assert!(matches!(refused, Some(StartError::NotAnIssuer { .. })));
    chain.add_issuer(key, committer().address()).await.unwrap();
    let mut other = config(rpc, &chain, dir.path());
    other.key = account();
    let refused = Control::start(other).await.err();
    assert!(matches!(refused, Some(StartError::NotCommitter { .. })));
    let refused = Control::start(config(rpc, &chain, dir.path())).await.err();
    let refused = refused.expect("nobody has deposited");
    assert!(matches!(refused, StartError::NotAPayer { .. }));
    let said = refused.to_string();
    assert!(said.contains(&account().address().to_string()), "{said}");
    chain.fund(U256::from(1000)).await.unwrap();
    let first = start(config(rpc, &chain, dir.path())).await;
    let refused = Control::start(config(rpc, &chain, dir.path())).await.err();
    assert!(matches!(refused, Some(StartError::InUse(_))), "{refused:?}");

    let node_key = SigningKey::from_bytes(&[7; 32]);
    let us = account().address();
    let proof = chain.key_proof(&node_key, us);
    chain.register_node(&proof, us).await.unwrap();
    let http = reqwest::Client::new();
    publish(&http, &first.admin).await;
    let member = node(&first.join, &node_key).await;
    let info = http.get(format!("{}/v1/network", first.url)).send().await;
    let info: NetworkInfo = info.unwrap().json().await.unwrap();
    assert_eq!((info.issuer_index, info.join_address), (0, first.join));
    let ticket = route(&http, &first.url).await;
    first.stop.cancel();
    first.task.await.unwrap();
    member.0.closed().await;

    // What was issued before the restart is committed after it.
    let second = start(config(rpc, &chain, dir.path())).await;
    let _member = node(&second.join, &node_key).await;
    let later = route(&http, &second.url).await;
    assert!(later.id > ticket.id, "{later:?} after {ticket:?}");
    for epoch in ticket.id.epoch..=later.id.epoch {
        let root = committed(&chain, epoch).await;
        let log = format!("{}/v1/epochs/{epoch}/tickets", second.url);
        let log = http.get(log).send().await.unwrap().bytes().await.unwrap();
        let log = TicketLog::from_bytes(&log).unwrap();
        assert_eq!(log.root().unwrap().hash(), root);
        for ticket in [ticket, later] {
            let stands = log.ticket(ticket.id.index) == Some(ticket);
            assert_eq!(stands, ticket.id.epoch == epoch);
        }
    }
    second.stop.cancel();
    second.task.await.unwrap();
}
