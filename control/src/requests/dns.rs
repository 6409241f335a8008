//! Authoritative DNS: a collection is a name in the zone, and its addresses are those of the nodes that the
//! decision function chooses for who asks. One name is that of the HTTP gateways near who asks.
//! What is answered is decided by the [rules](crate::rules::dns).

use crate::requests::route::RouteDesk;
use crate::rules::client_network::ClientNetwork;
use crate::rules::dns::{
    Decision, Directory, Family, Gateways, Limiter, Named, Nearby, PAYLOAD_MAX, Way, Zone,
    addresses, answer, hosts, scope,
};
use crate::rules::routing::turn_of_address;
use host::Mutex;
use host::{Datagrams, Listener, Stream};
use protocol::CollectionId;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Nodes looked at for an answer: those without an address of the wanted family are passed over.
const NODES_MAX: usize = 16;
/// Longest query that is read; the rest of longer ones is lost, and so they are malformed.
const QUERY_BYTES_MAX: usize = 4096;
/// TCP connections at once, and from one network.
const CONNECTIONS_MAX: usize = 512;
const CONNECTIONS_OF_NETWORK_MAX: usize = 32;
/// By when a query must have come, and an answer be taken.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Queries on one connection.
const QUERIES_OF_CONNECTION_MAX: usize = 1000;
/// Pause when the system gives no more connections or packets.
const PAUSE: Duration = Duration::from_millis(100);

impl Directory for RouteDesk {
    fn find(&self, labels: &str) -> Named {
        self.contents.catalogue.find_domain(labels)
    }

    fn nodes(&self, collection: CollectionId, from: IpAddr, family: Family) -> Nearby {
        let Some(collection) = self.contents.catalogue.find_id(&collection) else {
            return Nearby::default();
        };
        let chosen = self.decide(&collection, from, turn_of_address(from), NODES_MAX, &[]);
        let placement = chosen.decision.placement;
        let alike = chosen.overlay.alike(from, placement.how);
        let scope = scope(alike, chosen.decision.measured_first.is_some(), from);
        let picks = chosen.decision.picks.iter().zip(&chosen.nodes);
        let picked = picks.map(|(pick, (_, address))| (pick.zone, address.as_str()));
        let addresses = addresses(picked, family);
        Nearby { addresses, scope }
    }

    fn gateways(&self, from: IpAddr) -> Gateways {
        let overlay = self.nodes.members.overlay();
        let placement = overlay.place(from);
        let urls = self.gateways_near(&overlay.zones, placement.zone, turn_of_address(from));
        Gateways {
            hosts: hosts(&urls),
            scope: overlay.alike(from, placement.how),
        }
    }
}

/// Sockets of both kinds on one port.
pub(crate) struct Sockets {
    udp: Datagrams,
    tcp: Listener,
    /// Where they are.
    pub(crate) address: SocketAddr,
}

impl Sockets {
    pub(crate) fn bind(of: &host::Sockets, listen: SocketAddr) -> io::Result<Self> {
        let tcp = of.listen(listen)?;
        let address = tcp.local_addr()?;
        let udp = of.datagrams(address)?;
        Ok(Self { udp, tcp, address })
    }
}

/// Answers until told to stop.
pub(crate) async fn serve(
    desk: Arc<RouteDesk>,
    zone: Zone,
    sockets: Sockets,
    stop: CancellationToken,
) {
    let zone = Arc::new(zone);
    let Sockets { udp, tcp, .. } = sockets;
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = serve_udp(&desk, &zone, udp) => {}
        () = serve_tcp(&desk, &zone, tcp) => {}
    }
}

async fn serve_udp(desk: &RouteDesk, zone: &Zone, mut socket: Datagrams) {
    let start = Instant::now();
    let mut limiter = Limiter::new();
    loop {
        let (query, peer) = match socket.receive().await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "a DNS packet can't be received");
                sleep(PAUSE).await;
                continue;
            }
        };
        let from = peer.address.ip();
        desk.metrics.dns_queries.add(1);
        let way = match limiter.take(from.into(), start.elapsed().as_secs()) {
            Decision::Answer => Way::Udp,
            Decision::HoldBack => Way::HeldBack,
            Decision::Drop => {
                desk.metrics.dns_held_back.add(1);
                continue;
            }
        };
        if way == Way::HeldBack {
            desk.metrics.dns_held_back.add(1);
        }
        let query = &query[..query.len().min(QUERY_BYTES_MAX)];
        let Some(answer) = answer(zone, desk, query, from, way) else {
            continue;
        };
        debug_assert!(answer.len() <= usize::from(PAYLOAD_MAX));
        // Who can't be reached asks again.
        if let Err(error) = socket.send(&answer, peer).await {
            tracing::debug!(%error, "a DNS answer can't be sent");
        }
    }
}

/// Connections of each network; those without any aren't here.
type Open = Arc<Mutex<BTreeMap<ClientNetwork, usize>>>;

/// A connection's place among those of its network.
struct Seat {
    open: Open,
    network: ClientNetwork,
}

impl Seat {
    fn take(open: &Open, network: ClientNetwork) -> Option<Self> {
        let mut counts = open.lock();
        let count = counts.entry(network).or_default();
        if *count >= CONNECTIONS_OF_NETWORK_MAX {
            return None;
        }
        *count += 1;
        let open = open.clone();
        Some(Self { open, network })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.open.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

async fn serve_tcp(desk: &Arc<RouteDesk>, zone: &Arc<Zone>, mut listener: Listener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = Open::default();
    // Dropped with us, and then its connections end.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let slot = slots.clone().acquire_owned().await;
        let slot = slot.expect("nobody closes the semaphore");
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a DNS connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(seat) = Seat::take(&open, from.ip().into()) else {
            continue;
        };
        let (desk, zone) = (desk.clone(), zone.clone());
        connections.spawn(async move {
            let _held = (slot, seat);
            let _ = converse(&desk, &zone, stream, from.ip()).await;
        });
    }
}

/// Answers what comes on a connection, one after the other.
async fn converse(
    desk: &RouteDesk,
    zone: &Zone,
    mut stream: Box<dyn Stream>,
    from: IpAddr,
) -> io::Result<()> {
    let mut query = Vec::new();
    for _ in 0..QUERIES_OF_CONNECTION_MAX {
        let read = async {
            let length = usize::from(stream.read_u16().await?);
            if length > QUERY_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            query.resize(length, 0);
            stream.read_exact(&mut query).await.map(|_| ())
        };
        timeout(IDLE_TIMEOUT, read).await??;
        desk.metrics.dns_queries.add(1);
        let Some(answer) = answer(zone, desk, &query, from, Way::Tcp) else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        timeout(IDLE_TIMEOUT, stream.write_all(&framed)).await??;
    }
    Ok(())
}

#[cfg(test)]
#[path = "dns_tests.rs"]
mod tests;
