//! Counters, as Prometheus reads them. Names end in a unit or `_total`.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident: $name:literal, $help:literal;)*) => {
        /// What happened since the start.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[$doc])* pub(crate) $field: Counter,)*
        }

        impl Metrics {
            fn write_counters(&self, out: &mut String) {
                $(write_one(out, $name, "counter", $help, self.$field.value());)*
            }
        }
    };
}

counters! {
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

/// Only ever goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn write_one(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    // Writing to a string can't fail.
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
    );
}

impl Metrics {
    /// Prometheus text format 0.0.4, with the two things that go up and down.
    pub(crate) fn text(&self, healthy_nodes: u64, collections: u64) -> String {
        let mut out = String::new();
        self.write_counters(&mut out);
        let name = "quittance_control_healthy_nodes";
        write_one(
            &mut out,
            name,
            "gauge",
            "Nodes that get traffic.",
            healthy_nodes,
        );
        let name = "quittance_control_named_collections";
        write_one(
            &mut out,
            name,
            "gauge",
            "Collections, latest versions only.",
            collections,
        );
        out
    }
}
