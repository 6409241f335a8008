//! The desk of routes: where a client goes, and the tickets it gets. A request is guarded, decided, covered by its
//! payer's funds, and only then issued for.

use crate::chain::funds::Funds;
use crate::chain::registry::{PayerError, Registry};
use crate::contents::catalogue::Collection;
use crate::contents::publication::PublicationDesk;
use crate::metrics::Metrics;
use crate::nodes::NodeDesk;
use crate::nodes::membership::{Ask, Chosen};
use crate::requests::explain::{explain, reasons};
use crate::requests::gateways::Gateways;
use crate::rules::access::ViewerRefused;
use crate::rules::issuing::NotIssued;
use crate::rules::issuing::Wanted;
use crate::rules::promises::Promised;
use crate::rules::routing::{self as rules, NoNode, no_node, ticket_bytes, turn, turn_of_address};
use crate::rules::tokens::Viewer;
use crate::tickets::issuer::{Grant, IssueError, Issuer};
use crate::tickets::quota::{NetworkExceeded, NetworkQuotas};
use crate::viewers::access::{Access, AccessRefused, check_country};
use contracts::Agreed;
use formats::rewriting::Pathway;
use host::Clock;
use protocol::api::{RouteAnswer, RouteExplanation, RouteRequest, RoutedNode};
use protocol::{
    Address, ClientKey, CountryRefused, Epoch, NodeId, SealKey, ServiceTargets, SignedTicket,
    ViewerToken,
};
use routing::{ZoneIndex, Zones};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// What routes are decided and issued with.
pub(crate) struct RouteDesk {
    pub(crate) contents: Arc<PublicationDesk>,
    pub(crate) nodes: Arc<NodeDesk>,
    pub(crate) gateways: Arc<Gateways>,
    pub(crate) access: Access,
    pub(crate) payers: Arc<Registry<Address>>,
    pub(crate) funds: Arc<Funds>,
    pub(crate) quotas: NetworkQuotas,
    /// From which quotas count their time.
    pub(crate) began: Instant,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) tickets_per_route: usize,
    pub(crate) agreed: Agreed,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

/// Why a client isn't sent anywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("there is no collection {0:?} here")]
    UnknownCollection(String),
    #[error(transparent)]
    NoNode(#[from] NoNode),
    #[error(
        "no HTTP gateway answers: the operator lists them in the zone file, and anyone can run `quittance gateway`"
    )]
    NoGateway,
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

impl RouteDesk {
    /// A collection by its id or name.
    pub(crate) fn find(&self, wanted: &str) -> Result<Arc<Collection>, RouteError> {
        // The answer repeats no more of a wrong name than people can read.
        let unknown = || RouteError::UnknownCollection(wanted.chars().take(80).collect());
        self.contents.catalogue.find(wanted).ok_or_else(unknown)
    }

    /// Whether a viewer may have a collection, and what is to be counted of its token. Cancel safe.
    async fn let_in(
        &self,
        collection: &Arc<Collection>,
        token: Option<&ViewerToken>,
        from: IpAddr,
    ) -> Result<Option<Viewer>, AccessRefused> {
        let overlay = self.nodes.members.overlay();
        self.access.let_in(&overlay, collection, token, from).await
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
            dispersion: self.nodes.fills.replicas,
            requires: &collection.policy.requires,
            exclude,
        };
        self.nodes.members.decide(&ask, Instant::now())
    }

    /// Why a decision has no node.
    fn no_node(&self, collection: &Collection, chosen: &Chosen, excluded: bool) -> RouteError {
        let healthy = self.nodes.members.healthy_count(Instant::now());
        let requires = &collection.policy.requires;
        no_node(&chosen.decision, healthy, requires, excluded).into()
    }

    /// Where a client that speaks HTTP takes a collection from: a gateway and the node it prefers, best
    /// first. Nothing is issued or counted; the gateway asks for tickets itself.
    ///
    /// The gateway has the token's text from the URL: whoever plays what names it there.
    pub(crate) async fn pathways(
        &self,
        collection: &Arc<Collection>,
        token: Option<&ViewerToken>,
        from: IpAddr,
    ) -> Result<Vec<Pathway>, RouteError> {
        let viewer = self.let_in(collection, token, from).await?;
        let turn = turn_of_address(from);
        let chosen = self.decide(collection, from, turn, self.tickets_per_route, &[]);
        if chosen.nodes.is_empty() {
            return Err(self.no_node(collection, &chosen, false));
        }
        let zones = &chosen.overlay.zones;
        let gateways = self.gateways_near(zones, chosen.decision.placement.zone, turn);
        let nodes: Vec<_> = chosen.nodes.iter().map(|(node, _)| *node).collect();
        let token = token.filter(|_| viewer.is_some()).map(ViewerToken::as_str);
        rules::pathways(collection.id, &nodes, &gateways, token).ok_or(RouteError::NoGateway)
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
        let refused = check_country(&self.nodes.members.overlay(), &collection, from).err();
        explained.refused = refused.map(|error| error.to_string());
        Ok(explained)
    }

    /// The epoch by the clock; `None` before the genesis.
    pub(crate) fn epoch_now(&self) -> Option<Epoch> {
        self.agreed.timeline().epoch_at_ms(self.clock.now_ms())
    }

    /// The service level of the epoch now.
    pub(crate) fn targets(&self) -> ServiceTargets {
        self.agreed.targets(self.epoch_now().unwrap_or_default())
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

    fn check_client(&self, client: &ClientKey) -> Result<(), RouteError> {
        match self.nodes.ordering.orders.is_revoked(client) {
            true => Err(RouteError::Revoked(*client)),
            false => Ok(()),
        }
    }

    /// Chooses nodes for a client at an address and issues a ticket for each. Cancel safe.
    pub(crate) async fn route(
        &self,
        request: &RouteRequest,
        from: IpAddr,
    ) -> Result<RouteAnswer, RouteError> {
        let collection = self.find(&request.collection)?;
        self.check_client(&request.client)?;
        let token = request.viewer_token.as_ref();
        let viewer = self.let_in(&collection, token, from).await?;
        let epoch = self
            .epoch_now()
            .ok_or(IssueError::from(NotIssued::BeforeGenesis))?;
        self.payers.check_payer(collection.payer).await?;
        let key = self.seal_key(&collection)?;

        let allowed = viewer.and_then(|viewer| viewer.bytes);
        let count = rules::tickets(allowed, self.tickets_per_route);
        let chosen = self.choose(request, from, &collection, count)?;

        let bytes = ticket_bytes(allowed, collection.bytes);
        let payer = collection.payer;
        self.cover(from, epoch, payer, chosen.nodes.len(), bytes)
            .await?;

        let tickets = self
            .issue(request.client, &collection, &chosen, viewer, bytes)
            .await?;
        let members = &self.nodes.members;
        members.note(collection.id, &chosen.decision);
        let nodes = chosen.nodes.into_iter().zip(tickets);
        // A node may have been revoked meanwhile, as the client may.
        let orders = &self.nodes.ordering.orders;
        let nodes = nodes.filter(|((node, _), _)| !orders.is_blocked(node));
        let nodes: Vec<_> = nodes
            .map(|((node, address), ticket)| RoutedNode {
                node,
                address,
                ticket,
            })
            .collect();
        if nodes.is_empty() {
            return Err(NoNode::None.into());
        }
        for routed in &nodes {
            self.nodes.fills.order(&routed.node, collection.id);
        }
        Ok(RouteAnswer {
            collection: collection.id,
            targets: self.targets(),
            nodes,
            key,
        })
    }

    /// The nodes for a client, after what it says of those it tried.
    fn choose(
        &self,
        request: &RouteRequest,
        from: IpAddr,
        collection: &Collection,
        count: usize,
    ) -> Result<Chosen, RouteError> {
        let (failed, measured) = (&request.exclude, &request.measured);
        let members = &self.nodes.members;
        members.record_reports(from, failed, measured, Instant::now());
        let turn = turn(&request.client);
        let chosen = self.decide(collection, from, turn, count, failed);
        match chosen.nodes.is_empty() {
            true => Err(self.no_node(collection, &chosen, !failed.is_empty())),
            false => Ok(chosen),
        }
    }

    /// Counts so many tickets against the client's network, and makes sure that the payer's funds are known.
    async fn cover(
        &self,
        from: IpAddr,
        epoch: Epoch,
        payer: Address,
        tickets: usize,
        bytes: u64,
    ) -> Result<(), RouteError> {
        let since = Instant::now().duration_since(self.began);
        self.quotas.take(from, tickets, bytes, since)?;
        let promised = Promised {
            tickets: tickets as u64,
            bytes: tickets as u128 * u128::from(bytes),
        };
        self.funds.prepare(epoch, payer, promised).await;
        Ok(())
    }

    /// A ticket for each node that was chosen.
    async fn issue(
        &self,
        client: ClientKey,
        collection: &Collection,
        chosen: &Chosen,
        viewer: Option<Viewer>,
        bytes_max: u64,
    ) -> Result<Vec<SignedTicket>, RouteError> {
        let nodes = chosen.nodes.iter().zip(reasons(chosen));
        let grants = nodes.map(|((node, _), reason)| Grant {
            wanted: Wanted {
                node: *node,
                client,
                collection: collection.id,
                payer: collection.payer,
                bytes_max,
                viewer,
            },
            reason,
        });
        let tickets = self.issuer.issue(grants.collect()).await?;
        // Nodes refuse what was issued before the revocation; nothing issued after it may leave.
        self.check_client(&client)?;
        if let Some(viewer) = &viewer {
            self.access.check_token(&viewer.hash)?;
        }
        self.metrics.tickets.add(tickets.len() as u64);
        Ok(tickets)
    }
}
