//! Where clients are sent, and what comes of it.

use super::{Members, State};
use crate::nodes::overlay::Overlay;
use crate::rules::client_network::ClientNetwork;
use protocol::api::MeasuredNode;
use protocol::{CollectionId, NodeId};
use routing::{Decision, How, Placement, Question, Standing};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) collection: CollectionId,
    pub(crate) from: IpAddr,
    /// A number of the client's own, evenly spread.
    pub(crate) turn: u64,
    pub(crate) count: usize,
    pub(crate) dispersion: usize,
    /// Capabilities that a node must have.
    pub(crate) requires: &'a [String],
    pub(crate) exclude: &'a [NodeId],
}

/// A decision, and where its nodes are reached.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) decision: Decision,
    /// The map that it was made by: what names its zones.
    pub(crate) overlay: Arc<Overlay>,
    pub(crate) nodes: Vec<(NodeId, String)>,
}

impl Members {
    /// Where a client is to be sent. Nothing is changed by asking; [`Members::note`] does that.
    pub(crate) fn decide(&self, ask: &Ask<'_>, now: Instant) -> Chosen {
        let now = self.since(now);
        loop {
            let silent = {
                let state = self.state();
                // Its zones are those of the map now.
                let measured = self.measured().of(ask.from.into());
                let overlay = state.overlay.clone();
                let question = Question {
                    collection: ask.collection,
                    placement: overlay.place(ask.from),
                    turn: ask.turn,
                    count: ask.count,
                    dispersion: ask.dispersion as u32,
                    requires: overlay.requires(ask.requires),
                    exclude: ask.exclude,
                    measured: &measured,
                };
                let decision = state.table.decide(&overlay.zones, &question);
                let picks = decision.picks.iter().map(|pick| pick.node);
                let silent: Vec<_> = picks
                    .clone()
                    .filter(|node| !self.is_available(&state, node, now))
                    .collect();
                if silent.is_empty() {
                    let address = |node| Some((node, state.members.get(&node)?.address.clone()));
                    let nodes = picks.filter_map(address).collect();
                    return Chosen {
                        decision,
                        overlay,
                        nodes,
                    };
                }
                silent
            };
            // Silence isn't an event: the table learns of it when it matters.
            let mut state = self.state_mut();
            for node in silent {
                if !self.is_available(&state, &node, now) {
                    state.table.set_standing(&node, Standing::Down);
                }
            }
        }
    }

    fn is_available(&self, state: &State, node: &NodeId, now: Duration) -> bool {
        let member = state.members.get(node);
        let standing = member.map(|member| member.standing(now, self.config.timeout).0);
        standing == Some(Standing::Available)
    }

    /// A client was sent where a decision says.
    pub(crate) fn note(&self, collection: CollectionId, decision: &Decision) {
        let state = self.state();
        state.table.note(collection, decision);
        let first = decision.picks.first();
        if let Some(member) = first.and_then(|pick| state.members.get(&pick.node)) {
            member.beats.sent();
        }
    }

    /// What a client says of nodes it tried.
    pub(crate) fn record_reports(
        &self,
        from: IpAddr,
        failed: &[NodeId],
        measured: &[MeasuredNode],
        now: Instant,
    ) {
        if failed.is_empty() && measured.is_empty() {
            return;
        }
        let network = ClientNetwork::from(from);
        let now = self.since(now);
        if !failed.is_empty() {
            let mut state = self.state_mut();
            for node in failed {
                if let Some(member) = state.members.get_mut(node) {
                    member.health.reported(network, now);
                    self.refresh(&mut state, node, now);
                }
            }
        }
        let state = self.state();
        for one in measured {
            if let Some(zone) = state.members.get(&one.node).map(|member| member.zone) {
                self.measured().note(network, zone, one.rtt_us);
            }
        }
    }

    /// The nodes of each zone that its clients will be sent to first for a collection.
    pub(crate) fn holders(
        &self,
        collection: CollectionId,
        requires: &[String],
        dispersion: usize,
    ) -> Vec<NodeId> {
        let state = self.state();
        let zones = &state.overlay.zones;
        let requires = state.overlay.requires(requires);
        let mut nodes = Vec::new();
        for zone in zones
            .all()
            .filter(|zone| state.table.zone(*zone).available > 0)
        {
            let question = Question {
                collection,
                placement: Placement {
                    zone,
                    how: How::Nowhere,
                    position: None,
                },
                turn: 0,
                count: dispersion,
                dispersion: dispersion as u32,
                requires,
                exclude: &[],
                measured: &[],
            };
            let decision = state.table.decide(zones, &question);
            let here = decision.picks.iter().filter(|pick| pick.zone == zone);
            nodes.extend(here.map(|pick| pick.node));
        }
        nodes
    }
}
