//! The process: what is opened at the start, in which order, and how it ends.

mod listening;
mod on_chain;
mod opened;
mod tasks;

use crate::chain::bills::Bills;
use crate::chain::commit::Committer;
use crate::chain::funds::{Funds, Source};
use crate::config::Config;
use crate::core::Core;
use crate::http::{self, AdminConfig};
use crate::metrics::Metrics;
use crate::nodes::membership::{Members, MembersConfig};
use crate::nodes::ordering::OrderDesk;
use crate::nodes::sources::FillDesk;
use crate::nodes::{NodeDesk, dial_back, join, reload};
use crate::requests::route::RouteDesk;
use crate::requests::{dns, gateways};
use crate::start_error::StartError;
use crate::status::Board;
use crate::tickets::issuer::Issuer;
use crate::tickets::quota::NetworkQuotas;
use crate::viewers::access::Access;
use contracts::Chain;
use disk::Lock;
use futures::future::BoxFuture;
use ipnet::IpNet;
use listener::Connections;
use listening::Listening;
use on_chain::OnChain;
use opened::{Map, Opened};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tasks::{Tasks, row};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a commitment that is under way may take when the process is to end; it is made good after
/// the next start.
const COMMIT_GRACE: Duration = Duration::from_secs(10);
/// How long most tasks have; connections to nodes close in it.
const GRACE: Duration = Duration::from_secs(5);
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

impl Control {
    /// Opens everything and begins to serve. It refuses to start on anything damaged or misconfigured,
    /// rather than serve half.
    ///
    /// # Errors
    /// [`StartError`], in one sentence that says what to do.
    pub fn start(config: Config) -> Running<Result<Self, StartError>> {
        Box::pin(Self::start_all(config))
    }

    async fn start_all(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let config = Arc::new(config);
        let on_chain = Arc::new(OnChain::read(&config).await?);
        let funds = Arc::new(Funds::new(config.payer_quota, config.cover_percent()));
        let opened = {
            let (config, on_chain, cover) = (config.clone(), on_chain.clone(), funds.clone());
            disk::run(move || Opened::open(&config, &on_chain, cover)).await?
        };
        let source = read_funds(&config, &on_chain.chain, &opened, &funds).await?;
        let listening = Listening::bind(&config).await?;
        let (at, lock, issuer) = (listening.at, opened.lock, opened.issuer.clone());
        let Map {
            files,
            marks,
            overlay,
        } = opened.map;
        let members = MembersConfig {
            timeout: config.node_timeout,
            dial_back: config.dial_back,
            idle_sessions: config.idle_sessions,
        };
        let access = Access::new(
            config.host.clock.clone(),
            opened.contents.catalogue.clone(),
            opened.orders.clone(),
        );
        let members = Arc::new(Members::new(members, overlay));
        members.hold(|| opened.orders.held(), Instant::now());
        let contents = Arc::new(opened.contents);
        let metrics = Arc::new(Metrics::default());
        let fills = Arc::new(FillDesk {
            network: on_chain.network,
            issuer_index: on_chain.seat.index,
            issuer: issuer.clone(),
            contents: contents.clone(),
            members: members.clone(),
            replicas: config.replicas,
            metrics: metrics.clone(),
            clock: config.host.clock.clone(),
            holders: host::Mutex::default(),
        });
        let ordering = OrderDesk {
            orders: opened.orders,
            nodes: on_chain.nodes.clone(),
            members: members.clone(),
            contents: contents.clone(),
            fills: fills.clone(),
            ticket_ttl_ms: config.ticket_ttl_ms(),
            clock: config.host.clock.clone(),
        };
        let nodes = Arc::new(NodeDesk {
            members,
            fills,
            ordering,
            contents: contents.clone(),
            issuer: issuer.clone(),
            agreed: on_chain.chain.agreed().clone(),
            metrics: metrics.clone(),
            host: config.host.clone(),
        });
        let routes = Arc::new(RouteDesk {
            contents: contents.clone(),
            nodes: nodes.clone(),
            gateways: Arc::default(),
            access,
            payers: on_chain.payers.clone(),
            funds: funds.clone(),
            quotas: NetworkQuotas::new(config.network_quota.clone()),
            began: Instant::now(),
            issuer: issuer.clone(),
            tickets_per_route: config.tickets_per_route,
            agreed: on_chain.chain.agreed().clone(),
            metrics: metrics.clone(),
            clock: config.host.clock.clone(),
        });
        let core = Arc::new(Core {
            network: on_chain.network,
            issuer_key: on_chain.issuer_key,
            issuer_index: on_chain.seat.index,
            join_address: match &config.public_join_address {
                Some(address) => address.clone(),
                None => at.join.to_string(),
            },
            public_url: config.public_url.clone(),
            agreed: on_chain.chain.agreed().clone(),
            routes,
            nodes,
            contents,
            issuer: issuer.clone(),
            payers: on_chain.payers.clone(),
            funds,
            metrics,
            connections: Arc::default(),
            host: config.host.clone(),
        });
        let committer = Committer::new(
            on_chain.chain.clone(),
            issuer.clone(),
            on_chain.seat,
            on_chain.chain.agreed().clone(),
            config.host.clock.clone(),
            core.metrics.clone(),
        );
        let admin = AdminConfig {
            gate: Arc::new(opened.gate),
            board: Arc::new(Board::new(core.clone(), committer.progress())),
            blob_bytes_max: config.blob_bytes_max,
        };
        let work = Work {
            chain: on_chain.chain.clone(),
            core,
            source,
            committer,
            listening,
            admin,
            map: (files, marks),
            trusted_proxies: config.trusted_proxies.clone(),
        };
        let tasks = Tasks::begin(work.table());
        tracing::info!(
            chain_id = on_chain.network.chain_id,
            settlement = %on_chain.network.settlement,
            issuer = on_chain.seat.index,
            http_addr = %at.http,
            admin_addr = %at.admin,
            join_addr = %at.join,
            dns = at.dns.map(tracing::field::display),
            "the control plane is up"
        );
        Ok(Self {
            http_addr: at.http,
            admin_addr: at.admin,
            join_addr: at.join,
            dns_addr: at.dns,
            issuer,
            tasks,
            _lock: lock,
        })
    }

    /// Serves until told to stop, then ends its tasks in the order of their table, every step bounded, then the ticket
    /// log: what is queued becomes durable. The data directory is free last.
    pub fn run_until(self, shutdown: CancellationToken) -> Running<()> {
        // Not a block: it would take only what it names, and the lock would be let go of at once.
        Box::pin(self.serve_until(shutdown))
    }

    async fn serve_until(mut self, shutdown: CancellationToken) {
        // A task that ends by itself has panicked; to go on without it would look healthy and not be.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => tracing::info!("shutting down"),
            task = self.tasks.ended() => tracing::error!(task, "a task has failed; shutting down"),
        }
        self.tasks.end().await;
        self.issuer.stop().await;
    }
}

/// What payers have, read once; gives where it is read from.
async fn read_funds(
    config: &Config,
    chain: &Chain,
    opened: &Opened,
    funds: &Funds,
) -> Result<Source<Chain>, StartError> {
    let mut source = Source::new(
        chain.clone(),
        opened.issuer.clone(),
        Bills::new(config.host.http.clone(), config.bills_from.clone()),
        chain.agreed().clone(),
        config.host.clock.clone(),
    );
    let published = opened.contents.catalogue.list();
    funds.watch(published.iter().map(|collection| collection.payer));
    funds.watch([config.payer]);
    funds.read(&mut source).await?;
    Ok(source)
}

/// What the tasks work with.
struct Work {
    chain: Chain,
    core: Arc<Core>,
    source: Source<Chain>,
    committer: Committer<Chain>,
    listening: Listening,
    admin: AdminConfig,
    map: (reload::MapFiles, reload::Marks),
    trusted_proxies: Vec<IpNet>,
}

impl Work {
    /// All tasks of the process, in the order in which they end:
    ///
    /// 1. DNS, which is asked again elsewhere, then HTTP, the admin API first: no new connections, open requests
    ///    end: no ticket is asked for any more.
    /// 2. Nodes: connections close with `shutting_down`; they serve on with the tickets that are out.
    ///    What they confirmed is written.
    /// 3. Commitments: one under way is finished, no new one begins.
    /// 4. The mirrors of registry, payers, their funds and parameters.
    fn table(self) -> Vec<tasks::Row> {
        let Self {
            chain,
            core,
            source,
            committer,
            listening,
            admin,
            map: (files, marks),
            trusted_proxies,
        } = self;
        let (board, connections) = (admin.board.clone(), core.connections.clone());
        let admin = http::admin(core.clone(), admin);
        let public = http::public(core.clone(), trusted_proxies);
        let overlay = {
            let members = core.nodes.members.clone();
            move || members.overlay()
        };
        let metrics = core.metrics.clone();
        let (nodes, payers, funds) = (
            core.nodes.ordering.nodes.clone(),
            core.payers.clone(),
            core.funds.clone(),
        );
        let (nodes_chain, payers_chain) = (chain.clone(), chain.clone());
        let serve = |listener, router, connections: &Arc<Connections>| {
            let connections = connections.clone();
            move |stop| http::serve(listener, router, connections, stop)
        };
        vec![
            row("dns", GRACE, {
                let routes = core.routes.clone();
                |stop| async move {
                    match listening.dns {
                        Some((zone, sockets)) => dns::serve(routes, zone, sockets, stop).await,
                        None => stop.cancelled().await,
                    }
                }
            }),
            // Whoever watches would else be waited for.
            row("status", GRACE, |stop| board.run(stop)),
            row(
                "admin",
                HTTP_GRACE,
                serve(listening.admin, admin, &connections),
            ),
            row(
                "http",
                HTTP_GRACE,
                serve(listening.http, public, &connections),
            ),
            row("dial_back", GRACE, |stop| {
                dial_back::run(core.nodes.clone(), stop)
            }),
            row("gateways", GRACE, |stop| {
                gateways::run(
                    core.routes.gateways.clone(),
                    core.host.http.clone(),
                    overlay,
                    stop,
                )
            }),
            row("map", GRACE, |stop| {
                reload::run(core.nodes.members.clone(), metrics, files, marks, stop)
            }),
            row("join", GRACE, |stop| {
                join::serve(listening.join, core.nodes.clone(), stop)
            }),
            row("orders", GRACE, |stop| {
                core.nodes.ordering.orders.clone().run(stop)
            }),
            row("commit", COMMIT_GRACE, |stop| committer.run(stop)),
            row("registry", GRACE, |stop| async move {
                nodes.follow(nodes_chain, stop).await
            }),
            row("payers", GRACE, |stop| async move {
                payers.follow(payers_chain, stop).await
            }),
            row("funds", GRACE, |stop| async move {
                funds.follow(source, stop).await
            }),
            row("agreed", GRACE, |stop| async move {
                let _ = stop.run_until_cancelled(chain.follow()).await;
            }),
        ]
    }
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
