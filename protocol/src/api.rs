//! JSON bodies of the control plane's HTTP APIs, shared by those who serve and those who ask. SPEC section 12.
//!
//! Nothing here is signed, hashed or counted: what is has its place in the crate's root.

mod collections;
mod network;
mod orders;
mod origins;
mod route;
mod status;

pub use collections::{
    CollectionSummary, OriginState, Package, PackageFormat, PublishRequest, SealKeyRequest, Version,
};
pub use network::{NetworkInfo, NodeInfo};
pub use orders::{OrderAsk, OrderRequest, OrderState, OrderStatus, OrderSummary, OrderedNode};
pub use origins::{OriginSeal, OriginSource, OriginValidator};
pub use route::{
    ExplainedNode, ExplainedPass, MeasuredNode, RouteAnswer, RouteExplanation, RouteRequest,
    RoutedNode,
};
pub use status::{
    EpochStatus, FillStatus, NetworkStatus, NodeStatus, OutstandingOrder, PayerStatus,
    TicketStatus, TrafficPoint, TrafficStatus, ZoneStatus,
};
