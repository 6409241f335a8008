//! How much CPU time a decision takes with few and with many nodes. Run by `cargo xtask bench routing`.
//!
//! Content is as unevenly wanted as on the web, nodes carry about what their share is, three nodes are asked
//! for, and every decision is acted on; the session opened a thousand decisions before ends.

use protocol::{CollectionId, NodeId, keccak256};
use quittance_routing::{NodeSpec, Question, Standing, Table, Zones};
use serde_json::json;
use std::collections::VecDeque;
use std::fs;
use std::hint::black_box;

const DECISIONS: u32 = 300_000;
const WARM: u32 = 50_000;
const COLLECTIONS: u64 = 100_000;
const SESSIONS_PER_NODE: u32 = 100;

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Of this thread: other programs don't count.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn zones(count: u32) -> Zones {
    let zones: Vec<_> = (0..count)
        .map(|n| format!(r#""z{n}":{{"network":["10.{n}.0.0/16"]}}"#))
        .collect();
    let file = format!(r#"{{"coverageZones":{{{}}}}}"#, zones.join(","));
    Zones::parse(file.as_bytes()).expect("a zone file")
}

/// Microseconds a decision takes.
fn measure(nodes: u32, zone_count: u32) -> f64 {
    let zones = zones(zone_count);
    let mut table = Table::new(&zones, 64);
    let mut state = 1;
    for n in 0..nodes {
        let node = NodeId::from(keccak256(n.to_be_bytes()).0);
        let zone = zones
            .find(&format!("z{}", n % zone_count))
            .expect("named so");
        table.put(NodeSpec {
            node,
            zone,
            weight: 1 + (n % 4) as u16,
            sessions_max: 10_000,
            capabilities: 0,
            standing: Standing::Available,
        });
        let load = SESSIONS_PER_NODE * (1 + n % 4) * (80 + (random(&mut state) % 40) as u32) / 100;
        table.set_load(&node, load);
    }
    let mut open = VecDeque::new();
    let mut began = cpu_seconds();
    for n in 0..WARM + DECISIONS {
        if n == WARM {
            began = cpu_seconds();
        }
        // Log-uniform: the n-th most wanted is asked for in proportion to 1/n.
        let unit = (random(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
        let wanted = (COLLECTIONS as f64).powf(unit) as u64;
        let mut id = [0x5a; 32];
        id[24..].copy_from_slice(&wanted.to_be_bytes());
        let client = random(&mut state);
        let address = [10, (client % u64::from(zone_count)) as u8, 1, 1].into();
        let question = Question {
            collection: CollectionId::from(id),
            placement: zones.place(address, None),
            turn: client,
            count: 3,
            dispersion: 2,
            requires: 0,
            exclude: &[],
            measured: &[],
        };
        let decision = black_box(table.decide(&zones, &question));
        table.note(question.collection, &decision);
        open.push_back(decision.picks[0].node);
        if open.len() > 1000 {
            table.add_load(&open.pop_front().expect("there are some"), -1);
        }
    }
    (cpu_seconds() - began) * 1e6 / f64::from(DECISIONS)
}

fn main() {
    println!(
        "{:<12}{:>8}{:>16}{:>16}",
        "nodes", "zones", "µs a decision", "decisions/s"
    );
    let worst = |nodes| {
        let mut most: f64 = 0.0;
        for zone_count in [1, 100] {
            let taken = measure(nodes, zone_count);
            println!(
                "{nodes:<12}{zone_count:>8}{taken:>16.2}{:>16.0}",
                1e6 / taken
            );
            most = most.max(taken);
        }
        most
    };
    let report = json!({ "decision_us_10k": worst(10_000), "decision_us_100k": worst(100_000) });
    fs::create_dir_all("target/bench").expect("a folder");
    fs::write("target/bench/routing.json", format!("{report:#}\n")).expect("a report");
}
