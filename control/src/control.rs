//! The process: what is opened at the start, in which order, and how it ends.

use crate::access::Access;
use crate::admin_tokens::Gate;
use crate::bills::Bills;
use crate::catalogue::{Catalogue, CatalogueError};
use crate::commit::{Committer, Seat};
use crate::config::{Config, ConfigError};
use crate::core::Core;
use crate::funds::{Funds, Source};
use crate::handed_in::HandedIn;
use crate::http::AdminConfig;
use crate::issuer::{Issuer, IssuerConfig};
use crate::membership::{Members, MembersConfig};
use crate::metrics::Metrics;
use crate::orders::Orders;
use crate::origin_address::Allowed;
use crate::origins::Origins;
use crate::overlay::Overlay;
use crate::quota::NetworkQuotas;
use crate::registry::Registry;
use crate::reload::{self, MapFiles};
use crate::seal_keys::SealKeys;
use crate::start_error::StartError;
use crate::status::Board;
use crate::{dial_back, dns, gateways, http, join};
use content::{OnDamage, Store};
use contracts::{Chain, ChainConfig};
use disk::{Lock, LockError};
use futures::future::BoxFuture;
use host::{Host, Listener};
use listener::Connections;
use protocol::{ALPN_CONTROL, Address, IssuerKey, Network, RECORDS_MAX, UnixMillis};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transport::{BindError, PeerAuth, server_endpoint};

/// How long a commitment that is under way may take when the process is to end; it is made good after
/// the next start.
const COMMIT_GRACE: Duration = Duration::from_secs(10);
/// How long connections to nodes have to close.
const JOIN_GRACE: Duration = Duration::from_secs(5);
/// Bodies of HTTP requests that are cut off end a little after their drain.
const HTTP_GRACE: Duration = Duration::from_secs(10);

/// What a control plane does, to be awaited. Boxed: the body of an `async fn` is compiled in every crate that awaits
/// it, and all of a control plane is below these; so it is compiled here alone.
pub type Running<T> = BoxFuture<'static, T>;

/// A control plane at work. Dropped, it stops without waiting for anything; [`Control::run_until`] ends it
/// in order.
pub struct Control {
    /// Where the public HTTP API is served.
    pub http_addr: SocketAddr,
    /// Where the admin API is served.
    pub admin_addr: SocketAddr,
    /// Where nodes join, UDP.
    pub join_addr: SocketAddr,
    /// Where DNS is answered, UDP and TCP, if it is.
    pub dns_addr: Option<SocketAddr>,
    issuer: Arc<Issuer>,
    tasks: Tasks,
    /// Held to the end: nobody else may write here.
    _lock: Lock,
}

/// The tasks, each with its own end, since they end one after the other.
struct Tasks {
    http: Task,
    admin: Task,
    status: Task,
    dns: Task,
    join: Task,
    commit: Task,
    registry: Task,
    payers: Task,
    funds: Task,
    agreed: Task,
    dial_back: Task,
    gateways: Task,
    map: Task,
    orders: Task,
}

struct Task {
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Task {
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Self {
        let stop = CancellationToken::new();
        let handle = tokio::spawn(run(stop.clone()));
        Self { stop, handle }
    }

    /// Stops it; after the grace, hard.
    async fn end(&mut self, what: &str, grace: Duration) {
        self.stop.cancel();
        // One that has panicked was awaited before, and may not be again.
        if self.handle.is_finished() {
            return;
        }
        if timeout(grace, &mut self.handle).await.is_err() {
            tracing::warn!(task = what, "did not end in time and is cut off");
            self.handle.abort();
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl Control {
    /// Opens everything and begins to serve. It refuses to start on anything damaged or misconfigured,
    /// rather than serve half.
    ///
    /// # Errors
    /// [`StartError`], in one sentence that says what to do.
    pub fn start(config: Config) -> Running<Result<Self, StartError>> {
        Box::pin(async move {
            config.check()?;
            let host = config.host.clone();
            let chain = ChainConfig {
                chain_id: config.chain_id,
                key: Some(config.key.clone()),
                ..ChainConfig::new(&host.http, config.rpc.clone(), config.settlement)
            };
            let chain = Chain::connect(&chain).await?;
            let (chain_id, settlement) = chain.network();
            let network = Network {
                chain_id,
                settlement,
            };
            let issuer_key = IssuerKey::from(config.issuer_key.verifying_key().to_bytes());
            let seat = find_seat(
                &chain,
                host.clock.now_ms(),
                issuer_key,
                config.key.address(),
            )
            .await?;
            let registry = Arc::new(Registry::new());
            registry.load(&chain).await?;
            let payers = Arc::new(Registry::new());
            payers.load(&chain).await?;
            if !payers.knows(&config.payer) {
                return Err(StartError::NotAPayer {
                    payer: config.payer,
                    vault: chain.vault(),
                    chain_id,
                });
            }

            let members = MembersConfig {
                timeout: config.node_timeout,
                dial_back: config.dial_back,
                idle_sessions: config.idle_sessions,
            };
            let clock = host.clock.clone();
            let issuer_config = IssuerConfig {
                network,
                issuer: seat.index,
                agreed: chain.agreed().clone(),
                ttl_ms: whole_ms(&config.ticket_ttl),
                tickets_max: RECORDS_MAX,
            };
            let (dir, key) = (config.data_dir.clone(), config.issuer_key.clone());
            let funds = Arc::new(Funds::new(config.payer_quota, config.cover_percent()));
            let issuer_funds = funds.clone();
            let files = MapFiles {
                zones: config.zone_file.clone(),
                locations: config.location_file.clone(),
            };
            let map = files.clone();
            let (opening, first_token) = (host.clone(), config.admin_token);
            let allowed = Allowed::new(&config.origins, config.private_origins);
            let allowed = allowed.map_err(ConfigError::Origin)?;
            let open = move || {
                // Before reading: what is changed meanwhile is read again.
                let marks = map.marks();
                let overlay = Overlay::read(map.zones.as_deref(), map.locations.as_deref())?;
                let opened =
                    Opened::open(&opening, &dir, issuer_config, key, issuer_funds, allowed)?;
                let gate = Gate::open(&opening, &dir, &first_token)?;
                Ok::<_, StartError>((opened, overlay, marks, gate))
            };
            let (opened, overlay, marks, gate) = disk::run(open).await?;

            let mut source = Source::new(
                chain.clone(),
                opened.issuer.clone(),
                Bills::new(host.http.clone(), config.bills_from),
                chain.agreed().clone(),
                clock.clone(),
            );
            let published = opened.catalogue.list();
            funds.watch(published.iter().map(|collection| collection.payer));
            funds.watch([config.payer]);
            funds.read(&mut source).await?;

            let (listener, http_addr) = listen(&host, config.listen)?;
            let (admin_listener, admin_addr) = listen(&host, config.admin_listen)?;
            if !admin_addr.ip().is_loopback() {
                tracing::warn!(%admin_addr, "the admin API can be reached from other machines: put a TLS proxy in front, tokens travel in the clear");
            }
            let endpoint = server_endpoint(
                &host,
                config.join_listen,
                &config.issuer_key,
                &[ALPN_CONTROL],
                PeerAuth::Required,
            )?;
            let join_addr = endpoint.local_addr().map_err(|source| BindError::Io {
                address: config.join_listen,
                source,
            })?;
            let dns = match &config.dns {
                Some(dns) => {
                    let listen = |source| StartError::ListenDns {
                        address: dns.listen,
                        source,
                    };
                    let zone = dns::Zone::new(dns).map_err(ConfigError::from)?;
                    let sockets = dns::Sockets::bind(&host.sockets, dns.listen).map_err(listen)?;
                    Some((zone, sockets))
                }
                None => None,
            };
            let dns_addr = dns.as_ref().map(|(_, sockets)| sockets.address);
            let metrics = Arc::new(Metrics::default());
            let connections = Arc::new(Connections::default());
            let ticket_ttl_ms = whole_ms(&config.ticket_ttl);
            let access = Access::new(
                clock.clone(),
                opened.catalogue.clone(),
                opened.orders.clone(),
            );
            let core = Arc::new(Core {
                network,
                issuer_key,
                issuer_index: seat.index,
                join_address: config
                    .public_join_address
                    .unwrap_or_else(|| join_addr.to_string()),
                agreed: chain.agreed().clone(),
                payer: config.payer,
                tickets_per_route: config.tickets_per_route,
                replicas: config.replicas,
                host: host.clone(),
                catalogue: opened.catalogue,
                store: opened.store,
                seal_keys: opened.seal_keys,
                origins: opened.origins,
                handed_in: opened.handed_in,
                members: Members::new(members, overlay),
                holders: Mutex::default(),
                orders: opened.orders.clone(),
                nodes: registry.clone(),
                ticket_ttl_ms,
                gateways: Arc::default(),
                public_url: config.public_url.clone(),
                payers: payers.clone(),
                funds: funds.clone(),
                quotas: NetworkQuotas::new(config.network_quota),
                began: Instant::now(),
                issuer: opened.issuer.clone(),
                access,
                metrics: metrics.clone(),
                connections: connections.clone(),
            });
            core.members.hold(core.orders.held(), Instant::now());
            let committer = Committer::new(
                chain.clone(),
                opened.issuer.clone(),
                seat,
                chain.agreed().clone(),
                clock,
                metrics,
            );
            let board = Arc::new(Board::new(core.clone(), committer.progress()));
            let (following, payers_chain) = (registry.clone(), chain.clone());
            let agreed_chain = chain.clone();
            let admin = AdminConfig {
                gate: Arc::new(gate),
                board: board.clone(),
                blob_bytes_max: config.blob_bytes_max,
            };
            let admin = http::admin(core.clone(), admin);
            let tasks = Tasks {
                registry: Task::spawn(|stop| async move { following.follow(chain, stop).await }),
                payers: Task::spawn(|stop| async move { payers.follow(payers_chain, stop).await }),
                funds: Task::spawn(|stop| async move { funds.follow(source, stop).await }),
                agreed: Task::spawn(|stop| async move {
                    let _ = stop.run_until_cancelled(agreed_chain.follow()).await;
                }),
                commit: Task::spawn(|stop| committer.run(stop)),
                orders: Task::spawn(|stop| opened.orders.run(stop)),
                gateways: Task::spawn({
                    let core = core.clone();
                    |stop| {
                        gateways::run(
                            core.gateways.clone(),
                            core.host.http.clone(),
                            move || core.members.overlay(),
                            stop,
                        )
                    }
                }),
                map: Task::spawn({
                    let core = core.clone();
                    |stop| reload::run(core, files, marks, stop)
                }),
                dial_back: Task::spawn({
                    let core = core.clone();
                    |stop| dial_back::run(core, stop)
                }),
                dns: Task::spawn({
                    let core = core.clone();
                    |stop| async move {
                        match dns {
                            Some((zone, sockets)) => dns::serve(core, zone, sockets, stop).await,
                            None => stop.cancelled().await,
                        }
                    }
                }),
                join: Task::spawn(|stop| join::serve(endpoint, core.clone(), registry, stop)),
                status: Task::spawn(|stop| board.run(stop)),
                admin: Task::spawn({
                    let connections = connections.clone();
                    |stop| http::serve(admin_listener, admin, connections, stop)
                }),
                http: Task::spawn({
                    let public = http::public(core, config.trusted_proxies);
                    |stop| http::serve(listener, public, connections, stop)
                }),
            };
            tracing::info!(
                chain_id,
                %settlement,
                issuer = seat.index,
                %http_addr,
                %admin_addr,
                %join_addr,
                dns = dns_addr.map(tracing::field::display),
                "the control plane is up"
            );
            Ok(Self {
                http_addr,
                admin_addr,
                join_addr,
                dns_addr,
                issuer: opened.issuer,
                tasks,
                _lock: opened.lock,
            })
        })
    }

    /// Serves until told to stop, then ends in this order, every step bounded:
    ///
    /// 1. DNS, which is asked again elsewhere, then HTTP, the admin API first: no new connections, open requests
    ///    end: no ticket is asked for any more.
    /// 2. Nodes: connections close with `shutting_down`; they serve on with the tickets that are out.
    ///    What they confirmed is written.
    /// 3. Commitments: one under way is finished, no new one begins.
    /// 4. The mirrors of registry, payers, their funds and parameters.
    /// 5. The ticket log: what is queued becomes durable, the task ends.
    /// 6. The data directory is free.
    pub fn run_until(self, shutdown: CancellationToken) -> Running<()> {
        // Not a block: it would take only what it names, and the lock would be let go of at once.
        Box::pin(self.serve_until(shutdown))
    }

    async fn serve_until(mut self, shutdown: CancellationToken) {
        let tasks = &mut self.tasks;
        // A task that ends by itself has panicked; to go on without it would look healthy and not be.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => tracing::info!("shutting down"),
            _ = &mut tasks.http.handle => tracing::error!("the HTTP server has failed; shutting down"),
            _ = &mut tasks.admin.handle => tracing::error!("the admin API's server has failed; shutting down"),
            _ = &mut tasks.status.handle => tracing::error!("the status has failed; shutting down"),
            _ = &mut tasks.dns.handle => tracing::error!("the DNS server has failed; shutting down"),
            _ = &mut tasks.join.handle => tracing::error!("the join server has failed; shutting down"),
            _ = &mut tasks.commit.handle => tracing::error!("committing has failed; shutting down"),
            _ = &mut tasks.dial_back.handle => tracing::error!("dialling nodes back has failed; shutting down"),
            _ = &mut tasks.gateways.handle => tracing::error!("watching gateways has failed; shutting down"),
            _ = &mut tasks.map.handle => tracing::error!("watching the zone file has failed; shutting down"),
            _ = &mut tasks.orders.handle => tracing::error!("keeping orders has failed; shutting down"),
            _ = &mut tasks.registry.handle => tracing::error!("the registry's mirror has failed; shutting down"),
            _ = &mut tasks.agreed.handle => tracing::error!("following the parameters has failed; shutting down"),
            _ = &mut tasks.payers.handle => tracing::error!("the payers' mirror has failed; shutting down"),
            _ = &mut tasks.funds.handle => tracing::error!("reading payers' funds has failed; shutting down"),
        }
        tasks.dns.end("dns", JOIN_GRACE).await;
        // Whoever watches would else be waited for.
        tasks.status.end("status", JOIN_GRACE).await;
        tasks.admin.end("admin", HTTP_GRACE).await;
        tasks.http.end("http", HTTP_GRACE).await;
        tasks.dial_back.end("dial_back", JOIN_GRACE).await;
        tasks.gateways.end("gateways", JOIN_GRACE).await;
        tasks.map.end("map", JOIN_GRACE).await;
        tasks.join.end("join", JOIN_GRACE).await;
        tasks.orders.end("orders", JOIN_GRACE).await;
        tasks.commit.end("commit", COMMIT_GRACE).await;
        tasks.registry.end("registry", JOIN_GRACE).await;
        tasks.payers.end("payers", JOIN_GRACE).await;
        tasks.funds.end("funds", JOIN_GRACE).await;
        tasks.agreed.end("agreed", JOIN_GRACE).await;
        self.issuer.stop().await;
    }
}

fn listen(host: &Host, address: SocketAddr) -> Result<(Listener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = host.sockets.listen(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Runs a control plane until told to stop.
///
/// # Errors
/// If it doesn't start.
pub fn run(config: Config, shutdown: CancellationToken) -> Running<Result<(), StartError>> {
    Box::pin(async move {
        let control = Control::start(config).await?;
        control.run_until(shutdown).await;
        Ok(())
    })
}

/// The issuer whose tickets are signed with that key now. One that rotates its key has the old one until the epoch
/// of the new one begins.
async fn find_seat(
    chain: &Chain,
    now: UnixMillis,
    key: IssuerKey,
    account: Address,
) -> Result<Seat, StartError> {
    // `now` is of the clock that tickets are issued by.
    let epoch = chain.timeline().epoch_at_ms(now).unwrap_or_default();
    let mut seat = None;
    for issuer in chain.issuers().await? {
        if chain.issuer_key_at(issuer.index, epoch).await? == key.0 {
            seat = Some(issuer);
            break;
        }
        if issuer.key == key.0 {
            return Err(StartError::KeyOfLater {
                key,
                issuer: issuer.index,
                epoch,
            });
        }
    }
    let Some(found) = seat else {
        let (chain_id, settlement) = chain.network();
        return Err(StartError::NotAnIssuer {
            key,
            settlement,
            chain_id,
        });
    };
    if found.committer != account {
        return Err(StartError::NotCommitter {
            issuer: found.index,
            committer: found.committer,
            account,
        });
    }
    Ok(Seat {
        index: found.index,
        added_at: found.added_at,
    })
}

/// What is on disk.
struct Opened {
    lock: Lock,
    store: Store,
    catalogue: Arc<Catalogue>,
    seal_keys: Arc<SealKeys>,
    origins: Origins,
    handed_in: HandedIn,
    orders: Arc<Orders>,
    issuer: Arc<Issuer>,
}

impl Opened {
    /// Blocking.
    fn open(
        host: &Host,
        dir: &Path,
        issuer: IssuerConfig,
        key: protocol::SigningKey,
        funds: Arc<Funds>,
        allowed: Allowed,
    ) -> Result<Self, StartError> {
        let (disk, clock) = (&host.disk, host.clock.clone());
        let lock = disk.lock(dir).map_err(|error| match error {
            LockError::InUse(dir) => StartError::InUse(dir),
            LockError::Disk(error) => error.into(),
        })?;
        // Nothing may be evicted, and nothing damaged dropped: this is where everything comes from.
        let store = Store::open(disk, &dir.join("store"), u64::MAX, OnDamage::Refuse)?;
        let catalogue = Catalogue::open(disk, &dir.join("catalogue"))?;
        let seal_keys = Arc::new(SealKeys::open(host, dir)?);
        let origins = Origins::open(host, &dir.join("origins"), allowed, seal_keys.clone())?;
        warn_of_missing(&catalogue, &store, &origins)?;
        for id in catalogue.ids() {
            if let Some(found) = catalogue.find_id(&id)
                && let Some(key) = &found.seal_key
            {
                seal_keys.check(id, &found.name, key)?;
            }
        }
        // Where it wasn't kept yet, what an account pays for is what it handed in.
        let handed_in = HandedIn::open(
            disk,
            dir,
            |content| store.contains(content) || origins.find(content).is_some(),
            || catalogue.contents().map_err(StartError::from),
        )?;
        let orders = Orders::open(disk, dir, clock.clone())?;
        let issuer = Issuer::open(disk, &dir.join("tickets"), issuer, key, clock, funds)?;
        Ok(Self {
            lock,
            store,
            catalogue: Arc::new(catalogue),
            seal_keys,
            origins,
            handed_in,
            orders: Arc::new(orders),
            issuer: Arc::new(issuer),
        })
    }
}

fn whole_ms(duration: &Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Nodes may still have what is missing here, so it isn't a reason not to start; but nobody can fill it.
fn warn_of_missing(
    catalogue: &Catalogue,
    store: &Store,
    origins: &Origins,
) -> Result<(), CatalogueError> {
    for id in catalogue.ids() {
        let manifest = catalogue.manifest(&id)?;
        let mut missing = manifest.entries().iter().filter(|entry| {
            !store.contains(&entry.content) && origins.find(&entry.content).is_none()
        });
        if let Some(first) = missing.next() {
            tracing::error!(
                collection = %id,
                missing = missing.count() + 1,
                first = %first.content,
                path = first.path,
                "contents of a collection are not in the store: upload them again"
            );
        }
    }
    Ok(())
}
