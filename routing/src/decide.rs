//! The decision: zones in order, in each the nodes that the collection's draws find.

use crate::ring::throws;
use crate::table::{Node, Standing, Table};
use crate::zones::{How, Placement, ZoneIndex, Zones};
use protocol::{CollectionId, NodeId};
use serde::{Deserialize, Serialize};

/// Draws in one zone.
const DRAWS_MAX: u32 = 64;
/// Those passed over that a decision lists; more are counted.
pub const PASSED_LISTED_MAX: usize = 16;
/// A zone measured faster than the client's own by a quarter and by so many microseconds comes first.
const FASTER_MIN_US: u32 = 10_000;

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is to be delivered.
    pub collection: CollectionId,
    /// Where the client is.
    pub placement: Placement,
    /// A number of the client's own, evenly spread: those that share a collection take turns by it.
    pub turn: u64,
    /// Nodes wanted.
    pub count: usize,
    /// Over how many nodes of a zone a collection is spread however rarely it is asked for; at least 1.
    pub dispersion: u32,
    /// Capabilities that a node must have.
    pub requires: u64,
    /// Nodes that failed this client.
    pub exclude: &'a [NodeId],
    /// Round trips from the client's network to zones, in microseconds, where they were measured.
    pub measured: &'a [(ZoneIndex, u32)],
}

/// A node that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// Which.
    pub node: NodeId,
    /// Where it is.
    pub zone: ZoneIndex,
    /// Which of the collection's draws found it, from 0; none where a small zone was searched.
    pub draw: Option<u32>,
    /// Sessions it had.
    pub load: u32,
    /// Sessions it may have.
    pub bound: u32,
}

/// Why somebody was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It failed this client.
    Excluded,
    /// It has as many sessions as it may.
    Full {
        /// Sessions it has.
        load: u32,
        /// Sessions it may have.
        bound: u32,
    },
    /// It lacks a capability that the collection requires.
    Lacks,
    /// It takes no new sessions.
    Draining,
    /// It is gone, silent or failing.
    Down,
    /// Nobody has seen it deliver yet.
    Unproven,
    /// The operator of the network turned it away.
    Blocked,
    /// No node of the zone gets traffic.
    ZoneEmpty,
    /// No node of the zone that was tried can take the client.
    ZoneFull,
}

/// Who was passed over: a node, or a whole zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Which node; none if it is the zone.
    pub node: Option<NodeId>,
    /// Which zone.
    pub zone: ZoneIndex,
    /// Why.
    pub why: Why,
}

/// An answer, with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Where the client is.
    pub placement: Placement,
    /// The zone that measured round trips put before the client's own.
    pub measured_first: Option<ZoneIndex>,
    /// Over how many nodes of the first zone the collection is spread.
    pub spread: u32,
    /// Nodes in the order in which to try them; none if nobody can take the client.
    pub picks: Vec<Pick>,
    /// The first [`PASSED_LISTED_MAX`] that were passed over before the last pick.
    pub passed: Vec<Passed>,
    /// How many more were.
    pub passed_more: u32,
    /// Whether every node was above its bound, so that bounds were let go.
    pub overloaded: bool,
}

impl Decision {
    fn pass(&mut self, node: Option<NodeId>, zone: ZoneIndex, why: Why) {
        if self.passed.len() < PASSED_LISTED_MAX {
            self.passed.push(Passed { node, zone, why });
        } else {
            self.passed_more += 1;
        }
    }
}

/// Whether bounds are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bounds {
    Kept,
    /// Nodes take what they can.
    LetGo,
}

impl Table {
    /// Which nodes to send a client to. The table isn't changed: [`Table::note`] does that, if the decision
    /// is acted on.
    pub fn decide(&self, zones: &Zones, question: &Question<'_>) -> Decision {
        let mut decision = Decision {
            placement: question.placement,
            measured_first: None,
            spread: 0,
            picks: Vec::with_capacity(question.count),
            passed: Vec::new(),
            passed_more: 0,
            overloaded: false,
        };
        let order = order(zones, question, &mut decision.measured_first);
        self.try_zones(&order, question, Bounds::Kept, &mut decision);
        if decision.picks.is_empty() {
            self.try_zones(&order, question, Bounds::LetGo, &mut decision);
            decision.overloaded = !decision.picks.is_empty();
        }
        decision
    }

    /// Counts a decision that was acted on: its first node's load, and the demand for the collection.
    pub fn note(&self, collection: CollectionId, decision: &Decision) {
        if let Some(first) = decision.picks.first() {
            self.sent(&first.node, first.zone, collection);
        }
    }

    fn try_zones(
        &self,
        order: &[ZoneIndex],
        question: &Question<'_>,
        bounds: Bounds,
        decision: &mut Decision,
    ) {
        for zone in order.iter().copied() {
            if decision.picks.len() >= question.count {
                return;
            }
            let before = decision.picks.len();
            if self.zone_nodes(zone).available == 0 {
                // Zones without any node aren't worth a word.
                if !self.zone_nodes(zone).members.is_empty() && bounds == Bounds::Kept {
                    decision.pass(None, zone, Why::ZoneEmpty);
                }
                continue;
            }
            self.try_zone(zone, question, bounds, decision);
            if decision.picks.len() == before && bounds == Bounds::Kept {
                decision.pass(None, zone, Why::ZoneFull);
            }
        }
    }

    fn try_zone(
        &self,
        zone: ZoneIndex,
        question: &Question<'_>,
        bounds: Bounds,
        decision: &mut Decision,
    ) {
        let nodes = self.zone_nodes(zone);
        let members = nodes.members.len() as u32;
        let demanded = nodes.demand().spread(&question.collection, nodes.available);
        let spread = demanded.max(question.dispersion).clamp(1, members);
        if decision.picks.is_empty() {
            decision.spread = spread;
        }
        let start = (question.turn % u64::from(spread)) as u32;
        let mut seen = Vec::with_capacity(8);
        for step in 0..DRAWS_MAX {
            let draw = if step < spread {
                (start + step) % spread
            } else {
                step
            };
            let Some(slot) = nodes.ring.closest(&throws(&question.collection, draw)) else {
                break;
            };
            if seen.contains(&slot) {
                continue;
            }
            seen.push(slot);
            self.consider(self.node(slot), Some(draw), question, bounds, decision);
            if decision.picks.len() >= question.count {
                return;
            }
        }
        // Draws find the few nodes of a small zone again and again: the rest are searched.
        if members <= DRAWS_MAX && (seen.len() as u32) < members {
            let first = (question.turn % u64::from(members)) as usize;
            let (after, before) = (&nodes.members[first..], &nodes.members[..first]);
            for slot in after.iter().chain(before) {
                if !seen.contains(slot) {
                    self.consider(self.node(*slot), None, question, bounds, decision);
                }
                if decision.picks.len() >= question.count {
                    return;
                }
            }
        }
    }

    fn consider(
        &self,
        node: &Node,
        draw: Option<u32>,
        question: &Question<'_>,
        bounds: Bounds,
        decision: &mut Decision,
    ) {
        let (id, zone) = (node.spec.node, node.spec.zone);
        let bound = match bounds {
            Bounds::Kept => self.bound(node),
            Bounds::LetGo => node.spec.sessions_max,
        };
        let why = if let Some(why) = why_not(node.spec.standing) {
            why
        } else if question.requires & !node.spec.capabilities != 0 {
            Why::Lacks
        } else if question.exclude.contains(&id) {
            Why::Excluded
        } else if node.load() >= bound {
            let load = node.load();
            Why::Full { load, bound }
        } else {
            decision.picks.push(Pick {
                node: id,
                zone,
                draw,
                load: node.load(),
                bound,
            });
            return;
        };
        // The second time round everybody has been told why already.
        if bounds == Bounds::Kept {
            decision.pass(Some(id), zone, why);
        }
    }
}

fn why_not(standing: Standing) -> Option<Why> {
    match standing {
        Standing::Available => None,
        Standing::Draining => Some(Why::Draining),
        Standing::Down => Some(Why::Down),
        Standing::Unproven => Some(Why::Unproven),
        Standing::Blocked => Some(Why::Blocked),
    }
}

/// The client's own zone and what is tried after it; measured round trips can put one zone first.
fn order(
    zones: &Zones,
    question: &Question<'_>,
    measured_first: &mut Option<ZoneIndex>,
) -> Vec<ZoneIndex> {
    let home = question.placement.zone;
    let fallbacks = zones.fallbacks(home);
    let mut order = Vec::with_capacity(1 + fallbacks.len());
    order.push(home);
    order.extend_from_slice(fallbacks);
    // Who is nowhere is as near to one zone as to the next: all get their share of these.
    if question.placement.how == How::Nowhere && order.len() > 2 {
        let turn = (question.turn >> 32) % (order.len() as u64 - 1);
        order[1..].rotate_left(turn as usize);
    }
    let rtt = |zone: ZoneIndex| {
        let found = question
            .measured
            .iter()
            .find(|(measured, _)| *measured == zone);
        found.map(|(_, rtt)| *rtt)
    };
    let fastest = order
        .iter()
        .copied()
        .filter_map(|zone| Some((rtt(zone)?, zone)))
        .min();
    if let (Some(own), Some((least, fastest))) = (rtt(home), fastest) {
        let clearly = least.saturating_add(FASTER_MIN_US) < own && least < own / 4 * 3;
        if fastest != home && clearly {
            order.retain(|zone| *zone != fastest);
            order.insert(0, fastest);
            *measured_first = Some(fastest);
        }
    }
    order
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
