//! Endpoints and connections: sockets, TLS and every transport setting.

use crate::identity::{AnyKey, Expect, certified, provider};
use host::Host;
use protocol::{PublicKey, SigningKey};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::version::TLS13;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Flow control of one stream: 1 Gbit/s over 64 ms.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
/// Flow control of a connection: two streams at full speed.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// The same of a server: its peers send frames, never content.
const SERVER_STREAM_WINDOW_BYTES: u32 = 256 << 10;
const SERVER_CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// What a sender keeps for retransmission, per connection.
const SEND_WINDOW_BYTES: u64 = 8 << 20;
/// Streams a peer may have open at once.
const STREAMS_MAX: u32 = 128;
/// A silent peer is gone after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Keeps NAT mappings and connections alive.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A handshake that takes longer has failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("UDP {0} is in use: stop the program that holds it or choose another address")]
    InUse(SocketAddr),
    /// The system says no.
    #[error("cannot open UDP {address}: {source}")]
    Io {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Why a peer could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not `host:port`, or no such host.
    #[error("cannot find {address}: {source}")]
    Resolve {
        /// As given.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The settings don't allow it.
    #[error("cannot connect to {address}: {source}")]
    Setup {
        /// As given.
        address: String,
        /// Why.
        source: quinn::ConnectError,
    },
    /// No handshake.
    #[error("cannot connect to {address}: {source}")]
    Handshake {
        /// As given.
        address: String,
        /// Why; a peer with another key is a TLS alert here.
        source: quinn::ConnectionError,
    },
    /// No answer in time.
    #[error("{address} does not answer")]
    TimedOut {
        /// As given.
        address: String,
    },
}

/// Whether a server asks who its clients are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAuth {
    /// Clients are identified by their tickets.
    Anonymous,
    /// Clients must prove an ed25519 key.
    Required,
}

fn server_transport() -> Arc<TransportConfig> {
    let mut config = transport();
    // Keeping alive is the client's business: a server lets go of who has fallen silent.
    config
        .stream_receive_window(SERVER_STREAM_WINDOW_BYTES.into())
        .receive_window(SERVER_CONNECTION_WINDOW_BYTES.into());
    Arc::new(config)
}

fn client_transport() -> Arc<TransportConfig> {
    let mut config = transport();
    config
        .stream_receive_window(STREAM_WINDOW_BYTES.into())
        .receive_window(CONNECTION_WINDOW_BYTES.into())
        .keep_alive_interval(Some(KEEP_ALIVE));
    Arc::new(config)
}

fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .send_window(SEND_WINDOW_BYTES)
        .max_concurrent_bidi_streams(STREAMS_MAX.into())
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(
            IDLE_TIMEOUT.try_into().expect("20 s fit a VarInt of ms"),
        ));
    config
}

fn endpoint(
    host: &Host,
    address: SocketAddr,
    server: Option<quinn::ServerConfig>,
) -> Result<Endpoint, BindError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Io { address, source },
    };
    let socket = host.sockets.udp(address).map_err(failed)?;
    let mut config = EndpointConfig::default();
    config.rng_seed(Some(host.random.bytes()));
    Endpoint::new_with_abstract_socket(config, server, socket, Arc::new(TokioRuntime))
        .map_err(failed)
}

/// An endpoint that accepts connections for these application protocols under this key.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// If the address is taken or not ours.
pub fn server_endpoint(
    host: &Host,
    bind: SocketAddr,
    key: &SigningKey,
    alpns: &[&[u8]],
    peers: PeerAuth,
) -> Result<Endpoint, BindError> {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("the provider speaks TLS 1.3");
    let builder = match peers {
        PeerAuth::Anonymous => builder.with_no_client_auth(),
        PeerAuth::Required => builder.with_client_cert_verifier(Arc::new(AnyKey)),
    };
    let resolver = AlwaysResolvesServerRawPublicKeys::new(certified(key));
    let mut tls = builder.with_cert_resolver(Arc::new(resolver));
    tls.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
    let crypto = QuicServerConfig::try_from(tls).expect("AES-128-GCM is among the suites");
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(server_transport());
    endpoint(host, bind, Some(config))
}

/// An endpoint that only dials out, on any port, both IP versions where the system has them.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// If the system gives no socket.
pub fn client_endpoint(host: &Host) -> Result<Endpoint, BindError> {
    endpoint(host, (Ipv6Addr::UNSPECIFIED, 0).into(), None)
        .or_else(|_| endpoint(host, (Ipv4Addr::UNSPECIFIED, 0).into(), None))
}

/// A connection to come. Boxed: the body of an `async fn` is compiled in every crate that awaits it.
pub type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<quinn::Connection, ConnectError>> + Send + 'a>>;

/// Connects to the server with this key; with `identity`, proves ours where asked.
///
/// Tries every address the name resolves to, in turn. Cancel safe: a dropped attempt leaves nothing.
///
/// # Errors
/// If the name doesn't resolve, nobody answers, or the server has another key.
pub fn connect<'a>(
    endpoint: &'a Endpoint,
    address: &'a str,
    server: PublicKey,
    alpn: &'a [u8],
    identity: Option<&'a SigningKey>,
) -> Connecting<'a> {
    Box::pin(async move {
        let builder = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider speaks TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Expect(server)));
        let mut tls = match identity {
            None => builder.with_no_client_auth(),
            Some(key) => builder.with_client_cert_resolver(Arc::new(
                AlwaysResolvesClientRawPublicKeys::new(certified(key)),
            )),
        };
        tls.alpn_protocols = vec![alpn.to_vec()];
        let crypto = QuicClientConfig::try_from(tls).expect("AES-128-GCM is among the suites");
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(client_transport());

        let resolve = |source| ConnectError::Resolve {
            address: address.to_owned(),
            source,
        };
        let targets: Vec<_> = tokio::net::lookup_host(address)
            .await
            .map_err(resolve)?
            .collect();
        let mut last = resolve(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
        for target in targets {
            let target = mapped_for(endpoint, target);
            // Raw public keys carry no name; TLS wants one all the same.
            let connecting = match endpoint.connect_with(config.clone(), target, "quittance") {
                Ok(connecting) => connecting,
                Err(source) => {
                    last = ConnectError::Setup {
                        address: address.to_owned(),
                        source,
                    };
                    continue;
                }
            };
            last = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(source)) => ConnectError::Handshake {
                    address: address.to_owned(),
                    source,
                },
                Err(_) => ConnectError::TimedOut {
                    address: address.to_owned(),
                },
            };
        }
        Err(last)
    })
}

/// A dual-stack socket reaches IPv4 through mapped addresses.
fn mapped_for(endpoint: &Endpoint, target: SocketAddr) -> SocketAddr {
    match (endpoint.local_addr(), target) {
        (Ok(local), SocketAddr::V4(v4)) if local.is_ipv6() => {
            (v4.ip().to_ipv6_mapped(), v4.port()).into()
        }
        _ => target,
    }
}
