//! Counters, as Prometheus reads them. Names end in a unit or `_total`.

use listener::{Connections, write_metric};

listener::counters! {
    routes: "quittance_control_routes_total", "Route requests answered with tickets.";
    routes_refused: "quittance_control_routes_refused_total", "Route requests refused.";
    tickets: "quittance_control_tickets_total", "Tickets issued.";
    publications: "quittance_control_publications_total", "Collections published.";
    uploaded: "quittance_control_uploaded_bytes_total", "Content bytes uploaded by publishers.";
    joins: "quittance_control_joins_total", "Nodes that joined.";
    joins_refused: "quittance_control_joins_refused_total", "Streams of peers that aren't registered.";
    fills: "quittance_control_fills_total", "Bodies sent whole to nodes that fill their cache.";
    filled: "quittance_control_filled_bytes_total", "Content bytes of these.";
    origin_filled: "quittance_control_origin_filled_bytes_total", "Content bytes of these that came from origins.";
    origin_failures: "quittance_control_origin_failures_total", "Fills that an origin failed: changed, away, or no ranges.";
    orders_dropped: "quittance_control_orders_dropped_total", "Fill orders that a node's queue had no room for.";
    maps: "quittance_control_maps_total", "Times that a changed zone file or location database was taken up.";
    maps_refused: "quittance_control_maps_refused_total", "Times that one could not be used, and the one before stayed.";
    dns_queries: "quittance_control_dns_queries_total", "DNS packets that came.";
    dns_held_back: "quittance_control_dns_held_back_total", "DNS queries of networks that ask too much, not answered in full.";
    commits: "quittance_control_commits_total", "Ticket logs committed to the chain.";
    commit_failures: "quittance_control_commit_failures_total", "Rounds of committing that failed and are tried again.";
    commits_missed: "quittance_control_commits_missed_total", "Epochs whose commit window passed without our log.";
}

impl Metrics {
    /// Prometheus text format 0.0.4, with what goes up and down and what listeners count.
    pub(crate) fn text(
        &self,
        healthy_nodes: u64,
        collections: u64,
        connections: &Connections,
    ) -> String {
        let mut out = String::new();
        self.write_counters(&mut out);
        for (name, kind, help, value) in [
            (
                "healthy_nodes",
                "gauge",
                "Nodes that get traffic.",
                healthy_nodes,
            ),
            (
                "named_collections",
                "gauge",
                "Collections, latest versions only.",
                collections,
            ),
            (
                "connections",
                "gauge",
                "Open HTTP connections.",
                connections.open(),
            ),
            (
                "slow_clients_total",
                "counter",
                "HTTP connections ended because the client was too slow.",
                connections.slow.value(),
            ),
        ] {
            let name = format!("quittance_control_{name}");
            write_metric(&mut out, &name, kind, help, value);
        }
        out
    }
}
