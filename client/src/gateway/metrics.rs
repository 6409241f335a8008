//! Counters, as Prometheus reads them. Names end in a unit or `_total`.

use crate::summary::Summary;
use listener::{Connections, write_metric};

listener::counters! {
    requests: "quittance_gateway_requests_total", "Requests that were answered.";
    refused: "quittance_gateway_requests_refused_total", "Of these, with a status of 400 and more.";
    sent: "quittance_gateway_sent_bytes_total", "Content bytes handed to players.";
    broken: "quittance_gateway_responses_broken_total", "Responses cut short because no node delivered the rest.";
    hits: "quittance_gateway_cache_hits_total", "Files answered from memory.";
    collapsed: "quittance_gateway_cache_collapsed_total", "Files answered by a fetch that was under way.";
    stored: "quittance_gateway_cache_fills_total", "Files taken into memory because they were asked for.";
    passed: "quittance_gateway_cache_passed_total", "Files and ranges passed through.";
    ahead: "quittance_gateway_prefetched_total", "Files taken into memory before they were asked for.";
    playlists: "quittance_gateway_playlists_total", "Playlists read for what comes next.";
}

impl Metrics {
    /// Prometheus text format 0.0.4, with what goes up and down and what the client counts.
    pub(super) fn text(&self, connections: &Connections, cached: u64, client: &Summary) -> String {
        let mut out = String::new();
        self.write_counters(&mut out);
        let acked = client.nodes.values().map(|node| node.bytes_acked).sum();
        for (name, kind, help, value) in [
            (
                "connections",
                "gauge",
                "Open connections.",
                connections.open(),
            ),
            (
                "slow_clients_total",
                "counter",
                "Connections ended because the client was too slow.",
                connections.slow.value(),
            ),
            ("cached_bytes", "gauge", "Memory that files take.", cached),
            (
                "verified_bytes_total",
                "counter",
                "Content bytes that nodes delivered.",
                client.bytes,
            ),
            (
                "receipted_bytes_total",
                "counter",
                "Of these, under receipts that nodes acknowledged.",
                acked,
            ),
            (
                "node_faults_total",
                "counter",
                "Times another node was taken because of a fault.",
                client.failovers,
            ),
        ] {
            write_metric(
                &mut out,
                &format!("quittance_gateway_{name}"),
                kind,
                help,
                value,
            );
        }
        out
    }
}
