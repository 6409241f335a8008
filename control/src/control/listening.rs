//! The sockets, bound before anything is served.

use crate::config::{Config, ConfigError};
use crate::requests::dns::Sockets;
use crate::rules::dns::Zone;
use crate::start_error::StartError;
use host::{Host, Listener};
use protocol::ALPN_CONTROL;
use quinn::Endpoint;
use std::net::SocketAddr;
use transport::{BindError, PeerAuth, server_endpoint};

/// What was bound, and where.
pub(super) struct Listening {
    pub(super) http: Listener,
    pub(super) admin: Listener,
    pub(super) join: Endpoint,
    pub(super) dns: Option<(Zone, Sockets)>,
    pub(super) at: Addresses,
}

/// Where the control plane is reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) join: SocketAddr,
    pub(super) dns: Option<SocketAddr>,
}

impl Listening {
    pub(super) async fn bind(config: &Config) -> Result<Self, StartError> {
        let host = &config.host;
        let (http, http_addr) = listen(host, config.listen)?;
        let (admin, admin_addr) = listen(host, config.admin_listen)?;
        if !admin_addr.ip().is_loopback() {
            tracing::warn!(%admin_addr, "the admin API can be reached from other machines: put a TLS proxy in front, tokens travel in the clear");
        }
        let join = server_endpoint(
            host,
            config.join_listen,
            &config.issuer_key,
            &[ALPN_CONTROL],
            PeerAuth::Required,
        )?;
        let join_addr = join.local_addr().map_err(|source| BindError::Io {
            address: config.join_listen,
            source,
        })?;
        let dns = match &config.dns {
            Some(dns) => {
                let listen = |source| StartError::ListenDns {
                    address: dns.listen,
                    source,
                };
                let zone = Zone::new(dns).map_err(ConfigError::from)?;
                let sockets = Sockets::bind(&host.sockets, dns.listen).map_err(listen)?;
                Some((zone, sockets))
            }
            None => None,
        };
        let at = Addresses {
            http: http_addr,
            admin: admin_addr,
            join: join_addr,
            dns: dns.as_ref().map(|(_, sockets)| sockets.address),
        };
        Ok(Self {
            http,
            admin,
            join,
            dns,
            at,
        })
    }
}

fn listen(host: &Host, address: SocketAddr) -> Result<(Listener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = host.sockets.listen(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
