//! A decision in words.

use crate::membership::Chosen;
use crate::overlay::Overlay;
use protocol::{CollectionId, ExplainedNode, ExplainedPass, RouteExplanation};
use routing::{How, Pick, Why, ZoneIndex};
use std::net::IpAddr;

/// Who is sent where, and why, for people and programs.
pub(crate) fn explain(
    overlay: &Overlay,
    collection: CollectionId,
    from: IpAddr,
    chosen: &Chosen,
) -> RouteExplanation {
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
    let distance = |pick: &Pick| match (placement.position, zones.position(pick.zone)) {
        (Some(client), Some(zone)) => Some(client.distance_km(&zone)),
        _ => zones.distance_km(placement.zone, pick.zone),
    };
    let picks = decision.picks.iter().zip(&chosen.nodes);
    let nodes = picks.map(|(pick, (node, address))| ExplainedNode {
        node: *node,
        address: address.clone(),
        zone: name(pick.zone),
        distance_km: distance(pick),
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
