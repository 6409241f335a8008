//! Bodies of every type that the APIs' description names: among those of a type there are all its fields, each
//! that may be absent once without, and every alternative. A field that is added has to be added here.

use crate::testing::{NETWORK, issuer_key};
use protocol::api::{
    CollectionSummary, EpochStatus, ExplainedNode, ExplainedPass, FillStatus, MeasuredNode,
    NetworkInfo, NetworkStatus, NodeInfo, NodeStatus, OrderAsk, OrderRequest, OrderState,
    OrderStatus, OrderSummary, OrderedNode, OriginState, OutstandingOrder, Package, PackageFormat,
    PayerStatus, PublishRequest, RouteAnswer, RouteExplanation, RouteRequest, RoutedNode,
    SealKeyRequest, TicketStatus, TrafficPoint, TrafficStatus, Version, ZoneStatus,
};
use protocol::{
    Address, B256, ClientKey, CollectionId, IssuerKey, NodeId, Order, Paths, Policy, Revoked,
    RewardTerms, SealKey, ServiceTargets, Ticket, TicketId, Timeline, ViewerKey, ViewerPoint,
    Windows,
};
use routing::Standing;

const STANDINGS: [Standing; 5] = [
    Standing::Available,
    Standing::Draining,
    Standing::Down,
    Standing::Unproven,
    Standing::Blocked,
];

fn node() -> NodeId {
    NodeId::from([1; 32])
}

fn client() -> ClientKey {
    ClientKey::from([2; 32])
}

fn collection_id() -> CollectionId {
    CollectionId::from([3; 32])
}

fn account() -> Address {
    Address::repeat_byte(4)
}

fn ticket_id() -> TicketId {
    TicketId {
        epoch: 5,
        issuer: 6,
        index: 7,
    }
}

fn targets() -> ServiceTargets {
    ServiceTargets {
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
    }
}

pub(super) fn seal_key() -> SealKey {
    SealKey::from_bytes([8; 32])
}

fn viewer_keys() -> Vec<ViewerKey> {
    let points = [
        ViewerPoint::Ed25519([9; 32]),
        ViewerPoint::P256 {
            x: [1; 32],
            y: [2; 32],
        },
    ];
    let key = |point| ViewerKey {
        kid: "key".into(),
        point,
        issuer: Some("studio".into()),
    };
    points.map(key).into()
}

pub(super) fn policy() -> Policy {
    Policy {
        viewer_keys: viewer_keys(),
        allow_countries: vec!["DE".parse().unwrap()],
        deny_countries: vec!["AU".parse().unwrap()],
        requires: vec!["tee".into()],
    }
}

fn packages() -> Vec<Package> {
    let package = |format| Package {
        format,
        renditions: 3,
        segments: 120,
    };
    [PackageFormat::Hls, PackageFormat::Dash]
        .map(package)
        .into()
}

pub(super) fn publish_requests() -> Vec<PublishRequest> {
    let full = PublishRequest {
        name: "film".into(),
        manifest: vec![1, 2].into(),
        payer: Some(account()),
        policy: Some(policy()),
        kind: packages(),
    };
    let least = PublishRequest {
        payer: None,
        policy: None,
        ..full.clone()
    };
    vec![full, least]
}

pub(super) fn route_request() -> RouteRequest {
    RouteRequest {
        collection: "film".into(),
        client: client(),
        exclude: vec![node()],
        measured: vec![MeasuredNode {
            node: node(),
            rtt_us: 1000,
        }],
        viewer_token: Some("aa.bb.cc".parse().unwrap()),
    }
}

pub(super) fn seal_key_request() -> SealKeyRequest {
    SealKeyRequest {
        name: "film".into(),
        fresh: true,
    }
}

fn all_paths() -> [Paths; 3] {
    [
        Paths::All,
        Paths::Path("a.ts".into()),
        Paths::Glob("**.ts".into()),
    ]
}

fn all_revoked() -> [Revoked; 4] {
    [
        Revoked::Ticket(ticket_id()),
        Revoked::Client(client()),
        Revoked::Node(node()),
        Revoked::Token(B256::repeat_byte(1)),
    ]
}

pub(super) fn order_requests() -> Vec<OrderRequest> {
    let collection = || "film".to_owned();
    let mut asks = vec![
        OrderAsk::Push {
            collection: collection(),
        },
        OrderAsk::Drain,
        OrderAsk::Resume,
        OrderAsk::Block,
        OrderAsk::Unblock,
    ];
    let purge = |paths| OrderAsk::Purge {
        collection: collection(),
        paths,
    };
    asks.extend(all_paths().map(purge));
    asks.extend(all_revoked().map(OrderAsk::Revoke));
    let request = |order| OrderRequest {
        order,
        nodes: vec![node()],
        zones: vec!["east".into()],
    };
    asks.into_iter().map(request).collect()
}

pub(super) fn order_summaries() -> Vec<OrderSummary> {
    let collection = collection_id();
    let mut orders = vec![
        Order::Push { collection },
        Order::Drain,
        Order::Resume,
        Order::Block,
        Order::Unblock,
    ];
    orders.extend(all_paths().map(|paths| Order::Purge { collection, paths }));
    orders.extend(all_revoked().map(|what| Order::Revoke {
        what,
        issued_until: 1,
        until: 2,
    }));
    let summary = |(number, order)| OrderSummary {
        id: 1,
        order,
        created_at: 2,
        outstanding: 3,
        confirmed: 4,
        moot: 5,
        trouble: (number > 0).then(|| "no room".into()),
    };
    orders.into_iter().enumerate().map(summary).collect()
}

pub(super) fn order_statuses() -> Vec<OrderStatus> {
    let states = [
        OrderState::Outstanding,
        OrderState::Confirmed,
        OrderState::Moot,
    ];
    let ordered = |state| OrderedNode {
        node: node(),
        state,
        at: 1,
        trouble: (state == OrderState::Outstanding).then(|| "no room".into()),
    };
    let status = |summary| OrderStatus {
        summary,
        nodes: states.map(ordered).into(),
    };
    order_summaries().into_iter().map(status).collect()
}

pub(super) fn collections() -> Vec<CollectionSummary> {
    let full = CollectionSummary {
        collection: collection_id(),
        name: "film".into(),
        files: 1,
        bytes: 2,
        payer: account(),
        policy: policy(),
        sealed: true,
        kind: packages(),
    };
    let least = CollectionSummary {
        policy: Policy::default(),
        kind: Vec::new(),
        ..full.clone()
    };
    vec![full, least]
}

pub(super) fn versions() -> Vec<Version> {
    let origin = |trouble: Option<&str>| OriginState {
        origin: "https://media.example".into(),
        trouble: trouble.map(str::to_owned),
    };
    let version = |summary, origin| Version {
        summary,
        published_at_ms: 1,
        current: true,
        origin,
    };
    let [full, least] = <[_; 2]>::try_from(collections()).unwrap();
    vec![
        version(full.clone(), Some(origin(Some("it has changed")))),
        version(full, Some(origin(None))),
        version(least, None),
    ]
}

pub(super) fn nodes() -> Vec<NodeInfo> {
    let info = |standing: Standing| NodeInfo {
        node: node(),
        address: "node.example:4433".into(),
        healthy: standing == Standing::Available,
        standing: standing.name().into(),
        reason: (standing != Standing::Available).then(|| "why".into()),
        zone: "east".into(),
        bound: 1,
        sessions: 2,
        cached_bytes: 3,
        heartbeat_age_ms: 4,
        version: "1".into(),
    };
    STANDINGS.map(info).into()
}

pub(super) fn route_answers() -> Vec<RouteAnswer> {
    let ticket = Ticket {
        network: NETWORK,
        id: ticket_id(),
        node: node(),
        client: client(),
        collection: collection_id(),
        payer: account(),
        viewer_token: B256::ZERO,
        bytes_max: 1,
        issued_at: 2,
        expires_at: 3,
    };
    let full = RouteAnswer {
        collection: collection_id(),
        targets: targets(),
        nodes: vec![RoutedNode {
            node: node(),
            address: "node.example:4433".into(),
            ticket: ticket.sign(&issuer_key()),
        }],
        key: Some(seal_key()),
    };
    let open = RouteAnswer {
        key: None,
        ..full.clone()
    };
    vec![full, open]
}

pub(super) fn explanations() -> Vec<RouteExplanation> {
    let explained = |number: Option<u32>| ExplainedNode {
        node: node(),
        address: "node.example:4433".into(),
        zone: "east".into(),
        distance_km: number,
        draw: number,
        load: 1,
        bound: 2,
    };
    let pass = |node| ExplainedPass {
        node,
        zone: "east".into(),
        why: "it is full".into(),
    };
    let full = RouteExplanation {
        collection: collection_id(),
        from: [192, 0, 2, 7].into(),
        zone: "east".into(),
        placed: "by its address".into(),
        measured_first: Some("west".into()),
        spread: 1,
        nodes: vec![explained(Some(1)), explained(None)],
        passed_over: vec![pass(Some(node())), pass(None)],
        passed_over_more: 2,
        overloaded: false,
        refused: Some("the owner doesn't offer it there".into()),
    };
    let least = RouteExplanation {
        measured_first: None,
        refused: None,
        ..full.clone()
    };
    vec![full, least]
}

pub(super) fn network_infos() -> Vec<NetworkInfo> {
    let windows = |epoch_length| Windows {
        epoch_length,
        ticket_tail: 1,
        commit_window: 2,
        force_window: 3,
        challenge_window: 4,
    };
    let first = Timeline::fixed(1000, windows(10));
    let info = |epoch, timeline| NetworkInfo {
        network: NETWORK,
        issuer: IssuerKey::from([5; 32]),
        issuer_index: 1,
        join_address: "join.example:4433".into(),
        epoch,
        timeline,
        terms: RewardTerms {
            price_per_gib: 1,
            sla_floor_ppm: 2,
        },
        targets: targets(),
    };
    vec![
        info(Some(7), first.clone().then(9, windows(20)).unwrap()),
        info(None, first),
    ]
}

pub(super) fn statuses() -> Vec<NetworkStatus> {
    let zone = |degrees| ZoneStatus {
        name: "east".into(),
        latitude: degrees,
        longitude: degrees,
        nodes: 1,
        available: 2,
        load: 3,
        bound: 4,
        bytes_per_s: 5,
    };
    let node_status = |standing: Standing| NodeStatus {
        node: node(),
        address: "node.example:4433".into(),
        standing: standing.name().into(),
        reason: (standing != Standing::Available).then(|| "why".into()),
        zone: "east".into(),
        sessions: 1,
        bound: 2,
        cached_bytes: 3,
        free_bytes: 4,
        heartbeat_age_ms: 5,
        version: "1".into(),
        bytes_per_s: 6,
        requests_per_s: 7,
        filling: 8,
        orders_outstanding: 9,
    };
    let payer = |left| PayerStatus {
        account: account(),
        registered: true,
        left,
        promised: 1,
        collections: 2,
        bytes: 3,
    };
    let order = |summary| OutstandingOrder {
        summary,
        waiting_for: vec![node()],
    };
    let status = |now| NetworkStatus {
        at: 1,
        version: "1".into(),
        uptime_ms: 2,
        network: NETWORK,
        issuer_index: 3,
        epochs: EpochStatus {
            now,
            left_ms: 1,
            attested_below: 2,
            committed_below: 3,
            missed: 4,
        },
        zones: vec![zone(Some(48.9)), zone(None)],
        nodes_registered: 4,
        nodes_known: 5,
        nodes_available: 6,
        nodes: STANDINGS.map(node_status).into(),
        traffic: TrafficStatus {
            sessions: 1,
            bytes_per_s: 2,
            requests_per_s: 3,
            bytes: 4,
            requests: 5,
            interval_ms: 6,
            history: vec![TrafficPoint {
                at: 1,
                bytes_per_s: 2,
                requests_per_s: 3,
                tickets: 4,
            }],
        },
        fills: FillStatus {
            running: 1,
            done: 2,
            bytes: 3,
        },
        orders_outstanding: 7,
        orders: order_summaries().into_iter().map(order).collect(),
        tickets: vec![TicketStatus {
            epoch: 1,
            issued: 2,
            redeemed: 3,
            closed: true,
        }],
        payers: vec![payer(Some(1)), payer(None)],
        collections: 8,
    };
    vec![status(Some(7)), status(None)]
}
