//! Real QUIC on the loopback: who is let in, what members are told, what is served.

use super::*;
use crate::core::Core;
use crate::testing::{FakeLedger, TestClock, core, issuer_key};
use protocol::Heartbeat;
use protocol::api::RouteRequest;
use protocol::{ALPN_CONTROL, Entry, GROUP_BYTES, Manifest, SigningKey};
use std::net::Ipv4Addr;
use transport::{PeerAuth, client_endpoint, connect, server_endpoint};

struct Server {
    core: Arc<Core>,
    ledger: FakeLedger,
    address: String,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let core = core(dir.path(), &TestClock::at(1_001_000));
        let ledger = FakeLedger::default();
        let registry = core.nodes.ordering.nodes.clone();
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let endpoint = server_endpoint(
            &host::Host::system(),
            any,
            &issuer_key(),
            &[ALPN_CONTROL],
            PeerAuth::Required,
        )
        .unwrap();
        let address = endpoint.local_addr().unwrap().to_string();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (chain, ending) = (ledger.clone(), stop.clone());
        tasks.spawn(async move { registry.follow(chain, ending).await });
        tasks.spawn(serve(endpoint, core.nodes.clone(), stop.clone()));
        Self {
            core,
            ledger,
            address,
            stop,
            tasks,
            _dir: dir,
        }
    }

    fn register(&self, key: &SigningKey) -> NodeId {
        let node = NodeId::from(key.verifying_key().to_bytes());
        self.ledger.with(|state| state.nodes.push(node));
        node
    }

    async fn connect(&self, key: &SigningKey) -> Connection {
        let server = issuer_key().verifying_key().to_bytes();
        let endpoint = client_endpoint(&host::Host::system()).unwrap();
        connect(&endpoint, &self.address, server, ALPN_CONTROL, Some(key))
            .await
            .unwrap()
    }

    /// Publishes one content, past HTTP.
    async fn publish(&self, bytes: &[u8]) -> (CollectionId, ContentHash) {
        let mut incoming = self.core.contents.store.incoming().unwrap();
        incoming.write(bytes.to_vec().into()).await.unwrap();
        let blob = incoming.finish(None).await.unwrap();
        let manifest = Manifest::new(vec![Entry {
            path: "a".into(),
            content: blob.hash(),
            size: blob.size(),
            media_type: "text/plain".into(),
        }])
        .unwrap();
        let payer = self.core.contents.payer;
        let published =
            self.core
                .contents
                .catalogue
                .publish("film", &manifest, payer, None, Vec::new(), 0);
        self.core.nodes.fills.replicate(&published.unwrap());
        (manifest.id(), blob.hash())
    }
}

async fn ask(connection: &Connection, request: &ControlRequest) -> (SendStream, RecvStream) {
    let (mut send, recv) = connection.open_bi().await.unwrap();
    write_frame(&mut send, request).await.unwrap();
    (send, recv)
}

fn join(address: &str) -> ControlRequest {
    ControlRequest::Join {
        version: "quittance/0.1".into(),
        address: address.into(),
    }
}

const LOCAL: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

const BEAT: Heartbeat = Heartbeat {
    sessions: 0,
    cached_bytes: 0,
    free_bytes: 1 << 30,
    draining: false,
    sessions_max: 1000,
    bandwidth_mbps: 100,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_until_the_chain_knows_it() {
    let server = Server::start();
    let key = SigningKey::from_bytes(&[1; 32]);
    let connection = server.connect(&key).await;
    let (_send, mut recv) = ask(&connection, &join("node.test:1")).await;
    let answer = read_frame::<OrderFrame>(&mut recv).await.unwrap();
    assert!(
        matches!(answer, OrderFrame::Refused { code: 42, .. }),
        "{answer:?}"
    );
    connection.closed().await;

    let connection = server.connect(&key).await;
    let fill = ControlRequest::Fill {
        content: ContentHash::from([0; 32]),
        offset: 0,
        length: 0,
    };
    let (_send, mut recv) = ask(&connection, &fill).await;
    let answer = read_frame::<FetchReply>(&mut recv).await.unwrap();
    assert!(
        matches!(answer, FetchReply::Refused { code: 42, .. }),
        "{answer:?}"
    );
    connection.closed().await;

    server.register(&key);
    let connection = server.connect(&key).await;
    let (_send, mut recv) = ask(&connection, &join("node.test:1")).await;
    let answer = read_frame::<OrderFrame>(&mut recv).await.unwrap();
    assert_eq!(answer, OrderFrame::Welcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_gets_traffic_orders_and_contents() {
    let mut server = Server::start();
    let key = SigningKey::from_bytes(&[1; 32]);
    let node = server.register(&key);
    let connection = server.connect(&key).await;
    let (mut send, mut recv) = ask(&connection, &join("node.test:1")).await;
    assert_eq!(
        read_frame::<OrderFrame>(&mut recv).await.unwrap(),
        OrderFrame::Welcome
    );
    write_frame(&mut send, &MemberFrame::Heartbeat(BEAT))
        .await
        .unwrap();
    assert_eq!(
        read_frame::<OrderFrame>(&mut recv).await.unwrap(),
        OrderFrame::Seen
    );

    let bytes = vec![7; GROUP_BYTES as usize + 5];
    let (collection, content) = server.publish(&bytes).await;
    let order = read_frame::<OrderFrame>(&mut recv).await.unwrap();
    assert_eq!(order, OrderFrame::Fill { collection });
    let request = RouteRequest::new("film", protocol::ClientKey::from([3; 32]));
    let answer = server.core.routes.route(&request, LOCAL).await.unwrap();
    assert_eq!(
        (answer.nodes[0].node, answer.nodes[0].address.as_str()),
        (node, "node.test:1")
    );
    assert_eq!(answer.nodes[0].ticket.peek().bytes_max, bytes.len() as u64);

    let (_send, mut recv) = ask(&connection, &ControlRequest::Manifest { collection }).await;
    let reply = read_frame::<FetchReply>(&mut recv).await.unwrap();
    let manifest = recv.read_to_end(1 << 20).await.unwrap();
    assert_eq!(
        reply,
        FetchReply::Ok {
            size: manifest.len() as u64
        }
    );
    assert_eq!(Manifest::from_bytes(&manifest).unwrap().id(), collection);

    let fill = |offset, length| ControlRequest::Fill {
        content,
        offset,
        length,
    };
    let (_send, mut recv) = ask(&connection, &fill(GROUP_BYTES, 5)).await;
    let reply = read_frame::<FetchReply>(&mut recv).await.unwrap();
    assert_eq!(
        reply,
        FetchReply::Ok {
            size: bytes.len() as u64
        }
    );
    assert!(recv.read_to_end(1 << 20).await.unwrap().ends_with(&[7; 5]));
    let (_send, mut recv) = ask(&connection, &fill(1, 5)).await;
    let reply = read_frame::<FetchReply>(&mut recv).await.unwrap();
    assert!(
        matches!(reply, FetchReply::Refused { code: 32, .. }),
        "{reply:?}"
    );
    let unknown = CollectionId::from([0; 32]);
    let request = ControlRequest::Manifest {
        collection: unknown,
    };
    let (_send, mut recv) = ask(&connection, &request).await;
    let reply = read_frame::<FetchReply>(&mut recv).await.unwrap();
    assert!(
        matches!(reply, FetchReply::Refused { code: 30, .. }),
        "{reply:?}"
    );

    server.stop.cancel();
    let code = u32::from(Code::ShuttingDown.to_u16());
    match connection.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            assert_eq!(close.error_code, code.into());
        }
        other => panic!("{other}"),
    }
    while let Some(ended) = server.tasks.join_next().await {
        ended.unwrap();
    }
    assert!(!server.core.nodes.members.list(Instant::now())[0].healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_resets_the_stream_and_not_the_connection() {
    let server = Server::start();
    let key = SigningKey::from_bytes(&[1; 32]);
    server.register(&key);
    let connection = server.connect(&key).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[0, 0, 0, 1, 99]).await.unwrap();
    let code = u32::from(Code::Malformed.to_u16());
    match recv.read_to_end(1).await {
        Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(reset))) => {
            assert_eq!(reset, code.into());
        }
        other => panic!("{other:?}"),
    }
    let (_send, mut recv) = ask(&connection, &join("0.0.0.0:1")).await;
    let answer = read_frame::<OrderFrame>(&mut recv).await.unwrap();
    assert!(
        matches!(answer, OrderFrame::Refused { code: 2, .. }),
        "{answer:?}"
    );
}
