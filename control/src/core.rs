//! What HTTP handlers and the join server share, and the two decisions they make with it: where a
//! client goes, and who fills what.

use crate::chain::funds::Funds;
use crate::chain::registry::{Registry, Standing};
use crate::contents::catalogue::Collection;
use crate::contents::publication::PublicationDesk;
use crate::metrics::Metrics;
use crate::nodes::holders::Holders;
use crate::nodes::membership::{Ask, Chosen, Members};
use crate::nodes::orders::{Orders, OrdersError, purge_all};
use crate::requests::explain::{explain, reasons};
use crate::requests::gateways::Gateways;
use crate::tickets::issuer::{Grant, IssueError, Issuer};
use crate::tickets::promises::Promised;
use crate::tickets::quota::{NetworkExceeded, NetworkQuotas};
use crate::tickets::token_usage::Viewer;
use crate::viewers::access::{Access, AccessRefused, ViewerRefused, check_country, ticket_bytes};
use contracts::Agreed;
use formats::rewriting::Pathway;
use host::Host;
use listener::Connections;
use protocol::{
    Address, ClientKey, CollectionId, CountryRefused, Epoch, IssuerKey, NO_VIEWER_TOKEN, Network,
    NodeId, Order, OrderAsk, OrderId, OrderRequest, OrderStatus, OrderSummary, PATTERN_BYTES_MAX,
    Revoked, RouteAnswer, RouteExplanation, RouteRequest, RoutedNode, SealKey, ServiceTargets,
    URI_SIGNING_PACKAGE, ViewerToken, keccak256,
};
use routing::{Why, ZoneIndex, Zones};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// The control plane's state; one per process.
pub(crate) struct Core {
    pub(crate) network: Network,
    pub(crate) issuer_key: IssuerKey,
    pub(crate) issuer_index: u32,
    pub(crate) join_address: String,
    pub(crate) agreed: Agreed,
    pub(crate) tickets_per_route: usize,
    pub(crate) replicas: usize,
    pub(crate) host: Host,
    pub(crate) contents: PublicationDesk,
    pub(crate) members: Members,
    /// Who has what.
    pub(crate) holders: Mutex<Holders>,
    pub(crate) orders: Arc<Orders>,
    /// The nodes that are registered.
    pub(crate) nodes: Arc<Registry<NodeId>>,
    /// Tickets that are out have expired after so long.
    pub(crate) ticket_ttl_ms: u64,
    pub(crate) gateways: Arc<Gateways>,
    /// URL at which clients reach this API; none: as they say.
    pub(crate) public_url: Option<String>,
    pub(crate) payers: Arc<Registry<Address>>,
    pub(crate) funds: Arc<Funds>,
    pub(crate) quotas: NetworkQuotas,
    /// From which quotas count their time.
    pub(crate) began: Instant,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) access: Access,
    pub(crate) metrics: Arc<Metrics>,
    /// Of both HTTP listeners.
    pub(crate) connections: Arc<Connections>,
}

/// Why a client isn't sent anywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("there is no collection {0:?} here")]
    UnknownCollection(String),
    #[error("no healthy node is connected at the moment")]
    NoNode,
    #[error("every healthy node is among those to be excluded, or full")]
    AllExcluded,
    #[error("every healthy node has as many sessions as it can")]
    Full,
    #[error(
        "no HTTP gateway answers: the operator lists them in the zone file, and anyone can run `quittance gateway`"
    )]
    NoGateway,
    #[error("no healthy node has what the collection requires: {}", .0.join(", "))]
    Lacks(Vec<String>),
    #[error(transparent)]
    Country(#[from] CountryRefused),
    #[error(transparent)]
    Viewer(#[from] ViewerRefused),
    #[error("client key {0} was revoked")]
    Revoked(ClientKey),
    #[error(transparent)]
    Network(#[from] NetworkExceeded),
    #[error(transparent)]
    Payer(#[from] PayerError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<AccessRefused> for RouteError {
    fn from(refused: AccessRefused) -> Self {
        match refused {
            AccessRefused::Country(refused) => Self::Country(refused),
            AccessRefused::Viewer(refused) => Self::Viewer(refused),
        }
    }
}

/// Why an account can't pay for deliveries: a verifier would refuse every receipt for its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayerError {
    #[error(
        "account {0} is to pay and never deposited into the vault: it must run `quittance contracts fund` first"
    )]
    Unknown(Address),
    #[error("the chain can't be asked at the moment whether account {0} can pay")]
    Undecided(Address),
}

impl Core {
    /// Whether an account is registered as a payer. Cancel safe.
    pub(crate) async fn check_payer(&self, payer: Address) -> Result<(), PayerError> {
        match self.payers.standing(&payer).await {
            Standing::Registered => Ok(()),
            Standing::Unknown => Err(PayerError::Unknown(payer)),
            Standing::Undecided => Err(PayerError::Undecided(payer)),
        }
    }

    pub(crate) fn find(&self, wanted: &str) -> Result<Arc<Collection>, RouteError> {
        // The answer repeats no more of a wrong name than people can read.
        let unknown = || RouteError::UnknownCollection(wanted.chars().take(80).collect());
        self.contents.catalogue.find(wanted).ok_or_else(unknown)
    }

    /// Whether a viewer may have a collection, and what is to be counted of its token. Cancel safe.
    async fn admit(
        &self,
        collection: &Arc<Collection>,
        token: Option<&ViewerToken>,
        from: IpAddr,
    ) -> Result<Option<Viewer>, AccessRefused> {
        let overlay = self.members.overlay();
        self.access.admit(&overlay, collection, token, from).await
    }

    /// The decision, whichever way a client comes in.
    pub(crate) fn decide(
        &self,
        collection: &Collection,
        from: IpAddr,
        turn: u64,
        count: usize,
        exclude: &[NodeId],
    ) -> Chosen {
        let ask = Ask {
            collection: collection.id,
            from,
            turn,
            count,
            dispersion: self.replicas,
            requires: &collection.policy.requires,
            exclude,
        };
        self.members.decide(&ask, Instant::now())
    }

    /// Why a decision has no node.
    fn no_node(&self, collection: &Collection, chosen: &Chosen, excluded: bool) -> RouteError {
        let lacks = |passed: &routing::Passed| passed.why == Why::Lacks;
        if self.members.healthy_count(Instant::now()) == 0 {
            RouteError::NoNode
        } else if chosen.decision.passed.iter().any(lacks) {
            RouteError::Lacks(collection.policy.requires.clone())
        } else if excluded {
            RouteError::AllExcluded
        } else {
            RouteError::Full
        }
    }

    /// Where a client that speaks HTTP takes a collection from: a gateway and the node it prefers, best
    /// first. Nothing is issued or counted; the gateway asks for tickets itself.
    ///
    /// The gateway has the token's text from the URL: whoever plays what names it there.
    pub(crate) async fn pathways(
        self: &Arc<Self>,
        collection: &Arc<Collection>,
        token: Option<&ViewerToken>,
        from: IpAddr,
    ) -> Result<Vec<Pathway>, RouteError> {
        let viewer = self.admit(collection, token, from).await?;
        let signed = match (viewer, token) {
            (Some(_), Some(token)) => format!("/;{URI_SIGNING_PACKAGE}={}", token.as_str()),
            _ => String::new(),
        };
        let turn = turn_of_address(from);
        let chosen = self.decide(collection, from, turn, self.tickets_per_route, &[]);
        if chosen.nodes.is_empty() {
            return Err(self.no_node(collection, &chosen, false));
        }
        let zones = &chosen.overlay.zones;
        let gateways = self.gateways_near(zones, chosen.decision.placement.zone, turn);
        if gateways.is_empty() {
            return Err(RouteError::NoGateway);
        }
        let of = |(node, _): &(NodeId, String), number: usize| Pathway {
            id: node.short(),
            base: format!(
                "{}{signed}/~{node}/{}/",
                gateways[number % gateways.len()],
                collection.id
            ),
        };
        let nodes = chosen.nodes.iter().enumerate();
        Ok(nodes.map(|(number, node)| of(node, number)).collect())
    }

    /// Gateways of a zone, or of the first to take its place that has any; in turns.
    pub(crate) fn gateways_near(&self, zones: &Zones, zone: ZoneIndex, turn: u64) -> Vec<String> {
        // The way from a client to its gateway is the one that has no fail-over but the player's.
        let near = std::iter::once(zone).chain(zones.fallbacks(zone).iter().copied());
        self.gateways.healthy(zones, near, turn)
    }

    /// Where a client at an address would be sent, and why. Nothing is issued or counted.
    pub(crate) fn explain(
        &self,
        wanted: &str,
        from: IpAddr,
    ) -> Result<RouteExplanation, RouteError> {
        let collection = self.find(wanted)?;
        let chosen = self.decide(&collection, from, 0, self.tickets_per_route, &[]);
        let mut explained = explain(collection.id, from, &chosen);
        let refused = check_country(&self.members.overlay(), &collection, from).err();
        explained.refused = refused.map(|error| error.to_string());
        Ok(explained)
    }

    /// The epoch by the clock; `None` before the genesis.
    pub(crate) fn epoch_now(&self) -> Option<Epoch> {
        self.agreed.timeline().epoch_at_ms(self.host.clock.now_ms())
    }

    /// The service level of the epoch now.
    pub(crate) fn targets(&self) -> ServiceTargets {
        self.agreed.targets(self.epoch_now().unwrap_or_default())
    }

    /// Chooses nodes for a client at an address and issues a ticket for each. Cancel safe.
    pub(crate) async fn route(
        self: &Arc<Self>,
        request: &RouteRequest,
        from: IpAddr,
    ) -> Result<RouteAnswer, RouteError> {
        let collection = self.find(&request.collection)?;
        let check = || match self.orders.is_revoked(&request.client) {
            true => Err(RouteError::Revoked(request.client)),
            false => Ok(()),
        };
        check()?;
        let token = request.viewer_token.as_ref();
        let viewer = self.admit(&collection, token, from).await?;
        let Some(epoch) = self.epoch_now() else {
            return Err(IssueError::BeforeGenesis.into());
        };
        self.check_payer(collection.payer).await?;
        let key = self.seal_key(&collection)?;
        let now = Instant::now();
        self.members
            .told(from, &request.exclude, &request.measured, now);
        let turn = turn(&request.client);
        // What a second and third node don't deliver would be lost to a token that allows so many bytes.
        let count = match viewer.is_some_and(|viewer| viewer.bytes.is_some()) {
            true => 1,
            false => self.tickets_per_route,
        };
        let chosen = self.decide(&collection, from, turn, count, &request.exclude);
        if chosen.nodes.is_empty() {
            let excluded = !request.exclude.is_empty();
            return Err(self.no_node(&collection, &chosen, excluded));
        }
        let bytes = ticket_bytes(viewer.as_ref(), collection.bytes);
        let tickets = chosen.nodes.len();
        self.quotas
            .take(from, tickets, bytes, now.duration_since(self.began))?;
        let promised = Promised {
            tickets: tickets as u64,
            bytes: tickets as u128 * u128::from(bytes),
        };
        self.funds.prepare(epoch, collection.payer, promised).await;
        let reasons = reasons(&chosen);
        let grants = chosen
            .nodes
            .iter()
            .zip(reasons)
            .map(|((node, _), reason)| Grant {
                node: *node,
                client: request.client,
                collection: collection.id,
                payer: collection.payer,
                bytes_max: bytes,
                viewer,
                reason,
            })
            .collect();
        let tickets = self.issuer.issue(grants).await?;
        // Nodes refuse what was issued before the revocation; nothing issued after it may leave.
        check()?;
        if let Some(viewer) = &viewer {
            self.access.check_token(&viewer.hash)?;
        }
        self.metrics.tickets.add(tickets.len() as u64);
        self.members.note(collection.id, &chosen.decision);
        for (node, _) in &chosen.nodes {
            self.order(node, collection.id);
        }
        let nodes = chosen.nodes.into_iter().zip(tickets);
        Ok(RouteAnswer {
            collection: collection.id,
            targets: self.targets(),
            nodes: nodes
                .map(|((node, address), ticket)| RoutedNode {
                    node,
                    address,
                    ticket,
                })
                .collect(),
            key,
        })
    }

    /// What opens a collection, if it is sealed.
    pub(crate) fn seal_key(&self, collection: &Collection) -> Result<Option<SealKey>, RouteError> {
        let Some(id) = &collection.seal_key else {
            return Ok(None);
        };
        let gone = || RouteError::UnknownCollection(collection.name.clone());
        // Only one that was unpublished this moment has none.
        self.contents.seal_keys.find(id).ok_or_else(gone).map(Some)
    }

    /// Tells the nodes that clients of each zone will be sent to first to fill a collection.
    pub(crate) fn replicate(&self, collection: &Collection) {
        let requires = &collection.policy.requires;
        let nodes = self.members.holders(collection.id, requires, self.replicas);
        for node in &nodes {
            self.order(node, collection.id);
        }
        tracing::info!(
            name = collection.name,
            collection = %collection.id,
            files = collection.files,
            bytes = collection.bytes,
            replicas = nodes.len(),
            "published"
        );
    }

    fn order(&self, node: &protocol::NodeId, collection: CollectionId) {
        if !self.members.order_fill(node, collection) {
            self.metrics.orders_dropped.add(1);
            tracing::debug!(%node, %collection, "no room for a fill order");
        }
    }
}

/// By which clients that are known by their address only take turns.
pub(crate) fn turn_of_address(from: IpAddr) -> u64 {
    let hash = keccak256(from.to_string());
    u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

/// Why an order isn't given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("there is no collection {0:?} here")]
    UnknownCollection(String),
    #[error("node {0} is not in this network's registry")]
    UnknownNode(NodeId),
    #[error("there is no zone {0:?} in the zone file")]
    UnknownZone(String),
    #[error("no node of these zones has joined within the hour: name nodes instead")]
    EmptyZones,
    #[error("say for which nodes or zones the order is")]
    NoNodes,
    #[error("a token's hash is never zero: that is where no token is needed")]
    NoToken,
    #[error("a revocation goes to all who may hold such tickets: name no nodes or zones")]
    Nodes,
    #[error("a path or pattern has 1 to {PATTERN_BYTES_MAX} bytes")]
    Pattern,
    #[error(transparent)]
    Orders(#[from] OrdersError),
}

impl Core {
    /// Gives an order, for an owner's account if it is one that asks. Blocking.
    pub(crate) fn give(
        &self,
        request: &OrderRequest,
        account: Option<Address>,
    ) -> Result<OrderStatus, OrderError> {
        let find = |wanted: &str| {
            let unknown = || OrderError::UnknownCollection(wanted.chars().take(80).collect());
            let found = self.contents.catalogue.find(wanted).ok_or_else(unknown)?;
            Ok::<_, OrderError>(found.id)
        };
        let now = self.host.clock.now_ms();
        let order = match &request.order {
            OrderAsk::Push { collection } => Order::Push {
                collection: find(collection)?,
            },
            OrderAsk::Purge { collection, paths } => Order::Purge {
                // Also what was unpublished, by its id.
                collection: collection.parse().or_else(|_| find(collection))?,
                paths: paths.clone(),
            },
            OrderAsk::Drain => Order::Drain,
            OrderAsk::Resume => Order::Resume,
            OrderAsk::Block => Order::Block,
            OrderAsk::Unblock => Order::Unblock,
            OrderAsk::Revoke(what) => Order::Revoke {
                what: *what,
                issued_until: now,
                until: now.saturating_add(self.ticket_ttl_ms),
            },
        };
        if matches!(&order, Order::Purge { paths, .. } if !paths.is_well_formed()) {
            return Err(OrderError::Pattern);
        }
        let nodes = self.ordered(&order, &request.nodes, &request.zones)?;
        let id = self.orders.give(&order, &nodes, account)?;
        self.members.hold(self.orders.held(), Instant::now());
        if let Order::Purge { collection, .. } = &order {
            self.unheld(collection);
        }
        tracing::info!(id, ?order, nodes = nodes.len(), "an order is given");
        let status = self.orders.status(id, None);
        Ok(status.expect("the newest order is kept"))
    }

    /// To whom an order goes.
    fn ordered(
        &self,
        order: &Order,
        nodes: &[NodeId],
        zones: &[String],
    ) -> Result<Vec<NodeId>, OrderError> {
        if let Order::Revoke { what, .. } = order {
            if !(nodes.is_empty() && zones.is_empty()) {
                return Err(OrderError::Nodes);
            }
            return match what {
                Revoked::Token(hash) if *hash == NO_VIEWER_TOKEN => Err(OrderError::NoToken),
                Revoked::Node(node) if !self.nodes.knows(node) => {
                    Err(OrderError::UnknownNode(*node))
                }
                Revoked::Node(node) => Ok(vec![*node]),
                _ => Ok(self.nodes.all()),
            };
        }
        if nodes.is_empty() && zones.is_empty() {
            return match order {
                Order::Purge { .. } => Ok(self.nodes.all()),
                _ => Err(OrderError::NoNodes),
            };
        }
        if let Some(unknown) = nodes.iter().find(|node| !self.nodes.knows(node)) {
            return Err(OrderError::UnknownNode(*unknown));
        }
        let mut all = nodes.to_vec();
        let overlay = self.members.overlay();
        for zone in zones {
            if overlay.zones.find(zone).is_none() {
                let zone = zone.chars().take(80).collect();
                return Err(OrderError::UnknownZone(zone));
            }
            all.extend(self.members.of_zone(zone));
        }
        match all.is_empty() {
            true => Err(OrderError::EmptyZones),
            false => Ok(all),
        }
    }

    /// A node says why an order isn't done yet. Of what stays at an origin, the origin's reason comes first. Blocking.
    pub(crate) fn order_failed(&self, node: &NodeId, id: OrderId, detail: &str) {
        let of_origin = self.orders.order(id).and_then(|order| match order {
            Order::Push { collection } => self.origin_trouble(&collection),
            _ => None,
        });
        match of_origin {
            Some(reason) if !detail.contains(&reason) => {
                self.orders
                    .trouble(node, id, &format!("{reason}: {detail}"));
            }
            _ => self.orders.trouble(node, id, detail),
        }
    }

    /// Why the first of a collection's contents that doesn't come from its origin doesn't. Blocking.
    fn origin_trouble(&self, collection: &CollectionId) -> Option<String> {
        if self.contents.origins.is_empty() {
            return None;
        }
        let manifest = self.contents.catalogue.manifest(collection).ok()?;
        let origins = manifest.entries().iter();
        let mut origins = origins.filter_map(|entry| self.contents.origins.find(&entry.content));
        origins.find_map(|origin| origin.trouble())
    }

    /// Has every node drop collections that are published no more. Blocking.
    pub(crate) fn purge_gone(
        &self,
        gone: &[CollectionId],
        account: Option<Address>,
    ) -> Result<Vec<OrderSummary>, OrderError> {
        let nodes = self.nodes.all();
        gone.iter()
            .map(|collection| {
                let id = self.orders.give(&purge_all(*collection), &nodes, account)?;
                self.unheld(collection);
                let status = self.orders.status(id, None);
                Ok(status.expect("the newest order is kept").summary)
            })
            .collect()
    }
}

/// By which a client takes turns with others.
fn turn(client: &ClientKey) -> u64 {
    u64::from_be_bytes(*client.as_bytes().first_chunk().expect("a key has 32 bytes"))
}
