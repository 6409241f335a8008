//! A decision in words.

use crate::nodes::membership::Chosen;
use crate::nodes::overlay::Overlay;
use crate::tickets::reasons::Reason;
use protocol::api::{ExplainedNode, ExplainedPass, RouteExplanation};
use protocol::{CollectionId, NodeId};
use routing::{Decision, How, Pick, Why, ZoneIndex};
use serde::Serialize;
use std::net::IpAddr;

/// Who is sent where, and why, for people and programs.
pub(crate) fn explain(collection: CollectionId, from: IpAddr, chosen: &Chosen) -> RouteExplanation {
    let overlay = &*chosen.overlay;
    let zones = &overlay.zones;
    let name = |zone: ZoneIndex| zones.name(zone).to_owned();
    let decision = &chosen.decision;
    let placement = decision.placement;
    let placed = match placement.how {
        How::Coverage(network) => format!("{network} is a network of the zone"),
        How::DeepCoverage(network) => format!("{network} is a network of the deep coverage zone"),
        How::Closest(km) => {
            format!("it is in no zone's network; this zone is the closest, {km} km away")
        }
        How::Nowhere => "it is in no zone's network, and its location isn't known".to_owned(),
    };
    let picks = decision.picks.iter().zip(&chosen.nodes);
    let nodes = picks.map(|(pick, (node, address))| ExplainedNode {
        node: *node,
        address: address.clone(),
        zone: name(pick.zone),
        distance_km: distance_km(overlay, decision, pick),
        draw: pick.draw,
        load: pick.load,
        bound: pick.bound,
    });
    let passed = decision.passed.iter().map(|passed| ExplainedPass {
        node: passed.node,
        zone: name(passed.zone),
        why: why(passed.why),
    });
    RouteExplanation {
        collection,
        from,
        zone: name(placement.zone),
        placed,
        measured_first: decision.measured_first.map(name),
        spread: decision.spread,
        nodes: nodes.collect(),
        passed_over: passed.collect(),
        passed_over_more: decision.passed_more,
        overloaded: decision.overloaded,
        refused: None,
    }
}

/// What a ticket's reason lists of those passed over; more are counted.
const PASSED_IN_REASON: usize = 4;

#[derive(Serialize)]
struct TicketReason<'a> {
    client_zone: &'a str,
    how: How,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_first: Option<&'a str>,
    rank: usize,
    zone: &'a str,
    distance_km: Option<u32>,
    draw: Option<u32>,
    spread: u32,
    load: u32,
    bound: u32,
    overloaded: bool,
    passed_over: Vec<PassedReason<'a>>,
    passed_over_more: usize,
}

#[derive(Serialize)]
struct PassedReason<'a> {
    node: Option<NodeId>,
    zone: &'a str,
    why: Why,
}

/// Why each of the chosen nodes was, as JSON for the ticket log's reasons.
pub(crate) fn reasons(chosen: &Chosen) -> Vec<Reason> {
    let overlay = &*chosen.overlay;
    let zones = &overlay.zones;
    let decision = &chosen.decision;
    let passed = decision.passed.iter().take(PASSED_IN_REASON);
    let passed = passed.map(|passed| PassedReason {
        node: passed.node,
        zone: zones.name(passed.zone),
        why: passed.why,
    });
    let mut reason = TicketReason {
        client_zone: zones.name(decision.placement.zone),
        how: decision.placement.how,
        measured_first: decision.measured_first.map(|zone| zones.name(zone)),
        rank: 0,
        zone: "",
        distance_km: None,
        draw: None,
        spread: decision.spread,
        load: 0,
        bound: 0,
        overloaded: decision.overloaded,
        passed_over: passed.collect(),
        passed_over_more: decision.passed.len().saturating_sub(PASSED_IN_REASON)
            + decision.passed_more as usize,
    };
    let picks = decision.picks.iter().enumerate();
    picks
        .map(|(rank, pick)| {
            reason.rank = rank;
            reason.zone = zones.name(pick.zone);
            reason.distance_km = distance_km(overlay, decision, pick);
            (reason.draw, reason.load, reason.bound) = (pick.draw, pick.load, pick.bound);
            serde_json::to_string(&reason)
                .expect("names, numbers and ids are JSON")
                .into()
        })
        .collect()
}

/// From the client, or from its zone where only that is on the map.
fn distance_km(overlay: &Overlay, decision: &Decision, pick: &Pick) -> Option<u32> {
    let (zones, placement) = (&overlay.zones, decision.placement);
    match (placement.position, zones.position(pick.zone)) {
        (Some(client), Some(zone)) => Some(client.distance_km(&zone)),
        _ => zones.distance_km(placement.zone, pick.zone),
    }
}

fn why(why: Why) -> String {
    match why {
        Why::Excluded => "it failed this client".into(),
        Why::Full { load, bound } => format!("it has {load} sessions and may have {bound}"),
        Why::Lacks => "it lacks a capability that the collection requires".into(),
        Why::Draining => "it takes no new sessions".into(),
        Why::Down => "it is gone, silent or failing".into(),
        Why::Unproven => "the control plane hasn't seen it deliver".into(),
        Why::Blocked => "the operator of the network has blocked it".into(),
        Why::ZoneEmpty => "no node of the zone gets traffic".into(),
        Why::ZoneFull => "no node of the zone that was tried can take the client".into(),
    }
}
